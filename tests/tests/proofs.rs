//! Proofs: `suite/proofs`, a policy a file. Behind each claim stands what becomes of it; beside the file, all that
//! `prov prove` says.
//! Invariant: a claim without an expected answer is an error.

use prov::proof;
use prov_tests::PRELUDE;
use prov_tests::case;
use prov_tests::project::Project;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

fn suite(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("suite").join(folder)
}

#[test]
fn claims_are_proved_and_refuted_as_they_say() {
    let only = std::env::var("CASE").unwrap_or_default();
    let cases = match case::all(&suite("proofs")) {
        Ok(cases) => cases,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|c| c.name.contains(&only)) {
        let own = case.text.lines().any(|l| l.starts_with("identity "));
        let prelude = [("prelude.prov", PRELUDE)];
        let project = Project::of_case(case, if own { &[] } else { &prelude }).expect("a folder");
        let loaded = project.check().expect("read");
        let Some(policy) = loaded.policy else {
            panic!("{}: {}", case.path.display(), loaded.report.human(prov::RenderOptions::default()))
        };
        let proofs = proof::prove(&policy, &[]).expect("all of them");
        let expected: Vec<&str> = case
            .text
            .lines()
            .filter(|l| l.starts_with("prove "))
            .map(|l| l.rsplit_once("// ").map_or("nothing", |(_, word)| word.trim()))
            .collect();
        assert_eq!(proofs.len(), expected.len(), "{}", case.name);
        for (proof, expected) in proofs.iter().zip(expected) {
            let found = match proof.verdict {
                proof::Verdict::Proved { .. } => "proved",
                proof::Verdict::Refuted(_) => "refuted",
                proof::Verdict::Unknown(_) => "unknown",
            };
            if found != expected {
                let one = proof::human(std::slice::from_ref(proof), false);
                wrong.push(format!("{}: expected {expected}\n{one}", case.name));
            }
        }
        let told = proof::human(&proofs, false);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(suite("snapshots-proofs"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let same = settings
            .bind(|| catch_unwind(AssertUnwindSafe(|| insta::assert_snapshot!(case.name.as_str(), told))));
        if same.is_err() {
            wrong.push(format!("{}: the snapshot differs", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
