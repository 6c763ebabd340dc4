//! Invariants of a policy over all identities, decided by a solver.
//!
//! Owns the encoding of a rule program as a formula, and the search for an identity that breaks a claim. A claim is
//! encoded as an over-approximation: whatever identity, surroundings and moment there are, a model of the formula stands
//! for them. So what has no model is proved. A model is turned into an identity, and an engine (which the caller brings)
//! says whether the claim really fails for it.
//!
//! Attributes are taken apart by the constants that rules compare them with: variants of enums one by one, texts by the
//! tests that are put to them, sets by the elements that are asked for, numbers and days by differences
//! against constants (difference logic). All else is unknown, and named as a [`Gap`].
//!
//! Invariant: [`Answer::Proved`] is never given for a claim that fails for some identity at some time.

mod access;
mod candidate;
mod compare;
mod condition;
mod days;
mod encode;
mod exprs;
mod finish;
mod granted;
mod key;
mod order;
mod sat;
mod search;
mod term;
mod text;
mod value;

pub use candidate::{Candidate, Given, Kept, Other};
pub use search::{Answer, Effort, Question, prove};
pub use term::Gap;
