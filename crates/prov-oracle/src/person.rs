//! What is done for one identity (plan.md, "Actions").
//! Invariant: nothing is done to who is held or missing but what plan.md says.

use crate::action::{Act, Change, Deed};
use crate::actual::Account;
use crate::cause::{Cause, in_order};
use crate::decide::{Decision, Wanted, drops, leaver};
use crate::entitlement::{Ent, same};
use crate::eval::{Eval, Stop};
use crate::found::{EXAMPLES, Find};
use crate::good::recalling;
use crate::links::Conflict;
use crate::plan::{Blocked, Lines, Planner, Standing, Want};
use crate::policy::App;
use crate::settle::Issue;
use crate::value::fold;
use prov_syntax::ast::{self, Expr, State, VerbKind};
use std::collections::BTreeMap;

/// What holds for access in one app.
#[derive(Default, Clone)]
struct Here {
    account: Option<String>,
    exists: bool,
    frozen: bool,
    holds: bool,
    keeps: bool,
    takes: bool,
    /// The state leaves nothing to be held; else, where nothing is, there is no account.
    dropped: bool,
    /// It is not clear which account is theirs, here or where it comes from.
    unsettled: bool,
    /// The name that it should have can't be given.
    stuck: bool,
}

/// How many hold what is not managed: by app and kind, and by value as it is compared.
pub(crate) type Unmanaged = BTreeMap<(String, String), BTreeMap<String, u64>>;

/// The identity at hand.
struct One<'o, 'w, 'a> {
    planner: &'o Planner<'w, 'a>,
    id: &'w str,
    position: Option<usize>,
    left: bool,
    /// Whether it is held: it loses only what is forbidden.
    frozen: bool,
    /// What its state is caused by, and brings about.
    by_state: Vec<Cause>,
    lines: &'o mut Lines,
    apps: BTreeMap<&'w str, Here>,
    acts: Vec<Act>,
}

/// What a source is told of an account, by attribute.
type Told = BTreeMap<String, (Change, Cause)>;

impl<'w, 'a> Planner<'w, 'a> {
    pub(crate) fn person(
        &self,
        id: &'w str,
        blocked: &Blocked,
        lines: &mut Lines,
        unmanaged: &mut Unmanaged,
    ) -> Result<(), Stop> {
        let position = self.position(id);
        let held = self.actual.held.get(id).map_or(&[][..], Vec::as_slice);
        let standing = self.standing(id)?;
        if position.is_none() {
            let mut find = Find::of("missing", id);
            if let Standing::In { ended_by: Some(source), .. } = &standing {
                find.because.extend(self.world.policy.causes.get(&("source", &*source.name.text)).cloned());
            }
            lines.findings.insert(find);
        }
        let by_state = self.state_causes(id, &standing)?;
        let (state, since) = match standing {
            Standing::In { state, since, .. } => (state, since),
            Standing::Missing(_) => return self.left_alone(id, true, lines),
            Standing::Held => {
                lines.findings.insert(Find::of("held", id));
                if self.actual.unreadable.contains(id) {
                    return self.left_alone(id, false, lines);
                }
                let mut one = One::new(self, id, lines, by_state);
                one.frozen = true;
                for app in &self.world.policy.apps {
                    let has = self.accounts_of(id, app.name);
                    let account = if has.len() == 1 { Some(has[0].name.clone()) } else { None };
                    one.apps.insert(app.name, Here { account, keeps: true, ..Here::default() });
                }
                for ent in held {
                    one.surplus(ent, false, unmanaged)?;
                    if self.stays(id, ent)? {
                        one.violated(ent)?;
                    }
                }
                one.protect()?;
                return one.done();
            }
        };
        let left = state.is_some_and(leaver);
        let none = Decision::default();
        let decision = position.map_or(&none, |p| &self.decisions[p]);
        self.tell(id, decision, state, lines)?;
        let mut one = One::new(self, id, lines, by_state);
        one.left = left;
        for app in self.in_order() {
            let want = self.want(state, since, app, self.wanted(id, app.name))?;
            let disables = left || self.due(state, since, VerbKind::DisableAccounts, app.name)?;
            one.app(app, state, want, disables, blocked)?;
        }
        for ent in &decision.entitlements {
            let here = &one.apps[ent.app.as_str()];
            if here.holds && !here.frozen && !held.iter().any(|h| same(h, ent)) {
                let because = match position {
                    Some(p) => Eval::new(self.world).why_given(p, ent)?,
                    None => Vec::new(),
                };
                one.access(Deed::Grant, ent, because);
            }
        }
        for ent in held {
            let granted = decision.entitlements.iter().any(|d| same(d, ent));
            if !granted || !one.apps[ent.app.as_str()].holds {
                one.surplus(ent, granted, unmanaged)?;
            }
        }
        if let Some(position) = position.filter(|_| !left) {
            let mut found = Vec::new();
            self.tell_would(id, position, &mut found)?;
            one.lines.findings.extend(found);
        }
        one.write_backs()?;
        if !left {
            one.violations(held, decision)?;
        }
        one.protect()?;
        for app in &self.world.policy.apps {
            let here = one.apps[app.name].clone();
            let kills = left || self.due(state, since, VerbKind::KillSessions, app.name)?;
            if kills && here.takes {
                one.act(Deed::Kill, app, here.account.as_deref(), one.by_state.clone());
            }
        }
        one.done()
    }

    /// Whether nobody takes away what someone holds though no rule gives it (plan.md, "Violations"); not asked of leavers.
    fn stays(&self, id: &str, ent: &Ent) -> Result<bool, Stop> {
        let Some(app) = self.world.policy.app(&ent.app) else { return Ok(false) };
        let irrevocable = app.kind(&ent.kind).is_some_and(|k| k.irrevocable);
        Ok(irrevocable || app.mode == "additive" || !self.is_managed(id, app, ent)?)
    }

    /// What puts someone into their state: the state, the source that they are missing from, the federations that have them
    /// out.
    fn state_causes(&self, id: &str, standing: &Standing<'a>) -> Result<Vec<Cause>, Stop> {
        let (Standing::In { state, ended_by, .. }, policy) = (standing, &self.world.policy) else {
            return Ok(Vec::new());
        };
        let mut causes = Vec::new();
        if let (Some(state), Some(of)) = (state, self.type_of(id)) {
            causes.push(self.world.state_cause(of, state));
        }
        let known = |kind: &'static str, name: &'a str| policy.causes.get(&(kind, name)).cloned();
        causes.extend(ended_by.and_then(|s| known("source", &s.name.text)));
        if let (true, Some(position)) = (state.is_some_and(leaver), self.position(id)) {
            for (federation, _) in Eval::new(self.world).out_by(position)? {
                causes.extend(federation.and_then(|f| known("federation", f)));
            }
        }
        Ok(in_order(causes))
    }

    /// What is told of someone who is neither held nor missing.
    fn tell(
        &self,
        id: &str,
        decision: &Decision<'a>,
        state: Option<&'a State>,
        lines: &mut Lines,
    ) -> Result<(), Stop> {
        let Some(position) = self.position(id) else { return Ok(()) };
        let by = |kind: &str, cause: &Cause| Find { because: vec![cause.clone()], ..Find::of(kind, id) };
        for (ent, issue) in &decision.withheld {
            if state.is_some_and(|s| drops(s, &ent.app)) {
                continue;
            }
            let ent_of = |find| Find {
                app: Some(ent.app.clone()),
                ent: Some((ent.kind.clone(), Some(ent.value.clone()))),
                ..find
            };
            match issue {
                Issue::Outranked | Issue::Separated => {}
                Issue::Blank | Issue::NotInCatalog => {
                    lines.findings.insert(ent_of(Find::of("withheld", id)));
                }
                Issue::Forbidden => {
                    for cause in Eval::new(self.world).why_withheld(position, ent, *issue)? {
                        lines.findings.insert(ent_of(by("withheld", &cause)));
                    }
                }
            }
        }
        lines.findings.extend(decision.roles_withheld.iter().map(|c| by("withheld", c)));
        lines.findings.extend(decision.separated.iter().map(|c| by("separated", c)));
        if state.is_some_and(leaver) {
            let held = self.actual.held.get(id).is_some_and(|h| !h.is_empty());
            let has = held || self.world.policy.apps.iter().any(|a| !self.accounts_of(id, a.name).is_empty());
            for (federation, why) in Eval::new(self.world).out_by(position)? {
                // That a time is over is told only as long as they have something.
                if has || !why.iter().any(|w| matches!(*w, "their time is over" | "the partnership is over"))
                {
                    let causes = &self.world.policy.causes;
                    let cause = federation.and_then(|f| causes.get(&("federation", f)).cloned());
                    let because = cause.into_iter().collect();
                    lines.findings.insert(Find { because, ..Find::of("guest_out", id) });
                }
            }
        }
        Ok(())
    }

    /// The block that speaks of someone's account in an app; where none is for their type, the app.
    pub(crate) fn account_cause(&self, position: Option<usize>, app: &App<'a>) -> Cause {
        let of = position.map(|p| self.world.people[p].of.as_str());
        let Some(block) = of.and_then(|of| app.account(of)) else { return app.cause.clone() };
        let name = match &block.for_type {
            None => format!("{}.account", app.name),
            Some(of) => format!("{}.account for {}", app.name, of.text),
        };
        self.world.trees.cause("account", name, block.head, &block.annotations)
    }
}

impl<'o, 'w, 'a> One<'o, 'w, 'a> {
    fn new(planner: &'o Planner<'w, 'a>, id: &'w str, lines: &'o mut Lines, by_state: Vec<Cause>) -> Self {
        let position = planner.position(id);
        let (apps, acts) = (BTreeMap::new(), Vec::new());
        One { planner, id, position, left: false, frozen: false, by_state, lines, apps, acts }
    }

    /// Holds back what is protected.
    fn protect(&mut self) -> Result<(), Stop> {
        self.planner.protect(self.id, self.left, &mut self.acts, self.lines)?;
        for (app, here) in &mut self.apps {
            let takes = |a: &Act| matches!(a.deed, Deed::Disable | Deed::Delete | Deed::Revoke);
            here.takes = self.acts.iter().any(|a| a.app == *app && takes(a));
        }
        Ok(())
    }

    /// Gives everything its place.
    fn done(mut self) -> Result<(), Stop> {
        self.planner.arrange(&mut self.acts)?;
        self.lines.acts.append(&mut self.acts);
        Ok(())
    }

    fn act(&mut self, deed: Deed, app: &App<'a>, account: Option<&str>, because: Vec<Cause>) -> &mut Act {
        let because = if because.is_empty() { vec![app.cause.clone()] } else { in_order(because) };
        self.acts.push(Act {
            deed,
            id: self.id.to_owned(),
            app: app.name.to_owned(),
            account: account.map(str::to_owned),
            ent: None,
            changes: Vec::new(),
            left: self.left,
            report: app.mode == "report",
            risk: because.iter().filter_map(|c| c.risk).max(),
            because,
            early: false,
            after: Vec::new(),
        });
        let last = self.acts.len() - 1;
        &mut self.acts[last]
    }

    fn access(&mut self, deed: Deed, ent: &Ent, because: Vec<Cause>) {
        let account = self.apps.get(ent.app.as_str()).and_then(|h| h.account.clone());
        let policy = self.planner.world.policy.clone();
        let Some(app) = policy.app(&ent.app) else { return };
        let risk = app.kind(&ent.kind).and_then(|k| k.risk);
        let act = self.act(deed, app, account.as_deref(), because);
        act.risk = act.risk.max(risk);
        act.ent = Some(ent.clone());
    }

    fn find(&mut self, kind: &str, app: &App<'a>, account: Option<&str>) {
        let mut find = Find::of(kind, self.id);
        (find.app, find.account) = (Some(app.name.to_owned()), account.map(str::to_owned));
        self.lines.findings.insert(find);
    }

    /// Several accounts, of which one should be.
    fn several(&mut self, app: &App<'a>, names: &[String]) {
        let mut find = Find::of("conflict", self.id);
        (find.app, find.count) = (Some(app.name.to_owned()), Some(names.len() as u64));
        find.examples = names.iter().take(EXAMPLES).cloned().collect();
        self.lines.findings.insert(find);
    }

    /// The account's block, and the state.
    fn by_account(&self, app: &App<'a>, and_state: bool) -> Result<Vec<Cause>, Stop> {
        let mut causes = vec![self.planner.account_cause(self.position, app)];
        if let (true, Some(position)) = (and_state, self.position) {
            causes.extend(Eval::new(self.planner.world).state_cause(position)?);
        }
        Ok(causes)
    }

    fn by_disabling(&self, app: &App<'a>, disables: bool) -> Result<Vec<Cause>, Stop> {
        if disables { Ok(self.by_state.clone()) } else { self.by_account(app, true) }
    }

    /// The account in an app, and what follows for access there. `disables`: the state disables it.
    fn app(
        &mut self,
        app: &'w App<'a>,
        state: Option<&'a State>,
        want: Want,
        disables: bool,
        blocked: &Blocked,
    ) -> Result<(), Stop> {
        let has = self.planner.accounts_of(self.id, app.name);
        let dropped = state.is_some_and(|s| drops(s, app.name));
        let keeps = !self.left && state.is_some_and(|s| crate::entered::keeps(s, app.name));
        let mut here = Here {
            account: if has.len() == 1 { Some(has[0].name.clone()) } else { None },
            exists: !has.is_empty(),
            holds: !dropped,
            keeps,
            dropped,
            ..Here::default()
        };
        if let Some(position) = self.position
            && let Some(conflict) = self.planner.world.conflicts.get(&(position, app.name.to_owned()))
        {
            match conflict {
                Conflict::Unknown => self.find("conflict", app, None),
                Conflict::Elsewhere(account) => self.find("conflict", app, Some(account)),
                Conflict::Several(names) => self.several(app, names),
            }
        }
        here.unsettled = self.planner.is_unsettled(self.id, app);
        let may_take = self.left || app.mode != "additive";
        match want {
            Want::Direct => {}
            Want::On(enabled) => {
                if let Some(wanted) = self.planner.wanted(self.id, app.name) {
                    let wish = Wish { wanted, enabled, disables };
                    self.wanted(&mut here, app, &has, wish, blocked)?;
                }
            }
            Want::Off | Want::Gone => {
                here.holds = false;
                here.keeps &= want == Want::Off;
                if may_take {
                    self.unwanted(&mut here, app, &has, want == Want::Gone, disables)?;
                }
            }
        }
        self.apps.insert(app.name, here);
        Ok(())
    }

    fn wanted(
        &mut self,
        here: &mut Here,
        app: &'w App<'a>,
        has: &[&Account],
        wish: Wish<'_>,
        blocked: &Blocked,
    ) -> Result<(), Stop> {
        let Wish { wanted, enabled, disables } = wish;
        let (attribute, name) = wanted.attributes.first().cloned().unwrap_or_default();
        let is_blocked = blocked.contains(&(app.name.to_owned(), name.clone()));
        let may_take = app.mode != "additive";
        match has {
            [] => {
                here.frozen = true;
                let from = app.accounts.first().and_then(|b| b.from.as_ref());
                let parent = from.is_none_or(|f| self.apps.get(f.text.as_str()).is_some_and(|h| h.exists));
                if here.unsettled {
                } else if is_blocked {
                    self.find("conflict", app, Some(&name));
                } else if name.is_empty() {
                    self.find("nameless_account", app, None);
                } else if parent {
                    let set = wanted.attributes.iter().filter(|(_, v)| !v.is_empty());
                    let mut changes: Vec<Change> =
                        set.map(|(a, v)| (a.clone(), None, Some(v.clone()))).collect();
                    changes.push(("enabled".to_owned(), None, Some(enabled.to_string())));
                    let because = self.by_account(app, false)?;
                    self.act(Deed::Create, app, Some(&name), because).changes = changes;
                    (here.account, here.frozen, here.exists) = (Some(name), false, true);
                }
            }
            [account] => {
                let mut current = account.name.clone();
                if here.unsettled {
                } else if name.is_empty() {
                    self.find("nameless_account", app, Some(&current));
                } else if name != current && is_blocked {
                    here.stuck = true;
                    self.find("conflict", app, Some(&name));
                } else if name != current {
                    let change = (attribute, Some(current.clone()), Some(name.clone()));
                    let because = self.by_account(app, false)?;
                    self.act(Deed::Rename, app, Some(&current), because).changes = vec![change];
                    current.clone_from(&name);
                    here.account = Some(name);
                }
                let or_none = |v: &str| Some(v.to_owned()).filter(|v| !v.is_empty());
                let mut changes = Vec::new();
                for (attribute, to) in wanted.attributes.iter().skip(1) {
                    if let Some(from) = account.attributes.get(attribute).filter(|from| *from != to) {
                        changes.push((attribute.clone(), or_none(from), or_none(to)));
                    }
                }
                if !changes.is_empty() && !here.unsettled {
                    let because = self.by_account(app, false)?;
                    self.act(Deed::Update, app, Some(&current), because).changes = changes;
                }
                if enabled && !account.enabled {
                    let because = self.by_account(app, true)?;
                    self.act(Deed::Enable, app, Some(&current), because);
                }
                if !enabled && account.enabled && may_take {
                    let because = self.by_disabling(app, disables)?;
                    self.act(Deed::Disable, app, Some(&current), because);
                    here.takes = true;
                }
            }
            several => {
                here.frozen = true;
                self.several(app, &several.iter().map(|a| a.name.clone()).collect::<Vec<_>>());
                if !enabled && may_take {
                    self.disable(here, app, several, disables)?;
                }
            }
        }
        Ok(())
    }

    fn unwanted(
        &mut self,
        here: &mut Here,
        app: &'w App<'a>,
        has: &[&Account],
        gone: bool,
        disables: bool,
    ) -> Result<(), Stop> {
        let several = has.len() > 1;
        // Of several accounts whose is which is not clear: nobody signs in with any, and none is deleted.
        if !self.left && several {
            here.frozen = true;
            self.several(app, &has.iter().map(|a| a.name.clone()).collect::<Vec<_>>());
        }
        let deletes = gone && (self.left || !several);
        if !deletes || self.left {
            self.disable(here, app, has, disables)?;
        }
        if deletes {
            for account in has {
                self.act(Deed::Delete, app, Some(&account.name), self.by_state.clone());
                here.takes = true;
            }
            here.exists = false;
        }
        Ok(())
    }

    fn disable(
        &mut self,
        here: &mut Here,
        app: &'w App<'a>,
        has: &[&Account],
        disables: bool,
    ) -> Result<(), Stop> {
        for account in has.iter().filter(|a| a.enabled) {
            let because = self.by_disabling(app, disables)?;
            self.act(Deed::Disable, app, Some(&account.name), because);
            here.takes = true;
        }
        Ok(())
    }

    /// What sources are told of accounts (items.md, "writeback").
    fn write_backs(&mut self) -> Result<(), Stop> {
        let world = self.planner.world;
        let Some(position) = self.position.filter(|_| !self.left) else { return Ok(()) };
        let one = &world.people[position];
        let mut told: BTreeMap<(String, &'w str), Told> = BTreeMap::new();
        for (source, assign, cause) in &world.policy.writebacks {
            let of = world.policy.sources.iter().find(|s| s.name.text == *source).map(|s| &s.identity.text);
            let Some((app, attribute)) = app_attribute(&assign.value).filter(|_| of == Some(&one.of)) else {
                continue;
            };
            let Some(app) = world.policy.app(app) else { continue };
            let here = &self.apps[app.name];
            if here.account.is_none() || here.unsettled || here.stuck {
                continue;
            }
            let account = self.planner.wanted(self.id, app.name);
            let value = account.and_then(|a| a.attributes.iter().find(|(name, _)| name == attribute));
            let Some((_, to)) = value.filter(|(_, v)| !v.trim().is_empty()) else { continue };
            let name = &assign.name.text;
            let Some(Some(from)) = one.attributes.get(name) else { continue };
            let folds = matches!(from, crate::value::Value::Text(_));
            let from = crate::value::nfc(&from.plain());
            if if folds { fold(&from) == fold(to) } else { from == *to } {
                continue;
            }
            let from = Some(from).filter(|f| !f.is_empty());
            let change = (format!("{source}.{name}"), from, Some(to.clone()));
            let changes = told.entry((source.clone(), app.name)).or_default();
            changes.insert(name.clone(), (change, cause.clone()));
        }
        for ((_, app), changes) in told {
            let account = self.apps[app].account.clone();
            let (changes, because) = changes.into_values().unzip();
            if let Some(app) = world.policy.app(app) {
                self.act(Deed::WriteBack, app, account.as_deref(), because).changes = changes;
            }
        }
        Ok(())
    }

    /// The forbids and exceptions that say no to something.
    fn refusing(&self, ent: &Ent) -> Result<Vec<Cause>, Stop> {
        let world = self.planner.world;
        let Some(position) = self.position else { return Ok(Vec::new()) };
        // Of who is held the last good record says which forbids hold.
        let held = self.frozen && self.planner.decisions[position].held && !world.people[position].is_whole();
        let eval = recalling(world, position).filter(|_| held).unwrap_or_else(|| Eval::new(world));
        eval.why_forbidden(position, ent)
    }

    fn violated(&mut self, ent: &Ent) -> Result<(), Stop> {
        for cause in self.refusing(ent)? {
            let mut find = Find { because: vec![cause], ..Find::of("violation", self.id) };
            find.app = Some(ent.app.clone());
            find.ent = Some((ent.kind.clone(), Some(ent.value.clone())));
            self.lines.findings.insert(find);
        }
        Ok(())
    }

    /// What stays of what someone holds, though rules say no to it (plan.md, "Violations").
    fn violations(&mut self, held: &'w [Ent], decision: &Decision<'a>) -> Result<(), Stop> {
        let (world, has) = (self.planner.world, &decision.entitlements);
        let Some(position) = self.position else { return Ok(()) };
        let mut stays: Vec<&Ent> = Vec::new();
        for ent in held.iter().filter(|ent| !has.iter().any(|d| same(d, ent))) {
            if self.planner.stays(self.id, ent)? {
                stays.push(ent);
                self.violated(ent)?;
            }
        }
        for separation in world.separations() {
            if Eval::new(world).is_violated(position, separation, &stays, has)? {
                let because = vec![separation.cause.clone()];
                self.lines.findings.insert(Find { because, ..Find::of("violation", self.id) });
            }
        }
        Ok(())
    }

    /// What is held and should not be (plan.md, "Actions"). `granted`: rules give it, and it is not held for another
    /// reason.
    fn surplus(&mut self, ent: &'w Ent, granted: bool, unmanaged: &mut Unmanaged) -> Result<(), Stop> {
        let policy = self.planner.world.policy.clone();
        let Some(app) = policy.app(&ent.app) else { return Ok(()) };
        let here = self.apps[app.name].clone();
        let mut because = Vec::new();
        if here.keeps {
            if granted || self.position.is_none() {
                return Ok(());
            }
            because = self.refusing(ent)?;
            if let (true, true, Some(position)) = (because.is_empty(), self.frozen, self.position) {
                because = Eval::new(self.planner.world).why_over(position, ent)?;
            }
            if because.is_empty() && self.frozen {
                return Ok(());
            }
        }
        if app.kind(&ent.kind).is_some_and(|k| k.irrevocable) {
            return Ok(());
        }
        let managed = self.planner.is_managed(self.id, app, ent)?;
        if !managed {
            if !granted {
                let of = unmanaged.entry((ent.app.clone(), ent.kind.clone())).or_default();
                *of.entry(ent.compared.clone()).or_default() += 1;
            }
            return Ok(());
        }
        if here.frozen || (app.mode == "additive" && !self.left) {
            return Ok(());
        }
        if here.holds && self.spared(ent)? {
            return Ok(());
        }
        if because.is_empty() {
            because = self.why_lost(app, &here, ent)?;
        }
        if because.is_empty() && here.keeps {
            because.clone_from(&self.by_state);
        }
        self.access(Deed::Revoke, ent, because);
        if let Some(here) = self.apps.get_mut(app.name) {
            here.takes = true;
        }
        Ok(())
    }

    /// Whether something stays since observed grants would give it.
    fn spared(&mut self, ent: &Ent) -> Result<bool, Stop> {
        let Some(position) = self.position else { return Ok(false) };
        let (spared, find) = self.planner.spares(self.id, position, ent)?;
        self.lines.findings.extend(find);
        Ok(spared)
    }

    /// Why something is held no more.
    fn why_lost(&self, app: &App<'a>, here: &Here, ent: &Ent) -> Result<Vec<Cause>, Stop> {
        let Some(position) = self.position.filter(|_| !here.dropped) else {
            return Ok(self.by_state.clone());
        };
        if !here.holds {
            return self.by_account(app, true);
        }
        let decision = &self.planner.decisions[position];
        let eval = Eval::new(self.planner.world);
        let mut causes = Vec::new();
        for (_, issue) in decision.withheld.iter().filter(|(e, _)| same(e, ent)) {
            causes.extend(eval.why_withheld(position, ent, *issue)?);
        }
        if causes.is_empty() { eval.why_lost(position, ent) } else { Ok(causes) }
    }
}

/// An account that there should be. `disables`: the state disables it.
struct Wish<'o> {
    wanted: &'o Wanted,
    enabled: bool,
    disables: bool,
}

/// `app.attribute`.
fn app_attribute(e: &Expr) -> Option<(&str, &str)> {
    match &e.kind {
        ast::ExprKind::Field(base, name) => match &base.kind {
            ast::ExprKind::Name(app) => Some((&app.text, &name.text)),
            _ => None,
        },
        _ => None,
    }
}
