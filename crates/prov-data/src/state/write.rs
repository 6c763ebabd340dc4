//! Tables into a packed state. Invariant: whatever order the rows have, the state of the same rows is the same but for
//! lines.

use super::blob::Writer;
use super::{ENTRY, LINES, MAGIC, SECTIONS, Section, VERSION, checksum};
use prov_model::{RawCell, RawTable};
use rustc_hash::FxHashMap;
use std::io::{self, Write};

/// A state, packed and ready to be written.
pub struct PackedState {
    sections: Vec<Vec<u8>>,
    /// How many identities hold something.
    pub identities: usize,
    /// How many entitlements they hold.
    pub entitlements: usize,
    /// How many accounts there are.
    pub accounts: usize,
}

/// An entitlement as a row has it: the texts of app, kind and value.
type Named<'a> = [&'a str; 3];

/// Packs the tables `accounts` and `entitlements`, as the files bring them.
pub fn pack_state(accounts: &RawTable, entitlements: &RawTable) -> PackedState {
    let place = |name: &str| entitlements.column(name);
    let columns = [place("app"), place("kind"), place("value"), place("identity")];
    let mut odd = RawTable::new(entitlements.file.clone(), entitlements.columns.clone());
    // Of each combination of cells its number; of each the texts and first lines.
    let mut numbers: FxHashMap<[u32; 3], u32> = FxHashMap::default();
    let mut of_text: FxHashMap<Named<'_>, u32> = FxHashMap::default();
    let mut named: Vec<(Named<'_>, [u64; LINES])> = Vec::new();
    let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(entitlements.len());
    for (at, row) in entitlements.rows().enumerate() {
        let texts = columns.map(|c| match c.map_or(RawCell::Absent, |c| row.cell(c)) {
            RawCell::Text(text) => Some(text),
            RawCell::Absent | RawCell::Json(_) => None,
        });
        let ([Some(app), Some(kind), Some(value), Some(_)], [Some(a), Some(k), Some(v), Some(i)]) =
            (texts, columns)
        else {
            odd.push(row.line(), (0..entitlements.columns.len()).map(|c| row.cell(c)));
            continue;
        };
        let code = |column: usize| entitlements.cells(column).codes()[at];
        let number = *numbers.entry([code(a), code(k), code(v)]).or_insert_with(|| {
            *of_text.entry([app, kind, value]).or_insert_with(|| {
                named.push(([app, kind, value], [0; LINES]));
                named.len() as u32 - 1
            })
        });
        if let Some(free) = named[number as usize].1.iter_mut().find(|line| **line == 0) {
            *free = row.line();
        }
        pairs.push((code(i), number));
    }
    let mut order: Vec<u32> = (0..named.len() as u32).collect();
    order.sort_unstable_by_key(|n| named[*n as usize].0);
    let mut ranks = vec![0; named.len()];
    for (rank, number) in order.iter().enumerate() {
        ranks[*number as usize] = rank as u32;
    }
    let mut values =
        RawTable::new(entitlements.file.clone(), ["app", "kind", "value"].map(str::to_owned).to_vec());
    let mut lines = Writer::default();
    for (rank, number) in order.iter().enumerate() {
        let (texts, first) = &named[*number as usize];
        values.push(rank as u64 + 1, texts.iter().map(|text| RawCell::Text(text)));
        first.iter().for_each(|line| lines.number(*line));
    }
    let (owners, of_code) = owners(entitlements, columns[3]);
    let mut pairs: Vec<(u32, u32)> =
        pairs.into_iter().map(|(code, number)| (of_code[code as usize], ranks[number as usize])).collect();
    pairs.sort_unstable();
    let (mut ids, mut id_ends, mut list_ends) = (Vec::new(), Vec::new(), Vec::new());
    let mut held = 0;
    for (at, (owner, _)) in pairs.iter().enumerate() {
        if at + 1 == pairs.len() || pairs[at + 1].0 != *owner {
            ids.extend_from_slice(owners[*owner as usize].as_bytes());
            id_ends.push(ids.len() as u64);
            list_ends.push(at as u64 + 1);
            held += 1;
        }
    }
    let ends = |ends: Vec<u64>| {
        let mut out = Writer::default();
        let limit = ends.last().map_or(1, |last| last + 1);
        out.numbers(ends.into_iter(), limit);
        out.0
    };
    let section = |section: Section| match section {
        Section::Files => {
            let mut out = Writer::default();
            out.text(&accounts.file);
            out.text(&entitlements.file);
            out.number(entitlements.columns.len() as u64);
            entitlements.columns.iter().for_each(|name| out.text(name));
            out.0
        }
        Section::Ids => ids.clone(),
        Section::IdEnds => ends(id_ends.clone()),
        Section::ListEnds => ends(list_ends.clone()),
        Section::Items => {
            let mut out = Writer::default();
            out.numbers(pairs.iter().map(|(_, item)| u64::from(*item)), values.len() as u64);
            out.0
        }
        Section::Values => table(&values),
        Section::Lines => lines.0.clone(),
        Section::Accounts => table(accounts),
        Section::Odd => table(&odd),
    };
    PackedState {
        sections: SECTIONS.map(section).into(),
        identities: held,
        entitlements: pairs.len(),
        accounts: accounts.len(),
    }
}

fn table(table: &RawTable) -> Vec<u8> {
    let mut out = Writer::default();
    out.table(table);
    out.0
}

/// The texts of a column in order, each once, and which of them each code is.
fn owners(table: &RawTable, column: Option<usize>) -> (Vec<&str>, Vec<u32>) {
    let Some(column) = column.map(|c| table.cells(c)) else { return (Vec::new(), Vec::new()) };
    let text = |code: u32| match column.spelled(code) {
        RawCell::Absent => "",
        RawCell::Text(text) | RawCell::Json(text) => text,
    };
    let mut codes: Vec<u32> = (0..column.spellings() as u32).collect();
    codes.sort_unstable_by_key(|code| text(*code));
    let (mut owners, mut of_code) = (Vec::<&str>::new(), vec![0; column.spellings()]);
    for code in codes {
        if owners.last().is_none_or(|last| *last != text(code)) {
            owners.push(text(code));
        }
        of_code[code as usize] = owners.len() as u32 - 1;
    }
    (owners, of_code)
}

impl PackedState {
    /// Writes the file.
    ///
    /// # Errors
    /// As the writer gives them.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut head = Vec::new();
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        let mut at = head.len() + self.sections.len() * ENTRY + 8;
        for (number, section) in (1u32..).zip(&self.sections) {
            at = at.next_multiple_of(8);
            head.extend_from_slice(&number.to_le_bytes());
            head.extend_from_slice(&0u32.to_le_bytes());
            for n in [at as u64, section.len() as u64, checksum(section)] {
                head.extend_from_slice(&n.to_le_bytes());
            }
            at += section.len();
        }
        let sum = checksum(&head);
        head.extend_from_slice(&sum.to_le_bytes());
        out.write_all(&head)?;
        let mut at = head.len();
        for section in &self.sections {
            out.write_all(&[0; 8][..at.next_multiple_of(8) - at])?;
            out.write_all(section)?;
            at = at.next_multiple_of(8) + section.len();
        }
        Ok(())
    }
}
