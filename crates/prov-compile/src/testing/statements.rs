//! The statements of a test in order: who is there, and when.
//! Invariant: a statement speaks only of who and what stands before it.

use super::{AssignmentRow, ExceptionRow, Person, Reading, Someone, Statement, StatementKind, Test, Who};
use crate::check::{Checker, Reported, Try};
use crate::declare::What;
use crate::modules::list;
use prov_diag::{Diagnostic, Span, codes, did_you_mean};
use prov_ir::{ExprId, ExprKind};
use prov_model::{IdentityId, Type};
use prov_syntax::ast::{self, ExprKind as Ast, Name, TestKind, TestStatement};
use std::collections::BTreeMap;

/// Names that stand for something else in a test.
const TAKEN: [&str; 7] = ["population", "actual", "assignments", "exceptions", "plan", "withheld", "absent"];

impl Checker<'_> {
    pub(super) fn test_name(&mut self, name: &ast::StringLit, names: &mut BTreeMap<String, Span>) {
        if let Some(first) = names.get(&name.text) {
            self.report(
                Diagnostic::new(
                    &codes::DUPLICATE_NAME,
                    format!("there are two tests called `{}`", name.text),
                )
                .at(name.span, "again here")
                .at(*first, "first here")
                .help("give one of them another name: reports and snapshots go by it"),
            );
        }
        names.entry(name.text.clone()).or_insert(name.span);
    }

    pub(super) fn test(
        &mut self,
        module: usize,
        name: &ast::StringLit,
        head: Span,
        statements: &[TestStatement],
    ) -> Test {
        let mut reading = Reading {
            module,
            people: Vec::new(),
            names: BTreeMap::new(),
            there: Vec::new(),
            timed: false,
            snapshots: 0,
        };
        self.introduce(statements, &mut reading);
        let mut out = Vec::new();
        for statement in statements {
            let kinds = self.statement(statement, &mut reading).unwrap_or_default();
            out.extend(kinds.into_iter().map(|kind| Statement { span: statement.span, kind }));
        }
        if !statements.iter().any(|s| matches!(s.kind, TestKind::Expect(_))) {
            self.report(
                Diagnostic::new(&codes::EXPECTS_NOTHING, "this test expects nothing, so that it can't fail")
                    .at(head, "no `expect`")
                    .help("add what must hold, as in `expect ann has …`"),
            );
        }
        Test { name: name.text.clone(), head, people: reading.people, statements: out }
    }

    /// Gathers who is given, so that people may refer to each other.
    fn introduce(&mut self, statements: &[TestStatement], reading: &mut Reading) {
        // Who is like another is of the other's type, which may be given later.
        let mut open: Vec<(&Name, &Name)> = Vec::new();
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        for statement in statements {
            let TestKind::Given(given) = &statement.kind else { continue };
            if self.is_input(&given.name.text) {
                continue;
            }
            if let Some(span) = first.get(given.name.text.as_str()) {
                self.report(
                    Diagnostic::new(&codes::DUPLICATE_NAME, format!("`{}` is given twice", given.name.text))
                        .at(given.name.span, "again here")
                        .at(*span, "first here")
                        .help("to change someone write `change`; someone else needs another name"),
                );
                continue;
            }
            first.insert(&given.name.text, given.name.span);
            let identity = match &given.value.kind {
                Ast::Record(ty, _) => match self.decls.identities.get(&ty.text) {
                    Some(id) => *id,
                    None => {
                        open.push((&given.name, ty));
                        continue;
                    }
                },
                Ast::Str(_) => match self.id_of(&given.value) {
                    Some((identity, _)) => identity,
                    None => continue,
                },
                _ => continue,
            };
            meet(reading, &given.name, identity);
        }
        while let Some(at) = open.iter().position(|(_, like)| reading.names.contains_key(&like.text)) {
            let (name, like) = open.remove(at);
            let identity = reading.people[reading.names[&like.text].0 as usize].identity;
            meet(reading, name, identity);
        }
    }

    /// Whether a name stands for an input of the test, not for a person.
    fn is_input(&self, name: &str) -> bool {
        TAKEN.contains(&name) || self.decls.tables.contains_key(name)
    }

    /// A global id in a plain string, with its type.
    fn id_of(&self, e: &ast::Expr) -> Option<(IdentityId, String)> {
        let Ast::Str(parts) = &e.kind else { return None };
        let [ast::StrPart::Text(id)] = parts.as_slice() else { return None };
        if self.schema.identities.len() == 1 {
            return Some((IdentityId(0), id.clone()));
        }
        let (ty, _) = id.split_once(':')?;
        Some((*self.decls.identities.get(ty)?, id.clone()))
    }

    fn statement(&mut self, s: &TestStatement, reading: &mut Reading) -> Try<Vec<StatementKind>> {
        Ok(match &s.kind {
            TestKind::Given(given) => vec![self.given(given, reading)?],
            TestKind::GivenFrom { what, path } => self.given_from(what, path)?,
            TestKind::At(e) => {
                let at = self.time_of(e, reading)?;
                reading.timed = true;
                vec![StatementKind::At(at)]
            }
            TestKind::Wait(e) => {
                self.needs_time(s.span, reading)?;
                let (id, ty) = self.expr(e, &reading.scope(), None)?;
                if !matches!(ty, Type::Duration | Type::Elapsed) {
                    let name = self.type_name(&ty);
                    return self.fail(
                        Diagnostic::new(
                            &codes::TYPE_MISMATCH,
                            format!("`wait` takes a duration, and this is `{name}`"),
                        )
                        .at(e.span, format!("this is `{name}`"))
                        .help("write for instance `wait 14 days`, or `at 2026-03-16` for a day"),
                    );
                }
                vec![StatementKind::Wait(id)]
            }
            TestKind::Change { who, fields } => {
                self.needs_time(s.span, reading)?;
                let whom = self.someone_there(who, reading)?;
                let identity = reading.people[whom.0 as usize].identity;
                let (fields, sources) = self.attributes_of(identity, fields, reading)?;
                let key = self.schema.identity(identity).key;
                if fields.iter().any(|(a, _)| *a == key) {
                    let name = self.schema.identity(identity).attributes[key.index()].name.clone();
                    return self.fail(
                        Diagnostic::new(&codes::NOT_ALLOWED_HERE, format!("the key `{name}` never changes"))
                            .at(s.span, "changes the key")
                            .because("it is what tells people apart: with another key it is someone else")
                            .help("give someone else: `given other = …`"),
                    );
                }
                vec![StatementKind::Change(whom, fields, sources)]
            }
            TestKind::Leave(who) => {
                self.needs_time(s.span, reading)?;
                vec![StatementKind::Leave(self.someone_there(who, reading)?)]
            }
            TestKind::Expect(e) => {
                self.needs_time(s.span, reading)?;
                vec![StatementKind::Expect(self.expectation(e, s.span, reading)?)]
            }
        })
    }

    fn needs_time(&mut self, span: Span, reading: &Reading) -> Try<()> {
        if reading.timed {
            return Ok(());
        }
        self.fail(
            Diagnostic::new(&codes::TEST_ORDER, "nothing says yet what day it is")
                .at(span, "of which day?")
                .because("time is an input: a test that read the clock would fail one day")
                .help("write `at 2026-03-02` before it"),
        )
    }

    /// Someone of the test who has been given above.
    pub(super) fn someone_there(&mut self, name: &Name, reading: &Reading) -> Try<Who> {
        let who = self.someone(name, reading)?;
        if reading.there[who.0 as usize] {
            return Ok(who);
        }
        self.fail(
            Diagnostic::new(&codes::TEST_ORDER, format!("`{}` is given only further down", name.text))
                .at(name.span, "not there yet")
                .help("statements are carried out in order: put the `given` before it"),
        )
    }

    /// Someone of the test.
    pub(super) fn someone(&mut self, name: &Name, reading: &Reading) -> Try<Who> {
        if let Some(who) = reading.names.get(&name.text) {
            return Ok(*who);
        }
        let names: Vec<String> = reading.people.iter().map(|p| p.name.clone()).collect();
        let near = did_you_mean(&name.text, names.iter().map(String::as_str));
        let example = self.schema.identities.first().map_or("person", |i| i.name.as_str());
        let help = match near {
            Some(n) => format!("did you mean `{n}`?"),
            None if names.is_empty() => {
                format!("introduce them: `given {} = {example} {{ … }}`", name.text)
            }
            None => format!("the test gives {}", list(names.iter().map(String::as_str))),
        };
        let mut d =
            Diagnostic::new(&codes::UNKNOWN_NAME, format!("this test gives nobody called `{}`", name.text))
                .at(name.span, "not found")
                .help(help);
        if let Some(n) = near {
            d = d.fix(format!("replace by `{n}`"), name.span, n);
        }
        self.fail(d)
    }

    fn given(&mut self, given: &ast::Assign, reading: &mut Reading) -> Try<StatementKind> {
        let name = &given.name;
        match name.text.as_str() {
            "assignments" => return self.assignments(&given.value, reading),
            "exceptions" => return self.exceptions(&given.value, reading),
            "population" | "actual" => {
                return self.not_here(
                    name.span,
                    &format!("`{}` comes from a file", name.text),
                    &format!("write `given {} from \"…\"`, or give people one by one", name.text),
                );
            }
            word if TAKEN.contains(&word) => {
                return self.not_here(
                    name.span,
                    &format!("nobody can be called `{word}` in a test"),
                    "the word has a meaning of its own there: choose another name",
                );
            }
            _ => {}
        }
        if let Some(table) = self.decls.tables.get(&name.text).copied() {
            return self.rows(table, &given.value, reading);
        }
        match &given.value.kind {
            Ast::Record(of, fields) => {
                let like = reading.names.get(&of.text).copied();
                if like.is_none() && !self.decls.identities.contains_key(&of.text) {
                    let mut names: Vec<String> = self.names_of(What::Identity);
                    names.extend(reading.names.keys().cloned());
                    return self.unknown(of, "identity", &names);
                }
                if like.is_some() {
                    self.someone_there(of, reading)?;
                }
                let Some(who) = reading.names.get(&name.text).copied() else { return Err(Reported) };
                // From here on the name stands, whatever is wrong with its attributes.
                reading.there[who.0 as usize] = true;
                let identity = reading.people[who.0 as usize].identity;
                let (found, sources) = self.attributes_of(identity, fields, reading)?;
                self.all_there(identity, &found, fields, of, like.is_some())?;
                Ok(StatementKind::Person { who, like, fields: found, sources })
            }
            Ast::Str(_) => match (self.id_of(&given.value), reading.names.get(&name.text).copied()) {
                (Some((_, id)), Some(who)) => {
                    reading.there[who.0 as usize] = true;
                    Ok(StatementKind::Known(who, id))
                }
                _ => {
                    let types = list(self.schema.identities.iter().map(|i| i.name.as_str()));
                    self.fail(
                        Diagnostic::new(&codes::SAY_FOR_WHOM, "this is no key of anyone")
                            .at(given.value.span, "whose key?")
                            .help(format!(
                                "with several identity types ({types}) write `\"TYPE:KEY\"`, with one the key alone"
                            )),
                    )
                }
            },
            Ast::List(_) => {
                let names = self.names_of(What::Table);
                self.unknown(name, "table", &names)
            }
            _ => {
                let example = self.schema.identities.first().map_or("person", |i| i.name.as_str());
                let help = format!(
                    "write `given {0} = {example} {{ … }}`; someone of a population file is `given {0} = \"KEY\"`",
                    name.text
                );
                self.not_here(given.value.span, "a test gives people, and rows of tables", &help)
            }
        }
    }

    fn given_from(&mut self, what: &Name, path: &ast::StringLit) -> Try<Vec<StatementKind>> {
        let file = path.text.clone();
        if what.text == "actual" {
            return Ok(vec![StatementKind::ActualFrom(file)]);
        }
        if let Some(table) = self.decls.tables.get(&what.text) {
            return Ok(vec![StatementKind::TableFrom(*table, file)]);
        }
        if let Some(source) = self.schema.sources.iter().position(|s| s.name == what.text) {
            return Ok(vec![StatementKind::SourceFrom(source as u32, file)]);
        }
        let sources: Vec<String> = self.schema.sources.iter().map(|s| s.name.clone()).collect();
        if what.text == "population" {
            return match sources.as_slice() {
                [_] => Ok(vec![StatementKind::SourceFrom(0, file)]),
                [] => self.fail(
                    Diagnostic::new(&codes::NO_SOURCE, "no source says how to read a population")
                        .at(what.span, "read by what?")
                        .help("declare `source hr of person authoritative { … }`"),
                ),
                _ => {
                    let names = list(sources.iter().map(String::as_str));
                    self.fail(
                        Diagnostic::new(&codes::UNKNOWN_NAME, "this policy has several sources")
                            .at(what.span, "of which source?")
                            .help(format!("name it, as in `given {} from …`: there is {names}", sources[0])),
                    )
                }
            };
        }
        let mut names = vec!["population".to_owned(), "actual".to_owned()];
        names.extend(sources);
        names.extend(self.names_of(What::Table));
        self.unknown(what, "input", &names)
    }

    /// A date or an instant.
    pub(super) fn time_of(&mut self, e: &ast::Expr, reading: &Reading) -> Try<ExprId> {
        let (id, ty) = self.expr(e, &reading.scope(), Some(&Type::Date))?;
        if matches!(ty, Type::Date | Type::Instant) {
            self.knows_the_day(id, e.span, reading)?;
            return Ok(id);
        }
        let name = self.type_name(&ty);
        let mut d = Diagnostic::new(
            &codes::TYPE_MISMATCH,
            format!("this is when something is: a date or an instant, not `{name}`"),
        )
        .at(e.span, format!("this is `{name}`"));
        d = match &e.kind {
            Ast::Str(_) => d.help("dates stand without quotes: `2026-03-02`"),
            _ => d.help("write for instance `2026-03-02`, or `2026-03-02 at 09:30`"),
        };
        self.fail(d)
    }

    /// Before the first `at` nothing reads the clock.
    pub(super) fn knows_the_day(&mut self, id: ExprId, span: Span, reading: &Reading) -> Try<()> {
        if reading.timed || !self.reads_clock(id) {
            return Ok(());
        }
        self.fail(
            Diagnostic::new(&codes::TEST_ORDER, "nothing says yet what day it is")
                .at(span, "reads the clock")
                .help("the first `at` of a test is a date, `at 2026-03-02`; put it before this"),
        )
    }

    fn reads_clock(&self, id: ExprId) -> bool {
        let kind = self.kind(id);
        let mut found = matches!(kind, ExprKind::Today | ExprKind::TodayIn(_) | ExprKind::Now);
        kind.children(|c| found |= self.reads_clock(c));
        found
    }

    /// The elements of a list of records.
    pub(super) fn records<'e>(
        &mut self,
        e: &'e ast::Expr,
        words: &[&str],
    ) -> Try<Vec<(Span, &'e [ast::Assign])>> {
        let wanted = words.first().copied().unwrap_or("row");
        let Ast::List(items) = &e.kind else {
            let help = format!("write `[{wanted} {{ … }}, {wanted} {{ … }}]`");
            return self.not_here(e.span, "rows stand in a list", &help);
        };
        let mut out = Vec::new();
        for item in items {
            match &item.kind {
                Ast::Record(name, fields) if words.contains(&name.text.as_str()) => {
                    out.push((item.span, fields.as_slice()));
                }
                Ast::Record(name, _) => {
                    let known: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
                    return self.unknown(name, "row", &known);
                }
                _ => {
                    return self.not_here(item.span, "this is no row", &format!("write `{wanted} {{ … }}`"));
                }
            }
        }
        Ok(out)
    }

    fn assignments(&mut self, e: &ast::Expr, reading: &Reading) -> Try<StatementKind> {
        let mut rows = Vec::new();
        for (span, fields) in self.records(e, &["assignment", "row"])? {
            let known = ["identity", "role", "args", "from", "until", "granted_by", "ticket"];
            let of = self.named_fields(fields, &known, "assignment")?;
            let identity = self.needed(&of, "identity", span)?;
            let role = self.needed(&of, "role", span)?;
            let identity = self.anyone(&identity.value, reading)?;
            let (at, role) = (role.value.span, self.role_name(&role.value)?);
            let (mut items, mut place): (Vec<&ast::Expr>, Span) = (Vec::new(), at);
            if let Some(list) = of.get("args") {
                let Ast::List(given) = &list.value.kind else {
                    return self.not_here(
                        list.value.span,
                        "arguments stand in a list",
                        "write `args: [\"A3\"]`",
                    );
                };
                items.extend(given);
                place = list.value.span;
            }
            let named = Name { text: role.clone(), span: at };
            let args = self.role_arguments(&named, &items, &reading.scope(), place)?;
            rows.push(AssignmentRow {
                span,
                identity,
                role,
                args,
                from: self.maybe_time(of.get("from"), reading)?,
                until: self.maybe_time(of.get("until"), reading)?,
                granted_by: match of.get("granted_by") {
                    Some(by) => Some(self.anyone(&by.value, reading)?),
                    None => None,
                },
                ticket: self.maybe_text(of.get("ticket"))?,
            });
        }
        Ok(StatementKind::Assignments(rows))
    }

    fn exceptions(&mut self, e: &ast::Expr, reading: &Reading) -> Try<StatementKind> {
        let mut rows = Vec::new();
        for (span, fields) in self.records(e, &["exception", "row"])? {
            let known = ["identity", "allow", "deny", "until", "reason", "ticket"];
            let of = self.named_fields(fields, &known, "exception")?;
            let identity = self.needed(&of, "identity", span)?;
            let until = self.needed(&of, "until", span)?;
            let (allow, what) = match (of.get("allow"), of.get("deny")) {
                (Some(what), None) => (true, what),
                (None, Some(what)) => (false, what),
                (None, None) | (Some(_), Some(_)) => {
                    return self.fail(
                        Diagnostic::new(&codes::MISSING_ATTRIBUTE, "an exception allows or denies one thing")
                            .at(span, "neither, or both")
                            .help("write `deny: app.kind(\"value\")`, or `allow:` and what it suspends"),
                    );
                }
            };
            let what = match &what.value.kind {
                Ast::Str(_) => self.plain_text(&what.value)?,
                _ => self.sources.text(what.value.span).trim().to_owned(),
            };
            rows.push(ExceptionRow {
                span,
                identity: self.anyone(&identity.value, reading)?,
                allow,
                what,
                until: self.time_of(&until.value, reading)?,
                reason: self.maybe_text(of.get("reason"))?.unwrap_or_default(),
                ticket: self.maybe_text(of.get("ticket"))?,
            });
        }
        Ok(StatementKind::Exceptions(rows))
    }

    fn needed<'f>(
        &mut self,
        of: &BTreeMap<&str, &'f ast::Assign>,
        name: &str,
        span: Span,
    ) -> Try<&'f ast::Assign> {
        if let Some(found) = of.get(name) {
            return Ok(found);
        }
        self.fail(
            Diagnostic::new(&codes::MISSING_ATTRIBUTE, format!("`{name}` is missing"))
                .at(span, "not complete")
                .help(format!("add `{name}: …`")),
        )
    }

    fn maybe_time(&mut self, field: Option<&&ast::Assign>, reading: &Reading) -> Try<Option<ExprId>> {
        match field {
            Some(field) => self.time_of(&field.value, reading).map(Some),
            None => Ok(None),
        }
    }

    fn maybe_text(&mut self, field: Option<&&ast::Assign>) -> Try<Option<String>> {
        match field {
            Some(field) => self.plain_text(&field.value).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn plain_text(&mut self, e: &ast::Expr) -> Try<String> {
        match &e.kind {
            Ast::Str(parts) if parts.iter().all(|p| matches!(p, ast::StrPart::Text(_))) => Ok(parts
                .iter()
                .map(|p| if let ast::StrPart::Text(t) = p { t.as_str() } else { "" })
                .collect()),
            _ => self.not_here(e.span, "a plain text stands here", "write it in quotes: `\"…\"`"),
        }
    }

    fn anyone(&mut self, e: &ast::Expr, reading: &Reading) -> Try<Someone> {
        match &e.kind {
            Ast::Name(name) => self.someone(name, reading).map(Someone::Named),
            _ => self.plain_text(e).map(Someone::Id),
        }
    }

    fn role_name(&mut self, e: &ast::Expr) -> Try<String> {
        let name = match &e.kind {
            Ast::Name(name) => name.clone(),
            _ => Name { text: self.plain_text(e)?, span: e.span },
        };
        if self.decls.rules.contains_key(&name.text) {
            return Ok(name.text);
        }
        let names = self.names_of(What::Role);
        self.unknown(&name, "role", &names)
    }
}

fn meet(reading: &mut Reading, name: &Name, identity: IdentityId) {
    reading.names.insert(name.text.clone(), Who(reading.people.len() as u32));
    reading.people.push(Person { name: name.text.clone(), identity });
    reading.there.push(false);
}
