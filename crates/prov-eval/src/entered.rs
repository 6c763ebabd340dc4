//! `keep entitlements`: what someone held when they entered a state that keeps it (language.md 11.13).
//! Invariant: what was held on entry is memory's word, or where memory has none what is observed now; no step that is
//! taken changes it. Only what is Prov's to take away is kept here: the rest stays by itself.

use crate::grants::Granted;
use crate::interp::{Interp, Subject};
use prov_model::{AppId, Date, EntId, Entered, Holding, KindId, Since, fold, nfc};

/// [`Granted::rule`] of what a state keeps.
pub(crate) const BY_STATE: u32 = u32::MAX - 1;

/// Something that was held on entry.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub entitlement: EntId,
    pub app: AppId,
    pub kind: KindId,
    pub roles: Vec<String>,
}

/// What was held on entering the state at hand.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub since: Since,
    pub facts: Vec<Fact>,
}

/// Of the identity at hand, once looked up: what was held on entry, where its state keeps that and it is known.
#[derive(Default)]
pub(crate) struct EntryOf(Option<Option<Entry>>);

impl EntryOf {
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

/// Something held on entry, for an explanation.
#[derive(Clone, Debug)]
pub(crate) struct KeptByState {
    pub entitlement: EntId,
    pub since: Date,
    /// Roles that were given by hand, of which no assignment is left.
    pub ended: Vec<String>,
}

impl<'a> Interp<'a> {
    pub(crate) fn global_id(&self) -> String {
        let Subject::Identity(ty, row) = self.subject else { return String::new() };
        let key = self.world.population.and_then(|p| p.of(ty).table.key(row)).unwrap_or("");
        self.world.program.schema.global_id(ty, key)
    }

    /// How much was held on entering the state at hand.
    pub(crate) fn entry_facts(&mut self) -> usize {
        if self.entered.0.is_none() {
            let found = self.find_entry();
            self.entered.0 = Some(found);
        }
        self.entry().map_or(0, |e| e.facts.len())
    }

    /// The entry into the state at hand, once looked up.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.entered.0.as_ref()?.as_ref()
    }

    fn find_entry(&mut self) -> Option<Entry> {
        let Subject::Identity(ty, row) = self.subject else { return None };
        let background = self.world.background?;
        let schema = &self.world.program.schema;
        let lifecycle = schema.identity(ty).lifecycle.as_ref().filter(|l| l.keeps())?;
        let state = self.state_of(ty, row).ok()?;
        let def = lifecycle.defs.get(state as usize).filter(|d| d.keeps_any())?;
        let id = self.global_id();
        let known = background.memory.entered.get(&id);
        let mut facts = Vec::new();
        if let Some((since, known)) = known.and_then(|k| Some((k.within.as_ref()?, k)))
            && since.state == def.name
        {
            for holding in &known.held {
                // Of an app or a kind that is no more, nothing can be held.
                let Some((app, kind)) = self.place(holding) else { continue };
                if def.keeps(app) {
                    let entitlement = self.interner.intern(self.shape, app, kind, &nfc(&holding.value));
                    facts.push(Fact { entitlement, app, kind, roles: holding.roles.clone() });
                }
            }
            return Some(Entry { since: since.clone(), facts });
        }
        let actual = background.actual.as_ref()?;
        let position = actual.ids.find(&id);
        for &held in position.map_or(&[][..], |p| actual.holdings.get(p)) {
            let item = actual.entitlements.get(held);
            if !def.keeps(item.app)
                || !(schema.manages(item.app, item.kind, &item.value) || self.gave(&id, item))
            {
                continue;
            }
            let roles = known.and_then(|k| self.roles_of(k, item)).unwrap_or_default();
            let entitlement = self.interner.intern(self.shape, item.app, item.kind, &nfc(&item.value));
            facts.push(Fact { entitlement, app: item.app, kind: item.kind, roles });
        }
        let since = Since { state: def.name.clone(), since: self.clock.today };
        Some(Entry { since, facts })
    }

    /// Whether memory says that Prov granted something, and may take it away.
    fn gave(&self, id: &str, item: &prov_model::Entitlement) -> bool {
        let schema = &self.world.program.schema;
        let (app, kind) = (schema.app(item.app), schema.kind(item.app, item.kind));
        let granted = self.world.background.and_then(|b| b.memory.granted.get(id));
        let folds = self.shape.folds(item.app, item.kind);
        !kind.irrevocable && granted.is_some_and(|g| g.has(&app.name, &kind.name, &item.value, folds))
    }

    fn place(&self, holding: &Holding) -> Option<(AppId, KindId)> {
        let apps = &self.world.program.schema.apps;
        let app = apps.iter().position(|a| a.name == holding.app)?;
        let kind = apps[app].kinds.iter().position(|k| k.name == holding.kind)?;
        Some((AppId(app as u32), KindId(kind as u32)))
    }

    /// The roles through which something came, by what memory says of the time before.
    fn roles_of(&self, known: &Entered, item: &prov_model::Entitlement) -> Option<Vec<String>> {
        let folds = self.shape.folds(item.app, item.kind);
        let same = |h: &&Holding| {
            self.place(h) == Some((item.app, item.kind))
                && (*h.value == *item.value || folds && fold(&h.value) == fold(&item.value))
        };
        known.by_hand.iter().chain(&known.held).find(same).map(|h| h.roles.clone())
    }

    /// Whether assignments give, or gave, the identity at hand anything.
    pub(crate) fn is_given_anything(&self) -> bool {
        !self.rows_by_hand().is_empty()
            || self.world.background.is_some_and(|b| {
                !b.memory.entered.is_empty() && b.memory.entered.contains_key(&self.global_id())
            })
    }

    /// The roles by which memory says that something came.
    pub(crate) fn roles_before(&self, id: EntId) -> Vec<String> {
        let Some(background) = self.world.background else { return Vec::new() };
        let known = background.memory.entered.get(&self.global_id());
        known.and_then(|k| self.roles_of(k, self.interner.entitlements.get(id))).unwrap_or_default()
    }

    /// Adds what the state keeps of a kind (of all, where none is named).
    pub(crate) fn add_entered(&mut self, of: Option<(AppId, KindId)>, grants: &mut Vec<Granted>) {
        for number in 0..self.entry_facts() {
            let Some(fact) = self.entry().and_then(|e| e.facts.get(number)) else { continue };
            if of.is_none_or(|of| of == (fact.app, fact.kind)) && self.is_left(fact) {
                grants.push(Granted {
                    entitlement: fact.entitlement,
                    rule: BY_STATE,
                    grant: number as u32,
                    instance: 0,
                });
            }
        }
    }

    /// Whether what gave it was no assignment, or one that has not ended, of a role that nobody denies.
    fn is_left(&self, fact: &Fact) -> bool {
        fact.roles.is_empty() || fact.roles.iter().any(|role| self.is_given_still(role))
    }

    /// What is to be remembered. `held` is what is held now, `by_hand` what of it assignments alone give.
    pub(crate) fn entered_after(&mut self, by_hand: Vec<Holding>) -> Entered {
        self.entry_facts();
        let mut held: Vec<Holding> = Vec::new();
        if let Some(entry) = self.entry() {
            held = entry.facts.iter().map(|f| self.holding(f.entitlement, f.roles.clone())).collect();
            held.sort();
            held.dedup();
        }
        Entered { within: self.entry().map(|e| e.since.clone()), held, by_hand }
    }

    pub(crate) fn holding(&self, id: EntId, roles: Vec<String>) -> Holding {
        let item = self.interner.entitlements.get(id);
        let schema = &self.world.program.schema;
        Holding {
            app: schema.app(item.app).name.clone(),
            kind: schema.kind(item.app, item.kind).name.clone(),
            value: item.value.to_string(),
            roles,
        }
    }

    /// What was held on entry, and what has ended of it.
    pub(crate) fn kept_by_state(&mut self) -> Vec<KeptByState> {
        self.entry_facts();
        let Some(entry) = self.entry() else { return Vec::new() };
        let of = |fact: &Fact| KeptByState {
            entitlement: fact.entitlement,
            since: entry.since.since,
            ended: if self.is_left(fact) { Vec::new() } else { fact.roles.clone() },
        };
        entry.facts.iter().map(of).collect()
    }
}
