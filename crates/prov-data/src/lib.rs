//! Reading bytes from outside into the nouns of `prov-model`: sources, tables, catalogs, the actual state.
//!
//! Invariant: no input makes a reader panic, and none is read by half unnoticed: what could not be read is a
//! [`Diagnostic`](prov_diag::Diagnostic) or a [`Rejection`](prov_model::Rejection) with file and line, and a file that
//! was cut off says so.

mod actual;
mod by_hand;
mod columnar;
mod csv;
mod encoding;
mod jsonl;
mod lookup;
mod packed;
mod raw;
mod state;

pub use actual::{EntitlementRows, join_actual, read_actual};
pub use by_hand::{ByHandRows, perhaps_allowed, read_assignments, read_exceptions};
pub use csv::{read_csv, read_csv_keeping};
pub use jsonl::read_json;
pub use lookup::{read_catalog, read_lookup};
pub use raw::{CELL_LIMIT, Raw, read_table, read_table_keeping};
#[doc(hidden)]
pub use state::with_checksums;
pub use state::{PackedState, pack_state, read_state};
