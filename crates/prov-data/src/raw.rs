//! What a reader gives: rows, what it could not read, and whether the file is whole.
//! Invariant: every data row of the file is either in the table or a rejection, or the file is `truncated`.

use crate::columnar::Form;
use crate::csv::read_csv_keeping;
use crate::jsonl::read_json_keeping;
use crate::{columnar, csv, jsonl, packed};
use prov_diag::{Code, Diagnostic, Severity, codes};
use prov_model::{RawTable, Rejection, shorten};
use std::borrow::Cow;

/// The longest cell, in bytes: 1 MiB.
pub const CELL_LIMIT: usize = 1 << 20;

/// A file as read.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// The rows that could be read.
    pub table: RawTable,
    /// Those that could not, in order of line.
    pub rejections: Vec<Rejection>,
    /// Whether the file seems to be cut off, so that who is absent from it can't be taken as gone.
    pub truncated: bool,
    /// What is to be said of the file as a whole.
    pub notices: Vec<Diagnostic>,
}

impl Raw {
    /// An empty table of these columns.
    pub(crate) fn new(file: &str, columns: Vec<String>) -> Raw {
        Raw { table: RawTable::new(file, columns), ..Raw::default() }
    }

    /// How many data rows the file has, rejected ones included.
    pub fn rows(&self) -> u64 {
        (self.table.len() + self.rejections.len()) as u64
    }

    /// Names the source that the file was read for, in every rejection.
    #[must_use]
    pub fn of_source(mut self, source: &str) -> Raw {
        for r in &mut self.rejections {
            source.clone_into(&mut r.source);
        }
        self
    }

    /// The table of a file that is only good as a whole (a look-up table, a catalog): what was rejected, and being cut
    /// off, are errors.
    pub fn whole(self) -> Result<RawTable, Vec<Diagnostic>> {
        if self.rejections.is_empty() && !self.truncated {
            return Ok(self.table);
        }
        let mut errors: Vec<_> = self.rejections.iter().map(of_rejection).collect();
        errors.extend(self.notices.into_iter().map(|mut d| {
            d.severity = Severity::Error;
            d
        }));
        Err(errors)
    }

    pub(crate) fn reject(&mut self, line: u64, column: Option<&str>, code: &'static str, message: String) {
        self.rejections.push(Rejection {
            file: self.table.file.clone(),
            line,
            column: column.map(str::to_owned),
            source: String::new(),
            identity: None,
            message,
            code,
        });
    }

    /// Rejects the row that a file ends in, and says that the file is cut off.
    pub(crate) fn cut_off(&mut self, line: u64, message: &str) {
        self.reject(line, None, codes::TRUNCATED.id, message.to_owned());
        self.truncated = true;
        self.notices.push(
            Diagnostic::new(
                &codes::TRUNCATED,
                format!("`{}` seems to be cut off: {message}", self.table.file),
            )
            .in_data(&self.table.file, Some(line), None)
            .help("fetch the file again; until then, who is absent from it does not count as gone"),
        );
    }
}

/// What to do about a row of a table or a catalog.
pub(crate) const WHOLE: &str =
    "mend the row: a table or catalog is read whole or not at all, so that no rule goes by a part of it";

/// A rejection as an error, for files that are only good as a whole.
fn of_rejection(r: &Rejection) -> Diagnostic {
    let code = codes::find(r.code).unwrap_or(&codes::BAD_VALUE);
    let mut d =
        Diagnostic::new(code, r.message.clone()).in_data(&r.file, Some(r.line), r.column.clone()).help(WHOLE);
    d.severity = Severity::Error;
    d
}

/// Reads a file by the end of its name: `.csv`, `.jsonl`, `.ndjson`, `.json`, `.parquet`, `.arrow`, `.feather`, `.arrows`, and
/// each of these with `.gz` or `.zst` behind it.
pub fn read_table(name: &str, bytes: &[u8]) -> Result<Raw, Vec<Diagnostic>> {
    read_table_keeping(name, Cow::Borrowed(bytes), &|_| true)
}

/// The same, but only the cells of some columns are kept; the others read as absent.
pub fn read_table_keeping(
    name: &str,
    bytes: Cow<'_, [u8]>,
    keep: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Raw, Vec<Diagnostic>> {
    let (plain, bytes) = packed::unpacked(name, bytes)?;
    match Format::of(name, plain)? {
        Format::Csv => read_csv_keeping(name, &bytes, keep),
        Format::Json => read_json_keeping(name, &bytes, keep),
        Format::Columnar(form) => {
            columnar::read(name, &columnar::open(name, form, bytes.into_owned())?, keep)
        }
    }
}

/// A file of which the rows were worked off part by part.
pub(crate) struct Parted<T> {
    /// All that is to be said of it, and its columns, without rows.
    pub rest: Raw,
    /// What became of the rows, in order.
    pub parts: Vec<T>,
}

/// Reads a file part by part: `each` is called with the rows of every part, perhaps at one time, and perhaps with some
/// that turn out to be none. A part may lack columns that hold nothing in it.
pub(crate) fn read_parts<T: Send>(
    name: &str,
    bytes: Cow<'_, [u8]>,
    keep: &(dyn Fn(&str) -> bool + Sync),
    each: &(dyn Fn(RawTable) -> T + Sync),
) -> Result<Parted<T>, Vec<Diagnostic>> {
    let (plain, bytes) = packed::unpacked(name, bytes)?;
    match Format::of(name, plain)? {
        Format::Csv => csv::read_parts(name, &bytes, keep, csv::CHUNK, each),
        Format::Json => jsonl::read_parts(name, &bytes, keep, jsonl::CHUNK, each),
        Format::Columnar(form) => {
            columnar::read_parts(name, &columnar::open(name, form, bytes.into_owned())?, keep, each)
        }
    }
}

/// How a file is written.
enum Format {
    Csv,
    Json,
    Columnar(Form),
}

impl Format {
    /// By the end of its name, the ending of a compression taken off.
    fn of(name: &str, plain: &str) -> Result<Format, Vec<Diagnostic>> {
        let file = plain.rsplit(['/', '\\']).next().unwrap_or(plain);
        match file.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).as_deref() {
            Some("csv") => Ok(Format::Csv),
            Some("jsonl" | "ndjson" | "json") => Ok(Format::Json),
            Some("parquet") => Ok(Format::Columnar(Form::Parquet)),
            Some("arrow" | "arrows" | "feather") => Ok(Format::Columnar(Form::Arrow)),
            _ => Err(vec![
                Diagnostic::new(&codes::UNKNOWN_FORMAT, format!("`{name}` is of no format that can be read"))
                    .help(
                        "files end in `.csv` (comma-separated, the first line names the columns), `.jsonl` or `.ndjson` \
                         (a JSON object a line), `.json` (an array of objects), `.parquet`, or `.arrow`, `.feather` and `.arrows`",
                    ),
            ]),
        }
    }
}

/// Each column has a name, and one of its own.
pub(crate) fn check_names<'n>(
    names: impl Iterator<Item = &'n str>,
    error: &dyn Fn(&'static Code, String, Option<String>) -> Diagnostic,
) -> Result<(), Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut seen = rustc_hash::FxHashMap::default();
    for (i, name) in names.enumerate() {
        if name.is_empty() {
            errors.push(error(&codes::DUPLICATE_COLUMN, format!("column {} has no name", i + 1), None));
        } else if let Some(first) = seen.insert(name, i) {
            errors.push(error(
                &codes::DUPLICATE_COLUMN,
                format!("columns {} and {} are both named `{}`", first + 1, i + 1, shorten(name)),
                Some("rename or remove one of them".to_owned()),
            ));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The message for a cell over the limit.
pub(crate) fn too_long(bytes: usize) -> String {
    format!("the cell has {bytes} bytes, over the limit of 1 MiB: is a closing quote missing before it?")
}

/// How many findings about one file are shown.
const SHOWN: usize = 50;

/// Findings about one file, of which only the first are kept.
pub(crate) struct Findings {
    file: String,
    shown: Vec<Diagnostic>,
    more: usize,
    severity: Severity,
}

impl Findings {
    pub(crate) fn new(file: &str) -> Findings {
        Findings { file: file.to_owned(), shown: vec![], more: 0, severity: Severity::Notice }
    }

    pub(crate) fn push(&mut self, d: Diagnostic) {
        // Errors come before warnings in the order of severities, so an error is never lost among the rest.
        self.severity = self.severity.min(d.severity);
        if self.shown.len() < SHOWN { self.shown.push(d) } else { self.more += 1 }
    }

    /// Whether there is an error.
    pub(crate) fn any(&self) -> bool {
        self.severity == Severity::Error
    }

    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        if self.more > 0
            && let Some(last) = self.shown.last()
        {
            let message = format!("`{}` has {} more findings like these", self.file, self.more);
            let mut d = Diagnostic::new(last.code, message).in_data(&self.file, None, None);
            d.severity = self.severity;
            self.shown.push(d);
        }
        self.shown
    }
}
