//! What a condition of a test names: people, and attributes of their accounts (`ann.ad.login`).
//! Invariant: looks at what is written and decides nothing.

use prov_syntax::ast::{Expr, ExprKind, Name, StrPart};

/// Every `a.b.c` of plain names.
pub(super) fn account_paths(e: &Expr) -> Vec<(Name, Name, Name)> {
    let mut out = Vec::new();
    walk(e, &mut |e| {
        if let ExprKind::Field(base, attr) = &e.kind
            && let ExprKind::Field(base, app) = &base.kind
            && let ExprKind::Name(who) = &base.kind
        {
            out.push((who.clone(), app.clone(), attr.clone()));
        }
    });
    out
}

/// Every name.
pub(super) fn names(e: &Expr) -> Vec<Name> {
    let mut out = Vec::new();
    walk(e, &mut |e| {
        if let ExprKind::Name(name) = &e.kind {
            out.push(name.clone());
        }
    });
    out
}

fn walk(e: &Expr, f: &mut impl FnMut(&Expr)) {
    f(e);
    match &e.kind {
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Decimal(_)
        | ExprKind::Date(_)
        | ExprKind::Duration(..)
        | ExprKind::Name(_)
        | ExprKind::HoldsNothing
        | ExprKind::InSource(_) => {}
        ExprKind::Str(parts) => {
            for part in parts {
                if let StrPart::Expr(e) = part {
                    walk(e, f);
                }
            }
        }
        ExprKind::Field(a, _)
        | ExprKind::Not(a)
        | ExprKind::Neg(a)
        | ExprKind::Has(a)
        | ExprKind::TodayIn(a)
        | ExprKind::Paren(a)
        | ExprKind::Matches { value: a, .. }
        | ExprKind::Is { value: a, .. } => walk(a, f),
        ExprKind::Index(a, b)
        | ExprKind::Binary(a, _, _, b)
        | ExprKind::In { value: a, set: b, .. }
        | ExprKind::Between { from: a, to: b, .. } => {
            walk(a, f);
            walk(b, f);
        }
        ExprKind::Slice(a, from, to) => {
            walk(a, f);
            from.iter().chain(to).for_each(|e| walk(e, f));
        }
        ExprKind::Call(callee, args) => {
            walk(callee, f);
            args.iter().for_each(|a| walk(&a.value, f));
        }
        ExprKind::List(items) => items.iter().for_each(|e| walk(e, f)),
        ExprKind::Record(_, fields) => fields.iter().for_each(|a| walk(&a.value, f)),
        ExprKind::InRange { value, low, high, .. } => {
            walk(value, f);
            walk(low, f);
            walk(high, f);
        }
        ExprKind::If(c, a, b) => {
            walk(c, f);
            walk(a, f);
            walk(b, f);
        }
        ExprKind::Match(of, arms) => {
            walk(of, f);
            arms.iter().for_each(|a| walk(&a.value, f));
        }
        ExprKind::Quant { list, cond, .. } => {
            walk(list, f);
            cond.iter().for_each(|e| walk(e, f));
        }
        ExprKind::AtTime { date, zone, .. } => {
            walk(date, f);
            zone.iter().for_each(|e| walk(e, f));
        }
    }
}
