//! Roles with parameters: which instances of one the identity at hand has, one for each list of arguments.
//! Invariant: an instance is a role by itself, and comes, is forbidden and is separated like one; the role is had while
//! an instance of it is. Arguments are the same as their types compare: of several spellings the smallest counts.

use crate::facts::Tri;
use crate::interp::{Interp, Res};
use crate::roles::{RoleBlock, less, or};
use crate::world::Unknown;
use prov_ir::{ExprId, InstanceProgram, Local};
use prov_model::{Assignment, Value, arguments_key, arguments_shown, read_arguments};
use std::rc::Rc;

/// A role with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Instance<'a> {
    /// What tells it from the others of its role.
    pub key: Rc<str>,
    /// Its arguments as a policy writes them, in parentheses.
    pub shown: Rc<str>,
    pub args: Rc<[Value<'a>]>,
    /// Whether it is there, by the steps taken so far.
    pub is: Tri,
}

/// The instances of a role, in order of key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Instances<'a> {
    pub list: Vec<Instance<'a>>,
    /// There may be others, which can't be known.
    pub open: Option<Unknown>,
}

/// A role, with the instance where it has parameters.
#[derive(Clone, Debug)]
pub(crate) struct Step<'a> {
    pub rule: u32,
    pub instance: Option<Instance<'a>>,
}

impl<'a> Step<'a> {
    pub(crate) fn is(&self, other: &Step<'_>) -> bool {
        let key = self.instance.as_ref().map(|x| &*x.key);
        self.rule == other.rule && key == other.instance.as_ref().map(|x| &*x.key)
    }

    /// Its arguments as shown; nothing where it has none.
    pub(crate) fn shown(&self) -> &str {
        self.instance.as_ref().map_or("", |x| &x.shown)
    }
}

/// How far the steps of a role have been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Comes,
    Left,
    Had,
}

impl<'a> Instances<'a> {
    pub(crate) fn find(&self, key: &str) -> Option<&Instance<'a>> {
        self.list.iter().find(|x| &*x.key == key)
    }

    /// Whether one is there.
    pub(crate) fn any(&self) -> Tri {
        let open = self.open.map_or(Tri::No, Tri::Unknown);
        self.list.iter().fold(open, |any, x| or(any, x.is))
    }

    /// Whether an instance is there.
    pub(crate) fn has(&self, key: &str) -> Tri {
        let open = self.open.map_or(Tri::No, Tri::Unknown);
        match self.find(key) {
            // What withholds it does so however it comes.
            Some(x) if x.is == Tri::No => Tri::No,
            Some(x) => or(x.is, open),
            None => open,
        }
    }

    fn add(&mut self, new: Instance<'a>) {
        match self.list.iter_mut().find(|x| x.key == new.key) {
            Some(known) => {
                known.is = or(known.is, new.is);
                if new.shown < known.shown {
                    *known = Instance { is: known.is, ..new };
                }
            }
            None => self.list.push(new),
        }
    }
}

impl<'a> Interp<'a> {
    pub(crate) fn has_params(&self, rule: u32) -> bool {
        !self.world.program.rules[rule as usize].params.is_empty()
    }

    fn instance(&self, rule: u32, args: Vec<Value<'a>>, is: Tri) -> Instance<'a> {
        let program = self.world.program;
        let params = &program.rules[rule as usize].params;
        Instance {
            key: arguments_key(&args, params, &program.schema).into(),
            shown: arguments_shown(&args, params, &program.schema).into(),
            args: args.into(),
            is,
        }
    }

    /// The instance that an assignment speaks of; none where its arguments are not those of the role.
    pub(crate) fn assigned_instance(&self, rule: u32, a: &Assignment, is: Tri) -> Option<Instance<'a>> {
        let program = self.world.program;
        let params = &program.rules[rule as usize].params;
        let args = read_arguments(&a.args, params, &program.schema, &self.world.moment.zone).ok()?;
        Some(self.instance(rule, args, is))
    }

    /// Evaluates within a role, its parameters bound.
    pub(crate) fn with_arguments<T>(
        &mut self,
        instance: Option<&Instance<'a>>,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let Some(instance) = instance else { return f(self) };
        let args = instance.args.clone();
        self.nested(self.subject, |me| {
            for (n, value) in args.iter().enumerate() {
                me.bind(Local(n as u32), Ok(value.clone()));
            }
            f(me)
        })
    }

    /// The instances of a role at a stage.
    pub(crate) fn instances(&mut self, rule: u32, stage: Stage) -> Rc<Instances<'a>> {
        if let Some(known) = self.facts.instances.get(&(rule, stage)) {
            return known.clone();
        }
        // A role that leads to itself, which the checker refuses, does not come by itself.
        self.facts.instances.insert((rule, stage), Rc::default());
        let made = Rc::new(match stage {
            Stage::Comes => self.coming(rule),
            Stage::Left => self.left_instances(rule),
            Stage::Had => self.had_instances(rule),
        });
        self.facts.instances.insert((rule, stage), made.clone());
        made
    }

    fn coming(&mut self, rule: u32) -> Instances<'a> {
        let mut out = Instances::default();
        if self.world.program.observed.rules.contains(&rule) {
            return out;
        }
        for (number, to_come, issue) in self.given(rule) {
            let is = match issue {
                _ if to_come => continue,
                Ok(None) => Tri::Yes,
                Ok(Some(_)) => continue,
                Err(unknown) => Tri::Unknown(unknown),
            };
            let assigned = self.assignment(number).and_then(|a| self.assigned_instance(rule, a, is));
            assigned.into_iter().for_each(|x| out.add(x));
        }
        let shape = self.shape;
        for &by in &shape.rules[rule as usize].included_by {
            for step in self.steps_of(by, Stage::Had) {
                let is = step.instance.as_ref().map_or_else(|| self.had(by), |x| x.is);
                self.bring(&step, rule, is, &mut out);
            }
            if self.has_params(by) {
                out.open = out.open.or(self.instances(by, Stage::Had).open);
            }
        }
        out.list.sort_by(|a, b| a.key.cmp(&b.key));
        out
    }

    /// A role at a stage: itself, or its instances that are there or can't be known.
    fn steps_of(&mut self, rule: u32, stage: Stage) -> Vec<Step<'a>> {
        if !self.has_params(rule) {
            let is = if stage == Stage::Had { self.had(rule) } else { self.comes(rule) };
            return if is == Tri::No { Vec::new() } else { vec![Step { rule, instance: None }] };
        }
        let all = self.instances(rule, stage);
        let there = all.list.iter().filter(|x| x.is != Tri::No);
        there.map(|x| Step { rule, instance: Some(x.clone()) }).collect()
    }

    /// The instances of a role that another brings, which `is` there.
    fn bring(&mut self, by: &Step<'a>, role: u32, is: Tri, out: &mut Instances<'a>) {
        let program = self.world.program;
        // Loops bind values: none of an expression that is being evaluated may be among them.
        self.nested(self.subject, |me| {
            me.with_arguments(by.instance.as_ref(), |me| {
                for include in program.rules[by.rule as usize].instances.iter().filter(|x| x.role == role) {
                    let result = me.bring_each(include, 0, is, out);
                    if let Err(unknown) = result {
                        out.open = out.open.or(Some(unknown));
                    }
                }
            })
        });
    }

    fn bring_each(
        &mut self,
        include: &'a InstanceProgram,
        depth: usize,
        is: Tri,
        out: &mut Instances<'a>,
    ) -> Res<()> {
        let Some(each) = include.each.get(depth) else {
            let args = self.arguments(&include.args)?;
            if let Some(args) = args {
                out.add(self.instance(include.role, args, is));
            }
            return Ok(());
        };
        let Some(seq) = self.seq(each.list)? else { return Ok(()) };
        let mut result = Ok(());
        for i in 0..seq.len() {
            self.bind(each.local, Ok(seq.get(i)));
            let one = match self.holds(each.filter) {
                Ok(true) => self.bring_each(include, depth + 1, is, out),
                Ok(false) => Ok(()),
                Err(unknown) => Err(unknown),
            };
            result = result.and(one);
        }
        result
    }

    /// The values of arguments; none where one is absent.
    fn arguments(&mut self, args: &[ExprId]) -> Res<Option<Vec<Value<'a>>>> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            let value = self.eval(*arg)?;
            if value.is_absent() {
                return Ok(None);
            }
            values.push(value);
        }
        Ok(Some(values))
    }

    fn left_instances(&mut self, rule: u32) -> Instances<'a> {
        let mut out = Instances::clone(&self.instances(rule, Stage::Comes));
        let (program, shape) = (self.world.program, self.shape);
        for instance in &mut out.list {
            for &forbid in &shape.rules[rule as usize].forbids {
                if program.schema.role_forbids[forbid as usize].role.covers(Some(&instance.key)) {
                    instance.is = less(instance.is, self.role_forbid(forbid));
                }
            }
            if self.denials_of_role(rule, Some(&instance.key)).next().is_some() {
                instance.is = Tri::No;
            }
        }
        out
    }

    fn had_instances(&mut self, rule: u32) -> Instances<'a> {
        let mut out = Instances::clone(&self.instances(rule, Stage::Left));
        let shape = self.shape;
        for instance in out.list.iter_mut().filter(|x| x.is != Tri::No) {
            for &(separation, side) in &shape.rules[rule as usize].separations {
                if self.withholds(separation, side, rule, Some(&instance.key)) {
                    instance.is = less(instance.is, self.is_hit(separation));
                }
            }
        }
        out
    }

    /// Whether a separation that is hit withholds a role, or the instance of that key, on a side.
    pub(crate) fn withholds(&self, separation: u32, side: u32, rule: u32, instance: Option<&str>) -> bool {
        let def = &self.world.program.schema.separations[separation as usize];
        let named = def.sides[side as usize].roles.iter().any(|r| r.position == rule && r.covers(instance));
        named && def.resolve.withholds(side as usize)
    }

    /// Whether the identity at hand has an instance of a role, by the steps taken so far.
    pub(crate) fn has_instance(&mut self, rule: u32, args: &[ExprId]) -> Res<Option<bool>> {
        match self.arguments(args)? {
            Some(args) => {
                let key = self.instance(rule, args, Tri::No).key;
                self.instances(rule, Stage::Had).has(&key).known()
            }
            None => Ok(None),
        }
    }

    /// The instance that a condition asks for, where its arguments are known.
    pub(crate) fn asked_instance(&mut self, rule: u32, args: &[ExprId]) -> Option<Instance<'a>> {
        let args = self.arguments(args).ok()??;
        Some(self.instance(rule, args, Tri::No))
    }

    /// The roles and instances that a step includes.
    pub(crate) fn included_by_step(&mut self, by: &Step<'a>) -> Vec<Step<'a>> {
        let mut out = Vec::new();
        for &role in &self.world.program.rules[by.rule as usize].includes {
            if !self.has_params(role) {
                out.push(Step { rule: role, instance: None });
                continue;
            }
            let mut brought = Instances::default();
            self.bring(by, role, Tri::Yes, &mut brought);
            out.extend(brought.list.into_iter().map(|x| Step { rule: role, instance: Some(x) }));
        }
        out
    }

    /// Whether a role, or an instance of one, is had.
    pub(crate) fn has_step(&mut self, step: &Step<'a>) -> Tri {
        match &step.instance {
            None => self.had(step.rule),
            Some(x) => self.instances(step.rule, Stage::Had).has(&x.key),
        }
    }

    /// A step and all that it brings, each with a shortest way to it.
    pub(crate) fn ways_from(
        &mut self,
        from: Step<'a>,
        open: impl Fn(&mut Self, &Step<'a>) -> bool,
    ) -> Vec<Vec<Step<'a>>> {
        if !open(self, &from) {
            return Vec::new();
        }
        let mut ways: Vec<Vec<Step<'a>>> = vec![vec![from]];
        let mut at = 0;
        while let Some(way) = ways.get(at).cloned() {
            at += 1;
            let Some(last) = way.last() else { continue };
            for next in self.included_by_step(last) {
                let known = ways.iter().any(|w| w.last().is_some_and(|l| l.is(&next)));
                if !known && open(self, &next) {
                    ways.push(way.iter().cloned().chain([next]).collect());
                }
            }
        }
        ways
    }

    /// Instances of a role that come and are not had, with why.
    pub(crate) fn withheld_instances(&mut self, rule: u32, out: &mut Vec<(Step<'a>, RoleBlock)>) {
        let (program, shape) = (self.world.program, self.shape);
        let coming = self.instances(rule, Stage::Comes);
        let left = self.instances(rule, Stage::Left);
        for instance in coming.list.iter().filter(|x| x.is == Tri::Yes) {
            let step = Step { rule, instance: Some(instance.clone()) };
            for &forbid in &shape.rules[rule as usize].forbids {
                let covers = program.schema.role_forbids[forbid as usize].role.covers(Some(&instance.key));
                if covers && self.role_forbid(forbid) == Tri::Yes {
                    out.push((step.clone(), RoleBlock::Forbidden(forbid)));
                }
            }
            let denials: Vec<u32> = self.denials_of_role(rule, Some(&instance.key)).collect();
            out.extend(denials.into_iter().map(|n| (step.clone(), RoleBlock::Denied(n))));
            if left.find(&instance.key).is_some_and(|x| x.is == Tri::Yes) {
                for &(separation, side) in &shape.rules[rule as usize].separations {
                    if self.withholds(separation, side, rule, Some(&instance.key))
                        && self.is_hit(separation) == Tri::Yes
                    {
                        out.push((step.clone(), RoleBlock::Separated(separation)));
                    }
                }
            }
        }
    }
}
