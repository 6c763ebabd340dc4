//! Runs an evaluation case: its directives one after another, each against the public library.
//! Invariant: every expectation is looked at in every way there is to ask: all at once on several threads, one by one,
//! by a query, and with the rows in another order.

use crate::PRELUDE;
use crate::case::{Case, Directive};
use crate::project::{Project, source_file};
use crate::world::World;
use prov::{
    ActionKind, Actual, Backend, Background, Desired, Engine, Error, Memory, Moment, Plan, Population, Wiring,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A source and an app for cases that declare a person and nothing else.
const SOURCE: &str = "source hr of person authoritative {}\n";
const APP: &str = "app crm via file { managed all  entitlement role(text) }\n";

/// Runs a case; what is wrong with it, if anything.
pub fn run(case: &Case) -> Result<(), String> {
    run_to_the_end(Run::new(case).map_err(|e| show(&e))?, case)
}

/// Runs a case, and holds every plan on the way against the oracle's; how many there were.
pub fn run_beside_oracle(case: &Case) -> Result<usize, String> {
    let mut run = Run::new(case).map_err(|e| show(&e))?;
    let compared = std::rc::Rc::new(std::cell::Cell::new(0));
    run.beside = Some(compared.clone());
    run_to_the_end(run, case)?;
    Ok(compared.get())
}

fn run_to_the_end(mut run: Run, case: &Case) -> Result<(), String> {
    let mut wrong = String::new();
    for (i, d) in case.directives.iter().enumerate() {
        if let Err(e) = run.step(i, d).unwrap_or_else(|e| Err(show(&e))) {
            let _ = writeln!(wrong, "{}:{}: {} {}\n{e}", case.path.display(), d.line, d.word, d.argument);
        }
    }
    if run.expectations == 0 {
        wrong += "the case expects nothing\n";
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn show(e: &Error) -> String {
    match e {
        Error::Input { message, help } => format!("{message}\n  help: {help}"),
        e => e.to_string(),
    }
}

fn io(e: std::io::Error) -> Error {
    Error::Io { path: "case".into(), source: e }
}

struct Run {
    project: Project,
    engine: Engine,
    data: BTreeMap<String, (String, Vec<String>)>,
    as_of: BTreeMap<String, Option<prov::Instant>>,
    at: Moment,
    people: Option<Population>,
    desired: Option<Desired>,
    plan: Option<Plan>,
    world: World,
    by_hand: prov::ByHand,
    memory: Memory,
    expectations: usize,
    /// Counts the plans that were held against the oracle's, where that is wanted.
    beside: Option<std::rc::Rc<std::cell::Cell<usize>>>,
    zone: Option<String>,
    at_text: String,
}

/// What stands for `holds` and `gives` number `n`.
fn probe(n: usize) -> String {
    format!("q{n}")
}

/// The rules behind `holds` and `gives`.
fn probes(case: &Case) -> String {
    let mut out = String::new();
    for (n, d) in case.directives.iter().enumerate() {
        let (q, e) = (probe(n), &d.argument);
        match d.word.as_str() {
            "holds" => {
                let _ = writeln!(out, "birthright {q} when {e} {{ grant probe.it(\"{q}\") }}");
            }
            "gives" => {
                let _ =
                    writeln!(out, "birthright {q} when true {{ grant probe.it(\"{q} \" + string({e})) }}");
            }
            _ => {}
        }
    }
    if !out.is_empty() {
        out += "app probe via file { managed all  entitlement it(string) }\n";
    }
    // What a file uses is seen in that file only.
    let uses: String =
        case.text.lines().filter(|l| l.starts_with("use ")).map(|l| format!("{l}\n")).collect();
    uses + &out
}

impl Run {
    fn new(case: &Case) -> Result<Run, Error> {
        let declares = |word: &str| case.text.lines().any(|l| l.starts_with(word));
        let probes = probes(case);
        let mut rest: Vec<(&str, &str)> = vec![("probes.prov", &probes)];
        if !declares("identity ") {
            rest.push(("prelude.prov", PRELUDE));
        } else {
            if !declares("source ") {
                rest.push(("source.prov", SOURCE));
            }
            if !declares("app ") {
                rest.push(("app.prov", APP));
            }
        }
        let project = Project::of_case(case, &rest).map_err(io)?;
        let loaded = project.check()?;
        let Some(policy) = loaded.policy else { return Err(loaded.report.into()) };
        let engine = policy.compile(Backend::Auto)?;
        let at = policy.at("2026-03-02")?;
        Ok(Run {
            project,
            engine,
            data: BTreeMap::new(),
            as_of: BTreeMap::new(),
            at,
            people: None,
            desired: None,
            plan: None,
            world: World::default(),
            by_hand: prov::ByHand::default(),
            memory: Memory::default(),
            expectations: 0,
            beside: None,
            zone: case.directives.iter().find(|d| d.word == "zone").map(|d| d.value.clone()),
            at_text: "2026-03-02".to_owned(),
        })
    }

    fn forget(&mut self) {
        (self.people, self.desired, self.plan) = (None, None, None);
    }

    /// The outer error is the library's, the inner one an expectation that fails.
    fn step(&mut self, n: usize, d: &Directive) -> Result<Result<(), String>, Error> {
        match d.word.as_str() {
            "at" => {
                self.at = self.engine.policy().at(&d.value)?;
                self.at_text.clone_from(&d.value);
                self.forget();
            }
            "data" => {
                let (source, end) = source_file(&d.argument);
                self.data.insert(source.to_owned(), (format!("{source}.{end}"), d.block.clone()));
                self.forget();
            }
            "as_of" => {
                self.as_of.insert(d.argument.clone(), Some(self.engine.policy().at(&d.value)?.now));
                self.forget();
            }
            "table" | "catalog" | "zone" => {}
            "actual" => {
                match d.argument.as_str() {
                    "accounts" => self.world.accounts(&d.block),
                    "entitlements" => self.world.entitlements(&d.block),
                    "lost" => self.world.lose(&d.block),
                    _ => {
                        let words = "`actual accounts:`, `actual entitlements:` or `actual lost:`";
                        return Ok(Err(format!("write {words}")));
                    }
                }
                self.forget();
            }
            word @ ("assignments" | "exceptions") => {
                self.project.write(&format!("{word}.csv"), d.file()).map_err(io)?;
                let path = |name: &str| Some(self.project.dir().join(name)).filter(|p| p.is_file());
                let (assignments, exceptions) = (path("assignments.csv"), path("exceptions.csv"));
                let policy = self.engine.policy();
                self.by_hand = prov::ByHand::load(policy, assignments.as_deref(), exceptions.as_deref())?;
                self.forget();
            }
            "memory" => {
                let path = self.project.dir().join("memory.json");
                self.project.write("memory.json", &d.value).map_err(io)?;
                self.memory = prov::read_memory(&path)?;
                self.forget();
            }
            "apply" => {
                self.planned()?;
                let (desired, plan) = (self.desired.take(), self.plan.take());
                if let (Some(desired), Some(plan)) = (desired, plan) {
                    let actual = self.actual()?;
                    self.memory = self.engine.memory_after(&desired, &actual, &self.memory, &plan);
                    self.world.apply(&plan);
                }
            }
            _ => {
                self.expectations += 1;
                if self.beside.is_some() {
                    self.planned()?;
                }
                return self.expect(n, d);
            }
        }
        Ok(Ok(()))
    }

    fn population(&self, reversed: bool) -> Result<Population, Error> {
        for (file, lines) in self.data.values() {
            let mut lines = lines.clone();
            // A file that is cut off ends within its last line, wherever that stands.
            let cut_off = lines.last().is_some_and(|l| l.matches('"').count() % 2 == 1);
            if reversed && !cut_off {
                let header = usize::from(file.ends_with(".csv")).min(lines.len());
                lines[header..].reverse();
            }
            self.project.write(file, lines.join("\n") + "\n").map_err(io)?;
        }
        // When the case's files were written says nothing.
        let mut as_of: BTreeMap<_, _> = self.data.keys().map(|name| (name.clone(), None)).collect();
        as_of.extend(self.as_of.clone());
        let wiring = Wiring { as_of, ..Wiring::default() };
        Population::load(self.engine.policy(), &wiring, &self.at)
    }

    /// Evaluates, if not done yet: on one thread and on three, in the order of rows and against it, one after another and
    /// by columns, without machine code and with.
    fn evaluated(&mut self) -> Result<Result<(), String>, Error> {
        if self.desired.is_some() {
            return Ok(Ok(()));
        }
        let people = self.population(false)?;
        let (at, background) = (&self.at, self.background()?);
        let (one, three) = ([1, 3].map(|n| self.engine.clone().with_threads(Some(n)))).into();
        let desired = one.evaluate_with(&people, at, &background);
        let other = three.evaluate_with(&self.population(true)?, at, &background);
        let by = |backend| -> Result<Desired, Error> {
            let engine = self.engine.policy().compile(backend)?.with_threads(Some(1)).with_block(3);
            Ok(engine.evaluate_with(&people, at, &background))
        };
        let (by_columns, by_jit) = (by(Backend::Columns)?, by(Backend::Jit)?);
        // Names that this run gives are known to whoever looks at one person afterwards.
        let actual = self.actual()?;
        let plan = self.engine.plan(&desired, &actual, &self.memory);
        let after = self.engine.memory_after(&desired, &actual, &self.memory, &plan);
        let memory = Memory { names: after.names, ..self.memory.clone() };
        let known = Background { memory: memory.into(), ..background };
        for id in desired.ids() {
            let identity = people.identity(self.engine.policy(), id)?;
            let one = self.engine.evaluate_one_with(&identity, at, &known);
            for (how, json) in [
                ("with the rows reversed, on three threads", other.json(id)),
                ("by columns", by_columns.json(id)),
                ("by the JIT", by_jit.json(id)),
                ("alone", one.json()),
            ] {
                if json != desired.json(id) {
                    return Ok(Err(format!(
                        "{id} has, {how}:\n{json:#}\nbut among all:\n{:#}",
                        desired.json(id)
                    )));
                }
            }
        }
        (self.people, self.desired) = (Some(people), Some(desired));
        Ok(Ok(()))
    }

    fn background(&self) -> Result<Background, Error> {
        let (memory, actual) = (self.memory.clone().into(), Some(self.actual()?.state()));
        Ok(Background { memory, actual, ..self.by_hand.background() })
    }

    fn actual(&self) -> Result<Actual, Error> {
        for (name, text) in self.world.files() {
            self.project.write(&format!("actual/{name}"), text).map_err(io)?;
        }
        Actual::load(self.engine.policy(), self.project.dir().join("actual"))
    }

    fn planned(&mut self) -> Result<(), Error> {
        if let Err(e) = self.evaluated()? {
            return Err(Error::Input { message: e, help: String::new() });
        }
        if let (None, Some(desired)) = (&self.plan, &self.desired) {
            let actual = self.actual()?;
            self.plan = Some(self.engine.plan(desired, &actual, &self.memory));
            self.compare_with_oracle(&actual)?;
        }
        Ok(())
    }

    /// The oracle must say what the engine said. It reads tables, not files: a row that is no row, or a file that is cut
    /// off, it does not see, and such a plan is passed over.
    fn compare_with_oracle(&self, actual: &Actual) -> Result<(), Error> {
        let (Some(beside), Some(desired), Some(plan)) = (&self.beside, &self.desired, &self.plan) else {
            return Ok(());
        };
        let read = |name: &str, bytes: &[u8]| {
            let file = name.rsplit('/').next().unwrap_or(name);
            let raw = prov_data::read_table(file, bytes).unwrap_or_default();
            (raw.rejections.is_empty() && !raw.truncated).then_some(raw.table)
        };
        let table =
            |name: &str| read(name, &std::fs::read(self.project.dir().join(name)).unwrap_or_default());
        let policy = self.engine.policy();
        let mut sources = BTreeMap::new();
        for (name, (file, lines)) in &self.data {
            let Some(table) = read(file, (lines.join("\n") + "\n").as_bytes()) else { return Ok(()) };
            sources.insert(name.clone(), table);
        }
        let tables =
            policy.project().tables.iter().filter_map(|(n, f)| Some((n.clone(), table(f)?))).collect();
        let first = |t: prov_model::RawTable| {
            let cells = t.rows().filter_map(|r| match r.cell(0) {
                prov_model::RawCell::Text(s) => Some(s.trim().to_owned()),
                prov_model::RawCell::Absent | prov_model::RawCell::Json(_) => None,
            });
            cells.collect::<Vec<_>>()
        };
        let catalogs = policy.project().catalogs.iter().flat_map(|(app, kinds)| {
            kinds.iter().filter_map(|(kind, f)| Some(((app.clone(), kind.clone()), first(table(f)?))))
        });
        let mut files = Vec::new();
        for path in prov::policy_files(self.project.dir())? {
            let name = path.strip_prefix(self.project.dir()).unwrap_or(&path).display().to_string();
            let text = std::fs::read_to_string(self.project.dir().join(&path)).map_err(io)?;
            files.push((name, text));
        }
        let (Some(accounts), Some(entitlements), Some(assignments), Some(exceptions)) = (
            table("actual/accounts.csv"),
            table("actual/entitlements.csv"),
            table("assignments.csv"),
            table("exceptions.csv"),
        ) else {
            return Ok(());
        };
        let case = prov_oracle::Case {
            files: &files,
            zone: self.zone.as_deref(),
            sources: &sources,
            as_of: &self.as_of.iter().filter_map(|(n, at)| Some((n.clone(), (*at)?))).collect(),
            tables: &tables,
            catalogs: &catalogs.collect(),
            accounts: &accounts,
            entitlements: &entitlements,
            assignments: &assignments,
            exceptions: &exceptions,
            memory: &self.memory,
            at: &self.at_text,
        };
        let after = self.engine.memory_after(desired, actual, &self.memory, plan);
        let engine = crate::oracle::outcome(desired, plan, &after);
        let fail = |message: String| Error::Input { message, help: String::new() };
        let oracle = match prov_oracle::run(&case) {
            Ok(oracle) => oracle,
            // What is ahead of the oracle is not held against it.
            Err(why) if why.starts_with("not read: ") => {
                eprintln!("the oracle: {why}");
                return Ok(());
            }
            Err(why) => return Err(fail(format!("the oracle can't say: {why}"))),
        };
        beside.set(beside.get() + 1);
        crate::oracle::difference(&oracle, &engine)
            .map_or(Ok(()), |d| Err(fail(format!("oracle and engine differ at {}:\n{d}", self.at_text))))
    }

    fn expect(&mut self, n: usize, d: &Directive) -> Result<Result<(), String>, Error> {
        if let Err(e) = self.evaluated()? {
            return Ok(Err(e));
        }
        let (Some(desired), Some(people)) = (&self.desired, &self.people) else { return Ok(Ok(())) };
        Ok(match d.word.as_str() {
            "expect" => same_lines(&d.value, &describe(desired, &d.argument, &d.value)),
            "holds" => {
                let said: Vec<&str> = list(&d.value);
                let by_rule: Vec<&str> = desired
                    .ids()
                    .filter(|id| desired.entitlements(id).contains(&format!("probe.it({:?})", probe(n))))
                    .collect();
                let background = self.background()?;
                let (by_query, _) =
                    self.engine.query_with(people, &d.argument, None, &self.at, &background)?;
                if by_rule != said {
                    Err(format!("holds for {}", or_nobody(&by_rule)))
                } else if by_query != said {
                    let by_query: Vec<&str> = by_query.iter().map(String::as_str).collect();
                    Err(format!("as a query it holds for {}", or_nobody(&by_query)))
                } else {
                    Ok(())
                }
            }
            "gives" => {
                let start = format!("probe.it(\"{} ", probe(n));
                let found: Vec<String> = desired
                    .ids()
                    .flat_map(|id| {
                        desired.entitlements(id).into_iter().map(move |e| (id, e)).collect::<Vec<_>>()
                    })
                    .filter_map(|(id, e)| {
                        // An entitlement is shown as a policy writes it, a value of `gives` as it is.
                        let e = e.replace("{{", "{").replace("}}", "}");
                        Some(format!("{id} \"{}", e.strip_prefix(&start)?.strip_suffix(')')?))
                    })
                    .collect();
                same_lines(&d.value, &found.join("; "))
            }
            "next" => {
                let who = people.identity(self.engine.policy(), &d.argument)?;
                let next = self.engine.next_change(&who, &self.at, &self.background()?);
                let found = next.map_or("never".to_owned(), |m| m.now.to_string());
                same_lines(&d.value, &found)
            }
            "explain" => {
                let (id, what) = d.argument.split_once(' ').unwrap_or((&d.argument, ""));
                let policy = self.engine.policy();
                let who = people.identity(policy, id)?;
                let what = if what.is_empty() { None } else { Some(prov::Entitlement::parse(policy, what)?) };
                let background = self.background()?;
                let explanation = self.engine.explain_with(&who, what.as_ref(), &self.at, &background);
                let text = prov::explanation_text(policy, &explanation, false);
                let said: Vec<&str> = d.block.iter().map(|l| l.trim_end()).collect();
                if said == text.lines().collect::<Vec<_>>() {
                    Ok(())
                } else {
                    let lines: Vec<&str> = text.lines().collect();
                    Err(format!("found:\n//!   {}", lines.join("\n//!   ")))
                }
            }
            "plan" => {
                self.planned()?;
                let lines: Vec<String> = self.plan.iter().flat_map(actions).collect();
                let result = same(&d.block, &lines);
                self.again(result)?
            }
            "because" => {
                self.planned()?;
                let lines: Vec<String> = self.plan.iter().flat_map(causes).collect();
                same(&d.block, &lines)
            }
            "found" => {
                self.planned()?;
                let lines: Vec<String> = {
                    let all = self.plan.iter().flat_map(|p| &p.findings);
                    all.filter(|f| f.app.as_deref() != Some("probe")).map(finding).collect()
                };
                same(&d.block, &lines)
            }
            "told" => {
                let lines: Vec<String> =
                    people.notices.iter().map(|n| format!("{} {}", n.code.id, n.message)).collect();
                same(&d.block, &lines)
            }
            "trips" => {
                self.planned()?;
                let tripped: Vec<&str> =
                    self.plan.iter().flat_map(|p| p.tripped()).map(|v| v.guard.as_str()).collect();
                let tripped = if tripped.is_empty() { "nothing".to_owned() } else { tripped.join(", ") };
                same_lines(&d.value, &tripped)
            }
            "guards" => {
                self.planned()?;
                let guards = self.plan.iter().flat_map(|p| &p.header.guards);
                let said: Vec<String> = guards
                    .filter_map(|v| match (v.diagnostic(), &v.notice) {
                        (Some(tripped), _) => Some(tripped.message),
                        (None, Some(notice)) => Some(format!("{}: {notice}", v.guard)),
                        (None, None) => None,
                    })
                    .collect();
                same(&d.block, &said)
            }
            "remembers" => {
                let actual = self.actual()?;
                let plan = self.engine.plan(desired, &actual, &self.memory);
                let after = self.engine.memory_after(desired, &actual, &self.memory, &plan);
                let found: String = after.to_json().split_whitespace().collect();
                if found == d.value { Ok(()) } else { Err(format!("remembers {found}")) }
            }
            _ => Err(format!("`{}` is not for evaluation cases", d.word)),
        })
    }

    /// A plan that has been carried out leaves nothing to do.
    fn again(&mut self, result: Result<(), String>) -> Result<Result<(), String>, Error> {
        let (Some(desired), Some(plan), Ok(())) = (&self.desired, &self.plan, &result) else {
            return Ok(result);
        };
        let before = self.world.clone();
        self.world.apply(plan);
        let actual = self.actual()?;
        let again = self.engine.plan(desired, &actual, &self.memory);
        self.world = before;
        // What is written back is in the source only when that is read again.
        let left: Vec<String> =
            actions(&again).filter(|l| !l.ends_with("(report)") && !l.starts_with("write_back ")).collect();
        if left.is_empty() {
            Ok(Ok(()))
        } else {
            Ok(Err(format!("carried out, it leaves to do:\n{}", left.join("\n"))))
        }
    }
}

fn list(value: &str) -> Vec<&str> {
    if value == "nobody" { vec![] } else { value.split(',').map(str::trim).collect() }
}

fn or_nobody(ids: &[&str]) -> String {
    if ids.is_empty() { "nobody".into() } else { ids.join(", ") }
}

/// An identity in the words of an expectation: what it should have, then whichever of accounts, state and being held the
/// expectation speaks of.
fn describe(desired: &Desired, id: &str, said: &str) -> String {
    if !desired.ids().any(|i| i == id) {
        return "unknown".into();
    }
    let own: Vec<String> =
        desired.entitlements(id).into_iter().filter(|e| !e.starts_with("probe.it(")).collect();
    let mut out = vec![if own.is_empty() { "nothing".to_owned() } else { own.join(", ") }];
    if said.contains("account") {
        let accounts = desired.accounts(id);
        if accounts.is_empty() {
            out.push("no account".into());
        }
        for prov::AccountView { app, attributes, enabled } in accounts {
            let mut text = format!("account {app}");
            for (i, (name, value)) in attributes.iter().enumerate() {
                text += &if i == 0 { format!(" {value}") } else { format!(" {name}={value}") };
            }
            out.push(if enabled { text } else { text + " disabled" });
        }
    }
    if said.contains("state ") {
        out.push(format!("state {}", desired.state(id).unwrap_or("unknown")));
    }
    if desired.is_held(id) {
        out.push("held".into());
    }
    out.join("; ")
}

/// The actions of a plan, a line each.
pub fn actions(plan: &Plan) -> impl Iterator<Item = String> {
    plan.actions().map(|a| {
        let mut line = format!("{} {} {}", a.kind().name(), a.identity(), a.app());
        if let Some((kind, value)) = a.entitlement() {
            let _ = write!(line, ".{kind}({value:?})");
        } else if let Some(account) = a.account() {
            let _ = write!(line, " {account}");
        }
        for c in a.changes().iter().skip(usize::from(a.kind() == ActionKind::CreateAccount)) {
            let side = |v: &Option<Box<str>>| v.as_deref().map_or("nothing".to_owned(), |v| format!("{v:?}"));
            let _ = write!(line, ", {} {} to {}", c.attribute, side(&c.from), side(&c.to));
        }
        for (is, mark) in [(a.is_leaver(), " (leaver)"), (a.is_report(), " (report)")] {
            line += if is { mark } else { "" };
        }
        line
    })
}

/// The rules behind the actions of a plan, a line each.
fn causes(plan: &Plan) -> impl Iterator<Item = String> {
    plan.actions().map(|a| {
        let causes: Vec<String> =
            a.because().iter().map(|b| format!("{} {}:{}", b.rule, b.file, b.line)).collect();
        let of = a.entitlement().map_or(String::new(), |(kind, value)| format!(".{kind}({value:?})"));
        format!("{} {} {}{of}: {}", a.kind().name(), a.identity(), a.app(), causes.join(", "))
    })
}

pub(crate) fn finding(f: &prov::Finding) -> String {
    let mut line = f.kind.name().to_owned();
    for part in [&f.identity, &f.app, &f.account].into_iter().flatten() {
        let _ = write!(line, " {part}");
    }
    if let Some(e) = &f.entitlement {
        let _ = write!(line, " {}({})", e.kind, e.value.as_deref().unwrap_or("*"));
    }
    if let (Some(file), Some(row)) = (&f.file, f.line) {
        let _ = write!(line, " {file}:{row}{}", f.column.as_ref().map_or(String::new(), |c| format!(":{c}")));
    }
    format!("{line}: {}", f.message)
}

fn same(said: &[String], found: &[String]) -> Result<(), String> {
    let said: Vec<&str> = said.iter().map(|l| l.trim()).collect();
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    if said == found { Ok(()) } else { Err(format!("found:\n//!   {}", found.join("\n//!   "))) }
}

fn same_lines(said: &str, found: &str) -> Result<(), String> {
    if said == found { Ok(()) } else { Err(format!("found: {found}")) }
}
