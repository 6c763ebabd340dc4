//! `prov prove` as people and scripts meet it.
//! Invariant: the command is run as a process, in a folder of its own.

use std::process::Command;

const POLICY: &str = r#"identity person { id : string key  kind : enum(employee, contractor)  level : int? }
source hr of person authoritative {}
app crm via file { managed all  entitlement role(string) }
role seller when level is present and level >= 3 { grant crm.role("seller") }
role odd when id matches /^[ab]+$/ { grant crm.role("odd") }
"#;

/// Exit code, stdout, stderr.
fn prove(claims: &str, args: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.prov"), format!("{POLICY}{claims}")).expect("written");
    let ran = Command::new(env!("CARGO_BIN_EXE_prov"))
        .arg("prove")
        .args(args)
        .current_dir(folder.path())
        .output()
        .expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code().unwrap_or(-1), text(&ran.stdout), text(&ran.stderr))
}

const PROVED: &str = "prove fine: (has crm.role(\"seller\")) means (level is present)\n";
const REFUTED: &str = "prove wrong: (has crm.role(\"seller\")) means (kind == employee)\n";
const OPEN: &str = "prove open: never (has odd and id matches /^c/)\n";

#[test]
fn exit_codes_tell_the_answers_apart() {
    assert_eq!(prove(PROVED, &[]).0, 0);
    assert_eq!(prove(&format!("{PROVED}{REFUTED}{OPEN}"), &[]).0, 1);
    let (code, out, _) = prove(&format!("{PROVED}{OPEN}"), &[]);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("it matches a pattern"), "{out}");
    let (code, out, err) = prove("", &[]);
    assert_eq!((code, out.as_str()), (0, "0 proved, 0 refuted, 0 unknown\n"));
    assert!(err.contains("claims nothing"), "{err}");
}

#[test]
fn proofs_are_chosen_by_name() {
    let all = format!("{PROVED}{REFUTED}{OPEN}");
    let (code, out, _) = prove(&all, &["fine"]);
    assert_eq!(code, 0);
    assert!(out.contains("fine: ") && !out.contains("wrong: "), "{out}");
    assert_eq!(prove(&all, &[".", "fine", "open"]).0, 2);
    let (code, _, err) = prove(&all, &["fin"]);
    assert_eq!(code, 1);
    assert!(err.contains("did you mean `fine`?"), "{err}");
}

#[test]
fn machines_read_json_and_junit() {
    let all = format!("{PROVED}{REFUTED}{OPEN}");
    let (_, out, _) = prove(&all, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let verdicts: Vec<&str> =
        json["proofs"].as_array().expect("a list").iter().filter_map(|p| p["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["proved", "refuted", "unknown"]);
    let example = &json["proofs"][1]["counterexample"];
    assert_eq!(example["attributes"]["kind"], "contractor");
    assert_eq!(example["attributes"]["level"], "3");
    let (_, out, _) = prove(&all, &["--format", "jsonl"]);
    assert_eq!(out.lines().count(), 3);
    let (code, out, _) = prove(&all, &["--format", "junit"]);
    assert_eq!(code, 1);
    assert!(out.contains("failures=\"1\"") && out.contains("errors=\"1\""), "{out}");
}
