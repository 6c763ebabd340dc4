//! Why, and why not, down to the clause and the value.

use crate::build::{AD, BADGE, Build, DOOR, GROUP, PERSON, Person, at, person};
use prov_eval::explain::{Clause, ClauseKind, Explanation, Outcome, Verdict, WithheldExplanation};
use prov_ir::{ExprKind, Local, Quant, StrPart};
use prov_model::Background;
use prov_model::{AppId, KindId, Type, ValuePattern};

fn why(b: &Build, people: &[Person], target: Option<(AppId, Option<(KindId, &str)>)>) -> Explanation {
    let population = b.people(people);
    let row = population.of(PERSON).row(&people[0].id).expect("there");
    b.engine().explain(&population, (PERSON, row), target, &at("2026-03-02"), &Background::default())
}

fn group(name: &str) -> Option<(AppId, Option<(KindId, &str)>)> {
    Some((AD, Some((GROUP, name))))
}

/// A clause in short: `all:false(test:true[a=1] test:not_evaluated)`.
fn short(c: &Clause) -> String {
    let kind = match &c.kind {
        ClauseKind::All => "all".to_owned(),
        ClauseKind::Any => "any".into(),
        ClauseKind::Not => "not".into(),
        ClauseKind::If => "if".into(),
        ClauseKind::Named { name } => name.clone(),
        ClauseKind::Elements { count } => format!("of {count}"),
        ClauseKind::Element { number, shown } => format!("#{number} {shown}"),
        ClauseKind::Role { name } => format!("role {name}"),
        ClauseKind::Entitlement { app, kind } => format!("has {app}.{kind}"),
        ClauseKind::Test => "test".into(),
    };
    let outcome = match c.outcome {
        Outcome::True => "yes",
        Outcome::False => "no",
        Outcome::Unknown => "unknown",
        Outcome::NotEvaluated => "-",
    };
    let reads: Vec<String> = c.reads.iter().map(|r| format!("{}={}", r.name, r.value)).collect();
    let reads = if reads.is_empty() { String::new() } else { format!("[{}]", reads.join(" ")) };
    let parts: Vec<String> = c.clauses.iter().map(short).collect();
    let parts = if parts.is_empty() { String::new() } else { format!("({})", parts.join(" ")) };
    format!("{kind}:{outcome}{reads}{parts}")
}

#[test]
fn the_failing_clause_is_shown_with_its_value_and_the_rest_was_not_asked() {
    let mut b = Build::new();
    let (sales, high, de) = (b.in_department("sales"), b.level_at_least(5), b.attr("country"));
    let germany = b.str("DE");
    let german = b.eq(de, germany);
    let when = b.bool(ExprKind::And(vec![sales, high, german]));
    let g = b.group("G");
    b.rule("r", Some(when), vec![g]);
    let e = why(&b, &[person("1").with("level", "3")], group("g"));
    assert_eq!(e.verdict, Verdict::NotHeld);
    assert_eq!(e.rules.len(), 1);
    assert_eq!(e.rules[0].rule.name, "r");
    assert_eq!(e.rules[0].has, Outcome::False);
    assert_eq!(
        short(e.rules[0].when.as_ref().expect("it has one")),
        "all:no(test:yes[department=\"Sales\"] all:no(test:yes[level=3] test:no[level=3]) test:-)"
    );
    assert_eq!(e.rules[0].grants[0].values, ["G"]);
}

#[test]
fn a_held_entitlement_names_the_way_to_its_grant() {
    let mut b = Build::new();
    let g = b.group("G");
    let base = b.rule("base", None, vec![g]);
    let sales = b.in_department("sales");
    let top = b.rule("top", Some(sales), vec![]);
    b.program.rules[top as usize].includes = vec![base];
    let e = why(&b, &[person("1")], group("g"));
    assert_eq!(e.verdict, Verdict::Held);
    let names: Vec<&str> = e.entitlements[0].causes[0].path.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["top", "base"]);
    assert_eq!(e.rules[0].rule.name, "base");
    assert_eq!(e.rules[0].included_by[0].outcome, Outcome::True);
}

#[test]
fn computed_values_say_what_they_come_to() {
    let mut b = Build::new();
    let country = b.attr("country");
    let parts = vec![StrPart::Text("site-".into()), StrPart::Value(country)];
    let value = b.e(ExprKind::Interpolate(parts), Type::Str);
    let it = b.in_department("it");
    let mut door = b.door(value);
    door.when = Some(it);
    b.always("r", vec![door]);
    let e = why(&b, &[person("1")], Some((BADGE, Some((DOOR, "site-DE")))));
    assert_eq!(e.verdict, Verdict::NotHeld);
    let grant = &e.rules[0].grants[0];
    assert!(grant.computed);
    assert_eq!((grant.outcome, grant.values.clone()), (Outcome::False, vec!["site-FR".to_owned()]));
    assert_eq!(grant.reads[0].name, "country");
    assert_eq!(short(grant.when.as_ref().expect("it has one")), "test:no[department=\"Sales\"]");
    let other = why(&b, &[person("1")], Some((BADGE, Some((DOOR, "else")))));
    assert_eq!(other.rules.len(), 1, "a computed grant could give anything of its kind");
    assert!(why(&b, &[person("1")], group("g")).rules.is_empty());
}

#[test]
fn forbids_states_and_missing_accounts_withhold_by_name() {
    let mut b = Build::new();
    b.lifecycle();
    let sales = b.in_department("sales");
    let country = b.attr("country");
    b.account(AD, Some(sales), vec![("login", country)]);
    let g = b.group("G");
    b.always("r", vec![g]);
    let germany = b.str("DE");
    let german = b.eq(country, germany);
    b.forbid(AD, Some(GROUP), vec![ValuePattern::Exactly("g".into())], Some(german));
    let by = |p: Person| {
        let e = why(&b, &[p], group("g"));
        let by = match e.entitlements.first().and_then(|e| e.withheld.first()) {
            Some(WithheldExplanation::Forbid { rule }) => rule.name.clone(),
            Some(WithheldExplanation::State { rule }) => rule.name.clone(),
            Some(WithheldExplanation::NoAccount { rule }) => rule.name.clone(),
            Some(
                WithheldExplanation::Separation { .. }
                | WithheldExplanation::RoleForbidden { .. }
                | WithheldExplanation::RoleSeparated { .. }
                | WithheldExplanation::Denied { .. }
                | WithheldExplanation::RoleDenied { .. }
                | WithheldExplanation::NotInCatalog { .. }
                | WithheldExplanation::Blank
                | WithheldExplanation::Outranked { .. },
            ) => "?".into(),
            None => "-".into(),
        };
        (e.verdict, by)
    };
    assert_eq!(by(person("1")), (Verdict::Held, "-".into()));
    assert_eq!(by(person("1").with("country", "DE")), (Verdict::Withheld, "forbid".into()));
    assert_eq!(by(person("1").with("status", "terminated")), (Verdict::Withheld, "person.terminated".into()));
    assert_eq!(by(person("1").with("department", "IT")), (Verdict::Withheld, "account".into()));
    let e = why(&b, &[person("1")], group("g"));
    assert_eq!(e.forbids[0].outcome, Outcome::False, "a forbid that does not act is told too");
    assert_eq!(short(e.forbids[0].when.as_ref().expect("it has one")), "test:no[country=\"FR\"]");
}

#[test]
fn the_state_is_told_with_the_states_before_it() {
    let mut b = Build::new();
    b.lifecycle();
    let e = why(&b, &[person("1").with("status", "leave")], None);
    let state = e.state.expect("there is a lifecycle");
    assert_eq!(state.state.as_deref(), Some("leave"));
    let tried: Vec<String> =
        state.tried.iter().map(|t| short(t.when.as_ref().expect("each has one"))).collect();
    assert_eq!(
        tried,
        ["test:no[status=active]", "test:yes[status=leave]"].map(|s| s.replace("active", "leave"))
    );
}

#[test]
fn who_is_quarantined_is_told_whose_record_is_to_blame() {
    let mut b = Build::new();
    let manager = b.attr("manager");
    let level = b.e(ExprKind::Field(manager, 4), Type::Int.optional());
    let present = b.bool(ExprKind::IsPresent(level));
    let g = b.group("g");
    b.rule("r", Some(present), vec![g]);
    let people = [person("1").with("manager", "2"), person("2").with("level", "x")];
    let e = why(&b, &people, group("g"));
    assert_eq!(e.verdict, Verdict::Quarantined);
    let q = e.quarantine.expect("why");
    assert_eq!((q.identity.as_str(), q.attributes), ("2", vec!["level".to_owned()]));
    assert_eq!(short(e.rules[0].when.as_ref().expect("it has one")), "test:unknown[manager.level=unknown]");
}

#[test]
fn roles_lists_and_names_are_taken_apart() {
    let mut b = Build::new();
    let high = b.level_at_least(5);
    let named = b.bool(ExprKind::Named("is_high".into(), high));
    let boss = b.rule("boss", Some(named), vec![]);
    let has = b.bool(ExprKind::HasRole(boss));
    let skills = b.attr("skills");
    let skill = b.e(ExprKind::Local(Local(0)), Type::Text);
    let go = b.text("go");
    let cond = b.eq(skill, go);
    let quant = ExprKind::Quant { quant: Quant::Any, local: Local(0), list: skills, cond: Some(cond) };
    let any = b.bool(quant);
    let not = b.bool(ExprKind::Not(any));
    let when = b.bool(ExprKind::Or(vec![has, not]));
    let g = b.group("g");
    b.rule("r", Some(when), vec![g]);
    b.program.strata = vec![vec![prov_ir::Node::Rule(0)], vec![prov_ir::Node::Rule(1)]];
    let e = why(&b, &[person("1").with("level", "3").with("skills", "go;sql")], group("g"));
    assert_eq!(
        short(e.rules[0].when.as_ref().expect("it has one")),
        "any:no(role boss:no(is_high:no(all:no(test:yes[level=3] test:no[level=3]))) \
         not:no(of 2:yes[skills=[\"go\", \"sql\"]](#1 \"go\":yes(test:yes))))"
    );
}

#[test]
fn a_whole_person_is_told_with_all_causes() {
    let mut b = Build::new();
    let (z, y) = (b.group("z"), b.group("y"));
    let (g, h, l1, l2) = (b.group("a"), b.group("b"), b.license(0), b.license(2));
    b.always("r", vec![l1, l2, z, y, h, g]);
    for name in ["z", "y"] {
        b.forbid(AD, Some(GROUP), vec![ValuePattern::Exactly(name.into())], None);
    }
    let e = why(&b, &[person("1")], None);
    assert_eq!(e.verdict, Verdict::Overview);
    let told: Vec<(String, bool)> = e.entitlements.iter().map(|e| (e.value.clone(), e.held)).collect();
    let wanted = [("a", true), ("b", true), ("e5", true), ("y", false), ("z", false), ("e1", false)];
    assert_eq!(told, wanted.map(|(v, h)| (v.to_owned(), h)));
    assert!(
        matches!(&e.entitlements[5].withheld[..], [WithheldExplanation::Outranked { value }] if value == "e5")
    );
}
