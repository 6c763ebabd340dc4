//! The answer of workload W: what everyone should have, what they have, and the difference, as counts and hashes.
//! Invariant: a set's hash does not depend on the order of its pairs.

use super::Cell;
use super::matcher::{Matcher, Room};
use super::people::{Rows, hash};
use super::rules::Rules;
use crate::draw::{Stream, unit};
use crate::{Error, io};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

/// A set of pairs (person, entitlement).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs {
    /// How many.
    pub count: u64,
    /// The sum of their hashes.
    #[serde(with = "hexadecimal")]
    pub hash: u64,
}

/// A pair as one number.
pub const fn key(person: u32, entitlement: u32) -> u64 {
    ((person as u64) << 32) | entitlement as u64
}

impl Pairs {
    /// One more.
    pub fn add(&mut self, key: u64) {
        self.count += 1;
        self.hash = self.hash.wrapping_add(hash(key));
    }

    fn join(&mut self, other: Pairs) {
        self.count += other.count;
        self.hash = self.hash.wrapping_add(other.hash);
    }
}

/// The sets of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// What everyone should have.
    pub desired: Pairs,
    /// What they have.
    pub actual: Pairs,
    /// What is to be granted.
    pub adds: Pairs,
    /// What is to be revoked.
    pub removes: Pairs,
}

/// The answer of one cell, as it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How many people.
    pub n: u32,
    /// How many rules.
    pub r: u32,
    /// What it was drawn from.
    pub seed: u64,
    /// The sets.
    #[serde(flatten)]
    pub sets: Answers,
}

impl Answer {
    /// That of a folder.
    ///
    /// # Errors
    /// Where there is none.
    pub fn read(dir: &Path) -> Result<Answer, Error> {
        let path = dir.join("expected.json");
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        serde_json::from_str(&text).map_err(|e| Error::Other(format!("`{}`: {e}", path.display())))
    }

    /// Whether grants and revokes are the ones to be made.
    ///
    /// # Errors
    /// Where they are others.
    pub fn compare(&self, (grants, revokes): (Pairs, Pairs)) -> Result<(), Error> {
        if (grants, revokes) == (self.sets.adds, self.sets.removes) {
            return Ok(());
        }
        let told = |p: &Pairs| format!("{} ({:016x})", p.count, p.hash);
        Err(Error::Other(format!(
            "another answer: {} grants and {} revokes, not {} and {}",
            told(&grants),
            told(&revokes),
            told(&self.sets.adds),
            told(&self.sets.removes)
        )))
    }
}

/// Some people in a row, with what they have, in order.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Their numbers.
    pub people: Range<u32>,
    /// What they have, as keys of pairs.
    pub actual: Vec<u64>,
    /// Their part of the answer.
    pub answers: Answers,
}

/// People of a chunk; drift is drawn chunk by chunk, so it must stay as it is.
const CHUNK: u32 = 1 << 16;

/// Makes chunk after chunk, several at once, and hands them over in order. Gives the whole answer.
///
/// # Errors
/// That of `take`.
pub fn chunks<E>(
    cell: Cell,
    rules: &Rules,
    mut take: impl FnMut(Chunk) -> Result<(), E>,
) -> Result<Answers, E> {
    let (rows, matcher) = (Rows::new(cell.seed), Matcher::new(rules));
    let all: Vec<Range<u32>> = (0..cell.people)
        .step_by(CHUNK as usize)
        .map(|lo| lo..cell.people.min(lo.saturating_add(CHUNK)))
        .collect();
    let mut answers = Answers::default();
    for some in all.chunks(rayon::current_num_threads().max(1)) {
        let made: Vec<Chunk> = some
            .par_iter()
            .map(|people| chunk(people.clone(), cell.seed, rules.entitlements.len() as u64, &rows, &matcher))
            .collect();
        for chunk in made {
            answers.desired.join(chunk.answers.desired);
            answers.actual.join(chunk.answers.actual);
            answers.adds.join(chunk.answers.adds);
            answers.removes.join(chunk.answers.removes);
            take(chunk)?;
        }
    }
    Ok(answers)
}

fn chunk(people: Range<u32>, seed: u64, entitlements: u64, rows: &Rows, matcher: &Matcher) -> Chunk {
    let (mut room, mut held) = (Room::default(), Vec::new());
    let mut pairs = |of: &dyn Fn(u32) -> super::Person| {
        let mut keys = Vec::new();
        for id in people.clone() {
            matcher.entitlements(&of(id), &mut room, &mut held);
            keys.extend(held.iter().map(|e| key(id, *e)));
        }
        keys
    };
    let desired = pairs(&|id| rows.today(id));
    let yesterday = pairs(&|id| rows.yesterday(id));
    let actual = drifted(&yesterday, &people, seed, entitlements);
    let mut answers = Answers::default();
    desired.iter().for_each(|k| answers.desired.add(*k));
    actual.iter().for_each(|k| answers.actual.add(*k));
    difference(&desired, &actual, |k| answers.adds.add(k), |k| answers.removes.add(k));
    Chunk { people, actual, answers }
}

/// A quarter of a percent of pairs is lost, and as many random ones are gained.
fn drifted(yesterday: &[u64], people: &Range<u32>, seed: u64, entitlements: u64) -> Vec<u64> {
    let [lost, who, what] = [95, 96, 97].map(|s| Stream::new(seed, s));
    let mut keys: Vec<u64> = yesterday.iter().copied().filter(|k| unit(lost.at(*k)) >= 0.0025).collect();
    let first = u64::from(people.start);
    for j in 0..(yesterday.len() as f64 * 0.0025) as u64 {
        let j = j + (first << 8);
        let person = first + who.at(j) % u64::from(people.end - people.start);
        keys.push((person << 32) | (what.at(j) % entitlements));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What two sets in order have alone.
pub fn difference<T: Copy + Ord>(a: &[T], b: &[T], mut only_a: impl FnMut(T), mut only_b: impl FnMut(T)) {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (Some(x), Some(y)) if x == y => {
                a.next();
                b.next();
            }
            (Some(x), y) if y.is_none_or(|y| x < y) => {
                only_a(x);
                a.next();
            }
            (_, Some(y)) => {
                only_b(y);
                b.next();
            }
            (_, None) => return,
        }
    }
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(super) fn serialize<S: Serializer>(hash: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{hash:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}
