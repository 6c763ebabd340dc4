//! A policy as declared: items by name, types resolved (items.md, types.md).
//! Invariant: nothing is checked; a policy that `prov check` would refuse gives an error or nonsense, never a panic.

use crate::cause::{Cause, risk};
use crate::protect::Counted;
use crate::value::{Field, Ty};
use prov_diag::{SourceId, SourceMap};
use prov_syntax::ast;
use prov_syntax::ast::{ItemKind, TypeKind};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What an error begins with where a policy has what is not read here.
pub(crate) const NOT_READ: &str = "not read: ";

/// The standard library, as its modules stand in `stdlib/`.
const STDLIB: [(&str, &str); 6] = [
    ("dates", include_str!("../../../stdlib/dates.prov")),
    ("ldap", include_str!("../../../stdlib/ldap.prov")),
    ("lifecycle", include_str!("../../../stdlib/lifecycle.prov")),
    ("naming", include_str!("../../../stdlib/naming.prov")),
    ("scim", include_str!("../../../stdlib/scim.prov")),
    ("text", include_str!("../../../stdlib/text.prov")),
];

/// All texts as trees.
#[derive(Default)]
pub(crate) struct Trees {
    pub sources: SourceMap,
    pub files: Vec<ast::File>,
    /// Which of the files are of the standard library, by module.
    pub standard: BTreeMap<SourceId, &'static str>,
    /// What second accounts are called, by app and account: `ad.admin`.
    pub seconds: BTreeMap<(String, String), String>,
}

impl Trees {
    /// Reads the files of a policy, and what they use of the standard library.
    pub(crate) fn read(files: &[(String, String)]) -> Result<Trees, String> {
        let mut trees = Trees::default();
        for (name, text) in files {
            trees.add(name, text)?;
        }
        let mut at = 0;
        while at < trees.files.len() {
            for module in used(&trees.files[at]) {
                let Some((name, text)) = STDLIB.iter().find(|(name, _)| *name == module) else {
                    return Err(format!("{NOT_READ}the module `std.{module}`"));
                };
                if !trees.standard.values().any(|known| known == name) {
                    let id = trees.add(&format!("<stdlib>/{name}.prov"), text)?;
                    trees.standard.insert(id, name);
                }
            }
            at += 1;
        }
        for item in trees.files.iter().flat_map(|f| &f.items) {
            let ItemKind::App(app) = &item.kind else { continue };
            let name = &app.name.text;
            for member in &app.members {
                let ast::AppMember::Account(ast::Account { name: Some(account), .. }) = member else {
                    continue;
                };
                let called = format!("{name}.{}", account.text);
                trees.seconds.insert((name.clone(), account.text.clone()), called);
            }
        }
        Ok(trees)
    }

    fn add(&mut self, name: &str, text: &str) -> Result<SourceId, String> {
        let id = self.sources.add(name, text);
        let (file, wrong) = prov_syntax::parse(id, text);
        match wrong.first() {
            Some(d) => Err(format!("{name}: {}", d.message)),
            None => {
                self.files.push(file);
                Ok(id)
            }
        }
    }
}

/// The modules of the standard library that a file uses.
fn used(file: &ast::File) -> Vec<String> {
    let paths = file.items.iter().filter_map(|i| match &i.kind {
        ItemKind::Use { path, .. } => Some(path),
        _ => None,
    });
    let library = paths.filter(|p| p.first().is_some_and(|n| n.text == "std"));
    library.filter_map(|p| p.get(1)).map(|n| n.text.clone()).collect()
}

/// An identity type.
pub(crate) struct Identity {
    pub name: String,
    pub fields: Vec<Field>,
}

/// A function.
pub(crate) struct Function<'a> {
    pub params: Vec<Field>,
    pub result: Option<Ty>,
    pub body: &'a ast::Expr,
}

/// A `let`.
pub(crate) struct Let<'a> {
    pub ty: Option<Ty>,
    pub value: &'a ast::Expr,
}

/// A birthright or a role.
pub(crate) struct Rule<'a> {
    pub name: &'a str,
    pub params: Vec<Field>,
    /// Else it is a birthright.
    pub is_role: bool,
    /// The identity type that it is for; none where the policy has but one.
    pub for_type: Option<&'a str>,
    /// `None`: a role without `when`, had only through another.
    pub when: When<'a>,
    pub requestable: Option<&'a ast::Requestable>,
    pub body: &'a [ast::Member],
    pub cause: Cause,
    /// `@stage(observe)`, here as elsewhere.
    pub observed: bool,
}

/// What acts of that which is observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    pub gives: bool,
    pub withholds: bool,
}

/// When a rule is had by itself.
#[derive(Clone, Copy)]
pub(crate) enum When<'a> {
    Always,
    If(&'a ast::Expr),
    Never,
}

/// A forbid.
pub(crate) struct Forbid<'a> {
    pub patterns: &'a [ast::EntPattern],
    /// By pattern: the name under which it is shown.
    pub names: Vec<String>,
    pub because: Option<&'a str>,
    /// By pattern.
    pub causes: Vec<Cause>,
    pub for_type: Option<&'a str>,
    pub when: Option<&'a ast::Expr>,
    pub observed: bool,
}

/// A separation: nobody holds something of so many of its sides or more.
pub(crate) struct Separation<'a> {
    pub name: String,
    pub because: Option<&'a str>,
    pub cause: Cause,
    pub sides: Vec<Vec<&'a ast::EntPattern>>,
    pub many: usize,
    /// By side: whether it is withheld.
    pub withheld: Vec<bool>,
    pub observed: bool,
}

/// A kind of entitlement.
#[derive(Clone)]
pub(crate) struct Kind<'a> {
    pub name: &'a str,
    pub types: Vec<Ty>,
    pub catalog: bool,
    pub highest_wins: bool,
    pub irrevocable: bool,
    pub risk: Option<usize>,
}

/// The app as declared of an app or a second account.
pub(crate) fn declared(app: &str) -> &str {
    app.split('.').next().unwrap_or(app)
}

/// An app; a second account is one by itself.
pub(crate) struct App<'a> {
    pub name: &'a str,
    pub mode: &'a str,
    pub cause: Cause,
    pub accounts: Vec<&'a ast::Account>,
    pub kinds: Vec<Kind<'a>>,
    pub managed: Vec<&'a ast::ManagedPart>,
}

/// See the head of the file.
#[derive(Default)]
pub(crate) struct Policy<'a> {
    pub timezone: Option<&'a str>,
    pub identities: Vec<Identity>,
    /// Records by name, tables as `table NAME`.
    pub records: BTreeMap<String, Vec<Field>>,
    pub sources: Vec<&'a ast::Source>,
    /// Sources and federations as causes, by name.
    pub causes: BTreeMap<(&'static str, &'a str), Cause>,
    /// States in order, by identity type.
    pub lifecycles: BTreeMap<&'a str, (Rc<Vec<String>>, &'a [ast::State])>,
    /// In order of name.
    pub federations: Vec<&'a ast::Federation>,
    pub apps: Vec<App<'a>>,
    pub rules: Vec<Rule<'a>>,
    pub forbids: Vec<Forbid<'a>>,
    pub separations: Vec<Separation<'a>>,
    pub guards: Vec<(&'a ast::Guard, Cause)>,
    /// Protected identities, by key as written.
    pub protected: Vec<(String, Cause)>,
    /// Protected members, in order of name; and seats.
    pub protects: Vec<Counted<'a>>,
    pub limits: Vec<Counted<'a>>,
    /// What is written back: source, attribute and value.
    pub writebacks: Vec<(String, &'a ast::Assign, Cause)>,
    pub lets: BTreeMap<&'a str, Let<'a>>,
    /// Functions by the module of the standard library (empty: the policy) and name.
    pub functions: BTreeMap<(&'a str, &'a str), Function<'a>>,
    /// What a file brings in of the library: (file, name) to module.
    pub uses: BTreeMap<(SourceId, &'a str), &'a str>,
}

impl<'a> Policy<'a> {
    /// Sorts the items of all files.
    pub(crate) fn new(trees: &'a Trees) -> Result<Policy<'a>, String> {
        let mut policy = Policy::default();
        let items = || trees.files.iter().flat_map(|f| f.items.iter().map(move |i| (f.source, i)));
        let names: Vec<&str> = items()
            .filter_map(|(_, i)| match &i.kind {
                ItemKind::Identity { name, .. } => Some(name.text.as_str()),
                _ => None,
            })
            .collect();
        let fields = |list: &[ast::Attribute]| {
            let field = |a: &ast::Attribute| {
                Ok(Field {
                    name: a.name.text.clone(),
                    ty: ty(&a.ty, &names)?,
                    optional: a.ty.optional,
                    key: a.key.is_some(),
                    inverse: a.inverse.as_ref().map(|n| n.text.clone()),
                    prefer: a.prefer.iter().map(|n| n.text.clone()).collect(),
                })
            };
            list.iter().map(field).collect::<Result<Vec<Field>, String>>()
        };
        for (source, item) in items() {
            let observed = is_observed(&item.annotations);
            let module = trees.standard.get(&source).copied().unwrap_or("");
            let cause = |kind: &str, name: String| trees.cause(kind, name, item.head, &item.annotations);
            match &item.kind {
                ItemKind::Use { path, names } => policy.bring_in(source, path, names),
                ItemKind::Timezone(zone) => policy.timezone = Some(&zone.text),
                ItemKind::Identity { name, attributes } => {
                    policy.identities.push(Identity { name: name.text.clone(), fields: fields(attributes)? });
                }
                ItemKind::Record { name, fields: list } => {
                    policy.records.insert(name.text.clone(), fields(list)?);
                }
                ItemKind::Table { name, columns } => {
                    policy.records.insert(format!("table {}", name.text), fields(columns)?);
                }
                ItemKind::Source(source) => {
                    let name = &source.name.text;
                    policy.causes.insert(("source", name), cause("source", name.clone()));
                    policy.sources.push(source);
                }
                ItemKind::Lifecycle { identity, states } => {
                    let names = Rc::new(states.iter().map(|s| s.name.text.clone()).collect());
                    policy.lifecycles.insert(&identity.text, (names, states));
                }
                ItemKind::Federation(federation) => {
                    let name = &federation.name.text;
                    policy.causes.insert(("federation", name), cause("federation", name.clone()));
                    policy.federations.push(federation);
                }
                ItemKind::App(app) => {
                    let cause = cause("app", app.name.text.clone());
                    let main = self::app(app, &names, trees, cause, None)?;
                    for ((of, account), called) in &trees.seconds {
                        if *of == app.name.text {
                            let second = self::app(app, &names, trees, main.cause.clone(), Some(account))?;
                            policy.apps.push(App { name: called, ..second });
                        }
                    }
                    policy.apps.push(main);
                }
                ItemKind::Birthright { name, for_type, when, body } => {
                    policy.rules.push(Rule {
                        name: &name.text,
                        params: Vec::new(),
                        is_role: false,
                        for_type: for_type.as_ref().map(|n| n.text.as_str()),
                        when: when.as_ref().map_or(When::Always, When::If),
                        requestable: None,
                        body,
                        cause: cause("birthright", name.text.clone()),
                        observed,
                    });
                }
                ItemKind::Role(role) => {
                    let param = |p: &ast::Param| {
                        Ok(Field {
                            name: p.name.text.clone(),
                            ty: ty(&p.ty, &names)?,
                            optional: false,
                            key: false,
                            inverse: None,
                            prefer: Vec::new(),
                        })
                    };
                    let params = role.params.iter().map(param).collect::<Result<Vec<Field>, String>>()?;
                    policy.rules.push(Rule {
                        name: &role.name.text,
                        params,
                        is_role: true,
                        for_type: role.for_type.as_ref().map(|n| n.text.as_str()),
                        when: role.when.as_ref().map_or(When::Never, When::If),
                        requestable: role.requestable.as_ref(),
                        body: &role.body,
                        cause: cause("role", role.name.text.clone()),
                        observed,
                    });
                }
                ItemKind::Forbid { patterns, for_type, when, because } => policy.forbids.push(Forbid {
                    patterns,
                    names: patterns.iter().map(|p| format!("forbid {}", shown(trees, p))).collect(),
                    because: because.as_ref().map(|b| b.text.as_str()),
                    causes: patterns
                        .iter()
                        .map(|p| cause("forbid", format!("forbid {}", shown(trees, p))))
                        .collect(),
                    for_type: for_type.as_ref().map(|n| n.text.as_str()),
                    when: when.as_ref(),
                    observed,
                }),
                ItemKind::Let { name, ty: declared, value, .. } => {
                    let ty = declared.as_ref().map(|t| ty(t, &names)).transpose()?;
                    policy.lets.insert(&name.text, Let { ty, value });
                }
                ItemKind::Fn { name, params, result, body } => {
                    let param = |p: &ast::Param| {
                        Ok(Field {
                            name: p.name.text.clone(),
                            ty: ty(&p.ty, &names)?,
                            optional: p.ty.optional,
                            key: false,
                            inverse: None,
                            prefer: Vec::new(),
                        })
                    };
                    let params = params.iter().map(param).collect::<Result<Vec<Field>, String>>()?;
                    let result = result.as_ref().map(|t| ty(t, &names)).transpose()?;
                    policy.functions.insert((module, &name.text), Function { params, result, body });
                }
                ItemKind::Guard(guard) => policy.guards.push((guard, cause("guard", String::new()))),
                ItemKind::Writeback { source, fields } => {
                    policy.writebacks.extend(fields.iter().map(|f| {
                        let name = format!("writeback {}.{}", source.text, f.name.text);
                        (source.text.clone(), f, cause("writeback", name))
                    }));
                }
                // Proofs and tests speak of the policy.
                ItemKind::Prove { .. } | ItemKind::Test { .. } => {}
                ItemKind::Separate(item_of) => {
                    let of = separation(item_of, trees, |name| cause("separate", name))?;
                    policy.separations.push(Separation { observed, ..of });
                }
                ItemKind::Protect(ast::Protect::Identity(key)) => {
                    let key = written(key).ok_or("who is protected is not written out")?;
                    let name = format!("protect identity {key:?}");
                    policy.protected.push((key, cause("protect", name)));
                }
                ItemKind::Protect(ast::Protect::Members { pattern, at_least }) => {
                    let cause = cause("protect", format!("protect {}", shown(trees, pattern)));
                    policy.protects.push(Counted { pattern, many: number(at_least)?, cause });
                }
                ItemKind::Limit { pattern, at_most } => {
                    let cause = cause("limit", format!("limit {}", shown(trees, pattern)));
                    policy.limits.push(Counted { pattern, many: number(at_most)?, cause });
                }
                ItemKind::Login { .. } => {
                    return Err(NOT_READ.to_owned() + trees.sources.text(item.head));
                }
            }
        }
        policy.protected.sort();
        policy.protects.sort_by(|a, b| a.cause.cmp(&b.cause));
        policy.limits.sort_by(|a, b| a.cause.cmp(&b.cause));
        // Second accounts stand behind all apps.
        policy.apps.sort_by_key(|a| (a.name != declared(a.name), a.name));
        policy.federations.sort_by(|a, b| a.name.text.cmp(&b.name.text));
        Ok(policy)
    }

    fn bring_in(&mut self, source: SourceId, path: &'a [ast::Name], names: &'a [ast::Name]) {
        let path: Vec<&str> = path.iter().map(|n| n.text.as_str()).collect();
        let names: Vec<&str> = names.iter().map(|n| n.text.as_str()).collect();
        match (path.as_slice(), names.as_slice()) {
            (["std", module, name], []) => {
                self.uses.insert((source, name), module);
            }
            (["std", module], names) => {
                for name in names {
                    self.uses.insert((source, name), module);
                }
            }
            _ => {}
        }
    }

    /// The function that a name means in a file: of its own module, brought in, or of the policy.
    pub(crate) fn function(
        &self,
        library: Option<&str>,
        file: SourceId,
        name: &str,
    ) -> Option<&Function<'a>> {
        let of = |module: &str| self.functions.iter().find(|(k, _)| **k == (module, name)).map(|(_, f)| f);
        let brought = self.uses.iter().find(|(k, _)| **k == (file, name)).and_then(|(_, module)| of(module));
        brought.or_else(|| of(library.unwrap_or("")))
    }

    pub(crate) fn identity(&self, name: &str) -> Option<&Identity> {
        self.identities.iter().find(|i| i.name == name)
    }

    pub(crate) fn app(&self, name: &str) -> Option<&App<'a>> {
        self.apps.iter().find(|a| a.name == name)
    }

    /// An app with all accounts in it.
    pub(crate) fn accounts_in(&self, name: &str) -> impl Iterator<Item = &App<'a>> {
        self.apps.iter().filter(move |a| a.name == name || declared(a.name) == name)
    }

    pub(crate) fn rule(&self, name: &str) -> Option<&Rule<'a>> {
        self.rules.iter().find(|r| r.name == name)
    }

    /// Whether anything that gives is observed, and anything that withholds.
    pub(crate) fn observed(&self) -> Stage {
        let gives = |r: &Rule<'_>| r.observed || crate::grants::observes(r.body);
        Stage {
            gives: self.rules.iter().any(gives),
            withholds: self.forbids.iter().any(|f| f.observed) || self.separations.iter().any(|s| s.observed),
        }
    }

    /// The type and the attribute behind an inverse of a type.
    pub(crate) fn inverse(&self, of: &str, name: &str) -> Option<(&Identity, &Field)> {
        self.identities.iter().find_map(|from| {
            let field = from
                .fields
                .iter()
                .find(|f| f.inverse.as_deref() == Some(name) && f.ty == Ty::Identity(of.to_owned()))?;
            Some((from, field))
        })
    }
}

impl<'a> App<'a> {
    pub(crate) fn kind(&self, name: &str) -> Option<&Kind<'a>> {
        self.kinds.iter().find(|k| k.name == name)
    }

    /// The account block for an identity type (items.md, "account").
    pub(crate) fn account(&self, ty: &str) -> Option<&'a ast::Account> {
        self.accounts.iter().copied().find(|a| a.for_type.as_ref().is_none_or(|n| n.text == ty))
    }
}

/// A text that is written out.
fn written(e: &ast::Expr) -> Option<String> {
    let ast::ExprKind::Str(parts) = &e.kind else { return None };
    let part = |p: &ast::StrPart| match p {
        ast::StrPart::Text(t) => Some(t.clone()),
        ast::StrPart::Expr(_) => None,
    };
    parts.iter().map(part).collect()
}

/// A number that is written out.
fn number(e: &ast::Expr) -> Result<u64, String> {
    match &e.kind {
        ast::ExprKind::Int(n) => u64::try_from(*n).map_err(|_| "a number below zero".to_owned()),
        ast::ExprKind::Paren(of) => number(of),
        _ => Err("a number that is not written out".to_owned()),
    }
}

/// Whether something is `@stage(observe)`.
pub(crate) fn is_observed(notes: &[ast::Annotation]) -> bool {
    notes.iter().any(|a| a.name.text == "stage")
}

/// A pattern as the names of rules show it.
fn shown(trees: &Trees, pattern: &ast::EntPattern) -> String {
    trees.sources.text(pattern.span()).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Items.md, "separate".
fn separation<'a>(
    item: &'a ast::Separate,
    trees: &Trees,
    cause: impl Fn(String) -> Cause,
) -> Result<Separation<'a>, String> {
    let all = |list: &[ast::EntPattern]| list.iter().map(|p| shown(trees, p)).collect::<Vec<_>>().join(", ");
    let name = match &item.what {
        ast::SeparateWhat::Sides(a, b) => format!("separate {} from {}", all(a), all(b)),
        ast::SeparateWhat::AnyOf(n, list) => {
            format!("separate any {} of [{}]", trees.sources.text(n.span), all(list))
        }
    };
    let because = item.because.as_ref().map(|b| b.text.as_str());
    let (sides, many): (Vec<Vec<&ast::EntPattern>>, usize) = match &item.what {
        ast::SeparateWhat::Sides(a, b) => (vec![a.iter().collect(), b.iter().collect()], 2),
        ast::SeparateWhat::AnyOf(n, list) => match n.kind {
            ast::ExprKind::Int(n) => (list.iter().map(|p| vec![p]).collect(), n as usize),
            _ => return Err("a separation of what is no number".to_owned()),
        },
    };
    let resolve = item.resolve.as_ref().map_or("all", |n| n.text.as_str());
    let withheld = (0..sides.len()).map(|i| match resolve {
        "first" => i == 0,
        "second" => i == 1,
        "report" => false,
        _ => true,
    });
    Ok(Separation {
        observed: false,
        cause: cause(name.clone()),
        name,
        because,
        many,
        withheld: withheld.collect(),
        sides,
    })
}

fn app<'a>(
    app: &'a ast::App,
    names: &[&str],
    trees: &Trees,
    cause: Cause,
    second: Option<&String>,
) -> Result<App<'a>, String> {
    let mut out = App {
        name: &app.name.text,
        mode: app.mode.as_ref().map_or("authoritative", |m| &m.text),
        cause,
        accounts: Vec::new(),
        kinds: Vec::new(),
        managed: Vec::new(),
    };
    for member in &app.members {
        match member {
            ast::AppMember::Account(account) => {
                if account.name.as_ref().map(|n| &n.text) == second {
                    out.accounts.push(account);
                }
            }
            ast::AppMember::Entitlement(kind) => out.kinds.push(Kind {
                name: &kind.name.text,
                types: kind.types.iter().map(|t| ty(t, names)).collect::<Result<_, _>>()?,
                catalog: kind.catalog.is_some(),
                highest_wins: kind.highest_wins.is_some(),
                irrevocable: kind.irrevocable.is_some(),
                risk: risk(trees, &kind.annotations),
            }),
            ast::AppMember::Managed { parts, .. } => out.managed.extend(parts),
        }
    }
    Ok(out)
}

fn ty(t: &ast::TypeExpr, identities: &[&str]) -> Result<Ty, String> {
    Ok(match &t.kind {
        TypeKind::Enum(variants) => Ty::Enum(Rc::new(variants.iter().map(|v| v.text.clone()).collect())),
        TypeKind::Set(of) => Ty::Set(Box::new(ty(of, identities)?)),
        TypeKind::List(of) => Ty::List(Box::new(ty(of, identities)?)),
        TypeKind::Named(name) => match name.text.as_str() {
            "bool" => Ty::Bool,
            "int" => Ty::Int,
            "decimal" => Ty::Decimal,
            "string" => Ty::Str,
            "text" => Ty::Text,
            "date" => Ty::Date,
            "instant" => Ty::Instant,
            "duration" => Ty::Duration,
            "elapsed" => Ty::Elapsed,
            other if identities.contains(&other) => Ty::Identity(other.to_owned()),
            other => Ty::Record(other.to_owned()),
        },
    })
}
