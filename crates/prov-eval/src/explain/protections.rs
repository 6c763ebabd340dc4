//! What no plan takes away, as it stands beside an explanation. Invariant: it changes nothing of what someone should have.

use super::ProtectionExplanation;
use crate::interp::Interp;
use prov_model::{AppId, KindId, ProtectWhat, fold};

/// The protections of an identity, and of an entitlement that was asked about.
pub(super) fn of(
    explainer: &Interp<'_>,
    id: &str,
    target: Option<(AppId, Option<(KindId, &str)>)>,
) -> Vec<ProtectionExplanation> {
    let schema = &explainer.world.program.schema;
    let mut found = Vec::new();
    for def in &schema.protects {
        let at_least = match &def.what {
            ProtectWhat::Identity { id: of, folds } => {
                if of != id && !(*folds && fold(of) == fold(id)) {
                    continue;
                }
                None
            }
            ProtectWhat::Members { pattern, at_least } => {
                let Some((app, Some((kind, value)))) = target else { continue };
                let folds = schema.kind(app, kind).types.contains(&prov_model::Type::Text);
                let compared = if folds { fold(value) } else { value.into() };
                if !pattern.covers(app, kind, &compared) {
                    continue;
                }
                Some(*at_least)
            }
        };
        found.push(ProtectionExplanation { rule: explainer.rule_ref(def.rule), at_least });
    }
    found
}
