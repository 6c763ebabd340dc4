//! The guide of traps: every trap of the list has its paragraph, and each paragraph its case in the suite, named like it,
//! or says that it is for later.

use std::fmt::Write as _;

/// The traps that the language was made against, in order.
const TRAPS: [&str; 31] = [
    "A null compares as false, also under NOT",
    "An erroring forbid is skipped",
    "Rows vanish from a feed, and everyone is a leaver",
    "Safeguards see the import, not the loss",
    "Last admin removed",
    "A rule edit deletes and recreates",
    "Removals don't happen",
    "Revoking a role takes manually given groups with it",
    "A reviewer's removal comes back",
    "Big-bang enforcement",
    "Case: some engines fold, some don't",
    "Zones: a leaver 17 hours late",
    "Edge-triggered workflows skip who was late",
    "Future-dated and back-dated rows applied at once",
    "Rehire or conversion makes a second account",
    "Concurrent contracts: which one counts?",
    "All over an empty list",
    "Leave of absence treated as leaving",
    "Manager changes don't re-trigger",
    "Rule cascades never settle",
    "A rename makes a new account",
    "Name generation collides inside one batch",
    "One failed target halts all",
    "Which clause failed?",
    "Trailing AND, wrong prefix found at apply",
    "Performance cliffs nobody can foresee",
    "Slower with more threads",
    "Feb 29 + 18 years, 1 day = 24 h",
    "Simulation that really runs scripts",
    "Rollback means reading logs",
    "Error codes drift from docs",
];

/// `trap_removals_dont_happen`, of `Removals don't happen`.
fn case_name(heading: &str) -> String {
    let words = heading.to_lowercase().replace('\'', "");
    let words: Vec<&str> =
        words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    format!("trap_{}", words.join("_"))
}

#[test]
fn every_trap_has_its_paragraph_and_its_case() {
    let root = xtask::root();
    let page = std::fs::read_to_string(root.join("docs/guide/traps.md")).expect("the guide");
    let sections: Vec<(&str, &str)> =
        page.split("\n## ").skip(1).map(|s| s.split_once('\n').expect("a heading and its text")).collect();
    let headings: Vec<&str> = sections.iter().map(|s| s.0).collect();
    let missing: Vec<&&str> = TRAPS.iter().filter(|t| !headings.contains(t)).collect();
    assert!(missing.is_empty(), "the guide lacks {missing:?}");
    let mut wrong = String::new();
    for (heading, text) in sections.iter().filter(|s| TRAPS.contains(&s.0)) {
        let name = case_name(heading);
        let link = ["eval", "errors"]
            .map(|folder| format!("tests/suite/{folder}/{name}.prov"))
            .into_iter()
            .find(|file| root.join(file).is_file());
        match link {
            Some(file) if !text.contains(&file) => {
                let _ = writeln!(wrong, "`{heading}` does not name its case {file}");
            }
            None if !text.contains("**Not yet:**") && !text.contains("[test](") => {
                let _ = writeln!(
                    wrong,
                    "`{heading}` has no case {name}.prov, names no other test and doesn't say `**Not yet:**`"
                );
            }
            Some(_) | None => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
