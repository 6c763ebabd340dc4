//! What is known to be present. Facts are paths: an attribute, a local, a field of a path, a look-up by a path. The same
//! path means the same value within one evaluation.
//! Invariant: a fact follows only from a condition that was asked before, by `is present` or an arm of a `match`.

use crate::{ExprId, ExprKind, Program};
use std::collections::{BTreeSet, HashMap};

/// Paths known to be present.
pub(crate) type Facts = BTreeSet<String>;

/// The path of an expression, where it has one.
pub(crate) fn path(program: &Program, id: ExprId) -> Option<String> {
    Some(match &program.expr(id).kind {
        ExprKind::Attr(a) => format!("a{}", a.0),
        ExprKind::Local(l) => format!("l{}", l.0),
        ExprKind::Cell(c) => format!("c{c}"),
        ExprKind::AccountAttr(app, i) => format!("p{}:{i}", app.0),
        ExprKind::Field(base, f) => format!("{}.{f}", path(program, *base)?),
        ExprKind::StateOf(of) => format!("{}.state", path(program, *of)?),
        ExprKind::Lookup(t, key) => format!("t{}[{}]", t.0, path(program, *key)?),
        ExprKind::Named(name, _) => format!("let {name}"),
        ExprKind::ToText(inner) => path(program, *inner)?,
        _ => return None,
    })
}

/// What conditions say, each worked out once: trees share.
#[derive(Default)]
pub(crate) struct Known(HashMap<(ExprId, bool), Facts>);

impl Known {
    /// What is known where a condition holds (`truth`) or fails.
    pub(crate) fn of(&mut self, program: &Program, id: ExprId, truth: bool) -> Facts {
        if let Some(known) = self.0.get(&(id, truth)) {
            return known.clone();
        }
        let kind = &program.expr(id).kind;
        let facts = match kind {
            ExprKind::IsPresent(e) if truth => present(program, *e),
            ExprKind::Not(e) => self.of(program, *e, !truth),
            ExprKind::Named(_, e) => self.of(program, *e, truth),
            ExprKind::And(list) | ExprKind::Or(list) => {
                let all = matches!(kind, ExprKind::And(_)) == truth;
                let mut facts = list.iter().map(|e| self.of(program, *e, truth));
                let first = facts.next().unwrap_or_default();
                facts.fold(first, |sum, f| if all { &sum | &f } else { &sum & &f })
            }
            _ => Facts::new(),
        };
        self.0.insert((id, truth), facts.clone());
        facts
    }
}

/// A value that is present, and with it all that it was reached through.
pub(crate) fn present(program: &Program, id: ExprId) -> Facts {
    let mut facts = Facts::new();
    let mut at = Some(id);
    while let Some(id) = at {
        facts.extend(path(program, id));
        at = match &program.expr(id).kind {
            ExprKind::Field(base, _)
            | ExprKind::StateOf(base)
            | ExprKind::ToText(base)
            | ExprKind::Named(_, base) => Some(*base),
            _ => None,
        };
    }
    facts
}
