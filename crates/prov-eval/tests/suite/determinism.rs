//! The same result whatever the threads and the order of rows, and whether or not rules are found by index.

use crate::build::{AD, Build, Person, at, held, person, raw};
use prov_eval::build_population;
use prov_ir::{ExprKind, StrPart};
use prov_model::Background;
use prov_model::{Desired, Type};

/// A policy that has some of everything.
fn policy() -> Build {
    let mut b = Build::new();
    b.lifecycle();
    for department in ["Sales", "IT", "Legal"] {
        let (when, g) = (b.in_department(department), b.group(&format!("Dep-{department}")));
        b.rule(department, Some(when), vec![g]);
        let (when, high) = (b.in_department(&department.to_uppercase()), b.level_at_least(5));
        let both = b.bool(ExprKind::And(vec![high, when]));
        let (g, l) = (b.group(&format!("dep-{}", department.to_lowercase())), b.license(2));
        b.rule(&format!("{department}_high"), Some(both), vec![g, l]);
    }
    let (sales, country, fr) = (b.in_department("sales"), b.attr("country"), b.str("fr"));
    let lower = b.eq(country, fr);
    let either = b.bool(ExprKind::Or(vec![sales, lower]));
    let g = b.group("sales or fr");
    b.rule("either", Some(either), vec![g]);
    let (sales, legal) = (b.in_department("sales"), b.in_department("Legal"));
    let either = b.bool(ExprKind::Or(vec![sales, legal]));
    let g = b.group("sales or legal");
    b.rule("one_of", Some(either), vec![g]);
    let active = b.state_is(crate::build::ACTIVE);
    let (l, country) = (b.license(0), b.attr("country"));
    let parts = vec![StrPart::Text("Door ".into()), StrPart::Value(country)];
    let door = b.e(ExprKind::Interpolate(parts), Type::Str);
    let door = b.door(door);
    b.rule("active", Some(active), vec![l, door]);
    let manager = b.attr("manager");
    let level = b.e(ExprKind::Field(manager, 4), Type::Int.optional());
    let known = b.bool(ExprKind::IsPresent(level));
    let g = b.group("under level");
    b.rule("under", Some(known), vec![g]);
    let id = b.attr("id");
    b.account(AD, None, vec![("login", id)]);
    b
}

fn people() -> Vec<Person> {
    (0..5000usize)
        .map(|i| {
            let p = person(&format!("{}", 10_000 + (i * 7919) % 50_000))
                .with("department", ["sales", "Sales", "IT", "legal", " LEGAL ", "Board"][i % 6])
                .with("country", ["FR", "DE", "fr"][i % 3])
                .with("status", ["active", "leave", "terminated", "active"][(i / 3) % 4])
                .with("manager", &format!("{}", 10_000 + (i / 9 * 7919) % 50_000));
            match i % 10 {
                0 => p.with("level", "x"),
                1..=5 => p.with("level", &(i % 9).to_string()),
                _ => p,
            }
        })
        .collect()
}

fn run(b: &Build, people: &[Person], threads: usize) -> Desired {
    let population = build_population(&b.program, &[(0, raw(people))], &at("2026-03-02"));
    b.engine().evaluate(&population, &at("2026-03-02"), &Background::default(), Some(threads))
}

/// Everything of a state but the lines of rejections, which are those of the file.
fn dump(d: &Desired) -> String {
    let ents: Vec<String> = d.entitlements.iter().map(|(i, e)| format!("{i:?}{e:?}")).collect();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        d.ids, d.states, d.flags, d.holds, d.accounts, d.holdings, d.withheld, d.active_forbids, ents
    )
}

#[test]
fn threads_and_the_order_of_rows_change_nothing() {
    let (b, people) = (policy(), people());
    let first = dump(&run(&b, &people, 1));
    for threads in [2, 7] {
        assert!(dump(&run(&b, &people, threads)) == first, "{threads} threads");
    }
    let mut turned = people.clone();
    turned.reverse();
    turned.swap(7, 4000);
    assert!(dump(&run(&b, &turned, 2)) == first, "rows in another order");
}

#[test]
fn the_run_has_some_of_everything() {
    // Else the test above would be worth nothing.
    let (b, people) = (policy(), people());
    let d = run(&b, &people, 2);
    let held_count = d.flags.iter().filter(|f| f.held).count();
    assert!(held_count > 500 && held_count < 4500, "{held_count} held");
    let of = |what: &str| {
        people.iter().filter(|p| held(&b.program, &d, &p.id).iter().any(|h| h.contains(what))).count()
    };
    for what in [
        "sales or fr",
        "sales or legal",
        "Dep-Sales",
        "Dep-Legal",
        "license(e1)",
        "license(e5)",
        "Door FR",
        "Door fr",
        "under level",
    ] {
        assert!(of(what) > 50, "{what}: {}", of(what));
    }
}

#[test]
fn lists_are_in_the_order_of_the_whole_whatever_the_order_in_a_block() {
    let d = run(&policy(), &people(), 2);
    for at in 0..d.ids.len() {
        let same: Vec<_> = d.holdings.get(at).iter().map(|e| d.entitlements.same_as(*e)).collect();
        assert!(same.windows(2).all(|w| w[0] < w[1]), "{}: {same:?}", d.ids[at]);
    }
    assert!(d.ids.windows(2).all(|w| w[0] < w[1]));
}

#[test]
fn rules_found_by_index_are_those_that_hold() {
    // A double negation hides a condition from the index.
    let (indexed, people) = (policy(), people());
    let mut plain = policy();
    for rule in 0..plain.program.rules.len() {
        let when = plain.program.rules[rule].when.expect("every rule here has one");
        let not = plain.bool(ExprKind::Not(when));
        let twice = plain.bool(ExprKind::Not(not));
        plain.program.rules[rule].when = Some(twice);
    }
    assert!(dump(&run(&indexed, &people, 2)) == dump(&run(&plain, &people, 2)));
}
