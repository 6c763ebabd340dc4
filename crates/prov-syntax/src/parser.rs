//! From text to tree, item by item.
//!
//! Invariant: the text is cut at item boundaries only where reading failed; a text without errors is read by the
//! grammar alone.

use crate::ast::{BrokenItem, EntRef, Expr, File, Name};
use crate::explain::{self, Context};
use crate::grammar::{Grammar, Node, Rule};
use crate::lower::Lower;
use crate::tokens::{Token, TokenKind, tokens};
use pest::Parser;
use prov_diag::{Diagnostic, SourceId, Span, codes};
use std::num::NonZeroUsize;
use std::sync::Once;

/// How deep brackets may stand in each other.
const MAX_BRACKETS: usize = 64;
/// Bounds the work on one item: some 20 calls a byte are usual.
const MAX_CALLS: usize = 50_000_000;

/// After so many broken items the rest of a file is left alone: it is hardly a policy.
const MAX_BROKEN: usize = 500;

/// The words that begin items.
pub(crate) const ITEM_WORDS: [&str; 22] = [
    "app",
    "birthright",
    "federation",
    "fn",
    "forbid",
    "guard",
    "identity",
    "let",
    "lifecycle",
    "limit",
    "login",
    "protect",
    "prove",
    "record",
    "role",
    "separate",
    "source",
    "table",
    "test",
    "timezone",
    "use",
    "writeback",
];

/// Reads a file. What can't be read is reported and named in [`File::broken`]; everything else is in the tree.
pub fn parse(source: SourceId, text: &str) -> (File, Vec<Diagnostic>) {
    if let Some(too_long) = check_length(source, text) {
        return (File { source, docs: None, items: Vec::new(), broken: Vec::new() }, vec![too_long]);
    }
    let tokens = tokens(text);
    let context = Context { source, text, tokens: &tokens };
    let mut reader = Reader {
        context,
        boundaries: boundaries(text, &tokens),
        too_deep: Vec::new(),
        at: 0,
        previous: None,
        file: File { source, docs: None, items: Vec::new(), broken: Vec::new() },
        diagnostics: Vec::new(),
    };
    reader.too_deep = too_deep(text, &tokens, &reader.boundaries);
    reader.read();
    let Reader { file, mut diagnostics, .. } = reader;
    prov_diag::sort(&mut diagnostics);
    (file, diagnostics)
}

/// Reads one expression, for `prov query` and the like.
pub fn parse_expr(source: SourceId, text: &str) -> Result<Expr, Vec<Diagnostic>> {
    parse_alone(source, text, Rule::only_expr, |lower, node| lower.expr(node))
}

/// Reads one entitlement, `app.kind("value")`.
pub fn parse_entitlement(source: SourceId, text: &str) -> Result<EntRef, Vec<Diagnostic>> {
    parse_alone(source, text, Rule::only_ent, |lower, node| lower.ent_ref(node))
}

/// The comments of a text (docs included), in order.
pub fn comments(text: &str) -> Vec<Token> {
    tokens(text).into_iter().filter(|t| t.is_comment()).collect()
}

fn parse_alone<T>(
    source: SourceId,
    text: &str,
    rule: Rule,
    build: impl FnOnce(&mut Lower<'_>, Node<'_>) -> T,
) -> Result<T, Vec<Diagnostic>> {
    if let Some(too_long) = check_length(source, text) {
        return Err(vec![too_long]);
    }
    let tokens = tokens(text);
    let context = Context { source, text, tokens: &tokens };
    if let Some(&at) = too_deep(text, &tokens, &[]).first() {
        return Err(vec![explain::too_deep(&context, at)]);
    }
    match run(rule, text) {
        Ok(node) => {
            let mut lower = Lower::new(context, 0);
            let inner = node.into_inner().next().expect("the entry rules hold what they are entries to");
            let built = build(&mut lower, inner);
            lower.check_near_dates(&tokens);
            if lower.diagnostics.is_empty() { Ok(built) } else { Err(lower.diagnostics) }
        }
        Err(error) => Err(vec![explain::explain(&context, 0..text.len(), &error)]),
    }
}

fn check_length(source: SourceId, text: &str) -> Option<Diagnostic> {
    (text.len() >= u32::MAX as usize).then(|| {
        Diagnostic::new(&codes::TOO_DEEP, "this file is longer than 4 GB")
            .at(Span::new(source, 0, 0), "starts here")
    })
}

fn run(rule: Rule, text: &str) -> Result<Node<'_>, Box<pest::error::Error<Rule>>> {
    static LIMIT: Once = Once::new();
    LIMIT.call_once(|| pest::set_call_limit(NonZeroUsize::new(MAX_CALLS)));
    let mut pairs = Grammar::parse(rule, text).map_err(Box::new)?;
    Ok(pairs.next().expect("a rule that matched gives one node"))
}

/// A place where an item begins a line (or follows a brace): where reading goes on after an error.
#[derive(Clone, Copy)]
struct Boundary {
    /// Index of the first token, which may be a doc or an annotation.
    token: usize,
    /// Its first byte.
    start: usize,
}

struct Reader<'a> {
    context: Context<'a>,
    boundaries: Vec<Boundary>,
    /// Byte offsets where brackets stand too deep.
    too_deep: Vec<usize>,
    /// The token to go on from.
    at: usize,
    /// Start of the item read just before, if nothing was skipped since.
    previous: Option<usize>,
    file: File,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) {
        self.file.docs = self.head_docs();
        while let Some(&token) = self.context.tokens.get(self.at) {
            if self.file.broken.len() >= MAX_BROKEN {
                let here = Span::new(self.context.source, token.start, token.end);
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::SYNTAX,
                        format!("{MAX_BROKEN} items can't be read: the rest of the file is skipped"),
                    )
                    .at(here, "from here on")
                    .help("is this a policy?"),
                );
                self.note_broken(token.start, self.context.text.len());
                return;
            }
            match token.kind {
                TokenKind::Comment => self.at += 1,
                TokenKind::FileDoc => {
                    self.diagnostics.push(explain::late_file_doc(&self.context, token));
                    self.at += 1;
                }
                _ => self.item(token.start),
            }
        }
    }

    fn head_docs(&mut self) -> Option<String> {
        let mut lines = Vec::new();
        while let Some(token) = self.context.tokens.get(self.at) {
            match token.kind {
                TokenKind::FileDoc => lines.push(doc_line(token.text(self.context.text))),
                TokenKind::Comment => {}
                _ => break,
            }
            self.at += 1;
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn item(&mut self, start: usize) {
        let next = self.boundaries[self.boundaries.partition_point(|b| b.start <= start)..].first().copied();
        let end = next.map_or(self.context.text.len(), |b| b.start);
        let deep = self.too_deep[self.too_deep.partition_point(|&p| p < start)..]
            .first()
            .copied()
            .filter(|&p| p < end);
        if let Some(deep) = deep {
            let diagnostic = explain::too_deep(&self.context, deep);
            return self.skip(start, next, diagnostic);
        }
        if let Ok(node) = run(Rule::item, &self.context.text[start..]) {
            let node_end = self.context.trim(start, start + node.as_span().end());
            if !self.holds_boundary(start, node_end) || self.item_follows(node_end) {
                return self.accept(start, node_end, node);
            }
        }
        match run(Rule::strict_item, &self.context.text[start..end]) {
            Ok(strict) => {
                let node = strict.into_inner().next().expect("a strict item holds an item");
                let node_end = self.context.trim(start, start + node.as_span().end());
                self.accept(start, node_end, node);
            }
            Err(error) => {
                let diagnostic = self
                    .junk_after_previous(start, end)
                    .unwrap_or_else(|| explain::explain(&self.context, start..end, &error));
                self.skip(start, next, diagnostic);
            }
        }
    }

    /// Where an item was complete and something follows that starts none, the item says best what could have followed.
    fn junk_after_previous(&self, start: usize, end: usize) -> Option<Diagnostic> {
        let previous = self.previous?;
        if self.boundaries.binary_search_by_key(&start, |b| b.start).is_ok() {
            return None;
        }
        let error = run(Rule::strict_item, &self.context.text[previous..end]).err()?;
        (previous + explain::offset(&error) >= start)
            .then(|| explain::explain(&self.context, previous..end, &error))
    }

    /// Whether, within an item that was read, another begins outside of all brackets: then the first one swallowed the
    /// start of the second (`let x =` before `role r { … }`).
    fn holds_boundary(&self, start: usize, end: usize) -> bool {
        let from = self.boundaries.partition_point(|b| b.start <= start);
        let inside = self.boundaries[from..].iter().take_while(|b| b.start < end);
        let (mut token, mut depth) = (self.at, 0usize);
        for boundary in inside {
            for t in &self.context.tokens[token..boundary.token] {
                match t.text(self.context.text) {
                    "(" | "[" | "{" => depth += 1,
                    ")" | "]" | "}" => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            token = boundary.token;
            if depth == 0 {
                return true;
            }
        }
        false
    }

    /// Whether nothing or another item follows: then an item that ends here swallowed nothing, whatever it looks like.
    fn item_follows(&self, end: usize) -> bool {
        let after = self.context.tokens.partition_point(|t| t.start < end);
        let next =
            self.context.tokens.iter().enumerate().skip(after).find(|(_, t)| t.kind != TokenKind::Comment);
        next.is_none_or(|(i, t)| {
            t.kind == TokenKind::Doc
                || t.text(self.context.text) == "@"
                || begins_item(self.context.text, self.context.tokens, i)
        })
    }

    fn accept(&mut self, start: usize, end: usize, node: Node<'a>) {
        let mut lower = Lower::new(self.context, start);
        let item = lower.item(node);
        let after = self.context.tokens.partition_point(|t| t.start < end);
        lower.check_near_dates(&self.context.tokens[self.at..after]);
        if lower.diagnostics.is_empty() {
            self.file.items.push(item);
        } else {
            self.diagnostics.append(&mut lower.diagnostics);
            self.note_broken(start, end);
        }
        self.previous = Some(start);
        self.at = after;
    }

    fn skip(&mut self, start: usize, next: Option<Boundary>, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
        let next = next.map_or(self.context.tokens.len(), |b| b.token);
        let next = self.after_block(next).unwrap_or(next);
        let end = self.context.tokens.get(next).map_or(self.context.text.len(), |t| t.start);
        self.note_broken(start, end);
        self.previous = None;
        self.at = next;
    }

    /// The token before `end` that follows the broken item's whole block and stands as far left as the item does: two
    /// misspelt items in a row are two errors.
    fn after_block(&self, end: usize) -> Option<usize> {
        let tokens = &self.context.tokens[self.at..end];
        let column = |t: &Token| t.start - self.context.text[..t.start].rfind('\n').map_or(0, |n| n + 1);
        let own_column = column(tokens.first()?);
        let mut depth = 0usize;
        for (i, pair) in tokens.windows(2).enumerate() {
            match pair[0].text(self.context.text) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                "}" => {
                    depth = depth.checked_sub(1)?;
                    let gap = &self.context.text[pair[0].end..pair[1].start];
                    if depth == 0 && gap.contains('\n') && column(&pair[1]) == own_column {
                        return Some(self.at + i + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn note_broken(&mut self, start: usize, end: usize) {
        let (text, source) = (self.context.text, self.context.source);
        let name =
            |t: &Token| Name { text: t.text(text).to_owned(), span: Span::new(source, t.start, t.end) };
        let words: Vec<&Token> = self.context.tokens[self.at..]
            .iter()
            .take_while(|t| t.start < end)
            .filter(|t| !t.is_comment())
            .collect();
        let keyword =
            words.iter().position(|t| t.kind == TokenKind::Word && ITEM_WORDS.contains(&t.text(text)));
        let follows = keyword.and_then(|k| words.get(k + 1)).filter(|t| t.kind == TokenKind::Word);
        self.file.broken.push(BrokenItem {
            span: Span::new(source, start, self.context.trim(start, end)),
            keyword: keyword.map(|k| name(words[k])),
            name: follows.map(|t| name(t)),
        });
    }
}

/// A doc's text: without its marker and one blank.
pub(crate) fn doc_line(line: &str) -> &str {
    let line = line.get(3..).unwrap_or("").trim_end();
    line.strip_prefix(' ').unwrap_or(line)
}

/// Where items seem to begin: an item's word at the start of a line or after `}`, with what an item's word is followed
/// by, together with the docs and annotations right before it.
fn boundaries(text: &str, tokens: &[Token]) -> Vec<Boundary> {
    let mut out = Vec::new();
    // First token of the docs and annotations that may belong to the next item.
    let mut run: Option<usize> = None;
    let mut line_start = 0;
    let mut code_before: Option<Token> = None;
    let mut i = 0;
    while let Some(&token) = tokens.get(i) {
        let gap = &text[line_start..token.start];
        let begins_line = code_before.is_none() || gap.contains('\n');
        let after_brace = code_before.is_some_and(|t| t.text(text) == "}");
        match token.kind {
            TokenKind::Doc => {
                run.get_or_insert(i);
                i += 1;
                continue;
            }
            TokenKind::Comment | TokenKind::FileDoc => {
                i += 1;
                continue;
            }
            TokenKind::Punct if token.text(text) == "@" => {
                run.get_or_insert(i);
                i = after_annotation(text, tokens, i);
                // What follows an annotation stands as if at the start of a line.
                code_before = None;
                line_start = tokens.get(i).map_or(text.len(), |t| t.start);
                continue;
            }
            TokenKind::Word if (begins_line || after_brace) && begins_item(text, tokens, i) => {
                let first = run.unwrap_or(i);
                out.push(Boundary { token: first, start: tokens[first].start });
            }
            _ => {}
        }
        run = None;
        code_before = Some(token);
        line_start = token.end;
        i += 1;
    }
    out
}

/// Whether a token is an item's word and what follows it could stand after one.
fn begins_item(text: &str, tokens: &[Token], at: usize) -> bool {
    // Words that show that the word before them is an attribute in a condition.
    const INFIX: [&str; 14] = [
        "and", "or", "in", "not", "is", "contains", "starts", "ends", "matches", "then", "else", "when",
        "where", "at",
    ];
    let word = tokens[at].text(text);
    if tokens[at].kind != TokenKind::Word || !ITEM_WORDS.contains(&word) {
        return false;
    }
    let mut next = tokens[at + 1..].iter().filter(|t| !t.is_comment());
    let follows = match next.next().map(|t| (t.kind, t.text(text))) {
        Some((TokenKind::Word, word)) => !INFIX.contains(&word),
        Some((TokenKind::Text, _)) => matches!(word, "test" | "timezone"),
        Some((_, "(")) => word == "prove",
        _ => false,
    };
    let is_field =
        next.next().is_some_and(|t| matches!(t.text(text), "=" | ":")) && !matches!(word, "let" | "prove");
    follows && !is_field
}

/// The token after `@name` or `@name(…)`.
fn after_annotation(text: &str, tokens: &[Token], at: usize) -> usize {
    let code = |from: usize| {
        (from..tokens.len()).find(|&i| tokens[i].kind != TokenKind::Comment).unwrap_or(tokens.len())
    };
    let mut i = code(at + 1);
    if tokens.get(i).is_some_and(|t| t.kind == TokenKind::Word) {
        i += 1;
    }
    let arguments = code(i);
    if tokens.get(arguments).is_none_or(|t| t.text(text) != "(") {
        return i;
    }
    let mut depth = 0usize;
    for (j, token) in tokens.iter().enumerate().skip(arguments) {
        match token.text(text) {
            "(" => depth += 1,
            ")" => depth -= 1,
            "{" | "}" => return j,
            _ => {}
        }
        if depth == 0 {
            return j + 1;
        }
    }
    tokens.len()
}

/// For each stretch between boundaries, the first bracket that stands too deep.
fn too_deep(text: &str, tokens: &[Token], boundaries: &[Boundary]) -> Vec<usize> {
    let mut out = Vec::new();
    let mut boundaries = boundaries.iter().map(|b| b.token).peekable();
    let (mut depth, mut told) = (0usize, false);
    for (i, token) in tokens.iter().enumerate() {
        if boundaries.next_if_eq(&i).is_some() {
            (depth, told) = (0, false);
        }
        if token.kind != TokenKind::Punct {
            continue;
        }
        match token.text(text) {
            "(" | "[" | "{" => {
                depth += 1;
                if depth > MAX_BRACKETS && !told {
                    told = true;
                    out.push(token.start);
                }
            }
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    out
}
