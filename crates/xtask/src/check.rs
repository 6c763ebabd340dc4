//! Policies that the docs show. Invariant: a block compiles without errors, or yields the code that it names.

use crate::markdown::Block;
use prov_compile::{Module, Options};
use prov_diag::{Diagnostic, RenderOptions, SourceMap, render_human};
use std::path::Path;

const PRELUDE: &str = include_str!("../../../tests/prelude.prov");

/// What is wrong with a block of policy.
pub fn policy(page: &Path, block: &Block) -> Option<String> {
    let place = format!("{}:{}", page.display(), block.line);
    let mut wanted = None;
    for word in block.info.split(',').skip(1) {
        match word.trim().split_once('=') {
            Some(("fails", code)) => wanted = Some(code),
            _ => return Some(format!("{place}: `{word}` is not known: write `prov` or `prov,fails=P0123`")),
        }
    }
    let (found, sources) = compile(&block.text());
    let shown = || render_human(&found, &sources, RenderOptions::default());
    match wanted {
        Some(code) if !found.iter().any(|d| d.code.id == code) => {
            Some(format!("{place}: this should yield {code}; it yields:\n{}", shown()))
        }
        None if found.iter().any(Diagnostic::is_error) => {
            Some(format!("{place}: this has errors:\n{}", shown()))
        }
        Some(_) | None => None,
    }
}

/// Checks a text, beside the prelude unless it declares its own identity.
fn compile(text: &str) -> (Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::new();
    let mut texts = vec![("shown", text)];
    if !text.lines().any(|l| l.trim_start().starts_with("identity ")) {
        texts.push(("prelude", PRELUDE));
    }
    let mut modules = Vec::new();
    let mut found = Vec::new();
    for (name, text) in texts {
        let source = sources.add(format!("{name}.prov"), text);
        let (file, diagnostics) = prov_syntax::parse(source, text);
        found.extend(diagnostics);
        modules.push(Module { name: name.into(), source, file });
    }
    found.extend(prov_compile::check(modules, &mut sources, &Options::default()).diagnostics);
    prov_diag::sort(&mut found);
    (found, sources)
}
