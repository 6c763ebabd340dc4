//! The pages of the reference that are made: functions, diagnostics, commands.
//! Invariant: what they say stands in one place of the code, and here only its layout.

use crate::{binary, functions};
use prov_diag::{Example, codes};
use std::fmt::Write as _;

pub(crate) const MADE: &str =
    "<!-- This page is made by `cargo run -p xtask -- docs`: change its source, not the page. -->\n";

/// The pages: path from the root, text.
///
/// # Errors
/// A message, where the binary can't be built or run.
pub fn pages() -> Result<Vec<(&'static str, String)>, String> {
    Ok(vec![
        ("docs/reference/functions.md", functions::page()),
        ("docs/reference/diagnostics.md", diagnostics()),
        ("docs/reference/commands.md", commands()?),
    ])
}

/// Writes them.
///
/// # Errors
/// A message, where one can't be made or written.
pub fn write() -> Result<(), String> {
    for (path, text) in pages()? {
        std::fs::write(crate::root().join(path), text).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

/// Fails where a page is not what would be written.
///
/// # Errors
/// A message that names the stale pages.
pub fn check() -> Result<(), String> {
    let mut stale = Vec::new();
    for (path, text) in pages()? {
        if std::fs::read_to_string(crate::root().join(path)).unwrap_or_default() != text {
            stale.push(path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale: {}\nrun `cargo run -p xtask -- docs`", stale.join(", ")))
}

/// The chapters of the catalogue.
const CHAPTERS: [(&str, &str); 8] = [
    ("P00", "Syntax"),
    ("P01", "Names and modules"),
    ("P02", "Types and presence"),
    ("P03", "Items"),
    ("P04", "Dependencies"),
    ("P05", "Project files"),
    ("P06", "Data"),
    ("P07", "Actual state and plan"),
];

fn diagnostics() -> String {
    let mut out = format!(
        "# Diagnostics\n\n{MADE}\nEvery message has a code that stays the same while its words may change. \
         `prov explain-code P0250` shows the same page in a terminal. An *error* of a policy, or \
         of a file as a whole, ends the command with exit code 1. An error of a row (P06xx) rejects that row and holds its \
         identity; the rest goes on. A *warning* or a *notice* ends nothing.\n\n| code | what | severity |\n| --- | --- | --- |\n"
    );
    for c in codes::all() {
        let _ = writeln!(
            out,
            "| [{0}](#{1}) | {2} | {3} |",
            c.id,
            c.id.to_lowercase(),
            cell(c.title),
            c.severity.name()
        );
    }
    let mut chapter = "";
    for c in codes::all() {
        let title = CHAPTERS.iter().find(|(p, _)| c.id.starts_with(p)).map_or("Not built yet", |(_, t)| t);
        if title != chapter {
            let _ = write!(out, "\n## {title}\n");
            chapter = title;
        }
        let _ = write!(
            out,
            "\n### {}\n\n**{}** ({})\n\n{}\n",
            c.id,
            c.title,
            c.severity.name(),
            c.explanation.trim()
        );
        example(&mut out, "Yields it:", &c.bad);
        example(&mut out, "Does not:", &c.good);
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Examples are tested where the catalogue is (`crates/prov-compile/tests/codes.rs`): here they are text.
fn example(out: &mut String, lead: &str, example: &Example) {
    let text = match example {
        Example::Policy(text) | Example::Shown(text) => text.trim_matches('\n'),
    };
    let _ = write!(out, "\n{lead}\n\n```text\n{text}\n```\n");
}

/// The commands, in the order of the help.
fn commands() -> Result<String, String> {
    let prov = binary::prov()?;
    let help = binary::output(&prov, &["--help"])?;
    let (own, everywhere) = split(&help);
    let mut out = format!(
        "# Commands\n\n{MADE}\nEvery command is a thin call into the library. What was asked for goes to standard output, \
         everything else to standard error.\n\n```text\n{own}\n```\n\n## Options of every command\n\n```text\n{everywhere}\n```\n"
    );
    let names = help
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1)
        .take_while(|l| l.starts_with("  "))
        .filter_map(|l| l.strip_prefix("  ").filter(|l| !l.starts_with(' ')))
        .filter_map(|l| l.split_whitespace().next())
        .filter(|n| *n != "help");
    for name in names {
        let help = binary::output(&prov, &[name, "--help"])?;
        let _ = write!(out, "\n## prov {name}\n\n```text\n{}\n```\n", split(&help).0);
    }
    Ok(out)
}

/// A command's own help, and the options that all have.
fn split(help: &str) -> (String, String) {
    let tidy = |s: &str| s.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned();
    match help.split_once("\nEverywhere:\n") {
        Some((own, rest)) => {
            // A closing line behind the options begins at the margin.
            let options: Vec<&str> =
                rest.lines().take_while(|l| l.is_empty() || l.starts_with(' ')).collect();
            let closing: Vec<&str> = rest.lines().skip(options.len()).collect();
            (
                tidy(&format!("{own}\n{}", closing.join("\n"))),
                options.join("\n").trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"),
            )
        }
        None => (tidy(help), String::new()),
    }
}
