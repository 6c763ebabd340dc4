//! How time passes in a test: every midnight has its run, but for days on which a run could change nothing.
//! Invariant: what a test sees does not depend on the days that are passed over. A day is passed over only after a run that
//! did nothing and left memory as it was, and only up to the next moment at which anything can come out otherwise; the
//! first and the last midnight of each stretch are never passed over, since what the plan of a step finds, and when
//! something kept was lost, hangs on them.

use super::world::{Go, Stop, World, shown};
use crate::schedule::next_wake;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::ExprId;
use prov_model::{Background, Date, Moment, Value};

impl World<'_> {
    /// Time passes: what is pending is carried out first, then the days have their runs.
    pub(super) fn move_to(&mut self, to: Moment, span: Span) -> Go<()> {
        let Some(from) = self.moment.clone() else {
            self.moment = Some(to);
            return Ok(());
        };
        if to.now < from.now {
            return Err(Stop(Box::new(
                Diagnostic::new(&codes::TEST_ORDER, format!("it is {} already", shown(&from)))
                    .at(span, format!("goes back to {}", shown(&to)))
                    .help("time only goes forward; another beginning is another test"),
            )));
        }
        if to.now == from.now {
            return Ok(());
        }
        if self.pending {
            self.run(span)?;
        }
        self.pass_days(&to, span, |_| false)?;
        self.moment = Some(to);
        self.pending = true;
        Ok(())
    }

    /// The runs of the midnights before a moment, up to the first after which `enough` says so; whether it did.
    pub(super) fn pass_days(
        &mut self,
        to: &Moment,
        span: Span,
        mut enough: impl FnMut(&Self) -> bool,
    ) -> Go<bool> {
        let from = self.now();
        let begins = |day: Date| Moment::at_date(day, to.zone.clone());
        let last = if begins(to.today).now < to.now { to.today } else { Date(to.today.0 - 1) };
        let mut day = Date(from.today.0 + 1);
        while day <= last {
            let next = self.run_at(begins(day), last, span)?;
            if enough(self) {
                return Ok(true);
            }
            if self.every_day {
                self.check_days(day, next, to, span)?;
            }
            day = next;
        }
        Ok(false)
    }

    /// One run at the beginning of a day; the day that is to have the next.
    fn run_at(&mut self, morning: Moment, last: Date, span: Span) -> Go<Date> {
        let tomorrow = Date(morning.today.0 + 1);
        self.moment = Some(morning);
        self.run(span)?;
        // To ask when something changes costs as much as some runs.
        Ok(if self.still && tomorrow.0 + 2 < last.0 { self.next_day(last).max(tomorrow) } else { tomorrow })
    }

    /// The first day up to `last` at whose beginning a run can differ from the last one.
    fn next_day(&self, last: Date) -> Date {
        let Some(ran) = &self.ran else { return self.now().today };
        // Another row of someone counts: that is a change of data, which no comparison tells of.
        if ran.people.data.types.iter().any(|t| !t.upcoming.is_empty()) {
            return ran.moment.today;
        }
        let background = Background { memory: self.memory.clone(), ..ran.background.clone() };
        let Some(wake) = next_wake(&self.engine, &ran.people, &ran.desired, &ran.moment, &background) else {
            return last;
        };
        let zone = &ran.moment.zone;
        let day = zone.date_of(wake);
        let begins = zone.instant_at(day, 0, 0) == wake;
        last.min(if begins { day } else { Date(day.0 + 1) })
    }

    /// Runs on days that would have been passed over: the same as the run before, or it is our own mistake.
    fn check_days(&mut self, after: Date, before: Date, to: &Moment, span: Span) -> Go<()> {
        for day in after.0 + 1..before.0 {
            let known = self.plans.last().map(|(_, plan)| plan.findings.clone()).unwrap_or_default();
            self.moment = Some(Moment::at_date(Date(day), to.zone.clone()));
            self.run(span)?;
            let same = self.plans.last().is_some_and(|(_, plan)| plan.findings == known);
            if !self.still || !same {
                let wrong = format!("something changes on {}, which would have been passed over", Date(day));
                return Err(Stop(Box::new(
                    Diagnostic::new(&codes::EXPECTATION_FAILED, wrong).at(span, "in this time"),
                )));
            }
        }
        Ok(())
    }

    /// The moment that an expression of the test comes to.
    pub(super) fn moment_of(&self, expr: ExprId, span: Span) -> Go<Moment> {
        let zone = self.policy().program().zone.clone();
        match self.value(expr) {
            Value::Date(date) => Ok(Moment::at_date(date, zone)),
            Value::Instant(instant) => Ok(Moment::at_instant(instant, zone)),
            _ => Err(Stop(Box::new(
                Diagnostic::new(&codes::TEST_ORDER, "this comes to no date")
                    .at(span, "absent")
                    .help("write the date as it stands: `2026-03-02`"),
            ))),
        }
    }
}
