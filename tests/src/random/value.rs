//! Values and types as the generator thinks of them, and how they are spelled in a policy and in a cell.
//! Invariant: no code of the language is used here, so that a mistake there is not repeated here.

use super::rng::Rng;

/// A type without its `?`.
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
    /// A number in [`super::model::Model::enums`].
    Enum(usize),
    /// The lifecycle states of an identity type.
    State(usize),
    Set(Box<Ty>),
    /// A list of a record.
    List(usize),
    Record(usize),
    /// A reference to an identity type.
    Ref(usize),
    /// Identities, as an inverse gives them.
    People(usize),
}

impl Ty {
    pub(crate) fn set(of: Ty) -> Ty {
        Ty::Set(Box::new(of))
    }

    pub(crate) fn is_plain(&self) -> bool {
        !matches!(self, Ty::Set(_) | Ty::List(_) | Ty::Record(_) | Ty::Ref(_) | Ty::People(_))
    }

    pub(crate) fn is_textual(&self) -> bool {
        matches!(self, Ty::Str | Ty::Text)
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Val {
    Bool(bool),
    Int(i64),
    /// Ten-thousandths.
    Decimal(i64),
    Str(String),
    /// Days from 1970-01-01.
    Date(i64),
    /// A day, an hour and a minute of the policy's zone.
    At(i64, u8, u8),
    /// A number and a unit.
    Duration(i64, &'static str),
    Elapsed(i64, &'static str),
    Variant(String),
    Set(Vec<Val>),
    /// Records, each as its fields.
    List(Vec<Vec<(String, Option<Val>)>>),
}

/// A day as `2026-03-02`.
pub(crate) fn day(days: i64) -> String {
    let (y, m, d) = civil(days);
    format!("{y:04}-{m:02}-{d:02}")
}

/// Year, month and day of a number of days from 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(m <= 2), m, doy - (153 * mp + 2) / 5 + 1)
}

/// The number of days from 1970-01-01 to a day.
pub(crate) fn days(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let (era, yoe) = (y.div_euclid(400), y.rem_euclid(400));
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn decimal(v: i64) -> String {
    let (whole, rest) = (v.abs() / 10_000, v.abs() % 10_000);
    let rest = format!("{rest:04}");
    let rest = rest.trim_end_matches('0');
    format!("{}{whole}.{}", if v < 0 { "-" } else { "" }, if rest.is_empty() { "0" } else { rest })
}

/// A text between quotes, as a policy writes it.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// The inside of a text in a policy.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '{' | '}' => out.extend([c, c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out
}

impl Val {
    /// Whether it is a value of a type.
    pub(crate) fn is_of(&self, ty: &Ty) -> bool {
        match self {
            Val::Bool(_) => *ty == Ty::Bool,
            Val::Int(_) => *ty == Ty::Int,
            Val::Decimal(_) => *ty == Ty::Decimal,
            Val::Str(_) => ty.is_textual(),
            Val::Date(_) => *ty == Ty::Date,
            Val::At(..) => *ty == Ty::Instant,
            Val::Duration(..) => *ty == Ty::Duration,
            Val::Elapsed(..) => *ty == Ty::Elapsed,
            Val::Variant(_) => matches!(ty, Ty::Enum(_) | Ty::State(_)),
            Val::Set(_) | Val::List(_) => false,
        }
    }

    /// As a policy writes it. Lists have no such form.
    pub(crate) fn literal(&self) -> String {
        match self {
            Val::Bool(b) => b.to_string(),
            Val::Int(n) => n.to_string(),
            Val::Decimal(d) => decimal(*d),
            Val::Str(s) => quoted(s),
            Val::Date(d) => day(*d),
            Val::At(d, h, m) => format!("({} at {h:02}:{m:02})", day(*d)),
            Val::Duration(n, unit) | Val::Elapsed(n, unit) => {
                let s = format!("{} {unit}{}", n.abs(), if n.abs() == 1 { "" } else { "s" });
                if *n < 0 { format!("(-({s}))") } else { s }
            }
            Val::Variant(v) => v.clone(),
            Val::Set(list) => {
                format!("[{}]", list.iter().map(Val::literal).collect::<Vec<_>>().join(", "))
            }
            Val::List(_) => "[]".into(),
        }
    }

    /// As a cell of a feed holds it.
    pub(crate) fn cell(&self) -> String {
        match self {
            Val::Str(s) => s.clone(),
            Val::Duration(n, unit) | Val::Elapsed(n, unit) => format!("{n} {unit}s"),
            Val::At(d, h, m) => format!("{}T{h:02}:{m:02}:00Z", day(*d)),
            Val::Set(list) => list.iter().map(Val::cell).collect::<Vec<_>>().join(";"),
            Val::List(list) => {
                let records: Vec<String> = list.iter().map(|r| json(r)).collect();
                format!("[{}]", records.join(","))
            }
            Val::Bool(_) | Val::Int(_) | Val::Decimal(_) | Val::Date(_) | Val::Variant(_) => self.literal(),
        }
    }
}

/// A record as JSON.
pub(crate) fn json(fields: &[(String, Option<Val>)]) -> String {
    let shown: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let value = match value {
                None => "null".to_owned(),
                Some(v @ (Val::Bool(_) | Val::Int(_))) => v.literal(),
                Some(Val::Set(list)) => {
                    let parts: Vec<String> = list.iter().map(|v| json_text(&v.cell())).collect();
                    format!("[{}]", parts.join(","))
                }
                Some(v) => json_text(&v.cell()),
            };
            format!("{}:{value}", json_text(name))
        })
        .collect();
    format!("{{{}}}", shown.join(","))
}

/// A text in JSON.
pub(crate) fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out + "\""
}

/// The words that texts are made of: such that upper case, folding, forms of Unicode and signs of patterns matter.
pub(crate) const WORDS: &[&str] = &[
    "Sales",
    "Engineering",
    "Finance",
    "R&D",
    "Straße",
    "Élodie",
    "O'Neill",
    "IT",
    "Support",
    "São Paulo",
    "ﬁnance",
    "Paris 1",
    "Lyon",
    "eu-west",
    "A001",
    "x*y",
    "[ops]",
    "a|b",
    "Ǆenan",
    "ΣΊΣΥΦΟΣ",
    "İzmir",
    "100%",
    "a.b",
    "semi\\colon",
    "日本",
    "Ann",
    "Bob",
    "Zoë",
    "de la Cruz",
    "Sales Ops",
];

/// Another spelling of the same text: other case, outer blanks, another form of Unicode.
pub(crate) fn respelled(rng: &mut Rng, s: &str) -> String {
    match rng.below(6) {
        0 => s.to_uppercase(),
        1 => s.to_lowercase(),
        2 => format!(" {s}"),
        3 => format!("{s}  "),
        4 => s.chars().map(|c| if c == 'a' { 'ａ' } else { c }).collect(),
        _ => s.replace('é', "e\u{301}").replace('É', "E\u{301}"),
    }
}
