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
            (kind, _) => kind.head(),
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
