//! Birthrights, roles, forbids and guards. Invariant: the positions of rules follow their names, not their files.

use crate::check::{Checker, Reported, Scope, Subject, Try};
use crate::declare::What;
use crate::separate::Named;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{
    EachProgram, ExprId, ExprKind, ForbidProgram, GrantProgram, GrantValue, InstanceProgram,
    RequestableProgram, RuleProgram,
};
use prov_model::{
    AppId, ForbidDef, IdentityId, KindId, PatternDef, RoleForbidDef, RuleKind, Type, Value, join_values,
};
use prov_syntax::ast::{self, ItemKind, Member};
use std::collections::BTreeSet;

/// Loops and conditions around a grant.
#[derive(Clone, Default)]
struct Around {
    each: Vec<EachProgram>,
}

impl Checker<'_> {
    /// The identity type of a rule by name, without a report.
    pub(crate) fn rule_identity(&self, name: &str) -> Option<IdentityId> {
        let d = self.declared.get(name)?;
        let named = match &self.item(d.module, d.item).kind {
            ItemKind::Birthright { for_type, .. } => for_type.as_ref(),
            ItemKind::Role(r) => r.for_type.as_ref(),
            _ => return None,
        };
        match named {
            Some(n) => self.decls.identities.get(&n.text).copied(),
            None => (self.schema.identities.len() == 1).then_some(IdentityId(0)),
        }
    }

    pub(crate) fn lower_rules(&mut self) -> Vec<RuleProgram> {
        let mut ordered: Vec<(u32, String)> = self.decls.rules.iter().map(|(n, i)| (*i, n.clone())).collect();
        ordered.sort();
        self.included = self.included_roles();
        ordered
            .into_iter()
            .map(|(_, name)| {
                let d = self.declared[&name].clone();
                let item = self.item(d.module, d.item).clone();
                let (kind, for_type, when, requestable, body) = match &item.kind {
                    ItemKind::Birthright { for_type, when, body, .. } => {
                        (RuleKind::Birthright, for_type, when, None, body)
                    }
                    ItemKind::Role(r) => {
                        (RuleKind::Role, &r.for_type, &r.when, r.requestable.as_ref(), &r.body)
                    }
                    _ => unreachable!("rules are birthrights and roles"),
                };
                let params = self.role_params(&name);
                let rule = self.rule(kind, name, item.head, item.docs.as_deref(), &item.annotations, None);
                self.rule_ids.push(rule);
                let mut program = RuleProgram {
                    rule,
                    identity: IdentityId(0),
                    when: None,
                    requestable: None,
                    params: vec![],
                    includes: vec![],
                    instances: vec![],
                    grants: vec![],
                };
                let Ok(identity) = self.for_whom(d.module, for_type.as_ref(), item.head) else {
                    return program;
                };
                program.identity = identity;
                let Ok(params) = params else { return program };
                let scope = Scope::new(d.module, Subject::Identity(identity), "a rule");
                let mut scope = self.bind_params(scope, &params);
                program.params = params;
                match when {
                    Some(c) => {
                        if let Ok((id, _)) = self.condition(c, &scope) {
                            // What `includes` brings comes whatever the role's own `when`.
                            let included = self.included.contains(&self.schema.rule(rule).name);
                            if !included && requestable.is_none() {
                                scope = scope.with(&self.facts_of(id, true));
                            }
                            program.when = Some(id);
                        }
                    }
                    None if kind == RuleKind::Birthright => {
                        program.when =
                            Some(self.add(ExprKind::Const(Value::Bool(true)), Type::Bool, item.head).0);
                    }
                    None => {}
                }
                if let Some(r) = requestable
                    && let Ok((lowered, within)) = self.requestable(r, &scope)
                {
                    if when.is_none() && !self.included.contains(&self.schema.rule(rule).name) {
                        scope = within;
                    }
                    program.requestable = Some(lowered);
                }
                if body.is_empty() {
                    self.report(
                        Diagnostic::new(&codes::EMPTY_RULE, "this rule gives nothing")
                            .at(item.head, "empty")
                            .help("add a `grant`, or take the rule away"),
                    );
                }
                let brought = when.is_some() && self.included.contains(&self.schema.rule(rule).name);
                self.unsettled = brought.then_some(
                    "another role includes this one, and what `includes` brings comes whatever this role's own `when`",
                );
                self.members(body, &scope, &Around::default(), &mut program);
                self.unsettled = None;
                program.includes.sort_unstable();
                program.includes.dedup();
                program
            })
            .collect()
    }

    /// `requestable …`, and the setting in which its condition holds.
    fn requestable(&mut self, r: &ast::Requestable, scope: &Scope) -> Try<(RequestableProgram, Scope)> {
        let mut within = scope.clone();
        let mut out = RequestableProgram { when: None, at_most: None, approved_by: None };
        if let Some(c) = &r.when {
            let (id, _) = self.condition(c, scope)?;
            within = scope.with(&self.facts_of(id, true));
            out.when = Some(id);
        }
        if let Some(d) = &r.at_most {
            let nobody = Scope { has: false, ..Scope::new(scope.module, Subject::Nobody, "a limit of time") };
            let (id, _) = self.expr(d, &nobody, None)?;
            out.at_most = Some(match self.length_of_time(id) {
                Some(span) => span,
                None => {
                    return self.fail(
                        Diagnostic::new(&codes::BAD_LIMIT, "a role is had for at most a length of time")
                            .at(d.span, "not a length of time that is known here")
                            .help("write for instance `8 hours` or `30 days`"),
                    );
                }
            });
        }
        if let Some(by) = &r.approved_by {
            let (id, ty) = self.expr(by, &within, None)?;
            let fits = match ty.required() {
                Type::Identity(_) | Type::Str | Type::Text => true,
                Type::Set(of) => matches!(**of, Type::Str | Type::Text),
                _ => false,
            };
            if !fits {
                let name = self.type_name(&ty);
                return self.fail(
                    Diagnostic::new(
                        &codes::TYPE_MISMATCH,
                        format!("`approved by` names people, and this is `{name}`"),
                    )
                    .at(by.span, format!("this is `{name}`"))
                    .help("name a reference (`manager`), the id of someone, or a set of ids"),
                );
            }
            out.approved_by = Some(id);
        }
        Ok((out, within))
    }

    /// The roles that some rule includes, by name.
    fn included_roles(&self) -> BTreeSet<String> {
        fn of(body: &[Member], out: &mut BTreeSet<String>) {
            for member in body {
                match member {
                    Member::Includes { roles, .. } => out.extend(roles.iter().map(|r| r.name.text.clone())),
                    Member::Each { body, .. } => of(body, out),
                    Member::Grant(_) => {}
                }
            }
        }
        let mut out = BTreeSet::new();
        for item in self.modules.iter().flat_map(|m| &m.file.items) {
            match &item.kind {
                ItemKind::Birthright { body, .. } => of(body, &mut out),
                ItemKind::Role(role) => of(&role.body, &mut out),
                _ => {}
            }
        }
        out
    }

    fn members(&mut self, body: &[Member], scope: &Scope, around: &Around, out: &mut RuleProgram) {
        for member in body {
            match member {
                Member::Includes { roles, .. } => {
                    for r in roles {
                        self.include(r, scope, around, out);
                    }
                }
                Member::Grant(g) => self.grant(g, scope, around, out),
                Member::Each { var, list, filter, body, .. } => {
                    let _ = self.each(var, list, filter.as_ref(), body, scope, around, out);
                }
            }
        }
    }

    fn include(&mut self, r: &ast::RoleRef, scope: &Scope, around: &Around, out: &mut RuleProgram) {
        let found = self
            .declared
            .get(&r.name.text)
            .filter(|d| matches!(d.what, What::Role | What::Birthright))
            .map(|d| d.what);
        match found {
            Some(What::Role) => {
                if let Some(d) = self.declared.get_mut(&r.name.text) {
                    d.used = true;
                }
                if self.rule_identity(&r.name.text).is_some_and(|i| i != out.identity) {
                    self.report(
                        Diagnostic::new(
                            &codes::TYPE_MISMATCH,
                            format!("role `{}` is for another identity type", r.name.text),
                        )
                        .at(r.span, "can't be included here")
                        .help("include a role for the same type"),
                    );
                    return;
                }
                let args: Vec<&ast::Expr> = r.args.iter().collect();
                let Ok(args) = self.role_arguments(&r.name, &args, scope, r.span) else { return };
                let role = self.decls.rules[&r.name.text];
                out.includes.push(role);
                if !args.is_empty() {
                    let each = around.each.clone();
                    out.instances.push(InstanceProgram { span: r.span, role, args, each });
                } else if !around.each.is_empty() {
                    self.report(
                        Diagnostic::new(
                            &codes::NOT_ALLOWED_HERE,
                            format!("`{}` is the same for every element", r.name.text),
                        )
                        .at(r.span, "included again and again")
                        .because("it would come whether or not there is an element")
                        .help("put the `includes` outside of the `each`, or give the role a parameter"),
                    );
                }
            }
            Some(_) => self.report(
                Diagnostic::new(
                    &codes::NOT_A_VALUE,
                    format!("`{}` is a birthright: only roles are included", r.name.text),
                )
                .at(r.span, "not a role")
                .help("make it a `role` with the same condition"),
            ),
            None => {
                let names = self.names_of(What::Role);
                let _ = self.unknown::<()>(&r.name, "role", &names);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one tree node and its setting")]
    fn each(
        &mut self,
        var: &ast::Name,
        over: &ast::Expr,
        filter: Option<&ast::Expr>,
        body: &[Member],
        scope: &Scope,
        around: &Around,
        out: &mut RuleProgram,
    ) -> Try<()> {
        let (id, ty) = self.expr(over, scope, None)?;
        let ty = self.coerce((id, ty.clone()), ty.required(), over.span, scope)?.1;
        let element = self.element(&ty, over.span)?;
        let (mut inner, local) = self.bind(scope, &var.text, element);
        let filter = match filter {
            None => None,
            Some(c) => {
                let (f, _) = self.condition(c, &inner)?;
                inner = inner.with(&self.facts_of(f, true));
                Some(f)
            }
        };
        let mut around = around.clone();
        around.each.push(EachProgram { local, list: id, filter });
        self.members(body, &inner, &around, out);
        Ok(())
    }

    fn grant(&mut self, g: &ast::Grant, scope: &Scope, around: &Around, out: &mut RuleProgram) {
        let mut scope = scope.clone();
        let when = match &g.when {
            None => None,
            Some(c) => match self.condition(c, &scope) {
                Ok((id, _)) => {
                    scope = scope.with(&self.facts_of(id, true));
                    Some(id)
                }
                Err(Reported) => return,
            },
        };
        let Ok(bounds) = self.bounds(g, &scope) else { return };
        for e in &g.entitlements {
            if let Ok((app, kind, values)) = self.granted(e, &scope) {
                let Ok(app) = self.account_named(app, g.as_account.as_ref()) else { return };
                out.grants.push(GrantProgram {
                    span: e.span,
                    app,
                    kind,
                    values,
                    when,
                    from: bounds.from,
                    until: bounds.until,
                    keep: bounds.keep,
                    each: around.each.clone(),
                });
            }
        }
    }

    fn granted(&mut self, e: &ast::EntRef, scope: &Scope) -> Try<(AppId, KindId, Vec<GrantValue>)> {
        let app = self.app_named(&e.app)?;
        let kind = self.kind_named(app, &e.kind)?;
        self.arity(app, kind, e.args.len(), e.span)?;
        let types = self.schema.kind(app, kind).types.clone();
        let mut values = Vec::new();
        for (arg, ty) in e.args.iter().zip(types) {
            if arg.each.is_some() {
                let want = Type::Set(Box::new(ty.clone()));
                let typed = self.expr(&arg.value, scope, Some(&want))?;
                let required = typed.1.required().clone();
                if !matches!(required, Type::Set(_)) {
                    let name = self.type_name(&typed.1);
                    return self.fail(
                        Diagnostic::new(
                            &codes::TYPE_MISMATCH,
                            format!("`each` needs a set, and this is `{name}`"),
                        )
                        .at(arg.value.span, format!("this is `{name}`"))
                        .help("take `each` away to grant the one value"),
                    );
                }
                values.push(GrantValue::Each(self.coerce(typed, &want, arg.value.span, scope)?.0));
            } else {
                let (id, _) = self.expr_as(&arg.value, scope, &ty)?;
                self.check_catalog(app, kind, id, arg.value.span);
                values.push(GrantValue::One(id));
            }
        }
        Ok((app, kind, values))
    }

    pub(crate) fn arity(&mut self, app: AppId, kind: KindId, given: usize, span: Span) -> Try<()> {
        let def = self.schema.kind(app, kind);
        if def.types.len() == given {
            return Ok(());
        }
        let name = format!("{}.{}", self.schema.app(app).name, def.name);
        let types: Vec<String> = def.types.iter().map(|t| t.name(&self.schema)).collect();
        let (n, shown) = (types.len(), types.join(", "));
        self.fail(
            Diagnostic::new(
                &codes::WRONG_ARGUMENTS,
                format!("`{name}` takes {n} value{}, not {given}", if n == 1 { "" } else { "s" }),
            )
            .at(span, "written here")
            .help(format!("write `{name}({shown})` with values of these types")),
        )
    }

    /// A constant value must stand in the catalog, where there is one.
    pub(crate) fn check_catalog(&mut self, app: AppId, kind: KindId, value: ExprId, span: Span) {
        let def = self.schema.kind(app, kind);
        if !def.catalog || def.types.len() != 1 {
            return;
        }
        let name = format!("{}.{}", self.schema.app(self.schema.declared_app(app)).name, def.name);
        let (Some(catalog), ExprKind::Const(v)) = (self.options.catalogs.get(&name), self.kind(value)) else {
            return;
        };
        let folds = def.types[0] == Type::Text;
        let plain = v.plain(&def.types[0], &self.schema);
        let same =
            |c: &String| if folds { prov_model::fold(c) == prov_model::fold(&plain) } else { *c == plain };
        if catalog.iter().any(same) {
            return;
        }
        let near = did_you_mean(&plain, catalog.iter().map(String::as_str)).map(str::to_owned);
        let mut d =
            Diagnostic::new(&codes::NOT_IN_CATALOG, format!("`{plain}` is not in the catalog of `{name}`"))
                .at(span, "no such value")
                .help(near.as_ref().map_or_else(
                    || format!("the catalog has {} values; add it there if it is new", catalog.len()),
                    |n| format!("did you mean `{n}`?"),
                ));
        if let Some(n) = near {
            d = d.fix(format!("replace by `{n}`"), span, format!("\"{n}\""));
        }
        self.report(d);
    }

    /// Forbids of entitlements, and those of roles.
    pub(crate) fn lower_forbids(&mut self) -> (Vec<ForbidProgram>, Vec<ForbidProgram>) {
        let mut found: Vec<(String, usize, usize, usize)> = Vec::new();
        for (m, module) in self.modules.clone().iter().enumerate() {
            for (i, item) in module.file.items.iter().enumerate() {
                if let ItemKind::Forbid { patterns, .. } = &item.kind {
                    for (p, pattern) in patterns.iter().enumerate() {
                        let key =
                            format!("{}\0{}", self.written(pattern.span()), self.sources.text(item.span));
                        found.push((key, m, i, p));
                    }
                }
            }
        }
        found.sort();
        let (mut out, mut roles) = (Vec::new(), Vec::new());
        for (_, m, i, p) in found {
            let item = self.item(m, i).clone();
            let ItemKind::Forbid { patterns, for_type, when, because } = &item.kind else { continue };
            let pattern = &patterns[p];
            // Whole, since an exception suspends all rules of one name.
            let shown = format!("forbid {}", self.written(pattern.span()));
            let rule = self.rule(
                RuleKind::Forbid,
                shown,
                item.head,
                item.docs.as_deref(),
                &item.annotations,
                because.as_ref(),
            );
            let (identity, subject) = if for_type.is_none() && when.is_none() {
                (None, Subject::Nobody)
            } else {
                let Ok(id) = self.for_whom(m, for_type.as_ref(), item.head) else { continue };
                (Some(id), Subject::Identity(id))
            };
            let scope = Scope::new(m, subject, "a forbid");
            let when = match when {
                None => None,
                Some(c) => match self.condition(c, &scope) {
                    Ok((id, _)) => Some(id),
                    Err(Reported) => continue,
                },
            };
            match self.named(pattern, m, "a forbid") {
                Ok(Named::Entitlements(pattern)) => {
                    for PatternDef { app, kind, values, .. } in pattern.by_account() {
                        self.schema.forbids.push(ForbidDef { rule, app, kind, values });
                        out.push(ForbidProgram { identity, when });
                    }
                }
                Ok(Named::Role(role)) => {
                    let name = self.schema.rule(role.rule).name.clone();
                    if identity.is_some() && self.rule_identity(&name) != identity {
                        self.report(
                            Diagnostic::new(
                                &codes::TYPE_MISMATCH,
                                format!("role `{name}` is for another identity type"),
                            )
                            .at(pattern.span(), "nobody here can have it")
                            .help("forbid it `for` the type that can have it"),
                        );
                        continue;
                    }
                    self.schema.role_forbids.push(RoleForbidDef { rule, role });
                    roles.push(ForbidProgram { identity, when });
                }
                Err(Reported) => {}
            }
        }
        (out, roles)
    }

    /// The joined spelling of constant values, folded where the kind folds; for splitting kinds by value.
    pub(crate) fn constant_key(&self, app: AppId, kind: KindId, values: &[ExprId]) -> Option<String> {
        let types = &self.schema.kind(app, kind).types;
        let plain: Option<Vec<String>> =
            values
                .iter()
                .zip(types)
                .map(|(v, t)| {
                    if let ExprKind::Const(v) = self.kind(*v) { Some(v.plain(t, &self.schema)) } else { None }
                })
                .collect();
        let joined = join_values(&plain?);
        Some(if types.contains(&Type::Text) { prov_model::fold(&joined).into_owned() } else { joined })
    }
}
