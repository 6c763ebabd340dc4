//! From the rows of sources to identities in columns.
//! Invariant: the order of rows leaves no trace; a row that can't be mapped never makes up a value: what is wrong is
//! reported, all of it, and the attributes in question are marked.

mod circles;
mod columns;
mod index;
mod links;
mod mapper;
mod merge;
mod one;
mod plain;
mod roster;

use crate::shape::Shape;
use crate::world::{Catalogs, LookupTable, World};
pub(crate) use one::{Cell, Feed, OneRead, key_of, keys_of, read_one};

use circles::circles;
use mapper::Mapper;
use prov_ir::Program;
use prov_model::{GuardWhat, IdentityId, Moment, Population, RawTable, Schema, SourceCount};
use roster::Roster;
use rustc_hash::FxHashSet;

/// Makes identities of the rows of sources (each with its position in [`prov_model::Schema::sources`]).
pub fn build_population(program: &Program, sources: &[(u32, RawTable)], moment: &Moment) -> Population {
    build_population_with(program, &[], sources, moment)
}

/// The same, for mappings that look up tables. A source has one table at most.
pub fn build_population_with(
    program: &Program,
    tables: &[LookupTable],
    sources: &[(u32, RawTable)],
    moment: &Moment,
) -> Population {
    let world = World::without_people(program, tables, moment);
    let shape = Shape::of(program, &Catalogs::new());
    let mappers: Vec<Mapper<'_>> = sources
        .iter()
        .filter_map(|(source, rows)| {
            let of = program.sources.iter().find(|s| s.source == *source)?;
            Some(Mapper::new(world, &shape, of, rows))
        })
        .collect();
    let rosters: Vec<Roster> = (0..program.schema.identities.len())
        .map(|ty| Roster::new(&mappers, world, IdentityId(ty as u32)))
        .collect();
    let mut population = Population::default();
    let mut rejected: Vec<FxHashSet<u64>> = mappers.iter().map(|_| FxHashSet::default()).collect();
    for mapper in &mappers {
        population.rejections.extend(mapper.missing_columns());
    }
    for (ty, roster) in rosters.iter().enumerate() {
        let built = columns::build(roster, &mappers, &rosters, IdentityId(ty as u32), world);
        population.types.push(built.table);
        population.warnings.extend(built.warnings);
        population.warnings.extend(roster.warnings.iter().cloned());
        for (mapper, rejection) in built.rejections.into_iter().chain(roster.rejections.iter().cloned()) {
            rejected[mapper].insert(rejection.line);
            population.rejections.push(rejection);
        }
    }
    population.rejections.sort();
    population.rejections.dedup();
    population.counts = counts(&mappers, &rejected, &program.schema);
    population.link(&program.schema);
    population.warnings.extend(circles(&population, program));
    population.warnings.sort();
    population
}

/// The first few.
fn examples(ids: impl Iterator<Item = String>) -> Vec<String> {
    ids.take(3).collect()
}

fn counts(mappers: &[Mapper<'_>], rejected: &[FxHashSet<u64>], schema: &Schema) -> Vec<SourceCount> {
    let mut counts: Vec<SourceCount> = mappers
        .iter()
        .zip(rejected)
        .map(|(mapper, rejected)| SourceCount {
            source: mapper.def.name.clone(),
            rows: mapper.rows.len() as u64,
            rejected: rejected.len() as u64,
            empty: guarded(schema, mapper.program.source)
                .map(|column| (column.to_owned(), mapper.rows.empty_in(column)))
                .collect(),
            as_of: mapper.rows.as_of,
        })
        .collect();
    counts.sort_by(|a, b| a.source.cmp(&b.source));
    counts
}

/// The columns of a source that a guard looks at.
fn guarded(schema: &Schema, source: u32) -> impl Iterator<Item = &str> {
    schema.guards.iter().filter_map(move |guard| match &guard.what {
        GuardWhat::Empty { source: of, column } if *of == source => Some(column.as_str()),
        GuardWhat::Empty { .. }
        | GuardWhat::Age { .. }
        | GuardWhat::Rows { .. }
        | GuardWhat::Of { .. }
        | GuardWhat::Effects { .. } => None,
    })
}
