//! Many ids in one text: without an allocation for each.
//! Invariant: `ends` never falls and ends with the length of the text, each at the end of a character.

use std::ops::Index;

/// A list of texts, one behind the other. Whoever owns it says whether it is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    text: String,
    ends: Vec<usize>,
}

impl Ids {
    /// A text that is cut at these places; `None` where they fall, stand within a character, or leave something over.
    pub fn of_parts(text: String, ends: Vec<usize>) -> Option<Ids> {
        let mut last = 0;
        for &end in &ends {
            if end < last || !text.is_char_boundary(end) {
                return None;
            }
            last = end;
        }
        (last == text.len()).then_some(Ids { text, ends })
    }

    /// Adds an id.
    pub fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(self.text.len());
    }

    /// The id at a position.
    pub fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// Where an id stands in a list that is sorted.
    pub fn find(&self, id: &str) -> Option<usize> {
        let at = self.partition_point(|known| known < id);
        (self.get(at) == Some(id)).then_some(at)
    }

    /// The first position that `before` does not hold for, in a list where it holds for all that come first.
    pub fn partition_point(&self, before: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if before(&self[middle]) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// All in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        (0..self.len()).map(|at| &self[at])
    }

    /// Whether each is less than the next.
    pub fn is_strictly_sorted(&self) -> bool {
        (1..self.len()).all(|at| self[at - 1] < self[at])
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether all of them are in ASCII.
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

impl Index<usize> for Ids {
    type Output = str;

    fn index(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[at]]
    }
}

impl<S: AsRef<str>> FromIterator<S> for Ids {
    fn from_iter<I: IntoIterator<Item = S>>(ids: I) -> Ids {
        let mut out = Ids::default();
        ids.into_iter().for_each(|id| out.push(id.as_ref()));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_are_found() {
        let ids: Ids = ["", "a", "é", "éa"].into_iter().collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), ["", "a", "é", "éa"]);
        assert!(ids.is_strictly_sorted());
        assert_eq!((ids.find("é"), ids.find("b"), ids.find("")), (Some(2), None, Some(0)));
        assert_eq!((ids.get(3), ids.get(4), &ids[1]), (Some("éa"), None, "a"));
        assert_eq!(Ids::default().find("a"), None);
    }

    #[test]
    fn parts_that_do_not_fit_are_none() {
        let of = |text: &str, ends: &[usize]| Ids::of_parts(text.into(), ends.to_vec());
        assert_eq!(of("aé", &[1, 3]), Some(["a", "é"].into_iter().collect()));
        assert_eq!(
            (of("aé", &[2, 3]), of("aé", &[3, 1]), of("aé", &[1]), of("a", &[9])),
            (None, None, None, None)
        );
    }
}
