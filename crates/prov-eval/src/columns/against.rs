//! What everyone has, for one look per person at whether it is what they should have: most people on most days have that, and
//! nothing more needs to be kept of them.
//! Invariant: entitlements are the same here where a diff would call them the same.

use super::block::Side;
use crate::shape::Shape;
use prov_model::{Account, Actual, EntId, IdentityId, fold};

/// Not an item of the type.
const NONE: u32 = u32::MAX;

/// The actual state, by the numbers of what can be given.
pub(crate) struct Against<'a> {
    actual: &'a Actual,
    /// By type, then by id of an entitlement of the actual state: the number of the item.
    numbers: Vec<Vec<u32>>,
}

/// What someone has.
#[derive(Clone, Copy)]
pub(crate) struct Has<'a> {
    pub accounts: &'a [Account],
    holdings: &'a [EntId],
    numbers: &'a [u32],
}

impl Has<'_> {
    /// The numbers of what they hold, without doubles; of what cannot be given one that nothing has.
    pub(crate) fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.holdings.iter().map(|id| self.numbers[id.0 as usize])
    }
}

impl<'a> Against<'a> {
    /// `sides` by type; none where columns don't decide it.
    pub(crate) fn new<'s, 'w: 's>(
        actual: &'a Actual,
        shape: &Shape,
        sides: impl Iterator<Item = Option<&'s Side<'w>>>,
    ) -> Against<'a> {
        let numbers_of = |side: Option<&Side<'_>>| {
            let Some(side) = side else { return Vec::new() };
            let number = |(_, e): (EntId, &prov_model::Entitlement)| {
                let key: Box<str> = match shape.folds(e.app, e.kind) {
                    true => fold(&e.value).into(),
                    false => e.value.clone(),
                };
                side.items.find(e.app, e.kind, key).unwrap_or(NONE)
            };
            actual.entitlements.iter().map(number).collect()
        };
        Against { actual, numbers: sides.map(numbers_of).collect() }
    }

    /// Looks people of a type up, who must come in order of id.
    pub(crate) fn cursor(&self, ty: IdentityId) -> Cursor<'_, 'a> {
        Cursor { against: self, ty, next: None }
    }
}

/// Where among the actual state's ids the last one was found.
pub(crate) struct Cursor<'s, 'a> {
    against: &'s Against<'a>,
    ty: IdentityId,
    next: Option<usize>,
}

impl<'s> Cursor<'s, '_> {
    /// What the next one has; none where a row about them could not be read.
    pub(crate) fn of(&mut self, id: &str) -> Option<Has<'s>> {
        let actual = self.against.actual;
        let ids = &actual.ids;
        let mut at = self.next.unwrap_or_else(|| ids.partition_point(|x| *x < *id));
        while ids.get(at).is_some_and(|x| *x < *id) {
            at += 1;
        }
        self.next = Some(at);
        if actual.unreadable.binary_search_by(|x| (**x).cmp(id)).is_ok() {
            return None;
        }
        let numbers = &*self.against.numbers[self.ty.index()];
        if ids.get(at).is_none_or(|x| *x != *id) {
            return Some(Has { accounts: &[], holdings: &[], numbers });
        }
        Some(Has { accounts: actual.accounts.get(at), holdings: actual.holdings.get(at), numbers })
    }
}
