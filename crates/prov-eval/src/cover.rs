//! What evaluations reach: which rules hold for someone, and how each condition and each of its clauses came out.
//! Invariant: apart from the evaluation itself, which it asks and never slows; clauses are asked in the order, and as
//! far, as evaluation asks them.

use crate::by_hand::ByHand;
use crate::evaluate::Engine;
use crate::facts::Tri;
use crate::interp::{Interp, Subject};
use crate::names::Rows;
use crate::world::World;
use prov_ir::{ArmPattern, ExprId, ExprKind, GrantProgram, GrantValue, InstanceProgram, Quant};
use prov_model::{Background, IdentityId, Moment, Population, Type, Value, equal, in_range};
use rustc_hash::FxHashMap;

/// How often something came out true, and false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// True; of an arm, taken.
    pub yes: u64,
    /// False.
    pub no: u64,
}

/// What evaluations have reached.
#[derive(Clone, Debug, Default)]
pub struct Cover {
    /// Conditions, and clauses of conditions.
    pub conditions: FxHashMap<ExprId, Seen>,
    /// Arms of a `match`, and sides of an `if` that is no condition (0 and 1), by number.
    pub arms: FxHashMap<(ExprId, u32), u64>,
    /// How often each rule of the program was had.
    pub rules: FxHashMap<u32, u64>,
}

impl Cover {
    /// Adds what another has reached.
    pub fn add(&mut self, other: &Cover) {
        for (id, seen) in &other.conditions {
            let sum = self.conditions.entry(*id).or_default();
            sum.yes += seen.yes;
            sum.no += seen.no;
        }
        for (arm, count) in &other.arms {
            *self.arms.entry(*arm).or_default() += count;
        }
        for (rule, count) in &other.rules {
            *self.rules.entry(*rule).or_default() += count;
        }
    }
}

impl Engine {
    /// Adds what an evaluation of everyone reaches.
    pub fn cover(
        &self,
        population: &Population,
        moment: &Moment,
        background: &Background,
        cover: &mut Cover,
    ) {
        // What is observed is reached where it is tried.
        if let Some(trial) = self.trial() {
            return trial.cover(population, moment, background, cover);
        }
        let ready = self.ready();
        let states = self.states(population, moment, background);
        let world = ready.world(population, moment, background, Some(&states));
        let by_hand = ByHand::of(world.program, population, moment, background, None);
        let world = World { by_hand: Some(&by_hand), ..world };
        let known = self.known(world, &Rows::All);
        let world = World { names: known.names.as_ref(), ..world };
        for ty in 0..population.types.len() {
            let id = IdentityId(ty as u32);
            let mut interp = Interp::new(world, &ready.shape, Subject::Identity(id, 0));
            for row in 0..population.of(id).len() as u32 {
                interp.turn_to(Subject::Identity(id, row));
                interp.take_steps(id, |_| false);
                interp.cover(id, cover);
            }
        }
    }
}

impl<'a> Interp<'a> {
    fn cover(&mut self, ty: IdentityId, out: &mut Cover) {
        let program = self.world.program;
        for lifecycle in program.lifecycles.iter().filter(|l| l.identity == ty) {
            for condition in lifecycle.conditions.iter().flatten() {
                if self.mark(*condition, out) == Some(true) {
                    break;
                }
            }
        }
        for (number, account) in program.accounts.iter().enumerate().filter(|(_, a)| a.identity == ty) {
            if let Some(when) = account.when {
                self.mark(when, out);
            }
            if self.facts.account(number as u32).wanted == Tri::Yes {
                if let Some(enabled) = account.enabled {
                    self.mark(enabled, out);
                }
                for attribute in &account.attributes {
                    self.walk(*attribute, out);
                }
            }
        }
        for (number, rule) in program.rules.iter().enumerate().filter(|(_, r)| r.identity == ty) {
            let asked = rule.requestable.as_ref().and_then(|r| r.when);
            for step in self.candidates(number as u32) {
                if step.instance.is_none() && !rule.params.is_empty() {
                    continue;
                }
                self.with_arguments(step.instance.as_ref(), |me| {
                    for when in rule.when.into_iter().chain(asked) {
                        me.mark(when, out);
                    }
                    if me.has_step_or_role(&step) == Tri::Yes {
                        *out.rules.entry(number as u32).or_default() += 1;
                        for grant in &rule.grants {
                            me.cover_grant(grant, 0, out);
                        }
                        for instance in &rule.instances {
                            me.cover_instance(instance, 0, out);
                        }
                    }
                });
            }
        }
        let of = |f: &&prov_ir::ForbidProgram| f.identity.is_none_or(|of| of == ty);
        for forbid in program.forbids.iter().chain(&program.role_forbids).filter(of) {
            if let Some(when) = forbid.when {
                self.mark(when, out);
            }
        }
    }

    fn cover_instance(&mut self, instance: &'a InstanceProgram, depth: usize, out: &mut Cover) {
        let Some(each) = instance.each.get(depth) else {
            instance.args.iter().for_each(|arg| self.walk(*arg, out));
            return;
        };
        self.walk(each.list, out);
        let Ok(Some(seq)) = self.seq(each.list) else { return };
        for i in 0..seq.len() {
            self.bind(each.local, Ok(seq.get(i)));
            if each.filter.is_none_or(|f| self.mark(f, out) == Some(true)) {
                self.cover_instance(instance, depth + 1, out);
            }
        }
    }

    fn cover_grant(&mut self, grant: &'a GrantProgram, depth: usize, out: &mut Cover) {
        if let Some(each) = grant.each.get(depth) {
            self.walk(each.list, out);
            let Ok(Some(seq)) = self.seq(each.list) else { return };
            for i in 0..seq.len() {
                self.bind(each.local, Ok(seq.get(i)));
                if each.filter.is_none_or(|f| self.mark(f, out) == Some(true)) {
                    self.cover_grant(grant, depth + 1, out);
                }
            }
            return;
        }
        if grant.when.is_none_or(|when| self.mark(when, out) == Some(true)) {
            for value in &grant.values {
                let (GrantValue::One(id) | GrantValue::Each(id)) = value;
                self.walk(*id, out);
            }
        }
    }

    /// A condition and its clauses; how it came out, where that can be known.
    fn mark(&mut self, id: ExprId, out: &mut Cover) -> Option<bool> {
        let program = self.world.program;
        let result = match &program.expr(id).kind {
            ExprKind::And(list) => self.mark_until(list, false, out),
            ExprKind::Or(list) => self.mark_until(list, true, out),
            ExprKind::Not(of) => self.mark(*of, out).map(|b| !b),
            ExprKind::Named(_, of) => return self.mark(*of, out),
            ExprKind::Let(local, value, body) => {
                self.walk(*value, out);
                let value = self.eval(*value);
                self.bind(*local, value);
                return self.mark(*body, out);
            }
            ExprKind::If(cond, yes, no) => match self.mark(*cond, out) {
                Some(true) => self.mark(*yes, out),
                Some(false) => self.mark(*no, out),
                None => None,
            },
            ExprKind::Quant { quant: quant @ (Quant::Any | Quant::All), local, list, cond } => {
                self.walk(*list, out);
                if let (Ok(Some(seq)), Some(cond)) = (self.seq(*list), cond) {
                    for i in 0..seq.len() {
                        self.bind(*local, Ok(seq.get(i)));
                        if self.mark(*cond, out) == Some(*quant == Quant::Any) {
                            break;
                        }
                    }
                }
                self.truth(id)
            }
            _ => {
                self.walk_parts(id, out);
                self.truth(id)
            }
        };
        let seen = out.conditions.entry(id).or_default();
        match result {
            Some(true) => seen.yes += 1,
            Some(false) => seen.no += 1,
            None => {}
        }
        result
    }

    fn truth(&mut self, id: ExprId) -> Option<bool> {
        self.test(id).ok().map(|t| t == Some(true))
    }

    /// Operands up to the one that decides.
    fn mark_until(&mut self, list: &[ExprId], decides: bool, out: &mut Cover) -> Option<bool> {
        let mut known = true;
        for operand in list {
            match self.mark(*operand, out) {
                Some(truth) if truth == decides => return Some(decides),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(!decides)
    }

    /// A value, for the conditions and arms within it.
    fn walk(&mut self, id: ExprId, out: &mut Cover) {
        let program = self.world.program;
        let expr = program.expr(id);
        match &expr.kind {
            ExprKind::Let(local, value, body) => {
                self.walk(*value, out);
                let value = self.eval(*value);
                self.bind(*local, value);
                self.walk(*body, out);
            }
            ExprKind::If(cond, yes, no) => match self.mark(*cond, out) {
                Some(true) => self.walk(*yes, out),
                Some(false) => self.walk(*no, out),
                None => {}
            },
            ExprKind::Match(of, arms) => {
                self.walk(*of, out);
                let Ok(value) = self.eval(*of) else { return };
                let hit = |pattern: &ArmPattern| match pattern {
                    ArmPattern::Any => true,
                    ArmPattern::Absent => value.is_absent(),
                    ArmPattern::Value(v) => !value.is_absent() && equal(&value, v),
                    ArmPattern::Range(low, high) => !value.is_absent() && in_range(&value, low, high),
                };
                if let Some(number) = arms.iter().position(|arm| arm.patterns.iter().any(hit)) {
                    *out.arms.entry((id, number as u32)).or_default() += 1;
                    self.walk(arms[number].value, out);
                }
            }
            ExprKind::Coalesce(first, second) => {
                self.walk(*first, out);
                if matches!(self.eval(*first), Ok(Value::Absent)) {
                    self.walk(*second, out);
                }
            }
            ExprKind::Quant { local, list, cond: Some(cond), .. } => {
                self.walk(*list, out);
                let Ok(Some(seq)) = self.seq(*list) else { return };
                for i in 0..seq.len() {
                    self.bind(*local, Ok(seq.get(i)));
                    self.mark(*cond, out);
                }
            }
            ExprKind::Quant { list, cond: None, .. } => self.walk(*list, out),
            ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_) if *expr.ty.required() == Type::Bool => {
                self.mark(id, out);
            }
            _ => self.walk_parts(id, out),
        }
    }

    fn walk_parts(&mut self, id: ExprId, out: &mut Cover) {
        let mut parts = Vec::new();
        let kind = &self.world.program.expr(id).kind;
        if let ExprKind::Match(..) | ExprKind::If(..) | ExprKind::Quant { .. } | ExprKind::Let(..) = kind {
            self.walk(id, out);
            return;
        }
        kind.children(|child| parts.push(child));
        parts.into_iter().for_each(|part| self.walk(part, out));
    }
}
