//! The verifier: a sound program passes, and each way of breaking it is refused with its place and reason.
#![allow(clippy::unwrap_used, reason = "tests")]

use prov_diag::{SourceId, Span};
use prov_ir::{
    AccountProgram, Arm, ArmPattern, AttributeProgram, EachProgram, Expr, ExprId, ExprKind, ForbidProgram,
    GrantProgram, GrantValue, LifecycleProgram, Local, Node, Program, Quant, RuleProgram, SourceProgram,
    StrPart, print, verify,
};
use prov_model::{
    AccountDef, AppDef, AppId, ArithOp, AttrId, Builtin, CompareOp, EnumDef, EnumId, FieldDef, ForbidDef,
    IdentityDef, IdentityId, InverseDef, KindDef, KindId, LifecycleDef, Mode, Pattern, RecordDef, RecordId,
    RuleId, RuleInfo, RuleKind, Schema, SourceDef, StateDef, TableDef, TableId, TextOp, Type, Unit, Value,
    Via, Zone,
};

const PERSON: IdentityId = IdentityId(0);
const STATUS: Type = Type::Enum(EnumId(0));
const STATES: Type = Type::Enum(EnumId(1));
const LEVEL: ExprKind = ExprKind::Attr(AttrId(1));
const DEPARTMENT: ExprKind = ExprKind::Attr(AttrId(2));
const MANAGER: ExprKind = ExprKind::Attr(AttrId(4));
const SKILLS: ExprKind = ExprKind::Attr(AttrId(5));

fn field(name: &str, ty: Type) -> FieldDef {
    FieldDef { name: name.into(), ty }
}

fn set(of: Type) -> Type {
    Type::Set(Box::new(of))
}

fn info(kind: RuleKind, name: &str) -> RuleInfo {
    RuleInfo {
        kind,
        name: name.into(),
        file: "a.prov".into(),
        line: 1,
        docs: None,
        annotations: vec![],
        severity: None,
        because: None,
    }
}

fn state(name: &str) -> StateDef {
    StateDef { name: name.into(), rule: RuleId(0), leaver: name == "left", verbs: vec![] }
}

fn kind(name: &str, ty: Type) -> KindDef {
    KindDef {
        name: name.into(),
        types: vec![ty],
        catalog: false,
        highest_wins: false,
        irrevocable: false,
        severity: None,
    }
}

fn app(name: &str, attribute: &str, from: Option<AppId>, kinds: Vec<KindDef>) -> AppDef {
    let attributes = vec![field(attribute, Type::Str)];
    AppDef {
        name: name.into(),
        rule: RuleId(0),
        via: Via::File,
        mode: Mode::Authoritative,
        account: Some(AccountDef { rule: RuleId(0), from, attributes, unique: vec![], correlate: vec![] }),
        kinds,
        managed: vec![],
        second_of: None,
    }
}

fn schema() -> Schema {
    let enums = [vec!["active", "leave"], vec!["left", "here"]];
    let lifecycle = LifecycleDef { states: EnumId(1), defs: vec![state("left"), state("here")] };
    Schema {
        enums: enums.map(|v| EnumDef { variants: v.into_iter().map(String::from).collect() }).to_vec(),
        records: vec![RecordDef {
            name: "depts".into(),
            fields: vec![field("name", Type::Text), field("head", Type::Str.optional())],
        }],
        identities: vec![IdentityDef {
            name: "person".into(),
            attributes: vec![
                field("id", Type::Str),
                field("level", Type::Int.optional()),
                field("department", Type::Text),
                field("status", STATUS),
                field("manager", Type::Identity(PERSON).optional()),
                field("skills", set(Type::Text)),
                field("start", Type::Date),
            ],
            key: AttrId(0),
            inverses: vec![InverseDef { name: "reports".into(), from: PERSON, attribute: AttrId(4) }],
            lifecycle: Some(lifecycle),
        }],
        tables: vec![TableDef { name: "depts".into(), record: RecordId(0), key: 0 }],
        apps: vec![
            app("ad", "login", None, vec![kind("group", Type::Text)]),
            app("erp", "user", Some(AppId(0)), vec![kind("role", Type::Str)]),
        ],
        sources: vec![SourceDef {
            name: "hr".into(),
            identity: PERSON,
            part: prov_model::SourcePart::Authoritative,
            missing: None,
            rule: RuleId(0),
        }],
        rules: vec![
            info(RuleKind::Birthright, "everyone"),
            info(RuleKind::Role, "base"),
            info(RuleKind::Role, "lead"),
            info(RuleKind::Forbid, "sox"),
        ],
        forbids: vec![ForbidDef { rule: RuleId(3), app: AppId(1), kind: Some(KindId(0)), values: vec![] }],
        ..Schema::default()
    }
}

struct Build(Vec<Expr>);

impl Build {
    fn add(&mut self, kind: ExprKind, ty: Type) -> ExprId {
        self.0.push(Expr { kind, ty, span: Span::new(SourceId(0), 0, 0) });
        ExprId(self.0.len() as u32 - 1)
    }

    fn int(&mut self, n: i64) -> ExprId {
        self.add(ExprKind::Const(Value::Int(n)), Type::Int)
    }

    fn text(&mut self, s: &'static str) -> ExprId {
        self.add(ExprKind::Const(Value::text(s)), Type::Text)
    }

    fn str(&mut self, s: &'static str) -> ExprId {
        self.add(ExprKind::Const(Value::str(s)), Type::Str)
    }

    fn level(&mut self, ty: Type) -> ExprId {
        self.add(LEVEL, ty)
    }

    fn bool(&mut self, kind: ExprKind) -> ExprId {
        self.add(kind, Type::Bool)
    }

    fn present(&mut self, of: ExprId) -> ExprId {
        self.bool(ExprKind::IsPresent(of))
    }

    fn at_least(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.bool(ExprKind::Compare(CompareOp::Ge, a, b))
    }

    /// `level is present and level >= 5`
    fn senior(&mut self) -> ExprId {
        let asked = self.level(Type::Int.optional());
        let there = self.present(asked);
        let level = self.level(Type::Int);
        let five = self.int(5);
        let high = self.at_least(level, five);
        self.bool(ExprKind::And(vec![there, high]))
    }
}

fn grant(app: u32, value: GrantValue) -> GrantProgram {
    let span = Span::new(SourceId(0), 0, 0);
    GrantProgram {
        span,
        app: AppId(app),
        kind: KindId(0),
        values: vec![value],
        when: None,
        from: None,
        until: None,
        keep: None,
        each: vec![],
    }
}

fn rule(rule: u32, when: Option<ExprId>, grants: Vec<GrantProgram>) -> RuleProgram {
    RuleProgram {
        rule: RuleId(rule),
        identity: PERSON,
        when,
        requestable: None,
        params: vec![],
        includes: vec![],
        instances: vec![],
        grants,
    }
}

/// A program that uses each part of the waist; its expressions can be built upon.
fn sound() -> Program {
    let mut b = Build(vec![]);
    let cell = b.add(ExprKind::Cell(1), Type::Str.optional());
    let level = b.add(ExprKind::Call(Builtin::Int, vec![cell]), Type::Int.optional());
    let status_cell = b.add(ExprKind::Cell(2), Type::Str.optional());
    let active = b.add(ExprKind::Const(Value::Enum(0)), STATUS);
    let arms = vec![Arm { patterns: vec![ArmPattern::Value(Value::str("A"))], value: active }];
    let status = b.add(ExprKind::Match(status_cell, arms), STATUS);
    let mut attributes: Vec<_> = (0..7).map(|_| AttributeProgram::Column(0)).collect();
    attributes[1] = AttributeProgram::Mapped(level);
    attributes[3] = AttributeProgram::Mapped(status);
    let columns = vec!["ID".into(), "Level".into(), "Status".into()];

    let my_status = b.add(ExprKind::Attr(AttrId(3)), STATUS);
    let leave = b.add(ExprKind::Const(Value::Enum(1)), STATUS);
    let left = b.bool(ExprKind::Compare(CompareOp::Eq, my_status, leave));

    let state = b.add(ExprKind::State, STATES);
    let here_const = b.add(ExprKind::Const(Value::Enum(1)), STATES);
    let here = b.bool(ExprKind::Compare(CompareOp::Eq, state, here_const));
    let id = b.add(ExprKind::Attr(AttrId(0)), Type::Str);
    let login = b.add(ExprKind::AccountAttr(AppId(0), 0), Type::Str);

    let senior = b.senior();
    let department = b.add(DEPARTMENT, Type::Text);
    let dept = b.add(ExprKind::Lookup(TableId(0), department), Type::Record(RecordId(0)).optional());
    let head = b.add(ExprKind::Field(dept, 1), Type::Str.optional());
    let name = b.add(
        ExprKind::Interpolate(vec![StrPart::Text("dept-".into()), StrPart::Value(head)]),
        Type::Str.optional(),
    );
    let group = b.add(ExprKind::ToText(name), Type::Text.optional());
    let skills = b.add(SKILLS, set(Type::Text));
    let skill = b.add(ExprKind::Local(Local(0)), Type::Text);
    let reports = b.add(ExprKind::Inverse(None, 0), Type::List(Box::new(Type::Identity(PERSON))));
    let report = b.add(ExprKind::Local(Local(0)), Type::Identity(PERSON));
    let report_level = b.add(ExprKind::Field(report, 1), Type::Int.optional());
    let zero = b.int(0);
    let report_level = b.add(ExprKind::Coalesce(report_level, zero), Type::Int);
    let above = b.at_least(report_level, zero);
    let leads =
        b.bool(ExprKind::Quant { quant: Quant::Any, local: Local(0), list: reports, cond: Some(above) });
    let leads = b.bool(ExprKind::Named("leads".into(), leads));
    let clerk = b.str("CLERK");
    let has_base = b.bool(ExprKind::HasRole(1));
    let not_base = b.bool(ExprKind::Not(has_base));

    let mut each = grant(0, GrantValue::One(skill));
    each.each = vec![EachProgram { local: Local(0), list: skills, filter: None }];
    let mut lead = rule(2, Some(leads), vec![each]);
    lead.includes = vec![1];
    Program {
        observed: Default::default(),
        schema: schema(),
        zone: Zone::utc(),
        exprs: b.0,
        brought: vec![vec![vec![0]; attributes.len()]],
        sources: vec![SourceProgram { source: 0, columns, attributes, join: None, effective: None }],
        lifecycles: vec![LifecycleProgram { identity: PERSON, conditions: vec![Some(left), None] }],
        accounts: vec![
            AccountProgram {
                correlate: vec![],
                app: AppId(0),
                identity: PERSON,
                rule: RuleId(0),
                when: Some(here),
                enabled: Some(here),
                attributes: vec![id],
            },
            AccountProgram {
                correlate: vec![],
                app: AppId(1),
                identity: PERSON,
                rule: RuleId(0),
                when: None,
                enabled: None,
                attributes: vec![login],
            },
        ],
        rules: vec![
            rule(0, Some(senior), vec![grant(0, GrantValue::One(group))]),
            rule(1, None, vec![grant(1, GrantValue::One(clerk))]),
            lead,
        ],
        role_forbids: vec![],
        federations: vec![],
        forbids: vec![ForbidProgram { identity: Some(PERSON), when: Some(not_base) }],
        kinds: vec![(AppId(0), KindId(0), None), (AppId(1), KindId(0), None)],
        strata: vec![
            vec![Node::Account(0)],
            vec![Node::Account(1)],
            vec![Node::Rule(0)],
            vec![Node::Rule(2)],
            vec![Node::Rule(1)],
            vec![Node::Kind(0)],
            vec![Node::Kind(1)],
        ],
        locals: 1,
        zones: Default::default(),
    }
}

/// Why a program is refused that is sound but for what `change` does.
fn refused(change: impl FnOnce(&mut Program)) -> String {
    let mut program = sound();
    change(&mut program);
    // The printer prints whatever it gets.
    let _ = print(&program);
    verify(&program).expect_err("it is refused").to_string()
}

/// The same, with another condition of the first rule.
fn condition(build: impl FnOnce(&mut Build) -> ExprId) -> Result<(), String> {
    let mut program = sound();
    let mut b = Build(std::mem::take(&mut program.exprs));
    let when = build(&mut b);
    program.exprs = b.0;
    program.rules[0].when = Some(when);
    let _ = print(&program);
    verify(&program).map_err(|e| e.reason)
}

#[test]
fn a_sound_program_passes() {
    assert_eq!(verify(&sound()), Ok(()));
}

#[test]
fn a_program_prints_as_text_with_names() {
    assert_eq!(
        print(&sound()),
        r#"zone UTC
source hr of person authoritative
  id = column "ID"
  level = int(row["Level"])
  department = column "ID"
  status = match row["Status"] { "A" => active }
  manager = column "ID"
  skills = column "ID"
  start = column "ID"
lifecycle person
  state left when (status == leave)
  state here otherwise
account ad for person
  when (state == here)
  enabled = (state == here)
  login = id
account erp for person
  user = ad.login
birthright everyone for person
  when ((level is present) and (level >= 5))
  grant ad.group
    value to text("dept-{depts(department).head}")
role base for person
  grant erp.role
    value "CLERK"
role lead for person
  when leads
  includes base
  each $0 in skills
    grant ad.group
      value $0
forbid erp.role for person
  when not(has base)
let leads = any $0(reports, (($0.level ?? 0) >= 0))
strata
  account of `ad`
  account of `erp`
  rule `everyone`
  rule `lead`
  rule `base`
  kind `ad.group`
  kind `erp.role`
"#
    );
}

#[test]
fn long_trees_are_broken_into_lines() {
    let mut program = sound();
    let mut b = Build(std::mem::take(&mut program.exprs));
    let parts: Vec<_> = (0..8)
        .map(|_| {
            let department = b.add(DEPARTMENT, Type::Text);
            let sales = b.text("Sales and more");
            b.bool(ExprKind::Compare(CompareOp::Ne, department, sales))
        })
        .collect();
    let all = b.bool(ExprKind::And(parts));
    program.exprs = b.0;
    program.rules[0].when = Some(all);
    let text = print(&program);
    assert!(text.contains("  when and\n    (department != \"Sales and more\"t)\n"), "{text}");
    assert!(text.lines().all(|l| l.chars().count() <= 100));
}

#[test]
fn shared_trees_are_printed_once() {
    let mut program = sound();
    let mut b = Build(std::mem::take(&mut program.exprs));
    let mut e = b.add(ExprKind::Const(Value::Bool(true)), Type::Bool);
    for i in 0..60 {
        let twice = b.bool(ExprKind::And(vec![e, e]));
        e = b.bool(ExprKind::Named(format!("l{i}"), twice));
    }
    program.exprs = b.0;
    program.rules[0].when = Some(e);
    assert_eq!(verify(&program), Ok(()));
    assert!(print(&program).contains("let l59 = (l58 and l58)\n"));
}

#[test]
fn operands_come_before_what_uses_them() {
    let message = refused(|p| {
        let later = ExprId(p.exprs.len() as u32);
        p.exprs[0].kind = ExprKind::Not(later);
    });
    assert!(message.ends_with("does not come before it") && message.starts_with("expression 0"), "{message}");
}

#[test]
fn an_absent_operand_is_refused_where_it_must_be_present() {
    let reason = condition(|b| {
        let level = b.level(Type::Int.optional());
        let five = b.int(5);
        b.at_least(level, five)
    });
    assert_eq!(reason, Err("an operand may be absent: `int?`".into()));
}

#[test]
fn presence_must_be_asked_before_it_is_taken_for_granted() {
    let unasked = condition(|b| {
        let level = b.level(Type::Int);
        let five = b.int(5);
        b.at_least(level, five)
    });
    assert_eq!(unasked, Err("it is typed `int` and gives `int?`".into()));
    // In `or` the second is asked where the first fails: presence is not known there.
    let either = condition(|b| {
        let asked = b.level(Type::Int.optional());
        let there = b.present(asked);
        let level = b.level(Type::Int);
        let five = b.int(5);
        let high = b.at_least(level, five);
        b.bool(ExprKind::Or(vec![there, high]))
    });
    assert_eq!(either, Err("it is typed `int` and gives `int?`".into()));
}

#[test]
fn presence_flows_through_not_or_if_and_match() {
    // `level is absent or level >= 5`
    let or = condition(|b| {
        let asked = b.level(Type::Int.optional());
        let there = b.present(asked);
        let absent = b.bool(ExprKind::Not(there));
        let level = b.level(Type::Int);
        let five = b.int(5);
        let high = b.at_least(level, five);
        b.bool(ExprKind::Or(vec![absent, high]))
    });
    assert_eq!(or, Ok(()));
    let branch = |swapped: bool| {
        condition(move |b| {
            let asked = b.level(Type::Int.optional());
            let there = b.present(asked);
            let level = b.level(Type::Int);
            let zero = b.int(0);
            let (yes, no) = if swapped { (zero, level) } else { (level, zero) };
            let chosen = b.add(ExprKind::If(there, yes, no), Type::Int);
            b.at_least(chosen, zero)
        })
    };
    assert_eq!(branch(false), Ok(()));
    assert_eq!(branch(true), Err("it is typed `int` and gives `int?`".into()));
    let taken = |absent_first: bool| {
        condition(move |b| {
            let scrutinee = b.level(Type::Int.optional());
            let zero = b.int(0);
            let level = b.level(Type::Int);
            let absent = Arm { patterns: vec![ArmPattern::Absent], value: zero };
            let rest = Arm { patterns: vec![ArmPattern::Any], value: level };
            let arms = if absent_first { vec![absent, rest] } else { vec![rest] };
            let chosen = b.add(ExprKind::Match(scrutinee, arms), Type::Int);
            b.at_least(chosen, zero)
        })
    };
    assert_eq!(taken(true), Ok(()));
    assert_eq!(taken(false), Err("it is typed `int` and gives `int?`".into()));
}

#[test]
fn presence_of_a_field_holds_for_what_it_was_reached_through() {
    let by = |asked_through: bool| {
        condition(move |b| {
            let manager = b.add(MANAGER, Type::Identity(PERSON).optional());
            let asked = if asked_through {
                b.add(ExprKind::Field(manager, 1), Type::Int.optional())
            } else {
                manager
            };
            let there = b.present(asked);
            let known = b.add(MANAGER, Type::Identity(PERSON));
            let level = b.add(ExprKind::Field(known, 1), Type::Int);
            let five = b.int(5);
            let high = b.at_least(level, five);
            b.bool(ExprKind::And(vec![there, high]))
        })
    };
    assert_eq!(by(true), Ok(()));
    assert_eq!(by(false), Err("it is typed `int` and gives `int?`".into()));
}

#[test]
fn operands_are_of_the_types_of_the_operator() {
    let cases: Vec<(Result<(), String>, &str)> = vec![
        (
            condition(|b| {
                let (a, c) = (b.text("a"), b.str("a"));
                b.bool(ExprKind::Compare(CompareOp::Eq, a, c))
            }),
            "an operand is `string` and must be `text`",
        ),
        (
            condition(|b| {
                let (x, y) =
                    (b.bool(ExprKind::Const(Value::Bool(true))), b.bool(ExprKind::Const(Value::Bool(true))));
                b.at_least(x, y)
            }),
            "`>=` is not defined on `bool`",
        ),
        (
            condition(|b| {
                let (one, a) = (b.int(1), b.str("a"));
                let sum = b.add(ExprKind::Arith(ArithOp::Add, one, a), Type::Int);
                b.at_least(sum, one)
            }),
            "`+` is not defined on `int` and `string`",
        ),
        (
            condition(|b| {
                let (one, a) = (b.int(1), b.str("a"));
                b.bool(ExprKind::TextTest(TextOp::Contains, a, one))
            }),
            "`int` is no text",
        ),
        (
            condition(|b| {
                let skills = b.add(SKILLS, set(Type::Text));
                let one = b.int(1);
                b.bool(ExprKind::Contains(skills, one))
            }),
            "an operand is `int` and must be `text`",
        ),
        (
            condition(|b| {
                let department = b.add(DEPARTMENT, Type::Text);
                b.bool(ExprKind::Matches(department, Box::new(Pattern::glob("a*", false).unwrap())))
            }),
            "the pattern folds, and its operand does not, or the other way round",
        ),
        (
            condition(|b| {
                let start = b.add(ExprKind::Attr(AttrId(6)), Type::Date);
                let n = b.add(ExprKind::Between(Unit::Hours, start, start), Type::Int);
                b.at_least(n, n)
            }),
            "whole units between dates are days or longer",
        ),
        (
            condition(|b| {
                let one = b.int(1);
                let call = b.add(ExprKind::Call(Builtin::Lower, vec![one]), Type::Str);
                b.bool(ExprKind::Compare(CompareOp::Eq, call, call))
            }),
            "`value` of `lower` can't be `int`",
        ),
        (
            condition(|b| {
                let one = b.int(1);
                let call = b.add(ExprKind::Call(Builtin::Min, vec![one]), Type::Int);
                b.at_least(call, one)
            }),
            "`min` does not take 1 arguments",
        ),
        (
            condition(|b| {
                let (a, five) = (b.str("a"), b.int(5));
                let n = b.add(ExprKind::Call(Builtin::Int, vec![a]), Type::Int);
                b.at_least(n, five)
            }),
            "it is typed `int` and gives `int?`",
        ),
        (
            condition(|b| {
                let one = b.int(1);
                b.bool(ExprKind::Quant { quant: Quant::Any, local: Local(0), list: one, cond: None })
            }),
            "`int` is no set or list",
        ),
    ];
    for (found, reason) in cases {
        assert_eq!(found, Err(reason.to_owned()));
    }
}

#[test]
fn constants_are_values_of_their_types() {
    for (value, ty) in [
        (Value::Int(1), Type::Bool),
        (Value::Absent, Type::Bool),
        (Value::Enum(7), STATUS),
        (Value::Set(vec![Value::Int(2), Value::Int(1)]), set(Type::Int)),
        (Value::Set(vec![Value::Bool(true)]), set(Type::Int)),
    ] {
        let found = condition(|b| {
            let c = b.add(ExprKind::Const(value.clone()), ty.clone());
            b.present(c)
        });
        assert_eq!(found, Err(format!("the constant is no `{}`", ty.name(&schema()))), "{value:?}");
    }
}

#[test]
fn conditions_are_bool_and_never_absent() {
    assert_eq!(
        refused(|p| p.rules[0].when = Some(ExprId(0))),
        "rule `everyone`, when: cells are read only in source mappings"
    );
    let found = condition(|b| b.int(1));
    assert_eq!(found, Err("a condition is `bool`, not `int`".into()));
    assert_eq!(condition(|_| ExprId(10_000)), Err("there is no expression 10000".into()));
}

#[test]
fn locals_are_bound_once_and_counted() {
    let found = condition(|b| {
        let local = b.add(ExprKind::Local(Local(0)), Type::Bool);
        b.bool(ExprKind::Not(local))
    });
    assert_eq!(found, Err("local 0 is not bound here".into()));
    let found = condition(|b| {
        let list = b.add(SKILLS, set(Type::Text));
        let inner = b.bool(ExprKind::Quant { quant: Quant::Any, local: Local(0), list, cond: None });
        b.bool(ExprKind::Quant { quant: Quant::Any, local: Local(0), list, cond: Some(inner) })
    });
    assert_eq!(found, Err("local 0 is bound within itself".into()));
    assert!(refused(|p| p.locals = 0).ends_with("local 0 is over the number of locals, 0"));
}

#[test]
fn a_match_takes_every_value() {
    let arms = |variants: &[u32]| {
        let variants = variants.to_vec();
        condition(move |b| {
            let status = b.add(ExprKind::Attr(AttrId(3)), STATUS);
            let yes = b.bool(ExprKind::Const(Value::Bool(true)));
            let arm = |v: &u32| Arm { patterns: vec![ArmPattern::Value(Value::Enum(*v))], value: yes };
            let arms = variants.iter().map(arm).collect();
            b.bool(ExprKind::Match(status, arms))
        })
    };
    assert_eq!(arms(&[0, 1]), Ok(()));
    assert_eq!(arms(&[1]), Err("no arm takes some values of `enum(active, leave)`".into()));
    assert_eq!(arms(&[]), Err("a `match` needs an arm".into()));
    assert_eq!(arms(&[0, 2]), Err("a pattern does not fit `enum(active, leave)`".into()));
}

#[test]
fn a_lifecycle_reads_no_state_role_or_entitlement() {
    for kind in [ExprKind::HasRole(1), ExprKind::HasEntitlement(AppId(0), KindId(0), None)] {
        let message = refused(|p| {
            p.exprs.push(Expr { kind, ty: Type::Bool, span: Span::new(SourceId(0), 0, 0) });
            p.lifecycles[0].conditions[0] = Some(ExprId(p.exprs.len() as u32 - 1));
        });
        assert_eq!(
            message,
            "lifecycle `person`, state `left`: a lifecycle reads no state, role or entitlement"
        );
    }
    let message = refused(|p| p.lifecycles[0].conditions[0] = p.accounts[0].when);
    assert!(message.ends_with("a lifecycle reads no state, role or entitlement"), "{message}");
    assert!(refused(|p| p.lifecycles.clear()).ends_with("it has no program"));
    assert!(
        refused(|p| p.lifecycles[0].conditions.truncate(1))
            .ends_with("it does not have one condition a state")
    );
}

#[test]
fn source_mappings_read_only_their_columns() {
    assert!(refused(|p| p.sources[0].columns.truncate(2)).ends_with("there is no column 2"));
    assert_eq!(
        refused(|p| p.sources[0].attributes[0] = AttributeProgram::Column(9)),
        "source `hr`, `id`: there is no column 9"
    );
    let message = refused(|p| {
        let AttributeProgram::Mapped(level) = p.sources[0].attributes[1] else { return };
        p.sources[0].attributes[0] = AttributeProgram::Mapped(level);
    });
    assert_eq!(message, "source `hr`, `id`: it gives `int?`, and the attribute is `string`");
    assert!(
        refused(|p| p.sources[0].attributes.truncate(1)).ends_with("it does not have one mapping a field")
    );
    assert_eq!(
        refused(|p| p.sources[0].attributes[0] = AttributeProgram::Mapped(p.accounts[0].attributes[0])),
        "source `hr`, `id`: a source mapping reads only its row"
    );
}

#[test]
fn only_an_account_from_another_reads_its_attributes() {
    assert!(
        refused(|p| p.schema.apps[1].account.as_mut().unwrap().from = None)
            .ends_with("only an account that comes from another may read that one's attributes")
    );
    assert!(
        refused(|p| p.accounts[0].attributes.clear()).ends_with("it does not have one value an attribute")
    );
}

#[test]
fn grants_fit_their_kinds() {
    assert_eq!(
        refused(|p| p.rules[1].grants[0].app = AppId(0)),
        "rule `base`, grant 1: its value is `string`, and the kind takes `text`"
    );
    assert_eq!(
        refused(|p| p.rules[1].grants[0].app = AppId(7)),
        "rule `base`, grant 1: there is no kind 0 of app 7"
    );
    assert!(
        refused(|p| p.rules[1].grants[0].values.clear())
            .ends_with("it does not have one value a type of its kind")
    );
    assert!(refused(|p| p.rules[2].grants[0].each.clear()).contains("local 0 is not bound here"));
}

#[test]
fn roles_never_include_themselves() {
    assert_eq!(refused(|p| p.rules[1].includes = vec![2]), "rule `base`: it includes itself");
    assert_eq!(refused(|p| p.rules[2].includes = vec![9]), "rule `lead`: there is no rule 9 to include");
    assert_eq!(
        refused(|p| p.rules[2].includes = vec![1, 1]),
        "rule `lead`: the roles that it includes are not sorted"
    );
}

#[test]
fn strata_are_complete_and_in_order() {
    assert_eq!(refused(|p| drop(p.strata.pop())), "kind `erp.role`: the step is in no stratum");
    assert_eq!(
        refused(|p| p.strata.push(vec![Node::Rule(0)])),
        "rule `everyone`: the step stands twice in the strata"
    );
    assert_eq!(
        refused(|p| p.strata.push(vec![Node::Rule(9)])),
        "stratum 8: a step in it is not in the program"
    );
    assert_eq!(
        refused(|p| p.strata.swap(0, 1)),
        "account of `erp`: it reads account of `ad`, which comes later"
    );
    assert_eq!(refused(|p| p.strata.swap(3, 4)), "rule `base`: it reads rule `lead`, which comes later");
    assert_eq!(
        refused(|p| p.strata.swap(2, 5)),
        "kind `ad.group`: it reads rule `everyone`, which comes later"
    );
    // The forbid asks `not has base`: that is settled before, not along with it.
    assert_eq!(
        refused(|p| {
            p.strata.pop();
            p.strata[4].push(Node::Kind(1));
        }),
        "kind `erp.role`: it computes with rule `base`, which is in the same stratum"
    );
}

#[test]
fn steps_may_read_each_other_without_negation() {
    let mut program = sound();
    let mut b = Build(std::mem::take(&mut program.exprs));
    let has = b.bool(ExprKind::HasEntitlement(AppId(1), KindId(0), None));
    program.exprs = b.0;
    program.forbids[0].when = None;
    program.rules[1].when = Some(has);
    program.strata.truncate(4);
    program.strata.extend([vec![Node::Rule(1), Node::Kind(1)], vec![Node::Kind(0)]]);
    assert_eq!(verify(&program), Ok(()));
}

#[test]
fn every_kind_has_a_step() {
    assert!(refused(|p| drop(p.kinds.pop())).contains("it has no step"));
    assert!(refused(|p| p.kinds.push((AppId(0), KindId(0), None))).ends_with("it stands twice"));
    assert!(refused(|p| p.kinds[0].0 = AppId(5)).ends_with("there is no kind 0 of app 5"));
}
