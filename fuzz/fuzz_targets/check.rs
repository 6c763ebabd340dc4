//! The checker: never a panic; what it accepts is a program that the verifier accepts, the same at every check, and the
//! same after formatting; what it says has spans within the text and renders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov_compile::{Module, Options, check};
use prov_diag::{Diagnostic, RenderOptions, SourceMap, render_human};
use prov_ir::Program;

fuzz_target!(|text: &str| {
    let (program, diagnostics, sources) = checked(text);
    for d in &diagnostics {
        for label in &d.labels {
            let _ = sources.text(label.span);
        }
    }
    let _ = render_human(&diagnostics, &sources, RenderOptions::default());
    let Some(program) = program else { return };
    if let Err(e) = prov_ir::verify(&program) {
        panic!("a checked program is not accepted: {e:?}");
    }
    let shown = prov_ir::print(&program);
    let again = checked(text).0.expect("what was accepted is accepted");
    assert_eq!(shown, prov_ir::print(&again), "the same policy is the same program");
    let formatted = prov_syntax::format(text).expect("what was checked is formatted");
    assert!(checked(&formatted).0.is_some(), "what was formatted is accepted too:\n{formatted}");
});

fn checked(text: &str) -> (Option<Program>, Vec<Diagnostic>, SourceMap) {
    let mut sources = SourceMap::new();
    let id = sources.add("main.prov", text);
    let (file, mut diagnostics) = prov_syntax::parse(id, text);
    let modules = vec![Module { name: "main".into(), source: id, file }];
    let found = check(modules, &mut sources, &Options::default());
    // What could not be read whole is refused, whatever the rest of it would be.
    let read = !diagnostics.iter().any(Diagnostic::is_error);
    diagnostics.extend(found.diagnostics);
    (found.program.filter(|_| read), diagnostics, sources)
}
