//! One person's diff: what must be done in each app for them to have what they should.
//! Invariant: nothing is done to who is held or missing; nothing is allocated where nothing differs.

mod access;
mod accounts;
mod protect;

use crate::diff::{Class, Context, Ent, Part, place};
use crate::findings;
use crate::order::{Draft, arrange};
use crate::plan::{Action, NONE};
use crate::standing::{Situation, Standing, accounts_of, desired_account};
use crate::violations::Stays;
use crate::{AccountQuestion, ActionId, ActionKind, Cause, Change};
use prov_model::{
    Account, AppId, DesiredAccount, EffectKind, EntId, Granted, GuardWhat, HoldReason, Mode, RuleId,
    Severity, VerbKind,
};
use smallvec::SmallVec;

/// What is reused from person to person.
pub(crate) struct Buffers {
    apps: Vec<InApp>,
    held: Held,
    causes: Vec<Cause>,
    /// By app: whether the person at hand was counted there.
    counted: Vec<bool>,
}

/// What someone holds, in shared numbers.
pub(crate) struct Held {
    sorted: Vec<(u32, EntId)>,
    /// By shared number: the turn in which it was last desired.
    marks: Vec<u32>,
    turn: u32,
}

impl Buffers {
    pub fn new(context: &Context<'_>) -> Buffers {
        let input = &context.input;
        let numbers = input.desired.entitlements.len() + input.actual.entitlements.len();
        let held = Held { sorted: Vec::new(), marks: vec![0; numbers], turn: 0 };
        Buffers { apps: Vec::new(), held, causes: Vec::new(), counted: vec![false; input.schema.apps.len()] }
    }
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
    /// What was held on entering the state is known, and among what is desired.
    entered: bool,
    /// Why nothing is held, where that is so.
    nothing: Option<Nothing>,
    /// Something is taken away.
    takes: bool,
    /// It is not clear which account is theirs, here or where it comes from: none is made, and what there is keeps its
    /// name and attributes.
    unsettled: bool,
    /// The name that it should have can't be given.
    stuck: bool,
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

/// The number of a list of causes in the part, and the greatest risk that they bring.
type Why = (u32, Option<Severity>);

/// The person at hand.
struct Person<'m, 'a> {
    context: &'m Context<'a>,
    part: &'m mut Part<'a>,
    /// The causes at hand.
    causes: &'m mut Vec<Cause>,
    id: &'a str,
    position: Option<u32>,
    situation: Situation<'a>,
    /// What memory says Prov granted them.
    granted: Option<&'a Granted>,
    accounts: &'a [Account],
    drafts: Vec<Draft<'a>>,
    /// What is held that no rule gives, and that is not taken away.
    stays: Vec<Stays>,
}

/// Plans for one identity: `d` is its position among the desired, `a` among the actual.
pub(crate) fn person<'a>(
    context: &Context<'a>,
    buffers: &mut Buffers,
    part: &mut Part<'a>,
    id: &'a str,
    d: Option<u32>,
    a: Option<u32>,
) {
    let actual = context.input.actual;
    let accounts = a.map_or(&[][..], |a| actual.accounts.get(a as usize));
    let held = a.map_or(&[][..], |a| actual.holdings.get(a as usize));
    let granted = match context.input.memory.granted.is_empty() {
        true => None,
        false => context.input.memory.granted.get(id),
    };
    measure(context, buffers, part, accounts, held, granted);
    if let Some(d) = d
        && context.quiet.is_quiet(&context.input, &context.common, &mut buffers.held, d, a)
    {
        return;
    }
    let apps = context.input.schema.apps.len();
    buffers.apps.clear();
    buffers.apps.resize(apps, InApp::default());
    if d.is_none() {
        part.tally.missing += 1;
        findings::missing(context, part, id, context.standing(id, None));
    }
    let situation = match context.standing(id, d) {
        Standing::In(situation) => situation,
        Standing::Missing { .. } => return protect::left_alone(context, part, id, accounts, held),
        // Of whom it is not known what they have, nothing is planned.
        Standing::Held(reason @ Some(HoldReason::ActualRejected)) => {
            crate::limit::count(context, part, id, held, &[]);
            return findings::held(context, part, id, reason, "held as it is");
        }
        Standing::Held(reason) => {
            // Of whom it is not known what they have, nothing is planned at all.
            let unreadable = matches!(reason, Some(HoldReason::ActualRejected));
            let acts = if unreadable {
                "held as it is"
            } else {
                forbidden(context, buffers, part, (id, d, granted), accounts, held)
            };
            return findings::held(context, part, id, reason, acts);
        }
    };
    if d.is_some_and(|d| context.input.desired.flags[d as usize].held) {
        findings::held(
            context,
            part,
            id,
            d.and_then(|d| context.input.desired.holds.get(&d)),
            "has left all the same",
        );
    }
    findings::withheld(context, part, id, d, &situation);
    findings::apart(context, part, id, d, &situation);
    findings::out(context, part, id, d, !accounts.is_empty() || !held.is_empty());
    if let Some(position) = d.filter(|_| !situation.leaver()) {
        crate::would::findings(context, part, id, position, held);
    }
    let Buffers { apps, held: actual, causes, .. } = buffers;
    let mut person = Person {
        context,
        part,
        causes,
        id,
        position: d,
        situation,
        granted,
        accounts,
        drafts: Vec::new(),
        stays: Vec::new(),
    };
    for app in context.order.apps() {
        person.app(apps, app);
    }
    person.holdings(apps, actual, held);
    if let Some(position) = d.filter(|_| !person.situation.leaver()) {
        crate::violations::findings(context, person.part, id, position, &person.stays);
    }
    person.write_backs(apps);
    person.protect(apps, held);
    if !person.drafts.is_empty() {
        person.kills(apps);
        person.emit();
    }
}

/// Whether a separation wants one entitlement gone before the other comes.
fn apart(context: &Context<'_>, revoked: Ent, granted: Ent) -> bool {
    let schema = context.input.schema;
    let of = |ent: Ent| {
        let e = context.entitlement(ent);
        let folds = crate::diff::folds(schema, e.app, e.kind);
        (e.app, e.kind, if folds { prov_model::fold(&e.value) } else { (&*e.value).into() })
    };
    let (a, b) = (of(revoked), of(granted));
    let applied = schema.separations.iter().filter(|s| !schema.rule(s.rule).is_observed());
    applied.into_iter().any(|s| s.parts((a.0, a.1, &a.2), (b.0, b.1, &b.2)))
}

/// Who is held loses what is forbidden for certain and what is over, and nothing else (11.3). Gives the words for what becomes of them.
fn forbidden<'a>(
    context: &Context<'a>,
    buffers: &mut Buffers,
    part: &mut Part<'a>,
    (id, position, granted): (&'a str, Option<u32>, Option<&'a Granted>),
    accounts: &'a [Account],
    held: &[EntId],
) -> &'static str {
    let input = &context.input;
    let (forbids, denies) = (&input.desired.active_forbids, &input.desired.active_denies);
    let over = position.is_some_and(|p| input.desired.ran_out.contains_key(&p));
    if !over && position.is_none_or(|p| !forbids.contains_key(&p) && !denies.contains_key(&p)) {
        protect::left_alone(context, part, id, accounts, held);
        return "held as it is";
    }
    let situation = Situation { state: None, since: input.desired.at.today, missing: None, missed: None };
    let Buffers { apps, causes, .. } = buffers;
    for app in context.order.apps() {
        let account = (accounts_of(accounts, app).len() == 1).then_some(Named::Actual);
        apps[app.index()] = InApp { account, keeps: true, ..InApp::default() };
    }
    let mut person = Person {
        context,
        part,
        causes,
        id,
        position,
        situation,
        granted,
        accounts,
        drafts: Vec::new(),
        stays: Vec::new(),
    };
    for &id in held {
        person.surplus(apps, id, false);
    }
    person.refused();
    person.protect(apps, held);
    if person.drafts.is_empty() {
        return "held as it is";
    }
    person.emit();
    if over { "held, but for what is forbidden or over" } else { "held, but for what is forbidden" }
}

/// Counts accounts, and holders without one, for the guards' shares.
fn measure(
    context: &Context<'_>,
    buffers: &mut Buffers,
    part: &mut Part<'_>,
    accounts: &[Account],
    held: &[EntId],
    granted: Option<&Granted>,
) {
    // Most policies have few enough apps for one word.
    let apps = context.input.schema.apps.len();
    if apps <= 64 && granted.is_none() {
        let mut counted = 0u64;
        for account in accounts {
            part.tally.base(account.app, 1);
            counted |= 1 << account.app.0;
        }
        let direct = held.iter().fold(0, |apps, ent| apps | context.managed_in[ent.0 as usize]) & !counted;
        let each = (0..apps).filter(|app| direct >> app & 1 == 1);
        each.for_each(|app| part.tally.base(AppId(app as u32), 1));
    } else {
        for account in accounts {
            part.tally.base(account.app, 1);
            buffers.counted[account.app.index()] = true;
        }
        for &ent in held {
            let (app, _) = context.class[ent.0 as usize];
            let counted = &mut buffers.counted[app.index()];
            if !*counted && context.class_for(ent, granted) == Class::Managed {
                *counted = true;
                part.tally.base(app, 1);
            }
        }
        buffers.counted.fill(false);
    }
    if context.guarded_none() {
        return;
    }
    let mut guards: SmallVec<[u32; 8]> = SmallVec::new();
    for &ent in held {
        let of = context.guards_of(context.ent_of_actual(ent));
        if !of.is_empty() && context.class_for(ent, granted) == Class::Managed {
            guards.extend_from_slice(of);
        }
    }
    guards.sort_unstable();
    guards.dedup();
    guards.into_iter().for_each(|guard| part.tally.base_of(guard));
}

impl<'a> Person<'_, 'a> {
    /// Sessions end where something is taken from a leaver, or in a state that says so.
    fn kills(&mut self, apps: &[InApp]) {
        let today = self.context.input.desired.at.today;
        for app in self.context.order.apps() {
            let due = self.situation.leaver() || self.situation.due(VerbKind::KillSessions, app, today);
            if due && apps[app.index()].takes {
                let because = self.by_state();
                let account = self.account(&apps[app.index()], app);
                self.draft(ActionKind::KillSessions, app, account, because, None);
            }
        }
    }

    fn draft(
        &mut self,
        kind: ActionKind,
        app: AppId,
        account: Option<&'a str>,
        (because, risk): Why,
        changes: Option<Box<[Change]>>,
    ) {
        self.drafts.push(Draft { kind, app, account, ent: NONE, changes, because, risk, early: false });
    }

    /// The name of the one account in an app when what needs it runs.
    fn account(&self, here: &InApp, app: AppId) -> Option<&'a str> {
        match here.account? {
            Named::Actual => accounts_of(self.accounts, app).first().map(|a| &*a.name),
            Named::Desired => {
                let desired = &self.context.input.desired.accounts;
                desired_account(desired, self.position, app)?.attributes.first().map(|n| &**n)
            }
        }
    }

    fn access(&mut self, kind: ActionKind, here: &InApp, ent: Ent, (because, risk): Why) {
        let e = self.context.entitlement(ent);
        let input = &self.context.input;
        let account = self.account(here, e.app);
        let risk = risk.max(input.schema.kind(e.app, e.kind).severity);
        self.drafts.push(Draft {
            kind,
            app: e.app,
            account,
            ent,
            changes: None,
            because,
            risk,
            early: false,
        });
    }

    /// Gives everything its place and counts it.
    fn emit(mut self) {
        let context = self.context;
        let (schema, leaver) = (context.input.schema, self.situation.leaver());
        let key = |d: &Draft<'a>| {
            let ent = (d.ent != NONE).then(|| context.entitlement(d.ent));
            (ent.map(|e| (e.kind, &*e.value)), d.account)
        };
        self.apart();
        let parts = |a: &Draft<'a>, b: &Draft<'a>| apart(context, a.ent, b.ent);
        let placed = arrange(&context.order, leaver, &mut self.drafts, key, parts);
        self.count();
        let apps = schema.apps.len() as u32;
        let identity = apps + self.part.names.len() as u32;
        self.part.names.push(self.id.into());
        let mut accounts: Vec<(&str, u32)> = Vec::new();
        let mut places: Vec<u32> = Vec::with_capacity(placed.len());
        for (draft, (section, after)) in self.drafts.into_iter().zip(placed) {
            let app = schema.app(draft.app);
            let account = draft.account.map_or(NONE, |name| {
                let known = accounts.iter().find(|(n, _)| *n == name).map(|(_, symbol)| *symbol);
                known.unwrap_or_else(|| {
                    let symbol = apps + self.part.names.len() as u32;
                    self.part.names.push(name.into());
                    accounts.push((name, symbol));
                    symbol
                })
            });
            let ent = (draft.ent != NONE).then(|| context.entitlement(draft.ent));
            let ent = ent.map(|e| (schema.kind(e.app, e.kind).name.as_str(), &*e.value));
            let changes = draft.changes.as_deref().unwrap_or(&[]);
            places.push(place(section, self.part.sections[section].len()));
            // INVARIANT: an action waits only for drafts before it, whose places are known.
            let after = after.iter().map(|&i| places[i as usize]).collect();
            self.part.sections[section].push(Action {
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

    /// Marks revokes that a separation wants before a grant.
    fn apart(&mut self) {
        let context = self.context;
        if context.input.schema.separations.is_empty() || self.situation.leaver() {
            return;
        }
        let grants: Vec<Ent> =
            self.drafts.iter().filter(|d| d.kind == ActionKind::Grant).map(|d| d.ent).collect();
        for draft in self.drafts.iter_mut().filter(|d| d.kind == ActionKind::Revoke) {
            draft.early = grants.iter().any(|g| apart(context, draft.ent, *g));
        }
    }

    fn count(&mut self) {
        let schema = self.context.input.schema;
        let applied = |d: &&Draft<'_>| schema.app(d.app).mode != Mode::Report;
        let mut seen: [Vec<AppId>; 2] = [Vec::new(), Vec::new()];
        let mut apps = Vec::new();
        for draft in self.drafts.iter().filter(applied) {
            // However many grants or revokes there are in an app, the account counts once.
            let mut once = |slot: usize| {
                let first = !seen[slot].contains(&draft.app);
                if first {
                    seen[slot].push(draft.app);
                }
                first
            };
            let effect = match draft.kind {
                ActionKind::Grant => once(0).then_some(EffectKind::Grants),
                ActionKind::Revoke => once(1).then_some(EffectKind::Revokes),
                ActionKind::CreateAccount => Some(EffectKind::Creates),
                ActionKind::DisableAccount => Some(EffectKind::Disables),
                ActionKind::DeleteAccount => Some(EffectKind::Deletes),
                ActionKind::RenameAccount
                | ActionKind::UpdateAccount
                | ActionKind::EnableAccount
                | ActionKind::KillSessions
                | ActionKind::WriteBack => None,
            };
            if let Some(effect) = effect {
                self.part.tally.hit(effect, draft.app, self.id, 1);
            }
            if !apps.contains(&draft.app) {
                apps.push(draft.app);
            }
        }
        for guard in self.guards_hit() {
            self.part.tally.hit_of(guard, self.id);
        }
        if self.situation.leaver() && !apps.is_empty() {
            self.part.tally.leaver(self.id, apps.into_iter());
        }
    }

    /// The guards of single entitlements that count someone.
    fn guards_hit(&self) -> SmallVec<[u32; 8]> {
        let (context, schema) = (self.context, self.context.input.schema);
        let mut hit: SmallVec<[u32; 8]> = SmallVec::new();
        for draft in self.drafts.iter().filter(|d| d.ent != NONE && schema.app(d.app).mode != Mode::Report) {
            let counts = |guard: &&u32| match schema.guards[**guard as usize].what {
                GuardWhat::Of { effect: EffectKind::Grants, .. } => draft.kind == ActionKind::Grant,
                GuardWhat::Of { effect: EffectKind::Revokes, .. } => draft.kind == ActionKind::Revoke,
                GuardWhat::Of { .. }
                | GuardWhat::Effects { .. }
                | GuardWhat::Rows { .. }
                | GuardWhat::Empty { .. }
                | GuardWhat::Age { .. } => false,
            };
            hit.extend(context.guards_of(draft.ent).iter().filter(counts).copied());
        }
        hit.sort_unstable();
        hit.dedup();
        hit
    }

    fn state_causes(&mut self) {
        self.causes.extend(self.situation.state.map(|s| Cause::from(s.rule)));
        self.causes.extend(self.situation.missing.map(|s| Cause::from(s.rule)));
        let input = &self.context.input;
        let out = self.position.map_or(&[][..], |p| findings::out_of(input.desired, p));
        let federation = |n: u32| input.schema.federations.get(n as usize).map(|f| Cause::from(f.rule));
        self.causes.extend(out.iter().filter_map(|(_, n, _)| n.and_then(federation)));
    }

    fn by_state(&mut self) -> Why {
        self.causes.clear();
        self.state_causes();
        self.because(|| RuleId(0))
    }

    fn why_disabled(&mut self, app: AppId, desired: Option<&DesiredAccount>) -> Why {
        let today = self.context.input.desired.at.today;
        if self.situation.leaver() || self.situation.due(VerbKind::DisableAccounts, app, today) {
            return self.by_state();
        }
        let unwanted = desired.is_none_or(|d| !d.wanted);
        let question = if unwanted { AccountQuestion::Unwanted } else { AccountQuestion::NotEnabled };
        self.why(app, question)
    }

    fn why(&mut self, app: AppId, question: AccountQuestion) -> Why {
        let input = self.context.input;
        self.causes.clear();
        if let Some(position) = self.position {
            input.reasons.account(position, app, question, self.causes);
        }
        let def = input.schema.app(app);
        self.because(|| def.account.as_ref().map_or(def.rule, |a| a.rule))
    }

    /// The number of the causes at hand in the part, and the greatest risk that they bring.
    fn because(&mut self, otherwise: impl FnOnce() -> RuleId) -> Why {
        let rules = &self.context.input.schema.rules;
        let known = |c: &Cause| match c {
            Cause::Rule { rule, .. } | Cause::Instance { rule, .. } => rule.index() < rules.len(),
            Cause::Exception(_) => true,
        };
        self.causes.retain(known);
        if self.causes.is_empty() {
            self.causes.extend(Some(Cause::from(otherwise())).filter(known));
        }
        self.causes.sort_unstable();
        self.causes.dedup();
        let severity = |c: &Cause| match c {
            Cause::Rule { rule, .. } | Cause::Instance { rule, .. } => rules[rule.index()].severity,
            Cause::Exception(_) => None,
        };
        let risk = self.causes.iter().filter_map(severity).max();
        let index = match self.part.cause_index.get(self.causes.as_slice()) {
            Some(&index) => index,
            None => {
                let index = self.part.causes.len() as u32;
                self.part.causes.push(self.causes.clone());
                self.part.cause_index.insert(self.causes.clone(), index);
                index
            }
        };
        (index, risk)
    }
}
