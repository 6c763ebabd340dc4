//! The one enumeration of types. Invariant: an optional never holds an optional; sets hold scalars.

use crate::{EnumId, IdentityId, RecordId, Schema};

/// A type of the language.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// True or false.
    Bool,
    /// A 64-bit integer.
    Int,
    /// Fixed point with four places.
    Decimal,
    /// Text compared exactly (NFC).
    Str,
    /// Text compared without regard to case and outer blanks; the spelling is kept.
    Text,
    /// A calendar day.
    Date,
    /// A point in time.
    Instant,
    /// Calendar days, weeks, months, years.
    Duration,
    /// Hours, minutes, seconds.
    Elapsed,
    /// One of listed variants.
    Enum(EnumId),
    /// A set of scalars.
    Set(Box<Type>),
    /// A list of records, or of identities (an inverse).
    List(Box<Type>),
    /// A record, a row of a table.
    Record(RecordId),
    /// A reference to an identity.
    Identity(IdentityId),
    /// Perhaps absent.
    Optional(Box<Type>),
}

impl Type {
    /// This type, perhaps absent.
    #[must_use]
    pub fn optional(self) -> Type {
        match self {
            Type::Optional(_) => self,
            other => Type::Optional(Box::new(other)),
        }
    }

    /// This type where it is known to be present.
    pub fn required(&self) -> &Type {
        match self {
            Type::Optional(inner) => inner,
            other => other,
        }
    }

    /// Whether a value may be absent.
    pub fn is_optional(&self) -> bool {
        matches!(self, Type::Optional(_))
    }

    /// Whether it is a scalar, so that sets may hold it and cells spell it.
    pub fn is_scalar(&self) -> bool {
        match self {
            Type::Bool
            | Type::Int
            | Type::Decimal
            | Type::Str
            | Type::Text
            | Type::Date
            | Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Enum(_) => true,
            Type::Set(_) | Type::List(_) | Type::Record(_) | Type::Identity(_) | Type::Optional(_) => false,
        }
    }

    /// Whether `<` is defined on it.
    pub fn is_ordered(&self) -> bool {
        match self {
            Type::Int
            | Type::Decimal
            | Type::Str
            | Type::Text
            | Type::Date
            | Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Enum(_) => true,
            Type::Bool
            | Type::Set(_)
            | Type::List(_)
            | Type::Record(_)
            | Type::Identity(_)
            | Type::Optional(_) => false,
        }
    }

    /// Whether it is `string` or `text`.
    pub fn is_textual(&self) -> bool {
        matches!(self, Type::Str | Type::Text)
    }

    /// The type as a policy writes it.
    pub fn name(&self, schema: &Schema) -> String {
        match self {
            Type::Bool => "bool".into(),
            Type::Int => "int".into(),
            Type::Decimal => "decimal".into(),
            Type::Str => "string".into(),
            Type::Text => "text".into(),
            Type::Date => "date".into(),
            Type::Instant => "instant".into(),
            Type::Duration => "duration".into(),
            Type::Elapsed => "elapsed".into(),
            Type::Enum(id) => schema.enums[id.0 as usize].to_string(),
            Type::Set(t) => format!("set of {}", t.name(schema)),
            Type::List(t) => format!("list of {}", t.name(schema)),
            Type::Record(id) => schema.records[id.0 as usize].name.clone(),
            Type::Identity(id) => schema.identities[id.0 as usize].name.clone(),
            Type::Optional(t) => format!("{}?", t.name(schema)),
        }
    }
}
