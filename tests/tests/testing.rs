//! The language's own tests, run: `suite/testing`, a policy a file, beside a snapshot of what `prov test` says of it;
//! `suite/mutants`, beside a snapshot of what its tests notice.
//! Invariant: every case of `suite/testing` is run on one thread and on several, and with and without days on which nothing
//! can happen, with the same outcome.

use prov::testing::{self, Fate, Options, Snapshots};
use prov_tests::PRELUDE;
use prov_tests::case::{self, Case};
use prov_tests::project::Project;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

fn suite(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("suite").join(folder)
}

/// The folder of a case, with its data and its actual state.
fn project(case: &Case) -> Project {
    let own = case.text.lines().any(|l| l.starts_with("identity "));
    let prelude = [("prelude.prov", PRELUDE)];
    let project = Project::of_case(case, if own { &[] } else { &prelude }).expect("a folder");
    let mut head = String::from("name = \"case\"\n[tables]\n");
    for d in &case.directives {
        match d.word.as_str() {
            "data" => project.write(&format!("{}.csv", d.argument), d.file()),
            "actual" => project.write(&format!("actual/{}.csv", d.argument), d.file()),
            "table" => {
                head += &format!("{0} = \"{0}.csv\"\n", d.argument);
                Ok(())
            }
            other => panic!("{}: `{other}` is not for these cases", case.path.display()),
        }
        .expect("written");
    }
    project.write("prov.toml", head).expect("written");
    project
}

fn told(case: &Case, threads: usize) -> String {
    let project = project(case);
    let loaded = project.check().expect("read");
    let Some(policy) = loaded.policy else {
        panic!("{}: {}", case.path.display(), loaded.report.human(prov::RenderOptions::default()))
    };
    let run = testing::run(&policy, &Options { threads: Some(threads), ..Options::default() });
    let lines: String = run.results.iter().map(|r| testing::human_test(r, false)).collect();
    lines + &testing::human_summary(&policy, &run, false)
}

#[test]
fn tests_pass_and_fail_as_their_snapshots_say() {
    let only = std::env::var("CASE").unwrap_or_default();
    let mut wrong = Vec::new();
    let cases = match case::all(&suite("testing")) {
        Ok(cases) => cases,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    for case in cases.iter().filter(|c| c.name.contains(&only)) {
        assert!(!case.title.is_empty(), "{}: the first line says what it is about", case.path.display());
        let told_alone = told(case, 1);
        assert_eq!(told_alone, told(case, 3), "on one thread and on three");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(suite("snapshots-testing"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let same = settings.bind(|| {
            catch_unwind(AssertUnwindSafe(|| insta::assert_snapshot!(case.name.as_str(), told_alone)))
        });
        if same.is_err() {
            wrong.push(case.name.clone());
        }
    }
    assert!(wrong.is_empty(), "snapshots differ: {wrong:?}");
}

/// The sample of the language's design passes its own test: the first time its plan becomes the snapshot, the second it is as the
/// snapshot says.
#[test]
fn the_sample_of_the_design_passes_its_own_test() {
    let all = case::all(&suite("eval")).expect("cases");
    let sample = all.iter().find(|c| c.name == "acme").expect("the sample");
    let project = Project::of_case(sample, &[]).expect("a folder");
    let loaded = project.check().expect("read");
    let Some(policy) = loaded.policy else {
        panic!("{}", loaded.report.human(prov::RenderOptions::default()))
    };
    let run = |snapshots| {
        let run = testing::run(&policy, &Options { snapshots, ..Options::default() });
        let lines: String = run.results.iter().map(|r| testing::human_test(r, false)).collect();
        lines + &testing::human_summary(&policy, &run, false)
    };
    let first = run(Snapshots::Accept);
    let again = run(Snapshots::Compare);
    let files = std::fs::read_dir(project.dir().join("snapshots")).expect("a folder of snapshots");
    let texts = files.map(|f| std::fs::read_to_string(f.expect("a file").path()).expect("a snapshot"));
    let texts: Vec<String> = texts.collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(suite("snapshots-testing"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("the_sample", format!("{first}{again}{}", texts.join("\n"))));
}

/// Days on which nothing can change have no run of their own; with a run on each the outcome is the same.
#[test]
fn days_that_are_passed_over_change_nothing() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let examples = ["company", "campus", "hospital", "b2b", "saas"];
    let mut policies: Vec<(String, prov::Policy)> = examples
        .into_iter()
        .map(|name| (name.to_owned(), prov::Policy::load(root.join("examples").join(name)).expect(name)))
        .collect();
    let cases = case::all(&suite("testing")).expect("cases");
    let projects: Vec<(String, Project)> = cases.iter().map(|c| (c.name.clone(), project(c))).collect();
    policies.extend(
        projects
            .iter()
            .map(|(name, project)| (name.clone(), project.check().expect("read").policy.expect("a policy"))),
    );
    for (name, policy) in &policies {
        let told = |every_day| {
            let run = testing::run(policy, &Options { every_day, ..Options::default() });
            let lines: String = run.results.iter().map(|r| testing::human_test(r, false)).collect();
            lines + &testing::human_summary(policy, &run, false)
        };
        assert_eq!(told(false), told(true), "{name}");
    }
}

/// What can be changed of a policy, and which test notices it.
#[test]
fn each_kind_of_item_has_changes() {
    let cases = case::all(&suite("mutants")).expect("cases");
    assert!(!cases.is_empty(), "there are no cases");
    for case in &cases {
        let project = project(case);
        let loaded = project.check().expect("read");
        let Some(policy) = loaded.policy else {
            panic!("{}: {}", case.path.display(), loaded.report.human(prov::RenderOptions::default()))
        };
        let mutants = testing::mutate(&policy, &Options::default()).expect("the tests pass");
        let line = |m: &testing::Mutant| {
            let fate = match &m.fate {
                Fate::Caught(by) => format!("caught by {by}"),
                Fate::Missed => "missed".to_owned(),
                Fate::Skipped => "skipped".to_owned(),
            };
            format!("{}:{}  {}: {} -> {}  {fate}\n", m.line, m.column, m.what, m.before, m.after)
        };
        let told: String = mutants.iter().map(line).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(suite("snapshots-mutants"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(case.name.as_str(), told));
    }
}
