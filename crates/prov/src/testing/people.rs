//! The people of a test: identities as values, laid over those that a file brings, and made into a population.
//! Invariant: a reference is a key until the population is made, so that who comes and goes needs no care.

use prov_eval::LookupTable;
use prov_model::{
    AttrId, Column, ColumnBuilder, Date, FieldDef, IdentityId, IdentityTable, Membership, Population, Schema,
    Table, TableId, Type, Value, fold, key_spelling, nfc,
};
use std::collections::BTreeMap;

/// A value, whole.
#[derive(Clone, Debug)]
pub(crate) enum Datum {
    /// A plain value, a set, or none.
    Value(Value<'static>),
    /// A reference: a key.
    Key(String),
    /// A record; none where it is absent.
    Record(Option<Vec<Datum>>),
    /// A list of records.
    Rows(Vec<Vec<Datum>>),
}

impl Datum {
    /// What an attribute is that nothing is said of.
    pub(crate) fn empty(ty: &Type) -> Datum {
        match ty {
            Type::Set(_) => Datum::Value(Value::Set(Vec::new())),
            Type::List(_) => Datum::Rows(Vec::new()),
            _ => match ty.required() {
                Type::Record(_) => Datum::Record(None),
                _ => Datum::Value(Value::Absent),
            },
        }
    }
}

/// An identity.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// One an attribute of its type.
    pub values: Vec<Datum>,
    /// Whether a row of it could not be read, with the attributes that can't be trusted for it.
    pub broken: Option<Vec<AttrId>>,
    /// Attributes that can't be known, with the source that may bring them.
    pub doubtful: Vec<(AttrId, u32)>,
    /// By source, whether it has a row of it; what is not here has none.
    pub members: Vec<(u32, Membership)>,
    /// The next day from which another row counts.
    pub upcoming: Option<Date>,
}

/// Identities by type and key.
pub(crate) type Folk = BTreeMap<(IdentityId, String), Record>;

/// The identities of a population, as values.
pub(crate) fn folk_of(schema: &Schema, population: &Population) -> Folk {
    let mut folk = Folk::new();
    for (ty, of) in population.types.iter().enumerate() {
        let id = IdentityId(ty as u32);
        let fields = &schema.identity(id).attributes;
        for row in 0..of.len() as u32 {
            let values = read(&of.table, row, fields, schema, population);
            let member = |(s, rows): &(u32, Vec<Membership>)| Some((*s, *rows.get(row as usize)?));
            let record = Record {
                values,
                broken: of.broken.get(&row).cloned(),
                doubtful: of.doubtful.get(&row).cloned().unwrap_or_default(),
                members: of.members.iter().filter_map(member).collect(),
                upcoming: of.upcoming.get(&row).copied(),
            };
            folk.insert((id, of.table.key(row).unwrap_or("").to_owned()), record);
        }
    }
    folk
}

fn read(table: &Table, row: u32, fields: &[FieldDef], schema: &Schema, people: &Population) -> Vec<Datum> {
    let cell = |(i, field): (usize, &FieldDef)| {
        let Some(column) = table.columns.get(i) else { return Datum::empty(&field.ty) };
        let at = row as usize;
        match (column, field.ty.required()) {
            (Column::Ref(rows), Type::Identity(of)) => match rows.get(at) {
                Some(&r) if r != Column::NOBODY => {
                    Datum::Key(people.of(*of).table.key(r).unwrap_or("").to_owned())
                }
                _ => Datum::Value(Value::Absent),
            },
            (Column::List(offsets, inner, _), Type::List(element)) => match element.required() {
                Type::Record(id) if column.is_present(at) => {
                    let fields = &schema.records[id.index()].fields;
                    let rows = offsets.range(at);
                    Datum::Rows(rows.map(|r| read(inner, r, fields, schema, people)).collect())
                }
                _ => Datum::Rows(Vec::new()),
            },
            (Column::Record(inner, _), Type::Record(id)) => {
                let fields = &schema.records[id.index()].fields;
                let there = column.is_present(at);
                Datum::Record(there.then(|| read(inner, row, fields, schema, people)))
            }
            _ => Datum::Value(column.get(at).into_owned()),
        }
    };
    fields.iter().enumerate().map(cell).collect()
}

/// A key as it is compared.
fn compared(schema: &Schema, of: IdentityId, key: &str) -> String {
    let def = schema.identity(of);
    let key = nfc(key);
    match def.attributes[def.key.index()].ty.required() {
        Type::Text => fold(&key).into_owned(),
        _ => key.into_owned(),
    }
}

/// The key of a value of the key's type.
pub(crate) fn key_of(schema: &Schema, of: IdentityId, value: &Value<'_>) -> String {
    let def = schema.identity(of);
    match value.spelling() {
        Some(s) => nfc(s).into_owned(),
        None => key_spelling(value, &def.attributes[def.key.index()].ty, schema),
    }
}

struct Maker<'a> {
    schema: &'a Schema,
    /// Rows by compared key, by identity type.
    rows: Vec<BTreeMap<String, u32>>,
}

/// The population of these identities. Counts and rejections are the caller's.
pub(crate) fn population_of(schema: &Schema, folk: &Folk) -> Population {
    let mut rows = vec![BTreeMap::new(); schema.identities.len()];
    for (ty, key) in folk.keys() {
        let of = &mut rows[ty.index()];
        let row = of.len() as u32;
        // INVARIANT: a folk has no two keys that compare as one; see `put`.
        of.insert(compared(schema, *ty, key), row);
    }
    let maker = Maker { schema, rows };
    let mut population = Population::default();
    for (ty, def) in schema.identities.iter().enumerate() {
        let id = IdentityId(ty as u32);
        let people: Vec<(&String, &Record)> =
            folk.iter().filter(|((of, _), _)| *of == id).map(|((_, key), r)| (key, r)).collect();
        let lines: Vec<&Vec<Datum>> = people.iter().map(|(_, r)| &r.values).collect();
        let mut table = maker.table(&def.attributes, &lines);
        table.keys = people.iter().map(|(key, _)| key.as_str().into()).collect();
        let mut made = IdentityTable::new(table);
        for (row, (_, record)) in people.iter().enumerate() {
            let row = row as u32;
            made.broken.extend(record.broken.clone().map(|b| (row, b)));
            made.upcoming.extend(record.upcoming.map(|day| (row, day)));
            if !record.doubtful.is_empty() {
                made.doubtful.insert(row, record.doubtful.clone());
            }
        }
        for (source, _) in schema.sources.iter().enumerate().filter(|(_, s)| s.identity == id) {
            let of = |r: &Record| r.members.iter().find(|(s, _)| *s as usize == source).map(|(_, m)| *m);
            let rows = people.iter().map(|(_, r)| of(r).unwrap_or(Membership::Out)).collect();
            made.members.push((source as u32, rows));
        }
        population.types.push(made);
    }
    population.link(schema);
    population
}

/// Adds someone, in the place of whom a file brought under the same key.
pub(crate) fn put(schema: &Schema, folk: &mut Folk, ty: IdentityId, key: &str, record: Record) {
    let same = compared(schema, ty, key);
    let known = folk.keys().find(|(t, k)| *t == ty && compared(schema, ty, k) == same).cloned();
    if let Some(known) = known {
        folk.remove(&known);
    }
    folk.insert((ty, key.to_owned()), record);
}

/// The rows of a look-up table; of two with one key the later counts.
pub(crate) fn lookup_of(schema: &Schema, table: TableId, rows: Vec<Vec<Datum>>) -> LookupTable {
    let def = &schema.tables[table.index()];
    let fields = &schema.records[def.record.index()].fields;
    let key_ty = &fields[def.key].ty;
    let mut by_key: BTreeMap<String, Vec<Datum>> = BTreeMap::new();
    for row in rows {
        let key = match row.get(def.key) {
            Some(Datum::Value(value)) => key_spelling(value, key_ty, schema),
            _ => String::new(),
        };
        by_key.insert(key, row);
    }
    let maker = Maker { schema, rows: vec![BTreeMap::new(); schema.identities.len()] };
    let lines: Vec<&Vec<Datum>> = by_key.values().collect();
    let mut made = maker.table(fields, &lines);
    made.keys = by_key.keys().map(|k| k.as_str().into()).collect();
    LookupTable::new(made, key_ty)
}

impl Maker<'_> {
    fn table(&self, fields: &[FieldDef], rows: &[&Vec<Datum>]) -> Table {
        let record = |id: prov_model::RecordId| -> Vec<Type> {
            self.schema.records[id.index()].fields.iter().map(|f| f.ty.clone()).collect()
        };
        let columns = fields
            .iter()
            .enumerate()
            .map(|(i, field)| {
                let mut builder = ColumnBuilder::new(&field.ty, &record);
                for row in rows {
                    self.push(&mut builder, &field.ty, &row[i]);
                }
                builder.finish()
            })
            .collect();
        Table { columns, rows: rows.len(), keys: Vec::new() }
    }

    fn push(&self, builder: &mut ColumnBuilder, ty: &Type, datum: &Datum) {
        match (ty.required(), datum) {
            (Type::List(of), Datum::Rows(rows)) => {
                let rows: Vec<Vec<Value<'_>>> = rows.iter().map(|r| self.fields(of, r)).collect();
                builder.push_list(&rows);
            }
            (Type::List(_), _) => builder.push_list(&[]),
            (Type::Record(_), Datum::Record(fields)) => {
                let fields = fields.as_ref().map(|f| self.fields(ty.required(), f));
                builder.push_record(fields.as_deref());
            }
            (Type::Record(_), _) => builder.push_record(None),
            (ty, datum) => builder.push(&self.plain(ty, datum)),
        }
    }

    fn fields(&self, record: &Type, data: &[Datum]) -> Vec<Value<'static>> {
        let Type::Record(id) = record.required() else { return Vec::new() };
        let types = &self.schema.records[id.index()].fields;
        data.iter().zip(types).map(|(d, f)| self.plain(f.ty.required(), d)).collect()
    }

    fn plain(&self, ty: &Type, datum: &Datum) -> Value<'static> {
        match (ty, datum) {
            (Type::Identity(of), Datum::Key(key)) => {
                let found = self.rows[of.index()].get(&compared(self.schema, *of, key));
                found.map_or(Value::Absent, |row| Value::Int(i64::from(*row)))
            }
            (_, Datum::Value(value)) => value.clone(),
            (_, Datum::Key(_) | Datum::Record(_) | Datum::Rows(_)) => Value::Absent,
        }
    }
}
