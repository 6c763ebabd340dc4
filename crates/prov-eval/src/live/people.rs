//! The population of a session, and who refers to whom in it.
//! Invariant: a row keeps its number, whoever comes and goes; a reference to nobody is known by the key that it names, so
//! that it leads there once somebody has that key.

use super::Who;
use super::reach::{Reach, Step};
use super::rows::Rows;
use crate::shape::Shape;
use crate::source::{Cell, OneRead, read_one};
use crate::world::World;
use prov_model::{
    AttrId, Codes, Column, IdentityId, IdentityTable, Lists, Membership, Population, RawCell, Schema, Table,
    Type, Value, cell_value, fold, key_spelling,
};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::Hasher;
use std::sync::Arc;

/// Somebody by type and key, whether or not they are there.
type Named = (IdentityId, Box<str>);

/// A key as it is compared.
pub(super) fn compared(schema: &Schema, ty: IdentityId, key: &str) -> Box<str> {
    let def = schema.identity(ty);
    match def.attributes[def.key.index()].ty.required() {
        Type::Text => fold(key).into(),
        _ => key.into(),
    }
}

/// Finds rows by key.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_hash: FxHashMap<u64, u32>,
    /// Those whose hash another one has.
    others: FxHashMap<Box<str>, u32>,
}

impl Index {
    pub fn of(schema: &Schema, ty: IdentityId, table: &IdentityTable) -> Index {
        let mut index = Index::default();
        index.by_hash.reserve(table.len());
        for (key, row) in table.table.keys.iter().zip(0..) {
            index.add(&compared(schema, ty, key), row);
        }
        index
    }

    fn add(&mut self, key: &str, row: u32) {
        if *self.by_hash.entry(hash(key)).or_insert(row) != row {
            self.others.insert(key.into(), row);
        }
    }

    /// The row of a key as it is compared, whether or not somebody is there.
    pub fn find(&self, schema: &Schema, ty: IdentityId, table: &IdentityTable, key: &str) -> Option<u32> {
        let row = *self.by_hash.get(&hash(key))?;
        let known = table.table.key(row)?;
        if *known == *key || *compared(schema, ty, known) == *key {
            return Some(row);
        }
        self.others.get(key).copied()
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(key.as_bytes());
    hasher.finish()
}

struct OfType {
    index: Index,
    /// By attribute.
    codes: Vec<Codes>,
    /// By attribute that refers, and the type that it refers to: who refers to each row of that type.
    back: Vec<(AttrId, IdentityId, Lists)>,
}

pub(super) struct People {
    population: Arc<Population>,
    types: Vec<OfType>,
    /// By type and key as it is compared: who refers to nobody by it.
    lost: FxHashMap<(IdentityId, Box<str>), Vec<Who>>,
    /// The same by who refers.
    lost_of: FxHashMap<Who, Vec<(IdentityId, Box<str>)>>,
}

/// Somebody of whom attributes changed: all where they came or went.
pub(super) struct Changed {
    pub who: Who,
    pub attrs: Option<Vec<AttrId>>,
}

impl Changed {
    fn has(&self, attr: AttrId) -> bool {
        self.attrs.as_ref().is_none_or(|a| a.contains(&attr))
    }
}

/// Somebody as read, their references resolved, with the keys of those that lead to nobody.
pub(super) struct Read {
    one: OneRead,
    lost: Vec<(IdentityId, Box<str>)>,
}

/// The types that an attribute refers to.
fn refers_to(schema: &Schema, ty: &Type, out: &mut Vec<IdentityId>) {
    match ty.required() {
        Type::Identity(of) => out.push(*of),
        Type::Set(of) | Type::List(of) => refers_to(schema, of, out),
        Type::Record(id) => {
            schema.records[id.index()].fields.iter().for_each(|f| refers_to(schema, &f.ty, out));
        }
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
        | Type::Optional(_) => {}
    }
}

/// Whom what a row of a column holds refers to, of one type.
fn targets(schema: &Schema, column: &Column, ty: &Type, row: usize, of: IdentityId, out: &mut Vec<u32>) {
    match (column, ty.required()) {
        (Column::Ref(rows), Type::Identity(to)) if *to == of => {
            out.extend(rows.get(row).filter(|r| **r != Column::NOBODY));
        }
        (Column::Set(offsets, elements, _), Type::Set(element)) => {
            offsets.range(row).for_each(|i| targets(schema, elements, element, i as usize, of, out));
        }
        (Column::List(offsets, table, _), Type::List(element)) => {
            offsets.range(row).for_each(|i| in_record(schema, table, element, i as usize, of, out));
        }
        (Column::Record(table, _), _) => in_record(schema, table, ty, row, of, out),
        (
            Column::Bool(..)
            | Column::Int(..)
            | Column::Decimal(..)
            | Column::Str(..)
            | Column::Text(..)
            | Column::Date(..)
            | Column::Instant(..)
            | Column::Duration(..)
            | Column::Elapsed(..)
            | Column::Enum(..)
            | Column::Set(..)
            | Column::List(..)
            | Column::Ref(_),
            _,
        ) => {}
    }
}

fn in_record(schema: &Schema, table: &Table, ty: &Type, row: usize, of: IdentityId, out: &mut Vec<u32>) {
    let Type::Record(id) = ty.required() else { return };
    for (column, field) in table.columns.iter().zip(&schema.records[id.index()].fields) {
        targets(schema, column, &field.ty, row, of, out);
    }
}

impl People {
    pub fn of(schema: &Schema, population: Population) -> People {
        let mut types = Vec::with_capacity(population.types.len());
        for (ty, table) in population.types.iter().enumerate() {
            let ty = IdentityId(ty as u32);
            let attributes = &schema.identity(ty).attributes;
            let mut back = Vec::new();
            for (attr, def) in attributes.iter().enumerate() {
                let mut to = Vec::new();
                refers_to(schema, &def.ty, &mut to);
                to.sort_unstable();
                to.dedup();
                let Some(column) = table.table.columns.get(attr) else { continue };
                for of in to {
                    let mut pairs: Vec<(u32, u32)> = Vec::new();
                    let mut found = Vec::new();
                    for row in 0..table.len() {
                        found.clear();
                        targets(schema, column, &def.ty, row, of, &mut found);
                        found.sort_unstable();
                        found.dedup();
                        pairs.extend(found.iter().map(|target| (*target, row as u32)));
                    }
                    let lists = Lists::of_pairs(population.of(of).len(), pairs.iter().copied());
                    back.push((AttrId(attr as u32), of, lists));
                }
            }
            let codes = vec![Codes::default(); attributes.len()];
            types.push(OfType { index: Index::of(schema, ty, table), codes, back });
        }
        let population = Arc::new(population);
        People { population, types, lost: FxHashMap::default(), lost_of: FxHashMap::default() }
    }

    pub fn population(&self) -> &Arc<Population> {
        &self.population
    }

    /// Finds the references of everyone that lead to nobody.
    pub fn note_lost(&mut self, world: World<'_>, shape: &Shape, rows: &Rows) {
        let schema = &world.program.schema;
        let mut found: Vec<(Who, Vec<Named>)> = Vec::new();
        for (ty, table) in self.population.types.iter().enumerate() {
            let ty = IdentityId(ty as u32);
            let mut to = Vec::new();
            let attributes = schema.identity(ty).attributes.iter().zip(&table.table.columns);
            let referring: Vec<&Column> = attributes
                .filter(|(def, _)| {
                    to.clear();
                    refers_to(schema, &def.ty, &mut to);
                    !to.is_empty()
                })
                .map(|(_, column)| column)
                .collect();
            // Within a list one that leads to nobody may stand beside one that leads somewhere.
            let may_be_lost = |column: &&Column, row: u32| match column {
                Column::Ref(rows) => rows[row as usize] == Column::NOBODY,
                column => column.is_present(row as usize),
            };
            for row in 0..table.len() as u32 {
                if referring.iter().any(|column| may_be_lost(column, row)) {
                    let lost = self.read(world, shape, rows, (ty, row)).lost;
                    if !lost.is_empty() {
                        found.push(((ty, row), lost));
                    }
                }
            }
        }
        for (who, lost) in found {
            self.lose(who, lost);
        }
    }

    pub fn row(&self, ty: IdentityId, key: &str) -> Option<u32> {
        // The schema is asked for only where keys fold, and then a folded key is what is looked for.
        self.types[ty.index()].find(self.population.of(ty), key)
    }

    pub fn is_gone(&self, ty: IdentityId, row: u32) -> bool {
        self.population.of(ty).gone.contains(&row)
    }

    pub fn set_gone(&mut self, (ty, row): Who, gone: bool) {
        let table = &mut Arc::make_mut(&mut self.population).types[ty.index()];
        if gone {
            table.gone.insert(row);
        } else {
            table.gone.remove(&row);
        }
    }

    /// Adds somebody of whom nothing is known yet but the key.
    pub fn add(&mut self, schema: &Schema, ty: IdentityId, spelled: &str, key: &str) -> u32 {
        let population = Arc::make_mut(&mut self.population);
        let table = &mut population.types[ty.index()];
        let row = table.len() as u32;
        table.table.keys.push(spelled.into());
        table.table.rows += 1;
        table.late.insert(spelled.into(), row);
        table.gone.insert(row);
        table.inverses.iter_mut().for_each(|lists| lists.put(row, &[]));
        table.members.iter_mut().for_each(|(_, rows)| rows.push(Membership::Out));
        let of = &mut self.types[ty.index()];
        of.index.add(key, row);
        for ((column, codes), def) in
            table.table.columns.iter_mut().zip(&mut of.codes).zip(&schema.identity(ty).attributes)
        {
            put(column, row as usize, &empty(&def.ty), codes);
        }
        for of in &mut self.types {
            of.back.iter_mut().filter(|(_, to, _)| *to == ty).for_each(|(.., lists)| lists.put(row, &[]));
        }
        row
    }

    /// Who refers to somebody, or would if they were there.
    pub fn referrers(&self, (ty, row): Who, key: &str) -> Vec<Who> {
        let mut out: Vec<Who> = Vec::new();
        for (from, of) in self.types.iter().enumerate() {
            for (_, to, lists) in &of.back {
                if *to == ty {
                    out.extend(lists.get(row).iter().map(|r| (IdentityId(from as u32), *r)));
                }
            }
        }
        out.extend(self.lost.get(&(ty, key.into())).into_iter().flatten().copied());
        out.retain(|(ty, row)| !self.is_gone(*ty, *row));
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Reads somebody anew from their rows.
    pub fn read(&self, world: World<'_>, shape: &Shape, rows: &Rows, who: Who) -> Read {
        let schema = &world.program.schema;
        let (ty, row) = who;
        let key = self.population.of(ty).table.key(row).unwrap_or("");
        let mut one = read_one(world, shape, ty, key, &rows.of_one(who));
        let mut lost = Vec::new();
        let fields = |id: prov_model::RecordId| schema.records[id.index()].fields.clone();
        for (cell, def) in one.cells.iter_mut().zip(&schema.identity(ty).attributes) {
            cell.resolve(&def.ty, &fields, &mut |key, of| {
                if key.is_absent() {
                    return Value::Absent;
                }
                let key = spelled(key, of, world);
                match self.row(of, &key).filter(|row| !self.is_gone(of, *row)) {
                    Some(row) => Value::Int(i64::from(row)),
                    None => {
                        lost.push((of, key));
                        Value::Absent
                    }
                }
            });
        }
        lost.sort();
        lost.dedup();
        Read { one, lost }
    }

    /// What is otherwise of somebody than it was.
    pub fn compare(&self, schema: &Schema, who: Who, read: &Read) -> Changed {
        let (ty, row) = who;
        let table = self.population.of(ty);
        let none = Vec::new();
        let (was, is) = (table.broken.get(&row).unwrap_or(&none), read.one.broken.as_ref().unwrap_or(&none));
        let attrs = (0..schema.identity(ty).attributes.len() as u32).map(AttrId).filter(|attr| {
            was.contains(attr) != is.contains(attr)
                || table
                    .table
                    .columns
                    .get(attr.index())
                    .is_none_or(|column| !holds(column, row as usize, &read.one.cells[attr.index()]))
        });
        Changed { who, attrs: Some(attrs.collect()) }
    }

    /// Writes somebody as read.
    pub fn write(&mut self, schema: &Schema, who: Who, read: Read) {
        let (ty, row) = who;
        self.unlink(schema, who);
        let table = &mut Arc::make_mut(&mut self.population).types[ty.index()];
        let codes = &mut self.types[ty.index()].codes;
        for ((column, cell), codes) in table.table.columns.iter_mut().zip(&read.one.cells).zip(codes) {
            if row as usize >= column.len() || !holds(column, row as usize, cell) {
                put(column, row as usize, cell, codes);
            }
        }
        match read.one.broken {
            Some(broken) => drop(table.broken.insert(row, broken)),
            None => drop(table.broken.remove(&row)),
        }
        match read.one.upcoming {
            Some(day) => drop(table.upcoming.insert(row, day)),
            None => drop(table.upcoming.remove(&row)),
        }
        for (source, is) in read.one.members {
            if let Some((_, rows)) = table.members.iter_mut().find(|(s, _)| *s == source) {
                rows[row as usize] = is;
            }
        }
        self.link(schema, who);
        self.lose(who, read.lost);
    }

    /// Takes somebody out of what others say of who refers to them.
    pub fn leave(&mut self, schema: &Schema, who: Who) {
        self.unlink(schema, who);
        self.lose(who, Vec::new());
        let (ty, row) = who;
        let table = &mut Arc::make_mut(&mut self.population).types[ty.index()];
        let codes = &mut self.types[ty.index()].codes;
        let attributes = schema.identity(ty).attributes.iter();
        for ((column, codes), def) in table.table.columns.iter_mut().zip(codes).zip(attributes) {
            put(column, row as usize, &empty(&def.ty), codes);
        }
        table.broken.remove(&row);
        table.upcoming.remove(&row);
    }

    fn lose(&mut self, who: Who, lost: Vec<(IdentityId, Box<str>)>) {
        for known in self.lost_of.remove(&who).into_iter().flatten() {
            if let Some(list) = self.lost.get_mut(&known) {
                list.retain(|w| *w != who);
                if list.is_empty() {
                    self.lost.remove(&known);
                }
            }
        }
        for key in &lost {
            self.lost.entry(key.clone()).or_default().push(who);
        }
        if !lost.is_empty() {
            self.lost_of.insert(who, lost);
        }
    }

    fn unlink(&mut self, schema: &Schema, who: Who) {
        self.relink(schema, who, false);
    }

    fn link(&mut self, schema: &Schema, who: Who) {
        self.relink(schema, who, true);
    }

    /// Takes somebody out of, or into, the lists of who refers to those that they refer to.
    fn relink(&mut self, schema: &Schema, (ty, row): Who, into: bool) {
        let population = Arc::make_mut(&mut self.population);
        let attributes = &schema.identity(ty).attributes;
        let mut found = Vec::new();
        for (attr, to, lists) in &mut self.types[ty.index()].back {
            let Some(column) = population.types[ty.index()].table.columns.get(attr.index()) else { continue };
            found.clear();
            targets(schema, column, &attributes[attr.index()].ty, row as usize, *to, &mut found);
            found.sort_unstable();
            found.dedup();
            for &target in &found {
                change(lists, target, row, into, |list| list.len());
                let inverse =
                    schema.identity(*to).inverses.iter().position(|i| (i.from, i.attribute) == (ty, *attr));
                let Some(inverse) = inverse else { continue };
                let mut inverses = std::mem::take(&mut population.types[to.index()].inverses);
                let keys = &population.types[ty.index()].table.keys;
                if let Some(lists) = inverses.get_mut(inverse) {
                    let key = &keys[row as usize];
                    change(lists, target, row, into, |list| {
                        list.partition_point(|r| keys[*r as usize] < *key)
                    });
                }
                population.types[to.index()].inverses = inverses;
            }
        }
    }

    /// Those whose results read what changed, as things stand.
    pub fn dependents(&self, reach: &Reach, changed: &[Changed], out: &mut FxHashSet<Who>) {
        for of in changed {
            let (ty, row) = of.who;
            for read in reach.reads[ty.index()].iter().filter(|read| of.has(read.attr)) {
                let mut at: Vec<u32> = vec![row];
                let mut at_ty = ty;
                for step in read.path.iter().rev() {
                    let mut next = Vec::new();
                    match *step {
                        Step::Ref(from, attr, to) => {
                            let back = self.types[from.index()].back.iter();
                            let lists = back.filter(|(a, t, _)| (*a, *t) == (attr, to));
                            for (.., lists) in lists {
                                at.iter().for_each(|row| next.extend(lists.get(*row)));
                            }
                            at_ty = from;
                        }
                        Step::Back(_, attr, to) => {
                            let columns = &self.population.of(at_ty).table.columns;
                            if let Some(Column::Ref(rows)) = columns.get(attr.index()) {
                                let targets = at.iter().map(|row| rows[*row as usize]);
                                next.extend(targets.filter(|r| *r != Column::NOBODY));
                            }
                            at_ty = to;
                        }
                    }
                    next.sort_unstable();
                    next.dedup();
                    at = next;
                }
                out.extend(at.into_iter().map(|row| (at_ty, row)));
            }
        }
    }
}

impl OfType {
    fn find(&self, table: &IdentityTable, key: &str) -> Option<u32> {
        let row = *self.index.by_hash.get(&hash(key))?;
        let known = table.table.key(row)?;
        if *known == *key || *fold(known) == *key {
            return Some(row);
        }
        self.index.others.get(key).copied()
    }
}

/// Puts a row into the list of another, at a place, or takes it out.
fn change(lists: &mut Lists, of: u32, row: u32, into: bool, place: impl Fn(&[u32]) -> usize) {
    let mut list = lists.get(of).to_vec();
    match (into, list.iter().position(|r| *r == row)) {
        (true, None) => list.insert(place(&list), row),
        (false, Some(at)) => drop(list.remove(at)),
        (true, Some(_)) | (false, None) => return,
    }
    lists.put(of, &list);
}

/// A reference as keys are compared.
fn spelled(key: &Value<'_>, of: IdentityId, world: World<'_>) -> Box<str> {
    let schema = &world.program.schema;
    let def = schema.identity(of);
    let ty = def.attributes[def.key.index()].ty.required();
    let spelled = key.plain(&Type::Str, schema);
    if *ty == Type::Text {
        return fold(&spelled).into();
    }
    match ty {
        Type::Str | Type::Identity(_) => spelled.into(),
        // A number may be written in more than one way.
        _ => match cell_value(RawCell::Text(&spelled), ty, schema, &world.moment.zone) {
            Ok(value) => key_spelling(&value, ty, schema).into(),
            Err(_) => spelled.into(),
        },
    }
}

fn empty(ty: &Type) -> Cell {
    match ty.required() {
        Type::List(_) => Cell::List(None),
        Type::Record(_) => Cell::Record(None),
        _ => Cell::Value(Value::Absent),
    }
}

fn put(column: &mut Column, row: usize, cell: &Cell, codes: &mut Codes) {
    match cell {
        Cell::Value(value) => column.put(row, value, codes),
        Cell::List(rows) => column.put_list(row, rows.as_deref(), codes),
        Cell::Record(fields) => column.put_record(row, fields.as_deref(), codes),
    }
}

/// Whether a row of a column holds just what a cell says.
fn holds(column: &Column, row: usize, cell: &Cell) -> bool {
    let fields = |table: &Table, at: usize, values: &[Value<'_>]| {
        table.columns.iter().zip(values).all(|(column, value)| same(&column.get(at), value))
    };
    match (column, cell) {
        (Column::List(offsets, table, _), Cell::List(rows)) => {
            let range = offsets.range(row);
            let rows = match (column.is_present(row), rows) {
                (true, Some(rows)) => rows,
                (is, rows) => return is == rows.is_some(),
            };
            range.len() == rows.len()
                && range.zip(rows).all(|(at, values)| fields(table, at as usize, values))
        }
        (Column::Record(table, _), Cell::Record(values)) => match (column.is_present(row), values) {
            (true, Some(values)) => fields(table, row, values),
            (is, values) => is == values.is_some(),
        },
        (column, Cell::Value(value)) => same(&column.get(row), value),
        (_, Cell::List(_) | Cell::Record(_)) => false,
    }
}

/// Whether two values are the same, their spelling too.
fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Str(_) | Value::Text(_), Value::Str(_) | Value::Text(_)) => a.spelling() == b.spelling(),
        (Value::Set(a), Value::Set(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Absent, Value::Absent) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Decimal(a), Value::Decimal(b)) => a == b,
        (Value::Date(a), Value::Date(b)) => a == b,
        (Value::Instant(a), Value::Instant(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Elapsed(a), Value::Elapsed(b)) => a == b,
        (Value::Enum(a), Value::Enum(b)) => a == b,
        (
            Value::Absent
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Str(_)
            | Value::Text(_)
            | Value::Date(_)
            | Value::Instant(_)
            | Value::Duration(_)
            | Value::Elapsed(_)
            | Value::Enum(_)
            | Value::Set(_)
            | Value::List(_)
            | Value::Row(_),
            _,
        ) => false,
    }
}
