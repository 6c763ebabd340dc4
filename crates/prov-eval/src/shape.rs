//! What of a program can be worked out before any identity is seen: who includes whom, which grants are constant,
//! the steps of each identity type, who grants which kind.
//! Invariant: a function of the program alone; positions are those of the program's lists.

use crate::world::Catalogs;
use prov_ir::{ExprKind, GrantValue, Node, Program};
use prov_model::{AppId, AttrId, IdentityId, KindId, fold, join_values, nfc};
use rustc_hash::FxHashMap;

/// A rule's place among the others.
pub(crate) struct RuleShape {
    /// The rules whose `when` gives it to an identity: itself and all that include it, sorted.
    pub had_through: Vec<u32>,
    /// The rules that include it themselves, sorted.
    pub included_by: Vec<u32>,
    /// The forbids that name it.
    pub forbids: Vec<u32>,
    /// The separations that name it, with the side.
    pub separations: Vec<(u32, u32)>,
    /// What it brings: itself and all it includes, sorted.
    pub brings: Vec<u32>,
    /// For each grant, its number among the constant ones of the program.
    pub constants: Vec<Option<u32>>,
}

/// A grant whose value needs no evaluation.
pub(crate) struct ConstantGrant {
    pub app: AppId,
    pub kind: KindId,
    pub value: String,
}

/// Steps that are taken together, again and again until nothing changes.
pub(crate) struct Stratum {
    pub nodes: Vec<Node>,
    /// Whether they read each other at all.
    pub repeats: bool,
}

/// A forbid's reach, to find those of an entitlement.
pub(crate) struct ForbidShape {
    pub position: u32,
    pub identity: Option<IdentityId>,
}

/// All of it.
pub(crate) struct Shape {
    pub rules: Vec<RuleShape>,
    pub constants: Vec<ConstantGrant>,
    /// Whether some role may come and yet not be had, or has parameters.
    pub gated: bool,
    /// The separations that name roles.
    pub role_separations: Vec<u32>,
    /// By identity type.
    pub strata: Vec<Vec<Stratum>>,
    /// Rules and grants by kind.
    pub granted_by: FxHashMap<(AppId, KindId), Vec<(u32, u32)>>,
    /// Positions in [`Program::kinds`]: the whole kind, or one of its values in the form it is compared in.
    pub kinds: FxHashMap<(AppId, KindId), FxHashMap<Option<String>, u32>>,
    /// Account programs by identity type, in order of app.
    pub accounts: Vec<Vec<u32>>,
    /// By app.
    pub forbids: Vec<Vec<ForbidShape>>,
    /// Whether kinds compare as `text`, by app and kind.
    pub folds: Vec<Vec<bool>>,
    /// By identity type: the attributes of which memory keeps the last good values.
    pub remembered: Vec<Vec<AttrId>>,
    /// By expression: whether time, or a bound value that may be one, stands in it.
    pub timed: Vec<bool>,
    /// For each kind with a catalog, the spelling of each value by the form it is compared in.
    pub catalogs: FxHashMap<(AppId, KindId), FxHashMap<Box<str>, Box<str>>>,
}

impl Shape {
    pub(crate) fn of(program: &Program, catalogs: &Catalogs) -> Shape {
        let mut constants = Vec::new();
        let mut granted_by: FxHashMap<_, Vec<_>> = FxHashMap::default();
        let brings: Vec<Vec<u32>> =
            (0..program.rules.len()).map(|rule| reach(program, rule as u32)).collect();
        let mut had_through = vec![Vec::new(); program.rules.len()];
        for (rule, brought) in brings.iter().enumerate() {
            for &b in brought {
                had_through[b as usize].push(rule as u32);
            }
        }
        let mut included_by = vec![Vec::new(); program.rules.len()];
        for (rule, by) in program.rules.iter().zip(0..) {
            for of in rule.includes.iter().filter(|of| !program.observed.rules.contains(of)) {
                included_by[*of as usize].push(by);
            }
        }
        let mut rules = Vec::with_capacity(program.rules.len());
        for (number, (brings, had_through)) in brings.into_iter().zip(had_through).enumerate() {
            let mut of_rule = Vec::new();
            for (g, grant) in program.rules[number].grants.iter().enumerate() {
                granted_by.entry((grant.app, grant.kind)).or_default().push((number as u32, g as u32));
                of_rule.push(constant(program, &grant.values).map(|value| {
                    constants.push(ConstantGrant { app: grant.app, kind: grant.kind, value });
                    constants.len() as u32 - 1
                }));
            }
            let position = number as u32;
            rules.push(RuleShape {
                had_through,
                included_by: std::mem::take(&mut included_by[number]),
                forbids: (0..program.schema.role_forbids.len() as u32)
                    .filter(|&f| program.schema.role_forbids[f as usize].role.position == position)
                    .collect(),
                separations: sides_naming(program, position),
                brings,
                constants: of_rule,
            });
        }
        let kinds = kinds(program);
        Shape {
            remembered: crate::good::remembered(program),
            gated: rules.iter().any(|r| !r.forbids.is_empty() || !r.separations.is_empty())
                || program.rules.iter().any(|r| !r.params.is_empty()),
            role_separations: (0..program.schema.separations.len() as u32)
                .filter(|&s| {
                    program.schema.separations[s as usize].sides.iter().any(|side| !side.roles.is_empty())
                })
                .collect(),
            rules,
            constants,
            strata: program.schema.identities.iter().enumerate().map(|(i, _)| strata(program, i)).collect(),
            granted_by,
            kinds,
            accounts: accounts(program),
            forbids: forbids(program),
            folds: (program.schema.apps.iter().enumerate())
                .map(|(a, app)| {
                    (0..app.kinds.len()).map(|k| program.folds(AppId(a as u32), KindId(k as u32))).collect()
                })
                .collect(),
            timed: timed(program),
            catalogs: catalogs
                .iter()
                .filter(|((app, kind), _)| program.schema.kind(*app, *kind).catalog)
                .map(|(of, values)| (*of, catalog(values, program.folds(of.0, of.1))))
                .collect(),
        }
    }

    pub(crate) fn folds(&self, app: AppId, kind: KindId) -> bool {
        self.folds[app.index()][kind.index()]
    }
}

/// The separations, with their sides, that name a role.
fn sides_naming(program: &Program, role: u32) -> Vec<(u32, u32)> {
    let all = program.schema.separations.iter().enumerate();
    all.flat_map(|(i, def)| {
        let sides = def.sides.iter().enumerate().filter(|(_, side)| side.names(role));
        sides.map(move |(side, _)| (i as u32, side as u32))
    })
    .collect()
}

/// Of two spellings of one value the first in the file counts.
fn catalog(values: &[String], folds: bool) -> FxHashMap<Box<str>, Box<str>> {
    let mut by_key = FxHashMap::default();
    for value in values {
        let value = nfc(value);
        let key = if folds { fold(&value) } else { value.as_ref().into() };
        by_key.entry(Box::from(&*key)).or_insert_with(|| Box::from(&*value));
    }
    by_key
}

/// A rule and all that it includes, sorted.
fn reach(program: &Program, rule: u32) -> Vec<u32> {
    let mut found = vec![rule];
    let mut at = 0;
    while at < found.len() {
        for &next in &program.rules[found[at] as usize].includes {
            if !found.contains(&next) && !program.observed.rules.contains(&next) {
                found.push(next);
            }
        }
        at += 1;
    }
    found.sort_unstable();
    found
}

/// The joined value of a grant all of whose values are constants.
pub(crate) fn constant(program: &Program, values: &[GrantValue]) -> Option<String> {
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        let GrantValue::One(id) = value else { return None };
        let mut expr = program.expr(*id);
        while let ExprKind::Named(_, of) = &expr.kind {
            expr = program.expr(*of);
        }
        match &expr.kind {
            ExprKind::Const(value) if !value.is_absent() => {
                parts.push(nfc(&value.plain(&expr.ty, &program.schema)).into_owned());
            }
            _ => return None,
        }
    }
    Some(join_values(&parts))
}

/// Operands come before what uses them.
fn timed(program: &Program) -> Vec<bool> {
    let mut timed: Vec<bool> = Vec::with_capacity(program.exprs.len());
    for expr in &program.exprs {
        let mut any =
            matches!(expr.kind, ExprKind::Today | ExprKind::TodayIn(_) | ExprKind::Now | ExprKind::Local(_));
        expr.kind.children(|child| any |= timed.get(child.0 as usize).copied().unwrap_or(false));
        timed.push(any);
    }
    timed
}

fn kinds(program: &Program) -> FxHashMap<(AppId, KindId), FxHashMap<Option<String>, u32>> {
    let mut kinds: FxHashMap<_, FxHashMap<_, _>> = FxHashMap::default();
    for (i, (app, kind, value)) in program.kinds.iter().enumerate() {
        let folds = program.folds(*app, *kind);
        let value = value.as_ref().map(|v| if folds { fold(v).into_owned() } else { v.clone() });
        kinds.entry((*app, *kind)).or_default().insert(value, i as u32);
    }
    kinds
}

/// The steps of an identity type. What the program leaves out comes last, so that nothing is ever skipped; kinds that
/// no condition reads need no step.
fn strata(program: &Program, identity: usize) -> Vec<Stratum> {
    let id = IdentityId(identity as u32);
    let mut reads_role = false;
    let mut read = Vec::new();
    for expr in &program.exprs {
        match &expr.kind {
            ExprKind::HasEntitlement(app, kind, _) => read.push((*app, *kind)),
            ExprKind::HasRole(_) | ExprKind::HasInstance(..) | ExprKind::AccountAttr(..) => reads_role = true,
            _ => {}
        }
    }
    let wanted = |node: &Node| match *node {
        Node::Rule(r) => {
            let rule = &program.rules[r as usize];
            rule.identity == id && (rule.when.is_some() || rule.requestable.is_some())
        }
        Node::Kind(k) => {
            let (app, kind, _) = &program.kinds[k as usize];
            read.contains(&(*app, *kind))
        }
        Node::Account(a) => program.accounts[a as usize].identity == id,
    };
    let mut out: Vec<Stratum> = Vec::new();
    let mut seen: Vec<Node> = Vec::new();
    for nodes in &program.strata {
        let nodes: Vec<Node> = nodes.iter().copied().filter(&wanted).collect();
        seen.extend(&nodes);
        if !nodes.is_empty() {
            let repeats = nodes.len() > 1 || matches!(nodes[..], [Node::Kind(_)]);
            let repeats = repeats && (reads_role || !read.is_empty());
            match out.last_mut() {
                Some(last) if !repeats && !last.repeats => last.nodes.extend(nodes),
                _ => out.push(Stratum { nodes, repeats }),
            }
        }
    }
    seen.sort_unstable();
    let all = (0..program.accounts.len() as u32)
        .map(Node::Account)
        .chain((0..program.rules.len() as u32).map(Node::Rule))
        .chain((0..program.kinds.len() as u32).map(Node::Kind));
    let rest: Vec<Node> = all.filter(|n| wanted(n) && seen.binary_search(n).is_err()).collect();
    if !rest.is_empty() {
        out.push(Stratum { nodes: rest, repeats: reads_role || !read.is_empty() });
    }
    out
}

fn accounts(program: &Program) -> Vec<Vec<u32>> {
    let of = |identity: usize| {
        let mut list: Vec<u32> = (0..program.accounts.len() as u32)
            .filter(|&a| program.accounts[a as usize].identity.index() == identity)
            .collect();
        list.sort_by_key(|&a| program.accounts[a as usize].app);
        list
    };
    (0..program.schema.identities.len()).map(of).collect()
}

fn forbids(program: &Program) -> Vec<Vec<ForbidShape>> {
    let mut by_app: Vec<Vec<ForbidShape>> = program.schema.apps.iter().map(|_| Vec::new()).collect();
    for (i, (def, forbid)) in program.schema.forbids.iter().zip(&program.forbids).enumerate() {
        by_app[def.app.index()].push(ForbidShape { position: i as u32, identity: forbid.identity });
    }
    by_app
}
