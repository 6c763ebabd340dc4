//! Every evaluation case of the suite, on the engine and on the oracle.
//! Invariant: a plan of the engine that the oracle reads differently fails, whether or not the case speaks of it.

use prov_tests::{case, eval};
use std::path::PathBuf;

#[test]
fn the_oracle_says_what_the_engine_says() {
    let only = std::env::var("CASE").unwrap_or_default();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("suite/eval");
    let cases = match case::all(&folder) {
        Ok(cases) => cases,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    };
    let (mut plans, mut wrong) = (0, Vec::new());
    for case in cases.iter().filter(|c| c.name.contains(&only)) {
        match eval::run_beside_oracle(case) {
            Ok(0) => eprintln!("not compared: {}", case.name),
            Ok(n) => plans += n,
            Err(e) => wrong.push(format!("{}\n{e}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{} cases differ\n\n{}", wrong.len(), wrong.join("\n"));
    assert!(!only.is_empty() || plans > 100, "only {plans} plans were compared");
}
