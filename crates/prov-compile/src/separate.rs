//! `separate`: what nobody may hold together, and the patterns by which forbids, separations and the like name
//! entitlements and roles.
//! Invariant: of the two sides of a separation, no value that the policy spells out is on both.

use crate::check::{Checker, Reported, Scope, Subject, Try};
use crate::declare::What;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{ExprKind, GrantValue, RuleProgram};
use prov_model::{
    NamedRole, PatternDef, Resolve, RuleId, RuleKind, SeparateDef, SideDef, Type, Value, ValuePattern,
    split_values,
};
use prov_syntax::ast::{self, EntPattern, ItemKind, PatternArg, SeparateWhat};

/// What a pattern names.
pub(crate) enum Named {
    /// Entitlements.
    Entitlements(PatternDef),
    /// A role.
    Role(NamedRole),
}

impl Checker<'_> {
    /// What a pattern names; `place` is what the item is called, for messages.
    pub(crate) fn named(&mut self, p: &EntPattern, module: usize, place: &str) -> Try<Named> {
        match p {
            EntPattern::Entitlement { .. } => self.entitlement_pattern(p, module).map(Named::Entitlements),
            EntPattern::Role(r) if self.decls.apps.contains_key(&r.name.text) => {
                self.entitlement_pattern(p, module).map(Named::Entitlements)
            }
            EntPattern::Role(r) => self.role_pattern(r, module, place).map(Named::Role),
        }
    }

    fn role_pattern(&mut self, r: &ast::RoleRef, module: usize, place: &str) -> Try<NamedRole> {
        match self.declared.get_mut(&r.name.text) {
            Some(d) if d.what == What::Role => d.used = true,
            Some(d) if d.what == What::Birthright => {
                let at = d.span;
                return self.fail(
                    Diagnostic::new(
                        &codes::NOT_A_VALUE,
                        format!("`{}` is a birthright: {place} names roles and entitlements", r.name.text),
                    )
                    .at(r.span, "not a role")
                    .at(at, "declared here")
                    .help("make it a `role` with the same condition, or name what it grants"),
                );
            }
            _ => {
                let names = self.names_of(What::Role);
                return self.unknown(&r.name, "role", &names);
            }
        }
        let position = self.decls.rules[&r.name.text];
        let instance = self.named_instance(r, module)?;
        match self.rule_ids.get(position as usize) {
            Some(&rule) => Ok(NamedRole { position, rule, instance }),
            None => Err(Reported),
        }
    }

    /// Entitlements by pattern.
    pub(crate) fn entitlement_pattern(&mut self, p: &EntPattern, module: usize) -> Try<PatternDef> {
        let (app, kind, args, span) = match p {
            EntPattern::Entitlement { app, kind, args, span } => (app, kind, args, *span),
            EntPattern::Role(r) => {
                if self.decls.apps.contains_key(&r.name.text) {
                    let app = self.app_named(&r.name)?;
                    return Ok(PatternDef { app, kind: None, values: vec![], seconds: self.seconds_of(app) });
                }
                return self.fail(
                    Diagnostic::new(&codes::NOT_A_VALUE, format!("`{}` is no entitlement", r.name.text))
                        .at(r.span, "can't stand here")
                        .help("name what it grants: `app.kind(\"value\")`"),
                );
            }
        };
        let app = self.app_named(app)?;
        let Some(kind) = kind else {
            return Ok(PatternDef { app, kind: None, values: vec![], seconds: self.seconds_of(app) });
        };
        let kind = self.kind_named(app, kind)?;
        let Some(args) = args else {
            return Ok(PatternDef { app, kind: Some(kind), values: vec![], seconds: self.seconds_of(app) });
        };
        self.arity(app, kind, args.len(), span)?;
        let types = self.schema.kind(app, kind).types.clone();
        // Sameness is decided on the joined, folded spelling: with several values all fold where one does.
        let folds = types.contains(&Type::Text);
        let mut values = Vec::new();
        for (arg, ty) in args.iter().zip(types) {
            values.push(match arg {
                PatternArg::Any(_) => ValuePattern::Any,
                PatternArg::Matches(p) => ValuePattern::Matches(self.pattern(p, folds)?),
                PatternArg::Value(e) => {
                    let scope = Scope { has: false, ..Scope::new(module, Subject::Nobody, "a pattern") };
                    let (id, _) = self.expr_as(e, &scope, &ty)?;
                    self.check_catalog(app, kind, id, e.span);
                    match self.kind(id) {
                        ExprKind::Const(v) => {
                            let plain = v.plain(&ty, &self.schema);
                            ValuePattern::Exactly(if folds {
                                prov_model::fold(&plain).into_owned()
                            } else {
                                plain
                            })
                        }
                        _ => {
                            return self.fail(
                                Diagnostic::new(
                                    &codes::NOT_CONSTANT,
                                    "what a pattern names is a constant or matches",
                                )
                                .at(e.span, "not a constant")
                                .help("write a value as it stands, `matches \"…*\"` or `any`"),
                            );
                        }
                    }
                }
            });
        }
        Ok(PatternDef { app, kind: Some(kind), values, seconds: self.seconds_of(app) })
    }

    pub(crate) fn lower_separations(&mut self, rules: &[RuleProgram]) {
        let mut found: Vec<(String, usize, usize)> = Vec::new();
        for (m, module) in self.modules.iter().enumerate() {
            for (i, item) in module.file.items.iter().enumerate() {
                if matches!(item.kind, ItemKind::Separate(_)) {
                    found.push((self.sources.text(item.span).to_owned(), m, i));
                }
            }
        }
        found.sort();
        for (_, m, i) in found {
            let item = self.item(m, i).clone();
            let ItemKind::Separate(s) = &item.kind else { continue };
            let (sides, written) = match &s.what {
                SeparateWhat::Sides(a, b) => {
                    let of = |list: &[EntPattern]| -> Vec<String> {
                        list.iter().map(|p| self.written(p.span())).collect()
                    };
                    let (a_text, b_text) = (of(a).join(", "), of(b).join(", "));
                    let written = format!("separate {a_text} from {b_text}");
                    (vec![(a.clone(), a_text), (b.clone(), b_text)], written)
                }
                SeparateWhat::AnyOf(n, list) => {
                    let sides: Vec<(Vec<EntPattern>, String)> =
                        list.iter().map(|p| (vec![p.clone()], self.written(p.span()))).collect();
                    let names: Vec<&str> = sides.iter().map(|s| s.1.as_str()).collect();
                    let written = format!("separate any {} of [{}]", self.text(n.span), names.join(", "));
                    (sides, written)
                }
            };
            let rule = self.rule(
                RuleKind::Separate,
                written,
                item.head,
                item.docs.as_deref(),
                &item.annotations,
                s.because.as_ref(),
            );
            let Ok(def) = self.separation(s, m, rule, &sides, item.head) else { continue };
            self.on_both_sides(&def, &sides, rules);
            self.schema.separations.push(def);
            self.separation_spans.push(item.head);
        }
    }

    fn separation(
        &mut self,
        s: &ast::Separate,
        module: usize,
        rule: RuleId,
        written: &[(Vec<EntPattern>, String)],
        head: Span,
    ) -> Try<SeparateDef> {
        if s.because.is_none() {
            self.report(
                Diagnostic::new(&codes::NO_REASON, "a separation says why")
                    .at(head, "without a reason")
                    .help("add `because \"…\"`: whoever loses access by it is told that"),
            );
        }
        let mut sides = Vec::new();
        let mut fine = true;
        for (patterns, shown) in written {
            let mut side = SideDef { shown: shown.clone(), patterns: vec![], roles: vec![] };
            for p in patterns {
                match self.named(p, module, "a separation") {
                    Ok(Named::Entitlements(def)) => side.patterns.extend(def.by_account()),
                    Ok(Named::Role(role)) => side.roles.push(role),
                    Err(Reported) => fine = false,
                }
            }
            sides.push(side);
        }
        let at_least = match &s.what {
            SeparateWhat::Sides(..) => 2,
            SeparateWhat::AnyOf(n, list) => self.how_many_sides(n, module, list.len())?,
        };
        let resolve = self.resolve(s)?;
        if fine { Ok(SeparateDef { rule, sides, at_least, resolve }) } else { Err(Reported) }
    }

    /// The number in `any N of […]`.
    fn how_many_sides(&mut self, n: &ast::Expr, module: usize, sides: usize) -> Try<u32> {
        let scope = Scope { has: false, ..Scope::new(module, Subject::Nobody, "a separation") };
        let (id, _) = self.expr_as(n, &scope, &Type::Int)?;
        match self.kind(id) {
            ExprKind::Const(Value::Int(n)) if (2..=sides as i64).contains(n) => Ok(*n as u32),
            _ => self.fail(
                Diagnostic::new(
                    &codes::BAD_SEPARATION,
                    "this separation can't be hit, or is hit by one alone",
                )
                .at(n.span, format!("a number from 2 to {sides}, for there are {sides} in the list"))
                .help("`separate any 2 of [A, B, C]`: no two of them together"),
            ),
        }
    }

    fn resolve(&mut self, s: &ast::Separate) -> Try<Resolve> {
        let Some(word) = &s.resolve else { return Ok(Resolve::All) };
        let sides = [
            ("both", Resolve::All),
            ("first", Resolve::Side(0)),
            ("second", Resolve::Side(1)),
            ("report", Resolve::Report),
        ];
        let any = [("all", Resolve::All), ("report", Resolve::Report)];
        let words: &[(&str, Resolve)] = match s.what {
            SeparateWhat::Sides(..) => &sides,
            SeparateWhat::AnyOf(..) => &any,
        };
        self.word(word, "way to resolve a separation", words).ok_or(Reported)
    }

    /// A value that is on both sides is kept apart from itself.
    fn on_both_sides(
        &mut self,
        def: &SeparateDef,
        written: &[(Vec<EntPattern>, String)],
        rules: &[RuleProgram],
    ) {
        for (i, a) in def.sides.iter().enumerate() {
            for (j, b) in def.sides.iter().enumerate().skip(i + 1) {
                let role = a.roles.iter().find(|x| {
                    let overlaps = |y: &NamedRole| {
                        x.position == y.position && (x.covers(y.instance.as_deref()) || y.instance.is_none())
                    };
                    b.roles.iter().any(overlaps)
                });
                let twice = match role {
                    Some(role) => Some(format!("the role `{}`", self.schema.rule(role.rule).name)),
                    None => self.value_on_both(a, b, rules),
                };
                let Some(twice) = twice else { continue };
                let at = |n: usize| written[n].0.first().map(EntPattern::span);
                let mut d = Diagnostic::new(
                    &codes::BAD_SEPARATION,
                    format!("{twice} is on two sides of one separation"),
                )
                .because("whoever holds it would be kept apart from themselves")
                .help("narrow one of the patterns");
                if let (Some(a), Some(b)) = (at(j), at(i)) {
                    d = d.at(a, "it is here").at(b, "and here");
                }
                self.report(d);
            }
        }
    }

    /// A value that the policy spells out, in the patterns or in a grant, and that is on both sides.
    fn value_on_both(&self, a: &SideDef, b: &SideDef, rules: &[RuleProgram]) -> Option<String> {
        let exact = |p: &PatternDef| Some((p.app, p.kind?, p.exact()?));
        let spelled = a.patterns.iter().chain(&b.patterns).filter_map(exact);
        let granted = rules.iter().flat_map(|r| &r.grants).filter_map(|g| {
            let values: Option<Vec<_>> =
                g.values.iter().map(|v| if let GrantValue::One(e) = v { Some(*e) } else { None }).collect();
            Some((g.app, g.kind, self.constant_key(g.app, g.kind, &values?)?))
        });
        let whole = a.patterns.iter().filter(|p| p.values.is_empty()).find(|p| {
            b.patterns.iter().any(|q| {
                q.values.is_empty()
                    && p.app == q.app
                    && (p.kind.is_none() || q.kind.is_none() || p.kind == q.kind)
            })
        });
        if let Some(whole) = whole {
            let app = self.schema.app(whole.app).name.clone();
            return Some(match whole.kind {
                Some(kind) => format!("`{app}.{}`", self.schema.kind(whole.app, kind).name),
                None => format!("`{app}.*`"),
            });
        }
        let twice = spelled
            .chain(granted)
            .find(|(app, kind, value)| a.covers(*app, *kind, value) && b.covers(*app, *kind, value))?;
        let (app, kind, value) = twice;
        let shown: Vec<String> = split_values(&value).iter().map(|v| format!("{v:?}")).collect();
        let kind = &self.schema.kind(app, kind).name;
        Some(format!("`{}.{kind}({})`", self.schema.app(app).name, shown.join(", ")))
    }
}
