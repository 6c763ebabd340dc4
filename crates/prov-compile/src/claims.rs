//! `prove`: what a policy claims of all identities there can be.
//! Invariant: claims leave no trace in the policy's program. Their expressions stand in a copy of its arena, behind all
//! of the policy's own.

use crate::check::{Checker, Scope, Subject, Try, Typed};
use prov_diag::{Diagnostic, Span, codes};
use prov_ir::{ExprId, ExprKind, Program};
use prov_model::{AppId, IdentityId, KindId, Type};
use prov_syntax::ast::{self, ItemKind};
use std::collections::BTreeMap;

/// All claims of a policy.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The policy's program with the expressions of the claims at its end.
    pub program: Program,
    /// The claims, in order of file and place.
    pub claims: Vec<Claim>,
}

/// One claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The name that it is given, or its text.
    pub name: String,
    /// As it is written, behind `prove` and its name.
    pub text: String,
    /// Its head in the policy.
    pub head: Span,
    /// Its `///` text.
    pub docs: Option<String>,
    /// Whom it speaks of.
    pub identity: IdentityId,
    /// What would break it: the condition that must hold for nobody at no time.
    pub violated: ExprId,
    /// What stands before `means`, where it has that form: if it holds for nobody, the claim says nothing.
    pub premise: Option<ExprId>,
    /// `even with exceptions`
    pub exceptions: bool,
}

impl Checker<'_> {
    /// Resolves and types all claims. `program` is what became of the policy.
    pub(crate) fn lower_claims(&mut self, program: Option<&Program>) -> Option<Claims> {
        let mut claims = Vec::new();
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        for module in 0..self.modules.len() {
            let is_claim = |i: &&ast::Item| matches!(i.kind, ItemKind::Prove { .. });
            let items: Vec<ast::Item> =
                self.modules[module].file.items.iter().filter(is_claim).cloned().collect();
            for item in items {
                if let Ok(claim) = self.claim(module, &item, &mut names) {
                    claims.push(claim);
                }
            }
        }
        let program = program.filter(|_| !claims.is_empty())?;
        let mut program = program.clone();
        program.exprs.clone_from(&self.exprs);
        program.schema.enums.clone_from(&self.schema.enums);
        program.locals = self.locals;
        Some(Claims { program, claims })
    }

    fn claim(&mut self, module: usize, item: &ast::Item, names: &mut BTreeMap<String, Span>) -> Try<Claim> {
        let ItemKind::Prove { name, for_type, claim, even_with_exceptions } = &item.kind else {
            return Err(crate::check::Reported);
        };
        if let Some(name) = name {
            if let Some(first) = names.get(&name.text) {
                self.report(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        format!("there are two proofs called `{}`", name.text),
                    )
                    .at(name.span, "again here")
                    .at(*first, "first here")
                    .help("give one of them another name: `prov prove` goes by it"),
                );
            }
            names.entry(name.text.clone()).or_insert(name.span);
        }
        let identity = self.for_whom(module, for_type.as_ref(), item.head)?;
        let scope = Scope { nothing: true, ..Scope::new(module, Subject::Identity(identity), "a proof") };
        let (violated, premise) = match claim {
            ast::Claim::Never(e) => (self.condition(e, &scope)?.0, None),
            ast::Claim::Always(e) => {
                let (holds, _) = self.condition(e, &scope)?;
                (self.add(ExprKind::Not(holds), Type::Bool, e.span).0, None)
            }
            ast::Claim::Means(a, b) => {
                let (premise, _) = self.condition(a, &scope)?;
                let facts = self.facts_of(premise, true);
                let (holds, _) = self.condition(b, &scope.with(&facts))?;
                let (fails, _) = self.add(ExprKind::Not(holds), Type::Bool, b.span);
                let span = Span { end: b.span.end, ..a.span };
                (self.add(ExprKind::And(vec![premise, fails]), Type::Bool, span).0, Some(premise))
            }
        };
        let text = self.claim_text(claim);
        Ok(Claim {
            name: name.as_ref().map_or_else(|| text.clone(), |n| n.text.clone()),
            text,
            head: item.head,
            docs: item.docs.clone(),
            identity,
            violated,
            premise,
            exceptions: *even_with_exceptions,
        })
    }

    fn claim_text(&self, claim: &ast::Claim) -> String {
        let plain = |e: &ast::Expr| {
            let text = self.sources.text(e.span);
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        match claim {
            ast::Claim::Never(e) => format!("never {}", plain(e)),
            ast::Claim::Always(e) => format!("always {}", plain(e)),
            ast::Claim::Means(a, b) => format!("{} means {}", plain(a), plain(b)),
        }
    }

    /// `holds nothing`: no entitlement of any kind of any app.
    pub(crate) fn holds_nothing(&mut self, span: Span) -> Typed {
        let mut all = Vec::new();
        for app in 0..self.schema.apps.len() {
            for kind in 0..self.schema.apps[app].kinds.len() {
                let has = ExprKind::HasEntitlement(AppId(app as u32), KindId(kind as u32), None);
                all.push(self.add(has, Type::Bool, span).0);
            }
        }
        let (any, _) = self.add(ExprKind::Or(all), Type::Bool, span);
        self.add(ExprKind::Not(any), Type::Bool, span)
    }
}
