//! What tests expect.
//! Invariant: an expectation names only apps, kinds, roles, states and actions that there are, so that one that can't
//! fail for a slip of the pen does not stand.

use super::{AccountValue, Expectation, HoldVerb, Item, ItemHeld, PlanItem, Reading, Who};
use crate::check::{Checker, Reported, Scope, Subject, Try};
use crate::declare::What;
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{ExprId, Local};
use prov_model::{AppId, KindId, Type};
use prov_syntax::ast::{self, ExprKind as Ast, Name};

impl Checker<'_> {
    pub(super) fn expectation(
        &mut self,
        e: &ast::Expect,
        span: Span,
        reading: &mut Reading,
    ) -> Try<Expectation> {
        match e {
            ast::Expect::Holds { who, verb, what, roles, until } => {
                let whom = self.someone_there(who, reading);
                let verb = match verb.text.as_str() {
                    "has" => HoldVerb::Has,
                    "lacks" => HoldVerb::Lacks,
                    "gains" => HoldVerb::Gains,
                    "loses" => HoldVerb::Loses,
                    _ => HoldVerb::Keeps,
                };
                let mut items = Vec::new();
                let mut failed = false;
                for e in what {
                    // `ad.admin`: the second account itself.
                    let app = self.decls.apps.get(&e.app.text).copied();
                    if let (Some(second), true) =
                        (app.and_then(|a| self.schema.second_account(a, &e.kind.text)), e.args.is_empty())
                    {
                        items.push(Item { span: e.span, kind: ItemHeld::Account(second) });
                        continue;
                    }
                    match self.held(e, reading) {
                        Ok((app, kind, values)) => {
                            items.push(Item { span: e.span, kind: ItemHeld::Entitlement(app, kind, values) })
                        }
                        Err(Reported) => failed = true,
                    }
                }
                for r in roles {
                    match self.held_role(r, whom.as_ref().ok().copied(), reading) {
                        Ok(kind) => items.push(Item { span: r.span, kind }),
                        Err(Reported) => failed = true,
                    }
                }
                items.sort_by_key(|i| i.span);
                let until = match until {
                    Some(e) => Some(self.time_of(e, reading)?),
                    None => None,
                };
                let who = whom?;
                if failed { Err(Reported) } else { Ok(Expectation::Holds { who, verb, items, until }) }
            }
            ast::Expect::State { who, state } => {
                let whom = self.someone_there(who, reading)?;
                let identity = reading.people[whom.0 as usize].identity;
                let def = self.schema.identity(identity);
                let Some(lifecycle) = &def.lifecycle else {
                    let name = def.name.clone();
                    return self.fail(
                        Diagnostic::new(&codes::UNKNOWN_NAME, format!("`{name}` has no states"))
                            .at(state.span, "no lifecycle")
                            .help(format!("declare `lifecycle {name} {{ state … }}`")),
                    );
                };
                let names: Vec<String> = lifecycle.defs.iter().map(|d| d.name.clone()).collect();
                match names.iter().position(|n| *n == state.text) {
                    Some(i) => Ok(Expectation::State(whom, i as u32)),
                    None => self.unknown(state, "state", &names),
                }
            }
            ast::Expect::PlanHas { lacks, action, args } => {
                Ok(Expectation::Plan { lacks: *lacks, what: self.plan_item(action, args, reading)? })
            }
            ast::Expect::Snapshot => {
                reading.snapshots += 1;
                Ok(Expectation::Snapshot(reading.snapshots))
            }
            ast::Expect::Withheld { what, who } => {
                let (app, kind, values) = self.held(what, reading)?;
                let who = match who {
                    Some(name) => Some(self.someone_there(name, reading)?),
                    None => None,
                };
                let kind = ItemHeld::Entitlement(app, kind, values);
                Ok(Expectation::Withheld(Item { span: what.span, kind }, who))
            }
            ast::Expect::That(e) => self.that(e, span, reading),
        }
    }

    /// `app.kind(value)`; without parentheses any value of the kind.
    fn held(&mut self, e: &ast::EntRef, reading: &Reading) -> Try<(AppId, KindId, Option<Vec<ExprId>>)> {
        if let Some(each) = e.args.iter().find_map(|a| a.each) {
            return self.not_here(each, "`each` belongs into a grant", "expect the values one by one");
        }
        let values: Vec<&ast::Expr> = e.args.iter().map(|a| &a.value).collect();
        let written = self.sources.text(e.span).contains('(');
        self.entitlement(&e.app, &e.kind, written.then_some(&values), e.span, reading)
    }

    fn entitlement(
        &mut self,
        app: &Name,
        kind: &Name,
        values: Option<&Vec<&ast::Expr>>,
        span: Span,
        reading: &Reading,
    ) -> Try<(AppId, KindId, Option<Vec<ExprId>>)> {
        let app = self.app_named(app)?;
        let kind = self.kind_named(app, kind)?;
        let types = self.schema.kind(app, kind).types.clone();
        let Some(values) = values else {
            return Ok((app, kind, types.is_empty().then(Vec::new)));
        };
        self.arity(app, kind, values.len(), span)?;
        let mut ids = Vec::new();
        for (value, ty) in values.iter().zip(types) {
            let (id, _) = self.expr_as(value, &reading.scope(), &ty)?;
            self.check_catalog(app, kind, id, value.span);
            ids.push(id);
        }
        Ok((app, kind, Some(ids)))
    }

    /// A role, or an app for the account in it.
    fn held_role(&mut self, r: &ast::RoleRef, who: Option<Who>, reading: &Reading) -> Try<ItemHeld> {
        if r.args.is_empty() && self.decls.apps.contains_key(&r.name.text) {
            let app = self.app_named(&r.name)?;
            if self.schema.app(app).account.is_none() {
                return self.fail(
                    Diagnostic::new(&codes::NO_ACCOUNT, format!("app `{}` has no accounts", r.name.text))
                        .at(r.span, "nothing to have there")
                        .help("name an entitlement of it, as in `app.kind(\"value\")`"),
                );
            }
            return Ok(ItemHeld::Account(app));
        }
        if !self.decls.rules.contains_key(&r.name.text) {
            let mut names = self.names_of(What::Role);
            names.extend(self.names_of(What::Birthright));
            names.extend(self.names_of(What::App));
            return self.unknown(&r.name, "role or app", &names);
        }
        // Whom it is asked of is wrong, which has been said.
        let Some(who) = who else { return Err(Reported) };
        let identity = reading.people[who.0 as usize].identity;
        let name = ast::Expr { span: r.name.span, kind: Ast::Name(r.name.clone()) };
        let asked = if r.args.is_empty() {
            name
        } else {
            let args = r.args.iter().map(|a| ast::Arg { name: None, value: a.clone() }).collect();
            ast::Expr { span: r.span, kind: Ast::Call(Box::new(name), args) }
        };
        let scope = Scope::new(reading.module, Subject::Identity(identity), "a test");
        Ok(ItemHeld::Role(self.has(&asked, &scope, r.span)?.0))
    }

    fn plan_item(&mut self, word: &Name, args: &[ast::Expr], reading: &Reading) -> Try<PlanItem> {
        let mut item = PlanItem { word: word.text.clone(), who: None, app: None, item: None, name: None };
        let known: Vec<&str> =
            self.options.plan_words.iter().copied().chain(["tripped", "nothing"]).collect();
        if !self.options.plan_words.is_empty() && !known.contains(&word.text.as_str()) {
            let near = did_you_mean(&word.text, known.iter().copied());
            let help = near.map_or_else(
                || format!("a plan has {}", list(known.iter().copied())),
                |n| format!("did you mean `{n}`?"),
            );
            let mut d = Diagnostic::new(&codes::UNKNOWN_WORD, format!("a plan never has `{}`", word.text))
                .at(word.span, "no action and no finding")
                .help(help);
            if let Some(n) = near {
                d = d.fix(format!("replace by `{n}`"), word.span, n);
            }
            return self.fail(d);
        }
        if word.text == "tripped" {
            // A guard's name may have a dot: `rows.hr`.
            item.name = args.first().map(|a| self.sources.text(a.span).trim_matches('"').to_owned());
            if let Some(name) = &item.name
                && !self.schema.guards.iter().any(|g| g.name == *name)
            {
                let mut names: Vec<String> = self.schema.guards.iter().map(|g| g.name.clone()).collect();
                names.extend(["leavers".to_owned(), "population".to_owned()]);
                if !names.contains(name) {
                    let name = Name { text: name.clone(), span: args[0].span };
                    return self.unknown(&name, "guard", &names);
                }
            }
            return Ok(item);
        }
        for arg in args {
            self.plan_argument(arg, &mut item, reading)?;
        }
        Ok(item)
    }

    /// Whom, where, what: each is told by its form.
    fn plan_argument(&mut self, arg: &ast::Expr, item: &mut PlanItem, reading: &Reading) -> Try<()> {
        match &arg.kind {
            Ast::Name(name) if self.decls.apps.contains_key(&name.text) => {
                item.app = Some(self.app_named(name)?);
            }
            Ast::Name(name) if item.who.is_none() => item.who = Some(self.someone_there(name, reading)?),
            Ast::Name(name) => {
                let names = self.names_of(What::App);
                return self.unknown(name, "app", &names);
            }
            Ast::Str(_) => item.name = Some(self.plain_text(arg)?),
            Ast::Field(base, kind) => match &base.kind {
                Ast::Name(app) => {
                    let id = self.app_named(app)?;
                    match self.schema.second_account(id, &kind.text) {
                        Some(second) => item.app = Some(second),
                        None => item.item = Some(self.entitlement(app, kind, None, arg.span, reading)?),
                    }
                }
                _ => return self.bad_plan_argument(arg.span),
            },
            Ast::Call(callee, args) => match &callee.kind {
                Ast::Field(base, kind) => match &base.kind {
                    Ast::Name(app) => {
                        let values: Vec<&ast::Expr> = args.iter().map(|a| &a.value).collect();
                        item.item = Some(self.entitlement(app, kind, Some(&values), arg.span, reading)?);
                    }
                    _ => return self.bad_plan_argument(arg.span),
                },
                _ => return self.bad_plan_argument(arg.span),
            },
            _ => return self.bad_plan_argument(arg.span),
        }
        Ok(())
    }

    fn bad_plan_argument<T>(&mut self, span: Span) -> Try<T> {
        self.not_here(
            span,
            "an action speaks of someone, an app, an entitlement or an account's name",
            "write for instance `grant(ann, ad.group(\"x\"))` or `create_account(ann, ad, \"alee\")`",
        )
    }

    /// A condition over the people of the test: their attributes, and those of their accounts.
    fn that(&mut self, e: &ast::Expr, span: Span, reading: &Reading) -> Try<Expectation> {
        let mut scope = reading.scope();
        scope.state = true;
        scope.states = true;
        for person in &reading.people {
            scope = self.bind(&scope, &person.name, Type::Identity(person.identity)).0;
        }
        let mut accounts = Vec::new();
        for (who_name, app_name, attr) in super::paths::account_paths(e) {
            let (Some(who), Some(app)) =
                (reading.names.get(&who_name.text), self.decls.apps.get(&app_name.text).copied())
            else {
                continue;
            };
            let bound = format!("{}.{}.{}", who_name.text, app_name.text, attr.text);
            if scope.locals.iter().any(|(n, ..)| *n == bound) {
                continue;
            }
            let Some(account) = self.schema.app(app).account.clone() else { continue };
            let (attribute, ty) = if attr.text == "enabled" {
                (None, Type::Bool)
            } else {
                match account.attributes.iter().position(|a| a.name == attr.text) {
                    Some(i) => (Some(i as u32), Type::Str),
                    None => {
                        let names: Vec<&str> = account.attributes.iter().map(|a| a.name.as_str()).collect();
                        let near = did_you_mean(&attr.text, names.iter().copied());
                        let help = near.map_or_else(
                            || format!("it has {} and `enabled`", list(names.iter().copied())),
                            |n| format!("did you mean `{n}`?"),
                        );
                        return self.fail(
                            Diagnostic::new(
                                &codes::UNKNOWN_FIELD,
                                format!("the account in `{}` has no `{}`", app_name.text, attr.text),
                            )
                            .at(attr.span, "not found there")
                            .help(help),
                        );
                    }
                }
            };
            let (next, local): (Scope, Local) = self.bind(&scope, &bound, ty);
            scope = next;
            accounts.push(AccountValue { local, who: *who, app, attribute });
        }
        for name in super::paths::names(e) {
            if let Some(who) = reading.names.get(&name.text)
                && !reading.there[who.0 as usize]
            {
                self.someone_there(&name, reading)?;
            }
        }
        let _ = span;
        let (id, _) = self.condition(e, &scope)?;
        Ok(Expectation::That(id, accounts))
    }
}
