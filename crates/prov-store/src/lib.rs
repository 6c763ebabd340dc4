//! Memory in SQLite files, where other programs can query it.
//!
//! Apart from the other crates for the sake of what it brings: SQLite itself is in the build. It is the one crate below
//! `prov` that opens files, since SQLite does so by itself.
//!
//! Invariant: what is written and read again is the same memory; a file is written as a whole or not at all, and one that is
//! not a memory of this version or an earlier one is never written over.

mod sqlite;
mod tables;

pub use sqlite::{StoreError, read, write};
pub use tables::{Cell, Column, Kind, TABLES, Table, fill, rows};
