//! Workload W as a Prov policy. Invariant: means what the rules mean, where a comparison with what is absent is false.

use super::people::date;
use super::rules::{Entitlement, Expr, Leaf, Rules};
use super::words::words;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const PEOPLE: &str = "identity person {
    id              : string key
    employment_type : string
    status          : string
    department      : string
    job_title       : string
    job_level       : int
    location        : string
    country         : string
    legal_entity    : string
    cost_center     : string
    manager_id      : string?
    hire_date       : date
    end_date        : date?
    skills          : set of string
}

source hr of person authoritative {}
";

/// The name of a kind in the policy: `account` is an item of the language.
pub fn kind_name(kind: &str) -> &str {
    if kind == "account" { "acct" } else { kind }
}

/// The policy: apps without accounts, so that a plan holds grants and revokes only.
pub fn policy(rules: &Rules) -> String {
    let mut out = PEOPLE.to_owned();
    let mut apps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for e in &rules.entitlements {
        apps.entry(e.target).or_default().insert(kind_name(e.kind));
    }
    for (app, kinds) in apps {
        let _ = writeln!(out, "\napp {app} via file {{\n    managed all");
        for kind in kinds {
            let _ = writeln!(out, "    entitlement {kind}(string)");
        }
        out.push_str("}\n");
    }
    for (i, role) in rules.roles.iter().enumerate() {
        let _ = writeln!(out, "\nrole r{i} {{");
        body(rules, &role.entitlements, &role.roles, &mut out);
    }
    for (i, rule) in rules.rules.iter().enumerate() {
        let _ = writeln!(out, "\nrole rule{i} when {} {{", condition(&rule.when));
        body(rules, &rule.entitlements, &rule.roles, &mut out);
    }
    out
}

fn body(rules: &Rules, entitlements: &[u32], roles: &[u32], out: &mut String) {
    if !roles.is_empty() {
        let names: Vec<String> = roles.iter().map(|r| format!("r{r}")).collect();
        let _ = writeln!(out, "    includes {}", names.join(", "));
    }
    if !entitlements.is_empty() {
        let granted: Vec<String> =
            entitlements.iter().map(|e| grant(&rules.entitlements[*e as usize])).collect();
        let _ = writeln!(out, "    grant {}", granted.join(", "));
    }
    out.push_str("}\n");
}

fn grant(e: &Entitlement) -> String {
    format!("{}.{}({:?})", e.target, kind_name(e.kind), e.value)
}

fn condition(expr: &Expr) -> String {
    let joined = |of: &[Expr], by: &str| {
        let parts: Vec<String> = of.iter().map(condition).collect();
        format!("({})", parts.join(by))
    };
    match expr {
        Expr::All(of) => joined(of, " and "),
        Expr::Any(of) => joined(of, " or "),
        Expr::Not(of) => format!("not ({})", condition(of)),
        Expr::Leaf(leaf) => predicate(leaf),
    }
}

fn predicate(leaf: &Leaf) -> String {
    let day = |days: i32| {
        let (y, m, d) = date(days);
        format!("{y}-{m:02}-{d:02}")
    };
    match leaf {
        Leaf::Is(a, code) => format!("{} == {:?}", a.name(), words().of(*a)[usize::from(*code)]),
        Leaf::In(a, codes) => {
            let values: Vec<&str> = codes.iter().map(|c| &*words().of(*a)[usize::from(*c)]).collect();
            format!("{} in {values:?}", a.name())
        }
        Leaf::Begins(a, prefix) => format!("{} starts with {prefix:?}", a.name()),
        Leaf::Level(order, level) => format!("job_level {} {level}", order.sign()),
        Leaf::Hire(order, days) => format!("hire_date {} {}", order.sign(), day(*days)),
        Leaf::EndsBefore(days) => format!("(end_date is present and end_date < {})", day(*days)),
        Leaf::NoEnd => "end_date is absent".to_owned(),
        Leaf::Skill(skill) => format!("skills contains {:?}", words().skills[usize::from(*skill)]),
    }
}
