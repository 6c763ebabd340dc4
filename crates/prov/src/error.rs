//! The one error of the facade, and reports: diagnostics with the texts they point into.
//! Invariant: an error says what to do, or carries diagnostics that do.

use prov_diag::{Diagnostic, RenderOptions, SourceMap, render_human, render_json};
use std::fmt;
use std::path::PathBuf;

/// Findings with the texts they speak of.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings, sorted.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts.
    pub sources: SourceMap,
}

impl Report {
    /// A report of findings that point into no policy.
    pub fn of_data(mut diagnostics: Vec<Diagnostic>) -> Report {
        prov_diag::sort(&mut diagnostics);
        Report { diagnostics, sources: SourceMap::new() }
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// As a person reads them.
    pub fn human(&self, options: RenderOptions) -> String {
        render_human(&self.diagnostics, &self.sources, options)
    }

    /// As a JSON array.
    pub fn json(&self) -> serde_json::Value {
        render_json(&self.diagnostics, &self.sources)
    }

    /// How many errors, and how many warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.diagnostics.iter().filter(|d| d.is_error()).count();
        let warnings = self.diagnostics.iter().filter(|d| d.severity == prov_diag::Severity::Warning).count();
        (errors, warnings)
    }
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The policy or its data is wrong.
    #[error("{}", Rendered(.0))]
    Report(Box<Report>),
    /// The file system would not.
    #[error("can't read `{}`: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A name, a date, a key … that the caller gave.
    #[error("{message}")]
    Input {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
}

struct Rendered<'a>(&'a Report);

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.human(RenderOptions::default()))
    }
}

impl Error {
    pub(crate) fn input(message: impl Into<String>, help: impl Into<String>) -> Error {
        Error::Input { message: message.into(), help: help.into() }
    }

    pub(crate) fn data(diagnostics: Vec<Diagnostic>) -> Error {
        Error::Report(Box::new(Report::of_data(diagnostics)))
    }
}

impl From<Report> for Error {
    fn from(report: Report) -> Error {
        Error::Report(Box::new(report))
    }
}
