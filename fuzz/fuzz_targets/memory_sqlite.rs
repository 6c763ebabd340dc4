//! A SQLite file of any bytes: never a panic, and what is read is written and read again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("prov-fuzz-{}-{name}.sqlite", std::process::id()))
}

fuzz_target!(|data: &[u8]| {
    let (from, to) = (file("from"), file("to"));
    std::fs::write(&from, data).expect("written");
    if let Ok(memory) = prov_store::read(&from) {
        let _ = std::fs::remove_file(&to);
        prov_store::write(&to, &memory).expect("written");
        assert_eq!(prov_store::read(&to).ok(), Some(memory));
    }
});
