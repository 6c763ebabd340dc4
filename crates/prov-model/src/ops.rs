//! Operators and their scalar meaning: the law that every engine follows. All are total on the types the checker
//! admits; arithmetic saturates. Operands are never absent here: presence is settled by the checker.

use crate::{Type, Value, Zone};
use std::cmp::Ordering;

/// `== != < <= > >=`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// `+ - *`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
}

/// Tests of one text against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextOp {
    /// `contains`
    Contains,
    /// `starts with`
    StartsWith,
    /// `ends with`
    EndsWith,
}

impl CompareOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            CompareOp::Eq => "==",
            CompareOp::Ne => "!=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
        }
    }

    /// Whether an ordering of the operands satisfies it.
    pub fn holds(self, o: Ordering) -> bool {
        match self {
            CompareOp::Eq => o == Ordering::Equal,
            CompareOp::Ne => o != Ordering::Equal,
            CompareOp::Lt => o == Ordering::Less,
            CompareOp::Le => o != Ordering::Greater,
            CompareOp::Gt => o == Ordering::Greater,
            CompareOp::Ge => o != Ordering::Less,
        }
    }
}

impl ArithOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            ArithOp::Add => "+",
            ArithOp::Sub => "-",
            ArithOp::Mul => "*",
        }
    }
}

impl TextOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            TextOp::Contains => "contains",
            TextOp::StartsWith => "starts with",
            TextOp::EndsWith => "ends with",
        }
    }
}

/// The order of two values of one type: numbers and dates by size, `string` by code point, `text` by its folded form,
/// enums by order of declaration, durations by [`crate::Duration::rank`], sets element by element, rows by place.
/// `Absent` comes before everything. `string` and `text` compare as `text`.
pub fn compare(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.folded.cmp(&b.folded),
        (Value::Str(a), Value::Text(b)) => crate::fold(a).cmp(&b.folded),
        (Value::Text(a), Value::Str(b)) => a.folded.cmp(&crate::fold(b)),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Instant(a), Value::Instant(b)) => a.cmp(b),
        (Value::Duration(a), Value::Duration(b)) => a.rank().cmp(&b.rank()),
        (Value::Elapsed(a), Value::Elapsed(b)) => a.cmp(b),
        (Value::Enum(a), Value::Enum(b)) => a.cmp(b),
        (Value::Set(a), Value::Set(b)) => {
            a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|o| o.is_ne()).unwrap_or(a.len().cmp(&b.len()))
        }
        (Value::List(a), Value::List(b)) => a.iter().map(|r| r.row).cmp(b.iter().map(|r| r.row)),
        (Value::Row(a), Value::Row(b)) => match (a.table.key(a.row), b.table.key(b.row)) {
            (Some(a), Some(b)) => a.cmp(b),
            _ => a.row.cmp(&b.row),
        },
        (Value::Absent, Value::Absent) => Ordering::Equal,
        (Value::Absent, _) => Ordering::Less,
        (_, Value::Absent) => Ordering::Greater,
        _ => {
            debug_assert!(false, "the checker lets only values of one type meet");
            Ordering::Equal
        }
    }
}

/// Whether two values of one type are the same.
pub fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    compare(a, b).is_eq()
}

/// `a in set`; for a set of `text` and a `string` element, by folded form.
pub fn in_set(a: &Value<'_>, set: &Value<'_>) -> bool {
    match set {
        Value::Set(elements) => elements.iter().any(|e| equal(a, e)),
        _ => false,
    }
}

/// `a in low..high`, both ends included.
pub fn in_range(a: &Value<'_>, low: &Value<'_>, high: &Value<'_>) -> bool {
    compare(a, low).is_ge() && compare(a, high).is_le()
}

/// `contains`, `starts with`, `ends with` on text; folded where either side is `text`.
pub fn text_op(op: TextOp, a: &Value<'_>, b: &Value<'_>) -> bool {
    let test = |a: &str, b: &str| match op {
        TextOp::Contains => a.contains(b),
        TextOp::StartsWith => a.starts_with(b),
        TextOp::EndsWith => a.ends_with(b),
    };
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => test(a, b),
        (Value::Text(a), Value::Text(b)) => test(&a.folded, &b.folded),
        (Value::Text(a), Value::Str(b)) => test(&a.folded, &crate::fold(b)),
        (Value::Str(a), Value::Text(b)) => test(&crate::fold(a), &b.folded),
        _ => false,
    }
}

/// The type of `a op b`, where there is one.
pub fn add_type(op: ArithOp, a: &Type, b: &Type) -> Option<Type> {
    use Type::{Date, Decimal, Duration, Elapsed, Instant, Int, Str, Text};
    Some(match (op, a, b) {
        (_, Int, Int) => Int,
        (_, Decimal, Decimal) => Decimal,
        (ArithOp::Add, Str, Str) => Str,
        (ArithOp::Add, Str | Text, Str | Text) => Text,
        (ArithOp::Add | ArithOp::Sub, Date, Duration) => Date,
        (ArithOp::Add, Duration, Date) => Date,
        (ArithOp::Sub, Date, Date) => Duration,
        (ArithOp::Add | ArithOp::Sub, Duration, Duration) => Duration,
        (ArithOp::Add | ArithOp::Sub, Elapsed, Elapsed) => Elapsed,
        (ArithOp::Add | ArithOp::Sub, Instant, Duration | Elapsed) => Instant,
        (ArithOp::Sub, Instant, Instant) => Elapsed,
        (ArithOp::Mul, Int, Duration) | (ArithOp::Mul, Duration, Int) => Duration,
        (ArithOp::Mul, Int, Elapsed) | (ArithOp::Mul, Elapsed, Int) => Elapsed,
        _ => return None,
    })
}

/// `a op b` by the scalar meaning: saturating numbers, clipped months, local time kept across a change of the clock.
/// `zone` is the policy's.
pub fn arith<'a>(op: ArithOp, a: &Value<'a>, b: &Value<'a>, zone: &Zone) -> Value<'a> {
    use crate::{Decimal, Duration, Elapsed, Instant};
    let sub = op == ArithOp::Sub;
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Value::Int(int(op, *a, *b)),
        (Value::Decimal(a), Value::Decimal(b)) => Value::Decimal(match op {
            ArithOp::Mul => a.times(*b),
            ArithOp::Add | ArithOp::Sub => Decimal(int(op, a.0, b.0)),
        }),
        (Value::Str(a), Value::Str(b)) => Value::str(format!("{a}{b}")),
        (Value::Str(_) | Value::Text(_), Value::Str(_) | Value::Text(_)) => {
            Value::text(format!("{}{}", a.spelling().unwrap_or(""), b.spelling().unwrap_or("")))
        }
        (Value::Date(a), Value::Duration(d)) => Value::Date(a.plus(if sub { d.negated() } else { *d })),
        (Value::Duration(d), Value::Date(a)) => Value::Date(a.plus(*d)),
        (Value::Date(a), Value::Date(b)) => Value::Duration(a.minus(*b)),
        (Value::Duration(a), Value::Duration(b)) => {
            Value::Duration(a.plus(if sub { b.negated() } else { *b }))
        }
        (Value::Elapsed(a), Value::Elapsed(b)) => Value::Elapsed(Elapsed(int(op, a.0, b.0))),
        (Value::Instant(i), Value::Duration(d)) => {
            Value::Instant(zone.plus(*i, if sub { d.negated() } else { *d }))
        }
        (Value::Instant(i), Value::Elapsed(e)) => Value::Instant(Instant(int(op, i.0, e.0))),
        (Value::Instant(a), Value::Instant(b)) => Value::Elapsed(Elapsed(a.0.saturating_sub(b.0))),
        (Value::Int(n), Value::Duration(d)) | (Value::Duration(d), Value::Int(n)) => {
            let n = (*n).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
            Value::Duration(Duration { months: d.months.saturating_mul(n), days: d.days.saturating_mul(n) })
        }
        (Value::Int(n), Value::Elapsed(e)) | (Value::Elapsed(e), Value::Int(n)) => {
            Value::Elapsed(Elapsed(e.0.saturating_mul(*n)))
        }
        _ => {
            debug_assert!(false, "the checker admits only what `add_type` types");
            Value::Absent
        }
    }
}

fn int(op: ArithOp, a: i64, b: i64) -> i64 {
    match op {
        ArithOp::Add => a.saturating_add(b),
        ArithOp::Sub => a.saturating_sub(b),
        ArithOp::Mul => a.saturating_mul(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ignores_case_and_string_does_not() {
        assert!(equal(&Value::text(" SALES"), &Value::text("sales")));
        assert!(!equal(&Value::str("SALES"), &Value::str("sales")));
        assert!(text_op(TextOp::StartsWith, &Value::text("Sales EMEA"), &Value::str("SALES")));
        assert!(!text_op(TextOp::StartsWith, &Value::str("Sales EMEA"), &Value::str("SALES")));
    }

    #[test]
    fn arithmetic_saturates() {
        let z = Zone::utc();
        let max = Value::Int(i64::MAX);
        assert!(matches!(arith(ArithOp::Add, &max, &Value::Int(1), &z), Value::Int(i64::MAX)));
        assert!(matches!(arith(ArithOp::Mul, &max, &Value::Int(-2), &z), Value::Int(i64::MIN)));
    }
}
