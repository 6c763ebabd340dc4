//! `prov profile`: what it counts is the same on every thread count and block size, and who has which rule is what the
//! interpreter says. Invariant: no time stands in what is compared.

use prov::{Actual, Backend, Background, Meter, Policy, Population, Profiler, Wiring, template};
use prov_tests::random::{Case, Made};
use serde_json::Value;
use std::time::Duration;

/// A clock that stands still.
#[derive(Debug)]
struct Still;

impl Meter for Still {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// What a plan of a template's policy costs.
fn of_template(backend: Backend, threads: usize, block: usize) -> (Value, String) {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("acme");
    template::write(template::Template::Company, &dir).expect("the template is written");
    let policy = Policy::load(&dir).expect("it checks");
    let at = policy.at("2026-03-02").expect("a day");
    let profiler = Profiler::new(Still);
    let people = Population::load_profiled(&policy, &Wiring::default(), &at, &profiler).expect("people");
    let engine = policy.compile(backend).expect("an engine").with_profiler(&profiler);
    let engine = engine.with_threads(Some(threads)).with_block(block);
    let actual = Actual::load(&policy, dir.join("actual")).expect("an actual state");
    let planned = engine.plan_people(&people, &actual, &at, &Background::default());
    assert!(!planned.plan().is_empty());
    let profile = profiler.profile(&engine);
    let text = profile.text(&prov::ProfileOptions { rules: 12 });
    (profile.json(), text)
}

#[test]
fn a_profile_of_the_company_counts_what_it_always_counted() {
    let (json, text) = of_template(Backend::Columns, 1, 4096);
    let phases: Vec<&str> = json["phases"]
        .as_array()
        .expect("phases")
        .iter()
        .map(|p| p["phase"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        phases,
        [
            "read sources",
            "build the population",
            "evaluate",
            "states",
            "encode",
            "decide",
            "match rules",
            "gather",
            "interpreter",
            "merge",
            "plan",
            "diff",
            "reasons",
            "order and guards",
        ]
    );
    for line in [
        "acme: 1,236 people, 34 rules",
        "department_access (birthrights.prov:28): for everyone at once, 1 formula",
        "asks the interpreter: a grant follows from several attributes, or from one that has several values",
        "33  scientist (roles.prov:22): list of 48 with department == \"Research\", then 2 more",
        "first_aider (roles.prov:145): list of 45 with trainings contains \"First aid\", then 1 more",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for (threads, block) in [(1, 4096), (2, 64), (7, 63)] {
        let (mut again, _) = of_template(Backend::Columns, threads, block);
        // The words of a thread are as many as a block needs.
        again["types"][0]["bytes_a_thread"] = json["types"][0]["bytes_a_thread"].clone();
        assert_eq!(again, json, "{threads} threads, blocks of {block}");
    }
}

/// By rule, who has it.
fn matches(json: &Value) -> Vec<(String, u64)> {
    let of = |rule: &Value| Some((rule["rule"].as_str()?.to_owned(), rule["matches"].as_u64()?));
    json["rules"].as_array().expect("rules").iter().map(|r| of(r).expect("a rule")).collect()
}

#[test]
fn both_engines_count_the_same_matches() {
    let (interpreter, _) = of_template(Backend::Interpreter, 2, 4096);
    let (columns, _) = of_template(Backend::Columns, 2, 4096);
    assert_eq!(matches(&interpreter), matches(&columns));
    assert!(matches(&columns).iter().any(|m| m.1 > 100));
    let mut compared = 0;
    for seed in 0..40 {
        let Ok(case) = Case::new(seed).with_whole_rows().with_world() else { continue };
        let Ok(made) = Made::of(&case) else { continue };
        let of = |backend: Backend| {
            let profiler = Profiler::new(Still);
            let engine = made.engine.policy().compile(backend).expect("an engine").with_profiler(&profiler);
            let _ = engine.evaluate_with(&made.people, &made.at, &made.background());
            profiler.profile(&engine).json()
        };
        let (law, columns) = (of(Backend::Interpreter), of(Backend::Columns));
        assert_eq!(matches(&law), matches(&columns), "seed {seed}");
        compared += 1;
    }
    assert!(compared > 30, "{compared} cases");
}
