//! Who there is: the identities of a type by key, with the rows that each source has of them.
//! Invariant: only authoritative sources say who there is; others find those or nobody.

use super::links::{By, Links, Targets, compared};
use super::mapper::{Mapped, Mapper};
use super::merge::{Interps, Merged, Sources};
use crate::world::World;
use prov_model::{AttrId, DataWarning, Date, IdentityId, Rejection};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The identities of a type.
pub(super) struct Roster {
    /// Keys as spelled, in order.
    pub keys: Vec<Box<str>>,
    /// By key, as references spell it (folded where keys are `text`).
    pub index: FxHashMap<Box<str>, u32>,
    /// The rows of each source of the type, by position of its mapper.
    pub links: Vec<(usize, Links)>,
    pub rejections: Vec<(usize, Rejection)>,
    pub warnings: Vec<DataWarning>,
    pub upcoming: BTreeMap<u32, Date>,
    /// The first authoritative source of which rows may be lacking, by position in the schema: who is not here may be
    /// somebody all the same.
    pub lacking: Option<u32>,
}

/// The values by which the rows of a mapper find their identities.
type Keys = (usize, Vec<Option<Box<str>>>);

impl Roster {
    pub fn new<'a>(mappers: &'a [Mapper<'a>], world: World<'a>, ty: IdentityId) -> Roster {
        let schema = &world.program.schema;
        let def = schema.identity(ty);
        let key_ty = &def.attributes[def.key.index()].ty;
        let of_type: Vec<usize> = (0..mappers.len()).filter(|m| mappers[*m].def.identity == ty).collect();
        let keys: Vec<Keys> = of_type.iter().map(|&m| (m, mappers[m].keys())).collect();
        // Of several spellings of one key, that of the preferred source counts; in one source the least.
        let rank = |m: usize| {
            let order = &world.program.brought[ty.index()][def.key.index()];
            order.iter().position(|s| *s == mappers[m].program.source)
        };
        let mut known: Vec<(Cow<'_, str>, Option<usize>, &str)> = keys
            .iter()
            .filter(|(m, _)| mappers[*m].def.is_authoritative())
            .flat_map(|(m, keys)| keys.iter().flatten().map(|k| (compared(k, key_ty), rank(*m), &**k)))
            .collect();
        known.par_sort_unstable();
        known.dedup_by(|next, first| next.0 == first.0);
        known.sort_by(|a, b| a.2.cmp(b.2));
        let mut roster = Roster {
            keys: known.iter().map(|k| Box::from(k.2)).collect(),
            index: known
                .into_iter()
                .enumerate()
                .map(|(i, (compared, ..))| (compared.into(), i as u32))
                .collect(),
            links: Vec::new(),
            rejections: Vec::new(),
            warnings: Vec::new(),
            upcoming: BTreeMap::new(),
            lacking: None,
        };
        let first = |m: &usize| mappers[*m].def.is_authoritative();
        let (authoritative, others): (Vec<&Keys>, Vec<&Keys>) = keys.iter().partition(|(m, _)| first(m));
        for (m, keys) in authoritative.into_iter().chain(others) {
            let links = roster.link(mappers, *m, keys, world, ty);
            roster.links.push((*m, links));
        }
        let lacks = roster.links.iter().filter(|(m, links)| first(m) && links.incomplete);
        roster.lacking = lacks.map(|(m, _)| mappers[*m].program.source).min();
        for (m, links) in &mut roster.links {
            roster.rejections.extend(std::mem::take(&mut links.rejections).into_iter().map(|r| (*m, r)));
            roster.warnings.extend(links.warning.take());
            for (member, date) in std::mem::take(&mut links.upcoming) {
                let next = roster.upcoming.entry(member).or_insert(date);
                *next = date.min(*next);
            }
        }
        for (m, keys) in &keys {
            roster.keyless(&mappers[*m], *m, keys);
        }
        roster
    }

    /// The rows of a mapper by identity. Authoritative ones come before those that join what they bring.
    fn link<'a>(
        &self,
        mappers: &'a [Mapper<'a>],
        m: usize,
        keys: &[Option<Box<str>>],
        world: World<'a>,
        ty: IdentityId,
    ) -> Links {
        let schema = &world.program.schema;
        let id = |member: u32| schema.global_id(ty, &self.keys[member as usize]);
        let mapper = &mappers[m];
        let (attr, def, _) = mapper.join();
        if attr == schema.identity(ty).key {
            let targets = Targets {
                by: By::Key(&self.index),
                unknown: Vec::new(),
                apart: Vec::new(),
                id: &id,
                count: self.keys.len(),
            };
            return Links::new(mapper, keys, &targets, world);
        }
        let values = self.values(mappers, ty, attr);
        let spelled: Vec<Option<Box<str>>> = values
            .iter()
            .map(|value| match value {
                Merged::Value(Mapped::Value(value)) => {
                    let spelled = value.plain(&def.ty, schema);
                    (!spelled.trim().is_empty()).then(|| compared(&prov_model::nfc(&spelled), &def.ty).into())
                }
                _ => None,
            })
            .collect();
        let mut by: FxHashMap<&str, Vec<u32>> = FxHashMap::default();
        for (member, value) in spelled.iter().enumerate() {
            if let Some(value) = value {
                by.entry(value).or_default().push(member as u32);
            }
        }
        let lost = |value: &Merged<'_>| matches!(value, Merged::Broken | Merged::Doubtful(_));
        let (mut unknown, mut apart) = (Vec::new(), Vec::new());
        for (i, value) in values.iter().enumerate().filter(|(i, _)| spelled[*i].is_none()) {
            if lost(value) { &mut unknown } else { &mut apart }.push(i as u32);
        }
        let targets = Targets { by: By::Value(by), unknown, apart, id: &id, count: self.keys.len() };
        Links::new(mapper, keys, &targets, world)
    }

    /// An attribute of every identity.
    fn values<'a>(&self, mappers: &'a [Mapper<'a>], ty: IdentityId, attr: AttrId) -> Vec<Merged<'a>> {
        let sources = Sources { mappers, links: &self.links, ty };
        (0..self.keys.len() as u32)
            .into_par_iter()
            .with_min_len(1024)
            .map_init(Interps::new, |interps, member| sources.attribute(interps, member, attr))
            .collect()
    }

    /// Rows of which it can't be told whose they are.
    fn keyless<'a>(&mut self, mapper: &'a Mapper<'a>, m: usize, keys: &[Option<Box<str>>]) {
        let rows: Vec<usize> = (0..keys.len()).filter(|row| keys[*row].is_none()).collect();
        let (Some(mut interp), false) = (mapper.interp(), rows.is_empty()) else { return };
        let (attr, joins, join) = mapper.join();
        let brought = &mapper.world.program.brought[mapper.def.identity.index()];
        for row in rows {
            let mut said = Vec::new();
            let line = mapper.rows.row(row).line();
            let mut lacks = |def, of: &_| said.push(mapper.rejector.no_value(line, def, of, None));
            let mut errors = Vec::new();
            let key = mapper.value(&mut interp, join, joins, row, None, &mut errors);
            if key.is_some_and(|k| !k.is_something()) {
                lacks(joins, join);
            }
            if !mapper.is_of_elements() {
                let values = mapper.row(&mut interp, row, None, &mut errors);
                for (a, value) in values.into_iter().enumerate().filter(|(a, _)| *a != attr.index()) {
                    let (def, of) = (&mapper.fields[a], &mapper.program.attributes[a]);
                    let always = !matches!(
                        def.ty,
                        prov_model::Type::Optional(_) | prov_model::Type::Set(_) | prov_model::Type::List(_)
                    );
                    let alone = brought[a] == [mapper.program.source];
                    if always && alone && value.is_some_and(|v| !v.is_something()) {
                        lacks(def, of);
                    }
                }
            }
            said.extend(errors);
            said.sort();
            said.dedup();
            self.rejections.extend(said.into_iter().map(|r| (m, r)));
        }
    }
}
