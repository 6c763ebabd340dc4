//! Whose result reads what of whom: from the program alone, before anybody is looked at.
//! Invariant: a result that would be otherwise for another value of an attribute of someone else has a [`Read`] that
//! leads there.

use prov_ir::{ExprId, ExprKind, Local, Program};
use prov_model::{AttrId, IdentityId, Type};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// A step from one identity to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// From one of this type to those that the attribute refers to, wherever in it: they are of the second type.
    Ref(IdentityId, AttrId, IdentityId),
    /// From one that is referred to by the attribute of this type, to those who refer.
    Back(IdentityId, AttrId, IdentityId),
}

impl Step {
    /// The type that it leads to.
    fn to(self) -> IdentityId {
        match self {
            Step::Ref(_, _, to) => to,
            Step::Back(of, ..) => of,
        }
    }
}

/// An attribute that results read of others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    /// The way from whose result it is to whom it is read of.
    pub path: Vec<Step>,
    pub attr: AttrId,
}

/// All that results read of others.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// By the type that is read: the attribute and the way.
    pub reads: Vec<Vec<Read>>,
    /// Whether something is read in a way that is not understood.
    pub unclear: bool,
}

/// What is read of whom; none = their state.
type Found = BTreeSet<(Vec<Step>, Option<AttrId>)>;

/// Where a value comes from: identities, or what an attribute of theirs holds.
type Origins = BTreeSet<(Vec<Step>, Option<AttrId>)>;

struct Walk<'p> {
    program: &'p Program,
    /// Whose result it is.
    ty: IdentityId,
    bound: FxHashMap<Local, Origins>,
    /// What is read of whom, themselves among them; none = their state.
    found: Found,
    unclear: bool,
}

impl Reach {
    pub(crate) fn of(program: &Program) -> Reach {
        let types = program.schema.identities.len();
        let mut reach = Reach { reads: vec![Vec::new(); types], unclear: false };
        let mut states: Vec<Found> = Vec::new();
        for ty in (0..types as u32).map(IdentityId) {
            let lifecycle = program.lifecycles.iter().filter(|l| l.identity == ty);
            let (found, unclear) = walk(program, ty, lifecycle.flat_map(|l| l.conditions.iter().flatten()));
            reach.unclear |= unclear;
            states.push(found);
        }
        for ty in (0..types as u32).map(IdentityId) {
            let (mut open, unclear) = walk(program, ty, roots(program, ty).iter());
            let (rules, of_rules) = walk_rules(program, ty);
            reach.unclear |= unclear | of_rules;
            open.extend(rules);
            open.extend(states[ty.index()].iter().cloned());
            let mut seen = open.clone();
            while let Some((path, attr)) = open.pop_first() {
                let of = path.last().map_or(ty, |s| s.to());
                match attr {
                    Some(attr) if !path.is_empty() => {
                        reach.reads[of.index()].push(Read { path, attr });
                    }
                    Some(_) => {}
                    // What a state hangs on; states read no state of their own type, so that this ends.
                    None => {
                        for (more, attr) in &states[of.index()] {
                            let next = ([&path[..], more].concat(), *attr);
                            if seen.insert(next.clone()) {
                                open.insert(next);
                            }
                        }
                    }
                }
            }
        }
        for reads in &mut reach.reads {
            reads.sort();
            reads.dedup();
        }
        reach
    }
}

/// Every condition and value of a type but those of its states.
fn roots(program: &Program, ty: IdentityId) -> Vec<ExprId> {
    let mut out = Vec::new();
    for (federation, def) in program.federations.iter().zip(&program.schema.federations) {
        if def.identity == ty {
            out.extend(federation.of.iter().chain(federation.out.iter().map(|(_, when)| when)));
        }
    }
    for account in program.accounts.iter().filter(|a| a.identity == ty) {
        out.extend(account.when.iter().chain(&account.enabled).chain(&account.attributes));
        out.extend(account.correlate.iter().map(|c| c.value));
    }
    for rule in program.rules.iter().filter(|r| r.identity == ty) {
        out.extend(rule.when);
        out.extend(rule.requestable.iter().flat_map(|r| r.when.into_iter().chain(r.approved_by)));
    }
    for forbid in program.forbids.iter().chain(&program.role_forbids) {
        if forbid.identity.is_none_or(|of| of == ty) {
            out.extend(forbid.when);
        }
    }
    out
}

fn walk<'p>(program: &'p Program, ty: IdentityId, roots: impl Iterator<Item = &'p ExprId>) -> (Found, bool) {
    let mut walk = Walk { program, ty, bound: FxHashMap::default(), found: BTreeSet::new(), unclear: false };
    for &root in roots {
        walk.origins(root);
    }
    (walk.found, walk.unclear)
}

/// What else the rules of a type read: the rest of a rule is loops around what it gives.
fn walk_rules(program: &Program, ty: IdentityId) -> (Found, bool) {
    let mut walk = Walk { program, ty, bound: FxHashMap::default(), found: BTreeSet::new(), unclear: false };
    // Loops bind before what is in them reads.
    for rule in program.rules.iter().filter(|r| r.identity == ty) {
        for instance in &rule.instances {
            walk.loops(&instance.each);
            instance.args.iter().for_each(|e| drop(walk.origins(*e)));
        }
        for grant in &rule.grants {
            walk.loops(&grant.each);
            let times = grant.when.into_iter().chain(grant.from).chain(grant.until.map(|u| u.at));
            for expr in times.chain(grant.keep) {
                walk.origins(expr);
            }
            for value in &grant.values {
                match value {
                    prov_ir::GrantValue::One(e) | prov_ir::GrantValue::Each(e) => drop(walk.origins(*e)),
                }
            }
        }
    }
    (walk.found, walk.unclear)
}

impl Walk<'_> {
    fn loops(&mut self, each: &[prov_ir::EachProgram]) {
        for each in each {
            let origins = self.origins(each.list);
            self.bound.insert(each.local, origins);
            if let Some(filter) = each.filter {
                self.origins(filter);
            }
        }
    }

    /// Whether a value of a type may be or hold an identity.
    fn leads(&self, ty: &Type) -> bool {
        match ty.required() {
            Type::Identity(_) => true,
            Type::Set(of) | Type::List(of) => self.leads(of),
            Type::Record(id) => {
                self.program.schema.records[id.index()].fields.iter().any(|f| self.leads(&f.ty))
            }
            Type::Bool
            | Type::Int
            | Type::Decimal
            | Type::Str
            | Type::Text
            | Type::Date
            | Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Enum(_)
            | Type::Optional(_) => false,
        }
    }

    /// What a part of someone, or of what an attribute of theirs holds, comes from.
    fn part(&mut self, from: Origins, attr: Option<AttrId>, ty: &Type) -> Origins {
        let mut out = Origins::new();
        for (mut path, within) in from {
            let of = path.last().map_or(self.ty, |s| s.to());
            let Some(attr) = attr.or(within) else {
                self.unclear = true;
                continue;
            };
            if let Type::Identity(to) = element(ty) {
                path.push(Step::Ref(of, attr, *to));
                out.insert((path, None));
            } else if self.leads(ty) {
                out.insert((path, Some(attr)));
            }
        }
        out
    }

    /// Notes what an expression reads, and says where its value comes from as far as it leads to identities.
    fn origins(&mut self, id: ExprId) -> Origins {
        let expr = self.program.expr(id);
        let own = || Origins::from([(Vec::new(), None)]);
        match &expr.kind {
            ExprKind::Attr(attr) => {
                self.found.insert((Vec::new(), Some(*attr)));
                self.part(own(), Some(*attr), &expr.ty)
            }
            ExprKind::Myself => own(),
            ExprKind::State => {
                self.found.insert((Vec::new(), None));
                Origins::new()
            }
            ExprKind::Local(local) => self.bound.get(local).cloned().unwrap_or_default(),
            ExprKind::Field(of, field) => {
                let from = self.origins(*of);
                if !matches!(self.program.expr(*of).ty.required(), Type::Identity(_)) {
                    return self.part(from, None, &expr.ty);
                }
                self.unclear |= from.is_empty();
                let attr = AttrId(*field);
                for (path, _) in &from {
                    self.found.insert((path.clone(), Some(attr)));
                }
                self.part(from, Some(attr), &expr.ty)
            }
            ExprKind::StateOf(of) => {
                let from = self.origins(*of);
                self.unclear |= from.is_empty();
                self.found.extend(from.into_iter().map(|(path, _)| (path, None)));
                Origins::new()
            }
            ExprKind::Inverse(of, number) => {
                let from = of.map_or_else(own, |of| self.origins(of));
                self.unclear |= from.is_empty();
                let mut out = Origins::new();
                for (mut path, _) in from {
                    let at = path.last().map_or(self.ty, |s| s.to());
                    let inverses = &self.program.schema.identity(at).inverses;
                    let Some(def) = inverses.get(*number as usize) else { continue };
                    path.push(Step::Back(def.from, def.attribute, at));
                    // Who is among them hangs on their reference.
                    self.found.insert((path.clone(), Some(def.attribute)));
                    out.insert((path, None));
                }
                out
            }
            ExprKind::Let(local, value, body) => {
                let value = self.origins(*value);
                self.bound.insert(*local, value);
                self.origins(*body)
            }
            ExprKind::Quant { local, list, cond, .. } => {
                let list = self.origins(*list);
                self.bound.insert(*local, list);
                if let Some(cond) = cond {
                    self.origins(*cond);
                }
                Origins::new()
            }
            ExprKind::Const(_)
            | ExprKind::Today
            | ExprKind::TodayIn(_)
            | ExprKind::Now
            | ExprKind::Not(_)
            | ExprKind::Neg(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Compare(..)
            | ExprKind::TextTest(..)
            | ExprKind::Contains(..)
            | ExprKind::InRange(..)
            | ExprKind::Matches(..)
            | ExprKind::IsPresent(_)
            | ExprKind::Coalesce(..)
            | ExprKind::Arith(..)
            | ExprKind::ToText(_)
            | ExprKind::If(..)
            | ExprKind::Match(..)
            | ExprKind::Interpolate(_)
            | ExprKind::Slice(..)
            | ExprKind::Set(_)
            | ExprKind::Between(..)
            | ExprKind::AtTime(..)
            | ExprKind::Call(..)
            | ExprKind::Named(..)
            | ExprKind::Lookup(..)
            | ExprKind::HasRole(_)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::InSource(_)
            | ExprKind::Cell(_) => {
                let mut children = Vec::new();
                expr.kind.children(|child| children.push(child));
                let mut all = Origins::new();
                for child in children {
                    all.extend(self.origins(child));
                }
                // Whatever is done to them, it gives no others than these.
                if self.leads(&expr.ty) { all } else { Origins::new() }
            }
        }
    }
}

fn element(ty: &Type) -> &Type {
    let ty = ty.required();
    if let Type::Set(of) | Type::List(of) = ty { of.required() } else { ty }
}
