//! The command that makes workloads and measures on them. Invariant: what it prints as a result was compared with the known answer first.

use clap::{Parser, Subcommand};
use prov_benches::gate::{self, Verdict};
use prov_benches::{Error, delta, inside, org, pairs, table, w};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(name = "prov-benches", about = "Workloads with known answers, and what it costs to work them out")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write workload W into a folder: people, policy, actual state, answer
    Write {
        /// How many people
        #[arg(long, default_value_t = 100_000)]
        people: u32,
        /// How many rules
        #[arg(long, default_value_t = 100)]
        rules: u32,
        /// What everything is drawn from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The folder
        dir: PathBuf,
    },
    /// Run Prov and its peers on the cells, and write the table
    Table(TableArgs),
    /// Count the instructions of one small plan, and hold them against the committed count
    Gate {
        /// Write the count instead
        #[arg(long)]
        renew: bool,
        /// Where the workload is kept
        #[arg(long, default_value = "target/benches")]
        work: PathBuf,
        /// The committed count
        #[arg(long, default_value = "benches/gate.txt")]
        count: PathBuf,
        /// The command to measure; built, if not given
        #[arg(long)]
        prov: Option<PathBuf>,
    },
    /// Measure one engine within this process, on a folder that `write` made, and print what it needed as JSON
    Inside {
        /// prov, hand; with the feature `peers` also cel and cedar
        who: String,
        /// The folder
        dir: PathBuf,
        /// Write it into a file instead
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Write the second workload, a company with managers, jobs, accounts and leavers, into a folder
    WriteCompany {
        /// How many people
        #[arg(long, default_value_t = 10_000)]
        people: u32,
        /// How many rules beside those that every company has
        #[arg(long, default_value_t = 100)]
        rules: u32,
        /// What everything is drawn from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The folder
        dir: PathBuf,
    },
    /// Time the backends on policies whose conditions read several attributes, in this process
    Pairs {
        /// People × rules
        #[arg(long, value_delimiter = ',', value_parser = cell, default_value = "1000x12,10000x12,100000x12,100000x120")]
        cells: Vec<(u32, u32)>,
        /// How often each runs
        #[arg(long, default_value_t = 3)]
        runs: usize,
        /// Threads
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// A day of changes of single people in a session, on a folder that `write` or `write-company` made: the answer is compared
    /// with a plan of everyone, then a histogram of latencies is printed
    Delta {
        /// How many changes
        #[arg(long, default_value_t = 50_000)]
        changes: u32,
        /// What they are drawn from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The folder
        dir: PathBuf,
    },
    /// Compare a plan in JSON Lines with the answer of a folder that `write` made
    Check {
        /// The plan
        plan: PathBuf,
        /// The folder
        dir: PathBuf,
    },
}

#[derive(clap::Args)]
struct TableArgs {
    /// People × rules
    #[arg(long, value_delimiter = ',', value_parser = cell, default_value = "100000x100,1000000x100,1000000x1000,100000x10000")]
    cells: Vec<(u32, u32)>,
    /// How often Prov and each peer run in turn
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Which peers: duckdb, polars, or `none`
    #[arg(long, value_delimiter = ',', default_value = "duckdb,polars")]
    peers: Vec<String>,
    /// How Prov evaluates; the first is who the others are compared with
    #[arg(long, value_delimiter = ',', default_value = "auto")]
    backends: Vec<String>,
    /// What Prov reads: csv or parquet
    #[arg(long, default_value = "csv", value_parser = ["csv", "parquet"])]
    input: String,
    /// Seconds after which one run is stopped
    #[arg(long, default_value_t = 900)]
    limit: u64,
    /// Where workloads and peers are kept
    #[arg(long, default_value = "target/benches")]
    work: PathBuf,
    /// Where the table goes
    #[arg(long, default_value = "benches/results")]
    results: PathBuf,
    /// The command to measure; built, if not given
    #[arg(long)]
    prov: Option<PathBuf>,
}

/// `100000x1000`
fn cell(text: &str) -> Result<(u32, u32), String> {
    let numbers = text.split_once(['x', '×']).map(|(n, r)| (n.trim().parse(), r.trim().parse()));
    match numbers {
        Some((Ok(people), Ok(rules))) if people > 0 && rules > 0 => Ok((people, rules)),
        _ => Err("a cell is people x rules, as 100000x1000".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(Args::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: What) -> Result<(), Error> {
    match what {
        What::Write { people, rules, seed, dir } => {
            let answer = w::write(w::Cell { people, rules, seed }, &dir)?;
            let sets = answer.sets;
            println!(
                "{} people have {} entitlements and should have {}: {} to grant, {} to revoke",
                answer.n, sets.actual.count, sets.desired.count, sets.adds.count, sets.removes.count
            );
            Ok(())
        }
        What::Table(args) => {
            let path = table::table(&table::Settings {
                cells: args.cells,
                pairs: args.pairs.max(1),
                peers: args.peers.into_iter().filter(|p| p != "none").collect(),
                backends: args.backends,
                input: args.input,
                limit: Duration::from_secs(args.limit),
                prov: args.prov.map_or_else(table::build, Ok)?,
                work: args.work,
                results: args.results,
            })?;
            println!("wrote {}", path.display());
            Ok(())
        }
        What::Gate { renew, work, count, prov } => {
            let prov = prov.map_or_else(table::build, Ok)?;
            match gate::gate(&prov, &work, &count, renew)? {
                Verdict::Skipped => {
                    println!("SKIPPED: there is no valgrind here, so no instructions were counted")
                }
                Verdict::Good(now) => println!("{now} instructions"),
                Verdict::Better(now, before) => {
                    println!(
                        "{now} instructions, and {before} are committed: renew the count with `gate --renew`"
                    );
                }
                Verdict::Worse(now, before) => {
                    return Err(Error::Other(format!(
                        "{now} instructions, {:.1} % more than the {before} that are committed. Where they go:                          `callgrind_annotate {}/gate/callgrind.out`; if they are worth it: `gate --renew`",
                        (now as f64 / before as f64 - 1.0) * 100.0,
                        work.display()
                    )));
                }
            }
            Ok(())
        }
        What::Inside { who, dir, out } => {
            let answer = w::Answer::read(&dir)?;
            let cell = w::Cell { people: answer.n, rules: answer.r, seed: answer.seed };
            let found = inside::inside(&who, cell, &dir)?;
            let text = serde_json::to_string(&found).map_err(|e| Error::Other(e.to_string()))?;
            match out {
                Some(path) => std::fs::write(&path, text).map_err(prov_benches::io(path)),
                None => {
                    println!("{text}");
                    Ok(())
                }
            }
        }
        What::WriteCompany { people, rules, seed, dir } => {
            org::write(org::Company { people, rules, seed }, &dir)
        }
        What::Pairs { cells, runs, threads } => {
            use prov::Backend::{Auto, Columns, Interpreter, Jit};
            println!(
                "| people × rules | for | interpreter | columns | jit | auto |\n| --- | --- | --- | --- | --- | --- |"
            );
            for (people, rules) in cells {
                for narrow in [false, true] {
                    let of = pairs::Pairs { people, rules, narrow };
                    let found = pairs::measure(of, &[Interpreter, Columns, Jit, Auto], runs, threads)?;
                    let times: Vec<String> =
                        found.times.iter().map(|t| format!("{:.1} ms", t.as_secs_f64() * 1e3)).collect();
                    let whom = if narrow { "one department" } else { "all" };
                    println!("| {people} × {rules} | {whom} | {} |", times.join(" | "));
                }
            }
            Ok(())
        }
        What::Delta { changes, seed, dir } => {
            print!("{}", delta::delta(&dir, changes, seed)?);
            Ok(())
        }
        What::Check { plan, dir } => {
            let answer = w::Answer::read(&dir)?;
            let rules = w::Rules::new(answer.r, answer.seed);
            answer.compare(w::check_plan(&plan, &rules)?)?;
            println!("equal: {} grants, {} revokes", answer.sets.adds.count, answer.sets.removes.count);
            Ok(())
        }
    }
}
