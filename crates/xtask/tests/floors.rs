//! Crates keep their floors: each imports only from floors below, and only what its row allows (crates/ARCHITECTURE.md).

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Crate, floor, what it may import of the workspace.
const FLOORS: &[(&str, u32, &[&str])] = &[
    ("prov-diag", 1, &[]),
    ("prov-model", 1, &[]),
    ("prov-arrow", 1, &[]),
    ("prov-map", 1, &[]),
    ("prov-syntax", 2, &["prov-diag", "prov-model"]),
    ("prov-ir", 2, &["prov-diag", "prov-model"]),
    ("prov-plan", 2, &["prov-diag", "prov-model"]),
    ("prov-compile", 3, &["prov-diag", "prov-model", "prov-syntax", "prov-ir"]),
    ("prov-eval", 3, &["prov-diag", "prov-model", "prov-ir"]),
    ("prov-jit", 3, &["prov-model", "prov-ir"]),
    ("prov-oracle", 3, &["prov-diag", "prov-model", "prov-syntax"]),
    ("prov-prove", 3, &["prov-diag", "prov-model", "prov-ir"]),
    ("prov-data", 3, &["prov-diag", "prov-model", "prov-arrow"]),
    ("prov-store", 3, &["prov-model"]),
    (
        "prov",
        4,
        &[
            "prov-diag",
            "prov-model",
            "prov-syntax",
            "prov-ir",
            "prov-plan",
            "prov-compile",
            "prov-eval",
            "prov-jit",
            "prov-prove",
            "prov-data",
            "prov-map",
            "prov-store",
        ],
    ),
    ("prov-cli", 6, &["prov"]),
    ("xtask", 7, &["prov-diag", "prov-model", "prov-syntax", "prov-compile"]),
];

/// Crates below `crates/` with what they import of the workspace, tests aside.
fn imports() -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let out = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(xtask::root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let rooms = xtask::root().join("crates");
    let ours: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    packages
        .iter()
        .filter(|p| p["manifest_path"].as_str().is_some_and(|m| std::path::Path::new(m).starts_with(&rooms)))
        .map(|p| {
            let used = p["dependencies"].as_array().into_iter().flatten();
            let used = used.filter(|d| d["kind"].as_str() != Some("dev")).filter_map(|d| d["name"].as_str());
            let used = used.filter(|d| ours.contains(d)).map(str::to_owned).collect();
            (p["name"].as_str().unwrap_or_default().to_owned(), used)
        })
        .collect()
}

#[test]
fn every_crate_imports_only_what_its_floor_allows() {
    let mut wrong = Vec::new();
    for (name, used) in imports() {
        let Some((_, floor, allowed)) = FLOORS.iter().find(|f| f.0 == name) else {
            wrong.push(format!("`{name}` has no floor: give it a row here and in crates/ARCHITECTURE.md"));
            continue;
        };
        for other in used {
            let theirs = FLOORS.iter().find(|f| f.0 == other).map_or(0, |f| f.1);
            if theirs >= *floor {
                wrong.push(format!("`{name}` (floor {floor}) imports `{other}` (floor {theirs})"));
            } else if !allowed.contains(&other.as_str()) {
                wrong.push(format!("`{name}` imports `{other}`, which its row does not allow"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_code_map_names_every_crate() {
    let map =
        std::fs::read_to_string(xtask::root().join("crates/ARCHITECTURE.md")).expect("the code map is there");
    let missing: Vec<String> = imports().into_keys().filter(|n| !map.contains(&format!("`{n}`"))).collect();
    assert!(missing.is_empty(), "crates/ARCHITECTURE.md says nothing of {}", missing.join(", "));
}
