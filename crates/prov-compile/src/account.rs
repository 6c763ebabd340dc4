//! Accounts: who has one, with which attributes, after which other app.
//! Invariant: `from` has no cycle, and an app's accounts have the same attributes for every identity type.

use crate::check::{Checker, Reported, Scope, Subject};
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{AccountProgram, ExprId, ExprKind};
use prov_model::{AccountDef, AppId, FieldDef, IdentityId, RuleKind, Type};
use prov_syntax::ast::{self, AppMember, ItemKind};

impl Checker<'_> {
    pub(crate) fn lower_accounts(&mut self) -> Vec<AccountProgram> {
        let apps: Vec<(AppId, usize, usize)> = self
            .decls
            .apps
            .iter()
            .filter_map(|(name, id)| self.declared.get(name).map(|d| (*id, d.module, d.item)))
            .collect();
        let mut out = Vec::new();
        let mut written: Vec<(AppId, usize, ast::Account)> = Vec::new();
        for (app, m, i) in apps {
            let ItemKind::App(def) = self.item(m, i).kind.clone() else { continue };
            for member in def.members {
                let AppMember::Account(a) = member else { continue };
                match self.account_named(app, a.name.as_ref()) {
                    Ok(app) => written.push((app, m, a)),
                    Err(Reported) => continue,
                }
            }
        }
        let order = self.account_order(&written);
        for index in order {
            let (app, m, account) = written[index].clone();
            let Ok(identity) = self.for_whom(m, account.for_type.as_ref(), account.head) else { continue };
            if out.iter().any(|p: &AccountProgram| p.app == app && p.identity == identity) {
                let (a, t) = (self.schema.app(app).name.clone(), self.schema.identity(identity).name.clone());
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{a}` has two accounts for `{t}`"))
                        .at(account.head, "again here")
                        .help("join their conditions with `or`"),
                );
                continue;
            }
            if let Some(from) = &account.from
                && !self.has_account_for(&written, from, identity)
            {
                let (a, t) = (self.schema.app(app).name.clone(), self.schema.identity(identity).name.clone());
                self.report(
                    Diagnostic::new(
                        &codes::NO_ACCOUNT,
                        format!(
                            "`{a}` takes accounts of `{t}` from `{}`, which has none for them",
                            from.text
                        ),
                    )
                    .at(from.span, format!("has no `account for {t}`"))
                    .because("nobody could ever have this account")
                    .help(format!("declare `account for {t} {{ … }}` in app `{}`", from.text)),
                );
                continue;
            }
            if let Some(p) = self.lower_account(app, m, identity, &account) {
                out.push(p);
            }
        }
        // What is text for an identity type whose block was read later folds for all.
        for program in &mut out {
            let Some(def) = &self.schema.app(program.app).account else { continue };
            for correlate in &mut program.correlate {
                let key = &def.correlate[correlate.key as usize].name;
                let is_text = |f: &FieldDef| f.name == *key && *f.ty.required() == Type::Text;
                correlate.folds |= def.attributes.iter().any(is_text);
            }
        }
        out.sort_by_key(|p| (p.app, p.identity));
        out
    }

    /// Whether an app has an account for an identity type; where it has none at all that has been said already.
    fn has_account_for(
        &self,
        written: &[(AppId, usize, ast::Account)],
        app: &ast::Name,
        identity: IdentityId,
    ) -> bool {
        let Some(app) = self.decls.apps.get(&app.text) else { return true };
        let mut of_app = written.iter().filter(|w| w.0 == *app).peekable();
        of_app.peek().is_none()
            || of_app.any(|(_, _, account)| match &account.for_type {
                Some(t) => self.decls.identities.get(&t.text).is_none_or(|id| *id == identity),
                None => true,
            })
    }

    /// Accounts in an order in which each comes after the one it is `from`.
    fn account_order(&mut self, written: &[(AppId, usize, ast::Account)]) -> Vec<usize> {
        let mut graph = petgraph::graph::DiGraph::<usize, Span>::new();
        let nodes: Vec<_> = (0..written.len()).map(|i| graph.add_node(i)).collect();
        for (i, (app, _, account)) in written.iter().enumerate() {
            let Some(from) = &account.from else { continue };
            let Ok(target) = self.app_named(from) else { continue };
            let mut any = false;
            for (j, (other, ..)) in written.iter().enumerate() {
                if *other == target {
                    graph.add_edge(nodes[j], nodes[i], from.span);
                    any = true;
                }
            }
            if !any {
                let (a, b) = (self.schema.app(*app).name.clone(), from.text.clone());
                self.report(
                    Diagnostic::new(
                        &codes::NO_ACCOUNT,
                        format!("`{a}` takes its accounts from `{b}`, which has none"),
                    )
                    .at(from.span, "has no `account`")
                    .help(format!("declare `account {{ … }}` in app `{b}`")),
                );
            }
        }
        for component in petgraph::algo::tarjan_scc(&graph) {
            let cyclic = component.len() > 1 || graph.find_edge(component[0], component[0]).is_some();
            if cyclic {
                let mut names: Vec<String> =
                    component.iter().map(|n| self.schema.app(written[graph[*n]].0).name.clone()).collect();
                names.sort();
                names.push(names[0].clone());
                let span = graph
                    .edges(component[0])
                    .next()
                    .map_or(written[graph[component[0]]].2.head, |e| *e.weight());
                self.report(
                    Diagnostic::new(
                        &codes::APP_CYCLE,
                        format!("these accounts wait for each other: {}", names.join(" → ")),
                    )
                    .at(span, "part of the cycle")
                    .help("one of them must come first: take its `from` away"),
                );
                return vec![];
            }
        }
        match petgraph::algo::toposort(&graph, None) {
            Ok(order) => order.into_iter().map(|n| graph[n]).collect(),
            Err(_) => vec![],
        }
    }

    fn lower_account(
        &mut self,
        app: AppId,
        m: usize,
        identity: IdentityId,
        account: &ast::Account,
    ) -> Option<AccountProgram> {
        let from = account.from.as_ref().and_then(|f| self.app_named(f).ok());
        let mut scope = Scope { from, ..Scope::new(m, Subject::Identity(identity), "an account") };
        let when = match &account.when {
            None => None,
            Some(c) => {
                let (id, _) = self.condition(c, &scope).ok()?;
                if let Some(span) = self.reads_name(id) {
                    self.report(
                        Diagnostic::new(
                            &codes::UNIQUE_NAME,
                            "who has an account can't hang on a unique name",
                        )
                        .at(span, "is given by `unique`")
                        .because("names are given to those who have an account, so that must be known first")
                        .help("ask for what the name is made from"),
                    );
                    return None;
                }
                scope = scope.with(&self.facts_of(id, true));
                Some(id)
            }
        };
        let mut enabled = None;
        let mut attributes: Vec<(FieldDef, ExprId, Span)> = Vec::new();
        let mut failed = false;
        for f in &account.fields {
            let name = &f.assign.name;
            if name.text == "enabled" {
                if let Some(span) = f.rename_on_change {
                    self.report(
                        Diagnostic::new(
                            &codes::UNIQUE_NAME,
                            "`rename on change` is for names that are given once",
                        )
                        .at(span, "says nothing here")
                        .help("take it away"),
                    );
                }
                match self.condition(&f.assign.value, &scope) {
                    Ok((id, _)) => enabled = Some(id),
                    Err(Reported) => failed = true,
                }
                continue;
            }
            if attributes.iter().any(|a| a.0.name == name.text) {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is set twice", name.text))
                        .at(name.span, "again here")
                        .help("take one away"),
                );
                continue;
            }
            match self.attribute_value(app, attributes.len(), f, &scope) {
                Ok((id, ty)) if ty.required().is_scalar() => {
                    let tree = std::rc::Rc::new(f.assign.value.clone());
                    scope.account.push((name.text.clone(), Some(((id, ty.clone()), tree))));
                    attributes.push((FieldDef { name: name.text.clone(), ty }, id, name.span));
                }
                Ok((_, ty)) => {
                    let shown = self.type_name(&ty);
                    self.report(
                        Diagnostic::new(
                            &codes::TYPE_MISMATCH,
                            format!("an account's attribute is one plain value, not `{shown}`"),
                        )
                        .at(f.assign.value.span, format!("this is `{shown}`"))
                        .help("put what is needed into a string: `\"{…}\"`"),
                    );
                    failed = true;
                }
                Err(Reported) => {
                    scope.account.push((name.text.clone(), None));
                    failed = true;
                }
            }
        }
        // What an account is found by reads the identity first, and attributes of the account where it has no such name.
        let identity_has =
            |name: &str| self.schema.identity(identity).attributes.iter().any(|a| a.name == name);
        scope.account.retain(|(name, _)| !identity_has(name));
        let correlate = self.correlations(account, &scope);
        if failed {
            return None;
        }
        let correlate = correlate?;
        match attributes.first() {
            None => {
                self.report(
                    Diagnostic::new(&codes::NO_ACCOUNT, "this account has no name")
                        .at(account.head, "nothing in it")
                        .help("its first attribute is its name in the app, for instance `login = id`"),
                );
                return None;
            }
            Some((first, _, span)) if first.ty.is_optional() => {
                let (name, span) = (first.name.clone(), *span);
                self.report(
                    Diagnostic::new(
                        &codes::MAYBE_ABSENT,
                        format!("`{name}` names the account and may be absent"),
                    )
                    .at(span, "may be absent")
                    .help("give it a default with `??`"),
                );
                return None;
            }
            Some(_) => {}
        }
        let fields: Vec<FieldDef> = attributes.iter().map(|a| a.0.clone()).collect();
        let app_name = self.schema.app(app).name.clone();
        // Each block is a cause of its own, named by its type where it says one.
        let name = match &account.for_type {
            None => format!("{app_name}.account"),
            Some(ty) => format!("{app_name}.account for {}", ty.text),
        };
        let rule = self.rule(RuleKind::Account, name, account.head, None, &account.annotations, None);
        match self.schema.app(app).account.clone() {
            None => {
                self.schema.apps[app.index()].account = Some(AccountDef {
                    rule,
                    from,
                    attributes: fields.clone(),
                    unique: Vec::new(),
                    correlate: Vec::new(),
                });
            }
            Some(first) => {
                let same = first.attributes.len() == fields.len()
                    && first.attributes.iter().zip(&fields).all(|(a, b)| a.name == b.name);
                if !same || first.from != from {
                    self.report(
                        Diagnostic::new(&codes::NO_ACCOUNT, format!("the accounts of `{app_name}` differ in their attributes"))
                            .at(account.head, "differs from the first")
                            .help("give the accounts of one app the same attributes, in the same order, and the same `from`"),
                    );
                    return None;
                }
                let mut joined = Vec::new();
                for ((a, b), (.., span)) in first.attributes.iter().zip(&fields).zip(&attributes) {
                    match joined_type(&a.ty, &b.ty) {
                        Some(ty) => joined.push(FieldDef { name: a.name.clone(), ty }),
                        None => {
                            let [one, other] = [&a.ty, &b.ty].map(|t| self.type_name(t));
                            let message = format!(
                                "`{}` of the accounts of `{app_name}` is `{one}` and `{other}`",
                                a.name
                            );
                            self.report(
                                Diagnostic::new(&codes::NO_ACCOUNT, message)
                                    .at(*span, format!("this is `{other}`"))
                                    .because("what reads it would have to know whose account it is")
                                    .help("give it one type for every identity type: `string(…)` makes a string of it"),
                            );
                            return None;
                        }
                    }
                }
                if let Some(def) = &mut self.schema.apps[app.index()].account {
                    def.attributes = joined;
                }
            }
        }
        for (number, (_, id, _)) in attributes.iter().enumerate() {
            if self.reads_name(*id).is_some() {
                self.named.insert((app, number as u32));
            }
            // One that only repeats another's name gives none itself.
            let unique =
                matches!(self.kind(*id), ExprKind::Unique(u) if (u.app, u.attribute) == (app, number as u32));
            if let (true, Some(def)) = (unique, &mut self.schema.apps[app.index()].account)
                && let Err(at) = def.unique.binary_search(&(number as u32))
            {
                def.unique.insert(at, number as u32);
            }
        }
        Some(AccountProgram {
            app,
            identity,
            rule,
            when,
            enabled,
            correlate: self.found_by(app, correlate),
            attributes: attributes.into_iter().map(|a| a.1).collect(),
        })
    }
}

/// The type of an attribute that is one thing for one identity type and another for another: `text` where one of them is,
/// so that it does not hang on the order of the blocks; none where they are not both texts.
fn joined_type(a: &Type, b: &Type) -> Option<Type> {
    let ty = match (a.required(), b.required()) {
        (a, b) if a == b => a.clone(),
        (Type::Str, Type::Text) | (Type::Text, Type::Str) => Type::Text,
        _ => return None,
    };
    Some(if a.is_optional() || b.is_optional() { ty.optional() } else { ty })
}
