//! The graphs behind the rules: which roles include which, and what reads what. Cycles are shown as paths; what is
//! left is put into strata.
//! Invariant: no step of a stratum reads, through a negation, a step of the same or a later one.

use crate::check::Checker;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{
    AccountProgram, ExprId, ExprKind, ForbidProgram, GrantValue, LifecycleProgram, Node, Program, Quant,
    RuleProgram, SourceProgram,
};
use prov_model::{AppId, KindId, SideDef};
use std::collections::{BTreeMap, BTreeSet};

/// Whether growing what is read can only grow the result.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Grows,
    Any,
}

#[derive(Clone, Copy)]
struct Edge {
    sign: Sign,
    span: Span,
}

/// A place in the graph: a step, or what a separation divides one into.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Vertex {
    /// A step; of a rule that a separation withholds, only that it comes and what forbids leave of it.
    Step(Node),
    /// What separations leave of a rule.
    Had(u32),
    /// What forbids leave of a kind, before separations.
    Before(u32),
    /// A separation.
    Separation(u32),
}

/// What an expression reads of other steps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Read {
    Role(u32),
    Kind(AppId, KindId, Option<String>),
    Account(AppId),
}

impl Checker<'_> {
    pub(crate) fn finish(
        &mut self,
        sources: Vec<SourceProgram>,
        lifecycles: Vec<LifecycleProgram>,
        accounts: Vec<AccountProgram>,
        rules: Vec<RuleProgram>,
        forbids: Vec<ForbidProgram>,
        role_forbids: Vec<ForbidProgram>,
    ) -> Option<Program> {
        if !self.check_includes(&rules) || self.diagnostics.iter().any(Diagnostic::is_error) {
            return None;
        }
        let conditions: Vec<ExprId> = forbids.iter().chain(&role_forbids).filter_map(|f| f.when).collect();
        let kinds = self.split_kinds(&rules, &accounts, &conditions);
        let strata = self.strata(&rules, &accounts, &forbids, &role_forbids, &kinds)?;
        let observed = self.observed(&rules);
        let mut program = Program {
            observed,
            schema: self.schema.clone(),
            zone: self.zone.clone(),
            exprs: self.exprs.clone(),
            sources,
            brought: self.brought.clone(),
            lifecycles,
            federations: self.federations.clone(),
            accounts,
            rules,
            forbids,
            role_forbids,
            kinds,
            strata,
            locals: self.locals,
            zones: BTreeSet::new(),
        };
        program.zones = prov_ir::zone_attributes(&program);
        self.timely(&program);
        Some(program)
    }

    fn rule_name(&self, rules: &[RuleProgram], i: u32) -> String {
        self.schema.rule(rules[i as usize].rule).name.clone()
    }

    /// Roles that include each other.
    fn check_includes(&mut self, rules: &[RuleProgram]) -> bool {
        let mut graph = DiGraph::<u32, ()>::new();
        let nodes: Vec<NodeIndex> = (0..rules.len()).map(|i| graph.add_node(i as u32)).collect();
        for (i, r) in rules.iter().enumerate() {
            for &j in &r.includes {
                graph.add_edge(nodes[i], nodes[j as usize], ());
            }
        }
        let mut fine = true;
        for component in tarjan_scc(&graph) {
            let cyclic = component.len() > 1 || graph.find_edge(component[0], component[0]).is_some();
            if !cyclic {
                continue;
            }
            fine = false;
            let path = cycle_path(&graph, &component, |_| true);
            let mut names: Vec<String> = path.iter().map(|n| self.rule_name(rules, graph[*n])).collect();
            names.push(names[0].clone());
            let first = self.declared.get(&names[0]).map(|d| d.span);
            let mut d = Diagnostic::new(
                &codes::ROLE_CYCLE,
                format!("roles include each other: {}", names.join(" → ")),
            )
            .because("a role would hold itself")
            .help("take one of the `includes` away");
            if let Some(span) = first {
                d = d.at(span, "part of the cycle");
            }
            self.report(d);
        }
        fine
    }

    /// Every kind once for each constant value that a condition asks for, and once for the rest.
    fn split_kinds(
        &self,
        rules: &[RuleProgram],
        accounts: &[AccountProgram],
        conditions: &[ExprId],
    ) -> Vec<(AppId, KindId, Option<String>)> {
        let mut asked: BTreeSet<(AppId, KindId, String)> = BTreeSet::new();
        let roots = rules
            .iter()
            .flat_map(|r| {
                let by_hand = r.requestable.iter().flat_map(|q| q.when.into_iter().chain(q.approved_by));
                let instances = r.instances.iter().flat_map(prov_ir::InstanceProgram::exprs);
                let when = r.when.into_iter().chain(by_hand).chain(instances);
                when.chain(r.grants.iter().flat_map(grant_exprs))
            })
            .chain(
                accounts
                    .iter()
                    .flat_map(|a| a.when.into_iter().chain(a.enabled).chain(a.attributes.iter().copied())),
            )
            .chain(conditions.iter().copied());
        for root in roots {
            for (read, ..) in self.reads(root) {
                if let Read::Kind(app, kind, Some(value)) = read
                    && !self.schema.kind(app, kind).highest_wins
                {
                    asked.insert((app, kind, value));
                }
            }
        }
        for (app, kind, value) in self.separated_values() {
            if !self.schema.kind(app, kind).highest_wins {
                asked.insert((app, kind, value));
            }
        }
        let mut out = Vec::new();
        for (a, app) in self.schema.apps.iter().enumerate() {
            for k in 0..app.kinds.len() {
                let (a, k) = (AppId(a as u32), KindId(k as u32));
                out.extend(asked.iter().filter(|x| x.0 == a && x.1 == k).map(|x| (a, k, Some(x.2.clone()))));
                out.push((a, k, None));
            }
        }
        out
    }

    /// What an expression reads, with sign and place.
    fn reads(&self, root: ExprId) -> Vec<(Read, Sign, Span)> {
        let mut out = Vec::new();
        self.collect_reads(root, Sign::Grows, &mut out);
        out
    }

    fn collect_reads(&self, id: ExprId, sign: Sign, out: &mut Vec<(Read, Sign, Span)>) {
        let expr = &self.exprs[id.0 as usize];
        let inner = match &expr.kind {
            ExprKind::HasRole(r) | ExprKind::HasInstance(r, _) => {
                out.push((Read::Role(*r), sign, expr.span));
                Sign::Any
            }
            ExprKind::HasEntitlement(app, kind, values) => {
                let key = values.as_ref().and_then(|v| self.constant_key(*app, *kind, v));
                out.push((Read::Kind(*app, *kind, key), sign, expr.span));
                Sign::Any
            }
            ExprKind::AccountAttr(app, _) => {
                out.push((Read::Account(*app), Sign::Any, expr.span));
                Sign::Any
            }
            ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Named(..) => sign,
            ExprKind::Quant { quant: Quant::Any | Quant::All, list, cond, .. } => {
                self.collect_reads(*list, Sign::Any, out);
                if let Some(c) = cond {
                    self.collect_reads(*c, sign, out);
                }
                return;
            }
            _ => Sign::Any,
        };
        expr.kind.children(|c| self.collect_reads(c, inner, out));
    }

    fn strata(
        &mut self,
        rules: &[RuleProgram],
        accounts: &[AccountProgram],
        forbids: &[ForbidProgram],
        role_forbids: &[ForbidProgram],
        kinds: &[(AppId, KindId, Option<String>)],
    ) -> Option<Vec<Vec<Node>>> {
        let mut edges: Vec<(Vertex, Vertex, Edge)> = Vec::new();
        let kind_nodes = |app: AppId, kind: KindId, key: Option<&str>| -> Vec<u32> {
            let of = |f: &dyn Fn(&Option<String>) -> bool| -> Vec<u32> {
                kinds
                    .iter()
                    .enumerate()
                    .filter(|(_, k)| k.0 == app && k.1 == kind && f(&k.2))
                    .map(|(i, _)| i as u32)
                    .collect()
            };
            let exact = key.map(|v| of(&|k| k.as_deref() == Some(v))).unwrap_or_default();
            if !exact.is_empty() {
                exact
            } else if key.is_some() {
                of(&|k| k.is_none())
            } else {
                of(&|_| true)
            }
        };
        let account_nodes = |app: AppId| {
            accounts
                .iter()
                .enumerate()
                .filter(move |(_, a)| a.app == app)
                .map(|(i, _)| Vertex::Step(Node::Account(i as u32)))
        };
        let (had_apart, kinds_apart) = self.kept_apart(kinds);
        let rule_step = |r: u32| Vertex::Step(Node::Rule(r));
        let kind_step = |k: u32| Vertex::Step(Node::Kind(k));
        let had = |r: u32| if had_apart.contains(&r) { Vertex::Had(r) } else { rule_step(r) };
        let before = |k: u32| if kinds_apart.contains(&k) { Vertex::Before(k) } else { kind_step(k) };
        let push = |edges: &mut Vec<(Vertex, Vertex, Edge)>, root: ExprId, to: Vertex, c: &Self| {
            for (read, sign, span) in c.reads(root) {
                let from: Vec<Vertex> = match read {
                    Read::Role(r) => vec![had(r)],
                    Read::Kind(a, k, key) => {
                        kind_nodes(a, k, key.as_deref()).into_iter().map(kind_step).collect()
                    }
                    Read::Account(a) => account_nodes(a).collect(),
                };
                edges.extend(from.into_iter().map(|f| (f, to, Edge { sign, span })));
            }
        };
        let push_any = |edges: &mut Vec<(Vertex, Vertex, Edge)>, root: ExprId, to: Vertex, c: &Self| {
            let start = edges.len();
            push(edges, root, to, c);
            edges[start..].iter_mut().for_each(|e| e.2.sign = Sign::Any);
        };
        for (i, r) in rules.iter().enumerate() {
            let me = i as u32;
            let place = r.when.map_or_else(|| self.rule_span(r), |w| self.span(w));
            if let Some(w) = r.when {
                push(&mut edges, w, rule_step(me), self);
            }
            if let Some(requestable) = &r.requestable {
                if let Some(w) = requestable.when {
                    push(&mut edges, w, rule_step(me), self);
                }
                if let Some(by) = requestable.approved_by {
                    push_any(&mut edges, by, rule_step(me), self);
                }
            }
            // Who holds a role holds what it includes.
            let included = r.includes.iter();
            edges.extend(included.map(|j| (had(me), rule_step(*j), Edge { sign: Sign::Grows, span: place })));
            for instance in &r.instances {
                for e in instance.exprs() {
                    push_any(&mut edges, e, rule_step(instance.role), self);
                }
            }
            for g in &r.grants {
                let constant: Option<Vec<ExprId>> = g
                    .values
                    .iter()
                    .map(|v| if let GrantValue::One(e) = v { Some(*e) } else { None })
                    .collect();
                let key = constant.and_then(|v| self.constant_key(g.app, g.kind, &v));
                let sign = if self.schema.kind(g.app, g.kind).highest_wins { Sign::Any } else { Sign::Grows };
                for to in kind_nodes(g.app, g.kind, key.as_deref()).into_iter().map(before) {
                    edges.push((had(me), to, Edge { sign, span: g.span }));
                    if let Some(w) = g.when {
                        push(&mut edges, w, to, self);
                    }
                    for e in grant_exprs(g).filter(|e| Some(*e) != g.when) {
                        push_any(&mut edges, e, to, self);
                    }
                }
            }
        }
        for (i, a) in accounts.iter().enumerate() {
            let me = Vertex::Step(Node::Account(i as u32));
            for e in a.when.into_iter().chain(a.enabled).chain(a.attributes.iter().copied()) {
                push(&mut edges, e, me, self);
            }
            let place = a.attributes.first().map(|e| self.span(*e));
            let from = self.schema.app(a.app).account.as_ref().and_then(|d| d.from);
            if let (Some(from), Some(span)) = (from, place) {
                edges.extend(account_nodes(from).map(|n| (n, me, Edge { sign: Sign::Grows, span })));
            }
            for (k, _) in kinds.iter().enumerate().filter(|(_, k)| k.0 == a.app) {
                if let Some(span) = place {
                    edges.push((me, before(k as u32), Edge { sign: Sign::Grows, span }));
                }
            }
        }
        for (f, def) in forbids.iter().zip(self.schema.forbids.clone()) {
            let Some(w) = f.when else { continue };
            for (k, (app, kind, key)) in kinds.iter().enumerate() {
                let hit = *app == def.app
                    && def.kind.is_none_or(|x| x == *kind)
                    && key.as_ref().is_none_or(|v| def.covers(*app, *kind, v));
                if hit {
                    push_any(&mut edges, w, before(k as u32), self);
                }
            }
        }
        for (f, def) in role_forbids.iter().zip(self.schema.role_forbids.clone()) {
            if let Some(w) = f.when {
                push_any(&mut edges, w, rule_step(def.role.position), self);
            }
        }
        for (i, def) in self.schema.separations.iter().enumerate() {
            let (me, span) = (Vertex::Separation(i as u32), self.separation_spans[i]);
            for (number, side) in def.sides.iter().enumerate() {
                let withheld = def.resolve.withholds(number);
                for role in &side.roles {
                    edges.push((rule_step(role.position), me, Edge { sign: Sign::Any, span }));
                    if withheld {
                        edges.push((me, had(role.position), Edge { sign: Sign::Any, span }));
                    }
                }
                for k in kinds_on(side, kinds) {
                    edges.push((before(k), me, Edge { sign: Sign::Any, span }));
                    if withheld {
                        edges.push((me, kind_step(k), Edge { sign: Sign::Any, span }));
                    }
                }
            }
            let grows = Edge { sign: Sign::Grows, span };
            edges.extend(had_apart.iter().map(|r| (rule_step(*r), Vertex::Had(*r), grows)));
            edges.extend(kinds_apart.iter().map(|k| (Vertex::Before(*k), kind_step(*k), grows)));
        }
        let mut graph = DiGraph::<Vertex, Edge>::new();
        let nodes: BTreeMap<Vertex, NodeIndex> = (0..rules.len() as u32)
            .map(rule_step)
            .chain((0..kinds.len() as u32).map(kind_step))
            .chain((0..accounts.len() as u32).map(|a| Vertex::Step(Node::Account(a))))
            .chain(had_apart.iter().map(|r| Vertex::Had(*r)))
            .chain(kinds_apart.iter().map(|k| Vertex::Before(*k)))
            .chain((0..self.schema.separations.len() as u32).map(Vertex::Separation))
            .map(|n| (n, graph.add_node(n)))
            .collect();
        for (from, to, edge) in edges {
            graph.add_edge(nodes[&from], nodes[&to], edge);
        }
        self.order(&graph, rules, kinds, accounts)
    }

    /// Values that separations name and no pattern: their kinds are split by them, so that what is kept apart from a
    /// value does not wait for the whole kind.
    fn separated_values(&self) -> Vec<(AppId, KindId, String)> {
        let patterns = self.schema.separations.iter().flat_map(|s| &s.sides).flat_map(|side| &side.patterns);
        patterns.filter_map(|p| Some((p.app, p.kind?, p.exact()?))).collect()
    }

    /// The rules that some separation may withhold, and the steps of kinds.
    fn kept_apart(&self, kinds: &[(AppId, KindId, Option<String>)]) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let (mut roles, mut steps) = (BTreeSet::new(), BTreeSet::new());
        for def in &self.schema.separations {
            for (_, side) in def.sides.iter().enumerate().filter(|(n, _)| def.resolve.withholds(*n)) {
                roles.extend(side.roles.iter().map(|r| r.position));
                steps.extend(kinds_on(side, kinds));
            }
        }
        (roles, steps)
    }

    fn rule_span(&self, r: &RuleProgram) -> Span {
        let name = &self.schema.rule(r.rule).name;
        self.declared[name].span
    }

    fn order(
        &mut self,
        graph: &DiGraph<Vertex, Edge>,
        rules: &[RuleProgram],
        kinds: &[(AppId, KindId, Option<String>)],
        accounts: &[AccountProgram],
    ) -> Option<Vec<Vec<Node>>> {
        let mut strata: Vec<Vec<Node>> = Vec::new();
        let mut fine = true;
        // Tarjan gives components with what they lead to first: turned round, each comes after what it reads.
        for component in tarjan_scc(graph).into_iter().rev() {
            let members: BTreeSet<NodeIndex> = component.iter().copied().collect();
            let inside =
                || component.iter().flat_map(|n| graph.edges(*n)).filter(|e| members.contains(&e.target()));
            if let Some(bad) =
                inside().filter(|e| e.weight().sign == Sign::Any).min_by_key(|e| e.weight().span)
            {
                fine = false;
                let mut path = shortest(graph, &members, bad.target(), bad.source());
                path.push(bad.target());
                let mut names: Vec<String> =
                    path.iter().map(|n| self.node_name(graph[*n], rules, kinds, accounts)).collect();
                let separates = path.iter().any(|n| matches!(graph[*n], Vertex::Separation(_)));
                if separates {
                    // A role and what a separation leaves of it have one name.
                    names.dedup();
                }
                let span = bad.weight().span;
                self.report(
                    Diagnostic::new(
                        &codes::NEGATIVE_CYCLE,
                        format!("this decides itself: {}", names.join(" → ")),
                    )
                    .at(span, "here the result is turned round or computed with")
                    .because("whether it holds would depend on whether it doesn't")
                    .help(if separates {
                        "what is kept apart must be known without knowing the other: ask for an attribute instead of `has …`, or name what is granted, not the role"
                    } else {
                        "ask for an attribute instead of `has …`, or split the role so that one comes first"
                    }),
                );
            }
            let steps = component.iter().filter_map(|n| match graph[*n] {
                Vertex::Step(node) => Some(node),
                Vertex::Had(_) | Vertex::Before(_) | Vertex::Separation(_) => None,
            });
            let mut nodes: Vec<Node> = steps.collect();
            nodes.sort();
            if !nodes.is_empty() {
                strata.push(nodes);
            }
        }
        fine.then_some(strata)
    }

    fn node_name(
        &self,
        vertex: Vertex,
        rules: &[RuleProgram],
        kinds: &[(AppId, KindId, Option<String>)],
        accounts: &[AccountProgram],
    ) -> String {
        match vertex {
            Vertex::Step(Node::Rule(i)) | Vertex::Had(i) => self.rule_name(rules, i),
            Vertex::Step(Node::Kind(i)) | Vertex::Before(i) => {
                let (app, kind, key) = &kinds[i as usize];
                let name = format!("{}.{}", self.schema.app(*app).name, self.schema.kind(*app, *kind).name);
                key.as_ref().map_or(name.clone(), |k| format!("{name}({k:?})"))
            }
            Vertex::Separation(i) => self.schema.rule(self.schema.separations[i as usize].rule).name.clone(),
            Vertex::Step(Node::Account(i)) => {
                format!("{}.account", self.schema.app(accounts[i as usize].app).name)
            }
        }
    }
}

/// The steps of kinds in which something of a side may be.
fn kinds_on<'k>(
    side: &'k SideDef,
    kinds: &'k [(AppId, KindId, Option<String>)],
) -> impl Iterator<Item = u32> + 'k {
    let on = |(app, kind, key): &(AppId, KindId, Option<String>)| match key {
        Some(value) => side.covers(*app, *kind, value),
        // A value that is named has a step of its own, where its kind is split.
        None => {
            side.patterns.iter().filter(|p| p.app == *app && p.kind.is_none_or(|k| k == *kind)).any(|p| {
                let named = p.exact();
                named.is_none() || !kinds.iter().any(|k| (k.0, k.1) == (*app, *kind) && k.2 == named)
            })
        }
    };
    kinds.iter().enumerate().filter(move |(_, k)| on(k)).map(|(i, _)| i as u32)
}

/// Every expression of a grant.
fn grant_exprs(g: &prov_ir::GrantProgram) -> impl Iterator<Item = ExprId> + '_ {
    let values = g.values.iter().map(|v| match v {
        GrantValue::One(e) | GrantValue::Each(e) => *e,
    });
    let bounds = g.from.into_iter().chain(g.until.map(|u| u.at)).chain(g.keep);
    values
        .chain(g.when)
        .chain(bounds)
        .chain(g.each.iter().flat_map(|e| std::iter::once(e.list).chain(e.filter)))
}

/// A shortest way from one node to another within some nodes, both included.
fn shortest<N, E>(
    graph: &DiGraph<N, E>,
    within: &BTreeSet<NodeIndex>,
    from: NodeIndex,
    to: NodeIndex,
) -> Vec<NodeIndex> {
    let mut before: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([from]);
    while let Some(n) = queue.pop_front() {
        if n == to {
            break;
        }
        let mut next: Vec<NodeIndex> = graph.neighbors(n).filter(|m| within.contains(m)).collect();
        next.sort();
        for m in next {
            if m != from && !before.contains_key(&m) {
                before.insert(m, n);
                queue.push_back(m);
            }
        }
    }
    let mut path = vec![to];
    while let Some(&n) = before.get(path.last().expect("never empty")) {
        path.push(n);
    }
    path.reverse();
    path
}

/// A cycle through the smallest node of a component.
fn cycle_path<N, E>(
    graph: &DiGraph<N, E>,
    component: &[NodeIndex],
    keep: impl Fn(NodeIndex) -> bool,
) -> Vec<NodeIndex> {
    let members: BTreeSet<NodeIndex> = component.iter().copied().filter(|n| keep(*n)).collect();
    let Some(&start) = members.first() else { return vec![] };
    let mut path = vec![start];
    let mut seen = BTreeSet::from([start]);
    loop {
        let at = *path.last().expect("never empty");
        let mut next: Vec<NodeIndex> = graph.neighbors(at).filter(|m| members.contains(m)).collect();
        next.sort();
        if next.contains(&start) {
            return path;
        }
        match next.into_iter().find(|m| seen.insert(*m)) {
            Some(m) => path.push(m),
            None if path.len() > 1 => {
                path.pop();
            }
            None => return path,
        }
    }
}
