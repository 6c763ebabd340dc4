//! Identities into columns, with their references resolved.
//! Invariant: a column has a row an identity, in order of key, whatever could not be read.

use super::examples;
use super::mapper::{Mapped, Mapper, record_of};
use super::merge::{Interps, MergedRow, Sources};
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
        .map(|a| Builder { column: ColumnBuilder::new(&a.ty, &fields), lost: Vec::new(), beyond: Vec::new() })
        .collect();
    let mut rejections = Vec::new();
    let mut broken = BTreeMap::new();
    let mut doubtful: BTreeMap<u32, Vec<(AttrId, u32)>> = BTreeMap::new();
    let sources = Sources { mappers, links: &roster.links, ty };
    let mut members: Vec<Vec<Membership>> = roster.links.iter().map(|_| Vec::new()).collect();
    for (start, chunk) in roster.keys.chunks(CHUNK).enumerate().map(|(i, c)| (i * CHUNK, c)) {
        let rows: Vec<MergedRow<'_>> = chunk
            .par_iter()
            .enumerate()
            .with_min_len(256)
            .map_init(Interps::new, |interps, (i, key)| sources.row(interps, (start + i) as u32, key))
            .collect();
        builders.par_iter_mut().enumerate().for_each(|(a, builder)| {
            for (i, row) in rows.iter().enumerate() {
                builder.push(&row.values[a], &def.attributes[a].ty, (start + i) as u32, world, rosters);
            }
        });
        for (i, row) in rows.into_iter().enumerate() {
            let number = (start + i) as u32;
            if row.held || !row.broken.is_empty() {
                broken.insert(number, row.broken);
            }
            if !row.doubtful.is_empty() {
                doubtful.insert(number, row.doubtful);
            }
            members.iter_mut().zip(row.members).for_each(|(all, one)| all.push(one));
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
}

impl Builder {
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
        match rosters[of.index()].index.get(spelled.as_str()) {
            Some(row) => Value::Int(i64::from(*row)),
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
