//! How text is normalised, folded and matched: the whole meaning of collation in Prov.

use regex::Regex;
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Canonical composition (NFC): the form that `string` is compared in.
pub fn nfc(s: &str) -> Cow<'_, str> {
    if s.is_ascii() || is_nfc_quick(s.chars()) == IsNormalized::Yes {
        Cow::Borrowed(s)
    } else {
        Cow::Owned(s.nfc().collect())
    }
}

/// The form that `text` is compared in: outer blanks off, NFKC, full case folding (Unicode caseless matching, D146).
pub fn fold(s: &str) -> Cow<'_, str> {
    let t = s.trim();
    if t.is_ascii() {
        return if t.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(t.to_ascii_lowercase())
        } else {
            Cow::Borrowed(t)
        };
    }
    let folded: String = caseless::default_case_fold_str(&t.nfkc().collect::<String>()).nfkc().collect();
    Cow::Owned(folded.trim().to_owned())
}

/// ASCII letters for everything that has a customary transliteration; the rest is dropped.
pub fn to_ascii(s: &str) -> String {
    any_ascii::any_ascii(s)
}

/// Lower-case ASCII words joined by single hyphens: `Région Île-de-France` → `region-ile-de-france`.
pub fn slug(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in to_ascii(s).chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// The anchored regex of a glob: `*` any run, `?` one character, `[a-z]` a class (`[!…]` its complement), `\` escapes.
/// Errors say what is wrong with the glob.
pub(crate) fn glob_regex(glob: &str) -> Result<Regex, String> {
    let mut re = String::from(r"\A(?s:");
    let mut chars = glob.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => re.push_str(".*"),
            '?' => re.push('.'),
            '\\' => {
                let next = chars.next().ok_or("a glob can't end in `\\`")?;
                re.push_str(&regex::escape(&next.to_string()));
            }
            '[' => {
                re.push('[');
                if chars.next_if(|&c| c == '!' || c == '^').is_some() {
                    re.push('^');
                }
                let mut any = false;
                loop {
                    match chars.next() {
                        None => return Err("`[` is never closed".into()),
                        Some(']') if any => break,
                        Some('-') => re.push('-'),
                        Some(c) => re.push_str(&regex::escape(&c.to_string())),
                    }
                    any = true;
                }
                re.push(']');
            }
            c => re.push_str(&regex::escape(&c.to_string())),
        }
    }
    re.push_str(r")\z");
    Regex::new(&re).map_err(|_| format!("`{glob}` is not a glob"))
}

/// Whether a glob matches the whole of a text. Prefer [`crate::Pattern`] where the glob is used more than once.
pub fn glob_matches(glob: &str, s: &str) -> bool {
    glob_regex(glob).is_ok_and(|re| re.is_match(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_ignores_case_width_and_outer_blanks() {
        assert_eq!(fold("  Straße "), fold("STRASSE"));
        assert_eq!(fold("Sales"), "sales");
        assert_eq!(fold("İ"), fold("i̇"));
        assert_ne!(fold("a b"), fold("ab"));
    }

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("  Île-de-France / Paris 1 "), "ile-de-france-paris-1");
        assert_eq!(slug("***"), "");
    }

    #[test]
    fn globs_are_anchored() {
        assert!(glob_matches("eng-*", "eng-core"));
        assert!(!glob_matches("eng-*", "xeng-core"));
        assert!(glob_matches("a?[0-9]", "ab7") && !glob_matches("a?[!0-9]", "ab7"));
        assert!(glob_matches(r"a\*", "a*") && !glob_matches(r"a\*", "ab"));
        assert!(glob_matches("a.b", "a.b") && !glob_matches("a.b", "axb"));
        assert!(!glob_matches("[", "["));
    }
}
