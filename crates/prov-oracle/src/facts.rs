//! What someone has, by asking for each thing as it is needed (index.md, "What Prov computes").
//! Invariant: a question that is being answered already is answered with no: a circle gives nothing by itself.

use crate::entitlement::{Ent, compared, join};
use crate::eval::{Eval, Res, Scope, Stop, bug};
use crate::instances::Insts;
use crate::keep::Kept;
use crate::value::{Value, nfc};
use prov_syntax::ast::{Expr, ExprKind};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// A question about the identity at hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Role(String),
    /// An instance of a role with parameters.
    Inst(String, Option<String>),
    /// A role before separations.
    Given(String),
    Account(String),
    Holds(String, String, Option<String>),
}

/// Questions under way, and answers that hang on none of them.
#[derive(Default)]
pub(crate) struct Facts {
    asking: RefCell<Vec<Node>>,
    known: RefCell<BTreeMap<Node, Option<bool>>>,
    /// Instances of roles, by how far they have been asked for, person and role.
    insts: RefCell<BTreeMap<(&'static str, usize, String), Insts>>,
    /// Whether an answer of late was that of a question under way.
    assumed: Cell<bool>,
    /// Whether `now` was read of late.
    pub(crate) timed: Cell<bool>,
}

/// Yes, no, or not to be known: the latter as `None`.
pub(crate) fn known(answer: Res<bool>) -> Res<Option<bool>> {
    match answer {
        Ok(b) => Ok(Some(b)),
        Err(Stop::Unknown) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// Whether one of two holds.
pub(crate) fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

impl<'a> Eval<'_, 'a> {
    pub(crate) fn ask(&self, node: Node, answer: impl FnOnce() -> Res<bool>) -> Res<bool> {
        if let Some(known) = self.facts.known.borrow().get(&node) {
            return known.ok_or(Stop::Unknown);
        }
        if self.facts.asking.borrow().contains(&node) {
            self.facts.assumed.set(true);
            return Ok(false);
        }
        let before = self.facts.assumed.replace(false);
        self.facts.asking.borrow_mut().push(node.clone());
        let found = known(answer());
        self.facts.asking.borrow_mut().pop();
        let found = found?;
        let outermost = self.facts.asking.borrow().is_empty();
        let assumed = self.facts.assumed.get() && !outermost;
        self.facts.assumed.set(before || assumed);
        if !assumed {
            self.facts.known.borrow_mut().insert(node, found);
        }
        found.ok_or(Stop::Unknown)
    }

    /// The instances of a role, worked out once, where that hangs on no question under way.
    pub(crate) fn remember(
        &self,
        what: (&'static str, usize, &str),
        find: impl FnOnce() -> Res<Insts>,
    ) -> Res<Insts> {
        let key = (what.0, what.1, what.2.to_owned());
        if let Some(known) = self.facts.insts.borrow().get(&key) {
            return Ok(known.clone());
        }
        let before = self.facts.assumed.replace(false);
        let found = find()?;
        let assumed = self.facts.assumed.get() && !self.facts.asking.borrow().is_empty();
        self.facts.assumed.set(before || assumed);
        if !assumed {
            self.facts.insts.borrow_mut().insert(key, found.clone());
        }
        Ok(found)
    }

    pub(crate) fn me(&self, person: usize) -> (&str, Scope<'a>) {
        let of = &self.world.people[person].of;
        (of, Scope::of(Some(person), Some(of.clone())))
    }

    /// `has ROLE`, `has app.kind`, `has app.kind(v)` (expressions.md, "Conditions").
    pub(crate) fn has(&self, what: &'a Expr, s: &Scope<'a>) -> Res<bool> {
        let Some(person) = s.person else { return bug("`has` where nobody is at hand") };
        let (target, args) = match &what.kind {
            ExprKind::Call(target, args) => (&**target, Some(args)),
            _ => (what, None),
        };
        let (app, kind) = match &target.kind {
            ExprKind::Name(role) => {
                let rule = self.world.policy.rule(&role.text).filter(|r| !r.params.is_empty());
                return match (rule, args) {
                    (Some(rule), Some(args)) => {
                        let args: Vec<&Expr> = args.iter().map(|a| &a.value).collect();
                        self.has_inst_of(person, rule, &args, s)
                    }
                    _ => self.has_role(person, &role.text),
                };
            }
            ExprKind::Field(base, kind) => match &base.kind {
                ExprKind::Name(app) => (&app.text, &kind.text),
                _ => return bug("`has` of what is no entitlement"),
            },
            _ => return bug("`has` of what is no role and no entitlement"),
        };
        let Some(def) = self.world.policy.app(app).and_then(|a| a.kind(kind)) else {
            return bug(format!("no kind `{app}.{kind}`"));
        };
        let value = match args {
            None => None,
            Some(args) => {
                let mut parts = Vec::new();
                for (arg, ty) in args.iter().zip(&def.types) {
                    match self.eval(&arg.value, s, Some(ty))? {
                        Value::Absent => return Ok(false),
                        value => parts.push(nfc(&value.plain())),
                    }
                }
                Some(compared(def, &join(&parts)))
            }
        };
        // In whichever account it is held.
        let mut holds = Some(false);
        for account in self.world.policy.accounts_in(app) {
            let node = Node::Holds(account.name.to_owned(), kind.clone(), value.clone());
            let one = self.ask(node, || self.holds_entitlement(person, account.name, kind, value.as_deref()));
            holds = either(holds, known(one)?);
        }
        holds.ok_or(Stop::Unknown)
    }

    /// What is held of a kind when all is decided: after forbids and `highest wins` (decisions.md).
    fn holds_entitlement(&self, person: usize, app: &str, kind: &str, value: Option<&str>) -> Res<bool> {
        let blocked = self.blocked(person, app)?;
        let highest = self.world.policy.app(app).and_then(|a| a.kind(kind)).is_some_and(|k| k.highest_wins);
        // Where the highest wins, the others decide too.
        let only = if highest { None } else { value };
        let place = |a: &str, k: &str| a == app && k == kind;
        let asked = |e: &Ent| Ok(place(&e.app, &e.kind) && only.is_none_or(|v| e.compared == v));
        let (given, unsure) = match blocked {
            true => (Vec::new(), false),
            false => self.granted(person, &place, &asked)?,
        };
        let mut kept = match blocked {
            true => Kept::default(),
            false => self.kept(person, &given, &asked)?,
        };
        kept.by_state = self.state_keeps(person, &place)?;
        kept.by_state.retain(|e| only.is_none_or(|v| e.compared == v));
        let settled = self.settle(person, &given, &kept)?;
        let found = settled.held.iter().any(|e| value.is_none_or(|v| e.compared == v));
        match found {
            true => Ok(true),
            false if unsure || settled.unknown => Err(Stop::Unknown),
            false => Ok(false),
        }
    }
}
