//! `prov test`

use super::policy;
use crate::args::{CoverageArg, Format, TestArgs};
use crate::output::{Done, Failure, Output, write_file};
use crate::progress::Progress;
use prov::Policy;
use prov::testing::{self, Options, Pending, Snapshots, TestRun};
use std::io::IsTerminal;
use std::path::Path;

pub fn run(args: &TestArgs, out: &Output) -> Done {
    let (dir, filter) = match args.dir_and_filter.as_slice() {
        [dir, filter] => (dir.as_str(), Some(filter.clone())),
        // A single word that is no folder is what the tests of this one are filtered by.
        [filter] if !Path::new(filter).exists() => (".", Some(filter.clone())),
        [dir] => (dir.as_str(), None),
        _ => (".", None),
    };
    let progress = Progress::new(out);
    let policy = policy(Path::new(dir), out)?;
    progress.doing("running tests");
    let snapshots = if args.accept { Snapshots::Accept } else { Snapshots::Pend };
    let coverage = args.coverage.is_some() || args.lcov.is_some() || args.coverage_min.is_some();
    let options = Options {
        filter,
        threads: out.global.threads.map(usize::from),
        snapshots,
        coverage,
        every_day: false,
    };
    if args.mutate {
        progress.doing("changing the policy");
        let mutants = testing::mutate(&policy, &options)?;
        drop(progress);
        match out.format() {
            Format::Json | Format::Jsonl => out.json(&testing::mutants_json(&mutants))?,
            Format::Human | Format::Csv | Format::Junit | Format::Tap => {
                out.print(&testing::mutants_human(&mutants))?
            }
        }
        return Ok(0);
    }
    let mut run = testing::run(&policy, &options);
    drop(progress);
    let waiting = testing::pending(&policy);
    if args.review && !waiting.is_empty() && review(&waiting, out)? {
        run = testing::run(&policy, &options);
    }
    match (&run.coverage, args.coverage) {
        (Some(coverage), Some(CoverageArg::Lcov)) => out.print(&testing::lcov(coverage))?,
        _ => show(&policy, &run, out, args.coverage.is_some())?,
    }
    if let (Some(coverage), Some(path)) = (&run.coverage, &args.lcov) {
        write_file(path, |w| w.write_all(testing::lcov(coverage).as_bytes()))?;
        out.say(&format!("wrote {}", path.display()));
    }
    if args.review && testing::pending(&policy).is_empty() {
        out.say("no snapshot waits for a review");
    }
    let unreferenced = if options.filter.is_none() { testing::unreferenced(&policy) } else { Vec::new() };
    for path in &unreferenced {
        out.say(&format!(
            "no test names the snapshot {}: delete it, if it is of no more use",
            path.display()
        ));
    }
    if run.results.is_empty() && run.filtered == 0 {
        out.say("this policy has no tests; a test is `test \"…\" { given … at … expect … }`");
    }
    let mut fine = run.passed();
    if let (Some(coverage), Some(least)) = (&run.coverage, args.coverage_min) {
        let percent = coverage.percent();
        if percent < least {
            fine = false;
            out.say(&format!("coverage is {percent:.1}%, less than {least}%"));
        }
    }
    Ok(u8::from(!fine))
}

fn show(policy: &Policy, run: &TestRun, out: &Output, cover: bool) -> Result<(), Failure> {
    match out.format() {
        Format::Human => {
            let lines: String = run.results.iter().map(|r| testing::human_test(r, out.color())).collect();
            let covered = run.coverage.as_ref().filter(|_| cover).map(testing::coverage_human);
            out.print(
                &(lines + &testing::human_summary(policy, run, out.color()) + &covered.unwrap_or_default()),
            )
        }
        Format::Json => out.json(&testing::json(policy, run)),
        Format::Jsonl => out.print(&testing::jsonl(policy, run)),
        Format::Junit => out.print(&testing::junit(policy, run)),
        Format::Tap => out.print(&testing::tap(policy, run)),
        Format::Csv => Err(Failure::Message(
            "tests are not told as CSV".into(),
            "`prov test --format` takes human, json, jsonl, junit or tap".into(),
        )),
    }
}

/// Asks about each snapshot on a terminal; elsewhere lists them. Whether one was accepted.
fn review(waiting: &[Pending], out: &Output) -> Result<bool, Failure> {
    let terminal = dialoguer::console::Term::stderr();
    let asks = std::io::stdin().is_terminal() && terminal.is_term();
    let mut accepted = false;
    for (i, pending) in waiting.iter().enumerate() {
        out.say(&format!("\n{} of {}: {}\n{}", i + 1, waiting.len(), pending.source, pending.path.display()));
        out.say(&pending.diff);
        if !asks {
            continue;
        }
        out.say("a accept · r reject · s skip · q stop");
        loop {
            match terminal.read_char() {
                Ok('a') => {
                    testing::accept(pending)?;
                    accepted = true;
                }
                Ok('r') => testing::reject(pending)?,
                Ok('s') => {}
                Ok('q') | Err(_) => return Ok(accepted),
                Ok(_) => continue,
            }
            break;
        }
    }
    if !asks {
        out.say("this is no terminal: `prov test --accept` takes all of them");
    }
    Ok(accepted)
}
