//! Expressions: names to values, types, presence, lowering. One pass from tree to rule program.
//! Invariant: what is added to the arena is well typed; conditions are `bool` and never absent.

use crate::check::{Checker, Reported, Scope, Subject, Try, Typed};
use crate::declare::What;
use crate::facts::Facts;
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{ExprId, ExprKind, Local, Quant, StrPart};
use prov_model::{ArithOp, CompareOp, Duration, Elapsed, TextOp, Type, Unit, Value, add_type, nfc};
use prov_syntax::ast::{self, BinaryOp, ExprKind as Ast, Name};

pub(crate) fn unit(unit: ast::Unit) -> Unit {
    match unit {
        ast::Unit::Seconds => Unit::Seconds,
        ast::Unit::Minutes => Unit::Minutes,
        ast::Unit::Hours => Unit::Hours,
        ast::Unit::Days => Unit::Days,
        ast::Unit::Weeks => Unit::Weeks,
        ast::Unit::Months => Unit::Months,
        ast::Unit::Years => Unit::Years,
    }
}

impl Checker<'_> {
    pub(crate) fn text(&self, span: Span) -> String {
        let text = self.sources.text(span).split_whitespace().collect::<Vec<_>>().join(" ");
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
    fn operand(&mut self, e: &ast::Expr, scope: &Scope, expect: Option<&Type>, strict: bool) -> Try<Typed> {
        let typed = self.expr(e, scope, expect)?;
        self.settled(typed, e.span, scope, strict)
    }

    fn settled(&mut self, (id, ty): Typed, span: Span, scope: &Scope, strict: bool) -> Try<Typed> {
        if ty.is_optional() && (strict || !scope.lifts()) {
            return self.maybe_absent(id, &ty, span);
        }
        Ok((id, ty))
    }

    fn maybe_absent<T>(&mut self, id: ExprId, ty: &Type, span: Span) -> Try<T> {
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
        let reason = if cause == text {
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

    fn constant(&mut self, value: Value<'static>, ty: Type, span: Span) -> Typed {
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
                let (v, ty) = self
                    .expr(value, if scope.facts == Facts::default() { scope } else { &asking }, None)
                    .or_else(|Reported| self.expr(value, scope, None))?;
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
                if matches!(u, ast::Unit::Seconds | ast::Unit::Minutes | ast::Unit::Hours) {
                    return self.fail(
                        Diagnostic::new(&codes::MIXED_DURATION, "days are counted between dates, not hours")
                            .at(*unit_span, "a clock unit")
                            .help("use `days`, `weeks`, `months` or `years between`; for instants subtract them"),
                    );
                }
                let ty = if ta.is_optional() || tb.is_optional() { Type::Int.optional() } else { Type::Int };
                Ok(self.add(ExprKind::Between(unit(*u), a, b), ty, span))
            }
            Ast::Has(operand) => self.has(operand, scope, span),
            Ast::HoldsNothing => self.not_here(
                span,
                "`holds nothing` stands only in proofs",
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
            Ast::InSource(_) => {
                self.not_yet(span, "`in SOURCE`");
                Err(Reported)
            }
            Ast::Paren(inner) => self.expr(inner, scope, expect),
        }
    }

    fn strict_as(&mut self, e: &ast::Expr, scope: &Scope, want: &Type) -> Try<Typed> {
        let typed = self.operand(e, scope, Some(want), true)?;
        self.coerce(typed, want, e.span, scope)
    }

    pub(crate) fn not_here<T>(&mut self, span: Span, what: &str, help: &str) -> Try<T> {
        self.fail(Diagnostic::new(&codes::NOT_ALLOWED_HERE, what).at(span, "not here").help(help))
    }

    fn not_textual<T>(&mut self, op: &str, ty: &Type, span: Span) -> Try<T> {
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

    fn ordered(&mut self, ty: &Type, span: Span) -> Try<()> {
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

    fn maybe_not(&mut self, t: Typed, negated: bool, span: Span) -> Typed {
        if negated { self.add(ExprKind::Not(t.0), Type::Bool, span) } else { t }
    }

    fn duration(&mut self, n: i64, u: ast::Unit, span: Span) -> Try<Typed> {
        let u = unit(u);
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

    fn string(&mut self, parts: &[ast::StrPart], scope: &Scope, span: Span) -> Try<Typed> {
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

    fn name(&mut self, name: &Name, scope: &Scope, expect: Option<&Type>) -> Try<Typed> {
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
        if let Some((_, t)) = scope.account.iter().find(|(n, _)| n == text) {
            return t.clone().ok_or(Reported);
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

    fn unknown_value(&mut self, name: &Name, scope: &Scope, expect: Option<&Type>) -> Try<Typed> {
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

    fn state(&mut self, scope: &Scope, span: Span) -> Try<Typed> {
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

    fn index(&mut self, base: &ast::Expr, key: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
        if let Ast::Name(name) = &base.kind {
            if name.text == "row" && scope.lifts() {
                if let Ast::Str(parts) = &key.kind
                    && let [ast::StrPart::Text(column)] = parts.as_slice()
                {
                    let t = self.cell(column, scope, span);
                    return Ok(self.narrow(t, scope));
                }
                return self.not_here(
                    key.span,
                    "a column is named by a plain string",
                    "write `row[\"Column name\"]`",
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

    fn slice(
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

    fn list_literal(
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

    fn negative(&mut self, inner: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
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

    /// Two branches of one value.
    fn unify(&mut self, a: Typed, a_span: Span, b: Typed, b_span: Span) -> Try<(ExprId, ExprId, Type)> {
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
    fn binary(
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

    fn logic(&mut self, a: &ast::Expr, op: BinaryOp, b: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
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
    fn pair(&mut self, a: &ast::Expr, b: &ast::Expr, scope: &Scope) -> Try<(Typed, Typed)> {
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
    fn is_value(&self, name: &Name, scope: &Scope) -> bool {
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

    fn comparison(
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

    fn membership(&mut self, value: &ast::Expr, set: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
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

    fn contains(&mut self, a: &ast::Expr, b: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
        let (s, ty) = self.operand(a, scope, None, true)?;
        if let Type::Set(element) = &ty {
            let v = self.strict_as(b, scope, element)?;
            return Ok(self.add(ExprKind::Contains(s, v.0), Type::Bool, span));
        }
        self.text_test_with((s, ty), TextOp::Contains, a, b, scope, span)
    }

    fn text_test(
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

    fn text_test_with(
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

    fn coalesce(
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

    fn arithmetic(
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

    fn quantifier(
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
