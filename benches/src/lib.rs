//! Workloads that are made, not kept: people, a policy, what everyone has, and the answer, all drawn from a seed.
//! Invariant: equal arguments make equal bytes on every machine and any number of threads.

pub mod delta;
pub mod draw;
pub mod gate;
pub mod inside;
pub mod org;
pub mod pairs;
pub mod run;
pub mod table;
pub mod w;

use std::path::PathBuf;

/// What can go wrong while a workload is made or measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read or written.
    #[error("`{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Anything else, told in words.
    #[error("{0}")]
    Other(String),
}

/// For `map_err` on what is done with a file.
pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
