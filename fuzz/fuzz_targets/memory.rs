//! Memory: never a panic; what is read as JSON comes back from JSON, and from rows of tables, as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov_model::Memory;
use prov_store::{Cell, Table, fill, rows};

fn owned(cell: &Cell<'_>) -> Cell<'static> {
    match cell {
        Cell::Null => Cell::Null,
        Cell::Integer(n) => Cell::Integer(*n),
        Cell::Text(text) => Cell::Text(text.clone().into_owned().into()),
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(memory) = Memory::from_json(text) else { return };
    assert_eq!(Memory::from_json(&memory.to_json()).as_ref(), Ok(&memory));
    let mut all: Vec<(&'static Table, Vec<Cell<'static>>)> = Vec::new();
    let noted = rows(&memory, |table, cells| -> Result<(), String> {
        all.push((table, cells.iter().map(owned).collect()));
        Ok(())
    });
    assert_eq!(noted, Ok(()));
    let mut again = Memory::default();
    for (table, cells) in all {
        fill(&mut again, table, cells).expect("what was written is read");
    }
    assert_eq!(again, memory);
});
