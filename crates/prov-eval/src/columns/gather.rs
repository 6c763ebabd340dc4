//! From rules to entitlements for one row: a set of numbers, taken out in order.
//! Invariant: between two rows it is empty.

/// A set of numbers below a bound, with one bit for each 64 of them that are not empty.
#[derive(Debug)]
pub(crate) struct Gather {
    words: Vec<u64>,
    full: Vec<u64>,
    /// How many there are.
    count: u32,
}

impl Gather {
    pub(crate) fn new(bound: usize) -> Gather {
        let words = bound.div_ceil(64);
        Gather { words: vec![0; words], full: vec![0; words.div_ceil(64)], count: 0 }
    }

    pub(crate) fn add(&mut self, numbers: &[u32]) {
        for &number in numbers {
            let word = number as usize / 64;
            let bit = 1 << (number % 64);
            self.count += u32::from(self.words[word] & bit == 0);
            self.words[word] |= bit;
            self.full[word / 64] |= 1 << (word % 64);
        }
    }

    /// Whether these, of which none is there twice, are just the numbers that are in it.
    pub(crate) fn is(&self, numbers: impl ExactSizeIterator<Item = u32>) -> bool {
        let has = |number: u32| {
            let word = self.words.get(number as usize / 64);
            word.is_some_and(|word| word >> (number % 64) & 1 == 1)
        };
        numbers.len() == self.count as usize && { numbers }.all(has)
    }

    /// Takes all numbers out.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        for (at, full) in self.full.iter_mut().enumerate() {
            while *full != 0 {
                self.words[at * 64 + full.trailing_zeros() as usize] = 0;
                *full &= *full - 1;
            }
        }
    }

    /// Takes all numbers out, in order.
    pub(crate) fn drain(&mut self, mut f: impl FnMut(u32)) {
        self.count = 0;
        for (at, full) in self.full.iter_mut().enumerate() {
            while *full != 0 {
                let word = at * 64 + full.trailing_zeros() as usize;
                *full &= *full - 1;
                let mut bits = std::mem::take(&mut self.words[word]);
                while bits != 0 {
                    f(word as u32 * 64 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
        }
    }
}
