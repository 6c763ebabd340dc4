//! `keep D`: what is held for a while after its cause is lost (language.md 11.11, 11.12).
//! Invariant: what memory says of a keep decides by itself whether it still holds; the steps that are being taken never
//! change that, so it is worked out once an identity.
//!
//! A keep of memory has an end already, or its rule gave it when memory was kept (at `t0`). Of the latter the cause is
//! lost at the first moment after `t0` at which, with the data of now, the rule does not give it; if that is so at `t0`
//! already, or never before now, it is lost now. While that moment is sought, keeps without an end count as held.

use crate::entered::BY_STATE;
use crate::facts::Tri;
use crate::grants::{Granted, Settled};
use crate::interp::{Interp, Res, Subject};
use crate::roles::From;
use crate::world::World;
use prov_ir::GrantProgram;
use prov_model::{AppId, EntId, EntitlementIssue, Instant, Keep, KeepFor, KindId, Separated, Value, nfc};

/// [`Granted::rule`] of what is only kept.
const KEPT: u32 = u32::MAX;
/// Moments that are looked at for a loss, at most.
const HOPS: usize = 10_000;

/// What memory says is, or may be, kept for the identity at hand.
#[derive(Clone, Debug)]
pub(crate) struct KeepFact {
    pub entitlement: EntId,
    pub app: AppId,
    pub kind: KindId,
    pub keep: Keep,
    /// The first moment after, once worked out.
    ends: Option<Instant>,
}

/// A live grant with `keep`, as its rule is expanded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping {
    pub entitlement: EntId,
    pub rule: u32,
    /// As [`Granted::instance`].
    pub instance: u32,
    pub keep: KeepFor,
}

/// Keeps of the identity at hand.
#[derive(Default)]
pub(crate) struct Keeps {
    /// Of memory, once looked up.
    facts: Option<Vec<KeepFact>>,
    /// Of grants that were expanded.
    pub keeping: Vec<Keeping>,
    /// What an exception ends by denying the role that gave it, with the exception, since it was settled last.
    pub denied: Vec<(EntId, u32)>,
    /// Whether a moment of loss is being sought.
    seeking: bool,
}

impl Keeps {
    pub(crate) fn clear(&mut self) {
        self.facts = None;
        self.keeping.clear();
        self.denied.clear();
    }
}

impl Granted {
    fn kept(entitlement: EntId, number: usize) -> Granted {
        Granted { entitlement, rule: KEPT, grant: number as u32, instance: 0 }
    }

    /// Whether it is only kept, by its rule or by the state: no rule gives it now.
    pub(crate) fn is_kept(&self) -> bool {
        self.rule == KEPT || self.rule == BY_STATE
    }
}

/// Keeps after a decision.
#[derive(Default)]
pub(crate) struct KeepsAfter {
    /// For memory.
    pub next: Vec<Keep>,
    /// Held only since they are kept, with the moment that ends them.
    pub kept: Vec<(EntId, Keep)>,
    /// Whose time is over: as in memory, with the moment that ended them.
    pub over: Vec<(EntId, Keep)>,
}

impl<'a> Interp<'a> {
    /// Notes how long what a grant has just given is to be kept.
    pub(crate) fn note_keep(&mut self, rule: u32, grant: &GrantProgram, given: &[Granted]) -> Res<()> {
        let Some(keep) = grant.keep else { return Ok(()) };
        let keep = match self.eval(keep)? {
            Value::Duration(d) => KeepFor::Calendar(d),
            Value::Elapsed(e) => KeepFor::Clock(e),
            // The checker settles presence and type.
            _ => return Ok(()),
        };
        let noted = given.iter().map(|g| Keeping { entitlement: g.entitlement, rule, instance: 0, keep });
        self.keeps.keeping.extend(noted);
        Ok(())
    }

    /// What memory says of the identity at hand.
    pub(crate) fn keep_facts(&mut self) -> usize {
        if let Some(facts) = &self.keeps.facts {
            return facts.len();
        }
        let mut facts = Vec::new();
        if let (Subject::Identity(..), Some(background)) = (self.subject, self.world.background)
            && !background.memory.keeps.is_empty()
        {
            let schema = &self.world.program.schema;
            let remembered = background.memory.keeps.get(&self.global_id());
            for keep in remembered.into_iter().flatten() {
                // Of an app or a kind that is no more, nothing can be held.
                let Some(app) = schema.apps.iter().position(|a| a.name == keep.app) else { continue };
                let Some(kind) = schema.apps[app].kinds.iter().position(|k| k.name == keep.kind) else {
                    continue;
                };
                let (app, kind) = (AppId(app as u32), KindId(kind as u32));
                let entitlement = self.interner.intern(self.shape, app, kind, &nfc(&keep.value));
                facts.push(KeepFact { entitlement, app, kind, keep: keep.clone(), ends: None });
            }
        }
        let count = facts.len();
        self.keeps.facts = Some(facts);
        count
    }

    pub(crate) fn keep_fact(&self, number: usize) -> Option<&KeepFact> {
        self.keeps.facts.as_ref().and_then(|f| f.get(number))
    }

    /// Adds what is kept of a kind (of all, where none is named) and not among the grants already, by its own rule.
    pub(crate) fn add_kept(&mut self, of: Option<(AppId, KindId)>, grants: &mut Vec<Granted>) {
        for number in 0..self.keep_facts() {
            let Some(fact) = self.keep_fact(number) else { continue };
            if of.is_some_and(|of| of != (fact.app, fact.kind)) || self.is_live(fact, grants) {
                continue;
            }
            let (app, entitlement) = (fact.app, fact.entitlement);
            if !matches!(self.blocked(app), Ok(None)) {
                continue;
            }
            let ends = self.keep_ends(number);
            if ends > self.clock.now {
                if let Some(exception) = self.denied_keep(number) {
                    self.keeps.denied.push((entitlement, exception));
                    continue;
                }
                self.wake_at(ends);
                grants.push(Granted::kept(entitlement, number));
            }
        }
    }

    /// The exception that denies the role by which a keep came, or one that brings that role.
    fn denied_keep(&self, number: usize) -> Option<u32> {
        let named = &self.keep_fact(number)?.keep.rule;
        let rule = self.world.program.rule_by_name(named.split('(').next()?)?;
        let through = &self.shape.rules[rule as usize].had_through;
        through.iter().find_map(|&role| {
            // Of the roles that included the one that gave it, which instance it was is not remembered.
            let key = if role == rule { self.instance_named(rule, named) } else { None };
            self.denials_of_role(role, key.as_deref()).next()
        })
    }

    /// Whether a keep's own rule gives it.
    fn is_live(&self, fact: &KeepFact, grants: &[Granted]) -> bool {
        let known = &self.interner.entitlements;
        let same = known.same_as(fact.entitlement);
        grants.iter().any(|g| {
            !g.is_kept()
                && known.same_as(g.entitlement) == same
                && self.is_rule(g.rule, g.instance, &fact.keep.rule)
        })
    }

    /// A rule as memory names it: with the arguments of the instance, where it has parameters.
    pub(crate) fn instance_name(&self, rule: u32, instance: u32) -> String {
        format!("{}{}", self.rule_name(rule), self.interner.instance_of(instance).1)
    }

    /// Whether memory means this rule; of an instance, in any spelling.
    fn is_rule(&self, rule: u32, instance: u32, named: &str) -> bool {
        let name = self.rule_name(rule);
        match named.strip_prefix(name) {
            Some("") => instance == 0,
            Some(_) if instance != 0 => {
                self.instance_named(rule, named).as_deref() == Some(self.interner.instance_of(instance).0)
            }
            Some(_) | None => false,
        }
    }

    /// The key of an instance as memory names it.
    pub(crate) fn instance_named(&self, rule: u32, named: &str) -> Option<String> {
        let (_, rest) = named.split_once('(')?;
        crate::exceptions::instance(self.world.program, &self.world.program.rules[rule as usize], rest)
    }

    pub(crate) fn rule_name(&self, rule: u32) -> &'a str {
        let program = self.world.program;
        &program.schema.rule(program.rules[rule as usize].rule).name
    }

    /// The first moment at which a keep is no more, if its rule does not give it.
    fn keep_ends(&mut self, number: usize) -> Instant {
        let now = self.clock.now;
        let Some(fact) = self.keep_fact(number) else { return now };
        if let Some(known) = fact.keep.until.or(fact.ends) {
            return known;
        }
        if self.keeps.seeking {
            return Instant(i64::MAX);
        }
        let keep = fact.keep.clone();
        let lost = self.lost(number);
        let ends = keep.keep.after(lost, &self.world.moment.zone);
        if let Some(fact) = self.keeps.facts.as_mut().and_then(|f| f.get_mut(number)) {
            fact.ends = Some(ends);
        }
        ends
    }

    /// When the cause of a keep was lost, if it is.
    fn lost(&self, number: usize) -> Instant {
        let now = self.clock.now;
        let before = self.world.background.and_then(|b| b.memory.at);
        let Some(before) = before.filter(|t| *t < now) else { return now };
        let world = World { states: None, ..self.world };
        let mut then = Interp::new(world, self.shape, self.subject);
        then.keeps.seeking = true;
        then.note_wakes();
        let (mut moment, mut first) = (before, true);
        for _ in 0..HOPS {
            then.turn_to(self.subject);
            then.at_moment(moment);
            if !then.gives(number) {
                return if first { now } else { moment };
            }
            match then.next_wake() {
                Some(next) if next < now => (moment, first) = (next, false),
                Some(_) | None => break,
            }
        }
        now
    }

    /// Whether the rule of a keep gives it, and it is held; what can't be known is taken as given.
    fn gives(&mut self, number: usize) -> bool {
        self.keep_facts();
        let Some(fact) = self.keep_fact(number).cloned() else { return false };
        let decision = self.decide(|_| false);
        if decision.hold.is_some() {
            return true;
        }
        let same = self.interner.entitlements.same_as(fact.entitlement);
        let held = decision.held.iter().any(|h| self.interner.entitlements.same_as(*h) == same);
        held && !decision.keeps.kept.iter().any(|(_, k)| *k == fact.keep)
            && self.is_live(&fact, &decision.live)
    }

    /// What is only kept yields to what rules give, before separations are resolved (11.11), where it is of a separation
    /// that is hit.
    pub(crate) fn yield_kept(&mut self, grants: &[Granted], settled: &mut Settled, whole: bool) {
        if self.world.program.schema.separations.is_empty() || !grants.iter().any(Granted::is_kept) {
            return;
        }
        let known = &self.interner.entitlements;
        let given: Vec<EntId> =
            grants.iter().filter(|g| !g.is_kept()).map(|g| known.same_as(g.entitlement)).collect();
        let all = settled.held.clone();
        let from = if whole { From::Held(&all) } else { From::Unyielded };
        let is_live = |me: &Self, id: EntId| given.contains(&me.interner.entitlements.same_as(id));
        for &id in &all {
            if is_live(self, id) {
                continue;
            }
            let live = |me: &Self, other: EntId| {
                if whole { is_live(me, other) } else { me.lives(other) }
            };
            for separation in self.yields(id, from, live) {
                settled.held.retain(|held| *held != id);
                settled.withheld.push((id, EntitlementIssue::Separated(separation)));
            }
        }
    }

    /// The separations by which something that is only kept yields.
    pub(crate) fn yields(
        &mut self,
        id: EntId,
        from: From<'_>,
        live: impl Fn(&Self, EntId) -> bool,
    ) -> Vec<u32> {
        let mut by = Vec::new();
        for &(separation, _) in &*self.sides_of(id) {
            let (hit, is) = self.look(separation, from);
            let stands = |(_, item): &(u32, Separated<EntId>)| match item {
                Separated::Role(..) => true,
                Separated::Entitlement(other) => live(self, *other),
            };
            if is == Tri::Yes && hit.items.iter().any(stands) {
                by.push(separation);
            }
        }
        by.dedup();
        by
    }

    /// What is to be remembered, what is only kept, and what is over, once all is settled. `held` is in order of
    /// [`prov_model::Entitlements::same_as`].
    pub(crate) fn keeps_after(&mut self, live: &[Granted], held: &[EntId]) -> KeepsAfter {
        let mut after = KeepsAfter::default();
        let zone = &self.world.moment.zone;
        let now = self.clock.now;
        let known = &self.interner.entitlements;
        let held_as = |id: EntId| {
            let same = known.same_as(id);
            held.iter().copied().find(|h| known.same_as(*h) == same)
        };
        for keeping in &self.keeps.keeping {
            let Some(id) = held_as(keeping.entitlement) else { continue };
            if keeping.keep.after(now, zone) <= now {
                continue;
            }
            let item = known.get(id);
            let schema = &self.world.program.schema;
            let keep = Keep {
                app: schema.app(item.app).name.clone(),
                kind: schema.kind(item.app, item.kind).name.clone(),
                value: item.value.to_string(),
                rule: self.instance_name(keeping.rule, keeping.instance),
                keep: keeping.keep,
                until: None,
            };
            let same = |k: &&mut Keep| {
                (&k.app, &k.kind, &k.value, &k.rule) == (&keep.app, &keep.kind, &keep.value, &keep.rule)
            };
            match after.next.iter_mut().find(same) {
                Some(other) if other.keep.after(now, zone) >= keep.keep.after(now, zone) => {}
                Some(other) => *other = keep,
                None => after.next.push(keep),
            }
        }
        for fact in self.keeps.facts.iter().flatten() {
            if self.is_live(fact, live) {
                continue;
            }
            let Some(ends) = fact.keep.until.or(fact.ends) else { continue };
            let keep = Keep { until: Some(ends), ..fact.keep.clone() };
            if ends <= now {
                after.over.push((fact.entitlement, keep));
            } else if let Some(id) = held_as(fact.entitlement) {
                after.kept.push((id, keep.clone()));
                after.next.push(keep);
            }
        }
        after.next.sort();
        after
    }
}
