//! The entitlements of one block of identities, each spelled once, with what is known about each.
//! Invariant: what is remembered here depends on the entitlement alone, never on an identity.

use crate::shape::Shape;
use prov_model::{AppId, EntId, Entitlements, KindId};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// What a catalog says to an entitlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cataloged {
    /// It is there, in this spelling; or there is no catalog.
    Yes(EntId),
    /// It is not there.
    No,
}

/// Entitlements with their spellings.
pub(crate) struct Interner {
    pub entitlements: Entitlements,
    by_value: FxHashMap<(AppId, KindId), FxHashMap<Box<str>, EntId>>,
    constants: Vec<Option<EntId>>,
    /// Instances of roles, by key and as shown; the first is none.
    instances: Vec<(Rc<str>, Rc<str>)>,
    /// By [`Entitlements::same_as`].
    pub cataloged: FxHashMap<EntId, Cataloged>,
    /// The forbids that speak of it, by [`Entitlements::same_as`].
    pub covered: FxHashMap<EntId, Box<[u32]>>,
    /// The separations that speak of it, with their sides, by [`Entitlements::same_as`].
    pub sides: FxHashMap<EntId, Rc<[(u32, u32)]>>,
}

impl Interner {
    pub(crate) fn new(shape: &Shape) -> Interner {
        Interner {
            entitlements: Entitlements::default(),
            by_value: FxHashMap::default(),
            constants: vec![None; shape.constants.len()],
            instances: vec![("".into(), "".into())],
            cataloged: FxHashMap::default(),
            covered: FxHashMap::default(),
            sides: FxHashMap::default(),
        }
    }

    /// The id of a spelling.
    pub(crate) fn intern(&mut self, shape: &Shape, app: AppId, kind: KindId, value: &str) -> EntId {
        let of_kind = self.by_value.entry((app, kind)).or_default();
        if let Some(&id) = of_kind.get(value) {
            return id;
        }
        let id = self.entitlements.intern(app, kind, value, shape.folds(app, kind));
        of_kind.insert(value.into(), id);
        id
    }

    /// The number of an instance of a role, by its key and as it is shown.
    pub(crate) fn instance(&mut self, key: &Rc<str>, shown: &Rc<str>) -> u32 {
        let known = self.instances.iter().position(|(k, s)| k == key && s == shown);
        known.unwrap_or_else(|| {
            self.instances.push((key.clone(), shown.clone()));
            self.instances.len() - 1
        }) as u32
    }

    /// The key of an instance of a role, and how it is shown; nothing for number 0.
    pub(crate) fn instance_of(&self, number: u32) -> (&str, &str) {
        self.instances.get(number as usize).map_or(("", ""), |(key, shown)| (key, shown))
    }

    /// The id of a constant grant.
    pub(crate) fn constant(&mut self, shape: &Shape, number: u32) -> EntId {
        if let Some(id) = self.constants[number as usize] {
            return id;
        }
        let grant = &shape.constants[number as usize];
        let id = self.intern(shape, grant.app, grant.kind, &grant.value);
        self.constants[number as usize] = Some(id);
        id
    }
}
