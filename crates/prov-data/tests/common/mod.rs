//! What the tests of the readers share: findings and tables as text.
#![allow(dead_code, reason = "each test file uses a part of it")]

use prov_diag::Diagnostic;
use prov_model::{RawCell, RawTable, Rejection};

/// Diagnostics, one line each: code, severity, place, message, help.
pub fn errors(found: &[Diagnostic]) -> Vec<String> {
    found
        .iter()
        .map(|d| {
            let place = d.place.as_ref().map_or(String::new(), |p| {
                let line = p.line.map_or(String::new(), |l| format!(":{l}"));
                let column = p.column.as_ref().map_or(String::new(), |c| format!(", column `{c}`"));
                format!("{}{line}{column}", p.file)
            });
            let help = d.help.as_ref().map_or(String::new(), |h| format!(" (help: {h})"));
            format!("{} {} {place}: {}{help}", d.code.id, d.severity.name(), d.message)
        })
        .collect()
}

/// Rejections, one line each.
pub fn rejected(found: &[Rejection]) -> Vec<String> {
    found
        .iter()
        .map(|r| {
            let column = r.column.as_ref().map_or(String::new(), |c| format!(", column `{c}`"));
            let identity = r.identity.as_ref().map_or(String::new(), |i| format!(" [{i}]"));
            format!("{} {}:{}{column}{identity}: {}", r.code, r.file, r.line, r.message)
        })
        .collect()
}

/// Rows as `line: cell|cell`, nothing as `-`, JSON behind `#`.
pub fn rows(table: &RawTable) -> Vec<String> {
    table
        .rows()
        .map(|row| {
            let cells: Vec<String> = (0..table.columns.len())
                .map(|c| match row.cell(c) {
                    RawCell::Absent => "-".into(),
                    RawCell::Text(s) => s.into(),
                    RawCell::Json(s) => format!("#{s}"),
                })
                .collect();
            format!("{}: {}", row.line(), cells.join("|"))
        })
        .collect()
}
