//! What is held for a while after its rule gives it no more (items.md, "grant").
//! Invariant: a keep is judged by what memory says and by the data of now; nothing is guessed of the time between but
//! what the rules say of its moments.

use crate::calendar;
use crate::cause::Cause;
use crate::entitlement::{Ent, compared, same};
use crate::eval::{Eval, Res, Scope, bug};
use crate::grants::Given;
use crate::instances::Inst;
use crate::value::{Value, nfc};
use crate::world::World;
use prov_model::{Elapsed, Instant, Keep, KeepFor};
use std::collections::BTreeMap;

/// Entitlements that are kept, and those of which an exception denies the role that gave them.
#[derive(Default)]
pub(crate) struct Kept {
    pub held: Vec<Ent>,
    pub denied: Vec<Ent>,
    /// The exceptions that deny them.
    pub denied_by: Vec<Cause>,
    /// The rules that gave what is kept.
    pub by_rule: Vec<String>,
    /// What the state keeps.
    pub by_state: Vec<Ent>,
}

impl<'a> World<'a> {
    /// What memory keeps for someone, where there still is such an entitlement.
    fn keeps_of(&self, person: usize) -> Vec<(usize, &Keep, Ent)> {
        let all = self.memory.keeps.get(&self.people[person].id).map_or(&[][..], Vec::as_slice);
        let known = all.iter().enumerate().filter_map(|(number, keep)| {
            let kind = self.policy.app(&keep.app)?.kind(&keep.kind)?;
            let value = nfc(&keep.value);
            let compared = compared(kind, &value);
            let ent = Ent { app: keep.app.clone(), kind: keep.kind.clone(), value, compared };
            Some((number, keep, ent))
        });
        known.collect()
    }

    /// The keeps of something as memory has them: rule and end.
    pub(crate) fn kept_as_remembered(&self, person: usize, ent: &Ent) -> Vec<(String, Option<Instant>)> {
        let all = self.keeps_of(person).into_iter().filter(|(_, _, of)| same(of, ent));
        all.map(|(_, keep, _)| (keep.rule.clone(), keep.until)).collect()
    }

    /// Whether the rule of a keep gives it; memory may spell the arguments of an instance otherwise.
    fn is_live(&self, keep: &Keep, ent: &Ent, given: &[Given<'_>]) -> bool {
        let Some((rule, inst)) = self.inst_named(&keep.rule) else { return false };
        let key = inst.and_then(|i| i.key);
        given.iter().any(|g| g.rule.rule == rule.name && g.rule.key == key && same(&g.ent, ent))
    }

    fn kept_until(&self, lost: Instant, keep: KeepFor) -> Instant {
        match keep {
            KeepFor::Calendar(d) => calendar::instant_plus(lost, d, &self.zone),
            KeepFor::Clock(Elapsed(e)) => Instant(lost.0.saturating_add(e)),
        }
    }

    /// Notes a moment at which something may turn, while a loss is being sought.
    pub(crate) fn note(&self, at: Instant) {
        if self.seeking {
            // What holds up to and including a moment turns right after it.
            self.noted.borrow_mut().extend([at, Instant(at.0.saturating_add(1))]);
        }
    }

    /// When a keep ends that its rule gives no more.
    fn ends(&self, person: usize, number: usize, keep: &Keep) -> Res<Instant> {
        if let Some(until) = keep.until {
            return Ok(until);
        }
        if self.seeking {
            return Ok(Instant(i64::MAX));
        }
        if let Some(known) = self.ends.borrow().get(&(person, number)) {
            return Ok(*known);
        }
        let ends = self.kept_until(self.lost(person, keep)?, keep.keep);
        self.ends.borrow_mut().insert((person, number), ends);
        Ok(ends)
    }

    /// The first moment after memory was kept, and before now, at which its rule does not give it; else now.
    fn lost(&self, person: usize, keep: &Keep) -> Res<Instant> {
        let Some(before) = self.memory.at.filter(|at| *at < self.now) else { return Ok(self.now) };
        let mut at = before;
        loop {
            let then = self.moved_to(at);
            let decision = Eval::new(&then).decide(person)?;
            let ent = self.keeps_of(person).into_iter().find(|(_, k, _)| *k == keep).map(|(_, _, e)| e);
            let Some(ent) = ent else { return Ok(self.now) };
            let gives = decision.held
                || (decision.entitlements.iter().any(|e| same(e, &ent))
                    && self.is_live(keep, &ent, &decision.given));
            if !gives {
                return Ok(if at == before { self.now } else { at });
            }
            then.note(calendar::instant_at(calendar::next_day(then.today), 0, 0, &then.zone));
            let next = then.noted.borrow().iter().copied().filter(|m| *m > at).min();
            match next.filter(|m| *m < self.now) {
                Some(next) => at = next,
                None => return Ok(self.now),
            }
        }
    }
}

impl<'a> Eval<'_, 'a> {
    /// What is kept of entitlements that are asked for; `given`: what rules give of them.
    pub(crate) fn kept(
        &self,
        person: usize,
        given: &[Given<'a>],
        asked: &dyn Fn(&Ent) -> Res<bool>,
    ) -> Res<Kept> {
        let mut kept = Kept::default();
        for (number, keep, ent) in self.world.keeps_of(person) {
            if !asked(&ent)? || self.world.is_live(keep, &ent, given) || self.blocked(person, &ent.app)? {
                continue;
            }
            let ends = self.world.ends(person, number, keep)?;
            self.world.note(ends);
            if ends <= self.world.now {
                continue;
            }
            match self.denying(person, &keep.rule) {
                Some(by) => {
                    kept.denied.push(ent);
                    kept.denied_by.push(by);
                }
                None => {
                    kept.held.push(ent);
                    kept.by_rule.push(keep.rule.clone());
                }
            }
        }
        Ok(kept)
    }

    /// An exception that denies the role by which a keep came, or one that brings that role.
    fn denying(&self, person: usize, named: &str) -> Option<Cause> {
        let (rule, inst) = self.world.inst_named(named)?;
        let own = inst.unwrap_or_else(|| Inst::plain(rule));
        let denial = |inst: &Inst| {
            self.world.denials_of_role(person, inst).into_iter().map(crate::why::exception).next()
        };
        // Of the roles that included it, which instance it was is not remembered.
        denial(&own).or_else(|| {
            let mut all = vec![rule.name];
            let mut at = 0;
            while at < all.len() {
                for by in self.brought_by(all[at]) {
                    if !all.contains(&by) {
                        all.push(by);
                    }
                }
                at += 1;
            }
            let others = all.into_iter().skip(1).filter_map(|name| self.world.policy.rule(name));
            others.into_iter().find_map(|rule| denial(&Inst::plain(rule)))
        })
    }

    /// The rules of keeps of an entitlement whose time is over.
    pub(crate) fn over(&self, person: usize, ent: &Ent) -> Res<Vec<String>> {
        let mut over = Vec::new();
        for (number, keep, of) in self.world.keeps_of(person) {
            if same(&of, ent)
                && !self.blocked(person, &ent.app)?
                && self.world.ends(person, number, keep)? <= self.world.now
            {
                over.push(keep.rule.clone());
            }
        }
        Ok(over)
    }

    /// What is to be remembered of keeps; `held`: what is held in the end.
    pub(crate) fn keeps_after(&self, person: usize, given: &[Given<'a>], held: &[Ent]) -> Res<Vec<Keep>> {
        let mut next: BTreeMap<(String, String, String, String), Keep> = BTreeMap::new();
        for g in given {
            let Some(d) = g.keep else { continue };
            let keep = match self.eval(d, &Scope::default(), None)? {
                Value::Duration(d) => KeepFor::Calendar(d),
                Value::Elapsed(e) => KeepFor::Clock(e),
                _ => return bug("`keep` what is no time"),
            };
            let ends = self.world.kept_until(self.world.now, keep);
            let Some(ent) = held.iter().find(|h| same(h, &g.ent)).filter(|_| ends > self.world.now) else {
                continue;
            };
            let key = (ent.app.clone(), ent.kind.clone(), ent.value.clone(), g.rule.name());
            let (app, kind, value, rule) = key.clone();
            // Of several that one rule gives alike, the longest.
            if next.get(&key).is_none_or(|known| self.world.kept_until(self.world.now, known.keep) < ends) {
                next.insert(key, Keep { app, kind, value, rule, keep, until: None });
            }
        }
        let mut all: Vec<Keep> = next.into_values().collect();
        for (number, keep, ent) in self.world.keeps_of(person) {
            if self.world.is_live(keep, &ent, given) || !held.iter().any(|h| same(h, &ent)) {
                continue;
            }
            let ends = self.world.ends(person, number, keep)?;
            if ends > self.world.now {
                all.push(Keep { until: Some(ends), ..keep.clone() });
            }
        }
        all.sort();
        Ok(all)
    }
}
