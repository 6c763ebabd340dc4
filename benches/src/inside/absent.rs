//! No policy engines beside Prov in this build. Invariant: says how to get them.

use super::Inside;
use crate::Error;
use crate::w::{Person, Rules};

/// Nobody.
pub const NAMES: &[&str] = &[];

/// Never measures.
pub fn inside(who: &str, _people: &[Person], _rules: &Rules) -> Result<Inside, Error> {
    Err(Error::Other(format!("`{who}` is not in this build: build with `--features peers`")))
}
