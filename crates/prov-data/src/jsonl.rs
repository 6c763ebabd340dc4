//! JSON Lines of objects, and a file that is one JSON array of objects. Scalars become text as they are written, arrays
//! and objects stay JSON.
//!
//! Invariant: columns are the keys of all objects that were accepted, in order of first sight; an object is read as a
//! whole or rejected as a whole.

use crate::raw::{CELL_LIMIT, Parted, Raw};
use crate::{encoding, raw};
use prov_diag::{Diagnostic, codes};
use prov_model::{RawCell, RawTable, shorten};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// How deep arrays and objects may be nested within a cell.
const DEPTH_LIMIT: usize = 32;
/// How many different keys the objects of a file may have.
const KEY_LIMIT: usize = 2000;

/// Reads JSON Lines, or one array of objects where the first character is `[`. A line (element) that can't be read is
/// rejected and the rest read on; a broken array is an error.
pub fn read_json(file: &str, bytes: &[u8]) -> Result<Raw, Vec<Diagnostic>> {
    read_json_keeping(file, bytes, &|_| true)
}

/// The same, but only the cells of some keys are kept. Objects are judged by all of them.
pub fn read_json_keeping(
    file: &str,
    bytes: &[u8],
    keep: &(dyn Fn(&str) -> bool + Sync),
) -> Result<Raw, Vec<Diagnostic>> {
    let Parted { rest: mut raw, parts } = read_parts(file, bytes, keep, CHUNK, &|table| table)?;
    raw.table.append_all(parts, |columns| {
        columns.into_par_iter().for_each(|(column, parts)| column.append(parts));
    });
    Ok(raw)
}

/// How many bytes of lines one thread reads at a time.
pub(crate) const CHUNK: usize = 1 << 22;

/// The same, but what becomes of the rows of each chunk is up to the caller.
pub(crate) fn read_parts<T: Send>(
    file: &str,
    bytes: &[u8],
    keep: &(dyn Fn(&str) -> bool + Sync),
    chunk: usize,
    each: &(dyn Fn(RawTable) -> T + Sync),
) -> Result<Parted<T>, Vec<Diagnostic>> {
    let bytes = encoding::after_mark(file, bytes)?;
    let fresh = || Reader { raw: Raw::new(file, vec![]), rows: Rows::new(keep) };
    let mut parts = match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        None => {
            let message =
                format!("`{file}` is empty: there must be a JSON object on each line, or an array of them");
            let help = "a list of no one is written `[]`";
            return Err(vec![
                Diagnostic::new(&codes::EMPTY_FILE, message).in_data(file, None, None).help(help),
            ]);
        }
        Some(b'[') => {
            let mut reader = fresh();
            reader.array(bytes)?;
            vec![reader]
        }
        Some(_) => {
            let ends = ends(bytes, chunk);
            let starts = || std::iter::once(0).chain(ends.iter().copied());
            let counted: Vec<(usize, usize)> = starts().zip(ends.iter().copied()).collect();
            let breaks: Vec<u64> = counted
                .par_iter()
                .map(|&(start, end)| memchr::memchr_iter(b'\n', &bytes[start..end]).count() as u64)
                .collect();
            let mut line = 1;
            let mut places = Vec::with_capacity(counted.len());
            for ((start, end), breaks) in counted.into_iter().zip(breaks) {
                places.push((start, end, line));
                line += breaks;
            }
            let read = |&(start, end, line): &(usize, usize, u64)| {
                let mut reader = fresh();
                reader.lines(bytes, start, end, line);
                reader
            };
            let parts: Vec<Reader<'_>> = places.par_iter().map(read).collect();
            // Which keys are too many depends on all that came before.
            let few = parts.len() == 1 || columns(&parts).len() < KEY_LIMIT;
            if few { parts } else { vec![read(&(0, bytes.len(), 1))] }
        }
    };
    let columns = columns(&parts);
    let mut rest = Raw { table: RawTable::keeping(file, columns.clone(), &keep), ..Raw::default() };
    for part in &mut parts {
        let raw = std::mem::take(&mut part.raw);
        rest.rejections.extend(raw.rejections);
        rest.notices.extend(raw.notices);
        rest.truncated |= raw.truncated;
    }
    let rows: usize = parts.iter().map(|part| part.rows.rows.len()).sum();
    // Its inner objects must not pass for rows.
    if let [r, ..] = rest.rejections.as_slice()
        && rows + rest.rejections.len() > 1
        && !bytes.trim_ascii_start().starts_with(b"[")
        && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
    {
        let message = format!("`{file}` is one JSON value over several lines, not an object a line");
        let d = Diagnostic::new(&codes::BAD_JSON, message).in_data(file, Some(r.line), None);
        return Err(vec![d.help("write an array of objects, or each object on a line of its own")]);
    }
    let place: FxHashMap<&str, u32> = columns.iter().map(String::as_str).zip(0..).collect();
    let parts = parts
        .into_par_iter()
        .filter(|part| !part.rows.rows.is_empty())
        .map(|part| each(part.rows.table(file, &columns, &place)))
        .collect();
    Ok(Parted { rest, parts })
}

/// Where chunks of lines end.
fn ends(bytes: &[u8], chunk: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while bytes.len() - at > chunk {
        let Some(end) = memchr::memchr(b'\n', &bytes[at + chunk..]) else { break };
        at += chunk + end + 1;
        ends.push(at);
    }
    if ends.last() != Some(&bytes.len()) {
        ends.push(bytes.len());
    }
    ends
}

/// The keys of all parts, in order of first sight.
fn columns(parts: &[Reader<'_>]) -> Vec<String> {
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    let all = parts.iter().flat_map(|part| &part.rows.columns);
    all.filter(|name| seen.insert(name)).cloned().collect()
}

/// Cells as they come, before all columns are known.
struct Rows<'k> {
    keep: &'k (dyn Fn(&str) -> bool + Sync),
    columns: Vec<String>,
    /// By column, whether its cells are kept.
    kept: Vec<bool>,
    index: FxHashMap<String, u32>,
    /// Of every cell that is there: its column, its end in the text, whether it is JSON. Of one that is not kept there is
    /// no text.
    cells: Vec<(u32, usize, bool)>,
    text: String,
    /// Of every row: its line, and the end of its cells.
    rows: Vec<(u64, usize)>,
}

impl<'k> Rows<'k> {
    fn new(keep: &'k (dyn Fn(&str) -> bool + Sync)) -> Rows<'k> {
        Rows {
            keep,
            columns: Vec::new(),
            kept: Vec::new(),
            index: FxHashMap::default(),
            cells: Vec::new(),
            text: String::new(),
            rows: Vec::new(),
        }
    }

    /// The rows with the columns of the whole file, and where each stands there.
    fn table(self, file: &str, columns: &[String], place: &FxHashMap<&str, u32>) -> RawTable {
        let width = columns.len();
        let at: Vec<usize> =
            self.columns.iter().map(|c| place.get(c.as_str()).map_or(0, |at| *at as usize)).collect();
        let mut table = RawTable::keeping(file, columns.to_vec(), &self.keep);
        let mut row = vec![RawCell::Absent; width];
        let (mut cell, mut start) = (0, 0);
        for (line, end) in self.rows {
            row.fill(RawCell::Absent);
            for &(column, to, json) in &self.cells[cell..end] {
                let text = &self.text[start..to];
                row[at[column as usize]] = if json { RawCell::Json(text) } else { RawCell::Text(text) };
                start = to;
            }
            cell = end;
            table.push(line, row.iter().copied());
        }
        table
    }
}

struct Reader<'k> {
    raw: Raw,
    rows: Rows<'k>,
}

impl Reader<'_> {
    /// The lines from one byte to another, at which lines begin; the first has the number `line`.
    fn lines(&mut self, bytes: &[u8], start: usize, stop: usize, line: u64) {
        let (mut at, mut line) = (start, line);
        while at < stop {
            let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i);
            let row = bytes[at..end].trim_ascii_end();
            if !row.is_empty() {
                self.object(row, row, 0, line, end == bytes.len());
            }
            (at, line) = (end + 1, line + 1);
        }
    }

    fn array(&mut self, bytes: &[u8]) -> Result<(), Vec<Diagnostic>> {
        let mut cursor = Cursor { bytes, at: 0, line: 1, line_start: 0 };
        cursor.blanks();
        cursor.at += 1;
        cursor.blanks();
        if cursor.peek() == Some(b']') {
            return cursor.end(&self.raw.table.file);
        }
        loop {
            cursor.blanks();
            let (start, line, line_start) = (cursor.at, cursor.line, cursor.line_start);
            let whole = cursor.value();
            let element = bytes[start..cursor.at].trim_ascii_end();
            if !whole {
                let message =
                    "the file ends within an element of the array: it is cut off, or a bracket is missing";
                self.raw.cut_off(line, message);
                return Ok(());
            }
            if element.is_empty() {
                return Err(cursor.broken(&self.raw.table.file, "an element is missing here"));
            }
            let before = &bytes[line_start..start + element.len()];
            self.object(element, before, start - line_start, line, false);
            cursor.blanks();
            match cursor.peek() {
                Some(b',') => cursor.at += 1,
                Some(b']') => return cursor.end(&self.raw.table.file),
                None => {
                    self.raw.cut_off(cursor.line, "the file ends before the `]` of the array");
                    return Ok(());
                }
                Some(_) => return Err(cursor.broken(&self.raw.table.file, "a `,` or `]` must stand here")),
            }
        }
    }

    /// Adds an object, or rejects it. `context` holds it at `offset`, and begins where the line does; `last` says that
    /// no line break follows it.
    fn object(&mut self, object: &[u8], context: &[u8], offset: usize, line: u64, last: bool) {
        let text = match encoding::text(object) {
            Ok(text) => text,
            Err(e) if e.cut && last => return self.raw.cut_off(line, "the file ends within a character"),
            Err(e) => {
                let message = format!("{}: {}", place(context, offset + e.at, line), e.message);
                return self.raw.reject(line, None, codes::NOT_UTF8.id, message);
            }
        };
        let trimmed = text.trim_start();
        if !trimmed.starts_with('{') {
            let message = format!("`{}` is not an object; it must be `{{…}}`", shorten(trimmed));
            return self.raw.reject(line, None, codes::BAD_JSON.id, message);
        }
        let (cells, text_len, columns) =
            (self.rows.cells.len(), self.rows.text.len(), self.rows.columns.len());
        let mut fault = None;
        let mut json = serde_json::Deserializer::from_str(text);
        let read = json
            .deserialize_map(ObjectVisitor { rows: &mut self.rows, fault: &mut fault })
            .and_then(|()| json.end());
        let Err(error) = read else {
            self.rows.rows.push((line, self.rows.cells.len()));
            return;
        };
        // Nothing of a rejected object stays, so that what came after it is read as if it were not there.
        self.rows.cells.truncate(cells);
        self.rows.text.truncate(text_len);
        for name in self.rows.columns.drain(columns..) {
            self.rows.index.remove(&name);
        }
        self.rows.kept.truncate(columns);
        if let Some(Fault { column, code, message }) = fault {
            return self.raw.reject(line, column.as_deref(), code, message);
        }
        if last && error.is_eof() {
            let message = "the last line ends within an object, and no line break ends it";
            return self.raw.cut_off(line, message);
        }
        let what = what(&error);
        let at = byte_of(text, error.line(), error.column());
        let message = format!("{}: this is not JSON: {what}", place(context, offset + at, line));
        self.raw.reject(line, None, codes::BAD_JSON.id, message);
    }
}

/// What the parser minds, without its place.
fn what(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    message.truncate(message.rfind(" at line ").unwrap_or(message.len()));
    message.replace("EOF", "the line ends")
}

/// The byte at which an error stands that is given by line and column, both from 1.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    (start + column.saturating_sub(1)).min(text.len())
}

/// Where a byte stands, for people; `context` begins with a line, the one of number `line`.
fn place(context: &[u8], at: usize, line: u64) -> String {
    let before = &context[..at.min(context.len())];
    let start = memchr::memrchr(b'\n', before).map_or(0, |i| i + 1);
    let breaks = memchr::memchr_iter(b'\n', before).count() as u64;
    let character = encoding::character(&context[start..], before.len() - start);
    if breaks == 0 {
        format!("character {character}")
    } else {
        format!("line {}, character {character}", line + breaks)
    }
}

/// Walks over an array, element by element.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
    line_start: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        if self.bytes[self.at] == b'\n' {
            self.line += 1;
            self.line_start = self.at + 1;
        }
        self.at += 1;
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.step();
        }
    }

    /// Walks to the `,` or `]` behind a value by its brackets and strings; false where the file ends within it.
    fn value(&mut self) -> bool {
        let (mut depth, mut string) = (0usize, false);
        while let Some(b) = self.peek() {
            match b {
                b'\\' if string => {
                    self.step();
                    if self.peek().is_none() {
                        return false;
                    }
                }
                b'"' => string = !string,
                _ if string => {}
                b'{' | b'[' => depth += 1,
                b',' | b']' if depth == 0 => return true,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.step();
                        return true;
                    }
                }
                _ => {}
            }
            self.step();
        }
        !string && depth == 0
    }

    /// Nothing may follow the closing bracket.
    fn end(mut self, file: &str) -> Result<(), Vec<Diagnostic>> {
        self.at += 1;
        self.blanks();
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.broken(file, "text stands behind the end of the array"))
        }
    }

    fn broken(&self, file: &str, what: &str) -> Vec<Diagnostic> {
        let character = encoding::character(&self.bytes[self.line_start..], self.at - self.line_start);
        let message = format!("character {character}: {what}");
        vec![Diagnostic::new(&codes::BAD_JSON, message).in_data(file, Some(self.line), None)]
    }
}

/// What of an object is refused though it is JSON.
struct Fault {
    column: Option<String>,
    code: &'static str,
    message: String,
}

impl Fault {
    /// Ends the reading of the object; the error itself is only seen by the parser.
    fn stop<T, E: Error>(self, to: &mut Option<Fault>) -> Result<T, E> {
        *to = Some(self);
        Err(E::custom("refused"))
    }
}

struct ObjectVisitor<'r, 'k> {
    rows: &'r mut Rows<'k>,
    fault: &'r mut Option<Fault>,
}

impl<'de> Visitor<'de> for ObjectVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let ObjectVisitor { rows, fault } = self;
        let first = rows.cells.len();
        while let Some(key) = map.next_key_seed(Key)? {
            let column = match rows.index.get(&*key) {
                Some(&column) => column,
                None => {
                    let column = rows.columns.len();
                    if column == KEY_LIMIT {
                        let message = format!(
                            "`{}` is one key too many: objects have over {KEY_LIMIT} different keys",
                            shorten(&key)
                        );
                        return Fault { column: None, code: codes::BAD_JSON.id, message }.stop(fault);
                    }
                    rows.kept.push((rows.keep)(&key));
                    rows.columns.push(key.clone().into_owned());
                    rows.index.insert(key.clone().into_owned(), column as u32);
                    column as u32
                }
            };
            let named = || Some(key.clone().into_owned());
            // Few keys: a scan is cheaper than a set. Absent cells stand there too, as JSON of no text.
            if rows.cells[first..].iter().any(|c| c.0 == column) {
                let message = format!("the key `{}` stands twice in one object", shorten(&key));
                return Fault { column: named(), code: codes::BAD_JSON.id, message }.stop(fault);
            }
            let value = map.next_value::<&RawValue>()?.get();
            if value.len() > CELL_LIMIT {
                let message = raw::too_long(value.len());
                return Fault { column: named(), code: codes::CELL_TOO_LONG.id, message }.stop(fault);
            }
            match cell(value) {
                Ok((text, json)) => {
                    if rows.kept[column as usize] {
                        rows.text.push_str(&text);
                    }
                    rows.cells.push((column, rows.text.len(), json));
                }
                Err(message) => {
                    return Fault { column: named(), code: codes::BAD_JSON.id, message }.stop(fault);
                }
            }
        }
        Ok(())
    }
}

/// The text of a value, and whether it is JSON; no text for `null`.
fn cell(value: &str) -> Result<(Cow<'_, str>, bool), String> {
    match value.as_bytes().first() {
        Some(b'n') => Ok((Cow::Borrowed(""), false)),
        Some(b'"') => {
            let inner = value.get(1..value.len() - 1).unwrap_or("");
            if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
                return Ok((Cow::Borrowed(inner), false));
            }
            let text: String = serde_json::from_str(value)
                .map_err(|_| format!("`{}` is not a JSON string", shorten(value)))?;
            if text.contains('\0') {
                return Err("a NUL character is no text".to_owned());
            }
            Ok((Cow::Owned(text), false))
        }
        Some(b'[' | b'{') => {
            let mut fault = None;
            match (Nested { depth: DEPTH_LIMIT, fault: &mut fault })
                .deserialize(&mut serde_json::Deserializer::from_str(value))
            {
                Ok(()) => Ok((Cow::Borrowed(value), true)),
                Err(e) => Err(fault.unwrap_or_else(|| format!("this is not JSON: {}", what(&e)))),
            }
        }
        _ => Ok((Cow::Borrowed(value), false)),
    }
}

/// A key, borrowed where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Cow<'de, str>, D::Error> {
        d.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(s))
    }

    fn visit_str<E: Error>(self, s: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(s.to_owned()))
    }
}

/// Checks that nothing within a value is nested too deep or named twice.
struct Nested<'f> {
    depth: usize,
    fault: &'f mut Option<String>,
}

impl Nested<'_> {
    fn deeper<E: Error>(&mut self) -> Result<Nested<'_>, E> {
        if self.depth == 0 {
            *self.fault = Some(format!("arrays and objects are nested more than {DEPTH_LIMIT} deep"));
            return Err(E::custom("refused"));
        }
        Ok(Nested { depth: self.depth - 1, fault: self.fault })
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut seen = FxHashSet::default();
        while let Some(key) = map.next_key_seed(Key)? {
            if seen.contains(&*key) {
                *self.fault = Some(format!("the key `{}` stands twice in one object", shorten(&key)));
                return Err(A::Error::custom("refused"));
            }
            seen.insert(key.into_owned());
            map.next_value_seed(self.deeper()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let token = prop::sample::select(vec![
            "{\"a\":1}\n",
            "{\"b\":\"x\",\"a\":2}\n",
            "{\"c\":[1,{\"d\":2}]}\r\n",
            "\n",
            "{\"a\":1,\"a\":2}\n",
            "{\"z\":1,\"y\":}\n",
            "{\"é\":\"é\"}\n",
            "[]\n",
            "{\"a\":",
            " ",
        ]);
        let broken = Just(&b"\xE9"[..]);
        let token = prop_oneof![40 => token.prop_map(str::as_bytes), 1 => broken];
        prop::collection::vec(token, 0..60).prop_map(|t| [&b"{\"a\":0}\n"[..], &t.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn where_chunks_begin_leaves_no_trace(bytes in lines(), chunk in 0..60usize) {
            let read = |chunk| {
                let parted = read_parts("a.jsonl", &bytes, &|c| c != "b", chunk, &|t| t).map_err(|e| format!("{e:?}"))?;
                let mut raw = parted.rest;
                raw.table.append_all(parted.parts, |columns| {
                    columns.into_iter().for_each(|(column, parts)| column.append(parts));
                });
                let cells = |r: prov_model::RawRow<'_>| (0..raw.table.columns.len()).map(|c| format!("{:?}", r.cell(c))).collect::<Vec<_>>();
                let rows: Vec<_> = raw.table.rows().map(|r| (r.line(), cells(r))).collect();
                Ok::<_, String>((rows, raw.table.columns.clone(), raw.rejections.clone(), raw.truncated, format!("{:?}", raw.notices)))
            };
            prop_assert_eq!(read(chunk), read(CHUNK));
        }
    }

    #[test]
    fn keys_are_counted_over_the_whole_file() {
        let bytes: String = (0..KEY_LIMIT + 5).map(|i| format!("{{\"k{i}\":1}}\n")).collect();
        let read = |chunk| {
            let parted = read_parts("a.jsonl", bytes.as_bytes(), &|_| true, chunk, &|t| t.len());
            parted.map(|p| (p.parts.iter().sum::<usize>(), p.rest.rejections)).map_err(|e| format!("{e:?}"))
        };
        assert_eq!(read(1000), read(CHUNK));
        assert_eq!(read(1000).map(|r| (r.0, r.1.len())), Ok((KEY_LIMIT, 5)));
    }
}
