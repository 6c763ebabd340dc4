//! A case, loaded and evaluated. Invariant: everything goes through the public library, as a caller would do it.

use super::Case;
use crate::project::Project;
use prov::{
    Actual, Backend, Background, ByHand, Desired, Engine, Error, Instant, Memory, Moment, Plan, Population,
    Wiring, read_memory,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A case with all that comes of it.
pub struct Made {
    /// Its folder.
    pub project: Project,
    /// The engine of its policy.
    pub engine: Engine,
    /// The moment.
    pub at: Moment,
    /// Its people.
    pub people: Population,
    /// What everyone has.
    pub actual: Actual,
    /// What is remembered.
    pub memory: Memory,
    /// What people decided by hand.
    pub by_hand: ByHand,
    /// What everyone should have.
    pub desired: Desired,
    /// Of when sources are.
    times: BTreeMap<String, Option<Instant>>,
}

fn io(e: std::io::Error) -> Error {
    Error::Io { path: "case".into(), source: e }
}

impl Made {
    /// Loads and evaluates a case.
    ///
    /// # Errors
    /// Where the policy does not pass its check, or its data can't be read.
    pub fn of(case: &Case) -> Result<Made, Error> {
        Made::at_times(&case.all_files(), &case.at, &case.as_of)
    }

    /// The same from the files of a case.
    ///
    /// # Errors
    /// As [`Made::of`].
    pub fn of_files(files: &[(String, String)], at: &str) -> Result<Made, Error> {
        Made::at_times(files, at, &[])
    }

    fn at_times(files: &[(String, String)], at: &str, as_of: &[(String, String)]) -> Result<Made, Error> {
        let project = Project::new().map_err(io)?;
        for (name, text) in files {
            project.write(name, text).map_err(io)?;
        }
        let loaded = project.check()?;
        let Some(policy) = loaded.policy else { return Err(loaded.report.into()) };
        let engine = policy.compile(Backend::Auto)?.with_threads(Some(1));
        let at = policy.at(at)?;
        // When the case's files were written says nothing.
        let mut times: BTreeMap<String, Option<Instant>> =
            policy.project().sources.keys().map(|name| (name.clone(), None)).collect();
        for (source, at) in as_of {
            times.insert(source.clone(), Some(policy.at(at)?.now));
        }
        let people = Population::load(&policy, &Wiring { as_of: times.clone(), ..Wiring::default() }, &at)?;
        let dir = project.dir().join("actual");
        let actual = if dir.is_dir() { Actual::load(&policy, dir)? } else { Actual::empty() };
        let memory = read_memory(&project.dir().join("memory.json"))?;
        let by_hand = ByHand::load(&policy, None, None)?;
        let background = background(&memory, &actual, &by_hand);
        let desired = engine.evaluate_with(&people, &at, &background);
        Ok(Made { project, engine, at, people, actual, memory, by_hand, desired, times })
    }

    /// The people and what was decided by hand of a case with the same policy and other data, without checking the policy
    /// anew. The files of this one are overwritten.
    ///
    /// # Errors
    /// Where the data can't be read.
    pub fn data_of(&self, case: &Case) -> Result<(Population, ByHand), Error> {
        for (name, text) in case.all_files().iter().filter(|f| f.0.ends_with(".csv")) {
            self.project.write(name, text).map_err(io)?;
        }
        let policy = self.engine.policy();
        Ok((Population::load(policy, &self.wiring(), &self.at)?, ByHand::load(policy, None, None)?))
    }

    /// What an evaluation reads beside the population.
    pub fn background(&self) -> Background {
        background(&self.memory, &self.actual, &self.by_hand)
    }

    /// Where the sources of the case are, and of when.
    pub fn wiring(&self) -> Wiring {
        Wiring { as_of: self.times.clone(), ..Wiring::default() }
    }

    /// Of when the sources of a case are.
    pub fn as_of(&self, case: &Case) -> BTreeMap<String, Instant> {
        let at = |at: &str| self.engine.policy().at(at).ok().map(|m| m.now);
        case.as_of.iter().filter_map(|(name, t)| Some((name.clone(), at(t)?))).collect()
    }

    /// The plan.
    pub fn plan(&self) -> Plan {
        self.engine.plan(&self.desired, &self.actual, &self.memory)
    }
}

fn background(memory: &Memory, actual: &Actual, by_hand: &ByHand) -> Background {
    let (memory, actual) = (Arc::new(memory.clone()), Some(actual.state()));
    Background { memory, actual, ..by_hand.background() }
}
