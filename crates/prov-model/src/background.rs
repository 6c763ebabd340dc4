//! What an evaluation reads beside the population and the moment: memory, assignments, exceptions, what was observed.
//! Invariant: plain values that come in; nothing here is looked up from outside.

use crate::{Actual, Date, Duration, Elapsed, Instant, Memory, Moment, Rejection, Zone};
use std::fmt;
use std::sync::Arc;

/// A day, which begins at 00:00 of a zone, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimePoint {
    /// A day of the policy's or the identity's zone.
    Day(Date),
    /// An instant.
    Instant(Instant),
}

impl TimePoint {
    /// Whether it has come.
    pub fn has_come(self, moment: &Moment) -> bool {
        match self {
            TimePoint::Day(day) => moment.today >= day,
            TimePoint::Instant(instant) => moment.now >= instant,
        }
    }

    /// Its first instant in a zone.
    pub fn instant(self, zone: &Zone) -> Instant {
        match self {
            TimePoint::Day(day) => zone.instant_at(day, 0, 0),
            TimePoint::Instant(instant) => instant,
        }
    }

    /// So much later.
    pub fn plus(self, by: Span, zone: &Zone) -> TimePoint {
        match (self, by) {
            (TimePoint::Day(day), Span::Calendar(d)) => TimePoint::Day(day.plus(d)),
            (TimePoint::Instant(instant), Span::Calendar(d)) => TimePoint::Instant(zone.plus(instant, d)),
            (from, Span::Clock(e)) => TimePoint::Instant(Instant(from.instant(zone).0.saturating_add(e.0))),
        }
    }
}

impl fmt::Display for TimePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimePoint::Day(day) => day.fmt(f),
            TimePoint::Instant(instant) => instant.fmt(f),
        }
    }
}

/// A length of time, by the calendar or by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Days, weeks, months, years.
    Calendar(Duration),
    /// Hours, minutes, seconds.
    Clock(Elapsed),
}

/// Why an assignment is not honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssignmentIssue {
    /// Its end has come.
    Expired,
    /// There is no such identity.
    UnknownIdentity,
    /// There is no such role.
    UnknownRole,
    /// The role can't be requested.
    NotRequestable,
    /// The role is for another identity type.
    OtherType,
    /// The role has no parameters, or others.
    Arguments,
    /// The role is given for a limited time, and nothing says from when.
    NoStart,
    /// It lasts longer than the role may.
    TooLong,
    /// Whoever gave it may not, or nobody is named.
    Unapproved,
    /// Whoever has it gave it to themselves.
    ByOneself,
    /// The condition under which the role may be had does not hold.
    Condition,
    /// The identity has left.
    Leaver,
}

impl AssignmentIssue {
    /// Why, in a few words about the assignment.
    pub fn words(self) -> &'static str {
        match self {
            AssignmentIssue::Expired => "it has ended",
            AssignmentIssue::UnknownIdentity => "there is no such identity",
            AssignmentIssue::UnknownRole => "there is no such role",
            AssignmentIssue::NotRequestable => "the role can't be requested",
            AssignmentIssue::OtherType => "the role is for another identity type",
            AssignmentIssue::Arguments => "the role does not take these arguments",
            AssignmentIssue::NoStart => "the role is given for a limited time, and it says not from when",
            AssignmentIssue::TooLong => "it lasts longer than the role may be had",
            AssignmentIssue::Unapproved => "whoever gave it may not give the role",
            AssignmentIssue::ByOneself => "nobody gives themselves the role",
            AssignmentIssue::Condition => "the condition under which the role may be had does not hold",
            AssignmentIssue::Leaver => "who has it has left",
        }
    }
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

impl Assignment {
    /// The role with its arguments, as spelled: `ward_nurse(A3)`.
    pub fn role_shown(&self) -> String {
        match self.args.as_slice() {
            [] => self.role.clone(),
            args => format!("{}({})", self.role, args.join(", ")),
        }
    }

    /// When it ends, given how long the role may be had; `None` = never.
    pub fn ends(&self, at_most: Option<Span>, zone: &Zone) -> Option<TimePoint> {
        self.until.or_else(|| Some(self.from?.plus(at_most?, zone)))
    }
}

/// Why an exception does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExceptionIssue {
    /// Its end has come.
    Expired,
    /// There is no such identity.
    UnknownIdentity,
    /// A deny of a role that is not there.
    UnknownRole,
    /// A deny of a role of another identity type.
    OtherType,
    /// A deny of an app or a kind that is not there, or of other values than the kind has.
    UnknownEntitlement,
    /// An allow of no forbid and no separation.
    UnknownRule,
}

impl ExceptionIssue {
    /// Why, in a few words about the exception.
    pub fn words(self) -> &'static str {
        match self {
            ExceptionIssue::Expired => "it has ended",
            ExceptionIssue::UnknownIdentity => "there is no such identity",
            ExceptionIssue::UnknownRole => "there is no such role",
            ExceptionIssue::OtherType => "the role is for another identity type",
            ExceptionIssue::UnknownEntitlement => "there is no such entitlement",
            ExceptionIssue::UnknownRule => "no `forbid` and no `separate` has this name or reason",
        }
    }
}

impl Background {
    /// Every instant at which an assignment or an exception begins or ends, sorted, without doubles: results can change
    /// then. `at_most` says how long a role may be had, by its name.
    pub fn changes(&self, zone: &Zone, at_most: impl Fn(&str) -> Option<Span>) -> Vec<Instant> {
        let assignments = self.assignments.iter().flat_map(|a| [a.from, a.ends(at_most(&a.role), zone)]);
        let exceptions = self.exceptions.iter().map(|e| Some(e.until));
        let mut all: Vec<Instant> =
            assignments.chain(exceptions).flatten().map(|point| point.instant(zone)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A row of the built-in table `exceptions`: a reviewer's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The global id of whom.
    pub identity: String,
    /// Whether it allows (else it denies).
    pub allow: bool,
    /// What it names, as spelled. A deny: a role, or an entitlement `app.kind(value)`. An allow: a forbid or a separation,
    /// by its name or its reason.
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

impl Exception {
    /// What it does, in few words: `deny crm.role(pay)`.
    pub fn name(&self) -> String {
        format!("{} {}", if self.allow { "allow" } else { "deny" }, self.what)
    }

    /// Until when, why, and for which ticket.
    pub fn terms(&self) -> String {
        let ticket = self.ticket.as_ref().map(|t| format!(" ({t})")).unwrap_or_default();
        format!("until {}: {}{ticket}", self.until, self.reason)
    }
}

/// A row of the exceptions that could not be read, and that may suspend a rule for an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerhapsAllowed {
    /// The global id.
    pub identity: String,
    /// What it names; none where that could not be read, so that it may be any rule.
    pub what: Option<String>,
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
    /// Rows of both tables that could not be read; the identities that they name are held.
    pub unreadable: Arc<Vec<Rejection>>,
    /// Of these, exceptions that may be an allow: what they may suspend does not hold for certain.
    pub perhaps_allowed: Arc<Vec<PerhapsAllowed>>,
    /// What everyone has, where that is known: accounts that exist have names that can't be given again.
    pub actual: Option<Arc<Actual>>,
}
