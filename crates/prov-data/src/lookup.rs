//! Files that are only good as a whole: look-up tables and catalogs.
//! Invariant: a table has its rows in order of key, without doubles; where one row is bad there is no table.

use crate::raw::Findings;
use prov_diag::{Diagnostic, Severity, codes, did_you_mean};
use prov_model::{
    CellError, ColumnBuilder, FieldDef, RawCell, RawRow, RawTable, Schema, Table, TableId, Type, Value, Zone,
    cell_record, cell_rows, cell_value, key_spelling, shorten,
};
use rustc_hash::FxHashMap;

/// Reads the rows of a policy's table, typed, in order of key. The table is empty where there are errors.
pub fn read_lookup(schema: &Schema, table: TableId, raw: &RawTable) -> (Table, Vec<Diagnostic>) {
    let def = &schema.tables[table.index()];
    let fields = &schema.records[def.record.index()].fields;
    let mut findings = Findings::new(&raw.file);
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        columns.push(raw.column(&field.name));
        let absent = raw.column(&field.name).is_none();
        // An array of no objects has no columns.
        if absent && !(raw.columns.is_empty() && raw.is_empty()) {
            findings.push(missing_column(raw, &field.name, &format!("table `{}`", def.name)));
        }
    }
    if findings.any() {
        return (Table::default(), findings.finish());
    }
    let record_fields =
        |id: prov_model::RecordId| schema.records[id.index()].fields.iter().map(|f| f.ty.clone()).collect();
    let reader = RowReader { schema, fields, columns, zone: Zone::utc() };
    let keyed = keys(&reader, def.key, raw, &mut findings);
    let mut builders: Vec<_> = fields.iter().map(|f| ColumnBuilder::new(&f.ty, &record_fields)).collect();
    let mut out = Table { columns: vec![], rows: keyed.len(), keys: Vec::with_capacity(keyed.len()) };
    for (key, row) in keyed {
        for (i, builder) in builders.iter_mut().enumerate() {
            if let Err(e) = reader.push(builder, i, raw.row(row)) {
                findings.push(cell_error(raw, raw.row(row).line(), &fields[i].name, e));
            }
        }
        out.keys.push(key);
    }
    if findings.any() {
        return (Table::default(), findings.finish());
    }
    out.columns = builders.into_iter().map(ColumnBuilder::finish).collect();
    (out, vec![])
}

/// Keys with their rows, in order of key.
fn keys(r: &RowReader<'_>, key: usize, raw: &RawTable, findings: &mut Findings) -> Vec<(Box<str>, usize)> {
    let field = &r.fields[key];
    let mut first: FxHashMap<Box<str>, u64> = FxHashMap::default();
    let mut keyed = Vec::with_capacity(raw.len());
    for (row, cells) in raw.rows().enumerate() {
        let cell = r.columns[key].map_or(RawCell::Absent, |c| cells.cell(c));
        match cell_value(cell, field.ty.required(), r.schema, &r.zone) {
            Ok(value) => {
                let spelled: Box<str> = key_spelling(&value, &field.ty, r.schema).into();
                if let Some(line) = first.get(&spelled) {
                    let shown = shorten(&value.plain(&field.ty, r.schema));
                    let message = format!("the key `{shown}` stands on line {line} already");
                    let at = (Some(cells.line()), Some(field.name.clone()));
                    findings.push(
                        Diagnostic::new(&codes::DUPLICATE_KEY, message)
                            .in_data(&raw.file, at.0, at.1)
                            .help("remove one of the two rows"),
                    );
                } else {
                    first.insert(spelled.clone(), cells.line());
                    keyed.push((spelled, row));
                }
            }
            // A key that is optional by its type is reported here, any other bad one with its column.
            Err(e) => findings.push(cell_error(raw, cells.line(), &field.name, e)),
        }
    }
    keyed.sort_unstable();
    keyed
}

struct RowReader<'a> {
    schema: &'a Schema,
    fields: &'a [FieldDef],
    columns: Vec<Option<usize>>,
    zone: Zone,
}

impl RowReader<'_> {
    fn push(&self, builder: &mut ColumnBuilder, field: usize, row: RawRow<'_>) -> Result<(), CellError> {
        let cell = self.columns[field].map_or(RawCell::Absent, |c| row.cell(c));
        let ty = &self.fields[field].ty;
        match ty.required() {
            Type::List(_) if ty.is_optional() && matches!(cell, RawCell::Absent) => builder.push_no_list(),
            Type::List(element) => match element.required() {
                Type::Record(id) => builder.push_list(&cell_rows(cell, *id, self.schema, &self.zone)?),
                _ => builder.push_list(&[]),
            },
            Type::Record(id) => {
                builder.push_record(cell_record(cell, *id, self.schema, &self.zone)?.as_deref());
            }
            // A table holds no references: the population is not known here, and the checker refuses them.
            Type::Identity(_) => builder.push(&Value::Absent),
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
            | Type::Set(_)
            | Type::Optional(_) => builder.push(&cell_value(cell, ty, self.schema, &self.zone)?),
        }
        Ok(())
    }
}

/// The values of a catalog in order of the file: its column `value`, or else its first. Blank cells are nothing.
pub fn read_catalog(raw: &RawTable) -> (Vec<String>, Vec<Diagnostic>) {
    let mut findings = Findings::new(&raw.file);
    let mut values = Vec::with_capacity(raw.len());
    let column = raw.column("value").unwrap_or(0);
    let mut first: FxHashMap<&str, u64> = FxHashMap::default();
    if !raw.columns.is_empty() {
        for row in raw.rows() {
            let name = || Some(raw.columns[column].clone());
            match row.cell(column) {
                RawCell::Absent => {}
                RawCell::Json(json) => {
                    let message = format!("`{}` is a JSON array or object, not a value", shorten(json));
                    findings.push(Diagnostic::new(&codes::BAD_CATALOG, message).in_data(
                        &raw.file,
                        Some(row.line()),
                        name(),
                    ));
                }
                RawCell::Text(text) => {
                    let text = text.trim();
                    if let Some(line) = first.get(text) {
                        let message = format!("the value `{}` stands on line {line} already", shorten(text));
                        let mut d = Diagnostic::new(&codes::BAD_CATALOG, message).in_data(
                            &raw.file,
                            Some(row.line()),
                            name(),
                        );
                        d.severity = Severity::Warning;
                        findings.push(d);
                    } else {
                        first.insert(text, row.line());
                        values.push(prov_model::nfc(text).into_owned());
                    }
                }
            }
        }
    }
    if values.is_empty() {
        let message = format!("the catalog `{}` lists no value", raw.file);
        let help = "below the first line, which names the column `value`, stands one value a line";
        findings
            .push(Diagnostic::new(&codes::BAD_CATALOG, message).in_data(&raw.file, None, None).help(help));
    }
    (values, findings.finish())
}

/// A column that a file must have.
pub(crate) fn missing_column(raw: &RawTable, column: &str, of: &str) -> Diagnostic {
    let help = match did_you_mean(column, raw.columns.iter().map(String::as_str)) {
        Some(near) => format!("did you mean the column `{near}`? rename it to `{column}`"),
        None if raw.columns.is_empty() => "the file has no columns".to_owned(),
        None => {
            let names: Vec<_> = raw.columns.iter().take(20).map(|c| format!("`{}`", shorten(c))).collect();
            let more = if raw.columns.len() > 20 { " …" } else { "" };
            format!("the file has the columns {}{more}", names.join(", "))
        }
    };
    Diagnostic::new(
        &codes::MISSING_COLUMN,
        format!("`{}` has no column `{column}`, which {of} needs", raw.file),
    )
    .in_data(&raw.file, None, None)
    .help(help)
}

/// A bad cell of a file that is only good as a whole.
fn cell_error(raw: &RawTable, line: u64, column: &str, e: CellError) -> Diagnostic {
    let code = codes::find(e.code).unwrap_or(&codes::BAD_VALUE);
    let near = did_you_mean(&e.value, e.candidates.iter().map(String::as_str));
    let help = near.map_or_else(|| crate::raw::WHOLE.to_owned(), |n| format!("did you mean `{n}`?"));
    Diagnostic::new(code, e.message).in_data(&raw.file, Some(line), Some(column.to_owned())).help(help)
}
