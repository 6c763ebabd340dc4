//! Diagnostics: what Prov says when a policy or its data is wrong.
//!
//! Owns source files and spans, the one catalogue of codes, the [`Diagnostic`] type and its renderings.
//! Invariant: every diagnostic carries a code of the catalogue, and every code of the catalogue has a page.

pub mod codes;
mod diagnostic;
mod render;
mod source;
mod suggest;

pub use codes::{Code, Example, Severity};
pub use diagnostic::{Diagnostic, Fix, Label, Place, sort};
pub use render::{RenderOptions, render_human, render_json};
pub use source::{LineCol, Source, SourceId, SourceMap, Span};
pub use suggest::did_you_mean;
