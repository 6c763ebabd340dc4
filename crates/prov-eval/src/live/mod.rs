//! A session: a population that is kept, and changed one identity at a time, at one moment.
//!
//! [`Session::put`] takes the rows that a source now has of one identity, reads the identity anew, and says whose result
//! may be otherwise: by what the policy reads through references (`reach`), before the change and after it.
//! [`Session::decide`] decides just these.
//!
//! Invariant: what is decided here is what a run over all rows, as they are now, would decide. What would not be is
//! refused ([`Refused`]), and a change that is refused changes nothing.

mod people;
mod reach;
mod refused;
mod rows;
mod run;

pub use refused::Refused;

use crate::by_hand::ByHand;
use crate::columns::Plains;
use crate::evaluate::{Backend, Engine};
use crate::interp::{Interp, Subject};
use crate::source::build_population_with;
use crate::world::{NO_STATE, World};
use people::People;
use prov_diag::codes;
use prov_model::{Background, Desired, IdentityId, Moment, Population, RawTable, SourceCount};
use reach::Reach;
use rows::Rows;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// Someone, by type and row.
pub type Who = (IdentityId, u32);

/// See the head of the file.
pub struct Session {
    engine: Engine,
    moment: Moment,
    background: Background,
    reach: Reach,
    rows: Rows,
    people: People,
    /// By type and row.
    states: Vec<Vec<u32>>,
    by_hand: ByHand,
}

/// Whose result may be otherwise for a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Those who are there, in order of global id.
    pub people: Vec<Who>,
    /// The global id of whom there is no more.
    pub gone: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Opens a session on all rows of all sources (each with its position in [`prov_model::Schema::sources`]).
    ///
    /// # Errors
    /// Where the policy, or a source, is such that one change may concern everyone.
    pub fn open(
        engine: &Engine,
        sources: Vec<(u32, RawTable)>,
        moment: &Moment,
        background: Background,
    ) -> Result<Session, Refused> {
        let engine = engine.clone();
        let reach = Reach::of(engine.program());
        if let Some(refused) = refused::of_policy(engine.program(), &background, &reach) {
            return Err(refused);
        }
        let ready = engine.ready();
        let mut population = build_population_with(&ready.program, &ready.tables, &sources, moment);
        if let Some(r) = population.rejections.iter().find(|r| r.code == codes::MISSING_COLUMN.id) {
            return Err(Refused::new(r.message.clone(), "see that the file has the column"));
        }
        // Of rows that can't be read their identities are held; the rows themselves are told by whoever reads them all.
        population.rejections = Vec::new();
        let world = World::without_people(&ready.program, &ready.tables, moment);
        let rows = Rows::of(world, &ready.shape, sources, &population)?;
        let mut people = People::of(&ready.program.schema, population);
        people.note_lost(world, &ready.shape, &rows);
        let states = engine.states(people.population(), moment, &background);
        let by_hand = ByHand::of(&ready.program, people.population(), moment, &background, None);
        let engine = engine.with_backend(Backend::Interpreter);
        Ok(Session { engine, moment: moment.clone(), background, reach, rows, people, states, by_hand })
    }

    /// The engine, which asks one identity after another.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The moment.
    pub fn moment(&self) -> &Moment {
        &self.moment
    }

    /// What evaluation reads beside the population.
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// How many rows each source has, as of now.
    pub fn counts(&self) -> Vec<SourceCount> {
        self.rows.counts(&self.population().counts)
    }

    /// Everyone, as of now.
    pub fn population(&self) -> &Arc<Population> {
        self.people.population()
    }

    /// The states of all identities by type and row; `u32::MAX` where there is none.
    pub fn states(&self) -> &[Vec<u32>] {
        &self.states
    }

    /// Everyone who is there, in order of global id.
    pub fn everyone(&self) -> Vec<Who> {
        let mut all: Vec<Who> = Vec::new();
        for (ty, of) in self.population().types.iter().enumerate() {
            let rows = (0..of.len() as u32).filter(|row| !of.gone.contains(row));
            all.extend(rows.map(|row| (IdentityId(ty as u32), row)));
        }
        all.sort_by_cached_key(|who| self.id(*who));
        all
    }

    /// The global id of someone.
    pub fn id(&self, (ty, row): Who) -> String {
        let key = self.population().of(ty).table.key(row).unwrap_or("");
        self.engine.program().schema.global_id(ty, key)
    }

    /// The columns of a source.
    pub fn columns(&self, source: u32) -> &[String] {
        self.rows.columns(source)
    }

    /// Whose a row of a source is: their key as keys are compared; none where that can't be told. `cells` stand under the columns of the source.
    pub fn key_of(&self, source: u32, cells: &[&str]) -> Option<Box<str>> {
        let ready = self.engine.ready();
        let world = World::without_people(&ready.program, &ready.tables, &self.moment);
        let ty = world.program.schema.sources[source as usize].identity;
        let key = self.rows.key_of(world, &ready.shape, source, cells)?;
        Some(people::compared(&world.program.schema, ty, &key))
    }

    /// All rows, as they are now.
    pub fn sources(&self) -> Vec<(u32, RawTable)> {
        self.rows.all()
    }

    /// Takes it that a source has these rows, and no others, of the identity of a key. Each row has a cell a column of
    /// [`Session::columns`].
    ///
    /// # Errors
    /// Where a row is not of that identity: nothing is changed then.
    pub fn put(&mut self, source: u32, key: &str, rows: &[Vec<&str>]) -> Result<Touched, Refused> {
        let ready = self.engine.ready();
        let (program, shape) = (&*ready.program, &ready.shape);
        let world = World::without_people(program, &ready.tables, &self.moment);
        let ty = program.schema.sources[source as usize].identity;
        let compared = people::compared(&program.schema, ty, key);
        let known = self.people.row(ty, &compared);
        let spelled = known.and_then(|row| Some((row, self.people.population().of(ty).table.key(row)?)));
        self.rows.check(world, shape, source, (ty, &compared), spelled, rows)?;
        let was = known.is_some_and(|row| !self.people.is_gone(ty, row));
        let spelled = self.rows.put(world, shape, source, (ty, &compared), known, rows);
        let is = self.rows.is_there(&program.schema, ty, &compared, known);
        let who = match (known, is) {
            (Some(row), _) => (ty, row),
            (None, false) => return Ok(Touched::default()),
            (None, true) => {
                let row = self.people.add(&program.schema, ty, &spelled, &compared);
                self.rows.add(ty, &compared, row);
                self.states[ty.index()].push(NO_STATE);
                (ty, row)
            }
        };
        if !was && !is {
            return Ok(Touched::default());
        }
        // Who refers to somebody who comes or goes has another reference for it.
        let mut again: Vec<Who> = Vec::new();
        if was != is {
            again = self.people.referrers(who, &compared);
            again.retain(|other| *other != who);
            self.people.set_gone(who, !is);
        }
        if is {
            again.push(who);
        }
        let read: Vec<_> =
            again.iter().map(|&who| (who, self.people.read(world, shape, &self.rows, who))).collect();
        let mut changed: Vec<people::Changed> =
            read.iter().map(|(who, one)| self.people.compare(&program.schema, *who, one)).collect();
        if was != is {
            changed.retain(|c| c.who != who);
            changed.push(people::Changed { who, attrs: None });
        }
        let mut touched = FxHashSet::default();
        self.people.dependents(&self.reach, &changed, &mut touched);
        for (who, one) in read {
            self.people.write(&program.schema, who, one);
        }
        if !is {
            self.people.leave(&program.schema, who);
        }
        self.people.dependents(&self.reach, &changed, &mut touched);
        touched.extend(changed.iter().map(|c| c.who));
        touched.insert(who);
        touched.retain(|(ty, row)| !self.people.is_gone(*ty, *row));
        if is && !was {
            let of_one =
                ByHand::of(program, self.people.population(), &self.moment, &self.background, Some(who));
            self.by_hand.add(of_one);
        }
        let mut touched: Vec<Who> = touched.into_iter().collect();
        self.find_states(&touched);
        touched.sort_by_cached_key(|who| self.id(*who));
        Ok(Touched { people: touched, gone: (!is).then(|| self.id(who)) })
    }

    /// Finds the states of some anew.
    fn find_states(&mut self, of: &[Who]) {
        let ready = self.engine.ready();
        let world = ready.world(self.people.population(), &self.moment, &self.background, None);
        let Some(&(ty, row)) = of.first() else { return };
        let mut interp = Interp::new(world, &ready.shape, Subject::Identity(ty, row));
        for &(ty, row) in of {
            interp.turn_to(Subject::Identity(ty, row));
            self.states[ty.index()][row as usize] = interp.state_of(ty, row).unwrap_or(NO_STATE);
        }
    }

    /// What some of the people should have, with who can say why. They must be there, and in order of global id.
    /// `background` may say less than that of the session of memory and of the actual state: what concerns these people is
    /// enough.
    pub fn decide<T>(
        &self,
        of: &[Who],
        background: &Background,
        then: impl FnOnce(Desired, &Plains<'_>) -> T,
    ) -> T {
        let given = (&self.states[..], &self.by_hand);
        self.engine.with_some(self.people.population(), of, &self.moment, background, given, then)
    }
}
