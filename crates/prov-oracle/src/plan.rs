//! What must be done for everyone to have what they should, and what is remembered (plan.md; files.md, "Memory").
//! Invariant: one identity at a time; nothing is done to who is held or missing but what plan.md says.

use crate::actual::{Account, Actual};
use crate::assigned::Judged;
use crate::calendar;
use crate::decide::{Decision, Wanted, drops, leaver, verb};
use crate::entitlement::Ent;
use crate::eval::{Eval, Stop};
use crate::good::recalling;
use crate::granted::Given;
use crate::guards::Tally;
use crate::links::Links;
use crate::policy::App;
use crate::settle::Issue;
use crate::value::fold;
use crate::world::World;
use prov_model::{Date, Instant, Memory, RawTable, Since, SourceMemory};
use prov_syntax::ast::{self, Expr, State, VerbKind};
use std::collections::{BTreeMap, BTreeSet};

/// What comes out, as lines.
#[derive(Default)]
pub(crate) struct Lines {
    pub actions: Vec<String>,
    pub findings: BTreeSet<String>,
    /// What guards count.
    tally: Tally,
    /// What is granted, revoked and deleted, for what is remembered.
    pub given: Given,
}

/// Where an identity stands (plan.md, "Who is held").
enum Standing<'a> {
    Held,
    /// In no source, since this day, and not ended for it.
    Missing(Date),
    /// In a state entered on this day; with the day it was first missed, where it is in it for being missing.
    In {
        state: Option<&'a State>,
        since: Date,
        missed: Option<Date>,
    },
}

/// What an account should be (items.md, "lifecycle" and "account").
#[derive(PartialEq, Eq, Clone, Copy)]
enum Want {
    Direct,
    On(bool),
    Off,
    Gone,
}

/// What holds for access in one app.
#[derive(Default, Clone)]
struct Here {
    account: Option<String>,
    exists: bool,
    frozen: bool,
    holds: bool,
    keeps: bool,
    takes: bool,
    /// It is not clear which account is theirs, here or where it comes from.
    unsettled: bool,
    /// The name that it should have can't be given.
    stuck: bool,
}

/// Names that can't be given: whoever wants them, by app.
type Blocked = BTreeSet<(String, String)>;

pub(crate) struct Planner<'w, 'a> {
    pub world: &'w World<'a>,
    pub actual: &'w Actual,
    pub links: &'w Links,
    pub memory: &'w Memory,
    pub sources: &'w BTreeMap<String, RawTable>,
    pub as_of: &'w BTreeMap<String, Instant>,
    /// By position in the population.
    pub decisions: &'w [Decision<'a>],
    /// Those whom no source brings, who have left by their last good record: the state.
    pub left: &'w BTreeMap<String, usize>,
}

impl<'w, 'a> Planner<'w, 'a> {
    /// All ids of both states.
    pub(crate) fn ids(&self) -> BTreeSet<&'w str> {
        let people = self.world.people.iter().map(|p| p.id.as_str());
        let owners = self.actual.accounts.iter().filter_map(|a| a.owner.as_deref());
        people.chain(owners).chain(self.actual.held.keys().map(String::as_str)).collect()
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.world.people.iter().position(|p| p.id == id)
    }

    fn type_of(&self, id: &str) -> Option<&'w str> {
        match self.world.policy.identities.as_slice() {
            [one] => Some(&one.name),
            all => {
                all.iter().map(|i| i.name.as_str()).find(|n| id.split_once(':').is_some_and(|(t, _)| t == *n))
            }
        }
    }

    /// The constant duration of an `after`.
    fn after(&self, after: Option<&'a Expr>) -> Result<prov_model::Duration, Stop> {
        let Some(e) = after else { return Ok(prov_model::Duration::default()) };
        match Eval::new(self.world).eval(e, &crate::eval::Scope::default(), None)? {
            crate::value::Value::Duration(d) => Ok(d),
            _ => Err(Stop::Bug("`after` what is no duration".to_owned())),
        }
    }

    /// Whether a verb of a state acts in an app today.
    fn due(&self, state: Option<&'a State>, since: Date, kind: VerbKind, app: &str) -> Result<bool, Stop> {
        let Some(verb) = state.and_then(|s| verb(s, kind, app)) else { return Ok(false) };
        match &verb.after {
            None => Ok(true),
            Some(after) => Ok(calendar::plus(since, self.after(Some(after))?) <= self.world.today),
        }
    }

    fn since(&self, id: &str, state: &State, otherwise: Date) -> Date {
        let known = self.memory.states.get(id).filter(|s| s.state == state.name.text);
        known.map_or(otherwise, |s| s.since)
    }

    fn standing(&self, id: &str) -> Result<Standing<'a>, Stop> {
        let today = self.world.today;
        if let Some(position) = self.position(id) {
            let decision = &self.decisions[position];
            let state = Eval::new(self.world).state_def(position, decision.state);
            // Of whom it is not known what they have, nothing is planned, save that a leaver leaves.
            if !decision.leaver && (decision.held || self.actual.unreadable.contains(id)) {
                return Ok(Standing::Held);
            }
            let since = state.map_or(today, |s| self.since(id, s, today));
            return Ok(Standing::In { state, since, missed: None });
        }
        let standing = self.standing_of_missing(id)?;
        let left = self.left.get(id).zip(self.type_of(id));
        Ok(match (standing, left) {
            // Dates of the last good record act while someone is missing.
            (Standing::Missing(missed), Some((state, of))) => {
                let state = self.world.policy.lifecycles.get(of).and_then(|l| l.1.get(*state));
                let since = state.map_or(today, |s| self.since(id, s, today));
                Standing::In { state, since, missed: Some(missed) }
            }
            (standing, _) => standing,
        })
    }

    fn standing_of_missing(&self, id: &str) -> Result<Standing<'a>, Stop> {
        let today = self.world.today;
        let since = self.memory.missing.get(id).copied().unwrap_or(today);
        let Some(of) = self.type_of(id) else { return Ok(Standing::Missing(since)) };
        // Where it can't be told whose a row is, or a file is cut off, nobody ends for being missing (files.md, "Sources").
        let unsure = self.world.lacking.contains(of);
        let sources =
            self.world.policy.sources.iter().filter(|s| s.identity.text == of && s.authoritative.is_some());
        // Each of them must say so, and the one that waits longest counts (items.md, "Several sources").
        let mut ending: Option<(i64, Date, &'a ast::Missing)> = None;
        for source in sources {
            let Some(missing) = &source.missing else { return Ok(Standing::Missing(since)) };
            let after = self.after(missing.after.as_ref())?;
            let rank = i64::from(after.months) * 30 + i64::from(after.days);
            if ending.is_none_or(|(longest, ..)| rank > longest) {
                ending = Some((rank, calendar::plus(since, after), missing));
            }
        }
        let Some((_, ends, missing)) = ending else { return Ok(Standing::Missing(since)) };
        if ends > today || unsure {
            return Ok(Standing::Missing(since));
        }
        let states = self.world.policy.lifecycles.get(of).map_or(&[][..], |l| l.1);
        let named = states.iter().find(|s| s.name.text == missing.state.text);
        let state = named.or_else(|| states.iter().find(|s| leaver(s)));
        let entered = state.map_or(ends, |s| self.since(id, s, ends));
        Ok(Standing::In { state, since: entered, missed: Some(since) })
    }

    fn want(
        &self,
        state: Option<&'a State>,
        since: Date,
        app: &App<'a>,
        wanted: Option<&Wanted>,
    ) -> Result<Want, Stop> {
        let left = state.is_some_and(leaver);
        if app.accounts.is_empty() && !left {
            return Ok(Want::Direct);
        }
        if self.due(state, since, VerbKind::DeleteAccounts, app.name)? {
            return Ok(Want::Gone);
        }
        Ok(match wanted {
            Some(account) if !left => {
                Want::On(account.enabled && !self.due(state, since, VerbKind::DisableAccounts, app.name)?)
            }
            _ => Want::Off,
        })
    }

    pub(crate) fn accounts_of(&self, id: &str, app: &str) -> Vec<&'w Account> {
        let mut list: Vec<&Account> =
            self.actual.accounts.iter().filter(|a| a.owner.as_deref() == Some(id) && a.app == app).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    fn wanted(&self, id: &str, app: &str) -> Option<&'w Wanted> {
        self.decisions[self.position(id)?].accounts.iter().find(|a| a.app == app)
    }

    /// Names that nobody gets: an account has them, or two people would get them (plan.md, "Findings").
    fn blocked_names(&self) -> Result<Blocked, Stop> {
        let mut wishes: BTreeMap<(String, String), usize> = BTreeMap::new();
        for id in self.ids() {
            let Standing::In { state, since, .. } = self.standing(id)? else { continue };
            for app in &self.world.policy.apps {
                let wanted = self.wanted(id, app.name);
                let Want::On(_) = self.want(state, since, app, wanted)? else { continue };
                let Some((_, name)) = wanted.and_then(|w| w.attributes.first()) else { continue };
                let has = self.accounts_of(id, app.name);
                if self.is_unsettled(id, app) {
                    continue;
                }
                if !name.is_empty() && has.len() < 2 && has.iter().all(|a| a.name != *name) {
                    *wishes.entry((app.name.to_owned(), name.clone())).or_default() += 1;
                }
            }
        }
        let taken = |w: &(String, String)| self.actual.accounts.iter().any(|a| a.app == w.0 && a.name == w.1);
        Ok(wishes.into_iter().filter(|(w, n)| *n > 1 || taken(w)).map(|(w, _)| w).collect())
    }

    /// Everything that is to be done and told.
    pub(crate) fn plan(&self, rows: &BTreeMap<String, u64>) -> Result<Lines, Stop> {
        let blocked = self.blocked_names()?;
        let mut lines = Lines::default();
        let mut unmanaged: BTreeMap<(String, String), u64> = BTreeMap::new();
        for id in self.ids() {
            self.person(id, &blocked, &mut lines, &mut unmanaged)?;
        }
        for ((app, kind), count) in unmanaged {
            lines.findings.insert(format!("unmanaged - {app} {kind} {count}"));
        }
        for account in self.actual.accounts.iter().filter(|a| a.owner.is_none()) {
            lines.findings.insert(format!("orphan_account - {} {:?}", account.app, account.name));
        }
        for ((app, account), (owner, _)) in self.links.of.iter().filter(|(_, (_, now))| *now) {
            lines.findings.insert(format!("linked_account {owner} {app} {account:?}"));
        }
        for row in &self.world.hand.assignments {
            let judged = match self.position(&row.identity) {
                None => Judged::Unmatched,
                Some(person) => match Eval::new(self.world).judge(person, row) {
                    // Who has left has nothing by hand either.
                    Ok(Judged::Honoured) if self.decisions[person].leaver => Judged::Unmatched,
                    Err(Stop::Unknown) if self.decisions[person].leaver => Judged::Unmatched,
                    Err(Stop::Unknown) => Judged::Honoured,
                    judged => judged?,
                },
            };
            let kind = match judged {
                Judged::Unmatched => "unmatched_assignment",
                Judged::Expired => "expired",
                Judged::ToCome | Judged::Honoured => continue,
            };
            let (file, line) = &row.origin;
            let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
            lines.findings.insert(format!("{kind} {} {file}:{line}", row.identity));
        }
        for row in &self.world.hand.exceptions {
            let named = self.position(&row.identity).and_then(|p| {
                let of = &self.world.people[p].of;
                self.world.what_names(row, of)
            });
            let kind = match named {
                None => "unmatched_exception",
                Some(_) if self.world.has_come(row.until) => "expired",
                Some(_) => continue,
            };
            let (file, line) = &row.origin;
            let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
            lines.findings.insert(format!("{kind} {} {file}:{line}", row.identity));
        }
        for r in self.world.rejected.iter().chain(&self.world.hand.rejected) {
            let id = r.id.as_deref().unwrap_or("-");
            lines.findings.insert(format!("rejected_row {id} {}:{}", r.file, r.line));
        }
        for (file, line, id) in &self.actual.rejected {
            let id = id.as_deref().unwrap_or("-");
            lines.findings.insert(format!("rejected_row {id} {file}:{line}"));
        }
        lines.findings.extend(self.verdicts(&lines.tally, rows)?);
        lines.actions.sort();
        Ok(lines)
    }

    fn person(
        &self,
        id: &'w str,
        blocked: &Blocked,
        lines: &mut Lines,
        unmanaged: &mut BTreeMap<(String, String), u64>,
    ) -> Result<(), Stop> {
        if self.position(id).is_none() {
            lines.findings.insert(format!("missing {id}"));
        }
        let held = self.actual.held.get(id).map_or(&[][..], Vec::as_slice);
        let (state, since) = match self.standing(id)? {
            Standing::In { state, since, .. } => (state, since),
            Standing::Missing(_) => return Ok(()),
            Standing::Held => {
                lines.findings.insert(format!("held {id}"));
                if self.actual.unreadable.contains(id) {
                    return Ok(());
                }
                let mut one =
                    One { planner: self, id, left: false, frozen: true, lines, apps: BTreeMap::new() };
                for app in &self.world.policy.apps {
                    let has = self.accounts_of(id, app.name);
                    let account = if has.len() == 1 { Some(has[0].name.clone()) } else { None };
                    one.apps.insert(app.name, Here { account, keeps: true, ..Here::default() });
                }
                for ent in held {
                    one.surplus(ent, false, unmanaged)?;
                }
                return Ok(());
            }
        };
        let left = state.is_some_and(leaver);
        let none = Decision::default();
        let decision = self.position(id).map_or(&none, |p| &self.decisions[p]);
        for (ent, issue) in &decision.withheld {
            let told = !matches!(issue, Issue::Outranked | Issue::Separated)
                && !state.is_some_and(|s| drops(s, &ent.app));
            if told {
                lines.findings.insert(format!("withheld {id} {} {} {:?}", ent.app, ent.kind, ent.value));
            }
        }
        for place in &decision.roles_withheld {
            lines.findings.insert(format!("withheld {id} role {place}"));
        }
        for place in &decision.separated {
            lines.findings.insert(format!("separated {id} {place}"));
        }
        if let (true, Some(position)) = (left, self.position(id)) {
            let has = !held.is_empty()
                || self.world.policy.apps.iter().any(|a| !self.accounts_of(id, a.name).is_empty());
            for (federation, why) in Eval::new(self.world).out_by(position)? {
                // That a time is over is told only as long as they have something.
                if has || !why.iter().any(|w| matches!(*w, "their time is over" | "the partnership is over"))
                {
                    let (federation, why) = (federation.unwrap_or("-"), why.join(", "));
                    lines.findings.insert(format!("guest_out {id} {federation}: {why}"));
                }
            }
        }
        let mut one = One { planner: self, id, left, frozen: false, lines, apps: BTreeMap::new() };
        for app in self.in_order() {
            let want = self.want(state, since, app, self.wanted(id, app.name))?;
            one.app(app, state, want, blocked);
        }
        let same = |a: &Ent, b: &Ent| (&a.app, &a.kind, &a.compared) == (&b.app, &b.kind, &b.compared);
        for ent in &decision.entitlements {
            let here = &one.apps[ent.app.as_str()];
            if here.holds && !here.frozen && !held.iter().any(|h| same(h, ent)) {
                one.access("grant", ent);
            }
        }
        for ent in held {
            let granted = decision.entitlements.iter().any(|d| same(d, ent));
            if !granted || !one.apps[ent.app.as_str()].holds {
                one.surplus(ent, granted, unmanaged)?;
            }
        }
        one.write_backs(&left)?;
        for app in &self.world.policy.apps {
            let here = one.apps[app.name].clone();
            let kills = left || self.due(state, since, VerbKind::KillSessions, app.name)?;
            if kills && here.takes {
                one.act("kill_sessions", app, here.account.as_deref(), None, "");
            }
        }
        Ok(())
    }

    /// Whether what someone holds is what Prov may take away (items.md, "managed").
    pub(crate) fn is_managed(&self, id: &str, app: &App<'a>, ent: &Ent) -> Result<bool, Stop> {
        let irrevocable = app.kind(&ent.kind).is_some_and(|k| k.irrevocable);
        Ok(self.world.is_managed(ent)? || (self.granted(id, ent) && !irrevocable))
    }

    fn in_order(&self) -> Vec<&'w App<'a>> {
        self.world.in_order().into_iter().map(|at| &self.world.policy.apps[at]).collect()
    }

    /// Whether it is not clear which account is someone's, in an app or where its account comes from.
    fn is_unsettled(&self, id: &str, app: &App<'a>) -> bool {
        let Some(position) = self.position(id) else { return false };
        let conflict = |app: &str| self.world.conflicts.contains_key(&(position, app.to_owned()));
        let (mut at, mut steps) = (Some(app), 0);
        while let Some(app) = at.filter(|_| steps <= self.world.policy.apps.len()) {
            if conflict(app.name) {
                return true;
            }
            let from = app.accounts.first().and_then(|b| b.from.as_ref());
            (at, steps) = (from.and_then(|f| self.world.policy.app(&f.text)), steps + 1);
        }
        false
    }

    /// What is to be remembered once the plan has been carried out.
    pub(crate) fn memory_after(&self, rows: &BTreeMap<String, u64>, lines: &Lines) -> Result<Memory, Stop> {
        let held = |position: usize| self.decisions[position].held;
        let names = self.world.names_after(self.actual, self.memory, &held);
        let granted = self.granted_after(&lines.given);
        let wanted = |id: &str, app: &str| Some(self.wanted(id, app)?.attributes.first()?.1.clone());
        let links = self.world.links_after(self.links, &wanted);
        let sources = self.memory.sources.clone();
        let mut after = Memory { sources, names, links, granted, ..Memory::default() };
        for (source, rows) in rows {
            after
                .sources
                .insert(source.clone(), SourceMemory { rows: *rows, empty: self.empty_columns(source) });
        }
        let kept = |id: &str| self.memory.keeps.get(id).map(|k| (id.to_owned(), k.clone()));
        for id in self.ids() {
            let before = self.memory.states.get(id).cloned();
            let standing = self.standing(id)?;
            let entered = match (&standing, self.position(id)) {
                (Standing::In { .. }, Some(p)) => {
                    Eval::new(self.world).entered_after(p, &self.decisions[p], self.memory)?
                }
                (Standing::In { .. }, None) => None,
                (Standing::Held | Standing::Missing(_), _) => self.memory.entered.get(id).cloned(),
            };
            after.entered.extend(entered.map(|e| (id.to_owned(), e)));
            match standing {
                Standing::Held => {
                    after.states.extend(before.map(|b| (id.to_owned(), b)));
                    after.keeps.extend(kept(id));
                }
                Standing::Missing(since) => {
                    after.missing.insert(id.to_owned(), since);
                    after.states.extend(before.map(|b| (id.to_owned(), b)));
                    after.keeps.extend(kept(id));
                }
                Standing::In { state, since, missed } => {
                    after.missing.extend(missed.map(|m| (id.to_owned(), m)));
                    let keeps = self.position(id).map_or(&[][..], |p| &self.decisions[p].keeps);
                    if !keeps.is_empty() {
                        after.keeps.insert(id.to_owned(), keeps.to_vec());
                    }
                    if let Some(state) = state.filter(|s| s.verbs.iter().any(|v| v.after.is_some())) {
                        let since = Since { state: state.name.text.clone(), since };
                        after.states.insert(id.to_owned(), since);
                    }
                }
            }
        }
        after.at = (!after.keeps.is_empty()).then_some(self.world.now);
        Ok(after)
    }
}

/// The identity at hand.
struct One<'o, 'w, 'a> {
    planner: &'o Planner<'w, 'a>,
    id: &'w str,
    left: bool,
    /// Whether it is held: it loses only what is forbidden.
    frozen: bool,
    lines: &'o mut Lines,
    apps: BTreeMap<&'w str, Here>,
}

impl<'w, 'a> One<'_, 'w, 'a> {
    fn act(&mut self, action: &str, app: &App<'a>, account: Option<&str>, ent: Option<&Ent>, changes: &str) {
        if app.mode != "report" {
            self.lines.tally.act(action, app.name, self.id, account, self.left);
            self.lines.given.act(action, app.name, self.id, account, ent);
            if let Some(ent) = ent {
                self.lines.tally.of.insert((
                    action.to_owned(),
                    self.id.to_owned(),
                    ent.app.clone(),
                    ent.kind.clone(),
                    ent.value.clone(),
                ));
            }
        }
        let account = account.map_or("-".to_owned(), |a| format!("{a:?}"));
        let (kind, value) =
            ent.map_or(("-", "-".to_owned()), |e| (e.kind.as_str(), format!("{:?}", e.value)));
        let mut line = format!("{action} {} {} {account} {kind} {value}", self.id, app.name);
        line += if self.left { " [leaver]" } else { "" };
        line += if app.mode == "report" { " [report]" } else { "" };
        line += changes;
        self.lines.actions.push(line);
    }

    fn access(&mut self, action: &str, ent: &Ent) {
        let account = self.apps.get(ent.app.as_str()).and_then(|h| h.account.clone());
        if let Some(app) = self.planner.world.policy.app(&ent.app) {
            self.act(action, app, account.as_deref(), Some(ent), "");
        }
    }

    fn find(&mut self, kind: &str, app: &App<'a>, account: Option<&str>) {
        let account = account.map_or("-".to_owned(), |a| format!("{a:?}"));
        self.lines.findings.insert(format!("{kind} {} {} {account}", self.id, app.name));
    }

    /// The account in an app, and what follows for access there.
    fn app(&mut self, app: &'w App<'a>, state: Option<&'a State>, want: Want, blocked: &Blocked) {
        let has = self.planner.accounts_of(self.id, app.name);
        let dropped = state.is_some_and(|s| drops(s, app.name));
        let keeps = !self.left && state.is_some_and(|s| crate::entered::keeps(s, app.name));
        let mut here = Here {
            account: if has.len() == 1 { Some(has[0].name.clone()) } else { None },
            exists: !has.is_empty(),
            holds: !dropped,
            keeps,
            ..Here::default()
        };
        if let Some(position) = self.planner.position(self.id)
            && let Some(account) = self.planner.world.conflicts.get(&(position, app.name.to_owned()))
        {
            self.find("conflict", app, account.as_deref());
        }
        here.unsettled = self.planner.is_unsettled(self.id, app);
        let may_take = self.left || app.mode != "additive";
        match want {
            Want::Direct => {}
            Want::On(enabled) => {
                if let Some(wanted) = self.planner.wanted(self.id, app.name) {
                    self.wanted(&mut here, app, &has, wanted, enabled, blocked);
                }
            }
            Want::Off | Want::Gone => {
                here.holds = false;
                here.keeps &= want == Want::Off;
                if may_take {
                    self.unwanted(&mut here, app, &has, want == Want::Gone);
                }
            }
        }
        self.apps.insert(app.name, here);
    }

    fn wanted(
        &mut self,
        here: &mut Here,
        app: &'w App<'a>,
        has: &[&Account],
        wanted: &Wanted,
        enabled: bool,
        blocked: &Blocked,
    ) {
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
                    let mut changes: String = set.map(|(a, v)| format!(" {a}:-→{v:?}")).collect();
                    changes += &format!(" enabled:-→\"{enabled}\"");
                    self.act("create_account", app, Some(&name), None, &changes);
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
                    let change = format!(" {attribute}:{current:?}→{name:?}");
                    self.act("rename_account", app, Some(&current), None, &change);
                    current.clone_from(&name);
                    here.account = Some(name);
                }
                let shown = |v: &str| if v.is_empty() { "-".to_owned() } else { format!("{v:?}") };
                let mut changes = String::new();
                for (attribute, to) in wanted.attributes.iter().skip(1) {
                    if let Some(from) = account.attributes.get(attribute).filter(|from| *from != to) {
                        changes += &format!(" {attribute}:{}→{}", shown(from), shown(to));
                    }
                }
                if !changes.is_empty() && !here.unsettled {
                    self.act("update_account", app, Some(&current), None, &changes);
                }
                if enabled && !account.enabled {
                    self.act("enable_account", app, Some(&current), None, "");
                }
                if !enabled && account.enabled && may_take {
                    self.act("disable_account", app, Some(&current), None, "");
                    here.takes = true;
                }
            }
            several => {
                here.frozen = true;
                self.find("conflict", app, None);
                if !enabled && may_take {
                    self.disable(here, app, several);
                }
            }
        }
    }

    fn unwanted(&mut self, here: &mut Here, app: &'w App<'a>, has: &[&Account], gone: bool) {
        let several = has.len() > 1;
        // Of several accounts whose is which is not clear: nobody signs in with any, and none is deleted.
        if !self.left && several {
            here.frozen = true;
            self.find("conflict", app, None);
        }
        let deletes = gone && (self.left || !several);
        if !deletes || self.left {
            self.disable(here, app, has);
        }
        if deletes {
            for account in has {
                self.act("delete_account", app, Some(&account.name), None, "");
                here.takes = true;
            }
            here.exists = false;
        }
    }

    fn disable(&mut self, here: &mut Here, app: &'w App<'a>, has: &[&Account]) {
        for account in has.iter().filter(|a| a.enabled) {
            self.act("disable_account", app, Some(&account.name), None, "");
            here.takes = true;
        }
    }

    /// What sources are told of accounts (items.md, "writeback").
    fn write_backs(&mut self, left: &bool) -> Result<(), Stop> {
        let world = self.planner.world;
        let Some(position) = self.planner.position(self.id).filter(|_| !left) else { return Ok(()) };
        let one = &world.people[position];
        let mut told: BTreeMap<(String, &'w str), BTreeMap<String, String>> = BTreeMap::new();
        for (source, assign) in &world.policy.writebacks {
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
            let from = if from.is_empty() { "-".to_owned() } else { format!("{from:?}") };
            let changes = told.entry((source.clone(), app.name)).or_default();
            changes.insert(name.clone(), format!(" {source}.{name}:{from}→{to:?}"));
        }
        for ((_, app), changes) in told {
            let account = self.apps[app].account.clone();
            let changes: String = changes.into_values().collect();
            if let Some(app) = world.policy.app(app) {
                self.act("write_back", app, account.as_deref(), None, &changes);
            }
        }
        Ok(())
    }

    /// What is held and should not be (plan.md, "Actions"). `granted`: rules give it, and it is not held for another
    /// reason.
    fn surplus(
        &mut self,
        ent: &'w Ent,
        granted: bool,
        unmanaged: &mut BTreeMap<(String, String), u64>,
    ) -> Result<(), Stop> {
        let world = self.planner.world;
        let Some(app) = world.policy.app(&ent.app) else { return Ok(()) };
        let here = self.apps[app.name].clone();
        if here.keeps {
            let Some(position) = self.planner.position(self.id) else { return Ok(()) };
            // What a state keeps stays, also in an account that there should not be.
            if self.frozen {
                // Of who is held the last good record says which forbids hold.
                let held = self.planner.decisions[position].held && !world.people[position].is_whole();
                let recalling = recalling(world, position).filter(|_| held);
                let eval = recalling.unwrap_or_else(|| Eval::new(world));
                if eval.forbidden(position, ent)? != Some(true) {
                    return Ok(());
                }
            } else if granted {
                return Ok(());
            }
        }
        if app.kind(&ent.kind).is_some_and(|k| k.irrevocable) {
            return Ok(());
        }
        let managed = self.planner.is_managed(self.id, app, ent)?;
        if !managed {
            if !granted {
                *unmanaged.entry((ent.app.clone(), ent.kind.clone())).or_default() += 1;
            }
            return Ok(());
        }
        if here.frozen || (app.mode == "additive" && !self.left) {
            return Ok(());
        }
        self.access("revoke", ent);
        if let Some(here) = self.apps.get_mut(app.name) {
            here.takes = true;
        }
        Ok(())
    }
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
