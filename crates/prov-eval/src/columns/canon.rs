//! Which expressions of a program are the same, wherever they stand.
//! Invariant: two expressions with one number have the same value for everyone who binds nothing around them; spans and
//! names of lets don't count.

use prov_ir::{ExprKind, Program};
use rustc_hash::FxHashMap;
use std::fmt::Write;

/// By expression: the number of all that are the same. Of what is not worth comparing each has its own.
pub(crate) fn canonical(program: &Program) -> Vec<u32> {
    let mut known: FxHashMap<String, u32> = FxHashMap::default();
    let mut numbers: Vec<u32> = Vec::with_capacity(program.exprs.len());
    for (i, expr) in program.exprs.iter().enumerate() {
        if let ExprKind::Named(_, of) = &expr.kind {
            numbers.push(numbers[of.0 as usize]);
            continue;
        }
        if !is_plain(&expr.kind) {
            numbers.push(i as u32);
            continue;
        }
        let mut key = expr.kind.head();
        if let ExprKind::Const(_) = &expr.kind {
            let _ = write!(key, " {:?}", expr.ty);
        }
        // INVARIANT: children come before parents.
        expr.kind.children(|child| {
            let _ = write!(key, " {}", numbers[child.0 as usize]);
        });
        numbers.push(*known.entry(key).or_insert(i as u32));
    }
    numbers
}

/// Whether all of an expression is in its head and its operands, and none of it binds anything.
fn is_plain(kind: &ExprKind) -> bool {
    !matches!(
        kind,
        ExprKind::Match(..)
            | ExprKind::Slice(..)
            | ExprKind::Quant { .. }
            | ExprKind::AtTime(..)
            | ExprKind::Let(..)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::Cell(_)
    )
}
