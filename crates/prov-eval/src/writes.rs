//! Write-backs: values born in an app that a source is to know.
//! Invariant: nothing is written that the source says already, compared as the attribute compares.

use crate::interp::{Interp, Subject};
use prov_model::{DesiredAccount, Type, fold};

/// A value for a source: the write-back by its position in [`prov_model::Schema::writebacks`], what the source says, and
/// what it is to say.
pub(crate) type Write = (u32, Box<str>, Box<str>);

impl Interp<'_> {
    /// What of the accounts of the identity at hand its sources do not say yet.
    pub(crate) fn writes(&mut self, accounts: &[DesiredAccount]) -> Vec<Write> {
        let Subject::Identity(ty, _) = self.subject else { return Vec::new() };
        let schema = &self.world.program.schema;
        let mut writes = Vec::new();
        for (def, number) in schema.writebacks.iter().zip(0..).filter(|(d, _)| d.identity == ty) {
            let account = accounts.iter().find(|a| a.app == def.app && a.wanted);
            let value = account.and_then(|a| a.attributes.get(def.value as usize));
            let Some(to) = value.filter(|v| !v.trim().is_empty()) else { continue };
            let Ok(from) = self.attr(def.attribute) else { continue };
            let ty = &schema.identity(ty).attributes[def.attribute.index()].ty;
            let from = if from.is_absent() { String::new() } else { self.spell(&from, ty).into_owned() };
            let same = match ty.required() {
                Type::Text => fold(&from) == fold(to),
                _ => from.as_str() == &**to,
            };
            if !same {
                writes.push((number, from.into(), to.clone()));
            }
        }
        writes
    }
}
