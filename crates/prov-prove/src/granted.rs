//! Values of grants: which one a grant gives, when, and how it is spelled.
//! Invariant: as in `encode`; values are compared as their kind compares.

use crate::encode::Encoder;
use crate::order::Sum;
use crate::sat::Lit;
use crate::text::Test;
use crate::value::{Case, Sym, sum};
use prov_ir::{ExprId, GrantProgram, GrantValue};
use prov_model::{CompareOp, Date, Decimal, Elapsed, Instant, Type, Value, fold, join_values, nfc};

impl Encoder<'_> {
    /// Whether a grant stands, as far as that does not hang on the element of a list.
    pub(crate) fn stands(&mut self, rule: u32, grant: &GrantProgram) -> Lit {
        let mut parts = Vec::new();
        let loose = self.is_loose(rule, grant);
        if loose {
            // Whether there is such an element, or such an instance, is left open with the value.
            if let Some(when) = grant.when.filter(|w| !self.is_bound(*w)) {
                parts.push(self.test(when));
            }
        } else {
            parts.push(self.holds(grant.when));
        }
        if let Some(from) = grant.from
            && !(loose && self.is_bound(from))
        {
            parts.push(self.in_time(CompareOp::Ge, from));
        }
        if let Some(end) = grant.until
            && !(loose && self.is_bound(end.at))
        {
            let op = if end.through { CompareOp::Le } else { CompareOp::Lt };
            parts.push(self.in_time(op, end.at));
        }
        self.and(&parts)
    }

    /// Now against a bound.
    pub(crate) fn in_time(&mut self, op: CompareOp, at: ExprId) -> Lit {
        let bound = self.value(at);
        let (which, ty) = match self.program.expr(at).ty.required() {
            Type::Date => ("today", Type::Date),
            _ => ("now", Type::Instant),
        };
        let time = self.clock(which, &ty);
        self.compare(op, &time, &bound, at)
    }

    /// Whether a grant hangs on the element of a list, or on the arguments of its role, so that it may give several values
    /// or none although its role is had.
    pub(crate) fn is_loose(&self, rule: u32, grant: &GrantProgram) -> bool {
        !grant.each.is_empty() || !self.program.rules[rule as usize].params.is_empty()
    }

    /// The joined value of a grant, as it is compared, where all of it is constant.
    pub(crate) fn constant_of(&self, rule: u32, grant: &GrantProgram) -> Option<String> {
        let mut parts = Vec::new();
        for value in &grant.values {
            let GrantValue::One(id) = value else { return None };
            let mut expr = self.program.expr(*id);
            while let prov_ir::ExprKind::Named(_, of) = &expr.kind {
                expr = self.program.expr(*of);
            }
            match &expr.kind {
                prov_ir::ExprKind::Const(value) if !value.is_absent() => {
                    parts.push(nfc(&value.plain(&expr.ty, &self.program.schema)).into_owned());
                }
                _ => return None,
            }
        }
        if self.is_loose(rule, grant) {
            return None;
        }
        let joined = join_values(&parts);
        let folds = self.program.folds(grant.app, grant.kind);
        Some(if folds { fold(&joined).into_owned() } else { joined })
    }

    /// The one value of a grant by cases, with its type; none where there may be several, or they are not told.
    pub(crate) fn cases_of(&mut self, rule: u32, grant: &GrantProgram) -> Option<(Vec<(Lit, Case)>, Type)> {
        if self.is_loose(rule, grant) {
            return None;
        }
        match grant.values[..] {
            [GrantValue::One(id)] => {
                let ty = self.program.expr(id).ty.clone();
                Some((self.value(id).cases, ty))
            }
            [GrantValue::Each(id)] => {
                let Type::Set(of) = self.program.expr(id).ty.required().clone() else { return None };
                let mut out = Vec::new();
                for (guard, case) in self.value(id).cases {
                    match case {
                        Case::Const(Value::Set(elements)) => {
                            out.extend(elements.into_iter().map(|e| (guard, Case::Const(e))));
                        }
                        Case::Elements(elements) => {
                            for element in elements.iter() {
                                out.extend(element.when(&mut self.sat, guard).cases);
                            }
                        }
                        _ => return None,
                    }
                }
                Some((out, *of))
            }
            _ => None,
        }
    }

    /// Whether a grant that stands gives this value.
    pub(crate) fn value_is(&mut self, rule: u32, number: u32, grant: &GrantProgram, value: &str) -> Lit {
        if let Some(constant) = self.constant_of(rule, grant) {
            return Lit::of(constant == value);
        }
        let folds = self.program.folds(grant.app, grant.kind);
        if let Some((cases, ty)) = self.cases_of(rule, grant) {
            let mut out = Vec::new();
            for (guard, case) in cases {
                let is = self.case_is(&case, value, folds, &ty);
                out.push(self.sat.and(&[guard, is]));
            }
            return self.or(&out);
        }
        if let ([GrantValue::Each(id)], true) = (&grant.values[..], !self.is_loose(rule, grant))
            && let Some(lit) = self.in_granted_set(*id, value, folds)
        {
            return lit;
        }
        // In a loop over a list a constant can still be told from another.
        if let [GrantValue::One(id)] = grant.values[..]
            && let prov_ir::ExprKind::Const(c) = &self.program.expr(id).kind
        {
            let plain = nfc(&c.plain(&self.program.expr(id).ty, &self.program.schema)).into_owned();
            let compared = if folds { fold(&plain).into_owned() } else { plain };
            if compared != value {
                return Lit::FALSE;
            }
        }
        self.gap(grant.span, "it grants values of a list or a set");
        self.open_lit(format!("grant {rule} {number} is {value}"))
    }

    /// Whether a set has an element that is spelled so.
    pub(crate) fn in_granted_set(&mut self, id: ExprId, value: &str, folds: bool) -> Option<Lit> {
        let Type::Set(of) = self.program.expr(id).ty.required().clone() else { return None };
        let mut out = Vec::new();
        for (guard, case) in self.value(id).cases {
            let lit = match case {
                Case::Set(term, _) if of.is_textual() => {
                    let v = if folds { folded(value) } else { Value::str(value.to_owned()) };
                    self.set_has(term, &v, folds)
                }
                Case::Set(term, _) => match self.read_plain(value, &of) {
                    Some(v) => self.set_has(term, &v, false),
                    None => Lit::FALSE,
                },
                Case::Const(Value::Set(elements)) => {
                    let is: Vec<Lit> = elements
                        .into_iter()
                        .map(|e| self.case_is(&Case::Const(e), value, folds, &of))
                        .collect();
                    self.or(&is)
                }
                Case::Elements(elements) => {
                    let mut is = Vec::new();
                    for (g, case) in elements.iter().flat_map(|e: &Sym| &e.cases) {
                        let hit = self.case_is(case, value, folds, &of);
                        is.push(self.sat.and(&[*g, hit]));
                    }
                    self.or(&is)
                }
                _ => return None,
            };
            out.push(self.sat.and(&[guard, lit]));
        }
        Some(self.or(&out))
    }

    /// Whether a value is spelled so, as its kind compares.
    pub(crate) fn case_is(&mut self, case: &Case, value: &str, folds: bool, ty: &Type) -> Lit {
        match case {
            Case::Const(c) => {
                let plain = nfc(&c.plain(ty, &self.program.schema)).into_owned();
                Lit::of(if folds { fold(&plain) == value } else { plain == value })
            }
            Case::Text(form) => self.text_test(form, Test::Spelled { folds, value: value.to_owned() }),
            Case::Bool(lit) => match value {
                "true" => *lit,
                "false" => !*lit,
                _ => Lit::FALSE,
            },
            Case::Number(number) => {
                let read = self.read_plain(value, ty).and_then(|v| sum(&Case::Const(v)));
                match read.and_then(|v: Sum| self.compare_sums(CompareOp::Eq, *number, v)) {
                    Some(lit) => lit,
                    None => Lit::FALSE,
                }
            }
            Case::Days(_) | Case::Between(..) | Case::Set(..) | Case::Elements(_) | Case::Thing => {
                self.unknown()
            }
        }
    }

    /// Reads a plain spelling back, where it is the one of a value.
    pub(crate) fn read_plain(&self, part: &str, ty: &Type) -> Option<Value<'static>> {
        let value = match ty.required() {
            Type::Enum(id) => {
                let variants = &self.program.schema.enums[id.index()].variants;
                Value::Enum(variants.iter().position(|v| v == part)? as u32)
            }
            Type::Int => Value::Int(part.parse().ok()?),
            Type::Decimal => Value::Decimal(Decimal::parse(part)?),
            Type::Date => Value::Date(Date::parse(part)?),
            Type::Instant => Value::Instant(Instant::parse(part)?),
            Type::Elapsed => Value::Elapsed(Elapsed::parse(part)?),
            Type::Bool => Value::Bool(part.parse().ok()?),
            Type::Text => folded(part),
            Type::Str => Value::str(part.to_owned()),
            Type::Duration
            | Type::Set(_)
            | Type::List(_)
            | Type::Record(_)
            | Type::Identity(_)
            | Type::Optional(_) => return None,
        };
        let same = ty.is_textual() || value.plain(ty, &self.program.schema) == part;
        same.then_some(value)
    }
}

/// A text that is compared as this already.
fn folded(value: &str) -> Value<'static> {
    Value::Text(prov_model::Text { spelled: value.to_owned().into(), folded: value.to_owned().into() })
}
