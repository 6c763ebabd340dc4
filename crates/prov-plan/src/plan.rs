//! The one plan: what would be done, in an order that can be run, why, and what was found on the way.
//! Invariant: an action's `after` names only actions that stand before it; equal plans are equal bytes in every output.

use crate::finding::{Finding, FindingKind};
use prov_model::{RuleKind, Severity};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// No account, no entitlement, in [`Action`].
pub(crate) const NONE: u32 = u32::MAX;

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Makes an account with its attributes.
    CreateAccount,
    /// Gives an account another name.
    RenameAccount,
    /// Changes attributes of an account.
    UpdateAccount,
    /// Lets an account sign in again.
    EnableAccount,
    /// Keeps an account from signing in.
    DisableAccount,
    /// Removes an account.
    DeleteAccount,
    /// Tells a source a value of an account.
    WriteBack,
    /// Gives an entitlement.
    Grant,
    /// Takes an entitlement.
    Revoke,
    /// Ends sessions.
    KillSessions,
}

impl ActionKind {
    /// All, in order.
    pub const ALL: [ActionKind; 10] = [
        ActionKind::CreateAccount,
        ActionKind::RenameAccount,
        ActionKind::UpdateAccount,
        ActionKind::EnableAccount,
        ActionKind::DisableAccount,
        ActionKind::DeleteAccount,
        ActionKind::WriteBack,
        ActionKind::Grant,
        ActionKind::Revoke,
        ActionKind::KillSessions,
    ];

    /// Its name in plans.
    pub fn name(self) -> &'static str {
        match self {
            ActionKind::CreateAccount => "create_account",
            ActionKind::RenameAccount => "rename_account",
            ActionKind::UpdateAccount => "update_account",
            ActionKind::EnableAccount => "enable_account",
            ActionKind::DisableAccount => "disable_account",
            ActionKind::DeleteAccount => "delete_account",
            ActionKind::WriteBack => "write_back",
            ActionKind::Grant => "grant",
            ActionKind::Revoke => "revoke",
            ActionKind::KillSessions => "kill_sessions",
        }
    }

    /// The kind of a name.
    pub fn parse(name: &str) -> Option<ActionKind> {
        ActionKind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// Whether it takes something away.
    pub fn takes_away(self) -> bool {
        match self {
            ActionKind::DisableAccount | ActionKind::DeleteAccount | ActionKind::Revoke => true,
            ActionKind::CreateAccount
            | ActionKind::RenameAccount
            | ActionKind::UpdateAccount
            | ActionKind::EnableAccount
            | ActionKind::WriteBack
            | ActionKind::Grant
            | ActionKind::KillSessions => false,
        }
    }
}

/// The stable name of what an action does: 20 hexadecimal characters of a SHA-256 over action, identity, app, account,
/// entitlement and changes. Why and when are not in it, so that applying twice is applying once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionId(pub(crate) [u8; 10]);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits().iter().try_for_each(|digit| f.write_char(char::from(*digit)))
    }
}

impl fmt::Debug for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ActionId {
    /// What its `Display` writes, as bytes.
    pub(crate) fn digits(self) -> [u8; 20] {
        let mut digits = [0; 20];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        digits
    }

    /// Reads what its `Display` writes.
    pub fn parse(s: &str) -> Option<ActionId> {
        let mut bytes = [0; 10];
        if s.len() != 20 || !s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(s.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(ActionId(bytes))
    }

    pub(crate) fn of(
        kind: ActionKind,
        identity: &str,
        app: &str,
        account: Option<&str>,
        entitlement: Option<(&str, &str)>,
        changes: &[Change],
    ) -> ActionId {
        let mut hash = Sha256::new();
        let mut part = |s: Option<&str>| match s {
            // INVARIANT: lengths stand before texts, so that no two lists of parts are the same bytes.
            Some(s) => {
                hash.update((s.len() as u64 + 1).to_le_bytes());
                hash.update(s);
            }
            None => hash.update(0u64.to_le_bytes()),
        };
        part(Some(kind.name()));
        part(Some(identity));
        part(Some(app));
        part(account);
        part(entitlement.map(|e| e.0));
        part(entitlement.map(|e| e.1));
        for change in changes {
            part(Some(&change.attribute));
            part(change.from.as_deref());
            part(change.to.as_deref());
        }
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&hash.finalize()[..10]);
        ActionId(bytes)
    }
}

/// A change of an account's attribute; `enabled` counts as one where an account is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The attribute.
    pub attribute: Box<str>,
    /// What it was; none where there was nothing or it is not known.
    pub from: Option<Box<str>>,
    /// What it becomes.
    pub to: Option<Box<str>>,
}

/// A rule that is a cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Because {
    /// The rule's name.
    pub rule: String,
    /// The file it stands in.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What kind of rule.
    pub kind: RuleKind,
}

impl Because {
    /// Causes as a plan names them: by kind, name and place, each once.
    pub(crate) fn in_order(mut causes: Vec<Because>) -> Vec<Because> {
        let place = |b: &Because| (rank(b.kind), b.rule.clone(), b.file.clone(), b.line);
        if causes.len() > 1 {
            causes.sort_by_cached_key(place);
            causes.dedup();
        }
        causes
    }
}

/// The place of a kind among the causes of something.
fn rank(kind: RuleKind) -> u8 {
    match kind {
        RuleKind::App => 0,
        RuleKind::Lifecycle => 1,
        RuleKind::Federation => 2,
        RuleKind::Source => 3,
        RuleKind::Account => 4,
        RuleKind::Writeback => 5,
        RuleKind::Birthright => 6,
        RuleKind::Role => 7,
        RuleKind::Forbid => 8,
        RuleKind::Separate => 9,
        RuleKind::Guard => 10,
        RuleKind::Protect => 11,
        RuleKind::Limit => 12,
        RuleKind::Exception => 13,
    }
}

/// An action as the plan keeps it; texts are positions in the plan's tables.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub id: ActionId,
    pub kind: ActionKind,
    pub leaver: bool,
    pub report: bool,
    pub risk: Option<Severity>,
    pub identity: u32,
    pub app: u32,
    pub account: u32,
    pub entitlement: u32,
    pub because: u32,
    pub changes: Option<Box<[Change]>>,
    pub after: SmallVec<[u32; 2]>,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was made of, counts, guards.
    pub header: Header,
    /// What was found on the way, sorted.
    pub findings: Vec<Finding>,
    pub(crate) actions: Vec<Action>,
    pub(crate) strings: Vec<Box<str>>,
    pub(crate) entitlements: Vec<(Box<str>, Box<str>)>,
    pub(crate) causes: Vec<Vec<Because>>,
}

/// What a plan was made of, and its counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The policy's hash.
    pub policy: String,
    /// The version of Prov that made it.
    pub engine: String,
    /// The instant it was made for, in RFC 3339.
    pub at: String,
    /// The day of that instant in the policy's zone.
    pub today: String,
    /// The policy's zone.
    pub zone: String,
    /// Identities in the population.
    pub people: u64,
    /// Rows by source.
    pub sources: BTreeMap<String, SourceRows>,
    /// How many actions.
    pub actions: u64,
    /// How many findings.
    pub findings: u64,
    /// Actions by what they do.
    pub by_action: BTreeMap<ActionKind, u64>,
    /// Findings by kind.
    pub by_finding: BTreeMap<FindingKind, u64>,
    /// What the guards say.
    pub guards: Vec<Verdict>,
}

/// Rows of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRows {
    /// All rows.
    pub rows: u64,
    /// Those rejected.
    pub rejected: u64,
}

/// What a guard says of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The guard's name, as an override takes it.
    pub guard: String,
    /// What it counts: `grants`, `revokes`, `creates`, `disables`, `deletes`, `leavers`, `rows`, `empty`,
    /// `age`, `population`.
    pub what: String,
    /// In this app only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Of this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Of this column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Whether it trips.
    pub tripped: bool,
    /// What it counted.
    pub count: u64,
    /// The limit in numbers: at most, but for rows at least.
    pub limit: u64,
    /// The limits as the policy says them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// What a share is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u64>,
    /// What is counted: `accounts`, `holders`, `people`, `rows`, `seconds`.
    pub unit: String,
    /// What it counted in the last run, as a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Of when the source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Up to ten of those who are hit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hit: Vec<String>,
    /// Said where the guard could not judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Where the guard stands; none for those that always are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// An action of a plan.
#[derive(Clone, Copy)]
pub struct ActionView<'p> {
    plan: &'p Plan,
    index: usize,
}

impl Plan {
    /// The actions in an order that can be run.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = ActionView<'_>> + Clone {
        (0..self.actions.len()).map(|index| ActionView { plan: self, index })
    }

    /// The action at a position.
    pub fn action(&self, index: usize) -> Option<ActionView<'_>> {
        (index < self.actions.len()).then_some(ActionView { plan: self, index })
    }

    /// How many actions.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The guards that tripped.
    pub fn tripped(&self) -> impl Iterator<Item = &Verdict> {
        self.header.guards.iter().filter(|v| v.tripped)
    }

    /// The guard that keeps an action from being applied, unless it is overridden. The leaver lane is held by the guard
    /// `leavers` and by an empty population; what someone loses for being missing also by a guard on a source.
    pub fn held_by(&self, action: ActionView<'_>, overridden: &[&str]) -> Option<&Verdict> {
        self.tripped().filter(|v| !overridden.contains(&v.guard.as_str())).find(|v| match v.what.as_str() {
            "leavers" => action.is_leaver(),
            "population" => true,
            "rows" | "empty" | "age" => {
                !action.is_leaver() || action.because().iter().any(|b| b.kind == RuleKind::Source)
            }
            _ => !action.is_leaver(),
        })
    }

    pub(crate) fn count(&mut self) {
        let header = &mut self.header;
        header.actions = self.actions.len() as u64;
        header.findings = self.findings.len() as u64;
        header.by_action.clear();
        header.by_finding.clear();
        for action in &self.actions {
            *header.by_action.entry(action.kind).or_default() += 1;
        }
        for finding in &self.findings {
            *header.by_finding.entry(finding.kind).or_default() += 1;
        }
    }
}

impl<'p> ActionView<'p> {
    fn raw(self) -> &'p Action {
        &self.plan.actions[self.index]
    }

    fn string(self, symbol: u32) -> &'p str {
        &self.plan.strings[symbol as usize]
    }

    /// Its position in the plan.
    pub fn index(self) -> usize {
        self.index
    }

    /// Its stable id.
    pub fn id(self) -> ActionId {
        self.raw().id
    }

    /// What it does.
    pub fn kind(self) -> ActionKind {
        self.raw().kind
    }

    /// The global id of whom it is about.
    pub fn identity(self) -> &'p str {
        self.string(self.raw().identity)
    }

    /// The app.
    pub fn app(self) -> &'p str {
        self.string(self.raw().app)
    }

    /// The name of the account when the action runs; none where the app has none, or several are meant.
    pub fn account(self) -> Option<&'p str> {
        (self.raw().account != NONE).then(|| self.string(self.raw().account))
    }

    /// Kind and value of what is granted or revoked.
    pub fn entitlement(self) -> Option<(&'p str, &'p str)> {
        let (kind, value) = self.plan.entitlements.get(self.raw().entitlement as usize)?;
        Some((kind, value))
    }

    /// Changed attributes, in the order of the account block.
    pub fn changes(self) -> &'p [Change] {
        self.raw().changes.as_deref().unwrap_or(&[])
    }

    /// The actions that must have run before.
    pub fn after(self) -> impl ExactSizeIterator<Item = ActionView<'p>> {
        self.raw().after.iter().map(move |&i| ActionView { plan: self.plan, index: i as usize })
    }

    /// Whether it is in the lane of leavers.
    pub fn is_leaver(self) -> bool {
        self.raw().leaver
    }

    /// Whether it is only reported: the app's mode is `report`.
    pub fn is_report(self) -> bool {
        self.raw().report
    }

    /// The number of its list of causes in the plan.
    pub(crate) fn cause(self) -> usize {
        self.raw().because as usize
    }

    /// The rules that are its cause.
    pub fn because(self) -> &'p [Because] {
        self.plan.causes.get(self.cause()).map_or(&[], |c| c)
    }

    /// Its risk.
    pub fn risk(self) -> Option<Severity> {
        self.raw().risk
    }
}

pub(crate) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

pub(crate) fn parse_severity(name: &str) -> Option<Severity> {
    [Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .into_iter()
        .find(|s| severity_name(*s) == name)
}

pub(crate) fn rule_kind_name(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Birthright => "birthright",
        RuleKind::Role => "role",
        RuleKind::Forbid => "forbid",
        RuleKind::Separate => "separate",
        RuleKind::Lifecycle => "lifecycle",
        RuleKind::Account => "account",
        RuleKind::App => "app",
        RuleKind::Source => "source",
        RuleKind::Guard => "guard",
        RuleKind::Protect => "protect",
        RuleKind::Limit => "limit",
        RuleKind::Writeback => "writeback",
        RuleKind::Federation => "federation",
        RuleKind::Exception => "exception",
    }
}

pub(crate) fn parse_rule_kind(name: &str) -> Option<RuleKind> {
    [
        RuleKind::Birthright,
        RuleKind::Role,
        RuleKind::Forbid,
        RuleKind::Separate,
        RuleKind::Lifecycle,
        RuleKind::Account,
        RuleKind::App,
        RuleKind::Source,
        RuleKind::Guard,
        RuleKind::Protect,
        RuleKind::Limit,
        RuleKind::Writeback,
        RuleKind::Federation,
        RuleKind::Exception,
    ]
    .into_iter()
    .find(|k| rule_kind_name(*k) == name)
}
