//! What guards count, what shares are of, and when they trip (7.3, 11.18, 11.19).

mod common;

use common::{AD, BADGE, SLACK, World};
use prov_model::{
    AppId, EffectKind, GuardDef, GuardLimit, GuardWhat, Mode, RuleId, SourceCount, SourceMemory,
};
use prov_plan::{Plan, Verdict};

fn effects(effect: EffectKind, app: Option<u32>, per_app: bool, limits: &[GuardLimit]) -> GuardDef {
    GuardDef {
        name: "mine".into(),
        rule: RuleId(0),
        what: GuardWhat::Effects { effect, app: app.map(AppId), per_app },
        limits: limits.to_vec(),
    }
}

fn rows(limits: &[GuardLimit], of_last_run: bool) -> GuardDef {
    GuardDef {
        name: "hr rows".into(),
        rule: RuleId(0),
        what: GuardWhat::Rows { source: 0, of_last_run },
        limits: limits.to_vec(),
    }
}

fn of<'p>(plan: &'p Plan, guard: &str) -> Vec<&'p Verdict> {
    plan.header.guards.iter().filter(|v| v.guard == guard).collect()
}

fn facts(v: &Verdict) -> (u64, u64, Option<u64>, bool) {
    (v.count, v.limit, v.base, v.tripped)
}

/// `all` people with an account in `ad`, of whom the first `lose` lose two groups each.
fn losing(all: usize, lose: usize) -> World {
    let mut w = World::new();
    for i in 0..all {
        let id = format!("p{i:04}");
        w.person(&id, "active").account(AD, &[&id, "m"]).holds(&["ad.group(all)"]);
        w.settled(&id);
        if i < lose {
            w.has(&id).holds(&["ad.group(x)", "ad.group(y)"]);
        }
    }
    w
}

#[test]
fn r11_19_a_share_counts_accounts_and_trips_above_its_floor() {
    for (all, lose, tripped) in
        [(100, 5, false), (100, 6, true), (119, 5, false), (119, 6, true), (120, 6, false)]
    {
        let mut w = losing(all, lose);
        w.schema.guards = vec![effects(EffectKind::Revokes, Some(AD), false, &[GuardLimit::Share(500)])];
        let plan = w.plan();
        let (n, base) = (lose as u64, all as u64);
        assert_eq!(facts(of(&plan, "mine")[0]), (n, base / 20, Some(base), tripped), "{lose} of {all}");
        assert_eq!(plan.header.by_action[&prov_plan::ActionKind::Revoke], n * 2);
    }
}

#[test]
fn r11_19_one_is_always_allowed_by_a_share() {
    let mut w = losing(10, 1);
    w.schema.guards = vec![effects(EffectKind::Revokes, Some(AD), false, &[GuardLimit::Share(500)])];
    assert_eq!(facts(of(&w.plan(), "mine")[0]), (1, 1, Some(10), false));
}

#[test]
fn the_most_generous_of_several_limits_counts() {
    let mut w = losing(100, 20);
    let limits = [GuardLimit::Count(20), GuardLimit::People(100)];
    w.schema.guards = vec![effects(EffectKind::Revokes, None, false, &limits)];
    let plan = w.plan();
    let verdict = of(&plan, "mine")[0];
    assert_eq!(
        (facts(verdict), &verdict.limits[..]),
        ((20, 20, Some(100), false), &["20".into(), "1% of people".into()][..])
    );
    w.schema.guards[0].limits[0] = GuardLimit::Count(19);
    assert!(of(&w.plan(), "mine")[0].tripped);
}

#[test]
fn per_app_guards_judge_each_app_for_itself() {
    let mut w = losing(10, 0);
    w.schema.apps[SLACK as usize].mode = Mode::Report;
    w.has("p0001").holds(&["badge.site(hq)"]);
    w.has("p0002").holds(&["badge.site(hq)"]);
    w.schema.guards = vec![effects(EffectKind::Revokes, None, true, &[GuardLimit::Count(1)])];
    let plan = w.plan();
    let apps: Vec<_> = of(&plan, "mine").iter().map(|v| (v.app.clone().unwrap(), v.tripped)).collect();
    assert_eq!(apps, [("ad".into(), false), ("badge".into(), true), ("erp".into(), false)]);
    let badge = of(&plan, "mine")[1];
    assert_eq!(
        (badge.unit.as_str(), badge.base, &badge.hit[..]),
        ("holders", Some(2), &["p0001".into(), "p0002".into()][..])
    );
    let _ = BADGE;
}

#[test]
fn holders_count_only_what_is_managed() {
    let mut w = World::new();
    for i in 0..4 {
        w.has(&format!("{i}")).holds(&["ad.license(x1)", "slack.history(all)"]);
    }
    w.has("0").holds(&["ad.license(e3)"]);
    w.schema.guards = vec![effects(EffectKind::Revokes, None, false, &[GuardLimit::Share(500)])];
    w.person("0", "active");
    assert_eq!(of(&w.plan(), "mine")[0].base, Some(1));
}

#[test]
fn who_is_hit_is_named_up_to_ten_in_order() {
    let mut w = losing(100, 30);
    w.schema.guards = vec![effects(EffectKind::Revokes, None, false, &[GuardLimit::Count(0)])];
    let plan = w.plan();
    let hit: Vec<String> = (0..10).map(|i| format!("p{i:04}")).collect();
    assert_eq!(of(&plan, "mine")[0].hit, hit);
}

#[test]
fn rows_must_not_be_fewer_than_a_share_of_the_last_run() {
    let mut w = World::new();
    w.schema.guards = vec![rows(&[GuardLimit::Share(9_500)], true)];
    w.counts = vec![SourceCount { source: "hr".into(), rows: 949, ..SourceCount::default() }];
    let plan = w.plan();
    let verdict = of(&plan, "hr rows")[0];
    assert_eq!(
        (verdict.tripped, verdict.notice.as_deref()),
        (false, Some("there is no last run to compare with"))
    );
    w.memory.sources.insert("hr".into(), SourceMemory { rows: 1000, ..SourceMemory::default() });
    assert_eq!(facts(of(&w.plan(), "hr rows")[0]), (949, 950, Some(1000), true));
    w.counts[0].rows = 950;
    assert!(!of(&w.plan(), "hr rows")[0].tripped);
}

#[test]
fn rows_may_have_an_absolute_floor() {
    let mut w = World::new();
    w.schema.guards = vec![rows(&[GuardLimit::Count(4)], false)];
    assert_eq!(facts(of(&w.plan(), "hr rows")[0]), (3, 4, None, true));
    w.schema.guards = vec![rows(&[GuardLimit::Count(3)], false)];
    assert!(!of(&w.plan(), "hr rows")[0].tripped);
}

#[test]
fn an_empty_population_trips_always_and_holds_everything() {
    let mut w = World::new();
    w.missing_means_terminated(0);
    w.has("1").account(AD, "ann", true, &[]);
    let plan = w.plan();
    assert!(of(&plan, "population")[0].tripped && !plan.is_empty());
    assert!(plan.actions().all(|a| plan.held_by(a, &[]).is_some_and(|v| v.guard == "population")));
    w.has.clear();
    assert!(!of(&w.plan(), "population")[0].tripped, "nothing is nobody's");
}

#[test]
fn lost_rows_hold_what_the_missing_lose_and_not_what_leavers_lose() {
    let mut w = World::new();
    w.schema.guards = vec![rows(&[GuardLimit::Count(4)], false)];
    w.missing_means_terminated(0);
    w.person("1", "terminated");
    w.person("2", "active").account(AD, &["bob", "m"]);
    w.has("1").account(AD, "ann", true, &[]);
    w.has("9").account(AD, "gone", true, &[]);
    let plan = w.plan();
    for action in plan.actions() {
        let held = plan.held_by(action, &[]).is_some();
        assert_eq!(held, action.identity() != "1", "{}", action.identity());
        assert!(plan.held_by(action, &["hr rows"]).is_none());
    }
}

#[test]
fn a_policy_s_own_leavers_guard_takes_the_place_of_the_built_in() {
    let mut w = World::new();
    for i in 0..3 {
        w.person(&format!("{i}"), "terminated");
        w.has(&format!("{i}")).account(AD, &format!("{i}"), true, &[]).account(
            SLACK,
            &format!("{i}"),
            true,
            &[],
        );
    }
    assert_eq!(facts(of(&w.plan(), "leavers")[0]), (3, 5, Some(3), false));
    let mut own = effects(EffectKind::Leavers, None, false, &[GuardLimit::Count(2)]);
    own.name = "leavers".into();
    w.schema.guards = vec![own];
    let plan = w.plan();
    assert_eq!(of(&plan, "leavers").len(), 1);
    assert_eq!(facts(of(&plan, "leavers")[0]), (3, 2, Some(3), true));
}

#[test]
fn a_guard_that_trips_says_what_and_who_and_what_to_do() {
    let mut w = losing(100, 12);
    w.schema.guards = vec![effects(EffectKind::Revokes, Some(AD), false, &[GuardLimit::Share(500)])];
    let plan = w.plan();
    let diagnostic = of(&plan, "mine")[0].diagnostic().unwrap();
    assert_eq!(diagnostic.message, "guard `mine` tripped in `ad`: 12 of 100 accounts, at most 5");
    assert!(diagnostic.reason.unwrap().ends_with("p0009 …"));
    assert!(diagnostic.help.unwrap().contains("--override mine"));
    assert_eq!(of(&plan, "leavers")[0].diagnostic(), None);
}
