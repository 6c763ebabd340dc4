//! CSV: never a panic, rows in order of line, none lost unnoticed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(raw) = prov_data::read_csv("a.csv", bytes) else { return };
    let mut last = 0;
    for row in raw.table.rows() {
        assert!(row.line() > last, "lines grow");
        last = row.line();
        for column in 0..raw.table.columns.len() {
            let _ = row.cell(column);
        }
    }
    assert!(raw.rejections.windows(2).all(|w| w[0].line < w[1].line), "one rejection a row, in order");
    assert_eq!(raw.truncated, !raw.notices.is_empty());
    // A row is a line at least; blank lines are none.
    let lines = bytes.split(|b| *b == b'\n' || *b == b'\r').filter(|l| !l.trim_ascii().is_empty()).count();
    assert!((raw.rows() as usize) < lines.max(1));
    let (_, _) = prov_data::read_catalog(&raw.table);
    let _ = raw.whole();
});
