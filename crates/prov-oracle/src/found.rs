//! Findings as a plan writes them (plan.md, "Findings" and "JSON Lines"), but for their words.
//! Invariant: each is told once; their order is that of the reference.

use crate::action::{because, joined, text};
use crate::cause::Cause;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Findings with their codes, in order. A row that is rejected has the code of what is wrong with it.
const KINDS: [(&str, &str); 23] = [
    ("withheld", "P0710"),
    ("separated", "P0750"),
    ("violation", "P0718"),
    ("protected", "P0754"),
    ("too_few", "P0755"),
    ("unmatched_protect", "P0756"),
    ("too_many", "P0757"),
    ("guest_out", "P0760"),
    ("would_grant", "P0758"),
    ("would_withhold", "P0758"),
    ("would_unknown", "P0758"),
    ("conflict", "P0711"),
    ("nameless_account", "P0716"),
    ("unmatched_assignment", "P0751"),
    ("unmatched_exception", "P0753"),
    ("expired", "P0752"),
    ("rejected_row", ""),
    ("unknown_app", "P0617"),
    ("held", "P0715"),
    ("missing", "P0714"),
    ("orphan_account", "P0713"),
    ("linked_account", "P0717"),
    ("unmanaged", "P0712"),
];

/// How many of several are named.
pub(crate) const EXAMPLES: usize = 5;

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Find {
    pub kind: usize,
    pub identity: Option<String>,
    pub app: Option<String>,
    pub account: Option<String>,
    /// Kind, and value.
    pub ent: Option<(String, Option<String>)>,
    pub file: Option<String>,
    pub line: Option<u64>,
    pub count: Option<u64>,
    pub examples: Vec<String>,
    pub because: Vec<Cause>,
}

/// Findings as lines, in order: those about the same stand as their lines do.
pub(crate) fn lines(all: &BTreeSet<Find>) -> Vec<String> {
    let place = |f: &Find| {
        let who = (f.kind, f.identity.clone(), f.app.clone(), f.account.clone());
        (who, f.ent.clone(), f.file.clone(), f.line)
    };
    let mut all: Vec<_> = all.iter().map(|f| (place(f), f.json())).collect();
    all.sort();
    all.into_iter().map(|f| f.1).collect()
}

impl Find {
    /// A finding about nothing yet.
    pub(crate) fn new(kind: &str) -> Find {
        Find {
            kind: KINDS.iter().position(|k| k.0 == kind).unwrap_or(KINDS.len()),
            identity: None,
            app: None,
            account: None,
            ent: None,
            file: None,
            line: None,
            count: None,
            examples: Vec::new(),
            because: Vec::new(),
        }
    }

    pub(crate) fn of(kind: &str, identity: &str) -> Find {
        Find { identity: Some(identity.to_owned()), ..Find::new(kind) }
    }

    /// About a row of a file.
    pub(crate) fn row(kind: &str, identity: Option<&str>, file: &str, line: u64) -> Find {
        let file = file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned();
        let identity = identity.map(str::to_owned);
        Find { identity, file: Some(file), line: Some(line).filter(|l| *l > 0), ..Find::new(kind) }
    }

    /// The line of a plan, without the message.
    pub(crate) fn json(&self) -> String {
        let (kind, code) = KINDS.get(self.kind).copied().unwrap_or_default();
        let mut out = format!("{{\"type\":\"finding\",\"finding\":{}", text(kind));
        if !code.is_empty() {
            let _ = write!(out, ",\"code\":{}", text(code));
        }
        let known = [("identity", &self.identity), ("app", &self.app), ("account", &self.account)];
        for (name, value) in known {
            if let Some(value) = value {
                let _ = write!(out, ",{}:{}", text(name), text(value));
            }
        }
        if let Some((kind, value)) = &self.ent {
            let value = value.as_ref().map_or(String::new(), |v| format!(",\"value\":{}", text(v)));
            let _ = write!(out, ",\"entitlement\":{{\"kind\":{}{value}}}", text(kind));
        }
        if let Some(count) = self.count {
            let _ = write!(out, ",\"count\":{count}");
        }
        if !self.examples.is_empty() {
            let _ = write!(out, ",\"examples\":[{}]", joined(self.examples.iter().map(|e| text(e))));
        }
        if !self.because.is_empty() {
            let _ = write!(out, ",\"because\":{}", because(&self.because));
        }
        if let Some(file) = &self.file {
            let _ = write!(out, ",\"file\":{}", text(file));
        }
        if let Some(line) = self.line {
            let _ = write!(out, ",\"line\":{line}");
        }
        out + "}"
    }
}
