//! The canonical layout: four blanks a brace, one blank line around what spans lines, blanks around operators, columns
//! of fields and of comments at line ends. Where a line breaks inside an item stays the author's choice.
//!
//! Invariant: only white space changes, so tokens, comments and tree stay; formatting twice is formatting once.

mod parts;
mod spacing;

use crate::tokens::{Token, TokenKind, tokens};
use parts::{Part, parts};
use prov_diag::{Diagnostic, SourceId};
use spacing::{Piece, apart, wants_operand};
use std::collections::HashMap;

const INDENT: usize = 4;
/// A name longer than this stands out of its column.
const LONG_NAME: usize = 32;

/// The text in canonical layout, or why it can't be read.
pub fn format(source_text: &str) -> Result<String, Vec<Diagnostic>> {
    let (file, diagnostics) = crate::parse(SourceId(0), source_text);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let tokens = tokens(source_text);
    let mut layout = Layout { text: source_text, tokens: &tokens, parts: parts(&file), lines: Vec::new() };
    layout.break_lines();
    layout.indent();
    layout.separate_items();
    Ok(layout.write())
}

/// A line of the result.
struct Line {
    /// Its tokens.
    tokens: std::ops::Range<usize>,
    indent: usize,
    blank_before: bool,
    /// Number of the item it belongs to, with what stands before the item; 0 before the first.
    item: usize,
}

struct Layout<'a> {
    text: &'a str,
    tokens: &'a [Token],
    parts: HashMap<usize, Part>,
    lines: Vec<Line>,
}

impl<'a> Layout<'a> {
    fn piece(&self, i: usize) -> Piece<'a> {
        Piece { token: self.tokens[i], text: self.tokens[i].text(self.text) }
    }

    fn part(&self, i: usize) -> Option<Part> {
        self.parts.get(&self.tokens[i].start).copied().or_else(|| self.unmarked_part(i))
    }

    /// The parts that have no span of their own in the tree.
    fn unmarked_part(&self, i: usize) -> Option<Part> {
        let next = self.tokens.get(i + 1)?;
        let begins = match self.piece(i).text {
            "correlate" => matches!(next.kind, TokenKind::Word | TokenKind::Text),
            "maps" => next.text(self.text) == "{",
            "admit" => next.text(self.text) == "when",
            "expires" => next.text(self.text) == "after",
            _ => false,
        };
        let before = (0..i).rev().find(|&j| !self.tokens[j].is_comment()).map(|j| self.piece(j));
        let after_value = before.is_some_and(|b| matches!(b.text, "{" | ",") || !wants_operand(Some(b)));
        (begins && after_value).then_some(Part::Plain)
    }

    /// Line feeds between a token and the one before it.
    fn feeds(&self, i: usize) -> usize {
        let from = i.checked_sub(1).map_or(0, |p| self.tokens[p].end);
        self.text[from..self.tokens[i].start].matches('\n').count()
    }

    /// Whether an item begins with this token: its first doc, annotation or word.
    fn starts_item(&self, i: usize) -> bool {
        if i > 0 && self.tokens[i - 1].kind == TokenKind::Doc {
            return false;
        }
        let first = (i..self.tokens.len()).find(|&j| self.tokens[j].kind != TokenKind::Doc);
        first.is_some_and(|j| self.part(j) == Some(Part::Item))
    }

    fn break_lines(&mut self) {
        let openers = self.matching_openers();
        let (mut start, mut item) = (0, 0);
        let mut blank_before = false;
        for i in 0..self.tokens.len() {
            let broken = i > 0 && self.breaks(i, &openers);
            if broken {
                self.lines.push(Line { tokens: start..i, indent: 0, blank_before, item });
                start = i;
                blank_before = self.feeds(i) > 1;
            }
            if self.starts_item(i) {
                item += 1;
            }
        }
        if start < self.tokens.len() {
            self.lines.push(Line { tokens: start..self.tokens.len(), indent: 0, blank_before, item });
        }
    }

    /// The opening bracket of each closing one.
    fn matching_openers(&self) -> HashMap<usize, usize> {
        let (mut open, mut out) = (Vec::new(), HashMap::new());
        for i in 0..self.tokens.len() {
            match self.piece(i).text {
                "(" | "[" | "{" => open.push(i),
                ")" | "]" | "}" => {
                    if let Some(opener) = open.pop() {
                        out.insert(i, opener);
                    }
                }
                _ => {}
            }
        }
        out
    }

    fn breaks(&self, i: usize, openers: &HashMap<usize, usize>) -> bool {
        let (before, here) = (self.tokens[i - 1], self.tokens[i]);
        if before.is_comment()
            || matches!(here.kind, TokenKind::Doc | TokenKind::FileDoc)
            || self.starts_item(i)
        {
            return true;
        }
        match self.piece(i).text {
            "{" => false,
            // A block whose content begins on a new line ends on one.
            "}" => openers.get(&i).is_some_and(|&o| o + 1 < i && self.content_breaks(o)),
            "," => false,
            _ => self.feeds(i) > 0,
        }
    }

    /// Whether the content of a bracket begins on a line of its own; a comment behind the bracket counts.
    fn content_breaks(&self, opener: usize) -> bool {
        self.feeds(opener + 1) > 0 || self.tokens[opener + 1].is_comment()
    }

    fn indent(&mut self) {
        /// An open bracket: the indentation of the line that it belongs to, and of its current part.
        struct Open {
            base: usize,
            part: usize,
            braces: bool,
        }
        let mut open: Vec<Open> = Vec::new();
        let mut top = 0;
        for n in 0..self.lines.len() {
            let range = self.lines[n].tokens.clone();
            let first = self.piece(range.start);
            let follows_comma = range.start > 0 && self.follows(range.start, &[",", "(", "[", "{"]);
            let begins_part =
                self.part(range.start).is_some() || self.begins_lead(range.start) || follows_comma;
            let indent = match open.last_mut() {
                Some(o) if matches!(first.text, ")" | "]" | "}") => o.base,
                Some(o) if begins_part || !o.braces || first.token.is_comment() => {
                    o.part = o.base + INDENT;
                    o.part
                }
                Some(o) => o.part + INDENT,
                None if self.starts_item(range.start) || self.part(range.start) == Some(Part::Item) => 0,
                None if first.token.is_comment() || self.after_annotation(n) => 0,
                None => top + INDENT,
            };
            if open.is_empty() && indent == 0 {
                top = 0;
            }
            self.lines[n].indent = indent;
            for i in range {
                let text = self.piece(i).text;
                match text {
                    "(" | "[" | "{" => {
                        let base = match open.last() {
                            _ if self.lines[n].tokens.start == i => indent,
                            Some(o) => o.part,
                            None => top,
                        };
                        open.push(Open { base, part: base + INDENT, braces: text == "{" });
                    }
                    ")" | "]" | "}" => {
                        open.pop();
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether the last token before that isn't a comment is one of these.
    fn follows(&self, i: usize, texts: &[&str]) -> bool {
        let before = (0..i).rev().find(|&j| !self.tokens[j].is_comment());
        before.is_some_and(|j| texts.contains(&self.piece(j).text))
    }

    /// Whether docs begin here: a part follows them.
    fn begins_lead(&self, i: usize) -> bool {
        self.tokens[i].kind == TokenKind::Doc
    }

    /// Whether the line before consists of annotations, which the item's word follows.
    fn after_annotation(&self, line: usize) -> bool {
        let Some(before) = line.checked_sub(1) else { return false };
        let line = self.lines[before].tokens.clone();
        let last = self.piece(line.end - 1).text;
        self.piece(line.start).text == "@" && (last == ")" || line.len() == 2)
    }

    fn separate_items(&mut self) {
        // An item with docs or over several lines stands between blank lines; short ones may stand in a group.
        let mut large: HashMap<usize, bool> = HashMap::new();
        let mut lines_of: HashMap<usize, usize> = HashMap::new();
        for line in self.lines.iter().filter(|l| l.item > 0) {
            let only_comments = self.tokens[line.tokens.clone()].iter().all(|t| t.kind == TokenKind::Comment);
            if !only_comments {
                *lines_of.entry(line.item).or_default() += 1;
            }
        }
        for (item, count) in lines_of {
            large.insert(item, count > 1);
        }
        let is_large = |item: usize| large.get(&item).copied().unwrap_or(false);
        for n in 0..self.lines.len() {
            let start = self.lines[n].tokens.start;
            if n == 0 {
                self.lines[n].blank_before = false;
                continue;
            }
            let opens = self.piece(self.lines[n - 1].tokens.end - 1).text;
            if matches!(opens, "{" | "(" | "[") || matches!(self.piece(start).text, "}" | ")" | "]") {
                self.lines[n].blank_before = false;
            }
            let previous = self.lines[n - 1].tokens.clone();
            let after_comment = self.tokens[previous.start].kind == TokenKind::Comment;
            if self.starts_item(start) && !after_comment {
                let item = self.lines[n].item;
                let after_head_docs = self.tokens[previous.start].kind == TokenKind::FileDoc;
                self.lines[n].blank_before |= is_large(item) || is_large(item - 1) && !after_head_docs;
            }
            // What stands between an item's docs or annotations and its word stays together.
            if self.tokens[previous.start].kind == TokenKind::Doc {
                self.lines[n].blank_before = false;
            }
        }
    }

    /// A line without its indentation and its comment at the end.
    fn code(&self, line: &Line, pad: usize) -> String {
        let mut out = String::new();
        let mut use_list = false;
        for i in line.tokens.clone() {
            let piece = self.piece(i);
            if piece.token.kind == TokenKind::Comment && i > line.tokens.start {
                break;
            }
            if i > line.tokens.start {
                let left = self.piece(i - 1);
                let before = i.checked_sub(2).map(|b| self.piece(b));
                use_list =
                    use_list && left.text != "}" || left.text == "{" && before.is_some_and(|b| b.text == ".");
                let aligned = matches!(piece.text, ":" | "=") && i == line.tokens.start + 1 && pad > 0;
                if aligned {
                    out.push_str(&" ".repeat(pad.saturating_sub(width(left.text)) + 1));
                } else if self.part(i).is_some_and(|p| p != Part::Item)
                    && !matches!(left.text, "{" | "(" | "[" | ",")
                    && !(left.text == ")" && self.ends_annotation(i))
                {
                    out.push_str("  ");
                } else if apart(before, i > 2 && self.piece(i - 3).text == ".", left, piece, use_list) {
                    out.push(' ');
                }
            }
            out.push_str(if piece.token.is_comment() { piece.text.trim_end() } else { piece.text });
        }
        out
    }

    /// Whether the bracket that closes right before `i` ends an annotation; parts begin with theirs, so this is rare.
    fn ends_annotation(&self, i: usize) -> bool {
        let mut depth = 0usize;
        for j in (0..i).rev() {
            match self.piece(j).text {
                ")" => depth += 1,
                "(" => {
                    depth -= 1;
                    if depth == 0 {
                        return j >= 2 && self.piece(j - 2).text == "@";
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// The width that the names of each line's column take; 0 outside of columns.
    fn columns(&self) -> Vec<usize> {
        let field = |line: &Line| {
            let i = line.tokens.start;
            let is_field = self.part(i) == Some(Part::Aligned)
                && line.tokens.len() > 2
                && matches!(self.piece(i + 1).text, ":" | "=");
            is_field.then(|| (self.piece(i + 1).text, line.indent, width(self.piece(i).text)))
        };
        let mut pads = vec![0; self.lines.len()];
        // One long name, such as a SCIM path, does not push all others away.
        let counted = |w: usize| if w > LONG_NAME { 0 } else { w };
        let mut n = 0;
        while n < self.lines.len() {
            let Some((sign, indent, first)) = field(&self.lines[n]) else {
                n += 1;
                continue;
            };
            let mut widest = counted(first);
            let mut end = n + 1;
            while let Some((s, i, w)) = self.lines.get(end).filter(|l| !l.blank_before).and_then(field) {
                if s != sign || i != indent {
                    break;
                }
                widest = widest.max(counted(w));
                end += 1;
            }
            if end - n > 1 {
                pads[n..end].fill(widest);
            }
            n = end;
        }
        pads
    }

    fn write(&self) -> String {
        let pads = self.columns();
        let codes: Vec<String> = self.lines.iter().zip(&pads).map(|(l, &pad)| self.code(l, pad)).collect();
        let comment = |n: usize| {
            let line = &self.lines[n];
            let last = line.tokens.end - 1;
            let behind = self.tokens[last].kind == TokenKind::Comment && last > line.tokens.start;
            behind.then(|| self.piece(last).text)
        };
        let length = |n: usize| self.lines[n].indent + width(&codes[n]);
        let mut out = String::with_capacity(self.text.len() + 64);
        let mut comment_column = vec![0; codes.len()];
        let mut n = 0;
        while n < codes.len() {
            let mut end = n;
            while end < codes.len() && comment(end).is_some() && (end == n || !self.lines[end].blank_before) {
                end += 1;
            }
            let column = (n..end).map(length).max().unwrap_or(0) + 2;
            comment_column[n..end].fill(column);
            n = end.max(n + 1);
        }
        for (n, code) in codes.iter().enumerate() {
            if self.lines[n].blank_before {
                out.push('\n');
            }
            out.push_str(&" ".repeat(self.lines[n].indent));
            out.push_str(code);
            if let Some(comment) = comment(n) {
                out.push_str(&" ".repeat(comment_column[n] - length(n)));
                out.push_str(comment);
            }
            out.push('\n');
        }
        out
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}
