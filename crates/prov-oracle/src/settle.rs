//! What stands of what was granted: blank values, catalogs, forbids, separations, then the highest of a kind (items.md).
//! Invariant: nothing is added; what is left out is told with why.

use crate::entitlement::{Ent, compared, distinct, same, split};
use crate::eval::{Eval, Res, Scope};
use crate::facts::{either, known};
use crate::grants::Given;
use crate::keep::Kept;
use crate::pattern;
use crate::policy::declared;
use crate::value::{Reading, Ty, Value};
use crate::world::{compare_all, folded};
use prov_syntax::ast::{EntPattern, PatternArg};

/// Why a grant is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issue {
    Blank,
    NotInCatalog,
    Forbidden,
    Separated,
    Outranked,
}

/// What stands of what was granted.
#[derive(Default)]
pub(crate) struct Settled {
    pub held: Vec<Ent>,
    pub withheld: Vec<(Ent, Issue)>,
    pub unknown: bool,
}

impl<'a> Eval<'_, 'a> {
    /// What stands of grants: blank values, catalogs, forbids, separations, then the highest of a kind (items.md).
    /// `kept`: what no rule gives but memory keeps.
    pub(crate) fn settle(&self, person: usize, given: &[Given<'a>], kept: &Kept) -> Res<Settled> {
        let mut settled = Settled::default();
        for ent in
            distinct(given.iter().map(|g| &g.ent).chain(&kept.held).chain(&kept.by_state).cloned().collect())
        {
            let stays = kept.by_state.iter().any(|k| same(k, &ent));
            let ent = match self.spelled(ent) {
                Ok(ent) => ent,
                // What a state keeps was held: no catalog takes it away.
                Err((ent, _)) if stays => ent,
                Err(withheld) => {
                    settled.withheld.push(withheld);
                    continue;
                }
            };
            let forbidden = self.forbidden(person, &ent)?;
            if forbidden == Some(true) {
                settled.withheld.push((ent, Issue::Forbidden));
                continue;
            }
            let live = given.iter().any(|g| same(&g.ent, &ent));
            let yields = if live { Some(false) } else { known(self.yields(person, &ent))? };
            let separated = either(yields, known(self.separated(person, &|p| self.names(p, &ent)))?);
            settled.unknown |= forbidden.is_none() || separated.is_none();
            match separated {
                Some(true) => settled.withheld.push((ent, Issue::Separated)),
                Some(false) | None => settled.held.push(ent),
            }
        }
        self.highest(&mut settled);
        // What only a denied role kept is no loss where something else gives it.
        let lost: Vec<&Ent> =
            kept.denied.iter().filter(|e| !settled.held.iter().any(|h| same(h, e))).collect();
        settled.withheld.extend(lost.into_iter().map(|e| (e.clone(), Issue::Forbidden)));
        Ok(settled)
    }

    /// An entitlement in its catalog's spelling; an error where it has no value or is in none.
    pub(crate) fn spelled(&self, mut ent: Ent) -> Result<Ent, (Ent, Issue)> {
        let Some(kind) = self.world.policy.app(&ent.app).and_then(|a| a.kind(&ent.kind)) else {
            return Ok(ent);
        };
        let parts = if kind.types.len() > 1 { split(&ent.value) } else { vec![ent.value.clone()] };
        if !kind.types.is_empty() && parts.iter().any(|p| p.trim().is_empty()) {
            return Err((ent, Issue::Blank));
        }
        let catalog = self.world.catalogs.get(&(declared(&ent.app).to_owned(), ent.kind.clone()));
        if let (true, Some(catalog)) = (kind.catalog, catalog) {
            match catalog.iter().find(|v| compared(kind, v) == ent.compared) {
                Some(spelled) => ent.value.clone_from(spelled),
                None => return Err((ent, Issue::NotInCatalog)),
            }
        }
        Ok(ent)
    }

    /// Whether a forbid withholds an entitlement; none where that can't be known.
    pub(crate) fn forbidden(&self, person: usize, ent: &Ent) -> Res<Option<bool>> {
        if self.world.denies(person, &ent.app, &ent.kind, &ent.compared) {
            return Ok(Some(true));
        }
        self.forbidden_by(person, &|p| self.names(p, ent))
    }

    pub(crate) fn forbidden_by(
        &self,
        person: usize,
        names: &dyn Fn(&'a EntPattern) -> Res<bool>,
    ) -> Res<Option<bool>> {
        let (of, scope) = self.me(person);
        let mut answer = Some(false);
        for forbid in self.world.forbids().filter(|f| f.for_type.is_none_or(|t| t == of)) {
            let (mut concerns, mut certain) = (false, false);
            for (pattern, name) in forbid.patterns.iter().zip(&forbid.names) {
                let acts = names(pattern)? && !self.world.suspends(person, name, forbid.because);
                concerns |= acts;
                certain |= acts && !self.world.may_suspend(person, name, forbid.because);
            }
            if concerns {
                let holds = forbid.when.map_or(Ok(Some(true)), |when| known(self.holds(when, &scope)))?;
                answer = either(answer, holds.filter(|holds| certain || !holds));
            }
        }
        Ok(answer)
    }

    /// Whether a pattern names an entitlement (items.md, "forbid").
    pub(crate) fn names(&self, pattern: &'a EntPattern, ent: &Ent) -> Res<bool> {
        let EntPattern::Entitlement { app, kind, args, .. } = pattern else {
            // An app's name alone means all of it.
            let EntPattern::Role(name) = pattern else { return Ok(false) };
            return Ok(name.name.text == declared(&ent.app));
        };
        let Some(def) = self.world.policy.app(&ent.app).and_then(|a| a.kind(&ent.kind)) else {
            return Ok(false);
        };
        if app.text != declared(&ent.app) || kind.as_ref().is_some_and(|k| k.text != ent.kind) {
            return Ok(false);
        }
        let Some(args) = args else { return Ok(true) };
        let parts = if def.types.len() > 1 { split(&ent.value) } else { vec![ent.value.clone()] };
        for (n, (arg, ty)) in args.iter().zip(&def.types).enumerate() {
            let folds = *ty == Ty::Text;
            let Some(part) = parts.get(n) else {
                // A value that it lacks is any, and no other.
                if matches!(arg, PatternArg::Any(_)) {
                    continue;
                }
                return Ok(false);
            };
            let fits = match arg {
                PatternArg::Any(_) => true,
                PatternArg::Matches(p) => pattern::matches(p, part, folds)?,
                PatternArg::Value(e) => {
                    let value = self.eval(e, &Scope::default(), Some(ty))?;
                    folded(&value.plain(), folds) == folded(part, folds)
                }
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Leaves the highest of each kind where the highest wins.
    fn highest(&self, settled: &mut Settled) {
        let reading = Reading { records: &self.world.policy.records };
        let kind_of = |e: &Ent| self.world.policy.app(&e.app).and_then(|a| a.kind(&e.kind));
        let rank = |e: &Ent| -> Vec<Value> {
            let types = kind_of(e).map_or(&[][..], |k| k.types.as_slice());
            let parts = if types.len() > 1 { split(&e.value) } else { vec![e.value.clone()] };
            let values = parts.iter().zip(types).map(|(p, t)| reading.scalar(p, t).unwrap_or(Value::Absent));
            values.collect()
        };
        // What does not read by its type is below all that does.
        let blank = |values: &[Value]| values.iter().any(Value::is_absent);
        let above = |a: &[Value], b: &[Value]| match (blank(a), blank(b)) {
            (false, false) => compare_all(a, b),
            (a, b) => b.cmp(&a),
        };
        let all = settled.held.clone();
        let beaten = |e: &Ent| {
            kind_of(e).is_some_and(|k| k.highest_wins)
                && all.iter().any(|o| {
                    (&o.app, &o.kind) == (&e.app, &e.kind)
                        && above(&rank(o), &rank(e)).then_with(|| o.value.cmp(&e.value)).is_gt()
                })
        };
        let (lost, held): (Vec<Ent>, Vec<Ent>) = all.iter().cloned().partition(beaten);
        settled.held = held;
        settled.withheld.extend(lost.into_iter().map(|e| (e, Issue::Outranked)));
    }
}
