//! Parquet and Arrow files as tables. The number of a row, from 1, stands where other formats have a line.
//! Invariant: a column that is not kept is never decoded; a file that can't be read whole is refused.

use crate::raw::{self, CELL_LIMIT, Parted, Raw};
use prov_arrow::{Broken, File, Sink};
use prov_diag::{Diagnostic, codes};
use prov_model::{RawCell, RawColumn, RawTable};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How a file of columns is written.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Parquet,
    Arrow,
}

/// Opens a file.
pub(crate) fn open(name: &str, form: Form, bytes: Vec<u8>) -> Result<File, Vec<Diagnostic>> {
    let open = match form {
        Form::Parquet => File::parquet(bytes),
        Form::Arrow => File::arrow(bytes),
    };
    open.map_err(|e| vec![broken(name, &e)])
}

/// A column on its way.
#[derive(Default)]
struct Cells {
    column: RawColumn,
    rows: usize,
    /// Lengths of cells over the limit; nothing else of them is kept.
    long: Vec<usize>,
    /// Rows that hold one, with its length.
    rejected: Vec<(usize, usize)>,
}

/// The number that stands for the first cell over the limit; the others count down from it.
const LONG: u32 = u32::MAX - 1;

impl Sink for Cells {
    fn code(&mut self, text: &str, json: bool) -> u32 {
        if text.len() > CELL_LIMIT {
            self.long.push(text.len());
            return LONG - (self.long.len() as u32 - 1);
        }
        self.column.code(if json { RawCell::Json(text) } else { RawCell::Text(text) })
    }

    fn extend(&mut self, codes: &[u32]) {
        if self.long.is_empty() {
            self.column.extend_codes(codes);
            self.rows += codes.len();
            return;
        }
        for &code in codes {
            let long = LONG.checked_sub(code).and_then(|i| self.long.get(i as usize));
            if let Some(&bytes) = long {
                self.rejected.push((self.rows, bytes));
            }
            self.column.extend_codes(&[if long.is_some() { 0 } else { code }]);
            self.rows += 1;
        }
    }
}

/// Reads a file; only the cells of some columns are kept.
pub(crate) fn read(
    name: &str,
    file: &File,
    keep: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Raw, Vec<Diagnostic>> {
    let wanted = wanted(name, file, keep)?;
    let read: Vec<Result<Cells, Broken>> = wanted
        .par_iter()
        .map(|&column| {
            let mut cells = Cells::default();
            file.read(column, &mut cells)?;
            Ok(cells)
        })
        .collect();
    let mut cells = Vec::with_capacity(wanted.len());
    let mut errors = Vec::new();
    for column in read {
        match column {
            Ok(column) => cells.push(column),
            Err(e) => errors.push(broken(name, &e)),
        }
    }
    if errors.is_empty() { table(name, file, &wanted, cells, 0) } else { Err(errors) }
}

/// How many rows make a part, where a group has more.
const PART: usize = 1 << 20;

/// Reads a file part by part, so that it never stands in memory as a whole.
pub(crate) fn read_parts<T: Send>(
    name: &str,
    file: &File,
    keep: &(dyn Fn(&str) -> bool + Sync),
    each: &(dyn Fn(RawTable) -> T + Sync),
) -> Result<Parted<T>, Vec<Diagnostic>> {
    let wanted = wanted(name, file, keep)?;
    let mut first = 0;
    let mut groups = Vec::with_capacity(file.groups().len());
    for (group, rows) in file.groups().iter().enumerate() {
        groups.push((group, first));
        first += rows;
    }
    let fresh = || wanted.iter().map(|_| Cells::default()).collect::<Vec<_>>();
    let read = |(group, mut first): (usize, usize)| -> Result<Vec<(Raw, T)>, Vec<Diagnostic>> {
        let mut parts = Vec::new();
        let mut errors = Vec::new();
        let mut take = |cells: Vec<Cells>| {
            let rows = cells.first().map_or(0, |c| c.rows);
            match table(name, file, &wanted, cells, first) {
                Ok(mut raw) => {
                    let value = each(std::mem::take(&mut raw.table));
                    parts.push((raw, value));
                }
                Err(found) => errors.extend(found),
            }
            first += rows;
        };
        let mut cells = fresh();
        let read = file.read_group(group, &wanted, &mut cells, &mut |cells| {
            if cells.first().is_none_or(|c| c.rows < PART) {
                return false;
            }
            take(cells.iter_mut().map(std::mem::take).collect());
            true
        });
        read.map_err(|e| vec![broken(name, &e)])?;
        if cells.iter().any(|c| c.rows > 0) {
            take(cells);
        }
        if errors.is_empty() { Ok(parts) } else { Err(errors) }
    };
    let read: Vec<_> = groups.into_par_iter().map(read).collect();
    let mut out =
        Parted { rest: Raw::new(name, file.columns().to_vec()), parts: Vec::with_capacity(read.len()) };
    for part in read {
        for (raw, value) in part? {
            out.rest.rejections.extend(raw.rejections);
            out.parts.push(value);
        }
    }
    Ok(out)
}

/// The numbers of the columns that are kept.
fn wanted(
    name: &str,
    file: &File,
    keep: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Vec<usize>, Vec<Diagnostic>> {
    let columns = file.columns();
    raw::check_names(columns.iter().map(String::as_str), &|code, message, help| {
        Diagnostic::new(code, message).in_data(name, None, None).maybe_help(help)
    })?;
    Ok((0..columns.len()).filter(|c| keep(&columns[*c])).collect())
}

/// Columns as a table, whose first row has so many before it in the file.
fn table(
    name: &str,
    file: &File,
    wanted: &[usize],
    cells: Vec<Cells>,
    first: usize,
) -> Result<Raw, Vec<Diagnostic>> {
    let columns = file.columns();
    let rows = cells.first().map_or(file.rows(), |c| c.rows);
    let mut raw = Raw::new(name, columns.to_vec());
    let mut without = BTreeSet::new();
    for (column, cells) in wanted.iter().zip(&cells) {
        if cells.rows != rows {
            let message = format!("it has {} rows, others have {rows}", cells.rows);
            let e = Broken { message, column: columns.get(*column).cloned() };
            return Err(vec![broken(name, &e)]);
        }
        for &(row, bytes) in cells.rejected.iter().filter(|(row, _)| without.insert(*row)) {
            raw.reject(
                (first + row) as u64 + 1,
                Some(&columns[*column]),
                codes::CELL_TOO_LONG.id,
                raw::too_long(bytes),
            );
        }
    }
    raw.rejections.sort();
    let mut by_column: BTreeMap<usize, Cells> = wanted.iter().copied().zip(cells).collect();
    let kept = columns
        .iter()
        .enumerate()
        .map(|(i, column)| (column.clone(), by_column.remove(&i).map(|cells| cells.column)));
    raw.table = RawTable::of_columns(name, kept.collect(), first..first + rows, &without);
    Ok(raw)
}

fn broken(name: &str, e: &Broken) -> Diagnostic {
    Diagnostic::new(&codes::BROKEN_FILE, e.message.clone())
        .in_data(name, None, e.column.clone())
        .help("fetch the file again, or write it anew: nothing of it was read")
}
