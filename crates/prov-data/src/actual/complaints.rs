//! What is wrong with the rows of the actual state.
//! Invariant: a name that the policy does not know is told once, however many rows have it; a row that can't be read is a
//! rejection with its identity, so that who is concerned can be left alone.

use super::names::Names;
use prov_diag::{Diagnostic, codes, did_you_mean};
use prov_model::{AppId, RawRow, RawTable, Rejection, shorten};
use std::collections::BTreeMap;

/// A name that the policy does not know: of which file, in which column, which name.
type Unknown = (String, &'static str, String);

/// How a name that is not known is told.
struct Told {
    why: String,
    near: Option<String>,
    rows: u64,
    /// The first few.
    lines: Vec<u64>,
}

/// Rows that say the same: how many, and the first of their lines.
#[derive(Clone, Copy)]
pub(super) struct Seen<'l> {
    pub rows: u64,
    pub lines: &'l [u64],
}

impl Told {
    /// Adds lines, of which the first few of all are kept.
    fn add(&mut self, lines: &[u64]) {
        if self.lines.len() < LINES || lines.first() < self.lines.last() {
            self.lines.extend(lines);
            self.lines.sort_unstable();
            self.lines.truncate(LINES);
        }
    }
}

/// How many lines are named.
const LINES: usize = 3;

/// What was found in some rows.
#[derive(Default)]
pub(super) struct Complaints {
    unknown: BTreeMap<Unknown, Told>,
    pub rejections: Vec<Rejection>,
}

impl Complaints {
    /// Adds what was found in rows behind these.
    pub fn append(&mut self, behind: Complaints) {
        self.rejections.extend(behind.rejections);
        for (name, told) in behind.unknown {
            match self.unknown.entry(name) {
                std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(told)),
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    let first = entry.get_mut();
                    first.rows += told.rows;
                    first.add(&told.lines);
                }
            }
        }
    }

    /// The app of a name.
    pub fn app(&mut self, names: &Names<'_>, raw: &RawTable, name: &str, seen: Seen<'_>) -> Option<AppId> {
        let apps = &names.schema.apps;
        if let Some(i) = apps.iter().position(|a| a.name == name) {
            return Some(AppId(i as u32));
        }
        self.count(raw, "app", name, seen, || {
            let near = did_you_mean(name, apps.iter().map(|a| a.name.as_str()));
            (format!("the policy has no app `{}`", shorten(name)), near.map(str::to_owned))
        });
        None
    }

    /// Counts rows whose name is not known.
    pub fn count(
        &mut self,
        raw: &RawTable,
        column: &'static str,
        name: &str,
        seen: Seen<'_>,
        why: impl FnOnce() -> (String, Option<String>),
    ) {
        let told = self.unknown.entry((raw.file.clone(), column, name.to_owned())).or_insert_with(|| {
            let (why, near) = why();
            Told { why, near, rows: 0, lines: vec![] }
        });
        told.rows += seen.rows;
        told.add(seen.lines);
    }

    /// Rejects a row.
    pub fn reject(
        &mut self,
        raw: &RawTable,
        row: RawRow<'_>,
        column: Option<usize>,
        identity: Option<String>,
        code: &'static str,
        message: String,
    ) {
        self.rejections.push(Rejection {
            file: raw.file.clone(),
            line: row.line(),
            column: column.and_then(|c| raw.columns.get(c).cloned()),
            source: String::new(),
            identity,
            message,
            code,
        });
    }

    /// The names that the policy does not know.
    pub fn tell_unknown(&self, diagnostics: &mut Vec<Diagnostic>) {
        const SHOWN: usize = 50;
        let more = self.unknown.len().saturating_sub(SHOWN);
        let rows: u64 = self.unknown.values().skip(SHOWN).map(|told| told.rows).sum();
        for ((file, column, _), told) in self.unknown.iter().take(SHOWN) {
            let lines: Vec<_> = told.lines.iter().map(u64::to_string).collect();
            let rows = match told.rows {
                1 => format!("1 row is left out, line {}", lines.join(", ")),
                n if n as usize == lines.len() => {
                    format!("{n} rows are left out, lines {}", lines.join(", "))
                }
                n => format!("{n} rows are left out, lines {}, …", lines.join(", ")),
            };
            let help = told.near.as_ref().map(|n| format!("did you mean `{n}`?"));
            diagnostics.push(
                Diagnostic::new(&codes::UNKNOWN_APP_OR_KIND, format!("{}: {rows}", told.why))
                    .in_data(file, told.lines.first().copied(), Some((*column).to_owned()))
                    .maybe_help(help),
            );
        }
        if more > 0 {
            let message =
                format!("{more} more names are not in the policy; {rows} rows are left out for them");
            diagnostics.push(Diagnostic::new(&codes::UNKNOWN_APP_OR_KIND, message));
        }
    }
}
