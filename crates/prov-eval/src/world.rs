//! What an evaluation looks at: the program, the look-up tables, the population, the moment.
//! Invariant: all of it is borrowed and unchanging, so that values may borrow from it.

use crate::by_hand::ByHand;
use crate::names::Names;
use prov_ir::Program;
use prov_model::{
    AppId, AttrId, Background, Column, IdentityId, KindId, Moment, Population, RowRef, Table, Type, Value,
    key_spelling,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// That a result can't be known, since this attribute could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// The type of the identity whose record is broken.
    pub identity: IdentityId,
    /// Its row.
    pub row: u32,
    /// The attribute.
    pub attr: AttrId,
}

/// A look-up table with its rows by key.
#[derive(Clone, Debug, Default)]
pub struct LookupTable {
    /// The rows; `keys` hold the keys as spelled.
    pub table: Table,
    index: FxHashMap<Box<str>, u32>,
}

impl LookupTable {
    /// Indexes a table by its keys, folded where the key is `text`. Of two rows with one key the first counts; readers
    /// report the other.
    pub fn new(table: Table, key: &Type) -> LookupTable {
        let mut index = FxHashMap::default();
        let folds = *key.required() == Type::Text;
        for (row, spelled) in table.keys.iter().enumerate() {
            let key = if folds { prov_model::fold(spelled) } else { (&**spelled).into() };
            index.entry(Box::from(&*key)).or_insert(row as u32);
        }
        LookupTable { table, index }
    }

    /// The row of a key: of the type that the table's key has, or a `string` for a `text` key.
    pub(crate) fn find(&self, key: &Value<'_>, ty: &Type, world: &World<'_>) -> Option<u32> {
        match (key, ty.required()) {
            (Value::Text(t), Type::Text) => self.index.get(&*t.folded).copied(),
            (Value::Str(s), Type::Text) => self.index.get(&*prov_model::fold(s)).copied(),
            (Value::Str(s), _) => self.index.get(&**s).copied(),
            (Value::Text(t), _) => self.index.get(&*t.spelled).copied(),
            (key, ty) => self.index.get(key_spelling(key, ty, &world.program.schema).as_str()).copied(),
        }
    }
}

/// The values that kinds allow, in the order of their files.
pub type Catalogs = BTreeMap<(AppId, KindId), Vec<String>>;

/// Everything that an evaluation may read.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub program: &'a Program,
    pub tables: &'a [LookupTable],
    pub population: Option<&'a Population>,
    pub moment: &'a Moment,
    /// Memory, assignments, exceptions, what was observed; none in source mappings.
    pub background: Option<&'a Background>,
    /// Who was given which role by hand; none in source mappings and for states.
    pub by_hand: Option<&'a ByHand>,
    /// The states of all identities by type and row, where they were computed ahead; [`NO_STATE`] where unknown.
    pub states: Option<&'a [Vec<u32>]>,
    /// Names by `unique`, where the policy has any; none while they are given, and in queries, which read none.
    pub names: Option<&'a Names>,
}

/// The state of who has none, or none that can be known.
pub(crate) const NO_STATE: u32 = u32::MAX;

impl<'a> World<'a> {
    /// A world in which nobody is: for source mappings, and for what reads no identity.
    pub(crate) fn without_people(
        program: &'a Program,
        tables: &'a [LookupTable],
        moment: &'a Moment,
    ) -> World<'a> {
        World {
            program,
            tables,
            population: None,
            moment,
            background: None,
            by_hand: None,
            states: None,
            names: None,
        }
    }

    /// A cell of a table whose column has this type; references become rows.
    pub(crate) fn cell(&self, table: &'a Table, column: usize, row: u32, ty: &Type) -> Value<'a> {
        match table.columns.get(column) {
            Some(Column::Ref(rows)) => match rows.get(row as usize) {
                Some(&row) if row != Column::NOBODY => self.identity_row(ty, row),
                _ => Value::Absent,
            },
            Some(column) => column.get(row as usize),
            None => Value::Absent,
        }
    }

    fn identity_row(&self, ty: &Type, row: u32) -> Value<'a> {
        match (ty.required(), self.population) {
            (Type::Identity(id), Some(p)) => Value::Row(RowRef { table: &p.of(*id).table, row }),
            _ => Value::Absent,
        }
    }

    /// An attribute of an identity.
    pub(crate) fn attribute(&self, id: IdentityId, row: u32, attr: AttrId) -> Result<Value<'a>, Unknown> {
        let Some(population) = self.population else { return Ok(Value::Absent) };
        let of = population.of(id);
        if of.is_broken(row, attr) {
            return Err(Unknown { identity: id, row, attr });
        }
        let ty = &self.program.schema.identity(id).attributes[attr.index()].ty;
        Ok(self.cell(&of.table, attr.index(), row, ty))
    }
}

/// A value that borrows from a constant.
pub(crate) fn borrow<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Str(s) => Value::Str(s.as_ref().into()),
        Value::Text(t) => Value::Text(prov_model::Text {
            spelled: t.spelled.as_ref().into(),
            folded: t.folded.as_ref().into(),
        }),
        Value::Set(elements) => Value::Set(elements.iter().map(borrow).collect()),
        Value::Absent
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::Date(_)
        | Value::Instant(_)
        | Value::Duration(_)
        | Value::Elapsed(_)
        | Value::Enum(_)
        | Value::List(_)
        | Value::Row(_) => value.clone(),
    }
}
