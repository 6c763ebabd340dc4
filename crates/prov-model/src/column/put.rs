//! Single rows of a column changed in place. Invariant: the other rows read as before.

use super::{Column, Dict, Validity};
use crate::{Value, fold};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::Hasher;

/// Where the spellings of a column's dictionaries stand, so that a row can be given another value without looking
/// through them: made from the column once it is first written to.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    /// By hash of the spelling.
    codes: Option<FxHashMap<u64, u32>>,
    /// Those of the elements of a set, or of the fields of records.
    within: Vec<Codes>,
}

impl Codes {
    /// The code of a spelling, new if need be.
    fn code(&mut self, dict: &mut Dict, spelled: &str, folds: bool) -> u32 {
        let codes = self.codes.get_or_insert_with(|| {
            let all = dict.spelled.iter().zip(0..);
            all.map(|(spelled, code)| (hash(spelled), code)).collect()
        });
        let next = dict.spelled.len() as u32;
        let code = *codes.entry(hash(spelled)).or_insert(next);
        if code != next && *dict.spelled[code as usize] == *spelled {
            return code;
        }
        // New, or of the hash of another one; then it stands twice once it comes again, which is no harm.
        dict.spelled.push(spelled.into());
        if folds {
            dict.folded.push(fold(spelled).into());
        }
        next
    }

    fn within(&mut self, number: usize) -> &mut Codes {
        if self.within.len() <= number {
            self.within.resize_with(number + 1, Codes::default);
        }
        &mut self.within[number]
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

impl Validity {
    /// Says whether a row holds a value; a row that is new is the next one.
    pub fn put(&mut self, row: usize, valid: bool) {
        if row == self.len {
            return self.push(valid);
        }
        if valid == self.get(row) {
            return;
        }
        let words = self.words.get_or_insert_with(|| vec![u64::MAX; self.len.div_ceil(64)]);
        let bit = 1 << (row % 64);
        if valid {
            words[row / 64] |= bit;
        } else {
            words[row / 64] &= !bit;
        }
    }
}

fn put<T>(values: &mut Vec<T>, row: usize, value: T) {
    match values.get_mut(row) {
        Some(known) => *known = value,
        None => values.push(value),
    }
}

impl Column {
    /// Gives a row another scalar, set or reference (`Int` of a row, or `Absent`); a row that is new is the next one. Lists
    /// and records go by the other methods.
    pub fn put(&mut self, row: usize, value: &Value<'_>, codes: &mut Codes) {
        let present = !value.is_absent();
        macro_rules! plain {
            ($v:expr, $valid:expr, $variant:ident) => {{
                put($v, row, if let Value::$variant(x) = value { *x } else { Default::default() });
                $valid.put(row, present);
            }};
        }
        match self {
            Column::Bool(v, valid) => plain!(v, valid, Bool),
            Column::Int(v, valid) => plain!(v, valid, Int),
            Column::Decimal(v, valid) => plain!(v, valid, Decimal),
            Column::Date(v, valid) => plain!(v, valid, Date),
            Column::Instant(v, valid) => plain!(v, valid, Instant),
            Column::Duration(v, valid) => plain!(v, valid, Duration),
            Column::Elapsed(v, valid) => plain!(v, valid, Elapsed),
            Column::Enum(v, valid) => plain!(v, valid, Enum),
            Column::Str(v, dict, valid) => {
                put(v, row, codes.code(dict, value.spelling().unwrap_or(""), false));
                valid.put(row, present);
            }
            Column::Text(v, dict, valid) => {
                put(v, row, codes.code(dict, value.spelling().unwrap_or(""), true));
                valid.put(row, present);
            }
            Column::Set(offsets, elements, valid) => {
                let list: &[Value<'_>] = if let Value::Set(list) = value { list } else { &[] };
                let range = offsets.put(row, list.len(), elements.len());
                for (at, element) in range.zip(list) {
                    elements.put(at as usize, element, codes.within(0));
                }
                valid.put(row, present);
            }
            Column::Ref(rows) => {
                put(rows, row, if let Value::Int(of) = value { *of as u32 } else { Column::NOBODY });
            }
            Column::List(..) | Column::Record(..) => {
                debug_assert!(false, "lists and records are put by rows")
            }
        }
    }

    /// Gives a row another list: the fields of its rows in order; `None` where it is absent.
    pub fn put_list(&mut self, row: usize, list: Option<&[Vec<Value<'_>>]>, codes: &mut Codes) {
        let Column::List(offsets, table, valid) = self else { return };
        let rows = list.unwrap_or(&[]);
        let range = offsets.put(row, rows.len(), table.rows);
        table.rows = table.rows.max(range.end as usize);
        for (at, fields) in range.zip(rows) {
            for (number, (column, value)) in table.columns.iter_mut().zip(fields).enumerate() {
                column.put(at as usize, value, codes.within(number));
            }
        }
        valid.put(row, list.is_some());
    }

    /// Gives a row another record: its fields in order; `None` where it is absent.
    pub fn put_record(&mut self, row: usize, fields: Option<&[Value<'_>]>, codes: &mut Codes) {
        let Column::Record(table, valid) = self else { return };
        table.rows = table.rows.max(row + 1);
        for (number, column) in table.columns.iter_mut().enumerate() {
            let value = fields.and_then(|f| f.get(number)).unwrap_or(&Value::Absent);
            column.put(row, value, codes.within(number));
        }
        valid.put(row, fields.is_some());
    }
}

#[cfg(test)]
mod tests {
    use crate::{Codes, Column, ColumnBuilder, Type, Value};

    fn text(s: &str) -> Value<'_> {
        Value::text(s)
    }

    #[test]
    fn a_row_put_reads_as_if_it_had_been_built_so() {
        let none = |_| Vec::new();
        let mut built = ColumnBuilder::new(&Type::Set(Box::new(Type::Text)), &none);
        built.push(&Value::Set(vec![text("a"), text("B")]));
        built.push(&Value::Absent);
        let (mut column, mut codes) = (built.finish(), Codes::default());
        let said = |column: &Column, row: usize| format!("{:?}", column.get(row));
        let wanted = |value: Value<'_>| format!("{value:?}");
        column.put(1, &Value::Set(vec![text("b"), text("c"), text("a")]), &mut codes);
        column.put(0, &Value::Set(vec![text("Z")]), &mut codes);
        column.put(2, &Value::Set(vec![]), &mut codes);
        assert_eq!(said(&column, 0), wanted(Value::Set(vec![text("Z")])));
        assert_eq!(said(&column, 1), wanted(Value::Set(vec![text("b"), text("c"), text("a")])));
        assert_eq!((said(&column, 2), column.len()), (wanted(Value::Set(vec![])), 3));
        column.put(1, &Value::Absent, &mut codes);
        assert!(column.get(1).is_absent());

        let mut built = ColumnBuilder::new(&Type::Str, &none);
        built.push(&Value::Str("x".into()));
        let (mut column, mut codes) = (built.finish(), Codes::default());
        column.put(1, &Value::Absent, &mut codes);
        column.put(0, &Value::Str("y".into()), &mut codes);
        column.put(2, &Value::Str("x".into()), &mut codes);
        assert_eq!((column.get(0).spelling(), column.get(1).spelling()), (Some("y"), None));
        let Column::Str(numbers, dict, _) = &column else { panic!("a column of strings") };
        assert_eq!((numbers[2], dict.len()), (0, 3), "a spelling that is known keeps its code");
    }
}
