//! Policy engines beside Prov. Invariant: each has the same people and rules.

use super::{Inside, cedar, cel};
use crate::Error;
use crate::w::{Person, Rules};

/// Who there is.
pub const NAMES: &[&str] = &["cel", "cedar"];

/// Measures one.
pub fn inside(who: &str, people: &[Person], rules: &Rules) -> Result<Inside, Error> {
    match who {
        "cel" => cel::inside(people, rules),
        "cedar" => cedar::inside(people, rules),
        other => Err(Error::Other(format!("there is nobody `{other}` to measure"))),
    }
}
