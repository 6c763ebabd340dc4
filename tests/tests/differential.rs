//! Random cases on the engine and on the oracle: desired states, plans, findings and memory are the same to the byte.
//!
//! `SEED=` runs one case, `CASES=` so many (2,000 where `CI` is set, else 300); `SMALL=0` leaves a case that differs as large as it is.
//! Invariant: a difference is told with the seed of its case and with the case, made smaller, in full.

use prov_tests::eval::actions;
use prov_tests::random::{Case, Compared, Made, Rows, compare};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// A case and what came of it; of one that differs the smaller one.
fn run(seed: u64) -> (Compared, Option<Case>) {
    let case = match Case::compared(seed).with_whole_rows().with_world() {
        Ok(case) => case,
        Err(e) => return (Compared::Broken(e.to_string()), None),
    };
    match compare(&case) {
        Compared::Differs(_) if number("SMALL") != Some(0) => {
            let case = case.smaller();
            (compare(&case), Some(case))
        }
        other => (other, Some(case)),
    }
}

#[test]
fn engine_and_oracle_say_the_same() {
    let (from, count) = match (number("SEED"), number("CASES")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        // On a machine that builds for everyone all of them, at hand a part.
        (None, n) => (0, n.unwrap_or(if std::env::var_os("CI").is_some() { 2_000 } else { 300 })),
    };
    let next = AtomicU64::new(from);
    let told: Mutex<BTreeMap<u64, String>> = Mutex::default();
    let counts: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let few = told.lock().is_ok_and(|t| t.len() < 5);
                    if seed >= from + count || !few {
                        break;
                    }
                    let (compared, case) = run(seed);
                    let kind = match &compared {
                        Compared::Same => "the same".to_owned(),
                        Compared::NotRead(why) => why.clone(),
                        Compared::Differs(_) => "differ".to_owned(),
                        Compared::Broken(why) => {
                            format!("broken: {}", why.lines().next().unwrap_or_default())
                        }
                    };
                    if let Ok(mut counts) = counts.lock() {
                        *counts.entry(kind).or_default() += 1;
                    }
                    if let (Compared::Differs(how), Ok(mut told)) = (compared, told.lock()) {
                        told.insert(
                            seed,
                            format!("seed {seed}\n{how}\n{}", case.map_or(String::new(), |c| c.show())),
                        );
                    }
                }
            });
        }
    });
    let counts = counts.into_inner().expect("no thread panics");
    let told = told.into_inner().expect("no thread panics");
    for (kind, n) in &counts {
        println!("{n:6}  {kind}");
    }
    let texts: Vec<String> = told.into_values().collect();
    assert!(texts.is_empty(), "{} cases differ\n\n{}", texts.len(), texts.join("\n\n"));
    let same = counts.get("the same").copied().unwrap_or_default();
    assert!(same * 100 >= count * 98, "only {same} of {count} cases were compared");
}

/// Rows of words.
fn rows(columns: &str, lines: &[&str]) -> Rows {
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    Rows { columns: cells(columns), rows: lines.iter().map(|l| cells(l)).collect() }
}

/// Found by a random case: of whom an actual row can't be read, a forbid took away where a state keeps entitlements.
#[test]
fn who_has_an_unreadable_actual_row_is_left_alone() {
    let policy = "identity person { id: string key, away: bool }
source hr of person authoritative {}
lifecycle person { state away when away { keep entitlements }  state active otherwise }
app crm via file { managed all  entitlement role(text) }
app ad via ldap { account { login = id } }
forbid crm.role(\"seller\") for person";
    let case = Case {
        at: "2026-03-02".into(),
        files: vec![("main.prov".into(), vec![policy.into()])],
        sources: vec![("hr".into(), rows("id,away", &["1,true", "2,true"]))],
        accounts: rows("app,account,identity,enabled", &["ad,a,1,maybe"]),
        entitlements: rows("app,identity,kind,value", &["crm,1,role,seller", "crm,2,role,seller"]),
        ..Case::default()
    };
    assert_eq!(compare(&case), Compared::Same);
    let Ok(made) = Made::of(&case) else { panic!("the case can be run") };
    let revoked: Vec<String> = actions(&made.plan()).filter(|a| a.starts_with("revoke")).collect();
    assert_eq!(revoked, ["revoke 2 crm.role(\"seller\")"]);
}
