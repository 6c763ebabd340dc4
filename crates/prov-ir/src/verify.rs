//! Whether a program can be run: ids in range, types by the tables of `prov-model`, presence settled, order complete.
//!
//! Invariant: a program that passes can be run on any population of its schema without meeting a value of a wrong
//! type, an absent value where none is expected, or a step before what it reads.

mod exprs;
mod presence;
mod sources;
mod strata;
mod types;
mod withheld;

pub(crate) use strata::name as step_name;

use crate::{AccountProgram, EachProgram, ExprId, ExprKind, GrantValue, Local, Program, RuleProgram};
use exprs::{Context, Subject, Walk};
use prov_model::{AppId, FieldDef, IdentityId, KindId, Type};
use std::collections::HashSet;
use std::fmt;

/// Why a program can't be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// Where: a rule and its part, an account and its attribute.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for VerifyError {}

pub(crate) fn fail<T>(place: impl Into<String>, reason: impl Into<String>) -> Result<T, VerifyError> {
    Err(VerifyError { place: place.into(), reason: reason.into() })
}

/// Verifies a program.
///
/// # Errors
/// The first thing that is wrong, in the order of the program.
pub fn verify(program: &Program) -> Result<(), VerifyError> {
    arena(program)?;
    let mut walk = Walk::new(program);
    sources::sources(program, &mut walk)?;
    lifecycles(program, &mut walk)?;
    states_end(program)?;
    federations(program, &mut walk)?;
    accounts(program, &mut walk)?;
    let included: HashSet<u32> = program.rules.iter().flat_map(|r| r.includes.iter().copied()).collect();
    for (i, rule) in program.rules.iter().enumerate() {
        self::rule(program, &mut walk, i, rule, included.contains(&(i as u32)))?;
    }
    includes(program)?;
    withheld::forbids(program, &mut walk)?;
    withheld::role_forbids(program, &mut walk)?;
    withheld::separations(program)?;
    if let Some(reason) = program.observed.out_of_range(program) {
        return fail("what is observed", reason);
    }
    kinds(program)?;
    strata::verify(program)?;
    match crate::untimely(program).first() {
        Some(found) => fail(
            format!("expression {}", found.at.0),
            "`today` or `now` stands outside of a comparison that goes one way in time",
        ),
        None => Ok(()),
    }
}

/// Operands come before what uses them, so that every walk ends.
pub(crate) fn arena(program: &Program) -> Result<(), VerifyError> {
    for (i, expr) in program.exprs.iter().enumerate() {
        let mut late = None;
        expr.kind.children(|c| {
            if c.0 as usize >= i {
                late = Some(c.0);
            }
        });
        if let Some(child) = late {
            return fail(format!("expression {i}"), format!("its operand {child} does not come before it"));
        }
    }
    Ok(())
}

fn root(program: &Program, id: ExprId, place: &str) -> Result<(), VerifyError> {
    if id.0 as usize >= program.exprs.len() {
        return fail(place, format!("there is no expression {}", id.0));
    }
    Ok(())
}

/// Walks a tree and gives its type.
fn tree<'p>(
    program: &'p Program,
    walk: &mut Walk<'p>,
    id: ExprId,
    context: &Context<'p>,
    place: &str,
) -> Result<Type, VerifyError> {
    root(program, id, place)?;
    match walk.expr(id, context) {
        Ok(()) => Ok(program.expr(id).ty.clone()),
        Err((at, reason)) if at == id => fail(place, reason),
        Err((at, reason)) => fail(format!("{place}, expression {}", at.0), reason),
    }
}

/// Walks a condition: `bool`, never absent. Gives the context in which it holds.
fn condition<'p>(
    program: &'p Program,
    walk: &mut Walk<'p>,
    id: ExprId,
    context: &Context<'p>,
    place: &str,
) -> Result<Context<'p>, VerifyError> {
    match tree(program, walk, id, context, place)? {
        Type::Bool => Ok(walk.knowing(context, id, true)),
        other => fail(place, format!("a condition is `bool`, not `{}`", other.name(&program.schema))),
    }
}

fn identity<'p>(program: &'p Program, id: IdentityId, place: &str) -> Result<&'p [FieldDef], VerifyError> {
    match program.schema.identities.get(id.index()) {
        Some(def) => Ok(&def.attributes),
        None => fail(place, format!("there is no identity type {}", id.0)),
    }
}

fn lifecycles<'p>(program: &'p Program, walk: &mut Walk<'p>) -> Result<(), VerifyError> {
    let mut seen = vec![];
    for lifecycle in &program.lifecycles {
        identity(program, lifecycle.identity, "lifecycle")?;
        let def = program.schema.identity(lifecycle.identity);
        let place = format!("lifecycle `{}`", def.name);
        if seen.contains(&lifecycle.identity) {
            return fail(place, "the identity type has two");
        }
        seen.push(lifecycle.identity);
        let Some(states) = &def.lifecycle else { return fail(place, "the schema has none for the type") };
        let variants = program.schema.enums.get(states.states.index()).map_or(0, |e| e.variants.len());
        if lifecycle.conditions.len() != states.defs.len() || variants != states.defs.len() {
            return fail(place, "it does not have one condition a state");
        }
        let mut context = walk.context(Subject::Lifecycle(lifecycle.identity));
        for (when, state) in lifecycle.conditions.iter().zip(&states.defs) {
            let place = format!("{place}, state `{}`", state.name);
            if let Some(when) = when {
                condition(program, walk, *when, &context, &place)?;
                // A later state is only asked where the earlier ones fail.
                context = walk.knowing(&context, *when, false);
            }
        }
    }
    for (i, def) in program.schema.identities.iter().enumerate() {
        if def.lifecycle.is_some() && !seen.contains(&IdentityId(i as u32)) {
            return fail(format!("lifecycle `{}`", def.name), "it has no program");
        }
    }
    Ok(())
}

/// A lifecycle reads the states of other types only, and no way leads back: so that finding a state ends.
fn states_end(program: &Program) -> Result<(), VerifyError> {
    let mut reads: Vec<Vec<usize>> = vec![Vec::new(); program.schema.identities.len()];
    for lifecycle in &program.lifecycles {
        let mut open: Vec<ExprId> = lifecycle.conditions.iter().flatten().copied().collect();
        let mut seen = HashSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let kind = &program.expr(id).kind;
            if let ExprKind::StateOf(of) = kind
                && let Type::Identity(of) = program.expr(*of).ty.required()
            {
                reads[lifecycle.identity.index()].push(of.index());
            }
            kind.children(|c| open.push(c));
        }
    }
    // Takes off, again and again, the types all of whose states that they read are off; a circle stays.
    let mut done = vec![false; reads.len()];
    while let Some(next) = (0..reads.len()).find(|&i| !done[i] && reads[i].iter().all(|&of| done[of])) {
        done[next] = true;
    }
    match done.iter().position(|d| !d) {
        Some(i) => fail(
            format!("lifecycle `{}`", program.schema.identities[i].name),
            "its states follow from themselves",
        ),
        None => Ok(()),
    }
}

/// Who is out is in a state that is a leaver's.
fn federations<'p>(program: &'p Program, walk: &mut Walk<'p>) -> Result<(), VerifyError> {
    if program.federations.len() != program.schema.federations.len() {
        return fail("federations", "there is not one program a federation");
    }
    for (def, federation) in program.schema.federations.iter().zip(&program.federations) {
        let place = format!("federation `{}`", def.name);
        let own = identity(program, def.identity, &place)?;
        rule_id(program, def.rule, &place)?;
        let states = program.schema.identity(def.identity).lifecycle.as_ref().map(|l| &l.defs);
        if !states.and_then(|s| s.first()).is_some_and(|s| s.leaver) {
            return fail(place, "the first state of its guests is no leaver state");
        }
        let context = walk.context(Subject::Lifecycle(def.identity));
        let context = match federation.of {
            Some(of) => condition(program, walk, of, &context, &place)?,
            None => context,
        };
        for (why, e) in &federation.out {
            condition(program, walk, *e, &context, &format!("{place}, {}", why.words()))?;
        }
        let Some(maps) = &federation.maps else { continue };
        if maps.attributes.len() != own.len() {
            return fail(place, "it does not have one mapping an attribute");
        }
        let context = walk.context(Subject::Row(maps));
        for (mapping, field) in maps.attributes.iter().zip(own) {
            let place = format!("{place}, `{}`", field.name);
            sources::mapping(program, walk, maps, mapping, &field.ty, &context, &place)?;
        }
    }
    Ok(())
}

fn accounts<'p>(program: &'p Program, walk: &mut Walk<'p>) -> Result<(), VerifyError> {
    for (i, account) in program.accounts.iter().enumerate() {
        let Some(app) = program.schema.apps.get(account.app.index()) else {
            return fail("accounts", format!("there is no app {}", account.app.0));
        };
        let place = format!("account of `{}`", app.name);
        identity(program, account.identity, &place)?;
        rule_id(program, account.rule, &place)?;
        let Some(def) = &app.account else { return fail(place, "the schema has no account for the app") };
        if program.accounts[..i].iter().any(|a| a.app == account.app && a.identity == account.identity) {
            return fail(place, "the identity type has two");
        }
        if account.attributes.len() != def.attributes.len() {
            return fail(place, "it does not have one value an attribute");
        }
        let mut context = walk.context(Subject::Account(account.identity, def.from));
        if let Some(when) = account.when {
            context = condition(program, walk, when, &context, &format!("{place}, when"))?;
        }
        if let Some(enabled) = account.enabled {
            condition(program, walk, enabled, &context, &format!("{place}, enabled"))?;
        }
        for correlate in &account.correlate {
            let place = format!("{place}, correlate");
            let ty = tree(program, walk, correlate.value, &context, &place)?;
            if !ty.required().is_scalar() || correlate.key as usize >= def.correlate.len() {
                return fail(place, "it is no plain value of a known attribute");
            }
        }
        for (value, attribute) in account.attributes.iter().zip(&def.attributes) {
            let place = format!("{place}, `{}`", attribute.name);
            let ty = tree(program, walk, *value, &context, &place)?;
            if !ty.required().is_scalar() {
                return fail(place, format!("`{}` is no plain value", ty.name(&program.schema)));
            }
        }
        names(program, account, &place)?;
    }
    Ok(())
}

/// Unique names are whole attributes of their own account, and neither `when` nor a base reads one: who has an account,
/// and what its name is made from, is known before names are given.
fn names(program: &Program, account: &AccountProgram, place: &str) -> Result<(), VerifyError> {
    if account.when.is_some_and(|when| program.reads_unique(when)) {
        return fail(format!("{place}, when"), "it reads a unique name");
    }
    for (number, root) in account.attributes.iter().enumerate() {
        let mut open = vec![*root];
        while let Some(id) = open.pop() {
            let kind = &program.expr(id).kind;
            if let ExprKind::Unique(unique) = kind {
                // Where it is read within other bindings it stands there again, its base lowered anew.
                let given = account.attributes.get(unique.attribute as usize).is_some_and(|own| {
                    matches!(&program.expr(*own).kind, ExprKind::Unique(u)
                        if (u.attribute, u.max, u.rename) == (unique.attribute, unique.max, unique.rename))
                });
                if unique.app != account.app || !given || unique.attribute as usize > number {
                    return fail(place, "a unique name is not that of its attribute");
                }
                if program.reads_unique(unique.base) {
                    return fail(place, "a unique name is made from another");
                }
            }
            kind.children(|child| open.push(child));
        }
    }
    Ok(())
}

fn rule_id(program: &Program, id: prov_model::RuleId, place: &str) -> Result<(), VerifyError> {
    if id.index() < program.schema.rules.len() {
        Ok(())
    } else {
        fail(place, "its place is not in the schema")
    }
}

/// A rule by name, for messages.
pub(crate) fn rule_name(program: &Program, position: usize) -> String {
    let named = program.rules.get(position).and_then(|r| program.schema.rules.get(r.rule.index()));
    named.map_or_else(|| format!("rule {position}"), |r| format!("rule `{}`", r.name))
}

fn rule<'p>(
    program: &'p Program,
    walk: &mut Walk<'p>,
    i: usize,
    rule: &'p RuleProgram,
    included: bool,
) -> Result<(), VerifyError> {
    let place = rule_name(program, i);
    identity(program, rule.identity, &place)?;
    rule_id(program, rule.rule, &place)?;
    let mut context = walk.context(Subject::Identity(rule.identity));
    for (n, param) in rule.params.iter().enumerate() {
        if param.ty.is_optional() || !param.ty.is_scalar() {
            return fail(place, format!("its parameter `{}` is no plain value", param.name));
        }
        context = match walk.bind(&context, Local(n as u32), param.ty.clone()) {
            Ok(context) => context,
            Err(reason) => return fail(place, reason),
        };
    }
    if !rule.params.is_empty() && rule.when.is_some() {
        return fail(place, "a role with parameters is not assigned by a condition");
    }
    if let Some(requestable) = &rule.requestable {
        let mut within = context.clone();
        if let Some(when) = requestable.when {
            within = condition(program, walk, when, &context, &format!("{place}, requestable when"))?;
        }
        if let Some(by) = requestable.approved_by {
            let place = format!("{place}, approved by");
            let ty = tree(program, walk, by, &within, &place)?;
            let fits = match ty.required() {
                Type::Identity(_) | Type::Str | Type::Text => true,
                Type::Set(of) => matches!(**of, Type::Str | Type::Text),
                _ => false,
            };
            if !fits {
                return fail(place, format!("`{}` names nobody", ty.name(&program.schema)));
            }
        }
        if rule.when.is_none() && !included {
            context = within;
        }
    }
    if let Some(when) = rule.when {
        let within = condition(program, walk, when, &context, &format!("{place}, when"))?;
        // What `includes` brings comes whatever the rule's own `when`.
        if !included && rule.requestable.is_none() {
            context = within;
        }
    }
    for (n, instance) in rule.instances.iter().enumerate() {
        let place = format!("{place}, instance {}", n + 1);
        let Some(role) = program.rules.get(instance.role as usize) else {
            return fail(place, format!("there is no rule {}", instance.role));
        };
        if rule.includes.binary_search(&instance.role).is_err() || role.params.len() != instance.args.len() {
            return fail(place, "it is not included, or takes other arguments");
        }
        let context = loops(program, walk, &instance.each, &context, &place)?;
        for (arg, param) in instance.args.iter().zip(&role.params) {
            let ty = tree(program, walk, *arg, &context, &place)?;
            if ty != param.ty {
                let (ty, want) = (ty.name(&program.schema), param.ty.name(&program.schema));
                return fail(place, format!("the argument is `{ty}`, and the parameter `{want}`"));
            }
        }
    }
    for (g, grant) in rule.grants.iter().enumerate() {
        let place = format!("{place}, grant {}", g + 1);
        let types = kind(program, grant.app, grant.kind, &place)?;
        let mut context = loops(program, walk, &grant.each, &context, &place)?;
        if let Some(when) = grant.when {
            context = condition(program, walk, when, &context, &format!("{place}, when"))?;
        }
        for at in grant.from.into_iter().chain(grant.until.map(|u| u.at)) {
            match tree(program, walk, at, &context, &place)? {
                Type::Date | Type::Instant => {}
                other => {
                    let other = other.name(&program.schema);
                    return fail(
                        place,
                        format!("it begins or ends at a day or an instant, not at `{other}`"),
                    );
                }
            }
        }
        if let Some(keep) = grant.keep {
            match tree(program, walk, keep, &context, &place)? {
                Type::Duration | Type::Elapsed => {}
                other => {
                    let other = other.name(&program.schema);
                    return fail(place, format!("it is kept for a duration, not for `{other}`"));
                }
            }
        }
        if grant.values.len() != types.len() {
            return fail(place, "it does not have one value a type of its kind");
        }
        for (value, want) in grant.values.iter().zip(types) {
            let (id, want) = match value {
                GrantValue::One(e) => (*e, want.clone()),
                GrantValue::Each(e) => (*e, Type::Set(Box::new(want.clone()))),
            };
            let ty = tree(program, walk, id, &context, &place)?;
            if *ty.required() != want {
                let (ty, want) = (ty.name(&program.schema), want.name(&program.schema));
                return fail(place, format!("its value is `{ty}`, and the kind takes `{want}`"));
            }
        }
    }
    Ok(())
}

/// The context within loops.
fn loops<'p>(
    program: &'p Program,
    walk: &mut Walk<'p>,
    each: &'p [EachProgram],
    context: &Context<'p>,
    place: &str,
) -> Result<Context<'p>, VerifyError> {
    let mut context = context.clone();
    for each in each {
        let place = format!("{place}, each");
        let list = tree(program, walk, each.list, &context, &place)?;
        let Some(element) = types::element(&list) else {
            return fail(place, format!("`{}` is no set or list", list.name(&program.schema)));
        };
        context = match walk.bind(&context, each.local, element) {
            Ok(context) => context,
            Err(reason) => return fail(place, reason),
        };
        if let Some(filter) = each.filter {
            context = condition(program, walk, filter, &context, &place)?;
        }
    }
    Ok(context)
}

/// The types of a kind's values.
fn kind<'p>(program: &'p Program, app: AppId, kind: KindId, place: &str) -> Result<&'p [Type], VerifyError> {
    match program.schema.apps.get(app.index()).and_then(|a| a.kinds.get(kind.index())) {
        Some(def) => Ok(&def.types),
        None => fail(place, format!("there is no kind {} of app {}", kind.0, app.0)),
    }
}

/// Roles that a role brings are there, of its identity type, and never itself.
fn includes(program: &Program) -> Result<(), VerifyError> {
    let mut done = vec![false; program.rules.len()];
    for (i, rule) in program.rules.iter().enumerate() {
        let place = rule_name(program, i);
        if rule.includes.windows(2).any(|w| w[0] >= w[1]) {
            return fail(place, "the roles that it includes are not sorted");
        }
        for &j in &rule.includes {
            match program.rules.get(j as usize) {
                None => return fail(place, format!("there is no rule {j} to include")),
                Some(other) if other.identity != rule.identity => {
                    return fail(
                        place,
                        format!("{} is for another identity type", rule_name(program, j as usize)),
                    );
                }
                Some(other) => {
                    let given = rule.instances.iter().any(|x| x.role == j);
                    if given == other.params.is_empty() {
                        return fail(place, "it says not which instances of a role it includes");
                    }
                }
            }
        }
    }
    // Takes off, again and again, the rules all of whose included roles are off; a circle stays.
    loop {
        let ready =
            |i: usize, done: &[bool]| !done[i] && program.rules[i].includes.iter().all(|&j| done[j as usize]);
        let next: Vec<usize> = (0..program.rules.len()).filter(|&i| ready(i, &done)).collect();
        if next.is_empty() {
            break;
        }
        next.into_iter().for_each(|i| done[i] = true);
    }
    match done.iter().position(|d| !d) {
        Some(i) => fail(rule_name(program, i), "it includes itself"),
        None => Ok(()),
    }
}

fn kinds(program: &Program) -> Result<(), VerifyError> {
    let mut seen = HashSet::new();
    for (i, (app, k, value)) in program.kinds.iter().enumerate() {
        let place = format!("kind step {i}");
        kind(program, *app, *k, &place)?;
        if !seen.insert((*app, *k, value)) {
            return fail(place, "it stands twice");
        }
    }
    for (a, app) in program.schema.apps.iter().enumerate() {
        for (k, def) in app.kinds.iter().enumerate() {
            if !seen.contains(&(AppId(a as u32), KindId(k as u32), &None)) {
                return fail(format!("kind `{}.{}`", app.name, def.name), "it has no step");
            }
        }
    }
    Ok(())
}
