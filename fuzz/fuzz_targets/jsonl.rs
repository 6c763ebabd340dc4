//! JSON: never a panic, rows in order of line, every cell as long as its columns say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov_model::RawCell;

fuzz_target!(|bytes: &[u8]| {
    let Ok(raw) = prov_data::read_json("a.jsonl", bytes) else { return };
    let mut last = 0;
    for row in raw.table.rows() {
        assert!(row.line() >= last, "lines don't shrink");
        last = row.line();
        for column in 0..raw.table.columns.len() {
            if let RawCell::Json(json) = row.cell(column) {
                assert!(json.starts_with(['[', '{']));
            }
        }
    }
    assert!(raw.rejections.windows(2).all(|w| w[0].line <= w[1].line));
    assert_eq!(raw.truncated, !raw.notices.is_empty());
    let _ = raw.whole();
});
