//! Sessions: random cases with random changes, one row after another. After each few, what a session told of each person
//! last is what a plan of everyone, of the rows as they are then, says of them; the guards say the same.
//!
//! `SEED=` runs one case, `CASES=` so many (600 where `CI` is set, else 60).
//! Invariant: a difference is told with the seed of its case.

use prov::{ActionView, Background, Changes, Error, Live, Plan, Population, RowChange, Verdict};
use prov_tests::random::{Case, Made};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Changes of a case.
const CHANGES: usize = 24;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// Splitmix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// All that a plan says of an action but where it stands.
fn said(action: ActionView<'_>) -> String {
    let because: Vec<String> =
        action.because().iter().map(|b| format!("{}:{}:{}", b.rule, b.file, b.line)).collect();
    let after: Vec<String> = action.after().map(|a| a.id().to_string()).collect();
    format!(
        "{} {:?} {} {:?} {:?} {:?} leaver {} report {} {:?} because {because:?} after {after:?}",
        action.id(),
        action.kind(),
        action.app(),
        action.account(),
        action.entitlement(),
        action.changes(),
        action.is_leaver(),
        action.is_report(),
        action.risk(),
    )
}

/// By person: actions, then findings.
type Told = BTreeMap<String, (Vec<String>, Vec<String>)>;

fn told<'a>(
    actions: impl Iterator<Item = ActionView<'a>>,
    findings: impl Iterator<Item = &'a prov::Finding>,
) -> Told {
    let mut out = Told::new();
    for action in actions {
        out.entry(action.identity().to_owned()).or_default().0.push(said(action));
    }
    for finding in findings {
        let Some(id) = &finding.identity else { continue };
        // What is said of rows of files is said by who reads them all.
        let of_rows = ["RejectedRow", "Unmatched", "Expired", "UnknownApp", "Orphan", "Linked", "Unmanaged"];
        let kind = format!("{:?}", finding.kind);
        if of_rows.iter().any(|k| kind.starts_with(k)) {
            continue;
        }
        out.entry(id.clone())
            .or_default()
            .1
            .push(format!("{kind} {} {:?}", finding.message, finding.because));
    }
    out
}

fn told_of(plan: &Plan) -> Told {
    told(plan.actions(), plan.findings.iter())
}

/// A session's case as its rows stand.
struct World {
    made: Made,
    case: Case,
    draw: Draw,
}

impl World {
    /// Draws a change of a source, and makes it in the case's rows.
    fn change(&mut self, live: &Live) -> Option<RowChange> {
        let source = self.draw.below(self.case.sources.len());
        let other = self.draw.next();
        let (name, rows) = &mut self.case.sources[source];
        let name = name.clone();
        let key = |row: &Vec<String>| {
            let cells: Vec<(&str, &str)> =
                rows.columns.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect();
            live.key_of(&name, &cells).ok().flatten()
        };
        if rows.rows.is_empty() {
            return None;
        }
        let at = self.draw.below(rows.rows.len());
        let mut row = rows.rows[at].clone();
        let whose = key(&row)?;
        let of: Vec<usize> =
            (0..rows.rows.len()).filter(|i| key(&rows.rows[*i]).as_deref() == Some(&*whose)).collect();
        let kept: Vec<Vec<String>> = of.iter().map(|i| rows.rows[*i].clone()).collect();
        let mut after: Vec<Vec<String>> = kept.clone();
        match self.draw.below(10) {
            // Gone.
            0 | 1 => after.clear(),
            // Somebody new, with the cells of another.
            2 => {
                let fresh = format!("n{}", other % 3);
                for cell in row.iter_mut().take(rows.columns.len()).filter(|cell| **cell == whose) {
                    cell.clone_from(&fresh);
                }
                let of_new = key(&row)?;
                if of_new == whose {
                    return None;
                }
                rows.rows.retain(|r| key_is(live, &name, &rows.columns, r, &of_new).is_none());
                rows.rows.push(row.clone());
                return Some(with(&name, &of_new, &rows.columns, &[row]));
            }
            // A cell that can't be read, or nothing.
            3 => {
                let column = self.draw.below(row.len());
                let n = self.draw.below(after.len());
                after[n][column] = ["?!", ""][self.draw.below(2)].to_owned();
            }
            // Cells of somebody else.
            _ => {
                let from = rows.rows[self.draw.below(rows.rows.len())].clone();
                let n = self.draw.below(after.len());
                for _ in 0..1 + self.draw.below(3) {
                    let column = self.draw.below(row.len());
                    after[n][column].clone_from(&from[column]);
                }
            }
        }
        if after.iter().any(|row| key(row).as_deref() != Some(&*whose)) {
            return None;
        }
        let columns = rows.columns.clone();
        let mut n = 0..;
        rows.rows.retain(|_| n.next().is_none_or(|i| !of.contains(&i)));
        rows.rows.extend(after.iter().cloned());
        Some(with(&name, &whose, &columns, &after))
    }

    fn plan(&mut self) -> Result<Plan, Error> {
        let (people, _) = self.made.data_of(&self.case)?;
        Ok(self.plan_of(&people))
    }

    fn plan_of(&self, people: &Population) -> Plan {
        let made = &self.made;
        let desired = made.engine.evaluate_with(people, &made.at, &made.background());
        made.engine.plan(&desired, &made.actual, &made.memory)
    }
}

fn key_is(live: &Live, source: &str, columns: &[String], row: &[String], key: &str) -> Option<()> {
    let cells: Vec<(&str, &str)> =
        columns.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect();
    let of = live.key_of(source, &cells).ok().flatten();
    (of.as_deref() == Some(key)).then_some(())
}

fn with(source: &str, key: &str, columns: &[String], rows: &[Vec<String>]) -> RowChange {
    let rows: Vec<Vec<(&str, &str)>> = rows
        .iter()
        .map(|r| columns.iter().map(String::as_str).zip(r.iter().map(String::as_str)).collect())
        .collect();
    let rows: Vec<&[(&str, &str)]> = rows.iter().map(Vec::as_slice).collect();
    RowChange::rows(source, key, &rows)
}

fn note(known: &mut Told, changes: &Changes) {
    let mut of = told(changes.actions(), changes.findings());
    for id in changes.people() {
        match of.remove(id) {
            Some(said) => drop(known.insert(id.clone(), said)),
            None => drop(known.remove(id)),
        }
    }
    assert!(of.is_empty(), "told of others: {of:?}");
}

fn guards(verdicts: &[Verdict]) -> Vec<String> {
    verdicts
        .iter()
        .map(|v| format!("{} {:?} {} {} of {:?} {:?}", v.guard, v.app, v.tripped, v.count, v.base, v.hit))
        .collect()
}

/// What differs in a case; none where it is refused.
fn compare(seed: u64) -> Option<Result<usize, String>> {
    let case = Case::one_by_one(seed).with_whole_rows().with_world().ok()?;
    let made = Made::of(&case).ok()?;
    let mut world = World { made, case, draw: Draw(seed ^ 0x11fe) };
    let made = &world.made;
    let background = Background { actual: None, ..made.background() };
    let mut live = match Live::open(&made.engine, &made.wiring(), &made.at, &background, &made.actual) {
        Ok(live) => live,
        Err(_) => return None,
    };
    let mut known = told_of(live.opening());
    let mut taken = 0;
    for step in 0..CHANGES {
        let before = world.case.clone();
        let Some(change) = world.change(&live) else { continue };
        match live.apply_change(&change) {
            Ok(changes) => {
                taken += 1;
                note(&mut known, &changes);
            }
            Err(_) => {
                world.case = before;
                continue;
            }
        }
        let plan = match world.plan() {
            Ok(plan) => plan,
            // All rows are gone of a file, or such.
            Err(_) => return Some(Ok(taken)),
        };
        let wanted = told_of(&plan);
        for id in wanted.keys().chain(known.keys()) {
            let (a, b) = (wanted.get(id), known.get(id));
            if a != b {
                let how =
                    format!("seed {seed}, step {step}, {id} after {change:?}:\nrun {a:#?}\nsession {b:#?}");
                return Some(Err(how));
            }
        }
        let (a, b) = (guards(&plan.header.guards), guards(&live.guards()));
        if a != b {
            return Some(Err(format!("seed {seed}, step {step}: guards\nrun {a:#?}\nsession {b:#?}")));
        }
    }
    Some(Ok(taken))
}

#[test]
fn a_session_says_what_a_run_over_everyone_says() {
    let (from, count) = match (number("SEED"), number("CASES")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        (None, n) => (0, n.unwrap_or(if std::env::var_os("CI").is_some() { 600 } else { 60 })),
    };
    let next = AtomicU64::new(from);
    let told: Mutex<Vec<String>> = Mutex::default();
    let (taken, cases) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count || told.lock().is_ok_and(|t| t.len() >= 5) {
                        break;
                    }
                    match (compare(seed), told.lock()) {
                        (Some(Err(how)), Ok(mut told)) => told.push(how),
                        (Some(Ok(n)), _) => {
                            cases.fetch_add(1, Ordering::Relaxed);
                            taken.fetch_add(n as u64, Ordering::Relaxed);
                        }
                        _ => {}
                    }
                }
            });
        }
    });
    let told = told.into_inner().expect("no thread panics");
    let (taken, cases) = (taken.into_inner(), cases.into_inner());
    println!("{taken} changes of {cases} cases");
    assert!(told.is_empty(), "{} cases differ\n{}", told.len(), told.join("\n"));
    assert!(count < 50 || taken > count * 5, "only {taken} changes of {cases} cases were taken");
}

/// A company in which managers count.
const COMPANY: &str = r#"
identity person {
    id         : string key
    department : text
    active     : bool
    boss       : person?  inverse reports
}
source hr of person authoritative {}
lifecycle person {
    state gone when not active { leaver  drop entitlements }
    state here otherwise
}
app crm via file { managed all  entitlement role(text) }
role seller when department == "Sales" { grant crm.role("seller") }
role lead when any r in reports where (r.active) { grant crm.role("lead") }
role of_sales when boss is present and boss.department == "Sales" { grant crm.role("of sales") }
guard grants at most 2
"#;

fn company() -> (tempfile::TempDir, prov::Engine) {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
    write("main.prov", COMPANY);
    write("prov.toml", "name = \"c\"\n[sources]\nhr = \"hr.csv\"\n");
    write("hr.csv", "id,department,active,boss\n1,Finance,true,\n2,Law,true,1\n3,Law,true,1\n");
    let loaded = prov::Policy::check(dir.path()).expect("readable");
    assert!(!loaded.report.has_errors(), "{}", loaded.report.human(Default::default()));
    let engine = loaded.policy.expect("a policy").compile(prov::Backend::Auto).expect("an engine");
    (dir, engine)
}

fn row<'a>(id: &'a str, department: &'a str, active: &'a str, boss: &'a str) -> RowChange {
    RowChange::put("hr", &[("id", id), ("department", department), ("active", active), ("boss", boss)])
}

fn acts(changes: &Changes) -> Vec<String> {
    let act = |a: ActionView<'_>| {
        let because: Vec<&str> = a.because().iter().map(|b| b.rule.as_str()).collect();
        format!(
            "{:?} {} {} because {}",
            a.kind(),
            a.identity(),
            a.entitlement().unwrap_or_default().1,
            because.join(", ")
        )
    };
    changes.actions().map(act).collect()
}

fn opened(engine: &prov::Engine) -> Live {
    let at = engine.policy().at("2026-03-02").expect("a moment");
    let actual = prov::Actual::empty();
    Live::open(engine, &prov::Wiring::default(), &at, &Background::default(), &actual).expect("a session")
}

#[test]
fn a_change_reaches_all_who_can_see_it_and_its_reverse_takes_it_back() {
    let (_dir, engine) = company();
    let mut live = opened(&engine);
    let lead = live.of("1");
    assert_eq!(acts(&lead), ["Grant 1 lead because lead"]);
    live.carried_out(&lead);
    assert!(live.of("1").is_empty());

    let there = live.apply_change(&row("1", "sales", "true", "")).expect("taken");
    assert_eq!(there.people(), ["1", "2", "3"]);
    let granted = [
        "Grant 1 seller because seller",
        "Grant 2 of sales because of_sales",
        "Grant 3 of sales because of_sales",
    ];
    assert_eq!(acts(&there), granted);
    let tripped: Vec<String> =
        live.guards().into_iter().filter(|v| v.tripped).map(|v| format!("{} {}", v.guard, v.count)).collect();
    assert_eq!(tripped, ["grants 3"], "what a few changes do together is judged together");
    live.carried_out(&there);
    assert_eq!(live.guards().iter().filter(|v| v.tripped).count(), 1, "what was carried out still counts");

    let back = live.apply_change(&row("1", "Finance", "true", "")).expect("taken");
    let kinds: Vec<String> = acts(&back);
    assert_eq!(kinds.iter().filter(|a| a.starts_with("Revoke")).count(), 3, "{kinds:?}");
    live.carried_out(&back);
    assert!(["1", "2", "3"].iter().all(|id| live.of(id).is_empty()));
    assert_eq!(live.guards().iter().filter(|v| v.tripped).count(), 0, "all in all nothing changed");
}

#[test]
fn who_comes_back_is_referred_to_again_and_a_change_that_is_refused_changes_nothing() {
    let (_dir, engine) = company();
    let mut live = opened(&engine);
    // A report moves: both managers are told, and one of them leads nobody any more.
    live.apply_change(&row("2", "Law", "true", "3")).expect("taken");
    let moved = live.apply_change(&row("3", "Law", "true", "2")).expect("taken");
    assert_eq!(moved.people(), ["1", "2", "3"], "a circle of two");
    assert_eq!(acts(&live.of("1")), [] as [&str; 0]);
    assert_eq!(acts(&live.of("2")), ["Grant 2 lead because lead"]);

    let gone = live.apply_change(&RowChange::gone("hr", "2")).expect("taken");
    assert_eq!(gone.people(), ["2", "3"]);
    assert_eq!(acts(&live.of("3")), [] as [&str; 0]);
    let here = live.apply_change(&row("2", "Sales", "true", "3")).expect("taken");
    let wanted = [
        "Grant 2 lead because lead",
        "Grant 2 seller because seller",
        "Grant 3 lead because lead",
        "Grant 3 of sales because of_sales",
    ];
    assert_eq!(acts(&here), wanted);

    let error = |change: RowChange, live: &mut Live| match live.apply_change(&change) {
        Err(Error::Input { message, .. }) => message,
        other => panic!("not refused: {other:?}"),
    };
    let columns = [("id", "9"), ("dept", "x")];
    assert_eq!(error(RowChange::put("hr", &columns), &mut live), "source `hr` has no column `dept`");
    assert_eq!(error(RowChange::gone("hrr", "2"), &mut live), "the policy has no source `hrr`");
    let other = RowChange::rows("hr", "3", &[&[("id", "2"), ("active", "true")]]);
    assert_eq!(error(other, &mut live), "a row of `hr` is of `2`, not of `3`");
    let nobody = RowChange::put("hr", &[("id", ""), ("active", "true")]);
    assert_eq!(error(nobody, &mut live), "it can't be told whose the row of `hr` is");
    assert_eq!(acts(&live.of("3")), &wanted[2..]);
}

#[test]
fn what_hangs_on_everyone_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = r#"
identity person { id : string key }
source hr of person authoritative {}
app ad via ldap { account { login = unique(id, max: 8) }  managed all  entitlement group(text) }
"#;
    std::fs::write(dir.path().join("main.prov"), text).expect("written");
    std::fs::write(dir.path().join("hr.csv"), "id\n1\n").expect("written");
    std::fs::write(dir.path().join("prov.toml"), "name = \"c\"\n[sources]\nhr = \"hr.csv\"\n")
        .expect("written");
    let policy = prov::Policy::load(dir.path()).expect("a policy");
    let engine = policy.compile(prov::Backend::Auto).expect("an engine");
    let at = policy.at("2026-03-02").expect("a moment");
    let (wiring, actual) = (prov::Wiring::default(), prov::Actual::empty());
    let error = Live::open(&engine, &wiring, &at, &Background::default(), &actual).expect_err("refused");
    let Error::Input { message, help } = error else { panic!("{error}") };
    assert_eq!(
        message,
        "a session does not cover this policy: `ad` gives names that nobody else has (`unique`)"
    );
    assert!(help.contains("Engine::plan"), "{help}");
}
