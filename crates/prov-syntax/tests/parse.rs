//! Valid policies read without a word of complaint, and into the tree that they say.

use prov_diag::{Diagnostic, RenderOptions, SourceMap, render_human};
use prov_syntax::{ast, parse};

fn read(text: &str) -> (ast::File, Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::new();
    let id = sources.add("test.prov", text);
    let (file, diagnostics) = parse(id, text);
    (file, diagnostics, sources)
}

fn valid(text: &str) -> ast::File {
    let (file, diagnostics, sources) = read(text);
    assert!(diagnostics.is_empty(), "{}", render_human(&diagnostics, &sources, RenderOptions::default()));
    assert!(file.broken.is_empty());
    file
}

#[test]
fn the_sample_policy_is_read_whole() {
    let file = valid(include_str!("data/acme.prov"));
    assert_eq!(file.docs.as_deref(), Some("Acme: joiners, movers, leavers."));
    assert_eq!(file.items.len(), 27);
}
