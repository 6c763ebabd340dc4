//! Names that are given once (items.md, "unique names"; files.md, "Memory").
//! Invariant: names are given one after another, in the order that the reference says, before anything reads them.

use crate::actual::Actual;
use crate::decide::leaver;
use crate::eval::{Eval, Scope, Stop};
use crate::links::Links;
use crate::policy::declared;
use crate::value::{Ty, Value, fold, nfc};
use crate::world::World;
use prov_model::{Memory, NameMemory, NamesMemory};
use prov_syntax::ast::{self, ExprKind};
use std::collections::{BTreeMap, BTreeSet};
use unicode_segmentation::UnicodeSegmentation;

/// What someone is called in a unique attribute.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// The name, and what it was made from.
    Name(String, Option<String>),
    /// They left without ever having had one.
    Never,
    /// None yet, while accounts are being looked for.
    NotYet,
}

/// By person, app and attribute; who is not in it can't be named.
pub(crate) type Names = BTreeMap<(usize, String, String), Named>;

/// `unique(base, max: n)`: the base and the number.
pub(crate) fn unique(e: &ast::Expr) -> Option<(&ast::Expr, Option<usize>)> {
    let ExprKind::Call(f, args) = &e.kind else { return None };
    let is_unique = matches!(&f.kind, ExprKind::Name(n) if n.text == "unique");
    let max = args.get(1).and_then(|a| match a.value.kind {
        ExprKind::Int(n) => usize::try_from(n).ok(),
        _ => None,
    });
    is_unique.then_some(())?;
    Some((&args.first()?.value, max))
}

/// The candidate of a number, counted from 1; none where the number alone is as long as a name may be.
fn candidate(base: &str, number: usize, max: Option<usize>) -> Option<String> {
    let cut = |max: usize| base.graphemes(true).take(max).collect::<String>();
    let suffix = if number == 1 { String::new() } else { number.to_string() };
    let Some(max) = max else { return Some(base.to_owned() + &suffix) };
    let left = max.saturating_sub(suffix.len());
    if left == 0 {
        return None;
    }
    let whole = base.graphemes(true).count() <= max;
    let first = if whole { base.to_owned() } else { cut(max).trim_end().to_owned() };
    let begin = if first.graphemes(true).count() <= left { first } else { cut(left).trim_end().to_owned() };
    Some(begin + &suffix)
}

/// Someone who needs a name.
struct Want {
    order: (bool, Value, String, usize),
    base: String,
    max: Option<usize>,
}

impl<'a> World<'a> {
    /// What an account is called in an attribute, where that is known.
    fn called(&self, actual: &Actual, app: &str, attribute: &str) -> Vec<(Option<String>, String)> {
        let first = |a: &str| {
            let block = self.policy.app(a).and_then(|a| a.accounts.first().copied());
            let mut fields = block.into_iter().flat_map(|b| &b.fields).map(|f| &f.assign.name.text);
            fields.find(|n| *n != "enabled").is_some_and(|n| n == attribute)
        };
        let is_name = first(app);
        let mut accounts: Vec<_> = actual.accounts.iter().filter(|a| a.app == app).collect();
        accounts.sort_by(|a, b| a.name.cmp(&b.name));
        let name = |a: &crate::actual::Account| match is_name {
            true => Some(a.name.clone()),
            false => a.attributes.get(attribute).cloned(),
        };
        accounts.into_iter().filter_map(|a| Some((a.owner.clone(), name(a)?))).collect()
    }

    /// Finds whose accounts are that name nobody, and gives everyone their names: app by app, each after the one whose
    /// account it needs.
    pub(crate) fn give_names(&mut self, actual: &mut Actual, memory: &Memory) -> Result<Links, Stop> {
        let policy = self.policy.clone();
        let mut links = Links::default();
        self.remember_links(actual, memory, &mut links);
        for app in self.in_order() {
            let app = &policy.apps[app];
            self.find_links(app, actual, memory, &mut links)?;
            let mut all = self.names.clone();
            let fields = app.accounts.iter().flat_map(|b| b.fields.iter().map(move |f| (*b, f)));
            let attributes: BTreeSet<&str> = fields
                .filter(|(_, f)| unique(&f.assign.value).is_some())
                .map(|(_, f)| f.assign.name.text.as_str())
                .collect();
            for attribute in attributes {
                self.give_names_of(app.name, attribute, actual, memory, &mut all)?;
            }
            self.names = all;
        }
        Ok(links)
    }

    fn give_names_of(
        &self,
        app: &'a str,
        attribute: &str,
        actual: &Actual,
        memory: &Memory,
        all: &mut Names,
    ) -> Result<(), Stop> {
        let called = self.called(actual, app, attribute);
        let mut wants: Vec<Want> = Vec::new();
        // Whose a name is: of memory's word and an account's, memory's counts.
        let mut taken: BTreeMap<String, Option<String>> =
            called.iter().map(|(owner, name)| (fold(name), owner.clone())).collect();
        // Names in the other accounts of the app are not even the same person's.
        let others = || self.policy.accounts_in(declared(app)).filter(|a| a.name != app);
        for other in others() {
            taken.extend(self.called(actual, other.name, attribute).iter().map(|(_, n)| (fold(n), None)));
            let remembered = memory.names.space(other.name, attribute).into_iter().flatten();
            taken.extend(remembered.map(|(folded, _)| (folded.clone(), None)));
        }
        for (folded, known) in memory.names.space(app, attribute).into_iter().flatten() {
            taken.insert(folded.clone(), Some(known.owner.clone()));
        }
        for ((_, of, name), named) in all.iter() {
            if let (Named::Name(spelled, _), true) =
                (named, name == attribute && others().any(|o| o.name == of))
            {
                taken.insert(fold(spelled), None);
            }
        }
        for person in 0..self.people.len() {
            let slot = (person, app.to_owned(), attribute.to_owned());
            match self.claim(person, app, attribute, &called, memory)? {
                Claim::None => {}
                Claim::Settled(name) => {
                    all.insert(slot, name);
                }
                // Where it is not clear which account is theirs, none is made, and so no name.
                Claim::Wants(_) if self.conflicts.contains_key(&(person, app.to_owned())) => {}
                Claim::Wants(want) => wants.push(want),
            }
        }
        wants.sort_by(|a, b| {
            let start = crate::value::compare(&a.order.1, &b.order.1);
            let start = if a.order.0 || b.order.0 { a.order.0.cmp(&b.order.0) } else { start };
            start.then_with(|| (&a.order.2, a.order.3).cmp(&(&b.order.2, b.order.3)))
        });
        for want in wants {
            let person = want.order.3;
            let id = &self.people[person].id;
            let mut number = 1;
            while let Some(name) = candidate(&want.base, number, want.max) {
                if taken.get(&fold(&name)).is_none_or(|owner| owner.as_ref() == Some(id)) {
                    taken.insert(fold(&name), Some(id.clone()));
                    let slot = (person, app.to_owned(), attribute.to_owned());
                    all.insert(slot, Named::Name(name, Some(want.base)));
                    break;
                }
                number += 1;
            }
        }
        Ok(())
    }

    /// What someone has for a name, or needs one to be made from.
    fn claim(
        &self,
        person: usize,
        app: &'a str,
        attribute: &str,
        called: &[(Option<String>, String)],
        memory: &Memory,
    ) -> Result<Claim, Stop> {
        let eval = Eval::new(self);
        let one = &self.people[person];
        let Some(block) = self.policy.app(app).and_then(|a| a.account(&one.of)) else {
            return Ok(Claim::None);
        };
        let Some(field) = block.fields.iter().find(|f| f.assign.name.text == attribute) else {
            return Ok(Claim::None);
        };
        let Some((base, max)) = unique(&field.assign.value) else { return Ok(Claim::None) };
        let remembered = memory.names.space(app, attribute).into_iter().flatten();
        let remembered = remembered.map(|(_, n)| n).find(|n| n.owner == one.id && !n.former);
        let observed = || called.iter().find(|(o, n)| o.as_ref() == Some(&one.id) && !n.trim().is_empty());
        let known = match remembered {
            Some(n) => Some((n.spelling.clone(), n.base.clone())),
            None => observed().map(|(_, n)| (n.clone(), None)),
        };
        let keeps = |otherwise: Claim| match &known {
            Some((name, base)) => Claim::Settled(Named::Name(nfc(name), base.clone())),
            None => otherwise,
        };
        let state = match eval.state(person) {
            Err(Stop::Unknown) => return Ok(keeps(Claim::None)),
            state => state?,
        };
        if eval.state_def(person, state).is_some_and(leaver) {
            return Ok(keeps(Claim::Settled(Named::Never)));
        }
        if one.rejected {
            return Ok(keeps(Claim::None));
        }
        let scope = Scope { account: Some((app, block)), ..Scope::of(Some(person), Some(one.of.clone())) };
        let made_from = || match eval.eval(base, &scope, None) {
            Err(Stop::Unknown) => Ok(None),
            value => Ok(Some(nfc(value?.letters().unwrap_or("").trim()))),
        };
        if let (Some((name, base)), None) = (&known, &field.rename_on_change) {
            let base = match base {
                Some(base) => Some(base.clone()),
                None => made_from()?.filter(|b| !b.is_empty()),
            };
            return Ok(Claim::Settled(Named::Name(nfc(name), base)));
        }
        match eval.wants_account(person, app) {
            Ok(true) => {}
            Ok(false) | Err(Stop::Unknown) => return Ok(keeps(Claim::None)),
            Err(stop) => return Err(stop),
        }
        let Some(base) = made_from()? else { return Ok(keeps(Claim::None)) };
        match known {
            Some((name, before))
                if base.is_empty() || before.as_ref().is_none_or(|b| fold(b) == fold(&base)) =>
            {
                let base = before.or(Some(base).filter(|b| !b.is_empty()));
                Ok(Claim::Settled(Named::Name(nfc(&name), base)))
            }
            None if base.is_empty() => Ok(Claim::None),
            _ => {
                let start =
                    self.policy.identity(&one.of).and_then(|d| d.fields.iter().find(|f| f.name == "start"));
                let start = start.filter(|f| f.ty == Ty::Date);
                let start = start.and_then(|_| one.attributes.get("start").cloned().flatten());
                let start = start.filter(|v| !v.is_absent());
                let order = (start.is_none(), start.unwrap_or(Value::Absent), one.of.clone(), person);
                Ok(Claim::Wants(Want { order, base, max }))
            }
        }
    }

    /// The names that are known once the plan has been carried out; `held` says who is held.
    pub(crate) fn names_after(
        &self,
        actual: &Actual,
        memory: &Memory,
        held: &dyn Fn(usize) -> bool,
    ) -> NamesMemory {
        let mut names = memory.names.clone();
        let spaces: BTreeSet<(&str, &str)> = self
            .policy
            .apps
            .iter()
            .flat_map(|app| {
                app.accounts.iter().flat_map(move |b| b.fields.iter().map(move |f| (app.name, f)))
            })
            .filter(|(_, f)| unique(&f.assign.value).is_some())
            .map(|(app, f)| (app, f.assign.name.text.as_str()))
            .collect();
        for (app, attribute) in spaces {
            let mut now: BTreeMap<&str, String> = BTreeMap::new();
            for ((person, of_app, of), named) in &self.names {
                let Named::Name(name, base) = named else { continue };
                if of_app != app || of != attribute || held(*person) {
                    continue;
                }
                let owner = &self.people[*person].id;
                now.insert(owner, fold(name));
                let (owner, spelling, base) = (owner.clone(), name.clone(), base.clone());
                names.give(
                    app,
                    attribute,
                    NameMemory { owner, spelling, base, account: None, former: false },
                );
            }
            let mut called = self.called(actual, app, attribute);
            called.sort();
            for (owner, name) in called {
                let Some(owner) = owner else { continue };
                if !name.trim().is_empty() && names.get(app, attribute, &fold(&name)).is_none() {
                    let known =
                        NameMemory { owner, spelling: name, base: None, account: None, former: false };
                    names.give(app, attribute, known);
                }
            }
            let before = memory.names.space(app, attribute);
            let mut seen: BTreeSet<String> = BTreeSet::new();
            names.retire(app, attribute, |folded, known| {
                if let Some(current) = now.get(known.owner.as_str()) {
                    return current == folded;
                }
                match before.and_then(|b| b.get(folded)) {
                    Some(before) if before.owner == known.owner => !before.former,
                    // Of names that are only seen, the first stands for the account.
                    _ => {
                        let all = before.into_iter().flat_map(BTreeMap::values);
                        let has_one = all.into_iter().any(|n| n.owner == known.owner && !n.former);
                        !has_one && seen.insert(known.owner.clone())
                    }
                }
            });
        }
        names
    }
}

enum Claim {
    /// Nothing, or nothing that can be known.
    None,
    Settled(Named),
    Wants(Want),
}
