//! Identities into columns, with their references resolved.
//! Invariant: a column has a row an identity, in order of key, whatever could not be read.

use super::examples;
use super::mapper::{Mapped, Mapper, record_of};
use super::merge::{Interps, MergedRow, Sources, empty};
use super::plain::{Chunk, Found, Plain};
use super::roster::Roster;
use crate::world::World;
use prov_model::{
    AttrId, ColumnBuilder, DataWarning, FieldDef, IdentityId, IdentityTable, Membership, Oddity, RawCell,
    RecordId, Rejection, Table, Type, Value, cell_value, key_spelling,
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Rows that are in memory as values at one time.
const CHUNK: usize = 1 << 15;

/// An identity table with what was found on the way.
pub(super) struct Built {
    pub table: IdentityTable,
    pub rejections: Vec<(usize, Rejection)>,
    pub warnings: Vec<DataWarning>,
}

/// The identities of a type in columns.
pub(super) fn build(
    roster: &Roster,
    mappers: &[Mapper<'_>],
    rosters: &[Roster],
    ty: IdentityId,
    world: World<'_>,
) -> Built {
    let schema = &world.program.schema;
    let def = schema.identity(ty);
    let fields = |id: RecordId| schema.records[id.index()].fields.iter().map(|f| f.ty.clone()).collect();
    let mut builders: Vec<Builder> = def
        .attributes
        .iter()
        .map(|a| Builder {
            column: ColumnBuilder::new(&a.ty, &fields),
            lost: Vec::new(),
            beyond: Vec::new(),
            seen: vec![Vec::new(); roster.links.len()],
            repeats: repeats(&a.ty),
            nothing: match &a.ty {
                Type::Set(_) => Mapped::Value(Value::Set(Vec::new())),
                ty => empty(ty),
            },
        })
        .collect();
    let mut rejections = Vec::new();
    let mut broken = BTreeMap::new();
    let mut doubtful: BTreeMap<u32, Vec<(AttrId, u32)>> = BTreeMap::new();
    let plain = Plain::new(mappers, &roster.links, ty, world.program);
    let sources = Sources { mappers, links: &roster.links, ty };
    let mut members: Vec<Vec<Membership>> = roster.links.iter().map(|_| Vec::new()).collect();
    for (start, chunk) in roster.keys.chunks(CHUNK).enumerate().map(|(i, c)| (i * CHUNK, c)) {
        let plainly = plain.as_ref().map(|plain| (plain, plain.chunk(start, chunk.len())));
        let odd: Vec<usize> =
            (0..chunk.len()).filter(|i| plainly.as_ref().is_none_or(|(_, c)| c.odd[*i])).collect();
        let rows: Vec<MergedRow<'_>> = odd
            .par_iter()
            .with_min_len(256)
            .map_init(Interps::new, |interps, &i| sources.row(interps, (start + i) as u32, &chunk[i]))
            .collect();
        builders.par_iter_mut().enumerate().for_each(|(a, builder)| {
            let ty = &def.attributes[a].ty;
            let mut odd = odd.iter().zip(&rows).peekable();
            let alone = plainly.as_ref().and_then(|(plain, _)| plain.alone(a)).filter(|_| builder.repeats);
            for (i, key) in chunk.iter().enumerate() {
                let number = (start + i) as u32;
                match (odd.next_if(|(o, _)| **o == i), &plainly) {
                    (Some((_, row)), _) => builder.push(&row.values[a], ty, number, world, rosters),
                    (None, _) if AttrId(a as u32) == def.key => {
                        builder.push_key(key, ty, number, world, rosters);
                    }
                    (None, Some((plain, chunk))) => {
                        let row = |l| plain.row(l, start + i);
                        let alone = alone.and_then(|(l, codes)| Some((l, codes[row(l)? as usize] as usize)));
                        if builder.repeat(alone) {
                            continue;
                        }
                        let found = plain.found(chunk, i, a);
                        let cell = alone.or(match found {
                            Found::Code(link, code) if builder.repeats => {
                                Some((link as usize, code as usize))
                            }
                            Found::Code(..) | Found::Nothing | Found::Row(_) => None,
                        });
                        if alone.is_none() && builder.repeat(cell) {
                            continue;
                        }
                        let told = builder.told();
                        builder.push_plain(found, (plain, chunk, i, a), ty, number, world, rosters);
                        // A reference that leads nowhere is told for each row.
                        if let (Some(cell), true) = (cell, told == builder.told()) {
                            builder.note(cell, number);
                        }
                    }
                    (None, None) => {}
                }
            }
        });
        if let Some((plain, of_chunk)) = &plainly {
            let mut rows = rows.iter().map(|r| &r.members);
            for (i, is_odd) in of_chunk.odd.iter().enumerate() {
                match is_odd.then(|| rows.next()).flatten() {
                    Some(row) => members.iter_mut().zip(row).for_each(|(all, one)| all.push(*one)),
                    None => members
                        .iter_mut()
                        .enumerate()
                        .for_each(|(l, all)| all.push(plain.membership(l, start + i))),
                }
            }
        } else {
            for row in &rows {
                members.iter_mut().zip(&row.members).for_each(|(all, one)| all.push(*one));
            }
        }
        for (i, row) in odd.into_iter().zip(rows) {
            let number = (start + i) as u32;
            if row.held || !row.broken.is_empty() {
                broken.insert(number, row.broken);
            }
            if !row.doubtful.is_empty() {
                doubtful.insert(number, row.doubtful);
            }
            rejections.extend(row.rejections);
        }
    }
    for (a, builder) in builders.iter().enumerate() {
        for &(row, source) in &builder.beyond {
            doubtful.entry(row).or_default().push((AttrId(a as u32), source));
        }
    }
    let keys = roster.keys.clone();
    let mut warnings = Vec::new();
    for (attribute, builder) in def.attributes.iter().zip(&builders) {
        if !builder.lost.is_empty() {
            warnings.push(DataWarning {
                identity: def.name.clone(),
                attribute: attribute.name.clone(),
                oddity: Oddity::RefersToNobody,
                count: builder.lost.len() as u64,
                examples: examples(builder.lost.iter().map(|r| schema.global_id(ty, &keys[*r as usize]))),
            });
        }
    }
    let columns = builders.into_iter().map(|b| b.column.finish()).collect();
    let read = roster.links.iter().map(|(m, _)| mappers[*m].program.source);
    let mut table = IdentityTable::new(Table { columns, rows: keys.len(), keys });
    table.broken = broken;
    table.doubtful = doubtful;
    table.members = read.zip(members).collect();
    table.upcoming = roster.upcoming.clone();
    Built { table, rejections, warnings }
}

/// A column being built, with the rows whose reference leads to no one.
struct Builder {
    column: ColumnBuilder,
    lost: Vec<u32>,
    /// Rows that may refer to somebody of whom this source lacks the row.
    beyond: Vec<(u32, u32)>,
    /// By link and code, a row that has what such a cell gives.
    seen: Vec<Vec<u32>>,
    /// Whether a row can be added by naming an earlier one.
    repeats: bool,
    /// What stands where nobody gives anything, and that may be.
    nothing: Mapped<'static>,
}

/// What a row of a chunk is read by: the readers, the chunk, the place in it, the attribute.
type Place<'p, 'm, 'a> = (&'p Plain<'m, 'a>, &'p Chunk<'a>, usize, usize);

/// Whether what a cell gives can be copied from row to row as it is.
fn repeats(ty: &Type) -> bool {
    match ty.required() {
        Type::List(_) | Type::Record(_) => false,
        Type::Set(element) => !matches!(element.required(), Type::Identity(_)) && repeats(element),
        Type::Bool
        | Type::Int
        | Type::Decimal
        | Type::Str
        | Type::Text
        | Type::Date
        | Type::Instant
        | Type::Duration
        | Type::Elapsed
        | Type::Enum(_)
        | Type::Identity(_)
        | Type::Optional(_) => true,
    }
}

impl Builder {
    /// The key of someone, which nobody else has.
    fn push_key(&mut self, key: &str, ty: &Type, row: u32, world: World<'_>, rosters: &[Roster]) {
        let schema = &world.program.schema;
        let value = cell_value(RawCell::Text(key), ty.required(), schema, &world.moment.zone);
        match value.unwrap_or(Value::Absent) {
            value @ (Value::Str(_) | Value::Text(_)) if !matches!(ty.required(), Type::Identity(_)) => {
                self.column.push_new(&value);
            }
            value => self.push(&Mapped::Value(value), ty, row, world, rosters),
        }
    }

    /// An attribute of someone plain.
    fn push_plain(
        &mut self,
        found: Found,
        (plain, chunk, i, attribute): Place<'_, '_, '_>,
        ty: &Type,
        row: u32,
        world: World<'_>,
        rosters: &[Roster],
    ) {
        match plain.value(chunk, i, attribute, found) {
            Some(value) => self.push(value, ty, row, world, rosters),
            None => {
                let nothing = std::mem::replace(&mut self.nothing, Mapped::Record(None));
                self.push(&nothing, ty, row, world, rosters);
                self.nothing = nothing;
            }
        }
    }

    /// Adds what a cell gave before; false where it has not come yet.
    fn repeat(&mut self, cell: Option<(usize, usize)>) -> bool {
        let Some(&earlier) = cell.and_then(|(link, code)| self.seen[link].get(code)) else { return false };
        if earlier == u32::MAX {
            return false;
        }
        self.column.repeat(earlier as usize);
        true
    }

    fn note(&mut self, (link, code): (usize, usize), row: u32) {
        let seen = &mut self.seen[link];
        seen.resize(seen.len().max(code + 1), u32::MAX);
        seen[code] = row;
    }

    /// How much was told of references that lead nowhere.
    fn told(&self) -> (usize, usize) {
        (self.lost.len(), self.beyond.len())
    }

    fn push(&mut self, value: &Mapped<'_>, ty: &Type, row: u32, world: World<'_>, rosters: &[Roster]) {
        let schema = &world.program.schema;
        match (value, ty.required()) {
            (Mapped::Value(value), Type::Identity(of)) => {
                let found = self.resolve(value, *of, row, world, rosters);
                self.column.push(&found);
            }
            (Mapped::Value(_), Type::List(_)) if ty.is_optional() => self.column.push_no_list(),
            (Mapped::Value(_), Type::List(_)) => self.column.push_list(&[]),
            (Mapped::Value(_), Type::Record(_)) => self.column.push_record(None),
            (Mapped::Value(value), Type::Enum(_)) if !matches!(value, Value::Enum(_)) => {
                self.column.push(&Value::Absent);
            }
            (Mapped::Value(value), _) => self.column.push(value),
            (Mapped::List(rows), ty) => {
                let types =
                    record_of(ty).map(|id| &schema.records[id.index()].fields[..]).unwrap_or_default();
                let rows: Vec<Vec<Value<'_>>> = rows
                    .iter()
                    .map(|fields| self.resolve_fields(fields, types, row, world, rosters))
                    .collect();
                self.column.push_list(&rows);
            }
            (Mapped::Record(fields), ty) => {
                let types =
                    record_of(ty).map(|id| &schema.records[id.index()].fields[..]).unwrap_or_default();
                let fields = fields.as_ref().map(|f| self.resolve_fields(f, types, row, world, rosters));
                self.column.push_record(fields.as_deref());
            }
        }
    }

    fn resolve_fields<'v>(
        &mut self,
        fields: &[Value<'v>],
        types: &[FieldDef],
        row: u32,
        world: World<'_>,
        rosters: &[Roster],
    ) -> Vec<Value<'v>> {
        fields
            .iter()
            .zip(types)
            .map(|(value, def)| match def.ty.required() {
                Type::Identity(of) => self.resolve(value, *of, row, world, rosters),
                _ => value.clone(),
            })
            .collect()
    }

    /// The row of a key, as the column of a reference holds it.
    fn resolve(
        &mut self,
        key: &Value<'_>,
        of: IdentityId,
        row: u32,
        world: World<'_>,
        rosters: &[Roster],
    ) -> Value<'static> {
        if key.is_absent() {
            return Value::Absent;
        }
        let def = world.program.schema.identity(of);
        let ty = def.attributes[def.key.index()].ty.required();
        let spelled = key.plain(&Type::Str, &world.program.schema);
        let spelled = match ty {
            Type::Text => prov_model::fold(&spelled).into_owned(),
            Type::Str | Type::Identity(_) => spelled,
            // A number may be written in more than one way.
            _ => cell_value(RawCell::Text(&spelled), ty, &world.program.schema, &world.moment.zone)
                .map_or(spelled.clone(), |v| key_spelling(&v, ty, &world.program.schema)),
        };
        match rosters[of.index()].find(&spelled) {
            Some(row) => Value::Int(i64::from(row)),
            None => {
                // Absence from a source that may lack rows proves nothing.
                if let Some(source) = rosters[of.index()].lacking {
                    if self.beyond.last().is_none_or(|(last, _)| *last != row) {
                        self.beyond.push((row, source));
                    }
                } else if self.lost.last() != Some(&row) {
                    self.lost.push(row);
                }
                Value::Absent
            }
        }
    }
}
