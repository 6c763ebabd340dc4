//! Separations in explanations: which speak of an entitlement, and what of their sides is there.
//! Invariant: whether one is hit is asked of the functions that decide.

use super::{Outcome, SeparationExplanation, SideExplanation};
use crate::decide::Decision;
use crate::interp::Interp;
use prov_model::{AppId, EntId, KindId, Separated, SeparationHit, fold};

/// The separations that speak of an entitlement, or of a role that could give it.
pub(super) fn of(me: &mut Interp<'_>, app: AppId, kind: KindId, value: &str) -> Vec<SeparationExplanation> {
    let (schema, shape) = (&me.world.program.schema, me.shape);
    let compared = if shape.folds(app, kind) { fold(value) } else { value.into() };
    let givers: Vec<u32> = shape
        .granted_by
        .get(&(app, kind))
        .into_iter()
        .flatten()
        .filter(|(rule, grant)| {
            shape.rules[*rule as usize].constants[*grant as usize]
                .is_none_or(|c| shape.constants[c as usize].value == value)
        })
        .flat_map(|(rule, _)| &shape.rules[*rule as usize].had_through)
        .copied()
        .collect();
    let speaks = |s: &u32| {
        schema.separations[*s as usize]
            .sides
            .iter()
            .any(|side| side.covers(app, kind, &compared) || givers.iter().any(|r| side.names(*r)))
    };
    let all: Vec<u32> = (0..schema.separations.len() as u32).filter(speaks).collect();
    all.into_iter()
        .map(|s| {
            let (there, outcome) = me.there(s);
            explained(me, s, &there, outcome)
        })
        .collect()
}

/// The separations that are hit.
pub(super) fn hit(me: &mut Interp<'_>, decision: &Decision) -> Vec<SeparationExplanation> {
    let hits = &decision.separated;
    hits.iter().map(|h| explained(me, h.separation, h, Outcome::True)).collect()
}

fn explained(
    me: &Interp<'_>,
    separation: u32,
    hit: &SeparationHit<EntId>,
    outcome: Outcome,
) -> SeparationExplanation {
    let schema = &me.world.program.schema;
    let def = &schema.separations[separation as usize];
    let sides = def.sides.iter().enumerate().map(|(number, side)| {
        let items = hit.items.iter().filter(|(of, _)| *of as usize == number);
        let mut there: Vec<String> = items
            .map(|(_, item)| match item {
                Separated::Role(role, args) => format!("{}{args}", schema.rule(*role).name),
                Separated::Entitlement(id) => {
                    let e = me.interner.entitlements.get(*id);
                    let (app, kind) = (schema.app(e.app), schema.kind(e.app, e.kind));
                    format!("{}.{}({:?})", app.name, kind.name, &*e.value)
                }
            })
            .collect();
        there.sort();
        SideExplanation { side: side.shown.clone(), withheld: def.resolve.withholds(number), there }
    });
    let sides = sides.collect();
    let suspended = me.exceptions_explained(me.suspending_separation(separation));
    SeparationExplanation { rule: me.rule_ref(def.rule), outcome, sides, suspended }
}
