//! The examples that people start from: each checks without a word, is laid out, and plans its Monday.

use std::path::PathBuf;
use std::process::{Command, Output};
use xtask::binary;

/// The examples with data.
fn examples() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(xtask::root().join("examples")).expect("the examples are there");
    let mut found: Vec<PathBuf> = folder
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.join("prov.toml").is_file() && p.join("data").is_dir())
        .collect();
    found.sort();
    assert!(!found.is_empty(), "there are no examples");
    found
}

fn prov(args: &[&str], dir: &std::path::Path) -> Output {
    let prov = binary::prov().expect("prov is built");
    Command::new(prov).args(args).arg(dir).env("NO_COLOR", "1").output().expect("prov runs")
}

fn printed(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn examples_check_without_a_word_and_are_laid_out() {
    for dir in examples() {
        let checked = prov(&["check"], &dir);
        let said = printed(&checked);
        assert!(checked.status.success() && said.lines().count() == 1, "{}: {said}", dir.display());
        let laid_out = prov(&["fmt", "--check"], &dir);
        assert!(laid_out.status.success(), "{}: {}", dir.display(), printed(&laid_out));
    }
}

#[test]
fn the_tests_of_examples_pass_and_see_every_rule_and_condition() {
    for dir in examples() {
        let tested = prov(&["test", "--coverage"], &dir);
        let said = printed(&tested);
        assert!(tested.status.success() && said.contains("test result: ok."), "{}: {said}", dir.display());
        assert!(!said.contains("ok. 0 passed"), "{} has no tests", dir.display());
        assert!(
            said.contains("\ncoverage: 100.0%. "),
            "{}: a rule, or an outcome of a condition, is seen by no test\n{said}",
            dir.display()
        );
    }
}

#[test]
fn examples_plan_their_monday_and_say_what_to_look_at() {
    for dir in examples() {
        let plan = prov(&["plan", "--at", "2026-03-02", "-q"], &dir);
        let code = plan.status.code().expect("an exit code");
        assert!(matches!(code, 2 | 3), "{}: exit code {code}\n{}", dir.display(), printed(&plan));
        let readme = std::fs::read_to_string(dir.join("README.md")).expect("a README.md");
        assert!(readme.contains("## What to look at"), "{}", dir.display());
    }
}
