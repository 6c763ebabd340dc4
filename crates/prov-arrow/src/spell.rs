//! How values are spelled: as a cell of a CSV would have them; lists and structs as JSON, as JSON Lines have them.
//! Invariant: one spelling a value, so that what reads spellings needs to know nothing of types.

use crate::Sink;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_buffer::ArrowNativeType;
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};
use jiff::civil;
use std::fmt::Write;

/// A dictionary with the codes of those of its values that were named so far: stretches of rows mostly share one.
#[derive(Clone)]
pub(crate) struct Known {
    values: ArrayData,
    codes: Vec<u32>,
}

/// Gives the cells of a column to its sink. `last` is what this sink was given of the stretch before.
pub(crate) fn column(cells: &ArrayRef, last: &mut Option<Known>, sink: &mut dyn Sink) -> Result<(), String> {
    match cells.data_type() {
        DataType::Dictionary(key, _) => match &**key {
            DataType::Int8 => dictionary::<Int8Type>(cells, last, sink),
            DataType::Int16 => dictionary::<Int16Type>(cells, last, sink),
            DataType::Int32 => dictionary::<Int32Type>(cells, last, sink),
            DataType::Int64 => dictionary::<Int64Type>(cells, last, sink),
            DataType::UInt8 => dictionary::<UInt8Type>(cells, last, sink),
            DataType::UInt16 => dictionary::<UInt16Type>(cells, last, sink),
            DataType::UInt32 => dictionary::<UInt32Type>(cells, last, sink),
            DataType::UInt64 => dictionary::<UInt64Type>(cells, last, sink),
            other => Err(format!("keys of a dictionary can't be `{other}`")),
        },
        // Text goes as it is, without a detour.
        DataType::Utf8 => {
            texts(cells.as_string::<i32>().iter(), sink);
            Ok(())
        }
        DataType::LargeUtf8 => {
            texts(cells.as_string::<i64>().iter(), sink);
            Ok(())
        }
        DataType::Utf8View => {
            texts(cells.as_string_view().iter(), sink);
            Ok(())
        }
        DataType::Int8 => numbers::<Int8Type>(cells, sink),
        DataType::Int16 => numbers::<Int16Type>(cells, sink),
        DataType::Int32 => numbers::<Int32Type>(cells, sink),
        DataType::Int64 => numbers::<Int64Type>(cells, sink),
        DataType::UInt32 => numbers::<UInt32Type>(cells, sink),
        DataType::Date32 => numbers::<Date32Type>(cells, sink),
        _ => {
            let mut codes = Codes::new(sink);
            let mut text = String::new();
            let mut last: Option<u32> = None;
            let mut before = String::new();
            for row in 0..cells.len() {
                if cells.is_null(row) {
                    codes.push(0);
                    continue;
                }
                text.clear();
                let json = plain(cells.as_ref(), row, &mut text)?;
                let code = match last {
                    Some(code) if text == before => code,
                    Some(_) | None => codes.sink.code(&text, json),
                };
                codes.push(code);
                std::mem::swap(&mut text, &mut before);
                last = Some(code);
            }
            codes.flush();
            Ok(())
        }
    }
}

/// Codes on their way to a sink, which takes many at a time.
struct Codes<'s> {
    sink: &'s mut dyn Sink,
    held: Vec<u32>,
}

/// How many of them are held back.
const HELD: usize = 1 << 10;

impl<'s> Codes<'s> {
    fn new(sink: &'s mut dyn Sink) -> Codes<'s> {
        Codes { sink, held: Vec::with_capacity(HELD) }
    }

    fn push(&mut self, code: u32) {
        self.held.push(code);
        if self.held.len() == HELD {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.sink.extend(&self.held);
        self.held.clear();
    }
}

fn texts<'a>(cells: impl Iterator<Item = Option<&'a str>>, sink: &mut dyn Sink) {
    let mut codes = Codes::new(sink);
    let mut last = ("", 0);
    for cell in cells {
        let code = match cell {
            None => 0,
            // Rows of one identity mostly stand together.
            Some(text) if text == last.0 => last.1,
            Some(text) => {
                last = (text, codes.sink.code(text, false));
                last.1
            }
        };
        codes.push(code);
    }
    codes.flush();
}

/// How many numbers are remembered with their codes. Days, levels and the like are few; keys are never the same again.
const REMEMBERED: usize = 1 << 12;

/// Numbers and days, of which those seen lately are not spelled again.
fn numbers<T: ArrowPrimitiveType>(cells: &ArrayRef, sink: &mut dyn Sink) -> Result<(), String>
where
    T::Native: TryInto<i64>,
{
    let mut codes = Codes::new(sink);
    let mut text = String::new();
    let mut seen: Vec<(i64, u32)> = vec![(0, 0); REMEMBERED.min(cells.len().next_power_of_two())];
    for (row, value) in cells.as_primitive::<T>().iter().enumerate() {
        let Some(value) = value.and_then(|v| v.try_into().ok()) else {
            codes.push(0);
            continue;
        };
        let slot = (value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let slot = &mut seen[slot as usize & (REMEMBERED - 1).min(cells.len().next_power_of_two() - 1)];
        // Code 0 is absence: a slot that has it is free.
        if slot.0 != value || slot.1 == 0 {
            text.clear();
            plain(cells.as_ref(), row, &mut text)?;
            *slot = (value, codes.sink.code(&text, false));
        }
        codes.push(slot.1);
    }
    codes.flush();
    Ok(())
}

/// Each value of the dictionary that a row names is spelled once.
fn dictionary<K: ArrowDictionaryKeyType>(
    cells: &ArrayRef,
    last: &mut Option<Known>,
    sink: &mut dyn Sink,
) -> Result<(), String> {
    const BEYOND: &str = "a key stands beyond its dictionary";
    let cells = cells.as_dictionary::<K>();
    let values = cells.values();
    let data = values.to_data();
    let mut known = match last.take() {
        Some(known) if known.values.ptr_eq(&data) => known,
        Some(_) | None => Known { values: data, codes: vec![u32::MAX; values.len()] },
    };
    let mut text = String::new();
    let mut out = Codes::new(sink);
    let mut spell = |key: usize, out: &mut Codes<'_>| -> Result<u32, String> {
        let code = known.codes.get_mut(key).ok_or(BEYOND)?;
        if *code == u32::MAX {
            *code = if values.is_null(key) {
                0
            } else {
                text.clear();
                let json = plain(values.as_ref(), key, &mut text)?;
                out.sink.code(&text, json)
            };
        }
        Ok(*code)
    };
    let keys = cells.keys();
    if keys.null_count() == 0 {
        for key in keys.values().iter() {
            let code = spell(key.as_usize(), &mut out)?;
            out.push(code);
        }
    } else {
        for key in cells.keys_iter() {
            let code = key.map_or(Ok(0), |key| spell(key, &mut out))?;
            out.push(code);
        }
    }
    out.flush();
    *last = Some(known);
    Ok(())
}

fn number<T: ArrowPrimitiveType>(cells: &dyn Array, row: usize, out: &mut String)
where
    T::Native: std::fmt::Display,
{
    let _ = write!(out, "{}", cells.as_primitive::<T>().value(row));
}

/// Writes a value that is not null, as a cell has it; whether that is JSON.
fn plain(cells: &dyn Array, row: usize, out: &mut String) -> Result<bool, String> {
    match cells.data_type() {
        DataType::Boolean => out.push_str(if cells.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => number::<Int8Type>(cells, row, out),
        DataType::Int16 => number::<Int16Type>(cells, row, out),
        DataType::Int32 => number::<Int32Type>(cells, row, out),
        DataType::Int64 => number::<Int64Type>(cells, row, out),
        DataType::UInt8 => number::<UInt8Type>(cells, row, out),
        DataType::UInt16 => number::<UInt16Type>(cells, row, out),
        DataType::UInt32 => number::<UInt32Type>(cells, row, out),
        DataType::UInt64 => number::<UInt64Type>(cells, row, out),
        // Whole numbers have no point: a column of numbers in which one is missing is often written as floats.
        DataType::Float32 => number::<Float32Type>(cells, row, out),
        DataType::Float64 => number::<Float64Type>(cells, row, out),
        DataType::Decimal32(_, scale) => {
            decimal(&cells.as_primitive::<Decimal32Type>().value(row).to_string(), *scale, out);
        }
        DataType::Decimal64(_, scale) => {
            decimal(&cells.as_primitive::<Decimal64Type>().value(row).to_string(), *scale, out);
        }
        DataType::Decimal128(_, scale) => {
            decimal(&cells.as_primitive::<Decimal128Type>().value(row).to_string(), *scale, out);
        }
        DataType::Decimal256(_, scale) => {
            decimal(&cells.as_primitive::<Decimal256Type>().value(row).to_string(), *scale, out);
        }
        DataType::Date32 => day(i64::from(cells.as_primitive::<Date32Type>().value(row)), out)?,
        DataType::Date64 => day(cells.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000), out)?,
        DataType::Timestamp(unit, zone) => {
            let (value, a_second) = match unit {
                TimeUnit::Second => (cells.as_primitive::<TimestampSecondType>().value(row), 1),
                TimeUnit::Millisecond => (cells.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
                TimeUnit::Microsecond => {
                    (cells.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000)
                }
                TimeUnit::Nanosecond => {
                    (cells.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000)
                }
            };
            instant(value, a_second, zone.is_some(), out)?;
        }
        DataType::Time32(TimeUnit::Second) => {
            time(i64::from(cells.as_primitive::<Time32SecondType>().value(row)), 1, out);
        }
        DataType::Time32(_) => {
            time(i64::from(cells.as_primitive::<Time32MillisecondType>().value(row)), 1_000, out);
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            time(cells.as_primitive::<Time64NanosecondType>().value(row), 1_000_000_000, out);
        }
        DataType::Time64(_) => {
            time(cells.as_primitive::<Time64MicrosecondType>().value(row), 1_000_000, out);
        }
        DataType::Utf8 => out.push_str(cells.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => out.push_str(cells.as_string::<i64>().value(row)),
        DataType::Utf8View => out.push_str(cells.as_string_view().value(row)),
        DataType::Null => {}
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Struct(_) => {
            json(cells, row, out)?;
            return Ok(true);
        }
        other => return Err(format!("its type `{other}` is none that can be read")),
    }
    Ok(false)
}

/// Writes a value as JSON.
fn json(cells: &dyn Array, row: usize, out: &mut String) -> Result<(), String> {
    if cells.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    let elements = match cells.data_type() {
        DataType::List(_) => Some(cells.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(cells.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => Some(cells.as_fixed_size_list().value(row)),
        _ => None,
    };
    if let Some(elements) = elements {
        out.push('[');
        for i in 0..elements.len() {
            if i > 0 {
                out.push(',');
            }
            json(elements.as_ref(), i, out)?;
        }
        out.push(']');
        return Ok(());
    }
    match cells.data_type() {
        DataType::Struct(fields) => {
            out.push('{');
            for (i, (field, cells)) in fields.iter().zip(cells.as_struct().columns()).enumerate() {
                if i > 0 {
                    out.push(',');
                }
                string(field.name(), out);
                out.push(':');
                json(cells.as_ref(), row, out)?;
            }
            out.push('}');
        }
        DataType::Null => out.push_str("null"),
        DataType::Dictionary(..) => {
            let dictionary = cells.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            json(dictionary.values().as_ref(), key, out)?;
        }
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => {
            plain(cells, row, out)?;
        }
        _ => {
            let mut text = String::new();
            plain(cells, row, &mut text)?;
            // JSON has no spelling for numbers that are none.
            let bare = matches!(cells.data_type(), DataType::Float32 | DataType::Float64)
                && !text.contains(|c: char| c.is_alphabetic());
            if bare { out.push_str(&text) } else { string(&text, out) }
        }
    }
    Ok(())
}

fn string(text: &str, out: &mut String) {
    // Most text has nothing that must be escaped.
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\' && b != 0x7F) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Digits with a point before the last `scale` of them, without zeros behind it that say nothing.
fn decimal(digits: &str, scale: i8, out: &mut String) {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    out.push_str(sign);
    let Ok(scale) = usize::try_from(scale) else {
        out.push_str(digits);
        if digits != "0" {
            out.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs())));
        }
        return;
    };
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = padded.split_at(padded.len() - scale);
    out.push_str(whole);
    let part = part.trim_end_matches('0');
    if !part.is_empty() {
        out.push('.');
        out.push_str(part);
    }
}

fn day(days: i64, out: &mut String) -> Result<(), String> {
    let date = i32::try_from(days)
        .ok()
        .and_then(|days| civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok());
    let date = date.ok_or_else(|| format!("day {days} is in no year that can be written"))?;
    let _ = write!(out, "{date}");
    Ok(())
}

fn time(value: i64, a_second: i64, out: &mut String) {
    let (seconds, part) = (value.div_euclid(a_second), value.rem_euclid(a_second));
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    fraction(part, a_second, out);
}

fn fraction(part: i64, a_second: i64, out: &mut String) {
    if part != 0 {
        let digits = format!("{:0>width$}", part, width = a_second.ilog10() as usize);
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// An instant, by `Z` where the column has a zone (it holds UTC then). Without one it is a local time of no place; at
/// midnight it stands for the day, since that is how days are often written.
fn instant(value: i64, a_second: i64, zoned: bool, out: &mut String) -> Result<(), String> {
    let (seconds, part) = (value.div_euclid(a_second), value.rem_euclid(a_second));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    day(days, out)?;
    if zoned || second != 0 || part != 0 {
        out.push('T');
        time(second, 1, out);
        fraction(part, a_second, out);
    }
    if zoned {
        out.push('Z');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_the_digits_that_say_something() {
        let spelled = |digits: &str, scale| {
            let mut out = String::new();
            decimal(digits, scale, &mut out);
            out
        };
        assert_eq!(spelled("12500", 4), "1.25");
        assert_eq!(spelled("-5", 2), "-0.05");
        assert_eq!(spelled("500", 2), "5");
        assert_eq!(
            (spelled("7", -2), spelled("0", -2), spelled("7", 0)),
            ("700".into(), "0".into(), "7".into())
        );
    }

    #[test]
    fn times_without_a_zone_are_days_at_midnight_only() {
        let spelled = |value, a_second, zoned| {
            let mut out = String::new();
            instant(value, a_second, zoned, &mut out).map(|()| out)
        };
        assert_eq!(spelled(0, 1_000, false), Ok("1970-01-01".into()));
        assert_eq!(spelled(0, 1_000, true), Ok("1970-01-01T00:00:00Z".into()));
        assert_eq!(spelled(-1, 1, false), Ok("1969-12-31T23:59:59".into()));
        assert_eq!(spelled(1_500_000_000, 1_000_000_000, true), Ok("1970-01-01T00:00:01.5Z".into()));
        assert!(spelled(i64::MAX, 1, true).is_err());
    }
}
