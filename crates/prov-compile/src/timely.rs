//! Time in rules: `from`, `until`, `through` and `keep` of grants, and where `today` and `now` may stand.
//! Invariant: what is lowered here is present, of a type of time, and stands still as time goes on.

use crate::check::{Checker, Scope, Try, Typed};
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{EndProgram, ExprId, ExprKind, Program, Untimely, untimely};
use prov_model::{Type, Value};
use prov_syntax::ast;

/// What bounds a grant in time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bounds {
    pub(crate) from: Option<ExprId>,
    pub(crate) until: Option<EndProgram>,
    pub(crate) keep: Option<ExprId>,
}

impl Checker<'_> {
    /// The `from`, `until` and `keep` of a grant.
    pub(crate) fn bounds(&mut self, g: &ast::Grant, scope: &Scope) -> Try<Bounds> {
        let mut bounds = Bounds::default();
        if let Some(from) = &g.from {
            bounds.from = Some(self.point(from, scope, "from", "2026-01-01")?.0);
        }
        if let Some(until) = &g.until {
            let word = if until.inclusive { "through" } else { "until" };
            let at = self.point(&until.date, scope, word, "9999-12-31")?.0;
            bounds.until = Some(EndProgram { at, through: until.inclusive });
        }
        if let Some(keep) = &g.keep {
            bounds.keep = Some(self.kept_for(keep, scope)?.0);
        }
        if let (Some(from), Some(until)) = (bounds.from, bounds.until)
            && let (ExprKind::Const(a), ExprKind::Const(b)) = (self.kind(from), self.kind(until.at))
            && prov_model::compare(a, b).is_ge()
            && !(until.through && prov_model::compare(a, b).is_eq())
        {
            self.report(
                Diagnostic::new(&codes::NEVER_HOLDS, "this grant ends before it begins")
                    .at(self.span(from).to(self.span(until.at)), "empty")
                    .help("write the earlier day after `from`"),
            );
        }
        Ok(bounds)
    }

    /// A day or an instant, present.
    pub(crate) fn point(&mut self, e: &ast::Expr, scope: &Scope, word: &str, default: &str) -> Try<Typed> {
        let (id, ty) = self.expr(e, scope, Some(&Type::Date))?;
        if !matches!(ty.required(), Type::Date | Type::Instant) {
            let (name, text) = (self.type_name(&ty), self.text(e.span));
            let mut d = Diagnostic::new(
                &codes::TYPE_MISMATCH,
                format!("`{word}` takes a day or an instant, not `{name}`"),
            )
            .at(e.span, format!("this is `{name}`"));
            d = match (ty.required(), self.kind(id)) {
                (Type::Str, ExprKind::Const(_)) => d.help("dates stand without quotes: `2026-03-02`"),
                (Type::Duration, _) => d.help(format!("say from which day: `start + {text}`")),
                _ => d.help("write a date, an attribute of type `date`, or `D at 09:00 in ZONE`"),
            };
            return self.fail(d);
        }
        if ty.is_optional() {
            let text = self.text(e.span);
            return self.fail(
                Diagnostic::new(&codes::MAYBE_ABSENT, format!("`{text}` may be absent"))
                    .at(e.span, "may be absent here")
                    .because(format!("without it, `{word}` would say nothing, and nothing is assumed"))
                    .help(format!(
                        "write `{word} {text} ?? {default}`, or settle it in the `when` before: `{text} is present`"
                    )),
            );
        }
        Ok((id, ty))
    }

    /// How long a grant is kept: a duration, present, not negative where it is written out.
    fn kept_for(&mut self, e: &ast::Expr, scope: &Scope) -> Try<Typed> {
        let (id, ty) = self.operand(e, scope, Some(&Type::Duration), true)?;
        if !matches!(ty, Type::Duration | Type::Elapsed) {
            let name = self.type_name(&ty);
            return self.fail(
                Diagnostic::new(
                    &codes::TYPE_MISMATCH,
                    format!("`keep` takes how long, as `14 days`, not `{name}`"),
                )
                .at(e.span, format!("this is `{name}`"))
                .help(
                    "write a duration such as `keep 14 days` or `keep 8 hours`; an end is said with `until`",
                ),
            );
        }
        let negative = match self.kind(id) {
            ExprKind::Const(Value::Duration(d)) => d.rank().0 <= 0,
            ExprKind::Const(Value::Elapsed(e)) => e.0 <= 0,
            _ => false,
        };
        if negative {
            self.report(
                Diagnostic::new(&codes::NEVER_HOLDS, "this keeps nothing: its time is over before it begins")
                    .at(e.span, "not longer than nothing")
                    .help("write a duration above zero, or take `keep` away"),
            );
        }
        Ok((id, ty))
    }

    /// Reports `today` and `now` where they stand outside of comparisons that go one way in time.
    pub(crate) fn timely(&mut self, program: &Program) {
        let mut spans: Vec<Span> = Vec::new();
        for found in untimely(program) {
            let span = self.span(found.at);
            if spans.contains(&span) {
                continue;
            }
            spans.push(span);
            let text = self.text(span);
            let (message, label, because, help) = match found.why {
                Untimely::Value => (
                    format!("`{text}` is another value every day"),
                    "time stands outside of a comparison",
                    "what a rule gives changes at moments that can be told ahead, and only comparisons have such moments",
                    "compare instead, as in `start <= today` or `years between start and today >= 1`; give what doesn't change, such as `start`",
                ),
                Untimely::Round => (
                    format!("`{text}` goes up and down again"),
                    "comes round again and again",
                    "the next moment at which a rule changes must be found without looking at every day to come",
                    "compare days, as in `today >= start + 3 months` or `today in 2026-06-01..2026-08-31`",
                ),
                Untimely::Race => (
                    format!("both sides of `{text}` move as time goes on"),
                    "can turn round any number of times",
                    "a comparison with `today` or `now` may go from false to true once, and back once, at moments that can be told ahead",
                    "leave `today` on one side: what moves on the other side belongs there too, as in `end - start` or a fixed date",
                ),
                Untimely::Within => (
                    format!("`{text}` compares time with what another comparison of time decides"),
                    "two comparisons in one",
                    "each comparison with `today` or `now` must have moments of its own at which it turns round",
                    "say the cases one by one: `(C and today >= a) or (not C and today >= b)`",
                ),
                Untimely::Mapping => (
                    "time stands in a source's mapping".to_owned(),
                    "rows would say something else every day",
                    "what is mapped is taken as what the row says, and changes only with the row",
                    "map the date itself, and compare it with `today` in rules and states",
                ),
            };
            self.report(
                Diagnostic::new(&codes::UNTIMELY, message).at(span, label).because(because).help(help),
            );
        }
    }
}
