//! What of a condition or a value can be changed: operands dropped, operators turned, constants swapped.
//! Invariant: a changed expression has the shape of one; whether it checks is for the checker to say.

use super::Seeker;
use prov_diag::Span;
use prov_syntax::ast::{Arm, ArmPattern, BinaryOp, Expr, ExprKind, Quant, StrPart};

impl Seeker<'_> {
    /// A condition as a whole.
    pub(super) fn whole(&mut self, c: &Expr) {
        self.add(c.span, "remove a condition", "true");
        let negated = format!("not ({})", self.text(c.span));
        self.add(c.span, "negate a condition", negated);
        self.expr(c);
    }

    pub(super) fn expr(&mut self, e: &Expr) {
        let span = e.span;
        match &e.kind {
            ExprKind::Binary(a, op @ (BinaryOp::And | BinaryOp::Or), _, b) => {
                let mut operands = vec![b.as_ref()];
                let mut left = a.as_ref();
                while let ExprKind::Binary(x, o, _, y) = &left.kind
                    && o == op
                {
                    operands.push(y);
                    left = x;
                }
                operands.push(left);
                operands.reverse();
                let word = if *op == BinaryOp::And { " and " } else { " or " };
                for i in 0..operands.len() {
                    let rest = operands.iter().enumerate().filter(|(n, _)| *n != i);
                    let rest: Vec<&str> = rest.map(|(_, o)| self.text(o.span)).collect();
                    let text = rest.join(word);
                    self.add(span, "drop an operand", text);
                }
                operands.into_iter().for_each(|o| self.expr(o));
            }
            ExprKind::Binary(a, op, op_span, b) => {
                let others: &[&str] = match op {
                    BinaryOp::Eq => &["!="],
                    BinaryOp::Ne => &["=="],
                    BinaryOp::Lt => &["<=", ">="],
                    BinaryOp::Le => &["<", ">"],
                    BinaryOp::Gt => &[">=", "<="],
                    BinaryOp::Ge => &[">", "<"],
                    BinaryOp::Add => &["-"],
                    BinaryOp::Sub => &["+"],
                    BinaryOp::Contains
                    | BinaryOp::StartsWith
                    | BinaryOp::EndsWith
                    | BinaryOp::Coalesce
                    | BinaryOp::Mul
                    | BinaryOp::And
                    | BinaryOp::Or => &[],
                };
                others.iter().for_each(|o| self.add(*op_span, "change an operator", *o));
                if matches!(op, BinaryOp::Contains | BinaryOp::StartsWith | BinaryOp::EndsWith) {
                    self.negate(span);
                }
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Not(a) => {
                let text = self.text(a.span).to_owned();
                self.add(span, "drop a `not`", text);
                self.expr(a);
            }
            ExprKind::In { value, set, .. } => {
                self.negate(span);
                self.expr(value);
                if let ExprKind::List(items) = &set.kind
                    && items.len() > 1
                {
                    let spans: Vec<Span> = items.iter().map(|i| i.span).collect();
                    self.remove_one(set.span, &spans, "drop a value");
                }
            }
            ExprKind::InRange { value, low, high, .. } => {
                self.negate(span);
                [value, low, high].into_iter().for_each(|e| self.expr(e));
            }
            ExprKind::Matches { value, .. } => {
                self.negate(span);
                self.expr(value);
            }
            ExprKind::Is { value, .. } => {
                self.negate(span);
                self.expr(value);
            }
            ExprKind::Has(_) | ExprKind::InSource(_) => self.negate(span),
            ExprKind::Name(name) => {
                // A word may be of several lists; in the wrong one it does not check.
                let next = |list: &Vec<String>| {
                    let at = list.iter().position(|v| *v == name.text)?;
                    Some(list[(at + 1) % list.len()].clone())
                };
                let others: Vec<String> = self.variants.iter().filter_map(next).collect();
                others.into_iter().for_each(|other| self.add(span, "swap a constant", other));
            }
            ExprKind::Duration(n, unit) => {
                self.add(span, "change a duration", format!("{} {}", n.saturating_add(1), unit.name()));
            }
            ExprKind::If(c, a, b) => {
                for side in [a, b] {
                    let text = self.text(side.span).to_owned();
                    self.add(span, "take one side", text);
                }
                self.expr(c);
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Match(of, arms) => {
                self.expr(of);
                arms.iter().for_each(|a| self.arm(a));
            }
            ExprKind::Quant { quant, list, cond, .. } => {
                let word = Span { end: span.start + 3, ..span };
                match quant {
                    Quant::Any => self.add(word, "ask it of all", "all"),
                    Quant::All => self.add(word, "ask it of any", "any"),
                    Quant::Count => {}
                }
                self.expr(list);
                cond.iter().for_each(|c| self.expr(c));
            }
            ExprKind::Paren(a) | ExprKind::Neg(a) | ExprKind::Field(a, _) | ExprKind::TodayIn(a) => {
                self.expr(a)
            }
            ExprKind::Index(of, key) => {
                self.expr(of);
                self.expr(key);
            }
            ExprKind::Slice(of, from, to) => {
                self.expr(of);
                from.iter().chain(to).for_each(|e| self.expr(e));
            }
            ExprKind::Between { from, to, .. } => {
                self.expr(from);
                self.expr(to);
            }
            ExprKind::AtTime { date, zone, .. } => {
                self.expr(date);
                zone.iter().for_each(|z| self.expr(z));
            }
            ExprKind::Call(_, args) => args.iter().for_each(|a| self.expr(&a.value)),
            ExprKind::Str(parts) => {
                for part in parts {
                    if let StrPart::Expr(e) = part {
                        self.expr(e);
                    }
                }
            }
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Decimal(_)
            | ExprKind::Date(_)
            | ExprKind::List(_)
            | ExprKind::Record(..)
            | ExprKind::HoldsNothing => {}
        }
    }

    fn negate(&mut self, span: Span) {
        let text = format!("not ({})", self.text(span));
        self.add(span, "negate a test", text);
    }

    /// An arm of a `match`: it, or one of what it matches, is taken away.
    fn arm(&mut self, arm: &Arm) {
        self.remove(self.with_comma(arm.span), "remove an arm");
        let spans: Vec<Span> = arm.patterns.iter().map(of_pattern).collect();
        if spans.len() > 1 {
            self.remove_one(arm.span, &spans, "drop a value");
        }
        self.expr(&arm.value);
    }
}

fn of_pattern(pattern: &ArmPattern) -> Span {
    match pattern {
        ArmPattern::Any(span) | ArmPattern::Absent(span) => *span,
        ArmPattern::Value(value) => value.span,
        ArmPattern::Range(low, high) => low.span.to(high.span),
    }
}
