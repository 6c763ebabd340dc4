//! When a result can change next: every comparison with time that is evaluated tells the next instant at which it turns
//! round (language.md 7.6).
//! Invariant: as long as the data stay, nothing that was evaluated comes out otherwise before the least of these
//! instants. Comparisons go one way in time (`prov_ir::untimely`), so each is found by halving what is left of the
//! calendar; while it is sought, all other facts stand as they are.

use crate::by_hand::ByHand;
use crate::evaluate::Engine;
use crate::interp::{Interp, Res, Subject};
use crate::names::Rows;
use crate::one::OneDesired;
use crate::time::Clock;
use crate::world::{NO_STATE, World};
use prov_ir::{ExprId, ExprKind};
use prov_model::{
    Background, Date, Duration, Entitlement, IdentityId, Instant, Memory, Moment, Population, StateDef,
    compare,
};
use rustc_hash::FxHashMap;
use std::cmp::Ordering;

/// What is noted while a result is worked out.
pub(crate) struct Wake {
    /// The moment of the evaluation.
    clock: Clock,
    next: Option<Instant>,
    /// Whether a comparison is being tried at other moments.
    seeking: bool,
    /// States of others, as they are at the moment of the evaluation.
    states: FxHashMap<(IdentityId, u32), Res<u32>>,
}

impl Wake {
    /// Forgets the state of an identity.
    pub(crate) fn forget(&mut self, ty: IdentityId, row: u32) {
        self.states.remove(&(ty, row));
    }
}

/// The last day whose beginning is looked at.
const LAST: Option<Date> = Some(Date(2_932_894));

impl<'a> Interp<'a> {
    /// From now on notes when comparisons turn round.
    pub(crate) fn note_wakes(&mut self) {
        let states = FxHashMap::default();
        self.wake = Some(Wake { clock: self.clock, next: None, seeking: false, states });
    }

    /// Puts the clock to another moment, forgetting what was noted.
    pub(crate) fn at_moment(&mut self, now: Instant) {
        self.clock = self.clock_at(now);
        if self.wake.is_some() {
            self.note_wakes();
        }
    }

    fn clock_at(&self, now: Instant) -> Clock {
        Clock { now, today: self.world.moment.zone.date_of(now) }
    }

    /// The least instant that was noted.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.wake.as_ref().and_then(|w| w.next)
    }

    /// Notes an instant at which something may change; one that has passed says nothing. Whoever compares with time
    /// outside of an expression calls this.
    pub(crate) fn wake_at(&mut self, instant: Instant) {
        // What is put off to the end of the calendar is never.
        let Some(last) = LAST.map(|day| self.world.moment.zone.instant_at(day, 0, 0)) else { return };
        let comes = |w: &&mut Wake| !w.seeking && instant > w.clock.now && instant < last;
        if let Some(wake) = self.wake.as_mut().filter(comes) {
            wake.next = Some(wake.next.map_or(instant, |n| n.min(instant)));
        }
    }

    /// Notes when a comparison that has just been evaluated turns round.
    pub(crate) fn note(&mut self, id: ExprId) {
        if self.wake.as_ref().is_none_or(|w| w.seeking) || !self.shape.timed[id.0 as usize] {
            return;
        }
        if let Some(instant) = self.turn(id) {
            self.wake_at(instant);
        }
    }

    /// The first instant at which a side of a comparison stands otherwise to the other.
    fn turn(&mut self, id: ExprId) -> Option<Instant> {
        let here = self.clock;
        let last = self.world.moment.zone.instant_at(LAST?, 0, 0);
        self.seeking(true);
        let before = self.orders(id);
        let differs = |me: &mut Self, now: Instant| {
            me.clock = me.clock_at(now);
            me.orders(id) != before
        };
        let mut found = None;
        if here.now < last && differs(self, last) {
            let (mut low, mut high) = (here.now.0, last.0);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if differs(self, Instant(middle)) {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            found = Some(Instant(high));
        }
        self.clock = here;
        self.seeking(false);
        found
    }

    fn seeking(&mut self, on: bool) {
        if let Some(wake) = &mut self.wake {
            wake.seeking = on;
        }
    }

    /// How the sides of a comparison stand to each other.
    fn orders(&mut self, id: ExprId) -> Vec<Option<Ordering>> {
        let mut pairs = Vec::new();
        match &self.world.program.expr(id).kind {
            ExprKind::Compare(_, a, b) => pairs.push((*a, *b)),
            ExprKind::InRange(value, low, high) => pairs.extend([(*value, *low), (*value, *high)]),
            ExprKind::Contains(set, element) => {
                let (Ok(Some(seq)), Ok(element)) = (self.seq(*set), self.eval(*element)) else {
                    return Vec::new();
                };
                return (0..seq.len()).map(|i| Some(compare(&seq.get(i), &element))).collect();
            }
            _ => {}
        }
        let mut order = |a, b| {
            let (a, b) = (self.eval(a).ok()?, self.eval(b).ok()?);
            (!a.is_absent() && !b.is_absent()).then(|| compare(&a, &b))
        };
        pairs.into_iter().map(|(a, b)| order(a, b)).collect()
    }

    /// The state of another identity as it is at the moment of the evaluation, whatever moment a comparison is tried at.
    pub(crate) fn state_then(
        &mut self,
        ty: IdentityId,
        row: u32,
        find: impl Fn(&mut Self) -> Res<u32>,
    ) -> Res<u32> {
        let Some(wake) = &self.wake else { return find(self) };
        if let Some(known) = wake.states.get(&(ty, row)) {
            return *known;
        }
        let (then, clock, seeking) = (wake.clock, self.clock, wake.seeking);
        self.clock = then;
        self.seeking(false);
        let state = find(self);
        self.clock = clock;
        self.seeking(seeking);
        if let Some(wake) = &mut self.wake {
            wake.states.insert((ty, row), state);
        }
        state
    }
}

/// Moments that are looked at for a change, at most.
const HOPS: usize = 10_000;

impl Engine {
    /// The first moment after another at which the result of an identity changes, with the data and the background as they
    /// are: its state, its accounts, what it holds, whether it is held, or a verb of its state whose time has come. None
    /// where nothing changes any more.
    pub fn next_change(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
    ) -> Option<Instant> {
        // What is not revoked for an observed grant is, once that gives it no more.
        if let Some(giving) = self.giving() {
            let then = giving.next_change(population, who, moment, background);
            return self.own_change(population, who, moment, background).into_iter().chain(then).min();
        }
        self.own_change(population, who, moment, background)
    }

    fn own_change(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
    ) -> Option<Instant> {
        let before = self.evaluate_one(population, who, moment, background);
        let key = population.of(who.0).table.key(who.1).unwrap_or("");
        let id = self.program().schema.global_id(who.0, key);
        let states = self.program().schema.identity(who.0).lifecycle.as_ref().map_or(&[][..], |l| &l.defs);
        // A verb acts by itself: there is a change then, whatever else.
        let verb = verb(before.state, states, moment, background, &id);
        let mut at = moment.clone();
        for _ in 0..HOPS {
            let Some(next) = self.next_turn(population, who, &at, background).0 else { return verb };
            if verb.is_some_and(|v| v <= next) {
                return verb;
            }
            at = Moment::at_instant(next, moment.zone.clone());
            let after = self.evaluate_one(population, who, &at, background);
            let held = |one: &OneDesired| -> Vec<Entitlement> {
                one.holdings.iter().map(|c| c.entitlement.clone()).collect()
            };
            // Who is held loses what a forbid takes for certain, and what is over.
            let forbids = |one: &OneDesired| {
                one.hold.as_ref().map(|_| (one.active_forbids.clone(), one.ran_out.clone()))
            };
            if (after.state, &after.hold, &after.accounts) != (before.state, &before.hold, &before.accounts)
                || held(&after) != held(&before)
                || forbids(&after) != forbids(&before)
            {
                return Some(next);
            }
        }
        None
    }

    /// The next moment at which the result of an identity can change; before it, nothing changes.
    pub fn next_wake(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
    ) -> Option<Instant> {
        let key = population.of(who.0).table.key(who.1).unwrap_or("");
        let id = self.program().schema.global_id(who.0, key);
        let states = self.program().schema.identity(who.0).lifecycle.as_ref().map_or(&[][..], |l| &l.defs);
        let (turn, state) = self.next_turn(population, who, moment, background);
        let verb = verb((state != NO_STATE).then_some(state), states, moment, background, &id);
        let giving = self.giving().and_then(|e| e.next_wake(population, who, moment, background));
        turn.into_iter().chain(verb).chain(giving).min()
    }

    /// When those who are in no source are ended for it, and when verbs of the states that ended them act.
    pub fn waits_of_missing(&self, memory: &Memory, moment: &Moment) -> Vec<Instant> {
        let schema = &self.program().schema;
        let waits = schema.sources.iter().filter_map(|s| s.missing.as_ref());
        let mut days: Vec<Date> =
            waits.flat_map(|m| memory.missing.values().map(|since| since.plus(m.after))).collect();
        for since in memory.missing.keys().filter_map(|id| memory.states.get(id)) {
            let lifecycles = schema.identities.iter().filter_map(|i| i.lifecycle.as_ref());
            let states = lifecycles.flat_map(|l| &l.defs).filter(|s| s.name == since.state);
            let verbs = states.flat_map(|s| &s.verbs).filter_map(|v| v.after);
            days.extend(verbs.map(|after| since.since.plus(after)));
        }
        days.into_iter().map(|day| moment.zone.instant_at(day, 0, 0)).filter(|at| *at > moment.now).collect()
    }

    /// The next moment at which something that was looked at comes out otherwise, and the state now.
    fn next_turn(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
    ) -> (Option<Instant>, u32) {
        let world = self.ready().world(population, moment, background, None);
        let by_hand = ByHand::of(world.program, population, moment, background, Some(who));
        let world = World { by_hand: Some(&by_hand), ..world };
        let known = self.known(world, &Rows::One(who.0, who.1));
        let world = World { names: known.names.as_ref(), ..world };
        let mut interp = Interp::new(world, &self.ready().shape, Subject::Identity(who.0, who.1));
        interp.note_wakes();
        let state = interp.decide(|_| false).state;
        (interp.next_wake(), state)
    }
}

/// When the next verb of a state acts.
fn verb(
    state: Option<u32>,
    states: &[StateDef],
    moment: &Moment,
    background: &Background,
    id: &str,
) -> Option<Instant> {
    let state = states.get(state? as usize)?;
    let remembered = background.memory.states.get(id).filter(|m| m.state == state.name);
    let since = remembered.map_or(moment.today, |m| m.since);
    let ends = |after: Duration| moment.zone.instant_at(since.plus(after), 0, 0);
    let waits = state.verbs.iter().filter_map(|v| v.after).map(ends);
    waits.filter(|at| *at > moment.now).min()
}
