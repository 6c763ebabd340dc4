//! Instances of roles with parameters in explanations: which to speak of, and how one comes.
//! Invariant: those that come are those that decide; others are only those of rows that are not honoured.

use super::{AssignmentExplanation, RuleRef};
use crate::facts::Tri;
use crate::instances::{Stage, Step};
use crate::interp::Interp;

impl<'a> Interp<'a> {
    /// What to say of a rule: itself; of one with parameters each instance that comes or that an assignment speaks of, and
    /// where there is none the role as such.
    pub(crate) fn candidates(&mut self, rule: u32) -> Vec<Step<'a>> {
        if !self.has_params(rule) {
            return vec![Step { rule, instance: None }];
        }
        let come = self.instances(rule, Stage::Comes);
        let mut out: Vec<Step<'a>> =
            come.list.iter().map(|x| Step { rule, instance: Some(x.clone()) }).collect();
        for (number, ..) in self.given(rule) {
            let given = self.assignment(number).and_then(|a| self.assigned_instance(rule, a, Tri::No));
            let step = Step { rule, instance: given };
            if step.instance.is_some() && !out.iter().any(|known| known.is(&step)) {
                out.push(step);
            }
        }
        if out.is_empty() {
            out.push(Step { rule, instance: None });
        }
        out
    }

    /// Whether a step is had, by the functions that decide.
    pub(crate) fn has_step_or_role(&mut self, step: &Step<'a>) -> Tri {
        if step.instance.is_some() { self.has_step(step) } else { self.has_role(step.rule) }
    }

    /// A way from a rule that is assigned to a role or an instance, with where it starts. None where no role has
    /// parameters, the rule is not assigned, or it does not lead there.
    pub(super) fn way_by_instances(
        &mut self,
        through: u32,
        to: &Step<'a>,
    ) -> Option<(Vec<RuleRef>, Step<'a>)> {
        let program = self.world.program;
        if program.rules.iter().all(|r| r.params.is_empty()) || self.facts.rule(through) != Tri::Yes {
            return None;
        }
        let from: Vec<Step<'a>> = if self.has_params(through) {
            let come = self.instances(through, Stage::Comes);
            come.list.iter().map(|x| Step { rule: through, instance: Some(x.clone()) }).collect()
        } else {
            vec![Step { rule: through, instance: None }]
        };
        for start in from {
            let ways = self.ways_from(start.clone(), |_, _| true);
            if let Some(way) = ways.iter().find(|w| w.last().is_some_and(|l| l.is(to))) {
                let refs =
                    way.iter().map(|s| self.instance_ref(program.rules[s.rule as usize].rule, s.shown()));
                return Some((refs.collect(), start));
            }
        }
        None
    }

    /// The assignments of a role, or those of an instance.
    pub(super) fn assignments_of_step(&mut self, step: &Step<'a>) -> Vec<AssignmentExplanation> {
        self.assignments_where(step.rule, |me, number| {
            let Some(instance) = &step.instance else { return true };
            let row = me.assignment(number).and_then(|a| me.assigned_instance(step.rule, a, Tri::No));
            row.is_some_and(|x| x.key == instance.key)
        })
    }
}
