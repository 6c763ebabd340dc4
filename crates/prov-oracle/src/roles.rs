//! Roles: which are had, and which separations are hit (items.md, "role", "forbid" and "separate").
//! Invariant: a separation looks at what the forbids left, all at once with the others.

use crate::cause::Cause;
use crate::entitlement::{Ent, distinct, same};
use crate::eval::{Eval, Res, Scope, Stop, bug};
use crate::facts::{Node, either, known};
use crate::grants::includes;
use crate::instances::Inst;
use crate::policy::{Separation, When};
use crate::why::exception;
use prov_syntax::ast::{EntPattern, Name, RoleRef};

impl<'a> Eval<'_, 'a> {
    /// Whether a role or birthright is had: given, and not withheld by a separation.
    pub(crate) fn has_role(&self, person: usize, name: &str) -> Res<bool> {
        self.ask(Node::Role(name.to_owned()), || {
            if let Some(rule) = self.world.policy.rule(name).filter(|r| !r.params.is_empty()) {
                return self.had(person, rule)?.any().ok_or(Stop::Unknown);
            }
            if !self.is_given(person, name)? {
                return Ok(false);
            }
            let names = |p: &EntPattern| Ok(matches!(p, EntPattern::Role(r) if r.name.text == name));
            Ok(!self.separated(person, &names)?)
        })
    }

    /// Whether a role comes to someone: by its own `when`, by hand, or through a role that includes it.
    pub(crate) fn comes(&self, person: usize, name: &str) -> Res<bool> {
        let Some(rule) = self.world.policy.rule(name) else { return bug(format!("no role `{name}`")) };
        if !self.world.acts(rule) {
            return Ok(false);
        }
        let mut comes = known(self.assigned(person, rule.name))?;
        if rule.requestable.is_some() {
            comes = either(comes, known(self.assigned_by_hand(person, rule))?);
        }
        for other in self.brought_by(name) {
            comes = either(comes, known(self.has_role(person, other))?);
        }
        comes.ok_or(Stop::Unknown)
    }

    /// The forbids and exceptions that withhold a role, or an instance of one, that comes.
    pub(crate) fn role_withheld(&self, person: usize, inst: &Inst) -> Res<Vec<Cause>> {
        let mut causes = Vec::new();
        let (of, scope) = self.me(person);
        for forbid in self.world.forbids().filter(|f| f.for_type.is_none_or(|t| t == of)) {
            for (i, (pattern, shown)) in forbid.patterns.iter().zip(&forbid.names).enumerate() {
                if self.names_inst(pattern, inst)?
                    && !self.world.suspends(person, shown, forbid.because)
                    && forbid.when.map_or(Ok(Some(true)), |when| known(self.holds(when, &scope)))?
                        == Some(true)
                {
                    causes.push(forbid.causes[i].clone());
                }
            }
        }
        causes.extend(self.world.denials_of_role(person, inst).into_iter().map(exception));
        Ok(causes)
    }

    /// Whether a role is given: by its own `when` or through a role that includes it, and not forbidden (items.md,
    /// "role" and "forbid").
    pub(crate) fn is_given(&self, person: usize, name: &str) -> Res<bool> {
        self.ask(Node::Given(name.to_owned()), || {
            let given = known(self.comes(person, name))?;
            let names = |p: &EntPattern| Ok(matches!(p, EntPattern::Role(r) if r.name.text == name));
            let denied = self
                .world
                .policy
                .rule(name)
                .is_some_and(|rule| !self.world.denials_of_role(person, &Inst::plain(rule)).is_empty());
            match (given, either(Some(denied), self.forbidden_by(person, &names)?)) {
                (Some(false), _) | (_, Some(true)) => Ok(false),
                (Some(true), Some(false)) => Ok(true),
                _ => Err(Stop::Unknown),
            }
        })
    }

    /// Whether a separation withholds what `names` says that its patterns name (items.md, "separate").
    pub(crate) fn separated(&self, person: usize, names: &dyn Fn(&'a EntPattern) -> Res<bool>) -> Res<bool> {
        let mut answer = Some(false);
        for separation in self.world.separations() {
            let mut concerns = false;
            for (side, withheld) in separation.sides.iter().zip(&separation.withheld) {
                for pattern in side.iter().filter(|_| *withheld) {
                    concerns |= names(pattern)?;
                }
            }
            if concerns {
                answer = either(answer, known(self.is_hit(person, separation))?);
            }
        }
        answer.ok_or(Stop::Unknown)
    }

    /// Whether something of too many sides is there, once forbids have acted and what is only kept has yielded.
    pub(crate) fn is_hit(&self, person: usize, separation: &Separation<'a>) -> Res<bool> {
        if self.is_suspended(person, separation) {
            return Ok(false);
        }
        let mut sides = Vec::new();
        for side in self.sides(person, separation)? {
            let mut present = side.given;
            for ent in side.kept {
                present = either(present, known(self.yields(person, &ent))?.map(|yields| !yields));
            }
            sides.push(present);
        }
        let may = self.world.may_suspend(person, &separation.name, separation.because);
        enough(&sides, separation.many).filter(|hit| !(*hit && may)).ok_or(Stop::Unknown)
    }

    /// Whether something that stays stands on a side, and with what else is had on enough of them (plan.md, "Findings").
    pub(crate) fn is_violated(
        &self,
        person: usize,
        separation: &Separation<'a>,
        stays: &[&Ent],
        has: &[Ent],
    ) -> Res<bool> {
        let (mut sides, mut concerns) = (0, false);
        for patterns in &separation.sides {
            let mut there = false;
            for pattern in patterns {
                for ent in stays {
                    let names = self.names(pattern, ent)?;
                    (there, concerns) = (there || names, concerns || names);
                }
                for ent in has {
                    there |= self.names(pattern, ent)?;
                }
                if let EntPattern::Role(role) = pattern
                    && self.world.policy.app(&role.name.text).is_none()
                {
                    there |= self.has_named(person, role)?;
                }
            }
            sides += usize::from(there);
        }
        Ok(concerns && sides >= separation.many && !self.is_suspended(person, separation))
    }

    /// Whether a role that a separation names is had.
    fn has_named(&self, person: usize, role: &'a RoleRef) -> Res<bool> {
        let rule = self.world.policy.rule(&role.name.text).filter(|_| !role.args.is_empty());
        Ok(match rule {
            Some(rule) => {
                let args: Vec<_> = role.args.iter().collect();
                known(self.has_inst_of(person, rule, &args, &Scope::default()))? == Some(true)
            }
            None => known(self.has_role(person, &role.name.text))? == Some(true),
        })
    }

    fn is_suspended(&self, person: usize, separation: &Separation<'a>) -> bool {
        self.world.suspends(person, &separation.name, separation.because)
    }

    /// Whether what is only kept may not stand beside something that is given (items.md, "grant").
    pub(crate) fn yields(&self, person: usize, ent: &Ent) -> Res<bool> {
        Ok(!self.yielding(person, ent)?.is_empty())
    }

    /// The separations by which it may not, where there are any.
    pub(crate) fn yields_to(&self, person: usize, ent: &Ent) -> Res<Option<Vec<Cause>>> {
        Ok(match self.yielding(person, ent) {
            Ok(by) if !by.is_empty() => Some(by),
            Ok(_) | Err(Stop::Unknown) => None,
            Err(stop) => return Err(stop),
        })
    }

    fn yielding(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let mut answer = Some(false);
        let mut by = Vec::new();
        for separation in self.world.separations() {
            let mut concerns = false;
            for pattern in separation.sides.iter().flatten() {
                concerns |= self.names(pattern, ent)?;
            }
            if !concerns || self.is_suspended(person, separation) {
                continue;
            }
            let sides = self.sides(person, separation)?;
            let there = |s: &Side| if s.kept.is_empty() { s.given } else { Some(true) };
            let hit = enough(&sides.iter().map(there).collect::<Vec<_>>(), separation.many);
            let mut given = Some(false);
            for side in &sides {
                given = either(given, side.given);
            }
            let yields = match (hit, given) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
            if yields == Some(true) {
                by.push(separation.cause.clone());
            }
            answer = either(answer, yields);
        }
        answer.ok_or(Stop::Unknown)?;
        Ok(by)
    }

    /// What is there on each side of a separation, left by the forbids.
    fn sides(&self, person: usize, separation: &Separation<'a>) -> Res<Vec<Side>> {
        let mut sides = Vec::new();
        for patterns in &separation.sides {
            let mut side = Side { given: Some(false), kept: Vec::new() };
            for pattern in patterns {
                match pattern {
                    EntPattern::Role(role) if self.world.policy.app(&role.name.text).is_none() => {
                        side.given = either(side.given, self.is_left_of(person, pattern)?);
                    }
                    EntPattern::Role(_) | EntPattern::Entitlement { .. } => {
                        self.on_side(person, pattern, &mut side)?;
                    }
                }
            }
            sides.push(side);
        }
        Ok(sides)
    }

    /// What a pattern names of what is granted or kept and left by the forbids, in whichever account of the app.
    fn on_side(&self, person: usize, pattern: &'a EntPattern, side: &mut Side) -> Res<()> {
        let (app, kind) = match pattern {
            EntPattern::Entitlement { app, kind, .. } => (app, kind.as_ref()),
            EntPattern::Role(app) => (&app.name, None),
        };
        for account in self.world.policy.accounts_in(&app.text) {
            self.on_side_in(person, pattern, (account.name, kind), side)?;
        }
        Ok(())
    }

    fn on_side_in(
        &self,
        person: usize,
        pattern: &'a EntPattern,
        (app, kind): (&str, Option<&Name>),
        side: &mut Side,
    ) -> Res<()> {
        let blocked = known(self.blocked(person, app))?;
        let place = |a: &str, k: &str| a == app && kind.is_none_or(|n| n.text == k);
        let asked = |e: &Ent| self.names(pattern, e);
        let mut by_state = Vec::new();
        for ent in self.state_keeps(person, &place)? {
            if self.names(pattern, &ent)? && self.is_left(person, ent.clone())? {
                by_state.push(ent);
            }
        }
        if blocked == Some(true) {
            side.kept.append(&mut by_state);
            return Ok(());
        }
        let (given, unsure) = self.granted(person, &place, &asked)?;
        let mut there = if unsure || blocked.is_none() { None } else { Some(false) };
        for ent in distinct(given.iter().map(|g| g.ent.clone()).collect()) {
            if let Ok(ent) = self.spelled(ent) {
                there = either(there, self.forbidden(person, &ent)?.map(|f| !f));
            }
        }
        side.given = either(side.given, there);
        by_state.retain(|e| !given.iter().any(|g| same(&g.ent, e)));
        side.kept.append(&mut by_state);
        if blocked.is_none() {
            return Ok(());
        }
        let here = |e: &Ent| Ok(e.app == app && asked(e)?);
        for ent in self.kept(person, &given, &here)?.held {
            let live = given.iter().any(|g| same(&g.ent, &ent));
            if let Ok(ent) = self.spelled(ent)
                && !live
                && self.forbidden(person, &ent)? != Some(true)
            {
                side.kept.push(ent);
            }
        }
        Ok(())
    }

    /// The roles that include a role.
    pub(crate) fn brought_by(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let all = self.world.policy.rules.iter().filter(|r| includes(r.body, name));
        all.map(|r| r.name).collect::<Vec<_>>().into_iter()
    }

    /// Whether a rule's own `when` holds, for an identity of its type.
    pub(crate) fn assigned(&self, person: usize, name: &str) -> Res<bool> {
        let (of, scope) = self.me(person);
        match self.world.policy.rule(name) {
            Some(rule) if rule.for_type.is_none_or(|t| t == of) => match rule.when {
                When::Always => Ok(true),
                When::Never => Ok(false),
                When::If(when) => self.holds(when, &scope),
            },
            _ => Ok(false),
        }
    }
}

/// What is on a side of a separation.
struct Side {
    /// Whether rules give something of it.
    given: Option<bool>,
    /// What is only kept.
    kept: Vec<Ent>,
}

/// Whether so many of the sides have something.
fn enough(sides: &[Option<bool>], many: usize) -> Option<bool> {
    let there = sides.iter().filter(|s| **s == Some(true)).count();
    let perhaps = sides.iter().filter(|s| **s != Some(false)).count();
    match (there >= many, perhaps >= many) {
        (true, _) => Some(true),
        (false, true) => None,
        (false, false) => Some(false),
    }
}
