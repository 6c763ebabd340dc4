//! `writeback S { attribute = app.attribute }`: what a source is told of an account.
//! Invariant: what is written is an attribute of an account of the source's own identity type.

use crate::check::Checker;
use crate::modules::list;
use prov_diag::{Diagnostic, codes, did_you_mean};
use prov_model::{AttrId, FieldDef, RuleKind, SourceDef, WritebackDef};
use prov_syntax::ast::{self, ExprKind as Ast, ItemKind};

impl Checker<'_> {
    pub(crate) fn lower_writebacks(&mut self) {
        let mut found: Vec<(String, usize, usize)> = Vec::new();
        for (m, module) in self.modules.iter().enumerate() {
            for (i, item) in module.file.items.iter().enumerate() {
                if matches!(item.kind, ItemKind::Writeback { .. }) {
                    found.push((self.sources.text(item.span).to_owned(), m, i));
                }
            }
        }
        found.sort();
        for (_, m, i) in found {
            let item = self.item(m, i).clone();
            let ItemKind::Writeback { source, fields } = &item.kind else { continue };
            let Some(position) = self.schema.sources.iter().position(|s| s.name == source.text) else {
                let names: Vec<String> = self.schema.sources.iter().map(|s| s.name.clone()).collect();
                let _ = self.unknown::<()>(source, "source", &names);
                continue;
            };
            let def = self.schema.sources[position].clone();
            for assign in fields {
                self.writeback(&item, position as u32, &def, assign);
            }
        }
    }

    fn writeback(&mut self, item: &ast::Item, position: u32, source: &SourceDef, assign: &ast::Assign) {
        let name = &assign.name;
        let identity = self.schema.identity(source.identity).clone();
        let attributes: Vec<&str> = identity.attributes.iter().map(|a| a.name.as_str()).collect();
        let Some((number, field)) = attribute(&identity.attributes, &name.text) else {
            let help = did_you_mean(&name.text, attributes.iter().copied()).map_or_else(
                || format!("`{}` has {}", identity.name, list(attributes.iter().copied())),
                |n| format!("did you mean `{n}`?"),
            );
            self.report(
                Diagnostic::new(
                    &codes::UNKNOWN_FIELD,
                    format!("`{}` has no attribute `{}`", identity.name, name.text),
                )
                .at(name.span, "not found there")
                .help(help),
            );
            return;
        };
        let wrong = |why: String, help: &str| {
            Diagnostic::new(&codes::BAD_WRITEBACK, why).at(assign.span, "can't be written back").help(help)
        };
        if identity.key.index() == number || !field.ty.required().is_scalar() {
            let d = wrong(
                format!("`{}` can't be written back", name.text),
                "the key and what is not one plain value are the source's own",
            );
            self.report(d);
            return;
        }
        if self.schema.writebacks.iter().any(|w| w.source == position && w.attribute.index() == number) {
            let d = wrong(format!("`{}` is written back twice", name.text), "take one away");
            self.report(d);
            return;
        }
        let Ast::Field(base, value) = &assign.value.kind else {
            let d = wrong(
                "what is written back is an attribute of an account".to_owned(),
                "write `mail = ad.mail`: an app and an attribute of its account",
            );
            self.report(d);
            return;
        };
        let Ast::Name(app_name) = &base.kind else {
            let d = wrong(
                "what is written back is an attribute of an account".to_owned(),
                "write `mail = ad.mail`: an app and an attribute of its account",
            );
            self.report(d);
            return;
        };
        let Ok(app) = self.app_named(app_name) else { return };
        let Some(account) = self.schema.app(app).account.clone() else {
            let d = wrong(
                format!("`{}` has no accounts", app_name.text),
                "write back from an app with an `account`",
            );
            self.report(d);
            return;
        };
        let Some((from, _)) = attribute(&account.attributes, &value.text) else {
            let names = account.attributes.iter().map(|a| a.name.as_str());
            let help = format!("it has {}", list(names));
            self.report(
                Diagnostic::new(
                    &codes::UNKNOWN_FIELD,
                    format!("the account in `{}` has no `{}`", app_name.text, value.text),
                )
                .at(value.span, "not found there")
                .help(help),
            );
            return;
        };
        let rule = self.rule(
            RuleKind::Writeback,
            format!("writeback {}.{}", source.name, name.text),
            item.head,
            item.docs.as_deref(),
            &item.annotations,
            None,
        );
        self.schema.writebacks.push(WritebackDef {
            rule,
            source: position,
            identity: source.identity,
            attribute: AttrId(number as u32),
            app,
            value: from as u32,
        });
    }
}

fn attribute<'f>(fields: &'f [FieldDef], name: &str) -> Option<(usize, &'f FieldDef)> {
    fields.iter().enumerate().find(|(_, f)| f.name == name)
}
