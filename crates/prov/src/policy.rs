//! Policies: files to a checked program with its tables and catalogs.
//! Invariant: a `Policy` has no errors; warnings are kept beside it.

use crate::error::{Error, Report};
use crate::project::Project;
use crate::{Backend, Engine};
use prov_compile::{Module, Options, Query};
use prov_data::{read_catalog, read_lookup, read_table};
use prov_diag::{Diagnostic, SourceMap, codes, did_you_mean};
use prov_eval::{Catalogs, LookupTable};
use prov_ir::Program;
use prov_model::{AppId, KindId, Moment, Schema, TableId};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checked policy. Cheap to clone.
///
/// ```
/// // Without errors there is a policy; with errors there is a report that names all of them.
/// let policy = prov::Policy::from_strings([("main.prov", "identity person { id : string key }")])?;
/// assert_eq!(policy.schema().identities[0].name, "person");
///
/// let wrong = prov::Policy::from_strings([("main.prov", "identity person { id : strnig key }")]);
/// let Err(prov::Error::Report(report)) = wrong else { panic!("there is no type `strnig`") };
/// assert!(report.diagnostics.iter().any(|d| d.code.id == "P0107"));
/// # Ok::<(), prov::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy(pub(crate) Arc<Inner>);

#[derive(Clone, Debug)]
pub(crate) struct Inner {
    pub(crate) dir: PathBuf,
    pub(crate) project: Project,
    pub(crate) sources: SourceMap,
    pub(crate) modules: Arc<Vec<Module>>,
    pub(crate) options: Arc<Options>,
    pub(crate) program: Arc<Program>,
    /// Its tests, with the program that they are run on.
    pub(crate) tests: Arc<TestSet>,
    /// What it claims, with the program that this is decided on; none where it claims nothing.
    pub(crate) claims: Option<Arc<prov_compile::Claims>>,
    pub(crate) tables: Vec<LookupTable>,
    pub(crate) catalogs: Catalogs,
    pub(crate) hash: String,
}

/// The tests of a policy.
#[derive(Debug, Default)]
pub(crate) struct TestSet {
    /// The policy's program with the tests' expressions; none where there are no tests.
    pub(crate) program: Option<Arc<Program>>,
    pub(crate) tests: Vec<prov_compile::testing::Test>,
}

impl From<prov_compile::testing::Tests> for TestSet {
    fn from(tests: prov_compile::testing::Tests) -> TestSet {
        TestSet { program: Some(Arc::new(tests.program)), tests: tests.tests }
    }
}

/// A policy as far as it could be loaded, with everything that is to be said of it.
#[derive(Debug)]
pub struct Loaded {
    /// The policy, where there is no error.
    pub policy: Option<Policy>,
    /// Errors and warnings.
    pub report: Report,
}

impl Policy {
    /// Loads the policy of a folder: its prov.toml, its `.prov` files, its tables and catalogs.
    ///
    /// # Errors
    /// [`Error::Report`] with every error of the policy; [`Error::Io`] where a file can't be read.
    pub fn load(dir: impl AsRef<Path>) -> Result<Policy, Error> {
        let loaded = Policy::check(dir)?;
        loaded.policy.ok_or_else(|| loaded.report.into())
    }

    /// Loads the policy of a folder and keeps warnings and errors for the caller to show.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder or a file can't be read.
    pub fn check(dir: impl AsRef<Path>) -> Result<Loaded, Error> {
        let dir = dir.as_ref();
        let mut sources = SourceMap::new();
        let mut diagnostics = Vec::new();
        let toml = dir.join("prov.toml");
        let project = match fs::read_to_string(&toml) {
            Ok(text) => {
                let id = sources.add("prov.toml", text.as_str());
                Project::parse(id, &text)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Project::default()),
            Err(source) => return Err(Error::Io { path: toml, source }),
        };
        let project = project.unwrap_or_else(|errors| {
            diagnostics.extend(errors);
            Project::default()
        });
        let mut files = Vec::new();
        if !dir.is_dir() {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such folder");
            return Err(Error::Io { path: dir.to_owned(), source });
        }
        find_files(dir, Path::new(""), &mut files)?;
        let mut texts = Vec::new();
        for path in files {
            let bytes =
                fs::read(dir.join(&path)).map_err(|source| Error::Io { path: dir.join(&path), source })?;
            let name = path.iter().map(|p| p.to_string_lossy()).collect::<Vec<_>>().join("/");
            match String::from_utf8(bytes) {
                Ok(text) => texts.push((name, text)),
                Err(e) => {
                    let at = e.utf8_error().valid_up_to();
                    diagnostics.push(
                        Diagnostic::new(&codes::NOT_UTF8, format!("`{name}` is not UTF-8 at byte {at}"))
                            .in_data(name, None, None)
                            .help("save the file as UTF-8"),
                    );
                }
            }
        }
        if texts.is_empty() && diagnostics.is_empty() {
            let shown = dir.display();
            diagnostics
                .push(Diagnostic::new(&codes::NO_POLICY, format!("there is no policy in `{shown}`")).help(
                    "name the folder that holds its `.prov` files, or make one with `prov new FOLDER`",
                ));
        }
        Ok(build(dir.to_owned(), project, sources, texts, diagnostics))
    }

    /// Makes a policy of texts: (name, text) of `.prov` files, and of `prov.toml` where there is one. Tables and
    /// catalogs that it wires are read relative to the current folder.
    ///
    /// # Errors
    /// [`Error::Report`] with every error of the policy.
    pub fn from_strings<N: Into<String>, T: Into<String>>(
        files: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Policy, Error> {
        let mut sources = SourceMap::new();
        let (mut project, mut diagnostics, mut texts) = (Project::default(), Vec::new(), Vec::new());
        for (name, text) in files {
            let (name, text) = (name.into(), text.into());
            if name == "prov.toml" {
                let id = sources.add("prov.toml", text.as_str());
                match Project::parse(id, &text) {
                    Ok(p) => project = p,
                    Err(errors) => diagnostics.extend(errors),
                }
            } else {
                texts.push((name, text));
            }
        }
        texts.sort();
        let loaded = build(PathBuf::new(), project, sources, texts, diagnostics);
        loaded.policy.ok_or_else(|| loaded.report.into())
    }

    /// Makes the policy ready to be asked.
    ///
    /// # Errors
    /// None today; later backends may refuse a machine.
    pub fn compile(&self, backend: Backend) -> Result<Engine, Error> {
        Ok(Engine::new(self.clone(), backend))
    }

    /// The moment of a day (`2026-03-02`) or an instant (`2026-03-02T09:30:00+01:00`) in the policy's zone.
    ///
    /// # Errors
    /// [`Error::Input`] where the text is neither.
    pub fn at(&self, at: &str) -> Result<Moment, Error> {
        self.0.program.moment(at).ok_or_else(|| {
            Error::input(
                format!("`{at}` is no day and no instant"),
                "write a day like 2026-03-02 or an instant like 2026-03-02T09:30:00+01:00",
            )
        })
    }

    /// The moment of a reading of the clock, in the policy's zone.
    pub fn at_time(&self, time: std::time::SystemTime) -> Moment {
        let seconds = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
        Moment::at_instant(prov_model::Instant(seconds), self.0.program.zone.clone())
    }

    /// Its name: prov.toml's, or the folder's.
    pub fn name(&self) -> String {
        if !self.0.project.name.is_empty() {
            return self.0.project.name.clone();
        }
        self.0.dir.file_name().map_or_else(|| "policy".into(), |n| n.to_string_lossy().into_owned())
    }

    /// SHA-256 of everything that decides: the policy's texts, tables and catalogs, in canonical order; in hex.
    pub fn hash(&self) -> &str {
        &self.0.hash
    }

    /// The project file.
    pub fn project(&self) -> &Project {
        &self.0.project
    }

    /// The folder it was loaded from; empty where it was made of strings.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// What it declares.
    pub fn schema(&self) -> &Schema {
        &self.0.program.schema
    }

    /// The rule program.
    pub fn program(&self) -> &Program {
        &self.0.program
    }

    /// The rule program as text.
    pub fn print_ir(&self) -> String {
        prov_ir::print(&self.0.program)
    }

    /// The text behind a span.
    pub fn sources(&self) -> &SourceMap {
        &self.0.sources
    }

    /// The same policy with another program and, where given, other tables: for tests and what they try.
    pub(crate) fn with(&self, program: Arc<Program>, tables: Option<Vec<LookupTable>>) -> Policy {
        let mut inner = Inner { program, ..(*self.0).clone() };
        if let Some(tables) = tables {
            inner.tables = tables;
        }
        Policy(Arc::new(inner))
    }

    /// A condition over the policy's identities.
    ///
    /// # Errors
    /// [`Error::Report`] where the condition is wrong.
    pub(crate) fn query(&self, text: &str, identity: Option<&str>) -> Result<Query, Error> {
        let mut sources = self.0.sources.clone();
        let id = sources.add("<query>", text);
        let fail = |mut diagnostics: Vec<Diagnostic>, sources: SourceMap| {
            prov_diag::sort(&mut diagnostics);
            Error::from(Report { diagnostics, sources })
        };
        let expr = match prov_syntax::parse_expr(id, text) {
            Ok(e) => e,
            Err(d) => return Err(fail(d, sources)),
        };
        prov_compile::check_query(self.0.modules.to_vec(), &mut sources, &self.0.options, &expr, identity)
            .map_err(|d| fail(d, sources))
    }
}

/// The `.prov` files of a policy's folder, relative to it, in order of path.
///
/// # Errors
/// [`Error::Io`] where the folder can't be read.
pub fn policy_files(dir: impl AsRef<Path>) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    find_files(dir.as_ref(), Path::new(""), &mut files)?;
    Ok(files)
}

/// Lays the text of a `.prov` file out in the one canonical way.
///
/// # Errors
/// A report, where the text can't be read.
pub fn format_file(name: &str, text: &str) -> Result<String, Report> {
    prov_syntax::format(text).map_err(|diagnostics| {
        let mut sources = SourceMap::new();
        sources.add(name, text);
        Report { diagnostics, sources }
    })
}

/// `.prov` files below a folder, in order of path; hidden folders and `target` are passed over.
fn find_files(root: &Path, below: &Path, out: &mut Vec<PathBuf>) -> Result<(), Error> {
    let path = root.join(below);
    let fail = |source| Error::Io { path: path.clone(), source };
    let mut entries: Vec<_> = fs::read_dir(&path).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            if !shown.starts_with('.') && shown != "target" {
                find_files(root, &below.join(&name), out)?;
            }
        } else if shown.ends_with(".prov") {
            out.push(below.join(&name));
        }
    }
    Ok(())
}

fn build(
    dir: PathBuf,
    project: Project,
    mut sources: SourceMap,
    texts: Vec<(String, String)>,
    mut diagnostics: Vec<Diagnostic>,
) -> Loaded {
    let mut hash = Sha256::new();
    let mut feed = |name: &str, bytes: &[u8]| {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    feed("zone", project.timezone.as_deref().unwrap_or("").as_bytes());
    let mut modules = Vec::new();
    for (name, text) in &texts {
        let source = sources.add(name.clone(), text.as_str());
        let (file, found) = prov_syntax::parse(source, text);
        if let Some(decides) = what_decides(&file, text) {
            feed(name, decides.as_bytes());
        }
        diagnostics.extend(found);
        let module = name.trim_end_matches(".prov").replace('/', ".");
        modules.push(Module { name: module, source, file });
    }
    let mut catalogs_by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (app, kinds) in &project.catalogs {
        for (kind, path) in kinds {
            match read(&dir, path).and_then(|bytes| {
                feed(path, &bytes);
                read_table(path, &bytes)?.whole()
            }) {
                Ok(raw) => {
                    let (values, found) = read_catalog(&raw);
                    diagnostics.extend(found);
                    catalogs_by_name.insert(format!("{app}.{kind}"), values);
                }
                Err(errors) => diagnostics.extend(errors),
            }
        }
    }
    let options = Options {
        catalogs: catalogs_by_name,
        timezone: project.timezone.clone(),
        plan_words: crate::testing::plan_words(),
    };
    let checked = prov_compile::check(modules.clone(), &mut sources, &options);
    diagnostics.extend(checked.diagnostics);
    if let Some(zone) = &project.timezone
        && prov_model::Zone::parse(zone).is_none()
    {
        diagnostics.push(
            Diagnostic::new(&codes::BAD_TIMEZONE, format!("prov.toml: `{zone}` is not a time zone"))
                .help("write a name of the IANA database, such as `Europe/Paris`"),
        );
    }
    let mut tables = Vec::new();
    let mut catalogs = Catalogs::new();
    if let Some(program) = &checked.program {
        if let Err(e) = prov_ir::verify(program) {
            // INVARIANT: a checked policy verifies; if not, it is our own bug and nothing may run.
            panic!("the checker made a program that does not verify: {e}");
        }
        let schema = &program.schema;
        wiring(schema, &project, &mut diagnostics);
        for (index, table) in schema.tables.iter().enumerate() {
            let key = &schema.records[table.record.index()].fields[table.key].ty;
            let Some(path) = project.tables.get(&table.name) else {
                diagnostics.push(
                    Diagnostic::new(
                        &codes::NOT_WIRED,
                        format!("no file is named for table `{}`", table.name),
                    )
                    .help(format!(
                        "add `{} = \"tables/{}.csv\"` under `[tables]` in prov.toml",
                        table.name, table.name
                    )),
                );
                continue;
            };
            let rows = read(&dir, path).and_then(|bytes| {
                feed(path, &bytes);
                read_table(path, &bytes)?.whole()
            });
            match rows {
                Ok(raw) => {
                    let (rows, found) = read_lookup(schema, TableId(index as u32), &raw);
                    diagnostics.extend(found);
                    tables.push(LookupTable::new(rows, key));
                }
                Err(errors) => diagnostics.extend(errors),
            }
        }
        for (a, app) in schema.apps.iter().enumerate() {
            for (k, kind) in app.kinds.iter().enumerate().filter(|(_, k)| k.catalog) {
                // Second accounts have the kinds of their app.
                let declared = &schema.app(schema.declared_app(AppId(a as u32))).name;
                let name = format!("{declared}.{}", kind.name);
                match options.catalogs.get(&name) {
                    Some(values) => {
                        catalogs.insert((AppId(a as u32), KindId(k as u32)), values.clone());
                    }
                    None => diagnostics.push(
                        Diagnostic::new(
                            &codes::NOT_WIRED,
                            format!("no file is named for the catalog of `{name}`"),
                        )
                        .help(format!(
                            "add `{} = \"catalogs/{}-{}.csv\"` under `[catalogs.{}]` in prov.toml",
                            kind.name, app.name, kind.name, app.name
                        )),
                    ),
                }
            }
        }
    }
    prov_diag::sort(&mut diagnostics);
    let hash = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let fine = !diagnostics.iter().any(Diagnostic::is_error);
    let policy = checked.program.filter(|_| fine).map(|program| {
        let program = Arc::new(program);
        Policy(Arc::new(Inner {
            dir,
            project,
            sources: sources.clone(),
            modules: Arc::new(modules),
            options: Arc::new(options),
            program,
            tests: Arc::new(checked.tests.map(TestSet::from).unwrap_or_default()),
            claims: checked.claims.map(Arc::new),
            tables,
            catalogs,
            hash,
        }))
    });
    Loaded { policy, report: Report { diagnostics, sources } }
}

/// The text of a file without its tests and proofs, which decide nothing; nothing where there is nothing else in it.
fn what_decides(file: &prov_syntax::ast::File, text: &str) -> Option<String> {
    use prov_syntax::ast::ItemKind;
    let is_test =
        |i: &prov_syntax::ast::Item| matches!(i.kind, ItemKind::Test { .. } | ItemKind::Prove { .. });
    let idle = |i: &prov_syntax::ast::Item| is_test(i) || matches!(i.kind, ItemKind::Use { .. });
    if file.broken.is_empty() && !file.items.is_empty() && file.items.iter().all(idle) {
        return None;
    }
    let (mut out, mut at) = (String::new(), 0);
    for item in file.items.iter().filter(|i| is_test(i)) {
        let before = text.get(at..item.span.start as usize).unwrap_or("");
        // Its docs, and the lines that set it apart, go with it.
        let mut kept = before.trim_end();
        while let Some(line) =
            kept.lines().last().filter(|l| item.docs.is_some() && l.trim().starts_with("///"))
        {
            kept = kept[..kept.len() - line.len()].trim_end();
        }
        out.push_str(kept);
        at = item.span.end as usize;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    Some(out)
}

fn read(dir: &Path, path: &str) -> Result<Vec<u8>, Vec<Diagnostic>> {
    fs::read(dir.join(path)).map_err(|e| {
        vec![
            Diagnostic::new(&codes::CANNOT_READ, format!("can't read `{path}`: {e}"))
                .in_data(path, None, None)
                .help("prov.toml names it: mend the path, which is relative to the policy's folder"),
        ]
    })
}

/// Files that are wired for nothing.
fn wiring(schema: &Schema, project: &Project, diagnostics: &mut Vec<Diagnostic>) {
    let mut check = |what: &str, name: &str, known: Vec<&str>| {
        if !known.contains(&name) {
            let help = match did_you_mean(name, known.iter().copied()) {
                Some(n) => format!("did you mean `{n}`?"),
                None => "take the line away, or declare it in the policy".to_owned(),
            };
            diagnostics.push(
                Diagnostic::new(
                    &codes::UNKNOWN_WIRING,
                    format!(
                        "prov.toml names a file for the {what} `{name}`, which the policy does not declare"
                    ),
                )
                .help(help),
            );
        }
    };
    for name in project.sources.keys() {
        check("source", name, schema.sources.iter().map(|s| s.name.as_str()).collect());
    }
    for name in project.tables.keys().filter(|n| !prov_compile::BUILT_IN_TABLES.contains(&n.as_str())) {
        check("table", name, schema.tables.iter().map(|t| t.name.as_str()).collect());
    }
    let catalogs: Vec<String> = schema
        .apps
        .iter()
        .flat_map(|a| a.kinds.iter().filter(|k| k.catalog).map(move |k| format!("{}.{}", a.name, k.name)))
        .collect();
    for (app, kinds) in &project.catalogs {
        for kind in kinds.keys() {
            check("catalog", &format!("{app}.{kind}"), catalogs.iter().map(String::as_str).collect());
        }
    }
}
