//! Values, how they are compared, spelled and read from cells (types.md).
//! Invariant: a value says its own type, so that nothing has to be known of where it comes from.

use crate::calendar;
use prov_model::{Date, Decimal, Duration, Elapsed, Instant, RawCell};
use serde_json::value::RawValue;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;
use unicode_normalization::UnicodeNormalization;

/// A type. That something may be absent is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    Bool,
    Int,
    Decimal,
    Str,
    Text,
    Date,
    Instant,
    Duration,
    Elapsed,
    Enum(Rc<Vec<String>>),
    Set(Box<Ty>),
    List(Box<Ty>),
    /// A record, or a row of a table, by name.
    Record(String),
    /// A reference to an identity of a type.
    Identity(String),
}

/// An attribute, a field of a record, a column of a table, a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub name: String,
    pub ty: Ty,
    pub optional: bool,
    pub key: bool,
    pub inverse: Option<String>,
    /// Sources in the order in which they count.
    pub prefer: Vec<String>,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Absent,
    Bool(bool),
    Int(i64),
    Decimal(i64),
    Str(String),
    /// As spelled first.
    Text(String),
    Date(Date),
    Instant(Instant),
    Duration(Duration),
    Elapsed(Elapsed),
    Enum(Rc<Vec<String>>, usize),
    /// Each once, in order.
    Set(Vec<Value>),
    List(Vec<Value>),
    Record(Rc<BTreeMap<String, Value>>),
    /// Position among all identities.
    Person(usize),
}

/// NFC, the form in which `string` is compared.
pub(crate) fn nfc(s: &str) -> String {
    s.nfc().collect()
}

/// NFKC, folded, without outer blanks: the form in which `text` is compared.
pub(crate) fn fold(s: &str) -> String {
    let compatible: String = s.trim().nfkc().collect();
    let folded: String = caseless::default_case_fold_str(&compatible).nfkc().collect();
    folded.trim().to_owned()
}

/// `4.25`, at most four places.
pub(crate) fn read_decimal(s: &str) -> Option<i64> {
    let (sign, digits) = s.strip_prefix('-').map_or((1, s), |rest| (-1, rest));
    let (whole, places) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, places)) => (whole, places),
        None => (digits, ""),
    };
    if whole.is_empty()
        || places.len() > 4
        || !(whole.to_owned() + places).chars().all(|c| c.is_ascii_digit())
    {
        return None;
    }
    let number: i128 = format!("{whole}{places:0<4}").parse().ok()?;
    i64::try_from(number).ok().map(|n| sign * n)
}

impl Value {
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }

    /// The letters of a `string` or `text`.
    pub(crate) fn letters(&self) -> Option<&str> {
        match self {
            Value::Str(s) | Value::Text(s) => Some(s),
            _ => None,
        }
    }

    /// Each once, in order; of two spellings of one text the first stays.
    pub(crate) fn set(elements: Vec<Value>) -> Value {
        let mut out: Vec<Value> = Vec::new();
        for e in elements {
            if !out.iter().any(|o| same(o, &e)) {
                out.push(e);
            }
        }
        out.sort_by(compare);
        Value::Set(out)
    }

    /// The elements of a set or list.
    pub(crate) fn elements(&self) -> &[Value] {
        match self {
            Value::Set(v) | Value::List(v) => v,
            _ => &[],
        }
    }

    /// A value where a type is wanted: a `string` becomes `text` (types.md, "No conversion by itself").
    pub(crate) fn wanted_as(self, ty: &Ty) -> Value {
        match (self, ty) {
            (Value::Str(s), Ty::Text) => Value::Text(s),
            (Value::Set(v), Ty::Set(of)) => Value::set(v.into_iter().map(|e| e.wanted_as(of)).collect()),
            (value, _) => value,
        }
    }

    /// The plain spelling (functions.md, `string`).
    pub(crate) fn plain(&self) -> String {
        match self {
            Value::Absent | Value::Record(_) | Value::Person(_) => String::new(),
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Decimal(n) => spell_decimal(*n),
            Value::Str(s) | Value::Text(s) => s.clone(),
            Value::Date(d) => calendar::civil(*d).to_string(),
            Value::Instant(i) => {
                jiff::Timestamp::from_second(i.0).map_or_else(|_| format!("@{}", i.0), |t| t.to_string())
            }
            Value::Duration(d) => spell_duration(*d),
            Value::Elapsed(e) => match e.0 {
                s if s % 3600 == 0 => counted(s / 3600, "hour"),
                s if s % 60 == 0 => counted(s / 60, "minute"),
                s => counted(s, "second"),
            },
            Value::Enum(variants, i) => variants[*i].clone(),
            Value::Set(v) | Value::List(v) => v.iter().map(Value::plain).collect::<Vec<_>>().join(";"),
        }
    }
}

fn spell_decimal(n: i64) -> String {
    let digits = n.unsigned_abs();
    let places = format!("{:04}", digits % 10_000);
    let places = places.trim_end_matches('0');
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}.{}", digits / 10_000, if places.is_empty() { "0" } else { places })
}

fn counted(n: i64, unit: &str) -> String {
    format!("{n} {unit}{}", if n.abs() == 1 { "" } else { "s" })
}

fn spell_duration(d: Duration) -> String {
    let days = || counted(i64::from(d.days), "day");
    if d.months == 0 {
        return days();
    }
    let months = match d.months % 12 {
        0 => counted(i64::from(d.months / 12), "year"),
        _ => counted(i64::from(d.months), "month"),
    };
    if d.days == 0 { months } else { format!("{months} {}", days()) }
}

/// The order of two values of one type (types.md, "Order"). A `string` beside a `text` is compared as `text`.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) | (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Str(a), Value::Str(b)) => nfc(a).cmp(&nfc(b)),
        (Value::Str(a) | Value::Text(a), Value::Str(b) | Value::Text(b)) => fold(a).cmp(&fold(b)),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Instant(a), Value::Instant(b)) => a.cmp(b),
        (Value::Duration(a), Value::Duration(b)) => {
            // A month counts as 30 days; where that makes two equal that are not, the one with more months is greater.
            let days = |d: &Duration| i64::from(d.months) * 30 + i64::from(d.days);
            days(a).cmp(&days(b)).then(a.months.cmp(&b.months))
        }
        (Value::Elapsed(a), Value::Elapsed(b)) => a.cmp(b),
        (Value::Enum(_, a), Value::Enum(_, b)) => a.cmp(b),
        (Value::Person(a), Value::Person(b)) => a.cmp(b),
        (Value::Set(a), Value::Set(b)) => {
            let first = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|o| o.is_ne());
            first.unwrap_or(a.len().cmp(&b.len()))
        }
        _ => Ordering::Less,
    }
}

/// Whether two values are the same.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    compare(a, b).is_eq()
}

/// What the reader of cells must know.
pub(crate) struct Reading<'a> {
    pub records: &'a BTreeMap<String, Vec<Field>>,
}

impl Reading<'_> {
    /// A cell as a value of a type (types.md, "How data is read"); `Absent` where it is empty. References stay keys.
    pub(crate) fn cell(&self, cell: RawCell<'_>, ty: &Ty) -> Option<Value> {
        match (cell, ty) {
            (RawCell::Absent, Ty::Set(_)) => Some(Value::Set(vec![])),
            (RawCell::Absent, Ty::List(_)) => Some(Value::List(vec![])),
            (RawCell::Absent, _) => Some(Value::Absent),
            (RawCell::Text(s), Ty::Set(of)) => {
                let parts = s.split(';').map(str::trim).filter(|p| !p.is_empty());
                parts.map(|p| self.scalar(p, of)).collect::<Option<Vec<_>>>().map(Value::set)
            }
            (RawCell::Text(s) | RawCell::Json(s), Ty::List(_) | Ty::Record(_)) => self.json(s, ty),
            (RawCell::Json(s), _) => self.json(s, ty),
            (RawCell::Text(s), _) => self.scalar(s, ty),
        }
    }

    fn json(&self, text: &str, ty: &Ty) -> Option<Value> {
        let list = || serde_json::from_str::<Vec<&RawValue>>(text).ok();
        match ty {
            Ty::Set(of) if text.trim_start().starts_with('[') => {
                let read = list()?.into_iter().map(|e| self.json(e.get(), of)).collect::<Option<Vec<_>>>()?;
                Some(Value::set(read.into_iter().filter(|v| !v.is_absent()).collect()))
            }
            Ty::List(of) => list()?
                .into_iter()
                .map(|e| self.json(e.get(), of))
                .collect::<Option<Vec<_>>>()
                .map(Value::List),
            Ty::Record(name) => {
                let object: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                let mut fields = BTreeMap::new();
                for field in self.records.get(name)? {
                    let value = match object.get(&field.name) {
                        None => self.cell(RawCell::Absent, &field.ty)?,
                        Some(json) => self.json(json.get(), &field.ty)?,
                    };
                    if value.is_absent() && !field.optional {
                        return None;
                    }
                    fields.insert(field.name.clone(), value);
                }
                Some(Value::Record(Rc::new(fields)))
            }
            _ => match text.trim().chars().next()? {
                'n' => self.cell(RawCell::Absent, ty),
                '[' | '{' => None,
                '"' => {
                    let s: String = serde_json::from_str(text).ok()?;
                    let cell = if s.trim().is_empty() { RawCell::Absent } else { RawCell::Text(&s) };
                    self.cell(cell, ty)
                }
                _ => self.cell(RawCell::Text(text), ty),
            },
        }
    }

    /// A text that is not blank as a plain value.
    pub(crate) fn scalar(&self, s: &str, ty: &Ty) -> Option<Value> {
        let t = s.trim();
        match ty {
            Ty::Bool => match t.to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "1" => Some(Value::Bool(true)),
                "false" | "no" | "n" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            Ty::Int => t.parse().ok().map(Value::Int),
            Ty::Decimal => read_decimal(t).map(Value::Decimal),
            Ty::Str | Ty::Identity(_) => Some(Value::Str(nfc(s))),
            Ty::Text => Some(Value::Text(nfc(s))),
            Ty::Date => calendar::read_date(t).map(Value::Date),
            Ty::Instant => calendar::read_instant(t).map(Value::Instant),
            Ty::Duration => calendar::read_amount(t)?.ok().map(Value::Duration),
            Ty::Elapsed => calendar::read_amount(t)?.err().map(Value::Elapsed),
            Ty::Enum(variants) => {
                let i = variants.iter().position(|v| v == t)?;
                Some(Value::Enum(variants.clone(), i))
            }
            Ty::Set(_) | Ty::List(_) | Ty::Record(_) => None,
        }
    }
}

/// The product of two decimals, rounded half away from zero, staying at the ends of the range.
pub(crate) fn decimal_times(a: i64, b: i64) -> i64 {
    let product = i128::from(a) * i128::from(b);
    let half = if product < 0 { -5_000 } else { 5_000 };
    let rounded = (product + half) / i128::from(Decimal::ONE.0);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}
