//! The plan as CSV: one row an action. Invariant: cells are quoted as RFC 4180 says and else stand as they are; a cell
//! that a spreadsheet could take for a formula is quoted too.

use crate::json::Changes;
use crate::plan::severity_name;
use crate::{ActionView, Plan};
use std::io::{self, Write};

/// The columns.
const COLUMNS: [&str; 13] = [
    "id", "action", "identity", "app", "account", "kind", "value", "changes", "after", "lane", "because",
    "risk", "report",
];

/// Writes the actions of a plan: changes as JSON, several ids or rules split by `;`.
pub fn write(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    row(out, &COLUMNS)?;
    plan.actions().try_for_each(|action| line(out, action))
}

fn line(out: &mut impl Write, action: ActionView<'_>) -> io::Result<()> {
    let id = action.id().to_string();
    let (kind, value) = action.entitlement().unwrap_or_default();
    let changes = if action.changes().is_empty() {
        String::new()
    } else {
        serde_json::to_string(&Changes(action.changes()))?
    };
    let after: Vec<String> = action.after().map(|a| a.id().to_string()).collect();
    let because: Vec<String> =
        action.because().iter().map(|b| format!("{} {}:{}", b.rule, b.file, b.line)).collect();
    row(
        out,
        &[
            &id,
            action.kind().name(),
            action.identity(),
            action.app(),
            action.account().unwrap_or(""),
            kind,
            value,
            &changes,
            &after.join(";"),
            if action.is_leaver() { "leaver" } else { "" },
            &because.join("; "),
            action.risk().map_or("", severity_name),
            if action.is_report() { "true" } else { "" },
        ],
    )
}

fn row(out: &mut impl Write, cells: &[&str]) -> io::Result<()> {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        let special = |b: u8| matches!(b, b'"' | b',' | b'\n' | b'\r');
        let blank = |c: char| c.is_whitespace();
        if cell.bytes().any(special)
            || cell.starts_with(['=', '+', '-', '@'])
            || cell.starts_with(blank)
            || cell.ends_with(blank)
        {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}
