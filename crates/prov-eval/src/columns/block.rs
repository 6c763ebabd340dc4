//! A block of identities of one type decided: those whose rules are all plain here, the others by the interpreter.
//! Invariant: who is decided here would be decided the same by [`Interp::decide`]; whatever might speak against that
//! (a broken record, an assignment, an exception, a keep, a rule that is not plain) sends them there.

use super::OfType;
use super::gather::Gather;
use super::matcher::{Matcher, Scratch};
use crate::evaluate::{BlockResult, Ready};
use crate::interp::{Interp, Subject};
use crate::world::{NO_STATE, World};
use prov_model::{AppId, DesiredAccount, EntId, IdentityFlags, IdentityId, StateDef};
use std::ops::Range;

/// Ids of entitlements from here on are numbers of static ones of the type.
pub(crate) const STATIC: u32 = 1 << 31;

/// One identity type over its rows.
pub(crate) struct Side<'a> {
    pub ty: IdentityId,
    pub of: &'a OfType,
    pub matcher: Matcher<'a>,
    /// Whether anyone of the type can be decided here.
    pub flat: bool,
}

/// What a thread works with; reused from block to block.
#[derive(Default)]
pub(crate) struct Tools {
    scratch: Scratch,
    gather: Option<(IdentityId, Gather)>,
    /// By rule: whether it may hold for the row at hand.
    marked: Vec<bool>,
    held: Vec<EntId>,
    rules: Vec<u32>,
}

impl<'a> Side<'a> {
    pub(crate) fn block(
        &self,
        ready: &'a Ready,
        world: World<'a>,
        rows: Range<u32>,
        tools: &mut Tools,
    ) -> BlockResult {
        let mut out = BlockResult::default();
        let Some(table) = world.population.map(|p| p.of(self.ty)) else { return out };
        self.matcher.block(rows.clone(), &mut tools.scratch);
        let mut interp = Interp::new(world, &ready.shape, Subject::Identity(self.ty, rows.start));
        tools.marked.resize(ready.program.rules.len(), false);
        for (at, row) in rows.enumerate() {
            let key = table.table.key(row).unwrap_or("");
            out.ids.push(ready.program.schema.global_id(self.ty, key).into());
            let known = !tools.scratch.odd[at] && table.is_whole(row) && !self.is_concerned(world, row);
            if known && self.flat && self.simple(&mut interp, at, row, tools, &mut out) {
                continue;
            }
            interp.turn_to(Subject::Identity(self.ty, row));
            let decision = if known {
                for &rule in &tools.scratch.rules[at] {
                    tools.marked[rule as usize] = true;
                }
                let marked = &tools.marked;
                let decision = interp.decide(|rule| !marked[rule as usize]);
                for &rule in &tools.scratch.rules[at] {
                    tools.marked[rule as usize] = false;
                }
                decision
            } else {
                interp.decide(|_| false)
            };
            out.push(at as u32, (self.ty, row), decision, world);
        }
        out.entitlements = std::mem::take(&mut interp.interner.entitlements);
        out
    }

    /// Whether memory, assignments or exceptions say something of a row.
    fn is_concerned(&self, world: World<'_>, row: u32) -> bool {
        if world.by_hand.is_some_and(|h| h.is_about(self.ty, row)) {
            return true;
        }
        let keeps = world.background.map(|b| &b.memory.keeps).filter(|k| !k.is_empty());
        let key = world.population.and_then(|p| p.of(self.ty).table.key(row)).unwrap_or("");
        keeps.is_some_and(|k| k.contains_key(&world.program.schema.global_id(self.ty, key)))
    }

    /// Decides someone whose rules are all plain; false where that is not so, and nothing was done.
    fn simple(
        &self,
        interp: &mut Interp<'a>,
        at: usize,
        row: u32,
        tools: &mut Tools,
        out: &mut BlockResult,
    ) -> bool {
        let (program, statics) = (interp.world.program, &self.of.statics);
        let lifecycle = program.schema.identity(self.ty).lifecycle.as_ref();
        let state = interp.world.states.map_or(NO_STATE, |s| s[self.ty.index()][row as usize]);
        if state == NO_STATE && lifecycle.is_some() {
            return false;
        }
        let def = lifecycle.and_then(|l| l.defs.get(state as usize));
        tools.rules.clear();
        let mut turned = false;
        for &rule in &tools.scratch.rules[at] {
            if !statics.plain[rule as usize] {
                return false;
            }
            if !self.matcher.exact[rule as usize] {
                if !turned {
                    interp.turn_to(Subject::Identity(self.ty, row));
                    turned = true;
                }
                match interp.holds(program.rules[rule as usize].when) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(_) => return false,
                }
            }
            tools.rules.push(rule);
        }
        let mut accounts = Vec::new();
        if !interp.shape.accounts[self.ty.index()].is_empty() {
            interp.turn_to(Subject::Identity(self.ty, row));
            interp.step_accounts(self.ty);
            let (list, unknown) = interp.accounts(self.ty, def.is_some_and(|d| d.leaver));
            if unknown.is_some() {
                return false;
            }
            accounts = list;
        }
        let gather = match &mut tools.gather {
            Some((of, gather)) if *of == self.ty => gather,
            other => &mut other.insert((self.ty, Gather::new(statics.items.len()))).1,
        };
        for &rule in &tools.rules {
            gather.add(&statics.gives[rule as usize]);
        }
        let drops = def.filter(|d| d.leaver || !d.verbs.is_empty());
        let any_account = program.schema.apps.iter().any(|a| a.account.is_some());
        tools.held.clear();
        gather.drain(|number| {
            let app = statics.items[number as usize].app;
            let dropped = drops.is_some_and(|d: &StateDef| d.drops(app));
            if !dropped && (!any_account || self.has_account(interp, app, &accounts)) {
                tools.held.push(EntId(number | STATIC));
            }
        });
        out.states.push(state);
        out.flags.push(IdentityFlags::default());
        out.accounts.push(accounts);
        out.holdings.push(tools.held.iter().copied());
        true
    }

    /// Whether something can be held in an app: it has no accounts, or one is wanted.
    fn has_account(&self, interp: &Interp<'_>, app: AppId, accounts: &[DesiredAccount]) -> bool {
        interp.world.program.schema.app(app).account.is_none()
            || accounts.iter().any(|a| a.app == app && a.wanted)
    }
}
