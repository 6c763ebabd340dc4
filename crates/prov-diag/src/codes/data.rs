//! Codes of project files, sources and tables.

use super::{Example::Policy, Example::Shown, codes};

codes! {}
