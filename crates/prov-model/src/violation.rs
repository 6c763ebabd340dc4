//! What someone holds against the rules, and nobody takes away. Invariant: it is told of, and changes nothing.

use crate::{Entitlement, SeparationHit};

/// A rule that says no to what someone goes on holding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// A forbid that holds covers it.
    Forbidden {
        /// Its place among what was asked about.
        held: u32,
        /// Position in [`crate::Schema::forbids`].
        forbid: u32,
    },
    /// An exception denies it.
    Denied {
        /// Its place among what was asked about.
        held: u32,
        /// Position in [`crate::Desired::exceptions`].
        exception: u32,
    },
    /// It may not stand beside what else they hold, or are to have.
    Apart(SeparationHit<Entitlement>),
}
