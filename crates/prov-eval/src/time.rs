//! Time in an evaluation: the clock, and the bounds of grants.
//! Invariant: a grant stands from the first moment of `from` until, not including, the first moment of its end; a day
//! begins at 00:00 of the policy's zone.

use crate::interp::{Interp, Res};
use prov_ir::{ExprId, GrantProgram};
use prov_model::{Date, Duration, Instant, Moment, TimePoint, Value};

/// What `now` and `today` read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub now: Instant,
    pub today: Date,
}

impl Clock {
    /// Whether a day or an instant has come.
    pub(crate) fn has_come(self, point: TimePoint) -> bool {
        match point {
            TimePoint::Day(day) => self.today >= day,
            TimePoint::Instant(instant) => self.now >= instant,
        }
    }
}

impl From<&Moment> for Clock {
    fn from(moment: &Moment) -> Clock {
        Clock { now: moment.now, today: moment.today }
    }
}

/// Which bound of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoundWord {
    From,
    Until,
    Through,
}

/// A bound that was looked at, for explanations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub word: BoundWord,
    pub at: ExprId,
    /// A day or an instant, where it is known.
    pub value: Option<(Option<Date>, Instant)>,
    /// Whether the grant stands as far as this bound goes.
    pub holds: Res<bool>,
}

impl<'a> Interp<'a> {
    /// Whether a grant stands: its `when` holds, and now is within its bounds.
    pub(crate) fn stands(&mut self, grant: &GrantProgram) -> Res<bool> {
        match self.holds(grant.when) {
            Ok(false) => Ok(false),
            Ok(true) => self.in_time(grant),
            // What can't be known matters only where the time has come.
            Err(unknown) => match self.in_time(grant) {
                Ok(false) => Ok(false),
                Ok(true) | Err(_) => Err(unknown),
            },
        }
    }

    fn in_time(&mut self, grant: &GrantProgram) -> Res<bool> {
        let from = grant.from.map(|at| self.within(BoundWord::From, at));
        let until = grant.until.map(|end| {
            let word = if end.through { BoundWord::Through } else { BoundWord::Until };
            self.within(word, end.at)
        });
        let mut unknown = None;
        for bound in [from, until].into_iter().flatten() {
            match bound {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(u) => unknown = unknown.or(Some(u)),
            }
        }
        unknown.map_or(Ok(true), Err)
    }

    /// The first moment of a day.
    fn begins(&self, day: Date) -> Instant {
        self.world.moment.zone.instant_at(day, 0, 0)
    }

    /// Whether now is on the right side of a bound.
    pub(crate) fn within(&mut self, word: BoundWord, at: ExprId) -> Res<bool> {
        let value = self.eval(at);
        let turns = match (&value, word) {
            (Ok(Value::Date(day)), BoundWord::From | BoundWord::Until) => Some(self.begins(*day)),
            (Ok(Value::Date(day)), BoundWord::Through) => {
                Some(self.begins(day.plus(Duration { months: 0, days: 1 })))
            }
            (Ok(Value::Instant(at)), BoundWord::From | BoundWord::Until) => Some(*at),
            (Ok(Value::Instant(at)), BoundWord::Through) => Some(Instant(at.0.saturating_add(1))),
            (Ok(_) | Err(_), _) => None,
        };
        if let Some(turns) = turns {
            self.wake_at(turns);
        }
        let (point, holds) = match value {
            Ok(Value::Date(day)) => {
                let today = self.clock.today;
                let begins = self.begins(day);
                let holds = match word {
                    BoundWord::From => today >= day,
                    BoundWord::Until => today < day,
                    BoundWord::Through => today <= day,
                };
                (Some((Some(day), begins)), Ok(holds))
            }
            Ok(Value::Instant(instant)) => {
                let now = self.clock.now;
                let holds = match word {
                    BoundWord::From => now >= instant,
                    BoundWord::Until => now < instant,
                    BoundWord::Through => now <= instant,
                };
                (Some((None, instant)), Ok(holds))
            }
            // The checker settles presence and type.
            Ok(_) => (None, Ok(false)),
            Err(unknown) => (None, Err(unknown)),
        };
        if let Some(bounds) = &mut self.bounds {
            bounds.push(Bound { word, at, value: point, holds });
        }
        holds
    }
}
