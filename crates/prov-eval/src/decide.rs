//! The whole result of one identity: state, accounts, what is held and withheld.
//! Invariant: who is held (quarantined) gets neither grants nor accounts here; only who has left, by a state that is
//! known, is decided although parts of the record are broken.

use crate::facts::Tri;
use crate::grants::{Block, Granted};
use crate::instances::Stage;
use crate::interp::{Interp, Res, Subject};
use crate::keep::KeepsAfter;
use crate::roles::RoleBlock;
use crate::world::{NO_STATE, Unknown};
use crate::writes::Write;
use prov_model::{
    AssignmentIssue, DesiredAccount, EntId, Entered, Entitlement, EntitlementIssue, GuestOut, IdentityId,
    RanOut, SeparationHit,
};

/// Why an identity is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Its own record is broken.
    Own,
    /// Its result reads this.
    On(Unknown),
    /// A row about it of the assignments or exceptions is broken.
    ByHand,
    /// An attribute of an account (by position in the program) has no name: there is nothing to make it from, or every
    /// candidate is somebody else's.
    Name { account: u32, attribute: u32, exhausted: bool },
}

/// What is decided for an identity.
#[derive(Default)]
pub(crate) struct Decision {
    /// [`NO_STATE`] where there is none or none that can be known.
    pub state: u32,
    pub hold: Option<Hold>,
    pub accounts: Vec<DesiredAccount>,
    /// In order of [`prov_model::Entitlements::same_as`].
    pub held: Vec<EntId>,
    /// Sorted.
    pub withheld: Vec<(EntId, EntitlementIssue)>,
    /// What sources are to be told.
    pub writes: Vec<Write>,
    pub active_forbids: Vec<u32>,
    /// Separations that are hit.
    pub separated: Vec<SeparationHit<EntId>>,
    /// Assignments of the background that are not honoured.
    pub unmatched: Vec<(u32, AssignmentIssue)>,
    /// Forbids that withhold a role, with the arguments of its instance as shown.
    pub forbidden_roles: Vec<(u32, Box<str>)>,
    /// Roles that an exception denies: the role, the exception's position in the background, arguments as shown.
    pub denied_roles: Vec<(u32, u32, Box<str>)>,
    /// As [`prov_model::Desired::active_denies`].
    pub active_denies: Vec<(u32, Entitlement)>,
    /// As [`prov_model::Desired::ran_out`].
    pub ran_out: Vec<RanOut>,
    /// Why a guest is out: the federation, by position, and what of it.
    pub out: Vec<(Option<u32>, GuestOut)>,
    /// What rules give, before anything is taken off.
    pub live: Vec<Granted>,
    pub keeps: KeepsAfter,
    /// For memory: what was held on entering a state that keeps it.
    pub entered: Entered,
}

/// Forbids and denials of roles, as in [`Decision`].
type WithheldRoles = (Vec<(u32, Box<str>)>, Vec<(u32, u32, Box<str>)>);

/// Everything granted, before anything is taken off.
#[derive(Default)]
pub(crate) struct AllGrants {
    pub free: Vec<Granted>,
    /// Where nothing can be held, with why.
    pub blocked: Vec<(Granted, Block)>,
    pub unknown: Option<Unknown>,
}

impl<'a> Interp<'a> {
    /// Decides for the identity at hand. `skip` names rules that are known not to hold.
    pub(crate) fn decide(&mut self, skip: impl Fn(u32) -> bool) -> Decision {
        let Subject::Identity(ty, row) = self.subject else { return Decision::default() };
        let lifecycle = self.world.program.schema.identity(ty).lifecycle.as_ref();
        let mut state = self.state_of(ty, row);
        let is_leaver = |state: Res<u32>| {
            let def = state.ok().and_then(|s| lifecycle?.defs.get(s as usize));
            def.is_some_and(|d| d.leaver)
        };
        let whole = self.world.population.is_none_or(|p| p.of(ty).is_whole(row));
        if state.is_err() && !whole && self.recall(false) {
            let recalled = self.state_of(ty, row);
            if is_leaver(recalled) {
                state = recalled;
            } else {
                self.recall_no_more();
            }
        }
        let mut hold = match state {
            Err(unknown) => Some(self.hold(unknown)),
            // The checker proves that some state holds; if none does, nothing may be concluded.
            Ok(NO_STATE) if lifecycle.is_some() => Some(Hold::Own),
            Ok(_) if self.is_broken(ty, row) => Some(Hold::Own),
            Ok(_) => self.world.by_hand.is_some_and(|h| h.is_unreadable(ty, row)).then_some(Hold::ByHand),
        };
        let state = state.unwrap_or(NO_STATE);
        let def = lifecycle.and_then(|l| l.defs.get(state as usize));
        let leaver = def.is_some_and(|d| d.leaver);
        let mut decision = Decision { state, ..Decision::default() };
        if leaver {
            hold = None;
        }
        if self.wake.is_some() {
            self.note_by_hand();
        }
        self.take_steps(ty, skip);
        if hold.is_none() && !leaver {
            hold = self.facts.first_unknown().map(|u| self.hold(u)).or_else(|| self.nameless(ty, row));
        }
        if hold.is_none() {
            self.keeps.keeping.clear();
            let grants = self.all_grants(true);
            let mut list = grants.free;
            decision.live.clone_from(&list);
            self.add_kept(None, &mut list);
            self.add_entered(None, &mut list);
            let settled = self.settle(&mut list, true);
            decision.held = settled.held;
            decision.keeps = self.keeps_after(&decision.live, &decision.held);
            if lifecycle.is_some_and(|l| l.keeps()) && !leaver {
                let by_hand = self.by_hand_alone(&decision.live, &decision.held);
                decision.entered = self.entered_after(by_hand);
            }
            decision.withheld = settled.withheld;
            decision.withheld.retain(|(_, issue)| *issue != EntitlementIssue::Outranked);
            decision.withheld.sort_unstable();
            if !leaver {
                decision.separated = settled.separated;
                (decision.forbidden_roles, decision.denied_roles) = self.withheld_by_name();
            }
            let accounts = self.accounts(ty, leaver);
            let unknown = grants.unknown.or(settled.unknown).or(accounts.1);
            decision.accounts = accounts.0;
            if !leaver && !self.world.program.schema.writebacks.is_empty() {
                decision.writes = self.writes(&decision.accounts);
            }
            hold = unknown.filter(|_| !leaver).map(|u| self.hold(u));
        }
        if leaver {
            decision.out = self.out_by(ty);
        }
        if hold.is_some() {
            decision = Decision { state, hold, ..Decision::default() };
        }
        decision.unmatched = self.unmatched(leaver);
        if def.is_some_and(|d| d.keeps_any()) || hold.is_some() {
            if hold.is_some() {
                decision.ran_out = self.ran_out(ty, state);
            }
            // 11.3: of who is held the last good record says which forbids hold.
            let recalls = hold.is_some() && !whole && self.recall(false);
            if recalls {
                self.take_steps(ty, |_| false);
            }
            decision.active_forbids = self.active_forbids(ty);
            if recalls {
                self.recall_no_more();
                self.take_steps(ty, |_| false);
            }
            decision.active_denies = self.denied().map(|(n, e)| (n, e.clone())).collect();
        }
        decision
    }

    /// Why the identity at hand is out, as far as that is known.
    fn out_by(&mut self, ty: IdentityId) -> Vec<(Option<u32>, GuestOut)> {
        let program = self.world.program;
        let (mut out, mut theirs, mut any) = (Vec::new(), false, false);
        for (number, (def, federation)) in
            program.schema.federations.iter().zip(&program.federations).enumerate()
        {
            if def.identity != ty {
                continue;
            }
            any = true;
            match self.holds(federation.of) {
                Ok(false) => continue,
                // What can't be known is no reason that could be named.
                Err(_) => {
                    theirs = true;
                    continue;
                }
                Ok(true) => theirs = true,
            }
            for (why, when) in &federation.out {
                if self.holds(Some(*when)) == Ok(true) {
                    out.push((Some(number as u32), *why));
                }
            }
        }
        if any && !theirs {
            out.push((None, GuestOut::NoPartner));
        }
        out
    }

    /// Whether an account is wanted that can't be named.
    pub(crate) fn is_nameless(&self, ty: IdentityId, row: u32) -> bool {
        self.nameless(ty, row).is_some()
    }

    /// The account that is wanted and can't be named, if there is one.
    fn nameless(&self, ty: IdentityId, row: u32) -> Option<Hold> {
        let names = self.world.names?;
        let wanted = |a: &&u32| self.facts.account(**a).wanted == Tri::Yes;
        self.shape.accounts[ty.index()].iter().filter(wanted).find_map(|&account| {
            let (attribute, exhausted) = names.trouble(account, row)?;
            Some(Hold::Name { account, attribute, exhausted })
        })
    }

    /// The forbids that keep the identity at hand from a role that comes, and the roles that exceptions deny.
    fn withheld_by_name(&mut self) -> WithheldRoles {
        let (mut forbids, mut denied) = (Vec::new(), Vec::new());
        for (role, block) in self.withheld_roles() {
            match block {
                RoleBlock::Forbidden(forbid) => forbids.push((forbid, role.shown().into())),
                RoleBlock::Denied(exception) => denied.push((role.rule, exception, role.shown().into())),
                RoleBlock::Separated(_) => {}
            }
        }
        forbids.sort_unstable();
        (forbids, denied)
    }

    /// The rules that are had, sorted, and whether that is known of all that come.
    fn had_rules(&mut self) -> (Vec<u32>, Option<Unknown>) {
        let mut had: Vec<u32> = Vec::new();
        for &rule in self.facts.assigned() {
            if self.is_gated() || self.facts.rule(rule) == Tri::Yes {
                had.extend(&self.shape.rules[rule as usize].brings);
            }
        }
        had.sort_unstable();
        had.dedup();
        let mut unknown = None;
        if self.is_gated() {
            had.retain(|&rule| {
                if self.has_params(rule) {
                    // That one instance is had says nothing of another.
                    let had = self.instances(rule, Stage::Had);
                    let open = had.list.iter().find_map(|x| match x.is {
                        Tri::Unknown(u) => Some(u),
                        Tri::Yes | Tri::No => None,
                    });
                    unknown = unknown.or(had.open).or(open);
                }
                match self.had(rule) {
                    Tri::Yes => true,
                    Tri::No => false,
                    Tri::Unknown(u) => {
                        unknown = unknown.or(Some(u));
                        false
                    }
                }
            });
        }
        (had, unknown)
    }

    fn is_broken(&self, ty: IdentityId, row: u32) -> bool {
        self.world.population.is_some_and(|p| p.of(ty).broken.contains_key(&row))
    }

    pub(crate) fn hold(&self, unknown: Unknown) -> Hold {
        match self.subject {
            Subject::Identity(ty, row) if (ty, row) == (unknown.identity, unknown.row) => Hold::Own,
            _ => Hold::On(unknown),
        }
    }

    /// What the rules that hold grant, once the steps are taken. `skip_blocked` leaves out apps where nothing can be
    /// held, unseen.
    pub(crate) fn all_grants(&mut self, skip_blocked: bool) -> AllGrants {
        let (had, unknown) = self.had_rules();
        let mut all = AllGrants { unknown, ..AllGrants::default() };
        let mut blocks: Vec<Option<Option<Block>>> = vec![None; self.world.program.schema.apps.len()];
        let mut out = Vec::new();
        for rule in had {
            for (number, grant) in self.world.program.rules[rule as usize].grants.iter().enumerate() {
                let block = match blocks[grant.app.index()] {
                    Some(known) => known,
                    None => {
                        let block = self.blocked(grant.app).unwrap_or_else(|unknown| {
                            all.unknown = all.unknown.or(Some(unknown));
                            None
                        });
                        blocks[grant.app.index()] = Some(block);
                        block
                    }
                };
                if skip_blocked && block.is_some() {
                    continue;
                }
                if let Err(unknown) = self.expand(rule, number as u32, &mut out) {
                    all.unknown = all.unknown.or(Some(unknown));
                }
                match block {
                    None => all.free.append(&mut out),
                    Some(block) => all.blocked.extend(out.drain(..).map(|g| (g, block))),
                }
            }
        }
        all
    }

    /// The accounts, in order of app, with what of them can't be known. Of one who has left, what can't be known is
    /// not wanted.
    pub(crate) fn accounts(
        &mut self,
        ty: IdentityId,
        leaver: bool,
    ) -> (Vec<DesiredAccount>, Option<Unknown>) {
        let mut unknown = None;
        let mut list = Vec::new();
        let shape = self.shape;
        let (names, subject) = (self.world.names, self.subject);
        // Of a leaver whose own row says nothing of the state no name was looked for: there is no account to make.
        let unasked = |number: u32| match (names, subject) {
            (Some(names), Subject::Identity(_, row)) => leaver && names.unasked(number, row),
            _ => false,
        };
        for &number in &shape.accounts[ty.index()] {
            let program = &self.world.program.accounts[number as usize];
            let off = DesiredAccount {
                app: program.app,
                wanted: false,
                enabled: false,
                attributes: Box::default(),
            };
            match self.facts.account(number).wanted {
                Tri::No => list.push(off),
                Tri::Yes if unasked(number) => list.push(off),
                Tri::Unknown(u) => {
                    unknown = unknown.or(Some(u));
                    list.push(off);
                }
                Tri::Yes => match self.wanted_account(number) {
                    Ok(account) => list.push(account),
                    Err(u) => {
                        unknown = unknown.or(Some(u));
                        list.push(off);
                    }
                },
            }
        }
        (list, unknown.filter(|_| !leaver))
    }

    fn wanted_account(&mut self, number: u32) -> Result<DesiredAccount, Unknown> {
        let program = &self.world.program.accounts[number as usize];
        let enabled = self.holds(program.enabled)?;
        let mut attributes = Vec::with_capacity(program.attributes.len());
        for (i, id) in program.attributes.iter().enumerate() {
            let value = self.attribute_of(number, i as u32)?;
            attributes.push(Box::from(&*self.spell(&value, &self.world.program.expr(*id).ty)));
        }
        Ok(DesiredAccount { app: program.app, wanted: true, enabled, attributes: attributes.into() })
    }

    /// The forbids that hold for the identity at hand, whatever it holds.
    fn active_forbids(&mut self, ty: IdentityId) -> Vec<u32> {
        let program = self.world.program;
        (0..program.forbids.len() as u32)
            .filter(|&f| program.forbids[f as usize].identity.is_none_or(|of| of == ty))
            .filter(|&f| self.forbid(f) == Tri::Yes)
            .collect()
    }
}
