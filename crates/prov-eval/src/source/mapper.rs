//! One source's rows, read by its mappings.
//! Invariant: what a cell can't give is said with its place, and is never made up.

use crate::interp::{Interp, Subject};
use crate::reject::Rejector;
use crate::shape::Shape;
use crate::world::World;
use prov_ir::{AttributeProgram, SourceProgram};
use prov_model::{
    AttrId, Date, FieldDef, IdentityDef, RawCell, RawTable, RecordId, Rejection, SourceDef, SourcePart, Type,
    Value, cell_record, cell_rows, cell_value, nfc,
};
use rayon::prelude::*;

/// One source's rows with the program that reads them.
pub(super) struct Mapper<'a> {
    pub world: World<'a>,
    shape: &'a Shape,
    pub program: &'a SourceProgram,
    pub def: &'a SourceDef,
    /// What a row gives.
    pub fields: &'a [FieldDef],
    pub rows: &'a RawTable,
    /// Where the columns of the program stand in the rows.
    columns: Vec<Option<usize>>,
    pub rejector: Rejector<'a>,
}

/// A value as [`prov_model::ColumnBuilder`] takes it.
pub(super) enum Mapped<'a> {
    /// A scalar, a set, or the key of a reference.
    Value(Value<'a>),
    List(Vec<Vec<Value<'static>>>),
    Record(Option<Vec<Value<'static>>>),
}

impl Mapped<'_> {
    /// Whether there is anything in it: where there is not, the next source is asked.
    pub fn is_something(&self) -> bool {
        match self {
            Mapped::Value(Value::Absent) | Mapped::Record(None) => false,
            Mapped::Value(Value::Set(elements)) => !elements.is_empty(),
            Mapped::List(rows) => !rows.is_empty(),
            Mapped::Value(_) | Mapped::Record(Some(_)) => true,
        }
    }
}

/// What a row gives, field by field: `None` where it can't be read, which is said.
pub(super) type RowValues<'a> = Vec<Option<Mapped<'a>>>;

/// The day from which rows count, as rejections speak of it.
fn effective_field() -> FieldDef {
    FieldDef { name: "effective from".into(), ty: Type::Date }
}

impl<'a> Mapper<'a> {
    pub fn new(
        world: World<'a>,
        shape: &'a Shape,
        program: &'a SourceProgram,
        rows: &'a RawTable,
    ) -> Mapper<'a> {
        let def = &world.program.schema.sources[program.source as usize];
        Mapper {
            world,
            shape,
            program,
            def,
            fields: world.program.schema.fields_of(def),
            rows,
            rejector: Rejector { program: world.program, source: program, name: &def.name, file: &rows.file },
            columns: program.columns.iter().map(|c| rows.column(c)).collect(),
        }
    }

    fn identity(&self) -> &'a IdentityDef {
        self.world.program.schema.identity(self.def.identity)
    }

    /// The attribute by which rows find their identity, with the program that reads it from a row.
    pub fn join(&self) -> (AttrId, &'a FieldDef, &'a AttributeProgram) {
        let def = self.identity();
        let attr = match self.def.part {
            SourcePart::Authoritative => def.key,
            SourcePart::Enriching(joins) | SourcePart::Elements { joins, .. } => joins,
        };
        let own = self.program.attributes.get(attr.index()).unwrap_or(&AttributeProgram::Nothing);
        (attr, &def.attributes[attr.index()], self.program.join.as_ref().unwrap_or(own))
    }

    /// Whether its rows are elements of a list.
    pub fn is_of_elements(&self) -> bool {
        matches!(self.def.part, SourcePart::Elements { .. })
    }

    /// One a column that must be there and is not.
    pub fn missing_columns(&self) -> Vec<Rejection> {
        let wanted = |column: usize| {
            let bare = |of: &AttributeProgram| match of {
                AttributeProgram::Column(c) => *c as usize == column,
                AttributeProgram::Mapped(_) | AttributeProgram::Nothing => false,
            };
            let read = self.program.attributes.iter().zip(self.fields).filter(|(a, _)| bare(a));
            read.map(|(_, def)| !def.ty.is_optional()).max().unwrap_or(false)
                || self.program.join.iter().chain(&self.program.effective).any(bare)
                || self.rejector.reads_cell(column as u32)
        };
        (0..self.columns.len())
            .filter(|&c| self.columns[c].is_none() && wanted(c))
            .map(|c| self.rejector.missing_column(&self.program.columns[c]))
            .collect()
    }

    /// An evaluator for its rows; none where there are none.
    pub fn interp(&'a self) -> Option<Interp<'a>> {
        let first = (!self.rows.is_empty()).then(|| self.rows.row(0))?;
        Some(Interp::new(self.world, self.shape, Subject::Row(first, &self.columns)))
    }

    fn each_row<T: Send>(&'a self, read: impl Fn(&mut Interp<'a>, usize) -> T + Sync) -> Vec<T> {
        (0..self.rows.len())
            .into_par_iter()
            .with_min_len(1024)
            // There is a row, so there is an evaluator.
            .map_init(|| self.interp(), |interp, row| interp.as_mut().map(|i| read(i, row)))
            .flatten()
            .collect()
    }

    /// By row, the value by which it finds its identity, as spelled.
    pub fn keys(&'a self) -> Vec<Option<Box<str>>> {
        self.each_row(|interp, row| self.key_at(interp, row))
    }

    /// That of one row.
    pub fn key(&self, row: usize) -> Option<Box<str>> {
        self.key_at(&mut self.interp()?, row)
    }

    fn key_at<'m>(&'m self, interp: &mut Interp<'m>, row: usize) -> Option<Box<str>> {
        let (_, def, of) = self.join();
        let value = self.value(interp, of, def, row, None, &mut Vec::new())?;
        let Mapped::Value(value) = value else { return None };
        let spelled = value.plain(&def.ty, &self.world.program.schema);
        (!value.is_absent()).then(|| Box::from(&*nfc(&spelled)))
    }

    /// By row, the day from which it counts; `None` where that can't be read.
    pub fn effective(&'a self) -> Option<Vec<Option<Date>>> {
        self.program.effective.as_ref()?;
        Some(self.each_row(|interp, row| self.effective_of(interp, row)))
    }

    /// That of one row.
    pub fn effective_of<'m>(&'m self, interp: &mut Interp<'m>, row: usize) -> Option<Date> {
        let of = self.program.effective.as_ref()?;
        match self.value(interp, of, &effective_field(), row, None, &mut Vec::new()) {
            Some(Mapped::Value(Value::Date(date))) => Some(date),
            _ => None,
        }
    }

    /// Why the day from which a row counts can't be read.
    pub fn no_effective(&'a self, interp: &mut Interp<'a>, row: usize, id: &str) -> Vec<Rejection> {
        let Some(of) = &self.program.effective else { return Vec::new() };
        let (def, mut out) = (effective_field(), Vec::new());
        if self.value(interp, of, &def, row, Some(id), &mut out).is_some() {
            out.push(self.rejector.no_value(self.rows.row(row).line(), &def, of, Some(id)));
        }
        out
    }

    /// A whole row.
    pub fn row(
        &'a self,
        interp: &mut Interp<'a>,
        row: usize,
        id: Option<&str>,
        rejections: &mut Vec<Rejection>,
    ) -> RowValues<'a> {
        (0..self.fields.len()).map(|field| self.field(interp, field, row, id, rejections)).collect()
    }

    /// One field of a row, as [`Mapper::row`] has it.
    pub fn attribute(&'a self, interp: &mut Interp<'a>, row: usize, field: usize) -> Option<Mapped<'a>> {
        self.field(interp, field, row, None, &mut Vec::new())
    }

    fn field(
        &'a self,
        interp: &mut Interp<'a>,
        field: usize,
        row: usize,
        id: Option<&str>,
        rejections: &mut Vec<Rejection>,
    ) -> Option<Mapped<'a>> {
        let (of, def) = (&self.program.attributes[field], &self.fields[field]);
        let value = self.value(interp, of, def, row, id, rejections)?;
        if let Mapped::Value(name) = &value
            && self.program_reads_zone(field)
            && let Some(name) = name.spelling()
            && prov_model::Zone::parse(name).is_none()
        {
            let line = self.rows.row(row).line();
            rejections.push(self.rejector.no_zone(line, name, def, of, id));
            return None;
        }
        Some(value)
    }

    /// Whether a field is what rows find their identity by, and nothing else is asked of it.
    pub fn is_found_by(&self, field: usize) -> bool {
        self.def.is_authoritative()
            && self.program.join.is_none()
            && self.identity().key.index() == field
            && !self.program_reads_zone(field)
    }

    /// The one column of the file that a field is read from, where there is one and no other.
    pub fn only_column(&self, field: usize) -> Option<usize> {
        let column = match &self.program.attributes[field] {
            AttributeProgram::Column(column) => *column,
            AttributeProgram::Mapped(expr) => self.rejector.only_cell(*expr)?,
            AttributeProgram::Nothing => return None,
        };
        let column = self.columns[column as usize]?;
        (self.rows.cells(column).codes().len() == self.rows.len()).then_some(column)
    }

    /// Whether an attribute of the identity is used as a time zone.
    fn program_reads_zone(&self, attr: usize) -> bool {
        !self.is_of_elements() && self.world.program.zones.contains(&(self.def.identity, AttrId(attr as u32)))
    }

    /// A row as an element of a list: every field has its value, or the row is no element.
    pub fn element(
        &'a self,
        interp: &mut Interp<'a>,
        row: usize,
        id: Option<&str>,
        rejections: &mut Vec<Rejection>,
    ) -> Option<Vec<Value<'static>>> {
        let values = self.row(interp, row, id, rejections);
        let mut whole = true;
        let mut fields = Vec::with_capacity(values.len());
        for ((value, def), of) in values.into_iter().zip(self.fields).zip(&self.program.attributes) {
            let value = match value {
                Some(Mapped::Value(value)) => value.into_owned(),
                Some(Mapped::List(_) | Mapped::Record(_)) => Value::Absent,
                None => {
                    whole = false;
                    continue;
                }
            };
            fields.push(match (value, &def.ty) {
                (Value::Absent, Type::Set(_)) => Value::Set(Vec::new()),
                (Value::Absent, ty) if !ty.is_optional() => {
                    whole = false;
                    rejections.push(self.rejector.no_value(self.rows.row(row).line(), def, of, id));
                    continue;
                }
                (Value::Str(s), Type::Text) => Value::text(s),
                (value, _) => value,
            });
        }
        whole.then_some(fields)
    }

    /// A value of a row, perhaps absent; `None` where it can't be had, with why.
    pub fn value(
        &'a self,
        interp: &mut Interp<'a>,
        of: &'a AttributeProgram,
        def: &FieldDef,
        row: usize,
        id: Option<&str>,
        rejections: &mut Vec<Rejection>,
    ) -> Option<Mapped<'a>> {
        let schema = &self.world.program.schema;
        let raw = self.rows.row(row);
        interp.turn_to(Subject::Row(raw, &self.columns));
        match of {
            AttributeProgram::Column(number) => {
                let column = self.columns[*number as usize];
                if column.is_none() && !def.ty.is_optional() {
                    return None; // said once, for the file
                }
                let cell = column.map_or(RawCell::Absent, |c| raw.cell(c));
                let zone = &self.world.moment.zone;
                let read = match (cell, def.ty.required()) {
                    (RawCell::Absent, _) => Ok(Mapped::Value(Value::Absent)),
                    (cell, Type::List(_)) => {
                        cell_rows(cell, record_of(&def.ty)?, schema, zone).map(Mapped::List)
                    }
                    (cell, Type::Record(id)) => cell_record(cell, *id, schema, zone).map(Mapped::Record),
                    // Columns fold once a distinct spelling.
                    (cell, Type::Text) => cell_value(cell, &Type::Str, schema, zone).map(Mapped::Value),
                    (cell, ty) => cell_value(cell, ty, schema, zone).map(Mapped::Value),
                };
                match read {
                    Ok(value) => Some(value),
                    Err(error) => {
                        rejections.push(self.rejector.cell(raw.line(), *number, error, id));
                        None
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
                Some(Mapped::Value(normal(value, &def.ty)))
            }
            AttributeProgram::Nothing => Some(Mapped::Value(Value::Absent)),
        }
    }
}

pub(super) fn record_of(ty: &Type) -> Option<RecordId> {
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
