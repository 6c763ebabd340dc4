//! Lifecycles: states in order, what they do, and the proof that one always holds.
//! Invariant: every identity is in exactly one state of its lifecycle.

use crate::check::{Checker, Reported, Scope, Subject};
use crate::facts::Facts;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{ExprId, ExprKind, LifecycleProgram};
use prov_model::{
    AppId, AttrId, CompareOp, Duration, IdentityId, LifecycleDef, RuleKind, StateDef, Type, Value, VerbDef,
    VerbKind,
};
use prov_syntax::ast::{self, ItemKind};
use std::collections::BTreeMap;

/// Which variants of an enum attribute lead to a leaver state.
pub(crate) type LeaverVariants = BTreeMap<(IdentityId, AttrId), Vec<u32>>;

impl Checker<'_> {
    pub(crate) fn lower_lifecycles(&mut self) -> Vec<LifecycleProgram> {
        let mut found: Vec<(IdentityId, usize, usize, Span)> = Vec::new();
        for (m, module) in self.modules.clone().iter().enumerate() {
            for (i, item) in module.file.items.iter().enumerate() {
                let ItemKind::Lifecycle { identity, .. } = &item.kind else { continue };
                let Ok(id) = self.identity_named(m, identity) else { continue };
                if let Some((.., first)) = found.iter().find(|f| f.0 == id) {
                    let first = *first;
                    self.report(
                        Diagnostic::new(
                            &codes::DUPLICATE_NAME,
                            format!("`{}` has two lifecycles", identity.text),
                        )
                        .at(item.head, "again here")
                        .at(first, "first here")
                        .help("put all states into one"),
                    );
                    continue;
                }
                found.push((id, m, i, item.head));
            }
        }
        found.sort_by_key(|f| f.0);
        // States first, all of them, so that conditions of other identity types may name them.
        for &(id, m, i, _) in &found {
            self.declare_states(id, m, i);
        }
        self.declare_federations();
        let lifecycles: Vec<LifecycleProgram> =
            found.into_iter().map(|(id, m, i, _)| self.lower_lifecycle(id, m, i)).collect();
        self.check_states(&lifecycles);
        lifecycles
    }

    fn declare_states(&mut self, id: IdentityId, m: usize, i: usize) {
        let item = self.item(m, i).clone();
        let ItemKind::Lifecycle { states, .. } = &item.kind else { return };
        let identity = self.schema.identity(id).name.clone();
        let enum_id = self.enum_of(states.iter().map(|s| s.name.text.clone()).collect());
        let mut defs = Vec::new();
        for s in states {
            if let Some(first) =
                states.iter().find(|t| t.name.text == s.name.text && t.name.span < s.name.span)
            {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("state `{}` stands twice", s.name.text))
                        .at(s.name.span, "again here")
                        .at(first.name.span, "first here")
                        .help("join their conditions with `or`"),
                );
            }
            let rule = self.rule(
                RuleKind::Lifecycle,
                format!("{identity}.{}", s.name.text),
                s.name.span,
                s.docs.as_deref(),
                &[],
                None,
            );
            let leaver = s.verbs.iter().any(|v| v.kind == ast::VerbKind::Leaver);
            let verbs = self.verbs(s, leaver);
            defs.push(StateDef { name: s.name.text.clone(), rule, leaver, verbs });
        }
        self.schema.identities[id.index()].lifecycle = Some(LifecycleDef { states: enum_id, defs });
    }

    fn verbs(&mut self, state: &ast::State, leaver: bool) -> Vec<VerbDef> {
        let mut out: Vec<(VerbDef, Span)> = Vec::new();
        for v in &state.verbs {
            let kind = match v.kind {
                ast::VerbKind::Leaver => continue,
                ast::VerbKind::KillSessions => VerbKind::KillSessions,
                ast::VerbKind::DisableAccounts => VerbKind::DisableAccounts,
                ast::VerbKind::DeleteAccounts => VerbKind::DeleteAccounts,
                ast::VerbKind::KeepEntitlements => VerbKind::KeepEntitlements,
                ast::VerbKind::DropEntitlements => VerbKind::DropEntitlements,
            };
            if leaver && kind == VerbKind::KeepEntitlements {
                self.report(
                    Diagnostic::new(&codes::LEAVER_KEEPS, "who has left can't keep entitlements")
                        .at(v.span, "contradicts `leaver`")
                        .because("`leaver` drops every entitlement at once, on every app")
                        .help(
                            "take `keep entitlements` away, or `leaver`, if this state is a leave of absence",
                        ),
                );
                continue;
            }
            let named: Vec<AppId> = v.apps.iter().filter_map(|a| self.app_named(a).ok()).collect();
            // A state speaks of all accounts of a person in an app.
            let apps: Vec<AppId> = named.into_iter().flat_map(|a| self.schema.accounts_of(a)).collect();
            let after = v.after.as_ref().and_then(|e| self.constant_duration(e));
            if v.after.is_some() && kind != VerbKind::DeleteAccounts && kind != VerbKind::DisableAccounts {
                self.report(
                    Diagnostic::new(&codes::BAD_VERB, "only disabling and deleting can wait")
                        .at(v.span, "can't have `after`")
                        .help("take `after …` away"),
                );
            }
            let clash = out
                .iter()
                .find(|(w, _)| w.kind == kind && (w.apps == apps || w.apps.iter().any(|a| apps.contains(a))));
            if let Some((_, first)) = clash {
                let first = *first;
                self.report(
                    Diagnostic::new(&codes::BAD_VERB, "this state says the same thing twice")
                        .at(v.span, "again here")
                        .at(first, "first here")
                        .help("keep one; for one app's own time write `in APP`"),
                );
                continue;
            }
            out.push((VerbDef { kind, apps, after }, v.span));
        }
        let of = |k: VerbKind| out.iter().filter(move |(v, _)| v.kind == k);
        let meet = |a: &VerbDef, b: &VerbDef| {
            (a.apps.is_empty() && b.apps.is_empty()) || a.apps.iter().any(|app| b.apps.contains(app))
        };
        let both = of(VerbKind::KeepEntitlements).find_map(|(keep, at)| {
            of(VerbKind::DropEntitlements).find(|(drop, _)| meet(keep, drop)).map(|(_, drops)| (*at, *drops))
        });
        if let Some((keep, drop)) = both {
            self.report(
                Diagnostic::new(&codes::BAD_VERB, "a state can't both keep and drop entitlements")
                    .at(drop, "drops")
                    .at(keep, "keeps")
                    .help("take one away, or limit one to an app: `keep entitlements in APP`"),
            );
        }
        out.into_iter().map(|o| o.0).collect()
    }

    pub(crate) fn constant_duration(&mut self, e: &ast::Expr) -> Option<Duration> {
        let scope = Scope { has: false, ..Scope::new(0, Subject::Nobody, "a length of time") };
        let (id, ty) = self.expr(e, &scope, None).ok()?;
        match self.kind(id) {
            ExprKind::Const(Value::Duration(d)) if d.months >= 0 && d.days >= 0 => Some(*d),
            _ => {
                let name = self.type_name(&ty);
                self.report(
                    Diagnostic::new(
                        &codes::TYPE_MISMATCH,
                        "this needs a length of time in days, weeks, months or years",
                    )
                    .at(e.span, format!("this is `{name}`"))
                    .help("write for instance `30 days`"),
                );
                None
            }
        }
    }

    fn lower_lifecycle(&mut self, id: IdentityId, m: usize, i: usize) -> LifecycleProgram {
        let item = self.item(m, i).clone();
        let ItemKind::Lifecycle { states, identity } = &item.kind else {
            unreachable!("found as a lifecycle")
        };
        let mut scope = Scope {
            state: false,
            has: false,
            ..Scope::new(m, Subject::Identity(id), "a lifecycle condition")
        };
        let ends = self.federations_of(id);
        let mut conditions = Vec::new();
        let (mut covered, mut unclear) = (false, false);
        let mut known: BTreeMap<AttrId, Vec<u32>> = BTreeMap::new();
        for (number, s) in states.iter().enumerate() {
            let ends = ends.filter(|_| number == 0);
            if covered {
                self.report(
                    Diagnostic::new(
                        &codes::UNREACHABLE_STATE,
                        format!("nobody can be in state `{}`", s.name.text),
                    )
                    .at(s.name.span, "never reached")
                    .because("the states before it already take everyone")
                    .help("put `otherwise` last"),
                );
            }
            let condition = match &s.when {
                None if s.bare => {
                    if ends.is_none() && !self.has_federations(id, number) {
                        self.report(
                            Diagnostic::new(
                                &codes::LIFECYCLE_NOT_COVERED,
                                format!("it isn't said who is in state `{}`", s.name.text),
                            )
                            .at(s.name.span, "neither `when` nor `otherwise`")
                            .because("only the first state of guests, into which federations bring them, may do without")
                            .help(format!("write `state {} when …`, or `otherwise` for the last", s.name.text)),
                        );
                    }
                    unclear |= ends.is_none();
                    ends
                }
                None => {
                    covered = true;
                    None
                }
                Some(c) => match self.condition(c, &scope) {
                    Ok((e, _)) => {
                        self.variants(e, &mut known);
                        covered |= known.iter().any(|(a, v)| self.all_variants(id, *a, v));
                        let facts: Facts = self.facts_of(e, false);
                        scope = scope.with(&facts);
                        Some(match ends {
                            Some(ends) => self.add(ExprKind::Or(vec![e, ends]), Type::Bool, s.span).0,
                            None => e,
                        })
                    }
                    Err(Reported) => {
                        unclear = true;
                        None
                    }
                },
            };
            conditions.push(condition);
        }
        if !covered && !unclear {
            self.report(
                Diagnostic::new(
                    &codes::LIFECYCLE_NOT_COVERED,
                    format!("the lifecycle of `{}` doesn't say in which state everyone is", identity.text),
                )
                .at(item.head, "someone may be in no state")
                .help("end it with `state NAME otherwise`"),
            );
        }
        LifecycleProgram { identity: id, conditions }
    }

    fn all_variants(&self, id: IdentityId, a: AttrId, values: &[u32]) -> bool {
        match &self.schema.identity(id).attributes[a.index()].ty {
            Type::Enum(en) => {
                (0..self.schema.enums[en.index()].variants.len() as u32).all(|v| values.contains(&v))
            }
            _ => false,
        }
    }

    /// Variants for which a condition surely holds: `status == a`, `status in [a, b]`, and `or` of such.
    fn variants(&self, e: ExprId, out: &mut BTreeMap<AttrId, Vec<u32>>) {
        match self.kind(e) {
            ExprKind::Or(list) => list.iter().for_each(|e| self.variants(*e, out)),
            ExprKind::Named(_, e) => self.variants(*e, out),
            ExprKind::Compare(CompareOp::Eq, a, b) => {
                let pair = match (self.kind(*a), self.kind(*b)) {
                    (ExprKind::Attr(a), ExprKind::Const(Value::Enum(v)))
                    | (ExprKind::Const(Value::Enum(v)), ExprKind::Attr(a)) => Some((*a, *v)),
                    _ => None,
                };
                if let Some((a, v)) = pair {
                    out.entry(a).or_default().push(v);
                }
            }
            ExprKind::Contains(set, value) => {
                if let (ExprKind::Const(Value::Set(vs)), ExprKind::Attr(a)) =
                    (self.kind(*set), self.kind(*value))
                {
                    let variants =
                        vs.iter().filter_map(|v| if let Value::Enum(v) = v { Some(*v) } else { None });
                    out.entry(*a).or_default().extend(variants);
                }
            }
            _ => {}
        }
    }

    /// Variants for which a condition holds though it is not written as `status == a`: what `!=` leaves, and what an
    /// optional attribute has once it `is present`.
    fn leading(&self, id: IdentityId, e: ExprId, out: &mut BTreeMap<AttrId, Vec<u32>>) {
        let others = |of: BTreeMap<AttrId, Vec<u32>>, out: &mut BTreeMap<AttrId, Vec<u32>>| {
            for (a, not) in of {
                if let Type::Enum(en) = self.schema.identity(id).attributes[a.index()].ty.required() {
                    let count = self.schema.enums[en.index()].variants.len() as u32;
                    out.entry(a).or_default().extend((0..count).filter(|v| !not.contains(v)));
                }
            }
        };
        match self.kind(e) {
            ExprKind::Or(list) => list.iter().for_each(|e| self.leading(id, *e, out)),
            ExprKind::Named(_, e) => self.leading(id, *e, out),
            ExprKind::And(list) => {
                let asks = |e: &&ExprId| !matches!(self.kind(**e), ExprKind::IsPresent(_));
                if let [one] = list.iter().filter(asks).collect::<Vec<_>>()[..] {
                    self.variants(*one, out);
                    self.leading(id, *one, out);
                }
            }
            ExprKind::Not(of) => {
                let mut not = BTreeMap::new();
                self.variants(*of, &mut not);
                others(not, out);
            }
            ExprKind::Compare(CompareOp::Ne, a, b) => {
                let pair = match (self.kind(*a), self.kind(*b)) {
                    (ExprKind::Attr(a), ExprKind::Const(Value::Enum(v)))
                    | (ExprKind::Const(Value::Enum(v)), ExprKind::Attr(a)) => Some((*a, *v)),
                    _ => None,
                };
                others(pair.into_iter().map(|(a, v)| (a, vec![v])).collect(), out);
            }
            _ => {}
        }
    }

    /// Variants that lead to a leaver state by themselves.
    pub(crate) fn leaver_variants(&self, lifecycles: &[LifecycleProgram]) -> LeaverVariants {
        let mut out = LeaverVariants::new();
        for l in lifecycles {
            let Some(def) = &self.schema.identity(l.identity).lifecycle else { continue };
            for (state, condition) in def.defs.iter().zip(&l.conditions) {
                let (true, Some(c)) = (state.leaver, condition) else { continue };
                let mut found = BTreeMap::new();
                self.variants(*c, &mut found);
                self.leading(l.identity, *c, &mut found);
                for (a, v) in found {
                    out.entry((l.identity, a)).or_default().extend(v);
                }
            }
        }
        out
    }
}
