//! The rows of a source before a policy gives them meaning: column by column, each spelling held once.
//! Invariant: equal codes of a column mean equal cells. The converse need not hold: a column of many distinct cells is not
//! searched for doubles, so who looks for equal cells compares what they say.

use crate::Instant;
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::ops::Range;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawCell<'a> {
    /// Nothing: an empty or blank cell, `null`, or no such field.
    Absent,
    /// Text as it stands, outer blanks kept.
    Text(&'a str),
    /// A JSON array or object, as JSON text.
    Json(&'a str),
}

impl RawCell<'_> {
    /// Whether there is nothing in it: no value, or an array or object without anything in it.
    pub fn is_empty(self) -> bool {
        match self {
            RawCell::Absent => true,
            RawCell::Text(text) => text.trim().is_empty(),
            RawCell::Json(json) => {
                let within = |open, close| json.trim().strip_prefix(open)?.strip_suffix(close);
                let inner: Option<&str> = within('[', ']').or_else(|| within('{', '}'));
                inner.is_some_and(|inner| inner.trim().is_empty())
            }
        }
    }
}

/// Rows as read, with the line each began on.
#[derive(Clone, Debug, Default)]
pub struct RawTable {
    /// The file, as the user named it.
    pub file: String,
    /// Column names.
    pub columns: Vec<String>,
    /// Whether rows may be lacking: the file was cut off, or some of it could not be read as rows. Then absence from it
    /// proves nothing.
    pub incomplete: bool,
    /// Of when the rows are, where that is known.
    pub as_of: Option<Instant>,
    lines: Lines,
    cells: Vec<RawColumn>,
}

/// One row of a [`RawTable`].
#[derive(Clone, Copy, Debug)]
pub struct RawRow<'a> {
    table: &'a RawTable,
    row: usize,
}

/// The cells of one column.
#[derive(Clone, Debug, Default)]
pub struct RawColumn {
    /// By row, the number of its spelling.
    codes: Vec<u32>,
    /// Spellings one behind the other; that of number 0 is absence.
    arena: String,
    /// Where each spelling ends.
    ends: Vec<usize>,
    /// Numbers of spellings that are JSON, in order.
    json: Vec<u32>,
    index: Index,
    /// Its cells are not kept: nobody is to ask for them.
    left_out: bool,
}

impl RawTable {
    /// An empty table.
    pub fn new(file: impl Into<String>, columns: Vec<String>) -> RawTable {
        RawTable::keeping(file, columns, &|_| true)
    }

    /// An empty table that keeps the cells of some columns only; the others read as absent.
    pub fn keeping(file: impl Into<String>, columns: Vec<String>, keep: &dyn Fn(&str) -> bool) -> RawTable {
        let cells = columns.iter().map(|c| RawColumn { left_out: !keep(c), ..RawColumn::default() });
        RawTable { file: file.into(), cells: cells.collect(), columns, ..RawTable::default() }
    }

    /// A table of columns that are there already, of as many cells as there are rows; `None` is one that is not kept. Rows
    /// are on lines of their own, that of number 0 on line 1; some are left out, by position from the first.
    pub fn of_columns(
        file: impl Into<String>,
        columns: Vec<(String, Option<RawColumn>)>,
        rows: Range<usize>,
        without: &BTreeSet<usize>,
    ) -> RawTable {
        let mut table = RawTable { file: file.into(), ..RawTable::default() };
        let mut next = 0;
        for &row in without.iter().chain([&rows.len()]) {
            table.lines.extend((rows.start + next) as u64 + 1, row.saturating_sub(next));
            next = row + 1;
        }
        for (name, cells) in columns {
            let mut cells = cells.unwrap_or_else(|| RawColumn { left_out: true, ..RawColumn::default() });
            debug_assert!(cells.left_out || cells.codes.len() == rows.len());
            if !without.is_empty() {
                let mut row = 0..;
                cells.codes.retain(|_| row.next().is_none_or(|row| !without.contains(&row)));
            }
            table.columns.push(name);
            table.cells.push(cells);
        }
        table
    }

    /// A table of parts that come from outside; `None` where they are at odds. `stretches` are as [`RawTable::stretches`]
    /// gives them.
    pub fn of_parts(
        file: String,
        names: Vec<String>,
        columns: Vec<Option<RawColumn>>,
        rows: usize,
        stretches: Vec<(usize, u64)>,
    ) -> Option<RawTable> {
        let whole = |c: &RawColumn| {
            c.codes.len() == rows && c.codes.iter().max().is_none_or(|code| (*code as usize) < c.spellings())
        };
        if names.len() != columns.len() || !columns.iter().flatten().all(whole) {
            return None;
        }
        let begins = stretches.first().map_or(rows == 0, |first| first.0 == 0);
        let rise =
            stretches.is_sorted_by(|a, b| a.0 < b.0) && stretches.last().is_none_or(|last| last.0 < rows);
        if !begins || !rise || stretches.iter().any(|s| s.1 > u64::from(u32::MAX) << 16) {
            return None;
        }
        let left_out = || RawColumn { left_out: true, ..RawColumn::default() };
        Some(RawTable {
            file,
            columns: names,
            cells: columns.into_iter().map(|c| c.unwrap_or_else(left_out)).collect(),
            lines: Lines { len: rows, starts: stretches },
            ..RawTable::default()
        })
    }

    /// The first row of each stretch of rows that begin on lines behind one another, and its line.
    pub fn stretches(&self) -> &[(usize, u64)] {
        &self.lines.starts
    }

    /// Adds a row; it must have as many cells as there are columns.
    pub fn push<'c>(&mut self, line: u64, cells: impl IntoIterator<Item = RawCell<'c>>) {
        let mut columns = self.cells.iter_mut();
        for cell in cells {
            match columns.next() {
                Some(column) => column.push(cell),
                None => debug_assert!(false, "a row has as many cells as there are columns"),
            }
        }
        debug_assert!(columns.next().is_none(), "a row has as many cells as there are columns");
        self.lines.push(line);
    }

    /// Appends tables of the same columns, whose rows come behind one another. `each` is called with a column and its
    /// parts, to do all columns at once where the caller has threads.
    pub fn append_all(
        &mut self,
        parts: Vec<RawTable>,
        each: impl FnOnce(Vec<(&mut RawColumn, Vec<RawColumn>)>),
    ) {
        let mut by_column: Vec<(&mut RawColumn, Vec<RawColumn>)> =
            self.cells.iter_mut().map(|c| (c, Vec::with_capacity(parts.len()))).collect();
        for part in parts {
            debug_assert_eq!(part.columns, self.columns);
            self.lines.append(part.lines);
            by_column.iter_mut().zip(part.cells).for_each(|((_, all), cells)| all.push(cells));
        }
        each(by_column);
    }

    /// In how many rows a column holds nothing: in all of them, where there is no such column.
    pub fn empty_in(&self, column: &str) -> u64 {
        let Some(column) = self.column(column) else { return self.len() as u64 };
        let column = &self.cells[column];
        if column.left_out {
            return self.len() as u64;
        }
        let empty: Vec<bool> = (0..column.spellings()).map(|c| column.spelled(c as u32).is_empty()).collect();
        column.codes.iter().filter(|c| empty[**c as usize]).count() as u64
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.lines.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position of a column: its exact name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c == name)
    }

    /// The cells of a column.
    pub fn cells(&self, column: usize) -> &RawColumn {
        &self.cells[column]
    }

    /// A row.
    pub fn row(&self, row: usize) -> RawRow<'_> {
        RawRow { table: self, row }
    }

    /// All rows in order of the file.
    pub fn rows(&self) -> impl Iterator<Item = RawRow<'_>> {
        (0..self.len()).map(|row| self.row(row))
    }
}

impl<'a> RawRow<'a> {
    /// The line that the row begins on, from 1.
    pub fn line(self) -> u64 {
        self.table.lines.get(self.row)
    }

    /// A cell. Blank text is absent.
    pub fn cell(self, column: usize) -> RawCell<'a> {
        self.table.cells[column].get(self.row)
    }
}

impl RawColumn {
    /// The number of the spelling of every row; none where the column was not kept.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// How many spellings there are, numbered from 0.
    pub fn spellings(&self) -> usize {
        self.ends.len().max(1)
    }

    /// What a spelling says.
    pub fn spelled(&self, code: u32) -> RawCell<'_> {
        if code == 0 {
            return RawCell::Absent;
        }
        let code = code as usize;
        let text = &self.arena[self.ends[code - 1]..self.ends[code]];
        if !self.json.is_empty() && self.json.binary_search(&(code as u32)).is_ok() {
            RawCell::Json(text)
        } else {
            RawCell::Text(text)
        }
    }

    /// The cell of a row.
    pub fn get(&self, row: usize) -> RawCell<'_> {
        if self.left_out { RawCell::Absent } else { self.spelled(self.codes[row]) }
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: RawCell<'_>) {
        if self.left_out {
            return;
        }
        let code = self.code(cell);
        self.codes.push(code);
    }

    /// Adds a spelling without looking whether it is there; its number, 0 where it is blank.
    pub fn spell_anew(&mut self, cell: RawCell<'_>) -> u32 {
        // Who looks for its like would not find it.
        self.index.given_up = true;
        match cell {
            RawCell::Absent => 0,
            RawCell::Text(text) | RawCell::Json(text) if blank(text) => 0,
            RawCell::Text(text) => self.add(text, false),
            RawCell::Json(text) => self.add(text, true),
        }
    }

    /// Whether its cells are not kept.
    pub fn is_left_out(&self) -> bool {
        self.left_out
    }

    /// Adds cells of known spellings.
    pub fn extend_codes(&mut self, codes: &[u32]) {
        debug_assert!(codes.iter().all(|code| (*code as usize) < self.spellings()));
        if !self.left_out {
            self.codes.extend_from_slice(codes);
        }
    }

    /// The number of a spelling, new if need be.
    pub fn code(&mut self, cell: RawCell<'_>) -> u32 {
        let (text, json) = match cell {
            RawCell::Absent => return 0,
            RawCell::Text(text) | RawCell::Json(text) if blank(text) => return 0,
            RawCell::Text(text) => (text, false),
            RawCell::Json(text) => (text, true),
        };
        // Rows of one identity often stand together.
        if let Some(&last) = self.codes.last()
            && self.is(last, text, json)
        {
            return last;
        }
        let Some((slot, hash)) = self.index.slot(text, self.ends.len()) else { return self.add(text, json) };
        let mut at = slot;
        for _ in 0..PROBES {
            match self.index.slots[at] {
                (_, 0) => {
                    let code = self.add(text, json);
                    self.index.slots[at] = (hash, code);
                    self.index.grow(code as usize, self.codes.len(), &self.arena, &self.ends);
                    return code;
                }
                (h, code) if h == hash && self.is(code, text, json) => return code,
                _ => at = (at + 1) & (self.index.slots.len() - 1),
            }
        }
        // So many in one place are no accident: whoever made these cells only loses that they are held once.
        self.index.given_up = true;
        self.add(text, json)
    }

    fn is(&self, code: u32, text: &str, json: bool) -> bool {
        match self.spelled(code) {
            RawCell::Absent => false,
            RawCell::Text(t) => !json && t == text,
            RawCell::Json(t) => json && t == text,
        }
    }

    fn add(&mut self, text: &str, json: bool) -> u32 {
        if self.ends.is_empty() {
            self.ends.push(0);
        }
        let code = self.ends.len() as u32;
        self.arena.push_str(text);
        self.ends.push(self.arena.len());
        if json {
            self.json.push(code);
        }
        code
    }

    /// Appends the cells of other columns behind these.
    pub fn append(&mut self, parts: Vec<RawColumn>) {
        if self.left_out {
            return;
        }
        self.codes.reserve(parts.iter().map(|p| p.codes.len()).sum());
        for mut part in parts {
            if self.codes.is_empty() && self.ends.is_empty() {
                *self = part;
                continue;
            }
            if part.index.given_up {
                self.index.given_up = true;
                self.append_as_is(part);
                continue;
            }
            self.index.coming = part.codes.len();
            let codes: Vec<u32> =
                (0..part.spellings() as u32).map(|code| self.code(part.spelled(code))).collect();
            self.codes.extend(part.codes.drain(..).map(|code| codes[code as usize]));
            self.index.coming = 0;
        }
    }

    fn append_as_is(&mut self, part: RawColumn) {
        if self.ends.is_empty() {
            self.ends.push(0);
        }
        // Number 0 is the same in both.
        let (base, bytes) = (self.ends.len() as u32 - 1, self.arena.len());
        let moved = |code: u32| if code == 0 { 0 } else { base + code };
        self.arena.push_str(&part.arena);
        self.ends.extend(part.ends.iter().skip(1).map(|e| e + bytes));
        self.json.extend(part.json.iter().map(|c| moved(*c)));
        self.codes.extend(part.codes.iter().map(|c| moved(*c)));
    }
}

/// Whether a cell says nothing.
fn blank(text: &str) -> bool {
    match text.as_bytes().first() {
        None => true,
        Some(b) if b.is_ascii_graphic() => false,
        Some(_) => text.trim().is_empty(),
    }
}

/// How many places are looked at before a spelling counts as new.
const PROBES: usize = 256;

/// Finds the numbers of spellings by their text.
#[derive(Clone, Debug, Default)]
struct Index {
    /// A part of the hash, and the number; 0 where the slot is free. As many as a power of two.
    slots: Vec<(u32, u32)>,
    /// Most cells are new, so that looking for their like costs more than it saves.
    given_up: bool,
    /// Cells that are being added and have no code yet.
    coming: usize,
}

/// From how many spellings on an index may give up.
const SAMPLE: usize = 1 << 12;

impl Index {
    /// Where to look for a text first, with the part of its hash that is kept.
    fn slot(&mut self, text: &str, spellings: usize) -> Option<(usize, u32)> {
        if self.given_up {
            return None;
        }
        if self.slots.is_empty() {
            debug_assert!(spellings <= 1);
            self.slots = vec![(0, 0); 64];
        }
        let hash = hash(text);
        Some((hash as usize & (self.slots.len() - 1), (hash >> 32) as u32))
    }

    /// Makes room once there are `spellings`, of `cells` cells.
    fn grow(&mut self, spellings: usize, cells: usize, arena: &str, ends: &[usize]) {
        if self.given_up || spellings * 2 < self.slots.len() {
            return;
        }
        if spellings >= SAMPLE && spellings > (cells + self.coming) / 2 {
            *self = Index { given_up: true, ..Index::default() };
            return;
        }
        let size = self.slots.len() * 4;
        let mut slots = vec![(0, 0); size];
        for (code, range) in ends.windows(2).enumerate() {
            let hash = hash(&arena[range[0]..range[1]]);
            let mut at = hash as usize & (size - 1);
            while slots[at].1 != 0 {
                at = (at + 1) & (size - 1);
            }
            slots[at] = ((hash >> 32) as u32, code as u32 + 1);
        }
        self.slots = slots;
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The lines of rows: stretches in which each row begins on the line after the one before it.
#[derive(Clone, Debug, Default)]
struct Lines {
    len: usize,
    /// The first row of a stretch, and its line.
    starts: Vec<(usize, u64)>,
}

impl Lines {
    fn push(&mut self, line: u64) {
        self.extend(line, 1);
    }

    /// Adds as many rows, each on a line of its own.
    fn extend(&mut self, line: u64, rows: usize) {
        if rows == 0 {
            return;
        }
        let next = self.starts.last().map(|(row, first)| first + (self.len - row) as u64);
        if next != Some(line) {
            self.starts.push((self.len, line));
        }
        self.len += rows;
    }

    fn append(&mut self, other: Lines) {
        let ends = other.starts.iter().skip(1).map(|s| s.0).chain([other.len]);
        for (&(row, line), end) in other.starts.iter().zip(ends) {
            self.extend(line, end - row);
        }
    }

    fn get(&self, row: usize) -> u64 {
        let at = self.starts.partition_point(|s| s.0 <= row);
        self.starts.get(at.wrapping_sub(1)).map_or(0, |(first, line)| line + (row - first) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(u64, [RawCell<'_>; 2])]) -> RawTable {
        let mut table = RawTable::new("a.csv", vec!["a".into(), "b".into()]);
        rows.iter().for_each(|(line, cells)| table.push(*line, *cells));
        table
    }

    #[test]
    fn cells_and_lines_come_back_as_they_went_in() {
        use RawCell::{Absent, Json, Text};
        let rows = [
            (2, [Text("x"), Text(" ")]),
            (3, [Text("x"), Json("[1]")]),
            (7, [Absent, Text("[1]")]),
            (8, [Text("y"), Json("[1]")]),
            (8, [Text("x"), Text("[1]")]),
        ];
        let table = table(&rows);
        for (i, (line, [a, b])) in rows.iter().enumerate() {
            let row = table.row(i);
            let b = if *b == Text(" ") { Absent } else { *b };
            assert_eq!((row.line(), row.cell(0), row.cell(1)), (*line, *a, b));
        }
        assert_eq!(table.cells(0).codes(), [1, 1, 0, 2, 1]);
        assert_eq!((table.empty_in("a"), table.empty_in("b"), table.empty_in("c")), (1, 1, 5));
    }

    #[test]
    fn parts_behind_one_another_are_the_whole() {
        // Numbers that hardly repeat, then such as do: both kinds of column, at every seam.
        for distinct in [10u64, 20_000] {
            let all: Vec<(u64, String)> =
                (0..30_000u64).map(|i| (i + 2 + i / 700, format!("v{}", i * 7919 % distinct))).collect();
            let fill = |rows: &[(u64, String)]| {
                let mut table = RawTable::new("a.csv", vec!["a".into()]);
                rows.iter().for_each(|(line, cell)| table.push(*line, [RawCell::Text(cell)]));
                table
            };
            let mut joined = RawTable::new("a.csv", vec!["a".into()]);
            joined.append_all(all.chunks(7001).map(fill).collect(), |columns| {
                columns.into_iter().for_each(|(column, parts)| column.append(parts));
            });
            assert_eq!(joined.len(), all.len());
            for (row, (line, cell)) in joined.rows().zip(&all) {
                assert_eq!((row.line(), row.cell(0)), (*line, RawCell::Text(cell)));
            }
            if distinct == 10 {
                assert_eq!(joined.cells(0).spellings(), 11);
            }
        }
    }

    #[test]
    fn columns_that_are_not_kept_cost_nothing_and_read_as_absent() {
        let mut table = RawTable::keeping("a.csv", vec!["a".into(), "b".into()], &|c| c == "b");
        table.push(2, [RawCell::Text("x"), RawCell::Text("y")]);
        assert_eq!((table.row(0).cell(0), table.row(0).cell(1)), (RawCell::Absent, RawCell::Text("y")));
        assert!(table.cells(0).codes().is_empty());
    }
}
