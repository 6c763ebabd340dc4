//! Columns and tables: one column variant a type, text dictionary-encoded and folded once a distinct spelling.
//! Invariant: all columns of a table have as many rows as the table; codes are within their dictionary.

mod put;

pub use put::Codes;

use crate::{Date, Decimal, Duration, Elapsed, Instant, Offsets, RowRef, Text, Type, Value, fold};
use std::borrow::Cow;
use std::collections::HashMap;

/// Which rows hold a value. No bitmap = all do.
#[derive(Clone, Debug, Default)]
pub struct Validity {
    words: Option<Vec<u64>>,
    len: usize,
}

impl Validity {
    /// Adds a row.
    pub fn push(&mut self, valid: bool) {
        let (word, bit) = (self.len / 64, self.len % 64);
        if !valid && self.words.is_none() {
            self.words = Some(vec![u64::MAX; word + 1]);
        }
        if let Some(words) = &mut self.words {
            words.resize(word + 1, u64::MAX);
            if !valid {
                words[word] &= !(1 << bit);
            }
        }
        self.len += 1;
    }

    /// Whether a row holds a value.
    pub fn get(&self, row: usize) -> bool {
        self.words.as_ref().is_none_or(|w| w[row / 64] >> (row % 64) & 1 == 1)
    }

    /// Whether every row holds a value.
    pub fn all(&self) -> bool {
        self.words.is_none()
    }

    /// A bit a row, from the lowest of the first word; none where every row holds a value. Bits behind the last row mean
    /// nothing.
    pub fn words(&self) -> Option<&[u64]> {
        self.words.as_deref()
    }
}

/// Distinct spellings in order of first sight, with their folded forms where the type is `text`.
#[derive(Clone, Debug, Default)]
pub struct Dict {
    spelled: Vec<Box<str>>,
    folded: Vec<Box<str>>,
}

impl Dict {
    /// Distinct spellings.
    pub fn len(&self) -> usize {
        self.spelled.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spelled.is_empty()
    }

    /// A spelling.
    pub fn spelled(&self, code: u32) -> &str {
        &self.spelled[code as usize]
    }

    /// The folded form of a spelling; only for `text`.
    pub fn folded(&self, code: u32) -> &str {
        &self.folded[code as usize]
    }
}

/// A column. Absent rows hold an unspecified value under a false validity.
#[derive(Clone, Debug)]
pub enum Column {
    /// `bool`
    Bool(Vec<bool>, Validity),
    /// `int`
    Int(Vec<i64>, Validity),
    /// `decimal`
    Decimal(Vec<Decimal>, Validity),
    /// `string`: codes into the dictionary
    Str(Vec<u32>, Dict, Validity),
    /// `text`: codes into the dictionary
    Text(Vec<u32>, Dict, Validity),
    /// `date`
    Date(Vec<Date>, Validity),
    /// `instant`
    Instant(Vec<Instant>, Validity),
    /// `duration`
    Duration(Vec<Duration>, Validity),
    /// `elapsed`
    Elapsed(Vec<Elapsed>, Validity),
    /// An enum: numbers of variants
    Enum(Vec<u32>, Validity),
    /// `set of T`: the elements of each row, sorted
    Set(Offsets, Box<Column>, Validity),
    /// `list of RECORD`: the rows of the table that each row holds
    List(Offsets, Box<Table>, Validity),
    /// A record, row by row
    Record(Box<Table>, Validity),
    /// A reference: rows of the identity's table; [`Column::NOBODY`] where absent
    Ref(Vec<u32>),
}

/// Columns of equal length.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The columns, in the order of the fields of its type.
    pub columns: Vec<Column>,
    /// How many rows.
    pub rows: usize,
    /// The key of every row, where it has one (identities and look-up tables).
    pub keys: Vec<Box<str>>,
}

impl Table {
    /// The key of a row.
    pub fn key(&self, row: u32) -> Option<&str> {
        self.keys.get(row as usize).map(|k| &**k)
    }
}

impl Column {
    /// The row number that means no one.
    pub const NOBODY: u32 = u32::MAX;

    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Column::Bool(v, _) => v.len(),
            Column::Int(v, _) => v.len(),
            Column::Decimal(v, _) => v.len(),
            Column::Str(v, _, _) | Column::Text(v, _, _) | Column::Enum(v, _) | Column::Ref(v) => v.len(),
            Column::Date(v, _) => v.len(),
            Column::Instant(v, _) => v.len(),
            Column::Duration(v, _) => v.len(),
            Column::Elapsed(v, _) => v.len(),
            Column::Set(o, _, _) | Column::List(o, _, _) => o.len(),
            Column::Record(t, _) => t.rows,
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a row. A reference gives `Int` of the row number, or `Absent`: only the caller has the other table.
    pub fn get(&self, row: usize) -> Value<'_> {
        if !self.is_present(row) {
            return Value::Absent;
        }
        match self {
            Column::Bool(v, _) => Value::Bool(v[row]),
            Column::Int(v, _) => Value::Int(v[row]),
            Column::Decimal(v, _) => Value::Decimal(v[row]),
            Column::Str(v, d, _) => Value::Str(Cow::Borrowed(d.spelled(v[row]))),
            Column::Text(v, d, _) => Value::Text(Text {
                spelled: Cow::Borrowed(d.spelled(v[row])),
                folded: Cow::Borrowed(d.folded(v[row])),
            }),
            Column::Date(v, _) => Value::Date(v[row]),
            Column::Instant(v, _) => Value::Instant(v[row]),
            Column::Duration(v, _) => Value::Duration(v[row]),
            Column::Elapsed(v, _) => Value::Elapsed(v[row]),
            Column::Enum(v, _) => Value::Enum(v[row]),
            Column::Set(o, elements, _) => {
                Value::Set(o.range(row).map(|i| elements.get(i as usize)).collect())
            }
            Column::List(o, table, _) => Value::List(o.range(row).map(|row| RowRef { table, row }).collect()),
            Column::Record(table, _) => Value::Row(RowRef { table, row: row as u32 }),
            Column::Ref(rows) => Value::Int(i64::from(rows[row])),
        }
    }

    /// Whether a row holds a value.
    pub fn is_present(&self, row: usize) -> bool {
        match self {
            Column::Bool(_, v)
            | Column::Int(_, v)
            | Column::Decimal(_, v)
            | Column::Str(_, _, v)
            | Column::Text(_, _, v)
            | Column::Date(_, v)
            | Column::Instant(_, v)
            | Column::Duration(_, v)
            | Column::Elapsed(_, v)
            | Column::Enum(_, v)
            | Column::Set(_, _, v)
            | Column::List(_, _, v)
            | Column::Record(_, v) => v.get(row),
            Column::Ref(rows) => rows[row] != Column::NOBODY,
        }
    }
}

/// Builds a column value by value.
#[derive(Debug)]
pub struct ColumnBuilder {
    column: Column,
    codes: HashMap<Box<str>, u32>,
    elements: Option<Box<ColumnBuilder>>,
    fields: Vec<ColumnBuilder>,
    /// How many rows all lists have together.
    listed: usize,
}

impl ColumnBuilder {
    /// A builder for a type; `record_fields` gives the field types of a record by its id.
    pub fn new(ty: &Type, record_fields: &dyn Fn(crate::RecordId) -> Vec<Type>) -> ColumnBuilder {
        let v = Validity::default;
        let mut elements = None;
        let mut fields = Vec::new();
        let column = match ty.required() {
            Type::Bool => Column::Bool(vec![], v()),
            Type::Int => Column::Int(vec![], v()),
            Type::Decimal => Column::Decimal(vec![], v()),
            Type::Str => Column::Str(vec![], Dict::default(), v()),
            Type::Text => Column::Text(vec![], Dict::default(), v()),
            Type::Date => Column::Date(vec![], v()),
            Type::Instant => Column::Instant(vec![], v()),
            Type::Duration => Column::Duration(vec![], v()),
            Type::Elapsed => Column::Elapsed(vec![], v()),
            Type::Enum(_) => Column::Enum(vec![], v()),
            Type::Identity(_) => Column::Ref(vec![]),
            Type::Set(t) => {
                let inner = ColumnBuilder::new(t, record_fields);
                let column = Column::Set(Offsets::default(), Box::new(inner.column.clone()), v());
                elements = Some(Box::new(inner));
                column
            }
            Type::List(t) => {
                if let Type::Record(r) = t.required() {
                    fields = record_fields(*r).iter().map(|t| ColumnBuilder::new(t, record_fields)).collect();
                }
                Column::List(Offsets::default(), Box::default(), v())
            }
            Type::Record(r) => {
                fields = record_fields(*r).iter().map(|t| ColumnBuilder::new(t, record_fields)).collect();
                Column::Record(Box::default(), v())
            }
            Type::Optional(_) => unreachable!("`required` takes the option off"),
        };
        ColumnBuilder { column, codes: HashMap::new(), elements, fields, listed: 0 }
    }

    fn code(dict: &mut Dict, codes: &mut HashMap<Box<str>, u32>, s: &str, folds: bool) -> u32 {
        if let Some(&c) = codes.get(s) {
            return c;
        }
        let code = dict.spelled.len() as u32;
        dict.spelled.push(s.into());
        if folds {
            dict.folded.push(fold(s).into());
        }
        codes.insert(s.into(), code);
        code
    }

    /// Adds a scalar, a set or a reference (`Int` of a row, or `Absent`). Lists and records go by the other methods.
    pub fn push(&mut self, value: &Value<'_>) {
        let present = !value.is_absent();
        macro_rules! plain {
            ($v:expr, $valid:expr, $variant:ident) => {{
                $v.push(if let Value::$variant(x) = value { *x } else { Default::default() });
                $valid.push(present);
            }};
        }
        match &mut self.column {
            Column::Bool(v, valid) => plain!(v, valid, Bool),
            Column::Int(v, valid) => plain!(v, valid, Int),
            Column::Decimal(v, valid) => plain!(v, valid, Decimal),
            Column::Date(v, valid) => plain!(v, valid, Date),
            Column::Instant(v, valid) => plain!(v, valid, Instant),
            Column::Duration(v, valid) => plain!(v, valid, Duration),
            Column::Elapsed(v, valid) => plain!(v, valid, Elapsed),
            Column::Enum(v, valid) => plain!(v, valid, Enum),
            Column::Str(v, dict, valid) => {
                v.push(Self::code(dict, &mut self.codes, value.spelling().unwrap_or(""), false));
                valid.push(present);
            }
            Column::Text(v, dict, valid) => {
                v.push(Self::code(dict, &mut self.codes, value.spelling().unwrap_or(""), true));
                valid.push(present);
            }
            Column::Set(offsets, _, valid) => {
                let inner = self.elements.as_mut().expect("a set has an element builder");
                if let Value::Set(elements) = value {
                    elements.iter().for_each(|e| inner.push(e));
                }
                offsets.push(inner.len());
                valid.push(present);
            }
            Column::Ref(rows) => rows.push(match value {
                Value::Int(row) => *row as u32,
                _ => Column::NOBODY,
            }),
            Column::List(..) | Column::Record(..) => {
                debug_assert!(false, "lists and records are pushed by rows")
            }
        }
    }

    /// Adds text that no row has yet.
    pub fn push_new(&mut self, value: &Value<'_>) {
        let (codes, dict, valid, folded) = match &mut self.column {
            Column::Str(codes, dict, valid) => (codes, dict, valid, None),
            Column::Text(codes, dict, valid) => {
                (codes, dict, valid, Some(fold(value.spelling().unwrap_or(""))))
            }
            Column::Bool(..)
            | Column::Int(..)
            | Column::Decimal(..)
            | Column::Date(..)
            | Column::Instant(..)
            | Column::Duration(..)
            | Column::Elapsed(..)
            | Column::Enum(..)
            | Column::Set(..)
            | Column::List(..)
            | Column::Record(..)
            | Column::Ref(_) => return self.push(value),
        };
        codes.push(dict.spelled.len() as u32);
        valid.push(!value.is_absent());
        dict.spelled.push(value.spelling().unwrap_or("").into());
        dict.folded.extend(folded.map(Box::from));
    }

    /// Adds what an earlier row holds. Not for lists and records.
    pub fn repeat(&mut self, row: usize) {
        macro_rules! plain {
            ($v:expr, $valid:expr) => {{
                $v.push($v[row]);
                $valid.push($valid.get(row));
            }};
        }
        match &mut self.column {
            Column::Bool(v, valid) => plain!(v, valid),
            Column::Int(v, valid) => plain!(v, valid),
            Column::Decimal(v, valid) => plain!(v, valid),
            Column::Date(v, valid) => plain!(v, valid),
            Column::Instant(v, valid) => plain!(v, valid),
            Column::Duration(v, valid) => plain!(v, valid),
            Column::Elapsed(v, valid) => plain!(v, valid),
            Column::Str(v, _, valid) | Column::Text(v, _, valid) | Column::Enum(v, valid) => plain!(v, valid),
            Column::Ref(rows) => rows.push(rows[row]),
            Column::Set(offsets, _, valid) => {
                let inner = self.elements.as_mut().expect("a set has an element builder");
                offsets.range(row).for_each(|i| inner.repeat(i as usize));
                offsets.push(inner.len());
                valid.push(valid.get(row));
            }
            Column::List(..) | Column::Record(..) => {
                debug_assert!(false, "lists and records are pushed by rows");
            }
        }
    }

    /// Adds a list: the rows' fields in order.
    pub fn push_list(&mut self, rows: &[Vec<Value<'_>>]) {
        for row in rows {
            for (builder, value) in self.fields.iter_mut().zip(row) {
                builder.push(value);
            }
        }
        let listed = &mut self.listed;
        if let Column::List(offsets, _, valid) = &mut self.column {
            *listed += rows.len();
            offsets.push(*listed);
            valid.push(true);
        }
    }

    /// Adds the absence of a list, which is not the empty one.
    pub fn push_no_list(&mut self) {
        if let Column::List(offsets, _, valid) = &mut self.column {
            offsets.push(self.listed);
            valid.push(false);
        }
    }

    /// Adds a record: its fields in order; `None` where absent.
    pub fn push_record(&mut self, fields: Option<&[Value<'_>]>) {
        for (i, builder) in self.fields.iter_mut().enumerate() {
            builder.push(fields.map_or(&Value::Absent, |f| &f[i]));
        }
        if let Column::Record(table, valid) = &mut self.column {
            table.rows += 1;
            valid.push(fields.is_some());
        }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.column.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The column.
    pub fn finish(self) -> Column {
        match self.column {
            Column::Set(offsets, _, valid) => {
                let elements = self.elements.expect("a set has an element builder").finish();
                Column::Set(offsets, Box::new(elements), valid)
            }
            Column::List(offsets, _, valid) => {
                let rows = self.listed;
                let columns = self.fields.into_iter().map(ColumnBuilder::finish).collect();
                Column::List(offsets, Box::new(Table { columns, rows, keys: vec![] }), valid)
            }
            Column::Record(table, valid) => {
                let columns = self.fields.into_iter().map(ColumnBuilder::finish).collect();
                Column::Record(Box::new(Table { columns, rows: table.rows, keys: vec![] }), valid)
            }
            column => column,
        }
    }
}
