//! What a plan looks like: as people and as scripts read it. Snapshots hold the whole output.

mod common;

use common::{AD, ERP, SLACK, World, account, jsonl};
use prov_model::{
    EffectKind, EntitlementIssue, GuardDef, GuardLimit, GuardWhat, Mode, Rejection, RuleId, Severity,
};
use prov_plan::human::{Grouping, HumanOptions};
use prov_plan::{Plan, PlanError, csv, human};

/// A little of everything.
fn company() -> World {
    let mut w = World::new();
    w.schema.rules[0].severity = Some(Severity::High);
    w.schema.apps[1].mode = Mode::Report;
    w.schema.guards = vec![GuardDef {
        name: "revokes".into(),
        rule: RuleId(0),
        what: GuardWhat::Effects { effect: EffectKind::Revokes, app: None, per_app: true },
        limits: vec![GuardLimit::Count(0), GuardLimit::Share(500)],
    }];
    w.person("1001", "active")
        .account(AD, &["jdupont", "j.dupont@acme.example"])
        .account(SLACK, &["j.dupont@acme.example"])
        .holds(&["ad.group(All-Staff)", "badge.site(hq)", "slack.channel(general)"]);
    w.person("1002", "active")
        .account(AD, &["ann.lee", "ann.lee@acme.example"])
        .holds(&["ad.group(日本チーム)"]);
    w.has("1002").account(AD, "alee", false, &["alee", "alee@acme.example"]).holds(&[
        "ad.group(old)",
        "ad.license(x9)",
        "erp.role(SALES)",
    ]);
    let bob = w.person("1003", "active").account(AD, &["bob", "b@x"]).account(ERP, &["bob"]);
    bob.withheld = vec![("erp.role(PAYMENTS)".into(), EntitlementIssue::Forbidden(0))];
    w.settled("1003");
    w.has("1003").holds(&["erp.role(PAYMENTS)", "ad.license(x9)"]);
    w.person("1004", "terminated");
    w.has("1004")
        .account(AD, "tom", true, &[])
        .account(SLACK, "tom", true, &[])
        .holds(&["ad.group(All-Staff)"]);
    w.has("1005").account(AD, "gone", true, &[]);
    w.person("1006", "active").account(AD, &["bob", "b@x"]);
    let held = w.person("1007", "active");
    (held.held, held.state) = (true, u32::MAX);
    w.orphans.push(account(AD, "svc-backup", true, &[""; 0]));
    w.rejections.push(Rejection {
        file: "people.csv".into(),
        line: 8,
        column: Some("start".into()),
        source: "hr".into(),
        identity: Some("1007".into()),
        message: "`32.01.2026` is not a date".into(),
        code: "P0602",
    });
    w
}

fn shown(plan: &Plan, options: HumanOptions) -> String {
    let mut out = Vec::new();
    human::write(plan, &options, &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("text is UTF-8")
}

#[test]
fn human_by_identity() {
    insta::assert_snapshot!(shown(&company().plan(), HumanOptions::default()));
}

#[test]
fn human_by_app() {
    insta::assert_snapshot!(shown(
        &company().plan(),
        HumanOptions { by: Grouping::App, ..HumanOptions::default() }
    ));
}

#[test]
fn human_with_nothing_to_do() {
    insta::assert_snapshot!(shown(&World::new().plan(), HumanOptions::default()));
}

#[test]
fn json_lines() {
    insta::assert_snapshot!(jsonl(&company().plan()));
}

#[test]
fn csv_rows() {
    let mut w = company();
    w.want.get_mut("1001").unwrap().holds.push("ad.group(=cmd|' /C calc'!A0)".into());
    w.want.get_mut("1001").unwrap().holds.push("ad.group(a, \"b\")".into());
    let mut out = Vec::new();
    csv::write(&w.plan(), &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn colour_is_only_added_and_only_when_asked_for() {
    let plan = company().plan();
    let plain = shown(&plan, HumanOptions::default());
    let colored = shown(&plan, HumanOptions { color: true, ..HumanOptions::default() });
    assert!(!plain.contains('\x1b') && colored.contains('\x1b'));
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
}

#[test]
fn data_can_not_steer_the_terminal() {
    let mut w = World::new();
    w.person("1\x1b[2J", "active").account(AD, &["ann\r", "m\u{202e}"]).holds(&["ad.group(x\ny)"]);
    let text = shown(&w.plan(), HumanOptions::default());
    assert!(!text.contains(['\x1b', '\r', '\u{202e}']), "{text:?}");
    assert!(text.contains(r"ad.group(x\ny)"), "{text}");
}

#[test]
fn many_people_are_cut_and_counted() {
    let mut w = World::new();
    for i in 0..1_300 {
        w.person(&format!("p{i:04}"), if i < 3 { "terminated" } else { "active" })
            .account(AD, &[&format!("u{i}"), "m"]);
    }
    for i in 0..3 {
        w.has(&format!("p{i:04}")).account(AD, "x", true, &[]);
    }
    let plan = w.plan();
    let text = shown(&plan, HumanOptions { limit: 5, ..HumanOptions::default() });
    assert!(text.contains("… and 1,295 more (use --all or --out)"), "{text}");
    assert!(text.contains("Leavers (3 identities)") && text.contains("Changes (1,297 identities)"), "{text}");
    assert_eq!(text.lines().filter(|l| l.starts_with("  p0")).count(), 5);
    assert!(text.ends_with("1,303 actions for 1,300 identities: 1,297 accounts to create, 3 accounts to disable and 3 kills of sessions\n"), "{text}");
    let all = shown(&plan, HumanOptions { limit: usize::MAX, ..HumanOptions::default() });
    assert_eq!(all.lines().filter(|l| l.starts_with("  p")).count(), 1_300);
}

#[test]
fn a_plan_that_is_not_whole_or_was_changed_is_refused() {
    let text = jsonl(&company().plan());
    let error = |text: &str| Plan::from_jsonl(text.as_bytes()).unwrap_err();
    let lines: Vec<&str> = text.lines().collect();
    let cut = lines[..6].join("\n");
    assert!(
        matches!(error(&cut), PlanError::Incomplete { what: "actions", found: 5, .. }),
        "{}",
        error(&cut)
    );
    let said = |text: &str| error(text).to_string();
    assert_eq!(said(""), "line 1 of the plan is missing: the file is empty");
    assert_eq!(said("{}"), "line 1 of the plan is not the header of a plan");
    assert_eq!(
        said("{\"type\":\"plan\",\"version\":7}"),
        "the plan has version 7; this build reads version 1"
    );
    assert!(said("id,action").starts_with("line 1 of the plan can't be read: "), "{}", said("id,action"));
    let edited = text.replacen("\"account\":\"tom\"", "\"account\":\"ann\"", 1);
    assert!(said(&edited).contains("was changed: its id"), "{}", said(&edited));
    let twice = text.replacen(lines[1], &format!("{}\n{}", lines[1], lines[1]), 1);
    assert!(said(&twice).contains("repeats the action"), "{}", said(&twice));
    let id = &lines[1][7..27];
    let unknown = text.replacen(&format!("\"after\":[\"{id}\""), "\"after\":[\"00000000000000000000\"", 1);
    assert!(said(&unknown).contains("which does not stand before it"), "{}", said(&unknown));
    let diagnostic = error(&cut).diagnostic("plan.jsonl");
    assert_eq!((diagnostic.code.id, diagnostic.place.unwrap().file.as_str()), ("P0702", "plan.jsonl"));
}
