//! Codes of names, types, presence, items, dependencies.

use super::codes;

codes! {}
