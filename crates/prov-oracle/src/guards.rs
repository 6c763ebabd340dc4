//! Which guards trip (items.md, "guard"; plan.md, "Guards").
//! Invariant: what a plan would do is counted, whatever the cause; the plan itself is the same whether or not a guard trips.

use crate::plan::Planner;
use prov_syntax::ast::{Amount, Guard, Limit};
use std::collections::{BTreeMap, BTreeSet};

/// Identity and, where single accounts count, the account.
type Hit = BTreeSet<(String, Option<String>)>;

/// What a plan does, by effect and app; leavers by app too.
#[derive(Default)]
pub(crate) struct Tally {
    /// Accounts that are hit: (effect, app) to identity and account.
    hit: BTreeMap<(&'static str, String), Hit>,
}

impl Tally {
    /// An action on an account (or, where the app has none or several are meant, on a holder).
    pub(crate) fn act(&mut self, action: &str, app: &str, id: &str, account: Option<&str>, left: bool) {
        let effect = match action {
            "grant" => "grants",
            "revoke" => "revokes",
            "create_account" => "creates",
            "disable_account" => "disables",
            "delete_account" => "deletes",
            _ => "",
        };
        // Grants and revokes hit whoever holds; the others each account by itself.
        let account = account.filter(|_| !matches!(effect, "grants" | "revokes"));
        let who = (id.to_owned(), account.map(str::to_owned));
        self.hit.entry((effect, app.to_owned())).or_default().insert(who);
        if left {
            self.hit.entry(("leavers", app.to_owned())).or_default().insert((id.to_owned(), None));
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

impl Planner<'_, '_> {
    /// The guards that trip, as lines.
    pub(crate) fn tripped(&self, tally: &Tally, rows: &BTreeMap<String, u64>) -> Vec<String> {
        let mut out = Vec::new();
        let mut effect = |what: &str, app: Option<&str>, limits: &[(u64, Of)]| {
            let accounts = self.accounts(app);
            let people = self.ids().len() as u64;
            let most = limits.iter().map(|(n, of)| match of {
                Of::Number => n / 10_000,
                Of::Accounts if what != "leavers" => share(*n, accounts),
                Of::Accounts | Of::People => share(*n, people),
            });
            if most.max().is_some_and(|most| tally.count(what, app) > most) {
                out.push(format!("trips {what} {} -", app.unwrap_or("-")));
            }
        };
        let mut lane = true;
        for guard in &self.world.policy.guards {
            let Guard::Effects { what, app, limit, per, .. } = guard else { continue };
            let limits = limits(limit);
            lane &= what.text != "leavers" || app.is_some() || per.is_some();
            match (app, per) {
                (Some(app), _) => effect(&what.text, Some(&app.text), &limits),
                (None, None) => effect(&what.text, None, &limits),
                (None, Some(_)) => {
                    for app in self.world.policy.apps.iter().filter(|a| a.mode != "report") {
                        effect(&what.text, Some(app.name), &limits);
                    }
                }
            }
        }
        if lane {
            effect("leavers", None, &[(50_000, Of::Number), (10_000, Of::People)]);
        }
        for guard in &self.world.policy.guards {
            let Guard::Rows { source, at_least, of_last_run } = guard else { continue };
            let Some(now) = rows.get(&source.text) else { continue };
            let last = self.memory.sources.get(&source.text).map(|s| s.rows);
            let (value, relative) = (at_least.value.0.max(0) as u64, at_least.percent);
            let least = match (last, relative) {
                (None, true) => continue,
                (None, false) if *of_last_run => continue,
                (Some(last), true) => (u128::from(value) * u128::from(last)).div_ceil(1_000_000),
                (_, false) => u128::from(value / 10_000),
            };
            if u128::from(*now) < least {
                out.push(format!("trips rows - {}", source.text));
            }
        }
        let access = self.actual.accounts.iter().any(|a| a.owner.is_some()) || !self.actual.held.is_empty();
        if self.world.people.is_empty() && access {
            out.push("trips population - -".to_owned());
        }
        out
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
