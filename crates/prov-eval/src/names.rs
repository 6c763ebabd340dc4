//! Names by `unique`: what each identity is called in each account before anything reads it.
//! Invariant: names depend on the policy, the population, memory and what was observed, never on threads or the order of
//! rows; a name that somebody has, or had, is given to nobody else.

use crate::evaluate::Engine;
use crate::explain::NameOrigin;
use crate::facts::Tri;
use crate::interp::{Interp, Subject};
use crate::links::Conflicts;
use crate::world::World;
use prov_ir::{ExprKind, Program, UniqueName};
use prov_model::{
    AccountDef, Actual, AppId, Background, Column, Date, GivenName, IdentityId, NameMemory, Population,
    Value, fold, name_base, name_candidate, nfc,
};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::Range;

/// What an identity is called in a unique attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Name {
    /// Nothing: it has no such account, or it can't be known.
    #[default]
    None,
    /// It has left without ever having had a name, and needs none.
    Never,
    /// This, what it was made from, where that is known, and how it came about.
    Given(Box<str>, Option<Box<str>>, NameOrigin),
    /// There is nothing to make it from.
    Empty,
    /// Every candidate is somebody else's.
    Exhausted,
}

/// One unique attribute of the accounts of an identity type.
struct Slot {
    account: u32,
    identity: IdentityId,
    unique: UniqueName,
    /// By row, from the first of the rows that were asked for.
    names: Vec<Name>,
}

/// The names of a population, or of some of its rows.
pub(crate) struct Names {
    slots: Vec<Slot>,
    first: u32,
}

/// What of a name must still be made: the base it is made from.
enum Claim {
    Settled(Name),
    Wants(String, NameOrigin),
}

impl Names {
    /// Nobody's names yet.
    pub(crate) fn of_program(program: &Program, population: &Population, rows: &Rows) -> Names {
        let mut slots = Vec::new();
        for (account, a) in program.accounts.iter().enumerate() {
            for (number, id) in a.attributes.iter().enumerate() {
                let ExprKind::Unique(unique) = &program.expr(*id).kind else { continue };
                if unique.attribute as usize == number {
                    let names = vec![Name::None; rows.of(population, a.identity).len()];
                    slots.push(Slot {
                        account: account as u32,
                        identity: a.identity,
                        unique: unique.clone(),
                        names,
                    });
                }
            }
        }
        let first = match rows {
            Rows::All => 0,
            Rows::One(_, row) => *row,
        };
        Names { slots, first }
    }

    /// Nothing, where the policy gives no names.
    pub(crate) fn or_none(self) -> Option<Names> {
        (!self.slots.is_empty()).then_some(self)
    }

    /// Takes over the names that one identity was given. Who left without one needs none.
    pub(crate) fn tell(&mut self, program: &Program, given: &[GivenName], leaver: bool) {
        for slot in self.slots.iter_mut().filter(|s| !s.names.is_empty()) {
            let app = program.accounts[slot.account as usize].app;
            let known = given.iter().find(|g| (g.app, g.attribute) == (app, slot.unique.attribute));
            slot.names[0] = match known {
                Some(known) => Name::Given(known.name.clone(), known.base.clone(), NameOrigin::Given),
                None if leaver => Name::Never,
                None => Name::None,
            };
        }
    }

    /// Takes over what memory knows of the names of an account.
    pub(crate) fn recall(&mut self, world: World<'_>, account: u32, rows: &Rows) {
        let Some(population) = world.population else { return };
        for slot in self.slots.iter_mut().filter(|s| s.account == account) {
            let space = Space::of(world, slot);
            let (identity, of) = (slot.identity, &population.of(slot.identity).table);
            for (row, name) in rows.of(population, identity).zip(&mut slot.names) {
                let id = world.program.schema.global_id(identity, of.key(row).unwrap_or(""));
                if let Some(known) = space.remembered(&id) {
                    let base = known.base.as_deref().map(Into::into);
                    *name = Name::Given(known.spelling.as_str().into(), base, NameOrigin::Remembered);
                }
            }
        }
    }

    pub(crate) fn of(&self, account: u32, attribute: u32, row: u32) -> &Name {
        let slot = self.slots.iter().find(|s| s.account == account && s.unique.attribute == attribute);
        let at = row.checked_sub(self.first);
        slot.and_then(|s| s.names.get(at? as usize)).unwrap_or(&Name::None)
    }

    /// Whether an account of someone who left was never named.
    pub(crate) fn never(&self, account: u32, row: u32) -> bool {
        self.slots
            .iter()
            .filter(|s| s.account == account)
            .any(|s| *self.of(account, s.unique.attribute, row) == Name::Never)
    }

    /// Whether an account has an attribute for which no name was looked for.
    pub(crate) fn unasked(&self, account: u32, row: u32) -> bool {
        let mut slots = self.slots.iter().filter(|s| s.account == account);
        slots.any(|s| *self.of(account, s.unique.attribute, row) == Name::None)
    }

    /// The first attribute of an account that can't be named, and whether that is for want of names.
    pub(crate) fn trouble(&self, account: u32, row: u32) -> Option<(u32, bool)> {
        self.slots.iter().filter(|s| s.account == account).find_map(|s| {
            match self.of(account, s.unique.attribute, row) {
                Name::Empty => Some((s.unique.attribute, false)),
                Name::Exhausted => Some((s.unique.attribute, true)),
                Name::None | Name::Never | Name::Given(..) => None,
            }
        })
    }

    /// Every name, in order of (position, app, attribute); `base` says where the rows of each type begin.
    pub(crate) fn given(&self, program: &Program, base: impl Fn(IdentityId) -> u32) -> Vec<GivenName> {
        let mut all = Vec::new();
        for slot in &self.slots {
            let app = program.accounts[slot.account as usize].app;
            let start = base(slot.identity);
            for (row, name) in slot.names.iter().enumerate() {
                let Name::Given(name, from, _) = name else { continue };
                let attribute = slot.unique.attribute;
                let position = start + row as u32;
                all.push(GivenName { position, app, attribute, name: name.clone(), base: from.clone() });
            }
        }
        all.sort_by_key(|n| (n.position, n.app, n.attribute));
        all
    }
}

/// Whose names are asked for.
pub(crate) enum Rows {
    All,
    One(IdentityId, u32),
}

impl Rows {
    pub(crate) fn of(&self, population: &Population, identity: IdentityId) -> Range<u32> {
        match *self {
            Rows::All => 0..population.of(identity).len() as u32,
            Rows::One(id, row) if id == identity => row..row + 1,
            Rows::One(..) => 0..0,
        }
    }
}

impl Engine {
    /// Gives the names of some apps.
    pub(crate) fn give(
        &self,
        world: World<'_>,
        names: &mut Names,
        rows: &Rows,
        apps: &[AppId],
        conflicts: &Conflicts,
    ) {
        let Some(population) = world.population else { return };
        let mut wants: BTreeMap<(u32, u32), Vec<Want>> = BTreeMap::new();
        for (number, slot) in names.slots.iter_mut().enumerate().filter(|(_, s)| apps.contains(&s.unique.app))
        {
            let app = slot.unique.app;
            let range = rows.of(population, slot.identity);
            for (row, claim) in range.clone().zip(self.claims(world, slot, range.clone())) {
                match claim {
                    Claim::Settled(name) => slot.names[(row - range.start) as usize] = name,
                    // Which account is theirs is not clear: none is made, and so no name.
                    Claim::Wants(..) if conflicts.contains_key(&(slot.identity, row, app)) => {}
                    Claim::Wants(base, origin) => {
                        let want = Want { slot: number, row, at: (row - range.start) as usize, base, origin };
                        wants.entry((app.0, slot.unique.attribute)).or_default().push(want);
                    }
                }
            }
        }
        for wants in wants.into_values() {
            allocate(world, names, wants);
        }
    }

    /// What each row of a type has for a name, or wants one to be made from.
    fn claims(&self, world: World<'_>, slot: &Slot, rows: Range<u32>) -> Vec<Claim> {
        let space = Space::of(world, slot);
        let steps = needs_steps(world.program, slot.account);
        let work = |interp: &mut Interp<'_>, row: u32| {
            interp.turn_to(Subject::Identity(slot.identity, row));
            claim(interp, slot, &space, row, steps)
        };
        let shape = &self.ready().shape;
        let start = || Interp::new(world, shape, Subject::Identity(slot.identity, rows.start));
        if rows.len() < 2 {
            let mut interp = start();
            return rows.map(|row| work(&mut interp, row)).collect();
        }
        rows.clone().into_par_iter().with_min_len(512).map_init(start, work).collect()
    }
}

/// Where names of one attribute of an app are known from.
struct Space<'a> {
    world: World<'a>,
    app: &'a str,
    attribute: &'a str,
    /// In [`prov_model::Account::attributes`].
    number: usize,
    id: AppId,
}

impl<'a> Space<'a> {
    fn of(world: World<'a>, slot: &Slot) -> Space<'a> {
        let app = world.program.schema.app(slot.unique.app);
        let fields = app.account.as_ref().map_or(&[][..], |a: &AccountDef| &a.attributes);
        let number = slot.unique.attribute as usize;
        let attribute = fields.get(number).map_or("", |f| &f.name);
        Space { world, app: &app.name, attribute, number, id: slot.unique.app }
    }

    /// What an identity is called by memory.
    fn remembered(&self, id: &str) -> Option<&'a NameMemory> {
        let memory = &self.world.background?.memory;
        memory.names.of(self.app, self.attribute, id).map(|(_, known)| known).find(|known| !known.former)
    }

    /// What an identity's account is called: of several accounts, the first by name.
    fn observed(&self, id: &str) -> Option<&'a str> {
        let actual: &'a Actual = self.world.background?.actual.as_deref()?;
        let row = actual.ids.find(id)?;
        let accounts = actual.accounts.get(row).iter().filter(|a| a.app == self.id);
        accounts.filter_map(|a| a.attributes.get(self.number)?.as_deref()).find(|n| !n.trim().is_empty())
    }

    /// Whose each name is that may not be given: owners by folded name; none = an account of nobody.
    fn taken(&self) -> FxHashMap<String, Option<&'a str>> {
        let mut taken = FxHashMap::default();
        let Some(background) = self.world.background else { return taken };
        if let Some(actual) = background.actual.as_deref() {
            let orphans = actual.orphans.iter().map(|a| (None, a));
            let owned = actual.ids.iter().zip(0..).flat_map(|(id, row)| {
                actual.accounts.get(row).iter().map(move |account| (Some(id), account))
            });
            for (owner, account) in orphans.chain(owned).filter(|(_, a)| a.app == self.id) {
                if let Some(name) = account.attributes.get(self.number).and_then(Option::as_deref) {
                    taken.insert(fold(name).into_owned(), owner);
                }
            }
        }
        self.taken_by_others(background, &mut taken);
        for (folded, known) in background.memory.names.space(self.app, self.attribute).into_iter().flatten() {
            taken.insert(folded.clone(), Some(known.owner.as_str()));
        }
        taken
    }
}

impl<'a> Space<'a> {
    /// The other accounts of the same app that have an attribute of this name, with its number: names are one another's.
    fn others(&self) -> impl Iterator<Item = (AppId, usize)> + use<'a> {
        let schema = &self.world.program.schema;
        let (id, attribute) = (self.id, self.attribute);
        schema.accounts_of(schema.declared_app(id)).filter(move |a| *a != id).filter_map(move |a| {
            let fields = &schema.app(a).account.as_ref()?.attributes;
            Some((a, fields.iter().position(|f| f.name == attribute)?))
        })
    }

    /// Names of the other accounts: not even the same person's may be given again.
    fn taken_by_others(&self, background: &'a Background, taken: &mut FxHashMap<String, Option<&'a str>>) {
        let schema = &self.world.program.schema;
        for (app, number) in self.others() {
            if let Some(actual) = background.actual.as_deref() {
                for account in actual.orphans.iter().chain(actual.accounts.items()).filter(|a| a.app == app) {
                    if let Some(name) = account.attributes.get(number).and_then(Option::as_deref) {
                        taken.insert(fold(name).into_owned(), None);
                    }
                }
            }
            let remembered = background.memory.names.space(&schema.app(app).name, self.attribute);
            taken.extend(remembered.into_iter().flatten().map(|(folded, _)| (folded.clone(), None)));
        }
    }
}

/// Whether an account's condition, or that of one it comes from, reads roles or entitlements.
pub(crate) fn needs_steps(program: &Program, account: u32) -> bool {
    let mut open = vec![program.accounts[account as usize].app];
    let mut seen = Vec::new();
    while let Some(app) = open.pop() {
        seen.push(app);
        let from = program.schema.app(app).account.as_ref().and_then(|a| a.from);
        open.extend(from.filter(|f| !seen.contains(f)));
        let mut whens = program.accounts.iter().filter(|a| a.app == app).filter_map(|a| a.when);
        if whens.any(|when| crate::one::reads_facts(program, when)) {
            return true;
        }
    }
    // The base may ask for roles too.
    let attributes = &program.accounts[account as usize].attributes;
    attributes.iter().any(|id| crate::one::reads_facts(program, *id))
}

fn claim(interp: &mut Interp<'_>, slot: &Slot, space: &Space<'_>, row: u32, steps: bool) -> Claim {
    let world = interp.world;
    let ty = slot.identity;
    let Some(of) = world.population.map(|p| p.of(ty)) else { return Claim::Settled(Name::None) };
    let id = world.program.schema.global_id(ty, of.table.key(row).unwrap_or(""));
    let remembered = space.remembered(&id);
    let (known, origin) = match remembered {
        Some(known) => (Some((known.spelling.as_str(), known.base.as_deref())), NameOrigin::Remembered),
        None => (space.observed(&id).map(|name| (name, None)), NameOrigin::Observed),
    };
    let stays = |name: Name| match known {
        Some((name, base)) => Claim::Settled(Name::Given(nfc(name).into(), base.map(Into::into), origin)),
        None => Claim::Settled(name),
    };
    let lifecycle = world.program.schema.identity(ty).lifecycle.as_ref();
    let state = interp.state_of(ty, row);
    if let (Some(lifecycle), Ok(state)) = (lifecycle, state)
        && lifecycle.defs.get(state as usize).is_some_and(|d| d.leaver)
    {
        return stays(Name::Never);
    }
    // Who is held keeps the name it has, and is given none.
    if state.is_err() || of.broken.contains_key(&row) {
        return stays(Name::None);
    }
    if steps {
        interp.take_steps(ty, |_| false);
    } else {
        interp.step_accounts(ty);
    }
    if known.is_some() && !slot.unique.rename {
        // The base is told all the same, for a policy that renames one day.
        let base = known.and_then(|k| k.1.map(str::to_owned)).or_else(|| base_of(interp, slot));
        let name = known.map_or("", |k| k.0);
        return Claim::Settled(Name::Given(nfc(name).into(), base.map(Into::into), origin));
    }
    if interp.facts.account(slot.account).wanted != Tri::Yes {
        return stays(Name::None);
    }
    let base = match interp.nested(interp.subject, |me| me.eval(slot.unique.base)) {
        Ok(value) => spelled(&value),
        // Its reason is found again when the account is decided.
        Err(_) => return stays(Name::None),
    };
    match known {
        // A name whose base is not known, or is nothing now, has not changed.
        Some((name, known)) if base.is_empty() || known.is_none_or(|k| fold(k) == fold(&base)) => {
            let base = known.map(Into::into).or_else(|| (!base.is_empty()).then(|| base.clone().into()));
            Claim::Settled(Name::Given(nfc(name).into(), base, origin))
        }
        None if base.is_empty() => Claim::Settled(Name::Empty),
        Some(_) => Claim::Wants(base, NameOrigin::Renamed),
        None => Claim::Wants(base, NameOrigin::Given),
    }
}

/// What a name that is known would be made from now; none where that can't be known.
fn base_of(interp: &mut Interp<'_>, slot: &Slot) -> Option<String> {
    let value = interp.nested(interp.subject, |me| me.eval(slot.unique.base)).ok()?;
    Some(spelled(&value)).filter(|b| !b.is_empty())
}

fn spelled(value: &Value<'_>) -> String {
    nfc(value.spelling().unwrap_or("").trim()).into_owned()
}

/// A name to be made.
struct Want {
    slot: usize,
    row: u32,
    /// Where in the names of its slot.
    at: usize,
    base: String,
    origin: NameOrigin,
}

/// Makes the names of one attribute of an app, in order of (start, type, key).
fn allocate(world: World<'_>, names: &mut Names, mut wants: Vec<Want>) {
    let Some(population) = world.population else { return };
    let Some(first) = wants.first() else { return };
    let space = Space::of(world, &names.slots[first.slot]);
    let schema = &world.program.schema;
    wants.sort_by_cached_key(|w| {
        let slot = &names.slots[w.slot];
        let start = start(world, slot.identity, w.row);
        let ty = schema.identity(slot.identity).name.clone();
        (start.is_none(), start, ty, w.row, slot.account)
    });
    let mut taken: FxHashMap<String, Option<Box<str>>> =
        space.taken().into_iter().map(|(name, owner)| (name, owner.map(Into::into))).collect();
    let others: Vec<(AppId, usize)> = space.others().collect();
    for slot in &names.slots {
        if others.contains(&(slot.unique.app, slot.unique.attribute as usize)) {
            for name in &slot.names {
                if let Name::Given(name, ..) = name {
                    taken.insert(fold(name).into_owned(), None);
                }
            }
        }
    }
    // The least number that is not known to be taken, by base and length: whoever comes later need not ask again.
    let mut next: FxHashMap<(String, Option<u32>), u32> = FxHashMap::default();
    for want in wants {
        let slot = &names.slots[want.slot];
        let max = slot.unique.max;
        let base = name_base(&want.base, max).to_owned();
        let key = population.of(slot.identity).table.key(want.row).unwrap_or("");
        let id = schema.global_id(slot.identity, key);
        let counter = next.entry((base.clone(), max)).or_insert(1);
        let mine = own_number(&space, &id, &base, max).filter(|n| n < counter);
        let mut number = mine.unwrap_or(*counter);
        let name = loop {
            let Some(candidate) = name_candidate(&base, number, max) else { break Name::Exhausted };
            let folded = fold(&candidate).into_owned();
            match taken.get(&folded) {
                Some(owner) if owner.as_deref() != Some(&*id) => number += 1,
                Some(_) | None => {
                    let spelled = Box::from(&*candidate);
                    taken.insert(folded, Some(id.as_str().into()));
                    break Name::Given(spelled, Some(want.base.as_str().into()), want.origin);
                }
            }
        };
        if mine.is_none() {
            *counter = number;
        }
        names.slots[want.slot].names[want.at] = name;
    }
}

/// The least number by which a name that an identity has or had already could be made from a base.
fn own_number(space: &Space<'_>, id: &str, base: &str, max: Option<u32>) -> Option<u32> {
    let background = space.world.background?;
    let remembered = background.memory.names.of(space.app, space.attribute, id).map(|(f, _)| f.to_owned());
    let observed = space.observed(id).map(|name| fold(name).into_owned());
    remembered
        .chain(observed)
        .filter_map(|own| {
            let digits = own.len() - own.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            // The number may be any tail of the digits: a base may end in digits itself.
            let tails = (1..=digits.min(9)).rev().filter_map(|n| own[own.len() - n..].parse().ok());
            [1].into_iter()
                .chain(tails)
                .find(|&n| name_candidate(base, n, max).is_some_and(|c| fold(&c) == own.as_str()))
        })
        .min()
}

/// The attribute `start` of an identity, where its type has one that is a date.
fn start(world: World<'_>, identity: IdentityId, row: u32) -> Option<Date> {
    let table = &world.population?.of(identity).table;
    let attributes = &world.program.schema.identity(identity).attributes;
    let at = attributes.iter().position(|a| a.name == "start")?;
    match table.columns.get(at)? {
        column @ Column::Date(..) => match column.get(row as usize) {
            Value::Date(date) => Some(date),
            _ => None,
        },
        _ => None,
    }
}
