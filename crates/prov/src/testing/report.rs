//! Outcomes of tests as people read them.
//! Invariant: what is written depends on the outcomes alone, but for the times that machines ask for.

use super::{TestResult, TestRun};
use crate::policy::Policy;
use prov_diag::{RenderOptions, render_human};
use std::fmt::Write as _;

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// The one line of a test.
pub fn human_test(result: &TestResult, color: bool) -> String {
    let word = if result.passed() { paint("ok", "32", color) } else { paint("FAILED", "31", color) };
    format!("test {} ... {word}\n", result.id())
}

/// What failed and why, and the counts.
pub fn human_summary(policy: &Policy, run: &TestRun, color: bool) -> String {
    let mut out = String::new();
    let failed: Vec<&TestResult> = run.results.iter().filter(|r| !r.passed()).collect();
    if !failed.is_empty() {
        out.push_str("\nfailures:\n");
        for result in &failed {
            let _ = writeln!(out, "\n---- {} ----", result.id());
            for failure in &result.failures {
                let options = RenderOptions { color, ..RenderOptions::default() };
                out.push_str(&render_human(
                    std::slice::from_ref(&failure.diagnostic),
                    policy.sources(),
                    options,
                ));
                if let Some(diff) = &failure.diff {
                    out.push_str(&indented(diff));
                }
                out.push_str(&indented(&failure.explanation));
            }
        }
        out.push_str("\nfailures:\n");
        for result in &failed {
            let _ = writeln!(out, "    {}", result.id());
        }
    }
    let word = if failed.is_empty() { paint("ok", "32", color) } else { paint("FAILED", "31", color) };
    let passed = run.results.len() - failed.len();
    let _ = writeln!(
        out,
        "\ntest result: {word}. {passed} passed; {} failed; {} filtered out",
        failed.len(),
        run.filtered
    );
    out
}

fn indented(text: &str) -> String {
    text.lines().map(|l| if l.is_empty() { "\n".to_owned() } else { format!("    {l}\n") }).collect()
}

/// What is wrong with a test, as plain text.
fn told(policy: &Policy, result: &TestResult) -> String {
    let mut out = String::new();
    for failure in &result.failures {
        let options = RenderOptions::default();
        let found = std::slice::from_ref(&failure.diagnostic);
        out.push_str(&render_human(found, policy.sources(), options));
        out.push_str(failure.diff.as_deref().unwrap_or(""));
        out.push_str(&failure.explanation);
    }
    out
}

fn first(result: &TestResult) -> &str {
    result.failures.first().map_or("", |f| &f.diagnostic.message)
}

/// A report in JUnit's form: a suite a file.
pub fn junit(policy: &Policy, run: &TestRun) -> String {
    use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
    let mut report = Report::new(policy.name());
    report.set_time(run.results.iter().map(|r| r.took).sum());
    let mut suites: Vec<TestSuite> = Vec::new();
    for result in &run.results {
        let mut status = match result.passed() {
            true => TestCaseStatus::success(),
            false => TestCaseStatus::non_success(NonSuccessKind::Failure),
        };
        if !result.passed() {
            status.set_message(first(result)).set_type("expectation").set_description(told(policy, result));
        }
        let mut case = TestCase::new(result.name.as_str(), status);
        case.set_classname(result.file.as_str()).set_time(result.took);
        case.add_property(("line", result.line.to_string().as_str()));
        if suites.last().is_none_or(|s| s.name.as_str() != result.file) {
            suites.push(TestSuite::new(result.file.as_str()));
        }
        if let Some(suite) = suites.last_mut() {
            suite.add_test_case(case);
        }
    }
    report.add_test_suites(suites);
    report.to_string().expect("a report in memory can be written")
}

/// A report in the Test Anything Protocol, version 14.
pub fn tap(policy: &Policy, run: &TestRun) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", run.results.len());
    for (i, result) in run.results.iter().enumerate() {
        let name = result.id().replace('\\', "\\\\").replace('#', "\\#");
        let word = if result.passed() { "ok" } else { "not ok" };
        let _ = writeln!(out, "{word} {} - {name}", i + 1);
        if !result.passed() {
            let _ = writeln!(out, "  ---\n  message: {}", serde_json::Value::from(first(result)));
            let _ = writeln!(out, "  at:\n    file: {}\n    line: {}", result.file, result.line);
            let _ = writeln!(out, "  found: |");
            for line in told(policy, result).lines() {
                let _ = writeln!(out, "    {line}");
            }
            out.push_str("  ...\n");
        }
    }
    out
}

fn test_json(policy: &Policy, result: &TestResult) -> serde_json::Value {
    let failures: Vec<serde_json::Value> = result
        .failures
        .iter()
        .map(|f| {
            let found = prov_diag::render_json(std::slice::from_ref(&f.diagnostic), policy.sources());
            let mut out = found.get(0).cloned().unwrap_or_default();
            out["explanation"] = f.explanation.clone().into();
            if let Some(diff) = &f.diff {
                out["diff"] = diff.clone().into();
            }
            out
        })
        .collect();
    serde_json::json!({
        "name": result.name, "file": result.file, "line": result.line, "passed": result.passed(),
        "seconds": result.took.as_secs_f64(), "failures": failures,
    })
}

fn counts(run: &TestRun) -> serde_json::Value {
    let failed = run.failed();
    let mut out = serde_json::json!({ "passed": run.results.len() - failed, "failed": failed, "filtered": run.filtered });
    if let Some(coverage) = &run.coverage {
        out["coverage"] = super::coverage_json(coverage);
    }
    out
}

/// One document: the counts and every test.
pub fn json(policy: &Policy, run: &TestRun) -> serde_json::Value {
    let mut out = counts(run);
    out["tests"] = run.results.iter().map(|r| test_json(policy, r)).collect();
    out
}

/// A line a test, then one with the counts.
pub fn jsonl(policy: &Policy, run: &TestRun) -> String {
    let mut out = String::new();
    for result in &run.results {
        let _ = writeln!(out, "{}", test_json(policy, result));
    }
    let _ = writeln!(out, "{}", counts(run));
    out
}
