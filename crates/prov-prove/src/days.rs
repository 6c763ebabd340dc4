//! Sums of numbers and days: exact where the calendar lets them be, between two bounds where months are added.
//! Invariant: as in `encode`; a sum that runs off the end of its type stops there, as it does when it is evaluated.

use crate::encode::Encoder;
use crate::order::{Node, Sum};
use crate::sat::Lit;
use crate::term::{Origin, Shape, Term};
use crate::value::{Case, Sym, join_forms, spelled, sum};
use prov_ir::ExprId;
use prov_model::{ArithOp, Date, Type, Value};

impl Encoder<'_> {
    pub(crate) fn arith(&mut self, id: ExprId, op: ArithOp, a: ExprId, b: ExprId) -> Sym {
        let ty = self.program.expr(id).ty.required().clone();
        let (left, right) = (self.value(a), self.value(b));
        let mut out = Sym::default();
        for (g, x) in &left.cases {
            for (h, y) in &right.cases {
                let Some(case) = self.arith_case(op, x, y, &ty) else {
                    return self.open_value(id, "it calculates with what is unknown");
                };
                out.cases.push((self.sat.and(&[*g, *h]), case));
            }
        }
        out
    }

    pub(crate) fn arith_case(&mut self, op: ArithOp, x: &Case, y: &Case, ty: &Type) -> Option<Case> {
        if let (Case::Const(a), Case::Const(b)) = (x, y) {
            return Some(Case::Const(prov_model::arith(op, a, b, &self.program.zone).into_owned()));
        }
        if ty.is_textual() && op == ArithOp::Add {
            return join_forms(spelled(x.clone()), spelled(y.clone()), *ty == Type::Text);
        }
        let sub = op == ArithOp::Sub;
        match (op, x, y) {
            (ArithOp::Add | ArithOp::Sub, Case::Number(date), Case::Const(Value::Duration(d)))
                if *ty == Type::Date =>
            {
                let d = if sub { d.negated() } else { *d };
                self.later(*date, d, true)
            }
            (ArithOp::Add, Case::Const(Value::Duration(d)), Case::Number(date)) if *ty == Type::Date => {
                self.later(*date, *d, true)
            }
            (ArithOp::Sub, a, b) if *ty == Type::Duration => {
                let (a, b) = (sum(a)?, sum(b)?);
                Some(Case::Days(a.less(b)?))
            }
            (ArithOp::Add | ArithOp::Sub, a, b) if matches!(ty, Type::Int | Type::Decimal) => {
                let (Case::Number(n), Case::Const(c)) = (a, b) else { return None };
                let by = crate::value::number(c)?;
                self.clamped(*n, if sub { -by } else { by }, i128::from(i64::MIN), i128::from(i64::MAX))
            }
            _ => None,
        }
    }

    /// A day so much later. `clamped`: it ends at the calendar's ends, as sums of days do.
    pub(crate) fn later(&mut self, date: Sum, d: prov_model::Duration, clamped: bool) -> Option<Case> {
        let ends = |y, m, d| Date::from_ymd(y, m, d).map(|d| i128::from(d.0));
        let (first, last) = (ends(-9999, 1, 1)?, ends(9999, 12, 31)?);
        if d.months == 0 && clamped {
            return self.clamped(date, i128::from(d.days), first, last);
        }
        if let Some(day) = date.as_constant() {
            let then = Date(i32::try_from(day).ok()?).plus(d);
            let then = i128::from(then.0);
            return (then > first && then < last).then_some(Case::Number(Sum::constant(then)));
        }
        let node = date.as_node()?;
        let key = format!("later {} {} {} {clamped}", node.0, d.months, d.days);
        let (low, high) = months(d.months);
        let (low, high) = (low + i128::from(d.days), high + i128::from(d.days));
        let wide = i128::from(i32::MAX) * 64;
        let bounds = if clamped { (first, last) } else { (-wide, wide) };
        let (made, known) = self.made_number(key, bounds);
        if !known {
            // made - node within [low, high], but at the calendar's end.
            let to = |plus, minus, constant| Sum { plus, minus, constant };
            let below = self.order.at_most_zero(&mut self.sat, to(made, node, -high));
            let above = self.order.at_most_zero(&mut self.sat, to(node, made, low));
            if clamped {
                let is_first = self.order.at_most_zero(&mut self.sat, to(made, Node::ZERO, -first));
                let is_last = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, made, last));
                self.sat.clause(&[below, is_first]);
                self.sat.clause(&[above, is_last]);
            } else {
                self.sat.clause(&[below]);
                self.sat.clause(&[above]);
            }
            self.later.push((made, node, d));
            self.derived.push((made, node));
        }
        Some(Case::Number(Sum::of(made)))
    }

    /// Says for days of the model how much later others are, where the model has it otherwise. Gives the literals that
    /// hold on to those days; none where the model is right.
    pub(crate) fn correct(&mut self) -> Vec<Lit> {
        let values = self.order.values(&self.sat);
        let mut days = Vec::new();
        for (made, node, d) in self.later.clone() {
            let (day, has) = (values[node.0 as usize], values[made.0 as usize]);
            let Ok(date) = i32::try_from(day) else { continue };
            let then = i128::from(Date(date).plus(d).0);
            let (low, high) = self.order.bounds(made);
            // What runs off the calendar is not said of sums that do not end there.
            let ends =
                then == i128::from(Date(i32::MAX).plus(d).0) || then == i128::from(Date(i32::MIN).plus(d).0);
            if then == has || ends || then < low || then > high {
                continue;
            }
            let to = |plus, minus, constant| Sum { plus, minus, constant };
            let not_below = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, node, day));
            let not_above = self.order.at_most_zero(&mut self.sat, to(node, Node::ZERO, -day));
            let below = self.order.at_most_zero(&mut self.sat, to(made, Node::ZERO, -then));
            let above = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, made, then));
            self.sat.clause(&[!not_below, !not_above, below]);
            self.sat.clause(&[!not_below, !not_above, above]);
            days.extend([not_below, not_above]);
        }
        days
    }

    pub(crate) fn made_number(&mut self, key: String, (low, high): (i128, i128)) -> (Node, bool) {
        if let Some(Term { shape: Shape::Number(node), .. }) =
            self.by_key.get(&key).map(|t| &self.terms[*t as usize])
        {
            return (*node, true);
        }
        let node = self.order.node(low, high, 0);
        self.terms.push(Term { origin: Origin::Moment, present: Lit::TRUE, shape: Shape::Number(node) });
        self.by_key.insert(key, self.terms.len() as u32 - 1);
        (node, false)
    }

    /// `sum + by`, held within the ends of its type.
    pub(crate) fn clamped(&mut self, sum: Sum, by: i128, low: i128, high: i128) -> Option<Case> {
        if by == 0 {
            return Some(Case::Number(sum));
        }
        let node = sum.as_node()?;
        let (made, known) = self.made_number(format!("plus {} {by} {low} {high}", node.0), (low, high));
        if !known {
            let to = |plus, minus, constant| Sum { plus, minus, constant };
            let at_most = self.order.at_most_zero(&mut self.sat, to(made, node, -by));
            let at_least = self.order.at_most_zero(&mut self.sat, to(node, made, by));
            let is_low = self.order.at_most_zero(&mut self.sat, to(made, Node::ZERO, -low));
            let is_high = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, made, high));
            self.sat.clause(&[at_most, is_low]);
            self.sat.clause(&[at_least, is_high]);
            self.derived.push((made, node));
            // An end is reached only where the sum leads beyond it.
            if by > 0 {
                self.sat.clause(&[at_most]);
            } else {
                self.sat.clause(&[at_least]);
            }
        }
        Some(Case::Number(Sum::of(made)))
    }
}

/// How many days so many months have, at least and at most.
fn months(months: i32) -> (i128, i128) {
    let n = i128::from(months.unsigned_abs());
    let (years, rest) = (n / 12, n % 12);
    let (low, high) = (years * 365 + rest * 28, years * 366 + rest * 31);
    if months < 0 { (-high, -low) } else { (low, high) }
}
