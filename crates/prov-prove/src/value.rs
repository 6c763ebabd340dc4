//! Values as the solver sees them: cases, each with the condition under which it is the one.
//! Invariant: no two cases hold together; where none does, the value is absent.

use crate::order::Sum;
use crate::sat::{Lit, Sat};
use crate::text::Form;
use prov_model::{CompareOp, Unit, Value};
use std::rc::Rc;

/// A value.
#[derive(Clone, Default)]
pub(crate) struct Sym {
    pub cases: Vec<(Lit, Case)>,
}

/// A value of which no more can be told by cases.
#[derive(Clone)]
pub(crate) enum Case {
    Const(Value<'static>),
    Bool(Lit),
    Number(Sum),
    /// Days from one day to another, a duration.
    Days(Sum),
    /// Whole units from the first day to the second.
    Between(Unit, Sum, Sum),
    Text(Form),
    /// The set of a term; whether its elements are taken as `text`.
    Set(u32, bool),
    /// A set by its elements.
    Elements(Rc<Vec<Sym>>),
    /// Something that is there, and of which no more is known.
    Thing,
}

impl Sym {
    pub(crate) fn one(case: Case) -> Sym {
        Sym { cases: vec![(Lit::TRUE, case)] }
    }

    pub(crate) fn bool(lit: Lit) -> Sym {
        Sym::one(Case::Bool(lit))
    }

    /// Whether it is there.
    pub(crate) fn present(&self, sat: &mut Sat) -> Lit {
        let guards: Vec<Lit> = self.cases.iter().map(|c| c.0).collect();
        sat.or(&guards)
    }

    /// The same where a condition holds, else absent.
    #[must_use]
    pub(crate) fn when(&self, sat: &mut Sat, condition: Lit) -> Sym {
        let cases = self.cases.iter().map(|(guard, case)| (sat.and(&[condition, *guard]), case.clone()));
        Sym { cases: cases.filter(|(guard, _)| *guard != Lit::FALSE).collect() }
    }

    /// Both, of which no case of one holds with one of the other.
    #[must_use]
    pub(crate) fn join(mut self, other: Sym) -> Sym {
        self.cases.extend(other.cases);
        self
    }

    /// The one constant that it is, where it is one.
    pub(crate) fn constant(&self) -> Option<&Value<'static>> {
        match self.cases.as_slice() {
            [(Lit::TRUE, Case::Const(value))] => Some(value),
            _ => None,
        }
    }
}

impl Case {
    /// Equal cases have equal keys; none where no two are known to be equal.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Case::Const(value) => Some(format!("{value:?}")),
            Case::Bool(lit) => Some(format!("{lit:?}")),
            Case::Number(sum) => Some(format!("{sum:?}")),
            Case::Days(sum) => Some(format!("days {sum:?}")),
            Case::Between(unit, from, to) => Some(format!("{unit:?} {from:?} {to:?}")),
            Case::Text(form) => Some(format!("{form:?}")),
            Case::Set(term, folds) => Some(format!("set {term} {folds}")),
            Case::Elements(_) | Case::Thing => None,
        }
    }
}

/// A number as a sum.
pub(crate) fn number(value: &Value<'_>) -> Option<i128> {
    Some(match value {
        Value::Int(n) => i128::from(*n),
        Value::Decimal(d) => i128::from(d.0),
        Value::Date(d) => i128::from(d.0),
        Value::Instant(i) => i128::from(i.0),
        Value::Elapsed(e) => i128::from(e.0),
        Value::Absent
        | Value::Bool(_)
        | Value::Str(_)
        | Value::Text(_)
        | Value::Duration(_)
        | Value::Enum(_)
        | Value::Set(_)
        | Value::List(_)
        | Value::Row(_) => return None,
    })
}

/// The same comparison, read from the other side.
pub(crate) fn turned(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Eq | CompareOp::Ne => op,
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::Le => CompareOp::Ge,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
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
pub(crate) fn join_forms(x: Case, y: Case, folds: bool) -> Option<Case> {
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
