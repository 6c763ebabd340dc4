//! The checker's state and the order of its passes. Invariant: passes only add; what one settles the next may rely on.

use crate::claims::Claims;
use crate::declare::{Declared, Decls};
use crate::facts::Facts;
use crate::modules::{self, Imports};
use crate::testing::Tests;
use crate::{Module, Options, Query};
use prov_diag::{Diagnostic, SourceMap, Span, codes};
use prov_ir::{Expr, ExprId, ExprKind, FederationProgram, Local, Program};
use prov_model::{AppId, IdentityId, Param, RuleId, RuleInfo, RuleKind, Schema, Type, Zone};
use prov_syntax::ast::{self, ItemKind};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A typed expression. `Err(Reported)` stands for one whose error is already reported.
pub(crate) type Typed = (ExprId, Type);

/// The mark of an error that has been reported: what depends on it stays silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// A result whose error has been reported.
pub(crate) type Try<T> = Result<T, Reported>;

pub(crate) struct Checker<'a> {
    pub(crate) modules: Vec<Module>,
    pub(crate) sources: &'a SourceMap,
    pub(crate) options: &'a Options,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) imports: Imports,
    /// Every declaration by qualified name.
    pub(crate) declared: BTreeMap<String, Declared>,
    pub(crate) decls: Decls,
    pub(crate) schema: Schema,
    pub(crate) exprs: Vec<Expr>,
    pub(crate) locals: u32,
    /// Lets and fns being expanded, to see recursion.
    pub(crate) expanding: Vec<String>,
    /// Lets already lowered, by name.
    pub(crate) lets: HashMap<String, Try<Typed>>,
    pub(crate) zone: Zone,
    /// Where each source of the schema stands: module and item.
    pub(crate) source_items: Vec<(usize, usize)>,
    /// Columns that each source reads, as they are met.
    pub(crate) columns: Vec<Vec<String>>,
    /// By identity type, by attribute: the sources that bring it, the preferred first.
    pub(crate) brought: Vec<Vec<Vec<u32>>>,
    /// Facts of conditions, worked out once.
    pub(crate) facts: RefCell<HashMap<(ExprId, bool), Facts>>,
    /// Roles that another brings, so that their grants can't rely on their own `when`.
    pub(crate) included: BTreeSet<String>,
    /// Attributes of accounts, by position, that come from a unique name.
    pub(crate) named: BTreeSet<(AppId, u32)>,
    /// The rules as causes, by position in the rule program.
    pub(crate) rule_ids: Vec<RuleId>,
    /// Parameters of roles, once read.
    pub(crate) role_params: BTreeMap<String, Try<Vec<Param>>>,
    /// Arguments by which forbids and separations name instances of roles.
    pub(crate) named_args: Vec<(u32, Vec<ExprId>)>,
    /// Where separations stand, in the order of the schema.
    pub(crate) separation_spans: Vec<Span>,
    /// The claims, once they have been read.
    pub(crate) claims: Option<Claims>,
    /// Entitlements of grants that are observed and not applied.
    pub(crate) observed_grants: Vec<Span>,
    /// Why presence that seems settled is not, where there is such a reason.
    pub(crate) unsettled: Option<&'static str>,
    /// The tests, once they have been read.
    pub(crate) tests: Option<Tests>,
    /// Where each federation of the schema stands: module and item.
    pub(crate) federation_items: Vec<(usize, usize)>,
    /// Federations, as far as they are lowered.
    pub(crate) federations: Vec<FederationProgram>,
}

/// Whose values an expression reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Nobody's: constants only.
    Nobody,
    /// An identity's.
    Identity(IdentityId),
    /// A row's, in the source at this position of the schema.
    Row(u32),
}

/// Where an expression stands.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) module: usize,
    pub(crate) subject: Subject,
    pub(crate) locals: Vec<(String, Local, Type)>,
    pub(crate) facts: Facts,
    /// Whether `state` can be read.
    pub(crate) state: bool,
    /// Whether the state of an identity that is referred to can be read.
    pub(crate) states: bool,
    /// Whether `has` can be read.
    pub(crate) has: bool,
    /// Whether `holds nothing` can be said.
    pub(crate) nothing: bool,
    /// What a mapping reads: `row`, or `claims`.
    pub(crate) cells: &'static str,
    /// The app whose account attributes can be read.
    pub(crate) from: Option<AppId>,
    /// Attributes of the account being declared, by name; none where one is wrong, which has been said.
    pub(crate) account: Vec<(String, Option<OwnAttribute>)>,
    /// What the place is called, for messages: "a lifecycle condition".
    pub(crate) place: &'static str,
}

/// An attribute of the account being declared: what it was lowered to, and its tree.
pub(crate) type OwnAttribute = (Typed, std::rc::Rc<ast::Expr>);

impl Scope {
    pub(crate) fn new(module: usize, subject: Subject, place: &'static str) -> Scope {
        Scope {
            module,
            subject,
            locals: Vec::new(),
            facts: Facts::default(),
            state: true,
            states: true,
            has: true,
            nothing: false,
            cells: "row",
            from: None,
            account: Vec::new(),
            place,
        }
    }

    pub(crate) fn with(&self, facts: &Facts) -> Scope {
        Scope { facts: self.facts.clone().and(facts), ..self.clone() }
    }

    pub(crate) fn identity(&self) -> Option<IdentityId> {
        match self.subject {
            Subject::Identity(id) => Some(id),
            Subject::Nobody | Subject::Row(_) => None,
        }
    }

    /// In a source mapping absence passes through calculations; elsewhere presence must be settled first.
    pub(crate) fn lifts(&self) -> bool {
        matches!(self.subject, Subject::Row(_))
    }
}

impl<'a> Checker<'a> {
    fn new(modules: Vec<Module>, sources: &'a SourceMap, options: &'a Options) -> Checker<'a> {
        Checker {
            modules,
            sources,
            options,
            diagnostics: Vec::new(),
            imports: Imports::new(),
            declared: BTreeMap::new(),
            decls: Decls::default(),
            schema: Schema::default(),
            exprs: Vec::new(),
            locals: 0,
            expanding: Vec::new(),
            lets: HashMap::new(),
            zone: Zone::utc(),
            source_items: Vec::new(),
            columns: Vec::new(),
            brought: Vec::new(),
            facts: RefCell::default(),
            included: BTreeSet::new(),
            named: BTreeSet::new(),
            rule_ids: Vec::new(),
            role_params: BTreeMap::new(),
            named_args: Vec::new(),
            separation_spans: Vec::new(),
            claims: None,
            observed_grants: Vec::new(),
            unsettled: None,
            tests: None,
            federation_items: Vec::new(),
            federations: Vec::new(),
        }
    }

    pub(crate) fn report(&mut self, d: Diagnostic) {
        self.diagnostics.push(d);
    }

    /// Reports and gives the mark of it.
    pub(crate) fn fail<T>(&mut self, d: Diagnostic) -> Try<T> {
        self.report(d);
        Err(Reported)
    }

    pub(crate) fn add(&mut self, kind: ExprKind, ty: Type, span: Span) -> Typed {
        self.exprs.push(Expr { kind, ty: ty.clone(), span });
        (ExprId(self.exprs.len() as u32 - 1), ty)
    }

    pub(crate) fn kind(&self, id: ExprId) -> &ExprKind {
        &self.exprs[id.0 as usize].kind
    }

    pub(crate) fn span(&self, id: ExprId) -> Span {
        self.exprs[id.0 as usize].span
    }

    pub(crate) fn type_name(&self, ty: &Type) -> String {
        ty.name(&self.schema)
    }

    /// Registers something that can be a cause; ids follow the order of calls, so call in canonical order.
    pub(crate) fn rule(
        &mut self,
        kind: RuleKind,
        name: String,
        span: Span,
        docs: Option<&str>,
        notes: &[ast::Annotation],
        because: Option<&ast::StringLit>,
    ) -> RuleId {
        let annotations = self.annotations(notes);
        let severity = self.severity(notes);
        self.schema.rules.push(RuleInfo {
            kind,
            name,
            file: self.sources.get(span.source).name.clone(),
            line: self.sources.start(span).line,
            docs: docs.map(str::to_owned),
            severity,
            annotations,
            because: because.map(|b| b.text.clone()),
        });
        RuleId(self.schema.rules.len() as u32 - 1)
    }

    /// The identity type that an item speaks of: the one named by `for`, or the only one.
    pub(crate) fn for_whom(
        &mut self,
        module: usize,
        named: Option<&ast::Name>,
        head: Span,
    ) -> Try<IdentityId> {
        match (named, self.schema.identities.len()) {
            (Some(name), _) => self.identity_named(module, name),
            (None, 1) => Ok(IdentityId(0)),
            (None, 0) => Err(Reported),
            (None, _) => {
                let names: Vec<String> = self.schema.identities.iter().map(|i| i.name.clone()).collect();
                let help = format!(
                    "add `for {}` before `when`; the types are {}",
                    names[0],
                    modules::list(names.iter().map(String::as_str))
                );
                self.fail(
                    Diagnostic::new(
                        &codes::SAY_FOR_WHOM,
                        "this policy has several identity types: say for which this is",
                    )
                    .at(head, "for whom?")
                    .help(help),
                )
            }
        }
    }

    fn passes(&mut self) -> Option<Program> {
        self.collect();
        self.resolve_uses();
        self.unbuilt();
        self.check_stages();
        self.declare();
        if self.schema.identities.is_empty() {
            if !self.diagnostics.iter().any(Diagnostic::is_error) {
                let source = self.modules.first().map(|m| m.source);
                let mut d = Diagnostic::new(&codes::NO_IDENTITY, "this policy declares no identity").help(
                    "start with `identity person { id : string key … }`: the people that the rules speak of",
                );
                if let Some(source) = source {
                    d = d.at(Span::new(source, 0, 0), "");
                }
                self.report(d);
            }
            return None;
        }
        self.declare_sources();
        let lifecycles = self.lower_lifecycles();
        let sources = self.lower_sources(&lifecycles);
        self.lower_maps(&lifecycles);
        let accounts = self.lower_accounts();
        self.lower_writebacks();
        let mut rules = self.lower_rules();
        let (forbids, role_forbids) = self.lower_forbids();
        self.lower_separations(&rules);
        self.check_argument_catalogs(&mut rules);
        self.lower_guards();
        self.lower_protects();
        self.lower_limits();
        self.check_unused_lets();
        let program = self.finish(sources, lifecycles, accounts, rules, forbids, role_forbids);
        // After all else: nothing of the policy follows from a claim or a test.
        self.claims = self.lower_claims(program.as_ref());
        self.tests = self.lower_tests(program.as_ref());
        program
    }
}

/// What came out.
pub(crate) struct Outcome {
    pub(crate) program: Option<Program>,
    pub(crate) tests: Option<Tests>,
    pub(crate) claims: Option<Claims>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

pub(crate) fn run(mut modules: Vec<Module>, sources: &mut SourceMap, options: &Options) -> Outcome {
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules::add_stdlib(&mut modules, sources);
    let mut checker = Checker::new(modules, sources, options);
    let program = checker.passes();
    let Checker { tests, claims, diagnostics, .. } = checker;
    Outcome { program, tests, claims, diagnostics }
}

/// The module of a query: it uses what any file of the policy uses, since it stands in none of them.
fn uses_of(modules: &[Module], expr: &ast::Expr) -> Module {
    let source = expr.span.source;
    let mut file = ast::File { source, docs: None, items: Vec::new(), broken: Vec::new() };
    for item in modules.iter().flat_map(|m| &m.file.items) {
        let ItemKind::Use { path, names } = &item.kind else { continue };
        let mut names = names.clone();
        for earlier in &file.items {
            if let ItemKind::Use { names: taken, .. } = &earlier.kind {
                names.retain(|n| taken.iter().all(|t| t.text != n.text));
            }
        }
        if !names.is_empty() {
            file.items.push(ast::Item { kind: ItemKind::Use { path: path.clone(), names }, ..item.clone() });
        }
    }
    Module { name: "<query>".into(), source, file }
}

pub(crate) fn run_query(
    mut modules: Vec<Module>,
    sources: &mut SourceMap,
    options: &Options,
    expr: &ast::Expr,
    identity: Option<&str>,
) -> Result<Query, Vec<Diagnostic>> {
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules.insert(0, uses_of(&modules, expr));
    modules::add_stdlib(&mut modules, sources);
    let mut checker = Checker::new(modules, sources, options);
    let program = checker.passes();
    if checker.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(checker.diagnostics);
    }
    checker.diagnostics.clear();
    let Some(mut program) = program else { return Err(checker.diagnostics) };
    let found = match identity {
        Some(name) => checker.schema.identities.iter().position(|i| i.name == name),
        None if checker.schema.identities.len() == 1 => Some(0),
        None => None,
    };
    let Some(index) = found else {
        let names = modules::list(checker.schema.identities.iter().map(|i| i.name.as_str()));
        let d = Diagnostic::new(&codes::SAY_FOR_WHOM, "say which identity type the query speaks of")
            .at(expr.span, "for whom?")
            .help(format!("the types are {names}"));
        return Err(vec![d]);
    };
    let identity = IdentityId(index as u32);
    let scope = Scope { nothing: true, ..Scope::new(0, Subject::Identity(identity), "a query") };
    let checked = checker.condition(expr, &scope);
    match checked {
        Ok((expr, _)) => {
            program.exprs = checker.exprs;
            program.locals = checker.locals;
            Ok(Query { program, expr, identity })
        }
        Err(Reported) => Err(checker.diagnostics),
    }
}
