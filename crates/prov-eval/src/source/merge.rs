//! One identity of the rows of several sources: each attribute from the first source, in the order of `prefer`, that gives
//! something.
//! Invariant: a later source stands in only where the earlier ones surely give nothing.

use super::links::{Links, Pick};
use super::mapper::{Mapped, Mapper, RowValues};
use crate::interp::Interp;
use prov_model::{AttrId, FieldDef, IdentityId, Membership, Rejection, Type, Value, compare};
use std::cmp::Ordering;

/// The sources of one identity type with their rows; positions in the list of mappers.
pub(super) struct Sources<'m, 'a> {
    pub mappers: &'a [Mapper<'a>],
    pub links: &'m [(usize, Links)],
    pub ty: IdentityId,
}

/// An identity on its way into columns.
pub(super) struct MergedRow<'a> {
    pub values: Vec<Mapped<'a>>,
    /// A row of it was rejected.
    pub held: bool,
    pub broken: Vec<AttrId>,
    pub doubtful: Vec<(AttrId, u32)>,
    pub members: Vec<Membership>,
    pub rejections: Vec<(usize, Rejection)>,
}

/// What a source gives for an identity.
enum Given<'a> {
    Nothing,
    /// It may have a row, which is not to be found.
    Doubtful,
    Row(u32, RowValues<'a>),
    /// The elements of a list; none where one can't be read.
    Elements(Option<Vec<Vec<Value<'static>>>>),
    Unreadable,
}

/// Evaluators by mapper, made as they are needed.
pub(super) type Interps<'a> = Vec<(usize, Interp<'a>)>;

/// The evaluator of a mapper that has rows.
pub(super) fn interp<'i, 'a>(
    interps: &'i mut Interps<'a>,
    mappers: &'a [Mapper<'a>],
    m: usize,
) -> Option<&'i mut Interp<'a>> {
    let at = match interps.iter().position(|(of, _)| *of == m) {
        Some(at) => at,
        None => {
            interps.push((m, mappers[m].interp()?));
            interps.len() - 1
        }
    };
    Some(&mut interps[at].1)
}

/// Where an attribute stands.
pub(super) enum Merged<'a> {
    Value(Mapped<'a>),
    Nothing,
    Broken,
    /// It may come from this source.
    Doubtful(u32),
}

impl<'a> Sources<'_, 'a> {
    /// An identity, by its number and its key.
    pub fn row(&self, interps: &mut Interps<'a>, member: u32, key: &str) -> MergedRow<'a> {
        let Some(world) = self.mappers.first().map(|m| m.world) else { return MergedRow::empty() };
        let schema = &world.program.schema;
        let def = schema.identity(self.ty);
        let id = schema.global_id(self.ty, key);
        let mut out = MergedRow::empty();
        let mut given: Vec<Given<'a>> = Vec::with_capacity(self.links.len());
        for (m, links) in self.links {
            let pick = links.picks[member as usize];
            out.members.push(membership(pick, links.incomplete));
            given.push(self.given(interps, *m, links, pick, &id, &mut out.rejections));
        }
        out.held = !out.rejections.is_empty() || given.iter().any(|g| matches!(g, Given::Unreadable));
        for (a, attribute) in def.attributes.iter().enumerate() {
            let attr = AttrId(a as u32);
            if attr == def.key {
                let zone = &world.moment.zone;
                let key = prov_model::RawCell::Text(key);
                let value = prov_model::cell_value(key, attribute.ty.required(), schema, zone);
                out.values.push(Mapped::Value(value.map_or(Value::Absent, Value::into_owned)));
                continue;
            }
            let value = match self.merge(attr, &mut given) {
                Merged::Value(value) => value,
                Merged::Nothing => self.nothing(attribute, attr, &given, &id, &mut out),
                Merged::Broken => {
                    out.broken.push(attr);
                    empty(&attribute.ty)
                }
                Merged::Doubtful(source) => {
                    out.doubtful.push((attr, source));
                    empty(&attribute.ty)
                }
            };
            out.values.push(value);
        }
        out
    }

    /// One attribute of an identity, from authoritative sources: for others to join by.
    pub fn attribute(&self, interps: &mut Interps<'a>, member: u32, attr: AttrId) -> Merged<'a> {
        let program = match self.mappers.first() {
            Some(mapper) => mapper.world.program,
            None => return Merged::Nothing,
        };
        for source in &program.brought[self.ty.index()][attr.index()] {
            let Some((m, links)) =
                self.links.iter().find(|(m, _)| self.mappers[*m].program.source == *source)
            else {
                continue;
            };
            let mapper = &self.mappers[*m];
            match links.picks[member as usize] {
                Pick::Nothing if links.incomplete => return Merged::Doubtful(*source),
                Pick::Nothing | Pick::Apart | Pick::Several(..) => {}
                Pick::Unreadable => return Merged::Broken,
                Pick::Unfound => return Merged::Doubtful(*source),
                Pick::One(row) => {
                    let (of, def) = (&mapper.program.attributes[attr.index()], &mapper.fields[attr.index()]);
                    let Some(interp) = interp(interps, self.mappers, *m) else { continue };
                    match mapper.value(interp, of, def, row as usize, None, &mut Vec::new()) {
                        None => return Merged::Broken,
                        Some(value) if value.is_something() => return Merged::Value(value),
                        Some(_) => {}
                    }
                }
            }
        }
        Merged::Nothing
    }

    fn given(
        &self,
        interps: &mut Interps<'a>,
        m: usize,
        links: &Links,
        pick: Pick,
        id: &str,
        rejections: &mut Vec<(usize, Rejection)>,
    ) -> Given<'a> {
        let mapper = &self.mappers[m];
        let mut said = Vec::new();
        let given = match pick {
            Pick::Nothing if links.incomplete => Given::Doubtful,
            Pick::Nothing | Pick::Apart => Given::Nothing,
            Pick::Unfound => Given::Doubtful,
            Pick::Unreadable => Given::Unreadable,
            Pick::One(row) => match interp(interps, self.mappers, m) {
                Some(interp) => Given::Row(row, mapper.row(interp, row as usize, Some(id), &mut said)),
                None => Given::Nothing,
            },
            Pick::Several(start, len) => {
                let mut list = Some(Vec::with_capacity(len as usize));
                for &row in links.elements(start, len) {
                    let element = interp(interps, self.mappers, m)
                        .and_then(|interp| mapper.element(interp, row as usize, Some(id), &mut said));
                    match (element, &mut list) {
                        (Some(element), Some(list)) => list.push(element),
                        (None, _) => list = None,
                        (Some(_), None) => {}
                    }
                }
                if let Some(list) = &mut list {
                    list.sort_by(|a, b| by_content(a, b, mapper));
                }
                // A list may lack elements as well as all of them.
                if links.incomplete && list.is_some() { Given::Doubtful } else { Given::Elements(list) }
            }
        };
        rejections.extend(said.into_iter().map(|r| (m, r)));
        given
    }

    fn merge(&self, attr: AttrId, given: &mut [Given<'a>]) -> Merged<'a> {
        let Some(program) = self.mappers.first().map(|m| m.world.program) else { return Merged::Nothing };
        // Where nobody gives anything, an empty set or list that someone gave is still not absent.
        let mut empty = None;
        for source in &program.brought[self.ty.index()][attr.index()] {
            let at = self.links.iter().position(|(m, _)| self.mappers[*m].program.source == *source);
            // A source that was not read at all has nothing.
            let Some(given) = at.map(|at| &mut given[at]) else { continue };
            match given {
                Given::Nothing => {}
                Given::Doubtful => return Merged::Doubtful(*source),
                Given::Unreadable | Given::Elements(None) => return Merged::Broken,
                Given::Elements(Some(rows)) if rows.is_empty() => {}
                Given::Elements(Some(rows)) => return Merged::Value(Mapped::List(std::mem::take(rows))),
                Given::Row(_, values) => match values.get_mut(attr.index()).and_then(Option::take) {
                    None => return Merged::Broken,
                    Some(value) if value.is_something() => return Merged::Value(value),
                    Some(Mapped::Value(Value::Absent) | Mapped::Record(None)) => {}
                    Some(value) => empty = empty.or(Some(value)),
                },
            }
        }
        empty.map_or(Merged::Nothing, Merged::Value)
    }

    /// An attribute that no source gives: absent or empty where it may be, else an error of the first row.
    fn nothing(
        &self,
        def: &FieldDef,
        attr: AttrId,
        given: &[Given<'a>],
        id: &str,
        out: &mut MergedRow<'a>,
    ) -> Mapped<'a> {
        match &def.ty {
            Type::Set(_) => Mapped::Value(Value::Set(Vec::new())),
            Type::List(_) => Mapped::List(Vec::new()),
            ty if ty.is_optional() => empty(ty),
            ty => {
                out.broken.push(attr);
                out.held = true;
                let Some(program) = self.mappers.first().map(|m| m.world.program) else { return empty(ty) };
                for source in &program.brought[self.ty.index()][attr.index()] {
                    let at = self.links.iter().position(|(m, _)| self.mappers[*m].program.source == *source);
                    if let Some((Given::Row(row, _), (m, _))) = at.map(|at| (&given[at], &self.links[at])) {
                        let mapper = &self.mappers[*m];
                        let line = mapper.rows.row(*row as usize).line();
                        let of = &mapper.program.attributes[attr.index()];
                        out.rejections.push((*m, mapper.rejector.no_value(line, def, of, Some(id))));
                        break;
                    }
                }
                empty(ty)
            }
        }
    }
}

impl MergedRow<'_> {
    fn empty() -> Self {
        MergedRow {
            values: Vec::new(),
            held: false,
            broken: Vec::new(),
            doubtful: Vec::new(),
            members: Vec::new(),
            rejections: Vec::new(),
        }
    }
}

pub(super) fn membership(pick: Pick, incomplete: bool) -> Membership {
    match pick {
        Pick::Nothing if incomplete => Membership::Unknown,
        Pick::Nothing | Pick::Apart => Membership::Out,
        Pick::One(_) | Pick::Several(..) | Pick::Unreadable => Membership::In,
        Pick::Unfound => Membership::Unknown,
    }
}

/// The order of elements: by their fields, absent ones first; of equal values by spelling.
fn by_content(a: &[Value<'static>], b: &[Value<'static>], mapper: &Mapper<'_>) -> Ordering {
    let schema = &mapper.world.program.schema;
    let values = a.iter().zip(b).map(|(a, b)| match (a.is_absent(), b.is_absent()) {
        (false, false) => compare(a, b),
        (a, b) => b.cmp(&a),
    });
    let mut spelled = a
        .iter()
        .zip(b)
        .zip(mapper.fields)
        .map(|((a, b), def)| a.plain(&def.ty, schema).cmp(&b.plain(&def.ty, schema)));
    values.into_iter().find(|o| o.is_ne()).or_else(|| spelled.find(|o| o.is_ne())).unwrap_or(Ordering::Equal)
}

/// What stands in a column where there is nothing.
pub(super) fn empty<'a>(ty: &Type) -> Mapped<'a> {
    match ty.required() {
        Type::List(_) if !ty.is_optional() => Mapped::List(Vec::new()),
        Type::Record(_) => Mapped::Record(None),
        _ => Mapped::Value(Value::Absent),
    }
}
