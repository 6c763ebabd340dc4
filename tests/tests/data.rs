//! Bad data through the library: every kind is told with file, row and column, everyone else goes on, and nobody
//! loses or gains anything for a row that can't be read.
//! Invariant: messages are written out here in full, so that a change of one is seen.

use prov::{Actual, Backend, Engine, Error, Memory, Plan, Policy, Population, RenderOptions};
use prov_tests::eval::actions;
use prov_tests::project::Project;

/// Person 2 of three has the bad row; everyone holds an old role that is ours to take.
const POLICY: &str = r#"
identity person { id : string key  status : enum(active, gone)  level : int?  start : date }
source hr of person authoritative missing means left {}
lifecycle person { state left when status == gone { leaver }  state active otherwise }
app crm via file { managed all  entitlement role(text) }
birthright staff when state == active { grant crm.role("staff") }
"#;

const ACTUAL: &str = "app,identity,kind,value\ncrm,1,role,old\ncrm,2,role,old\ncrm,3,role,old\n";

struct World {
    project: Project,
    engine: Engine,
}

/// What became of a file: rejections as lines, notices as shown, and the plan.
struct Outcome {
    rejected: Vec<String>,
    notices: String,
    plan: Plan,
}

impl World {
    fn new() -> World {
        let policy = Policy::from_strings([("main.prov", POLICY)]).expect("the policy");
        let project = Project::new().expect("a folder");
        project.write("entitlements.csv", ACTUAL).expect("written");
        World { project, engine: policy.compile(Backend::Auto).expect("an engine") }
    }

    fn people(&self, bytes: &[u8]) -> Result<Population, Error> {
        Population::from_csv_bytes(self.engine.policy(), "person", "hr.csv", bytes)
    }

    fn run(&self, bytes: impl AsRef<[u8]>) -> Outcome {
        let people = match self.people(bytes.as_ref()) {
            Ok(people) => people,
            Err(e) => panic!("the whole file is refused: {e}"),
        };
        let policy = self.engine.policy();
        let desired = self.engine.evaluate(&people, &policy.at("2026-03-02").expect("a day"));
        let actual = Actual::load(policy, self.project.dir()).expect("the actual state");
        let rejected = people
            .rejections()
            .iter()
            .map(|r| {
                let column = r.column.as_ref().map_or(String::new(), |c| format!(", column `{c}`"));
                let whose = r.identity.as_deref().unwrap_or("nobody known");
                format!("{} {}:{}{column}: {} (of {whose})", r.code, r.file, r.line, r.message)
            })
            .collect();
        let report = prov::Report { diagnostics: people.notices.clone(), ..prov::Report::default() };
        Outcome {
            rejected,
            notices: report.human(RenderOptions::default()),
            plan: self.engine.plan(&desired, &actual, &Memory::default()),
        }
    }

    /// The message of a file that is refused as a whole.
    fn refused(&self, bytes: impl AsRef<[u8]>) -> String {
        match self.people(bytes.as_ref()) {
            Ok(_) => panic!("the file is read"),
            Err(e) => e.to_string().trim().to_owned(),
        }
    }
}

impl Outcome {
    fn touches(&self, id: &str) -> Vec<String> {
        actions(&self.plan).filter(|a| a.split(' ').nth(1) == Some(id)).collect()
    }

    /// One and three are planned, two is held: neither granted nor revoked.
    fn only_two_is_held(&self) {
        for id in ["1", "3"] {
            let changes =
                [format!("grant {id} crm.role(\"staff\")"), format!("revoke {id} crm.role(\"old\")")];
            assert_eq!(self.touches(id), changes, "rejected: {:?}", self.rejected);
        }
        assert_eq!(self.touches("2"), Vec::<String>::new());
        let held = self.plan.findings.iter().find(|f| f.kind.name() == "held").expect("a finding");
        assert_eq!(held.identity.as_deref(), Some("2"));
    }

    /// Whose row it is can't be told: who is there is planned, and nobody is taken for gone.
    fn nobody_is_gone(&self) {
        assert_eq!(self.touches("1").len(), 2, "rejected: {:?}", self.rejected);
        for id in ["2", "3"] {
            assert!(
                self.touches(id).iter().all(|a| !a.starts_with("kill") && !a.contains("(leaver)")),
                "{id} is taken for gone: {:?}",
                self.touches(id)
            );
        }
        assert_eq!(self.touches("2"), Vec::<String>::new());
    }
}

const HEAD: &str = "id,status,level,start\n1,active,,2020-01-01\n";
const THREE: &str = "3,active,,2020-01-01\n";

#[test]
fn a_good_file_is_read_as_it_is() {
    let out = World::new().run(format!("{HEAD}2,active,7,2020-01-01\n{THREE}"));
    assert_eq!((out.rejected.len(), out.notices.as_str(), out.plan.len()), (0, "", 6));
}

#[test]
fn who_is_missing_from_a_whole_file_leaves_where_the_policy_says_so() {
    let out = World::new().run(format!("{HEAD}{THREE}"));
    assert_eq!(out.touches("2"), ["kill_sessions 2 crm (leaver)", "revoke 2 crm.role(\"old\") (leaver)"]);
}

#[test]
fn a_wrong_date_holds_its_person() {
    let out = World::new().run(format!("{HEAD}2,active,,02.03.2026\n{THREE}"));
    assert_eq!(
        out.rejected,
        ["P0602 hr.csv:3, column `start`: `02.03.2026` is not a date like 2026-03-02 (of 2)"]
    );
    out.only_two_is_held();
}

#[test]
fn a_day_that_does_not_exist_holds_its_person() {
    let out = World::new().run(format!("{HEAD}2,active,,2026-02-29\n{THREE}"));
    assert_eq!(
        out.rejected,
        ["P0602 hr.csv:3, column `start`: `2026-02-29` is not a date like 2026-03-02 (of 2)"]
    );
    out.only_two_is_held();
}

#[test]
fn an_unknown_enum_value_holds_its_person() {
    let out = World::new().run(format!("{HEAD}2,Active,,2020-01-01\n{THREE}"));
    assert_eq!(
        out.rejected,
        [
            "P0603 hr.csv:3, column `status`: `Active` is not a variant of `enum(active, gone)`; did you mean `active`? (of 2)"
        ]
    );
    out.only_two_is_held();
}

#[test]
fn a_missing_value_holds_its_person() {
    let out = World::new().run(format!("{HEAD}2,active,,\n{THREE}"));
    assert_eq!(
        out.rejected,
        ["P0604 hr.csv:3, column `start`: no value for `start`, which must have one (of 2)"]
    );
    out.only_two_is_held();
}

#[test]
fn a_key_that_stands_twice_holds_its_person() {
    let out = World::new().run(format!("{HEAD}2,active,,2020-01-01\n{THREE}2,gone,,2020-01-01\n"));
    assert_eq!(
        out.rejected,
        [
            "P0605 hr.csv:3, column `id`: `2` stands as `id` on line 5 too; none of these rows counts (of 2)",
            "P0605 hr.csv:5, column `id`: `2` stands as `id` on line 3 too; none of these rows counts (of 2)",
        ]
    );
    out.only_two_is_held();
}

#[test]
fn a_long_value_is_shortened_in_messages() {
    let out = World::new().run(format!("{HEAD}2,active,{},2020-01-01\n{THREE}", "9".repeat(300)));
    assert!(out.rejected[0].len() < 140, "{}", out.rejected[0]);
    out.only_two_is_held();
}

#[test]
fn a_missing_column_refuses_the_file() {
    let message = World::new().refused("id,status,level,begin\n1,active,,2020-01-01\n");
    assert_eq!(
        message,
        "P0601\n\n  × hr.csv:1, column `start`: there is no column `start`\n  help: the file has `id`, `status`, \
         `level`, `begin`; map it in the source: `attribute =\n        row[\"Column\"]`"
    );
}

#[test]
fn a_misspelled_column_is_named() {
    let message = World::new().refused("id,status,level,strat\n1,active,,2020-01-01\n");
    assert_eq!(
        message,
        "P0601\n\n  × hr.csv:1, column `start`: there is no column `start`\n  help: did you mean `strat`? map it in \
         the source: `attribute = row[\"strat\"]`"
    );
}

/// Trap: one renamed column empties an attribute for everyone.
#[test]
fn a_missing_column_of_an_optional_attribute_is_told() {
    let policy = Policy::from_strings([("main.prov", POLICY)]).expect("the policy");
    let feed = b"id,status,levels,start\n1,active,7,2020-01-01\n";
    let people = Population::from_csv_bytes(&policy, "person", "hr.csv", feed).expect("the feed");
    let told: Vec<&str> = people.notices.iter().map(|n| n.message.as_str()).collect();
    assert_eq!(told, ["there is no column `level`: nobody has a `level` from `hr`"]);
    let help = people.notices[0].help.as_deref();
    assert_eq!(
        help,
        Some("did you mean the column `levels`? map it in the source: `level = row[\"levels\"]`")
    );
}

#[test]
fn a_missing_column_that_a_source_maps_refuses_the_file() {
    let policy = POLICY.replace("missing means left {}", "missing means left { level = int(row.Grade) }");
    let policy = Policy::from_strings([("main.prov", policy)]).expect("the policy");
    let error = Population::from_csv_bytes(
        &policy,
        "person",
        "hr.csv",
        b"id,status,grade,start\n1,active,7,2020-01-01\n",
    );
    let message = error.err().map_or(String::new(), |e| e.to_string());
    assert!(
        message.contains("there is no column `Grade`") && message.contains("did you mean `grade`?"),
        "{message}"
    );
}

#[test]
fn a_ragged_row_makes_nobody_a_leaver() {
    let out = World::new().run(format!("{HEAD}2,active,Lee, Ann,2020-01-01\n{THREE}"));
    assert_eq!(
        out.rejected,
        [
            "P0607 hr.csv:3: the row has 5 cells, but line 1 names 4 columns: is there a comma in a cell that is not in double quotes? (of nobody known)"
        ]
    );
    out.nobody_is_gone();
}

#[test]
fn a_row_without_a_key_makes_nobody_a_leaver() {
    let out = World::new().run(format!("{HEAD},active,,2020-01-01\n{THREE}"));
    assert_eq!(
        out.rejected,
        ["P0604 hr.csv:3, column `id`: no value for `id`, which must have one (of nobody known)"]
    );
    out.nobody_is_gone();
}

#[test]
fn a_row_that_is_not_utf8_makes_nobody_a_leaver() {
    let mut bytes = format!("{HEAD}2,acti").into_bytes();
    bytes.extend(b"\xE9ve,,2020-01-01\n");
    bytes.extend(THREE.as_bytes());
    let out = World::new().run(&bytes);
    assert_eq!(
        out.rejected,
        [
            "P0609 hr.csv:3, column `status`: character 7: the byte 0xE9 is not UTF-8; in Windows-1252 it would be `é`: export the file as UTF-8 (of nobody known)"
        ]
    );
    out.nobody_is_gone();
}

#[test]
fn utf16_is_named() {
    let bytes: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(HEAD.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(
        World::new().refused(bytes),
        "P0609\n\n  × hr.csv:1: `hr.csv` is UTF-16LE text; it must be UTF-8\n  help: export it as UTF-8 (in Excel: `CSV UTF-8`), or convert it: `iconv -f UTF-16 -t UTF-8\n        hr.csv`"
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let text = format!("\u{feff}{HEAD}2,active,7,2020-01-01\n{THREE}").replace('\n', "\r\n");
    let out = World::new().run(text);
    assert_eq!((out.rejected.len(), out.plan.len()), (0, 6));
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let out = World::new().run(format!("{}2,active,,x\r\n{THREE}", HEAD.replace('\n', "\r\n")));
    assert_eq!(out.rejected, ["P0602 hr.csv:3, column `start`: `x` is not a date like 2026-03-02 (of 2)"]);
}

#[test]
fn an_empty_file_is_refused() {
    assert_eq!(
        World::new().refused(""),
        "P0610\n\n  × hr.csv: `hr.csv` is empty: the first line must name the columns\n  help: an export that failed often leaves an empty file: fetch it again; `nobody` is a first line\n        with no rows below"
    );
    assert_eq!(World::new().refused("\n\n"), World::new().refused(""));
}

#[test]
fn a_file_without_rows_holds_everything() {
    let out = World::new().run("id,status,level,start\n");
    let tripped: Vec<&str> = out.plan.tripped().map(|v| v.guard.as_str()).collect();
    assert_eq!(tripped, ["population"]);
    assert!(out.plan.actions().all(|a| out.plan.held_by(a, &[]).is_some()), "something would run");
}

#[test]
fn a_truncated_file_makes_nobody_a_leaver() {
    let out = World::new().run(format!("{HEAD}2,\"act"));
    assert_eq!(
        out.rejected,
        [
            "P0611 hr.csv:3: the file ends within a cell in quotes that begins in this row: the file is cut off, or a quote is missing (of nobody known)"
        ]
    );
    assert_eq!(
        out.notices,
        "P0611\n\n  ⚠ hr.csv:3: `hr.csv` seems to be cut off: the file ends within a cell in quotes that begins in\n  │ this row: the file is cut off, or a quote is missing\n  help: fetch the file again; until then, who is absent from it does not count as gone\n"
    );
    out.nobody_is_gone();
}

#[test]
fn a_cell_of_ten_megabytes_is_rejected_and_the_rest_read() {
    let out = World::new().run(format!("{HEAD}2,active,{},2020-01-01\n{THREE}", "x".repeat(10 << 20)));
    assert_eq!(
        out.rejected,
        [
            "P0612 hr.csv:3, column `level`: the cell has 10485760 bytes, over the limit of 1 MiB: is a closing quote missing before it? (of nobody known)"
        ]
    );
    out.nobody_is_gone();
    assert_eq!(out.touches("3").len(), 2);
}

#[test]
fn a_leaver_with_a_bad_row_still_leaves() {
    let out = World::new().run(format!("{HEAD}2,gone,x,2020-01-01\n{THREE}"));
    assert_eq!(out.rejected, ["P0602 hr.csv:3, column `level`: `x` is not a whole number (of 2)"]);
    assert_eq!(out.touches("2"), ["kill_sessions 2 crm (leaver)", "revoke 2 crm.role(\"old\") (leaver)"]);
}

#[test]
fn a_half_broken_file_of_actual_state_is_told() {
    let world = World::new();
    world.project.write("entitlements.csv", "app,identity,kind\ncrm,1,role\n").expect("written");
    let error = Actual::load(world.engine.policy(), world.project.dir()).expect_err("a missing column");
    let message = error.to_string();
    assert!(message.contains("has no column `value`") && message.contains("P0601"), "{message}");
}

#[test]
fn a_row_of_decisions_by_hand_that_is_none_refuses_the_file() {
    let world = World::new();
    let load = |text: &str| {
        world.project.write("assignments.csv", text).expect("written");
        let file = world.project.dir().join("assignments.csv");
        prov::ByHand::load(world.engine.policy(), Some(&file), None).map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(load("identity,role\n1,staff\n"), Ok(()));
    let ragged = load("identity,role\n1,staff\n2,staff,x\n").expect_err("a cell too many");
    assert!(ragged.contains("P0607") && ragged.contains("assignments.csv:3"), "{ragged}");
    let cut = load("identity,role\n1,staff\n2,\"sta").expect_err("cut off");
    assert!(cut.contains("P0611") && cut.contains("assignments.csv:3"), "{cut}");
}
