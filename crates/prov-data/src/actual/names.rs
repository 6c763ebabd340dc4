//! What the cells of the actual state name: identities, apps, kinds, values in their one spelling.
//! Invariant: what does not read by its type stays as it stands, since it is there.

use prov_model::{
    AppId, KindDef, KindId, RawCell, RawRow, Schema, Type, Zone, cell_value, join_values, nfc, split_values,
};
use std::borrow::Cow;

/// An entitlement as a row names it.
pub(super) type Item = (AppId, KindId, Box<str>);

/// Where the columns of entitlements stand in a table.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub app: Option<usize>,
    pub kind: Option<usize>,
    pub value: Option<usize>,
    pub identity: Option<usize>,
}

/// Reads names by a schema.
pub(super) struct Names<'s> {
    pub schema: &'s Schema,
    zone: Zone,
}

impl<'s> Names<'s> {
    pub fn new(schema: &'s Schema) -> Names<'s> {
        Names { schema, zone: Zone::utc() }
    }

    /// Whether an account may sign in.
    pub fn enabled(&self, cell: RawCell<'_>) -> Result<bool, prov_model::CellError> {
        cell_value(cell, &Type::Bool, self.schema, &self.zone).map(|value| value.truth())
    }

    /// What a row says is held, where it can be read.
    pub fn readable(&self, row: RawRow<'_>, at: Places) -> Option<Item> {
        let name = trimmed(cell(row, at.app));
        let app = self.schema.apps.iter().position(|a| a.name == name)?;
        let name = trimmed(cell(row, at.kind));
        let kinds = &self.schema.apps[app].kinds;
        let kind = kinds.iter().position(|k| k.name == name)?;
        let spelled = match cell(row, at.value) {
            RawCell::Text(s) => s,
            RawCell::Absent if kinds[kind].types.is_empty() => "",
            RawCell::Absent | RawCell::Json(_) => return None,
        };
        let value = self.value(&kinds[kind], spelled);
        Some((AppId(app as u32), KindId(kind as u32), value.into()))
    }

    /// A value in the one spelling of its kind. What does not read by its types stays as it stands: it is there.
    pub fn value(&self, kind: &KindDef, spelled: &str) -> String {
        match kind.types.as_slice() {
            [] => spelled.to_owned(),
            [one] => self.plain(spelled, one),
            types => {
                let parts = split_values(spelled);
                if parts.len() != types.len() {
                    return nfc(spelled).into_owned();
                }
                let plain: Vec<_> = parts.iter().zip(types).map(|(p, t)| self.plain(p, t)).collect();
                join_values(&plain)
            }
        }
    }

    /// The plain spelling of a text as a value of a type, or the text where it is none.
    fn plain(&self, text: &str, ty: &Type) -> String {
        match cell_value(RawCell::Text(text), ty, self.schema, &self.zone) {
            Ok(value) => value.plain(ty, self.schema),
            Err(_) => nfc(text).into_owned(),
        }
    }

    /// The same in NFC, as names and attributes are compared with what they should be.
    pub fn composed(&self, text: &str, ty: &Type) -> String {
        nfc(&self.plain(text, ty)).into_owned()
    }

    /// Whether every identity that is spelled in ASCII is named as it is spelled.
    pub fn spells_as_is(&self) -> bool {
        let key = |d: &prov_model::IdentityDef| d.attributes[d.key.index()].ty.required().clone();
        self.schema.identities.iter().all(|d| matches!(key(d), Type::Str | Type::Text))
    }

    /// The global id that a cell names.
    pub fn identity<'c>(&self, cell: RawCell<'c>) -> Option<Cow<'c, str>> {
        let text = match cell {
            RawCell::Absent => return None,
            RawCell::Text(s) | RawCell::Json(s) => s,
        };
        let (def, prefix, key) = match self.schema.identities.as_slice() {
            [one] => (Some(one), "", text),
            all => match text.split_once(':') {
                Some((ty, key)) => (all.iter().find(|d| d.name == ty), &text[..ty.len() + 1], key),
                None => (None, "", text),
            },
        };
        let Some(def) = def else { return Some(nfc(text)) };
        let ty = &def.attributes[def.key.index()].ty;
        // Most keys are text that is spelled in one way only.
        if text.is_ascii() && matches!(ty.required(), Type::Str | Type::Text) {
            return Some(Cow::Borrowed(text));
        }
        let key = match cell_value(RawCell::Text(key), ty.required(), self.schema, &self.zone) {
            Ok(value) => Cow::Owned(nfc(&value.plain(ty, self.schema)).into_owned()),
            Err(_) => nfc(key),
        };
        Some(Cow::Owned(format!("{prefix}{key}")))
    }
}

/// The cell of a column; none where there is no such column.
pub(super) fn cell(row: RawRow<'_>, column: Option<usize>) -> RawCell<'_> {
    column.map_or(RawCell::Absent, |c| row.cell(c))
}

/// A name in a cell; nothing where there is none.
pub(super) fn trimmed(cell: RawCell<'_>) -> &str {
    match cell {
        RawCell::Absent => "",
        RawCell::Text(s) | RawCell::Json(s) => s.trim(),
    }
}
