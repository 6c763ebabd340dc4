//! Whose accounts are that name nobody (items.md, "correlate").
//! Invariant: an account is somebody's where one is found, it is nobody's, and nobody else finds it.

use crate::actual::Actual;
use crate::decide::leaver;
use crate::eval::{Eval, Scope, Stop};
use crate::facts::known;
use crate::names::{Named, unique};
use crate::policy::App;
use crate::value::{Ty, fold, nfc};
use crate::world::World;
use prov_model::Memory;
use std::collections::{BTreeMap, BTreeSet};

/// What comes of looking for accounts.
#[derive(Default)]
pub(crate) struct Links {
    /// By app and account: whose it is, and whether that was found now.
    pub of: BTreeMap<(String, String), (String, bool)>,
}

/// Why it is not clear which account is someone's.
#[derive(Clone, Debug)]
pub(crate) enum Conflict {
    /// What it would be found by can't be known.
    Unknown,
    /// It is somebody else's, or others find it too.
    Elsewhere(String),
    /// There are several.
    Several(Vec<String>),
}

/// An account that is found: a position, or why it is not clear which.
enum Found {
    One(usize),
    Conflict(Conflict),
}

impl<'a> World<'a> {
    /// What memory knows of accounts that still name nobody.
    pub(crate) fn remember_links(&self, actual: &mut Actual, memory: &Memory, links: &mut Links) {
        for account in actual.accounts.iter_mut().filter(|a| a.owner.is_none()) {
            if let Some(owner) = memory.links.get(&account.app).and_then(|l| l.get(&account.name)) {
                let place = (account.app.clone(), account.name.clone());
                links.of.insert(place, (owner.clone(), false));
                account.owner = Some(owner.clone());
            }
        }
    }

    /// Finds accounts for those who have none in an app.
    pub(crate) fn find_links(
        &mut self,
        app: &App<'a>,
        actual: &mut Actual,
        memory: &Memory,
        links: &mut Links,
    ) -> Result<(), Stop> {
        if app.accounts.iter().all(|b| b.correlate.is_empty()) {
            return Ok(());
        }
        let before = self.names.clone();
        self.recall(app, memory);
        let mut finders: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for person in 0..self.people.len() {
            match self.found(person, app, actual)? {
                None => {}
                Some(Found::One(at)) => finders.entry(at).or_default().push(person),
                Some(Found::Conflict(account)) => {
                    self.conflicts.insert((person, app.name.to_owned()), account);
                }
            }
        }
        self.names = before;
        for (at, people) in finders {
            let account = &mut actual.accounts[at];
            if let [one] = people.as_slice() {
                let owner = self.people[*one].id.clone();
                account.owner = Some(owner.clone());
                links.of.insert((account.app.clone(), account.name.clone()), (owner, true));
                continue;
            }
            for one in people {
                let elsewhere = Conflict::Elsewhere(account.name.clone());
                self.conflicts.insert((one, app.name.to_owned()), elsewhere);
            }
        }
        Ok(())
    }

    /// For the time of looking, names are those that memory knows.
    fn recall(&mut self, app: &App<'a>, memory: &Memory) {
        for person in 0..self.people.len() {
            let Some(block) = app.account(&self.people[person].of) else { continue };
            for field in block.fields.iter().filter(|f| unique(&f.assign.value).is_some()) {
                let attribute = &field.assign.name.text;
                let known = memory.names.space(app.name, attribute).into_iter().flatten();
                let mut own =
                    known.map(|(_, n)| n).filter(|n| n.owner == self.people[person].id && !n.former);
                let named =
                    own.next().map_or(Named::NotYet, |n| Named::Name(nfc(&n.spelling), n.base.clone()));
                self.names.insert((person, app.name.to_owned(), attribute.clone()), named);
            }
        }
    }

    fn found(&self, person: usize, app: &App<'a>, actual: &Actual) -> Result<Option<Found>, Stop> {
        let one = &self.people[person];
        let Some(block) = app.account(&one.of) else { return Ok(None) };
        let has_one = actual.accounts.iter().any(|a| a.app == app.name && a.owner.as_ref() == Some(&one.id));
        if has_one || one.rejected {
            return Ok(None);
        }
        let eval = Eval::new(self);
        let state = match eval.state(person) {
            Err(Stop::Unknown) => return Ok(None),
            state => state?,
        };
        let left = eval.state_def(person, state).is_some_and(leaver);
        let concerned = left || known(eval.wants_account(person, app.name))? != Some(false);
        let conflict = |why: Conflict| Ok(Some(Found::Conflict(why)).filter(|_| concerned));
        let scope =
            Scope { account: Some((app.name, block)), ..Scope::of(Some(person), Some(one.of.clone())) };
        // Whatever the value is, no account has it.
        let none = |key: &str| {
            let is_name = self.account_types(app).first().is_some_and(|(name, _)| name == key);
            let mut of_app = actual.accounts.iter().filter(|a| a.app == app.name);
            let blank = |v: Option<&String>| v.is_none_or(|v| v.trim().is_empty());
            of_app.all(|a| if is_name { a.name.trim().is_empty() } else { blank(a.columns.get(key)) })
        };
        for key in &block.correlate {
            let value = match eval.eval(&key.value, &scope, None) {
                Err(Stop::Unknown) if none(&key.name.text) => continue,
                Err(Stop::Unknown) => return conflict(Conflict::Unknown),
                value => value?.plain(),
            };
            let types = self.account_types(app);
            let text = |t: Option<Ty>| t == Some(Ty::Text);
            let folds = text(self.type_of(&key.value, &scope))
                || types.iter().any(|(name, ty)| *name == key.name.text && text(ty.clone()));
            let compared = |s: &str| if folds { fold(&nfc(s.trim())) } else { nfc(s.trim()) };
            let is_name = types.first().is_some_and(|(name, _)| *name == key.name.text);
            let has = |a: &crate::actual::Account| {
                let own = if is_name { Some(&a.name) } else { a.columns.get(&key.name.text) };
                let own = own.map_or(String::new(), |v| compared(v));
                a.app == app.name && !own.is_empty() && own == compared(&value)
            };
            let all: Vec<usize> =
                (0..actual.accounts.len()).filter(|at| has(&actual.accounts[*at])).collect();
            match all.as_slice() {
                [] => {}
                [at] if actual.accounts[*at].owner.is_none() => return Ok(Some(Found::One(*at))),
                [at] => return conflict(Conflict::Elsewhere(actual.accounts[*at].name.clone())),
                several => {
                    let mut names: Vec<String> =
                        several.iter().map(|at| actual.accounts[*at].name.clone()).collect();
                    names.sort();
                    return conflict(Conflict::Several(names));
                }
            }
        }
        Ok(None)
    }

    /// Apps so that each comes after the one whose account it needs.
    pub(crate) fn in_order(&self) -> Vec<usize> {
        let apps = &self.policy.apps;
        let parent = |a: usize| {
            let from = apps[a].accounts.first().and_then(|b| b.from.as_ref())?;
            apps.iter().position(|p| p.name == from.text)
        };
        let depth = |app: usize| {
            let (mut at, mut n) = (app, 0);
            while let Some(next) = parent(at).filter(|_| n <= apps.len()) {
                (at, n) = (next, n + 1);
            }
            n
        };
        let mut all: Vec<usize> = (0..apps.len()).collect();
        all.sort_by_key(|a| depth(*a));
        all
    }

    /// The links to be remembered, under the names that accounts have and will have.
    pub(crate) fn links_after(
        &self,
        links: &Links,
        wanted: &dyn Fn(&str, &str) -> Option<String>,
    ) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut after: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for ((app, account), (owner, _)) in &links.of {
            after.entry(app.clone()).or_default().insert(account.clone(), owner.clone());
        }
        let by_owner: BTreeSet<(&String, &String)> =
            links.of.iter().map(|((app, _), (owner, _))| (owner, app)).collect();
        for (owner, app) in by_owner {
            // Whose an account is that has the name already counts before who is to have it.
            if let Some(name) = wanted(owner, app).filter(|n| !n.is_empty()) {
                after.entry(app.clone()).or_default().entry(name).or_insert_with(|| owner.clone());
            }
        }
        after
    }
}
