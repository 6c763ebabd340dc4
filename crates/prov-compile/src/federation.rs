//! Federations: whose guests someone is, what puts them out, and what a partner says of them at sign-on.
//! Invariant: what puts a guest out is a part of the condition of the first state of their lifecycle, which is a leaver's;
//! so nothing but states decides who is out.

use crate::check::{Checker, Scope, Subject, Try};
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{AttributeProgram, ExprId, ExprKind, FederationProgram, LifecycleProgram, SourceProgram};
use prov_model::{
    AttrId, Builtin, CompareOp, FederationDef, GuestOut, IdentityId, RuleKind, TextOp, Type, Value,
    folded_domain,
};
use prov_syntax::ast::{self, ExprKind as Ast, FederationField, ItemKind};

/// The assigned fields that there are.
const FIELDS: [&str; 4] = ["issuer", "domains", "address", "sponsor"];

impl Checker<'_> {
    fn bad_federation(&mut self, span: Span, what: impl Into<String>, label: &str, help: impl Into<String>) {
        self.report(Diagnostic::new(&codes::BAD_FEDERATION, what.into()).at(span, label).help(help));
    }

    /// Enters all federations, in order of name, with what can be said of them without expressions.
    pub(crate) fn declare_federations(&mut self) {
        let mut found: Vec<(ast::Name, usize, usize)> = Vec::new();
        for (m, module) in self.modules.clone().iter().enumerate() {
            for (i, item) in module.file.items.iter().enumerate() {
                let ItemKind::Federation(f) = &item.kind else { continue };
                if let Some((first, ..)) = found.iter().find(|(n, ..)| n.text == f.name.text) {
                    let first = first.span;
                    self.report(
                        Diagnostic::new(
                            &codes::DUPLICATE_NAME,
                            format!("there are two federations `{}`", f.name.text),
                        )
                        .at(f.name.span, "again here")
                        .at(first, "first here")
                        .help("give one of them another name"),
                    );
                    continue;
                }
                found.push((f.name.clone(), m, i));
            }
        }
        found.sort_by(|a, b| a.0.text.cmp(&b.0.text));
        let mut issuers: Vec<(String, Span)> = Vec::new();
        let mut domains: Vec<(String, Span)> = Vec::new();
        for (name, m, i) in found {
            let item = self.item(m, i).clone();
            let ItemKind::Federation(f) = &item.kind else { continue };
            let Ok(identity) = self.identity_named(m, &f.of) else { continue };
            if !self.ends_in_a_leaver_state(identity, f) {
                continue;
            }
            let (docs, notes) = (item.docs.as_deref(), &item.annotations);
            let rule = self.rule(RuleKind::Federation, name.text.clone(), item.head, docs, notes, None);
            self.fields_once(f);
            let issuer = self.issuer(f, &mut issuers);
            let own = self.domains(f, &mut domains);
            if let (Some(maps), None) = (maps_of(f), field(f, "issuer")) {
                self.bad_federation(
                    maps.0,
                    "who says these claims?",
                    "claims of nobody",
                    "add `issuer = \"https://…\"`, as the partner's provider names itself in `iss`",
                );
            }
            let def = FederationDef { name: name.text, rule, identity, issuer, domains: own, sponsor: None };
            self.schema.federations.push(def);
            self.federation_items.push((m, i));
            self.federations.push(FederationProgram { of: None, out: Vec::new(), maps: None });
        }
    }

    /// Guests who are out are in the first state of their lifecycle, which must be a leaver's.
    fn ends_in_a_leaver_state(&mut self, identity: IdentityId, f: &ast::Federation) -> bool {
        let def = self.schema.identity(identity);
        let name = &def.name;
        let (message, help) = match def.lifecycle.as_ref().map(|l| l.defs.first()) {
            Some(Some(first)) if first.leaver => return true,
            Some(Some(first)) => (
                format!("`{}` is the first state of `{name}` and no leaver state", first.name),
                "who is out is in the first state: put the one with `leaver` first, and give it no condition if it needs none".to_owned(),
            ),
            Some(None) | None => (
                format!("`{name}` has no lifecycle, so nobody could be out"),
                format!("write `lifecycle {name} {{ state out {{ leaver }}  state active otherwise }}`"),
            ),
        };
        self.report(
            Diagnostic::new(&codes::GUESTS_NEVER_OUT, message)
                .at(f.of.span, "its guests")
                .because("whoever stays in another state would keep what they have when their time is over")
                .help(help),
        );
        false
    }

    fn fields_once(&mut self, f: &ast::Federation) {
        let key = |field: &FederationField| match field {
            FederationField::Assign(a) => a.name.text.clone(),
            FederationField::Maps { .. } => "maps".to_owned(),
            FederationField::Admit { .. } => "admit when".to_owned(),
            FederationField::Expires { .. } => "expires after".to_owned(),
            FederationField::Until { .. } => "until".to_owned(),
        };
        for (n, entry) in f.fields.iter().enumerate() {
            let name = key(entry);
            if let Some(first) = f.fields[..n].iter().find(|e| key(e) == name) {
                self.report(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        format!("`{name}` stands twice in this federation"),
                    )
                    .at(entry.span(), "again here")
                    .at(first.span(), "first here")
                    .help("take one away"),
                );
            }
            if let FederationField::Assign(a) = entry
                && !FIELDS.contains(&name.as_str())
            {
                let help = did_you_mean(&name, FIELDS.iter().copied()).map_or_else(
                    || {
                        format!(
                            "it has {}, `maps`, `admit when`, `expires after`, `until` and `through`",
                            list(FIELDS.iter().copied())
                        )
                    },
                    |n| format!("did you mean `{n}`?"),
                );
                self.report(
                    Diagnostic::new(&codes::UNKNOWN_WORD, format!("a federation has no `{name}`"))
                        .at(a.name.span, "not found")
                        .help(help),
                );
            }
        }
    }

    fn issuer(&mut self, f: &ast::Federation, known: &mut Vec<(String, Span)>) -> Option<String> {
        let value = field(f, "issuer")?;
        let url = plain(value).filter(|url| is_issuer(url));
        let Some(url) = url else {
            self.bad_federation(
                value.span,
                "an issuer is an `https` address without `?` and `#`",
                "not such an address",
                "write it as the provider names itself in `iss`, for instance `\"https://login.globex.example\"`",
            );
            return None;
        };
        let same = url.trim_end_matches('/').to_lowercase();
        if let Some((_, first)) = known.iter().find(|(k, _)| *k == same) {
            let first = *first;
            self.report(
                Diagnostic::new(&codes::BAD_FEDERATION, "two federations have this issuer")
                    .at(value.span, "again here")
                    .at(first, "first here")
                    .because("who signs on with it would be of either")
                    .help("put both partners into one federation, or name the other issuer"),
            );
        }
        known.push((same, value.span));
        Some(url)
    }

    fn domains(&mut self, f: &ast::Federation, known: &mut Vec<(String, Span)>) -> Vec<String> {
        let Some(value) = field(f, "domains") else {
            if let Some(address) = field(f, "address") {
                self.bad_federation(
                    address.span,
                    "an address says nothing without `domains`",
                    "compared with nothing",
                    "add `domains = [\"globex.example\"]`, or take `address` away",
                );
            }
            return Vec::new();
        };
        let Ast::List(elements) = &value.kind else {
            self.bad_federation(
                value.span,
                "`domains` is a list of domains in quotes",
                "no list",
                "write `domains = [\"globex.example\"]`",
            );
            return Vec::new();
        };
        if elements.is_empty() {
            self.bad_federation(
                value.span,
                "this federation has no domain, and so no guest",
                "empty",
                "name one, or take `domains` away: then all guests that `when` takes are its own",
            );
        }
        if field(f, "address").is_none() {
            self.bad_federation(
                value.span,
                "it isn't said which address is to be at these domains",
                "compared with nothing",
                "add `address = mail`, with the guest's attribute that holds the address",
            );
        }
        let mut own = Vec::new();
        for e in elements {
            let Some(domain) = plain(e).and_then(|d| written_domain(&d)) else {
                self.bad_federation(
                    e.span,
                    "a domain is words with dots between, in quotes",
                    "not a domain",
                    "write `\"globex.example\"`, or `\"*.globex.example\"` for all domains below it",
                );
                continue;
            };
            if let Some((other, first)) = known.iter().find(|(k, _)| overlap(k, &domain)) {
                let (first, other) = (*first, other.clone());
                self.report(
                    Diagnostic::new(
                        &codes::BAD_FEDERATION,
                        if other == domain {
                            format!("`{domain}` is named twice")
                        } else {
                            format!("`{domain}` and `{other}` have addresses in common")
                        },
                    )
                    .at(e.span, "again here")
                    .at(first, "first here")
                    .because("an address must say whose guest somebody is")
                    .help("name each domain once, and below it only where no `*.` covers it"),
                );
            }
            known.push((domain.clone(), e.span));
            own.push(domain);
        }
        own
    }

    /// Whether a type has federations, and a state is the one into which they bring someone.
    pub(crate) fn has_federations(&self, identity: IdentityId, state: usize) -> bool {
        state == 0 && self.schema.federations.iter().any(|f| f.identity == identity)
    }

    /// What puts guests of a type out; none where it has no federation, or one that is wrong, which has been said.
    pub(crate) fn federations_of(&mut self, identity: IdentityId) -> Option<ExprId> {
        let numbers: Vec<usize> = (0..self.schema.federations.len())
            .filter(|n| self.schema.federations[*n].identity == identity)
            .collect();
        let head = |me: &Self, n: usize| {
            let (m, i) = me.federation_items[n];
            me.item(m, i).head
        };
        let (mut parts, mut theirs, mut all) = (Vec::new(), Vec::new(), false);
        let mut failed = false;
        for &n in &numbers {
            let (m, i) = self.federation_items[n];
            let ItemKind::Federation(f) = self.item(m, i).kind.clone() else { continue };
            let Ok(program) = self.lower_federation(m, n, &f) else {
                failed = true;
                continue;
            };
            let (span, name) = (head(self, n), self.schema.federations[n].name.clone());
            all |= program.of.is_none();
            theirs.extend(program.of);
            if !program.out.is_empty() {
                let why = self.either(program.out.iter().map(|(_, e)| *e).collect(), span);
                let out = match program.of {
                    Some(of) => self.add(ExprKind::And(vec![of, why]), Type::Bool, span).0,
                    None => why,
                };
                parts.push(self.add(ExprKind::Named(format!("federation {name}"), out), Type::Bool, span).0);
            }
            self.federations[n] = program;
        }
        let first = numbers.first().copied().filter(|_| !failed)?;
        if !all {
            let (span, name) = (head(self, first), self.federation_name(first));
            // Another place than the whole, so that explanations tell them apart.
            let theirs = self.either(theirs, name);
            let none = self.add(ExprKind::Not(theirs), Type::Bool, span).0;
            let words = GuestOut::NoPartner.words().to_owned();
            parts.push(self.add(ExprKind::Named(words, none), Type::Bool, span).0);
        }
        let span = head(self, first);
        match parts.is_empty() {
            // Of one that takes everyone and asks for nothing nobody is ever out.
            true => Some(self.constant(Value::Bool(false), Type::Bool, span).0),
            false => Some(self.either(parts, span)),
        }
    }

    fn federation_name(&self, number: usize) -> Span {
        let (m, i) = self.federation_items[number];
        match &self.item(m, i).kind {
            ItemKind::Federation(f) => f.name.span,
            _ => self.item(m, i).head,
        }
    }

    fn either(&mut self, mut list: Vec<ExprId>, span: Span) -> ExprId {
        match list.len() {
            1 => list.remove(0),
            _ => self.add(ExprKind::Or(list), Type::Bool, span).0,
        }
    }

    fn lower_federation(&mut self, m: usize, number: usize, f: &ast::Federation) -> Try<FederationProgram> {
        let identity = self.schema.federations[number].identity;
        let place = "a federation";
        let scope = Scope { state: false, has: false, ..Scope::new(m, Subject::Identity(identity), place) };
        let mut theirs = Vec::new();
        let mut scope = match &f.when {
            None => scope,
            Some(c) => {
                let (id, _) = self.condition(c, &scope)?;
                theirs.push(id);
                scope.with(&self.facts_of(id, true))
            }
        };
        let domains = self.schema.federations[number].domains.clone();
        if let (Some(address), false) = (field(f, "address"), domains.is_empty()) {
            let span = entry_of(f, "domains").map_or(address.span, |a| a.span);
            theirs.push(self.at_a_domain(address, &domains, span, &scope)?);
        }
        let of = match theirs.len() {
            0 => None,
            1 => theirs.pop(),
            _ => Some(self.add(ExprKind::And(theirs), Type::Bool, f.name.span).0),
        };
        let of = of.map(|of| {
            let facts = self.facts_of(of, true);
            scope = scope.with(&facts);
            let words = format!("a guest of {}", f.name.text);
            self.add(ExprKind::Named(words, of), Type::Bool, f.name.span).0
        });
        let mut out: Vec<(GuestOut, ExprId, Span)> = Vec::new();
        for entry in &f.fields {
            match entry {
                FederationField::Admit { span, when } => {
                    let (id, _) = self.condition(when, &scope)?;
                    let not = self.add(ExprKind::Not(id), Type::Bool, *span).0;
                    out.push((GuestOut::NotAdmitted, not, *span));
                }
                FederationField::Expires { span, after, from } => {
                    out.push((GuestOut::Expired, self.expired(after, from, &scope)?, *span));
                }
                FederationField::Until { span, until } => {
                    let word = if until.inclusive { "through" } else { "until" };
                    let (at, ty) = self.point(&until.date, &scope, word, "9999-12-31")?;
                    let op = if until.inclusive { CompareOp::Gt } else { CompareOp::Ge };
                    out.push((GuestOut::PartnershipOver, self.past(op, at, &ty, *span), *span));
                }
                FederationField::Assign(a) if a.name.text == "sponsor" => {
                    out.extend(self.sponsor(number, a, &scope)?.into_iter().map(|(w, e)| (w, e, a.span)));
                }
                FederationField::Assign(_) | FederationField::Maps { .. } => {}
            }
        }
        out.sort_by_key(|(why, ..)| *why);
        let named = |me: &mut Self, (why, e, span): (GuestOut, ExprId, Span)| {
            (why, me.add(ExprKind::Named(why.words().to_owned(), e), Type::Bool, span).0)
        };
        let out = out.into_iter().map(|o| named(self, o)).collect();
        Ok(FederationProgram { of, out, maps: None })
    }

    /// Whether an address is at one of the domains.
    fn at_a_domain(
        &mut self,
        address: &ast::Expr,
        domains: &[String],
        span: Span,
        scope: &Scope,
    ) -> Try<ExprId> {
        let arg = ast::Arg { name: None, value: address.clone() };
        let (home, _) = self.call_builtin(Builtin::HomeDomain, &[arg], scope, address.span)?;
        let (below, exact): (Vec<&String>, Vec<&String>) = domains.iter().partition(|d| d.starts_with("*."));
        let mut tests = Vec::new();
        if !exact.is_empty() {
            let set = Value::set(exact.into_iter().map(|d| Value::str(d.clone())).collect());
            let set = self.constant(set, Type::Set(Box::new(Type::Str)), span).0;
            tests.push(self.add(ExprKind::Contains(set, home), Type::Bool, span).0);
        }
        for d in below {
            let end = self.constant(Value::str(d[1..].to_owned()), Type::Str, span).0;
            tests.push(self.add(ExprKind::TextTest(TextOp::EndsWith, home, end), Type::Bool, span).0);
        }
        Ok(self.either(tests, span))
    }

    /// Whether a moment has come (`>=`) or has passed (`>`).
    fn past(&mut self, op: CompareOp, at: ExprId, ty: &Type, span: Span) -> ExprId {
        let clock = match ty.required() {
            Type::Instant => self.add(ExprKind::Now, Type::Instant, span),
            _ => self.add(ExprKind::Today, Type::Date, span),
        };
        self.add(ExprKind::Compare(op, clock.0, at), Type::Bool, span).0
    }

    /// Whether `from` + `after` has come.
    fn expired(&mut self, after: &ast::Expr, from: &ast::Expr, scope: &Scope) -> Try<ExprId> {
        self.point(from, scope, "from", "2026-01-01")?;
        let (length, _) = self.operand(after, scope, Some(&Type::Duration), true)?;
        let nothing = match self.kind(length) {
            ExprKind::Const(Value::Duration(d)) => d.rank().0 <= 0,
            ExprKind::Const(Value::Elapsed(e)) => e.0 <= 0,
            _ => false,
        };
        if nothing {
            self.bad_federation(
                after.span,
                "its guests are out from the first",
                "not longer than nothing",
                "write how long a guest stays, as `expires after 90 days from invited`",
            );
        }
        // The day or instant of the end, as if it were written.
        let (from_box, after_box) = (Box::new(from.clone()), Box::new(after.clone()));
        let span = after.span.to(from.span);
        let sum = ast::Expr { span, kind: Ast::Binary(from_box, ast::BinaryOp::Add, span, after_box) };
        let (end, ty) = self.expr(&sum, scope, None)?;
        Ok(self.past(CompareOp::Ge, end, &ty, span))
    }

    /// That nobody answers for a guest, or someone who has left.
    fn sponsor(&mut self, number: usize, entry: &ast::Assign, scope: &Scope) -> Try<Vec<(GuestOut, ExprId)>> {
        let value = &entry.value;
        let identity = self.schema.federations[number].identity;
        let attributes = &self.schema.identity(identity).attributes;
        let named = match &value.kind {
            Ast::Name(n) => attributes.iter().position(|a| a.name == n.text),
            _ => None,
        };
        let of = named.and_then(|a| match attributes[a].ty.required() {
            Type::Identity(of) => Some((AttrId(a as u32), *of)),
            _ => None,
        });
        let Some((attribute, of)) = of else {
            let known: Vec<&str> = attributes
                .iter()
                .filter(|a| matches!(a.ty.required(), Type::Identity(_)))
                .map(|a| a.name.as_str())
                .collect();
            let help = match known.as_slice() {
                [] => "declare one: `host : person? inverse guests`".to_owned(),
                known => format!("name a reference: {}", list(known.iter().copied())),
            };
            let d =
                Diagnostic::new(&codes::BAD_FEDERATION, "a sponsor is an attribute that refers to someone")
                    .at(value.span, "refers to nobody")
                    .help(help);
            return self.fail(d);
        };
        self.schema.federations[number].sponsor = Some(attribute);
        // Explanations show the entry, for what is asked of it is not written out.
        let span = entry.span;
        let boxed = |kind: Ast| Box::new(ast::Expr { span, kind });
        let is = |present| ast::Expr { span, kind: Ast::Is { value: Box::new(value.clone()), present } };
        let mut out = vec![(GuestOut::NoSponsor, self.condition(&is(false), scope)?.0)];
        let states = self.schema.identity(of).lifecycle.clone();
        let name = |text: &str| ast::Name { span, text: text.to_owned() };
        let leavers: Vec<ast::Expr> = states
            .iter()
            .flat_map(|l| l.defs.iter().filter(|d| d.leaver))
            .map(|d| ast::Expr { span, kind: Ast::Name(name(&d.name)) })
            .collect();
        if !leavers.is_empty() {
            let state = boxed(Ast::Field(Box::new(value.clone()), name("state")));
            let set = boxed(Ast::List(leavers));
            let left = boxed(Ast::In { value: state, set, negated: false });
            let both = Ast::Binary(Box::new(is(true)), ast::BinaryOp::And, span, left);
            let both = ast::Expr { span, kind: both };
            out.push((GuestOut::SponsorLeft, self.condition(&both, scope)?.0));
        }
        Ok(out)
    }

    /// What partners say of their people at sign-on.
    pub(crate) fn lower_maps(&mut self, lifecycles: &[LifecycleProgram]) {
        let leavers = self.leaver_variants(lifecycles);
        for number in 0..self.schema.federations.len() {
            let (m, i) = self.federation_items[number];
            let ItemKind::Federation(f) = self.item(m, i).kind.clone() else { continue };
            let Some((span, fields)) = maps_of(&f) else { continue };
            let identity = self.schema.federations[number].identity;
            let def = self.schema.identity(identity).clone();
            let row = self.columns.len() as u32;
            self.columns.push(Vec::new());
            self.mapped_names(&def.name, &def.attributes, fields);
            let scope = Scope {
                state: false,
                states: false,
                has: false,
                cells: "claims",
                ..Scope::new(m, Subject::Row(row), "a mapping of claims")
            };
            let (mut attributes, mut lacks) = (Vec::new(), Vec::new());
            for (n, a) in def.attributes.iter().enumerate() {
                let program = match fields.iter().find(|f| f.name.text == a.name) {
                    Some(field) => self.mapped(&field.value, &scope, row, &a.ty),
                    None => {
                        let always = !matches!(a.ty, Type::Optional(_) | Type::Set(_) | Type::List(_));
                        if always || def.key.index() == n {
                            lacks.push(a.name.as_str());
                        }
                        Ok(AttributeProgram::Nothing)
                    }
                };
                let program = program.unwrap_or(AttributeProgram::Nothing);
                let leaving = leavers.get(&(identity, AttrId(n as u32)));
                if let (AttributeProgram::Mapped(id), Some(variants)) = (&program, leaving) {
                    self.catch_all(*id, variants);
                }
                attributes.push(program);
            }
            if !lacks.is_empty() {
                let lacks = list(lacks.iter().copied());
                self.report(
                    Diagnostic::new(&codes::BAD_FEDERATION, format!("`maps` doesn't give {lacks}"))
                        .at(span, "lacks what a guest always has")
                        .because("somebody who signs on may be known by nothing but these claims")
                        .help("map it, or make it optional with `?`"),
                );
            }
            let columns = self.columns[row as usize].clone();
            self.federations[number].maps =
                Some(SourceProgram { source: u32::MAX, columns, attributes, join: None, effective: None });
        }
    }

    /// Names that are no attributes, and those that are mapped twice.
    fn mapped_names(&mut self, owner: &str, known: &[prov_model::FieldDef], fields: &[ast::Assign]) {
        for (i, field) in fields.iter().enumerate() {
            let name = &field.name;
            if !known.iter().any(|a| a.name == name.text) {
                let names = || known.iter().map(|a| a.name.as_str());
                let help = did_you_mean(&name.text, names())
                    .map_or_else(|| format!("it has {}", list(names())), |n| format!("did you mean `{n}`?"));
                self.report(
                    Diagnostic::new(
                        &codes::UNKNOWN_FIELD,
                        format!("`{owner}` has no attribute `{}`", name.text),
                    )
                    .at(name.span, "not found there")
                    .help(help),
                );
            }
            if let Some(first) = fields[..i].iter().find(|f| f.name.text == name.text) {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is mapped twice", name.text))
                        .at(name.span, "again here")
                        .at(first.name.span, "first here")
                        .help("take one away"),
                );
            }
        }
    }

    /// States may read those of identities of other types, as long as no way leads back (11.10).
    pub(crate) fn check_states(&mut self, lifecycles: &[LifecycleProgram]) {
        let reads: Vec<(IdentityId, Vec<(IdentityId, Span)>)> = lifecycles
            .iter()
            .map(|l| {
                let roots = l.conditions.iter().flatten().copied().collect();
                (l.identity, self.states_read(roots))
            })
            .collect();
        for (start, _) in &reads {
            let mut way: Vec<IdentityId> = vec![*start];
            if let Some(span) = circle(&reads, &mut way) {
                // Each circle is told once, with the type that comes first in it.
                if way.iter().any(|id| id < start) {
                    continue;
                }
                let names: Vec<String> =
                    way.iter().chain([start]).map(|id| self.schema.identity(*id).name.clone()).collect();
                self.report(
                    Diagnostic::new(
                        &codes::STATE_CYCLE,
                        format!("these states wait for each other: {}", names.join(" → ")),
                    )
                    .at(span, "a state that leads back to itself")
                    .because("whose state comes first could not be told")
                    .help("ask for the attributes that the other state follows from"),
                );
                return;
            }
        }
    }

    /// The types whose states an expression reads through references.
    fn states_read(&self, mut open: Vec<ExprId>) -> Vec<(IdentityId, Span)> {
        let mut found = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if let ExprKind::StateOf(of) = self.kind(id)
                && let Type::Identity(of) = self.exprs[of.0 as usize].ty.required()
            {
                found.push((*of, self.span(id)));
            }
            self.kind(id).children(|c| open.push(c));
        }
        found
    }
}

/// A way from the last of a way back to its first; the place of the last step, and the way before it.
fn circle(reads: &[(IdentityId, Vec<(IdentityId, Span)>)], way: &mut Vec<IdentityId>) -> Option<Span> {
    let last = *way.last()?;
    let next = reads.iter().find(|(id, _)| *id == last).map_or(&[][..], |(_, list)| list.as_slice());
    for &(id, span) in next {
        if id == way[0] {
            return Some(span);
        }
        if way.contains(&id) {
            continue;
        }
        way.push(id);
        if let Some(span) = circle(reads, way) {
            return Some(span);
        }
        way.pop();
    }
    None
}

fn field<'a>(f: &'a ast::Federation, name: &str) -> Option<&'a ast::Expr> {
    entry_of(f, name).map(|a| &a.value)
}

fn entry_of<'a>(f: &'a ast::Federation, name: &str) -> Option<&'a ast::Assign> {
    f.fields.iter().find_map(|entry| match entry {
        FederationField::Assign(a) if a.name.text == name => Some(a),
        _ => None,
    })
}

fn maps_of(f: &ast::Federation) -> Option<(Span, &[ast::Assign])> {
    f.fields.iter().find_map(|entry| match entry {
        FederationField::Maps { span, fields } => Some((*span, fields.as_slice())),
        _ => None,
    })
}

/// The text of a string without anything in it.
fn plain(e: &ast::Expr) -> Option<String> {
    match &e.kind {
        Ast::Str(parts) => match parts.as_slice() {
            [ast::StrPart::Text(text)] => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn is_issuer(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split('/').next().unwrap_or("");
    !host.is_empty()
        && !host.contains('@')
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#'))
}

/// A domain as compared, if it is one.
fn written_domain(text: &str) -> Option<String> {
    let (star, domain) = match text.trim().strip_prefix("*.") {
        Some(below) => ("*.", below),
        None => ("", text),
    };
    let folded = folded_domain(domain);
    let word = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || is_mark(c))
    };
    (folded.contains('.') && folded.split('.').all(word)).then(|| format!("{star}{folded}"))
}

/// A mark upon a letter, or a joiner within a word, which some scripts need.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !c.is_control()
}

/// Whether two domains have addresses in common.
fn overlap(a: &str, b: &str) -> bool {
    let covers = |star: &str, domain: &str| {
        star.strip_prefix('*').is_some_and(|end| domain.strip_prefix('*').unwrap_or(domain).ends_with(end))
    };
    a == b || covers(a, b) || covers(b, a)
}
