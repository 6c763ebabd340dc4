//! Last good records: what was read of someone when all of it could be read, for when something of it can't be, or there
//! is no row of them any more.
//! Invariant: only what can't be known now is read from them, only for the identity itself, and only for its state and the
//! forbids that hold for it.

use crate::evaluate::Engine;
use crate::interp::{Interp, Subject};
use crate::world::World;
use prov_ir::{ExprId, ExprKind, Program};
use prov_model::{
    AttrId, Background, Desired, IdentityId, IdentityTable, Instant, Membership, Memory, Moment, Population,
    RawCell, Schema, Table, Type, Value, cell_value,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is remembered of someone, while it is read.
pub(crate) struct Recalled<'a> {
    who: (IdentityId, u32),
    /// Whether there is no row of them.
    missing: bool,
    values: Vec<(AttrId, Value<'a>)>,
}

/// The attributes of each identity type that its lifecycle and forbids read, and whose values are plain.
pub(crate) fn remembered(program: &Program) -> Vec<Vec<AttrId>> {
    let of = |ty: IdentityId| {
        let states = program.lifecycles.iter().filter(|l| l.identity == ty).flat_map(|l| &l.conditions);
        let one = program.schema.identities.len() == 1;
        let forbids =
            program.forbids.iter().filter(|f| f.identity.map_or(one, |of| of == ty)).map(|f| &f.when);
        let mut read = BTreeSet::new();
        for condition in states.chain(forbids).flatten() {
            walk(program, *condition, &mut |kind| {
                if let ExprKind::Attr(attr) = kind {
                    read.insert(*attr);
                }
            });
        }
        let attributes = &program.schema.identity(ty).attributes;
        read.retain(|a| attributes.get(a.index()).is_some_and(|field| is_plain(&field.ty)));
        read.into_iter().collect()
    };
    (0..program.schema.identities.len()).map(|ty| of(IdentityId(ty as u32))).collect()
}

fn walk(program: &Program, id: ExprId, f: &mut impl FnMut(&ExprKind)) {
    let kind = &program.expr(id).kind;
    f(kind);
    let mut children = Vec::new();
    kind.children(|child| children.push(child));
    children.into_iter().for_each(|child| walk(program, child, f));
}

fn is_plain(ty: &Type) -> bool {
    match ty.required() {
        Type::Bool
        | Type::Int
        | Type::Decimal
        | Type::Str
        | Type::Text
        | Type::Date
        | Type::Instant
        | Type::Enum(_) => true,
        Type::Duration
        | Type::Elapsed
        | Type::Set(_)
        | Type::List(_)
        | Type::Record(_)
        | Type::Identity(_)
        | Type::Optional(_) => false,
    }
}

impl<'a> Interp<'a> {
    /// From now on reads of the identity at hand what it can't know from its last good record; false where there is none.
    /// What was worked out is forgotten.
    pub(crate) fn recall(&mut self, missing: bool) -> bool {
        let Subject::Identity(ty, row) = self.subject else { return false };
        let (Some(background), Some(population)) = (self.world.background, self.world.population) else {
            return false;
        };
        if background.memory.good.is_empty() {
            return false;
        }
        let schema = &self.world.program.schema;
        let id = schema.global_id(ty, population.of(ty).table.key(row).unwrap_or(""));
        let Some(good) = background.memory.good.get(&id) else { return false };
        let attributes = &schema.identity(ty).attributes;
        let value = |attr: &AttrId| {
            let field = &attributes[attr.index()];
            let text = good.get(&field.name)?;
            let cell = text.as_deref().map_or(RawCell::Absent, RawCell::Text);
            // What reads no more, since the policy is another, is not known.
            let value = cell_value(cell, &field.ty, schema, &self.world.moment.zone).ok()?;
            Some((*attr, value))
        };
        let values = self.shape.remembered[ty.index()].iter().filter_map(value).collect();
        self.recalled = Some(Recalled { who: (ty, row), missing, values });
        self.forget(ty, row);
        true
    }

    /// Reads nothing from the last good record any more.
    pub(crate) fn recall_no_more(&mut self) {
        if let Some(Recalled { who: (ty, row), .. }) = self.recalled.take() {
            self.forget(ty, row);
        }
    }

    fn forget(&mut self, ty: IdentityId, row: u32) {
        self.facts.clear();
        if let Some(wake) = &mut self.wake {
            wake.forget(ty, row);
        }
    }

    /// What the last good record says of an attribute that can't be known.
    pub(crate) fn recalled_value(&self, ty: IdentityId, row: u32, attr: AttrId) -> Option<Value<'a>> {
        let recalled = self.recalled.as_ref().filter(|r| r.who == (ty, row))?;
        recalled.values.iter().find(|(a, _)| *a == attr).map(|(_, value)| value.clone())
    }

    /// What the last good record of someone says of what can't be known now, by attribute.
    pub(crate) fn last_good(&self, (ty, row): (IdentityId, u32)) -> BTreeMap<String, Option<String>> {
        let (Some(background), Some(population)) = (self.world.background, self.world.population) else {
            return BTreeMap::new();
        };
        let (schema, of) = (&self.world.program.schema, population.of(ty));
        if of.is_whole(row) {
            return BTreeMap::new();
        }
        let id = schema.global_id(ty, of.table.key(row).unwrap_or(""));
        let attributes = &schema.identity(ty).attributes;
        let good = background.memory.good.get(&id).into_iter().flatten();
        let unknown = good.filter(|(name, _)| {
            let attr = attributes.iter().position(|a| a.name == **name);
            attr.is_some_and(|a| of.is_broken(row, AttrId(a as u32)))
        });
        unknown.map(|(name, text)| (name.clone(), text.clone())).collect()
    }

    /// Whether it is someone of whom there is no row.
    pub(crate) fn is_missing(&self, ty: IdentityId, row: u32) -> bool {
        self.recalled.as_ref().is_some_and(|r| r.missing && r.who == (ty, row))
    }
}

/// Those whom memory knows and no source brings: all of their attributes are broken.
fn missing_of<'m>(schema: &Schema, ids: impl Iterator<Item = &'m str>) -> Population {
    let mut keys: Vec<Vec<Box<str>>> = vec![Vec::new(); schema.identities.len()];
    for id in ids {
        let found = match schema.identities.len() {
            1 => Some((0, id)),
            _ => id
                .split_once(':')
                .and_then(|(name, key)| Some((schema.identities.iter().position(|t| t.name == name)?, key))),
        };
        if let Some((ty, key)) = found {
            keys[ty].push(key.into());
        }
    }
    let mut population = Population::default();
    for (ty, keys) in keys.into_iter().enumerate() {
        let rows = keys.len();
        let attributes = schema.identities[ty].attributes.len() as u32;
        let mut of = IdentityTable::new(Table { columns: Vec::new(), rows, keys });
        of.broken = (0..rows as u32).map(|row| (row, (0..attributes).map(AttrId).collect())).collect();
        let sources = schema.sources.iter().enumerate().filter(|(_, s)| s.identity.index() == ty);
        of.members = sources.map(|(s, _)| (s as u32, vec![Membership::Unknown; rows])).collect();
        population.types.push(of);
    }
    population
}

impl Engine {
    /// The leaver states of those whom memory knows and no source brings, by what was read of them last.
    pub(crate) fn recalled(&self, desired: &Desired, background: &Background) -> BTreeMap<Box<str>, u32> {
        let memory = &background.memory;
        if memory.good.is_empty() {
            return BTreeMap::new();
        }
        let mut there = desired.ids.iter().peekable();
        let missing = memory.good.keys().map(String::as_str).filter(|id| {
            while there.next_if(|t| (***t) < **id).is_some() {}
            there.peek().is_none_or(|t| ***t != **id)
        });
        self.left(missing, &desired.at, background, false).0
    }

    /// When someone whom no source brings has left by what was read of them last.
    pub fn wakes_of_missing(
        &self,
        memory: &Memory,
        moment: &Moment,
        background: &Background,
    ) -> Vec<Instant> {
        if memory.good.is_empty() || memory.missing.is_empty() {
            return Vec::new();
        }
        self.left(memory.missing.keys().map(String::as_str), moment, background, true).1
    }

    fn left<'m>(
        &self,
        ids: impl Iterator<Item = &'m str>,
        moment: &Moment,
        background: &Background,
        wakes: bool,
    ) -> (BTreeMap<Box<str>, u32>, Vec<Instant>) {
        let ready = self.ready();
        let schema = &ready.program.schema;
        let population = missing_of(schema, ids);
        let world: World<'_> = ready.world(&population, moment, background, None);
        let (mut left, mut instants) = (BTreeMap::new(), Vec::new());
        for (ty, of) in population.types.iter().enumerate() {
            let ty = IdentityId(ty as u32);
            let Some(lifecycle) = schema.identity(ty).lifecycle.as_ref().filter(|_| !of.is_empty()) else {
                continue;
            };
            let mut interp = Interp::new(world, &ready.shape, Subject::Identity(ty, 0));
            for row in 0..of.len() as u32 {
                interp.turn_to(Subject::Identity(ty, row));
                if wakes {
                    interp.note_wakes();
                }
                if !interp.recall(true) {
                    continue;
                }
                let state = interp.state_of(ty, row);
                let def = state.ok().and_then(|s| Some((s, lifecycle.defs.get(s as usize)?)));
                match def.filter(|(_, def)| def.leaver) {
                    Some((state, _)) => {
                        let id = schema.global_id(ty, of.table.key(row).unwrap_or(""));
                        left.insert(id.into(), state);
                    }
                    None => instants.extend(interp.next_wake()),
                }
            }
        }
        (left, instants)
    }

    /// The last good records after a run: of everyone who could be read whole, as they are now; of others as they were, as
    /// long as they are there or have something.
    pub fn good_after(
        &self,
        population: &Population,
        desired: &Desired,
        has: impl Fn(&str) -> bool,
        memory: &Memory,
    ) -> BTreeMap<String, BTreeMap<String, Option<String>>> {
        let (schema, remembered) = (&self.program().schema, &self.ready().shape.remembered);
        let mut after = BTreeMap::new();
        for (id, &(ty, row)) in desired.ids.iter().zip(&desired.rows) {
            let (of, attributes) = (population.of(ty), &remembered[ty.index()]);
            if !of.is_whole(row) {
                after.extend(memory.good.get(&**id).map(|good| (id.to_string(), good.clone())));
                continue;
            }
            if attributes.is_empty() {
                continue;
            }
            let value = |attr: &AttrId| {
                let field = &schema.identity(ty).attributes[attr.index()];
                let value = of.table.columns.get(attr.index()).map_or(Value::Absent, |c| c.get(row as usize));
                let text = (!value.is_absent()).then(|| value.plain(&field.ty, schema));
                (field.name.clone(), text)
            };
            after.insert(id.to_string(), attributes.iter().map(value).collect());
        }
        for (id, good) in &memory.good {
            if desired.position(id).is_none() && has(id) {
                after.insert(id.clone(), good.clone());
            }
        }
        after
    }
}
