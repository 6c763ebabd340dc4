//! Expressions as formulas over unknown values.
//! Invariant: whatever an identity, its surroundings and a moment make of an expression, some model of the formula makes
//! the same of it. What has no exact formula becomes an unknown value of its type, and is noted as a gap.

use crate::order::{Node, Order, Sum};
use crate::sat::{Lit, Sat};
use crate::term::{Asked, Gap, Origin, Shape, Term};
use crate::text::{Form, Test};
use crate::value::{Case, Sym};
use prov_ir::{ArmPattern, AttributeProgram, ExprId, ExprKind, Local, Program, Quant, StrPart};
use prov_model::{AppId, ArithOp, AttrId, Builtin, CompareOp, Date, IdentityId, KindId, Type, Unit, Value};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Cases of one value, at most: beyond that it counts as not expressed.
const CASES: usize = 40;

/// The years in which a claim must hold. Beyond them sums of days run into the calendar's ends, where nothing is later
/// than anything.
const FIRST_YEAR: i32 = 1970;
const LAST_YEAR: i32 = 2199;

/// Of whom an expression speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Subject {
    /// The identity that the claim speaks of.
    Me,
    /// The one that this reference of it leads to.
    Of(AttrId),
}

/// A formula that may be read while it is being made: rules that read each other.
#[derive(Clone, Copy)]
pub(crate) enum Making {
    Started(Option<Lit>),
    Done(Lit),
}

/// What a formula is of.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Of {
    Assigned(u32),
    Comes(u32),
    Left(u32),
    Had(u32),
    Hit(u32),
    Side(u32, u32),
    Account(u32),
    Blocked(AppId),
    /// One entitlement after forbids, its value as it is compared.
    Settled(AppId, KindId, String),
    /// The same after separations.
    Parted(AppId, KindId, String),
    /// The same with the highest of its kind alone.
    Held(AppId, KindId, String),
    /// Anything of a kind.
    Any(AppId, KindId),
    Forbid(u32),
    RoleForbid(u32),
}

pub(crate) struct Encoder<'p> {
    pub program: &'p Program,
    pub identity: IdentityId,
    /// Values that kinds allow, as they are compared.
    pub catalogs: BTreeMap<(AppId, KindId), Vec<String>>,
    /// Whether exceptions may suspend rules and deny access.
    pub exceptions: bool,
    /// Grants to this type by kind: rule and number.
    pub grants: BTreeMap<(AppId, KindId), Vec<(u32, u32)>>,
    /// The rules that include each.
    pub included_by: Vec<Vec<u32>>,
    pub sat: Sat,
    pub order: Order,
    pub terms: Vec<Term>,
    pub by_key: HashMap<String, u32>,
    pub gaps: BTreeMap<Gap, ()>,
    /// Literals of what is not expressed exactly: nobody need be able to make them true.
    pub open: Vec<Lit>,
    pub made: HashMap<Of, Making>,
    pub subject: Subject,
    /// Whether the claim itself is being read, and no rule.
    pub in_claim: bool,
    values: HashMap<(Subject, bool, ExprId), Sym>,
    tests: HashMap<(Subject, bool, ExprId), Lit>,
    states: HashMap<Subject, Vec<Lit>>,
    /// Bound values, each with the key of what it is.
    pub locals: HashMap<Local, (Sym, String)>,
    /// How many elements were bound, so that each has a key of its own.
    elements: u32,
    /// By expression: whether a bound value stands in it.
    bound: Vec<bool>,
    /// Days that are so much later than others: by months, of which only the least and greatest length is said.
    pub later: Vec<(Node, Node, prov_model::Duration)>,
    /// What is calculated from something, with that.
    pub derived: Vec<(Node, Node)>,
    /// Whether the identity is in a source.
    pub members: BTreeMap<u32, Lit>,
    /// Whether someone refers to the identity, by the number of the inverse.
    pub referred: BTreeMap<u32, Lit>,
    /// Rows that people wrote, by what they are: literal, by name.
    pub rows: BTreeMap<Row, Lit>,
}

/// A row that people wrote, or that memory holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Row {
    /// An assignment of the role at this position.
    Assignment(u32),
    /// An exception that allows what this forbids or keeps apart.
    Allow(String),
    /// An exception that denies a role.
    DenyRole(u32),
    /// An exception that denies an entitlement.
    Deny(AppId, KindId, String),
    /// A grant (rule, number) that gives this no more, and by which it is kept.
    Keep(u32, u32, String),
}

impl<'p> Encoder<'p> {
    pub(crate) fn new(program: &'p Program, identity: IdentityId, exceptions: bool, steps: u64) -> Self {
        let mut bound = Vec::with_capacity(program.exprs.len());
        for expr in &program.exprs {
            let mut is = matches!(expr.kind, ExprKind::Local(_));
            expr.kind.children(|child| is |= bound.get(child.0 as usize).copied().unwrap_or(false));
            bound.push(is);
        }
        let mut grants: BTreeMap<_, Vec<(u32, u32)>> = BTreeMap::new();
        let mut included_by = vec![Vec::new(); program.rules.len()];
        for (rule, of) in program.rules.iter().zip(0..).filter(|(rule, _)| rule.identity == identity) {
            for (grant, number) in rule.grants.iter().zip(0..) {
                grants.entry((grant.app, grant.kind)).or_default().push((of, number));
            }
            for includes in &rule.includes {
                included_by[*includes as usize].push(of);
            }
        }
        Encoder {
            grants,
            included_by,
            program,
            identity,
            catalogs: BTreeMap::new(),
            exceptions,
            sat: Sat::new(steps),
            order: Order::new(),
            terms: Vec::new(),
            by_key: HashMap::new(),
            gaps: BTreeMap::new(),
            open: Vec::new(),
            made: HashMap::new(),
            subject: Subject::Me,
            in_claim: false,
            values: HashMap::new(),
            tests: HashMap::new(),
            states: HashMap::new(),
            locals: HashMap::new(),
            elements: 0,
            bound,
            later: Vec::new(),
            derived: Vec::new(),
            members: BTreeMap::new(),
            referred: BTreeMap::new(),
            rows: BTreeMap::new(),
        }
    }

    pub(crate) fn is_bound(&self, id: ExprId) -> bool {
        self.bound[id.0 as usize]
    }

    /// Notes that something is not expressed exactly.
    pub(crate) fn gap(&mut self, span: prov_diag::Span, why: impl Into<String>) {
        self.gaps.insert(Gap { span, why: why.into() }, ());
    }

    /// A condition that nothing is known of.
    pub(crate) fn unknown(&mut self) -> Lit {
        let lit = self.sat.fresh();
        self.open.push(lit);
        lit
    }

    pub(crate) fn and(&mut self, lits: &[Lit]) -> Lit {
        self.sat.and(lits)
    }

    pub(crate) fn or(&mut self, lits: &[Lit]) -> Lit {
        self.sat.or(lits)
    }

    /// Within `f`, expressions speak of someone else.
    fn about<T>(&mut self, subject: Subject, f: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.subject, subject);
        let result = f(self);
        self.subject = before;
        result
    }

    fn type_of_subject(&self) -> Option<IdentityId> {
        match self.subject {
            Subject::Me => Some(self.identity),
            Subject::Of(attr) => self.refers_to(attr),
        }
    }

    /// Whom a reference of the identity leads to.
    fn refers_to(&self, attr: AttrId) -> Option<IdentityId> {
        let def = self.program.schema.identity(self.identity);
        match def.attributes.get(attr.index())?.ty.required() {
            Type::Identity(of) => Some(*of),
            _ => None,
        }
    }

    // ── unknown values ──────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn term(&mut self, key: String, origin: Origin, ty: &Type, present: Option<Lit>) -> u32 {
        if let Some(known) = self.by_key.get(&key) {
            return *known;
        }
        let present = present.unwrap_or_else(|| self.sat.fresh());
        let composed = matches!(origin, Origin::Own(_) | Origin::Of(..));
        let schema = &self.program.schema;
        let shape = Shape::of(ty, schema, &mut self.sat, &mut self.order, present, composed);
        self.terms.push(Term { origin, present, shape });
        let term = self.terms.len() as u32 - 1;
        self.by_key.insert(key, term);
        term
    }

    fn sym_of(&mut self, term: u32, ty: &Type) -> Sym {
        let Term { present, shape, .. } = &self.terms[term as usize];
        let present = *present;
        let case = match shape {
            Shape::Bool(lit) => Case::Bool(*lit),
            Shape::Enum(variants) => {
                let variants = variants.clone();
                let cases = variants
                    .iter()
                    .enumerate()
                    .map(|(i, lit)| (self.sat.and(&[present, *lit]), Case::Const(Value::Enum(i as u32))));
                return Sym { cases: cases.collect() };
            }
            Shape::Number(node) => Case::Number(Sum::of(*node)),
            Shape::Text(_) => Case::Text(Form {
                before: String::new(),
                term,
                after: String::new(),
                folds: *ty.required() == Type::Text,
            }),
            Shape::Set(_) => Case::Set(term, false),
            Shape::Thing => Case::Thing,
        };
        Sym { cases: vec![(present, case)] }
    }

    /// An attribute of whom the expression speaks of.
    fn attr(&mut self, attr: AttrId) -> Sym {
        let Some(of) = self.type_of_subject() else { return Sym::default() };
        let def = self.program.schema.identity(of);
        let ty = def.attributes[attr.index()].ty.clone();
        let (key, origin) = match self.subject {
            Subject::Me => (format!("own {}", attr.0), Origin::Own(attr)),
            Subject::Of(reference) => (format!("of {} {}", reference.0, attr.0), Origin::Of(reference, attr)),
        };
        let known = self.by_key.contains_key(&key);
        let present = if ty.is_optional() { None } else { Some(Lit::TRUE) };
        let term = self.term(key, origin, &ty, present);
        if !known {
            self.attribute_facts(of, attr, term);
        }
        self.sym_of(term, &ty)
    }

    /// What is known of every value of an attribute.
    fn attribute_facts(&mut self, of: IdentityId, attr: AttrId, term: u32) {
        // Blank cells are absent; what a mapping makes of one may be blank.
        let mapped = self.program.sources.iter().any(|s| {
            let def = &self.program.schema.sources[s.source as usize];
            let whole = !matches!(def.part, prov_model::SourcePart::Elements { .. });
            let program = s.attributes.get(attr.index());
            whole && def.identity == of && matches!(program, Some(AttributeProgram::Mapped(_)))
        });
        if let (Shape::Text(texts), false) = (&mut self.terms[term as usize].shape, mapped) {
            let form = Form { before: String::new(), term, after: String::new(), folds: false };
            let blank = texts.test(&mut self.sat, &form, Test::Blank);
            self.sat.clause(&[!blank]);
        }
        // What no source brings that has a row of the identity is not there.
        let brought = self.program.brought.get(of.index()).and_then(|b| b.get(attr.index())).cloned();
        let present = self.terms[term as usize].present;
        if self.subject == Subject::Me && present != Lit::TRUE {
            let mut one: Vec<Lit> = brought.unwrap_or_default().iter().map(|s| self.member(*s)).collect();
            if !one.is_empty() {
                one.push(!present);
                self.sat.clause(&one);
            }
        }
    }

    /// Whether the identity has a row in a source.
    pub(crate) fn member(&mut self, source: u32) -> Lit {
        if let Some(known) = self.members.get(&source) {
            return *known;
        }
        let authoritative: Vec<u32> = (self.program.schema.sources.iter().zip(0..))
            .filter(|(s, _)| s.identity == self.identity && s.is_authoritative())
            .map(|(_, i)| i)
            .collect();
        if authoritative == [source] {
            self.members.insert(source, Lit::TRUE);
            return Lit::TRUE;
        }
        let lit = self.sat.fresh();
        self.members.insert(source, lit);
        if authoritative.contains(&source) {
            let all: Vec<Lit> = authoritative.iter().map(|s| self.member(*s)).collect();
            self.sat.clause(&all);
        }
        lit
    }

    /// Anything of the expression's type: what can't be expressed exactly. Equal expressions are equal.
    pub(crate) fn open_value(&mut self, id: ExprId, why: &str) -> Sym {
        let expr = self.program.expr(id);
        let (ty, span) = (expr.ty.clone(), expr.span);
        self.gap(span, why);
        let key = format!("open {}", self.key(id));
        if let Some(known) = self.by_key.get(&key) {
            return self.sym_of(*known, &ty);
        }
        // Where presence was settled before, the type says nothing of it any more.
        let settled = match &expr.kind {
            ExprKind::Field(..)
            | ExprKind::Lookup(..)
            | ExprKind::Local(_)
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::StateOf(_)
            | ExprKind::If(..)
            | ExprKind::Match(..)
            | ExprKind::Let(..)
            | ExprKind::Coalesce(..) => true,
            ExprKind::ToText(_) => true,
            ExprKind::Call(builtin, _) => builtin.info().fallible,
            _ => false,
        };
        let present = if ty.is_optional() || settled { self.unknown() } else { Lit::TRUE };
        let term = self.term(key, Origin::Open, &ty, Some(present));
        self.sym_of(term, &ty)
    }

    /// A condition that can't be expressed exactly. Equal conditions are equal.
    pub(crate) fn open_test(&mut self, id: ExprId, why: &str) -> Lit {
        let span = self.program.expr(id).span;
        self.gap(span, why);
        let key = format!("test {}", self.key(id));
        self.open_lit(key)
    }

    pub(crate) fn open_lit(&mut self, key: String) -> Lit {
        let term = self.term(key, Origin::Open, &Type::Bool, Some(Lit::TRUE));
        match self.terms[term as usize].shape {
            Shape::Bool(lit) => lit,
            _ => Lit::TRUE,
        }
    }

    /// Equal expressions have equal keys.
    pub(crate) fn key(&self, id: ExprId) -> String {
        let expr = self.program.expr(id);
        let of = match (&expr.kind, self.subject) {
            (ExprKind::Named(_, of), _) => return self.key(*of),
            (ExprKind::Attr(attr), Subject::Of(reference)) => {
                return format!("of {} {}", reference.0, attr.0);
            }
            (ExprKind::Attr(attr), Subject::Me) => return format!("own {}", attr.0),
            (ExprKind::Local(local), _) => {
                return self.locals.get(local).map_or_else(|| format!("local {}", local.0), |l| l.1.clone());
            }
            (ExprKind::Field(of, field), Subject::Me) => match self.program.expr(*of).kind {
                ExprKind::Attr(reference) if self.refers_to(reference).is_some() => {
                    return format!("of {} {field}", reference.0);
                }
                _ => format!("field {field}"),
            },
            (ExprKind::Field(_, field), _) => format!("field {field}"),
            (ExprKind::Match(_, arms), _) => {
                let patterns: Vec<_> = arms.iter().map(|a| &a.patterns).collect();
                format!("match {patterns:?}")
            }
            (ExprKind::Interpolate(parts), _) => {
                let parts: Vec<String> = parts
                    .iter()
                    .map(|p| match p {
                        StrPart::Text(t) => format!("{t:?}"),
                        StrPart::Value(id) => format!("({})", self.key(*id)),
                    })
                    .collect();
                return format!("text {}", parts.join(" "));
            }
            (kind, _) => head(kind),
        };
        let mut out = format!("{of}(");
        let mut children = Vec::new();
        expr.kind.children(|child| children.push(child));
        for child in children {
            out.push_str(&self.key(child));
            out.push(',');
        }
        // Whose state, whose inverse: of whom the whole speaks.
        format!("{out}){:?}", self.subject)
    }

    // ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn value(&mut self, id: ExprId) -> Sym {
        let place = (self.subject, self.in_claim, id);
        if let Some(known) = self.values.get(&place) {
            return known.clone();
        }
        let mut sym = self.make_value(id);
        sym.cases.retain(|(guard, _)| *guard != Lit::FALSE);
        if sym.cases.len() > CASES {
            sym = self.open_value(id, "it has too many cases");
        }
        if !self.is_bound(id) {
            self.values.insert(place, sym.clone());
        }
        sym
    }

    fn make_value(&mut self, id: ExprId) -> Sym {
        let program = self.program;
        let expr = program.expr(id);
        match &expr.kind {
            ExprKind::Const(Value::Absent) => Sym::default(),
            ExprKind::Const(value) => Sym::one(Case::Const(value.clone())),
            ExprKind::Attr(attr) => self.attr(*attr),
            ExprKind::State => self.state(),
            ExprKind::Local(local) => match self.locals.get(local) {
                Some((sym, _)) => sym.clone(),
                None => self.open_value(id, "it is an element of a list"),
            },
            ExprKind::Field(of, field) => match program.expr(*of).kind {
                ExprKind::Attr(reference)
                    if self.subject == Subject::Me && self.refers_to(reference).is_some() =>
                {
                    let there = self.value(*of).present(&mut self.sat);
                    let sym = self.about(Subject::Of(reference), |me| me.attr(AttrId(*field)));
                    sym.when(&mut self.sat, there)
                }
                _ => {
                    let there = self.value(*of).present(&mut self.sat);
                    let sym = self.open_value(id, "it is a value of something else");
                    sym.when(&mut self.sat, there)
                }
            },
            ExprKind::StateOf(of) => match program.expr(*of).kind {
                ExprKind::Attr(reference)
                    if self.subject == Subject::Me && self.refers_to(reference).is_some() =>
                {
                    let there = self.value(*of).present(&mut self.sat);
                    let sym = self.about(Subject::Of(reference), Self::state);
                    sym.when(&mut self.sat, there)
                }
                _ => self.open_value(id, "it is the state of someone else"),
            },
            ExprKind::Myself => Sym::one(Case::Thing),
            ExprKind::Inverse(..) => self.open_value(id, "it speaks of those who refer to someone"),
            ExprKind::Today => self.clock("today", &Type::Date),
            ExprKind::Now => self.clock("now", &Type::Instant),
            ExprKind::TodayIn(_) => self.open_value(id, "it is a day in another zone"),
            ExprKind::AtTime(..) => self.open_value(id, "it is a time of day in a zone"),
            ExprKind::Not(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Compare(..)
            | ExprKind::TextTest(..)
            | ExprKind::Contains(..)
            | ExprKind::InRange(..)
            | ExprKind::Matches(..)
            | ExprKind::IsPresent(_)
            | ExprKind::HasRole(_)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::InSource(_)
            | ExprKind::Quant { quant: Quant::Any | Quant::All, .. } => Sym::bool(self.test(id)),
            ExprKind::Quant { quant: Quant::Count, .. } => {
                self.open_value(id, "it counts, and lists may be of any length")
            }
            ExprKind::Neg(of) => match self.value(*of).constant() {
                Some(Value::Int(n)) => Sym::one(Case::Const(Value::Int(n.saturating_neg()))),
                _ => self.open_value(id, "it calculates with something unknown"),
            },
            ExprKind::Coalesce(first, second) => {
                let first = self.value(*first);
                let there = first.present(&mut self.sat);
                let second = self.value(*second);
                first.join(second.when(&mut self.sat, !there))
            }
            ExprKind::If(cond, yes, no) => {
                let cond = self.test(*cond);
                let (yes, no) = (self.value(*yes), self.value(*no));
                yes.when(&mut self.sat, cond).join(no.when(&mut self.sat, !cond))
            }
            ExprKind::Match(of, arms) => {
                let value = self.value(*of);
                let (mut out, mut before) = (Sym::default(), Lit::TRUE);
                for arm in arms {
                    let hits: Vec<Lit> = arm.patterns.iter().map(|p| self.arm_hits(&value, p, *of)).collect();
                    let hit = self.or(&hits);
                    let here = self.and(&[before, hit]);
                    let given = self.value(arm.value);
                    out = out.join(given.when(&mut self.sat, here));
                    before = self.and(&[before, !hit]);
                }
                out
            }
            ExprKind::Let(local, value, body) => {
                let value = (self.value(*value), self.key(*value));
                let before = self.locals.insert(*local, value);
                let sym = self.value(*body);
                self.restore(*local, before);
                sym
            }
            ExprKind::Named(_, of) => self.value(*of),
            ExprKind::Arith(op, a, b) => self.arith(id, *op, *a, *b),
            ExprKind::ToText(of) => self.as_text(id, *of),
            ExprKind::Interpolate(parts) => self.interpolate(id, parts),
            ExprKind::Set(elements) => {
                let elements: Vec<Sym> = elements.iter().map(|e| self.value(*e)).collect();
                let there: Vec<Lit> = elements.iter().map(|e| e.present(&mut self.sat)).collect();
                let there = self.and(&there);
                Sym { cases: vec![(there, Case::Elements(Rc::new(elements)))] }
            }
            ExprKind::Between(unit, from, to) => {
                let (from, to) = (self.value(*from), self.value(*to));
                let mut out = Sym::default();
                for (a, from) in &from.cases {
                    for (b, to) in &to.cases {
                        let (Some(from), Some(to)) = (sum(from), sum(to)) else {
                            return self.open_value(id, "it counts units between days");
                        };
                        out.cases.push((self.sat.and(&[*a, *b]), Case::Between(*unit, from, to)));
                    }
                }
                out
            }
            ExprKind::Call(Builtin::ToStr, args) => match args.as_slice() {
                [of] if program.expr(*of).ty.is_textual() => {
                    let sym = self.value(*of);
                    let cases = sym.cases.into_iter().map(|(guard, case)| (guard, spelled(case)));
                    Sym { cases: cases.collect() }
                }
                _ => self.open_value(id, "it is what a function gives"),
            },
            ExprKind::Call(Builtin::ToText, args)
                if args.len() == 1 && program.expr(args[0]).ty.is_textual() =>
            {
                let sym = self.value(args[0]);
                let text = |case| match case {
                    Case::Text(form) => Case::Text(Form { folds: true, ..form }),
                    Case::Const(Value::Str(s)) => Case::Const(Value::text(s)),
                    other => other,
                };
                Sym { cases: sym.cases.into_iter().map(|(guard, case)| (guard, text(case))).collect() }
            }
            ExprKind::Call(..) => self.open_value(id, "it is what a function gives"),
            ExprKind::Slice(..) => self.open_value(id, "it is a part of a text"),
            ExprKind::Lookup(..) => {
                self.open_value(id, "it is looked up in a table, which may hold anything")
            }
            ExprKind::AccountAttr(..) => self.open_value(id, "it is an attribute of an account"),
            ExprKind::Unique(_) => self.open_value(id, "it is a unique name"),
            ExprKind::Cell(_) => self.open_value(id, "it is a cell"),
        }
    }

    fn restore(&mut self, local: Local, before: Option<(Sym, String)>) {
        match before {
            Some(bound) => self.locals.insert(local, bound),
            None => self.locals.remove(&local),
        };
    }

    pub(crate) fn clock(&mut self, which: &str, ty: &Type) -> Sym {
        let term = self.term(which.to_owned(), Origin::Moment, ty, Some(Lit::TRUE));
        if let Shape::Number(node) = self.terms[term as usize].shape {
            let day = |year| i128::from(Date::from_ymd(year, 1, 1).unwrap_or_default().0);
            let seconds = if *ty == Type::Date { 1 } else { 86_400 };
            let (first, last) = (day(FIRST_YEAR) * seconds, (day(LAST_YEAR + 1) - 1) * seconds);
            self.order.moment(node, first, last, day(2026) * seconds);
        }
        self.sym_of(term, ty)
    }

    /// The state of whom the expression speaks of.
    fn state(&mut self) -> Sym {
        let lits = self.state_lits();
        Sym { cases: lits.into_iter().zip(0..).map(|(lit, i)| (lit, Case::Const(Value::Enum(i)))).collect() }
    }

    /// One literal a state.
    pub(crate) fn state_lits(&mut self) -> Vec<Lit> {
        if let Some(known) = self.states.get(&self.subject) {
            return known.clone();
        }
        let of = self.type_of_subject();
        let lifecycle = self.program.lifecycles.iter().find(|l| Some(l.identity) == of);
        let (mut lits, mut before) = (Vec::new(), Lit::TRUE);
        for condition in lifecycle.map_or(&[][..], |l| &l.conditions) {
            let holds = match condition {
                Some(condition) => self.test(*condition),
                None => Lit::TRUE,
            };
            lits.push(self.and(&[before, holds]));
            before = self.and(&[before, !holds]);
        }
        // The checker proved that one holds.
        if !lits.is_empty() {
            self.sat.clause(&lits);
        }
        self.states.insert(self.subject, lits.clone());
        lits
    }

    fn arm_hits(&mut self, value: &Sym, pattern: &ArmPattern, of: ExprId) -> Lit {
        match pattern {
            ArmPattern::Any => Lit::TRUE,
            ArmPattern::Absent => !value.present(&mut self.sat),
            ArmPattern::Value(v) => {
                let v = Sym::one(Case::Const(v.clone()));
                self.compare(CompareOp::Eq, value, &v, of)
            }
            ArmPattern::Range(low, high) => {
                let (low, high) = (Sym::one(Case::Const(low.clone())), Sym::one(Case::Const(high.clone())));
                let above = self.compare(CompareOp::Ge, value, &low, of);
                let below = self.compare(CompareOp::Le, value, &high, of);
                self.and(&[above, below])
            }
        }
    }

    fn arith(&mut self, id: ExprId, op: ArithOp, a: ExprId, b: ExprId) -> Sym {
        let ty = self.program.expr(id).ty.required().clone();
        let (left, right) = (self.value(a), self.value(b));
        let mut out = Sym::default();
        for (g, x) in &left.cases {
            for (h, y) in &right.cases {
                let Some(case) = self.arith_case(op, x, y, &ty) else {
                    return self.open_value(id, "it calculates with what is unknown");
                };
                out.cases.push((self.sat.and(&[*g, *h]), case));
            }
        }
        out
    }

    fn arith_case(&mut self, op: ArithOp, x: &Case, y: &Case, ty: &Type) -> Option<Case> {
        if let (Case::Const(a), Case::Const(b)) = (x, y) {
            return Some(Case::Const(prov_model::arith(op, a, b, &self.program.zone).into_owned()));
        }
        if ty.is_textual() && op == ArithOp::Add {
            return join_forms(spelled(x.clone()), spelled(y.clone()), *ty == Type::Text);
        }
        let sub = op == ArithOp::Sub;
        match (op, x, y) {
            (ArithOp::Add | ArithOp::Sub, Case::Number(date), Case::Const(Value::Duration(d)))
                if *ty == Type::Date =>
            {
                let d = if sub { d.negated() } else { *d };
                self.later(*date, d, true)
            }
            (ArithOp::Add, Case::Const(Value::Duration(d)), Case::Number(date)) if *ty == Type::Date => {
                self.later(*date, *d, true)
            }
            (ArithOp::Sub, a, b) if *ty == Type::Duration => {
                let (a, b) = (sum(a)?, sum(b)?);
                Some(Case::Days(a.less(b)?))
            }
            (ArithOp::Add | ArithOp::Sub, a, b) if matches!(ty, Type::Int | Type::Decimal) => {
                let (Case::Number(n), Case::Const(c)) = (a, b) else { return None };
                let by = crate::value::number(c)?;
                self.clamped(*n, if sub { -by } else { by }, i128::from(i64::MIN), i128::from(i64::MAX))
            }
            _ => None,
        }
    }

    /// A day so much later. `clamped`: it ends at the calendar's ends, as sums of days do.
    fn later(&mut self, date: Sum, d: prov_model::Duration, clamped: bool) -> Option<Case> {
        let ends = |y, m, d| Date::from_ymd(y, m, d).map(|d| i128::from(d.0));
        let (first, last) = (ends(-9999, 1, 1)?, ends(9999, 12, 31)?);
        if d.months == 0 && clamped {
            return self.clamped(date, i128::from(d.days), first, last);
        }
        if let Some(day) = date.as_constant() {
            let then = Date(i32::try_from(day).ok()?).plus(d);
            let then = i128::from(then.0);
            return (then > first && then < last).then_some(Case::Number(Sum::constant(then)));
        }
        let node = date.as_node()?;
        let key = format!("later {} {} {} {clamped}", node.0, d.months, d.days);
        let (low, high) = months(d.months);
        let (low, high) = (low + i128::from(d.days), high + i128::from(d.days));
        let wide = i128::from(i32::MAX) * 64;
        let bounds = if clamped { (first, last) } else { (-wide, wide) };
        let (made, known) = self.made_number(key, bounds);
        if !known {
            // made - node within [low, high], but at the calendar's end.
            let to = |plus, minus, constant| Sum { plus, minus, constant };
            let below = self.order.at_most_zero(&mut self.sat, to(made, node, -high));
            let above = self.order.at_most_zero(&mut self.sat, to(node, made, low));
            if clamped {
                let is_first = self.order.at_most_zero(&mut self.sat, to(made, Node::ZERO, -first));
                let is_last = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, made, last));
                self.sat.clause(&[below, is_first]);
                self.sat.clause(&[above, is_last]);
            } else {
                self.sat.clause(&[below]);
                self.sat.clause(&[above]);
            }
            self.later.push((made, node, d));
            self.derived.push((made, node));
        }
        Some(Case::Number(Sum::of(made)))
    }

    /// Says for days of the model how much later others are, where the model has it otherwise. Gives the literals that
    /// hold on to those days; none where the model is right.
    pub(crate) fn correct(&mut self) -> Vec<Lit> {
        let values = self.order.values(&self.sat);
        let mut days = Vec::new();
        for (made, node, d) in self.later.clone() {
            let (day, has) = (values[node.0 as usize], values[made.0 as usize]);
            let Ok(date) = i32::try_from(day) else { continue };
            let then = i128::from(Date(date).plus(d).0);
            let (low, high) = self.order.bounds(made);
            // What runs off the calendar is not said of sums that do not end there.
            let ends =
                then == i128::from(Date(i32::MAX).plus(d).0) || then == i128::from(Date(i32::MIN).plus(d).0);
            if then == has || ends || then < low || then > high {
                continue;
            }
            let to = |plus, minus, constant| Sum { plus, minus, constant };
            let not_below = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, node, day));
            let not_above = self.order.at_most_zero(&mut self.sat, to(node, Node::ZERO, -day));
            let below = self.order.at_most_zero(&mut self.sat, to(made, Node::ZERO, -then));
            let above = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, made, then));
            self.sat.clause(&[!not_below, !not_above, below]);
            self.sat.clause(&[!not_below, !not_above, above]);
            days.extend([not_below, not_above]);
        }
        days
    }

    fn made_number(&mut self, key: String, (low, high): (i128, i128)) -> (Node, bool) {
        if let Some(Term { shape: Shape::Number(node), .. }) =
            self.by_key.get(&key).map(|t| &self.terms[*t as usize])
        {
            return (*node, true);
        }
        let node = self.order.node(low, high, 0);
        self.terms.push(Term { origin: Origin::Moment, present: Lit::TRUE, shape: Shape::Number(node) });
        self.by_key.insert(key, self.terms.len() as u32 - 1);
        (node, false)
    }

    /// `sum + by`, held within the ends of its type.
    fn clamped(&mut self, sum: Sum, by: i128, low: i128, high: i128) -> Option<Case> {
        if by == 0 {
            return Some(Case::Number(sum));
        }
        let node = sum.as_node()?;
        let (made, known) = self.made_number(format!("plus {} {by} {low} {high}", node.0), (low, high));
        if !known {
            let to = |plus, minus, constant| Sum { plus, minus, constant };
            let at_most = self.order.at_most_zero(&mut self.sat, to(made, node, -by));
            let at_least = self.order.at_most_zero(&mut self.sat, to(node, made, by));
            let is_low = self.order.at_most_zero(&mut self.sat, to(made, Node::ZERO, -low));
            let is_high = self.order.at_most_zero(&mut self.sat, to(Node::ZERO, made, high));
            self.sat.clause(&[at_most, is_low]);
            self.sat.clause(&[at_least, is_high]);
            self.derived.push((made, node));
            // An end is reached only where the sum leads beyond it.
            if by > 0 {
                self.sat.clause(&[at_most]);
            } else {
                self.sat.clause(&[at_least]);
            }
        }
        Some(Case::Number(Sum::of(made)))
    }

    fn as_text(&mut self, id: ExprId, of: ExprId) -> Sym {
        let sym = self.value(of);
        let mut out = Sym::default();
        for (guard, case) in sym.cases {
            let case = match case {
                Case::Const(Value::Str(s)) => Case::Const(Value::text(s)),
                Case::Const(Value::Set(elements)) => {
                    let text = |v: &Value<'static>| Value::text(v.spelling().unwrap_or("").to_owned());
                    Case::Const(Value::set(elements.iter().map(text).collect()))
                }
                Case::Text(form) => Case::Text(Form { folds: true, ..form }),
                Case::Set(term, _) => Case::Set(term, true),
                Case::Const(_)
                | Case::Bool(_)
                | Case::Number(_)
                | Case::Days(_)
                | Case::Between(..)
                | Case::Elements(_)
                | Case::Thing => return self.open_value(id, "it is taken as `text`"),
            };
            out.cases.push((guard, case));
        }
        out
    }

    fn interpolate(&mut self, id: ExprId, parts: &[StrPart]) -> Sym {
        let program = self.program;
        let mut out = Sym::one(Case::Const(Value::str("")));
        for part in parts {
            let next = match part {
                StrPart::Text(t) => Sym::one(Case::Const(Value::str(t.clone()))),
                StrPart::Value(e) => {
                    let sym = self.value(*e);
                    let ty = &program.expr(*e).ty;
                    let plain = |(guard, case)| match case {
                        Case::Const(v) if !matches!(v, Value::Str(_) | Value::Text(_)) => {
                            (guard, Case::Const(Value::str(v.plain(ty, &program.schema))))
                        }
                        case => (guard, spelled(case)),
                    };
                    Sym { cases: sym.cases.into_iter().map(plain).collect() }
                }
            };
            let mut joined = Sym::default();
            for (g, x) in &out.cases {
                for (h, y) in &next.cases {
                    let Some(case) = join_forms(x.clone(), y.clone(), false) else {
                        return self.text_with_unknowns(id, parts);
                    };
                    joined.cases.push((self.sat.and(&[*g, *h]), case));
                }
            }
            out = joined;
            if out.cases.len() > CASES {
                return self.text_with_unknowns(id, parts);
            }
        }
        out
    }

    /// A text with several unknown values in it: one unknown between the constants at its ends.
    fn text_with_unknowns(&mut self, id: ExprId, parts: &[StrPart]) -> Sym {
        let sym = self.open_value(id, "it is put together of several values");
        let there: Vec<Lit> = parts
            .iter()
            .filter_map(|p| if let StrPart::Value(e) = p { Some(*e) } else { None })
            .map(|e| self.value(e).present(&mut self.sat))
            .collect();
        let there = self.and(&there);
        let text = |p: Option<&StrPart>| match p {
            Some(StrPart::Text(t)) => t.clone(),
            _ => String::new(),
        };
        let cases = sym.cases.into_iter().map(|(guard, case)| match case {
            Case::Text(form) if parts.len() > 1 => {
                let (before, after) = (text(parts.first()), text(parts.last()));
                (guard, Case::Text(Form { before, after, ..form }))
            }
            case => (guard, case),
        });
        let sym = Sym { cases: cases.collect() };
        sym.when(&mut self.sat, there)
    }

    // ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// Whether a condition holds; none = always.
    pub(crate) fn holds(&mut self, condition: Option<ExprId>) -> Lit {
        condition.map_or(Lit::TRUE, |c| self.test(c))
    }

    pub(crate) fn test(&mut self, id: ExprId) -> Lit {
        let place = (self.subject, self.in_claim, id);
        if let Some(known) = self.tests.get(&place) {
            return *known;
        }
        let lit = self.make_test(id);
        if !self.is_bound(id) {
            self.tests.insert(place, lit);
        }
        lit
    }

    fn make_test(&mut self, id: ExprId) -> Lit {
        let program = self.program;
        match &program.expr(id).kind {
            ExprKind::Not(of) => !self.test(*of),
            ExprKind::And(list) => {
                let list: Vec<Lit> = list.iter().map(|e| self.test(*e)).collect();
                self.and(&list)
            }
            ExprKind::Or(list) => {
                let list: Vec<Lit> = list.iter().map(|e| self.test(*e)).collect();
                self.or(&list)
            }
            ExprKind::Compare(op, a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                self.compare(*op, &a, &b, id)
            }
            ExprKind::TextTest(op, a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                let mut out = Vec::new();
                for (g, x) in &a.cases {
                    for (h, y) in &b.cases {
                        let lit = match (x, y) {
                            (Case::Const(x), Case::Const(y)) => Lit::of(prov_model::text_op(*op, x, y)),
                            (Case::Text(form), Case::Const(c)) => {
                                self.text_test(form, Test::Holds(*op, c.clone()))
                            }
                            _ => self.open_test(id, "it compares two texts"),
                        };
                        out.push(self.sat.and(&[*g, *h, lit]));
                    }
                }
                self.or(&out)
            }
            ExprKind::Contains(set, element) => {
                let (set, element) = (self.value(*set), self.value(*element));
                self.contains(&set, &element, id)
            }
            ExprKind::InRange(value, low, high) => {
                let (value, low, high) = (self.value(*value), self.value(*low), self.value(*high));
                let above = self.compare(CompareOp::Ge, &value, &low, id);
                let below = self.compare(CompareOp::Le, &value, &high, id);
                self.and(&[above, below])
            }
            ExprKind::Matches(of, pattern) => {
                let sym = self.value(*of);
                let mut out = Vec::new();
                for (guard, case) in &sym.cases {
                    let lit = match case {
                        Case::Const(c) => Lit::of(pattern.matches(c)),
                        Case::Text(form) => {
                            let span = program.expr(id).span;
                            self.gap(span, "it matches a pattern");
                            self.text_test(form, Test::Matches((**pattern).clone()))
                        }
                        _ => self.open_test(id, "it matches a pattern"),
                    };
                    out.push(self.sat.and(&[*guard, lit]));
                }
                self.or(&out)
            }
            ExprKind::IsPresent(of) => self.value(*of).present(&mut self.sat),
            ExprKind::HasRole(rule) => match self.subject {
                Subject::Me => self.has_role(*rule),
                Subject::Of(_) => self.open_test(id, "it asks what someone else has"),
            },
            ExprKind::HasInstance(rule, _) => {
                let one = self.open_test(id, "it asks for an instance of a role");
                match self.subject {
                    Subject::Me => {
                        let any = self.has_role(*rule);
                        self.and(&[any, one])
                    }
                    Subject::Of(_) => one,
                }
            }
            ExprKind::HasEntitlement(app, kind, args) => match self.subject {
                Subject::Me => self.has_entitlement(id, *app, *kind, args.as_deref()),
                Subject::Of(_) => self.open_test(id, "it asks what someone else has"),
            },
            ExprKind::InSource(source) => match self.subject {
                Subject::Me => self.member(*source),
                Subject::Of(_) => self.open_test(id, "it asks for the source of someone else"),
            },
            ExprKind::Named(_, of) => self.test(*of),
            ExprKind::Let(local, value, body) => {
                let value = (self.value(*value), self.key(*value));
                let before = self.locals.insert(*local, value);
                let lit = self.test(*body);
                self.restore(*local, before);
                lit
            }
            ExprKind::Quant { quant: quant @ (Quant::Any | Quant::All), local, list, cond } => {
                let negated = *quant == Quant::All;
                let there = self.some(id, *local, *list, *cond, negated);
                let present = self.value(*list).present(&mut self.sat);
                let holds = if negated { !there } else { there };
                self.and(&[present, holds])
            }
            _ => {
                let sym = self.value(id);
                let holds: Vec<Lit> = sym
                    .cases
                    .iter()
                    .map(|(guard, case)| match case {
                        Case::Bool(lit) => self.sat.and(&[*guard, *lit]),
                        Case::Const(Value::Bool(truth)) => self.sat.and(&[*guard, Lit::of(*truth)]),
                        _ => Lit::FALSE,
                    })
                    .collect();
                self.or(&holds)
            }
        }
    }

    /// Whether some element fulfils a condition (or, negated, does not).
    fn some(
        &mut self,
        id: ExprId,
        local: Local,
        list: ExprId,
        condition: Option<ExprId>,
        negated: bool,
    ) -> Lit {
        if let (ExprKind::Inverse(None, number), None, false, Subject::Me) =
            (&self.program.expr(list).kind, condition, negated, self.subject)
        {
            let (number, known) = (*number, self.referred.get(number).copied());
            return known.unwrap_or_else(|| {
                let lit = self.sat.fresh();
                self.referred.insert(number, lit);
                lit
            });
        }
        let open = |me: &mut Self| {
            let lit = me.open_test(id, "it speaks of the elements of a list");
            if negated { !lit } else { lit }
        };
        let sym = self.value(list);
        let mut out = Vec::new();
        for (guard, case) in &sym.cases {
            let elements: Vec<Sym> = match case {
                Case::Const(Value::Set(elements)) => {
                    elements.iter().map(|e| Sym::one(Case::Const(e.clone()))).collect()
                }
                Case::Elements(elements) => elements.to_vec(),
                Case::Set(term, false)
                    if !self.holds_texts(*term) && !self.reads_other_locals(condition, local) =>
                {
                    let lit = self.sat.fresh();
                    let asked = Asked { lit, local, condition, negated };
                    if let Shape::Set(set) = &mut self.terms[*term as usize].shape {
                        set.asked.push(asked);
                    }
                    out.push(self.sat.and(&[*guard, lit]));
                    continue;
                }
                _ => return open(self),
            };
            for element in elements {
                let holds = self.with_element(local, element, condition);
                out.push(self.sat.and(&[*guard, holds.sign(!negated)]));
            }
        }
        self.or(&out)
    }

    /// Whether a condition holds of an element.
    pub(crate) fn with_element(&mut self, local: Local, element: Sym, condition: Option<ExprId>) -> Lit {
        let key = match element.constant() {
            Some(value) => format!("element {value:?}"),
            None => {
                self.elements += 1;
                format!("element number {}", self.elements)
            }
        };
        let before = self.locals.insert(local, (element, key));
        let holds = self.holds(condition);
        self.restore(local, before);
        holds
    }

    /// Whether bound values other than this one stand in a condition.
    fn reads_other_locals(&self, condition: Option<ExprId>, local: Local) -> bool {
        let Some(condition) = condition else { return false };
        let mut open = vec![condition];
        while let Some(id) = open.pop() {
            match &self.program.expr(id).kind {
                ExprKind::Local(other) if *other != local => return true,
                kind => kind.children(|child| open.push(child)),
            }
        }
        false
    }

    pub(crate) fn text_test(&mut self, form: &Form, test: Test) -> Lit {
        match &mut self.terms[form.term as usize].shape {
            Shape::Text(texts) => texts.test(&mut self.sat, form, test),
            _ => Lit::FALSE,
        }
    }

    // ── comparisons ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// `a op b`; `id` is where it stands.
    pub(crate) fn compare(&mut self, op: CompareOp, a: &Sym, b: &Sym, id: ExprId) -> Lit {
        let mut out = Vec::new();
        for (g, x) in &a.cases {
            for (h, y) in &b.cases {
                let both = self.sat.and(&[*g, *h]);
                if both == Lit::FALSE {
                    continue;
                }
                let lit = match self.compare_case(op, x, y) {
                    Some(lit) => lit,
                    None => self.open_comparison(op, x, y, id),
                };
                out.push(self.sat.and(&[both, lit]));
            }
        }
        self.or(&out)
    }

    fn open_comparison(&mut self, op: CompareOp, x: &Case, y: &Case, id: ExprId) -> Lit {
        let span = self.program.expr(id).span;
        self.gap(span, "it compares values that are both unknown");
        match (x.key(), y.key()) {
            (Some(x), Some(y)) => self.open_lit(format!("compare {} {x} {y}", op.symbol())),
            _ => self.unknown(),
        }
    }

    fn compare_case(&mut self, op: CompareOp, x: &Case, y: &Case) -> Option<Lit> {
        if let (Case::Const(_), false) = (x, matches!(y, Case::Const(_))) {
            return self.compare_case(crate::value::turned(op), y, x);
        }
        match (x, y) {
            (Case::Const(x), Case::Const(y)) => Some(Lit::of(op.holds(prov_model::compare(x, y)))),
            (Case::Bool(x), other) => {
                let y = match other {
                    Case::Bool(y) => *y,
                    Case::Const(Value::Bool(y)) => Lit::of(*y),
                    _ => return None,
                };
                let same = self.sat.same(*x, y);
                match op {
                    CompareOp::Eq => Some(same),
                    CompareOp::Ne => Some(!same),
                    CompareOp::Lt => Some(self.and(&[!*x, y])),
                    CompareOp::Gt => Some(self.and(&[*x, !y])),
                    CompareOp::Le => Some(!self.and(&[*x, !y])),
                    CompareOp::Ge => Some(!self.and(&[!*x, y])),
                }
            }
            (Case::Number(x), y) => {
                let y = sum(y)?;
                self.compare_sums(op, *x, y)
            }
            (Case::Days(x), Case::Days(y)) => self.compare_sums(op, *x, *y),
            (Case::Days(days), Case::Const(Value::Duration(d))) => {
                // A length of days ranks by its days; among equals, one with months ranks above.
                let (rank, months) = d.rank();
                let at = Sum::constant(i128::from(rank));
                let (above, equal) = (months > 0, months == 0);
                let op = match op {
                    CompareOp::Eq if !equal => return Some(Lit::FALSE),
                    CompareOp::Ne if !equal => return Some(Lit::TRUE),
                    CompareOp::Lt | CompareOp::Le if above => CompareOp::Le,
                    CompareOp::Lt | CompareOp::Le if !equal => CompareOp::Lt,
                    CompareOp::Gt | CompareOp::Ge if above => CompareOp::Gt,
                    CompareOp::Gt | CompareOp::Ge if !equal => CompareOp::Ge,
                    op => op,
                };
                self.compare_sums(op, *days, at)
            }
            (Case::Between(unit, from, to), Case::Const(Value::Int(n))) => {
                let at_least = |me: &mut Self, n: i64| me.between_at_least(*unit, *from, *to, n);
                match op {
                    CompareOp::Ge => at_least(self, *n),
                    CompareOp::Gt => at_least(self, n.checked_add(1)?),
                    CompareOp::Lt => at_least(self, *n).map(|l| !l),
                    CompareOp::Le => at_least(self, n.checked_add(1)?).map(|l| !l),
                    CompareOp::Eq | CompareOp::Ne => {
                        let (low, high) = (at_least(self, *n)?, at_least(self, n.checked_add(1)?)?);
                        let is = self.and(&[low, !high]);
                        Some(is.sign(op == CompareOp::Eq))
                    }
                }
            }
            (Case::Text(form), Case::Const(c)) => {
                let order = |op| Test::Order(op, c.clone());
                Some(match op {
                    CompareOp::Eq => self.text_test(form, Test::Is(c.clone())),
                    CompareOp::Ne => !self.text_test(form, Test::Is(c.clone())),
                    CompareOp::Lt => self.text_test(form, order(CompareOp::Lt)),
                    CompareOp::Le => self.text_test(form, order(CompareOp::Le)),
                    CompareOp::Gt => !self.text_test(form, order(CompareOp::Le)),
                    CompareOp::Ge => !self.text_test(form, order(CompareOp::Lt)),
                })
            }
            (Case::Text(x), Case::Text(y)) if x == y => {
                Some(Lit::of(matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge)))
            }
            _ => None,
        }
    }

    pub(crate) fn compare_sums(&mut self, op: CompareOp, x: Sum, y: Sum) -> Option<Lit> {
        let diff = x.less(y)?;
        let back = y.less(x)?;
        let at_most = |me: &mut Self, sum: Sum, by: i128| {
            me.order.at_most_zero(&mut me.sat, Sum { constant: sum.constant + by, ..sum })
        };
        Some(match op {
            CompareOp::Le => at_most(self, diff, 0),
            CompareOp::Lt => at_most(self, diff, 1),
            CompareOp::Ge => at_most(self, back, 0),
            CompareOp::Gt => at_most(self, back, 1),
            CompareOp::Eq | CompareOp::Ne => {
                let (le, ge) = (at_most(self, diff, 0), at_most(self, back, 0));
                let is = self.and(&[le, ge]);
                is.sign(op == CompareOp::Eq)
            }
        })
    }

    /// Whether at least `n` whole units lie between two days.
    fn between_at_least(&mut self, unit: Unit, from: Sum, to: Sum, n: i64) -> Option<Lit> {
        let days = match unit {
            Unit::Days => Some(i128::from(n)),
            // Whole weeks, cut towards zero.
            Unit::Weeks if n > 0 => Some(i128::from(n) * 7),
            Unit::Weeks => Some(i128::from(n) * 7 - 6),
            Unit::Months | Unit::Years => None,
            Unit::Seconds | Unit::Minutes | Unit::Hours => return None,
        };
        if let Some(days) = days {
            let apart = to.less(from)?;
            return self.compare_sums(CompareOp::Ge, apart, Sum::constant(days));
        }
        let in_months = |n: i64| i32::try_from(n.checked_mul(if unit == Unit::Years { 12 } else { 1 })?).ok();
        // Complete on the same day of the month; backwards, counted from the other end.
        if n > 0 {
            let months = in_months(n)?;
            let Case::Number(then) = self.later(from, prov_model::Duration { months, days: 0 }, false)?
            else {
                return None;
            };
            return self.compare_sums(CompareOp::Le, then, to);
        }
        let months = in_months(1i64.checked_sub(n)?)?;
        let Case::Number(then) = self.later(to, prov_model::Duration { months, days: 0 }, false)? else {
            return None;
        };
        self.compare_sums(CompareOp::Gt, then, from)
    }

    pub(crate) fn contains(&mut self, set: &Sym, element: &Sym, id: ExprId) -> Lit {
        let mut out = Vec::new();
        for (g, set) in &set.cases {
            for (h, element) in &element.cases {
                let both = self.sat.and(&[*g, *h]);
                if both == Lit::FALSE {
                    continue;
                }
                let one = Sym::one(element.clone());
                let lit = match (set, element) {
                    (Case::Const(Value::Set(list)), _) => {
                        let hits: Vec<Lit> = list
                            .iter()
                            .map(|e| {
                                let e = Sym::one(Case::Const(e.clone()));
                                self.compare(CompareOp::Eq, &one, &e, id)
                            })
                            .collect();
                        self.or(&hits)
                    }
                    (Case::Elements(list), _) => {
                        let hits: Vec<Lit> =
                            list.iter().map(|e| self.compare(CompareOp::Eq, &one, e, id)).collect();
                        self.or(&hits)
                    }
                    (Case::Set(term, folds), Case::Const(value)) => {
                        let folds = *folds || matches!(value, Value::Text(_)) || self.holds_texts(*term);
                        self.set_has(*term, value, folds)
                    }
                    _ => self.open_test(id, "it looks for an unknown value in an unknown set"),
                };
                out.push(self.sat.and(&[both, lit]));
            }
        }
        self.or(&out)
    }

    /// Whether the elements of a set are `text`.
    fn holds_texts(&self, term: u32) -> bool {
        matches!(&self.terms[term as usize].shape, Shape::Set(set) if set.texts)
    }

    /// Whether a set has an element; folded where only its folded form counts.
    pub(crate) fn set_has(&mut self, term: u32, value: &Value<'static>, folds: bool) -> Lit {
        let name = match (value, folds) {
            (Value::Text(t), true) => t.folded.clone().into_owned(),
            (Value::Str(s), true) => prov_model::fold(s).into_owned(),
            (value, _) => match value.spelling() {
                Some(s) => s.to_owned(),
                None => format!("{value:?}"),
            },
        };
        let Shape::Set(set) = &mut self.terms[term as usize].shape else { return Lit::FALSE };
        if let Some((_, known)) = set.members.get(&(folds, name.clone())) {
            return *known;
        }
        let lit = self.sat.fresh();
        set.members.insert((folds, name), (value.clone(), lit));
        lit
    }
}

/// The plain spelling of a text; of something else, itself.
pub(crate) fn spelled(case: Case) -> Case {
    match case {
        Case::Text(form) => Case::Text(Form { folds: false, ..form }),
        Case::Const(Value::Text(t)) => Case::Const(Value::Str(t.spelled)),
        other => other,
    }
}

/// Two texts one behind the other, of which one at most is unknown.
fn join_forms(x: Case, y: Case, folds: bool) -> Option<Case> {
    let constant = |s: String| Case::Const(if folds { Value::text(s) } else { Value::str(s) });
    Some(match (x, y) {
        (Case::Const(a), Case::Const(b)) => constant(format!("{}{}", a.spelling()?, b.spelling()?)),
        (Case::Const(a), Case::Text(form)) => {
            Case::Text(Form { before: format!("{}{}", a.spelling()?, form.before), folds, ..form })
        }
        (Case::Text(form), Case::Const(b)) => {
            Case::Text(Form { after: format!("{}{}", form.after, b.spelling()?), folds, ..form })
        }
        _ => return None,
    })
}

/// A number as a sum.
pub(crate) fn sum(case: &Case) -> Option<Sum> {
    match case {
        Case::Number(sum) => Some(*sum),
        Case::Const(value) => crate::value::number(value).map(Sum::constant),
        Case::Bool(_)
        | Case::Days(_)
        | Case::Between(..)
        | Case::Text(_)
        | Case::Set(..)
        | Case::Elements(_)
        | Case::Thing => None,
    }
}

/// How many days so many months have, at least and at most.
fn months(months: i32) -> (i128, i128) {
    let n = i128::from(months.unsigned_abs());
    let (years, rest) = (n / 12, n % 12);
    let (low, high) = (years * 365 + rest * 28, years * 366 + rest * 31);
    if months < 0 { (-high, -low) } else { (low, high) }
}

/// What an expression is, its operands aside.
fn head(kind: &ExprKind) -> String {
    match kind {
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
        ExprKind::Interpolate(_) => "interpolate".into(),
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
