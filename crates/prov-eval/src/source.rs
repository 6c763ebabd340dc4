//! From the rows of sources to identities in columns.
//! Invariant: the order of rows leaves no trace; a row that can't be mapped never makes up a value: what is wrong is
//! reported, all of it, and the attributes in question are marked.

use crate::interp::{Interp, Subject};
use crate::reject::Rejector;
use crate::shape::Shape;
use crate::world::{Catalogs, LookupTable, World};
use prov_ir::{AttributeProgram, Program, SourceProgram};
use prov_model::{
    AttrId, Column, ColumnBuilder, DataWarning, IdentityId, IdentityTable, Moment, Oddity, Population,
    RawTable, RecordId, Rejection, SourceCount, Table, Type, Value, cell_record, cell_rows, cell_value,
    key_spelling, nfc,
};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

/// Rows that are in memory as values at one time.
const CHUNK: usize = 1 << 15;

/// Makes identities of the rows of sources (each with its position in [`prov_model::Schema::sources`]).
pub fn build_population(program: &Program, sources: &[(u32, RawTable)], moment: &Moment) -> Population {
    build_population_with(program, &[], sources, moment)
}

/// The same, for mappings that look up tables.
pub fn build_population_with(
    program: &Program,
    tables: &[LookupTable],
    sources: &[(u32, RawTable)],
    moment: &Moment,
) -> Population {
    let world =
        World { program, tables, population: None, moment, background: None, states: None, names: None };
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
        let built = roster.build(&mappers, &rosters, IdentityId(ty as u32), world);
        population.types.push(built.table);
        population.warnings.extend(built.warnings);
        for (mapper, rejection) in built.rejections {
            rejected[mapper].insert(rejection.line);
            population.rejections.push(rejection);
        }
    }
    population.rejections.sort();
    population.rejections.dedup();
    population.counts = counts(&mappers, &rejected);
    population.link(&program.schema);
    population.warnings.extend(circles(&population, program));
    population.warnings.sort();
    population
}

/// One source's rows with the program that reads them.
struct Mapper<'a> {
    world: World<'a>,
    shape: &'a Shape,
    program: &'a SourceProgram,
    identity: IdentityId,
    rows: &'a RawTable,
    /// Where the columns of the program stand in the rows.
    columns: Vec<Option<usize>>,
    rejector: Rejector<'a>,
}

/// A row on its way into columns.
struct MappedRow<'a> {
    values: Vec<Mapped<'a>>,
    broken: Vec<AttrId>,
    rejections: Vec<Rejection>,
}

/// A value as [`ColumnBuilder`] takes it.
enum Mapped<'a> {
    /// A scalar, a set, or the key of a reference.
    Value(Value<'a>),
    List(Vec<Vec<Value<'static>>>),
    Record(Option<Vec<Value<'static>>>),
}

/// The identities of a type, in order of key.
struct Roster {
    members: Vec<Member>,
    /// Rows without a key: mapper and row.
    keyless: Vec<(usize, usize)>,
    /// Rows by key, as references spell it (folded where keys are `text`).
    index: FxHashMap<Box<str>, u32>,
}

/// A row's key as it is compared and as it is spelled, with mapper and row.
type Keyed = (Box<str>, Box<str>, (usize, usize));

struct Member {
    key: Box<str>,
    /// Mapper and row of each row that has the key; one, if all is well.
    rows: Vec<(usize, usize)>,
}

/// An identity table with what was found on the way.
struct Built {
    table: IdentityTable,
    rejections: Vec<(usize, Rejection)>,
    warnings: Vec<DataWarning>,
}

impl<'a> Mapper<'a> {
    fn new(world: World<'a>, shape: &'a Shape, program: &'a SourceProgram, rows: &'a RawTable) -> Mapper<'a> {
        let def = &world.program.schema.sources[program.source as usize];
        let columns: Vec<Option<usize>> = program.columns.iter().map(|c| rows.column(c)).collect();
        Mapper {
            world,
            shape,
            program,
            identity: def.identity,
            rows,
            rejector: Rejector { program: world.program, source: program, name: &def.name, file: &rows.file },
            columns,
        }
    }

    /// One a column that must be there and is not.
    fn missing_columns(&self) -> Vec<Rejection> {
        let attributes = &self.world.program.schema.identity(self.identity).attributes;
        let optional = |column: usize| {
            let reads = self.program.attributes.iter().zip(attributes).filter(|(a, _)| match a {
                AttributeProgram::Column(c) => *c as usize == column,
                AttributeProgram::Mapped(_) | AttributeProgram::Nothing => false,
            });
            let mapped = self.rejector.reads_cell(column as u32);
            !mapped && reads.map(|(_, def)| def.ty.is_optional()).min().unwrap_or(true)
        };
        (0..self.columns.len())
            .filter(|&c| self.columns[c].is_none() && !optional(c))
            .map(|c| self.rejector.missing_column(&self.program.columns[c]))
            .collect()
    }

    fn interp(&'a self) -> Option<Interp<'a>> {
        let first = (!self.rows.is_empty()).then(|| self.rows.row(0))?;
        Some(Interp::new(self.world, self.shape, Subject::Row(first, &self.columns)))
    }

    /// The key of every row.
    fn keys(&'a self) -> Vec<Option<Box<str>>> {
        let key = self.world.program.schema.identity(self.identity).key;
        (0..self.rows.len())
            .into_par_iter()
            .with_min_len(1024)
            .map_init(
                || self.interp(),
                |interp, row| {
                    let interp = interp.as_mut()?;
                    interp.turn_to(Subject::Row(self.rows.row(row), &self.columns));
                    let mut unread = Vec::new();
                    let Mapped::Value(value) = self.attribute(interp, key, row, None, &mut unread)? else {
                        return None;
                    };
                    let ty = &self.world.program.schema.identity(self.identity).attributes[key.index()].ty;
                    let spelled = value.plain(ty, &self.world.program.schema);
                    (!value.is_absent()).then(|| Box::from(&*nfc(&spelled)))
                },
            )
            .collect()
    }

    /// A whole row.
    fn row(&'a self, interp: &mut Interp<'a>, row: usize, id: Option<&str>) -> MappedRow<'a> {
        let mut out = MappedRow { values: Vec::new(), broken: Vec::new(), rejections: Vec::new() };
        for attr in 0..self.program.attributes.len() {
            let attr = AttrId(attr as u32);
            interp.turn_to(Subject::Row(self.rows.row(row), &self.columns));
            let value = self.attribute(interp, attr, row, id, &mut out.rejections);
            if value.is_none() {
                out.broken.push(attr);
            }
            out.values.push(value.unwrap_or(Mapped::Value(Value::Absent)));
        }
        out
    }

    /// An attribute of a row; `None` where it can't be had, with why.
    fn attribute(
        &'a self,
        interp: &mut Interp<'a>,
        attr: AttrId,
        row: usize,
        id: Option<&str>,
        rejections: &mut Vec<Rejection>,
    ) -> Option<Mapped<'a>> {
        let schema = &self.world.program.schema;
        let def = &schema.identity(self.identity).attributes[attr.index()];
        let raw = self.rows.row(row);
        let value = match &self.program.attributes[attr.index()] {
            AttributeProgram::Column(number) => {
                let column = self.columns[*number as usize];
                if column.is_none() && !def.ty.is_optional() {
                    return None; // said once, for the file
                }
                let cell = column.map_or(prov_model::RawCell::Absent, |c| raw.cell(c));
                let zone = &self.world.moment.zone;
                let read = match (cell, def.ty.required()) {
                    (prov_model::RawCell::Absent, _) => Ok(Mapped::Value(Value::Absent)),
                    (cell, Type::List(_)) => {
                        cell_rows(cell, record_of(&def.ty)?, schema, zone).map(Mapped::List)
                    }
                    (cell, Type::Record(id)) => cell_record(cell, *id, schema, zone).map(Mapped::Record),
                    // Columns fold once a distinct spelling.
                    (cell, Type::Text) => cell_value(cell, &Type::Str, schema, zone).map(Mapped::Value),
                    (cell, ty) => cell_value(cell, ty, schema, zone).map(Mapped::Value),
                };
                match read {
                    Ok(value) => value,
                    Err(error) => {
                        rejections.push(self.rejector.cell(raw.line(), *number, error, id));
                        return None;
                    }
                }
            }
            AttributeProgram::Mapped(expr) => {
                // Nothing of a row is unknown: there is no broken record to read.
                let value = interp.eval(*expr).unwrap_or(Value::Absent);
                if !interp.failures.is_empty() {
                    for failure in std::mem::take(&mut interp.failures) {
                        rejections.push(self.rejector.failure(raw.line(), def, failure, id));
                    }
                    return None;
                }
                if self.rejector.lacks_column(*expr, &self.columns) && value.is_absent() {
                    return None; // said once, for the file
                }
                Mapped::Value(normal(value, &def.ty))
            }
            AttributeProgram::Nothing => Mapped::Value(Value::Absent),
        };
        if let (Mapped::Value(name), true) =
            (&value, self.world.program.zones.contains(&(self.identity, attr)))
            && let Some(name) = name.spelling()
            && prov_model::Zone::parse(name).is_none()
        {
            let of = &self.program.attributes[attr.index()];
            rejections.push(self.rejector.no_zone(raw.line(), name, def, of, id));
            return None;
        }
        match (&value, &def.ty) {
            (Mapped::Value(Value::Absent) | Mapped::Record(None), ty) if !ty.is_optional() => match ty {
                Type::Set(_) => Some(Mapped::Value(Value::Set(Vec::new()))),
                Type::List(_) => Some(Mapped::List(Vec::new())),
                _ => {
                    let of = &self.program.attributes[attr.index()];
                    rejections.push(self.rejector.no_value(raw.line(), def, of, id));
                    None
                }
            },
            _ => Some(value),
        }
    }
}

fn record_of(ty: &Type) -> Option<RecordId> {
    match ty.required() {
        Type::List(inner) => record_of(inner),
        Type::Record(id) => Some(*id),
        _ => None,
    }
}

/// A computed value as its column holds it: text in NFC, sets in the order of the column's elements.
fn normal<'a>(value: Value<'a>, ty: &Type) -> Value<'a> {
    match (value, ty.required()) {
        (Value::Str(s), _) if !s.is_ascii() => Value::Str(nfc(&s).into_owned().into()),
        (Value::Text(t), _) if !t.spelled.is_ascii() => Value::text(nfc(&t.spelled).into_owned()),
        (Value::Set(elements), Type::Set(element)) => Value::set(
            elements
                .into_iter()
                .map(|e| match (normal(e, element), &**element) {
                    (Value::Str(s), Type::Text) => Value::text(s),
                    (e, _) => e,
                })
                .collect(),
        ),
        (value, _) => value,
    }
}

impl Roster {
    fn new(mappers: &[Mapper<'_>], world: World<'_>, ty: IdentityId) -> Roster {
        let def = world.program.schema.identity(ty);
        let folds = *def.attributes[def.key.index()].ty.required() == Type::Text;
        let mut keyless = Vec::new();
        let mut keyed: Vec<Keyed> = Vec::new();
        for (m, mapper) in mappers.iter().enumerate().filter(|(_, m)| m.identity == ty) {
            for (row, key) in mapper.keys().into_iter().enumerate() {
                match key {
                    Some(key) if folds => keyed.push((prov_model::fold(&key).into(), key, (m, row))),
                    Some(key) => keyed.push((key.clone(), key, (m, row))),
                    None => keyless.push((m, row)),
                }
            }
        }
        keyed.par_sort_unstable();
        let mut members: Vec<(Box<str>, Member)> = Vec::with_capacity(keyed.len());
        for (compared, key, row) in keyed {
            match members.last_mut() {
                Some((last, member)) if *last == compared => member.rows.push(row),
                _ => members.push((compared, Member { key, rows: vec![row] })),
            }
        }
        members.sort_by(|a, b| a.1.key.cmp(&b.1.key));
        let index = members.iter().enumerate().map(|(i, (c, _))| (c.clone(), i as u32)).collect();
        Roster { members: members.into_iter().map(|(_, m)| m).collect(), keyless, index }
    }

    fn build(&self, mappers: &[Mapper<'_>], rosters: &[Roster], ty: IdentityId, world: World<'_>) -> Built {
        let schema = &world.program.schema;
        let def = schema.identity(ty);
        let fields = |id: RecordId| schema.records[id.index()].fields.iter().map(|f| f.ty.clone()).collect();
        let mut builders: Vec<Builder> = def
            .attributes
            .iter()
            .map(|a| Builder { column: ColumnBuilder::new(&a.ty, &fields), lost: Vec::new() })
            .collect();
        let mut rejections = Vec::new();
        let mut broken = std::collections::BTreeMap::new();
        for (start, chunk) in self.members.chunks(CHUNK).enumerate().map(|(i, c)| (i * CHUNK, c)) {
            let rows: Vec<(usize, MappedRow<'_>)> = chunk
                .par_iter()
                .with_min_len(256)
                .map_init(Vec::<(usize, Interp<'_>)>::new, |interps, member| {
                    self.map_member(mappers, interps, member, ty, world)
                })
                .collect();
            builders.par_iter_mut().enumerate().for_each(|(a, builder)| {
                for (i, (_, row)) in rows.iter().enumerate() {
                    builder.push(&row.values[a], &def.attributes[a].ty, (start + i) as u32, world, rosters);
                }
            });
            for (i, (mapper, row)) in rows.into_iter().enumerate() {
                if !row.broken.is_empty() {
                    broken.insert((start + i) as u32, row.broken);
                }
                rejections.extend(row.rejections.into_iter().map(|r| (mapper, r)));
            }
        }
        for &(m, row) in &self.keyless {
            if let Some(mut interp) = mappers[m].interp() {
                let mapped = mappers[m].row(&mut interp, row, None);
                rejections.extend(mapped.rejections.into_iter().map(|r| (m, r)));
            }
        }
        let keys: Vec<Box<str>> = self.members.iter().map(|m| m.key.clone()).collect();
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
        let mut table = IdentityTable::new(Table { columns, rows: keys.len(), keys });
        table.broken = broken;
        Built { table, rejections, warnings }
    }

    fn map_member<'a>(
        &self,
        mappers: &'a [Mapper<'a>],
        interps: &mut Vec<(usize, Interp<'a>)>,
        member: &Member,
        ty: IdentityId,
        world: World<'a>,
    ) -> (usize, MappedRow<'a>) {
        let def = world.program.schema.identity(ty);
        let id = world.program.schema.global_id(ty, &member.key);
        let (m, row) = member.rows[0];
        if member.rows.len() > 1 {
            let mut values: Vec<Mapped<'a>> = def.attributes.iter().map(|a| empty(&a.ty)).collect();
            values[def.key.index()] = Mapped::Value(Value::str(member.key.to_string()));
            let lines: Vec<(String, u64)> = member
                .rows
                .iter()
                .map(|(m, row)| (mappers[*m].rows.file.clone(), mappers[*m].rows.row(*row).line()))
                .collect();
            let key = &def.attributes[def.key.index()];
            let rejections = member
                .rows
                .iter()
                .map(|(m, row)| {
                    let line = mappers[*m].rows.row(*row).line();
                    let of = &mappers[*m].program.attributes[def.key.index()];
                    mappers[*m].rejector.duplicate(line, &member.key, key, of, &lines, &id)
                })
                .collect();
            let broken = (0..def.attributes.len() as u32).map(AttrId).filter(|a| *a != def.key).collect();
            return (m, MappedRow { values, broken, rejections });
        }
        let at = match interps.iter().position(|(of, _)| *of == m) {
            Some(at) => at,
            None => match mappers[m].interp() {
                Some(interp) => {
                    interps.push((m, interp));
                    interps.len() - 1
                }
                None => {
                    let values = def.attributes.iter().map(|a| empty(&a.ty)).collect();
                    return (m, MappedRow { values, broken: Vec::new(), rejections: Vec::new() });
                }
            },
        };
        (m, mappers[m].row(&mut interps[at].1, row, Some(&id)))
    }
}

fn empty<'a>(ty: &Type) -> Mapped<'a> {
    match ty.required() {
        Type::List(_) => Mapped::List(Vec::new()),
        Type::Record(_) => Mapped::Record(None),
        _ => Mapped::Value(Value::Absent),
    }
}

/// A column being built, with the rows whose reference leads to no one.
struct Builder {
    column: ColumnBuilder,
    lost: Vec<u32>,
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
        types: &[prov_model::FieldDef],
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
            _ => {
                cell_value(prov_model::RawCell::Text(&spelled), ty, &world.program.schema, &world.moment.zone)
                    .map_or(spelled.clone(), |v| key_spelling(&v, ty, &world.program.schema))
            }
        };
        match rosters[of.index()].index.get(spelled.as_str()) {
            Some(row) => Value::Int(i64::from(*row)),
            None => {
                if self.lost.last() != Some(&row) {
                    self.lost.push(row);
                }
                Value::Absent
            }
        }
    }
}

fn examples(ids: impl Iterator<Item = String>) -> Vec<String> {
    ids.take(3).collect()
}

fn counts(mappers: &[Mapper<'_>], rejected: &[FxHashSet<u64>]) -> Vec<SourceCount> {
    let mut counts: Vec<SourceCount> = Vec::new();
    for (mapper, rejected) in mappers.iter().zip(rejected) {
        let name = mapper.rejector.name;
        let (rows, rejected) = (mapper.rows.len() as u64, rejected.len() as u64);
        match counts.iter_mut().find(|c| c.source == name) {
            Some(count) => {
                count.rows += rows;
                count.rejected += rejected;
            }
            None => counts.push(SourceCount { source: name.to_owned(), rows, rejected }),
        }
    }
    counts.sort_by(|a, b| a.source.cmp(&b.source));
    counts
}

/// References of a type to itself that lead back to where they start.
fn circles(population: &Population, program: &Program) -> Vec<DataWarning> {
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
