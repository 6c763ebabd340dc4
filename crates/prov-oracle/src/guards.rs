//! Which guards trip (items.md, "guard"; plan.md, "Guards").
//! Invariant: what a plan would do is counted, whatever the cause; the plan itself is the same whether or not a guard trips.

use crate::action::{Act, Deed, joined, text};
use crate::cause::Cause;
use crate::entitlement::{Ent, compared};
use crate::eval::{Eval, Scope, Stop};
use crate::plan::Planner;
use prov_model::{RawCell, RawTable, TimePoint};
use prov_syntax::ast::{Amount, EntPattern, Expr, Guard, Limit};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How many of those who are hit a guard names.
const HIT: usize = 10;

/// Identity and, where single accounts count, the account.
type Hit = BTreeSet<(String, Option<String>)>;

/// What a plan does, by effect and app; leavers by app too.
#[derive(Default)]
pub(crate) struct Tally {
    /// Accounts that are hit: (effect, app) to identity and account.
    hit: BTreeMap<(&'static str, String), Hit>,
    /// What is granted and revoked: action, identity, app, kind, value.
    pub of: BTreeSet<(String, String, String, String, String)>,
}

impl Tally {
    /// An action on an account (or, where the app has none or several are meant, on a holder).
    pub(crate) fn act(&mut self, act: &Act) {
        let effect = match act.deed {
            Deed::Grant => "grants",
            Deed::Revoke => "revokes",
            Deed::Create => "creates",
            Deed::Disable => "disables",
            Deed::Delete => "deletes",
            Deed::Rename | Deed::Update | Deed::Enable | Deed::WriteBack | Deed::Kill => "",
        };
        // Grants and revokes hit whoever holds; the others each account by itself.
        let account = act.account.clone().filter(|_| !matches!(effect, "grants" | "revokes"));
        self.hit.entry((effect, act.app.clone())).or_default().insert((act.id.clone(), account));
        if act.left {
            self.hit.entry(("leavers", act.app.clone())).or_default().insert((act.id.clone(), None));
        }
        if let Some(ent) = &act.ent {
            let of = (
                act.deed.name().to_owned(),
                act.id.clone(),
                ent.app.clone(),
                ent.kind.clone(),
                ent.value.clone(),
            );
            self.of.insert(of);
        }
    }

    /// How many accounts an effect hits, and whose.
    fn count(&self, effect: &str, app: Option<&str>) -> (u64, BTreeSet<String>) {
        let of = || self.hit.iter().filter(|((e, a), _)| *e == effect && app.is_none_or(|app| app == a));
        let who: BTreeSet<String> = of().flat_map(|(_, hit)| hit.iter().map(|h| h.0.clone())).collect();
        match effect {
            "leavers" => (who.len() as u64, who),
            _ => (of().map(|(_, hit)| hit.len() as u64).sum(), who),
        }
    }
}

/// What a guard says, in the order of plan.md.
#[derive(Default)]
struct Verdict {
    guard: String,
    what: String,
    app: Option<String>,
    source: Option<String>,
    column: Option<String>,
    tripped: bool,
    count: u64,
    limit: u64,
    limits: Vec<String>,
    base: Option<u64>,
    unit: String,
    last: Option<String>,
    as_of: Option<String>,
    hit: BTreeSet<String>,
    notice: bool,
}

impl Verdict {
    fn json(&self, place: Option<&Cause>) -> String {
        let mut out = format!("{{\"guard\":{},\"what\":{}", text(&self.guard), text(&self.what));
        let some = |out: &mut String, name: &str, value: &Option<String>| {
            if let Some(value) = value {
                let _ = write!(out, ",{}:{}", text(name), text(value));
            }
        };
        some(&mut out, "app", &self.app);
        some(&mut out, "source", &self.source);
        some(&mut out, "column", &self.column);
        let (tripped, count, limit) = (self.tripped, self.count, self.limit);
        let _ = write!(out, ",\"tripped\":{tripped},\"count\":{count},\"limit\":{limit}");
        if !self.limits.is_empty() {
            let _ = write!(out, ",\"limits\":[{}]", joined(self.limits.iter().map(|l| text(l))));
        }
        if let Some(base) = self.base {
            let _ = write!(out, ",\"base\":{base}");
        }
        let _ = write!(out, ",\"unit\":{}", text(&self.unit));
        some(&mut out, "last", &self.last);
        some(&mut out, "as_of", &self.as_of);
        if !self.hit.is_empty() {
            let _ = write!(out, ",\"hit\":[{}]", joined(self.hit.iter().take(HIT).map(|h| text(h))));
        }
        if self.notice {
            out += ",\"notice\":\"notice\"";
        }
        if let Some(place) = place {
            let _ = write!(out, ",\"file\":{},\"line\":{}", text(&place.file), place.line);
        }
        out + "}"
    }
}

impl<'a> Planner<'_, 'a> {
    /// What all guards say: those of the policy by name, then those that always are.
    pub(crate) fn verdicts(&self, tally: &Tally, rows: &BTreeMap<String, u64>) -> Result<Vec<String>, Stop> {
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        let mut lane = true;
        for (guard, place) in &self.world.policy.guards {
            let verdict = match guard {
                Guard::Effects { what, of: None, app, limit, per } => {
                    lane &= what.text != "leavers" || app.is_some();
                    match (app, per) {
                        (Some(app), _) => {
                            for app in self.world.policy.accounts_in(&app.text) {
                                let name = format!("{}.{}", what.text, app.name);
                                let said = self.effect(tally, &name, &what.text, Some(app.name), limit);
                                found.push((name, vec![said.json(Some(place))]));
                            }
                        }
                        (None, per) => {
                            let apps = self.world.policy.apps.iter().filter(|a| a.mode != "report");
                            let apps: Vec<Option<&str>> =
                                if per.is_some() { apps.map(|a| Some(a.name)).collect() } else { vec![None] };
                            let one = |app| self.effect(tally, &what.text, &what.text, app, limit);
                            let said = apps.into_iter().map(|app| one(app).json(Some(place)));
                            found.push((what.text.clone(), said.collect()));
                        }
                    }
                    continue;
                }
                Guard::Effects { what, of: Some(pattern), limit, .. } => {
                    self.of_entitlements(tally, &what.text, pattern, limit)?
                }
                Guard::Rows { source, at_least, of_last_run } => {
                    self.rows_of(&source.text, rows.get(&source.text).copied(), at_least, *of_last_run)
                }
                Guard::Empty { source, column, at_most } => {
                    self.empty_in(&source.text, &column.text, at_most)
                }
                Guard::Age { source, at_most } => self.age_of(&source.text, at_most)?,
            };
            found.push((verdict.guard.clone(), vec![verdict.json(Some(place))]));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let mut out: Vec<String> = found.into_iter().flat_map(|f| f.1).collect();
        if lane {
            let (count, hit) = tally.count("leavers", None);
            let people = self.ids().len() as u64;
            let limit = 5.max(share(10_000, people));
            let limits = vec!["5".to_owned(), "1% of people".to_owned()];
            let (guard, what, unit) = ("leavers".to_owned(), "leavers".to_owned(), "people".to_owned());
            let (tripped, base) = (count > limit, Some(people));
            let verdict =
                Verdict { guard, what, tripped, count, limit, limits, base, unit, hit, ..Verdict::default() };
            out.push(verdict.json(None));
        }
        out.push(self.population().json(None));
        Ok(out)
    }

    fn population(&self) -> Verdict {
        let known =
            self.actual.accounts.iter().filter_map(|a| a.owner.as_ref()).chain(self.actual.held.keys());
        let access: BTreeSet<String> = known.cloned().collect();
        let (people, base) = (self.world.people.len() as u64, access.len() as u64);
        Verdict {
            guard: "population".to_owned(),
            what: "population".to_owned(),
            tripped: people == 0 && base > 0,
            count: people,
            limit: u64::from(base > 0),
            base: Some(base),
            unit: "people".to_owned(),
            hit: if people == 0 { access } else { BTreeSet::new() },
            ..Verdict::default()
        }
    }

    /// What a limit comes to, of so many.
    fn most(&self, limit: &Limit, base: u64) -> u64 {
        let people = self.ids().len() as u64;
        let all = limits(limit).into_iter().map(|(n, of)| match of {
            Of::Number => n / 10_000,
            Of::Accounts => share(n, base),
            Of::People => share(n, people),
        });
        all.max().unwrap_or(0)
    }

    fn effect(&self, tally: &Tally, name: &str, what: &str, app: Option<&str>, limit: &Limit) -> Verdict {
        let people = self.ids().len() as u64;
        let base = if what == "leavers" { people } else { self.accounts(app) };
        let ((count, hit), at_most) = (tally.count(what, app), self.most(limit, base));
        Verdict {
            guard: name.to_owned(),
            what: what.to_owned(),
            app: app.map(str::to_owned),
            tripped: count > at_most,
            count,
            limit: at_most,
            limits: spelled(limit),
            base: Some(base),
            unit: self.unit(what, app),
            hit,
            ..Verdict::default()
        }
    }

    /// What is counted: people who leave, accounts, or, in an app that has none, holders.
    fn unit(&self, what: &str, app: Option<&str>) -> String {
        let direct = app.and_then(|a| self.world.policy.app(a)).is_some_and(|a| a.accounts.is_empty());
        let unit = match (what, direct) {
            ("leavers", _) => "people",
            (_, true) => "holders",
            (_, false) => "accounts",
        };
        unit.to_owned()
    }

    fn of_entitlements(
        &self,
        tally: &Tally,
        what: &str,
        pattern: &'a EntPattern,
        limit: &Limit,
    ) -> Result<Verdict, Stop> {
        let action = what.trim_end_matches('s');
        let mut hit = BTreeSet::new();
        for (done, id, app, kind, value) in &tally.of {
            if done == action && self.covers(pattern, app, kind, value)? {
                hit.insert(id.clone());
            }
        }
        let mut base = 0;
        for (id, held) in &self.actual.held {
            let mut any = false;
            for e in held {
                let app = self.world.policy.app(&e.app);
                any |= self.covers(pattern, &e.app, &e.kind, &e.value)?
                    && app.map_or(Ok(false), |app| self.is_managed(id, app, e))?;
            }
            base += u64::from(any);
        }
        let app = match pattern {
            EntPattern::Entitlement { app, .. } => &app.text,
            EntPattern::Role(app) => &app.name.text,
        };
        let words = self.world.trees.sources.text(pattern.span()).split_whitespace();
        let words = words.collect::<Vec<_>>().join(" ").replace('"', "");
        let (count, at_most) = (hit.len() as u64, self.most(limit, base));
        Ok(Verdict {
            guard: format!("{what}.{words}"),
            what: what.to_owned(),
            app: Some(app.clone()),
            tripped: count > at_most,
            count,
            limit: at_most,
            limits: spelled(limit),
            base: Some(base),
            unit: self.unit(what, Some(app)),
            hit,
            ..Verdict::default()
        })
    }

    fn rows_of(&self, source: &str, now: Option<u64>, at_least: &Amount, of_last_run: bool) -> Verdict {
        let last = self.memory.sources.get(source).map(|s| s.rows);
        let (value, relative) = (at_least.value.0.max(0) as u64, at_least.percent);
        let least = match (last, relative) {
            (None, true) => None,
            (None, false) if of_last_run => None,
            (Some(last), true) => {
                let least = (u128::from(value) * u128::from(last)).div_ceil(1_000_000);
                Some(u64::try_from(least).unwrap_or(u64::MAX))
            }
            (_, false) => Some(value / 10_000),
        };
        let limit = least.filter(|_| now.is_some());
        let count = now.unwrap_or(0);
        Verdict {
            guard: format!("rows.{source}"),
            what: "rows".to_owned(),
            source: Some(source.to_owned()),
            tripped: limit.is_some_and(|l| count < l),
            count,
            limit: limit.unwrap_or(0),
            limits: vec![amount(at_least)],
            base: last,
            unit: "rows".to_owned(),
            notice: limit.is_none(),
            ..Verdict::default()
        }
    }

    fn empty_in(&self, source: &str, column: &str, at_most: &Amount) -> Verdict {
        let raw = self.sources.get(source);
        let rows = raw.map_or(0, |raw| raw.len() as u64);
        let value = at_most.value.0.max(0) as u64;
        let limit = match (at_most.percent, value) {
            (true, 0) => 0,
            (true, share_of) => share(share_of, rows),
            (false, n) => n / 10_000,
        };
        let count = raw.map_or(0, |raw| empty(raw, column));
        let last = self.memory.sources.get(source);
        let last = last.and_then(|s| Some((s.rows, *s.empty.get(column)?))).filter(|(rows, _)| *rows > 0);
        let last = last.map(|(rows, empty)| percent((u128::from(empty) * 10_000 / u128::from(rows)) as u64));
        Verdict {
            guard: format!("empty.{source}.{column}"),
            what: "empty".to_owned(),
            source: Some(source.to_owned()),
            column: Some(column.to_owned()),
            tripped: raw.is_some() && count > limit,
            count,
            limit,
            limits: vec![amount(at_most)],
            base: raw.map(|_| rows),
            unit: "rows".to_owned(),
            last,
            notice: raw.is_none(),
            ..Verdict::default()
        }
    }

    fn age_of(&self, source: &str, at_most: &'a Expr) -> Result<Verdict, Stop> {
        let d = Eval::new(self.world).eval(at_most, &Scope::default(), None)?;
        let now = self.world.now;
        let as_of = self.as_of.get(source).filter(|_| self.sources.contains_key(source));
        let found = as_of.and_then(|then| {
            let end = self.world.later(TimePoint::Instant(*then), &d)?;
            let since = |at: i64| u64::try_from(at.saturating_sub(then.0)).unwrap_or(0);
            Some((since(now.0), since(self.world.instant(end).0)))
        });
        let (count, limit) = found.unwrap_or((0, 0));
        Ok(Verdict {
            guard: format!("age.{source}"),
            what: "age".to_owned(),
            source: Some(source.to_owned()),
            tripped: count > limit,
            count,
            limit,
            limits: vec![d.plain()],
            unit: "seconds".to_owned(),
            as_of: as_of.map(ToString::to_string),
            notice: found.is_none(),
            ..Verdict::default()
        })
    }

    fn covers(&self, pattern: &'a EntPattern, app: &str, kind: &str, value: &str) -> Result<bool, Stop> {
        let Some(def) = self.world.policy.app(app).and_then(|a| a.kind(kind)) else { return Ok(false) };
        let ent = Ent {
            app: app.to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
            compared: compared(def, value),
        };
        Eval::new(self.world).names(pattern, &ent)
    }

    /// In how many rows of a source the columns hold nothing that a guard is on.
    pub(crate) fn empty_columns(&self, source: &str) -> BTreeMap<String, u64> {
        let Some(raw) = self.sources.get(source) else { return BTreeMap::new() };
        let columns = self.world.policy.guards.iter().filter_map(|(g, _)| match g {
            Guard::Empty { source: of, column, .. } if of.text == source => Some(&column.text),
            _ => None,
        });
        columns.map(|c| (c.clone(), empty(raw, c))).collect()
    }

    /// The managed accounts that there are before the plan: accounts of someone, and who holds something managed
    /// without one.
    fn accounts(&self, app: Option<&str>) -> u64 {
        let counts = self.world.policy.apps.iter().filter(|a| match app {
            Some(app) => app == a.name,
            None => a.mode != "report",
        });
        let mut all = 0;
        for app in counts {
            for id in self.ids() {
                let accounts = self.accounts_of(id, app.name).len() as u64;
                let held = self.actual.held.get(id).map_or(&[][..], Vec::as_slice);
                let holds =
                    held.iter().any(|e| e.app == app.name && self.is_managed(id, app, e).unwrap_or(false));
                all += if accounts == 0 { u64::from(holds) } else { accounts };
            }
        }
        all
    }
}

/// What a limit is of.
#[derive(Clone, Copy)]
enum Of {
    Number,
    Accounts,
    People,
}

/// Numbers as ten-thousandths.
fn limits(limit: &Limit) -> Vec<(u64, Of)> {
    let one = |a: &Amount| {
        let people = a.of.as_ref().is_some_and(|of| of.text == "people");
        let of = match (a.percent, people) {
            (false, _) => Of::Number,
            (true, true) => Of::People,
            (true, false) => Of::Accounts,
        };
        (a.value.0.max(0) as u64, of)
    };
    limit.amounts.iter().map(one).collect()
}

/// The amounts of a limit, as a policy says them.
fn spelled(limit: &Limit) -> Vec<String> {
    limit.amounts.iter().map(amount).collect()
}

fn amount(amount: &Amount) -> String {
    let value = amount.value.0.max(0) as u64;
    let people = amount.of.as_ref().is_some_and(|of| of.text == "people");
    match (amount.percent, people) {
        (false, _) => (value / 10_000).to_string(),
        (true, false) => percent(value / 100),
        (true, true) => format!("{} of people", percent(value / 100)),
    }
}

/// Hundredths of a percent.
fn percent(hundredths: u64) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let rest = format!("{rest:02}");
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { format!("{whole}%") } else { format!("{whole}.{rest}%") }
}

/// A share, rounded down, and never below one.
fn share(percent: u64, of: u64) -> u64 {
    let share = u128::from(percent) * u128::from(of) / 1_000_000;
    u64::try_from(share).unwrap_or(u64::MAX).max(1)
}

/// In how many rows a column holds nothing.
fn empty(raw: &RawTable, column: &str) -> u64 {
    let nothing = |cell: RawCell<'_>| match cell {
        RawCell::Absent => true,
        RawCell::Text(t) => t.trim().is_empty(),
        RawCell::Json(t) => {
            let t: String = t.split_whitespace().collect();
            t == "[]" || t == "{}"
        }
    };
    let at = raw.column(column);
    raw.rows().filter(|row| at.is_none_or(|at| nothing(row.cell(at)))).count() as u64
}
