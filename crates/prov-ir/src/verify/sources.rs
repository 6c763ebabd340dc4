//! Sources and their mappings.
//! Invariant: each attribute of a type comes from where the program says, in an order.

use super::exprs::{Context, Subject, Walk};
use super::{VerifyError, fail, identity, tree};
use crate::{AttributeProgram, Program, SourceProgram};
use prov_model::{SourcePart, Type};

pub(super) fn sources<'p>(program: &'p Program, walk: &mut Walk<'p>) -> Result<(), VerifyError> {
    if program.sources.len() != program.schema.sources.len() {
        return fail("sources", "there is not one program a source");
    }
    for (i, source) in program.sources.iter().enumerate() {
        let def = &program.schema.sources[i];
        let place = format!("source `{}`", def.name);
        if source.source as usize != i {
            return fail(place, "it is not in the order of the schema");
        }
        let own = identity(program, def.identity, &place)?;
        let joins = match def.part {
            SourcePart::Authoritative => None,
            SourcePart::Enriching(joins) => Some(joins),
            SourcePart::Elements { list, joins } => {
                if !matches!(own.get(list.index()).map(|a| a.ty.required()), Some(Type::List(_))) {
                    return fail(place, "its rows are elements of what is no list");
                }
                Some(joins)
            }
        };
        let fields = program.schema.fields_of(def);
        if source.attributes.len() != fields.len() {
            return fail(place, "it does not have one mapping a field");
        }
        let context = walk.context(Subject::Row(source));
        for (mapping, field) in source.attributes.iter().zip(fields) {
            let place = format!("{place}, `{}`", field.name);
            self::mapping(program, walk, source, mapping, &field.ty, &context, &place)?;
        }
        match (&source.join, joins) {
            (None, None) => {}
            (Some(mapping), Some(joins)) => {
                let Some(attribute) = own.get(joins.index()) else {
                    return fail(place, "the attribute that it joins is not there");
                };
                let ty = attribute.ty.required();
                if !ty.is_scalar() || matches!(ty, Type::Identity(_)) {
                    return fail(place, "it joins an attribute that is no plain value");
                }
                let place = format!("{place}, joins");
                self::mapping(program, walk, source, mapping, ty, &context, &place)?;
            }
            (Some(_), None) | (None, Some(_)) => return fail(place, "what it joins is not clear"),
        }
        if let Some(mapping) = &source.effective {
            if matches!(def.part, SourcePart::Elements { .. }) {
                return fail(place, "elements of a list have no key and so no row in force");
            }
            let place = format!("{place}, effective from");
            self::mapping(program, walk, source, mapping, &Type::Date, &context, &place)?;
        }
    }
    brought(program)
}

/// One value of a source's rows.
pub(super) fn mapping<'p>(
    program: &'p Program,
    walk: &mut Walk<'p>,
    source: &SourceProgram,
    mapping: &AttributeProgram,
    want: &Type,
    context: &Context<'p>,
    place: &str,
) -> Result<(), VerifyError> {
    match mapping {
        AttributeProgram::Nothing => Ok(()),
        AttributeProgram::Column(c) if (*c as usize) < source.columns.len() => Ok(()),
        AttributeProgram::Column(c) => fail(place, format!("there is no column {c}")),
        AttributeProgram::Mapped(e) => {
            let ty = tree(program, walk, *e, context, place)?;
            let fits = match want.required() {
                // A reference is mapped to the key of whom it refers to.
                Type::Identity(_) => ty.required().is_scalar(),
                want => ty.required() == want,
            };
            if fits {
                return Ok(());
            }
            let (ty, want) = (ty.name(&program.schema), want.name(&program.schema));
            fail(place, format!("it gives `{ty}`, and the attribute is `{want}`"))
        }
    }
}

/// Which sources bring which attribute: each one that is named does, and all that is always there comes from every
/// source that may be the only one to know an identity.
pub(super) fn brought(program: &Program) -> Result<(), VerifyError> {
    let schema = &program.schema;
    if program.brought.len() != schema.identities.len() {
        return fail("sources", "there is not one list of attributes an identity type");
    }
    for (ty, (def, lists)) in schema.identities.iter().zip(&program.brought).enumerate() {
        if lists.len() != def.attributes.len() {
            return fail(format!("identity `{}`", def.name), "there is not one list of sources an attribute");
        }
        for (a, (attribute, sources)) in def.attributes.iter().zip(lists).enumerate() {
            let place = format!("identity `{}`, `{}`", def.name, attribute.name);
            for (i, &number) in sources.iter().enumerate() {
                let (Some(source), Some(mappings)) =
                    (schema.sources.get(number as usize), program.sources.get(number as usize))
                else {
                    return fail(place, format!("there is no source {number}"));
                };
                let brings = match source.part {
                    SourcePart::Elements { list, .. } => list.index() == a,
                    SourcePart::Authoritative | SourcePart::Enriching(_) => {
                        mappings.attributes.get(a).is_some_and(|m| !matches!(m, AttributeProgram::Nothing))
                    }
                };
                if source.identity.index() != ty || !brings || sources[..i].contains(&number) {
                    return fail(place, format!("source `{}` does not bring it, or twice", source.name));
                }
            }
            let always = def.key.index() == a
                || !matches!(attribute.ty, Type::Optional(_) | Type::Set(_) | Type::List(_));
            let lacks = schema.sources.iter().enumerate().find(|(number, s)| {
                s.identity.index() == ty && s.is_authoritative() && !sources.contains(&(*number as u32))
            });
            if let (true, Some((_, source))) = (always, lacks) {
                return fail(place, format!("source `{}` does not bring what is always there", source.name));
            }
        }
    }
    Ok(())
}
