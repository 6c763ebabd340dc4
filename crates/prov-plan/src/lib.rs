//! Diff, order, guards: the plan and its outputs.
//!
//! Owns what is to be done so that everyone has what they should, in an order that can be run, and how that is told.
//! Knows no engine and no syntax: only what is desired, what is there, and what is remembered.

pub mod csv;
mod diff;
mod finding;
mod findings;
mod granted;
mod guards;
pub mod human;
mod json;
mod limit;
mod lines;
mod memory;
mod names;
mod order;
mod person;
mod plan;
mod protect;
mod quiet;
mod reasons;
mod simulate;
mod standing;
mod violations;
mod window;
mod would;

pub use diff::{PlanInput, plan};
pub use finding::{Finding, FindingKind, Held};
pub use json::PlanError;
pub use memory::{memory_after, memory_if};
pub use order::verify_order;
pub use plan::{ActionId, ActionKind, ActionView, Because, Change, Header, Plan, SourceRows, Verdict};
pub use reasons::{AccountQuestion, Cause, Loss, NoReasons, Reasons};
pub use simulate::{apply_if, apply_to};
pub use window::{Everyone, Totals, judge_some};
