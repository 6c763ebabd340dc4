//! Proofs as people and machines read them.
//! Invariant: what is written depends on the proofs alone.

use super::{Proof, Verdict};
use serde_json::{Value, json as object};
use std::fmt::Write as _;

/// How many gaps are shown to people, at most.
const SHOWN: usize = 8;

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn word(proof: &Proof) -> &'static str {
    match proof.verdict {
        Verdict::Proved { .. } => "proved",
        Verdict::Refuted(_) => "refuted",
        Verdict::Unknown(_) => "unknown",
    }
}

/// One block a proof, and the counts.
pub fn human(proofs: &[Proof], color: bool) -> String {
    let mut out = String::new();
    for proof in proofs {
        let shade = match proof.verdict {
            Verdict::Proved { .. } => "32",
            Verdict::Refuted(_) => "31",
            Verdict::Unknown(_) => "33",
        };
        let name = if proof.name == proof.text { String::new() } else { format!("{}: ", proof.name) };
        let _ = writeln!(
            out,
            "{} {name}{}  {}:{}",
            paint(word(proof), shade, color),
            proof.text,
            proof.file,
            proof.line
        );
        match &proof.verdict {
            Verdict::Proved { idle: false } => {}
            Verdict::Proved { idle: true } => {
                out.push_str("  it says nothing: nobody can be as it says before `means`\n");
            }
            Verdict::Refuted(example) => {
                let _ = writeln!(out, "  not for this {} on {}:", example.identity, example.at);
                for (name, value) in &example.attributes {
                    let _ = writeln!(out, "    {name}: {value}");
                }
                for (reference, attributes) in &example.others {
                    for (name, value) in attributes {
                        let _ = writeln!(out, "    {reference}.{name}: {value}");
                    }
                }
                for row in &example.rows {
                    let _ = writeln!(out, "    {row}");
                }
                for line in example.why.lines() {
                    let _ = writeln!(out, "  {line}");
                }
            }
            Verdict::Unknown(open) => {
                out.push_str("  nobody was found who breaks it, and nobody is ruled out, since of this more is possible than happens:\n");
                for gap in open.iter().take(SHOWN) {
                    let _ = writeln!(out, "    {}:{} `{}`: {}", gap.file, gap.line, gap.text, gap.why);
                }
                if open.len() > SHOWN {
                    let _ = writeln!(out, "    and {} more", open.len() - SHOWN);
                }
            }
        }
    }
    let of = |w: &str| proofs.iter().filter(|p| word(p) == w).count();
    let _ = writeln!(out, "{} proved, {} refuted, {} unknown", of("proved"), of("refuted"), of("unknown"));
    out
}

/// All proofs as JSON.
pub fn json(proofs: &[Proof]) -> Value {
    let pairs = |list: &[(String, String)]| {
        let map: serde_json::Map<String, Value> =
            list.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
        Value::Object(map)
    };
    let of = |proof: &Proof| {
        let mut one = object!({
            "name": proof.name,
            "claim": proof.text,
            "file": proof.file,
            "line": proof.line,
            "verdict": word(proof),
        });
        let Some(fields) = one.as_object_mut() else { return one };
        if let Some(docs) = &proof.docs {
            fields.insert("docs".into(), object!(docs));
        }
        match &proof.verdict {
            Verdict::Proved { idle } => {
                fields.insert("idle".into(), object!(idle));
            }
            Verdict::Refuted(example) => {
                let others: serde_json::Map<String, Value> =
                    example.others.iter().map(|(name, list)| (name.clone(), pairs(list))).collect();
                fields.insert(
                    "counterexample".into(),
                    object!({
                        "identity": example.identity,
                        "at": example.at,
                        "attributes": pairs(&example.attributes),
                        "others": others,
                        "rows": example.rows,
                        "why": example.why,
                    }),
                );
            }
            Verdict::Unknown(open) => {
                let gap = |g: &super::Open| object!({ "file": g.file, "line": g.line, "text": g.text, "why": g.why });
                fields.insert("open".into(), open.iter().map(gap).collect());
            }
        }
        one
    };
    object!({ "proofs": proofs.iter().map(of).collect::<Vec<_>>() })
}

/// A JUnit report: what is refuted fails, what can't be told is an error.
pub fn junit(policy: &str, proofs: &[Proof]) -> Result<String, String> {
    use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
    let mut report = Report::new(policy);
    let mut suite = TestSuite::new("proofs");
    for proof in proofs {
        let status = match &proof.verdict {
            Verdict::Proved { .. } => TestCaseStatus::success(),
            Verdict::Refuted(_) => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Verdict::Unknown(_) => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        let mut case = TestCase::new(proof.name.as_str(), status);
        case.set_classname(proof.file.as_str());
        if !proof.is_proved() {
            case.status.set_message(human(std::slice::from_ref(proof), false));
        }
        suite.add_test_case(case);
    }
    report.add_test_suite(suite);
    report.to_string().map_err(|e| e.to_string())
}
