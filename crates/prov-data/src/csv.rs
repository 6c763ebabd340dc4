//! Comma-separated values with positions, by RFC 4180: cells in double quotes may hold commas, quotes (doubled) and
//! line breaks; blank lines are no rows.
//!
//! Our own scanner: csv-core can tell neither that a file ends within quotes nor where in a row a byte is wrong, and
//! both decide what Prov does. Chunks of a file are read at the same time. Invariant: the scanner only hands out ranges, so
//! a row costs no more than its bytes; where chunks begin leaves no trace.

use crate::raw::{CELL_LIMIT, Parted, Raw};
use crate::{encoding, raw};
use prov_diag::{Diagnostic, codes};
use prov_model::{RawCell, RawTable};
use rayon::prelude::*;
use std::borrow::Cow;

/// How many bytes one thread reads at a time.
pub(crate) const CHUNK: usize = 1 << 22;

/// Reads a CSV file; its first line names the columns. What concerns the whole file is an error; a row that can't be
/// read is rejected and the rest read on.
pub fn read_csv(file: &str, bytes: &[u8]) -> Result<Raw, Vec<Diagnostic>> {
    read_csv_keeping(file, bytes, &|_| true)
}

/// The same, but only the cells of some columns are kept. Rows are judged by all of their cells.
pub fn read_csv_keeping(
    file: &str,
    bytes: &[u8],
    keep: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Raw, Vec<Diagnostic>> {
    read_in_chunks(file, bytes, keep, CHUNK)
}

fn read_in_chunks(
    file: &str,
    bytes: &[u8],
    keep: &(dyn Fn(&str) -> bool + Sync),
    chunk: usize,
) -> Result<Raw, Vec<Diagnostic>> {
    let Parted { rest: mut raw, parts } = read_parts(file, bytes, keep, chunk, &|table| table)?;
    raw.table.append_all(parts, |columns| {
        columns.into_par_iter().for_each(|(column, parts)| column.append(parts));
    });
    Ok(raw)
}

/// The same, but what becomes of the rows of each chunk is up to the caller.
pub(crate) fn read_parts<T: Send>(
    file: &str,
    bytes: &[u8],
    keep: &(dyn Fn(&str) -> bool + Sync),
    chunk: usize,
    each: &(dyn Fn(RawTable) -> T + Sync),
) -> Result<Parted<T>, Vec<Diagnostic>> {
    let bytes = encoding::after_mark(file, bytes)?;
    let mut scanner = Scanner { bytes, at: 0, line: 1 };
    let mut cells = Vec::new();
    let Some(header) = scanner.row(&mut cells) else {
        return Err(vec![
            Diagnostic::new(
                &codes::EMPTY_FILE,
                format!("`{file}` is empty: the first line must name the columns"),
            )
            .in_data(file, None, None)
            .help("an export that failed often leaves an empty file: fetch it again; `nobody` is a first line with no rows below"),
        ]);
    };
    let columns = columns(file, bytes, &header, &cells)?;
    let keep: Vec<bool> = columns.iter().map(|c| keep(c)).collect();
    let empty = || {
        let kept = |name: &str| columns.iter().position(|c| c == name).is_none_or(|i| keep[i]);
        Raw { table: RawTable::keeping(file, columns.clone(), &kept), ..Raw::default() }
    };
    let mut raw = empty();
    let starts = starts(bytes, scanner.at, chunk);
    let ends = || starts.iter().skip(1).copied().chain([bytes.len()]);
    let breaks: Vec<u64> =
        starts.par_iter().zip(ends().collect::<Vec<_>>()).map(|(&a, b)| line_breaks(&bytes[a..b])).collect();
    let mut line = scanner.line;
    let mut places = Vec::with_capacity(starts.len());
    for ((&start, end), breaks) in starts.iter().zip(ends()).zip(breaks) {
        places.push((start, end, line));
        line += breaks;
    }
    let read = |start, end, line| Part::read(empty(), bytes, start, end, line).map(each);
    let mut parts: Vec<Part<T>> =
        places.par_iter().map(|&(start, end, line)| read(start, end, line)).collect();
    // Where a break within quotes was taken for the end of a row, the chunk is read again from where its row begins.
    let (mut at, mut line) = (scanner.at, scanner.line);
    for (part, &(start, end, _)) in parts.iter_mut().zip(&places) {
        if start != at {
            *part = read(at, end.max(at), line);
        }
        (at, line) = (part.at, part.line);
    }
    let mut values = Vec::with_capacity(parts.len());
    for part in parts {
        values.push(part.value);
        raw.rejections.extend(part.raw.rejections);
        raw.truncated |= part.raw.truncated;
        raw.notices.extend(part.raw.notices);
    }
    Ok(Parted { rest: raw, parts: values })
}

/// Where chunks seem to begin: at the start of a line, though it may stand within quotes.
fn starts(bytes: &[u8], first: usize, chunk: usize) -> Vec<usize> {
    let mut starts = vec![first];
    let mut at = first;
    while bytes.len() - at > chunk {
        let Some(end) = memchr::memchr(b'\n', &bytes[at + chunk..]) else { break };
        at += chunk + end + 1;
        if at == bytes.len() {
            break;
        }
        starts.push(at);
    }
    starts
}

/// The rows that begin in a stretch of the file.
struct Part<T> {
    /// What became of them.
    value: T,
    /// What else there is to say of them; it has no rows.
    raw: Raw,
    /// Where the next row begins, and on which line.
    at: usize,
    line: u64,
}

impl Part<RawTable> {
    fn read(mut raw: Raw, bytes: &[u8], start: usize, end: usize, line: u64) -> Part<RawTable> {
        let mut scanner = Scanner { bytes, at: start, line };
        let mut cells = Vec::new();
        // One look at all of it, where that is text.
        let text = encoding::text(&bytes[start..end]).ok().map(|text| (start, text));
        while scanner.at < end {
            let Some(row) = scanner.row_before(end, &mut cells) else { break };
            read_row(&mut raw, bytes, text, &row, &cells);
        }
        Part { value: std::mem::take(&mut raw.table), raw, at: scanner.at, line: scanner.line }
    }

    fn map<T>(self, each: impl Fn(RawTable) -> T) -> Part<T> {
        Part { value: each(self.value), raw: self.raw, at: self.at, line: self.line }
    }
}

/// The names of the columns, trimmed.
fn columns(file: &str, bytes: &[u8], row: &Row, cells: &[Cell]) -> Result<Vec<String>, Vec<Diagnostic>> {
    let error = |code, message: String, help: Option<String>| {
        Diagnostic::new(code, message).in_data(file, Some(row.line), None).maybe_help(help)
    };
    match row.fault {
        Some(Fault::Unclosed) => {
            let message = "the file ends within a quoted column name: it is cut off, or a quote is missing";
            let mut cut = error(&codes::TRUNCATED, message.into(), None);
            cut.severity = prov_diag::Severity::Error;
            return Err(vec![cut]);
        }
        Some(Fault::AfterQuote(_)) => {
            let message = "text stands behind the closing quote of a column name";
            return Err(vec![error(&codes::RAGGED_ROW, message.into(), None)]);
        }
        None => {}
    }
    let text = encoding::text(&bytes[row.start..row.end]).map_err(|e| {
        vec![error(&codes::NOT_UTF8, format!("the names of the columns can't be read: {}", e.message), None)]
    })?;
    let names: Vec<String> = cells.iter().map(|c| c.text(text, row.start).trim().to_owned()).collect();
    if let [one] = names.as_slice()
        && let Some(c) = [';', '\t', '|'].into_iter().find(|&c| one.contains(c))
    {
        let c = if c == '\t' { "a tab".to_owned() } else { format!("`{c}`") };
        return Err(vec![error(
            &codes::UNKNOWN_FORMAT,
            format!("the columns of `{file}` seem to be separated by {c}; they must be separated by commas"),
            Some("export the file with commas as separators".to_owned()),
        )]);
    }
    raw::check_names(names.iter().map(String::as_str), &error)?;
    Ok(names)
}

/// Adds a row, or rejects it.
fn read_row(raw: &mut Raw, bytes: &[u8], chunk: Option<(usize, &str)>, row: &Row, cells: &[Cell]) {
    let named = raw.table.columns.len();
    match row.fault {
        Some(Fault::Unclosed) => {
            return raw.cut_off(
                row.line,
                "the file ends within a cell in quotes that begins in this row: the file is cut off, or a quote is \
                 missing",
            );
        }
        Some(Fault::AfterQuote(cell)) => {
            let column = raw.table.columns.get(cell).cloned();
            return raw.reject(
                row.line,
                column.as_deref(),
                codes::RAGGED_ROW.id,
                "text stands behind the closing quote of a cell; a quote within quotes must be doubled"
                    .to_owned(),
            );
        }
        None => {}
    }
    if cells.len() != named {
        let (count, names) = (count(cells.len(), "cell"), count(named, "column"));
        if cells.len() < named && row.end == bytes.len() {
            let message =
                format!("the last row has {count}, line 1 names {names}, and no line break ends it");
            return raw.cut_off(row.line, &message);
        }
        let hint = if cells.len() > named {
            "is there a comma in a cell that is not in double quotes?"
        } else {
            "is a comma missing, or a line broken in two?"
        };
        let message = format!("the row has {count}, but line 1 names {names}: {hint}");
        return raw.reject(row.line, None, codes::RAGGED_ROW.id, message);
    }
    if let Some((i, long)) = cells.iter().enumerate().find(|(_, c)| c.end - c.start > CELL_LIMIT) {
        let column = raw.table.columns[i].clone();
        let message = raw::too_long(long.end - long.start);
        return raw.reject(row.line, Some(&column), codes::CELL_TOO_LONG.id, message);
    }
    let known = chunk.and_then(|(start, text)| text.get(row.start - start..row.end - start));
    let text = match known.map_or_else(|| encoding::text(&bytes[row.start..row.end]), Ok) {
        Ok(text) => text,
        Err(e) if e.cut && row.end == bytes.len() => {
            return raw.cut_off(row.line, "the file ends within a character");
        }
        Err(e) => {
            let at = row.start + e.at;
            let column =
                cells.iter().position(|c| c.start <= at && at < c.end).map(|i| raw.table.columns[i].clone());
            let message = format!("{}: {}", place(bytes, row, at), e.message);
            return raw.reject(row.line, column.as_deref(), codes::NOT_UTF8.id, message);
        }
    };
    if cells.iter().any(|c| c.escaped) {
        let texts: Vec<_> = cells.iter().map(|c| c.text(text, row.start)).collect();
        raw.table.push(row.line, texts.iter().map(|t| RawCell::Text(t)));
    } else {
        raw.table.push(row.line, cells.iter().map(|c| RawCell::Text(c.plain(text, row.start))));
    }
}

/// Where a byte of a row stands, for people.
fn place(bytes: &[u8], row: &Row, at: usize) -> String {
    let breaks = line_breaks(&bytes[row.start..at]);
    let line = bytes[..at].iter().rposition(|&b| b == b'\n' || b == b'\r').map_or(0, |i| i + 1);
    let character = encoding::character(&bytes[line..], at - line);
    if breaks == 0 {
        format!("character {character}")
    } else {
        format!("line {}, character {character}", row.line + breaks)
    }
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// How many bytes of a cell are looked at one by one.
const SHORT: usize = 16;

/// Finds rows and cells. A line ends at `\n`, `\r\n` or `\r`.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

/// A row: its bytes without the line break, and the line it begins on.
struct Row {
    start: usize,
    end: usize,
    line: u64,
    fault: Option<Fault>,
}

enum Fault {
    /// The file ends within quotes.
    Unclosed,
    /// Text stands behind the closing quote of the cell of this number.
    AfterQuote(usize),
}

/// A cell: its bytes without its quotes.
struct Cell {
    start: usize,
    end: usize,
    /// Whether quotes in it are doubled.
    escaped: bool,
}

impl Cell {
    /// What the cell says; `row` is the text of its row, which begins at byte `start` of the file.
    fn text<'a>(&self, row: &'a str, start: usize) -> Cow<'a, str> {
        let text = self.plain(row, start);
        if self.escaped { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) }
    }

    /// The same as it stands in the file.
    fn plain<'a>(&self, row: &'a str, start: usize) -> &'a str {
        // INVARIANT: cells end at ASCII delimiters, so their ranges are whole characters.
        row.get(self.start - start..self.end - start).unwrap_or("")
    }
}

impl Scanner<'_> {
    /// The next row that is not blank.
    fn row(&mut self, cells: &mut Vec<Cell>) -> Option<Row> {
        self.row_before(self.bytes.len(), cells)
    }

    /// The next row that is not blank and begins before a byte.
    fn row_before(&mut self, limit: usize, cells: &mut Vec<Cell>) -> Option<Row> {
        loop {
            cells.clear();
            if self.at >= limit {
                return None;
            }
            let (start, line) = (self.at, self.line);
            let mut fault = None;
            loop {
                if self.bytes.get(self.at) == Some(&b'"') {
                    self.quoted(cells, &mut fault);
                } else {
                    let cell_start = self.at;
                    self.skip_to_delimiter();
                    cells.push(Cell { start: cell_start, end: self.at, escaped: false });
                }
                if self.bytes.get(self.at) != Some(&b',') {
                    break;
                }
                self.at += 1;
            }
            let end = self.at;
            self.line_break();
            let blank = || self.bytes[start..end].iter().all(u8::is_ascii_whitespace);
            if !self.bytes.get(start).is_some_and(u8::is_ascii_graphic) && blank() {
                continue;
            }
            return Some(Row { start, end, line, fault });
        }
    }

    /// A cell in quotes, up to the delimiter behind it.
    fn quoted(&mut self, cells: &mut Vec<Cell>, fault: &mut Option<Fault>) {
        let start = self.at + 1;
        // Most are short, and hold neither quotes nor line breaks.
        let short = self.bytes[start..].iter().take(SHORT);
        if let Some(len) = short.copied().position(|b| matches!(b, b'"' | b'\n' | b'\r'))
            && self.bytes[start + len] == b'"'
            && matches!(self.bytes.get(start + len + 1), None | Some(b',' | b'\n' | b'\r'))
        {
            self.at = start + len + 1;
            cells.push(Cell { start, end: start + len, escaped: false });
            return;
        }
        self.at = start;
        let mut escaped = false;
        let end = loop {
            let Some(quote) = memchr::memchr(b'"', &self.bytes[self.at..]) else {
                self.at = self.bytes.len();
                fault.get_or_insert(Fault::Unclosed);
                break self.at;
            };
            let quote = self.at + quote;
            self.at = quote + 1;
            if self.bytes.get(self.at) != Some(&b'"') {
                break quote;
            }
            escaped = true;
            self.at += 1;
        };
        self.line += line_breaks(&self.bytes[start..end]);
        let behind = self.at;
        if !matches!(self.bytes.get(behind), Some(b',' | b'\n' | b'\r')) {
            self.skip_to_delimiter();
        }
        if self.bytes[behind..self.at].iter().any(|b| !b.is_ascii_whitespace()) {
            fault.get_or_insert(Fault::AfterQuote(cells.len()));
        }
        cells.push(Cell { start, end, escaped });
    }

    fn skip_to_delimiter(&mut self) {
        let rest = &self.bytes[self.at..];
        // Most cells are short: a look at each byte is done before a wide search has begun.
        for (i, b) in rest.iter().take(SHORT).enumerate() {
            if matches!(b, b',' | b'\n' | b'\r') {
                self.at += i;
                return;
            }
        }
        self.at += memchr::memchr3(b',', b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    fn line_break(&mut self) {
        match &self.bytes[self.at..] {
            [b'\r', b'\n', ..] => self.at += 2,
            [b'\r' | b'\n', ..] => self.at += 1,
            _ => return,
        }
        self.line += 1;
    }
}

/// How many line breaks: `\n`, `\r\n` and `\r` count as one each.
fn line_breaks(bytes: &[u8]) -> u64 {
    if memchr::memchr(b'\r', bytes).is_none() {
        return memchr::memchr_iter(b'\n', bytes).count() as u64;
    }
    let ends = |&i: &usize| bytes[i] == b'\n' || bytes.get(i + 1) != Some(&b'\n');
    memchr::memchr2_iter(b'\n', b'\r', bytes).filter(ends).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn csv_like() -> impl Strategy<Value = Vec<u8>> {
        let token = prop::sample::select(vec![
            "a",
            "bb",
            ",",
            ",",
            "\n",
            "\n",
            "\n",
            "\r\n",
            "\r",
            "\"",
            "\"",
            "\"x\ny\"",
            " ",
            "é",
            "\u{0}",
            "long text that has more bytes than are looked at one by one",
        ]);
        let broken = Just(&b"\xE9"[..]);
        let token = prop_oneof![40 => token.prop_map(str::as_bytes), 1 => broken];
        prop::collection::vec(token, 0..80).prop_map(|t| [&b"a,b\n"[..], &t.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn where_chunks_begin_leaves_no_trace(bytes in csv_like(), chunk in 0..40usize) {
            let read = |chunk| {
                let raw = read_in_chunks("a.csv", &bytes, &|_| true, chunk).map_err(|e| format!("{e:?}"))?;
                let rows: Vec<_> = raw.table.rows().map(|r| format!("{} {:?} {:?}", r.line(), r.cell(0), r.cell(1))).collect();
                Ok::<_, String>((rows, raw.rejections, raw.truncated, format!("{:?}", raw.notices)))
            };
            prop_assert_eq!(read(chunk), read(CHUNK));
        }
    }
}
