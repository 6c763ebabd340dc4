//! What someone goes on holding although rules say no to it, in words.
//! Invariant: it is told of and changes nothing; what Prov may take away is revoked instead, and is not told here.

use crate::diff::{Class, Context, Part, folds};
use crate::{Because, Cause, Finding, FindingKind, Held};
use prov_diag::codes;
use prov_model::{
    Actual, AppId, EntId, Entitlement, Exception, KindId, Mode, RuleId, Schema, Separated, SeparationHit,
    Violation, fold,
};
use std::collections::BTreeSet;

/// By actual id: whether a rule that is applied, or an exception, could say no to it; empty where there are none.
pub(crate) fn watched(schema: &Schema, actual: &Actual, exceptions: &[Exception]) -> Vec<bool> {
    let applied = |rule: RuleId| !schema.rule(rule).is_observed();
    let denied = denied(schema, exceptions);
    if schema.forbids.is_empty() && schema.separations.is_empty() && denied.is_empty() {
        return Vec::new();
    }
    let of = |e: &Entitlement| {
        if denied.contains(&(e.app, e.kind)) {
            return true;
        }
        let value = if folds(schema, e.app, e.kind) { fold(&e.value) } else { (&*e.value).into() };
        let forbids = schema.forbids.iter().filter(|f| applied(f.rule));
        let mut separations = schema.separations.iter().filter(|s| applied(s.rule));
        forbids.into_iter().any(|f| f.covers(e.app, e.kind, &value))
            || separations.any(|s| s.sides_of(e.app, e.kind, &value).next().is_some())
    };
    actual.entitlements.iter().map(|(_, e)| of(e)).collect()
}

/// The kinds of which exceptions deny something to somebody.
fn denied(schema: &Schema, exceptions: &[Exception]) -> BTreeSet<(AppId, KindId)> {
    let mut kinds = BTreeSet::new();
    for e in exceptions.iter().filter(|e| !e.allow) {
        let head = e.what.split_once('(').map_or(&*e.what, |(head, _)| head).trim();
        let Some((app, kind)) = head.rsplit_once('.') else { continue };
        let Some(app) = schema.apps.iter().position(|a| a.name == app.trim()) else { continue };
        let app = AppId(app as u32);
        let Some(kind) = schema.app(app).kinds.iter().position(|k| k.name == kind.trim()) else { continue };
        kinds.extend(schema.accounts_of(app).map(|app| (app, KindId(kind as u32))));
    }
    kinds
}

/// What someone holds that no rule gives, and that stays.
pub(crate) struct Stays {
    pub ent: EntId,
    pub class: Class,
}

/// Tells of what stays of someone who is neither held nor a leaver.
pub(crate) fn findings(context: &Context<'_>, part: &mut Part<'_>, id: &str, position: u32, stays: &[Stays]) {
    if !stays.iter().any(|s| context.watched.get(s.ent.0 as usize) == Some(&true)) {
        return;
    }
    let of = |s: &Stays| context.input.actual.entitlements.get(s.ent).clone();
    let entitlements: Vec<Entitlement> = stays.iter().map(of).collect();
    let mut found = Vec::new();
    context.input.reasons.violations(position, &entitlements, &mut found);
    for violation in found {
        match violation {
            Violation::Forbidden { held, forbid } => {
                let cause = context.input.schema.forbids.get(forbid as usize).map(|f| Cause::from(f.rule));
                if let (Some(stays), Some(cause)) = (stays.get(held as usize), cause) {
                    refused(context, part, id, stays, cause);
                }
            }
            Violation::Denied { held, exception } => {
                if let Some(stays) = stays.get(held as usize) {
                    refused(context, part, id, stays, Cause::Exception(exception));
                }
            }
            Violation::Apart(hit) => apart(context, part, id, stays, &hit),
        }
    }
}

/// Something is held that a forbid or an exception denies.
pub(crate) fn refused(context: &Context<'_>, part: &mut Part<'_>, id: &str, stays: &Stays, cause: Cause) {
    let input = &context.input;
    let ent = input.actual.entitlements.get(stays.ent);
    let by = match &cause {
        Cause::Rule { rule, .. } | Cause::Instance { rule, .. } => {
            let because = input.schema.rule(*rule).because.as_deref();
            format!("though it is forbidden{}", because.map(|b| format!(": {b}")).unwrap_or_default())
        }
        Cause::Exception(number) => {
            let terms = input.desired.exceptions.get(*number as usize).map(|e| e.terms());
            format!("though it is denied {}", terms.unwrap_or_default())
        }
    };
    let shown = crate::findings::spelled(context, ent);
    let message = format!("`{shown}` is held and stays ({}), {by}", why(context, ent, stays.class));
    let mut finding = Finding::new(FindingKind::Violation, codes::VIOLATION.id, message);
    finding.identity = Some(id.to_owned());
    finding.app = Some(input.schema.app(ent.app).name.clone());
    finding.entitlement = Some(Held {
        kind: input.schema.kind(ent.app, ent.kind).name.clone(),
        value: Some(ent.value.to_string()),
    });
    finding.because = vec![Because::of(input, cause)];
    part.findings.push(finding);
}

/// Something that stays may not stand beside something else.
fn apart(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    stays: &[Stays],
    hit: &SeparationHit<Entitlement>,
) {
    let input = &context.input;
    let Some(def) = input.schema.separations.get(hit.separation as usize) else { return };
    let shown = |item: &Separated<Entitlement>| match item {
        Separated::Role(role, args) => format!("the role `{}{args}`", input.schema.rule(*role).name),
        Separated::Entitlement(e) => {
            let of = |s: &&Stays| input.actual.entitlements.get(s.ent) == e;
            let stays = stays.iter().find(of).map(|s| format!(" ({})", why(context, e, s.class)));
            format!("`{}`{}", crate::findings::spelled(context, e), stays.unwrap_or_default())
        }
    };
    let mut sides: Vec<String> = Vec::new();
    for items in hit.items.chunk_by(|a, b| a.0 == b.0) {
        let mut side: Vec<String> = items.iter().map(|(_, item)| shown(item)).collect();
        side.sort();
        sides.push(side.join(", "));
    }
    let because = input.schema.rule(def.rule).because.as_deref();
    let because = because.map(|b| format!(": {b}")).unwrap_or_default();
    let message = format!("may not be held together, and stay so: {}{because}", sides.join(" and "));
    let mut finding = Finding::new(FindingKind::Violation, codes::VIOLATION.id, message);
    finding.identity = Some(id.to_owned());
    finding.because = vec![Because::of(input, Cause::from(def.rule))];
    part.findings.push(finding);
}

/// Why it is not taken away.
fn why(context: &Context<'_>, e: &Entitlement, class: Class) -> &'static str {
    match class {
        Class::Unmanaged => "not managed",
        Class::Irrevocable => "irrevocable",
        Class::Managed if context.input.schema.app(e.app).mode == Mode::Additive => "in an additive app",
        Class::Managed => "held back",
    }
}
