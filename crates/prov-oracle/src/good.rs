//! Last good records (plan.md, "Who is held"; files.md, "Memory").
//! Invariant: what can't be known of someone is read from theirs, for their own state and the forbids on them alone.

use crate::decide::leaver;
use crate::eval::{Eval, Res, Stop};
use crate::facts::known;
use crate::value::{Reading, Value};
use crate::world::{Person, World};
use prov_model::Memory;
use std::collections::BTreeMap;

impl<'a> World<'a> {
    /// Reads the last good records of everyone of whom something can't be known.
    pub(crate) fn read_good(&mut self, memory: &Memory) {
        let all: Vec<usize> = (0..self.people.len()).filter(|p| !self.people[*p].is_whole()).collect();
        for person in all {
            self.read_good_of(person, memory);
        }
    }

    fn read_good_of(&mut self, person: usize, memory: &Memory) {
        let one = &self.people[person];
        let Some(good) = memory.good.get(&one.id) else { return };
        let Some(of) = self.policy.identities.iter().find(|i| i.name == one.of) else { return };
        let reading = Reading { records: &self.policy.records };
        let mut values = BTreeMap::new();
        for (name, text) in good {
            let Some(field) = of.fields.iter().find(|f| f.name == *name) else { continue };
            let value = match text {
                None => Some(Value::Absent),
                Some(text) => reading.scalar(text, &field.ty),
            };
            values.extend(value.map(|value| (name.clone(), value)));
        }
        self.good.insert(person, values);
    }

    /// Those whom memory knows and no source brings, with the number of the leaver state that they are in by their record.
    pub(crate) fn left_unseen(&mut self, memory: &Memory) -> Res<BTreeMap<String, usize>> {
        let mut left = BTreeMap::new();
        for id in memory
            .good
            .keys()
            .filter(|id| self.people.iter().all(|p| p.id != **id))
            .cloned()
            .collect::<Vec<_>>()
        {
            let of = match self.policy.identities.as_slice() {
                [one] => Some(one),
                all => all.iter().find(|i| id.split_once(':').is_some_and(|(of, _)| of == i.name)),
            };
            let Some(of) = of else { continue };
            let attributes = of.fields.iter().map(|f| (f.name.clone(), None)).collect();
            let of = of.name.clone();
            let sources = BTreeMap::new();
            self.people.push(Person {
                of,
                id: id.clone(),
                attributes,
                rejected: true,
                sources,
                missing: true,
            });
            let person = self.people.len() - 1;
            self.read_good_of(person, memory);
            let state = recalling(self, person).map(|eval| left_in(&eval, person));
            self.good.remove(&person);
            self.people.pop();
            left.extend(state.transpose()?.flatten().map(|state| (id, state)));
        }
        Ok(left)
    }
}

/// Who reads what they can't know from their last good record, if they have one.
pub(crate) fn recalling<'w, 'a>(world: &'w World<'a>, person: usize) -> Option<Eval<'w, 'a>> {
    world.good.contains_key(&person).then(|| Eval { recalls: Some(person), ..Eval::new(world) })
}

/// The state, if it is known and one of a leaver.
pub(crate) fn left_in(eval: &Eval<'_, '_>, person: usize) -> Res<Option<usize>> {
    let state = match eval.state(person) {
        Ok(state) => state,
        Err(Stop::Unknown) => None,
        Err(stop) => return Err(stop),
    };
    Ok(state.filter(|s| eval.state_def(person, Some(*s)).is_some_and(leaver)))
}

impl Eval<'_, '_> {
    /// What the last good record says of an attribute that can't be known.
    pub(crate) fn recalled(&self, person: usize, name: &str) -> Option<Value> {
        self.recalls.filter(|p| *p == person)?;
        self.world.good.get(&person)?.get(name).cloned()
    }

    /// Whether the state can't be known.
    pub(crate) fn has_unknown_state(&self, person: usize) -> Res<bool> {
        known(self.state(person).map(|_| true)).map(|answer| answer.is_none())
    }
}
