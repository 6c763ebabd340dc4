//! Workload W is what its first form makes, `gen.py` beside this file: rules, people and yesterday's state byte for byte, answers
//! by count and hash. `expected/` holds what that printed. And Prov gives the same answer, whatever it evaluates with.

use prov_benches::w::{self, Answer, Cell, Matcher, Rows, Rules};
use sha2::{Digest, Sha256};
use std::fs;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn expected_hash(name: &str) -> &'static str {
    let lines = include_str!("expected/sha256.txt").lines();
    lines.filter_map(|l| l.split_once("  ")).find(|l| l.1 == name).expect("the file is listed").0
}

/// Answers of the first form, of cells of at most so many people.
fn answers(people: u32) -> impl Iterator<Item = Answer> {
    let lines = include_str!("expected/answers.jsonl").lines();
    lines.map(|l| serde_json::from_str(l).expect("it is JSON")).filter(move |a: &Answer| a.n <= people)
}

#[test]
fn rules_are_those_of_the_first_form() {
    for (count, seed) in [(1, 2), (20, 1), (20, 2), (100, 1), (100, 2), (1000, 1)] {
        let text = w::rules_json(&Rules::new(count, seed));
        assert_eq!(sha256(text.as_bytes()), expected_hash(&format!("rules_{count}_{seed}.json")));
    }
}

#[test]
fn people_and_what_they_have_are_those_of_the_first_form() {
    let dir = tempfile::tempdir().unwrap();
    for seed in [1, 2] {
        w::write(Cell { people: 2000, rules: 100, seed }, dir.path()).unwrap();
        let body = |name: &str| {
            let text = fs::read_to_string(dir.path().join(name)).unwrap();
            sha256(text.split_once('\n').unwrap().1.as_bytes())
        };
        assert_eq!(body("people.csv"), expected_hash(&format!("identities_2000_{seed}.csv")));
        if seed == 1 {
            assert_eq!(body("pairs.csv"), expected_hash("actual_2000_100_1.csv"));
        }
    }
}

#[test]
fn answers_are_those_of_the_first_form() {
    let most = if cfg!(debug_assertions) { 2000 } else { 100_000 };
    let mut cells = 0;
    for answer in answers(most) {
        let cell = Cell { people: answer.n, rules: answer.r, seed: answer.seed };
        let made = w::chunks(cell, &Rules::new(cell.rules, cell.seed), |_| Ok::<(), ()>(())).unwrap();
        assert_eq!(made, answer.sets, "{cell:?}");
        cells += 1;
    }
    assert!(cells >= 6);
}

#[test]
fn the_bitmaps_match_whom_the_conditions_hold_for() {
    let rules = Rules::new(300, 3);
    let (rows, matcher, grants) = (Rows::new(3), Matcher::new(&rules), rules.grants());
    let (mut room, mut held) = (w::Room::default(), Vec::new());
    for id in 0..2000 {
        let person = rows.today(id);
        matcher.entitlements(&person, &mut room, &mut held);
        let met = rules.rules.iter().zip(&grants).filter(|(rule, _)| rule.when.holds(&person));
        let mut by_hand: Vec<u32> = met.flat_map(|(_, granted)| granted.iter().copied()).collect();
        by_hand.sort_unstable();
        by_hand.dedup();
        assert_eq!(held, by_hand, "person {id}");
    }
}

#[test]
fn prov_gives_the_known_answer() {
    let dir = tempfile::tempdir().unwrap();
    let answer = w::write(Cell { people: 2000, rules: 100, seed: 1 }, dir.path()).unwrap();
    let rules = Rules::new(100, 1);
    let policy = prov::Policy::load(dir.path().join("policy")).unwrap();
    let at = policy.at("2026-11-23").unwrap();
    let people = prov::Population::from_csv(&policy, "person", dir.path().join("people.csv")).unwrap();
    let actual = prov::Actual::load(&policy, dir.path().join("actual")).unwrap();
    for backend in [prov::Backend::Interpreter, prov::Backend::Columns, prov::Backend::Auto] {
        let engine = policy.compile(backend).unwrap();
        let plan = engine.plan(&engine.evaluate(&people, &at), &actual, &prov::Memory::default());
        let path = dir.path().join("plan.jsonl");
        plan.write_jsonl(&mut fs::File::create(&path).unwrap()).unwrap();
        answer.compare(w::check_plan(&path, &rules).unwrap()).unwrap();
        assert_eq!(plan.len() as u64, answer.sets.adds.count + answer.sets.removes.count);
    }
}
