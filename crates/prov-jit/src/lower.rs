//! From conditions of the rule program to terms, or why not.
//! Invariant: a term means what the interpreter makes of the expression, absence included, save that a row whose
//! references lead to a record that can't be trusted asks. This file and `emit.rs` are all that the JIT says of
//! operators; the law is `prov_model`.

use crate::term::{Binary, Group, Layout, Slot, Spelled, Term, TermId, Terms, Unary};
use prov_ir::{Arm, ArmPattern, ExprId, ExprKind, Program};
use prov_model::{ArithOp, AttrId, Builtin, CompareOp, IdentityId, Type, Value};
use rustc_hash::FxHashMap;

/// Why there is no kernel.
pub(crate) type Refusal = &'static str;

type Lowered = Result<TermId, Refusal>;

/// More terms than this are not worth a kernel.
const MOST: usize = 4_000;

const DEPTH: u32 = 200;

/// A bound value.
#[derive(Clone)]
enum Bound {
    Term(TermId),
    /// Text is looked at again where it is compared.
    Text(ExprId, Env),
    Refused(Refusal),
}

type Env = FxHashMap<u32, Bound>;

/// The terms of a condition.
pub(crate) fn lower(program: &Program, identity: IdentityId, condition: ExprId) -> Result<Terms, Refusal> {
    if condition.0 as usize >= program.exprs.len() {
        return Err("its values are too many to be told apart");
    }
    let mut lowering = Lowering { program, identity, terms: Terms::default(), env: Env::default(), depth: 0 };
    let root = lowering.value(condition)?;
    lowering.terms.root = root;
    Ok(lowering.terms)
}

struct Lowering<'p> {
    program: &'p Program,
    identity: IdentityId,
    terms: Terms,
    env: Env,
    depth: u32,
}

impl<'p> Lowering<'p> {
    fn ty(&self, id: ExprId) -> &'p Type {
        self.program.expr(id).ty.required()
    }

    fn kind(&self, id: ExprId) -> &'p ExprKind {
        &self.program.expr(id).kind
    }

    fn add(&mut self, term: Term) -> Lowered {
        if self.terms.list.len() > MOST {
            return Err("it is too long");
        }
        Ok(self.terms.term(term))
    }

    fn absent(&mut self, ty: &Type) -> Lowered {
        self.add(Term::Absent(*ty.required() == Type::Bool))
    }

    fn values(&mut self, list: &[ExprId]) -> Result<Box<[TermId]>, Refusal> {
        list.iter().map(|e| self.value(*e)).collect()
    }

    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if self.depth >= DEPTH {
            return Err("it is too deep");
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// The term of an expression that is no text.
    fn value(&mut self, id: ExprId) -> Lowered {
        self.deeper(|me| me.value_of(id))
    }

    fn value_of(&mut self, id: ExprId) -> Lowered {
        let ty = self.ty(id);
        if ty.is_textual() {
            return Err("text is more than compared");
        }
        match self.kind(id) {
            ExprKind::Const(value) => self.constant(value, ty),
            ExprKind::Attr(attr) => {
                let own = self.add(Term::Own)?;
                self.read(self.identity, own, *attr)
            }
            ExprKind::State => {
                let own = self.add(Term::Own)?;
                self.state(self.identity, own)
            }
            ExprKind::Local(local) => match self.env.get(&local.0) {
                Some(Bound::Term(term)) => Ok(*term),
                Some(Bound::Refused(why)) => Err(why),
                Some(Bound::Text(..)) | None => Err("a bound value is not known here"),
            },
            ExprKind::Field(of, field) => {
                let (ty, row) = self.row(*of)?;
                self.read(ty, row, AttrId(*field))
            }
            ExprKind::StateOf(of) => {
                let (ty, row) = self.row(*of)?;
                self.state(ty, row)
            }
            ExprKind::Myself => self.add(Term::Own),
            ExprKind::Today => {
                let slot = self.terms.slot(Slot::Today);
                self.add(Term::Param(slot))
            }
            ExprKind::Now => {
                let slot = self.terms.slot(Slot::Now);
                self.add(Term::Param(slot))
            }
            ExprKind::Not(of) => {
                let of = self.value(*of)?;
                self.add(Term::Not(of))
            }
            ExprKind::Neg(of) => {
                let span = *self.ty(*of) == Type::Duration;
                let of = self.value(*of)?;
                self.add(Term::Unary(if span { Unary::NegSpan } else { Unary::Neg }, of))
            }
            ExprKind::And(list) => {
                let list = self.values(list)?;
                self.add(Term::All(list))
            }
            ExprKind::Or(list) => {
                let list = self.values(list)?;
                self.add(Term::One(list))
            }
            ExprKind::Compare(op, a, b) => self.compare(*op, *a, *b),
            ExprKind::Contains(set, element) => self.contains(*set, *element),
            ExprKind::InRange(value, low, high) => self.in_range(*value, *low, *high),
            ExprKind::IsPresent(of) => self.is_present(*of),
            ExprKind::Coalesce(first, second) => {
                let (first, second) = (self.value(*first)?, self.value(*second)?);
                self.add(Term::Else(first, second))
            }
            ExprKind::Arith(op, a, b) => self.arith(*op, *a, *b),
            ExprKind::If(cond, yes, no) => {
                let (cond, yes, no) = (self.value(*cond)?, self.value(*yes)?, self.value(*no)?);
                self.add(Term::If(cond, yes, no))
            }
            ExprKind::Match(of, arms) => self.arms(id, *of, arms, |me, arm| me.value(arm)),
            ExprKind::Between(unit, from, to) => {
                let (from, to) = (self.value(*from)?, self.value(*to)?);
                self.add(Term::Binary(Binary::Between(*unit), from, to))
            }
            ExprKind::Call(builtin, args) => self.call(*builtin, args),
            ExprKind::Let(local, value, body) => {
                self.bind(local.0, *value);
                self.value(*body)
            }
            ExprKind::Named(_, of) => self.value(*of),
            ExprKind::InSource(source) => {
                let slot = self.terms.slot(Slot::Source(*source));
                self.add(Term::Source(slot))
            }
            ExprKind::TextTest(..) | ExprKind::Matches(..) => Err("it looks into text"),
            ExprKind::ToText(_) | ExprKind::Interpolate(_) | ExprKind::Slice(..) => Err("text is made"),
            ExprKind::Set(_) | ExprKind::Inverse(..) => Err("it works on a whole list"),
            ExprKind::Quant { .. } => Err("it asks for elements one by one"),
            ExprKind::TodayIn(_) | ExprKind::AtTime(..) => Err("it reads a time zone"),
            ExprKind::Lookup(..) => Err("it looks something up in a table"),
            ExprKind::HasRole(_) | ExprKind::HasInstance(..) => Err("it asks for a role"),
            ExprKind::HasEntitlement(..) => Err("it asks for an entitlement"),
            ExprKind::AccountAttr(..) | ExprKind::Unique(_) => Err("it asks for an account"),
            ExprKind::Cell(_) => Err("it reads a row of a source"),
        }
    }

    fn constant(&mut self, value: &Value<'_>, ty: &Type) -> Lowered {
        match value {
            Value::Absent => self.absent(ty),
            Value::Bool(b) => self.add(Term::Bool(*b)),
            Value::Int(n) => self.add(Term::Number(*n)),
            Value::Decimal(d) => self.add(Term::Number(d.0)),
            Value::Date(d) => self.add(Term::Number(i64::from(d.0))),
            Value::Instant(i) => self.add(Term::Number(i.0)),
            Value::Elapsed(e) => self.add(Term::Number(e.0)),
            Value::Enum(v) => self.add(Term::Number(i64::from(*v))),
            Value::Duration(d) => self.add(Term::Span(d.months, d.days)),
            Value::Str(_) | Value::Text(_) => Err("text is more than compared"),
            Value::Set(_) | Value::List(_) => Err("it works on a whole list"),
            Value::Row(_) => Err("a row stands as a constant"),
        }
    }

    /// A row that an expression gives, and its type.
    fn row(&mut self, of: ExprId) -> Result<(IdentityId, TermId), Refusal> {
        match self.ty(of) {
            Type::Identity(ty) => Ok((*ty, self.value(of)?)),
            Type::Record(_) => Err("it reads a record"),
            Type::Bool
            | Type::Int
            | Type::Decimal
            | Type::Str
            | Type::Text
            | Type::Date
            | Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Enum(_)
            | Type::Set(_)
            | Type::List(_)
            | Type::Optional(_) => Err("what it reads is no identity"),
        }
    }

    /// A cell of a row. Reading sees to whom records of others can't be trusted.
    fn read(&mut self, of: IdentityId, row: TermId, attr: AttrId) -> Lowered {
        self.trusted(of, row);
        let ty = self.attribute(of, attr)?;
        let layout = match ty {
            Type::Bool => Layout::Byte,
            Type::Int | Type::Decimal | Type::Instant | Type::Elapsed => Layout::I64,
            Type::Date => Layout::I32,
            Type::Enum(_) => Layout::U32,
            Type::Duration => Layout::Span,
            Type::Identity(to) => {
                let slot = self.terms.slot(Slot::Refs(of, attr, *to));
                return self.add(Term::Refer(row, slot));
            }
            Type::Str | Type::Text => return Err("text is more than compared"),
            Type::Set(_) | Type::List(_) => return Err("it works on a whole list"),
            Type::Record(_) => return Err("it reads a record"),
            Type::Optional(_) => return Err("what it reads has no type"),
        };
        let slot = self.terms.slot(Slot::Column(of, attr, layout));
        self.add(Term::Read(row, slot, layout))
    }

    fn attribute(&self, of: IdentityId, attr: AttrId) -> Result<&'p Type, Refusal> {
        let attributes = &self.program.schema.identity(of).attributes;
        attributes.get(attr.index()).map(|a| a.ty.required()).ok_or("an attribute is not known")
    }

    fn trusted(&mut self, of: IdentityId, row: TermId) {
        if self.terms.list[row as usize] != Term::Own {
            self.terms.slot(Slot::Broken(of));
        }
    }

    fn state(&mut self, of: IdentityId, row: TermId) -> Lowered {
        let any = self.program.schema.identity(of).lifecycle.is_some();
        let slot = self.terms.slot(Slot::States(of));
        self.add(Term::State(row, slot, any))
    }

    fn bind(&mut self, local: u32, value: ExprId) {
        let bound = if self.ty(value).is_textual() {
            Bound::Text(value, self.env.clone())
        } else {
            // What is never read need not be compiled.
            self.value(value).map_or_else(Bound::Refused, Bound::Term)
        };
        self.env.insert(local, bound);
    }

    /// Whether something is present.
    fn is_present(&mut self, of: ExprId) -> Lowered {
        let mut inner = of;
        while let ExprKind::Named(_, of) = self.kind(inner) {
            inner = *of;
        }
        let cell = match self.kind(inner) {
            ExprKind::Attr(attr) => Some((self.identity, self.add(Term::Own)?, *attr)),
            ExprKind::Field(of, field) => {
                let (ty, row) = self.row(*of)?;
                Some((ty, row, AttrId(*field)))
            }
            _ => None,
        };
        let term = match (cell, self.ty(inner)) {
            (
                Some((ty, row, attr)),
                Type::Set(_) | Type::List(_) | Type::Record(_) | Type::Str | Type::Text,
            ) => {
                self.trusted(ty, row);
                let slot = self.terms.slot(Slot::Column(ty, attr, Layout::Presence));
                self.add(Term::Read(row, slot, Layout::Presence))?
            }
            (None, Type::Str | Type::Text) => {
                let group = self.group(false);
                self.text(inner, group)?
            }
            _ => self.value(inner)?,
        };
        self.add(Term::Present(term))
    }

    /// Two operands of a comparison; `true` = they are spans.
    fn pair(&mut self, a: ExprId, b: ExprId, ordered: bool) -> Result<(TermId, TermId, bool), Refusal> {
        let (left, right) = (self.ty(a), self.ty(b));
        if left.is_textual() && right.is_textual() {
            let group = self.group(*left == Type::Text || *right == Type::Text);
            self.terms.groups[group as usize].ordered = ordered;
            return Ok((self.text(a, group)?, self.text(b, group)?, false));
        }
        if left != right {
            return Err("it compares unlike things");
        }
        Ok((self.value(a)?, self.value(b)?, *left == Type::Duration))
    }

    fn compare(&mut self, op: CompareOp, a: ExprId, b: ExprId) -> Lowered {
        let ordered = !matches!(op, CompareOp::Eq | CompareOp::Ne);
        let (a, b, spans) = self.pair(a, b, ordered)?;
        self.add(Term::Compare(op, spans, a, b))
    }

    fn in_range(&mut self, value: ExprId, low: ExprId, high: ExprId) -> Lowered {
        // Presence is asked of all three together.
        let from = self.compare(CompareOp::Ge, value, low)?;
        let to = self.compare(CompareOp::Le, value, high)?;
        self.add(Term::Every([from, to].into()))
    }

    /// `element in set`, of a set that is written out.
    fn contains(&mut self, set: ExprId, element: ExprId) -> Lowered {
        let mut set = set;
        while let ExprKind::Named(_, of) = self.kind(set) {
            set = *of;
        }
        let Type::Set(of) = self.ty(set) else { return Err("it works on a whole list") };
        let ty = self.ty(element);
        let textual = ty.is_textual() && of.is_textual();
        if !textual && **of != *ty {
            return Err("it compares unlike things");
        }
        let spans = *ty == Type::Duration;
        let group = textual.then(|| self.group(*ty == Type::Text || **of == Type::Text));
        let of_element = match group {
            Some(group) => self.text(element, group)?,
            None => self.value(element)?,
        };
        let mut parts = Vec::new();
        match self.kind(set) {
            ExprKind::Const(Value::Set(values)) => {
                if values.len() > MOST / 4 {
                    return Err("it is too long");
                }
                for value in values {
                    let value = match (group, value.spelling()) {
                        (Some(group), Some(s)) => self.spelled(group, s)?,
                        _ => self.constant(value, ty)?,
                    };
                    parts.push(self.add(Term::Compare(CompareOp::Eq, spans, of_element, value))?);
                }
            }
            ExprKind::Set(list) => {
                for &value in list {
                    let value = match group {
                        Some(group) => self.text(value, group)?,
                        None => self.value(value)?,
                    };
                    parts.push(self.add(Term::Compare(CompareOp::Eq, spans, of_element, value))?);
                }
            }
            _ => return Err("it works on a whole list"),
        }
        if parts.is_empty() {
            // Nothing is in an empty set, and whether nothing is is absent where the element is.
            let (yes, no) = (self.add(Term::Bool(false))?, self.add(Term::Absent(true))?);
            let present = self.add(Term::Present(of_element))?;
            return self.add(Term::If(present, yes, no));
        }
        self.add(Term::Any(parts.into()))
    }

    fn arith(&mut self, op: ArithOp, a: ExprId, b: ExprId) -> Lowered {
        let (left, right) = (self.ty(a), self.ty(b));
        let (mut a, mut b) = (self.value(a)?, self.value(b)?);
        let plain = match op {
            ArithOp::Add => Binary::Add,
            ArithOp::Sub => Binary::Sub,
            ArithOp::Mul => Binary::Mul,
        };
        let how = match (left, right) {
            (Type::Int, Type::Int)
            | (Type::Elapsed, Type::Elapsed)
            | (Type::Instant, Type::Elapsed | Type::Instant)
            | (Type::Int, Type::Elapsed)
            | (Type::Elapsed, Type::Int) => plain,
            (Type::Decimal, Type::Decimal) if op == ArithOp::Mul => Binary::MulDecimal,
            (Type::Decimal, Type::Decimal) => plain,
            (Type::Date, Type::Date) => Binary::DateMinus,
            (Type::Duration, Type::Date) => {
                std::mem::swap(&mut a, &mut b);
                Binary::DatePlus
            }
            (Type::Date, Type::Duration) => Binary::DatePlus,
            (Type::Duration, Type::Duration) => Binary::SpanPlus,
            (Type::Int, Type::Duration) => Binary::SpanTimes,
            (Type::Duration, Type::Int) => {
                std::mem::swap(&mut a, &mut b);
                Binary::SpanTimes
            }
            (Type::Instant, Type::Duration) => return Err("it reads a time zone"),
            _ => return Err("it reckons with what no kernel does"),
        };
        if matches!(how, Binary::DatePlus | Binary::SpanPlus) && op == ArithOp::Sub {
            b = self.add(Term::Unary(Unary::NegSpan, b))?;
        }
        self.add(Term::Binary(how, a, b))
    }

    fn call(&mut self, builtin: Builtin, args: &[ExprId]) -> Lowered {
        match (builtin, args) {
            (Builtin::Year, [of]) => self.unary(Unary::Year, *of),
            (Builtin::Month, [of]) => self.unary(Unary::Month, *of),
            (Builtin::Day, [of]) => self.unary(Unary::Day, *of),
            (Builtin::Weekday, [of]) => self.unary(Unary::Weekday, *of),
            (Builtin::Abs, [of]) => self.unary(Unary::Abs, *of),
            (Builtin::ToDate, [of]) if *self.ty(*of) == Type::Date => self.value(*of),
            (Builtin::ToDecimal, [of]) if *self.ty(*of) == Type::Decimal => self.value(*of),
            (Builtin::ToDecimal, [of]) if *self.ty(*of) == Type::Int => {
                let (of, by) = (self.value(*of)?, self.add(Term::Number(10_000))?);
                self.add(Term::Binary(Binary::Mul, of, by))
            }
            (Builtin::Min | Builtin::Max, [a, b]) if !self.ty(*a).is_textual() => {
                let (first, second, spans) = self.pair(*a, *b, true)?;
                let op = if builtin == Builtin::Min { CompareOp::Le } else { CompareOp::Gt };
                let cond = self.add(Term::Compare(op, spans, first, second))?;
                // Absent operands make the comparison absent, and so the choice.
                self.add(Term::If(cond, first, second))
            }
            _ => Err("it calls a function that no kernel has"),
        }
    }

    fn unary(&mut self, how: Unary, of: ExprId) -> Lowered {
        let of = self.value(of)?;
        self.add(Term::Unary(how, of))
    }

    /// A `match` as a chain of choices, its arms lowered by `arm`.
    fn arms(
        &mut self,
        id: ExprId,
        of: ExprId,
        arms: &'p [Arm],
        mut arm: impl FnMut(&mut Self, ExprId) -> Lowered,
    ) -> Lowered {
        let ty = self.ty(of);
        let group = ty.is_textual().then(|| self.group(*ty == Type::Text));
        let value = match group {
            Some(group) => self.text(of, group)?,
            None => self.value(of)?,
        };
        let present = self.add(Term::Present(value))?;
        let mut chosen =
            if self.ty(id).is_textual() { self.add(Term::Absent(false))? } else { self.absent(self.ty(id))? };
        for each in arms.iter().rev() {
            let result = arm(self, each.value)?;
            let mut hits = Vec::new();
            for pattern in &each.patterns {
                hits.push(match pattern {
                    ArmPattern::Any => self.add(Term::Bool(true))?,
                    ArmPattern::Absent => self.add(Term::Not(present))?,
                    ArmPattern::Value(v) => self.against(CompareOp::Eq, (value, ty), v, group)?,
                    ArmPattern::Range(low, high) => {
                        if let Some(group) = group {
                            self.terms.groups[group as usize].ordered = true;
                        }
                        let from = self.against(CompareOp::Ge, (value, ty), low, group)?;
                        let to = self.against(CompareOp::Le, (value, ty), high, group)?;
                        self.add(Term::Every([from, to].into()))?
                    }
                });
            }
            let cond = self.add(Term::One(hits.into()))?;
            chosen = self.add(Term::If(cond, result, chosen))?;
        }
        Ok(chosen)
    }

    fn against(
        &mut self,
        op: CompareOp,
        (value, ty): (TermId, &Type),
        with: &Value<'static>,
        group: Option<u32>,
    ) -> Lowered {
        let with = match (group, with) {
            (Some(group), Value::Str(s)) => self.spelled(group, s)?,
            (Some(group), Value::Text(t)) if self.terms.groups[group as usize].folded => {
                self.spelled(group, &t.spelled)?
            }
            (Some(_), _) => return Err("it compares unlike things"),
            (None, with) => self.constant(with, ty)?,
        };
        self.add(Term::Compare(op, *ty == Type::Duration, value, with))
    }

    fn group(&mut self, folded: bool) -> u32 {
        self.terms.groups.push(Group { folded, ordered: false, of: Vec::new() });
        self.terms.groups.len() as u32 - 1
    }

    fn spelled(&mut self, group: u32, s: &str) -> Lowered {
        let of = &mut self.terms.groups[group as usize].of;
        of.push(Spelled::Constant(s.to_owned()));
        let at = of.len() as u32 - 1;
        let slot = self.terms.slot(Slot::Constant(group, at));
        self.add(Term::Param(slot))
    }

    /// The rank of a text in a group.
    fn text(&mut self, id: ExprId, group: u32) -> Lowered {
        self.deeper(|me| me.text_of(id, group))
    }

    fn text_of(&mut self, id: ExprId, group: u32) -> Lowered {
        match self.kind(id) {
            ExprKind::Const(Value::Absent) => self.add(Term::Absent(false)),
            ExprKind::Const(value) => match value.spelling() {
                Some(s) => self.spelled(group, s),
                None => Err("it compares unlike things"),
            },
            ExprKind::Attr(attr) => {
                let own = self.add(Term::Own)?;
                self.column(group, self.identity, own, *attr)
            }
            ExprKind::Field(of, field) => {
                let (ty, row) = self.row(*of)?;
                self.column(group, ty, row, AttrId(*field))
            }
            ExprKind::Coalesce(first, second) => {
                let (first, second) = (self.text(*first, group)?, self.text(*second, group)?);
                self.add(Term::Else(first, second))
            }
            ExprKind::If(cond, yes, no) => {
                let cond = self.value(*cond)?;
                let (yes, no) = (self.text(*yes, group)?, self.text(*no, group)?);
                self.add(Term::If(cond, yes, no))
            }
            ExprKind::Match(of, arms) => self.arms(id, *of, arms, |me, arm| me.text(arm, group)),
            ExprKind::ToText(of) | ExprKind::Named(_, of) => self.text(*of, group),
            ExprKind::Let(local, value, body) => {
                self.bind(local.0, *value);
                self.text(*body, group)
            }
            ExprKind::Local(local) => match self.env.get(&local.0).cloned() {
                Some(Bound::Text(value, env)) => {
                    let around = std::mem::replace(&mut self.env, env);
                    let term = self.text(value, group);
                    self.env = around;
                    term
                }
                Some(Bound::Refused(why)) => Err(why),
                Some(Bound::Term(_)) | None => Err("a bound value is not known here"),
            },
            // Named one by one, so that whoever adds a kind thinks of it here.
            ExprKind::State
            | ExprKind::StateOf(_)
            | ExprKind::Inverse(..)
            | ExprKind::Myself
            | ExprKind::Today
            | ExprKind::TodayIn(_)
            | ExprKind::Now
            | ExprKind::Not(_)
            | ExprKind::Neg(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Compare(..)
            | ExprKind::TextTest(..)
            | ExprKind::Contains(..)
            | ExprKind::InRange(..)
            | ExprKind::Matches(..)
            | ExprKind::IsPresent(_)
            | ExprKind::Arith(..)
            | ExprKind::Interpolate(_)
            | ExprKind::Slice(..)
            | ExprKind::Set(_)
            | ExprKind::Quant { .. }
            | ExprKind::Between(..)
            | ExprKind::AtTime(..)
            | ExprKind::Call(..)
            | ExprKind::HasRole(_)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::InSource(_) => Err("text is made"),
            ExprKind::Lookup(..) => Err("it looks something up in a table"),
            ExprKind::AccountAttr(..) | ExprKind::Unique(_) => Err("it asks for an account"),
            ExprKind::Cell(_) => Err("it reads a row of a source"),
        }
    }

    fn column(&mut self, group: u32, of: IdentityId, row: TermId, attr: AttrId) -> Lowered {
        if !self.attribute(of, attr)?.is_textual() {
            return Err("it compares unlike things");
        }
        self.trusted(of, row);
        let source = Spelled::Column(of, attr);
        let list = &mut self.terms.groups[group as usize].of;
        if !list.contains(&source) {
            list.push(source);
        }
        let slot = self.terms.slot(Slot::Ranks(of, attr, group));
        self.add(Term::Rank(row, slot))
    }
}
