//! What type an expression has, as far as evaluating needs it: to know variants where their enum is expected, and to
//! compare as `text` where one side is `text` (types.md, "No conversion by itself").
//! Invariant: `None` means that nothing hangs on it.

use crate::eval::Scope;
use crate::value::{Field, Ty};
use crate::world::World;
use prov_syntax::ast::{self, BinaryOp, Expr, ExprKind, Quant};

/// The type of two branches of one expression.
fn joined(a: Option<Ty>, b: Option<Ty>) -> Option<Ty> {
    match (a, b) {
        (Some(Ty::Str), Some(Ty::Text)) => Some(Ty::Text),
        (Some(Ty::Set(a)), Some(Ty::Set(b))) => joined(Some(*a), Some(*b)).map(|t| Ty::Set(Box::new(t))),
        (a, b) => a.or(b),
    }
}

/// The type of an element.
pub(crate) fn element(ty: &Ty) -> Option<Ty> {
    match ty {
        Ty::Set(of) | Ty::List(of) => Some((**of).clone()),
        _ => None,
    }
}

impl<'a> World<'a> {
    /// The type of an expression.
    pub(crate) fn type_of(&self, e: &'a Expr, s: &Scope<'a>) -> Option<Ty> {
        match &e.kind {
            ExprKind::Bool(_)
            | ExprKind::Not(_)
            | ExprKind::In { .. }
            | ExprKind::InRange { .. }
            | ExprKind::Matches { .. }
            | ExprKind::Is { .. }
            | ExprKind::Has(_)
            | ExprKind::HoldsNothing
            | ExprKind::InSource(_) => Some(Ty::Bool),
            ExprKind::Int(_) | ExprKind::Between { .. } => Some(Ty::Int),
            ExprKind::Decimal(_) => Some(Ty::Decimal),
            ExprKind::Date(_) | ExprKind::TodayIn(_) => Some(Ty::Date),
            ExprKind::Duration(n, unit) => match crate::calendar::of_unit(*n, *unit)? {
                Ok(_) => Some(Ty::Duration),
                Err(_) => Some(Ty::Elapsed),
            },
            ExprKind::AtTime { .. } => Some(Ty::Instant),
            ExprKind::Str(_) => Some(Ty::Str),
            ExprKind::Name(name) => self.type_of_name(&name.text, s),
            ExprKind::Field(base, name) => self.type_of_field(base, &name.text, s),
            ExprKind::Index(base, _) => match &base.kind {
                ExprKind::Name(n) if n.text == "row" && s.row.is_some() => Some(Ty::Str),
                ExprKind::Name(n) => Some(Ty::Record(format!("table {}", n.text))),
                _ => None,
            },
            ExprKind::Slice(of, _, _) | ExprKind::Neg(of) | ExprKind::Paren(of) => self.type_of(of, s),
            ExprKind::Call(f, args) => self.type_of_call(f, args, s),
            ExprKind::List(elements) => {
                let of = elements.iter().fold(None, |t, e| joined(t, self.type_of(e, s)));
                of.map(|t| Ty::Set(Box::new(t)))
            }
            ExprKind::Binary(a, op, _, b) => match op {
                BinaryOp::Coalesce => joined(self.type_of(a, s), self.type_of(b, s)),
                BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
                    sum(self.type_of(a, s), self.type_of(b, s), *op == BinaryOp::Sub)
                }
                BinaryOp::Or
                | BinaryOp::And
                | BinaryOp::Eq
                | BinaryOp::Ne
                | BinaryOp::Lt
                | BinaryOp::Le
                | BinaryOp::Gt
                | BinaryOp::Ge
                | BinaryOp::Contains
                | BinaryOp::StartsWith
                | BinaryOp::EndsWith => Some(Ty::Bool),
            },
            ExprKind::If(_, a, b) => joined(self.type_of(a, s), self.type_of(b, s)),
            ExprKind::Match(_, arms) => {
                arms.iter().fold(None, |t, arm| joined(t, self.type_of(&arm.value, s)))
            }
            ExprKind::Quant { quant, .. } => match quant {
                Quant::Any | Quant::All => Some(Ty::Bool),
                Quant::Count => Some(Ty::Int),
            },
            ExprKind::Record(..) => None,
        }
    }

    fn type_of_name(&self, name: &str, s: &Scope<'a>) -> Option<Ty> {
        if let Some(local) = s.locals.iter().rev().find(|l| l.name == name) {
            return local.ty.clone();
        }
        match name {
            "today" => return Some(Ty::Date),
            "now" => return Some(Ty::Instant),
            "true" | "false" => return Some(Ty::Bool),
            _ => {}
        }
        if let Some(of) = &s.of {
            if name == "state" {
                return self.policy.lifecycles.get(of.as_str()).map(|l| Ty::Enum(l.0.clone()));
            }
            if let Some(ty) = self.type_of_attribute(of, name) {
                return Some(ty);
            }
        }
        if let Some(field) = s.account.and_then(|(_, a)| a.fields.iter().find(|f| f.assign.name.text == name))
        {
            return self.type_of(&field.assign.value, s);
        }
        let item = self.policy.lets.get(name)?;
        item.ty.clone().or_else(|| self.type_of(item.value, &Scope::of(s.person, s.of.clone())))
    }

    /// An attribute or an inverse of an identity type.
    fn type_of_attribute(&self, of: &str, name: &str) -> Option<Ty> {
        let own = self.policy.identity(of)?.fields.iter().find(|f| f.name == name);
        if let Some(field) = own {
            return Some(field.ty.clone());
        }
        if let Some((from, _)) = self.policy.inverse(of, name) {
            return Some(Ty::List(Box::new(Ty::Identity(from.name.clone()))));
        }
        self.policy.inverse(of, name.strip_prefix("has_")?).map(|_| Ty::Bool)
    }

    fn type_of_field(&self, base: &'a Expr, name: &str, s: &Scope<'a>) -> Option<Ty> {
        if let ExprKind::Name(n) = &base.kind {
            if n.text == "row" && s.row.is_some() {
                return Some(Ty::Str);
            }
            let is_app = s.account.is_some_and(|(_, a)| a.from.as_ref().is_some_and(|f| f.text == n.text));
            if let (true, Some(app), Some(of)) = (is_app, self.policy.app(&n.text), &s.of) {
                let block = app.account(of)?;
                let field = block.fields.iter().find(|f| f.assign.name.text == name)?;
                let scope = Scope { account: Some((app.name, block)), ..Scope::of(s.person, s.of.clone()) };
                return self.type_of(&field.assign.value, &scope);
            }
        }
        match self.type_of(base, s)? {
            Ty::Record(record) => {
                self.policy.records.get(&record)?.iter().find(|f| f.name == name).map(|f| f.ty.clone())
            }
            Ty::Identity(of) if name == "state" => {
                self.policy.lifecycles.get(of.as_str()).map(|l| Ty::Enum(l.0.clone()))
            }
            Ty::Identity(of) => self.type_of_attribute(&of, name),
            _ => None,
        }
    }

    fn type_of_call(&self, f: &'a Expr, args: &'a [ast::Arg], s: &Scope<'a>) -> Option<Ty> {
        let ExprKind::Name(name) = &f.kind else { return None };
        let library = self.module_of(f);
        if let Some(function) = self.policy.function(library, f.span.source, &name.text) {
            let inner = Scope::default().with_params(&function.params);
            return function.result.clone().or_else(|| self.type_of(function.body, &inner));
        }
        let first = || args.first().and_then(|a| self.type_of(&a.value, s));
        Some(match name.text.as_str() {
            "int" | "length" | "size" | "year" | "month" | "day" | "weekday" | "working_days_between" => {
                Ty::Int
            }
            "decimal" => Ty::Decimal,
            "bool" | "is_working_day" => Ty::Bool,
            "date" | "working_day_from" | "working_day_until" | "add_working_days" => Ty::Date,
            "instant" => Ty::Instant,
            "duration" => Ty::Duration,
            "elapsed" => Ty::Elapsed,
            "text" => Ty::Text,
            "split" => Ty::Set(Box::new(Ty::Str)),
            "min" | "max" => joined(first(), args.get(1).and_then(|a| self.type_of(&a.value, s)))?,
            "abs" => first()?,
            _ => Ty::Str,
        })
    }

    /// The types of the arguments of a function that is built in, where they matter: two that are compared.
    pub(crate) fn ordered_type(&self, args: &'a [ast::Arg], s: &Scope<'a>) -> Option<Ty> {
        args.iter().fold(None, |t, a| joined(t, self.type_of(&a.value, s)))
    }

    /// The columns of a table.
    pub(crate) fn columns(&self, table: &str) -> Option<&[Field]> {
        self.policy.records.get(&format!("table {table}")).map(Vec::as_slice)
    }
}

/// The type of a sum, difference or product (types.md, "Time"; expressions.md, "Values").
fn sum(a: Option<Ty>, b: Option<Ty>, minus: bool) -> Option<Ty> {
    match (a?, b?) {
        (Ty::Date, Ty::Date) => Some(Ty::Duration),
        (Ty::Instant, Ty::Instant) if minus => Some(Ty::Elapsed),
        (Ty::Date, _) | (Ty::Duration, Ty::Date) => Some(Ty::Date),
        (Ty::Instant, _) => Some(Ty::Instant),
        (Ty::Int, Ty::Duration) => Some(Ty::Duration),
        (Ty::Int, Ty::Elapsed) => Some(Ty::Elapsed),
        (Ty::Str, Ty::Text) => Some(Ty::Text),
        (a, _) => Some(a),
    }
}
