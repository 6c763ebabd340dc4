//! Parquet files as tables. The number of a row, from 1, stands where other formats have a line.
//! Invariant: a column that is not kept is never decoded; a file that can't be read whole is refused.

use crate::raw::{self, CELL_LIMIT, Raw};
use prov_arrow::{Broken, File, Sink};
use prov_diag::{Diagnostic, codes};
use prov_model::{RawCell, RawColumn, RawTable};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Reads a Parquet file; only the cells of some columns are kept.
pub fn read_parquet(name: &str, bytes: Vec<u8>, keep: &dyn Fn(&str) -> bool) -> Result<Raw, Vec<Diagnostic>> {
    File::parquet(bytes).map_err(|e| vec![broken(name, &e)]).and_then(|open| read(name, &open, keep))
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

    fn push(&mut self, code: u32) {
        let long = LONG.checked_sub(code).and_then(|i| self.long.get(i as usize));
        if let Some(&bytes) = long {
            self.rejected.push((self.rows, bytes));
        }
        self.column.push_code(if long.is_some() { 0 } else { code });
        self.rows += 1;
    }
}

fn read(name: &str, file: &File, keep: &dyn Fn(&str) -> bool) -> Result<Raw, Vec<Diagnostic>> {
    let columns = file.columns();
    raw::check_names(columns.iter().map(String::as_str), &|code, message, help| {
        Diagnostic::new(code, message).in_data(name, None, None).maybe_help(help)
    })?;
    let wanted: Vec<usize> = (0..columns.len()).filter(|c| keep(&columns[*c])).collect();
    let read: Vec<Result<Cells, Broken>> = wanted
        .par_iter()
        .map(|&column| {
            let mut cells = Cells::default();
            file.read(column, &mut cells)?;
            Ok(cells)
        })
        .collect();
    let mut by_column: BTreeMap<usize, Cells> = BTreeMap::new();
    let mut errors = Vec::new();
    for (column, cells) in wanted.into_iter().zip(read) {
        match cells {
            Ok(cells) => drop(by_column.insert(column, cells)),
            Err(e) => errors.push(broken(name, &e)),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let rows = file.rows();
    let mut raw = Raw::new(name, columns.to_vec());
    let mut without = BTreeSet::new();
    for (column, cells) in &by_column {
        if cells.rows != rows {
            let message = format!("it has {} rows, others have {rows}", cells.rows);
            let e = Broken { message, column: columns.get(*column).cloned() };
            return Err(vec![broken(name, &e)]);
        }
        for &(row, bytes) in cells.rejected.iter().filter(|(row, _)| without.insert(*row)) {
            raw.reject(
                row as u64 + 1,
                Some(&columns[*column]),
                codes::CELL_TOO_LONG.id,
                raw::too_long(bytes),
            );
        }
    }
    raw.rejections.sort();
    let kept = columns
        .iter()
        .enumerate()
        .map(|(i, column)| (column.clone(), by_column.remove(&i).map(|cells| cells.column)));
    raw.table = RawTable::of_columns(name, kept.collect(), rows, &without);
    Ok(raw)
}

fn broken(name: &str, e: &Broken) -> Diagnostic {
    Diagnostic::new(&codes::BROKEN_FILE, e.message.clone())
        .in_data(name, None, e.column.clone())
        .help("fetch the file again, or write it anew: nothing of it was read")
}
