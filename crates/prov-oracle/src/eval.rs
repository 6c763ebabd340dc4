//! Expressions (expressions.md), one at a time over the tree.
//! Invariant: an operand that can't be known makes the whole unknown, save where another operand decides.

use crate::calendar;
use crate::facts::{Facts, either, known};
use crate::functions;
use crate::pattern;
use crate::policy::NOT_READ;
use crate::types::element;
use crate::value::{Field, Ty, Value, compare, decimal_times, fold, nfc, same};
use crate::world::World;
use prov_model::{Date, Duration, Elapsed, Instant, RawCell, RawRow};
use prov_syntax::ast::{self, ArmPattern, BinaryOp, Expr, ExprKind, Quant, StrPart};
use std::collections::BTreeMap;

/// Why there is no value.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// It reads what could not be read (plan.md, "Who is held").
    Unknown,
    /// A mapping failed: the row is rejected.
    Failed,
    /// The policy is none that this reads.
    Bug(String),
}

/// A value, if there is one.
pub(crate) type Res<T> = Result<T, Stop>;

pub(crate) fn bug<T>(why: impl Into<String>) -> Res<T> {
    Err(Stop::Bug(why.into()))
}

/// A name that stands for a value: a variable of `any` or `each`, a parameter.
#[derive(Clone)]
pub(crate) struct Local {
    pub name: String,
    pub ty: Option<Ty>,
    pub value: Res<Value>,
}

/// What an expression sees (expressions.md, "Where each stands").
#[derive(Clone, Default)]
pub(crate) struct Scope<'a> {
    /// The identity at hand, and its type.
    pub person: Option<usize>,
    pub of: Option<String>,
    /// The row of a source, and the columns.
    pub row: Option<(RawRow<'a>, &'a [String])>,
    pub locals: Vec<Local>,
    /// The account whose attributes are being found, and its app.
    pub account: Option<(&'a str, &'a ast::Account)>,
}

impl<'a> Scope<'a> {
    /// Sees the attributes of an identity.
    pub(crate) fn of(person: Option<usize>, of: Option<String>) -> Scope<'a> {
        Scope { person, of, ..Scope::default() }
    }

    /// With parameters whose values are not at hand: for types.
    pub(crate) fn with_params(mut self, params: &[Field]) -> Scope<'a> {
        self.locals.extend(params.iter().map(|p| Local {
            name: p.name.clone(),
            ty: Some(p.ty.clone()),
            value: Err(Stop::Unknown),
        }));
        self
    }

    /// With one more name.
    pub(crate) fn with(&self, name: &str, ty: Option<Ty>, value: Value) -> Scope<'a> {
        let mut inner = self.clone();
        inner.locals.push(Local { name: name.to_owned(), ty, value: Ok(value) });
        inner
    }
}

/// Evaluates for one identity, or for a row.
pub(crate) struct Eval<'w, 'a> {
    pub world: &'w World<'a>,
    pub facts: Facts,
    /// Who reads what can't be known from their last good record.
    pub recalls: Option<usize>,
}

impl<'w, 'a> Eval<'w, 'a> {
    pub(crate) fn new(world: &'w World<'a>) -> Self {
        Eval { world, facts: Facts::default(), recalls: None }
    }

    /// Whether a condition holds. A comparison with nothing does not.
    pub(crate) fn holds(&self, e: &'a Expr, s: &Scope<'a>) -> Res<bool> {
        Ok(matches!(self.eval(e, s, Some(&Ty::Bool))?, Value::Bool(true)))
    }

    /// A value, of a type that is wanted where one is.
    pub(crate) fn eval(&self, e: &'a Expr, s: &Scope<'a>, want: Option<&Ty>) -> Res<Value> {
        let value = self.plainly(e, s, want)?;
        Ok(match want {
            Some(ty) => value.wanted_as(ty),
            None => value,
        })
    }

    fn plainly(&self, e: &'a Expr, s: &Scope<'a>, want: Option<&Ty>) -> Res<Value> {
        let compares =
            matches!(&e.kind, ExprKind::Binary(..) | ExprKind::In { .. } | ExprKind::InRange { .. });
        if !compares {
            return self.by_kind(e, s, want);
        }
        // Only what is read of this very comparison counts.
        let before = self.facts.timed.replace(false);
        let value = self.by_kind(e, s, want);
        self.facts.timed.set(before || self.facts.timed.get());
        value
    }

    fn by_kind(&self, e: &'a Expr, s: &Scope<'a>, want: Option<&Ty>) -> Res<Value> {
        match &e.kind {
            ExprKind::Bool(b) => Ok(Value::Bool(*b)),
            ExprKind::Int(n) => Ok(Value::Int(*n)),
            ExprKind::Decimal(d) => Ok(Value::Decimal(d.0)),
            ExprKind::Date(d) => Ok(Value::Date(*d)),
            ExprKind::Duration(n, unit) => match calendar::of_unit(*n, *unit) {
                Some(Ok(d)) => Ok(Value::Duration(d)),
                Some(Err(d)) => Ok(Value::Elapsed(d)),
                None => bug("a duration that does not fit"),
            },
            ExprKind::Str(parts) => self.interpolated(parts, s),
            ExprKind::Name(name) => self.name(&name.text, s, want),
            ExprKind::Field(base, name) => self.field(base, &name.text, s),
            ExprKind::Index(base, key) => self.index(base, key, s),
            ExprKind::Slice(of, from, to) => self.slice(of, from.as_deref(), to.as_deref(), s),
            ExprKind::Call(f, args) => self.call(f, args, s),
            ExprKind::List(elements) => {
                let own = self.world.type_of(e, s);
                let of = want.and_then(element).or_else(|| own.as_ref().and_then(element));
                let mut values = Vec::new();
                for one in elements {
                    values.push(self.eval(one, s, of.as_ref())?);
                }
                if values.iter().any(Value::is_absent) { Ok(Value::Absent) } else { Ok(Value::set(values)) }
            }
            ExprKind::Not(of) => Ok(Value::Bool(!self.holds(of, s)?)),
            ExprKind::Neg(of) => Ok(match self.eval(of, s, want)? {
                Value::Int(n) => Value::Int(n.saturating_neg()),
                Value::Decimal(n) => Value::Decimal(n.saturating_neg()),
                Value::Duration(d) => Value::Duration(calendar::negated(d)),
                Value::Elapsed(e) => Value::Elapsed(Elapsed(e.0.saturating_neg())),
                _ => Value::Absent,
            }),
            ExprKind::Binary(a, op, _, b) => self.binary(a, *op, b, s, want),
            ExprKind::In { value, set, negated } => {
                let ty = self.world.type_of(value, s);
                let ty = ty.or_else(|| self.world.type_of(set, s).as_ref().and_then(element));
                let set_of = ty.clone().map(|t| Ty::Set(Box::new(t)));
                let value = self.eval(value, s, ty.as_ref())?;
                let set = self.eval(set, s, set_of.as_ref())?;
                if value.is_absent() || set.is_absent() {
                    return Ok(Value::Bool(false));
                }
                for e in set.elements() {
                    self.turns(e, &value);
                }
                Ok(Value::Bool(set.elements().iter().any(|e| same(e, &value)) != *negated))
            }
            ExprKind::InRange { value, low, high, negated } => {
                let ty = self.common_type(&[value, low, high], s);
                let value = self.eval(value, s, ty.as_ref())?;
                let (low, high) = (self.eval(low, s, ty.as_ref())?, self.eval(high, s, ty.as_ref())?);
                if value.is_absent() || low.is_absent() || high.is_absent() {
                    return Ok(Value::Bool(false));
                }
                self.turns(&low, &value);
                self.turns(&high, &value);
                let within = compare(&low, &value).is_le() && compare(&value, &high).is_le();
                Ok(Value::Bool(within != *negated))
            }
            ExprKind::Matches { value, pattern, negated } => {
                let value = self.eval(value, s, None)?;
                Ok(match &value {
                    Value::Text(t) => Value::Bool(pattern::matches(pattern, t, true)? != *negated),
                    Value::Str(t) => Value::Bool(pattern::matches(pattern, t, false)? != *negated),
                    _ => Value::Bool(false),
                })
            }
            ExprKind::Is { value, present } => {
                Ok(Value::Bool(self.eval(value, s, None)?.is_absent() != *present))
            }
            ExprKind::If(cond, yes, no) => {
                let own = self.world.type_of(e, s);
                let want = want.or(own.as_ref());
                match self.holds(cond, s) {
                    Ok(true) => self.eval(yes, s, want),
                    Ok(false) => self.eval(no, s, want),
                    // Where it can't be known which, both may still give the same.
                    Err(Stop::Unknown) => match (self.eval(yes, s, want)?, self.eval(no, s, want)?) {
                        (a, b) if same(&a, &b) => Ok(a),
                        _ => Err(Stop::Unknown),
                    },
                    Err(stop) => Err(stop),
                }
            }
            ExprKind::Match(of, arms) => {
                let own = self.world.type_of(e, s);
                self.arms(of, arms, s, want.or(own.as_ref()))
            }
            ExprKind::Quant { quant, var, list, cond } => {
                self.quant(*quant, &var.text, list, cond.as_deref(), s)
            }
            ExprKind::Between { unit, from, to, .. } => {
                Ok(match (self.eval(from, s, None)?, self.eval(to, s, None)?) {
                    (Value::Date(from), Value::Date(to)) => Value::Int(calendar::between(*unit, from, to)),
                    _ => Value::Absent,
                })
            }
            ExprKind::Has(what) => self.has(what, s).map(Value::Bool),
            ExprKind::TodayIn(zone) => Ok(match self.eval(zone, s, None)?.letters() {
                Some(name) => {
                    let zone = self.world.zone_named(name);
                    let day = calendar::day_of(self.world.now, &zone);
                    self.world.note(calendar::instant_at(calendar::next_day(day), 0, 0, &zone));
                    Value::Date(day)
                }
                None => Value::Absent,
            }),
            ExprKind::AtTime { date, hour, minute, zone } => {
                let date = self.eval(date, s, None)?;
                let zone = match zone {
                    None => self.world.zone.clone(),
                    Some(zone) => match self.eval(zone, s, None)?.letters() {
                        Some(name) => self.world.zone_named(name),
                        None => return Ok(Value::Absent),
                    },
                };
                Ok(match date {
                    Value::Date(d) => Value::Instant(calendar::instant_at(d, *hour, *minute, &zone)),
                    _ => Value::Absent,
                })
            }
            ExprKind::Paren(of) => self.eval(of, s, want),
            ExprKind::InSource(source) => match s.person {
                Some(person) => match self.world.people[person].sources.get(&source.text) {
                    Some(Some(is_in)) => Ok(Value::Bool(*is_in)),
                    _ => Err(Stop::Unknown),
                },
                None => bug("`in` a source where nobody is at hand"),
            },
            ExprKind::HoldsNothing | ExprKind::Record(..) => {
                bug(NOT_READ.to_owned() + "an expression of proofs, tests or several sources")
            }
        }
    }

    /// The type of the operands of a comparison: variants are known by it, and a `string` beside a `text` is `text`.
    fn common_type(&self, operands: &[&'a Expr], s: &Scope<'a>) -> Option<Ty> {
        let all = || operands.iter().filter_map(|e| self.world.type_of(e, s));
        all().find(|t| *t == Ty::Text || matches!(t, Ty::Enum(_))).or_else(|| all().next())
    }

    fn interpolated(&self, parts: &'a [StrPart], s: &Scope<'a>) -> Res<Value> {
        let mut out = String::new();
        for part in parts {
            match part {
                StrPart::Text(text) => out += text,
                StrPart::Expr(e) => match self.eval(e, s, None)? {
                    Value::Absent => return Ok(Value::Absent),
                    value => out += &value.plain(),
                },
            }
        }
        Ok(Value::Str(out))
    }

    /// A name: a variant where its enum is wanted, a local name, what is built in, an attribute or inverse, an earlier
    /// attribute of the account at hand, a `let`.
    fn name(&self, name: &str, s: &Scope<'a>, want: Option<&Ty>) -> Res<Value> {
        if let Some(Ty::Enum(variants)) = want
            && let Some(i) = variants.iter().position(|v| v == name)
        {
            return Ok(Value::Enum(variants.clone(), i));
        }
        if let Some(local) = s.locals.iter().rev().find(|l| l.name == name) {
            return local.value.clone();
        }
        match name {
            "today" => return Ok(Value::Date(self.world.today)),
            "now" => {
                self.facts.timed.set(true);
                return Ok(Value::Instant(self.world.now));
            }
            _ => {}
        }
        if let Some(person) = s.person {
            if name == "state" {
                return self.state_value(person);
            }
            if let Some(value) = self.attribute(person, name)? {
                return Ok(value);
            }
        }
        if let (Some((app, block)), Some(person)) = (s.account, s.person)
            && let Some(field) = block.fields.iter().find(|f| f.assign.name.text == name)
        {
            return self.account_field(app, field, person, s);
        }
        match self.world.policy.lets.get(name) {
            Some(item) => self.eval(item.value, &Scope::of(s.person, s.of.clone()), item.ty.as_ref()),
            None => bug(format!("no name `{name}`")),
        }
    }

    /// An attribute, inverse or `has_` of an identity, if it has one of that name.
    fn attribute(&self, person: usize, name: &str) -> Res<Option<Value>> {
        let one = &self.world.people[person];
        if let Some(value) = one.attributes.get(name) {
            let value = value.clone().or_else(|| self.recalled(person, name));
            return value.map(Some).ok_or(Stop::Unknown);
        }
        // Who refers to someone whom no source brings can't be known.
        let inverse = name.strip_prefix("has_").unwrap_or(name);
        if one.missing && self.world.policy.inverse(&one.of, inverse).is_some() {
            return Err(Stop::Unknown);
        }
        if self.world.policy.inverse(&one.of, name).is_some() {
            return Ok(Some(Value::List(self.inverse(person, name))));
        }
        match name.strip_prefix("has_") {
            Some(inverse) if self.world.policy.inverse(&one.of, inverse).is_some() => {
                Ok(Some(Value::Bool(!self.inverse(person, inverse).is_empty())))
            }
            _ => Ok(None),
        }
    }

    /// Who refers to someone (items.md, "identity"). Who has a reference that can't be read refers to nobody.
    fn inverse(&self, person: usize, name: &str) -> Vec<Value> {
        let Some((from, field)) = self.world.policy.inverse(&self.world.people[person].of, name) else {
            return Vec::new();
        };
        let refers = |other: &crate::world::Person| {
            other.of == from.name
                && matches!(other.attributes.get(&field.name), Some(Some(Value::Person(p))) if *p == person)
        };
        let all = self.world.people.iter().enumerate();
        all.filter(|(_, p)| refers(p)).map(|(i, _)| Value::Person(i)).collect()
    }

    fn state_value(&self, person: usize) -> Res<Value> {
        let Some((names, _)) = self.world.policy.lifecycles.get(self.world.people[person].of.as_str()) else {
            return bug("a state without a lifecycle");
        };
        match self.state(person)? {
            Some(i) => Ok(Value::Enum(names.clone(), i)),
            None => Err(Stop::Unknown),
        }
    }

    /// The number of the first state whose condition holds (items.md, "lifecycle").
    pub(crate) fn state(&self, person: usize) -> Res<Option<usize>> {
        let of = &self.world.people[person].of;
        let Some((_, states)) = self.world.policy.lifecycles.get(of.as_str()) else { return Ok(None) };
        for (i, state) in states.iter().enumerate() {
            let own = match &state.when {
                None => Some(!state.bare),
                Some(when) => known(self.holds(when, &Scope::of(Some(person), Some(of.clone()))))?,
            };
            // Who is out is in the first state, whatever its own condition says.
            let holds = if i == 0 { either(own, self.is_out(person)?) } else { own };
            if holds.ok_or(Stop::Unknown)? {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    fn field(&self, base: &'a Expr, name: &str, s: &Scope<'a>) -> Res<Value> {
        if let ExprKind::Name(n) = &base.kind {
            if n.text == "row" && s.row.is_some() {
                return Ok(cell(s, name));
            }
            if let (Some((_, block)), Some(person)) = (s.account, s.person)
                && block.from.as_ref().is_some_and(|f| f.text == n.text)
            {
                return self.account_attribute(&n.text, name, person);
            }
        }
        match self.eval(base, s, None)? {
            Value::Absent => Ok(Value::Absent),
            Value::Record(fields) => match fields.get(name) {
                Some(value) => Ok(value.clone()),
                None => bug(format!("no field `{name}`")),
            },
            Value::Person(person) if name == "state" => self.state_value(person),
            Value::Person(person) => match self.attribute(person, name)? {
                Some(value) => Ok(value),
                None => bug(format!("no attribute `{name}`")),
            },
            _ => bug(format!("`.{name}` of a plain value")),
        }
    }

    fn index(&self, base: &'a Expr, key: &'a Expr, s: &Scope<'a>) -> Res<Value> {
        let ExprKind::Name(table) = &base.kind else { return bug("`[…]` of what is no table") };
        if table.text == "row" && s.row.is_some() {
            return Ok(match self.eval(key, s, None)?.letters() {
                Some(column) => cell(s, column),
                None => Value::Absent,
            });
        }
        let Some(columns) = self.world.columns(&table.text) else {
            return bug(format!("no table `{}`", table.text));
        };
        let Some(column) = columns.iter().find(|c| c.key) else { return bug("a table without a key") };
        let key = self.eval(key, s, Some(&column.ty))?;
        if key.is_absent() {
            return Ok(Value::Absent);
        }
        let rows = self.world.tables.get(&table.text).map_or(&[][..], Vec::as_slice);
        let hit = rows.iter().find(|row| row.get(&column.name).is_some_and(|k| same(k, &key)));
        Ok(hit.map_or(Value::Absent, |row| Value::Record(row.clone())))
    }

    /// `s[from..to]` in characters as people count them; ends past the text clip.
    fn slice(&self, of: &'a Expr, from: Option<&'a Expr>, to: Option<&'a Expr>, s: &Scope<'a>) -> Res<Value> {
        let bound =
            |e: Option<&'a Expr>, otherwise: i64| match e.map(|e| self.eval(e, s, None)).transpose()? {
                None => Ok(Some(otherwise)),
                Some(Value::Int(n)) => Ok(Some(n)),
                Some(_) => Ok(None),
            };
        let value = self.eval(of, s, None)?;
        let (Some(from), Some(to)) = (bound(from, 0)?, bound(to, i64::MAX)?) else {
            return Ok(Value::Absent);
        };
        Ok(match value {
            Value::Str(t) => Value::Str(functions::part(&t, from, to)),
            Value::Text(t) => Value::Text(functions::part(&t, from, to)),
            _ => Value::Absent,
        })
    }

    fn call(&self, f: &'a Expr, args: &'a [ast::Arg], s: &Scope<'a>) -> Res<Value> {
        let ExprKind::Name(name) = &f.kind else { return bug("a call of what is no function") };
        let library = self.world.module_of(f);
        if let Some(function) = self.world.policy.function(library, f.span.source, &name.text) {
            // It sees its parameters and nothing else; a row stays, so that what fails in it rejects the row.
            let mut inner = Scope { row: s.row, ..Scope::default() };
            for (param, arg) in function.params.iter().zip(args) {
                let value = self.eval(&arg.value, s, Some(&param.ty));
                if matches!(value, Err(Stop::Failed | Stop::Bug(_))) {
                    return value;
                }
                if s.row.is_some() && !param.optional && matches!(value, Ok(Value::Absent)) {
                    return Ok(Value::Absent);
                }
                inner.locals.push(Local { name: param.name.clone(), ty: Some(param.ty.clone()), value });
            }
            return self.eval(function.body, &inner, function.result.as_ref());
        }
        let want = match name.text.as_str() {
            "min" | "max" => self.world.ordered_type(args, s),
            _ => None,
        };
        let mut values = Vec::new();
        for arg in args {
            values.push(self.eval(&arg.value, s, want.as_ref())?);
        }
        if values.iter().any(Value::is_absent) {
            return Ok(Value::Absent);
        }
        match functions::call(&name.text, &values, &self.world.zone) {
            Some(Some(value)) => Ok(value),
            // In a mapping a conversion that fails rejects the row, in a rule its result is absent (functions.md).
            Some(None) if s.row.is_some() => Err(Stop::Failed),
            Some(None) => Ok(Value::Absent),
            None => bug(format!("{NOT_READ}the function `{}`", name.text)),
        }
    }

    fn binary(&self, a: &'a Expr, op: BinaryOp, b: &'a Expr, s: &Scope<'a>, want: Option<&Ty>) -> Res<Value> {
        let decided = match op {
            BinaryOp::Or => Some(true),
            BinaryOp::And => Some(false),
            _ => None,
        };
        if let Some(decides) = decided {
            return match self.holds(a, s) {
                Ok(first) if first == decides => Ok(Value::Bool(decides)),
                Ok(_) => self.holds(b, s).map(Value::Bool),
                // The other side may decide whatever this one is.
                Err(Stop::Unknown) => match self.holds(b, s)? {
                    second if second == decides => Ok(Value::Bool(decides)),
                    _ => Err(Stop::Unknown),
                },
                Err(stop) => Err(stop),
            };
        }
        if op == BinaryOp::Coalesce {
            let joined = self.common_type(&[a, b], s);
            let want = want.or(joined.as_ref());
            return match self.eval(a, s, want)? {
                Value::Absent => self.eval(b, s, want),
                value => Ok(value),
            };
        }
        if op == BinaryOp::Contains && matches!(self.world.type_of(a, s), Some(Ty::Set(_) | Ty::List(_))) {
            let of = self.world.type_of(a, s).as_ref().and_then(element);
            let (set, value) = (self.eval(a, s, None)?, self.eval(b, s, of.as_ref())?);
            return Ok(Value::Bool(!value.is_absent() && set.elements().iter().any(|e| same(e, &value))));
        }
        let arithmetic = matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul);
        let ty = if arithmetic { None } else { self.common_type(&[a, b], s) };
        let (a, b) = (self.eval(a, s, ty.as_ref())?, self.eval(b, s, ty.as_ref())?);
        if a.is_absent() || b.is_absent() {
            return Ok(if arithmetic { Value::Absent } else { Value::Bool(false) });
        }
        self.turns(&a, &b);
        let order = || compare(&a, &b);
        Ok(match op {
            BinaryOp::Eq => Value::Bool(order().is_eq()),
            BinaryOp::Ne => Value::Bool(order().is_ne()),
            BinaryOp::Lt => Value::Bool(order().is_lt()),
            BinaryOp::Le => Value::Bool(order().is_le()),
            BinaryOp::Gt => Value::Bool(order().is_gt()),
            BinaryOp::Ge => Value::Bool(order().is_ge()),
            BinaryOp::Contains => Value::Bool(on_texts(&a, &b, |a, b| a.contains(b))),
            BinaryOp::StartsWith => Value::Bool(on_texts(&a, &b, |a, b| a.starts_with(b))),
            BinaryOp::EndsWith => Value::Bool(on_texts(&a, &b, |a, b| a.ends_with(b))),
            BinaryOp::Add => self.added(&a, &b, false)?,
            BinaryOp::Sub => self.added(&a, &b, true)?,
            BinaryOp::Mul => multiplied(&a, &b)?,
            BinaryOp::Or | BinaryOp::And | BinaryOp::Coalesce => return bug("an operator read before"),
        })
    }

    /// Notes when a comparison of two instants or amounts of time may turn: as far from now as they are from each other.
    fn turns(&self, a: &Value, b: &Value) {
        // What does not move with `now` never turns.
        if !self.facts.timed.get() {
            return;
        }
        let apart = match (a, b) {
            (Value::Elapsed(Elapsed(a)), Value::Elapsed(Elapsed(b)))
            | (Value::Instant(Instant(a)), Value::Instant(Instant(b))) => {
                Some(a.saturating_sub(*b).saturating_abs())
            }
            _ => None,
        };
        if let Some(apart) = apart {
            self.world.note(Instant(self.world.now.0.saturating_add(apart)));
        }
    }

    /// `a + b` or `a - b` (types.md, "Numbers" and "Time").
    pub(crate) fn added(&self, a: &Value, b: &Value, minus: bool) -> Res<Value> {
        let int = |a: i64, b: i64| if minus { a.saturating_sub(b) } else { a.saturating_add(b) };
        let turned = |d: Duration| if minus { calendar::negated(d) } else { d };
        Ok(match (a, b) {
            (Value::Int(a), Value::Int(b)) => Value::Int(int(*a, *b)),
            (Value::Decimal(a), Value::Decimal(b)) => Value::Decimal(int(*a, *b)),
            (Value::Str(a), Value::Str(b)) => Value::Str(format!("{a}{b}")),
            (Value::Str(a) | Value::Text(a), Value::Str(b) | Value::Text(b)) => {
                Value::Text(format!("{a}{b}"))
            }
            (Value::Date(a), Value::Duration(d)) => Value::Date(calendar::plus(*a, turned(*d))),
            (Value::Duration(d), Value::Date(a)) => Value::Date(calendar::plus(*a, *d)),
            (Value::Date(Date(a)), Value::Date(Date(b))) => {
                Value::Duration(Duration { months: 0, days: a - b })
            }
            (Value::Instant(i), Value::Elapsed(e)) => Value::Instant(Instant(int(i.0, e.0))),
            (Value::Instant(i), Value::Duration(d)) => {
                Value::Instant(calendar::instant_plus(*i, turned(*d), &self.world.zone))
            }
            (Value::Instant(a), Value::Instant(b)) => Value::Elapsed(Elapsed(a.0.saturating_sub(b.0))),
            (Value::Duration(a), Value::Duration(b)) => Value::Duration(calendar::sum_of(*a, turned(*b))),
            (Value::Elapsed(a), Value::Elapsed(b)) => Value::Elapsed(Elapsed(int(a.0, b.0))),
            _ => return bug("a sum of what can't be added"),
        })
    }

    fn arms(&self, of: &'a Expr, arms: &'a [ast::Arm], s: &Scope<'a>, want: Option<&Ty>) -> Res<Value> {
        let ty = self.world.type_of(of, s);
        let value = self.eval(of, s, None)?;
        for arm in arms {
            for pattern in &arm.patterns {
                let hit = match pattern {
                    ArmPattern::Any(_) => true,
                    ArmPattern::Absent(_) => value.is_absent(),
                    ArmPattern::Value(v) => {
                        !value.is_absent() && same(&self.eval(v, s, ty.as_ref())?, &value)
                    }
                    ArmPattern::Range(low, high) => {
                        let (low, high) = (self.eval(low, s, ty.as_ref())?, self.eval(high, s, ty.as_ref())?);
                        !value.is_absent() && compare(&low, &value).is_le() && compare(&value, &high).is_le()
                    }
                };
                if hit {
                    return self.eval(&arm.value, s, want);
                }
            }
        }
        // Only in a mapping can there be a value that no arm takes: it rejects the row (items.md, "source").
        if s.row.is_some() && !value.is_absent() { Err(Stop::Failed) } else { Ok(Value::Absent) }
    }

    fn quant(
        &self,
        quant: Quant,
        var: &str,
        list: &'a Expr,
        cond: Option<&'a Expr>,
        s: &Scope<'a>,
    ) -> Res<Value> {
        let of = self.world.type_of(list, s).as_ref().and_then(element);
        let list = self.eval(list, s, None)?;
        if list.is_absent() {
            return Ok(Value::Absent);
        }
        let (mut count, mut unknown) = (0, false);
        for one in list.elements() {
            let holds = match cond {
                None => Ok(true),
                Some(cond) => self.holds(cond, &s.with(var, of.clone(), one.clone())),
            };
            match (quant, holds) {
                (Quant::Any, Ok(true)) => return Ok(Value::Bool(true)),
                (Quant::All, Ok(false)) => return Ok(Value::Bool(false)),
                (_, Ok(holds)) => count += i64::from(holds),
                (_, Err(Stop::Unknown)) => unknown = true,
                (_, Err(stop)) => return Err(stop),
            }
        }
        match quant {
            _ if unknown => Err(Stop::Unknown),
            Quant::Any => Ok(Value::Bool(false)),
            Quant::All => Ok(Value::Bool(true)),
            Quant::Count => Ok(Value::Int(count)),
        }
    }

    /// The elements of a set or list, each as a record or a plain value, with their type.
    pub(crate) fn list(&self, e: &'a Expr, s: &Scope<'a>) -> Res<(Vec<Value>, Option<Ty>)> {
        let ty = self.world.type_of(e, s).as_ref().and_then(element);
        Ok((self.eval(e, s, None)?.elements().to_vec(), ty))
    }
}

/// `row.column`: a `string?`.
fn cell(s: &Scope<'_>, column: &str) -> Value {
    let Some((row, columns)) = s.row else { return Value::Absent };
    match columns.iter().position(|c| c == column).map(|i| row.cell(i)) {
        Some(RawCell::Text(t) | RawCell::Json(t)) => Value::Str(nfc(t)),
        Some(RawCell::Absent) | None => Value::Absent,
    }
}

/// A question about two texts: on `text` without regard to case.
fn on_texts(a: &Value, b: &Value, ask: impl Fn(&str, &str) -> bool) -> bool {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => ask(a, b),
        (Value::Str(a) | Value::Text(a), Value::Str(b) | Value::Text(b)) => ask(&fold(a), &fold(b)),
        _ => false,
    }
}

fn multiplied(a: &Value, b: &Value) -> Res<Value> {
    let small = |n: i64| n.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Value::Int(a.saturating_mul(*b)),
        (Value::Decimal(a), Value::Decimal(b)) => Value::Decimal(decimal_times(*a, *b)),
        (Value::Int(n), Value::Duration(d)) | (Value::Duration(d), Value::Int(n)) => {
            Value::Duration(Duration {
                months: d.months.saturating_mul(small(*n)),
                days: d.days.saturating_mul(small(*n)),
            })
        }
        (Value::Int(n), Value::Elapsed(e)) | (Value::Elapsed(e), Value::Int(n)) => {
            Value::Elapsed(Elapsed(e.0.saturating_mul(*n)))
        }
        _ => return bug("a product of what can't be multiplied"),
    })
}

/// Fields of a record as they are handed about.
pub(crate) type Record = std::rc::Rc<BTreeMap<String, Value>>;
