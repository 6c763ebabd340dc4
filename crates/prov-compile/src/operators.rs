//! Operators and quantifiers: operands to one type, presence settled, and the messages where they don't fit.
//! Invariant: what an operator means stands in `prov_model`; here is only what it may be applied to.

use crate::check::{Checker, Reported, Scope, Try, Typed};
use crate::declare::What;
use crate::facts::Facts;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{ExprId, ExprKind, Local, Quant};
use prov_model::{ArithOp, CompareOp, TextOp, Type, Value, add_type};
use prov_syntax::ast::{self, BinaryOp, ExprKind as Ast, Name};

impl Checker<'_> {
    /// Two branches of one value.
    pub(crate) fn unify(
        &mut self,
        a: Typed,
        a_span: Span,
        b: Typed,
        b_span: Span,
    ) -> Try<(ExprId, ExprId, Type)> {
        let optional = a.1.is_optional() || b.1.is_optional();
        let (ra, rb) = (a.1.required().clone(), b.1.required().clone());
        let (x, y, ty) = if ra == rb {
            (a.0, b.0, ra)
        } else if ra == Type::Str && rb == Type::Text {
            (self.widen(a, Type::Text).0, b.0, Type::Text)
        } else if ra == Type::Text && rb == Type::Str {
            (a.0, self.widen(b, Type::Text).0, Type::Text)
        } else {
            let (na, nb) = (self.type_name(&ra), self.type_name(&rb));
            return self.fail(
                Diagnostic::new(
                    &codes::TYPE_MISMATCH,
                    format!("the branches differ: `{na}` here, `{nb}` there"),
                )
                .at(b_span, format!("this is `{nb}`"))
                .at(a_span, format!("this is `{na}`"))
                .help("both sides must give the same type"),
            );
        };
        Ok((x, y, if optional { ty.optional() } else { ty }))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one tree node and its setting")]
    pub(crate) fn binary(
        &mut self,
        a: &ast::Expr,
        op: BinaryOp,
        op_span: Span,
        b: &ast::Expr,
        scope: &Scope,
        expect: Option<&Type>,
        span: Span,
    ) -> Try<Typed> {
        match op {
            BinaryOp::And | BinaryOp::Or => self.logic(a, op, b, scope, span),
            BinaryOp::Eq => self.comparison(CompareOp::Eq, a, b, scope, span, op_span),
            BinaryOp::Ne => self.comparison(CompareOp::Ne, a, b, scope, span, op_span),
            BinaryOp::Lt => self.comparison(CompareOp::Lt, a, b, scope, span, op_span),
            BinaryOp::Le => self.comparison(CompareOp::Le, a, b, scope, span, op_span),
            BinaryOp::Gt => self.comparison(CompareOp::Gt, a, b, scope, span, op_span),
            BinaryOp::Ge => self.comparison(CompareOp::Ge, a, b, scope, span, op_span),
            BinaryOp::Contains => self.contains(a, b, scope, span),
            BinaryOp::StartsWith => self.text_test(TextOp::StartsWith, a, b, scope, span),
            BinaryOp::EndsWith => self.text_test(TextOp::EndsWith, a, b, scope, span),
            BinaryOp::Coalesce => self.coalesce(a, b, scope, expect, span),
            BinaryOp::Add => self.arithmetic(ArithOp::Add, a, b, scope, span),
            BinaryOp::Sub => self.arithmetic(ArithOp::Sub, a, b, scope, span),
            BinaryOp::Mul => self.arithmetic(ArithOp::Mul, a, b, scope, span),
        }
    }

    pub(crate) fn logic(
        &mut self,
        a: &ast::Expr,
        op: BinaryOp,
        b: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let mut operands = Vec::new();
        let mut stack = vec![b, a];
        while let Some(e) = stack.pop() {
            match &e.kind {
                Ast::Binary(x, o, _, y) if *o == op => stack.extend([y.as_ref(), x.as_ref()]),
                _ => operands.push(e),
            }
        }
        let and = op == BinaryOp::And;
        let mut facts = Facts::default();
        let mut ids = Vec::new();
        let mut failed = false;
        for e in operands {
            if let Ast::Binary(_, BinaryOp::And | BinaryOp::Or, ..) = &e.kind {
                let text = self.text(e.span);
                let whole = self.sources.text(e.span).to_owned();
                self.report(
                    Diagnostic::new(
                        &codes::AND_OR_MIXED,
                        "`and` and `or` stand beside each other without parentheses",
                    )
                    .at(e.span, "belongs together?")
                    .because("readers take it one way or the other; a policy must have one reading")
                    .help(format!("write `({text})`, if that is what you mean"))
                    .fix("put parentheses around it", e.span, format!("({whole})")),
                );
            }
            match self.condition(e, &scope.with(&facts)) {
                Ok((id, _)) => {
                    facts = facts.and(&self.facts_of(id, and));
                    ids.push(id);
                }
                Err(Reported) => failed = true,
            }
        }
        if failed {
            return Err(Reported);
        }
        Ok(self.add(if and { ExprKind::And(ids) } else { ExprKind::Or(ids) }, Type::Bool, span))
    }

    /// Both operands of a comparison, each guiding the other's enum variants, widened to one type.
    pub(crate) fn pair(&mut self, a: &ast::Expr, b: &ast::Expr, scope: &Scope) -> Try<(Typed, Typed)> {
        let bare = |e: &ast::Expr, c: &Self| matches!(&e.kind, Ast::Name(n) if !c.is_value(n, scope));
        let (ta, tb) = if bare(a, self) && !bare(b, self) {
            let tb = self.operand(b, scope, None, true)?;
            (self.operand(a, scope, Some(&tb.1), true)?, tb)
        } else {
            let ta = self.operand(a, scope, None, true)?;
            let tb = self.operand(b, scope, Some(&ta.1), true)?;
            (ta, tb)
        };
        if ta.1 == Type::Text && tb.1 == Type::Str {
            let tb = self.widen(tb, Type::Text);
            return Ok((ta, tb));
        }
        if ta.1 == Type::Str && tb.1 == Type::Text {
            let ta = self.widen(ta, Type::Text);
            return Ok((ta, tb));
        }
        Ok((ta, tb))
    }

    /// Whether a bare name is a value by itself, without an expected enum.
    pub(crate) fn is_value(&self, name: &Name, scope: &Scope) -> bool {
        let text = name.text.as_str();
        matches!(text, "today" | "now" | "state")
            || scope.locals.iter().any(|(n, ..)| n == text)
            || scope.account.iter().any(|(n, _)| n == text)
            || scope.identity().is_some_and(|i| {
                let def = self.schema.identity(i);
                let inverse = |n: &str| def.inverses.iter().any(|v| v.name == n);
                def.attributes.iter().any(|a| a.name == text)
                    || inverse(text)
                    || text.strip_prefix("has_").is_some_and(inverse)
            })
            || self.declared.get(text).is_some_and(|d| d.what == What::Let)
    }

    pub(crate) fn comparison(
        &mut self,
        op: CompareOp,
        a: &ast::Expr,
        b: &ast::Expr,
        scope: &Scope,
        span: Span,
        op_span: Span,
    ) -> Try<Typed> {
        let (ta, tb) = self.pair(a, b, scope)?;
        if ta.1 != tb.1 {
            // Try the ordinary conversion for its message.
            let want = ta.1.clone();
            if let (Type::Set(_) | Type::List(_), _) = (&ta.1, &tb.1) {
                let (na, text) = (self.type_name(&ta.1), self.text(b.span));
                let at = self.text(a.span);
                return self.fail(
                    Diagnostic::new(&codes::BAD_OPERANDS, format!("`{na}` can't be compared with one value"))
                        .at(op_span, "compares a whole set")
                        .help(format!("write `{at} contains {text}`")),
                );
            }
            return self.coerce(tb, &want, b.span, scope).and(Err(Reported));
        }
        match op {
            CompareOp::Eq | CompareOp::Ne => {
                if let Type::List(_) | Type::Record(_) = ta.1 {
                    let name = self.type_name(&ta.1);
                    return self.fail(
                        Diagnostic::new(
                            &codes::BAD_OPERANDS,
                            format!("`{name}` can't be compared as a whole"),
                        )
                        .at(op_span, "compares records")
                        .help("compare their fields, or ask `any x in LIST where (…)`"),
                    );
                }
            }
            CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge => self.ordered(&ta.1, a.span)?,
        }
        Ok(self.add(ExprKind::Compare(op, ta.0, tb.0), Type::Bool, span))
    }

    pub(crate) fn membership(
        &mut self,
        value: &ast::Expr,
        set: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let (v, ty) = self.operand(value, scope, None, true)?;
        if !ty.is_scalar() {
            let name = self.type_name(&ty);
            return self.fail(
                Diagnostic::new(
                    &codes::BAD_OPERANDS,
                    format!("`in` asks for one value, and this is `{name}`"),
                )
                .at(value.span, format!("this is `{name}`"))
                .help("quantify: `any x in SET where (x in [..])`"),
            );
        }
        let want = Type::Set(Box::new(ty.clone()));
        let (s, st) = self.operand(set, scope, Some(&want), true)?;
        if st.is_textual() && matches!(self.kind(v), ExprKind::Today) {
            // `today in (zone ?? "UTC")`: only the type tells a zone from a list of days.
            return Ok(self.add(ExprKind::TodayIn(s), Type::Date, span));
        }
        let Type::Set(element) = &st else {
            let name = self.type_name(&st);
            return self.fail(
                Diagnostic::new(&codes::BAD_OPERANDS, format!("`in` needs a list, a set or a range, not `{name}`"))
                    .at(set.span, format!("this is `{name}`"))
                    .help("write `in [a, b]`, `in SET` or `in 1..5`; for a list of records `any x in LIST where (…)`"),
            );
        };
        let (v, s) = if **element == ty {
            (v, s)
        } else if **element == Type::Text && ty == Type::Str {
            (self.widen((v, ty), Type::Text).0, s)
        } else {
            (v, self.coerce((s, st), &want, set.span, scope)?.0)
        };
        Ok(self.add(ExprKind::Contains(s, v), Type::Bool, span))
    }

    pub(crate) fn contains(&mut self, a: &ast::Expr, b: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
        let (s, ty) = self.operand(a, scope, None, true)?;
        if let Type::Set(element) = &ty {
            let v = self.strict_as(b, scope, element)?;
            return Ok(self.add(ExprKind::Contains(s, v.0), Type::Bool, span));
        }
        self.text_test_with((s, ty), TextOp::Contains, a, b, scope, span)
    }

    pub(crate) fn text_test(
        &mut self,
        op: TextOp,
        a: &ast::Expr,
        b: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let t = self.operand(a, scope, None, true)?;
        self.text_test_with(t, op, a, b, scope, span)
    }

    pub(crate) fn text_test_with(
        &mut self,
        (s, ty): Typed,
        op: TextOp,
        a: &ast::Expr,
        b: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        if !ty.is_textual() {
            return self.not_textual(op.symbol(), &ty, a.span);
        }
        let (p, pt) = self.operand(b, scope, None, true)?;
        if !pt.is_textual() {
            return self.not_textual(op.symbol(), &pt, b.span);
        }
        let (s, p) = match (&ty, &pt) {
            (Type::Text, Type::Str) => (s, self.widen((p, pt), Type::Text).0),
            (Type::Str, Type::Text) => (self.widen((s, ty), Type::Text).0, p),
            _ => (s, p),
        };
        Ok(self.add(ExprKind::TextTest(op, s, p), Type::Bool, span))
    }

    pub(crate) fn coalesce(
        &mut self,
        a: &ast::Expr,
        b: &ast::Expr,
        scope: &Scope,
        expect: Option<&Type>,
        span: Span,
    ) -> Try<Typed> {
        let ta = self.expr(a, scope, expect)?;
        if !ta.1.is_optional() {
            let text = self.text(a.span);
            self.report(
                Diagnostic::new(&codes::NEVER_ABSENT, format!("`{text}` is always present"))
                    .at(a.span, "never absent, so the default is never used")
                    .help("take `?? …` away"),
            );
        }
        let want = ta.1.required().clone();
        let tb = self.expr(b, scope, Some(&want))?;
        let b_optional = tb.1.is_optional();
        let plain = (ta.0, want);
        let (x, y, ty) = self.unify(plain, a.span, tb, b.span)?;
        let ty = if b_optional { ty.optional() } else { ty.required().clone() };
        Ok(self.add(ExprKind::Coalesce(x, y), ty, span))
    }

    pub(crate) fn arithmetic(
        &mut self,
        op: ArithOp,
        a: &ast::Expr,
        b: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let (x, tx) = self.operand(a, scope, None, false)?;
        let (y, ty) = self.operand(b, scope, None, false)?;
        let Some(result) = add_type(op, tx.required(), ty.required()) else {
            let (na, nb) = (self.type_name(&tx), self.type_name(&ty));
            let mut d = Diagnostic::new(
                &codes::BAD_OPERANDS,
                format!("`{}` is not defined between `{na}` and `{nb}`", op.symbol()),
            )
            .at(span, format!("`{na}` {} `{nb}`", op.symbol()));
            let text = self.text(b.span);
            d = match (op, tx.required(), ty.required()) {
                (_, Type::Date, Type::Elapsed) => d
                    .because("a day has 23, 24 or 25 hours: calendar and clock durations are kept apart")
                    .help("write the duration in days"),
                (_, Type::Date, Type::Int) => d.help(format!("say of what: `{text} days`")),
                (_, Type::Int, Type::Decimal) | (_, Type::Decimal, Type::Int) => {
                    d.help("turn the int into a decimal: `decimal(…)`, or write it with a dot")
                }
                (ArithOp::Add, Type::Str | Type::Text, _) => {
                    d.help(format!("put it into the string: `\"…{{{text}}}\"`"))
                }
                _ => d.help("both sides must fit: numbers of one type, texts, or a date and a duration"),
            };
            return self.fail(d);
        };
        if let (ExprKind::Const(Value::Int(m)), ExprKind::Const(Value::Int(n))) = (self.kind(x), self.kind(y))
        {
            let value = match op {
                ArithOp::Add => m.checked_add(*n),
                ArithOp::Sub => m.checked_sub(*n),
                ArithOp::Mul => m.checked_mul(*n),
            };
            return match value {
                Some(v) => Ok(self.constant(Value::Int(v), Type::Int, span)),
                None => self.fail(
                    Diagnostic::new(&codes::CONSTANT_OVERFLOW, "this number is too large")
                        .at(span, "doesn't fit in 64 bits")
                        .help("an int reaches from -9223372036854775808 to 9223372036854775807"),
                ),
            };
        }
        let result = if tx.is_optional() || ty.is_optional() { result.optional() } else { result };
        Ok(self.add(ExprKind::Arith(op, x, y), result, span))
    }

    pub(crate) fn quantifier(
        &mut self,
        quant: ast::Quant,
        var: &Name,
        over: &ast::Expr,
        cond: Option<&ast::Expr>,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let (l, ty) = self.operand(over, scope, None, true)?;
        let element = self.element(&ty, over.span)?;
        let (inner, local) = self.bind(scope, &var.text, element);
        let cond = match cond {
            Some(c) => Some(self.condition(c, &inner)?.0),
            None => None,
        };
        let (quant, ty) = match quant {
            ast::Quant::Any => (Quant::Any, Type::Bool),
            ast::Quant::All => (Quant::All, Type::Bool),
            ast::Quant::Count => (Quant::Count, Type::Int),
        };
        Ok(self.add(ExprKind::Quant { quant, local, list: l, cond }, ty, span))
    }

    /// What a list or set holds.
    pub(crate) fn element(&mut self, ty: &Type, span: Span) -> Try<Type> {
        match ty.required() {
            Type::Set(t) | Type::List(t) => Ok((**t).clone()),
            _ => {
                let name = self.type_name(ty);
                self.fail(
                    Diagnostic::new(&codes::BAD_OPERANDS, format!("`{name}` has no elements"))
                        .at(span, format!("this is `{name}`"))
                        .help("this needs a set or a list, such as `skills`, `jobs` or `reports`"),
                )
            }
        }
    }

    /// A scope in which a name is bound.
    pub(crate) fn bind(&mut self, scope: &Scope, name: &str, ty: Type) -> (Scope, Local) {
        let local = Local(scope.locals.len() as u32);
        self.locals = self.locals.max(local.0 + 1);
        let mut inner = scope.clone();
        inner.locals.push((name.to_owned(), local, ty));
        (inner, local)
    }
}
