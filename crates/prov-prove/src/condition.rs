//! Expressions as conditions.
//! Invariant: as in `encode`; operands are there where they are read, which the checker has settled.

use crate::encode::{Encoder, Subject};
use crate::sat::Lit;
use crate::term::{Asked, Shape};
use crate::text::{Form, Test};
use crate::value::{Case, Sym};
use prov_ir::{ExprId, ExprKind, Local, Quant};
use prov_model::{CompareOp, Value};

impl Encoder<'_> {
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

    pub(crate) fn make_test(&mut self, id: ExprId) -> Lit {
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
    pub(crate) fn some(
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
    pub(crate) fn reads_other_locals(&self, condition: Option<ExprId>, local: Local) -> bool {
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
}
