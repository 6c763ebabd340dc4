//! Which attributes name a time zone (types.md, "Time").
//! Invariant: an attribute is one where a rule uses it as a zone, directly, through a `let`, behind a `??` or in an `if`.

use crate::eval::Scope;
use crate::policy::{Policy, When};
use crate::value::Ty;
use crate::world::World;
use prov_syntax::ast::{BinaryOp, Expr, ExprKind, FederationField, Member, StrPart};
use std::collections::BTreeSet;

/// The parts of an expression.
fn parts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Decimal(_)
        | ExprKind::Date(_)
        | ExprKind::Duration(..)
        | ExprKind::Name(_)
        | ExprKind::HoldsNothing
        | ExprKind::InSource(_)
        | ExprKind::Record(..) => Vec::new(),
        ExprKind::Str(list) => list
            .iter()
            .filter_map(|p| match p {
                StrPart::Expr(e) => Some(e),
                StrPart::Text(_) => None,
            })
            .collect(),
        ExprKind::Field(a, _)
        | ExprKind::Not(a)
        | ExprKind::Neg(a)
        | ExprKind::Has(a)
        | ExprKind::TodayIn(a)
        | ExprKind::Paren(a)
        | ExprKind::Matches { value: a, .. }
        | ExprKind::Is { value: a, .. } => vec![a],
        ExprKind::Index(a, b) | ExprKind::Binary(a, _, _, b) | ExprKind::In { value: a, set: b, .. } => {
            vec![a, b]
        }
        ExprKind::Between { from, to, .. } => vec![from, to],
        ExprKind::Slice(a, b, c) => [Some(&**a), b.as_deref(), c.as_deref()].into_iter().flatten().collect(),
        ExprKind::Call(f, args) => std::iter::once(&**f).chain(args.iter().map(|a| &a.value)).collect(),
        ExprKind::List(list) => list.iter().collect(),
        ExprKind::InRange { value, low, high, .. } => vec![value, low, high],
        ExprKind::If(a, b, c) => vec![a, b, c],
        ExprKind::Match(of, arms) => std::iter::once(&**of).chain(arms.iter().map(|a| &a.value)).collect(),
        ExprKind::Quant { list, cond, .. } => std::iter::once(&**list).chain(cond.as_deref()).collect(),
        ExprKind::AtTime { date, zone, .. } => std::iter::once(&**date).chain(zone.as_deref()).collect(),
    }
}

/// Every expression that stands in rules about identities of a type.
fn roots<'a>(policy: &Policy<'a>, of: &str) -> Vec<&'a Expr> {
    let mut out: Vec<&'a Expr> = Vec::new();
    let states = policy.lifecycles.get(of).map_or(&[][..], |l| l.1);
    out.extend(states.iter().filter_map(|s| s.when.as_ref()));
    for federation in policy.federations.iter().filter(|f| f.of.text == of) {
        out.extend(&federation.when);
        for field in &federation.fields {
            match field {
                FederationField::Assign(a) => out.push(&a.value),
                FederationField::Maps { .. } => {}
                FederationField::Admit { when, .. } => out.push(when),
                FederationField::Expires { after, from, .. } => out.extend([after, from]),
                FederationField::Until { until, .. } => out.push(&until.date),
            }
        }
    }
    for app in &policy.apps {
        if let Some(block) = app.account(of) {
            out.extend(block.when.iter().chain(block.fields.iter().map(|f| &f.assign.value)));
        }
    }
    let own = |for_type: Option<&str>| for_type.is_none_or(|t| t == of);
    out.extend(policy.forbids.iter().filter(|f| own(f.for_type)).filter_map(|f| f.when));
    for rule in policy.rules.iter().filter(|r| own(r.for_type)) {
        if let When::If(when) = rule.when {
            out.push(when);
        }
        if let Some(requestable) = rule.requestable {
            out.extend(requestable.when.iter().chain(&requestable.approved_by));
        }
        in_body(rule.body, &mut out);
    }
    out
}

fn in_body<'a>(body: &'a [Member], out: &mut Vec<&'a Expr>) {
    for member in body {
        match member {
            Member::Includes { roles, .. } => out.extend(roles.iter().flat_map(|r| &r.args)),
            Member::Grant(g) => {
                out.extend(g.entitlements.iter().flat_map(|e| e.args.iter().map(|a| &a.value)));
                out.extend(
                    g.when.iter().chain(&g.from).chain(g.until.iter().map(|u| &u.date)).chain(&g.keep),
                );
            }
            Member::Each { list, filter, body, .. } => {
                out.extend(std::iter::once(list).chain(filter));
                in_body(body, out);
            }
        }
    }
}

impl<'a> World<'a> {
    /// Type and attribute of all that is used as a zone.
    pub(crate) fn zone_attributes(&self) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for identity in &self.policy.identities {
            let scope = Scope::of(None, Some(identity.name.clone()));
            let mut lets: Vec<&str> = Vec::new();
            let mut open = roots(&self.policy, &identity.name);
            while let Some(e) = open.pop() {
                match &e.kind {
                    ExprKind::TodayIn(zone) => self.named_by(zone, &scope, &mut found),
                    ExprKind::AtTime { zone: Some(zone), .. } => self.named_by(zone, &scope, &mut found),
                    ExprKind::Name(name) => {
                        if let (Some(item), false) =
                            (self.policy.lets.get(name.text.as_str()), lets.contains(&name.text.as_str()))
                        {
                            lets.push(&name.text);
                            open.push(item.value);
                        }
                    }
                    _ => {}
                }
                open.extend(parts(e));
            }
        }
        found
    }

    /// The attributes that a zone comes from.
    fn named_by(&self, zone: &'a Expr, s: &Scope<'a>, found: &mut BTreeSet<(String, String)>) {
        let own = |of: &str, name: &str| {
            self.policy.identity(of).is_some_and(|i| i.fields.iter().any(|f| f.name == name))
        };
        match &zone.kind {
            ExprKind::Paren(of) => self.named_by(of, s, found),
            ExprKind::Binary(a, BinaryOp::Coalesce, _, b) | ExprKind::If(_, a, b) => {
                self.named_by(a, s, found);
                self.named_by(b, s, found);
            }
            ExprKind::Name(name) => match (&s.of, self.policy.lets.get(name.text.as_str())) {
                (Some(of), _) if own(of, &name.text) => {
                    found.insert((of.clone(), name.text.clone()));
                }
                (_, Some(item)) => self.named_by(item.value, s, found),
                _ => {}
            },
            ExprKind::Field(base, name) => {
                if let Some(Ty::Identity(of)) = self.type_of(base, s)
                    && own(&of, &name.text)
                {
                    found.insert((of, name.text.clone()));
                }
            }
            _ => {}
        }
    }
}
