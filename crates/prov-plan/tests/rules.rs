//! One test a rule of the language's reference about plans, named after it.

mod common;

use common::{AD, BADGE, ERP, SLACK, World, account, brief, day, days, found};
use prov_model::{AppId, Duration, EntitlementIssue, HoldReason, Mode, Rejection, Since, VerbDef, VerbKind};
use prov_plan::{FindingKind, Plan, apply_to, memory_after, verify_order};

const NONE: [&str; 0] = [];

fn ann(w: &mut World) {
    w.person("1", "active")
        .account(AD, &["ann", "ann@x"])
        .account(SLACK, &["ann@x"])
        .holds(&["ad.group(all)", "slack.channel(general)"]);
}

fn index(plan: &Plan, what: &str) -> usize {
    brief(plan)
        .iter()
        .position(|a| a.starts_with(what))
        .unwrap_or_else(|| panic!("{what} in {:#?}", brief(plan)))
}

#[test]
fn r7_1_ids_say_what_is_done_and_not_why_or_when() {
    let mut w = World::new();
    ann(&mut w);
    let first = w.plan();
    let mut later = w.clone();
    later.today = day("2027-01-01");
    later.schema.rules[0].name = "renamed".into();
    let ids = |p: &Plan| p.actions().map(|a| a.id().to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&later.plan()));
    assert!(ids(&first).iter().all(|id| id.len() == 20));
    w.want.get_mut("1").unwrap().holds[0] = "ad.group(other)".into();
    assert_ne!(ids(&first), ids(&w.plan()));
}

#[test]
fn r7_1_risk_is_the_greatest_of_rule_and_kind() {
    let mut w = World::new();
    ann(&mut w);
    w.schema.rules[0].severity = Some(prov_model::Severity::Low);
    w.schema.apps[0].kinds[0].severity = Some(prov_model::Severity::Critical);
    let plan = w.plan();
    let risks: Vec<_> = plan.actions().map(|a| a.risk().map(|r| format!("{r:?}"))).collect();
    assert_eq!(risks, [None, None, Some("Critical".into()), Some("Low".into())]);
}

#[test]
fn r7_2_an_account_comes_before_its_grants_and_after_the_one_it_comes_from() {
    let mut w = World::new();
    ann(&mut w);
    let plan = w.plan();
    assert_eq!(
        brief(&plan),
        [
            "create_account 1 ad ann",
            "create_account 1 slack ann@x",
            "grant 1 ad.group(all) ann",
            "grant 1 slack.channel(general) ann@x",
        ]
    );
    let after: Vec<Vec<usize>> = plan.actions().map(|a| a.after().map(|b| b.index()).collect()).collect();
    assert_eq!(after, [vec![], vec![0], vec![0], vec![1]]);
    verify_order(&plan, &w.schema).unwrap();
}

#[test]
fn r7_2_a_move_grants_before_it_revokes() {
    let mut w = World::new();
    ann(&mut w);
    w.settled("1");
    w.want.get_mut("1").unwrap().holds[0] = "ad.group(new)".into();
    let plan = w.plan();
    assert_eq!(brief(&plan), ["grant 1 ad.group(new) ann", "revoke 1 ad.group(all) ann"]);
    assert_eq!(plan.action(1).unwrap().after().map(|a| a.index()).collect::<Vec<_>>(), [0]);
}

#[test]
fn r7_2_with_many_grants_each_revoke_still_waits_for_all_and_lists_stay_short() {
    let mut w = World::new();
    ann(&mut w);
    w.settled("1");
    let (want, has) = (w.want.get_mut("1").unwrap(), w.has.get_mut("1").unwrap());
    want.holds = (0..20).map(|i| format!("ad.group(new{i})")).collect();
    has.holds = (0..20).map(|i| format!("ad.group(old{i})")).collect();
    let plan = w.plan();
    verify_order(&plan, &w.schema).unwrap();
    assert_eq!(plan.len(), 40);
    assert!(plan.actions().map(|a| a.after().len()).sum::<usize>() < 60);
}

#[test]
fn r7_2_revoke_before_disable_before_delete_and_dependents_are_deleted_first() {
    let mut w = World::new();
    ann(&mut w);
    w.settled("1");
    w.state("suspended").verbs.push(VerbDef { kind: VerbKind::DeleteAccounts, apps: vec![], after: None });
    w.want.get_mut("1").unwrap().state = 1;
    let plan = w.plan();
    verify_order(&plan, &w.schema).unwrap();
    assert!(index(&plan, "revoke 1 ad") < index(&plan, "delete_account 1 ad"));
    assert!(index(&plan, "delete_account 1 slack") < index(&plan, "delete_account 1 ad"));
    w.want.get_mut("1").unwrap().state = 3;
    w.want.get_mut("1").unwrap().accounts.get_mut(&AD).unwrap().wanted = false;
    w.want.get_mut("1").unwrap().accounts.get_mut(&SLACK).unwrap().wanted = false;
    let plan = w.plan();
    assert!(index(&plan, "revoke 1 ad") < index(&plan, "disable_account 1 ad"));
    verify_order(&plan, &w.schema).unwrap();
}

#[test]
fn r7_2_and_7_4_leavers_come_first_disables_and_kills_before_the_rest_of_their_lane() {
    let mut w = World::new();
    ann(&mut w);
    for id in ["5", "9"] {
        w.person(id, "terminated").holds(&["ad.group(all)"]);
        w.has(id).account(AD, id, true, &[id, "m"]).account(SLACK, id, true, &[id]).holds(&["ad.group(all)"]);
    }
    let plan = w.plan();
    let lane: Vec<String> = brief(&plan).into_iter().take(10).collect();
    assert_eq!(
        lane,
        [
            "disable_account 5 ad 5",
            "disable_account 5 slack 5",
            "kill_sessions 5 ad 5",
            "kill_sessions 5 slack 5",
            "disable_account 9 ad 9",
            "disable_account 9 slack 9",
            "kill_sessions 9 ad 9",
            "kill_sessions 9 slack 9",
            "revoke 5 ad.group(all) 5",
            "revoke 9 ad.group(all) 9",
        ]
    );
    assert!(
        plan.actions().take(10).all(|a| a.is_leaver()) && plan.actions().skip(10).all(|a| !a.is_leaver())
    );
    verify_order(&plan, &w.schema).unwrap();
}

#[test]
fn r7_4_a_leaver_is_disabled_in_every_account_also_drifted_ones() {
    let mut w = World::new();
    w.person("1", "terminated");
    w.has("1").account(AD, "ann", true, &[]).account(AD, "ann-admin", true, &[]).holds(&["badge.site(hq)"]);
    let plan = w.plan();
    assert_eq!(
        brief(&plan),
        [
            "disable_account 1 ad ann",
            "disable_account 1 ad ann-admin",
            "kill_sessions 1 ad",
            "kill_sessions 1 badge",
            "revoke 1 badge.site(hq)",
        ]
    );
    assert_eq!(plan.action(0).unwrap().because()[0].rule, "person.terminated");
    assert_eq!(found(&plan), NONE);
}

#[test]
fn r7_4_a_leaver_is_disabled_at_once_even_where_the_policy_forgets_to_say_so() {
    let mut w = World::new();
    w.state("terminated").verbs.clear();
    w.person("1", "terminated").account(AD, &["ann", "m"]).holds(&["ad.group(all)"]);
    w.has("1").account(AD, "ann", true, &["ann", "m"]).holds(&["ad.group(all)"]);
    assert_eq!(
        brief(&w.plan()),
        ["disable_account 1 ad ann", "kill_sessions 1 ad ann", "revoke 1 ad.group(all) ann"]
    );
}

#[test]
fn r7_4_a_leaver_never_gets_an_account() {
    let mut w = World::new();
    w.person("1", "terminated").account(AD, &["ann", "m"]).holds(&["ad.group(all)", "badge.site(hq)"]);
    assert_eq!(brief(&w.plan()), NONE);
}

#[test]
fn r7_4_sessions_are_killed_only_where_this_plan_takes_something() {
    let mut w = World::new();
    w.person("1", "terminated");
    w.has("1").account(AD, "ann", false, &["ann", "m"]);
    assert_eq!(brief(&w.plan()), NONE);
    w.memory.states.insert("1".into(), Since { state: "terminated".into(), since: day("2025-01-01") });
    assert_eq!(brief(&w.plan()), ["kill_sessions 1 ad ann", "delete_account 1 ad ann"]);
}

#[test]
fn r7_5_states_with_waiting_verbs_are_remembered_from_the_first_day() {
    let mut w = World::new();
    w.person("1", "terminated");
    w.person("2", "active");
    w.has("gone").holds(&["badge.site(hq)"]);
    let (desired, actual) = (w.desired(), w.actual());
    let first = memory_after(&w.schema, &desired, &actual, &w.memory, &w.plan());
    assert_eq!(first.states.keys().collect::<Vec<_>>(), ["1"]);
    assert_eq!(first.states["1"].since, w.today);
    assert_eq!(first.missing["gone"], w.today);
    assert_eq!(first.sources["hr"].rows, 3);
    w.memory = first.clone();
    w.today = w.today.plus(days(10));
    w.person("gone", "active");
    let second = memory_after(&w.schema, &w.desired(), &actual, &w.memory, &w.plan());
    assert_eq!(second.states, first.states, "the clock goes on");
    assert!(second.missing.is_empty(), "who is back is not missing");
    w.want.get_mut("1").unwrap().state = 3;
    assert!(memory_after(&w.schema, &w.desired(), &actual, &second, &w.plan()).states.is_empty());
}

#[test]
fn r7_5_who_is_held_keeps_the_clock_of_their_state() {
    let mut w = World::new();
    let since = Since { state: "terminated".into(), since: day("2026-01-01") };
    w.memory.states.insert("1".into(), since.clone());
    let want = w.person("1", "active");
    (want.held, want.state) = (true, u32::MAX);
    let after = memory_after(&w.schema, &w.desired(), &w.actual(), &w.memory, &w.plan());
    assert_eq!(after.states["1"], since);
}

#[test]
fn r11_1_several_accounts_of_one_person_are_a_finding_and_nothing_is_touched() {
    let mut w = World::new();
    ann(&mut w);
    w.has("1").account(AD, "ann", true, &["ann", "m"]).account(AD, "ann2", true, &[]);
    let plan = w.plan();
    assert_eq!(brief(&plan), ["create_account 1 slack ann@x", "grant 1 slack.channel(general) ann@x"]);
    assert_eq!(found(&plan), ["conflict 1 2 accounts in `ad`; which of them counts is not clear"]);
}

#[test]
fn r11_1_a_name_that_somebody_has_or_two_want_is_given_to_nobody() {
    let mut w = World::new();
    ann(&mut w);
    w.person("2", "active").account(AD, &["bob", "m"]);
    w.person("3", "active").account(AD, &["bob", "m"]);
    w.has("7").account(AD, "ann", false, &[]);
    let plan = w.plan();
    assert_eq!(brief(&plan), NONE, "slack comes from ad");
    assert_eq!(
        found(&plan),
        [
            "conflict 1 account `ann` is that of `7`",
            "conflict 2 account `bob` would also be that of `3`",
            "conflict 3 account `bob` would also be that of `2`",
            "missing 7 in no source since 2026-03-02; held as it is",
        ]
    );
    w.has.clear();
    w.want.remove("3");
    w.orphans.push(account(AD, "ann", true, &NONE));
    let plan = w.plan();
    assert_eq!(brief(&plan), ["create_account 2 ad bob"]);
    assert_eq!(found(&plan)[0], "conflict 1 account `ann` exists already and belongs to nobody");
    assert_eq!(found(&plan)[1], "orphan_account - account `ann` in `ad` belongs to nobody");
}

#[test]
fn r11_2_the_state_comes_before_account_when_and_that_before_enabled() {
    let mut w = World::new();
    ann(&mut w);
    w.settled("1");
    // `account when` false: disabled, not deleted; what is held there ends.
    let mut off = w.clone();
    off.want.get_mut("1").unwrap().accounts.get_mut(&SLACK).unwrap().wanted = false;
    assert_eq!(
        brief(&off.plan()),
        ["revoke 1 slack.channel(general) ann@x", "disable_account 1 slack ann@x"]
    );
    // `enabled` false: disabled, access stays.
    let mut disabled = w.clone();
    disabled.want.get_mut("1").unwrap().disabled(SLACK);
    assert_eq!(brief(&disabled.plan()), ["disable_account 1 slack ann@x"]);
    // The state disables though both say otherwise, and enabling again follows.
    let mut suspended = w.clone();
    suspended.want.get_mut("1").unwrap().state = 1;
    let plan = suspended.plan();
    assert_eq!(
        brief(&plan),
        [
            "disable_account 1 ad ann",
            "disable_account 1 slack ann@x",
            "kill_sessions 1 ad ann",
            "kill_sessions 1 slack ann@x",
        ]
    );
    assert!(plan.actions().all(|a| !a.is_leaver()));
    let actual = apply_to(&w.schema, &plan, &w.actual());
    assert_eq!(
        brief(&w.plan_of(&w.desired(), &actual)),
        ["enable_account 1 ad ann", "enable_account 1 slack ann@x"]
    );
}

#[test]
fn r11_2_verbs_take_an_app_s_own_retention() {
    let mut w = World::new();
    w.person("1", "terminated");
    w.has("1").account(AD, "ann", false, &[]).account(SLACK, "ann", false, &[]);
    w.memory.states.insert("1".into(), Since { state: "terminated".into(), since: day("2026-01-31") });
    assert_eq!(brief(&w.plan()), ["kill_sessions 1 slack ann", "delete_account 1 slack ann"]);
    w.today = day("2026-03-01");
    assert_eq!(brief(&w.plan()), NONE, "29 days");
    w.today = day("2026-07-30");
    assert_eq!(brief(&w.plan()).len(), 4, "180 days");
    w.memory.states.get_mut("1").unwrap().state = "leave".into();
    assert_eq!(brief(&w.plan()), NONE, "the clock is that of the state one is in");
}

#[test]
fn r11_2_a_disabled_account_can_be_made() {
    let mut w = World::new();
    w.person("1", "active").account(AD, &["ann", "m"]).disabled(AD);
    let plan = w.plan();
    let enabled = plan.action(0).unwrap().changes().last().unwrap().clone();
    assert_eq!((&*enabled.attribute, enabled.to.as_deref()), ("enabled", Some("false")));
}

#[test]
fn r11_3_who_is_held_is_left_as_they_are() {
    let mut w = World::new();
    ann(&mut w);
    w.has("1").account(AD, "x", true, &["x", "m"]).holds(&["ad.group(old)"]);
    let want = w.want.get_mut("1").unwrap();
    (want.held, want.state) = (true, u32::MAX);
    let plan = w.plan();
    assert_eq!(brief(&plan), NONE);
    assert_eq!(found(&plan), ["held 1 its row was rejected; held as it is"]);
    let mut desired = w.desired();
    desired.holds.insert(0, HoldReason::DependsOn("2".into()));
    let plan = w.plan_of(&desired, &w.actual());
    assert_eq!(found(&plan), ["held 1 its rules read `2`, whose row was rejected; held as it is"]);
}

#[test]
fn r11_3_a_leaver_state_that_is_known_acts_though_the_rest_is_held() {
    let mut w = World::new();
    let want = w.person("1", "terminated");
    (want.held, want.accounts) = (true, Default::default());
    w.has("1").account(AD, "ann", true, &[]).holds(&["ad.group(all)"]);
    let plan = w.plan();
    assert_eq!(brief(&plan)[0], "disable_account 1 ad ann");
    assert_eq!(plan.findings[0].kind, FindingKind::Held);
    // A state that does not end anybody does not act.
    w.want.get_mut("1").unwrap().state = 1;
    assert_eq!(brief(&w.plan()), NONE);
}

#[test]
fn r11_3_who_is_held_loses_what_is_forbidden_for_certain() {
    let mut w = World::new();
    let want = w.person("1", "active");
    (want.held, want.state, want.forbids) = (true, u32::MAX, vec![0]);
    w.has("1").account(ERP, "ann", true, &["ann"]).holds(&[
        "erp.role(PAYMENTS)",
        "erp.role(SALES)",
        "ad.group(x)",
    ]);
    let plan = w.plan();
    assert_eq!(brief(&plan), ["revoke 1 erp.role(PAYMENTS) ann"]);
    assert_eq!(plan.action(0).unwrap().because()[0].rule, "forbid erp.role");
    assert_eq!(found(&plan), ["held 1 its row was rejected; held, but for what is forbidden"]);
}

#[test]
fn r11_13_keep_entitlements_holds_what_is_held_and_what_is_granted_less_forbids() {
    let mut w = World::new();
    w.person("1", "leave").account(AD, &["ann", "m"]).account(ERP, &["ann"]).holds(&["ad.group(new)"]);
    w.has("1").account(AD, "ann", false, &["ann", "m"]).account(ERP, "ann", false, &["ann"]).holds(&[
        "ad.group(old)",
        "erp.role(SALES)",
        "erp.role(PAYMENTS)",
    ]);
    assert_eq!(brief(&w.plan()), ["grant 1 ad.group(new) ann"]);
    w.want.get_mut("1").unwrap().forbids = vec![0];
    let plan = w.plan();
    assert_eq!(brief(&plan), ["grant 1 ad.group(new) ann", "revoke 1 erp.role(PAYMENTS) ann"]);
    let revoke = plan.action(1).unwrap();
    assert_eq!(revoke.because()[0].rule, "forbid erp.role");
    assert_eq!(revoke.risk(), Some(prov_model::Severity::High));
}

#[test]
fn r11_13_drop_entitlements_ends_what_rules_grant() {
    let mut w = World::new();
    w.state("suspended").verbs =
        vec![VerbDef { kind: VerbKind::DropEntitlements, apps: vec![AppId(BADGE)], after: None }];
    w.person("1", "suspended").account(AD, &["ann", "m"]).holds(&["badge.site(hq)", "ad.group(all)"]);
    w.settled("1");
    let plan = w.plan();
    assert_eq!(brief(&plan), ["revoke 1 badge.site(hq)"]);
    assert_eq!(plan.action(0).unwrap().because()[0].rule, "person.suspended");
}

#[test]
fn r11_18_leavers_run_though_other_guards_trip_and_the_lane_has_its_own() {
    let mut w = World::new();
    for i in 0..7 {
        let id = format!("{i}");
        w.person(&id, "terminated");
        w.has(&id).account(AD, &id, true, &[]);
    }
    let plan = w.plan();
    let tripped: Vec<_> = plan.tripped().collect();
    assert_eq!((tripped.len(), tripped[0].guard.as_str()), (1, "leavers"));
    assert_eq!((tripped[0].count, tripped[0].limit, tripped[0].base), (7, 5, Some(7)));
    assert!(plan.actions().all(|a| plan.held_by(a, &[]).is_some()));
    assert!(plan.actions().all(|a| plan.held_by(a, &["leavers"]).is_none()));
    w.want.pop_last();
    w.has.pop_last();
    w.want.pop_last();
    w.has.pop_last();
    assert_eq!(w.plan().tripped().count(), 0, "five are always allowed");
    w.schema.guards = common_guards::disables_at_most(0);
    let plan = w.plan();
    assert_eq!(plan.tripped().map(|v| v.guard.as_str()).collect::<Vec<_>>(), ["disables"]);
    assert!(plan.actions().all(|a| plan.held_by(a, &[]).is_none()), "leavers go on");
}

mod common_guards {
    use prov_model::{EffectKind, GuardDef, GuardLimit, GuardWhat, RuleId};

    pub fn disables_at_most(n: i64) -> Vec<GuardDef> {
        vec![GuardDef {
            name: "disables".into(),
            rule: RuleId(0),
            what: GuardWhat::Effects { effect: EffectKind::Disables, app: None, per_app: false },
            limits: vec![GuardLimit::Count(n)],
        }]
    }
}

#[test]
fn r11_23_absent_from_every_source_is_missing_and_not_a_leaver() {
    let mut w = World::new();
    w.person("2", "active");
    w.has("1").account(AD, "ann", true, &[]).holds(&["ad.group(all)"]);
    let plan = w.plan();
    assert_eq!(brief(&plan), NONE);
    assert_eq!(found(&plan), ["missing 1 in no source since 2026-03-02; held as it is"]);
}

#[test]
fn r11_23_missing_means_a_leaver_state_after_its_time() {
    let mut w = World::new();
    w.person("2", "active");
    w.has("1").account(AD, "ann", true, &[]).holds(&["ad.group(all)"]);
    w.missing_means_terminated(3);
    let plan = w.plan();
    assert_eq!(brief(&plan), NONE);
    assert_eq!(
        found(&plan),
        ["missing 1 in no source since 2026-03-02; held until 2026-03-05, then `terminated`"]
    );
    w.memory.missing.insert("1".into(), day("2026-02-27"));
    let plan = w.plan();
    assert_eq!(
        brief(&plan),
        ["disable_account 1 ad ann", "kill_sessions 1 ad ann", "revoke 1 ad.group(all) ann"]
    );
    let because: Vec<_> = plan.action(0).unwrap().because().iter().map(|b| b.rule.as_str()).collect();
    assert_eq!(because, ["person.terminated", "hr"]);
    let after = memory_after(&w.schema, &w.desired(), &w.actual(), &w.memory, &w.plan());
    assert_eq!(after.missing["1"], day("2026-02-27"));
    assert_eq!(after.states["1"].since, day("2026-03-02"), "three days after it was missed first");
    w.missing_means_terminated(0);
    w.memory.missing.clear();
    assert_eq!(w.plan().len(), 3, "no days is at once");
}

#[test]
fn r11_23_absence_from_a_file_that_is_cut_off_ends_nobody() {
    let mut w = World::new();
    w.person("2", "active");
    w.has("1").account(AD, "ann", true, &[]);
    w.missing_means_terminated(0);
    w.rejections.push(Rejection {
        file: "people.csv".into(),
        line: 9,
        column: None,
        source: "hr".into(),
        identity: None,
        message: "the file ends within a cell".into(),
        code: prov_diag::codes::TRUNCATED.id,
    });
    let plan = w.plan();
    assert_eq!(brief(&plan), NONE);
    assert!(found(&plan).iter().any(|f| f.contains("a file of the source is cut off")), "{:?}", found(&plan));
}

#[test]
fn managed_scope_what_no_pattern_covers_is_counted_and_never_touched() {
    let mut w = World::new();
    for (id, state) in [("1", "active"), ("2", "terminated")] {
        w.person(id, state).account(AD, &[id, "m"]);
        w.has(id).account(AD, id, false, &[id, "m"]).holds(&[
            "ad.license(x1)",
            "ad.license(e3)",
            "slack.history(all)",
        ]);
    }
    let plan = w.plan();
    let revokes: Vec<_> = brief(&plan).into_iter().filter(|a| a.starts_with("revoke")).collect();
    assert_eq!(revokes, ["revoke 2 ad.license(e3) 2", "revoke 1 ad.license(e3) 1"]);
    assert_eq!(
        found(&plan),
        ["unmanaged - `ad.license`: held without a rule 2 times, one value not managed"]
    );
    assert_eq!((plan.findings[0].count, &plan.findings[0].examples), (Some(2), &vec!["x1".to_owned()]));
}

#[test]
fn additive_takes_nothing_but_from_leavers() {
    let mut w = World::new();
    for app in &mut w.schema.apps {
        app.mode = Mode::Additive;
    }
    ann(&mut w);
    w.settled("1");
    let want = w.want.get_mut("1").unwrap();
    want.holds = vec!["ad.group(new)".into()];
    want.accounts.get_mut(&SLACK).unwrap().wanted = false;
    assert_eq!(brief(&w.plan()), ["grant 1 ad.group(new) ann"]);
    w.want.get_mut("1").unwrap().state = 1;
    assert_eq!(brief(&w.plan()), ["grant 1 ad.group(new) ann"]);
    w.want.get_mut("1").unwrap().state = 0;
    assert_eq!(brief(&w.plan()).len(), 6);
}

#[test]
fn report_plans_and_marks_and_no_guard_counts_it() {
    let mut w = World::new();
    w.schema.apps[AD as usize].mode = Mode::Report;
    w.schema.guards = common_guards::disables_at_most(0);
    w.person("1", "terminated");
    w.has("1").account(AD, "ann", true, &[]);
    let plan = w.plan();
    assert_eq!(plan.len(), 2);
    assert!(plan.actions().all(|a| a.is_report()));
    assert_eq!(plan.tripped().count(), 0);
    assert!(apply_to(&w.schema, &plan, &w.actual()).accounts.get(0)[0].enabled);
}

#[test]
fn attributes_are_compared_by_spelling_and_only_where_they_are_known() {
    let mut w = World::new();
    w.person("1", "active").account(AD, &["ann", "Ann@x"]);
    w.has("1").account(AD, "ann", true, &["ann", "ann@x"]);
    let plan = w.plan();
    assert_eq!(brief(&plan), ["update_account 1 ad ann"]);
    let change = &plan.action(0).unwrap().changes()[0];
    assert_eq!((change.from.as_deref(), change.to.as_deref()), (Some("ann@x"), Some("Ann@x")));
    w.has.get_mut("1").unwrap().accounts[0].attributes[1] = None;
    assert_eq!(brief(&w.plan()), NONE);
}

#[test]
fn a_changed_name_is_a_rename_and_what_follows_uses_the_new_one() {
    let mut w = World::new();
    w.person("1", "active").account(AD, &["ann.lee", "m"]).holds(&["ad.group(all)"]);
    w.has("1").account(AD, "ann", false, &["ann", "old"]);
    let plan = w.plan();
    assert_eq!(
        brief(&plan),
        [
            "rename_account 1 ad ann",
            "update_account 1 ad ann.lee",
            "enable_account 1 ad ann.lee",
            "grant 1 ad.group(all) ann.lee",
        ]
    );
    verify_order(&plan, &w.schema).unwrap();
}

#[test]
fn an_account_without_a_name_is_a_finding() {
    let mut w = World::new();
    w.person("1", "active").account(AD, &["", "m"]).account(SLACK, &["s"]);
    let plan = w.plan();
    assert_eq!(brief(&plan), NONE);
    assert_eq!(found(&plan), ["nameless_account 1 the account's name would be empty"]);
}

#[test]
fn text_values_are_one_whatever_their_spelling() {
    let mut w = World::new();
    w.person("1", "active").account(AD, &["ann", "m"]).holds(&["ad.group(All-Staff)"]);
    w.has("1").account(AD, "ann", true, &["ann", "m"]).holds(&["ad.group(ALL-staff )"]);
    assert_eq!(brief(&w.plan()), NONE);
}

#[test]
fn withheld_grants_are_findings_with_the_reason() {
    let mut w = World::new();
    let want = w.person("1", "active").account(AD, &["ann", "m"]).account(ERP, &["ann"]);
    want.withheld = vec![
        ("erp.role(PAYMENTS)".into(), EntitlementIssue::Forbidden(0)),
        ("erp.role(TYPO)".into(), EntitlementIssue::NotInCatalog),
    ];
    w.settled("1");
    w.has("1").holds(&["erp.role(PAYMENTS)"]);
    let plan = w.plan();
    assert_eq!(
        found(&plan),
        [
            "withheld 1 `erp.role(PAYMENTS)` is forbidden: SOX-12",
            "withheld 1 `erp.role(TYPO)` is not in its catalog",
        ]
    );
    assert_eq!(plan.findings[0].because[0].rule, "forbid erp.role");
    assert_eq!(plan.action(0).unwrap().because()[0].rule, "forbid erp.role", "the revoke says so too");
}

#[test]
fn a_month_after_the_end_of_january_is_the_end_of_february() {
    let mut w = World::new();
    let verbs = &mut w.state("terminated").verbs;
    verbs.retain(|v| v.kind != VerbKind::DeleteAccounts);
    verbs.push(VerbDef {
        kind: VerbKind::DeleteAccounts,
        apps: vec![],
        after: Some(Duration { months: 1, days: 0 }),
    });
    w.person("1", "terminated");
    w.has("1").account(AD, "ann", false, &[]);
    w.memory.states.insert("1".into(), Since { state: "terminated".into(), since: day("2026-01-31") });
    w.today = day("2026-02-27");
    assert_eq!(brief(&w.plan()), NONE);
    w.today = day("2026-02-28");
    assert_eq!(brief(&w.plan()).len(), 2);
}
