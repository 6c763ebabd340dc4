//! What would be otherwise if what is observed were applied (items.md, "Observed rules").
//! Invariant: it changes nothing of a plan but that what observed grants would give is not revoked.

use crate::cause::{Cause, KINDS, in_order};
use crate::entitlement::{Ent, same};
use crate::eval::{Eval, Stop};
use crate::facts::known;
use crate::found::Find;
use crate::plan::Planner;

/// How one identity's result would be otherwise.
#[derive(Default)]
pub(crate) struct Would {
    gives: Vec<Ent>,
    withholds: Vec<Ent>,
    /// What observed grants give, whatever withholds it.
    spares: Vec<Ent>,
    /// It can't be known; and whether that is so of what observed grants give.
    unsure: Option<bool>,
}

fn without(list: &[Ent], other: &[Ent]) -> Vec<Ent> {
    list.iter().filter(|e| !other.iter().any(|o| same(o, e))).cloned().collect()
}

impl<'a> Planner<'_, 'a> {
    pub(crate) fn would(&self, position: usize) -> Would {
        let mut would = Would::default();
        let now = &self.decisions[position];
        let Some(trial) = self.trial.filter(|_| !now.held) else { return would };
        if let Some(giving) = self.giving {
            let then = &giving.decisions[position];
            would.unsure = then.held.then_some(true);
            would.spares = without(&then.entitlements, &now.entitlements);
        }
        let then = &trial.decisions[position];
        if then.held {
            would.unsure = would.unsure.or(Some(false));
            return would;
        }
        would.gives = without(&then.entitlements, &now.entitlements);
        would.withholds = without(&now.entitlements, &then.entitlements);
        would
    }

    /// What is told of someone.
    pub(crate) fn tell_would(&self, id: &str, position: usize, found: &mut Vec<Find>) -> Result<(), Stop> {
        let would = self.would(position);
        for ent in &would.gives {
            found.push(self.would_be(id, position, ent, true)?);
        }
        for ent in &would.withholds {
            found.push(self.would_be(id, position, ent, false)?);
        }
        if would.unsure.is_some() {
            found.push(Find::of("would_unknown", id));
        }
        Ok(())
    }

    /// Whether what is held is not revoked since observed grants would give it; and what nothing else tells of that.
    pub(crate) fn spares(&self, id: &str, position: usize, held: &Ent) -> Result<(bool, Option<Find>), Stop> {
        let would = self.would(position);
        if would.unsure == Some(true) {
            return Ok((true, None));
        }
        let Some(ent) = would.spares.iter().find(|e| same(e, held)) else { return Ok((false, None)) };
        let told = would.gives.iter().any(|e| same(e, held));
        let find = if told { None } else { Some(self.would_be(id, position, ent, false)?) };
        Ok((true, find))
    }

    fn would_be(&self, id: &str, position: usize, ent: &Ent, gives: bool) -> Result<Find, Stop> {
        let mut find = Find::of(if gives { "would_grant" } else { "would_withhold" }, id);
        find.app = Some(ent.app.clone());
        find.ent = Some((ent.kind.clone(), Some(ent.value.clone())));
        let Some(trial) = self.trial else { return Ok(find) };
        let then = Eval::new(&trial.world);
        let mut causes = if gives {
            then.heads(then.why_granted(position, ent)?)
        } else {
            self.withholding(&then, position, ent)?
        };
        if causes.is_empty() && !gives {
            // Nothing withholds it: the rules that give it now would not.
            let now = Eval::new(self.world);
            causes = now.heads(now.why_granted(position, ent)?);
        }
        causes.retain(|c| KINDS.get(c.kind) != Some(&"exception"));
        let observed = |c: &Cause| self.is_observed(c);
        if causes.iter().any(observed) {
            causes.retain(observed);
        }
        find.because = in_order(causes);
        Ok(find)
    }

    fn is_observed(&self, cause: &Cause) -> bool {
        let policy = &self.world.policy;
        let rules = policy.rules.iter().filter(|r| r.observed).map(|r| &r.cause);
        let forbids = policy.forbids.iter().filter(|f| f.observed).flat_map(|f| &f.causes);
        let separations = policy.separations.iter().filter(|s| s.observed).map(|s| &s.cause);
        rules.chain(forbids).chain(separations).any(|c| c == cause)
    }

    /// What withholds something in the trial.
    fn withholding(&self, then: &Eval<'_, 'a>, position: usize, ent: &Ent) -> Result<Vec<Cause>, Stop> {
        let Some(trial) = self.trial else { return Ok(Vec::new()) };
        let decision = &trial.decisions[position];
        let mut causes = Vec::new();
        for (_, issue) in decision.withheld.iter().filter(|(e, _)| same(e, ent)) {
            causes.extend(then.why_withheld(position, ent, *issue)?);
        }
        if known(then.blocked(position, &ent.app))? == Some(true)
            && !then.why_granted(position, ent)?.is_empty()
            && let Some(app) = self.world.policy.app(&ent.app)
        {
            let state = then.state_def(position, decision.state);
            match state.filter(|s| crate::decide::drops(s, app.name)) {
                Some(_) => causes.extend(then.state_cause(position)?),
                None => causes.push(self.account_cause(Some(position), app)),
            }
        }
        causes.extend(then.by_withheld_roles(position, ent)?);
        Ok(causes)
    }
}

impl<'a> Eval<'_, 'a> {
    /// Rules without the lines of their grants and without arguments.
    fn heads(&self, causes: Vec<Cause>) -> Vec<Cause> {
        let head = |cause: Cause| {
            let rules = &self.world.policy.rules;
            let name = cause.rule.split('(').next().unwrap_or_default();
            rules.iter().map(|r| &r.cause).find(|c| (c.kind, c.rule.as_str()) == (cause.kind, name)).cloned()
        };
        causes.into_iter().filter_map(head).collect()
    }
}
