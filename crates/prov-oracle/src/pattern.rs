//! Globs and regexes (expressions.md, "Conditions").
//! Invariant: on `text` case and outer blanks mean nothing.

use crate::eval::{Res, bug};
use crate::value::fold;
use prov_syntax::ast::{Pattern, PatternKind};

/// Whether a text fits a pattern.
pub(crate) fn matches(pattern: &Pattern, s: &str, folds: bool) -> Res<bool> {
    let s = if folds { fold(s) } else { s.to_owned() };
    match &pattern.kind {
        PatternKind::Glob(glob) => {
            let glob: Vec<char> = if folds { fold(glob) } else { glob.clone() }.chars().collect();
            Ok(fits(&glob, &s.chars().collect::<Vec<_>>()))
        }
        PatternKind::Regex(regex) => match regex::RegexBuilder::new(regex).case_insensitive(folds).build() {
            Ok(regex) => Ok(regex.is_match(&s)),
            Err(e) => bug(e.to_string()),
        },
    }
}

/// Whether the whole of a text fits a glob.
fn fits(glob: &[char], s: &[char]) -> bool {
    match glob {
        [] => s.is_empty(),
        ['*', rest @ ..] => (0..=s.len()).any(|i| fits(rest, &s[i..])),
        ['?', rest @ ..] => !s.is_empty() && fits(rest, &s[1..]),
        ['\\', c, rest @ ..] => s.first() == Some(c) && fits(rest, &s[1..]),
        ['[', rest @ ..] => {
            let Some((&first, others)) = s.split_first() else { return false };
            let (complement, class) = match rest {
                ['!' | '^', class @ ..] => (true, class),
                class => (false, class),
            };
            // A `]` that stands first is a letter of the class.
            let Some(end) = class.iter().skip(1).position(|c| *c == ']').map(|i| i + 1) else { return false };
            in_class(&class[..end], first) != complement && fits(&class[end + 1..], others)
        }
        [c, rest @ ..] => s.first() == Some(c) && fits(rest, &s[1..]),
    }
}

fn in_class(class: &[char], c: char) -> bool {
    match class {
        [] => false,
        [low, '-', high, rest @ ..] => (*low..=*high).contains(&c) || in_class(rest, c),
        [one, rest @ ..] => *one == c || in_class(rest, c),
    }
}
