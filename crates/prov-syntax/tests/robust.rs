//! No input makes the reader panic, overflow its stack or run long; layout changes nothing but white space.

use proptest::prelude::*;
use prov_diag::SourceId;
use prov_syntax::{TokenKind, format, parse, parse_expr, tokens};

const SAMPLE: &str = include_str!("data/acme.prov");
const SURFACE: &str = include_str!("data/surface.prov");

/// The tree without places.
fn shape(text: &str) -> String {
    let (file, diagnostics) = parse(SourceId(0), text);
    assert!(diagnostics.is_empty(), "{}\n{text}", diagnostics[0].message);
    let debug = format!("{:?}{:?}", file.docs, file.items);
    let mut out = String::new();
    let mut rest = debug.as_str();
    while let Some(at) = rest.find("Span {") {
        out.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('}').expect("a span ends") + 1..];
    }
    out + rest
}

fn check_layout(text: &str) {
    let once = format(text).unwrap_or_else(|d| {
        let mut sources = prov_diag::SourceMap::new();
        sources.add("laid_out.prov", text);
        panic!("{}", prov_diag::render_human(&d, &sources, prov_diag::RenderOptions::default()))
    });
    let twice = format(&once).unwrap_or_else(|d| panic!("{}\n{once}", d[0].message));
    similar(&once, &twice);
    assert_eq!(shape(text), shape(&once), "{once}");
    let words = |t: &str| tokens(t).iter().map(|k| k.text(t).to_owned()).collect::<Vec<_>>();
    assert_eq!(words(text), words(&once));
    assert!(once.is_empty() || once.ends_with('\n') && !once.ends_with("\n\n"), "{once:?}");
    assert!(
        once.lines().all(|l| l.trim_end() == l || l.trim_start().starts_with('"') || l.contains('"')),
        "{once}"
    );
}

fn similar(once: &str, twice: &str) {
    if let Some((n, (a, b))) = once.lines().zip(twice.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!("line {} changes again:\n{a}\n{b}\n\n{once}", n + 1);
    }
    assert_eq!(once, twice);
}

#[test]
fn layout_keeps_the_tree_and_settles_at_once() {
    insta::glob!("data/*.prov", |path| {
        let text = std::fs::read_to_string(path).expect("the policy is readable");
        check_layout(&text);
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("layout", format(&text).expect("it was just laid out"));
        });
    });
}

#[test]
fn fields_named_like_clauses_and_long_names_are_laid_out_like_others() {
    let text = "let x = a.from - 1 day <= today and -1 < b.until - 2 days\n";
    check_layout(text);
    assert_eq!(format(text).expect("a layout"), text);
    let text = "app a via scim {\n    account {\n        id   = 1\n        name = 2\n        \
                \"urn:ietf:params:scim:schemas:extension\" = 3\n        x    = 4\n    }\n}\n";
    check_layout(text);
    assert_eq!(format(text).expect("a layout"), text);
}

#[test]
fn bombs_are_refused_without_running_away() {
    let n = 100_000;
    let bombs = [
        format!("let x = {}1{}", "(".repeat(n), ")".repeat(n)),
        format!("let x = {}", "(".repeat(n)),
        format!("let x = {}", ")".repeat(n)),
        format!("let x = {}", "[".repeat(n)),
        format!("role a {}", "{".repeat(n)),
        format!("let x = {}a", "not ".repeat(n)),
        format!("let x = {}a", "-".repeat(n)),
        format!("let x = a{}", " + a".repeat(n)),
        format!("let x = a{}", " or not a".repeat(n)),
        format!("let x = a{}", ".b".repeat(n)),
        format!("let x = a{}", "[1]".repeat(n)),
        format!("let x = {}1", "if a then b else ".repeat(n)),
        format!("let x = {}", "if ".repeat(n)),
        format!("let x = {}", "match a { _ => ".repeat(n)),
        format!("let x = {}", "any x in ".repeat(n)),
        format!("let x = {}", "\"{".repeat(n)),
        format!("let x = {}", "\"{a + ".repeat(n)),
        format!("record r {{ a: {}text }}", "set of ".repeat(n)),
        format!("test \"t\" {{ given a = {}", "[".repeat(n)),
        format!("test \"t\" {{ given a = {}", "p { a: ".repeat(n)),
        format!("role a {{ {} }}", "each x in y { ".repeat(n)),
        "role a {\n".repeat(n / 10),
        "let x =\n".repeat(n / 10),
        "role r when state = { grant a.b() } ".repeat(n / 100),
        "@a(\n".repeat(n),
        "///\n".repeat(n),
        "//!\n@".repeat(n / 10),
        "role ".repeat(n),
        "} ".repeat(n),
        "\"".repeat(n),
        "é".repeat(n),
        "9".repeat(n),
        format!("let x = {}", "9".repeat(n)),
        "let x = a matches /".to_owned() + &"\\".repeat(n),
    ];
    for bomb in bombs {
        let (_, diagnostics) = parse(SourceId(0), &bomb);
        assert!(!diagnostics.is_empty(), "{} is accepted", &bomb[..40]);
        // A file of nothing but errors is given up, so that neither time nor output grows with it.
        assert!(diagnostics.len() <= 600, "{} gives {} diagnostics", &bomb[..40], diagnostics.len());
    }
}

#[test]
fn deep_input_does_not_overflow_a_small_stack() {
    let deep = format!("let x = {}1", "if a then b else ".repeat(5_000));
    let worker =
        std::thread::Builder::new().stack_size(1 << 20).spawn(move || parse(SourceId(0), &deep).1.len());
    assert_eq!(worker.expect("a thread starts").join().expect("it does not panic"), 1);
}

#[test]
fn tokens_cover_everything_but_white_space() {
    for text in [SAMPLE, SURFACE, "a\u{FEFF}b", "\"x", "é'è", "// \r\n/"] {
        let mut end = 0;
        for t in tokens(text) {
            assert!(text[end..t.start].chars().all(|c| c.is_whitespace() || c == '\u{FEFF}'), "{text:?}");
            end = t.end;
        }
        assert_eq!(text[end..].trim(), "");
    }
    let kinds: Vec<TokenKind> = tokens("x matches /a b/ /").iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [TokenKind::Word, TokenKind::Word, TokenKind::Regex, TokenKind::Unknown]);
}

/// Pieces that are likelier to get far than arbitrary characters.
fn snippet() -> impl Strategy<Value = String> {
    let words = tokens(SURFACE).iter().map(|t| t.text(SURFACE).to_owned()).collect::<Vec<_>>();
    prop_oneof![
        8 => prop::sample::select(words),
        1 => prop::sample::select(vec!["\n", "\"", "{", "}", "(", ")", "/", "\\", "é", "\u{0}", "@", "//", "///", "\r\n", "'"])
            .prop_map(str::to_owned),
    ]
}

fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0usize..30, snippet());
    (prop::sample::select(vec![SAMPLE, SURFACE]), prop::collection::vec(edit, 1..6)).prop_map(
        |(text, edits)| {
            let mut text = text.to_owned();
            for (at, length, insert) in edits {
                let boundaries: Vec<usize> =
                    text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
                let from = at.index(boundaries.len());
                let to = (from + length).min(boundaries.len() - 1);
                text.replace_range(boundaries[from]..boundaries[to], &insert);
            }
            text
        },
    )
}

/// Every diagnostic points into the text, at character boundaries.
fn check(text: &str) {
    let (file, diagnostics) = parse(SourceId(0), text);
    for d in &diagnostics {
        assert!(!d.labels.is_empty());
        for l in &d.labels {
            assert!(text.get(l.span.start as usize..l.span.end as usize).is_some(), "{d:?}");
        }
        let message = d.message.as_str();
        assert!(
            !["k_", "p_", "_item", "_tail", "expr", "c_"]
                .iter()
                .any(|r| message.split('`').step_by(2).any(|s| s.contains(r))),
            "{message}"
        );
    }
    assert_eq!(file.broken.is_empty(), diagnostics.iter().all(|d| d.message.starts_with("`//!`")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        let (_, diagnostics) = parse(SourceId(0), &text);
        for d in diagnostics {
            prop_assert!(!d.labels.is_empty());
        }
        let _ = parse_expr(SourceId(0), &text);
    }

    #[test]
    fn any_sequence_of_tokens_is_read_without_panic(pieces in prop::collection::vec(snippet(), 0..60), blank in "[ \n]") {
        check(&pieces.join(&blank));
    }

    #[test]
    fn mutated_policies_are_read_without_panic(text in mutated()) {
        check(&text);
    }

    #[test]
    fn layout_keeps_mutated_white_space(gaps in prop::collection::vec(prop::sample::select(vec![" ", "\n", "\n\n", "  ", " // c\n", "\n\n\n  // d\n\n"]), 700)) {
        for source in [SAMPLE, SURFACE] {
            let mut text = String::new();
            let mut gaps = gaps.iter().cycle();
            let all = tokens(source);
            for (i, t) in all.iter().enumerate() {
                text.push_str(t.text(source));
                let sticky = matches!(t.kind, TokenKind::Comment | TokenKind::Doc | TokenKind::FileDoc);
                let next_is_doc = all.get(i + 1).is_some_and(|n| n.kind == TokenKind::FileDoc);
                let gap = if sticky || next_is_doc { "\n" } else { gaps.next().expect("it cycles") };
                text.push_str(gap);
            }
            check_layout(&text);
        }
    }
}
