//! Who has what: entitlements, accounts, and the desired and the actual state of a population.
//! Invariant: identities are in order of global id in both states, so that a diff is one merge.

use crate::{
    AccountLink, AppId, Assignment, AssignmentIssue, Entered, Exception, ExceptionIssue, IdentityId, Ids,
    Keep, KindId, LinkConflict, Moment, Rejection, RuleId, SeparationHit, SourceCount, Would, fold,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// An entitlement of an [`Entitlements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntId(pub u32);

/// An app's kind with a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entitlement {
    /// The app.
    pub app: AppId,
    /// The kind.
    pub kind: KindId,
    /// The value as spelled; several values joined by [`join_values`].
    pub value: Box<str>,
}

/// Joins the values of an entitlement to its one spelling: by `|`, with `\` before a `|` or `\` of a value.
pub fn join_values<S: AsRef<str>>(values: &[S]) -> String {
    if let [one] = values {
        return one.as_ref().to_owned();
    }
    let escaped: Vec<_> =
        values.iter().map(|v| v.as_ref().replace('\\', r"\\").replace('|', r"\|")).collect();
    escaped.join("|")
}

/// The values of a joined spelling. A spelling without an unescaped `|` is one value, as it stands.
pub fn split_values(joined: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = joined.chars();
    while let Some(c) = chars.next() {
        let last = parts.last_mut().expect("there is always a part");
        match c {
            '|' => parts.push(String::new()),
            '\\' => last.extend(chars.next()),
            c => last.push(c),
        }
    }
    if parts.len() == 1 { vec![joined.to_owned()] } else { parts }
}

/// Distinct entitlements. Two spellings of one `text` value are two ids with one [`Entitlements::same_as`].
#[derive(Clone, Debug, Default)]
pub struct Entitlements {
    items: Vec<Entitlement>,
    same: Vec<EntId>,
    exact: HashMap<Entitlement, EntId>,
    folded: HashMap<Entitlement, EntId>,
}

impl Entitlements {
    /// The id of an entitlement, new if need be. `folds` says whether its kind compares as `text`.
    pub fn intern(&mut self, app: AppId, kind: KindId, value: &str, folds: bool) -> EntId {
        let item = Entitlement { app, kind, value: value.into() };
        if let Some(&id) = self.exact.get(&item) {
            return id;
        }
        let id = EntId(self.items.len() as u32);
        let key = if folds { Entitlement { app, kind, value: fold(value).into() } } else { item.clone() };
        let same = *self.folded.entry(key).or_insert(id);
        self.items.push(item.clone());
        self.same.push(same);
        self.exact.insert(item, id);
        id
    }

    /// The id under which an entitlement, in whatever spelling, was seen first.
    pub fn find(&self, app: AppId, kind: KindId, value: &str, folds: bool) -> Option<EntId> {
        let value = if folds { fold(value) } else { value.into() };
        self.folded.get(&Entitlement { app, kind, value: (&*value).into() }).copied()
    }

    /// The entitlement of an id.
    pub fn get(&self, id: EntId) -> &Entitlement {
        &self.items[id.0 as usize]
    }

    /// The one id that stands for all spellings.
    pub fn same_as(&self, id: EntId) -> EntId {
        self.same[id.0 as usize]
    }

    /// How many ids.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (EntId, &Entitlement)> {
        self.items.iter().enumerate().map(|(i, e)| (EntId(i as u32), e))
    }
}

/// A list of lists in two flat vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr<T> {
    offsets: Vec<usize>,
    items: Vec<T>,
}

impl<T> Default for Csr<T> {
    fn default() -> Self {
        Csr { offsets: vec![0], items: Vec::new() }
    }
}

impl<T> Csr<T> {
    /// Adds a list.
    pub fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.items.extend(list);
        self.offsets.push(self.items.len());
    }

    /// Lists that are there already: list i is `items[offsets[i]..offsets[i + 1]]`. The offsets begin with 0, never fall,
    /// and end with the number of items.
    pub fn of_parts(offsets: Vec<usize>, items: Vec<T>) -> Csr<T> {
        debug_assert!(offsets.first() == Some(&0) && offsets.last() == Some(&items.len()));
        debug_assert!(offsets.is_sorted());
        Csr { offsets, items }
    }

    /// The list at a position.
    pub fn get(&self, row: usize) -> &[T] {
        &self.items[self.offsets[row]..self.offsets[row + 1]]
    }

    /// How many lists.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements of all lists.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// All elements of all lists, to change them.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }

    /// Each list in turn, to change it.
    pub fn each_mut(&mut self, mut f: impl FnMut(&mut [T])) {
        for ends in self.offsets.windows(2) {
            f(&mut self.items[ends[0]..ends[1]]);
        }
    }

    /// Appends the lists of another.
    pub fn append(&mut self, mut other: Csr<T>) {
        let base = self.items.len();
        self.items.append(&mut other.items);
        self.offsets.extend(other.offsets.iter().skip(1).map(|o| o + base));
    }
}

/// What an identity is apart from its access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdentityFlags {
    /// Its result can't be known: what it holds is left as it is.
    pub held: bool,
}

/// Why an identity is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// Its own row was rejected.
    Rejected,
    /// Its result reads an attribute of this identity, whose row was rejected.
    DependsOn(String),
    /// A row of the actual state about it was rejected.
    ActualRejected,
    /// A row of the assignments or the exceptions about it was rejected.
    ByHandRejected,
    /// A unique attribute of an account has no name to be made from: the app, and the attribute by position.
    EmptyName(AppId, u32),
    /// Every name that a unique attribute could be, within its `max`, is somebody else's.
    NoNameLeft(AppId, u32),
    /// Its result reads what this source would say of it, and rows of that source may be lacking.
    Incomplete(String),
    /// Its result reads whom it refers to, who is not in this source, of which rows may be lacking.
    RefersBeyond(String),
}

/// The account that an identity should have in an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredAccount {
    /// The app.
    pub app: AppId,
    /// Whether `account when` holds.
    pub wanted: bool,
    /// Whether `enabled` holds; true where it is not given.
    pub enabled: bool,
    /// Attributes as plain text, in the order of [`crate::AccountDef::attributes`]; empty where not wanted.
    pub attributes: Box<[Box<str>]>,
}

/// A value that a source is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBack {
    /// Of whom: by position in [`Desired::ids`].
    pub position: u32,
    /// By position in [`crate::Schema::writebacks`].
    pub writeback: u32,
    /// What the source says; empty where it says nothing.
    pub from: Box<str>,
    /// What it is to say.
    pub to: Box<str>,
}

/// A name that an identity has, or is given, by `unique`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenName {
    /// Whose: by position in [`Desired::ids`].
    pub position: u32,
    /// The app.
    pub app: AppId,
    /// The attribute, by position in [`crate::AccountDef::attributes`].
    pub attribute: u32,
    /// The name.
    pub name: Box<str>,
    /// What it was made from, where that is known.
    pub base: Option<Box<str>>,
}

/// A grant that could not be made good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntitlementIssue {
    /// The value is not in the catalog of its kind.
    NotInCatalog,
    /// The value is blank: computed from something that holds nothing.
    Blank,
    /// A forbid withheld it: position in [`crate::Schema::forbids`].
    Forbidden(u32),
    /// An exception denies it: position in [`Desired::exceptions`].
    Denied(u32),
    /// A separation withheld it: position in [`crate::Schema::separations`].
    Separated(u32),
    /// A higher value of the same kind wins.
    Outranked,
}

/// Something that someone who is held has no more, since its time is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RanOut {
    /// The entitlement, with the value as it is compared.
    pub entitlement: Entitlement,
    /// The rule whose grant, assignment or keep is over.
    pub rule: RuleId,
    /// The arguments of its instance as shown, where it has parameters.
    pub args: Box<str>,
}

/// What everyone should have.
#[derive(Clone, Debug)]
pub struct Desired {
    /// When.
    pub at: Moment,
    /// Global ids, sorted.
    pub ids: Vec<Box<str>>,
    /// Where each identity stands in the population.
    pub rows: Vec<(IdentityId, u32)>,
    /// The number of each one's state; `u32::MAX` where the type has no lifecycle or the state can't be known.
    pub states: Vec<u32>,
    /// More about each.
    pub flags: Vec<IdentityFlags>,
    /// Who has just what they should have, a bit each by position, where that was looked at on the way: of them accounts and
    /// holdings are not listed. Empty where it was not, so that everything is.
    pub settled: Vec<u64>,
    /// Why some are held.
    pub holds: BTreeMap<u32, HoldReason>,
    /// Accounts, each list in order of app; every app with accounts for the type is there unless the identity is held.
    pub accounts: Csr<DesiredAccount>,
    /// Entitlements that are granted now, or that the state keeps, after forbids: nothing where the state drops them, and
    /// only what is kept where no account is wanted; each list in order of [`Entitlements::same_as`], without doubles.
    pub holdings: Csr<EntId>,
    /// Withheld grants worth a finding: catalog misses and forbids, as (position, entitlement, issue), sorted.
    pub withheld: Vec<(u32, EntId, EntitlementIssue)>,
    /// Assignments that are not honoured, in the order of their files.
    pub unmatched: Vec<(Assignment, AssignmentIssue)>,
    /// The exceptions there are, in the order of their files.
    pub exceptions: Arc<Vec<Exception>>,
    /// Those that do nothing, by position, with why; sorted.
    pub idle_exceptions: Vec<(u32, ExceptionIssue)>,
    /// Roles withheld by an exception, as (position, rule of the role, position in [`Desired::exceptions`],
    /// arguments as shown, where the role has parameters), sorted.
    pub denied_roles: Vec<(u32, RuleId, u32, Box<str>)>,
    /// Which entitlements exceptions deny, for identities that are held or in a state that keeps entitlements; values as
    /// they are compared.
    pub active_denies: BTreeMap<u32, Vec<(u32, Entitlement)>>,
    /// Rows of assignments and exceptions that could not be read.
    pub unreadable: Vec<Rejection>,
    /// Roles withheld by a forbid, as (position, position in [`crate::Schema::role_forbids`], arguments as shown, where
    /// the role has parameters), sorted.
    pub forbidden_roles: Vec<(u32, u32, Box<str>)>,
    /// Guests who are out, as (position, position in [`crate::Schema::federations`], why), sorted; without a federation
    /// where none is theirs.
    pub out: Vec<(u32, Option<u32>, crate::GuestOut)>,
    /// Separations that are hit, by position, sorted.
    pub separated: Vec<(u32, SeparationHit<EntId>)>,
    /// Which forbids hold, for identities that are held or in a state that keeps entitlements.
    pub active_forbids: BTreeMap<u32, Vec<u32>>,
    /// What is over for identities that are held, by position: nothing gives it any more, whatever else can't be known.
    pub ran_out: BTreeMap<u32, Vec<RanOut>>,
    /// Grants with `keep`, for memory: what rules give, and what is only kept; nobody who is held is here.
    pub keeps: BTreeMap<u32, Vec<Keep>>,
    /// For memory: what was held when states that keep entitlements were entered. Who is in such a state and not here may
    /// hold more than is known: what was observed was not looked at.
    pub entered: BTreeMap<u32, Entered>,
    /// Names by `unique`, in order of (position, app, attribute).
    pub names: Vec<GivenName>,
    /// What sources are to be told, in order of (position, write-back).
    pub writes: Vec<WriteBack>,
    /// Whose accounts of nobody are; sorted, each account once.
    pub links: Vec<AccountLink>,
    /// Where it is not clear which account is an identity's, by position and app.
    pub conflicts: BTreeMap<(u32, AppId), LinkConflict>,
    /// Those whom no source brings and who have left by their last good record: the number of the state.
    pub recalled: BTreeMap<Box<str>, u32>,
    /// What would be otherwise if what is observed were applied.
    pub would: Would,
    /// The entitlements that the ids speak of.
    pub entitlements: Entitlements,
    /// Rows by source.
    pub counts: Vec<SourceCount>,
    /// Rejected rows.
    pub rejections: Vec<Rejection>,
}

impl Desired {
    /// Whether someone was found to have just what they should have: see [`Desired::settled`].
    pub fn is_settled(&self, position: u32) -> bool {
        self.settled.get(position as usize / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
    }

    /// The position of a global id.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.ids.binary_search_by(|x| (**x).cmp(id)).ok()
    }
}

/// An account that exists in an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The app.
    pub app: AppId,
    /// Its name in the app.
    pub name: Box<str>,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Attributes in the order of [`crate::AccountDef::attributes`]; `None` where the reader did not bring it, so that
    /// it is not compared.
    pub attributes: Box<[Option<Box<str>>]>,
    /// What accounts are found by, in the order of [`crate::AccountDef::correlate`]; `None` where it is blank or the
    /// reader did not bring it.
    pub keys: Box<[Option<Box<str>>]>,
    /// Where it was read.
    pub origin: AccountOrigin,
}

/// Where a row of the actual state was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountOrigin {
    /// The line in its file, from 1; 0 where there is no file.
    pub line: u64,
}

/// What everyone has.
#[derive(Clone, Debug, Default)]
pub struct Actual {
    /// Global ids with an account or an entitlement, sorted.
    pub ids: Ids,
    /// Their accounts, each list in order of app, then name.
    pub accounts: Csr<Account>,
    /// Their entitlements, each list in order of [`Entitlements::same_as`], without doubles.
    pub holdings: Csr<EntId>,
    /// Accounts that belong to no identity.
    pub orphans: Vec<Account>,
    /// The entitlements that the ids speak of.
    pub entitlements: Entitlements,
    /// Rows that could not be read.
    pub rejections: Vec<Rejection>,
    /// Global ids of whom such a row speaks, sorted: what they have is not known.
    pub unreadable: Vec<Box<str>>,
}

impl Actual {
    /// Fills `unreadable` from the rejections. Call it once all of them are there.
    pub fn note_unreadable(&mut self) {
        self.unreadable =
            self.rejections.iter().filter_map(|r| r.identity.as_deref().map(Box::from)).collect();
        self.unreadable.sort();
        self.unreadable.dedup();
    }
}

/// Whether accounts are just what they should be: those that are wanted are there, once, and no others.
pub fn same_accounts(desired: &[DesiredAccount], has: &[Account]) -> bool {
    let mut rest = has.iter();
    for wanted in desired.iter().filter(|d| d.wanted) {
        if !rest.next().is_some_and(|account| same_account(wanted, account)) {
            return false;
        }
    }
    rest.next().is_none()
}

fn same_account(wanted: &DesiredAccount, account: &Account) -> bool {
    let name = wanted.attributes.first();
    account.app == wanted.app
        && account.enabled == wanted.enabled
        && name.is_some_and(|n| !n.is_empty() && **n == *account.name)
        && wanted.attributes.len() == account.attributes.len()
        && wanted
            .attributes
            .iter()
            .zip(&account.attributes)
            .all(|(want, is)| is.as_ref().is_none_or(|is| is == want))
}
