//! What can be named as a cause (plan.md, "Why"): rules by name and place, with the risk that they bring.
//! Invariant: two causes are the same exactly where a plan shows them alike.

use crate::policy::Trees;
use prov_diag::Span;
use prov_syntax::ast::Annotation;

/// The kinds of causes, in the order in which a plan names them.
pub(crate) const KINDS: [&str; 14] = [
    "app",
    "lifecycle",
    "federation",
    "source",
    "account",
    "writeback",
    "birthright",
    "role",
    "forbid",
    "separate",
    "guard",
    "protect",
    "limit",
    "exception",
];

/// The risks, the least first.
pub(crate) const RISKS: [&str; 4] = ["low", "medium", "high", "critical"];

/// A cause. Its order is that of a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cause {
    /// Of [`KINDS`].
    pub kind: usize,
    /// Its name as shown.
    pub rule: String,
    pub file: String,
    pub line: u64,
    /// Of [`RISKS`].
    pub risk: Option<usize>,
}

/// `@severity(…)` of an item.
pub(crate) fn risk(trees: &Trees, notes: &[Annotation]) -> Option<usize> {
    let note = notes.iter().find(|a| a.name.text == "severity")?;
    let word = trees.sources.text(note.args.first()?.span).trim_matches('"');
    RISKS.iter().position(|r| *r == word)
}

impl Trees {
    /// Something that begins at a place.
    pub(crate) fn cause(&self, kind: &str, rule: String, at: Span, notes: &[Annotation]) -> Cause {
        Cause {
            kind: KINDS.iter().position(|k| *k == kind).unwrap_or(KINDS.len()),
            rule,
            file: self.sources.get(at.source).name.clone(),
            line: self.line(at),
            risk: risk(self, notes),
        }
    }

    /// The line that something begins on.
    pub(crate) fn line(&self, at: Span) -> u64 {
        u64::from(self.sources.start(at).line)
    }
}

/// Causes as a plan has them: in order, each once.
pub(crate) fn in_order(mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.sort();
    causes.dedup();
    causes
}
