//! Which expressions of a program are the same, wherever they stand.
//! Invariant: two expressions with one number have the same value for everyone who binds nothing around them; spans and
//! names of lets don't count.

use prov_ir::{ExprKind, Program, StrPart};
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
        let Some(mut key) = word(&expr.kind) else {
            numbers.push(i as u32);
            continue;
        };
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

/// What an expression is apart from its operands.
fn word(kind: &ExprKind) -> Option<String> {
    Some(match kind {
        ExprKind::Const(value) => format!("const {value:?}"),
        ExprKind::Attr(attr) => format!("attr {}", attr.0),
        ExprKind::State => "state".into(),
        ExprKind::Local(local) => format!("local {}", local.0),
        ExprKind::Field(_, field) => format!("field {field}"),
        ExprKind::StateOf(_) => "state of".into(),
        ExprKind::Inverse(of, number) => format!("inverse {number} {}", of.is_some()),
        ExprKind::Myself => "myself".into(),
        ExprKind::Today => "today".into(),
        ExprKind::TodayIn(_) => "today in".into(),
        ExprKind::Now => "now".into(),
        ExprKind::Not(_) => "not".into(),
        ExprKind::Neg(_) => "neg".into(),
        ExprKind::And(_) => "and".into(),
        ExprKind::Or(_) => "or".into(),
        ExprKind::Compare(op, ..) => format!("compare {op:?}"),
        ExprKind::TextTest(op, ..) => format!("text {op:?}"),
        ExprKind::Contains(..) => "contains".into(),
        ExprKind::InRange(..) => "range".into(),
        ExprKind::Matches(_, p) => format!("matches {:?} {} {}", p.source, p.is_regex, p.folded),
        ExprKind::IsPresent(_) => "present".into(),
        ExprKind::Coalesce(..) => "coalesce".into(),
        ExprKind::Arith(op, ..) => format!("arith {op:?}"),
        ExprKind::ToText(_) => "text".into(),
        ExprKind::If(..) => "if".into(),
        ExprKind::Interpolate(parts) => {
            let text = |p: &StrPart| match p {
                StrPart::Text(text) => format!("{text:?}"),
                StrPart::Value(_) => "$".into(),
            };
            format!("string {}", parts.iter().map(text).collect::<String>())
        }
        ExprKind::Set(_) => "set".into(),
        ExprKind::Between(unit, ..) => format!("between {unit:?}"),
        ExprKind::Call(builtin, _) => format!("call {builtin:?}"),
        ExprKind::Lookup(table, _) => format!("lookup {}", table.0),
        ExprKind::HasRole(rule) => format!("role {rule}"),
        ExprKind::InSource(source) => format!("source {source}"),
        ExprKind::Named(..)
        | ExprKind::Match(..)
        | ExprKind::Slice(..)
        | ExprKind::Quant { .. }
        | ExprKind::AtTime(..)
        | ExprKind::Let(..)
        | ExprKind::HasInstance(..)
        | ExprKind::HasEntitlement(..)
        | ExprKind::AccountAttr(..)
        | ExprKind::Unique(_)
        | ExprKind::Cell(_) => return None,
    })
}
