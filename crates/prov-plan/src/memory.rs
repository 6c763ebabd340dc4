//! What a run leaves behind for the next. Invariant: a pure function; an instant is remembered only where a verb or a
//! source waits for a time after it.

use crate::standing::{Standing, World};
use prov_model::{Actual, Desired, Memory, Schema, Since, StateDef};

/// The memory after a run that was applied: rows by source, since when identities are in a state with a verb that
/// waits, since when identities of the actual state are missing. What is held keeps what was remembered of it.
pub fn memory_after(schema: &Schema, desired: &Desired, actual: &Actual, memory: &Memory) -> Memory {
    let world = World { schema, desired, memory, actual };
    let trusted = trusted(&world);
    let mut after = Memory { sources: memory.sources.clone(), ..Memory::default() };
    for count in &desired.counts {
        let rows = prov_model::SourceMemory { rows: count.rows };
        after.sources.insert(count.source.clone(), rows);
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
            if let Some(since) = memory.states.get(id) {
                after.states.insert(id.to_owned(), since.clone());
            }
        }
        Standing::Missing { since, .. } => {
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
    after
}

/// By identity type, whether absence from its sources counts in this run.
pub(crate) fn trusted(world: &World<'_>) -> Vec<bool> {
    (0..world.schema.identities.len()).map(|i| !world.cut_off(prov_model::IdentityId(i as u32))).collect()
}

fn waits(state: &StateDef) -> bool {
    state.verbs.iter().any(|v| v.after.is_some())
}
