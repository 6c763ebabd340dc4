//! What has run out for someone who is held: expiries act whatever else can't be known (language.md 11.3).
//! Invariant: only what for certain nothing gives any more is here; what can't be known keeps it.

use crate::facts::Tri;
use crate::grants::Granted;
use crate::instances::Step;
use crate::interp::{Interp, Subject};
use crate::time::BoundWord;
use crate::world::NO_STATE;
use prov_ir::GrantProgram;
use prov_model::{Assignment, EntId, IdentityId, RanOut, fold};

/// An entitlement, and what gave it: the rule by position, arguments as shown.
type Found = (EntId, u32, Box<str>);

impl<'a> Interp<'a> {
    /// What of the identity at hand is over. `state` is [`NO_STATE`] where it can't be known. The steps must have been
    /// taken.
    pub(crate) fn ran_out(&mut self, ty: IdentityId, state: u32) -> Vec<RanOut> {
        let Subject::Identity(_, row) = self.subject else { return Vec::new() };
        // A row that can't be read may be one that gives it.
        if self.world.by_hand.is_some_and(|h| h.is_unreadable(ty, row)) {
            return Vec::new();
        }
        let mut found: Vec<Found> = Vec::new();
        self.grants_over(ty, &mut found);
        self.assignments_over(ty, &mut found);
        self.keeps_over(&mut found);
        let mut out = Vec::new();
        for (id, rule, args) in found {
            if !self.is_gone(id, ty, state) {
                continue;
            }
            let mut entitlement = self.interner.entitlements.get(id).clone();
            if self.shape.folds(entitlement.app, entitlement.kind) {
                entitlement.value = fold(&entitlement.value).into();
            }
            out.push(RanOut { entitlement, rule: self.world.program.rules[rule as usize].rule, args });
        }
        out.sort();
        out.dedup();
        out
    }

    /// Grants past their `until` or `through`, of rules without parameters, whatever their conditions.
    fn grants_over(&mut self, ty: IdentityId, found: &mut Vec<Found>) {
        let program = self.world.program;
        for (rule, def) in (0..).zip(&program.rules) {
            if def.identity != ty || !def.params.is_empty() || program.observed.rules.contains(&rule) {
                continue;
            }
            for (number, grant) in (0..).zip(&def.grants) {
                if grant.until.is_none() || program.observed.grants.contains(&(rule, number)) {
                    continue;
                }
                let mut out = Vec::new();
                self.nested(self.subject, |me| me.all_values(rule, number, grant, 0, true, &mut out));
                found.extend(out.into_iter().map(|g| (g.entitlement, rule, "".into())));
            }
        }
    }

    /// What roles give, whatever their conditions, of which an assignment has ended.
    fn assignments_over(&mut self, ty: IdentityId, found: &mut Vec<Found>) {
        let program = self.world.program;
        let rows: Vec<&'a Assignment> =
            self.rows_by_hand().iter().filter_map(|n| self.assignment(*n)).collect();
        for a in rows {
            let Some(rule) = program.rule_by_name(&a.role) else { continue };
            let def = &program.rules[rule as usize];
            let Some(requestable) = def.requestable.as_ref().filter(|_| def.identity == ty) else { continue };
            let ends = a.ends(requestable.at_most, &self.world.moment.zone);
            if !ends.is_some_and(|end| self.clock.has_come(end)) {
                continue;
            }
            let instance = self.assigned_instance(rule, a, Tri::Yes).filter(|_| self.has_params(rule));
            if instance.is_some() != self.has_params(rule) {
                continue;
            }
            let from = Step { rule, instance };
            let shown: Box<str> = from.shown().into();
            for way in self.ways_from(from, |me, step| !me.world.program.observed.rules.contains(&step.rule))
            {
                let Some(step) = way.last() else { continue };
                for (number, grant) in (0..).zip(&program.rules[step.rule as usize].grants) {
                    if program.observed.grants.contains(&(step.rule, number)) {
                        continue;
                    }
                    let mut out = Vec::new();
                    self.with_arguments(step.instance.as_ref(), |me| {
                        me.all_values(step.rule, number, grant, 0, false, &mut out);
                    });
                    found.extend(out.into_iter().map(|g| (g.entitlement, rule, shown.clone())));
                }
            }
        }
    }

    /// What was kept, until an end that memory has.
    fn keeps_over(&mut self, found: &mut Vec<Found>) {
        for number in 0..self.keep_facts() {
            let Some((id, keep)) = self.keep_fact(number).map(|f| (f.entitlement, f.keep.clone())) else {
                continue;
            };
            let Some(until) = keep.until else { continue };
            if until > self.clock.now {
                self.wake_at(until);
                continue;
            }
            let (name, args) = keep.rule.split_at(keep.rule.find('(').unwrap_or(keep.rule.len()));
            if let Some(rule) = self.world.program.rule_by_name(name) {
                found.push((id, rule, args.into()));
            }
        }
    }

    /// The values of a grant, whatever its condition; `over`: only where its time is over. What can't be known gives none.
    fn all_values(
        &mut self,
        rule: u32,
        number: u32,
        grant: &'a GrantProgram,
        depth: usize,
        over: bool,
        out: &mut Vec<Granted>,
    ) {
        let Some(each) = grant.each.get(depth) else {
            if over {
                let Some(end) = grant.until else { return };
                let word = if end.through { BoundWord::Through } else { BoundWord::Until };
                if self.within(word, end.at) != Ok(false) {
                    return;
                }
            }
            let before = out.len();
            if self.expand_values(rule, number, grant, out).is_err() {
                out.truncate(before);
            }
            return;
        };
        let Ok(Some(seq)) = self.seq(each.list) else { return };
        for i in 0..seq.len() {
            self.bind(each.local, Ok(seq.get(i)));
            self.all_values(rule, number, grant, depth + 1, over, out);
        }
    }

    /// Whether for certain nothing gives it: no rule, no keep that lasts, no state.
    fn is_gone(&mut self, id: EntId, ty: IdentityId, state: u32) -> bool {
        let same = self.interner.entitlements.same_as(id);
        let (app, kind) = {
            let item = self.interner.entitlements.get(same);
            (item.app, item.kind)
        };
        let lifecycle = self.world.program.schema.identity(ty).lifecycle.as_ref();
        if let Some(lifecycle) = lifecycle.filter(|l| l.keeps()) {
            let def = lifecycle.defs.get(state as usize).filter(|_| state != NO_STATE);
            if def.is_none_or(|d| d.keeps(app)) {
                return false;
            }
        }
        for number in 0..self.keep_facts() {
            let fact = self.keep_fact(number);
            let lasts = fact.is_some_and(|f| {
                self.interner.entitlements.same_as(f.entitlement) == same
                    && f.keep.until.is_none_or(|until| until > self.clock.now)
            });
            if lasts {
                return false;
            }
        }
        let shape = self.shape;
        for &(rule, grant) in shape.granted_by.get(&(app, kind)).map_or(&[][..], Vec::as_slice) {
            let constant = shape.rules[rule as usize].constants[grant as usize];
            if let Some(constant) = constant {
                let given = self.interner.constant(shape, constant);
                if self.interner.entitlements.same_as(given) != same {
                    continue;
                }
            }
            if self.world.program.rules[rule as usize].identity != ty || self.has_role(rule) == Tri::No {
                continue;
            }
            let mut out = Vec::new();
            let result = self.nested(self.subject, |me| me.expand(rule, grant, &mut out));
            let gives = out.iter().any(|g| self.interner.entitlements.same_as(g.entitlement) == same);
            if gives || result.is_err() {
                return false;
            }
        }
        true
    }
}
