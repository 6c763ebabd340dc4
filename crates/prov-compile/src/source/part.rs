//! What a source is: who there is, more of them, or elements of a list.
//! Invariant: rows find their identity by a plain value of it that an authoritative source brings.

use crate::check::{Checker, Try};
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_model::{AttrId, IdentityId, SourcePart, Type};
use prov_syntax::ast;

/// What a source is, with the name under which a row's own value is mapped.
pub(super) struct Part {
    pub part: SourcePart,
    pub join: Option<String>,
}

impl Checker<'_> {
    pub(super) fn part_of(&mut self, identity: IdentityId, head: Span, s: &ast::Source) -> Try<Part> {
        let (name, of) = (&s.name.text, &s.identity.text);
        let role = |message: &str| Diagnostic::new(&codes::SOURCE_ROLE, message.to_owned());
        if let (Some(missing), None) = (&s.missing, s.authoritative) {
            let d = role("only an authoritative source can say what missing means")
                .at(missing.span, "not here")
                .because("who has no row in this source may well be there: others say who there is")
                .help("move it to the authoritative source");
            return self.fail(d);
        }
        let part = match (s.authoritative, &s.joins, &s.element_of) {
            (Some(span), Some(joins), _) => {
                let d = role(&format!("source `{name}` both says who there is and joins who there is"))
                    .at(span, "its rows are the identities")
                    .at(joins.span, "its rows are looked up among the identities")
                    .help("keep one: `authoritative`, or `joins ATTRIBUTE`");
                return self.fail(d);
            }
            (Some(span), None, Some(list)) => {
                let d = role("elements of a list say not who there is")
                    .at(span, "not here")
                    .at(list.span, "elements of this list")
                    .help(format!("write `source {name} of {of}.{} joins id {{ … }}`", list.text));
                return self.fail(d);
            }
            (Some(_), None, None) => Part { part: SourcePart::Authoritative, join: None },
            (None, None, element_of) => {
                let d = match element_of {
                    None => role(&format!(
                        "source `{name}` says neither that it is authoritative nor what it joins"
                    ))
                    .at(head, "what is it for?")
                    .help(format!(
                        "write `source {name} of {of} authoritative {{ … }}`: its rows are the people there are; or `joins id`: its rows say more of them"
                    )),
                    Some(list) => role(&format!("source `{name}` says not whose elements its rows are"))
                        .at(head, "whose?")
                        .help(format!(
                            "write `source {name} of {of}.{} joins COLUMN {{ … }}` with the column that holds the owner's key",
                            list.text
                        )),
                };
                return self.fail(d);
            }
            (None, Some(joins), None) => {
                let attr = self.joined(identity, joins, false)?;
                Part { part: SourcePart::Enriching(attr), join: Some(joins.text.clone()) }
            }
            (None, Some(joins), Some(element_of)) => {
                let list = self.list_named(identity, element_of)?;
                if let Some(e) = &s.effective_from {
                    let d = Diagnostic::new(
                        &codes::NOT_ALLOWED_HERE,
                        "elements of a list have no row in force",
                    )
                    .at(e.span, "not here")
                    .because("of several rows with one key the one in force counts; elements have no key, all of them count")
                    .help("map the day to a field of the record, and ask for it where the list is read");
                    return self.fail(d);
                }
                let joins_attr = self.joined(identity, joins, true)?;
                Part {
                    part: SourcePart::Elements { list, joins: joins_attr },
                    join: Some(joins.text.clone()),
                }
            }
        };
        Ok(part)
    }

    /// The attribute that a source joins. For elements any other name is that of a column that holds the owner's key.
    fn joined(&mut self, identity: IdentityId, joins: &ast::Name, elements: bool) -> Try<AttrId> {
        let def = self.schema.identity(identity).clone();
        let Some(at) = def.attributes.iter().position(|a| a.name == joins.text) else {
            if elements {
                return Ok(def.key);
            }
            let near = did_you_mean(&joins.text, def.attributes.iter().map(|a| a.name.as_str()));
            let help = near.map_or_else(
                || {
                    let key = &def.attributes[def.key.index()].name;
                    format!("most often it is the key: `joins {key} {{ {key} = row[\"{}\"] }}`", joins.text)
                },
                |n| format!("did you mean `{n}`?"),
            );
            return self.fail(
                Diagnostic::new(
                    &codes::UNKNOWN_FIELD,
                    format!("`{}` has no attribute `{}`", def.name, joins.text),
                )
                .at(joins.span, "joined by this")
                .help(help),
            );
        };
        let ty = def.attributes[at].ty.required().clone();
        if !ty.is_scalar() || matches!(ty, Type::Identity(_)) {
            let shown = self.type_name(&ty);
            return self.fail(
                Diagnostic::new(&codes::TYPE_MISMATCH, format!("rows can't be found by `{shown}`"))
                    .at(joins.span, "not a plain value")
                    .help("join by the key, or by another attribute that holds one plain value"),
            );
        }
        Ok(AttrId(at as u32))
    }

    fn list_named(&mut self, identity: IdentityId, name: &ast::Name) -> Try<AttrId> {
        let def = self.schema.identity(identity).clone();
        let lists: Vec<&str> = def
            .attributes
            .iter()
            .filter(|a| matches!(a.ty.required(), Type::List(_)))
            .map(|a| a.name.as_str())
            .collect();
        match def.attributes.iter().position(|a| a.name == name.text) {
            Some(at) if lists.contains(&name.text.as_str()) => Ok(AttrId(at as u32)),
            Some(at) => {
                let shown = self.type_name(&def.attributes[at].ty);
                self.fail(
                    Diagnostic::new(&codes::TYPE_MISMATCH, format!("`{}` is no list", name.text))
                        .at(name.span, format!("this is `{shown}`"))
                        .help("rows are elements of a `list of RECORD`"),
                )
            }
            None => {
                let near = did_you_mean(&name.text, lists.iter().copied());
                let help = match (near, lists.is_empty()) {
                    (Some(n), _) => format!("did you mean `{n}`?"),
                    (None, true) => {
                        format!("declare `{} : list of RECORD` in `identity {}`", name.text, def.name)
                    }
                    (None, false) => format!("its lists are {}", list(lists.iter().copied())),
                };
                self.fail(
                    Diagnostic::new(
                        &codes::UNKNOWN_FIELD,
                        format!("`{}` has no list `{}`", def.name, name.text),
                    )
                    .at(name.span, "not found there")
                    .help(help),
                )
            }
        }
    }
}
