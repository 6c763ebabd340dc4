//! Who has which key: found by the key as it is compared, without a copy of it.
//! Invariant: of the keys of one type no two are compared alike, so that at most one is found.

use super::links::compared;
use prov_model::Type;
use std::hash::Hasher;

/// Nobody stands in the slot.
const FREE: u32 = u32::MAX;

/// Places of keys in a list, by open addressing.
pub(super) struct KeyIndex {
    /// A part of the hash and the place; as many as a power of two, at least half of them free.
    slots: Vec<(u32, u32)>,
    ty: Type,
}

impl KeyIndex {
    pub fn new(keys: &[Box<str>], ty: &Type) -> KeyIndex {
        let size = (keys.len() * 2).next_power_of_two().max(2);
        let mut slots = vec![(0, FREE); size];
        for (place, key) in keys.iter().enumerate() {
            let (mut at, part) = split(&compared(key, ty), size);
            while slots[at].1 != FREE {
                at = (at + 1) & (size - 1);
            }
            slots[at] = (part, place as u32);
        }
        KeyIndex { slots, ty: ty.clone() }
    }

    /// The place of a key, as it is compared. `keys` are those that the index was made of.
    pub fn get(&self, keys: &[Box<str>], key: &str) -> Option<u32> {
        let (mut at, part) = split(key, self.slots.len());
        loop {
            match self.slots[at] {
                (_, FREE) => return None,
                (p, place) if p == part && compared(&keys[place as usize], &self.ty) == key => {
                    return Some(place);
                }
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }
}

/// The slot to begin with, and the part of the hash that is kept.
fn split(key: &str, size: usize) -> (usize, u32) {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(key.as_bytes());
    let hash = hasher.finish();
    (hash as usize & (size - 1), (hash >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_no_other() {
        for (ty, count) in [(Type::Str, 0), (Type::Str, 1), (Type::Str, 5000), (Type::Text, 300)] {
            let keys: Vec<Box<str>> = (0..count).map(|i| format!("Key {}", i * 7).into()).collect();
            let index = KeyIndex::new(&keys, &ty);
            for i in 0..count * 7 {
                let place = (i % 7 == 0).then_some(i as u32 / 7);
                let found = index.get(&keys, &compared(&format!("Key {i}"), &ty));
                assert_eq!(found, place, "{ty:?} {i}");
            }
            assert_eq!(index.get(&keys, ""), None);
        }
        let keys: Vec<Box<str>> = vec!["ÄB ".into()];
        assert_eq!(KeyIndex::new(&keys, &Type::Text).get(&keys, "äb"), Some(0));
        assert_eq!(KeyIndex::new(&keys, &Type::Str).get(&keys, "äb"), None);
    }
}
