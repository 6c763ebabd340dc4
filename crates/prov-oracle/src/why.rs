//! Why something is given, and why it is not given any more (plan.md, "Why").
//! Invariant: only rules and exceptions that act are named; what can't be known is not.

use crate::cause::{Cause, KINDS};
use crate::entitlement::{Ent, same};
use crate::eval::{Eval, Res};
use crate::facts::known;
use crate::grants::includes;
use crate::instances::Inst;
use crate::policy::Rule;
use crate::settle::Issue;
use prov_model::{Assignment, Exception};
use prov_syntax::ast::{Expr, ExprKind, StrPart};

/// An exception as a cause.
pub(crate) fn exception(row: &Exception) -> Cause {
    let effect = if row.allow { "allow" } else { "deny" };
    Cause {
        kind: KINDS.len() - 1,
        rule: format!("{effect} {}", row.what),
        file: row.origin.0.to_string(),
        line: row.origin.1,
        risk: None,
    }
}

impl<'a> Eval<'_, 'a> {
    /// The rules that grant something, with the lines of their grants, and before each the one that is assigned and brings it.
    pub(crate) fn why_granted(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let mut causes = Vec::new();
        for rule in &self.world.policy.rules {
            for (inst, is) in self.had(person, rule)?.list {
                let Some(cause) = self.inst_cause(&inst).filter(|_| is == Some(true)) else { continue };
                let lines = self.lines_that_give(person, &inst, ent)?;
                if lines.is_empty() {
                    continue;
                }
                for root in &self.world.policy.rules {
                    let (own, mut from) = self.roots_of(person, root)?;
                    from.extend(own.then(|| Inst::plain(root)));
                    for from in from {
                        if !self.brought(person, &from, true)?.iter().any(|i| i.is(&inst)) {
                            continue;
                        }
                        causes.extend(self.inst_cause(&from).filter(|_| !from.is(&inst)));
                        causes.extend(lines.iter().map(|line| Cause { line: *line, ..cause.clone() }));
                    }
                }
            }
        }
        Ok(causes)
    }

    /// Why something is held: the rules that give it; else what keeps it.
    pub(crate) fn why_given(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let mut causes = self.why_granted(person, ent)?;
        if !causes.is_empty() {
            return Ok(causes);
        }
        // What no rule gives is kept, by the rule that gave it or by the state.
        let kept = self.kept(person, &[], &|e| Ok(same(e, ent)))?;
        causes.extend(kept.by_rule.iter().filter_map(|name| self.rule_in_memory(name)));
        let place = |app: &str, kind: &str| app == ent.app && kind == ent.kind;
        if self.state_keeps(person, &place)?.iter().any(|e| same(e, ent)) {
            causes.extend(self.state_cause(person)?);
        }
        Ok(causes)
    }

    /// A rule by the name that memory has.
    fn rule_in_memory(&self, name: &str) -> Option<Cause> {
        // Memory's spelling of arguments is as good as any.
        let (role, shown) = name.split_at(name.find('(').unwrap_or(name.len()));
        let rule = self.world.policy.rule(role)?;
        Some(Cause { rule: format!("{role}{shown}"), ..rule.cause.clone() })
    }

    /// The state that someone is in, as a cause.
    pub(crate) fn state_cause(&self, person: usize) -> Res<Option<Cause>> {
        let of = &self.world.people[person].of;
        let Some(state) = known_state(self.state(person))? else { return Ok(None) };
        Ok(self.state_def(person, Some(state)).map(|s| self.world.state_cause(of, s)))
    }

    /// What withholds, or would withhold, an entitlement whatever gives it.
    pub(crate) fn why_forbidden(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let (of, scope) = self.me(person);
        let denials = self.world.denials(person, &ent.app, &ent.kind, &ent.compared);
        let mut causes: Vec<Cause> = denials.into_iter().map(exception).collect();
        for forbid in self.world.forbids().filter(|f| f.for_type.is_none_or(|t| t == of)) {
            for (i, pattern) in forbid.patterns.iter().enumerate() {
                if self.names(pattern, ent)?
                    && !self.world.suspends(person, &forbid.names[i], forbid.because)
                    && !self.world.may_suspend(person, &forbid.names[i], forbid.because)
                    && forbid.when.map_or(Ok(Some(true)), |c| known(self.holds(c, &scope)))? == Some(true)
                {
                    causes.push(forbid.causes[i].clone());
                }
            }
        }
        Ok(causes)
    }

    /// Why something that was given, or kept, is not held.
    pub(crate) fn why_withheld(&self, person: usize, ent: &Ent, issue: Issue) -> Res<Vec<Cause>> {
        Ok(match issue {
            Issue::Blank | Issue::NotInCatalog | Issue::Outranked => Vec::new(),
            Issue::Forbidden => {
                let mut causes = self.why_forbidden(person, ent)?;
                let kept = self.kept(person, &[], &|e| Ok(same(e, ent)))?;
                causes.extend(kept.denied_by);
                causes
            }
            Issue::Separated => self.why_separated(person, ent)?,
        })
    }

    fn why_separated(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let mut causes = Vec::new();
        let all = self.world.separations();
        let live = !self.given_now(person, ent)?.is_empty();
        for separation in all {
            let mut named = false;
            for (side, withheld) in separation.sides.iter().zip(&separation.withheld) {
                for pattern in side.iter().filter(|_| *withheld) {
                    named |= self.names(pattern, ent)?;
                }
            }
            if named && known(self.is_hit(person, separation))? == Some(true) {
                causes.push(separation.cause.clone());
            }
        }
        // What is only kept yields, whatever the separation withholds.
        if !live && let Some(by) = self.yields_to(person, ent)? {
            return Ok(by);
        }
        Ok(causes)
    }

    /// Why someone has lost what nothing gives, forbids or separates: the role that gave it is withheld, or has ended; a keep
    /// is over; or the state is over that kept it.
    pub(crate) fn why_lost(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let mut causes = self.by_withheld_roles(person, ent)?;
        if !causes.is_empty() {
            return Ok(causes);
        }
        // What catalogs, or a higher value, keep from being held is no rule's doing.
        if !self.given_now(person, ent)?.is_empty() {
            return Ok(causes);
        }
        let kept = self.kept(person, &[], &|e| Ok(same(e, ent)))?;
        let place = |app: &str, kind: &str| app == ent.app && kind == ent.kind;
        if !kept.held.is_empty() || self.state_keeps(person, &place)?.iter().any(|e| same(e, ent)) {
            return Ok(causes);
        }
        let id = &self.world.people[person].id;
        for row in self.world.hand.assignments.iter().filter(|a| a.identity == *id) {
            let begun = row.from.is_none_or(|from| self.world.has_come(from));
            let Some(rule) = self.world.policy.rule(&row.role).filter(|_| begun) else { continue };
            if self.could_give(rule, row, ent)? {
                let shown = self.inst_of_row(rule, row).map(|i| i.shown).unwrap_or_default();
                causes.push(Cause { rule: format!("{}{shown}", rule.name), ..rule.cause.clone() });
            }
        }
        if causes.is_empty() {
            let over = self.over(person, ent)?;
            causes.extend(over.iter().filter_map(|name| self.rule_in_memory(name)));
        }
        if causes.is_empty() {
            causes.extend(self.state_that_kept(person, ent)?);
        }
        Ok(causes)
    }

    /// By which rules someone who is held had what is over: for certain nothing gives it any more (plan.md, "Who is held").
    pub(crate) fn why_over(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let (one, mut causes) = (&self.world.people[person], Vec::new());
        if self.world.hand.unreadable.contains(&one.id) {
            return Ok(causes);
        }
        let states = self.world.policy.lifecycles.get(one.of.as_str()).map_or(&[][..], |l| l.1);
        if states.iter().any(crate::entered::keeps_any) {
            let state = known_state(self.state(person))?;
            let keeps = |s: &prov_syntax::ast::State| crate::entered::keeps(s, &ent.app);
            if self.state_def(person, state).is_none_or(keeps) {
                return Ok(causes);
            }
        }
        let kept = self.world.kept_as_remembered(person, ent);
        if kept.iter().any(|(_, until)| until.is_none_or(|until| until > self.world.now)) {
            return Ok(causes);
        }
        if self.may_give(person, ent)? {
            return Ok(causes);
        }
        let own = |r: &&Rule<'a>| r.for_type.is_none_or(|t| t == one.of) && self.world.acts(r);
        for rule in self.world.policy.rules.iter().filter(own).filter(|r| r.params.is_empty()) {
            if self.could_have_given(person, &Inst::plain(rule), ent, true)? {
                causes.push(rule.cause.clone());
            }
        }
        for row in self.world.hand.assignments.iter().filter(|a| a.identity == one.id) {
            let Some(rule) = self.world.policy.rule(&row.role).filter(own) else { continue };
            if !self.has_ended(row, rule)? {
                continue;
            }
            let Some(inst) = self.inst_of_row(rule, row) else { continue };
            for brought in self.brought(person, &inst, false)? {
                let acts = self.world.policy.rule(&brought.rule).is_some_and(|r| self.world.acts(r));
                if acts && self.could_have_given(person, &brought, ent, false)? {
                    causes.extend(self.inst_cause(&inst));
                }
            }
        }
        causes.extend(kept.iter().filter_map(|(rule, _)| self.rule_in_memory(rule)));
        Ok(causes)
    }

    /// What withholds roles that would bring an entitlement.
    pub(crate) fn by_withheld_roles(&self, person: usize, ent: &Ent) -> Res<Vec<Cause>> {
        let mut causes = Vec::new();
        if known(self.blocked(person, &ent.app))? != Some(false) {
            return Ok(causes);
        }
        for rule in &self.world.policy.rules {
            let left = self.left_by_forbids(person, rule)?;
            for (inst, is) in self.coming(person, rule)?.list {
                if is != Some(true) {
                    continue;
                }
                let mut by = self.role_withheld(person, &inst)?;
                if left.list.iter().any(|(i, is)| i.is(&inst) && *is == Some(true)) {
                    by.append(&mut self.role_separated(person, &inst)?);
                }
                if by.is_empty() {
                    continue;
                }
                for brought in self.brought(person, &inst, false)? {
                    let had = known(self.has_inst(person, &brought))? == Some(true);
                    if !had && !self.lines_that_give(person, &brought, ent)?.is_empty() {
                        causes.append(&mut by.clone());
                    }
                }
            }
        }
        Ok(causes)
    }

    /// The separations that withhold a role, or an instance of one, that is given.
    fn role_separated(&self, person: usize, inst: &Inst) -> Res<Vec<Cause>> {
        let mut causes = Vec::new();
        for separation in self.world.separations() {
            let mut named = false;
            for (side, withheld) in separation.sides.iter().zip(&separation.withheld) {
                for pattern in side.iter().filter(|_| *withheld) {
                    named |= self.names_inst(pattern, inst)?;
                }
            }
            if named && known(self.is_hit(person, separation))? == Some(true) {
                causes.push(separation.cause.clone());
            }
        }
        Ok(causes)
    }

    /// A role and all that it includes, whatever the arguments.
    fn brings<'p>(&'p self, rule: &'p Rule<'a>) -> Vec<&'p Rule<'a>> {
        let mut all = vec![rule];
        let mut at = 0;
        while at < all.len() {
            for next in &self.world.policy.rules {
                if includes(all[at].body, next.name) && all.iter().all(|r| r.name != next.name) {
                    all.push(next);
                }
            }
            at += 1;
        }
        all
    }

    /// Whether a role, or one that it includes, grants such a thing: of a grant that spells its value out, only that.
    fn could_give(&self, rule: &Rule<'a>, row: &Assignment, ent: &Ent) -> Res<bool> {
        for brought in self.brings(rule) {
            for (app, what, in_loop) in self.entitlements_of(brought) {
                let Some(kind) = self.kind_of(what) else { continue };
                if (app, &what.kind.text) != (ent.app.as_str(), &ent.kind) {
                    continue;
                }
                let param = |e: &Expr| matches!(&e.kind, ExprKind::Name(n) if brought.params.iter().any(|p| p.name == n.text));
                if what.args.iter().any(|a| param(&a.value)) {
                    // What it gives of its own arguments is known, where it is given as it stands.
                    let fits = match what.args.as_slice() {
                        [one] if one.each.is_none() && !in_loop && brought.name == rule.name => {
                            self.argument_fits(rule, row, &one.value, &ent.value)
                        }
                        _ => true,
                    };
                    if fits {
                        return Ok(true);
                    }
                    continue;
                }
                let spelled_out = what.args.iter().all(|a| self.is_literal(&a.value));
                let only = spelled_out.then(|| self.constant(what, kind)).flatten();
                if only.is_none_or(|v| crate::entitlement::compared(kind, &v) == ent.compared) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a value is spelled out, by itself or as a `let`.
    fn is_literal(&self, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Decimal(_)
            | ExprKind::Date(_)
            | ExprKind::Duration(..) => true,
            ExprKind::Str(parts) => parts.iter().all(|p| matches!(p, StrPart::Text(_))),
            // A variant is no `let`.
            ExprKind::Name(name) => {
                self.world.policy.lets.get(name.text.as_str()).is_none_or(|l| self.is_literal(l.value))
            }
            ExprKind::Neg(of) | ExprKind::Paren(of) => self.is_literal(of),
            _ => false,
        }
    }

    /// The state that kept something, where someone is in it no more.
    fn state_that_kept(&self, person: usize, ent: &Ent) -> Res<Option<Cause>> {
        let one = &self.world.people[person];
        let Some(entered) = self.world.memory.entered.get(&one.id) else { return Ok(None) };
        let Some(within) = &entered.within else { return Ok(None) };
        let kept = entered.held.iter().filter_map(|h| self.world.ent_of_memory(h)).any(|e| same(&e, ent));
        let states = self.world.policy.lifecycles.get(one.of.as_str()).map_or(&[][..], |l| l.1);
        let Some(place) = states.iter().position(|s| s.name.text == within.state).filter(|_| kept) else {
            return Ok(None);
        };
        let now = known_state(self.state(person))?;
        Ok((now != Some(place)).then(|| self.world.state_cause(&one.of, &states[place])))
    }

    /// What rules that are had give now of an entitlement, before anything is taken off.
    fn given_now(&self, person: usize, ent: &Ent) -> Res<Vec<Ent>> {
        let place = |app: &str, kind: &str| app == ent.app && kind == ent.kind;
        let (given, _) = self.granted(person, &place, &|e| Ok(same(e, ent)))?;
        Ok(given.into_iter().map(|g| g.ent).collect())
    }
}

fn known_state(state: Res<Option<usize>>) -> Res<Option<usize>> {
    match state {
        Ok(state) => Ok(state),
        Err(crate::eval::Stop::Unknown) => Ok(None),
        Err(stop) => Err(stop),
    }
}
