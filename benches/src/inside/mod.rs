//! Engines that run within this process, on the same people and rules in memory: Prov, bitmaps written by hand for this workload,
//! and policy engines that decide person by person. Invariant: a figure is told of an answer that was compared.

#[cfg(not(feature = "peers"))]
mod absent;
#[cfg(feature = "peers")]
mod cedar;
#[cfg(feature = "peers")]
mod cel;
#[cfg(feature = "peers")]
mod present;

#[cfg(not(feature = "peers"))]
use absent as peers;
#[cfg(feature = "peers")]
use present as peers;

use crate::w::{self, Cell, Matcher, Pairs, Person, Room, Rows, Rules, key};
use crate::{Error, io};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What somebody needed for everyone and all rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inside {
    /// Who.
    pub who: String,
    /// How many people were decided in one pass.
    pub people: u32,
    /// CPU time of one pass a person, in microseconds.
    pub micros: f64,
    /// What a pass did.
    pub what: String,
}

/// Who can be asked here: `prov` and `hand`, and with the feature `peers` also `cel` and `cedar`.
pub fn names() -> Vec<&'static str> {
    ["prov", "hand"].into_iter().chain(peers::NAMES.iter().copied()).collect()
}

/// Measures one of them on a cell whose files lie in a folder, on one thread.
///
/// # Errors
/// Where the answer is another than the known one, or there is nobody of this name.
pub fn inside(who: &str, cell: Cell, dir: &Path) -> Result<Inside, Error> {
    let rules = Rules::new(cell.rules, cell.seed);
    match who {
        "prov" => prov_inside(&rules, dir),
        "hand" => hand(cell, &rules, dir),
        other => peers::inside(other, &people(cell, SOME), &rules),
    }
}

/// People whom an engine decides that takes its time for each.
const SOME: u32 = 500;
/// A pass is repeated until so much time has gone by.
const ENOUGH: Duration = Duration::from_secs(2);

fn people(cell: Cell, most: u32) -> Vec<Person> {
    let rows = Rows::new(cell.seed);
    (0..cell.people.min(most)).map(|id| rows.today(id)).collect()
}

/// CPU time of this process, of all its threads that there were.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |s| s.1);
    let ticks: u64 = after_name.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// CPU time of one pass; the first is not counted.
fn pass(mut once: impl FnMut()) -> Duration {
    once();
    let (start, before, mut passes) = (Instant::now(), cpu(), 0u32);
    while passes == 0 || start.elapsed() < ENOUGH {
        once();
        passes += 1;
    }
    (cpu() - before) / passes
}

fn told(who: &str, people: usize, time: Duration, what: &str) -> Inside {
    let micros = time.as_secs_f64() * 1e6 / people.max(1) as f64;
    Inside { who: who.to_owned(), people: people as u32, micros, what: what.to_owned() }
}

/// Evaluation and comparison, reasons included; reading is not.
fn prov_inside(rules: &Rules, dir: &Path) -> Result<Inside, Error> {
    let wrong = |e: prov::Error| Error::Other(format!("the workload can't be loaded: {e}"));
    let policy = prov::Policy::load(dir.join("policy")).map_err(wrong)?;
    let at = policy.at("2026-11-23").map_err(wrong)?;
    let people = prov::Population::from_csv(&policy, "person", dir.join("people.csv")).map_err(wrong)?;
    let actual = prov::Actual::load(&policy, dir.join("actual")).map_err(wrong)?;
    let engine = policy.compile(prov::Backend::Columns).map_err(wrong)?.with_threads(Some(1));
    let background = prov::Background::default();
    let planned = engine.plan_people(&people, &actual, &at, &background);
    let plan = planned.plan();
    let path = dir.join("inside.jsonl");
    plan.write_jsonl(&mut fs::File::create(&path).map_err(io(&path))?).map_err(io(&path))?;
    w::Answer::read(dir)?.compare(w::check_plan(&path, rules)?)?;
    let time = pass(|| {
        std::hint::black_box(engine.plan_people(&people, &actual, &at, &background));
    });
    Ok(told("Prov, columns", people.len(), time, "evaluate and compare, with reasons"))
}

/// The same by bitmaps, without reasons and without names.
fn hand(cell: Cell, rules: &Rules, dir: &Path) -> Result<Inside, Error> {
    let (people, matcher) = (people(cell, u32::MAX), Matcher::new(rules));
    let mut have: Vec<Vec<u32>> = vec![Vec::new(); people.len()];
    w::chunks(cell, rules, |chunk| {
        chunk.actual.iter().for_each(|k| have[(k >> 32) as usize].push(*k as u32));
        Ok::<(), Error>(())
    })?;
    let (mut room, mut held, mut found) = (Room::default(), Vec::new(), (Pairs::default(), Pairs::default()));
    let time = pass(|| {
        let (mut adds, mut removes) = (Pairs::default(), Pairs::default());
        for (person, has) in people.iter().zip(&have) {
            matcher.entitlements(person, &mut room, &mut held);
            if held == *has {
                continue;
            }
            w::difference(&held, has, |e| adds.add(key(person.id, e)), |e| removes.add(key(person.id, e)));
        }
        found = (adds, removes);
    });
    w::Answer::read(dir)?.compare(found)?;
    Ok(told("by hand", people.len(), time, "bitmaps of rules: evaluate and compare, no reasons"))
}

/// An engine that tells which rules hold for a person: measured, and what they grant held against the bitmaps'.
#[cfg_attr(not(feature = "peers"), expect(dead_code, reason = "the peers call it"))]
fn by_person(
    who: &str,
    people: &[Person],
    rules: &Rules,
    mut matched: impl FnMut(&Person, &mut Vec<u32>) -> Result<(), Error>,
) -> Result<Inside, Error> {
    let (grants, matcher, mut room) = (rules.grants(), Matcher::new(rules), Room::default());
    let (mut found, mut held) = (Vec::new(), Vec::new());
    for person in people {
        found.clear();
        matched(person, &mut found)?;
        let mut granted: Vec<u32> =
            found.iter().flat_map(|rule| grants[*rule as usize].iter().copied()).collect();
        granted.sort_unstable();
        granted.dedup();
        matcher.entitlements(person, &mut room, &mut held);
        if granted != held {
            return Err(Error::Other(format!("{who}: another answer for person {}", person.id)));
        }
    }
    let time = pass(|| {
        for person in people {
            found.clear();
            // It has answered for each of them already.
            let _ = matched(person, &mut found);
            std::hint::black_box(&found);
        }
    });
    Ok(told(who, people.len(), time, "which rules hold, person by person"))
}
