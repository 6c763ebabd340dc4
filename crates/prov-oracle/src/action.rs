//! An action as a plan writes it (plan.md, "JSON Lines").
//! Invariant: its id says what it does, and nothing of why and when.

use crate::cause::{Cause, KINDS, RISKS};
use crate::entitlement::Ent;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What is done, in the order of plan.md's table of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Create,
    Rename,
    Update,
    Enable,
    Disable,
    Delete,
    WriteBack,
    Grant,
    Revoke,
    Kill,
}

impl Deed {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Deed::Create => "create_account",
            Deed::Rename => "rename_account",
            Deed::Update => "update_account",
            Deed::Enable => "enable_account",
            Deed::Disable => "disable_account",
            Deed::Delete => "delete_account",
            Deed::WriteBack => "write_back",
            Deed::Grant => "grant",
            Deed::Revoke => "revoke",
            Deed::Kill => "kill_sessions",
        }
    }
}

/// A changed attribute, with what it was and will be.
pub(crate) type Change = (String, Option<String>, Option<String>);

/// An action.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub deed: Deed,
    pub id: String,
    pub app: String,
    pub account: Option<String>,
    pub ent: Option<Ent>,
    pub changes: Vec<Change>,
    pub left: bool,
    pub report: bool,
    pub because: Vec<Cause>,
    pub risk: Option<usize>,
    /// A revoke that a separation wants before a grant.
    pub early: bool,
    /// The ids of those that it waits for.
    pub after: Vec<String>,
}

impl Act {
    /// 20 hexadecimal characters of a SHA-256 over what it does: each part behind its length and one, as eight bytes, the
    /// lowest first; a part that is not there is a zero of eight bytes.
    pub(crate) fn name(&self) -> String {
        let mut bytes: Vec<u8> = Vec::new();
        let mut part = |text: Option<&str>| match text {
            Some(text) => {
                bytes.extend((text.len() as u64 + 1).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            None => bytes.extend(0u64.to_le_bytes()),
        };
        part(Some(self.deed.name()));
        part(Some(&self.id));
        part(Some(&self.app));
        part(self.account.as_deref());
        part(self.ent.as_ref().map(|e| e.kind.as_str()));
        part(self.ent.as_ref().map(|e| e.value.as_str()));
        for (attribute, from, to) in &self.changes {
            part(Some(attribute));
            part(from.as_deref());
            part(to.as_deref());
        }
        let mut out = String::new();
        for byte in Sha256::digest(&bytes).iter().take(10) {
            let _ = write!(out, "{byte:02x}");
        }
        out
    }

    /// The line of a plan.
    pub(crate) fn json(&self) -> String {
        let mut out = format!(
            "{{\"id\":{},\"action\":{},\"identity\":{},\"app\":{}",
            text(&self.name()),
            text(self.deed.name()),
            text(&self.id),
            text(&self.app)
        );
        if let Some(account) = &self.account {
            let _ = write!(out, ",\"account\":{}", text(account));
        }
        if let Some(ent) = &self.ent {
            let _ = write!(
                out,
                ",\"entitlement\":{{\"kind\":{},\"value\":{}}}",
                text(&ent.kind),
                text(&ent.value)
            );
        }
        if !self.changes.is_empty() {
            let or_null = |v: &Option<String>| v.as_deref().map_or("null".to_owned(), text);
            let one = |(attribute, from, to): &Change| {
                format!("{}:{{\"from\":{},\"to\":{}}}", text(attribute), or_null(from), or_null(to))
            };
            let _ = write!(out, ",\"changes\":{{{}}}", joined(self.changes.iter().map(one)));
        }
        if !self.after.is_empty() {
            let _ = write!(out, ",\"after\":[{}]", joined(self.after.iter().map(|a| text(a))));
        }
        if self.left {
            out += ",\"lane\":\"leaver\"";
        }
        let _ = write!(out, ",\"because\":{}", because(&self.because));
        if let Some(risk) = self.risk {
            let _ = write!(out, ",\"risk\":{}", text(RISKS[risk]));
        }
        if self.report {
            out += ",\"report\":true";
        }
        out + "}"
    }
}

/// A text as JSON writes it.
pub(crate) fn text(s: &str) -> String {
    serde_json::Value::from(s).to_string()
}

pub(crate) fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

/// Causes as JSON writes them.
pub(crate) fn because(causes: &[Cause]) -> String {
    let one = |c: &Cause| {
        let kind = KINDS.get(c.kind).copied().unwrap_or_default();
        format!(
            "{{\"rule\":{},\"file\":{},\"line\":{},\"kind\":{}}}",
            text(&c.rule),
            text(&c.file),
            c.line,
            text(kind)
        )
    };
    format!("[{}]", joined(causes.iter().map(one)))
}
