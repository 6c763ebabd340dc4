//! Conditions: three-valued over what can't be known (Kleene), two-valued where all is known.
//! Invariant: `and` and `or` walk from the left and end at the first operand that decides; an unknown one never ends
//! them, so that a true side of an `or` makes it true whatever the other.

use crate::facts::Tri;
use crate::interp::{Interp, Res, Subject};
use crate::world::{NO_STATE, Unknown};
use prov_ir::{ExprId, ExprKind, Local, Quant};
use prov_model::{Column, CompareOp, Value, compare, in_range, text_op};

impl<'a> Interp<'a> {
    /// Whether a condition holds; `None` where its operands are absent, which counts as not.
    pub(crate) fn test(&mut self, id: ExprId) -> Res<Option<bool>> {
        let program = self.world.program;
        let kind = &program.expr(id).kind;
        let timely = matches!(kind, ExprKind::Compare(..) | ExprKind::Contains(..) | ExprKind::InRange(..));
        if self.wake.is_some() && timely {
            self.note(id);
        }
        Ok(match kind {
            ExprKind::Not(of) => self.test(*of)?.map(|b| !b),
            ExprKind::And(list) => return self.all_hold(list),
            ExprKind::Or(list) => return self.one_holds(list),
            ExprKind::Compare(op, a, b) => return self.compare(*op, *a, *b),
            ExprKind::TextTest(op, a, b) => {
                let (a, b) = (self.eval(*a)?, self.eval(*b)?);
                if a.is_absent() || b.is_absent() { None } else { Some(text_op(*op, &a, &b)) }
            }
            ExprKind::Contains(set, element) => {
                let seq = self.seq(*set)?;
                let element = self.eval(*element)?;
                match seq {
                    Some(seq) if !element.is_absent() => Some(seq.contains(&element)),
                    _ => None,
                }
            }
            ExprKind::InRange(value, low, high) => {
                let (value, low, high) = (self.eval(*value)?, self.eval(*low)?, self.eval(*high)?);
                if value.is_absent() || low.is_absent() || high.is_absent() {
                    None
                } else {
                    Some(in_range(&value, &low, &high))
                }
            }
            ExprKind::Matches(of, pattern) => match self.eval(*of)? {
                Value::Absent => None,
                value => Some(pattern.matches(&value)),
            },
            ExprKind::IsPresent(of) => Some(self.is_present(*of)?),
            ExprKind::HasRole(rule) => return self.has_role(*rule).known(),
            ExprKind::HasInstance(rule, args) => return self.has_instance(*rule, args),
            ExprKind::HasEntitlement(app, kind, args) => {
                return self.has_entitlement(*app, *kind, args.as_deref());
            }
            ExprKind::Named(_, of) => return self.test(*of),
            ExprKind::Let(local, value, body) => {
                let value = self.eval(*value);
                self.bind(*local, value);
                return self.test(*body);
            }
            ExprKind::Const(_)
            | ExprKind::Attr(_)
            | ExprKind::State
            | ExprKind::Local(_)
            | ExprKind::Field(..)
            | ExprKind::StateOf(_)
            | ExprKind::Inverse(..)
            | ExprKind::Myself
            | ExprKind::Today
            | ExprKind::TodayIn(_)
            | ExprKind::Now
            | ExprKind::Neg(_)
            | ExprKind::Coalesce(..)
            | ExprKind::Arith(..)
            | ExprKind::ToText(_)
            | ExprKind::If(..)
            | ExprKind::Match(..)
            | ExprKind::Interpolate(_)
            | ExprKind::Slice(..)
            | ExprKind::Set(_)
            | ExprKind::Quant { .. }
            | ExprKind::Between(..)
            | ExprKind::AtTime(..)
            | ExprKind::Call(..)
            | ExprKind::Lookup(..)
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::InSource(_)
            | ExprKind::Cell(_) => match self.eval(id)? {
                Value::Bool(b) => Some(b),
                _ => None,
            },
        })
    }

    /// Whether a condition holds; none = always.
    pub(crate) fn holds(&mut self, cond: Option<ExprId>) -> Res<bool> {
        Ok(match cond {
            Some(cond) => self.test(cond)? == Some(true),
            None => true,
        })
    }

    fn all_hold(&mut self, list: &[ExprId]) -> Res<Option<bool>> {
        let mut unknown: Option<Unknown> = None;
        for &operand in list {
            match self.test(operand) {
                Ok(Some(true)) => {}
                Ok(_) => return Ok(Some(false)),
                Err(u) => unknown = unknown.or(Some(u)),
            }
        }
        unknown.map_or(Ok(Some(true)), Err)
    }

    fn one_holds(&mut self, list: &[ExprId]) -> Res<Option<bool>> {
        let mut unknown: Option<Unknown> = None;
        for &operand in list {
            match self.test(operand) {
                Ok(Some(true)) => return Ok(Some(true)),
                Ok(_) => {}
                Err(u) => unknown = unknown.or(Some(u)),
            }
        }
        unknown.map_or(Ok(Some(false)), Err)
    }

    fn compare(&mut self, op: CompareOp, a: ExprId, b: ExprId) -> Res<Option<bool>> {
        if let Some(known) = self.compare_in_place(op, a, b) {
            return known;
        }
        let (a, b) = (self.eval(a)?, self.eval(b)?);
        Ok(if a.is_absent() || b.is_absent() { None } else { Some(op.holds(compare(&a, &b))) })
    }

    /// An attribute or the state against a constant, without making values of them: most conditions are this.
    fn compare_in_place(&mut self, op: CompareOp, a: ExprId, b: ExprId) -> Option<Res<Option<bool>>> {
        let program = self.world.program;
        let ExprKind::Const(constant) = &program.expr(b).kind else { return None };
        let Subject::Identity(ty, row) = self.subject else { return None };
        let attr = match (&program.expr(a).kind, constant) {
            (ExprKind::Attr(attr), _) => *attr,
            (ExprKind::State, Value::Enum(wanted)) => {
                return Some(
                    self.state_of(ty, row).map(|s| (s != NO_STATE).then(|| op.holds(s.cmp(wanted)))),
                );
            }
            _ => return None,
        };
        let table = self.world.population?.of(ty);
        if table.is_broken(row, attr) {
            // The last good record is not looked at here.
            return self.recalled.is_none().then_some(Err(Unknown { identity: ty, row, attr }));
        }
        let row = row as usize;
        let column = table.table.columns.get(attr.index())?;
        let order = match (column, constant) {
            (Column::Enum(v, _), Value::Enum(c)) => v[row].cmp(c),
            (Column::Bool(v, _), Value::Bool(c)) => v[row].cmp(c),
            (Column::Int(v, _), Value::Int(c)) => v[row].cmp(c),
            (Column::Date(v, _), Value::Date(c)) => v[row].cmp(c),
            (Column::Str(v, dict, _), Value::Str(c)) => dict.spelled(v[row]).cmp(c),
            (Column::Text(v, dict, _), Value::Text(c)) => dict.folded(v[row]).cmp(&*c.folded),
            _ => return None,
        };
        Some(Ok(column.is_present(row).then(|| op.holds(order))))
    }

    /// Presence, without making a set or a list of it.
    fn is_present(&mut self, of: ExprId) -> Res<bool> {
        let program = self.world.program;
        match program.expr(of).ty.required() {
            prov_model::Type::Set(_) | prov_model::Type::List(_) => Ok(self.seq(of)?.is_some()),
            _ => Ok(!self.eval(of)?.is_absent()),
        }
    }

    /// `any`, `all`, `count`: an element that can't be known matters only where no other decides.
    pub(crate) fn quant(
        &mut self,
        quant: Quant,
        local: Local,
        list: ExprId,
        cond: Option<ExprId>,
    ) -> Res<Value<'a>> {
        let Some(seq) = self.seq(list)? else { return Ok(Value::Absent) };
        let (mut count, mut unknown) = (0i64, None);
        for i in 0..seq.len() {
            self.bind(local, Ok(seq.get(i)));
            match (quant, self.holds(cond)) {
                (Quant::Any, Ok(true)) => return Ok(Value::Bool(true)),
                (Quant::All, Ok(false)) => return Ok(Value::Bool(false)),
                (_, Ok(holds)) => count += i64::from(holds),
                (_, Err(u)) => unknown = unknown.or(Some(u)),
            }
        }
        match (unknown, quant) {
            (Some(unknown), _) => Err(unknown),
            (None, Quant::Any) => Ok(Value::Bool(false)),
            (None, Quant::All) => Ok(Value::Bool(true)),
            (None, Quant::Count) => Ok(Value::Int(count)),
        }
    }
}

impl Tri {
    pub(crate) fn known(self) -> Res<Option<bool>> {
        match self {
            Tri::Yes => Ok(Some(true)),
            Tri::No => Ok(Some(false)),
            Tri::Unknown(u) => Err(u),
        }
    }
}
