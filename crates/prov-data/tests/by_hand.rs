//! The built-in tables `assignments` and `exceptions`.

use prov_data::{read_csv, read_exceptions};
use prov_model::TimePoint;

fn read(text: &str) -> prov_data::ByHandRows<prov_model::Exception> {
    let raw = read_csv("exceptions.csv", text.as_bytes()).expect("a table");
    read_exceptions(&raw.table)
}

#[test]
fn a_row_that_lacks_something_is_rejected_with_its_place() {
    let (rows, rejections, errors) = read(
        "identity,effect,what,until,reason,ticket\n\
         1,deny,crm.role(pay),2026-04-01,case 17,T-1\n\
         2,permit,lead,2026-04-01,case 18,\n\
         3,deny,lead,,case 19,\n\
         4,deny,lead,soon,case 20,\n\
         5,deny,lead,2026-04-01, ,\n\
         ,deny,lead,2026-04-01,case 21,\n\
         7,allow,SOX-7,2026-04-01T12:00:00Z,case 22,\n",
    );
    assert!(errors.is_empty());
    let kept: Vec<_> = rows.iter().map(|e| (e.identity.as_str(), e.name(), e.terms())).collect();
    assert_eq!(
        kept,
        [
            ("1", "deny crm.role(pay)".to_owned(), "until 2026-04-01: case 17 (T-1)".to_owned()),
            ("7", "allow SOX-7".to_owned(), "until 2026-04-01T12:00:00Z: case 22".to_owned()),
        ]
    );
    assert!(matches!(rows[0].until, TimePoint::Day(_)) && matches!(rows[1].until, TimePoint::Instant(_)));
    let told: Vec<_> = rejections
        .iter()
        .map(|r| {
            format!(
                "{}:{}:{} {:?}: {}",
                r.file,
                r.line,
                r.column.as_deref().unwrap_or("-"),
                r.identity,
                r.message
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "exceptions.csv:3:effect Some(\"2\"): `permit` is neither `allow` nor `deny`",
            "exceptions.csv:4:until Some(\"3\"): an exception ends: say until when",
            "exceptions.csv:5:until Some(\"4\"): `soon` is no day and no instant",
            "exceptions.csv:6:reason Some(\"5\"): the row has no `reason`",
            "exceptions.csv:7:identity None: the row has no `identity`",
        ]
    );
}

#[test]
fn a_file_without_a_column_is_no_table() {
    let (rows, _, errors) = read("identity,effect,what,reason\n1,deny,lead,case 17\n");
    assert!(rows.is_empty());
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("until"), "{}", errors[0].message);
}
