//! What can't be known holds an identity as it is, and nothing more.

use crate::build::{ACTIVE, AD, Build, PERSON, at, held, person};
use prov_eval::build_population;
use prov_ir::{ExprId, ExprKind};
use prov_model::Background;
use prov_model::{HoldReason, Type};

fn desired_flags(b: &Build, people: &[crate::build::Person], id: &str) -> (bool, Option<HoldReason>) {
    let desired = b.desired(people);
    let at = desired.position(id).expect("a person");
    (desired.flags[at].held, desired.holds.get(&(at as u32)).cloned())
}

/// `manager is present and manager.level >= 5`, where the manager's level may be broken.
fn manager_is_high(b: &mut Build) -> ExprId {
    let manager = b.attr("manager");
    let present = b.bool(ExprKind::IsPresent(manager));
    let level = b.e(ExprKind::Field(manager, 4), Type::Int.optional());
    let known = b.bool(ExprKind::IsPresent(level));
    let five = b.int(5);
    let high = b.compare(prov_model::CompareOp::Ge, level, five);
    b.bool(ExprKind::And(vec![present, known, high]))
}

fn two() -> [crate::build::Person; 2] {
    [person("1").with("manager", "2"), person("2").with("level", "five")]
}

#[test]
fn a_rejected_row_holds_its_identity() {
    let mut b = Build::new();
    let (when, grant) = (b.level_at_least(5), b.group("high"));
    b.rule("high", Some(when), vec![grant]);
    let people = two();
    assert_eq!(desired_flags(&b, &people, "2"), (true, Some(HoldReason::Rejected)));
    assert_eq!(b.holdings(&people, "1"), Vec::<String>::new());
    let desired = b.desired(&people);
    let at = desired.position("2").expect("there");
    assert!(desired.accounts.get(at).is_empty(), "nothing is decided for who is held");
}

#[test]
fn a_result_that_reads_a_broken_record_of_another_is_held() {
    let mut b = Build::new();
    let (when, grant) = (manager_is_high(&mut b), b.group("high"));
    b.rule("high", Some(when), vec![grant]);
    assert_eq!(desired_flags(&b, &two(), "1"), (true, Some(HoldReason::DependsOn("2".into()))));
}

#[test]
fn a_true_side_of_or_decides_whatever_the_other() {
    let mut b = Build::new();
    let (unknown, sales) = (manager_is_high(&mut b), b.in_department("sales"));
    let either = b.bool(ExprKind::Or(vec![unknown, sales]));
    let grant = b.group("g");
    b.rule("either", Some(either), vec![grant]);
    assert_eq!(b.holdings(&two(), "1"), ["ad.group(g)"]);
    let [ann, boss] = two();
    assert_eq!(b.holdings(&[ann.with("department", "IT"), boss], "1"), ["held"]);
}

#[test]
fn a_false_side_of_and_decides_whatever_the_other() {
    let mut b = Build::new();
    let (unknown, it) = (manager_is_high(&mut b), b.in_department("it"));
    let both = b.bool(ExprKind::And(vec![unknown, it]));
    let not = b.bool(ExprKind::Not(both));
    let grant = b.group("g");
    b.rule("not_both", Some(not), vec![grant]);
    assert_eq!(b.holdings(&two(), "1"), ["ad.group(g)"]);
}

#[test]
fn sides_of_an_if_that_agree_decide_whatever_the_condition() {
    let mut b = Build::new();
    let (unknown, x, y) = (manager_is_high(&mut b), b.str("same"), b.str("same"));
    let same = b.e(ExprKind::If(unknown, x, y), Type::Str);
    assert_eq!(b.value_among(same, &two()), Some("same".into()));
    let z = b.str("other");
    let differs = b.e(ExprKind::If(unknown, x, z), Type::Str);
    let grant = b.door(differs);
    b.always("probe", vec![grant]);
    assert_eq!(b.holdings(&two(), "1"), ["held"]);
}

#[test]
fn an_element_that_cannot_be_known_matters_only_where_no_other_decides() {
    use prov_ir::{Local, Quant};
    let mut b = Build::new();
    let reports = b.e(ExprKind::Inverse(None, 0), Type::List(Box::new(Type::Identity(PERSON))));
    let report = b.e(ExprKind::Local(Local(0)), Type::Identity(PERSON));
    let level = b.e(ExprKind::Field(report, 4), Type::Int.optional());
    let present = b.bool(ExprKind::IsPresent(level));
    let any = |quant| ExprKind::Quant { quant, local: Local(0), list: reports, cond: Some(present) };
    let any_has = b.e(any(Quant::Any), Type::Bool);
    let grant = b.group("leads");
    b.rule("leads", Some(any_has), vec![grant]);
    let boss = person("1");
    let broken = person("2").with("manager", "1").with("level", "x");
    let good = person("3").with("manager", "1").with("level", "3");
    assert_eq!(b.holdings(&[boss.clone(), broken.clone(), good], "1"), ["ad.group(leads)"]);
    assert_eq!(b.holdings(&[boss, broken], "1"), ["held"]);
}

#[test]
fn a_known_leaver_state_acts_although_the_record_is_broken() {
    let mut b = Build::new();
    b.lifecycle();
    let (when, grant) = (b.level_at_least(1), b.group("g"));
    b.rule("r", Some(when), vec![grant]);
    let country = b.attr("country");
    b.account(AD, None, vec![("login", country)]);
    let left = person("1").with("status", "terminated").with("level", "x");
    let desired = b.desired(std::slice::from_ref(&left));
    assert!(!desired.flags[0].held);
    assert_eq!(desired.states[0], crate::build::TERMINATED);
    assert_eq!(held(&b.program, &desired, "1"), Vec::<String>::new());
    assert!(desired.accounts.get(0)[0].wanted, "its account is decided too");
    // The state itself can't be known.
    let unclear = person("1").with("status", "gone");
    let desired = b.desired(&[unclear]);
    assert!(desired.flags[0].held);
    assert_eq!(desired.states[0], u32::MAX);
    // Known, and not a leaver's.
    let desired = b.desired(&[person("1").with("level", "x")]);
    assert!(desired.flags[0].held);
    assert_eq!(desired.states[0], ACTIVE);
}

#[test]
fn what_cannot_be_known_of_a_leavers_account_is_not_wanted() {
    let mut b = Build::new();
    b.lifecycle();
    let (when, country) = (b.level_at_least(1), b.attr("country"));
    b.account(AD, Some(when), vec![("login", country)]);
    let desired = b.desired(&[person("1").with("status", "terminated").with("level", "x")]);
    assert!(!desired.flags[0].held);
    let account = &desired.accounts.get(0)[0];
    assert!(!account.wanted && !account.enabled && account.attributes.is_empty());
}

#[test]
fn queries_tell_what_cannot_be_known_apart() {
    let mut b = Build::new();
    let high = b.level_at_least(5);
    let people = [person("1").with("level", "6"), person("2").with("level", "x"), person("3")];
    let population = build_population(&b.program, &[(0, crate::build::raw(&people))], &at("2026-03-02"));
    let found = b.engine().query(&population, &at("2026-03-02"), &Background::default(), PERSON, high);
    assert_eq!((found.rows, found.unknown), (vec![0], vec![1]));
}
