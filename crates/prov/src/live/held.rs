//! What everyone has and what is remembered of them, person by person, as of what was carried out.
//! Invariant: nobody of whom nothing was carried out differs from what there was when the session was opened.

use prov_model::{Account, Actual, Entitlement, Memory, Schema, Type};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone)]
pub(super) struct Held {
    actual: Arc<Actual>,
    memory: Arc<Memory>,
    /// Of whom something was carried out.
    since: FxHashMap<String, Since>,
}

#[derive(Clone)]
struct Since {
    accounts: Vec<Account>,
    entitlements: Vec<Entitlement>,
    memory: Arc<Memory>,
}

impl Held {
    pub fn new(actual: Arc<Actual>, memory: Arc<Memory>) -> Held {
        Held { actual, memory, since: FxHashMap::default() }
    }

    /// What there was when the session was opened.
    pub fn start(&self) -> Held {
        Held::new(self.actual.clone(), self.memory.clone())
    }

    /// The actual state when the session was opened.
    pub fn actual(&self) -> &Actual {
        &self.actual
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.actual.ids.find(id)
    }

    /// The accounts of somebody.
    pub fn accounts(&self, id: &str) -> &[Account] {
        match self.since.get(id) {
            Some(since) => &since.accounts,
            None => self.position(id).map_or(&[], |at| self.actual.accounts.get(at)),
        }
    }

    /// What some have, as an actual state of them alone. `ids` are sorted.
    pub fn actual_of(&self, schema: &Schema, ids: &[String]) -> Actual {
        let mut out = Actual::default();
        for id in ids {
            if let Ok(at) = self.actual.unreadable.binary_search_by(|known| (**known).cmp(id)) {
                out.unreadable.push(self.actual.unreadable[at].clone());
            }
            let (accounts, held): (&[Account], Vec<&Entitlement>) =
                match (self.since.get(id), self.position(id)) {
                    (Some(since), _) => (&since.accounts, since.entitlements.iter().collect()),
                    (None, Some(at)) => {
                        let held = self.actual.holdings.get(at).iter();
                        (
                            self.actual.accounts.get(at),
                            held.map(|e| self.actual.entitlements.get(*e)).collect(),
                        )
                    }
                    (None, None) => continue,
                };
            if accounts.is_empty() && held.is_empty() {
                continue;
            }
            let known = &mut out.entitlements;
            let mut list: Vec<_> =
                held.iter().map(|e| known.intern(e.app, e.kind, &e.value, folds(schema, e))).collect();
            list.sort_by_key(|e| known.same_as(*e));
            out.ids.push(id.as_str());
            out.accounts.push(accounts.iter().cloned());
            out.holdings.push(list);
        }
        out
    }

    /// What is remembered of some.
    pub fn memory_of(&self, ids: &[String]) -> Memory {
        let mut out = Memory { version: self.memory.version, at: self.memory.at, ..Memory::default() };
        for id in ids {
            let of = self.since.get(id).map_or(&self.memory, |s| &s.memory);
            copy(&of.states, &mut out.states, id);
            copy(&of.missing, &mut out.missing, id);
            copy(&of.keeps, &mut out.keeps, id);
            copy(&of.granted, &mut out.granted, id);
            copy(&of.entered, &mut out.entered, id);
            copy(&of.good, &mut out.good, id);
        }
        out
    }

    /// Takes what some have, and what is remembered of them, from now on.
    pub fn take(&mut self, ids: &[String], actual: &Actual, memory: Memory) {
        let memory = Arc::new(memory);
        for id in ids {
            let at = actual.ids.find(id);
            let held = at.map_or(&[][..], |at| actual.holdings.get(at)).iter();
            let since = Since {
                accounts: at.map_or_else(Vec::new, |at| actual.accounts.get(at).to_vec()),
                entitlements: held.map(|e| actual.entitlements.get(*e).clone()).collect(),
                memory: memory.clone(),
            };
            self.since.insert(id.clone(), since);
        }
    }
}

fn copy<V: Clone>(from: &BTreeMap<String, V>, to: &mut BTreeMap<String, V>, id: &str) {
    if let Some(value) = from.get(id) {
        to.insert(id.to_owned(), value.clone());
    }
}

fn folds(schema: &Schema, e: &Entitlement) -> bool {
    schema.kind(e.app, e.kind).types.contains(&Type::Text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prov_model::{Csr, Entitlements};

    #[test]
    fn of_whom_nothing_was_carried_out_nothing_is_otherwise() {
        let mut entitlements = Entitlements::default();
        let e = entitlements.intern(prov_model::AppId(0), prov_model::KindId(0), "a", false);
        let mut holdings = Csr::default();
        holdings.push([e]);
        let mut accounts = Csr::default();
        accounts.push([]);
        let actual = Actual {
            ids: ["1"].into_iter().collect(),
            holdings,
            accounts,
            entitlements,
            ..Actual::default()
        };
        let mut held = Held::new(Arc::new(actual), Arc::default());
        held.take(&["2".to_owned()], &Actual::default(), Memory::default());
        assert!(held.position("1").is_some() && held.since.contains_key("2"));
        assert!(held.start().since.is_empty());
    }
}
