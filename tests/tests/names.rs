//! Names by `unique` in the large: thousands of one name at once, the same twice, nobody's name given to another.
//! Invariant: what is held here of names holds for every order of rows and number of threads.

use prov::{Actual, Backend, Background, Engine, Memory, Plan, Policy, Population};
use prov_tests::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Instant;

const POLICY: &str = "
identity person { id : string key  name : string  start : date  status : enum(active, gone) }
source hr of person authoritative {}
lifecycle person {
    state left when status == gone { leaver  disable accounts  delete accounts after 30 days }
    state active otherwise
}
app ad via ldap {
    account { login = unique(lower(name), max: 8) rename on change  mail = \"{login}@acme.example\" }
    managed all
    entitlement group(text)
}
birthright staff when state == active { grant ad.group(\"staff\") }
";

struct Company {
    engine: Engine,
    world: World,
    memory: Memory,
    dir: tempfile::TempDir,
}

struct Run {
    plan: Plan,
    /// The name of each account that there should be.
    names: BTreeMap<String, String>,
}

impl Company {
    fn new() -> Company {
        let policy = Policy::from_strings([("main.prov", POLICY)]).expect("a policy");
        let engine = policy.compile(Backend::Auto).expect("an engine");
        let dir = tempfile::tempdir().expect("a folder");
        Company { engine, world: World::default(), memory: Memory::default(), dir }
    }

    fn people(&self, rows: &[(usize, &str, &str)]) -> Population {
        let mut csv = "id,name,start,status\n".to_owned();
        for (id, name, status) in rows {
            // Who came first is not who has the least key.
            let _ = writeln!(csv, "{id:06},{name},20{:02}-01-01,{status}", 10 + id * 7 % 10);
        }
        Population::from_csv_bytes(self.engine.policy(), "person", "hr.csv", csv.as_bytes()).expect("people")
    }

    fn actual(&self) -> Actual {
        for (name, text) in self.world.files() {
            std::fs::write(self.dir.path().join(name), text).expect("written");
        }
        Actual::load(self.engine.policy(), self.dir.path()).expect("an actual state")
    }

    fn run(&mut self, rows: &[(usize, &str, &str)], threads: usize, at: &str, keep: bool) -> Run {
        let engine = self.engine.clone().with_threads(Some(threads));
        let actual = self.actual();
        let background = Background {
            memory: self.memory.clone().into(),
            actual: Some(actual.state()),
            ..Background::default()
        };
        let at = engine.policy().at(at).expect("a day");
        let desired = engine.evaluate_with(&self.people(rows), &at, &background);
        let plan = engine.plan(&desired, &actual, &self.memory);
        let named = |id: &str| Some((id.to_owned(), desired.accounts(id).first()?.name().to_owned()));
        let names = desired.ids().filter_map(named).collect();
        if keep {
            self.memory = engine.memory_after(&desired, &actual, &self.memory, &plan);
            self.world.apply(&plan);
        }
        Run { plan, names }
    }
}

fn bytes(plan: &Plan) -> String {
    let mut out = Vec::new();
    plan.write_jsonl(&mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn five_thousand_people_called_li_wei_join_at_once() {
    let rows: Vec<(usize, &str, &str)> = (0..5000).map(|id| (id, "liwei", "active")).collect();
    let mut company = Company::new();
    let start = Instant::now();
    let run = company.run(&rows, 2, "2026-03-02", false);
    let took = start.elapsed();
    let names: BTreeSet<&String> = run.names.values().collect();
    assert_eq!(names.len(), 5000);
    for (id, name) in
        [("000000", "liwei"), ("000010", "liwei2"), ("004990", "liwei500"), ("000003", "liwei501")]
    {
        assert_eq!(run.names[id], name, "of {id}");
    }
    assert!(names.iter().all(|n| n.chars().count() <= 8));
    // Were each name looked for from the first, this would be twelve million look-ups.
    assert!(took.as_secs() < 10, "took {took:?}");

    // The same in another order on other threads.
    let reversed: Vec<_> = rows.iter().rev().copied().collect();
    assert_eq!(bytes(&company.run(&reversed, 3, "2026-03-02", false).plan), bytes(&run.plan));

    // Carried out and run again: nothing to do, and nobody's name has moved.
    company.run(&rows, 1, "2026-03-02", true);
    let again = company.run(&rows, 2, "2026-03-02", true);
    assert!(again.plan.is_empty());
    assert_eq!(again.names, run.names);
    // The accounts alone say who is called what, and so does memory alone.
    let (memory, world) = (std::mem::take(&mut company.memory), company.world.clone());
    assert_eq!(company.run(&rows, 2, "2026-03-02", false).names, run.names);
    (company.memory, company.world) = (memory, World::default());
    assert_eq!(company.run(&rows, 2, "2026-03-02", false).names, run.names);
    company.world = world;
}

#[test]
fn over_many_days_nobody_gets_a_name_that_was_anothers() {
    let mut company = Company::new();
    let mut random = 1u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let bases = ["li", "LI", "li2", "wei", "weiwei", "weiweiweiwei", "weiweiweizz"];
    let mut people: BTreeMap<usize, (&str, &str)> = BTreeMap::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut renames = 0;
    for day in 0..60 {
        for _ in 0..6 {
            let id = next(80) as usize;
            let (base, roll) = (bases[next(bases.len() as u64) as usize], next(10));
            match people.get_mut(&id) {
                None => {
                    people.insert(id, (base, "active"));
                }
                Some(person) if roll < 3 => person.1 = "gone",
                Some(person) if roll < 5 => *person = (base, "active"),
                Some(person) if roll < 7 => person.0 = base,
                Some(_) if roll < 8 => {
                    people.remove(&id);
                }
                Some(_) => {}
            }
        }
        let rows: Vec<(usize, &str, &str)> = people.iter().map(|(id, (n, s))| (*id, *n, *s)).collect();
        let at = format!("2026-{:02}-{:02}", 3 + day / 28, 1 + day % 28);
        let plan = company.run(&rows, 2, &at, false).plan;
        let mut shuffled = rows.clone();
        shuffled.reverse();
        let run = company.run(&shuffled, 3, &at, true);
        // Plans name lines of files nowhere here: rows in another order are the same bytes.
        assert_eq!(bytes(&run.plan), bytes(&plan), "on {at}");
        for (id, name) in &run.names {
            let owner = owners.entry(name.to_lowercase()).or_insert_with(|| id.clone());
            assert_eq!(owner, id, "`{name}` on {at}");
        }
        let kinds: Vec<&str> = run.plan.actions().map(|a| a.kind().name()).collect();
        renames += kinds.iter().filter(|k| **k == "rename_account").count();
        // A marriage is never a delete and a create.
        let of = |kind: &str| {
            let of_kind = run.plan.actions().filter(|a| a.kind().name() == kind);
            of_kind.map(|a| a.identity().to_owned()).collect::<BTreeSet<_>>()
        };
        assert!(of("create_account").is_disjoint(&of("delete_account")), "on {at}");
        assert!(of("rename_account").is_disjoint(&of("revoke")), "on {at}");
        let again = company.run(&rows, 2, &at, true);
        assert!(again.plan.is_empty(), "on {at}: {}", bytes(&again.plan));
    }
    assert!(renames > 20, "only {renames} renames");
}
