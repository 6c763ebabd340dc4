//! What stands in the texts of policies, counted word by word. Invariant: texts between quotes are passed over, so that
//! nothing is counted that is not read as language.

use std::collections::BTreeMap;

/// Words and signs of the language that random policies hold, two words where they belong together.
pub const WORDS: &[&str] = &[
    // items
    "identity",
    "record",
    "source",
    "lifecycle",
    "app",
    "birthright",
    "role",
    "forbid",
    "separate",
    "table",
    "let",
    "fn",
    "guard",
    "use",
    "timezone",
    // clauses
    "key",
    "inverse",
    "authoritative",
    "missing means",
    "state",
    "when",
    "otherwise",
    "leaver",
    "kill sessions",
    "disable accounts",
    "delete accounts",
    "keep entitlements",
    "drop entitlements",
    "via",
    "additive",
    "report",
    "account",
    "for",
    "enabled",
    "managed",
    "entitlement",
    "catalog",
    "highest wins",
    "irrevocable",
    "grant",
    "each",
    "includes",
    "prefer",
    "joins",
    "effective from",
    "unique",
    "rename on change",
    "correlate",
    "writeback",
    "column",
    "age",
    "requestable",
    "for at most",
    "approved by",
    "keep",
    "where",
    "until",
    "through",
    "because",
    "resolve withhold",
    "resolve report",
    "at most",
    "at least",
    "of people",
    "of last run",
    "per app",
    // types
    "bool",
    "int",
    "decimal",
    "string",
    "text",
    "date",
    "instant",
    "duration",
    "elapsed",
    "enum",
    "set of",
    "list of",
    // expressions
    "and",
    "or",
    "not",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "not in",
    "..",
    "contains",
    "starts with",
    "ends with",
    "matches",
    "not matches",
    "is present",
    "is absent",
    "??",
    "+",
    "-",
    "*",
    "if",
    "match",
    "absent",
    "any",
    "all",
    "count",
    "has",
    "today",
    "now",
    "today in",
    "years between",
    "months between",
    "weeks between",
    "days between",
    // functions
    "lower",
    "upper",
    "trim",
    "length",
    "replace",
    "before",
    "after",
    "split",
    "size",
    "year",
    "month",
    "day",
    "weekday",
    "min",
    "max",
    "abs",
    "slug",
    "ascii",
    "mail_local",
    "quarter",
    "monday_of",
];

/// Adds the words of a policy's text to a count.
pub fn census(text: &str, counts: &mut BTreeMap<&'static str, u64>) {
    let tokens = tokens(text);
    for (i, token) in tokens.iter().enumerate() {
        let pair = tokens.get(i + 1).map_or(String::new(), |next| format!("{token} {next}"));
        let three =
            tokens.get(i + 1..i + 3).map_or(String::new(), |next| format!("{token} {}", next.join(" ")));
        for word in WORDS.iter().filter(|w| **w == *token || **w == pair || **w == three) {
            *counts.entry(word).or_default() += 1;
        }
    }
}

/// Words and signs outside of texts between quotes.
fn tokens(text: &str) -> Vec<String> {
    let (mut out, mut word) = (Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        match c {
            '"' => {
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => {
                            chars.next();
                        }
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '=' | '!' | '<' | '>' if chars.peek() == Some(&'=') => {
                chars.next();
                out.push(format!("{c}="));
            }
            '.' | '?' if chars.peek() == Some(&c) => {
                chars.next();
                out.push(format!("{c}{c}"));
            }
            c if c.is_whitespace() => {}
            c => out.push(c.to_string()),
        }
    }
    out
}
