//! The built-in tables `assignments` and `exceptions`: what people decided by hand.
//!
//! Invariant: a row that can't be read is a rejection with its identity, so that who is concerned can be left alone; a
//! file that lacks a column is refused whole.

use crate::lookup::missing_column;
use prov_diag::{Code, Diagnostic, codes};
use prov_model::{
    Assignment, Date, Exception, Instant, PerhapsAllowed, RawCell, RawRow, RawTable, Rejection, TimePoint,
    nfc, shorten, split_values,
};
use std::sync::Arc;

/// Rows with those that could not be read, and what is wrong with the file as a whole.
pub type ByHandRows<T> = (Vec<T>, Vec<Rejection>, Vec<Diagnostic>);

/// Reads `assignments`: `identity,role`, and where they are there `from,until,granted_by,ticket,args`. Several arguments
/// are joined by `|`. Times are days or instants.
pub fn read_assignments(raw: &RawTable) -> ByHandRows<Assignment> {
    rows(raw, "assignments", &["identity", "role"], |r| {
        Ok(Assignment {
            identity: r.needed("identity")?,
            role: r.needed("role")?,
            args: r.text("args")?.map(|a| split_values(&a)).unwrap_or_default(),
            from: r.time("from")?,
            until: r.time("until")?,
            granted_by: r.text("granted_by")?,
            ticket: r.text("ticket")?,
            origin: r.origin(),
        })
    })
}

/// Reads `exceptions`: `identity,effect,what,until,reason`, and where it is there `ticket`. The effect is `allow` or
/// `deny`.
pub fn read_exceptions(raw: &RawTable) -> ByHandRows<Exception> {
    rows(raw, "exceptions", &["identity", "effect", "what", "until", "reason"], exception)
}

/// The rows of `exceptions` that can't be read and may be an `allow` of somebody's.
pub fn perhaps_allowed(raw: &RawTable) -> Vec<PerhapsAllowed> {
    let file: Arc<str> = Arc::from(raw.file.as_str());
    let perhaps = |row: RawRow<'_>| {
        let row = Row { raw, row, file: &file, table: "exceptions" };
        let text = |column| row.text(column).ok().flatten();
        if exception(&row).is_ok() || text("effect").is_some_and(|effect| effect == "deny") {
            return None;
        }
        Some(PerhapsAllowed { identity: text("identity")?, what: text("what") })
    };
    raw.rows().filter_map(perhaps).collect()
}

fn exception(r: &Row<'_>) -> Result<Exception, Box<Rejection>> {
    let allow = match r.needed("effect")?.as_str() {
        "allow" => true,
        "deny" => false,
        other => {
            let message = format!("`{}` is neither `allow` nor `deny`", shorten(other));
            return Err(r.bad("effect", &codes::BAD_VALUE, message));
        }
    };
    let Some(until) = r.time("until")? else {
        let message = "an exception ends: say until when".to_owned();
        return Err(r.bad("until", &codes::MISSING_VALUE, message));
    };
    Ok(Exception {
        identity: r.needed("identity")?,
        allow,
        what: r.needed("what")?,
        until,
        reason: r.needed("reason")?,
        ticket: r.text("ticket")?,
        origin: r.origin(),
    })
}

fn rows<T>(
    raw: &RawTable,
    table: &str,
    needed: &[&str],
    read: impl Fn(&Row<'_>) -> Result<T, Box<Rejection>>,
) -> ByHandRows<T> {
    let (mut out, mut rejections, mut diagnostics) = (Vec::new(), Vec::new(), Vec::new());
    // A file of no rows may have no columns either.
    if raw.is_empty() && raw.columns.is_empty() {
        return (out, rejections, diagnostics);
    }
    for name in needed.iter().filter(|n| raw.column(n).is_none()) {
        diagnostics.push(missing_column(raw, name, &format!("the table `{table}`")));
    }
    if !diagnostics.is_empty() {
        return (out, rejections, diagnostics);
    }
    let file: Arc<str> = Arc::from(raw.file.as_str());
    for row in raw.rows() {
        match read(&Row { raw, row, file: &file, table }) {
            Ok(value) => out.push(value),
            Err(rejection) => rejections.push(*rejection),
        }
    }
    (out, rejections, diagnostics)
}

struct Row<'a> {
    raw: &'a RawTable,
    row: RawRow<'a>,
    file: &'a Arc<str>,
    table: &'a str,
}

impl Row<'_> {
    fn origin(&self) -> (Arc<str>, u64) {
        (self.file.clone(), self.row.line())
    }

    fn text(&self, column: &str) -> Result<Option<String>, Box<Rejection>> {
        let Some(at) = self.raw.column(column) else { return Ok(None) };
        match self.row.cell(at) {
            RawCell::Absent => Ok(None),
            RawCell::Text(t) => Ok(Some(nfc(t.trim()).into_owned()).filter(|t| !t.is_empty())),
            RawCell::Json(t) if !t.starts_with(['[', '{']) => Ok(Some(t.to_owned())),
            RawCell::Json(_) => Err(self.bad(column, &codes::BAD_VALUE, "this is no plain text".to_owned())),
        }
    }

    fn needed(&self, column: &str) -> Result<String, Box<Rejection>> {
        self.text(column)?
            .ok_or_else(|| self.bad(column, &codes::MISSING_VALUE, format!("the row has no `{column}`")))
    }

    fn time(&self, column: &str) -> Result<Option<TimePoint>, Box<Rejection>> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        let point =
            Date::parse(&text).map(TimePoint::Day).or_else(|| Instant::parse(&text).map(TimePoint::Instant));
        point.map(Some).ok_or_else(|| {
            let message = format!("`{}` is no day and no instant", shorten(&text));
            self.bad(column, &codes::BAD_VALUE, message)
        })
    }

    fn bad(&self, column: &str, code: &Code, message: String) -> Box<Rejection> {
        let identity = match self.raw.column("identity").map(|c| self.row.cell(c)) {
            Some(RawCell::Text(t)) if !t.trim().is_empty() => Some(nfc(t.trim()).into_owned()),
            Some(RawCell::Text(_) | RawCell::Absent | RawCell::Json(_)) | None => None,
        };
        Box::new(Rejection {
            file: self.raw.file.clone(),
            line: self.row.line(),
            column: Some(column.to_owned()),
            source: self.table.to_owned(),
            identity,
            message,
            code: code.id,
        })
    }
}
