//! Where each identity stands for the plan: known in a state, held, or missing; and what each app's account should be.
//! Invariant: diff, names and memory all ask here, so that they can't disagree.

use crate::diff::Context;
use prov_model::{
    Account, Actual, AppDef, AppId, Csr, Date, Desired, DesiredAccount, HoldReason, IdentityId, Memory,
    Schema, SourceDef, StateDef, VerbKind,
};

/// Where an identity stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Standing<'a> {
    /// Its result can't be known; none = its state can't.
    Held(Option<&'a HoldReason>),
    /// In no source, and not (yet) ended for that.
    Missing {
        /// The first day it was missed.
        since: Date,
        /// When it ends as what, if ever.
        ends: Option<(Date, &'a StateDef)>,
    },
    /// Known.
    In(Situation<'a>),
}

/// An identity whose result is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    /// Its state, where its type has any.
    pub state: Option<&'a StateDef>,
    /// The day it entered that.
    pub since: Date,
    /// The source that ends it, where it is in that state for being missing.
    pub missing: Option<&'a SourceDef>,
    /// The first day it was missed, where it is.
    pub missed: Option<Date>,
}

/// What an identity's account in an app should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// The app has no accounts: entitlements belong to identities.
    Direct,
    /// There should be one.
    On {
        /// Whether it may sign in.
        enabled: bool,
    },
    /// What there is should be disabled; nothing is made.
    Off,
    /// What there is should be deleted.
    Gone,
}

/// The people of both states and the past, and the day.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub schema: &'a Schema,
    pub desired: &'a Desired,
    pub memory: &'a Memory,
    pub actual: &'a Actual,
}

impl<'a> World<'a> {
    /// Whether absence from the sources of a type proves nothing in this run: one of its files was cut off, or has a row
    /// of which it can't be told whose it is.
    pub fn cut_off(&self, identity: IdentityId) -> bool {
        self.desired.rejections.iter().any(|r| {
            (r.identity.is_none() || r.code == prov_diag::codes::TRUNCATED.id)
                && self
                    .schema
                    .sources
                    .iter()
                    .any(|s| s.identity == identity && s.is_authoritative() && s.name == r.source)
        })
    }

    /// Where an identity of the population stands.
    pub fn known(&self, position: usize) -> Standing<'a> {
        let desired = self.desired;
        let (identity, _) = desired.rows[position];
        let number = desired.states[position];
        let lifecycle = self.schema.identity(identity).lifecycle.as_ref();
        let state = lifecycle.and_then(|l| l.defs.get(number as usize));
        let held = desired.flags[position].held || (lifecycle.is_some() && state.is_none());
        // 11.3: a leaver state that is known acts though the rest is held.
        if held && !state.is_some_and(|s| s.leaver) {
            return Standing::Held(desired.holds.get(&(position as u32)));
        }
        // Of whom it is not known what they have, nothing is known to be missing.
        let unreadable = !self.actual.unreadable.is_empty()
            && self.actual.unreadable.binary_search(&desired.ids[position]).is_ok();
        if unreadable && !state.is_some_and(|s| s.leaver) {
            return Standing::Held(Some(&HoldReason::ActualRejected));
        }
        let since =
            state.map_or(desired.at.today, |s| self.since(&desired.ids[position], s, desired.at.today));
        Standing::In(Situation { state, since, missing: None, missed: None })
    }

    /// Where an identity stands that only the actual state knows; `trusted` says by type whether absence counts.
    pub fn missing(&self, id: &str, trusted: &[bool]) -> Standing<'a> {
        let today = self.desired.at.today;
        let since = self.memory.missing.get(id).copied().unwrap_or(today);
        let ending = self.type_of(id).and_then(|t| self.ending(t));
        let due = ending.filter(|(source, after, _)| {
            since.plus(*after) <= today && trusted.get(source.identity.index()).copied().unwrap_or(true)
        });
        let Some((source, after, state)) = due else {
            if let Some(state) = self.recalled(id) {
                let since_state = self.since(id, state, today);
                return Standing::In(Situation {
                    state: Some(state),
                    since: since_state,
                    missing: None,
                    missed: Some(since),
                });
            }
            let ends = ending.map(|(_, after, state)| (since.plus(after), state));
            return Standing::Missing { since, ends };
        };
        let ends = since.plus(after);
        let since_state = self.since(id, state, ends);
        Standing::In(Situation {
            state: Some(state),
            since: since_state,
            missing: Some(source),
            missed: Some(since),
        })
    }

    /// The leaver state that someone whom no source brings is in by their last good record (11.23).
    fn recalled(&self, id: &str) -> Option<&'a StateDef> {
        let number = *self.desired.recalled.get(id)?;
        self.schema.identity(self.type_of(id)?).lifecycle.as_ref()?.defs.get(number as usize)
    }

    fn since(&self, id: &str, state: &StateDef, otherwise: Date) -> Date {
        self.memory.states.get(id).filter(|s| s.state == state.name).map_or(otherwise, |s| s.since)
    }

    fn type_of(&self, id: &str) -> Option<IdentityId> {
        let types = &self.schema.identities;
        let index = match types.len() {
            1 => 0,
            _ => {
                let (name, _) = id.split_once(':')?;
                types.iter().position(|t| t.name == name)?
            }
        };
        Some(IdentityId(index as u32))
    }

    /// What ends who is in no source of a type: where each authoritative source ends them, the one that waits longest.
    fn ending(&self, identity: IdentityId) -> Option<(&'a SourceDef, prov_model::Duration, &'a StateDef)> {
        let states = self.schema.identity(identity).lifecycle.as_ref()?;
        let own =
            || self.schema.sources.iter().filter(move |s| s.identity == identity && s.is_authoritative());
        if own().any(|s| s.missing.is_none()) {
            return None;
        }
        own()
            .filter_map(|s| {
                let missing = s.missing.as_ref()?;
                Some((s, missing.after, states.defs.get(missing.state as usize)?))
            })
            .max_by_key(|(s, after, _)| (after.rank(), s.name.as_str()))
    }
}

impl Situation<'_> {
    /// Whether who is in it has left.
    pub fn leaver(&self) -> bool {
        self.state.is_some_and(|s| s.leaver)
    }

    /// Whether a verb of its state acts in an app today.
    pub fn due(&self, kind: VerbKind, app: AppId, today: Date) -> bool {
        self.state.is_some_and(|s| s.due(kind, app, self.since, today))
    }

    /// Whether it holds nothing in an app by its state.
    pub fn drops(&self, app: AppId) -> bool {
        self.state.is_some_and(|s| s.drops(app))
    }

    /// Whether it keeps in an app what it holds by its state.
    pub fn keeps(&self, app: AppId) -> bool {
        self.state.is_some_and(|s| s.keeps(app))
    }

    /// What the account in an app should be: the state's verbs, then `account when`, then `enabled` (11.2).
    pub fn want(&self, app: AppId, def: &AppDef, account: Option<&DesiredAccount>, today: Date) -> Want {
        if def.account.is_none() && !self.leaver() {
            return Want::Direct;
        }
        if self.due(VerbKind::DeleteAccounts, app, today) {
            return Want::Gone;
        }
        match account {
            Some(account) if account.wanted && !self.leaver() => {
                Want::On { enabled: account.enabled && !self.due(VerbKind::DisableAccounts, app, today) }
            }
            _ => Want::Off,
        }
    }
}

/// The accounts of one app in a list that is in order of app.
pub(crate) fn accounts_of(list: &[Account], app: AppId) -> &[Account] {
    let start = list.partition_point(|a| a.app < app);
    let len = list[start..].partition_point(|a| a.app == app);
    &list[start..start + len]
}

/// The desired account of one app.
pub(crate) fn desired_account(
    accounts: &Csr<DesiredAccount>,
    position: Option<u32>,
    app: AppId,
) -> Option<&DesiredAccount> {
    accounts.get(position? as usize).iter().find(|a| a.app == app)
}

impl<'a> Context<'a> {
    /// Where an identity stands, by its position among the desired, if it is there.
    pub(crate) fn standing(&self, id: &str, position: Option<u32>) -> Standing<'a> {
        match position {
            Some(p) => self.world.known(p as usize),
            None => self.world.missing(id, &self.trusted),
        }
    }
}
