//! Links between pages. Invariant: a relative link leads to a file of the repository, and its anchor to a heading there.

use crate::markdown::{anchors, links};
use std::path::Path;

/// What is wrong with the links of a page, given by its path from the root.
pub fn broken(page: &Path, text: &str) -> Vec<String> {
    let root = crate::root();
    let mut wrong = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let file = if path.is_empty() {
            root.join(page)
        } else {
            root.join(page.parent().unwrap_or(Path::new(""))).join(path)
        };
        if !file.exists() {
            wrong.push(format!("{}:{line}: nothing at `{target}`", page.display()));
        } else if !anchor.is_empty() {
            let there = std::fs::read_to_string(&file).unwrap_or_default();
            if !anchors(&there).iter().any(|a| a == anchor) {
                wrong.push(format!("{}:{line}: no heading for `{target}`", page.display()));
            }
        }
    }
    wrong
}
