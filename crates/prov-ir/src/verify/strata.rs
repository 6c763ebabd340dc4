//! Whether the steps are complete and in order: each after all it reads; with what it reads, only where nothing of it
//! is negated or computed with.
//! Invariant: every rule, kind and account stands in exactly one stratum.

use super::{VerifyError, fail, rule_name};
use crate::{ExprId, ExprKind, GrantProgram, GrantValue, Node, Program, Quant};
use prov_model::{AppId, KindId, SeparateDef, Type, fold, join_values};
use std::collections::{BTreeMap, HashMap, HashSet};

pub(crate) fn verify(program: &Program) -> Result<(), VerifyError> {
    let mut places: BTreeMap<Node, usize> = BTreeMap::new();
    for (i, stratum) in program.strata.iter().enumerate() {
        for node in stratum {
            let (number, count) = match node {
                Node::Rule(n) => (*n, program.rules.len()),
                Node::Kind(n) => (*n, program.kinds.len()),
                Node::Account(n) => (*n, program.accounts.len()),
            };
            if number as usize >= count {
                return fail(format!("stratum {}", i + 1), "a step in it is not in the program");
            }
            if places.insert(*node, i).is_some() {
                return fail(name(program, *node), "the step stands twice in the strata");
            }
        }
    }
    let all = (0..program.rules.len() as u32)
        .map(Node::Rule)
        .chain((0..program.kinds.len() as u32).map(Node::Kind))
        .chain((0..program.accounts.len() as u32).map(Node::Account));
    for node in all {
        if !places.contains_key(&node) {
            return fail(name(program, node), "the step is in no stratum");
        }
    }
    Order { program, places, by_kind: by_kind(program) }.check()
}

type ByKind = HashMap<(AppId, KindId), Vec<(Option<String>, u32)>>;

fn by_kind(program: &Program) -> ByKind {
    let mut out = ByKind::new();
    for (i, (app, kind, value)) in program.kinds.iter().enumerate() {
        out.entry((*app, *kind)).or_default().push((value.clone(), i as u32));
    }
    out
}

struct Order<'p> {
    program: &'p Program,
    places: BTreeMap<Node, usize>,
    by_kind: ByKind,
}

impl Order<'_> {
    fn check(&self) -> Result<(), VerifyError> {
        let p = self.program;
        for (i, rule) in p.rules.iter().enumerate() {
            let me = Node::Rule(i as u32);
            rule.when.map_or(Ok(()), |w| self.reads(w, me, false))?;
            if let Some(r) = &rule.requestable {
                r.when.map_or(Ok(()), |w| self.reads(w, me, false))?;
                r.approved_by.map_or(Ok(()), |e| self.reads(e, me, true))?;
            }
            for &j in &rule.includes {
                self.after(me, Node::Rule(j), false)?;
            }
            for instance in &rule.instances {
                instance.exprs().try_for_each(|e| self.reads(e, Node::Rule(instance.role), true))?;
            }
            for grant in &rule.grants {
                let exact: Option<Vec<ExprId>> = grant
                    .values
                    .iter()
                    .map(|v| if let GrantValue::One(e) = v { Some(*e) } else { None })
                    .collect();
                let key = exact.and_then(|v| self.constant_key(grant.app, grant.kind, &v));
                let computed = p.schema.kind(grant.app, grant.kind).highest_wins;
                for to in self.kind_nodes(grant.app, grant.kind, key.as_deref()) {
                    self.after(me, to, computed)?;
                    grant.when.map_or(Ok(()), |w| self.reads(w, to, false))?;
                    others(grant).try_for_each(|e| self.reads(e, to, true))?;
                }
            }
        }
        for (i, account) in p.accounts.iter().enumerate() {
            let me = Node::Account(i as u32);
            let exprs = account.when.iter().chain(&account.enabled).chain(&account.attributes);
            exprs.copied().try_for_each(|e| self.reads(e, me, false))?;
            let from = p.schema.app(account.app).account.as_ref().and_then(|d| d.from);
            for before in from.into_iter().flat_map(|f| self.account_nodes(f)) {
                self.after(before, me, false)?;
            }
        }
        for (forbid, def) in p.forbids.iter().zip(&p.schema.forbids) {
            let Some(when) = forbid.when else { continue };
            for (k, (app, kind, value)) in p.kinds.iter().enumerate() {
                let hit = *app == def.app
                    && def.kind.is_none_or(|x| x == *kind)
                    && value.as_ref().is_none_or(|v| def.covers(*app, *kind, v));
                if hit {
                    self.reads(when, Node::Kind(k as u32), true)?;
                }
            }
        }
        for (forbid, def) in p.role_forbids.iter().zip(&p.schema.role_forbids) {
            if let Some(when) = forbid.when {
                self.reads(when, Node::Rule(def.role.position), true)?;
            }
        }
        p.schema.separations.iter().try_for_each(|s| self.separation(s))
    }

    /// What a separation withholds must be known after all that gives what is on its sides. Who reads a role that it
    /// withholds must come after that too.
    fn separation(&self, def: &SeparateDef) -> Result<(), VerifyError> {
        let p = self.program;
        let mut givers: Vec<Node> = Vec::new();
        for side in &def.sides {
            givers.extend(side.roles.iter().map(|r| Node::Rule(r.position)));
            for (i, rule) in p.rules.iter().enumerate() {
                let gives = rule.grants.iter().any(|g| {
                    let exact: Option<Vec<ExprId>> = g
                        .values
                        .iter()
                        .map(|v| if let GrantValue::One(e) = v { Some(*e) } else { None })
                        .collect();
                    match exact.and_then(|v| self.constant_key(g.app, g.kind, &v)) {
                        Some(value) => side.covers(g.app, g.kind, &value),
                        None => {
                            side.patterns.iter().any(|p| p.app == g.app && p.kind.is_none_or(|k| k == g.kind))
                        }
                    }
                });
                if gives {
                    givers.push(Node::Rule(i as u32));
                }
            }
        }
        for (_, side) in def.sides.iter().enumerate().filter(|(n, _)| def.resolve.withholds(*n)) {
            for (k, (app, kind, value)) in p.kinds.iter().enumerate() {
                let on = match value {
                    Some(value) => side.covers(*app, *kind, value),
                    // A value that is named has a step of its own, where its kind is split.
                    None => side.patterns.iter().any(|x| {
                        let named = x.exact();
                        let split = named.is_some()
                            && p.kinds.iter().any(|k| (k.0, k.1) == (*app, *kind) && k.2 == named);
                        x.app == *app && x.kind.is_none_or(|x| x == *kind) && !split
                    }),
                };
                for &giver in givers.iter().filter(|_| on) {
                    self.after(giver, Node::Kind(k as u32), true)?;
                }
            }
        }
        Ok(())
    }

    /// `from` must be known before `to`; along with it only where it is not `computed` with.
    fn after(&self, from: Node, to: Node, computed: bool) -> Result<(), VerifyError> {
        let (before, here) = (self.places[&from], self.places[&to]);
        if before < here || (before == here && !computed) {
            return Ok(());
        }
        let (from, to) = (name(self.program, from), name(self.program, to));
        if before == here {
            fail(to, format!("it computes with {from}, which is in the same stratum"))
        } else {
            fail(to, format!("it reads {from}, which comes later"))
        }
    }

    /// All that an expression reads must be known before `to`.
    fn reads(&self, root: ExprId, to: Node, computed: bool) -> Result<(), VerifyError> {
        let mut seen = HashSet::new();
        let mut stack = vec![(root, computed)];
        while let Some((id, computed)) = stack.pop() {
            if !seen.insert((id, computed)) {
                continue;
            }
            let kind = &self.program.expr(id).kind;
            match kind {
                ExprKind::HasRole(r) | ExprKind::HasInstance(r, _) => {
                    self.after(Node::Rule(*r), to, computed)?;
                }
                ExprKind::HasEntitlement(app, k, values) => {
                    let key = values.as_ref().and_then(|v| self.constant_key(*app, *k, v));
                    for from in self.kind_nodes(*app, *k, key.as_deref()) {
                        self.after(from, to, computed)?;
                    }
                }
                ExprKind::AccountAttr(app, _) => {
                    for from in self.account_nodes(*app) {
                        self.after(from, to, true)?;
                    }
                }
                _ => {}
            }
            match kind {
                ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Named(..) => {
                    kind.children(|c| stack.push((c, computed)));
                }
                ExprKind::Quant { quant: Quant::Any | Quant::All, list, cond, .. } => {
                    stack.push((*list, true));
                    stack.extend(cond.map(|c| (c, computed)));
                }
                _ => kind.children(|c| stack.push((c, true))),
            }
        }
        Ok(())
    }

    fn account_nodes(&self, app: AppId) -> impl Iterator<Item = Node> {
        let all = self.program.accounts.iter().enumerate();
        all.filter(move |(_, a)| a.app == app).map(|(i, _)| Node::Account(i as u32))
    }

    /// The steps of a kind that an entitlement of this value, or any, is in.
    fn kind_nodes(&self, app: AppId, kind: KindId, key: Option<&str>) -> Vec<Node> {
        let all = self.by_kind.get(&(app, kind)).map_or(&[][..], Vec::as_slice);
        let node = |(_, i): &(Option<String>, u32)| Node::Kind(*i);
        let Some(key) = key else { return all.iter().map(node).collect() };
        let exact: Vec<Node> = all.iter().filter(|k| k.0.as_deref() == Some(key)).map(node).collect();
        if exact.is_empty() { all.iter().filter(|k| k.0.is_none()).map(node).collect() } else { exact }
    }

    /// The one spelling of constant values, as steps are split by.
    fn constant_key(&self, app: AppId, kind: KindId, values: &[ExprId]) -> Option<String> {
        let types = &self.program.schema.kind(app, kind).types;
        let plain = |(e, t): (&ExprId, &Type)| match &self.program.expr(*e).kind {
            ExprKind::Const(v) => Some(v.plain(t, &self.program.schema)),
            _ => None,
        };
        let joined = join_values(&values.iter().zip(types).map(plain).collect::<Option<Vec<_>>>()?);
        Some(if types.contains(&Type::Text) { fold(&joined).into_owned() } else { joined })
    }
}

/// The expressions of a grant but its `when`.
fn others(grant: &GrantProgram) -> impl Iterator<Item = ExprId> {
    let values = grant.values.iter().map(|v| match v {
        GrantValue::One(e) | GrantValue::Each(e) => *e,
    });
    let bounds = grant.from.into_iter().chain(grant.until.map(|u| u.at)).chain(grant.keep);
    values.chain(bounds).chain(grant.each.iter().flat_map(|e| std::iter::once(e.list).chain(e.filter)))
}

/// A step, for messages.
pub(crate) fn name(program: &Program, node: Node) -> String {
    match node {
        Node::Rule(r) => rule_name(program, r as usize),
        Node::Kind(k) => {
            let step = program.kinds.get(k as usize);
            let named = step.and_then(|(app, kind, value)| {
                let app = program.schema.apps.get(app.index())?;
                Some((app, app.kinds.get(kind.index())?, value))
            });
            match named {
                Some((app, kind, None)) => format!("kind `{}.{}`", app.name, kind.name),
                Some((app, kind, Some(value))) => format!("kind `{}.{}({value:?})`", app.name, kind.name),
                None => format!("kind {k}"),
            }
        }
        Node::Account(a) => {
            let account = program.accounts.get(a as usize);
            let app = account.and_then(|a| program.schema.apps.get(a.app.index()));
            app.map_or_else(|| format!("account {a}"), |app| format!("account of `{}`", app.name))
        }
    }
}
