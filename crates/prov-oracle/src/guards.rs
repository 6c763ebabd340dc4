//! Which guards trip (items.md, "guard"; plan.md, "Guards").
//! Invariant: what a plan would do is counted, whatever the cause; the plan itself is the same whether or not a guard trips.

use crate::action::{Act, Deed};
use crate::entitlement::{Ent, compared};
use crate::eval::{Eval, Scope, Stop};
use crate::plan::Planner;
use prov_model::{RawCell, RawTable, TimePoint};
use prov_syntax::ast::{Amount, EntPattern, Guard, Limit};
use std::collections::{BTreeMap, BTreeSet};

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

    fn count(&self, effect: &str, app: Option<&str>) -> u64 {
        let of = self.hit.iter().filter(|((e, a), _)| *e == effect && app.is_none_or(|app| app == a));
        if effect == "leavers" {
            return of.flat_map(|(_, who)| who).collect::<BTreeSet<_>>().len() as u64;
        }
        of.map(|(_, who)| who.len() as u64).sum()
    }
}

/// What a guard says.
fn line(name: &str, app: &str, source: &str, found: Option<(bool, u64, u64)>) -> String {
    match found {
        None => format!("guard {name} {app} {source} notice"),
        Some((tripped, count, limit)) => {
            let word = if tripped { "tripped" } else { "passes" };
            format!("guard {name} {app} {source} {word} {count} {limit}")
        }
    }
}

impl<'a> Planner<'_, 'a> {
    /// What all guards say, as lines.
    pub(crate) fn verdicts(&self, tally: &Tally, rows: &BTreeMap<String, u64>) -> Result<Vec<String>, Stop> {
        let mut out = Vec::new();
        let people = self.ids().len() as u64;
        let most = |limits: &[(u64, Of)], base: u64| {
            let all = limits.iter().map(|(n, of)| match of {
                Of::Number => n / 10_000,
                Of::Accounts => share(*n, base),
                Of::People => share(*n, people),
            });
            all.max().unwrap_or(0)
        };
        let mut effect = |name: &str, what: &str, app: Option<&str>, limits: &[(u64, Of)]| {
            let base = if what == "leavers" { people } else { self.accounts(app) };
            let (count, limit) = (tally.count(what, app), most(limits, base));
            out.push(line(name, app.unwrap_or("-"), "-", Some((count > limit, count, limit))));
        };
        let mut lane = true;
        for guard in &self.world.policy.guards {
            let Guard::Effects { what, of: None, app, limit, per } = guard else { continue };
            let limits = limits(limit);
            lane &= what.text != "leavers" || app.is_some() || per.is_some();
            match (app, per) {
                (Some(app), _) => {
                    effect(&format!("{}.{}", what.text, app.text), &what.text, Some(&app.text), &limits);
                }
                (None, None) => effect(&what.text, &what.text, None, &limits),
                (None, Some(_)) => {
                    for app in self.world.policy.apps.iter().filter(|a| a.mode != "report") {
                        effect(&what.text, &what.text, Some(app.name), &limits);
                    }
                }
            }
        }
        if lane {
            effect("leavers", "leavers", None, &[(50_000, Of::Number), (10_000, Of::People)]);
        }
        for guard in &self.world.policy.guards {
            match guard {
                Guard::Effects { of: None, .. } => {}
                Guard::Effects { what, of: Some(pattern), limit, .. } => {
                    let action = what.text.trim_end_matches('s');
                    let mut count = BTreeSet::new();
                    for (done, id, app, kind, value) in &tally.of {
                        if done == action && self.covers(pattern, app, kind, value)? {
                            count.insert(id);
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
                    let text = self.world.trees.sources.text(pattern.span()).split_whitespace();
                    let text = text.collect::<Vec<_>>().join(" ").replace('"', "");
                    let (count, limit) = (count.len() as u64, most(&limits(limit), base));
                    let found = Some((count > limit, count, limit));
                    out.push(line(&format!("{}.{text}", what.text), app, "-", found));
                }
                Guard::Rows { source, at_least, of_last_run } => {
                    let last = self.memory.sources.get(&source.text).map(|s| s.rows);
                    let (value, relative) = (at_least.value.0.max(0) as u64, at_least.percent);
                    let least = match (last, relative) {
                        (None, true) => None,
                        (None, false) if *of_last_run => None,
                        (Some(last), true) => {
                            let least = (u128::from(value) * u128::from(last)).div_ceil(1_000_000);
                            Some(u64::try_from(least).unwrap_or(u64::MAX))
                        }
                        (_, false) => Some(value / 10_000),
                    };
                    let found = rows.get(&source.text).zip(least).map(|(n, least)| (*n < least, *n, least));
                    out.push(line(&format!("rows.{}", source.text), "-", &source.text, found));
                }
                Guard::Empty { source, column, at_most } => {
                    let raw = self.sources.get(&source.text);
                    let found = raw.map(|raw| {
                        let count = empty(raw, &column.text);
                        let value = at_most.value.0.max(0) as u64;
                        let limit = match (at_most.percent, value) {
                            (true, 0) => 0,
                            (true, share_of) => share(share_of, raw.len() as u64),
                            (false, n) => n / 10_000,
                        };
                        (count > limit, count, limit)
                    });
                    let name = format!("empty.{}.{}", source.text, column.text);
                    out.push(line(&name, "-", &source.text, found));
                }
                Guard::Age { source, at_most } => {
                    let eval = Eval::new(self.world);
                    let d = eval.eval(at_most, &Scope::default(), None)?;
                    let now = self.world.now;
                    let as_of =
                        self.as_of.get(&source.text).filter(|_| self.sources.contains_key(&source.text));
                    let found = as_of.and_then(|then| {
                        let end = self.world.later(TimePoint::Instant(*then), &d)?;
                        let since = |at: i64| u64::try_from(at.saturating_sub(then.0)).unwrap_or(0);
                        let (count, limit) = (since(now.0), since(self.world.instant(end).0));
                        Some((count > limit, count, limit))
                    });
                    out.push(line(&format!("age.{}", source.text), "-", &source.text, found));
                }
            }
        }
        let known =
            self.actual.accounts.iter().filter_map(|a| a.owner.as_ref()).chain(self.actual.held.keys());
        let access = known.collect::<BTreeSet<_>>().len();
        let people = self.world.people.len() as u64;
        let found = Some((people == 0 && access > 0, people, u64::from(access > 0)));
        out.push(line("population", "-", "-", found));
        Ok(out)
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
        let columns = self.world.policy.guards.iter().filter_map(|g| match g {
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
