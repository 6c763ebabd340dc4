//! What a `protect` holds back of one person's plan, and of what they are a member before and after it.
//! Invariant: who counts as a member can sign in and has not left, or is protected; of whom it is not known what they have
//! counts for nothing.

use super::{InApp, Person};
use crate::diff::{Context, Ent, Part};
use crate::order::Draft;
use crate::protect::{Fate, by, count};
use crate::standing::accounts_of;
use crate::{ActionKind, Because, Finding, FindingKind, Held};
use prov_diag::codes;
use prov_model::{Account, AppId, EntId};

/// Whether who has these accounts may sign in to an app; where it has no accounts, everyone may.
fn signs_in(context: &Context<'_>, accounts: &[Account], app: AppId) -> bool {
    let has = accounts_of(accounts, app);
    context.input.schema.app(app).account.is_none() || (!has.is_empty() && has.iter().all(|a| a.enabled))
}

/// Counts the memberships and seats of someone to whom a plan does nothing.
pub(super) fn left_alone<'a>(
    context: &Context<'a>,
    part: &mut Part<'a>,
    id: &'a str,
    accounts: &[Account],
    held: &[EntId],
) {
    crate::limit::count(context, part, id, held, &[]);
    if !context.protected.counts_members() {
        return;
    }
    for &ent in held {
        let ent = context.ent_of_actual(ent);
        if let Some(protect) = context.protected.of(ent)
            && signs_in(context, accounts, context.entitlement(ent).app)
        {
            count(context, part, (ent, protect), id, Fate::Stays);
        }
    }
}

impl Person<'_, '_> {
    /// Takes out of the drafts what is protected, and counts memberships and seats.
    pub(super) fn protect(&mut self, apps: &mut [InApp], held: &[EntId]) {
        let context = self.context;
        let mut back: Vec<Draft<'_>> = Vec::new();
        if let Some(protect) = context.protected.identity(self.id) {
            let taken: Vec<_> = self.drafts.extract_if(.., |d| d.kind.takes_away()).collect();
            for draft in taken {
                self.held_back(&draft, protect);
                back.push(draft);
            }
        }
        if context.protected.counts_members() && !context.protected.closed.is_empty() {
            let counts: Vec<bool> = self.drafts.iter().map(|d| self.closed(d)).collect();
            for (draft, kept) in std::mem::take(&mut self.drafts).into_iter().zip(counts) {
                if !kept {
                    self.drafts.push(draft);
                    continue;
                }
                if let Some(protect) = context.protected.of(draft.ent) {
                    self.held_back(&draft, protect);
                }
                back.push(draft);
            }
        }
        self.without_what_parts(&back);
        for draft in &back {
            let takes = |d: &Draft<'_>| d.app == draft.app && d.kind.takes_away();
            apps[draft.app.index()].takes = self.drafts.iter().any(takes);
        }
        self.memberships(held, &back);
        crate::limit::count(context, self.part, self.id, held, &self.drafts);
    }

    /// Whether a draft takes a member from what may lose none.
    fn closed(&self, d: &Draft<'_>) -> bool {
        let context = self.context;
        d.kind == ActionKind::Revoke
            && context.protected.closed.contains(&context.shared(d.ent))
            && signs_in(context, self.accounts, d.app)
            && self.signs_in_after(d.app)
    }

    /// What may not stand beside something that is held back does not come either.
    fn without_what_parts(&mut self, back: &[Draft<'_>]) {
        let context = self.context;
        let revokes: Vec<&Draft<'_>> = back.iter().filter(|d| d.kind == ActionKind::Revoke).collect();
        if revokes.is_empty() || context.input.schema.separations.is_empty() {
            return;
        }
        let beside = |d: &Draft<'_>| {
            let parts = |r: &&&Draft<'_>| d.kind == ActionKind::Grant && super::apart(context, r.ent, d.ent);
            revokes.iter().find(parts).map(|r| r.ent)
        };
        for draft in std::mem::take(&mut self.drafts) {
            let Some(stays) = beside(&draft) else {
                self.drafts.push(draft);
                continue;
            };
            let e = context.entitlement(draft.ent);
            let (gives, stays) = (
                crate::findings::spelled(context, e),
                crate::findings::spelled(context, context.entitlement(stays)),
            );
            let message = format!(
                "`{gives}` is not granted: it may not be held together with `{stays}`, which is protected"
            );
            let causes = self.causes_of(&draft);
            self.tell(&draft, message, causes);
        }
    }

    /// Whether they may sign in to an app once the plan has run.
    fn signs_in_after(&self, app: AppId) -> bool {
        if self.situation.leaver() && self.context.protected.identity(self.id).is_none() {
            return false;
        }
        if self.context.input.schema.app(app).account.is_none() {
            return true;
        }
        let here = || self.drafts.iter().filter(|d| d.app == app);
        if here().any(|d| matches!(d.kind, ActionKind::DisableAccount | ActionKind::DeleteAccount)) {
            return false;
        }
        let has = accounts_of(self.accounts, app);
        if has.is_empty() {
            let made = here().find(|d| d.kind == ActionKind::CreateAccount);
            let enabled = |d: &Draft<'_>| {
                let changes = d.changes.as_deref().unwrap_or(&[]);
                changes.iter().all(|c| *c.attribute != *"enabled" || c.to.as_deref() == Some("true"))
            };
            return made.is_some_and(enabled);
        }
        has.iter().all(|a| a.enabled) || here().any(|d| d.kind == ActionKind::EnableAccount)
    }

    fn memberships(&mut self, held: &[EntId], back: &[Draft<'_>]) {
        let context = self.context;
        if !context.protected.counts_members() {
            return;
        }
        let mut found: Vec<((Ent, u32), Fate)> = Vec::new();
        for &ent in held {
            let ent = context.ent_of_actual(ent);
            let Some(protect) = context.protected.of(ent) else { continue };
            let app = context.entitlement(ent).app;
            let (shared, before) = (context.shared(ent), signs_in(context, self.accounts, app));
            let of = |d: &Draft<'_>| d.kind == ActionKind::Revoke && context.shared(d.ent) == shared;
            let fate = match (before, self.signs_in_after(app), self.drafts.iter().any(of)) {
                (true, true, true) => Fate::Taken,
                (true, true, false) if back.iter().any(of) => Fate::Kept,
                (true, true, false) => Fate::Stays,
                (true, false, _) => Fate::Lost,
                (false, true, false) => Fate::Comes { granted: false },
                (false, _, _) => continue,
            };
            found.push(((ent, protect), fate));
        }
        for draft in self.drafts.iter().filter(|d| d.kind == ActionKind::Grant) {
            let Some(protect) = context.protected.of(draft.ent) else { continue };
            // Who gets it only after losing what is protected itself can't be waited for.
            let waits = |d: &Draft<'_>| {
                d.kind == ActionKind::Revoke
                    && context.protected.of(d.ent).is_some()
                    && super::apart(context, d.ent, draft.ent)
            };
            if self.signs_in_after(draft.app) && !self.drafts.iter().any(waits) {
                found.push(((draft.ent, protect), Fate::Comes { granted: true }));
            }
        }
        for (of, fate) in found {
            count(context, self.part, of, self.id, fate);
        }
    }

    /// Tells of an action that a `protect` holds back.
    fn held_back(&mut self, draft: &Draft<'_>, protect: u32) {
        let context = self.context;
        let input = &context.input;
        let rule = &input.schema.rule(input.schema.protects[protect as usize].rule).name;
        let app = &input.schema.app(draft.app).name;
        let account = draft.account.map_or_else(String::new, |a| format!(" `{a}`"));
        let what = match draft.kind {
            ActionKind::Revoke => {
                let e = context.entitlement(draft.ent);
                format!("`{}` is not revoked", crate::findings::spelled(context, e))
            }
            ActionKind::DisableAccount => format!("the account{account} in `{app}` is not disabled"),
            ActionKind::DeleteAccount => format!("the account{account} in `{app}` is not deleted"),
            ActionKind::CreateAccount
            | ActionKind::RenameAccount
            | ActionKind::UpdateAccount
            | ActionKind::EnableAccount
            | ActionKind::WriteBack
            | ActionKind::Grant
            | ActionKind::KillSessions => return,
        };
        let left = match self.situation.state.filter(|s| s.leaver) {
            Some(state) => format!(", though `{}` is a state of leavers", state.name),
            None => String::new(),
        };
        let mut causes = vec![by(input, protect)];
        causes.extend(self.causes_of(draft));
        self.tell(draft, format!("{what}{left}: `{rule}`"), causes);
    }

    fn causes_of(&self, draft: &Draft<'_>) -> Vec<Because> {
        let causes = self.part.causes.get(draft.because as usize);
        Because::in_order(
            causes.into_iter().flatten().map(|c| Because::of(&self.context.input, c.clone())).collect(),
        )
    }

    fn tell(&mut self, draft: &Draft<'_>, message: String, because: Vec<Because>) {
        let schema = self.context.input.schema;
        let mut finding = Finding::new(FindingKind::Protected, codes::PROTECTED.id, message);
        finding.identity = Some(self.id.to_owned());
        finding.app = Some(schema.app(draft.app).name.clone());
        finding.account = draft.account.map(str::to_owned);
        finding.entitlement = (draft.ent != crate::plan::NONE).then(|| {
            let e = self.context.entitlement(draft.ent);
            Held { kind: schema.kind(e.app, e.kind).name.clone(), value: Some(e.value.to_string()) }
        });
        finding.because = because;
        self.part.findings.push(finding);
    }
}
