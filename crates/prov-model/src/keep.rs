//! Grants that are kept for a while after their cause is lost, as memory holds them.
//! Invariant: names and plain spellings only, so that an edit of the policy leaves them what they are.

use crate::{Duration, Elapsed, Instant, Zone};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long a grant is kept: calendar days and months, or clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepFor {
    /// `14 days`
    Calendar(Duration),
    /// `8 hours`
    Clock(Elapsed),
}

/// An entitlement that a rule gives, or gave, with `keep`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The app's name.
    pub app: String,
    /// The kind's name.
    pub kind: String,
    /// The value, spelled plainly.
    pub value: String,
    /// The rule whose grant it is.
    pub rule: String,
    /// How long it is kept once the rule gives it no more: as it stood when the rule gave it last.
    #[serde(rename = "for")]
    pub keep: KeepFor,
    /// When that ends, once the rule gives it no more; the first moment after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

impl KeepFor {
    /// The first moment after, from a moment of loss.
    pub fn after(self, lost: Instant, zone: &Zone) -> Instant {
        match self {
            KeepFor::Calendar(d) => zone.plus(lost, d),
            KeepFor::Clock(e) => Instant(lost.0.saturating_add(e.0)),
        }
    }

    /// Reads `14 days` or `8 hours`.
    pub fn parse(s: &str) -> Option<KeepFor> {
        Duration::parse(s).map(KeepFor::Calendar).or_else(|| Elapsed::parse(s).map(KeepFor::Clock))
    }

    fn order(self) -> (u8, i64, i64) {
        match self {
            KeepFor::Calendar(d) => (0, i64::from(d.months), i64::from(d.days)),
            KeepFor::Clock(e) => (1, e.0, 0),
        }
    }
}

impl PartialOrd for KeepFor {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeepFor {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl fmt::Display for KeepFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeepFor::Calendar(d) => d.fmt(f),
            KeepFor::Clock(e) => e.fmt(f),
        }
    }
}

impl Serialize for KeepFor {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeepFor {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = String::deserialize(d)?;
        KeepFor::parse(&s).ok_or_else(|| serde::de::Error::custom("expected a duration like 14 days"))
    }
}

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = String::deserialize(d)?;
        Instant::parse(&s)
            .ok_or_else(|| serde::de::Error::custom("expected an instant like 2026-03-02T09:30:00Z"))
    }
}
