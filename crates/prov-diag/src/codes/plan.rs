//! Codes of actual state, plans and guards.

use super::{Example::Policy, Example::Shown, codes};

codes! {}
