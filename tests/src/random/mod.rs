//! Random policies with random people: what tests that no one could write by hand are made of.
//!
//! [`Case::new`] makes a policy as text, with rows for its sources, tables and catalogs; [`Made::of`] loads and
//! evaluates it; [`Case::with_world`] adds what everyone has, from an earlier day and with drift, and what is remembered.
//! Invariant: a case is named by its seed, and passes `prov check` by construction.

mod apps;
mod beside;
mod census;
mod cond;
mod expr;
mod federation;
mod hand;
mod items;
mod limits;
mod made;
mod model;
mod people;
mod plan_lines;
mod rng;
mod rules;
mod schema;
mod sources;
mod value;
mod values;
mod world;

pub use beside::{Compared, compare};
pub use census::{Counts, FUNCTIONS, WORDS, census, functions};
pub use made::Made;
pub use people::Rows;
pub use plan_lines::{desired_lines, plan_lines, renamed};

use items::Item;
use rng::Rng;
use schema::Gen;
use std::collections::{BTreeMap, BTreeSet};

/// How a file ends that is cut off: within a cell in quotes.
const CUT: &str = "\"E1";

/// A policy with all that it is run on.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// What it was made from.
    pub seed: u64,
    /// The moment of evaluation, as `--at` takes it.
    pub at: String,
    /// Files of the policy: name, and items.
    pub files: Vec<(String, Vec<Text>)>,
    /// Rows by source.
    pub sources: Vec<(String, Rows)>,
    /// Rows by table.
    pub tables: Vec<(String, Rows)>,
    /// Values by app and kind.
    pub catalogs: Vec<(String, String, Rows)>,
    /// Of when sources are, by source.
    pub as_of: Vec<(String, String)>,
    /// `assignments.csv`; without columns where there is none.
    pub assignments: Rows,
    /// `exceptions.csv`.
    pub exceptions: Rows,
    /// `accounts.csv`; empty where nobody has an account.
    pub accounts: Rows,
    /// `entitlements.csv`.
    pub entitlements: Rows,
    /// `memory.json`; empty where nothing is remembered.
    pub memory: String,
    /// Names with what they are in a case of style 0.
    pub names: BTreeMap<String, String>,
    /// Sources whose files are cut off.
    pub cut: BTreeSet<String>,
    /// The number of identity types.
    pub types: usize,
}

/// An item of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The item.
    pub text: String,
    /// `module.function` of the standard library that it uses.
    pub uses: BTreeSet<String>,
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text { text: text.to_owned(), uses: BTreeSet::new() }
    }
}

impl From<Item> for Text {
    fn from(item: Item) -> Text {
        Text { text: item.text, uses: item.uses.into_iter().map(str::to_owned).collect() }
    }
}

/// What a case may hold beside that which the oracle has always read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Draws {
    /// `protect`.
    pub protect: bool,
    /// `limit`.
    pub limit: bool,
    /// `@stage(observe)`.
    pub stage: bool,
    /// Roles with parameters.
    pub params: bool,
    /// Second accounts.
    pub seconds: bool,
    /// Files of sources that are cut off.
    pub cut: bool,
    /// Names by `unique`, and `correlate`.
    pub names: bool,
}

impl Draws {
    /// Everything.
    pub const ALL: Draws = Draws {
        protect: true,
        limit: true,
        stage: true,
        params: true,
        seconds: true,
        cut: true,
        names: true,
    };
    /// Nothing that makes what one should have hang on what all others have.
    pub const ONE_BY_ONE: Draws = Draws {
        protect: false,
        limit: false,
        stage: true,
        params: true,
        seconds: true,
        cut: false,
        names: false,
    };
    /// What the oracle reads.
    pub const COMPARED: Draws = Draws {
        protect: true,
        limit: true,
        stage: true,
        params: true,
        seconds: true,
        cut: false,
        names: true,
    };
}

impl Case {
    /// The case of a seed.
    pub fn new(seed: u64) -> Case {
        Case::drawn(seed, 0, Draws::ALL)
    }

    /// The case of a seed for a comparison with the oracle.
    pub fn compared(seed: u64) -> Case {
        Case::drawn(seed, 0, Draws::COMPARED)
    }

    /// The case of a seed in which nothing of one hangs on what all others have.
    pub fn one_by_one(seed: u64) -> Case {
        Case::drawn(seed, 0, Draws::ONE_BY_ONE)
    }

    /// The case of a seed with other names of everything that is declared; style 0 is the ordinary one.
    pub fn styled(seed: u64, style: u64) -> Case {
        Case::drawn(seed, style, Draws::ALL)
    }

    fn drawn(seed: u64, style: u64, draws: Draws) -> Case {
        let mut g = Gen::new(seed, style, draws);
        let items = g.items();
        g.rng = Rng::new(seed, 2);
        let (sources, tables, catalogs) = (g.people(), g.tables(), g.catalogs());
        let (assignments, exceptions) = (g.assignments(), g.exceptions());
        let as_of = g.as_of(&sources);
        let cut = g.cut(&sources);
        let count = 1 + g.rng.below(3);
        let mut files: Vec<(String, Vec<Text>)> = ["main.prov", "rules/more.prov", "z.prov"][..count]
            .iter()
            .map(|n| ((*n).to_owned(), vec![]))
            .collect();
        for item in items {
            let at = g.rng.below(count);
            files[at].1.push(item.into());
        }
        for (_, items) in &mut files {
            g.rng.shuffle(items);
        }
        let hour =
            if g.rng.chance(25) { g.rng.word(&["T00:00:00Z", "T22:30:00Z", "T09:00:00+02:00"]) } else { "" };
        Case {
            seed,
            at: format!("{}{hour}", value::day(g.m.today)),
            files,
            sources,
            tables,
            catalogs,
            as_of,
            cut,
            assignments,
            exceptions,
            names: g.names.plain,
            types: g.m.identities.len(),
            ..Case::default()
        }
    }

    /// The texts of the policy's files, prov.toml included.
    pub fn texts(&self) -> Vec<(String, String)> {
        let mut out: Vec<(String, String)> = Vec::new();
        for (name, items) in &self.files {
            let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for used in items.iter().flat_map(|i| &i.uses) {
                if let Some((module, function)) = used.rsplit_once('.') {
                    modules.entry(module).or_default().insert(function);
                }
            }
            let mut text = String::new();
            for (module, functions) in modules {
                let list: Vec<&str> = functions.into_iter().collect();
                text += &format!("use {module}.{{{}}}\n", list.join(", "));
            }
            for item in items {
                text += &format!("{}\n", item.text);
            }
            out.push((name.clone(), text));
        }
        out.push(("prov.toml".into(), self.toml()));
        out
    }

    /// The tables of what people decided by hand, where they are there.
    fn by_hand(&self) -> impl Iterator<Item = (&'static str, &Rows)> {
        let all = [("assignments", &self.assignments), ("exceptions", &self.exceptions)];
        all.into_iter().filter(|(_, rows)| !rows.columns.is_empty())
    }

    fn toml(&self) -> String {
        let mut toml = String::from("name = \"case\"\n[sources]\n");
        for (name, _) in &self.sources {
            toml += &format!("{name} = \"data/{name}.csv\"\n");
        }
        toml += "[tables]\n";
        for (name, _) in &self.tables {
            toml += &format!("{name} = \"data/{name}.csv\"\n");
        }
        for (name, _) in self.by_hand() {
            toml += &format!("{name} = \"{name}.csv\"\n");
        }
        let apps: BTreeSet<&String> = self.catalogs.iter().map(|c| &c.0).collect();
        for app in apps {
            toml += &format!("[catalogs.{app}]\n");
            for (_, kind, _) in self.catalogs.iter().filter(|c| c.0 == *app) {
                toml += &format!("{kind} = \"data/{app}-{kind}.csv\"\n");
            }
        }
        toml
    }

    /// Every file of the case by name: the policy, its data, `actual/` and `memory.json`.
    pub fn all_files(&self) -> Vec<(String, String)> {
        let mut out = self.texts();
        for (name, sheet) in self.sources.iter().chain(&self.tables) {
            let cut = if self.cut.contains(name) { CUT } else { "" };
            out.push((format!("data/{name}.csv"), sheet.csv() + cut));
        }
        for (app, kind, sheet) in &self.catalogs {
            out.push((format!("data/{app}-{kind}.csv"), sheet.csv()));
        }
        for (name, rows) in self.by_hand() {
            out.push((format!("{name}.csv"), rows.csv()));
        }
        if !self.accounts.columns.is_empty() {
            out.push(("actual/accounts.csv".into(), self.accounts.csv()));
            out.push(("actual/entitlements.csv".into(), self.entitlements.csv()));
        }
        if !self.memory.is_empty() {
            out.push(("memory.json".into(), self.memory.clone()));
        }
        out
    }

    /// The whole case as one text, for a person who looks into it.
    pub fn show(&self) -> String {
        let mut out = format!("seed {}, at {}\n", self.seed, self.at);
        for (name, text) in self.all_files() {
            out += &format!("── {name} ──\n{text}\n");
        }
        out
    }
}
