//! `cargo run -p xtask -- docs [--check] [--update]`: pages of the docs that are made.
//! Invariant: with `--check` no file is written.

use std::process::ExitCode;
use xtask::{console, generate};

const USAGE: &str = "usage: cargo run -p xtask -- docs [--check | --update]

  docs            write the pages that are made: functions, diagnostics, commands
  docs --check    write nothing; fail if one of them is stale
  docs --update   also put the real output under the commands of all pages, where none of it is left out by `…`";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["docs"] => generate::write(),
        ["docs", "--check"] => generate::check(),
        ["docs", "--update"] => generate::write().and_then(|()| console::update_all()),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
