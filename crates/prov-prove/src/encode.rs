//! Expressions as formulas over unknown values.
//! Invariant: whatever an identity, its surroundings and a moment make of an expression, some model of the formula makes
//! the same of it. What has no exact formula becomes an unknown value of its type, and is noted as a gap.

use crate::order::{Node, Order, Sum};
use crate::sat::{Lit, Sat};
use crate::term::{Gap, Origin, Shape, Term};
use crate::text::{Form, Test};
use crate::value::{Case, Sym};
use prov_ir::{AttributeProgram, ExprId, ExprKind, Local, Program};
use prov_model::{AppId, AttrId, IdentityId, KindId, Type, Value};
use std::collections::{BTreeMap, HashMap};

/// Cases of one value, at most: beyond that it counts as not expressed.
pub(crate) const CASES: usize = 40;

/// The years in which a claim must hold. Beyond them sums of days run into the calendar's ends, where nothing is later
/// than anything.
pub(crate) const FIRST_YEAR: i32 = 1970;
pub(crate) const LAST_YEAR: i32 = 2199;

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
    pub values: HashMap<(Subject, bool, ExprId), Sym>,
    pub tests: HashMap<(Subject, bool, ExprId), Lit>,
    pub states: HashMap<Subject, Vec<Lit>>,
    /// Bound values, each with the key of what it is.
    pub locals: HashMap<Local, (Sym, String)>,
    /// How many elements were bound, so that each has a key of its own.
    pub elements: u32,
    /// By expression: whether a bound value stands in it.
    pub bound: Vec<bool>,
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
            let observed = |number: &u32| program.observed.grants.contains(&(of, *number));
            for (grant, number) in rule.grants.iter().zip(0..).filter(|(_, n)| !observed(n)) {
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
    pub(crate) fn about<T>(&mut self, subject: Subject, f: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.subject, subject);
        let result = f(self);
        self.subject = before;
        result
    }

    pub(crate) fn type_of_subject(&self) -> Option<IdentityId> {
        match self.subject {
            Subject::Me => Some(self.identity),
            Subject::Of(attr) => self.refers_to(attr),
        }
    }

    /// Whom a reference of the identity leads to.
    pub(crate) fn refers_to(&self, attr: AttrId) -> Option<IdentityId> {
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

    pub(crate) fn sym_of(&mut self, term: u32, ty: &Type) -> Sym {
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
    pub(crate) fn attr(&mut self, attr: AttrId) -> Sym {
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
    pub(crate) fn attribute_facts(&mut self, of: IdentityId, attr: AttrId, term: u32) {
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
}
