//! What would be otherwise if what is observed (`@stage(observe)`) were applied, in words.
//! Invariant: it is told once for each entitlement of a person, and changes nothing of a plan but that what an observed
//! grant would give is not revoked.

use crate::diff::{Context, Part};
use crate::{Because, Cause, Finding, FindingKind, Held};
use prov_diag::codes;
use prov_model::{EntId, Would};

/// Of one person, by position; `held` is what they have now.
pub(crate) fn findings(context: &Context<'_>, part: &mut Part<'_>, id: &str, position: u32, held: &[EntId]) {
    let would = &context.input.desired.would;
    let ids = &context.input.desired.entitlements;
    let has = |ent: EntId| held.iter().any(|h| context.common[h.0 as usize] == ids.same_as(ent).0);
    for ent in Would::of(&would.gives, position) {
        let already = if has(ent) { ", and is held already" } else { "" };
        tell(context, part, id, position, (ent, true), &format!("would be given{already}"));
    }
    for ent in Would::of(&would.withholds, position) {
        tell(context, part, id, position, (ent, false), "would be withheld");
    }
    for spares in Would::of(&would.unsure, position) {
        let rest = if spares { "; nothing is revoked" } else { "" };
        let message = format!("what observed rules would do can't be known{rest}");
        let mut finding = Finding::new(FindingKind::WouldUnknown, codes::WOULD.id, message);
        finding.identity = Some(id.to_owned());
        part.findings.push(finding);
    }
}

/// Whether something that is held is not revoked, since an observed grant would give it; told, where it is not otherwise.
pub(crate) fn spared(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    position: u32,
    held: EntId,
) -> bool {
    let would = &context.input.desired.would;
    let ids = &context.input.desired.entitlements;
    let common = context.common[held.0 as usize];
    if Would::of(&would.unsure, position).any(|spares| spares) {
        return true;
    }
    let Some(ent) = Would::of(&would.spares, position).find(|e| ids.same_as(*e).0 == common) else {
        return false;
    };
    // Where what is observed would also withhold it, nothing else tells of it.
    if !Would::of(&would.gives, position).any(|e| ids.same_as(e).0 == common) {
        let message = "is held and not revoked, for an observed grant gives it; what else is observed would withhold it";
        tell(context, part, id, position, (ent, false), message);
    }
    true
}

fn tell(
    context: &Context<'_>,
    part: &mut Part<'_>,
    id: &str,
    position: u32,
    (ent, gives): (EntId, bool),
    what: &str,
) {
    let input = &context.input;
    let e = input.desired.entitlements.get(ent);
    let mut causes: Vec<Cause> = Vec::new();
    input.reasons.would(position, ent, gives, &mut causes);
    causes.sort_unstable();
    causes.dedup();
    let observed = |c: &Cause| match c {
        Cause::Rule { rule, .. } | Cause::Instance { rule, .. } => input.schema.rule(*rule).is_observed(),
        Cause::Exception(_) => false,
    };
    // What is observed is why; where it acts through `has`, the rules that it moves are.
    if causes.iter().any(observed) {
        causes.retain(observed);
    }
    let kind = if gives { FindingKind::WouldGrant } else { FindingKind::WouldWithhold };
    let reason = causes.iter().find_map(|c| match c {
        Cause::Rule { rule, .. } | Cause::Instance { rule, .. } => {
            input.schema.rule(*rule).because.as_deref()
        }
        Cause::Exception(_) => None,
    });
    let reason = reason.filter(|_| !gives).map_or(String::new(), |r| format!(": {r}"));
    let message = format!("`{}` {what}{reason}", crate::findings::spelled(context, e));
    let mut finding = Finding::new(kind, codes::WOULD.id, message);
    finding.identity = Some(id.to_owned());
    finding.app = Some(input.schema.app(e.app).name.clone());
    finding.entitlement =
        Some(Held { kind: input.schema.kind(e.app, e.kind).name.clone(), value: Some(e.value.to_string()) });
    finding.because = Because::in_order(causes.into_iter().map(|c| Because::of(input, c)).collect());
    part.findings.push(finding);
}
