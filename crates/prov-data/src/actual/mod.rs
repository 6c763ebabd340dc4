//! The actual state from its two tables, `accounts` and `entitlements`.
//!
//! Invariant: the order of rows leaves no trace but in line numbers. A row that can't be read is a rejection with its
//! identity, so that who is concerned can be left alone; names that the policy does not know are told once a name.

mod accounts;
mod complaints;
mod holdings;
mod names;

use crate::lookup::missing_column;
use crate::raw::{Parted, Raw, read_parts};
use accounts::{Accounts, Found};
use complaints::Complaints;
pub(crate) use holdings::Grouped;
use holdings::{Held, Part};
use names::Names;
use prov_diag::Diagnostic;
use prov_model::{Account, Actual, Csr, Ids, RawTable, Schema};
use rayon::prelude::*;
use std::borrow::Cow;

/// The rows of `entitlements`, worked off part by part.
pub struct EntitlementRows {
    /// The file and its columns, without rows.
    head: RawTable,
    parts: Vec<Part>,
}

/// How many rows of a table make a part.
const STRETCH: usize = 1 << 18;

impl EntitlementRows {
    /// Reads a file of entitlements (`app,identity,kind,value`). Beside the rows: what could not be read of it as a
    /// table, without any row.
    pub fn read(
        schema: &Schema,
        name: &str,
        bytes: Cow<'_, [u8]>,
    ) -> Result<(EntitlementRows, Raw), Vec<Diagnostic>> {
        let names = Names::new(schema);
        let keep = |column: &str| OF_ENTITLEMENTS.contains(&column);
        let Parted { rest, parts } =
            read_parts(name, bytes, &keep, &|part| Part::read(&names, &part, 0..part.len()))?;
        Ok((EntitlementRows { head: rest.table.clone(), parts }, rest))
    }

    /// The rows of a table.
    pub fn of_table(schema: &Schema, table: RawTable) -> EntitlementRows {
        let names = Names::new(schema);
        let mut head = RawTable::new(table.file.clone(), table.columns.clone());
        head.incomplete = table.incomplete;
        let starts: Vec<usize> = (0..table.len()).step_by(STRETCH).collect();
        let part = |start: usize| Part::read(&names, &table, start..table.len().min(start + STRETCH));
        EntitlementRows { head, parts: starts.into_par_iter().map(part).collect() }
    }

    /// Lists that are grouped by identity, and rows beside them.
    pub(crate) fn of_groups(
        schema: &Schema,
        head: RawTable,
        groups: Grouped,
        odd: &RawTable,
    ) -> EntitlementRows {
        let names = Names::new(schema);
        let mut parts = Vec::new();
        if !groups.ids.is_empty() {
            parts.push(Part::of_groups(&names, groups));
        }
        if !odd.is_empty() {
            parts.push(Part::read(&names, odd, 0..odd.len()));
        }
        EntitlementRows { head, parts }
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// The columns of accounts that are always there.
const OF_ACCOUNTS: [&str; 4] = ["app", "account", "identity", "enabled"];
/// The columns of entitlements.
const OF_ENTITLEMENTS: [&str; 4] = ["app", "identity", "kind", "value"];

/// Reads `accounts` (`app,account,identity,enabled` and attributes) and `entitlements` (`app,identity,kind,value`). A
/// blank identity makes an account an orphan. Where a column is missing, the state is empty and the error says so.
pub fn read_actual(schema: &Schema, accounts: RawTable, entitlements: RawTable) -> (Actual, Vec<Diagnostic>) {
    join_actual(schema, &accounts, EntitlementRows::of_table(schema, entitlements))
}

/// The same, of entitlements that have been worked off already.
pub fn join_actual(
    schema: &Schema,
    accounts: &RawTable,
    mut entitlements: EntitlementRows,
) -> (Actual, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let whole = [
        has_columns(accounts, accounts.is_empty(), OF_ACCOUNTS, &mut diagnostics),
        has_columns(&entitlements.head, entitlements.is_empty(), OF_ENTITLEMENTS, &mut diagnostics),
    ];
    if whole.contains(&false) {
        return (Actual::default(), diagnostics);
    }
    let names = Names::new(schema);
    let mut complaints = Complaints::default();
    let found = Accounts::new(&names, accounts, &mut diagnostics).read(&mut complaints, &mut diagnostics);
    for part in &mut entitlements.parts {
        complaints.append(std::mem::take(&mut part.found));
    }
    let mut actual = assemble(found, Held::of(&names, entitlements.parts));
    complaints.tell_unknown(&mut diagnostics);
    actual.rejections = complaints.rejections;
    actual.rejections.sort();
    actual.note_unreadable();
    (actual, diagnostics)
}

/// Whether the columns are there that must be.
fn has_columns(raw: &RawTable, empty: bool, names: [&str; 4], diagnostics: &mut Vec<Diagnostic>) -> bool {
    // An array of no objects has no columns, and says that there is nothing.
    if empty && raw.columns.is_empty() {
        return true;
    }
    let missing = names.iter().filter(|name| raw.column(name).is_none());
    let before = diagnostics.len();
    diagnostics.extend(missing.map(|name| missing_column(raw, name, "the actual state")));
    diagnostics.len() == before
}

/// Puts accounts and entitlements together, identity by identity.
fn assemble(found: Vec<Found>, held: Held) -> Actual {
    let (mut owned, mut orphans): (Vec<Found>, Vec<Found>) =
        found.into_par_iter().partition(|f| f.owner.is_some());
    // No two of them are equal: an account stands once.
    let order = |a: &Found, b: &Found| {
        (&a.owner, a.account.app, &a.account.name).cmp(&(&b.owner, b.account.app, &b.account.name))
    };
    owned.par_sort_unstable_by(order);
    orphans.par_sort_unstable_by(order);
    let mut actual = Actual {
        orphans: orphans.into_iter().map(|f| f.account).collect(),
        entitlements: held.entitlements,
        ..Actual::default()
    };
    if owned.is_empty() {
        actual.accounts = Csr::of_parts(vec![0; held.ids.len() + 1], Vec::new());
        (actual.ids, actual.holdings) = (held.ids, held.holdings);
        return actual;
    }
    let mut ids = Ids::default();
    let mut owned = owned.into_iter().peekable();
    let mut holder = 0;
    loop {
        let next = held.ids.get(holder);
        let owner = owned.peek().and_then(|f| f.owner.as_deref());
        let (id, holds) = match (owner, next) {
            (None, None) => break,
            (Some(a), Some(b)) if a < b => (a, false),
            (Some(a), None) => (a, false),
            (_, Some(b)) => (b, true),
        };
        ids.push(id);
        let id = &ids[ids.len() - 1];
        actual.accounts.push(std::iter::from_fn(|| -> Option<Account> {
            owned.next_if(|f| f.owner.as_deref() == Some(id)).map(|f| f.account)
        }));
        actual.holdings.push(if holds { held.holdings.get(holder) } else { &[] }.iter().copied());
        holder += usize::from(holds);
    }
    actual.ids = ids;
    actual
}
