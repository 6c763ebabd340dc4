//! A plain second reading of `docs/reference`: what everyone should have, what is to be done, what is remembered.
//!
//! It is slow and obvious, and shares nothing with the engines but types and the syntax tree: it evaluates one identity
//! at a time, straight over the tree, and asks for what it needs when it needs it. Tests hold the engines against it.
//!
//! Invariant: no meaning is taken from `prov_model`, `prov_compile`, `prov_eval` or `prov_plan`; where this and they
//! differ, the reference says who is wrong.
//!
//! # The canonical form
//!
//! Everything comes out as lines that another engine's result can be rendered to. Names of accounts and values stand in
//! quotes as Rust's `{:?}` writes them; `-` stands for what is not there.
//!
//! Actions are the lines of a plan as JSON Lines, byte for byte and in its order.
//!
//! Findings are such lines too, each once, without `message` and `column`; of a rejected row without `code`. Files of data
//! stand without their folder. What guards say stands as in the header, any `notice` as `notice`. Of the header itself there is
//! what follows from the data: `at`, `today`, `zone`, `people` and `sources`.
//!
//! The state of an identity is its name, `unknown` where it can't be known, `-` where its type has none; behind it
//! ` held` where the identity is held. What it should have are its entitlements, `APP.KIND VALUE`, then its accounts,
//! `account APP NAME ATTRIBUTE=VALUE … enabled` or `… disabled`.

mod action;
mod actual;
mod assigned;
mod calendar;
mod cause;
mod decide;
mod entered;
mod entitlement;
mod eval;
mod facts;
mod federation;
mod found;
mod functions;
mod good;
mod granted;
mod grants;
mod guards;
mod hand;
mod instances;
mod keep;
mod links;
mod names;
mod order;
mod pattern;
mod person;
mod plan;
mod policy;
mod protect;
mod roles;
mod settle;
mod sources;
mod types;
mod value;
mod why;
mod world;
mod would;
mod zones;

use eval::{Eval, Stop};
use plan::Planner;
use prov_model::{Instant, Memory, RawTable};
use std::collections::BTreeMap;

/// What an outcome follows from.
pub struct Case<'a> {
    /// The `.prov` modules: name and text.
    pub files: &'a [(String, String)],
    /// The zone of prov.toml.
    pub zone: Option<&'a str>,
    /// Rows by source.
    pub sources: &'a BTreeMap<String, RawTable>,
    /// Of when sources are, where that is known.
    pub as_of: &'a BTreeMap<String, Instant>,
    /// Rows by table.
    pub tables: &'a BTreeMap<String, RawTable>,
    /// Values by app and kind.
    pub catalogs: &'a BTreeMap<(String, String), Vec<String>>,
    /// The actual accounts, with the columns that files.md says.
    pub accounts: &'a RawTable,
    /// The actual entitlements.
    pub entitlements: &'a RawTable,
    /// Roles that were given by hand.
    pub assignments: &'a RawTable,
    /// Reviewers' decisions.
    pub exceptions: &'a RawTable,
    /// What is known of the past.
    pub memory: &'a Memory,
    /// A day or an instant.
    pub at: &'a str,
}

/// What follows, in the canonical form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What is to be done: the lines of a plan, in its order.
    pub actions: Vec<String>,
    /// What was found, in order.
    pub findings: Vec<String>,
    /// What guards say.
    pub guards: Vec<String>,
    /// What the header says of the data.
    pub header: String,
    /// By identity of the population.
    pub states: BTreeMap<String, String>,
    /// By identity of the population: entitlements, then accounts, each sorted.
    pub desired: BTreeMap<String, Vec<String>>,
    /// The memory afterwards, as JSON, without last good records.
    pub memory: String,
}

/// The outcome of a case whose policy has passed `prov check`.
///
/// # Errors
/// Where the policy is broken or has what is not read here (`not read: …`), and where a table or the actual state can't
/// be used.
pub fn run(case: &Case<'_>) -> Result<Outcome, String> {
    let trees = policy::Trees::read(case.files)?;
    let observed = policy::Policy::new(&trees)?.observed();
    let run = |stage| Run::new(case, &trees, stage);
    let now = run(policy::Stage::default())?;
    // What is observed is tried on the same people, all at once, and without what withholds.
    let all = if observed == policy::Stage::default() { None } else { Some(run(observed)?) };
    let giving = policy::Stage { withholds: false, ..observed };
    let giving = if observed.gives && observed.withholds { Some(run(giving)?) } else { None };
    let mut out = Outcome::default();
    for (position, decision) in now.decisions.iter().enumerate() {
        let id = &now.world.people[position].id;
        out.states.insert(id.clone(), state(&now.world, position, decision));
        out.desired.insert(id.clone(), desired(decision));
    }
    let planner = Planner {
        world: &now.world,
        actual: &now.actual,
        links: &now.links,
        memory: case.memory,
        decisions: &now.decisions,
        left: &now.left,
        sources: case.sources,
        as_of: case.as_of,
        trial: all.as_ref(),
        giving: giving.as_ref().or(all.as_ref()).filter(|_| observed.gives),
    };
    let rows = case.sources.iter().map(|(name, rows)| (name.clone(), rows.len() as u64)).collect();
    let lines = planner.plan(&rows).map_err(told)?;
    let memory = planner.memory_after(&rows, &lines).map_err(told)?.to_json();
    out.actions = lines.acts.iter().map(action::Act::json).collect();
    out.findings = found::lines(&lines.findings);
    out.guards = lines.guards;
    out.header = planner.header();
    out.memory = memory;
    Ok(out)
}

fn told(stop: Stop) -> String {
    match stop {
        Stop::Bug(why) => why,
        Stop::Unknown => "what can't be known was asked for".to_owned(),
        Stop::Failed => "a mapping outside of a source".to_owned(),
    }
}

/// What is decided for everyone.
struct Run<'a> {
    world: world::World<'a>,
    actual: actual::Actual,
    links: links::Links,
    left: BTreeMap<String, usize>,
    /// By position in the population.
    decisions: Vec<decide::Decision<'a>>,
}

impl<'a> Run<'a> {
    fn new(case: &Case<'a>, trees: &'a policy::Trees, stage: policy::Stage) -> Result<Run<'a>, String> {
        let policy = policy::Policy::new(trees)?;
        let mut world = world::World::new(trees, policy, case.zone, case.catalogs, case.memory, case.at)?;
        world.stage = stage;
        let mut hand = hand::Hand::read(case.assignments, case.exceptions)?;
        world.check_arguments(&mut hand);
        world.hand = std::rc::Rc::new(hand);
        world.read_tables(case.tables)?;
        world.read_people(case.sources)?;
        let mut actual = world.read_actual(case.accounts, case.entitlements)?;
        let links = world.give_names(&mut actual, case.memory).map_err(told)?;
        world.note_entries(&actual, case.memory).map_err(told)?;
        world.read_good(case.memory);
        let left = world.left_unseen(case.memory).map_err(told)?;
        let mut decisions = Vec::new();
        for position in 0..world.people.len() {
            decisions.push(Eval::new(&world).decide(position).map_err(told)?);
        }
        Ok(Run { world, actual, links, left, decisions })
    }
}

fn state(world: &world::World<'_>, position: usize, decision: &decide::Decision<'_>) -> String {
    let has_states = world.policy.lifecycles.contains_key(world.people[position].of.as_str());
    let name = match Eval::new(world).state_def(position, decision.state) {
        Some(state) => state.name.text.clone(),
        None if has_states => "unknown".to_owned(),
        None => "-".to_owned(),
    };
    if decision.held { name + " held" } else { name }
}

fn desired(decision: &decide::Decision<'_>) -> Vec<String> {
    let mut held: Vec<String> =
        decision.entitlements.iter().map(|e| format!("{}.{} {:?}", e.app, e.kind, e.value)).collect();
    held.sort();
    let mut accounts: Vec<String> = decision
        .accounts
        .iter()
        .map(|a| {
            let mut attributes = a.attributes.iter();
            let name = attributes.next().map_or("", |(_, v)| v);
            let others: String = attributes.map(|(k, v)| format!(" {k}={v:?}")).collect();
            format!("account {} {name:?}{others} {}", a.app, if a.enabled { "enabled" } else { "disabled" })
        })
        .collect();
    accounts.sort();
    held.append(&mut accounts);
    held
}
