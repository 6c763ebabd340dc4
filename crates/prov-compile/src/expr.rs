//! Expressions: names to values, types, presence, lowering. One pass from tree to rule program.
//! Invariant: what is added to the arena is well typed; conditions are `bool` and never absent.

use crate::check::{Checker, Reported, Scope, Subject, Try, Typed};
use crate::declare::What;
use crate::facts::Facts;
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{ExprId, ExprKind, Local, Quant, StrPart};
use prov_model::{Duration, Elapsed, Type, Unit, Value, nfc};
use prov_syntax::ast::{self, ExprKind as Ast, Name};

impl Checker<'_> {
    /// A text of the policy, on one line.
    pub(crate) fn written(&self, span: Span) -> String {
        self.sources.text(span).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The same, cut where it is long.
    pub(crate) fn text(&self, span: Span) -> String {
        let text = self.written(span);
        if text.chars().count() > 60 { text.chars().take(57).collect::<String>() + "…" } else { text }
    }

    /// A condition: `bool`, never absent.
    pub(crate) fn condition(&mut self, e: &ast::Expr, scope: &Scope) -> Try<Typed> {
        let (id, ty) = self.operand(e, scope, Some(&Type::Bool), true)?;
        if ty == Type::Bool {
            return Ok((id, ty));
        }
        let (name, text) = (self.type_name(&ty), self.text(e.span));
        self.fail(
            Diagnostic::new(
                &codes::TYPE_MISMATCH,
                format!("a condition is true or false, but this is `{name}`"),
            )
            .at(e.span, format!("`{name}`"))
            .help(format!("compare it with something, as in `{text} == …`")),
        )
    }

    /// An operand. Where it may be absent: an error, but in source mappings (unless `strict`), where absence passes through.
    pub(crate) fn operand(
        &mut self,
        e: &ast::Expr,
        scope: &Scope,
        expect: Option<&Type>,
        strict: bool,
    ) -> Try<Typed> {
        let typed = self.expr(e, scope, expect)?;
        self.settled(typed, e.span, scope, strict)
    }

    pub(crate) fn settled(&mut self, (id, ty): Typed, span: Span, scope: &Scope, strict: bool) -> Try<Typed> {
        if ty.is_optional() && (strict || !scope.lifts()) {
            return self.maybe_absent(id, &ty, span);
        }
        Ok((id, ty))
    }

    pub(crate) fn maybe_absent<T>(&mut self, id: ExprId, ty: &Type, span: Span) -> Try<T> {
        let text = self.text(span);
        // A field behind an absent reference: it is the reference that must be settled.
        let mut cause = text.clone();
        if let ExprKind::Field(base, _) = self.kind(id).clone()
            && self.exprs[base.0 as usize].ty.is_optional()
        {
            cause = self.text(self.span(base));
        }
        let default = match ty.required() {
            Type::Bool => "false",
            Type::Int => "0",
            Type::Decimal => "0.0",
            Type::Str | Type::Text => "\"\"",
            Type::Date => "2026-01-01",
            Type::Set(_) => "[]",
            Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Enum(_)
            | Type::List(_)
            | Type::Record(_)
            | Type::Identity(_)
            | Type::Optional(_) => "…",
        };
        let help = if text.contains("row") && text.starts_with("row") {
            format!("write `{text} is present and …`, or give a default: `({text} ?? {default})`")
        } else {
            format!("write `{cause} is present and …` before it, or give a default: `({text} ?? {default})`")
        };
        let reason = if let Some(why) = self.unsettled {
            why.to_owned()
        } else if cause == text {
            format!("its type is `{}`: some have none", self.type_name(ty))
        } else {
            format!("`{cause}` may be absent, and `{text}` with it")
        };
        self.fail(
            Diagnostic::new(&codes::MAYBE_ABSENT, format!("`{text}` may be absent"))
                .at(span, "may be absent here")
                .because(reason)
                .help(help),
        )
    }

    /// An expression of a wanted type.
    pub(crate) fn expr_as(&mut self, e: &ast::Expr, scope: &Scope, want: &Type) -> Try<Typed> {
        let typed = self.expr(e, scope, Some(want.required()))?;
        self.coerce(typed, want, e.span, scope)
    }

    /// A value to a wanted type: `string` may become `text`, and what is there may stand where nothing could.
    pub(crate) fn coerce(&mut self, (id, ty): Typed, want: &Type, span: Span, scope: &Scope) -> Try<Typed> {
        if ty.is_optional() && !want.is_optional() && !scope.lifts() {
            return self.maybe_absent(id, &ty, span);
        }
        let (have, goal) = (ty.required().clone(), want.required().clone());
        if have == goal {
            return Ok((id, ty));
        }
        let widened = match (&have, &goal) {
            (Type::Str, Type::Text) => true,
            (Type::Set(a), Type::Set(b)) => **a == Type::Str && **b == Type::Text,
            _ => false,
        };
        if widened {
            return Ok(self.widen((id, ty), goal));
        }
        let (have_name, goal_name, text) = (self.type_name(&have), self.type_name(&goal), self.text(span));
        let mut d =
            Diagnostic::new(&codes::TYPE_MISMATCH, format!("expected `{goal_name}`, found `{have_name}`"))
                .at(span, format!("this is `{have_name}`"));
        d = match (&have, &goal, self.kind(id)) {
            (Type::Str, Type::Enum(en), ExprKind::Const(Value::Str(s))) => {
                let variants = &self.schema.enums[en.index()].variants;
                match did_you_mean(s, variants.iter().map(String::as_str))
                    .or_else(|| variants.iter().find(|v| **v == *s).map(|v| v.as_str()))
                {
                    Some(v) => d.help(format!("variants stand without quotes: `{v}`")).fix(
                        "take the quotes off",
                        span,
                        v,
                    ),
                    None => d.help(format!(
                        "the variants are {}, without quotes",
                        list(variants.iter().map(String::as_str))
                    )),
                }
            }
            (Type::Str, Type::Date, ExprKind::Const(_)) => d.help("dates stand without quotes: `2026-03-02`"),
            (Type::Str, Type::Int, ExprKind::Const(_)) => d.help("numbers stand without quotes"),
            (Type::Int, Type::Decimal, ExprKind::Const(_)) => d.help(format!("write `{text}.0`")),
            (Type::Int, Type::Decimal, _) => d.help(format!("write `decimal({text})`")),
            (Type::Str | Type::Text, Type::Int, _) => d.help(format!("write `int({text})`")),
            (Type::Str | Type::Text, Type::Date, _) => {
                d.help(format!("write `date({text}, \"%Y-%m-%d\")` with the pattern of your data"))
            }
            (_, Type::Str, _) if have.is_scalar() => d.help(format!("write `string({text})`")),
            (_, Type::Text, _) if have.is_scalar() => d.help(format!("write `text({text})`")),
            (Type::Set(_), _, _) if goal.is_scalar() => {
                d.help("this is a set: grant `each` of it, or ask with `contains`")
            }
            _ => d.because("no type turns into another by itself, but `string` into `text`"),
        };
        self.fail(d)
    }

    pub(crate) fn widen(&mut self, (id, ty): Typed, goal: Type) -> Typed {
        let span = self.span(id);
        let folded = match self.kind(id) {
            ExprKind::Const(Value::Str(s)) => Some(Value::text(s.to_string())),
            ExprKind::Const(Value::Set(v)) => Some(Value::set(
                v.iter().map(|x| Value::text(x.spelling().unwrap_or("").to_owned())).collect(),
            )),
            _ => None,
        };
        let goal = if ty.is_optional() { goal.optional() } else { goal };
        match folded {
            Some(v) => self.add(ExprKind::Const(v), goal, span),
            None => self.add(ExprKind::ToText(id), goal, span),
        }
    }

    /// Takes the option off a value that is known to be there.
    pub(crate) fn narrow(&mut self, (id, ty): Typed, scope: &Scope) -> Typed {
        if ty.is_optional() && self.path(id).is_some_and(|p| scope.facts.has(&p)) {
            let ty = ty.required().clone();
            self.exprs[id.0 as usize].ty = ty.clone();
            return (id, ty);
        }
        (id, ty)
    }

    pub(crate) fn constant(&mut self, value: Value<'static>, ty: Type, span: Span) -> Typed {
        self.add(ExprKind::Const(value), ty, span)
    }

    /// An expression; `expect` guides enum variants and empty lists but is not enforced.
    pub(crate) fn expr(&mut self, e: &ast::Expr, scope: &Scope, expect: Option<&Type>) -> Try<Typed> {
        let span = e.span;
        match &e.kind {
            Ast::Bool(b) => Ok(self.constant(Value::Bool(*b), Type::Bool, span)),
            Ast::Int(n) => Ok(self.constant(Value::Int(*n), Type::Int, span)),
            Ast::Decimal(d) => Ok(self.constant(Value::Decimal(*d), Type::Decimal, span)),
            Ast::Date(d) => Ok(self.constant(Value::Date(*d), Type::Date, span)),
            Ast::Duration(n, u) => self.duration(*n, *u, span),
            Ast::Str(parts) => self.string(parts, scope, span),
            Ast::Name(name) => self.name(name, scope, expect),
            Ast::Field(base, name) => self.field(base, name, scope, span),
            Ast::Index(base, key) => self.index(base, key, scope, span),
            Ast::Slice(base, from, to) => self.slice(base, from.as_deref(), to.as_deref(), scope, span),
            Ast::Call(callee, args) => self.call(callee, args, scope, span),
            Ast::List(items) => self.list_literal(items, scope, expect, span),
            Ast::Record(..) => self.not_here(
                span,
                "a record is written out only in tests",
                "outside of tests people come from a source",
            ),
            Ast::Not(inner) => {
                let (id, _) = self.condition(inner, scope)?;
                Ok(self.add(ExprKind::Not(id), Type::Bool, span))
            }
            Ast::Neg(inner) => self.negative(inner, scope, span),
            Ast::Binary(a, op, op_span, b) => self.binary(a, *op, *op_span, b, scope, expect, span),
            Ast::In { value, set, negated } => {
                let (id, ty) = self.membership(value, set, scope, span)?;
                Ok(self.maybe_not((id, ty), *negated, span))
            }
            Ast::InRange { value, low, high, negated } => {
                let (v, ty) = self.operand(value, scope, None, true)?;
                self.ordered(&ty, value.span)?;
                let low = self.strict_as(low, scope, &ty)?;
                let high = self.strict_as(high, scope, &ty)?;
                if let (ExprKind::Const(a), ExprKind::Const(b)) = (self.kind(low.0), self.kind(high.0))
                    && prov_model::compare(a, b).is_gt()
                {
                    self.report(
                        Diagnostic::new(&codes::NEVER_HOLDS, "this range is empty: it ends before it begins")
                            .at(self.span(low.0).to(self.span(high.0)), "empty")
                            .help("write the smaller end first"),
                    );
                }
                let t = self.add(ExprKind::InRange(v, low.0, high.0), Type::Bool, span);
                Ok(self.maybe_not(t, *negated, span))
            }
            Ast::Matches { value, pattern, negated } => {
                let (v, ty) = self.operand(value, scope, None, true)?;
                if !ty.is_textual() {
                    return self.not_textual("matches", &ty, value.span);
                }
                let p = self.pattern(pattern, ty == Type::Text)?;
                let t = self.add(ExprKind::Matches(v, Box::new(p)), Type::Bool, span);
                Ok(self.maybe_not(t, *negated, span))
            }
            Ast::Is { value, present } => {
                // Presence is asked of the declared type, whatever is known already.
                let asking = Scope { facts: Facts::default(), ..scope.clone() };
                let said = self.diagnostics.len();
                let (v, ty) = match self.expr(value, &asking, None) {
                    Ok(t) => t,
                    Err(Reported) if scope.facts == Facts::default() => return Err(Reported),
                    Err(Reported) => {
                        // The key of a look-up, say, is read only with what is known.
                        self.diagnostics.truncate(said);
                        self.expr(value, scope, None)?
                    }
                };
                if !ty.is_optional() {
                    let text = self.text(value.span);
                    let always = if *present { "true" } else { "false" };
                    self.report(
                        Diagnostic::new(&codes::NEVER_ABSENT, format!("`{text}` is always present"))
                            .at(span, format!("always {always}"))
                            .help(match ty {
                                Type::Set(_) | Type::List(_) => {
                                    format!("to ask whether it is empty write `size({text}) == 0`")
                                }
                                _ => "take the test away".to_owned(),
                            }),
                    );
                }
                let t = self.add(ExprKind::IsPresent(v), Type::Bool, span);
                Ok(self.maybe_not(t, !present, span))
            }
            Ast::If(c, a, b) => {
                let (c, _) = self.condition(c, scope)?;
                let yes = scope.with(&self.facts_of(c, true));
                let no = scope.with(&self.facts_of(c, false));
                let ta = self.expr(a, &yes, expect)?;
                let want = expect.cloned().unwrap_or_else(|| ta.1.required().clone());
                let tb = self.expr(b, &no, Some(&want))?;
                let (x, y, ty) = self.unify(ta, a.span, tb, b.span)?;
                Ok(self.add(ExprKind::If(c, x, y), ty, span))
            }
            Ast::Match(scrutinee, arms) => self.match_expr(scrutinee, arms, scope, expect, span),
            Ast::Quant { quant, var, list, cond } => {
                self.quantifier(*quant, var, list, cond.as_deref(), scope, span)
            }
            Ast::Between { unit: u, unit_span, from, to } => {
                let (a, ta) = self.operand(from, scope, Some(&Type::Date), false)?;
                let (a, ta) = self.coerce((a, ta), &Type::Date, from.span, scope)?;
                let (b, tb) = self.operand(to, scope, Some(&Type::Date), false)?;
                let (b, tb) = self.coerce((b, tb), &Type::Date, to.span, scope)?;
                if matches!(u, Unit::Seconds | Unit::Minutes | Unit::Hours) {
                    return self.fail(
                        Diagnostic::new(&codes::MIXED_DURATION, "days are counted between dates, not hours")
                            .at(*unit_span, "a clock unit")
                            .help("use `days`, `weeks`, `months` or `years between`; for instants subtract them"),
                    );
                }
                let ty = if ta.is_optional() || tb.is_optional() { Type::Int.optional() } else { Type::Int };
                Ok(self.add(ExprKind::Between(*u, a, b), ty, span))
            }
            Ast::Has(operand) => self.has(operand, scope, span),
            Ast::HoldsNothing if scope.nothing => Ok(self.holds_nothing(span)),
            Ast::HoldsNothing => self.not_here(
                span,
                "`holds nothing` stands only in proofs and queries",
                "ask for what you mean with `has`",
            ),
            Ast::TodayIn(zone) => {
                let (z, ty) = self.operand(zone, scope, None, true)?;
                if ty == Type::Set(Box::new(Type::Date)) {
                    let (today, _) = self.add(ExprKind::Today, Type::Date, span);
                    return Ok(self.add(ExprKind::Contains(z, today), Type::Bool, span));
                }
                if !ty.is_textual() {
                    return self.not_textual("today in", &ty, zone.span);
                }
                if let ExprKind::Const(v) = self.kind(z)
                    && let Some(name) = v.spelling()
                    && prov_model::Zone::parse(name).is_none()
                {
                    let d = Diagnostic::new(&codes::BAD_TIMEZONE, format!("`{name}` is not a time zone"))
                        .at(zone.span, "unknown zone")
                        .help("write a name of the IANA database, such as `Europe/Paris`");
                    return self.fail(d);
                }
                Ok(self.add(ExprKind::TodayIn(z), Type::Date, span))
            }
            Ast::AtTime { date, hour, minute, zone } => {
                let (d, ty) = self.operand(date, scope, Some(&Type::Date), false)?;
                let (d, ty) = self.coerce((d, ty), &Type::Date, date.span, scope)?;
                let zone = match zone {
                    None => None,
                    Some(z) => {
                        let (id, ty) = self.operand(z, scope, None, true)?;
                        if !ty.is_textual() {
                            return self.not_textual("in", &ty, z.span);
                        }
                        Some(id)
                    }
                };
                let ty = if ty.is_optional() { Type::Instant.optional() } else { Type::Instant };
                Ok(self.add(ExprKind::AtTime(d, *hour, *minute, zone), ty, span))
            }
            Ast::InSource(name) => self.in_source(name, scope, span),
            Ast::Paren(inner) => self.expr(inner, scope, expect),
        }
    }

    /// `in SOURCE`: whether the source has a row of the identity at hand.
    fn in_source(&mut self, name: &ast::Name, scope: &Scope, span: Span) -> Try<Typed> {
        let Some(identity) = scope.identity() else {
            return self.not_here(
                span,
                "`in SOURCE` asks whether a source has a row of someone, and here is nobody",
                "ask for it in a condition of an identity",
            );
        };
        let own = self.schema.sources.iter().enumerate().filter(|(_, s)| s.identity == identity);
        let known: Vec<(usize, String)> = own.map(|(i, s)| (i, s.name.clone())).collect();
        match known.iter().find(|(_, n)| *n == name.text) {
            Some((number, _)) => Ok(self.add(ExprKind::InSource(*number as u32), Type::Bool, span)),
            None => {
                let names: Vec<String> = known.into_iter().map(|(_, n)| n).collect();
                let noun = format!("source of `{}`", self.schema.identity(identity).name);
                self.unknown(name, &noun, &names)
            }
        }
    }

    pub(crate) fn strict_as(&mut self, e: &ast::Expr, scope: &Scope, want: &Type) -> Try<Typed> {
        let typed = self.operand(e, scope, Some(want), true)?;
        self.coerce(typed, want, e.span, scope)
    }

    pub(crate) fn not_here<T>(&mut self, span: Span, what: &str, help: &str) -> Try<T> {
        self.fail(Diagnostic::new(&codes::NOT_ALLOWED_HERE, what).at(span, "not here").help(help))
    }

    pub(crate) fn not_textual<T>(&mut self, op: &str, ty: &Type, span: Span) -> Try<T> {
        let name = self.type_name(ty);
        let mut d = Diagnostic::new(&codes::BAD_OPERANDS, format!("`{op}` works on text, not on `{name}`"))
            .at(span, format!("this is `{name}`"));
        d = match ty {
            Type::Set(_) => d.help(
                "ask for an element with `contains`, or quantify: `any x in SET where (x starts with \"…\")`",
            ),
            _ => d.help("compare it with `==`, or turn it into text with `string(…)`"),
        };
        self.fail(d)
    }

    pub(crate) fn ordered(&mut self, ty: &Type, span: Span) -> Try<()> {
        if ty.is_ordered() {
            return Ok(());
        }
        let name = self.type_name(ty);
        self.fail(
            Diagnostic::new(&codes::BAD_OPERANDS, format!("`{name}` has no order"))
                .at(span, format!("this is `{name}`"))
                .help("compare with `==` or `!=`"),
        )
    }

    pub(crate) fn maybe_not(&mut self, t: Typed, negated: bool, span: Span) -> Typed {
        if negated { self.add(ExprKind::Not(t.0), Type::Bool, span) } else { t }
    }

    pub(crate) fn duration(&mut self, n: i64, u: Unit, span: Span) -> Try<Typed> {
        if let Some(d) = Duration::of(n, u) {
            return Ok(self.constant(Value::Duration(d), Type::Duration, span));
        }
        match Elapsed::of(n, u) {
            Some(e) => Ok(self.constant(Value::Elapsed(e), Type::Elapsed, span)),
            None => self.fail(
                Diagnostic::new(&codes::CONSTANT_OVERFLOW, "this duration is too long")
                    .at(span, "doesn't fit")
                    .help("durations reach a few million years"),
            ),
        }
    }

    pub(crate) fn string(&mut self, parts: &[ast::StrPart], scope: &Scope, span: Span) -> Try<Typed> {
        if parts.iter().all(|p| matches!(p, ast::StrPart::Text(_))) {
            let text: String =
                parts.iter().map(|p| if let ast::StrPart::Text(t) = p { t.as_str() } else { "" }).collect();
            return Ok(self.constant(Value::str(nfc(&text).into_owned()), Type::Str, span));
        }
        let (mut out, mut absent) = (Vec::new(), false);
        for part in parts {
            match part {
                ast::StrPart::Text(t) => out.push(StrPart::Text(nfc(t).into_owned())),
                ast::StrPart::Expr(e) => {
                    let (id, ty) = self.operand(e, scope, None, false)?;
                    if !ty.required().is_scalar() {
                        let name = self.type_name(&ty);
                        return self.fail(
                            Diagnostic::new(
                                &codes::TYPE_MISMATCH,
                                format!("`{name}` has no spelling of its own"),
                            )
                            .at(e.span, format!("this is `{name}`"))
                            .help("put in an attribute of it, as in `{manager.id}`"),
                        );
                    }
                    absent |= ty.is_optional();
                    out.push(StrPart::Value(id));
                }
            }
        }
        let ty = if absent { Type::Str.optional() } else { Type::Str };
        Ok(self.add(ExprKind::Interpolate(out), ty, span))
    }

    pub(crate) fn name(&mut self, name: &Name, scope: &Scope, expect: Option<&Type>) -> Try<Typed> {
        let (text, span) = (name.text.as_str(), name.span);
        if let Some(Type::Enum(en)) = expect.map(Type::required)
            && let Some(v) = self.schema.enums[en.index()].variants.iter().position(|v| v == text)
        {
            return Ok(self.constant(Value::Enum(v as u32), Type::Enum(*en), span));
        }
        if let Some((_, local, ty)) = scope.locals.iter().rev().find(|(n, ..)| n == text) {
            let (local, ty) = (*local, ty.clone());
            let t = self.add(ExprKind::Local(local), ty, span);
            return Ok(self.narrow(t, scope));
        }
        match text {
            "today" => return Ok(self.add(ExprKind::Today, Type::Date, span)),
            "now" => return Ok(self.add(ExprKind::Now, Type::Instant, span)),
            "state" => return self.state(scope, span),
            _ => {}
        }
        if let Some(identity) = scope.identity() {
            let def = self.schema.identity(identity);
            if let Some(i) = def.attributes.iter().position(|a| a.name == text) {
                let ty = def.attributes[i].ty.clone();
                let t = self.add(ExprKind::Attr(prov_model::AttrId(i as u32)), ty, span);
                return Ok(self.narrow(t, scope));
            }
            let inverse = |n: &str| {
                def.inverses.iter().position(|v| v.name == n).map(|i| (i as u32, def.inverses[i].from))
            };
            if let Some((i, from)) = inverse(text) {
                return Ok(self.add(
                    ExprKind::Inverse(None, i),
                    Type::List(Box::new(Type::Identity(from))),
                    span,
                ));
            }
            if let Some((i, from)) = text.strip_prefix("has_").and_then(inverse) {
                let (list, _) =
                    self.add(ExprKind::Inverse(None, i), Type::List(Box::new(Type::Identity(from))), span);
                let local = Local(scope.locals.len() as u32);
                self.locals = self.locals.max(local.0 + 1);
                return Ok(self.add(
                    ExprKind::Quant { quant: Quant::Any, local, list, cond: None },
                    Type::Bool,
                    span,
                ));
            }
        }
        if let Some(at) = scope.account.iter().position(|(n, _)| n == text) {
            let Some((typed, tree)) = &scope.account[at].1 else { return Err(Reported) };
            if scope.locals.is_empty() {
                return Ok(typed.clone());
            }
            // What is bound within it must be none of what is bound around it here.
            let locals = scope.locals.iter().map(|(_, l, t)| ("\0".to_owned(), *l, t.clone())).collect();
            let inner = Scope { locals, account: scope.account[..at].to_vec(), ..scope.clone() };
            return self.attribute_again(typed, tree, &inner);
        }
        if let Some(d) = self.lookup(scope.module, text) {
            if d.what == What::Let {
                let typed = self.expand_let(name, &d, scope)?;
                return Ok(self.narrow(typed, scope));
            }
            let help = match d.what {
                What::Role | What::Birthright => format!("to ask whether someone has it write `has {text}`"),
                What::Table => format!("look a row up by its key: `{text}[…]`"),
                What::Fn => format!("call it: `{text}(…)`"),
                What::App => {
                    format!("name an attribute of its account, `{text}.…`, or ask `has {text}.KIND(…)`")
                }
                What::Identity | What::Record | What::Let => "name one of its attributes".to_owned(),
            };
            return self.fail(
                Diagnostic::new(&codes::NOT_A_VALUE, format!("`{text}` is {}, not a value", d.what.noun()))
                    .at(span, "not a value")
                    .help(help),
            );
        }
        self.unknown_value(name, scope, expect)
    }

    pub(crate) fn unknown_value(&mut self, name: &Name, scope: &Scope, expect: Option<&Type>) -> Try<Typed> {
        let text = name.text.as_str();
        let mut candidates: Vec<String> =
            scope.locals.iter().map(|(n, ..)| n.clone()).filter(|n| !n.starts_with('\0')).collect();
        candidates.extend(scope.account.iter().map(|(n, _)| n.clone()));
        let mut whose = String::new();
        if let Some(id) = scope.identity() {
            let def = self.schema.identity(id);
            candidates.extend(def.attributes.iter().map(|a| a.name.clone()));
            candidates.extend(def.inverses.iter().map(|v| v.name.clone()));
            whose = format!("; `{}` has {}", def.name, list(def.attributes.iter().map(|a| a.name.as_str())));
        }
        candidates.extend(self.names_of(What::Let));
        if let Some(Type::Enum(en)) = expect.map(Type::required) {
            let variants = self.schema.enums[en.index()].variants.clone();
            let near = did_you_mean(text, variants.iter().map(String::as_str));
            let help = near.map_or_else(
                || format!("it is one of {}", list(variants.iter().map(String::as_str))),
                |n| format!("did you mean `{n}`?"),
            );
            let mut d = Diagnostic::new(
                &codes::UNKNOWN_VARIANT_NAME,
                format!("`{text}` is not one of the values this can have"),
            )
            .at(name.span, "no such value")
            .help(help);
            if let Some(n) = near {
                d = d.fix(format!("replace by `{n}`"), name.span, n);
            }
            return self.fail(d);
        }
        let near = did_you_mean(text, candidates.iter().map(String::as_str)).map(str::to_owned);
        let variant = self.schema.enums.iter().any(|e| e.variants.iter().any(|v| v == text));
        let help = match (&near, scope.subject) {
            (Some(n), _) => format!("did you mean `{n}`?"),
            (None, Subject::Row(_)) => format!("a column of the row is `row.{text}`"),
            (None, _) if variant => format!(
                "`{text}` is a value of an enum: compare the attribute with it, as in `ATTRIBUTE == {text}`"
            ),
            (None, _) => format!("text stands in quotes: `\"{text}\"`{whose}"),
        };
        let mut d = Diagnostic::new(&codes::UNKNOWN_NAME, format!("there is nothing called `{text}` here"))
            .at(name.span, "not found")
            .help(help);
        if let Some(n) = near {
            d = d.fix(format!("replace by `{n}`"), name.span, n);
        }
        self.fail(d)
    }

    pub(crate) fn state(&mut self, scope: &Scope, span: Span) -> Try<Typed> {
        let states =
            scope.identity().and_then(|i| self.schema.identity(i).lifecycle.as_ref().map(|l| l.states));
        match states {
            Some(states) if scope.state => Ok(self.add(ExprKind::State, Type::Enum(states), span)),
            Some(_) => self.not_here(
                span,
                &format!("{} can't read `state`", scope.place),
                "the state follows from it: use the attributes",
            ),
            None => {
                let d = Diagnostic::new(&codes::UNKNOWN_NAME, "there is no `state` here")
                    .at(span, "no lifecycle")
                    .help("declare `lifecycle person { state … }`; then `state` is the state that a person is in");
                self.fail(d)
            }
        }
    }

    pub(crate) fn index(
        &mut self,
        base: &ast::Expr,
        key: &ast::Expr,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        if let Ast::Name(name) = &base.kind {
            if name.text == scope.cells && scope.lifts() {
                if let Ast::Str(parts) = &key.kind
                    && let [ast::StrPart::Text(column)] = parts.as_slice()
                {
                    let t = self.cell(column, scope, span);
                    return Ok(self.narrow(t, scope));
                }
                return self.not_here(
                    key.span,
                    "a column is named by a plain string",
                    &format!("write `{}[\"Column name\"]`", scope.cells),
                );
            }
            self.lookup(scope.module, &name.text);
            if let Some(table) = self.decls.tables.get(&name.text).copied() {
                let def = &self.schema.tables[table.index()];
                let (record, key_ty) =
                    (def.record, self.schema.records[def.record.index()].fields[def.key].ty.clone());
                let (k, kt) = self.operand(key, scope, Some(&key_ty), false)?;
                let (k, _) = self.coerce((k, kt), &key_ty, key.span, scope)?;
                let t = self.add(ExprKind::Lookup(table, k), Type::Record(record).optional(), span);
                return Ok(self.narrow(t, scope));
            }
        }
        let text = self.text(base.span);
        let tables = self.names_of(What::Table);
        let help = match did_you_mean(&text, tables.iter().map(String::as_str)) {
            Some(n) => format!("did you mean `{n}`?"),
            None => "look a row up in a table: declare `table t(name: text key, …)`; parts of a text are `name[..3]`".to_owned(),
        };
        self.fail(
            Diagnostic::new(&codes::NOT_A_VALUE, format!("`{text}` is not a table"))
                .at(base.span, "not a table")
                .help(help),
        )
    }

    pub(crate) fn slice(
        &mut self,
        base: &ast::Expr,
        from: Option<&ast::Expr>,
        to: Option<&ast::Expr>,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let (b, ty) = self.operand(base, scope, None, false)?;
        if !ty.required().is_textual() {
            return self.not_textual("[..]", &ty, base.span);
        }
        let mut end = |e: Option<&ast::Expr>| match e {
            Some(e) => self.strict_as(e, scope, &Type::Int).map(|t| Some(t.0)),
            None => Ok(None),
        };
        let (from, to) = (end(from)?, end(to)?);
        Ok(self.add(ExprKind::Slice(b, from, to), ty, span))
    }

    pub(crate) fn list_literal(
        &mut self,
        items: &[ast::Expr],
        scope: &Scope,
        expect: Option<&Type>,
        span: Span,
    ) -> Try<Typed> {
        let mut element = match expect.map(Type::required) {
            Some(Type::Set(t)) => Some((**t).clone()),
            _ => None,
        };
        if items.is_empty() {
            return match element {
                Some(t) => Ok(self.constant(Value::Set(vec![]), Type::Set(Box::new(t)), span)),
                None => self.fail(
                    Diagnostic::new(&codes::BAD_OPERANDS, "an empty list says nothing here")
                        .at(span, "of what?")
                        .help("to ask whether a set is empty write `size(SET) == 0`"),
                ),
            };
        }
        let mut ids = Vec::new();
        for item in items {
            let typed = self.operand(item, scope, element.as_ref(), true)?;
            let want = element.get_or_insert_with(|| typed.1.clone()).clone();
            if !want.is_scalar() {
                let name = self.type_name(&want);
                return self.fail(
                    Diagnostic::new(&codes::TYPE_MISMATCH, format!("a list can't hold `{name}`"))
                        .at(item.span, "not a plain value")
                        .help("lists hold plain values"),
                );
            }
            ids.push(self.coerce(typed, &want, item.span, scope)?.0);
        }
        let ty = Type::Set(Box::new(element.expect("there is an element")));
        let constants: Option<Vec<Value<'static>>> = ids
            .iter()
            .map(|id| if let ExprKind::Const(v) = self.kind(*id) { Some(v.clone()) } else { None })
            .collect();
        Ok(match constants {
            Some(values) => self.constant(Value::set(values), ty, span),
            None => self.add(ExprKind::Set(ids), ty, span),
        })
    }

    pub(crate) fn negative(&mut self, inner: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
        let (id, ty) = self.operand(inner, scope, None, false)?;
        match (ty.required(), self.kind(id)) {
            (Type::Int, ExprKind::Const(Value::Int(n))) => {
                let n = n.saturating_neg();
                Ok(self.constant(Value::Int(n), Type::Int, span))
            }
            (Type::Decimal, ExprKind::Const(Value::Decimal(d))) => {
                let d = prov_model::Decimal(d.0.saturating_neg());
                Ok(self.constant(Value::Decimal(d), Type::Decimal, span))
            }
            (Type::Int | Type::Decimal | Type::Duration | Type::Elapsed, _) => {
                Ok(self.add(ExprKind::Neg(id), ty, span))
            }
            _ => {
                let name = self.type_name(&ty);
                self.fail(
                    Diagnostic::new(&codes::BAD_OPERANDS, format!("`-` needs a number, not `{name}`"))
                        .at(inner.span, format!("this is `{name}`"))
                        .help("for the opposite of a condition write `not`"),
                )
            }
        }
    }
}
