//! Built-in functions: one table of names, signatures, meaning and doc, read by the checker, the engines and the docs.
//!
//! Invariant: a call is total. Where a conversion fails it gives a [`CallError`]: in a source mapping that rejects the
//! row, in a rule the result is optional and absent.

use crate::{Date, Decimal, Duration, Elapsed, Instant, Type, Value, Zone, to_ascii, working};
use unicode_segmentation::UnicodeSegmentation;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamType {
    /// `string` or `text`, by spelling.
    Textual,
    /// Exactly `int`.
    Int,
    /// Exactly `date`.
    Date,
    /// Exactly `instant`.
    Instant,
    /// Any scalar.
    Scalar,
    /// Anything `<` is defined on; several such are of one type.
    Ordered,
    /// A number: `int` or `decimal`.
    Number,
    /// A set, or a list.
    Many,
    /// `set of string` or `set of text`.
    Texts,
    /// `set of date`.
    Dates,
    /// A constant string (a pattern).
    Constant,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// `string`
    Str,
    /// `text`
    Text,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `decimal`
    Decimal,
    /// `date`
    Date,
    /// `instant`
    Instant,
    /// `duration`
    Duration,
    /// `elapsed`
    Elapsed,
    /// `set of string`
    SetOfStr,
    /// The type of the first argument.
    SameAsFirst,
}

/// A function's entry.
#[derive(Debug)]
pub struct BuiltinInfo {
    /// Which.
    pub builtin: Builtin,
    /// Its name.
    pub name: &'static str,
    /// The module to `use` it from; empty = always there.
    pub module: &'static str,
    /// Parameters: name, type, whether it may be left out.
    pub params: &'static [(&'static str, ParamType, bool)],
    /// What it gives.
    pub result: ResultType,
    /// Whether it can fail: then it gives an optional in rules and rejects the row in a source.
    pub fallible: bool,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// A condition that holds, with a call in it: shown in the docs and run by their tests.
    pub example: &'static str,
}

/// Why a conversion failed, to be put behind the value: "is not a date like 2026-03-02".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError(pub String);

macro_rules! builtins {
    ($($variant:ident $name:literal $module:literal ($($param:literal $ty:ident $opt:literal),*) $result:ident $fallible:literal $doc:literal $example:literal)*) => {
        /// The built-in functions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Builtin { $(#[doc = $doc] $variant),* }

        static TABLE: &[BuiltinInfo] = &[$(BuiltinInfo {
            builtin: Builtin::$variant, name: $name, module: $module,
            params: &[$(($param, ParamType::$ty, $opt)),*],
            result: ResultType::$result, fallible: $fallible, doc: $doc, example: $example,
        }),*];
    };
}

builtins! {
    Int "int" "" ("value" Textual false) Int true "Reads a whole number: `int(\"42\")`."
        r#"int("42") ?? 0 == 42"#
    ToDecimal "decimal" "" ("value" Scalar false) Decimal true "Reads a number with up to four places, or widens an int."
        r#"decimal("0.5") ?? 0.0 == 0.5"#
    Bool "bool" "" ("value" Textual false) Bool true "Reads `true`, `yes`, `y`, `1` or `false`, `no`, `n`, `0`, whatever the case."
        r#"bool("Yes") ?? false"#
    ToDate "date" "" ("value" Scalar false, "pattern" Constant true) Date true "Reads a date, by a strftime pattern where one is given; of an instant, its day in the policy's zone."
        r#"date("02/03/2026", "%d/%m/%Y") ?? today == 2026-03-02"#
    ToInstant "instant" "" ("value" Textual false, "pattern" Constant true) Instant true "Reads an instant (RFC 3339, or by a strftime pattern in the policy's zone)."
        r#"instant("2026-03-02T09:30:00Z") is present"#
    ToDuration "duration" "" ("value" Textual false) Duration true "Reads a calendar duration such as `30 days`."
        r#"duration("30 days") ?? 0 days == 30 days"#
    ToElapsed "elapsed" "" ("value" Textual false) Elapsed true "Reads a clock duration such as `8 hours`."
        r#"elapsed("8 hours") ?? 0 hours == 8 hours"#
    ToStr "string" "" ("value" Scalar false) Str false "The plain spelling of a value."
        r#"string(2026-03-02) == "2026-03-02""#
    ToText "text" "" ("value" Scalar false) Text false "The spelling of a value, to be compared without regard to case."
        r#"text("Straße") == text("STRASSE")"#
    Lower "lower" "" ("value" Textual false) Str false "In lower case."
        r#"lower("ÉLODIE") == "élodie""#
    Upper "upper" "" ("value" Textual false) Str false "In upper case."
        r#"upper("Élodie") == "ÉLODIE""#
    Trim "trim" "" ("value" Textual false) Str false "Without outer blanks."
        r#"trim(" Ann ") == "Ann""#
    Length "length" "" ("value" Textual false) Int false "How many characters (graphemes)."
        r#"length("Zoë") == 3"#
    Replace "replace" "" ("value" Textual false, "from" Textual false, "to" Textual false) Str false "Every `from` replaced by `to`; an empty `from` changes nothing."
        r#"replace("a-b-c", "-", ".") == "a.b.c""#
    Before "before" "" ("value" Textual false, "separator" Textual false) Str false "What stands before the first separator; all of it where there is none."
        r#"before("ann@acme.example", "@") == "ann""#
    After "after" "" ("value" Textual false, "separator" Textual false) Str false "What stands after the first separator; nothing where there is none."
        r#"after("5 - Sales", " - ") == "Sales""#
    Split "split" "" ("value" Textual false, "separator" Textual false) SetOfStr false "The parts between separators, outer blanks and empty parts taken off, as a set."
        r#"split("a; b;;a", ";") == ["a", "b"]"#
    Size "size" "" ("value" Many false) Int false "How many elements."
        r#"size(split("a;b", ";")) == 2"#
    Year "year" "" ("value" Date false) Int false "The year of a date."
        r#"year(2026-03-02) == 2026"#
    Month "month" "" ("value" Date false) Int false "The month of a date, 1 to 12."
        r#"month(2026-03-02) == 3"#
    Day "day" "" ("value" Date false) Int false "The day of the month, 1 to 31."
        r#"day(2026-03-02) == 2"#
    Weekday "weekday" "" ("value" Date false) Int false "1 for Monday to 7 for Sunday (ISO 8601)."
        r#"weekday(2026-03-02) == 1"#
    Min "min" "" ("a" Ordered false, "b" Ordered false) SameAsFirst false "The smaller of two."
        r#"min(2026-03-02, 2026-01-31) == 2026-01-31"#
    Max "max" "" ("a" Ordered false, "b" Ordered false) SameAsFirst false "The greater of two."
        r#"max(3, 5) == 5"#
    Abs "abs" "" ("value" Number false) SameAsFirst false "Without its sign."
        r#"abs(-3) == 3"#
    Ascii "ascii" "std.naming" ("value" Textual false) Str false "Transliterated to ASCII: `Élodie` to `Elodie`."
        r#"ascii("Élodie Weiß") == "Elodie Weiss""#
    Slug "slug" "std.naming" ("value" Textual false) Str false "Lower-case ASCII words joined by hyphens: `Paris 1` to `paris-1`."
        r#"slug("Paris 1, Étoile") == "paris-1-etoile""#
    TitleCase "title_case" "std.text" ("value" Textual false) Str false "Each word with a capital, the rest small; a word begins behind whatever is no letter, digit or accent, and behind an apostrophe only where one letter is before that."
        r#"title_case("JEAN-PAUL o'neill") == "Jean-Paul O'Neill""#
    Tidy "tidy" "std.text" ("value" Textual false) Str false "Without outer blanks, and every run of blanks inside as one."
        r#"tidy("  Jean   Dupont ") == "Jean Dupont""#
    Digits "digits" "std.text" ("value" Textual false) Str false "Its digits 0 to 9 alone."
        r#"digits("+33 (0)1-44") == "330144""#
    BeforeLast "before_last" "std.text" ("value" Textual false, "separator" Textual false) Str false "What stands before the last separator; all of it where there is none."
        r#"before_last("/eu/fr/sales", "/") == "/eu/fr""#
    AfterLast "after_last" "std.text" ("value" Textual false, "separator" Textual false) Str false "What stands after the last separator; nothing where there is none."
        r#"after_last("/eu/fr/sales", "/") == "sales""#
    Part "part" "std.text" ("value" Textual false, "separator" Textual false, "number" Int false) Str false "The part of that number between separators, counted from 1; nothing where there are fewer."
        r#"part("EU/FR/Sales", "/", 2) == "FR""#
    HomeDomain "home_domain" "std.text" ("mail" Textual false) Str false "The domain of a mail address as a federation compares it: in small letters, `xn--` spelled out, without a final dot; empty where there is none."
        r#"home_domain("Ann@XN--BCHER-KVA.example") == "bücher.example""#
    Join "join" "std.text" ("values" Texts false, "separator" Textual false) Str false "The elements of a set in their order, with a separator between."
        r#"join(["b", "a"], ", ") == "a, b""#
    IsWorkingDay "is_working_day" "std.dates" ("value" Date false, "holidays" Dates true) Bool false "Whether a day is a Monday to Friday and no holiday."
        r#"not is_working_day(2026-12-25, [2026-12-25])"#
    WorkingDayFrom "working_day_from" "std.dates" ("value" Date false, "holidays" Dates true) Date false "The day itself where it is a working day, else the next one."
        r#"working_day_from(2026-02-28) == 2026-03-02"#
    WorkingDayUntil "working_day_until" "std.dates" ("value" Date false, "holidays" Dates true) Date false "The day itself where it is a working day, else the last one before."
        r#"working_day_until(2026-02-28) == 2026-02-27"#
    AddWorkingDays "add_working_days" "std.dates" ("value" Date false, "days" Int false, "holidays" Dates true) Date false "The day that is so many working days later, or earlier where the number is below zero; 0 gives the day itself."
        r#"add_working_days(2026-02-27, 3) == 2026-03-04"#
    WorkingDaysBetween "working_days_between" "std.dates" ("a" Date false, "b" Date false, "holidays" Dates true) Int false "How many working days come after `a`, up to and with `b`; below zero, and counted back from `a` to `b`, where `b` is the earlier."
        r#"working_days_between(2026-02-27, 2026-03-04) == 3"#
}

impl Builtin {
    /// All functions in order of the table.
    pub fn all() -> &'static [BuiltinInfo] {
        TABLE
    }

    /// The function's entry.
    pub fn info(self) -> &'static BuiltinInfo {
        TABLE.iter().find(|i| i.builtin == self).expect("every function has an entry")
    }

    /// Whether a call with arguments of these types can fail: widening can't, reading text can.
    pub fn can_fail(self, args: &[Type]) -> bool {
        self.info().fallible && args.first().is_none_or(Type::is_textual)
    }

    /// The type of a call, before a fallible one is made optional.
    pub fn result(self, args: &[Type]) -> Type {
        match self.info().result {
            ResultType::Str => Type::Str,
            ResultType::Text => Type::Text,
            ResultType::Bool => Type::Bool,
            ResultType::Int => Type::Int,
            ResultType::Decimal => Type::Decimal,
            ResultType::Date => Type::Date,
            ResultType::Instant => Type::Instant,
            ResultType::Duration => Type::Duration,
            ResultType::Elapsed => Type::Elapsed,
            ResultType::SetOfStr => Type::Set(Box::new(Type::Str)),
            ResultType::SameAsFirst => args.first().cloned().unwrap_or(Type::Int),
        }
    }

    /// Calls it. `plain` gives the plain spelling of an argument of any scalar type; arguments are never absent.
    pub fn call<'a>(
        self,
        args: &[Value<'a>],
        zone: &Zone,
        plain: &dyn Fn(usize) -> String,
    ) -> Result<Value<'a>, CallError> {
        let s = |i: usize| args.get(i).and_then(Value::spelling).unwrap_or("");
        let fail = |what: &str| Err(CallError(format!("is not {what}")));
        let or =
            |value: Option<Value<'a>>, what: &str| value.ok_or_else(|| CallError(format!("is not {what}")));
        Ok(match self {
            Builtin::Int => {
                return or(s(0).trim().parse().ok().map(Value::Int), "a whole number");
            }
            Builtin::ToDecimal => match args.first() {
                Some(Value::Int(n)) => Value::Decimal(Decimal(n.saturating_mul(10_000))),
                Some(Value::Decimal(d)) => Value::Decimal(*d),
                Some(Value::Str(_) | Value::Text(_)) => {
                    return or(
                        Decimal::parse(s(0).trim()).map(Value::Decimal),
                        "a number with at most four places behind the dot",
                    );
                }
                _ => return fail("a number"),
            },
            Builtin::Bool => match s(0).trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "1" => Value::Bool(true),
                "false" | "no" | "n" | "0" => Value::Bool(false),
                _ => return fail("yes or no (true, yes, y, 1; false, no, n, 0)"),
            },
            Builtin::ToDate => match args.first() {
                Some(Value::Date(d)) => Value::Date(*d),
                Some(Value::Instant(i)) => Value::Date(zone.date_of(*i)),
                _ if args.len() > 1 => {
                    let pattern = s(1);
                    return Date::parse_with(s(0).trim(), pattern)
                        .map(Value::Date)
                        .map_err(|_| CallError(format!("is not a date by the pattern `{pattern}`")));
                }
                _ => return or(Date::parse(s(0).trim()).map(Value::Date), "a date like 2026-03-02"),
            },
            Builtin::ToInstant => {
                if args.len() > 1 {
                    let pattern = s(1);
                    return Instant::parse_with(s(0).trim(), pattern, zone)
                        .map(Value::Instant)
                        .map_err(|_| CallError(format!("is not an instant by the pattern `{pattern}`")));
                }
                return or(
                    Instant::parse(s(0).trim()).map(Value::Instant),
                    "an instant like 2026-03-02T09:30:00Z",
                );
            }
            Builtin::ToDuration => {
                return or(Duration::parse(s(0)).map(Value::Duration), "a duration like `30 days`");
            }
            Builtin::ToElapsed => {
                return or(Elapsed::parse(s(0)).map(Value::Elapsed), "a duration like `8 hours`");
            }
            Builtin::ToStr => Value::str(plain(0)),
            Builtin::ToText => Value::text(plain(0)),
            Builtin::Lower => Value::str(s(0).to_lowercase()),
            Builtin::Upper => Value::str(s(0).to_uppercase()),
            Builtin::Trim => Value::str(s(0).trim().to_owned()),
            Builtin::Length => Value::Int(s(0).graphemes(true).count() as i64),
            Builtin::Replace => {
                Value::str(if s(1).is_empty() { s(0).to_owned() } else { s(0).replace(s(1), s(2)) })
            }
            Builtin::Before => Value::str(s(0).split_once(s(1)).map_or(s(0), |(a, _)| a).to_owned()),
            Builtin::After => Value::str(s(0).split_once(s(1)).map_or("", |(_, b)| b).to_owned()),
            Builtin::Split => {
                let parts: Vec<&str> = if s(1).is_empty() { vec![s(0)] } else { s(0).split(s(1)).collect() };
                Value::set(
                    parts
                        .into_iter()
                        .map(str::trim)
                        .filter(|p| !p.is_empty())
                        .map(|p| Value::str(p.to_owned()))
                        .collect(),
                )
            }
            Builtin::Size => match args.first() {
                Some(Value::Set(v)) => Value::Int(v.len() as i64),
                Some(Value::List(v)) => Value::Int(v.len() as i64),
                _ => Value::Int(0),
            },
            Builtin::Year | Builtin::Month | Builtin::Day | Builtin::Weekday => {
                let Some(Value::Date(d)) = args.first() else { return fail("a date") };
                let (year, month, day) = d.ymd();
                Value::Int(match self {
                    Builtin::Year => i64::from(year),
                    Builtin::Month => i64::from(month),
                    Builtin::Day => i64::from(day),
                    _ => d.weekday(),
                })
            }
            Builtin::Min | Builtin::Max => {
                let [a, b] = args else { return fail("two values") };
                let first = crate::compare(a, b).is_le() == (self == Builtin::Min);
                if first { a.clone() } else { b.clone() }
            }
            Builtin::Abs => match args.first() {
                Some(Value::Int(n)) => Value::Int(n.saturating_abs()),
                Some(Value::Decimal(d)) => Value::Decimal(Decimal(d.0.saturating_abs())),
                _ => return fail("a number"),
            },
            Builtin::TitleCase => Value::str(title_case(s(0))),
            Builtin::Tidy => Value::str(s(0).split_whitespace().collect::<Vec<_>>().join(" ")),
            Builtin::Digits => Value::str(s(0).chars().filter(char::is_ascii_digit).collect::<String>()),
            Builtin::BeforeLast => Value::str(s(0).rsplit_once(s(1)).map_or(s(0), |(a, _)| a).to_owned()),
            Builtin::AfterLast => Value::str(s(0).rsplit_once(s(1)).map_or("", |(_, b)| b).to_owned()),
            Builtin::Part => {
                let Some(Value::Int(n)) = args.get(2) else { return fail("a number") };
                let place = usize::try_from(*n).ok().and_then(|n| n.checked_sub(1));
                let whole = s(1).is_empty().then_some(s(0));
                let part = place.and_then(|p| match whole {
                    Some(all) => (p == 0).then_some(all),
                    None => s(0).split(s(1)).nth(p),
                });
                Value::str(part.unwrap_or("").to_owned())
            }
            Builtin::HomeDomain => Value::str(crate::home_domain(s(0))),
            Builtin::Join => {
                let Some(Value::Set(v)) = args.first() else { return fail("a set") };
                Value::str(v.iter().filter_map(Value::spelling).collect::<Vec<_>>().join(s(1)))
            }
            Builtin::IsWorkingDay | Builtin::WorkingDayFrom | Builtin::WorkingDayUntil => {
                let Some(Value::Date(d)) = args.first() else { return fail("a date") };
                let holidays = dates(args.get(1));
                match self {
                    Builtin::IsWorkingDay => Value::Bool(working::is_working_day(*d, &holidays)),
                    Builtin::WorkingDayFrom => Value::Date(working::working_day_from(*d, &holidays)),
                    _ => Value::Date(working::working_day_until(*d, &holidays)),
                }
            }
            Builtin::AddWorkingDays => {
                let [Value::Date(d), Value::Int(n), ..] = args else { return fail("a date and a number") };
                Value::Date(working::add_working_days(*d, *n, &dates(args.get(2))))
            }
            Builtin::WorkingDaysBetween => {
                let [Value::Date(a), Value::Date(b), ..] = args else { return fail("two dates") };
                Value::Int(working::working_days_between(*a, *b, &dates(args.get(2))))
            }
            Builtin::Ascii => Value::str(to_ascii(s(0))),
            Builtin::Slug => Value::str(crate::slug(s(0))),
        })
    }

    /// The slice `s[from..to]` in graphemes; ends past the text clip, and a crossed range is empty.
    pub(crate) fn slice(s: &str, from: i64, to: Option<i64>) -> String {
        let from = usize::try_from(from).unwrap_or(0);
        let to = to.map_or(usize::MAX, |t| usize::try_from(t).unwrap_or(0));
        s.graphemes(true).skip(from).take(to.saturating_sub(from)).collect()
    }
}

/// The dates of a set; none where there is no such argument.
fn dates(set: Option<&Value<'_>>) -> Vec<Date> {
    let Some(Value::Set(v)) = set else { return Vec::new() };
    v.iter().filter_map(|v| if let Value::Date(d) = v { Some(*d) } else { None }).collect()
}

/// Words with a capital each.
fn title_case(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    // How many letters of the word stand before.
    let mut letters = 0;
    for c in s.chars() {
        if c.is_alphanumeric() {
            if letters == 0 {
                out.extend(c.to_uppercase());
            } else {
                out.extend(c.to_lowercase());
            }
            letters += 1;
        } else {
            // A mark that joins the letter before (`e` and an accent), or an apostrophe within a word.
            let within = is_accent(c) || (matches!(c, '\'' | '’') && letters != 1);
            if !within {
                letters = 0;
            }
            out.push(c);
        }
    }
    out
}

/// Whether a character is a mark upon the one before it.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// `s[from..to]` of a `string` or `text`, which stays what it is.
pub fn slice<'a>(value: &Value<'a>, from: i64, to: Option<i64>) -> Value<'a> {
    let s = Builtin::slice(value.spelling().unwrap_or(""), from, to);
    match value {
        Value::Text(_) => Value::text(s),
        _ => Value::str(s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(b: Builtin, args: &[Value<'static>]) -> Result<String, String> {
        let plain = |i: usize| args[i].plain(&Type::Str, &crate::Schema::default());
        b.call(args, &Zone::utc(), &plain)
            .map(|v| v.plain(&Type::Str, &crate::Schema::default()))
            .map_err(|e| e.0)
    }

    #[test]
    fn conversions_say_what_they_wanted() {
        assert_eq!(call(Builtin::Int, &[Value::str("x")]), Err("is not a whole number".into()));
        assert_eq!(
            call(Builtin::ToDate, &[Value::str("2026-13-01"), Value::str("%Y-%m-%d")]),
            Err("is not a date by the pattern `%Y-%m-%d`".into())
        );
        assert_eq!(call(Builtin::Bool, &[Value::str("YES")]), Ok("true".into()));
    }

    #[test]
    fn slices_count_graphemes_and_clip() {
        assert_eq!(Builtin::slice("e\u{301}lodie", 0, Some(1)), "e\u{301}");
        assert_eq!(Builtin::slice("ab", 1, Some(9)), "b");
        assert_eq!(Builtin::slice("ab", 2, Some(1)), "");
        assert_eq!(Builtin::slice("ab", -3, Some(-1)), "");
    }

    #[test]
    fn parts_come_apart_where_they_should() {
        assert_eq!(call(Builtin::Before, &[Value::str("5 - Sales"), Value::str(" - ")]), Ok("5".into()));
        assert_eq!(call(Builtin::After, &[Value::str("Sales"), Value::str(" - ")]), Ok(String::new()));
        assert_eq!(call(Builtin::Split, &[Value::str("b; a;;b"), Value::str(";")]), Ok("a;b".into()));
    }
}
