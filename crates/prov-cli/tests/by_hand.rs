//! What people decided by hand, as files: `--assignments`, `--exceptions`, and the tables of prov.toml.
//! Invariant: every command is run as a process, with nothing of its insides.

use std::fs;
use std::path::Path;
use std::process::Command;

const POLICY: &str = r#"identity person { id : string key  department : text }
source hr of person authoritative {}
app crm via file { managed all  entitlement role(text) }
role seller when department == "Sales" { grant crm.role("seller") }
role payer requestable when department == "Sales" for at most 5 days { grant crm.role("payer") }
forbid crm.role("seller") when department == "Sales" because "R1"
"#;

const ASSIGNMENTS: &str = "identity,role,from,until,granted_by,ticket\n1,payer,2026-03-02,2026-03-05,2,T-1\n2,payer,2026-03-02,2026-03-05,1,T-2\n";

const EXCEPTIONS: &str = "identity,effect,what,until,reason,ticket\n1,allow,R1,2026-03-05,a trial,T-3\n3,deny,crm.role(payer),2026-03-05,an audit,T-4\n";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn folder(toml: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "main.prov", POLICY);
    write(dir.path(), "prov.toml", &format!("name = \"acme\"\n[sources]\nhr = \"hr.csv\"\n{toml}"));
    write(dir.path(), "hr.csv", "id,department\n1,Sales\n2,IT\n3,Sales\n");
    write(dir.path(), "assignments.csv", ASSIGNMENTS);
    write(dir.path(), "exceptions.csv", EXCEPTIONS);
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("written");
}

fn prov(dir: &Path, args: &[&str]) -> Ran {
    let output =
        Command::new(env!("CARGO_BIN_EXE_prov")).args(args).current_dir(dir).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        code: output.status.code().expect("it ends by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// What would be granted on the day, and what is found, a line each.
fn planned(dir: &Path, more: &[&str]) -> (Vec<String>, Vec<String>) {
    let args = ["plan", "--at", "2026-03-02", "--actual", "none", "--format", "json", "-q"];
    let ran = prov(dir, &[&args[..], more].concat());
    assert!(matches!(ran.code, 0 | 2), "{}{}", ran.out, ran.err);
    let plan: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let text = |v: &serde_json::Value| v.as_str().unwrap_or("").to_owned();
    let actions = plan["actions"].as_array().expect("actions").iter();
    let granted =
        actions.map(|a| format!("{} {}", text(&a["identity"]), text(&a["entitlement"]["value"]))).collect();
    let findings = plan["findings"].as_array().expect("findings").iter();
    let found = findings
        .map(|f| format!("{} {}", text(&f["finding"]), f["identity"].as_str().unwrap_or("-")))
        .collect();
    (granted, found)
}

#[test]
fn without_tables_nothing_is_given_or_allowed_by_hand() {
    let dir = folder("");
    assert_eq!(planned(dir.path(), &[]).0, Vec::<String>::new());
}

#[test]
fn options_name_tables_and_win_over_the_project() {
    let dir = folder("");
    let (granted, found) = planned(dir.path(), &["--assignments", "assignments.csv"]);
    assert_eq!(granted, ["1 payer"]);
    assert!(found.contains(&"unmatched_assignment 2".to_owned()), "{found:?}");
    let both = ["--assignments", "assignments.csv", "--exceptions", "exceptions.csv"];
    assert_eq!(planned(dir.path(), &both).0, ["1 payer", "1 seller"]);
    let wired = folder("[tables]\nassignments = \"assignments.csv\"\nexceptions = \"exceptions.csv\"\n");
    assert_eq!(planned(wired.path(), &[]).0, ["1 payer", "1 seller"]);
    write(wired.path(), "none.csv", "identity,role,from,until\n");
    assert_eq!(planned(wired.path(), &["--assignments", "none.csv"]).0, ["1 seller"]);
    write(wired.path(), "no.csv", "identity,effect,what,until,reason\n");
    assert_eq!(planned(wired.path(), &["--exceptions", "no.csv"]).0, ["1 payer"]);
}

#[test]
fn every_command_reads_them() {
    let dir = folder("[tables]\nassignments = \"assignments.csv\"\nexceptions = \"exceptions.csv\"\n");
    let at = ["--at", "2026-03-02"];
    let eval = prov(dir.path(), &[&["eval", "--format", "csv", "-q"], &at[..]].concat());
    assert!(eval.out.contains("payer") && eval.out.contains("seller"), "{}", eval.out);
    let why = prov(dir.path(), &[&["explain", "1", "crm.role(seller)"], &at[..]].concat());
    assert!(why.out.contains("a trial"), "the exception is told with its reason\n{}", why.out);
    let query = prov(dir.path(), &[&["query", "has payer"], &at[..]].concat());
    assert_eq!(query.out.lines().next(), Some("1"), "{}", query.out);
    let coming =
        prov(dir.path(), &[&["schedule", "--actual", "none", "--until", "2026-03-31"], &at[..]].concat());
    assert!(coming.out.contains("2026-03-05\n"), "both end on that day\n{}{}", coming.out, coming.err);
}

#[test]
fn rows_that_cant_be_read_are_told_with_their_place() {
    let dir = folder("");
    write(dir.path(), "bad.csv", "identity,role,from,until\n1,payer,2026-03-02,soon\n");
    let args = ["plan", "--at", "2026-03-02", "--actual", "none", "--assignments", "bad.csv"];
    let ran = prov(dir.path(), &args);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("bad.csv:2") && said.contains("soon"), "{said}");
    write(dir.path(), "columns.csv", "who,role\n1,payer\n");
    let ran = prov(dir.path(), &["eval", "--at", "2026-03-02", "--assignments", "columns.csv"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(ran.err.contains("identity"), "{}", ran.err);
    let ran = prov(dir.path(), &["eval", "--at", "2026-03-02", "--exceptions", "nowhere.csv"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert!(ran.err.contains("nowhere.csv"), "{}", ran.err);
}

#[test]
fn a_table_of_another_name_is_no_table() {
    let dir = folder("[tables]\nexception = \"exceptions.csv\"\n");
    let ran = prov(dir.path(), &["check"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("`exception`"), "{}", ran.err);
}
