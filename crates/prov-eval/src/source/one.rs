//! One identity from its rows, for whoever knows which these are.
//! Invariant: it is what [`super::build_population_with`] makes of all rows, for this identity.

use super::links::Links;
use super::mapper::{Mapped, Mapper};
use super::merge::{Interps, Sources};
use crate::shape::Shape;
use crate::world::World;
use prov_model::{AttrId, Date, FieldDef, IdentityId, Membership, RawTable, RecordId, Type, Value};

/// What a column is to hold, its references still as keys.
#[derive(Debug)]
pub(crate) enum Cell {
    /// A scalar, a set or a reference.
    Value(Value<'static>),
    /// The rows of a list; none where there is none.
    List(Option<Vec<Vec<Value<'static>>>>),
    /// The fields of a record; none where there is none.
    Record(Option<Vec<Value<'static>>>),
}

/// An identity as its rows say.
#[derive(Debug)]
pub(crate) struct OneRead {
    /// One an attribute.
    pub cells: Vec<Cell>,
    /// The attributes that can't be trusted, where a row of it was rejected.
    pub broken: Option<Vec<AttrId>>,
    /// By source, whether it has a row.
    pub members: Vec<(u32, Membership)>,
    pub upcoming: Option<Date>,
}

/// The rows of a source, and which of them are of the identity.
pub(crate) type Feed<'a> = (u32, &'a RawTable, &'a [u32]);

/// Reads an identity of a type; `feeds` are all sources of the type.
pub(crate) fn read_one<'a>(
    world: World<'a>,
    shape: &'a Shape,
    ty: IdentityId,
    key: &str,
    feeds: &[Feed<'a>],
) -> OneRead {
    let program = world.program;
    let schema = &program.schema;
    let id = schema.global_id(ty, key);
    let mut mappers: Vec<Mapper<'a>> = Vec::with_capacity(feeds.len());
    let mut rows: Vec<&[u32]> = Vec::with_capacity(feeds.len());
    // Authoritative ones come first, as for everyone.
    for first in [true, false] {
        for (source, table, of) in feeds {
            let Some(of_program) = program.sources.iter().find(|s| s.source == *source) else { continue };
            if schema.sources[*source as usize].is_authoritative() == first {
                mappers.push(Mapper::new(world, shape, of_program, table));
                rows.push(of);
            }
        }
    }
    let links: Vec<(usize, Links)> = mappers
        .iter()
        .zip(rows)
        .enumerate()
        .map(|(m, (mapper, rows))| (m, mapper.links_of(rows, key, &id)))
        .collect();
    let sources = Sources { mappers: &mappers, links: &links, ty };
    let row = sources.row(&mut Interps::new(), 0, key);
    let upcoming = links.iter().filter_map(|(_, l)| l.upcoming.values().min().copied()).min();
    let members = mappers.iter().map(|m| m.program.source).zip(row.members.iter().copied()).collect();
    let rejected = row.held || !row.broken.is_empty();
    let cells = row.values.into_iter().zip(&schema.identity(ty).attributes).map(|(v, def)| cell(v, &def.ty));
    OneRead { cells: cells.collect(), broken: rejected.then_some(row.broken), members, upcoming }
}

/// The key of the identity that a row of a source is of, as spelled; none where that can't be told.
pub(crate) fn key_of<'a>(
    world: World<'a>,
    shape: &'a Shape,
    source: u32,
    table: &'a RawTable,
    row: usize,
) -> Option<Box<str>> {
    let of = world.program.sources.iter().find(|s| s.source == source)?;
    let mapper = Mapper::new(world, shape, of, table);
    mapper.key(row)
}

/// The keys of the identities that all rows of a source are of.
pub(crate) fn keys_of<'a>(
    world: World<'a>,
    shape: &'a Shape,
    source: u32,
    table: &'a RawTable,
) -> Vec<Option<Box<str>>> {
    match world.program.sources.iter().find(|s| s.source == source) {
        Some(of) => Mapper::new(world, shape, of, table).keys(),
        None => Vec::new(),
    }
}

fn cell(value: Mapped<'_>, ty: &Type) -> Cell {
    match (value, ty.required()) {
        (Mapped::Value(_), Type::List(_)) if ty.is_optional() => Cell::List(None),
        (Mapped::Value(_), Type::List(_)) => Cell::List(Some(Vec::new())),
        (Mapped::Value(_), Type::Record(_)) => Cell::Record(None),
        (Mapped::Value(value), Type::Enum(_)) if !matches!(value, Value::Enum(_)) => {
            Cell::Value(Value::Absent)
        }
        (Mapped::Value(value), _) => Cell::Value(value.into_owned()),
        (Mapped::List(rows), _) => Cell::List(Some(rows)),
        (Mapped::Record(fields), _) => Cell::Record(fields),
    }
}

impl Cell {
    /// Turns every key in it into what `resolve` makes of it.
    pub(crate) fn resolve(
        &mut self,
        ty: &Type,
        fields: &dyn Fn(RecordId) -> Vec<FieldDef>,
        resolve: &mut dyn FnMut(&Value<'static>, IdentityId) -> Value<'static>,
    ) {
        let mut each = |row: &mut Vec<Value<'static>>, id: RecordId| {
            for (value, def) in row.iter_mut().zip(fields(id)) {
                if let Type::Identity(of) = def.ty.required() {
                    *value = resolve(value, *of);
                }
            }
        };
        match (self, ty.required()) {
            (Cell::Value(value), Type::Identity(of)) => *value = resolve(value, *of),
            (Cell::List(Some(rows)), Type::List(of)) => {
                if let Type::Record(id) = of.required() {
                    rows.iter_mut().for_each(|row| each(row, *id));
                }
            }
            (Cell::Record(Some(row)), Type::Record(id)) => each(row, *id),
            (Cell::Value(_) | Cell::List(_) | Cell::Record(_), _) => {}
        }
    }
}
