//! What the grammar reads but this version gives no meaning yet: each is refused by name, never passed over.
//! Invariant: a policy that passes holds nothing whose meaning is missing.

use crate::check::Checker;
use prov_diag::{Diagnostic, Span, codes};
use prov_syntax::ast::ItemKind;

impl Checker<'_> {
    pub(crate) fn not_yet(&mut self, span: Span, what: &str) {
        self.report(
            Diagnostic::new(&codes::NOT_BUILT, format!("{what} has no meaning in this version of Prov yet"))
                .at(span, "not built yet")
                .because("a rule that is silently passed over would give or leave access that nobody meant")
                .help("take it out for now; `prov explain-code P0900` lists what is still to come"),
        );
    }

    /// Refuses every item and clause without meaning.
    pub(crate) fn unbuilt(&mut self) {
        for module in self.modules.clone() {
            for item in &module.file.items {
                let head = item.head;
                match &item.kind {
                    ItemKind::Login { .. } => self.not_yet(head, "a `login` mapping"),
                    ItemKind::Use { .. }
                    | ItemKind::Role(_)
                    | ItemKind::Birthright { .. }
                    | ItemKind::Guard(_)
                    | ItemKind::App(_)
                    | ItemKind::Timezone(_)
                    | ItemKind::Identity { .. }
                    | ItemKind::Source(_)
                    | ItemKind::Federation(_)
                    | ItemKind::Record { .. }
                    | ItemKind::Writeback { .. }
                    | ItemKind::Lifecycle { .. }
                    | ItemKind::Forbid { .. }
                    | ItemKind::Separate(_)
                    | ItemKind::Protect(_)
                    | ItemKind::Limit { .. }
                    | ItemKind::Table { .. }
                    | ItemKind::Let { .. }
                    | ItemKind::Fn { .. }
                    | ItemKind::Prove { .. }
                    | ItemKind::Test { .. } => {}
                }
            }
        }
    }
}
