//! Codes: a small number for each value that an input has in a population.
//! Invariant: equal codes are equal values; code 0 is absence, and [`UNKNOWN`] what can't be known.

use super::formula::{Input, Read};
use crate::world::NO_STATE;
use prov_ir::Program;
use prov_model::{
    AttrId, Column, Date, Decimal, Elapsed, IdentityId, IdentityTable, Instant, Population, Type, Validity,
    Value, fold,
};
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

type ByValue<'a> = FxHashMap<&'a str, Vec<u32>>;

/// The code of what can't be known: a part of it is broken.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// Ranges of numbers up to this wide are coded by their distance from the least.
const WIDE: i64 = 1 << 20;

/// A reference on the way to an input.
struct Hop<'a> {
    rows: &'a [u32],
    /// Whose references they are, where some of these can't be trusted.
    of: Option<(&'a IdentityTable, AttrId)>,
}

/// How the rows of a type give the codes of one input.
pub(crate) struct Coding<'a> {
    hops: Vec<Hop<'a>>,
    leaf: Leaf<'a>,
    /// Of whom the leaf is read, where some of it can't be trusted.
    of: Option<(&'a IdentityTable, AttrId)>,
    /// How many codes there are.
    pub codes: u32,
}

#[derive(Clone, Copy)]
enum Numbers<'a> {
    Int(&'a [i64]),
    Decimal(&'a [Decimal]),
    Date(&'a [Date]),
    Instant(&'a [Instant]),
    Elapsed(&'a [Elapsed]),
}

impl Numbers<'_> {
    fn get(self, row: usize) -> i64 {
        match self {
            Numbers::Int(v) => v[row],
            Numbers::Decimal(v) => v[row].0,
            Numbers::Date(v) => i64::from(v[row].0),
            Numbers::Instant(v) => v[row].0,
            Numbers::Elapsed(v) => v[row].0,
        }
    }

    fn value(self, number: i64) -> Value<'static> {
        match self {
            Numbers::Int(_) => Value::Int(number),
            Numbers::Decimal(_) => Value::Decimal(Decimal(number)),
            Numbers::Date(_) => Value::Date(Date(number as i32)),
            Numbers::Instant(_) => Value::Instant(Instant(number)),
            Numbers::Elapsed(_) => Value::Elapsed(Elapsed(number)),
        }
    }
}

enum Leaf<'a> {
    Bool(&'a [bool], &'a Validity),
    /// Variants of an enum.
    Variant(&'a [u32], &'a Validity),
    /// A dictionary's codes.
    Dict(&'a [u32], &'a Column, OnceLock<ByValue<'a>>),
    /// By distance from the least.
    Near {
        numbers: Numbers<'a>,
        valid: &'a Validity,
        least: i64,
    },
    /// By rank among all that there are.
    Far {
        numbers: Numbers<'a>,
        valid: &'a Validity,
        sorted: Vec<i64>,
        ranks: FxHashMap<i64, u32>,
    },
    /// Whether there is anything.
    Present(&'a Column),
    /// States; `true` where the type has a lifecycle.
    State(&'a [u32], bool),
    /// Nothing is ever there.
    Never,
}

impl<'a> Coding<'a> {
    /// The coding of an input of a type's rows.
    pub(crate) fn new(
        program: &Program,
        population: &'a Population,
        states: &'a [Vec<u32>],
        ty: IdentityId,
        input: &Input,
    ) -> Coding<'a> {
        let schema = &program.schema;
        let trust = |of: &'a IdentityTable, attr: AttrId| {
            (!of.broken.is_empty() || !of.doubtful.is_empty()).then_some((of, attr))
        };
        let mut at = ty;
        let mut hops = Vec::new();
        for &reference in &input.through {
            let table = population.of(at);
            let rows = match table.table.columns.get(reference.index()) {
                Some(Column::Ref(rows)) => rows.as_slice(),
                _ => &[],
            };
            hops.push(Hop { rows, of: trust(table, reference) });
            if let Type::Identity(next) = schema.identity(at).attributes[reference.index()].ty.required() {
                at = *next;
            }
        }
        let table = population.of(at);
        let (leaf, codes, of) = match input.read {
            Read::State => {
                let lifecycle = schema.identity(at).lifecycle.as_ref();
                let states = states.get(at.index()).map_or(&[][..], Vec::as_slice);
                (
                    Leaf::State(states, lifecycle.is_some()),
                    lifecycle.map_or(0, |l| l.defs.len() as u32) + 1,
                    None,
                )
            }
            Read::Attr(attr) => {
                let (leaf, codes) = match table.table.columns.get(attr.index()) {
                    Some(column) => Leaf::of(column),
                    None => (Leaf::Never, 1),
                };
                (leaf, codes, trust(table, attr))
            }
        };
        Coding { hops, leaf, of, codes }
    }

    /// The coding of the elements of a set, row by row of the elements' own column.
    pub(crate) fn of_elements(elements: &'a Column) -> Coding<'a> {
        let (leaf, codes) = Leaf::of(elements);
        Coding { hops: Vec::new(), leaf, of: None, codes }
    }

    /// The code of a row.
    pub(crate) fn code(&self, row: u32) -> u32 {
        let mut row = row;
        for hop in &self.hops {
            if hop.of.is_some_and(|(table, attr)| table.is_broken(row, attr)) {
                return UNKNOWN;
            }
            match hop.rows.get(row as usize) {
                Some(&next) if next != Column::NOBODY => row = next,
                _ => return 0,
            }
        }
        if self.of.is_some_and(|(table, attr)| table.is_broken(row, attr)) {
            return UNKNOWN;
        }
        self.leaf.code(row as usize)
    }

    /// Whether codes are in the order of the values.
    pub(crate) fn is_ordered(&self) -> bool {
        matches!(
            self.leaf,
            Leaf::Bool(..) | Leaf::Variant(..) | Leaf::Near { .. } | Leaf::Far { .. } | Leaf::State(..)
        )
    }

    /// The value of a code but 0; none where only a row can tell.
    pub(crate) fn value(&self, code: u32) -> Option<Value<'a>> {
        match &self.leaf {
            Leaf::Bool(..) => Some(Value::Bool(code == 2)),
            Leaf::Variant(..) | Leaf::State(..) => Some(Value::Enum(code - 1)),
            Leaf::Dict(_, column, _) => match column {
                Column::Str(_, dict, _) => Some(Value::Str(dict.spelled(code - 1).into())),
                Column::Text(_, dict, _) => Some(Value::Text(prov_model::Text {
                    spelled: dict.spelled(code - 1).into(),
                    folded: dict.folded(code - 1).into(),
                })),
                _ => None,
            },
            Leaf::Near { numbers, least, .. } => Some(numbers.value(least + i64::from(code - 1))),
            Leaf::Far { numbers, sorted, .. } => Some(numbers.value(sorted[code as usize - 1])),
            Leaf::Present(_) | Leaf::Never => None,
        }
    }

    /// Names the codes that are equal to a value, where a look-up tells them; false where none does.
    pub(crate) fn equal_to(&self, wanted: &Value<'_>, found: impl FnMut(u32)) -> bool {
        let Leaf::Dict(_, column, by_value) = &self.leaf else { return false };
        let key = match (column, wanted) {
            (Column::Str(..), Value::Str(s)) => s.as_ref().into(),
            (Column::Text(..), Value::Text(t)) => t.folded.as_ref().into(),
            (Column::Text(..), Value::Str(s)) => fold(s),
            _ => return false,
        };
        let by_value = by_value.get_or_init(|| by_value_of(column));
        by_value.get(&*key).into_iter().flatten().copied().for_each(found);
        true
    }

    /// Whether codes say only whether something is there.
    pub(crate) fn is_presence(&self) -> bool {
        matches!(self.leaf, Leaf::Present(_) | Leaf::Never)
    }
}

/// Codes by spelling, or by folded form where that is what is compared.
fn by_value_of(column: &Column) -> ByValue<'_> {
    let mut out = ByValue::default();
    match column {
        Column::Str(_, dict, _) => {
            (0..dict.len() as u32).for_each(|c| out.entry(dict.spelled(c)).or_default().push(c + 1));
        }
        Column::Text(_, dict, _) => {
            (0..dict.len() as u32).for_each(|c| out.entry(dict.folded(c)).or_default().push(c + 1));
        }
        _ => {}
    }
    out
}

impl<'a> Leaf<'a> {
    /// How a column is coded, and with how many codes.
    fn of(column: &'a Column) -> (Leaf<'a>, u32) {
        match column {
            Column::Bool(v, valid) => (Leaf::Bool(v, valid), 3),
            Column::Enum(v, valid) => (Leaf::Variant(v, valid), v.iter().max().map_or(0, |m| m + 1) + 1),
            Column::Str(codes, dict, _) | Column::Text(codes, dict, _) => {
                (Leaf::Dict(codes, column, OnceLock::new()), dict.len() as u32 + 1)
            }
            Column::Int(v, valid) => Leaf::numbers(Numbers::Int(v), v.len(), valid),
            Column::Decimal(v, valid) => Leaf::numbers(Numbers::Decimal(v), v.len(), valid),
            Column::Date(v, valid) => Leaf::numbers(Numbers::Date(v), v.len(), valid),
            Column::Instant(v, valid) => Leaf::numbers(Numbers::Instant(v), v.len(), valid),
            Column::Elapsed(v, valid) => Leaf::numbers(Numbers::Elapsed(v), v.len(), valid),
            Column::Duration(..)
            | Column::Set(..)
            | Column::List(..)
            | Column::Record(..)
            | Column::Ref(_) => (Leaf::Present(column), 2),
        }
    }

    fn numbers(numbers: Numbers<'a>, rows: usize, valid: &'a Validity) -> (Leaf<'a>, u32) {
        let present = || (0..rows).filter(|row| valid.get(*row)).map(|row| numbers.get(row));
        let (Some(least), Some(most)) = (present().min(), present().max()) else { return (Leaf::Never, 1) };
        if most.checked_sub(least).is_some_and(|width| width < WIDE) {
            return (Leaf::Near { numbers, valid, least }, (most - least) as u32 + 2);
        }
        let mut sorted: Vec<i64> = present().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let ranks = sorted.iter().zip(1..).map(|(n, rank)| (*n, rank)).collect();
        let codes = sorted.len() as u32 + 1;
        (Leaf::Far { numbers, valid, sorted, ranks }, codes)
    }

    fn code(&self, row: usize) -> u32 {
        match self {
            Leaf::Bool(v, valid) => {
                if valid.get(row) {
                    u32::from(v[row]) + 1
                } else {
                    0
                }
            }
            Leaf::Variant(v, valid) => {
                if valid.get(row) {
                    v[row] + 1
                } else {
                    0
                }
            }
            Leaf::Dict(codes, column, _) => {
                if column.is_present(row) {
                    codes[row] + 1
                } else {
                    0
                }
            }
            Leaf::Near { numbers, valid, least } => {
                if valid.get(row) {
                    (numbers.get(row) - least) as u32 + 1
                } else {
                    0
                }
            }
            Leaf::Far { numbers, valid, ranks, .. } => {
                if valid.get(row) {
                    ranks.get(&numbers.get(row)).copied().unwrap_or(0)
                } else {
                    0
                }
            }
            Leaf::Present(column) => u32::from(column.is_present(row)),
            Leaf::State(states, lifecycle) => match states.get(row) {
                Some(&state) if state != NO_STATE => state + 1,
                _ if *lifecycle => UNKNOWN,
                _ => 0,
            },
            Leaf::Never => 0,
        }
    }
}
