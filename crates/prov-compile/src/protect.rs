//! `protect`: what no plan may take away; `limit`: how many may have something.
//! Invariant: what is protected is known when the policy is checked, but for who and what there is in the data.

use crate::check::{Checker, Reported, Scope, Subject, Try};
use crate::modules::list;
use prov_diag::did_you_mean;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::ExprKind;
use prov_model::{IdentityId, LimitDef, ProtectDef, ProtectWhat, RawCell, RuleKind, Type, Value, cell_value};
use prov_syntax::ast::{self, EntPattern, ItemKind, Protect, StrPart};

impl Checker<'_> {
    pub(crate) fn lower_protects(&mut self) {
        let mut found: Vec<(String, Span, ProtectWhat, ast::Item)> = Vec::new();
        for (at, module) in self.modules.clone().iter().enumerate() {
            for item in &module.file.items {
                let ItemKind::Protect(p) = &item.kind else { continue };
                let Ok((name, what)) = self.protect(p, at) else { continue };
                if let Some((_, first, ..)) = found.iter().find(|f| f.0 == name) {
                    let first = *first;
                    self.report(
                        Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{name}` stands twice"))
                            .at(item.head, "again here")
                            .at(first, "first here")
                            .help("keep one; of members the greater number counts"),
                    );
                    continue;
                }
                found.push((name, item.head, what, item.clone()));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, head, what, item) in found {
            let rule =
                self.rule(RuleKind::Protect, name, head, item.docs.as_deref(), &item.annotations, None);
            self.schema.protects.push(ProtectDef { rule, what });
        }
    }

    pub(crate) fn lower_limits(&mut self) {
        let mut found: Vec<(String, ast::Item, prov_model::PatternDef, u64)> = Vec::new();
        for (at, module) in self.modules.clone().iter().enumerate() {
            for item in &module.file.items {
                let ItemKind::Limit { pattern, at_most } = &item.kind else { continue };
                let Ok(def) = self.members_pattern(pattern, at, "a `limit`") else { continue };
                let Ok(n) = self.how_many(at_most, at, 0) else { continue };
                let name = format!("limit {}", self.text(pattern.span()));
                if let Some((_, first, ..)) = found.iter().find(|f| f.0 == name) {
                    let first = first.head;
                    self.report(
                        Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{name}` stands twice"))
                            .at(item.head, "again here")
                            .at(first, "first here")
                            .help("keep one"),
                    );
                    continue;
                }
                found.push((name, item.clone(), def, n));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, item, pattern, at_most) in found {
            let docs = item.docs.as_deref();
            let rule = self.rule(RuleKind::Limit, name, item.head, docs, &item.annotations, None);
            self.schema.limits.push(LimitDef { rule, pattern, at_most });
        }
    }

    /// Its name as a cause, and what it protects.
    fn protect(&mut self, p: &Protect, module: usize) -> Try<(String, ProtectWhat)> {
        match p {
            Protect::Identity(key) => {
                let (id, folds) = self.protected_id(key)?;
                Ok((format!("protect identity {id:?}"), ProtectWhat::Identity { id, folds }))
            }
            Protect::Members { pattern, at_least } => {
                let def = self.members_pattern(pattern, module, "a `protect`")?;
                let at_least = self.how_many(at_least, module, 1)?;
                let name = format!("protect {}", self.text(pattern.span()));
                Ok((name, ProtectWhat::Members { pattern: def, at_least }))
            }
        }
    }

    /// The entitlements whose members an item counts; roles have none, for no app knows them.
    pub(crate) fn members_pattern(
        &mut self,
        pattern: &EntPattern,
        module: usize,
        place: &str,
    ) -> Try<prov_model::PatternDef> {
        if let EntPattern::Role(r) = pattern
            && self.decls.rules.contains_key(&r.name.text)
        {
            return self.fail(
                Diagnostic::new(
                    &codes::NOT_A_VALUE,
                    format!("`{}` is a role: {place} counts who holds an entitlement", r.name.text),
                )
                .at(r.span, "no app knows who has it")
                .help("name what the role grants: `app.kind(\"value\")`"),
            );
        }
        self.entitlement_pattern(pattern, module)
    }

    /// A number that is written out, and not below the least that makes sense.
    fn how_many(&mut self, n: &ast::Expr, module: usize, least: i64) -> Try<u64> {
        let scope = Scope { has: false, ..Scope::new(module, Subject::Nobody, "a number") };
        let (id, _) = self.expr_as(n, &scope, &Type::Int)?;
        match self.kind(id) {
            ExprKind::Const(Value::Int(n)) if *n >= least => Ok(n.unsigned_abs()),
            _ if least == 0 => self.fail(
                Diagnostic::new(&codes::BAD_LIMIT, "this is no number of seats")
                    .at(n.span, "not a number that is known here, or below zero")
                    .help("write for instance `at most 50`"),
            ),
            _ => self.fail(
                Diagnostic::new(&codes::BAD_LIMIT, "this protects nobody")
                    .at(n.span, "not a number above zero that is known here")
                    .help("write for instance `at least 2 members`"),
            ),
        }
    }

    /// The global id that is protected: a key, with its type before it where there are several; and whether it compares
    /// as `text`.
    fn protected_id(&mut self, e: &ast::Expr) -> Try<(String, bool)> {
        let text = match &e.kind {
            ast::ExprKind::Str(parts) => parts
                .iter()
                .map(|p| match p {
                    StrPart::Text(t) => Some(t.as_str()),
                    StrPart::Expr(_) => None,
                })
                .collect::<Option<String>>(),
            _ => None,
        };
        let Some(text) = text else {
            return self.fail(
                Diagnostic::new(&codes::NOT_CONSTANT, "who is protected is written out")
                    .at(e.span, "not known before there are people")
                    .help("write the key as it stands: `protect identity \"E001\"`"),
            );
        };
        let types: Vec<String> = self.schema.identities.iter().map(|i| i.name.clone()).collect();
        let (identity, key) = match (types.as_slice(), text.split_once(':')) {
            ([_], _) => (IdentityId(0), text.as_str()),
            ([], _) => return Err(Reported),
            (_, Some((ty, key))) => match types.iter().position(|t| t == ty) {
                Some(i) => (IdentityId(i as u32), key),
                None => {
                    let near = did_you_mean(ty, types.iter().map(String::as_str));
                    let help = match near {
                        Some(near) => format!("did you mean `\"{near}:{key}\"`?"),
                        None => format!("the types are {}", list(types.iter().map(String::as_str))),
                    };
                    return self.fail(
                        Diagnostic::new(&codes::UNKNOWN_TYPE, format!("there is no identity type `{ty}`"))
                            .at(e.span, "not found")
                            .help(help),
                    );
                }
            },
            (_, None) => {
                return self.fail(
                    Diagnostic::new(
                        &codes::SAY_FOR_WHOM,
                        "this policy has several identity types: say of which this key is",
                    )
                    .at(e.span, "whose key?")
                    .help(format!("write the type before it: `\"{}:{text}\"`", types[0])),
                );
            }
        };
        let def = self.schema.identity(identity);
        let ty = def.attributes[def.key.index()].ty.clone();
        if key.trim().is_empty() {
            return self.fail(
                Diagnostic::new(&codes::BAD_LIMIT, "this protects nobody")
                    .at(e.span, "no key")
                    .help("write the key as the source has it"),
            );
        }
        let spelled = cell_value(RawCell::Text(key.trim()), &ty, &self.schema, &self.zone);
        match spelled.map(|value| value.plain(&ty, &self.schema)) {
            Ok(key) => Ok((self.schema.global_id(identity, &key), ty == Type::Text)),
            Err(_) => {
                let shown = self.type_name(&ty);
                self.fail(
                    Diagnostic::new(&codes::TYPE_MISMATCH, format!("nobody can have the key `{key}`"))
                        .at(e.span, format!("not a value of the key's type, `{shown}`"))
                        .help("write the key as the source has it"),
                )
            }
        }
    }
}
