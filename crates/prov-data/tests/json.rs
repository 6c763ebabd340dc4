//! JSON Lines and arrays of objects: one test a kind of bad data, with the message a user sees.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{errors, rejected, rows};
use prov_data::{CELL_LIMIT, Raw, read_json};

fn read(bytes: impl AsRef<[u8]>) -> Raw {
    read_json("people.jsonl", bytes.as_ref()).unwrap()
}

fn refused(bytes: impl AsRef<[u8]>) -> Vec<String> {
    errors(&read_json("people.jsonl", bytes.as_ref()).unwrap_err())
}

#[test]
fn scalars_are_text_as_written_and_columns_come_in_order_of_sight() {
    let raw = read(
        "{\"id\":\"1\",\"n\":1.50,\"on\":true}\n\n{\"at\":\"x\\ny\",\"id\":2,\"n\":null,\"on\":\"\"}\r\n",
    );
    assert_eq!(raw.table.columns, ["id", "n", "on", "at"]);
    assert_eq!(rows(&raw.table), ["1: 1|1.50|true|-", "3: 2|-|-|x\ny"]);
}

#[test]
fn arrays_and_objects_stay_json() {
    let raw = read(r#"{"id":"1","tags":["a", "b"],"job":{"title":"x"}}"#);
    assert_eq!(rows(&raw.table), [r#"1: 1|#["a", "b"]|#{"title":"x"}"#]);
}

#[test]
fn an_array_of_objects_is_read_like_lines() {
    let raw = read("[\n  {\"id\": \"1\"},\n  {\"id\":\n \"2\"}\n]\n");
    assert_eq!(rows(&raw.table), ["2: 1", "3: 2"]);
    assert_eq!(read("[]").rows(), 0);
}

#[test]
fn a_bad_line_is_rejected_with_its_place_and_the_rest_is_read() {
    let raw = read("{\"id\":\"1\"}\n{\"id\":\"é\" \"n\":2}\n7\n{\"id\":\"3\"}}\n{\"id\":\"4\"}\n");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0608 people.jsonl:2: character 11: this is not JSON: expected `,` or `}`",
            "P0608 people.jsonl:3: `7` is not an object; it must be `{…}`",
            "P0608 people.jsonl:4: character 11: this is not JSON: trailing characters",
        ]
    );
    assert_eq!(rows(&raw.table), ["1: 1", "5: 4"]);
}

#[test]
fn a_bad_element_is_rejected_with_its_place_and_the_rest_is_read() {
    let raw = read("[{\"id\":\"1\"},\n {\"id\": tru}, {\"id\":\"3\"},\n 4]");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0608 people.jsonl:2: character 12: this is not JSON: expected ident",
            "P0608 people.jsonl:3: `4` is not an object; it must be `{…}`",
        ]
    );
    assert_eq!(rows(&raw.table), ["1: 1", "2: 3"]);
}

#[test]
fn a_broken_array_is_an_error() {
    for (text, message) in [
        ("[{} {}]", "P0608 error people.jsonl:1: character 5: a `,` or `]` must stand here"),
        ("[{},]", "P0608 error people.jsonl:1: character 5: an element is missing here"),
        ("[{}]\n[{}]", "P0608 error people.jsonl:2: character 1: text stands behind the end of the array"),
    ] {
        assert_eq!(refused(text), [message]);
    }
}

#[test]
fn a_key_that_stands_twice_is_rejected() {
    let raw = read("{\"id\":\"1\",\"id\":\"2\"}\n{\"id\":\"3\",\"job\":{\"a\":1,\"a\":2}}\n");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0608 people.jsonl:1, column `id`: the key `id` stands twice in one object",
            "P0608 people.jsonl:2, column `job`: the key `a` stands twice in one object",
        ]
    );
    assert!(raw.table.columns.is_empty(), "nothing of a rejected object stays");
}

#[test]
fn nesting_has_a_limit() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(read(deep(32)).rejections.is_empty());
    for n in [33, 100_000] {
        assert_eq!(
            rejected(&read(deep(n)).rejections),
            ["P0608 people.jsonl:1, column `a`: arrays and objects are nested more than 32 deep"]
        );
    }
}

#[test]
fn keys_and_cells_have_limits() {
    let raw = read(format!("{{\"a\":\"{}\"}}\n{{\"a\":1}}\n", "x".repeat(CELL_LIMIT)));
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0612 people.jsonl:1, column `a`: the cell has 1048578 bytes, over the limit of 1 MiB: is a closing quote missing \
          before it?"
        ]
    );
    let keys: Vec<String> = (0..2001).map(|i| format!("\"k{i}\":1")).collect();
    let raw = read(format!("{{{}}}\n", keys.join(",")));
    assert_eq!(
        rejected(&raw.rejections),
        ["P0608 people.jsonl:1: `k2000` is one key too many: objects have over 2000 different keys"]
    );
}

#[test]
fn text_that_is_none_is_rejected() {
    let raw = read(b"{\"id\":\"\xE9\"}\n{\"id\":\"\\u0000\"}\n{\"id\":\"\\ud800\"}\n");
    assert_eq!(
        rejected(&raw.rejections),
        [
            "P0609 people.jsonl:1: character 8: the byte 0xE9 is not UTF-8; in Windows-1252 it would be `é`: export the \
             file as UTF-8",
            "P0608 people.jsonl:2, column `id`: a NUL character is no text",
            "P0608 people.jsonl:3, column `id`: `\"\\ud800\"` is not a JSON string",
        ]
    );
}

#[test]
fn a_file_that_ends_early_is_cut_off() {
    for (text, message) in [
        (
            "{\"id\":1}\n{\"id\":\"2",
            "P0611 people.jsonl:2: the last line ends within an object, and no line break ends it",
        ),
        (
            "[{\"id\":1},\n{\"id\"",
            "P0611 people.jsonl:2: the file ends within an element of the array: it is cut off, or a bracket is missing",
        ),
        ("[{\"id\":1}", "P0611 people.jsonl:1: the file ends before the `]` of the array"),
        (
            "{\"id\":1}\n{\"id\":\"\u{e9}",
            "P0611 people.jsonl:2: the last line ends within an object, and no line break ends it",
        ),
    ] {
        let raw = read(text);
        assert_eq!(rejected(&raw.rejections), [message]);
        assert!(raw.truncated && raw.notices.len() == 1 && raw.table.len() == 1, "{text}");
    }
    assert!(read(b"{\"id\":\"\xC3").truncated);
}

#[test]
fn an_empty_file_is_no_list() {
    assert_eq!(
        refused("\n "),
        [
            "P0610 error people.jsonl: `people.jsonl` is empty: there must be a JSON object on each line, or an array of them \
          (help: a list of no one is written `[]`)"
        ]
    );
}

#[test]
fn one_object_over_several_lines_is_told() {
    assert_eq!(
        refused("{\n  \"value\": [\n    {\"id\": 1}\n  ]\n}\n"),
        [
            "P0608 error people.jsonl:1: `people.jsonl` is one JSON value over several lines, not an object a line (help: \
          write an array of objects, or each object on a line of its own)"
        ]
    );
}

#[test]
fn a_line_that_ends_early_amid_the_file_is_only_rejected() {
    let raw = read("{\"id\":\n{\"id\":2}\n");
    assert_eq!(
        rejected(&raw.rejections),
        ["P0608 people.jsonl:1: character 6: this is not JSON: the line ends while parsing a value"]
    );
    assert!(!raw.truncated);
}
