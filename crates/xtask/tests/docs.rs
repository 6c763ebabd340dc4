//! What the docs say is so: policies compile, commands print what is shown, links lead somewhere, made pages are fresh.

use std::path::{Path, PathBuf};
use xtask::{binary, check, console, generate, links, markdown};

fn pages() -> Vec<(PathBuf, String)> {
    let root = xtask::root();
    let pages = xtask::pages().expect("the docs are there");
    assert!(pages.iter().any(|p| p == Path::new("docs/tutorial.md")), "the tutorial is gone");
    pages
        .into_iter()
        .map(|p| (p.clone(), std::fs::read_to_string(root.join(p)).expect("a readable page")))
        .collect()
}

fn fine(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} things are wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn policies_in_the_docs_compile_or_fail_as_they_say() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (page, text) in pages() {
        for block in markdown::blocks(&text).iter().filter(|b| b.language() == "prov") {
            seen += 1;
            wrong.extend(check::policy(&page, block));
        }
    }
    assert!(seen > 20, "only {seen} policies were found: is the reader of blocks broken?");
    fine(&wrong);
}

#[test]
fn commands_in_the_docs_print_what_is_shown() {
    let prov = binary::prov().expect("prov is built");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (page, text) in pages() {
        match console::run(&page, &text, &prov) {
            Err(why) => wrong.push(why),
            Ok(ran) => {
                seen += ran.len();
                for r in ran.iter().filter(|r| !r.agrees()) {
                    wrong.push(format!(
                        "{}:{}: $ {}\n--- shown\n{}\n--- printed\n{}",
                        page.display(),
                        r.line,
                        r.command,
                        r.shown.join("\n"),
                        r.printed.join("\n")
                    ));
                }
            }
        }
    }
    assert!(seen > 10, "only {seen} commands were found: is the reader of blocks broken?");
    fine(&wrong);
}

#[test]
fn links_in_the_docs_lead_somewhere() {
    let wrong: Vec<String> = pages().iter().flat_map(|(page, text)| links::broken(page, text)).collect();
    fine(&wrong);
}

#[test]
fn made_pages_are_fresh() {
    if let Err(why) = generate::check() {
        panic!("{why}");
    }
}
