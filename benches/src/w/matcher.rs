//! Who gets what in workload W, by bitmaps of rules: what a programmer would write by hand for these rules alone.
//! Invariant: agrees with `Expr::holds` on everyone.

use super::people::Person;
use super::rules::{Expr, Leaf, Rules};
use super::words::{Attribute, words};

/// Rules laid out for matching: conditions as alternatives of conjunctions, and for each value of each attribute the set of
/// alternatives whose predicates of that attribute hold.
#[derive(Debug)]
pub struct Matcher {
    /// How many words a set has.
    words: usize,
    /// Sets by attribute, value after value: levels, days of hire, last days, then the dictionaries from rare to common.
    tables: Vec<Vec<u64>>,
    hires: Vec<i32>,
    ends: Vec<i32>,
    /// Alternatives that ask for no skill.
    unskilled: Vec<u64>,
    wanted: Vec<u64>,
    refused: Vec<u64>,
    /// Of each alternative its rule, and the skills it asks for where those are several.
    alternatives: Vec<(u32, Vec<u16>)>,
    grants: Vec<Vec<u32>>,
}

/// What is needed while matching; one a thread.
#[derive(Debug, Default)]
pub struct Room {
    skills: Vec<u64>,
}

const ORDER: [Attribute; 8] = [
    Attribute::Status,
    Attribute::CostCenter,
    Attribute::JobTitle,
    Attribute::Department,
    Attribute::Location,
    Attribute::Country,
    Attribute::LegalEntity,
    Attribute::EmploymentType,
];
/// Words of a set that are looked at together, and passed over together once none of their bits is left.
const STRIDE: usize = 4;

/// A predicate, or its negation.
type Literal<'a> = (bool, &'a Leaf);

impl Matcher {
    /// Lays rules out.
    pub fn new(rules: &Rules) -> Matcher {
        let mut all: Vec<(u32, Vec<Literal<'_>>)> = Vec::new();
        for (rule, of) in rules.rules.iter().enumerate() {
            all.extend(alternatives(&of.when, true).into_iter().map(|a| (rule as u32, a)));
        }
        let width = all.len().div_ceil(64).next_multiple_of(STRIDE);
        let mut hires: Vec<i32> = Vec::new();
        let mut ends: Vec<i32> = Vec::new();
        for (_, leaf) in all.iter().flat_map(|a| &a.1) {
            match leaf {
                Leaf::Hire(_, day) => hires.push(*day),
                Leaf::EndsBefore(day) => ends.push(*day),
                _ => {}
            }
        }
        for days in [&mut hires, &mut ends] {
            days.sort_unstable();
            days.dedup();
        }
        // What holds between two thresholds is told by one value between them.
        let between =
            |days: &[i32]| -> Vec<i32> { std::iter::once(i32::MIN).chain(days.iter().copied()).collect() };
        let table = |values: usize, holds: &dyn Fn(&Leaf, usize) -> Option<bool>| {
            let mut bits = vec![0u64; values * width];
            for value in 0..values {
                for (i, (_, literals)) in all.iter().enumerate() {
                    if literals.iter().all(|(is, leaf)| holds(leaf, value).is_none_or(|h| h == *is)) {
                        bits[value * width + i / 64] |= 1 << (i % 64);
                    }
                }
            }
            bits
        };
        let (hired, ended) = (between(&hires), between(&ends));
        let mut tables = vec![
            table(14, &|leaf, level| match leaf {
                Leaf::Level(order, than) => Some(order.holds(level, usize::from(*than))),
                _ => None,
            }),
            table(hired.len(), &|leaf, i| match leaf {
                Leaf::Hire(order, than) => Some(order.holds(hired[i], *than)),
                _ => None,
            }),
            table(ended.len() + 1, &|leaf, i| match leaf {
                Leaf::EndsBefore(than) => Some(i > 0 && ended[i - 1] < *than),
                Leaf::NoEnd => Some(i == 0),
                _ => None,
            }),
        ];
        for attribute in ORDER {
            tables.push(table(words().of(attribute).len(), &|leaf, code| match leaf {
                Leaf::Is(a, is) => (*a == attribute).then_some(code == usize::from(*is)),
                Leaf::In(a, of) => (*a == attribute).then(|| of.contains(&(code as u16))),
                Leaf::Begins(a, with) => {
                    (*a == attribute).then(|| words().of(*a)[code].starts_with(with.as_str()))
                }
                _ => None,
            }));
        }
        let skills = words().skills.len();
        let (mut unskilled, mut wanted, mut refused) =
            (vec![0u64; width], vec![0u64; skills * width], vec![0u64; skills * width]);
        let mut kept = Vec::with_capacity(all.len());
        for (i, (rule, literals)) in all.iter().enumerate() {
            let bit = 1u64 << (i % 64);
            let mut asked = Vec::new();
            for (is, leaf) in literals {
                if let Leaf::Skill(skill) = leaf {
                    let into = if *is { &mut wanted } else { &mut refused };
                    into[usize::from(*skill) * width + i / 64] |= bit;
                    if *is && !asked.contains(skill) {
                        asked.push(*skill);
                    }
                }
            }
            if asked.is_empty() {
                unskilled[i / 64] |= bit;
            }
            if asked.len() < 2 {
                asked.clear();
            }
            kept.push((*rule, asked));
        }
        Matcher {
            words: width,
            tables,
            hires,
            ends,
            unskilled,
            wanted,
            refused,
            alternatives: kept,
            grants: rules.grants(),
        }
    }

    /// What somebody gets, in order, into `held`.
    pub fn entitlements(&self, person: &Person, room: &mut Room, held: &mut Vec<u32>) {
        held.clear();
        let w = self.words;
        room.skills.clear();
        room.skills.extend_from_slice(&self.unskilled);
        for skill in person.skills() {
            let from = usize::from(skill) * w;
            room.skills.iter_mut().zip(&self.wanted[from..from + w]).for_each(|(a, b)| *a |= b);
        }
        for skill in person.skills() {
            let from = usize::from(skill) * w;
            room.skills.iter_mut().zip(&self.refused[from..from + w]).for_each(|(a, b)| *a &= !b);
        }
        let mut rows: [&[u64]; 11] = [&[]; 11];
        let values = [
            usize::from(person.level),
            self.hires.partition_point(|day| *day <= person.hire),
            person.end.map_or(0, |end| 1 + self.ends.partition_point(|day| *day <= end)),
        ];
        let codes = ORDER.iter().map(|a| usize::from(person.code(*a)));
        for ((row, table), value) in rows.iter_mut().zip(&self.tables).zip(values.into_iter().chain(codes)) {
            *row = &table[value * w..(value + 1) * w];
        }
        let mut last = u32::MAX;
        for from in (0..w).step_by(STRIDE) {
            let mut left = [0u64; STRIDE];
            left.copy_from_slice(&room.skills[from..from + STRIDE]);
            // The dictionaries with many values leave least, so they come first.
            for row in rows[3..].iter().chain(&rows[..3]) {
                for (a, b) in left.iter_mut().zip(&row[from..from + STRIDE]) {
                    *a &= b;
                }
                if left == [0; STRIDE] {
                    break;
                }
            }
            for (k, word) in left.into_iter().enumerate() {
                let mut word = word;
                while word != 0 {
                    let (rule, asked) = &self.alternatives[(from + k) * 64 + word.trailing_zeros() as usize];
                    word &= word - 1;
                    if *rule != last && asked.iter().all(|s| person.skills.contains(s)) {
                        last = *rule;
                        held.extend_from_slice(&self.grants[*rule as usize]);
                    }
                }
            }
        }
        held.sort_unstable();
        held.dedup();
    }
}

/// A condition as alternatives, each of predicates that must all hold; that of its negation where `is` is false.
fn alternatives(expr: &Expr, is: bool) -> Vec<Vec<Literal<'_>>> {
    match (expr, is) {
        (Expr::Leaf(leaf), is) => vec![vec![(is, leaf)]],
        (Expr::Not(of), is) => alternatives(of, !is),
        (Expr::Any(of), true) | (Expr::All(of), false) => {
            of.iter().flat_map(|e| alternatives(e, is)).collect()
        }
        (Expr::All(of), true) | (Expr::Any(of), false) => of.iter().fold(vec![vec![]], |so_far, e| {
            let next = alternatives(e, is);
            so_far.iter().flat_map(|a| next.iter().map(|b| [a.as_slice(), b].concat())).collect()
        }),
    }
}
