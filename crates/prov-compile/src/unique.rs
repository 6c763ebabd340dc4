//! `unique(base, max: n)`: names that are given once.
//! Invariant: who has an account and what its name is made from read no name, so that all names can be given at once.

use crate::check::{Checker, Reported, Scope, Try, Typed};
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{ExprId, ExprKind, UniqueName};
use prov_model::AppId;
use prov_syntax::ast::{self, ExprKind as Ast};

/// The call of an attribute whose whole value is `unique(…)`.
pub(crate) fn call_of(value: &ast::Expr) -> Option<(&ast::Name, &[ast::Arg])> {
    match &value.kind {
        Ast::Paren(inner) => call_of(inner),
        Ast::Call(callee, args) => match &callee.kind {
            Ast::Name(name) if name.text == "unique" => Some((name, args)),
            _ => None,
        },
        _ => None,
    }
}

impl Checker<'_> {
    /// The value of an attribute: an expression, or a unique name.
    pub(crate) fn attribute_value(
        &mut self,
        app: AppId,
        number: usize,
        field: &ast::AccountField,
        scope: &Scope,
    ) -> Try<Typed> {
        let value = &field.assign.value;
        let call = call_of(value).filter(|(name, _)| self.lookup(scope.module, &name.text).is_none());
        let Some((name, args)) = call else {
            if let Some(span) = field.rename_on_change {
                self.report(
                    Diagnostic::new(
                        &codes::UNIQUE_NAME,
                        "`rename on change` is for names that are given once",
                    )
                    .at(span, "says nothing here")
                    .because("without `unique` an attribute always follows what it is computed from")
                    .help("take it away, or give the name by `unique(…)`"),
                );
                return Err(Reported);
            }
            return self.expr(value, scope, None);
        };
        let (base, max) = self.unique_arguments(name, args, value.span)?;
        let (id, ty) = self.expr(base, scope, None)?;
        if !ty.required().is_textual() {
            let shown = self.type_name(&ty);
            return self.fail(
                Diagnostic::new(
                    &codes::TYPE_MISMATCH,
                    format!("a name is made from a `string` or `text`, not `{shown}`"),
                )
                .at(base.span, format!("this is `{shown}`"))
                .help("put it into a string: `\"{…}\"`"),
            );
        }
        if ty.is_optional() {
            let text = self.text(base.span);
            return self.fail(
                Diagnostic::new(
                    &codes::MAYBE_ABSENT,
                    format!("`{text}` may be absent, and a name is made from it"),
                )
                .at(base.span, "may be absent")
                .help("give it a default with `??`, or let `account when` ask for its presence"),
            );
        }
        if let Some(span) = self.reads_name(id) {
            return self.fail(
                Diagnostic::new(&codes::UNIQUE_NAME, "a unique name can't be made from another")
                    .at(span, "is given by `unique` itself")
                    .because("all names are given at once, in one order, before any of them is read")
                    .help("take the value as it is, without `unique`: what comes from a unique name is unique already"),
            );
        }
        let rename = field.rename_on_change.is_some();
        let unique = UniqueName { app, attribute: number as u32, base: id, max, rename };
        Ok(self.add(ExprKind::Unique(unique), ty, value.span))
    }

    /// An attribute of the account above, read where other names are bound: lowered again, apart from those.
    pub(crate) fn attribute_again(&mut self, first: &Typed, tree: &ast::Expr, scope: &Scope) -> Try<Typed> {
        let ExprKind::Unique(unique) = self.kind(first.0) else {
            return self.expr(tree, scope, None);
        };
        let unique = unique.clone();
        let Some((_, [base, ..])) = call_of(tree) else { return Err(Reported) };
        let (base, _) = self.expr(&base.value, scope, None)?;
        Ok(self.add(ExprKind::Unique(UniqueName { base, ..unique }), first.1.clone(), tree.span))
    }

    fn unique_arguments<'e>(
        &mut self,
        name: &ast::Name,
        args: &'e [ast::Arg],
        span: Span,
    ) -> Try<(&'e ast::Expr, Option<u32>)> {
        let wrong = |span: Span, message: &str| {
            Diagnostic::new(&codes::WRONG_ARGUMENTS, message)
                .at(span, "called here")
                .help("call it as `unique(base, max: 20)`; without `max` a name may be of any length")
        };
        let (base, max) = match args {
            [base] if base.name.is_none() => (&base.value, None),
            [base, max] if base.name.is_none() && max.name.as_ref().is_some_and(|n| n.text == "max") => {
                (&base.value, Some(&max.value))
            }
            _ => return self.fail(wrong(span, "`unique` takes a base and `max`")),
        };
        let max = match max.map(|m| (&m.kind, m.span)) {
            None => None,
            Some((Ast::Int(n), _)) if (1..=1_000_000).contains(n) => Some(*n as u32),
            Some((_, span)) => {
                return self.fail(wrong(span, "`max` is a whole number of at least 1"));
            }
        };
        let _ = name;
        Ok((base, max))
    }

    /// `unique` where it can't stand.
    pub(crate) fn misplaced_unique<T>(&mut self, span: Span) -> Try<T> {
        self.fail(
            Diagnostic::new(&codes::UNIQUE_NAME, "`unique` can't stand here")
                .at(span, "not the whole value of an account's attribute")
                .because("a name is given to one attribute of one app, and remembered for it")
                .help(
                    "write `login = unique(…)` in an `account`, and read `login` in the attributes after it",
                ),
        )
    }

    /// Where an expression reads a unique name, if it does.
    pub(crate) fn reads_name(&self, root: ExprId) -> Option<Span> {
        let mut open = vec![root];
        let mut seen = std::collections::BTreeSet::from([root]);
        while let Some(id) = open.pop() {
            let expr = &self.exprs[id.0 as usize];
            match &expr.kind {
                ExprKind::Unique(_) => return Some(expr.span),
                ExprKind::AccountAttr(app, attribute) if self.named.contains(&(*app, *attribute)) => {
                    return Some(expr.span);
                }
                kind => kind.children(|child| {
                    if seen.insert(child) {
                        open.push(child);
                    }
                }),
            }
        }
        None
    }
}
