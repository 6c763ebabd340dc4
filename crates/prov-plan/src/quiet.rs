//! Those for whom there is surely nothing to do: most people on most days, told by one look.
//! Invariant: of whom this says yes, the whole diff would draft nothing, find nothing, and count only what
//! [`crate::person::measure`] counts.

use crate::diff::PlanInput;
use crate::person::Held;
use prov_model::{Entitlements, same_accounts};

/// Who can be told by one look.
pub(crate) struct Quiet {
    /// By position among the desired, a bit each: there is more to say of them. Empty where that is so of everyone.
    loud: Vec<u64>,
}

impl Quiet {
    pub fn new(input: &PlanInput<'_>) -> Quiet {
        let PlanInput { schema, desired, actual, .. } = input;
        let would = &desired.would;
        let trial = would.gives.is_empty()
            && would.withholds.is_empty()
            && would.spares.is_empty()
            && would.unsure.is_empty();
        if !trial || !schema.judges_alone() {
            return Quiet { loud: Vec::new() };
        }
        let mut loud = vec![0u64; desired.ids.len().div_ceil(64)];
        let mut mark = |position: u32| {
            if let Some(word) = loud.get_mut(position as usize / 64) {
                *word |= 1 << (position % 64);
            }
        };
        desired.withheld.iter().for_each(|w| mark(w.0));
        desired.forbidden_roles.iter().for_each(|f| mark(f.0));
        desired.denied_roles.iter().for_each(|d| mark(d.0));
        desired.separated.iter().for_each(|s| mark(s.0));
        desired.out.iter().for_each(|o| mark(o.0));
        desired.writes.iter().for_each(|w| mark(w.position));
        desired.conflicts.keys().for_each(|(position, _)| mark(*position));
        for id in &actual.unreadable {
            desired.position(id).into_iter().for_each(|p| mark(p as u32));
        }
        for (position, ((ty, _), number)) in desired.rows.iter().zip(&desired.states).enumerate() {
            let lifecycle = schema.identity(*ty).lifecycle.as_ref();
            let state = lifecycle.and_then(|l| l.defs.get(*number as usize));
            let plain = match (lifecycle, state) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(_), Some(state)) => !state.leaver && state.verbs.is_empty(),
            };
            if desired.flags[position].held || !plain {
                mark(position as u32);
            }
        }
        Quiet { loud }
    }

    /// Whether there is nothing to do for someone, by position among the desired and among the actual.
    pub fn is_quiet(
        &self,
        input: &PlanInput<'_>,
        common: &[u32],
        held: &mut Held,
        desired: u32,
        actual: Option<u32>,
    ) -> bool {
        let loud = self.loud.get(desired as usize / 64).is_none_or(|w| w >> (desired % 64) & 1 == 1);
        // INVARIANT: whoever is settled was compared with this actual state, by the same measure.
        if input.desired.is_settled(desired) {
            debug_assert!(!loud, "of who is settled there is nothing more to say");
            return true;
        }
        if loud {
            return false;
        }
        let accounts = actual.map_or(&[][..], |a| input.actual.accounts.get(a as usize));
        let has = actual.map_or(&[][..], |a| input.actual.holdings.get(a as usize));
        let ids: &Entitlements = &input.desired.entitlements;
        held.equals(ids, common, input.desired.holdings.get(desired as usize), has)
            && same_accounts(input.desired.accounts.get(desired as usize), accounts)
    }
}
