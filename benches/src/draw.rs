//! Random draws that any language can repeat: splitmix64 of seed, stream and row.
//! Invariant: a draw hangs on nothing else, so rows can be made in any order and any number.

/// The finaliser of splitmix64.
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A draw in [0, 1), exact in a double.
pub fn unit(h: u64) -> f64 {
    (h >> 11) as f64 * 2f64.powi(-53)
}

/// One stream of draws.
#[derive(Clone, Copy, Debug)]
pub struct Stream(u64);

impl Stream {
    /// Stream `stream` of a seed.
    pub const fn new(seed: u64, stream: u64) -> Stream {
        Stream(mix(seed.wrapping_mul(1_000_003).wrapping_add(stream)))
    }

    /// The draw of a row.
    pub const fn at(self, row: u64) -> u64 {
        mix(mix(row) ^ self.0)
    }
}

/// A stream that is read from its start, for what is drawn one after another.
#[derive(Clone, Debug)]
pub struct Draws {
    stream: Stream,
    next: u64,
}

impl Draws {
    /// Stream `stream` of a seed.
    pub const fn new(seed: u64, stream: u64) -> Draws {
        Draws { stream: Stream::new(seed, stream), next: 0 }
    }

    /// The next draw.
    pub fn draw(&mut self) -> u64 {
        self.next += 1;
        self.stream.at(self.next - 1)
    }

    /// One of `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.draw() % n as u64) as usize
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        unit(self.draw())
    }

    /// One of several, by weight.
    pub fn weighted<T: Copy>(&mut self, items: &[(f64, T)]) -> T {
        let mut x = self.unit() * items.iter().map(|i| i.0).sum::<f64>();
        for (weight, item) in items {
            x -= weight;
            if x < 0.0 {
                return *item;
            }
        }
        items[items.len() - 1].1
    }
}

/// A distribution over `0..n` in which each is rarer than the one before: weights 1/(k + 1 + shift).
#[derive(Clone, Debug)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    /// Over `0..n`.
    pub fn new(n: u64, shift: u64) -> Zipf {
        // Whole numbers below 2^53: their sums are exact in any order.
        let weights: Vec<f64> = (0..n).map(|k| (1_000_000_000_000 / (k + 1 + shift)) as f64).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        Zipf(
            weights
                .iter()
                .map(|w| {
                    sum += w;
                    sum / total
                })
                .collect(),
        )
    }

    /// What a draw picks.
    pub fn pick(&self, h: u64) -> usize {
        let u = unit(h);
        self.0.partition_point(|edge| *edge <= u).min(self.0.len() - 1)
    }
}

/// How many edges a draw has reached.
pub fn step(edges: &[f64], h: u64) -> usize {
    let u = unit(h);
    edges.iter().filter(|edge| **edge <= u).count()
}
