//! What no plan may take away, and seats (items.md, "protect" and "limit"; plan.md, "What is protected").
//! Invariant: of one entitlement all revokes that end a membership are held back, or none.

use crate::action::{Act, Deed};
use crate::actual::Account;
use crate::cause::Cause;
use crate::entitlement::{Ent, compared, join, same};
use crate::eval::{Eval, Scope, Stop};
use crate::found::{EXAMPLES, Find};
use crate::plan::{Lines, Planner};
use crate::value::{Ty, fold, nfc};
use prov_syntax::ast::{EntPattern, PatternArg};
use std::collections::{BTreeMap, BTreeSet};

/// `protect PATTERN at least N members`, or `limit PATTERN at most N`.
pub(crate) struct Counted<'a> {
    pub pattern: &'a EntPattern,
    pub many: u64,
    pub cause: Cause,
}

/// An entitlement: app, kind and the value as it is compared.
pub(crate) type Key = (String, String, String);

pub(crate) fn key(ent: &Ent) -> Key {
    (ent.app.clone(), ent.kind.clone(), ent.compared.clone())
}

/// What becomes of a membership.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// And whether a grant makes them a member.
    Comes(bool),
    /// By a revoke.
    Taken,
    /// A revoke is held back.
    Kept,
    Lost,
}

/// The members of an entitlement, before and after a plan.
#[derive(Default)]
pub(crate) struct Members {
    of: Vec<(String, Fate)>,
    /// A spelling of its value.
    value: String,
}

impl Members {
    fn count(&self, is: impl Fn(Fate) -> bool) -> u64 {
        self.of.iter().filter(|(_, fate)| is(*fate)).count() as u64
    }

    /// Those that there are afterwards whatever becomes of the revokes.
    fn certain(&self) -> u64 {
        self.count(|f| matches!(f, Fate::Stays | Fate::Comes(_)))
    }
}

/// Who holds what is limited, before and after a plan.
#[derive(Default)]
pub(crate) struct Seats {
    before: BTreeSet<String>,
    after: BTreeSet<String>,
}

impl<'a> Planner<'_, 'a> {
    /// The `protect` of an identity.
    pub(crate) fn protected_identity(&self, id: &str) -> Option<Cause> {
        let folds = self.type_of(id).is_some_and(|of| {
            let key = self.world.policy.identity(of).and_then(|d| d.fields.iter().find(|f| f.key));
            key.is_some_and(|k| k.ty == Ty::Text)
        });
        let is = |key: &str| if folds { fold(key) == fold(id) } else { key == id };
        self.protected_identities().into_iter().find(|(key, _)| is(key)).map(|(_, cause)| cause)
    }

    /// Who is protected by id, each with the `protect`.
    fn protected_identities(&self) -> Vec<(String, Cause)> {
        let named = |(key, cause): &(String, Cause)| {
            let id = self.protected_key(key);
            (id.clone(), Cause { rule: format!("protect identity {id:?}"), ..cause.clone() })
        };
        let mut all: Vec<_> = self.world.policy.protected.iter().map(named).collect();
        all.sort();
        all
    }

    /// The global id that a `protect identity` names: its key read by its type.
    fn protected_key(&self, written: &str) -> String {
        let (of, key) = match self.world.policy.identities.as_slice() {
            [one] => (Some(one), written),
            all => match written.split_once(':') {
                Some((of, key)) => (all.iter().find(|i| i.name == of), key),
                None => (None, written),
            },
        };
        let Some(of) = of else { return written.to_owned() };
        let ty = of.fields.iter().find(|f| f.key).map(|f| &f.ty);
        let plain = ty.and_then(|t| self.world.reading().scalar(key.trim(), t)).map(|v| nfc(&v.plain()));
        self.world.global_id(&of.name, &plain.unwrap_or_else(|| key.trim().to_owned()))
    }

    /// The `protect` that wants most members of an entitlement; of equals the first by name.
    fn protects(&self, ent: &Ent) -> Result<Option<&Counted<'a>>, Stop> {
        let mut found: Option<&Counted<'a>> = None;
        for protect in &self.world.policy.protects {
            if found.is_none_or(|f| f.many < protect.many)
                && Eval::new(self.world).names(protect.pattern, ent)?
            {
                found = Some(protect);
            }
        }
        Ok(found)
    }

    fn signs_in(&self, app: &str, accounts: &[&Account]) -> bool {
        let direct = self.world.policy.app(app).is_none_or(|a| a.accounts.is_empty());
        direct || (!accounts.is_empty() && accounts.iter().all(|a| a.enabled))
    }

    /// Whether someone may sign in to an app once these actions have run.
    fn signs_in_after(&self, id: &str, left: bool, app: &str, acts: &[Act]) -> bool {
        if left && self.protected_identity(id).is_none() {
            return false;
        }
        if self.world.policy.app(app).is_none_or(|a| a.accounts.is_empty()) {
            return true;
        }
        let here = |deeds: &[Deed]| acts.iter().find(|a| a.app == app && deeds.contains(&a.deed));
        if here(&[Deed::Disable, Deed::Delete]).is_some() {
            return false;
        }
        let has = self.accounts_of(id, app);
        if has.is_empty() {
            let enabled =
                |a: &Act| a.changes.iter().all(|c| c.0 != "enabled" || c.2.as_deref() == Some("true"));
            return here(&[Deed::Create]).is_some_and(enabled);
        }
        has.iter().all(|a| a.enabled) || here(&[Deed::Enable]).is_some()
    }

    /// Takes out of someone's actions what is protected, and counts memberships and seats.
    pub(crate) fn protect(
        &self,
        id: &str,
        left: bool,
        acts: &mut Vec<Act>,
        lines: &mut Lines,
    ) -> Result<(), Stop> {
        let mut back: Vec<Act> = Vec::new();
        if let Some(by) = self.protected_identity(id) {
            let takes = |a: &Act| matches!(a.deed, Deed::Disable | Deed::Delete | Deed::Revoke);
            let (taken, rest): (Vec<Act>, Vec<Act>) = acts.drain(..).partition(takes);
            *acts = rest;
            for act in taken {
                lines.findings.insert(held_back(&act, Some(&by)));
                back.push(act);
            }
        }
        let (mut rest, all) = (Vec::new(), acts.clone());
        for act in acts.drain(..) {
            let closed = act.deed == Deed::Revoke
                && act.ent.as_ref().is_some_and(|e| lines.closed.contains(&key(e)))
                && self.signs_in(&act.app, &self.accounts_of(id, &act.app))
                && self.signs_in_after(id, left, &act.app, &all);
            if !closed {
                rest.push(act);
                continue;
            }
            if let Some(ent) = &act.ent
                && let Some(by) = self.protects(ent)?
            {
                lines.findings.insert(held_back(&act, Some(&by.cause)));
            }
            back.push(act);
        }
        // What may not stand beside something that is held back does not come either.
        for act in rest {
            let mut beside = false;
            for held in back.iter().filter(|b| b.deed == Deed::Revoke && act.deed == Deed::Grant) {
                beside |= self.parts(held, &act)?;
            }
            if beside {
                lines.findings.insert(held_back(&act, None));
            } else {
                acts.push(act);
            }
        }
        self.memberships(id, left, acts, &back, lines)?;
        self.seats(id, acts, lines)
    }

    fn memberships(
        &self,
        id: &str,
        left: bool,
        acts: &[Act],
        back: &[Act],
        lines: &mut Lines,
    ) -> Result<(), Stop> {
        let revokes = |acts: &[Act], ent: &Ent| {
            acts.iter().any(|a| a.deed == Deed::Revoke && a.ent.as_ref().is_some_and(|e| same(e, ent)))
        };
        for ent in self.actual.held.get(id).map_or(&[][..], Vec::as_slice) {
            if self.protects(ent)?.is_none() {
                continue;
            }
            let before = self.signs_in(&ent.app, &self.accounts_of(id, &ent.app));
            let after = self.signs_in_after(id, left, &ent.app, acts);
            let fate = match (before, after, revokes(acts, ent)) {
                (true, true, true) => Fate::Taken,
                (true, true, false) if revokes(back, ent) => Fate::Kept,
                (true, true, false) => Fate::Stays,
                (true, false, _) => Fate::Lost,
                (false, true, false) => Fate::Comes(false),
                (false, _, _) => continue,
            };
            lines.member(ent, id, fate);
        }
        for act in acts.iter().filter(|a| a.deed == Deed::Grant) {
            let Some(ent) = &act.ent else { continue };
            if self.protects(ent)?.is_none() || !self.signs_in_after(id, left, &ent.app, acts) {
                continue;
            }
            // Who gets it only after losing what is protected itself can't be waited for.
            let mut waits = false;
            for revoke in acts.iter().filter(|a| a.deed == Deed::Revoke) {
                let Some(gone) = &revoke.ent else { continue };
                waits |= self.protects(gone)?.is_some() && self.parts(revoke, act)?;
            }
            if !waits {
                lines.member(ent, id, Fate::Comes(true));
            }
        }
        Ok(())
    }

    /// Counts someone to whom a plan does nothing. `seen`: what they have is known.
    pub(crate) fn left_alone(&self, id: &str, seen: bool, lines: &mut Lines) -> Result<(), Stop> {
        self.seats(id, &[], lines)?;
        for ent in self.actual.held.get(id).map_or(&[][..], Vec::as_slice).iter().filter(|_| seen) {
            if self.protects(ent)?.is_some() && self.signs_in(&ent.app, &self.accounts_of(id, &ent.app)) {
                lines.member(ent, id, Fate::Stays);
            }
        }
        Ok(())
    }

    fn seats(&self, id: &str, acts: &[Act], lines: &mut Lines) -> Result<(), Stop> {
        let eval = Eval::new(self.world);
        lines.seats.resize_with(self.world.policy.limits.len(), Seats::default);
        for (limit, seats) in self.world.policy.limits.iter().zip(&mut lines.seats) {
            for ent in self.actual.held.get(id).map_or(&[][..], Vec::as_slice) {
                if !eval.names(limit.pattern, ent)? {
                    continue;
                }
                seats.before.insert(id.to_owned());
                let goes = |a: &Act| match a.deed {
                    Deed::Revoke => a.ent.as_ref().is_some_and(|e| same(e, ent)),
                    // With the account goes what it holds.
                    Deed::Delete => a.app == ent.app,
                    _ => false,
                };
                if !acts.iter().any(goes) {
                    seats.after.insert(id.to_owned());
                }
            }
            for act in acts.iter().filter(|a| a.deed == Deed::Grant) {
                if let Some(ent) = &act.ent
                    && eval.names(limit.pattern, ent)?
                {
                    seats.after.insert(id.to_owned());
                }
            }
        }
        Ok(())
    }

    /// The entitlements whose revokes would leave too few members.
    pub(crate) fn too_few(&self, lines: &Lines) -> Result<BTreeSet<Key>, Stop> {
        let mut out = BTreeSet::new();
        for (key, members) in &lines.members {
            let wants = self.wanted_members(key, members)?;
            if members.count(|f| f == Fate::Taken) > 0 && members.certain() < wants {
                out.insert(key.clone());
            }
        }
        Ok(out)
    }

    fn wanted_members(&self, key: &Key, members: &Members) -> Result<u64, Stop> {
        Ok(self.protects(&ent(key, members))?.map_or(0, |p| p.many))
    }

    /// Where those who come make up the number that those who go leave, who goes waits until they have come, and stands last
    /// with all that waits for them.
    pub(crate) fn hand_over(&self, lines: &mut Lines) -> Result<(), Stop> {
        let mut goes: BTreeSet<String> = BTreeSet::new();
        let mut more: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, members) in &lines.members {
            let stays = members.count(|f| f == Fate::Stays);
            if members.count(|f| f == Fate::Taken) == 0 || stays >= self.wanted_members(key, members)? {
                continue;
            }
            let comes = |id: &str| {
                members.of.iter().find_map(|(who, fate)| match fate {
                    Fate::Comes(granted) if who == id => Some(*granted),
                    _ => None,
                })
            };
            let of = |a: &Act| a.ent.as_ref().is_some_and(|e| self::key(e) == *key);
            let revokes: Vec<String> = lines
                .acts
                .iter()
                .filter(|a| a.deed == Deed::Revoke && !a.left && of(a))
                .map(Act::name)
                .collect();
            let arrives = |a: &&Act| match a.deed {
                Deed::Grant => of(a) && comes(&a.id).is_some(),
                Deed::Create | Deed::Enable => a.app == key.0 && comes(&a.id) == Some(false),
                _ => false,
            };
            let arrivals: Vec<String> = lines.acts.iter().filter(arrives).map(Act::name).collect();
            for revoke in &revokes {
                let for_these = match revokes.first() {
                    Some(first) if arrivals.len() > crate::order::FEW && first != revoke => {
                        std::slice::from_ref(first)
                    }
                    _ => &arrivals,
                };
                more.entry(revoke.clone()).or_default().extend_from_slice(for_these);
                goes.insert(revoke.clone());
            }
        }
        if goes.is_empty() {
            return Ok(());
        }
        // What waits for those who go stands last, too.
        let mut last = goes;
        for act in &lines.acts {
            if act.after.iter().any(|a| last.contains(a)) {
                last.insert(act.name());
            }
        }
        let (behind, mut acts): (Vec<Act>, Vec<Act>) =
            std::mem::take(&mut lines.acts).into_iter().partition(|a| last.contains(&a.name()));
        acts.extend(behind);
        let place: BTreeMap<String, usize> = acts.iter().enumerate().map(|(i, a)| (a.name(), i)).collect();
        for act in &mut acts {
            act.after.extend(more.remove(&act.name()).unwrap_or_default());
            act.after.sort_by_key(|a| place.get(a));
            act.after.dedup();
        }
        lines.acts = acts;
        Ok(())
    }

    /// What is told of entitlements as a whole, of seats, and of who is protected and nowhere.
    pub(crate) fn tell_protected(&self, lines: &mut Lines) -> Result<(), Stop> {
        let mut finds = Vec::new();
        let mut seen: BTreeSet<Cause> = BTreeSet::new();
        for (key, members) in &lines.members {
            let ent = ent(key, members);
            for protect in &self.world.policy.protects {
                if Eval::new(self.world).names(protect.pattern, &ent)? {
                    seen.insert(protect.cause.clone());
                }
            }
            let Some(by) = self.protects(&ent)? else { continue };
            let about = |kind: &str, count: u64| {
                let mut find = Find::new(kind);
                find.app = Some(ent.app.clone());
                find.ent = Some((ent.kind.clone(), Some(ent.value.clone())));
                (find.count, find.because) = (Some(count), vec![by.cause.clone()]);
                find
            };
            let kept = members.count(|f| f == Fate::Kept);
            if lines.closed.contains(key) && kept > 0 {
                finds.push(about("protected", kept));
            }
            if members.certain() + kept < by.many {
                let lost = members.of.iter().filter(|(_, f)| *f == Fate::Lost).map(|(id, _)| id.clone());
                let examples = lost.take(EXAMPLES).collect();
                finds.push(Find { examples, ..about("too_few", members.certain() + kept) });
            }
        }
        // Of what a `protect` names nobody is, or becomes, a member.
        for protect in self.world.policy.protects.iter().filter(|p| !seen.contains(&p.cause)) {
            let mut find = Find::new("too_few");
            (find.app, find.ent) = self.named(protect.pattern, true)?;
            (find.count, find.because) = (Some(0), vec![protect.cause.clone()]);
            finds.push(find);
        }
        for (limit, seats) in self.world.policy.limits.iter().zip(&lines.seats) {
            let after = seats.after.len() as u64;
            if after <= limit.many {
                continue;
            }
            let mut find = Find::new("too_many");
            (find.app, find.ent) = self.named(limit.pattern, false)?;
            (find.count, find.because) = (Some(after), vec![limit.cause.clone()]);
            find.examples = seats.after.difference(&seats.before).take(EXAMPLES).cloned().collect();
            finds.push(find);
        }
        let ids = self.ids();
        for (key, cause) in self.protected_identities() {
            if ids.iter().all(|id| self.protected_identity(id).as_ref() != Some(&cause)) {
                let mut find = Find::of("unmatched_protect", &key);
                find.because = vec![cause];
                finds.push(find);
            }
        }
        lines.findings.extend(finds);
        Ok(())
    }

    /// What a pattern names: the app, and where it names one, the kind and the one value as it is compared. `or_none`: the
    /// value of a kind without any is told as an empty one.
    fn named(&self, pattern: &'a EntPattern, or_none: bool) -> Result<Named, Stop> {
        let EntPattern::Entitlement { app, kind, args, .. } = pattern else {
            let EntPattern::Role(app) = pattern else { return Ok((None, None)) };
            return Ok((Some(app.name.text.clone()), None));
        };
        let known = self.world.policy.app(&app.text);
        let def = kind.as_ref().and_then(|k| known?.kind(&k.text));
        let (Some(kind), Some(def)) = (kind, def) else { return Ok((Some(app.text.clone()), None)) };
        let mut values = Vec::new();
        for (arg, ty) in args.iter().flatten().zip(&def.types) {
            if let PatternArg::Value(e) = arg {
                values.push(Eval::new(self.world).eval(e, &Scope::default(), Some(ty))?.plain());
            }
        }
        let value = match (def.types.is_empty(), values.len() == def.types.len()) {
            (true, _) => or_none.then(String::new),
            (false, true) => Some(compared(def, &join(&values))),
            (false, false) => None,
        };
        Ok((Some(app.text.clone()), Some((kind.text.clone(), value))))
    }
}

/// App, and kind with value.
type Named = (Option<String>, Option<(String, Option<String>)>);

fn ent(key: &Key, members: &Members) -> Ent {
    let (app, kind, compared) = key.clone();
    Ent { app, kind, value: members.value.clone(), compared }
}

impl Lines {
    fn member(&mut self, ent: &Ent, id: &str, fate: Fate) {
        let members = self.members.entry(key(ent)).or_default();
        if members.of.is_empty() || ent.value < members.value {
            members.value.clone_from(&ent.value);
        }
        members.of.push((id.to_owned(), fate));
    }
}

/// An action that is held back by a `protect`, or does not stand beside what is.
fn held_back(act: &Act, by: Option<&Cause>) -> Find {
    let mut find = Find::of("protected", &act.id);
    (find.app, find.account) = (Some(act.app.clone()), act.account.clone());
    find.ent = act.ent.as_ref().map(|e| (e.kind.clone(), Some(e.value.clone())));
    find.because = by.into_iter().cloned().chain(act.because.iter().cloned()).collect();
    find
}
