//! One question each: what do parsing and checking, reading people, matching rules, conditions over several attributes, comparing
//! with the actual state, and one person's decision cost? Over one corpus, W(10,000, R), through the library's public face.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prov::{Actual, Backend, Engine, Memory, Moment, Policy, Population};
use prov_benches::pairs::{self, Pairs};
use prov_benches::w::{self, Cell, Matcher, Room, Rows, Rules};
use std::hint::black_box;
use std::time::Duration;

const PEOPLE: u32 = 10_000;

struct Corpus {
    rules: Rules,
    text: String,
    csv: Vec<u8>,
    policy: Policy,
    at: Moment,
    people: Population,
    actual: Actual,
}

fn corpus(rules: u32) -> Corpus {
    let dir = tempfile::tempdir().expect("there is room for a folder");
    w::write(Cell { people: PEOPLE, rules, seed: 1 }, dir.path()).expect("the workload is written");
    let rules = Rules::new(rules, 1);
    let csv = std::fs::read(dir.path().join("people.csv")).expect("people are there");
    let policy = Policy::load(dir.path().join("policy")).expect("the policy is right");
    let at = policy.at("2026-11-23").expect("a day");
    let people = Population::from_csv_bytes(&policy, "person", "people.csv", &csv).expect("people are right");
    let actual = Actual::load(&policy, dir.path().join("actual")).expect("the state is right");
    Corpus { text: w::policy(&rules), rules, csv, policy, at, people, actual }
}

fn kernels(c: &mut Criterion) {
    for count in [100, 1000] {
        let corpus = corpus(count);
        front(c, count, &corpus);
        if count == 100 {
            reading(c, &corpus);
        }
        evaluating(c, count, &corpus);
        comparing(c, count, &corpus);
    }
    several(c);
}

/// Conditions over several attributes, which nothing decides once a value: twelve rules of one each, on one thread. Compiling
/// is not among it.
fn several(c: &mut Criterion) {
    let mut group = c.benchmark_group("several attributes");
    let of = Pairs { people: PEOPLE, rules: 12, narrow: false };
    let (policy, people, at) = pairs::made(of).expect("the workload is made");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(PEOPLE)));
    for (name, backend) in
        [("interpreter", Backend::Interpreter), ("columns", Backend::Columns), ("jit", Backend::Jit)]
    {
        let engine = policy.compile(backend).expect("it compiles").with_threads(Some(1));
        group.bench_function(name, |b| b.iter(|| engine.evaluate(&people, &at)));
    }
    group.finish();
}

/// Text to a checked policy, and that to an engine.
fn front(c: &mut Criterion, count: u32, corpus: &Corpus) {
    let mut group = c.benchmark_group("policy");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(count)));
    group.bench_function(BenchmarkId::new("parse and check", count), |b| {
        b.iter(|| Policy::from_strings([("workload.prov", corpus.text.as_str())]).expect("it is right"));
    });
    group.bench_function(BenchmarkId::new("compile", count), |b| {
        b.iter(|| corpus.policy.compile(Backend::Columns).expect("it compiles"));
    });
    group.finish();
}

/// CSV to columns.
fn reading(c: &mut Criterion, corpus: &Corpus) {
    let mut group = c.benchmark_group("people");
    group.sample_size(10).throughput(Throughput::Bytes(corpus.csv.len() as u64));
    group.bench_function("read and encode", |b| {
        b.iter(|| Population::from_csv_bytes(&corpus.policy, "person", "people.csv", &corpus.csv));
    });
    group.finish();
}

fn engine(corpus: &Corpus, backend: Backend) -> Engine {
    corpus.policy.compile(backend).expect("it compiles").with_threads(Some(1))
}

/// People against rules, on one thread, beside bitmaps that were written for this policy by hand.
fn evaluating(c: &mut Criterion, count: u32, corpus: &Corpus) {
    let mut group = c.benchmark_group("evaluate");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(PEOPLE)));
    for (name, backend) in [("columns", Backend::Columns), ("interpreter", Backend::Interpreter)] {
        let engine = engine(corpus, backend);
        group.bench_function(BenchmarkId::new(name, count), |b| {
            b.iter(|| engine.evaluate(&corpus.people, &corpus.at));
        });
    }
    let matcher = Matcher::new(&corpus.rules);
    let made = Rows::new(1);
    let rows: Vec<w::Person> = (0..PEOPLE).map(|id| made.today(id)).collect();
    group.bench_function(BenchmarkId::new("by hand", count), |b| {
        let (mut room, mut held) = (Room::default(), Vec::new());
        b.iter(|| {
            for person in &rows {
                matcher.entitlements(person, &mut room, &mut held);
                black_box(&held);
            }
        });
    });
    let one = engine(corpus, Backend::Auto);
    let ann = corpus.people.identity(&corpus.policy, "77").expect("there is a 77");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("one person", count), |b| {
        b.iter(|| one.evaluate_one(&ann, &corpus.at));
    });
    group.finish();
}

/// Desired against actual, with reasons.
fn comparing(c: &mut Criterion, count: u32, corpus: &Corpus) {
    let mut group = c.benchmark_group("plan");
    let engine = engine(corpus, Backend::Columns);
    let desired = engine.evaluate(&corpus.people, &corpus.at);
    group.sample_size(10).throughput(Throughput::Elements(desired.len() as u64));
    group.bench_function(BenchmarkId::new("compare", count), |b| {
        b.iter_batched(
            Memory::default,
            |memory| engine.plan(&desired, &corpus.actual, &memory),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = kernels
}
criterion_main!(benches);
