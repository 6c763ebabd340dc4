//! Codes of names, types, presence, items, dependencies.

use super::{Example::Policy, Example::Shown, codes};

codes! {}
