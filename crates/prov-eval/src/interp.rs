//! The interpreter: one expression for one identity (or one row of a source), by walking the tree.
//! Invariant: total. Whatever the program and the data, a call returns a value, or the [`Unknown`] that it depends on.
//! Operators mean what `prov_model` says; an absent operand makes the result absent.

use crate::entered::EntryOf;
use crate::facts::Facts;
use crate::good::Recalled;
use crate::interner::Interner;
use crate::keep::Keeps;
use crate::seq::Seq;
use crate::shape::Shape;
use crate::time::{Bound, Clock};
use crate::wake::Wake;
use crate::world::{NO_STATE, Unknown, World, borrow};
use prov_ir::{Arm, ArmPattern, ExprId, ExprKind, Local, StrPart};
use prov_model::{
    AttrId, Builtin, IdentityId, Instant, Membership, RawCell, RawRow, RowRef, Type, Value, Zone, arith,
    equal, in_range, nfc, slice,
};

/// Whom an expression is evaluated for.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// An identity of the population.
    Identity(IdentityId, u32),
    /// A row of a source, with the place of each column of the program in it.
    Row(RawRow<'a>, &'a [Option<usize>]),
}

/// What went wrong in a source mapping, which has no absent to fall back on.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// A built-in could not convert this value.
    Call { at: ExprId, value: String, reason: String },
    /// No arm of the match takes this value.
    Unmatched { at: ExprId, value: String },
}

/// An evaluator. One serves many identities, one after the other: [`Interp::turn_to`].
pub(crate) struct Interp<'a> {
    pub(crate) world: World<'a>,
    pub(crate) shape: &'a Shape,
    pub(crate) subject: Subject<'a>,
    pub(crate) clock: Clock,
    /// What is noted of when things change, where that is asked for.
    pub(crate) wake: Option<Wake>,
    pub(crate) keeps: Keeps,
    pub(crate) entered: EntryOf,
    /// The bounds of grants that were looked at, where an explanation asks for them.
    pub(crate) bounds: Option<Vec<Bound>>,
    pub(crate) facts: Facts<'a>,
    /// The last good record of the identity at hand, while it is read.
    pub(crate) recalled: Option<Recalled<'a>>,
    pub(crate) interner: Interner,
    /// Failures of the row at hand; only in source mappings.
    pub(crate) failures: Vec<Failure>,
    locals: Vec<Result<Value<'a>, Unknown>>,
    base: usize,
    zones: Vec<(String, Option<Zone>)>,
}

pub(crate) type Res<T> = Result<T, Unknown>;

impl<'a> Interp<'a> {
    pub(crate) fn new(world: World<'a>, shape: &'a Shape, subject: Subject<'a>) -> Interp<'a> {
        Interp {
            world,
            shape,
            subject,
            clock: world.moment.into(),
            wake: None,
            keeps: Keeps::default(),
            entered: EntryOf::default(),
            bounds: None,
            facts: Facts::new(world.program),
            recalled: None,
            interner: Interner::new(shape),
            failures: Vec::new(),
            locals: vec![Ok(Value::Absent); world.program.locals as usize],
            base: 0,
            zones: Vec::new(),
        }
    }

    /// Forgets one subject and takes up another.
    pub(crate) fn turn_to(&mut self, subject: Subject<'a>) {
        self.subject = subject;
        self.recalled = None;
        self.facts.clear();
        self.keeps.clear();
        self.entered.clear();
        self.failures.clear();
    }

    /// The value of an expression.
    pub(crate) fn eval(&mut self, id: ExprId) -> Res<Value<'a>> {
        let expr = self.world.program.expr(id);
        Ok(match &expr.kind {
            ExprKind::Const(value) => borrow(value),
            ExprKind::Attr(attr) => return self.attr(*attr),
            ExprKind::State => match self.subject {
                Subject::Identity(ty, row) => state_value(self.state_of(ty, row)?),
                Subject::Row(..) => Value::Absent,
            },
            ExprKind::Local(local) => return self.local(*local),
            ExprKind::Field(of, field) => {
                let row = self.eval(*of)?;
                return self.field(*of, &row, *field);
            }
            ExprKind::StateOf(of) => match (self.eval(*of)?, self.identity_type(*of)) {
                (Value::Row(r), Some(ty)) => state_value(self.state_of(ty, r.row)?),
                _ => Value::Absent,
            },
            ExprKind::Inverse(..) => match self.seq(id)? {
                Some(seq) => Value::List(
                    (0..seq.len())
                        .filter_map(|i| if let Value::Row(r) = seq.get(i) { Some(r) } else { None })
                        .collect(),
                ),
                None => Value::Absent,
            },
            ExprKind::Myself => match (self.subject, self.world.population) {
                (Subject::Identity(ty, row), Some(p)) => Value::Row(RowRef { table: &p.of(ty).table, row }),
                _ => Value::Absent,
            },
            ExprKind::Today => Value::Date(self.clock.today),
            ExprKind::TodayIn(zone) => match self.eval(*zone)? {
                Value::Absent => Value::Absent,
                name => {
                    let now = self.clock.now;
                    Value::Date(self.in_zone(name.spelling(), |z| z.date_of(now)))
                }
            },
            ExprKind::Now => Value::Instant(self.clock.now),
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
            | ExprKind::HasEntitlement(..) => self.test(id)?.map_or(Value::Absent, Value::Bool),
            ExprKind::Quant { quant, local, list, cond } => self.quant(*quant, *local, *list, *cond)?,
            ExprKind::Neg(of) => match self.eval(*of)? {
                Value::Int(n) => Value::Int(n.saturating_neg()),
                Value::Decimal(d) => Value::Decimal(prov_model::Decimal(d.0.saturating_neg())),
                Value::Duration(d) => Value::Duration(d.negated()),
                Value::Elapsed(e) => Value::Elapsed(prov_model::Elapsed(e.0.saturating_neg())),
                _ => Value::Absent,
            },
            ExprKind::Coalesce(first, second) => match self.eval(*first)? {
                Value::Absent => return self.eval(*second),
                value => value,
            },
            ExprKind::Arith(op, a, b) => {
                let (a, b) = (self.eval(*a)?, self.eval(*b)?);
                if a.is_absent() || b.is_absent() {
                    Value::Absent
                } else {
                    arith(*op, &a, &b, &self.world.moment.zone)
                }
            }
            ExprKind::ToText(of) => match self.eval(*of)? {
                Value::Str(s) => Value::text(s),
                value => value,
            },
            ExprKind::If(cond, yes, no) => return self.choose(*cond, *yes, *no),
            ExprKind::Match(of, arms) => {
                let value = self.eval(*of)?;
                return self.match_arms(id, *of, value, arms);
            }
            ExprKind::Interpolate(parts) => return self.interpolate(parts),
            ExprKind::Slice(of, from, to) => {
                let value = self.eval(*of)?;
                let from = self.bound(*from)?;
                let to = self.bound(*to)?;
                match (value.is_absent(), from, to) {
                    (false, Some(from), Some(to)) => slice(&value, from.unwrap_or(0), to),
                    _ => Value::Absent,
                }
            }
            ExprKind::Set(elements) => {
                let mut values = Vec::with_capacity(elements.len());
                for element in elements {
                    values.push(self.eval(*element)?);
                }
                if values.iter().any(Value::is_absent) { Value::Absent } else { Value::set(values) }
            }
            ExprKind::Between(unit, from, to) => match (self.eval(*from)?, self.eval(*to)?) {
                (Value::Date(from), Value::Date(to)) => {
                    unit.between(from, to).map_or(Value::Absent, Value::Int)
                }
                _ => Value::Absent,
            },
            ExprKind::AtTime(date, hour, minute, zone) => return self.at_time(*date, *hour, *minute, *zone),
            ExprKind::Call(builtin, args) => return self.call(id, *builtin, args),
            ExprKind::Let(local, value, body) => {
                let value = self.eval(*value);
                self.bind(*local, value);
                return self.eval(*body);
            }
            ExprKind::Named(_, of) => return self.eval(*of),
            ExprKind::Lookup(table, key) => {
                let value = self.eval(*key)?;
                let Some(lookup) = self.world.tables.get(table.index()) else { return Ok(Value::Absent) };
                if value.is_absent() {
                    return Ok(Value::Absent);
                }
                let schema = &self.world.program.schema;
                let def = &schema.tables[table.index()];
                let ty = &schema.records[def.record.index()].fields[def.key].ty;
                lookup
                    .find(&value, ty, &self.world)
                    .map_or(Value::Absent, |row| Value::Row(RowRef { table: &lookup.table, row }))
            }
            ExprKind::AccountAttr(app, attribute) => return self.account_attribute(*app, *attribute),
            ExprKind::Unique(unique) => return self.unique_name(unique),
            ExprKind::InSource(source) => return self.in_source(*source).map(Value::Bool),
            ExprKind::Cell(column) => self.source_cell(*column),
        })
    }

    pub(crate) fn attr(&self, attr: AttrId) -> Res<Value<'a>> {
        match self.subject {
            Subject::Identity(ty, row) => self
                .world
                .attribute(ty, row, attr)
                .or_else(|unknown| self.recalled_value(ty, row, attr).ok_or(unknown)),
            Subject::Row(..) => Ok(Value::Absent),
        }
    }

    /// Whether a source has a row of the identity at hand.
    fn in_source(&self, source: u32) -> Res<bool> {
        let (Subject::Identity(ty, row), Some(population)) = (self.subject, self.world.population) else {
            return Ok(false);
        };
        match population.of(ty).membership(row, source) {
            Membership::In => Ok(true),
            Membership::Out => Ok(false),
            Membership::Unknown => {
                Err(Unknown { identity: ty, row, attr: self.world.program.schema.identity(ty).key })
            }
        }
    }

    fn local(&self, local: Local) -> Res<Value<'a>> {
        self.locals.get(self.base + local.0 as usize).cloned().unwrap_or(Ok(Value::Absent))
    }

    pub(crate) fn bind(&mut self, local: Local, value: Res<Value<'a>>) {
        let at = self.base + local.0 as usize;
        if at >= self.locals.len() {
            self.locals.resize(at + 1, Ok(Value::Absent));
        }
        self.locals[at] = value;
    }

    /// The identity type of an expression that gives an identity.
    fn identity_type(&self, of: ExprId) -> Option<IdentityId> {
        match self.world.program.expr(of).ty.required() {
            Type::Identity(id) => Some(*id),
            _ => None,
        }
    }

    /// A field of a row that the expression `of` gave.
    fn field(&self, of: ExprId, row: &Value<'a>, field: u32) -> Res<Value<'a>> {
        let Value::Row(r) = row else { return Ok(Value::Absent) };
        match self.world.program.expr(of).ty.required() {
            Type::Identity(id) => self.world.attribute(*id, r.row, AttrId(field)),
            Type::Record(id) => {
                let ty = &self.world.program.schema.records[id.index()].fields[field as usize].ty;
                Ok(self.world.cell(r.table, field as usize, r.row, ty))
            }
            _ => Ok(Value::Absent),
        }
    }

    /// The elements of a set or list; `None` where it is absent.
    pub(crate) fn seq(&mut self, id: ExprId) -> Res<Option<Seq<'a>>> {
        let program = self.world.program;
        match &program.expr(id).kind {
            ExprKind::Const(Value::Set(elements)) => return Ok(Some(Seq::Const(elements))),
            ExprKind::Attr(attr) => {
                if let (Subject::Identity(ty, row), Some(p)) = (self.subject, self.world.population) {
                    return self.seq_at(ty, row, *attr, p);
                }
            }
            ExprKind::Field(of, field) => {
                let Value::Row(r) = self.eval(*of)? else { return Ok(None) };
                return match (program.expr(*of).ty.required(), self.world.population) {
                    (Type::Identity(ty), Some(p)) => self.seq_at(*ty, r.row, AttrId(*field), p),
                    _ => Ok(r.table.columns.get(*field as usize).and_then(|c| Seq::at(c, r.row))),
                };
            }
            ExprKind::Inverse(of, number) => {
                let (ty, row) = match (of, self.subject) {
                    (None, Subject::Identity(ty, row)) => (ty, row),
                    (None, Subject::Row(..)) => return Ok(None),
                    (Some(of), _) => match (self.eval(*of)?, self.identity_type(*of)) {
                        (Value::Row(r), Some(ty)) => (ty, r.row),
                        _ => return Ok(None),
                    },
                };
                if self.is_missing(ty, row) {
                    let key = self.world.program.schema.identity(ty).key;
                    return Err(Unknown { identity: ty, row, attr: key });
                }
                return Ok(self.inverse(ty, row, *number));
            }
            ExprKind::Coalesce(first, second) => {
                return match self.seq(*first)? {
                    Some(seq) => Ok(Some(seq)),
                    None => self.seq(*second),
                };
            }
            ExprKind::Named(_, of) => return self.seq(*of),
            _ => {}
        }
        Ok(match self.eval(id)? {
            Value::Absent => None,
            value => Some(Seq::of(value)),
        })
    }

    fn seq_at(
        &self,
        ty: IdentityId,
        row: u32,
        attr: AttrId,
        population: &'a prov_model::Population,
    ) -> Res<Option<Seq<'a>>> {
        let table = population.of(ty);
        if table.is_broken(row, attr) {
            return Err(Unknown { identity: ty, row, attr });
        }
        Ok(table.table.columns.get(attr.index()).and_then(|c| Seq::at(c, row)))
    }

    /// Who refers to an identity. One whose reference could not be read (its key stands twice, its mapping failed) is
    /// not among them: else a single bad row would hold everyone whose result asks for their reports.
    fn inverse(&self, ty: IdentityId, row: u32, number: u32) -> Option<Seq<'a>> {
        let population = self.world.population?;
        let def = self.world.program.schema.identity(ty).inverses.get(number as usize)?;
        let lists = population.of(ty).inverses.get(number as usize)?;
        Some(Seq::Refs(&population.of(def.from).table, lists.get(row)))
    }

    /// `if`: where the condition can't be known, both sides that agree still give a value.
    fn choose(&mut self, cond: ExprId, yes: ExprId, no: ExprId) -> Res<Value<'a>> {
        match self.test(cond) {
            Ok(Some(true)) => self.eval(yes),
            Ok(Some(false)) => self.eval(no),
            Ok(None) => Ok(Value::Absent),
            Err(unknown) => match (self.eval(yes), self.eval(no)) {
                (Ok(a), Ok(b)) if equal(&a, &b) => Ok(a),
                _ => Err(unknown),
            },
        }
    }

    fn match_arms(&mut self, id: ExprId, of: ExprId, value: Value<'a>, arms: &[Arm]) -> Res<Value<'a>> {
        let hit = |pattern: &ArmPattern| match pattern {
            ArmPattern::Any => true,
            ArmPattern::Absent => value.is_absent(),
            ArmPattern::Value(v) => !value.is_absent() && equal(&value, v),
            ArmPattern::Range(low, high) => !value.is_absent() && in_range(&value, low, high),
        };
        if let Some(arm) = arms.iter().find(|arm| arm.patterns.iter().any(hit)) {
            return self.eval(arm.value);
        }
        if matches!(self.subject, Subject::Row(..)) && !value.is_absent() {
            let program = self.world.program;
            let value = value.plain(&program.expr(of).ty, &program.schema);
            self.failures.push(Failure::Unmatched { at: id, value });
        }
        Ok(Value::Absent)
    }

    fn interpolate(&mut self, parts: &[StrPart]) -> Res<Value<'a>> {
        let mut out = String::new();
        for part in parts {
            match part {
                StrPart::Text(text) => out.push_str(text),
                StrPart::Value(id) => {
                    let value = self.eval(*id)?;
                    if value.is_absent() {
                        return Ok(Value::Absent);
                    }
                    match value.spelling() {
                        Some(s) => out.push_str(s),
                        None => out.push_str(
                            &value.plain(&self.world.program.expr(*id).ty, &self.world.program.schema),
                        ),
                    }
                }
            }
        }
        Ok(Value::str(out))
    }

    /// An end of a slice: `None` where its value is absent, `Some(None)` where it is not given.
    fn bound(&mut self, id: Option<ExprId>) -> Res<Option<Option<i64>>> {
        Ok(match id {
            None => Some(None),
            Some(id) => match self.eval(id)? {
                Value::Int(n) => Some(Some(n)),
                _ => None,
            },
        })
    }

    fn at_time(&mut self, date: ExprId, hour: u8, minute: u8, zone: Option<ExprId>) -> Res<Value<'a>> {
        let date = self.eval(date)?;
        let zone = match zone {
            Some(zone) => match self.eval(zone)? {
                Value::Absent => return Ok(Value::Absent),
                zone => Some(zone),
            },
            None => None,
        };
        let Value::Date(date) = date else { return Ok(Value::Absent) };
        let name = zone.as_ref().and_then(Value::spelling);
        let instant: Instant = self.in_zone(name, |z| z.instant_at(date, hour, minute));
        Ok(Value::Instant(instant))
    }

    /// Asks a zone by name; no name, or an unknown one, is the policy's.
    fn in_zone<T>(&mut self, name: Option<&str>, ask: impl Fn(&Zone) -> T) -> T {
        let moment = self.world.moment;
        let Some(name) = name else { return ask(&moment.zone) };
        let at = match self.zones.iter().position(|(n, _)| n == name) {
            Some(at) => at,
            None => {
                self.zones.push((name.to_owned(), Zone::parse(name)));
                self.zones.len() - 1
            }
        };
        ask(self.zones[at].1.as_ref().unwrap_or(&moment.zone))
    }

    fn call(&mut self, id: ExprId, builtin: Builtin, args: &[ExprId]) -> Res<Value<'a>> {
        if let (Builtin::Size, [list]) = (builtin, args) {
            return Ok(self.seq(*list)?.map_or(Value::Absent, |s| Value::Int(s.len() as i64)));
        }
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.eval(*arg)?);
        }
        if values.iter().any(Value::is_absent) {
            return Ok(Value::Absent);
        }
        let program = self.world.program;
        let plain = |i: usize| {
            values.get(i).map_or(String::new(), |v| v.plain(&program.expr(args[i]).ty, &program.schema))
        };
        match builtin.call(&values, &self.world.moment.zone, &plain) {
            Ok(value) => Ok(value),
            Err(error) => {
                if matches!(self.subject, Subject::Row(..)) {
                    self.failures.push(Failure::Call { at: id, value: plain(0), reason: error.0 });
                }
                Ok(Value::Absent)
            }
        }
    }

    fn source_cell(&self, column: u32) -> Value<'a> {
        let Subject::Row(row, columns) = self.subject else { return Value::Absent };
        match columns.get(column as usize).copied().flatten().map(|c| row.cell(c)) {
            Some(RawCell::Text(s) | RawCell::Json(s)) => Value::Str(nfc(s)),
            Some(RawCell::Absent) | None => Value::Absent,
        }
    }

    /// The state of an identity: the number of the first whose condition holds; [`NO_STATE`] where there is none.
    pub(crate) fn state_of(&mut self, ty: IdentityId, row: u32) -> Res<u32> {
        let own = matches!(self.subject, Subject::Identity(t, r) if t == ty && r == row);
        if let (true, Some(state)) = (own, self.facts.state) {
            return state;
        }
        if let Some(states) = self.world.states {
            let state = states[ty.index()][row as usize];
            if state != NO_STATE {
                return Ok(state);
            }
        }
        let state =
            self.state_then(ty, row, |me| me.nested(Subject::Identity(ty, row), |me| me.find_state(ty)));
        if own {
            self.facts.state = Some(state);
        }
        state
    }

    fn find_state(&mut self, ty: IdentityId) -> Res<u32> {
        let program = self.world.program;
        let Some(lifecycle) = program.lifecycles.iter().find(|l| l.identity == ty) else {
            return Ok(NO_STATE);
        };
        for (state, cond) in lifecycle.conditions.iter().enumerate() {
            // A condition that can't be known hides the states behind it too.
            if cond.map_or(Ok(Some(true)), |c| self.test(c))? == Some(true) {
                return Ok(state as u32);
            }
        }
        Ok(NO_STATE)
    }

    /// Evaluates within another expression, for another subject, without touching its locals.
    pub(crate) fn nested<T>(&mut self, subject: Subject<'a>, f: impl FnOnce(&mut Self) -> T) -> T {
        let (subject, base) = (std::mem::replace(&mut self.subject, subject), self.base);
        self.base += self.world.program.locals as usize;
        let end = self.base + self.world.program.locals as usize;
        if self.locals.len() < end {
            self.locals.resize(end, Ok(Value::Absent));
        }
        let result = f(self);
        self.base = base;
        self.subject = subject;
        result
    }
}

fn state_value<'a>(state: u32) -> Value<'a> {
    if state == NO_STATE { Value::Absent } else { Value::Enum(state) }
}
