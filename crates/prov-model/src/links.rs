//! Accounts that nobody is named for in the actual state, and whose they are all the same.
//! Invariant: an account is linked to one identity at most, and one that the actual state gives an owner to nobody else.

use crate::{Account, Actual, AppId, Csr};
use std::collections::BTreeMap;

/// Whose an account of nobody is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountLink {
    /// The global id.
    pub owner: Box<str>,
    /// The app.
    pub app: AppId,
    /// The account's name.
    pub account: Box<str>,
    /// What it was found by: a position in [`crate::AccountDef::correlate`]; none = memory knows it.
    pub by: Option<u32>,
}

/// Why it is not clear which account is an identity's; then nothing is made for it in that app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkConflict {
    /// Several accounts have the value.
    Several {
        /// A position in [`crate::AccountDef::correlate`].
        by: u32,
        /// Their names, sorted.
        accounts: Vec<Box<str>>,
    },
    /// The account is somebody else's.
    Elsewhere {
        /// As above.
        by: u32,
        /// Its name.
        account: Box<str>,
        /// Whose it is.
        owner: Box<str>,
    },
    /// The account is as much that of somebody else.
    Twice {
        /// As above.
        by: u32,
        /// Its name.
        account: Box<str>,
        /// The first of the others.
        other: Box<str>,
    },
    /// What an account would be found by can't be known.
    Unknown,
}

impl Actual {
    /// The same state with the accounts of nobody given to whom they are linked to. `links` names each account once.
    #[must_use]
    pub fn linked(&self, links: &[AccountLink]) -> Actual {
        let owner_of: BTreeMap<(AppId, &str), &str> =
            links.iter().map(|l| ((l.app, &*l.account), &*l.owner)).collect();
        let mut found: BTreeMap<&str, Vec<Account>> = BTreeMap::new();
        let mut orphans = Vec::new();
        for account in &self.orphans {
            match owner_of.get(&(account.app, &*account.name)) {
                Some(owner) => found.entry(*owner).or_default().push(account.clone()),
                None => orphans.push(account.clone()),
            }
        }
        let mut all: BTreeMap<&str, Option<usize>> =
            self.ids.iter().zip(0..).map(|(id, row)| (id, Some(row))).collect();
        for owner in found.keys() {
            all.entry(owner).or_insert(None);
        }
        let (mut accounts, mut holdings) = (Csr::default(), Csr::default());
        for (id, row) in &all {
            let mut own = row.map_or_else(Vec::new, |row| self.accounts.get(row).to_vec());
            own.append(&mut found.remove(id).unwrap_or_default());
            own.sort_by(|a, b| (a.app, &a.name).cmp(&(b.app, &b.name)));
            accounts.push(own);
            holdings.push(row.map_or(&[][..], |row| self.holdings.get(row)).iter().copied());
        }
        Actual {
            ids: all.keys().collect(),
            accounts,
            holdings,
            orphans,
            entitlements: self.entitlements.clone(),
            rejections: self.rejections.clone(),
            unreadable: self.unreadable.clone(),
        }
    }
}
