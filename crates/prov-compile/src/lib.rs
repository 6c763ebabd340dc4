//! From trees to the rule program: names, modules, types, presence, the role graph, lowering.
//!
//! Owns the checker. Invariant: a policy without errors lowers to a program that [`prov_ir::verify`] accepts, and the
//! order of files and of items leaves no trace in it but in the places that causes name.

mod account;
mod calls;
mod check;
mod claims;
mod correlate;
mod declare;
mod expr;
mod facts;
mod federation;
mod graph;
mod guards;
mod lifecycle;
mod modules;
mod operators;
mod params;
mod pattern;
mod protect;
mod rules;
mod seconds;
mod separate;
mod source;
mod stage;
pub mod testing;
mod timely;
mod unbuilt;
mod unique;
mod writeback;

pub use claims::{Claim, Claims};
use prov_diag::{Diagnostic, SourceId, SourceMap, codes};
use prov_ir::{ExprId, Program};
use prov_model::IdentityId;
use prov_syntax::ast;
use std::collections::BTreeMap;

/// Tables that every policy has: what people decided by hand.
pub const BUILT_IN_TABLES: [&str; 2] = ["assignments", "exceptions"];

/// One parsed file of a policy.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its name: the path below the policy's folder without `.prov`, parts joined by dots.
    pub name: String,
    /// Its text's id.
    pub source: SourceId,
    /// Its tree.
    pub file: ast::File,
}

/// What the checker is told besides the trees.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Catalogs by `app.kind`, in file order. A kind with a catalog that is not here is not checked against one.
    pub catalogs: BTreeMap<String, Vec<String>>,
    /// The zone of prov.toml; it wins over a `timezone` item.
    pub timezone: Option<String>,
    /// Actions and findings that plans have, as tests may expect them. None given = a test's word is not looked at.
    pub plan_words: Vec<&'static str>,
}

/// The outcome of a check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The program; none where there is an error.
    pub program: Option<Program>,
    /// Its tests, with a program of their own; none where there is an error, or no test.
    pub tests: Option<testing::Tests>,
    /// What it claims, with a program of its own; none where there is an error, or no claim.
    pub claims: Option<Claims>,
    /// Findings, sorted.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks the modules of a policy and lowers them. Standard modules that they `use` are added to `sources`.
pub fn check(modules: Vec<Module>, sources: &mut SourceMap, options: &Options) -> Checked {
    let broken: Vec<ast::BrokenItem> = modules.iter().flat_map(|m| m.file.broken.clone()).collect();
    let check::Outcome { program, tests, claims, mut diagnostics } = check::run(modules, sources, options);
    diagnostics.retain(|d| !follows(d, &broken, sources));
    // A policy of which a part could not be read is never run.
    let program = program.filter(|_| broken.is_empty());
    prov_diag::sort(&mut diagnostics);
    let program = if diagnostics.iter().any(Diagnostic::is_error) { None } else { program };
    let tests = tests.filter(|_| program.is_some());
    let claims = claims.filter(|_| program.is_some());
    Checked { program, tests, claims, diagnostics }
}

/// Whether a finding only follows from an item that could not be read: what that item declares is missing.
fn follows(d: &Diagnostic, broken: &[ast::BrokenItem], sources: &SourceMap) -> bool {
    let names = [&codes::UNKNOWN_NAME, &codes::UNKNOWN_TYPE, &codes::UNKNOWN_FUNCTION, &codes::NO_SOURCE];
    if d.code == &codes::NO_IDENTITY {
        return !broken.is_empty();
    }
    if !names.contains(&d.code) {
        return false;
    }
    let missing = d.span().map_or("", |s| sources.text(s));
    broken.iter().any(|b| match (&b.keyword, &b.name) {
        (Some(k), _) if k.text == "source" || k.text == "lifecycle" => {
            d.code == &codes::NO_SOURCE || missing == "state"
        }
        (_, Some(name)) => name.text == missing,
        // What it declares can't be told.
        (_, None) => true,
    })
}

/// An expression over a checked policy's identities, as `prov query` takes it: appended to a copy of the program.
#[derive(Clone, Debug)]
pub struct Query {
    /// The program with the query's expressions at its end.
    pub program: Program,
    /// The condition.
    pub expr: ExprId,
    /// Whom it speaks of.
    pub identity: IdentityId,
}

/// Checks an expression in the setting of a policy that has been checked without errors.
pub fn check_query(
    modules: Vec<Module>,
    sources: &mut SourceMap,
    options: &Options,
    expr: &ast::Expr,
    identity: Option<&str>,
) -> Result<Query, Vec<Diagnostic>> {
    check::run_query(modules, sources, options, expr, identity).map_err(|mut diagnostics| {
        prov_diag::sort(&mut diagnostics);
        diagnostics
    })
}

/// The standard library's modules by name, with their text.
pub fn stdlib() -> &'static [(&'static str, &'static str)] {
    modules::STDLIB
}
