//! A session: everyone as they are now, changed one person at a time, and what is to be done for it.
//! Invariant: what is told for a change is what `prov plan` over everyone's rows as they are now would tell of these
//! people; what a session would get wrong it refuses, and then nothing has changed.

use crate::engine::{Desired, Engine};
use crate::error::Error;
use crate::policy::Policy;
use crate::population::{Actual, Population, Wiring, raws};
use crate::reasons::{EngineReasons, token};
use prov_eval::Plains;
use prov_eval::live::{Refused, Session, Who};
use prov_model::{Background, Memory, Moment};
use prov_plan::{ActionView, Everyone, Finding, Plan, PlanInput, Totals, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;

mod held;
mod names;

use held::Held;
use names::{Name, Names};

/// The rows that a source now has of one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    source: String,
    /// None where the rows say it.
    key: Option<String>,
    rows: Vec<Vec<(String, String)>>,
}

impl RowChange {
    /// The one row that a source has of somebody: cells by column, as the source spells them. A column that is not named
    /// is empty.
    pub fn put(source: &str, row: &[(&str, &str)]) -> RowChange {
        RowChange { source: source.to_owned(), key: None, rows: vec![owned(row)] }
    }

    /// A source has no row of somebody any more.
    pub fn gone(source: &str, key: &str) -> RowChange {
        RowChange { source: source.to_owned(), key: Some(key.to_owned()), rows: Vec::new() }
    }

    /// All rows that a source has of somebody, where it may have several: elements of a list, or rows with the day from
    /// which they count.
    pub fn rows(source: &str, key: &str, rows: &[&[(&str, &str)]]) -> RowChange {
        let rows = rows.iter().map(|row| owned(row)).collect();
        RowChange { source: source.to_owned(), key: Some(key.to_owned()), rows }
    }
}

fn owned(row: &[(&str, &str)]) -> Vec<(String, String)> {
    row.iter().map(|(column, cell)| ((*column).to_owned(), (*cell).to_owned())).collect()
}

/// What is to be done after a change, by all that has changed so far and was not carried out.
#[derive(Clone, Debug)]
pub struct Changes {
    plan: Plan,
    /// Sorted.
    people: Vec<String>,
}

impl Changes {
    /// The actions, in an order that can be run. For each of [`Changes::people`] it is all that is to be done for them.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = ActionView<'_>> + Clone {
        self.plan.actions()
    }

    /// What was found about these people.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.plan.findings.iter().filter(|f| f.identity.is_some())
    }

    /// The global ids of all whose result may be otherwise for the change, in order.
    pub fn people(&self) -> &[String] {
        &self.people
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }
}

/// A session on a policy: holds what a run over everyone knows, and takes changes of single rows.
///
/// ```
/// # let home = std::env::temp_dir().join(format!("prov-doc-live-{}", std::process::id()));
/// # let _ = std::fs::remove_dir_all(&home);
/// # prov::template::write(prov::template::Template::Minimal, &home).expect("the template is written");
/// use prov::{Actual, Backend, Background, Live, Policy, RowChange, Wiring};
///
/// let policy = Policy::load(&home)?; // the folder that `prov new` makes
/// let engine = policy.compile(Backend::Auto)?;
/// let at = policy.at("2026-03-02")?;
/// let actual = Actual::load(&policy, home.join("actual"))?;
/// let mut live = Live::open(&engine, &Wiring::default(), &at, &Background::default(), &actual)?;
///
/// let changes = live.apply_change(&RowChange::gone("hr", "E001"))?;
/// assert_eq!(changes.people().first().map(String::as_str), Some("E001"));
/// # std::fs::remove_dir_all(&home).ok();
/// # Ok::<(), prov::Error>(())
/// ```
pub struct Live {
    engine: Engine,
    session: Session,
    /// What is there, and what is remembered, as of what was carried out.
    held: Held,
    names: Names,
    totals: Totals,
    /// Everyone for whom there was something to do at the beginning, or of whom something changed since.
    window: BTreeSet<String>,
    opening: Plan,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

/// Who is planned for: those of the population, and the global id of whom there is no more.
#[derive(Default)]
struct Group {
    people: Vec<Who>,
    gone: BTreeSet<String>,
    /// The names that they want and do not have.
    names: BTreeSet<Name>,
}

fn refused(refused: Refused) -> Error {
    Error::input(refused.what, refused.help)
}

impl Live {
    /// Opens a session on the rows of all sources (from `wiring`, else from the files that prov.toml names), at a moment:
    /// a run over everyone. The memory is that of `background`.
    ///
    /// # Errors
    /// Where a file can't be read, and [`Error::Input`] where the policy or a file is such that one change may concern
    /// everyone: that says what it is.
    pub fn open(
        engine: &Engine,
        wiring: &Wiring,
        at: &Moment,
        background: &Background,
        actual: &Actual,
    ) -> Result<Live, Error> {
        let policy = engine.policy();
        let mut tables = Vec::new();
        for (source, raw) in raws(policy, wiring)? {
            let mut table = raw.table;
            table.incomplete |= raw.truncated || !raw.rejections.is_empty();
            tables.push((source, table));
        }
        let background = Background { actual: Some(actual.state()), ..background.clone() };
        let session = Session::open(engine.inner(), tables, at, background.clone()).map_err(refused)?;
        let data = engine.inner().evaluate(session.population(), at, &background, None);
        let start = actual.state();
        let (names, totals) =
            (Names::of(policy.schema(), &data, &start), totals(policy, &data, &start, &background.memory));
        let memory = background.memory.clone();
        let population = Population { data: session.population().clone(), notices: Vec::new() };
        let desired = Desired { policy: policy.clone(), population, background, data };
        let opening = engine.plan(&desired, actual, &memory);
        let window = opening.actions().map(|a| a.identity().to_owned()).collect();
        let held = Held::new(start, memory);
        Ok(Live { engine: engine.clone(), session, held, names, totals, window, opening })
    }

    /// The plan of everyone as of when the session was opened.
    pub fn opening(&self) -> &Plan {
        &self.opening
    }

    /// The key of the identity that a row of a source is of, folded where keys are `text`; none where that can't be
    /// told.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such source or column.
    pub fn key_of(&self, source: &str, row: &[(&str, &str)]) -> Result<Option<String>, Error> {
        let source = self.source(source)?;
        let cells = self.cells(source, row.iter().copied())?;
        Ok(self.session.key_of(source, &cells).map(String::from))
    }

    fn source(&self, name: &str) -> Result<u32, Error> {
        let sources = &self.engine.policy().schema().sources;
        sources.iter().position(|s| s.name == name).map(|at| at as u32).ok_or_else(|| {
            let near = prov_diag::did_you_mean(name, sources.iter().map(|s| s.name.as_str()));
            let help = near
                .map_or_else(|| "name a source of the policy".to_owned(), |n| format!("did you mean `{n}`?"));
            Error::input(format!("the policy has no source `{name}`"), help)
        })
    }

    /// The cells of a row in the order of the source's columns.
    fn cells<'c>(
        &self,
        source: u32,
        row: impl Iterator<Item = (&'c str, &'c str)>,
    ) -> Result<Vec<&'c str>, Error> {
        let columns = self.session.columns(source);
        let mut cells = vec![""; columns.len()];
        for (column, cell) in row {
            let at = columns.iter().position(|c| c == column).ok_or_else(|| {
                let name = &self.engine.policy().schema().sources[source as usize].name;
                Error::input(
                    format!("source `{name}` has no column `{column}`"),
                    format!("it has {}", columns.join(", ")),
                )
            })?;
            cells[at] = cell;
        }
        Ok(cells)
    }

    /// Takes a change, and says what is to be done for everyone whose result may be otherwise for it.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such source or column, a row is not of the identity that is named, or the change
    /// may concern everyone. Then nothing has changed.
    pub fn apply_change(&mut self, change: &RowChange) -> Result<Changes, Error> {
        let source = self.source(&change.source)?;
        let mut rows: Vec<Vec<&str>> = Vec::with_capacity(change.rows.len());
        for row in &change.rows {
            rows.push(self.cells(source, row.iter().map(|(column, cell)| (&**column, &**cell)))?);
        }
        let key = match (&change.key, rows.first()) {
            (Some(key), _) => key.clone(),
            (None, Some(row)) => self.session.key_of(source, row).map(String::from).ok_or_else(|| {
                Error::input(
                    format!("it can't be told whose the row of `{}` is", change.source),
                    "give the row the key of an identity",
                )
            })?,
            (None, None) => String::new(),
        };
        let touched = self.session.put(source, &key, &rows).map_err(refused)?;
        let gone = touched.gone.into_iter().collect();
        let mut some = Group { people: touched.people, gone, names: BTreeSet::new() };
        self.names.close(&mut some, &self.session, &self.held, self.engine.policy().schema());
        self.window.extend(some.people.iter().map(|who| self.session.id(*who)));
        self.window.extend(some.gone.iter().cloned());
        Ok(self.changes(&some))
    }

    /// What is to be done for somebody as things stand; none where neither the population nor the actual state has them.
    pub fn of(&self, id: &str) -> Changes {
        let schema = self.engine.policy().schema();
        let mut some = Group::default();
        match self.session.population().find(schema, id) {
            Some(who) => some.people.push(who),
            None => drop(some.gone.insert(id.to_owned())),
        }
        self.names.join(&mut some, &self.session, &self.held, schema);
        self.changes(&some)
    }

    /// Takes it that the actions of changes were carried out, all but those of apps in mode `report`: what is told from now
    /// on is what remains beside them.
    pub fn carried_out(&mut self, changes: &Changes) {
        let schema = self.engine.policy().schema();
        let mut some = Group::default();
        for id in &changes.people {
            match self.session.population().find(schema, id) {
                Some(who) => some.people.push(who),
                None => drop(some.gone.insert(id.clone())),
            }
        }
        some.people.sort_by_cached_key(|who| self.session.id(*who));
        let ids = self.ids(&some);
        let (actual, background) = self.around(&ids, &some, &self.held);
        let (memory, engine) = (&background.memory, &self.engine);
        let after = self.session.decide(&some.people, &background, |desired, _| {
            let has = |id: &str| actual.ids.find(id).is_some();
            let good = engine.inner().good_after(self.session.population(), &desired, has, memory);
            let runs = |action: ActionView<'_>| !action.is_report();
            let after = prov_plan::memory_if(schema, &desired, &actual, memory, &changes.plan, runs);
            Memory { good, ..after }
        });
        let actual = prov_plan::apply_to(schema, &changes.plan, &actual);
        self.held.take(&ids, &actual, after);
        self.names.carried_out(&ids, &self.held);
    }

    /// What the guards say of all that has changed since the session was opened, and of what was to be done then, whether
    /// or not it was carried out: the verdicts that a plan of everyone as they are now would have, against what there was
    /// then. A change by itself is not judged: ask here before anything is carried out.
    pub fn guards(&self) -> Vec<Verdict> {
        let schema = self.engine.policy().schema();
        let mut some = Group::default();
        for id in &self.window {
            match self.session.population().find(schema, id) {
                Some(who) => some.people.push(who),
                None => drop(some.gone.insert(id.clone())),
            }
        }
        some.people.sort_by_cached_key(|who| self.session.id(*who));
        let start = self.held.start();
        self.names.join(&mut some, &self.session, &start, schema);
        let ids = self.ids(&some);
        let (actual, mut background) = self.around(&ids, &some, &start);
        // Guards on sources compare with the last run.
        let mut memory = (*background.memory).clone();
        memory.sources.clone_from(&self.session.background().memory.sources);
        background.memory = Arc::new(memory);
        let population = self.session.population();
        let people = population.types.iter().map(|t| (t.len() - t.gone.len()) as u64).sum();
        let known = |id: &&str| population.find(schema, id).is_none();
        let missing = start.actual().ids.iter().filter(known).count() as u64;
        self.session.decide(&some.people, &background, |mut desired, plains| {
            desired.counts = self.session.counts();
            self.input(&desired, &actual, &background, plains, |input| {
                prov_plan::judge_some(input, &self.totals, Everyone { people, missing })
            })
        })
    }

    fn ids(&self, some: &Group) -> Vec<String> {
        let mut ids: Vec<String> = some.people.iter().map(|who| self.session.id(*who)).collect();
        ids.extend(some.gone.iter().cloned());
        ids.sort();
        ids.dedup();
        ids
    }

    /// What is there and what is remembered of some.
    fn around(&self, ids: &[String], some: &Group, held: &Held) -> (prov_model::Actual, Background) {
        let schema = self.engine.policy().schema();
        let mut actual = held.actual_of(schema, ids);
        actual.orphans = self.names.orphans(some);
        let background = Background {
            memory: Arc::new(held.memory_of(ids)),
            actual: Some(Arc::new(actual.clone())),
            ..self.session.background().clone()
        };
        (actual, background)
    }

    fn changes(&self, some: &Group) -> Changes {
        let people = self.ids(some);
        let (actual, background) = self.around(&people, some, &self.held);
        let plan = self.session.decide(&some.people, &background, |desired, plains| {
            self.input(&desired, &actual, &background, plains, prov_plan::plan)
        });
        Changes { plan, people }
    }

    fn input<T>(
        &self,
        desired: &prov_model::Desired,
        actual: &prov_model::Actual,
        background: &Background,
        plains: &Plains<'_>,
        then: impl FnOnce(PlanInput<'_>) -> T,
    ) -> T {
        let (policy, engine) = (self.engine.policy(), self.session.engine());
        let people = &**self.session.population();
        let reasons = EngineReasons { policy, engine, people, background, desired, plains, token: token() };
        then(PlanInput {
            schema: policy.schema(),
            desired,
            actual,
            memory: &background.memory,
            reasons: &reasons,
            policy: policy.hash(),
            engine: crate::VERSION,
            watch: None,
        })
    }
}

fn totals(
    policy: &Policy,
    desired: &prov_model::Desired,
    actual: &prov_model::Actual,
    memory: &Memory,
) -> Totals {
    Totals::of(PlanInput {
        schema: policy.schema(),
        desired,
        actual,
        memory,
        reasons: &prov_plan::NoReasons,
        policy: policy.hash(),
        engine: crate::VERSION,
        watch: None,
    })
}

/// The guide, whose example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/sessions.md")]
struct Guide;
