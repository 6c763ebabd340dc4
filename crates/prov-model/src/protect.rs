//! What no plan may take away, and how many may have something: `protect` and `limit`.
//! Invariant: neither decides what someone should have; they are held against plans.

use crate::{PatternDef, RuleId};

/// `protect …`
#[derive(Clone, Debug)]
pub struct ProtectDef {
    /// Its place.
    pub rule: RuleId,
    /// What is protected.
    pub what: ProtectWhat,
}

/// What a `protect` protects.
#[derive(Clone, Debug)]
pub enum ProtectWhat {
    /// An identity.
    Identity {
        /// Its global id.
        id: String,
        /// Whether ids of its type compare as `text`.
        folds: bool,
    },
    /// The number of members of each entitlement of a pattern.
    Members {
        /// Which entitlements.
        pattern: PatternDef,
        /// At least so many, above zero.
        at_least: u64,
    },
}

/// `limit PATTERN at most N`: seats.
#[derive(Clone, Debug)]
pub struct LimitDef {
    /// Its place.
    pub rule: RuleId,
    /// Whoever holds any of these takes one seat.
    pub pattern: PatternDef,
    /// So many there are.
    pub at_most: u64,
}
