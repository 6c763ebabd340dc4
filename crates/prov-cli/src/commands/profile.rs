//! `prov profile`

use super::{Setting, actual, setting_of};
use crate::args::{Format, ProfileArgs};
use crate::output::{Done, Failure, Output};
use crate::progress::Progress;
use prov::{Meter, Phase, ProfileOptions, Profiler};
use std::time::{Duration, Instant};

/// The clock, and what the system says of this process.
#[derive(Debug)]
struct Machine(Instant);

impl Meter for Machine {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn resident(&self) -> Option<u64> {
        // Where there is no such file nothing is told of memory.
        let text = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    }
}

pub fn run(args: &ProfileArgs, out: &Output) -> Done {
    if out.format() == Format::Csv {
        return Err(Failure::Message(
            "a profile is no table".into(),
            "`--format` takes human or json here".into(),
        ));
    }
    let progress = Progress::new(out);
    let profiler = Profiler::new(Machine(Instant::now()));
    let Setting { engine, people, at, background, .. } =
        setting_of(&args.dir, &args.when, out, &progress, Some(&profiler))?;
    let engine = engine.with_profiler(&profiler);
    progress.doing("reading the actual state");
    let actual = profiler.time(Phase::Actual, || actual(engine.policy(), args.actual.as_deref()))?;
    out.notices(&actual.notices);
    progress.doing("evaluating and comparing");
    let planned = engine.plan_people(&people, &actual, &at, &background);
    profiler.time(Phase::Write, || planned.plan().write_jsonl(&mut std::io::sink()))?;
    drop(progress);
    let profile = profiler.profile(&engine);
    if out.is_machine() {
        return out.json(&profile.json()).map(|()| 0);
    }
    let rules = if args.all { usize::MAX } else { args.top };
    out.print(&profile.text(&ProfileOptions { rules })).map(|()| 0)
}
