//! A block of identities of one type decided: those who are simple here, the others by the interpreter.
//! Invariant: who is decided here would be decided the same by [`Interp::decide`]; whatever might speak against that
//! (a broken record, an assignment, an exception, a keep, a rule that is not plain, a forbid or a separation that may be
//! hit) sends them there.

use super::OfType;
use super::against::{Against, Has};
use super::coding::{Coding, UNKNOWN};
use super::formula::NodeId;
use super::gather::Gather;
use super::matcher::{Matcher, Scratch};
use super::statics::Items;
use crate::evaluate::{BlockResult, Ready};
use crate::interp::{Interp, Subject};
use crate::profile::{Counts, Probe, Why};
use crate::world::{NO_STATE, World};
use prov_model::{
    AppId, DesiredAccount, EntId, IdentityFlags, IdentityId, Phase, StateDef, same_accounts, timed,
};
use std::ops::Range;

/// Ids of entitlements from here on are numbers of [`Side::items`].
pub(crate) const STATIC: u32 = 1 << 31;

/// A grant by input gives nothing for the value.
pub(crate) const NOTHING: u32 = u32::MAX;
/// What it gives for the value only the interpreter can tell.
pub(crate) const ASK: u32 = u32::MAX - 1;

/// A grant by input over a population: the item of each code.
pub(crate) struct Computed<'a> {
    pub coding: Option<Coding<'a>>,
    pub items: Vec<u32>,
}

/// One identity type over its rows.
pub(crate) struct Side<'a> {
    pub ty: IdentityId,
    pub of: &'a OfType,
    pub matcher: Matcher<'a>,
    /// By rule: whether it is decided here who has it, and what it gives.
    pub plain: Vec<bool>,
    /// What can be held: what is constant, and what grants by input give.
    pub items: Items,
    pub computed: Vec<Computed<'a>>,
    /// By forbid: its formula; none where only the interpreter knows.
    pub forbids: Vec<Option<NodeId>>,
    /// Whether what rules give is held as it is: nothing that can be given is special or in an app with accounts, and no
    /// source is told anything.
    pub bare: bool,
}

/// What a thread works with; reused from block to block.
#[derive(Default)]
pub(crate) struct Tools {
    pub scratch: Scratch,
    pub one: One,
    gather: Option<(IdentityId, Gather)>,
    /// What someone is to hold, to compare it with what they do.
    same: Option<(IdentityId, Gather)>,
    /// By rule: whether it may hold for the row at hand.
    marked: Vec<bool>,
    /// Of a run that takes note.
    counts: Option<Counts>,
}

/// What is found of someone who is simple.
#[derive(Default)]
pub(crate) struct One {
    /// The rules that hold.
    pub rules: Vec<u32>,
    /// What they give, by number of item, in order.
    pub items: Vec<u32>,
    sides: Vec<(u32, u32)>,
}

impl<'a> Side<'a> {
    /// `against` is what everyone has, where it is to be told of whom nothing differs.
    pub(crate) fn block(
        &self,
        ready: &'a Ready,
        world: World<'a>,
        rows: Range<u32>,
        tools: &mut Tools,
        against: Option<&Against<'_>>,
        probe: Option<&Probe>,
    ) -> BlockResult {
        let mut out = BlockResult::default();
        let Some(table) = world.population.map(|p| p.of(self.ty)) else { return out };
        let watch = probe.map(Probe::watch);
        tools.counts = probe.map(|_| Counts::new(ready.program.rules.len()));
        timed(watch, Phase::Match, || self.matcher.block(rows.clone(), &mut tools.scratch));
        let mut interp = Interp::new(world, &ready.shape, Subject::Identity(self.ty, rows.start));
        tools.marked.resize(ready.program.rules.len(), false);
        let mut cursor = against.map(|a| a.cursor(self.ty));
        for (at, row) in rows.enumerate() {
            let id = ready.program.schema.global_id(self.ty, table.table.key(row).unwrap_or(""));
            let has = cursor.as_mut().and_then(|c| c.of(&id));
            out.ids.push(id.into());
            let known = match self.concern(world, row) {
                _ if tools.scratch.odd[at] || !table.is_whole(row) => Err(Why::Unread),
                Some(why) => Err(why),
                None => Ok(()),
            };
            let simple = known.and_then(|()| {
                timed(watch, Phase::Gather, || self.simple(&mut interp, at, row, tools, &mut out, has))
            });
            let Err(why) = simple else {
                if let Some(counts) = &mut tools.counts {
                    counts.simple(&tools.one.rules);
                }
                continue;
            };
            interp.turn_to(Subject::Identity(self.ty, row));
            let decision = timed(watch, Phase::Interpret, || {
                if known.is_err() {
                    return interp.decide(|_| false);
                }
                for &rule in &tools.scratch.rules[at] {
                    tools.marked[rule as usize] = true;
                }
                let marked = &tools.marked;
                let decision = interp.decide(|rule| !marked[rule as usize]);
                for &rule in &tools.scratch.rules[at] {
                    tools.marked[rule as usize] = false;
                }
                decision
            });
            if let Some(counts) = &mut tools.counts {
                counts.asked(Some(why), &interp);
            }
            out.push(at as u32, (self.ty, row), decision, world);
        }
        if let (Some(probe), Some(counts)) = (probe, tools.counts.take()) {
            probe.add(self.ty, counts);
        }
        out.entitlements = std::mem::take(&mut interp.interner.entitlements);
        out
    }

    /// Whether memory, assignments or exceptions say something of a row.
    pub(crate) fn concern(&self, world: World<'_>, row: u32) -> Option<Why> {
        if world.by_hand.is_some_and(|h| h.is_about(self.ty, row)) {
            return Some(Why::ByHand);
        }
        self.is_remembered(world, row).then_some(Why::Remembered)
    }

    /// Whether memory says what someone keeps, or held once.
    pub(crate) fn is_remembered(&self, world: World<'_>, row: u32) -> bool {
        let Some(memory) = world.background.map(|b| &b.memory) else { return false };
        if memory.keeps.is_empty() && memory.entered.is_empty() {
            return false;
        }
        let key = world.population.and_then(|p| p.of(self.ty).table.key(row)).unwrap_or("");
        let id = world.program.schema.global_id(self.ty, key);
        memory.keeps.contains_key(&id) || memory.entered.contains_key(&id)
    }

    /// Whether more is to be said of who is in a state: what it keeps is memory's word, and guests who are out are told why.
    pub(crate) fn is_told(&self, def: Option<&StateDef>) -> bool {
        def.is_some_and(|d| d.keeps_any() || d.leaver && self.of.guests)
    }

    /// The rules and entitlements of someone whose record can be read and whom nothing else concerns; an error where only
    /// the interpreter can tell.
    pub(crate) fn find(
        &self,
        interp: &mut Interp<'a>,
        at: usize,
        row: u32,
        tools: &mut Tools,
    ) -> Result<(), Why> {
        self.rules(interp, at, row, tools)?;
        let sure = self.gather(row, tools);
        let held = self.items(at, tools);
        sure.and(held)
    }

    /// The rules that hold; an error where only the interpreter can tell what follows.
    fn rules(&self, interp: &mut Interp<'a>, at: usize, row: u32, tools: &mut Tools) -> Result<(), Why> {
        if !self.of.statics.flat {
            return Err(Why::Accounts);
        }
        let one = &mut tools.one;
        one.rules.clear();
        let mut turned = false;
        for &rule in &tools.scratch.rules[at] {
            if !self.plain[rule as usize] {
                return Err(Why::Rule(rule));
            }
            if !self.matcher.exact[rule as usize] {
                if !turned {
                    interp.turn_to(Subject::Identity(self.ty, row));
                    turned = true;
                }
                if let Some(counts) = &mut tools.counts {
                    counts.tested(rule);
                }
                match interp.holds(interp.world.program.rules[rule as usize].when) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(_) => return Err(Why::Condition(rule)),
                }
            }
            one.rules.push(rule);
        }
        Ok(())
    }

    /// Gathers what the rules give; an error where only the interpreter can tell.
    fn gather(&self, row: u32, tools: &mut Tools) -> Result<(), Why> {
        let gather = empty(&mut tools.gather, self);
        let mut sure = Ok(());
        for &rule in &tools.one.rules {
            gather.add(&self.of.statics.gives[rule as usize]);
            for &computed in &self.of.statics.also[rule as usize] {
                match self.computed(computed, row) {
                    NOTHING => {}
                    ASK => sure = sure.and(Err(Why::Value(rule))),
                    item => gather.add(&[item]),
                }
            }
        }
        sure
    }

    /// Lists what was gathered; an error where only the interpreter can tell what is held of it.
    fn items(&self, at: usize, tools: &mut Tools) -> Result<(), Why> {
        let Some((_, gather)) = &mut tools.gather else { return Ok(()) };
        let one = &mut tools.one;
        one.items.clear();
        one.sides.clear();
        let (mut sure, mut ranked, items) = (Ok(()), false, &self.items.list);
        gather.drain(|number| {
            one.items.push(number);
            let item = &items[number as usize];
            let Some(special) = &item.special else { return };
            let mut ask = |why: Why| sure = sure.and(Err(why));
            if special.odd {
                ask(Why::Spelling(item.app, item.kind));
            }
            if special.ranked {
                // Of two, though of two kinds, the interpreter says which is higher.
                if ranked {
                    ask(Why::Ranked(item.app, item.kind));
                }
                ranked = true;
            }
            let hit = |f: &u32| {
                self.forbids[*f as usize].is_none_or(|node| self.matcher.test(node, at, &tools.scratch))
            };
            if let Some(forbid) = special.forbids.iter().find(|f| hit(f)) {
                ask(Why::Forbid(*forbid));
            }
            for &(separation, side) in &special.sides {
                if one.sides.iter().any(|(s, other)| *s == separation && *other != side) {
                    ask(Why::Separation(separation));
                }
                one.sides.push((separation, side));
            }
        });
        sure
    }

    /// What a grant by input gives for a row.
    pub(crate) fn computed(&self, number: u32, row: u32) -> u32 {
        let computed = &self.computed[number as usize];
        match computed.coding.as_ref().map_or(0, |c| c.code(row)) {
            UNKNOWN => ASK,
            code => computed.items[code as usize],
        }
    }

    /// Decides someone who is simple; an error where they are not, and nothing was done. `has` is what they have, where it is
    /// to be told whether that is what they should have.
    fn simple(
        &self,
        interp: &mut Interp<'a>,
        at: usize,
        row: u32,
        tools: &mut Tools,
        out: &mut BlockResult,
        has: Option<Has<'_>>,
    ) -> Result<(), Why> {
        let (program, statics) = (interp.world.program, &self.of.statics);
        let schema = &program.schema;
        let lifecycle = schema.identity(self.ty).lifecycle.as_ref();
        let state = interp.world.states.map_or(NO_STATE, |s| s[self.ty.index()][row as usize]);
        let def = lifecycle.and_then(|l| l.defs.get(state as usize));
        let leaver = def.is_some_and(|d| d.leaver);
        if state == NO_STATE && lifecycle.is_some() {
            return Err(Why::NoState);
        }
        if self.is_told(def) {
            return Err(Why::State(state));
        }
        self.rules(interp, at, row, tools)?;
        let drops = def.filter(|d| d.leaver || !d.verbs.is_empty());
        let watched = has.is_some();
        // Who leaves, or is in a state that does something, has more to them than what they hold.
        let has = has.filter(|_| drops.is_none());
        let sure = self.gather(row, tools);
        if let Some(has) = has
            && sure.is_ok()
            && self.bare
            && has.accounts.is_empty()
            && let Some((_, gather)) = &mut tools.gather
            && gather.is(has.numbers())
        {
            gather.clear();
            out.settle(state);
            return Ok(());
        }
        let held = self.items(at, tools);
        sure.and(held)?;
        let mut accounts = Vec::new();
        if !interp.shape.accounts[self.ty.index()].is_empty() {
            interp.turn_to(Subject::Identity(self.ty, row));
            if statics.accounts_ask {
                interp.take_as_known(&tools.one.rules);
            }
            interp.step_accounts(self.ty);
            let (list, unknown) = interp.accounts(self.ty, leaver);
            if unknown.is_some() || !leaver && interp.is_nameless(self.ty, row) {
                return Err(Why::Account);
            }
            accounts = list;
        }
        let mut told = false;
        if !leaver && !schema.writebacks.is_empty() {
            interp.turn_to(Subject::Identity(self.ty, row));
            let writes = interp.writes(&accounts);
            told = !writes.is_empty();
            out.tell(at as u32, writes);
        }
        tools.one.items.retain(|number| {
            let app = self.items.list[*number as usize].app;
            let dropped = drops.is_some_and(|d: &StateDef| d.drops(app));
            !dropped && has_account(interp, app, &accounts)
        });
        if let Some(has) = has
            && !told
            && same_accounts(&accounts, has.accounts)
        {
            let same = empty(&mut tools.same, self);
            same.add(&tools.one.items);
            let is = same.is(has.numbers());
            same.clear();
            if is {
                out.settle(state);
                return Ok(());
            }
        }
        if watched {
            out.matched(at as u32, &tools.one.rules);
        }
        out.holdings.push(tools.one.items.iter().map(|number| EntId(number | STATIC)));
        out.states.push(state);
        out.flags.push(IdentityFlags::default());
        out.accounts.push(accounts);
        Ok(())
    }
}

/// A gatherer of a side's items, with nothing in it.
fn empty<'t>(of: &'t mut Option<(IdentityId, Gather)>, side: &Side<'_>) -> &'t mut Gather {
    let other = of.as_ref().is_none_or(|(ty, _)| *ty != side.ty);
    if other {
        *of = None;
    }
    &mut of.get_or_insert_with(|| (side.ty, Gather::new(side.items.list.len()))).1
}

/// Whether something can be held in an app: it has no accounts, or one is wanted.
fn has_account(interp: &Interp<'_>, app: AppId, accounts: &[DesiredAccount]) -> bool {
    interp.world.program.schema.app(app).account.is_none()
        || accounts.iter().any(|a| a.app == app && a.wanted)
}
