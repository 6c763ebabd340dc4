//! The `prov` command: arguments in, the library's answers out. No logic of its own.
//! Invariant: machine output goes to stdout and nothing else does; a file is written whole or not at all.

mod args;
mod commands;
mod output;
mod progress;

use args::{Args, Command, Format};
use clap::Parser;
use output::Failure;
use std::process::ExitCode;

/// Reading and checking make and drop much; this hands memory out faster than what systems bring.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            // 2 means "changes" to a script that plans; a wrong call is an error like any other.
            let code = if e.use_stderr() { 1 } else { 0 };
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    let out = output::Output::new(&args.global);
    let reports = match args.command {
        Command::Test(_) => true,
        Command::Prove(_) => args.global.format == Format::Junit,
        _ => false,
    };
    if matches!(args.global.format, Format::Junit | Format::Tap) && !reports {
        out.failure(&Failure::Message(
            "this format reports tests".into(),
            "use it with `prov test`; here `--format` takes human, json, jsonl or csv".into(),
        ));
        return ExitCode::from(1);
    }
    let result = match &args.command {
        Command::New(a) => commands::new::run(a, &out),
        Command::Check(a) => commands::check::run(a, &out),
        Command::Fmt(a) => commands::fmt::run(a, &out),
        Command::Test(a) => commands::test::run(a, &out),
        Command::Eval(a) => commands::eval::run(a, &out),
        Command::Plan(a) => commands::plan::run(a, &out),
        Command::Profile(a) => commands::profile::run(a, &out),
        Command::Prove(a) => commands::prove::run(a, &out),
        Command::Actual(a) => commands::actual::run(a, &out),
        Command::Schedule(a) => commands::schedule::run(a, &out),
        Command::Explain(a) => commands::explain::run(a, &out),
        Command::ExplainCode(a) => commands::explain_code::run(a, &out),
        Command::Query(a) => commands::query::run(a, &out),
        Command::Graph(a) => commands::graph::run(a, &out),
        Command::Completions(a) => commands::shell::completions(a, &out),
        Command::Man(a) => commands::shell::man(a, &out),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        // Whoever reads our output has had enough of it: that is no error.
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(failure) => {
            out.failure(&failure);
            ExitCode::from(1)
        }
    }
}
