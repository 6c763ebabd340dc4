//! What the tests of the language share: reading a case's head, and a policy's folder made of texts.
//! Invariant: what a head says and the runner does not know is an error, so that no expectation is passed over.

pub mod case;
pub mod eval;
pub mod oracle;
pub mod project;
pub mod random;
pub mod world;

/// The items that a case gets which declares no `identity` of its own.
pub const PRELUDE: &str = include_str!("../prelude.prov");
