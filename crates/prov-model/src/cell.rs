//! How a cell of outside data becomes a value of a type: the one place where that is decided, for sources and tables.
//! Invariant: total; what can't be read is a [`CellError`] that shows the value shortened, never a value made up.

use crate::{Builtin, RawCell, RecordId, Schema, Type, Value, Zone, nfc};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Why a cell is not a value of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellError {
    /// The code of the catalogue: `P0602` a bad value, `P0603` no such variant, `P0604` nothing where something must be.
    pub code: &'static str,
    /// What is wrong, the value shortened in backticks: "`x` is not a whole number".
    pub message: String,
    /// The value in full, to find the candidate that was meant.
    pub value: String,
    /// What would have been right, where that is a short list (the variants of an enum).
    pub candidates: Vec<String>,
}

impl CellError {
    fn bad(value: &str, why: impl std::fmt::Display) -> CellError {
        CellError {
            code: "P0602",
            message: format!("`{}` {why}", shorten(value)),
            value: value.to_owned(),
            candidates: vec![],
        }
    }

    fn missing(ty: &Type, schema: &Schema) -> CellError {
        CellError {
            code: "P0604",
            message: format!("there is no value, and `{}` needs one", ty.name(schema)),
            value: String::new(),
            candidates: vec![],
        }
    }

    fn within(mut self, what: impl std::fmt::Display) -> CellError {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

/// A value for a message: at most 40 characters, control characters escaped.
pub fn shorten(value: &str) -> String {
    let mut out = String::new();
    for (i, c) in value.chars().enumerate() {
        if i == 40 {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// Reads a cell by a type. An empty cell is `Absent` for `T?` and the empty set for `set of T`; sets in text are split
/// by `;`. A reference gives the key as a `string`, for the caller to resolve. Lists and records go by [`cell_rows`]
/// and [`cell_record`]: here they are an error.
pub fn cell_value<'a>(
    cell: RawCell<'a>,
    ty: &Type,
    schema: &Schema,
    zone: &Zone,
) -> Result<Value<'a>, CellError> {
    match (cell, ty) {
        (RawCell::Absent, Type::Optional(_)) => Ok(Value::Absent),
        (RawCell::Absent, Type::Set(_)) => Ok(Value::Set(vec![])),
        (RawCell::Absent, _) => Err(CellError::missing(ty, schema)),
        (cell, Type::Optional(inner)) => cell_value(cell, inner, schema, zone),
        (RawCell::Text(s), Type::Set(element)) => {
            let parts = s.split(';').map(str::trim).filter(|p| !p.is_empty());
            let values: Result<Vec<_>, _> =
                parts.map(|p| scalar(Cow::Borrowed(p), element, schema, zone)).collect();
            values.map(Value::set)
        }
        (RawCell::Json(json), Type::Set(element)) => json_set(json, element, schema, zone),
        (RawCell::Text(s), _) => scalar(Cow::Borrowed(s), ty, schema, zone),
        (RawCell::Json(json), _) => {
            Err(CellError::bad(json, format_args!("is a JSON array or object, not `{}`", ty.name(schema))))
        }
    }
}

/// Reads a list of records from a JSON array of objects (in CSV: the array as text): the fields of each row in order.
/// An empty cell is an empty list.
pub fn cell_rows(
    cell: RawCell<'_>,
    record: RecordId,
    schema: &Schema,
    zone: &Zone,
) -> Result<Vec<Vec<Value<'static>>>, CellError> {
    let json = match cell {
        RawCell::Absent => return Ok(vec![]),
        RawCell::Text(s) | RawCell::Json(s) => s,
    };
    let items: Vec<&RawValue> =
        serde_json::from_str(json).map_err(|_| CellError::bad(json, "is not a JSON array of objects"))?;
    items
        .iter()
        .enumerate()
        .map(|(i, item)| {
            fields(item.get(), record, schema, zone).map_err(|e| e.within(format_args!("element {}", i + 1)))
        })
        .collect()
}

/// Reads a record from a JSON object: its fields in order; `None` for an empty cell.
pub fn cell_record(
    cell: RawCell<'_>,
    record: RecordId,
    schema: &Schema,
    zone: &Zone,
) -> Result<Option<Vec<Value<'static>>>, CellError> {
    match cell {
        RawCell::Absent => Ok(None),
        RawCell::Text(s) | RawCell::Json(s) => fields(s, record, schema, zone).map(Some),
    }
}

/// The spelling under which a keyed row is found: folded for `text`, else plain.
pub fn key_spelling(value: &Value<'_>, ty: &Type, schema: &Schema) -> String {
    match value {
        Value::Text(t) => t.folded.to_string(),
        value => value.plain(ty, schema),
    }
}

fn scalar<'a>(s: Cow<'a, str>, ty: &Type, schema: &Schema, zone: &Zone) -> Result<Value<'a>, CellError> {
    let convert = |b: Builtin| {
        b.call(&[Value::Str(Cow::Borrowed(&*s))], zone, &|_| String::new())
            .map(Value::into_owned)
            .map_err(|e| CellError::bad(&s, e.0))
    };
    match ty {
        Type::Bool => convert(Builtin::Bool),
        Type::Int => convert(Builtin::Int),
        Type::Decimal => convert(Builtin::ToDecimal),
        Type::Date => convert(Builtin::ToDate),
        Type::Instant => convert(Builtin::ToInstant),
        Type::Duration => convert(Builtin::ToDuration),
        Type::Elapsed => convert(Builtin::ToElapsed),
        Type::Str | Type::Identity(_) => Ok(Value::Str(match s {
            Cow::Borrowed(s) => nfc(s),
            Cow::Owned(s) => Cow::Owned(nfc(&s).into_owned()),
        })),
        Type::Text => Ok(Value::text(s)),
        Type::Enum(id) => {
            let def = &schema.enums[id.index()];
            match def.variants.iter().position(|v| v == s.trim()) {
                Some(i) => Ok(Value::Enum(i as u32)),
                None => Err(CellError {
                    code: "P0603",
                    message: format!("`{}` is not a variant of `{def}`", shorten(&s)),
                    value: s.trim().to_owned(),
                    candidates: def.variants.clone(),
                }),
            }
        }
        Type::Optional(inner) => scalar(s, inner, schema, zone),
        Type::Set(_) | Type::List(_) | Type::Record(_) => {
            Err(CellError::bad(&s, format_args!("is not `{}`", ty.name(schema))))
        }
    }
}

/// The text of a JSON scalar, as a cell has it: numbers as written; `None` for `null`, an error for arrays and objects.
fn json_scalar<'a>(raw: &'a str, ty: &Type, schema: &Schema) -> Result<Option<Cow<'a, str>>, CellError> {
    match raw.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => serde_json::from_str::<String>(raw)
            .map(|s| (!s.trim().is_empty()).then_some(Cow::Owned(s)))
            .map_err(|_| CellError::bad(raw, "is not a JSON string")),
        Some(b'[' | b'{') => {
            Err(CellError::bad(raw, format_args!("is a JSON array or object, not `{}`", ty.name(schema))))
        }
        _ => Ok(Some(Cow::Borrowed(raw))),
    }
}

fn json_set<'a>(json: &'a str, element: &Type, schema: &Schema, zone: &Zone) -> Result<Value<'a>, CellError> {
    let within = |i: usize| move |e: CellError| e.within(format_args!("element {}", i + 1));
    if let Some(texts) = plain_texts(json) {
        let texts = texts.into_iter().enumerate().filter(|(_, s)| !s.trim().is_empty());
        let values: Result<Vec<_>, _> =
            texts.map(|(i, s)| scalar(Cow::Borrowed(s), element, schema, zone).map_err(within(i))).collect();
        return values.map(Value::set);
    }
    let items: Vec<&RawValue> =
        serde_json::from_str(json).map_err(|_| CellError::bad(json, "is not a JSON array"))?;
    let mut values = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        // Blank elements are nothing, as between two `;`.
        let value = json_scalar(item.get(), element, schema)
            .and_then(|s| s.map(|s| scalar(s, element, schema, zone)).transpose())
            .map_err(within(i))?;
        values.extend(value.map(Value::into_owned));
    }
    Ok(Value::set(values))
}

/// The texts of an array that holds nothing else, each written as it reads: no blanks between them, no escapes. None where
/// it is anything else, though it may be JSON as well.
fn plain_texts(json: &str) -> Option<Vec<&str>> {
    let inner = json.strip_prefix("[\"")?.strip_suffix("\"]")?;
    let plain = |s: &str| s.bytes().all(|b| b >= b' ' && b != b'\\' && b != b'"');
    let texts: Vec<&str> = inner.split("\",\"").collect();
    texts.iter().all(|s| plain(s)).then_some(texts)
}

fn fields(
    json: &str,
    record: RecordId,
    schema: &Schema,
    zone: &Zone,
) -> Result<Vec<Value<'static>>, CellError> {
    let object: BTreeMap<String, &RawValue> =
        serde_json::from_str(json).map_err(|_| CellError::bad(json, "is not a JSON object"))?;
    let read = |field: &crate::FieldDef| {
        let raw = object.get(&field.name).map_or("null", |r| r.get());
        let value = match field.ty.required() {
            Type::Set(element) if raw.starts_with('[') => json_set(raw, element, schema, zone)?.into_owned(),
            _ => match json_scalar(raw, &field.ty, schema)? {
                None => cell_value(RawCell::Absent, &field.ty, schema, zone)?,
                Some(s) => cell_value(RawCell::Text(&s), &field.ty, schema, zone)?.into_owned(),
            },
        };
        Ok(value)
    };
    schema.records[record.index()]
        .fields
        .iter()
        .map(|f| read(f).map_err(|e: CellError| e.within(format_args!("field `{}`", f.name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnumDef, EnumId, FieldDef, RecordDef};

    fn schema() -> Schema {
        Schema {
            enums: vec![EnumDef { variants: vec!["active".into(), "leave".into()] }],
            records: vec![RecordDef {
                name: "job".into(),
                fields: vec![
                    FieldDef { name: "title".into(), ty: Type::Text },
                    FieldDef { name: "share".into(), ty: Type::Decimal.optional() },
                    FieldDef { name: "tags".into(), ty: Type::Set(Box::new(Type::Str)) },
                ],
            }],
            ..Schema::default()
        }
    }

    fn read(cell: RawCell<'_>, ty: &Type) -> Result<String, String> {
        let s = schema();
        cell_value(cell, ty, &s, &Zone::utc())
            .map(|v| v.shown(ty, &s))
            .map_err(|e| format!("{} {}", e.code, e.message))
    }

    fn set(t: Type) -> Type {
        Type::Set(Box::new(t))
    }

    #[test]
    fn arrays_of_plain_texts_read_as_json_reads_them() {
        // The same with a blank behind the bracket goes through JSON.
        for inner in [
            r#""b","a","b""#,
            r#""","  ","a""#,
            r#""a\",\"b""#,
            r#""\u0041","A""#,
            r#""Ä","a;b""#,
            r#""7","x""#,
            r#""7",7"#,
            r#""a","#,
            r#""a"",""b""#,
            "\"\u{1}\"",
            "\"\"",
            "",
        ] {
            for ty in [Type::Str, Type::Text, Type::Int] {
                let (plain, spaced) = (format!("[{inner}]"), format!("[ {inner}]"));
                let (plain, spaced) = (RawCell::Json(&plain), RawCell::Json(&spaced));
                let told = |r: Result<String, String>| r.map_err(|e| e.replace("`[ ", "`["));
                assert_eq!(read(plain, &set(ty.clone())), told(read(spaced, &set(ty))), "{inner}");
            }
        }
    }

    #[test]
    fn every_scalar_type_reads_its_spelling() {
        let ok = |s: &str, ty: Type| read(RawCell::Text(s), &ty).expect("it reads");
        assert_eq!(ok(" 42 ", Type::Int), "42");
        assert_eq!(ok("4.25", Type::Decimal), "4.25");
        assert_eq!(ok("YES", Type::Bool), "true");
        assert_eq!(ok("2026-03-02", Type::Date), "2026-03-02");
        assert_eq!(ok("2026-03-02T09:30:00Z", Type::Instant), "2026-03-02T09:30:00Z");
        assert_eq!(ok("30 days", Type::Duration), "30 days");
        assert_eq!(ok("8 hours", Type::Elapsed.optional()), "8 hours");
        assert_eq!(ok("e\u{301}", Type::Str), "\"é\"");
        assert_eq!(ok(" leave ", Type::Enum(EnumId(0))), "leave");
    }

    #[test]
    fn errors_show_the_value_and_what_was_wanted() {
        assert_eq!(read(RawCell::Text("x"), &Type::Int), Err("P0602 `x` is not a whole number".into()));
        assert_eq!(
            read(RawCell::Text("Active"), &Type::Enum(EnumId(0))),
            Err("P0603 `Active` is not a variant of `enum(active, leave)`".into())
        );
        assert_eq!(
            read(RawCell::Absent, &Type::Date),
            Err("P0604 there is no value, and `date` needs one".into())
        );
        assert_eq!(
            read(RawCell::Json("[1]"), &Type::Int),
            Err("P0602 `[1]` is a JSON array or object, not `int`".into())
        );
        let long = "9".repeat(100);
        let shown = read(RawCell::Text(&long), &Type::Int).expect_err("too big");
        assert_eq!(shown, format!("P0602 `{}…` is not a whole number", "9".repeat(40)));
    }

    #[test]
    fn absence_is_a_value_only_where_the_type_has_one() {
        assert_eq!(read(RawCell::Absent, &Type::Int.optional()), Ok("absent".into()));
        assert_eq!(read(RawCell::Absent, &set(Type::Int)), Ok("[]".into()));
        assert_eq!(read(RawCell::Absent, &set(Type::Int).optional()), Ok("absent".into()));
    }

    #[test]
    fn sets_are_split_sorted_and_without_doubles() {
        assert_eq!(read(RawCell::Text("b; A;;b"), &set(Type::Text)), Ok(r#"["A", "b"]"#.into()));
        assert_eq!(
            read(RawCell::Json(r#"["b", null, "A", "B"]"#), &set(Type::Text)),
            Ok(r#"["A", "b"]"#.into())
        );
        assert_eq!(read(RawCell::Json("[2, 1]"), &set(Type::Int)), Ok("[1, 2]".into()));
        assert_eq!(
            read(RawCell::Json("[1, 1.5]"), &set(Type::Int)),
            Err("P0602 element 2: `1.5` is not a whole number".into())
        );
    }

    #[test]
    fn lists_of_records_read_objects_field_by_field() {
        let s = schema();
        let rows = |json: &str| {
            cell_rows(RawCell::Json(json), RecordId(0), &s, &Zone::utc()).map_err(|e| e.message).map(|rows| {
                let shown = |row: &Vec<Value<'_>>| {
                    let types = s.records[0].fields.iter().map(|f| &f.ty);
                    row.iter().zip(types).map(|(v, t)| v.shown(t, &s)).collect::<Vec<_>>().join(" ")
                };
                rows.iter().map(shown).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            rows(r#"[{"title":"Rep","share":0.5,"tags":["x"],"more":1},{"title":"Lead"}]"#),
            Ok(vec![r#""Rep" 0.5 ["x"]"#.into(), r#""Lead" absent []"#.into()])
        );
        assert_eq!(
            rows(r#"[{"share":0.12345,"title":"a"}]"#),
            Err(
                "element 1: field `share`: `0.12345` is not a number with at most four places behind the dot"
                    .into()
            )
        );
        assert_eq!(
            rows("[{}]"),
            Err("element 1: field `title`: there is no value, and `text` needs one".into())
        );
        assert_eq!(rows("{}"), Err("`{}` is not a JSON array of objects".into()));
        assert_eq!(rows("[3]"), Err("element 1: `3` is not a JSON object".into()));
    }
}
