//! What names lead to: fields, cells of a row, functions, lets, roles and entitlements held.
//! Invariant: a function's body sees its parameters and nothing of where it is called.

use crate::check::{Checker, Reported, Scope, Subject, Try, Typed};
use crate::declare::{Declared, What};
use crate::modules::{Imported, list, qualified};
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{ExprId, ExprKind, Local};
use prov_model::{AppId, Builtin, IdentityId, ParamType, Type, Value};
use prov_syntax::ast::{self, ExprKind as Ast, ItemKind, Name};

impl Checker<'_> {
    /// A cell of the row, in a source mapping. Columns are numbered as they are met.
    pub(crate) fn cell(&mut self, column: &str, scope: &Scope, span: Span) -> Typed {
        let Subject::Row(source) = scope.subject else { unreachable!("cells are read only in mappings") };
        let index = self.column_number(source, column);
        self.add(ExprKind::Cell(index), Type::Str.optional(), span)
    }

    pub(crate) fn field(&mut self, base: &ast::Expr, name: &Name, scope: &Scope, span: Span) -> Try<Typed> {
        if let Some(typed) = self.bound_path(base, name, scope, span) {
            return Ok(typed);
        }
        if let Ast::Name(n) = &base.kind {
            if n.text == "row" || scope.lifts() && n.text == scope.cells {
                if scope.lifts() && n.text == scope.cells {
                    let t = self.cell(&name.text, scope, span);
                    return Ok(self.narrow(t, scope));
                }
                return self.not_here(
                    span,
                    "`row` is the row of a source",
                    match scope.lifts() {
                        true => "what a partner says is read as `claims.name`",
                        false => "outside of a source read the identity's attributes",
                    },
                );
            }
            if self.decls.apps.contains_key(&n.text) {
                return self.account_attribute(n, name, scope, span);
            }
            if self.is_a_prefix(n, name, scope) {
                let (prefix, attribute) = (&n.text, &name.text);
                let d = Diagnostic::new(
                    &codes::UNKNOWN_NAME,
                    format!("there is nothing called `{prefix}` to read `{attribute}` of"),
                )
                .at(n.span, "not found")
                .help(format!(
                    "write `{attribute}` alone: a rule reads the attributes of its identity without a prefix"
                ))
                .fix("take the prefix away", span, attribute.clone());
                return self.fail(d);
            }
        }
        let (b, ty) = self.expr(base, scope, None)?;
        let optional = ty.is_optional();
        let fields = match ty.required() {
            Type::Record(r) => &self.schema.records[r.index()].fields,
            Type::Identity(i) => &self.schema.identity(*i).attributes,
            Type::Bool
            | Type::Int
            | Type::Decimal
            | Type::Str
            | Type::Text
            | Type::Date
            | Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Enum(_)
            | Type::Set(_)
            | Type::List(_)
            | Type::Optional(_) => {
                let type_name = self.type_name(&ty);
                let help = match ty {
                    Type::List(_) => format!(
                        "ask about its elements: `any x in {} where (x.{} …)`",
                        self.text(base.span),
                        name.text
                    ),
                    _ => "only records and identities have fields".to_owned(),
                };
                return self.fail(
                    Diagnostic::new(
                        &codes::UNKNOWN_FIELD,
                        format!("`{type_name}` has no field `{}`", name.text),
                    )
                    .at(name.span, "no such field")
                    .help(help),
                );
            }
        };
        if let Some(i) = fields.iter().position(|f| f.name == name.text) {
            let field_ty = fields[i].ty.clone();
            let result = if optional { field_ty.optional() } else { field_ty };
            let t = self.add(ExprKind::Field(b, i as u32), result, span);
            return Ok(self.narrow(t, scope));
        }
        if let Type::Identity(id) = ty.required() {
            let def = self.schema.identity(*id);
            if name.text == "state"
                && let Some(l) = &def.lifecycle
            {
                let states = Type::Enum(l.states);
                if !scope.states {
                    return self.not_here(
                        span,
                        &format!("{} can't read `state`", scope.place),
                        "use the attributes that the state follows from",
                    );
                }
                let result = if optional { states.optional() } else { states };
                let t = self.add(ExprKind::StateOf(b), result, span);
                return Ok(self.narrow(t, scope));
            }
            if let Some(i) = def.inverses.iter().position(|v| v.name == name.text) {
                let of = Type::List(Box::new(Type::Identity(def.inverses[i].from)));
                let result = if optional { of.optional() } else { of };
                return Ok(self.add(ExprKind::Inverse(Some(b), i as u32), result, span));
            }
        }
        let names: Vec<String> = match ty.required() {
            Type::Record(r) => self.schema.records[r.index()].fields.iter().map(|f| f.name.clone()).collect(),
            Type::Identity(i) => self.schema.identity(*i).attributes.iter().map(|f| f.name.clone()).collect(),
            _ => vec![],
        };
        let type_name = self.type_name(ty.required());
        let near = did_you_mean(&name.text, names.iter().map(String::as_str));
        let help = near.map_or_else(
            || format!("it has {}", list(names.iter().map(String::as_str))),
            |n| format!("did you mean `{n}`?"),
        );
        self.fail(
            Diagnostic::new(&codes::UNKNOWN_FIELD, format!("`{type_name}` has no `{}`", name.text))
                .at(name.span, "not found there")
                .help(help),
        )
    }

    /// `person.app.attribute`, where a test has bound it.
    fn bound_path(&mut self, base: &ast::Expr, name: &Name, scope: &Scope, span: Span) -> Option<Typed> {
        let Ast::Field(inner, app) = &base.kind else { return None };
        let Ast::Name(who) = &inner.kind else { return None };
        let path = format!("{}.{}.{}", who.text, app.text, name.text);
        let (_, local, ty) = scope.locals.iter().find(|(n, ..)| *n == path).cloned()?;
        Some(self.add(ExprKind::Local(local), ty, span))
    }

    fn account_attribute(&mut self, app_name: &Name, name: &Name, scope: &Scope, span: Span) -> Try<Typed> {
        let app = self.app_named(app_name)?;
        if scope.from != Some(app) {
            let text = &app_name.text;
            let help = if scope.place == "an account" {
                format!(
                    "write `account from {text} {{ … }}`: then that account comes first and its attributes can be read"
                )
            } else {
                "attributes of an account are read only in the `account from` of another app".to_owned()
            };
            return self.fail(
                Diagnostic::new(&codes::NO_ACCOUNT, format!("`{text}.{}` can't be read here", name.text))
                    .at(span, format!("an attribute of the account in `{text}`"))
                    .help(help),
            );
        }
        let Some(account) = &self.schema.app(app).account else {
            return Err(Reported); // that account is wrong, or not there, which has been said
        };
        let attributes = account.attributes.clone();
        match attributes.iter().position(|f| f.name == name.text) {
            Some(i) => Ok(self.add(ExprKind::AccountAttr(app, i as u32), attributes[i].ty.clone(), span)),
            None => {
                let names: Vec<&str> = attributes.iter().map(|f| f.name.as_str()).collect();
                let near = did_you_mean(&name.text, names.iter().copied());
                let help = near.map_or_else(
                    || format!("it has {}", list(names.iter().copied())),
                    |n| format!("did you mean `{n}`?"),
                );
                self.fail(
                    Diagnostic::new(
                        &codes::UNKNOWN_FIELD,
                        format!("the account in `{}` has no `{}`", app_name.text, name.text),
                    )
                    .at(name.span, "not found there")
                    .help(help),
                )
            }
        }
    }

    /// Whether `user.department` means the identity's own `department`: in other languages rules say whose it is.
    fn is_a_prefix(&self, prefix: &Name, attribute: &Name, scope: &Scope) -> bool {
        let Some(id) = scope.identity() else { return false };
        let def = self.schema.identity(id);
        let own = |n: &str| def.attributes.iter().any(|a| a.name == n);
        let (p, named) = (prefix.text.as_str(), |n: &str| n == prefix.text);
        let is_value = own(p)
            || def
                .inverses
                .iter()
                .any(|v| named(&v.name) || p.strip_prefix("has_").is_some_and(|h| h == v.name))
            || matches!(p, "today" | "now" | "state")
            || scope.locals.iter().any(|(n, ..)| named(n))
            || scope.account.iter().any(|(n, _)| named(n))
            || self.declared.get(p).is_some_and(|d| d.what != What::Identity);
        own(&attribute.text) && !is_value
    }

    pub(crate) fn call(
        &mut self,
        callee: &ast::Expr,
        args: &[ast::Arg],
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let Ast::Name(name) = &callee.kind else {
            let text = self.text(callee.span);
            return self.not_here(
                callee.span,
                &format!("`{text}(…)` is not a value"),
                &format!(
                    "to ask whether someone holds it write `has {text}(…)`; to give it, `grant {text}(…)`"
                ),
            );
        };
        if let Some(Imported::Builtin(b)) = self.imports.get(&(scope.module, name.text.clone())) {
            return self.call_builtin(*b, args, scope, span);
        }
        // A standard module sees the built-ins of its own module without `use`.
        let own = self.modules[scope.module].name.clone();
        if let Some(info) =
            Builtin::all().iter().find(|b| b.name == name.text && (b.module.is_empty() || b.module == own))
        {
            return self.call_builtin(info.builtin, args, scope, span);
        }
        if let Some(d) = self.lookup_call(scope.module, &name.text) {
            if d.what == What::Fn {
                return self.call_fn(name, &d, args, scope, span);
            }
            return self.fail(
                Diagnostic::new(
                    &codes::NOT_A_VALUE,
                    format!("`{}` is {}, not a function", name.text, d.what.noun()),
                )
                .at(name.span, "can't be called")
                .help(if d.what == What::Role {
                    "to ask whether someone has it write `has` before it"
                } else {
                    "take the parentheses away"
                }),
            );
        }
        if name.text == "unique" {
            return self.misplaced_unique(span);
        }
        self.unknown_function(name)
    }

    fn unknown_function(&mut self, name: &Name) -> Try<Typed> {
        let elsewhere = Builtin::all()
            .iter()
            .find(|b| b.name == name.text)
            .map(|b| b.module.to_owned())
            .or_else(|| self.std_module_of(&name.text));
        let d =
            Diagnostic::new(&codes::UNKNOWN_FUNCTION, format!("there is no function `{}` here", name.text))
                .at(name.span, "not found");
        if let Some(module) = elsewhere {
            return self
                .fail(d.help(format!("add `use {module}.{{{}}}` at the head of the file", name.text)));
        }
        let mut known: Vec<String> = Builtin::all().iter().map(|b| b.name.to_owned()).collect();
        known.extend(self.names_of(What::Fn));
        let near = did_you_mean(&name.text, known.iter().map(String::as_str));
        let help = near.map_or_else(
            || "declare it: `fn name(a: string): string = …`".to_owned(),
            |n| format!("did you mean `{n}`?"),
        );
        self.fail(d.help(help))
    }

    fn std_module_of(&self, function: &str) -> Option<String> {
        crate::modules::STDLIB
            .iter()
            .find(|(_, text)| text.contains(&format!("fn {function}(")))
            .map(|(module, _)| (*module).to_owned())
    }

    pub(crate) fn call_builtin(
        &mut self,
        builtin: Builtin,
        args: &[ast::Arg],
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let info = builtin.info();
        let needed = info.params.iter().filter(|p| !p.2).count();
        let signature = || {
            let params: Vec<String> =
                info.params.iter().map(|p| format!("{}{}", p.0, if p.2 { "?" } else { "" })).collect();
            format!("{}({})", info.name, params.join(", "))
        };
        if args.len() < needed || args.len() > info.params.len() || args.iter().any(|a| a.name.is_some()) {
            return self.fail(
                Diagnostic::new(
                    &codes::WRONG_ARGUMENTS,
                    format!("`{}` takes {}, not {}", info.name, count(needed, info.params.len()), args.len()),
                )
                .at(span, "called here")
                .help(format!("call it as `{}`: {}", signature(), info.doc)),
            );
        }
        let (mut ids, mut types, mut absent) = (Vec::new(), Vec::new(), false);
        for (arg, (param, kind, _)) in args.iter().zip(info.params) {
            let expect = match kind {
                ParamType::Ordered => types.first().cloned(),
                ParamType::Dates => Some(Type::Set(Box::new(Type::Date))),
                ParamType::Textual
                | ParamType::Int
                | ParamType::Date
                | ParamType::Instant
                | ParamType::Scalar
                | ParamType::Number
                | ParamType::Many
                | ParamType::Texts
                | ParamType::Constant => None,
            };
            let (id, ty) = self.expr(&arg.value, scope, expect.as_ref())?;
            let (id, ty) = if scope.lifts() {
                (id, ty)
            } else {
                self.coerce((id, ty.clone()), ty.required(), arg.value.span, scope)?
            };
            absent |= ty.is_optional();
            let plain = ty.required().clone();
            let fits = match kind {
                ParamType::Textual => plain.is_textual(),
                ParamType::Int => plain == Type::Int,
                ParamType::Date => plain == Type::Date,
                ParamType::Instant => plain == Type::Instant,
                ParamType::Scalar => plain.is_scalar(),
                ParamType::Ordered => {
                    plain.is_ordered() && types.first().is_none_or(|first: &Type| *first == plain)
                }
                ParamType::Number => matches!(plain, Type::Int | Type::Decimal),
                ParamType::Many => matches!(plain, Type::Set(_) | Type::List(_)),
                ParamType::Texts => matches!(&plain, Type::Set(of) if of.is_textual()),
                ParamType::Dates => matches!(&plain, Type::Set(of) if **of == Type::Date),
                ParamType::Constant => matches!(self.kind(id), ExprKind::Const(Value::Str(_))),
            };
            if !fits {
                let wanted = match kind {
                    ParamType::Textual => "text".to_owned(),
                    ParamType::Int => "`int`".to_owned(),
                    ParamType::Date => "`date`".to_owned(),
                    ParamType::Instant => "`instant`".to_owned(),
                    ParamType::Scalar => "a plain value".to_owned(),
                    ParamType::Ordered => {
                        types.first().map_or("a value with an order".to_owned(), |t: &Type| {
                            format!("`{}` like the first", t.name(&self.schema))
                        })
                    }
                    ParamType::Number => "`int` or `decimal`".to_owned(),
                    ParamType::Many => "a set or a list".to_owned(),
                    ParamType::Texts => "a set of texts".to_owned(),
                    ParamType::Dates => "`set of date`".to_owned(),
                    ParamType::Constant => "a string as it stands, without values in it".to_owned(),
                };
                let name = self.type_name(&plain);
                return self.fail(
                    Diagnostic::new(
                        &codes::WRONG_ARGUMENTS,
                        format!("`{param}` of `{}` is {wanted}, and this is `{name}`", info.name),
                    )
                    .at(arg.value.span, format!("this is `{name}`"))
                    .help(format!("`{}`: {}", signature(), info.doc)),
                );
            }
            if let (ParamType::Constant, ExprKind::Const(Value::Str(pattern))) = (kind, self.kind(id)) {
                let why = prov_model::time_pattern(pattern, builtin == Builtin::ToDate).err();
                if let Some(why) = why {
                    return self.fail(
                        Diagnostic::new(&codes::BAD_PATTERN, format!("no text fits this pattern: {why}"))
                            .at(arg.value.span, "nothing can be read by it")
                            .help("patterns are those of strftime: `%Y-%m-%d`, `%d.%m.%y`, `%Y-%m-%dT%H:%M:%S%z`"),
                    );
                }
            }
            ids.push(id);
            types.push(plain);
        }
        let result = builtin.result(&types);
        // In a source mapping a failing conversion rejects the row, so that its result is there.
        let optional = absent || (builtin.can_fail(&types) && !scope.lifts());
        Ok(self.add(ExprKind::Call(builtin, ids), if optional { result.optional() } else { result }, span))
    }

    fn call_fn(
        &mut self,
        name: &Name,
        d: &Declared,
        args: &[ast::Arg],
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let ItemKind::Fn { params, result, body, .. } = self.item(d.module, d.item).kind.clone() else {
            return Err(Reported);
        };
        if args.len() != params.len() || args.iter().any(|a| a.name.is_some()) {
            let names: Vec<&str> = params.iter().map(|p| p.name.text.as_str()).collect();
            return self.fail(
                Diagnostic::new(
                    &codes::WRONG_ARGUMENTS,
                    format!(
                        "`{}` takes {}, not {}",
                        name.text,
                        count(params.len(), params.len()),
                        args.len()
                    ),
                )
                .at(span, "called here")
                .at(d.span, "declared here")
                .help(format!("call it as `{}({})`", name.text, names.join(", "))),
            );
        }
        self.inline(name, &params, result.as_ref(), &body, args, d.module, scope, span)
    }

    fn enter(&mut self, name: &str, span: Span) -> Try<()> {
        if let Some(at) = self.expanding.iter().position(|n| n == name) {
            let mut path: Vec<String> = self.expanding[at..].to_vec();
            path.push(name.to_owned());
            return self.fail(
                Diagnostic::new(
                    &codes::RECURSION,
                    format!("this leads back to itself: {}", path.join(" → ")),
                )
                .at(span, "back to where it began")
                .because("every evaluation of a policy must end")
                .help("say it without going round: functions and lets can't be recursive"),
            );
        }
        self.expanding.push(name.to_owned());
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a function and of its call")]
    fn inline(
        &mut self,
        name: &Name,
        params: &[ast::Param],
        result: Option<&ast::TypeExpr>,
        body: &ast::Expr,
        args: &[ast::Arg],
        module: usize,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let hidden = scope.locals.iter().map(|(_, l, t)| ("\0".to_owned(), *l, t.clone())).collect();
        let mut inner = Scope { locals: hidden, ..Scope::new(module, Subject::Nobody, "a function") };
        let mut bound: Vec<(Local, ExprId, bool)> = Vec::new();
        // An argument stands within the bindings of those before it: what it binds itself must be none of theirs.
        let mut outer = scope.clone();
        for (param, arg) in params.iter().zip(args) {
            let want = self.type_of(module, &param.ty)?;
            let (id, ty) = self.expr_as(&arg.value, &outer, &want)?;
            let lifted = ty.is_optional() && !want.is_optional();
            let (next, local) = self.bind(&inner, &param.name.text, want.clone());
            inner = next;
            outer.locals.push(("\0".to_owned(), local, want));
            bound.push((local, id, lifted));
        }
        let want = match result {
            Some(t) => Some(self.type_of(module, t)?),
            None => None,
        };
        // Only the body is within the function: a call in an argument is the caller's.
        self.enter(&qualified(&self.modules[module].name, &name.text), name.span)?;
        let typed = match &want {
            Some(w) => self.expr_as(body, &inner, w),
            None => self.expr(body, &inner, None),
        };
        self.expanding.pop();
        let (mut id, mut ty) = typed?;
        for (local, arg, lifted) in bound.into_iter().rev() {
            if lifted {
                // In a source mapping an absent argument makes the call absent.
                ty = ty.optional();
                let arg_ty = self.exprs[arg.0 as usize].ty.clone();
                let (l, _) = self.add(ExprKind::Local(local), arg_ty, span);
                let (there, _) = self.add(ExprKind::IsPresent(l), Type::Bool, span);
                let (nothing, _) = self.add(ExprKind::Const(Value::Absent), ty.clone(), span);
                id = self.add(ExprKind::If(there, id, nothing), ty.clone(), span).0;
            }
            id = self.add(ExprKind::Let(local, arg, id), ty.clone(), span).0;
        }
        Ok((id, ty))
    }

    /// Types a function that nothing calls.
    pub(crate) fn check_fn(&mut self, d: &Declared, item: &ast::Item) {
        let ItemKind::Fn { name, params, result, body } = &item.kind else { return };
        let mut scope = Scope::new(d.module, Subject::Nobody, "a function");
        for p in params {
            let Ok(ty) = self.type_of(d.module, &p.ty) else { return };
            scope = self.bind(&scope, &p.name.text, ty).0;
        }
        if self.enter(&qualified(&self.modules[d.module].name, &name.text), name.span).is_ok() {
            let _ = match result.as_ref().map(|t| self.type_of(d.module, t)) {
                Some(Ok(want)) => self.expr_as(body, &scope, &want),
                _ => self.expr(body, &scope, None),
            };
            self.expanding.pop();
        }
    }

    /// A `let`, lowered once for an identity type.
    pub(crate) fn expand_let(&mut self, used: &Name, d: &Declared, scope: &Scope) -> Try<Typed> {
        let ItemKind::Let { name, for_type, ty, value } = self.item(d.module, d.item).kind.clone() else {
            return Err(Reported);
        };
        let subject = match &for_type {
            Some(t) => Subject::Identity(self.identity_named(d.module, t)?),
            None => match scope.subject {
                Subject::Row(_) => Subject::Nobody,
                other => other,
            },
        };
        if let (Subject::Identity(a), Subject::Identity(b)) = (subject, scope.subject)
            && a != b
        {
            let (a, b) = (self.schema.identity(a).name.clone(), self.schema.identity(b).name.clone());
            return self.fail(
                Diagnostic::new(
                    &codes::TYPE_MISMATCH,
                    format!("`{}` speaks of `{a}`, and this rule of `{b}`", used.text),
                )
                .at(used.span, "of another identity type")
                .help("declare a `let` for each type"),
            );
        }
        // What is bound within a let is numbered from the locals around it: it is shared where those are as many.
        let bound = scope.locals.len();
        let may = [scope.state, scope.states, scope.has];
        let key = format!("{}|{subject:?}|{may:?}|{bound}", used.text);
        if let Some(done) = self.lets.get(&key) {
            let (id, ty) = done.clone()?;
            return Ok(self.add(ExprKind::Named(name.text.clone(), id), ty, used.span));
        }
        self.enter(&name.text, used.span)?;
        // A let's locals must not clash with those bound around its use.
        let hidden =
            scope.locals.iter().map(|(_, l, t)| ("\0".to_owned(), *l, t.clone())).collect::<Vec<_>>();
        let inner = Scope {
            state: scope.state,
            states: scope.states,
            has: scope.has,
            locals: hidden,
            ..Scope::new(d.module, subject, "a `let`")
        };
        let out = match ty.as_ref().map(|t| self.type_of(d.module, t)) {
            Some(Ok(want)) => self.expr_as(&value, &inner, &want),
            Some(Err(r)) => Err(r),
            None => self.expr(&value, &inner, None),
        };
        self.expanding.pop();
        self.lets.insert(key, out.clone());
        let (id, ty) = out?;
        Ok(self.add(ExprKind::Named(name.text.clone(), id), ty, used.span))
    }

    pub(crate) fn has(&mut self, operand: &ast::Expr, scope: &Scope, span: Span) -> Try<Typed> {
        let Some(identity) = scope.identity().filter(|_| scope.has) else {
            return self.not_here(
                span,
                &format!("{} can't ask `has`", scope.place),
                "what someone holds follows from it: use the attributes",
            );
        };
        match &operand.kind {
            Ast::Name(name) => self.has_role(name, None, scope, identity, span),
            Ast::Field(base, kind) => match &base.kind {
                Ast::Name(app) => self.has_entitlement(app, kind, None, scope, span),
                _ => self.bad_has(operand.span),
            },
            Ast::Call(callee, args) => match &callee.kind {
                Ast::Field(base, kind) => match &base.kind {
                    Ast::Name(app) => self.has_entitlement(app, kind, Some(args), scope, span),
                    _ => self.bad_has(operand.span),
                },
                Ast::Name(name) => self.has_role(name, Some(args), scope, identity, span),
                _ => self.bad_has(operand.span),
            },
            _ => self.bad_has(operand.span),
        }
    }

    fn bad_has(&mut self, span: Span) -> Try<Typed> {
        self.fail(
            Diagnostic::new(&codes::NOT_A_VALUE, "`has` asks for a role or an entitlement")
                .at(span, "neither")
                .help("write `has ROLE` or `has app.kind(\"value\")`"),
        )
    }

    fn has_role(
        &mut self,
        name: &Name,
        args: Option<&[ast::Arg]>,
        scope: &Scope,
        identity: IdentityId,
        span: Span,
    ) -> Try<Typed> {
        match self.decls.rules.get(&name.text).copied() {
            Some(rule) => {
                if let Some(d) = self.declared.get_mut(&name.text) {
                    d.used = true;
                }
                if self.rule_identity(&name.text).is_some_and(|other| other != identity) {
                    return self.fail(
                        Diagnostic::new(
                            &codes::TYPE_MISMATCH,
                            format!("`{}` is for another identity type", name.text),
                        )
                        .at(name.span, "nobody here can have it")
                        .help("ask for a role of this type"),
                    );
                }
                let Some(args) = args else {
                    return Ok(self.add(ExprKind::HasRole(rule), Type::Bool, span));
                };
                let values: Vec<&ast::Expr> = args.iter().map(|a| &a.value).collect();
                let ids = self.role_arguments(name, &values, scope, span)?;
                let asked =
                    if ids.is_empty() { ExprKind::HasRole(rule) } else { ExprKind::HasInstance(rule, ids) };
                Ok(self.add(asked, Type::Bool, span))
            }
            None => {
                let mut names = self.names_of(What::Role);
                names.extend(self.names_of(What::Birthright));
                self.unknown(name, "role", &names)
            }
        }
    }

    fn has_entitlement(
        &mut self,
        app: &Name,
        kind: &Name,
        args: Option<&[ast::Arg]>,
        scope: &Scope,
        span: Span,
    ) -> Try<Typed> {
        let app = self.app_named(app)?;
        let kind = self.kind_named(app, kind)?;
        let args = match args {
            None => None,
            Some(args) => {
                let values: Vec<&ast::Expr> = args.iter().map(|a| &a.value).collect();
                let mut ids = Vec::new();
                self.arity(app, kind, values.len(), span)?;
                for (value, ty) in values.into_iter().zip(self.schema.kind(app, kind).types.clone()) {
                    let (id, _) = self.expr_as(value, scope, &ty)?;
                    self.check_catalog(app, kind, id, value.span);
                    ids.push(id);
                }
                Some(ids)
            }
        };
        // Whichever account holds it.
        let accounts: Vec<AppId> = self.schema.accounts_of(app).collect();
        let all: Vec<ExprId> = accounts
            .into_iter()
            .map(|app| self.add(ExprKind::HasEntitlement(app, kind, args.clone()), Type::Bool, span).0)
            .collect();
        match all[..] {
            [one] => Ok((one, Type::Bool)),
            _ => Ok(self.add(ExprKind::Or(all), Type::Bool, span)),
        }
    }
}

fn count(from: usize, to: usize) -> String {
    let noun = |n: usize| if n == 1 { "1 argument".to_owned() } else { format!("{n} arguments") };
    if from == to { noun(from) } else { format!("{from} or {}", noun(to)) }
}
