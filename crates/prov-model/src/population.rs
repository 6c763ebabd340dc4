//! Populations: identities in columns, sorted by key, with their references resolved.
//! Invariant: the order of rows in a source leaves no trace here.

use crate::{AttrId, Column, Date, IdentityId, Instant, Lists, Schema, Table};
use std::collections::{BTreeMap, BTreeSet};

/// Identities of all types, with what could not be read.
#[derive(Clone, Debug, Default)]
pub struct Population {
    /// One table an identity type, in the order of [`Schema::identities`].
    pub types: Vec<IdentityTable>,
    /// Rows by source, in order of name.
    pub counts: Vec<SourceCount>,
    /// What was rejected, in order of file, line and column.
    pub rejections: Vec<Rejection>,
    /// What is odd in the data and yet usable, by type and attribute.
    pub warnings: Vec<DataWarning>,
}

/// References that are odd, or rows of nobody, counted over an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataWarning {
    /// The identity type.
    pub identity: String,
    /// The attribute.
    pub attribute: String,
    /// What is odd.
    pub oddity: Oddity,
    /// How many identities it concerns; of rows of nobody, how many rows.
    pub count: u64,
    /// The global ids of the first few of them; of rows of nobody, the values that no identity has.
    pub examples: Vec<String>,
}

/// What can be odd about references.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// It refers to no one, and counts as absent.
    RefersToNobody,
    /// Followed, it comes back.
    Circle,
    /// Rows of this source join identities by the attribute, and no identity has their value.
    RowOfNobody(String),
}

/// Whether a source has a row of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It has none.
    Out,
    /// It has.
    In,
    /// That can't be known: rows of the source may be lacking.
    Unknown,
}

/// The identities of one type.
#[derive(Clone, Debug, Default)]
pub struct IdentityTable {
    /// Attributes, one column each; rows in order of key.
    pub table: Table,
    /// Identities of whom a row was rejected, with the attributes that can't be trusted for it. They are held as they
    /// are, also where the list is empty.
    pub broken: BTreeMap<u32, Vec<AttrId>>,
    /// Attributes that can't be known, since rows of a source may be lacking: the one that may bring them, which has no row
    /// of the identity, or the one that may bring whom they refer to; with that source, by position in
    /// [`Schema::sources`]. Only who reads them is held.
    pub doubtful: BTreeMap<u32, Vec<(AttrId, u32)>>,
    /// By source (position in [`Schema::sources`]) that was read: whether it has a row of each identity.
    pub members: Vec<(u32, Vec<Membership>)>,
    /// The next day from which another row of a source counts, where there is one (`effective from`).
    pub upcoming: BTreeMap<u32, Date>,
    /// For each inverse of the type: who refers to each row, in order of key.
    pub inverses: Vec<Lists>,
    /// Who came after the table was made, by key: their rows stand behind the others, in the order in which they came.
    pub late: BTreeMap<Box<str>, u32>,
    /// Rows of whom there is nobody any more.
    pub gone: BTreeSet<u32>,
}

/// How many rows a source had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCount {
    /// Its name.
    pub source: String,
    /// Data rows, rejected ones included.
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Rows in which a column holds nothing, by column; of columns that a guard looks at.
    pub empty: BTreeMap<String, u64>,
    /// Of when the rows are, where that is known.
    pub as_of: Option<Instant>,
}

/// A row, or a cell of it, that could not be mapped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejection {
    /// The file.
    pub file: String,
    /// The line of the row, from 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// The source.
    pub source: String,
    /// The global id of the identity that is held for it, where the row has one.
    pub identity: Option<String>,
    /// What is wrong, the offending value (shortened) in backticks.
    pub message: String,
    /// The code of the catalogue.
    pub code: &'static str,
}

impl IdentityTable {
    /// A table whose rows are in order of key; `table.keys` must be filled.
    pub fn new(table: Table) -> IdentityTable {
        debug_assert!(table.keys.windows(2).all(|w| w[0] < w[1]), "rows are sorted by key, without doubles");
        IdentityTable { table, ..IdentityTable::default() }
    }

    /// The row of a key.
    pub fn row(&self, key: &str) -> Option<u32> {
        let first = &self.table.keys[..self.table.keys.len() - self.late.len()];
        let found = first.binary_search_by(|known| (**known).cmp(key)).ok().map(|row| row as u32);
        found.or_else(|| self.late.get(key).copied()).filter(|row| !self.gone.contains(row))
    }

    /// How many identities.
    pub fn len(&self) -> usize {
        self.table.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an attribute of a row can't be trusted.
    pub fn is_broken(&self, row: u32, attribute: AttrId) -> bool {
        (!self.broken.is_empty() && self.broken.get(&row).is_some_and(|b| b.contains(&attribute)))
            || self.doubt(row, attribute).is_some()
    }

    /// The source for whose lacking rows an attribute can't be known.
    pub fn doubt(&self, row: u32, attribute: AttrId) -> Option<u32> {
        if self.doubtful.is_empty() {
            return None;
        }
        self.doubtful.get(&row)?.iter().find(|(a, _)| *a == attribute).map(|(_, source)| *source)
    }

    /// The first source of which a row of the identity may be lacking.
    pub fn lacks(&self, row: u32) -> Option<u32> {
        let doubt = self.doubtful.get(&row).and_then(|d| d.first()).map(|(_, source)| *source);
        doubt.or_else(|| {
            let unknown = self.members.iter().find(|(s, _)| self.membership(row, *s) == Membership::Unknown);
            unknown.map(|(source, _)| *source)
        })
    }

    /// Whether every attribute of a row can be trusted.
    pub fn is_whole(&self, row: u32) -> bool {
        !self.broken.contains_key(&row) && !self.doubtful.contains_key(&row)
    }

    /// Whether a source has a row of an identity. One that was not read has none.
    pub fn membership(&self, row: u32, source: u32) -> Membership {
        let of = self.members.iter().find(|(s, _)| *s == source);
        of.and_then(|(_, rows)| rows.get(row as usize)).copied().unwrap_or(Membership::Out)
    }
}

impl Population {
    /// The table of an identity type.
    pub fn of(&self, id: IdentityId) -> &IdentityTable {
        &self.types[id.index()]
    }

    /// How many identities there are of all types.
    pub fn len(&self) -> usize {
        self.types.iter().map(IdentityTable::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds an identity by its global id (see [`Schema::global_id`]).
    pub fn find(&self, schema: &Schema, id: &str) -> Option<(IdentityId, u32)> {
        if schema.identities.len() == 1 {
            return self.types.first()?.row(id).map(|row| (IdentityId(0), row));
        }
        let (ty, key) = id.split_once(':')?;
        let index = schema.identities.iter().position(|i| i.name == ty)?;
        self.types[index].row(key).map(|row| (IdentityId(index as u32), row))
    }

    /// Fills the inverses from the reference columns. Call it once all types are there.
    pub fn link(&mut self, schema: &Schema) {
        for (index, def) in schema.identities.iter().enumerate() {
            let rows = self.types[index].len();
            let inverses = def
                .inverses
                .iter()
                .map(|inverse| {
                    let from = &self.types[inverse.from.index()].table;
                    let targets = match from.columns.get(inverse.attribute.index()) {
                        Some(Column::Ref(targets)) => targets.as_slice(),
                        _ => &[],
                    };
                    let pairs = targets.iter().zip(0..).filter(|(target, _)| **target != Column::NOBODY);
                    Lists::of_pairs(rows, pairs.map(|(target, row)| (*target, row)))
                })
                .collect();
            self.types[index].inverses = inverses;
        }
    }
}
