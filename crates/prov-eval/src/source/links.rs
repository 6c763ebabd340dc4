//! Which row of a source is whose: found by the value of an attribute, in force on the day.
//! Invariant: two rows that claim one place are both rejected; which of them stands first in the file never decides.

use super::examples;
use super::mapper::Mapper;
use super::roster::NOBODY;
use crate::world::World;
use prov_model::{DataWarning, Date, Oddity, Rejection, Type};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a source has of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// No row.
    Nothing,
    /// No row for certain: it has no value by which one could be found.
    Apart,
    /// This row.
    One(u32),
    /// These rows, as elements: a range of [`Links::rows`].
    Several(u32, u32),
    /// Something that can't be read: its rows stand twice, or it is not known which are in force.
    Unreadable,
    /// The value by which its row would be found is not known itself.
    Unfound,
}

/// The rows of one source by identity.
pub(super) struct Links {
    pub picks: Vec<Pick>,
    pub rows: Vec<u32>,
    /// Whether rows may be lacking.
    pub incomplete: bool,
    /// The next day from which another row counts.
    pub upcoming: BTreeMap<u32, Date>,
    pub rejections: Vec<Rejection>,
    pub warning: Option<DataWarning>,
}

/// Identities by a value of theirs.
pub(super) enum By<'t> {
    /// By row, which was found before: nobody shares a key.
    Row(&'t [u32]),
    /// By their keys, which nobody shares.
    Key(&'t dyn Fn(&str) -> Option<u32>),
    Value(FxHashMap<&'t str, Vec<u32>>),
}

/// Who is found.
enum Whose<'t> {
    Nobody,
    One(u32),
    Several(&'t [u32]),
}

impl By<'_> {
    fn get(&self, row: usize, key: &str, ty: &Type) -> Whose<'_> {
        let one = |found: Option<u32>| found.map_or(Whose::Nobody, Whose::One);
        match self {
            By::Row(members) => one(members.get(row).copied().filter(|m| *m != NOBODY)),
            By::Key(find) => one(find(&compared(key, ty))),
            By::Value(map) => match map.get(&*compared(key, ty)).map(Vec::as_slice) {
                None | Some([]) => Whose::Nobody,
                Some(&[one]) => Whose::One(one),
                Some(several) => Whose::Several(several),
            },
        }
    }
}

/// Who is found by a value.
pub(super) struct Targets<'t> {
    /// By the value, as it is compared.
    pub by: By<'t>,
    /// Those whose value is not known.
    pub unknown: Vec<u32>,
    /// Those who have none.
    pub apart: Vec<u32>,
    /// Global ids.
    pub id: &'t (dyn Fn(u32) -> String + Sync),
    pub count: usize,
}

/// A row with its identity and the day from which it counts.
type Placed = (u32, Option<Date>, u32);

/// A value as it is compared.
pub(super) fn compared<'s>(spelled: &'s str, ty: &Type) -> Cow<'s, str> {
    match ty.required() {
        Type::Text => prov_model::fold(spelled),
        _ => spelled.into(),
    }
}

impl Links {
    /// Finds the identities of all rows. `keys`: the value by which each row finds its own.
    pub fn new<'a>(
        mapper: &'a Mapper<'a>,
        keys: &[Option<Box<str>>],
        targets: &Targets<'_>,
        world: World<'_>,
    ) -> Links {
        let (_, joins, _) = mapper.join();
        let mut links = Links {
            picks: vec![Pick::Nothing; targets.count],
            rows: Vec::new(),
            incomplete: mapper.rows.incomplete || keys.iter().any(Option::is_none),
            upcoming: BTreeMap::new(),
            rejections: Vec::new(),
            warning: None,
        };
        for &member in &targets.unknown {
            links.picks[member as usize] = Pick::Unfound;
        }
        for &member in &targets.apart {
            links.picks[member as usize] = Pick::Apart;
        }
        let dates = mapper.effective();
        let mut placed: Vec<Placed> = Vec::new();
        let mut undated: Vec<(u32, u32)> = Vec::new();
        let mut shared: Vec<(u32, &[u32])> = Vec::new();
        let mut strays: Vec<&str> = Vec::new();
        for (row, key) in keys.iter().enumerate() {
            let Some(key) = key else { continue };
            match targets.by.get(row, key, &joins.ty) {
                Whose::One(member) => match dates.as_ref().map(|d| d[row]) {
                    None => placed.push((member, None, row as u32)),
                    Some(Some(date)) => placed.push((member, Some(date), row as u32)),
                    Some(None) => undated.push((member, row as u32)),
                },
                Whose::Several(several) => shared.push((row as u32, several)),
                Whose::Nobody => strays.push(key),
            }
        }
        // Most have one row, and that is theirs; only of the others has one to be chosen.
        if dates.is_none() && !mapper.is_of_elements() {
            let mut rows = vec![0u32; targets.count];
            placed.iter().for_each(|(member, ..)| rows[*member as usize] += 1);
            placed.retain(|&(member, _, row)| {
                let alone = rows[member as usize] == 1;
                if alone {
                    links.picks[member as usize] = Pick::One(row);
                }
                !alone
            });
        }
        placed.sort_unstable();
        let mut start = 0;
        while let Some(&(member, ..)) = placed.get(start) {
            let end = start + placed[start..].partition_point(|p| p.0 == member);
            let key = |row: u32| keys[row as usize].as_deref().unwrap_or("");
            links.choose(mapper, &key, &placed[start..end], &targets.id, world.moment.today);
            start = end;
        }
        if let (false, Some(mut interp)) = (undated.is_empty(), mapper.interp()) {
            for (member, row) in undated {
                links.picks[member as usize] = Pick::Unreadable;
                let id = (targets.id)(member);
                links.rejections.extend(mapper.no_effective(&mut interp, row as usize, &id));
            }
        }
        for (row, members) in shared {
            let who = examples(members.iter().map(|m| (targets.id)(*m)));
            for &member in members {
                links.picks[member as usize] = Pick::Unreadable;
            }
            let value = keys[row as usize].as_deref().unwrap_or("");
            links.rejections.push(mapper.shared(row as usize, value, members.len(), &who));
        }
        strays.sort_unstable();
        if !strays.is_empty() {
            links.warning = Some(DataWarning {
                identity: world.program.schema.identity(mapper.def.identity).name.clone(),
                attribute: joins.name.clone(),
                oddity: Oddity::RowOfNobody(mapper.def.name.clone()),
                count: strays.len() as u64,
                examples: {
                    strays.dedup();
                    examples(strays.iter().map(|s| prov_model::shorten(s)))
                },
            });
        }
        links
    }

    /// What of the rows of one identity counts, in order of day and row.
    fn choose<'k>(
        &mut self,
        mapper: &Mapper<'_>,
        key: &dyn Fn(u32) -> &'k str,
        rows: &[Placed],
        id: &dyn Fn(u32) -> String,
        today: Date,
    ) {
        let Some(&(member, ..)) = rows.first() else { return };
        if mapper.is_of_elements() {
            let start = self.rows.len() as u32;
            self.rows.extend(rows.iter().map(|(.., row)| *row));
            self.picks[member as usize] = Pick::Several(start, rows.len() as u32);
            return;
        }
        // 11.22: the latest that is not to come, else the earliest.
        let in_force = rows.partition_point(|(_, date, _)| date.is_none_or(|d| d <= today));
        let chosen = rows[in_force.saturating_sub(1)].1;
        if let Some((_, Some(next), _)) = rows[in_force..].iter().find(|(_, date, _)| *date != chosen) {
            self.upcoming.insert(member, *next);
        }
        let mut start = 0;
        while let Some(&(_, date, row)) = rows.get(start) {
            let end = start + rows[start..].partition_point(|p| p.1 == date);
            let pick = if end - start == 1 { Pick::One(row) } else { Pick::Unreadable };
            if pick == Pick::Unreadable {
                let lines = rows[start..end].iter().map(|r| mapper.rows.row(r.2 as usize).line());
                let lines: Vec<u64> = lines.collect();
                self.rejections.extend(mapper.doubles(&lines, key(row), date, &id(member)));
            }
            if date == chosen {
                self.picks[member as usize] = pick;
            }
            start = end;
        }
    }

    /// The rows of an identity that are elements.
    pub fn elements(&self, start: u32, len: u32) -> &[u32] {
        &self.rows[start as usize..(start + len) as usize]
    }
}

impl Mapper<'_> {
    /// What the rows of one identity by its key, and no others, are to it.
    pub fn links_of(&self, rows: &[u32], key: &str, id: &str) -> Links {
        let mut links = Links {
            picks: vec![Pick::Nothing],
            rows: Vec::new(),
            incomplete: false,
            upcoming: BTreeMap::new(),
            rejections: Vec::new(),
            warning: None,
        };
        let mut placed: Vec<Placed> = Vec::with_capacity(rows.len());
        let mut undated: Vec<u32> = Vec::new();
        match (self.program.effective.is_some(), self.interp()) {
            (true, Some(mut interp)) => {
                for &row in rows {
                    match self.effective_of(&mut interp, row as usize) {
                        Some(date) => placed.push((0, Some(date), row)),
                        None => undated.push(row),
                    }
                }
                placed.sort_unstable();
            }
            _ => placed.extend(rows.iter().map(|row| (0, None, *row))),
        }
        links.choose(self, &|_| key, &placed, &|_| id.to_owned(), self.world.moment.today);
        if let (false, Some(mut interp)) = (undated.is_empty(), self.interp()) {
            links.picks[0] = Pick::Unreadable;
            for row in undated {
                links.rejections.extend(self.no_effective(&mut interp, row as usize, id));
            }
        }
        links
    }

    /// Rows that have one key, from one day.
    fn doubles(&self, lines: &[u64], key: &str, date: Option<Date>, id: &str) -> Vec<Rejection> {
        let (_, def, of) = self.join();
        lines.iter().map(|line| self.rejector.duplicate((*line, lines), key, def, of, date, id)).collect()
    }

    /// A row whose value several identities have.
    fn shared(&self, row: usize, value: &str, count: usize, who: &[String]) -> Rejection {
        let (_, def, of) = self.join();
        self.rejector.shared(self.rows.row(row).line(), value, def, of, count, who)
    }
}
