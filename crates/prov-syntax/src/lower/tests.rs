//! The statements of tests.
//!
//! Invariant: as of the whole of `lower`.

use super::{Lower, next, next_if, only, parts};
use crate::ast::{Assign, Expect, Expr, ExprKind, ItemKind, TestKind, TestStatement};
use crate::grammar::{Node, Rule};

impl<'a> Lower<'a> {
    pub(super) fn test(&mut self, node: Node<'a>) -> ItemKind {
        let mut kids = parts(node);
        let name = self.string_lit(next(&mut kids));
        ItemKind::Test { name, statements: kids.map(|n| self.statement(n)).collect() }
    }

    fn statement(&mut self, node: Node<'a>) -> TestStatement {
        let span = self.span(&node);
        let inner = only(node);
        let kind = match inner.as_rule() {
            Rule::given => {
                let mut kids = parts(inner);
                let name_node = next(&mut kids);
                let name = self.name(&name_node);
                let value = self.test_value(next(&mut kids));
                TestKind::Given(Assign { span: name.span.to(value.span), name, value })
            }
            Rule::given_from => {
                let mut kids = parts(inner);
                let what = self.name(&next(&mut kids));
                TestKind::GivenFrom { what, path: self.string_lit(next(&mut kids)) }
            }
            Rule::at_date => TestKind::At(self.expr(only(inner))),
            Rule::change => {
                let mut kids = parts(inner);
                let who = self.name(&next(&mut kids));
                TestKind::Change { who, fields: self.record_fields(next(&mut kids)) }
            }
            Rule::leave => TestKind::Leave(self.name(&only(inner))),
            Rule::wait => TestKind::Wait(self.expr(only(inner))),
            _ => TestKind::Expect(self.expectation(inner)),
        };
        TestStatement { span, kind }
    }

    fn test_value(&mut self, node: Node<'a>) -> Expr {
        let inner = only(node);
        let span = self.span(&inner);
        let kind = match inner.as_rule() {
            Rule::record => {
                let mut kids = parts(inner);
                let name = self.name(&next(&mut kids));
                ExprKind::Record(name, self.record_fields(next(&mut kids)))
            }
            Rule::test_list => ExprKind::List(parts(inner).map(|n| self.test_value(n)).collect()),
            _ => return self.expr(inner),
        };
        Expr { span, kind }
    }

    fn record_fields(&mut self, node: Node<'a>) -> Vec<Assign> {
        parts(node)
            .map(|field| {
                let span = self.span(&field);
                let mut kids = parts(field);
                let name = self.assign_name(next(&mut kids));
                Assign { span, name, value: self.test_value(next(&mut kids)) }
            })
            .collect()
    }

    fn expectation(&mut self, node: Node<'a>) -> Expect {
        let inner = only(node);
        match inner.as_rule() {
            Rule::expect_snapshot => Expect::Snapshot,
            Rule::expect_plan => {
                let lacks = inner.clone().into_inner().any(|n| n.as_rule() == Rule::k_lacks);
                let mut kids = parts(inner);
                let action = self.name(&next(&mut kids));
                Expect::PlanHas {
                    lacks,
                    action,
                    args: kids.next().map_or_else(Vec::new, |n| self.plain_args(n)),
                }
            }
            Rule::expect_withheld => {
                let mut kids = parts(inner);
                let what = self.ent_ref(next(&mut kids));
                Expect::Withheld { what, who: kids.next().map(|n| self.name(&n)) }
            }
            Rule::expect_state => {
                let mut kids = parts(inner);
                let who = self.name(&next(&mut kids));
                Expect::State { who, state: self.name(&next(&mut kids)) }
            }
            Rule::expect_holds => {
                let mut kids = parts(inner);
                let who = self.name(&next(&mut kids));
                let verb = self.name(&next(&mut kids));
                let (mut what, mut roles) = (Vec::new(), Vec::new());
                while let Some(item) = next_if(&mut kids, Rule::hold_item) {
                    let item = only(item);
                    match item.as_rule() {
                        Rule::ent_ref => what.push(self.ent_ref(item)),
                        _ => roles.push(self.role_ref(item)),
                    }
                }
                Expect::Holds { who, verb, what, roles, until: kids.next().map(|n| self.expr(n)) }
            }
            _ => Expect::That(self.expr(inner)),
        }
    }
}
