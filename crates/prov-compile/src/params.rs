//! Roles with parameters: their types, the arguments by which they are included, asked for and named, and the catalogs
//! that arguments must be in.
//! Invariant: an argument has exactly its parameter's type, and is there.

use crate::check::{Checker, Reported, Scope, Subject, Try};
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{ExprId, ExprKind, GrantValue, RuleProgram};
use prov_model::{AppId, KindId, Param, Value, arguments_key};
use prov_syntax::ast::{self, ItemKind, Name};

impl Checker<'_> {
    /// The parameters of a role; none of a birthright, and of a name that is none of both.
    pub(crate) fn role_params(&mut self, role: &str) -> Try<Vec<Param>> {
        if let Some(known) = self.role_params.get(role) {
            return known.clone();
        }
        let found = self.read_params(role);
        self.role_params.insert(role.to_owned(), found.clone());
        found
    }

    fn read_params(&mut self, role: &str) -> Try<Vec<Param>> {
        let Some(d) = self.declared.get(role).cloned() else { return Ok(vec![]) };
        let ItemKind::Role(r) = self.item(d.module, d.item).kind.clone() else { return Ok(vec![]) };
        let (mut out, mut fine) = (Vec::<Param>::new(), true);
        for p in &r.params {
            let Ok(ty) = self.type_of(d.module, &p.ty) else {
                fine = false;
                continue;
            };
            if out.iter().any(|known| known.name == p.name.text) {
                self.report(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        format!("`{}` stands twice among the parameters", p.name.text),
                    )
                    .at(p.name.span, "again here")
                    .help("give each parameter a name of its own"),
                );
                fine = false;
            }
            if ty.is_optional() || !ty.is_scalar() {
                let name = self.type_name(&ty);
                let help = if ty.is_optional() {
                    format!(
                        "write `{}: {}`, and another role for those without it",
                        p.name.text,
                        ty.required().name(&self.schema)
                    )
                } else {
                    "take a plain value, as `w: text`; `each w in wards { includes ROLE(w) }` gives it for many".into()
                };
                self.report(
                    Diagnostic::new(
                        &codes::BAD_PARAMETER,
                        format!("a role's parameter is a plain value that is always there, not `{name}`"),
                    )
                    .at(p.ty.span, format!("this is `{name}`"))
                    .help(help),
                );
                fine = false;
            }
            out.push(Param { name: p.name.text.clone(), ty, catalogs: vec![] });
        }
        if let (Some(when), false) = (&r.when, r.params.is_empty()) {
            let params: Vec<&str> = r.params.iter().map(|p| p.name.text.as_str()).collect();
            self.report(
                Diagnostic::new(
                    &codes::BAD_PARAMETER,
                    format!("`{role}` has parameters, and a condition alone does not say what they are"),
                )
                .at(when.span, "gives it to whom, for which arguments?")
                .help(format!(
                    "include it from a role without parameters: `role NAME when … {{ includes {role}({}) }}`",
                    params.join(", ")
                )),
            );
            fine = false;
        }
        if fine { Ok(out) } else { Err(Reported) }
    }

    /// The arguments of a role, lowered: as many as it has parameters.
    pub(crate) fn role_arguments(
        &mut self,
        role: &Name,
        args: &[&ast::Expr],
        scope: &Scope,
        span: Span,
    ) -> Try<Vec<ExprId>> {
        let params = self.role_params(&role.text)?;
        if params.len() != args.len() {
            let takes = match params.len() {
                0 => "takes no arguments".to_owned(),
                1 => "takes 1 argument".to_owned(),
                n => format!("takes {n} arguments"),
            };
            let help = match params.as_slice() {
                [] => format!("write `{}`", role.text),
                params => {
                    let shown: Vec<String> =
                        params.iter().map(|p| format!("{}: {}", p.name, p.ty.name(&self.schema))).collect();
                    format!("give {}", list(shown.iter().map(String::as_str)))
                }
            };
            return self.fail(
                Diagnostic::new(
                    &codes::WRONG_ARGUMENTS,
                    format!("`{}` {takes}, not {}", role.text, args.len()),
                )
                .at(span, "written here")
                .help(help),
            );
        }
        let mut out = Vec::new();
        for (arg, param) in args.iter().zip(&params) {
            out.push(self.expr_as(arg, scope, &param.ty)?.0);
        }
        Ok(out)
    }

    /// The instance that a forbid, a separation or the like names; none where it names the role as a whole.
    pub(crate) fn named_instance(&mut self, r: &ast::RoleRef, module: usize) -> Try<Option<Box<str>>> {
        if r.args.is_empty() {
            self.role_params(&r.name.text)?;
            return Ok(None);
        }
        let scope = Scope { has: false, ..Scope::new(module, Subject::Nobody, "a pattern") };
        let args: Vec<&ast::Expr> = r.args.iter().collect();
        let ids = self.role_arguments(&r.name, &args, &scope, r.span)?;
        let mut values: Vec<Value<'static>> = Vec::new();
        for (id, arg) in ids.iter().zip(&r.args) {
            match self.kind(*id) {
                ExprKind::Const(v) => values.push(v.clone()),
                _ => {
                    return self.fail(
                        Diagnostic::new(
                            &codes::NOT_CONSTANT,
                            "which instance of a role is meant is a constant",
                        )
                        .at(arg.span, "not a constant")
                        .help("write a value as it stands, or name the role without arguments"),
                    );
                }
            }
        }
        self.named_args.push((self.decls.rules[&r.name.text], ids));
        let params = self.role_params(&r.name.text)?;
        Ok(Some(arguments_key(&values, &params, &self.schema).into()))
    }

    /// Notes which parameters are granted as they are in a kind with a catalog, and holds constant arguments against it.
    pub(crate) fn check_argument_catalogs(&mut self, rules: &mut [RuleProgram]) {
        for rule in rules.iter_mut() {
            for n in 0..rule.params.len() {
                let mut of: Vec<(AppId, KindId)> = rule
                    .grants
                    .iter()
                    .filter(|g| self.schema.kind(g.app, g.kind).catalog)
                    .filter(|g| matches!(g.values[..], [GrantValue::One(e)] if self.is_local(e, n as u32)))
                    .map(|g| (g.app, g.kind))
                    .collect();
                of.sort_unstable();
                of.dedup();
                rule.params[n].catalogs = of;
            }
        }
        let mut given = self.named_args.clone();
        given.extend(rules.iter().flat_map(|r| &r.instances).map(|x| (x.role, x.args.clone())));
        given.extend(self.exprs.iter().filter_map(|e| match &e.kind {
            ExprKind::HasInstance(role, args) => Some((*role, args.clone())),
            _ => None,
        }));
        for (role, args) in given {
            for (arg, param) in args.into_iter().zip(&rules[role as usize].params) {
                for &(app, kind) in &param.catalogs {
                    let span = self.span(arg);
                    self.check_catalog(app, kind, arg, span);
                }
            }
        }
    }

    /// Whether an expression is a bound value as it stands, perhaps as text.
    fn is_local(&self, id: ExprId, local: u32) -> bool {
        match self.kind(id) {
            ExprKind::Local(l) => l.0 == local,
            ExprKind::ToText(of) => self.is_local(*of, local),
            _ => false,
        }
    }

    /// The parameters bound in the setting of their role.
    pub(crate) fn bind_params(&mut self, scope: Scope, params: &[Param]) -> Scope {
        params.iter().fold(scope, |scope, p| self.bind(&scope, &p.name, p.ty.clone()).0)
    }
}
