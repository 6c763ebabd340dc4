//! What stands in the texts of policies, counted word by word. Invariant: texts between quotes are passed over, so that
//! nothing is counted that is not read as language.

use std::collections::BTreeMap;

/// Words and signs of the language that random policies hold, in groups; several words where they belong together.
/// Functions are [those that there are](functions). A word of the group `grant` counts in grants alone.
pub const WORDS: &[(&str, &[&str])] = &[
    (
        "items",
        &[
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
            "protect identity",
            "protect members",
            "limit",
            "federation",
            "writeback",
        ],
    ),
    (
        "clauses",
        &[
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
            "account for",
            "account second",
            "for",
            "enabled",
            "managed",
            "managed all",
            "entitlement",
            "catalog",
            "highest wins",
            "irrevocable",
            "each",
            "includes",
            "includes with arguments",
            "parameters",
            "prefer",
            "joins",
            "effective from",
            "unique",
            "rename on change",
            "correlate",
            "column",
            "age",
            "rows",
            "requestable",
            "for at most",
            "approved by",
            "where",
            "because",
            "resolve withhold",
            "resolve report",
            "separate any",
            "at most",
            "at least",
            "of people",
            "of last run",
            "per app",
            "stage ( observe",
            "domains",
            "admit when",
            "expires after",
            "sponsor",
            "issuer",
            "maps",
            "severity",
        ],
    ),
    ("grant", &["grant", "as", "when", "from", "until", "through", "keep", "stage", "each"]),
    (
        "types",
        &[
            "bool", "int", "decimal", "string", "text", "date", "instant", "duration", "elapsed", "enum",
            "set of", "list of",
        ],
    ),
    (
        "expressions",
        &[
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
            "at",
        ],
    ),
];

/// What stands for a group of which the words are functions.
pub const FUNCTIONS: &str = "functions";

/// The names of all functions, and some of the library that are written in it.
pub fn functions() -> Vec<&'static str> {
    let written =
        ["mail_local", "quarter", "monday_of", "first_of_month", "last_of_month", "domain_of", "or_else"];
    prov_model::Builtin::all().iter().map(|f| f.name).chain(written).collect()
}

/// How often words stand somewhere, by group and word: in how many texts, and how many times.
pub type Counts = BTreeMap<(&'static str, &'static str), (u64, u64)>;

/// Adds the words of an item to a count.
pub fn census(item: &str, counts: &mut Counts) {
    let mut here: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
    let all = tokens(item);
    let spelled = |at: usize, n: usize| all.get(at..at + n).map_or(String::new(), |t| t.join(" "));
    for at in 0..all.len() {
        let near = [spelled(at, 1), spelled(at, 2), spelled(at, 3)];
        for (group, words) in WORDS.iter().filter(|g| g.0 != "grant") {
            for word in words.iter().filter(|w| near.iter().any(|n| n == **w)) {
                *here.entry((group, word)).or_default() += 1;
            }
        }
        for name in functions() {
            // A call, and no type of that name.
            if near[1] == format!("{name} (") {
                *here.entry((FUNCTIONS, name)).or_default() += 1;
            }
        }
    }
    for line in item.lines().filter(|l| l.contains("grant ")) {
        let staged = line.contains("@stage");
        let words = tokens(line);
        for word in WORDS.iter().filter(|g| g.0 == "grant").flat_map(|g| g.1) {
            let stands = if *word == "stage" { staged } else { words.iter().any(|t| t == word) };
            *here.entry(("grant", word)).or_default() += u64::from(stands);
        }
    }
    let also = |word: &'static str, stands: bool, here: &mut BTreeMap<_, u64>| {
        let group = WORDS.iter().find(|g| g.1.contains(&word)).map_or("", |g| g.0);
        *here.entry((group, word)).or_default() += u64::from(stands);
    };
    also("protect members", item.starts_with("protect ") && item.ends_with("members"), &mut here);
    also("parameters", is_role_with_parameters(item), &mut here);
    let lines = || item.lines().map(str::trim_start);
    also(
        "includes with arguments",
        lines().any(|l| l.starts_with("includes ") && l.contains('(')),
        &mut here,
    );
    let second = |l: &str| {
        let next = l.strip_prefix("account ").and_then(|l| l.split([' ', '{']).next());
        next.is_some_and(|n| !["for", "when", "from", ""].contains(&n))
    };
    also("account second", lines().any(second), &mut here);
    for (word, n) in here.into_iter().filter(|w| w.1 > 0) {
        let known = counts.entry(word).or_default();
        *known = (known.0 + 1, known.1 + n);
    }
}

fn is_role_with_parameters(item: &str) -> bool {
    let head = item.lines().next().unwrap_or_default();
    head.split_once("role ").is_some_and(|(_, rest)| rest.split(' ').next().is_some_and(|n| n.contains('(')))
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
    out.extend(Some(word).filter(|w| !w.is_empty()));
    out
}
