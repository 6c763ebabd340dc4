//! The functions that are built in (functions.md).
//! Invariant: arguments are there; a conversion that fails gives nothing.

use crate::calendar;
use crate::value::{Value, compare, read_decimal, same};
use jiff::tz::TimeZone;
use prov_model::Date;
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
        "title_case" => str(title_case(text(0))),
        "tidy" => str(text(0).split_whitespace().collect::<Vec<_>>().join(" ")),
        "digits" => str(text(0).chars().filter(char::is_ascii_digit).collect()),
        "before_last" => str(text(0).rsplit_once(text(1)).map_or(text(0), |(a, _)| a).to_owned()),
        "after_last" => str(text(0).rsplit_once(text(1)).map_or("", |(_, b)| b).to_owned()),
        "part" => {
            let Value::Int(number) = args.get(2)? else { return Some(None) };
            let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
            let whole = [text(0)];
            let parts: Vec<&str> =
                if text(1).is_empty() { whole.to_vec() } else { text(0).split(text(1)).collect() };
            str(parts.get(at).copied().unwrap_or("").to_owned())
        }
        "home_domain" => str(crate::federation::home_domain(text(0))),
        "join" => str(args.first()?.elements().iter().map(Value::plain).collect::<Vec<_>>().join(text(1))),
        "is_working_day"
        | "working_day_from"
        | "working_day_until"
        | "add_working_days"
        | "working_days_between" => working_days(name, args),
        _ => return None,
    })
}

/// Days that are a Monday to Friday and no holiday; the holidays are the last argument, where they are given.
fn working_days(name: &str, args: &[Value]) -> Option<Value> {
    let number = usize::from(name == "add_working_days" || name == "working_days_between");
    let holidays = args.get(number + 1).map_or(&[][..], Value::elements);
    let Value::Date(start) = args.first()? else { return None };
    let works = |d: Date| {
        calendar::civil(d).weekday().to_monday_one_offset() < 6
            && !holidays.iter().any(|h| same(h, &Value::Date(d)))
    };
    let (first, last) = (calendar::date(jiff::civil::Date::MIN), calendar::date(jiff::civil::Date::MAX));
    // Day by day, to the ends of the calendar.
    let walk = |from: Date, step: i32, mut count: i64| {
        let mut at = from;
        while count > 0 && at > first && at < last {
            at = Date(at.0 + step);
            count -= i64::from(works(at));
        }
        at
    };
    Some(match name {
        "is_working_day" => Value::Bool(works(*start)),
        "working_day_from" if works(*start) => Value::Date(*start),
        "working_day_from" => Value::Date(walk(*start, 1, 1)),
        "working_day_until" if works(*start) => Value::Date(*start),
        "working_day_until" => Value::Date(walk(*start, -1, 1)),
        "add_working_days" => match args.get(1)? {
            Value::Int(n) if *n < 0 => Value::Date(walk(*start, -1, n.saturating_neg())),
            Value::Int(n) => Value::Date(walk(*start, 1, *n)),
            _ => return None,
        },
        _ => {
            let Value::Date(end) = args.get(1)? else { return None };
            let many = |days: std::ops::Range<i32>| days.filter(|d| works(Date(*d))).count() as i64;
            // Without the day that is counted from, and with that to which.
            if end < start {
                return Some(Value::Int(-many(end.0..start.0)));
            }
            Value::Int(many(start.0 + 1..end.0.saturating_add(1)))
        }
    })
}

/// Each word with a capital, the rest small; a word begins behind whatever is no letter, digit or accent, and behind an
/// apostrophe only where one letter is before that.
fn title_case(s: &str) -> String {
    let mut out = String::new();
    let mut word = 0;
    for c in s.chars() {
        if !c.is_alphanumeric() {
            out.push(c);
            let within = matches!(c, '\u{300}'..='\u{36f}') || (matches!(c, '\'' | '’') && word != 1);
            word = if within { word } else { 0 };
            continue;
        }
        if word == 0 {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        word += 1;
    }
    out
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
