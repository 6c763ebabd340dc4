//! Apps, accounts, entitlement kinds; sources and lifecycles; blocks of `name = E`.
//!
//! Invariant: as of the whole of `lower`.

use super::{Lower, next, next_if, only, parts};
use crate::ast::{
    Account, AccountField, App, AppMember, Assign, EntitlementKind, ManagedPart, Missing, Name, Source,
    State, Verb, VerbKind,
};
use crate::grammar::{Node, Rule};
use prov_diag::Span;

impl<'a> Lower<'a> {
    pub(super) fn assign(&mut self, node: Node<'a>) -> Assign {
        let span = self.span(&node);
        let mut kids = parts(node);
        let name = self.assign_name(next(&mut kids));
        Assign { span, name, value: self.expr(next(&mut kids)) }
    }

    /// The assignments of an `assign_block`.
    pub(super) fn assigns(&mut self, node: Node<'a>) -> Vec<Assign> {
        parts(node).map(|n| self.assign(n)).collect()
    }

    pub(super) fn source(&mut self, node: Node<'a>) -> Source {
        let mut kids = parts(node);
        let name = self.declared(&next(&mut kids));
        let identity = self.name(&next(&mut kids));
        let element_of = next_if(&mut kids, Rule::ident).map(|n| self.name(&n));
        let rest: Vec<Node<'a>> = kids.collect();
        self.check_order(
            &rest,
            &[
                (&[Rule::c_authoritative], "`authoritative`"),
                (&[Rule::c_joins], "`joins`"),
                (&[Rule::c_effective], "`effective from`"),
                (&[Rule::c_missing], "`missing means`"),
            ],
        );
        let mut source = Source {
            name,
            identity,
            element_of,
            authoritative: None,
            joins: None,
            effective_from: None,
            missing: None,
            fields: Vec::new(),
        };
        for n in rest {
            let span = self.span(&n);
            match n.as_rule() {
                Rule::c_authoritative => source.authoritative = Some(span),
                Rule::c_joins => source.joins = Some(self.name(&only(n))),
                Rule::c_effective => source.effective_from = Some(self.expr(only(n))),
                Rule::c_missing => {
                    let mut kids = parts(n);
                    let state = self.name(&next(&mut kids));
                    let after = kids.next().map(|n| self.expr(only(n)));
                    source.missing = Some(Missing { span, state, after });
                }
                _ => source.fields = self.assigns(n),
            }
        }
        source
    }

    pub(super) fn state(&mut self, node: Node<'a>) -> State {
        let end = self.span(&node);
        let keyword = node.clone().into_inner().find(|n| n.as_rule() == Rule::k_state);
        let keyword = keyword.map_or(end, |n| self.span(&n));
        let otherwise = node.clone().into_inner().any(|n| n.as_rule() == Rule::k_otherwise);
        let mut kids = parts(node);
        let lead = self.lead(next(&mut kids));
        self.refuse_annotations(&lead.annotations, "a state");
        let span = Span { start: keyword.start, ..end };
        let name = self.declared_variant(&next(&mut kids));
        let (mut when, mut verbs) = (None, Vec::new());
        for n in kids {
            match n.as_rule() {
                Rule::c_when => when = Some(self.expr(only(n))),
                _ => verbs = parts(n).map(|v| self.verb(v)).collect(),
            }
        }
        State { span, docs: lead.docs, name, bare: when.is_none() && !otherwise, when, verbs }
    }

    fn verb(&mut self, node: Node<'a>) -> Verb {
        let span = self.span(&node);
        let mut kids = node.into_inner();
        let kind = match next(&mut kids).as_rule() {
            Rule::k_leaver => VerbKind::Leaver,
            Rule::v_kill => VerbKind::KillSessions,
            Rule::v_disable => VerbKind::DisableAccounts,
            Rule::v_delete => VerbKind::DeleteAccounts,
            Rule::v_keep => VerbKind::KeepEntitlements,
            _ => VerbKind::DropEntitlements,
        };
        let rest: Vec<Node<'a>> = kids.collect();
        self.check_order(&rest, &[(&[Rule::c_in_apps], "`in`"), (&[Rule::c_after], "`after`")]);
        let (mut apps, mut after) = (Vec::new(), None);
        for n in rest {
            match n.as_rule() {
                Rule::c_in_apps => apps = self.names(parts(n)),
                _ => after = Some(self.expr(only(n))),
            }
        }
        Verb { span, kind, apps, after }
    }

    pub(super) fn app(&mut self, node: Node<'a>) -> App {
        let mut kids = parts(node);
        let name = self.declared(&next(&mut kids));
        let via = self.name(&next(&mut kids));
        let mode = next_if(&mut kids, Rule::app_mode).map(|n| self.name(&n));
        App { name, via, mode, members: kids.map(|n| self.app_member(n)).collect() }
    }

    fn app_member(&mut self, node: Node<'a>) -> AppMember {
        let mut kids = parts(node);
        let lead = self.lead(next(&mut kids));
        let inner = next(&mut kids);
        let span = self.span(&inner);
        match inner.as_rule() {
            Rule::account => AppMember::Account(self.account(inner, lead.annotations)),
            Rule::entitlement => AppMember::Entitlement(self.entitlement(inner, lead)),
            _ => {
                self.refuse_annotations(&lead.annotations, "`managed`");
                AppMember::Managed { span, parts: parts(inner).map(|n| self.managed_part(n)).collect() }
            }
        }
    }

    fn managed_part(&mut self, node: Node<'a>) -> ManagedPart {
        let span = self.span(&node);
        let (mut kind, mut pattern) = (None, None);
        for n in parts(node) {
            match n.as_rule() {
                Rule::ident => kind = Some(self.name(&n)),
                Rule::pattern => pattern = Some(self.pattern(n)),
                _ => {}
            }
        }
        ManagedPart { span, kind, pattern }
    }

    fn account(&mut self, node: Node<'a>, annotations: Vec<crate::ast::Annotation>) -> Account {
        let span = self.span(&node);
        let keyword = self.clause_word(&node);
        let mut kids = parts(node);
        let name = next_if(&mut kids, Rule::account_name).map(|n| self.name(&n));
        let rest: Vec<Node<'a>> = kids.collect();
        self.check_order(
            &rest,
            &[(&[Rule::c_for], "`for`"), (&[Rule::c_when], "`when`"), (&[Rule::c_from_app], "`from`")],
        );
        let mut account = Account {
            span,
            head: name.as_ref().map_or(keyword, |n| keyword.to(n.span)),
            annotations,
            name,
            for_type: None,
            when: None,
            from: None,
            correlate: Vec::new(),
            fields: Vec::new(),
        };
        for n in rest {
            match n.as_rule() {
                Rule::c_for => account.for_type = Some(self.name(&only(n))),
                Rule::c_when => account.when = Some(self.expr(only(n))),
                Rule::c_from_app => account.from = Some(self.name(&only(n))),
                _ => self.account_entry(only(n), &mut account),
            }
        }
        account
    }

    fn account_entry(&mut self, node: Node<'a>, account: &mut Account) {
        let mut kids = parts(node.clone());
        if node.as_rule() == Rule::correlate {
            account.correlate.extend(kids.map(|n| self.assign(n)));
            return;
        }
        let assign = self.assign(next(&mut kids));
        let rename_on_change = kids.next().map(|n| self.span(&n));
        account.fields.push(AccountField { assign, rename_on_change });
    }

    fn entitlement(&mut self, node: Node<'a>, lead: super::Lead) -> EntitlementKind {
        let span = self.span(&node);
        let mut kids = parts(node);
        let name: Name = self.name(&next(&mut kids));
        let mut kind = EntitlementKind {
            span,
            docs: lead.docs,
            annotations: lead.annotations,
            name,
            types: Vec::new(),
            catalog: None,
            highest_wins: None,
            irrevocable: None,
        };
        for n in kids {
            let span: Option<Span> = Some(self.span(&n));
            match n.as_rule() {
                Rule::ent_types => kind.types = parts(n).map(|t| self.type_expr(t)).collect(),
                Rule::f_catalog => kind.catalog = span,
                Rule::f_highest => kind.highest_wins = span,
                _ => kind.irrevocable = span,
            }
        }
        kind
    }
}
