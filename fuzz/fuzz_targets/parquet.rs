//! Parquet: read or refused, and every row that was read has its cells.
//!
//! Panics of the library below are caught where the reader is used; here they end the run, so that they are known.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov_data::read_table;

fuzz_target!(|data: &[u8]| {
    if let Ok(raw) = read_table("a.parquet", data) {
        for row in raw.table.rows() {
            assert!(row.line() >= 1);
            (0..raw.table.columns.len()).for_each(|c| drop(format!("{:?}", row.cell(c))));
        }
    }
});
