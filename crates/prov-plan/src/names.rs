//! Names that this plan would give to accounts, and who stands in the way (11.1).
//! Invariant: a name is given only where no other account of the app has it and nobody else would get it.

use crate::diff::Context;
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

/// A name that an account would get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub app: AppId,
    pub name: &'a str,
    /// Whose: by position among the desired.
    pub position: u32,
}

/// Who wants which name in which app; of several, the first two.
type Wishes<'a> = FxHashMap<(AppId, &'a str), (u32, Option<u32>)>;

/// Which wishes can't be fulfilled.
pub(crate) fn claims<'a>(context: &Context<'a>, all: impl Iterator<Item = Wish<'a>> + Clone) -> Claims {
    let mut wishes: Wishes<'_> = FxHashMap::default();
    for Wish { app, name, position } in all.clone() {
        wishes.entry((app, name)).and_modify(|w| w.1 = w.1.or(Some(position))).or_insert((position, None));
    }
    if wishes.is_empty() {
        return Claims::default();
    }
    let taken = taken(context, &wishes);
    let id = |position: u32| context.input.desired.ids[position as usize].to_string();
    let mut blocked = Claims::default();
    for Wish { app, name, position } in all {
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
