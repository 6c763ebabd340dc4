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
