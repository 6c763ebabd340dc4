//! Whose accounts are that exist and name nobody (`correlate`), and with that what everyone is called.
//! Invariant: an account is linked where exactly one is found, it is nobody's, and nobody else finds it; whoever else
//! finds something is told, and nothing is made for them there.

use crate::evaluate::Engine;
use crate::facts::Tri;
use crate::interp::{Interp, Subject};
use crate::names::{Names, Rows, needs_steps};
use crate::world::{NO_STATE, World};
use prov_ir::{AccountProgram, Program};
use prov_model::{
    AccountLink, Actual, AppId, Background, GivenName, IdentityId, LinkConflict, Schema, fold, nfc,
};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where it is not clear whose an account is: by type, row and app.
pub(crate) type Conflicts = BTreeMap<(IdentityId, u32, AppId), LinkConflict>;

/// What is settled of accounts before anyone is decided.
#[derive(Default)]
pub(crate) struct Known {
    pub names: Option<Names>,
    /// Sorted; each account once.
    pub links: Vec<AccountLink>,
    pub conflicts: Conflicts,
}

/// An account that was found for an identity, or why it is not clear which.
enum Found {
    One { account: Box<str>, by: u32 },
    Conflict(LinkConflict),
}

/// Accounts of an app by the value of one key: name, and whose it is.
type ByKey = FxHashMap<String, Vec<(Box<str>, Option<Box<str>>)>>;

/// Who found an account: type, row, global id, by what.
type Finder = (IdentityId, u32, Box<str>, u32);

impl Engine {
    /// Links accounts and gives names: app by app, each after the one that its accounts come from, since what an account
    /// is found by may be the name of that one.
    pub(crate) fn known(&self, world: World<'_>, rows: &Rows) -> Known {
        let mut known = Known::default();
        let (Some(population), Some(background)) = (world.population, world.background) else { return known };
        let program = world.program;
        let actual = background.actual.clone().unwrap_or_default();
        if !program.schema.reads_accounts() && background.memory.links.is_empty() {
            return known;
        }
        known.links = remembered(&program.schema, background, &actual);
        let mut linked = relink(background, &actual, &known.links);
        let mut names = Names::of_program(program, population, rows);
        for level in levels(program) {
            for (account, number) in program.accounts.iter().zip(0..) {
                if level.contains(&account.app)
                    && account.correlate.iter().any(|c| program.reads_unique(c.value))
                {
                    names.recall(world, number, rows);
                }
            }
            let found = {
                let world = World { background: Some(&linked), names: Some(&names), ..world };
                self.found(world, rows, &level, &mut known.conflicts)
            };
            if !found.is_empty() {
                known.links.extend(found);
                known.links.sort();
                linked = relink(background, &actual, &known.links);
            }
            let world = World { background: Some(&linked), names: None, ..world };
            self.give(world, &mut names, rows, &level, &known.conflicts);
        }
        known.names = names.or_none();
        known
    }

    /// The names of one identity as the run over everyone gave them.
    pub(crate) fn told(
        &self,
        world: World<'_>,
        who: (IdentityId, u32),
        given: &[GivenName],
    ) -> Option<Names> {
        let mut names =
            Names::of_program(world.program, world.population?, &Rows::One(who.0, who.1)).or_none()?;
        let mut interp = Interp::new(world, &self.ready().shape, Subject::Identity(who.0, who.1));
        let state = interp.state_of(who.0, who.1).unwrap_or(NO_STATE);
        let lifecycle = world.program.schema.identity(who.0).lifecycle.as_ref();
        let leaver = lifecycle.and_then(|l| l.defs.get(state as usize)).is_some_and(|d| d.leaver);
        names.tell(world.program, given, leaver);
        Some(names)
    }

    /// The accounts that are found for whoever has none in the apps of a level.
    fn found(
        &self,
        world: World<'_>,
        rows: &Rows,
        level: &[AppId],
        conflicts: &mut Conflicts,
    ) -> Vec<AccountLink> {
        let mut finders: BTreeMap<(AppId, Box<str>), Vec<Finder>> = BTreeMap::new();
        let programs = world.program.accounts.iter().zip(0..);
        for (account, number) in programs.filter(|(a, _)| level.contains(&a.app) && !a.correlate.is_empty()) {
            for (row, id, found) in self.found_by(world, rows, account, number) {
                match found {
                    Found::Conflict(conflict) => {
                        conflicts.insert((account.identity, row, account.app), conflict);
                    }
                    Found::One { account: name, by } => {
                        let finder = (account.identity, row, id, by);
                        finders.entry((account.app, name)).or_default().push(finder);
                    }
                }
            }
        }
        // Whether somebody else finds the same account is known only once everyone is asked.
        if let (Rows::One(identity, row), false) = (rows, finders.is_empty()) {
            let mut all = Conflicts::new();
            let links = self.found(world, &Rows::All, level, &mut all);
            conflicts.extend(all.into_iter().filter(|((i, r, _), _)| (i, r) == (identity, row)));
            let own = finders.into_values().flatten().map(|f| f.2).next();
            return links.into_iter().filter(|l| own.as_ref() == Some(&l.owner)).collect();
        }
        let mut links = Vec::new();
        for ((app, account), mut all) in finders {
            all.sort_by(|a, b| a.2.cmp(&b.2));
            if let [(_, _, owner, by)] = &all[..] {
                links.push(AccountLink { owner: owner.clone(), app, account, by: Some(*by) });
                continue;
            }
            for (at, (identity, row, _, by)) in all.iter().enumerate() {
                let other = all[usize::from(at == 0)].2.clone();
                let conflict = LinkConflict::Twice { by: *by, account: account.clone(), other };
                conflicts.insert((*identity, *row, app), conflict);
            }
        }
        links
    }

    /// What is found for each identity of a type that has no account in an app.
    fn found_by(
        &self,
        world: World<'_>,
        rows: &Rows,
        account: &AccountProgram,
        number: u32,
    ) -> Vec<(u32, Box<str>, Found)> {
        let (Some(population), Some(background)) = (world.population, world.background) else {
            return Vec::new();
        };
        let Some(actual) = background.actual.as_deref() else { return Vec::new() };
        let keys: Vec<ByKey> =
            account.correlate.iter().map(|c| by_key(actual, account.app, c.key, c.folds)).collect();
        if keys.iter().all(FxHashMap::is_empty) {
            return Vec::new();
        }
        let steps = needs_steps(world.program, number)
            || account.correlate.iter().any(|c| crate::one::reads_facts(world.program, c.value));
        let shape = &self.ready().shape;
        let start = || Interp::new(world, shape, Subject::Identity(account.identity, 0));
        let work = |interp: &mut Interp<'_>, row: u32| {
            interp.turn_to(Subject::Identity(account.identity, row));
            let key = population.of(account.identity).table.key(row).unwrap_or("");
            let id = world.program.schema.global_id(account.identity, key);
            let found = find(interp, actual, (account, number), &keys, row, &id, steps)?;
            Some((row, id.into(), found))
        };
        let range = rows.of(population, account.identity);
        if range.len() < 2 {
            let mut interp = start();
            return range.filter_map(|row| work(&mut interp, row)).collect();
        }
        range.into_par_iter().with_min_len(512).map_init(start, work).flatten_iter().collect()
    }
}

fn find(
    interp: &mut Interp<'_>,
    actual: &Actual,
    (account, number): (&AccountProgram, u32),
    keys: &[ByKey],
    row: u32,
    id: &str,
    steps: bool,
) -> Option<Found> {
    let (world, ty) = (interp.world, account.identity);
    let has_one =
        actual.ids.find(id).is_some_and(|at| actual.accounts.get(at).iter().any(|a| a.app == account.app));
    // Of whom a record is broken, nothing is certain; they are held.
    if has_one || world.population.is_some_and(|p| p.of(ty).broken.contains_key(&row)) {
        return None;
    }
    let state = interp.state_of(ty, row).ok()?;
    let lifecycle = world.program.schema.identity(ty).lifecycle.as_ref();
    let leaver = lifecycle.and_then(|l| l.defs.get(state as usize)).is_some_and(|d| d.leaver);
    if steps {
        interp.take_steps(ty, |_| false);
    } else {
        interp.step_accounts(ty);
    }
    let concerned = leaver || interp.facts.account(number).wanted != Tri::No;
    let conflict = |conflict| concerned.then_some(Found::Conflict(conflict));
    // Under what no account has anything, nothing is found, whatever the value is.
    for (correlate, by_key) in account.correlate.iter().zip(keys).filter(|(_, by_key)| !by_key.is_empty()) {
        let value = match interp.nested(interp.subject, |me| me.eval(correlate.value)) {
            Ok(value) if value.is_absent() => continue,
            Ok(value) => interp.spell(&value, &world.program.expr(correlate.value).ty).into_owned(),
            Err(_) => return conflict(LinkConflict::Unknown),
        };
        let Some(found) = by_key.get(&*compared(&value, correlate.folds)) else { continue };
        let by = correlate.key;
        return match &found[..] {
            [(name, None)] => Some(Found::One { account: name.clone(), by }),
            [(name, Some(owner))] => {
                conflict(LinkConflict::Elsewhere { by, account: name.clone(), owner: owner.clone() })
            }
            several => {
                let mut accounts: Vec<Box<str>> = several.iter().map(|f| f.0.clone()).collect();
                accounts.sort();
                conflict(LinkConflict::Several { by, accounts })
            }
        };
    }
    None
}

fn compared(value: &str, folds: bool) -> String {
    let value = nfc(value.trim());
    if folds { fold(&value).into_owned() } else { value.into_owned() }
}

/// The accounts of an app by a key; blank values are no values.
fn by_key(actual: &Actual, app: AppId, key: u32, folds: bool) -> ByKey {
    let orphans = actual.orphans.iter().map(|a| (None, a));
    let owned = actual
        .ids
        .iter()
        .zip(0..)
        .flat_map(|(id, row)| actual.accounts.get(row).iter().map(move |account| (Some(id), account)));
    let mut all = ByKey::default();
    for (owner, account) in orphans.chain(owned).filter(|(_, a)| a.app == app) {
        let value = account.keys.get(key as usize).and_then(Option::as_deref).unwrap_or("");
        if !value.trim().is_empty() {
            all.entry(compared(value, folds)).or_default().push((account.name.clone(), owner.map(Box::from)));
        }
    }
    all
}

/// The links that memory knows, of accounts that still name nobody.
fn remembered(schema: &Schema, background: &Background, actual: &Actual) -> Vec<AccountLink> {
    let links = &background.memory.links;
    let of = |orphan: &prov_model::Account| {
        let owner = links.get(&schema.app(orphan.app).name)?.get(&*orphan.name)?;
        let (owner, account) = (owner.as_str().into(), orphan.name.clone());
        Some(AccountLink { owner, app: orphan.app, account, by: None })
    };
    let mut all: Vec<AccountLink> =
        if links.is_empty() { Vec::new() } else { actual.orphans.iter().filter_map(of).collect() };
    all.sort();
    all
}

fn relink(background: &Background, actual: &Arc<Actual>, links: &[AccountLink]) -> Background {
    let actual = if links.is_empty() { actual.clone() } else { Arc::new(actual.linked(links)) };
    Background { actual: background.actual.as_ref().map(|_| actual), ..background.clone() }
}

/// Apps whose accounts are linked or named, each after the one that its accounts come from. Where nothing is linked, all
/// of them at once.
fn levels(program: &Program) -> Vec<Vec<AppId>> {
    let schema = &program.schema;
    let apps: Vec<AppId> = (0..schema.apps.len() as u32).map(AppId).collect();
    if program.accounts.iter().all(|a| a.correlate.is_empty()) {
        return vec![apps];
    }
    let mut levels: Vec<Vec<AppId>> = Vec::new();
    for app in apps {
        let (mut depth, mut at) = (0, app);
        while let Some(from) = schema.app(at).account.as_ref().and_then(|a| a.from) {
            // The checker refuses circles; were there one, it ends here.
            if depth > schema.apps.len() {
                break;
            }
            (depth, at) = (depth + 1, from);
        }
        if levels.len() <= depth {
            levels.resize(depth + 1, Vec::new());
        }
        levels[depth].push(app);
    }
    levels
}
