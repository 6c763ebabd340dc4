//! What must be done for everyone to have what they should, and what is remembered (plan.md; files.md, "Memory").
//! Invariant: one identity at a time, each planned for anew whenever something that others do matters to it.

use crate::Run;
use crate::action::{Act, joined, text};
use crate::actual::{Account, Actual};
use crate::assigned::Judged;
use crate::calendar;
use crate::decide::{Decision, Wanted, leaver, verb};
use crate::entitlement::Ent;
use crate::eval::{Eval, Stop};
use crate::found::{EXAMPLES, Find};
use crate::granted::Given;
use crate::guards::Tally;
use crate::links::Links;
use crate::person::Unmanaged;
use crate::policy::App;
use crate::protect::{Key, Members, Seats};
use crate::world::World;
use prov_model::{Date, Instant, Memory, RawTable, Since, SourceMemory};
use prov_syntax::ast::{self, Expr, State, VerbKind};
use std::collections::{BTreeMap, BTreeSet};

/// What comes out.
#[derive(Default)]
pub(crate) struct Lines {
    pub acts: Vec<Act>,
    pub findings: BTreeSet<Find>,
    /// What guards say.
    pub guards: Vec<String>,
    /// What guards count.
    pub tally: Tally,
    /// What is granted, revoked and deleted, for what is remembered.
    pub given: Given,
    /// Entitlements of which nobody who is a member loses any.
    pub closed: BTreeSet<Key>,
    /// Members of what is protected.
    pub members: BTreeMap<Key, Members>,
    /// By limit.
    pub seats: Vec<Seats>,
}

/// Where an identity stands (plan.md, "Who is held").
pub(crate) enum Standing<'a> {
    Held,
    /// In no source, since this day, and not ended for it.
    Missing(Date),
    /// In a state entered on this day; with the day it was first missed, where it is missing, and the source that ends it for
    /// that.
    In {
        state: Option<&'a State>,
        since: Date,
        missed: Option<Date>,
        ended_by: Option<&'a ast::Source>,
    },
}

/// What an account should be (items.md, "lifecycle" and "account").
#[derive(PartialEq, Eq, Clone, Copy)]
pub(crate) enum Want {
    Direct,
    On(bool),
    Off,
    Gone,
}

/// Names that can't be given: whoever wants them, by app.
pub(crate) type Blocked = BTreeSet<(String, String)>;

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
    /// As it would be with everything applied that is observed, where anything is; and with what of it gives.
    pub trial: Option<&'w Run<'a>>,
    pub giving: Option<&'w Run<'a>>,
}

impl Lines {
    /// Counts what is applied.
    fn count(&mut self) {
        for act in self.acts.iter().filter(|a| !a.report) {
            self.tally.act(act);
            self.given.act(act);
        }
    }
}

impl<'w, 'a> Planner<'w, 'a> {
    /// All ids of both states.
    pub(crate) fn ids(&self) -> BTreeSet<&'w str> {
        let people = self.world.people.iter().map(|p| p.id.as_str());
        let owners = self.actual.accounts.iter().filter_map(|a| a.owner.as_deref());
        people.chain(owners).chain(self.actual.held.keys().map(String::as_str)).collect()
    }

    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.world.people.iter().position(|p| p.id == id)
    }

    pub(crate) fn type_of(&self, id: &str) -> Option<&'w str> {
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
    pub(crate) fn due(
        &self,
        state: Option<&'a State>,
        since: Date,
        kind: VerbKind,
        app: &str,
    ) -> Result<bool, Stop> {
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

    pub(crate) fn standing(&self, id: &str) -> Result<Standing<'a>, Stop> {
        let today = self.world.today;
        if let Some(position) = self.position(id) {
            let decision = &self.decisions[position];
            let state = Eval::new(self.world).state_def(position, decision.state);
            // Of whom it is not known what they have, nothing is planned, save that a leaver leaves.
            if !decision.leaver && (decision.held || self.actual.unreadable.contains(id)) {
                return Ok(Standing::Held);
            }
            let since = state.map_or(today, |s| self.since(id, s, today));
            return Ok(Standing::In { state, since, missed: None, ended_by: None });
        }
        let standing = self.standing_of_missing(id)?;
        let left = self.left.get(id).zip(self.type_of(id));
        Ok(match (standing, left) {
            // Dates of the last good record act while someone is missing.
            (Standing::Missing(missed), Some((state, of))) => {
                let state = self.world.policy.lifecycles.get(of).and_then(|l| l.1.get(*state));
                let since = state.map_or(today, |s| self.since(id, s, today));
                Standing::In { state, since, missed: Some(missed), ended_by: None }
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
        let mut ending: Option<((i64, &str), Date, &'a ast::Missing, &'a ast::Source)> = None;
        for source in sources {
            let Some(missing) = &source.missing else { return Ok(Standing::Missing(since)) };
            let after = self.after(missing.after.as_ref())?;
            let rank = (i64::from(after.months) * 30 + i64::from(after.days), source.name.text.as_str());
            if ending.is_none_or(|(longest, ..)| rank > longest) {
                ending = Some((rank, calendar::plus(since, after), missing, *source));
            }
        }
        let Some((_, ends, missing, source)) = ending else { return Ok(Standing::Missing(since)) };
        if ends > today || unsure {
            return Ok(Standing::Missing(since));
        }
        let states = self.world.policy.lifecycles.get(of).map_or(&[][..], |l| l.1);
        let named = states.iter().find(|s| s.name.text == missing.state.text);
        let state = named.or_else(|| states.iter().find(|s| leaver(s)));
        let entered = state.map_or(ends, |s| self.since(id, s, ends));
        Ok(Standing::In { state, since: entered, missed: Some(since), ended_by: Some(source) })
    }

    pub(crate) fn want(
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

    pub(crate) fn wanted(&self, id: &str, app: &str) -> Option<&'w Wanted> {
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
        let mut closed = BTreeSet::new();
        // To hold a revoke back may keep others from coming, so that is asked until nothing more is held back.
        let (mut lines, unmanaged) = loop {
            let mut lines = Lines { closed: closed.clone(), ..Lines::default() };
            let mut unmanaged = Unmanaged::new();
            for id in self.ids() {
                self.person(id, &blocked, &mut lines, &mut unmanaged)?;
            }
            let more = self.too_few(&lines)?;
            if more.is_empty() {
                break (lines, unmanaged);
            }
            closed.extend(more);
        };
        lines.acts.sort_by(|a, b| self.compare(a, b));
        lines.count();
        self.hand_over(&mut lines)?;
        self.tell_protected(&mut lines)?;
        self.tell_unmanaged(unmanaged, &mut lines);
        for account in self.actual.accounts.iter().filter(|a| a.owner.is_none()) {
            let mut find = Find::new("orphan_account");
            (find.app, find.account) = (Some(account.app.clone()), Some(account.name.clone()));
            find.line = Some(account.line).filter(|l| *l > 0);
            lines.findings.insert(find);
        }
        for ((app, account), (owner, _)) in self.links.of.iter().filter(|(_, (_, now))| *now) {
            let mut find = Find::of("linked_account", owner);
            (find.app, find.account) = (Some(app.clone()), Some(account.clone()));
            if let Some(app) = self.world.policy.app(app) {
                find.because = vec![self.account_cause(self.position(owner), app)];
            }
            lines.findings.insert(find);
        }
        self.tell_by_hand(&mut lines)?;
        for r in self.world.rejected.iter().chain(&self.world.hand.rejected) {
            lines.findings.insert(Find::row("rejected_row", r.id.as_deref(), &r.file, r.line));
        }
        for (file, line, id) in &self.actual.rejected {
            lines.findings.insert(Find::row("rejected_row", id.as_deref(), file, *line));
        }
        lines.guards = self.verdicts(&lines.tally, rows)?;
        Ok(lines)
    }

    /// What is held without a rule and not managed: by kind, with the values that most hold.
    fn tell_unmanaged(&self, unmanaged: Unmanaged, lines: &mut Lines) {
        for ((app, kind), of) in unmanaged {
            let mut find = Find::new("unmanaged");
            find.count = Some(of.values().sum());
            let mut values: Vec<(u64, String)> = Vec::new();
            for (compared, count) in of {
                // Of several spellings that the actual state has, the smallest stands for all.
                let all = self.actual.held.values().flatten();
                let same = all.filter(|e| (&e.app, &e.kind, &e.compared) == (&app, &kind, &compared));
                values.extend(same.map(|e| e.value.clone()).min().map(|v| (count, v)));
            }
            values.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            find.examples = values.into_iter().take(EXAMPLES).map(|v| v.1).collect();
            (find.app, find.ent) = (Some(app), Some((kind, None)));
            lines.findings.insert(find);
        }
    }

    /// Assignments and exceptions that do nothing.
    fn tell_by_hand(&self, lines: &mut Lines) -> Result<(), Stop> {
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
            lines.findings.insert(Find::row(kind, Some(&row.identity), &row.origin.0, row.origin.1));
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
            lines.findings.insert(Find::row(kind, Some(&row.identity), &row.origin.0, row.origin.1));
        }
        Ok(())
    }

    /// What the header of a plan says of the data.
    pub(crate) fn header(&self) -> String {
        let source = |(name, raw): (&String, &RawTable)| {
            let of = self.world.rejected.iter().filter(|r| r.file == raw.file);
            let rejected = of.map(|r| r.line).collect::<BTreeSet<_>>().len();
            format!("{}:{{\"rows\":{},\"rejected\":{rejected}}}", text(name), raw.len())
        };
        format!(
            "{{\"at\":{},\"today\":{},\"zone\":{},\"people\":{},\"sources\":{{{}}}}}",
            text(&self.world.now.to_string()),
            text(&self.world.today.to_string()),
            text(self.world.zone.iana_name().unwrap_or("UTC")),
            self.world.people.len(),
            joined(self.sources.iter().map(source))
        )
    }

    /// Whether what someone holds is what Prov may take away (items.md, "managed").
    pub(crate) fn is_managed(&self, id: &str, app: &App<'a>, ent: &Ent) -> Result<bool, Stop> {
        let irrevocable = app.kind(&ent.kind).is_some_and(|k| k.irrevocable);
        Ok(self.world.is_managed(ent)? || (self.granted(id, ent) && !irrevocable))
    }

    pub(crate) fn in_order(&self) -> Vec<&'w App<'a>> {
        self.world.in_order().into_iter().map(|at| &self.world.policy.apps[at]).collect()
    }

    /// Whether it is not clear which account is someone's, in an app or where its account comes from.
    pub(crate) fn is_unsettled(&self, id: &str, app: &App<'a>) -> bool {
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
                Standing::In { state, since, missed, .. } => {
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
