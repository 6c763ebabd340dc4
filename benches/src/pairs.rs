//! Policies whose conditions read several attributes at once, and what each backend needs for them: where machine code pays,
//! and the constants by which `auto` decides (crates/prov-eval/src/columns/kernels.rs).
//! Invariant: times are told only of backends that said the same of everyone.

use crate::Error;
use crate::draw::Draws;
use prov::{Backend, Desired, Engine, Moment, Policy, Population};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// One instance.
#[derive(Clone, Copy, Debug)]
pub struct Pairs {
    /// How many people.
    pub people: u32,
    /// How many rules, one condition over several attributes each.
    pub rules: u32,
    /// Whether each rule is for one of 200 departments; else for all.
    pub narrow: bool,
}

const DEPARTMENTS: usize = 200;
const COUNTRIES: usize = 30;

/// The policy.
pub fn policy(of: Pairs) -> String {
    let mut text = String::from(
        "identity person {\n    id : string key\n    department : text\n    country : string\n    works_in : string\n    \
         level : int\n    grade : int\n    hired : date\n    reviewed : date?\n    leaves : date?\n    manager : person?\n}\n\n\
         source hr of person authoritative {}\n\napp a via file {\n    managed all\n    entitlement e(string)\n}\n\n",
    );
    for rule in 0..of.rules {
        let n = rule % 40;
        let condition = match rule % 6 {
            0 => format!("level + {n} < grade"),
            1 => format!("reviewed is present and hired + {n} months <= reviewed"),
            2 => format!("leaves is present and years between hired and leaves >= {}", n % 10),
            3 => format!("works_in != country and level - grade > {n}"),
            4 => format!("manager is present and manager.level > level + {n}"),
            _ => format!("manager is present and department == manager.department and grade < level + {n}"),
        };
        let narrow = if of.narrow {
            format!("department == \"d{}\" and ", rule as usize % DEPARTMENTS)
        } else {
            String::new()
        };
        let _ = writeln!(text, "birthright r{rule} when {narrow}{condition} {{ grant a.e(\"e{rule}\") }}\n");
    }
    text
}

fn people(of: Pairs) -> Vec<u8> {
    let mut out = String::from("id,department,country,works_in,level,grade,hired,reviewed,leaves,manager\n");
    let mut draws = Draws::new(1, 7);
    let date = |draws: &mut Draws, from: usize| {
        let (y, m, d) = (from + draws.below(8), 1 + draws.below(12), 1 + draws.below(28));
        format!("{y}-{m:02}-{d:02}")
    };
    for id in 0..of.people {
        let (department, country) = (draws.below(DEPARTMENTS), draws.below(COUNTRIES));
        let works_in = if draws.below(4) == 0 { draws.below(COUNTRIES) } else { country };
        let (level, grade) = (draws.below(60), draws.below(60));
        let hired = date(&mut draws, 2012);
        let reviewed = if draws.below(3) == 0 { String::new() } else { date(&mut draws, 2018) };
        let leaves = if draws.below(3) == 0 { date(&mut draws, 2019) } else { String::new() };
        let manager = if id == 0 { String::new() } else { format!("p{:07}", draws.below(id as usize)) };
        let _ = writeln!(
            out,
            "p{id:07},d{department},c{country},c{works_in},{level},{grade},{hired},{reviewed},{leaves},{manager}"
        );
    }
    out.into_bytes()
}

/// What the backends needed, in the order in which they were asked for: making the engine ready included.
pub struct Measured {
    /// The policy's conditions over several attributes, and how many of them have no kernel.
    pub conditions: (usize, usize),
    /// Middle of the runs, by backend.
    pub times: Vec<Duration>,
}

fn wrong(e: prov::Error) -> Error {
    Error::Other(e.to_string())
}

/// An instance in memory.
///
/// # Errors
/// Where the policy or people are not right.
pub fn made(of: Pairs) -> Result<(Policy, Population, Moment), Error> {
    let text = policy(of);
    let policy = Policy::from_strings([("pairs.prov", text.as_str())]).map_err(wrong)?;
    let at = policy.at("2026-11-23").map_err(wrong)?;
    let people = Population::from_csv_bytes(&policy, "person", "people.csv", &people(of)).map_err(wrong)?;
    Ok((policy, people, at))
}

/// Runs each backend on an instance so many times.
///
/// # Errors
/// Where the policy or people are not right, or backends differ.
pub fn measure(of: Pairs, backends: &[Backend], runs: usize, threads: usize) -> Result<Measured, Error> {
    let (policy, people, at) = made(of)?;
    let ready = |backend| -> Result<Engine, Error> {
        Ok(policy.compile(backend).map_err(wrong)?.with_threads(Some(threads)))
    };
    let covered = ready(Backend::Jit)?.coverage();
    let refused = covered.iter().filter(|c| c.refused.is_some()).count();
    let mut law: Option<Vec<String>> = None;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); backends.len()];
    for run in 0..runs.max(1) {
        for (backend, times) in backends.iter().zip(&mut times) {
            let (took, desired) = once(&ready(*backend)?, &people, &at);
            times.push(took);
            if run > 0 {
                continue;
            }
            let found = held(&desired);
            if law.as_ref().is_some_and(|law| *law != found) {
                return Err(Error::Other(format!("{backend:?} says something else of {of:?}")));
            }
            law.get_or_insert(found);
        }
    }
    let middle = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    Ok(Measured { conditions: (covered.len(), refused), times: times.into_iter().map(middle).collect() })
}

fn once(engine: &Engine, people: &Population, at: &Moment) -> (Duration, Desired) {
    let start = Instant::now();
    let desired = engine.evaluate(people, at);
    (start.elapsed(), desired)
}

/// What people hold; of many people a sample.
fn held(desired: &Desired) -> Vec<String> {
    let step = desired.ids().len().div_ceil(20_000).max(1);
    let mut all = vec![desired.len().to_string()];
    all.extend(desired.ids().step_by(step).map(|id| format!("{id} {:?}", desired.entitlements(id))));
    all
}
