//! Every form of expression means what the language says.

use crate::build::{AD, BADGE, Build, GROUPS, JOB, PERSON, Person, STATES, STATUS, TERMINATED, person, set};
use prov_eval::LookupTable;
use prov_ir::{Arm, ArmPattern, ExprId, ExprKind, Local, Quant, StrPart};
use prov_model::{
    ArithOp, Builtin, ColumnBuilder, CompareOp, Decimal, Duration, Elapsed, Pattern, Table, TextOp, Type,
    Unit, Value,
};

/// The plain value of an expression for a person; "-" where absent.
fn value(make: impl FnOnce(&mut Build) -> ExprId, who: &Person) -> String {
    let mut b = Build::new();
    b.lifecycle();
    let expr = make(&mut b);
    b.value(expr, who).unwrap_or_else(|| "-".into())
}

fn ann() -> Person {
    person("1")
        .with("level", "5")
        .with("skills", "Rust; SQL;go")
        .with("share", "0.5")
        .with("jobs", r#"[{"title":"Rep","boss":"2"},{"title":"Lead"}]"#)
}

fn constant(b: &mut Build, v: Value<'static>, ty: Type) -> ExprId {
    b.e(ExprKind::Const(v), ty)
}

#[test]
fn constants_attributes_and_the_moment() {
    assert_eq!(value(|b| b.str("x"), &ann()), "x");
    assert_eq!(value(|b| b.attr("department"), &ann()), "Sales");
    assert_eq!(value(|b| b.attr("level"), &ann()), "5");
    assert_eq!(value(|b| b.attr("end"), &ann()), "-");
    assert_eq!(value(|b| b.attr("status"), &ann()), "active");
    assert_eq!(value(|b| b.e(ExprKind::State, Type::Enum(STATES)), &ann()), "active");
    assert_eq!(value(|b| b.e(ExprKind::Today, Type::Date), &ann()), "2026-03-02");
    assert_eq!(value(|b| b.e(ExprKind::Now, Type::Instant), &ann()), "2026-03-01T23:00:00Z");
    assert_eq!(value(|b| b.e(ExprKind::Myself, Type::Identity(PERSON)), &ann()), "1");
}

#[test]
fn today_in_a_zone_and_an_unknown_zone_is_the_policys() {
    let today = |b: &mut Build| {
        let zone = b.attr("zone");
        b.e(ExprKind::TodayIn(zone), Type::Date.optional())
    };
    assert_eq!(value(today, &ann().with("zone", "America/New_York")), "2026-03-01");
    assert_eq!(value(today, &ann().with("zone", "Mars/Olympus")), "2026-03-02");
    assert_eq!(value(today, &ann()), "-");
}

#[test]
fn comparison_folds_text_and_not_strings() {
    let eq = |attr: &'static str, to: &'static str| {
        move |b: &mut Build| {
            let (a, c) = (b.attr(attr), b.str(to));
            b.eq(a, c)
        }
    };
    assert_eq!(value(eq("department", " SALES"), &ann()), "true");
    assert_eq!(value(eq("country", "fr"), &ann()), "false");
    for (op, holds) in [
        (CompareOp::Eq, "false"),
        (CompareOp::Ne, "true"),
        (CompareOp::Lt, "true"),
        (CompareOp::Le, "true"),
        (CompareOp::Gt, "false"),
        (CompareOp::Ge, "false"),
    ] {
        let made = |b: &mut Build| {
            let (a, c) = (b.attr("level"), b.int(6));
            b.compare(op, a, c)
        };
        assert_eq!(value(made, &ann()), holds, "{}", op.symbol());
    }
}

#[test]
fn an_absent_operand_makes_the_result_absent() {
    let absent = |b: &mut Build| b.attr("end");
    assert_eq!(
        value(
            |b| {
                let (a, d) = (absent(b), b.date("2026-01-01"));
                b.e(ExprKind::Compare(CompareOp::Lt, a, d), Type::Bool.optional())
            },
            &ann()
        ),
        "-"
    );
    assert_eq!(
        value(
            |b| {
                let a = absent(b);
                let d = constant(b, Value::Duration(Duration { months: 1, days: 0 }), Type::Duration);
                b.e(ExprKind::Arith(ArithOp::Add, a, d), Type::Date.optional())
            },
            &ann()
        ),
        "-"
    );
    assert_eq!(
        value(
            |b| {
                let a = absent(b);
                b.e(
                    ExprKind::Interpolate(vec![StrPart::Text("x".into()), StrPart::Value(a)]),
                    Type::Str.optional(),
                )
            },
            &ann()
        ),
        "-"
    );
    assert_eq!(
        value(
            |b| {
                let a = absent(b);
                b.e(ExprKind::Call(Builtin::Year, vec![a]), Type::Int.optional())
            },
            &ann()
        ),
        "-"
    );
}

#[test]
fn presence_and_coalesce() {
    let present = |attr: &'static str| {
        move |b: &mut Build| {
            let a = b.attr(attr);
            b.bool(ExprKind::IsPresent(a))
        }
    };
    assert_eq!(value(present("level"), &ann()), "true");
    assert_eq!(value(present("end"), &ann()), "false");
    assert_eq!(value(present("skills"), &ann()), "true");
    let or_nine = |b: &mut Build| {
        let (a, n) = (b.attr("level"), b.int(9));
        b.e(ExprKind::Coalesce(a, n), Type::Int)
    };
    assert_eq!(value(or_nine, &ann()), "5");
    assert_eq!(value(or_nine, &ann().with("level", "")), "9");
}

#[test]
fn connectives_and_choice() {
    let t = |b: &mut Build, l: &[bool]| l.iter().map(|x| b.truth(*x)).collect::<Vec<_>>();
    let and = |l: &'static [bool]| {
        move |b: &mut Build| {
            let l = t(b, l);
            b.bool(ExprKind::And(l))
        }
    };
    let or = |l: &'static [bool]| {
        move |b: &mut Build| {
            let l = t(b, l);
            b.bool(ExprKind::Or(l))
        }
    };
    assert_eq!(value(and(&[true, true]), &ann()), "true");
    assert_eq!(value(and(&[true, false]), &ann()), "false");
    assert_eq!(value(or(&[false, true]), &ann()), "true");
    assert_eq!(value(or(&[false, false]), &ann()), "false");
    let not = |b: &mut Build| {
        let x = b.truth(false);
        b.bool(ExprKind::Not(x))
    };
    assert_eq!(value(not, &ann()), "true");
    let pick = |b: &mut Build| {
        let (c, x, y) = (b.level_at_least(5), b.str("high"), b.str("low"));
        b.e(ExprKind::If(c, x, y), Type::Str)
    };
    assert_eq!(value(pick, &ann()), "high");
    assert_eq!(value(pick, &ann().with("level", "")), "low");
}

#[test]
fn text_tests_patterns_and_ranges() {
    let test = |op, attr: &'static str, s: &'static str| {
        move |b: &mut Build| {
            let (a, c) = (b.attr(attr), b.str(s));
            b.bool(ExprKind::TextTest(op, a, c))
        }
    };
    assert_eq!(value(test(TextOp::StartsWith, "department", "SA"), &ann()), "true");
    assert_eq!(value(test(TextOp::Contains, "country", "r"), &ann()), "false");
    assert_eq!(value(test(TextOp::EndsWith, "country", "R"), &ann()), "true");
    let glob = |b: &mut Build| {
        let a = b.attr("department");
        b.bool(ExprKind::Matches(a, Box::new(Pattern::glob("sa*S", true).expect("a glob"))))
    };
    assert_eq!(value(glob, &ann()), "true");
    let range = |low, high| {
        move |b: &mut Build| {
            let (a, l, h) = (b.attr("level"), b.int(low), b.int(high));
            b.bool(ExprKind::InRange(a, l, h))
        }
    };
    assert_eq!(value(range(5, 7), &ann()), "true");
    assert_eq!(value(range(6, 7), &ann()), "false");
}

#[test]
fn sets_contain_by_the_elements_type() {
    let has = |s: &'static str| {
        move |b: &mut Build| {
            let (a, c) = (b.attr("skills"), b.str(s));
            b.bool(ExprKind::Contains(a, c))
        }
    };
    assert_eq!(value(has("RUST"), &ann()), "true");
    assert_eq!(value(has("java"), &ann()), "false");
    assert_eq!(value(has("java"), &ann().with("skills", "")), "false");
    // More than a handful are searched by halves.
    let many = ann().with("skills", "a;B;c;D;e;F;g;H;i;J;k");
    for s in ["A", "b", "k", "F"] {
        let made = |b: &mut Build| {
            let (a, c) = (b.attr("skills"), b.text(s));
            b.bool(ExprKind::Contains(a, c))
        };
        assert_eq!(value(made, &many), "true", "{s}");
    }
    assert_eq!(value(has("l"), &many), "false");
    let listed = |b: &mut Build| {
        let (x, y, a) = (b.str("DE"), b.str("FR"), b.attr("country"));
        let list = b.e(ExprKind::Set(vec![x, y]), set(Type::Str));
        b.bool(ExprKind::Contains(list, a))
    };
    assert_eq!(value(listed, &ann()), "true");
    let constant_set = |b: &mut Build| {
        let a = b.attr("department");
        let values = ["it", "Sales", "hr", "legal", "ops", "x", "y", "z", "w"];
        let list = Value::set(values.map(|v| Value::text(v.to_owned())).to_vec());
        let list = constant(b, list, set(Type::Text));
        b.bool(ExprKind::Contains(list, a))
    };
    assert_eq!(value(constant_set, &ann().with("department", " SALES ")), "true");
    let size = |b: &mut Build| {
        let a = b.attr("skills");
        b.e(ExprKind::Call(Builtin::Size, vec![a]), Type::Int)
    };
    assert_eq!(value(size, &ann()), "3");
}

#[test]
fn numbers_saturate_and_negate() {
    let sum = |op, n: i64, m: i64| {
        move |b: &mut Build| {
            let (n, m) = (b.int(n), b.int(m));
            b.e(ExprKind::Arith(op, n, m), Type::Int)
        }
    };
    assert_eq!(value(sum(ArithOp::Add, i64::MAX, 1), &ann()), i64::MAX.to_string());
    assert_eq!(value(sum(ArithOp::Mul, 6, 7), &ann()), "42");
    let neg = |v: Value<'static>, ty: Type| {
        move |b: &mut Build| {
            let x = constant(b, v, ty.clone());
            b.e(ExprKind::Neg(x), ty)
        }
    };
    assert_eq!(value(neg(Value::Int(i64::MIN), Type::Int), &ann()), i64::MAX.to_string());
    assert_eq!(value(neg(Value::Decimal(Decimal(15_000)), Type::Decimal), &ann()), "-1.5");
    assert_eq!(
        value(neg(Value::Duration(Duration { months: 0, days: 3 }), Type::Duration), &ann()),
        "-3 days"
    );
    assert_eq!(value(neg(Value::Elapsed(Elapsed(3600)), Type::Elapsed), &ann()), "-1 hour");
}

#[test]
fn dates_move_and_are_counted() {
    let plus = |b: &mut Build| {
        let (a, d) = (
            b.date("2026-01-31"),
            constant(b, Value::Duration(Duration { months: 1, days: 0 }), Type::Duration),
        );
        b.e(ExprKind::Arith(ArithOp::Add, a, d), Type::Date)
    };
    assert_eq!(value(plus, &ann()), "2026-02-28");
    let years = |b: &mut Build| {
        let (a, t) = (b.attr("start"), b.e(ExprKind::Today, Type::Date));
        b.e(ExprKind::Between(Unit::Years, a, t), Type::Int)
    };
    assert_eq!(value(years, &ann()), "6");
    let at_time = |zone: Option<&'static str>| {
        move |b: &mut Build| {
            let d = b.date("2026-03-29");
            let zone = zone.map(|z| b.str(z));
            b.e(ExprKind::AtTime(d, 2, 30, zone), Type::Instant)
        }
    };
    assert_eq!(value(at_time(None), &ann()), "2026-03-29T01:30:00Z");
    assert_eq!(value(at_time(Some("UTC")), &ann()), "2026-03-29T02:30:00Z");
    assert_eq!(value(at_time(Some("Nowhere/Land")), &ann()), "2026-03-29T01:30:00Z");
}

#[test]
fn matches_take_the_first_arm_that_fits() {
    let graded = |b: &mut Build| {
        let a = b.attr("level");
        let mut arm = |patterns, s: &str| {
            let value = b.str(s);
            Arm { patterns, value }
        };
        let arms = vec![
            arm(vec![ArmPattern::Absent], "none"),
            arm(
                vec![ArmPattern::Value(Value::Int(9)), ArmPattern::Range(Value::Int(1), Value::Int(3))],
                "ends",
            ),
            arm(vec![ArmPattern::Any], "middle"),
        ];
        b.e(ExprKind::Match(a, arms), Type::Str)
    };
    for (level, grade) in [("", "none"), ("9", "ends"), ("1", "ends"), ("3", "ends"), ("4", "middle")] {
        assert_eq!(value(graded, &ann().with("level", level)), grade, "{level}");
    }
    let none = |b: &mut Build| {
        let (a, x) = (b.attr("level"), b.str("x"));
        let arms = vec![Arm { patterns: vec![ArmPattern::Value(Value::Int(1))], value: x }];
        b.e(ExprKind::Match(a, arms), Type::Str.optional())
    };
    assert_eq!(value(none, &ann()), "-");
}

#[test]
fn strings_are_built_and_cut() {
    let made = |b: &mut Build| {
        let (d, l) = (b.attr("department"), b.attr("level"));
        let parts =
            vec![StrPart::Text("g-".into()), StrPart::Value(d), StrPart::Text("-".into()), StrPart::Value(l)];
        b.e(ExprKind::Interpolate(parts), Type::Str)
    };
    assert_eq!(value(made, &ann()), "g-Sales-5");
    let cut = |from: Option<i64>, to: Option<i64>| {
        move |b: &mut Build| {
            let a = b.attr("department");
            let (from, to) = (from.map(|n| b.int(n)), to.map(|n| b.int(n)));
            b.e(ExprKind::Slice(a, from, to), Type::Text)
        }
    };
    assert_eq!(value(cut(None, Some(2)), &ann()), "Sa");
    assert_eq!(value(cut(Some(2), None), &ann()), "les");
    assert_eq!(value(cut(Some(1), Some(99)), &ann()), "ales");
    let text = |b: &mut Build| {
        let c = b.attr("country");
        let (t, f) = (b.e(ExprKind::ToText(c), Type::Text), b.text("fr"));
        b.eq(t, f)
    };
    assert_eq!(value(text, &ann()), "true");
}

#[test]
fn built_ins_that_fail_are_absent_in_rules() {
    let read = |s: &'static str| {
        move |b: &mut Build| {
            let x = b.str(s);
            b.e(ExprKind::Call(Builtin::Int, vec![x]), Type::Int.optional())
        }
    };
    assert_eq!(value(read("42"), &ann()), "42");
    assert_eq!(value(read("x"), &ann()), "-");
    let upper = |b: &mut Build| {
        let d = b.attr("department");
        b.e(ExprKind::Call(Builtin::Upper, vec![d]), Type::Str)
    };
    assert_eq!(value(upper, &ann()), "SALES");
}

#[test]
fn names_bind_and_nest() {
    let made = |b: &mut Build| {
        let (v, w) = (b.int(2), b.int(3));
        let (x, y) = (b.e(ExprKind::Local(Local(0)), Type::Int), b.e(ExprKind::Local(Local(1)), Type::Int));
        let sum = b.e(ExprKind::Arith(ArithOp::Mul, x, y), Type::Int);
        let inner = b.e(ExprKind::Let(Local(1), w, sum), Type::Int);
        let outer = b.e(ExprKind::Let(Local(0), v, inner), Type::Int);
        b.e(ExprKind::Named("six".into(), outer), Type::Int)
    };
    assert_eq!(value(made, &ann()), "6");
}

#[test]
fn quantifiers_over_records_sets_and_reports() {
    let quant = |quant, cond: Option<&'static str>| {
        move |b: &mut Build| {
            let jobs = b.attr("jobs");
            let cond = cond.map(|title| {
                let job = b.e(ExprKind::Local(Local(0)), Type::Record(JOB));
                let (t, s) = (b.e(ExprKind::Field(job, 0), Type::Text), b.text(title));
                b.eq(t, s)
            });
            let ty = if quant == Quant::Count { Type::Int } else { Type::Bool };
            b.e(ExprKind::Quant { quant, local: Local(0), list: jobs, cond }, ty)
        }
    };
    assert_eq!(value(quant(Quant::Any, Some("lead")), &ann()), "true");
    assert_eq!(value(quant(Quant::Any, Some("cook")), &ann()), "false");
    assert_eq!(value(quant(Quant::All, Some("lead")), &ann()), "false");
    assert_eq!(value(quant(Quant::Count, Some("lead")), &ann()), "1");
    assert_eq!(value(quant(Quant::Count, None), &ann()), "2");
    let nobody = ann().with("jobs", "");
    assert_eq!(value(quant(Quant::All, Some("cook")), &nobody), "true", "all of nothing");
    assert_eq!(value(quant(Quant::Any, None), &nobody), "false");

    let mut b = Build::new();
    let reports = b.e(ExprKind::Inverse(None, 0), Type::List(Box::new(Type::Identity(PERSON))));
    let report = b.e(ExprKind::Local(Local(0)), Type::Identity(PERSON));
    let level = b.e(ExprKind::Field(report, 4), Type::Int.optional());
    let present = b.bool(ExprKind::IsPresent(level));
    let count = ExprKind::Quant { quant: Quant::Count, local: Local(0), list: reports, cond: Some(present) };
    let count = b.e(count, Type::Int);
    let people =
        [person("1"), person("2").with("manager", "1").with("level", "3"), person("3").with("manager", "1")];
    assert_eq!(b.value_among(count, &people), Some("1".into()));
}

#[test]
fn references_lead_to_others_and_their_state() {
    let mut b = Build::new();
    b.lifecycle();
    let manager = b.attr("manager");
    let department = b.e(ExprKind::Field(manager, 2), Type::Text.optional());
    let state = b.e(ExprKind::StateOf(manager), Type::Enum(STATES).optional());
    let team =
        b.e(ExprKind::Inverse(Some(manager), 0), Type::List(Box::new(Type::Identity(PERSON))).optional());
    let size = b.e(ExprKind::Call(Builtin::Size, vec![team]), Type::Int.optional());
    let people = [
        person("1").with("manager", "2"),
        person("2").with("department", "Board").with("status", "terminated"),
        person("3").with("manager", "2"),
    ];
    assert_eq!(b.value_among(department, &people), Some("Board".into()));
    assert_eq!(b.value_among(state, &people), Some("terminated".into()));
    assert_eq!(b.value_among(size, &people), Some("2".into()));
    let alone = [person("1").with("manager", "nobody")];
    assert_eq!(b.value_among(department, &alone), None, "who refers to nobody has no manager");
    assert_eq!(b.value_among(state, &alone), None);
    let jobs = b.attr("jobs");
    let job = b.e(ExprKind::Local(Local(0)), Type::Record(JOB));
    let boss = b.e(ExprKind::Field(job, 1), Type::Identity(PERSON).optional());
    let bosses = b.e(ExprKind::Field(boss, 2), Type::Text.optional());
    let (board, present) = (b.text("board"), b.bool(ExprKind::IsPresent(boss)));
    let same = b.eq(bosses, board);
    let cond = b.bool(ExprKind::And(vec![present, same]));
    let any = ExprKind::Quant { quant: Quant::Any, local: Local(0), list: jobs, cond: Some(cond) };
    let any = b.e(any, Type::Bool);
    let people = [ann(), person("2").with("department", "BOARD")];
    assert_eq!(b.value_among(any, &people), Some("true".into()), "references within records are resolved");
}

#[test]
fn tables_are_looked_up_by_folded_key() {
    let mut b = Build::new();
    let fields = |_| vec![];
    let (mut key, mut groups) =
        (ColumnBuilder::new(&Type::Text, &fields), ColumnBuilder::new(&set(Type::Text), &fields));
    key.push(&Value::text("SALES"));
    groups.push(&Value::set(vec![Value::text("crm"), Value::text("quota")]));
    let table = Table { columns: vec![key.finish(), groups.finish()], rows: 1, keys: vec!["SALES".into()] };
    b.tables = vec![LookupTable::new(table, &Type::Text)];
    let department = b.attr("department");
    let row = b.e(ExprKind::Lookup(GROUPS, department), Type::Record(prov_model::RecordId(1)).optional());
    let found = b.e(ExprKind::Field(row, 1), set(Type::Text).optional());
    let crm = b.str("CRM");
    let has = b.bool(ExprKind::Contains(found, crm));
    assert_eq!(b.value(has, &ann()), Some("true".into()));
    let present = b.bool(ExprKind::IsPresent(row));
    assert_eq!(b.value(present, &ann().with("department", "IT")), Some("false".into()));
}

#[test]
fn accounts_are_read_only_where_they_are_wanted() {
    let mut b = Build::new();
    let country = b.attr("country");
    let sales = b.in_department("sales");
    let login = b.e(ExprKind::Call(Builtin::Lower, vec![country]), Type::Str);
    let own = b.e(ExprKind::AccountAttr(AD, 0), Type::Str.optional());
    let mail = b.e(
        ExprKind::Interpolate(vec![StrPart::Value(own), StrPart::Text("@x".into())]),
        Type::Str.optional(),
    );
    b.account(AD, Some(sales), vec![("login", login), ("mail", mail)]);
    let read = b.e(ExprKind::AccountAttr(AD, 1), Type::Str.optional());
    assert_eq!(b.value(read, &ann()), Some("fr@x".into()));
    assert_eq!(b.value(read, &ann().with("department", "IT")), None);
    let foreign = b.e(ExprKind::AccountAttr(BADGE, 0), Type::Str.optional());
    assert_eq!(b.value(foreign, &ann()), None);
}

#[test]
fn locals_survive_what_is_evaluated_in_between() {
    // A quantifier whose condition asks for another's state, whose conditions bind locals of their own.
    let mut b = Build::new();
    b.lifecycle();
    let status = b.attr("status");
    let gone = b.e(ExprKind::Const(Value::Enum(2)), Type::Enum(STATUS));
    let bound = b.e(ExprKind::Local(Local(0)), Type::Enum(STATUS));
    let same = b.eq(bound, gone);
    let first = b.bool(ExprKind::Let(Local(0), status, same));
    b.program.lifecycles[0].conditions[0] = Some(first);
    let reports = b.e(ExprKind::Inverse(None, 0), Type::List(Box::new(Type::Identity(PERSON))));
    let report = b.e(ExprKind::Local(Local(0)), Type::Identity(PERSON));
    let state = b.e(ExprKind::StateOf(report), Type::Enum(STATES));
    let terminated = b.e(ExprKind::Const(Value::Enum(TERMINATED)), Type::Enum(STATES));
    let left = b.eq(state, terminated);
    let country = b.e(ExprKind::Field(report, 3), Type::Str);
    let de = b.str("DE");
    let german = b.eq(country, de);
    let cond = b.bool(ExprKind::And(vec![left, german]));
    let any = ExprKind::Quant { quant: Quant::Any, local: Local(0), list: reports, cond: Some(cond) };
    let any = b.e(any, Type::Bool);
    let people =
        [person("1"), person("2").with("manager", "1").with("status", "terminated").with("country", "DE")];
    assert_eq!(b.value_among(any, &people), Some("true".into()));
}
