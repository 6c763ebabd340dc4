//! Single expressions, for tests of a policy: constants, and conditions over people that are named from outside.
//! Invariant: the same interpreter as every other evaluation.

use crate::by_hand::ByHand;
use crate::evaluate::Engine;
use crate::explain::Clause;
use crate::interp::{Interp, Subject};
use crate::names::{Names, Rows};
use crate::world::World;
use prov_ir::{ExprId, Local};
use prov_model::{Background, IdentityId, Moment, Population, RowRef, Value};

/// What a local is bound to.
#[derive(Clone, Debug)]
pub enum Bound {
    /// Nothing.
    Absent,
    /// An identity of the population.
    Identity(IdentityId, u32),
    /// A `string`.
    Text(String),
    /// A `bool`.
    Truth(bool),
}

impl Engine {
    /// The value of an expression that reads no identity: a constant, the day, a function of those.
    pub fn value(&self, moment: &Moment, expr: ExprId) -> Value<'static> {
        let ready = self.ready();
        let world = World::without_people(&ready.program, &ready.tables, moment);
        let mut interp = Interp::new(world, &ready.shape, Subject::Identity(IdentityId(0), 0));
        interp.eval(expr).unwrap_or(Value::Absent).into_owned()
    }

    /// Whether a condition holds for someone, with its first locals bound; nothing where that can't be known.
    pub fn ask(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
        locals: &[Bound],
        condition: ExprId,
    ) -> Option<bool> {
        let world = self.ready().world(population, moment, background, None);
        let by_hand = ByHand::of(world.program, population, moment, background, Some(who));
        let world = World { by_hand: Some(&by_hand), ..world };
        let names = self.names_for(world, who, population);
        let world = World { names: names.as_ref(), ..world };
        let mut interp = Interp::new(world, &self.ready().shape, Subject::Identity(who.0, who.1));
        interp.ready_for(who, population, locals);
        interp.holds(Some(condition)).ok()
    }

    /// The same, taken apart.
    pub fn explain_condition(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        moment: &Moment,
        background: &Background,
        locals: &[Bound],
        condition: ExprId,
    ) -> Clause {
        let world = self.ready().world(population, moment, background, None);
        let by_hand = ByHand::of(world.program, population, moment, background, Some(who));
        let world = World { by_hand: Some(&by_hand), ..world };
        let names = self.names_for(world, who, population);
        let world = World { names: names.as_ref(), ..world };
        let mut interp = Interp::new(world, &self.ready().shape, Subject::Identity(who.0, who.1));
        interp.ready_for(who, population, locals);
        interp.clause(condition, 0)
    }
}

impl Engine {
    /// The names of who is there.
    fn names_for(&self, world: World<'_>, who: (IdentityId, u32), population: &Population) -> Option<Names> {
        if (who.1 as usize) >= population.of(who.0).len() {
            return None;
        }
        self.known(world, &Rows::One(who.0, who.1)).names
    }
}

impl<'a> Interp<'a> {
    /// Takes the steps of who is there, and binds locals.
    fn ready_for(&mut self, who: (IdentityId, u32), population: &'a Population, locals: &[Bound]) {
        if (who.1 as usize) < population.of(who.0).len() {
            self.take_steps(who.0, |_| false);
        }
        for (i, bound) in locals.iter().enumerate() {
            let value = match bound {
                Bound::Absent => Value::Absent,
                Bound::Identity(ty, row) => {
                    Value::Row(RowRef { table: &population.of(*ty).table, row: *row })
                }
                Bound::Text(text) => Value::str(text.clone()),
                Bound::Truth(truth) => Value::Bool(*truth),
            };
            self.bind(Local(i as u32), Ok(value));
        }
    }
}
