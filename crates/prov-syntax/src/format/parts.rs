//! Where items and their parts begin, taken from the tree: the only thing about meaning that the layout needs.
//!
//! Invariant: every part that the grammar allows to follow another without a comma is listed.

use crate::ast::{
    AppMember, Arm, Assign, Attribute, EntArg, Expr, ExprKind, FederationField, File, ItemKind, Member,
    PatternArg, StrPart, TestKind,
};
use crate::ast::{Claim, EntPattern, EntRef, Expect, Guard, Protect, SeparateWhat};
use prov_diag::Span;
use std::collections::HashMap;

/// What begins at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// An item.
    Item,
    /// A field `name = value` or `name : type` of a block whose fields stand in a column.
    Aligned,
    /// Any other part.
    Plain,
}

/// The parts of a file by their first byte.
pub(super) fn parts(file: &File) -> HashMap<usize, Part> {
    let mut walk = Walk::default();
    for item in &file.items {
        walk.kind(&item.kind);
        walk.mark(item.span, Part::Item);
    }
    walk.out
}

#[derive(Default)]
struct Walk {
    out: HashMap<usize, Part>,
}

impl Walk {
    fn mark(&mut self, span: Span, part: Part) {
        self.out.insert(span.start as usize, part);
    }

    fn kind(&mut self, kind: &ItemKind) {
        match kind {
            ItemKind::Identity { attributes, .. } => self.attributes(attributes, Part::Aligned),
            ItemKind::Record { fields, .. } => self.attributes(fields, Part::Aligned),
            ItemKind::Table { columns, .. } => self.attributes(columns, Part::Plain),
            ItemKind::Source(s) => self.assigns(&s.fields, Part::Aligned),
            ItemKind::Login { fields, .. } | ItemKind::Writeback { fields, .. } => {
                self.assigns(fields, Part::Aligned)
            }
            ItemKind::Lifecycle { states, .. } => {
                for s in states {
                    self.mark(s.span, Part::Plain);
                    s.when.iter().for_each(|e| self.expr(e));
                    s.verbs.iter().for_each(|v| self.mark(v.span, Part::Plain));
                }
            }
            ItemKind::App(app) => app.members.iter().for_each(|m| self.app_member(m)),
            ItemKind::Birthright { when, body, .. } => {
                when.iter().for_each(|e| self.expr(e));
                self.members(body);
            }
            ItemKind::Role(role) => {
                role.when.iter().for_each(|e| self.expr(e));
                if let Some(r) = &role.requestable {
                    r.when.iter().chain(&r.at_most).chain(&r.approved_by).for_each(|e| self.expr(e));
                }
                self.members(&role.body);
            }
            ItemKind::Forbid { patterns, when, .. } => {
                patterns.iter().for_each(|p| self.pattern(p));
                when.iter().for_each(|e| self.expr(e));
            }
            ItemKind::Separate(s) => match &s.what {
                SeparateWhat::Sides(a, b) => a.iter().chain(b).for_each(|p| self.pattern(p)),
                SeparateWhat::AnyOf(n, list) => {
                    self.expr(n);
                    list.iter().for_each(|p| self.pattern(p));
                }
            },
            ItemKind::Let { value, .. } => self.expr(value),
            ItemKind::Fn { body, .. } => self.expr(body),
            ItemKind::Guard(guard) => match guard {
                Guard::Effects { of, .. } => of.iter().for_each(|p| self.pattern(p)),
                Guard::Age { at_most, .. } => self.expr(at_most),
                Guard::Rows { .. } | Guard::Empty { .. } => {}
            },
            ItemKind::Protect(Protect::Members { pattern, at_least: e })
            | ItemKind::Limit { pattern, at_most: e } => {
                self.pattern(pattern);
                self.expr(e);
            }
            ItemKind::Federation(federation) => {
                federation.when.iter().for_each(|e| self.expr(e));
                for f in &federation.fields {
                    self.mark(f.span(), Part::Plain);
                    match f {
                        FederationField::Assign(a) => self.assign(a, Part::Aligned),
                        FederationField::Maps { fields, .. } => self.assigns(fields, Part::Aligned),
                        FederationField::Admit { when: e, .. } => self.expr(e),
                        FederationField::Expires { after, from, .. } => {
                            self.expr(after);
                            self.expr(from);
                        }
                        FederationField::Until { until, .. } => self.expr(&until.date),
                    }
                }
            }
            ItemKind::Prove { claim, .. } => match claim {
                Claim::Never(e) | Claim::Always(e) => self.expr(e),
                Claim::Means(a, b) => {
                    self.expr(a);
                    self.expr(b);
                }
            },
            ItemKind::Test { statements, .. } => {
                for s in statements {
                    self.test(&s.kind);
                    self.mark(s.span, Part::Plain);
                }
            }
            ItemKind::Use { .. } | ItemKind::Timezone(_) | ItemKind::Protect(Protect::Identity(_)) => {}
        }
    }

    fn attributes(&mut self, attributes: &[Attribute], part: Part) {
        attributes.iter().for_each(|a| self.mark(a.span, part));
    }

    fn assigns(&mut self, fields: &[Assign], part: Part) {
        fields.iter().for_each(|a| self.assign(a, part));
    }

    fn assign(&mut self, assign: &Assign, part: Part) {
        self.mark(assign.span, part);
        self.expr(&assign.value);
    }

    fn app_member(&mut self, member: &AppMember) {
        match member {
            AppMember::Account(a) => {
                a.when.iter().for_each(|e| self.expr(e));
                for c in &a.correlate {
                    self.expr(&c.value);
                }
                a.fields.iter().for_each(|f| self.assign(&f.assign, Part::Aligned));
                self.mark(a.annotations.first().map_or(a.span, |n| n.span), Part::Plain);
            }
            AppMember::Entitlement(e) => {
                self.mark(e.annotations.first().map_or(e.span, |n| n.span), Part::Plain)
            }
            AppMember::Managed { span, .. } => self.mark(*span, Part::Plain),
        }
    }

    fn members(&mut self, members: &[Member]) {
        for member in members {
            match member {
                Member::Includes { span, .. } => self.mark(*span, Part::Plain),
                Member::Grant(g) => {
                    self.mark(g.span, Part::Plain);
                    g.entitlements.iter().for_each(|e| self.ent_ref(e));
                    let until = g.until.as_ref().map(|u| &u.date);
                    g.when.iter().chain(&g.from).chain(until).chain(&g.keep).for_each(|e| self.expr(e));
                }
                Member::Each { span, list, filter, body, .. } => {
                    self.mark(*span, Part::Plain);
                    self.expr(list);
                    filter.iter().for_each(|e| self.expr(e));
                    self.members(body);
                }
            }
        }
    }

    fn ent_ref(&mut self, entitlement: &EntRef) {
        entitlement.args.iter().for_each(|EntArg { value, .. }| self.expr(value));
    }

    fn pattern(&mut self, pattern: &EntPattern) {
        match pattern {
            EntPattern::Entitlement { args, .. } => {
                for arg in args.iter().flatten() {
                    if let PatternArg::Value(e) = arg {
                        self.expr(e);
                    }
                }
            }
            EntPattern::Role(r) => r.args.iter().for_each(|e| self.expr(e)),
        }
    }

    fn test(&mut self, kind: &TestKind) {
        match kind {
            TestKind::Given(a) => self.expr(&a.value),
            TestKind::At(e) | TestKind::Wait(e) | TestKind::Expect(Expect::That(e)) => self.expr(e),
            TestKind::Change { fields, .. } => self.assigns(fields, Part::Plain),
            TestKind::Expect(Expect::Holds { what, .. }) => what.iter().for_each(|e| self.ent_ref(e)),
            TestKind::GivenFrom { .. } | TestKind::Leave(_) | TestKind::Expect(_) => {}
        }
    }

    fn arm(&mut self, arm: &Arm) {
        self.mark(arm.span, Part::Plain);
        self.expr(&arm.value);
    }

    /// Only `match` and records have parts; the rest is searched for them.
    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Match(subject, arms) => {
                self.expr(subject);
                arms.iter().for_each(|a| self.arm(a));
            }
            ExprKind::Record(_, fields) => self.assigns(fields, Part::Plain),
            ExprKind::Str(parts) => {
                // Inside of a text nothing is laid out.
                debug_assert!(parts.iter().all(|p| matches!(p, StrPart::Text(_) | StrPart::Expr(_))));
            }
            ExprKind::List(list) => list.iter().for_each(|e| self.expr(e)),
            ExprKind::Field(e, _)
            | ExprKind::Not(e)
            | ExprKind::Neg(e)
            | ExprKind::Paren(e)
            | ExprKind::TodayIn(e) => {
                self.expr(e);
            }
            ExprKind::Has(e) | ExprKind::Matches { value: e, .. } | ExprKind::Is { value: e, .. } => {
                self.expr(e)
            }
            ExprKind::Index(a, b) | ExprKind::Binary(a, _, _, b) | ExprKind::In { value: a, set: b, .. } => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Between { from: a, to: b, .. } => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Slice(e, a, b) => {
                self.expr(e);
                a.iter().chain(b).for_each(|e| self.expr(e));
            }
            ExprKind::Call(f, args) => {
                self.expr(f);
                args.iter().for_each(|a| self.expr(&a.value));
            }
            ExprKind::InRange { value, low, high, .. } => {
                [value, low, high].into_iter().for_each(|e| self.expr(e))
            }
            ExprKind::If(c, a, b) => [c, a, b].into_iter().for_each(|e| self.expr(e)),
            ExprKind::Quant { list, cond, .. } => {
                self.expr(list);
                cond.iter().for_each(|e| self.expr(e));
            }
            ExprKind::AtTime { date, zone, .. } => {
                self.expr(date);
                zone.iter().for_each(|e| self.expr(e));
            }
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Decimal(_)
            | ExprKind::Date(_)
            | ExprKind::Duration(..) => {}
            ExprKind::Name(_) | ExprKind::HoldsNothing | ExprKind::InSource(_) => {}
        }
    }
}
