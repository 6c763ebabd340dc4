//! From the rows of sources to identities (items.md, "source"; files.md, "Sources").
//! Invariant: a row that can't be mapped never makes up a value: what it might have given can't be known.

use crate::eval::{Eval, Scope, Stop};
use crate::policy::Identity;
use crate::value::{Field, Ty, Value, compare, nfc, same};
use crate::world::{Person, Rejected, World, just_a_cell, normal};
use jiff::tz::TimeZone;
use prov_model::{Date, RawCell, RawTable};
use prov_syntax::ast::{self, Expr, ExprKind};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What a row gives for an attribute.
enum Cell {
    /// It can't be read: the row is rejected.
    Bad,
    Nothing,
    /// An empty set or list: the next source is asked, but it is not absent.
    Empty(Value),
    Value(Value),
}

/// What a source has of an identity.
#[derive(Clone)]
enum Has {
    /// No row for certain.
    Nothing,
    /// Perhaps a row, which is not to be found.
    Perhaps,
    /// These rows of list elements, and perhaps more.
    PerhapsMore(Vec<usize>),
    /// Rows that can't be told apart, or whose day can't be read.
    Unreadable,
    /// The row that counts; of a source of list elements, all rows.
    Rows(Vec<usize>),
}

/// A source with its rows.
struct Read<'a> {
    source: &'a ast::Source,
    rows: &'a RawTable,
    /// Whether rows of it may be lacking.
    lacking: bool,
    /// By identity.
    has: Vec<Has>,
}

/// An identity on its way.
struct Member {
    key: Value,
    id: String,
    rejected: bool,
}

impl<'a> World<'a> {
    /// Makes identities of the rows of sources.
    pub(crate) fn read_people(&mut self, tables: &'a BTreeMap<String, RawTable>) -> Result<(), String> {
        self.zones = self.zone_attributes();
        let (mut people, mut rejected, mut lacking) = (Vec::new(), Vec::new(), BTreeSet::new());
        for def in &self.policy.identities {
            if self.read_type(def, tables, &mut people, &mut rejected)? {
                lacking.insert(def.name.clone());
            }
        }
        self.lacking = lacking;
        people.sort_by(|a, b| a.id.cmp(&b.id));
        self.people = people;
        self.rejected = rejected;
        self.resolve();
        Ok(())
    }

    /// Reads the identities of a type; whether an authoritative source may lack rows.
    fn read_type(
        &self,
        def: &Identity,
        tables: &'a BTreeMap<String, RawTable>,
        people: &mut Vec<Person>,
        rejected: &mut Vec<Rejected>,
    ) -> Result<bool, String> {
        let key = def.fields.iter().find(|f| f.key).ok_or("an identity without a key")?;
        let (mut first, mut others) = (Vec::new(), Vec::new());
        for source in self.policy.sources.iter().copied().filter(|s| s.identity.text == def.name) {
            let rows = tables.get(&source.name.text).ok_or("a source without rows")?;
            let read = Read { source, rows, lacking: rows.incomplete, has: Vec::new() };
            if source.authoritative.is_some() { first.push(read) } else { others.push(read) }
        }
        let mut reject = |read: &Read<'_>, at: usize, id: Option<&str>| {
            let id = id.map(str::to_owned);
            let (file, line) = (read.rows.file.clone(), read.rows.row(at).line());
            rejected.push(Rejected { id, file, line });
        };
        // Who is there: the keys of all authoritative rows; of several spellings that of the source that comes first in the
        // order of the key, or else by name, and of one source the least.
        let place = |read: &Read<'_>| {
            let name = &read.source.name.text;
            (key.prefer.iter().position(|p| p == name).unwrap_or(usize::MAX), name.clone())
        };
        first.sort_by_key(place);
        let mut keyed: Vec<Value> = Vec::new();
        for read in &mut first {
            let before = keyed.len();
            for at in 0..read.rows.len() {
                match self.cell(read.source, key, read.rows, at)? {
                    Cell::Value(value) => keyed.push(value),
                    Cell::Bad | Cell::Nothing | Cell::Empty(_) => {
                        reject(read, at, None);
                        read.lacking = true;
                    }
                }
            }
            keyed[before..].sort_by_key(|v| nfc(&v.plain()));
        }
        let mut members: Vec<Member> = Vec::new();
        for key in keyed {
            if !members.iter().any(|m| same(&m.key, &key)) {
                let id = self.global_id(&def.name, &nfc(&key.plain()));
                members.push(Member { key, id, rejected: false });
            }
        }
        let keys: Vec<Option<Option<Value>>> = members.iter().map(|m| Some(Some(m.key.clone()))).collect();
        for read in &mut first {
            read.has = self.find_rows(read, key, &keys, &mut members, &mut reject)?;
        }
        for read in &mut others {
            let joins = read.source.joins.as_ref().ok_or("a source that joins by nothing")?;
            // Elements may name their owner's key in any column.
            let by = def.fields.iter().find(|f| f.name == joins.text).unwrap_or(key);
            let mut values = Vec::new();
            for (at, member) in members.iter().enumerate() {
                values.push(match by.key {
                    true => Some(Some(member.key.clone())),
                    false => self.merged(&first, by, def, at)?,
                });
            }
            read.has = self.find_rows(read, by, &values, &mut members, &mut reject)?;
        }
        let lacking = first.iter().any(|r| r.lacking);
        first.append(&mut others);
        for at in 0..members.len() {
            people.push(self.person(&first, def, at, &mut members, &mut reject)?);
        }
        Ok(lacking)
    }

    /// The rows of a source, by identity: `by` is the attribute that finds them, `values` what each identity has of it
    /// (none = not known, an absent value = none).
    fn find_rows(
        &self,
        read: &mut Read<'a>,
        by: &Field,
        values: &[Option<Option<Value>>],
        members: &mut [Member],
        reject: &mut dyn FnMut(&Read<'_>, usize, Option<&str>),
    ) -> Result<Vec<Has>, String> {
        let joins = read.source.joins.as_ref().map_or(&by.name, |n| &n.text);
        let by = Field { name: joins.clone(), ..by.clone() };
        let mut found: Vec<Vec<usize>> = vec![Vec::new(); values.len()];
        let mut unreadable = vec![false; values.len()];
        for at in 0..read.rows.len() {
            let value = match self.cell(read.source, &by, read.rows, at)? {
                Cell::Value(value) => value,
                Cell::Bad | Cell::Nothing | Cell::Empty(_) if read.source.authoritative.is_some() => continue,
                Cell::Bad | Cell::Nothing | Cell::Empty(_) => {
                    reject(read, at, None);
                    read.lacking = true;
                    continue;
                }
            };
            let hit = |v: &Option<Option<Value>>| matches!(v, Some(Some(v)) if same(v, &value));
            let hits: Vec<usize> = (0..values.len()).filter(|i| hit(&values[*i])).collect();
            match hits.as_slice() {
                [] => {}
                [one] => found[*one].push(at),
                several => {
                    reject(read, at, None);
                    for one in several {
                        unreadable[*one] = true;
                        members[*one].rejected = true;
                    }
                }
            }
        }
        let mut out = Vec::new();
        for (one, rows) in found.into_iter().enumerate() {
            let id = members[one].id.clone();
            let mut has = match (&values[one], rows.is_empty()) {
                (_, false) if read.source.element_of.is_some() && read.lacking => Has::PerhapsMore(rows),
                (_, false) if read.source.element_of.is_some() => Has::Rows(rows),
                (_, false) => self.in_force(read, &rows, &id, reject)?,
                (None, true) => Has::Perhaps,
                (Some(None), true) => Has::Nothing,
                (Some(Some(_)), true) if read.lacking => Has::Perhaps,
                (Some(Some(_)), true) => Has::Nothing,
            };
            if unreadable[one] {
                has = Has::Unreadable;
            }
            members[one].rejected |= matches!(has, Has::Unreadable);
            out.push(has);
        }
        Ok(out)
    }

    /// Of the rows of one key the one that counts today (items.md, "Rows with a date").
    fn in_force(
        &self,
        read: &Read<'a>,
        rows: &[usize],
        id: &str,
        reject: &mut dyn FnMut(&Read<'_>, usize, Option<&str>),
    ) -> Result<Has, String> {
        let mut days: Vec<(Option<Date>, usize)> = Vec::new();
        let mut undated = false;
        for at in rows {
            let day = match &read.source.effective_from {
                None => None,
                Some(e) => match self.day(e, read.rows, *at)? {
                    Some(day) => Some(day),
                    None => {
                        reject(read, *at, Some(id));
                        undated = true;
                        continue;
                    }
                },
            };
            days.push((day, *at));
        }
        let past = days.iter().filter(|(d, _)| d.is_none_or(|d| d <= self.today)).map(|(d, _)| *d).max();
        let chosen = past.or_else(|| days.iter().map(|(d, _)| *d).min());
        for (day, at) in &days {
            if days.iter().filter(|(d, _)| d == day).count() > 1 {
                reject(read, *at, Some(id));
            }
        }
        let counting: Vec<usize> =
            days.iter().filter(|(d, _)| Some(*d) == chosen).map(|(_, at)| *at).collect();
        Ok(if undated || counting.len() > 1 { Has::Unreadable } else { Has::Rows(counting) })
    }

    fn day(&self, e: &'a Expr, rows: &'a RawTable, at: usize) -> Result<Option<Date>, String> {
        let field = Field {
            name: String::new(),
            ty: Ty::Date,
            optional: true,
            key: false,
            inverse: None,
            prefer: vec![],
        };
        let column = match &e.kind {
            ExprKind::Name(name) => Some(name.text.clone()),
            _ => just_a_cell(e),
        };
        Ok(match self.read(column, Some(e), &field, rows, at)? {
            Cell::Value(Value::Date(day)) => Some(day),
            Cell::Value(_) | Cell::Bad | Cell::Nothing | Cell::Empty(_) => None,
        })
    }

    /// What a row of a source gives for an attribute: its mapping, or the column of the same name.
    fn cell(
        &self,
        source: &'a ast::Source,
        field: &Field,
        rows: &'a RawTable,
        at: usize,
    ) -> Result<Cell, String> {
        let assigned = source.fields.iter().find(|a| a.name.text == field.name).map(|a| &a.value);
        let column = match assigned {
            None => Some(field.name.clone()),
            Some(e) => just_a_cell(e),
        };
        let of = source.identity.text.clone();
        Ok(match self.read(column, assigned, field, rows, at)? {
            // What is used as a zone must name one (types.md, "Time").
            Cell::Value(value)
                if source.element_of.is_none()
                    && self.zones.contains(&(of, field.name.clone()))
                    && value.letters().is_some_and(|name| TimeZone::get(name).is_err()) =>
            {
                Cell::Bad
            }
            cell => cell,
        })
    }

    fn read(
        &self,
        column: Option<String>,
        mapping: Option<&'a Expr>,
        field: &Field,
        rows: &'a RawTable,
        at: usize,
    ) -> Result<Cell, String> {
        let something = |value: Value| match value {
            Value::Absent => Cell::Nothing,
            Value::Set(ref v) | Value::List(ref v) if v.is_empty() => Cell::Empty(value),
            value => Cell::Value(value),
        };
        let value = match (column, mapping) {
            (Some(column), _) => match rows.column(&column).map(|i| rows.row(at).cell(i)) {
                Some(RawCell::Absent) => return Ok(Cell::Nothing),
                Some(cell) => self.reading().cell(cell, &field.ty),
                None if field.optional => Some(Value::Absent),
                None => return Err(format!("there is no column `{column}`")),
            },
            (None, Some(e)) => {
                let scope = Scope { row: Some((rows.row(at), &rows.columns)), ..Scope::default() };
                match Eval::new(self).eval(e, &scope, Some(&field.ty)) {
                    Ok(value) => Some(normal(value)),
                    Err(Stop::Failed | Stop::Unknown) => None,
                    Err(Stop::Bug(why)) => return Err(why),
                }
            }
            (None, None) => None,
        };
        Ok(value.map_or(Cell::Bad, something))
    }

    /// The sources that give an attribute, in order (items.md, "Several sources").
    fn given_by<'r>(&self, all: &'r [Read<'a>], def: &Identity, field: &Field) -> Vec<&'r Read<'a>> {
        let by_name = |name: &String| all.iter().find(|r| r.source.name.text == *name);
        if !field.prefer.is_empty() {
            return field.prefer.iter().filter_map(by_name).collect();
        }
        let maps = |s: &ast::Source| match &s.element_of {
            Some(list) => list.text == field.name,
            // What a source maps to the attribute that it joins by says whose a row is.
            None => s.fields.iter().any(|a| a.name.text == field.name) && !self.joins_by(s, def, field),
        };
        let mapping: Vec<&Read<'a>> = all.iter().filter(|r| maps(r.source)).collect();
        match mapping.is_empty() {
            true => all.iter().filter(|r| r.source.authoritative.is_some()).collect(),
            false => mapping,
        }
    }

    fn joins_by(&self, source: &ast::Source, def: &Identity, field: &Field) -> bool {
        def.fields.iter().any(|f| f.name == field.name)
            && source.authoritative.is_none()
            && source.joins.as_ref().is_some_and(|j| j.text == field.name)
    }

    /// An attribute of an identity from the first source that gives something; none where that can't be known, an
    /// absent one where there is nothing.
    fn merged(
        &self,
        all: &[Read<'a>],
        field: &Field,
        def: &Identity,
        member: usize,
    ) -> Result<Option<Option<Value>>, String> {
        let mut empty = None;
        for read in self.given_by(all, def, field) {
            match &read.has[member] {
                Has::Nothing => {}
                Has::Perhaps | Has::PerhapsMore(_) | Has::Unreadable => return Ok(None),
                Has::Rows(rows) if read.source.element_of.is_some() => {
                    match self.elements(read, field, rows)? {
                        (_, bad) if !bad.is_empty() => return Ok(None),
                        (elements, _) if elements.is_empty() => {}
                        (elements, _) => return Ok(Some(Some(Value::List(elements)))),
                    }
                }
                Has::Rows(rows) => match self.cell(read.source, field, read.rows, rows[0])? {
                    Cell::Bad => return Ok(None),
                    Cell::Nothing => {}
                    Cell::Empty(value) => empty = empty.or(Some(value)),
                    Cell::Value(value) => return Ok(Some(Some(value))),
                },
            }
        }
        Ok(Some(empty))
    }

    /// The elements that rows are, in the order of their content, and the rows that can't be read.
    fn elements(
        &self,
        read: &Read<'a>,
        list: &Field,
        rows: &[usize],
    ) -> Result<(Vec<Value>, Vec<usize>), String> {
        let Ty::List(of) = &list.ty else { return Err("elements of what is no list".to_owned()) };
        let Ty::Record(record) = &**of else { return Err("elements that are no records".to_owned()) };
        let fields = self.policy.records.get(record).map_or(&[][..], Vec::as_slice);
        let (mut elements, mut bad) = (Vec::new(), Vec::new());
        for at in rows {
            let mut element = BTreeMap::new();
            for field in fields {
                let value = match (self.cell(read.source, field, read.rows, *at)?, &field.ty) {
                    (Cell::Value(value) | Cell::Empty(value), _) => Some(value),
                    (Cell::Nothing, Ty::Set(_)) if !field.optional => Some(Value::Set(Vec::new())),
                    (Cell::Nothing, _) if field.optional => Some(Value::Absent),
                    (Cell::Nothing | Cell::Bad, _) => None,
                };
                element.extend(value.map(|v| (field.name.clone(), v)));
            }
            if element.len() == fields.len() { elements.push(element) } else { bad.push(*at) }
        }
        elements.sort_by(|a, b| {
            let pairs = || fields.iter().map(|f| (&a[&f.name], &b[&f.name]));
            let by_value = pairs().map(|(a, b)| match (a.is_absent(), b.is_absent()) {
                (false, false) => compare(a, b),
                (a, b) => b.cmp(&a),
            });
            let by_spelling = pairs().map(|(a, b)| a.plain().cmp(&b.plain()));
            by_value.chain(by_spelling).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        });
        Ok((elements.into_iter().map(|e| Value::Record(Rc::new(e))).collect(), bad))
    }

    fn person(
        &self,
        all: &[Read<'a>],
        def: &Identity,
        at: usize,
        members: &mut [Member],
        reject: &mut dyn FnMut(&Read<'_>, usize, Option<&str>),
    ) -> Result<Person, String> {
        let id = members[at].id.clone();
        let mut refused = |read: &Read<'_>, row: usize| {
            reject(read, row, Some(&id));
            members[at].rejected = true;
        };
        let mut sources = BTreeMap::new();
        for read in all {
            let is_in = match &read.has[at] {
                Has::Nothing => Some(false),
                Has::Perhaps | Has::PerhapsMore(_) => None,
                Has::Unreadable | Has::Rows(_) => Some(true),
            };
            sources.insert(read.source.name.text.clone(), is_in);
            let (Has::Rows(rows) | Has::PerhapsMore(rows)) = &read.has[at] else { continue };
            // Of the row that counts, everything that it gives must be readable.
            match &read.source.element_of {
                Some(list) => {
                    let list =
                        def.fields.iter().find(|f| f.name == list.text).ok_or("elements of no list")?;
                    for bad in self.elements(read, list, rows)?.1 {
                        refused(read, bad);
                    }
                }
                None => {
                    for field in &def.fields {
                        let gives = self.given_by(all, def, field).iter().any(|r| std::ptr::eq(*r, read));
                        if gives && matches!(self.cell(read.source, field, read.rows, rows[0])?, Cell::Bad) {
                            refused(read, rows[0]);
                        }
                    }
                }
            }
        }
        let mut attributes = BTreeMap::new();
        for field in &def.fields {
            let value = match field.key {
                true => Some(Some(members[at].key.clone())),
                false => self.merged(all, field, def, at)?,
            };
            let value = match (value, &field.ty) {
                (Some(None), Ty::Set(_)) if !field.optional => Some(Value::Set(Vec::new())),
                (Some(None), Ty::List(_)) if !field.optional => Some(Value::List(Vec::new())),
                (Some(None), _) if field.optional => Some(Value::Absent),
                (Some(None), _) => {
                    // Nothing where something must be: an error of the first row that should have given it.
                    let given = self.given_by(all, def, field);
                    let first = given.into_iter().find_map(|r| match &r.has[at] {
                        Has::Rows(rows) => Some((r, rows[0])),
                        Has::Nothing | Has::Perhaps | Has::PerhapsMore(_) | Has::Unreadable => None,
                    });
                    members[at].rejected = true;
                    if let Some((read, row)) = first {
                        reject(read, row, Some(&id));
                    }
                    None
                }
                (value, _) => value.flatten(),
            };
            attributes.insert(field.name.clone(), value);
        }
        let (of, rejected) = (def.name.clone(), members[at].rejected);
        Ok(Person { of, id, attributes, rejected, sources, missing: false })
    }
}
