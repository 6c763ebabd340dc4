//! Seats (`limit`): how many hold something before and after a plan.
//! Invariant: a limit is told of, and changes nothing of a plan: who gets the last seat is not for Prov to choose.

use crate::diff::{Context, Ent, Part, folds};
use crate::order::Draft;
use crate::{ActionKind, Because, Cause, Finding, FindingKind, Held};
use prov_diag::codes;
use prov_model::{EntId, Entitlement, Schema, fold};
use smallvec::SmallVec;

/// How many of those who get it a finding names.
const EXAMPLES: usize = 5;

/// Holders of what one limit is of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats<'a> {
    before: u64,
    after: u64,
    /// Who holds it after and not before.
    gets: u64,
    /// The first of them.
    who: Vec<&'a str>,
}

/// By [`Ent`]: the limits that are of it. Empty where there are none.
pub(crate) fn limited<'e>(
    schema: &Schema,
    all: impl Iterator<Item = &'e Entitlement>,
) -> Vec<SmallVec<[u32; 2]>> {
    if schema.limits.is_empty() {
        return Vec::new();
    }
    let of = |e: &Entitlement| {
        let value = if folds(schema, e.app, e.kind) { fold(&e.value) } else { (&*e.value).into() };
        let covering = schema.limits.iter().zip(0..).filter(|(l, _)| l.pattern.covers(e.app, e.kind, &value));
        covering.map(|(_, i)| i).collect()
    };
    all.map(of).collect()
}

/// Counts one person, whose plan is `drafts`. People must come in order of id.
pub(crate) fn count<'a>(
    context: &Context<'a>,
    part: &mut Part<'a>,
    id: &'a str,
    held: &[EntId],
    drafts: &[Draft<'_>],
) {
    if context.limited.is_empty() {
        return;
    }
    let (mut before, mut after): (SmallVec<[u32; 4]>, SmallVec<[u32; 4]>) = Default::default();
    for &ent in held {
        let ent = context.ent_of_actual(ent);
        let limits = context.limits_of(ent);
        if limits.is_empty() {
            continue;
        }
        before.extend_from_slice(limits);
        let (app, shared) = (context.entitlement(ent).app, context.shared(ent));
        let goes = |d: &Draft<'_>| match d.kind {
            ActionKind::Revoke => context.shared(d.ent) == shared,
            // With the account goes what it holds.
            ActionKind::DeleteAccount => d.app == app,
            ActionKind::CreateAccount
            | ActionKind::RenameAccount
            | ActionKind::UpdateAccount
            | ActionKind::EnableAccount
            | ActionKind::DisableAccount
            | ActionKind::WriteBack
            | ActionKind::Grant
            | ActionKind::KillSessions => false,
        };
        if !drafts.iter().any(goes) {
            after.extend_from_slice(limits);
        }
    }
    for draft in drafts.iter().filter(|d| d.kind == ActionKind::Grant) {
        after.extend_from_slice(context.limits_of(draft.ent));
    }
    for list in [&mut before, &mut after] {
        list.sort_unstable();
        list.dedup();
    }
    part.seats.resize_with(context.input.schema.limits.len(), Seats::default);
    for &limit in &before {
        part.seats[limit as usize].before += 1;
    }
    for &limit in &after {
        let seats = &mut part.seats[limit as usize];
        seats.after += 1;
        if before.binary_search(&limit).is_err() {
            seats.gets += 1;
            if seats.who.len() < EXAMPLES {
                seats.who.push(id);
            }
        }
    }
}

/// The limits that are passed once the plan has run.
pub(crate) fn findings(context: &Context<'_>, parts: &[Part<'_>], findings: &mut Vec<Finding>) {
    let input = &context.input;
    let schema = input.schema;
    for (i, limit) in schema.limits.iter().enumerate() {
        let mut all = Seats::default();
        for seats in parts.iter().filter_map(|p| p.seats.get(i)) {
            all.before += seats.before;
            all.after += seats.after;
            all.gets += seats.gets;
            all.who.extend_from_slice(&seats.who);
        }
        all.who.truncate(EXAMPLES);
        if all.after <= limit.at_most {
            continue;
        }
        let rule = schema.rule(limit.rule);
        let shown = rule.name.strip_prefix("limit ").unwrap_or(&rule.name);
        let gets = match all.gets {
            0 => String::new(),
            n => format!("; this plan gives it to {n} who did not hold it"),
        };
        let message = format!(
            "`{shown}` is held by {} after this plan ({} before), at most {} may: {} too many{gets}",
            all.after,
            all.before,
            limit.at_most,
            all.after - limit.at_most
        );
        let mut finding = Finding::new(FindingKind::TooMany, codes::TOO_MANY.id, message);
        finding.app = Some(schema.app(limit.pattern.app).name.clone());
        finding.entitlement = limit.pattern.kind.map(|kind| Held {
            kind: schema.kind(limit.pattern.app, kind).name.clone(),
            value: limit.pattern.exact(),
        });
        finding.count = Some(all.after);
        finding.examples = all.who.iter().map(|w| (*w).to_owned()).collect();
        finding.because = vec![Because::of(input, Cause::from(limit.rule))];
        findings.push(finding);
    }
}

impl Context<'_> {
    /// The limits that are of an entitlement.
    pub(crate) fn limits_of(&self, ent: Ent) -> &[u32] {
        self.limited.get(ent as usize).map_or(&[], |l| l)
    }
}
