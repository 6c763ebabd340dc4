//! The rows of all sources, by identity. Invariant: of each identity, and of each key that nobody has, a source's rows are
//! those that were put last.

use super::people::compared;
use super::refused::{self, Refused};
use crate::shape::Shape;
use crate::source::{Feed, key_of, keys_of};
use crate::world::World;
use prov_model::{IdentityId, Lists, Population, RawCell, RawTable, Schema, SourceCount, Type};
use rustc_hash::FxHashMap;

pub(super) struct Rows {
    feeds: Vec<OfSource>,
}

struct OfSource {
    source: u32,
    name: String,
    /// How many are somebody's, or of a key that nobody has.
    rows: u64,
    ty: IdentityId,
    /// Rows that were put over stay and are nobody's.
    table: RawTable,
    /// By row of the identity.
    of: Lists,
    /// By key as it is compared, of those whom nobody is.
    strays: FxHashMap<Box<str>, Vec<u32>>,
}

impl Rows {
    pub fn of(
        world: World<'_>,
        shape: &Shape,
        sources: Vec<(u32, RawTable)>,
        population: &Population,
    ) -> Result<Rows, Refused> {
        let schema = &world.program.schema;
        let mut feeds = Vec::with_capacity(sources.len());
        for (source, table) in sources {
            let ty = schema.sources[source as usize].identity;
            let keys = keys_of(world, shape, source, &table);
            let keyless = keys.iter().any(Option::is_none);
            if let Some(refused) = refused::of_source(schema, source, &table, keyless) {
                return Err(refused);
            }
            let index = super::people::Index::of(schema, ty, population.of(ty));
            let mut strays: FxHashMap<Box<str>, Vec<u32>> = FxHashMap::default();
            let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(keys.len());
            for (key, row) in keys.into_iter().flatten().zip(0..) {
                let key = compared(schema, ty, &key);
                match index.find(schema, ty, population.of(ty), &key) {
                    Some(member) => pairs.push((member, row)),
                    None => strays.entry(key).or_default().push(row),
                }
            }
            let of = Lists::of_pairs(population.of(ty).len(), pairs.iter().copied());
            let name = schema.sources[source as usize].name.clone();
            let rows = table.len() as u64;
            feeds.push(OfSource { source, name, rows, ty, table, of, strays });
        }
        Ok(Rows { feeds })
    }

    fn feed(&self, source: u32) -> Option<&OfSource> {
        self.feeds.iter().find(|f| f.source == source)
    }

    pub fn columns(&self, source: u32) -> &[String] {
        self.feed(source).map_or(&[], |f| &f.table.columns)
    }

    pub fn key_of(&self, world: World<'_>, shape: &Shape, source: u32, cells: &[&str]) -> Option<Box<str>> {
        let feed = self.feed(source)?;
        let table = feed.few(&[cells.to_vec()]);
        key_of(world, shape, source, &table, 0)
    }

    /// Whether rows are of an identity, all of them.
    pub fn check(
        &self,
        world: World<'_>,
        shape: &Shape,
        source: u32,
        (ty, key): (IdentityId, &str),
        known: Option<(u32, &str)>,
        rows: &[Vec<&str>],
    ) -> Result<(), Refused> {
        let schema = &world.program.schema;
        let name = &schema.sources[source as usize].name;
        let Some(feed) = self.feed(source) else {
            return Err(Refused::new(
                format!("source `{name}` was not there when the session was opened"),
                "open a session on all sources of the policy",
            ));
        };
        if let Some(row) = rows.iter().find(|r| r.len() != feed.table.columns.len()) {
            return Err(Refused::new(
                format!("a row of `{name}` has {} cells, {} are wanted", row.len(), feed.table.columns.len()),
                format!("give a cell a column: {}", feed.table.columns.join(", ")),
            ));
        }
        let table = feed.few(rows);
        let mut spelled = known.map(|(_, spelled)| Box::from(spelled));
        for row in 0..rows.len() {
            let of = key_of(world, shape, source, &table, row);
            // Which of several spellings of one key counts hangs on all rows.
            if let Some(of) = of.as_ref().filter(|_| schema.sources[source as usize].is_authoritative())
                && *spelled.get_or_insert_with(|| of.clone()) != *of
                && *compared(schema, ty, of) == *key
            {
                return Err(Refused::new(
                    format!("a row of `{name}` spells the key `{key}` in another way"),
                    "spell a key as it is spelled, or open the session anew",
                ));
            }
            if of.as_ref().is_none_or(|of| *compared(schema, ty, of) != *key) {
                let whose = of.map_or_else(|| "nobody".to_owned(), |of| format!("`{of}`"));
                return Err(Refused::new(
                    format!("a row of `{name}` is of {whose}, not of `{key}`"),
                    "a change brings the rows of one identity",
                ));
            }
        }
        let left =
            known.and_then(|(member, _)| self.spelling(world, shape, ty, member, (source, rows.len())));
        if let (Some((_, before)), Some(after)) = (known, left)
            && *after != *before
        {
            return Err(Refused::new(
                format!("without this row of `{name}` the key `{key}` is spelled in another way"),
                "open the session anew",
            ));
        }
        Ok(())
    }

    /// How the key of an identity would be spelled if a source had so many rows of it, spelled as it is, and the others what
    /// they have; none where no authoritative source had any. As a run over everyone says it: by the preferred source, in
    /// one source by the least.
    fn spelling(
        &self,
        world: World<'_>,
        shape: &Shape,
        ty: IdentityId,
        member: u32,
        (source, rows): (u32, usize),
    ) -> Option<Box<str>> {
        let schema = &world.program.schema;
        let key = schema.identity(ty).key;
        let order = &world.program.brought[ty.index()][key.index()];
        // Rows that are put spell it as it is, which was looked at before.
        if *schema.identity(ty).attributes[key.index()].ty.required() != Type::Text || rows > 0 {
            return None;
        }
        let others = self.feeds.iter().filter(|f| f.ty == ty && f.source != source);
        let others = others.filter(|f| schema.sources[f.source as usize].is_authoritative()).flat_map(|f| {
            let rank = order.iter().position(|s| *s == f.source);
            let key = |row: &u32| key_of(world, shape, f.source, &f.table, *row as usize);
            f.of.get(member).iter().filter_map(key).map(move |spelled| (rank, spelled))
        });
        others.min().map(|(_, spelled)| spelled)
    }

    /// Takes the rows of an identity. Gives the key as they spell it.
    pub fn put(
        &mut self,
        world: World<'_>,
        shape: &Shape,
        source: u32,
        (_, key): (IdentityId, &str),
        known: Option<u32>,
        rows: &[Vec<&str>],
    ) -> Box<str> {
        let Some(feed) = self.feeds.iter_mut().find(|f| f.source == source) else { return key.into() };
        let first = feed.table.len() as u32;
        for row in rows {
            feed.table.push(0, row.iter().map(|cell| RawCell::Text(cell)));
        }
        let numbers: Vec<u32> = (first..feed.table.len() as u32).collect();
        let spelled =
            numbers.first().and_then(|row| key_of(world, shape, source, &feed.table, *row as usize));
        let before = known.map_or_else(|| feed.strays.get(key).map_or(0, Vec::len), |m| feed.of.get(m).len());
        feed.rows = feed.rows + numbers.len() as u64 - before as u64;
        match known {
            Some(member) => feed.of.put(member, &numbers),
            None if numbers.is_empty() => drop(feed.strays.remove(key)),
            None => drop(feed.strays.insert(key.into(), numbers)),
        }
        spelled.unwrap_or_else(|| key.into())
    }

    /// Gives somebody new the rows that are theirs.
    pub fn add(&mut self, ty: IdentityId, key: &str, row: u32) {
        for feed in self.feeds.iter_mut().filter(|f| f.ty == ty) {
            let rows = feed.strays.remove(key).unwrap_or_default();
            feed.of.put(row, &rows);
        }
    }

    /// Whether an authoritative source brings an identity.
    pub fn is_there(&self, schema: &Schema, ty: IdentityId, key: &str, known: Option<u32>) -> bool {
        self.feeds.iter().filter(|f| f.ty == ty && schema.sources[f.source as usize].is_authoritative()).any(
            |f| match known {
                Some(row) => !f.of.get(row).is_empty(),
                None => f.strays.get(key).is_some_and(|rows| !rows.is_empty()),
            },
        )
    }

    /// The rows of an identity by source.
    pub fn of_one(&self, (ty, row): super::Who) -> Vec<Feed<'_>> {
        let of_type = self.feeds.iter().filter(|f| f.ty == ty);
        of_type.map(|f| (f.source, &f.table, f.of.get(row))).collect()
    }

    /// What is counted of the sources, by what was when the session was opened.
    pub fn counts(&self, before: &[SourceCount]) -> Vec<SourceCount> {
        let schema = before.iter().cloned();
        let now = |mut count: SourceCount| {
            let feed = self.feeds.iter().find(|f| f.name == *count.source);
            if let Some(feed) = feed {
                count.rows = feed.rows;
                if !count.empty.is_empty() {
                    let table = feed.all();
                    count.empty.iter_mut().for_each(|(column, n)| *n = table.empty_in(column));
                }
            }
            count
        };
        schema.map(now).collect()
    }

    /// All rows that are somebody's, or of a key that nobody has.
    pub fn all(&self) -> Vec<(u32, RawTable)> {
        self.feeds.iter().map(|f| (f.source, f.all())).collect()
    }
}

impl OfSource {
    fn all(&self) -> RawTable {
        let mut rows: Vec<u32> = self.strays.values().flatten().copied().collect();
        rows.extend((0..self.of.len() as u32).flat_map(|member| self.of.get(member)));
        rows.sort_unstable();
        let mut table = RawTable::new(self.table.file.clone(), self.table.columns.clone());
        table.as_of = self.table.as_of;
        for row in rows {
            let row = self.table.row(row as usize);
            table.push(row.line(), (0..self.table.columns.len()).map(|c| row.cell(c)));
        }
        table
    }

    /// A few rows as a table of the source.
    fn few(&self, rows: &[Vec<&str>]) -> RawTable {
        let mut table = RawTable::new(self.table.file.clone(), self.table.columns.clone());
        for row in rows {
            table.push(0, row.iter().map(|cell| RawCell::Text(cell)));
        }
        table
    }
}
