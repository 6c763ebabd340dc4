//! What holds for every plan, whatever the world: tried on random ones.

mod common;

use common::{AD, BADGE, ERP, SLACK, World, brief, day, days, jsonl};
use proptest::prelude::*;
use prov_model::{GuardDef, GuardLimit, GuardWhat, Mode, RuleId, Since};
use prov_plan::{ActionKind, Plan, apply_to, verify_order};
use std::collections::BTreeSet;

const ENTS: [&str; 12] = [
    "ad.group(all)",
    "ad.group(ALL)",
    "ad.group(sales)",
    "ad.license(e3)",
    "ad.license(x1)",
    "badge.site(hq)",
    "badge.site(lab)",
    "erp.role(SALES)",
    "erp.role(PAYMENTS)",
    "slack.channel(general)",
    "slack.channel(sales)",
    "slack.history(all)",
];

#[derive(Clone, Debug)]
struct Someone {
    known: bool,
    there: bool,
    state: usize,
    held: bool,
    wanted: [bool; 3],
    enabled: [bool; 3],
    holds: Vec<usize>,
    forbid: bool,
    /// By app: no account, or how the name differs; whether it is enabled; whether there are two.
    accounts: [(u8, bool, bool); 3],
    has: Vec<usize>,
    entered: Option<i32>,
}

fn someone() -> impl Strategy<Value = Someone> {
    let account = (0u8..5, any::<bool>(), prop::bool::weighted(0.1));
    (
        (prop::bool::weighted(0.9), prop::bool::weighted(0.8), 0usize..4, prop::bool::weighted(0.1)),
        (any::<[bool; 3]>(), any::<[bool; 3]>(), any::<bool>()),
        prop::collection::vec(0usize..12, 0..8),
        [account.clone(), account.clone(), account],
        prop::collection::vec(0usize..12, 0..8),
        prop::option::of(0i32..400),
    )
        .prop_map(
            |((known, there, state, held), (wanted, enabled, forbid), holds, accounts, has, entered)| {
                Someone { known, there, state, held, wanted, enabled, holds, forbid, accounts, has, entered }
            },
        )
}

fn build(people: &[Someone], modes: [u8; 4], missing: Option<i32>) -> World {
    let mut w = World::new();
    for (app, mode) in w.schema.apps.iter_mut().zip(modes) {
        app.mode = match mode {
            0..4 => Mode::Authoritative,
            _ => Mode::Additive,
        };
    }
    if let Some(days) = missing {
        w.missing_means_terminated(days);
    }
    let names = ["terminated", "suspended", "leave", "active"];
    for (i, p) in people.iter().enumerate() {
        let id = format!("p{i:03}");
        if p.known {
            let want = w.person(&id, names[p.state]);
            let login = format!("u{i}");
            for (slot, app) in [AD, ERP, SLACK].into_iter().enumerate() {
                // The account that one comes from is implied by it.
                if p.wanted[slot] && p.wanted[0] {
                    let both: &[&str] = &[&login, "mail"];
                    want.account(app, if app == AD { both } else { &both[..1] });
                    if !p.enabled[slot] {
                        want.disabled(app);
                    }
                }
            }
            want.holds = p.holds.iter().map(|&e| ENTS[e].to_owned()).collect();
            if p.held {
                (want.held, want.state) = (true, if p.forbid { u32::MAX } else { want.state });
            }
            if p.forbid && (p.held || p.state == 2) {
                want.forbids = vec![0];
            }
        }
        if p.there {
            let has = w.has(&id);
            for (slot, app) in [AD, ERP, SLACK].into_iter().enumerate() {
                let (how, enabled, two) = p.accounts[slot];
                let name = match how {
                    0 => continue,
                    1 => format!("old{i}"),
                    _ => format!("u{i}"),
                };
                let mail = if how == 2 { "stale" } else { "mail" };
                let both = [&*name, mail];
                has.account(app, &name, enabled, if app == AD { &both } else { &[] });
                if two {
                    has.account(app, &format!("{name}-2"), enabled, &[]);
                }
            }
            has.holds = p.has.iter().map(|&e| ENTS[e].to_owned()).collect();
        }
        if let Some(n) = p.entered {
            let since = w.today.plus(days(-n));
            w.memory.states.insert(id.clone(), Since { state: names[p.state].into(), since });
        }
    }
    w
}

fn world() -> impl Strategy<Value = World> {
    (prop::collection::vec(someone(), 0..12), prop::array::uniform4(0u8..5), prop::option::of(0i32..2))
        .prop_map(|(people, modes, missing)| build(&people, modes, missing))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_applied_leaves_nothing_to_do(w in world()) {
        let plan = w.plan();
        let after = apply_to(&w.schema, &plan, &w.actual());
        let again = w.plan_of(&w.desired(), &after);
        prop_assert_eq!(brief(&again), Vec::<String>::new(), "first: {:#?}", brief(&plan));
    }

    #[test]
    fn every_plan_is_in_an_order_that_can_be_run(w in world()) {
        let plan = w.plan();
        prop_assert_eq!(verify_order(&plan, &w.schema), Ok(()), "{:#?}", brief(&plan));
    }

    #[test]
    fn whatever_is_not_managed_or_held_is_never_touched(w in world()) {
        let plan = w.plan();
        for action in plan.actions() {
            let id = action.identity();
            let want = w.want.get(id);
            let forbidden = action.entitlement() == Some(("role", "PAYMENTS"));
            prop_assert!(!want.is_some_and(|p| p.held && p.state != 0) || forbidden, "{id} is held");
            prop_assert!(want.is_some() || w.schema.sources[0].missing.is_some(), "{id} is missing");
            if action.kind() == ActionKind::Revoke {
                let (kind, value) = action.entitlement().unwrap();
                prop_assert!(kind != "history" && value != "x1");
            }
            if action.kind() == ActionKind::CreateAccount || action.kind() == ActionKind::Grant {
                prop_assert!(!action.is_leaver());
            }
            let additive = w.schema.apps.iter().any(|a| a.name == action.app() && a.mode == Mode::Additive);
            prop_assert!(!additive || action.is_leaver() || !action.kind().takes_away());
        }
    }

    #[test]
    fn leavers_can_sign_in_nowhere(w in world()) {
        let after = apply_to(&w.schema, &w.plan(), &w.actual());
        for (row, id) in after.ids.iter().enumerate() {
            if w.want.get(id).is_some_and(|p| p.state == 0) {
                prop_assert!(after.accounts.get(row).iter().all(|a| !a.enabled), "{id}");
            }
        }
    }

    #[test]
    fn plans_are_read_back_as_they_were_written(w in world()) {
        let (plan, text) = (w.plan(), jsonl(&w.plan()));
        for (action, line) in plan.actions().zip(text.lines().skip(1)) {
            prop_assert_eq!(serde_json::to_string(&action).unwrap(), line);
        }
        let read = Plan::from_jsonl(text.as_bytes()).unwrap();
        prop_assert_eq!(jsonl(&read), text);
        prop_assert_eq!(verify_order(&read, &w.schema), Ok(()));
    }

    #[test]
    fn ids_are_unique_and_counts_are_those_of_the_lines(w in world()) {
        let plan = w.plan();
        let ids: BTreeSet<_> = plan.actions().map(|a| a.id()).collect();
        prop_assert_eq!(ids.len(), plan.len());
        prop_assert_eq!(plan.header.by_action.values().sum::<u64>(), plan.len() as u64);
        prop_assert_eq!(plan.header.by_finding.values().sum::<u64>(), plan.findings.len() as u64);
    }

    #[test]
    fn garbage_is_never_read_as_a_plan_nor_does_it_panic(w in world(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let text = jsonl(&w.plan()).into_bytes();
        let mut broken = text.clone();
        let at = at.index(broken.len());
        broken[at] = byte;
        if let Ok(read) = Plan::from_jsonl(&broken[..]) {
            prop_assert_eq!(read.len(), w.plan().len());
        }
        let cut = Plan::from_jsonl(&text[..at]);
        prop_assert!(cut.is_err() || at + 1 >= text.len());
    }
}

/// Several chunks of people, every one with something to do.
fn crowd() -> World {
    let mut w = World::new();
    w.schema.guards = vec![GuardDef {
        name: "revokes".into(),
        rule: RuleId(0),
        what: GuardWhat::Effects { effect: prov_model::EffectKind::Revokes, app: None, per_app: true },
        limits: vec![GuardLimit::Share(500)],
    }];
    for i in 0..6000 {
        let (id, login) = (format!("p{i:05}"), format!("u{i}"));
        let state = if i % 97 == 0 { "terminated" } else { "active" };
        w.person(&id, state).account(AD, &[&login, "mail"]).holds(&[ENTS[i % 3], ENTS[5 + i % 2]]);
        if i % 3 != 0 {
            w.has(&id).account(AD, &login, true, &[&login, "mail"]).holds(&[ENTS[(i / 2) % 12], ENTS[5]]);
        }
        if i % 50 == 0 {
            w.has(&format!("gone{i}")).account(AD, &format!("u{i}"), true, &[]);
        }
    }
    w
}

#[test]
fn the_number_of_threads_leaves_no_trace() {
    let w = crowd();
    let (desired, actual) = (w.desired(), w.actual());
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| jsonl(&w.plan_of(&desired, &actual)))
    };
    let one = of(1);
    assert!(one.lines().count() > 8000);
    assert!(one == of(2) && one == of(7));
    let plan = Plan::from_jsonl(one.as_bytes()).unwrap();
    verify_order(&plan, &w.schema).unwrap();
    assert!(plan.tripped().any(|v| v.guard == "revokes" && v.hit.is_sorted() && v.hit.len() == 10));
}

#[test]
fn a_name_that_this_plan_frees_is_given_by_the_next() {
    let mut w = World::new();
    w.person("1", "active").account(AD, &["ann.lee", "m"]);
    w.person("2", "active").account(AD, &["ann", "m"]);
    w.has("1").account(AD, "ann", true, &["ann", "m"]);
    let mut actual = w.actual();
    let mut all = Vec::new();
    for _ in 0..3 {
        let plan = w.plan_of(&w.desired(), &actual);
        all.push(brief(&plan));
        actual = apply_to(&w.schema, &plan, &actual);
    }
    assert_eq!(all, [vec!["rename_account 1 ad ann"], vec!["create_account 2 ad ann"], vec![]]);
}

#[test]
fn worlds_are_worth_trying() {
    // A generator that makes nothing happen proves nothing.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut actions = 0;
    for _ in 0..200 {
        let w = world().new_tree(&mut runner).unwrap().current();
        let plan = w.plan();
        actions += plan.len();
        seen.extend(plan.actions().map(|a| a.kind().name()));
        seen.extend(plan.findings.iter().map(|f| f.kind.name()));
    }
    // These worlds have no sources to be told anything; the suite has them.
    let all = ActionKind::ALL.iter().filter(|k| **k != ActionKind::WriteBack).map(|k| k.name());
    let found = ["conflict", "held", "missing", "unmanaged"];
    for name in all.chain(found) {
        assert!(seen.contains(name), "{name} never happens");
    }
    assert!(actions > 2000, "{actions}");
    let _ = (day("2026-01-01"), BADGE);
}

#[test]
fn an_order_that_is_not_safe_is_found_out() {
    let mut w = World::new();
    w.person("1", "active").account(AD, &["ann", "m"]).account(SLACK, &["ann"]).holds(&["ad.group(new)"]);
    w.has("1").account(AD, "old", true, &["old", "m"]).holds(&["ad.group(old)"]);
    w.person("2", "terminated");
    w.has("2").account(AD, "bob", true, &[]).holds(&["badge.site(hq)"]);
    w.memory.states.insert("2".into(), Since { state: "terminated".into(), since: day("2020-01-01") });
    let text = jsonl(&w.plan());
    let lines: Vec<&str> = text.lines().collect();
    let read = |lines: &[String]| Plan::from_jsonl(lines.join("\n").as_bytes()).unwrap();
    let mut dropped = 0;
    for (i, line) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("\"after\":[") else { continue };
        let mut broken: Vec<String> = lines.iter().map(|l| l.to_string()).collect();
        broken[i] = format!("{before}{}", after.split_once("],").unwrap().1);
        assert!(verify_order(&read(&broken), &w.schema).is_err(), "without what it waits for: {line}");
        dropped += 1;
    }
    assert!(dropped >= 5, "{dropped}");
    let mut behind: Vec<String> = lines.iter().map(|l| l.to_string()).collect();
    let lane = behind.remove(1);
    assert!(lane.contains("disable_account"));
    behind.retain(|l| !l.contains("\"2\"") || l.contains("\"type\""));
    let header = behind[0]
        .replace(&format!("\"actions\":{}", w.plan().len()), &format!("\"actions\":{}", behind.len()));
    behind[0] = header;
    behind.push(lane);
    assert!(verify_order(&read(&behind), &w.schema).is_err(), "the lane comes first");
}
