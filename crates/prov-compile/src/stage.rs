//! `@stage(observe)`: rules that are computed and shown, and not applied.
//! Invariant: what can't be observed and says so is refused; nothing is observed that does not say so.

use crate::check::Checker;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{Observed, RuleProgram};
use prov_syntax::ast::{Annotation, AppMember, ItemKind, Member};

impl Checker<'_> {
    /// Refuses stages that mean nothing.
    pub(crate) fn check_stages(&mut self) {
        for module in self.modules.clone() {
            for item in &module.file.items {
                match &item.kind {
                    ItemKind::Birthright { body, .. } => {
                        self.stage(&item.annotations, None);
                        self.stages_of_grants(body);
                    }
                    ItemKind::Role(role) => {
                        self.stage(&item.annotations, None);
                        self.stages_of_grants(&role.body);
                    }
                    ItemKind::Forbid { .. } => self.stage(&item.annotations, None),
                    ItemKind::Separate(s) => {
                        let reports = s.resolve.as_ref().is_some_and(|r| r.text == "report");
                        let why = "a separation that only reports withholds nothing: there is nothing to try";
                        self.stage(&item.annotations, reports.then_some(why));
                    }
                    ItemKind::App(app) => {
                        self.stage(&item.annotations, Some("an app is observed by its mode: `via … report`"));
                        for member in &app.members {
                            match member {
                                AppMember::Account(a) => self.stage(&a.annotations, Some(OTHERS)),
                                AppMember::Entitlement(e) => self.stage(&e.annotations, Some(OTHERS)),
                                AppMember::Managed { .. } => {}
                            }
                        }
                    }
                    ItemKind::Identity { attributes, .. } | ItemKind::Record { fields: attributes, .. } => {
                        self.stage(&item.annotations, Some(OTHERS));
                        attributes.iter().for_each(|a| self.stage(&a.annotations, Some(OTHERS)));
                    }
                    ItemKind::Guard(_) | ItemKind::Protect(_) => {
                        self.stage(&item.annotations, Some("it stands against plans, or is of no use"));
                    }
                    ItemKind::Use { .. }
                    | ItemKind::Timezone(_)
                    | ItemKind::Source(_)
                    | ItemKind::Lifecycle { .. }
                    | ItemKind::Table { .. }
                    | ItemKind::Let { .. }
                    | ItemKind::Fn { .. }
                    | ItemKind::Limit { .. }
                    | ItemKind::Federation { .. }
                    | ItemKind::Login { .. }
                    | ItemKind::Writeback { .. }
                    | ItemKind::Prove { .. }
                    | ItemKind::Test { .. } => self.stage(&item.annotations, Some(OTHERS)),
                }
            }
        }
    }

    fn stages_of_grants(&mut self, body: &[Member]) {
        for member in body {
            match member {
                Member::Grant(g) => {
                    self.stage(&g.annotations, None);
                    if g.annotations.iter().any(|a| a.name.text == "stage") {
                        self.observed_grants.extend(g.entitlements.iter().map(|e| e.span));
                    }
                }
                Member::Each { body, .. } => self.stages_of_grants(body),
                Member::Includes { .. } => {}
            }
        }
    }

    /// The stage of one item; `refused` says why it can't have one.
    fn stage(&mut self, annotations: &[Annotation], refused: Option<&str>) {
        let mut stages = annotations.iter().filter(|a| a.name.text == "stage");
        let Some(first) = stages.next() else { return };
        let fail = |me: &mut Self, span: Span, what: &str, why: &str, help: &str| {
            let d = Diagnostic::new(&codes::BAD_STAGE, what).at(span, why).help(help);
            me.report(d);
        };
        if let Some(second) = stages.next() {
            fail(self, second.span, "two stages of one thing", "a second one", "take one of them away");
        }
        let words: Vec<String> = first.args.iter().map(|a| self.text(a.span)).collect();
        if words != ["observe"] {
            let help = "write `@stage(observe)`; what is applied has no stage";
            fail(self, first.span, "the one stage there is is `observe`", "not that", help);
        }
        if let Some(why) = refused {
            let help = "birthrights, roles, single grants, forbids and separations can be observed";
            fail(self, first.span, "this can't be observed", why, help);
        }
    }

    /// What is observed of a program that has been lowered.
    pub(crate) fn observed(&self, rules: &[RuleProgram]) -> Observed {
        let staged = |rule: prov_model::RuleId| self.schema.rule(rule).is_observed();
        let positions = |all: &mut dyn Iterator<Item = prov_model::RuleId>| {
            all.zip(0u32..).filter(|(rule, _)| staged(*rule)).map(|(_, i)| i).collect()
        };
        let grants = rules.iter().zip(0u32..).flat_map(|(rule, i)| {
            let spans = &self.observed_grants;
            let mine = rule.grants.iter().zip(0u32..).filter(|(g, _)| spans.contains(&g.span));
            mine.map(move |(_, n)| (i, n))
        });
        Observed {
            rules: positions(&mut rules.iter().map(|r| r.rule)),
            grants: grants.collect(),
            forbids: positions(&mut self.schema.forbids.iter().map(|f| f.rule)),
            role_forbids: positions(&mut self.schema.role_forbids.iter().map(|f| f.rule)),
            separations: positions(&mut self.schema.separations.iter().map(|s| s.rule)),
        }
    }
}

const OTHERS: &str = "it gives and withholds nothing by itself";
