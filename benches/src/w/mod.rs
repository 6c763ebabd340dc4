//! Workload W(N, R): N people with 15 attributes, R rules over 2R entitlements, yesterday's state with half a percent of
//! drift. Its first form is a script in another language, whose hashes the tests hold.
//! Invariant: bit for bit what that script makes.

mod answers;
mod files;
mod matcher;
mod people;
mod policy;
mod rules;
mod words;

pub use answers::{Answer, Answers, Chunk, Pairs, chunks, difference, key};
pub use files::{check_plan, write};
pub use matcher::{Matcher, Room};
pub use people::{NO_SKILL, Person, Rows, TODAY, date};
pub use policy::{kind_name, policy};
pub use rules::{Entitlement, Expr, Leaf, Order, Role, Rule, Rules, rules_json};
pub use words::{Attribute, Words, words};

/// One instance of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How many people.
    pub people: u32,
    /// How many rules.
    pub rules: u32,
    /// What everything is drawn from.
    pub seed: u64,
}
