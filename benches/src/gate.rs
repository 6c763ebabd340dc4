//! The gate against slowness: instructions of one small plan, counted and held against the committed count. Invariant: what is
//! compared are instructions, which a busy machine does not change.

use crate::run::Program;
use crate::w::{self, Cell, Rules};
use crate::{Error, io};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// How the count came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing to count with.
    Skipped,
    /// Within the tolerance, or written anew.
    Good(u64),
    /// Fewer by more than the tolerance: the committed count should be renewed.
    Better(u64, u64),
    /// More by more than the tolerance.
    Worse(u64, u64),
}

/// By how much a count may differ: one twentieth.
const TOLERANCE: u64 = 20;
const CELL: Cell = Cell { people: 2000, rules: 100, seed: 1 };

/// Counts what `prov plan` of W(2,000, 100) by columns on one thread takes, beside the count that stands in a file; writes that
/// anew where `renew` says so.
///
/// # Errors
/// Where the plan is not the known answer, or a file can't be read or written.
pub fn gate(prov: &Path, work: &Path, committed: &Path, renew: bool) -> Result<Verdict, Error> {
    let found =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|s| s.success()) {
        return Ok(Verdict::Skipped);
    }
    let dir = work.join("gate");
    let answer = w::write(CELL, &dir)?;
    let plan = dir.join("plan.jsonl");
    let counted = count(prov, &dir, &plan)?;
    answer.compare(w::check_plan(&plan, &Rules::new(CELL.rules, CELL.seed))?)?;
    if renew {
        fs::write(committed, format!("{counted}\n")).map_err(io(committed))?;
        return Ok(Verdict::Good(counted));
    }
    let text = fs::read_to_string(committed).map_err(io(committed))?;
    let before: u64 =
        text.trim().parse().map_err(|_| Error::Other(format!("`{}` holds no count", committed.display())))?;
    Ok(judge(counted, before))
}

fn judge(counted: u64, before: u64) -> Verdict {
    let slack = before / TOLERANCE;
    if counted > before + slack {
        Verdict::Worse(counted, before)
    } else if counted + slack < before {
        Verdict::Better(counted, before)
    } else {
        Verdict::Good(counted)
    }
}

fn count(prov: &Path, dir: &Path, plan: &Path) -> Result<u64, Error> {
    let out = dir.join("callgrind.out");
    let with = |name: &str, path: &Path| {
        let mut arg = OsString::from(name);
        arg.push(path);
        arg
    };
    let args: Vec<OsString> = vec![
        "--tool=callgrind".into(),
        with("--callgrind-out-file=", &out),
        prov.into(),
        "plan".into(),
        dir.join("policy").into(),
        "--source".into(),
        with("hr=", &dir.join("people.csv")),
        "--actual".into(),
        dir.join("actual").into(),
        "--at".into(),
        "2026-11-23".into(),
        "--backend".into(),
        "columns".into(),
        "--threads".into(),
        "1".into(),
        "--out".into(),
        plan.into(),
    ];
    let _ = fs::remove_file(&out);
    // A thread that looks for work would be counted too, as often as it looks.
    let program = Program { codes: &[0, 2, 3], ..Program::new("valgrind", args) };
    program.with("RAYON_NUM_THREADS", "1").run(std::time::Duration::from_secs(1800))?;
    let text = fs::read_to_string(&out).map_err(io(&out))?;
    let total = text.lines().rev().find_map(|l| l.strip_prefix("totals: ").or(l.strip_prefix("summary: ")));
    total
        .and_then(|n| n.trim().parse().ok())
        .ok_or_else(|| Error::Other(format!("`{}` tells no total", out.display())))
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};

    #[test]
    fn a_twentieth_more_is_too_much() {
        assert_eq!(judge(1050, 1000), Verdict::Good(1050));
        assert_eq!(judge(1051, 1000), Verdict::Worse(1051, 1000));
        assert_eq!(judge(950, 1000), Verdict::Good(950));
        assert_eq!(judge(949, 1000), Verdict::Better(949, 1000));
    }
}
