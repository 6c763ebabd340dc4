//! The functions that are built in (functions.md).
//! Invariant: arguments are there; a conversion that fails gives nothing.

use crate::calendar;
use crate::value::{Value, compare, read_decimal};
use jiff::tz::TimeZone;
use unicode_segmentation::UnicodeSegmentation;

/// A call. The outer `None`: there is no such function. The inner: it fails.
pub(crate) fn call(name: &str, args: &[Value], zone: &TimeZone) -> Option<Option<Value>> {
    let text = |i: usize| args.get(i).and_then(Value::letters).unwrap_or("");
    let str = |s: String| Some(Value::Str(s));
    let day = match args.first() {
        Some(Value::Date(d)) => Some(calendar::civil(*d)),
        _ => None,
    };
    Some(match name {
        "int" => text(0).trim().parse().ok().map(Value::Int),
        "decimal" => match args.first()? {
            Value::Int(n) => Some(Value::Decimal(n.saturating_mul(10_000))),
            Value::Decimal(n) => Some(Value::Decimal(*n)),
            _ => read_decimal(text(0).trim()).map(Value::Decimal),
        },
        "bool" => match text(0).trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "1" => Some(Value::Bool(true)),
            "false" | "no" | "n" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        "date" => match (args.first()?, args.len()) {
            (Value::Date(d), _) => Some(Value::Date(*d)),
            (Value::Instant(i), _) => Some(Value::Date(calendar::day_of(*i, zone))),
            (_, 1) => calendar::read_date(text(0).trim()).map(Value::Date),
            (..) => calendar::read_date_by(text(0).trim(), text(1)).map(Value::Date),
        },
        "instant" => match args.len() {
            1 => calendar::read_instant(text(0).trim()).map(Value::Instant),
            _ => calendar::read_instant_by(text(0).trim(), text(1), zone).map(Value::Instant),
        },
        "duration" => calendar::read_amount(text(0)).and_then(Result::ok).map(Value::Duration),
        "elapsed" => calendar::read_amount(text(0)).and_then(Result::err).map(Value::Elapsed),
        "string" => str(args.first()?.plain()),
        "text" => Some(Value::Text(args.first()?.plain())),
        "lower" => str(text(0).to_lowercase()),
        "upper" => str(text(0).to_uppercase()),
        "trim" => str(text(0).trim().to_owned()),
        "length" => Some(Value::Int(text(0).graphemes(true).count() as i64)),
        "replace" if text(1).is_empty() => str(text(0).to_owned()),
        "replace" => str(text(0).replace(text(1), text(2))),
        "before" => str(text(0).split_once(text(1)).map_or(text(0), |(a, _)| a).to_owned()),
        "after" => str(text(0).split_once(text(1)).map_or("", |(_, b)| b).to_owned()),
        "split" => {
            let parts: Vec<&str> =
                if text(1).is_empty() { vec![text(0)] } else { text(0).split(text(1)).collect() };
            let parts = parts.into_iter().map(str::trim).filter(|p| !p.is_empty());
            Some(Value::set(parts.map(|p| Value::Str(p.to_owned())).collect()))
        }
        "size" => Some(Value::Int(args.first()?.elements().len() as i64)),
        "year" => day.map(|d| Value::Int(i64::from(d.year()))),
        "month" => day.map(|d| Value::Int(i64::from(d.month()))),
        "day" => day.map(|d| Value::Int(i64::from(d.day()))),
        "weekday" => day.map(|d| Value::Int(i64::from(d.weekday().to_monday_one_offset()))),
        "min" => {
            Some(if compare(args.get(1)?, &args[0]).is_lt() { args[1].clone() } else { args[0].clone() })
        }
        "max" => {
            Some(if compare(args.get(1)?, &args[0]).is_gt() { args[1].clone() } else { args[0].clone() })
        }
        "abs" => match args.first()? {
            Value::Int(n) => Some(Value::Int(n.saturating_abs())),
            Value::Decimal(n) => Some(Value::Decimal(n.saturating_abs())),
            _ => None,
        },
        "ascii" => str(any_ascii::any_ascii(text(0))),
        "slug" => str(slug(text(0))),
        _ => return None,
    })
}

/// Lower-case ASCII words joined by hyphens.
fn slug(s: &str) -> String {
    let plain = any_ascii::any_ascii(s).to_lowercase();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Characters `from` to `to` of a text; what is below nought counts as nought.
pub(crate) fn part(s: &str, from: i64, to: i64) -> String {
    let at = |n: i64| usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    s.graphemes(true).skip(at(from)).take(at(to).saturating_sub(at(from))).collect()
}
