//! Conditions of one identity type as formulas over atoms. An atom reads one input: an attribute, a state, or one of
//! these through references; so it is decided once for each value there is, and not for each identity.
//! Invariant: where all that is read can be known, a formula is true exactly where the condition holds. Operands that
//! the checker proved present only behind a guard may be anything where the guard fails: the guard decides there.

use super::kernels::Part;
use super::statics::asks_steps;
use prov_ir::{ExprId, ExprKind, GrantProgram, GrantValue, Program};
use prov_model::{AttrId, IdentityId, Type, Value};
use rustc_hash::{FxHashMap, FxHashSet};

/// What an atom reads of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Input {
    /// References that lead to whom it is read of, the first of the row at hand.
    pub through: Vec<AttrId>,
    pub read: Read,
}

/// What is read of whom the references lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Read {
    Attr(AttrId),
    State,
}

/// How an atom is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// The condition holds for the value.
    Holds(ExprId),
    /// The input, a set, contains the value of this expression, which reads no row.
    Has(ExprId),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Atom {
    /// A position in [`Formulas::inputs`].
    pub input: u32,
    pub test: Test,
}

/// A formula, by position in [`Formulas::nodes`]; parts come before what they are parts of.
pub(crate) type NodeId = u32;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    False,
    True,
    /// Reads no row: true for everyone or for no one.
    Closed(ExprId),
    Atom(u32),
    Not(NodeId),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    /// What no formula says: the interpreter is asked, or a kernel.
    Open(ExprId),
    /// What a kernel says; by position in [`super::encode::Encoded::kernels`].
    Kernel(u32),
}

/// The conditions of one identity type.
#[derive(Debug, Default)]
pub(crate) struct Formulas {
    pub inputs: Vec<Input>,
    pub atoms: Vec<Atom>,
    pub nodes: Vec<Node>,
    /// By rule of the program; none where it has no condition of its own, or is of another type.
    pub rules: Vec<Option<NodeId>>,
    /// By state; none = `otherwise`.
    pub states: Vec<Option<NodeId>>,
    /// By forbid of the program; none where it is for another type.
    pub forbids: Vec<Option<NodeId>>,
}

impl Formulas {
    /// The conditions of states, or of rules, as often as there are some.
    pub(crate) fn roots(&self, part: Part) -> impl Iterator<Item = NodeId> + '_ {
        let list = match part {
            Part::States => &self.states,
            Part::Rules => &self.rules,
        };
        list.iter().flatten().copied()
    }

    /// Conditions that no formula says, each once.
    pub(crate) fn open(&self) -> impl Iterator<Item = ExprId> + '_ {
        self.nodes.iter().filter_map(|node| match node {
            Node::Open(id) => Some(*id),
            Node::False
            | Node::True
            | Node::Closed(_)
            | Node::Atom(_)
            | Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Kernel(_) => None,
        })
    }
}

/// What an expression reads of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reads {
    Nothing,
    One(Input),
    More,
}

impl Reads {
    fn and(self, other: Reads) -> Reads {
        match (self, other) {
            (Reads::Nothing, x) | (x, Reads::Nothing) => x,
            (Reads::One(a), Reads::One(b)) if a == b => Reads::One(a),
            _ => Reads::More,
        }
    }
}

pub(crate) struct Builder<'p> {
    program: &'p Program,
    /// See [`super::canon`].
    canonical: &'p [u32],
    gated: &'p dyn Fn(u32) -> bool,
    had_through: &'p dyn Fn(u32) -> &'p [u32],
    ty: IdentityId,
    out: Formulas,
    inputs: FxHashMap<Input, u32>,
    atoms: FxHashMap<(u32, bool, u32), NodeId>,
    nodes: FxHashMap<Node, NodeId>,
    known: FxHashMap<u32, NodeId>,
    /// Rules whose conditions are being built.
    open: Vec<u32>,
    bound: FxHashSet<u32>,
}

impl<'p> Builder<'p> {
    /// `had_through`: see [`crate::shape::RuleShape`]; `gated`: whether a role that comes may yet not be had.
    pub(crate) fn new(
        program: &'p Program,
        canonical: &'p [u32],
        ty: IdentityId,
        gated: &'p dyn Fn(u32) -> bool,
        had_through: &'p dyn Fn(u32) -> &'p [u32],
    ) -> Builder<'p> {
        Builder {
            program,
            canonical,
            gated,
            had_through,
            ty,
            out: Formulas::default(),
            inputs: FxHashMap::default(),
            atoms: FxHashMap::default(),
            nodes: FxHashMap::default(),
            known: FxHashMap::default(),
            open: Vec::new(),
            bound: FxHashSet::default(),
        }
    }

    /// The formulas of all states, or of all rules and forbids: states must be known before these are asked.
    pub(crate) fn states(mut self) -> Formulas {
        let lifecycle = self.program.lifecycles.iter().find(|l| l.identity == self.ty);
        let conditions = lifecycle.map_or(&[][..], |l| &l.conditions);
        self.out.states = conditions.iter().map(|c| c.map(|c| self.formula(c))).collect();
        self.out
    }

    /// See [`Builder::states`].
    pub(crate) fn rules(mut self) -> Formulas {
        for number in 0..self.program.rules.len() as u32 {
            let formula = self.rule(number);
            self.out.rules.push(formula);
        }
        for forbid in &self.program.forbids {
            let formula = forbid.identity.is_none_or(|of| of == self.ty).then(|| match forbid.when {
                Some(when) => self.formula(when),
                None => self.node(Node::True),
            });
            self.out.forbids.push(formula);
        }
        self.out
    }

    /// The one input from which follow what a grant gives and when; none within where it reads no row.
    pub(crate) fn input_of(&mut self, grant: &GrantProgram) -> Option<Option<Input>> {
        let values = grant.values.iter().map(|v| match v {
            GrantValue::One(id) => Some(*id),
            GrantValue::Each(_) => None,
        });
        let times = grant.when.into_iter().chain(grant.from).chain(grant.until.map(|u| u.at));
        let mut reads = Reads::Nothing;
        for id in values.chain(times.map(Some)) {
            let of = self.reads(id?);
            reads = reads.and(of);
        }
        match reads {
            Reads::Nothing => Some(None),
            Reads::One(input) => self.is_scalar(&input).then_some(Some(input)),
            Reads::More => None,
        }
    }

    fn is_scalar(&self, input: &Input) -> bool {
        match self.type_of(input) {
            None => true,
            Some(Type::Duration) => false,
            Some(ty) => ty.is_scalar(),
        }
    }

    /// The condition of a rule by itself; none where it has none.
    fn rule(&mut self, number: u32) -> Option<NodeId> {
        let rule = &self.program.rules[number as usize];
        if rule.identity != self.ty || !rule.params.is_empty() {
            return None;
        }
        let when = rule.when?;
        if self.program.observed.rules.contains(&number) {
            return Some(self.node(Node::False));
        }
        Some(self.formula(when))
    }

    fn node(&mut self, node: Node) -> NodeId {
        if let Some(&known) = self.nodes.get(&node) {
            return known;
        }
        let id = self.out.nodes.len() as NodeId;
        self.out.nodes.push(node.clone());
        self.nodes.insert(node, id);
        id
    }

    fn not(&mut self, of: NodeId) -> NodeId {
        match self.out.nodes[of as usize] {
            Node::True => self.node(Node::False),
            Node::False => self.node(Node::True),
            Node::Not(of) => of,
            Node::Closed(_)
            | Node::Atom(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Open(_)
            | Node::Kernel(_) => self.node(Node::Not(of)),
        }
    }

    /// `and` (true) or `or` of several.
    fn join(&mut self, and: bool, parts: impl IntoIterator<Item = NodeId>) -> NodeId {
        let (ends, neutral) = if and { (Node::False, Node::True) } else { (Node::True, Node::False) };
        let mut list: Vec<NodeId> = Vec::new();
        for part in parts {
            let node = &self.out.nodes[part as usize];
            if *node == ends {
                return self.node(ends);
            }
            let same = match node {
                Node::And(inner) if and => Some(inner),
                Node::Or(inner) if !and => Some(inner),
                _ => None,
            };
            match same {
                Some(inner) => list.extend(inner.iter().copied()),
                None if *node == neutral => {}
                None => list.push(part),
            }
        }
        let mut seen = FxHashSet::default();
        list.retain(|n| seen.insert(*n));
        match list[..] {
            [] => self.node(neutral),
            [one] => one,
            _ if and => self.node(Node::And(list.into())),
            _ => self.node(Node::Or(list.into())),
        }
    }

    /// The formula of a condition.
    fn formula(&mut self, id: ExprId) -> NodeId {
        let same = self.canonical[id.0 as usize];
        if let Some(&known) = self.known.get(&same) {
            return known;
        }
        let node = self.build(id);
        self.known.insert(same, node);
        node
    }

    fn build(&mut self, id: ExprId) -> NodeId {
        let program = self.program;
        match &program.expr(id).kind {
            ExprKind::Named(_, of) => return self.formula(*of),
            ExprKind::Const(Value::Bool(true)) => return self.node(Node::True),
            ExprKind::Const(_) => return self.node(Node::False),
            _ => {}
        }
        match self.reads(id) {
            Reads::Nothing => return self.node(Node::Closed(id)),
            Reads::One(input) if self.fits(&input, id) => return self.atom(input, Test::Holds(id), id),
            Reads::One(_) | Reads::More => {}
        }
        match &program.expr(id).kind {
            ExprKind::Not(of) => {
                let of = self.formula(*of);
                self.not(of)
            }
            ExprKind::And(list) => {
                let parts: Vec<NodeId> = list.iter().map(|e| self.formula(*e)).collect();
                self.join(true, parts)
            }
            ExprKind::Or(list) => {
                let parts: Vec<NodeId> = list.iter().map(|e| self.formula(*e)).collect();
                self.join(false, parts)
            }
            ExprKind::If(cond, yes, no) => {
                let (cond, yes, no) = (self.formula(*cond), self.formula(*yes), self.formula(*no));
                let otherwise = self.not(cond);
                let (yes, no) = (self.join(true, [cond, yes]), self.join(true, [otherwise, no]));
                self.join(false, [yes, no])
            }
            ExprKind::Contains(set, element) => match (self.reads(*set), self.reads(*element)) {
                (Reads::One(input), Reads::Nothing)
                    if input.through.is_empty() && self.is_input(*set) && self.is_set(&input) =>
                {
                    self.atom(input, Test::Has(*element), *element)
                }
                _ => self.node(Node::Open(id)),
            },
            ExprKind::HasRole(role) => self.has_role(*role, id),
            // Named one by one, so that whoever adds a kind thinks of it here.
            ExprKind::Const(_)
            | ExprKind::Attr(_)
            | ExprKind::State
            | ExprKind::Local(_)
            | ExprKind::Field(..)
            | ExprKind::StateOf(_)
            | ExprKind::Inverse(..)
            | ExprKind::Myself
            | ExprKind::Today
            | ExprKind::TodayIn(_)
            | ExprKind::Now
            | ExprKind::Neg(_)
            | ExprKind::Compare(..)
            | ExprKind::TextTest(..)
            | ExprKind::InRange(..)
            | ExprKind::Matches(..)
            | ExprKind::IsPresent(_)
            | ExprKind::Coalesce(..)
            | ExprKind::Arith(..)
            | ExprKind::ToText(_)
            | ExprKind::Match(..)
            | ExprKind::Interpolate(_)
            | ExprKind::Slice(..)
            | ExprKind::Set(_)
            | ExprKind::Quant { .. }
            | ExprKind::Between(..)
            | ExprKind::AtTime(..)
            | ExprKind::Call(..)
            | ExprKind::Let(..)
            | ExprKind::Named(..)
            | ExprKind::Lookup(..)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::InSource(_)
            | ExprKind::Cell(_) => self.node(Node::Open(id)),
        }
    }

    /// Whether one has a role: by the conditions of all that bring it. Who was given one by hand is not asked by formula.
    fn has_role(&mut self, role: u32, id: ExprId) -> NodeId {
        let through = (self.had_through)(role);
        if self.open.contains(&role) || through.iter().any(|rule| (self.gated)(*rule)) {
            return self.node(Node::Open(id));
        }
        self.open.push(role);
        let parts: Vec<NodeId> = through.iter().filter_map(|&rule| self.rule(rule)).collect();
        self.open.pop();
        let node = self.join(false, parts);
        // In a circle of roles only the rounds of the interpreter know.
        if self.has_open(node) { self.node(Node::Open(id)) } else { node }
    }

    fn has_open(&self, node: NodeId) -> bool {
        match &self.out.nodes[node as usize] {
            Node::Open(id) => asks_steps(self.program, *id),
            Node::Not(of) => self.has_open(*of),
            Node::And(list) | Node::Or(list) => list.iter().any(|n| self.has_open(*n)),
            Node::False | Node::True | Node::Closed(_) | Node::Atom(_) | Node::Kernel(_) => false,
        }
    }

    fn atom(&mut self, input: Input, test: Test, key: ExprId) -> NodeId {
        let next = self.out.inputs.len() as u32;
        let number = *self.inputs.entry(input.clone()).or_insert(next);
        if number == next {
            self.out.inputs.push(input);
        }
        let key = (number, matches!(test, Test::Has(_)), self.canonical[key.0 as usize]);
        if let Some(&known) = self.atoms.get(&key) {
            return known;
        }
        self.out.atoms.push(Atom { input: number, test });
        let node = self.node(Node::Atom(self.out.atoms.len() as u32 - 1));
        self.atoms.insert(key, node);
        node
    }

    /// The type of an input.
    fn type_of(&self, input: &Input) -> Option<&'p Type> {
        let mut ty = self.ty;
        let schema = &self.program.schema;
        for reference in &input.through {
            match schema.identity(ty).attributes[reference.index()].ty.required() {
                Type::Identity(of) => ty = *of,
                _ => return None,
            }
        }
        match input.read {
            Read::Attr(attr) => Some(schema.identity(ty).attributes[attr.index()].ty.required()),
            Read::State => None,
        }
    }

    fn is_set(&self, input: &Input) -> bool {
        matches!(self.type_of(input), Some(Type::Set(_)))
    }

    /// Whether a condition that reads one input is an atom: scalars have values that are the same for many; of the rest
    /// only presence is told apart.
    fn fits(&self, input: &Input, id: ExprId) -> bool {
        self.is_scalar(input)
            || matches!(self.program.expr(id).kind, ExprKind::IsPresent(of) if self.is_input(of))
    }

    /// Whether an expression is an input as it stands.
    pub(crate) fn is_input(&self, id: ExprId) -> bool {
        is_input(self.program, id)
    }

    fn reads(&mut self, id: ExprId) -> Reads {
        let program = self.program;
        match &program.expr(id).kind {
            ExprKind::Attr(attr) => Reads::One(Input { through: vec![], read: Read::Attr(*attr) }),
            ExprKind::State => Reads::One(Input { through: vec![], read: Read::State }),
            ExprKind::Field(of, field) if is_identity(program, *of) => {
                self.beyond(*of, Read::Attr(AttrId(*field)))
            }
            ExprKind::StateOf(of) => self.beyond(*of, Read::State),
            ExprKind::Local(local) if self.bound.contains(&local.0) => Reads::Nothing,
            ExprKind::Local(_)
            | ExprKind::Inverse(..)
            | ExprKind::Myself
            | ExprKind::HasRole(_)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::InSource(_)
            | ExprKind::Cell(_) => Reads::More,
            ExprKind::Quant { local, .. } | ExprKind::Let(local, ..) => {
                let fresh = self.bound.insert(local.0);
                let reads = self.reads_of_children(id);
                if fresh {
                    self.bound.remove(&local.0);
                }
                reads
            }
            _ => self.reads_of_children(id),
        }
    }

    fn reads_of_children(&mut self, id: ExprId) -> Reads {
        let mut children = Vec::new();
        self.program.expr(id).kind.children(|child| children.push(child));
        let mut reads = Reads::Nothing;
        for child in children {
            if reads == Reads::More {
                break;
            }
            let of = self.reads(child);
            reads = reads.and(of);
        }
        reads
    }

    /// What is read of whom an expression refers to.
    fn beyond(&mut self, of: ExprId, read: Read) -> Reads {
        if !self.is_input(of) {
            return Reads::More;
        }
        match self.reads(of) {
            Reads::One(Input { mut through, read: Read::Attr(reference) }) => {
                through.push(reference);
                Reads::One(Input { through, read })
            }
            Reads::One(_) | Reads::Nothing | Reads::More => Reads::More,
        }
    }
}

fn is_identity(program: &Program, id: ExprId) -> bool {
    matches!(program.expr(id).ty.required(), Type::Identity(_))
}

/// Whether an expression is an input as it stands, without anything done to it.
pub(crate) fn is_input(program: &Program, id: ExprId) -> bool {
    match &program.expr(id).kind {
        ExprKind::Attr(_) | ExprKind::State => true,
        ExprKind::Named(_, of) => is_input(program, *of),
        ExprKind::Field(of, _) | ExprKind::StateOf(of) => is_identity(program, *of) && is_input(program, *of),
        _ => false,
    }
}
