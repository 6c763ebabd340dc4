//! What the actual state would be once a plan is applied. Invariant: a plan of that state does nothing more, but where
//! an account's name was free only after this plan.

use crate::diff::folds;
use crate::{ActionKind, ActionView, Plan};
use prov_model::{Account, AccountOrigin, Actual, AppId, Csr, Entitlements, Ids, KindId, Schema, fold};
use std::collections::BTreeMap;

/// One identity's accounts and entitlements.
#[derive(Default)]
struct Person {
    accounts: Vec<Account>,
    holdings: Vec<(AppId, KindId, Box<str>)>,
}

/// Applies a plan to an actual state: in the plan's order, without the actions of apps in mode `report`. What an action
/// speaks of and is not there is left out.
pub fn apply_to(schema: &Schema, plan: &Plan, actual: &Actual) -> Actual {
    apply_if(schema, plan, actual, |action| !action.is_report())
}

/// The same, of those actions that `runs` holds for.
pub fn apply_if(
    schema: &Schema,
    plan: &Plan,
    actual: &Actual,
    runs: impl Fn(ActionView<'_>) -> bool,
) -> Actual {
    let mut people: BTreeMap<&str, Person> = BTreeMap::new();
    for (row, id) in actual.ids.iter().enumerate() {
        let holdings = actual.holdings.get(row).iter().map(|&e| {
            let e = actual.entitlements.get(e);
            (e.app, e.kind, e.value.clone())
        });
        let person = Person { accounts: actual.accounts.get(row).to_vec(), holdings: holdings.collect() };
        people.insert(id, person);
    }
    let mut orphans = actual.orphans.clone();
    for action in plan.actions().filter(|a| runs(*a)) {
        if let Some(app) = schema.apps.iter().position(|a| a.name == action.app()) {
            let app = AppId(app as u32);
            let person = people.entry(action.identity()).or_default();
            // What is done to an account of nobody shows whose it is.
            if let Some(at) = orphans.iter().position(|o| o.app == app && action.account() == Some(&*o.name))
            {
                person.accounts.push(orphans.remove(at));
            }
            person.apply(schema, app, action);
        }
    }
    let mut after = Actual {
        orphans,
        rejections: actual.rejections.clone(),
        unreadable: actual.unreadable.clone(),
        accounts: Csr::default(),
        holdings: Csr::default(),
        ids: Ids::default(),
        entitlements: Entitlements::default(),
    };
    for (id, mut person) in people {
        if person.accounts.is_empty() && person.holdings.is_empty() {
            continue;
        }
        person.accounts.sort_by(|a, b| (a.app, &a.name).cmp(&(b.app, &b.name)));
        let ids = &mut after.entitlements;
        let mut held: Vec<_> = person
            .holdings
            .iter()
            .map(|(app, kind, value)| ids.intern(*app, *kind, value, folds(schema, *app, *kind)))
            .collect();
        held.sort_by_key(|&e| ids.same_as(e));
        held.dedup_by_key(|e| ids.same_as(*e));
        after.ids.push(id);
        after.accounts.push(person.accounts);
        after.holdings.push(held);
    }
    after
}

impl Person {
    fn apply(&mut self, schema: &Schema, app: AppId, action: ActionView<'_>) {
        let name = action.account();
        let block = schema.app(app).account.as_ref();
        let fields = block.map_or(&[][..], |b| &b.attributes);
        let to = |attribute: &str| {
            let change = action.changes().iter().find(|c| *c.attribute == *attribute)?;
            Some(change.to.clone().unwrap_or_default())
        };
        match action.kind() {
            ActionKind::CreateAccount => self.accounts.push(Account {
                app,
                name: name.unwrap_or("").into(),
                enabled: to("enabled").is_none_or(|e| *e == *"true"),
                attributes: fields.iter().map(|f| Some(to(&f.name).unwrap_or_default())).collect(),
                keys: Box::default(),
                origin: AccountOrigin::default(),
            }),
            ActionKind::DeleteAccount => {
                self.accounts.retain(|a| a.app != app || name.is_some_and(|n| *a.name != *n));
                if self.accounts.iter().all(|a| a.app != app) {
                    self.holdings.retain(|h| h.0 != app);
                }
            }
            ActionKind::RenameAccount | ActionKind::UpdateAccount => {
                let Some(account) = self.account(app, name) else { return };
                for (i, field) in fields.iter().enumerate() {
                    let Some(value) = to(&field.name) else { continue };
                    if action.kind() == ActionKind::RenameAccount {
                        account.name.clone_from(&value);
                    }
                    if let Some(attribute) = account.attributes.get_mut(i) {
                        *attribute = Some(value);
                    }
                }
            }
            ActionKind::EnableAccount | ActionKind::DisableAccount => {
                if let Some(account) = self.account(app, name) {
                    account.enabled = action.kind() == ActionKind::EnableAccount;
                }
            }
            ActionKind::Grant | ActionKind::Revoke => {
                let Some((kind, value)) = action.entitlement() else { return };
                let Some(kind) = schema.app(app).kinds.iter().position(|k| k.name == kind) else { return };
                let kind = KindId(kind as u32);
                let same = |held: &str| {
                    if folds(schema, app, kind) { fold(held) == fold(value) } else { held == value }
                };
                self.holdings.retain(|(a, k, v)| (*a, *k) != (app, kind) || !same(v));
                if action.kind() == ActionKind::Grant {
                    self.holdings.push((app, kind, value.into()));
                }
            }
            ActionKind::KillSessions | ActionKind::WriteBack => {}
        }
    }

    fn account(&mut self, app: AppId, name: Option<&str>) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|a| a.app == app && name == Some(&*a.name))
    }
}
