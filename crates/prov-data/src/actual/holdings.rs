//! Who holds what: rows of `entitlements`, part by part, then all parts together.
//!
//! A part is worked off while it is in the cache and dropped, so that a file of many rows never stands in memory as a
//! table. Invariant: where parts begin leaves no trace; each identity's list is in order and without doubles.

use super::complaints::{Complaints, Seen};
use super::names::{Item, Names, Places, cell, trimmed};
use prov_diag::{codes, did_you_mean};
use prov_model::{Csr, EntId, Entitlements, Ids, RawCell, RawColumn, RawRow, RawTable, Type, shorten};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::hash_map::Entry;
use std::ops::Range;

/// What the rows of a part say.
#[derive(Default)]
pub(super) struct Part {
    /// Who holds something, a stretch of items each; one identity may have several stretches.
    owners: Ids,
    /// Where each stretch ends.
    ends: Vec<u32>,
    /// Numbers of `values`.
    items: Vec<u32>,
    values: Vec<Item>,
    pub found: Complaints,
}

/// Lists that are grouped by identity already. Invariant: identities and lists are as many, in order and never blank or
/// empty; numbers are below the number of values.
pub(crate) struct Grouped {
    /// As spelled.
    pub ids: Ids,
    /// Where the list of each ends.
    pub list_ends: Vec<u32>,
    /// Numbers of values.
    pub items: Vec<u32>,
    /// A table of `app`, `kind`, `value`, in order.
    pub values: RawTable,
    /// The first lines of each value, 0 where there were fewer.
    pub lines: Vec<[u64; 3]>,
}

/// All parts together.
#[derive(Default)]
pub(super) struct Held {
    /// In order; all of them hold something.
    pub ids: Ids,
    pub holdings: Csr<EntId>,
    pub entitlements: Entitlements,
}

/// The number of what can't be read.
const UNREADABLE: u32 = u32::MAX;

/// Items by the cells that name them. A value mostly stands with one app and one kind.
struct Cells {
    by_value: Vec<([u32; 2], u32)>,
    others: FxHashMap<[u32; 3], u32>,
}

impl Cells {
    fn get(&mut self, [app, kind, value]: [u32; 3], read: impl FnOnce() -> u32) -> u32 {
        let near = &mut self.by_value[value as usize];
        if near.0 != [app, kind] {
            let item = *self.others.entry([app, kind, value]).or_insert_with(read);
            *near = ([app, kind], item);
        }
        near.1
    }
}

impl Part {
    /// Reads rows. What a row says is worked out once for each distinct combination of cells.
    pub fn read(names: &Names<'_>, table: &RawTable, rows: Range<usize>) -> Part {
        let place = |name| table.column(name);
        let at = Places {
            app: place("app"),
            kind: place("kind"),
            value: place("value"),
            identity: place("identity"),
        };
        let mut part = Part::default();
        if rows.is_empty() {
            return part;
        }
        // A column that is not there, or not kept, has nothing.
        let absent = vec![0; rows.len()];
        let codes = |column: Option<usize>| {
            column.and_then(|c| table.cells(c).codes().get(rows.clone())).unwrap_or(&absent)
        };
        let (app, kind, value, identity) =
            (codes(at.app), codes(at.kind), codes(at.value), codes(at.identity));
        let spellings = |column: Option<usize>| column.map_or(1, |c| table.cells(c).spellings());
        let mut cells = Cells {
            by_value: vec![([u32::MAX; 2], UNREADABLE); spellings(at.value)],
            others: FxHashMap::default(),
        };
        let mut numbers: FxHashMap<Item, u32> = FxHashMap::default();
        let mut bad: Vec<usize> = Vec::new();
        // Stretches of rows of one identity: its code, and where its items begin.
        let mut runs: Vec<(u32, u32)> = Vec::new();
        part.items.reserve(rows.len());
        let mut last = 0;
        let all = app.iter().zip(kind).zip(value).zip(identity);
        for (row, (((&app, &kind), &value), &owner)) in rows.zip(all) {
            let item = cells.get([app, kind, value], || match names.readable(table.row(row), at) {
                Some(item) => {
                    let next = numbers.len() as u32;
                    *numbers.entry(item).or_insert(next)
                }
                None => UNREADABLE,
            });
            if item == UNREADABLE || owner == 0 {
                bad.push(row);
                continue;
            }
            if owner != last {
                runs.push((owner, part.items.len() as u32));
                last = owner;
            }
            part.items.push(item);
        }
        if let Some(column) = at.identity {
            part.stretches(names, table.cells(column), runs);
        }
        let mut values: Vec<(u32, Item)> = numbers.into_iter().map(|(item, number)| (number, item)).collect();
        values.sort_unstable_by_key(|v| v.0);
        part.values = values.into_iter().map(|(_, item)| item).collect();
        for row in bad.into_iter().map(|row| table.row(row)) {
            // What the row says comes first; who holds it is only asked of a row that says something.
            if part.found.entitlement(names, table, row, at, Seen { rows: 1, lines: &[row.line()] }) {
                let message = "the entitlement belongs to no identity".to_owned();
                part.found.reject(table, row, at.identity, None, codes::MISSING_VALUE.id, message);
            }
        }
        part
    }

    /// Takes what is grouped already: only names are left to be looked at.
    pub fn of_groups(names: &Names<'_>, groups: Grouped) -> Part {
        let Grouped { ids, list_ends, items, values, lines } = groups;
        let at = Places { app: Some(0), kind: Some(1), value: Some(2), identity: None };
        let mut part = Part { ends: list_ends, items, ..Part::default() };
        let mut numbers: FxHashMap<Item, u32> = FxHashMap::default();
        let known: Vec<u32> = values
            .rows()
            .map(|row| match names.readable(row, at) {
                Some(item) => match numbers.entry(item) {
                    Entry::Occupied(entry) => *entry.get(),
                    Entry::Vacant(entry) => {
                        part.values.push(entry.key().clone());
                        *entry.insert(part.values.len() as u32 - 1)
                    }
                },
                None => UNREADABLE,
            })
            .collect();
        if known.contains(&UNREADABLE) {
            let mut rows = vec![0u64; known.len()];
            part.items.iter().for_each(|item| rows[*item as usize] += 1);
            for (value, row) in values.rows().enumerate().filter(|(value, _)| known[*value] == UNREADABLE) {
                let first: Vec<u64> = lines[value].iter().copied().filter(|line| *line > 0).collect();
                let seen = Seen { rows: rows[value], lines: &first };
                if rows[value] > 0 {
                    part.found.entitlement(names, &values, row, at, seen);
                }
            }
        }
        let as_they_are = known.iter().zip(0..).all(|(known, value)| *known == value);
        let same_ids = names.spells_as_is() && ids.is_ascii();
        if as_they_are && same_ids {
            part.owners = ids;
            return part;
        }
        let (mut kept, mut ends) = (Vec::with_capacity(part.items.len()), Vec::with_capacity(ids.len()));
        for (at, id) in ids.iter().enumerate() {
            let before = kept.len();
            let of = |item: &u32| known[*item as usize];
            kept.extend(part.stretch(at).iter().map(of).filter(|item| *item != UNREADABLE));
            if kept.len() > before {
                part.owners.push(names.identity(RawCell::Text(id)).as_deref().unwrap_or(""));
                ends.push(kept.len() as u32);
            }
        }
        (part.items, part.ends) = (kept, ends);
        part
    }

    /// Names the stretches. Where rows of one identity stand apart, they are brought together first.
    fn stretches(&mut self, names: &Names<'_>, column: &RawColumn, runs: Vec<(u32, u32)>) {
        let ends = || runs.iter().skip(1).map(|r| r.1).chain([self.items.len() as u32]);
        let mut of_code = vec![0u32; column.spellings() + 1];
        let mut apart = false;
        for &(code, _) in &runs {
            apart |= of_code[code as usize] > 0;
            of_code[code as usize] += 1;
        }
        if !apart {
            self.ends = ends().collect();
            for (code, _) in runs {
                self.owners.push(names.identity(column.spelled(code)).as_deref().unwrap_or(""));
            }
            return;
        }
        // By counting: how many items each code has, then where they begin, then each at its place.
        of_code.fill(0);
        for (&(code, start), end) in runs.iter().zip(ends()) {
            of_code[code as usize] += end - start;
        }
        let mut sum = 0;
        for (code, count) in of_code.iter_mut().enumerate() {
            let start = sum;
            sum += *count;
            if *count > 0 {
                self.owners.push(names.identity(column.spelled(code as u32)).as_deref().unwrap_or(""));
                self.ends.push(sum);
            }
            *count = start;
        }
        let mut items = vec![0; self.items.len()];
        for (&(code, start), end) in runs.iter().zip(ends()) {
            let next = &mut of_code[code as usize];
            let len = end - start;
            items[*next as usize..(*next + len) as usize]
                .copy_from_slice(&self.items[start as usize..end as usize]);
            *next += len;
        }
        self.items = items;
    }

    /// Whether owners and their items stand as they are to, each once.
    fn is_in_order(&self) -> bool {
        self.owners.is_strictly_sorted()
            && (0..self.ends.len()).all(|at| self.stretch(at).is_sorted_by(|a, b| a < b))
    }

    fn stretch(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start as usize..self.ends[at] as usize]
    }
}

impl Complaints {
    /// Looks at a row again; whether it says what is held.
    fn entitlement(
        &mut self,
        names: &Names<'_>,
        raw: &RawTable,
        row: RawRow<'_>,
        at: Places,
        seen: Seen<'_>,
    ) -> bool {
        let Some(app) = self.app(names, raw, trimmed(cell(row, at.app)), seen) else { return false };
        let def = names.schema.app(app);
        let name = trimmed(cell(row, at.kind));
        let Some(kind) = def.kinds.iter().position(|k| k.name == name) else {
            let full = format!("{}.{name}", def.name);
            self.count(raw, "kind", &full, seen, || {
                let near = did_you_mean(name, def.kinds.iter().map(|k| k.name.as_str()));
                let why =
                    format!("the app `{}` has no kind `{}` in the policy", shorten(&def.name), shorten(name));
                (why, near.map(str::to_owned))
            });
            return false;
        };
        let (code, message) = match cell(row, at.value) {
            RawCell::Text(_) => return true,
            RawCell::Absent if def.kinds[kind].types.is_empty() => return true,
            RawCell::Json(s) => {
                (&codes::BAD_VALUE, format!("`{}` is a JSON array or object, not a value", shorten(s)))
            }
            RawCell::Absent => (&codes::MISSING_VALUE, "the entitlement has no value".to_owned()),
        };
        let owner = names.identity(cell(row, at.identity)).map(String::from);
        self.reject(raw, row, at.value, owner, code.id, message);
        false
    }
}

/// A stretch of a part, with the first bytes of its owner's id, by which most of them can be told apart.
struct Stretch {
    first: u64,
    part: u32,
    at: u32,
}

/// How many identities one thread puts together at a time.
const BLOCK: usize = 1 << 12;

impl Held {
    /// Puts parts together: entitlements are numbered by order of name, and grouped by who holds them.
    pub fn of(names: &Names<'_>, mut parts: Vec<Part>) -> Held {
        let mut entitlements = Entitlements::default();
        let of_part = ranks(names, &parts, &mut entitlements);
        parts.retain(|part| !part.ends.is_empty());
        if let ([part], [ranks]) = (parts.as_mut_slice(), of_part.as_slice())
            && ranks.len() == entitlements.len()
            && ranks.is_sorted()
            && entitlements.iter().all(|(e, _)| entitlements.same_as(e) == e)
            && part.is_in_order()
        {
            let offsets = std::iter::once(0).chain(part.ends.iter().map(|end| *end as usize)).collect();
            // Numbers and ranks are the same: both begin with 0, and none is passed over.
            let items = std::mem::take(&mut part.items).into_iter().map(EntId).collect();
            let ids = std::mem::take(&mut part.owners);
            return Held { ids, holdings: Csr::of_parts(offsets, items), entitlements };
        }
        let mut order: Vec<Stretch> = Vec::with_capacity(parts.iter().map(|p| p.ends.len()).sum());
        for (number, part) in parts.iter().enumerate() {
            let stretches = part.owners.iter().enumerate();
            order.extend(stretches.map(|(at, id)| Stretch {
                first: first(id),
                part: number as u32,
                at: at as u32,
            }));
        }
        let id = |s: &Stretch| &parts[s.part as usize].owners[s.at as usize];
        let compare = |a: &Stretch, b: &Stretch| a.first.cmp(&b.first).then_with(|| id(a).cmp(id(b)));
        if !order.is_sorted_by(|a, b| compare(a, b).is_le()) {
            order.par_sort_unstable_by(compare);
        }
        let mut held = Held { entitlements, ..Held::default() };
        let mut groups: Vec<usize> = Vec::new();
        let mut offsets = vec![0];
        let mut sum = 0;
        for (i, stretch) in order.iter().enumerate() {
            if i == 0 || compare(&order[i - 1], stretch).is_ne() {
                if i > 0 {
                    offsets.push(sum);
                }
                groups.push(i);
                held.ids.push(id(stretch));
            }
            sum += parts[stretch.part as usize].stretch(stretch.at as usize).len();
        }
        if !order.is_empty() {
            offsets.push(sum);
        }
        groups.push(order.len());
        let mut items = vec![EntId(0); sum];
        let mut blocks: Vec<(usize, &mut [EntId])> = Vec::with_capacity(held.ids.len() / BLOCK + 1);
        let mut rest = items.as_mut_slice();
        for start in (0..held.ids.len()).step_by(BLOCK) {
            let end = held.ids.len().min(start + BLOCK);
            let (block, behind) = rest.split_at_mut(offsets[end] - offsets[start]);
            blocks.push((start, block));
            rest = behind;
        }
        let entitlements = &held.entitlements;
        // By what stands for all spellings, then by spelling: the first of each is kept.
        let same = |e: &EntId| entitlements.same_as(*e);
        let folds = entitlements.iter().any(|(e, _)| same(&e) != e);
        let doubles = blocks
            .into_par_iter()
            .map(|(start, mut block)| {
                let mut doubles = false;
                let end = (start + BLOCK).min(offsets.len() - 1);
                for person in start..end {
                    let (list, behind) = block.split_at_mut(offsets[person + 1] - offsets[person]);
                    block = behind;
                    let mut at = 0;
                    for stretch in &order[groups[person]..groups[person + 1]] {
                        let ranks = &of_part[stretch.part as usize];
                        let from = parts[stretch.part as usize].stretch(stretch.at as usize);
                        for (to, item) in list[at..].iter_mut().zip(from) {
                            *to = EntId(ranks[*item as usize]);
                        }
                        at += from.len();
                    }
                    if folds {
                        list.sort_unstable_by_key(|e| (same(e), *e));
                        doubles |= list.windows(2).any(|w| same(&w[0]) == same(&w[1]));
                    } else {
                        list.sort_unstable();
                        doubles |= list.windows(2).any(|w| w[0] == w[1]);
                    }
                }
                doubles
            })
            .reduce(|| false, |a, b| a || b);
        held.holdings = Csr::of_parts(offsets, items);
        if doubles {
            let mut without = Csr::default();
            for row in 0..held.holdings.len() {
                let list = held.holdings.get(row);
                let is_first = |i: &usize| *i == 0 || same(&list[i - 1]) != same(&list[*i]);
                without.push((0..list.len()).filter(is_first).map(|i| list[i]));
            }
            held.holdings = without;
        }
        held
    }
}

/// Numbers all items by their order; by part, the number of each of its own.
fn ranks(names: &Names<'_>, parts: &[Part], all: &mut Entitlements) -> Vec<Vec<u32>> {
    let distinct: FxHashSet<&Item> = parts.iter().flat_map(|p| &p.values).collect();
    let mut sorted: Vec<&Item> = distinct.into_iter().collect();
    sorted.sort_unstable();
    for (app, kind, value) in &sorted {
        let folds = names.schema.kind(*app, *kind).types.contains(&Type::Text);
        all.intern(*app, *kind, value, folds);
    }
    let rank: FxHashMap<&Item, u32> = sorted.into_iter().zip(0..).collect();
    let of_part = |p: &Part| p.values.iter().map(|item| rank.get(item).copied().unwrap_or(0)).collect();
    parts.iter().filter(|p| !p.ends.is_empty()).map(of_part).collect()
}

/// The first bytes of an id, so that numbers are in the order of ids that differ in them.
fn first(id: &str) -> u64 {
    let mut bytes = [0; 8];
    let len = id.len().min(8);
    bytes[..len].copy_from_slice(&id.as_bytes()[..len]);
    u64::from_be_bytes(bytes)
}
