//! The company as a population: the mirror of its rules agrees with the engine, and its counts are those the README names.

use super::rules::{Access, State, access, state};
use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn company() -> Company {
    let random = Random::new(2026);
    let mut company = people::found(&random);
    changes::happen(&mut company, &random);
    company.number();
    company
}

fn file(files: &[(&'static str, String)], path: &str) -> String {
    files.iter().find(|(p, _)| *p == path).map(|(_, t)| t.clone()).expect("the file is made")
}

fn states(p: &Person) -> (Option<State>, State) {
    (p.friday.as_ref().map(|f| state(f, LAST_RUN)), state(&p.today, ANCHOR))
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let (a, b, c) = (generate(1), generate(1), generate(2));
    assert_eq!(a, b);
    for (x, y) in a.iter().zip(&c) {
        assert_ne!(x.1, y.1, "{}", x.0);
    }
}

#[test]
fn the_company_is_of_the_size_it_says() {
    let company = company();
    let active = company.people.iter().filter(|p| states(p).1 == State::Active).count();
    assert!((1080..1180).contains(&active), "{active} active");
    assert!((1150..1260).contains(&company.people.len()), "{} rows", company.people.len());
    for country in 0..3 {
        let n = company.people.iter().filter(|p| shape::SITES[p.today.site].3 == country).count();
        assert!(n > 200, "{n} in {}", shape::COUNTRIES[country]);
    }
}

#[test]
fn a_monday_has_its_joiners_movers_and_leavers() {
    let company = company();
    let count = |fits: &dyn Fn(&Person) -> bool| company.people.iter().filter(|p| fits(p)).count();
    let joined = |p: &Person| {
        matches!(states(p), (None | Some(State::Prehire), State::Active)) && p.today.start == ANCHOR
    };
    assert_eq!(count(&joined), changes::JOINERS);
    assert_eq!(count(&|p| p.friday.is_none()), changes::LATE_JOINERS);
    let moved = |p: &Person| match &p.friday {
        Some(f) if states(p) == (Some(State::Active), State::Active) => {
            let same_manager = Facts { manager: p.today.manager, ..f.clone() };
            same_manager != p.today
        }
        _ => false,
    };
    assert_eq!(count(&moved), changes::MOVERS);
    assert_eq!(count(&|p| states(p) == (Some(State::Active), State::Terminated)), changes::LEAVERS);
    assert_eq!(count(&|p| states(p) == (Some(State::Active), State::Leave)), changes::WENT_ON_LEAVE);
    assert_eq!(count(&|p| states(p) == (Some(State::Leave), State::Active)), changes::CAME_BACK);
    assert_eq!(count(&|p| states(p) == (Some(State::Leave), State::Leave)), changes::AWAY);
    assert_eq!(count(&|p| p.part == Part::Mess), changes::MESS);
}

#[test]
fn managers_form_a_tree() {
    let company = company();
    for start in 0..company.people.len() {
        let mut at = start;
        let mut steps = 0;
        while let Manager::Of(next) = company.people[at].today.manager {
            at = next;
            steps += 1;
            assert!(steps < 10, "{} has a manager above itself", company.people[start].id);
        }
    }
    let heads = company.people.iter().filter(|p| p.today.manager == Manager::Nobody).count();
    assert_eq!(heads, 1);
}

#[test]
fn ids_are_given_once() {
    let company = company();
    let ids: BTreeSet<_> = company.people.iter().map(|p| &p.id).collect();
    assert_eq!(ids.len(), company.people.len());
}

#[test]
fn the_export_has_the_mess_that_exports_have() {
    let hr = file(&generate(2026), "data/hr.csv");
    assert!(hr.lines().count() > 1000 && hr.matches("\r\n").count() == hr.matches('\n').count());
    for mess in [
        "31/02/2024",
        "2023-11-06",
        ",On Sabbatical,",
        ",L4,",
        ",TBD,",
        ",Consultant,",
        "\"Paris, La Défense\"",
        "\"Freeman, Jr.\"",
        "SALES",
        "E02000",
        "\r\n,",
    ] {
        assert!(hr.contains(mess), "{mess}");
    }
    let mut keys = BTreeMap::new();
    hr.lines().skip(1).for_each(|l| *keys.entry(l.split(',').next().unwrap_or("")).or_insert(0) += 1);
    assert_eq!(keys.values().filter(|n| **n > 1).count(), 1, "one key stands twice");
    assert!(hr.lines().filter(|l| l.contains("Élodie,Nguyen")).count() >= 2, "two people of one name");
}

/// What a plan would do, from the mirror of the rules alone.
fn changes_by_person(company: &Company) -> BTreeMap<String, usize> {
    let files = generate(2026);
    let mut actual: BTreeMap<String, Access> = BTreeMap::new();
    let entitlements = file(&files, "actual/entitlements.csv");
    for row in entitlements.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let app = ["ad", "slack", "git", "crm", "erp", "hris", "travel", "vpn", "badge", "lms"]
            .into_iter()
            .find(|a| *a == cells[0])
            .expect("an app of the policy");
        let kind = [
            "group",
            "license",
            "channel",
            "usergroup",
            "team",
            "access",
            "profile",
            "territory",
            "role",
            "policy",
            "zone",
            "course",
        ]
        .into_iter()
        .find(|k| *k == cells[2])
        .expect("a kind of the policy");
        actual.entry(cells[1].into()).or_default().grants.insert((app, kind, cells[3].into()));
    }
    let reports = company.reports(true);
    let none = Access::default();
    let mut changes = BTreeMap::new();
    for (i, p) in company.people.iter().enumerate() {
        if matches!(p.part, Part::Mess) || states(p).1 == State::Leave {
            continue;
        }
        let desired = access(&p.id, &p.today, reports[i] > 0, ANCHOR);
        let has = actual.get(&p.id).unwrap_or(&none);
        let ours = |g: &&rules::Grant| {
            let prefix = |list: &[&str]| list.iter().any(|p| g.2.starts_with(p));
            match (g.0, g.1) {
                ("ad", "group") => prefix(&["all-", "dept-", "site-", "role-"]),
                ("slack", "channel") => prefix(&["acme-", "dept-", "site-"]),
                ("lms", _) => false,
                _ => true,
            }
        };
        let n = desired.grants.difference(&has.grants).count()
            + has.grants.difference(&desired.grants).filter(ours).count();
        if n > 0 {
            changes.insert(p.id.clone(), n);
        }
    }
    changes
}

#[test]
fn a_monday_changes_dozens_of_people_not_hundreds() {
    let company = company();
    let changes = changes_by_person(&company);
    let total: usize = changes.values().sum();
    assert!((45..75).contains(&changes.len()), "{} people", changes.len());
    assert!((250..600).contains(&total), "{total} grants and revokes");
}

#[test]
fn who_did_nothing_of_note_is_left_alone() {
    let company = company();
    let changes = changes_by_person(&company);
    let quiet = company.people.iter().filter(|p| matches!(p.part, Part::Staff | Part::Lead | Part::OnLeave));
    let touched: Vec<_> = quiet
        // A month after the start the welcome ends.
        .filter(|p| p.today.start.0 + 30 < LAST_RUN.0 || p.today.start.0 + 30 > ANCHOR.0)
        .filter(|p| changes.contains_key(&p.id))
        .map(|p| (&p.id, &p.today.title))
        .collect();
    assert!(touched.len() <= 2, "{touched:?}");
}

#[test]
fn the_readme_names_a_mover_and_the_counts_that_are_there() {
    let readme = file(&crate::template::Template::Company.files(), "README.md");
    let id = readme.split_whitespace().find(|w| w.starts_with("E1")).expect("an id to explain");
    let company = company();
    let person = company.people.iter().find(|p| p.id == id).expect("the id is in the export");
    let friday = person.friday.as_ref().expect("it was there on Friday");
    let name = |f: &Facts| shape::DEPARTMENTS[f.department].name;
    assert!(readme.contains(&format!("from {} to {}", name(friday), name(&person.today))), "{id}");
    for (n, what) in
        [(changes::JOINERS, "people start today"), (changes::MOVERS, "moved:"), (changes::LEAVERS, "left.")]
    {
        assert!(readme.contains(&format!("- {n} {what}")), "{n} {what}");
    }
}
