//! Codes of project files, sources and tables.

use super::codes;

codes! {}
