//! What an evaluation reads beside the population and the moment: memory, assignments, exceptions, what was observed.
//! Invariant: plain values that come in; nothing here is looked up from outside.

use crate::{Actual, Date, Instant, Memory};
use std::sync::Arc;

/// A day, which begins at 00:00 of a zone, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimePoint {
    /// A day of the policy's or the identity's zone.
    Day(Date),
    /// An instant.
    Instant(Instant),
}

/// A row of the built-in table `assignments`: someone was given a requestable role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The global id of whom.
    pub identity: String,
    /// The role's name.
    pub role: String,
    /// The role's arguments, as spelled.
    pub args: Vec<String>,
    /// The first moment.
    pub from: Option<TimePoint>,
    /// The first moment after.
    pub until: Option<TimePoint>,
    /// The global id of who gave it.
    pub granted_by: Option<String>,
    /// The ticket.
    pub ticket: Option<String>,
    /// The file, and the line from 1.
    pub origin: (Arc<str>, u64),
}

/// A row of the built-in table `exceptions`: a reviewer's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The global id of whom.
    pub identity: String,
    /// Whether it allows (else it denies).
    pub allow: bool,
    /// What it names: a role, a forbid, a separation, or an entitlement `app.kind(value)`, as spelled.
    pub what: String,
    /// The first moment at which it no longer counts.
    pub until: TimePoint,
    /// Why.
    pub reason: String,
    /// The ticket.
    pub ticket: Option<String>,
    /// The file, and the line from 1.
    pub origin: (Arc<str>, u64),
}

/// What an evaluation reads beside the population and the moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Background {
    /// What is known of the past.
    pub memory: Arc<Memory>,
    /// Roles that were given by hand.
    pub assignments: Arc<Vec<Assignment>>,
    /// Reviewers' decisions.
    pub exceptions: Arc<Vec<Exception>>,
    /// What everyone has, where that is known: accounts that exist have names that can't be given again.
    pub actual: Option<Arc<Actual>>,
}
