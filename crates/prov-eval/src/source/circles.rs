//! Circles of references. Invariant: each identity on a circle is told once, whoever the walk began with.

use super::examples;
use prov_ir::Program;
use prov_model::{Column, DataWarning, IdentityId, Oddity, Population, Type};

/// References of a type to itself that lead back to where they start.
pub(super) fn circles(population: &Population, program: &Program) -> Vec<DataWarning> {
    let schema = &program.schema;
    let mut warnings = Vec::new();
    for (ty, def) in schema.identities.iter().enumerate() {
        let id = IdentityId(ty as u32);
        for (a, attribute) in def.attributes.iter().enumerate() {
            if *attribute.ty.required() != Type::Identity(id) {
                continue;
            }
            let Some(Column::Ref(next)) = population.types[ty].table.columns.get(a) else { continue };
            let on_circle = in_circles(next);
            if !on_circle.is_empty() {
                let key = |row: &u32| population.types[ty].table.key(*row).unwrap_or("");
                warnings.push(DataWarning {
                    identity: def.name.clone(),
                    attribute: attribute.name.clone(),
                    oddity: Oddity::Circle,
                    count: on_circle.len() as u64,
                    examples: examples(on_circle.iter().map(|r| schema.global_id(id, key(r)))),
                });
            }
        }
    }
    warnings
}

/// The rows from which following `next` comes back, sorted.
fn in_circles(next: &[u32]) -> Vec<u32> {
    // 0 unseen, else the number of the walk that saw it first.
    let mut seen = vec![0u32; next.len()];
    let mut found = Vec::new();
    for start in 0..next.len() as u32 {
        let walk = start + 1;
        let mut at = start;
        while at != Column::NOBODY && seen[at as usize] == 0 {
            seen[at as usize] = walk;
            at = next[at as usize];
        }
        if at != Column::NOBODY && seen[at as usize] == walk {
            let first = at;
            loop {
                found.push(at);
                at = next[at as usize];
                if at == first {
                    break;
                }
            }
        }
    }
    found.sort_unstable();
    found
}
