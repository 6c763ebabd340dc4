//! Numbers, dates, clock times, texts and patterns.
//!
//! Invariant: a literal in the tree is exactly the value that was written; one that has no value is reported.

use super::{Lower, next, parts};
use crate::ast::{Expr, ExprKind, Pattern, PatternKind, StrPart, Unit};
use crate::grammar::{Node, Rule};
use crate::tokens::{Token, TokenKind};
use prov_diag::{Fix, Span, codes};
use prov_model::{Date, Decimal};

impl Lower<'_> {
    pub(super) fn string_parts(&mut self, node: Node<'_>) -> Vec<StrPart> {
        let mut out: Vec<StrPart> = Vec::new();
        let mut text = String::new();
        for part in node.into_inner() {
            let s = part.as_str();
            match part.as_rule() {
                Rule::str_text => text.push_str(s),
                Rule::str_brace => text.push_str(&s[..1]),
                Rule::str_escape => text.push(self.escape(&part)),
                _ => {
                    if !text.is_empty() {
                        out.push(StrPart::Text(std::mem::take(&mut text)));
                    }
                    if s.contains('\n') {
                        let span = self.span(&part);
                        self.error(
                            &codes::BAD_TEXT,
                            span,
                            "a text stays on one line",
                            "what is inserted here goes over several",
                        );
                    }
                    let expr = next(&mut parts(part));
                    out.push(StrPart::Expr(self.expr(expr)));
                }
            }
        }
        if !text.is_empty() {
            out.push(StrPart::Text(text));
        }
        out
    }

    fn escape(&mut self, node: &Node<'_>) -> char {
        let escape = &node.as_str()[1..];
        match escape {
            "n" => '\n',
            "t" => '\t',
            "r" => '\r',
            "\"" => '"',
            "\\" => '\\',
            _ => {
                let digits = escape.trim_start_matches("u{").trim_end_matches('}');
                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).unwrap_or_else(|| {
                    let span = self.span(node);
                    self.error(
                        &codes::BAD_TEXT,
                        span,
                        format!("there is no character `{digits}`"),
                        "not a Unicode character",
                    );
                    '?'
                })
            }
        }
    }

    pub(super) fn date(&mut self, node: &Node<'_>) -> Date {
        let (s, span) = (node.as_str(), self.span(node));
        Date::parse(s).unwrap_or_else(|| {
            let d = self.error(
                &codes::BAD_LITERAL,
                span,
                format!("there is no day `{s}`"),
                "not in the calendar",
            );
            d.help = Some("dates are written year-month-day: `2026-03-02`".to_owned());
            Date(0)
        })
    }

    pub(super) fn decimal(&mut self, node: &Node<'_>) -> Decimal {
        let (s, span) = (node.as_str(), self.span(node));
        Decimal::parse(s).unwrap_or_else(|| {
            let d = self.error(
                &codes::BAD_LITERAL,
                span,
                format!("`{s}` can't be held exactly"),
                "too large, or more than four places",
            );
            d.help =
                Some("decimals have at most four places and fourteen digits before the point".to_owned());
            Decimal(0)
        })
    }

    pub(super) fn int(&mut self, node: &Node<'_>) -> i64 {
        let (s, span) = (node.as_str(), self.span(node));
        s.parse().unwrap_or_else(|_| {
            let d = self.error(
                &codes::BAD_LITERAL,
                span,
                format!("`{s}` is too large"),
                "beyond the largest whole number",
            );
            d.help = Some(format!("whole numbers end at {}", i64::MAX));
            0
        })
    }

    /// `42` or `30 days`.
    pub(super) fn number(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let mut kids = parts(node);
        let n = self.int(&next(&mut kids));
        let kind = match kids.next() {
            Some(u) => ExprKind::Duration(n, unit(u.as_str())),
            None => ExprKind::Int(n),
        };
        Expr { span, kind }
    }

    /// Hour and minute of `HH:MM`.
    pub(super) fn clock(&mut self, node: &Node<'_>) -> (u8, u8) {
        let (s, span) = (node.as_str(), self.span(node));
        let read = || {
            let (h, m) = s.split_once(':')?;
            let (h, m): (u8, u8) = (h.parse().ok()?, m.parse().ok()?);
            (h < 24 && m < 60).then_some((h, m))
        };
        read().unwrap_or_else(|| {
            let d =
                self.error(&codes::BAD_LITERAL, span, format!("there is no time `{s}`"), "not on the clock");
            d.help = Some("times go from `00:00` to `23:59`".to_owned());
            (0, 0)
        })
    }

    pub(super) fn pattern(&mut self, node: Node<'_>) -> Pattern {
        let span = self.span(&node);
        let inner = next(&mut parts(node));
        let kind = match inner.as_rule() {
            Rule::regex => {
                let s = inner.as_str();
                PatternKind::Regex(s[1..s.len() - 1].replace("\\/", "/"))
            }
            _ => PatternKind::Glob(self.string_lit(inner).text),
        };
        Pattern { span, kind }
    }

    /// `dddd-d-d`, which the grammar reads as a subtraction of small numbers, was meant as a date.
    pub(crate) fn check_near_dates(&mut self, tokens: &[Token]) {
        for token in tokens.iter().filter(|t| t.kind == TokenKind::Number) {
            let text = token.text(self.context.text);
            let fields: Vec<&str> = text.split('-').collect();
            let [year, month, day] = fields[..] else { continue };
            let digits = |s: &str| s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit());
            if month.len() == 2 && day.len() == 2 || !digits(month) || !digits(day) {
                continue;
            }
            let span = Span::new(self.context.source, token.start, token.end);
            let d = self.error(
                &codes::BAD_LITERAL,
                span,
                format!("`{text}` is not written as a date"),
                "month and day have two digits",
            );
            d.help = Some(
                "dates are written year-month-day: `2026-03-02`; put blanks around `-` to subtract"
                    .to_owned(),
            );
            let mended = format!("{year}-{month:0>2}-{day:0>2}");
            if Date::parse(&mended).is_some() {
                d.fix = Some(Fix { title: "write the date in full".to_owned(), span, replacement: mended });
            }
        }
    }
}

/// The unit of a word that the grammar took for one.
pub(super) fn unit(word: &str) -> Unit {
    match word.trim_end_matches('s') {
        "second" => Unit::Seconds,
        "minute" => Unit::Minutes,
        "hour" => Unit::Hours,
        "day" => Unit::Days,
        "week" => Unit::Weeks,
        "month" => Unit::Months,
        _ => Unit::Years,
    }
}
