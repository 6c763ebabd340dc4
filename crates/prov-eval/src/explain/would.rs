//! What would be otherwise for someone if what is observed were applied. Invariant: it is what two runs differ by.

use super::{RuleRef, WouldExplanation};
use crate::evaluate::Engine;
use crate::one::Caused;
use prov_model::{AppId, Background, Entitlement, IdentityId, KindId, Moment, Population, fold};

/// Of what was asked about; nothing where nothing is observed, or the identity is held in one of the two.
pub(super) fn of(
    engine: &Engine,
    population: &Population,
    who: (IdentityId, u32),
    target: Option<(AppId, Option<(KindId, &str)>)>,
    moment: &Moment,
    background: &Background,
) -> Vec<WouldExplanation> {
    let Some(trial) = engine.trial() else { return Vec::new() };
    let program = engine.program();
    let now = engine.evaluate_one(population, who, moment, background);
    let then = trial.evaluate_one(population, who, moment, background);
    if now.hold.is_some() || then.hold.is_some() {
        return Vec::new();
    }
    let same = |a: &Entitlement, b: &Entitlement| {
        (a.app, a.kind) == (b.app, b.kind)
            && (a.value == b.value || program.folds(a.app, a.kind) && fold(&a.value) == fold(&b.value))
    };
    let asked = |e: &Entitlement| match target {
        None => true,
        Some((app, None)) => e.app == app,
        Some((app, Some((kind, value)))) => same(e, &Entitlement { app, kind, value: value.into() }),
    };
    let beyond = |list: &[Caused], other: &[Caused]| -> Vec<Entitlement> {
        let mine = list.iter().map(|c| &c.entitlement).filter(|e| asked(e));
        mine.filter(|e| !other.iter().any(|c| same(&c.entitlement, e))).cloned().collect()
    };
    let mut out = Vec::new();
    for (list, gives) in
        [(beyond(&then.holdings, &now.holdings), true), (beyond(&now.holdings, &then.holdings), false)]
    {
        for e in list {
            let causes = then.causes_of(trial.program(), &e);
            let rules = if gives { causes.grants } else { causes.withholds };
            out.push(WouldExplanation {
                app: program.schema.app(e.app).name.clone(),
                kind: program.schema.kind(e.app, e.kind).name.clone(),
                value: e.value.to_string(),
                gives,
                rules: rules.into_iter().map(|r| RuleRef::of(&program.schema, r)).collect(),
            });
        }
    }
    out
}
