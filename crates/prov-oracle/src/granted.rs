//! What Prov granted (items.md, "managed"; files.md, "Memory").
//! Invariant: a fact of what was carried out; what `managed` says of single values does not matter to it.

use crate::action::{Act, Deed};
use crate::entitlement::{Ent, compared};
use crate::plan::Planner;
use crate::policy::{App, Kind};
use prov_model::Granted;
use prov_syntax::ast::PatternKind;
use std::collections::BTreeMap;

/// What a plan grants, revokes and deletes.
#[derive(Default)]
pub(crate) struct Given {
    granted: Vec<(String, Ent)>,
    revoked: Vec<(String, Ent)>,
    /// Identity, app, account.
    deleted: Vec<(String, String, String)>,
}

impl Given {
    pub(crate) fn act(&mut self, act: &Act) {
        match (act.deed, &act.account, &act.ent) {
            (Deed::Grant, _, Some(ent)) => self.granted.push((act.id.clone(), ent.clone())),
            (Deed::Revoke, _, Some(ent)) => self.revoked.push((act.id.clone(), ent.clone())),
            (Deed::Delete, Some(name), _) => {
                self.deleted.push((act.id.clone(), act.app.clone(), name.clone()))
            }
            _ => {}
        }
    }
}

/// Whether `managed` covers whatever a kind's value may be.
fn covered(app: &App<'_>, kind: &str) -> bool {
    app.managed.iter().filter(|m| m.kind.as_ref().is_none_or(|k| k.text == kind)).any(|m| match &m.pattern {
        None => true,
        Some(p) => matches!(&p.kind, PatternKind::Glob(glob) if glob == "*"),
    })
}

impl<'a> Planner<'_, 'a> {
    fn known(&self, app: &str, kind: &str) -> Option<(&App<'a>, &Kind<'a>)> {
        let app = self.world.policy.app(app)?;
        Some((app, app.kind(kind)?))
    }

    /// Whether memory says that Prov granted this.
    pub(crate) fn granted(&self, id: &str, ent: &Ent) -> bool {
        let Some((_, kind)) = self.known(&ent.app, &ent.kind) else { return false };
        let mut granted = self.memory.granted.get(id).into_iter().flat_map(Granted::iter);
        granted.any(|(a, k, v)| a == ent.app && k == ent.kind && compared(kind, v) == ent.compared)
    }

    /// What is Prov's for having granted it, once everything has been carried out.
    pub(crate) fn granted_after(&self, given: &Given) -> BTreeMap<String, Granted> {
        let mut after: BTreeMap<String, Granted> = BTreeMap::new();
        for (id, granted) in &self.memory.granted {
            for (app, kind, value) in granted.iter() {
                let Some((_, of)) = self.known(app, kind) else {
                    after.entry(id.clone()).or_default().give(app, kind, value, false);
                    continue;
                };
                let same = |e: &Ent| e.app == app && e.kind == kind && e.compared == compared(of, value);
                let held = self.actual.held.get(id).is_some_and(|held| held.iter().any(same));
                let revoked = given.revoked.iter().any(|(i, e)| i == id && same(e));
                // With the last account goes what it holds.
                let accounts = self.accounts_of(id, app);
                let gone =
                    |name: &str| given.deleted.iter().any(|(i, a, n)| i == id && a == app && n == name);
                let gone = !accounts.is_empty() && accounts.iter().all(|a| gone(&a.name));
                if (held || self.actual.unreadable.contains(id)) && !revoked && !gone {
                    let folds = of.types.contains(&crate::value::Ty::Text);
                    after.entry(id.clone()).or_default().give(app, kind, value, folds);
                }
            }
        }
        for (id, ent) in &given.granted {
            let Some((app, kind)) = self.known(&ent.app, &ent.kind) else { continue };
            if !covered(app, &ent.kind) {
                let folds = kind.types.contains(&crate::value::Ty::Text);
                after.entry(id.clone()).or_default().give(&ent.app, &ent.kind, &ent.value, folds);
            }
        }
        after
    }
}
