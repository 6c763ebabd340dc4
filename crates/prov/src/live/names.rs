//! Who wants a name for an account that somebody else wants or has: their plans hang together.
//! Invariant: whoever stands in the way of a name that one of some wants is planned for beside them.

use super::Group;
use super::held::Held;
use prov_eval::live::{Session, Who};
use prov_model::{Account, Actual, AppId, Background, Desired, DesiredAccount, Schema};
use rustc_hash::{FxHashMap, FxHasher};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A name in an app.
pub(super) type Name = (AppId, Box<str>);

#[derive(Default)]
pub(super) struct Names {
    /// Whether accounts have names at all.
    any: bool,
    /// Who had an account of a name when the session was opened: hash and position, sorted.
    had: Vec<(u64, u32)>,
    /// Who got one since.
    got: FxHashMap<u64, Vec<String>>,
    orphans: FxHashMap<Name, Account>,
    /// Who wants which name and does not have it.
    wishes: FxHashMap<Name, BTreeSet<String>>,
    wishes_of: FxHashMap<String, Vec<Name>>,
}

fn hash(app: AppId, name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    (app.0, name).hash(&mut hasher);
    hasher.finish()
}

/// The names that somebody is to have and does not have.
fn wanted(desired: &[DesiredAccount], has: &[Account]) -> Vec<Name> {
    let wanted = desired.iter().filter(|d| d.wanted).filter_map(|d| Some((d.app, d.attributes.first()?)));
    wanted
        .filter(|(app, name)| !name.is_empty() && !has.iter().any(|a| a.app == *app && a.name == **name))
        .map(|(app, name)| (app, name.clone()))
        .collect()
}

impl Names {
    pub fn of(schema: &Schema, desired: &Desired, actual: &Actual) -> Names {
        let any = schema.apps.iter().any(|a| a.account.is_some());
        let mut names = Names { any, ..Names::default() };
        if !names.any {
            return names;
        }
        for (row, _) in actual.ids.iter().enumerate() {
            names.had.extend(actual.accounts.get(row).iter().map(|a| (hash(a.app, &a.name), row as u32)));
        }
        names.had.sort_unstable();
        names.orphans = actual.orphans.iter().map(|o| ((o.app, o.name.clone()), o.clone())).collect();
        for (position, id) in desired.ids.iter().enumerate() {
            let at = actual.ids.find(id);
            let has = at.map_or(&[][..], |at| actual.accounts.get(at));
            let wanted = wanted(desired.accounts.get(position), has);
            names.wish(id, wanted);
        }
        names
    }

    fn wish(&mut self, id: &str, wanted: Vec<Name>) {
        for name in self.wishes_of.remove(id).into_iter().flatten() {
            if let Some(who) = self.wishes.get_mut(&name) {
                who.remove(id);
            }
        }
        for name in &wanted {
            self.wishes.entry(name.clone()).or_default().insert(id.to_owned());
        }
        if !wanted.is_empty() {
            self.wishes_of.insert(id.to_owned(), wanted);
        }
    }

    /// Who has an account of a name.
    fn owners(&self, (app, name): &Name, held: &Held) -> Vec<String> {
        let hash = hash(*app, name);
        let from = self.had.partition_point(|h| h.0 < hash);
        let had = self.had[from..].iter().take_while(|h| h.0 == hash);
        let mut owners: Vec<String> = had.map(|h| held.actual().ids[h.1 as usize].to_string()).collect();
        owners.extend(self.got.get(&hash).into_iter().flatten().cloned());
        owners.retain(|id| held.accounts(id).iter().any(|a| a.app == *app && a.name == *name));
        owners
    }

    /// Adds to some whoever they get into the way of, or who gets into theirs; their wishes are noted.
    pub fn close(&mut self, some: &mut Group, session: &Session, held: &Held, schema: &Schema) {
        if !self.any {
            return;
        }
        let mut done: BTreeSet<String> = BTreeSet::new();
        for id in some.gone.clone() {
            let before = self.wishes_of.get(&id).cloned().unwrap_or_default();
            self.wish(&id, Vec::new());
            before.iter().for_each(|name| self.add_wishers(name, some, session, schema));
            done.insert(id);
        }
        for (id, names) in self.spread(some, session, held, schema, &mut done) {
            self.wish(&id, names);
        }
    }

    /// The same, for what there was at another time: nothing is noted.
    pub fn join(&self, some: &mut Group, session: &Session, held: &Held, schema: &Schema) {
        if self.any {
            self.spread(some, session, held, schema, &mut BTreeSet::new());
        }
    }

    /// Gives the names that each wants and does not have.
    fn spread(
        &self,
        some: &mut Group,
        session: &Session,
        held: &Held,
        schema: &Schema,
        done: &mut BTreeSet<String>,
    ) -> Vec<(String, Vec<Name>)> {
        let mut found = Vec::new();
        loop {
            let mut next: Vec<Who> = some.people.clone();
            next.retain(|who| !done.contains(&session.id(*who)));
            if next.is_empty() {
                break;
            }
            next.sort_by_cached_key(|who| session.id(*who));
            next.dedup();
            let ids: Vec<String> = next.iter().map(|who| session.id(*who)).collect();
            let background = Background {
                memory: Arc::new(held.memory_of(&ids)),
                actual: Some(Arc::new(held.actual_of(schema, &ids))),
                ..session.background().clone()
            };
            let wishes: Vec<Vec<Name>> = session.decide(&next, &background, |desired, _| {
                let of = |(at, id): (usize, &String)| wanted(desired.accounts.get(at), held.accounts(id));
                ids.iter().enumerate().map(of).collect()
            });
            for (id, names) in ids.into_iter().zip(wishes) {
                let mut touched = self.wishes_of.get(&id).cloned().unwrap_or_default();
                touched.extend(names.iter().cloned());
                for name in &names {
                    for owner in self.owners(name, held).into_iter().filter(|owner| *owner != id) {
                        add(&owner, some, session, schema);
                    }
                    some.names.insert(name.clone());
                }
                touched.iter().for_each(|name| self.add_wishers(name, some, session, schema));
                done.insert(id.clone());
                found.push((id, names));
            }
        }
        some.people.sort_by_cached_key(|who| session.id(*who));
        some.people.dedup();
        found
    }

    fn add_wishers(&self, name: &Name, some: &mut Group, session: &Session, schema: &Schema) {
        for id in self.wishes.get(name).into_iter().flatten() {
            add(id, some, session, schema);
        }
    }

    /// The accounts of nobody that stand in the way of some.
    pub fn orphans(&self, some: &Group) -> Vec<Account> {
        some.names.iter().filter_map(|name| self.orphans.get(name)).cloned().collect()
    }

    /// Notes who has which name now.
    pub fn carried_out(&mut self, ids: &[String], held: &Held) {
        for id in ids {
            for account in held.accounts(id) {
                let who = self.got.entry(hash(account.app, &account.name)).or_default();
                if !who.contains(id) {
                    who.push(id.clone());
                }
            }
        }
    }
}

fn add(id: &str, some: &mut Group, session: &Session, schema: &Schema) {
    match session.population().find(schema, id) {
        Some(who) if !some.people.contains(&who) => some.people.push(who),
        Some(_) => {}
        None => drop(some.gone.insert(id.to_owned())),
    }
}
