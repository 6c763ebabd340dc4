//! A small builder of programs and populations. Invariant: what it builds is what a checked policy would give.

use prov_diag::{SourceId, Span};
use prov_eval::{Catalogs, Engine, LookupTable, build_population};
use prov_ir::{
    AccountProgram, AttributeProgram, Expr, ExprId, ExprKind, ForbidProgram, GrantProgram, GrantValue,
    LifecycleProgram, Program, RuleProgram, SourceProgram,
};
use prov_model::Background;
use prov_model::{
    AccountDef, AppDef, AppId, AttrId, CompareOp, Date, Desired, EnumDef, EnumId, FieldDef, ForbidDef,
    IdentityDef, IdentityId, InverseDef, KindDef, KindId, LifecycleDef, Mode, Moment, Population, RawCell,
    RawTable, RecordDef, RecordId, RuleId, RuleInfo, RuleKind, Schema, SourceDef, StateDef, TableDef,
    TableId, Type, Value, ValuePattern, Via, Zone,
};
use std::sync::Arc;

pub const STATUS: EnumId = EnumId(0);
pub const STATES: EnumId = EnumId(1);
pub const PERSON: IdentityId = IdentityId(0);
pub const JOB: RecordId = RecordId(0);
pub const GROUPS: TableId = TableId(0);
pub const AD: AppId = AppId(0);
pub const BADGE: AppId = AppId(1);
pub const GROUP: KindId = KindId(0);
pub const LICENSE: KindId = KindId(1);
pub const PAIR: KindId = KindId(2);
pub const DOOR: KindId = KindId(0);

/// States: terminated (leaver), leave (keeps), active.
pub const TERMINATED: u32 = 0;
pub const ACTIVE: u32 = 2;

/// A program in the making: people with an HR source, `ad` with groups (text), licences (highest wins) and pairs, and
/// `badge` with doors.
pub struct Build {
    pub program: Program,
    pub catalogs: Catalogs,
    pub tables: Vec<LookupTable>,
    next: u32,
}

fn field(name: &str, ty: Type) -> FieldDef {
    FieldDef { name: name.into(), ty }
}

pub fn set(of: Type) -> Type {
    Type::Set(Box::new(of))
}

pub fn kind(name: &str, types: Vec<Type>) -> KindDef {
    KindDef {
        name: name.into(),
        types,
        catalog: false,
        highest_wins: false,
        irrevocable: false,
        severity: None,
    }
}

impl Build {
    pub fn new() -> Build {
        let attributes = vec![
            field("id", Type::Str),
            field("status", Type::Enum(STATUS)),
            field("department", Type::Text),
            field("country", Type::Str),
            field("level", Type::Int.optional()),
            field("start", Type::Date),
            field("end", Type::Date.optional()),
            field("manager", Type::Identity(PERSON).optional()),
            field("skills", set(Type::Text)),
            field("jobs", Type::List(Box::new(Type::Record(JOB)))),
            field("share", Type::Decimal.optional()),
            field("vip", Type::Bool.optional()),
            field("zone", Type::Str.optional()),
        ];
        let columns: Vec<String> = attributes.iter().map(|a| a.name.clone()).collect();
        let mut b = Build {
            program: Program {
                observed: Default::default(),
                schema: Schema {
                    enums: vec![
                        EnumDef { variants: vec!["active".into(), "leave".into(), "terminated".into()] },
                        EnumDef { variants: vec!["terminated".into(), "leave".into(), "active".into()] },
                        EnumDef { variants: vec!["e1".into(), "e3".into(), "e5".into()] },
                    ],
                    records: vec![
                        RecordDef {
                            name: "job".into(),
                            fields: vec![
                                field("title", Type::Text),
                                field("boss", Type::Identity(PERSON).optional()),
                            ],
                        },
                        RecordDef {
                            name: "groups".into(),
                            fields: vec![field("department", Type::Text), field("groups", set(Type::Text))],
                        },
                    ],
                    identities: vec![IdentityDef {
                        name: "person".into(),
                        attributes,
                        key: AttrId(0),
                        inverses: vec![InverseDef {
                            name: "reports".into(),
                            from: PERSON,
                            attribute: AttrId(7),
                        }],
                        lifecycle: None,
                    }],
                    tables: vec![TableDef { name: "groups".into(), record: RecordId(1), key: 0 }],
                    ..Schema::default()
                },
                zone: Zone::parse("Europe/Paris").expect("a zone"),
                exprs: vec![],
                brought: vec![vec![vec![0]; columns.len()]],
                sources: vec![SourceProgram {
                    source: 0,
                    attributes: (0..columns.len()).map(|c| AttributeProgram::Column(c as u32)).collect(),
                    columns,
                    join: None,
                    effective: None,
                }],
                lifecycles: vec![],
                accounts: vec![],
                rules: vec![],
                forbids: vec![],
                role_forbids: vec![],
                federations: vec![],
                kinds: vec![],
                strata: vec![],
                locals: 8,
                zones: Default::default(),
            },
            catalogs: Catalogs::new(),
            tables: vec![],
            next: 0,
        };
        let rule = b.info(RuleKind::Source, "hr");
        b.program.schema.sources = vec![SourceDef {
            name: "hr".into(),
            identity: PERSON,
            part: prov_model::SourcePart::Authoritative,
            missing: None,
            rule,
        }];
        let mut license = kind("license", vec![Type::Enum(EnumId(2))]);
        license.highest_wins = true;
        b.app("ad", vec![kind("group", vec![Type::Text]), license, kind("pair", vec![Type::Str, Type::Str])]);
        b.app("badge", vec![kind("door", vec![Type::Str])]);
        b
    }

    fn app(&mut self, name: &str, kinds: Vec<KindDef>) {
        let rule = self.info(RuleKind::App, name);
        self.program.schema.apps.push(AppDef {
            name: name.into(),
            rule,
            via: Via::File,
            mode: Mode::Authoritative,
            account: None,
            kinds,
            managed: vec![],
            second_of: None,
        });
    }

    pub fn info(&mut self, kind: RuleKind, name: &str) -> RuleId {
        self.program.schema.rules.push(RuleInfo {
            kind,
            name: name.into(),
            file: "main.prov".into(),
            line: self.program.schema.rules.len() as u32 + 1,
            docs: None,
            annotations: vec![],
            severity: None,
            because: None,
        });
        RuleId(self.program.schema.rules.len() as u32 - 1)
    }

    fn span(&mut self) -> Span {
        self.next += 1;
        Span::new(SourceId(0), self.next as usize, self.next as usize + 1)
    }

    pub fn e(&mut self, kind: ExprKind, ty: Type) -> ExprId {
        let span = self.span();
        self.program.exprs.push(Expr { kind, ty, span });
        ExprId(self.program.exprs.len() as u32 - 1)
    }

    pub fn bool(&mut self, kind: ExprKind) -> ExprId {
        self.e(kind, Type::Bool)
    }

    pub fn attr(&mut self, name: &str) -> ExprId {
        let attributes = &self.program.schema.identities[0].attributes;
        let at = attributes.iter().position(|a| a.name == name).expect("an attribute");
        let ty = attributes[at].ty.clone();
        self.e(ExprKind::Attr(AttrId(at as u32)), ty)
    }

    pub fn str(&mut self, s: &str) -> ExprId {
        self.e(ExprKind::Const(Value::str(s.to_owned())), Type::Str)
    }

    pub fn text(&mut self, s: &str) -> ExprId {
        self.e(ExprKind::Const(Value::text(s.to_owned())), Type::Text)
    }

    pub fn int(&mut self, n: i64) -> ExprId {
        self.e(ExprKind::Const(Value::Int(n)), Type::Int)
    }

    pub fn truth(&mut self, b: bool) -> ExprId {
        self.bool(ExprKind::Const(Value::Bool(b)))
    }

    pub fn date(&mut self, s: &str) -> ExprId {
        self.e(ExprKind::Const(Value::Date(day(s))), Type::Date)
    }

    pub fn compare(&mut self, op: CompareOp, a: ExprId, b: ExprId) -> ExprId {
        self.bool(ExprKind::Compare(op, a, b))
    }

    pub fn eq(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.compare(CompareOp::Eq, a, b)
    }

    /// `department == "…"`
    pub fn in_department(&mut self, name: &str) -> ExprId {
        let (a, b) = (self.attr("department"), self.text(name));
        self.eq(a, b)
    }

    /// `level is present and level >= n`
    pub fn level_at_least(&mut self, n: i64) -> ExprId {
        let level = self.attr("level");
        let present = self.bool(ExprKind::IsPresent(level));
        let n = self.int(n);
        let high = self.compare(CompareOp::Ge, level, n);
        self.bool(ExprKind::And(vec![present, high]))
    }

    pub fn state_is(&mut self, state: u32) -> ExprId {
        let a = self.e(ExprKind::State, Type::Enum(STATES));
        let b = self.e(ExprKind::Const(Value::Enum(state)), Type::Enum(STATES));
        self.eq(a, b)
    }

    pub fn grant(&mut self, app: AppId, kind: KindId, values: Vec<GrantValue>) -> GrantProgram {
        GrantProgram {
            span: self.span(),
            app,
            kind,
            values,
            when: None,
            from: None,
            until: None,
            keep: None,
            each: vec![],
        }
    }

    /// `ad.group("…")`
    pub fn group(&mut self, name: &str) -> GrantProgram {
        let value = self.text(name);
        self.grant(AD, GROUP, vec![GrantValue::One(value)])
    }

    pub fn license(&mut self, variant: u32) -> GrantProgram {
        let ty = Type::Enum(EnumId(2));
        let value = self.e(ExprKind::Const(Value::Enum(variant)), ty);
        self.grant(AD, LICENSE, vec![GrantValue::One(value)])
    }

    pub fn door(&mut self, value: ExprId) -> GrantProgram {
        self.grant(BADGE, DOOR, vec![GrantValue::One(value)])
    }

    pub fn rule(&mut self, name: &str, when: Option<ExprId>, grants: Vec<GrantProgram>) -> u32 {
        let rule = self.info(RuleKind::Role, name);
        self.program.rules.push(RuleProgram {
            params: vec![],
            instances: vec![],
            rule,
            identity: PERSON,
            when,
            requestable: None,
            includes: vec![],
            grants,
        });
        self.program.rules.len() as u32 - 1
    }

    pub fn always(&mut self, name: &str, grants: Vec<GrantProgram>) -> u32 {
        let when = self.truth(true);
        self.rule(name, Some(when), grants)
    }

    pub fn forbid(
        &mut self,
        app: AppId,
        kind: Option<KindId>,
        values: Vec<ValuePattern>,
        when: Option<ExprId>,
    ) {
        let rule = self.info(RuleKind::Forbid, "forbid");
        self.program.schema.forbids.push(ForbidDef { rule, app, kind, values });
        self.program.forbids.push(ForbidProgram { identity: Some(PERSON), when });
    }

    pub fn account(&mut self, app: AppId, when: Option<ExprId>, attributes: Vec<(&str, ExprId)>) -> usize {
        let rule = self.info(RuleKind::Account, "account");
        let defs = attributes.iter().map(|(n, e)| field(n, self.program.expr(*e).ty.clone())).collect();
        self.program.schema.apps[app.index()].account =
            Some(AccountDef { rule, from: None, attributes: defs, unique: vec![], correlate: vec![] });
        self.program.accounts.push(AccountProgram {
            correlate: vec![],
            app,
            identity: PERSON,
            rule,
            when,
            enabled: None,
            attributes: attributes.into_iter().map(|(_, e)| e).collect(),
        });
        self.program.accounts.len() - 1
    }

    /// `terminated` (leaver) and `leave` (keeps) by status; `active` otherwise.
    pub fn lifecycle(&mut self) {
        let mut conditions = Vec::new();
        for status in [2, 1] {
            let a = self.attr("status");
            let b = self.e(ExprKind::Const(Value::Enum(status)), Type::Enum(STATUS));
            conditions.push(Some(self.eq(a, b)));
        }
        conditions.push(None);
        let mut defs = Vec::new();
        for (name, leaver, keeps) in
            [("terminated", true, false), ("leave", false, true), ("active", false, false)]
        {
            let rule = self.info(RuleKind::Lifecycle, &format!("person.{name}"));
            let verb = prov_model::VerbDef {
                kind: prov_model::VerbKind::KeepEntitlements,
                apps: vec![],
                after: None,
            };
            let verbs = if keeps { vec![verb] } else { vec![] };
            defs.push(StateDef { name: name.into(), rule, leaver, verbs });
        }
        self.program.schema.identities[0].lifecycle = Some(LifecycleDef { states: STATES, defs });
        self.program.lifecycles = vec![LifecycleProgram { identity: PERSON, conditions }];
    }

    pub fn engine(&self) -> Engine {
        Engine::new(Arc::new(self.program.clone()), self.tables.clone(), &self.catalogs)
    }

    pub fn people(&self, people: &[Person]) -> Population {
        build_population(&self.program, &[(0, raw(people))], &at("2026-03-02"))
    }

    /// The desired state of these people on 2026-03-02.
    pub fn desired(&self, people: &[Person]) -> Desired {
        self.engine().evaluate(&self.people(people), &at("2026-03-02"), &Background::default(), Some(1))
    }

    /// What a person holds, as `app.kind(value)`, and `held` for one who is held.
    pub fn holdings(&self, people: &[Person], id: &str) -> Vec<String> {
        held(&self.program, &self.desired(people), id)
    }

    /// The value of an expression for one person, as plain text; `None` where absent.
    pub fn value(&self, expr: ExprId, person: &Person) -> Option<String> {
        self.value_among(expr, std::slice::from_ref(person))
    }

    /// The same for the first of several.
    pub fn value_among(&self, expr: ExprId, people: &[Person]) -> Option<String> {
        let mut b = Build {
            program: self.program.clone(),
            catalogs: Catalogs::new(),
            tables: self.tables.clone(),
            next: 900,
        };
        let grant = b.door(expr);
        b.always("probe", vec![grant]);
        let doors: Vec<String> = b
            .holdings(people, &people[0].id)
            .into_iter()
            .filter_map(|h| Some(h.strip_prefix("badge.door(")?.strip_suffix(')')?.to_owned()))
            .collect();
        assert!(doors.len() <= 1, "one value");
        // Alone, where nothing was computed ahead.
        let population = b.people(people);
        let row = population.of(PERSON).row(&people[0].id).expect("a person");
        let one =
            b.engine().evaluate_one(&population, (PERSON, row), &at("2026-03-02"), &Background::default());
        let alone =
            one.holdings.iter().find(|c| c.entitlement.app == BADGE).map(|c| c.entitlement.value.to_string());
        assert_eq!(alone.as_ref(), doors.first(), "alone as among all");
        doors.into_iter().next()
    }
}

/// What a person holds, as `app.kind(value)`, sorted; `held` for one who is held.
pub fn held(program: &Program, desired: &Desired, id: &str) -> Vec<String> {
    let at = desired.position(id).expect("a person");
    if desired.flags[at].held {
        return vec!["held".into()];
    }
    let mut list: Vec<String> = desired
        .holdings
        .get(at)
        .iter()
        .map(|e| {
            let e = desired.entitlements.get(*e);
            let app = program.schema.app(e.app);
            format!("{}.{}({})", app.name, app.kinds[e.kind.index()].name, e.value)
        })
        .collect();
    list.sort();
    list
}

pub fn day(s: &str) -> Date {
    Date::parse(s).expect("a date")
}

pub fn at(s: &str) -> Moment {
    prov_model::parse_at(s, &Zone::parse("Europe/Paris").expect("a zone")).expect("a moment")
}

/// A row of the HR file; empty cells are absent.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub cells: Vec<(&'static str, String)>,
}

const COLUMNS: [&str; 13] = [
    "id",
    "status",
    "department",
    "country",
    "level",
    "start",
    "end",
    "manager",
    "skills",
    "jobs",
    "share",
    "vip",
    "zone",
];

pub fn person(id: &str) -> Person {
    let cells = [("status", "active"), ("department", "Sales"), ("country", "FR"), ("start", "2020-01-06")];
    Person { id: id.into(), cells: cells.map(|(c, v)| (c, v.to_owned())).to_vec() }
}

impl Person {
    pub fn with(mut self, column: &'static str, value: &str) -> Person {
        assert!(COLUMNS.contains(&column), "a column");
        self.cells.retain(|(c, _)| *c != column);
        self.cells.push((column, value.to_owned()));
        self
    }
}

pub fn raw(people: &[Person]) -> RawTable {
    let mut table = RawTable::new("hr.csv", COLUMNS.map(str::to_owned).to_vec());
    for (i, p) in people.iter().enumerate() {
        let cell = |c: &str| {
            if c == "id" {
                return RawCell::Text(&p.id);
            }
            p.cells.iter().find(|(n, _)| *n == c).map_or(RawCell::Absent, |(_, v)| RawCell::Text(v))
        };
        table.push(i as u64 + 2, COLUMNS.map(cell));
    }
    table
}
