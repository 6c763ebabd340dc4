//! `prov plan`

use super::{Setting, actual, setting};
use crate::args::{Format, PlanArgs};
use crate::output::{Done, Failure, Output, write_file};
use crate::progress::Progress;
use prov::{Plan, plan_csv, plan_human};
use std::io::{BufWriter, Write};

pub fn run(args: &PlanArgs, out: &Output) -> Done {
    let progress = Progress::new(out);
    let Setting { engine, people, at, background, .. } = setting(&args.dir, &args.when, out, &progress)?;
    let policy = engine.policy();
    progress.doing("reading the actual state");
    let actual = actual(policy, args.actual.as_deref())?;
    out.notices(&actual.notices);
    progress.doing("evaluating and comparing");
    let planned = engine.plan_people(&people, &actual, &at, &background);
    let plan = planned.plan();
    if let Some(path) = &args.out {
        progress.doing("writing");
        let csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        write_file(path, |mut w| if csv { plan_csv::write(plan, &mut w) } else { plan.write_jsonl(&mut w) })?;
    }
    if let Some(path) = &args.memory_out {
        prov::write_memory(path, &planned.memory_after())?;
    }
    if let Some(path) = &args.actual_out {
        super::actual::write(&actual.after(policy, plan), policy, path)?;
    }
    drop(progress);
    show(plan, args, out)?;
    if let Some(path) = &args.out {
        out.say(&format!("wrote {}", path.display()));
    }
    let tripped = plan.tripped().next().is_some();
    Ok(if tripped {
        3
    } else if plan.is_empty() {
        0
    } else {
        2
    })
}

fn show(plan: &Plan, args: &PlanArgs, out: &Output) -> Result<(), Failure> {
    let mut w = BufWriter::new(std::io::stdout().lock());
    match out.format() {
        Format::Human => {
            let mut options = plan_human::HumanOptions { color: out.color(), ..Default::default() };
            if args.by_app {
                options.by = plan_human::Grouping::App;
            }
            if args.all {
                options.limit = usize::MAX;
            }
            plan_human::write(plan, &options, &mut w)?;
        }
        Format::Json => writeln!(w, "{:#}", plan.json())?,
        Format::Jsonl => plan.write_jsonl(&mut w)?,
        Format::Csv => plan_csv::write(plan, &mut w)?,
        // Not for this command, which has been said.
        Format::Junit | Format::Tap => {}
    }
    Ok(w.flush()?)
}
