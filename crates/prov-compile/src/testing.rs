//! Tests of a policy, resolved and typed: what a runner carries out, statement by statement.
//! Invariant: tests leave no trace in the policy's program. Their expressions stand in a copy of its arena, behind all
//! of the policy's own.

mod expect;
mod paths;
mod statements;
mod values;

use crate::check::{Checker, Scope, Subject};
use prov_diag::Span;
use prov_ir::{ExprId, Local, Program};
use prov_model::{AppId, AttrId, IdentityId, KindId, TableId};
use prov_syntax::ast::{self, ItemKind};
use std::collections::BTreeMap;

/// All tests of a policy.
#[derive(Clone, Debug)]
pub struct Tests {
    /// The policy's program with the expressions of the tests at its end.
    pub program: Program,
    /// The tests, in order of file and place.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Its head in the policy.
    pub head: Span,
    /// The people that its statements name.
    pub people: Vec<Person>,
    /// Its statements in order.
    pub statements: Vec<Statement>,
}

/// Someone whom a test calls by a name of its own.
#[derive(Clone, Debug)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The identity type.
    pub identity: IdentityId,
}

/// A position in [`Test::people`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who(pub u32);

/// Someone by a name of the test, or by a global id.
#[derive(Clone, Debug)]
pub enum Someone {
    /// By a name of the test.
    Named(Who),
    /// By a global id.
    Id(String),
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its text.
    pub span: Span,
    /// What it says.
    pub kind: StatementKind,
}

/// The statements of tests.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// `given x = person { … }`, or `given x = y { … }`: as `y`, but for these.
    Person {
        /// Whom.
        who: Who,
        /// Whose attributes count where none is given.
        like: Option<Who>,
        /// The attributes that are given.
        fields: Vec<(AttrId, Cell)>,
        /// `in: [SOURCE, …]`: the sources that have a row of them, by position; none given = all of the type.
        sources: Option<Vec<u32>>,
    },
    /// `given x = "KEY"`: someone of the population that was read from files.
    Known(Who, String),
    /// `given TABLE = […]`
    Rows(TableId, Vec<Vec<Cell>>),
    /// `given TABLE from "file"`
    TableFrom(TableId, String),
    /// `given population from "file"` (a source by its position), or `given SOURCE from "file"`.
    SourceFrom(u32, String),
    /// `given actual from "dir"`
    ActualFrom(String),
    /// `given assignments = […]`
    Assignments(Vec<AssignmentRow>),
    /// `given exceptions = […]`
    Exceptions(Vec<ExceptionRow>),
    /// `at D`
    At(ExprId),
    /// `wait D`
    Wait(ExprId),
    /// `change x { … }`, with the sources that have a row of them from now on, where they are named.
    Change(Who, Vec<(AttrId, Cell)>, Option<Vec<u32>>),
    /// `leave x`
    Leave(Who),
    /// `expect …`
    Expect(Expectation),
}

/// A value of an attribute or a column.
#[derive(Clone, Debug)]
pub enum Cell {
    /// None.
    Absent,
    /// A plain value or a set.
    Value(ExprId),
    /// A reference to someone of the test.
    Person(Who),
    /// A reference by key.
    Key(ExprId),
    /// A record: one a field.
    Record(Vec<Cell>),
    /// A list of records.
    Rows(Vec<Vec<Cell>>),
}

/// A row of `assignments`.
#[derive(Clone, Debug)]
pub struct AssignmentRow {
    /// Its text.
    pub span: Span,
    /// To whom.
    pub identity: Someone,
    /// Which role.
    pub role: String,
    /// Its arguments.
    pub args: Vec<ExprId>,
    /// From when: a date or an instant.
    pub from: Option<ExprId>,
    /// Until when.
    pub until: Option<ExprId>,
    /// By whom.
    pub granted_by: Option<Someone>,
    /// The ticket.
    pub ticket: Option<String>,
}

/// A row of `exceptions`.
#[derive(Clone, Debug)]
pub struct ExceptionRow {
    /// Its text.
    pub span: Span,
    /// For whom.
    pub identity: Someone,
    /// Whether it allows; else it denies.
    pub allow: bool,
    /// What, as spelled.
    pub what: String,
    /// Until when: a date or an instant.
    pub until: ExprId,
    /// Why.
    pub reason: String,
    /// The ticket.
    pub ticket: Option<String>,
}

/// What a test expects.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// `X has E, …`
    Holds {
        /// Whom.
        who: Who,
        /// How.
        verb: HoldVerb,
        /// What.
        items: Vec<Item>,
        /// `until D`: a date or an instant.
        until: Option<ExprId>,
    },
    /// `X state S`: the number of the state.
    State(Who, u32),
    /// `plan has|lacks ACTION(…)`
    Plan {
        /// Whether it must not be there.
        lacks: bool,
        /// What.
        what: PlanItem,
    },
    /// `plan snapshot`: its number within the test, from 1.
    Snapshot(u32),
    /// `withheld E [for X]`
    Withheld(Item, Option<Who>),
    /// A condition that must hold. People of the test are bound to the first locals, then account attributes.
    That(ExprId, Vec<AccountValue>),
}

/// How something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldVerb {
    /// Now.
    Has,
    /// Not now.
    Lacks,
    /// Now, and not before the last step.
    Gains,
    /// Not now, but before the last step.
    Loses,
    /// Now, and before the last step.
    Keeps,
}

/// Something that can be held.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its text.
    pub span: Span,
    /// Which.
    pub kind: ItemHeld,
}

/// What can be held.
#[derive(Clone, Debug)]
pub enum ItemHeld {
    /// `app.kind(value)`; no values = any of the kind.
    Entitlement(AppId, KindId, Option<Vec<ExprId>>),
    /// An account in an app.
    Account(AppId),
    /// A role, as the condition `has ROLE` of whom it is asked.
    Role(ExprId),
}

/// Something that a plan has.
#[derive(Clone, Debug)]
pub struct PlanItem {
    /// The action's, or the finding's, name; `tripped` for a guard, `nothing` for no action at all.
    pub word: String,
    /// Whom it is about.
    pub who: Option<Who>,
    /// In which app.
    pub app: Option<AppId>,
    /// Which entitlement; no values = any of the kind.
    pub item: Option<(AppId, KindId, Option<Vec<ExprId>>)>,
    /// The account's name, or the guard's.
    pub name: Option<String>,
}

/// `x.app.attribute` in a condition: a string, absent where there is no account.
#[derive(Clone, Debug)]
pub struct AccountValue {
    /// Where it is bound.
    pub local: Local,
    /// Whose.
    pub who: Who,
    /// In which app.
    pub app: AppId,
    /// Which attribute, by position; none for `enabled`.
    pub attribute: Option<u32>,
}

/// What is known of a test while its statements are read.
pub(crate) struct Reading {
    pub(crate) module: usize,
    pub(crate) people: Vec<Person>,
    /// Positions in `people` by name, with where each was given; an error of its `given` leaves it out.
    pub(crate) names: BTreeMap<String, Who>,
    /// Those whose `given` has been passed.
    pub(crate) there: Vec<bool>,
    /// Whether `at` has been passed.
    pub(crate) timed: bool,
    pub(crate) snapshots: u32,
}

impl Reading {
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            state: false,
            states: false,
            has: false,
            ..Scope::new(self.module, Subject::Nobody, "a test")
        }
    }
}

impl Checker<'_> {
    /// Resolves and types all tests. `program` is what became of the policy.
    pub(crate) fn lower_tests(&mut self, program: Option<&Program>) -> Option<Tests> {
        let mut tests = Vec::new();
        for module in 0..self.modules.len() {
            let items: Vec<ast::Item> = self.modules[module]
                .file
                .items
                .iter()
                .filter(|i| matches!(i.kind, ItemKind::Test { .. }))
                .cloned()
                .collect();
            let mut names: BTreeMap<String, Span> = BTreeMap::new();
            for item in items {
                let ItemKind::Test { name, statements } = &item.kind else { continue };
                self.test_name(name, &mut names);
                tests.push(self.test(module, name, item.head, statements));
            }
        }
        let program = program.filter(|_| !tests.is_empty())?;
        let mut program = program.clone();
        program.exprs.clone_from(&self.exprs);
        program.schema.enums.clone_from(&self.schema.enums);
        program.locals = self.locals;
        Some(Tests { program, tests })
    }
}
