//! The diagnostic itself. Invariant: its message is lower case, keeps the user's own text in backticks and never
//! names a type of Prov's implementation.

use crate::{Code, Severity, Span};

/// A place in data rather than in a policy: a file, and in it perhaps a row and a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// The line in the file, from 1 (the header of a CSV is line 1).
    pub line: Option<u64>,
    /// The name of the column, or its number where it has no name.
    pub column: Option<String>,
}

/// A span with what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What to say there; may be empty for the primary place.
    pub text: String,
}

/// A replacement that mends the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What the fix does, as an imperative.
    pub title: String,
    /// What is replaced (empty = insertion).
    pub span: Span,
    /// By what.
    pub replacement: String,
}

/// One finding about a policy or its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of finding.
    pub code: &'static Code,
    /// Usually the code's own severity.
    pub severity: Severity,
    /// One line: what is wrong.
    pub message: String,
    /// Places in policies; the first is the primary one.
    pub labels: Vec<Label>,
    /// The place in data, where the finding is about data.
    pub place: Option<Place>,
    /// Why it is so, where the label can't say it.
    pub reason: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// A mechanical fix.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A diagnostic of a code about no place yet.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: code.severity,
            message: message.into(),
            labels: Vec::new(),
            place: None,
            reason: None,
            help: None,
            fix: None,
        }
    }

    /// Adds a place in a policy; the first one added is the primary.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Sets the place in data.
    #[must_use]
    pub fn in_data(mut self, file: impl Into<String>, line: Option<u64>, column: Option<String>) -> Self {
        self.place = Some(Place { file: file.into(), line, column });
        self
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, where there is something to say.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Offers a replacement.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { title: title.into(), span, replacement: replacement.into() });
        self
    }

    /// The primary place in a policy, if there is one.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|l| l.span)
    }

    /// Whether it stops what comes after.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The canonical order of a run's diagnostics: by place, then code, then message. Equal ones are dropped.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (a.span(), &a.place, a.code.id, &a.message).cmp(&(b.span(), &b.place, b.code.id, &b.message))
    });
    diagnostics.dedup();
}
