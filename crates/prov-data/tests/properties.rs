//! What holds of every input: no panic, nothing lost, the same as the csv crate where both read.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::rows;
use proptest::prelude::*;
use prov_data::{read_csv, read_json};

/// Text dense in what the format gives a meaning.
fn csv_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b",".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"a".to_vec()),
        Just(b" ".to_vec()),
        Just(b"\xE9".to_vec()),
        Just("é".as_bytes().to_vec()),
        Just(b"\0".to_vec()),
    ];
    prop::collection::vec(token, 0..60).prop_map(|t| t.concat())
}

fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "1",
        "null",
        "\n",
        "\"",
        "\\",
        "{\"a\":1}",
        "é",
        " ",
    ]);
    prop::collection::vec(token, 0..60).prop_map(|t| t.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_csv_panics_and_rows_come_in_order(bytes in csv_like()) {
        if let Ok(raw) = read_csv("a.csv", &bytes) {
            let lines: Vec<u64> = raw.table.rows().map(|r| r.line()).collect();
            prop_assert!(lines.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(raw.rejections.windows(2).all(|w| w[0].line < w[1].line));
            prop_assert_eq!(raw.truncated, !raw.notices.is_empty());
        }
    }

    #[test]
    fn no_json_panics(bytes in json_like()) {
        if let Ok(raw) = read_json("a.jsonl", &bytes) {
            prop_assert_eq!(raw.truncated, !raw.notices.is_empty());
            let _ = rows(&raw.table);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_csv("a.csv", &bytes);
        let _ = read_json("a.jsonl", &bytes);
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back(
        cells in prop::collection::vec(prop::array::uniform3("[ -~éß\n\r\",]{0,12}"), 0..20),
    ) {
        let mut writer = csv::Writer::from_writer(vec![]);
        writer.write_record(["a", "b", "c"]).unwrap();
        for row in &cells {
            writer.write_record(row).unwrap();
        }
        let raw = read_csv("a.csv", &writer.into_inner().unwrap()).unwrap();
        prop_assert!(raw.rejections.is_empty());
        let text = |s: &String| if s.trim().is_empty() { "-".to_owned() } else { s.clone() };
        let want: Vec<String> =
            cells.iter().map(|r| r.iter().map(text).collect::<Vec<_>>().join("|")).collect();
        let have: Vec<String> =
            rows(&raw.table).iter().map(|r| r.split_once(": ").unwrap().1.to_owned()).collect();
        prop_assert_eq!(have, want);
    }

    #[test]
    fn rows_that_are_accepted_are_what_the_csv_crate_reads(bytes in csv_like()) {
        let Ok(raw) = read_csv("a.csv", &bytes) else { return Ok(()) };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
        let theirs: Vec<Vec<u8>> =
            reader.byte_records().map(|r| r.unwrap().iter().collect::<Vec<_>>().join(&b'|')).collect();
        let trimmed = |cells: &[u8]| {
            let cells = cells.split(|b| *b == b'|').map(|c| if c.trim_ascii().is_empty() { b"-" } else { c.trim_ascii() });
            cells.collect::<Vec<_>>().join(&b'|')
        };
        let theirs: Vec<Vec<u8>> = theirs.iter().map(|r| trimmed(r)).collect();
        for row in rows(&raw.table) {
            let ours = trimmed(row.split_once(": ").unwrap().1.as_bytes());
            prop_assert!(theirs.contains(&ours), "{:?} is not in {:?}", ours, theirs);
        }
    }

    #[test]
    fn json_that_serde_writes_is_read_back(
        objects in prop::collection::vec(prop::collection::btree_map("[a-d]", "[ -~é\n\"\\\\]{1,8}", 1..4), 0..8),
    ) {
        let lines: String = objects.iter().map(|o| serde_json::to_string(o).unwrap() + "\n").collect();
        let array = serde_json::to_string_pretty(&objects).unwrap();
        let array = read_json("a.json", array.as_bytes()).unwrap();
        prop_assert!(array.rejections.is_empty());
        if objects.is_empty() {
            return Ok(());
        }
        let lines = read_json("a.jsonl", lines.as_bytes()).unwrap();
        let cells = |raw: &prov_data::Raw| {
            rows(&raw.table).iter().map(|r| r.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        prop_assert_eq!(cells(&lines), cells(&array));
        prop_assert_eq!(lines.table.columns, array.table.columns);
    }
}
