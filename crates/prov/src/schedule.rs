//! The coming changes: what plans will have to do, and when, as long as the data stay as they are.
//! Invariant: each moment that is named has a plan that does something, or someone in another state; at no other moment
//! would a plan do anything, if each is carried out.

use crate::engine::{Desired, Engine};
use crate::population::{Actual, Population};
use prov_model::{Background, Instant, Memory, Moment};
use prov_plan::Plan;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A moment at which something changes.
#[derive(Debug)]
pub struct Coming {
    /// The moment.
    pub at: Moment,
    /// Who enters which state: global id, the state before, and the state.
    pub states: Vec<(String, Option<String>, Option<String>)>,
    /// What is to be done then.
    pub plan: Plan,
}

impl Coming {
    /// The moment as people say it: the day, where it is its beginning in the policy's zone, else the instant in UTC.
    pub fn shown(&self) -> String {
        let begins = self.at.zone.instant_at(self.at.today, 0, 0) == self.at.now;
        if begins { self.at.today.to_string() } else { self.at.now.to_string() }
    }
}

impl Engine {
    /// What changes after one moment and up to another, with the data as they are, if a plan is carried out at the first
    /// moment and at each that is named.
    pub fn schedule(
        &self,
        people: &Population,
        actual: &Actual,
        at: &Moment,
        until: &Moment,
        background: &Background,
    ) -> Vec<Coming> {
        let mut run = Run { engine: self, people, actual: actual.clone(), background: background.clone() };
        let (mut before, _) = run.carry_out(at);
        let mut wakes: BTreeMap<String, Option<Instant>> = BTreeMap::new();
        let mut moment = at.clone();
        let mut coming = Vec::new();
        loop {
            run.wakes(&before, &moment, &mut wakes);
            let ends = self.inner().waits_of_missing(&run.background.memory, &moment);
            let left = self.inner().wakes_of_missing(&run.background.memory, &moment, &run.background);
            let next =
                wakes.values().flatten().copied().chain(ends).chain(left).filter(|n| *n > moment.now).min();
            let Some(next) = next.filter(|n| *n <= until.now) else { return coming };
            moment = Moment::at_instant(next, at.zone.clone());
            wakes.retain(|_, wake| wake.is_some_and(|w| w > next));
            let (desired, plan) = run.carry_out(&moment);
            let states = changed(&before, &desired);
            if !states.is_empty() || !plan.is_empty() {
                // Who was acted upon may wait for something new.
                plan.actions().for_each(|a| {
                    wakes.remove(a.identity());
                });
                coming.push(Coming { at: moment.clone(), states, plan });
            }
            before = desired;
        }
    }
}

/// Plans that are carried out one after another.
struct Run<'a> {
    engine: &'a Engine,
    people: &'a Population,
    actual: Actual,
    background: Background,
}

impl Run<'_> {
    fn carry_out(&mut self, at: &Moment) -> (Desired, Plan) {
        self.background.actual = Some(self.actual.state());
        let desired = self.engine.evaluate_with(self.people, at, &self.background);
        let memory: Arc<Memory> = self.background.memory.clone();
        let plan = self.engine.plan(&desired, &self.actual, &memory);
        self.background.memory = Arc::new(self.engine.memory_after(&desired, &self.actual, &memory, &plan));
        self.actual = self.actual.after(self.engine.policy(), &plan);
        (desired, plan)
    }

    /// Fills in when the result of those changes of whom that is not known.
    fn wakes(&self, desired: &Desired, at: &Moment, wakes: &mut BTreeMap<String, Option<Instant>>) {
        let background = Background { actual: Some(self.actual.state()), ..self.background.clone() };
        for (id, who) in desired.data.ids.iter().zip(&desired.data.rows) {
            if !wakes.contains_key(&**id) {
                let next = self.engine.inner().next_wake(&self.people.data, *who, at, &background);
                wakes.insert(id.to_string(), next);
            }
        }
    }
}

fn changed(before: &Desired, after: &Desired) -> Vec<(String, Option<String>, Option<String>)> {
    let states = after.ids().map(|id| (id, before.state(id), after.state(id)));
    let named = |s: Option<&str>| s.map(str::to_owned);
    states.filter(|(_, a, b)| a != b).map(|(id, a, b)| (id.to_owned(), named(a), named(b))).collect()
}
