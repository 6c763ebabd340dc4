//! What a test gives its world: people, files, rows of tables, what was decided by hand; and the population that all of it
//! makes.
//! Invariant: people have the types of the policy, and a key of their own each.

use super::people::{Datum, Folk, Record, folk_of, key_of, lookup_of, population_of, put};
use super::world::{Go, Stop, World, at, engine, error, stop};
use crate::policy::Policy;
use crate::population::{Actual, Population};
use prov_compile::testing::{AssignmentRow, Cell, ExceptionRow, Someone, StatementKind, Who};
use prov_data::{Raw, read_lookup, read_table};
use prov_diag::{Diagnostic, Span, codes};
use prov_eval::LookupTable;
use prov_ir::ExprId;
use prov_model::{Assignment, AttrId, Exception, IdentityId, Membership, TableId, TimePoint, Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Someone of the test.
#[derive(Clone)]
pub(super) struct Slot {
    pub key: String,
    /// Whether the sources bring them.
    present: bool,
    /// All attributes, where the test gave them.
    own: Option<Vec<Datum>>,
    /// Attributes that were changed of someone whom a file brings.
    changes: BTreeMap<AttrId, Datum>,
    /// The sources that have a row of them, where the test names them.
    sources: Option<Vec<u32>>,
}

impl World<'_> {
    /// Takes up what a statement gives or changes; other statements give nothing.
    pub(super) fn give(&mut self, kind: &StatementKind, span: Span) -> Go<()> {
        match kind {
            StatementKind::Person { who, like, fields, sources } => {
                self.person(*who, *like, fields, span)?;
                let like = like.and_then(|l| self.slots.get(&l.0)).and_then(|s| s.sources.clone());
                if let Some(slot) = self.slots.get_mut(&who.0) {
                    slot.sources = sources.clone().or(like);
                }
            }
            StatementKind::Known(who, id) => {
                let (_, key) = split(self.policy(), id);
                let slot = Slot { key, present: true, own: None, changes: BTreeMap::new(), sources: None };
                self.slots.insert(who.0, slot);
            }
            StatementKind::Rows(table, rows) => {
                let types = self.row_types(*table);
                let rows = rows.iter().map(|row| self.data(row, &types)).collect();
                let made = lookup_of(self.policy().schema(), *table, rows);
                self.set_table(*table, made);
            }
            StatementKind::TableFrom(table, file) => {
                let raw = self.file(file, span)?.whole().map_err(|found| stop(found, span))?;
                let (rows, found) = read_lookup(self.policy().schema(), *table, &raw);
                if let Some(d) = found.into_iter().find(Diagnostic::is_error) {
                    return Err(at(d, span));
                }
                let def = &self.policy().schema().tables[table.index()];
                let key = self.policy().schema().records[def.record.index()].fields[def.key].ty.clone();
                self.set_table(*table, LookupTable::new(rows, &key));
            }
            StatementKind::SourceFrom(source, file) => {
                let name = self.policy().schema().sources[*source as usize].name.clone();
                let raw = self.file(file, span)?.of_source(&name);
                self.files.retain(|(s, _)| s != source);
                self.files.push((*source, raw));
                self.files.sort_by_key(|(s, _)| *s);
                // What is wrong with the file is told at its line.
                self.population(span)?;
            }
            StatementKind::ActualFrom(dir) => {
                let actual = Actual::load(self.policy(), self.dir.join(dir)).map_err(|e| error(e, span))?;
                self.before = actual.clone();
                self.actual = actual;
            }
            StatementKind::Assignments(rows) => {
                let rows = rows.iter().map(|row| self.assignment(row)).collect();
                self.assignments = Arc::new(rows);
            }
            StatementKind::Exceptions(rows) => {
                let rows = rows.iter().map(|row| self.exception(row)).collect();
                self.exceptions = Arc::new(rows);
            }
            StatementKind::Change(who, fields, sources) => {
                let data = self.fields(*who, fields);
                let Some(slot) = self.slots.get_mut(&who.0) else { return Ok(()) };
                slot.present = true;
                if sources.is_some() {
                    slot.sources.clone_from(sources);
                }
                match &mut slot.own {
                    Some(own) => data.into_iter().for_each(|(attr, datum)| own[attr.index()] = datum),
                    None => slot.changes.extend(data),
                }
            }
            StatementKind::Leave(who) => {
                if let Some(slot) = self.slots.get_mut(&who.0) {
                    slot.present = false;
                }
            }
            StatementKind::At(_) | StatementKind::Wait(_) | StatementKind::Expect(_) => {}
        }
        Ok(())
    }

    fn time_point(&self, expr: ExprId) -> Option<TimePoint> {
        match self.value(expr) {
            Value::Date(date) => Some(TimePoint::Day(date)),
            Value::Instant(instant) => Some(TimePoint::Instant(instant)),
            _ => None,
        }
    }

    fn someone(&self, someone: &Someone) -> String {
        match someone {
            Someone::Named(who) => self.id(*who),
            Someone::Id(id) => id.clone(),
        }
    }

    fn origin(&self, span: Span) -> (Arc<str>, u64) {
        let sources = self.policy().sources();
        (sources.get(span.source).name.as_str().into(), u64::from(sources.start(span).line))
    }

    fn assignment(&self, row: &AssignmentRow) -> Assignment {
        let schema = self.policy().schema();
        let spell = |e: &ExprId| self.value(*e).plain(&self.policy().program().expr(*e).ty, schema);
        Assignment {
            identity: self.someone(&row.identity),
            role: row.role.clone(),
            args: row.args.iter().map(spell).collect(),
            from: row.from.and_then(|e| self.time_point(e)),
            until: row.until.and_then(|e| self.time_point(e)),
            granted_by: row.granted_by.as_ref().map(|s| self.someone(s)),
            ticket: row.ticket.clone(),
            origin: self.origin(row.span),
        }
    }

    fn exception(&self, row: &ExceptionRow) -> Exception {
        Exception {
            identity: self.someone(&row.identity),
            allow: row.allow,
            what: row.what.clone(),
            until: self.time_point(row.until).unwrap_or(TimePoint::Day(self.now().today)),
            reason: row.reason.clone(),
            ticket: row.ticket.clone(),
            origin: self.origin(row.span),
        }
    }

    fn person(&mut self, who: Who, like: Option<Who>, fields: &[(AttrId, Cell)], span: Span) -> Go<()> {
        let identity = self.test.people[who.0 as usize].identity;
        let def = self.policy().schema().identity(identity).clone();
        let mut own = match like {
            Some(like) => self.values_of(like, span)?,
            None => def.attributes.iter().map(|a| Datum::empty(&a.ty)).collect(),
        };
        let name = self.test.people[who.0 as usize].name.clone();
        let given = self.fields(who, fields);
        let key_given = given.iter().any(|(a, _)| *a == def.key);
        for (attr, datum) in given {
            own[attr.index()] = datum;
        }
        if !key_given {
            let value = match def.attributes[def.key.index()].ty.required() {
                Type::Text => Value::text(name),
                _ => Value::str(name),
            };
            own[def.key.index()] = Datum::Value(value);
        }
        let key = match &own[def.key.index()] {
            Datum::Value(value) => key_of(self.policy().schema(), identity, value),
            Datum::Key(_) | Datum::Record(_) | Datum::Rows(_) => String::new(),
        };
        if let Some((other, _)) = self.slots.iter().find(|(i, s)| {
            self.test.people[**i as usize].identity == identity && s.key == key && **i != who.0
        }) {
            let other = &self.test.people[*other as usize].name;
            return Err(Stop(Box::new(
                Diagnostic::new(&codes::DUPLICATE_KEY, format!("`{other}` has the key `{key}` already"))
                    .at(span, "the same key")
                    .help("give each person a key of their own"),
            )));
        }
        self.slots.insert(
            who.0,
            Slot { key, present: true, own: Some(own), changes: BTreeMap::new(), sources: None },
        );
        Ok(())
    }

    /// All attributes of someone, as they are now.
    fn values_of(&self, who: Who, span: Span) -> Go<Vec<Datum>> {
        let Some(slot) = self.slots.get(&who.0) else { return Ok(Vec::new()) };
        if let Some(own) = &slot.own {
            return Ok(own.clone());
        }
        let identity = self.test.people[who.0 as usize].identity;
        let folk = self.folk(span)?;
        match folk.get(&(identity, slot.key.clone())) {
            Some(record) => Ok(record.values.clone()),
            None => Err(self.nobody(who, span)),
        }
    }

    fn nobody(&self, who: Who, span: Span) -> Stop {
        let id = self.id(who);
        Stop(Box::new(
            Diagnostic::new(&codes::UNKNOWN_NAME, format!("the population has nobody with the key `{id}`"))
                .at(span, "nobody")
                .help("see the file that `given population from` reads"),
        ))
    }

    fn fields(&self, who: Who, fields: &[(AttrId, Cell)]) -> Vec<(AttrId, Datum)> {
        let identity = self.test.people[who.0 as usize].identity;
        let attributes = &self.policy().schema().identity(identity).attributes;
        fields.iter().map(|(a, cell)| (*a, self.datum(cell, &attributes[a.index()].ty))).collect()
    }

    fn data(&self, cells: &[Cell], types: &[Type]) -> Vec<Datum> {
        cells.iter().zip(types).map(|(cell, ty)| self.datum(cell, ty)).collect()
    }

    fn datum(&self, cell: &Cell, ty: &Type) -> Datum {
        let fields = |ty: &Type| -> Vec<Type> {
            match ty.required() {
                Type::Record(id) => {
                    let fields = &self.policy().schema().records[id.index()].fields;
                    fields.iter().map(|f| f.ty.clone()).collect()
                }
                _ => Vec::new(),
            }
        };
        match cell {
            Cell::Absent => Datum::empty(ty),
            Cell::Value(expr) => Datum::Value(self.value(*expr)),
            // Keys of the test's people are known before their attributes: who is given later is found by name.
            Cell::Person(who) => Datum::Key(self.key(*who)),
            Cell::Key(expr) => match ty.required() {
                Type::Identity(of) => Datum::Key(key_of(self.policy().schema(), *of, &self.value(*expr))),
                _ => Datum::Value(Value::Absent),
            },
            Cell::Record(cells) => Datum::Record(Some(self.data(cells, &fields(ty)))),
            Cell::Rows(rows) => match ty.required() {
                Type::List(element) => {
                    let types = fields(element);
                    Datum::Rows(rows.iter().map(|row| self.data(row, &types)).collect())
                }
                _ => Datum::Rows(Vec::new()),
            },
        }
    }

    /// The key of someone of the test, given already or further down.
    fn key(&self, who: Who) -> String {
        if let Some(slot) = self.slots.get(&who.0) {
            return slot.key.clone();
        }
        let person = &self.test.people[who.0 as usize];
        let schema = self.policy().schema();
        let key = schema.identity(person.identity).key;
        for statement in &self.test.statements {
            match &statement.kind {
                StatementKind::Person { who: w, fields, .. } if *w == who => {
                    let given = fields.iter().find(|(a, _)| *a == key);
                    return match given {
                        Some((_, Cell::Value(e))) => key_of(schema, person.identity, &self.value(*e)),
                        _ => person.name.clone(),
                    };
                }
                StatementKind::Known(w, id) if *w == who => return split(self.policy(), id).1,
                _ => {}
            }
        }
        person.name.clone()
    }

    fn row_types(&self, table: TableId) -> Vec<Type> {
        let schema = self.policy().schema();
        let record = schema.tables[table.index()].record;
        schema.records[record.index()].fields.iter().map(|f| f.ty.clone()).collect()
    }

    /// The test sees these rows of a table in the place of the policy's own.
    fn set_table(&mut self, table: TableId, rows: LookupTable) {
        self.tables.insert(table.0, rows);
        let policy = self.policy();
        let count = policy.schema().tables.len();
        let own = |i: usize| {
            let of_test = self.tables.get(&(i as u32)).cloned();
            of_test.or_else(|| policy.0.tables.get(i).cloned()).unwrap_or_default()
        };
        let tables: Vec<LookupTable> = (0..count).map(own).collect();
        self.engine = engine(&policy.with(policy.0.program.clone(), Some(tables)));
    }

    fn file(&self, file: &str, span: Span) -> Go<Raw> {
        let path = self.dir.join(file);
        let bytes = std::fs::read(&path).map_err(|e| {
            Stop(Box::new(
                Diagnostic::new(&codes::CANNOT_READ, format!("can't read `{file}`: {e}"))
                    .at(span, "names it")
                    .help("the path is relative to the file of the test"),
            ))
        })?;
        read_table(file, &bytes).map_err(|found| stop(found, span))
    }

    /// Those whom the files bring.
    fn brought(&self, span: Span) -> Go<Option<Population>> {
        if self.files.is_empty() {
            return Ok(None);
        }
        Population::of_raws(self.policy(), self.files.clone(), &self.now())
            .map(Some)
            .map_err(|e| error(e, span))
    }

    fn folk(&self, span: Span) -> Go<Folk> {
        let brought = self.brought(span)?;
        Ok(brought.map(|p| folk_of(self.policy().schema(), &p.data)).unwrap_or_default())
    }

    /// Everyone whom the sources bring, by the files and by the test.
    pub(super) fn population(&self, span: Span) -> Go<Population> {
        let schema = self.policy().schema();
        let brought = self.brought(span)?;
        let as_read = |s: &Slot| s.present && s.own.is_none() && s.changes.is_empty() && s.sources.is_none();
        let untouched = self.slots.values().all(as_read);
        if let (Some(brought), true) = (&brought, untouched) {
            return Ok(brought.clone());
        }
        let base = brought.map(|p| p.data.clone()).unwrap_or_default();
        let mut folk = folk_of(schema, &base);
        let (mut added, mut removed) = (BTreeMap::<u32, u64>::new(), BTreeMap::<u32, u64>::new());
        let all = |identity: IdentityId| -> Vec<u32> {
            let of = schema.sources.iter().enumerate().filter(|(_, s)| s.identity == identity);
            of.map(|(i, _)| i as u32).collect()
        };
        for (i, slot) in &self.slots {
            let identity = self.test.people[*i as usize].identity;
            match (&slot.own, slot.present) {
                (Some(own), true) => {
                    let sources = slot.sources.clone().unwrap_or_else(|| all(identity));
                    sources.iter().for_each(|s| *added.entry(*s).or_default() += 1);
                    let record = Record {
                        values: own.clone(),
                        broken: None,
                        doubtful: Vec::new(),
                        members: sources.into_iter().map(|s| (s, Membership::In)).collect(),
                        upcoming: None,
                    };
                    put(schema, &mut folk, identity, &slot.key, record);
                }
                (_, false) => {
                    // A row of a file that is not there any more is not counted either.
                    let gone = folk.remove(&(identity, slot.key.clone()));
                    let members = gone.iter().flat_map(|r| &r.members).filter(|m| m.1 == Membership::In);
                    members.for_each(|(source, _)| *removed.entry(*source).or_default() += 1);
                }
                (None, true) => {
                    let Some(record) = folk.get_mut(&(identity, slot.key.clone())) else {
                        return Err(self.nobody(Who(*i), span));
                    };
                    for (attr, datum) in &slot.changes {
                        record.values[attr.index()] = datum.clone();
                        record.doubtful.retain(|(d, _)| d != attr);
                        if let Some(broken) = &mut record.broken {
                            broken.retain(|b| b != attr);
                        }
                    }
                    // What could not be read has been given another value: the row is whole again.
                    if !slot.changes.is_empty() && record.broken.as_ref().is_some_and(Vec::is_empty) {
                        record.broken = None;
                    }
                    if let Some(sources) = &slot.sources {
                        record.members = sources.iter().map(|s| (*s, Membership::In)).collect();
                    }
                }
            }
        }
        let mut population = population_of(schema, &folk);
        population.rejections.clone_from(&base.rejections);
        population.counts.clone_from(&base.counts);
        for (at, source) in schema.sources.iter().enumerate().filter(|(_, s)| s.is_authoritative()) {
            let rows = added.get(&(at as u32)).copied().unwrap_or(0);
            let gone = removed.get(&(at as u32)).copied().unwrap_or(0);
            match population.counts.iter_mut().find(|c| c.source == source.name) {
                Some(count) => count.rows = (count.rows + rows).saturating_sub(gone),
                None => {
                    let count =
                        prov_model::SourceCount { source: source.name.clone(), rows, ..Default::default() };
                    population.counts.push(count);
                }
            }
        }
        population.counts.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(Population { data: Arc::new(population), notices: Vec::new() })
    }
}

/// Type and key of a global id.
fn split(policy: &Policy, id: &str) -> (IdentityId, String) {
    let types = &policy.schema().identities;
    if types.len() > 1
        && let Some((ty, key)) = id.split_once(':')
        && let Some(at) = types.iter().position(|t| t.name == ty)
    {
        return (IdentityId(at as u32), key.to_owned());
    }
    (IdentityId(0), id.to_owned())
}
