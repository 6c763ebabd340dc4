//! Roles that were given by hand: which assignments of the background are honoured, and why the others are not;
//! and which exceptions act on whom.
//! Invariant: an assignment is honoured by what holds at this moment; that it was honoured once means nothing.

use crate::exceptions::{Acting, Suspends, all, effect, suspends};
use crate::facts::Tri;
use crate::interp::{Interp, Res, Subject};
use prov_ir::Program;
use prov_model::{
    Assignment, AssignmentIssue, Background, IdentityId, Moment, Population, Schema, Span, TimePoint, Type,
    Value,
};
use rustc_hash::{FxHashMap, FxHashSet};

/// The rows of the background by identity.
#[derive(Debug, Default)]
pub(crate) struct ByHand {
    /// Positions among the assignments, in their order.
    assignments: FxHashMap<(IdentityId, u32), Vec<u32>>,
    unreadable: FxHashSet<(IdentityId, u32)>,
    exceptions: FxHashMap<(IdentityId, u32), Vec<Acting>>,
    /// What rows that can't be read may suspend.
    perhaps: FxHashMap<(IdentityId, u32), Vec<Suspends>>,
}

impl ByHand {
    /// Those of a whole population, or of one identity.
    pub(crate) fn of(
        program: &Program,
        population: &Population,
        moment: &Moment,
        background: &Background,
        only: Option<(IdentityId, u32)>,
    ) -> ByHand {
        let schema = &program.schema;
        let mut out = ByHand::default();
        let id = only.map(|(ty, row)| schema.global_id(ty, population.of(ty).table.key(row).unwrap_or("")));
        let whom = |named: &str| match (&id, only) {
            (Some(id), Some(who)) => (id == named).then_some(who),
            _ => population.find(schema, named),
        };
        for (i, a) in background.assignments.iter().enumerate() {
            if let Some(who) = whom(&a.identity) {
                out.assignments.entry(who).or_default().push(i as u32);
            }
        }
        for (i, e) in background.exceptions.iter().enumerate() {
            if let Some(who) = whom(&e.identity)
                && let Ok(effect) = effect(program, e, who.0, moment)
            {
                out.exceptions.entry(who).or_default().push(Acting {
                    number: i as u32,
                    until: e.until,
                    effect,
                });
            }
        }
        let broken = background.unreadable.iter().filter_map(|r| whom(r.identity.as_deref()?));
        out.unreadable.extend(broken);
        for row in background.perhaps_allowed.iter() {
            if let Some(who) = whom(&row.identity) {
                let what = row.what.as_deref();
                // A name that fits nothing may be where the error lies.
                let suspends = what.and_then(|what| suspends(program, what).ok());
                out.perhaps.entry(who).or_default().push(suspends.unwrap_or_else(|| all(program)));
            }
        }
        out
    }

    /// Adds what is said of others.
    pub(crate) fn add(&mut self, other: ByHand) {
        self.assignments.extend(other.assignments);
        self.unreadable.extend(other.unreadable);
        self.exceptions.extend(other.exceptions);
        self.perhaps.extend(other.perhaps);
    }

    /// The exceptions that act on an identity, or did: whoever asks looks at the time.
    pub(crate) fn exceptions(&self, ty: IdentityId, row: u32) -> &[Acting] {
        self.exceptions.get(&(ty, row)).map_or(&[], Vec::as_slice)
    }

    /// Whether any row is about an identity.
    pub(crate) fn is_about(&self, ty: IdentityId, row: u32) -> bool {
        let who = (ty, row);
        self.assignments.contains_key(&who)
            || self.exceptions.contains_key(&who)
            || self.unreadable.contains(&who)
    }

    /// What rows that can't be read may suspend for an identity.
    pub(crate) fn perhaps(&self, ty: IdentityId, row: u32) -> &[Suspends] {
        self.perhaps.get(&(ty, row)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_unreadable(&self, ty: IdentityId, row: u32) -> bool {
        self.unreadable.contains(&(ty, row))
    }
}

/// Assignments that nobody of the population is asked about: of whom nobody is known, of a role that is not there.
pub(crate) fn stray(
    schema: &Schema,
    population: &Population,
    background: &Background,
) -> Vec<(u32, AssignmentIssue)> {
    let unknown = |a: &Assignment| population.find(schema, &a.identity).is_none();
    let all = background.assignments.iter().enumerate().filter(|(_, a)| unknown(a));
    all.map(|(i, _)| (i as u32, AssignmentIssue::UnknownIdentity)).collect()
}

impl<'a> Interp<'a> {
    pub(crate) fn rows_by_hand(&self) -> &'a [u32] {
        let (Subject::Identity(ty, row), Some(by_hand)) = (self.subject, self.world.by_hand) else {
            return &[];
        };
        by_hand.assignments.get(&(ty, row)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn assignment(&self, number: u32) -> Option<&'a Assignment> {
        self.world.background?.assignments.get(number as usize)
    }

    /// Whether the identity at hand was given a role by hand, and may have it.
    pub(crate) fn by_hand(&mut self, rule: u32) -> Tri {
        let program = self.world.program;
        if program.rules[rule as usize].requestable.is_none() {
            return Tri::No;
        }
        let mut result = Tri::No;
        for (_, to_come, issue) in self.given(rule) {
            match issue {
                _ if to_come => {}
                Ok(None) => return Tri::Yes,
                Ok(Some(_)) => {}
                Err(unknown) => result = Tri::Unknown(unknown),
            }
        }
        result
    }

    /// The assignments that give a role to the identity at hand.
    pub(crate) fn giving(&mut self, rule: u32) -> Vec<u32> {
        let given = self.given(rule).into_iter();
        given.filter(|(_, to_come, issue)| !to_come && *issue == Ok(None)).map(|(n, ..)| n).collect()
    }

    /// All assignments of a role to the identity at hand: whether its time is still to come, and why it is not honoured,
    /// if so.
    pub(crate) fn given(&mut self, rule: u32) -> Vec<(u32, bool, Res<Option<AssignmentIssue>>)> {
        let program = self.world.program;
        let name = &program.schema.rule(program.rules[rule as usize].rule).name;
        let mut out = Vec::new();
        for &number in self.rows_by_hand() {
            let Some(a) = self.assignment(number).filter(|a| a.role == *name) else { continue };
            let issue = self.honoured(a, rule);
            out.push((number, self.is_to_come(a), issue));
        }
        out
    }

    /// The assignments of the identity at hand that are not honoured. One whose time has not come is nobody's business.
    pub(crate) fn unmatched(&mut self, leaver: bool) -> Vec<(u32, AssignmentIssue)> {
        let mut out = Vec::new();
        for &number in self.rows_by_hand() {
            let Some(a) = self.assignment(number).filter(|a| !self.is_to_come(a)) else { continue };
            let issue = match self.world.program.rule_by_name(&a.role) {
                None => Some(AssignmentIssue::UnknownRole),
                Some(rule) => self.honoured(a, rule).unwrap_or(None),
            };
            let issue = issue.or(leaver.then_some(AssignmentIssue::Leaver));
            out.extend(issue.map(|issue| (number, issue)));
        }
        out
    }

    fn is_to_come(&self, a: &Assignment) -> bool {
        a.from.is_some_and(|from| !self.has_come(from))
    }

    fn has_come(&self, point: TimePoint) -> bool {
        self.clock.has_come(point)
    }

    /// Whether the identity at hand is still given a role, with its arguments where it has parameters, by the time of its
    /// assignments alone, and nobody denies it.
    pub(crate) fn is_given_still(&self, named: &str) -> bool {
        let program = self.world.program;
        let name = named.split('(').next().unwrap_or(named);
        let Some(rule) = program.rule_by_name(name) else { return false };
        let Some(requestable) = &program.rules[rule as usize].requestable else { return false };
        let instance = self.instance_named(rule, named);
        if self.has_params(rule) != instance.is_some() {
            return false;
        }
        let zone = &self.world.moment.zone;
        let is = |a: &Assignment| match &instance {
            None => true,
            Some(key) => self.assigned_instance(rule, a, Tri::Yes).is_some_and(|x| *x.key == **key),
        };
        let mut rows = self.rows_by_hand().iter().filter_map(|n| self.assignment(*n));
        self.denials_of_role(rule, instance.as_deref()).next().is_none()
            && rows.any(|a| {
                let ended = a.ends(requestable.at_most, zone).is_some_and(|end| self.has_come(end));
                a.role == name && !self.is_to_come(a) && !ended && is(a)
            })
    }

    /// Notes when assignments and exceptions of the identity at hand begin and end.
    pub(crate) fn note_by_hand(&mut self) {
        let zone = &self.world.moment.zone;
        let mut points: Vec<TimePoint> = Vec::new();
        for a in self.rows_by_hand().iter().filter_map(|n| self.assignment(*n)) {
            let rule = self.world.program.rule_by_name(&a.role);
            let limits = rule.and_then(|r| self.world.program.rules[r as usize].requestable.as_ref());
            points.extend(a.from);
            points.extend(a.ends(limits.and_then(|l| l.at_most), zone));
        }
        if let (Subject::Identity(ty, row), Some(by_hand), Some(background)) =
            (self.subject, self.world.by_hand, self.world.background)
        {
            let acting = by_hand.exceptions(ty, row).iter();
            let rows = acting.filter_map(|e| background.exceptions.get(e.number as usize));
            points.extend(rows.map(|e| e.until));
        }
        for point in points {
            self.wake_at(point.instant(&self.world.moment.zone));
        }
    }

    /// Why an assignment of a role to the identity at hand is not honoured; its beginning is not looked at.
    fn honoured(&mut self, a: &Assignment, rule: u32) -> Res<Option<AssignmentIssue>> {
        let Some(requestable) = &self.world.program.rules[rule as usize].requestable else {
            return Ok(Some(AssignmentIssue::NotRequestable));
        };
        let Subject::Identity(ty, _) = self.subject else { return Ok(None) };
        if self.world.program.rules[rule as usize].identity != ty {
            return Ok(Some(AssignmentIssue::OtherType));
        }
        let zone = &self.world.moment.zone;
        let ends = a.ends(requestable.at_most, zone);
        if ends.is_some_and(|end| self.has_come(end)) {
            return Ok(Some(AssignmentIssue::Expired));
        }
        let instance = if self.has_params(rule) {
            let Some(instance) = self.assigned_instance(rule, a, Tri::Yes) else {
                return Ok(Some(AssignmentIssue::Arguments));
            };
            Some(instance)
        } else if a.args.is_empty() {
            None
        } else {
            return Ok(Some(AssignmentIssue::Arguments));
        };
        if let Some(issue) = too_long(a, requestable.at_most, ends, zone) {
            return Ok(Some(issue));
        }
        if let Some(by) = requestable.approved_by {
            let Some(granted_by) = &a.granted_by else { return Ok(Some(AssignmentIssue::Unapproved)) };
            if *granted_by == a.identity {
                return Ok(Some(AssignmentIssue::ByOneself));
            }
            let ty = &self.world.program.expr(by).ty;
            let value =
                self.nested(self.subject, |me| me.with_arguments(instance.as_ref(), |me| me.eval(by)))?;
            if !self.names(&value, ty, granted_by) {
                return Ok(Some(AssignmentIssue::Unapproved));
            }
        }
        let when = requestable.when;
        let holds =
            self.nested(self.subject, |me| me.with_arguments(instance.as_ref(), |me| me.holds(when)))?;
        Ok((!holds).then_some(AssignmentIssue::Condition))
    }

    /// Whether a value, an identity or ids, names someone.
    fn names(&self, value: &Value<'a>, ty: &Type, id: &str) -> bool {
        match (value, ty.required()) {
            (Value::Row(row), Type::Identity(of)) => {
                let key = row.table.key(row.row).unwrap_or("");
                self.world.program.schema.global_id(*of, key) == id
            }
            (Value::Set(elements), _) => elements.iter().any(|e| e.spelling() == Some(id)),
            (value, _) => value.spelling() == Some(id),
        }
    }
}

/// Whether an assignment lasts longer than its role may.
fn too_long(
    a: &Assignment,
    at_most: Option<Span>,
    ends: Option<TimePoint>,
    zone: &prov_model::Zone,
) -> Option<AssignmentIssue> {
    let at_most = at_most?;
    let Some(from) = a.from else { return Some(AssignmentIssue::NoStart) };
    let last = from.plus(at_most, zone).instant(zone);
    ends.is_none_or(|end| end.instant(zone) > last).then_some(AssignmentIssue::TooLong)
}
