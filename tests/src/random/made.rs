//! A case, loaded and evaluated. Invariant: everything goes through the public library, as a caller would do it.

use super::Case;
use crate::project::Project;
use prov::{
    Actual, Backend, Background, Desired, Engine, Error, Memory, Moment, Plan, Population, Wiring,
    read_memory,
};
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
    /// What everyone should have.
    pub desired: Desired,
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
        Made::of_files(&case.all_files(), &case.at)
    }

    /// The same from the files of a case.
    ///
    /// # Errors
    /// As [`Made::of`].
    pub fn of_files(files: &[(String, String)], at: &str) -> Result<Made, Error> {
        let project = Project::new().map_err(io)?;
        for (name, text) in files {
            project.write(name, text).map_err(io)?;
        }
        let loaded = project.check()?;
        let Some(policy) = loaded.policy else { return Err(loaded.report.into()) };
        let engine = policy.compile(Backend::Auto)?.with_threads(Some(1));
        let at = policy.at(at)?;
        let people = Population::load(&policy, &Wiring::default(), &at)?;
        let dir = project.dir().join("actual");
        let actual = if dir.is_dir() { Actual::load(&policy, dir)? } else { Actual::empty() };
        let memory = read_memory(&project.dir().join("memory.json"))?;
        let background = background(&memory, &actual);
        let desired = engine.evaluate_with(&people, &at, &background);
        Ok(Made { project, engine, at, people, actual, memory, desired })
    }

    /// What an evaluation reads beside the population.
    pub fn background(&self) -> Background {
        background(&self.memory, &self.actual)
    }

    /// The plan.
    pub fn plan(&self) -> Plan {
        self.engine.plan(&self.desired, &self.actual, &self.memory)
    }
}

fn background(memory: &Memory, actual: &Actual) -> Background {
    Background { memory: Arc::new(memory.clone()), actual: Some(actual.state()), ..Background::default() }
}
