//! Roles that are given by hand (items.md, "requestable"; files.md, "Assignments").
//! Invariant: a row is judged by what holds at this moment.

use crate::calendar;
use crate::eval::{Eval, Res, Scope, Stop, bug};
use crate::facts::either;
use crate::instances::Inst;
use crate::policy::{Rule, When};
use crate::value::Value;
use crate::world::World;
use prov_model::{Assignment, Elapsed, Instant, TimePoint};

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Its time is still to come.
    ToCome,
    Honoured,
    Expired,
    Unmatched,
}

impl<'a> World<'a> {
    /// The instant of a moment: a day begins at 00:00 of the policy's zone.
    pub(crate) fn instant(&self, at: TimePoint) -> Instant {
        match at {
            TimePoint::Day(day) => calendar::instant_at(day, 0, 0, &self.zone),
            TimePoint::Instant(instant) => instant,
        }
    }

    /// Whether a moment has come.
    pub(crate) fn has_come(&self, at: TimePoint) -> bool {
        match at {
            TimePoint::Day(day) => day <= self.today,
            TimePoint::Instant(instant) => {
                self.note(instant);
                instant <= self.now
            }
        }
    }

    /// A moment and an amount of time: a day and calendar time make a day.
    pub(crate) fn later(&self, at: TimePoint, by: &Value) -> Option<TimePoint> {
        Some(match (at, by) {
            (TimePoint::Day(day), Value::Duration(d)) => TimePoint::Day(calendar::plus(day, *d)),
            (TimePoint::Instant(i), Value::Duration(d)) => {
                TimePoint::Instant(calendar::instant_plus(i, *d, &self.zone))
            }
            (at, Value::Elapsed(Elapsed(e))) => {
                TimePoint::Instant(Instant(self.instant(at).0.saturating_add(*e)))
            }
            _ => return None,
        })
    }
}

impl<'a> Eval<'_, 'a> {
    /// Whether an identity was given a role by hand, and may have it.
    pub(crate) fn assigned_by_hand(&self, person: usize, rule: &Rule<'a>) -> Res<bool> {
        let given = self.given_by_hand(person, rule)?;
        let mut any = Some(false);
        for (_, is) in &given {
            any = either(any, *is);
        }
        any.ok_or(Stop::Unknown)
    }

    /// What of a role an identity was given by hand, and whether it may have that.
    pub(crate) fn given_by_hand(&self, person: usize, rule: &Rule<'a>) -> Res<Vec<(Inst, Option<bool>)>> {
        let mut out = Vec::new();
        let id = &self.world.people[person].id;
        for row in self.world.hand.assignments.iter().filter(|a| a.identity == *id && a.role == rule.name) {
            let is = match self.judge(person, row) {
                Ok(Judged::Honoured) => Some(true),
                Ok(Judged::ToCome | Judged::Expired | Judged::Unmatched) => continue,
                Err(Stop::Unknown) => None,
                Err(stop) => return Err(stop),
            };
            out.extend(self.inst_of_row(rule, row).map(|inst| (inst, is)));
        }
        Ok(out)
    }

    /// Whether an assignment of a role that can be asked for has ended.
    pub(crate) fn has_ended(&self, row: &Assignment, rule: &Rule<'a>) -> Res<bool> {
        let Some(limits) = rule.requestable else { return Ok(false) };
        let at_most = limits.at_most.as_ref().map(|e| self.eval(e, &Scope::default(), None)).transpose()?;
        let latest = row.from.zip(at_most).and_then(|(from, at_most)| self.world.later(from, &at_most));
        Ok(row.until.or(latest).is_some_and(|end| self.world.has_come(end)))
    }

    /// What becomes of a row that names an identity.
    pub(crate) fn judge(&self, person: usize, row: &Assignment) -> Res<Judged> {
        if row.from.is_some_and(|from| !self.world.has_come(from)) {
            return Ok(Judged::ToCome);
        }
        let one = &self.world.people[person];
        let rule =
            self.world.policy.rules.iter().find(|r| r.name == row.role && !matches!(r.when, When::Always));
        let Some((rule, limits)) = rule.and_then(|r| Some((r, r.requestable?))) else {
            return Ok(Judged::Unmatched);
        };
        if rule.for_type.is_some_and(|t| t != one.of) {
            return Ok(Judged::Unmatched);
        }
        let at_most = limits.at_most.as_ref().map(|e| self.eval(e, &Scope::default(), None)).transpose()?;
        let latest = match (row.from, &at_most) {
            (Some(from), Some(at_most)) => match self.world.later(from, at_most) {
                Some(latest) => Some(latest),
                None => return bug("`for at most` what is no time"),
            },
            _ => None,
        };
        let ends = row.until.or(latest);
        if ends.is_some_and(|end| self.world.has_come(end)) {
            return Ok(Judged::Expired);
        }
        let too_long = match (at_most.is_some(), latest, ends) {
            (false, ..) => false,
            (true, Some(latest), Some(end)) => self.world.instant(end) > self.world.instant(latest),
            (true, ..) => true,
        };
        let inst = self.inst_of_row(rule, row).filter(|i| i.args.len() == row.args.len());
        let Some(inst) = inst.filter(|_| !too_long) else { return Ok(Judged::Unmatched) };
        let scope = self.within(person, rule, &inst);
        if let Some(by) = &limits.approved_by {
            let Some(granted_by) = row.granted_by.as_ref().filter(|g| **g != row.identity) else {
                return Ok(Judged::Unmatched);
            };
            let names = match self.eval(by, &scope, None)? {
                Value::Person(other) => self.world.people[other].id == *granted_by,
                Value::Set(all) => all.iter().any(|v| v.letters() == Some(granted_by.as_str())),
                value => value.letters() == Some(granted_by.as_str()),
            };
            if !names {
                return Ok(Judged::Unmatched);
            }
        }
        let holds = limits.when.as_ref().map_or(Ok(true), |when| self.holds(when, &scope))?;
        Ok(if holds { Judged::Honoured } else { Judged::Unmatched })
    }
}
