//! Conditions taken apart, clause by clause, with the operands that were read.
//! Invariant: parts are asked in the order in which evaluation asks them; what it does not reach is not asked.

use super::{Clause, ClauseKind, Outcome, Read};
use crate::facts::Tri;
use crate::instances::Step;
use crate::interp::{Interp, Res};
use prov_ir::{ExprId, ExprKind, Local, Quant, StrPart};
use prov_model::{AttrId, Type, Value};

/// Elements of a list that are shown.
const ELEMENTS: usize = 8;
/// How deep roles that ask for roles are followed.
const ROLES: usize = 4;

impl Outcome {
    pub(super) fn of(result: Res<Option<bool>>) -> Outcome {
        match result {
            Ok(Some(true)) => Outcome::True,
            Ok(_) => Outcome::False,
            Err(_) => Outcome::Unknown,
        }
    }
}

impl From<Tri> for Outcome {
    fn from(tri: Tri) -> Outcome {
        match tri {
            Tri::Yes => Outcome::True,
            Tri::No => Outcome::False,
            Tri::Unknown(_) => Outcome::Unknown,
        }
    }
}

impl<'a> Interp<'a> {
    /// A condition with its parts; `roles` counts the roles it was reached through.
    pub(crate) fn clause(&mut self, id: ExprId, roles: usize) -> Clause {
        let program = self.world.program;
        let expr = program.expr(id);
        let mut clause = Clause {
            place: expr.span.into(),
            kind: ClauseKind::Test,
            outcome: Outcome::of(self.test(id)),
            reads: Vec::new(),
            clauses: Vec::new(),
        };
        match &expr.kind {
            ExprKind::And(list) => {
                clause.kind = ClauseKind::All;
                clause.clauses = self.parts(list, Outcome::False, roles);
            }
            ExprKind::Or(list) => {
                clause.kind = ClauseKind::Any;
                clause.clauses = self.parts(list, Outcome::True, roles);
            }
            // `x is absent`, `not in`: one test for whoever wrote it.
            ExprKind::Not(of) if program.expr(*of).span == expr.span => {
                self.collect_reads(*of, &mut clause.reads);
            }
            ExprKind::Not(of) => {
                clause.kind = ClauseKind::Not;
                clause.clauses = vec![self.clause(*of, roles)];
            }
            ExprKind::If(cond, yes, no) if *expr.ty.required() == Type::Bool => {
                clause.kind = ClauseKind::If;
                let cond = self.clause(*cond, roles);
                let sides = match cond.outcome {
                    Outcome::True => [self.clause(*yes, roles), self.unasked(*no)],
                    Outcome::False => [self.unasked(*yes), self.clause(*no, roles)],
                    Outcome::Unknown | Outcome::NotEvaluated => {
                        [self.clause(*yes, roles), self.clause(*no, roles)]
                    }
                };
                clause.clauses = vec![cond];
                clause.clauses.extend(sides);
            }
            ExprKind::Named(name, of) => {
                clause.kind = ClauseKind::Named { name: name.clone() };
                clause.clauses = vec![self.clause(*of, roles)];
            }
            ExprKind::Let(local, value, body) => {
                let value = self.eval(*value);
                self.bind(*local, value);
                return self.clause(*body, roles);
            }
            ExprKind::Quant { quant: quant @ (Quant::Any | Quant::All), local, list, cond } => {
                self.elements(&mut clause, *quant, *local, *list, *cond, roles);
            }
            ExprKind::HasRole(rule) => self.role(&mut clause, *rule, None, roles),
            ExprKind::HasInstance(rule, args) => self.role(&mut clause, *rule, Some(args), roles),
            ExprKind::HasEntitlement(app, kind, args) => {
                let schema = &program.schema;
                clause.kind = ClauseKind::Entitlement {
                    app: schema.app(*app).name.clone(),
                    kind: schema.kind(*app, *kind).name.clone(),
                };
                for arg in args.iter().flatten() {
                    self.collect_reads(*arg, &mut clause.reads);
                }
            }
            _ => self.collect_reads(id, &mut clause.reads),
        }
        clause
    }

    /// Parts up to the one with the outcome that decides; the others are not asked.
    fn parts(&mut self, list: &[ExprId], decides: Outcome, roles: usize) -> Vec<Clause> {
        let mut decided = false;
        list.iter()
            .map(|part| {
                if decided {
                    return self.unasked(*part);
                }
                let clause = self.clause(*part, roles);
                decided = clause.outcome == decides;
                clause
            })
            .collect()
    }

    fn unasked(&self, id: ExprId) -> Clause {
        let expr = self.world.program.expr(id);
        Clause {
            place: expr.span.into(),
            kind: match &expr.kind {
                ExprKind::Named(name, _) => ClauseKind::Named { name: name.clone() },
                _ => ClauseKind::Test,
            },
            outcome: Outcome::NotEvaluated,
            reads: Vec::new(),
            clauses: Vec::new(),
        }
    }

    /// The elements that decide; where none does, the first few.
    fn elements(
        &mut self,
        clause: &mut Clause,
        quant: Quant,
        local: Local,
        list: ExprId,
        cond: Option<ExprId>,
        roles: usize,
    ) {
        self.collect_reads(list, &mut clause.reads);
        let Ok(Some(seq)) = self.seq(list) else { return };
        clause.kind = ClauseKind::Elements { count: seq.len() as u64 };
        let decides = if quant == Quant::Any { Outcome::True } else { Outcome::False };
        let Some(cond) = cond else { return };
        let element_ty = match self.world.program.expr(list).ty.required() {
            Type::Set(of) | Type::List(of) => of.as_ref().clone(),
            other => other.clone(),
        };
        for i in 0..seq.len() {
            self.bind(local, Ok(seq.get(i)));
            let outcome = Outcome::of(self.test(cond));
            if outcome != decides && clause.clauses.len() >= ELEMENTS {
                continue;
            }
            let shown = match seq.get(i) {
                Value::Row(r) => r.table.key(r.row).unwrap_or("").to_owned(),
                value => value.shown(&element_ty, &self.world.program.schema),
            };
            let part = Clause {
                place: self.world.program.expr(cond).span.into(),
                kind: ClauseKind::Element { number: i as u64 + 1, shown },
                outcome,
                reads: Vec::new(),
                clauses: vec![self.clause(cond, roles)],
            };
            if outcome == decides {
                clause.clauses = vec![part];
                return;
            }
            clause.clauses.push(part);
        }
    }

    /// The conditions that give a role.
    fn role(&mut self, clause: &mut Clause, rule: u32, args: Option<&[ExprId]>, roles: usize) {
        let program = self.world.program;
        let of = &program.rules[rule as usize];
        let name = &program.schema.rule(of.rule).name;
        let asked = args.and_then(|args| self.asked_instance(rule, args));
        let shown = asked.as_ref().map_or(String::new(), |x| x.shown.to_string());
        clause.kind = ClauseKind::Role { name: format!("{name}{shown}") };
        for arg in args.into_iter().flatten() {
            self.collect_reads(*arg, &mut clause.reads);
        }
        if roles >= ROLES {
            return;
        }
        let wanted = clause.outcome;
        for &through in &self.shape.rules[rule as usize].had_through {
            let Some(when) = program.rules[through as usize].when else { continue };
            if let (Some(asked), Outcome::True) = (&asked, wanted) {
                let to = Step { rule, instance: Some(asked.clone()) };
                if self.way_by_instances(through, &to).is_none() {
                    continue;
                }
            }
            if Outcome::from(self.facts.rule(through)) == wanted {
                let part = self.nested(self.subject, |me| me.clause(when, roles + 1));
                clause.clauses.push(part);
            }
        }
    }

    /// The operands of an expression, in order of evaluation, each name once.
    pub(super) fn collect_reads(&mut self, id: ExprId, reads: &mut Vec<Read>) {
        let program = self.world.program;
        match &program.expr(id).kind {
            ExprKind::Const(_) => {}
            ExprKind::Attr(_)
            | ExprKind::State
            | ExprKind::StateOf(_)
            | ExprKind::Inverse(..)
            | ExprKind::Today
            | ExprKind::TodayIn(_)
            | ExprKind::Now
            | ExprKind::AccountAttr(..)
            | ExprKind::Unique(_)
            | ExprKind::InSource(_)
            | ExprKind::Lookup(..)
            | ExprKind::Local(_)
            | ExprKind::Field(..)
            | ExprKind::Cell(_) => {
                if let Some(name) = self.name_of(id) {
                    self.read(id, name, reads);
                }
                if let ExprKind::Lookup(_, key) = program.expr(id).kind {
                    self.collect_reads(key, reads);
                }
            }
            ExprKind::Named(name, of) => {
                self.read(id, name.clone(), reads);
                self.collect_reads(*of, reads);
            }
            ExprKind::Let(local, value, body) => {
                self.collect_reads(*value, reads);
                let value = self.eval(*value);
                self.bind(*local, value);
                self.collect_reads(*body, reads);
            }
            ExprKind::Coalesce(first, second) => {
                self.collect_reads(*first, reads);
                if !matches!(self.eval(*first), Ok(value) if !value.is_absent()) {
                    self.collect_reads(*second, reads);
                }
            }
            ExprKind::If(cond, yes, no) => {
                self.collect_reads(*cond, reads);
                match self.test(*cond) {
                    Ok(Some(true)) => self.collect_reads(*yes, reads),
                    Ok(_) => self.collect_reads(*no, reads),
                    Err(_) => {}
                }
            }
            ExprKind::Match(of, _) => self.collect_reads(*of, reads),
            ExprKind::Quant { list, .. } => self.collect_reads(*list, reads),
            ExprKind::Interpolate(parts) => {
                for part in parts {
                    if let StrPart::Value(of) = part {
                        self.collect_reads(*of, reads);
                    }
                }
            }
            kind => {
                let mut children = Vec::new();
                kind.children(|child| children.push(child));
                for child in children {
                    self.collect_reads(child, reads);
                }
            }
        }
    }

    fn read(&mut self, id: ExprId, name: String, reads: &mut Vec<Read>) {
        if reads.iter().any(|r| r.name == name) {
            return;
        }
        let program = self.world.program;
        let value = match self.eval(id) {
            Ok(Value::Row(r)) if r.table.key(r.row).is_none() => "a row".to_owned(),
            Ok(value) => value.shown(&program.expr(id).ty, &program.schema),
            Err(_) => "unknown".to_owned(),
        };
        reads.push(Read { name, value });
    }

    /// What a policy calls an operand.
    fn name_of(&self, id: ExprId) -> Option<String> {
        let program = self.world.program;
        let schema = &program.schema;
        let identity = |ty: &Type| match ty.required() {
            Type::Identity(id) => Some(schema.identity(*id)),
            _ => None,
        };
        let me = match self.subject {
            crate::interp::Subject::Identity(ty, _) => Some(schema.identity(ty)),
            crate::interp::Subject::Row(..) => None,
        };
        Some(match &program.expr(id).kind {
            ExprKind::Attr(AttrId(a)) => me?.attributes.get(*a as usize)?.name.clone(),
            ExprKind::State => "state".to_owned(),
            ExprKind::StateOf(of) => format!("{}.state", self.name_of(*of)?),
            ExprKind::Inverse(None, n) => me?.inverses.get(*n as usize)?.name.clone(),
            ExprKind::Inverse(Some(of), n) => {
                let inverse = identity(&program.expr(*of).ty)?.inverses.get(*n as usize)?;
                format!("{}.{}", self.name_of(*of)?, inverse.name)
            }
            ExprKind::Today | ExprKind::TodayIn(_) => "today".to_owned(),
            ExprKind::Now => "now".to_owned(),
            ExprKind::InSource(source) => format!("in {}", schema.sources.get(*source as usize)?.name),
            ExprKind::AccountAttr(app, n) => {
                let app = schema.app(*app);
                format!("{}.{}", app.name, app.account.as_ref()?.attributes.get(*n as usize)?.name)
            }
            ExprKind::Unique(unique) => {
                let attributes = &schema.app(unique.app).account.as_ref()?.attributes;
                attributes.get(unique.attribute as usize)?.name.clone()
            }
            ExprKind::Lookup(table, _) => schema.tables.get(table.index())?.name.clone(),
            ExprKind::Named(name, _) => name.clone(),
            ExprKind::Field(of, field) => {
                let ty = &program.expr(*of).ty;
                let name = match ty.required() {
                    Type::Identity(id) => &schema.identity(*id).attributes.get(*field as usize)?.name,
                    Type::Record(id) => &schema.records[id.index()].fields.get(*field as usize)?.name,
                    _ => return None,
                };
                match self.name_of(*of) {
                    Some(of) => format!("{of}.{name}"),
                    None => name.clone(),
                }
            }
            // Locals have no names here: a field of one goes by its own, the element is shown with the clause.
            _ => return None,
        })
    }
}
