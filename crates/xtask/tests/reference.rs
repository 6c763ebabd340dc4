//! The reference is whole: every word and every sign of the grammar stands in it.

use std::collections::BTreeSet;

/// Words of items that have no meaning yet: the pages name the item.
const NOT_BUILT: [&str; 8] =
    ["admit", "approved", "expect", "expires", "gains", "maps", "members", "snapshot"];

fn reference() -> String {
    let folder = xtask::root().join("docs/reference");
    let pages = std::fs::read_dir(folder).expect("the reference").map(|e| e.expect("a page").path());
    // The list of codes quotes policies of every kind, right and wrong: that is no explanation.
    pages
        .filter(|p| p.file_name().is_some_and(|n| n != "diagnostics.md"))
        .map(|p| std::fs::read_to_string(p).expect("a readable page"))
        .collect()
}

#[test]
fn every_word_of_the_grammar_stands_in_the_reference() {
    let grammar =
        std::fs::read_to_string(xtask::root().join("grammar/prov.pest")).expect("the grammar is there");
    let words: BTreeSet<&str> = grammar
        .lines()
        .filter_map(|l| l.strip_prefix("k_")?.split([' ', '=']).next())
        .filter(|w| !w.is_empty())
        .collect();
    assert!(words.len() > 90, "only {} words were found", words.len());
    let pages = reference();
    let known: BTreeSet<&str> =
        pages.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    let missing: Vec<&&str> =
        words.iter().filter(|w| !known.contains(**w) && !NOT_BUILT.contains(*w)).collect();
    assert!(missing.is_empty(), "the reference says nothing of {missing:?}");
}

#[test]
fn every_operator_stands_in_the_reference() {
    let pages = reference();
    let operators = [
        "==",
        "!=",
        "<=",
        ">=",
        "`<`",
        "`>`",
        "`??`",
        "`+`",
        "`-`",
        "`*`",
        "`not in`",
        "not matches",
        "`contains`",
        "`starts with`",
        "`ends with`",
        "`is present`",
        "`is absent`",
        "in x..y",
        "years between",
        "today in",
    ];
    let missing: Vec<&str> = operators.into_iter().filter(|o| !pages.contains(o)).collect();
    assert!(missing.is_empty(), "the reference says nothing of {missing:?}");
}
