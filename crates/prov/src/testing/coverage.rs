//! What of a policy its tests reach: rules that hold for someone, conditions and clauses that were seen both ways, arms
//! that were taken.
//! Invariant: what a policy writes once counts once, however often it was lowered.

use crate::policy::Policy;
use prov_diag::Span;
use prov_eval::{Cover, Seen};
use prov_ir::{ExprId, ExprKind, GrantValue, Program};
use prov_model::RuleId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What the tests reach.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Rules, in order of file and line.
    pub rules: Vec<Covered>,
}

/// A rule with its conditions.
#[derive(Clone, Debug)]
pub struct Covered {
    /// Its kind and name: `role sales`.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// For birthrights and roles: how often someone had it.
    pub had: Option<u64>,
    /// Its conditions, clauses and arms, in order of place.
    pub points: Vec<Point>,
}

/// What a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointKind {
    /// A whole condition: true and false are to be seen.
    Branch,
    /// A part of one: true and false are to be seen.
    Clause,
    /// An arm of a `match`: it is to be taken.
    Arm,
}

/// A place that is to be reached.
#[derive(Clone, Debug)]
pub struct Point {
    /// Which kind.
    pub kind: PointKind,
    /// Its file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// Its text, shortened.
    pub text: String,
    /// How often it came out true, or was taken.
    pub yes: u64,
    /// How often it came out false.
    pub no: u64,
}

impl Point {
    /// How many outcomes are to be seen, and how many were.
    pub fn outcomes(&self) -> (u64, u64) {
        let (yes, no) = (u64::from(self.yes > 0), u64::from(self.no > 0));
        match self.kind {
            PointKind::Arm => (1, yes),
            PointKind::Branch | PointKind::Clause => (2, yes + no),
        }
    }
}

impl Coverage {
    /// How many rules there are that someone can have, and how many were had.
    pub fn rules(&self) -> (u64, u64) {
        let had: Vec<u64> = self.rules.iter().filter_map(|r| r.had).collect();
        (had.len() as u64, had.iter().filter(|n| **n > 0).count() as u64)
    }

    /// How many outcomes points of some kinds have, and how many were seen.
    pub fn outcomes(&self, kinds: &[PointKind]) -> (u64, u64) {
        let points = self.rules.iter().flat_map(|r| &r.points).filter(|p| kinds.contains(&p.kind));
        points.map(Point::outcomes).fold((0, 0), |sum, o| (sum.0 + o.0, sum.1 + o.1))
    }

    /// The share of rules and outcomes that were seen, in percent; 100 where there are none.
    pub fn percent(&self) -> f64 {
        let all = [PointKind::Branch, PointKind::Clause, PointKind::Arm];
        let (rules, outcomes) = (self.rules(), self.outcomes(&all));
        percent(rules.0 + outcomes.0, rules.1 + outcomes.1)
    }
}

fn percent(all: u64, seen: u64) -> f64 {
    if all == 0 { 100.0 } else { seen as f64 * 100.0 / all as f64 }
}

/// Gathers the points of conditions.
struct Gather<'a> {
    policy: &'a Policy,
    program: &'a Program,
    cover: &'a Cover,
    points: BTreeMap<(Span, PointKind, u32), Seen>,
}

/// The coverage of a policy by what was reached on its tests' program.
pub(super) fn of(policy: &Policy, cover: &Cover) -> Coverage {
    let program = policy.0.tests.program.as_deref().unwrap_or(policy.program());
    let mut rules: BTreeMap<(String, u32, String), Covered> = BTreeMap::new();
    let mut add = |rule: RuleId, had: Option<u64>, roots: Vec<ExprId>, values: Vec<ExprId>| {
        let info = program.schema.rule(rule);
        if info.file.starts_with('<') {
            return;
        }
        let mut gather = Gather { policy, program, cover, points: BTreeMap::new() };
        roots.into_iter().for_each(|root| gather.condition(root, PointKind::Branch));
        values.into_iter().for_each(|value| gather.value(value));
        let kind = format!("{:?}", info.kind).to_lowercase();
        let name =
            if info.name.starts_with(&kind) { info.name.clone() } else { format!("{kind} {}", info.name) };
        let covered = rules.entry((info.file.clone(), info.line, name.clone())).or_insert_with(|| Covered {
            name,
            file: info.file.clone(),
            line: info.line,
            had,
            points: Vec::new(),
        });
        let new = gather.finish();
        covered.points.extend(new);
    };
    for (number, rule) in program.rules.iter().enumerate() {
        let grants = &rule.grants;
        let asked = rule.requestable.as_ref().and_then(|r| r.when);
        let roots = rule.when.into_iter().chain(asked).chain(
            grants.iter().flat_map(|g| g.when.into_iter().chain(g.each.iter().filter_map(|e| e.filter))),
        );
        let values = grants.iter().flat_map(|g| {
            let of = |v: &GrantValue| match v {
                GrantValue::One(id) | GrantValue::Each(id) => *id,
            };
            g.values.iter().map(of).chain(g.each.iter().map(|e| e.list))
        });
        let instances = &rule.instances;
        let filters = instances.iter().flat_map(|x| x.each.iter().filter_map(|e| e.filter));
        let roots = roots.chain(filters);
        let args = instances.iter().flat_map(|x| x.args.iter().copied().chain(x.each.iter().map(|e| e.list)));
        let values = values.chain(args);
        let had = cover.rules.get(&(number as u32)).copied().unwrap_or(0);
        add(rule.rule, Some(had), roots.collect(), values.collect());
    }
    for (def, forbid) in program.schema.forbids.iter().zip(&program.forbids) {
        add(def.rule, None, forbid.when.into_iter().collect(), Vec::new());
    }
    for (def, forbid) in program.schema.role_forbids.iter().zip(&program.role_forbids) {
        add(def.rule, None, forbid.when.into_iter().collect(), Vec::new());
    }
    for lifecycle in &program.lifecycles {
        let defs = program.schema.identity(lifecycle.identity).lifecycle.iter().flat_map(|l| &l.defs);
        for (def, condition) in defs.zip(&lifecycle.conditions) {
            add(def.rule, None, condition.iter().copied().collect(), Vec::new());
        }
    }
    for account in &program.accounts {
        let roots = account.when.into_iter().chain(account.enabled).collect();
        add(account.rule, None, roots, account.attributes.clone());
    }
    let mut rules: Vec<Covered> = rules.into_values().collect();
    for rule in &mut rules {
        rule.points
            .sort_by(|a, b| (&a.file, a.line, a.column, a.kind).cmp(&(&b.file, b.line, b.column, b.kind)));
    }
    // What several rules share, by a `let` or a function, is told with the first of them.
    let mut told: BTreeSet<(String, u32, u32, PointKind)> = BTreeSet::new();
    for rule in &mut rules {
        rule.points.retain(|p| told.insert((p.file.clone(), p.line, p.column, p.kind)));
    }
    rules.retain(|r| r.had.is_some() || !r.points.is_empty());
    Coverage { rules }
}

impl Gather<'_> {
    /// A condition and the clauses that it is made of.
    fn condition(&mut self, id: ExprId, kind: PointKind) {
        let expr = self.program.expr(id);
        match &expr.kind {
            ExprKind::Const(_) => return,
            ExprKind::Named(_, of) => return self.condition(*of, kind),
            ExprKind::Let(_, value, body) => {
                self.value(*value);
                return self.condition(*body, kind);
            }
            ExprKind::And(list) | ExprKind::Or(list) => {
                list.iter().for_each(|part| self.condition(*part, PointKind::Clause));
            }
            // What is negated is seen both ways where the negation is.
            ExprKind::Not(of) => match self.program.expr(*of).kind {
                ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Named(..) => {
                    self.condition(*of, PointKind::Clause);
                }
                _ => self.parts(*of),
            },
            _ => self.parts(id),
        }
        let seen = self.cover.conditions.get(&id).copied().unwrap_or_default();
        self.point(expr.span, kind, 0, seen);
    }

    /// The conditions and arms within a value.
    fn value(&mut self, id: ExprId) {
        match &self.program.expr(id).kind {
            ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_) => self.condition(id, PointKind::Clause),
            ExprKind::Match(of, arms) => {
                self.value(*of);
                for (number, arm) in arms.iter().enumerate() {
                    let yes = self.cover.arms.get(&(id, number as u32)).copied().unwrap_or(0);
                    let span = self.program.expr(arm.value).span;
                    self.point(span, PointKind::Arm, number as u32, Seen { yes, no: 0 });
                    self.value(arm.value);
                }
            }
            _ => self.parts(id),
        }
    }

    fn parts(&mut self, id: ExprId) {
        let program = self.program;
        match &program.expr(id).kind {
            ExprKind::If(cond, yes, no) => {
                self.condition(*cond, PointKind::Clause);
                self.value(*yes);
                self.value(*no);
            }
            ExprKind::Quant { list, cond, .. } => {
                self.value(*list);
                if let Some(cond) = cond {
                    self.condition(*cond, PointKind::Clause);
                }
            }
            ExprKind::Match(..) => self.value(id),
            kind => {
                let mut parts = Vec::new();
                kind.children(|child| parts.push(child));
                parts.into_iter().for_each(|part| self.value(part));
            }
        }
    }

    fn point(&mut self, span: Span, kind: PointKind, number: u32, seen: Seen) {
        if self.policy.sources().get(span.source).name.starts_with('<') {
            return;
        }
        let sum = self.points.entry((span, kind, number)).or_default();
        sum.yes += seen.yes;
        sum.no += seen.no;
    }

    fn finish(self) -> Vec<Point> {
        let sources = self.policy.sources();
        let point = |((span, kind, _), seen): ((Span, PointKind, u32), Seen)| {
            let start = sources.start(span);
            let text = sources.text(span).split_whitespace().collect::<Vec<_>>().join(" ");
            let text = match text.chars().count() {
                0..=60 => text,
                _ => text.chars().take(59).chain(['…']).collect(),
            };
            let file = sources.get(span.source).name.clone();
            Point { kind, file, line: start.line, column: start.column, text, yes: seen.yes, no: seen.no }
        };
        self.points.into_iter().map(point).collect()
    }
}

/// By file and rule: what is not reached, then the sums.
pub fn coverage_human(coverage: &Coverage) -> String {
    let mut out = String::from("\ncoverage\n");
    for rule in &coverage.rules {
        let missed: Vec<String> = rule
            .points
            .iter()
            .filter_map(|p| {
                let what = match (p.kind, p.yes > 0, p.no > 0) {
                    (PointKind::Arm, true, _) | (_, true, true) => return None,
                    (PointKind::Arm, false, _) => "never taken",
                    (_, true, false) => "never false",
                    (_, false, true) => "never true",
                    (_, false, false) => "never asked",
                };
                Some(format!("    {}:{}:{}  {what}: {}", p.file, p.line, p.column, p.text))
            })
            .collect();
        let never = rule.had == Some(0);
        if !never && missed.is_empty() {
            continue;
        }
        let word = if never { ", which nobody ever has" } else { "" };
        let _ = writeln!(out, "  {}:{}  {}{word}", rule.file, rule.line, rule.name);
        missed.iter().for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
    }
    let sums = [
        ("rules", coverage.rules()),
        ("branches", coverage.outcomes(&[PointKind::Branch])),
        ("clauses", coverage.outcomes(&[PointKind::Clause, PointKind::Arm])),
    ];
    let shown: Vec<String> = sums
        .iter()
        .map(|(name, (all, seen))| format!("{name} {seen} of {all} ({:.1}%)", percent(*all, *seen)))
        .collect();
    let _ = writeln!(out, "coverage: {:.1}%. {}", coverage.percent(), shown.join("; "));
    out
}

/// The same as data.
pub fn coverage_json(coverage: &Coverage) -> serde_json::Value {
    let sum = |(all, seen): (u64, u64)| serde_json::json!({ "all": all, "seen": seen });
    let point = |p: &Point| {
        let kind = match p.kind {
            PointKind::Branch => "branch",
            PointKind::Clause => "clause",
            PointKind::Arm => "arm",
        };
        serde_json::json!({ "kind": kind, "file": p.file, "line": p.line, "column": p.column, "text": p.text, "true": p.yes, "false": p.no })
    };
    let rule = |r: &Covered| serde_json::json!({ "rule": r.name, "file": r.file, "line": r.line, "had": r.had, "points": r.points.iter().map(point).collect::<Vec<_>>() });
    serde_json::json!({
        "percent": (coverage.percent() * 10.0).round() / 10.0,
        "rules": sum(coverage.rules()),
        "branches": sum(coverage.outcomes(&[PointKind::Branch])),
        "clauses": sum(coverage.outcomes(&[PointKind::Clause, PointKind::Arm])),
        "by_rule": coverage.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

/// LCOV's trace format: rules as functions, outcomes as branches, lines as far as they hold either.
pub fn lcov(coverage: &Coverage) -> String {
    let mut files: BTreeMap<&str, (Vec<&Covered>, Vec<&Point>)> = BTreeMap::new();
    for rule in &coverage.rules {
        files.entry(&rule.file).or_default().0.push(rule);
        for point in &rule.points {
            files.entry(&point.file).or_default().1.push(point);
        }
    }
    let mut out = String::from("TN:\n");
    for (file, (rules, points)) in files {
        let _ = writeln!(out, "SF:{file}");
        let mut lines: BTreeMap<u32, u64> = BTreeMap::new();
        let had: Vec<(&&Covered, u64)> = rules.iter().filter_map(|r| Some((r, r.had?))).collect();
        for (rule, _) in &had {
            let _ = writeln!(out, "FN:{},{}", rule.line, rule.name);
        }
        for (rule, count) in &had {
            let _ = writeln!(out, "FNDA:{count},{}", rule.name);
            *lines.entry(rule.line).or_default() += count;
        }
        let hit = had.iter().filter(|h| h.1 > 0).count();
        let _ = writeln!(out, "FNF:{}\nFNH:{hit}", had.len());
        let (mut found, mut taken) = (0, 0);
        for (block, point) in points.iter().enumerate() {
            let outcomes: &[u64] = match point.kind {
                PointKind::Arm => &[point.yes],
                PointKind::Branch | PointKind::Clause => &[point.yes, point.no],
            };
            let asked = point.yes + point.no > 0;
            for (branch, count) in outcomes.iter().enumerate() {
                let shown = if asked { count.to_string() } else { "-".to_owned() };
                let _ = writeln!(out, "BRDA:{},{block},{branch},{shown}", point.line);
                found += 1;
                taken += u32::from(*count > 0);
            }
            *lines.entry(point.line).or_default() += point.yes + point.no;
        }
        let _ = writeln!(out, "BRF:{found}\nBRH:{taken}");
        for (line, count) in &lines {
            let _ = writeln!(out, "DA:{line},{count}");
        }
        let hit = lines.values().filter(|n| **n > 0).count();
        let _ = writeln!(out, "LF:{}\nLH:{hit}\nend_of_record", lines.len());
    }
    out
}
