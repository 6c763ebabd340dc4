//! Most identities: those of whom every row was found and read. Their attributes are read column by column, each distinct
//! cell once, and need no row of values.
//! Invariant: what stands here for an identity is what [`Sources::row`] would give; who is not plain goes that way.

use super::links::{Links, Pick};
use super::mapper::{Mapped, Mapper};
use super::merge::{Interps, interp};
use prov_ir::Program;
use prov_model::{AttrId, IdentityId, Membership, Type, Value};
use rayon::prelude::*;

/// How one attribute is read from the rows of one source.
enum Reader<'a> {
    /// The source says nothing of it.
    Nothing,
    /// By the one column that it reads.
    ByCode(ByCode<'a>),
    /// Row by row.
    ByRow,
}

/// What the cells of a column give.
struct ByCode<'a> {
    /// By row, the number of the cell.
    codes: &'a [u32],
    /// By number, what the cell gives, `None` where that is an error.
    values: Vec<Option<Mapped<'a>>>,
    /// No cell of a row is an error.
    sound: bool,
    /// Every cell of a row gives something.
    full: bool,
}

/// The readers of an identity type.
pub(super) struct Plain<'m, 'a> {
    mappers: &'a [Mapper<'a>],
    links: &'m [(usize, Links)],
    /// By link, by attribute.
    readers: Vec<Vec<Reader<'a>>>,
    /// By attribute, the links that may bring it, in order of preference.
    order: Vec<Vec<usize>>,
    /// By link, the attributes of which a row may be in error.
    unsound: Vec<Vec<usize>>,
    /// Attributes that must have something, with the link of which every row gives it.
    needed: Vec<(usize, Option<usize>)>,
}

/// What an attribute is, for one identity of a chunk.
#[derive(Clone, Copy)]
pub(super) enum Found {
    /// No source gives anything, and that may be.
    Nothing,
    /// What the cell of this number gives, by this link.
    Code(u32, u32),
    /// What was read of the row, by this link.
    Row(u32),
}

/// Some identities, one behind the other.
pub(super) struct Chunk<'a> {
    /// Who goes the long way.
    pub odd: Vec<bool>,
    start: usize,
    /// By link and attribute, what was read row by row.
    by_row: Vec<Vec<Vec<Option<Mapped<'a>>>>>,
}

impl<'m, 'a> Plain<'m, 'a> {
    /// None where nobody is plain: where the elements of a list are rows.
    pub fn new(
        mappers: &'a [Mapper<'a>],
        links: &'m [(usize, Links)],
        ty: IdentityId,
        program: &Program,
    ) -> Option<Plain<'m, 'a>> {
        if links.is_empty() || links.iter().any(|(m, _)| mappers[*m].is_of_elements()) {
            return None;
        }
        let def = program.schema.identity(ty);
        let readers: Vec<Vec<Reader<'_>>> = links
            .iter()
            .map(|(m, _)| (0..def.attributes.len()).map(|a| reader(&mappers[*m], a)).collect())
            .collect();
        let order: Vec<Vec<usize>> = program.brought[ty.index()]
            .iter()
            .map(|sources| {
                let link = |source| links.iter().position(|(m, _)| mappers[*m].program.source == source);
                sources.iter().filter_map(|s| link(*s)).collect()
            })
            .collect();
        let optional = |ty: &Type| ty.is_optional() || matches!(ty, Type::Set(_) | Type::List(_));
        let needed = (0..def.attributes.len())
            .filter(|a| AttrId(*a as u32) != def.key && !optional(&def.attributes[*a].ty))
            .map(|a| {
                let full = |l: &&usize| matches!(&readers[**l][a], Reader::ByCode(by) if by.full);
                (a, order[a].first().filter(full).copied())
            })
            .collect();
        let sound = |reader: &Reader<'_>| match reader {
            Reader::Nothing => true,
            Reader::ByCode(by) => by.sound,
            Reader::ByRow => false,
        };
        let of_link = |readers: &Vec<Reader<'_>>| {
            let unsound = readers.iter().enumerate().filter(|(_, r)| !sound(r));
            unsound.map(|(a, _)| a).collect()
        };
        let unsound = readers.iter().map(of_link).collect();
        Some(Plain { mappers, links, readers, order, unsound, needed })
    }

    /// Reads what has to be read row by row, of as many identities, and finds who is not plain.
    pub fn chunk(&self, start: usize, len: usize) -> Chunk<'a> {
        let by_row = self
            .links
            .iter()
            .zip(&self.readers)
            .map(|((m, links), readers)| {
                let of_attribute = |(a, reader): (usize, &Reader<'a>)| match reader {
                    Reader::Nothing | Reader::ByCode(_) => Vec::new(),
                    Reader::ByRow => (start..start + len)
                        .into_par_iter()
                        .with_min_len(256)
                        .map_init(Interps::new, |interps, member| match links.picks[member] {
                            Pick::One(row) => {
                                let interp = interp(interps, self.mappers, *m)?;
                                self.mappers[*m].attribute(interp, row as usize, a)
                            }
                            Pick::Nothing
                            | Pick::Apart
                            | Pick::Several(..)
                            | Pick::Unreadable
                            | Pick::Unfound => None,
                        })
                        .collect(),
                };
                readers.iter().enumerate().map(of_attribute).collect()
            })
            .collect();
        let mut chunk = Chunk { odd: vec![false; len], start, by_row };
        let odd: Vec<bool> =
            (0..len).into_par_iter().with_min_len(1024).map(|i| self.is_odd(&chunk, i)).collect();
        chunk.odd = odd;
        chunk
    }

    fn is_odd(&self, chunk: &Chunk<'a>, i: usize) -> bool {
        let member = chunk.start + i;
        let readable = self.links.iter().enumerate().all(|(l, (_, links))| match links.picks[member] {
            Pick::Nothing => !links.incomplete,
            Pick::Apart => true,
            Pick::Several(..) | Pick::Unreadable | Pick::Unfound => false,
            Pick::One(row) => self.unsound[l].iter().all(|&a| match &self.readers[l][a] {
                Reader::Nothing => true,
                Reader::ByCode(by) => by.values[by.codes[row as usize] as usize].is_some(),
                Reader::ByRow => chunk.by_row[l][a][i].is_some(),
            }),
        });
        let given = |link: usize| matches!(self.links[link].1.picks[member], Pick::One(_));
        let whole = |&(a, by): &(usize, Option<usize>)| {
            by.is_some_and(given) || !matches!(self.found(chunk, i, a), Found::Nothing)
        };
        !readable || !self.needed.iter().all(whole)
    }

    /// The cells that alone say what an attribute is: the link, and by row the number of the cell.
    pub fn alone(&self, attribute: usize) -> Option<(usize, &'a [u32])> {
        match self.order[attribute][..] {
            [link] => match &self.readers[link][attribute] {
                Reader::ByCode(by) => Some((link, by.codes)),
                Reader::Nothing | Reader::ByRow => None,
            },
            _ => None,
        }
    }

    /// The row that a source has of someone plain.
    pub fn row(&self, link: usize, member: usize) -> Option<u32> {
        match self.links[link].1.picks[member] {
            Pick::One(row) => Some(row),
            Pick::Nothing | Pick::Apart | Pick::Several(..) | Pick::Unreadable | Pick::Unfound => None,
        }
    }

    /// Where an attribute of someone plain stands: with the first source that gives something, else with the first that
    /// gives an empty one.
    pub fn found(&self, chunk: &Chunk<'a>, i: usize, attribute: usize) -> Found {
        let mut empty = Found::Nothing;
        for &link in &self.order[attribute] {
            let Pick::One(row) = self.links[link].1.picks[chunk.start + i] else { continue };
            let found = match &self.readers[link][attribute] {
                Reader::Nothing => continue,
                Reader::ByCode(by) => Found::Code(link as u32, by.codes[row as usize]),
                Reader::ByRow => Found::Row(link as u32),
            };
            match self.value(chunk, i, attribute, found) {
                Some(value) if value.is_something() => return found,
                None | Some(Mapped::Value(Value::Absent) | Mapped::Record(None)) => {}
                Some(_) if matches!(empty, Found::Nothing) => empty = found,
                Some(_) => {}
            }
        }
        empty
    }

    /// What stands there.
    pub fn value<'c>(
        &'c self,
        chunk: &'c Chunk<'a>,
        i: usize,
        attribute: usize,
        found: Found,
    ) -> Option<&'c Mapped<'a>> {
        match found {
            Found::Nothing => None,
            Found::Code(link, code) => match &self.readers[link as usize][attribute] {
                Reader::ByCode(by) => by.values.get(code as usize)?.as_ref(),
                Reader::Nothing | Reader::ByRow => None,
            },
            Found::Row(link) => chunk.by_row[link as usize][attribute].get(i)?.as_ref(),
        }
    }

    /// Whether each source has a row of someone plain.
    pub fn membership(&self, link: usize, member: usize) -> Membership {
        let links = &self.links[link].1;
        super::merge::membership(links.picks[member], links.incomplete)
    }
}

/// How an attribute is best read from the rows of a mapper.
fn reader<'a>(mapper: &'a Mapper<'a>, attribute: usize) -> Reader<'a> {
    // Whoever was found by the key of a row has a row whose key can be read.
    if matches!(mapper.program.attributes[attribute], prov_ir::AttributeProgram::Nothing)
        || mapper.is_found_by(attribute)
    {
        return Reader::Nothing;
    }
    let Some(column) = mapper.only_column(attribute) else { return Reader::ByRow };
    let cells = mapper.rows.cells(column);
    let (codes, spellings) = (cells.codes(), cells.spellings());
    // Where nearly every cell is another, a list of what all of them give is no gain.
    if spellings > 256 && spellings > codes.len() / 2 {
        return Reader::ByRow;
    }
    let mut first = vec![u32::MAX; spellings];
    for (row, code) in codes.iter().enumerate().rev() {
        first[*code as usize] = row as u32;
    }
    let values: Vec<Option<Mapped<'_>>> = first
        .par_iter()
        .copied()
        .with_min_len(64)
        .map_init(
            || mapper.interp(),
            |interp, row| match interp {
                Some(interp) if row != u32::MAX => mapper.attribute(interp, row as usize, attribute),
                Some(_) | None => None,
            },
        )
        .collect();
    let used = || values.iter().zip(&first).filter(|(_, row)| **row != u32::MAX).map(|(value, _)| value);
    let sound = used().all(Option::is_some);
    let full = used().all(|v| v.as_ref().is_some_and(Mapped::is_something));
    Reader::ByCode(ByCode { codes, values, sound, full })
}
