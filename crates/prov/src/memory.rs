//! Memory in files: JSON, or SQLite by the end of the file's name.
//! Invariant: a file is written whole or not at all.

use crate::error::Error;
use prov_model::{Memory, MemoryError};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Whether a file is for SQLite: its name ends in `.sqlite`, `.sqlite3` or `.db`.
fn is_sqlite(path: &Path) -> bool {
    let ends = ["sqlite", "sqlite3", "db"];
    path.extension().is_some_and(|e| ends.iter().any(|end| e.eq_ignore_ascii_case(end)))
}

/// Reads a memory file; one that is not there is empty.
///
/// # Errors
/// [`Error::Input`] where it is not a memory.
pub fn read_memory(path: &Path) -> Result<Memory, Error> {
    if is_sqlite(path) {
        return if path.exists() { sqlite::read(path) } else { Ok(Memory::default()) };
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Memory::default()),
        Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
    };
    Memory::from_json(&text).map_err(|e| match e {
        MemoryError::Form(why) => no_memory(path, &why),
        MemoryError::Version(v) => later(path, v),
    })
}

/// Writes a memory file whole or not at all. One for SQLite that holds something else than a memory of this version or an
/// earlier one is left as it is.
///
/// # Errors
/// [`Error::Input`] where a file for SQLite is there and is no memory; [`Error::Io`] where it can't be written.
pub fn write_memory(path: &Path, memory: &Memory) -> Result<(), Error> {
    if is_sqlite(path) {
        return sqlite::write(path, memory);
    }
    let name = path.file_name().map_or_else(|| "memory".into(), |n| n.to_string_lossy().into_owned());
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let attempt = || -> io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(memory.to_json().as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    attempt().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        Error::Io { path: path.to_owned(), source }
    })
}

fn no_memory(path: &Path, why: &str) -> Error {
    Error::input(
        format!("`{}` is not a memory: {why}", path.display()),
        "it is the file that `prov plan --memory-out` writes; restore it from a copy",
    )
}

fn later(path: &Path, version: u32) -> Error {
    Error::input(
        format!("`{}` has version {version}, which this Prov does not know", path.display()),
        "use the version of Prov that wrote it, or a later one",
    )
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::{Error, Memory, Path, later, no_memory};
    use prov_store::StoreError;

    pub(super) fn read(path: &Path) -> Result<Memory, Error> {
        prov_store::read(path).map_err(|e| told(path, e))
    }

    pub(super) fn write(path: &Path, memory: &Memory) -> Result<(), Error> {
        prov_store::write(path, memory).map_err(|e| told(path, e))
    }

    fn told(path: &Path, e: StoreError) -> Error {
        match e {
            StoreError::Form(why) => no_memory(path, &why),
            StoreError::Version(v) => later(path, v),
            StoreError::Sqlite(e) => Error::input(
                format!("can't use `{}` as a SQLite file: {e}", path.display()),
                "see whether it is whole, and whether another program holds it; it is left as it was",
            ),
            StoreError::Io(source) => Error::Io { path: path.to_owned(), source },
        }
    }
}

#[cfg(not(feature = "sqlite"))]
mod sqlite {
    use super::{Error, Memory, Path};

    fn none(path: &Path) -> Error {
        Error::input(
            format!("`{}` is for SQLite, which this build of Prov is without", path.display()),
            "name a file that ends in .json, or build with the feature `sqlite`",
        )
    }

    pub(super) fn read(path: &Path) -> Result<Memory, Error> {
        Err(none(path))
    }

    pub(super) fn write(path: &Path, _: &Memory) -> Result<(), Error> {
        Err(none(path))
    }
}
