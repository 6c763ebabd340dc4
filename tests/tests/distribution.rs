//! What random cases are like, measured: a generator whose conditions decide nothing finds nothing.
//! Invariant: what is printed here is counted on what the language reads, not on what the generator meant.

use prov::Error;
use prov_tests::random::{Case, Counts, FUNCTIONS, Made, WORDS, census, functions};
use std::collections::BTreeMap;

fn number(name: &str, or: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or)
}

#[test]
fn random_policies_pass_their_check() {
    let (from, count) = (number("SEED", 0), number("CASES", 120));
    let mut refused = Vec::new();
    for seed in from..from + count {
        match Made::of(&Case::new(seed)) {
            Ok(_) => {}
            Err(Error::Report(report)) => {
                let d = report.diagnostics.iter().find(|d| d.is_error());
                let said = d.map_or(String::new(), |d| {
                    format!(
                        "{} {}: {}",
                        d.code.id,
                        d.message,
                        d.span().map_or("", |s| report.sources.text(s))
                    )
                });
                refused.push(format!("seed {seed}: {said}"));
            }
            Err(e) => refused.push(format!("seed {seed}: {e}")),
        }
    }
    println!("{} of {count} refused\n{}", refused.len(), refused.join("\n"));
    assert!(refused.len() as u64 * 100 <= count, "more than 1 % are refused:\n{}", refused.join("\n"));
}

/// How many of 400 policies a word must stand in at the least: of items and clauses some, of what is inside of expressions few.
fn floor(group: &str) -> u64 {
    match group {
        "items" => 20,
        "clauses" | "grant" => 8,
        "types" => 40,
        _ => 4,
    }
}

#[test]
fn every_word_of_the_language_occurs() {
    let cases = number("CASES", 400).max(400);
    let mut counts: Counts = BTreeMap::new();
    for seed in 0..cases {
        let mut here = Counts::new();
        for item in Case::new(seed).files.iter().flat_map(|f| &f.1) {
            census(&item.text, &mut here);
            if !item.uses.is_empty() {
                here.entry(("items", "use")).or_default().1 += 1;
            }
        }
        for (word, (_, times)) in here {
            let known = counts.entry(word).or_default();
            *known = (known.0 + 1, known.1 + times);
        }
    }
    let functions = functions();
    let groups = WORDS.iter().copied().chain([(FUNCTIONS, functions.as_slice())]);
    let mut rare = Vec::new();
    for (group, words) in groups {
        println!(
            "{group:28} policies  times   (of {cases} policies; at least {})",
            floor(group) * cases / 400
        );
        for word in words {
            let (policies, times) = counts.get(&(group, *word)).copied().unwrap_or_default();
            println!("  {word:26} {policies:8} {times:6}");
            if policies * 400 < floor(group) * cases {
                rare.push(format!("{word} ({group}): {policies}"));
            }
        }
    }
    assert!(rare.is_empty(), "too rare in {cases} policies: {rare:?}");
}

/// So many of so many, in percent.
fn share(part: u64, of: u64) -> u64 {
    part * 100 / of.max(1)
}

#[test]
fn conditions_decide_something() {
    let cases = number("CASES", 150);
    let (mut conditions, mut constant, mut rules, mut none, mut all) = (0, 0, 0, 0, 0);
    let (mut people, mut held, mut leavers) = (0, 0, 0);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 20_000..20_000 + cases {
        let Ok(case) = Case::new(seed).with_world() else { continue };
        let Ok(made) = Made::of(&case) else { continue };
        let schema = made.engine.policy().schema();
        let total = made.desired.ids().count();
        for id in made.desired.ids() {
            people += 1;
            held += u64::from(made.desired.is_held(id));
            let leaver = schema.identities.iter().any(|i| {
                i.lifecycle
                    .iter()
                    .flat_map(|l| &l.defs)
                    .any(|s| s.leaver && Some(s.name.as_str()) == made.desired.state(id))
            });
            leavers += u64::from(leaver);
        }
        for identity in &schema.identities {
            let of = format!("{}:", identity.name);
            let ids = made.desired.ids().filter(|id| schema.identities.len() == 1 || id.starts_with(&of));
            let known = ids.filter(|id| !made.desired.is_held(id)).count();
            // The conditions of rules, and how many have the rules.
            for (item, name) in items(&case) {
                let whose = item.contains(&format!(" for {}", identity.name)) || schema.identities.len() == 1;
                if !whose || known < 3 {
                    continue;
                }
                let ask = |text: &str| {
                    made.engine.query_with(
                        &made.people,
                        text,
                        Some(&identity.name),
                        &made.at,
                        &made.background(),
                    )
                };
                if let Ok((ids, _)) = ask(&format!("has {name}")) {
                    rules += 1;
                    none += u64::from(ids.is_empty());
                    all += u64::from(ids.len() >= known);
                }
                let Some(condition) = condition(&item) else { continue };
                if let Ok((ids, unknown)) = ask(&condition) {
                    conditions += 1;
                    let all = ids.len() + unknown.len() >= total.min(known + unknown.len());
                    if std::env::var_os("SHOW").is_some() && (ids.is_empty() || all) {
                        println!("of {:2} {:2} for seed {seed}: {condition}", known, ids.len());
                    }
                    constant += u64::from(ids.is_empty() || all);
                }
            }
        }
        let plan = made.plan();
        for action in plan.actions() {
            *kinds.entry(format!("action {}", action.kind().name())).or_default() += 1;
        }
        for finding in &plan.findings {
            *kinds.entry(format!("finding {}", finding.kind.name())).or_default() += 1;
        }
        *kinds.entry("guard tripped".into()).or_default() += plan.tripped().count() as u64;
    }
    println!("{conditions} conditions of rules, {}% the same for everyone", share(constant, conditions));
    println!("{rules} rules: {}% had by nobody, {}% by everyone", share(none, rules), share(all, rules));
    println!("{people} people: {}% held, {}% leavers", share(held, people), share(leavers, people));
    for (kind, n) in &kinds {
        println!("{n:8} {kind}");
    }
    assert!(conditions > cases, "{conditions} conditions were looked at");
    assert!(
        share(constant, conditions) < 45,
        "{}% of conditions are the same for everyone",
        share(constant, conditions)
    );
    assert!(share(none, rules) < 32 && share(all, rules) < 26, "too many rules are nobody's, or everyone's");
    assert!(share(held, people) < 40 && share(leavers, people) > 5, "too many are held, or too few leave");
    for action in ["create_account", "update_account", "disable_account", "grant", "revoke", "kill_sessions"]
    {
        assert!(kinds.contains_key(&format!("action {action}")), "no {action} in {cases} plans");
    }
}

/// Birthrights and roles: their text and name.
fn items(case: &Case) -> Vec<(String, String)> {
    let all = case.files.iter().flat_map(|f| &f.1).map(|i| i.text.clone());
    all.filter_map(|text| {
        let head = text.lines().next()?;
        let at = head.find("birthright ").map(|p| p + 11).or_else(|| head.find("role ").map(|p| p + 5))?;
        let rule =
            text.starts_with("birthright ") || text.starts_with("role ") || text.starts_with("@severity");
        let name = head[at..].split([' ', '{']).next()?.to_owned();
        rule.then_some((text, name))
    })
    .collect()
}

/// The condition of a rule, which stands on a line of its own.
fn condition(item: &str) -> Option<String> {
    let line = item.lines().nth(1)?.strip_prefix("    when ")?;
    Some(line.strip_suffix(" {").unwrap_or(line).to_owned())
}
