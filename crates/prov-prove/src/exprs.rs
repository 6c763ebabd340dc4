//! Expressions as values.
//! Invariant: as in `encode`.

use crate::encode::{CASES, Encoder, FIRST_YEAR, LAST_YEAR, Subject};
use crate::sat::Lit;
use crate::term::{Origin, Shape};
use crate::text::Form;
use crate::value::{Case, Sym, join_forms, spelled, sum};
use prov_ir::{ArmPattern, ExprId, ExprKind, Local, Quant, StrPart};
use prov_model::{AttrId, Builtin, CompareOp, Date, Type, Value};
use std::rc::Rc;

impl Encoder<'_> {
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

    pub(crate) fn make_value(&mut self, id: ExprId) -> Sym {
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

    pub(crate) fn restore(&mut self, local: Local, before: Option<(Sym, String)>) {
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
    pub(crate) fn state(&mut self) -> Sym {
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

    pub(crate) fn arm_hits(&mut self, value: &Sym, pattern: &ArmPattern, of: ExprId) -> Lit {
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

    pub(crate) fn as_text(&mut self, id: ExprId, of: ExprId) -> Sym {
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

    pub(crate) fn interpolate(&mut self, id: ExprId, parts: &[StrPart]) -> Sym {
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
    pub(crate) fn text_with_unknowns(&mut self, id: ExprId, parts: &[StrPart]) -> Sym {
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
}
