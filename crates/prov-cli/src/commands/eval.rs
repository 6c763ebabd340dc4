//! `prov eval`

use super::{Setting, setting};
use crate::args::{EvalArgs, Format};
use crate::output::{Done, Failure, Output};
use crate::progress::Progress;
use prov::{Actual, Desired};
use std::io::{BufWriter, Write};

pub fn run(args: &EvalArgs, out: &Output) -> Done {
    let progress = Progress::new(out);
    let Setting { engine, people, at, background, .. } = setting(&args.dir, &args.when, out, &progress)?;
    if !args.id.is_empty() {
        // A few people are looked at by themselves.
        let mut found = Vec::new();
        for id in &args.id {
            let identity = people.identity(engine.policy(), id)?;
            found.push(engine.evaluate_one_with(&identity, &at, &background));
        }
        drop(progress);
        if !out.is_machine() {
            for one in &found {
                out.print(&prov::one_result_text(one))?;
            }
            return Ok(0);
        }
        if out.format() == Format::Json {
            return out.json(&found.iter().map(prov::OneResult::json).collect()).map(|()| 0);
        }
        for one in &found {
            out.print(&one.json().to_string())?;
        }
        return Ok(0);
    }
    progress.doing("evaluating");
    let desired = engine.evaluate_with(&people, &at, &background);
    if let Some(dir) = &args.as_actual {
        super::actual::write(&Actual::of_desired(engine.policy(), &desired), engine.policy(), dir)?;
        drop(progress);
        out.say(&format!("wrote the state of {} people to {}", people.len(), dir.display()));
        return Ok(0);
    }
    drop(progress);
    let rejected = people.rejections().len();
    if rejected > 0 {
        out.say(&format!("{rejected} cells or rows could not be read; `prov plan` lists them"));
    }
    write_all(&desired, out)?;
    Ok(0)
}

fn write_all(desired: &Desired, out: &Output) -> Result<(), Failure> {
    let mut w = BufWriter::new(std::io::stdout().lock());
    match out.format() {
        // Not for this command, which has been said.
        Format::Junit | Format::Tap => {}
        Format::Human => {
            for id in desired.ids() {
                w.write_all(desired.text(id).as_bytes())?;
            }
            writeln!(w, "\n{} people, {} entitlements", desired.ids().len(), desired.len())?;
        }
        Format::Jsonl => {
            for id in desired.ids() {
                writeln!(w, "{}", desired.json(id))?;
            }
        }
        Format::Json => {
            let all: serde_json::Value = desired.ids().map(|id| desired.json(id)).collect();
            writeln!(w, "{all:#}")?;
        }
        Format::Csv => {
            w.write_all(
                Actual::of_desired(desired.policy(), desired).entitlements_csv(desired.policy()).as_bytes(),
            )?;
        }
    }
    Ok(w.flush()?)
}
