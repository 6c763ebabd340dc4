//! What random cases are like, measured: a generator whose conditions decide nothing finds nothing.
//! Invariant: what is printed here is counted on what the language reads, not on what the generator meant.

use prov::Error;
use prov_tests::random::{Case, Made};

fn number(name: &str, or: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or)
}

#[test]
fn random_policies_pass_their_check() {
    let (from, count) = (number("SEED", 0), number("CASES", 120));
    let mut refused = Vec::new();
    for seed in from..from + count {
        match Made::of(&Case::new(seed)) {
            Ok(_) => {}
            Err(Error::Report(report)) => {
                let d = report.diagnostics.iter().find(|d| d.is_error());
                let said = d.map_or(String::new(), |d| {
                    format!(
                        "{} {}: {}",
                        d.code.id,
                        d.message,
                        d.span().map_or("", |s| report.sources.text(s))
                    )
                });
                refused.push(format!("seed {seed}: {said}"));
            }
            Err(e) => refused.push(format!("seed {seed}: {e}")),
        }
    }
    println!("{} of {count} refused\n{}", refused.len(), refused.join("\n"));
    assert!(refused.len() as u64 * 100 <= count, "more than 1 % are refused:\n{}", refused.join("\n"));
}
