//! Whether what a test expects is so, and what is to be said where it is not.
//! Invariant: an expectation that fails says what was found instead, and why the policy did that.

use super::Failure;
use super::world::{Ran, Stop, World, shown};
use crate::identity::{Entitlement, Identity, show};
use crate::render::{clause_text, explanation_text};
use prov_compile::testing::{AccountValue, Expectation, HoldVerb, Item, ItemHeld, PlanItem, Who};
use prov_diag::{Diagnostic, Span, codes};
use prov_eval::Bound;
use prov_ir::ExprId;
use prov_model::{AppId, IdentityId, KindId, Moment, join_values, nfc};
use prov_plan::{ActionKind, FindingKind};
use std::sync::Arc;

/// Lines of a plan that a failure shows.
const SHOWN: usize = 20;

impl World<'_> {
    /// What is not as expected. Snapshots are for the caller, who knows the files.
    pub(super) fn check(&mut self, e: &Expectation, span: Span) -> Result<Vec<Failure>, Stop> {
        self.settle(span)?;
        Ok(match e {
            Expectation::Holds { who, verb, items, until } => {
                let mut found: Vec<Failure> =
                    items.iter().filter_map(|item| self.held_as(*who, *verb, item)).collect();
                if let (Some(until), true) = (until, found.is_empty()) {
                    let to = self.moment_of(*until, span)?;
                    found.extend(self.until(*who, *verb, items, to, span)?);
                }
                found
            }
            Expectation::State(who, state) => self.state(*who, *state, span).into_iter().collect(),
            Expectation::Plan { lacks, what } => self.plan_has(*lacks, what, span).into_iter().collect(),
            Expectation::Withheld(item, who) => self.withheld(item, *who, span).into_iter().collect(),
            Expectation::That(expr, accounts) => self.that(*expr, accounts, span).into_iter().collect(),
            Expectation::Snapshot(_) => Vec::new(),
        })
    }

    fn name(&self, who: Who) -> &str {
        &self.test.people[who.0 as usize].name
    }

    /// What an item is called, with its values as they come out.
    fn called(&self, item: &Item) -> String {
        match &item.kind {
            ItemHeld::Entitlement(app, kind, values) => self.entitlement(*app, *kind, values.as_deref()),
            ItemHeld::Account(app) => format!("an account in {}", self.policy().schema().app(*app).name),
            ItemHeld::Role(_) => self.policy().sources().text(item.span).to_owned(),
        }
    }

    /// The same, of an account with whether it sleeps: who has one that is disabled has it all the same.
    fn called_now(&self, who: Who, item: &Item) -> String {
        let what = self.called(item);
        let ItemHeld::Account(app) = &item.kind else { return what };
        let sleeps = self.account(who, *app).is_some_and(|account| !account.enabled);
        if sleeps { what.replacen("an account", "a disabled account", 1) } else { what }
    }

    /// The account that someone has.
    fn account(&self, who: Who, app: AppId) -> Option<&prov_model::Account> {
        let (id, data) = (self.id(who), &self.actual.data);
        let position = data.ids.find(&id)?;
        data.accounts.get(position).iter().find(|a| a.app == app)
    }

    fn entitlement(&self, app: AppId, kind: KindId, values: Option<&[ExprId]>) -> String {
        let schema = self.policy().schema();
        match values {
            None => format!("{}.{}", schema.app(app).name, schema.kind(app, kind).name),
            Some(values) => {
                let value = self.joined(app, kind, values).into();
                show(schema, &prov_model::Entitlement { app, kind, value })
            }
        }
    }

    fn joined(&self, app: AppId, kind: KindId, values: &[ExprId]) -> String {
        let schema = self.policy().schema();
        let types = &schema.kind(app, kind).types;
        let plain: Vec<String> = values
            .iter()
            .zip(types)
            .map(|(e, ty)| nfc(&self.value(*e).plain(ty, schema)).into_owned())
            .collect();
        join_values(&plain)
    }

    /// Whether someone holds something, now or before the step.
    fn holds(&self, who: Who, item: &Item, before: bool) -> bool {
        let id = self.id(who);
        let actual = if before { &self.before } else { &self.actual };
        let position = actual.data.ids.find(&id);
        match &item.kind {
            ItemHeld::Entitlement(app, kind, values) => {
                let Some(position) = position else { return false };
                let held = actual.data.holdings.get(position);
                let all = &actual.data.entitlements;
                // Whichever account holds it.
                self.policy().schema().accounts_of(*app).any(|app| match values {
                    None => held.iter().any(|e| (all.get(*e).app, all.get(*e).kind) == (app, *kind)),
                    Some(values) => {
                        let folds = self.policy().program().folds(app, *kind);
                        let same = all.find(app, *kind, &self.joined(app, *kind, values), folds);
                        same.is_some_and(|id| held.iter().any(|e| all.same_as(*e) == id))
                    }
                })
            }
            ItemHeld::Account(app) => {
                position.is_some_and(|p| actual.data.accounts.get(p).iter().any(|a| a.app == *app))
            }
            ItemHeld::Role(condition) => {
                let ran = if before { self.ran_before.as_ref() } else { self.ran.as_ref() };
                let (Some(ran), Some(row)) = (ran, self.row(ran, who)) else { return false };
                let engine = self.engine.inner();
                let population = &ran.people.data;
                engine.ask(population, row, &ran.moment, &ran.background, &[], *condition) == Some(true)
            }
        }
    }

    fn held_as(&self, who: Who, verb: HoldVerb, item: &Item) -> Option<Failure> {
        let (before, now) = (self.holds(who, item, true), self.holds(who, item, false));
        let (name, what) = (self.name(who), self.called_now(who, item));
        let wrong = match (verb, before, now) {
            (HoldVerb::Has, _, true)
            | (HoldVerb::Lacks, _, false)
            | (HoldVerb::Gains, false, true)
            | (HoldVerb::Loses, true, false)
            | (HoldVerb::Keeps, true, true) => return None,
            (HoldVerb::Has, _, false) => format!("`{name}` does not have {what}"),
            (HoldVerb::Lacks, _, true) => format!("`{name}` has {what}"),
            (HoldVerb::Gains, true, true) => format!("`{name}` had {what} before, so that it is not gained"),
            (HoldVerb::Gains, _, false) => format!("`{name}` does not gain {what}"),
            (HoldVerb::Loses, _, true) => format!("`{name}` still has {what}"),
            (HoldVerb::Loses, false, false) => {
                format!("`{name}` did not have {what} before, so that it is not lost")
            }
            (HoldVerb::Keeps, false, true) => {
                format!("`{name}` did not have {what} before, so that it is not kept")
            }
            (HoldVerb::Keeps, _, false) => format!("`{name}` no longer has {what}"),
        };
        Some(self.failure(item.span, wrong, self.why(who, item)))
    }

    fn failure(&self, span: Span, wrong: String, explanation: String) -> Failure {
        let when = self.ran.as_ref().map_or(String::new(), |r| format!(" on {}", shown(&r.moment)));
        let diagnostic = Diagnostic::new(&codes::EXPECTATION_FAILED, wrong).at(span, format!("not so{when}"));
        Failure { diagnostic, explanation, diff: None }
    }

    /// Someone as the facade names them, with the run in question.
    fn identity(&self, who: Who) -> Option<(Identity, &Ran)> {
        let ran = self.ran.as_ref()?;
        let row = self.row(Some(ran), who)?;
        Some((Identity { population: ran.people.clone(), who: row }, ran))
    }

    fn absent(&self, who: Who) -> String {
        let day = self.ran.as_ref().map_or(String::new(), |r| shown(&r.moment));
        format!("{} is in no source on {day}\n{}", self.id(who), self.actions(Some(who)))
    }

    /// The policy's own explanation.
    fn why(&self, who: Who, item: &Item) -> String {
        let Some((identity, ran)) = self.identity(who) else { return self.absent(who) };
        let target = match &item.kind {
            ItemHeld::Entitlement(app, kind, Some(values)) => {
                Entitlement { app: *app, kind: Some((*kind, self.joined(*app, *kind, values))) }
            }
            ItemHeld::Entitlement(app, kind, None) => {
                let held = self.held_of(who, *app, *kind);
                let target = Entitlement { app: *app, kind: None };
                let explained =
                    self.engine.explain_with(&identity, Some(&target), &ran.moment, &ran.background);
                return format!("{held}{}", explanation_text(self.policy(), &explained, false));
            }
            ItemHeld::Account(app) => Entitlement { app: *app, kind: None },
            ItemHeld::Role(condition) => {
                let role = self.policy().sources().text(item.span);
                let apart = self.taken_apart(identity.who, ran, &[], *condition);
                return format!("{apart}{}", self.by_hand(who, role));
            }
        };
        let explained = self.engine.explain_with(&identity, Some(&target), &ran.moment, &ran.background);
        explanation_text(self.policy(), &explained, false)
    }

    /// What someone has of a kind, as a line.
    fn held_of(&self, who: Who, app: AppId, kind: KindId) -> String {
        let (id, data, schema) = (self.id(who), &self.actual.data, self.policy().schema());
        let position = data.ids.find(&id);
        let held = position.map_or(&[][..], |p| data.holdings.get(p));
        let of = |e: &&prov_model::EntId| {
            let held = data.entitlements.get(**e);
            held.kind == kind && schema.accounts_of(app).any(|a| a == held.app)
        };
        let mut names: Vec<String> =
            held.iter().filter(of).map(|e| show(schema, data.entitlements.get(*e))).collect();
        names.sort();
        let whole = format!("{}.{}", schema.app(app).name, schema.kind(app, kind).name);
        match names.as_slice() {
            [] => format!("{id} has nothing of {whole}\n"),
            names => format!("{id} has {}\n", names.join(", ")),
        }
    }

    /// The assignments of a role to someone, as lines.
    fn by_hand(&self, who: Who, role: &str) -> String {
        let (id, name) = (self.id(who), role.split('(').next().unwrap_or(role).trim());
        let of = self.assignments.iter().filter(|a| a.identity == id && a.role == name);
        let day = |at: &Option<prov_model::TimePoint>| at.as_ref().map(|at| format!("{at}"));
        of.map(|a| {
            let from = day(&a.from).map_or(String::new(), |d| format!(" from {d}"));
            let until = day(&a.until).map_or(String::new(), |d| format!(" until {d}"));
            let by = a.granted_by.as_ref().map_or(String::new(), |by| format!(", granted by {by}"));
            let (file, line) = &a.origin;
            format!("  assigned{from}{until}{by} {file}:{line}\n")
        })
        .collect()
    }

    fn taken_apart(&self, who: (IdentityId, u32), ran: &Ran, bound: &[Bound], condition: ExprId) -> String {
        let clause = self.engine.inner().explain_condition(
            &ran.people.data,
            who,
            &ran.moment,
            &ran.background,
            bound,
            condition,
        );
        clause_text(self.policy(), &clause, false)
    }

    /// What it comes to as time passes and nothing else happens.
    fn until(
        &self,
        who: Who,
        verb: HoldVerb,
        items: &[Item],
        to: Moment,
        span: Span,
    ) -> Result<Vec<Failure>, Stop> {
        let mut later = self.clone();
        later.cover = None;
        let from = later.now();
        let holds = match verb {
            HoldVerb::Has | HoldVerb::Gains | HoldVerb::Keeps => true,
            HoldVerb::Lacks | HoldVerb::Loses => false,
        };
        let name = self.name(who);
        if to.now <= from.now {
            let wrong = format!("it is {} already, so that nothing holds until {}", shown(&from), shown(&to));
            return Ok(vec![self.failure(span, wrong, String::new())]);
        }
        let ended =
            |world: &World<'_>| items.iter().find(|item| world.holds(who, item, false) != holds).cloned();
        if later.pass_days(&to, span, |later| ended(later).is_some())?
            && let Some(item) = ended(&later)
        {
            let (what, verb) = (later.called(&item), if holds { "has" } else { "lacks" });
            let wrong = format!(
                "`{name}` {verb} {what} only until {}, not until {}",
                shown(&later.now()),
                shown(&to)
            );
            return Ok(vec![later.failure(item.span, wrong, later.why(who, &item))]);
        }
        later.move_to(to.clone(), span)?;
        later.settle(span)?;
        let still = items.iter().filter(|item| later.holds(who, item, false) == holds);
        Ok(still
            .map(|item| {
                let verb = if holds { "has" } else { "lacks" };
                let wrong = format!("`{name}` still {verb} {} on {}", later.called(item), shown(&to));
                later.failure(item.span, wrong, later.why(who, item))
            })
            .collect())
    }

    fn state(&self, who: Who, wanted: u32, span: Span) -> Option<Failure> {
        let Some((identity, ran)) = self.identity(who) else {
            let wrong = format!("`{}` is in no source, and so in no state", self.name(who));
            return Some(self.failure(span, wrong, self.absent(who)));
        };
        let id = self.id(who);
        let lifecycle = self.policy().schema().identity(identity.who.0).lifecycle.as_ref();
        let wanted = lifecycle.and_then(|l| l.defs.get(wanted as usize)).map_or("", |d| &d.name);
        let found = ran.desired.state(&id);
        if found == Some(wanted) {
            return None;
        }
        let found = found.unwrap_or("not known");
        let wrong = format!("`{}` is {found}, not {wanted}", self.name(who));
        let explained = self.engine.explain_with(&identity, None, &ran.moment, &ran.background);
        Some(self.failure(span, wrong, explanation_text(self.policy(), &explained, false)))
    }

    /// The actions of the step, or those about someone, as lines.
    fn actions(&self, who: Option<Who>) -> String {
        let id = who.map(|w| self.id(w));
        let mut lines: Vec<String> = Vec::new();
        for (moment, plan) in &self.plans {
            for action in plan.actions().filter(|a| id.as_deref().is_none_or(|id| a.identity() == id)) {
                let what = match action.entitlement() {
                    Some((kind, value)) => format!(".{kind}({value:?})"),
                    None => action.account().map_or(String::new(), |a| format!(" {a:?}")),
                };
                let (kind, whom, app) = (action.kind().name(), action.identity(), action.app());
                lines.push(format!("{}  {kind} {whom} {app}{what}", shown(moment)));
            }
            for finding in plan.findings.iter().filter(|f| id.is_none() || f.identity == id) {
                let whom = finding.identity.as_ref().filter(|_| who.is_none());
                let whom = whom.map_or(String::new(), |id| format!(" {id}"));
                lines.push(format!("{}  {}{whom}: {}", shown(moment), finding.kind.name(), finding.message));
            }
        }
        let about = id.map_or(String::new(), |id| format!(" about {id}"));
        if lines.is_empty() {
            return format!("the plan has nothing{about}\n");
        }
        let more = lines.len().saturating_sub(SHOWN);
        lines.truncate(SHOWN);
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        format!("the plan has{about}:\n{}", lines.iter().map(|l| format!("  {l}\n")).collect::<String>())
    }

    fn plan_has(&self, lacks: bool, what: &PlanItem, span: Span) -> Option<Failure> {
        let found = match what.word.as_str() {
            "nothing" => self.plans.iter().all(|(_, p)| p.is_empty()),
            "tripped" => self
                .plans
                .iter()
                .flat_map(|(_, p)| p.tripped())
                .any(|v| what.name.as_ref().is_none_or(|n| v.guard == *n)),
            word => match ActionKind::parse(word) {
                Some(kind) => self.has_action(kind, what),
                None => self.has_finding(word, what),
            },
        };
        if found != lacks {
            return None;
        }
        let wrong = match (what.word.as_str(), &what.name, lacks) {
            ("nothing", _, false) => "the plan is not empty".to_owned(),
            ("nothing", _, true) => "the plan is empty".to_owned(),
            ("tripped", Some(guard), false) => format!("the guard `{guard}` does not trip"),
            ("tripped", Some(guard), true) => format!("the guard `{guard}` trips"),
            ("tripped", None, false) => "no guard trips".to_owned(),
            ("tripped", None, true) => "a guard trips".to_owned(),
            _ => {
                let text = self.policy().sources().text(span);
                let (_, text) = text.split_once(if lacks { "lacks" } else { "has" }).unwrap_or(("", text));
                let verb = if lacks { "has" } else { "does not have" };
                format!("the plan {verb} `{}`", text.trim())
            }
        };
        let mut explanation = if what.word == "tripped" { String::new() } else { self.actions(what.who) };
        let tripped = self.plans.iter().flat_map(|(_, p)| p.tripped());
        for told in tripped.filter_map(prov_plan::Verdict::diagnostic) {
            explanation.push_str(&format!("{}\n", told.message));
        }
        if explanation.is_empty() {
            explanation.push_str("no guard trips\n");
        }
        Some(self.failure(span, wrong, explanation))
    }

    fn same_item(&self, what: &PlanItem, app: &str, held: Option<(&str, Option<&str>)>) -> bool {
        let Some((a, k, values)) = &what.item else { return true };
        let schema = self.policy().schema();
        let Some((kind, value)) = held else { return false };
        let there = schema.accounts_of(*a).any(|a| schema.app(a).name == app);
        if !there || schema.kind(*a, *k).name != kind {
            return false;
        }
        let Some(values) = values else { return true };
        let wanted = self.joined(*a, *k, values);
        value.is_some_and(|v| {
            let folds = self.policy().program().folds(*a, *k);
            *v == wanted || folds && prov_model::fold(v) == prov_model::fold(&wanted)
        })
    }

    fn has_action(&self, kind: ActionKind, what: &PlanItem) -> bool {
        let id = what.who.map(|w| self.id(w));
        let app = what.app.map(|a| self.policy().schema().app(a).name.as_str());
        self.plans.iter().flat_map(|(_, p)| p.actions()).any(|action| {
            let held = action.entitlement().map(|(k, v)| (k, Some(v)));
            let renamed = || action.changes().first().and_then(|c| c.to.as_deref());
            action.kind() == kind
                && id.as_deref().is_none_or(|id| action.identity() == id)
                && app.is_none_or(|app| action.app() == app)
                && self.same_item(what, action.app(), held)
                && what.name.as_deref().is_none_or(|n| {
                    action.account() == Some(n) || kind == ActionKind::RenameAccount && renamed() == Some(n)
                })
        })
    }

    fn has_finding(&self, word: &str, what: &PlanItem) -> bool {
        let id = what.who.map(|w| self.id(w));
        let app = what.app.map(|a| self.policy().schema().app(a).name.as_str());
        self.plans.iter().flat_map(|(_, p)| &p.findings).any(|f| {
            let held = f.entitlement.as_ref().map(|h| (h.kind.as_str(), h.value.as_deref()));
            f.kind.name() == word
                && (id.is_none() || f.identity == id)
                && app.is_none_or(|app| f.app.as_deref() == Some(app))
                && self.same_item(what, f.app.as_deref().unwrap_or(""), held)
                && what.name.as_deref().is_none_or(|n| f.account.as_deref() == Some(n))
        })
    }

    fn withheld(&self, item: &Item, who: Option<Who>, span: Span) -> Option<Failure> {
        let ItemHeld::Entitlement(app, kind, values) = &item.kind else { return None };
        let what = PlanItem {
            word: FindingKind::Withheld.name().to_owned(),
            who,
            app: None,
            item: Some((*app, *kind, values.clone())),
            name: None,
        };
        if self.has_finding(&what.word, &what) {
            return None;
        }
        let whom = who.map_or(String::new(), |w| format!(" for `{}`", self.name(w)));
        let wrong = format!("{} is not withheld{whom}", self.called(item));
        let explanation = match who {
            Some(who) => self.why(who, item),
            None => self.actions(None),
        };
        Some(self.failure(span, wrong, explanation))
    }

    fn that(&self, condition: ExprId, accounts: &[AccountValue], span: Span) -> Option<Failure> {
        let ran = self.ran.as_ref()?;
        let mut bound = self.bound();
        for value in accounts {
            bound.resize(bound.len().max(value.local.0 as usize + 1), Bound::Absent);
            bound[value.local.0 as usize] = self.account_value(value);
        }
        let nobody = (IdentityId(0), u32::MAX);
        let engine = self.engine.inner();
        let population = Arc::clone(&ran.people.data);
        let holds = engine.ask(&population, nobody, &ran.moment, &ran.background, &bound, condition);
        if holds == Some(true) {
            return None;
        }
        let mut explanation = self.taken_apart(nobody, ran, &bound, condition);
        for value in accounts {
            let schema = self.policy().schema();
            let app = schema.app(value.app);
            let attribute = match value.attribute {
                Some(i) => app.account.as_ref().map_or("", |a| &a.attributes[i as usize].name),
                None => "enabled",
            };
            let shown = match &bound[value.local.0 as usize] {
                Bound::Text(text) => format!("{text:?}"),
                Bound::Truth(truth) => truth.to_string(),
                Bound::Absent | Bound::Identity(..) => "absent: there is no account".to_owned(),
            };
            explanation.push_str(&format!("  {}.{}.{attribute} = {shown}\n", self.name(value.who), app.name));
        }
        let text = self.policy().sources().text(span);
        for who in (0..self.test.people.len() as u32).map(Who) {
            let read = format!("{}.state", self.name(who));
            if text.contains(&read)
                && let Some(state) = ran.desired.state(&self.id(who))
            {
                explanation.push_str(&format!("  {read} = {state}\n"));
            }
        }
        let gone: Vec<&str> = (0..self.test.people.len() as u32)
            .map(Who)
            .filter(|w| matches!(bound[w.0 as usize], Bound::Absent))
            .map(|w| self.name(w))
            .collect();
        if !gone.is_empty() {
            explanation.push_str(&format!("  in no source: {}\n", gone.join(", ")));
        }
        Some(self.failure(span, "this does not hold".to_owned(), explanation))
    }

    /// An attribute of an account that someone has.
    fn account_value(&self, value: &AccountValue) -> Bound {
        let Some(account) = self.account(value.who, value.app) else { return Bound::Absent };
        match value.attribute {
            None => Bound::Truth(account.enabled),
            Some(0) => Bound::Text(account.name.to_string()),
            Some(i) => match account.attributes.get(i as usize).cloned().flatten() {
                Some(text) if !text.is_empty() => Bound::Text(text.into()),
                Some(_) | None => Bound::Absent,
            },
        }
    }
}
