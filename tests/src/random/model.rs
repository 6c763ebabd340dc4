//! What a random policy declares, as data: the generator of rules and of rows read it.
//! Invariant: every name occurs once, but for attributes and fields, which identities and records may share.

use super::value::{Ty, Val};

/// An attribute, a field or a column.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    pub(crate) optional: bool,
    /// Values that the data holds.
    pub(crate) pool: Vec<Val>,
    pub(crate) mapping: Mapping,
    /// The order of sources that give it, where there is one.
    pub(crate) prefer: Vec<String>,
    /// Whether the first source says nothing of it.
    pub(crate) elsewhere: bool,
}

impl Field {
    /// One without a name yet, read from the column of its name.
    pub(crate) fn new(ty: Ty, optional: bool, pool: Vec<Val>) -> Field {
        let (mapping, prefer) = (Mapping::None, vec![]);
        Field { name: String::new(), ty, optional, pool, mapping, prefer, elsewhere: false }
    }
}

/// A further source of an identity type.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) kind: SourceKind,
    /// Whether its rows have a date.
    pub(crate) effective: bool,
    /// Attributes that it gives, and whether it maps them.
    pub(crate) given: Vec<(usize, bool)>,
}

/// How it does so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Authoritative,
    Joins,
    /// Each row is an element of this attribute.
    Elements(usize),
}

/// How a source brings an attribute.
#[derive(Clone, Debug)]
pub(crate) enum Mapping {
    /// The column of its name.
    None,
    /// `a = row["Column"]`.
    Column(String),
    /// `trim(row.C)`, `int(row.C)`, …: an expression in which `{}` is the cell, which holds the value as it stands.
    Call(String, &'static str),
    /// `date(row.C, "%d/%m/%Y")`.
    Pattern(String),
    /// `match row.C { "label" => variant }`.
    Labels(String, Vec<(String, String)>),
}

/// A record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

/// An identity type.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// Which attribute is the key.
    pub(crate) key: usize,
    pub(crate) source: String,
    /// The column that says from when a row of it counts.
    pub(crate) effective: Option<String>,
    pub(crate) others: Vec<Source>,
    /// The attribute that names a zone.
    pub(crate) zone: Option<String>,
    /// Name, identity type that refers, field of it.
    pub(crate) inverses: Vec<(String, usize, usize)>,
    /// Names of states; none where there is no lifecycle.
    pub(crate) states: Vec<String>,
    /// Values of the status attribute that lead to a leaver state.
    pub(crate) leaver_states: Vec<String>,
    /// The attribute by which its identities are guests of partners; none where they are not.
    pub(crate) mail: Option<String>,
}

impl Identity {
    pub(crate) fn has_lifecycle(&self) -> bool {
        !self.states.is_empty()
    }
}

/// A table with its rows; the first field is the key.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) rows: Vec<Vec<Option<Val>>>,
}

/// An entitlement kind.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) types: Vec<Ty>,
    /// Values of the first type that rules name, each with its level: what stands in a lower level may be asked for
    /// in a higher one.
    pub(crate) pool: Vec<(Val, u8)>,
    pub(crate) catalog: bool,
    pub(crate) highest: bool,
    pub(crate) irrevocable: bool,
}

impl Kind {
    pub(crate) fn lowest(&self) -> u8 {
        self.pool.iter().map(|p| p.1).min().unwrap_or(0)
    }

    pub(crate) fn top(&self) -> u8 {
        self.pool.iter().map(|p| p.1).max().unwrap_or(0)
    }
}

/// An app.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) via: &'static str,
    pub(crate) mode: &'static str,
    /// Whether identities have accounts there.
    pub(crate) accounts: bool,
    /// Identity types that have some.
    pub(crate) types: Vec<usize>,
    /// Whether its accounts have names that are given once, or come from such.
    pub(crate) unique: bool,
    /// A second account, and the identity types that have some.
    pub(crate) second: Option<(String, Vec<usize>)>,
    /// The app whose account comes first.
    pub(crate) from: Option<usize>,
    /// Names of the accounts' attributes with their types, once they are drawn.
    pub(crate) attributes: Vec<(String, Ty)>,
    pub(crate) kinds: Vec<Kind>,
}

/// A function.
#[derive(Clone, Debug)]
pub(crate) struct Fun {
    pub(crate) name: String,
    pub(crate) params: Vec<Ty>,
    pub(crate) result: Ty,
}

/// A `let`.
#[derive(Clone, Debug)]
pub(crate) struct Let {
    pub(crate) name: String,
    pub(crate) identity: usize,
    pub(crate) ty: Ty,
    pub(crate) optional: bool,
    pub(crate) pool: Vec<Val>,
    /// What is known where it holds, and where it does not.
    pub(crate) facts: (super::expr::Facts, super::expr::Facts),
    /// Whether it turns with time.
    pub(crate) timely: bool,
    /// What is known where it is there.
    pub(crate) through: super::expr::Facts,
}

/// What a role with parameters takes.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    /// Values that it may well have.
    pub(crate) pool: Vec<Val>,
    /// App and kind, with a catalog that all values of the pool are in.
    pub(crate) listed: Option<(usize, usize)>,
}

/// A birthright or a role.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) identity: usize,
    pub(crate) role: bool,
    /// What it reads of other rules stands below; what it gives stands here or above.
    pub(crate) level: u8,
    pub(crate) included: bool,
    /// Whether it is given by hand.
    pub(crate) requestable: bool,
    /// Whether it is kept apart from another: then it is not brought, and brings nothing.
    pub(crate) apart: bool,
    /// What it takes; only a role that has no condition of its own takes anything.
    pub(crate) params: Vec<Param>,
}

/// Everything declared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// The day of evaluation.
    pub(crate) today: i64,
    pub(crate) zone: &'static str,
    pub(crate) enums: Vec<Vec<String>>,
    pub(crate) records: Vec<Record>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) tables: Vec<Table>,
    pub(crate) apps: Vec<App>,
    pub(crate) funs: Vec<Fun>,
    pub(crate) lets: Vec<Let>,
    pub(crate) rules: Vec<Rule>,
    /// Whether something is separated: then no level may be asked for within itself.
    pub(crate) separates: bool,
    /// What may be drawn.
    pub(crate) draws: super::Draws,
    /// Whether some rules are observed.
    pub(crate) stages: bool,
    /// What rules that are drawn already give.
    pub(crate) given: Vec<String>,
    /// Names of forbids and separations.
    pub(crate) named: Vec<String>,
}

impl Model {
    /// A type as a policy writes it.
    pub(crate) fn spell(&self, ty: &Ty) -> String {
        match ty {
            Ty::Bool => "bool".into(),
            Ty::Int => "int".into(),
            Ty::Decimal => "decimal".into(),
            Ty::Str => "string".into(),
            Ty::Text => "text".into(),
            Ty::Date => "date".into(),
            Ty::Instant => "instant".into(),
            Ty::Duration => "duration".into(),
            Ty::Elapsed => "elapsed".into(),
            Ty::Enum(e) => format!("enum({})", self.enums[*e].join(", ")),
            Ty::State(i) => format!("enum({})", self.identities[*i].states.join(", ")),
            Ty::Set(t) => format!("set of {}", self.spell(t)),
            Ty::List(r) => format!("list of {}", self.records[*r].name),
            Ty::Record(r) => self.records[*r].name.clone(),
            Ty::Ref(i) => self.identities[*i].name.clone(),
            Ty::People(i) => format!("list of {}", self.identities[*i].name),
        }
    }

    /// The variants of a type that has some.
    pub(crate) fn variants(&self, ty: &Ty) -> Vec<String> {
        match ty {
            Ty::Enum(e) => self.enums[*e].clone(),
            Ty::State(i) => self.identities[*i].states.clone(),
            _ => vec![],
        }
    }
}
