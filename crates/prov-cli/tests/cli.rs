//! The binary as people and scripts meet it: exit codes, what goes to stdout and what to stderr, formats, files.
//! Invariant: every command is run as a process, with nothing of its insides.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn prov_with(args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
    command.args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    let Output { status, stdout, stderr } =
        command.envs(env.iter().copied()).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: status.code().expect("it ends by itself"), out: text(stdout), err: text(stderr) }
}

fn prov(args: &[&str]) -> Ran {
    prov_with(args, &[])
}

impl Ran {
    fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("stdout is no JSON: {e}\n{}", self.out))
    }

    fn lines(&self) -> Vec<Value> {
        let parse = |l: &str| serde_json::from_str(l).unwrap_or_else(|e| panic!("no JSON: {e}\n{l}"));
        self.out.lines().map(parse).collect()
    }

    /// It failed with a message that says what to do, and nothing on stdout.
    fn fails(self, message: &str) {
        let ran = self.code(1);
        assert_eq!(ran.out, "", "stdout of a failure");
        assert!(ran.err.contains(message), "`{message}` is not in:\n{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }
}

/// A folder with a template in `policy`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(template: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        prov(&["new", &folder.policy(), "--template", template]).code(0);
        folder
    }

    fn policy(&self) -> String {
        self.path("policy")
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("read")
    }

    fn run(&self, command: &str, rest: &[&str]) -> Ran {
        prov(&[&[command, &self.policy()], rest].concat())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .expect("a folder")
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

const AT: [&str; 2] = ["--at", "2026-03-02"];

#[test]
fn a_template_checks_evaluates_and_plans_at_once() {
    for template in ["minimal", "company"] {
        let folder = Folder::new(template);
        folder.run("check", &[]).code(0);
        let eval = folder.run("eval", &AT).code(0);
        assert!(eval.out.contains(" is active") && eval.out.contains(" people, "), "{}", eval.out);
        let plan = folder.run("plan", &AT).code(2);
        assert!(!plan.out.is_empty());
    }
}

#[test]
fn new_overwrites_nothing() {
    let folder = Folder::new("minimal");
    prov(&["new", &folder.policy()]).fails("is not empty");
    folder.write("file", "");
    prov(&["new", &folder.path("file")]).fails("is not a directory");
}

#[test]
fn plan_exits_with_0_where_there_is_nothing_to_do() {
    let folder = Folder::new("minimal");
    let state = folder.path("state");
    folder.run("eval", &[&AT[..], &["--as-actual", &state]].concat()).code(0);
    let plan = folder.run("plan", &[&AT[..], &["--actual", &state]].concat()).code(0);
    assert!(!plan.out.is_empty(), "it says that there is nothing to do");
}

#[test]
fn plan_exits_with_3_where_a_guard_trips() {
    let folder = Folder::new("minimal");
    let hr = folder.read("policy/data/hr.csv");
    let (header, rows) = hr.split_once('\n').expect("a header");
    // An export with no rows; and one by which everyone has left.
    let ended: Vec<String> = rows
        .lines()
        .map(|l| format!("{},2026-02-01", l.rsplit_once(',').map_or(l, |(start, _)| start)))
        .collect();
    for (text, guard) in [(String::new(), "population"), (ended.join("\n"), "leavers")] {
        folder.write("people.csv", &format!("{header}\n{text}\n"));
        let source = format!("hr={}", folder.path("people.csv"));
        let plan = folder.run("plan", &[&AT[..], &["--source", &source]].concat()).code(3);
        assert!(plan.out.contains(&format!("tripped  {guard}")), "{}", plan.out);
    }
}

#[test]
fn a_feed_is_as_old_as_its_file_unless_said() {
    let folder = Folder::new("minimal");
    let text = folder.read("policy/acme.prov") + "guard hr age at most 26 hours\n";
    folder.write("policy/acme.prov", &text);
    let plan = |as_of: &[&str]| folder.run("plan", &[&AT[..], as_of].concat());
    // The file was just made, long after the moment that is looked at.
    let new = plan(&[]);
    assert!(!new.out.contains("age.hr"), "{}", new.out);
    let old = plan(&["--as-of", "hr=2026-02-01"]).code(3);
    assert!(old.out.contains("tripped  age.hr  it is of 2026-0"), "{}", old.out);
    assert!(old.out.contains("at most 26 hours"), "{}", old.out);
    plan(&["--as-of", "hrr=2026-02-01"]).fails("did you mean `hr`?");
    plan(&["--as-of", "hr=soon"]).fails("write a day like 2026-03-02");
    plan(&["--as-of", "hr"]).fails("write NAME=DATE");
    let json = plan(&["--as-of", "hr=2026-02-01", "--format", "jsonl"]).code(3);
    assert!(json.out.contains("\"what\":\"age\",\"source\":\"hr\",\"tripped\":true"), "{}", json.out);
}

#[test]
fn errors_of_a_policy_exit_with_1_and_go_to_stderr() {
    let folder = Folder::new("minimal");
    let text = folder.read("policy/acme.prov").replace("ldap.group(\"staff\")", "ldap.groop(\"staff\")");
    folder.write("policy/acme.prov", &text);
    for command in ["check", "eval", "plan"] {
        let ran = folder.run(command, &[]).code(1);
        assert_eq!(ran.out, "", "{command}");
        assert!(ran.err.contains("P0101") && ran.err.contains("did you mean `ldap.group`?"), "{}", ran.err);
    }
}

#[test]
fn errors_as_json_are_one_document_on_stdout() {
    let folder = Folder::new("minimal");
    folder.write("policy/wrong.prov", "role a when lvl > 1 { grant ldap.group(\"a\") }\n");
    let ran = folder.run("check", &["--format", "json"]).code(1);
    let found = &ran.json()["diagnostics"];
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{}", ran.out);
    assert_eq!(found[0]["code"], "P0101");
}

#[test]
fn check_as_json_of_a_good_policy_is_json() {
    let ran = Folder::new("minimal").run("check", &["--format", "json"]).code(0);
    ran.json();
}

#[test]
fn unknown_things_are_named_with_the_nearest() {
    let folder = Folder::new("minimal");
    let (dir, hr) = (folder.policy(), folder.read("policy/data/hr.csv"));
    let id = hr.lines().nth(1).and_then(|l| l.split(',').next()).expect("an id").to_owned();
    let near = format!("{id}0");
    prov(&["explain", &near, "-p", &dir]).fails("did you mean");
    prov(&["explain", &id, "lda", "-p", &dir]).fails("did you mean `ldap`?");
    prov(&["explain", &id, "ldap.groop(\"a\")", "-p", &dir]).fails("did you mean `ldap.group`?");
    folder.run("query", &["departmnt == \"Sales\""]).fails("did you mean `department`?");
    folder.run("plan", &["--source", "hrr=x.csv"]).fails("did you mean `hr`?");
    folder.run("eval", &["--id", &near]).fails("did you mean");
    folder.run("plan", &["--at", "02.03.2026"]).fails("write a day like 2026-03-02");
    prov(&["explain-code", "P0251x"]).fails("P0251");
    prov(&["plna"]).fails("plan");
}

#[test]
fn a_folder_without_a_policy_is_told() {
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    prov(&["check", &folder.path("")]).fails("P0504");
    prov(&["check", &folder.path("nowhere")]).fails("nowhere");
}

#[test]
fn eval_writes_every_format() {
    let folder = Folder::new("minimal");
    let all = folder.run("eval", &[&AT[..], &["--format", "json"]].concat()).code(0).json();
    let people = all.as_array().expect("an array").len();
    assert_eq!(people, 8);
    let lines = folder.run("eval", &[&AT[..], &["--format", "jsonl"]].concat()).code(0).lines();
    assert_eq!(Value::from(lines), all);
    let csv = folder.run("eval", &[&AT[..], &["--format", "csv"]].concat()).code(0);
    assert!(csv.out.starts_with("app,identity,kind,value\n"), "{}", csv.out);
    let id = all[0]["identity"].as_str().expect("an id");
    let one = folder.run("eval", &[&AT[..], &["--format", "json", "--id", id]].concat()).code(0).json();
    assert_eq!(one[0], all[0]);
}

#[test]
fn plan_writes_a_file_whole_and_leaves_no_temporary() {
    let folder = Folder::new("minimal");
    let out = folder.path("plan.jsonl");
    let shown = folder.run("plan", &[&AT[..], &["--out", &out, "--format", "jsonl"]].concat()).code(2);
    assert_eq!(folder.names(), ["plan.jsonl", "policy"]);
    assert_eq!(folder.read("plan.jsonl"), shown.out);
    let lines = shown.lines();
    assert_eq!(lines[0]["type"], "plan");
    let actions = lines.iter().filter(|l| l["action"].is_string()).count() as u64;
    assert_eq!(lines[0]["actions"].as_u64(), Some(actions));
    for action in lines.iter().filter(|l| l["action"].is_string()) {
        for key in ["id", "identity", "app"] {
            assert!(action[key].is_string(), "{key} of {action}");
        }
        assert!(action["because"].as_array().is_some_and(|b| !b.is_empty()), "no reason: {action}");
    }
    let csv = folder.path("plan.csv");
    folder.run("plan", &[&AT[..], &["--out", &csv]].concat()).code(2);
    assert!(folder.read("plan.csv").lines().count() > lines.len() / 2);
    let nowhere = folder.path("no/such/folder/plan.jsonl");
    folder.run("plan", &[&AT[..], &["--out", &nowhere]].concat()).fails("can't write");
}

#[test]
fn threads_do_not_change_a_byte() {
    let folder = Folder::new("company");
    let plan =
        |n: &str| folder.run("plan", &[&AT[..], &["--format", "jsonl", "--threads", n]].concat()).code(2).out;
    assert!(plan("1") == plan("7"));
}

#[test]
fn memory_in_sqlite_is_the_same_memory() {
    let folder = Folder::new("minimal");
    let [json, sqlite, again] = ["memory.json", "memory.sqlite", "again.json"].map(|f| folder.path(f));
    for out in [&json, &sqlite] {
        folder.run("plan", &[&AT[..], &["--memory-out", out]].concat()).code(2);
    }
    folder.run("plan", &[&AT[..], &["--memory", &sqlite, "--memory-out", &sqlite]].concat()).code(2);
    folder.run("plan", &[&AT[..], &["--memory", &json, "--memory-out", &json]].concat()).code(2);
    folder.run("plan", &[&AT[..], &["--memory", &sqlite, "--memory-out", &again]].concat()).code(2);
    assert_eq!(folder.read("again.json"), folder.read("memory.json"));
    folder.write("other.db", "no database at all, whatever its name says, and no memory of Prov either");
    let other = folder.path("other.db");
    folder.run("plan", &[&AT[..], &["--memory", &other]].concat()).fails("as a SQLite file");
    folder.run("plan", &[&AT[..], &["--memory-out", &other]].concat()).fails("as a SQLite file");
}

#[test]
fn memory_goes_out_and_in() {
    let folder = Folder::new("minimal");
    let memory = folder.path("memory.json");
    folder.run("plan", &[&AT[..], &["--memory-out", &memory]].concat()).code(2);
    let value: Value = serde_json::from_str(&folder.read("memory.json")).expect("JSON");
    assert_eq!(value["version"], 2);
    folder.run("plan", &[&AT[..], &["--memory", &memory]].concat()).code(2);
    folder.write("memory.json", "{\"version\":99}");
    folder.run("plan", &[&AT[..], &["--memory", &memory]].concat()).fails("version 99");
}

#[test]
fn explain_says_why_and_why_not() {
    let folder = Folder::new("minimal");
    let dir = folder.policy();
    let lines = folder.run("eval", &[&AT[..], &["--format", "jsonl"]].concat()).code(0).lines();
    let one =
        lines.iter().find(|l| l["entitlements"].as_array().is_some_and(|e| !e.is_empty())).expect("someone");
    let id = one["identity"].as_str().expect("an id");
    let why = prov(&["explain", id, "ldap.group(\"staff\")", "-p", &dir, AT[0], AT[1]]).code(0);
    assert!(why.out.contains("everyone") && why.out.contains('✓'), "{}", why.out);
    let not = prov(&["explain", id, "ldap.group(\"nonsense\")", "-p", &dir, AT[0], AT[1]]).code(0);
    assert!(!not.out.is_empty());
    let json = prov(&["explain", id, "-p", &dir, AT[0], AT[1], "--format", "json"]).code(0).json();
    assert!(json.is_object(), "{json}");
}

#[test]
fn every_code_is_explained() {
    let list = prov(&["explain-code"]).code(0);
    let codes: Vec<&str> = list
        .out
        .split_whitespace()
        .filter(|w| w.len() == 5 && w.starts_with('P') && w[1..].parse::<u16>().is_ok())
        .collect();
    assert!(codes.len() > 80, "{}", list.out);
    for code in ["P0250", "P0900", "P0700", "p0001"] {
        let page = prov(&["explain-code", code]).code(0);
        assert!(page.out.len() > 200, "{}", page.out);
    }
    prov(&["explain-code", "P0250", "--format", "json"]).code(0).json();
}

#[test]
fn query_lists_or_counts() {
    let folder = Folder::new("minimal");
    let list = folder.run("query", &[&["department == \"sales\""], &AT[..]].concat()).code(0);
    let count = folder.run("query", &[&["department == \"sales\"", "--count"], &AT[..]].concat()).code(0);
    assert_eq!(count.out.trim(), list.out.lines().count().to_string());
    assert!(list.out.lines().count() > 0);
    let json =
        folder.run("query", &[&["state == active", "--format", "json"], &AT[..]].concat()).code(0).json();
    assert!(json["identities"].is_array(), "{json}");
    let none = folder.run("query", &[&["department == \"nowhere\""], &AT[..]].concat()).code(0);
    assert_eq!(none.out, "");
    folder.run("query", &["department"]).fails("P0201");
}

#[test]
fn graph_writes_dot_and_mermaid() {
    for template in ["minimal", "company"] {
        let folder = Folder::new(template);
        let dot = folder.run("graph", &[]).code(0).out;
        assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{dot}");
        let mermaid = folder.run("graph", &["--to", "mermaid"]).code(0).out;
        assert!(mermaid.starts_with("flowchart") || mermaid.starts_with("graph"), "{mermaid}");
    }
}

#[test]
fn fmt_checks_and_changes() {
    let folder = Folder::new("company");
    folder.run("fmt", &["--check"]).code(0);
    folder.write("policy/ugly.prov", "role   ugly{grant ad.group( \"all-staff\" )}  // kept\n");
    let ran = folder.run("fmt", &["--check"]).code(1);
    assert!(ran.out.trim().ends_with("ugly.prov") && ran.out.lines().count() == 1, "{}", ran.out);
    folder.run("fmt", &[]).code(0);
    let formatted = folder.read("policy/ugly.prov");
    assert!(
        formatted.contains("role ugly { grant ad.group(\"all-staff\") }") && formatted.contains("// kept"),
        "{formatted}"
    );
    folder.run("fmt", &["--check"]).code(0);
    assert_eq!(folder.read("policy/ugly.prov"), formatted);
    folder.write("policy/ugly.prov", "role {\n");
    let broken = folder.run("fmt", &[]).code(1);
    assert!(broken.err.contains("P00"), "{}", broken.err);
    assert_eq!(folder.read("policy/ugly.prov"), "role {\n", "a broken file is left alone");
}

#[test]
fn completions_and_man_pages() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(prov(&["completions", shell]).code(0).out.contains("prov"), "{shell}");
    }
    assert!(prov(&["man"]).code(0).out.contains(".TH"));
    let folder = Folder(tempfile::tempdir().expect("a folder"));
    let dir = folder.path("man");
    prov(&["man", "--out", &dir]).code(0);
    let plan = folder.read("man/prov-plan.1");
    assert!(plan.contains("Exit code"), "{plan}");
    assert!(Path::new(&dir).join("prov.1").is_file());
}

#[test]
fn a_pipe_gets_no_colours_unless_asked() {
    let folder = Folder::new("minimal");
    let dir = folder.policy();
    let args = ["plan", &dir, AT[0], AT[1]];
    for env in [&[][..], &[("NO_COLOR", "1")][..], &[("TERM", "xterm-256color")][..]] {
        let ran = prov_with(&args, env).code(2);
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{env:?}: {}", ran.out);
    }
    let coloured = prov(&[&args[..], &["--color", "always"]].concat()).code(2);
    assert!(coloured.out.contains('\u{1b}'));
    let json = prov(&[&args[..], &["--color", "always", "--format", "jsonl"]].concat()).code(2);
    assert!(!json.out.contains('\u{1b}'), "machine output is never coloured");
}

#[test]
fn quiet_leaves_only_what_was_asked_for() {
    let folder = Folder::new("company");
    let ran = folder.run("plan", &[&AT[..], &["--quiet", "--format", "jsonl"]].concat()).code(2);
    assert_eq!(ran.err, "");
    ran.lines();
}

#[test]
fn help_and_version_are_no_errors() {
    assert!(prov(&["--help"]).code(0).out.contains("Commands"));
    assert!(prov(&["--version"]).code(0).out.starts_with("prov "));
    for command in [
        "new",
        "check",
        "fmt",
        "eval",
        "plan",
        "explain",
        "explain-code",
        "query",
        "graph",
        "completions",
        "man",
    ] {
        assert!(prov(&[command, "--help"]).code(0).out.contains("Usage"), "{command}");
    }
    let wrong = prov(&["plan", "--no-such-flag"]).code(1);
    assert!(wrong.err.contains("--no-such-flag") && wrong.out.is_empty());
}
