//! The population, the tables and the moment (items.md, "source"; files.md, "Sources").
//! Invariant: a row that can't be mapped never makes up a value: the attribute is marked as not to be known.

use crate::calendar;
use crate::entered::Entry;
use crate::eval::Record;
use crate::hand::Hand;
use crate::links::Conflict;
use crate::names::Names;
use crate::policy::{Forbid, Policy, Rule, Separation, Stage, Trees};
use crate::value::{Field, Reading, Ty, Value, compare, fold, nfc, same};
use jiff::tz::TimeZone;
use prov_model::{Date, Instant, Memory, RawCell, RawTable};
use prov_syntax::ast::{self, Expr, ExprKind};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// An identity.
#[derive(Clone)]
pub(crate) struct Person {
    /// Its type.
    pub of: String,
    /// `E001`, or `person:E001` where there are several types.
    pub id: String,
    /// By name; `None` where it can't be known.
    pub attributes: BTreeMap<String, Option<Value>>,
    /// Whether a row of it was rejected.
    pub rejected: bool,
    /// By source: whether it has a row there; `None` where that can't be known.
    pub sources: BTreeMap<String, Option<bool>>,
    /// No source brings it; only memory knows it.
    pub missing: bool,
}

impl Person {
    /// Whether all of it could be read.
    pub(crate) fn is_whole(&self) -> bool {
        !self.rejected && self.attributes.values().all(Option::is_some)
    }
}

/// A row that was rejected.
#[derive(Clone)]
pub(crate) struct Rejected {
    pub id: Option<String>,
    pub file: String,
    pub line: u64,
}

/// See the head of the file.
#[derive(Clone)]
pub(crate) struct World<'a> {
    pub trees: &'a Trees,
    pub policy: Rc<Policy<'a>>,
    pub people: Vec<Person>,
    pub rejected: Vec<Rejected>,
    /// Types of which an authoritative source may lack rows.
    pub lacking: BTreeSet<String>,
    /// Types and attributes that name zones.
    pub zones: BTreeSet<(String, String)>,
    pub names: Names,
    /// Where it is not clear which account is someone's: by person and app.
    pub conflicts: BTreeMap<(usize, String), Conflict>,
    /// By position in the population: what the state that they are in keeps.
    pub entries: Vec<Option<Entry>>,
    /// Last good records of those of whom something can't be known.
    pub good: BTreeMap<usize, BTreeMap<String, Value>>,
    pub tables: BTreeMap<String, Vec<Record>>,
    pub hand: Rc<Hand>,
    pub memory: &'a Memory,
    /// What of that which is observed acts in this world.
    pub stage: Stage,
    pub catalogs: &'a BTreeMap<(String, String), Vec<String>>,
    pub zone: TimeZone,
    pub now: Instant,
    pub today: Date,
    /// Whether it is asked when a cause was lost; then moments at which something may turn are noted.
    pub seeking: bool,
    pub noted: RefCell<BTreeSet<Instant>>,
    /// When keeps end that have no end in memory: by person and number.
    pub ends: RefCell<BTreeMap<(usize, usize), Instant>>,
}

impl<'a> World<'a> {
    /// Without people, at a moment: a day, which begins at 00:00 of the policy's zone, or an instant.
    pub(crate) fn new(
        trees: &'a Trees,
        policy: Policy<'a>,
        zone: Option<&str>,
        catalogs: &'a BTreeMap<(String, String), Vec<String>>,
        memory: &'a Memory,
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
        let (names, lacking, zones) = (Names::new(), BTreeSet::new(), BTreeSet::new());
        Ok(World {
            good: BTreeMap::new(),
            trees,
            policy: Rc::new(policy),
            people,
            rejected,
            lacking,
            zones,
            names,
            conflicts: BTreeMap::new(),
            entries: Vec::new(),
            tables,
            hand: Rc::default(),
            memory,
            stage: Stage::default(),
            catalogs,
            zone,
            now,
            today,
            seeking: false,
            noted: RefCell::default(),
            ends: RefCell::default(),
        })
    }

    /// The forbids that act.
    pub(crate) fn forbids(&self) -> impl Iterator<Item = &Forbid<'a>> {
        self.policy.forbids.iter().filter(|f| !f.observed || self.stage.withholds)
    }

    /// The separations that act.
    pub(crate) fn separations(&self) -> impl Iterator<Item = &Separation<'a>> {
        self.policy.separations.iter().filter(|s| !s.observed || self.stage.withholds)
    }

    /// Whether a rule acts.
    pub(crate) fn acts(&self, rule: &Rule<'a>) -> bool {
        !rule.observed || self.stage.gives
    }

    /// The same data at an earlier moment.
    pub(crate) fn moved_to(&self, now: Instant) -> World<'a> {
        let today = calendar::day_of(now, &self.zone);
        let noted = RefCell::default();
        World { now, today, seeking: true, noted, ..self.clone() }
    }

    /// The module of the standard library that an expression stands in.
    pub(crate) fn module_of(&self, e: &Expr) -> Option<&'static str> {
        self.trees.standard.get(&e.span.source).copied()
    }

    /// A zone by name; one that there is not is the policy's.
    pub(crate) fn zone_named(&self, name: &str) -> TimeZone {
        TimeZone::get(name).unwrap_or_else(|_| self.zone.clone())
    }

    pub(crate) fn reading(&self) -> Reading<'_> {
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

    /// `E001`, or `person:E001` where there are several identity types (items.md, "identity").
    pub(crate) fn global_id(&self, of: &str, key: &str) -> String {
        if self.policy.identities.len() == 1 { key.to_owned() } else { format!("{of}:{key}") }
    }

    /// References lead to people by key; to nobody, they are absent.
    pub(crate) fn resolve(&mut self) {
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
        // Absence from a source that may lack rows proves nothing (items.md, "Several sources").
        let lead = |value: &Value, ty: &Ty| match (value, ty) {
            (Value::Str(s) | Value::Text(s), Ty::Identity(of)) => match find(of, s) {
                None if self.lacking.contains(of) => None,
                found => Some(found.unwrap_or(Value::Absent)),
            },
            (value, _) => Some(value.clone()),
        };
        let in_record = |value: &Value, ty: &Ty| match (value, ty) {
            (Value::Record(fields), Ty::Record(name)) => {
                let defs = self.policy.records.get(name).map_or(&[][..], Vec::as_slice);
                let mut led = BTreeMap::new();
                for def in defs {
                    if let Some(value) = fields.get(&def.name) {
                        led.insert(def.name.clone(), lead(value, &def.ty)?);
                    }
                }
                Some(Value::Record(Rc::new(led)))
            }
            (value, ty) => lead(value, ty),
        };
        let mut people = Vec::new();
        for person in &self.people {
            let mut attributes = person.attributes.clone();
            for field in self.policy.identity(&person.of).map_or(&[][..], |d| d.fields.as_slice()) {
                let Some(slot) = attributes.get_mut(&field.name) else { continue };
                *slot = match (slot.as_ref(), &field.ty) {
                    (None, _) => None,
                    (Some(Value::List(rows)), Ty::List(of)) => {
                        let led: Option<Vec<Value>> = rows.iter().map(|r| in_record(r, of)).collect();
                        led.map(Value::List)
                    }
                    (Some(value), ty) => in_record(value, ty),
                };
            }
            let (of, id, sources) = (person.of.clone(), person.id.clone(), person.sources.clone());
            let (rejected, missing) = (person.rejected, false);
            people.push(Person { of, id, attributes, rejected, sources, missing });
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
pub(crate) fn normal(value: Value) -> Value {
    match value {
        Value::Str(s) => Value::Str(nfc(&s)),
        Value::Text(s) => Value::Text(nfc(&s)),
        Value::Set(v) => Value::set(v.into_iter().map(normal).collect()),
        value => value,
    }
}

/// `row.X` or `row["X"]` alone: read by the attribute's type.
pub(crate) fn just_a_cell(e: &Expr) -> Option<String> {
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
