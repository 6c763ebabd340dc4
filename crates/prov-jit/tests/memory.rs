//! Code is freed with the policy that it was compiled for.
//! Invariant: compiling and dropping policies does not make the process grow; a kernel keeps what it needs.

mod common;

use prov_diag::{SourceId, Span};
use prov_ir::{Compiler, Coverage, Expr, ExprId, ExprKind, Program};
use prov_jit::Jit;
use prov_model::{
    ArithOp, AttrId, Column, ColumnBuilder, CompareOp, Date, FieldDef, IdentityId, IdentityTable, Moment,
    Population, Schema, Table, Type, Value, Zone,
};

const PERSON: IdentityId = IdentityId(0);

/// `n` conditions of two numbers: `a + k < b`.
fn program(n: i64) -> (Program, Vec<ExprId>) {
    let field = |name: &str| FieldDef { name: name.into(), ty: Type::Int };
    let person = common::identity("person", vec![field("a"), field("b")]);
    let mut exprs = Vec::new();
    let mut e = |kind, ty| {
        exprs.push(Expr { kind, ty, span: Span::new(SourceId(0), 0, 0) });
        ExprId(exprs.len() as u32 - 1)
    };
    let conditions = (0..n).map(|k| {
        let (a, k) = (e(ExprKind::Attr(AttrId(0)), Type::Int), e(ExprKind::Const(Value::Int(k)), Type::Int));
        let (sum, b) =
            (e(ExprKind::Arith(ArithOp::Add, a, k), Type::Int), e(ExprKind::Attr(AttrId(1)), Type::Int));
        e(ExprKind::Compare(CompareOp::Lt, sum, b), Type::Bool)
    });
    let conditions = conditions.collect();
    let program = common::program(Schema { identities: vec![person], ..Schema::default() }, exprs);
    (program, conditions)
}

fn population(columns: [&[i64]; 2]) -> Population {
    let column = |values: &[i64]| {
        let mut builder = ColumnBuilder::new(&Type::Int, &|_| vec![]);
        values.iter().for_each(|v| builder.push(&Value::Int(*v)));
        builder.finish()
    };
    let rows = columns[0].len();
    let keys = (0..rows).map(|row| format!("{row:03}").into()).collect();
    let table = Table { columns: columns.map(column).into(), rows, keys };
    Population { types: vec![IdentityTable::new(table)], ..Population::default() }
}

fn moment() -> Moment {
    Moment::at_date(Date(20_000), Zone::utc())
}

/// Resident memory in pages, where the system tells it.
fn resident() -> Option<usize> {
    std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()
}

/// Compiles, uses and drops so many policies; pages grown by in the second half.
fn churn(policies: usize) -> usize {
    let (program, conditions) = program(3);
    let people = population([&[1, 2, 3], &[2, 2, 9]]);
    let mut half = 0;
    for n in 0..policies {
        if n == policies / 2 {
            half = resident().unwrap_or(0);
        }
        let kernels = Jit.compile(&program, PERSON, &conditions);
        assert_eq!(kernels.coverage(), [Coverage::Compiled, Coverage::Compiled, Coverage::Compiled]);
        let over = kernels.over(&people, &moment(), &[]);
        let (mut holds, mut asks) = ([0], [0]);
        over[0].as_ref().expect("a kernel").fill(0..3, &mut holds, &mut asks);
        assert_eq!((holds, asks), ([0b101], [0]));
    }
    resident().unwrap_or(0).saturating_sub(half)
}

#[test]
fn policies_that_are_dropped_leave_nothing() {
    // 200 policies of at least two pages of code each; what the allocator holds back is less.
    let grown = churn(400);
    assert!(grown < 200, "{grown} pages more after 200 policies");
}

#[test]
#[ignore = "takes a minute; the short one is run always"]
fn ten_thousand_policies_that_are_dropped_leave_nothing() {
    let grown = churn(10_000);
    assert!(grown < 200, "{grown} pages more after 5,000 policies");
}

#[test]
fn nothing_is_compiled_from_nothing() {
    let (program, conditions) = program(0);
    let kernels = Jit.compile(&program, PERSON, &conditions);
    assert!(kernels.coverage().is_empty());
    assert!(kernels.over(&population([&[], &[]]), &moment(), &[]).is_empty());
}

#[test]
fn an_expression_that_is_not_there_is_refused() {
    let (program, _) = program(1);
    let kernels = Jit.compile(&program, PERSON, &[ExprId(u32::MAX)]);
    assert!(matches!(kernels.coverage(), [Coverage::Not(_)]));
    assert!(kernels.over(&population([&[1], &[2]]), &moment(), &[])[0].is_none());
}

#[test]
fn columns_that_do_not_fit_have_no_kernel() {
    let (program, conditions) = program(1);
    let kernels = Jit.compile(&program, PERSON, &conditions);
    let fits = population([&[1, 2], &[2, 3]]);
    assert!(kernels.over(&fits, &moment(), &[])[0].is_some());
    let mut short = fits.clone();
    short.types[0].table.rows = 3;
    assert!(kernels.over(&short, &moment(), &[])[0].is_none(), "fewer values than rows");
    let mut lacking = fits.clone();
    lacking.types[0].table.columns.pop();
    assert!(kernels.over(&lacking, &moment(), &[])[0].is_none(), "a column that is not there");
    let mut other = fits;
    other.types[0].table.columns[1] = Column::Bool(vec![true, true], Default::default());
    assert!(kernels.over(&other, &moment(), &[])[0].is_none(), "a column of another type");
    assert!(kernels.over(&Population::default(), &moment(), &[])[0].is_none(), "no table at all");
}

#[test]
fn a_policy_without_people_runs() {
    let (program, conditions) = program(1);
    let kernels = Jit.compile(&program, PERSON, &conditions);
    let nobody = population([&[], &[]]);
    let over = kernels.over(&nobody, &moment(), &[]);
    over[0].as_ref().expect("a kernel").fill(0..0, &mut [], &mut []);
}

#[test]
#[should_panic(expected = "rows are of the population")]
fn rows_beyond_the_population_are_not_read() {
    let (program, conditions) = program(1);
    let kernels = Jit.compile(&program, PERSON, &conditions);
    let people = population([&[1], &[2]]);
    let over = kernels.over(&people, &moment(), &[]);
    over[0].as_ref().expect("a kernel").fill(0..2, &mut [0], &mut [0]);
}

#[test]
#[should_panic(expected = "there is room for all bits")]
fn bits_have_room() {
    let (program, conditions) = program(1);
    let kernels = Jit.compile(&program, PERSON, &conditions);
    let people = population([&[1; 65], &[2; 65]]);
    let over = kernels.over(&people, &moment(), &[]);
    over[0].as_ref().expect("a kernel").fill(0..65, &mut [0], &mut [0, 0]);
}
