//! Declarations: every name with what it stands for, and the schema's types, identities, records, tables and apps.
//! Invariant: ids are in order of name, so that the order of files and items leaves no trace.

use crate::check::{Checker, Reported, Scope, Subject, Try};
use crate::modules::{Imported, list, qualified};
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_model::{
    AnnotationDef, AppDef, AppId, AttrId, EnumDef, EnumId, FieldDef, IdentityDef, IdentityId, InverseDef,
    KindDef, KindId, ManagedDef, Mode, RecordDef, RecordId, RuleKind, Severity, TableDef, TableId, Type, Via,
    Zone,
};
use prov_syntax::ast::{self, AppMember, ExprKind, ItemKind, Name, PatternKind, TypeKind};
use std::collections::BTreeMap;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Identity,
    Record,
    Table,
    App,
    Birthright,
    Role,
    Let,
    Fn,
}

impl What {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            What::Identity => "an identity",
            What::Record => "a record",
            What::Table => "a table",
            What::App => "an app",
            What::Birthright => "a birthright",
            What::Role => "a role",
            What::Let => "a `let`",
            What::Fn => "a function",
        }
    }
}

/// A declaration: where its item stands.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) what: What,
    pub(crate) module: usize,
    pub(crate) item: usize,
    pub(crate) span: Span,
    pub(crate) used: bool,
}

/// Ids by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decls {
    pub(crate) identities: BTreeMap<String, IdentityId>,
    pub(crate) records: BTreeMap<String, RecordId>,
    pub(crate) tables: BTreeMap<String, TableId>,
    pub(crate) apps: BTreeMap<String, AppId>,
    /// Positions in the rule program, birthrights before roles, each in order of name.
    pub(crate) rules: BTreeMap<String, u32>,
}

impl Checker<'_> {
    pub(crate) fn item(&self, module: usize, item: usize) -> &ast::Item {
        &self.modules[module].file.items[item]
    }

    /// Gathers every declared name.
    pub(crate) fn collect(&mut self) {
        for (m, module) in self.modules.clone().iter().enumerate() {
            for (i, item) in module.file.items.iter().enumerate() {
                let (what, name) = match &item.kind {
                    ItemKind::Identity { name, .. } => (What::Identity, name),
                    ItemKind::Record { name, .. } => (What::Record, name),
                    ItemKind::Table { name, .. } => {
                        if crate::BUILT_IN_TABLES.contains(&name.text.as_str()) {
                            self.report(
                                Diagnostic::new(
                                    &codes::DUPLICATE_NAME,
                                    format!("`{}` is a table that every policy has", name.text),
                                )
                                .at(name.span, "declared again here")
                                .help("give it another name"),
                            );
                        }
                        (What::Table, name)
                    }
                    ItemKind::App(app) => (What::App, &app.name),
                    ItemKind::Birthright { name, .. } => (What::Birthright, name),
                    ItemKind::Role(role) => (What::Role, &role.name),
                    ItemKind::Let { name, .. } => (What::Let, name),
                    ItemKind::Fn { name, .. } => (What::Fn, name),
                    ItemKind::Use { .. }
                    | ItemKind::Timezone(_)
                    | ItemKind::Source(_)
                    | ItemKind::Lifecycle { .. }
                    | ItemKind::Forbid { .. }
                    | ItemKind::Separate(_)
                    | ItemKind::Guard(_)
                    | ItemKind::Protect(_)
                    | ItemKind::Limit { .. }
                    | ItemKind::Federation(_)
                    | ItemKind::Login { .. }
                    | ItemKind::Writeback { .. }
                    | ItemKind::Prove { .. }
                    | ItemKind::Test { .. } => continue,
                };
                self.declare_name(m, i, what, name);
            }
        }
    }

    fn declare_name(&mut self, module: usize, item: usize, what: What, name: &Name) {
        let key = qualified(&self.modules[module].name, &name.text);
        if let Some(first) = self.declared.get(&key).cloned() {
            self.report(
                Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is declared twice", name.text))
                    .at(name.span, "declared again here")
                    .at(first.span, format!("{} of this name stands here", first.what.noun()))
                    .help("one name means one thing in the whole policy, whatever file it stands in: give one of them another name"),
            );
            return;
        }
        self.declared.insert(key, Declared { what, module, item, span: name.span, used: false });
    }

    /// The declaration that is called: a function that was brought in, also where a rule of the policy has its name.
    pub(crate) fn lookup_call(&mut self, module: usize, name: &str) -> Option<Declared> {
        let own = qualified(&self.modules[module].name, name);
        let is_fn = self.declared.get(&own).is_some_and(|d| d.what == What::Fn);
        let found = if is_fn { None } else { self.imported(module, name) };
        match found {
            Some(key) => self.declared.get_mut(&key).map(|d| {
                d.used = true;
                d.clone()
            }),
            None => self.lookup(module, name),
        }
    }

    /// The key of a declaration of the standard library that a module uses.
    fn imported(&self, module: usize, name: &str) -> Option<String> {
        if self.imports.get(&(module, name.to_owned())) != Some(&Imported::Declared) {
            return None;
        }
        self.modules[module].file.items.iter().find_map(|i| match &i.kind {
            ItemKind::Use { path, names } if names.iter().any(|n| n.text == name) => {
                Some(qualified(&crate::modules::join(path), name))
            }
            _ => None,
        })
    }

    /// The declaration that a name stands for, seen from a module.
    pub(crate) fn lookup(&mut self, module: usize, name: &str) -> Option<Declared> {
        let own = qualified(&self.modules[module].name, name);
        let key = if self.declared.contains_key(&own) { own } else { self.imported(module, name)? };
        let declared = self.declared.get_mut(&key)?;
        declared.used = true;
        Some(declared.clone())
    }

    /// Names of some kind, for did-you-mean.
    pub(crate) fn names_of(&self, what: What) -> Vec<String> {
        self.declared
            .iter()
            .filter(|(n, d)| d.what == what && !n.starts_with("std."))
            .map(|(n, _)| n.clone())
            .collect()
    }

    pub(crate) fn unknown<T>(&mut self, name: &Name, noun: &str, candidates: &[String]) -> Try<T> {
        let near = did_you_mean(&name.text, candidates.iter().map(String::as_str));
        let help = match near {
            Some(n) => format!("did you mean `{n}`?"),
            None if candidates.is_empty() => format!("this policy declares no {noun} yet"),
            None if candidates.len() <= 12 => {
                format!("there is {}", list(candidates.iter().map(String::as_str)))
            }
            None => format!("declare it, or name one of the {} that there are", candidates.len()),
        };
        let mut d =
            Diagnostic::new(&codes::UNKNOWN_NAME, format!("there is no {noun} called `{}`", name.text))
                .at(name.span, "not found")
                .help(help);
        if let Some(n) = near {
            d = d.fix(format!("replace by `{n}`"), name.span, n);
        }
        self.fail(d)
    }

    pub(crate) fn identity_named(&mut self, module: usize, name: &Name) -> Try<IdentityId> {
        self.lookup(module, &name.text);
        match self.decls.identities.get(&name.text) {
            Some(id) => Ok(*id),
            None => {
                let names = self.names_of(What::Identity);
                self.unknown(name, "identity", &names)
            }
        }
    }

    pub(crate) fn app_named(&mut self, name: &Name) -> Try<AppId> {
        match self.decls.apps.get(&name.text) {
            Some(id) => {
                if let Some(d) = self.declared.get_mut(&name.text) {
                    d.used = true;
                }
                Ok(*id)
            }
            None => {
                let names = self.names_of(What::App);
                self.unknown(name, "app", &names)
            }
        }
    }

    pub(crate) fn kind_named(&mut self, app: AppId, name: &Name) -> Try<KindId> {
        let def = self.schema.app(app);
        if let Some(i) = def.kinds.iter().position(|k| k.name == name.text) {
            return Ok(KindId(i as u32));
        }
        let (app_name, names) =
            (def.name.clone(), def.kinds.iter().map(|k| k.name.clone()).collect::<Vec<_>>());
        let near = did_you_mean(&name.text, names.iter().map(String::as_str));
        let help = match near {
            Some(n) => format!("did you mean `{app_name}.{n}`?"),
            None => format!(
                "`{app_name}` has {}; declare another with `entitlement {}(text)` in it",
                list(names.iter().map(String::as_str)),
                name.text
            ),
        };
        self.fail(
            Diagnostic::new(
                &codes::UNKNOWN_NAME,
                format!("app `{app_name}` has no entitlement `{}`", name.text),
            )
            .at(name.span, "not found there")
            .help(help),
        )
    }

    pub(crate) fn annotations(&self, notes: &[ast::Annotation]) -> Vec<AnnotationDef> {
        let plain = |e: &ast::Expr| match &e.kind {
            ExprKind::Str(parts) => parts
                .iter()
                .map(|p| match p {
                    ast::StrPart::Text(t) => t.clone(),
                    ast::StrPart::Expr(e) => self.sources.text(e.span).to_owned(),
                })
                .collect(),
            _ => self.sources.text(e.span).to_owned(),
        };
        notes
            .iter()
            .map(|a| AnnotationDef { name: a.name.text.clone(), args: a.args.iter().map(plain).collect() })
            .collect()
    }

    pub(crate) fn severity(&mut self, notes: &[ast::Annotation]) -> Option<Severity> {
        let note = notes.iter().find(|a| a.name.text == "severity")?;
        let arg = note.args.first().map(|e| self.sources.text(e.span).trim_matches('"').to_owned());
        match arg.as_deref() {
            Some("low") => Some(Severity::Low),
            Some("medium") => Some(Severity::Medium),
            Some("high") => Some(Severity::High),
            Some("critical") => Some(Severity::Critical),
            _ => {
                let d = Diagnostic::new(&codes::UNKNOWN_WORD, "`@severity` takes one of four words")
                    .at(note.span, "not one of them")
                    .help("write `@severity(low)`, `(medium)`, `(high)` or `(critical)`");
                if !self.diagnostics.contains(&d) {
                    self.report(d);
                }
                None
            }
        }
    }

    /// Fills the schema's types, tables and apps.
    pub(crate) fn declare(&mut self) {
        self.declare_zone();
        let of = |c: &Self, what: What| -> Vec<(String, usize, usize)> {
            c.declared
                .iter()
                .filter(|(_, d)| d.what == what)
                .map(|(n, d)| (n.clone(), d.module, d.item))
                .collect()
        };
        // Names first, so that types may refer to each other.
        for (i, (name, ..)) in of(self, What::Identity).iter().enumerate() {
            self.decls.identities.insert(name.clone(), IdentityId(i as u32));
            self.schema.identities.push(IdentityDef {
                name: name.clone(),
                attributes: vec![],
                key: AttrId(0),
                inverses: vec![],
                lifecycle: None,
            });
        }
        let records = of(self, What::Record);
        let tables = of(self, What::Table);
        for (name, ..) in records.iter().chain(&tables) {
            self.decls.records.insert(name.clone(), RecordId(self.schema.records.len() as u32));
            self.schema.records.push(RecordDef { name: name.clone(), fields: vec![] });
        }
        for (name, m, i) in records {
            let ItemKind::Record { fields, .. } = self.item(m, i).kind.clone() else { continue };
            let defs = self.fields(m, &fields, false);
            let id = self.decls.records[&name];
            self.schema.records[id.index()].fields = defs;
        }
        for (name, m, i) in of(self, What::Identity) {
            self.declare_identity(&name, m, i);
        }
        self.declare_inverses();
        self.attributes_have_names_of_their_own();
        for (index, (name, m, i)) in tables.into_iter().enumerate() {
            self.declare_table(index, &name, m, i);
        }
        for (index, (name, ..)) in of(self, What::App).iter().enumerate() {
            self.decls.apps.insert(name.clone(), AppId(index as u32));
        }
        for (name, m, i) in of(self, What::App) {
            self.declare_app(&name, m, i);
        }
        for (name, m, i) in of(self, What::App) {
            self.declare_second_accounts(&name, m, i);
        }
        let rules = of(self, What::Birthright).into_iter().chain(of(self, What::Role));
        self.decls.rules = rules.enumerate().map(|(i, (name, ..))| (name, i as u32)).collect();
    }

    /// An attribute is read by its bare name, as a `let`, a table and an app are: each name means one thing.
    fn attributes_have_names_of_their_own(&mut self) {
        for module in self.modules.clone() {
            for item in &module.file.items {
                let ItemKind::Identity { attributes, name: identity } = &item.kind else { continue };
                for a in attributes {
                    let Some(other) = self.declared.get(&a.name.text).cloned() else { continue };
                    match other.what {
                        What::Let | What::Table | What::App => {}
                        What::Identity | What::Record | What::Birthright | What::Role | What::Fn => continue,
                    }
                    let noun = other.what.noun();
                    self.report(
                        Diagnostic::new(
                            &codes::DUPLICATE_NAME,
                            format!("`{}` is {noun} and an attribute of `{}`", a.name.text, identity.text),
                        )
                        .at(other.span, "declared here")
                        .at(a.name.span, "an attribute of this name stands here")
                        .because("both are read by their bare name, so that a reader could not tell which is meant")
                        .help("give one of them another name"),
                    );
                }
            }
        }
    }

    fn declare_zone(&mut self) {
        let mut found: Option<(String, Span)> = None;
        for module in self.modules.clone() {
            for item in &module.file.items {
                let ItemKind::Timezone(zone) = &item.kind else { continue };
                match &found {
                    Some((_, first)) => self.report(
                        Diagnostic::new(&codes::DUPLICATE_NAME, "`timezone` stands twice")
                            .at(zone.span, "again here")
                            .at(*first, "first here")
                            .help("a policy has one time zone: take one away"),
                    ),
                    None => found = Some((zone.text.clone(), zone.span)),
                }
                if Zone::parse(&zone.text).is_none() {
                    self.report(
                        Diagnostic::new(&codes::BAD_TIMEZONE, format!("`{}` is not a time zone", zone.text))
                            .at(zone.span, "unknown zone")
                            .help("write a name of the IANA database, such as `Europe/Paris` or `America/New_York`"),
                    );
                }
            }
        }
        let name = self.options.timezone.clone().or(found.map(|f| f.0));
        self.zone = name.and_then(|n| Zone::parse(&n)).unwrap_or_else(Zone::utc);
    }

    /// The fields of a record, a table or an identity.
    fn fields(&mut self, module: usize, attributes: &[ast::Attribute], references: bool) -> Vec<FieldDef> {
        let mut defs: Vec<FieldDef> = Vec::new();
        for a in attributes {
            if let Some(first) =
                attributes.iter().find(|b| b.name.text == a.name.text && b.name.span < a.name.span)
            {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is declared twice", a.name.text))
                        .at(a.name.span, "again here")
                        .at(first.name.span, "first here")
                        .help("give one of them another name"),
                );
            }
            if let (Some(first), false) = (a.prefer.first(), references) {
                self.report(
                    Diagnostic::new(
                        &codes::NOT_ALLOWED_HERE,
                        "only an identity's attributes come from several sources",
                    )
                    .at(first.span, "not here")
                    .help("take `prefer …` away"),
                );
            }
            let ty = self.type_of(module, &a.ty).unwrap_or(Type::Str);
            if let Type::Identity(_) | Type::Optional(_) = &ty
                && let Type::Identity(id) = ty.required()
            {
                if !references {
                    self.report(
                        Diagnostic::new(&codes::TYPE_MISMATCH, "only an identity's own attributes can refer to identities")
                            .at(a.ty.span, "a reference")
                            .help("use `string` and look the person up by key, or move the attribute to the identity"),
                    );
                } else if !a.ty.optional {
                    let name = self.schema.identity(*id).name.clone();
                    self.report(
                        Diagnostic::new(
                            &codes::REFERENCE_NOT_OPTIONAL,
                            format!("a reference to `{name}` may lead to nobody"),
                        )
                        .at(a.ty.span, "needs `?`")
                        .help(format!("write `{name}?`: a key that nobody has reads as absent"))
                        .fix("make it optional", a.ty.span.at_end(), "?"),
                    );
                }
            }
            defs.push(FieldDef { name: a.name.text.clone(), ty });
        }
        defs
    }

    /// A type as written.
    pub(crate) fn type_of(&mut self, module: usize, ty: &ast::TypeExpr) -> Try<Type> {
        let base = match &ty.kind {
            TypeKind::Enum(variants) => {
                for v in variants {
                    if variants.iter().any(|w| w.text == v.text && w.span < v.span) {
                        self.report(
                            Diagnostic::new(
                                &codes::DUPLICATE_NAME,
                                format!("`{}` stands twice in the enum", v.text),
                            )
                            .at(v.span, "again here")
                            .help("take one away"),
                        );
                    }
                }
                Type::Enum(self.enum_of(variants.iter().map(|v| v.text.clone()).collect()))
            }
            TypeKind::Set(inner) => {
                let element = self.type_of(module, inner)?;
                if !element.is_scalar() {
                    let name = self.type_name(&element);
                    return self.fail(
                        Diagnostic::new(&codes::UNKNOWN_TYPE, format!("a set can't hold `{name}`"))
                            .at(inner.span, "not a plain value")
                            .help("sets hold plain values that are always there; for records write `list of RECORD`"),
                    );
                }
                Type::Set(Box::new(element))
            }
            TypeKind::List(inner) => {
                let element = self.type_of(module, inner)?;
                if !matches!(element, Type::Record(_)) {
                    let name = self.type_name(&element);
                    return self.fail(
                        Diagnostic::new(&codes::UNKNOWN_TYPE, format!("a list holds records, not `{name}`"))
                            .at(inner.span, "not a record")
                            .help(format!(
                                "declare `record NAME {{ … }}` and write `list of NAME`, or `set of {name}`"
                            )),
                    );
                }
                Type::List(Box::new(element))
            }
            TypeKind::Named(name) => self.named_type(module, name)?,
        };
        Ok(if ty.optional { base.optional() } else { base })
    }

    fn named_type(&mut self, module: usize, name: &Name) -> Try<Type> {
        let plain = [
            ("bool", Type::Bool),
            ("int", Type::Int),
            ("decimal", Type::Decimal),
            ("string", Type::Str),
            ("text", Type::Text),
            ("date", Type::Date),
            ("instant", Type::Instant),
            ("duration", Type::Duration),
            ("elapsed", Type::Elapsed),
        ];
        if let Some((_, ty)) = plain.iter().find(|(n, _)| *n == name.text) {
            return Ok(ty.clone());
        }
        self.lookup(module, &name.text);
        if let Some(id) = self.decls.identities.get(&name.text) {
            return Ok(Type::Identity(*id));
        }
        if let Some(id) = self.decls.records.get(&name.text) {
            return Ok(Type::Record(*id));
        }
        let aliases = [
            ("str", "string"),
            ("boolean", "bool"),
            ("integer", "int"),
            ("number", "decimal"),
            ("float", "decimal"),
            ("datetime", "instant"),
            ("timestamp", "instant"),
            ("varchar", "string"),
        ];
        let known: Vec<&str> = plain
            .iter()
            .map(|(n, _)| *n)
            .chain(self.decls.identities.keys().map(String::as_str))
            .chain(self.decls.records.keys().map(String::as_str))
            .collect();
        let near = aliases
            .iter()
            .find(|(a, _)| a.eq_ignore_ascii_case(&name.text))
            .map(|(_, n)| *n)
            .or_else(|| did_you_mean(&name.text, known.iter().copied()));
        let help = near.map_or_else(
            || "types are `bool`, `int`, `decimal`, `string`, `text`, `date`, `instant`, `duration`, `enum(…)`, `set of T`, `list of RECORD`, a record or an identity".to_owned(),
            |n| format!("did you mean `{n}`?"),
        );
        let mut d = Diagnostic::new(&codes::UNKNOWN_TYPE, format!("there is no type `{}`", name.text))
            .at(name.span, "not a type")
            .help(help);
        if let Some(n) = near {
            d = d.fix(format!("replace by `{n}`"), name.span, n);
        }
        self.fail(d)
    }

    /// The enum of these variants, one for each list.
    pub(crate) fn enum_of(&mut self, variants: Vec<String>) -> EnumId {
        let def = EnumDef { variants };
        let found = self.schema.enums.iter().position(|e| *e == def);
        EnumId(found.unwrap_or_else(|| {
            self.schema.enums.push(def);
            self.schema.enums.len() - 1
        }) as u32)
    }

    fn declare_identity(&mut self, name: &str, m: usize, i: usize) {
        let item = self.item(m, i).clone();
        let ItemKind::Identity { name: written, attributes } = &item.kind else { return };
        let defs = self.fields(m, attributes, true);
        let keys: Vec<usize> = (0..attributes.len()).filter(|&i| attributes[i].key.is_some()).collect();
        match keys.as_slice() {
            [one] => {
                if !matches!(defs[*one].ty, Type::Str | Type::Int | Type::Text) {
                    let ty = self.type_name(&defs[*one].ty);
                    self.report(
                        Diagnostic::new(&codes::BAD_KEY, format!("a key can't be `{ty}`"))
                            .at(attributes[*one].ty.span, "not a key's type")
                            .help("a key is `string`, always there and never reused: a personnel number, not a name or a mail address"),
                    );
                }
            }
            [] => self.report(
                Diagnostic::new(&codes::BAD_KEY, format!("identity `{name}` has no key"))
                    .at(written.span, "nothing marked `key`")
                    .help("mark the attribute that tells people apart, for instance `id : string key`"),
            ),
            [first, second, ..] => self.report(
                Diagnostic::new(&codes::BAD_KEY, format!("identity `{name}` has two keys"))
                    .at(attributes[*second].name.span, "also marked `key`")
                    .at(attributes[*first].name.span, "marked `key`")
                    .help("exactly one attribute is the key: take `key` off the other"),
            ),
        }
        let id = self.decls.identities[name];
        let def = &mut self.schema.identities[id.index()];
        def.attributes = defs;
        def.key = AttrId(keys.first().copied().unwrap_or(0) as u32);
    }

    fn declare_inverses(&mut self) {
        for (name, from) in self.decls.identities.clone() {
            let Some(declared) = self.declared.get(&name).cloned() else { continue };
            let ItemKind::Identity { attributes, .. } =
                self.item(declared.module, declared.item).kind.clone()
            else {
                continue;
            };
            for (index, a) in attributes.iter().enumerate() {
                let Some(inverse) = &a.inverse else { continue };
                let Type::Identity(to) = self.schema.identity(from).attributes[index].ty.required().clone()
                else {
                    self.report(
                        Diagnostic::new(&codes::TYPE_MISMATCH, "only a reference has an inverse")
                            .at(inverse.span, "an inverse of no reference")
                            .help("`inverse` goes with a type such as `person?`"),
                    );
                    continue;
                };
                let taken = self.schema.identity(to).inverses.iter().any(|v| v.name == inverse.text)
                    || self.schema.identity(to).attributes.iter().any(|v| v.name == inverse.text);
                if taken {
                    let owner = self.schema.identity(to).name.clone();
                    self.report(
                        Diagnostic::new(
                            &codes::DUPLICATE_NAME,
                            format!("`{owner}` already has `{}`", inverse.text),
                        )
                        .at(inverse.span, "taken")
                        .help("give the inverse another name"),
                    );
                    continue;
                }
                let def = InverseDef { name: inverse.text.clone(), from, attribute: AttrId(index as u32) };
                self.schema.identities[to.index()].inverses.push(def);
            }
        }
    }

    fn declare_table(&mut self, index: usize, name: &str, m: usize, i: usize) {
        let ItemKind::Table { columns, name: written } = self.item(m, i).kind.clone() else { return };
        let defs = self.fields(m, &columns, false);
        let keys: Vec<usize> = (0..columns.len()).filter(|&i| columns[i].key.is_some()).collect();
        if keys.len() != 1 || !defs[keys[0]].ty.is_scalar() {
            self.report(
                Diagnostic::new(&codes::BAD_KEY, format!("table `{name}` needs one key"))
                    .at(
                        keys.get(1).map_or(written.span, |&k| columns[k].name.span),
                        if keys.is_empty() { "nothing marked `key`" } else { "not a single plain key" },
                    )
                    .help("mark the column that rows are looked up by, for instance `department: text key`"),
            );
        }
        let record = self.decls.records[name];
        self.schema.records[record.index()].fields = defs;
        self.decls.tables.insert(name.to_owned(), TableId(index as u32));
        self.schema.tables.push(TableDef {
            name: name.to_owned(),
            record,
            key: keys.first().copied().unwrap_or(0),
        });
    }

    fn declare_app(&mut self, name: &str, m: usize, i: usize) {
        let item = self.item(m, i).clone();
        let ItemKind::App(app) = &item.kind else { return };
        let via = self.word(&app.via, "way to reach an app", &Via::ALL).unwrap_or(Via::File);
        let modes =
            [("authoritative", Mode::Authoritative), ("additive", Mode::Additive), ("report", Mode::Report)];
        let mode =
            app.mode.as_ref().map_or(Some(Mode::Authoritative), |w| self.word(w, "mode of an app", &modes));
        let rule = self.rule(
            RuleKind::App,
            name.to_owned(),
            item.head,
            item.docs.as_deref(),
            &item.annotations,
            None,
        );
        let mut written: Vec<&ast::EntitlementKind> = app
            .members
            .iter()
            .filter_map(|m| if let AppMember::Entitlement(e) = m { Some(e) } else { None })
            .collect();
        written.sort_by(|a, b| a.name.text.cmp(&b.name.text));
        let mut kinds: Vec<KindDef> = Vec::new();
        for e in written {
            if kinds.last().is_some_and(|k| k.name == e.name.text) {
                self.report(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        format!("`{name}` declares the entitlement `{}` twice", e.name.text),
                    )
                    .at(e.name.span, "again here")
                    .help("take one away, or give it another name"),
                );
                continue;
            }
            kinds.push(self.declare_kind(m, e));
        }
        self.schema.apps.push(AppDef {
            name: name.to_owned(),
            rule,
            via,
            mode: mode.unwrap_or(Mode::Authoritative),
            account: None,
            kinds,
            managed: vec![],
            second_of: None,
        });
        let id = AppId(self.schema.apps.len() as u32 - 1);
        for member in &app.members {
            let AppMember::Managed { parts, .. } = member else { continue };
            self.declare_managed(id, parts);
        }
    }

    fn declare_kind(&mut self, module: usize, e: &ast::EntitlementKind) -> KindDef {
        let mut types = Vec::new();
        for t in &e.types {
            let Ok(ty) = self.type_of(module, t) else { continue };
            if !ty.is_scalar() {
                let shown = self.type_name(&ty);
                self.report(
                    Diagnostic::new(&codes::BAD_ENTITLEMENT, format!("an entitlement's value can't be `{shown}`"))
                        .at(t.span, "not a plain value")
                        .help("it is one plain value: `text`, `string`, `int`, `enum(…)` …; to grant one for each of a set write `each` in the grant"),
                );
                continue;
            }
            types.push(ty);
        }
        if let Some(span) = e.highest_wins {
            let ordered =
                matches!(types.as_slice(), [Type::Enum(_) | Type::Int | Type::Decimal | Type::Date]);
            if !ordered {
                self.report(
                    Diagnostic::new(&codes::BAD_ENTITLEMENT, "`highest wins` needs one value with an order")
                        .at(span, "nothing to be highest")
                        .help("use it with `enum(low, …, high)`, `int`, `decimal` or `date`"),
                );
            }
        }
        KindDef {
            name: e.name.text.clone(),
            types,
            catalog: e.catalog.is_some(),
            highest_wins: e.highest_wins.is_some(),
            irrevocable: e.irrevocable.is_some(),
            severity: self.severity(&e.annotations),
        }
    }

    fn declare_managed(&mut self, app: AppId, parts: &[ast::ManagedPart]) {
        for part in parts {
            let kind = match &part.kind {
                None => None,
                Some(name) => match self.kind_named(app, name) {
                    Ok(kind) => Some(kind),
                    Err(Reported) => continue,
                },
            };
            let folded = kind.is_none_or(|k| self.schema.kind(app, k).types.contains(&Type::Text));
            let pattern = match &part.pattern {
                None => None,
                Some(p) => match self.pattern(p, folded) {
                    Ok(p) => Some(p),
                    Err(Reported) => continue,
                },
            };
            self.schema.apps[app.index()].managed.push(ManagedDef { kind, pattern });
        }
    }

    /// A pattern as written, compiled.
    pub(crate) fn pattern(&mut self, p: &ast::Pattern, folded: bool) -> Try<prov_model::Pattern> {
        let (compiled, what) = match &p.kind {
            PatternKind::Glob(g) => (prov_model::Pattern::glob(g, folded), "glob"),
            PatternKind::Regex(r) => (prov_model::Pattern::regex(r, folded), "regex"),
        };
        compiled.or_else(|why| {
            self.fail(
                Diagnostic::new(&codes::BAD_PATTERN, format!("this is not a {what}: {why}"))
                    .at(p.span, "can't be read")
                    .help(if what == "glob" {
                        "in a glob `*` is any run of characters, `?` any one, `[a-z]` a class; `\\` escapes"
                    } else {
                        "regexes have Rust's syntax: no look-around, no back-references"
                    }),
            )
        })
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &Name,
        noun: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        if let Some((_, t)) = words.iter().find(|(w, _)| *w == name.text) {
            return Some(*t);
        }
        let near = did_you_mean(&name.text, words.iter().map(|(w, _)| *w));
        let help = near.map_or_else(
            || format!("it is one of {}", list(words.iter().map(|(w, _)| *w))),
            |n| format!("did you mean `{n}`?"),
        );
        self.report(
            Diagnostic::new(&codes::UNKNOWN_WORD, format!("`{}` is no {noun}", name.text))
                .at(name.span, "unknown word")
                .help(help),
        );
        None
    }

    /// Types every `let` and `fn` that nothing uses, so that their errors are seen.
    pub(crate) fn check_unused_lets(&mut self) {
        let unused: Vec<Declared> = self
            .declared
            .iter()
            .filter(|(n, d)| !d.used && matches!(d.what, What::Let | What::Fn) && !n.starts_with("std."))
            .map(|(_, d)| d.clone())
            .collect();
        for d in unused {
            let item = self.item(d.module, d.item).clone();
            match &item.kind {
                ItemKind::Let { name, .. } => {
                    let subject = if self.schema.identities.len() == 1 {
                        Subject::Identity(IdentityId(0))
                    } else {
                        Subject::Nobody
                    };
                    let scope = Scope::new(d.module, subject, "a `let`");
                    let _ = self.expand_let(name, &d, &scope);
                }
                ItemKind::Fn { .. } => self.check_fn(&d, &item),
                _ => {}
            }
        }
    }
}
