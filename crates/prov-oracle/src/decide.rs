//! Accounts, and everything that is decided for an identity (items.md, "account" and "lifecycle"; plan.md, "Who is held").
//! Invariant: who is held has nothing decided but that.

use crate::cause::Cause;
use crate::entered::reaches;
use crate::entitlement::Ent;
use crate::eval::{Eval, Res, Scope, Stop, bug};
use crate::facts::{Node, either, known};
use crate::good::{left_in, recalling};
use crate::grants::Given;
use crate::names::{Named, unique};
use crate::policy::{App, declared};
use crate::settle::Issue;
use crate::value::{Value, nfc};
use prov_model::Keep;
use prov_syntax::ast::{self, VerbKind};

/// An account that there should be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub app: String,
    pub enabled: bool,
    /// In order; the first is the name.
    pub attributes: Vec<(String, String)>,
}

/// Everything that is decided for an identity.
#[derive(Default)]
pub(crate) struct Decision<'a> {
    /// The number of its state; none where its type has none or it can't be known.
    pub state: Option<usize>,
    pub leaver: bool,
    pub held: bool,
    pub accounts: Vec<Wanted>,
    pub entitlements: Vec<Ent>,
    pub withheld: Vec<(Ent, Issue)>,
    /// Forbids and exceptions that withhold roles.
    pub roles_withheld: Vec<Cause>,
    /// What rules give.
    pub given: Vec<Given<'a>>,
    /// What is to be remembered of keeps.
    pub keeps: Vec<Keep>,
    /// Separations that are hit.
    pub separated: Vec<Cause>,
}

impl<'a> Eval<'_, 'a> {
    /// The state of an identity, as declared.
    pub(crate) fn state_def(&self, person: usize, state: Option<usize>) -> Option<&'a ast::State> {
        let (_, states) = self.world.policy.lifecycles.get(self.world.people[person].of.as_str())?;
        states.get(state?)
    }

    /// Whether nothing can be held in an app: by the state, or without an account (items.md, "account").
    pub(crate) fn blocked(&self, person: usize, app: &str) -> Res<bool> {
        let state = self.state(person)?;
        if self.state_def(person, state).is_some_and(|s| drops(s, app)) {
            return Ok(true);
        }
        match self.world.policy.app(app) {
            Some(def) if !def.accounts.is_empty() => Ok(!self.wants_account(person, app)?),
            _ => Ok(false),
        }
    }

    /// Whether there should be an account (items.md, "account").
    pub(crate) fn wants_account(&self, person: usize, app: &str) -> Res<bool> {
        self.ask(Node::Account(app.to_owned()), || {
            let (of, scope) = self.me(person);
            let Some(def) = self.world.policy.app(app) else { return Ok(false) };
            let Some(block) = def.account(of) else { return Ok(false) };
            // Who left without ever having had a name gets none (items.md, "unique names").
            let mut fields =
                block.fields.iter().map(|f| (person, app.to_owned(), f.assign.name.text.clone()));
            if fields.any(|slot| matches!(self.world.names.get(&slot), Some(Named::Never))) {
                return Ok(false);
            }
            let first = match &block.from {
                None => Some(true),
                Some(from) => known(self.wants_account(person, &from.text))?,
            };
            let own = match &block.when {
                None => Some(true),
                Some(when) => known(self.holds(when, &Scope { account: Some((def.name, block)), ..scope }))?,
            };
            match (first, own) {
                (Some(false), _) | (_, Some(false)) => Ok(false),
                (Some(true), Some(true)) => Ok(true),
                _ => Err(Stop::Unknown),
            }
        })
    }

    /// `ad.mail` in `account from ad`.
    pub(crate) fn account_attribute(&self, app: &str, name: &str, person: usize) -> Res<Value> {
        let (of, scope) = self.me(person);
        let Some(def) = self.world.policy.app(app) else { return Ok(Value::Absent) };
        let Some(block) = def.account(of) else { return Ok(Value::Absent) };
        if !self.wants_account(person, app)? {
            return Ok(Value::Absent);
        }
        match block.fields.iter().find(|f| f.assign.name.text == name) {
            Some(field) => {
                let scope = Scope { account: Some((def.name, block)), ..scope };
                self.account_field(def.name, field, person, &scope)
            }
            None => bug(format!("no attribute `{name}` of an account in `{app}`")),
        }
    }

    /// An attribute of an account: computed, or the name that was given.
    pub(crate) fn account_field(
        &self,
        app: &str,
        field: &'a ast::AccountField,
        person: usize,
        s: &Scope<'a>,
    ) -> Res<Value> {
        let Some((base, _)) = unique(&field.assign.value) else {
            return self.eval(&field.assign.value, s, None);
        };
        match self.world.names.get(&(person, app.to_owned(), field.assign.name.text.clone())) {
            Some(Named::Name(name, _)) => Ok(Value::Str(name.clone())),
            Some(Named::Never | Named::NotYet) => Ok(Value::Absent),
            // Where it is not clear which account is theirs no name is given; what it is made from must do all the same.
            None if self.world.conflicts.contains_key(&(person, app.to_owned())) => {
                match self.eval(base, s, None)?.letters() {
                    Some(base) if !base.trim().is_empty() => Ok(Value::Absent),
                    _ => Err(Stop::Unknown),
                }
            }
            // Who can't be named is held.
            None => Err(Stop::Unknown),
        }
    }

    fn account(&self, person: usize, app: &App<'a>) -> Res<Option<Wanted>> {
        let (of, scope) = self.me(person);
        let Some(block) = app.account(of) else { return Ok(None) };
        if !self.wants_account(person, app.name)? {
            return Ok(None);
        }
        let scope = Scope { account: Some((app.name, block)), ..scope };
        let (mut enabled, mut attributes) = (true, Vec::new());
        for field in &block.fields {
            let name = &field.assign.name.text;
            if name == "enabled" {
                enabled = self.holds(&field.assign.value, &scope)?;
            } else {
                let value = self.account_field(app.name, field, person, &scope)?;
                attributes.push((name.clone(), nfc(&value.plain())));
            }
        }
        Ok(Some(Wanted { app: app.name.to_owned(), enabled, attributes }))
    }

    /// Decides for one identity (index.md, "What Prov computes"; plan.md, "Who is held").
    pub(crate) fn decide(&self, person: usize) -> Res<Decision<'a>> {
        // Who has left by their last good record has left (plan.md, "Who is held").
        let unknown = !self.world.people[person].is_whole() && self.has_unknown_state(person)?;
        let recalling = recalling(self.world, person).filter(|_| unknown && self.recalls.is_none());
        if let Some(recalling) = recalling
            && left_in(&recalling, person)?.is_some()
        {
            return recalling.decide(person);
        }
        let (of, _) = self.me(person);
        let state = known_state(self.state(person))?;
        let has_states = self.world.policy.lifecycles.contains_key(of);
        let mut decision = Decision { state: state.flatten(), ..Decision::default() };
        let def = self.state_def(person, decision.state);
        decision.leaver = def.is_some_and(leaver);
        let by_hand = self.world.hand.unreadable.contains(&self.world.people[person].id);
        decision.held =
            by_hand || self.world.people[person].rejected || (has_states && decision.state.is_none());
        if decision.leaver {
            decision.held = false;
        }
        let mut unknown = false;
        for rule in self.world.policy.rules.iter().filter(|r| self.world.acts(r)) {
            let mut assigned = known(self.assigned(person, rule.name))?;
            if rule.requestable.is_some() {
                assigned = either(assigned, known(self.assigned_by_hand(person, rule))?);
            }
            // So is one that comes, and of which it can't be known whether something withholds it.
            let had = self.had(person, rule)?;
            unknown |= assigned.is_none() || had.open || had.list.iter().any(|(_, is)| is.is_none());
        }
        let mut open: Vec<&str> = Vec::new();
        for app in &self.world.policy.apps {
            match known(self.blocked(person, app.name))? {
                Some(true) => {}
                Some(false) => open.push(app.name),
                None => unknown = true,
            }
            match self.account(person, app) {
                Ok(account) => decision.accounts.extend(account),
                Err(Stop::Unknown) => unknown = true,
                Err(stop) => return Err(stop),
            }
        }
        let asked = |e: &Ent| Ok(open.contains(&e.app.as_str()));
        let (given, unsure) = self.granted(person, &|app, _| open.contains(&app), &asked)?;
        let mut kept = self.kept(person, &given, &asked)?;
        kept.by_state = self.state_keeps(person, &|_, _| true)?;
        let settled = self.settle(person, &given, &kept)?;
        unknown |= unsure || settled.unknown;
        // A leaver has left, whatever else can't be known.
        decision.held |= unknown && !decision.leaver;
        if decision.held {
            decision.accounts.clear();
            return Ok(decision);
        }
        for separation in self.world.separations().filter(|_| !decision.leaver) {
            if known(self.is_hit(person, separation))? == Some(true) {
                decision.separated.push(separation.cause.clone());
            }
        }
        for rule in self.world.policy.rules.iter().filter(|_| !decision.leaver) {
            for (inst, is) in self.coming(person, rule)?.list {
                if is == Some(true) {
                    decision.roles_withheld.append(&mut self.role_withheld(person, &inst)?);
                }
            }
        }
        decision.keeps = self.keeps_after(person, &given, &settled.held)?;
        decision.given = given;
        decision.entitlements = settled.held;
        decision.withheld = settled.withheld;
        Ok(decision)
    }
}

fn known_state(state: Res<Option<usize>>) -> Res<Option<Option<usize>>> {
    match state {
        Ok(state) => Ok(Some(state)),
        Err(Stop::Unknown) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// The verb of a kind that reaches an app: one that names the app before one that names none (items.md, "lifecycle").
pub(crate) fn verb<'a>(state: &'a ast::State, kind: VerbKind, app: &str) -> Option<&'a ast::Verb> {
    let of_kind = || state.verbs.iter().filter(|v| v.kind == kind);
    let named = of_kind().find(|v| v.apps.iter().any(|a| a.text == declared(app)));
    named.or_else(|| of_kind().find(|v| v.apps.is_empty()))
}

/// Whether who is in a state has left.
pub(crate) fn leaver(state: &ast::State) -> bool {
    state.verbs.iter().any(|v| v.kind == VerbKind::Leaver)
}

/// Whether nothing is held in an app in a state.
pub(crate) fn drops(state: &ast::State, app: &str) -> bool {
    leaver(state) || reaches(state, VerbKind::DropEntitlements, VerbKind::KeepEntitlements, app)
}
