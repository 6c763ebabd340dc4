//! The command that makes workloads. Invariant: what it prints as a result was compared with the known answer first.

use clap::{Parser, Subcommand};
use prov_benches::{Error, w};
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Compare a plan in JSON Lines with the answer of a folder that `write` made
    Check {
        /// The plan
        plan: PathBuf,
        /// The folder
        dir: PathBuf,
    },
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
        What::Check { plan, dir } => {
            let answer = w::Answer::read(&dir)?;
            let rules = w::Rules::new(answer.r, answer.seed);
            answer.compare(w::check_plan(&plan, &rules)?)?;
            println!("equal: {} grants, {} revokes", answer.sets.adds.count, answer.sets.removes.count);
            Ok(())
        }
    }
}
