//! Desired states and plans as lines, to be compared. Invariant: what a line leaves out (ids, places, causes) depends on
//! where things stand in files, or follows from what it says.

use super::Made;
use crate::eval::{actions, finding};
use prov::Plan;
use std::collections::BTreeMap;

/// What everyone should have, a line each.
pub fn desired_lines(made: &Made) -> Vec<String> {
    made.desired
        .ids()
        .map(|id| {
            let mut line = made.desired.json(id).to_string();
            for a in made.desired.accounts(id) {
                line += &format!(" {}", a.app);
                for (name, value) in a.attributes {
                    line += &format!(" {name}={value:?}");
                }
            }
            line
        })
        .collect()
}

/// The actions of a plan, sorted, and its findings and guards.
pub fn plan_lines(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = actions(plan).collect();
    lines.sort();
    let mut found: Vec<String> = plan
        .findings
        .iter()
        .map(|f| {
            let mut f = f.clone();
            f.line = None;
            // Of a row it says where the other stands, how that is spelled, and how many columns there are.
            if f.kind.name() == "rejected_row" {
                f.message = String::new();
            }
            finding(&f)
        })
        .collect();
    found.sort();
    lines.extend(found);
    lines.extend(plan.tripped().map(|v| format!("tripped {} {}", v.guard, v.count)));
    lines
}

/// A text with names as they are in a case of style 0.
pub fn renamed(line: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        out += names.get(&word).unwrap_or(&word);
        word.clear();
        out.push(c);
    }
    out.trim_end_matches('\n').to_owned()
}
