//! Every code's bad example yields it, and its good example yields nothing.

use prov_compile::{Module, Options, check};
use prov_diag::{Diagnostic, Example, RenderOptions, SourceMap, codes, render_human};

const PRELUDE: &str = include_str!("../../../tests/prelude.prov");

fn run(text: &str) -> (Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::new();
    let mut texts = vec![("main", text)];
    // A policy that declares its own people brings everything itself.
    if !text.contains("identity ") && !text.contains("// no identity") {
        texts.push(("prelude", PRELUDE));
    }
    let mut modules = Vec::new();
    let mut diagnostics = Vec::new();
    for (name, text) in texts {
        let source = sources.add(format!("{name}.prov"), text);
        let (file, found) = prov_syntax::parse(source, text);
        diagnostics.extend(found);
        modules.push(Module { name: name.into(), source, file });
    }
    let catalogs = [("crm.role".to_owned(), vec!["reader".to_owned(), "writer".to_owned()])].into();
    let checked = check(modules, &mut sources, &Options { catalogs, ..Options::default() });
    diagnostics.extend(checked.diagnostics);
    prov_diag::sort(&mut diagnostics);
    (diagnostics, sources)
}

#[test]
fn every_bad_example_yields_its_code_and_every_good_one_nothing() {
    let mut wrong = Vec::new();
    for code in codes::all() {
        let (Example::Policy(bad), Example::Policy(good)) = (code.bad, code.good) else { continue };
        let (found, sources) = run(bad);
        if !found.iter().any(|d| d.code.id == code.id) {
            wrong.push(format!(
                "{} is not yielded by its bad example:\n{}",
                code.id,
                render_human(&found, &sources, RenderOptions::default())
            ));
        }
        if found.iter().any(|d| d.help.is_none()) {
            wrong.push(format!(
                "{}: a diagnostic without help:\n{}",
                code.id,
                render_human(&found, &sources, RenderOptions::default())
            ));
        }
        let (found, sources) = run(good);
        if !found.is_empty() {
            wrong.push(format!(
                "{}: its good example is not clean:\n{}",
                code.id,
                render_human(&found, &sources, RenderOptions::default())
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
