//! Roles: which are had, and which separations are hit (items.md, "role", "forbid" and "separate").
//! Invariant: a separation looks at what the forbids left, all at once with the others.

use crate::entitlement::distinct;
use crate::eval::{Eval, Res, Stop, bug};
use crate::facts::{Node, either, known};
use crate::grants::includes;
use crate::policy::{Separation, When};
use prov_syntax::ast::EntPattern;

impl<'a> Eval<'_, 'a> {
    /// Whether a role or birthright is had: given, and not withheld by a separation.
    pub(crate) fn has_role(&self, person: usize, name: &str) -> Res<bool> {
        self.ask(Node::Role(name.to_owned()), || {
            if !self.is_given(person, name)? {
                return Ok(false);
            }
            let names = |p: &EntPattern| Ok(matches!(p, EntPattern::Role(r) if r.name.text == name));
            Ok(!self.separated(person, &names)?)
        })
    }

    /// Whether a role is given: by its own `when` or through a role that includes it, and not forbidden (items.md,
    /// "role" and "forbid").
    pub(crate) fn is_given(&self, person: usize, name: &str) -> Res<bool> {
        self.ask(Node::Given(name.to_owned()), || {
            let Some(rule) = self.world.policy.rule(name) else { return bug(format!("no role `{name}`")) };
            let mut given = known(self.assigned(person, rule.name))?;
            if rule.requestable.is_some() {
                given = either(given, known(self.assigned_by_hand(person, rule))?);
            }
            for other in self.world.policy.rules.iter().filter(|r| includes(r.body, name)) {
                given = either(given, known(self.has_role(person, other.name))?);
            }
            let names = |p: &EntPattern| Ok(matches!(p, EntPattern::Role(r) if r.name.text == name));
            match (given, self.forbidden_by(person, &names)?) {
                (Some(false), _) | (_, Some(true)) => Ok(false),
                (Some(true), Some(false)) => Ok(true),
                _ => Err(Stop::Unknown),
            }
        })
    }

    /// Whether a separation withholds what `names` says that its patterns name (items.md, "separate").
    pub(crate) fn separated(&self, person: usize, names: &dyn Fn(&'a EntPattern) -> Res<bool>) -> Res<bool> {
        let mut answer = Some(false);
        for separation in &self.world.policy.separations {
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

    /// Whether rules give something of too many sides, once forbids have acted.
    pub(crate) fn is_hit(&self, person: usize, separation: &Separation<'a>) -> Res<bool> {
        let (mut there, mut perhaps) = (0, 0);
        for side in &separation.sides {
            let mut present = Some(false);
            for pattern in side {
                let found = match pattern {
                    EntPattern::Role(role) => known(self.is_given(person, &role.name.text))?,
                    EntPattern::Entitlement { .. } => known(self.is_granted(person, pattern))?,
                };
                present = either(present, found);
            }
            there += usize::from(present == Some(true));
            perhaps += usize::from(present != Some(false));
        }
        match (there >= separation.many, perhaps >= separation.many) {
            (true, _) => Ok(true),
            (false, true) => Err(Stop::Unknown),
            (false, false) => Ok(false),
        }
    }

    /// Whether something that a pattern names is granted and left by the forbids.
    fn is_granted(&self, person: usize, pattern: &'a EntPattern) -> Res<bool> {
        let EntPattern::Entitlement { app, kind, .. } = pattern else { return Ok(false) };
        let mut answer = match known(self.blocked(person, &app.text))? {
            Some(true) => return Ok(false),
            Some(false) => Some(false),
            None => None,
        };
        let place = |a: &str, k: &str| a == app.text && kind.as_ref().is_none_or(|n| n.text == k);
        let (granted, unsure) = self.granted(person, &place, &|e| self.names(pattern, e))?;
        answer = if unsure { None } else { answer };
        for ent in distinct(granted) {
            if let Ok(ent) = self.spelled(ent) {
                answer = either(answer, self.forbidden(person, &ent)?.map(|f| !f));
            }
        }
        answer.ok_or(Stop::Unknown)
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
