//! The company's answers are the interpreter's: by columns comes the same plan, to the byte. And the company is what it is for:
//! rows repeat, references and jobs are read, leavers leave, and something is withheld.

use prov::{Actual, Backend, Memory, Plan, Policy, Population, Wiring};
use prov_benches::org::{self, Company};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

struct Loaded {
    policy: Policy,
    people: Population,
    actual: Actual,
}

fn load(dir: &Path) -> Loaded {
    let policy = Policy::load(dir.join("policy")).expect("it works");
    let mut wiring = Wiring::default();
    wiring.sources.insert("hr".to_owned(), dir.join("people.csv"));
    wiring.sources.insert("contracts".to_owned(), dir.join("jobs.csv"));
    let people =
        Population::load(&policy, &wiring, &policy.at("2026-11-23").expect("it works")).expect("it works");
    assert!(people.rejections().is_empty(), "{:?}", people.rejections().first());
    let actual = Actual::load(&policy, dir.join("actual")).expect("it works");
    Loaded { policy, people, actual }
}

fn plan(of: &Loaded, backend: Backend) -> Plan {
    let engine = of.policy.compile(backend).expect("it works");
    let at = of.policy.at("2026-11-23").expect("it works");
    let background = prov::Background { actual: Some(of.actual.state()), ..prov::Background::default() };
    let desired = engine.evaluate_with(&of.people, &at, &background);
    engine.plan(&desired, &of.actual, &Memory::default())
}

fn lines(plan: &Plan) -> String {
    let mut out = Vec::new();
    plan.write_jsonl(&mut out).expect("it works");
    String::from_utf8(out).expect("it works")
}

#[test]
fn columns_say_what_the_interpreter_says() {
    for (people, rules, seed) in [(1, 1, 1), (700, 60, 1), (1500, 200, 2)] {
        let dir = tempfile::tempdir().unwrap();
        org::write(Company { people, rules, seed }, dir.path()).unwrap();
        let loaded = load(dir.path());
        let [a, b] = [Backend::Interpreter, Backend::Columns].map(|b| lines(&plan(&loaded, b)));
        assert!(a == b, "{people} people, {rules} rules, seed {seed}: the plans differ");
    }
}

#[test]
fn the_company_has_what_it_is_for() {
    let dir = tempfile::tempdir().unwrap();
    org::write(Company { people: 3000, rules: 100, seed: 1 }, dir.path()).unwrap();
    let people = fs::read_to_string(dir.path().join("people.csv")).unwrap();
    let ids: HashSet<&str> = people.lines().skip(1).filter_map(|l| l.split(',').next()).collect();
    assert_eq!(ids.len(), 3000, "every id once");
    let rows = people.lines().skip(1).map(|l| l.split(',').collect::<Vec<_>>()[5..10].join(","));
    let distinct: HashSet<String> = rows.collect();
    assert!(distinct.len() < 100, "people are made from templates: {}", distinct.len());

    let plan = plan(&load(dir.path()), Backend::Auto);
    assert!(plan.actions().any(|a| a.is_leaver()));
    let kinds: HashSet<&str> = plan.actions().map(|a| a.kind().name()).collect();
    for kind in ["create_account", "update_account", "disable_account", "grant", "revoke"] {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
    }
    let findings = lines(&plan);
    let findings: Vec<&str> = findings.lines().filter(|l| l.starts_with("{\"type\":\"finding\"")).collect();
    for what in ["SOX-12", "SOX-7", "SOX-8"] {
        assert!(findings.iter().any(|f| f.contains(what)), "nothing of {what}");
    }
    assert!(plan.len() < 3000, "a day's changes, not everything anew: {}", plan.len());
}
