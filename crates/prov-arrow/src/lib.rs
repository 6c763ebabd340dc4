//! Parquet files, and Arrow's own files and streams, column by column. Every value comes out in the spelling that a cell of text would have, so that
//! what reads it knows one form only; a dictionary's values are spelled once.
//!
//! Imports nothing of the workspace: an edit to the language never builds the readers of these formats again. Invariant:
//! no bytes make it panic, and a column gives as many cells as the file has rows, or an error.

mod ipc;
mod parquet;
mod spell;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where the cells of a column go.
pub trait Sink: Send {
    /// The number of a spelling; the next cells may name it. Absence is 0 and is not asked for.
    fn code(&mut self, text: &str, json: bool) -> u32;
    /// The next cells.
    fn extend(&mut self, codes: &[u32]);
}

/// Why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What is wrong, and where in the file.
    pub message: String,
    /// The column, where one is to blame.
    pub column: Option<String>,
}

/// A file that is open: its columns are known, and nothing of them is read. Its rows come in groups, which can be read at
/// one time, as can the columns of each.
#[derive(Debug)]
pub struct File {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Parquet(parquet::Parquet),
    Ipc(ipc::Ipc),
}

impl File {
    /// Opens a Parquet file. One that is cut short has lost its end, where the columns are told, and can't be.
    pub fn parquet(bytes: Vec<u8>) -> Result<File, Broken> {
        guarded(|| parquet::Parquet::open(bytes)).map(|inner| File { inner: Inner::Parquet(inner) })
    }

    /// Opens a file or a stream in Arrow's own form. One that is cut short is refused.
    pub fn arrow(bytes: Vec<u8>) -> Result<File, Broken> {
        guarded(|| ipc::Ipc::open(bytes)).map(|inner| File { inner: Inner::Ipc(inner) })
    }

    /// The columns, by name.
    pub fn columns(&self) -> &[String] {
        match &self.inner {
            Inner::Parquet(file) => file.columns(),
            Inner::Ipc(file) => file.columns(),
        }
    }

    /// How many rows the file has.
    pub fn rows(&self) -> usize {
        self.groups().iter().sum()
    }

    /// How many rows each group has.
    pub fn groups(&self) -> &[usize] {
        match &self.inner {
            Inner::Parquet(file) => file.groups(),
            Inner::Ipc(file) => file.groups(),
        }
    }

    /// Reads the column of a number; several may be read at one time.
    pub fn read(&self, column: usize, sink: &mut dyn Sink) -> Result<(), Broken> {
        let mut last = None;
        for group in 0..self.groups().len() {
            self.guarded_group(group, &[column], &mut |cells| {
                spell::column(cells.first().ok_or("it has no cells")?, &mut last, sink)
            })?;
        }
        Ok(())
    }

    /// Reads some columns of a group, a stretch of rows at a time: into the sinks, then `full` is called. It says whether
    /// it took what stands in them, so that spellings are numbered from the start again.
    pub fn read_group<S: Sink>(
        &self,
        group: usize,
        columns: &[usize],
        sinks: &mut [S],
        full: &mut dyn FnMut(&mut [S]) -> bool,
    ) -> Result<(), Broken> {
        let mut last = vec![None; columns.len()];
        self.guarded_group(group, columns, &mut |cells| {
            for ((cells, last), sink) in cells.iter().zip(&mut last).zip(sinks.iter_mut()) {
                spell::column(cells, last, sink)?;
            }
            if full(sinks) {
                last.fill(None);
            }
            Ok(())
        })
    }

    fn guarded_group(&self, group: usize, columns: &[usize], each: &mut EachBatch<'_>) -> Result<(), Broken> {
        let name = match columns {
            [one] => self.columns().get(*one).cloned(),
            _ => None,
        };
        let read = || match &self.inner {
            Inner::Parquet(file) => file.read(group, columns, each),
            Inner::Ipc(file) => file.read(group, columns, each),
        };
        guarded(read).map_err(|e| Broken { column: e.column.or(name), ..e })
    }
}

/// What is done with the columns of a stretch of rows.
type EachBatch<'f> = dyn FnMut(&[arrow_array::ArrayRef]) -> Result<(), String> + 'f;

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

/// How many rows a file of so many bytes may say it has. Formats can say in a few bytes that there are billions of equal
/// rows; no table of people is like that, and such a file was made to do harm.
fn may_have(rows: usize, bytes: usize) -> bool {
    rows < u32::MAX as usize && rows <= bytes.saturating_mul(1024).saturating_add(1 << 20)
}
