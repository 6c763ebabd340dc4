//! `correlate attribute = E, …`: what accounts that exist already are found by.
//! Invariant: a value is plain; that it may be absent is no error, since then it finds nothing.

use crate::check::{Checker, Reported, Scope};
use prov_diag::{Diagnostic, codes};
use prov_ir::{CorrelateProgram, ExprId};
use prov_model::{AppId, FieldDef, Type};
use prov_syntax::ast;

/// An attribute of the app, and the value that an account is found by.
pub(crate) type FoundBy = (FieldDef, ExprId);

impl Checker<'_> {
    /// The values of an account's `correlate`; `None` where one is wrong.
    pub(crate) fn correlations(&mut self, account: &ast::Account, scope: &Scope) -> Option<Vec<FoundBy>> {
        let mut all: Vec<FoundBy> = Vec::new();
        let mut failed = false;
        for assign in &account.correlate {
            let name = &assign.name;
            match self.expr(&assign.value, scope, None) {
                Ok((id, ty)) if ty.required().is_scalar() => {
                    all.push((FieldDef { name: name.text.clone(), ty }, id));
                }
                Ok((_, ty)) => {
                    let shown = self.type_name(&ty);
                    self.report(
                        Diagnostic::new(
                            &codes::TYPE_MISMATCH,
                            format!("an account is found by one plain value, not `{shown}`"),
                        )
                        .at(assign.value.span, format!("this is `{shown}`"))
                        .help("put what is needed into a string: `\"{…}\"`"),
                    );
                    failed = true;
                }
                Err(Reported) => failed = true,
            }
        }
        (!failed).then_some(all)
    }

    /// Their place among those of the app. An attribute that is `text` here or there folds.
    pub(crate) fn found_by(&mut self, app: AppId, all: Vec<FoundBy>) -> Vec<CorrelateProgram> {
        let Some(def) = &mut self.schema.apps[app.index()].account else { return Vec::new() };
        let mut out = Vec::with_capacity(all.len());
        for (field, value) in all {
            let declared = def.attributes.iter().find(|a| a.name == field.name);
            let folds =
                [Some(&field), declared].into_iter().flatten().any(|f| *f.ty.required() == Type::Text);
            let key = match def.correlate.iter().position(|f| f.name == field.name) {
                Some(key) => key,
                None => {
                    def.correlate.push(field);
                    def.correlate.len() - 1
                }
            };
            out.push(CorrelateProgram { key: key as u32, value, folds });
        }
        out
    }
}
