//! What is said of rows that can't be mapped.
//! Invariant: every rejection names file and line, the column where one is to blame, and shows the value shortened.

use crate::interp::Failure;
use prov_diag::{codes, did_you_mean};
use prov_ir::{ArmPattern, AttributeProgram, ExprId, ExprKind, Program, SourceProgram};
use prov_model::{CellError, Date, FieldDef, Rejection, shorten};

/// Names and places for the rejections of one file.
pub(crate) struct Rejector<'a> {
    pub program: &'a Program,
    pub source: &'a SourceProgram,
    pub name: &'a str,
    pub file: &'a str,
}

impl Rejector<'_> {
    fn rejection(
        &self,
        line: u64,
        column: Option<u32>,
        code: &'static str,
        message: String,
        id: Option<&str>,
    ) -> Rejection {
        Rejection {
            file: self.file.to_owned(),
            line,
            column: column.and_then(|c| self.source.columns.get(c as usize)).cloned(),
            source: self.name.to_owned(),
            identity: id.map(str::to_owned),
            message,
            code,
        }
    }

    /// A column that is not there; on the line of the column names.
    pub(crate) fn missing_column(&self, column: &str) -> Rejection {
        Rejection {
            file: self.file.to_owned(),
            line: 1,
            column: Some(column.to_owned()),
            source: self.name.to_owned(),
            identity: None,
            message: format!("there is no column `{column}`"),
            code: codes::MISSING_COLUMN.id,
        }
    }

    /// A cell that is not a value of its attribute's type.
    pub(crate) fn cell(&self, line: u64, column: u32, error: CellError, id: Option<&str>) -> Rejection {
        let mut message = error.message;
        if let Some(near) = did_you_mean(&error.value, error.candidates.iter().map(String::as_str)) {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        self.rejection(line, Some(column), error.code, message, id)
    }

    /// A mapping that gives nothing for an attribute that must have something.
    pub(crate) fn no_value(
        &self,
        line: u64,
        def: &FieldDef,
        of: &AttributeProgram,
        id: Option<&str>,
    ) -> Rejection {
        self.rejection(line, self.column_of(of), codes::MISSING_VALUE.id, missing(def), id)
    }

    /// A value that a rule takes as a zone's name, and is none.
    pub(crate) fn no_zone(
        &self,
        line: u64,
        name: &str,
        def: &FieldDef,
        of: &AttributeProgram,
        id: Option<&str>,
    ) -> Rejection {
        let message = format!(
            "`{}` is not a time zone, and `{}` is used as one; write a name such as `Europe/Paris`",
            shorten(name),
            def.name
        );
        self.rejection(line, self.column_of(of), codes::BAD_VALUE.id, message, id)
    }

    /// A mapping that failed on the way.
    pub(crate) fn failure(&self, line: u64, def: &FieldDef, failure: Failure, id: Option<&str>) -> Rejection {
        match failure {
            Failure::Call { at, value, reason } => {
                let message = format!("`{}` {reason}", shorten(&value));
                self.rejection(line, self.first_cell(at), codes::BAD_VALUE.id, message, id)
            }
            Failure::Unmatched { at, value } => {
                let known = self.patterns(at);
                let known = if known.is_empty() { String::new() } else { format!(": {}", known.join(", ")) };
                let message =
                    format!("`{}` is none of the values that `{}` maps{known}", shorten(&value), def.name);
                let column = match &self.program.expr(at).kind {
                    ExprKind::Match(of, _) => self.first_cell(*of),
                    _ => None,
                };
                self.rejection(line, column, codes::UNMATCHED.id, message, id)
            }
        }
    }

    /// A row whose key stands on other rows too.
    pub(crate) fn duplicate(
        &self,
        (line, lines): (u64, &[u64]),
        key: &str,
        def: &FieldDef,
        of: &AttributeProgram,
        since: Option<Date>,
        id: &str,
    ) -> Rejection {
        let mut places: Vec<String> =
            lines.iter().filter(|l| **l != line).map(|line| line.to_string()).collect();
        let more = places.len().saturating_sub(5);
        places.truncate(5);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let word = if lines.len() == 2 { "line" } else { "lines" };
        let since = since.map_or(String::new(), |d| format!(" from {d}"));
        let message = format!(
            "`{}` stands as `{}`{since} on {word} {}{more} too; none of these rows counts",
            shorten(key),
            def.name,
            places.join(", ")
        );
        self.rejection(line, self.column_of(of), codes::DUPLICATE_KEY.id, message, Some(id))
    }

    /// A row that joins by a value which several identities have.
    pub(crate) fn shared(
        &self,
        line: u64,
        value: &str,
        def: &FieldDef,
        of: &AttributeProgram,
        count: usize,
        who: &[String],
    ) -> Rejection {
        let more = if count > who.len() { " …" } else { "" };
        let message = format!(
            "`{}` is the `{}` of {count} identities ({}{more}): whose row this is can't be told",
            shorten(value),
            def.name,
            who.join(", ")
        );
        self.rejection(line, self.column_of(of), codes::SHARED_VALUE.id, message, None)
    }

    /// Whether a mapping reads a column through a cell.
    pub(crate) fn reads_cell(&self, column: u32) -> bool {
        let of = self.source.attributes.iter().chain(&self.source.join).chain(&self.source.effective);
        of.into_iter().any(|a| match a {
            AttributeProgram::Mapped(e) => self.cells(*e).contains(&column),
            AttributeProgram::Column(_) | AttributeProgram::Nothing => false,
        })
    }

    /// Whether an expression reads a column that the file does not have.
    pub(crate) fn lacks_column(&self, id: ExprId, columns: &[Option<usize>]) -> bool {
        columns.contains(&None)
            && self.cells(id).iter().any(|c| columns.get(*c as usize).copied().flatten().is_none())
    }

    fn column_of(&self, of: &AttributeProgram) -> Option<u32> {
        match of {
            AttributeProgram::Column(c) => Some(*c),
            AttributeProgram::Mapped(e) => self.first_cell(*e),
            AttributeProgram::Nothing => None,
        }
    }

    fn first_cell(&self, id: ExprId) -> Option<u32> {
        self.cells(id).first().copied()
    }

    /// The one cell under an expression, where there is no other.
    pub(crate) fn only_cell(&self, id: ExprId) -> Option<u32> {
        let cells = self.cells(id);
        let (first, rest) = cells.split_first()?;
        rest.iter().all(|c| c == first).then_some(*first)
    }

    /// The cells under an expression, in order of evaluation.
    fn cells(&self, id: ExprId) -> Vec<u32> {
        let mut cells = Vec::new();
        self.collect_cells(id, &mut cells);
        cells
    }

    fn collect_cells(&self, id: ExprId, cells: &mut Vec<u32>) {
        let kind = &self.program.expr(id).kind;
        if let ExprKind::Cell(column) = kind {
            cells.push(*column);
        }
        kind.children(|child| self.collect_cells(child, cells));
    }

    /// What the arms of a match take, as a policy writes it; at most ten.
    fn patterns(&self, at: ExprId) -> Vec<String> {
        let ExprKind::Match(of, arms) = &self.program.expr(at).kind else { return Vec::new() };
        let ty = &self.program.expr(*of).ty;
        let shown = |v: &prov_model::Value<'_>| format!("`{}`", shorten(&v.plain(ty, &self.program.schema)));
        let mut out: Vec<String> = arms
            .iter()
            .flat_map(|arm| &arm.patterns)
            .filter_map(|p| match p {
                ArmPattern::Value(v) => Some(shown(v)),
                ArmPattern::Range(a, b) => Some(format!("{} to {}", shown(a), shown(b))),
                ArmPattern::Any | ArmPattern::Absent => None,
            })
            .collect();
        if out.len() > 10 {
            out.truncate(10);
            out.push("…".to_owned());
        }
        out
    }
}

fn missing(def: &FieldDef) -> String {
    format!("no value for `{}`, which must have one", def.name)
}
