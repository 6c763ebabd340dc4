//! Whether two tokens on one line stand apart.
//!
//! Invariant: decided by the tokens around the gap alone, so that layout and spacing never influence each other.

use crate::tokens::{Token, TokenKind};

/// Words after which `(` opens an expression, not arguments.
const BEFORE_PARENTHESIS: [&str; 29] = [
    "and", "or", "not", "in", "is", "when", "where", "means", "never", "always", "if", "then", "else",
    "from", "until", "through", "keep", "after", "has", "prove", "each", "match", "between", "at", "most",
    "least", "by", "wait", "expect",
];

/// A token with its text.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) token: Token,
    pub(super) text: &'a str,
}

/// Whether a blank stands between `left` and `right`; `before` stands before `left`, and behind a dot is a field.
pub(super) fn apart(
    before: Option<Piece<'_>>,
    before_is_field: bool,
    left: Piece<'_>,
    right: Piece<'_>,
    in_use_list: bool,
) -> bool {
    match (left.text, right.text) {
        (_, ")" | "]" | "," | "." | ".." | "?" | "%" | ":") | ("(" | "[" | "." | ".." | "@", _) => false,
        ("{", "}") => false,
        ("{", _) | (_, "}") => !in_use_list,
        (_, "(") if left.token.kind == TokenKind::Word => {
            // `after` is a built-in where a value may begin, and a clause's word elsewhere.
            let is_call = left.text == "after" && wants_operand(before);
            let is_name =
                is_call || before.is_some_and(|b| b.text == ".") || !BEFORE_PARENTHESIS.contains(&left.text);
            !is_name
        }
        (")" | "]", "(") => false,
        (_, "[") => {
            !(matches!(left.text, ")" | "]")
                || left.token.kind == TokenKind::Word && is_value_word(before, left))
        }
        ("-", _) => before_is_field || !wants_operand(before),
        _ => true,
    }
}

/// Whether a word before `[` is a value that is indexed.
fn is_value_word(before: Option<Piece<'_>>, word: Piece<'_>) -> bool {
    let keyword = matches!(
        word.text,
        "in" | "and"
            | "or"
            | "not"
            | "of"
            | "contains"
            | "if"
            | "then"
            | "else"
            | "when"
            | "match"
            | "each"
            | "with"
            | "where"
    );
    before.is_some_and(|b| b.text == ".") || !keyword
}

/// Whether a value must follow this token: a `-` is then a sign, not a subtraction.
pub(super) fn wants_operand(before: Option<Piece<'_>>) -> bool {
    let Some(before) = before else { return true };
    match before.token.kind {
        TokenKind::Number | TokenKind::Text | TokenKind::Regex => false,
        TokenKind::Word => {
            BEFORE_PARENTHESIS.contains(&before.text) || matches!(before.text, "contains" | "with" | "of")
        }
        _ => !matches!(before.text, ")" | "]" | "}" | "?"),
    }
}
