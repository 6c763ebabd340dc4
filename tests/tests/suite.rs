//! The one runner of the language's tests: `suite/errors` and `suite/eval`, a file a case.
//! Invariant: a file in these folders that is no case, or expects nothing, fails the run.
//!
//! `UPDATE_HEADS=1` writes the codes and places that were found into the heads of error cases, to be read before they
//! are kept.

use prov::{Diagnostic, RenderOptions};
use prov_tests::case::{self, Case};
use prov_tests::project::Project;
use prov_tests::{PRELUDE, eval};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

fn suite(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("suite").join(folder)
}

fn cases(folder: &str) -> Vec<Case> {
    match case::all(&suite(folder)) {
        Ok(cases) => cases,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

#[test]
fn evaluation_cases_give_what_they_say() {
    let only = std::env::var("CASE").unwrap_or_default();
    let wrong: Vec<String> = cases("eval")
        .iter()
        .filter(|c| c.name.contains(&only))
        .filter_map(|c| {
            if c.title.is_empty() {
                return Some(format!("{}: the first line says what the case is about", c.path.display()));
            }
            eval::run(c).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{} cases fail\n\n{}", wrong.len(), wrong.join("\n"));
}

/// `P0250 at 3:17`; `P0319 at prelude 3:4` in another file; `P0601` where it speaks of no place in a policy.
fn place(d: &Diagnostic, case: &Case, sources: &prov_diag::SourceMap) -> String {
    let Some(span) = d.span() else { return d.code.id.to_owned() };
    let (file, at) = (sources.get(span.source).name.as_str(), sources.start(span));
    let file = file.trim_end_matches(".prov");
    let file = if file == case.name { String::new() } else { format!("{file} ") };
    format!("{} at {file}{}:{}", d.code.id, at.line, at.column)
}

fn run_error(case: &Case) -> Result<(), String> {
    let shown = case.path.display();
    if case.title.is_empty() {
        return Err(format!("{shown}: the first line says what the case is about"));
    }
    if let Some(d) =
        case.directives.iter().find(|d| !matches!(d.word.as_str(), "expect" | "catalog" | "table" | "data"))
    {
        return Err(format!("{shown}:{}: `{}` is not for error cases", d.line, d.word));
    }
    let [expected] = case.directives.iter().filter(|d| d.word == "expect").collect::<Vec<_>>()[..] else {
        return Err(format!("{shown}: there must be one `//! expect: CODE at LINE:COLUMN, …`"));
    };
    let own = case.text.lines().any(|l| l.starts_with("identity ")) || case.text.contains("// no identity");
    let prelude = [("prelude.prov", PRELUDE)];
    let project = Project::of_case(case, if own { &[] } else { &prelude }).map_err(|e| e.to_string())?;
    let report = project.check().map_err(|e| e.to_string())?.report;
    let found: Vec<String> = report.diagnostics.iter().map(|d| place(d, case, &report.sources)).collect();
    let found = found.join(", ");
    if found.is_empty() {
        return Err(format!("{shown}: nothing is wrong with it"));
    }
    if std::env::var_os("UPDATE_HEADS").is_some() && found != expected.value {
        let lines: Vec<String> = case
            .text
            .lines()
            .enumerate()
            .map(|(i, l)| if i + 1 == expected.line { format!("//! expect: {found}") } else { l.to_owned() })
            .collect();
        std::fs::write(&case.path, lines.join("\n") + "\n").map_err(|e| e.to_string())?;
        return Err(format!("{shown}: expected {}, updated to {found}", expected.value));
    }
    if found != expected.value {
        return Err(format!("{shown}: found {found}\n{}", report.human(RenderOptions::default())));
    }
    if let Some(d) = report.diagnostics.iter().find(|d| d.help.as_deref().is_none_or(str::is_empty)) {
        return Err(format!("{shown}: {} has no help: {}", d.code.id, d.message));
    }
    let rendered = report.human(RenderOptions::default());
    let both = format!("{}\n{}\n{rendered}", case.text.trim_end(), "─".repeat(80));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(suite("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
        .bind(|| catch_unwind(AssertUnwindSafe(|| insta::assert_snapshot!(case.name.as_str(), both))))
        .map_err(|_| format!("{shown}: its snapshot differs:\n{both}"))
}

#[test]
fn error_cases_are_told_as_they_say() {
    let all = cases("errors");
    let wrong: Vec<String> = all.iter().filter_map(|c| run_error(c).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases fail\n\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn every_snapshot_has_its_case() {
    let names: BTreeSet<String> = cases("errors").into_iter().map(|c| format!("{}.snap", c.name)).collect();
    let stale: Vec<String> = std::fs::read_dir(suite("snapshots"))
        .expect("the folder of snapshots")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|n| !names.contains(n) && !n.ends_with(".new"))
        .collect();
    assert!(stale.is_empty(), "snapshots without a case: {stale:?}");
}

#[test]
fn the_suite_is_as_large_as_it_was() {
    let (errors, evals) = (cases("errors").len(), cases("eval").len());
    assert!(errors >= 60 && evals >= 60, "{errors} error cases, {evals} evaluation cases");
}

#[test]
fn the_sample_plans_whole_and_proves_what_it_claims() {
    let sample = include_str!("../../crates/prov-syntax/tests/data/acme.prov");
    let body = |text: &str| -> Vec<String> {
        let lines = text.lines().skip_while(|l| l.starts_with("//!"));
        lines.map(|l| l.trim_end_matches(" // proved").to_owned()).collect()
    };
    for folder in ["eval", "proofs"] {
        let case = std::fs::read_to_string(suite(folder).join("acme.prov")).expect("the case");
        assert_eq!(body(&case), body(sample), "{folder}");
    }
}

#[test]
fn a_forgotten_file_or_expectation_fails() {
    let project = Project::new().expect("a folder");
    let write = |name: &str, text: &str| project.write(name, text).expect("written");
    write("a/case.prof", "//! A case with a slip in its name.\n");
    write(
        "b/case.prov",
        "//! A title.\n//! exspect 1: nothing\n//! at: 2026-03-02\n//! exspect 1: nothing\n",
    );
    write("c/case.prov", "//! It expects nothing.\nidentity person { id : string key }\n");
    let all = |folder: &str| case::all(&project.dir().join(folder));
    assert!(all("a").is_err_and(|e| e[0].to_string().contains("ends in `.prov`")));
    assert!(all("b").is_err_and(|e| e[0].to_string().contains("`exspect` is no directive")));
    let cases = all("c").expect("a case");
    assert!(eval::run(&cases[0]).is_err_and(|e| e.contains("expects nothing")));
    assert!(run_error(&cases[0]).is_err_and(|e| e.contains("there must be one")));
}
