//! One person's accounts: made, renamed, updated, enabled, disabled, deleted.
//! Invariant: disabled by any of state, `account when` and `enabled` is disabled; only a state's verb deletes (11.2).

use super::{InApp, Named, Nothing, Person};
use crate::findings;
use crate::names::Wish;
use crate::standing::{Want, accounts_of, desired_account};
use crate::{AccountQuestion, ActionKind, Change};
use prov_model::{Account, AccountDef, AppId, DesiredAccount, Mode};

impl<'a> Person<'_, 'a> {
    /// What the account in an app should be, and what follows for access there.
    pub(super) fn app(&mut self, apps: &mut [InApp], app: AppId) {
        let context = self.context;
        let input = &context.input;
        let def = input.schema.app(app);
        let has = accounts_of(self.accounts, app);
        let desired = desired_account(&input.desired.accounts, self.position, app);
        let leaver = self.situation.leaver();
        let may_take = leaver || def.mode != Mode::Additive;
        let drops = self.situation.drops(app);
        let mut here = InApp {
            account: (has.len() == 1).then_some(Named::Actual),
            exists: !has.is_empty(),
            holds: !drops,
            keeps: self.situation.keeps(app),
            entered: self.position.is_some_and(|p| {
                input.desired.entered.get(&p).is_some_and(|entered| entered.within.is_some())
            }),
            nothing: drops.then_some(Nothing::State),
            ..InApp::default()
        };
        let conflict = self.position.and_then(|p| input.desired.conflicts.get(&(p, app)));
        if let Some(conflict) = conflict {
            findings::link_conflict(context, self.part, self.id, app, conflict);
        }
        here.unsettled =
            conflict.is_some() || context.order.parent(app).is_some_and(|p| apps[p.index()].unsettled);
        let want = self.situation.want(app, def, desired, input.desired.at.today);
        match (want, def.account.as_ref()) {
            (Want::On { enabled }, Some(block)) => {
                let parent = context.order.parent(app).is_none_or(|p| apps[p.index()].exists);
                let wanted = Wanted { enabled, block, desired, may_take };
                self.wanted(&mut here, app, has, wanted, parent);
            }
            (Want::Direct, _) | (Want::On { .. }, None) => {
                if !has.is_empty() {
                    *self.part.unmanaged_accounts.entry(app.0).or_default() += has.len() as u64;
                }
            }
            (Want::Off | Want::Gone, block) => {
                if block.is_some() || leaver {
                    here.holds = false;
                    here.keeps &= want == Want::Off;
                    here.nothing = here.nothing.or(Some(Nothing::NoAccount));
                }
                if may_take {
                    self.unwanted(&mut here, app, has, want, desired);
                }
            }
        }
        apps[app.index()] = here;
    }

    /// What sources are told of the accounts that there are, or will be: of one source and app in one action.
    pub(super) fn write_backs(&mut self, apps: &[InApp]) {
        let context = self.context;
        let Some(position) = self.position else { return };
        let all = &context.input.desired.writes;
        let start = all.partition_point(|w| w.position < position);
        let schema = context.input.schema;
        let mut grouped: Vec<(u32, AppId, Vec<Change>, Vec<crate::Cause>)> = Vec::new();
        for write in all[start..].iter().take_while(|w| w.position == position) {
            let def = &schema.writebacks[write.writeback as usize];
            let here = &apps[def.app.index()];
            if here.account.is_none() || here.unsettled || here.stuck {
                continue;
            }
            let source = &schema.sources[def.source as usize].name;
            let attribute = &schema.identity(def.identity).attributes[def.attribute.index()].name;
            let one = change(&format!("{source}.{attribute}"), some(&write.from), some(&write.to));
            let cause = crate::Cause::from(def.rule);
            match grouped.iter_mut().find(|(s, a, ..)| (*s, *a) == (def.source, def.app)) {
                Some((_, _, changes, causes)) => {
                    changes.push(one);
                    causes.push(cause);
                }
                None => grouped.push((def.source, def.app, vec![one], vec![cause])),
            }
        }
        for (_, app, mut changes, causes) in grouped {
            changes.sort_by(|a, b| a.attribute.cmp(&b.attribute));
            self.causes.clear();
            self.causes.extend(causes);
            let because = self.because(|| schema.app(app).rule);
            let account = self.account(&apps[app.index()], app);
            self.draft(ActionKind::WriteBack, app, account, because, Some(changes.into()));
        }
    }

    /// There should be an account.
    fn wanted(&mut self, here: &mut InApp, app: AppId, has: &'a [Account], wanted: Wanted<'a>, parent: bool) {
        let Some(desired) = wanted.desired else { return };
        let context = self.context;
        let block = self.position.and_then(|p| context.claims.get(&(p, app)));
        let name = desired.attributes.first().map(|n| &**n);
        if let (Some(name), Some(position)) = (name.filter(|n| !n.is_empty()), self.position)
            && has.len() < 2
            && !here.unsettled
            && has.iter().all(|h| *h.name != *name)
        {
            self.part.wishes.push(Wish { app, name, position });
        }
        match has {
            [] => {
                here.frozen = true;
                if here.unsettled {
                    return;
                }
                if let Some(block) = block {
                    return findings::name_taken(context, self.part, self.id, app, name.unwrap_or(""), block);
                }
                if name.is_some_and(|n| n.is_empty()) {
                    return findings::nameless(context, self.part, self.id, app, None);
                }
                if !parent {
                    return;
                }
                let because = self.why(app, AccountQuestion::Wanted);
                let changes = Some(created(wanted.block, desired, wanted.enabled));
                self.draft(ActionKind::CreateAccount, app, name, because, changes);
                *here = InApp { account: Some(Named::Desired), frozen: false, exists: true, ..*here };
            }
            [account] => {
                let mut current = &*account.name;
                match name {
                    _ if here.unsettled => {}
                    Some("") => {
                        findings::nameless(context, self.part, self.id, app, Some(&account.name));
                    }
                    Some(new) if *new != *account.name => {
                        if let Some(block) = block {
                            here.stuck = true;
                            findings::name_taken(context, self.part, self.id, app, name.unwrap_or(""), block);
                        } else {
                            let because = self.why(app, AccountQuestion::Attributes);
                            let changes = renamed(wanted.block, &account.name, new);
                            self.draft(ActionKind::RenameAccount, app, Some(current), because, Some(changes));
                            current = new;
                            here.account = Some(Named::Desired);
                        }
                    }
                    _ => {}
                }
                if let (false, Some(changes)) = (here.unsettled, updated(wanted.block, account, desired)) {
                    let because = self.why(app, AccountQuestion::Attributes);
                    self.draft(ActionKind::UpdateAccount, app, Some(current), because, Some(changes));
                }
                if wanted.enabled && !account.enabled {
                    let because = self.why(app, AccountQuestion::Enabled);
                    self.draft(ActionKind::EnableAccount, app, Some(current), because, None);
                }
                if !wanted.enabled && account.enabled && wanted.may_take {
                    let because = self.why_disabled(app, Some(desired));
                    self.draft(ActionKind::DisableAccount, app, Some(current), because, None);
                    here.takes = true;
                }
            }
            several => {
                here.frozen = true;
                findings::several(context, self.part, self.id, app, several);
                if !wanted.enabled && wanted.may_take {
                    self.disable_all(here, app, several, Some(desired));
                }
            }
        }
    }

    /// There should be no account, or none that may sign in.
    fn unwanted(
        &mut self,
        here: &mut InApp,
        app: AppId,
        has: &'a [Account],
        want: Want,
        desired: Option<&DesiredAccount>,
    ) {
        let leaver = self.situation.leaver();
        let deletes = want == Want::Gone && (leaver || has.len() <= 1);
        if !leaver && has.len() > 1 {
            // Whose they are is not clear: nobody signs in with any, and none is lost.
            here.frozen = true;
            findings::several(self.context, self.part, self.id, app, has);
        }
        if !deletes || leaver {
            self.disable_all(here, app, has, desired);
        }
        if deletes && !has.is_empty() {
            let because = self.by_state();
            for account in has {
                self.draft(ActionKind::DeleteAccount, app, Some(&account.name), because, None);
            }
            here.takes = true;
            here.exists = false;
        }
    }

    fn disable_all(
        &mut self,
        here: &mut InApp,
        app: AppId,
        has: &'a [Account],
        desired: Option<&DesiredAccount>,
    ) {
        for account in has.iter().filter(|a| a.enabled) {
            let because = self.why_disabled(app, desired);
            self.draft(ActionKind::DisableAccount, app, Some(&account.name), because, None);
            here.takes = true;
        }
    }
}

/// An account that there should be.
struct Wanted<'a> {
    enabled: bool,
    block: &'a AccountDef,
    desired: Option<&'a DesiredAccount>,
    may_take: bool,
}

fn change(attribute: &str, from: Option<&str>, to: Option<&str>) -> Change {
    Change { attribute: attribute.into(), from: from.map(Into::into), to: to.map(Into::into) }
}

/// Empty is absent: neither is told apart in an app.
fn some(value: &str) -> Option<&str> {
    (!value.is_empty()).then_some(value)
}

fn created(block: &AccountDef, desired: &DesiredAccount, enabled: bool) -> Box<[Change]> {
    let attributes = block.attributes.iter().zip(&desired.attributes);
    attributes
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| change(&field.name, None, some(value)))
        .chain([change("enabled", None, Some(if enabled { "true" } else { "false" }))])
        .collect()
}

fn renamed(block: &AccountDef, old: &str, new: &str) -> Box<[Change]> {
    let name = block.attributes.first().map_or("name", |f| &f.name);
    Box::new([change(name, Some(old), Some(new))])
}

/// What differs of the attributes behind the name, where the actual ones are known.
fn updated(block: &AccountDef, account: &Account, desired: &DesiredAccount) -> Option<Box<[Change]>> {
    let all = block.attributes.iter().zip(&desired.attributes).zip(&account.attributes);
    let differs = all.skip(1).filter_map(|((field, to), from)| {
        let from = from.as_ref()?;
        (from != to).then(|| change(&field.name, some(from), some(to)))
    });
    let changes: Box<[Change]> = differs.collect();
    (!changes.is_empty()).then_some(changes)
}
