//! What the command line takes. Help, man pages, completions and the docs' command pages come from here.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Policy as code for who gets access to what.
#[derive(Debug, Parser)]
#[command(name = "prov", version, about = "Policy as code for who gets access to what", long_about = None, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Begin with `prov new acme --template company`, then `prov plan acme --at 2026-03-02`."
)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, ClapArgs)]
pub struct Global {
    /// How to write the result
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, help_heading = "Everywhere")]
    pub format: Format,
    /// Colours: on a terminal, always, or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "Everywhere")]
    pub color: Color,
    /// Say only what was asked for: no warnings, no progress
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
    /// Say on stderr what was read and how long each step took
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub verbose: bool,
    /// How many threads to use; the result does not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Everywhere")]
    pub threads: Option<u16>,
    /// What runs the policy
    #[arg(long, global = true, value_enum, default_value_t = BackendArg::Auto, help_heading = "Everywhere")]
    pub backend: BackendArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values
    Csv,
    /// JUnit's XML, for `prov test`
    Junit,
    /// The Test Anything Protocol, for `prov test`
    Tap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackendArg {
    /// The best there is
    Auto,
    /// One identity after another
    Interpreter,
    /// Everyone at once, over columns
    Columns,
    /// Columns, with conditions over several attributes compiled to machine code
    Jit,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a policy that checks and plans at once, with sample data
    New(NewArgs),
    /// Parse, resolve and type-check a policy
    Check(CheckArgs),
    /// Lay a policy's files out in the one canonical way
    Fmt(FmtArgs),
    /// Run the tests that stand in a policy
    ///
    /// Exit code: 0 all passed (or there are none), 1 one failed, or an error.
    Test(TestArgs),
    /// Decide what a policy claims of everyone there can be, whoever is in the data
    ///
    /// Exit code: 0 all proved (or it claims nothing), 1 one refuted, or an error, 2 none refuted but some can't be told.
    Prove(ProveArgs),
    /// What everyone should have
    Eval(EvalArgs),
    /// Desired against actual: what is to be done, in order, and why
    ///
    /// Exit code: 0 nothing to do, 2 changes, 3 a guard tripped, 1 an error.
    Plan(PlanArgs),
    /// What everyone has: pack it into one file that is read at once
    Actual(ActualArgs),
    /// What a plan costs: each phase, each rule, and whom the interpreter is asked about
    Profile(ProfileArgs),
    /// What changes in the days to come, as the data stand: when, who, what and why
    Schedule(ScheduleArgs),
    /// Why someone holds something, or why not: rules, conditions, values
    Explain(ExplainArgs),
    /// What a code such as P0250 means, with a bad and a good example
    ExplainCode(ExplainCodeArgs),
    /// The people for whom an expression holds
    Query(QueryArgs),
    /// Roles, what they include and grant, and which account comes first, as a graph
    Graph(GraphArgs),
    /// Completions for a shell, on stdout
    Completions(CompletionsArgs),
    /// The manual page, on stdout, or one a command into a folder
    Man(ManArgs),
}

/// Which policy, which data, and when.
#[derive(Debug, Clone, ClapArgs)]
pub struct When {
    /// The day (2026-03-02) or instant (2026-03-02T09:30:00Z) to look at; now, if not given
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// Read a source from this file instead of the one in prov.toml
    #[arg(long = "source", value_name = "NAME=FILE", value_parser = parse_source)]
    pub sources: Vec<(String, PathBuf)>,
    /// Of when a source is (a day or an instant), for guards on its age; when its file was last changed, if not given
    #[arg(long = "as-of", value_name = "NAME=DATE", value_parser = parse_as_of)]
    pub as_of: Vec<(String, String)>,
    /// Roles that were given by hand: a table instead of the one in prov.toml
    #[arg(long, value_name = "FILE")]
    pub assignments: Option<PathBuf>,
    /// What reviewers denied or allowed: a table instead of the one in prov.toml
    #[arg(long, value_name = "FILE")]
    pub exceptions: Option<PathBuf>,
    /// What is remembered of earlier runs, as JSON, or SQLite (.sqlite, .sqlite3, .db); a file that is not there is empty
    #[arg(long, value_name = "FILE")]
    pub memory: Option<PathBuf>,
}

fn parse_source(s: &str) -> Result<(String, PathBuf), String> {
    match s.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err("write NAME=FILE, as in `--source hr=people.csv`".into()),
    }
}

fn parse_as_of(s: &str) -> Result<(String, String), String> {
    match s.split_once('=') {
        Some((name, at)) if !name.is_empty() && !at.is_empty() => Ok((name.to_owned(), at.to_owned())),
        _ => Err("write NAME=DATE, as in `--as-of hr=2026-03-02T06:00:00Z`".into()),
    }
}

#[derive(Debug, ClapArgs)]
pub struct NewArgs {
    /// The folder to make
    pub dir: PathBuf,
    /// What to start from
    #[arg(long, value_enum, default_value_t = TemplateArg::Minimal)]
    pub template: TemplateArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateArg {
    /// One page of policy, eight people, two apps
    Minimal,
    /// 1,200 people in three countries, ten apps, and the mess that real data has
    Company,
    /// A university of eighty people, students and staff and both, six apps
    Campus,
}

#[derive(Debug, ClapArgs)]
pub struct CheckArgs {
    /// The policy's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Print the checked policy as the engines see it
    #[arg(long, value_enum)]
    pub emit: Option<Emit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// The rule program
    Ir,
}

#[derive(Debug, ClapArgs)]
pub struct FmtArgs {
    /// A policy's folder, or single `.prov` files
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, ClapArgs)]
pub struct TestArgs {
    /// The policy's folder, if not the current one; then only tests whose `FILE: NAME` holds a text
    #[arg(num_args = 0..=2, value_names = ["DIR", "FILTER"])]
    pub dir_and_filter: Vec<String>,
    /// Look at plans that are not as their snapshots say, one by one: accept, reject or skip
    #[arg(long, conflicts_with = "accept")]
    pub review: bool,
    /// Take all plans that are not as their snapshots say as the new snapshots
    #[arg(long)]
    pub accept: bool,
    /// Say which rules, conditions and clauses no test reaches; `lcov` writes LCOV's format to stdout in the place of the outcomes
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "human")]
    pub coverage: Option<CoverageArg>,
    /// Write coverage to this file in LCOV's format
    #[arg(long, value_name = "FILE")]
    pub lcov: Option<PathBuf>,
    /// Exit with 1 where coverage is less than this share, in percent
    #[arg(long, value_name = "PERCENT")]
    pub coverage_min: Option<f64>,
    /// Change the policy in one place at a time and say which changes no test notices
    #[arg(long, conflicts_with_all = ["review", "accept", "coverage", "lcov", "coverage_min"])]
    pub mutate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CoverageArg {
    /// For people
    Human,
    /// LCOV's trace format
    Lcov,
}

#[derive(Debug, ClapArgs)]
pub struct ProveArgs {
    /// The policy's folder, if not the current one; then the names of proofs, or all
    #[arg(num_args = 0.., value_names = ["DIR", "NAME"])]
    pub dir_and_names: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub struct EvalArgs {
    /// The policy's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Only these identities
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub id: Vec<String>,
    /// Write the desired state as an actual state: accounts.csv and entitlements.csv into this folder, or one packed file
    /// whose name ends in .provstate
    #[arg(long, value_name = "DIR")]
    pub as_actual: Option<PathBuf>,
    #[command(flatten)]
    pub when: When,
}

#[derive(Debug, ClapArgs)]
pub struct PlanArgs {
    /// The policy's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The actual state: a folder with accounts.csv and entitlements.csv, a packed file (.provstate), or `none` for a start
    /// from nothing
    #[arg(long, value_name = "DIR")]
    pub actual: Option<PathBuf>,
    /// Write what everyone has once the plan has been carried out: into a folder, or one packed file (.provstate)
    #[arg(long, value_name = "DIR")]
    pub actual_out: Option<PathBuf>,
    /// Write the plan to this file: JSON Lines, or CSV if its name ends in .csv
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write what is to be remembered once the plan has been carried out: JSON, or SQLite by the name's end
    #[arg(long, value_name = "FILE")]
    pub memory_out: Option<PathBuf>,
    /// Group by app instead of by person
    #[arg(long)]
    pub by_app: bool,
    /// Show everyone, however many
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub when: When,
}

#[derive(Debug, ClapArgs)]
pub struct ActualArgs {
    #[command(subcommand)]
    pub command: ActualCommand,
}

#[derive(Debug, Subcommand)]
pub enum ActualCommand {
    /// Pack accounts and entitlements (.csv, .jsonl, .parquet, …) into one file for `--actual`
    Pack(PackArgs),
}

#[derive(Debug, ClapArgs)]
pub struct PackArgs {
    /// The folder that holds them
    #[arg(value_name = "DIR", default_value = "actual")]
    pub dir: PathBuf,
    /// The file to write; its name ends in .provstate
    #[arg(long, value_name = "FILE", default_value = "state.provstate")]
    pub out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct ProfileArgs {
    /// The policy's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The actual state, as `plan` takes it
    #[arg(long, value_name = "DIR")]
    pub actual: Option<PathBuf>,
    /// Show so many rules, the dearest first
    #[arg(long, value_name = "N", default_value_t = 15, conflicts_with = "all")]
    pub top: usize,
    /// Show all rules
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub when: When,
}

#[derive(Debug, ClapArgs)]
pub struct ScheduleArgs {
    /// The policy's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Look ahead up to this day or instant
    #[arg(long, value_name = "DATE", conflicts_with = "days")]
    pub until: Option<String>,
    /// Look so many days ahead
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub days: u16,
    /// Only this identity
    #[arg(long, value_name = "KEY")]
    pub id: Option<String>,
    /// The actual state to start from, as `plan` takes it; what is to be done now is taken as done
    #[arg(long, value_name = "DIR")]
    pub actual: Option<PathBuf>,
    #[command(flatten)]
    pub when: When,
}

#[derive(Debug, ClapArgs)]
pub struct ExplainArgs {
    /// Whom: the key of an identity
    pub key: String,
    /// What: an app, or an entitlement such as `ad.group("all-staff")`; everything, if not given
    pub what: Option<String>,
    /// The policy's folder
    #[arg(long, short = 'p', default_value = ".", value_name = "DIR")]
    pub policy: PathBuf,
    #[command(flatten)]
    pub when: When,
}

#[derive(Debug, ClapArgs)]
pub struct ExplainCodeArgs {
    /// The code; all of them are listed, if not given
    pub code: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub struct QueryArgs {
    /// The policy's folder, if not the current one, then the expression
    #[arg(num_args = 1..=2, value_names = ["DIR", "EXPR"], required = true)]
    pub dir_and_expr: Vec<String>,
    /// Only how many
    #[arg(long)]
    pub count: bool,
    /// The identity type, where the policy has several
    #[arg(long = "for", value_name = "TYPE")]
    pub identity: Option<String>,
    #[command(flatten)]
    pub when: When,
}

#[derive(Debug, ClapArgs)]
pub struct GraphArgs {
    /// The policy's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The language of the graph
    #[arg(long, value_enum, default_value_t = GraphArg::Dot)]
    pub to: GraphArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphArg {
    /// Graphviz
    Dot,
    /// Mermaid, for Markdown
    Mermaid,
}

#[derive(Debug, ClapArgs)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub struct ManArgs {
    /// Write one page a command into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
