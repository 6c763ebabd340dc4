//! `prov schedule` as a process: what it names, in each format, and what it looks ahead to.
//! Invariant: every command is run as a process, with nothing of its insides.

use std::fs;
use std::path::Path;
use std::process::Command;

const POLICY: &str = r#"timezone "Europe/Paris"
identity person { id : string key  department : text  end : date? }
source hr of person authoritative effective from since missing means left after 3 days {}
lifecycle person {
    state left when end is present and end < today { leaver  delete accounts after 10 days }
    state active otherwise
}
app ad via ldap { account when state == active { login = id }  managed all  entitlement group(text) }
role of_department when state == active { grant ad.group("{department}") keep 7 days }
role admin requestable when state == active for at most 5 days { grant ad.group("admins") }
guard hr age at most 2 days
"#;

const TOML: &str = r#"name = "acme"
[sources]
hr = "hr.csv"
[tables]
assignments = "assignments.csv"
exceptions = "exceptions.csv"
[actual]
dir = "actual"
"#;

const EVERYTHING: &str = r#"at,identity,what,why
"2026-03-03T23:00:01Z","","guard age.hr trips","age.hr acme.prov:11"
"2026-03-05","9","disable_account ad 9","person.left acme.prov:5, hr acme.prov:3"
"2026-03-05","9","kill_sessions ad 9","person.left acme.prov:5, hr acme.prov:3"
"2026-03-05","3","grant ad.group(""admins"")","admin acme.prov:10"
"2026-03-10","1","grant ad.group(""IT"")","of_department acme.prov:9"
"2026-03-10","3","revoke ad.group(""admins"")","admin acme.prov:10"
"2026-03-12","3","grant ad.group(""IT"")","of_department acme.prov:9"
"2026-03-15","9","kill_sessions ad 9","person.left acme.prov:5, hr acme.prov:3"
"2026-03-15","9","delete_account ad 9","person.left acme.prov:5, hr acme.prov:3"
"2026-03-17","1","revoke ad.group(""Sales"")","of_department acme.prov:9"
"2026-03-21","2","state left","person.left acme.prov:5"
"2026-03-21","2","disable_account ad 2","person.left acme.prov:5"
"2026-03-21","2","kill_sessions ad 2","person.left acme.prov:5"
"2026-03-21","2","revoke ad.group(""IT"")","person.left acme.prov:5"
"2026-03-31","2","kill_sessions ad 2","person.left acme.prov:5"
"2026-03-31","2","delete_account ad 2","person.left acme.prov:5"
"#;

const OF_ONE: &str = r#"2026-03-21
  2  state left  (person.left acme.prov:5)
  2  disable_account ad 2  (person.left acme.prov:5)
  2  kill_sessions ad 2  (person.left acme.prov:5)
  2  revoke ad.group("IT")  (person.left acme.prov:5)

2026-03-31
  2  kill_sessions ad 2  (person.left acme.prov:5)
  2  delete_account ad 2  (person.left acme.prov:5)
"#;

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let at = dir.path();
    write(at, "acme.prov", POLICY);
    write(at, "prov.toml", TOML);
    let rows = "id,since,department,end\n1,2020-01-01,Sales,\n1,2026-03-10,IT,\n2,2020-01-01,IT,2026-03-20\n3,2020-01-01,IT,\n";
    write(at, "hr.csv", rows);
    write(at, "assignments.csv", "identity,role,from,until\n3,admin,2026-03-05,\n");
    write(
        at,
        "exceptions.csv",
        "identity,effect,what,until,reason\n3,deny,ad.group(IT),2026-03-12,review of March\n",
    );
    write(at, "actual/accounts.csv", "app,account,identity,enabled\nad,9,9,true\n");
    dir
}

fn schedule(dir: &Path, more: &[&str]) -> String {
    let mut args =
        vec!["schedule", dir.to_str().expect("UTF-8"), "--at", "2026-03-02", "--until", "2026-04-05"];
    args.extend(["--as-of", "hr=2026-03-02"]);
    args.extend(more);
    let out = Command::new(env!("CARGO_BIN_EXE_prov")).args(args).output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(out.status.code(), Some(0), "{}\n{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

/// Rows with a later day, the limit of an assignment, the end of an exception, a keep, the end of someone, their account's,
/// someone missing, the age of a feed.
#[test]
fn everything_that_waits_is_named() {
    let dir = folder();
    assert_eq!(schedule(dir.path(), &["--format", "csv"]), EVERYTHING);
}

#[test]
fn people_read_it_by_day() {
    let dir = folder();
    assert_eq!(schedule(dir.path(), &["--id", "2"]), OF_ONE);
}

#[test]
fn json_says_the_same() {
    let dir = folder();
    let rows: serde_json::Value =
        serde_json::from_str(&schedule(dir.path(), &["--format", "json"])).expect("JSON");
    let lines: Vec<serde_json::Value> = schedule(dir.path(), &["--format", "jsonl"])
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(rows.as_array(), Some(&lines));
    let csv = schedule(dir.path(), &["--format", "csv"]);
    assert_eq!(csv.lines().count(), lines.len() + 1);
    for (row, line) in lines.iter().zip(csv.lines().skip(1)) {
        let said = |key: &str| row[key].as_str().expect("text").replace('"', "\"\"");
        assert_eq!(
            line,
            format!("\"{}\",\"{}\",\"{}\",\"{}\"", said("at"), said("identity"), said("what"), said("why"))
        );
    }
}

#[test]
fn nothing_changes() {
    let dir = folder();
    write(dir.path(), "hr.csv", "id,since,department,end\n3,2020-01-01,IT,\n");
    write(dir.path(), "assignments.csv", "identity,role,from,until\n");
    write(dir.path(), "exceptions.csv", "identity,effect,what,until,reason\n");
    let args = ["--actual", "none", "--until", "2026-03-03"];
    let at = dir.path().to_str().expect("UTF-8");
    let out = Command::new(env!("CARGO_BIN_EXE_prov"))
        .args(["schedule", at, "--at", "2026-03-02"])
        .args(args)
        .output()
        .expect("the binary runs");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "nothing changes\n");
}

const GUESTS: &str = r#"timezone "Europe/Paris"
identity person { id : string key  end : instant? }
identity guest { id : string key  host : person?  invited : instant  nda : date? }
source hr of person authoritative {}
source invitations of guest authoritative {}
lifecycle person { state gone when end is present and end <= now { leaver }  state here otherwise }
lifecycle guest { state out { leaver }  state active otherwise }
app wiki via scim { account for guest { login = id }  managed all  entitlement space(text) }
birthright welcome for guest { grant wiki.space("welcome") }
federation globex of guest { admit when nda is present and nda <= today  expires after 48 hours from invited  sponsor = host }
"#;

/// A guest whose time is over, one whose sponsor leaves, one who is let in; over the night in which the clocks go forward.
#[test]
fn federations_say_why_somebody_is_out_and_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = dir.path();
    write(at, "acme.prov", GUESTS);
    write(at, "prov.toml", "name = \"acme\"\n[sources]\nhr = \"hr.csv\"\ninvitations = \"guests.csv\"\n");
    write(at, "hr.csv", "id,end\n1,\n2,2026-03-29T01:30:00Z\n");
    let guests = "id,host,invited,nda\n\
                  ann,1,2026-03-27T23:30:00Z,2026-01-01\n\
                  bob,2,2026-03-28T12:00:00Z,2026-01-01\n\
                  cid,1,2026-03-29T12:00:00Z,2026-03-30\n";
    write(at, "guests.csv", guests);
    let args = ["schedule", at.to_str().expect("UTF-8"), "--at", "2026-03-28", "--until", "2026-03-31"];
    let out = Command::new(env!("CARGO_BIN_EXE_prov"))
        .args(args)
        .args(["--actual", "none", "--format", "csv"])
        .output()
        .expect("the binary runs");
    let states: Vec<String> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter(|l| l.contains("\"state "))
        .map(|l| l.replace('"', ""))
        .collect();
    let of = ["guest.out acme.prov:7, globex acme.prov:10", "guest.active acme.prov:7, globex acme.prov:10"];
    assert_eq!(
        states,
        [
            format!("2026-03-29T01:30:00Z,guest:bob,state out,{}", of[0]),
            "2026-03-29T01:30:00Z,person:2,state gone,person.gone acme.prov:6".to_owned(),
            format!("2026-03-30,guest:cid,state active,{}", of[1]),
            format!("2026-03-29T23:30:00Z,guest:ann,state out,{}", of[0]),
        ],
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}
