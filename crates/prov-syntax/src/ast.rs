//! The syntax tree of a `.prov` file, with spans and nothing resolved.
//!
//! Invariant: the tree says what was written, never what it means; names are text here, and every node has the span
//! of exactly its own text.

#![expect(missing_docs, reason = "the form shown above a variant names its fields")]

use prov_diag::{SourceId, Span};
use prov_model::{Date, Decimal};

pub use prov_model::Unit;

/// A name as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The text.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug)]
pub struct File {
    /// The text it came from.
    pub source: SourceId,
    /// `//!` lines at the head, markers and one blank taken off, joined by line feeds.
    pub docs: Option<String>,
    /// Items that could be read, in order of writing.
    pub items: Vec<Item>,
    /// Items that could not: their names are known, so that nobody is told that they don't exist.
    pub broken: Vec<BrokenItem>,
}

/// What is known of an item that could not be read.
#[derive(Clone, Debug)]
pub struct BrokenItem {
    /// All that was skipped.
    pub span: Span,
    /// The item's keyword, where it has one.
    pub keyword: Option<Name>,
    /// Its name, where it has one.
    pub name: Option<Name>,
}

/// One item with what stands before it.
#[derive(Clone, Debug)]
pub struct Item {
    /// From the first annotation or keyword to the end (docs not included).
    pub span: Span,
    /// Its keyword and name, for messages about the whole item.
    pub head: Span,
    /// `///` lines before it.
    pub docs: Option<String>,
    /// `@…` before it.
    pub annotations: Vec<Annotation>,
    /// What it is.
    pub kind: ItemKind,
}

/// `@name(args)`.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// Whole.
    pub span: Span,
    /// The name without `@`.
    pub name: Name,
    /// Arguments: strings, names, numbers.
    pub args: Vec<Expr>,
}

/// The items of the language.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `use a.b.{x, y}` or `use a.b.x`.
    Use { path: Vec<Name>, names: Vec<Name> },
    /// `timezone "Europe/Paris"`.
    Timezone(StringLit),
    /// `identity N { … }`.
    Identity { name: Name, attributes: Vec<Attribute> },
    /// `record N { … }` (attributes separated by commas or line ends).
    Record { name: Name, fields: Vec<Attribute> },
    /// `source S of N … { … }`.
    Source(Source),
    /// `lifecycle N { … }`.
    Lifecycle { identity: Name, states: Vec<State> },
    /// `app A via MODE … { … }`.
    App(App),
    /// `birthright N [for T] when C { … }`.
    Birthright { name: Name, for_type: Option<Name>, when: Option<Expr>, body: Vec<Member> },
    /// `role N(params) [for T] [when C] [requestable …] { … }`.
    Role(Role),
    /// `forbid PATTERN[, …] when C because "…"`.
    Forbid {
        patterns: Vec<EntPattern>,
        for_type: Option<Name>,
        when: Option<Expr>,
        because: Option<StringLit>,
    },
    /// `separate A from B …` or `separate any N of [A, …] …`.
    Separate(Separate),
    /// `table t(col: type [key], …)`.
    Table { name: Name, columns: Vec<Attribute> },
    /// `let name [: T] = E`, with `for T` where it reads attributes of one identity type.
    Let { name: Name, for_type: Option<Name>, ty: Option<TypeExpr>, value: Expr },
    /// `fn name(a: T, …): U = E`.
    Fn { name: Name, params: Vec<Param>, result: Option<TypeExpr>, body: Expr },
    /// `guard …`.
    Guard(Guard),
    /// `protect PATTERN at least N members` or `protect identity "KEY"`.
    Protect(Protect),
    /// `limit PATTERN at most N`.
    Limit { pattern: EntPattern, at_most: Expr },
    /// `federation P of T [when C] { … }`.
    Federation(Federation),
    /// `login A { attr = E, … }` (8.2).
    Login { app: Name, fields: Vec<Assign> },
    /// `writeback S { attr = app.attr }`.
    Writeback { source: Name, fields: Vec<Assign> },
    /// `prove [NAME:] [for T] …`.
    Prove { name: Option<Name>, for_type: Option<Name>, claim: Claim, even_with_exceptions: bool },
    /// `test "…" { … }`.
    Test { name: StringLit, statements: Vec<TestStatement> },
}

/// An attribute of an identity, a field of a record or a column of a table.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Whole.
    pub span: Span,
    /// `///` before it.
    pub docs: Option<String>,
    /// Annotations before it.
    pub annotations: Vec<Annotation>,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// `key`.
    pub key: Option<Span>,
    /// `inverse NAME`.
    pub inverse: Option<Name>,
    /// `prefer SOURCE, …`.
    pub prefer: Vec<Name>,
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct TypeExpr {
    /// Whole, with `?`.
    pub span: Span,
    /// Which.
    pub kind: TypeKind,
    /// `?`.
    pub optional: bool,
}

/// The forms of a type.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `bool`, `string`, a record, an identity …
    Named(Name),
    /// `enum(a, b)`.
    Enum(Vec<Name>),
    /// `set of T`.
    Set(Box<TypeExpr>),
    /// `list of T`.
    List(Box<TypeExpr>),
}

/// `source S of N[.ATTR] …`.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, as wired in prov.toml.
    pub name: Name,
    /// The identity type.
    pub identity: Name,
    /// `.jobs`: the rows are elements of this list attribute.
    pub element_of: Option<Name>,
    /// `authoritative`.
    pub authoritative: Option<Span>,
    /// `joins ATTR`.
    pub joins: Option<Name>,
    /// `effective from COLUMN`.
    pub effective_from: Option<Expr>,
    /// `missing means STATE [after D]`.
    pub missing: Option<Missing>,
    /// The mapping.
    pub fields: Vec<Assign>,
}

/// `missing means STATE [after D]`.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Whole.
    pub span: Span,
    /// A leaver state, or the word `leaver` where there is only one.
    pub state: Name,
    /// `after D`.
    pub after: Option<Expr>,
}

/// `name = E`.
#[derive(Clone, Debug)]
pub struct Assign {
    /// Whole.
    pub span: Span,
    /// Left.
    pub name: Name,
    /// Right.
    pub value: Expr,
}

/// `state N when C { … }`, `state N otherwise`, or `state N { … }`.
#[derive(Clone, Debug)]
pub struct State {
    /// Whole.
    pub span: Span,
    /// `///` before it.
    pub docs: Option<String>,
    /// Its name.
    pub name: Name,
    /// The condition; `None` is `otherwise`, or nothing at all.
    pub when: Option<Expr>,
    /// Neither `when` nor `otherwise`: only a federation brings someone into it.
    pub bare: bool,
    /// What its accounts do.
    pub verbs: Vec<Verb>,
}

/// One verb of a state's block.
#[derive(Clone, Debug)]
pub struct Verb {
    /// Whole.
    pub span: Span,
    /// Which.
    pub kind: VerbKind,
    /// `in APP, …`.
    pub apps: Vec<Name>,
    /// `after D`.
    pub after: Option<Expr>,
}

/// The verbs of a state's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerbKind {
    /// `leaver`
    Leaver,
    /// `kill sessions`
    KillSessions,
    /// `disable accounts`
    DisableAccounts,
    /// `delete accounts`
    DeleteAccounts,
    /// `keep entitlements`
    KeepEntitlements,
    /// `drop entitlements`
    DropEntitlements,
}

/// `app A via MODE [additive|report|authoritative] { … }`.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name.
    pub name: Name,
    /// `via` what.
    pub via: Name,
    /// A mode word.
    pub mode: Option<Name>,
    /// Its body.
    pub members: Vec<AppMember>,
}

/// What stands in an app.
#[derive(Clone, Debug)]
pub enum AppMember {
    /// `account …`
    Account(Account),
    /// `entitlement …`
    Entitlement(EntitlementKind),
    /// `managed all` or `managed KIND matches "…" | all, …`
    Managed { span: Span, parts: Vec<ManagedPart> },
}

/// One part of `managed`.
#[derive(Clone, Debug)]
pub struct ManagedPart {
    /// Whole.
    pub span: Span,
    /// The kind; `None` for all kinds.
    pub kind: Option<Name>,
    /// What values; `None` is `all`.
    pub pattern: Option<Pattern>,
}

/// `account [NAME] [for T] [when C] [from APP] { … }`.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whole.
    pub span: Span,
    /// Its head, for messages.
    pub head: Span,
    /// Annotations before it.
    pub annotations: Vec<Annotation>,
    /// `account admin …`: a second account of the same person.
    pub name: Option<Name>,
    /// `for T`.
    pub for_type: Option<Name>,
    /// `when C`.
    pub when: Option<Expr>,
    /// `from APP`.
    pub from: Option<Name>,
    /// `correlate attr = E, …` in order.
    pub correlate: Vec<Assign>,
    /// Attributes.
    pub fields: Vec<AccountField>,
}

/// An attribute of an account.
#[derive(Clone, Debug)]
pub struct AccountField {
    /// The assignment.
    pub assign: Assign,
    /// `rename on change`.
    pub rename_on_change: Option<Span>,
}

/// `entitlement K(types) [catalog] [highest wins] [irrevocable]`.
#[derive(Clone, Debug)]
pub struct EntitlementKind {
    /// Whole.
    pub span: Span,
    /// `///` before it.
    pub docs: Option<String>,
    /// Annotations before it.
    pub annotations: Vec<Annotation>,
    /// Its name.
    pub name: Name,
    /// The types of its values.
    pub types: Vec<TypeExpr>,
    /// `catalog`
    pub catalog: Option<Span>,
    /// `highest wins`
    pub highest_wins: Option<Span>,
    /// `irrevocable`
    pub irrevocable: Option<Span>,
}

/// `role …`.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: Name,
    /// `(w: text)`
    pub params: Vec<Param>,
    /// `for T`
    pub for_type: Option<Name>,
    /// `when C`
    pub when: Option<Expr>,
    /// `requestable …`
    pub requestable: Option<Requestable>,
    /// Its body.
    pub body: Vec<Member>,
}

/// `requestable [when C] [for at most D] [approved by E]`.
#[derive(Clone, Debug)]
pub struct Requestable {
    /// Whole.
    pub span: Span,
    /// `when C`
    pub when: Option<Expr>,
    /// `for at most D`
    pub at_most: Option<Expr>,
    /// `approved by E`
    pub approved_by: Option<Expr>,
}

/// `name: T`.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
}

/// What stands in a birthright or role.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every member is a grant")]
pub enum Member {
    /// `includes R, S("x")`
    Includes { span: Span, roles: Vec<RoleRef> },
    /// `grant …`
    Grant(Grant),
    /// `each j in jobs where (C) { … }`
    Each { span: Span, var: Name, list: Expr, filter: Option<Expr>, body: Vec<Member> },
}

/// A role by name, with arguments where it has parameters.
#[derive(Clone, Debug)]
pub struct RoleRef {
    /// Whole.
    pub span: Span,
    /// The name.
    pub name: Name,
    /// The arguments.
    pub args: Vec<Expr>,
}

/// `grant E, … [as A] [when C] [from D] [until D | through D] [keep D]`.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whole.
    pub span: Span,
    /// Annotations before it.
    pub annotations: Vec<Annotation>,
    /// What is granted.
    pub entitlements: Vec<EntRef>,
    /// `as ACCOUNT`
    pub as_account: Option<Name>,
    /// `when C`
    pub when: Option<Expr>,
    /// `from D`
    pub from: Option<Expr>,
    /// `until D` or `through D`
    pub until: Option<Until>,
    /// `keep D`
    pub keep: Option<Expr>,
}

/// The end of a grant.
#[derive(Clone, Debug)]
pub struct Until {
    /// The date.
    pub date: Expr,
    /// `through`: the date itself still counts.
    pub inclusive: bool,
}

/// `app.kind(args)`; an argument may be `each SET`.
#[derive(Clone, Debug)]
pub struct EntRef {
    /// Whole.
    pub span: Span,
    /// The app.
    pub app: Name,
    /// The kind.
    pub kind: Name,
    /// The values.
    pub args: Vec<EntArg>,
}

/// A value of an entitlement in a grant.
#[derive(Clone, Debug)]
pub struct EntArg {
    /// `each`: one entitlement an element of the set.
    pub each: Option<Span>,
    /// The value, or the set.
    pub value: Expr,
}

/// What a forbid, separate, protect or limit speaks of.
#[derive(Clone, Debug)]
pub enum EntPattern {
    /// `app.kind(args)`; no parentheses = every value; an argument may be `matches "…"`, `any` or a value.
    Entitlement { span: Span, app: Name, kind: Option<Name>, args: Option<Vec<PatternArg>> },
    /// A role.
    Role(RoleRef),
}

impl EntPattern {
    /// Whole.
    pub fn span(&self) -> Span {
        match self {
            EntPattern::Entitlement { span, .. } => *span,
            EntPattern::Role(r) => r.span,
        }
    }
}

/// One argument of an entitlement pattern.
#[derive(Clone, Debug)]
pub enum PatternArg {
    /// Exactly this value.
    Value(Expr),
    /// `matches …`
    Matches(Pattern),
    /// `any`
    Any(Span),
}

/// `"glob*"` or `/regex/`.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Whole.
    pub span: Span,
    /// Which.
    pub kind: PatternKind,
}

/// The two languages of patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternKind {
    /// `*`, `?`, `[…]`; anchored.
    Glob(String),
    /// Rust regex syntax, not anchored.
    Regex(String),
}

/// `separate …`.
#[derive(Clone, Debug)]
pub struct Separate {
    /// `A from B`: two sides. `any N of [..]`: the list.
    pub what: SeparateWhat,
    /// `resolve …`
    pub resolve: Option<Name>,
    /// `because "…"`
    pub because: Option<StringLit>,
}

/// The two forms of a separation.
#[derive(Clone, Debug)]
pub enum SeparateWhat {
    /// `A, B from C, D`
    Sides(Vec<EntPattern>, Vec<EntPattern>),
    /// `any N of [A, B, C]`
    AnyOf(Expr, Vec<EntPattern>),
}

/// `guard …`.
#[derive(Clone, Debug)]
pub enum Guard {
    /// `guard revokes|disables|deletes|grants|creates|leavers [of PATTERN] [in APP] at most LIMIT [per app]`
    Effects { what: Name, of: Option<EntPattern>, app: Option<Name>, limit: Limit, per: Option<Name> },
    /// `guard SOURCE rows at least LIMIT [of last run]`
    Rows { source: Name, at_least: Amount, of_last_run: bool },
    /// `guard SOURCE age at most D`
    Age { source: Name, at_most: Expr },
    /// `guard SOURCE column C empty at most P`
    Empty { source: Name, column: Name, at_most: Amount },
}

/// `N`, `P%`, `P% of accounts|people`, `max(A, B)`.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Whole.
    pub span: Span,
    /// The greatest of these counts.
    pub amounts: Vec<Amount>,
}

/// A number or a share.
#[derive(Clone, Debug)]
pub struct Amount {
    /// Whole.
    pub span: Span,
    /// The number; hundredths of a percent are four decimals.
    pub value: Decimal,
    /// `%`
    pub percent: bool,
    /// `of accounts`, `of people`, `of holders`
    pub of: Option<Name>,
}

/// `protect …`.
#[derive(Clone, Debug)]
pub enum Protect {
    /// `protect PATTERN at least N members`
    Members { pattern: EntPattern, at_least: Expr },
    /// `protect identity "KEY"`
    Identity(Expr),
}

/// `federation P of T [when C] { … }`.
#[derive(Clone, Debug)]
pub struct Federation {
    /// Its name.
    pub name: Name,
    /// The identity type of its guests.
    pub of: Name,
    /// Which of them are its guests.
    pub when: Option<Expr>,
    /// What stands in its block.
    pub fields: Vec<FederationField>,
}

/// A field of `federation`.
#[derive(Clone, Debug)]
pub enum FederationField {
    /// `issuer = …`, `domains = …`, `address = …`, `sponsor = …`
    Assign(Assign),
    /// `maps { … }`
    Maps { span: Span, fields: Vec<Assign> },
    /// `admit when C`
    Admit { span: Span, when: Expr },
    /// `expires after D from E`
    Expires { span: Span, after: Expr, from: Expr },
    /// `until D`, `through D`
    Until { span: Span, until: Until },
}

impl FederationField {
    /// Whole.
    pub fn span(&self) -> Span {
        match self {
            FederationField::Assign(a) => a.span,
            FederationField::Maps { span, .. }
            | FederationField::Admit { span, .. }
            | FederationField::Expires { span, .. }
            | FederationField::Until { span, .. } => *span,
        }
    }
}

/// What `prove` claims.
#[derive(Clone, Debug)]
pub enum Claim {
    /// `never C`
    Never(Expr),
    /// `always C`
    Always(Expr),
    /// `A means B`
    Means(Expr, Expr),
}

/// A statement of a test.
#[derive(Clone, Debug)]
pub struct TestStatement {
    /// Whole.
    pub span: Span,
    /// Which.
    pub kind: TestKind,
}

/// The statements of a test.
#[derive(Clone, Debug)]
pub enum TestKind {
    /// `given x = RECORD`, `given assignments = [...]`
    Given(Assign),
    /// `given population|actual|TABLE from "path"`
    GivenFrom { what: Name, path: StringLit },
    /// `at DATE`
    At(Expr),
    /// `change x { attr: E, … }`
    Change { who: Name, fields: Vec<Assign> },
    /// `leave x`
    Leave(Name),
    /// `wait D`
    Wait(Expr),
    /// `expect …`
    Expect(Expect),
}

/// What a test expects.
#[derive(Clone, Debug)]
pub enum Expect {
    /// `X has|lacks|gains|loses|keeps E, … [until D]`
    Holds { who: Name, verb: Name, what: Vec<EntRef>, roles: Vec<RoleRef>, until: Option<Expr> },
    /// `X state S`
    State { who: Name, state: Name },
    /// `plan has|lacks ACTION(args)`
    PlanHas { lacks: bool, action: Name, args: Vec<Expr> },
    /// `plan snapshot`
    Snapshot,
    /// `withheld E for X`
    Withheld { what: EntRef, who: Option<Name> },
    /// A condition that must hold.
    That(Expr),
}

/// A string literal without interpolation.
#[derive(Clone, Debug)]
pub struct StringLit {
    /// With its quotes.
    pub span: Span,
    /// Unescaped.
    pub text: String,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Whole.
    pub span: Span,
    /// Which.
    pub kind: ExprKind,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `true`, `false`
    Bool(bool),
    /// `42`
    Int(i64),
    /// `4.25`
    Decimal(Decimal),
    /// `2026-03-02`
    Date(Date),
    /// `30 days`
    Duration(i64, Unit),
    /// `"text {expr}"`
    Str(Vec<StrPart>),
    /// A name, whatever it stands for; `today`, `now`, `state`, `row` and `reports` too.
    Name(Name),
    /// `a.b`
    Field(Box<Expr>, Name),
    /// `t[key]`, `row["in"]`
    Index(Box<Expr>, Box<Expr>),
    /// `s[a..b]`; either end may be left out.
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    /// `f(a, max: b)`
    Call(Box<Expr>, Vec<Arg>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `person { id: "1" }`, in tests only.
    Record(Name, Vec<Assign>),
    /// `not a`
    Not(Box<Expr>),
    /// `-a`
    Neg(Box<Expr>),
    /// `a op b`; the span is the operator's.
    Binary(Box<Expr>, BinaryOp, Span, Box<Expr>),
    /// `a in b`, `a not in b` where b is a list or set
    In { value: Box<Expr>, set: Box<Expr>, negated: bool },
    /// `a in b..c`, both ends included
    InRange { value: Box<Expr>, low: Box<Expr>, high: Box<Expr>, negated: bool },
    /// `a matches P`
    Matches { value: Box<Expr>, pattern: Pattern, negated: bool },
    /// `a is present` (true) or `a is absent` (false)
    Is { value: Box<Expr>, present: bool },
    /// `if c then a else b`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `match e { p, q => a, _ => b }`
    Match(Box<Expr>, Vec<Arm>),
    /// `any x in l where (c)` …
    Quant { quant: Quant, var: Name, list: Box<Expr>, cond: Option<Box<Expr>> },
    /// `years between a and b`
    Between { unit: Unit, unit_span: Span, from: Box<Expr>, to: Box<Expr> },
    /// `has R`, `has app.kind(v)`; the operand as written
    Has(Box<Expr>),
    /// `holds nothing`
    HoldsNothing,
    /// `today in ZONE`
    TodayIn(Box<Expr>),
    /// `D at HH:MM in ZONE`
    AtTime { date: Box<Expr>, hour: u8, minute: u8, zone: Option<Box<Expr>> },
    /// `in SOURCE`
    InSource(Name),
    /// `( e )`, kept so that mixing of `and` and `or` can be judged
    Paren(Box<Expr>),
}

/// A part of a string.
#[derive(Clone, Debug)]
pub enum StrPart {
    /// Unescaped text.
    Text(String),
    /// `{expr}`
    Expr(Expr),
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Arg {
    /// `max:`
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// An arm of a match.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Whole.
    pub span: Span,
    /// What it matches.
    pub patterns: Vec<ArmPattern>,
    /// Its value.
    pub value: Expr,
}

/// A pattern of an arm.
#[derive(Clone, Debug)]
pub enum ArmPattern {
    /// `_`
    Any(Span),
    /// `absent`
    Absent(Span),
    /// A constant or an enum variant.
    Value(Expr),
    /// `a..b`, both ends included
    Range(Expr, Expr),
}

/// `any`, `all`, `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quant {
    /// At least one; false over nothing.
    Any,
    /// Every one; true over nothing.
    All,
    /// How many.
    Count,
}

/// Operators between two expressions. Precedence is the grammar's, meaning the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `contains`
    Contains,
    /// `starts with`
    StartsWith,
    /// `ends with`
    EndsWith,
    /// `??`
    Coalesce,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
}
