//! How long the phases of a run take, by a clock that is handed in. Invariant: nothing here reads a clock by itself, and no
//! result hangs on one; without a [`Stopwatch`] nothing is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is asked how much of something has been used so far. Whoever starts a run brings one.
pub trait Meter: Send + Sync + std::fmt::Debug {
    /// The time since some fixed moment; never less than it was.
    fn elapsed(&self) -> Duration;
    /// How many bytes the process holds, where that can be told.
    fn resident(&self) -> Option<u64> {
        None
    }
}

/// A part of the work of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The policy is read, checked and made ready.
    Policy,
    /// The files of sources become rows.
    Sources,
    /// Rows become identities.
    Population,
    /// The actual state is read.
    Actual,
    /// What everyone should have is worked out.
    Evaluate,
    /// The state of everyone.
    States,
    /// Values become classes, rules find their lists.
    Encode,
    /// Who has which rules, and what these give.
    Blocks,
    /// Rules are matched.
    Match,
    /// What the rules that match give, where columns alone decide.
    Gather,
    /// The interpreter decides.
    Interpret,
    /// The blocks are put together.
    Merge,
    /// What everyone should have is held against what they have.
    Plan,
    /// Each one's actions.
    Diff,
    /// Why actions stand in the plan.
    Reasons,
    /// Actions get their order, ids and causes, guards are asked.
    Assemble,
    /// The plan is written.
    Write,
}

impl Phase {
    /// All, in the order in which a plan goes through them; parts follow what they are parts of.
    pub const ALL: [Phase; 17] = [
        Phase::Policy,
        Phase::Sources,
        Phase::Population,
        Phase::Actual,
        Phase::Evaluate,
        Phase::States,
        Phase::Encode,
        Phase::Blocks,
        Phase::Match,
        Phase::Gather,
        Phase::Interpret,
        Phase::Merge,
        Phase::Plan,
        Phase::Diff,
        Phase::Reasons,
        Phase::Assemble,
        Phase::Write,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Policy => "read the policy",
            Phase::Sources => "read sources",
            Phase::Population => "build the population",
            Phase::Actual => "read the actual state",
            Phase::Evaluate => "evaluate",
            Phase::States => "states",
            Phase::Encode => "encode",
            Phase::Blocks => "decide",
            Phase::Match => "match rules",
            Phase::Gather => "gather",
            Phase::Interpret => "interpreter",
            Phase::Merge => "merge",
            Phase::Plan => "plan",
            Phase::Diff => "diff",
            Phase::Reasons => "reasons",
            Phase::Assemble => "order and guards",
            Phase::Write => "write",
        }
    }

    /// What it is a part of.
    pub fn within(self) -> Option<Phase> {
        match self {
            Phase::States | Phase::Encode | Phase::Blocks | Phase::Merge => Some(Phase::Evaluate),
            Phase::Match | Phase::Gather | Phase::Interpret => Some(Phase::Blocks),
            Phase::Diff | Phase::Assemble => Some(Phase::Plan),
            Phase::Reasons => Some(Phase::Diff),
            Phase::Policy
            | Phase::Sources
            | Phase::Population
            | Phase::Actual
            | Phase::Evaluate
            | Phase::Plan
            | Phase::Write => None,
        }
    }

    /// Whether it runs on several threads at once, whose times are added up.
    pub fn is_shared(self) -> bool {
        match self {
            Phase::Match | Phase::Gather | Phase::Interpret | Phase::Reasons => true,
            Phase::Policy
            | Phase::Sources
            | Phase::Population
            | Phase::Actual
            | Phase::Evaluate
            | Phase::States
            | Phase::Encode
            | Phase::Blocks
            | Phase::Merge
            | Phase::Plan
            | Phase::Diff
            | Phase::Assemble
            | Phase::Write => false,
        }
    }
}

/// What a phase took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// The phase.
    pub phase: Phase,
    /// Its time; of all threads together where it [is shared](Phase::is_shared).
    pub time: Duration,
    /// What the process held at its end, where that can be told.
    pub resident: Option<u64>,
}

/// Adds up times by phase; shared by all threads of a run.
#[derive(Debug)]
pub struct Stopwatch {
    meter: Box<dyn Meter>,
    /// By phase, in nanoseconds.
    times: [AtomicU64; Phase::ALL.len()],
    /// By phase, in bytes; 0 where nobody said.
    resident: [AtomicU64; Phase::ALL.len()],
    /// By phase: how often it was gone through.
    rounds: [AtomicU64; Phase::ALL.len()],
}

impl Stopwatch {
    /// One that has measured nothing yet.
    pub fn new(meter: impl Meter + 'static) -> Stopwatch {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Stopwatch { meter: Box::new(meter), times: zeros(), resident: zeros(), rounds: zeros() }
    }

    /// Does something and adds its time to a phase.
    pub fn time<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let since = self.begin();
        let result = work();
        self.end(phase, since);
        result
    }

    /// The time now, for [`Stopwatch::end`].
    pub fn begin(&self) -> Duration {
        self.meter.elapsed()
    }

    /// Adds what has passed since [`Stopwatch::begin`] to a phase.
    pub fn end(&self, phase: Phase, since: Duration) {
        let passed = self.meter.elapsed().saturating_sub(since);
        let at = phase as usize;
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        self.times[at].fetch_add(nanos, Ordering::Relaxed);
        self.rounds[at].fetch_add(1, Ordering::Relaxed);
        // Asking for memory is dear: only where one thread goes through a phase, and seldom.
        if !phase.is_shared()
            && let Some(bytes) = self.meter.resident()
        {
            self.resident[at].fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// What was measured, in order; phases that nothing went through are left out.
    pub fn laps(&self) -> Vec<Lap> {
        let went = |p: &Phase| self.rounds[*p as usize].load(Ordering::Relaxed) > 0;
        let lap = |phase: Phase| Lap {
            phase,
            time: Duration::from_nanos(self.times[phase as usize].load(Ordering::Relaxed)),
            resident: Some(self.resident[phase as usize].load(Ordering::Relaxed)).filter(|b| *b > 0),
        };
        Phase::ALL.into_iter().filter(went).map(lap).collect()
    }
}

/// Does something, timed where there is a watch.
pub fn timed<T>(watch: Option<&Stopwatch>, phase: Phase, work: impl FnOnce() -> T) -> T {
    match watch {
        Some(watch) => watch.time(phase, work),
        None => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_numbered_in_their_order_and_parts_follow_their_whole() {
        for (at, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, at, "{phase:?}");
            assert!(phase.within().is_none_or(|whole| whole < phase), "{phase:?}");
        }
    }

    #[test]
    fn times_add_up_and_what_was_not_gone_through_is_not_told() {
        #[derive(Debug)]
        struct Steps(AtomicU64);
        impl Meter for Steps {
            fn elapsed(&self) -> Duration {
                Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
            }
            fn resident(&self) -> Option<u64> {
                Some(7)
            }
        }
        let watch = Stopwatch::new(Steps(AtomicU64::new(0)));
        assert_eq!(timed(Some(&watch), Phase::Match, || 5), 5);
        watch.time(Phase::Match, || ());
        watch.time(Phase::Merge, || ());
        let second = Duration::from_secs(1);
        assert_eq!(
            watch.laps(),
            [
                Lap { phase: Phase::Match, time: 2 * second, resident: None },
                Lap { phase: Phase::Merge, time: second, resident: Some(7) },
            ]
        );
    }
}
