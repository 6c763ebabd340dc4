//! What people see when a policy can't be read: every file of `tests/broken`, with its rendered errors beside it.

use prov_diag::{RenderOptions, SourceMap, render_human};
use prov_syntax::parse;

#[test]
fn broken_policies() {
    insta::glob!("broken/*.prov", |path| {
        let text = std::fs::read_to_string(path).expect("the case is a readable file");
        let mut sources = SourceMap::new();
        let id = sources.add("policy.prov", text.as_str());
        let (file, diagnostics) = parse(id, &text);
        assert!(!diagnostics.is_empty(), "{} is accepted", path.display());
        assert!(diagnostics.iter().all(|d| d.is_error() && d.span().is_some()));
        let rendered = render_human(&diagnostics, &sources, RenderOptions::default());
        let kept: Vec<&str> = file.items.iter().map(|i| sources.text(i.head)).collect();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{text}\n──── read: {kept:?} ────\n\n{rendered}"));
        });
    });
}
