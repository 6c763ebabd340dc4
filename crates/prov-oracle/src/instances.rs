//! Roles with parameters: one role for each list of arguments (items.md, "Roles with parameters").
//! Invariant: a role without parameters is its own only instance; of spellings of the same arguments the smallest is shown.

use crate::cause::Cause;
use crate::entitlement::{join, split};
use crate::eval::{Eval, Local, Res, Scope, Stop};
use crate::facts::{Node, either, known};
use crate::grants::{Each, includes_of};
use crate::hand::{Hand, listed, unquoted};
use crate::policy::Rule;
use crate::value::{Ty, Value, fold, nfc};
use crate::world::{Rejected, World};
use prov_model::Assignment;
use prov_syntax::ast::{EntPattern, Expr, ExprKind, RoleRef};

/// A role with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Inst {
    pub rule: String,
    /// What tells it from the others of its role; none of a role without parameters.
    pub key: Option<String>,
    /// Its arguments as a policy writes them: `("A3", night)`.
    pub shown: String,
    pub args: Vec<Value>,
}

impl Inst {
    pub(crate) fn plain(rule: &Rule<'_>) -> Inst {
        Inst { rule: rule.name.to_owned(), key: None, shown: String::new(), args: Vec::new() }
    }

    /// As memory and plans name it.
    pub(crate) fn name(&self) -> String {
        format!("{}{}", self.rule, self.shown)
    }

    pub(crate) fn is(&self, other: &Inst) -> bool {
        (&self.rule, &self.key) == (&other.rule, &other.key)
    }
}

/// Instances, each with whether it is there; and whether there may be others.
#[derive(Clone, Default)]
pub(crate) struct Insts {
    pub list: Vec<(Inst, Option<bool>)>,
    pub open: bool,
}

impl Insts {
    pub(crate) fn any(&self) -> Option<bool> {
        let open = if self.open { None } else { Some(false) };
        self.list.iter().fold(open, |any, (_, is)| either(any, *is))
    }

    /// Whether one is there. What withholds it does so however it comes.
    fn has(&self, key: Option<&str>) -> Option<bool> {
        let open = if self.open { None } else { Some(false) };
        match self.list.iter().find(|(i, _)| i.key.as_deref() == key) {
            Some((_, Some(false))) => Some(false),
            Some((_, is)) => either(*is, open),
            None => open,
        }
    }

    fn add(&mut self, new: Inst, is: Option<bool>) {
        match self.list.iter_mut().find(|(known, _)| known.is(&new)) {
            Some((known, was)) => {
                *was = either(*was, is);
                if new.shown < known.shown {
                    *known = new;
                }
            }
            None => self.list.push((new, is)),
        }
    }
}

/// What is left of an answer that something else may take away.
fn less(is: Option<bool>, by: Option<bool>) -> Option<bool> {
    match (is, by) {
        (Some(false), _) | (_, Some(true)) => Some(false),
        (Some(true), Some(false)) => Some(true),
        _ => None,
    }
}

impl<'a> World<'a> {
    /// An instance by the values of its arguments; none where one is not there.
    fn inst(&self, rule: &Rule<'a>, args: Vec<Value>) -> Option<Inst> {
        if args.len() != rule.params.len() || args.iter().any(Value::is_absent) {
            return None;
        }
        let (mut key, mut shown) = (Vec::new(), Vec::new());
        for (value, param) in args.iter().zip(&rule.params) {
            let plain = value.plain();
            key.push(if param.ty == Ty::Text { fold(&plain) } else { nfc(&plain) });
            let quoted = matches!(value, Value::Str(_) | Value::Text(_));
            shown.push(if quoted { format!("{plain:?}") } else { plain });
        }
        let (key, shown) = (Some(join(&key)), format!("({})", shown.join(", ")));
        Some(Inst { rule: rule.name.to_owned(), key, shown, args })
    }

    /// The instance of arguments that are spelled outside of a policy.
    pub(crate) fn inst_of(&self, rule: &Rule<'a>, args: &[String]) -> Option<Inst> {
        if args.len() != rule.params.len() {
            return None;
        }
        let read =
            |(text, ty): (&String, &Ty)| self.reading().scalar(text, ty).filter(|_| !text.trim().is_empty());
        let types = rule.params.iter().map(|p| &p.ty);
        self.inst(rule, args.iter().zip(types).map(read).collect::<Option<Vec<_>>>()?)
    }

    /// A role, and an instance of it, by the name that memory and exceptions have: `ward_nurse("A3")`. The second is none where
    /// the name has no arguments; the whole is none where there is no such thing.
    pub(crate) fn inst_named(&self, named: &str) -> Option<(&Rule<'a>, Option<Inst>)> {
        let Some((name, rest)) = named.split_once('(') else {
            return Some((self.policy.rule(named.trim())?, None));
        };
        let rule = self.policy.rule(name.trim())?;
        let inner = rest.trim_end().strip_suffix(')')?.trim();
        let written = match rule.params.len() {
            1 if !inner.starts_with('"') => vec![inner.to_owned()],
            _ => listed(inner)?.iter().map(|w| unquoted(w)).collect::<Option<Vec<_>>>()?,
        };
        let inst = self.inst_of(rule, &written).filter(|_| !rule.params.is_empty())?;
        Some((rule, Some(inst)))
    }

    /// Takes out rows of the assignments whose arguments are not those of their role.
    pub(crate) fn check_arguments(&self, hand: &mut Hand) {
        for row in std::mem::take(&mut hand.assignments) {
            let wrong = self.policy.rule(&row.role).is_some_and(|rule| {
                !rule.params.is_empty()
                    && self.inst_of(rule, &row.args).is_none_or(|inst| !self.is_cataloged(rule, &inst))
            });
            if wrong {
                hand.unreadable.insert(row.identity.clone());
                let (file, line) = row.origin.clone();
                hand.rejected.push(Rejected { id: Some(row.identity), file: file.to_string(), line });
            } else {
                hand.assignments.push(row);
            }
        }
    }

    /// Whether arguments that are granted as they stand in a kind with a catalog are in it.
    fn is_cataloged(&self, rule: &Rule<'a>, inst: &Inst) -> bool {
        let granted = crate::grants::granted_as_they_stand(rule.body);
        granted.into_iter().all(|(what, name)| {
            let kind = self.policy.app(&what.app.text).and_then(|a| a.kind(&what.kind.text));
            let catalog = self.catalogs.get(&(what.app.text.clone(), what.kind.text.clone()));
            let place = rule.params.iter().position(|p| p.name == name);
            let (Some(kind), Some(catalog), Some(place)) = (kind.filter(|k| k.catalog), catalog, place)
            else {
                return true;
            };
            let compared = |v: &str| crate::entitlement::compared(kind, v);
            catalog.iter().any(|v| compared(v) == compared(&inst.args[place].plain()))
        })
    }
}

/// The arguments of an assignment, as spelled.
pub(crate) fn arguments(cell: Option<String>) -> Vec<String> {
    cell.map(|text| split(&text)).unwrap_or_default()
}

impl<'a> Eval<'_, 'a> {
    /// What a rule sees, with the arguments of its instance.
    pub(crate) fn within(&self, person: usize, rule: &Rule<'a>, inst: &Inst) -> Scope<'a> {
        let (_, mut scope) = self.me(person);
        scope.locals.extend(rule.params.iter().zip(&inst.args).map(|(param, value)| Local {
            name: param.name.clone(),
            ty: Some(param.ty.clone()),
            value: Ok(value.clone()),
        }));
        scope
    }

    /// The instance that arguments of a policy name; none where one is absent.
    fn inst_by(&self, rule: &Rule<'a>, args: &'a [Expr], scope: &Scope<'a>) -> Res<Option<Inst>> {
        let mut values = Vec::new();
        for (arg, param) in args.iter().zip(&rule.params) {
            values.push(self.eval(arg, scope, Some(&param.ty))?);
        }
        Ok(self.world.inst(rule, values))
    }

    /// Whether a pattern names a role: all of it, or this instance.
    pub(crate) fn names_inst(&self, pattern: &'a EntPattern, inst: &Inst) -> Res<bool> {
        let EntPattern::Role(RoleRef { name, args, .. }) = pattern else { return Ok(false) };
        if name.text != inst.rule || args.is_empty() {
            return Ok(name.text == inst.rule);
        }
        let Some(rule) = self.world.policy.rule(&name.text) else { return Ok(false) };
        Ok(self.inst_by(rule, args, &Scope::default())?.is_some_and(|i| i.is(inst)))
    }

    /// The instances of a role that come: by hand, and through roles that include them.
    pub(crate) fn coming(&self, person: usize, rule: &Rule<'a>) -> Res<Insts> {
        self.remember(("coming", person, rule.name), || self.find_coming(person, rule))
    }

    fn find_coming(&self, person: usize, rule: &Rule<'a>) -> Res<Insts> {
        let mut out = Insts::default();
        if rule.params.is_empty() {
            out.list.push((Inst::plain(rule), known(self.comes(person, rule.name))?));
            return Ok(out);
        }
        if !self.world.acts(rule) {
            return Ok(out);
        }
        for (inst, is) in self.given_by_hand(person, rule)? {
            out.add(inst, is);
        }
        for by in &self.world.policy.rules {
            let includes = includes_of(by.body, rule.name);
            if includes.is_empty() {
                continue;
            }
            let had = self.had(person, by)?;
            out.open |= had.open && !by.params.is_empty();
            for (inst, is) in had.list.iter().filter(|(_, is)| *is != Some(false)) {
                let scope = self.within(person, by, inst);
                for (each, args) in &includes {
                    let open = self.bring(rule, each, args, &scope, *is, &mut out.list_of())?;
                    out.open |= open;
                }
            }
        }
        Ok(out)
    }

    /// The instances that one `includes` brings; and whether there may be others.
    fn bring(
        &self,
        rule: &Rule<'a>,
        each: &[Each<'a>],
        args: &'a [Expr],
        scope: &Scope<'a>,
        is: Option<bool>,
        out: &mut dyn FnMut(Inst, Option<bool>),
    ) -> Res<bool> {
        let [(var, list, filter), rest @ ..] = each else {
            return match self.inst_by(rule, args, scope) {
                Ok(inst) => {
                    inst.into_iter().for_each(|i| out(i, is));
                    Ok(false)
                }
                Err(Stop::Unknown) => Ok(true),
                Err(stop) => Err(stop),
            };
        };
        let (elements, ty) = match self.list(list, scope) {
            Ok(list) => list,
            Err(Stop::Unknown) => return Ok(true),
            Err(stop) => return Err(stop),
        };
        let mut open = false;
        for one in elements {
            let inner = scope.with(var, ty.clone(), one);
            match filter.map_or(Ok(Some(true)), |c| known(self.holds(c, &inner)))? {
                Some(true) => open |= self.bring(rule, rest, args, &inner, is, out)?,
                Some(false) => {}
                None => open = true,
            }
        }
        Ok(open)
    }

    /// The instances of a role that are left by forbids and exceptions.
    pub(crate) fn left_by_forbids(&self, person: usize, rule: &Rule<'a>) -> Res<Insts> {
        self.remember(("left_by_forbids", person, rule.name), || self.find_left_by_forbids(person, rule))
    }

    fn find_left_by_forbids(&self, person: usize, rule: &Rule<'a>) -> Res<Insts> {
        let mut out = self.coming(person, rule)?;
        for (inst, is) in &mut out.list {
            let denied = !self.world.denials_of_role(person, inst).is_empty();
            let forbidden = self.forbidden_by(person, &|p| self.names_inst(p, inst))?;
            *is = less(*is, either(Some(denied), forbidden));
        }
        Ok(out)
    }

    /// The instances of a role that are had.
    pub(crate) fn had(&self, person: usize, rule: &Rule<'a>) -> Res<Insts> {
        self.remember(("had", person, rule.name), || self.find_had(person, rule))
    }

    fn find_had(&self, person: usize, rule: &Rule<'a>) -> Res<Insts> {
        if rule.params.is_empty() {
            let is = known(self.has_role(person, rule.name))?;
            return Ok(Insts { list: vec![(Inst::plain(rule), is)], open: false });
        }
        let mut out = self.left_by_forbids(person, rule)?;
        for (inst, is) in out.list.iter_mut().filter(|(_, is)| *is != Some(false)) {
            *is = less(*is, known(self.separated(person, &|p| self.names_inst(p, inst)))?);
        }
        Ok(out)
    }

    /// Whether an instance is had.
    pub(crate) fn has_inst(&self, person: usize, inst: &Inst) -> Res<bool> {
        if inst.key.is_none() {
            return self.has_role(person, &inst.rule);
        }
        self.ask(Node::Inst(inst.rule.clone(), inst.key.clone()), || {
            let Some(rule) = self.world.policy.rule(&inst.rule) else { return Ok(false) };
            self.had(person, rule)?.has(inst.key.as_deref()).ok_or(Stop::Unknown)
        })
    }

    /// `has ROLE(arguments)`: none where one is absent.
    pub(crate) fn has_inst_of(
        &self,
        person: usize,
        rule: &Rule<'a>,
        args: &[&'a Expr],
        s: &Scope<'a>,
    ) -> Res<bool> {
        let mut values = Vec::new();
        for (arg, param) in args.iter().zip(&rule.params) {
            values.push(self.eval(arg, s, Some(&param.ty))?);
        }
        match self.world.inst(rule, values) {
            Some(inst) => self.has_inst(person, &inst),
            None => Ok(false),
        }
    }

    /// Whether an instance is left by the forbids, of those that a pattern of a role names.
    pub(crate) fn is_left_of(&self, person: usize, pattern: &'a EntPattern) -> Res<Option<bool>> {
        let EntPattern::Role(role) = pattern else { return Ok(Some(false)) };
        let Some(rule) = self.world.policy.rule(&role.name.text) else { return Ok(Some(false)) };
        if rule.params.is_empty() {
            return known(self.is_given(person, rule.name));
        }
        let left = self.left_by_forbids(person, rule)?;
        if !role.args.is_empty()
            && let Some(inst) = self.inst_by(rule, &role.args, &Scope::default())?
        {
            return Ok(left.has(inst.key.as_deref()));
        }
        Ok(left.any())
    }

    /// The instances that one includes, whether or not they are had.
    fn included(&self, person: usize, by: &Inst) -> Res<Vec<Inst>> {
        let mut out = Insts::default();
        let Some(rule) = self.world.policy.rule(&by.rule) else { return Ok(Vec::new()) };
        let scope = self.within(person, rule, by);
        for next in &self.world.policy.rules {
            for (each, args) in includes_of(rule.body, next.name) {
                if next.params.is_empty() {
                    out.add(Inst::plain(next), Some(true));
                } else {
                    self.bring(next, &each, args, &scope, Some(true), &mut out.list_of())?;
                }
            }
        }
        Ok(out.list.into_iter().map(|(i, _)| i).collect())
    }

    /// An instance and all that it brings; `had`: through what is had.
    pub(crate) fn brought(&self, person: usize, from: &Inst, had: bool) -> Res<Vec<Inst>> {
        let open = |i: &Inst| Ok(!had || known(self.has_inst(person, i))? == Some(true));
        let mut all: Vec<Inst> = Vec::new();
        if open(from)? {
            all.push(from.clone());
        }
        let mut at = 0;
        while at < all.len() {
            for next in self.included(person, &all[at])? {
                if all.iter().all(|i| !i.is(&next)) && open(&next)? {
                    all.push(next);
                }
            }
            at += 1;
        }
        Ok(all)
    }

    /// The instances of a rule that are assigned, whether or not they are had: by its own `when`, and by hand.
    pub(crate) fn roots_of(&self, person: usize, rule: &Rule<'a>) -> Res<(bool, Vec<Inst>)> {
        let own = known(self.assigned(person, rule.name))? == Some(true);
        let mut given = Vec::new();
        if rule.requestable.is_some() {
            given = self.given_by_hand(person, rule)?;
        }
        Ok((own, given.into_iter().filter(|(_, is)| *is == Some(true)).map(|(i, _)| i).collect()))
    }

    /// An instance as a cause.
    pub(crate) fn inst_cause(&self, inst: &Inst) -> Option<Cause> {
        let rule = self.world.policy.rule(&inst.rule)?;
        Some(Cause { rule: inst.name(), ..rule.cause.clone() })
    }

    /// The instance that an assignment speaks of.
    pub(crate) fn inst_of_row(&self, rule: &Rule<'a>, row: &Assignment) -> Option<Inst> {
        if rule.params.is_empty() { Some(Inst::plain(rule)) } else { self.world.inst_of(rule, &row.args) }
    }

    /// Whether a grant that gives an argument as it stands could have given a value; of others that is so.
    pub(crate) fn argument_fits(
        &self,
        rule: &Rule<'a>,
        row: &Assignment,
        value: &'a Expr,
        given: &str,
    ) -> bool {
        let mut value = value;
        while let ExprKind::Paren(of) = &value.kind {
            value = of;
        }
        let ExprKind::Name(name) = &value.kind else { return true };
        let place = rule.params.iter().position(|p| p.name == name.text);
        place.and_then(|n| row.args.get(n)).is_none_or(|arg| fold(arg) == fold(given))
    }
}

impl Insts {
    fn list_of(&mut self) -> impl FnMut(Inst, Option<bool>) + '_ {
        |inst, is| self.add(inst, is)
    }
}
