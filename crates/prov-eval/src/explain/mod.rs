//! Why, and why not: explanations as data. Texts of clauses are places in the policy; the surfaces show them.
//! Invariant: outcomes come from the functions that decide, without any index, so that nothing is explained that does
//! not happen.

mod assignments;
mod clause;
mod explainer;
mod instances;
mod protections;
mod separations;
mod would;

use prov_diag::{SourceId, Span};
use serde::Serialize;

/// A place in the text of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The number of the text in the policy's source map.
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl From<Span> for Place {
    fn from(span: Span) -> Place {
        Place { source: span.source.0, start: span.start, end: span.end }
    }
}

impl Place {
    /// As a span of the source map.
    pub fn span(self) -> Span {
        Span { source: SourceId(self.source), start: self.start, end: self.end }
    }
}

/// How a condition came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It reads what could not be read.
    Unknown,
    /// Something before it decided.
    NotEvaluated,
}

/// What a clause is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum ClauseKind {
    /// `and`: its clauses must all hold.
    All,
    /// `or`: one of its clauses must hold.
    Any,
    /// `not`: its clause must not hold.
    Not,
    /// `if`: the condition, then the side that was taken.
    If,
    /// `let` by name: its clause is the definition.
    Named {
        /// The name.
        name: String,
    },
    /// `any`, `all`: its clauses are elements, those that decide.
    Elements {
        /// How many the list has.
        count: u64,
    },
    /// One element of a list.
    Element {
        /// Its number, from 1.
        number: u64,
        /// Its key, or its value.
        shown: String,
    },
    /// `has ROLE`: its clauses are the conditions that give the role.
    Role {
        /// The role.
        name: String,
    },
    /// `has app.kind(value)`.
    Entitlement {
        /// The app.
        app: String,
        /// The kind.
        kind: String,
    },
    /// A comparison or a test, not divided any more.
    Test,
}

/// A condition, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// Its text.
    pub place: Place,
    /// What it is.
    #[serde(flatten)]
    pub kind: ClauseKind,
    /// How it came out.
    pub outcome: Outcome,
    /// What it read; for tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<Read>,
    /// Its parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<Clause>,
}

/// An operand that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Read {
    /// Its name, as a policy says it: `department`, `manager.title`, `state`.
    pub name: String,
    /// Its value, as a policy would write it; `unknown` where its row was rejected.
    pub value: String,
}

/// A rule, by name and place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleRef {
    /// What it is.
    pub kind: prov_model::RuleKind,
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// The line of its head, from 1.
    pub line: u32,
    /// `because "…"`, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Its `///` text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Whether it is observed and not applied.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
}

impl RuleRef {
    /// What a schema says of a rule.
    pub(crate) fn of(schema: &prov_model::Schema, rule: prov_model::RuleId) -> RuleRef {
        let info = schema.rule(rule);
        RuleRef {
            kind: info.kind,
            name: info.name.clone(),
            file: info.file.clone(),
            line: info.line,
            because: info.because.clone(),
            docs: info.docs.clone(),
            observed: info.is_observed(),
        }
    }
}

/// What was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The app.
    pub app: String,
    /// The kind, where an entitlement is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The value, where an entitlement is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// The answer in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The entitlement is held, or the account is wanted.
    Held,
    /// It is not: nothing grants it.
    NotHeld,
    /// Something grants it, and something takes it away.
    Withheld,
    /// The identity is quarantined: what it has is left as it is.
    Quarantined,
    /// Everything about the identity was asked for.
    Overview,
}

/// All that can be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The global id.
    pub identity: String,
    /// The day it holds for.
    pub today: prov_model::Date,
    /// What was asked about; nothing = everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The answer.
    pub verdict: Verdict,
    /// Why the identity is quarantined, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    /// What was read last of attributes that can't be known now, by name; none = absent.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub last_good: std::collections::BTreeMap<String, Option<String>>,
    /// The state, where the identity type has a lifecycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateExplanation>,
    /// The accounts that matter: of the app, and those it comes from; all, where everything was asked for.
    pub accounts: Vec<AccountExplanation>,
    /// Rules that grant, or could grant, what was asked about.
    pub rules: Vec<RuleExplanation>,
    /// Forbids that speak of what was asked about.
    pub forbids: Vec<ForbidExplanation>,
    /// Separations that speak of what was asked about, and of roles that could give it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub separations: Vec<SeparationExplanation>,
    /// What would be otherwise, of what was asked about, if what is observed were applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would: Vec<WouldExplanation>,
    /// What no plan takes away of what was asked about, whatever the rules say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protections: Vec<ProtectionExplanation>,
    /// What is held or withheld: of the target; everything, where everything was asked for.
    pub entitlements: Vec<EntitlementExplanation>,
    /// What is held only since it is kept for a while after its cause was lost, and what was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keeps: Vec<KeepExplanation>,
    /// What was held on entering a state that keeps entitlements, of what was asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<EnteredExplanation>,
}

/// An entitlement that was held on entering a state that keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnteredExplanation {
    /// The app.
    pub app: String,
    /// The kind.
    pub kind: String,
    /// The value.
    pub value: String,
    /// The state.
    pub state: String,
    /// The day on which it was entered.
    pub since: prov_model::Date,
    /// Whether it is held.
    pub held: bool,
    /// The roles, given by hand, by which it came, where their assignments have ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
}

/// An entitlement that would be given, or withheld, if what is observed were applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WouldExplanation {
    /// The app.
    pub app: String,
    /// The kind.
    pub kind: String,
    /// The value.
    pub value: String,
    /// Whether it would be given; else it would be withheld.
    pub gives: bool,
    /// The rules that give or withhold it then.
    pub rules: Vec<RuleRef>,
}

/// A `protect` that speaks of the identity, or of what was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProtectionExplanation {
    /// It.
    pub rule: RuleRef,
    /// How many members it wants; none where it protects the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
}

/// An entitlement that is kept after its cause was lost, or was until its time was over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeepExplanation {
    /// The app.
    pub app: String,
    /// The kind.
    pub kind: String,
    /// The value.
    pub value: String,
    /// The rule that gave it.
    pub rule: String,
    /// How long it is kept.
    #[serde(rename = "for")]
    pub keep: String,
    /// The first moment after: a day of the policy's zone, or an instant in UTC.
    pub until: String,
    /// Whether that has passed.
    pub over: bool,
}

/// Why an identity is quarantined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quarantine {
    /// The global id of the identity whose row was rejected.
    pub identity: String,
    /// Which of its attributes could not be read.
    pub attributes: Vec<String>,
    /// The source of which a row may be lacking, where none was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacking: Option<String>,
    /// The unique name that it can't be given, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<NameTrouble>,
}

/// A unique name that can't be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameTrouble {
    /// The app.
    pub app: String,
    /// The attribute of its account.
    pub attribute: String,
    /// Every name that it could be is somebody else's; else there is nothing to make one from.
    pub exhausted: bool,
}

/// What `correlate` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum LinkExplanation {
    /// One account, which is theirs.
    Linked {
        /// Its name.
        account: String,
        /// The attribute it was found by; nothing where memory knows it.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Several accounts: nothing is made.
    Several {
        /// The attribute.
        by: String,
        /// Their names.
        accounts: Vec<String>,
    },
    /// One that is somebody else's: nothing is made.
    Elsewhere {
        /// The attribute.
        by: String,
        /// Its name.
        account: String,
        /// Whose it is.
        owner: String,
    },
    /// One that somebody else finds too: nothing is made.
    Twice {
        /// The attribute.
        by: String,
        /// Its name.
        account: String,
        /// Who else.
        other: String,
    },
    /// What it would be found by can't be known: nothing is made.
    Unknown,
}

/// A name by `unique`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameExplanation {
    /// The attribute.
    pub attribute: String,
    /// The name.
    pub name: String,
    /// What it was made from, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// How it came about.
    pub origin: NameOrigin,
}

/// How a name came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameOrigin {
    /// Memory has it.
    Remembered,
    /// The account that exists has it.
    Observed,
    /// It is given now.
    Given,
    /// It is given now, in the place of another, since what that was made from has changed.
    Renamed,
}

/// How a state was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateExplanation {
    /// The state; nothing where it can't be known.
    pub state: Option<String>,
    /// Whether who is in it has left.
    pub leaver: bool,
    /// The states in order, up to the one that holds.
    pub tried: Vec<StateTried>,
}

/// A state that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateTried {
    /// The state.
    pub rule: RuleRef,
    /// Whether its condition holds.
    pub outcome: Outcome,
    /// Its condition; nothing for `otherwise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Clause>,
}

/// Why an account is wanted or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountExplanation {
    /// The app.
    pub app: String,
    /// Its `account` block.
    pub rule: RuleRef,
    /// Whether the account is wanted.
    pub wanted: Outcome,
    /// Whether it may sign in; only where it is wanted.
    pub enabled: Outcome,
    /// The app whose account must be there first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `when`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Clause>,
    /// Which account that existed is theirs, or why that is not clear; only where the actual state is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkExplanation>,
    /// Names that are given once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameExplanation>,
    /// Its attributes, where it is wanted: name and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Read>,
}

/// A rule that grants, or could grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: RuleRef,
    /// Whether the identity has it, by itself or through another.
    pub has: Outcome,
    /// Its own condition; nothing where it comes only through others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Clause>,
    /// Whether it can be assigned by hand.
    pub requestable: bool,
    /// `requestable when`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requestable_when: Option<Clause>,
    /// The identity's assignments of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<AssignmentExplanation>,
    /// Rules that include it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub included_by: Vec<IncludedBy>,
    /// Its grants in question.
    pub grants: Vec<GrantExplanation>,
}

/// A rule that brings another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IncludedBy {
    /// From the rule that is assigned down to the one that grants.
    pub path: Vec<RuleRef>,
    /// Whether the first is assigned.
    pub outcome: Outcome,
    /// Its condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Clause>,
    /// The identity's assignments of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<AssignmentExplanation>,
}

/// A grant that gives, or could give, what was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantExplanation {
    /// Its text.
    pub place: Place,
    /// Whether it is observed by itself and not applied.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
    /// Whether it gives it to this identity, as far as the grant itself goes.
    pub outcome: Outcome,
    /// `when` of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Clause>,
    /// `from`, `until`, `through`, as far as they were looked at; of a loop, those of each element.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<BoundExplanation>,
    /// Whether its value depends on the identity.
    pub computed: bool,
    /// The values that it comes to for this identity.
    pub values: Vec<String>,
    /// What the value was computed from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<Read>,
}

/// The beginning or the end of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoundExplanation {
    /// `from`, `until` or `through`.
    pub word: &'static str,
    /// Its text.
    pub place: Place,
    /// Whether the grant stands, as far as this bound goes.
    pub outcome: Outcome,
    /// The day, or the instant in UTC; nothing where it can't be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The days from today to it, in the policy's zone; negative where it has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<i64>,
}

/// A forbid that speaks of what was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForbidExplanation {
    /// The forbid.
    pub rule: RuleRef,
    /// Whether its condition holds.
    pub outcome: Outcome,
    /// Its condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Clause>,
    /// Exceptions that suspend it for the identity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspended: Vec<ExceptionExplanation>,
}

/// A separation that speaks of what was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeparationExplanation {
    /// The separation.
    pub rule: RuleRef,
    /// Whether it is hit.
    pub outcome: Outcome,
    /// Its sides, with what of them is there.
    pub sides: Vec<SideExplanation>,
    /// Exceptions that suspend it for the identity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspended: Vec<ExceptionExplanation>,
}

/// A side of a separation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SideExplanation {
    /// As the policy writes it.
    pub side: String,
    /// Whether the separation, where it is hit, withholds this side.
    pub withheld: bool,
    /// What of it is granted: roles by name, entitlements as `app.kind("value")`.
    pub there: Vec<String>,
}

/// An entitlement with what gives it and what withholds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntitlementExplanation {
    /// The app.
    pub app: String,
    /// The kind.
    pub kind: String,
    /// The value.
    pub value: String,
    /// Whether it is held.
    pub held: bool,
    /// What grants it.
    pub causes: Vec<CauseExplanation>,
    /// What withholds it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldExplanation>,
}

/// A grant and how the identity came by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CauseExplanation {
    /// From the rule that is assigned down to the one that grants.
    pub path: Vec<RuleRef>,
    /// The grant.
    pub place: Place,
    /// The assignment, where the first rule is assigned by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentExplanation>,
}

/// An assignment of a role to the identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssignmentExplanation {
    /// The role.
    pub role: String,
    /// Whether it gives the role now.
    pub outcome: Outcome,
    /// Why not, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// From when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Until when, by its row or by how long the role may be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Who gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<String>,
    /// The ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The file of its row.
    pub file: String,
    /// The line there.
    pub line: u64,
}

/// A row of the table `exceptions` that acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExceptionExplanation {
    /// What it does: `deny crm.role(pay)`.
    pub name: String,
    /// The first moment at which it no longer counts.
    pub until: String,
    /// Why.
    pub reason: String,
    /// The ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The file of its row.
    pub file: String,
    /// The line there.
    pub line: u64,
}

/// What withholds an entitlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum WithheldExplanation {
    /// Its value is not in the catalog.
    NotInCatalog {
        /// A value of the catalog that may have been meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        did_you_mean: Option<String>,
    },
    /// Its value is blank.
    Blank,
    /// A forbid.
    Forbid {
        /// Which.
        rule: RuleRef,
    },
    /// A separation.
    Separation {
        /// Which.
        rule: RuleRef,
    },
    /// The role that grants it is forbidden.
    RoleForbidden {
        /// The role.
        role: String,
        /// The forbid.
        rule: RuleRef,
    },
    /// The role that grants it is kept apart from something else.
    RoleSeparated {
        /// The role.
        role: String,
        /// The separation.
        rule: RuleRef,
    },
    /// An exception denies it.
    Denied {
        /// Which.
        exception: ExceptionExplanation,
    },
    /// An exception denies the role that grants it.
    RoleDenied {
        /// The role.
        role: String,
        /// Which.
        exception: ExceptionExplanation,
    },
    /// A higher value of the kind.
    Outranked {
        /// Which.
        value: String,
    },
    /// The state.
    State {
        /// Which.
        rule: RuleRef,
    },
    /// There is to be no account.
    NoAccount {
        /// The `account` block.
        rule: RuleRef,
    },
}
