//! Sources: how rows become identities. Invariant: no catch-all arm of a mapping can make someone a leaver.

mod order;
mod part;

use crate::check::{Checker, Scope, Subject, Try};
use crate::lifecycle::LeaverVariants;
use crate::modules::list;
use part::Part;
use prov_diag::{Diagnostic, codes, did_you_mean};
use prov_ir::{ArmPattern, AttributeProgram, ExprId, ExprKind, LifecycleProgram, SourceProgram};
use prov_model::{
    AttrId, Duration, FieldDef, IdentityId, MissingDef, RuleId, RuleKind, SourceDef, SourcePart, Type, Value,
};
use prov_syntax::ast::{self, ExprKind as Ast, ItemKind};

impl Checker<'_> {
    /// The number of a column within a source being lowered.
    pub(crate) fn column_number(&mut self, source: u32, column: &str) -> u32 {
        let columns = &mut self.columns[source as usize];
        let at = columns.iter().position(|c| c == column).unwrap_or_else(|| {
            columns.push(column.to_owned());
            columns.len() - 1
        });
        at as u32
    }

    /// Registers every source by name, so that conditions may ask for it.
    pub(crate) fn declare_sources(&mut self) {
        let mut found: Vec<(String, usize, usize)> = Vec::new();
        for (m, module) in self.modules.clone().iter().enumerate() {
            for (i, item) in module.file.items.iter().enumerate() {
                let ItemKind::Source(s) = &item.kind else { continue };
                if let Some((_, m0, i0)) = found.iter().find(|f| f.0 == s.name.text) {
                    let first = self.item(*m0, *i0).head;
                    self.report(
                        Diagnostic::new(
                            &codes::DUPLICATE_NAME,
                            format!("source `{}` is declared twice", s.name.text),
                        )
                        .at(s.name.span, "again here")
                        .at(first, "first here")
                        .help("give one of them another name"),
                    );
                    continue;
                }
                found.push((s.name.text.clone(), m, i));
            }
        }
        found.sort();
        for (name, m, i) in found {
            let item = self.item(m, i).clone();
            let ItemKind::Source(s) = &item.kind else { continue };
            let Ok(identity) = self.identity_named(m, &s.identity) else { continue };
            let part = SourcePart::Authoritative;
            self.schema.sources.push(SourceDef { name, identity, part, missing: None, rule: RuleId(0) });
            self.source_items.push((m, i));
            self.columns.push(Vec::new());
        }
    }

    pub(crate) fn lower_sources(&mut self, lifecycles: &[LifecycleProgram]) -> Vec<SourceProgram> {
        let leavers = self.leaver_variants(lifecycles);
        let items: Vec<(usize, ast::Item)> =
            self.source_items.clone().into_iter().map(|(m, i)| (m, self.item(m, i).clone())).collect();
        let mut parts: Vec<Option<Part>> = Vec::new();
        for (number, (_, item)) in items.iter().enumerate() {
            let ItemKind::Source(s) = &item.kind else { continue };
            let rule = self.rule(
                RuleKind::Source,
                s.name.text.clone(),
                item.head,
                item.docs.as_deref(),
                &item.annotations,
                None,
            );
            let identity = self.schema.sources[number].identity;
            let part = self.part_of(identity, item.head, s).ok();
            let missing = s.missing.as_ref().and_then(|x| self.missing(identity, x));
            let def = &mut self.schema.sources[number];
            (def.rule, def.missing) = (rule, missing);
            if let Some(part) = &part {
                def.part = part.part;
            }
            parts.push(part);
        }
        self.order_attributes(&items, &parts);
        self.sources_of_identities(&parts);
        let mut out = Vec::new();
        for (number, (m, item)) in items.iter().enumerate() {
            let ItemKind::Source(s) = &item.kind else { continue };
            let attributes = self.mapping(*m, number as u32, s, parts[number].as_ref(), &leavers);
            let (join, effective) = self.join_and_effective(*m, number as u32, s, parts[number].as_ref());
            out.push(SourceProgram {
                source: number as u32,
                columns: self.columns[number].clone(),
                attributes,
                join,
                effective,
            });
        }
        out
    }

    /// Whether something says who there is, of each type; and whether `missing means` can act.
    fn sources_of_identities(&mut self, parts: &[Option<Part>]) {
        for (index, def) in self.schema.identities.clone().iter().enumerate() {
            let id = IdentityId(index as u32);
            let own = self.schema.sources.iter().zip(parts).filter(|(s, _)| s.identity == id);
            if own.clone().any(|(_, part)| part.is_none()) {
                continue; // which is said already
            }
            let own: Vec<SourceDef> =
                own.map(|(s, _)| s.clone()).filter(SourceDef::is_authoritative).collect();
            if own.is_empty() {
                let Some(d) = self.declared.get(&def.name) else { continue };
                let span = d.span;
                self.report(
                    Diagnostic::new(
                        &codes::NO_SOURCE,
                        format!("nothing says where `{}` records come from", def.name),
                    )
                    .at(span, "no authoritative source")
                    .help(format!(
                        "add `source hr of {} authoritative {{}}` and name its file under `[sources]` in prov.toml",
                        def.name
                    )),
                );
            }
            let silent: Vec<&str> =
                own.iter().filter(|s| s.missing.is_none()).map(|s| s.name.as_str()).collect();
            for (number, source) in self.schema.sources.clone().iter().enumerate() {
                let says = source.identity == id && source.missing.is_some();
                if !says || silent.is_empty() {
                    continue;
                }
                let (m, i) = self.source_items[number];
                let ItemKind::Source(s) = self.item(m, i).kind.clone() else { continue };
                let Some(missing) = s.missing else { continue };
                self.report(
                    Diagnostic::new(&codes::MISSING_NEVER_ENDS, "`missing means` never acts here")
                        .at(missing.span, format!("{} says nothing of the kind", list(silent.iter().copied())))
                        .because("who is missing is absent from every authoritative source; one that does not say what that means keeps them")
                        .help("say `missing means …` in each of them, or in none"),
                );
            }
        }
    }

    fn missing(&mut self, identity: IdentityId, x: &ast::Missing) -> Option<MissingDef> {
        let lifecycle = self.schema.identity(identity).lifecycle.clone();
        let leavers: Vec<(u32, String)> = lifecycle
            .iter()
            .flat_map(|l| {
                l.defs.iter().enumerate().filter(|(_, d)| d.leaver).map(|(i, d)| (i as u32, d.name.clone()))
            })
            .collect();
        let named = leavers.iter().find(|(_, n)| *n == x.state.text);
        let state = match (named, x.state.text.as_str(), leavers.as_slice()) {
            (Some((i, _)), ..) | (None, "leaver", [(i, _)]) => *i,
            (None, word, _) => {
                let names = leavers.iter().map(|l| l.1.as_str()).collect::<Vec<_>>();
                let help = match names.as_slice() {
                    [] => "give the lifecycle a state with `leaver` in its block".to_owned(),
                    _ => format!("name a leaver state: {}", list(names.iter().copied())),
                };
                let message = if word == "leaver" && !names.is_empty() {
                    "several states are leaver states: which one?".to_owned()
                } else {
                    format!("`{word}` is no leaver state")
                };
                self.report(
                    Diagnostic::new(&codes::MISSING_IS_NO_LEAVER, message)
                        .at(x.state.span, "not a leaver state")
                        .help(help),
                );
                return None;
            }
        };
        let after = match &x.after {
            Some(e) => self.constant_duration(e)?,
            None => Duration::default(),
        };
        Some(MissingDef { state, after })
    }

    /// Names of a source's block that are no fields, and those that stand twice.
    fn field_names(&mut self, s: &ast::Source, owner: &str, fields: &[FieldDef], join: Option<&str>) {
        for (i, field) in s.fields.iter().enumerate() {
            let name = &field.name;
            if !fields.iter().any(|a| a.name == name.text) && join != Some(name.text.as_str()) {
                let near = did_you_mean(&name.text, fields.iter().map(|a| a.name.as_str()));
                let help = near.map_or_else(
                    || format!("it has {}", list(fields.iter().map(|a| a.name.as_str()))),
                    |n| format!("did you mean `{n}`?"),
                );
                self.report(
                    Diagnostic::new(
                        &codes::UNKNOWN_FIELD,
                        format!("`{owner}` has no attribute `{}`", name.text),
                    )
                    .at(name.span, "not found there")
                    .help(help),
                );
            }
            if let Some(first) = s.fields[..i].iter().find(|f| f.name.text == name.text) {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is mapped twice", name.text))
                        .at(name.span, "again here")
                        .at(first.name.span, "first here")
                        .help("take one away"),
                );
            }
        }
    }

    fn row_scope(m: usize, number: u32) -> Scope {
        Scope {
            state: false,
            states: false,
            has: false,
            ..Scope::new(m, Subject::Row(number), "a source mapping")
        }
    }

    fn mapping(
        &mut self,
        m: usize,
        number: u32,
        s: &ast::Source,
        part: Option<&Part>,
        leavers: &LeaverVariants,
    ) -> Vec<AttributeProgram> {
        let source = self.schema.sources[number as usize].clone();
        let identity = self.schema.identity(source.identity).clone();
        let fields = self.schema.fields_of(&source).to_vec();
        let elements = matches!(source.part, SourcePart::Elements { .. });
        let owner = match (&s.element_of, elements) {
            (Some(list), true) => format!("{}.{}", identity.name, list.text),
            _ => identity.name.clone(),
        };
        let Some(part) = part else { return vec![AttributeProgram::Nothing; fields.len()] };
        self.field_names(s, &owner, &fields, part.join.as_deref());
        let scope = Self::row_scope(m, number);
        let mut out = Vec::new();
        for (i, a) in fields.iter().enumerate() {
            // The value by which an enriching source joins is not one that it brings.
            let joins = part.part == SourcePart::Enriching(AttrId(i as u32));
            let brings = elements || self.brought[source.identity.index()][i].contains(&number);
            let field = s.fields.iter().find(|f| f.name.text == a.name);
            let mapped = match field {
                _ if joins => AttributeProgram::Nothing,
                None if brings => AttributeProgram::Column(self.column_number(number, &a.name)),
                None => AttributeProgram::Nothing,
                Some(field) => match self.mapped(&field.value, &scope, number, &a.ty) {
                    Ok(program) => {
                        let leaving = leavers.get(&(source.identity, AttrId(i as u32)));
                        if let (AttributeProgram::Mapped(id), Some(variants), false) =
                            (&program, leaving, elements)
                        {
                            self.catch_all(*id, variants);
                        }
                        program
                    }
                    Err(_) => AttributeProgram::Nothing,
                },
            };
            out.push(if brings { mapped } else { AttributeProgram::Nothing });
        }
        out
    }

    /// By which value a row finds its identity, and from which day it counts.
    fn join_and_effective(
        &mut self,
        m: usize,
        number: u32,
        s: &ast::Source,
        part: Option<&Part>,
    ) -> (Option<AttributeProgram>, Option<AttributeProgram>) {
        let Some(part) = part else { return (None, None) };
        let scope = Self::row_scope(m, number);
        let identity = self.schema.sources[number as usize].identity;
        let joins = match part.part {
            SourcePart::Authoritative => None,
            SourcePart::Enriching(joins) | SourcePart::Elements { joins, .. } => Some(joins),
        };
        let join = joins.zip(part.join.as_ref()).and_then(|(joins, name)| {
            let ty = self.schema.identity(identity).attributes[joins.index()].ty.required().clone();
            match s.fields.iter().find(|f| f.name.text == *name) {
                None => Some(AttributeProgram::Column(self.column_number(number, name))),
                Some(field) => self.mapped(&field.value, &scope, number, &ty).ok(),
            }
        });
        let effective = s.effective_from.as_ref().and_then(|e| match &e.kind {
            // `effective from Since`: a column, as in `row.Since`.
            Ast::Name(n) => Some(AttributeProgram::Column(self.column_number(number, &n.text))),
            _ => self.mapped(e, &scope, number, &Type::Date).ok(),
        });
        (join, effective)
    }

    /// A mapping: a cell that is read by the type, or an expression of it.
    pub(crate) fn mapped(
        &mut self,
        e: &ast::Expr,
        scope: &Scope,
        number: u32,
        want: &Type,
    ) -> Try<AttributeProgram> {
        if let Some(column) = bare_cell(e, scope.cells) {
            return Ok(AttributeProgram::Column(self.column_number(number, &column)));
        }
        let goal = match want.required() {
            // A reference is mapped to the key of whom it refers to.
            Type::Identity(_) => Type::Str,
            Type::List(_) | Type::Record(_) => {
                return self.not_here(
                    e.span,
                    "records can't be computed from cells",
                    "let the column hold JSON, and map it as it stands: `jobs = row.Jobs`",
                );
            }
            other => other.clone(),
        };
        let typed = self.expr(e, scope, Some(&goal))?;
        Ok(AttributeProgram::Mapped(self.coerce(typed, &goal.optional(), e.span, scope)?.0))
    }

    pub(crate) fn catch_all(&mut self, id: ExprId, leavers: &[u32]) {
        match self.kind(id).clone() {
            ExprKind::Match(_, arms) => {
                for arm in arms {
                    if arm.patterns.iter().any(|p| matches!(p, ArmPattern::Any))
                        && self.yields(arm.value, leavers)
                    {
                        let at = self.span(arm.value);
                        self.report(
                            Diagnostic::new(&codes::LEAVER_BY_ACCIDENT, "any value that isn't listed would make someone a leaver")
                                .at(at, "reached through `_`")
                                .because("a new or misspelt value in the feed would lock people out")
                                .help("list the values that mean leaving, and drop the `_` arm: rows with other values are then held and reported"),
                        );
                    }
                }
            }
            ExprKind::Coalesce(a, b) => {
                self.catch_all(a, leavers);
                if self.yields(b, leavers) {
                    let at = self.span(b);
                    self.report(
                        Diagnostic::new(
                            &codes::LEAVER_BY_ACCIDENT,
                            "an empty cell would make someone a leaver",
                        )
                        .at(at, "reached where there is no value")
                        .because("a column that a feed has lost would lock everyone out")
                        .help("leave the default away: rows without a value are then held and reported"),
                    );
                }
            }
            ExprKind::Let(_, _, body) | ExprKind::Named(_, body) => self.catch_all(body, leavers),
            ExprKind::If(_, a, b) => {
                self.catch_all(a, leavers);
                if self.yields(b, leavers) {
                    let at = self.span(b);
                    self.report(
                        Diagnostic::new(&codes::LEAVER_BY_ACCIDENT, "`else` would make someone a leaver")
                            .at(at, "reached by every value that isn't asked for")
                            .because("a new or misspelt value in the feed would lock people out")
                            .help("map it with `match` and list the values that mean leaving"),
                    );
                }
            }
            _ => {}
        }
    }

    fn yields(&self, id: ExprId, leavers: &[u32]) -> bool {
        matches!(self.kind(id), ExprKind::Const(Value::Enum(v)) if leavers.contains(v))
    }
}

/// `row.Column` or `row["Column"]` (of claims `claims.Name`) as it stands: read by the attribute's type.
fn bare_cell(e: &ast::Expr, cells: &str) -> Option<String> {
    let is_row = |e: &ast::Expr| matches!(&e.kind, Ast::Name(n) if n.text == cells);
    match &e.kind {
        Ast::Field(base, name) if is_row(base) => Some(name.text.clone()),
        Ast::Index(base, key) if is_row(base) => match &key.kind {
            Ast::Str(parts) => match parts.as_slice() {
                [ast::StrPart::Text(t)] => Some(t.clone()),
                _ => None,
            },
            _ => None,
        },
        Ast::Paren(inner) => bare_cell(inner, cells),
        _ => None,
    }
}
