//! The population, the tables and the moment (items.md, "source"; files.md, "Sources").
//! Invariant: a row that can't be mapped never makes up a value: the attribute is marked as not to be known.

use crate::calendar;
use crate::eval::{Eval, Record, Scope, Stop};
use crate::names::Names;
use crate::policy::{Identity, NOT_READ, Policy, Trees};
use crate::value::{Field, Reading, Ty, Value, compare, fold, nfc, same};
use jiff::tz::TimeZone;
use prov_model::{Date, Instant, RawCell, RawTable};
use prov_syntax::ast::{self, Expr, ExprKind};
use std::collections::BTreeMap;
use std::rc::Rc;

/// An identity.
pub(crate) struct Person {
    /// Its type.
    pub of: String,
    /// `E001`, or `person:E001` where there are several types.
    pub id: String,
    /// By name; `None` where it could not be read.
    pub attributes: BTreeMap<String, Option<Value>>,
}

impl Person {
    /// Whether something of its row could not be read.
    pub(crate) fn is_broken(&self) -> bool {
        self.attributes.values().any(Option::is_none)
    }
}

/// A row that was rejected.
pub(crate) struct Rejected {
    pub of: String,
    pub id: Option<String>,
    pub file: String,
    pub line: u64,
}

/// See the head of the file.
pub(crate) struct World<'a> {
    pub trees: &'a Trees,
    pub policy: Policy<'a>,
    pub people: Vec<Person>,
    pub rejected: Vec<Rejected>,
    pub names: Names,
    pub tables: BTreeMap<String, Vec<Record>>,
    pub catalogs: &'a BTreeMap<(String, String), Vec<String>>,
    pub zone: TimeZone,
    pub now: Instant,
    pub today: Date,
}

impl<'a> World<'a> {
    /// Without people, at a moment: a day, which begins at 00:00 of the policy's zone, or an instant.
    pub(crate) fn new(
        trees: &'a Trees,
        policy: Policy<'a>,
        zone: Option<&str>,
        catalogs: &'a BTreeMap<(String, String), Vec<String>>,
        at: &str,
    ) -> Result<World<'a>, String> {
        let name = zone.or(policy.timezone).unwrap_or("UTC");
        let zone = TimeZone::get(name).map_err(|e| e.to_string())?;
        let now = match (calendar::read_date(at), calendar::read_instant(at)) {
            (Some(day), _) => calendar::instant_at(day, 0, 0, &zone),
            (None, Some(now)) => now,
            (None, None) => return Err(format!("`{at}` is no moment")),
        };
        let today = calendar::read_date(at).unwrap_or_else(|| calendar::day_of(now, &zone));
        let (people, rejected, tables) = (Vec::new(), Vec::new(), BTreeMap::new());
        let names = Names::new();
        Ok(World { trees, policy, people, rejected, names, tables, catalogs, zone, now, today })
    }

    /// The module of the standard library that an expression stands in.
    pub(crate) fn library(&self, e: &Expr) -> Option<&'static str> {
        self.trees.library.get(&e.span.source).copied()
    }

    /// A zone by name; one that there is not is the policy's.
    pub(crate) fn zone_named(&self, name: &str) -> TimeZone {
        TimeZone::get(name).unwrap_or_else(|_| self.zone.clone())
    }

    fn reading(&self) -> Reading<'_> {
        Reading { records: &self.policy.records }
    }

    /// Reads the tables (files.md, "Tables and catalogs"): each is good only as a whole.
    pub(crate) fn read_tables(&mut self, raw: &BTreeMap<String, RawTable>) -> Result<(), String> {
        for (name, rows) in raw {
            let Some(columns) = self.columns(name) else { continue };
            let key = columns.iter().find(|c| c.key).ok_or("a table without a key")?;
            let mut read: Vec<Record> = Vec::new();
            for row in rows.rows() {
                let mut fields = BTreeMap::new();
                for column in columns {
                    let at = rows.column(&column.name).ok_or("a table that lacks a column")?;
                    let value = self.reading().field(row.cell(at), column);
                    fields.insert(column.name.clone(), value.ok_or("a bad cell in a table")?);
                }
                if read.iter().any(|r| same(&r[&key.name], &fields[&key.name])) {
                    return Err(format!("a key that stands twice in table `{name}`"));
                }
                read.push(Rc::new(fields));
            }
            self.tables.insert(name.clone(), read);
        }
        Ok(())
    }

    /// Makes identities of the rows of sources.
    pub(crate) fn read_people(&mut self, sources: &'a BTreeMap<String, RawTable>) -> Result<(), String> {
        let mut people: Vec<Person> = Vec::new();
        let mut rejected: Vec<Rejected> = Vec::new();
        for source in &self.policy.sources {
            if source.authoritative.is_none()
                || source.element_of.is_some()
                || source.effective_from.is_some()
            {
                return Err(NOT_READ.to_owned() + "clauses of a source");
            }
            let rows = sources.get(&source.name.text).ok_or("a source without rows")?;
            let def = self.policy.identity(&source.identity.text).ok_or("a source of no identity")?;
            let key = def.fields.iter().find(|f| f.key).ok_or("an identity without a key")?;
            // Rows by key; the first spelling of a key by order of its letters names the identity.
            let mut keyed: Vec<(Value, usize)> = Vec::new();
            for at in 0..rows.len() {
                match self.mapped(source, def, rows, at)?.remove(&key.name) {
                    Some(Some(value)) if !value.is_absent() => keyed.push((value, at)),
                    _ => rejected.push(Rejected {
                        of: def.name.clone(),
                        id: None,
                        file: rows.file.clone(),
                        line: rows.row(at).line(),
                    }),
                }
            }
            while let Some((value, _)) = keyed.first() {
                let value = value.clone();
                let (twins, others): (Vec<_>, Vec<_>) = keyed.into_iter().partition(|(v, _)| same(v, &value));
                keyed = others;
                let mut spellings: Vec<Value> = twins.iter().map(|(v, _)| v.clone()).collect();
                spellings.sort_by_key(|v| nfc(&v.plain()));
                let id = self.global_id(&def.name, &nfc(&spellings[0].plain()));
                let mut attributes = self.mapped(source, def, rows, twins[0].1)?;
                if twins.len() > 1 {
                    // Of a key that stands twice no row counts.
                    attributes.values_mut().for_each(|v| *v = None);
                    attributes.insert(key.name.clone(), Some(spellings[0].clone()));
                }
                let person = Person { of: def.name.clone(), id: id.clone(), attributes };
                if person.is_broken() {
                    rejected.extend(twins.iter().map(|(_, at)| Rejected {
                        of: def.name.clone(),
                        id: Some(id.clone()),
                        file: rows.file.clone(),
                        line: rows.row(*at).line(),
                    }));
                }
                people.push(person);
            }
        }
        people.sort_by(|a, b| a.id.cmp(&b.id));
        self.people = people;
        self.rejected = rejected;
        self.resolve();
        Ok(())
    }

    /// `E001`, or `person:E001` where there are several identity types (items.md, "identity").
    pub(crate) fn global_id(&self, of: &str, key: &str) -> String {
        if self.policy.identities.len() == 1 { key.to_owned() } else { format!("{of}:{key}") }
    }

    /// The attributes of a row, `None` where one can't be had.
    fn mapped(
        &self,
        source: &'a ast::Source,
        def: &Identity,
        rows: &'a RawTable,
        at: usize,
    ) -> Result<BTreeMap<String, Option<Value>>, String> {
        let eval = Eval::new(self);
        let mut out = BTreeMap::new();
        for field in &def.fields {
            let assigned = source.fields.iter().find(|a| a.name.text == field.name).map(|a| &a.value);
            let column = match assigned {
                None => Some(field.name.clone()),
                Some(e) => just_a_cell(e),
            };
            let value = match (column, assigned) {
                (Some(column), _) => match rows.column(&column) {
                    Some(i) => self.reading().field(rows.row(at).cell(i), field),
                    None if field.optional => Some(Value::Absent),
                    None => return Err(format!("there is no column `{column}`")),
                },
                (None, Some(e)) => {
                    let scope = Scope { row: Some((rows.row(at), &rows.columns)), ..Scope::default() };
                    match eval.eval(e, &scope, Some(&field.ty)) {
                        Ok(value) => present(normal(value), field),
                        Err(Stop::Failed | Stop::Unknown) => None,
                        Err(Stop::Bug(why)) => return Err(why),
                    }
                }
                (None, None) => None,
            };
            out.insert(field.name.clone(), value);
        }
        Ok(out)
    }

    /// References lead to people by key; to nobody, they are absent.
    fn resolve(&mut self) {
        let mut keys: Vec<(String, Value)> = Vec::new();
        for person in &self.people {
            let key = self.policy.identity(&person.of).and_then(|d| d.fields.iter().find(|f| f.key));
            let value = key.and_then(|k| person.attributes.get(&k.name).cloned().flatten());
            keys.push((person.of.clone(), value.unwrap_or(Value::Absent)));
        }
        let find = |of: &str, spelled: &str| {
            let ty = self.policy.identity(of)?.fields.iter().find(|f| f.key)?.ty.clone();
            let wanted = self.reading().scalar(spelled, &ty)?;
            keys.iter().position(|(t, k)| t == of && same(k, &wanted)).map(Value::Person)
        };
        let lead = |value: &Value, ty: &Ty| match (value, ty) {
            (Value::Str(s) | Value::Text(s), Ty::Identity(of)) => find(of, s).unwrap_or(Value::Absent),
            (value, _) => value.clone(),
        };
        let in_record = |value: &Value, ty: &Ty| match (value, ty) {
            (Value::Record(fields), Ty::Record(name)) => {
                let defs = self.policy.records.get(name).map_or(&[][..], Vec::as_slice);
                let led =
                    defs.iter().filter_map(|d| Some((d.name.clone(), lead(fields.get(&d.name)?, &d.ty))));
                Value::Record(Rc::new(led.collect()))
            }
            (value, ty) => lead(value, ty),
        };
        let mut people = Vec::new();
        for person in &self.people {
            let mut attributes = person.attributes.clone();
            for field in self.policy.identity(&person.of).map_or(&[][..], |d| d.fields.as_slice()) {
                if let Some(Some(value)) = attributes.get_mut(&field.name) {
                    *value = match (&*value, &field.ty) {
                        (Value::List(rows), Ty::List(of)) => {
                            Value::List(rows.iter().map(|r| in_record(r, of)).collect())
                        }
                        (value, ty) => in_record(value, ty),
                    };
                }
            }
            people.push(Person { of: person.of.clone(), id: person.id.clone(), attributes });
        }
        self.people = people;
    }
}

impl Reading<'_> {
    /// A cell of a column; `None` where it is not of its type, or empty and must not be.
    pub(crate) fn field(&self, cell: RawCell<'_>, field: &Field) -> Option<Value> {
        match (cell, field.optional) {
            (RawCell::Absent, true) => Some(Value::Absent),
            (cell, _) => present(self.cell(cell, &field.ty)?, field),
        }
    }
}

/// A value for an attribute: an empty set where there is none, else nothing only where that may be.
fn present(value: Value, field: &Field) -> Option<Value> {
    match (value, &field.ty) {
        (Value::Absent, Ty::Set(_)) if !field.optional => Some(Value::Set(Vec::new())),
        (Value::Absent, Ty::List(_)) if !field.optional => Some(Value::List(Vec::new())),
        (Value::Absent, _) if !field.optional => None,
        (value, _) => Some(value),
    }
}

/// Texts of a record are in NFC.
fn normal(value: Value) -> Value {
    match value {
        Value::Str(s) => Value::Str(nfc(&s)),
        Value::Text(s) => Value::Text(nfc(&s)),
        Value::Set(v) => Value::set(v.into_iter().map(normal).collect()),
        value => value,
    }
}

/// `row.X` or `row["X"]` alone: read by the attribute's type.
fn just_a_cell(e: &Expr) -> Option<String> {
    let is_row = |e: &Expr| matches!(&e.kind, ExprKind::Name(n) if n.text == "row");
    match &e.kind {
        ExprKind::Paren(of) => just_a_cell(of),
        ExprKind::Field(base, name) if is_row(base) => Some(name.text.clone()),
        ExprKind::Index(base, key) if is_row(base) => match &key.kind {
            ExprKind::Str(parts) => match parts.as_slice() {
                [ast::StrPart::Text(text)] => Some(text.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Two spellings of a value of types: the form in which entitlements are compared.
pub(crate) fn folded(value: &str, folds: bool) -> String {
    if folds { fold(value) } else { nfc(value) }
}

/// The order of several values, the first difference deciding.
pub(crate) fn compare_all(a: &[Value], b: &[Value]) -> std::cmp::Ordering {
    a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}
