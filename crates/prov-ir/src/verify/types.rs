//! What types and constants must look like, apart from where they stand.

use prov_model::{Schema, Type, Value, compare};

/// What a set or list holds; of an optional one too.
pub(crate) fn element(ty: &Type) -> Option<Type> {
    match ty.required() {
        Type::Set(t) | Type::List(t) => Some((**t).clone()),
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
        | Type::Record(_)
        | Type::Identity(_)
        | Type::Optional(_) => None,
    }
}

/// Whether a constant is a value of a type.
pub(crate) fn conforms(value: &Value<'_>, ty: &Type, schema: &Schema) -> bool {
    let of = ty.required();
    match value {
        Value::Absent => ty.is_optional(),
        Value::Bool(_) => *of == Type::Bool,
        Value::Int(_) => *of == Type::Int,
        Value::Decimal(_) => *of == Type::Decimal,
        Value::Str(_) => *of == Type::Str,
        Value::Text(_) => *of == Type::Text,
        Value::Date(_) => *of == Type::Date,
        Value::Instant(_) => *of == Type::Instant,
        Value::Duration(_) => *of == Type::Duration,
        Value::Elapsed(_) => *of == Type::Elapsed,
        Value::Enum(v) => match of {
            Type::Enum(id) => schema.enums.get(id.index()).is_some_and(|e| (*v as usize) < e.variants.len()),
            _ => false,
        },
        Value::Set(elements) => match of {
            Type::Set(t) => {
                elements.iter().all(|e| conforms(e, t, schema))
                    && elements.windows(2).all(|w| compare(&w[0], &w[1]).is_lt())
            }
            _ => false,
        },
        // Rows are of a population, and a program is of none.
        Value::List(_) | Value::Row(_) => false,
    }
}

/// Whether every id in a type is in the schema.
pub(crate) fn known(ty: &Type, schema: &Schema) -> bool {
    match ty {
        Type::Bool
        | Type::Int
        | Type::Decimal
        | Type::Str
        | Type::Text
        | Type::Date
        | Type::Instant
        | Type::Duration
        | Type::Elapsed => true,
        Type::Enum(id) => id.index() < schema.enums.len(),
        Type::Record(id) => id.index() < schema.records.len(),
        Type::Identity(id) => id.index() < schema.identities.len(),
        Type::Set(t) => t.is_scalar() && known(t, schema),
        Type::List(t) => matches!(**t, Type::Record(_) | Type::Identity(_)) && known(t, schema),
        Type::Optional(t) => !t.is_optional() && known(t, schema),
    }
}
