//! Attributes of people and columns of rows, as a test writes them out.
//! Invariant: every value is of its attribute's type; what must be there is.

use super::{Cell, Reading, StatementKind};
use crate::check::{Checker, Reported, Try};
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_model::{AttrId, FieldDef, IdentityId, TableId, Type};
use prov_syntax::ast::{self, ExprKind as Ast, Name};
use std::collections::BTreeMap;

/// Attributes as they are written out, and the sources where they are named.
pub(super) type Written = (Vec<(AttrId, Cell)>, Option<Vec<u32>>);

impl Checker<'_> {
    /// The attributes of an identity type that are written out, and the sources where `in: […]` names them.
    pub(super) fn attributes_of(
        &mut self,
        identity: IdentityId,
        fields: &[ast::Assign],
        reading: &Reading,
    ) -> Try<Written> {
        let def = self.schema.identity(identity);
        let (owner, attributes) = (format!("`{}`", def.name), def.attributes.clone());
        let is_source = |f: &&ast::Assign| f.name.text == "in" && attributes.iter().all(|a| a.name != "in");
        let sources = match fields.iter().find(is_source) {
            Some(field) => Some(self.sources_of(identity, &field.value)?),
            None => None,
        };
        let rest: Vec<ast::Assign> = fields.iter().filter(|f| !is_source(f)).cloned().collect();
        let found = self.fields_of(&attributes, &owner, &rest, reading)?;
        Ok((found.into_iter().map(|(i, cell)| (AttrId(i as u32), cell)).collect(), sources))
    }

    /// `[hr, badges]`: sources of a type by position.
    fn sources_of(&mut self, identity: IdentityId, e: &ast::Expr) -> Try<Vec<u32>> {
        let Ast::List(items) = &e.kind else {
            return self.not_here(
                e.span,
                "sources stand in a list",
                "write `in: [hr]`, with the sources that have a row of them",
            );
        };
        let mut out = Vec::new();
        for item in items {
            let Ast::Name(name) = &item.kind else {
                return self.not_here(item.span, "this is no source", "name a source of the policy");
            };
            let of = |s: &prov_model::SourceDef| s.identity == identity;
            match self.schema.sources.iter().position(|s| of(s) && s.name == name.text) {
                Some(at) => out.push(at as u32),
                None => {
                    let names: Vec<String> =
                        self.schema.sources.iter().filter(|s| of(s)).map(|s| s.name.clone()).collect();
                    return self.unknown(name, "source", &names);
                }
            }
        }
        Ok(out)
    }

    /// Fields by position, each once. All errors are reported before any is returned.
    fn fields_of(
        &mut self,
        defs: &[FieldDef],
        owner: &str,
        fields: &[ast::Assign],
        reading: &Reading,
    ) -> Try<Vec<(usize, Cell)>> {
        let mut out: Vec<(usize, Cell)> = Vec::new();
        let mut first: BTreeMap<usize, Span> = BTreeMap::new();
        let mut failed = false;
        for field in fields {
            let Some(i) = defs.iter().position(|d| d.name == field.name.text) else {
                self.no_such_field(
                    &field.name,
                    owner,
                    &defs.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(),
                );
                failed = true;
                continue;
            };
            if let Some(span) = first.get(&i) {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is given twice", field.name.text))
                        .at(field.name.span, "again here")
                        .at(*span, "first here")
                        .help("take one away"),
                );
                failed = true;
                continue;
            }
            first.insert(i, field.name.span);
            match self.cell_of(&field.value, &defs[i].ty, reading) {
                Ok(cell) => out.push((i, cell)),
                Err(Reported) => failed = true,
            }
        }
        if failed { Err(Reported) } else { Ok(out) }
    }

    fn no_such_field(&mut self, name: &Name, owner: &str, names: &[&str]) {
        let near = did_you_mean(&name.text, names.iter().copied()).map(str::to_owned);
        let help = near.as_ref().map_or_else(
            || format!("it has {}", list(names.iter().copied())),
            |n| format!("did you mean `{n}`?"),
        );
        let mut d = Diagnostic::new(&codes::UNKNOWN_FIELD, format!("{owner} has no `{}`", name.text))
            .at(name.span, "not found there")
            .help(help);
        if let Some(n) = near {
            d = d.fix(format!("replace by `{n}`"), name.span, n);
        }
        self.report(d);
    }

    /// Fields by name, for rows whose columns Prov itself declares.
    pub(super) fn named_fields<'f>(
        &mut self,
        fields: &'f [ast::Assign],
        known: &[&'static str],
        owner: &str,
    ) -> Try<BTreeMap<&'static str, &'f ast::Assign>> {
        let mut out: BTreeMap<&'static str, &ast::Assign> = BTreeMap::new();
        let mut failed = false;
        for field in fields {
            match known.iter().find(|k| **k == field.name.text) {
                None => {
                    self.no_such_field(&field.name, &format!("an {owner}"), known);
                    failed = true;
                }
                Some(name) => {
                    if let Some(before) = out.insert(name, field) {
                        let first = before.name.span;
                        self.report(
                            Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{name}` is given twice"))
                                .at(field.name.span, "again here")
                                .at(first, "first here")
                                .help("take one away"),
                        );
                        failed = true;
                    }
                }
            }
        }
        if failed { Err(Reported) } else { Ok(out) }
    }

    /// Whether all is given that everyone of a type has (where nobody is said to be alike). A key that is not given is
    /// the name in the test.
    pub(super) fn all_there(
        &mut self,
        identity: IdentityId,
        given: &[(AttrId, Cell)],
        fields: &[ast::Assign],
        head: &Name,
        like: bool,
    ) -> Try<()> {
        let def = self.schema.identity(identity);
        let named_key = matches!(def.attributes[def.key.index()].ty, Type::Str | Type::Text);
        let missing: Vec<String> = def
            .attributes
            .iter()
            .enumerate()
            .filter(|(i, a)| {
                let key = def.key.index() == *i;
                let needed = if key { !named_key } else { !like && must_be_given(&a.ty) };
                needed && given.iter().all(|(g, _)| g.index() != *i)
            })
            .map(|(_, a)| a.name.clone())
            .collect();
        let owner = def.name.clone();
        self.complete(&missing, &owner, fields, head.span)
    }

    fn complete(&mut self, missing: &[String], owner: &str, fields: &[ast::Assign], head: Span) -> Try<()> {
        let Some(first) = missing.first() else { return Ok(()) };
        let names = list(missing.iter().map(String::as_str));
        let span = fields.last().map_or(head, |f| head.to(f.span));
        self.fail(
            Diagnostic::new(&codes::MISSING_ATTRIBUTE, format!("this `{owner}` has no {names}"))
                .at(span, "not complete")
                .because("an attribute without `?` is there for everyone")
                .help(format!("add `{first}: …`; what may be absent, and sets, can be left out")),
        )
    }

    fn cell_of(&mut self, e: &ast::Expr, ty: &Type, reading: &Reading) -> Try<Cell> {
        if let Ast::Name(name) = &e.kind
            && name.text == "absent"
            && !self.is_variant(ty, "absent")
        {
            if ty.is_optional() {
                return Ok(Cell::Absent);
            }
            return self.fail(
                Diagnostic::new(&codes::TYPE_MISMATCH, "this is never absent")
                    .at(e.span, "may not be absent")
                    .help("give it a value, or make its type optional with `?`"),
            );
        }
        match ty.required() {
            Type::Identity(of) => self.reference(e, *of, reading),
            Type::Record(record) => {
                let def = self.schema.records[record.index()].clone();
                match &e.kind {
                    Ast::Record(name, fields) if name.text == def.name => {
                        self.record_cells(&def.fields, &def.name, fields, name, reading).map(Cell::Record)
                    }
                    _ => self.not_a_record(e.span, &def.name),
                }
            }
            Type::List(element) => {
                let Type::Record(record) = element.required() else { return Err(Reported) };
                let def = self.schema.records[record.index()].clone();
                let Ast::List(items) = &e.kind else { return self.not_a_record(e.span, &def.name) };
                let mut rows = Vec::new();
                for item in items {
                    match &item.kind {
                        Ast::Record(name, fields) if name.text == def.name => {
                            rows.push(self.record_cells(&def.fields, &def.name, fields, name, reading)?);
                        }
                        _ => return self.not_a_record(item.span, &def.name),
                    }
                }
                Ok(Cell::Rows(rows))
            }
            Type::Bool
            | Type::Int
            | Type::Decimal
            | Type::Str
            | Type::Text
            | Type::Date
            | Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Enum(_)
            | Type::Set(_)
            | Type::Optional(_) => {
                let (id, _) = self.expr_as(e, &reading.scope(), ty)?;
                self.knows_the_day(id, e.span, reading)?;
                Ok(Cell::Value(id))
            }
        }
    }

    fn is_variant(&self, ty: &Type, name: &str) -> bool {
        match ty.required() {
            Type::Enum(en) => self.schema.enums[en.index()].variants.iter().any(|v| v == name),
            _ => false,
        }
    }

    fn not_a_record<T>(&mut self, span: Span, record: &str) -> Try<T> {
        self.fail(
            Diagnostic::new(&codes::TYPE_MISMATCH, format!("`{record}` records stand here"))
                .at(span, "something else")
                .help(format!("write `{record} {{ field: value, … }}`, a list as `[{record} {{ … }}, …]`")),
        )
    }

    fn record_cells(
        &mut self,
        defs: &[FieldDef],
        owner: &str,
        fields: &[ast::Assign],
        head: &Name,
        reading: &Reading,
    ) -> Try<Vec<Cell>> {
        let mut given = self.fields_of(defs, &format!("`{owner}`"), fields, reading)?;
        let missing: Vec<String> = defs
            .iter()
            .enumerate()
            .filter(|(i, d)| must_be_given(&d.ty) && given.iter().all(|(g, _)| g != i))
            .map(|(_, d)| d.name.clone())
            .collect();
        self.complete(&missing, owner, fields, head.span)?;
        given.sort_by_key(|(i, _)| *i);
        let mut given = given.into_iter().peekable();
        Ok((0..defs.len())
            .map(|i| match given.next_if(|(g, _)| *g == i) {
                Some((_, cell)) => cell,
                None => Cell::Absent,
            })
            .collect())
    }

    fn reference(&mut self, e: &ast::Expr, of: IdentityId, reading: &Reading) -> Try<Cell> {
        let Ast::Name(name) = &e.kind else {
            let key = self.schema.identity(of);
            let ty = key.attributes[key.key.index()].ty.required().clone();
            return Ok(Cell::Key(self.expr_as(e, &reading.scope(), &ty)?.0));
        };
        let who = self.someone(name, reading)?;
        let is = reading.people[who.0 as usize].identity;
        if is == of {
            return Ok(Cell::Person(who));
        }
        let (is, of) = (self.schema.identity(is).name.clone(), self.schema.identity(of).name.clone());
        self.fail(
            Diagnostic::new(&codes::TYPE_MISMATCH, format!("expected `{of}`, found `{is}`"))
                .at(name.span, format!("`{}` is of type `{is}`", name.text))
                .help(format!("name someone of type `{of}`")),
        )
    }

    /// `given TABLE = […]`
    pub(super) fn rows(&mut self, table: TableId, e: &ast::Expr, reading: &Reading) -> Try<StatementKind> {
        let def = &self.schema.tables[table.index()];
        let (name, fields) = (def.name.clone(), self.schema.records[def.record.index()].fields.clone());
        let mut rows = Vec::new();
        for (span, given) in self.records(e, &["row", &name])? {
            let head = Name { text: name.clone(), span };
            rows.push(self.record_cells(&fields, &name, given, &head, reading)?);
        }
        Ok(StatementKind::Rows(table, rows))
    }
}

/// Whether a value must be written out: sets and lists may be empty, others absent.
fn must_be_given(ty: &Type) -> bool {
    match ty {
        Type::Optional(_) | Type::Set(_) | Type::List(_) => false,
        Type::Bool
        | Type::Int
        | Type::Decimal
        | Type::Str
        | Type::Text
        | Type::Date
        | Type::Instant
        | Type::Duration
        | Type::Elapsed
        | Type::Enum(_)
        | Type::Record(_)
        | Type::Identity(_) => true,
    }
}
