//! Keys of expressions: what is equal for certain has one key, so that what can't be expressed is at least the same wherever
//! it stands.
//! Invariant: equal keys mean equal values, for one identity at one moment.

use crate::encode::{Encoder, Subject};
use prov_ir::{ExprId, ExprKind, StrPart};

impl Encoder<'_> {
    /// Equal expressions have equal keys.
    pub(crate) fn key(&self, id: ExprId) -> String {
        let expr = self.program.expr(id);
        let of = match (&expr.kind, self.subject) {
            (ExprKind::Named(_, of), _) => return self.key(*of),
            (ExprKind::Attr(attr), Subject::Of(reference)) => {
                return format!("of {} {}", reference.0, attr.0);
            }
            (ExprKind::Attr(attr), Subject::Me) => return format!("own {}", attr.0),
            (ExprKind::Local(local), _) => {
                return self.locals.get(local).map_or_else(|| format!("local {}", local.0), |l| l.1.clone());
            }
            (ExprKind::Field(of, field), Subject::Me) => match self.program.expr(*of).kind {
                ExprKind::Attr(reference) if self.refers_to(reference).is_some() => {
                    return format!("of {} {field}", reference.0);
                }
                _ => format!("field {field}"),
            },
            (ExprKind::Field(_, field), _) => format!("field {field}"),
            (ExprKind::Match(_, arms), _) => {
                let patterns: Vec<_> = arms.iter().map(|a| &a.patterns).collect();
                format!("match {patterns:?}")
            }
            (ExprKind::Interpolate(parts), _) => {
                let parts: Vec<String> = parts
                    .iter()
                    .map(|p| match p {
                        StrPart::Text(t) => format!("{t:?}"),
                        StrPart::Value(id) => format!("({})", self.key(*id)),
                    })
                    .collect();
                return format!("text {}", parts.join(" "));
            }
            (kind, _) => head(kind),
        };
        let mut out = format!("{of}(");
        let mut children = Vec::new();
        expr.kind.children(|child| children.push(child));
        for child in children {
            out.push_str(&self.key(child));
            out.push(',');
        }
        // Whose state, whose inverse: of whom the whole speaks.
        format!("{out}){:?}", self.subject)
    }
}

/// What an expression is, its operands aside.
fn head(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Const(v) => format!("const {v:?}"),
        ExprKind::Attr(a) => format!("attr {}", a.0),
        ExprKind::State => "state".into(),
        ExprKind::Local(l) => format!("local {}", l.0),
        ExprKind::Field(_, f) => format!("field {f}"),
        ExprKind::StateOf(_) => "state of".into(),
        ExprKind::Inverse(_, n) => format!("inverse {n}"),
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
        ExprKind::Matches(_, p) => format!("matches {} {} {}", p.is_regex, p.folded, p.source),
        ExprKind::IsPresent(_) => "present".into(),
        ExprKind::Coalesce(..) => "coalesce".into(),
        ExprKind::Arith(op, ..) => format!("arith {op:?}"),
        ExprKind::ToText(_) => "to text".into(),
        ExprKind::If(..) => "if".into(),
        ExprKind::Match(..) => "match".into(),
        ExprKind::Interpolate(_) => "interpolate".into(),
        ExprKind::Slice(_, from, to) => format!("slice {} {}", from.is_some(), to.is_some()),
        ExprKind::Set(_) => "set".into(),
        ExprKind::Quant { quant, local, .. } => format!("quant {quant:?} {}", local.0),
        ExprKind::Between(unit, ..) => format!("between {unit:?}"),
        ExprKind::AtTime(_, h, m, zone) => format!("at {h} {m} {}", zone.is_some()),
        ExprKind::Call(b, _) => format!("call {b:?}"),
        ExprKind::Let(l, ..) => format!("let {}", l.0),
        ExprKind::Named(n, _) => format!("named {n}"),
        ExprKind::Lookup(t, _) => format!("lookup {}", t.0),
        ExprKind::HasRole(r) => format!("has {r}"),
        ExprKind::HasInstance(r, _) => format!("has instance {r}"),
        ExprKind::HasEntitlement(a, k, args) => format!("has {} {} {}", a.0, k.0, args.is_some()),
        ExprKind::AccountAttr(a, n) => format!("account {} {n}", a.0),
        ExprKind::Unique(u) => format!("unique {} {}", u.app.0, u.attribute),
        ExprKind::InSource(s) => format!("in {s}"),
        ExprKind::Cell(c) => format!("cell {c}"),
    }
}
