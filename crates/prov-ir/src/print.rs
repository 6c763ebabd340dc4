//! A program as text, for snapshots and `prov check --emit ir`: names instead of numbers, in the order of the program.
//! Invariant: the same program gives the same text, of a length that grows with the program, whatever trees share.

use crate::verify::{arena, step_name};
use crate::{
    Arm, ArmPattern, AttributeProgram, EachProgram, ExprId, ExprKind, GrantProgram, GrantValue, Program,
    Quant, StrPart,
};
use prov_model::{AppId, IdentityId, KindId, ProtectWhat, RuleKind, SourcePart, Span, Type, Value};
use std::collections::HashMap;
use std::fmt::Write;

/// How long a tree on one line may be.
const WIDTH: usize = 90;

/// The whole program as readable text. Names that are missing are numbers; only of expressions that are no trees there
/// is nothing to print but that.
pub fn print(program: &Program) -> String {
    if let Err(e) = arena(program) {
        return format!("{e}\n");
    }
    let mut p = Printer {
        program,
        out: String::new(),
        subject: Subject { identity: None, columns: &[] },
        lets: vec![],
        named: HashMap::new(),
    };
    let _ = writeln!(p.out, "zone {}", program.zone.name());
    p.sources();
    p.lifecycles();
    p.federations();
    p.accounts();
    p.rules();
    p.forbids();
    p.role_forbids();
    p.separations();
    p.beside();
    p.lets();
    p.strata();
    p.out
}

/// Whom the expressions at hand are about: it gives attributes and cells their names.
#[derive(Clone, Copy)]
struct Subject<'p> {
    identity: Option<IdentityId>,
    columns: &'p [String],
}

struct Printer<'p> {
    program: &'p Program,
    out: String,
    subject: Subject<'p>,
    /// Named expressions in order of first sight; each is printed once.
    lets: Vec<(String, ExprId, Subject<'p>)>,
    named: HashMap<(String, ExprId), String>,
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{}{text}", "  ".repeat(depth));
    }

    /// An expression under a head: on its line where short, else operand by operand below.
    fn tree(&mut self, depth: usize, head: &str, id: ExprId) {
        if id.0 as usize >= self.program.exprs.len() {
            return self.line(depth, &format!("{head} <no expression {}>", id.0));
        }
        let mut flat = String::new();
        if self.flat(id, &mut flat, WIDTH.saturating_sub(2 * depth + head.len())) {
            let space = if head.is_empty() { "" } else { " " };
            return self.line(depth, &format!("{head}{space}{flat}"));
        }
        let kind = &self.program.expr(id).kind;
        let word = self.word(id);
        let space = if head.is_empty() || word.is_empty() { "" } else { " " };
        self.line(depth, &format!("{head}{space}{word}"));
        match kind {
            ExprKind::Match(on, arms) => {
                self.tree(depth + 1, "", *on);
                for arm in arms {
                    let patterns = self.patterns(arm, *on);
                    self.tree(depth + 1, &format!("{patterns} =>"), arm.value);
                }
            }
            ExprKind::Interpolate(parts) => {
                for part in parts {
                    match part {
                        StrPart::Text(t) => self.line(depth + 1, &format!("{t:?}")),
                        StrPart::Value(e) => self.tree(depth + 1, "", *e),
                    }
                }
            }
            // Its body stands among the lets.
            ExprKind::Named(..) => {}
            kind => {
                let mut children = vec![];
                kind.children(|c| children.push(c));
                children.into_iter().for_each(|c| self.tree(depth + 1, "", c));
            }
        }
    }

    fn patterns(&self, arm: &Arm, on: ExprId) -> String {
        let ty = &self.program.expr(on).ty;
        let one = |p: &ArmPattern| match p {
            ArmPattern::Any => "_".to_owned(),
            ArmPattern::Absent => "absent".to_owned(),
            ArmPattern::Value(v) => self.value(v, ty),
            ArmPattern::Range(a, b) => format!("{}..{}", self.value(a, ty), self.value(b, ty)),
        };
        arm.patterns.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// A constant; numbers of variants that are out of range stay numbers.
    fn value(&self, value: &Value<'_>, ty: &Type) -> String {
        match (value, ty.required()) {
            (Value::Enum(v), Type::Enum(id)) => {
                let def = self.program.schema.enums.get(id.index());
                def.and_then(|d| d.variants.get(*v as usize)).cloned().unwrap_or_else(|| format!("#{v}"))
            }
            (Value::Enum(v), _) => format!("#{v}"),
            (Value::Set(items), Type::Set(of)) => {
                let items: Vec<_> = items.iter().map(|i| self.value(i, of)).collect();
                format!("[{}]", items.join(", "))
            }
            (Value::Text(t), _) => format!("{:?}t", &*t.spelled),
            (value, ty) => value.shown(ty, &self.program.schema),
        }
    }

    fn app(&self, app: AppId) -> String {
        self.program.schema.apps.get(app.index()).map_or_else(|| format!("app#{}", app.0), |a| a.name.clone())
    }

    fn kind(&self, app: AppId, kind: KindId) -> String {
        let def = self.program.schema.apps.get(app.index()).and_then(|a| a.kinds.get(kind.index()));
        let name = def.map_or_else(|| format!("kind#{}", kind.0), |k| k.name.clone());
        format!("{}.{name}", self.app(app))
    }

    fn rule(&self, rule: u32) -> String {
        let id = self.program.rules.get(rule as usize).map(|r| r.rule.index());
        let info = id.and_then(|i| self.program.schema.rules.get(i));
        info.map_or_else(|| format!("rule#{rule}"), |r| r.name.clone())
    }

    fn field(&self, base: ExprId, i: u32) -> String {
        let schema = &self.program.schema;
        let fields = match self.program.expr(base).ty.required() {
            Type::Record(r) => schema.records.get(r.index()).map(|r| &r.fields),
            Type::Identity(id) => schema.identities.get(id.index()).map(|d| &d.attributes),
            _ => None,
        };
        fields.and_then(|f| f.get(i as usize)).map_or_else(|| format!("#{i}"), |f| f.name.clone())
    }

    /// The name of a `let`; bodies that differ under one name are told apart by a number.
    fn named(&mut self, name: &str, id: ExprId) -> String {
        if let Some(known) = self.named.get(&(name.to_owned(), id)) {
            return known.clone();
        }
        let others = self.named.keys().filter(|k| k.0 == name).count();
        let label = if others == 0 { name.to_owned() } else { format!("{name}#{}", others + 1) };
        self.named.insert((name.to_owned(), id), label.clone());
        self.lets.push((label.clone(), id, self.subject));
        label
    }
}

/// Expressions on one line.
impl Printer<'_> {
    /// Writes a tree; false, and the text cut short, where it is longer than `budget`.
    fn flat(&mut self, id: ExprId, out: &mut String, budget: usize) -> bool {
        let program = self.program;
        let kind = &program.expr(id).kind;
        let infix = |word: String, list: &[ExprId]| (word, list.to_vec());
        let (word, operands) = match kind {
            ExprKind::And(list) => infix(" and ".into(), list),
            ExprKind::Or(list) => infix(" or ".into(), list),
            ExprKind::Compare(op, a, b) => infix(format!(" {} ", op.symbol()), &[*a, *b]),
            ExprKind::TextTest(op, a, b) => infix(format!(" {} ", op.symbol()), &[*a, *b]),
            ExprKind::Arith(op, a, b) => infix(format!(" {} ", op.symbol()), &[*a, *b]),
            ExprKind::Contains(a, b) => infix(" contains ".into(), &[*a, *b]),
            ExprKind::Coalesce(a, b) => infix(" ?? ".into(), &[*a, *b]),
            ExprKind::InRange(v, low, high) => {
                return self.joined(
                    out,
                    budget,
                    &[Err("("), Ok(*v), Err(" in "), Ok(*low), Err(".."), Ok(*high), Err(")")],
                );
            }
            ExprKind::IsPresent(a) => {
                return self.joined(out, budget, &[Err("("), Ok(*a), Err(" is present)")]);
            }
            ExprKind::Field(a, i) => {
                let field = format!(".{}", self.field(*a, *i));
                return self.joined(out, budget, &[Ok(*a), Err(&field)]);
            }
            ExprKind::Set(list) => {
                let mut parts = vec![Err("[")];
                push_list(&mut parts, list);
                parts.push(Err("]"));
                return self.joined(out, budget, &parts);
            }
            ExprKind::Interpolate(list) => {
                let texts: Vec<String> =
                    list.iter()
                        .map(|p| {
                            if let StrPart::Text(t) = p {
                                t.escape_debug().to_string()
                            } else {
                                String::new()
                            }
                        })
                        .collect();
                let mut parts = vec![Err("\"")];
                for (part, text) in list.iter().zip(&texts) {
                    match part {
                        StrPart::Text(_) => parts.push(Err(text)),
                        StrPart::Value(e) => parts.extend([Err("{"), Ok(*e), Err("}")]),
                    }
                }
                parts.push(Err("\""));
                return self.joined(out, budget, &parts);
            }
            ExprKind::Match(on, arms) => {
                let patterns: Vec<String> =
                    arms.iter().map(|a| format!("{} => ", self.patterns(a, *on))).collect();
                let mut parts = vec![Err("match "), Ok(*on), Err(" { ")];
                for (i, (arm, p)) in arms.iter().zip(&patterns).enumerate() {
                    parts.extend([Err(if i == 0 { "" } else { ", " }), Err(p), Ok(arm.value)]);
                }
                parts.push(Err(" }"));
                return self.joined(out, budget, &parts);
            }
            _ => {
                let word = self.word(id);
                let mut children = vec![];
                if !matches!(kind, ExprKind::Named(..)) {
                    kind.children(|c| children.push(c));
                }
                let mut parts = vec![Err(word.as_str())];
                if !children.is_empty() {
                    parts.push(Err("("));
                    push_list(&mut parts, &children);
                    parts.push(Err(")"));
                }
                return self.joined(out, budget, &parts);
            }
        };
        let mut parts = vec![Err("(")];
        for (i, e) in operands.iter().enumerate() {
            if i > 0 {
                parts.push(Err(&word));
            }
            parts.push(Ok(*e));
        }
        parts.push(Err(")"));
        self.joined(out, budget, &parts)
    }

    fn joined(&mut self, out: &mut String, budget: usize, parts: &[Result<ExprId, &str>]) -> bool {
        parts.iter().all(|part| {
            match part {
                Ok(e) => return self.flat(*e, out, budget),
                Err(text) => out.push_str(text),
            }
            out.len() <= budget
        })
    }

    /// The form without its operands: all of a leaf.
    fn word(&mut self, id: ExprId) -> String {
        let program = self.program;
        let schema = &program.schema;
        let expr = program.expr(id);
        match &expr.kind {
            ExprKind::Const(v) => self.value(v, &expr.ty),
            ExprKind::Attr(a) => {
                let def = self.subject.identity.and_then(|i| schema.identities.get(i.index()));
                let field = def.and_then(|d| d.attributes.get(a.index()));
                field.map_or_else(|| format!("attribute#{}", a.0), |f| f.name.clone())
            }
            ExprKind::State => "state".into(),
            ExprKind::Local(l) => format!("${}", l.0),
            ExprKind::Field(a, i) => format!("field {}", self.field(*a, *i)),
            ExprKind::StateOf(_) => "state of".into(),
            ExprKind::Inverse(of, i) => {
                let id = match of {
                    None => self.subject.identity,
                    Some(e) => match program.expr(*e).ty.required() {
                        Type::Identity(id) => Some(*id),
                        _ => None,
                    },
                };
                let def = id.and_then(|id| schema.identities.get(id.index()));
                let name = def.and_then(|d| d.inverses.get(*i as usize)).map(|v| v.name.clone());
                let of = if of.is_some() { " of" } else { "" };
                format!("{}{of}", name.unwrap_or_else(|| format!("inverse#{i}")))
            }
            ExprKind::Myself => "myself".into(),
            ExprKind::Today => "today".into(),
            ExprKind::TodayIn(_) => "today in".into(),
            ExprKind::Now => "now".into(),
            ExprKind::Not(_) => "not".into(),
            ExprKind::Neg(_) => "-".into(),
            ExprKind::And(_) => "and".into(),
            ExprKind::Or(_) => "or".into(),
            ExprKind::Compare(op, ..) => op.symbol().into(),
            ExprKind::TextTest(op, ..) => op.symbol().into(),
            ExprKind::Contains(..) => "contains".into(),
            ExprKind::InRange(..) => "in range".into(),
            ExprKind::Matches(_, p) => {
                let folded = if p.folded { " folded" } else { "" };
                if p.is_regex {
                    format!("matches{folded} /{}/", p.source)
                } else {
                    format!("matches{folded} {:?}", p.source)
                }
            }
            ExprKind::IsPresent(_) => "is present".into(),
            ExprKind::Coalesce(..) => "??".into(),
            ExprKind::Arith(op, ..) => op.symbol().into(),
            ExprKind::ToText(_) => "to text".into(),
            ExprKind::If(..) => "if".into(),
            ExprKind::Match(..) => "match".into(),
            ExprKind::Interpolate(_) => "string".into(),
            ExprKind::Slice(_, from, to) => match (from, to) {
                (None, None) => "slice".into(),
                (Some(_), None) => "slice from".into(),
                (None, Some(_)) => "slice to".into(),
                (Some(_), Some(_)) => "slice from to".into(),
            },
            ExprKind::Set(_) => "set".into(),
            ExprKind::Quant { quant, local, .. } => {
                let word = match quant {
                    Quant::Any => "any",
                    Quant::All => "all",
                    Quant::Count => "count",
                };
                format!("{word} ${}", local.0)
            }
            ExprKind::Between(unit, ..) => format!("{} between", unit.name()),
            ExprKind::AtTime(_, h, m, _) => format!("at {h:02}:{m:02}"),
            ExprKind::Call(b, _) => b.info().name.into(),
            ExprKind::Let(l, ..) => format!("let ${}", l.0),
            ExprKind::Named(name, body) => {
                let name = name.clone();
                self.named(&name, *body)
            }
            ExprKind::Lookup(t, _) => {
                schema.tables.get(t.index()).map_or_else(|| format!("table#{}", t.0), |t| t.name.clone())
            }
            ExprKind::HasRole(r) => format!("has {}", self.rule(*r)),
            ExprKind::HasInstance(r, _) => format!("has {} of", self.rule(*r)),
            ExprKind::HasEntitlement(app, kind, _) => format!("has {}", self.kind(*app, *kind)),
            ExprKind::InSource(s) => {
                let of = self.program.schema.sources.get(*s as usize);
                of.map_or_else(|| format!("in source#{s}"), |d| format!("in {}", d.name))
            }
            ExprKind::AccountAttr(app, i) => {
                let def = schema.apps.get(app.index()).and_then(|a| a.account.as_ref());
                let name = def.and_then(|d| d.attributes.get(*i as usize)).map(|f| f.name.clone());
                format!("{}.{}", self.app(*app), name.unwrap_or_else(|| format!("#{i}")))
            }
            ExprKind::Unique(unique) => {
                let max = unique.max.map(|max| format!(" max {max}")).unwrap_or_default();
                format!("unique{max}{}", if unique.rename { " rename on change" } else { "" })
            }
            ExprKind::Cell(c) => match self.subject.columns.get(*c as usize) {
                Some(name) => format!("row[{name:?}]"),
                None => format!("row[#{c}]"),
            },
        }
    }
}

fn push_list(parts: &mut Vec<Result<ExprId, &str>>, list: &[ExprId]) {
    for (i, e) in list.iter().enumerate() {
        if i > 0 {
            parts.push(Err(", "));
        }
        parts.push(Ok(*e));
    }
}

/// The parts of a program, in its order.
impl<'p> Printer<'p> {
    fn about(&mut self, identity: IdentityId) -> String {
        self.subject = Subject { identity: Some(identity), columns: &[] };
        let def = self.program.schema.identities.get(identity.index());
        def.map_or_else(|| format!("identity#{}", identity.0), |d| d.name.clone())
    }

    fn sources(&mut self) {
        for source in &self.program.sources {
            let def = self.program.schema.sources.get(source.source as usize);
            let (name, of) = match def {
                Some(d) => (d.name.clone(), self.about(d.identity)),
                None => (format!("source#{}", source.source), "?".to_owned()),
            };
            let fields = def.map_or(&[][..], |d| {
                let known = self.program.schema.identities.len() > d.identity.index();
                if known { self.program.schema.fields_of(d) } else { &[] }
            });
            self.subject = Subject { identity: None, columns: &source.columns };
            let part = def.map_or(String::new(), |d| self.part(d));
            self.line(0, &format!("source {name} of {of}{part}"));
            if let Some(join) = &source.join {
                self.mapping("joins", join);
            }
            if let Some(effective) = &source.effective {
                self.mapping("effective from", effective);
            }
            for (i, mapping) in source.attributes.iter().enumerate() {
                self.mapping(fields.get(i).map_or("?", |f| &f.name), mapping);
            }
        }
        self.orders();
    }

    fn part(&self, def: &prov_model::SourceDef) -> String {
        let identity = self.program.schema.identities.get(def.identity.index());
        let name = |a: prov_model::AttrId| {
            identity.and_then(|d| d.attributes.get(a.index())).map_or("?", |a| a.name.as_str())
        };
        match def.part {
            SourcePart::Authoritative => " authoritative".to_owned(),
            SourcePart::Enriching(joins) => format!(" joins {}", name(joins)),
            SourcePart::Elements { list, joins } => format!(".{} joins {}", name(list), name(joins)),
        }
    }

    fn mapping(&mut self, name: &str, mapping: &AttributeProgram) {
        match mapping {
            AttributeProgram::Mapped(e) => self.tree(1, &format!("{name} ="), *e),
            AttributeProgram::Column(c) => {
                let column = self.subject.columns.get(*c as usize);
                let column = column.map_or_else(|| format!("#{c}"), |c| format!("{c:?}"));
                self.line(1, &format!("{name} = column {column}"));
            }
            AttributeProgram::Nothing => self.line(1, &format!("{name} = nothing")),
        }
    }

    /// Attributes that several sources bring, in the order that counts.
    fn orders(&mut self) {
        let schema = &self.program.schema;
        let name = |s: &u32| schema.sources.get(*s as usize).map_or("?", |d| d.name.as_str());
        let mut lines = Vec::new();
        for (def, attributes) in schema.identities.iter().zip(&self.program.brought) {
            for (attribute, sources) in def.attributes.iter().zip(attributes).filter(|(_, s)| s.len() > 1) {
                let sources: Vec<&str> = sources.iter().map(name).collect();
                lines.push(format!("prefer {}.{} from {}", def.name, attribute.name, sources.join(", ")));
            }
        }
        for line in lines {
            self.line(0, &line);
        }
    }

    fn lifecycles(&mut self) {
        for lifecycle in &self.program.lifecycles {
            let of = self.about(lifecycle.identity);
            self.line(0, &format!("lifecycle {of}"));
            let identity = self.program.schema.identities.get(lifecycle.identity.index());
            let states = identity.and_then(|d| d.lifecycle.as_ref());
            for (i, when) in lifecycle.conditions.iter().enumerate() {
                let name = states.and_then(|s| s.defs.get(i)).map_or("?", |s| &s.name);
                match when {
                    Some(e) => self.tree(1, &format!("state {name} when"), *e),
                    None => self.line(1, &format!("state {name} otherwise")),
                }
            }
        }
    }

    fn federations(&mut self) {
        for (def, federation) in self.program.schema.federations.iter().zip(&self.program.federations) {
            let of = self.about(def.identity);
            self.line(0, &format!("federation {} of {of}", def.name));
            if let Some(e) = federation.of {
                self.tree(1, "of it", e);
            }
            for (why, e) in &federation.out {
                self.tree(1, why.words(), *e);
            }
        }
    }

    fn accounts(&mut self) {
        for account in &self.program.accounts {
            let of = self.about(account.identity);
            let name = self.app(account.app);
            self.line(0, &format!("account {name} for {of}"));
            account.when.iter().for_each(|e| self.tree(1, "when", *e));
            account.enabled.iter().for_each(|e| self.tree(1, "enabled =", *e));
            let keys = self.program.schema.apps.get(account.app.index()).and_then(|a| a.account.as_ref());
            for c in &account.correlate {
                let key = keys.and_then(|d| d.correlate.get(c.key as usize)).map_or("#", |f| &f.name);
                self.tree(1, &format!("correlate{} {key} =", if c.folds { " folded" } else { "" }), c.value);
            }
            let def = self.program.schema.apps.get(account.app.index()).and_then(|a| a.account.as_ref());
            for (i, value) in account.attributes.iter().enumerate() {
                let name = def.and_then(|d| d.attributes.get(i)).map_or("?", |f| &f.name);
                self.tree(1, &format!("{name} ="), *value);
            }
        }
    }

    fn rules(&mut self) {
        for (i, rule) in self.program.rules.iter().enumerate() {
            let of = self.about(rule.identity);
            let kind = match self.program.schema.rules.get(rule.rule.index()).map(|r| r.kind) {
                Some(RuleKind::Birthright) => "birthright",
                Some(RuleKind::Role) => "role",
                _ => "rule",
            };
            let name = self.rule(i as u32);
            let params: Vec<String> = (0..)
                .zip(&rule.params)
                .map(|(n, p): (u32, _)| format!("${n}: {}", p.ty.name(&self.program.schema)))
                .collect();
            let params = if params.is_empty() { String::new() } else { format!("({})", params.join(", ")) };
            self.line(0, &format!("{kind} {name}{params} for {of}"));
            rule.when.iter().for_each(|e| self.tree(1, "when", *e));
            if let Some(asked) = &rule.requestable {
                let at_most = match asked.at_most {
                    Some(Span::Calendar(time)) => format!(" for at most {time}"),
                    Some(Span::Clock(time)) => format!(" for at most {time}"),
                    None => String::new(),
                };
                self.line(1, &format!("requestable{at_most}"));
                asked.when.iter().for_each(|e| self.tree(2, "when", *e));
                asked.approved_by.iter().for_each(|e| self.tree(2, "approved by", *e));
            }
            for r in &rule.includes {
                let name = self.rule(*r);
                self.line(1, &format!("includes {name}"));
                for instance in rule.instances.iter().filter(|x| x.role == *r) {
                    let depth = self.loops(&instance.each, 2);
                    instance.args.iter().for_each(|e| self.tree(depth, "argument", *e));
                }
            }
            rule.grants.iter().for_each(|g| self.grant(g));
        }
    }

    /// Loops from a depth on; the depth within them.
    fn loops(&mut self, each: &[EachProgram], mut depth: usize) -> usize {
        for each in each {
            self.tree(depth, &format!("each ${} in", each.local.0), each.list);
            each.filter.iter().for_each(|f| self.tree(depth + 1, "where", *f));
            depth += 1;
        }
        depth
    }

    fn grant(&mut self, grant: &GrantProgram) {
        let depth = self.loops(&grant.each, 1);
        let kind = self.kind(grant.app, grant.kind);
        self.line(depth, &format!("grant {kind}"));
        for value in &grant.values {
            match value {
                GrantValue::One(e) => self.tree(depth + 1, "value", *e),
                GrantValue::Each(e) => self.tree(depth + 1, "each value of", *e),
            }
        }
        grant.when.iter().for_each(|e| self.tree(depth + 1, "when", *e));
        grant.from.iter().for_each(|e| self.tree(depth + 1, "from", *e));
        if let Some(end) = grant.until {
            self.tree(depth + 1, if end.through { "through" } else { "until" }, end.at);
        }
        grant.keep.iter().for_each(|e| self.tree(depth + 1, "keep", *e));
    }

    fn forbids(&mut self) {
        for (i, forbid) in self.program.forbids.iter().enumerate() {
            let of = forbid.identity.map_or_else(|| "everyone".to_owned(), |id| self.about(id));
            let what = self.program.schema.forbids.get(i).map(|def| match def.kind {
                Some(kind) => self.kind(def.app, kind),
                None => self.app(def.app),
            });
            self.line(0, &format!("forbid {} for {of}", what.unwrap_or_else(|| format!("#{i}"))));
            match forbid.when {
                Some(e) => self.tree(1, "when", e),
                None => self.line(1, "always"),
            }
        }
    }

    fn role_forbids(&mut self) {
        for (forbid, def) in self.program.role_forbids.iter().zip(&self.program.schema.role_forbids) {
            let of = forbid.identity.map_or_else(|| "everyone".to_owned(), |id| self.about(id));
            let role = self.rule(def.role.position);
            self.line(0, &format!("forbid role {role} for {of}"));
            match forbid.when {
                Some(e) => self.tree(1, "when", e),
                None => self.line(1, "always"),
            }
        }
    }

    fn separations(&mut self) {
        for def in &self.program.schema.separations {
            self.line(0, &format!("separate {} of", def.at_least));
            for (number, side) in def.sides.iter().enumerate() {
                let what = if def.resolve.withholds(number) { "withheld" } else { "stays" };
                self.line(1, &format!("{}: {what}", side.shown));
            }
        }
    }

    /// What stands beside the rules: what is protected, seats, what is observed.
    fn beside(&mut self) {
        let schema = &self.program.schema;
        for def in &schema.protects {
            let at_least = match &def.what {
                ProtectWhat::Identity { .. } => String::new(),
                ProtectWhat::Members { at_least, .. } => format!(" at least {at_least}"),
            };
            self.line(0, &format!("{}{at_least}", schema.rule(def.rule).name));
        }
        for def in &schema.limits {
            self.line(0, &format!("{} at most {}", schema.rule(def.rule).name, def.at_most));
        }
        let observed = &self.program.observed;
        for (rule, grant) in &observed.grants {
            self.line(0, &format!("observed {} grant {grant}", self.rule(*rule)));
        }
        let at = |i: &u32| *i as usize;
        let rules = observed.rules.iter().filter_map(|r| Some(self.program.rules.get(at(r))?.rule));
        let forbids = observed.forbids.iter().filter_map(|f| Some(schema.forbids.get(at(f))?.rule));
        let roles = observed.role_forbids.iter().filter_map(|f| Some(schema.role_forbids.get(at(f))?.rule));
        let separations =
            observed.separations.iter().filter_map(|s| Some(schema.separations.get(at(s))?.rule));
        let all: Vec<_> = rules.chain(forbids).chain(roles).chain(separations).collect();
        for rule in all {
            let name = schema.rules.get(rule.index()).map_or("", |r| &r.name);
            self.line(0, &format!("observed {name}"));
        }
    }

    fn lets(&mut self) {
        let mut next = 0;
        // Bodies name further ones.
        while let Some((label, body, subject)) = self.lets.get(next).cloned() {
            self.subject = subject;
            self.tree(0, &format!("let {label} ="), body);
            next += 1;
        }
    }

    fn strata(&mut self) {
        self.line(0, "strata");
        for stratum in &self.program.strata {
            let names: Vec<String> = stratum.iter().map(|n| step_name(self.program, *n)).collect();
            self.line(1, &names.join(", "));
        }
    }
}
