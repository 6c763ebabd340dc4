//! Guards: what a plan would do is counted, whatever its cause, before anything runs (7.3, 11.18, 11.19).
//! Invariant: actions of apps in mode `report` count for nothing, since they are never applied.

pub(crate) mod feeds;

use crate::diff::folds;
use crate::{PlanInput, Verdict};
use prov_diag::{Diagnostic, codes};
use prov_model::{AppId, EffectKind, Entitlement, GuardDef, GuardLimit, GuardWhat, Mode, PatternDef, Schema};
use smallvec::SmallVec;

/// How many of those who are hit a verdict names.
const HIT: usize = 10;

/// A number and the first who make it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    n: u64,
    hit: Vec<Box<str>>,
}

impl Count {
    fn hit(&mut self, id: &str, n: u64) {
        self.n += n;
        if self.hit.len() < HIT && self.hit.last().is_none_or(|h| **h != *id) {
            self.hit.push(id.into());
        }
    }

    fn add(&mut self, other: Count) {
        self.n += other.n;
        self.hit.extend(other.hit);
        self.hit.truncate(HIT);
    }
}

/// The effects of a plan, by kind and app, and what shares are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By effect: in all apps, then by app.
    effects: [Vec<Count>; 6],
    /// Accounts, and holders without one, by app.
    bases: Vec<u64>,
    /// By guard, for those of single entitlements: whom it counts, and who holds of it.
    of: Vec<(Count, u64)>,
    /// Identities that only the actual state knows.
    pub missing: u64,
}

fn slot(effect: EffectKind) -> usize {
    match effect {
        EffectKind::Grants => 0,
        EffectKind::Revokes => 1,
        EffectKind::Creates => 2,
        EffectKind::Disables => 3,
        EffectKind::Deletes => 4,
        EffectKind::Leavers => 5,
    }
}

fn word(effect: EffectKind) -> &'static str {
    match effect {
        EffectKind::Grants => "grants",
        EffectKind::Revokes => "revokes",
        EffectKind::Creates => "creates",
        EffectKind::Disables => "disables",
        EffectKind::Deletes => "deletes",
        EffectKind::Leavers => "leavers",
    }
}

impl Tally {
    pub fn new(schema: &Schema) -> Tally {
        let apps = schema.apps.len();
        Tally {
            effects: std::array::from_fn(|_| vec![Count::default(); apps + 1]),
            bases: vec![0; apps],
            of: vec![(Count::default(), 0); schema.guards.len()],
            missing: 0,
        }
    }

    /// Counts `n` accounts of a person in an app. People must come in order of id.
    pub fn hit(&mut self, effect: EffectKind, app: AppId, id: &str, n: u64) {
        let counts = &mut self.effects[slot(effect)];
        counts[0].hit(id, n);
        counts[app.index() + 1].hit(id, n);
    }

    /// Counts a leaver who loses something, in these apps.
    pub fn leaver(&mut self, id: &str, apps: impl Iterator<Item = AppId>) {
        let counts = &mut self.effects[slot(EffectKind::Leavers)];
        counts[0].hit(id, 1);
        apps.for_each(|app| counts[app.index() + 1].hit(id, 1));
    }

    /// Counts accounts that there are before the plan.
    pub fn base(&mut self, app: AppId, n: u64) {
        self.bases[app.index()] += n;
    }

    /// Counts someone for a guard of single entitlements. People must come in order of id.
    pub fn hit_of(&mut self, guard: u32, id: &str) {
        self.of[guard as usize].0.hit(id, 1);
    }

    /// Counts someone who holds, before the plan, what such a guard is of.
    pub fn base_of(&mut self, guard: u32) {
        self.of[guard as usize].1 += 1;
    }

    /// The same without effects: what shares are of.
    pub fn bases_only(self) -> Tally {
        let effects = std::array::from_fn(|i| vec![Count::default(); self.effects[i].len()]);
        let of = self.of.into_iter().map(|(_, held)| (Count::default(), held)).collect();
        Tally { effects, of, ..self }
    }

    /// Takes what shares are of from another.
    pub fn take_bases(&mut self, of: &Tally) {
        self.bases.clone_from(&of.bases);
        self.of.iter_mut().zip(&of.of).for_each(|(mine, theirs)| mine.1 = theirs.1);
    }

    pub fn add(&mut self, other: Tally) {
        for (mine, theirs) in self.effects.iter_mut().zip(other.effects) {
            mine.iter_mut().zip(theirs).for_each(|(m, t)| m.add(t));
        }
        self.bases.iter_mut().zip(other.bases).for_each(|(m, t)| *m += t);
        for (mine, (hit, held)) in self.of.iter_mut().zip(other.of) {
            mine.0.add(hit);
            mine.1 += held;
        }
        self.missing += other.missing;
    }
}

/// By entitlement of a plan: the guards that are of it. Empty where there are none of single entitlements.
pub(crate) fn guarded<'e>(
    schema: &Schema,
    entitlements: impl Iterator<Item = &'e Entitlement>,
) -> Vec<SmallVec<[u32; 2]>> {
    let of: Vec<(u32, &PatternDef)> = schema
        .guards
        .iter()
        .zip(0..)
        .filter_map(|(guard, i)| match &guard.what {
            GuardWhat::Of { pattern, .. } => Some((i, pattern)),
            GuardWhat::Effects { .. }
            | GuardWhat::Rows { .. }
            | GuardWhat::Empty { .. }
            | GuardWhat::Age { .. } => None,
        })
        .collect();
    if of.is_empty() {
        return Vec::new();
    }
    let guards_of = |e: &Entitlement| {
        let folded =
            if folds(schema, e.app, e.kind) { prov_model::fold(&e.value) } else { (&*e.value).into() };
        of.iter().filter(|(_, p)| p.covers(e.app, e.kind, &folded)).map(|(i, _)| *i).collect()
    };
    entitlements.map(guards_of).collect()
}

/// What all guards say: those of the policy in its order, then those that always are.
pub(crate) fn verdicts(input: &PlanInput<'_>, tally: &Tally) -> Vec<Verdict> {
    let guards = &input.schema.guards;
    let mut all: Vec<Verdict> =
        guards.iter().enumerate().flat_map(|(i, g)| of_policy(input, tally, i, g)).collect();
    let own_lane = guards
        .iter()
        .any(|g| matches!(g.what, GuardWhat::Effects { effect: EffectKind::Leavers, app: None, .. }));
    if !own_lane {
        let limits = [GuardLimit::Count(5), GuardLimit::People(100)];
        all.push(effects(input, tally, "leavers", EffectKind::Leavers, None, &limits));
    }
    let people = input.desired.ids.len() as u64;
    let actual = input.actual.ids.len() as u64;
    all.push(Verdict {
        guard: "population".into(),
        what: "population".into(),
        tripped: people == 0 && actual > 0,
        count: people,
        limit: u64::from(actual > 0),
        base: Some(actual),
        unit: "people".into(),
        hit: if people == 0 { first(input) } else { Vec::new() },
        ..Verdict::default()
    });
    all
}

impl Verdict {
    /// Its name as a shell takes it after `--override`.
    pub fn quoted(&self) -> String {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.guard.chars().all(plain) {
            return self.guard.clone();
        }
        format!("'{}'", self.guard.replace('\'', "'\\''"))
    }

    /// A guard that tripped, as a diagnostic.
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        if !self.tripped {
            return None;
        }
        let name = &self.guard;
        let place = match (&self.app, &self.source) {
            (Some(app), _) => format!(" in `{app}`"),
            (None, Some(source)) => format!(" for `{source}`"),
            (None, None) => String::new(),
        };
        if let Some(said) = feeds::said(self) {
            return Some(self.told(format!("guard `{name}` tripped{place}: {said}"), None));
        }
        let bound = if self.what == "rows" || self.what == "population" { "at least" } else { "at most" };
        let of = match self.base.filter(|_| self.what != "population") {
            Some(base) if self.what == "rows" => format!(" ({base} in the last run)"),
            Some(base) => format!(" of {base}"),
            None => String::new(),
        };
        let message = format!(
            "guard `{name}` tripped{place}: {}{of} {}, {bound} {}",
            self.count, self.unit, self.limit
        );
        let hit = (!self.hit.is_empty()).then(|| {
            let more = if self.count as usize > self.hit.len() { " …" } else { "" };
            format!("hit: {}{more}", self.hit.join(", "))
        });
        Some(self.told(message, hit))
    }

    fn told(&self, message: String, hit: Option<String>) -> Diagnostic {
        let look = if self.what == "empty" || self.what == "age" { "at the feed" } else { "at who is hit" };
        let quoted = self.quoted();
        let help = format!("look {look}; if it is meant: `--override {quoted} --reason \"…\"`");
        let mut diagnostic = Diagnostic::new(&codes::GUARD_TRIPPED, message).help(help);
        diagnostic.reason = hit;
        match &self.file {
            Some(file) => diagnostic.in_data(file.clone(), self.line.map(u64::from), None),
            None => diagnostic,
        }
    }
}

/// The first few of whom the actual state knows.
pub(crate) fn first(input: &PlanInput<'_>) -> Vec<String> {
    input.actual.ids.iter().take(HIT).map(|id| id.to_string()).collect()
}

fn of_policy(input: &PlanInput<'_>, tally: &Tally, index: usize, guard: &GuardDef) -> Vec<Verdict> {
    let mut verdicts = match guard.what {
        GuardWhat::Rows { source, of_last_run } => vec![feeds::rows(input, guard, source, of_last_run)],
        GuardWhat::Empty { source, ref column } => vec![feeds::empty(input, guard, source, column)],
        GuardWhat::Age { source, at_most } => vec![feeds::age(input, guard, source, at_most)],
        GuardWhat::Of { effect, ref pattern } => {
            let (counted, base) = &tally.of[index];
            vec![judge(input, tally, &guard.name, effect, Some(pattern.app), &guard.limits, (counted, *base))]
        }
        GuardWhat::Effects { effect, app, per_app } => {
            let apps: Vec<Option<AppId>> = match (app, per_app) {
                (Some(app), _) => vec![Some(app)],
                (None, false) => vec![None],
                (None, true) => (0..input.schema.apps.len() as u32)
                    .map(AppId)
                    .filter(|&a| input.schema.app(a).mode != Mode::Report)
                    .map(Some)
                    .collect(),
            };
            let of_app = |app| effects(input, tally, &guard.name, effect, app, &guard.limits);
            apps.into_iter().map(of_app).collect()
        }
    };
    let rule = input.schema.rule(guard.rule);
    for verdict in &mut verdicts {
        verdict.file = Some(rule.file.clone());
        verdict.line = Some(rule.line);
    }
    verdicts
}

fn effects(
    input: &PlanInput<'_>,
    tally: &Tally,
    name: &str,
    effect: EffectKind,
    app: Option<AppId>,
    limits: &[GuardLimit],
) -> Verdict {
    let schema = input.schema;
    let counted = &tally.effects[slot(effect)][app.map_or(0, |a| a.index() + 1)];
    let accounts = match app {
        Some(app) => tally.bases[app.index()],
        None => {
            let ours = schema.apps.iter().zip(&tally.bases).filter(|(a, _)| a.mode != Mode::Report);
            ours.map(|(_, n)| n).sum()
        }
    };
    judge(input, tally, name, effect, app, limits, (counted, accounts))
}

/// Compares what was counted with the limits; shares are of so many accounts.
fn judge(
    input: &PlanInput<'_>,
    tally: &Tally,
    name: &str,
    effect: EffectKind,
    app: Option<AppId>,
    limits: &[GuardLimit],
    (counted, accounts): (&Count, u64),
) -> Verdict {
    let schema = input.schema;
    let people = input.desired.ids.len() as u64 + tally.missing;
    let (base, unit) = match (effect, app) {
        (EffectKind::Leavers, _) => (people, "people"),
        (_, Some(app)) if schema.app(app).account.is_none() => (accounts, "holders"),
        _ => (accounts, "accounts"),
    };
    let limit = limits.iter().map(|l| at_most(*l, base, people)).max().unwrap_or(u64::MAX);
    Verdict {
        guard: name.to_owned(),
        what: word(effect).into(),
        app: app.map(|a| schema.app(a).name.clone()),
        tripped: counted.n > limit,
        count: counted.n,
        limit,
        limits: limits.iter().map(|l| spelled(*l)).collect(),
        base: Some(base),
        unit: unit.into(),
        hit: counted.hit.iter().map(|h| h.to_string()).collect(),
        ..Verdict::default()
    }
}

/// 11.19: a share trips above max(1, ⌊p·N⌋), a number above itself.
fn at_most(limit: GuardLimit, base: u64, people: u64) -> u64 {
    let share = |p: i64, n: u64| ((p.max(0) as u128 * u128::from(n) / 10_000) as u64).max(1);
    match limit {
        GuardLimit::Count(n) => n.max(0) as u64,
        GuardLimit::Share(p) => share(p, base),
        GuardLimit::People(p) => share(p, people),
    }
}

/// Hundredths of a percent.
fn percent(p: i64) -> String {
    let places = format!("{:02}", p.rem_euclid(100));
    let places = places.trim_end_matches('0');
    let dot = if places.is_empty() { "" } else { "." };
    format!("{}{dot}{places}%", p.div_euclid(100))
}

fn spelled(limit: GuardLimit) -> String {
    match limit {
        GuardLimit::Count(n) => n.to_string(),
        GuardLimit::Share(p) => percent(p),
        GuardLimit::People(p) => format!("{} of people", percent(p)),
    }
}
