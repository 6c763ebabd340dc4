//! The canonical layout.
//!
//! Invariant: formatting changes white space only.

use prov_diag::Diagnostic;

/// The text in canonical layout.
pub fn format(source_text: &str) -> Result<String, Vec<Diagnostic>> {
    Ok(source_text.to_owned())
}
