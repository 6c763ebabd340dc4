//! From grants to what is held: spellings, loops, catalogs, forbids, the highest, states and accounts.

use crate::build::{
    AD, BADGE, Build, DOOR, GROUP, GROUPS, JOB, LICENSE, PAIR, PERSON, at, held, person, set,
};
use prov_eval::{Cause, LookupTable, Withheld};
use prov_ir::{EachProgram, ExprKind, GrantValue, Local, StrPart};
use prov_model::Background;
use prov_model::{
    ColumnBuilder, Entitlement, EntitlementIssue, Pattern, RecordId, Table, Type, Value, ValuePattern,
};

#[test]
fn of_several_spellings_the_smallest_by_bytes_is_held() {
    let mut b = Build::new();
    let (x, y, z) = (b.group("sales"), b.group("SALES"), b.group(" Sales"));
    b.always("r", vec![x, y, z]);
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group( Sales)"]);
}

#[test]
fn strings_that_differ_in_case_are_two_entitlements() {
    let mut b = Build::new();
    let (x, y) = (b.str("a"), b.str("A"));
    let (x, y) = (b.door(x), b.door(y));
    b.always("r", vec![x, y]);
    assert_eq!(b.holdings(&[person("1")], "1"), ["badge.door(A)", "badge.door(a)"]);
}

#[test]
fn values_are_joined_and_escaped() {
    let mut b = Build::new();
    let (x, y) = (b.str("a|b"), b.attr("country"));
    let pair = b.grant(AD, PAIR, vec![GrantValue::One(x), GrantValue::One(y)]);
    b.always("r", vec![pair]);
    assert_eq!(b.holdings(&[person("1")], "1"), [r"ad.pair(a\|b|FR)"]);
}

#[test]
fn an_absent_value_grants_nothing_and_each_grants_one_an_element() {
    let mut b = Build::new();
    let (absent, skills, country) = (b.attr("zone"), b.attr("skills"), b.attr("country"));
    let none = b.grant(BADGE, DOOR, vec![GrantValue::One(absent)]);
    let pairs = b.grant(AD, PAIR, vec![GrantValue::Each(skills), GrantValue::One(country)]);
    let broken = b.grant(AD, PAIR, vec![GrantValue::Each(skills), GrantValue::One(absent)]);
    b.always("r", vec![none, pairs, broken]);
    let ann = person("1").with("skills", "go;rust");
    assert_eq!(b.holdings(&[ann], "1"), ["ad.pair(go|FR)", "ad.pair(rust|FR)"]);
    assert_eq!(b.holdings(&[person("1")], "1"), Vec::<String>::new());
}

#[test]
fn loops_bind_their_element_for_filters_values_and_inner_loops() {
    let mut b = Build::new();
    let jobs = b.attr("jobs");
    let job = b.e(ExprKind::Local(Local(0)), Type::Record(JOB));
    let title = b.e(ExprKind::Field(job, 0), Type::Text);
    let cook = b.text("cook");
    let is_cook = b.eq(title, cook);
    let filter = b.bool(ExprKind::Not(is_cook));
    let skills = b.attr("skills");
    let skill = b.e(ExprKind::Local(Local(1)), Type::Text);
    let parts = vec![StrPart::Value(title), StrPart::Text("/".into()), StrPart::Value(skill)];
    let value = b.e(ExprKind::Interpolate(parts), Type::Str);
    let mut grant = b.door(value);
    grant.each = vec![
        EachProgram { local: Local(0), list: jobs, filter: Some(filter) },
        EachProgram { local: Local(1), list: skills, filter: None },
    ];
    let go = b.text("go");
    let same = b.eq(skill, go);
    grant.when = Some(b.bool(ExprKind::Not(same)));
    b.always("r", vec![grant]);
    let ann = person("1")
        .with("jobs", r#"[{"title":"Rep"},{"title":"Cook"},{"title":"Lead"}]"#)
        .with("skills", "go;sql;c");
    let doors = ["Lead/c", "Lead/sql", "Rep/c", "Rep/sql"].map(|d| format!("badge.door({d})"));
    assert_eq!(b.holdings(&[ann], "1"), doors);
}

#[test]
fn a_set_from_a_table_grants_each() {
    let mut b = Build::new();
    let fields = |_| vec![];
    let mut columns =
        [ColumnBuilder::new(&Type::Text, &fields), ColumnBuilder::new(&set(Type::Text), &fields)];
    columns[0].push(&Value::text("sales"));
    columns[1].push(&Value::set(vec![Value::text("crm"), Value::text("quota")]));
    let table =
        Table { columns: columns.map(ColumnBuilder::finish).into(), rows: 1, keys: vec!["sales".into()] };
    b.tables = vec![LookupTable::new(table, &Type::Text)];
    let department = b.attr("department");
    let row = b.e(ExprKind::Lookup(GROUPS, department), Type::Record(RecordId(1)).optional());
    let groups = b.e(ExprKind::Field(row, 1), set(Type::Text).optional());
    let empty = b.e(ExprKind::Const(Value::Set(vec![])), set(Type::Text));
    let groups = b.e(ExprKind::Coalesce(groups, empty), set(Type::Text));
    let grant = b.grant(AD, GROUP, vec![GrantValue::Each(groups)]);
    b.always("r", vec![grant]);
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(crm)", "ad.group(quota)"]);
    assert_eq!(b.holdings(&[person("1").with("department", "x")], "1"), Vec::<String>::new());
}

#[test]
fn the_catalogs_spelling_wins_and_strangers_are_withheld() {
    let mut b = Build::new();
    let (x, y) = (b.group("sales"), b.group("mars"));
    b.always("r", vec![x, y]);
    b.program.schema.apps[0].kinds[0].catalog = true;
    assert_eq!(b.holdings(&[person("1")], "1").len(), 2, "a catalog that was not read allows all");
    b.catalogs.insert((AD, GROUP), vec!["Sales".into(), "SALES".into()]);
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(Sales)"]);
    let desired = b.desired(&[person("1")]);
    let (at, id, issue) = &desired.withheld[0];
    assert_eq!((*at, issue), (0, &EntitlementIssue::NotInCatalog));
    assert_eq!(&*desired.entitlements.get(*id).value, "mars");
}

#[test]
fn forbids_withhold_by_value_pattern_and_condition() {
    let mut b = Build::new();
    let (x, y, l) = (b.group("Admin-1"), b.group("users"), b.license(0));
    b.always("r", vec![x, y, l]);
    let pattern = ValuePattern::Matches(Pattern::glob("ADMIN*", true).expect("a glob"));
    let french = {
        let (a, c) = (b.attr("country"), b.str("FR"));
        b.eq(a, c)
    };
    b.forbid(AD, Some(GROUP), vec![pattern], Some(french));
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(users)", "ad.license(e1)"]);
    let german = [person("1").with("country", "DE")];
    assert_eq!(b.holdings(&german, "1").len(), 3);
    b.forbid(AD, None, vec![], None);
    assert_eq!(b.holdings(&german, "1"), Vec::<String>::new());
    let desired = b.desired(&german);
    assert_eq!(desired.withheld.len(), 3);
    assert!(desired.withheld.iter().all(|(_, _, i)| *i == EntitlementIssue::Forbidden(1)));
}

#[test]
fn a_forbid_that_cannot_be_known_holds_who_was_granted_what_it_speaks_of() {
    let mut b = Build::new();
    let sales = b.in_department("sales");
    let g = b.group("g");
    b.rule("r", Some(sales), vec![g]);
    let manager = b.attr("manager");
    let level = b.e(ExprKind::Field(manager, 4), Type::Int.optional());
    let present = b.bool(ExprKind::IsPresent(level));
    b.forbid(AD, Some(GROUP), vec![], Some(present));
    let boss = person("2").with("level", "x");
    assert_eq!(b.holdings(&[person("1").with("manager", "2"), boss.clone()], "1"), ["held"]);
    let other = person("1").with("manager", "2").with("department", "IT");
    assert_eq!(b.holdings(&[other, boss], "1"), Vec::<String>::new());
}

#[test]
fn the_highest_by_order_of_the_enum_is_held() {
    let mut b = Build::new();
    let (l1, l3, l5) = (b.license(1), b.license(0), b.license(2));
    b.always("r", vec![l1, l3]);
    let sales = b.in_department("it");
    b.rule("top", Some(sales), vec![l5]);
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.license(e3)"]);
    assert_eq!(b.holdings(&[person("1").with("department", "IT")], "1"), ["ad.license(e5)"]);
    // A forbidden one does not win.
    b.forbid(AD, Some(LICENSE), vec![ValuePattern::Exactly("e5".into())], None);
    assert_eq!(b.holdings(&[person("1").with("department", "IT")], "1"), ["ad.license(e3)"]);
    assert!(b.desired(&[person("1")]).withheld.is_empty(), "being outranked is no finding");
}

#[test]
fn numbers_win_by_size_not_by_spelling() {
    let mut b = Build::new();
    b.program.schema.apps[1].kinds[0].types = vec![Type::Int];
    b.program.schema.apps[1].kinds[0].highest_wins = true;
    let (x, y) = (b.int(9), b.int(10));
    let (x, y) = (b.door(x), b.door(y));
    b.always("r", vec![x, y]);
    assert_eq!(b.holdings(&[person("1")], "1"), ["badge.door(10)"]);
}

#[test]
fn who_has_left_holds_nothing_and_who_keeps_has_their_forbids_told() {
    let mut b = Build::new();
    b.lifecycle();
    let g = b.group("g");
    b.always("r", vec![g]);
    let french = {
        let (a, c) = (b.attr("country"), b.str("FR"));
        b.eq(a, c)
    };
    b.forbid(AD, Some(GROUP), vec![ValuePattern::Exactly("other".into())], Some(french));
    b.forbid(BADGE, None, vec![], Some(french));
    let people = [
        person("1").with("status", "terminated"),
        person("2").with("status", "leave"),
        person("3"),
        person("4").with("status", "leave").with("country", "DE"),
    ];
    let desired = b.desired(&people);
    assert_eq!(held(&b.program, &desired, "1"), Vec::<String>::new());
    assert_eq!(held(&b.program, &desired, "2"), ["ad.group(g)"]);
    assert_eq!(desired.active_forbids.into_iter().collect::<Vec<_>>(), [(1, vec![0, 1])]);
}

#[test]
fn who_has_no_account_holds_nothing_there() {
    let mut b = Build::new();
    let sales = b.in_department("sales");
    let country = b.attr("country");
    b.account(AD, Some(sales), vec![("login", country)]);
    let (g, door) = (b.group("g"), b.str("d"));
    let door = b.door(door);
    b.always("r", vec![g, door]);
    let people = [person("1"), person("2").with("department", "IT")];
    assert_eq!(b.holdings(&people, "1"), ["ad.group(g)", "badge.door(d)"]);
    assert_eq!(
        b.holdings(&people, "2"),
        ["badge.door(d)"],
        "an app without accounts gives to people directly"
    );
}

#[test]
fn enabled_is_asked_of_wanted_accounts_only() {
    let mut b = Build::new();
    let country = b.attr("country");
    let account = b.account(AD, None, vec![("login", country)]);
    let enabled = b.level_at_least(5);
    b.program.accounts[account].enabled = Some(enabled);
    let desired = b.desired(&[person("1"), person("2").with("level", "7")]);
    let of = |at: usize| desired.accounts.get(at).iter().map(|a| (a.wanted, a.enabled)).collect::<Vec<_>>();
    assert_eq!((of(0), of(1)), (vec![(true, false)], vec![(true, true)]));
}

#[test]
fn every_entitlement_names_its_causes() {
    let mut b = Build::new();
    let (no, g) = (b.truth(false), b.group("G"));
    let base = b.rule("base", Some(no), vec![g]);
    let (sales, g2) = (b.in_department("sales"), b.group("g"));
    let top = b.rule("top", Some(sales), vec![g2]);
    b.program.rules[top as usize].includes = vec![base];
    let secret = b.group("secret");
    let other = b.always("other", vec![secret]);
    b.forbid(AD, Some(GROUP), vec![ValuePattern::Exactly("secret".into())], None);
    let people = b.people(&[person("1")]);
    let engine = b.engine();
    let one = engine.evaluate_one(&people, (PERSON, 0), &at("2026-03-02"), &Background::default());
    assert_eq!(one.holdings.len(), 1);
    assert_eq!(&*one.holdings[0].entitlement.value, "G");
    assert_eq!(
        one.holdings[0].causes,
        [
            Cause { path: vec![top], grant: 0, args: vec![], assignment: None },
            Cause { path: vec![top, base], grant: 0, args: vec![], assignment: None }
        ]
    );
    assert_eq!(one.withheld[0].withheld, [Withheld::Forbidden(0)]);
    assert_eq!(
        one.withheld[0].causes,
        [Cause { path: vec![other], grant: 0, args: vec![], assignment: None }]
    );
    let secret = Entitlement { app: AD, kind: GROUP, value: "SECRET".into() };
    let causes = engine.causes(&people, (PERSON, 0), &at("2026-03-02"), &Background::default(), &secret);
    assert_eq!(causes.grants, [b.program.rules[other as usize].rule]);
    assert_eq!(causes.withholds, [b.program.schema.forbids[0].rule]);
}

#[test]
fn one_identity_alone_comes_out_as_in_the_whole_run() {
    let mut b = Build::new();
    b.lifecycle();
    let (when, g, l) = (b.level_at_least(3), b.group("g"), b.license(1));
    b.rule("r", Some(when), vec![g, l]);
    let country = b.attr("country");
    b.account(AD, None, vec![("login", country)]);
    let people = b.people(&[
        person("1").with("level", "3"),
        person("2"),
        person("3").with("level", "x"),
        person("4").with("status", "terminated").with("level", "9"),
    ]);
    let (engine, when) = (b.engine(), at("2026-03-02"));
    let desired = engine.evaluate(&people, &when, &Background::default(), Some(1));
    for at in 0..4 {
        let one = engine.evaluate_one(&people, (PERSON, at as u32), &when, &Background::default());
        let ids: Vec<Entitlement> = one.holdings.iter().map(|c| c.entitlement.clone()).collect();
        let all: Vec<Entitlement> =
            desired.holdings.get(at).iter().map(|e| desired.entitlements.get(*e).clone()).collect();
        assert_eq!(ids, all, "{at}");
        assert_eq!(one.accounts, desired.accounts.get(at), "{at}");
        assert_eq!(one.hold.is_some(), desired.flags[at].held, "{at}");
        assert_eq!(one.state.unwrap_or(u32::MAX), desired.states[at], "{at}");
    }
}
