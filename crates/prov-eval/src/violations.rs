//! What someone goes on holding although rules say no to it. Invariant: only rules that hold for certain are named, and
//! nothing that rules give is looked at by itself.

use crate::by_hand::ByHand;
use crate::evaluate::Engine;
use crate::facts::Tri;
use crate::instances::Stage;
use crate::interp::{Interp, Subject};
use crate::world::World;
use prov_model::{
    Background, EntId, Entitlement, GivenName, IdentityId, Moment, Population, Separated, SeparationHit,
    Violation,
};

impl Engine {
    /// The rules that say no to what an identity holds that no rule gives and nobody takes away: forbids and exceptions
    /// by themselves, separations beside what else they have. `who` must be of the population; names are those that the
    /// run over everyone gave.
    pub fn violations(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
        given: &[GivenName],
        stays: &[Entitlement],
    ) -> Vec<Violation> {
        let world = self.ready().world(population, moment, background, None);
        let by_hand = ByHand::of(world.program, population, moment, background, Some(who));
        let world = World { by_hand: Some(&by_hand), ..world };
        let names = self.told(world, who, given);
        let world = World { names: names.as_ref(), ..world };
        let mut interp = Interp::new(world, &self.ready().shape, Subject::Identity(who.0, who.1));
        let decision = interp.decide(|_| false);
        let mut ids = Vec::with_capacity(stays.len());
        for e in stays {
            let shape = &self.ready().shape;
            ids.push(interp.interner.intern(shape, e.app, e.kind, &e.value));
        }
        let mut out = Vec::new();
        for (held, &id) in (0..).zip(&ids) {
            let (forbids, denials) = interp.refused(id);
            out.extend(forbids.into_iter().map(|forbid| Violation::Forbidden { held, forbid }));
            out.extend(denials.into_iter().map(|exception| Violation::Denied { held, exception }));
        }
        out.extend(interp.beside(&decision.held, &ids).into_iter().map(Violation::Apart));
        out.sort_unstable();
        out.dedup();
        out
    }
}

impl Interp<'_> {
    /// The separations that what stays hits, together with what else is held in the end.
    fn beside(&mut self, held: &[EntId], stays: &[EntId]) -> Vec<SeparationHit<Entitlement>> {
        let mut asked: Vec<u32> = Vec::new();
        for &id in stays {
            asked.extend(self.sides_of(id).iter().map(|s| s.0));
        }
        asked.sort_unstable();
        asked.dedup();
        let mut hits = Vec::new();
        for separation in asked {
            let def = &self.world.program.schema.separations[separation as usize];
            let observed = self.world.program.observed.separations.contains(&separation);
            if observed || !self.suspending_separation(separation).is_empty() {
                continue;
            }
            let mut items: Vec<(u32, Separated<Entitlement>)> = Vec::new();
            for (number, side) in (0..).zip(&def.sides) {
                for role in &side.roles {
                    if !self.has_params(role.position) {
                        if self.had(role.position) == Tri::Yes {
                            items.push((number, Separated::Role(role.rule, "".into())));
                        }
                        continue;
                    }
                    let had = self.instances(role.position, Stage::Had);
                    let mine = had.list.iter().filter(|x| x.is == Tri::Yes && role.covers(Some(&x.key)));
                    items.extend(mine.map(|x| (number, Separated::Role(role.rule, (&*x.shown).into()))));
                }
                for &id in held.iter().chain(stays) {
                    if self.sides_of(id).contains(&(separation, number)) {
                        let entitlement = self.interner.entitlements.get(id).clone();
                        items.push((number, Separated::Entitlement(entitlement)));
                    }
                }
            }
            items.sort_unstable();
            items.dedup();
            if items.chunk_by(|a, b| a.0 == b.0).count() >= def.at_least as usize {
                hits.push(SeparationHit { separation, items });
            }
        }
        hits
    }
}
