//! The one enumeration of values, one variant a type. Invariant: text is folded when the value is made, never later.

use crate::{Date, Duration, Elapsed, Instant, Schema, Table, Type, fold};
use std::borrow::Cow;
use std::fmt;

/// Fixed point with four places: the number times 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Decimal(pub i64);

impl Decimal {
    /// One.
    pub const ONE: Decimal = Decimal(10_000);

    /// Reads `4`, `4.25`, `-0.0001`: at most four places, nothing else.
    pub fn parse(s: &str) -> Option<Decimal> {
        let (negative, digits) = s.strip_prefix('-').map_or((false, s), |d| (true, d));
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(places) || places.len() > 4 {
            return None;
        }
        if digits.ends_with('.') {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let fraction: i64 = format!("{places:0<4}").parse().ok()?;
        let n = whole.checked_mul(10_000)?.checked_add(fraction)?;
        Some(Decimal(if negative { -n } else { n }))
    }

    /// The product, rounded half away from zero to four places, saturating.
    #[must_use]
    pub fn times(self, other: Decimal) -> Decimal {
        let p = i128::from(self.0) * i128::from(other.0);
        let rounded = (p + p.signum() * 5_000) / 10_000;
        Decimal(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, n) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let places = format!("{:04}", n % 10_000);
        let places = places.trim_end_matches('0');
        write!(f, "{sign}{}.{}", n / 10_000, if places.is_empty() { "0" } else { places })
    }
}

/// A text with its spelling and the form it is compared in.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// As written.
    pub spelled: Cow<'a, str>,
    /// As compared.
    pub folded: Cow<'a, str>,
}

impl<'a> Text<'a> {
    /// Folds a spelling.
    pub fn new(spelled: impl Into<Cow<'a, str>>) -> Text<'a> {
        let spelled = spelled.into();
        let folded = match &spelled {
            Cow::Borrowed(s) => fold(s),
            Cow::Owned(s) => Cow::Owned(fold(s).into_owned()),
        };
        Text { spelled, folded }
    }
}

/// A row of a table: an identity behind a reference, an element of a list, a row looked up.
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'a> {
    /// The table.
    pub table: &'a Table,
    /// The row in it.
    pub row: u32,
}

/// A value. `'a` is the life of the columns it may borrow from.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Of an optional type: nothing there.
    Absent,
    /// Of `bool`.
    Bool(bool),
    /// Of `int`.
    Int(i64),
    /// Of `decimal`.
    Decimal(Decimal),
    /// Of `string`, in NFC.
    Str(Cow<'a, str>),
    /// Of `text`.
    Text(Text<'a>),
    /// Of `date`.
    Date(Date),
    /// Of `instant`.
    Instant(Instant),
    /// Of `duration`.
    Duration(Duration),
    /// Of `elapsed`.
    Elapsed(Elapsed),
    /// Of an enum: the number of the variant.
    Enum(u32),
    /// Of `set of T`: sorted by [`crate::compare`], without doubles.
    Set(Vec<Value<'a>>),
    /// Of `list of T`: rows.
    List(Vec<RowRef<'a>>),
    /// Of a record or an identity.
    Row(RowRef<'a>),
}

impl<'a> Value<'a> {
    /// A `string`.
    pub fn str(s: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Str(s.into())
    }

    /// A `text`.
    pub fn text(s: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Text(Text::new(s))
    }

    /// A set of these, sorted and without doubles.
    pub fn set(mut elements: Vec<Value<'a>>) -> Value<'a> {
        elements.sort_by(crate::compare);
        elements.dedup_by(|a, b| crate::equal(a, b));
        Value::Set(elements)
    }

    /// Whether it is nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }

    /// The truth of a `bool`; anything else is a bug of the checker and reads as false.
    pub fn truth(&self) -> bool {
        debug_assert!(matches!(self, Value::Bool(_)), "a condition is bool");
        matches!(self, Value::Bool(true))
    }

    /// The spelling of a `string` or `text`.
    pub fn spelling(&self) -> Option<&str> {
        match self {
            Value::Str(s) => Some(s),
            Value::Text(t) => Some(&t.spelled),
            _ => None,
        }
    }

    /// A copy that borrows nothing, where there are no rows in it; rows become their key or `Absent`.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Absent => Value::Absent,
            Value::Bool(b) => Value::Bool(b),
            Value::Int(n) => Value::Int(n),
            Value::Decimal(d) => Value::Decimal(d),
            Value::Str(s) => Value::Str(Cow::Owned(s.into_owned())),
            Value::Text(t) => Value::Text(Text {
                spelled: Cow::Owned(t.spelled.into_owned()),
                folded: Cow::Owned(t.folded.into_owned()),
            }),
            Value::Date(d) => Value::Date(d),
            Value::Instant(i) => Value::Instant(i),
            Value::Duration(d) => Value::Duration(d),
            Value::Elapsed(e) => Value::Elapsed(e),
            Value::Enum(v) => Value::Enum(v),
            Value::Set(v) => Value::Set(v.into_iter().map(Value::into_owned).collect()),
            Value::List(rows) => Value::Set(rows.into_iter().map(|r| Value::Row(r).into_owned()).collect()),
            Value::Row(r) => {
                r.table.key(r.row).map_or(Value::Absent, |k| Value::Str(Cow::Owned(k.to_owned())))
            }
        }
    }

    /// The plain spelling, as cells and interpolated strings have it: no quotes, dates in ISO form.
    pub fn plain(&self, ty: &Type, schema: &Schema) -> String {
        match self {
            Value::Absent => String::new(),
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Decimal(d) => d.to_string(),
            Value::Str(s) => s.to_string(),
            Value::Text(t) => t.spelled.to_string(),
            Value::Date(d) => d.to_string(),
            Value::Instant(i) => i.to_string(),
            Value::Duration(d) => d.to_string(),
            Value::Elapsed(e) => e.to_string(),
            Value::Enum(v) => match ty.required() {
                Type::Enum(id) => schema.enums[id.0 as usize].variants[*v as usize].clone(),
                _ => v.to_string(),
            },
            Value::Set(v) => {
                let element = match ty.required() {
                    Type::Set(t) => t.as_ref(),
                    other => other,
                };
                v.iter().map(|x| x.plain(element, schema)).collect::<Vec<_>>().join(";")
            }
            Value::List(rows) => format!("{} rows", rows.len()),
            Value::Row(r) => r.table.key(r.row).unwrap_or("").to_owned(),
        }
    }

    /// The value as a policy would write it, for explanations: strings quoted, nothing as `absent`.
    pub fn shown(&self, ty: &Type, schema: &Schema) -> String {
        match self {
            Value::Absent => "absent".into(),
            Value::Str(_) | Value::Text(_) => format!("{:?}", self.plain(ty, schema)),
            Value::Set(v) => {
                let element = match ty.required() {
                    Type::Set(t) => t.as_ref(),
                    other => other,
                };
                format!("[{}]", v.iter().map(|x| x.shown(element, schema)).collect::<Vec<_>>().join(", "))
            }
            Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Date(_)
            | Value::Instant(_)
            | Value::Duration(_)
            | Value::Elapsed(_)
            | Value::Enum(_)
            | Value::List(_)
            | Value::Row(_) => self.plain(ty, schema),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_four_places() {
        for (s, n) in [("4", 40_000), ("4.25", 42_500), ("-0.0001", -1), ("0.5", 5_000)] {
            assert_eq!(Decimal::parse(s), Some(Decimal(n)), "{s}");
        }
        for s in ["", ".5", "5.", "1.23456", "1e3", "--1", "1,5", "+1", "99999999999999999999"] {
            assert_eq!(Decimal::parse(s), None, "{s}");
        }
        assert_eq!(Decimal(15_000).times(Decimal(5_001)).to_string(), "0.7502");
        assert_eq!(Decimal(-15_000).to_string(), "-1.5");
        assert_eq!(Decimal(i64::MAX).times(Decimal(20_000)), Decimal(i64::MAX));
    }
}
