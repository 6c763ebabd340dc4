//! The calendar in machine code against `prov_model`'s: every seventeenth day there is, every day of a few centuries, and all
//! spans that are odd.
//! Invariant: a day for which they differ is named.

mod common;

use prov_diag::{SourceId, Span};
use prov_ir::{Compiler, Expr, ExprId, ExprKind};
use prov_jit::Jit;
use prov_model::{
    ArithOp, AttrId, Builtin, Column, CompareOp, Date, Duration, FieldDef, IdentityId, IdentityTable, Moment,
    Population, Schema, Table, Type, Unit, Zone,
};

const PERSON: IdentityId = IdentityId(0);
/// Attributes: a day, another, a span, what a day and a span give, a number.
const TYPES: [Type; 5] = [Type::Date, Type::Date, Type::Duration, Type::Date, Type::Int];

/// Whether a condition over these columns holds for every row; else the first for which it does not.
fn failing(
    kind: impl FnOnce(&mut dyn FnMut(ExprKind, Type) -> ExprId) -> ExprId,
    columns: Vec<Column>,
) -> Option<usize> {
    let mut exprs = Vec::new();
    let mut e = |kind, ty| {
        exprs.push(Expr { kind, ty, span: Span::new(SourceId(0), 0, 0) });
        ExprId(exprs.len() as u32 - 1)
    };
    let condition = kind(&mut e);
    let attributes = TYPES.iter().map(|ty| FieldDef { name: String::new(), ty: ty.clone() });
    let person = common::identity("person", attributes.collect());
    let program = common::program(Schema { identities: vec![person], ..Schema::default() }, exprs);
    let rows = columns[0].len();
    let table = Table { columns, rows, keys: vec![] };
    let people = Population {
        types: vec![IdentityTable { table, ..IdentityTable::default() }],
        ..Population::default()
    };
    let kernels = Jit.compile(&program, PERSON, &[condition]);
    let moment = Moment::at_date(Date(0), Zone::utc());
    let over = kernels.over(&people, &moment, &[]);
    let words = rows.div_ceil(64);
    let (mut holds, mut asks) = (vec![0; words], vec![0; words]);
    over[0].as_ref().expect("a kernel").fill(0..rows as u32, &mut holds, &mut asks);
    assert!(asks.iter().all(|w| *w == 0));
    (0..rows).find(|row| holds[row / 64] >> (row % 64) & 1 == 0)
}

/// Days to try: all over the calendar, and each of some centuries.
fn days() -> Vec<Date> {
    let ends = (Date::from_ymd(-9999, 1, 1).expect("a day"), Date::from_ymd(9999, 12, 31).expect("a day"));
    let step = if std::env::var_os("CI").is_some() { 17 } else { 331 };
    let mut days: Vec<Date> = (ends.0.0..=ends.1.0).step_by(step).map(Date).collect();
    let near = |from: i32, to: i32| (from..to).step_by(step.min(5)).map(Date);
    days.extend(near(-30_000, 50_000));
    days.extend((0..800).flat_map(|n| [Date(ends.0.0 + n), Date(ends.1.0 - n)]));
    days
}

fn columns(
    days: &[Date],
    others: Vec<Date>,
    spans: Vec<Duration>,
    results: Vec<Date>,
    numbers: Vec<i64>,
) -> Vec<Column> {
    let all = Default::default;
    vec![
        Column::Date(days.to_vec(), all()),
        Column::Date(others, all()),
        Column::Duration(spans, all()),
        Column::Date(results, all()),
        Column::Int(numbers, all()),
    ]
}

#[test]
fn days_and_spans() {
    let days = days();
    let part = [0, 1, -1, 11, 12, -13, 48, 1_200, 120_000, -239_999, i32::MAX, i32::MIN];
    for months in part {
        for extra in [0, 1, -400, i32::MAX, i32::MIN] {
            let span = Duration { months, days: extra };
            let results: Vec<Date> = days.iter().map(|d| d.plus(span)).collect();
            let n = days.len();
            let row = failing(
                |e| {
                    let (day, span) = (
                        e(ExprKind::Attr(AttrId(0)), Type::Date),
                        e(ExprKind::Attr(AttrId(2)), Type::Duration),
                    );
                    let sum = e(ExprKind::Arith(ArithOp::Add, day, span), Type::Date);
                    let wanted = e(ExprKind::Attr(AttrId(3)), Type::Date);
                    e(ExprKind::Compare(CompareOp::Eq, sum, wanted), Type::Bool)
                },
                columns(&days, days.clone(), vec![span; n], results, vec![0; n]),
            );
            assert_eq!(row.map(|row| (days[row].to_string(), span.to_string())), None);
        }
    }
}

#[test]
fn parts_of_days() {
    let days = days();
    for (builtin, part) in [
        (Builtin::Year, (|d: Date| i64::from(d.ymd().0)) as fn(Date) -> i64),
        (Builtin::Month, |d| i64::from(d.ymd().1)),
        (Builtin::Day, |d| i64::from(d.ymd().2)),
        (Builtin::Weekday, Date::weekday),
    ] {
        let numbers = days.iter().map(|d| part(*d)).collect();
        let row = failing(
            |e| {
                let day = e(ExprKind::Attr(AttrId(0)), Type::Date);
                let of = e(ExprKind::Call(builtin, vec![day]), Type::Int);
                let wanted = e(ExprKind::Attr(AttrId(4)), Type::Int);
                e(ExprKind::Compare(CompareOp::Eq, of, wanted), Type::Bool)
            },
            columns(&days, days.clone(), vec![Duration::default(); days.len()], days.clone(), numbers),
        );
        assert_eq!(row.map(|row| (days[row].to_string(), builtin)), None);
    }
}

#[test]
fn units_between_days() {
    let days = days();
    for unit in [Unit::Days, Unit::Weeks, Unit::Months, Unit::Years] {
        for (step, turn) in [(1, 0), (7, 3), (365, 1), (36_524, 2), (3_000_017, 0)] {
            let others: Vec<Date> = (0..days.len()).map(|n| days[(n * step + turn) % days.len()]).collect();
            let numbers =
                days.iter().zip(&others).map(|(a, b)| unit.between(*a, *b).unwrap_or(i64::MIN)).collect();
            let row = failing(
                |e| {
                    let (from, to) =
                        (e(ExprKind::Attr(AttrId(0)), Type::Date), e(ExprKind::Attr(AttrId(1)), Type::Date));
                    let of = e(ExprKind::Between(unit, from, to), Type::Int);
                    let wanted = e(ExprKind::Attr(AttrId(4)), Type::Int);
                    e(ExprKind::Compare(CompareOp::Eq, of, wanted), Type::Bool)
                },
                columns(&days, others.clone(), vec![Duration::default(); days.len()], days.clone(), numbers),
            );
            assert_eq!(row.map(|row| (days[row].to_string(), others[row].to_string(), unit)), None);
        }
    }
}
