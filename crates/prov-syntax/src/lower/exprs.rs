//! Expressions: operands and operators in order of writing become a tree.
//!
//! Invariant: precedence is this file's `Level` and nothing else; the tree is never deeper than [`MAX_DEPTH`], however
//! it was written, so that everything after may recurse.

use super::{Lower, next, next_if, only, parts};
use crate::ast::{Arg, Arm, ArmPattern, BinaryOp, Expr, ExprKind, Name, Pattern, Quant};
use crate::grammar::{Node, Rule, is_punctuation};
use prov_diag::{Diagnostic, Span, codes};
use std::collections::VecDeque;

/// The greatest depth of an expression, counting what stands around it.
const MAX_DEPTH: usize = 250;

/// How tightly operators bind, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Compare,
    Coalesce,
    At,
    Add,
    Multiply,
    Negate,
}

impl Level {
    /// The level of an operand on the right of an operator of this level: all associate to the left.
    fn above(self) -> Level {
        match self {
            Level::Or => Level::And,
            Level::And => Level::Not,
            Level::Not | Level::Compare => Level::Coalesce,
            Level::Coalesce => Level::At,
            Level::At => Level::Add,
            Level::Add => Level::Multiply,
            Level::Multiply | Level::Negate => Level::Negate,
        }
    }
}

/// An element of an expression in order of writing.
enum Flat {
    Not(Span),
    Neg(Span),
    Operand(Expr),
    Infix(BinaryOp, Span),
    Tail(Tail, Span),
}

/// What follows an operand and is complete in itself.
enum Tail {
    Is { present: bool },
    Matches { pattern: Pattern, negated: bool },
    In { set: Expr, high: Option<Expr>, negated: bool },
    At { hour: u8, minute: u8, zone: Option<Box<Expr>> },
}

impl Flat {
    fn level(&self) -> Option<(Level, Span)> {
        match self {
            Flat::Infix(op, span) => Some((level(*op), *span)),
            Flat::Tail(Tail::At { .. }, span) => Some((Level::At, *span)),
            Flat::Tail(_, span) => Some((Level::Compare, *span)),
            Flat::Not(_) | Flat::Neg(_) | Flat::Operand(_) => None,
        }
    }
}

fn level(op: BinaryOp) -> Level {
    match op {
        BinaryOp::Or => Level::Or,
        BinaryOp::And => Level::And,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            Level::Compare
        }
        BinaryOp::Contains | BinaryOp::StartsWith | BinaryOp::EndsWith => Level::Compare,
        BinaryOp::Coalesce => Level::Coalesce,
        BinaryOp::Add | BinaryOp::Sub => Level::Add,
        BinaryOp::Mul => Level::Multiply,
    }
}

impl<'a> Lower<'a> {
    /// An `expr` or a `sum`.
    pub(crate) fn expr(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let weight = weight(&node);
        if self.depth + weight > MAX_DEPTH {
            let d = self.error(
                &codes::TOO_DEEP,
                span,
                "this expression is too long or too deeply nested",
                "no reader can follow it",
            );
            d.help =
                Some("name parts of it with `let`, or write `x in [a, b, c]` for a chain of `or`".to_owned());
            return Expr { span, kind: ExprKind::Bool(false) };
        }
        self.depth += weight;
        let mut flat = VecDeque::new();
        for n in node.into_inner() {
            match n.as_rule() {
                Rule::operand => self.operand(n, &mut flat),
                _ => self.tail(n, &mut flat),
            }
        }
        let expr = self.climb(&mut flat, Level::Or);
        self.depth -= weight;
        expr
    }

    fn climb(&mut self, flat: &mut VecDeque<Flat>, min: Level) -> Expr {
        let mut left = match flat.pop_front().expect("the grammar puts an operand here") {
            Flat::Not(span) => {
                if min > Level::Not {
                    let d = self.error(
                        &codes::SYNTAX,
                        span,
                        "`not` can't stand here without parentheses",
                        "binds looser than what is before it",
                    );
                    d.help = Some("write `(not …)`".to_owned());
                }
                let inner = self.climb(flat, Level::Not);
                Expr { span: span.to(inner.span), kind: ExprKind::Not(Box::new(inner)) }
            }
            Flat::Neg(span) => {
                let inner = self.climb(flat, Level::Negate);
                Expr { span: span.to(inner.span), kind: ExprKind::Neg(Box::new(inner)) }
            }
            Flat::Operand(e) => e,
            Flat::Infix(_, span) | Flat::Tail(_, span) => Expr { span, kind: ExprKind::Bool(false) },
        };
        let mut compared: Option<Span> = None;
        while let Some((level, span)) = flat.front().and_then(Flat::level).filter(|&(l, _)| l >= min) {
            if level == Level::Compare {
                if let Some(first) = compared {
                    self.chained(first, span, left.span);
                }
                compared = Some(span);
            }
            left = match flat.pop_front().expect("it was just looked at") {
                Flat::Infix(op, op_span) => {
                    let right = self.climb(flat, level.above());
                    let span = left.span.to(right.span);
                    Expr { span, kind: ExprKind::Binary(Box::new(left), op, op_span, Box::new(right)) }
                }
                Flat::Tail(tail, tail_span) => apply(left, tail, tail_span),
                Flat::Not(_) | Flat::Neg(_) | Flat::Operand(_) => left,
            };
        }
        left
    }

    fn chained(&mut self, first: Span, second: Span, left: Span) {
        let text = |s: Span| self.context.text[s.start as usize..s.end as usize].to_owned();
        let middle = text(Span { start: first.end, ..left }).trim().to_owned();
        let d = Diagnostic::new(&codes::CHAINED_COMPARISON, "comparisons don't chain")
            .at(second, "a second comparison of the same value")
            .at(first, "the first one");
        let help = if text(first).len() <= 2 && text(second).len() <= 2 && !middle.is_empty() {
            format!(
                "write `{} and {middle} {} …`, or `{middle} in a..b` for a range",
                text(left),
                text(second)
            )
        } else {
            "join two comparisons with `and`, or put one of them in parentheses".to_owned()
        };
        self.diagnostics.push(d.help(help));
    }

    fn operand(&mut self, node: Node<'_>, flat: &mut VecDeque<Flat>) {
        let mut postfixes: Option<Expr> = None;
        for n in node.into_inner() {
            let span = self.span(&n);
            match n.as_rule() {
                Rule::prefix => {
                    let is_not = n.as_str().starts_with("not");
                    flat.push_back(if is_not { Flat::Not(span) } else { Flat::Neg(span) });
                }
                Rule::primary => postfixes = Some(self.primary(only_child(n))),
                _ => {
                    let target = postfixes.take().expect("a postfix follows a primary");
                    postfixes = Some(self.postfix(target, only_child(n)));
                }
            }
        }
        flat.push_back(Flat::Operand(postfixes.expect("an operand holds a primary")));
    }

    fn tail(&mut self, node: Node<'_>, flat: &mut VecDeque<Flat>) {
        let mut kids = node.into_inner();
        let first = next(&mut kids);
        let span = self.span(&first);
        let negated = |n: &Node<'_>| n.clone().into_inner().any(|k| k.as_rule() == Rule::k_not);
        match first.as_rule() {
            Rule::infix | Rule::sum_infix => {
                let op = binary(only_child(first).as_rule());
                flat.push_back(Flat::Infix(op, span));
                self.operand(next(&mut kids), flat);
            }
            Rule::is_tail => {
                let present = first.into_inner().any(|k| k.as_rule() == Rule::k_present);
                flat.push_back(Flat::Tail(Tail::Is { present }, span));
            }
            Rule::matches_tail => {
                let negated = negated(&first);
                let pattern = self.pattern(only(first));
                flat.push_back(Flat::Tail(Tail::Matches { pattern, negated }, span));
            }
            Rule::in_tail => {
                let negated = negated(&first);
                let mut sums = first.into_inner().filter(|k| k.as_rule() == Rule::sum);
                let set = self.expr(next(&mut sums));
                let high = sums.next().map(|s| self.expr(s));
                flat.push_back(Flat::Tail(Tail::In { set, high, negated }, span));
            }
            _ => {
                let mut kids = parts(first);
                let (hour, minute) = self.clock(&next(&mut kids));
                let zone = kids.next().map(|z| Box::new(self.zone(z)));
                flat.push_back(Flat::Tail(Tail::At { hour, minute, zone }, span));
            }
        }
    }

    fn zone(&mut self, node: Node<'_>) -> Expr {
        let mut kids = parts(node);
        let first = next(&mut kids);
        let span = self.span(&first);
        let kind = match first.as_rule() {
            Rule::string => ExprKind::Str(self.string_parts(first)),
            _ => ExprKind::Name(self.name(&first)),
        };
        kids.fold(Expr { span, kind }, |target, n| {
            let name = self.name(&n);
            Expr { span: span.to(name.span), kind: ExprKind::Field(Box::new(target), name) }
        })
    }

    fn postfix(&mut self, target: Expr, node: Node<'_>) -> Expr {
        let span = target.span.to(self.span(&node));
        let kind = match node.as_rule() {
            Rule::field => ExprKind::Field(Box::new(target), self.name(&only(node))),
            Rule::call => ExprKind::Call(Box::new(target), self.args(node)),
            _ => self.index(target, node),
        };
        Expr { span, kind }
    }

    fn index(&mut self, target: Expr, node: Node<'_>) -> ExprKind {
        let (mut low, mut high, mut slice) = (None, None, false);
        for n in node.into_inner() {
            match n.as_rule() {
                Rule::p_range => slice = true,
                Rule::expr => low = Some(self.expr(n)),
                Rule::sum => high = Some(Box::new(self.expr(n))),
                Rule::slice_rest => {
                    slice = true;
                    high = n.into_inner().find(|k| k.as_rule() == Rule::sum).map(|s| Box::new(self.expr(s)));
                }
                _ => {}
            }
        }
        match low {
            Some(key) if !slice => ExprKind::Index(Box::new(target), Box::new(key)),
            low => ExprKind::Slice(Box::new(target), low.map(Box::new), high),
        }
    }

    /// The arguments of a `call`.
    pub(super) fn args(&mut self, node: Node<'_>) -> Vec<Arg> {
        parts(node)
            .map(|arg| {
                let mut kids = parts(arg);
                let name = next_if(&mut kids, Rule::arg_name).map(|n| self.name(&only(n)));
                Arg { name, value: self.expr(next(&mut kids)) }
            })
            .collect()
    }

    /// The arguments of a `call` where they have no names.
    pub(super) fn plain_args(&mut self, node: Node<'_>) -> Vec<Expr> {
        self.args(node)
            .into_iter()
            .map(|arg| {
                if let Some(Name { text, span }) = arg.name {
                    let d = self.error(&codes::SYNTAX, span, "arguments have no names here", "named");
                    d.help = Some(format!("write the value without `{text}:`"));
                }
                arg.value
            })
            .collect()
    }

    fn primary(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::paren => ExprKind::Paren(Box::new(self.expr(only(node)))),
            Rule::list => ExprKind::List(parts(node).map(|n| self.expr(n)).collect()),
            Rule::string => ExprKind::Str(self.string_parts(node)),
            Rule::date => ExprKind::Date(self.date(&node)),
            Rule::decimal => ExprKind::Decimal(self.decimal(&node)),
            Rule::number => return self.number(node),
            Rule::bool => ExprKind::Bool(node.as_str() == "true"),
            Rule::if_expr => {
                let mut kids = parts(node);
                let mut part = || Box::new(self.expr(next(&mut kids)));
                ExprKind::If(part(), part(), part())
            }
            Rule::match_expr => {
                let mut kids = parts(node);
                let subject = self.expr(next(&mut kids));
                ExprKind::Match(Box::new(subject), kids.map(|n| self.arm(n)).collect())
            }
            Rule::quant | Rule::count => self.quant(node),
            Rule::between => {
                let mut kids = parts(node);
                let unit = next(&mut kids);
                let unit_span = self.span(&unit);
                let unit = super::literals::unit(unit.as_str());
                let from = Box::new(self.expr(next(&mut kids)));
                ExprKind::Between { unit, unit_span, from, to: Box::new(self.expr(next(&mut kids))) }
            }
            Rule::has => ExprKind::Has(Box::new(self.has(node))),
            Rule::holds_nothing => ExprKind::HoldsNothing,
            Rule::today_in => ExprKind::TodayIn(Box::new(self.zone(only(node)))),
            Rule::in_source => ExprKind::InSource(self.name(&only(node))),
            _ => ExprKind::Name(self.name(&node)),
        };
        Expr { span, kind }
    }

    fn has(&mut self, node: Node<'_>) -> Expr {
        let mut kids = parts(node);
        let first = self.name(&next(&mut kids));
        let mut expr = Expr { span: first.span, kind: ExprKind::Name(first) };
        for n in kids {
            let span = expr.span.to(self.span(&n));
            let kind = match n.as_rule() {
                Rule::call => ExprKind::Call(Box::new(expr), self.args(n)),
                _ => ExprKind::Field(Box::new(expr), self.name(&n)),
            };
            expr = Expr { span, kind };
        }
        expr
    }

    fn quant(&mut self, node: Node<'_>) -> ExprKind {
        let word = next(&mut node.clone().into_inner()).as_rule();
        let quant = match word {
            Rule::k_any => Quant::Any,
            Rule::k_all => Quant::All,
            _ => Quant::Count,
        };
        let mut kids = parts(node);
        let var = self.declared(&only(next(&mut kids)));
        let list = Box::new(self.expr(next(&mut kids)));
        let cond = kids.next().map(|n| {
            let inner = if n.as_rule() == Rule::paren { only(n) } else { n };
            Box::new(self.expr(inner))
        });
        ExprKind::Quant { quant, var, list, cond }
    }

    fn arm(&mut self, node: Node<'_>) -> Arm {
        let span = self.span(&node);
        let mut kids = parts(node);
        let mut patterns = Vec::new();
        while let Some(n) = next_if(&mut kids, Rule::arm_pattern) {
            patterns.push(self.arm_pattern(n));
        }
        Arm { span, patterns, value: self.expr(next(&mut kids)) }
    }

    fn arm_pattern(&mut self, node: Node<'_>) -> ArmPattern {
        let span = self.span(&node);
        let mut kids = node.into_inner();
        let first = next(&mut kids);
        match first.as_rule() {
            Rule::p_any => ArmPattern::Any(span),
            Rule::k_absent => ArmPattern::Absent(span),
            _ => {
                let low = self.arm_value(first);
                match kids.find(|n| n.as_rule() == Rule::arm_value) {
                    Some(high) => ArmPattern::Range(low, self.arm_value(high)),
                    None => ArmPattern::Value(low),
                }
            }
        }
    }

    fn arm_value(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(&node);
        let mut kids = node.into_inner();
        let first = next(&mut kids);
        if first.as_rule() == Rule::o_neg {
            let inner = self.primary(next(&mut kids));
            return Expr { span, kind: ExprKind::Neg(Box::new(inner)) };
        }
        self.primary(first)
    }
}

/// How many levels an expression can add to the tree: one an operator, a prefix or a postfix.
fn weight(expr: &Node<'_>) -> usize {
    let operand = |n: Node<'_>| n.into_inner().count();
    expr.clone()
        .into_inner()
        .map(|n| match n.as_rule() {
            Rule::operand => operand(n),
            _ => {
                1 + n
                    .into_inner()
                    .filter(|k| k.as_rule() == Rule::operand)
                    .map(|k| operand(k) - 1)
                    .sum::<usize>()
            }
        })
        .sum()
}

fn apply(left: Expr, tail: Tail, tail_span: Span) -> Expr {
    let span = left.span.to(tail_span);
    let value = Box::new(left);
    let kind = match tail {
        Tail::Is { present } => ExprKind::Is { value, present },
        Tail::Matches { pattern, negated } => ExprKind::Matches { value, pattern, negated },
        Tail::In { set, high: None, negated } => ExprKind::In { value, set: Box::new(set), negated },
        Tail::In { set, high: Some(high), negated } => {
            ExprKind::InRange { value, low: Box::new(set), high: Box::new(high), negated }
        }
        Tail::At { hour, minute, zone } => ExprKind::AtTime { date: value, hour, minute, zone },
    };
    Expr { span, kind }
}

fn binary(rule: Rule) -> BinaryOp {
    match rule {
        Rule::o_or => BinaryOp::Or,
        Rule::o_and => BinaryOp::And,
        Rule::o_eq => BinaryOp::Eq,
        Rule::o_ne => BinaryOp::Ne,
        Rule::o_le => BinaryOp::Le,
        Rule::o_ge => BinaryOp::Ge,
        Rule::o_lt => BinaryOp::Lt,
        Rule::o_gt => BinaryOp::Gt,
        Rule::o_contains => BinaryOp::Contains,
        Rule::o_starts => BinaryOp::StartsWith,
        Rule::o_ends => BinaryOp::EndsWith,
        Rule::o_coalesce => BinaryOp::Coalesce,
        Rule::o_add => BinaryOp::Add,
        Rule::o_sub => BinaryOp::Sub,
        _ => BinaryOp::Mul,
    }
}

fn only_child(node: Node<'_>) -> Node<'_> {
    next(&mut node.into_inner().filter(|n| !is_punctuation(n.as_rule())))
}
