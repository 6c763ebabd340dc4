//! `match`: patterns, exhaustiveness, unreachable arms.
//! Invariant: outside of source mappings some arm matches every value that the scrutinee can have.

use crate::check::{Checker, Reported, Scope, Try, Typed};
use crate::facts::Facts;
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{Arm, ArmPattern, ExprKind};
use prov_model::{Type, Value, equal};
use prov_syntax::ast;

/// What the arms so far cover.
#[derive(Default)]
struct Covered {
    any: bool,
    absent: bool,
    values: Vec<Value<'static>>,
}

impl Checker<'_> {
    pub(crate) fn match_expr(
        &mut self,
        scrutinee: &ast::Expr,
        arms: &[ast::Arm],
        scope: &Scope,
        expect: Option<&Type>,
        span: Span,
    ) -> Try<Typed> {
        let (s, ty) = self.expr(scrutinee, scope, None)?;
        if !ty.required().is_scalar() {
            let name = self.type_name(&ty);
            return self.fail(
                Diagnostic::new(&codes::BAD_OPERANDS, format!("`match` takes one plain value, not `{name}`"))
                    .at(scrutinee.span, format!("this is `{name}`"))
                    .help("match on an attribute, or ask `contains`"),
            );
        }
        let mut covered = Covered::default();
        let mut out: Vec<(Vec<ArmPattern>, Typed, Span)> = Vec::new();
        let mut want = expect.cloned();
        for arm in arms {
            let mut patterns = Vec::new();
            let mut settles = true;
            for p in &arm.patterns {
                if let Ok(p) = self.arm_pattern(p, &ty, scope, &mut covered, arm.span) {
                    settles &=
                        !matches!(p, ArmPattern::Absent) && (!matches!(p, ArmPattern::Any) || covered.absent);
                    patterns.push(p);
                }
            }
            let facts = if settles && ty.is_optional() { self.present(s) } else { Facts::default() };
            let value = self.expr(&arm.value, &scope.with(&facts), want.as_ref())?;
            want.get_or_insert_with(|| value.1.required().clone());
            out.push((patterns, value, arm.value.span));
        }
        self.exhaustive(&ty, &covered, scope, span, scrutinee.span)?;
        let Some((_, first, first_span)) = out.first().cloned() else {
            return self.fail(
                Diagnostic::new(&codes::NOT_EXHAUSTIVE, "a `match` needs an arm")
                    .at(span, "no arms")
                    .help("add arms: `\"A\" => …`"),
            );
        };
        let mut result = first.1;
        for (_, (id, ty), arm_span) in &out[1..] {
            let last = out[0].1.0;
            result = self.unify_types(result, (*id, ty.clone()), *arm_span, last, first_span)?;
        }
        if scope.lifts() && ty.is_optional() && !covered.any && !covered.absent {
            result = result.optional();
        }
        let arms = out
            .into_iter()
            .map(|(patterns, value, _)| {
                let value = if value.1.required() == &Type::Str && result.required() == &Type::Text {
                    self.widen(value, Type::Text)
                } else {
                    value
                };
                Arm { patterns, value: value.0 }
            })
            .collect();
        Ok(self.add(ExprKind::Match(s, arms), result, span))
    }

    fn unify_types(
        &mut self,
        a: Type,
        b: Typed,
        span: Span,
        _first: prov_ir::ExprId,
        first_span: Span,
    ) -> Try<Type> {
        let optional = a.is_optional() || b.1.is_optional();
        let ty = match (a.required(), b.1.required()) {
            (x, y) if x == y => x.clone(),
            (Type::Str, Type::Text) | (Type::Text, Type::Str) => Type::Text,
            (x, y) => {
                let (x, y) = (self.type_name(x), self.type_name(y));
                return self.fail(
                    Diagnostic::new(
                        &codes::TYPE_MISMATCH,
                        format!("the arms differ: `{x}` first, `{y}` here"),
                    )
                    .at(span, format!("this is `{y}`"))
                    .at(first_span, format!("this is `{x}`"))
                    .help("all arms must give the same type"),
                );
            }
        };
        Ok(if optional { ty.optional() } else { ty })
    }

    fn arm_pattern(
        &mut self,
        p: &ast::ArmPattern,
        ty: &Type,
        scope: &Scope,
        covered: &mut Covered,
        arm: Span,
    ) -> Try<ArmPattern> {
        if covered.any {
            return self.fail(
                Diagnostic::new(&codes::UNREACHABLE_ARM, "this arm is never reached")
                    .at(arm, "`_` before it matches everything")
                    .help("put `_` last"),
            );
        }
        match p {
            ast::ArmPattern::Any(_) => {
                covered.any = true;
                Ok(ArmPattern::Any)
            }
            ast::ArmPattern::Absent(span) => {
                if !ty.is_optional() {
                    self.report(
                        Diagnostic::new(&codes::UNREACHABLE_ARM, "this is always present")
                            .at(*span, "never matches")
                            .help("take the arm away"),
                    );
                }
                covered.absent = true;
                Ok(ArmPattern::Absent)
            }
            ast::ArmPattern::Value(e) => {
                let v = self.pattern_value(e, ty, scope)?;
                if covered.values.iter().any(|w| equal(w, &v)) {
                    self.report(
                        Diagnostic::new(&codes::UNREACHABLE_ARM, "this value stands in an arm before")
                            .at(e.span, "never matches")
                            .help("take it away"),
                    );
                }
                covered.values.push(v.clone());
                Ok(ArmPattern::Value(v))
            }
            ast::ArmPattern::Range(a, b) => {
                let low = self.pattern_value(a, ty, scope)?;
                let high = self.pattern_value(b, ty, scope)?;
                if !ty.required().is_ordered() {
                    let name = self.type_name(ty);
                    return self.fail(
                        Diagnostic::new(&codes::BAD_OPERANDS, format!("`{name}` has no order"))
                            .at(a.span.to(b.span), "a range")
                            .help("list the values"),
                    );
                }
                Ok(ArmPattern::Range(low, high))
            }
        }
    }

    fn pattern_value(&mut self, e: &ast::Expr, ty: &Type, scope: &Scope) -> Try<Value<'static>> {
        let fresh = Scope { facts: Facts::default(), ..scope.clone() };
        let (id, _) = self.expr_as(e, &fresh, ty.required())?;
        match self.kind(id) {
            ExprKind::Const(v) => Ok(v.clone()),
            _ => self.fail(
                Diagnostic::new(&codes::NOT_CONSTANT, "a pattern is a constant")
                    .at(e.span, "not a constant")
                    .help("write a value as it stands, or use `if … then … else …`"),
            ),
        }
    }

    fn exhaustive(
        &mut self,
        ty: &Type,
        covered: &Covered,
        scope: &Scope,
        span: Span,
        scrutinee: Span,
    ) -> Try<()> {
        if covered.any || scope.lifts() {
            return Ok(());
        }
        let mut missing: Vec<String> = Vec::new();
        match ty.required() {
            Type::Enum(en) => {
                let variants = &self.schema.enums[en.index()].variants;
                missing.extend(
                    variants
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| !covered.values.iter().any(|v| equal(v, &Value::Enum(*i as u32))))
                        .map(|(_, v)| v.clone()),
                );
            }
            Type::Bool => {
                missing.extend(
                    [true, false]
                        .iter()
                        .filter(|b| !covered.values.iter().any(|v| equal(v, &Value::Bool(**b))))
                        .map(bool::to_string),
                );
            }
            _ => missing.push("_".into()),
        }
        if ty.is_optional() && !covered.absent {
            missing.push("absent".into());
        }
        if missing.is_empty() {
            return Ok(());
        }
        let text = self.text(scrutinee);
        let names = list(missing.iter().map(String::as_str));
        let _ = self.fail::<()>(
            Diagnostic::new(&codes::NOT_EXHAUSTIVE, format!("this `match` says nothing for {names}"))
                .at(span, format!("`{text}` can be something else"))
                .help(format!("add `{} => …`, or `_ => …` for all the rest", missing[0])),
        );
        Err(Reported)
    }
}
