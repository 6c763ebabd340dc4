//! Prov, policy as code for who gets access to what: the library for those who embed it.
//!
//! A [`Policy`] is loaded and checked once, compiled to an [`Engine`], and then asked: what should everyone have
//! ([`Engine::evaluate`]), what one person ([`Engine::evaluate_one`]), what is to be done so that the actual state
//! becomes the desired one ([`Engine::plan`]), and why ([`Engine::explain`]).
//!
//! ```
//! # fn main() -> Result<(), prov::Error> {
//! let policy = prov::Policy::from_strings([(
//!     "main.prov",
//!     r#"
//!     identity person { id : string key  department : text }
//!     source hr of person authoritative {}
//!     app crm via file { managed all  entitlement role(text) }
//!     role sales when department == "Sales" { grant crm.role("seller") }
//!     "#,
//! )])?;
//! let engine = policy.compile(prov::Backend::Auto)?;
//! let at = policy.at("2026-03-02")?;
//! let people = prov::Population::from_csv_bytes(&policy, "person", "hr.csv", b"id,department\n7,sales\n8,Finance\n")?;
//!
//! let desired = engine.evaluate(&people, &at);
//! assert_eq!(desired.entitlements("7"), ["crm.role(\"seller\")"]);
//! assert!(desired.entitlements("8").is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Invariant: this crate reads files only where a function says so by name, and never a clock or the environment.

mod by_hand;
mod engine;
mod error;
mod export;
mod graph;
mod identity;
mod jit;
mod live;
mod memory;
mod policy;
mod population;
mod profile;
mod project;
pub mod proof;
mod reasons;
mod render;
mod schedule;
pub mod template;
pub mod testing;

pub use by_hand::ByHand;
pub use engine::{AccountView, Backend, CoveredCondition, Desired, Engine, Planned};
pub use error::{Error, Report};
pub use export::explanation_json;
pub use graph::{GraphFormat, graph};
pub use identity::{Entitlement, Identity, OneResult};
pub use live::{Changes, Live, RowChange};
pub use memory::{read_memory, write_memory};
pub use policy::{Loaded, Policy, format_file, policy_files};
pub use population::{Actual, Population, Wiring, is_packed};
pub use profile::{Profile, ProfileOptions, Profiler};
pub use project::Project;
pub use render::{explanation_text, one_result_text};
pub use schedule::{Coming, PeopleAt, StateChange};

pub use prov_data::PackedState;
pub use prov_diag::{Diagnostic, RenderOptions, codes, did_you_mean};
pub use prov_eval::Explanation;
pub use prov_model::{
    Assignment, Background, Date, Exception, Instant, Memory, Meter, Moment, Phase, Rejection, TimePoint,
    Zone,
};
pub use prov_plan::{
    ActionKind, ActionView, Because, Finding, Plan, Verdict, csv as plan_csv, human as plan_human,
};
pub use prov_syntax::format as format_source;

/// The version of this library, as plans name it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
