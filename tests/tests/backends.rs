//! Random cases on the interpreter and on every other engine: desired states, plans and memory are the same to the byte,
//! whatever the number of threads and the size of blocks.
//!
//! `SEED=` runs one case, `CASES=` so many (1,000 where `CI` is set, else 200).
//! Invariant: a difference is told with the seed of its case, as `differential` has it, and with the engine.

use prov::{Backend, Background, Desired, Engine, Memory, Plan};
use prov_tests::random::{Case, Made};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sizes of blocks: one identity, about a word of bits, more than there are.
const BLOCKS: [usize; 5] = [1, 63, 64, 65, 4096];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// What an engine makes of a case, as text: in two steps, and in one; then of what there is once the plan was carried out,
/// when most people have what they should.
fn outcome(made: &Made, engine: &Engine, at_once: bool) -> String {
    let desired = engine.evaluate_with(&made.people, &made.at, &made.background());
    let plan = engine.plan(&desired, &made.actual, &made.memory);
    let memory = engine.memory_after(&desired, &made.actual, &made.memory, &plan);
    let carried_out = made.actual.after(engine.policy(), &plan);
    let mut out = people(&desired) + &told(&plan, &memory);
    for actual in [&made.actual, &carried_out] {
        let background = Background { actual: Some(actual.state()), ..made.background() };
        if at_once {
            let planned = engine.plan_people(&made.people, actual, &made.at, &background);
            out += &told(planned.plan(), &planned.memory_after());
        } else {
            let desired = engine.evaluate_with(&made.people, &made.at, &background);
            let plan = engine.plan(&desired, actual, &background.memory);
            out += &told(&plan, &engine.memory_after(&desired, actual, &background.memory, &plan));
        }
    }
    out
}

fn told(plan: &Plan, memory: &Memory) -> String {
    let mut lines = Vec::new();
    plan.write_jsonl(&mut lines).expect("written");
    let lines = String::from_utf8(lines).expect("UTF-8");
    lines + &serde_json::to_string(memory).expect("memory is JSON") + "\n"
}

fn people(desired: &Desired) -> String {
    desired.ids().map(|id| format!("{id} {}\n", desired.json(id))).collect()
}

/// Compares the engines on one case; what differs.
fn compare(seed: u64) -> Option<String> {
    let made = Made::of(&Case::new(seed).with_whole_rows().with_world().ok()?).ok()?;
    let policy = made.engine.policy();
    let engine = |backend| policy.compile(backend).expect("an engine");
    let law = outcome(&made, &engine(Backend::Interpreter).with_threads(Some(1)), false);
    let block = BLOCKS[seed as usize % BLOCKS.len()];
    let threads = [1, 2, 7][seed as usize % 3];
    [Backend::Columns, Backend::Jit].into_iter().find_map(|backend| {
        let found = outcome(&made, &engine(backend).with_threads(Some(threads)).with_block(block), true);
        let line = law.lines().zip(found.lines()).find(|(a, b)| a != b);
        (law != found).then(|| {
            let line = line.unwrap_or_default();
            format!("seed {seed}: {backend:?}, {threads} threads, blocks of {block}: {line:?}")
        })
    })
}

#[test]
fn every_engine_says_what_the_interpreter_says() {
    let (from, count) = match (number("SEED"), number("CASES")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        (None, n) => (0, n.unwrap_or(if std::env::var_os("CI").is_some() { 1_000 } else { 200 })),
    };
    let next = AtomicU64::new(from);
    let told: Mutex<Vec<String>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count || told.lock().is_ok_and(|t| t.len() >= 5) {
                        break;
                    }
                    if let (Some(how), Ok(mut told)) = (compare(seed), told.lock()) {
                        told.push(how);
                    }
                }
            });
        }
    });
    let told = told.into_inner().expect("no thread panics");
    assert!(told.is_empty(), "{} cases differ\n{}", told.len(), told.join("\n"));
}
