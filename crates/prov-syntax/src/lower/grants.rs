//! Birthrights and roles, their members, and patterns of entitlements.
//!
//! Invariant: as of the whole of `lower`.

use super::{Lower, next, next_if, only, parts};
use crate::ast::{
    EntArg, EntPattern, EntRef, Expr, Grant, ItemKind, Member, Name, PatternArg, Requestable, Role, RoleRef,
    Separate, SeparateWhat, StringLit, Until,
};
use crate::grammar::{Node, Rule};
use prov_diag::codes;

/// The clauses that several items share.
#[derive(Default)]
pub(super) struct Clauses {
    pub(super) for_type: Option<Name>,
    pub(super) when: Option<Expr>,
    pub(super) requestable: Option<Requestable>,
    pub(super) because: Option<StringLit>,
    pub(super) resolve: Option<Name>,
}

impl<'a> Lower<'a> {
    /// Reads `for`, `when`, `requestable`, `resolve`, `because`; nodes of other rules are given back.
    pub(super) fn clauses(&mut self, nodes: Vec<Node<'a>>) -> (Clauses, Vec<Node<'a>>) {
        self.check_order(
            &nodes,
            &[
                (&[Rule::c_for], "`for`"),
                (&[Rule::c_when], "`when`"),
                (&[Rule::c_requestable], "`requestable`"),
                (&[Rule::c_resolve], "`resolve`"),
                (&[Rule::c_because], "`because`"),
            ],
        );
        let (mut clauses, mut rest) = (Clauses::default(), Vec::new());
        for n in nodes {
            match n.as_rule() {
                Rule::c_for => clauses.for_type = Some(self.name(&only(n))),
                Rule::c_when => clauses.when = Some(self.expr(only(n))),
                Rule::c_requestable => clauses.requestable = Some(self.requestable(n)),
                Rule::c_resolve => clauses.resolve = Some(self.resolve(n)),
                Rule::c_because => clauses.because = Some(self.string_lit(only(n))),
                _ => rest.push(n),
            }
        }
        (clauses, rest)
    }

    fn resolve(&mut self, node: Node<'a>) -> Name {
        self.name(&only(node))
    }

    fn requestable(&mut self, node: Node<'a>) -> Requestable {
        let span = self.span(&node);
        let nodes: Vec<Node<'a>> = parts(node).collect();
        self.check_order(
            &nodes,
            &[
                (&[Rule::c_when], "`when`"),
                (&[Rule::c_at_most], "`for at most`"),
                (&[Rule::c_approved], "`approved by`"),
            ],
        );
        let mut out = Requestable { span, when: None, at_most: None, approved_by: None };
        for n in nodes {
            let slot = match n.as_rule() {
                Rule::c_when => &mut out.when,
                Rule::c_at_most => &mut out.at_most,
                _ => &mut out.approved_by,
            };
            *slot = Some(self.expr(only(n)));
        }
        out
    }

    pub(super) fn birthright(&mut self, node: Node<'a>) -> ItemKind {
        let mut kids = parts(node);
        let name = self.declared(&next(&mut kids));
        let (clauses, rest) = self.clauses(kids.collect());
        let body = rest.into_iter().flat_map(|n| self.body(n)).collect();
        ItemKind::Birthright { name, for_type: clauses.for_type, when: clauses.when, body }
    }

    pub(super) fn role(&mut self, node: Node<'a>) -> Role {
        let mut kids = parts(node);
        let name = self.declared(&next(&mut kids));
        let params = next_if(&mut kids, Rule::params).map_or_else(Vec::new, |n| self.params(n));
        let (clauses, rest) = self.clauses(kids.collect());
        let body = rest.into_iter().flat_map(|n| self.body(n)).collect();
        Role {
            name,
            params,
            for_type: clauses.for_type,
            when: clauses.when,
            requestable: clauses.requestable,
            body,
        }
    }

    fn body(&mut self, node: Node<'a>) -> Vec<Member> {
        parts(node).map(|n| self.member(n)).collect()
    }

    fn member(&mut self, node: Node<'a>) -> Member {
        let mut kids = parts(node);
        let lead = self.lead(next(&mut kids));
        let inner = next(&mut kids);
        let span = self.span(&inner);
        match inner.as_rule() {
            Rule::grant => {
                let mut grant = self.grant(inner);
                grant.span = lead.annotations.first().map_or(span, |a| a.span.to(span));
                grant.annotations = lead.annotations;
                Member::Grant(grant)
            }
            Rule::includes => {
                self.refuse_annotations(&lead.annotations, "`includes`");
                Member::Includes { span, roles: parts(inner).map(|n| self.role_ref(n)).collect() }
            }
            _ => {
                self.refuse_annotations(&lead.annotations, "`each`");
                let mut kids = parts(inner);
                let var = self.declared(&next(&mut kids));
                let list = self.expr(next(&mut kids));
                let filter = next_if(&mut kids, Rule::expr).map(|n| self.condition(n));
                Member::Each { span, var, list, filter, body: self.body(next(&mut kids)) }
            }
        }
    }

    /// The condition after `where`: its parentheses are part of `where`.
    fn condition(&mut self, node: Node<'a>) -> Expr {
        let mut expr = self.expr(node);
        if let crate::ast::ExprKind::Paren(inner) = expr.kind {
            expr = *inner;
        }
        expr
    }

    fn grant(&mut self, node: Node<'a>) -> Grant {
        let span = self.span(&node);
        let (refs, suffixes): (Vec<Node<'a>>, Vec<Node<'a>>) =
            parts(node).partition(|n| n.as_rule() == Rule::ent_ref);
        self.check_order(
            &suffixes,
            &[
                (&[Rule::s_as], "`as`"),
                (&[Rule::s_when], "`when`"),
                (&[Rule::s_from], "`from`"),
                (&[Rule::s_until, Rule::s_through], "`until` or `through`"),
                (&[Rule::s_keep], "`keep`"),
            ],
        );
        let mut grant = Grant {
            span,
            annotations: Vec::new(),
            entitlements: refs.into_iter().map(|n| self.ent_ref(n)).collect(),
            as_account: None,
            when: None,
            from: None,
            until: None,
            keep: None,
        };
        for n in suffixes {
            let rule = n.as_rule();
            match rule {
                Rule::s_as => grant.as_account = Some(self.name(&only(n))),
                Rule::s_when => grant.when = Some(self.expr(only(n))),
                Rule::s_from => grant.from = Some(self.expr(only(n))),
                Rule::s_keep => grant.keep = Some(self.expr(only(n))),
                _ => {
                    grant.until = Some(Until { date: self.expr(only(n)), inclusive: rule == Rule::s_through })
                }
            }
        }
        grant
    }

    /// An `ent_ref`.
    pub(crate) fn ent_ref(&mut self, node: Node<'_>) -> EntRef {
        let span = self.span(&node);
        let mut kids = parts(node);
        let app = self.name(&next(&mut kids));
        let kind = self.name(&next(&mut kids));
        let args = kids.next().map_or_else(Vec::new, |n| parts(n).map(|a| self.ent_arg(only(a))).collect());
        EntRef { span, app, kind, args }
    }

    fn ent_arg(&mut self, node: Node<'_>) -> EntArg {
        if node.as_rule() != Rule::each_arg {
            return EntArg { each: None, value: self.expr(node) };
        }
        let mut kids = node.into_inner();
        let each = self.span(&next(&mut kids));
        EntArg { each: Some(each), value: self.expr(next(&mut kids)) }
    }

    pub(super) fn role_ref(&mut self, node: Node<'a>) -> RoleRef {
        let span = self.span(&node);
        let mut kids = parts(node);
        let name = self.name(&next(&mut kids));
        RoleRef { span, name, args: kids.next().map_or_else(Vec::new, |n| self.plain_args(n)) }
    }

    pub(super) fn ent_pattern(&mut self, node: Node<'a>) -> EntPattern {
        let inner = only(node);
        if inner.as_rule() == Rule::role_ref {
            return EntPattern::Role(self.role_ref(inner));
        }
        let span = self.span(&inner);
        let mut kids = parts(inner);
        let app = self.name(&next(&mut kids));
        let kind = next_if(&mut kids, Rule::ident).map(|n| self.name(&n));
        let args =
            next_if(&mut kids, Rule::pattern_args).map(|n| parts(n).map(|a| self.pattern_arg(a)).collect());
        EntPattern::Entitlement { span, app, kind, args }
    }

    fn pattern_arg(&mut self, node: Node<'a>) -> PatternArg {
        let inner = only(node);
        match inner.as_rule() {
            Rule::pattern => PatternArg::Matches(self.pattern(inner)),
            Rule::any_arg => PatternArg::Any(self.span(&inner)),
            _ => PatternArg::Value(self.expr(inner)),
        }
    }

    fn patterns(&mut self, node: Node<'a>) -> Vec<EntPattern> {
        parts(node).map(|n| self.ent_pattern(n)).collect()
    }

    pub(super) fn forbid(&mut self, node: Node<'a>) -> ItemKind {
        let mut kids = parts(node);
        let patterns = self.patterns(next(&mut kids));
        let (clauses, _) = self.clauses(kids.collect());
        ItemKind::Forbid {
            patterns,
            for_type: clauses.for_type,
            when: clauses.when,
            because: clauses.because,
        }
    }

    pub(super) fn separate(&mut self, node: Node<'a>) -> Separate {
        let mut kids = parts(node);
        let what = next(&mut kids);
        let is_any = what.as_rule() == Rule::separate_any;
        let mut inner = parts(what);
        let what = if is_any {
            let n = self.expr(next(&mut inner));
            SeparateWhat::AnyOf(n, self.patterns(next(&mut inner)))
        } else {
            let left = self.patterns(next(&mut inner));
            SeparateWhat::Sides(left, self.patterns(next(&mut inner)))
        };
        let (clauses, _) = self.clauses(kids.collect());
        Separate { what, resolve: clauses.resolve, because: clauses.because }
    }

    /// Annotations where the language gives them no meaning.
    pub(super) fn refuse_annotations(&mut self, annotations: &[crate::ast::Annotation], what: &str) {
        if let Some(a) = annotations.first() {
            let d = self.error(
                &codes::MISPLACED,
                a.span,
                format!("`@{}` has no meaning on {what}", a.name.text),
                "can't stand here",
            );
            d.help = Some("put it before the whole item".to_owned());
        }
    }
}
