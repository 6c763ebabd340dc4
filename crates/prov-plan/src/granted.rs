//! What Prov granted: what of the actual state is Prov's for having given it, and what is so after a plan.
//! Invariant: memory holds nothing that the actual state lacks, save of whom it can't be read or of what the policy does not
//! know.

use crate::diff::folds;
use crate::{ActionKind, ActionView, Plan};
use prov_model::{Actual, AppId, Entitlement, Granted, KindId, Memory, Schema, fold};
use std::collections::BTreeMap;

/// Whether memory says that Prov granted an entitlement.
pub(crate) fn gave(schema: &Schema, granted: &Granted, ent: &Entitlement) -> bool {
    let app = schema.app(ent.app);
    let kind = &schema.kind(ent.app, ent.kind).name;
    granted.has(&app.name, kind, &ent.value, folds(schema, ent.app, ent.kind))
}

/// What a plan does to the access of one identity.
#[derive(Default)]
struct Changes<'a> {
    grants: Vec<ActionView<'a>>,
    takes: Vec<ActionView<'a>>,
}

/// What Prov granted once a plan has been carried out, as far as `runs` says: what it grants, and what it had granted
/// and is still held.
pub(crate) fn granted_after(
    schema: &Schema,
    actual: &Actual,
    memory: &Memory,
    plan: &Plan,
    runs: impl Fn(ActionView<'_>) -> bool,
) -> BTreeMap<String, Granted> {
    let whole = |app: AppId| {
        let def = schema.app(app);
        (0..def.kinds.len()).all(|k| def.manages_all_of(KindId(k as u32)))
    };
    let apps: Vec<bool> = (0..schema.apps.len()).map(|a| whole(AppId(a as u32))).collect();
    if memory.granted.is_empty() && apps.iter().all(|whole| *whole) {
        return BTreeMap::new();
    }
    let mut changes: BTreeMap<&str, Changes<'_>> = BTreeMap::new();
    for action in plan.actions().filter(|a| runs(*a)) {
        match action.kind() {
            ActionKind::Grant => {
                let Some((app, kind, _)) = known(schema, action) else { continue };
                if !schema.app(app).manages_all_of(kind) {
                    changes.entry(action.identity()).or_default().grants.push(action);
                }
            }
            ActionKind::Revoke | ActionKind::DeleteAccount => {
                changes.entry(action.identity()).or_default().takes.push(action);
            }
            ActionKind::CreateAccount
            | ActionKind::RenameAccount
            | ActionKind::UpdateAccount
            | ActionKind::EnableAccount
            | ActionKind::DisableAccount
            | ActionKind::KillSessions
            | ActionKind::WriteBack => {}
        }
    }
    let mut after: BTreeMap<String, Granted> = BTreeMap::new();
    for (id, granted) in &memory.granted {
        let takes = changes.get(id.as_str()).map_or(&[][..], |c| &c.takes);
        let left = left(schema, actual, id, granted, takes);
        if !left.is_empty() {
            after.insert(id.clone(), left);
        }
    }
    for (id, of) in changes.iter().filter(|(_, of)| !of.grants.is_empty()) {
        let granted = after.entry((*id).to_owned()).or_default();
        for action in &of.grants {
            let Some((app, kind, value)) = known(schema, *action) else { continue };
            let def = schema.app(app);
            granted.give(&def.name, &def.kinds[kind.index()].name, value, folds(schema, app, kind));
        }
    }
    after
}

/// App, kind and value of a grant or revoke.
fn known<'p>(schema: &Schema, action: ActionView<'p>) -> Option<(AppId, KindId, &'p str)> {
    let (kind, value) = action.entitlement()?;
    let (app, kind) = named(schema, action.app(), kind)?;
    Some((app, kind, value))
}

fn named(schema: &Schema, app: &str, kind: &str) -> Option<(AppId, KindId)> {
    let app = AppId(schema.apps.iter().position(|a| a.name == app)? as u32);
    let kind = schema.app(app).kinds.iter().position(|k| k.name == kind)?;
    Some((app, KindId(kind as u32)))
}

/// What of that which someone was granted is still held once something has been taken.
fn left(schema: &Schema, actual: &Actual, id: &str, granted: &Granted, takes: &[ActionView<'_>]) -> Granted {
    let row = actual.ids.find(id);
    // Of whom a row can't be read it is not known what they hold no more.
    let unreadable = actual.unreadable.binary_search_by(|x| (**x).cmp(id)).is_ok();
    let mut held: Vec<&Entitlement> = row
        .map_or(&[][..], |row| actual.holdings.get(row))
        .iter()
        .map(|&e| actual.entitlements.get(e))
        .collect();
    held.sort_unstable_by_key(|e| (e.app, e.kind));
    let mut left = Granted::default();
    for (app_name, kind_name, value) in granted.iter() {
        let Some((app, kind)) = named(schema, app_name, kind_name) else {
            // Of what the policy does not know the actual state says nothing.
            left.give(app_name, kind_name, value, false);
            continue;
        };
        let folds = folds(schema, app, kind);
        let start = held.partition_point(|e| (e.app, e.kind) < (app, kind));
        let of_kind = held[start..].iter().take_while(|e| (e.app, e.kind) == (app, kind));
        if !unreadable && !any_is(of_kind.map(|e| &*e.value), value, folds) {
            continue;
        }
        let revoked = takes.iter().filter(|t| t.app() == app_name).filter_map(|t| t.entitlement());
        let revoked = any_is(revoked.filter(|(k, _)| *k == kind_name).map(|(_, v)| v), value, folds);
        let accounts = row.map_or(&[][..], |row| actual.accounts.get(row));
        let deleted = |name: &str| {
            let of = takes.iter().filter(|t| t.kind() == ActionKind::DeleteAccount);
            of.into_iter().any(|t| t.app() == app_name && t.account() == Some(name))
        };
        let mut accounts = accounts.iter().filter(|a| a.app == app).peekable();
        let gone = accounts.peek().is_some() && accounts.all(|a| deleted(&a.name));
        if !revoked && !gone {
            left.give(app_name, kind_name, value, folds);
        }
    }
    left
}

/// Whether one of these is the same value; spelled alike most often, so that folding comes last.
fn any_is<'v>(mut all: impl Iterator<Item = &'v str> + Clone, value: &str, folds: bool) -> bool {
    if !folds {
        return all.any(|v| v == value);
    }
    all.clone().any(|v| v == value) || {
        let folded = fold(value);
        all.any(|v| fold(v) == folded)
    }
}
