//! The coming changes: what plans will have to do, and when, as long as the data stay as they are.
//! Invariant: each moment that is named has a plan that does something, someone in another state, or a source that grows
//! too old; at no other moment would a plan do anything, if each is carried out.

use crate::engine::{Desired, Engine};
use crate::error::Error;
use crate::population::{Actual, Population};
use prov_model::{Background, GuardWhat, Instant, Memory, Moment, TimePoint};
use prov_plan::{Because, Plan, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A moment at which something changes.
#[derive(Debug)]
pub struct Coming {
    /// The moment.
    pub at: Moment,
    /// Who enters which state.
    pub states: Vec<StateChange>,
    /// Sources that have grown too old for a guard, which was not so before.
    pub stale: Vec<Verdict>,
    /// What is to be done then.
    pub plan: Plan,
}

/// Someone enters another state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The global id.
    pub identity: String,
    /// The state before, where it is known.
    pub from: Option<String>,
    /// The state after, where it is known.
    pub to: Option<String>,
    /// The state in the policy, and the federations by which a guest is out from then on, or was until then.
    pub because: Vec<Because>,
}

impl Coming {
    /// The moment as people say it: the day, where it is its beginning in the policy's zone, else the instant in UTC.
    pub fn shown(&self) -> String {
        let begins = self.at.zone.instant_at(self.at.today, 0, 0) == self.at.now;
        if begins { self.at.today.to_string() } else { self.at.now.to_string() }
    }
}

/// The people as they are at a moment, by rows that count from a day on.
pub type PeopleAt<'a> = &'a dyn Fn(&Moment) -> Result<Population, Error>;

impl Engine {
    /// What changes after one moment and up to another, with the data as they are, if a plan is carried out at the first
    /// moment and at each that is named. Rows that are to count from a later day are not looked ahead to.
    pub fn schedule(
        &self,
        people: &Population,
        actual: &Actual,
        at: &Moment,
        until: &Moment,
        background: &Background,
    ) -> Vec<Coming> {
        let mut run = Run::new(self, people.clone(), actual, background);
        let coming = run.look_ahead(at, until, None);
        coming.expect("only reading people anew can fail")
    }

    /// The same, with rows that count from a later day (`effective from`): `people` reads everyone as they are at a moment.
    ///
    /// # Errors
    /// Those of `people`.
    pub fn schedule_with(
        &self,
        people: PeopleAt<'_>,
        actual: &Actual,
        at: &Moment,
        until: &Moment,
        background: &Background,
    ) -> Result<Vec<Coming>, Error> {
        let mut run = Run::new(self, people(at)?, actual, background);
        run.look_ahead(at, until, Some(people))
    }
}

/// Plans that are carried out one after another.
struct Run<'a> {
    engine: &'a Engine,
    people: Population,
    actual: Actual,
    background: Background,
}

impl<'a> Run<'a> {
    fn new(engine: &'a Engine, people: Population, actual: &Actual, background: &Background) -> Run<'a> {
        Run { engine, people, actual: actual.clone(), background: background.clone() }
    }

    fn look_ahead(
        &mut self,
        at: &Moment,
        until: &Moment,
        load: Option<PeopleAt<'_>>,
    ) -> Result<Vec<Coming>, Error> {
        let (mut before, plan) = self.carry_out(at);
        let mut old = stale(&plan);
        let mut wakes: BTreeMap<String, Option<Instant>> = BTreeMap::new();
        let mut moment = at.clone();
        let mut coming = Vec::new();
        loop {
            self.wakes(&before, &moment, &mut wakes);
            let rows = load.and_then(|_| self.next_row(&moment));
            let others =
                deadlines(self.engine, &self.people, &moment, &self.background).into_iter().chain(rows);
            let next = wakes.values().flatten().copied().chain(others).filter(|n| *n > moment.now).min();
            let Some(next) = next.filter(|n| *n <= until.now) else { return Ok(coming) };
            moment = Moment::at_instant(next, at.zone.clone());
            wakes.retain(|_, wake| wake.is_some_and(|w| w > next));
            if let Some(load) = load.filter(|_| rows == Some(next)) {
                // Whoever refers to those whose rows change may change too.
                self.people = load(&moment)?;
                wakes.clear();
            }
            let (desired, plan) = self.carry_out(&moment);
            let states = self.changed(&before, &desired);
            let now = stale(&plan);
            let new: Vec<Verdict> =
                now.iter().filter(|v| !old.iter().any(|o| o.guard == v.guard)).cloned().collect();
            if !states.is_empty() || !plan.is_empty() || !new.is_empty() {
                // Who was acted upon, or is in another state, may wait for something new.
                plan.actions().for_each(|a| {
                    wakes.remove(a.identity());
                });
                states.iter().for_each(|s| {
                    wakes.remove(&s.identity);
                });
                coming.push(Coming { at: moment.clone(), states, stale: new, plan });
            }
            (before, old) = (desired, now);
        }
    }

    fn carry_out(&mut self, at: &Moment) -> (Desired, Plan) {
        self.background.actual = Some(self.actual.state());
        let desired = self.engine.evaluate_with(&self.people, at, &self.background);
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

    /// The first day on which another row of someone counts.
    fn next_row(&self, at: &Moment) -> Option<Instant> {
        let days = self.people.data.types.iter().flat_map(|t| t.upcoming.values());
        days.min().map(|day| at.zone.instant_at(*day, 0, 0))
    }

    fn changed(&self, before: &Desired, after: &Desired) -> Vec<StateChange> {
        let named = |s: Option<&str>| s.map(str::to_owned);
        let ids: BTreeSet<&str> = after.ids().collect();
        let mut out = Vec::new();
        for id in ids {
            let (from, to) = (before.state(id), after.state(id));
            if from == to {
                continue;
            }
            let (identity, from, to) = (id.to_owned(), named(from), named(to));
            out.push(StateChange { identity, from, to, because: self.why(id, before, after) });
        }
        out
    }

    fn why(&self, id: &str, before: &Desired, after: &Desired) -> Vec<Because> {
        let schema = self.engine.policy().schema();
        let Some(position) = after.data.position(id) else { return Vec::new() };
        let lifecycle = schema.identity(after.data.rows[position].0).lifecycle.as_ref();
        let state = lifecycle.and_then(|l| l.defs.get(after.data.states[position] as usize));
        // Federations are sorted by name.
        let federations: BTreeSet<u32> = [before, after]
            .into_iter()
            .filter_map(|desired| Some((desired, desired.data.position(id)? as u32)))
            .flat_map(|(desired, at)| desired.data.out.iter().filter(move |o| o.0 == at).filter_map(|o| o.1))
            .collect();
        let federations = federations.iter().filter_map(|n| schema.federations.get(*n as usize));
        let rules = state.map(|s| s.rule).into_iter().chain(federations.map(|f| f.rule));
        rules
            .map(|rule| schema.rule(rule))
            .map(|r| Because { rule: r.name.clone(), file: r.file.clone(), line: r.line, kind: r.kind })
            .collect()
    }
}

/// The next moment after one at which a run can come out otherwise than at that one, as long as the data stay; what memory and
/// the actual state are after the run is in `background`. Rows that count from a later day are not looked ahead to.
pub(crate) fn next_wake(
    engine: &Engine,
    people: &Population,
    desired: &Desired,
    at: &Moment,
    background: &Background,
) -> Option<Instant> {
    let of_people = desired
        .data
        .rows
        .iter()
        .filter_map(|who| engine.inner().next_wake(&people.data, *who, at, background));
    // What was decided by hand is told of, or no longer, when its time comes, of people who are nowhere too.
    let assignments = background.assignments.iter().flat_map(|a| [a.from, a.until]);
    let by_hand = assignments.flatten().chain(background.exceptions.iter().map(|e| e.until));
    of_people
        .chain(deadlines(engine, people, at, background))
        .chain(by_hand.map(|limit| limit.instant(&at.zone)))
        .filter(|wake| *wake > at.now)
        .min()
}

/// When something ends, or turns, that is no identity's of the population: the wait of who is missing, what their last good
/// record says, the verbs of the state that ended them, the age of a source.
fn deadlines(engine: &Engine, people: &Population, at: &Moment, background: &Background) -> Vec<Instant> {
    let memory = &background.memory;
    let mut all = engine.inner().waits_of_missing(memory, at);
    all.extend(engine.inner().wakes_of_missing(memory, at, background));
    for guard in &engine.policy().schema().guards {
        let GuardWhat::Age { source, at_most } = &guard.what else { continue };
        let name = &engine.policy().schema().sources[*source as usize].name;
        let count = people.data.counts.iter().find(|c| c.source == *name);
        let Some(as_of) = count.and_then(|c| c.as_of) else { continue };
        // It trips once more than the limit has passed.
        let limit = TimePoint::Instant(as_of).plus(*at_most, &at.zone).instant(&at.zone);
        all.push(Instant(limit.0.saturating_add(1)));
    }
    all
}

/// Guards on the age of sources that trip.
fn stale(plan: &Plan) -> Vec<Verdict> {
    plan.tripped().filter(|v| v.what == "age").cloned().collect()
}
