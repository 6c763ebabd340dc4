//! Lists of rows in one flat vector, of which single ones can be changed.
//! Invariant: a list that was changed lies where [`Offsets::range`] says; the others lie one behind the other.

use rustc_hash::FxHashMap;
use std::ops::Range;

/// Where the list of each row lies in a flat vector. As built, list r is `bounds[r]..bounds[r + 1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    bounds: Vec<u32>,
    /// Lists that were moved, by row: where they begin, how long they are, and how much room there is.
    moved: FxHashMap<u32, (u32, u32, u32)>,
}

impl Default for Offsets {
    fn default() -> Self {
        Offsets { bounds: vec![0], moved: FxHashMap::default() }
    }
}

impl From<Vec<u32>> for Offsets {
    /// `bounds` begins with 0 and never falls.
    fn from(bounds: Vec<u32>) -> Self {
        debug_assert!(bounds.first() == Some(&0) && bounds.is_sorted());
        Offsets { bounds, moved: FxHashMap::default() }
    }
}

impl Offsets {
    /// How many lists.
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the list of a row lies.
    pub fn range(&self, row: usize) -> Range<u32> {
        if !self.moved.is_empty()
            && let Some(&(start, len, _)) = self.moved.get(&(row as u32))
        {
            return start..start + len;
        }
        self.bounds[row]..self.bounds[row + 1]
    }

    /// Where each list begins, and the last ends: none where one was changed.
    pub fn bounds(&self) -> Option<&[u32]> {
        self.moved.is_empty().then_some(&*self.bounds)
    }

    /// Adds a list that ends at the end of so many elements.
    pub fn push(&mut self, end: usize) {
        debug_assert!(self.moved.is_empty());
        self.bounds.push(end as u32);
    }

    /// Gives a row another list, of so many elements; there are `all` elements so far. Says where it is to lie: at the end
    /// of all where that is beyond them. A row that is new is the next one.
    pub fn put(&mut self, row: usize, len: usize, all: usize) -> Range<u32> {
        let len = len as u32;
        if row == self.len() {
            self.bounds.push(self.bounds[row]);
        }
        let known = self.moved.get(&(row as u32)).copied();
        let (start, _, room) = known.unwrap_or_else(|| {
            let (from, to) = (self.bounds[row], self.bounds[row + 1]);
            (from, to - from, to - from)
        });
        let found = if len <= room { (start, len, room) } else { (all as u32, len, len) };
        self.moved.insert(row as u32, found);
        found.0..found.0 + len
    }
}

/// A list of numbers a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    offsets: Offsets,
    items: Vec<u32>,
}

impl Lists {
    /// The lists of `rows` rows: of each pair the second is in the list of the first, in the order in which they come.
    pub fn of_pairs(rows: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Lists {
        let mut bounds = vec![0u32; rows + 1];
        for (row, _) in pairs.clone() {
            bounds[row as usize + 1] += 1;
        }
        for row in 0..rows {
            bounds[row + 1] += bounds[row];
        }
        let mut next = bounds.clone();
        let mut items = vec![0; bounds[rows] as usize];
        for (row, item) in pairs {
            let at = &mut next[row as usize];
            items[*at as usize] = item;
            *at += 1;
        }
        Lists { offsets: bounds.into(), items }
    }

    /// The list of a row.
    pub fn get(&self, row: u32) -> &[u32] {
        let range = self.offsets.range(row as usize);
        &self.items[range.start as usize..range.end as usize]
    }

    /// How many lists.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives a row another list; a row that is new is the next one.
    pub fn put(&mut self, row: u32, list: &[u32]) {
        let range = self.offsets.put(row as usize, list.len(), self.items.len());
        if range.end as usize > self.items.len() {
            self.items.resize(range.end as usize, 0);
        }
        self.items[range.start as usize..range.end as usize].copy_from_slice(list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_can_be_changed_one_by_one() {
        let pairs = [(1u32, 7u32), (0, 5), (1, 8)];
        let mut lists = Lists::of_pairs(3, pairs.iter().copied());
        assert_eq!((lists.get(0), lists.get(1), lists.get(2)), (&[5][..], &[7, 8][..], &[][..]));
        lists.put(1, &[9]);
        lists.put(2, &[1, 2, 3]);
        lists.put(3, &[4]);
        lists.put(1, &[6, 7, 8]);
        assert_eq!((lists.get(0), lists.get(1), lists.get(2)), (&[5][..], &[6, 7, 8][..], &[1, 2, 3][..]));
        assert_eq!((lists.get(3), lists.len()), (&[4][..], 4));
        lists.put(3, &[]);
        assert_eq!(lists.get(3), &[] as &[u32]);
    }
}
