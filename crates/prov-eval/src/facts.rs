//! What is known of the identity at hand while its steps are taken: its state, the rules that hold, its accounts, what
//! it has of each kind that a condition asks for.
//! Invariant: a fact that has not been reached yet reads as "no", which is where positive recursion starts from.

use crate::instances::{Instances, Stage};
use crate::interp::{Interp, Res, Subject};
use crate::names::Name;
use crate::roles::{RoleFact, or};
use crate::shape::Stratum;
use crate::world::Unknown;
use prov_ir::{ExprId, Node, Program, UniqueName};
use prov_model::{AppId, EntId, IdentityId, KindId, Type, Value, fold, join_values, nfc};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Yes, no, or not to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tri {
    No,
    Yes,
    Unknown(Unknown),
}

impl Tri {
    pub(crate) fn of(result: Res<bool>) -> Tri {
        match result {
            Ok(true) => Tri::Yes,
            Ok(false) => Tri::No,
            Err(unknown) => Tri::Unknown(unknown),
        }
    }
}

/// An account that may be wanted.
#[derive(Clone)]
pub(crate) struct AccountFact<'a> {
    pub wanted: Tri,
    attributes: Vec<Option<Res<Value<'a>>>>,
}

/// What is held of a kind, in the ids that stand for all spellings, sorted.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct KindFact {
    held: Vec<EntId>,
    unknown: Option<Unknown>,
}

/// See the head of the file.
pub(crate) struct Facts<'a> {
    /// The state, once asked for.
    pub state: Option<Res<u32>>,
    rules: Vec<u8>,
    /// Rules that are not "no".
    touched: Vec<u32>,
    unknown: Vec<(u32, Unknown)>,
    kinds: Vec<KindFact>,
    touched_kinds: Vec<u32>,
    accounts: Vec<AccountFact<'a>>,
    forbids: Vec<Option<Tri>>,
    touched_forbids: Vec<u32>,
    /// Conditions of forbids of roles, once asked for.
    pub role_forbids: Vec<Option<Tri>>,
    /// What is known of roles, with the turn in which it was worked out.
    roles: Vec<(u64, RoleFact)>,
    /// Instances of roles with parameters, in this turn.
    pub instances: FxHashMap<(u32, Stage), Rc<Instances<'a>>>,
    /// What is on sides of separations, in this turn.
    pub sides: FxHashMap<(u32, u32), (Vec<EntId>, Option<Unknown>)>,
    /// What of these rules give, in the ids that stand for all spellings.
    pub live_on_sides: Vec<EntId>,
    /// Grows with every change of a fact, after which what follows from facts is worked out anew.
    turn: u64,
}

const NO: u8 = 0;
const YES: u8 = 1;
const UNKNOWN: u8 = 2;

/// Rounds after which a circle of steps is cut; one that grows, as all checked ones do, ends long before.
const ROUNDS: usize = 10_000;

impl<'a> Facts<'a> {
    pub(crate) fn new(program: &Program) -> Facts<'a> {
        let account = |attributes| AccountFact { wanted: Tri::No, attributes: vec![None; attributes] };
        Facts {
            state: None,
            rules: vec![NO; program.rules.len()],
            touched: Vec::new(),
            unknown: Vec::new(),
            kinds: vec![KindFact::default(); program.kinds.len()],
            touched_kinds: Vec::new(),
            accounts: program.accounts.iter().map(|a| account(a.attributes.len())).collect(),
            forbids: vec![None; program.forbids.len()],
            touched_forbids: Vec::new(),
            role_forbids: vec![None; program.role_forbids.len()],
            roles: vec![(0, RoleFact::default()); program.rules.len()],
            instances: FxHashMap::default(),
            sides: FxHashMap::default(),
            live_on_sides: Vec::new(),
            turn: 1,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.state = None;
        for rule in self.touched.drain(..) {
            self.rules[rule as usize] = NO;
        }
        self.unknown.clear();
        for kind in self.touched_kinds.drain(..) {
            self.kinds[kind as usize] = KindFact::default();
        }
        for forbid in self.touched_forbids.drain(..) {
            self.forbids[forbid as usize] = None;
        }
        for account in &mut self.accounts {
            account.wanted = Tri::No;
            account.attributes.fill(None);
        }
        self.role_forbids.fill(None);
        self.changed();
    }

    /// The rules that hold.
    pub(crate) fn had_rules(&self) -> impl Iterator<Item = u32> + '_ {
        let mut rules: Vec<u32> =
            self.touched.iter().copied().filter(|rule| self.rules[*rule as usize] == YES).collect();
        rules.sort_unstable();
        rules.dedup();
        rules.into_iter()
    }

    /// Forgets what follows from facts, for one of them changed.
    fn changed(&mut self) {
        self.turn += 1;
        self.instances.clear();
        self.sides.clear();
        self.live_on_sides.clear();
    }

    /// What is known of a role in this turn.
    pub(crate) fn role(&self, rule: u32) -> RoleFact {
        let (turn, fact) = self.roles[rule as usize];
        if turn == self.turn { fact } else { RoleFact::default() }
    }

    /// The same, to note more.
    pub(crate) fn role_mut(&mut self, rule: u32) -> &mut RoleFact {
        let known = &mut self.roles[rule as usize];
        if known.0 != self.turn {
            *known = (self.turn, RoleFact::default());
        }
        &mut known.1
    }

    /// Whether a rule's own `when` holds.
    pub(crate) fn rule(&self, rule: u32) -> Tri {
        match self.rules[rule as usize] {
            NO => Tri::No,
            YES => Tri::Yes,
            _ => self.unknown.iter().find(|(r, _)| *r == rule).map_or(Tri::No, |(_, u)| Tri::Unknown(*u)),
        }
    }

    /// Rules whose own `when` holds or can't be known, in no order.
    pub(crate) fn assigned(&self) -> &[u32] {
        &self.touched
    }

    /// The first rule, by position, that can't be known.
    pub(crate) fn first_unknown(&self) -> Option<Unknown> {
        self.unknown.iter().min_by_key(|(rule, _)| *rule).map(|(_, u)| *u)
    }

    pub(crate) fn account(&self, account: u32) -> &AccountFact<'a> {
        &self.accounts[account as usize]
    }

    /// Notes a rule; whether that is news.
    fn set_rule(&mut self, rule: u32, value: Tri) -> bool {
        let code = match value {
            Tri::No => NO,
            Tri::Yes => YES,
            Tri::Unknown(_) => UNKNOWN,
        };
        let old = std::mem::replace(&mut self.rules[rule as usize], code);
        if old == code {
            return false;
        }
        if old == NO {
            self.touched.push(rule);
        } else if code == NO {
            self.touched.retain(|r| *r != rule);
        }
        self.changed();
        self.unknown.retain(|(r, _)| *r != rule);
        if let Tri::Unknown(u) = value {
            self.unknown.push((rule, u));
        }
        true
    }

    fn set_kind(&mut self, kind: u32, fact: KindFact) -> bool {
        if self.kinds[kind as usize] == fact {
            return false;
        }
        self.changed();
        self.kinds[kind as usize] = fact;
        self.touched_kinds.push(kind);
        true
    }
}

impl<'a> Interp<'a> {
    /// Takes the steps of the identity at hand. `skip` names rules that are known not to hold.
    pub(crate) fn take_steps(&mut self, ty: IdentityId, skip: impl Fn(u32) -> bool) {
        let strata: &'a [Stratum] = &self.shape.strata[ty.index()];
        for stratum in strata {
            for _ in 0..ROUNDS {
                let mut changed = false;
                for node in &stratum.nodes {
                    changed |= match *node {
                        Node::Rule(rule) => !skip(rule) && self.step_rule(rule),
                        Node::Kind(kind) => self.step_kind(kind),
                        Node::Account(account) => self.step_account(account),
                    };
                }
                if !changed || !stratum.repeats {
                    break;
                }
            }
        }
    }

    /// Takes those steps only that say who has an account, for accounts that ask for no role or entitlement.
    pub(crate) fn step_accounts(&mut self, ty: IdentityId) {
        let strata: &'a [Stratum] = &self.shape.strata[ty.index()];
        for node in strata.iter().flat_map(|s| &s.nodes) {
            if let Node::Account(account) = *node {
                self.step_account(account);
            }
        }
    }

    /// Takes rules as known to hold, and no others.
    pub(crate) fn take_as_known(&mut self, rules: &[u32]) {
        for &rule in rules {
            self.facts.set_rule(rule, Tri::Yes);
        }
    }

    fn step_rule(&mut self, rule: u32) -> bool {
        if self.world.program.observed.rules.contains(&rule) {
            return self.facts.set_rule(rule, Tri::No);
        }
        let when = self.world.program.rules[rule as usize].when;
        let value = match when {
            Some(_) => Tri::of(self.holds(when)),
            None => Tri::No,
        };
        let value = or(value, self.by_hand(rule));
        self.facts.set_rule(rule, value)
    }

    fn step_account(&mut self, number: u32) -> bool {
        let account = &self.world.program.accounts[number as usize];
        let from = self.world.program.schema.app(account.app).account.as_ref().and_then(|a| a.from);
        let first = from.and_then(|app| self.account_of(app));
        let base = match (from, first) {
            (None, _) => Tri::Yes,
            // The app it comes from has no account for this type.
            (Some(_), None) => Tri::No,
            (Some(_), Some(first)) => self.facts.account(first).wanted,
        };
        let wanted = match base {
            Tri::No => Tri::No,
            base => match (Tri::of(self.holds(account.when)), base) {
                (Tri::No, _) => Tri::No,
                (Tri::Yes, base) => base,
                (unknown @ Tri::Unknown(_), _) => unknown,
            },
        };
        let wanted = match (self.world.names, self.subject) {
            // Who left without ever having had a name needs none now.
            (Some(names), Subject::Identity(_, row)) if names.never(number, row) => Tri::No,
            _ => wanted,
        };
        let fact = &mut self.facts.accounts[number as usize];
        let changed = std::mem::replace(&mut fact.wanted, wanted) != wanted;
        if changed {
            self.facts.changed();
        }
        changed
    }

    fn step_kind(&mut self, number: u32) -> bool {
        let (app, kind, only) = &self.world.program.kinds[number as usize];
        let fact = self.kind_fact(*app, *kind, only.as_deref());
        self.facts.set_kind(number, fact)
    }

    /// What is held of a kind (or of one value of it) by the rules that are known so far.
    fn kind_fact(&mut self, app: AppId, kind: KindId, only: Option<&str>) -> KindFact {
        let mut fact = KindFact::default();
        let shape = self.shape;
        let blocked = match self.blocked(app) {
            Ok(block) => block.is_some(),
            Err(unknown) => {
                fact.unknown = Some(unknown);
                return fact;
            }
        };
        // A step speaks of its one value, or of all values that have no step of their own: the others' forbids and
        // conditions may not be settled yet.
        let values = shape.kinds.get(&(app, kind));
        let folds = shape.folds(app, kind);
        let only = only.map(|v| if folds { fold(v) } else { v.into() });
        let mine = |value: &str| {
            let value = if folds { fold(value) } else { value.into() };
            match &only {
                Some(only) => value == *only,
                None => !values.is_some_and(|v| v.contains_key(&Some(value.into_owned()))),
            }
        };
        let mut grants = Vec::new();
        let granted_by = shape.granted_by.get(&(app, kind)).filter(|_| !blocked);
        for &(rule, grant) in granted_by.map_or(&[][..], Vec::as_slice) {
            let constant = shape.rules[rule as usize].constants[grant as usize];
            if constant.is_some_and(|c| !mine(&shape.constants[c as usize].value)) {
                continue;
            }
            match self.has_role(rule) {
                Tri::No => {}
                Tri::Yes => {
                    if let Err(unknown) = self.expand(rule, grant, &mut grants) {
                        fact.unknown = fact.unknown.or(Some(unknown));
                    }
                }
                Tri::Unknown(unknown) => fact.unknown = fact.unknown.or(Some(unknown)),
            }
        }
        self.add_kept(Some((app, kind)), &mut grants);
        self.add_entered(Some((app, kind)), &mut grants);
        grants.retain(|g| mine(&self.interner.entitlements.get(g.entitlement).value));
        let settled = self.settle(&mut grants, false);
        fact.unknown = fact.unknown.or(settled.unknown);
        fact.held = settled.held.iter().map(|id| self.interner.entitlements.same_as(*id)).collect();
        fact
    }

    /// Whether the identity at hand holds an entitlement, by the steps taken so far.
    pub(crate) fn has_entitlement(
        &mut self,
        app: AppId,
        kind: KindId,
        args: Option<&[ExprId]>,
    ) -> Res<Option<bool>> {
        let program = self.world.program;
        let value = match args {
            None => None,
            Some(args) => {
                let mut parts = Vec::with_capacity(args.len());
                for arg in args {
                    let value = self.eval(*arg)?;
                    if value.is_absent() {
                        return Ok(None);
                    }
                    let plain = value.plain(&program.expr(*arg).ty, &program.schema);
                    parts.push(nfc(&plain).into_owned());
                }
                let joined = join_values(&parts);
                Some(if self.shape.folds(app, kind) { fold(&joined).into_owned() } else { joined })
            }
        };
        let Some(nodes) = self.shape.kinds.get(&(app, kind)) else { return Ok(Some(false)) };
        let own = value.as_ref().and_then(|_| nodes.get(&value).or_else(|| nodes.get(&None)));
        let all: Vec<u32>;
        let nodes = match own {
            Some(own) => std::slice::from_ref(own),
            None => {
                all = nodes.values().copied().collect();
                &all
            }
        };
        let id = value
            .as_ref()
            .map(|v| self.interner.entitlements.find(app, kind, v, self.shape.folds(app, kind)));
        let mut unknown = None;
        for &node in nodes {
            let fact = &self.facts.kinds[node as usize];
            let found = match id {
                None => !fact.held.is_empty(),
                Some(Some(id)) => fact.held.contains(&id),
                Some(None) => false,
            };
            if found {
                return Ok(Some(true));
            }
            // The least, since the nodes come in no order.
            unknown = match (unknown, fact.unknown) {
                (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
                (a, b) => a.or(b),
            };
        }
        unknown.map_or(Ok(Some(false)), Err)
    }

    /// The account program of an app for the identity at hand.
    pub(crate) fn account_of(&self, app: AppId) -> Option<u32> {
        let Subject::Identity(ty, _) = self.subject else { return None };
        let accounts = &self.shape.accounts[ty.index()];
        accounts.iter().copied().find(|&a| self.world.program.accounts[a as usize].app == app)
    }

    /// An attribute of an account; absent where the account is not wanted.
    pub(crate) fn account_attribute(&mut self, app: AppId, attribute: u32) -> Res<Value<'a>> {
        let Some(number) = self.account_of(app) else { return Ok(Value::Absent) };
        match self.facts.account(number).wanted {
            Tri::No => Ok(Value::Absent),
            Tri::Unknown(unknown) => Err(unknown),
            Tri::Yes => self.attribute_of(number, attribute),
        }
    }

    /// An attribute of an account that is wanted.
    pub(crate) fn attribute_of(&mut self, number: u32, attribute: u32) -> Res<Value<'a>> {
        let Some(&id) = self.world.program.accounts[number as usize].attributes.get(attribute as usize)
        else {
            return Ok(Value::Absent);
        };
        if let Some(value) = &self.facts.accounts[number as usize].attributes[attribute as usize] {
            return value.clone();
        }
        // An attribute that reads itself, which the checker refuses, reads nothing.
        self.facts.accounts[number as usize].attributes[attribute as usize] = Some(Ok(Value::Absent));
        let value = self.nested(self.subject, |me| me.eval(id));
        self.facts.accounts[number as usize].attributes[attribute as usize] = Some(value.clone());
        value
    }

    /// The name that the identity at hand was given. While names are given none is read.
    pub(crate) fn unique_name(&mut self, unique: &'a UniqueName) -> Res<Value<'a>> {
        let (Some(names), Subject::Identity(_, row)) = (self.world.names, self.subject) else {
            return Ok(Value::Absent);
        };
        let Some(account) = self.account_of(unique.app) else { return Ok(Value::Absent) };
        match names.of(account, unique.attribute, row) {
            Name::Given(name, ..) => Ok(match self.world.program.expr(unique.base).ty.required() {
                Type::Text => Value::text(&**name),
                _ => Value::Str((&**name).into()),
            }),
            // Of a leaver whose own row says nothing of the state no name was looked for.
            Name::None if names.unasked(account, row) && self.has_left() => {
                let Subject::Identity(identity, row) = self.subject else { return Ok(Value::Absent) };
                Err(Unknown { identity, row, attr: self.world.program.schema.identity(identity).key })
            }
            // What the base can't be known for, the name can't be known for.
            Name::None => self.eval(unique.base).map(|_| Value::Absent),
            Name::Never | Name::Empty | Name::Exhausted => Ok(Value::Absent),
        }
    }

    /// Whether the identity at hand is in a leaver state, for certain.
    fn has_left(&mut self) -> bool {
        let Subject::Identity(ty, row) = self.subject else { return false };
        let lifecycle = self.world.program.schema.identity(ty).lifecycle.as_ref();
        let state = self.state_of(ty, row).ok().and_then(|s| lifecycle?.defs.get(s as usize));
        state.is_some_and(|s| s.leaver)
    }

    /// Whether a forbid's condition holds for the identity at hand.
    pub(crate) fn forbid(&mut self, position: u32) -> Tri {
        if let Some(known) = self.facts.forbids[position as usize] {
            return known;
        }
        let when = self.world.program.forbids[position as usize].when;
        let observed = self.world.program.observed.forbids.contains(&position);
        let value = if !observed && self.suspending_forbid(position).is_empty() {
            let holds = Tri::of(self.nested(self.subject, |me| me.holds(when)));
            self.unless_suspended(holds, |s| s.forbids.contains(&position))
        } else {
            Tri::No
        };
        self.facts.forbids[position as usize] = Some(value);
        self.facts.touched_forbids.push(position);
        value
    }
}
