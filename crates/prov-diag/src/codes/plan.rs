//! Codes of actual state, plans and guards.

use super::codes;

codes! {}
