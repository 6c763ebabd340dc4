//! Presence flow: which optional values are known to be there. Facts are paths (an attribute, a field of a path, a
//! look-up by a path); a condition gives facts where it holds and others where it fails.

use crate::check::Checker;
use prov_ir::{ExprId, ExprKind};
use std::collections::BTreeSet;

/// A value that can be named twice: the same path means the same value within one evaluation.
pub(crate) type Path = String;

/// Paths known to be present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts(BTreeSet<Path>);

impl Facts {
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains(path)
    }

    pub(crate) fn and(mut self, other: &Facts) -> Facts {
        self.0.extend(other.0.iter().cloned());
        self
    }

    fn common(self, other: &Facts) -> Facts {
        Facts(self.0.intersection(&other.0).cloned().collect())
    }
}

impl Checker<'_> {
    /// The path of an expression, where it has one.
    pub(crate) fn path(&self, id: ExprId) -> Option<Path> {
        Some(match &self.exprs[id.0 as usize].kind {
            ExprKind::Attr(a) => format!("a{}", a.0),
            ExprKind::Local(l) => format!("l{}", l.0),
            ExprKind::Cell(c) => format!("c{c}"),
            ExprKind::AccountAttr(app, i) => format!("p{}.{i}", app.0),
            ExprKind::Field(base, f) => format!("{}.{f}", self.path(*base)?),
            ExprKind::StateOf(of) => format!("{}.state", self.path(*of)?),
            ExprKind::Lookup(t, key) => format!("t{}[{}]", t.0, self.path(*key)?),
            ExprKind::Named(name, _) => format!("let {name}"),
            ExprKind::ToText(inner) => self.path(*inner)?,
            _ => return None,
        })
    }

    /// What is known where a condition holds (`truth`) or fails.
    pub(crate) fn facts_of(&self, id: ExprId, truth: bool) -> Facts {
        // Conditions share their parts: each is looked at once.
        if let Some(known) = self.facts.borrow().get(&(id, truth)) {
            return known.clone();
        }
        let facts = self.work_out(id, truth);
        self.facts.borrow_mut().insert((id, truth), facts.clone());
        facts
    }

    fn work_out(&self, id: ExprId, truth: bool) -> Facts {
        match &self.exprs[id.0 as usize].kind {
            ExprKind::IsPresent(e) if truth => self.present(*e),
            ExprKind::Not(e) => self.facts_of(*e, !truth),
            ExprKind::Named(_, e) => self.facts_of(*e, truth),
            ExprKind::And(list) | ExprKind::Or(list) => {
                let all = matches!(self.exprs[id.0 as usize].kind, ExprKind::And(_)) == truth;
                let mut facts = list.iter().map(|e| self.facts_of(*e, truth));
                let first = facts.next().unwrap_or_default();
                facts.fold(first, |sum, f| if all { sum.and(&f) } else { sum.common(&f) })
            }
            _ => Facts::default(),
        }
    }

    /// A value that is present, and with it all that it was reached through.
    pub(crate) fn present(&self, id: ExprId) -> Facts {
        let mut facts = Facts::default();
        let mut at = Some(id);
        while let Some(id) = at {
            facts.0.extend(self.path(id));
            at = match &self.exprs[id.0 as usize].kind {
                ExprKind::Field(base, _)
                | ExprKind::StateOf(base)
                | ExprKind::ToText(base)
                | ExprKind::Named(_, base) => Some(*base),
                _ => None,
            };
        }
        facts
    }
}
