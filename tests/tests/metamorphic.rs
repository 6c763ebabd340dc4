//! Laws that hold whatever a policy says: each over random policies with random people.
//! Invariant: a law that is broken is told with the seed of its case. `SEED=` runs one case, `CASES=` more of them.

use prov::{Actual, Plan};
use prov_tests::eval::actions;
use prov_tests::random::{Case, Made, Rows, desired_lines, plan_lines, renamed};
use prov_tests::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds of a law: `SEED` or so many from its own start.
fn seeds(from: u64, count: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    match (number("SEED"), number("CASES")) {
        (Some(seed), n) => seed..seed + n.unwrap_or(1),
        (None, Some(n)) => from..from + n,
        (None, None) => from..from + count,
    }
}

fn made(case: &Case) -> Made {
    match Made::of(case) {
        Ok(made) => made,
        Err(e) => panic!("{e}\n{}", case.show()),
    }
}

fn whole(seed: u64) -> Case {
    Case::new(seed).with_world().unwrap_or_else(|e| panic!("{e}"))
}

/// Holds a law against every case of a range; all that break it are told.
fn law(from: u64, count: u64, holds: impl Fn(&Case) -> Result<(), String>) {
    let mut broken = Vec::new();
    for seed in seeds(from, count) {
        let Ok(case) = catch_unwind(|| whole(seed)) else {
            broken.push(format!("seed {seed}: there is no such case"));
            continue;
        };
        let told = match catch_unwind(AssertUnwindSafe(|| holds(&case))) {
            Ok(Ok(())) => continue,
            Ok(Err(e)) => e,
            Err(_) => "it panics".to_owned(),
        };
        if broken.is_empty() && std::env::var_os("SHOW").is_some() {
            eprintln!("{}", case.show());
        }
        broken.push(format!("seed {seed}: {told}"));
    }
    assert!(broken.is_empty(), "{} cases break the law\n{}", broken.len(), broken.join("\n"));
}

/// The first lines in which two lists differ.
fn same(after: &[String], before: &[String]) -> Result<(), String> {
    let only = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|l| !b.contains(l)).take(4).cloned().collect()
    };
    let (new, old) = (only(after, before), only(before, after));
    if new.is_empty() && old.is_empty() && after.len() == before.len() {
        return Ok(());
    }
    Err(format!("\n  now    {}\n  before {}", new.join("\n         "), old.join("\n         ")))
}

/// Desired states and plans of two cases are the same.
fn same_cases(after: &Case, before: &Made) -> Result<(), String> {
    let now = made(after);
    same(&desired_lines(&now), &desired_lines(before))?;
    same(&plan_lines(&now.plan()), &plan_lines(&before.plan()))
}

/// Another order of a list, by a seed.
fn shuffle<T>(list: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    for i in (1..list.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        list.swap(i, (state >> 33) as usize % (i + 1));
    }
}

#[test]
fn the_order_of_rules_and_rows_means_nothing() {
    law(0, 80, |case| {
        let before = made(case);
        let mut other = case.clone();
        for (_, items) in &mut other.files {
            shuffle(items, case.seed + 1);
        }
        other.files.reverse();
        for (_, sheet) in other.sources.iter_mut().chain(&mut other.tables) {
            shuffle(&mut sheet.rows, case.seed + 2);
        }
        for (_, _, sheet) in &mut other.catalogs {
            shuffle(&mut sheet.rows, case.seed + 3);
        }
        shuffle(&mut other.entitlements.rows, case.seed + 4);
        same_cases(&other, &before)
    });
}

#[test]
fn the_cutting_of_files_means_nothing() {
    law(1000, 60, |case| {
        let before = made(case);
        let mut other = case.clone();
        let items: Vec<_> = other.files.drain(..).flat_map(|f| f.1).collect();
        other.files =
            items.into_iter().enumerate().map(|(i, item)| (format!("m{i}.prov"), vec![item])).collect();
        same_cases(&other, &before)?;
        let all = other.files.drain(..).flat_map(|f| f.1).collect();
        other.files = vec![("all.prov".into(), all)];
        same_cases(&other, &before)
    });
}

#[test]
fn names_mean_nothing() {
    law(2000, 80, |case| {
        let before = made(&Case::new(case.seed));
        let text: String = case.texts().into_iter().map(|t| t.1).collect();
        if text.contains("unique(") && case.types > 1 {
            return Ok(()); // of two types that want a name, the first by name gets it
        }
        let other = Case::styled(case.seed, 7);
        let now = made(&other);
        let names = |lines: Vec<String>| -> Vec<String> {
            let mut lines: Vec<String> = lines.iter().map(|l| renamed(l, &other.names)).collect();
            lines.sort();
            lines
        };
        // What stands in order of name stands in another order now.
        let parts = |lines: Vec<String>| -> Vec<String> {
            let mut lines: Vec<String> = lines
                .iter()
                .map(|l| {
                    let mut parts: Vec<&str> = l.split([' ', ',', '{', '}', '[', ']']).collect();
                    parts.sort_unstable();
                    parts.join(" ")
                })
                .collect();
            lines.sort();
            lines
        };
        same(&parts(names(desired_lines(&now))), &parts(desired_lines(&before)))?;
        let nothing = |made: &Made| -> Vec<String> {
            let plan = made.engine.plan(&made.desired, &Actual::empty(), &made.memory);
            actions(&plan).collect()
        };
        same(&parts(names(nothing(&now))), &parts(nothing(&before)))
    });
}

#[test]
fn layout_means_nothing() {
    law(3000, 40, |case| {
        let before = made(case);
        let mut texts = case.all_files();
        for (name, text) in &mut texts {
            if name.ends_with(".prov") {
                let laid =
                    prov::format_source(text).map_err(|d| format!("{name} can't be laid out: {d:?}"))?;
                let again = prov::format_source(&laid)
                    .map_err(|d| format!("{name} can't be laid out again: {d:?}"))?;
                if again != laid {
                    return Err(format!("laid out twice {name} differs:\n{laid}\n──\n{again}"));
                }
                *text = laid;
            }
        }
        let now = Made::of_files(&texts, &case.at).map_err(|e| e.to_string())?;
        same(&desired_lines(&now), &desired_lines(&before))?;
        same(&plan_lines(&now.plan()), &plan_lines(&before.plan()))
    });
}

#[test]
fn an_attribute_that_nobody_reads_means_nothing() {
    law(4000, 60, |case| {
        let before = made(case);
        if case.sources.len() > case.types {
            return Ok(()); // which source gives it would have to be said
        }
        let mut other = case.clone();
        for (_, items) in &mut other.files {
            for item in items.iter_mut().filter(|i| i.text.starts_with("identity ")) {
                item.text =
                    item.text.replacen("{\n", "{\n    aa_unread: int?\n    zz_unread: set of text\n", 1);
            }
        }
        for (_, sheet) in &mut other.sources {
            sheet.columns.insert(0, "aa_unread".into());
            sheet.columns.push("zz_unread".into());
            for (n, row) in sheet.rows.iter_mut().enumerate() {
                row.insert(0, (n % 5).to_string());
                row.push("a;b".into());
            }
        }
        same_cases(&other, &before)
    });
}

#[test]
fn the_number_of_threads_means_nothing() {
    law(5000, 60, |case| {
        let one = made(case);
        let bytes = |plan: &Plan| {
            let mut out = Vec::new();
            plan.write_jsonl(&mut out)
                .map(|()| String::from_utf8_lossy(&out).into_owned())
                .unwrap_or_default()
        };
        let before = bytes(&one.plan());
        for threads in [2, 7] {
            let engine = one.engine.clone().with_threads(Some(threads));
            let desired = engine.evaluate_with(&one.people, &one.at, &one.background());
            let now = bytes(&engine.plan(&desired, &one.actual, &one.memory));
            if now != before {
                return Err(format!("on {threads} threads the plan differs"));
            }
        }
        Ok(())
    });
}

#[test]
fn one_by_one_gives_what_all_at_once_gives() {
    law(6000, 100, |case| {
        let all = made(case);
        // Who gets a name that others want too is known once the run is over.
        let after = all.engine.memory_after(&all.desired, &all.actual, &all.memory, &all.plan());
        let memory = prov::Memory { names: after.names, ..all.memory.clone() };
        let background = prov::Background { memory: memory.into(), ..all.background() };
        for id in all.desired.ids() {
            let identity = all.people.identity(all.engine.policy(), id).map_err(|e| e.to_string())?;
            let one = all.engine.evaluate_one_with(&identity, &all.at, &background);
            if one.json() != all.desired.json(id) {
                return Err(format!(
                    "{id} has alone\n{:#}\nand among all\n{:#}",
                    one.json(),
                    all.desired.json(id)
                ));
            }
        }
        Ok(())
    });
}

#[test]
fn what_one_has_is_explained() {
    law(7000, 50, |case| {
        let all = made(case);
        let policy = all.engine.policy();
        for id in all.desired.ids() {
            let identity = all.people.identity(policy, id).map_err(|e| e.to_string())?;
            for held in all.desired.entitlements(id) {
                let what = prov::Entitlement::parse(policy, &held).map_err(|e| format!("{held}: {e}"))?;
                let explained = all.engine.explain_with(&identity, Some(&what), &all.at, &all.background());
                let json = prov::explanation_json(policy, &explained);
                if json.to_string().is_empty() {
                    return Err(format!("{id} {held} is not explained"));
                }
            }
        }
        Ok(())
    });
}

/// The case as it is once a plan has been carried out, and what there is to do then. What is written back is in the source only
/// when that is read again.
fn carried_out(case: &Case, first: &Made, plan: &Plan) -> (Case, Made, Vec<String>) {
    let mut world = World::of(&case.accounts, &case.entitlements);
    world.apply(plan);
    let memory = first.engine.memory_after(&first.desired, &first.actual, &first.memory, plan);
    let mut other = case.clone();
    let [(_, accounts), (_, held)] = world.files();
    (other.accounts, other.entitlements) = (Rows::of_csv(&accounts), Rows::of_csv(&held));
    other.memory = memory.to_json();
    let again = made(&other);
    let left = actions(&again.plan())
        .filter(|l| !l.ends_with("(report)") && !l.starts_with("write_back "))
        .collect();
    (other, again, left)
}

/// A name that the plan frees, and an account that it makes findable or is found by somebody, are there for others the next time:
/// so who has a `conflict` may get something by the next plan. Whose account is deleted may be found another by what it says of
/// itself, which is then deleted too. Nothing else is left, and after a few plans nothing at all.
#[test]
fn a_plan_that_was_carried_out_leaves_nothing_to_do() {
    law(8000, 100, |case| {
        if case.accounts.rows.iter().any(|r| r.contains(&"maybe".to_owned())) {
            return Ok(()); // what can't be read is left as it is
        }
        let first = made(case);
        if first.desired.ids().any(|id| id.trim().is_empty()) {
            return Ok(()); // whom the actual state can't name is not seen there again
        }
        let mut plan = first.plan();
        let (mut case, mut made, mut left) = carried_out(case, &first, &plan);
        for round in 0..4 {
            if left.is_empty() {
                return Ok(());
            }
            let waits = |id: &str| {
                let told =
                    |f: &&prov::Finding| f.kind.name() == "conflict" && f.identity.as_deref() == Some(id);
                let lost = |a: prov::ActionView<'_>| {
                    a.identity() == id && a.kind() == prov::ActionKind::DeleteAccount
                };
                plan.findings.iter().any(|f| told(&f)) || plan.actions().any(lost)
            };
            let next = made.plan();
            let others: Vec<&str> = next.actions().map(|a| a.identity()).filter(|id| !waits(id)).collect();
            let others = left.iter().filter(|l| others.iter().any(|id| l.split(' ').nth(1) == Some(id)));
            let others: Vec<&str> = others.map(String::as_str).collect();
            if !others.is_empty() || round == 3 {
                return Err(format!(
                    "left to do:\n  {}\nof these without a conflict:\n  {}",
                    left.join("\n  "),
                    others.join("\n  ")
                ));
            }
            plan = next;
            (case, made, left) = carried_out(&case, &made, &plan);
        }
        Ok(())
    });
}

#[test]
fn people_who_know_nothing_of_each_other_can_be_evaluated_apart() {
    law(9000, 120, |case| {
        let text: String = case.texts().into_iter().map(|t| t.1).collect();
        let apart = case.sources.len() == case.types && !text.contains(" effective from ");
        if !apart || text.contains("unique(") || text.contains("correlate ") {
            return Ok(()); // they share rows or names
        }
        if text.contains(" inverse ") || case.names.values().any(|n| n.starts_with("boss")) {
            return Ok(()); // they may know each other
        }
        let all = made(case);
        let mut apart = Vec::new();
        for half in 0..2 {
            let mut other = case.clone();
            for (_, sheet) in &mut other.sources {
                let mut n = 0;
                sheet.rows.retain(|_| {
                    n += 1;
                    n % 2 == half
                });
            }
            let made = made(&other);
            apart.extend(desired_lines(&made));
        }
        apart.sort();
        let mut whole = desired_lines(&all);
        whole.sort();
        // Of a key that stands twice each half sees one row.
        if all.people.rejections().iter().any(|r| r.code == "P0605") {
            return Ok(());
        }
        same(&apart, &whole)
    });
}

#[test]
fn the_same_again_is_the_same() {
    law(10_000, 20, |case| {
        let again = whole(case.seed);
        if again.show() != case.show() {
            return Err("the seed gives another case".into());
        }
        let (a, b) = (made(case), made(&again));
        same(&plan_lines(&a.plan()), &plan_lines(&b.plan()))?;
        Ok(())
    });
}

#[test]
fn time_means_nothing_as_long_as_nothing_wakes() {
    let moved = std::cell::Cell::new(0);
    law(11_000, 100, |case| {
        let mut all = made(case);
        let background = all.background();
        let policy = all.engine.policy().clone();
        let mut next: Option<prov::Instant> = None;
        for id in all.desired.ids() {
            let identity = all.people.identity(&policy, id).map_err(|e| e.to_string())?;
            let change = all.engine.next_change(&identity, &all.at, &background);
            next = next.into_iter().chain(change.map(|c| c.now)).min();
        }
        let (desired, plan) = (desired_lines(&all), actions(&all.plan()).collect::<Vec<_>>());
        // The last second before, or, where nothing is to come, a year later.
        let last = next.map_or(all.at.now.0 + 366 * 86_400, |next| next.0 - 1);
        // Since when someone is missing is that day, where memory does not say it.
        let missing = all.plan().findings.iter().any(|f| f.kind.name() == "missing");
        if last <= all.at.now.0 || missing {
            return Ok(());
        }
        moved.set(moved.get() + 1);
        all.at = prov::Moment::at_instant(prov::Instant(last), all.at.zone.clone());
        all.desired = all.engine.evaluate_with(&all.people, &all.at, &background);
        same(&desired_lines(&all), &desired)?;
        same(&actions(&all.plan()).collect::<Vec<_>>(), &plan)
    });
    assert!(moved.get() > 3 || std::env::var_os("SEED").is_some(), "{} cases", moved.get());
}
