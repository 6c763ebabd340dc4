//! `prov test` as people and scripts meet it.
//! Invariant: the command is run as a process, in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const POLICY: &str = r#"identity person { id : string key  department : text  level : int? }
source hr of person authoritative {}
app crm via file { managed all  entitlement role(text) }
role seller when department == "Sales" and level is present and level >= 3 { grant crm.role("seller") }
"#;

const TESTS: &str = r#"test "sellers sell" {
    given ann = person { department: "Sales", level: 3 }
    at 2026-03-02
    expect ann has crm.role("seller")
}

test "juniors don't" {
    given ann = person { department: "Sales", level: 2 }
    at 2026-03-02
    expect ann lacks crm.role("seller")
}
"#;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(tests: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        folder.write("main.prov", POLICY);
        folder.write("tests.prov", tests);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
        command.args(args).current_dir(&self.0).env_remove("NO_COLOR").stdin(Stdio::null());
        let output = command.output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ran {
            code: output.status.code().expect("it ends by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn test(&self, args: &[&str]) -> Ran {
        self.run(&[&["test"], args].concat())
    }
}

impl Ran {
    fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

#[test]
fn all_pass() {
    let ran = Folder::new(TESTS).test(&[]).code(0);
    assert_eq!(
        ran.out,
        "test tests.prov: sellers sell ... ok\ntest tests.prov: juniors don't ... ok\n\n\
         test result: ok. 2 passed; 0 failed; 0 filtered out\n"
    );
    assert_eq!(ran.err, "");
}

#[test]
fn a_failure_exits_with_1_and_says_why() {
    let folder = Folder::new(TESTS);
    folder.write("main.prov", &POLICY.replace("level >= 3", "level >= 2"));
    let ran = folder.test(&[]).code(1);
    for said in [
        "juniors don't ... FAILED",
        "`ann` has crm.role(\"seller\")",
        "✓ level >= 2  [level = 2]",
        "1 passed; 1 failed",
    ] {
        assert!(ran.out.contains(said), "`{said}` is not in:\n{}", ran.out);
    }
}

#[test]
fn a_filter_chooses() {
    let folder = Folder::new(TESTS);
    let ran = folder.test(&[".", "sellers"]).code(0);
    assert!(ran.out.contains("1 passed; 0 failed; 1 filtered out"), "{}", ran.out);
    assert_eq!(ran.out, folder.test(&["sellers"]).code(0).out, "a word that is no folder");
    let none = folder.test(&[".", "nothing of the kind"]).code(0);
    assert!(none.out.contains("0 passed; 0 failed; 2 filtered out"), "{}", none.out);
}

#[test]
fn no_tests_are_no_failure_but_are_said() {
    let ran = Folder::new("").test(&[]).code(0);
    assert!(ran.err.contains("no tests"), "{}", ran.err);
}

#[test]
fn a_policy_with_an_error_is_not_tested() {
    let ran = Folder::new(&TESTS.replace("crm.role", "crm.roel")).test(&[]).code(1);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("did you mean `crm.role`?"), "{}", ran.err);
}

#[test]
fn tests_change_no_plan() {
    let folder = Folder::new(TESTS);
    folder.write("hr.csv", "id,department,level\n1,Sales,4\n");
    let plan = || {
        folder.run(&[
            "plan",
            "--at",
            "2026-03-02",
            "--actual",
            "none",
            "--source",
            "hr=hr.csv",
            "--format",
            "jsonl",
        ])
    };
    let with = plan().code(2).out;
    fs::remove_file(folder.path("tests.prov")).expect("removed");
    assert_eq!(with, plan().code(2).out);
    folder.write("main.prov", &format!("{POLICY}\n/// Of sellers.\n{TESTS}"));
    assert_eq!(with, plan().code(2).out);
    folder.write("main.prov", &POLICY.replace('3', "4"));
    assert_ne!(with, plan().code(2).out);
}

const SNAPSHOT: &str = r#"test "A joiner, and a mover" {
    given ann = person { department: "Sales", level: 3 }
    at 2026-03-02
    expect plan snapshot
    change ann { department: "Finance" }
    expect plan snapshot
}
"#;

#[test]
fn snapshots_are_pended_accepted_and_compared() {
    let folder = Folder::new(SNAPSHOT);
    let name = "snapshots/tests__a-joiner-and-a-mover";
    let ran = folder.test(&[]).code(1);
    assert!(ran.out.contains("there is no snapshot `tests__a-joiner-and-a-mover.snap` yet"), "{}", ran.out);
    assert!(folder.path(&format!("{name}.snap.new")).is_file());
    let ran = folder.test(&["--review"]).code(1);
    assert!(ran.err.contains("1 of 2: tests.prov: A joiner, and a mover"), "{}", ran.err);
    assert!(ran.err.contains("+     + crm.role(seller)  seller"), "{}", ran.err);
    folder.test(&["--accept"]).code(0);
    assert!(!folder.path(&format!("{name}.snap.new")).exists());
    let kept = fs::read_to_string(folder.path(&format!("{name}.snap"))).expect("kept");
    assert!(kept.starts_with("---\nsource: tests.prov\nexpression: \"A joiner, and a mover\"\n---\nPlan for 2026-03-02 (UTC) · 1 identity\n"), "{kept}");
    assert!(!kept.contains("policy"), "{kept}");
    folder.test(&[]).code(0);
    // Lines and hashes of the policy leave no trace.
    folder.write("main.prov", &format!("// One more line.\n{POLICY}"));
    folder.test(&[]).code(0);
    folder.write("main.prov", &POLICY.replace("\"seller\"", "\"agent\""));
    let ran = folder.test(&[]).code(1);
    assert!(
        ran.out.contains("-     + crm.role(seller)") && ran.out.contains("+     + crm.role(agent)"),
        "{}",
        ran.out
    );
    folder.write("main.prov", POLICY);
    folder.test(&[]).code(0);
    assert!(!folder.path(&format!("{name}.snap.new")).exists(), "what waits is gone once it is right");
    folder.write("tests.prov", TESTS);
    let ran = folder.test(&[]).code(0);
    assert!(ran.err.contains("no test names the snapshot"), "{}", ran.err);
}

#[test]
fn reports_for_machines() {
    let folder = Folder::new(TESTS);
    folder.write("main.prov", &POLICY.replace("level >= 3", "level >= 2"));
    let json: serde_json::Value =
        serde_json::from_str(&folder.test(&["--format", "json"]).code(1).out).expect("JSON");
    assert_eq!((json["passed"].as_u64(), json["failed"].as_u64()), (Some(1), Some(1)));
    assert_eq!(json["tests"][1]["failures"][0]["labels"][0]["line"], 10);
    let lines = folder.test(&["--format", "jsonl"]).code(1).out;
    assert_eq!(lines.lines().count(), 3);
    let tap = folder.test(&["--format", "tap"]).code(1).out;
    assert!(tap.starts_with("TAP version 14\n1..2\nok 1 - tests.prov: sellers sell\nnot ok 2 - "), "{tap}");
    let junit = folder.test(&["--format", "junit"]).code(1).out;
    assert!(
        junit.contains(
            "<testsuite name=\"tests.prov\" tests=\"2\" skipped=\"0\" errors=\"0\" failures=\"1\">"
        ),
        "{junit}"
    );
    assert!(junit.contains("<failure message=\"`ann` has crm.role(&quot;seller&quot;)\""), "{junit}");
    let ran = folder.run(&["check", "--format", "tap"]).code(1);
    assert!(ran.err.contains("this format reports tests"), "{}", ran.err);
    folder.test(&["--format", "csv"]).code(1);
}

#[test]
fn coverage_says_what_no_test_reaches() {
    let folder = Folder::new(TESTS);
    let ran = folder.test(&["--coverage"]).code(0);
    for said in [
        "never false: department == \"Sales\"",
        "never false: level is present",
        "rules 1 of 1 (100.0%); branches 2 of 2 (100.0%); clauses 4 of 6",
    ] {
        assert!(ran.out.contains(said), "`{said}` is not in:\n{}", ran.out);
    }
    let lcov = folder.test(&["--coverage=lcov"]).code(0).out;
    for line in [
        "SF:main.prov",
        "FN:4,role seller",
        "FNDA:1,role seller",
        "BRDA:4,0,0,1",
        "BRF:8",
        "BRH:6",
        "end_of_record",
    ] {
        assert!(lcov.lines().any(|l| l == line), "`{line}` is not in:\n{lcov}");
    }
    folder.test(&["--lcov", "out.info"]).code(0);
    assert_eq!(fs::read_to_string(folder.path("out.info")).expect("written"), lcov);
    folder.test(&["--coverage-min", "70"]).code(0);
    assert!(folder.test(&["--coverage-min", "90"]).code(1).err.contains("less than 90%"));
    let json: serde_json::Value =
        serde_json::from_str(&folder.test(&["--coverage", "--format", "json"]).code(0).out).expect("JSON");
    assert_eq!(json["coverage"]["clauses"]["seen"], 4);
}

#[test]
fn mutation_says_what_no_test_notices() {
    let folder = Folder::new(TESTS);
    let ran = folder.test(&["--mutate"]).code(0);
    for said in [
        "  drop an operand\n       - department == \"Sales\" and level is present and level >= 3\n",
        "\n       + level is present and level >= 3\n",
        " missed (",
    ] {
        assert!(ran.out.contains(said), "`{said}` is not in:\n{}", ran.out);
    }
    assert_eq!(ran.out, folder.test(&["--mutate", "--threads", "3"]).code(0).out, "whatever the threads");
    let json: serde_json::Value =
        serde_json::from_str(&folder.test(&["--mutate", "--format", "json"]).code(0).out).expect("JSON");
    let mutants = json["mutants"].as_array().expect("a list");
    let fate = |before: &str, after: &str| {
        let found = mutants.iter().find(|m| m["before"] == before && m["after"] == after);
        found.map_or("none", |m| m["fate"].as_str().unwrap_or("")).to_owned()
    };
    assert_eq!(fate(">=", ">"), "caught");
    assert_eq!(fate("==", "!="), "caught");
    assert_eq!(fate("grant crm.role(\"seller\")", ""), "caught");
    // Without the presence the rest does not check.
    assert!(mutants.iter().any(|m| m["fate"] == "skipped"));
    folder.write("main.prov", &POLICY.replace("level >= 3", "level >= 2"));
    assert!(folder.test(&["--mutate"]).code(1).err.contains("a test fails already"));
}

/// The kinds of lines in a report in LCOV's format, counted.
#[test]
fn lcov_agrees_with_itself() {
    let folder = Folder::new(TESTS);
    let lcov = folder.test(&["--coverage=lcov"]).code(0).out;
    let of = |word: &str| -> Vec<String> {
        lcov.lines().filter_map(|l| l.strip_prefix(word)?.strip_prefix(':').map(str::to_owned)).collect()
    };
    let number = |word: &str| of(word)[0].parse::<usize>().expect("a number");
    assert_eq!((of("FN").len(), of("FNDA").len()), (number("FNF"), number("FNF")));
    assert_eq!(of("BRDA").len(), number("BRF"));
    let taken = of("BRDA").iter().filter(|b| !b.ends_with(",0") && !b.ends_with(",-")).count();
    assert_eq!(taken, number("BRH"));
    let hit = of("DA").iter().filter(|d| !d.ends_with(",0")).count();
    assert_eq!((of("DA").len(), hit), (number("LF"), number("LH")));
    let known = ["TN", "SF", "FN", "FNDA", "FNF", "FNH", "BRDA", "BRF", "BRH", "DA", "LF", "LH"];
    for line in lcov.lines().filter(|l| *l != "end_of_record") {
        assert!(line.split_once(':').is_some_and(|(w, _)| known.contains(&w)), "{line}");
    }
}

/// What comes out is XML, JSON and TAP to whoever reads them, whatever stands in names.
#[test]
fn reports_are_read_by_their_readers() {
    let folder = Folder::new(&TESTS.replace("juniors don't", "juniors <don't> & # \\\\ sell"));
    folder.write("main.prov", &POLICY.replace("level >= 3", "level >= 2"));
    let junit = folder.test(&["--format", "junit"]).code(1).out;
    let report = quick_junit::Report::deserialize_from_str(&junit).expect("JUnit");
    assert_eq!((report.tests, report.failures), (2, 1));
    let cases: Vec<String> =
        report.test_suites.iter().flat_map(|s| &s.test_cases).map(|c| c.name.to_string()).collect();
    assert_eq!(cases[1], "juniors <don't> & # \\ sell", "{junit}");
    let tap = folder.test(&["--format", "tap"]).code(1).out;
    let mut lines = tap.lines();
    assert_eq!((lines.next(), lines.next()), (Some("TAP version 14"), Some("1..2")));
    let points: Vec<&str> =
        tap.lines().filter(|l| l.starts_with("ok ") || l.starts_with("not ok ")).collect();
    assert_eq!(points.len(), 2, "{tap}");
    assert!(points[1].ends_with("juniors <don't> & \\# \\\\ sell"), "{tap}");
    // What belongs to a point is indented, between its marks.
    let open = tap.lines().filter(|l| *l == "  ---").count();
    assert_eq!((open, tap.lines().filter(|l| *l == "  ...").count()), (1, 1), "{tap}");
    for line in folder.test(&["--format", "jsonl"]).code(1).out.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
}

/// A failure tells what happened: what there is instead, when in the policy's zone, who was given what by hand.
#[test]
fn failures_read_as_a_user_needs_them() {
    let folder = Folder::new(
        r#"test "by hand" {
    given ann = person { department: "IT" }
    given assignments = [assignment { identity: ann, role: helper, from: 2026-03-02, until: 2026-03-09, granted_by: ann, ticket: "T" }]
    at 2026-03-02 at 09:30
    expect ann lacks helper, crm.role
    expect plan lacks grant(ann)
    expect plan has disable_account
    expect plan has nothing
    expect plan has tripped(leavers)
}
"#,
    );
    folder.write(
        "main.prov",
        &format!(
            "timezone \"Europe/Paris\"\n{POLICY}role helper requestable {{ grant crm.role(\"helper\") }}\n"
        ),
    );
    let ran = folder.test(&[]).code(1);
    for said in [
        "`ann` has helper",
        "not so on 2026-03-02 at 09:30",
        "assigned from 2026-03-02 until 2026-03-09, granted by ann tests.prov:3",
        "`ann` has crm.role",
        "ann has crm.role(\"helper\")",
        "the plan has `grant(ann)`",
        "2026-03-02 at 09:30  grant ann crm.role(\"helper\")",
        "the plan does not have `disable_account`",
        "the plan is not empty",
        "the guard `leavers` does not trip",
    ] {
        assert!(ran.out.contains(said), "`{said}` is not in:\n{}", ran.out);
    }
}
