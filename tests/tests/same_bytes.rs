//! Same inputs, same bytes: whatever the number of threads, the order of rows, of files and of rules. And a plan that
//! has been carried out leaves nothing to do.
//! Invariant: plans are compared as the bytes that `--out` writes.

use prov::template::{self, ANCHOR, Template};
use prov::{Actual, Backend, Engine, Memory, Plan, Policy, Population, Wiring};
use prov_tests::eval::actions;
use prov_tests::project::Project;
use prov_tests::world::World;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a template.
fn template(which: Template) -> Project {
    let project = Project::new().expect("a folder");
    template::write(which, &project.dir().join("policy")).expect("written");
    project
}

struct Made {
    engine: Engine,
    people: Population,
    plan: Plan,
}

fn make(dir: &Path, threads: usize) -> Made {
    let policy = match Policy::load(dir) {
        Ok(policy) => policy,
        Err(e) => panic!("{e}"),
    };
    let engine = policy.compile(Backend::Auto).expect("an engine").with_threads(Some(threads));
    let at = policy.at(ANCHOR).expect("a day");
    let people = Population::load(&policy, &Wiring::default(), &at).expect("people");
    let actual = match &policy.project().actual.dir {
        Some(actual) => Actual::load(&policy, dir.join(actual)).expect("an actual state"),
        None => Actual::empty(),
    };
    let plan = engine.plan(&engine.evaluate(&people, &at), &actual, &Memory::default());
    Made { engine, people, plan }
}

/// The plan's bytes.
fn bytes(plan: &Plan) -> String {
    let mut out = Vec::new();
    plan.write_jsonl(&mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

/// Without what says where a rule or a row stands: the policy's hash, files and lines.
fn without_places(plan: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        plan.lines().map(|l| strip(l, &["\"line\":", " on line", "\"policy\":", "\"file\":"])).collect();
    // Findings about rows are in order of line.
    let first = lines.iter().position(|l| l.contains("\"finding\":")).unwrap_or(lines.len());
    lines[first..].sort();
    lines
}

/// Two plans, line by line.
fn same(after: &str, before: &str, what: &str) {
    let (after, before) = (without_places(after), without_places(before));
    for (a, b) in after.iter().zip(&before) {
        assert!(a == b, "{what}:\n{a}\nwas\n{b}");
    }
    assert_eq!(after.len(), before.len(), "{what}");
}

/// Takes the values of some keys out of a line of JSON.
fn strip(line: &str, keys: &[&str]) -> String {
    let mut line = line.to_owned();
    for key in keys {
        let mut from = 0;
        while let Some(at) = line[from..].find(key).map(|i| from + i + key.len()) {
            let end = line[at..].find([',', '}', ';']).map_or(line.len(), |i| at + i);
            line.replace_range(at..end, "_");
            from = at;
        }
    }
    line
}

/// Another order of a list, the same every time: like riffling cards.
fn shuffled<T>(list: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed;
    let mut keyed: Vec<(u64, T)> = list
        .into_iter()
        .map(|x| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 16, x)
        })
        .collect();
    keyed.sort_by_key(|k| k.0);
    keyed.into_iter().map(|k| k.1).collect()
}

/// Shuffles the rows of a CSV file without line breaks in cells.
fn shuffle_rows(path: &Path, seed: u64) {
    let text = fs::read_to_string(path).expect("a file");
    assert!(!text.contains("\"\n\""), "a cell with a line break");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let rows = shuffled(lines.collect(), seed);
    fs::write(path, format!("{header}\n{}\n", rows.join("\n"))).expect("written");
}

fn files_below(dir: &Path, end: &str, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, end, out);
        } else if path.extension().is_some_and(|e| e == end) {
            out.push(path);
        }
    }
}

/// The items of a file: each begins at a line's first column, with its docs and annotations.
fn items(text: &str) -> (String, Vec<String>) {
    let (mut head, mut items, mut current) = (String::new(), Vec::new(), String::new());
    for line in text.lines() {
        if line.starts_with("//!") || line.starts_with("use ") {
            head += &format!("{line}\n");
            continue;
        }
        let item = line.starts_with(|c: char| c.is_ascii_lowercase() || c == '@' || c == '/');
        let open = current.trim_end().ends_with('}') || current.trim().is_empty() || current.contains("\n\n");
        if item && open && !current.trim().is_empty() {
            items.push(std::mem::take(&mut current));
        }
        current += &format!("{line}\n");
    }
    items.push(current);
    (head, items)
}

#[test]
fn the_number_of_threads_does_not_matter() {
    for which in Template::ALL {
        let project = template(which);
        let dir = project.dir().join("policy");
        let one = bytes(&make(&dir, 1).plan);
        assert!(one.lines().count() > 5, "the plan is empty");
        for threads in [2, 7] {
            assert!(
                bytes(&make(&dir, threads).plan) == one,
                "{threads} threads: another plan for {}",
                which.name()
            );
        }
    }
}

#[test]
fn the_order_of_rows_does_not_matter() {
    for which in Template::ALL {
        let project = template(which);
        let dir = project.dir().join("policy");
        let before = bytes(&make(&dir, 2).plan);
        let mut files = Vec::new();
        files_below(&dir, "csv", &mut files);
        assert!(files.len() >= 3);
        files.sort();
        for (i, file) in files.iter().enumerate() {
            shuffle_rows(file, i as u64 + 1);
        }
        let after = bytes(&make(&dir, 3).plan);
        same(&after, &before, which.name());
    }
}

#[test]
fn the_order_of_files_does_not_matter() {
    let project = template(Template::Company);
    let dir = project.dir().join("policy");
    let before = bytes(&make(&dir, 2).plan);
    let mut files = Vec::new();
    files_below(&dir, "prov", &mut files);
    files.sort();
    // What was first becomes last.
    for (i, file) in files.iter().rev().enumerate() {
        fs::rename(file, dir.join(format!("m{i}.prov"))).expect("renamed");
    }
    let after = bytes(&make(&dir, 2).plan);
    same(&after, &before, "files renamed");
}

#[test]
fn the_order_of_rules_does_not_matter() {
    for seed in [1, 2, 3] {
        let project = template(Template::Company);
        let dir = project.dir().join("policy");
        let before = bytes(&make(&dir, 2).plan);
        let mut files = Vec::new();
        files_below(&dir, "prov", &mut files);
        let mut moved = 0;
        for file in &files {
            let text = fs::read_to_string(file).expect("a file");
            let (head, list) = items(&text);
            moved += list.len();
            let list = shuffled(list, seed);
            fs::write(file, format!("{head}\n{}", list.join("\n"))).expect("written");
        }
        assert!(moved > 40, "only {moved} items");
        let after = bytes(&make(&dir, 2).plan);
        same(&after, &before, &format!("seed {seed}"));
    }
}

#[test]
fn planning_twice_gives_the_same_bytes() {
    let project = template(Template::Minimal);
    let dir = project.dir().join("policy");
    assert_eq!(bytes(&make(&dir, 2).plan), bytes(&make(&dir, 2).plan));
}

#[test]
fn a_plan_that_has_been_carried_out_leaves_nothing_to_do() {
    for which in Template::ALL {
        let project = template(which);
        let dir = project.dir().join("policy");
        let made = make(&dir, 2);
        let policy = made.engine.policy();
        let wired = policy.project().actual.dir.clone().expect("an actual state");
        let mut world = World::default();
        let lines = |name: &str| -> Vec<String> {
            let text = fs::read_to_string(dir.join(&wired).join(name)).expect("a file");
            text.lines().map(str::to_owned).collect()
        };
        world.accounts(&lines("accounts.csv"));
        world.entitlements(&lines("entitlements.csv"));
        world.apply(&made.plan);
        for (name, text) in world.files() {
            project.write(&format!("after/{name}"), text).expect("written");
        }
        let at = policy.at(ANCHOR).expect("a day");
        let actual = Actual::load(policy, project.dir().join("after")).expect("the state after");
        let desired = made.engine.evaluate(&made.people, &at);
        let again = made.engine.plan(&desired, &actual, &Memory::default());
        let left: Vec<String> = actions(&again).filter(|a| !a.ends_with("(report)")).take(20).collect();
        assert!(left.is_empty(), "{} leaves to do:\n{}", which.name(), left.join("\n"));
    }
}
