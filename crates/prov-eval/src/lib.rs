//! The interpreter, engine number one, and explanations: what a checked policy means for identities in columns.
//!
//! Rows of sources become a [`prov_model::Population`] ([`build_population`]); an [`Engine`] decides what everyone
//! should have, and says why.
//!
//! Invariant: pure. The same program, tables, population and moment give the same result, whatever the number of
//! threads, the order of rows in files, or the machine.

#![forbid(unsafe_code)]

mod asks;
mod by_hand;
mod columns;
mod cover;
mod decide;
mod entered;
mod evaluate;
mod exceptions;
pub mod explain;
mod facts;
mod good;
mod grants;
mod index;
mod instances;
mod interner;
mod interp;
mod keep;
mod links;
pub mod live;
mod names;
mod one;
mod profile;
mod ran_out;
mod reject;
mod roles;
mod seq;
mod shape;
mod source;
mod time;
mod trial;
mod truth;
mod violations;
mod wake;
mod world;
mod writes;

pub use asks::Bound;
pub use columns::{PlainOne, Plains};
pub use cover::{Cover, Seen};
pub use evaluate::{Backend, Covered, Engine};
pub use explain::Explanation;
pub use one::{Cause, Caused, Causes, Matches, OneDesired, Withheld};
pub use profile::{
    ColumnsProfile, InputProfile, Met, Open, Part, Probe, Profile, RuleProfile, Shared, TypeProfile, Unplain,
    Why,
};
pub use source::{build_population, build_population_with};
pub use world::{Catalogs, LookupTable, Unknown};
