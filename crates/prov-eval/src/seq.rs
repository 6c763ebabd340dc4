//! Sets and lists, element by element, without copying the columns they lie in.
//! Invariant: elements come in the order of the set or list, and `get` is total below `len`.

use crate::world::borrow;
use prov_model::{Column, RowRef, Table, Value, compare};
use std::ops::Range;

/// A set or a list that can be walked.
pub(crate) enum Seq<'a> {
    /// A set in a column: these elements of it.
    Column(&'a Column, Range<u32>),
    /// A constant set.
    Const(&'a [Value<'static>]),
    /// A list in a column: these rows of the table.
    Table(&'a Table, Range<u32>),
    /// Identities that refer to one.
    Refs(&'a Table, &'a [u32]),
    /// A computed set.
    Owned(Vec<Value<'a>>),
    /// A computed list.
    Rows(Vec<RowRef<'a>>),
}

impl<'a> Seq<'a> {
    /// The elements of a value; nothing where it is neither set nor list.
    pub(crate) fn of(value: Value<'a>) -> Seq<'a> {
        match value {
            Value::Set(elements) => Seq::Owned(elements),
            Value::List(rows) => Seq::Rows(rows),
            Value::Absent
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Str(_)
            | Value::Text(_)
            | Value::Date(_)
            | Value::Instant(_)
            | Value::Duration(_)
            | Value::Elapsed(_)
            | Value::Enum(_)
            | Value::Row(_) => Seq::Owned(Vec::new()),
        }
    }

    /// The elements at a row of a set or list column; `None` where absent.
    pub(crate) fn at(column: &'a Column, row: u32) -> Option<Seq<'a>> {
        let row = row as usize;
        if !column.is_present(row) {
            return None;
        }
        match column {
            Column::Set(offsets, elements, _) => Some(Seq::Column(elements, offsets.range(row))),
            Column::List(offsets, table, _) => Some(Seq::Table(table, offsets.range(row))),
            Column::Bool(..)
            | Column::Int(..)
            | Column::Decimal(..)
            | Column::Str(..)
            | Column::Text(..)
            | Column::Date(..)
            | Column::Instant(..)
            | Column::Duration(..)
            | Column::Elapsed(..)
            | Column::Enum(..)
            | Column::Record(..)
            | Column::Ref(_) => Some(Seq::of(column.get(row))),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Seq::Column(_, r) | Seq::Table(_, r) => r.len(),
            Seq::Const(v) => v.len(),
            Seq::Refs(_, rows) => rows.len(),
            Seq::Owned(v) => v.len(),
            Seq::Rows(v) => v.len(),
        }
    }

    pub(crate) fn get(&self, i: usize) -> Value<'a> {
        match self {
            Seq::Column(column, r) => column.get(r.start as usize + i),
            Seq::Const(v) => borrow(&v[i]),
            Seq::Table(table, r) => Value::Row(RowRef { table, row: r.start + i as u32 }),
            Seq::Refs(table, rows) => Value::Row(RowRef { table, row: rows[i] }),
            Seq::Owned(v) => v[i].clone(),
            Seq::Rows(v) => Value::Row(v[i]),
        }
    }

    /// Whether an element is in a set, by [`prov_model::in_set`]'s meaning.
    pub(crate) fn contains(&self, element: &Value<'_>) -> bool {
        let len = self.len();
        if len == 0 {
            return false;
        }
        let folded;
        let element = match (element, self.get(0)) {
            // Folded once, not once a comparison.
            (Value::Str(s), Value::Text(_)) => {
                folded = Value::text(&**s);
                &folded
            }
            _ => element,
        };
        // A set of `string` is not in the order that `text` compares by.
        let sorted = !matches!((element, self.get(0)), (Value::Text(_), Value::Str(_)));
        if len < 8 || !sorted {
            return (0..len).any(|i| prov_model::equal(&self.get(i), element));
        }
        let (mut low, mut high) = (0, len);
        while low < high {
            let middle = low + (high - low) / 2;
            match compare(&self.get(middle), element) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return true,
            }
        }
        false
    }
}
