//! Parquet files, column by column. Every value comes out in the spelling that a cell of text would have, so that
//! what reads it knows one form only; a dictionary's values are spelled once.
//!
//! Imports nothing of the workspace: an edit to the language never builds the readers of these formats again. Invariant:
//! no bytes make it panic, and a column gives as many cells as the file has rows, or an error.

mod parquet;
mod spell;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where the cells of a column go.
pub trait Sink: Send {
    /// The number of a spelling; the next cells may name it. Absence is 0 and is not asked for.
    fn code(&mut self, text: &str, json: bool) -> u32;
    /// The next cell.
    fn push(&mut self, code: u32);
}

/// Why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What is wrong, and where in the file.
    pub message: String,
    /// The column, where one is to blame.
    pub column: Option<String>,
}

/// A file that is open: its columns are known, and nothing of them is read.
#[derive(Debug)]
pub struct File {
    inner: parquet::Parquet,
}

impl File {
    /// Opens a Parquet file. One that is cut short has lost its end, where the columns are told, and can't be.
    pub fn parquet(bytes: Vec<u8>) -> Result<File, Broken> {
        guarded(|| parquet::Parquet::open(bytes)).map(|inner| File { inner })
    }

    /// The columns, by name.
    pub fn columns(&self) -> &[String] {
        self.inner.columns()
    }

    /// Reads the column of a number; several may be read at one time. How many rows it has.
    pub fn read(&self, column: usize, sink: &mut dyn Sink) -> Result<usize, Broken> {
        let name = self.columns().get(column).cloned();
        let read = guarded(|| self.inner.read(column, sink));
        read.map_err(|e| Broken { column: e.column.or(name), ..e })
    }

    /// How many rows the file has.
    pub fn rows(&self) -> usize {
        self.inner.rows()
    }
}

impl Broken {
    fn new(message: impl Into<String>) -> Broken {
        Broken { message: message.into(), column: None }
    }
}

/// The libraries below were written for files of friends: where broken bytes make one panic, the file is broken.
fn guarded<T>(read: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Broken::new("it is broken in a way that its reader did not foresee")))
}

/// What a library says, as a part of a sentence: without line breaks, and not too long.
fn said(error: &dyn std::fmt::Display) -> String {
    let text: String = error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
