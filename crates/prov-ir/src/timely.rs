//! How time flows through expressions: `today` and `now` stand only in comparisons that turn round at most a few times
//! (language.md 11.25), so that the next moment at which a result can change can be found.
//!
//! Invariant: in a program that passes, both sides of a comparison move one way or stand still as time goes on, and not
//! both the same way; nothing else but such comparisons depends on time.

use crate::{ExprId, ExprKind, GrantValue, Local, Program, StrPart};
use prov_model::{ArithOp, AttrId, Builtin, IdentityId, Value};
use std::collections::{BTreeSet, HashMap};

/// How the value of an expression moves as time goes on, comparisons within it aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It stands still.
    Still,
    /// It only grows.
    Up,
    /// It only shrinks.
    Down,
}

/// A value's way, and whether comparisons with time stand within it.
#[derive(Clone, Copy, Debug)]
struct Flow {
    way: Way,
    asks: bool,
}

/// What is wrong with where time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untimely {
    /// It stands outside of a comparison: in a value, a text, a look-up.
    Value,
    /// A calculation goes up and down again: the day of the week, of the month.
    Round,
    /// Both sides of the comparison grow, or one side both grows and shrinks.
    Race,
    /// A comparison with time stands within a side of another.
    Within,
    /// It stands in a source's mapping.
    Mapping,
}

/// An expression in which time stands where it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UntimelyAt {
    /// The smallest expression that is to blame.
    pub at: ExprId,
    /// Why.
    pub why: Untimely,
}

type Flows = Result<Flow, UntimelyAt>;

const STILL: Flow = Flow { way: Way::Still, asks: false };

/// Every place in a program where time stands and may not, each once, in order.
pub fn untimely(program: &Program) -> Vec<UntimelyAt> {
    let mut walk = Walk { program, locals: Vec::new(), named: HashMap::new() };
    let mut found = Vec::new();
    let claims = program.federations.iter().filter_map(|f| f.maps.as_ref());
    for source in program.sources.iter().chain(claims) {
        for mapping in &source.attributes {
            if let crate::AttributeProgram::Mapped(e) = mapping
                && let Some(at) = reads_time(program, *e)
            {
                found.push(UntimelyAt { at, why: Untimely::Mapping });
            }
        }
    }
    for (_, root) in roots(program) {
        walk.root(root, &mut found);
    }
    found.sort_by_key(|f| f.at);
    found.dedup_by_key(|f| f.at);
    found
}

/// Everything that is evaluated of identities, with their type, where one is said; an expression may stand here twice.
fn roots(program: &Program) -> Vec<(Option<IdentityId>, ExprId)> {
    let mut roots: Vec<(Option<IdentityId>, ExprId)> = Vec::new();
    for l in &program.lifecycles {
        roots.extend(l.conditions.iter().flatten().map(|e| (Some(l.identity), *e)));
    }
    for (def, f) in program.schema.federations.iter().zip(&program.federations) {
        let all = f.of.into_iter().chain(f.out.iter().map(|(_, e)| *e));
        roots.extend(all.map(|e| (Some(def.identity), e)));
    }
    for a in &program.accounts {
        let all = a.when.iter().chain(&a.enabled).chain(&a.attributes);
        roots.extend(all.map(|e| (Some(a.identity), *e)));
    }
    for f in program.forbids.iter().chain(&program.role_forbids) {
        roots.extend(f.when.map(|when| (f.identity, when)));
    }
    for r in &program.rules {
        let of = Some(r.identity);
        roots.extend(r.when.map(|w| (of, w)));
        let requestable = r.requestable.iter().flat_map(|q| q.when.into_iter().chain(q.approved_by));
        roots.extend(requestable.map(|e| (of, e)));
        roots.extend(instance_exprs(r).map(|e| (of, e)));
        for g in &r.grants {
            let each = g.each.iter().flat_map(|e| std::iter::once(e.list).chain(e.filter));
            let values = g.values.iter().map(|value| match *value {
                GrantValue::One(e) | GrantValue::Each(e) => e,
            });
            let all = g.when.into_iter().chain(g.from).chain(g.until.map(|u| u.at)).chain(g.keep);
            roots.extend(all.chain(each).chain(values).map(|e| (of, e)));
        }
    }
    roots
}

/// What a rule computes to include instances of roles with parameters.
fn instance_exprs(rule: &crate::RuleProgram) -> impl Iterator<Item = ExprId> + '_ {
    rule.instances.iter().flat_map(crate::InstanceProgram::exprs)
}

/// The first place of an expression where time is read.
fn reads_time(program: &Program, root: ExprId) -> Option<ExprId> {
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        let kind = &program.expr(id).kind;
        if matches!(kind, ExprKind::Today | ExprKind::TodayIn(_) | ExprKind::Now) {
            return Some(id);
        }
        kind.children(|child| open.push(child));
    }
    None
}

/// The attributes whose value is used as the name of a zone.
pub fn zone_attributes(program: &Program) -> BTreeSet<(IdentityId, AttrId)> {
    let mut found = BTreeSet::new();
    let of_type = roots(program).into_iter().filter_map(|(identity, root)| Some((identity?, root)));
    for (identity, root) in of_type {
        let mut open = vec![root];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let kind = &program.expr(id).kind;
            if let ExprKind::TodayIn(zone) | ExprKind::AtTime(_, _, _, Some(zone)) = kind {
                zone_names(program, identity, *zone, &mut found);
            }
            kind.children(|child| open.push(child));
        }
    }
    found
}

/// The attributes that a zone's name comes from: itself, behind a default, or as a side of an `if`.
fn zone_names(
    program: &Program,
    identity: IdentityId,
    id: ExprId,
    found: &mut BTreeSet<(IdentityId, AttrId)>,
) {
    match &program.expr(id).kind {
        ExprKind::Attr(attr) => {
            found.insert((identity, *attr));
        }
        ExprKind::Field(of, field) => {
            if let prov_model::Type::Identity(other) = program.expr(*of).ty.required() {
                found.insert((*other, AttrId(*field)));
            }
        }
        ExprKind::ToText(a) | ExprKind::Named(_, a) => zone_names(program, identity, *a, found),
        ExprKind::Coalesce(a, b) | ExprKind::If(_, a, b) => {
            zone_names(program, identity, *a, found);
            zone_names(program, identity, *b, found);
        }
        // A computed name can't be looked at before it is computed; an unknown one reads as the policy's zone.
        _ => {}
    }
}

struct Walk<'p> {
    program: &'p Program,
    locals: Vec<(Local, Flow)>,
    /// Definitions: they read no locals of where they are used.
    named: HashMap<ExprId, Flows>,
}

impl Walk<'_> {
    fn root(&mut self, id: ExprId, found: &mut Vec<UntimelyAt>) {
        self.locals.clear();
        if let Err(e) = self.still(id) {
            found.push(e);
        }
    }

    /// A value that stands still, but for comparisons within it.
    fn still(&mut self, id: ExprId) -> Flows {
        let flow = self.flow(id)?;
        if flow.way == Way::Still { Ok(flow) } else { Err(UntimelyAt { at: id, why: Untimely::Value }) }
    }

    /// Values that stand still, and what they make together.
    fn all_still(&mut self, ids: impl IntoIterator<Item = ExprId>) -> Flows {
        let mut asks = false;
        for id in ids {
            asks |= self.still(id)?.asks;
        }
        Ok(Flow { way: Way::Still, asks })
    }

    fn flow(&mut self, id: ExprId) -> Flows {
        let moved = |way: Way, by: Flow| Ok(Flow { way, asks: by.asks });
        let kind = &self.program.expr(id).kind;
        match kind {
            ExprKind::Today | ExprKind::Now => Ok(Flow { way: Way::Up, asks: false }),
            ExprKind::TodayIn(zone) => {
                let zone = self.still(*zone)?;
                moved(Way::Up, zone)
            }
            ExprKind::Local(local) => {
                let known = self.locals.iter().rev().find(|(l, _)| l == local);
                Ok(known.map_or(STILL, |(_, flow)| *flow))
            }
            ExprKind::Let(local, value, body) => {
                let value = self.flow(*value)?;
                self.locals.push((*local, value));
                let body = self.flow(*body);
                self.locals.pop();
                // What a function does with time is the doing of who calls it with time.
                match body {
                    Err(e) if value.way != Way::Still => Err(UntimelyAt { at: id, ..e }),
                    body => body,
                }
            }
            ExprKind::Named(_, of) => {
                if let Some(known) = self.named.get(of) {
                    return *known;
                }
                let flow = self.flow(*of);
                self.named.insert(*of, flow);
                flow
            }
            ExprKind::Neg(a) => {
                let a = self.flow(*a)?;
                moved(flip(a.way), a)
            }
            ExprKind::Arith(op, a, b) => self.arith(id, *op, *a, *b),
            ExprKind::Between(_, a, b) => {
                let (a, b) = (self.flow(*a)?, self.flow(*b)?);
                join(id, Flow { way: flip(a.way), ..a }, b)
            }
            ExprKind::AtTime(date, _, _, zone) => {
                let date = self.flow(*date)?;
                let zone = self.all_still(*zone)?;
                Ok(Flow { asks: date.asks || zone.asks, ..date })
            }
            ExprKind::Coalesce(a, b) => {
                let (a, b) = (self.flow(*a)?, self.flow(*b)?);
                join(id, a, b)
            }
            ExprKind::If(cond, a, b) => {
                let cond = self.still(*cond)?;
                let (a, b) = (self.flow(*a)?, self.flow(*b)?);
                let joined = join(id, a, b)?;
                Ok(Flow { asks: joined.asks || cond.asks, ..joined })
            }
            ExprKind::Match(of, arms) => {
                let mut all = self.still(*of)?;
                for arm in arms {
                    let flow = self.flow(arm.value)?;
                    all = join(id, all, flow)?;
                }
                Ok(all)
            }
            ExprKind::Set(elements) => {
                let mut all = STILL;
                for element in elements {
                    let flow = self.flow(*element)?;
                    all = join(id, all, flow)?;
                }
                Ok(all)
            }
            ExprKind::Call(builtin, args) => self.call(id, *builtin, args),
            ExprKind::Compare(_, a, b) | ExprKind::Contains(a, b) => self.compared(id, *a, &[*b]),
            ExprKind::InRange(a, low, high) => self.compared(id, *a, &[*low, *high]),
            ExprKind::Interpolate(parts) => self.all_still(parts.iter().filter_map(|p| match p {
                StrPart::Value(e) => Some(*e),
                StrPart::Text(_) => None,
            })),
            ExprKind::Const(_)
            | ExprKind::Attr(_)
            | ExprKind::State
            | ExprKind::Field(..)
            | ExprKind::StateOf(_)
            | ExprKind::Inverse(..)
            | ExprKind::Myself
            | ExprKind::Not(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::TextTest(..)
            | ExprKind::Matches(..)
            | ExprKind::IsPresent(_)
            | ExprKind::Unique(_)
            | ExprKind::ToText(_)
            | ExprKind::Slice(..)
            | ExprKind::Quant { .. }
            | ExprKind::Lookup(..)
            | ExprKind::HasRole(_)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::AccountAttr(..)
            | ExprKind::InSource(_)
            | ExprKind::Cell(_) => {
                let mut children = Vec::new();
                kind.children(|child| children.push(child));
                self.all_still(children)
            }
        }
    }

    fn arith(&mut self, id: ExprId, op: ArithOp, a: ExprId, b: ExprId) -> Flows {
        let (fa, fb) = (self.flow(a)?, self.flow(b)?);
        match op {
            ArithOp::Add => join(id, fa, fb),
            ArithOp::Sub => join(id, fa, Flow { way: flip(fb.way), ..fb }),
            ArithOp::Mul => {
                let asks = fa.asks || fb.asks;
                let (moving, factor) = match (fa.way, fb.way) {
                    (Way::Still, Way::Still) => return Ok(Flow { way: Way::Still, asks }),
                    (way, Way::Still) => (way, b),
                    (Way::Still, way) => (way, a),
                    (Way::Up | Way::Down, Way::Up | Way::Down) => {
                        return Err(UntimelyAt { at: id, why: Untimely::Race });
                    }
                };
                match self.sign(factor) {
                    Some(true) => Ok(Flow { way: moving, asks }),
                    Some(false) => Ok(Flow { way: flip(moving), asks }),
                    None => Err(UntimelyAt { at: id, why: Untimely::Race }),
                }
            }
        }
    }

    /// Whether a constant factor keeps the way.
    fn sign(&self, id: ExprId) -> Option<bool> {
        match &self.program.expr(id).kind {
            ExprKind::Const(Value::Int(n)) => Some(*n >= 0),
            ExprKind::Const(Value::Decimal(d)) => Some(d.0 >= 0),
            ExprKind::Const(Value::Duration(d)) => Some(d.months >= 0 && d.days >= 0),
            ExprKind::Const(Value::Elapsed(e)) => Some(e.0 >= 0),
            ExprKind::Named(_, of) => self.sign(*of),
            _ => None,
        }
    }

    fn call(&mut self, id: ExprId, builtin: Builtin, args: &[ExprId]) -> Flows {
        let mut flows = Vec::with_capacity(args.len());
        for arg in args {
            flows.push(self.flow(*arg)?);
        }
        let asks = flows.iter().any(|f| f.asks);
        if flows.iter().all(|f| f.way == Way::Still) {
            return Ok(Flow { way: Way::Still, asks });
        }
        match builtin {
            Builtin::Year | Builtin::ToDate | Builtin::Min | Builtin::Max => {
                flows.into_iter().try_fold(STILL, |sum, flow| join(id, sum, flow))
            }
            Builtin::WorkingDayFrom | Builtin::WorkingDayUntil | Builtin::AddWorkingDays => {
                match flows.split_first() {
                    Some((day, rest)) if rest.iter().all(|f| f.way == Way::Still) => {
                        Ok(Flow { way: day.way, asks })
                    }
                    Some(_) | None => Err(UntimelyAt { at: id, why: Untimely::Race }),
                }
            }
            Builtin::WorkingDaysBetween => match flows[..] {
                [a, b] | [a, b, Flow { way: Way::Still, .. }] => {
                    let between = join(id, Flow { way: flip(a.way), ..a }, b)?;
                    Ok(Flow { way: between.way, asks })
                }
                _ => Err(UntimelyAt { at: id, why: Untimely::Race }),
            },
            Builtin::Month | Builtin::Day | Builtin::Weekday | Builtin::Abs | Builtin::IsWorkingDay => {
                Err(UntimelyAt { at: id, why: Untimely::Round })
            }
            // What is not known to go one way is refused.
            _ => Err(UntimelyAt { at: id, why: Untimely::Value }),
        }
    }

    /// A comparison of one value with others.
    fn compared(&mut self, id: ExprId, value: ExprId, with: &[ExprId]) -> Flows {
        let value = self.flow(value)?;
        let (mut asks, mut moves) = (value.asks, value.way != Way::Still);
        for other in with {
            let other = self.flow(*other)?;
            // The difference must go one way.
            join(id, value, Flow { way: flip(other.way), ..other })?;
            asks |= other.asks;
            moves |= other.way != Way::Still;
        }
        if moves && asks {
            return Err(UntimelyAt { at: id, why: Untimely::Within });
        }
        Ok(Flow { way: Way::Still, asks: asks || moves })
    }
}

fn flip(way: Way) -> Way {
    match way {
        Way::Still => Way::Still,
        Way::Up => Way::Down,
        Way::Down => Way::Up,
    }
}

/// What goes the ways of both.
fn join(id: ExprId, a: Flow, b: Flow) -> Flows {
    let asks = a.asks || b.asks;
    match (a.way, b.way) {
        (way, Way::Still) | (Way::Still, way) => Ok(Flow { way, asks }),
        (Way::Up, Way::Up) => Ok(Flow { way: Way::Up, asks }),
        (Way::Down, Way::Down) => Ok(Flow { way: Way::Down, asks }),
        (Way::Up, Way::Down) | (Way::Down, Way::Up) => Err(UntimelyAt { at: id, why: Untimely::Race }),
    }
}
