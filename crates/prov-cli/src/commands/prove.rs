//! `prov prove`

use super::policy;
use crate::args::{Format, ProveArgs};
use crate::output::{Done, Failure, Output};
use crate::progress::Progress;
use prov::proof;
use std::path::Path;

pub fn run(args: &ProveArgs, out: &Output) -> Done {
    let (dir, names) = match args.dir_and_names.split_first() {
        Some((dir, names)) if Path::new(dir).is_dir() => (dir.as_str(), names.to_vec()),
        Some(_) => (".", args.dir_and_names.clone()),
        None => (".", Vec::new()),
    };
    let progress = Progress::new(out);
    let policy = policy(Path::new(dir), out)?;
    progress.doing("proving");
    let proofs = proof::prove(&policy, &names)?;
    drop(progress);
    match out.format() {
        Format::Json => out.json(&proof::json(&proofs))?,
        Format::Jsonl => {
            let all = proof::json(&proofs);
            let lines: Vec<String> =
                all["proofs"].as_array().into_iter().flatten().map(ToString::to_string).collect();
            out.print(&lines.join("\n"))?;
        }
        Format::Junit => {
            let report = proof::junit(&policy.name(), &proofs)
                .map_err(|e| Failure::Message(format!("no report could be written: {e}"), String::new()))?;
            out.print(&report)?;
        }
        Format::Human | Format::Csv | Format::Tap => out.print(&proof::human(&proofs, out.color()))?,
    }
    if proofs.is_empty() {
        out.say("this policy claims nothing; a claim is `prove never (…)`");
    }
    Ok(match (proofs.iter().any(proof::Proof::is_refuted), proofs.iter().all(proof::Proof::is_proved)) {
        (true, _) => 1,
        (false, true) => 0,
        (false, false) => 2,
    })
}
