//! `has`, accounts that read accounts, and what reads what.

use crate::build::{AD, BADGE, Build, DOOR, GROUP, LICENSE, person};
use prov_ir::{ExprId, ExprKind, Node};
use prov_model::{AppId, KindId, Type};

fn has(b: &mut Build, app: AppId, kind: KindId, value: Option<&str>) -> ExprId {
    let args = value.map(|v| vec![if kind == GROUP && app == AD { b.text(v) } else { b.str(v) }]);
    b.bool(ExprKind::HasEntitlement(app, kind, args))
}

fn has_role(b: &mut Build, rule: u32) -> ExprId {
    b.bool(ExprKind::HasRole(rule))
}

#[test]
fn included_roles_are_had_and_bring_their_grants_without_their_own_when() {
    let mut b = Build::new();
    let (no, g1) = (b.truth(false), b.group("base"));
    let base = b.rule("base", Some(no), vec![g1]);
    let g2 = b.group("middle");
    let middle = b.rule("middle", None, vec![g2]);
    b.program.rules[middle as usize].includes = vec![base];
    let (sales, g3) = (b.in_department("sales"), b.group("top"));
    let top = b.rule("top", Some(sales), vec![g3]);
    b.program.rules[top as usize].includes = vec![middle];
    let (asks, door) = (has_role(&mut b, base), b.str("d"));
    let door = b.door(door);
    b.rule("asks", Some(asks), vec![door]);
    b.program.strata = [2, 1, 0, 3].map(|r| vec![Node::Rule(r)]).to_vec();
    let all = ["ad.group(base)", "ad.group(middle)", "ad.group(top)", "badge.door(d)"];
    assert_eq!(b.holdings(&[person("1")], "1"), all);
    assert_eq!(b.holdings(&[person("1").with("department", "IT")], "1"), Vec::<String>::new());
}

#[test]
fn has_reads_what_is_held_after_forbids() {
    let mut b = Build::new();
    let (g, door) = (b.group("Secret"), b.str("d"));
    b.always("gives", vec![g]);
    let asks = has(&mut b, AD, GROUP, Some("SECRET"));
    let door = b.door(door);
    b.rule("asks", Some(asks), vec![door]);
    b.program.kinds = vec![(AD, GROUP, Some("secret".into())), (AD, GROUP, None), (BADGE, DOOR, None)];
    b.program.strata =
        [Node::Rule(0), Node::Kind(0), Node::Kind(1), Node::Rule(1), Node::Kind(2)].map(|n| vec![n]).to_vec();
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(Secret)", "badge.door(d)"]);
    b.forbid(AD, Some(GROUP), vec![prov_model::ValuePattern::Exactly("secret".into())], None);
    assert_eq!(b.holdings(&[person("1")], "1"), Vec::<String>::new());
}

#[test]
fn a_step_of_one_value_leaves_the_others_for_later() {
    // `b` is forbidden for who holds `a`; `a` is settled first, `b` after it.
    let mut b = Build::new();
    let (ga, gb) = (b.group("a"), b.group("b"));
    b.always("gives", vec![ga, gb]);
    let holds_a = has(&mut b, AD, GROUP, Some("a"));
    b.forbid(AD, Some(GROUP), vec![prov_model::ValuePattern::Exactly("b".into())], Some(holds_a));
    let any = has(&mut b, AD, GROUP, None);
    let holds_b = has(&mut b, AD, GROUP, Some("b"));
    let (x, y) = (b.str("any"), b.str("b"));
    let (x, y) = (b.door(x), b.door(y));
    b.rule("any", Some(any), vec![x]);
    b.rule("b", Some(holds_b), vec![y]);
    b.program.kinds = vec![(AD, GROUP, Some("a".into())), (AD, GROUP, Some("b".into())), (AD, GROUP, None)];
    b.program.strata =
        [Node::Rule(0), Node::Kind(0), Node::Kind(1), Node::Kind(2), Node::Rule(1), Node::Rule(2)]
            .map(|n| vec![n])
            .to_vec();
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(a)", "badge.door(any)"]);
}

#[test]
fn a_positive_circle_settles_from_nothing() {
    let mut b = Build::new();
    // Two roles that ask for each other hold for no one by themselves.
    let (ask1, g0) = (has_role(&mut b, 1), b.group("zero"));
    b.rule("zero", Some(ask1), vec![g0]);
    let sales = b.in_department("sales");
    let ask0 = has_role(&mut b, 0);
    let (either, g1) = (b.bool(ExprKind::Or(vec![ask0, sales])), b.group("one"));
    b.rule("one", Some(either), vec![g1]);
    b.program.strata = vec![vec![Node::Rule(0), Node::Rule(1)]];
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(one)", "ad.group(zero)"]);
    assert_eq!(b.holdings(&[person("1").with("department", "IT")], "1"), Vec::<String>::new());
}

#[test]
fn a_circle_through_an_entitlement_settles_too() {
    let mut b = Build::new();
    let has_key = has(&mut b, BADGE, DOOR, Some("key"));
    let room = b.str("room");
    let room = b.door(room);
    b.rule("room", Some(has_key), vec![room]);
    let has_room = has(&mut b, BADGE, DOOR, Some("room"));
    let sales = b.in_department("sales");
    let either = b.bool(ExprKind::Or(vec![has_room, sales]));
    let key = b.str("key");
    let key = b.door(key);
    b.rule("key", Some(either), vec![key]);
    b.program.kinds = vec![(BADGE, DOOR, None)];
    b.program.strata = vec![vec![Node::Rule(0), Node::Rule(1), Node::Kind(0)]];
    assert_eq!(b.holdings(&[person("1")], "1"), ["badge.door(key)", "badge.door(room)"]);
    assert_eq!(b.holdings(&[person("1").with("department", "IT")], "1"), Vec::<String>::new());
}

#[test]
fn what_the_strata_leave_out_is_evaluated_all_the_same() {
    let mut b = Build::new();
    let g = b.group("g");
    let first = b.always("first", vec![g]);
    let (ask, door) = (has_role(&mut b, first), b.str("d"));
    let door = b.door(door);
    b.rule("second", Some(ask), vec![door]);
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(g)", "badge.door(d)"]);
}

#[test]
fn a_computed_value_is_found_by_has() {
    let mut b = Build::new();
    let country = b.attr("country");
    let lower = b.e(ExprKind::Call(prov_model::Builtin::Lower, vec![country]), Type::Str);
    let door = b.door(lower);
    b.always("doors", vec![door]);
    let asks = has(&mut b, BADGE, DOOR, Some("fr"));
    let g = b.group("french");
    b.rule("french", Some(asks), vec![g]);
    b.program.kinds = vec![(BADGE, DOOR, Some("fr".into())), (BADGE, DOOR, None)];
    b.program.strata = [Node::Rule(0), Node::Kind(0), Node::Kind(1), Node::Rule(1)].map(|n| vec![n]).to_vec();
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.group(french)", "badge.door(fr)"]);
    assert_eq!(b.holdings(&[person("1").with("country", "DE")], "1"), ["badge.door(de)"]);
}

#[test]
fn a_computed_value_with_a_step_of_its_own_is_left_to_it() {
    // The grant computes `b`; the step of `a` comes before that of `b`, whose forbid asks for `a`.
    let mut b = Build::new();
    let (skills, ga) = (b.attr("skills"), b.group("a"));
    let each = b.grant(AD, GROUP, vec![prov_ir::GrantValue::Each(skills)]);
    b.always("gives", vec![ga, each]);
    let holds_a = has(&mut b, AD, GROUP, Some("a"));
    b.forbid(AD, Some(GROUP), vec![prov_model::ValuePattern::Exactly("b".into())], Some(holds_a));
    let holds_b = has(&mut b, AD, GROUP, Some("b"));
    let door = b.str("b");
    let door = b.door(door);
    b.rule("b", Some(holds_b), vec![door]);
    b.program.kinds = vec![(AD, GROUP, Some("a".into())), (AD, GROUP, Some("b".into())), (AD, GROUP, None)];
    b.program.strata =
        [Node::Rule(0), Node::Kind(0), Node::Kind(1), Node::Kind(2), Node::Rule(1)].map(|n| vec![n]).to_vec();
    assert_eq!(b.holdings(&[person("1").with("skills", "B;c")], "1"), ["ad.group(a)", "ad.group(c)"]);
}

#[test]
fn the_highest_wins_before_has_reads_it() {
    let mut b = Build::new();
    let (l1, l2) = (b.license(0), b.license(2));
    b.always("l", vec![l1, l2]);
    let ty = Type::Enum(prov_model::EnumId(2));
    let low = b.e(ExprKind::Const(prov_model::Value::Enum(0)), ty);
    let asks = b.bool(ExprKind::HasEntitlement(AD, LICENSE, Some(vec![low])));
    let g = b.group("low");
    b.rule("low", Some(asks), vec![g]);
    b.program.kinds = vec![(AD, LICENSE, None)];
    b.program.strata = [Node::Rule(0), Node::Kind(0), Node::Rule(1)].map(|n| vec![n]).to_vec();
    assert_eq!(b.holdings(&[person("1")], "1"), ["ad.license(e5)"]);
}

#[test]
fn an_account_from_another_needs_that_one() {
    let mut b = Build::new();
    let sales = b.in_department("sales");
    let country = b.attr("country");
    b.account(AD, Some(sales), vec![("login", country)]);
    let login = b.e(ExprKind::AccountAttr(AD, 0), Type::Str.optional());
    b.account(BADGE, None, vec![("card", login)]);
    b.program.schema.apps[1].account.as_mut().expect("there").from = Some(AD);
    let door = b.str("d");
    let door = b.door(door);
    b.always("doors", vec![door]);
    b.program.strata = vec![vec![Node::Account(0)], vec![Node::Account(1)], vec![Node::Rule(0)]];
    let desired = b.desired(&[person("1"), person("2").with("department", "IT")]);
    let accounts = |at: usize| -> Vec<(bool, String)> {
        let list = desired.accounts.get(at);
        list.iter().map(|a| (a.wanted, a.attributes.join(","))).collect()
    };
    assert_eq!(accounts(0), [(true, "FR".into()), (true, "FR".into())]);
    assert_eq!(accounts(1), [(false, String::new()), (false, String::new())]);
    assert_eq!(
        crate::build::held(&b.program, &desired, "2"),
        Vec::<String>::new(),
        "no account, nothing held"
    );
}
