//! Rows become identities, or say why not.

use crate::build::{Build, PERSON, Person, STATUS, at, day, person, raw};
use prov_eval::build_population;
use prov_ir::{Arm, ArmPattern, AttributeProgram, ExprId, ExprKind};
use prov_model::Background;
use prov_model::{
    AttrId, Builtin, Column, Moment, Oddity, Population, RawCell, RawTable, Rejection, Type, Value,
};

fn build(b: &Build, people: &[Person]) -> Population {
    build_population(&b.program, &[(0, raw(people))], &at("2026-03-02"))
}

/// Rejections as `line column code message`.
fn said(population: &Population) -> Vec<String> {
    let one =
        |r: &Rejection| format!("{} {} {} {}", r.line, r.column.as_deref().unwrap_or("-"), r.code, r.message);
    population.rejections.iter().map(one).collect()
}

fn rejected(people: &[Person]) -> Vec<String> {
    said(&build(&Build::new(), people))
}

/// `attribute = expr` in the source.
fn map(b: &mut Build, attribute: usize, expr: ExprId) {
    b.program.sources[0].attributes[attribute] = AttributeProgram::Mapped(expr);
}

fn cell(b: &mut Build, column: u32) -> ExprId {
    b.e(ExprKind::Cell(column), Type::Str.optional())
}

#[test]
fn columns_are_read_by_their_attributes_types() {
    let b = Build::new();
    let p = build(
        &b,
        &[person("1")
            .with("level", " 5 ")
            .with("end", "2027-01-31")
            .with("skills", "b; A;;a")
            .with("share", "0.25")
            .with("vip", "yes")
            .with("jobs", r#"[{"title":"Rep","boss":"1"}]"#)],
    );
    assert_eq!(said(&p), Vec::<String>::new());
    let table = &p.of(PERSON).table;
    let shown: Vec<String> = b.program.schema.identities[0]
        .attributes
        .iter()
        .zip(&table.columns)
        .map(|(a, c)| c.get(0).shown(&a.ty, &b.program.schema))
        .collect();
    let expected = [
        "\"1\"",
        "active",
        "\"Sales\"",
        "\"FR\"",
        "5",
        "2020-01-06",
        "2027-01-31",
        "absent",
        r#"["A", "b"]"#,
        "1 rows",
        "0.25",
        "true",
        "absent",
    ];
    assert_eq!(shown, expected);
    let Column::List(_, jobs, _) = &table.columns[9] else { panic!("a list of records is a list column") };
    assert!(
        matches!(&jobs.columns[1], Column::Ref(rows) if rows[..] == [0]),
        "references in records are resolved"
    );
}

#[test]
fn every_broken_attribute_of_a_row_is_reported_and_the_good_ones_stay() {
    let b = Build::new();
    let bad = person("1")
        .with("status", "Active")
        .with("level", "high")
        .with("start", "13/45/2020")
        .with("share", "1,5");
    let p = build(&b, &[bad, person("2")]);
    assert_eq!(
        said(&p),
        [
            "2 level P0602 `high` is not a whole number",
            "2 share P0602 `1,5` is not a number with at most four places behind the dot",
            "2 start P0602 `13/45/2020` is not a date like 2026-03-02",
            "2 status P0603 `Active` is not a variant of `enum(active, leave, terminated)`; did you mean `active`?",
        ]
    );
    let table = p.of(PERSON);
    assert_eq!(broken(&p), [(0, [1, 4, 5, 10].map(AttrId).to_vec())]);
    assert_eq!(table.table.columns[2].get(0).plain(&Type::Text, &b.program.schema), "Sales");
    assert!(
        p.rejections
            .iter()
            .all(|r| r.identity.as_deref() == Some("1") && r.source == "hr" && r.file == "hr.csv")
    );
    assert_eq!((p.counts[0].rows, p.counts[0].rejected), (2, 1));
}

/// The broken attributes of each row.
fn broken(p: &Population) -> Vec<(u32, Vec<AttrId>)> {
    p.of(PERSON).broken.iter().map(|(row, attrs)| (*row, attrs.clone())).collect()
}

#[test]
fn a_required_value_that_is_missing_is_said_so() {
    assert_eq!(
        rejected(&[person("1").with("start", "  ")]),
        ["2 start P0604 no value for `start`, which must have one"]
    );
}

#[test]
fn a_row_without_a_key_is_reported_and_is_no_ones() {
    let b = Build::new();
    let p = build(&b, &[person(" ").with("level", "x"), person("2")]);
    assert_eq!(
        said(&p),
        ["2 id P0604 no value for `id`, which must have one", "2 level P0602 `x` is not a whole number"]
    );
    assert!(p.rejections.iter().all(|r| r.identity.is_none()));
    assert_eq!(p.of(PERSON).len(), 1);
}

#[test]
fn all_rows_of_a_double_key_are_rejected_and_its_identity_is_held() {
    let b = Build::new();
    let people = [person("2").with("department", "A"), person("1"), person("2").with("department", "B")];
    let p = build(&b, &people);
    assert_eq!(
        said(&p),
        [
            "2 id P0605 `2` stands as `id` on line 4 too; none of these rows counts",
            "4 id P0605 `2` stands as `id` on line 2 too; none of these rows counts",
        ]
    );
    let keys: Vec<&str> = p.of(PERSON).table.keys.iter().map(|k| &**k).collect();
    assert_eq!(keys, ["1", "2"]);
    assert_eq!(p.of(PERSON).broken[&1].len(), 12, "all but the key");
    assert_eq!(p.counts[0].rejected, 2);
    assert_eq!(b.holdings(&people, "2"), ["held"]);
}

#[test]
fn a_missing_column_is_said_once_and_holds_everyone() {
    let b = Build::new();
    let columns = ["id", "status", "departmnt", "country", "start", "skills", "jobs"];
    let mut table = RawTable::new("hr.csv", columns.map(str::to_owned).to_vec());
    for (line, id) in [(2, "1"), (3, "2")] {
        let cells = [id, "active", "Sales", "FR", "2020-01-06", "", ""].map(RawCell::Text);
        table.push(line, cells);
    }
    let p = build_population(&b.program, &[(0, table)], &at("2026-03-02"));
    assert_eq!(said(&p), ["1 department P0601 there is no column `department`"]);
    assert_eq!(broken(&p), [(0, vec![AttrId(2)]), (1, vec![AttrId(2)])]);
}

#[test]
fn mappings_reject_with_column_value_and_reason() {
    let mut b = Build::new();
    let (c, pattern) = (cell(&mut b, 5), b.str("%m/%d/%Y"));
    let start = b.e(ExprKind::Call(Builtin::ToDate, vec![c, pattern]), Type::Date.optional());
    map(&mut b, 5, start);
    let mapped = |b: &mut Build| {
        let status = |b: &mut Build, v| b.e(ExprKind::Const(Value::Enum(v)), Type::Enum(STATUS));
        let c = cell(b, 1);
        let arms = [("Active", 0), ("On Leave", 1)]
            .map(|(s, v)| Arm { patterns: vec![ArmPattern::Value(Value::str(s))], value: status(b, v) });
        b.e(ExprKind::Match(c, arms.to_vec()), Type::Enum(STATUS).optional())
    };
    let status = mapped(&mut b);
    map(&mut b, 1, status);
    let rows = [
        person("1").with("status", "Active").with("start", "03/02/2026"),
        person("2").with("status", "Foo").with("start", "13/45/2020"),
        person("3").with("status", "").with("start", ""),
    ];
    let p = build(&b, &rows);
    assert_eq!(
        said(&p),
        [
            "3 start P0602 `13/45/2020` is not a date by the pattern `%m/%d/%Y`",
            "3 status P0606 `Foo` is none of the values that `status` maps: `Active`, `On Leave`",
            "4 start P0604 no value for `start`, which must have one",
            "4 status P0604 no value for `status`, which must have one",
        ]
    );
    assert!(matches!(p.of(PERSON).table.columns[5].get(0), Value::Date(d) if d == day("2026-03-02")));
}

#[test]
fn absence_passes_through_calculations_to_optional_attributes() {
    let mut b = Build::new();
    let c = cell(&mut b, 4);
    let level = b.e(ExprKind::Call(Builtin::Int, vec![c]), Type::Int.optional());
    map(&mut b, 4, level);
    let (c, comma) = (cell(&mut b, 8), b.str(","));
    let skills =
        b.e(ExprKind::Call(Builtin::Split, vec![c, comma]), Type::Set(Box::new(Type::Str)).optional());
    map(&mut b, 8, skills);
    let p = build(&b, &[person("1"), person("2").with("level", "3").with("skills", "b,A,a,B")]);
    assert_eq!(said(&p), Vec::<String>::new());
    let column = |c: usize, row: usize| {
        let ty = &b.program.schema.identities[0].attributes[c].ty;
        p.of(PERSON).table.columns[c].get(row).shown(ty, &b.program.schema)
    };
    assert_eq!((column(4, 0), column(4, 1)), ("absent".into(), "3".into()));
    assert_eq!((column(8, 0), column(8, 1)), ("[]".into(), r#"["A", "B"]"#.into()));
}

#[test]
fn a_long_value_is_shortened() {
    let long = "9".repeat(200);
    let said = rejected(&[person("1").with("level", &long)]);
    assert_eq!(said, [format!("2 level P0602 `{}…` is not a whole number", "9".repeat(40))]);
}

#[test]
fn bad_json_says_what_is_wanted() {
    let said = rejected(&[person("1").with("jobs", "[{]"), person("2").with("jobs", r#"[{"boss":"1"}]"#)]);
    assert!(
        said[0].starts_with("2 jobs P06") && said[0].contains("is not a JSON array of objects"),
        "{said:?}"
    );
    assert!(said[1].contains("element 1") && said[1].contains("title"), "{said:?}");
}

#[test]
fn text_is_composed_and_compared_without_case() {
    let mut b = Build::new();
    let same = b.in_department("ÉCOLE");
    let g = b.group("g");
    b.rule("r", Some(same), vec![g]);
    let decomposed = person("1").with("department", " e\u{301}cole ").with("country", "e\u{301}");
    let p = build(&b, std::slice::from_ref(&decomposed));
    assert_eq!(p.of(PERSON).table.columns[3].get(0).spelling(), Some("é"));
    assert_eq!(b.holdings(&[decomposed], "1"), ["ad.group(g)"]);
}

#[test]
fn references_to_nobody_and_circles_are_warned_of() {
    let b = Build::new();
    let p = build(
        &b,
        &[
            person("1").with("manager", "2"),
            person("2").with("manager", "1"),
            person("3").with("manager", "1"),
            person("4").with("manager", "4"),
            person("5").with("manager", "99"),
        ],
    );
    let told: Vec<_> = p
        .warnings
        .iter()
        .map(|w| (w.attribute.as_str(), w.oddity.clone(), w.count, w.examples.join(",")))
        .collect();
    assert_eq!(
        told,
        [
            ("manager", Oddity::RefersToNobody, 1, "5".to_owned()),
            ("manager", Oddity::Circle, 3, "1,2,4".to_owned())
        ]
    );
    assert_eq!(p.of(PERSON).inverses[0].get(0), [1, 2], "who reports to 1");
}

#[test]
fn the_order_of_rows_leaves_no_trace() {
    let b = Build::new();
    let people: Vec<Person> =
        (0..50).map(|i| person(&format!("p{i}")).with("manager", &format!("p{}", i / 2))).collect();
    let mut turned = people.clone();
    turned.reverse();
    let dump = |p: &Population| {
        let table = p.of(PERSON);
        (0..table.len())
            .map(|row| {
                let cells: Vec<String> = b.program.schema.identities[0]
                    .attributes
                    .iter()
                    .zip(&table.table.columns)
                    .map(|(a, c)| c.get(row).shown(&a.ty, &b.program.schema))
                    .collect();
                cells.join("|")
            })
            .collect::<Vec<_>>()
    };
    let (x, y) = (build(&b, &people), build(&b, &turned));
    assert_eq!(dump(&x), dump(&y));
    assert_eq!(x.of(PERSON).inverses, y.of(PERSON).inverses);
}

#[test]
fn numbers_that_are_keys_are_one_whatever_their_spelling() {
    let mut b = Build::new();
    b.program.schema.identities[0].attributes[0].ty = Type::Int;
    let p = build(&b, &[person("007"), person("8").with("manager", "07")]);
    assert_eq!(p.of(PERSON).table.keys.iter().map(|k| &**k).collect::<Vec<_>>(), ["7", "8"]);
    assert!(matches!(&p.of(PERSON).table.columns[7], Column::Ref(rows) if rows[1] == 0));
    let p = build(&b, &[person("7"), person("07")]);
    assert_eq!(said(&p).len(), 2, "one key twice");
}

#[test]
fn text_keys_are_one_whatever_their_case() {
    let mut b = Build::new();
    b.program.schema.identities[0].attributes[0].ty = Type::Text;
    let p = build(&b, &[person("Ann"), person("bob").with("manager", "ANN"), person("Cid"), person("CID")]);
    let keys: Vec<&str> = p.of(PERSON).table.keys.iter().map(|k| &**k).collect();
    assert_eq!(keys, ["Ann", "CID", "bob"]);
    assert!(matches!(&p.of(PERSON).table.columns[7], Column::Ref(rows) if rows[2] == 0));
    assert_eq!(p.of(PERSON).broken.keys().collect::<Vec<_>>(), [&1]);
}

#[test]
fn an_empty_source_gives_an_empty_population() {
    let b = Build::new();
    let p = build(&b, &[]);
    assert!(p.is_empty() && p.rejections.is_empty());
    assert_eq!((p.counts[0].source.as_str(), p.counts[0].rows), ("hr", 0));
    let moment: Moment = at("2026-03-02");
    assert!(b.engine().evaluate(&p, &moment, &Background::default(), None).ids.is_empty());
}
