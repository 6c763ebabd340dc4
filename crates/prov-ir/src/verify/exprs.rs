//! Expressions where they stand: what they may read there, the types of their operands, and whether what must be
//! present is.
//! Invariant: a tree is walked once a context, whatever is shared in it.

use super::presence::{Facts, Known, path, present};
use super::types::{conforms, element, known};
use crate::{Arm, ArmPattern, ExprId, ExprKind, Local, Program, Quant, SourceProgram, StrPart};
use prov_model::{
    AppId, Builtin, CompareOp, FieldDef, IdentityId, KindId, ParamType, Schema, Type, Unit, Value, add_type,
    equal,
};
use std::collections::{HashMap, HashSet};

/// Whom an expression is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'p> {
    /// A row of a source.
    Row(&'p SourceProgram),
    /// An identity whose state is being found.
    Lifecycle(IdentityId),
    /// An identity whose account is being filled, after that of another app.
    Account(IdentityId, Option<AppId>),
    /// An identity.
    Identity(IdentityId),
    /// No one: constants only.
    Nobody,
}

/// Where an expression stands.
#[derive(Clone)]
pub(crate) struct Context<'p> {
    subject: Subject<'p>,
    /// Which subject this is.
    number: u32,
    locals: Vec<(Local, Type)>,
    facts: Facts,
    id: u32,
}

/// Subject, locals, facts: what makes two contexts the same.
type ContextKey = (u32, Vec<(Local, Type)>, Facts);
/// What is wrong, and with which expression.
type Fault = (ExprId, String);
type Check = Result<(), Fault>;

pub(crate) struct Walk<'p> {
    program: &'p Program,
    subjects: u32,
    contexts: HashMap<ContextKey, u32>,
    seen: HashSet<(ExprId, u32)>,
    known: Known,
    /// Widened first operands of `??`: they may be absent though they are typed as present, for `??` asks.
    defaulted: HashSet<ExprId>,
}

impl<'p> Walk<'p> {
    pub(crate) fn new(program: &'p Program) -> Walk<'p> {
        let defaulted = program
            .exprs
            .iter()
            .filter_map(|e| if let ExprKind::Coalesce(a, _) = e.kind { Some(a) } else { None })
            .filter(|a| matches!(program.expr(*a).kind, ExprKind::ToText(_)))
            .collect();
        Walk {
            program,
            subjects: 0,
            contexts: HashMap::new(),
            seen: HashSet::new(),
            known: Known::default(),
            defaulted,
        }
    }

    /// A context of a subject in which nothing is known.
    pub(crate) fn context(&mut self, subject: Subject<'p>) -> Context<'p> {
        self.subjects += 1;
        let number = self.subjects;
        self.intern(Context { subject, number, locals: vec![], facts: Facts::new(), id: 0 })
    }

    fn intern(&mut self, mut context: Context<'p>) -> Context<'p> {
        let next = self.contexts.len() as u32;
        let key = (context.number, context.locals.clone(), context.facts.clone());
        context.id = *self.contexts.entry(key).or_insert(next);
        context
    }

    /// The context in which a condition holds, or fails.
    pub(crate) fn knowing(&mut self, context: &Context<'p>, condition: ExprId, truth: bool) -> Context<'p> {
        let facts = self.known.of(self.program, condition, truth);
        self.with(context, facts)
    }

    fn with(&mut self, context: &Context<'p>, facts: Facts) -> Context<'p> {
        if facts.is_subset(&context.facts) {
            return context.clone();
        }
        self.intern(Context { facts: &context.facts | &facts, ..context.clone() })
    }

    /// The context in which a local is bound.
    pub(crate) fn bind(
        &mut self,
        context: &Context<'p>,
        local: Local,
        ty: Type,
    ) -> Result<Context<'p>, String> {
        if local.0 >= self.program.locals {
            return Err(format!("local {} is over the number of locals, {}", local.0, self.program.locals));
        }
        if context.locals.iter().any(|l| l.0 == local) {
            return Err(format!("local {} is bound within itself", local.0));
        }
        let mut inner = context.clone();
        inner.locals.push((local, ty));
        Ok(self.intern(inner))
    }

    /// Walks a tree.
    pub(crate) fn expr(&mut self, id: ExprId, cx: &Context<'p>) -> Check {
        if !self.seen.insert((id, cx.id)) {
            return Ok(());
        }
        let expr = self.program.expr(id);
        if !known(&expr.ty, &self.program.schema) {
            return Err((id, "its type is not in the schema".into()));
        }
        self.operands(id, &expr.kind, cx)?;
        match self.rule(&expr.kind, cx, id) {
            // What an operand makes absent, and what the form itself may.
            Ok(Given { ty, absent }) => {
                let lifted = absent || ty.is_optional();
                let want = if lifted { ty.optional() } else { ty };
                let narrowed = || {
                    path(self.program, id).is_some_and(|p| cx.facts.contains(&p))
                        || self.defaulted.contains(&id)
                };
                if expr.ty == want
                    || expr.ty == want.clone().optional()
                    || (*want.required() == expr.ty && narrowed())
                {
                    return Ok(());
                }
                let (have, want) = (expr.ty.name(self.schema()), want.name(self.schema()));
                Err((id, format!("it is typed `{have}` and gives `{want}`")))
            }
            Err(reason) => Err((id, reason)),
        }
    }

    fn schema(&self) -> &'p Schema {
        &self.program.schema
    }

    fn ty(&self, id: ExprId) -> &'p Type {
        &self.program.expr(id).ty
    }

    fn name(&self, ty: &Type) -> String {
        ty.name(self.schema())
    }

    /// Walks the operands, each in its context.
    fn operands(&mut self, id: ExprId, kind: &'p ExprKind, cx: &Context<'p>) -> Check {
        match kind {
            ExprKind::And(list) | ExprKind::Or(list) => {
                let truth = matches!(kind, ExprKind::And(_));
                let mut inner = cx.clone();
                for e in list {
                    self.expr(*e, &inner)?;
                    inner = self.knowing(&inner, *e, truth);
                }
                Ok(())
            }
            ExprKind::If(c, a, b) => {
                self.expr(*c, cx)?;
                let (yes, no) = (self.knowing(cx, *c, true), self.knowing(cx, *c, false));
                self.expr(*a, &yes)?;
                self.expr(*b, &no)
            }
            ExprKind::Match(scrutinee, arms) => {
                self.expr(*scrutinee, cx)?;
                let mut absent_taken = false;
                for arm in arms {
                    let settles = arm.patterns.iter().all(|p| match p {
                        ArmPattern::Value(_) | ArmPattern::Range(..) => true,
                        ArmPattern::Any => absent_taken,
                        ArmPattern::Absent => false,
                    });
                    absent_taken |= arm.patterns.iter().any(|p| matches!(p, ArmPattern::Absent));
                    let facts = if settles { present(self.program, *scrutinee) } else { Facts::new() };
                    let inner = self.with(cx, facts);
                    self.expr(arm.value, &inner)?;
                }
                Ok(())
            }
            ExprKind::Quant { local, list, cond, .. } => {
                self.expr(*list, cx)?;
                let Some(element) = element(self.ty(*list)) else {
                    return Err((id, format!("`{}` is no set or list", self.name(self.ty(*list)))));
                };
                let inner = self.bind(cx, *local, element).map_err(|reason| (id, reason))?;
                cond.map_or(Ok(()), |c| self.expr(c, &inner))
            }
            ExprKind::Let(local, value, body) => {
                self.expr(*value, cx)?;
                let inner = self.bind(cx, *local, self.ty(*value).clone()).map_err(|reason| (id, reason))?;
                self.expr(*body, &inner)
            }
            _ => {
                let mut children = vec![];
                kind.children(|c| children.push(c));
                children.into_iter().try_for_each(|c| self.expr(c, cx))
            }
        }
    }

    /// What a form gives, from the types of its operands.
    fn rule(&self, kind: &'p ExprKind, cx: &Context<'p>, id: ExprId) -> Result<Given, String> {
        match kind {
            ExprKind::Const(v) => {
                let ty = &self.program.expr(id).ty;
                if !conforms(v, ty, self.schema()) {
                    return Err(format!("the constant is no `{}`", self.name(ty)));
                }
                gives(ty.clone())
            }
            ExprKind::Attr(_)
            | ExprKind::State
            | ExprKind::Local(_)
            | ExprKind::StateOf(_)
            | ExprKind::Inverse(..)
            | ExprKind::Myself
            | ExprKind::HasRole(_)
            | ExprKind::HasInstance(..)
            | ExprKind::HasEntitlement(..)
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::InSource(_)
            | ExprKind::Cell(_) => self.reading(kind, cx),
            ExprKind::Field(base, i) => {
                let fields = self.fields(self.ty(*base))?;
                let field = fields.get(*i as usize).ok_or_else(|| format!("there is no field {i}"))?;
                Ok(Given { ty: field.ty.clone(), absent: self.ty(*base).is_optional() })
            }
            ExprKind::Today => gives(Type::Date),
            ExprKind::TodayIn(zone) => self.textual(*zone).and(gives(Type::Date)),
            ExprKind::Now => gives(Type::Instant),
            ExprKind::Not(a) => self.is(*a, &Type::Bool).and(gives(Type::Bool)),
            ExprKind::And(list) | ExprKind::Or(list) => {
                list.iter().try_for_each(|e| self.is(*e, &Type::Bool))?;
                gives(Type::Bool)
            }
            ExprKind::Neg(a) => match self.ty(*a).required() {
                ty @ (Type::Int | Type::Decimal | Type::Duration | Type::Elapsed) => {
                    self.lifts(ty.clone(), &[*a])
                }
                other => Err(format!("`{}` has no opposite", self.name(other))),
            },
            ExprKind::Compare(..)
            | ExprKind::TextTest(..)
            | ExprKind::Contains(..)
            | ExprKind::InRange(..) => self.comparing(kind).and(gives(Type::Bool)),
            ExprKind::Matches(a, pattern) => {
                self.textual(*a)?;
                if pattern.folded != (*self.ty(*a) == Type::Text) {
                    return Err("the pattern folds, and its operand does not, or the other way round".into());
                }
                gives(Type::Bool)
            }
            ExprKind::IsPresent(_) => gives(Type::Bool),
            ExprKind::Coalesce(a, b) => {
                self.same(*a, *b)?;
                Ok(Given { ty: self.ty(*b).required().clone(), absent: self.ty(*b).is_optional() })
            }
            ExprKind::Arith(op, a, b) => {
                let (x, y) = (self.ty(*a).required(), self.ty(*b).required());
                match add_type(*op, x, y) {
                    Some(ty) => self.lifts(ty, &[*a, *b]),
                    None => Err(format!(
                        "`{}` is not defined on `{}` and `{}`",
                        op.symbol(),
                        self.name(x),
                        self.name(y)
                    )),
                }
            }
            ExprKind::ToText(a) => {
                let ty = match self.ty(*a).required() {
                    Type::Str | Type::Text => Type::Text,
                    Type::Set(t) if t.is_textual() => Type::Set(Box::new(Type::Text)),
                    other => return Err(format!("`{}` is no text", self.name(other))),
                };
                self.lifts(ty, &[*a])
            }
            ExprKind::If(c, a, b) => {
                self.is(*c, &Type::Bool)?;
                self.same(*a, *b)?;
                self.lifts(self.ty(*a).required().clone(), &[*a, *b])
            }
            ExprKind::Match(scrutinee, arms) => self.arms(*scrutinee, arms, cx),
            ExprKind::Interpolate(parts) => {
                let values: Vec<ExprId> = parts
                    .iter()
                    .filter_map(|p| if let StrPart::Value(e) = p { Some(*e) } else { None })
                    .collect();
                if let Some(bad) = values.iter().find(|e| !self.ty(**e).required().is_scalar()) {
                    return Err(format!("`{}` has no plain spelling", self.name(self.ty(*bad))));
                }
                self.lifts(Type::Str, &values)
            }
            ExprKind::Slice(a, from, to) => {
                let ty = self.ty(*a).required();
                if !ty.is_textual() {
                    return Err(format!("`{}` is no text", self.name(ty)));
                }
                from.iter().chain(to).try_for_each(|e| self.is(*e, &Type::Int))?;
                self.lifts(ty.clone(), &[*a])
            }
            ExprKind::Set(list) => {
                let Type::Set(of) = self.program.expr(id).ty.required() else {
                    return Err(format!("it is typed `{}` and gives a set", self.name(self.ty(id))));
                };
                list.iter().try_for_each(|e| self.is(*e, of))?;
                gives(Type::Set(of.clone()))
            }
            ExprKind::Quant { quant, list, cond, .. } => {
                self.settled(*list)?;
                cond.iter().try_for_each(|c| self.is(*c, &Type::Bool))?;
                gives(match quant {
                    Quant::Any | Quant::All => Type::Bool,
                    Quant::Count => Type::Int,
                })
            }
            ExprKind::Between(unit, a, b) => {
                if matches!(unit, Unit::Seconds | Unit::Minutes | Unit::Hours) {
                    return Err("whole units between dates are days or longer".into());
                }
                self.required_is(*a, &Type::Date)?;
                self.required_is(*b, &Type::Date)?;
                self.lifts(Type::Int, &[*a, *b])
            }
            ExprKind::AtTime(date, hour, minute, zone) => {
                self.required_is(*date, &Type::Date)?;
                zone.iter().try_for_each(|z| self.textual(*z))?;
                if *hour > 23 || *minute > 59 {
                    return Err(format!("there is no time {hour}:{minute:02}"));
                }
                self.lifts(Type::Instant, &[*date])
            }
            ExprKind::Call(builtin, args) => self.call(*builtin, args, cx),
            ExprKind::Let(_, _, body) | ExprKind::Named(_, body) => gives(self.ty(*body).clone()),
            ExprKind::Lookup(table, key) => {
                let def = self.schema().tables.get(table.index()).ok_or("there is no such table")?;
                let record =
                    self.schema().records.get(def.record.index()).ok_or("the table has no row type")?;
                let want = record.fields.get(def.key).ok_or("the table has no key")?;
                self.required_is(*key, want.ty.required())?;
                gives(Type::Record(def.record).optional())
            }
        }
    }

    /// Forms that read the subject, or what is around it.
    fn reading(&self, kind: &ExprKind, cx: &Context<'p>) -> Result<Given, String> {
        match kind {
            ExprKind::Attr(a) => {
                let def = self.schema().identity(self.identity(cx)?);
                let field =
                    def.attributes.get(a.index()).ok_or_else(|| format!("there is no attribute {}", a.0))?;
                gives(field.ty.clone())
            }
            ExprKind::State => gives(self.states(self.stateful(cx)?)?),
            ExprKind::StateOf(a) => {
                if !matches!(cx.subject, Subject::Lifecycle(_)) {
                    self.stateful(cx)?;
                }
                let of = self.referred(*a)?;
                self.states(of).and_then(|ty| self.lifts(ty, &[*a]))
            }
            ExprKind::Local(l) => {
                let bound = cx.locals.iter().find(|b| b.0 == *l);
                gives(bound.ok_or_else(|| format!("local {} is not bound here", l.0))?.1.clone())
            }
            ExprKind::Inverse(of, i) => {
                let (id, absent) = match of {
                    None => (self.identity(cx)?, false),
                    Some(e) => (self.referred(*e)?, self.ty(*e).is_optional()),
                };
                let inverse = self.schema().identity(id).inverses.get(*i as usize);
                let from = inverse.ok_or_else(|| format!("there is no inverse {i}"))?.from;
                Ok(Given { ty: Type::List(Box::new(Type::Identity(from))), absent })
            }
            ExprKind::Myself => gives(Type::Identity(self.identity(cx)?)),
            ExprKind::HasRole(r) => {
                let me = self.stateful(cx)?;
                let rule =
                    self.program.rules.get(*r as usize).ok_or_else(|| format!("there is no rule {r}"))?;
                if rule.identity != me {
                    return Err("the role is for another identity type".into());
                }
                gives(Type::Bool)
            }
            ExprKind::HasInstance(r, args) => {
                let me = self.stateful(cx)?;
                let rule =
                    self.program.rules.get(*r as usize).ok_or_else(|| format!("there is no rule {r}"))?;
                if rule.identity != me {
                    return Err("the role is for another identity type".into());
                }
                if rule.params.is_empty() || rule.params.len() != args.len() {
                    return Err("the role does not take these arguments".into());
                }
                args.iter().zip(&rule.params).try_for_each(|(e, p)| self.is(*e, &p.ty))?;
                gives(Type::Bool)
            }
            ExprKind::HasEntitlement(app, kind, args) => {
                self.stateful(cx)?;
                self.held(*app, *kind, args.as_deref()).and(gives(Type::Bool))
            }
            ExprKind::AccountAttr(app, i) => {
                let me = self.identity(cx)?;
                if !matches!(cx.subject, Subject::Account(_, Some(from)) if from == *app) {
                    return Err(
                        "only an account that comes from another may read that one's attributes".into()
                    );
                }
                if !self.program.accounts.iter().any(|a| a.app == *app && a.identity == me) {
                    return Err("the identity type has no account there".into());
                }
                let def = self.schema().apps.get(app.index()).and_then(|a| a.account.as_ref());
                let field = def.and_then(|d| d.attributes.get(*i as usize));
                gives(field.ok_or_else(|| format!("there is no attribute {i}"))?.ty.clone())
            }
            ExprKind::Unique(unique) => {
                self.identity(cx)?;
                if !matches!(cx.subject, Subject::Account(..)) {
                    return Err("only an account has unique names".into());
                }
                if unique.max == Some(0) {
                    return Err("a name of no length is none".into());
                }
                self.textual(unique.base)?;
                gives(self.ty(unique.base).clone())
            }
            ExprKind::InSource(s) => {
                let me = self.identity(cx)?;
                match self.schema().sources.get(*s as usize) {
                    Some(def) if def.identity == me => gives(Type::Bool),
                    Some(_) => Err("the source is of another identity type".into()),
                    None => Err(format!("there is no source {s}")),
                }
            }
            ExprKind::Cell(c) => match cx.subject {
                Subject::Row(source) if (*c as usize) < source.columns.len() => gives(Type::Str.optional()),
                Subject::Row(_) => Err(format!("there is no column {c}")),
                Subject::Lifecycle(_) | Subject::Account(..) | Subject::Identity(_) | Subject::Nobody => {
                    Err("cells are read only in source mappings".into())
                }
            },
            _ => Err("it reads nothing".into()),
        }
    }

    fn comparing(&self, kind: &ExprKind) -> Result<(), String> {
        match kind {
            ExprKind::Compare(op, a, b) => {
                let ty = self.settled(*a)?;
                self.is(*b, ty)?;
                let fits = match op {
                    CompareOp::Eq | CompareOp::Ne => !matches!(ty, Type::List(_) | Type::Record(_)),
                    CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge => ty.is_ordered(),
                };
                if fits {
                    Ok(())
                } else {
                    Err(format!("`{}` is not defined on `{}`", op.symbol(), self.name(ty)))
                }
            }
            ExprKind::TextTest(_, a, b) => {
                self.textual(*a)?;
                self.textual(*b)
            }
            ExprKind::Contains(set, value) => match self.settled(*set)? {
                Type::Set(of) => self.is(*value, of),
                other => Err(format!("`{}` is no set", self.name(other))),
            },
            ExprKind::InRange(value, low, high) => {
                let ty = self.settled(*value)?;
                if !ty.is_ordered() {
                    return Err(format!("`{}` has no order", self.name(ty)));
                }
                self.is(*low, ty)?;
                self.is(*high, ty)
            }
            _ => Err("it compares nothing".into()),
        }
    }

    fn held(&self, app: AppId, kind: KindId, args: Option<&[ExprId]>) -> Result<(), String> {
        let def = self.schema().apps.get(app.index()).and_then(|a| a.kinds.get(kind.index()));
        let types = &def.ok_or("there is no such kind")?.types;
        let Some(args) = args else { return Ok(()) };
        if args.len() != types.len() {
            return Err("it does not have one value a type of its kind".into());
        }
        args.iter().zip(types).try_for_each(|(e, t)| self.is(*e, t))
    }

    fn arms(&self, scrutinee: ExprId, arms: &[Arm], cx: &Context<'p>) -> Result<Given, String> {
        let on = self.ty(scrutinee);
        if !on.required().is_scalar() {
            return Err(format!("`match` takes a plain value, not `{}`", self.name(on)));
        }
        let Some(first) = arms.first() else { return Err("a `match` needs an arm".into()) };
        let mut absent = false;
        for arm in arms {
            self.same(first.value, arm.value)?;
            absent |= self.ty(arm.value).is_optional();
            for pattern in &arm.patterns {
                let fits = match pattern {
                    ArmPattern::Any => true,
                    ArmPattern::Absent => on.is_optional(),
                    ArmPattern::Value(v) => conforms(v, on.required(), self.schema()),
                    ArmPattern::Range(low, high) => {
                        on.required().is_ordered()
                            && conforms(low, on.required(), self.schema())
                            && conforms(high, on.required(), self.schema())
                    }
                };
                if !fits {
                    return Err(format!("a pattern does not fit `{}`", self.name(on)));
                }
            }
        }
        // In a source mapping a value without an arm rejects the row.
        if !matches!(cx.subject, Subject::Row(_)) && !self.exhaustive(on, arms) {
            return Err(format!("no arm takes some values of `{}`", self.name(on)));
        }
        Ok(Given { ty: self.ty(first.value).required().clone(), absent })
    }

    fn exhaustive(&self, on: &Type, arms: &[Arm]) -> bool {
        let patterns = || arms.iter().flat_map(|a| &a.patterns);
        if patterns().any(|p| matches!(p, ArmPattern::Any)) {
            return true;
        }
        if on.is_optional() && !patterns().any(|p| matches!(p, ArmPattern::Absent)) {
            return false;
        }
        let taken = |v: &Value<'_>| {
            patterns().any(|p| match p {
                ArmPattern::Value(x) => equal(x, v),
                ArmPattern::Range(low, high) => prov_model::in_range(v, low, high),
                ArmPattern::Any | ArmPattern::Absent => false,
            })
        };
        match on.required() {
            Type::Bool => taken(&Value::Bool(true)) && taken(&Value::Bool(false)),
            Type::Enum(id) => {
                let variants = self.schema().enums[id.index()].variants.len() as u32;
                (0..variants).all(|v| taken(&Value::Enum(v)))
            }
            _ => false,
        }
    }

    fn call(&self, builtin: Builtin, args: &[ExprId], cx: &Context<'p>) -> Result<Given, String> {
        let info = builtin.info();
        let least = info.params.iter().filter(|p| !p.2).count();
        if args.len() < least || args.len() > info.params.len() {
            return Err(format!("`{}` does not take {} arguments", info.name, args.len()));
        }
        let types: Vec<Type> = args.iter().map(|a| self.ty(*a).required().clone()).collect();
        for ((arg, ty), (name, param, _)) in args.iter().zip(&types).zip(info.params) {
            let fits = match param {
                ParamType::Textual => ty.is_textual(),
                ParamType::Int => *ty == Type::Int,
                ParamType::Date => *ty == Type::Date,
                ParamType::Instant => *ty == Type::Instant,
                ParamType::Scalar => ty.is_scalar(),
                ParamType::Ordered => ty.is_ordered() && *ty == types[0],
                ParamType::Number => matches!(ty, Type::Int | Type::Decimal),
                ParamType::Many => matches!(ty, Type::Set(_) | Type::List(_)),
                ParamType::Texts => matches!(ty, Type::Set(of) if of.is_textual()),
                ParamType::Dates => matches!(ty, Type::Set(of) if **of == Type::Date),
                ParamType::Constant => matches!(self.program.expr(*arg).kind, ExprKind::Const(Value::Str(_))),
            };
            if !fits {
                return Err(format!("`{name}` of `{}` can't be `{}`", info.name, self.name(ty)));
            }
        }
        let given = self.lifts(builtin.result(&types), args)?;
        // In a source mapping a failing call rejects the row.
        Ok(Given {
            absent: given.absent || (builtin.can_fail(&types) && !matches!(cx.subject, Subject::Row(_))),
            ..given
        })
    }

    fn identity(&self, cx: &Context<'_>) -> Result<IdentityId, String> {
        match cx.subject {
            Subject::Lifecycle(id) | Subject::Account(id, _) | Subject::Identity(id) => Ok(id),
            Subject::Row(_) => Err("a source mapping reads only its row".into()),
            Subject::Nobody => Err("there is no identity here".into()),
        }
    }

    /// The identity, where states, roles and entitlements may be asked for.
    fn stateful(&self, cx: &Context<'_>) -> Result<IdentityId, String> {
        match cx.subject {
            Subject::Lifecycle(_) => Err("a lifecycle reads no state, role or entitlement".into()),
            Subject::Account(id, _) | Subject::Identity(id) => Ok(id),
            Subject::Row(_) | Subject::Nobody => self.identity(cx),
        }
    }

    fn states(&self, of: IdentityId) -> Result<Type, String> {
        let lifecycle = self.schema().identity(of).lifecycle.as_ref();
        Ok(Type::Enum(lifecycle.ok_or("the identity type has no lifecycle")?.states))
    }

    fn referred(&self, e: ExprId) -> Result<IdentityId, String> {
        match self.ty(e).required() {
            Type::Identity(id) => Ok(*id),
            other => Err(format!("`{}` is no identity", self.name(other))),
        }
    }

    fn fields(&self, base: &Type) -> Result<&'p [FieldDef], String> {
        match base.required() {
            Type::Record(r) => Ok(&self.schema().records[r.index()].fields),
            Type::Identity(i) => Ok(&self.schema().identity(*i).attributes),
            other => Err(format!("`{}` has no fields", self.name(other))),
        }
    }

    /// The type of an operand that must be present.
    fn settled(&self, e: ExprId) -> Result<&'p Type, String> {
        let ty = self.ty(e);
        if ty.is_optional() { Err(format!("an operand may be absent: `{}`", self.name(ty))) } else { Ok(ty) }
    }

    fn is(&self, e: ExprId, want: &Type) -> Result<(), String> {
        let ty = self.settled(e)?;
        if ty == want {
            return Ok(());
        }
        Err(format!("an operand is `{}` and must be `{}`", self.name(ty), self.name(want)))
    }

    fn required_is(&self, e: ExprId, want: &Type) -> Result<(), String> {
        let ty = self.ty(e).required();
        if ty == want {
            return Ok(());
        }
        Err(format!("an operand is `{}` and must be `{}`", self.name(ty), self.name(want)))
    }

    fn same(&self, a: ExprId, b: ExprId) -> Result<(), String> {
        let (x, y) = (self.ty(a).required(), self.ty(b).required());
        if x == y {
            Ok(())
        } else {
            Err(format!("its branches differ: `{}` and `{}`", self.name(x), self.name(y)))
        }
    }

    fn textual(&self, e: ExprId) -> Result<(), String> {
        let ty = self.settled(e)?;
        if ty.is_textual() { Ok(()) } else { Err(format!("`{}` is no text", self.name(ty))) }
    }

    fn lifts(&self, ty: Type, operands: &[ExprId]) -> Result<Given, String> {
        Ok(Given { ty, absent: operands.iter().any(|e| self.ty(*e).is_optional()) })
    }
}

/// What a form gives: its type, and whether it may be absent though the type alone does not say so.
struct Given {
    ty: Type,
    absent: bool,
}

fn gives(ty: Type) -> Result<Given, String> {
    Ok(Given { ty, absent: false })
}
