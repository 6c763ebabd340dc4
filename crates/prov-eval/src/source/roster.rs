//! Who there is: the identities of a type by key, with the rows that each source has of them.
//! Invariant: only authoritative sources say who there is; others find those or nobody.

use super::index::KeyIndex;
use super::links::{By, Links, Targets, compared};
use super::mapper::{Mapped, Mapper};
use super::merge::{Interps, Merged, Sources};
use crate::world::World;
use prov_model::{AttrId, DataWarning, Date, IdentityId, Rejection, Type};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The identities of a type.
pub(super) struct Roster {
    /// Keys as spelled, in order.
    pub keys: Vec<Box<str>>,
    key_ty: Type,
    /// Made once somebody is looked for.
    index: OnceLock<KeyIndex>,
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

/// A key that an authoritative source brings.
struct Known<'k> {
    compared: Cow<'k, str>,
    /// Of several spellings of one key, that of the preferred source counts; in one source the least.
    rank: Option<usize>,
    spelled: &'k str,
    /// The position of the source's keys, and the row.
    from: (u32, u32),
}

/// No row has such a key.
pub(super) const NOBODY: u32 = u32::MAX;

impl Roster {
    pub fn new<'a>(mappers: &'a [Mapper<'a>], world: World<'a>, ty: IdentityId) -> Roster {
        let schema = &world.program.schema;
        let def = schema.identity(ty);
        let key_ty = &def.attributes[def.key.index()].ty;
        let of_type: Vec<usize> = (0..mappers.len()).filter(|m| mappers[*m].def.identity == ty).collect();
        let keys: Vec<Keys> = of_type.iter().map(|&m| (m, mappers[m].keys())).collect();
        let rank = |m: usize| {
            let order = &world.program.brought[ty.index()][def.key.index()];
            order.iter().position(|s| *s == mappers[m].program.source)
        };
        let authoritative = keys.iter().zip(0..).filter(|((m, _), _)| mappers[*m].def.is_authoritative());
        let known: Vec<Known<'_>> = authoritative
            .flat_map(|((m, keys), number)| {
                let rank = rank(*m);
                keys.iter().zip(0..).filter_map(move |(key, row)| {
                    let spelled = key.as_deref()?;
                    Some(Known { compared: compared(spelled, key_ty), rank, spelled, from: (number, row) })
                })
            })
            .collect();
        let (firsts, members) = members(&known, key_ty);
        let mut by_row: Vec<Option<Vec<u32>>> = keys
            .iter()
            .map(|(m, keys)| mappers[*m].def.is_authoritative().then(|| vec![NOBODY; keys.len()]))
            .collect();
        for (known, member) in known.iter().zip(members) {
            if let Some(rows) = &mut by_row[known.from.0 as usize] {
                rows[known.from.1 as usize] = member;
            }
        }
        let mut roster = Roster {
            keys: firsts.into_iter().map(|i| Box::from(known[i as usize].spelled)).collect(),
            key_ty: key_ty.clone(),
            index: OnceLock::new(),
            links: Vec::new(),
            rejections: Vec::new(),
            warnings: Vec::new(),
            upcoming: BTreeMap::new(),
            lacking: None,
        };
        let first = |m: &usize| mappers[*m].def.is_authoritative();
        let all = || keys.iter().zip(&by_row);
        let (authoritative, others) =
            (all().filter(|(_, r)| r.is_some()), all().filter(|(_, r)| r.is_none()));
        for ((m, keys), rows) in authoritative.chain(others) {
            let links = roster.link(mappers, *m, (keys, rows.as_deref()), world, ty);
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

    /// Who has a key, as references spell it (folded where keys are `text`).
    pub fn find(&self, key: &str) -> Option<u32> {
        self.index.get_or_init(|| KeyIndex::new(&self.keys, &self.key_ty)).get(&self.keys, key)
    }

    /// The rows of a mapper by identity. Authoritative ones come before those that join what they bring.
    fn link<'a>(
        &self,
        mappers: &'a [Mapper<'a>],
        m: usize,
        (keys, rows): (&[Option<Box<str>>], Option<&[u32]>),
        world: World<'a>,
        ty: IdentityId,
    ) -> Links {
        let schema = &world.program.schema;
        let id = |member: u32| schema.global_id(ty, &self.keys[member as usize]);
        let mapper = &mappers[m];
        let (attr, def, _) = mapper.join();
        if attr == schema.identity(ty).key {
            let find = |key: &str| self.find(key);
            let targets = Targets {
                by: rows.map_or(By::Key(&find), By::Row),
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

/// Who is who among known keys: the first of each identity, in order of the spelling of these, and by key its identity.
fn members(known: &[Known<'_>], ty: &Type) -> (Vec<u32>, Vec<u32>) {
    // Most keys differ in their first bytes, so that sorting looks no further.
    let mut order: Vec<(u64, u32)> =
        known.par_iter().enumerate().map(|(i, k)| (prefix(&k.compared), i as u32)).collect();
    let whole = |i: u32| {
        let known = &known[i as usize];
        (&*known.compared, known.rank, known.spelled)
    };
    order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| whole(a.1).cmp(&whole(b.1))));
    let mut firsts: Vec<u32> = Vec::with_capacity(known.len());
    let mut members = vec![0; known.len()];
    for &(_, i) in &order {
        if firsts.last().is_none_or(|first| known[*first as usize].compared != known[i as usize].compared) {
            firsts.push(i);
        }
        members[i as usize] = firsts.len() as u32 - 1;
    }
    if *ty.required() == Type::Text {
        let mut places: Vec<u32> = (0..firsts.len() as u32).collect();
        let spelled = |place: &u32| known[firsts[*place as usize] as usize].spelled;
        places.sort_by(|a, b| spelled(a).cmp(spelled(b)));
        let mut moved = vec![0; places.len()];
        for (to, from) in places.iter().enumerate() {
            moved[*from as usize] = to as u32;
        }
        members.iter_mut().for_each(|member| *member = moved[*member as usize]);
        firsts = places.iter().map(|place| firsts[*place as usize]).collect();
    }
    (firsts, members)
}

/// The first bytes as a number, which is in order as texts are.
fn prefix(text: &str) -> u64 {
    let mut bytes = [0; 8];
    let len = text.len().min(8);
    bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
    u64::from_be_bytes(bytes)
}
