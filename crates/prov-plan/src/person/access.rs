//! One person's access: what is held against what should be.
//! Invariant: only what is managed, or what Prov granted, is revoked.

use super::{Held, InApp, Nothing, Person};
use crate::diff::{Class, Context};
use crate::violations::Stays;
use crate::{AccountQuestion, ActionKind, Cause, Loss};
use prov_model::{EntId, EntitlementIssue, Entitlements, Mode, fold};

impl Held {
    /// Whether what is held is what is desired, without putting it in order: most often it is.
    /// `common` is that of [`Context`].
    pub(crate) fn equals(
        &mut self,
        ids: &Entitlements,
        common: &[u32],
        desired: &[EntId],
        held: &[EntId],
    ) -> bool {
        if desired.len() != held.len() {
            return false;
        }
        if self.turn == u32::MAX {
            self.marks.fill(0);
            self.turn = 0;
        }
        self.turn += 1;
        for &id in desired {
            self.marks[ids.same_as(id).0 as usize] = self.turn;
        }
        // INVARIANT: neither list has doubles, so that as many, all desired, are the same.
        held.iter().all(|id| self.marks[common[id.0 as usize] as usize] == self.turn)
    }

    /// What is held in the order of shared numbers.
    fn sort(&mut self, context: &Context<'_>, held: &[EntId]) -> &[(u32, EntId)] {
        let sorted = &mut self.sorted;
        sorted.clear();
        sorted.extend(held.iter().map(|&id| (context.common[id.0 as usize], id)));
        if !sorted.is_sorted_by_key(|&(common, _)| common) {
            sorted.sort_unstable();
        }
        sorted.dedup_by_key(|&mut (common, _)| common);
        sorted
    }
}

impl Person<'_, '_> {
    /// Compares what is held with what should be: one merge in the order of shared numbers.
    pub(super) fn holdings(&mut self, apps: &mut [InApp], actual: &mut Held, held: &[EntId]) {
        let context = self.context;
        let ids = &context.input.desired.entitlements;
        let desired = self.position.map_or(&[][..], |p| context.input.desired.holdings.get(p as usize));
        if apps.iter().all(|a| a.holds) && actual.equals(ids, &context.common, desired, held) {
            return;
        }
        let actual = actual.sort(context, held);
        let (mut d, mut a) = (0, 0);
        loop {
            let left = desired.get(d).map(|&id| (ids.same_as(id).0, id));
            let right = actual.get(a).copied();
            match (left, right) {
                (None, None) => break,
                (Some((l, _)), Some((r, id))) if l == r => {
                    (d, a) = (d + 1, a + 1);
                    if !apps[ids.get(EntId(l)).app.index()].holds {
                        self.surplus(apps, id, true);
                    }
                }
                (Some((l, id)), right) if right.is_none_or(|(r, _)| l < r) => {
                    d += 1;
                    self.lacking(apps, id);
                }
                (_, Some((_, id))) => {
                    a += 1;
                    self.surplus(apps, id, false);
                }
                (Some(_), None) => break,
            }
        }
    }

    /// Should be held, and is not.
    fn lacking(&mut self, apps: &[InApp], id: EntId) {
        let context = self.context;
        let ent = context.input.desired.entitlements.get(id);
        let here = &apps[ent.app.index()];
        if !here.holds || here.frozen {
            return;
        }
        let Some(position) = self.position else { return };
        self.causes.clear();
        context.input.reasons.grant(position, id, self.causes);
        let because = self.because(|| context.input.schema.app(ent.app).rule);
        self.access(ActionKind::Grant, here, id.0, because);
    }

    /// Is held, and should not be. `granted` says whether rules give it, and it is not held for another reason.
    pub(super) fn surplus(&mut self, apps: &mut [InApp], id: EntId, granted: bool) {
        let context = self.context;
        let ids = &context.input.actual.entitlements;
        let (ent, class) = (ids.get(id), context.class_for(id, self.granted));
        let additive = context.input.schema.app(ent.app).mode == Mode::Additive;
        if !granted && (class != Class::Managed || additive) {
            self.stays.push(Stays { ent: id, class });
        }
        let here = &mut apps[ent.app.index()];
        self.causes.clear();
        if here.keeps {
            // What the state keeps stays in the account, whatever becomes of that.
            if granted && here.entered {
                return;
            }
            self.forbidding(ent);
            if self.causes.is_empty() {
                self.over(ent);
            }
            if self.causes.is_empty() && !here.entered {
                return;
            }
        }
        match class {
            Class::Managed => {}
            Class::Irrevocable => return,
            Class::Unmanaged => {
                if !granted {
                    *self.part.unmanaged.entry(ids.same_as(id).0).or_default() += 1;
                }
                return;
            }
        }
        if here.frozen || (additive && !self.situation.leaver()) {
            return;
        }
        if here.holds
            && let Some(position) = self.position
            && crate::would::spared(context, self.part, self.id, position, id)
        {
            return;
        }
        if self.causes.is_empty() {
            self.why_lost(here.nothing, ent);
        }
        if self.causes.is_empty() && here.keeps {
            self.state_causes();
        }
        let because = self.because(|| context.input.schema.app(ent.app).rule);
        here.takes = true;
        self.access(ActionKind::Revoke, here, context.ent_of_actual(id), because);
    }

    /// The rules by which something was had that is over, of one who is held.
    fn over(&mut self, ent: &prov_model::Entitlement) {
        let input = self.context.input;
        let Some(all) = self.position.and_then(|p| input.desired.ran_out.get(&p)) else { return };
        let folds = crate::diff::folds(input.schema, ent.app, ent.kind);
        let compared = if folds { fold(&ent.value) } else { (&*ent.value).into() };
        let same =
            |e: &prov_model::Entitlement| (e.app, e.kind, &*e.value) == (ent.app, ent.kind, &*compared);
        self.causes.extend(all.iter().filter(|r| same(&r.entitlement)).map(|r| match &*r.args {
            "" => Cause::from(r.rule),
            _ => Cause::Instance { rule: r.rule, line: 0, args: r.args.clone() },
        }));
    }

    /// Tells of what is forbidden for certain to who is held, and is not ours to take.
    pub(super) fn refused(&mut self) {
        let context = self.context;
        for stays in std::mem::take(&mut self.stays) {
            self.causes.clear();
            self.forbidding(context.input.actual.entitlements.get(stays.ent));
            for cause in std::mem::take(self.causes) {
                crate::violations::refused(context, self.part, self.id, &stays, cause);
            }
        }
    }

    /// The forbids and exceptions that end what a state would keep.
    fn forbidding(&mut self, ent: &prov_model::Entitlement) {
        let input = self.context.input;
        let Some(position) = self.position else { return };
        let folds = crate::diff::folds(input.schema, ent.app, ent.kind);
        let compared = if folds { fold(&ent.value) } else { (&*ent.value).into() };
        let denied = input.desired.active_denies.get(&position).into_iter().flatten();
        let denied = denied.filter(|(_, e)| (e.app, e.kind, &*e.value) == (ent.app, ent.kind, &*compared));
        self.causes.extend(denied.map(|(exception, _)| Cause::Exception(*exception)));
        let active = input.desired.active_forbids.get(&position);
        let covers = active
            .into_iter()
            .flatten()
            .filter_map(|&f| input.schema.forbids.get(f as usize))
            .filter(|f| f.covers(ent.app, ent.kind, &compared));
        self.causes.extend(covers.map(|f| Cause::from(f.rule)));
    }

    fn why_lost(&mut self, nothing: Option<Nothing>, ent: &prov_model::Entitlement) {
        let input = self.context.input;
        match (nothing, self.position) {
            (Some(Nothing::State), _) => self.state_causes(),
            (Some(Nothing::NoAccount), Some(position)) => {
                input.reasons.account(position, ent.app, AccountQuestion::Unwanted, self.causes);
                let block = input.schema.app(ent.app).account.as_ref();
                if self.causes.is_empty() {
                    self.causes.extend(block.map(|b| Cause::from(b.rule)));
                }
            }
            (Some(Nothing::NoAccount), None) | (None, None) => self.state_causes(),
            (None, Some(position)) => {
                let folds = crate::diff::folds(input.schema, ent.app, ent.kind);
                let ids = &input.desired.entitlements;
                let entitlement = ids.find(ent.app, ent.kind, &ent.value, folds);
                if let Some(id) = entitlement {
                    let all = &input.desired.withheld;
                    let start = all.partition_point(|w| w.0 < position);
                    let mine = all[start..].iter().take_while(|w| w.0 == position);
                    for (_, _, issue) in mine.filter(|w| ids.same_as(w.1) == id) {
                        let cause = match issue {
                            EntitlementIssue::Forbidden(f) => {
                                input.schema.forbids.get(*f as usize).map(|f| f.rule.into())
                            }
                            EntitlementIssue::Denied(e) => Some(Cause::Exception(*e)),
                            EntitlementIssue::Separated(s) => {
                                input.schema.separations.get(*s as usize).map(|s| s.rule.into())
                            }
                            EntitlementIssue::NotInCatalog
                            | EntitlementIssue::Blank
                            | EntitlementIssue::Outranked => None,
                        };
                        self.causes.extend(cause);
                    }
                }
                if self.causes.is_empty() {
                    let loss = Loss { app: ent.app, kind: ent.kind, value: &ent.value, entitlement };
                    input.reasons.loss(position, loss, self.causes);
                }
            }
        }
    }
}
