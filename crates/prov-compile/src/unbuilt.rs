//! What the grammar reads but this version gives no meaning yet: each is refused by name, never passed over.
//! Invariant: a policy that passes holds nothing whose meaning is missing.

use crate::check::Checker;
use prov_diag::{Diagnostic, Span, codes};
use prov_syntax::ast::{Grant, Guard, ItemKind, Member};

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
                for a in &item.annotations {
                    if a.name.text == "stage" {
                        self.not_yet(a.span, "`@stage`");
                    }
                }
                let head = item.head;
                match &item.kind {
                    ItemKind::Login { .. } => self.not_yet(head, "a `login` mapping"),
                    ItemKind::Role(role) => {
                        self.unbuilt_members(&role.body);
                    }
                    ItemKind::Birthright { body, .. } => self.unbuilt_members(body),
                    ItemKind::Guard(g) => match g {
                        Guard::Effects { .. }
                        | Guard::Rows { .. }
                        | Guard::Age { .. }
                        | Guard::Empty { .. } => {}
                    },
                    ItemKind::Use { .. }
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

    fn unbuilt_members(&mut self, body: &[Member]) {
        for m in body {
            match m {
                Member::Grant(g) => self.unbuilt_grant(g),
                Member::Each { body, .. } => self.unbuilt_members(body),
                Member::Includes { .. } => {}
            }
        }
    }

    fn unbuilt_grant(&mut self, g: &Grant) {
        for a in g.annotations.iter().filter(|a| a.name.text == "stage") {
            self.not_yet(a.span, "`@stage`");
        }
    }
}
