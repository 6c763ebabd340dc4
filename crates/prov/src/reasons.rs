//! Why a plan's actions stand in it: the engine, asked one identity at a time.

use crate::policy::Policy;
use prov_eval::{PlainOne, Plains};
use prov_ir::{ExprKind, GrantProgram, GrantValue, Program};
use prov_model::{
    AppId, Background, Desired, EntId, Entitlement, GivenName, IdentityId, KindId, Population, RuleId,
    Violation,
};
use prov_plan::{AccountQuestion, Cause, Loss, Reasons};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct EngineReasons<'a, 'p> {
    pub policy: &'a Policy,
    pub engine: &'a prov_eval::Engine,
    pub people: &'a Population,
    pub background: &'a Background,
    pub desired: &'a Desired,
    pub plains: &'a Plains<'p>,
    /// Unlike that of any other plan of this process: see [`token`].
    pub token: u64,
}

static PLANS: AtomicU64 = AtomicU64::new(0);

/// One for each plan.
pub(crate) fn token() -> u64 {
    PLANS.fetch_add(1, Ordering::Relaxed)
}

thread_local! {
    /// The last identity asked about on this thread, by plan and position: a plan asks about one after another.
    static LAST: RefCell<Option<(u64, u32, prov_eval::OneDesired)>> = const { RefCell::new(None) };
    /// The same of those whom columns alone decide; none where they do not.
    static LAST_PLAIN: RefCell<Option<(u64, u32, Option<PlainOne>)>> = const { RefCell::new(None) };
}

impl EngineReasons<'_, '_> {
    /// Reads of someone whom columns alone decide; none where they do not.
    fn plain<T>(&self, position: u32, read: impl FnOnce(&PlainOne) -> T) -> Option<T> {
        let token = self.token;
        LAST_PLAIN.with(|last| {
            let mut last = last.borrow_mut();
            if !last.as_ref().is_some_and(|l| l.0 == token && l.1 == position) {
                let one = self.plains.of(position, self.desired.rows[position as usize]);
                *last = Some((token, position, one));
            }
            last.as_ref()?.2.as_ref().map(read)
        })
    }

    /// The grants behind causes: of each the rule that is assigned, and with it the line of the grant that gives.
    fn grants(&self, causes: &[prov_eval::Cause], out: &mut Vec<Cause>) {
        let program = self.policy.program();
        for cause in causes {
            let Some(last) = cause.path.last() else { continue };
            let rule = &program.rules[*last as usize];
            let line = self.policy.sources().start(rule.grants[cause.grant as usize].span).line;
            let args = |n: usize| cause.args.get(n).map_or("", String::as_str);
            if let Some(first) = cause.path.first().filter(|_| cause.path.len() > 1) {
                out.push(instance(program.rules[*first as usize].rule, 0, args(0)));
            }
            out.push(instance(rule.rule, line, args(cause.path.len() - 1)));
        }
    }

    /// The names that the run over everyone gave.
    fn names_of(&self, position: u32) -> &[GivenName] {
        let names = &self.desired.names;
        let start = names.partition_point(|n| n.position < position);
        let end = start + names[start..].partition_point(|n| n.position == position);
        &names[start..end]
    }

    fn ask<T>(&self, position: u32, read: impl FnOnce(&prov_eval::OneDesired) -> T) -> T {
        let token = self.token;
        LAST.with(|last| {
            let mut last = last.borrow_mut();
            if !last.as_ref().is_some_and(|l| l.0 == token && l.1 == position) {
                let who = self.desired.rows[position as usize];
                let one = self.engine.evaluate_one_given(
                    self.people,
                    who,
                    &self.desired.at,
                    self.background,
                    self.names_of(position),
                );
                *last = Some((token, position, one));
            }
            read(&last.as_ref().expect("just filled").2)
        })
    }

    fn find<'o>(
        &self,
        one: &'o prov_eval::OneDesired,
        app: AppId,
        kind: KindId,
        value: &str,
    ) -> Option<&'o prov_eval::Caused> {
        let folds = self.policy.program().folds(app, kind);
        let same = |e: &Entitlement| {
            (e.app, e.kind) == (app, kind)
                && (&*e.value == value || (folds && prov_model::fold(&e.value) == prov_model::fold(value)))
        };
        one.holdings.iter().chain(&one.withheld).find(|c| same(&c.entitlement))
    }

    /// The block that speaks of someone's account in an app; where none is for their type, the app.
    fn account_rule(&self, position: u32, app: AppId) -> RuleId {
        let (identity, _) = self.desired.rows[position as usize];
        let app_itself = || self.policy.schema().app(app).rule;
        self.policy.program().account_rule(app, identity).unwrap_or_else(app_itself)
    }

    /// Whether nothing can be held in an app for want of an account.
    fn lacks_account(&self, position: u32, app: AppId) -> bool {
        let wanted = |a: &prov_model::DesiredAccount| a.app == app && a.wanted;
        self.policy.schema().app(app).account.is_some()
            && !self.desired.accounts.get(position as usize).iter().any(wanted)
    }

    /// A rule that memory names, if there still is one.
    fn rule_named(&self, name: &str) -> Option<Cause> {
        let program = self.policy.program();
        let (role, args) = name.split_at(name.find('(').unwrap_or(name.len()));
        let rule = program.rule_by_name(role)?;
        Some(instance(program.rules[rule as usize].rule, 0, args))
    }

    /// The roles that were given by hand and could give what is lost; those whose time is still to come gave nothing.
    fn given_once(&self, one: &prov_eval::OneDesired, loss: Loss<'_>, out: &mut Vec<Cause>) {
        let program = self.policy.program();
        let moment = &self.desired.at;
        let begun = |a: &&prov_model::Assignment| a.from.is_none_or(|from| from.has_come(moment));
        let all = self.background.assignments.iter().filter(|a| a.identity == one.id);
        for a in all.filter(begun) {
            let Some(rule) = program.rule_by_name(&a.role) else { continue };
            let (mut open, mut at) = (vec![rule], 0);
            while let Some(&next) = open.get(at) {
                at += 1;
                let rules = &program.rules[next as usize];
                open.extend(rules.includes.iter().filter(|i| !open.contains(i)).copied().collect::<Vec<_>>());
                let given = |g: &GrantProgram| {
                    (g.app, g.kind) == (loss.app, loss.kind)
                        && may_give(program, g, rule == next, &a.args, loss.value)
                };
                if rules.grants.iter().any(given) {
                    let args = shown_args(program, rule, &a.args);
                    out.push(instance(program.rules[rule as usize].rule, 0, &args));
                    break;
                }
            }
        }
    }

    /// The state that kept what is lost, where someone is in it no more.
    fn state_that_kept(&self, one: &prov_eval::OneDesired, loss: Loss<'_>) -> Option<Cause> {
        let schema = self.policy.schema();
        let known = self.background.memory.entered.get(&one.id)?;
        let since = known.within.as_ref()?;
        let folds = self.policy.program().folds(loss.app, loss.kind);
        known.held.iter().find(|h| {
            (h.app.as_str(), h.kind.as_str())
                == (schema.app(loss.app).name.as_str(), schema.kind(loss.app, loss.kind).name.as_str())
                && (*h.value == *loss.value
                    || folds && prov_model::fold(&h.value) == prov_model::fold(loss.value))
        })?;
        let states = &schema.identity(one.who.0).lifecycle.as_ref()?.defs;
        let (place, state) =
            states.iter().zip(0..).find(|(s, _)| s.name == since.state).map(|(s, i)| (i, s))?;
        (one.state != Some(place)).then(|| Cause::from(state.rule))
    }

    fn state_cause(&self, one: &prov_eval::OneDesired, out: &mut Vec<Cause>) -> bool {
        self.cause_of_state(one.who.0, one.state, out)
    }

    fn cause_of_state(&self, ty: IdentityId, state: Option<u32>, out: &mut Vec<Cause>) -> bool {
        let lifecycle = self.policy.schema().identity(ty).lifecycle.as_ref();
        match state.and_then(|s| lifecycle?.defs.get(s as usize)) {
            Some(state) => {
                out.push(state.rule.into());
                true
            }
            None => false,
        }
    }
}

/// A rule, or the instance of one by its arguments as shown.
fn instance(rule: RuleId, line: u32, args: &str) -> Cause {
    if args.is_empty() {
        Cause::Rule { rule, line }
    } else {
        Cause::Instance { rule, line, args: args.into() }
    }
}

/// The arguments of an assignment as a policy writes them; nothing where the role has none, or others.
fn shown_args(program: &Program, role: u32, args: &[String]) -> String {
    let params = &program.rules[role as usize].params;
    match prov_model::read_arguments(args, params, &program.schema, &program.zone) {
        Ok(values) if !values.is_empty() => prov_model::arguments_shown(&values, params, &program.schema),
        Ok(_) | Err(_) => String::new(),
    }
}

/// Whether a grant of an assigned role could have given a value: where it gives constants, or an argument as it stands,
/// only that.
fn may_give(program: &Program, grant: &GrantProgram, own: bool, args: &[String], value: &str) -> bool {
    let folds = program.folds(grant.app, grant.kind);
    let same = |other: &str| other == value || folds && prov_model::fold(other) == prov_model::fold(value);
    let mut constants = Vec::new();
    for given in &grant.values {
        let GrantValue::One(mut id) = *given else { return true };
        while let ExprKind::ToText(of) | ExprKind::Named(_, of) = program.expr(id).kind {
            id = of;
        }
        match &program.expr(id).kind {
            ExprKind::Const(c) => {
                constants.push(prov_model::nfc(&c.plain(&program.expr(id).ty, &program.schema)).into_owned());
            }
            ExprKind::Local(l) if own && grant.each.is_empty() && grant.values.len() == 1 => {
                return args.get(l.0 as usize).is_none_or(|a| prov_model::fold(a) == prov_model::fold(value));
            }
            _ => return true,
        }
    }
    same(&prov_model::join_values(&constants))
}

impl Reasons for EngineReasons<'_, '_> {
    fn grant(&self, position: u32, entitlement: EntId, out: &mut Vec<Cause>) {
        let e = self.desired.entitlements.get(entitlement).clone();
        if self.plain(position, |one| self.grants(&self.plains.causes(one, &e), out)).is_some() {
            return;
        }
        self.ask(position, |one| {
            let Some(caused) = self.find(one, e.app, e.kind, &e.value) else { return };
            self.grants(&caused.causes, out);
            if caused.causes.is_empty() {
                out.extend(caused.kept.iter().filter_map(|keep| self.rule_named(&keep.rule)));
                if caused.by_state.is_some() {
                    self.state_cause(one, out);
                }
            }
        });
    }

    fn loss(&self, position: u32, loss: Loss<'_>, out: &mut Vec<Cause>) {
        let schema = self.policy.schema();
        let plain = self.plain(position, |one: &PlainOne| {
            let (ty, _) = self.desired.rows[position as usize];
            let e = Entitlement { app: loss.app, kind: loss.kind, value: loss.value.into() };
            let lifecycle = schema.identity(ty).lifecycle.as_ref();
            let dropped =
                one.state.and_then(|s| lifecycle?.defs.get(s as usize)).is_some_and(|s| s.drops(loss.app));
            if dropped {
                self.cause_of_state(ty, one.state, out);
            } else if self.lacks_account(position, loss.app) && !self.plains.causes(one, &e).is_empty() {
                out.push(self.account_rule(position, loss.app).into());
            }
        });
        if plain.is_some() {
            return;
        }
        self.ask(position, |one| {
            let Some(caused) = self.find(one, loss.app, loss.kind, loss.value) else {
                // Nothing grants it; where the state drops everything, it is the state's doing.
                let lifecycle = schema.identity(one.who.0).lifecycle.as_ref();
                if one.state.and_then(|s| lifecycle?.defs.get(s as usize)).is_some_and(|s| s.drops(loss.app))
                {
                    self.state_cause(one, out);
                } else {
                    self.given_once(one, loss, out);
                }
                // Else it was kept, and its time is over: it is the doing of the rule that gave it.
                let folds = self.policy.program().folds(loss.app, loss.kind);
                let over = one.over.iter().filter(|(e, _)| {
                    (e.app, e.kind) == (loss.app, loss.kind)
                        && (*e.value == *loss.value
                            || folds && prov_model::fold(&e.value) == prov_model::fold(loss.value))
                });
                if out.is_empty() {
                    out.extend(over.filter_map(|(_, keep)| self.rule_named(&keep.rule)));
                }
                if out.is_empty() {
                    out.extend(self.state_that_kept(one, loss));
                }
                return;
            };
            for w in &caused.withheld {
                match w {
                    prov_eval::Withheld::Forbidden(i) => out.push(schema.forbids[*i as usize].rule.into()),
                    prov_eval::Withheld::RoleForbidden(i, _) => {
                        out.push(schema.role_forbids[*i as usize].rule.into());
                    }
                    prov_eval::Withheld::Separated(i) | prov_eval::Withheld::RoleSeparated(_, i, _) => {
                        out.push(schema.separations[*i as usize].rule.into());
                    }
                    prov_eval::Withheld::Denied(e) | prov_eval::Withheld::RoleDenied(_, e, _) => {
                        out.push(Cause::Exception(*e));
                    }
                    prov_eval::Withheld::Dropped(_) => {
                        self.state_cause(one, out);
                    }
                    prov_eval::Withheld::NoAccount => {
                        out.push(self.account_rule(position, loss.app).into());
                    }
                    prov_eval::Withheld::NotInCatalog
                    | prov_eval::Withheld::Blank
                    | prov_eval::Withheld::Outranked(_) => {}
                }
            }
        });
    }

    fn would(&self, position: u32, entitlement: EntId, gives: bool, out: &mut Vec<Cause>) {
        let Some(trial) = self.engine.trial() else { return };
        let data = self.desired;
        let e = data.entitlements.get(entitlement);
        let who = data.rows[position as usize];
        let of = |engine: &prov_eval::Engine| {
            let people = self.people;
            let one = engine.evaluate_one(people, who, &data.at, self.background);
            one.causes_of(engine.program(), e)
        };
        let then = of(trial);
        let found = if gives { then.grants } else { then.withholds };
        if found.is_empty() && !gives {
            // Nothing withholds it: the rules that give it now would not.
            out.extend(of(self.engine).grants.into_iter().map(Cause::from));
        }
        out.extend(found.into_iter().map(Cause::from));
    }

    fn violations(&self, position: u32, stays: &[Entitlement], out: &mut Vec<Violation>) {
        let data = self.desired;
        let (people, background) = (self.people, self.background);
        let who = data.rows[position as usize];
        let names = self.names_of(position);
        out.extend(self.engine.violations(people, who, &data.at, background, names, stays));
    }

    fn account(&self, position: u32, app: AppId, question: AccountQuestion, out: &mut Vec<Cause>) {
        out.push(self.account_rule(position, app).into());
        match question {
            AccountQuestion::Wanted | AccountQuestion::Attributes => {}
            AccountQuestion::Unwanted | AccountQuestion::Enabled | AccountQuestion::NotEnabled => {
                let (ty, _) = self.desired.rows[position as usize];
                let plain = self.plain(position, |one| self.cause_of_state(ty, one.state, out));
                if plain.is_some() {
                    return;
                }
                self.ask(position, |one| self.state_cause(one, out));
            }
        }
    }
}
