//! What someone held when they entered a state that keeps entitlements, as memory holds it.
//! Invariant: names and plain spellings only, so that an edit of the policy leaves it what it is.

use crate::Since;
use serde::{Deserialize, Serialize};

/// What is remembered of someone whose type has a state with `keep entitlements`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entered {
    /// The state that keeps, and since when; none where they are in no such state.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub within: Option<Since>,
    /// What they held when they entered it; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Holding>,
    /// What assignments alone give them; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<Holding>,
}

/// An entitlement that was held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// The app's name.
    pub app: String,
    /// The kind's name.
    pub kind: String,
    /// The value, spelled plainly.
    pub value: String,
    /// The roles through which it came, where each of them was given by hand; it ends with the last of their assignments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Entered {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.within.is_none() && self.held.is_empty() && self.by_hand.is_empty()
    }
}
