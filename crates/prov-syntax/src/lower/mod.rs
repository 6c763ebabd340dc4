//! From pest's tree to the syntax tree.
//!
//! Invariant: building never fails; what the grammar lets through and the language does not (a date that isn't, a
//! comparison that chains, a clause said twice) is pushed as a diagnostic, and the item is then set aside by the reader.

mod apps;
mod exprs;
mod grants;
mod items;
mod literals;
mod tests;

use crate::ast::{Annotation, Name, StrPart, StringLit};
use crate::explain::Context;
use crate::grammar::{Node, Rule, is_keyword, is_punctuation};
use crate::parser::doc_line;
use prov_diag::{Code, Diagnostic, Span, codes};
use std::iter::Peekable;

/// Builds the syntax tree of one item or expression.
pub(crate) struct Lower<'a> {
    context: Context<'a>,
    /// Where the parsed stretch begins in the text: pest counts from there.
    base: usize,
    /// How deep the expression being built stands; see [`exprs`].
    depth: usize,
    /// What was found wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Docs and annotations before an item or a part.
struct Lead {
    docs: Option<String>,
    annotations: Vec<Annotation>,
}

/// Words of operators and literals: nowhere do they stand for a value of their own.
pub(crate) const OPERATOR_WORDS: [&str; 14] = [
    "and", "or", "not", "in", "is", "if", "then", "else", "match", "matches", "contains", "has", "true",
    "false",
];

/// More words that have a meaning of their own wherever a value may stand. A variant or a state may still be called like
/// them: where one is expected, it wins.
const TAKEN: [&str; 15] = [
    "state",
    "today",
    "now",
    "row",
    "reports",
    "has_reports",
    "starts",
    "ends",
    "holds",
    "between",
    "where",
    "any",
    "all",
    "count",
    "let",
];

impl<'a> Lower<'a> {
    /// A builder for a stretch that begins at byte `base` of the text.
    pub(crate) fn new(context: Context<'a>, base: usize) -> Self {
        Lower { context, base, depth: 0, diagnostics: Vec::new() }
    }

    fn span(&self, node: &Node<'_>) -> Span {
        let span = node.as_span();
        let start = self.base + span.start();
        Span::new(self.context.source, start, self.context.trim(start, self.base + span.end()))
    }

    fn error(
        &mut self,
        code: &'static Code,
        span: Span,
        message: impl Into<String>,
        label: &str,
    ) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::new(code, message).at(span, label));
        self.diagnostics.last_mut().expect("one was just pushed")
    }

    /// A name as written.
    fn name(&self, node: &Node<'_>) -> Name {
        Name { text: node.as_str().to_owned(), span: self.span(node) }
    }

    /// A name that is being declared.
    fn declared(&mut self, node: &Node<'_>) -> Name {
        let name = self.name(node);
        self.refuse_words(&name, TAKEN.contains(&name.text.as_str()));
        name
    }

    /// The name of a variant or a state that is being declared.
    fn declared_variant(&mut self, node: &Node<'_>) -> Name {
        let name = self.name(node);
        self.refuse_words(&name, false);
        name
    }

    fn refuse_words(&mut self, name: &Name, taken: bool) {
        if !taken && !OPERATOR_WORDS.contains(&name.text.as_str()) {
            return;
        }
        let d = self.error(
            &codes::RESERVED_NAME,
            name.span,
            format!("`{}` can't be a name", name.text),
            "this word has a meaning of its own",
        );
        d.help = Some(format!("choose another name, for example `{}_`", name.text));
    }

    /// A name that is a word or, where a target's attribute has odd characters, a text.
    fn assign_name(&mut self, node: Node<'_>) -> Name {
        let span = self.span(&node);
        let inner = node.into_inner().next().expect("an assign_name holds a word or a text");
        if inner.as_rule() == Rule::ident {
            return Name { text: inner.as_str().to_owned(), span };
        }
        Name { text: self.string_lit(inner).text, span }
    }

    fn names(&self, nodes: impl Iterator<Item = Node<'a>>) -> Vec<Name> {
        nodes.map(|n| self.name(&n)).collect()
    }

    fn string_lit(&mut self, node: Node<'_>) -> StringLit {
        let span = self.span(&node);
        let mut text = String::new();
        for part in self.string_parts(node) {
            match part {
                StrPart::Text(t) => text.push_str(&t),
                StrPart::Expr(e) => {
                    let d = self.error(
                        &codes::BAD_TEXT,
                        e.span,
                        "nothing can be inserted into this text",
                        "it must be known before any evaluation",
                    );
                    d.help = Some("write `{{` and `}}` for braces".to_owned());
                }
            }
        }
        StringLit { span, text }
    }

    fn lead(&mut self, node: Node<'a>) -> Lead {
        let mut docs: Vec<&str> = Vec::new();
        let mut annotations = Vec::new();
        for n in node.into_inner() {
            match n.as_rule() {
                Rule::doc => docs.push(doc_line(n.as_str())),
                _ => annotations.push(self.annotation(n)),
            }
        }
        Lead { docs: (!docs.is_empty()).then(|| docs.join("\n")), annotations }
    }

    fn annotation(&mut self, node: Node<'a>) -> Annotation {
        let span = self.span(&node);
        let mut kids = parts(node);
        let name = self.name(&next(&mut kids));
        let args = kids.next().map_or_else(Vec::new, |call| self.plain_args(call));
        Annotation { span, name, args }
    }

    /// Reports a clause that stands twice or behind one that it must precede. `order` is the order of clauses, each
    /// with the words that begin it.
    fn check_order(&mut self, clauses: &[Node<'a>], order: &[(&[Rule], &str)]) {
        let mut seen: Vec<(usize, Span)> = Vec::new();
        for clause in clauses {
            let Some(rank) = order.iter().position(|(rules, _)| rules.contains(&clause.as_rule())) else {
                continue;
            };
            let (span, word) = (self.clause_word(clause), order[rank].1);
            let earlier = seen.iter().copied().find(|&(r, _)| r >= rank);
            if let Some((other, other_span)) = earlier {
                let wanted: Vec<&str> = order.iter().map(|(_, w)| *w).collect();
                let message = if other == rank {
                    format!("{word} stands twice")
                } else {
                    format!("{word} comes before {}", order[other].1)
                };
                let d = Diagnostic::new(&codes::CLAUSE_ORDER, message)
                    .at(span, if other == rank { "again here" } else { "too late here" })
                    .at(other_span, if other == rank { "first here" } else { "this comes after it" });
                self.diagnostics.push(match wanted.as_slice() {
                    [_] => d,
                    _ => d.help(format!("the order is {}, each at most once", wanted.join(", "))),
                });
            }
            seen.push((rank, span));
        }
    }

    /// The first word of a clause.
    fn clause_word(&self, clause: &Node<'a>) -> Span {
        let first = clause.clone().into_inner().next();
        self.span(first.as_ref().unwrap_or(clause))
    }
}

/// The children that carry meaning: neither punctuation nor keywords.
fn parts<'i>(node: Node<'i>) -> Peekable<impl Iterator<Item = Node<'i>>> {
    node.into_inner().filter(|n| !is_punctuation(n.as_rule()) && !is_keyword(n.as_rule())).peekable()
}

/// The next child, where the grammar makes sure of one.
fn next<'i>(kids: &mut impl Iterator<Item = Node<'i>>) -> Node<'i> {
    kids.next().expect("the grammar requires this part")
}

/// The next child if it is of a rule.
fn next_if<'i, I: Iterator<Item = Node<'i>>>(kids: &mut Peekable<I>, rule: Rule) -> Option<Node<'i>> {
    kids.next_if(|n| n.as_rule() == rule)
}

/// The only meaningful child, where the grammar makes sure of one.
fn only<'i>(node: Node<'i>) -> Node<'i> {
    next(&mut parts(node))
}
