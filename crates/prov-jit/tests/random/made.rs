//! A random policy of conditions, and rows for it. Invariant: conditions are well typed, though operands may be absent
//! where the checker would ask for a guard; a seed gives the same always.

use prov_diag::{SourceId, Span};
use prov_ir::{Arm, ArmPattern, Expr, ExprId, ExprKind, LifecycleProgram, Local, Program};
use prov_model::{
    ArithOp, AttrId, Builtin, ColumnBuilder, CompareOp, Date, Decimal, Duration, Elapsed, EnumDef, EnumId,
    FieldDef, IdentityDef, IdentityId, IdentityTable, Instant, LifecycleDef, Membership, Moment, Population,
    RuleId, RuleInfo, RuleKind, Schema, SourceDef, SourcePart, StateDef, Table, Type, Unit, Value, Zone,
};

pub const PERSON: IdentityId = IdentityId(0);
pub const SITE: IdentityId = IdentityId(1);
const LEVEL: EnumId = EnumId(0);
const STATES: EnumId = EnumId(1);

pub struct Made {
    pub program: Program,
    pub population: Population,
    pub moment: Moment,
    pub states: Vec<Vec<u32>>,
    pub conditions: Vec<ExprId>,
    /// Whether kernels may ask of what the interpreter knows: some records can't be trusted, decimals are multiplied.
    pub may_ask: bool,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

fn field(name: &str, ty: Type) -> FieldDef {
    FieldDef { name: name.into(), ty: ty.optional() }
}

fn attributes(of: IdentityId) -> Vec<FieldDef> {
    let refs = [field("boss", Type::Identity(PERSON)), field("site", Type::Identity(SITE))];
    let mut list = vec![FieldDef { name: "id".into(), ty: Type::Str }];
    for (name, ty) in [
        ("bool", Type::Bool),
        ("int", Type::Int),
        ("decimal", Type::Decimal),
        ("str", Type::Str),
        ("text", Type::Text),
        ("date", Type::Date),
        ("instant", Type::Instant),
        ("duration", Type::Duration),
        ("elapsed", Type::Elapsed),
        ("level", Type::Enum(LEVEL)),
    ] {
        list.push(field(name, ty.clone()));
        if of == PERSON {
            list.push(field(&format!("{name}2"), ty));
        }
    }
    list.push(field("set", Type::Set(Box::new(Type::Str))));
    list.extend(refs);
    list
}

const KINDS: usize = 10;

fn kind(number: usize) -> Type {
    [
        Type::Bool,
        Type::Int,
        Type::Decimal,
        Type::Str,
        Type::Text,
        Type::Date,
        Type::Instant,
        Type::Duration,
        Type::Elapsed,
        Type::Enum(LEVEL),
    ][number]
        .clone()
}

const TEXTS: [&str; 8] = ["a", "A", "b", "Straße", "STRASSE", "", "zz", " a "];
const NUMBERS: [i64; 12] = [0, 1, -1, 2, 3, 7, 30, 10_000, -5_000, 1 << 40, i64::MAX, i64::MIN];

/// A value of a type, often one that others are near to.
fn value(r: &mut Random, ty: &Type) -> Value<'static> {
    let n = if r.one_in(3) { r.of(&NUMBERS) } else { r.below(9) as i64 - 4 };
    match ty.required() {
        Type::Bool => Value::Bool(r.one_in(2)),
        Type::Int => Value::Int(n),
        Type::Decimal => Value::Decimal(Decimal(if r.one_in(2) { n.saturating_mul(2_500) } else { n })),
        Type::Str => Value::str(r.of(&TEXTS)),
        Type::Text => Value::text(r.of(&TEXTS)),
        Type::Date => Value::Date(date(r)),
        Type::Instant => {
            Value::Instant(Instant(if r.one_in(3) { n } else { 1_700_000_000 + n.clamp(-9, 9) * 3_600 }))
        }
        Type::Duration => Value::Duration(span(r)),
        Type::Elapsed => Value::Elapsed(Elapsed(n.saturating_mul(if r.one_in(2) { 3_600 } else { 1 }))),
        Type::Enum(_) => Value::Enum(r.below(4) as u32),
        other => panic!("no value of {other:?}"),
    }
}

fn date(r: &mut Random) -> Date {
    let ends = [(-9999, 1, 1), (9999, 12, 31), (2024, 2, 29), (2026, 3, 31), (1900, 2, 28), (0, 1, 1)];
    match r.below(8) {
        0 => {
            let (y, m, d) = r.of(&ends);
            Date::from_ymd(y, m, d).expect("a day")
        }
        1 => Date(-4_371_587 + r.below(7_304_484) as i32),
        2 => Date(20_500 + r.below(800) as i32),
        _ => Date(20_500 + r.below(40) as i32),
    }
}

fn span(r: &mut Random) -> Duration {
    let part = |r: &mut Random| match r.below(6) {
        0 => 0,
        1 => r.of(&[i32::MIN, i32::MAX, 1 << 20, -(1 << 20), 120_000]),
        2 => r.below(100) as i32 - 50,
        _ => r.below(5) as i32 - 2,
    };
    match r.below(3) {
        0 => Duration { months: 0, days: part(r) },
        1 => Duration { months: part(r), days: 0 },
        _ => Duration { months: part(r), days: part(r) },
    }
}

struct Builder {
    r: Random,
    exprs: Vec<Expr>,
    /// Types of the locals in scope.
    scope: Vec<Type>,
}

impl Builder {
    fn e(&mut self, kind: ExprKind, ty: Type) -> ExprId {
        let at = self.exprs.len();
        self.exprs.push(Expr { kind, ty: ty.optional(), span: Span::new(SourceId(0), at, at + 1) });
        ExprId(at as u32)
    }

    fn constant(&mut self, ty: &Type) -> ExprId {
        let value = if self.r.one_in(40) { Value::Absent } else { value(&mut self.r, ty) };
        self.e(ExprKind::Const(value), ty.clone())
    }

    /// An identity: oneself or whom references lead to.
    fn row(&mut self) -> (ExprId, IdentityId) {
        let (mut of, mut ty) = (self.e(ExprKind::Myself, Type::Identity(PERSON)), PERSON);
        for _ in 0..1 + self.r.below(2) {
            (of, ty) = self.reference(of, ty);
        }
        (of, ty)
    }

    fn reference(&mut self, of: ExprId, ty: IdentityId) -> (ExprId, IdentityId) {
        let to = if self.r.one_in(2) { PERSON } else { SITE };
        let name = if to == PERSON { "boss" } else { "site" };
        let at = attributes(ty).iter().position(|a| a.name == name).expect("a reference");
        let own = matches!(self.exprs[of.0 as usize].kind, ExprKind::Myself) && self.r.one_in(2);
        let kind = if own { ExprKind::Attr(AttrId(at as u32)) } else { ExprKind::Field(of, at as u32) };
        (self.e(kind, Type::Identity(to)), to)
    }

    /// A cell of oneself or of someone else.
    fn leaf(&mut self, ty: &Type) -> ExprId {
        if self.r.one_in(4) {
            return self.constant(ty);
        }
        if let Some(at) = self.scope.iter().rposition(|t| t == ty)
            && self.r.one_in(2)
        {
            return self.e(ExprKind::Local(Local(at as u32)), ty.clone());
        }
        let other = self.r.one_in(3).then(|| self.row());
        let of = other.map_or(PERSON, |(_, ty)| ty);
        let list = attributes(of);
        let fit = list.iter().enumerate().skip(1).filter(|(_, a)| a.ty.required() == ty);
        let fit: Vec<u32> = fit.map(|(at, _)| at as u32).collect();
        let at = self.r.of(&fit);
        match other {
            Some((row, _)) => self.e(ExprKind::Field(row, at), ty.clone()),
            None => self.e(ExprKind::Attr(AttrId(at)), ty.clone()),
        }
    }

    fn list(&mut self, ty: &Type, depth: usize) -> Vec<ExprId> {
        (0..1 + self.r.below(3)).map(|_| self.expr(ty, depth)).collect()
    }

    fn some_kind(&mut self) -> Type {
        let number = self.r.below(KINDS);
        kind(number)
    }

    fn expr(&mut self, ty: &Type, depth: usize) -> ExprId {
        if depth == 0 {
            return self.leaf(ty);
        }
        let d = depth - 1;
        match self.r.below(10) {
            0 => {
                let (a, b) = (self.expr(ty, d), self.expr(ty, d));
                return self.e(ExprKind::Coalesce(a, b), ty.clone());
            }
            1 => {
                let (c, a, b) = (self.expr(&Type::Bool, d), self.expr(ty, d), self.expr(ty, d));
                return self.e(ExprKind::If(c, a, b), ty.clone());
            }
            2 => return self.arms(ty, d),
            3 if self.scope.len() < 3 => {
                let of = self.some_kind();
                let value = self.expr(&of, d);
                let at = self.scope.len() as u32;
                self.scope.push(of);
                let body = self.expr(ty, d);
                self.scope.pop();
                return self.e(ExprKind::Let(Local(at), value, body), ty.clone());
            }
            4 => {
                let of = self.expr(ty, d);
                return self.e(ExprKind::Named("n".into(), of), ty.clone());
            }
            _ => {}
        }
        self.of_kind(ty, d)
    }

    fn arms(&mut self, ty: &Type, d: usize) -> ExprId {
        let of_ty = self.some_kind();
        let of = self.expr(&of_ty, d);
        let mut arms = Vec::new();
        for _ in 0..1 + self.r.below(3) {
            let patterns = (0..1 + self.r.below(2)).map(|_| match self.r.below(6) {
                0 => ArmPattern::Any,
                1 => ArmPattern::Absent,
                2 if of_ty != Type::Bool => {
                    ArmPattern::Range(value(&mut self.r, &of_ty), value(&mut self.r, &of_ty))
                }
                _ => ArmPattern::Value(value(&mut self.r, &of_ty)),
            });
            let patterns = patterns.collect();
            arms.push(Arm { patterns, value: self.expr(ty, d) });
        }
        self.e(ExprKind::Match(of, arms), ty.clone())
    }

    fn arith(&mut self, op: ArithOp, (a, b): (Type, Type), ty: &Type, d: usize) -> ExprId {
        let (a, b) = (self.expr(&a, d), self.expr(&b, d));
        self.e(ExprKind::Arith(op, a, b), ty.clone())
    }

    fn call(&mut self, builtin: Builtin, args: &[Type], ty: &Type, d: usize) -> ExprId {
        let args = args.iter().map(|t| self.expr(t, d)).collect();
        self.e(ExprKind::Call(builtin, args), ty.clone())
    }

    fn of_kind(&mut self, ty: &Type, d: usize) -> ExprId {
        use ArithOp::{Add, Mul, Sub};
        let same = (ty.clone(), ty.clone());
        let either = if self.r.one_in(2) { Add } else { Sub };
        let choice = self.r.below(6);
        match (ty, choice) {
            (Type::Bool, _) => self.condition(d),
            (Type::Int | Type::Decimal | Type::Duration | Type::Elapsed, 0) => {
                let of = self.expr(ty, d);
                self.e(ExprKind::Neg(of), ty.clone())
            }
            (Type::Int, 1) => {
                let op = self.r.of(&[Builtin::Year, Builtin::Month, Builtin::Day, Builtin::Weekday]);
                self.call(op, &[Type::Date], ty, d)
            }
            (Type::Int, 2) => {
                let unit = self.r.of(&[
                    Unit::Days,
                    Unit::Weeks,
                    Unit::Months,
                    Unit::Years,
                    Unit::Months,
                    Unit::Years,
                    Unit::Hours,
                ]);
                let (from, to) = (self.expr(&Type::Date, d), self.expr(&Type::Date, d));
                self.e(ExprKind::Between(unit, from, to), Type::Int)
            }
            (Type::Int | Type::Decimal, 3) => self.call(Builtin::Abs, std::slice::from_ref(ty), ty, d),
            (Type::Int | Type::Decimal, 4) => self.arith(Mul, same, ty, d),
            (Type::Int, _) => self.arith(either, same, ty, d),
            (Type::Decimal, 1) => self.call(Builtin::ToDecimal, &[Type::Int], ty, d),
            (Type::Decimal, _) => self.arith(either, same, ty, d),
            (Type::Text, 0) => {
                let of = self.expr(&Type::Str, d);
                self.e(ExprKind::ToText(of), ty.clone())
            }
            (Type::Str | Type::Text | Type::Enum(_), _) => self.leaf(ty),
            (Type::Date, 0) => self.e(ExprKind::Today, Type::Date),
            (Type::Date, 1) => {
                let op = self.r.of(&[Builtin::Min, Builtin::Max]);
                self.call(op, &[Type::Date, Type::Date], ty, d)
            }
            (Type::Date, 2) => self.arith(Add, (Type::Duration, Type::Date), ty, d),
            (Type::Date, _) => self.arith(either, (Type::Date, Type::Duration), ty, d),
            (Type::Instant, 0) => self.e(ExprKind::Now, Type::Instant),
            (Type::Instant, _) => self.arith(either, (Type::Instant, Type::Elapsed), ty, d),
            (Type::Duration, 1) => self.arith(Sub, (Type::Date, Type::Date), ty, d),
            (Type::Duration, 2) => self.arith(Mul, (Type::Int, Type::Duration), ty, d),
            (Type::Duration, 3) => self.arith(Mul, (Type::Duration, Type::Int), ty, d),
            (Type::Duration, 4) => {
                let op = self.r.of(&[Builtin::Min, Builtin::Max]);
                self.call(op, &[Type::Duration, Type::Duration], ty, d)
            }
            (Type::Duration, _) => self.arith(either, same, ty, d),
            (Type::Elapsed, 1) => self.arith(Sub, (Type::Instant, Type::Instant), ty, d),
            (Type::Elapsed, 2) => self.arith(Mul, (Type::Int, Type::Elapsed), ty, d),
            (Type::Elapsed, _) => self.arith(either, same, ty, d),
            (other, _) => panic!("no expression of {other:?}"),
        }
    }

    fn condition(&mut self, d: usize) -> ExprId {
        let kind = match self.r.below(14) {
            0 => ExprKind::Not(self.expr(&Type::Bool, d)),
            1 => ExprKind::And(self.list(&Type::Bool, d)),
            2 => ExprKind::Or(self.list(&Type::Bool, d)),
            3 => {
                let ty = self.some_kind();
                ExprKind::IsPresent(self.expr(&ty, d))
            }
            4 => {
                let at = attributes(PERSON).iter().position(|a| a.name == "set").expect("a set");
                let set = self.e(ExprKind::Attr(AttrId(at as u32)), Type::Set(Box::new(Type::Str)));
                ExprKind::IsPresent(set)
            }
            5 => {
                let ty = kind(1 + self.r.below(KINDS - 1));
                let (a, b, c) = (self.expr(&ty, d), self.expr(&ty, d), self.expr(&ty, d));
                ExprKind::InRange(a, b, c)
            }
            6 => {
                let ty = self.some_kind();
                let element = match ty {
                    Type::Str | Type::Text if self.r.one_in(2) => Type::Str,
                    ref ty => ty.clone(),
                };
                let of = Type::Set(Box::new(ty.clone()));
                let set = if self.r.one_in(2) {
                    let n = self.r.below(4);
                    let values = (0..n).map(|_| value(&mut self.r, &ty)).collect();
                    self.e(ExprKind::Const(Value::set(values)), of)
                } else {
                    let list = self.list(&ty, d);
                    self.e(ExprKind::Set(list), of)
                };
                ExprKind::Contains(set, self.expr(&element, d))
            }
            7 => ExprKind::InSource(0),
            8 => {
                let (a, b) = (self.state(), self.state());
                ExprKind::Compare(self.op(), a, b)
            }
            9 => {
                let (a, ty) = self.row();
                let (b, other) = self.row();
                if ty == other {
                    let op = self.r.of(&[CompareOp::Eq, CompareOp::Ne]);
                    ExprKind::Compare(op, a, b)
                } else {
                    ExprKind::IsPresent(a)
                }
            }
            _ => {
                let ty = self.some_kind();
                let other = match ty {
                    Type::Str if self.r.one_in(2) => Type::Text,
                    Type::Text if self.r.one_in(2) => Type::Str,
                    ref ty => ty.clone(),
                };
                let (a, b) = (self.expr(&ty, d), self.expr(&other, d));
                ExprKind::Compare(self.op(), a, b)
            }
        };
        self.e(kind, Type::Bool)
    }

    fn op(&mut self) -> CompareOp {
        use CompareOp::{Eq, Ge, Gt, Le, Lt, Ne};
        self.r.of(&[Eq, Ne, Lt, Le, Gt, Ge])
    }

    fn state(&mut self) -> ExprId {
        let ty = Type::Enum(STATES);
        match self.r.below(3) {
            0 => self.e(ExprKind::State, ty),
            1 => {
                let (row, of) = self.row();
                if of == PERSON { self.e(ExprKind::StateOf(row), ty) } else { self.e(ExprKind::State, ty) }
            }
            _ => {
                let state = Value::Enum(self.r.below(3) as u32);
                self.e(ExprKind::Const(state), ty)
            }
        }
    }
}

fn table(r: &mut Random, of: IdentityId, rows: usize, sizes: [usize; 2], absent: usize) -> IdentityTable {
    let list = attributes(of);
    let mut columns = Vec::new();
    for attribute in &list {
        let ty = attribute.ty.required();
        let mut builder = ColumnBuilder::new(ty, &|_| vec![]);
        for row in 0..rows {
            let there = match absent {
                0 => true,
                1 => false,
                n => !r.one_in(n),
            };
            let cell = match ty {
                _ if attribute.name == "id" => Value::str(format!("{row:06}")),
                Type::Identity(to) => match sizes[to.index()] {
                    n if n > 0 && there => Value::Int(r.below(n) as i64),
                    _ => Value::Absent,
                },
                _ if !there => Value::Absent,
                Type::Set(ty) => Value::set((0..r.below(3)).map(|_| value(r, ty)).collect()),
                ty => value(r, ty),
            };
            builder.push(&cell);
        }
        columns.push(builder.finish());
    }
    let keys = (0..rows).map(|row| format!("{row:06}").into()).collect();
    let mut table = IdentityTable::new(Table { columns, rows, keys });
    let member = |r: &mut Random| r.of(&[Membership::In, Membership::Out, Membership::In]);
    table.members = vec![(0, (0..rows).map(|_| member(r)).collect())];
    table
}

impl Made {
    pub fn of(seed: u64, conditions: usize) -> Made {
        let mut r = Random(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let sizes = [r.of(&[1, 2, 63, 64, 65, 130]), r.of(&[0, 1, 5, 70])];
        let absent = r.of(&[0, 1, 2, 5, 5, 9]);
        let mut types = vec![
            table(&mut r, PERSON, sizes[0], sizes, absent),
            table(&mut r, SITE, sizes[1], sizes, absent),
        ];
        let broken = r.one_in(4);
        if broken {
            for table in &mut types {
                let count = table.len();
                for _ in 0..count / 8 {
                    let (row, attr) = (r.below(count) as u32, AttrId(r.below(12) as u32));
                    if r.one_in(2) {
                        table.broken.insert(row, vec![attr]);
                    } else {
                        table.doubtful.insert(row, vec![(attr, 0)]);
                    }
                    table.members[0].1[row as usize] = Membership::Unknown;
                }
            }
        }
        let population = Population { types, ..Population::default() };
        let names = |list: &[&str]| EnumDef { variants: list.iter().map(|v| v.to_string()).collect() };
        let state =
            |name: &str| StateDef { name: name.into(), rule: RuleId(0), leaver: false, verbs: vec![] };
        let rule = RuleInfo {
            kind: RuleKind::Source,
            name: "hr".into(),
            file: "main.prov".into(),
            line: 1,
            docs: None,
            annotations: vec![],
            severity: None,
            because: None,
        };
        let identity = |name: &str, of: IdentityId, lifecycle| IdentityDef {
            lifecycle,
            ..crate::common::identity(name, attributes(of))
        };
        let lifecycle = LifecycleDef { states: STATES, defs: vec![state("new"), state("old"), state("out")] };
        let schema = Schema {
            enums: vec![names(&["e1", "e2", "e3", "e4"]), names(&["new", "old", "out"])],
            identities: vec![identity("person", PERSON, Some(lifecycle)), identity("site", SITE, None)],
            sources: vec![SourceDef {
                name: "hr".into(),
                identity: PERSON,
                part: SourcePart::Authoritative,
                missing: None,
                rule: RuleId(0),
            }],
            rules: vec![rule],
            ..Schema::default()
        };
        let mut b = Builder { r, exprs: Vec::new(), scope: Vec::new() };
        let is_bool = |a: &FieldDef| a.name == "bool" || a.name == "bool2";
        let bools = attributes(PERSON);
        let bools: Vec<u32> = (0..).zip(&bools).filter(|(_, a)| is_bool(a)).map(|(at, _)| at).collect();
        let states = bools.iter().map(|at| Some(b.e(ExprKind::Attr(AttrId(*at)), Type::Bool)));
        let states: Vec<Option<ExprId>> = states.collect::<Vec<_>>().into_iter().chain([None]).collect();
        let roots: Vec<ExprId> = (0..conditions)
            .map(|_| {
                let depth = 1 + b.r.below(4);
                b.condition(depth)
            })
            .collect();
        let multiplied = b.exprs.iter().any(|e| {
            matches!(e.kind, ExprKind::Arith(ArithOp::Mul, ..)) && *e.ty.required() == Type::Decimal
        });
        let program = Program {
            lifecycles: vec![LifecycleProgram { identity: PERSON, conditions: states }],
            locals: 8,
            ..crate::common::program(schema, b.exprs)
        };
        let moment = Moment::at_instant(Instant(1_772_000_000), Zone::utc());
        let states = states_of(&population, &bools);
        Made { program, population, moment, states, conditions: roots, may_ask: broken || multiplied }
    }
}

/// The states that the lifecycle gives, by the letter.
fn states_of(population: &Population, bools: &[u32]) -> Vec<Vec<u32>> {
    let table = population.of(PERSON);
    let of = |row: u32| {
        for (state, at) in bools.iter().enumerate() {
            if table.is_broken(row, AttrId(*at)) {
                return u32::MAX;
            }
            if let Value::Bool(true) = table.table.columns[*at as usize].get(row as usize) {
                return state as u32;
            }
        }
        2
    };
    vec![(0..table.len() as u32).map(of).collect(), vec![u32::MAX; population.of(SITE).len()]]
}

/// Comparisons of every part of a condition with constants, smaller parts first: where it differs, which part does?
pub fn parts(program: &mut Program, id: ExprId) -> Vec<ExprId> {
    let (mut open, mut all) = (vec![id], std::collections::BTreeSet::new());
    while let Some(id) = open.pop() {
        if all.insert(id) {
            program.expr(id).kind.children(|child| open.push(child));
        }
    }
    let mut r = Random(1);
    let mut out = Vec::new();
    for part in all {
        let ty = program.expr(part).ty.required().clone();
        if !ty.is_scalar() || matches!(ty, Type::Enum(STATES)) {
            continue;
        }
        let mut add = |kind, ty: Type| {
            program.exprs.push(Expr { kind, ty, span: Span::new(SourceId(0), 0, 0) });
            ExprId(program.exprs.len() as u32 - 1)
        };
        out.push(add(ExprKind::IsPresent(part), Type::Bool));
        for _ in 0..60 {
            let with = add(ExprKind::Const(value(&mut r, &ty)), ty.clone());
            out.push(add(ExprKind::Compare(CompareOp::Le, part, with), Type::Bool));
        }
    }
    out
}

/// A condition as an indented tree.
pub fn shown(program: &Program, id: ExprId) -> String {
    fn walk(program: &Program, id: ExprId, depth: usize, out: &mut String) {
        let expr = program.expr(id);
        out.push_str(&format!("{:w$}{}", "", expr.kind.head(), w = depth * 2));
        if let ExprKind::Match(_, arms) = &expr.kind {
            out.push_str(&format!(" {:?}", arms.iter().map(|a| &a.patterns).collect::<Vec<_>>()));
        }
        out.push('\n');
        expr.kind.children(|child| walk(program, child, depth + 1, out));
    }
    let mut out = String::new();
    walk(program, id, 0, &mut out);
    out
}
