//! The rule program. Expressions lie in one arena, children before parents; everything else names them by id.

use prov_diag::Span;
use prov_model::{
    AppId, ArithOp, AttrId, Builtin, CompareOp, GuestOut, IdentityId, KindId, Moment, Param, Pattern, RuleId,
    Schema, TableId, TextOp, Type, Unit, Value, Zone,
};

/// An expression of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub u32);

/// A bound value within one expression tree: a function's parameter, an element of a list. Numbered from 0 outside in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Local(pub u32);

/// An expression with its type and its place in the policy.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// Its type; optional where it may be absent.
    pub ty: Type,
    /// Its text in the policy, for explanations.
    pub span: Span,
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

/// The operations. Meaning of operators: `prov_model`. Absence: unless a form says otherwise, an absent operand makes
/// the result absent; the checker lets that happen only where the type is optional.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant.
    Const(Value<'static>),
    /// An attribute of the identity at hand; references give a row of the other type, or absent.
    Attr(AttrId),
    /// The lifecycle state of the identity at hand, an enum.
    State,
    /// A bound value.
    Local(Local),
    /// A field of a record, or an attribute of an identity (through a reference or a list of identities).
    Field(ExprId, u32),
    /// The lifecycle state of another identity.
    StateOf(ExprId),
    /// The identities that refer to the identity at hand (`None`) or to another one, by the inverse of that number.
    Inverse(Option<ExprId>, u32),
    /// The identity at hand itself, as a row.
    Myself,
    /// Today, in the policy's zone.
    Today,
    /// Today in the zone that the string names; an unknown zone reads as the policy's.
    TodayIn(ExprId),
    /// Now.
    Now,
    /// `not`; operand present.
    Not(ExprId),
    /// `-a` of int, decimal, duration, elapsed; saturates.
    Neg(ExprId),
    /// All hold; evaluated from the left, ends at the first that fails. Operands present.
    And(Vec<ExprId>),
    /// One holds; evaluated from the left, ends at the first that holds. Operands present.
    Or(Vec<ExprId>),
    /// `== != < <= > >=`; operands present.
    Compare(CompareOp, ExprId, ExprId),
    /// `contains`, `starts with`, `ends with` on text; operands present.
    TextTest(TextOp, ExprId, ExprId),
    /// `set contains element` / `element in set`: set, element; operands present.
    Contains(ExprId, ExprId),
    /// `value in low..high`; operands present.
    InRange(ExprId, ExprId, ExprId),
    /// `matches`; operand present.
    Matches(ExprId, Box<Pattern>),
    /// `is present`: never absent itself.
    IsPresent(ExprId),
    /// `a ?? b`: the first where present, else the second.
    Coalesce(ExprId, ExprId),
    /// `+ - *`
    Arith(ArithOp, ExprId, ExprId),
    /// `string` → `text`
    ToText(ExprId),
    /// `if c then a else b`; the condition is present.
    If(ExprId, ExprId, ExprId),
    /// `match`; the first arm that matches. Without a matching arm: an error of the row in a source mapping (with
    /// [`Type::Optional`] results too); elsewhere the checker proved that one matches.
    Match(ExprId, Vec<Arm>),
    /// A string with values in it; absent where one of them is.
    Interpolate(Vec<StrPart>),
    /// `s[from..to]` in graphemes.
    Slice(ExprId, Option<ExprId>, Option<ExprId>),
    /// `[a, b]`: a set.
    Set(Vec<ExprId>),
    /// A quantifier: for each element of the list (rows) or set, bound to the local, the condition.
    Quant {
        /// Which.
        quant: Quant,
        /// The element.
        local: Local,
        /// List or set.
        list: ExprId,
        /// The condition; none = true.
        cond: Option<ExprId>,
    },
    /// Whole units from one date to another.
    Between(Unit, ExprId, ExprId),
    /// A local time of a day as an instant; the zone's name, or the policy's zone.
    AtTime(ExprId, u8, u8, Option<ExprId>),
    /// A built-in; a failing call is absent in rules and rejects the row in source mappings.
    Call(Builtin, Vec<ExprId>),
    /// Binds a value (perhaps absent) for the body.
    Let(Local, ExprId, ExprId),
    /// A `let` of the policy by name; for explanations only, the value is the body's.
    Named(String, ExprId),
    /// A row of a table by key, or absent.
    Lookup(TableId, ExprId),
    /// Whether the identity at hand has a role: the rule at this position of [`Program::rules`].
    HasRole(u32),
    /// Whether the identity at hand has an instance of a role with parameters: the rule, and one value a parameter.
    HasInstance(u32, Vec<ExprId>),
    /// Whether the identity at hand holds an entitlement; no arguments = any value of the kind.
    HasEntitlement(AppId, KindId, Option<Vec<ExprId>>),
    /// An attribute of the identity's account in an app (not `enabled`), by position.
    AccountAttr(AppId, u32),
    /// `unique(base, max: n)`: the name that the identity at hand was given in an account. Never read by the conditions
    /// of accounts nor by the base of another.
    Unique(UniqueName),
    /// Whether a source (position in [`Schema::sources`]) has a row of the identity at hand.
    InSource(u32),
    /// A cell of the row at hand, in source mappings: a string, perhaps absent. By position in
    /// [`SourceProgram::columns`].
    Cell(u32),
}

/// A name that is given once. All of one attribute of one app differ, whatever the identity type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueName {
    /// The app.
    pub app: AppId,
    /// The attribute, by position in [`prov_model::AccountDef::attributes`].
    pub attribute: u32,
    /// What it is made from: a string or text, present.
    pub base: ExprId,
    /// How many graphemes it may have.
    pub max: Option<u32>,
    /// `rename on change`: another base gives another name.
    pub rename: bool,
}

/// One arm of a match.
#[derive(Clone, Debug)]
pub struct Arm {
    /// It matches where one of these does.
    pub patterns: Vec<ArmPattern>,
    /// Its value.
    pub value: ExprId,
}

/// A pattern of an arm.
#[derive(Clone, Debug)]
pub enum ArmPattern {
    /// `_`: everything, absence too.
    Any,
    /// `absent`
    Absent,
    /// Equal to this.
    Value(Value<'static>),
    /// Within these, both included.
    Range(Value<'static>, Value<'static>),
}

/// A part of an interpolated string.
#[derive(Clone, Debug)]
pub enum StrPart {
    /// Text.
    Text(String),
    /// The plain spelling of a value.
    Value(ExprId),
}

/// How a source's rows become identities.
#[derive(Clone, Debug)]
pub struct SourceProgram {
    /// Position in [`Schema::sources`].
    pub source: u32,
    /// Column names that cells speak of; all must be there, but where [`AttributeProgram::Column`] is optional.
    pub columns: Vec<String>,
    /// One a field of [`Schema::fields_of`], in their order.
    pub attributes: Vec<AttributeProgram>,
    /// Whose row it is, where the source is not authoritative: a value of the type of the attribute that it joins.
    pub join: Option<AttributeProgram>,
    /// From which day a row counts.
    pub effective: Option<AttributeProgram>,
}

/// Where an attribute comes from.
#[derive(Clone, Debug)]
pub enum AttributeProgram {
    /// A mapping; [`ExprKind::Cell`] reads the row. Absence of a required attribute rejects the row.
    Mapped(ExprId),
    /// The column of the same name (or of a bare `row.COLUMN` mapping), read by the attribute's type; by position in
    /// [`SourceProgram::columns`].
    Column(u32),
    /// From another source.
    Nothing,
}

/// A lifecycle's conditions.
#[derive(Clone, Debug)]
pub struct LifecycleProgram {
    /// The identity type.
    pub identity: IdentityId,
    /// One a state, in order; `None` = `otherwise`. They read no role, entitlement or account, and no state but those of
    /// identities of other types, which do not lead back.
    pub conditions: Vec<Option<ExprId>>,
}

/// A partner whose people are guests; what it declares is in [`Schema::federations`] at the same position. What it asks
/// for is in the condition of the first state of the type's lifecycle too.
#[derive(Clone, Debug)]
pub struct FederationProgram {
    /// Which guests are its own; `None` = all of the type. It reads what a lifecycle's conditions may read, as do those
    /// that follow.
    pub of: Option<ExprId>,
    /// What puts one of them out, and as what; each by itself.
    pub out: Vec<(GuestOut, ExprId)>,
    /// The guest's attributes from what the partner says at sign-on: [`ExprKind::Cell`] reads a claim. What it does not
    /// give is [`AttributeProgram::Nothing`]; its `source` means nothing.
    pub maps: Option<SourceProgram>,
}

/// An app's accounts for one identity type.
#[derive(Clone, Debug)]
pub struct AccountProgram {
    /// The app.
    pub app: AppId,
    /// The identity type.
    pub identity: IdentityId,
    /// Its place.
    pub rule: RuleId,
    /// `when`; the account `from` which it comes is implied by the engine.
    pub when: Option<ExprId>,
    /// `enabled = …`
    pub enabled: Option<ExprId>,
    /// One an attribute of [`prov_model::AccountDef::attributes`], of scalar type, perhaps absent.
    pub attributes: Vec<ExprId>,
    /// What accounts that exist already are found by, in order.
    pub correlate: Vec<CorrelateProgram>,
}

/// `correlate attribute = E`: the accounts whose attribute is that value.
#[derive(Clone, Debug)]
pub struct CorrelateProgram {
    /// A position in [`prov_model::AccountDef::correlate`].
    pub key: u32,
    /// The value, of scalar type; absent or blank finds nothing.
    pub value: ExprId,
    /// Whether values are compared as `text`.
    pub folds: bool,
}

/// A birthright or a role.
#[derive(Clone, Debug)]
pub struct RuleProgram {
    /// Its name and place.
    pub rule: RuleId,
    /// The identity type.
    pub identity: IdentityId,
    /// When it is assigned; `None` = only through `includes` or by hand (a role without `when`).
    pub when: Option<ExprId>,
    /// How it is assigned by hand, where it can be.
    pub requestable: Option<RequestableProgram>,
    /// Its parameters: the first locals of all its expressions. A role that has some has no `when`.
    pub params: Vec<Param>,
    /// Roles it brings, by position in [`Program::rules`], sorted; not transitive. Of a role with parameters it brings the
    /// instances that [`RuleProgram::instances`] gives.
    pub includes: Vec<u32>,
    /// Which instances of roles with parameters it brings.
    pub instances: Vec<InstanceProgram>,
    /// What it grants.
    pub grants: Vec<GrantProgram>,
}

/// `includes R(args)` of a role with parameters.
#[derive(Clone, Debug)]
pub struct InstanceProgram {
    /// Its text.
    pub span: Span,
    /// The role, by position in [`Program::rules`].
    pub role: u32,
    /// One value a parameter, present.
    pub args: Vec<ExprId>,
    /// Loops around it, outside in.
    pub each: Vec<EachProgram>,
}

/// `requestable …` of a role.
#[derive(Clone, Debug)]
pub struct RequestableProgram {
    /// `when`: it must hold at all times.
    pub when: Option<ExprId>,
    /// `for at most`
    pub at_most: Option<prov_model::Span>,
    /// `approved by`: an identity, a string or a set of strings (global ids); absent = nobody may.
    pub approved_by: Option<ExprId>,
}

/// One entitlement of a `grant`.
#[derive(Clone, Debug)]
pub struct GrantProgram {
    /// Its text.
    pub span: Span,
    /// The app.
    pub app: AppId,
    /// The kind.
    pub kind: KindId,
    /// One a value of the kind.
    pub values: Vec<GrantValue>,
    /// `when` of the grant.
    pub when: Option<ExprId>,
    /// `from`: the day or instant at which it begins; present.
    pub from: Option<ExprId>,
    /// `until` or `through`.
    pub until: Option<EndProgram>,
    /// `keep`: how long it is held after its cause is lost, a `duration` or `elapsed`; present.
    pub keep: Option<ExprId>,
    /// Loops around it, outside in.
    pub each: Vec<EachProgram>,
}

/// The end of a grant.
#[derive(Clone, Copy, Debug)]
pub struct EndProgram {
    /// The day or instant; present.
    pub at: ExprId,
    /// `through`: the day or instant itself still counts.
    pub through: bool,
}

/// `each x in LIST where (C) { … }` around a grant.
#[derive(Clone, Debug)]
pub struct EachProgram {
    /// The element.
    pub local: Local,
    /// The list or set; absent = empty.
    pub list: ExprId,
    /// The condition.
    pub filter: Option<ExprId>,
}

/// A value of a granted entitlement.
#[derive(Clone, Debug)]
pub enum GrantValue {
    /// One value; absent grants nothing.
    One(ExprId),
    /// One entitlement an element of the set; absent = empty.
    Each(ExprId),
}

/// A forbid's condition; what it withholds is in [`Schema::forbids`] at the same position.
#[derive(Clone, Debug)]
pub struct ForbidProgram {
    /// The identity type; none = all types (then the condition is constant).
    pub identity: Option<IdentityId>,
    /// The condition; none = always.
    pub when: Option<ExprId>,
}

/// A step of the evaluation of one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// A rule: is it assigned? By position in [`Program::rules`].
    Rule(u32),
    /// A kind of an app: what of it is held? By position in [`Program::kinds`].
    Kind(u32),
    /// An app's account: is it wanted, with which attributes? By position in [`Program::accounts`].
    Account(u32),
}

/// A checked policy, ready to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it declares.
    pub schema: Schema,
    /// The policy's zone.
    pub zone: Zone,
    /// The arena of expressions; children come before parents.
    pub exprs: Vec<Expr>,
    /// Sources, in the order of [`Schema::sources`].
    pub sources: Vec<SourceProgram>,
    /// By identity type, by attribute: the sources that bring it (positions in [`Schema::sources`]), the preferred first.
    pub brought: Vec<Vec<Vec<u32>>>,
    /// Lifecycles.
    pub lifecycles: Vec<LifecycleProgram>,
    /// One an entry of [`Schema::federations`].
    pub federations: Vec<FederationProgram>,
    /// Accounts.
    pub accounts: Vec<AccountProgram>,
    /// Birthrights and roles, in order of (kind, name).
    pub rules: Vec<RuleProgram>,
    /// One an entry of [`Schema::forbids`].
    pub forbids: Vec<ForbidProgram>,
    /// One an entry of [`Schema::role_forbids`].
    pub role_forbids: Vec<ForbidProgram>,
    /// Every kind of every app, split by constant value where conditions ask for one: entitlement steps.
    pub kinds: Vec<(AppId, KindId, Option<String>)>,
    /// Steps in an order in which each comes after all it reads; steps in one inner list read each other without
    /// negation and are repeated, from nothing, until nothing changes.
    pub strata: Vec<Vec<Node>>,
    /// What is observed and not applied.
    pub observed: crate::Observed,
    /// How many locals the deepest expression binds.
    pub locals: u32,
    /// Attributes whose value is used as the name of a zone: a value that is none is an error of the row.
    pub zones: std::collections::BTreeSet<(IdentityId, AttrId)>,
}

impl Program {
    /// An expression.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }

    /// The block by which identities of a type have an account in an app, as a cause; none where no block is for them.
    pub fn account_rule(&self, app: AppId, identity: IdentityId) -> Option<RuleId> {
        self.accounts.iter().find(|a| (a.app, a.identity) == (app, identity)).map(|a| a.rule)
    }

    /// The moment of a day or an instant in the policy's zone; see [`prov_model::parse_at`].
    pub fn moment(&self, at: &str) -> Option<Moment> {
        prov_model::parse_at(at, &self.zone)
    }

    /// Whether values of a kind compare as `text` (one of them is).
    pub fn folds(&self, app: AppId, kind: KindId) -> bool {
        self.schema.kind(app, kind).types.contains(&Type::Text)
    }

    /// Whether an expression reads a unique name, of its own account or of the one that comes first.
    pub fn reads_unique(&self, root: ExprId) -> bool {
        let mut seen = std::collections::BTreeSet::from([root]);
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            let kind = &self.expr(id).kind;
            let mut next = |id: ExprId| {
                if seen.insert(id) {
                    open.push(id);
                }
            };
            match kind {
                ExprKind::Unique(_) => return true,
                ExprKind::AccountAttr(app, attribute) => self
                    .accounts
                    .iter()
                    .filter(|a| a.app == *app)
                    .filter_map(|a| a.attributes.get(*attribute as usize))
                    .for_each(|id| next(*id)),
                kind => kind.children(next),
            }
        }
        false
    }

    /// The position of a role or birthright by name.
    pub fn rule_by_name(&self, name: &str) -> Option<u32> {
        self.rules.iter().position(|r| self.schema.rule(r.rule).name == name).map(|i| i as u32)
    }
}

impl InstanceProgram {
    /// Every expression of it.
    pub fn exprs(&self) -> impl Iterator<Item = ExprId> + '_ {
        let each = self.each.iter().flat_map(|e| std::iter::once(e.list).chain(e.filter));
        self.args.iter().copied().chain(each)
    }
}

impl ExprKind {
    /// What it is, its operands aside; of a `match` without its patterns, of a `unique` name without its limits.
    pub fn head(&self) -> String {
        match self {
            ExprKind::Const(v) => format!("const {v:?}"),
            ExprKind::Attr(a) => format!("attr {}", a.0),
            ExprKind::State => "state".into(),
            ExprKind::Local(l) => format!("local {}", l.0),
            ExprKind::Field(_, f) => format!("field {f}"),
            ExprKind::StateOf(_) => "state of".into(),
            ExprKind::Inverse(_, n) => format!("inverse {n}"),
            ExprKind::Myself => "myself".into(),
            ExprKind::Today => "today".into(),
            ExprKind::TodayIn(_) => "today in".into(),
            ExprKind::Now => "now".into(),
            ExprKind::Not(_) => "not".into(),
            ExprKind::Neg(_) => "neg".into(),
            ExprKind::And(_) => "and".into(),
            ExprKind::Or(_) => "or".into(),
            ExprKind::Compare(op, ..) => format!("compare {op:?}"),
            ExprKind::TextTest(op, ..) => format!("text {op:?}"),
            ExprKind::Contains(..) => "contains".into(),
            ExprKind::InRange(..) => "range".into(),
            ExprKind::Matches(_, p) => format!("matches {} {} {}", p.is_regex, p.folded, p.source),
            ExprKind::IsPresent(_) => "present".into(),
            ExprKind::Coalesce(..) => "coalesce".into(),
            ExprKind::Arith(op, ..) => format!("arith {op:?}"),
            ExprKind::ToText(_) => "to text".into(),
            ExprKind::If(..) => "if".into(),
            ExprKind::Match(..) => "match".into(),
            ExprKind::Interpolate(parts) => {
                let text = |p: &StrPart| match p {
                    StrPart::Text(text) => format!("{text:?}"),
                    StrPart::Value(_) => "$".into(),
                };
                format!("interpolate {}", parts.iter().map(text).collect::<String>())
            }
            ExprKind::Slice(_, from, to) => format!("slice {} {}", from.is_some(), to.is_some()),
            ExprKind::Set(_) => "set".into(),
            ExprKind::Quant { quant, local, .. } => format!("quant {quant:?} {}", local.0),
            ExprKind::Between(unit, ..) => format!("between {unit:?}"),
            ExprKind::AtTime(_, h, m, zone) => format!("at {h} {m} {}", zone.is_some()),
            ExprKind::Call(b, _) => format!("call {b:?}"),
            ExprKind::Let(l, ..) => format!("let {}", l.0),
            ExprKind::Named(n, _) => format!("named {n}"),
            ExprKind::Lookup(t, _) => format!("lookup {}", t.0),
            ExprKind::HasRole(r) => format!("has {r}"),
            ExprKind::HasInstance(r, _) => format!("has instance {r}"),
            ExprKind::HasEntitlement(a, k, args) => format!("has {} {} {}", a.0, k.0, args.is_some()),
            ExprKind::AccountAttr(a, n) => format!("account {} {n}", a.0),
            ExprKind::Unique(u) => format!("unique {} {}", u.app.0, u.attribute),
            ExprKind::InSource(s) => format!("in {s}"),
            ExprKind::Cell(c) => format!("cell {c}"),
        }
    }

    /// Calls `f` with every direct child, in order of evaluation.
    pub fn children(&self, mut f: impl FnMut(ExprId)) {
        match self {
            ExprKind::Const(_)
            | ExprKind::Attr(_)
            | ExprKind::State
            | ExprKind::Local(_)
            | ExprKind::Inverse(None, _)
            | ExprKind::Myself
            | ExprKind::Today
            | ExprKind::Now
            | ExprKind::HasRole(_)
            | ExprKind::HasEntitlement(_, _, None)
            | ExprKind::AccountAttr(_, _)
            | ExprKind::InSource(_)
            | ExprKind::Cell(_) => {}
            ExprKind::Field(a, _)
            | ExprKind::StateOf(a)
            | ExprKind::Inverse(Some(a), _)
            | ExprKind::TodayIn(a)
            | ExprKind::Not(a)
            | ExprKind::Neg(a)
            | ExprKind::Matches(a, _)
            | ExprKind::IsPresent(a)
            | ExprKind::ToText(a)
            | ExprKind::Named(_, a)
            | ExprKind::Unique(UniqueName { base: a, .. })
            | ExprKind::Lookup(_, a) => f(*a),
            ExprKind::Compare(_, a, b)
            | ExprKind::TextTest(_, a, b)
            | ExprKind::Contains(a, b)
            | ExprKind::Coalesce(a, b)
            | ExprKind::Arith(_, a, b)
            | ExprKind::Between(_, a, b)
            | ExprKind::Let(_, a, b) => {
                f(*a);
                f(*b);
            }
            ExprKind::InRange(a, b, c) | ExprKind::If(a, b, c) => {
                f(*a);
                f(*b);
                f(*c);
            }
            ExprKind::And(list)
            | ExprKind::Or(list)
            | ExprKind::Set(list)
            | ExprKind::Call(_, list)
            | ExprKind::HasInstance(_, list)
            | ExprKind::HasEntitlement(_, _, Some(list)) => list.iter().copied().for_each(f),
            ExprKind::Match(a, arms) => {
                f(*a);
                arms.iter().for_each(|arm| f(arm.value));
            }
            ExprKind::Interpolate(parts) => {
                for part in parts {
                    if let StrPart::Value(e) = part {
                        f(*e);
                    }
                }
            }
            ExprKind::Slice(a, from, to) => {
                f(*a);
                from.iter().chain(to).copied().for_each(f);
            }
            ExprKind::Quant { list, cond, .. } => {
                f(*list);
                cond.iter().copied().for_each(f);
            }
            ExprKind::AtTime(date, _, _, zone) => {
                f(*date);
                zone.iter().copied().for_each(f);
            }
        }
    }
}
