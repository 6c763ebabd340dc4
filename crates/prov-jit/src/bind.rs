//! Kernels over a population: what each of their words is.
//! Invariant: every address that is handed to a kernel leads to at least as many values as the kernel may read: columns
//! have as many as their table has rows, references are checked by the kernel against the rows of whom they lead to, codes
//! against the last of their ranks; what has no rows leads to [`NONE`]. What fails that has no kernel.

use crate::code::{Checked, Entry};
use crate::term::{Group, Layout, Slot, Spelled, Terms};
use prov_ir::Kernel;
use prov_model::{AttrId, Column, IdentityId, Membership, Moment, Population, Validity, fold};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// What stands where nothing is: room for one value of any layout.
static NONE: [u64; 2] = [0; 2];
/// Bits of a list in which all are set, with a mask of 0.
static ALL: [u64; 1] = [u64::MAX];

/// A condition over a population.
struct Bound<'a> {
    entry: Entry,
    checked: Checked,
    /// What the words lead to beside the population.
    _owned: Vec<Owned>,
    _borrowed: PhantomData<&'a Population>,
}

impl Kernel for Bound<'_> {
    fn fill(&self, rows: Range<u32>, holds: &mut [u64], asks: &mut [u64]) {
        self.entry.run(&self.checked, rows, holds, asks);
    }
}

/// Lists that were made for kernels.
#[derive(Clone)]
enum Owned {
    Bits(#[expect(dead_code, reason = "kept for the addresses that lead to it")] Arc<Vec<u64>>),
    Ranks(#[expect(dead_code, reason = "kept for the addresses that lead to it")] Arc<Ranks>),
}

/// A bit a row.
type Bits = Arc<Vec<u64>>;

/// Numbers for texts that are compared: equal where these are, and in their order where that is asked for.
struct Ranks {
    /// By text of the group, then code; of constants one.
    of: Vec<Vec<u32>>,
}

/// Makes kernels over one population.
pub(crate) struct Binder<'a> {
    population: &'a Population,
    today: i64,
    now: i64,
    states: &'a [Vec<u32>],
    identity: IdentityId,
    ranks: FxHashMap<Group, Option<Arc<Ranks>>>,
    broken: FxHashMap<IdentityId, Option<Bits>>,
    sources: FxHashMap<u32, (Bits, Bits)>,
}

impl<'a> Binder<'a> {
    pub(crate) fn new(
        population: &'a Population,
        moment: &Moment,
        states: &'a [Vec<u32>],
        identity: IdentityId,
    ) -> Binder<'a> {
        Binder {
            population,
            today: i64::from(moment.today.0),
            now: moment.now.0,
            states,
            identity,
            ranks: FxHashMap::default(),
            broken: FxHashMap::default(),
            sources: FxHashMap::default(),
        }
    }

    /// A kernel over the population, where what it reads is there.
    pub(crate) fn bind(&mut self, terms: &Terms, entry: &Entry) -> Option<Box<dyn Kernel + 'a>> {
        let mut words = Vec::with_capacity(terms.words());
        let mut owned = Vec::new();
        for slot in &terms.slots {
            self.slot(terms, slot, &mut words, &mut owned)?;
        }
        debug_assert_eq!(words.len(), terms.words(), "each slot has its words");
        let rows = self.rows(self.identity)?;
        let checked = Checked { words, rows: u32::try_from(rows).ok()? };
        Some(Box::new(Bound { entry: entry.clone(), checked, _owned: owned, _borrowed: PhantomData }))
    }

    fn rows(&self, of: IdentityId) -> Option<usize> {
        Some(self.population.types.get(of.index())?.table.rows)
    }

    fn column(&self, of: IdentityId, attr: AttrId) -> Option<&'a Column> {
        let population: &'a Population = self.population;
        population.types.get(of.index())?.table.columns.get(attr.index())
    }

    fn slot(
        &mut self,
        terms: &Terms,
        slot: &Slot,
        words: &mut Vec<u64>,
        owned: &mut Vec<Owned>,
    ) -> Option<()> {
        match slot {
            Slot::Today => words.push(self.today as u64),
            Slot::Now => words.push(self.now as u64),
            Slot::Refs(of, attr, to) => {
                let list = match (self.rows(*of)?, self.column(*of, *attr)) {
                    (0, _) => address(&NONE),
                    (rows, Some(Column::Ref(list))) if list.len() >= rows => address(list),
                    _ => return None,
                };
                words.extend([list, self.rows(*to)? as u64]);
            }
            Slot::Column(of, attr, layout) => {
                let (list, valid) = self.cells(*of, *attr, *layout)?;
                words.push(list);
                words.extend(valid);
            }
            Slot::Broken(of) => match self.broken(*of)? {
                Some(bits) => {
                    words.extend([address(&bits), u64::MAX]);
                    owned.push(Owned::Bits(bits));
                }
                None => words.extend([address(&NONE), 0]),
            },
            Slot::States(of) => match (self.rows(*of)?, self.states.get(of.index())) {
                (0, _) => words.push(address(&NONE)),
                (rows, Some(states)) if states.len() >= rows => words.push(address(states)),
                _ => return None,
            },
            Slot::Source(source) => {
                let (has, unknown) = self.source(*source)?;
                words.extend([address(&has), address(&unknown)]);
                owned.extend([Owned::Bits(has), Owned::Bits(unknown)]);
            }
            Slot::Ranks(of, attr, group) => {
                let group = terms.groups.get(*group as usize)?;
                let at = group.of.iter().position(|s| *s == Spelled::Column(*of, *attr))?;
                let ranks = self.ranks(group)?;
                let (list, valid) = self.cells(*of, *attr, Layout::U32)?;
                words.push(list);
                words.extend(valid);
                let of = &ranks.of[at];
                match of.len().checked_sub(1) {
                    Some(last) => words.extend([address(of), last as u64]),
                    None => words.extend([address(&NONE), 0]),
                }
                owned.push(Owned::Ranks(ranks));
            }
            Slot::Constant(group, at) => {
                let group = terms.groups.get(*group as usize)?;
                let ranks = self.ranks(group)?;
                words.push(u64::from(*ranks.of.get(*at as usize)?.first()?));
            }
        }
        Some(())
    }

    /// Where a column's values lie, and its bits of presence with their mask.
    fn cells(&self, of: IdentityId, attr: AttrId, layout: Layout) -> Option<(u64, [u64; 2])> {
        let rows = self.rows(of)?;
        if rows == 0 {
            return Some((address(&NONE), [address(&NONE), 0]));
        }
        let column = self.column(of, attr)?;
        if column.len() < rows {
            return None;
        }
        let (list, validity) = match (layout, column) {
            (Layout::Byte, Column::Bool(v, valid)) => (address(v), valid),
            (Layout::I32, Column::Date(v, valid)) => (address(v), valid),
            (Layout::U32, Column::Enum(v, valid) | Column::Str(v, _, valid) | Column::Text(v, _, valid)) => {
                (address(v), valid)
            }
            (Layout::I64, Column::Int(v, valid)) => (address(v), valid),
            (Layout::I64, Column::Decimal(v, valid)) => (address(v), valid),
            (Layout::I64, Column::Instant(v, valid)) => (address(v), valid),
            (Layout::I64, Column::Elapsed(v, valid)) => (address(v), valid),
            (Layout::Span, Column::Duration(v, valid)) => (address(v), valid),
            (
                Layout::Presence,
                Column::Set(_, _, valid)
                | Column::List(_, _, valid)
                | Column::Record(_, valid)
                | Column::Str(_, _, valid)
                | Column::Text(_, _, valid),
            ) => (address(&NONE), valid),
            _ => return None,
        };
        Some((list, bits_of(validity, rows)?))
    }

    /// Whose records can't be trusted; none within where all can.
    fn broken(&mut self, of: IdentityId) -> Option<Option<Bits>> {
        let table = self.population.types.get(of.index())?;
        let made = self.broken.entry(of).or_insert_with(|| {
            if table.broken.is_empty() && table.doubtful.is_empty() {
                return None;
            }
            // One word at least, so that row 0 can be asked about.
            let mut bits = vec![0u64; table.len().div_ceil(64).max(1)];
            for row in table.broken.keys().chain(table.doubtful.keys()) {
                if let Some(word) = bits.get_mut(*row as usize / 64) {
                    *word |= 1 << (row % 64);
                }
            }
            Some(Arc::new(bits))
        });
        Some(made.clone())
    }

    /// Who has a row in a source, and of whom that can't be known.
    fn source(&mut self, source: u32) -> Option<(Bits, Bits)> {
        let table = self.population.types.get(self.identity.index())?;
        let made = self.sources.entry(source).or_insert_with(|| {
            let words = table.len().div_ceil(64);
            let (mut has, mut unknown) = (vec![0u64; words], vec![0u64; words]);
            for row in 0..table.len() as u32 {
                match table.membership(row, source) {
                    Membership::In => has[row as usize / 64] |= 1 << (row % 64),
                    Membership::Out => {}
                    Membership::Unknown => unknown[row as usize / 64] |= 1 << (row % 64),
                }
            }
            (Arc::new(has), Arc::new(unknown))
        });
        Some(made.clone())
    }

    fn ranks(&mut self, group: &Group) -> Option<Arc<Ranks>> {
        if let Some(known) = self.ranks.get(group) {
            return known.clone();
        }
        let made = self.rank(group).map(Arc::new);
        self.ranks.insert(group.clone(), made.clone());
        made
    }

    fn rank(&self, group: &Group) -> Option<Ranks> {
        let mut numbers: FxHashMap<Cow<'a, str>, u32> = FxHashMap::default();
        let mut of: Vec<Vec<u32>> = Vec::with_capacity(group.of.len());
        for text in &group.of {
            let mut number = |spelled: Cow<'a, str>| {
                let next = numbers.len() as u32;
                *numbers.entry(spelled).or_insert(next)
            };
            let folded = |s: &'a str| if group.folded { fold(s) } else { Cow::Borrowed(s) };
            of.push(match text {
                Spelled::Constant(s) => {
                    let s = if group.folded { fold(s).into_owned() } else { s.clone() };
                    vec![number(Cow::Owned(s))]
                }
                Spelled::Column(identity, attr) => {
                    match (self.rows(*identity)?, self.column(*identity, *attr)) {
                        (0, _) => Vec::new(),
                        (_, Some(Column::Str(_, dict, _))) => {
                            (0..dict.len() as u32).map(|code| number(folded(dict.spelled(code)))).collect()
                        }
                        (_, Some(Column::Text(_, dict, _))) => (0..dict.len() as u32)
                            .map(|code| number(Cow::Borrowed(dict.folded(code))))
                            .collect(),
                        _ => return None,
                    }
                }
            });
        }
        if group.ordered {
            let mut sorted: Vec<(&Cow<'a, str>, u32)> = numbers.iter().map(|(s, n)| (s, *n)).collect();
            sorted.sort_unstable();
            let mut rank = vec![0u32; sorted.len()];
            for ((_, number), place) in sorted.iter().zip(0..) {
                rank[*number as usize] = place;
            }
            of.iter_mut().flatten().for_each(|n| *n = rank[*n as usize]);
        }
        Some(Ranks { of })
    }
}

/// The bits of presence of so many rows, with the mask for the number of their word.
fn bits_of(validity: &Validity, rows: usize) -> Option<[u64; 2]> {
    match validity.words() {
        None => Some([address(&ALL), 0]),
        Some(words) if words.len() * 64 >= rows => Some([address(words), u64::MAX]),
        Some(_) => None,
    }
}

fn address<T>(list: &[T]) -> u64 {
    list.as_ptr().expose_provenance() as u64
}
