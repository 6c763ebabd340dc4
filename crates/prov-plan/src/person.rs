//! One person's diff: what must be done in each app for them to have what they should.
//! Invariant: nothing is done to who is held or missing; nothing is allocated where nothing differs.

use crate::diff::{Class, Context, Ent, Part, place};
use crate::findings;
use crate::order::{Draft, arrange};
use crate::plan::{Action, NONE};
use crate::standing::{Situation, Standing, Want, accounts_of, desired_account};
use crate::{AccountQuestion, ActionId, ActionKind, Cause, Change, Loss};
use prov_model::{
    Account, AccountDef, AppId, DesiredAccount, EffectKind, EntId, EntitlementIssue, Mode, RuleId, Severity,
    VerbKind, fold,
};

/// What is reused from person to person.
#[derive(Default)]
pub(crate) struct Buffers {
    apps: Vec<InApp>,
    held: Vec<(u32, EntId)>,
    causes: Vec<Cause>,
}

/// What holds for a person's access in one app, by [`AppId`].
#[derive(Clone, Copy, Debug, Default)]
struct InApp {
    /// The name of the account when access is given or taken, as a draft holds it.
    account: Option<Named>,
    /// No access is given or taken.
    frozen: bool,
    /// There is an account, or will be one after this plan.
    exists: bool,
    /// Desired access is held.
    holds: bool,
    /// Held access is kept.
    keeps: bool,
    /// Why nothing is held, where that is so.
    nothing: Option<Nothing>,
    /// Something is taken away.
    takes: bool,
}

/// Which account is meant.
#[derive(Clone, Copy, Debug)]
enum Named {
    /// The first of the actual ones.
    Actual,
    /// The desired one.
    Desired,
}

/// Why someone holds nothing in an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nothing {
    /// By the state.
    State,
    /// There is no account to hold it.
    NoAccount,
}

/// The person at hand.
struct Person<'c, 'a> {
    context: &'c Context<'a>,
    id: &'a str,
    position: Option<u32>,
    situation: Situation<'a>,
    accounts: &'a [Account],
    drafts: Vec<Draft<'a>>,
}

/// Plans for one identity: `d` is its position among the desired, `a` among the actual.
pub(crate) fn person<'a>(
    context: &Context<'a>,
    buffers: &mut Buffers,
    part: &mut Part,
    id: &'a str,
    d: Option<u32>,
    a: Option<u32>,
) {
    let actual = context.input.actual;
    let accounts = a.map_or(&[][..], |a| actual.accounts.get(a as usize));
    let held = a.map_or(&[][..], |a| actual.holdings.get(a as usize));
    let apps = context.input.schema.apps.len();
    buffers.apps.clear();
    buffers.apps.resize(apps, InApp::default());
    measure(context, buffers, part, accounts, held);
    if d.is_none() {
        part.tally.missing += 1;
        findings::missing(context, part, id, context.standing(id, None));
    }
    let situation = match context.standing(id, d) {
        Standing::In(situation) => situation,
        Standing::Missing { .. } => return,
        Standing::Held(reason) => return findings::held(part, id, reason),
    };
    if d.is_some_and(|d| context.input.desired.flags[d as usize].held) {
        findings::held(part, id, d.and_then(|d| context.input.desired.holds.get(&d)));
    }
    let mut person = Person { context, id, position: d, situation, accounts, drafts: Vec::new() };
    for app in context.order.apps() {
        person.app(&mut buffers.apps, &mut buffers.causes, part, app);
    }
    person.holdings(buffers, part, held);
    findings::withheld(context, part, id, d, &person.situation);
    if !person.drafts.is_empty() || buffers.apps.iter().any(|a| a.takes) {
        person.kills(buffers, part);
        person.emit(part);
    }
}

/// Counts accounts, and holders without one, for the guards' shares.
fn measure(
    context: &Context<'_>,
    buffers: &mut Buffers,
    part: &mut Part,
    accounts: &[Account],
    held: &[EntId],
) {
    let (schema, ids) = (context.input.schema, &context.input.actual.entitlements);
    for account in accounts {
        part.tally.base(account.app, 1);
        buffers.apps[account.app.index()].exists = true;
    }
    for &ent in held {
        let app = ids.get(ent).app;
        let seen = &mut buffers.apps[app.index()].exists;
        if !*seen && context.class[ent.0 as usize] == Class::Managed {
            *seen = true;
            part.tally.base(app, 1);
        }
    }
    debug_assert_eq!(buffers.apps.len(), schema.apps.len());
    buffers.apps.fill(InApp::default());
}

impl<'a> Person<'_, 'a> {
    /// What the account in an app should be, and what follows for access there.
    fn app(&mut self, apps: &mut [InApp], causes: &mut Vec<Cause>, part: &mut Part, app: AppId) {
        let context = self.context;
        let input = &context.input;
        let def = input.schema.app(app);
        let has = accounts_of(self.accounts, app);
        let desired = desired_account(&input.desired.accounts, self.position, app);
        let leaver = self.situation.leaver();
        let may_take = leaver || def.mode != Mode::Additive;
        let drops = self.situation.drops(app);
        let mut here = InApp {
            account: (has.len() == 1).then_some(Named::Actual),
            exists: !has.is_empty(),
            holds: !drops,
            keeps: self.situation.keeps(app),
            nothing: drops.then_some(Nothing::State),
            ..InApp::default()
        };
        let want = self.situation.want(app, def, desired, input.desired.at.today);
        match (want, def.account.as_ref()) {
            (Want::On { enabled }, Some(block)) => {
                let parent = context.order.parent(app).is_none_or(|p| apps[p.index()].exists);
                let wanted = Wanted { enabled, block, desired, may_take };
                self.wanted(&mut here, causes, part, app, has, wanted, parent);
            }
            (Want::Direct, _) | (Want::On { .. }, None) => {
                if !has.is_empty() {
                    *part.unmanaged_accounts.entry(app.0).or_default() += has.len() as u64;
                }
            }
            (Want::Off | Want::Gone, block) => {
                if block.is_some() || leaver {
                    here.holds = false;
                    here.keeps &= want == Want::Off;
                    here.nothing = here.nothing.or(Some(Nothing::NoAccount));
                }
                if may_take {
                    self.unwanted(&mut here, causes, part, app, has, want, desired);
                }
            }
        }
        apps[app.index()] = here;
    }

    /// There should be an account.
    #[expect(clippy::too_many_arguments, reason = "one person's one app, split off for length")]
    fn wanted(
        &mut self,
        here: &mut InApp,
        causes: &mut Vec<Cause>,
        part: &mut Part,
        app: AppId,
        has: &'a [Account],
        wanted: Wanted<'a>,
        parent: bool,
    ) {
        let Some(desired) = wanted.desired else { return };
        let context = self.context;
        let block = self.position.and_then(|p| context.claims.get(&(p, app)));
        let name = desired.attributes.first();
        match has {
            [] => {
                here.frozen = true;
                if let Some(block) = block {
                    return findings::name_taken(context, part, self.id, app, name, block);
                }
                if name.is_some_and(|n| n.is_empty()) {
                    return findings::nameless(context, part, self.id, app, None);
                }
                if !parent {
                    return;
                }
                let because = self.why(causes, part, app, AccountQuestion::Wanted);
                let changes = Some(created(wanted.block, desired, wanted.enabled));
                self.draft(ActionKind::CreateAccount, app, name.map(|n| &**n), because, changes);
                *here = InApp { account: Some(Named::Desired), frozen: false, exists: true, ..*here };
            }
            [account] => {
                let mut current = &*account.name;
                match name {
                    Some(new) if new.is_empty() => {
                        findings::nameless(context, part, self.id, app, Some(&account.name));
                    }
                    Some(new) if *new != account.name => {
                        if let Some(block) = block {
                            findings::name_taken(context, part, self.id, app, name, block);
                        } else {
                            let because = self.why(causes, part, app, AccountQuestion::Attributes);
                            let changes = renamed(wanted.block, &account.name, new);
                            self.draft(ActionKind::RenameAccount, app, Some(current), because, Some(changes));
                            current = new;
                            here.account = Some(Named::Desired);
                        }
                    }
                    _ => {}
                }
                if let Some(changes) = updated(wanted.block, account, desired) {
                    let because = self.why(causes, part, app, AccountQuestion::Attributes);
                    self.draft(ActionKind::UpdateAccount, app, Some(current), because, Some(changes));
                }
                if wanted.enabled && !account.enabled {
                    let because = self.why(causes, part, app, AccountQuestion::Enabled);
                    self.draft(ActionKind::EnableAccount, app, Some(current), because, None);
                }
                if !wanted.enabled && account.enabled && wanted.may_take {
                    let because = self.why_disabled(causes, part, app, Some(desired));
                    self.draft(ActionKind::DisableAccount, app, Some(current), because, None);
                    here.takes = true;
                }
            }
            several => {
                here.frozen = true;
                findings::several(context, part, self.id, app, several);
                if !wanted.enabled && wanted.may_take {
                    self.disable_all(here, causes, part, app, several, Some(desired));
                }
            }
        }
    }

    /// There should be no account, or none that may sign in.
    #[expect(clippy::too_many_arguments, reason = "one person's one app, split off for length")]
    fn unwanted(
        &mut self,
        here: &mut InApp,
        causes: &mut Vec<Cause>,
        part: &mut Part,
        app: AppId,
        has: &'a [Account],
        want: Want,
        desired: Option<&DesiredAccount>,
    ) {
        let leaver = self.situation.leaver();
        let deletes = want == Want::Gone && (leaver || has.len() <= 1);
        if !leaver && has.len() > 1 {
            // Whose they are is not clear: nobody signs in with any, and none is lost.
            here.frozen = true;
            findings::several(self.context, part, self.id, app, has);
        }
        if !deletes || leaver {
            self.disable_all(here, causes, part, app, has, desired);
        }
        if deletes && !has.is_empty() {
            let because = self.by_state(causes, part);
            for account in has {
                self.draft(ActionKind::DeleteAccount, app, Some(&account.name), because, None);
            }
            here.takes = true;
            here.exists = false;
        }
    }

    fn disable_all(
        &mut self,
        here: &mut InApp,
        causes: &mut Vec<Cause>,
        part: &mut Part,
        app: AppId,
        has: &'a [Account],
        desired: Option<&DesiredAccount>,
    ) {
        for account in has.iter().filter(|a| a.enabled) {
            let because = self.why_disabled(causes, part, app, desired);
            self.draft(ActionKind::DisableAccount, app, Some(&account.name), because, None);
            here.takes = true;
        }
    }

    /// Compares what is held with what should be: one merge in the order of shared numbers.
    fn holdings(&mut self, buffers: &mut Buffers, part: &mut Part, held: &[EntId]) {
        let context = self.context;
        let Buffers { apps, held: actual, causes } = buffers;
        actual.clear();
        actual.extend(held.iter().map(|&id| (context.common[id.0 as usize], id)));
        if !actual.is_sorted_by_key(|&(common, _)| common) {
            actual.sort_unstable();
        }
        actual.dedup_by_key(|&mut (common, _)| common);
        let ids = &context.input.desired.entitlements;
        let desired = self.position.map_or(&[][..], |p| context.input.desired.holdings.get(p as usize));
        let (mut d, mut a) = (0, 0);
        loop {
            let left = desired.get(d).map(|&id| (ids.same_as(id).0, id));
            let right = actual.get(a).copied();
            match (left, right) {
                (None, None) => break,
                (Some((l, _)), Some((r, id))) if l == r => {
                    (d, a) = (d + 1, a + 1);
                    if !apps[ids.get(EntId(l)).app.index()].holds {
                        self.surplus(apps, causes, part, id, true);
                    }
                }
                (Some((l, id)), right) if right.is_none_or(|(r, _)| l < r) => {
                    d += 1;
                    self.lacking(apps, causes, part, id);
                }
                (_, Some((_, id))) => {
                    a += 1;
                    self.surplus(apps, causes, part, id, false);
                }
                (Some(_), None) => break,
            }
        }
    }

    /// Should be held, and is not.
    fn lacking(&mut self, apps: &[InApp], causes: &mut Vec<Cause>, part: &mut Part, id: EntId) {
        let context = self.context;
        let ent = context.input.desired.entitlements.get(id);
        let here = &apps[ent.app.index()];
        if !here.holds || here.frozen {
            return;
        }
        let Some(position) = self.position else { return };
        causes.clear();
        context.input.reasons.grant(position, id, causes);
        let because = self.because(causes, part, || context.input.schema.app(ent.app).rule);
        self.access(ActionKind::Grant, here, id.0, because);
    }

    /// Is held, and should not be. `granted` says whether rules give it, and it is not held for another reason.
    fn surplus(
        &mut self,
        apps: &mut [InApp],
        causes: &mut Vec<Cause>,
        part: &mut Part,
        id: EntId,
        granted: bool,
    ) {
        let context = self.context;
        let ids = &context.input.actual.entitlements;
        let (ent, class) = (ids.get(id), context.class[id.0 as usize]);
        let here = &mut apps[ent.app.index()];
        causes.clear();
        if here.keeps {
            self.forbidding(ent, causes);
            if causes.is_empty() {
                return;
            }
        }
        match class {
            Class::Managed => {}
            Class::Irrevocable => return,
            Class::Unmanaged => {
                if !granted {
                    *part.unmanaged.entry(ids.same_as(id).0).or_default() += 1;
                }
                return;
            }
        }
        let additive = context.input.schema.app(ent.app).mode == Mode::Additive;
        if here.frozen || (additive && !self.situation.leaver()) {
            return;
        }
        if causes.is_empty() {
            self.why_lost(here.nothing, ent, causes);
        }
        let because = self.because(causes, part, || context.input.schema.app(ent.app).rule);
        here.takes = true;
        self.access(ActionKind::Revoke, here, context.ent_of_actual(id), because);
    }

    /// The forbids that end what a state would keep.
    fn forbidding(&self, ent: &prov_model::Entitlement, causes: &mut Vec<Cause>) {
        let input = &self.context.input;
        let Some(active) = self.position.and_then(|p| input.desired.active_forbids.get(&p)) else { return };
        let folds = crate::diff::folds(input.schema, ent.app, ent.kind);
        let compared = if folds { fold(&ent.value) } else { (&*ent.value).into() };
        let covers = active
            .iter()
            .filter_map(|&f| input.schema.forbids.get(f as usize))
            .filter(|f| f.covers(ent.app, ent.kind, &compared));
        causes.extend(covers.map(|f| Cause::from(f.rule)));
    }

    fn why_lost(&self, nothing: Option<Nothing>, ent: &prov_model::Entitlement, causes: &mut Vec<Cause>) {
        let input = &self.context.input;
        match (nothing, self.position) {
            (Some(Nothing::State), _) => self.state_causes(causes),
            (Some(Nothing::NoAccount), Some(position)) => {
                input.reasons.account(position, ent.app, AccountQuestion::Unwanted, causes);
                let block = input.schema.app(ent.app).account.as_ref();
                if causes.is_empty() {
                    causes.extend(block.map(|b| Cause::from(b.rule)));
                }
            }
            (Some(Nothing::NoAccount), None) | (None, None) => self.state_causes(causes),
            (None, Some(position)) => {
                let folds = crate::diff::folds(input.schema, ent.app, ent.kind);
                let ids = &input.desired.entitlements;
                let entitlement = ids.find(ent.app, ent.kind, &ent.value, folds);
                if let Some(id) = entitlement {
                    let all = &input.desired.withheld;
                    let start = all.partition_point(|w| w.0 < position);
                    let mine = all[start..].iter().take_while(|w| w.0 == position);
                    for (_, ent, issue) in mine.filter(|w| ids.same_as(w.1) == id) {
                        let _ = ent;
                        if let EntitlementIssue::Forbidden(f) = issue {
                            causes.extend(input.schema.forbids.get(*f as usize).map(|f| Cause::from(f.rule)));
                        }
                    }
                }
                if causes.is_empty() {
                    let loss = Loss { app: ent.app, kind: ent.kind, value: &ent.value, entitlement };
                    input.reasons.loss(position, loss, causes);
                }
            }
        }
    }

    /// Sessions end where something is taken from a leaver, or in a state that says so.
    fn kills(&mut self, buffers: &mut Buffers, part: &mut Part) {
        let today = self.context.input.desired.at.today;
        for app in self.context.order.apps() {
            let due = self.situation.leaver() || self.situation.due(VerbKind::KillSessions, app, today);
            if due && buffers.apps[app.index()].takes {
                let because = self.by_state(&mut buffers.causes, part);
                let account = match accounts_of(self.accounts, app) {
                    [one] => Some(&*one.name),
                    _ => None,
                };
                self.draft(ActionKind::KillSessions, app, account, because, None);
            }
        }
    }

    fn draft(
        &mut self,
        kind: ActionKind,
        app: AppId,
        account: Option<&'a str>,
        (because, risk): (u32, Option<Severity>),
        changes: Option<Box<[Change]>>,
    ) {
        self.drafts.push(Draft { kind, app, account, ent: NONE, changes, because, risk });
    }

    fn access(&mut self, kind: ActionKind, here: &InApp, ent: Ent, (because, risk): (u32, Option<Severity>)) {
        let e = self.context.entitlement(ent);
        let input = &self.context.input;
        let account = match here.account {
            None => None,
            Some(Named::Actual) => accounts_of(self.accounts, e.app).first().map(|a| &*a.name),
            Some(Named::Desired) => desired_account(&input.desired.accounts, self.position, e.app)
                .and_then(|a| a.attributes.first())
                .map(|n| &**n),
        };
        let risk = risk.max(input.schema.kind(e.app, e.kind).severity);
        self.drafts.push(Draft { kind, app: e.app, account, ent, changes: None, because, risk });
    }

    /// Gives everything its place and counts it.
    fn emit(mut self, part: &mut Part) {
        let context = self.context;
        let (schema, leaver) = (context.input.schema, self.situation.leaver());
        let key = |d: &Draft<'a>| {
            let ent = (d.ent != NONE).then(|| context.entitlement(d.ent));
            (ent.map(|e| (e.kind, &*e.value)), d.account)
        };
        let placed = arrange(&context.order, leaver, &mut self.drafts, key);
        self.count(part);
        let apps = schema.apps.len() as u32;
        let identity = apps + part.names.len() as u32;
        part.names.push(self.id.into());
        let mut accounts: Vec<(&str, u32)> = Vec::new();
        let mut places: Vec<u32> = Vec::with_capacity(placed.len());
        for (draft, (section, after)) in self.drafts.into_iter().zip(placed) {
            let app = schema.app(draft.app);
            let account = draft.account.map_or(NONE, |name| {
                let known = accounts.iter().find(|(n, _)| *n == name).map(|(_, symbol)| *symbol);
                known.unwrap_or_else(|| {
                    let symbol = apps + part.names.len() as u32;
                    part.names.push(name.into());
                    accounts.push((name, symbol));
                    symbol
                })
            });
            let ent = (draft.ent != NONE).then(|| context.entitlement(draft.ent));
            let ent = ent.map(|e| (schema.kind(e.app, e.kind).name.as_str(), &*e.value));
            let changes = draft.changes.as_deref().unwrap_or(&[]);
            places.push(place(section, part.sections[section].len()));
            // INVARIANT: an action waits only for drafts before it, whose places are known.
            let after = after.iter().map(|&i| places[i as usize]).collect();
            part.sections[section].push(Action {
                id: ActionId::of(draft.kind, self.id, &app.name, draft.account, ent, changes),
                kind: draft.kind,
                leaver,
                report: app.mode == Mode::Report,
                risk: draft.risk,
                identity,
                app: draft.app.0,
                account,
                entitlement: draft.ent,
                because: draft.because,
                changes: draft.changes,
                after,
            });
        }
    }

    fn count(&self, part: &mut Part) {
        let schema = self.context.input.schema;
        let applied = |d: &&Draft<'_>| schema.app(d.app).mode != Mode::Report;
        let mut last = [None; 2];
        let mut apps = Vec::new();
        for draft in self.drafts.iter().filter(applied) {
            // Grants and revokes of one app stand together: the account counts once.
            let mut once = |slot: usize| last[slot].replace(draft.app) != Some(draft.app);
            let effect = match draft.kind {
                ActionKind::Grant => once(0).then_some(EffectKind::Grants),
                ActionKind::Revoke => once(1).then_some(EffectKind::Revokes),
                ActionKind::CreateAccount => Some(EffectKind::Creates),
                ActionKind::DisableAccount => Some(EffectKind::Disables),
                ActionKind::DeleteAccount => Some(EffectKind::Deletes),
                ActionKind::RenameAccount
                | ActionKind::UpdateAccount
                | ActionKind::EnableAccount
                | ActionKind::KillSessions => None,
            };
            if let Some(effect) = effect {
                part.tally.hit(effect, draft.app, self.id, 1);
            }
            if !apps.contains(&draft.app) {
                apps.push(draft.app);
            }
        }
        if self.situation.leaver() && !apps.is_empty() {
            part.tally.leaver(self.id, apps.into_iter());
        }
    }

    fn state_causes(&self, causes: &mut Vec<Cause>) {
        causes.extend(self.situation.state.map(|s| Cause::from(s.rule)));
        causes.extend(self.situation.missing.map(|s| Cause::from(s.rule)));
    }

    fn by_state(&self, causes: &mut Vec<Cause>, part: &mut Part) -> (u32, Option<Severity>) {
        causes.clear();
        self.state_causes(causes);
        self.because(causes, part, || RuleId(0))
    }

    fn why_disabled(
        &self,
        causes: &mut Vec<Cause>,
        part: &mut Part,
        app: AppId,
        desired: Option<&DesiredAccount>,
    ) -> (u32, Option<Severity>) {
        let today = self.context.input.desired.at.today;
        if self.situation.leaver() || self.situation.due(VerbKind::DisableAccounts, app, today) {
            return self.by_state(causes, part);
        }
        let unwanted = desired.is_none_or(|d| !d.wanted);
        let question = if unwanted { AccountQuestion::Unwanted } else { AccountQuestion::NotEnabled };
        self.why(causes, part, app, question)
    }

    fn why(
        &self,
        causes: &mut Vec<Cause>,
        part: &mut Part,
        app: AppId,
        question: AccountQuestion,
    ) -> (u32, Option<Severity>) {
        let input = &self.context.input;
        causes.clear();
        if let Some(position) = self.position {
            input.reasons.account(position, app, question, causes);
        }
        let def = input.schema.app(app);
        self.because(causes, part, || def.account.as_ref().map_or(def.rule, |a| a.rule))
    }

    /// The number of a list of causes in the part, and the greatest risk that they bring.
    fn because(
        &self,
        causes: &mut Vec<Cause>,
        part: &mut Part,
        otherwise: impl FnOnce() -> RuleId,
    ) -> (u32, Option<Severity>) {
        let rules = &self.context.input.schema.rules;
        causes.retain(|c| c.rule.index() < rules.len());
        if causes.is_empty() {
            causes.extend(Some(Cause::from(otherwise())).filter(|c| c.rule.index() < rules.len()));
        }
        causes.sort_unstable();
        causes.dedup();
        let risk = causes.iter().filter_map(|c| rules[c.rule.index()].severity).max();
        let index = match part.cause_index.get(causes.as_slice()) {
            Some(&index) => index,
            None => {
                let index = part.causes.len() as u32;
                part.causes.push(causes.clone());
                part.cause_index.insert(causes.clone(), index);
                index
            }
        };
        (index, risk)
    }
}

/// An account that there should be.
struct Wanted<'a> {
    enabled: bool,
    block: &'a AccountDef,
    desired: Option<&'a DesiredAccount>,
    may_take: bool,
}

fn change(attribute: &str, from: Option<&str>, to: Option<&str>) -> Change {
    Change { attribute: attribute.into(), from: from.map(Into::into), to: to.map(Into::into) }
}

/// Empty is absent: neither is told apart in an app.
fn some(value: &str) -> Option<&str> {
    (!value.is_empty()).then_some(value)
}

fn created(block: &AccountDef, desired: &DesiredAccount, enabled: bool) -> Box<[Change]> {
    let attributes = block.attributes.iter().zip(&desired.attributes);
    attributes
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| change(&field.name, None, some(value)))
        .chain([change("enabled", None, Some(if enabled { "true" } else { "false" }))])
        .collect()
}

fn renamed(block: &AccountDef, old: &str, new: &str) -> Box<[Change]> {
    let name = block.attributes.first().map_or("name", |f| &f.name);
    Box::new([change(name, Some(old), Some(new))])
}

/// What differs of the attributes behind the name, where the actual ones are known.
fn updated(block: &AccountDef, account: &Account, desired: &DesiredAccount) -> Option<Box<[Change]>> {
    let all = block.attributes.iter().zip(&desired.attributes).zip(&account.attributes);
    let differs = all.skip(1).filter_map(|((field, to), from)| {
        let from = from.as_ref()?;
        (from != to).then(|| change(&field.name, some(from), some(to)))
    });
    let changes: Box<[Change]> = differs.collect();
    (!changes.is_empty()).then_some(changes)
}
