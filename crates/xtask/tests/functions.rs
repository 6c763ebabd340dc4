//! Every function has an example, and every example holds.

use std::fmt::Write as _;
use xtask::{binary, functions};

#[test]
fn examples_of_functions_hold() {
    let all = functions::all();
    assert!(all.len() > 90, "only {} functions were found", all.len());
    let without: Vec<&str> = all.iter().filter(|f| f.example.is_empty()).map(|f| f.name.as_str()).collect();
    assert!(without.is_empty(), "without an example: {without:?}");
    let strange: Vec<&str> = all
        .iter()
        .filter(|f| !f.example.contains(&format!("{}(", f.name)))
        .map(|f| f.name.as_str())
        .collect();
    assert!(strange.is_empty(), "the example of another: {strange:?}");

    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
    write("prov.toml", "[sources]\nhr = \"hr.csv\"\n");
    write("hr.csv", "id\n1\n");
    write(
        "people.prov",
        "identity person { id: string key }\nsource hr of person authoritative {}\n\
         app examples via file { managed all  entitlement holds(string) }\n",
    );
    let mut modules: Vec<&str> = all.iter().map(|f| f.module).collect();
    modules.dedup();
    for module in modules {
        let own: Vec<&functions::Function> = all.iter().filter(|f| f.module == module).collect();
        let mut text = String::new();
        if !module.is_empty() {
            let names: Vec<&str> = own.iter().map(|f| f.name.as_str()).collect();
            let _ = writeln!(text, "use {module}.{{{}}}", names.join(", "));
        }
        for f in own {
            let rule = format!("{}.{}", module, f.name).replace('.', "_");
            let _ = writeln!(
                text,
                "birthright example{rule} when {} {{ grant examples.holds(\"{module}.{}\") }}",
                f.example, f.name
            );
        }
        write(
            &format!("{}.prov", if module.is_empty() { "always" } else { module }.replace('.', "_")),
            &text,
        );
    }
    let prov = binary::prov().expect("prov is built");
    let folder = dir.path().display().to_string();
    let checked = std::process::Command::new(&prov).args(["check", &folder]).output().expect("prov runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let held = binary::output(&prov, &["eval", &folder, "--at", "2026-03-02"]).expect("prov runs");
    let fails: Vec<String> = all
        .iter()
        .filter(|f| {
            let name = format!("{}.{}", f.module, f.name);
            !held.contains(&format!("{name:?}")) && !held.contains(&format!("({name})"))
        })
        .map(|f| format!("{}.{}: {}", f.module, f.name, f.example))
        .collect();
    assert!(fails.is_empty(), "these do not hold:\n{}\n{held}", fails.join("\n"));
}
