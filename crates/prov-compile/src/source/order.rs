//! Which source brings which attribute, and which of several counts.
//! Invariant: an attribute that two sources give has an order that the policy says; one that is always there comes from
//! every source that may be the only one to know an identity.

use super::part::Part;
use crate::check::{Checker, Reported, Try};
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_model::{IdentityId, SourcePart, Type};
use prov_syntax::ast::{self, ItemKind};

/// A source as far as its order matters.
struct Bringer {
    number: u32,
    name: String,
    part: SourcePart,
    /// Mapped names, with their places.
    mapped: Vec<(String, Span)>,
    head: Span,
}

impl Bringer {
    /// The place where it says that it brings an attribute, if it does.
    fn maps(&self, attribute: &str, index: usize) -> Option<Span> {
        let written = || self.mapped.iter().find(|(n, _)| n == attribute).map(|(_, span)| *span);
        match self.part {
            SourcePart::Authoritative => written(),
            SourcePart::Enriching(joins) if joins.index() == index => None,
            SourcePart::Enriching(_) => written(),
            SourcePart::Elements { list, .. } => (list.index() == index).then_some(self.head),
        }
    }

    fn is_authoritative(&self) -> bool {
        self.part == SourcePart::Authoritative
    }
}

impl Checker<'_> {
    /// Fills `brought`. Of a type with a source that is wrong, which has been said, nothing is asked.
    pub(super) fn order_attributes(&mut self, items: &[(usize, ast::Item)], parts: &[Option<Part>]) {
        for ty in 0..self.schema.identities.len() {
            let identity = IdentityId(ty as u32);
            let count = self.schema.identity(identity).attributes.len();
            self.brought.push(vec![Vec::new(); count]);
            let mut own = Vec::new();
            let mut fine = true;
            for (number, (_, item)) in items.iter().enumerate() {
                let ItemKind::Source(s) = &item.kind else { continue };
                if self.schema.sources[number].identity != identity {
                    continue;
                }
                match &parts[number] {
                    None => fine = false,
                    Some(part) => own.push(Bringer {
                        number: number as u32,
                        name: s.name.text.clone(),
                        part: part.part,
                        mapped: s.fields.iter().map(|f| (f.name.text.clone(), f.name.span)).collect(),
                        head: item.head,
                    }),
                }
            }
            self.order_of(identity, &own, fine && !own.is_empty());
        }
    }

    fn order_of(&mut self, identity: IdentityId, own: &[Bringer], fine: bool) {
        let def = self.schema.identity(identity).clone();
        let Some(declared) = self.declared.get(&def.name).cloned() else { return };
        let ItemKind::Identity { attributes, .. } = self.item(declared.module, declared.item).kind.clone()
        else {
            return;
        };
        // Attributes that nobody maps and several sources give are one mistake.
        let mut unsaid: Vec<&ast::Attribute> = Vec::new();
        for (i, (attribute, field)) in attributes.iter().zip(&def.attributes).enumerate() {
            let name = &attribute.name.text;
            let authoritative = || own.iter().filter(|b| b.is_authoritative());
            let mapping: Vec<(&Bringer, Span)> =
                own.iter().filter_map(|b| b.maps(name, i).map(|span| (b, span))).collect();
            let is_key = def.key.index() == i;
            let order: Vec<u32> = if !attribute.prefer.is_empty() {
                match self.preferred(attribute, i, is_key, own, &mapping) {
                    Ok(order) => order,
                    Err(Reported) => continue,
                }
            } else if is_key {
                authoritative().map(|b| b.number).collect()
            } else {
                match mapping.as_slice() {
                    [] => {
                        let all: Vec<u32> = authoritative().map(|b| b.number).collect();
                        if all.len() > 1 && fine {
                            unsaid.push(attribute);
                        }
                        all
                    }
                    [(one, _)] => vec![one.number],
                    [(first, at), (second, again), ..] => {
                        if fine {
                            self.report(
                                Diagnostic::new(
                                    &codes::SEVERAL_SOURCES,
                                    format!(
                                        "`{name}` comes from `{}` and from `{}`",
                                        first.name, second.name
                                    ),
                                )
                                .at(*at, format!("`{}` gives it", first.name))
                                .at(*again, format!("`{}` gives it too", second.name))
                                .because("where they differ, a reader could not tell which counts")
                                .help(format!(
                                    "say whose word counts first: `{name} : {} prefer {}, {}`",
                                    self.sources.text(attribute.ty.span),
                                    first.name,
                                    second.name
                                )),
                            );
                        }
                        mapping.iter().map(|(b, _)| b.number).collect()
                    }
                }
            };
            if fine {
                self.given_by_all(attribute, &field.ty, is_key, own, &order);
                self.joined_comes_first(attribute, i, own, &order);
            }
            self.brought[identity.index()][i] = order;
        }
        if let [first, ..] = unsaid.as_slice() {
            let names = list(unsaid.iter().map(|a| a.name.text.as_str()));
            let sources: Vec<&str> =
                own.iter().filter(|b| b.is_authoritative()).map(|b| b.name.as_str()).collect();
            let verb = if unsaid.len() == 1 { "comes" } else { "come" };
            let mut d = Diagnostic::new(
                &codes::SEVERAL_SOURCES,
                format!("{names} {verb} from {}", list(sources.iter().copied())),
            )
            .because("what no source maps comes from the columns of the same name in every authoritative source; where they differ, a reader could not tell which counts")
            .help(format!(
                "say whose word counts first: `{} : {} prefer {}`; or map it in one of them only",
                first.name.text,
                self.sources.text(first.ty.span),
                sources.join(", ")
            ));
            for a in unsaid.iter().take(4) {
                d = d.at(a.name.span, "from which?");
            }
            self.report(d);
        }
    }

    /// The order that `prefer` says.
    fn preferred(
        &mut self,
        attribute: &ast::Attribute,
        index: usize,
        is_key: bool,
        own: &[Bringer],
        mapping: &[(&Bringer, Span)],
    ) -> Try<Vec<u32>> {
        let name = &attribute.name.text;
        let mut order: Vec<u32> = Vec::new();
        for word in &attribute.prefer {
            let Some(b) = own.iter().find(|b| b.name == word.text) else {
                let known = own.iter().map(|b| b.name.as_str());
                let help = match (did_you_mean(&word.text, known.clone()), own.is_empty()) {
                    (Some(n), _) => format!("did you mean `{n}`?"),
                    (None, true) => "declare the source".to_owned(),
                    (None, false) => format!("its sources are {}", list(known)),
                };
                return self.fail(
                    Diagnostic::new(
                        &codes::UNKNOWN_NAME,
                        format!("there is no source called `{}` here", word.text),
                    )
                    .at(word.span, "not found")
                    .help(help),
                );
            };
            let gives_not = match b.part {
                SourcePart::Authoritative => None,
                SourcePart::Enriching(joins) if joins.index() == index => {
                    Some("its rows are found by it, they don't give it")
                }
                SourcePart::Enriching(_) if is_key => Some("only an authoritative source gives the key"),
                SourcePart::Enriching(_) => None,
                SourcePart::Elements { list, .. } if list.index() == index => None,
                SourcePart::Elements { .. } => Some("its rows are elements of another attribute"),
            };
            if let Some(why) = gives_not {
                let head = b.head;
                return self.fail(
                    Diagnostic::new(
                        &codes::SEVERAL_SOURCES,
                        format!("source `{}` does not give `{name}`", word.text),
                    )
                    .at(word.span, why)
                    .at(head, "the source")
                    .help("take it out of the order"),
                );
            }
            if order.contains(&b.number) {
                return self.fail(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        format!("`{}` stands twice in the order", word.text),
                    )
                    .at(word.span, "again here")
                    .help("take one away"),
                );
            }
            order.push(b.number);
        }
        if let Some((left_out, span)) = mapping.iter().find(|(b, _)| !order.contains(&b.number)) {
            return self.fail(
                Diagnostic::new(
                    &codes::SEVERAL_SOURCES,
                    format!("`{}` gives `{name}`, and is not in its order", left_out.name),
                )
                .at(*span, "mapped here")
                .at(attribute.name.span, "its order")
                .help(format!("add `, {}` to `prefer`, or take the mapping away", left_out.name)),
            );
        }
        Ok(order)
    }

    /// What is always there must come from every source that may be the only one to know an identity.
    fn given_by_all(
        &mut self,
        attribute: &ast::Attribute,
        ty: &Type,
        is_key: bool,
        own: &[Bringer],
        order: &[u32],
    ) {
        if matches!(ty, Type::Optional(_) | Type::Set(_) | Type::List(_)) {
            return;
        }
        let Some(lacks) = own.iter().find(|b| b.is_authoritative() && !order.contains(&b.number)) else {
            return;
        };
        let name = &attribute.name.text;
        let from = list(own.iter().filter(|b| order.contains(&b.number)).map(|b| b.name.as_str()));
        let mut with = attribute.prefer.iter().map(|p| p.text.clone()).collect::<Vec<_>>();
        if with.is_empty() {
            with = own.iter().filter(|b| order.contains(&b.number)).map(|b| b.name.clone()).collect();
        }
        with.push(lacks.name.clone());
        let written = self.sources.text(attribute.ty.span).to_owned();
        let order = format!("`{name} : {written} prefer {}`", with.join(", "));
        let help = if is_key {
            format!("every authoritative source gives the key: {order}")
        } else {
            format!("make it optional: `{name} : {written}?`; or let `{}` give it too: {order}", lacks.name)
        };
        self.report(
            Diagnostic::new(
                &codes::NOT_FROM_ALL,
                format!("`{name}` is always there, but `{}` does not give it", lacks.name),
            )
            .at(attribute.name.span, format!("comes from {from} only"))
            .at(lacks.head, "may be the only one to know someone")
            .help(help),
        );
    }

    /// What others join by is known before them: it comes from authoritative sources alone.
    fn joined_comes_first(
        &mut self,
        attribute: &ast::Attribute,
        index: usize,
        own: &[Bringer],
        order: &[u32],
    ) {
        let joined = own.iter().find(|b| match b.part {
            SourcePart::Authoritative => false,
            SourcePart::Enriching(joins) | SourcePart::Elements { joins, .. } => joins.index() == index,
        });
        let late = own.iter().find(|b| order.contains(&b.number) && !b.is_authoritative());
        if let (Some(joined), Some(late)) = (joined, late) {
            let name = &attribute.name.text;
            self.report(
                Diagnostic::new(
                    &codes::SOURCE_ROLE,
                    format!("`{}` joins by `{name}`, which comes from `{}`", joined.name, late.name),
                )
                .at(joined.head, "joins by it")
                .at(late.head, "gives it, and joins itself")
                .because("rows find their identity by what authoritative sources say of it")
                .help("join by the key, or by an attribute that an authoritative source gives"),
            );
        }
    }
}
