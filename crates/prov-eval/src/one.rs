//! One identity: its result with the causes of each entitlement, and queries over a population.
//! Invariant: the same steps as a whole run, so that nothing is explained that does not happen.

use crate::by_hand::ByHand;
use crate::decide::Decision;
use crate::entered::KeptByState;
use crate::evaluate::{Engine, reason};
use crate::facts::Tri;
use crate::grants::{Block, Granted};
use crate::instances::{Stage, Step};
use crate::interp::{Interp, Subject};
use crate::names::Rows;
use crate::roles::RoleBlock;
use crate::shape::Shape;
use crate::world::{NO_STATE, World};
use prov_ir::{ExprId, ExprKind, Program};
use prov_model::{
    Background, Date, DesiredAccount, EntId, Entitlement, EntitlementIssue, GivenName, HoldReason, Holding,
    IdentityId, Keep, Moment, Population, RanOut, RuleId,
};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// A grant that gives an entitlement, and how the identity came by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// Positions in [`Program::rules`]: the rule that is assigned, what it includes, down to the one that grants.
    pub path: Vec<u32>,
    /// The arguments of each of them as shown, such as `("A3")`; nothing for those without parameters. Empty where none
    /// has any.
    pub args: Vec<String>,
    /// The grant's position in the last of them.
    pub grant: u32,
    /// The position of the assignment in the background, where the first is assigned by hand.
    pub assignment: Option<u32>,
}

/// Why a granted entitlement is not held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// The value is not in the catalog of its kind.
    NotInCatalog,
    /// The value is blank.
    Blank,
    /// By the forbid at this position of [`prov_model::Schema::forbids`].
    Forbidden(u32),
    /// By the separation at this position of [`prov_model::Schema::separations`].
    Separated(u32),
    /// The role that grants it is withheld, by the forbid at this position of [`prov_model::Schema::role_forbids`]; with
    /// the arguments of its instance as shown, as in what follows.
    RoleForbidden(u32, String),
    /// The role that grants it is withheld: its position in [`Program::rules`], and that of the separation.
    RoleSeparated(u32, u32, String),
    /// By the exception at this position of the background.
    Denied(u32),
    /// The role that grants it (its position in [`Program::rules`]) is withheld by that exception.
    RoleDenied(u32, u32, String),
    /// A higher value of the kind is held.
    Outranked(Entitlement),
    /// The lifecycle state of this number drops it.
    Dropped(u32),
    /// There is to be no account in the app.
    NoAccount,
}

/// An entitlement with what gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caused {
    /// The entitlement.
    pub entitlement: Entitlement,
    /// What grants it, sorted.
    pub causes: Vec<Cause>,
    /// Keeps by which it is held on, or was until their time was over: with the moment that ends them.
    pub kept: Vec<Keep>,
    /// The day on which the state was entered that keeps it; none where no state does.
    pub by_state: Option<Date>,
    /// Why it is not held; empty where it is.
    pub withheld: Vec<Withheld>,
}

/// What one identity should have, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneDesired {
    /// The global id.
    pub id: String,
    /// Where it stands in the population.
    pub who: (IdentityId, u32),
    /// The number of its state, where it is known.
    pub state: Option<u32>,
    /// Why it is held as it is, if so; then what follows is empty.
    pub hold: Option<HoldReason>,
    /// Accounts in order of app.
    pub accounts: Vec<DesiredAccount>,
    /// What is held, in order of app, kind and value.
    pub holdings: Vec<Caused>,
    /// What is granted and yet not held, in the same order.
    pub withheld: Vec<Caused>,
    /// What was kept until its time was over: the entitlement, and what memory said of it.
    pub over: Vec<(Entitlement, Keep)>,
    /// The forbids that hold, as in [`prov_model::Desired::active_forbids`].
    pub active_forbids: Vec<u32>,
    /// What is over, of one who is held, as in [`prov_model::Desired::ran_out`].
    pub ran_out: Vec<RanOut>,
}

/// What caused a change of what an identity holds, as rules of the schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// What grants it: the assigned rule first, then the included one that grants; without doubles, sorted.
    pub grants: Vec<RuleId>,
    /// What withholds it: forbids, the state that drops it, the account block that wants no account.
    pub withholds: Vec<RuleId>,
}

/// The identities for which a condition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Rows for which it holds.
    pub rows: Vec<u32>,
    /// Rows for which that can't be known.
    pub unknown: Vec<u32>,
}

impl Engine {
    /// What one identity should have, with causes. `who` must be of the population. A name that neither memory nor what
    /// was observed knows is the one it would get alone.
    pub fn evaluate_one(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
    ) -> OneDesired {
        let world = self.ready().world(population, moment, background, None);
        let by_hand = ByHand::of(world.program, population, moment, background, Some(who));
        let world = World { by_hand: Some(&by_hand), ..world };
        let known = self.known(world, &Rows::One(who.0, who.1));
        self.one(World { names: known.names.as_ref(), ..world }, who)
    }

    /// The same for someone of whom the run over everyone says which names were given.
    pub fn evaluate_one_given(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
        given: &[GivenName],
    ) -> OneDesired {
        let world = self.ready().world(population, moment, background, None);
        let by_hand = ByHand::of(world.program, population, moment, background, Some(who));
        let world = World { by_hand: Some(&by_hand), ..world };
        let names = self.told(world, who, given);
        self.one(World { names: names.as_ref(), ..world }, who)
    }

    fn one(&self, world: World<'_>, who: (IdentityId, u32)) -> OneDesired {
        let mut interp = Interp::new(world, &self.ready().shape, Subject::Identity(who.0, who.1));
        let decision = interp.decide(|_| false);
        let key = world.population.and_then(|p| p.of(who.0).table.key(who.1)).unwrap_or("");
        let mut one = OneDesired {
            id: world.program.schema.global_id(who.0, key),
            who,
            state: (decision.state != NO_STATE).then_some(decision.state),
            hold: decision.hold.map(|h| reason(h, who, world)),
            accounts: Vec::new(),
            holdings: Vec::new(),
            withheld: Vec::new(),
            over: Vec::new(),
            active_forbids: Vec::new(),
            ran_out: Vec::new(),
        };
        if one.hold.is_none() {
            (one.holdings, one.withheld) = interp.caused(&decision);
            let known = &interp.interner.entitlements;
            let over = decision.keeps.over.iter();
            one.over = over.map(|(id, keep)| (known.get(*id).clone(), keep.clone())).collect();
        }
        one.accounts = decision.accounts;
        one.active_forbids = decision.active_forbids;
        one.ran_out = decision.ran_out;
        one
    }

    /// What gives, or withholds, one entitlement of one identity. The value is compared as its kind compares.
    pub fn causes(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
        entitlement: &Entitlement,
    ) -> Causes {
        self.evaluate_one(population, who, moment, background).causes_of(self.program(), entitlement)
    }

    /// The identities of a type for which a condition of the program holds, in order of key.
    pub fn query(
        &self,
        population: &Population,
        moment: &Moment,
        background: &Background,
        ty: IdentityId,
        condition: ExprId,
    ) -> Matches {
        let ready = self.ready();
        let states = self.states(population, moment, background);
        let by_hand = ByHand::of(&ready.program, population, moment, background, None);
        let world = ready.world(population, moment, background, Some(&states));
        let world = World { by_hand: Some(&by_hand), ..world };
        let steps = reads_facts(world.program, condition);
        let rows = population.of(ty).len() as u32;
        let found: Vec<(u32, Option<bool>)> = (0..rows)
            .into_par_iter()
            .with_min_len(256)
            .map_init(
                || Interp::new(world, &ready.shape, Subject::Identity(ty, 0)),
                |interp, row| {
                    interp.turn_to(Subject::Identity(ty, row));
                    if steps {
                        interp.take_steps(ty, |_| false);
                    }
                    (row, interp.holds(Some(condition)).ok())
                },
            )
            .collect();
        let of = |wanted| found.iter().filter(|(_, r)| *r == wanted).map(|(row, _)| *row).collect();
        Matches { rows: of(Some(true)), unknown: of(None) }
    }
}

impl OneDesired {
    /// The causes of one entitlement, as rules of the schema. The value is compared as its kind compares.
    pub fn causes_of(&self, program: &Program, entitlement: &Entitlement) -> Causes {
        let schema = &program.schema;
        let folds = program.folds(entitlement.app, entitlement.kind);
        let same = |other: &Entitlement| {
            (other.app, other.kind) == (entitlement.app, entitlement.kind)
                && (other.value == entitlement.value
                    || folds && prov_model::fold(&other.value) == prov_model::fold(&entitlement.value))
        };
        let mut causes = Causes::default();
        for caused in self.holdings.iter().chain(&self.withheld).filter(|c| same(&c.entitlement)) {
            for cause in &caused.causes {
                let ends = [cause.path.first(), cause.path.last()];
                causes.grants.extend(ends.into_iter().flatten().map(|r| program.rules[*r as usize].rule));
            }
            for withheld in &caused.withheld {
                causes.withholds.extend(match withheld {
                    Withheld::Forbidden(f) => Some(schema.forbids[*f as usize].rule),
                    Withheld::RoleForbidden(f, _) => Some(schema.role_forbids[*f as usize].rule),
                    Withheld::Separated(s) | Withheld::RoleSeparated(_, s, _) => {
                        Some(schema.separations[*s as usize].rule)
                    }
                    Withheld::Dropped(state) => {
                        let lifecycle = schema.identity(self.who.0).lifecycle.as_ref();
                        lifecycle.and_then(|l| l.defs.get(*state as usize)).map(|d| d.rule)
                    }
                    Withheld::NoAccount => {
                        let app = || schema.app(entitlement.app).rule;
                        Some(program.account_rule(entitlement.app, self.who.0).unwrap_or_else(app))
                    }
                    // Exceptions are no rules.
                    Withheld::Denied(_)
                    | Withheld::RoleDenied(..)
                    | Withheld::NotInCatalog
                    | Withheld::Blank
                    | Withheld::Outranked(_) => None,
                });
            }
        }
        let mut seen = Vec::new();
        causes.grants.retain(|r| {
            !seen.contains(r) && {
                seen.push(*r);
                true
            }
        });
        causes.withholds.sort_unstable();
        causes.withholds.dedup();
        causes
    }
}

impl<'a> Interp<'a> {
    /// Entitlements with their causes: held, and withheld. The identity's steps must have been taken.
    pub(crate) fn caused(&mut self, decision: &Decision) -> (Vec<Caused>, Vec<Caused>) {
        let all = self.all_grants(false);
        let mut free = all.free.clone();
        self.add_kept(None, &mut free);
        self.add_entered(None, &mut free);
        let settled = self.settle(&mut free, true);
        let kept = |me: &Self, id: EntId| {
            let known = &me.interner.entitlements;
            let mine = decision.keeps.kept.iter().filter(|(k, _)| known.same_as(*k) == known.same_as(id));
            mine.map(|(_, keep)| keep.clone()).collect()
        };
        let states = self.kept_by_state();
        let by_state = |me: &Self, id: EntId| {
            let known = &me.interner.entitlements;
            let same =
                |k: &&KeptByState| k.ended.is_empty() && known.same_as(k.entitlement) == known.same_as(id);
            states.iter().find(same).map(|k| k.since)
        };
        let mut held: Vec<Caused> = decision
            .held
            .iter()
            .map(|id| Caused {
                entitlement: self.interner.entitlements.get(*id).clone(),
                causes: self.causes_among(*id, all.free.iter(), true),
                kept: kept(self, *id),
                by_state: by_state(self, *id),
                withheld: Vec::new(),
            })
            .collect();
        let mut withheld: Vec<Caused> = Vec::new();
        let mut add = |caused: Caused| match withheld.iter_mut().find(|c| c.entitlement == caused.entitlement)
        {
            Some(known) => {
                known.withheld.extend(caused.withheld);
                known.causes.extend(caused.causes);
                known.causes.sort();
                known.causes.dedup();
            }
            None => withheld.push(caused),
        };
        for (id, issue) in &settled.withheld {
            let entitlement = self.interner.entitlements.get(*id).clone();
            let why = match issue {
                EntitlementIssue::NotInCatalog => Withheld::NotInCatalog,
                EntitlementIssue::Blank => Withheld::Blank,
                EntitlementIssue::Forbidden(f) => Withheld::Forbidden(*f),
                EntitlementIssue::Denied(e) => Withheld::Denied(*e),
                EntitlementIssue::Separated(s) => Withheld::Separated(*s),
                EntitlementIssue::Outranked => {
                    let of_kind = |e: &&Caused| {
                        (e.entitlement.app, e.entitlement.kind) == (entitlement.app, entitlement.kind)
                    };
                    let top = held.iter().find(of_kind).map(|c| c.entitlement.clone());
                    Withheld::Outranked(top.unwrap_or_else(|| entitlement.clone()))
                }
            };
            let causes = self.causes_among(*id, all.free.iter(), true);
            add(Caused { entitlement, causes, kept: Vec::new(), by_state: None, withheld: vec![why] });
        }
        let blocked: Vec<Granted> = all.blocked.iter().map(|(g, _)| *g).collect();
        let mut done = Vec::new();
        for (granted, block) in &all.blocked {
            let same = self.interner.entitlements.same_as(granted.entitlement);
            if done.contains(&same) {
                continue;
            }
            done.push(same);
            let why = match block {
                Block::Dropped(state) => Withheld::Dropped(*state),
                Block::NoAccount => Withheld::NoAccount,
            };
            let entitlement = self.interner.entitlements.get(granted.entitlement).clone();
            let causes = self.causes_among(granted.entitlement, blocked.iter(), true);
            add(Caused { entitlement, causes, kept: Vec::new(), by_state: None, withheld: vec![why] });
        }
        for (granted, why) in self.by_withheld_roles() {
            let same = self.interner.entitlements.same_as(granted.entitlement);
            if decision.held.iter().any(|id| self.interner.entitlements.same_as(*id) == same) {
                continue;
            }
            let entitlement = self.interner.entitlements.get(granted.entitlement).clone();
            let causes = self.causes_among(granted.entitlement, std::iter::once(&granted), false);
            add(Caused { entitlement, causes, kept: Vec::new(), by_state: None, withheld: vec![why] });
        }
        for caused in &mut withheld {
            caused.withheld.sort();
            caused.withheld.dedup();
        }
        held.sort_by(|a, b| a.entitlement.cmp(&b.entitlement));
        withheld.sort_by(|a, b| a.entitlement.cmp(&b.entitlement));
        (held, withheld)
    }

    /// What of all that is held assignments alone give, with the roles that they give; sorted. What is only kept comes
    /// from where it came from when memory was kept.
    pub(crate) fn by_hand_alone(&mut self, live: &[Granted], held: &[EntId]) -> Vec<Holding> {
        if !self.is_given_anything() {
            return Vec::new();
        }
        let mut out = Vec::new();
        for &id in held {
            let causes = self.causes_among(id, live.iter(), true);
            let roles = match causes.is_empty() {
                true => self.roles_before(id),
                false if causes.iter().all(|c| c.assignment.is_some()) => {
                    let named = |c: &Cause| {
                        let args = c.args.first().map_or("", String::as_str);
                        Some(format!("{}{args}", self.rule_name(*c.path.first()?)))
                    };
                    causes.iter().filter_map(named).collect()
                }
                false => Vec::new(),
            };
            let roles: BTreeSet<String> = roles.into_iter().collect();
            if !roles.is_empty() {
                out.push(self.holding(id, roles.into_iter().collect()));
            }
        }
        out.sort();
        out
    }

    /// The rules that are assigned: by their own condition, and by each assignment.
    fn assignments_and_conditions(&mut self) -> Vec<(u32, Option<u32>)> {
        let mut out = Vec::new();
        let assigned: Vec<u32> =
            self.facts.assigned().iter().copied().filter(|r| self.facts.rule(*r) == Tri::Yes).collect();
        for rule in assigned {
            let when = self.world.program.rules[rule as usize].when;
            if when.is_some() && self.nested(self.subject, |me| me.holds(when)) == Ok(true) {
                out.push((rule, None));
            }
            out.extend(self.giving(rule).into_iter().map(|n| (rule, Some(n))));
        }
        out
    }

    /// What roles would grant that come and are withheld, with why; each entitlement once a role and reason.
    fn by_withheld_roles(&mut self) -> Vec<(Granted, Withheld)> {
        let mut out = Vec::new();
        for (role, block) in self.withheld_roles() {
            let shown = role.shown().to_owned();
            let why = match block {
                RoleBlock::Forbidden(forbid) => Withheld::RoleForbidden(forbid, shown),
                RoleBlock::Denied(exception) => Withheld::RoleDenied(role.rule, exception, shown),
                RoleBlock::Separated(separation) => Withheld::RoleSeparated(role.rule, separation, shown),
            };
            for way in self.ways_from(role, |_, _| true) {
                let Some(step) = way.last().filter(|s| self.has_step(s) != Tri::Yes) else { continue };
                for (number, grant) in self.world.program.rules[step.rule as usize].grants.iter().enumerate()
                {
                    if !matches!(self.blocked(grant.app), Ok(None)) {
                        continue;
                    }
                    let mut grants = Vec::new();
                    // What can't be known is not said.
                    let _ = self.expand_within(step, number as u32, &mut grants);
                    out.extend(grants.into_iter().map(|g| (g, why.clone())));
                }
            }
        }
        out
    }

    /// How each grant of an entitlement is come by; `had` leaves out ways through roles that are not had.
    fn causes_among<'g>(
        &mut self,
        id: prov_model::EntId,
        grants: impl Iterator<Item = &'g Granted>,
        had: bool,
    ) -> Vec<Cause> {
        let same = self.interner.entitlements.same_as(id);
        if self.world.program.rules.iter().any(|r| !r.params.is_empty()) {
            let grants: Vec<Granted> = grants
                .filter(|g| self.interner.entitlements.same_as(g.entitlement) == same)
                .copied()
                .collect();
            return self.causes_of_instances(&grants, had);
        }
        let open: Vec<bool> = match had && self.is_gated() {
            true => (0..self.shape.rules.len() as u32).map(|r| self.had(r) == Tri::Yes).collect(),
            false => vec![true; self.shape.rules.len()],
        };
        let assigned = self.assignments_and_conditions();
        let mut causes: Vec<Cause> = grants
            .filter(|g| self.interner.entitlements.same_as(g.entitlement) == same)
            .flat_map(|g| {
                let through = &self.shape.rules[g.rule as usize].had_through;
                assigned.iter().filter(|(r, _)| through.contains(r)).filter_map(|&(r, assignment)| {
                    let path = way(self.world.program, self.shape, r, g.rule, |r| open[r as usize])?;
                    Some(Cause { path, args: Vec::new(), grant: g.grant, assignment })
                })
            })
            .collect();
        causes.sort();
        causes.dedup();
        causes
    }
}

impl<'a> Interp<'a> {
    /// The same where roles have parameters: ways lead from instance to instance.
    fn causes_of_instances(&mut self, grants: &[Granted], had: bool) -> Vec<Cause> {
        let mut causes = Vec::new();
        for (rule, assignment) in self.assignments_and_conditions() {
            let instance = assignment
                .filter(|_| self.has_params(rule))
                .and_then(|n| self.assignment(n))
                .and_then(|a| self.assigned_instance(rule, a, Tri::Yes));
            let from = Step { rule, instance };
            for way in self.ways_from(from, |me, step| !had || me.has_step(step) == Tri::Yes) {
                let Some(last) = way.last() else { continue };
                let args: Vec<String> = way.iter().map(|s| self.shown_as(s)).collect();
                let key = last.instance.as_ref().map_or("", |x| &x.key);
                let mine = |g: &&Granted| {
                    g.rule == last.rule
                        && (g.instance == 0) == last.instance.is_none()
                        && self.interner.instance_of(g.instance).0 == key
                };
                causes.extend(grants.iter().filter(mine).map(|g| Cause {
                    path: way.iter().map(|s| s.rule).collect(),
                    args: args.clone(),
                    grant: g.grant,
                    assignment,
                }));
            }
        }
        causes.sort();
        causes.dedup();
        causes
    }

    /// The arguments of a step as shown: of several spellings by which an instance comes, the smallest.
    fn shown_as(&mut self, step: &Step<'a>) -> String {
        let Some(own) = &step.instance else { return String::new() };
        let all = self.instances(step.rule, Stage::Comes);
        all.find(&own.key).map_or_else(|| own.shown.to_string(), |known| known.shown.to_string())
    }
}

/// A shortest way by includes from one rule to another that it brings; of several, the first by position.
pub(crate) fn path(program: &Program, shape: &Shape, from: u32, to: u32) -> Vec<u32> {
    way(program, shape, from, to, |_| true).unwrap_or_else(|| vec![to])
}

/// The same, only through rules that are open; none where there is no such way.
pub(crate) fn way(
    program: &Program,
    shape: &Shape,
    from: u32,
    to: u32,
    open: impl Fn(u32) -> bool,
) -> Option<Vec<u32>> {
    if !open(from) {
        return None;
    }
    let mut ways: Vec<Vec<u32>> = vec![vec![from]];
    let mut at = 0;
    while let Some(way) = ways.get(at).cloned() {
        let last = way.last().copied().unwrap_or(from);
        if last == to {
            return Some(way);
        }
        for &next in &program.rules[last as usize].includes {
            let leads = shape.rules[next as usize].brings.binary_search(&to).is_ok()
                && !program.observed.rules.contains(&next);
            if leads && open(next) && !ways.iter().any(|w| w.contains(&next)) {
                ways.push(way.iter().copied().chain([next]).collect());
            }
        }
        at += 1;
    }
    None
}

/// Whether a condition reads roles, entitlements or accounts.
pub(crate) fn reads_facts(program: &Program, id: ExprId) -> bool {
    let mut found = false;
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        let kind = &program.expr(id).kind;
        found |= matches!(
            kind,
            ExprKind::HasRole(_)
                | ExprKind::HasInstance(..)
                | ExprKind::HasEntitlement(..)
                | ExprKind::AccountAttr(..)
        );
        kind.children(|child| open.push(child));
    }
    found
}
