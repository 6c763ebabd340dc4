//! Names that this plan would give to accounts, and who stands in the way (11.1).
//! Invariant: a name is given only where no other account of the app has it and nobody else would get it.

use crate::diff::{Context, chunks, merge};
use crate::standing::{Standing, Want, accounts_of};
use prov_model::AppId;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

/// Why a name can't be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// Somebody else's account has it.
    Taken(String),
    /// An account of nobody has it.
    Orphan,
    /// Somebody else would get it too.
    Twice(String),
}

/// Names that can't be given, by position among the desired and app.
pub(crate) type Claims = FxHashMap<(u32, AppId), Block>;

/// Who wants which name in which app; of several, the first two.
type Wishes<'a> = FxHashMap<(AppId, &'a str), (u32, Option<u32>)>;

pub(crate) fn claims(context: &Context<'_>) -> Claims {
    let input = &context.input;
    let apps: Vec<AppId> = context.order.apps().filter(|&a| input.schema.app(a).account.is_some()).collect();
    let wanted: Vec<Vec<(AppId, &str, u32)>> = chunks(&input.desired.ids, &input.actual.ids)
        .into_par_iter()
        .map(|(desired, actual)| {
            let mut wanted = Vec::new();
            merge(input, desired, actual, |id, d, a| {
                let (Some(position), Standing::In(situation)) = (d, context.standing(id, d)) else { return };
                let all = a.map_or(&[][..], |a| input.actual.accounts.get(a as usize));
                for account in input.desired.accounts.get(position as usize) {
                    if !apps.contains(&account.app) {
                        continue;
                    }
                    let def = input.schema.app(account.app);
                    let want = situation.want(account.app, def, Some(account), input.desired.at.today);
                    let Some(name) = account.attributes.first().filter(|n| !n.is_empty()) else { continue };
                    let has = accounts_of(all, account.app);
                    if matches!(want, Want::On { .. }) && has.len() < 2 && has.iter().all(|h| h.name != *name)
                    {
                        wanted.push((account.app, &**name, position));
                    }
                }
            });
            wanted
        })
        .collect();
    let mut wishes: Wishes<'_> = FxHashMap::default();
    for (app, name, position) in wanted.iter().flatten().copied() {
        wishes.entry((app, name)).and_modify(|w| w.1 = w.1.or(Some(position))).or_insert((position, None));
    }
    if wishes.is_empty() {
        return Claims::default();
    }
    let taken = taken(context, &wishes);
    let id = |position: u32| input.desired.ids[position as usize].to_string();
    let mut blocked = Claims::default();
    for (app, name, position) in wanted.into_iter().flatten() {
        let block = match (taken.get(&(app, name)), wishes[&(app, name)]) {
            (Some(block), _) => block.clone(),
            (None, (first, Some(second))) => Block::Twice(id(if first == position { second } else { first })),
            (None, (_, None)) => continue,
        };
        blocked.insert((position, app), block);
    }
    blocked
}

/// Which of the wished names accounts have already. Whoever wishes a name does not have it (see above).
fn taken<'a>(context: &Context<'a>, wishes: &Wishes<'a>) -> FxHashMap<(AppId, &'a str), Block> {
    let actual = context.input.actual;
    let mut taken: FxHashMap<(AppId, &str), Block> = actual
        .orphans
        .iter()
        .filter(|o| wishes.contains_key(&(o.app, &*o.name)))
        .map(|o| ((o.app, &*o.name), Block::Orphan))
        .collect();
    let owned: Vec<((AppId, &str), Block)> = (0..actual.ids.len())
        .into_par_iter()
        .flat_map_iter(|row| {
            actual
                .accounts
                .get(row)
                .iter()
                .filter(|a| wishes.contains_key(&(a.app, &*a.name)))
                .map(move |a| ((a.app, &*a.name), Block::Taken(actual.ids[row].to_string())))
        })
        .collect();
    // Of several owners the last by id is named, whatever the thread that found them.
    taken.extend(owned);
    taken
}
