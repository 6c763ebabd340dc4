//! Data in: populations from sources, the actual state. Invariant: what could not be read is in the result's
//! rejections or its error, never lost.

use crate::error::Error;
use crate::policy::Policy;
use crate::profile::Profiler;
use prov_data::{
    EntitlementRows, PackedState, Raw, join_actual, pack_state, read_csv, read_state, read_table_keeping,
};
use prov_diag::{Diagnostic, codes, did_you_mean};
use prov_eval::build_population_with;
use prov_model::{
    GuardWhat, IdentityId, Instant, Moment, Oddity, Phase, RawTable, Rejection, Stopwatch, Zone, timed,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files for sources, by name; they win over prov.toml.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    /// Source name → file.
    pub sources: BTreeMap<String, PathBuf>,
    /// Source name → of when it is, `None` where nobody knows; of the others it is when their file was last changed.
    pub as_of: BTreeMap<String, Option<Instant>>,
}

/// Identities as a policy's sources bring them. Cheap to clone.
///
/// ```
/// let policy = prov::Policy::from_strings([(
///     "main.prov",
///     "identity person { id : string key  start : date }  source hr of person authoritative {}",
/// )])?;
/// let file = b"id,start\n1,2026-03-02\n2,yesterday\n";
/// let people = prov::Population::from_csv_bytes(&policy, "person", "hr.csv", file)?;
///
/// // What can't be read is kept with its place, and its identity is held as it is.
/// assert_eq!(people.len(), 2);
/// assert_eq!((people.rejections()[0].line, people.rejections()[0].identity.as_deref()), (3, Some("2")));
/// # Ok::<(), prov::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Population {
    pub(crate) data: Arc<prov_model::Population>,
    /// What is to be said of the files as a whole, and what is odd in the data.
    pub notices: Vec<Diagnostic>,
}

/// What everyone has. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Actual {
    pub(crate) data: Arc<prov_model::Actual>,
    /// What is to be said of its files.
    pub notices: Vec<Diagnostic>,
}

pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// When a file was last changed; none where the system does not say.
fn changed(path: &Path) -> Option<Instant> {
    let time = fs::metadata(path).ok()?.modified().ok()?;
    let passed = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(passed.as_secs()).ok().map(Instant)
}

/// The rows of all sources: from `wiring`, else from the files that prov.toml names.
pub(crate) fn raws(policy: &Policy, wiring: &Wiring) -> Result<Vec<(u32, Raw)>, Error> {
    let schema = policy.schema();
    for name in wiring.sources.keys().chain(wiring.as_of.keys()) {
        if !schema.sources.iter().any(|s| s.name == *name) {
            let near = did_you_mean(name, schema.sources.iter().map(|s| s.name.as_str()));
            let help = near
                .map_or_else(|| "name a source of the policy".to_owned(), |n| format!("did you mean `{n}`?"));
            return Err(Error::input(format!("the policy has no source `{name}`"), help));
        }
    }
    let mut raws = Vec::new();
    let mut errors = Vec::new();
    for (index, source) in schema.sources.iter().enumerate() {
        let wired = policy.project().sources.get(&source.name);
        let (path, shown) = match (wiring.sources.get(&source.name), wired) {
            (Some(path), _) => (path.clone(), path.display().to_string()),
            (None, Some(path)) => (policy.dir().join(path), path.clone()),
            (None, None) => {
                errors.push(
                    Diagnostic::new(&codes::NOT_WIRED, format!("no file is named for source `{}`", source.name))
                        .help(format!("add `{0} = \"data/{0}.csv\"` under `[sources]` in prov.toml, or say `--source {0}=FILE`", source.name)),
                );
                continue;
            }
        };
        let read = read_file(&path).map_err(|e| {
            vec![Diagnostic::new(&codes::CANNOT_READ, e.to_string()).in_data(shown.clone(), None, None).help(
                format!(
                    "name the file of source `{0}` in prov.toml, or say `--source {0}=FILE`",
                    source.name
                ),
            )]
        });
        let wanted = wanted(policy, index as u32);
        match read.and_then(|bytes| read_table_keeping(&shown, bytes.into(), &|c| wanted.contains(c))) {
            Ok(raw) => {
                let mut raw = raw.of_source(&source.name);
                raw.table.as_of = wiring.as_of.get(&source.name).copied().unwrap_or_else(|| changed(&path));
                raws.push((index as u32, raw));
            }
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        return Err(Error::data(errors));
    }
    Ok(raws)
}

impl Population {
    /// Reads the population of all sources: from `wiring`, else from the files that prov.toml names.
    ///
    /// # Errors
    /// [`Error::Report`] where a source has no file, a file can't be read as a table, or a column is missing.
    pub fn load(policy: &Policy, wiring: &Wiring, at: &Moment) -> Result<Population, Error> {
        Population::read(policy, wiring, at, None)
    }

    /// The same, timed.
    ///
    /// # Errors
    /// As [`Population::load`].
    pub fn load_profiled(
        policy: &Policy,
        wiring: &Wiring,
        at: &Moment,
        profiler: &Profiler,
    ) -> Result<Population, Error> {
        Population::read(policy, wiring, at, Some(profiler.watch()))
    }

    fn read(
        policy: &Policy,
        wiring: &Wiring,
        at: &Moment,
        watch: Option<&Stopwatch>,
    ) -> Result<Population, Error> {
        let raws = timed(watch, Phase::Sources, || raws(policy, wiring))?;
        timed(watch, Phase::Population, || Population::of_raws(policy, raws, at))
    }

    /// Reads identities of a type from a CSV file, by the type's source.
    ///
    /// # Errors
    /// As [`Population::load`].
    pub fn from_csv(policy: &Policy, identity: &str, path: impl AsRef<Path>) -> Result<Population, Error> {
        let path = path.as_ref();
        Population::from_csv_bytes(policy, identity, &path.display().to_string(), &read_file(path)?)
    }

    /// The same from bytes; `name` stands in messages.
    ///
    /// # Errors
    /// As [`Population::load`].
    pub fn from_csv_bytes(
        policy: &Policy,
        identity: &str,
        name: &str,
        bytes: &[u8],
    ) -> Result<Population, Error> {
        let source = source_of(policy, identity)?;
        let raw = read_csv(name, bytes).map_err(Error::data)?;
        let raw = raw.of_source(&policy.schema().sources[source as usize].name);
        Population::of_raws(policy, vec![(source, raw)], &epoch())
    }

    pub(crate) fn of_raws(policy: &Policy, raws: Vec<(u32, Raw)>, at: &Moment) -> Result<Population, Error> {
        let schema = policy.schema();
        let mut notices = Vec::new();
        let mut rejected: Vec<(u32, Vec<Rejection>)> = Vec::new();
        let mut tables: Vec<(u32, RawTable)> = Vec::new();
        for (source, raw) in raws {
            notices.extend(raw.notices);
            let mut table = raw.table;
            // A row that can't be read as one may be anybody's.
            table.incomplete |= raw.truncated || !raw.rejections.is_empty();
            tables.push((source, table));
            rejected.push((source, raw.rejections));
        }
        let mut data = build_population_with(policy.program(), &policy.0.tables, &tables, at);
        // A column that everyone needs and no row has is an error of the file, not of its rows.
        let missing: Vec<Diagnostic> = data
            .rejections
            .iter()
            .filter(|r| r.code == codes::MISSING_COLUMN.id)
            .map(|r| {
                let columns = tables
                    .iter()
                    .find(|(s, _)| schema.sources[*s as usize].name == r.source)
                    .map_or(&[][..], |t| &t.1.columns);
                let near =
                    r.column.as_deref().and_then(|c| did_you_mean(c, columns.iter().map(String::as_str)));
                let help = near.map_or_else(
                    || {
                        format!(
                            "the file has {}; map it in the source: `attribute = row[\"Column\"]`",
                            columns.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ")
                        )
                    },
                    |n| format!("did you mean `{n}`? map it in the source: `attribute = row[{n:?}]`"),
                );
                Diagnostic::new(&codes::MISSING_COLUMN, r.message.clone())
                    .in_data(&r.file, Some(1), r.column.clone())
                    .help(help)
            })
            .collect();
        if !missing.is_empty() {
            return Err(Error::data(missing));
        }
        notices.extend(tables.iter().flat_map(|(source, table)| empty_attributes(policy, *source, table)));
        for (source, rejections) in rejected {
            let name = &schema.sources[source as usize].name;
            let lines: std::collections::BTreeSet<u64> = rejections.iter().map(|r| r.line).collect();
            if let Some(count) = data.counts.iter_mut().find(|c| c.source == *name) {
                count.rows += lines.len() as u64;
                count.rejected += lines.len() as u64;
                // A line that can't be read as a row has no column.
                count.empty.values_mut().for_each(|n| *n += lines.len() as u64);
            }
            data.rejections.extend(rejections);
        }
        data.rejections.sort();
        notices.extend(data.warnings.iter().map(warning));
        prov_diag::sort(&mut notices);
        Ok(Population { data: Arc::new(data), notices })
    }

    /// How many identities there are.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Rows, and cells of rows, that could not be mapped; their identities are held as they are.
    pub fn rejections(&self) -> &[Rejection] {
        &self.data.rejections
    }

    /// The keys (global ids) of everyone, in order.
    pub fn ids(&self, policy: &Policy) -> Vec<String> {
        let schema = policy.schema();
        let mut ids: Vec<String> = schema
            .identities
            .iter()
            .enumerate()
            .flat_map(|(i, _)| {
                let id = IdentityId(i as u32);
                self.data.of(id).table.keys.iter().map(move |k| schema.global_id(id, k))
            })
            .collect();
        ids.sort();
        ids
    }
}

/// The columns of a source that anything looks at: its mappings, and guards.
fn wanted(policy: &Policy, source: u32) -> BTreeSet<&str> {
    let of = policy.program().sources.iter().find(|s| s.source == source);
    let mapped = of.into_iter().flat_map(|s| s.columns.iter().map(String::as_str));
    let guarded = policy.schema().guards.iter().filter_map(|guard| match &guard.what {
        GuardWhat::Empty { source: of, column } if *of == source => Some(column.as_str()),
        GuardWhat::Empty { .. }
        | GuardWhat::Age { .. }
        | GuardWhat::Rows { .. }
        | GuardWhat::Of { .. }
        | GuardWhat::Effects { .. } => None,
    });
    mapped.chain(guarded).collect()
}

/// Attributes that read as absent, or empty, for everyone, since the file has no column of their name.
fn empty_attributes(policy: &Policy, source: u32, table: &RawTable) -> Vec<Diagnostic> {
    let (schema, program) = (policy.schema(), policy.program());
    let Some(of) = program.sources.iter().find(|s| s.source == source) else { return vec![] };
    let attributes = schema.fields_of(&schema.sources[source as usize]);
    let unread = attributes.iter().zip(&of.attributes).filter_map(|(a, from)| match from {
        prov_ir::AttributeProgram::Column(c) if table.column(&of.columns[*c as usize]).is_none() => {
            Some(&a.name)
        }
        _ => None,
    });
    unread
        .map(|name| {
            let near = did_you_mean(name, table.columns.iter().map(String::as_str));
            let help = near.map_or_else(
                || {
                    format!(
                        "map it in source `{}`, or see that the feed has not lost a column",
                        schema.sources[source as usize].name
                    )
                },
                |n| format!("did you mean the column `{n}`? map it in the source: `{name} = row[{n:?}]`"),
            );
            let mut d = Diagnostic::new(
                &codes::MISSING_COLUMN,
                format!(
                    "there is no column `{name}`: nobody has a `{name}` from `{}`",
                    schema.sources[source as usize].name
                ),
            )
            .in_data(&table.file, Some(1), Some(name.clone()))
            .help(help);
            d.severity = prov_diag::Severity::Warning;
            d
        })
        .collect()
}

/// Mappings from bytes read no clock: they see the epoch.
pub(crate) fn epoch() -> Moment {
    Moment::at_date(prov_model::Date(0), Zone::utc())
}

/// The authoritative source of an identity type.
pub(crate) fn source_of(policy: &Policy, identity: &str) -> Result<u32, Error> {
    let schema = policy.schema();
    let Some(id) = schema.identities.iter().position(|i| i.name == identity) else {
        let near = did_you_mean(identity, schema.identities.iter().map(|i| i.name.as_str()));
        let help = near.map_or_else(
            || "name an identity type of the policy".to_owned(),
            |n| format!("did you mean `{n}`?"),
        );
        return Err(Error::input(format!("the policy has no identity `{identity}`"), help));
    };
    let found = schema.sources.iter().position(|s| s.identity.index() == id && s.is_authoritative());
    found.map(|i| i as u32).ok_or_else(|| {
        Error::input(
            format!("`{identity}` has no authoritative source"),
            format!("declare `source hr of {identity} authoritative {{ … }}`"),
        )
    })
}

fn warning(w: &prov_model::DataWarning) -> Diagnostic {
    let what = match &w.oddity {
        Oddity::RefersToNobody => "refers to nobody",
        Oddity::Circle => "leads back to where it began",
        Oddity::RowOfNobody(source) => return of_nobody(w, source),
    };
    let (noun, examples) = (if w.count == 1 { "identity" } else { "identities" }, w.examples.join(", "));
    let message = format!("`{}.{}` {what} for {} {noun}: {examples}", w.identity, w.attribute, w.count);
    Diagnostic::new(
        &codes::ODD_REFERENCES,
        if w.count as usize > w.examples.len() { message + " …" } else { message },
    )
    .help("a reference to nobody reads as absent; mend it at the source")
}

/// Rows of a source that joins, whose value no identity has.
fn of_nobody(w: &prov_model::DataWarning, source: &str) -> Diagnostic {
    let (noun, whose) = if w.count == 1 { ("row", "its") } else { ("rows", "their") };
    let message = format!(
        "`{source}` has {} {noun} of nobody: no `{}` has {whose} `{}`: {}",
        w.count,
        w.identity,
        w.attribute,
        w.examples.join(", ")
    );
    Diagnostic::new(
        &codes::ROW_OF_NOBODY,
        if w.count as usize > w.examples.len() { message + " …" } else { message },
    )
    .help(
        "only authoritative sources say who there is; take the rows out, or mend their values, at the source",
    )
}

impl Actual {
    /// The state itself, for a [`prov_model::Background`].
    pub fn state(&self) -> Arc<prov_model::Actual> {
        self.data.clone()
    }

    /// What there is once a plan has been carried out.
    #[must_use]
    pub fn after(&self, policy: &Policy, plan: &prov_plan::Plan) -> Actual {
        let data = prov_plan::apply_to(policy.schema(), plan, &self.data);
        Actual { data: Arc::new(data), notices: Vec::new() }
    }

    /// An actual state in which nobody has anything.
    pub fn empty() -> Actual {
        Actual { data: Arc::default(), notices: Vec::new() }
    }

    /// Reads `accounts` and `entitlements` (CSV, JSON Lines or Parquet) of a folder, of which one must be there; or a state
    /// that was packed, a file whose name ends in `.provstate`.
    ///
    /// # Errors
    /// [`Error::Report`] where a file can't be read.
    pub fn load(policy: &Policy, path: impl AsRef<Path>) -> Result<Actual, Error> {
        let path = path.as_ref();
        if is_packed(path) && !path.is_dir() {
            let bytes =
                prov_map::Mapped::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
            return Actual::of_packed(policy, &path.display().to_string(), &bytes);
        }
        let Tables { accounts, entitlements } = Tables::find(path)?;
        let schema = policy.schema();
        let (mut notices, mut rejections) = (Vec::new(), Vec::new());
        let accounts = match accounts {
            Some(path) => {
                let raw = read_whole(&path)?;
                notices.extend(raw.notices);
                rejections.extend(raw.rejections);
                raw.table
            }
            None => nothing("accounts", OF_ACCOUNTS),
        };
        let entitlements = match entitlements {
            Some(path) => {
                let shown = path.display().to_string();
                let (rows, rest) =
                    EntitlementRows::read(schema, &shown, read_file(&path)?.into()).map_err(Error::data)?;
                notices.extend(rest.notices);
                rejections.extend(rest.rejections);
                rows
            }
            None => EntitlementRows::of_table(schema, nothing("entitlements", OF_ENTITLEMENTS)),
        };
        Actual::joined(policy, &accounts, entitlements, notices, rejections)
    }

    /// Reads a packed state from bytes; `name` stands in messages.
    ///
    /// # Errors
    /// [`Error::Report`] where it can't be read.
    pub fn of_packed(policy: &Policy, name: &str, bytes: &[u8]) -> Result<Actual, Error> {
        let (accounts, entitlements) = read_state(policy.schema(), name, bytes).map_err(Error::data)?;
        Actual::joined(policy, &accounts, entitlements, Vec::new(), Vec::new())
    }

    fn joined(
        policy: &Policy,
        accounts: &RawTable,
        entitlements: EntitlementRows,
        mut notices: Vec<Diagnostic>,
        rejections: Vec<Rejection>,
    ) -> Result<Actual, Error> {
        let (mut data, diagnostics) = join_actual(policy.schema(), accounts, entitlements);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(Error::data(diagnostics));
        }
        data.rejections.extend(rejections);
        data.rejections.sort();
        data.note_unreadable();
        notices.extend(diagnostics);
        prov_diag::sort(&mut notices);
        Ok(Actual { data: Arc::new(data), notices })
    }

    /// Packs a folder of `accounts` and `entitlements` into the one file that [`Actual::load`] reads fastest. No policy is
    /// needed: the file says what the tables say.
    ///
    /// # Errors
    /// [`Error::Report`] where a table can't be read, or not all of its rows.
    pub fn pack(dir: impl AsRef<Path>) -> Result<PackedState, Error> {
        let Tables { accounts, entitlements } = Tables::find(dir.as_ref())?;
        let whole = |path: Option<PathBuf>, stem, columns: [&str; 4]| match path {
            Some(path) => {
                let raw = read_whole(&path)?;
                let table = raw.whole().map_err(Error::data)?;
                let missing: Vec<_> = columns.iter().filter(|c| table.column(c).is_none()).collect();
                match missing.first() {
                    Some(column) if !table.columns.is_empty() => Err(Error::input(
                        format!("`{}` has no column `{column}`, which the actual state needs", table.file),
                        format!("bring the columns {}", columns.map(|c| format!("`{c}`")).join(", ")),
                    )),
                    Some(_) | None => Ok(table),
                }
            }
            None => Ok(nothing(stem, columns)),
        };
        let accounts = whole(accounts, "accounts", OF_ACCOUNTS)?;
        let entitlements = whole(entitlements, "entitlements", OF_ENTITLEMENTS)?;
        Ok(pack_state(&accounts, &entitlements))
    }

    /// The state that a desired one becomes when it is carried out from nothing: for trying things on.
    pub fn of_desired(policy: &Policy, desired: &crate::Desired) -> Actual {
        Actual { data: Arc::new(crate::engine::applied(policy, desired)), notices: Vec::new() }
    }
}

/// The columns of accounts that must be there.
const OF_ACCOUNTS: [&str; 4] = ["app", "account", "identity", "enabled"];
/// Those of entitlements.
const OF_ENTITLEMENTS: [&str; 4] = ["app", "identity", "kind", "value"];

/// Whether a path names a packed state.
pub fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("provstate"))
}

/// The files of an actual state's folder.
struct Tables {
    accounts: Option<PathBuf>,
    entitlements: Option<PathBuf>,
}

impl Tables {
    fn find(dir: &Path) -> Result<Tables, Error> {
        if dir.is_file() {
            return Err(Error::input(
                format!("`{}` is a file, and no packed state by its name", dir.display()),
                "name the folder that holds accounts.csv and entitlements.csv, or a file that ends in `.provstate`",
            ));
        }
        let file = |stem: &str| {
            let packed = |e: &str| ["", ".gz", ".zst"].map(|packed| dir.join(format!("{stem}.{e}{packed}")));
            let forms = ["csv", "jsonl", "ndjson", "json", "parquet", "arrow", "feather", "arrows"];
            let mut files = forms.into_iter().flat_map(packed);
            files.find(|p| p.is_file())
        };
        let tables = Tables { accounts: file("accounts"), entitlements: file("entitlements") };
        if tables.accounts.is_none() && tables.entitlements.is_none() {
            return Err(Error::input(
                format!("there is neither accounts.csv nor entitlements.csv in `{}`", dir.display()),
                "name the folder of the actual state with `--actual DIR`; `--actual none` plans from nothing",
            ));
        }
        Ok(tables)
    }
}

fn read_whole(path: &Path) -> Result<Raw, Error> {
    let shown = path.display().to_string();
    read_table_keeping(&shown, read_file(path)?.into(), &|_| true).map_err(Error::data)
}

/// The table of a file that is not there.
fn nothing(stem: &str, columns: [&str; 4]) -> RawTable {
    RawTable::new(format!("{stem}.csv"), columns.map(str::to_owned).to_vec())
}
