//! Why a text can't be read, in the words of the language.
//!
//! Invariant: a message never shows a rule's name of the grammar, always has a place, and says either what was expected
//! there or what to write instead.

use crate::grammar::Rule;
use crate::parser::ITEM_WORDS;
use crate::tokens::{Token, TokenKind};
use pest::error::{Error, ErrorVariant, InputLocation};
use prov_diag::{Code, Diagnostic, SourceId, Span, codes, did_you_mean};
use std::ops::Range;

mod expected;

use expected::{Expected, candidates};

/// A text with its tokens.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) source: SourceId,
    pub(crate) text: &'a str,
    pub(crate) tokens: &'a [Token],
}

impl Context<'_> {
    /// The end of what stands between two bytes without the white space and comments at its end.
    pub(crate) fn trim(&self, start: usize, end: usize) -> usize {
        let after = self.tokens.partition_point(|t| t.end <= end);
        if self.tokens.get(after).is_some_and(|t| t.start < end) {
            // Within a text, where tokens don't reach.
            return start + self.text.get(start..end).map_or(0, |s| s.trim_end().len());
        }
        let last = self.tokens[..after].iter().rev().take_while(|t| t.end > start).find(|t| !t.is_comment());
        last.map_or_else(|| start + self.text.get(start..end).map_or(0, |s| s.trim_end().len()), |t| t.end)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn token_span(&self, token: Token) -> Span {
        self.span(token.start, token.end)
    }
}

/// Where pest gave up.
pub(crate) fn offset(error: &Error<Rule>) -> usize {
    match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    }
}

/// Brackets nested beyond the bound.
pub(crate) fn too_deep(context: &Context<'_>, at: usize) -> Diagnostic {
    Diagnostic::new(&codes::TOO_DEEP, "brackets are nested too deeply")
        .at(context.span(at, at + 1), "no reader can follow this one")
        .help("name parts of the expression with `let`")
}

/// `//!` that isn't at the head of the file.
pub(crate) fn late_file_doc(context: &Context<'_>, token: Token) -> Diagnostic {
    Diagnostic::new(&codes::MISPLACED, "`//!` describes the whole file and stands only at its head")
        .at(context.token_span(token), "too late here")
        .help("write `///` to describe the next item, or `//` for a plain comment")
}

/// The diagnostic of an error of pest in a stretch of the text.
pub(crate) fn explain(context: &Context<'_>, range: Range<usize>, error: &Error<Rule>) -> Diagnostic {
    let at = range.start + offset(error);
    let positives = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => return limit_reached(context, &range),
    };
    let from = context.tokens.partition_point(|t| t.end <= range.start);
    let to = context.tokens.partition_point(|t| t.start < range.end);
    let tokens = &context.tokens[from..to.max(from)];
    let code: Vec<Token> = tokens.iter().copied().filter(|t| !matches!(t.kind, TokenKind::Comment)).collect();
    let index = code.partition_point(|t| t.end <= at);
    let failure = Failure { context, range, at, code: &code, index, expected: Expected::new(positives) };
    failure.explain()
}

fn limit_reached(context: &Context<'_>, range: &Range<usize>) -> Diagnostic {
    let first = context.tokens[context.tokens.partition_point(|t| t.start < range.start)..]
        .iter()
        .find(|t| !t.is_comment());
    let span = first.map_or(context.span(range.start, range.start), |t| context.token_span(*t));
    Diagnostic::new(&codes::TOO_DEEP, "this is too long or too deeply nested to be read")
        .at(span, "starts here")
        .help("split it, or name parts of it with `let`")
}

struct Failure<'a> {
    context: &'a Context<'a>,
    range: Range<usize>,
    at: usize,
    /// Tokens of the stretch, docs included, comments not.
    code: &'a [Token],
    /// The token found at or around `at`.
    index: usize,
    expected: Expected,
}

impl Failure<'_> {
    fn explain(&self) -> Diagnostic {
        let mut diagnostic = self.diagnosis();
        // Nobody is left without a next step.
        diagnostic.help.get_or_insert_with(|| {
            if diagnostic.message.starts_with("expected a value") {
                "a value is a name, a number, a date such as `2026-03-02`, a text in quotes, a list `[a, b]`, or an \
                 expression in parentheses"
            } else if diagnostic.message.starts_with("expected a condition") {
                "a condition compares values, as in `department == \"Sales\"`"
            } else {
                "`prov explain-code P0001` shows how such an item is written"
            }
            .to_owned()
        });
        diagnostic
    }

    fn diagnosis(&self) -> Diagnostic {
        self.bad_text()
            .or_else(|| self.end())
            .or_else(|| self.foreign())
            .or_else(|| self.bad_number())
            .or_else(|| self.misplaced())
            .or_else(|| self.bracket())
            .or_else(|| self.equals())
            .or_else(|| self.slip())
            .or_else(|| self.unknown_item())
            .unwrap_or_else(|| self.generic())
    }

    fn text(&self, token: Token) -> &str {
        token.text(self.context.text)
    }

    fn found(&self) -> Option<Token> {
        self.code.get(self.index).copied()
    }

    fn found_text(&self) -> &str {
        self.found().map_or("", |t| self.text(t))
    }

    fn before(&self) -> Option<Token> {
        self.index.checked_sub(1).and_then(|i| self.code.get(i)).copied()
    }

    fn before_text(&self) -> &str {
        self.before().map_or("", |t| self.text(t))
    }

    fn after_text(&self) -> &str {
        self.code.get(self.index + 1).map_or("", |t| self.text(*t))
    }

    fn here(&self) -> Span {
        match self.found() {
            Some(t) => self.context.token_span(t),
            None => {
                let end = self.before().map_or(self.range.start, |t| t.end);
                self.context.span(end, end)
            }
        }
    }

    fn at_found(&self, code: &'static Code, message: String, label: &str) -> Option<Diagnostic> {
        Some(Diagnostic::new(code, message).at(self.here(), label))
    }

    /// Open brackets before the place, outermost first.
    fn open(&self) -> Vec<Token> {
        let mut open: Vec<Token> = Vec::new();
        for &t in &self.code[..self.index.min(self.code.len())] {
            match self.text(t) {
                "(" | "[" | "{" => open.push(t),
                ")" | "]" | "}" => {
                    open.pop();
                }
                _ => {}
            }
        }
        open
    }

    fn bad_text(&self) -> Option<Diagnostic> {
        let reached = &self.code[..self.code.len().min(self.index + 1)];
        if let Some(&t) = reached.iter().find(|t| t.kind == TokenKind::OpenText) {
            let quotes = self.text(t).matches('"').count();
            return Some(
                Diagnostic::new(&codes::BAD_TEXT, "this text is not closed")
                    .at(self.context.token_span(t), "opened here, and the line ends")
                    .help(if quotes > 1 {
                        "an inserted `{…}` may lack its `}`, or a quote its partner; a brace itself is written twice: `{{`"
                    } else {
                        "end the text with `\"` on the same line"
                    }),
            );
        }
        let found = self.found().filter(|t| t.kind == TokenKind::Text && t.start < self.at)?;
        let rest = &self.context.text[self.at..found.end];
        let mut chars = rest.chars();
        let first = chars.next()?;
        let here = self.context.span(self.at, self.at + first.len_utf8());
        let diagnostic =
            |message: String, span: Span| Diagnostic::new(&codes::BAD_TEXT, message).at(span, "here");
        Some(match first {
            '\\' => {
                let escape: String = rest.chars().take(2).collect();
                diagnostic(format!("`{escape}` means nothing in a text"), self.context.span(self.at, self.at + escape.len()))
                    .help("known are `\\\"`, `\\\\`, `\\n`, `\\t`, `\\r` and `\\u{e9}`; a backslash itself is `\\\\`")
            }
            '}' if self.expected.text_part() => diagnostic("this `}` closes nothing".to_owned(), here)
                .help("a brace in a text is written twice: `}}`"),
            _ => diagnostic(
                format!("{}, found `{first}` in what is inserted into this text", self.expected.sentence()),
                here,
            )
            .help("`{…}` inserts a value; a brace in a text is written twice: `{{`"),
        })
    }

    fn end(&self) -> Option<Diagnostic> {
        if self.found().is_some() {
            return None;
        }
        if let Some(&opener) = self.open().last() {
            return Some(self.unclosed(opener));
        }
        if self.before_text() == "." && self.index > 1 && self.code[self.index - 2].kind == TokenKind::Number
        {
            let number = self.text(self.code[self.index - 2]).to_owned();
            let dot = self.context.token_span(self.code[self.index - 1]);
            return Some(half_decimal(dot, format!("write `{number}.0`")));
        }
        if let Some(doc) = self.code.last().filter(|t| t.kind == TokenKind::Doc) {
            return Some(
                Diagnostic::new(&codes::MISPLACED, "this doc comment describes nothing")
                    .at(self.context.token_span(*doc), "no item follows")
                    .help("write `//` for a plain comment"),
            );
        }
        let after = self.context.tokens.partition_point(|t| t.start < self.range.end);
        let next = self.context.tokens[after..].iter().find(|t| !t.is_comment());
        let what = next.map_or_else(
            || "the file ends".to_owned(),
            |t| format!("the next item begins with `{}`", self.text(*t)),
        );
        let mut d = Diagnostic::new(
            &codes::SYNTAX,
            format!("{}, but {what}", self.expected.sentence_after(self.before_text())),
        )
        .at(self.here(), "not finished");
        d.help = self.help_for_expected();
        Some(d)
    }

    fn unclosed(&self, opener: Token) -> Diagnostic {
        let open = self.text(opener);
        let close = match open {
            "(" => ")",
            "[" => "]",
            _ => "}",
        };
        let end = self.here();
        let insert = self.before().map_or(end.at_start(), |t| self.context.token_span(t).at_end());
        Diagnostic::new(&codes::UNCLOSED, format!("this `{open}` is never closed"))
            .at(self.context.token_span(opener), "opened here")
            .at(end, format!("`{close}` was expected by here"))
            .help(format!("add the missing `{close}`"))
            .fix(format!("add `{close}`"), insert, if close == "}" { "\n}" } else { close })
    }

    fn foreign(&self) -> Option<Diagnostic> {
        let found = self.found()?;
        let text = self.text(found);
        let instead = |what: &str, fix: &str| {
            Diagnostic::new(&codes::FOREIGN_SIGN, format!("`{text}` is not part of the language"))
                .at(self.context.token_span(found), "not known here")
                .help(format!("write `{what}`"))
                .fix(format!("write `{what}`"), self.context.token_span(found), fix)
        };
        let say = |help: &str| {
            Diagnostic::new(&codes::FOREIGN_SIGN, format!("`{text}` is not part of the language"))
                .at(self.context.token_span(found), "not known here")
                .help(help)
        };
        if found.kind == TokenKind::Unknown {
            return Some(match text {
                "&&" | "&" => instead("and", "and"),
                "||" | "|" => instead("or", "or"),
                "!" => instead("not", "not "),
                "'" => say("texts stand in double quotes: `\"…\"`"),
                "`" => say("texts stand in double quotes, names in none"),
                "“" | "”" | "„" | "«" | "»" | "‘" | "’" => say("write the straight quote `\"`, which word processors like to replace"),
                ";" => say("nothing stands between items or members: leave it out"),
                "#" => say("comments begin with `//`"),
                "/" if self.context.text[found.end..].starts_with('*') => say("comments begin with `//` and end with the line"),
                "/" if self.before_text() == "matches" => Diagnostic::new(&codes::BAD_TEXT, "this pattern is not closed")
                    .at(self.context.token_span(found), "opened here, and the line ends")
                    .help("end the pattern with `/` on the same line; inside of it a slash is written `\\/`"),
                "/" => say("there is no division; a pattern between slashes stands only after `matches`"),
                _ if text.starts_with(char::is_alphanumeric) || text.starts_with('_') => {
                    Diagnostic::new(&codes::NON_ASCII_NAME, format!("`{text}` can't be a name"))
                        .at(self.context.token_span(found), "has letters outside of a–z, A–Z, 0–9 and `_`")
                        .help("names are written in plain ASCII letters, so that no two look alike; texts may hold any letters")
                }
                _ => say("leave it out, or put it into a text"),
            });
        }
        match text {
            "->" if self.expected.has(Rule::p_arrow) => Some(instead("=>", "=>")),
            ">" if self.before_text() == "<" => {
                let both =
                    self.context.token_span(self.code[self.index - 1]).to(self.context.token_span(found));
                Some(
                    Diagnostic::new(&codes::FOREIGN_SIGN, "`<>` is not part of the language")
                        .at(both, "not known here")
                        .help("write `!=`")
                        .fix("write `!=`", both, "!="),
                )
            }
            _ => None,
        }
    }

    fn bad_number(&self) -> Option<Diagnostic> {
        let found = self.found()?;
        let text = self.text(found);
        let say = |message: String, help: String| {
            Some(
                Diagnostic::new(&codes::BAD_LITERAL, message)
                    .at(self.context.token_span(found), "can't be read")
                    .help(help),
            )
        };
        if found.kind == TokenKind::Number && !text.bytes().all(|b| b.is_ascii_digit()) {
            if text.contains('_') {
                return say(
                    format!("`{text}` is not a number"),
                    format!("write `{}`", text.replace('_', "")),
                );
            }
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (number, rest) = text.split_at(digits);
            if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let unit = match rest {
                    "s" | "sec" => "seconds",
                    "m" | "min" => "minutes",
                    "h" | "hr" => "hours",
                    "d" => "days",
                    "w" => "weeks",
                    "y" => "years",
                    _ => rest,
                };
                return say(
                    format!("`{text}` is not a number"),
                    format!("write `{number} {unit}`, with a blank between number and unit"),
                );
            }
            return None;
        }
        if text == "." && self.before().is_some_and(|t| t.kind == TokenKind::Number) {
            return Some(half_decimal(self.here(), format!("write `{}.0`", self.before_text())));
        }
        let digits_follow = self.after_text().starts_with(|c: char| c.is_ascii_digit());
        if text == "." && digits_follow && self.expected.has_value() {
            return Some(half_decimal(self.here(), format!("write `0.{}`", self.after_text())));
        }
        None
    }

    /// A member outside of its item, or a doc where nothing can be described.
    fn misplaced(&self) -> Option<Diagnostic> {
        let found = self.found()?;
        if found.kind == TokenKind::Doc || found.kind == TokenKind::FileDoc {
            return self
                .at_found(&codes::MISPLACED, "a doc comment can't stand here".to_owned(), "describes nothing")
                .map(|d| d.help("`///` stands before an item, an attribute, a state or a member; write `//` for a plain comment"));
        }
        if !self.at_item() {
            return None;
        }
        let word = self.text(found);
        let home = match word {
            "grant" | "includes" => "a `birthright` or a `role`",
            "account" | "entitlement" | "managed" => "an `app`",
            "correlate" => "an `account`",
            "state" => "a `lifecycle`",
            "given" | "at" | "expect" | "change" | "wait" | "leave" => "a `test`",
            _ => return None,
        };
        self.at_found(&codes::MISPLACED, format!("`{word}` stands only inside of {home}"), "outside of any")
            .map(|d| d.help("check the braces before it: one may close too early"))
    }

    fn bracket(&self) -> Option<Diagnostic> {
        let text = self.found_text();
        let open = self.open();
        if text == "{" && !self.expected.has_value() && !self.expected.has(Rule::p_lbrace) {
            // A body begins while a condition's bracket is open.
            return open.last().filter(|t| self.text(**t) != "{").map(|t| self.unclosed(*t));
        }
        if !matches!(text, ")" | "]" | "}") {
            return None;
        }
        let Some(&opener) = open.last() else {
            return self
                .at_found(&codes::UNCLOSED, format!("this `{text}` closes nothing"), "nothing is open here")
                .map(|d| d.help("take it away, or check the brackets before it"));
        };
        let matches = matches!((self.text(opener), text), ("(", ")") | ("[", "]") | ("{", "}"));
        (!matches).then(|| self.unclosed(opener))
    }

    fn equals(&self) -> Option<Diagnostic> {
        let text = self.found_text();
        let found = self.context.token_span(self.found()?);
        if text == "=" && self.expected.has(Rule::p_colon) {
            return self.at_found(&codes::SYNTAX, "expected `:`, found `=`".to_owned(), "here").map(|d| {
                d.help("a declaration and a field of a record are written `name: …`").fix(
                    "write `:`",
                    found,
                    ":",
                )
            });
        }
        if matches!(text, ":" | "==") && self.expected.has(Rule::p_assign) {
            return self
                .at_found(&codes::SYNTAX, format!("expected `=`, found `{text}`"), "here")
                .map(|d| d.help("a value is given with `name = value`").fix("write `=`", found, "="));
        }
        if text == "=" && self.expected.operator() {
            return self
                .at_found(&codes::SINGLE_EQUALS, "`=` doesn't compare".to_owned(), "gives a value to a field")
                .map(|d| d.help("write `==` to compare").fix("write `==`", found, "=="));
        }
        None
    }

    /// Slips of the keyboard and habits from other languages.
    fn slip(&self) -> Option<Diagnostic> {
        let (before, found, after) = (self.before_text(), self.found_text(), self.after_text());
        let help = match (before, found) {
            ("is", "not") if after == "present" => Some("write `is absent`".to_owned()),
            ("is", "not") if after == "absent" => Some("write `is present`".to_owned()),
            ("is", _) => Some("write `is present` or `is absent`; values are compared with `==`".to_owned()),
            ("where", _) if self.expected.has(Rule::paren) || self.expected.has(Rule::p_lparen) => {
                Some("put the condition after `where` into parentheses: `where (…)`".to_owned())
            }
            ("not", "contains" | "starts" | "ends") => Some(format!("write `not (… {found} …)`")),
            (_, ":") if self.expected.has(Rule::p_arrow) => {
                Some("write `=>` between what is matched and its result".to_owned())
            }
            ("enum", "{") => {
                Some("the values of an enumeration stand in parentheses: `enum(a, b)`".to_owned())
            }
            (_, "{")
                if self.expected.operator() && self.before().is_some_and(|t| t.kind == TokenKind::Word) =>
            {
                Some("records are written only in tests".to_owned())
            }
            (_, word)
                if ITEM_WORDS.contains(&word) && !self.open().is_empty() && !self.expected.has_value() =>
            {
                Some(format!("`{word}` begins an item of its own, which stands outside of this one"))
            }
            (_, "elif" | "elsif" | "elseif") => Some("write `else if … then … else …`".to_owned()),
            (_, "if" | "where") if self.expected.has_word("when") => {
                Some("conditions begin with `when`".to_owned())
            }
            (_, "unless") if self.expected.has_word("when") => Some("write `when not (…)`".to_owned()),
            (_, "with" | "within") if self.expected.has_word("via") => Some("write `via`".to_owned()),
            _ => None,
        };
        if let Some(help) = help {
            let message = format!("{}, found `{found}`", self.expected.sentence_after(before));
            return self.at_found(&codes::SYNTAX, message, "here").map(|d| d.help(help));
        }
        let token = self.found().filter(|t| t.kind == TokenKind::Word)?;
        let words = self.expected.words();
        let near = did_you_mean(found, words.iter().map(String::as_str))?.to_owned();
        if self.is_item_start() {
            return None;
        }
        self.at_found(
            &codes::SYNTAX,
            format!("{}, found `{found}`", self.expected.sentence_after(before)),
            "here",
        )
        .map(|d| {
            d.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                self.context.token_span(token),
                near,
            )
        })
    }

    /// Whether the place is where an item begins: nothing but docs and annotations before it in the stretch.
    fn is_item_start(&self) -> bool {
        self.expected.has(Rule::item) && self.open().is_empty()
    }

    /// Whether an item is wanted here, or could well have been meant: on a new line, after an item that may end.
    fn at_item(&self) -> bool {
        let Some(found) = self.found() else { return false };
        let before_end = self.before().map_or(0, |t| t.end);
        let begins_line = self.index == 0 || self.context.text[before_end..found.start].contains('\n');
        self.is_item_start() || begins_line && self.expected.has(Rule::EOI) && self.open().is_empty()
    }

    fn unknown_item(&self) -> Option<Diagnostic> {
        let found = self.found().filter(|_| self.at_item())?;
        let word = self.text(found);
        if found.kind != TokenKind::Word {
            return self
                .at_found(
                    &codes::UNKNOWN_ITEM,
                    format!("expected an item, found `{word}`"),
                    "no item begins like this",
                )
                .map(|d| d.help(format!("items begin with a word: {}", word_list())));
        }
        if ITEM_WORDS.contains(&word) {
            let d = Diagnostic::new(&codes::SYNTAX, format!("this `{word}` can't be read as an item"));
            let help = format!("a name comes after `{word}`, and a word such as `in` or `is` can't be one");
            return Some(d.at(self.here(), "what follows is no name").help(help));
        }
        let diagnostic = Diagnostic::new(&codes::UNKNOWN_ITEM, format!("`{word}` begins no item"))
            .at(self.here(), "not known");
        let known = match word {
            "policy" | "permit" | "allow" => Some("birthright"),
            "deny" => Some("forbid"),
            "group" | "profile" => Some("role"),
            "application" | "system" | "target" => Some("app"),
            "import" | "include" => Some("use"),
            "function" | "def" => Some("fn"),
            "const" | "var" => Some("let"),
            "person" | "user" => Some("identity"),
            "assert" => Some("prove"),
            _ => None,
        };
        let near = known.or_else(|| did_you_mean(word, ITEM_WORDS));
        Some(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                self.context.token_span(found),
                near,
            ),
            None => diagnostic.help(format!("items begin with one of {}", word_list())),
        })
    }

    fn generic(&self) -> Diagnostic {
        let found = self.found_text();
        let mut d = Diagnostic::new(
            &codes::SYNTAX,
            format!("{}, found `{found}`", self.expected.sentence_after(self.before_text())),
        )
        .at(self.here(), "here");
        d.help = self.help_for_expected();
        d
    }

    fn help_for_expected(&self) -> Option<String> {
        if self.expected.has(Rule::k_else) {
            return Some("every `if` has an `else`, so that there is always a value".to_owned());
        }
        if self.expected.has_value() && candidates::is_reserved(self.found_text()) {
            return Some(format!("`{}` is a word of the language and can't be a name", self.found_text()));
        }
        None
    }
}

fn half_decimal(at: Span, help: String) -> Diagnostic {
    Diagnostic::new(&codes::BAD_LITERAL, "a decimal has digits on both sides of its point")
        .at(at, "can't be read")
        .help(help)
}

fn word_list() -> String {
    ITEM_WORDS.map(|w| format!("`{w}`")).join(", ")
}
