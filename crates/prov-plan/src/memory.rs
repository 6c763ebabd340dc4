//! What a run leaves behind for the next. Invariant: a pure function; an instant is remembered only where a verb or a
//! source waits for a time after it, and a name that somebody had is never forgotten.

use crate::granted::granted_after;
use crate::standing::{Standing, World};
use crate::{ActionView, Plan};
use prov_model::{Actual, Desired, Memory, NameMemory, NamesMemory, Schema, Since, StateDef, fold};
use std::collections::{BTreeMap, BTreeSet};

/// The memory after a run whose plan was applied, but for what is only reported: rows by source, since when identities
/// are in a state with a verb that waits, since when identities of the actual state are missing, what was granted. What is
/// held keeps what was remembered of it.
pub fn memory_after(
    schema: &Schema,
    desired: &Desired,
    actual: &Actual,
    memory: &Memory,
    plan: &Plan,
) -> Memory {
    memory_if(schema, desired, actual, memory, plan, |action| !action.is_report())
}

/// The same, where of the plan those actions ran that `runs` holds for.
pub fn memory_if(
    schema: &Schema,
    desired: &Desired,
    actual: &Actual,
    memory: &Memory,
    plan: &Plan,
    runs: impl Fn(ActionView<'_>) -> bool,
) -> Memory {
    let linked = (!desired.links.is_empty()).then(|| actual.linked(&desired.links));
    let actual = linked.as_ref().unwrap_or(actual);
    let granted = granted_after(schema, actual, memory, plan, runs);
    Memory { links: links(schema, desired), granted, ..remember(schema, desired, actual, memory) }
}

/// Whose accounts are that name nobody: under the name they have, and under the one that the plan gives them.
fn links(schema: &Schema, desired: &Desired) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut links: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for link in &desired.links {
        let of_app = links.entry(schema.app(link.app).name.clone()).or_default();
        of_app.insert(link.account.to_string(), link.owner.to_string());
    }
    // Whose an account is that has the name already counts before who is to have it.
    for link in &desired.links {
        let of_app = links.entry(schema.app(link.app).name.clone()).or_default();
        let Some(position) = desired.position(&link.owner) else { continue };
        let account = desired.accounts.get(position).iter().find(|a| a.app == link.app && a.wanted);
        if let Some(name) = account.and_then(|a| a.attributes.first()).filter(|n| !n.is_empty()) {
            of_app.entry(name.to_string()).or_insert_with(|| link.owner.to_string());
        }
    }
    links
}

fn remember(schema: &Schema, desired: &Desired, actual: &Actual, memory: &Memory) -> Memory {
    let world = World { schema, desired, memory, actual };
    let trusted = trusted(&world);
    let names = names(schema, desired, actual, memory);
    let mut after = Memory { sources: memory.sources.clone(), names, ..Memory::default() };
    for count in &desired.counts {
        let rows = prov_model::SourceMemory { rows: count.rows, empty: count.empty.clone() };
        after.sources.insert(count.source.clone(), rows);
    }
    for (position, keeps) in &desired.keeps {
        let id = &desired.ids[*position as usize];
        if matches!(world.known(*position as usize), Standing::In(_)) {
            after.keeps.insert(id.to_string(), keeps.clone());
        }
    }
    for (position, entered) in &desired.entered {
        let id = &desired.ids[*position as usize];
        if matches!(world.known(*position as usize), Standing::In(_)) {
            after.entered.insert(id.to_string(), entered.clone());
        }
    }
    let mut keep = |id: &str, standing: Standing<'_>| match standing {
        Standing::In(situation) => {
            if let Some(missed) = situation.missed {
                after.missing.insert(id.to_owned(), missed);
            }
            if let Some(state) = situation.state.filter(|s| waits(s)) {
                let since = Since { state: state.name.clone(), since: situation.since };
                after.states.insert(id.to_owned(), since);
            }
        }
        Standing::Held(_) => {
            if let Some(keeps) = memory.keeps.get(id) {
                after.keeps.insert(id.to_owned(), keeps.clone());
            }
            if let Some(entered) = memory.entered.get(id) {
                after.entered.insert(id.to_owned(), entered.clone());
            }
            if let Some(since) = memory.states.get(id) {
                after.states.insert(id.to_owned(), since.clone());
            }
        }
        Standing::Missing { since, .. } => {
            if let Some(keeps) = memory.keeps.get(id) {
                after.keeps.insert(id.to_owned(), keeps.clone());
            }
            if let Some(entered) = memory.entered.get(id) {
                after.entered.insert(id.to_owned(), entered.clone());
            }
            after.missing.insert(id.to_owned(), since);
            if let Some(since) = memory.states.get(id) {
                after.states.insert(id.to_owned(), since.clone());
            }
        }
    };
    for (position, id) in desired.ids.iter().enumerate() {
        keep(id, world.known(position));
    }
    for id in actual.ids.iter().filter(|id| desired.position(id).is_none()) {
        keep(id, world.missing(id, &trusted));
    }
    after.at = (!after.keeps.is_empty()).then_some(desired.at.now);
    after
}

/// By identity type, whether absence from its sources counts in this run.
pub(crate) fn trusted(world: &World<'_>) -> Vec<bool> {
    (0..world.schema.identities.len()).map(|i| !world.cut_off(prov_model::IdentityId(i as u32))).collect()
}

fn waits(state: &StateDef) -> bool {
    state.verbs.iter().any(|v| v.after.is_some())
}

/// The names that are known afterwards: all that were, those that this run gave or found, and those of accounts of which
/// the actual state says whose they are. A name keeps its owner for good: that someone has left, or is in no source any
/// more, gives it to nobody else.
fn names(schema: &Schema, desired: &Desired, actual: &Actual, memory: &Memory) -> NamesMemory {
    let mut names = memory.names.clone();
    for (app, def, number) in schema.unique_attributes() {
        let Some(attribute) = def.attributes.get(number as usize).map(|f| f.name.as_str()) else { continue };
        let app_name = schema.app(app).name.as_str();
        // Who is held keeps what was remembered.
        let given = || {
            let of = desired.names.iter().filter(|n| (n.app, n.attribute) == (app, number));
            of.filter(|n| !desired.flags[n.position as usize].held)
        };
        for n in given() {
            let owner = desired.ids[n.position as usize].to_string();
            let base = n.base.as_deref().map(str::to_owned);
            let spelling = n.name.to_string();
            names.give(
                app_name,
                attribute,
                NameMemory { owner, spelling, base, account: None, former: false },
            );
        }
        for (id, row) in actual.ids.iter().zip(0..) {
            for account in actual.accounts.get(row).iter().filter(|a| a.app == app) {
                let Some(name) = account.attributes.get(number as usize).and_then(Option::as_deref) else {
                    continue;
                };
                if name.trim().is_empty() || names.get(app_name, attribute, &fold(name)).is_some() {
                    continue;
                }
                let (owner, spelling) = (id.to_string(), name.to_owned());
                let known = NameMemory { owner, spelling, base: None, account: None, former: false };
                names.give(app_name, attribute, known);
            }
        }
        // What this run says is current makes every other name of the same person a former one.
        let now: BTreeSet<(&str, String)> =
            given().map(|n| (&*desired.ids[n.position as usize], fold(&n.name).into_owned())).collect();
        let owners: BTreeSet<&str> = now.iter().map(|n| n.0).collect();
        let before = memory.names.space(app_name, attribute);
        let mut seen: BTreeSet<String> = BTreeSet::new();
        names.retire(app_name, attribute, |folded, known| {
            if owners.contains(&*known.owner) {
                return now.contains(&(&*known.owner, folded.to_owned()));
            }
            match before.and_then(|b| b.get(folded)) {
                Some(before) if before.owner == known.owner => !before.former,
                // Of names that were only seen, the first stands for the account.
                _ => {
                    let has_one =
                        before.is_some_and(|b| b.values().any(|n| n.owner == known.owner && !n.former));
                    !has_one && seen.insert(known.owner.clone())
                }
            }
        });
    }
    names
}
