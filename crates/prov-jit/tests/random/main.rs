//! Random conditions over random rows: what a kernel says is what the interpreter says, or it asks.
//!
//! `SEED=` runs one policy, `CASES=` so many conditions (20,000 where `CI` is set, else 3,000); each is held against the
//! interpreter for every row.
//! Invariant: a difference is told with the seed of its policy, the condition and the row.

#[path = "../common/mod.rs"]
mod common;
mod made;

use made::Made;
use prov_eval::{Backend, Catalogs, Engine};
use prov_ir::{Compiler, Coverage, ExprId, Program};
use prov_jit::Jit;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Conditions of one policy.
const CONDITIONS: usize = 40;

/// What was seen of all conditions together.
#[derive(Default)]
struct Seen {
    rows: usize,
    holds: usize,
    asks: usize,
    unknown: usize,
    refused: BTreeMap<String, usize>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

fn bit(words: &[u64], at: usize) -> bool {
    words[at / 64] >> (at % 64) & 1 == 1
}

fn compare(seed: u64, seen: &mut Seen) {
    let made = Made::of(seed, CONDITIONS);
    let program = Arc::new(made.program.clone());
    let (people, moment) = (&made.population, &made.moment);
    let engine = Engine::new(program.clone(), vec![], &Catalogs::new()).with_backend(Backend::Interpreter);
    let kernels = Jit.compile(&program, made::PERSON, &made.conditions);
    let over = kernels.over(people, moment, &made.states);
    let rows = people.of(made::PERSON).len();
    for ((condition, kernel), coverage) in made.conditions.iter().zip(over).zip(kernels.coverage()) {
        let Some(kernel) = kernel else {
            match coverage {
                Coverage::Compiled => panic!("seed {seed}: a kernel that can't be used"),
                Coverage::Not(why) => *seen.refused.entry(why.to_string()).or_default() += 1,
            }
            continue;
        };
        let law = engine.query(people, moment, &Default::default(), made::PERSON, *condition);
        // In pieces, from anywhere.
        let cut = seed as usize % (rows + 1);
        for rows in [0..rows, 0..cut, cut..rows] {
            let words = rows.len().div_ceil(64);
            let (mut holds, mut asks) = (vec![u64::MAX; words], vec![u64::MAX; words]);
            kernel.fill(rows.start as u32..rows.end as u32, &mut holds, &mut asks);
            let beyond = rows.len()..words * 64;
            assert!(
                beyond.into_iter().all(|at| !bit(&holds, at) && !bit(&asks, at)),
                "seed {seed}: bits beyond"
            );
            for (at, row) in rows.enumerate() {
                // Whose own record can't be trusted is not a kernel's to say.
                if !people.of(made::PERSON).is_whole(row as u32) {
                    continue;
                }
                let (holds, asks) = (bit(&holds, at), bit(&asks, at));
                let unknown = law.unknown.binary_search(&(row as u32)).is_ok();
                let law = law.rows.binary_search(&(row as u32)).is_ok();
                seen.rows += 1;
                seen.holds += usize::from(law);
                seen.asks += usize::from(asks && !unknown);
                seen.unknown += usize::from(unknown);
                if asks {
                    assert!(made.may_ask || unknown, "seed {seed}, row {row}: asks of what can be known");
                } else {
                    assert!(
                        !unknown && holds == law,
                        "seed {seed}, row {row}: {holds}, by the interpreter {law} (unknown: {unknown}):\n{}",
                        smallest(&made, &program, *condition, row as u32)
                    );
                }
            }
        }
    }
}

/// The smallest part of a condition that differs for a row, as a tree.
fn smallest(made: &Made, program: &Program, condition: ExprId, row: u32) -> String {
    let mut program = program.clone();
    let parts = made::parts(&mut program, condition);
    let program = Arc::new(program);
    let engine = Engine::new(program.clone(), vec![], &Catalogs::new()).with_backend(Backend::Interpreter);
    let (people, moment) = (&made.population, &made.moment);
    for part in parts {
        let kernels = Jit.compile(&program, made::PERSON, &[part]);
        let over = kernels.over(people, moment, &made.states);
        let Some(kernel) = &over[0] else { continue };
        let (mut holds, mut asks) = ([0], [0]);
        kernel.fill(row..row + 1, &mut holds, &mut asks);
        let law = engine.query(people, moment, &Default::default(), made::PERSON, part);
        if asks == [0] && (holds == [1]) != law.rows.binary_search(&row).is_ok() {
            return made::shown(&program, part);
        }
    }
    made::shown(&program, condition)
}

#[test]
fn kernels_say_what_the_interpreter_says() {
    let (from, count) = match (number("SEED"), number("CASES")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        (None, n) => (0, n.unwrap_or(if std::env::var_os("CI").is_some() { 20_000 } else { 3_000 })),
    };
    let mut seen = Seen::default();
    for seed in from..from + count.div_ceil(CONDITIONS as u64) {
        compare(seed, &mut seen);
    }
    println!(
        "{} rows, {} hold, {} asked in vain, {} unknown; refused: {:#?}",
        seen.rows, seen.holds, seen.asks, seen.unknown, seen.refused
    );
    if number("SEED").is_none() {
        assert!(seen.holds * 100 / seen.rows > 15, "conditions hold for some");
        assert!(seen.holds * 100 / seen.rows < 85, "and not for all");
        assert!(seen.asks * 100 / seen.rows < 10, "and few ask in vain");
        assert!(seen.refused.is_empty(), "all that is drawn has kernels");
    }
}
