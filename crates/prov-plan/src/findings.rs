//! What is found on the way, in words. Invariant: a finding names who and where, and never a secret or a whole row.

use crate::diff::{Context, Part};
use crate::names::Block;
use crate::standing::{Situation, Standing};
use crate::{AccountQuestion, Because, Cause, Finding, FindingKind, Held};
use prov_diag::codes;
use prov_model::{
    Account, AppId, Assignment, AssignmentIssue, Desired, EntId, Entitlement, EntitlementIssue, Exception,
    ExceptionIssue, GuestOut, HoldReason, LinkConflict, Rejection, Separated,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// How many examples a summary gives.
const EXAMPLES: usize = 5;

/// Why the guest at a position is out.
pub(crate) fn out_of(desired: &Desired, position: u32) -> &[(u32, Option<u32>, GuestOut)] {
    let start = desired.out.partition_point(|o| o.0 < position);
    let len = desired.out[start..].partition_point(|o| o.0 == position);
    &desired.out[start..start + len]
}

/// A guest who is out, once for each federation. That a time is over is told only as long as they have something.
pub(crate) fn out(context: &Context<'_>, part: &mut Part<'_>, id: &str, position: Option<u32>, has: bool) {
    let input = &context.input;
    let all = position.map_or(&[][..], |p| out_of(input.desired, p));
    for reasons in all.chunk_by(|a, b| a.1 == b.1) {
        let ends =
            |r: &(u32, Option<u32>, GuestOut)| matches!(r.2, GuestOut::Expired | GuestOut::PartnershipOver);
        if !has && reasons.iter().any(ends) {
            continue;
        }
        let federation = reasons.first().and_then(|r| input.schema.federations.get(r.1? as usize));
        let why = reasons.iter().map(|r| r.2.words()).collect::<Vec<_>>().join(", ");
        let message = match federation {
            Some(f) => format!("out, as a guest of `{}`: {why}", f.name),
            None => format!("out: {why}"),
        };
        let mut finding = Finding::new(FindingKind::GuestOut, codes::GUEST_OUT.id, message);
        finding.identity = Some(id.to_owned());
        finding.because = federation.map(|f| Because::of(input, Cause::from(f.rule))).into_iter().collect();
        part.findings.push(finding);
    }
}

pub(crate) fn missing(context: &Context<'_>, part: &mut Part<'_>, id: &str, standing: Standing<'_>) {
    let message = match standing {
        Standing::Missing { since, ends: None } => format!("in no source since {since}; held as it is"),
        Standing::Missing { since, ends: Some((day, state)) } if day > context.input.desired.at.today => {
            format!("in no source since {since}; held until {day}, then `{}`", state.name)
        }
        Standing::Missing { since, ends: Some(_) } => {
            format!("in no source since {since}; held, for a file of the source is cut off")
        }
        Standing::In(Situation { state: Some(state), missing: None, missed: Some(since), .. }) => {
            format!("in no source since {since}; `{}` by what was read of it last", state.name)
        }
        Standing::In(Situation { state: Some(state), missed, .. }) => match missed {
            Some(since) => format!("in no source since {since}; treated as `{}`", state.name),
            None => format!("in no source; treated as `{}`", state.name),
        },
        Standing::In(_) | Standing::Held(_) => return,
    };
    let mut finding = Finding::new(FindingKind::Missing, codes::MISSING_IDENTITY.id, message);
    finding.identity = Some(id.to_owned());
    if let Standing::In(Situation { missing: Some(source), .. }) = standing {
        finding.because = vec![Because::of(&context.input, Cause::from(source.rule))];
    }
    part.findings.push(finding);
}

/// Someone is held; `rest` says what becomes of them.
pub(crate) fn held(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    reason: Option<&HoldReason>,
    rest: &str,
) {
    let schema = context.input.schema;
    let attribute = |app: AppId, number: u32| {
        let def = schema.app(app);
        let field = def.account.as_ref().and_then(|a| a.attributes.get(number as usize));
        format!("`{}` in `{}`", field.map_or("", |f| &f.name), def.name)
    };
    let message = match reason {
        Some(HoldReason::Rejected) => format!("its row was rejected; {rest}"),
        Some(HoldReason::ByHandRejected) => {
            format!("a row that gives or takes its access by hand could not be read; {rest}")
        }
        Some(HoldReason::ActualRejected) => format!("a row that says what it has could not be read; {rest}"),
        Some(HoldReason::DependsOn(other)) => {
            format!("its rules read `{other}`, whose row was rejected; {rest}")
        }
        Some(HoldReason::EmptyName(app, number)) => {
            format!("there is nothing to make its {} from; {rest}", attribute(*app, *number))
        }
        Some(HoldReason::NoNameLeft(app, number)) => {
            format!("every name that its {} could be is taken; {rest}", attribute(*app, *number))
        }
        Some(HoldReason::Incomplete(source)) => {
            format!("it has no row in `{source}`, of which rows may be lacking; {rest}")
        }
        Some(HoldReason::RefersBeyond(source)) => {
            format!("it refers to somebody who is not in `{source}`, of which rows may be lacking; {rest}")
        }
        None => format!("its result can't be known; {rest}"),
    };
    let mut finding = Finding::new(FindingKind::Held, codes::HELD_IDENTITY.id, message);
    finding.identity = Some(id.to_owned());
    part.findings.push(finding);
}

/// Withheld grants of someone, where they would else be given.
pub(crate) fn withheld(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    position: Option<u32>,
    situation: &Situation<'_>,
) {
    let Some(position) = position else { return };
    let input = &context.input;
    let all = &input.desired.withheld;
    let start = all.partition_point(|w| w.0 < position);
    for (_, ent, issue) in all[start..].iter().take_while(|w| w.0 == position) {
        let ent = input.desired.entitlements.get(*ent);
        if situation.drops(ent.app) {
            continue;
        }
        let shown = spelled(context, ent);
        let (message, cause) = match issue {
            EntitlementIssue::NotInCatalog => (format!("`{shown}` is not in its catalog"), None),
            EntitlementIssue::Blank => {
                (format!("`{shown}` has no value: what it is computed from holds nothing"), None)
            }
            // Told once, by the separation.
            EntitlementIssue::Outranked | EntitlementIssue::Separated(_) => continue,
            EntitlementIssue::Denied(number) => {
                let Some(exception) = input.desired.exceptions.get(*number as usize) else { continue };
                let message = format!("`{shown}` is denied {}", exception.terms());
                (message, Some(Cause::Exception(*number)))
            }
            EntitlementIssue::Forbidden(index) => {
                let Some(forbid) = input.schema.forbids.get(*index as usize) else { continue };
                let because = input.schema.rule(forbid.rule).because.as_deref();
                let because = because.map(|b| format!(": {b}")).unwrap_or_default();
                (format!("`{shown}` is forbidden{because}"), Some(Cause::from(forbid.rule)))
            }
        };
        let mut finding = Finding::new(FindingKind::Withheld, codes::WITHHELD.id, message);
        finding.identity = Some(id.to_owned());
        finding.app = Some(input.schema.app(ent.app).name.clone());
        finding.entitlement = Some(Held {
            kind: input.schema.kind(ent.app, ent.kind).name.clone(),
            value: Some(ent.value.to_string()),
        });
        finding.because = cause.map(|c| Because::of(input, c)).into_iter().collect();
        part.findings.push(finding);
    }
}

/// Separations that someone's access hits, and roles that a forbid withholds.
pub(crate) fn apart(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    position: Option<u32>,
    situation: &Situation<'_>,
) {
    let Some(position) = position.filter(|_| !situation.leaver()) else { return };
    let (desired, schema) = (context.input.desired, context.input.schema);
    let start = desired.separated.partition_point(|s| s.0 < position);
    for (_, hit) in desired.separated[start..].iter().take_while(|s| s.0 == position) {
        let Some(def) = schema.separations.get(hit.separation as usize) else { continue };
        let mut sides: Vec<String> = Vec::new();
        for number in 0..def.sides.len() {
            let items = hit.items.iter().filter(|(of, _)| *of as usize == number);
            let mut shown: Vec<String> = items.map(|(_, item)| separated(context, item)).collect();
            shown.sort();
            if shown.is_empty() {
                continue;
            }
            let what = if def.resolve.withholds(number) { "withheld" } else { "stays" };
            sides.push(format!("{} ({what})", shown.join(", ")));
        }
        let because = schema.rule(def.rule).because.as_deref();
        let because = because.map(|b| format!(": {b}")).unwrap_or_default();
        let message = format!("may not be held together: {}{because}", sides.join(" and "));
        let mut finding = Finding::new(FindingKind::Separated, codes::SEPARATED.id, message);
        finding.identity = Some(id.to_owned());
        finding.because = vec![Because::of(&context.input, Cause::from(def.rule))];
        part.findings.push(finding);
    }
    denied(context, part, id, position);
    let start = desired.forbidden_roles.partition_point(|f| f.0 < position);
    for (_, forbid, args) in desired.forbidden_roles[start..].iter().take_while(|f| f.0 == position) {
        let Some(def) = schema.role_forbids.get(*forbid as usize) else { continue };
        let because = schema.rule(def.rule).because.as_deref();
        let because = because.map(|b| format!(": {b}")).unwrap_or_default();
        let message = format!("the role `{}{args}` is forbidden{because}", schema.rule(def.role.rule).name);
        let mut finding = Finding::new(FindingKind::Withheld, codes::WITHHELD.id, message);
        finding.identity = Some(id.to_owned());
        finding.because = vec![Because::of(&context.input, Cause::from(def.rule))];
        part.findings.push(finding);
    }
}

/// Roles of someone that exceptions deny.
fn denied(context: &Context<'_>, part: &mut Part<'_>, id: &str, position: u32) {
    let (desired, schema) = (context.input.desired, context.input.schema);
    let start = desired.denied_roles.partition_point(|d| d.0 < position);
    for (_, role, number, args) in desired.denied_roles[start..].iter().take_while(|d| d.0 == position) {
        let Some(exception) = desired.exceptions.get(*number as usize) else { continue };
        let message = format!("the role `{}{args}` is denied {}", schema.rule(*role).name, exception.terms());
        let mut finding = Finding::new(FindingKind::Withheld, codes::WITHHELD.id, message);
        finding.identity = Some(id.to_owned());
        finding.because = vec![Because::of(&context.input, Cause::Exception(*number))];
        part.findings.push(finding);
    }
}

fn separated(context: &Context<'_>, item: &Separated<EntId>) -> String {
    match item {
        Separated::Role(role, args) => {
            format!("the role `{}{args}`", context.input.schema.rule(*role).name)
        }
        Separated::Entitlement(id) => {
            format!("`{}`", spelled(context, context.input.desired.entitlements.get(*id)))
        }
    }
}

fn about(
    context: &Context<'_>,
    kind: FindingKind,
    code: &str,
    id: &str,
    app: AppId,
    message: String,
) -> Finding {
    let mut finding = Finding::new(kind, code, message);
    finding.identity = Some(id.to_owned());
    finding.app = Some(context.input.schema.app(app).name.clone());
    finding
}

pub(crate) fn several(context: &Context<'_>, part: &mut Part<'_>, id: &str, app: AppId, has: &[Account]) {
    let name = &context.input.schema.app(app).name;
    let message = format!("{} accounts in `{name}`; which of them counts is not clear", has.len());
    let mut finding = about(context, FindingKind::Conflict, codes::CONFLICT.id, id, app, message);
    finding.count = Some(has.len() as u64);
    finding.examples = has.iter().take(EXAMPLES).map(|a| a.name.to_string()).collect();
    part.findings.push(finding);
}

/// It is not clear which account of an app is someone's: nothing is made.
pub(crate) fn link_conflict(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    app: AppId,
    conflict: &LinkConflict,
) {
    let def = context.input.schema.app(app);
    let keys = def.account.as_ref().map_or(&[][..], |a| &a.correlate);
    let key = |by: u32| keys.get(by as usize).map_or("", |f| &f.name);
    let (message, account) = match conflict {
        LinkConflict::Several { by, accounts } => (
            format!(
                "{} accounts in `{}` have the same `{}`; nothing is made",
                accounts.len(),
                def.name,
                key(*by)
            ),
            None,
        ),
        LinkConflict::Elsewhere { by, account, owner } => (
            format!(
                "account `{account}` has the same `{}` and is that of `{owner}`; nothing is made",
                key(*by)
            ),
            Some(account),
        ),
        LinkConflict::Twice { by, account, other } => (
            format!(
                "account `{account}` has the same `{}`, and `{other}` finds it too; nothing is made",
                key(*by)
            ),
            Some(account),
        ),
        LinkConflict::Unknown => {
            ("what its account would be found by can't be known; nothing is made".to_owned(), None)
        }
    };
    let mut finding = about(context, FindingKind::Conflict, codes::CONFLICT.id, id, app, message);
    finding.account = account.map(ToString::to_string);
    if let LinkConflict::Several { accounts, .. } = conflict {
        finding.count = Some(accounts.len() as u64);
        finding.examples = accounts.iter().take(EXAMPLES).map(ToString::to_string).collect();
    }
    part.findings.push(finding);
}

pub(crate) fn name_taken(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    app: AppId,
    name: &str,
    block: &Block,
) {
    let whose = match block {
        Block::Taken(owner) => format!("is that of `{owner}`"),
        Block::Orphan => "exists already and belongs to nobody".to_owned(),
        Block::Twice(other) => format!("would also be that of `{other}`"),
    };
    let message = format!("account `{name}` {whose}");
    let mut finding = about(context, FindingKind::Conflict, codes::CONFLICT.id, id, app, message);
    finding.account = Some(name.to_owned());
    part.findings.push(finding);
}

pub(crate) fn nameless(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    app: AppId,
    account: Option<&str>,
) {
    let message = "the account's name would be empty".to_owned();
    let mut finding =
        about(context, FindingKind::NamelessAccount, codes::NAMELESS_ACCOUNT.id, id, app, message);
    finding.account = account.map(str::to_owned);
    part.findings.push(finding);
}

/// Findings about no one person: rejected rows, accounts of nobody, what is not managed.
pub(crate) fn common(
    context: &Context<'_>,
    unmanaged: &FxHashMap<u32, u64>,
    accounts: &FxHashMap<u32, u64>,
    findings: &mut Vec<Finding>,
) {
    let input = &context.input;
    for link in &input.desired.links {
        let Some(by) = link.by else { continue };
        let def = input.schema.app(link.app);
        let key = def.account.as_ref().and_then(|a| a.correlate.get(by as usize));
        let message = format!(
            "account `{}` in `{}` is that of `{}`, by `{}`",
            link.account,
            def.name,
            link.owner,
            key.map_or("", |f| &f.name)
        );
        let mut finding = Finding::new(FindingKind::LinkedAccount, codes::LINKED_ACCOUNT.id, message);
        finding.identity = Some(link.owner.to_string());
        finding.app = Some(def.name.clone());
        finding.account = Some(link.account.to_string());
        let mut causes = Vec::new();
        if let Ok(position) = input.desired.ids.binary_search(&link.owner) {
            input.reasons.account(position as u32, link.app, AccountQuestion::Wanted, &mut causes);
        }
        if causes.is_empty() {
            causes.extend(def.account.iter().map(|a| Cause::from(a.rule)));
        }
        finding.because =
            Because::in_order(causes.into_iter().map(|cause| Because::of(input, cause)).collect());
        findings.push(finding);
    }
    let by_hand = input.desired.unreadable.iter();
    findings
        .extend(input.desired.rejections.iter().chain(&input.actual.rejections).chain(by_hand).map(rejected));
    findings.extend(input.desired.unmatched.iter().map(|(a, why)| unmatched(a, *why)));
    let idle = input.desired.idle_exceptions.iter();
    findings
        .extend(idle.filter_map(|(n, why)| Some(excepted(input.desired.exceptions.get(*n as usize)?, *why))));
    for orphan in &input.actual.orphans {
        let app = &input.schema.app(orphan.app).name;
        let state = if orphan.enabled { "" } else { ", disabled" };
        let message = format!("account `{}` in `{app}` belongs to nobody{state}", orphan.name);
        let mut finding = Finding::new(FindingKind::OrphanAccount, codes::ORPHAN_ACCOUNT.id, message);
        finding.app = Some(app.clone());
        finding.account = Some(orphan.name.to_string());
        finding.line = Some(orphan.origin.line).filter(|&l| l > 0);
        findings.push(finding);
    }
    let ids = &input.actual.entitlements;
    let mut kinds: BTreeMap<_, Vec<(u64, &str)>> = BTreeMap::new();
    for (&id, &n) in unmanaged {
        let ent = ids.get(EntId(id));
        kinds.entry((ent.app, ent.kind)).or_default().push((n, &*ent.value));
    }
    for ((app, kind), mut values) in kinds {
        values.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        let count: u64 = values.iter().map(|v| v.0).sum();
        let (app, kind) = (&input.schema.app(app).name, &input.schema.kind(app, kind).name);
        let message =
            format!("`{app}.{kind}`: held without a rule {}, {} not managed", times(count), of(values.len()));
        let mut finding = Finding::new(FindingKind::Unmanaged, codes::UNMANAGED.id, message);
        finding.app = Some(app.clone());
        finding.entitlement = Some(Held { kind: kind.clone(), value: None });
        finding.count = Some(count);
        finding.examples = values.iter().take(EXAMPLES).map(|v| v.1.to_owned()).collect();
        findings.push(finding);
    }
    for (&app, &n) in accounts {
        let app = &input.schema.apps[app as usize].name;
        let message = format!("`{app}`: {n} accounts in an app without an `account` block");
        let mut finding = Finding::new(FindingKind::Unmanaged, codes::UNMANAGED.id, message);
        finding.app = Some(app.clone());
        finding.count = Some(n);
        findings.push(finding);
    }
}

fn unmatched(a: &Assignment, why: AssignmentIssue) -> Finding {
    let (kind, code) = match why {
        AssignmentIssue::Expired => (FindingKind::Expired, codes::EXPIRED.id),
        AssignmentIssue::UnknownIdentity
        | AssignmentIssue::UnknownRole
        | AssignmentIssue::NotRequestable
        | AssignmentIssue::OtherType
        | AssignmentIssue::Arguments
        | AssignmentIssue::NoStart
        | AssignmentIssue::TooLong
        | AssignmentIssue::Unapproved
        | AssignmentIssue::ByOneself
        | AssignmentIssue::Condition
        | AssignmentIssue::Leaver => (FindingKind::UnmatchedAssignment, codes::UNMATCHED_ASSIGNMENT.id),
    };
    let ticket = a.ticket.as_ref().map(|t| format!(" ({t})")).unwrap_or_default();
    let until = match (why, a.until) {
        (AssignmentIssue::Expired, Some(until)) => format!(" on {until}"),
        _ => String::new(),
    };
    let message = format!("the assignment of `{}`{ticket}: {}{until}", a.role_shown(), why.words());
    let mut finding = Finding::new(kind, code, message);
    finding.identity = Some(a.identity.clone());
    finding.file = Some(a.origin.0.to_string());
    finding.line = Some(a.origin.1).filter(|&l| l > 0);
    finding
}

fn excepted(e: &Exception, why: ExceptionIssue) -> Finding {
    let (kind, code) = match why {
        ExceptionIssue::Expired => (FindingKind::Expired, codes::EXPIRED.id),
        ExceptionIssue::UnknownIdentity
        | ExceptionIssue::UnknownRole
        | ExceptionIssue::OtherType
        | ExceptionIssue::UnknownEntitlement
        | ExceptionIssue::UnknownRule => (FindingKind::UnmatchedException, codes::UNMATCHED_EXCEPTION.id),
    };
    let ticket = e.ticket.as_ref().map(|t| format!(" ({t})")).unwrap_or_default();
    let until = if why == ExceptionIssue::Expired { format!(" on {}", e.until) } else { String::new() };
    let message = format!("the exception `{}`{ticket}: {}{until}", e.name(), why.words());
    let mut finding = Finding::new(kind, code, message);
    finding.identity = Some(e.identity.clone());
    finding.file = Some(e.origin.0.to_string());
    finding.line = Some(e.origin.1).filter(|&l| l > 0);
    finding
}

fn times(n: u64) -> String {
    if n == 1 { "once".into() } else { format!("{n} times") }
}

fn of(n: usize) -> String {
    if n == 1 { "one value".into() } else { format!("{n} values") }
}

fn rejected(rejection: &Rejection) -> Finding {
    let kind = if rejection.code == codes::UNKNOWN_APP_OR_KIND.id {
        FindingKind::UnknownApp
    } else {
        FindingKind::RejectedRow
    };
    let mut finding = Finding::new(kind, rejection.code, rejection.message.clone());
    finding.identity.clone_from(&rejection.identity);
    finding.file = Some(rejection.file.clone());
    finding.line = Some(rejection.line).filter(|&l| l > 0);
    finding.column.clone_from(&rejection.column);
    finding
}

pub(crate) fn spelled(context: &Context<'_>, ent: &Entitlement) -> String {
    let schema = context.input.schema;
    format!("{}.{}({})", schema.app(ent.app).name, schema.kind(ent.app, ent.kind).name, ent.value)
}
