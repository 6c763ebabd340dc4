//! Sources: how rows become identities. Invariant: no catch-all arm of a mapping can make someone a leaver.

use crate::check::{Checker, Scope, Subject, Try};
use crate::lifecycle::LeaverVariants;
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{ArmPattern, AttributeProgram, ExprId, ExprKind, LifecycleProgram, SourceProgram};
use prov_model::{AttrId, Duration, IdentityId, MissingDef, RuleKind, SourceDef, Type, Value};
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

    pub(crate) fn lower_sources(&mut self, lifecycles: &[LifecycleProgram]) -> Vec<SourceProgram> {
        let leavers = self.leaver_variants(lifecycles);
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
        self.columns = vec![Vec::new(); found.len()];
        let mut authoritative: Vec<(IdentityId, Span)> = Vec::new();
        let mut out = Vec::new();
        for (name, m, i) in found {
            let item = self.item(m, i).clone();
            let ItemKind::Source(s) = &item.kind else { continue };
            let Ok(identity) = self.identity_named(m, &s.identity) else { continue };
            if s.joins.is_some() || s.element_of.is_some() {
                continue; // refused by name already
            }
            match (s.authoritative, authoritative.iter().find(|a| a.0 == identity)) {
                (None, _) => self.report(
                    Diagnostic::new(&codes::SOURCE_ROLE, format!("source `{name}` says neither that it is authoritative nor what it joins"))
                        .at(item.head, "what is it for?")
                        .help(format!("write `source {name} of {} authoritative {{ … }}`: its rows are the people there are", s.identity.text)),
                ),
                (Some(span), Some((_, first))) => {
                    let first = *first;
                    self.not_yet(span, "a second authoritative source of one identity type");
                    let _ = first;
                }
                (Some(span), None) => authoritative.push((identity, span)),
            }
            let number = out.len() as u32;
            let rule = self.rule(
                RuleKind::Source,
                name.clone(),
                item.head,
                item.docs.as_deref(),
                &item.annotations,
                None,
            );
            let missing = s.missing.as_ref().and_then(|x| self.missing(identity, x));
            self.schema.sources.push(SourceDef {
                name,
                identity,
                authoritative: s.authoritative.is_some(),
                missing,
                rule,
            });
            let attributes = self.mapping(m, number, identity, s, &leavers);
            out.push(SourceProgram {
                source: number,
                columns: self.columns[number as usize].clone(),
                attributes,
            });
        }
        for (index, def) in self.schema.identities.clone().iter().enumerate() {
            let id = IdentityId(index as u32);
            if self.schema.sources.iter().any(|s| s.identity == id) {
                continue;
            }
            let Some(d) = self.declared.get(&def.name) else { continue };
            let span = d.span;
            self.report(
                Diagnostic::new(&codes::NO_SOURCE, format!("nothing says where `{}` records come from", def.name))
                    .at(span, "no source")
                    .help(format!("add `source hr of {} authoritative {{}}` and name its file under `[sources]` in prov.toml", def.name)),
            );
        }
        out
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

    fn mapping(
        &mut self,
        m: usize,
        number: u32,
        identity: IdentityId,
        s: &ast::Source,
        leavers: &LeaverVariants,
    ) -> Vec<AttributeProgram> {
        let def = self.schema.identity(identity).clone();
        for (i, field) in s.fields.iter().enumerate() {
            if !def.attributes.iter().any(|a| a.name == field.name.text) {
                let near = did_you_mean(&field.name.text, def.attributes.iter().map(|a| a.name.as_str()));
                let help = near.map_or_else(
                    || format!("it has {}", list(def.attributes.iter().map(|a| a.name.as_str()))),
                    |n| format!("did you mean `{n}`?"),
                );
                self.report(
                    Diagnostic::new(
                        &codes::UNKNOWN_FIELD,
                        format!("`{}` has no attribute `{}`", def.name, field.name.text),
                    )
                    .at(field.name.span, "not found there")
                    .help(help),
                );
            }
            if let Some(first) = s.fields[..i].iter().find(|f| f.name.text == field.name.text) {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is mapped twice", field.name.text))
                        .at(field.name.span, "again here")
                        .at(first.name.span, "first here")
                        .help("take one away"),
                );
            }
        }
        let scope =
            Scope { state: false, has: false, ..Scope::new(m, Subject::Row(number), "a source mapping") };
        let mut out = Vec::new();
        for (i, a) in def.attributes.iter().enumerate() {
            let Some(field) = s.fields.iter().find(|f| f.name.text == a.name) else {
                out.push(AttributeProgram::Column(self.column_number(number, &a.name)));
                continue;
            };
            if let Some(column) = bare_cell(&field.value) {
                let number = self.column_number(number, &column);
                out.push(AttributeProgram::Column(number));
                continue;
            }
            match self.mapped(&field.value, &scope, &a.ty) {
                Ok(id) => {
                    if let Some(variants) = leavers.get(&(identity, AttrId(i as u32))) {
                        self.catch_all(id, variants);
                    }
                    out.push(AttributeProgram::Mapped(id));
                }
                Err(_) => out.push(AttributeProgram::Nothing),
            }
        }
        out
    }

    fn mapped(&mut self, e: &ast::Expr, scope: &Scope, want: &Type) -> Try<ExprId> {
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
        Ok(self.coerce(typed, &goal.optional(), e.span, scope)?.0)
    }

    fn catch_all(&mut self, id: ExprId, leavers: &[u32]) {
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

/// `row.Column` or `row["Column"]` as it stands: read by the attribute's type.
fn bare_cell(e: &ast::Expr) -> Option<String> {
    let is_row = |e: &ast::Expr| matches!(&e.kind, Ast::Name(n) if n.text == "row");
    match &e.kind {
        Ast::Field(base, name) if is_row(base) => Some(name.text.clone()),
        Ast::Index(base, key) if is_row(base) => match &key.kind {
            Ast::Str(parts) => match parts.as_slice() {
                [ast::StrPart::Text(t)] => Some(t.clone()),
                _ => None,
            },
            _ => None,
        },
        Ast::Paren(inner) => bare_cell(inner),
        _ => None,
    }
}
