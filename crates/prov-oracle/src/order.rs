//! In which order actions stand, and what each waits for (plan.md, "Order").
//! Invariant: whoever carries out actions in any order that keeps to `after` is safe.

use crate::action::{Act, Deed};
use crate::eval::{Eval, Stop};
use crate::plan::Planner;
use std::cmp::Ordering;

/// Grants that every revoke names; where there are more, only the first revoke does, and the others name that one.
pub(crate) const FEW: usize = 8;

/// The part of a plan: what keeps leavers out, what else leavers lose, and the rest.
fn part(act: &Act) -> usize {
    match (act.left, act.deed) {
        (true, Deed::Disable | Deed::Kill) => 0,
        (true, _) => 1,
        (false, _) => 2,
    }
}

/// The turn of an action among those of its identity.
fn turn(act: &Act) -> usize {
    match act.deed {
        Deed::Create | Deed::Rename | Deed::Update | Deed::Enable => 0,
        Deed::Revoke if act.early => 1,
        Deed::Grant => 2,
        Deed::Revoke => 3,
        Deed::Disable => 4,
        Deed::Kill => 5,
        Deed::Delete => 6,
        Deed::WriteBack => 7,
    }
}

impl<'a> Planner<'_, 'a> {
    /// The order of a plan, but for what is handed over.
    pub(crate) fn compare(&self, a: &Act, b: &Act) -> Ordering {
        let rank = |act: &Act| {
            let all = self.in_order();
            let rank = all.iter().position(|app| app.name == act.app).unwrap_or(all.len());
            if act.deed == Deed::Delete { all.len() - rank } else { rank }
        };
        let of = |act: &Act| act.ent.as_ref().map(|e| (e.kind.clone(), e.value.clone()));
        (part(a), &a.id, turn(a))
            .cmp(&(part(b), &b.id, turn(b)))
            .then_with(|| (rank(a), a.deed).cmp(&(rank(b), b.deed)))
            .then_with(|| of(a).cmp(&of(b)))
            .then_with(|| a.account.cmp(&b.account))
    }

    /// Puts the actions of one identity in order, and says what each waits for.
    pub(crate) fn arrange(&self, acts: &mut [Act]) -> Result<(), Stop> {
        for i in 0..acts.len() {
            let mut early = false;
            for grant in acts.iter().filter(|g| g.deed == Deed::Grant) {
                early |= acts[i].deed == Deed::Revoke && !acts[i].left && self.parts(&acts[i], grant)?;
            }
            acts[i].early = early;
        }
        acts.sort_by(|a, b| self.compare(a, b));
        for i in 0..acts.len() {
            let mut waits = Vec::new();
            for j in self.waits_for(acts, i)? {
                waits.push(acts[j].name());
            }
            acts[i].after = waits;
        }
        Ok(())
    }

    /// Whether a separation wants what is revoked gone before what is granted comes.
    pub(crate) fn parts(&self, revoke: &Act, grant: &Act) -> Result<bool, Stop> {
        let (Some(revoked), Some(granted)) = (&revoke.ent, &grant.ent) else { return Ok(false) };
        let eval = Eval::new(self.world);
        for separation in self.world.separations() {
            if separation.withheld.iter().all(|w| !w) {
                continue;
            }
            let on = |ent| -> Result<Vec<usize>, Stop> {
                let mut sides = Vec::new();
                for (number, side) in separation.sides.iter().enumerate() {
                    for pattern in side {
                        if eval.names(pattern, ent)? {
                            sides.push(number);
                        }
                    }
                }
                Ok(sides)
            };
            let (a, b) = (on(revoked)?, on(granted)?);
            if a.iter().any(|x| b.iter().any(|y| x != y)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What one of someone's actions, which are in order, waits for; in the order in which they stand.
    fn waits_for(&self, acts: &[Act], at: usize) -> Result<Vec<usize>, Stop> {
        let act = &acts[at];
        let in_app = |app: &str, is: &dyn Fn(&Act) -> bool| -> Vec<usize> {
            (0..acts.len()).filter(|i| acts[*i].app == app && is(&acts[*i])).collect()
        };
        let here = |is: &dyn Fn(&Act) -> bool| in_app(&act.app, is);
        let account = here(&|a| turn(a) == 0);
        let grants = here(&|a| a.deed == Deed::Grant);
        let early = here(&|a| a.deed == Deed::Revoke && a.early);
        let late = here(&|a| a.deed == Deed::Revoke && !a.early);
        let revokes = here(&|a| a.deed == Deed::Revoke);
        let disables = here(&|a| a.deed == Deed::Disable);
        let kills = here(&|a| a.deed == Deed::Kill);
        let last = |list: &[usize]| list.last().copied().into_iter().collect::<Vec<_>>();
        let mut waits = match act.deed {
            Deed::Create | Deed::Rename | Deed::Update | Deed::Enable => {
                let before: Vec<usize> = account.iter().copied().filter(|i| *i < at).collect();
                match (before.is_empty(), self.parent(&act.app)) {
                    (false, _) => last(&before),
                    (true, Some(parent)) => {
                        in_app(&parent, &|a| matches!(a.deed, Deed::Create | Deed::Rename))
                    }
                    (true, None) => Vec::new(),
                }
            }
            Deed::WriteBack => last(&account),
            Deed::Grant => {
                let mut waits = last(&account);
                for (i, other) in acts.iter().enumerate().filter(|(_, a)| a.early) {
                    if self.parts(other, act)? {
                        waits.push(i);
                    }
                }
                waits
            }
            Deed::Revoke | Deed::Disable if act.left => Vec::new(),
            Deed::Revoke if act.early || grants.is_empty() => last(&account),
            Deed::Revoke if grants.len() > FEW && late[0] < at => vec![late[0]],
            Deed::Revoke => grants,
            Deed::Disable => {
                let mut waits = match (late.is_empty(), grants.is_empty()) {
                    (false, _) => late,
                    (true, false) => grants,
                    (true, true) => last(&account),
                };
                waits.extend(early);
                waits
            }
            Deed::Kill if !disables.is_empty() => disables,
            Deed::Kill if act.left => Vec::new(),
            Deed::Kill => revokes,
            Deed::Delete => {
                let mut waits = if kills.is_empty() { disables } else { kills };
                if act.left || waits.is_empty() {
                    waits.extend(revokes);
                }
                for (i, other) in acts.iter().enumerate().filter(|(_, a)| a.deed == Deed::Delete) {
                    if self.parent(&other.app).is_some_and(|p| p == act.app) {
                        waits.push(i);
                    }
                }
                waits
            }
        };
        waits.sort_unstable();
        waits.dedup();
        Ok(waits)
    }

    /// The app whose account the accounts of an app come from.
    fn parent(&self, app: &str) -> Option<String> {
        let block = self.world.policy.app(app)?.accounts.first()?;
        block.from.as_ref().map(|f| f.text.clone())
    }
}
