//! What a state keeps (items.md, "lifecycle"; files.md, "Memory").
//! Invariant: what was held on entry is what memory says, else what is held now and is Prov's to take away.

use crate::actual::Actual;
use crate::decide::{Decision, leaver, verb};
use crate::entitlement::{Ent, compared};
use crate::eval::{Eval, Res, Scope, Stop};
use crate::instances::Inst;
use crate::pattern;
use crate::value::{Ty, nfc};
use crate::world::World;
use prov_model::{Date, Entered, Holding, Memory, Since};
use prov_syntax::ast::{self, VerbKind};
use std::collections::BTreeSet;

/// What was held on entering the state at hand.
#[derive(Clone)]
pub(crate) struct Entry {
    pub state: String,
    pub since: Date,
    pub held: Vec<Kept>,
}

/// Something that was held, and the roles of the assignments that alone gave it.
#[derive(Clone)]
pub(crate) struct Kept {
    pub ent: Ent,
    pub roles: Vec<String>,
}

/// Whether a state keeps what is held in an app.
pub(crate) fn keeps(state: &ast::State, app: &str) -> bool {
    !leaver(state) && reaches(state, VerbKind::KeepEntitlements, VerbKind::DropEntitlements, app)
}

/// Whether a verb reaches an app; where its contrary does too, the one that names the app counts.
pub(crate) fn reaches(state: &ast::State, kind: VerbKind, contrary: VerbKind, app: &str) -> bool {
    let named = |v: &ast::Verb| v.apps.iter().any(|a| a.text == crate::policy::declared(app));
    verb(state, kind, app).is_some_and(|v| verb(state, contrary, app).is_none() || named(v))
}

pub(crate) fn keeps_any(state: &ast::State) -> bool {
    !leaver(state) && state.verbs.iter().any(|v| v.kind == VerbKind::KeepEntitlements)
}

impl<'a> World<'a> {
    /// A state as a cause.
    pub(crate) fn state_cause(&self, of: &str, state: &ast::State) -> crate::cause::Cause {
        self.trees.cause("lifecycle", format!("{of}.{}", state.name.text), state.name.span, &[])
    }

    /// Notes what everyone held when they entered the state that they are in.
    pub(crate) fn note_entries(&mut self, actual: &Actual, memory: &Memory) -> Result<(), Stop> {
        let mut entries = Vec::new();
        for person in 0..self.people.len() {
            entries.push(self.entry_of(person, actual, memory)?);
        }
        self.entries = entries;
        Ok(())
    }

    fn entry_of(&self, person: usize, actual: &Actual, memory: &Memory) -> Result<Option<Entry>, Stop> {
        let eval = Eval::new(self);
        let state = match eval.state(person) {
            Ok(state) => state,
            Err(Stop::Unknown) => return Ok(None),
            Err(stop) => return Err(stop),
        };
        let Some(def) = eval.state_def(person, state).filter(|s| keeps_any(s)) else { return Ok(None) };
        let id = &self.people[person].id;
        let before = memory.entered.get(id);
        if let Some((known, within)) = before.and_then(|k| Some((k, k.within.as_ref()?)))
            && within.state == def.name.text
        {
            let mut held = Vec::new();
            for one in &known.held {
                if let Some(ent) = self.ent_of_memory(one).filter(|e| keeps(def, &e.app)) {
                    held.push(Kept { ent, roles: one.roles.clone() });
                }
            }
            return Ok(Some(Entry { state: within.state.clone(), since: within.since, held }));
        }
        let mut held = Vec::new();
        for ent in actual.held.get(id).map_or(&[][..], Vec::as_slice) {
            if keeps(def, &ent.app) && (self.is_managed(ent)? || self.was_granted(id, ent, memory)) {
                // What is kept is spelled as values are, however the app spells it.
                let ent = Ent { value: nfc(&ent.value), ..ent.clone() };
                held.push(Kept { roles: self.roles_before(before, &ent), ent });
            }
        }
        Ok(Some(Entry { state: def.name.text.clone(), since: self.today, held }))
    }

    /// Whether Prov granted something that it may take away.
    fn was_granted(&self, id: &str, ent: &Ent, memory: &Memory) -> bool {
        let Some(kind) = self.policy.app(&ent.app).and_then(|a| a.kind(&ent.kind)) else { return false };
        let mut granted = memory.granted.get(id).into_iter().flat_map(prov_model::Granted::iter);
        let same = |(a, k, v): (&str, &str, &str)| {
            a == ent.app && k == ent.kind && compared(kind, v) == ent.compared
        };
        !kind.irrevocable && granted.any(same)
    }

    pub(crate) fn ent_of_memory(&self, one: &Holding) -> Option<Ent> {
        let kind = self.policy.app(&one.app)?.kind(&one.kind)?;
        let value = nfc(&one.value);
        let compared = compared(kind, &value);
        Some(Ent { app: one.app.clone(), kind: one.kind.clone(), value, compared })
    }

    fn roles_before(&self, known: Option<&Entered>, ent: &Ent) -> Vec<String> {
        let mut all = known.into_iter().flat_map(|k| k.by_hand.iter().chain(&k.held));
        let same = |h: &&Holding| {
            self.ent_of_memory(h)
                .is_some_and(|e| (&e.app, &e.kind, &e.compared) == (&ent.app, &ent.kind, &ent.compared))
        };
        all.find(same).map(|h| h.roles.clone()).unwrap_or_default()
    }

    /// Whether an entitlement is one that Prov may take away (items.md, "managed").
    pub(crate) fn is_managed(&self, ent: &Ent) -> Result<bool, Stop> {
        let Some(app) = self.policy.app(&ent.app) else { return Ok(false) };
        let kind = app.kind(&ent.kind);
        let folds = kind.is_some_and(|k| k.types.contains(&Ty::Text));
        let mut managed = false;
        for part in &app.managed {
            let of = part.kind.as_ref().is_none_or(|k| k.text == ent.kind);
            managed |=
                of && part.pattern.as_ref().map_or(Ok(true), |p| pattern::matches(p, &ent.value, folds))?;
        }
        Ok(managed && !kind.is_some_and(|k| k.irrevocable))
    }
}

impl<'a> Eval<'_, 'a> {
    /// What the state keeps of what was held: all but what came by assignments alone that have ended.
    pub(crate) fn state_keeps(&self, person: usize, place: &dyn Fn(&str, &str) -> bool) -> Res<Vec<Ent>> {
        let mut out = Vec::new();
        let Some(entry) = self.world.entries.get(person).and_then(Option::as_ref) else { return Ok(out) };
        // At another moment it may be another state.
        let state = match self.state(person) {
            Ok(state) => state,
            Err(Stop::Unknown) => return Ok(out),
            Err(stop) => return Err(stop),
        };
        if self.state_def(person, state).is_none_or(|s| s.name.text != entry.state) {
            return Ok(out);
        }
        for kept in entry.held.iter().filter(|k| place(&k.ent.app, &k.ent.kind)) {
            let mut left = kept.roles.is_empty();
            for role in &kept.roles {
                left |= self.is_given_still(person, role)?;
            }
            if left {
                out.push(kept.ent.clone());
            }
        }
        Ok(out)
    }

    /// Whether an assignment of a role has begun and not ended.
    fn is_given_still(&self, person: usize, role: &str) -> Res<bool> {
        let Some((rule, inst)) = self.world.inst_named(role) else { return Ok(false) };
        let inst = inst.unwrap_or_else(|| Inst::plain(rule));
        let Some(limits) = rule.requestable.filter(|_| rule.params.is_empty() == inst.key.is_none()) else {
            return Ok(false);
        };
        if !self.world.denials_of_role(person, &inst).is_empty() {
            return Ok(false);
        }
        let at_most = match &limits.at_most {
            Some(e) => Some(self.eval(e, &Scope::default(), None)?),
            None => None,
        };
        let id = &self.world.people[person].id;
        for row in self.world.hand.assignments.iter().filter(|a| a.identity == *id && a.role == rule.name) {
            if inst.key.is_some() && self.inst_of_row(rule, row).is_none_or(|i| !i.is(&inst)) {
                continue;
            }
            let latest = match (row.from, &at_most) {
                (Some(from), Some(by)) => self.world.later(from, by),
                _ => None,
            };
            let ended = row.until.or(latest).is_some_and(|end| self.world.has_come(end));
            if !ended && row.from.is_none_or(|from| self.world.has_come(from)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether forbids leave something that is kept; no catalog takes it away.
    pub(crate) fn is_left(&self, person: usize, ent: Ent) -> Res<bool> {
        let ent = self.spelled(ent).unwrap_or_else(|(ent, _)| ent);
        Ok(self.forbidden(person, &ent)? == Some(false))
    }

    /// What is to be remembered of who has been decided for.
    pub(crate) fn entered_after(
        &self,
        person: usize,
        decision: &Decision,
        memory: &Memory,
    ) -> Res<Option<Entered>> {
        let of = self.world.people[person].of.as_str();
        let states = self.world.policy.lifecycles.get(of).map_or(&[][..], |l| l.1);
        if decision.leaver || !states.iter().any(keeps_any) {
            return Ok(None);
        }
        let mut after = Entered::default();
        let holding = |ent: &Ent, roles| Holding {
            app: ent.app.clone(),
            kind: ent.kind.clone(),
            value: ent.value.clone(),
            roles,
        };
        if let Some(entry) = self.world.entries.get(person).and_then(Option::as_ref) {
            after.within = Some(Since { state: entry.state.clone(), since: entry.since });
            after.held = entry.held.iter().map(|k| holding(&k.ent, k.roles.clone())).collect();
            after.held.sort();
        }
        let before = memory.entered.get(&self.world.people[person].id);
        for ent in &decision.entitlements {
            let roles = match self.roots(person, ent)? {
                None => self.world.roles_before(before, ent),
                Some(roles) => roles,
            };
            if !roles.is_empty() {
                after.by_hand.push(holding(ent, roles));
            }
        }
        after.by_hand.sort();
        Ok((after != Entered::default()).then_some(after))
    }

    /// The roles of the assignments that give something, where nothing else does; none where no rule gives it.
    fn roots(&self, person: usize, ent: &Ent) -> Res<Option<Vec<String>>> {
        let (mut given, mut otherwise, mut roles) = (false, false, BTreeSet::new());
        for rule in &self.world.policy.rules {
            for (inst, is) in self.had(person, rule)?.list {
                if is != Some(true) || self.lines_that_give(person, &inst, ent)?.is_empty() {
                    continue;
                }
                given = true;
                for root in &self.world.policy.rules {
                    let (own, by_hand) = self.roots_of(person, root)?;
                    let leads =
                        |from: &Inst| Ok(self.brought(person, from, true)?.iter().any(|i| i.is(&inst)));
                    otherwise |= own && leads(&Inst::plain(root))?;
                    for from in by_hand {
                        if leads(&from)? {
                            roles.insert(from.name());
                        }
                    }
                }
            }
        }
        Ok(match (given, otherwise) {
            (false, _) => None,
            (true, true) => Some(Vec::new()),
            (true, false) => Some(roles.into_iter().collect()),
        })
    }
}
