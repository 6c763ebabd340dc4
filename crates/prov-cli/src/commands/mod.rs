//! One file a command, and what they share: from arguments to an engine, a population and a moment.

pub mod actual;
pub mod check;
pub mod eval;
pub mod explain;
pub mod explain_code;
pub mod fmt;
pub mod graph;
pub mod new;
pub mod plan;
pub mod profile;
pub mod prove;
pub mod query;
pub mod schedule;
pub mod shell;
pub mod test;

use crate::args::{BackendArg, When};
use crate::output::{Failure, Output};
use crate::progress::Progress;
use prov::{
    Actual, Backend, Background, ByHand, Engine, Memory, Moment, Phase, Policy, Population, Profiler, Wiring,
};
use std::path::Path;

/// A policy without errors; its warnings go to stderr.
pub fn policy(dir: &Path, out: &Output) -> Result<Policy, Failure> {
    let loaded = Policy::check(dir)?;
    match loaded.policy {
        Some(policy) => {
            out.report(&loaded.report);
            Ok(policy)
        }
        None => Err(prov::Error::from(loaded.report).into()),
    }
}

/// What most commands need.
pub struct Setting {
    pub engine: Engine,
    pub wiring: Wiring,
    pub people: Population,
    pub at: Moment,
    /// Memory, and what people decided by hand.
    pub background: Background,
}

/// Loads a policy and its population.
pub fn setting(dir: &Path, when: &When, out: &Output, progress: &Progress) -> Result<Setting, Failure> {
    setting_of(dir, when, out, progress, None)
}

/// The same, timed where there is a profiler.
pub fn setting_of(
    dir: &Path,
    when: &When,
    out: &Output,
    progress: &Progress,
    profiler: Option<&Profiler>,
) -> Result<Setting, Failure> {
    progress.doing("reading the policy");
    let policy = match profiler {
        Some(profiler) => profiler.time(Phase::Policy, || policy(dir, out))?,
        None => policy(dir, out)?,
    };
    let at = match &when.at {
        Some(text) => policy.at(text)?,
        None => policy.at_time(std::time::SystemTime::now()),
    };
    let backend = match out.global.backend {
        BackendArg::Auto => Backend::Auto,
        BackendArg::Interpreter => Backend::Interpreter,
        BackendArg::Columns => Backend::Columns,
        BackendArg::Jit => Backend::Jit,
    };
    let engine = policy.compile(backend)?.with_threads(out.global.threads.map(usize::from));
    progress.doing("reading the population");
    let as_of = when.as_of.iter().map(|(name, at)| Ok((name.clone(), Some(policy.at(at)?.now))));
    let as_of = as_of.collect::<Result<_, Failure>>()?;
    let wiring = Wiring { sources: when.sources.iter().cloned().collect(), as_of };
    let people = match profiler {
        Some(profiler) => Population::load_profiled(&policy, &wiring, &at, profiler)?,
        None => Population::load(&policy, &wiring, &at)?,
    };
    out.notices(&people.notices);
    if out.global.verbose {
        let sources = policy.schema().sources.len();
        out.say(&format!(
            "policy {} · at {} · {} identities from {sources} source(s)",
            policy.hash(),
            at.now,
            people.len()
        ));
    }
    let by_hand = ByHand::load(&policy, when.assignments.as_deref(), when.exceptions.as_deref())?;
    out.notices(&by_hand.notices);
    let wired = policy.project().memory.file.as_ref().map(|f| policy.dir().join(f));
    let memory = match when.memory.clone().or(wired) {
        Some(file) => prov::read_memory(&file)?,
        None => Memory::default(),
    };
    // What a state keeps is what was held when it was entered, and that may be now.
    let observed = policy.project().actual.dir.as_ref().map(|d| policy.dir().join(d)).filter(|d| d.is_dir());
    let actual = match observed.filter(|_| policy.schema().keeps_entitlements()) {
        Some(dir) => Some(Actual::load(&policy, dir)?.state()),
        None => None,
    };
    let background = Background { memory: memory.into(), actual, ..by_hand.background() };
    Ok(Setting { engine, wiring, people, at, background })
}

/// The actual state: that of a folder, else the one that prov.toml names.
pub fn actual(policy: &Policy, dir: Option<&Path>) -> Result<Actual, Failure> {
    let wired = policy.project().actual.dir.as_ref().map(|d| policy.dir().join(d));
    match dir.map(Path::to_owned).or(wired) {
        Some(dir) if dir.as_os_str() == "none" => Ok(Actual::empty()),
        Some(dir) => Ok(Actual::load(policy, dir)?),
        None => Err(Failure::Message(
            "nothing says what everyone has now".into(),
            "name the folder with `--actual DIR`, or under `[actual]` in prov.toml; `--actual none` plans from nothing".into(),
        )),
    }
}
