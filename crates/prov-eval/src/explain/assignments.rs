//! Assignments and exceptions in explanations. Invariant: whether one is honoured is asked of the function that decides.

use super::{AssignmentExplanation, ExceptionExplanation, Outcome};
use crate::facts::Tri;
use crate::interp::Interp;
use prov_model::Assignment;

impl Interp<'_> {
    /// Exceptions by position in the background.
    pub(super) fn exceptions_explained(&self, numbers: Vec<u32>) -> Vec<ExceptionExplanation> {
        numbers.into_iter().filter_map(|n| self.exception_explained(n)).collect()
    }

    /// One of them.
    pub(super) fn exception_explained(&self, number: u32) -> Option<ExceptionExplanation> {
        let e = self.world.background?.exceptions.get(number as usize)?;
        Some(ExceptionExplanation {
            name: e.name(),
            until: e.until.to_string(),
            reason: e.reason.clone(),
            ticket: e.ticket.clone(),
            file: e.origin.0.to_string(),
            line: e.origin.1,
        })
    }

    /// The assignments of a role to the identity at hand, honoured or not.
    pub(super) fn assignments_of(&mut self, rule: u32) -> Vec<AssignmentExplanation> {
        self.assignments_where(rule, |_, _| true)
    }

    /// Those of them, by position in the background, that are asked for.
    pub(super) fn assignments_where(
        &mut self,
        rule: u32,
        asked: impl Fn(&Self, u32) -> bool,
    ) -> Vec<AssignmentExplanation> {
        let given = self.given(rule);
        given
            .into_iter()
            .filter(|(number, ..)| asked(self, *number))
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|(number, to_come, issue)| {
                let (outcome, why) = match issue {
                    _ if to_come => (Outcome::False, Some("its time is still to come".to_owned())),
                    Ok(None) => (Outcome::True, None),
                    Ok(Some(issue)) => (Outcome::False, Some(issue.words().to_owned())),
                    Err(_) => (Outcome::Unknown, None),
                };
                self.assignment_explanation(number, rule, outcome, why)
            })
            .collect()
    }

    /// The role of an assignment, with the arguments as a policy writes them, where they are those of the role.
    fn role_of(&self, rule: u32, a: &Assignment) -> String {
        if !self.has_params(rule) {
            return a.role_shown();
        }
        let instance = self.assigned_instance(rule, a, Tri::No);
        instance.map_or_else(|| a.role_shown(), |x| format!("{}{}", a.role, x.shown))
    }

    /// One assignment that gives a role.
    pub(super) fn assignment_explanation(
        &self,
        number: u32,
        rule: u32,
        outcome: Outcome,
        why: Option<String>,
    ) -> Option<AssignmentExplanation> {
        let a = self.world.background?.assignments.get(number as usize)?;
        let at_most = self.world.program.rules[rule as usize].requestable.as_ref().and_then(|r| r.at_most);
        let until = a.ends(at_most, &self.world.moment.zone);
        Some(AssignmentExplanation {
            role: self.role_of(rule, a),
            outcome,
            why,
            from: a.from.map(|t| t.to_string()),
            until: until.map(|t| t.to_string()),
            granted_by: a.granted_by.clone(),
            ticket: a.ticket.clone(),
            file: a.origin.0.to_string(),
            line: a.origin.1,
        })
    }
}
