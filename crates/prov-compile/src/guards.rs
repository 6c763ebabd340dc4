//! Guards: what one plan may do at most, and what is asked of feeds.
//! Invariant: the positions of guards follow their names, not their files; a limit that could never trip is refused.

use crate::check::{Checker, Reported, Scope, Subject, Try};
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{ExprId, ExprKind};
use prov_model::{EffectKind, GuardDef, GuardLimit, GuardWhat, RuleKind, Span as TimeSpan, Value};
use prov_syntax::ast::{self, ItemKind};

impl Checker<'_> {
    pub(crate) fn lower_guards(&mut self) {
        let mut defs: Vec<(GuardDef, Span)> = Vec::new();
        for (at, module) in self.modules.clone().iter().enumerate() {
            for item in &module.file.items {
                let ItemKind::Guard(g) = &item.kind else { continue };
                let Ok((name, what, limits)) = self.guard(g, at) else { continue };
                if let Some((_, first)) = defs.iter().find(|d| d.0.name == name) {
                    let first = *first;
                    self.report(
                        Diagnostic::new(&codes::DUPLICATE_NAME, format!("guard `{name}` stands twice"))
                            .at(item.head, "again here")
                            .at(first, "first here")
                            .help("keep one; of several limits in `max(…)` the most generous counts"),
                    );
                    continue;
                }
                let rule = self.rule(
                    RuleKind::Guard,
                    name.clone(),
                    item.head,
                    item.docs.as_deref(),
                    &item.annotations,
                    None,
                );
                // A second account is an app of its own.
                if let GuardWhat::Effects { effect, app: Some(app), per_app } = what {
                    for second in self.seconds_of(app) {
                        let second_name = &self.schema.app(second).name;
                        let name = format!("{}.{second_name}", name.split('.').next().unwrap_or(&name));
                        let what = GuardWhat::Effects { effect, app: Some(second), per_app };
                        defs.push((GuardDef { name, rule, what, limits: limits.clone() }, item.head));
                    }
                }
                defs.push((GuardDef { name, rule, what, limits }, item.head));
            }
        }
        defs.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        self.schema.guards = defs.into_iter().map(|d| d.0).collect();
    }

    fn guard(&mut self, g: &ast::Guard, module: usize) -> Try<(String, GuardWhat, Vec<GuardLimit>)> {
        match g {
            ast::Guard::Effects { what, of: Some(of), app, limit, per } => {
                self.guard_of(what, of, app.as_ref().or(per.as_ref()), limit, module)
            }
            ast::Guard::Effects { what, of: None, app, limit, per } => {
                let words = [
                    ("grants", EffectKind::Grants),
                    ("revokes", EffectKind::Revokes),
                    ("creates", EffectKind::Creates),
                    ("disables", EffectKind::Disables),
                    ("deletes", EffectKind::Deletes),
                    ("leavers", EffectKind::Leavers),
                ];
                let effect = self.word(what, "effect that a guard counts", &words).ok_or(Reported)?;
                let app = match app {
                    Some(a) => Some(self.app_named(a)?),
                    None => None,
                };
                let per_app = match per {
                    None => false,
                    Some(p) => {
                        self.word(p, "way to count a guard by", &[("app", true)]).ok_or(Reported)?;
                        true
                    }
                };
                let limits = self.limits(&limit.amounts)?;
                let name = match app {
                    Some(a) => format!("{}.{}", what.text, self.schema.app(a).name),
                    None => what.text.clone(),
                };
                Ok((name, GuardWhat::Effects { effect, app, per_app }, limits))
            }
            ast::Guard::Rows { source, at_least, of_last_run } => {
                let index = self.guarded(source)?;
                let limits = self.limits(std::slice::from_ref(at_least))?;
                if at_least.percent != *of_last_run {
                    return self.fail(
                        Diagnostic::new(&codes::BAD_LIMIT, "a share of rows is a share of the last run's")
                            .at(at_least.span, if at_least.percent { "of what?" } else { "not a share" })
                            .help("write `at least 95% of last run`, or a plain number: `at least 500`"),
                    );
                }
                Ok((
                    format!("rows.{}", source.text),
                    GuardWhat::Rows { source: index, of_last_run: *of_last_run },
                    limits,
                ))
            }
            ast::Guard::Empty { source, column, at_most } => {
                let index = self.guarded(source)?;
                if column.text.trim().is_empty() {
                    return self.fail(
                        Diagnostic::new(&codes::BAD_LIMIT, "a column without a name")
                            .at(column.span, "no name")
                            .help("write the column as the first line of the file does, as in `column \"Cost Centre\"`"),
                    );
                }
                let limits = self.limits(std::slice::from_ref(at_most))?;
                if let [GuardLimit::Share(10_000)] = limits[..] {
                    return self.fail(
                        Diagnostic::new(&codes::BAD_LIMIT, "this guard never trips")
                            .at(at_most.span, "no column is emptier than that")
                            .help("write the share of rows that may lack it, as in `empty at most 5%`"),
                    );
                }
                let name = format!("empty.{}.{}", source.text, column.text);
                Ok((name, GuardWhat::Empty { source: index, column: column.text.clone() }, limits))
            }
            ast::Guard::Age { source, at_most } => {
                let index = self.guarded(source)?;
                let nobody = Scope { has: false, ..Scope::new(module, Subject::Nobody, "the age of a feed") };
                let (id, _) = self.expr(at_most, &nobody, None)?;
                let Some(span) = self.length_of_time(id) else {
                    return self.fail(
                        Diagnostic::new(&codes::BAD_LIMIT, "a feed is at most a length of time old")
                            .at(at_most.span, "not a length of time that is known here")
                            .help("write for instance `26 hours` or `2 days`"),
                    );
                };
                Ok((
                    format!("age.{}", source.text),
                    GuardWhat::Age { source: index, at_most: span },
                    Vec::new(),
                ))
            }
        }
    }

    /// The source that a guard names.
    fn guarded(&mut self, source: &ast::Name) -> Try<u32> {
        match self.schema.sources.iter().position(|s| s.name == source.text) {
            Some(index) => Ok(index as u32),
            None => {
                let names: Vec<String> = self.schema.sources.iter().map(|s| s.name.clone()).collect();
                self.unknown(source, "source", &names)
            }
        }
    }

    /// A length of time that is written out, above zero.
    pub(crate) fn length_of_time(&self, e: ExprId) -> Option<TimeSpan> {
        match self.kind(e) {
            ExprKind::Const(Value::Duration(d)) if d.rank() > (0, 0) && d.months >= 0 && d.days >= 0 => {
                Some(TimeSpan::Calendar(*d))
            }
            ExprKind::Const(Value::Elapsed(e)) if e.0 > 0 => Some(TimeSpan::Clock(*e)),
            _ => None,
        }
    }

    /// A guard of the entitlements of a pattern; `more` is an app that it names besides.
    fn guard_of(
        &mut self,
        what: &ast::Name,
        of: &ast::EntPattern,
        more: Option<&ast::Name>,
        limit: &ast::Limit,
        module: usize,
    ) -> Try<(String, GuardWhat, Vec<GuardLimit>)> {
        let words = [("grants", EffectKind::Grants), ("revokes", EffectKind::Revokes)];
        let effect =
            self.word(what, "effect that a guard of an entitlement counts", &words).ok_or(Reported)?;
        let pattern = self.entitlement_pattern(of, module)?;
        if let Some(more) = more {
            let app = self.schema.app(pattern.app).name.clone();
            return self.fail(
                Diagnostic::new(&codes::BAD_LIMIT, "a guard of an entitlement names its app there")
                    .at(more.span, format!("`{app}` is meant already"))
                    .help("take it away"),
            );
        }
        let limits = self.limits(&limit.amounts)?;
        // As written but for quotes, which an override would have to escape.
        let written: Vec<&str> = self.sources.text(of.span()).split_whitespace().collect();
        let written = written.join(" ").replace('"', "");
        Ok((format!("{}.{written}", what.text), GuardWhat::Of { effect, pattern }, limits))
    }

    fn limits(&mut self, amounts: &[ast::Amount]) -> Try<Vec<GuardLimit>> {
        let mut out = Vec::new();
        for a in amounts {
            if let Some(of) = &a.of {
                self.word(of, "base of a share", &[("accounts", ()), ("people", ()), ("holders", ())])
                    .ok_or(Reported)?;
            }
            let n = a.value.0;
            let bad = if n < 0 || (a.percent && n > 1_000_000) {
                Some("a share lies between 0% and 100%, a count is not negative")
            } else if !a.percent && n % 10_000 != 0 {
                Some("a count is a whole number")
            } else {
                None
            };
            if let Some(why) = bad {
                return self.fail(
                    Diagnostic::new(&codes::BAD_LIMIT, "this is no limit")
                        .at(a.span, why)
                        .help("write for instance `5%`, `20` or `max(20, 1% of people)`"),
                );
            }
            let people = a.of.as_ref().is_some_and(|of| of.text == "people");
            out.push(match (a.percent, people) {
                (true, true) => GuardLimit::People(n / 100),
                (true, false) => GuardLimit::Share(n / 100),
                (false, _) => GuardLimit::Count(n / 10_000),
            });
        }
        Ok(out)
    }
}
