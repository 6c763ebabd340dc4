//! The exit codes that scripts hang on: 0 and 1 everywhere, more where a command says so.
//! Invariant: every command has a case that goes well and one that does not, and neither panics.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const POLICY: &str = r#"identity person { id : string key  department : text }
source hr of person authoritative {}
app crm via file { managed all  entitlement role(text) }
role seller when department == "Sales" { grant crm.role("seller") }
guard revokes at most 1

prove sellers: (has crm.role("seller")) means (department == "Sales")

test "sellers sell" {
    given ann = person { department: "Sales" }
    at 2026-03-02
    expect ann has crm.role("seller")
}
"#;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("p/main.prov", POLICY);
    write("p/prov.toml", "name = \"acme\"\n[sources]\nhr = \"hr.csv\"\n");
    write("p/hr.csv", "id,department\n1,Sales\n2,IT\n");
    let head = "app,identity,kind,value\n";
    write("same/accounts.csv", "app,account,identity,enabled\n");
    write("same/entitlements.csv", &format!("{head}crm,1,role,seller\n"));
    write("more/accounts.csv", "app,account,identity,enabled\n");
    let more: String = (0..3).map(|n| format!("crm,2,role,old{n}\ncrm,1,role,old{n}\n")).collect();
    write("more/entitlements.csv", &format!("{head}{more}"));
    write("broken/main.prov", "identity person { id : strnig key }\n");
    write("failing/main.prov", &POLICY.replace("expect ann has", "expect ann lacks"));
    write(
        "refuted/main.prov",
        &POLICY.replace("means (department == \"Sales\")", "means (department == \"IT\")"),
    );
    write("untidy/main.prov", &POLICY.replace("role seller when", "role   seller when"));
    dir
}

fn code(dir: &Path, line: &str) -> i32 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
    let output = command
        .args(line.split(' '))
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!err.contains("panicked"), "{line}\n{err}");
    let code = output.status.code().expect("it ends by itself");
    if code == 1 {
        assert!(!err.is_empty() || !output.stdout.is_empty(), "{line}: it fails without a word");
    }
    code
}

#[test]
fn each_command_has_its_codes() {
    let dir = folder();
    let cases = [
        (0, "check p"),
        (1, "check broken"),
        (1, "check nowhere"),
        (0, "fmt p"),
        (0, "fmt --check p"),
        (1, "fmt --check untidy"),
        (0, "fmt untidy"),
        (0, "fmt --check untidy"),
        (0, "test p"),
        (1, "test failing"),
        (1, "test broken"),
        (0, "test p --mutate"),
        (1, "test failing --mutate"),
        (0, "test p --coverage-min 10"),
        (0, "eval p --at 2026-03-02"),
        (1, "eval p --at yesterday"),
        (1, "eval p --at 2026-03-02 --source hr=nowhere.csv"),
        (0, "plan p --at 2026-03-02 --actual same"),
        (2, "plan p --at 2026-03-02 --actual none"),
        (3, "plan p --at 2026-03-02 --actual more"),
        (1, "plan p --at 2026-03-02 --actual nowhere"),
        (1, "plan broken"),
        (0, "profile p --at 2026-03-02 --actual same"),
        (0, "profile p --at 2026-03-02 --actual more --format json --backend columns"),
        (1, "profile p --at 2026-03-02 --actual same --format csv"),
        (1, "profile p --at 2026-03-02"),
        (1, "profile broken"),
        (0, "schedule p --at 2026-03-02 --actual none"),
        (1, "schedule broken"),
        (0, "explain 1 crm.role(seller) --policy p --at 2026-03-02"),
        (0, "explain 2 crm.role(seller) --policy p --at 2026-03-02"),
        (1, "explain 9 --policy p --at 2026-03-02"),
        (1, "explain 1 cmr.role(seller) --policy p --at 2026-03-02"),
        (0, "explain-code P0250"),
        (1, "explain-code P9999"),
        (0, "prove p"),
        (1, "prove refuted"),
        (1, "prove p nothing-like-it"),
        (0, "graph p"),
        (1, "graph broken"),
        (0, "completions bash"),
        (0, "man"),
        (0, "new q"),
        (1, "new p"),
        (0, "--version"),
        (0, "help plan"),
        (1, "nonsense"),
        (1, "plan --nonsense"),
        (1, "plan p --format yaml"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(wanted, line)| {
            let found = code(dir.path(), line);
            (found != *wanted).then(|| format!("`prov {line}` exits with {found}, not {wanted}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_query_says_whether_it_could_be_asked() {
    let dir = folder();
    let ask = |expr: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
        command.args(["query", "p", expr, "--at", "2026-03-02"]).current_dir(&dir);
        command.output().expect("the binary runs").status.code()
    };
    assert_eq!(ask("department == \"Sales\""), Some(0));
    assert_eq!(ask("department == \"nowhere\""), Some(0), "nobody is an answer");
    assert_eq!(ask("departmnet == \"Sales\""), Some(1));
}
