//! The catalogue of codes: one entry a kind of finding, with its page. `prov explain-code`, the docs and the tests read it.
//!
//! Invariant: ids are unique and never reused; the bad example of a code yields it, the good one does not (tested).
//! P00xx syntax · P01xx names and modules · P02xx types and presence · P03xx items · P04xx dependencies ·
//! P05xx project files · P06xx data · P07xx actual state and plan · P09xx not built yet.

mod check;
mod data;
mod plan;
mod syntax;
mod testing;

pub use check::*;
pub use data::*;
pub use plan::*;
pub use syntax::*;
pub use testing::*;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing that follows can be trusted: exit 1.
    Error,
    /// Worth a look; nothing stops.
    Warning,
    /// Said for completeness.
    Notice,
}

impl Severity {
    /// Its name in messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        }
    }
}

/// An example on a code's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    /// A policy. Where it declares no `identity`, the tests set the prelude of `tests/prelude.prov` before it.
    Policy(&'static str),
    /// Data or a project file, with the prose that says what it is; shown, and tested by a case under `tests/`.
    Shown(&'static str),
}

/// One entry of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `P` and four digits.
    pub id: &'static str,
    /// Its severity unless a diagnostic says otherwise.
    pub severity: Severity,
    /// A few words, lower case.
    pub title: &'static str,
    /// A paragraph or two for a newcomer: what it means, why Prov minds, what to do.
    pub explanation: &'static str,
    /// What yields it.
    pub bad: Example,
    /// The same, mended.
    pub good: Example,
}

/// All codes in order of id.
pub fn all() -> impl Iterator<Item = &'static Code> {
    let mut all: Vec<&'static Code> = [syntax::ALL, check::ALL, testing::ALL, data::ALL, plan::ALL]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    all.sort_by_key(|c| c.id);
    all.into_iter()
}

/// The code of an id, without regard to case.
pub fn find(id: &str) -> Option<&'static Code> {
    all().find(|c| c.id.eq_ignore_ascii_case(id))
}

/// Declares codes as statics, and `ALL` as their list.
macro_rules! codes {
    ($($name:ident = $id:literal $severity:ident $title:literal { $explanation:literal bad $bad:expr, good $good:expr $(,)? })*) => {
        $(
            #[doc = $title]
            pub static $name: $crate::codes::Code = $crate::codes::Code {
                id: $id,
                severity: $crate::codes::Severity::$severity,
                title: $title,
                explanation: $explanation,
                bad: $bad,
                good: $good,
            };
        )*
        pub(super) static ALL: &[&$crate::codes::Code] = &[$(&$name),*];
    };
}
use codes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_well_formed() {
        let ids: Vec<_> = all().map(|c| c.id).collect();
        for pair in ids.windows(2) {
            assert!(pair[0] < pair[1], "{} stands twice", pair[0]);
        }
        for c in all() {
            assert!(
                c.id.len() == 5 && c.id.starts_with('P') && c.id[1..].bytes().all(|b| b.is_ascii_digit())
            );
            assert!(!c.explanation.trim().is_empty() && c.title.len() < 80, "{}", c.id);
        }
    }
}
