//! `prov test`

use super::policy;
use crate::args::TestArgs;
use crate::output::{Done, Output};
use crate::progress::Progress;
use prov::testing::{self, Options};
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
    let options = Options { filter, threads: out.global.threads.map(usize::from) };
    let run = testing::run(&policy, &options);
    drop(progress);
    let mut text = String::new();
    for result in &run.results {
        text += &testing::human_test(result, out.color());
    }
    text += &testing::human_summary(&policy, &run, out.color());
    out.print(&text)?;
    if run.results.is_empty() && run.filtered == 0 {
        out.say("this policy has no tests; a test is `test \"…\" { given … at … expect … }`");
    }
    Ok(u8::from(!run.passed()))
}
