//! What a plan found on the way.
//! Invariant: findings have one order, by what they are about, so that equal plans are equal bytes.

use crate::Because;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A grant that a forbid or a catalog withholds.
    Withheld,
    /// Access that may not be held together.
    Separated,
    /// Access that rules say no to, and that is not ours to take.
    Violation,
    /// What a `protect` holds back.
    Protected,
    /// Fewer members than a `protect` wants.
    TooFew,
    /// A `protect` of an identity that is nowhere.
    UnmatchedProtect,
    /// More holders than a `limit` has seats.
    TooMany,
    /// A guest who is not let in.
    GuestOut,
    /// What something observed would give.
    WouldGrant,
    /// What something observed would withhold.
    WouldWithhold,
    /// Of whom it can't be known what observed rules would do.
    WouldUnknown,
    /// Accounts of which it is not clear whose they are.
    Conflict,
    /// An account that would have no name.
    NamelessAccount,
    /// An assignment of a role that is not honoured.
    UnmatchedAssignment,
    /// An exception that names nothing there is.
    UnmatchedException,
    /// An assignment or an exception that has ended.
    Expired,
    /// A row that could not be read.
    RejectedRow,
    /// A row of the actual state about an app or kind that the policy does not name.
    UnknownApp,
    /// An identity that is held since its result can't be known.
    Held,
    /// An identity of the actual state that no source brings.
    Missing,
    /// An account of nobody.
    OrphanAccount,
    /// An account that names nobody, and whose it was found to be.
    LinkedAccount,
    /// Access that no rule gives and that is not ours to take.
    Unmanaged,
}

impl FindingKind {
    /// All, in order.
    pub const ALL: [FindingKind; 23] = [
        FindingKind::Withheld,
        FindingKind::Separated,
        FindingKind::Violation,
        FindingKind::GuestOut,
        FindingKind::Protected,
        FindingKind::TooFew,
        FindingKind::UnmatchedProtect,
        FindingKind::TooMany,
        FindingKind::WouldGrant,
        FindingKind::WouldWithhold,
        FindingKind::WouldUnknown,
        FindingKind::Conflict,
        FindingKind::NamelessAccount,
        FindingKind::UnmatchedAssignment,
        FindingKind::UnmatchedException,
        FindingKind::Expired,
        FindingKind::RejectedRow,
        FindingKind::UnknownApp,
        FindingKind::Held,
        FindingKind::Missing,
        FindingKind::OrphanAccount,
        FindingKind::LinkedAccount,
        FindingKind::Unmanaged,
    ];

    /// Its name in plans.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::Withheld => "withheld",
            FindingKind::Separated => "separated",
            FindingKind::Violation => "violation",
            FindingKind::Protected => "protected",
            FindingKind::TooFew => "too_few",
            FindingKind::UnmatchedProtect => "unmatched_protect",
            FindingKind::TooMany => "too_many",
            FindingKind::GuestOut => "guest_out",
            FindingKind::WouldGrant => "would_grant",
            FindingKind::WouldWithhold => "would_withhold",
            FindingKind::WouldUnknown => "would_unknown",
            FindingKind::Conflict => "conflict",
            FindingKind::NamelessAccount => "nameless_account",
            FindingKind::UnmatchedAssignment => "unmatched_assignment",
            FindingKind::UnmatchedException => "unmatched_exception",
            FindingKind::Expired => "expired",
            FindingKind::RejectedRow => "rejected_row",
            FindingKind::UnknownApp => "unknown_app",
            FindingKind::Held => "held",
            FindingKind::Missing => "missing",
            FindingKind::OrphanAccount => "orphan_account",
            FindingKind::LinkedAccount => "linked_account",
            FindingKind::Unmanaged => "unmanaged",
        }
    }
}

/// An entitlement of an app, in a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    /// The kind.
    pub kind: String,
    /// The value; none where a whole kind is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// Its code in the catalogue.
    pub code: String,
    /// Who.
    pub identity: Option<String>,
    /// The app.
    pub app: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The entitlement.
    pub entitlement: Option<Held>,
    /// One line for a person.
    pub message: String,
    /// How many, where it stands for several.
    pub count: Option<u64>,
    /// A few of those several, most frequent first.
    pub examples: Vec<String>,
    /// The rules behind it.
    pub because: Vec<Because>,
    /// The file of a row.
    pub file: Option<String>,
    /// The line of a row.
    pub line: Option<u64>,
    /// The column of a row.
    pub column: Option<String>,
}

impl Finding {
    /// A finding about nothing yet.
    pub fn new(kind: FindingKind, code: &str, message: impl Into<String>) -> Finding {
        Finding {
            kind,
            code: code.to_owned(),
            identity: None,
            app: None,
            account: None,
            entitlement: None,
            message: message.into(),
            count: None,
            examples: Vec::new(),
            because: Vec::new(),
            file: None,
            line: None,
            column: None,
        }
    }

    /// The canonical order.
    pub(crate) fn order(&self, other: &Finding) -> Ordering {
        (self.kind, &self.identity, &self.app, &self.account)
            .cmp(&(other.kind, &other.identity, &other.app, &other.account))
            .then_with(|| self.entitlement.cmp(&other.entitlement))
            .then_with(|| {
                (&self.file, self.line, &self.column).cmp(&(&other.file, other.line, &other.column))
            })
            .then_with(|| self.message.cmp(&other.message))
    }
}
