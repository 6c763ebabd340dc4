//! The parser: never a panic, spans within the text, diagnostics that render.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov_diag::{RenderOptions, SourceMap, render_human, render_json};

fuzz_target!(|text: &str| {
    let mut sources = SourceMap::new();
    let id = sources.add("a.prov", text);
    let (_, diagnostics) = prov_syntax::parse(id, text);
    for d in &diagnostics {
        for label in &d.labels {
            let (start, end) = (label.span.start as usize, label.span.end as usize);
            assert!(text.get(start..end).is_some(), "a span of whole characters within the text");
        }
    }
    let _ = render_human(&diagnostics, &sources, RenderOptions::default());
    let _ = render_json(&diagnostics, &sources);
    let _ = prov_syntax::parse_expr(id, text);
});
