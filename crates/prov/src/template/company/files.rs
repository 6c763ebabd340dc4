//! The generated files: HR's export with the mess that exports have, the actual state with what was done by hand, and
//! the memory of the last run.

use super::rules::{Access, State, access, state};
use super::shape::{COUNTRIES, DEPARTMENTS, SITES};
use super::{Company, Facts, Kind, LAST_RUN, Part, Status};
use crate::template::random::Random;
use prov_model::{Date, Memory, Since, SourceMemory};
use std::collections::BTreeMap;

const HR_COLUMNS: [&str; 15] = [
    "Employee_ID",
    "Worker_Status",
    "Worker_Type",
    "First_Name",
    "Last_Name",
    "Department",
    "Job_Title",
    "Grade",
    "Country",
    "Site",
    "Cost_Center",
    "Manager_ID",
    "Hire_Date",
    "End_Date",
    "Trainings",
];
const ATTRIBUTES: [&str; 5] = ["display_name", "mail", "department", "title", "company"];

pub(super) fn write(company: &Company, random: &Random) -> Vec<(&'static str, String)> {
    let (hr, rows) = hr(company, &mut random.stream(8));
    let (accounts, entitlements) = actual(company, &mut random.stream(9));
    vec![
        ("data/hr.csv", hr),
        ("actual/accounts.csv", accounts),
        ("actual/entitlements.csv", entitlements),
        ("memory.json", memory(company, rows).to_json()),
    ]
}

/// A CSV line; fields that need quotes get them.
fn line(fields: &[impl AsRef<str>], end: &str) -> String {
    let quoted: Vec<String> = fields
        .iter()
        .map(|f| f.as_ref())
        .map(|f| {
            if f.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", f.replace('"', "\"\""))
            } else {
                f.to_owned()
            }
        })
        .collect();
    quoted.join(",") + end
}

/// HR's export, and how many rows it had on Friday.
fn hr(company: &Company, draw: &mut Random) -> (String, u64) {
    let mut order: Vec<usize> = (0..company.people.len()).collect();
    order.sort_by_key(|&i| &company.people[i].id);
    let mut out = line(&HR_COLUMNS, "\r\n");
    let mut messes = 0;
    let mut double = None;
    for i in order {
        let person = &company.people[i];
        let mut row = row(company, &person.id, &person.today);
        untidy(&mut row, draw);
        if person.part == Part::Mess {
            match messes {
                0 => row[12] = "31/02/2024".into(),
                1 => row[12] = "2023-11-06".into(),
                2 => row[1] = "On Sabbatical".into(),
                3 => row[7] = "L4".into(),
                4 => row[13] = "TBD".into(),
                5 => row[2] = "Consultant".into(),
                _ => double = Some(row.clone()),
            }
            messes += 1;
        }
        out += &line(&row, "\r\n");
    }
    if let Some(mut row) = double {
        row[5] = "Sales".into();
        row[6] = "Account Manager".into();
        out += &line(&row, "\r\n");
        row[0] = String::new();
        row[3] = "Test".into();
        row[4] = "Please Ignore".into();
        out += &line(&row, "\r\n");
    }
    let friday = company.people.iter().filter(|p| p.friday.is_some()).count() as u64 + 2;
    (out, friday)
}

fn row(company: &Company, id: &str, f: &Facts) -> Vec<String> {
    let date = |d: Date| {
        let (y, m, day) = d.ymd();
        format!("{day:02}/{m:02}/{y:04}")
    };
    let site = &SITES[f.site];
    let department = &DEPARTMENTS[f.department];
    vec![
        id.to_owned(),
        match f.status {
            Status::Active => "Active",
            Status::Leave => "On Leave",
            Status::Terminated => "Terminated",
        }
        .into(),
        match f.kind {
            Kind::Employee => "Employee",
            Kind::Contractor => "Contractor",
            Kind::Intern => "Intern",
        }
        .into(),
        f.first.clone(),
        f.last.clone(),
        department.name.into(),
        f.title.clone(),
        f.level.map_or_else(String::new, |l| l.to_string()),
        COUNTRIES[site.3].into(),
        site.0.into(),
        format!("{}-{}-{}", COUNTRIES[site.3], department.code.to_uppercase(), 100 + 10 * f.department),
        company.manager_id(f.manager),
        date(f.start),
        f.end.map_or_else(String::new, date),
        f.trainings.join(";"),
    ]
}

/// What hands and old forms leave in an export; none of it changes what a row means.
fn untidy(row: &mut [String], draw: &mut Random) {
    match draw.below(100) {
        0..2 => row[5] = row[5].to_uppercase(),
        2 => row[5] = row[5].to_lowercase(),
        3..5 => row[5].push(' '),
        5 => row[6].push_str("  "),
        6 => row[3].push(' '),
        7 => row[9].push(' '),
        8 => row[1].push(' '),
        9 => row[14] = row[14].replace(';', "; "),
        _ => {}
    }
}

/// Everyone's access as the last run left it, with what happened since by hand.
fn actual(company: &Company, draw: &mut Random) -> (String, String) {
    let reports = company.reports(false);
    let mut accounts: Vec<[String; 9]> = Vec::new();
    let mut grants: Vec<[String; 4]> = Vec::new();
    let mut drifted = 0;
    let mut revived = false;
    for (i, person) in company.people.iter().enumerate() {
        let Some(facts) = &person.friday else { continue };
        let state = state(facts, LAST_RUN);
        let mut access = match state {
            State::Terminated => {
                let mut access = remains(&person.id, facts);
                if !revived
                    && access.accounts.len() > 2
                    && let Some(ad) = access.accounts.get_mut("ad")
                {
                    // Someone in IT opened it again for a last look at the mail.
                    ad.enabled = true;
                    access.grants.insert(("ad", "license", "e3".into()));
                    revived = true;
                }
                access
            }
            State::Prehire | State::Leave | State::Active => {
                super::rules::access(&person.id, facts, reports[i] > 0, LAST_RUN)
            }
        };
        if state == State::Active {
            unmanaged(&mut access, draw);
        }
        if person.part == Part::Drift {
            by_hand(&mut access, drifted, facts);
            drifted += 1;
        }
        for (app, account) in &access.accounts {
            let attribute = |k| account.attributes.get(k).cloned().unwrap_or_default();
            let [a, b, c, d, e] = ATTRIBUTES.map(attribute);
            let enabled = account.enabled.to_string();
            accounts.push([(*app).into(), account.name.clone(), person.id.clone(), enabled, a, b, c, d, e]);
        }
        for (app, kind, value) in access.grants {
            grants.push([app.into(), person.id.clone(), kind.into(), value]);
        }
    }
    nobodies(&mut accounts, &mut grants);
    accounts.sort();
    grants.sort();
    let head: Vec<&str> = ["app", "account", "identity", "enabled"].into_iter().chain(ATTRIBUTES).collect();
    let mut a = line(&head, "\n");
    accounts.iter().for_each(|r| a += &line(r, "\n"));
    let mut e = line(&["app", "identity", "kind", "value"], "\n");
    grants.iter().for_each(|r| e += &line(r, "\n"));
    (a, e)
}

/// What is left of one who left before Friday: disabled accounts, until they are deleted.
fn remains(id: &str, facts: &Facts) -> Access {
    let since = since(facts);
    let last_day = Date(since.0 - 1);
    let employed = Facts { status: Status::Active, end: None, ..facts.clone() };
    let mut left = access(id, &employed, false, last_day);
    left.grants.clear();
    left.accounts.retain(|app, _| LAST_RUN.0 < since.0 + if *app == "ad" { 90 } else { 30 });
    left.accounts.values_mut().for_each(|a| a.enabled = false);
    left
}

fn since(facts: &Facts) -> Date {
    facts.end.map_or(LAST_RUN, |end| Date(end.0 + 1))
}

/// Groups and channels that no rule knows and no pattern of the policy manages.
fn unmanaged(access: &mut Access, draw: &mut Random) {
    for (percent, app, kind, value) in [
        (5, "ad", "group", "fileshare-archive-2019"),
        (4, "ad", "group", "printer-par-3"),
        (3, "ad", "group", "vpn-legacy"),
        (2, "ad", "group", "project-phoenix"),
        (12, "slack", "channel", "random"),
        (4, "slack", "channel", "football"),
    ] {
        if draw.percent(percent) {
            access.grants.insert((app, kind, value.into()));
        }
    }
}

/// What administrators did without telling anyone, a case each.
fn by_hand(access: &mut Access, case: usize, facts: &Facts) {
    let group = |value: &str| ("ad", "group", value.to_owned());
    match case {
        0 => drop(access.grants.insert(group("role-directors"))),
        1 => drop(access.grants.insert(group("role-legal-hold"))),
        2 => drop(access.grants.insert(("vpn", "profile", "contractor-emergency".into()))),
        3 => drop(access.grants.insert(("slack", "usergroup", "tech-leads".into()))),
        4 => drop(access.grants.remove(&group("all-staff"))),
        5 => {
            let zone = format!("{}-main", SITES[facts.site].1);
            access.grants.remove(&("badge", "zone", zone));
        }
        6 => drop(access.grants.remove(&("slack", "channel", "acme-all".into()))),
        7 => access.accounts.get_mut("ad").into_iter().for_each(|ad| ad.enabled = false),
        8 => edit(access, "display_name", format!("{} {}", facts.first, facts.last.to_uppercase())),
        9 => edit(access, "title", "Acting Manager".into()),
        10 => drop(access.grants.insert(("badge", "zone", "par-datacenter".into()))),
        _ => drop(access.grants.insert(group("project-phoenix"))),
    }
}

fn edit(access: &mut Access, attribute: &'static str, value: String) {
    if let Some(ad) = access.accounts.get_mut("ad") {
        ad.attributes.insert(attribute, value);
    }
}

/// Accounts of nobody, and of someone whom HR no longer knows.
fn nobodies(accounts: &mut Vec<[String; 9]>, grants: &mut Vec<[String; 4]>) {
    let mut add = |app: &str, name: &str, identity: &str, display: &str| {
        let texts = [app, name, identity, "true", display, "", "", "", ""];
        accounts.push(texts.map(str::to_owned));
    };
    add("ad", "svc-backup", "", "Backup service");
    add("ad", "svc-scanner", "", "Scanners, all sites");
    add("ad", "adm.legacy", "", "Old administrator");
    add("git", "ci-bot", "", "");
    add("ad", "e02000", GONE, "Hélène Castaing");
    grants.push(["ad", GONE, "group", "all-staff"].map(str::to_owned));
    grants.push(["ad", GONE, "group", "printer-par-3"].map(str::to_owned));
}

const GONE: &str = "E02000";

/// The memory that the last run wrote.
fn memory(company: &Company, rows: u64) -> Memory {
    let states: BTreeMap<String, Since> = company
        .people
        .iter()
        .filter_map(|p| Some((p, p.friday.as_ref()?)))
        .filter(|(_, f)| state(f, LAST_RUN) == State::Terminated)
        .map(|(p, f)| (p.id.clone(), Since { state: "terminated".into(), since: since(f) }))
        .collect();
    Memory {
        sources: [("hr".to_owned(), SourceMemory { rows, ..SourceMemory::default() })].into(),
        missing: [(GONE.to_owned(), Date(LAST_RUN.0 - 1))].into(),
        states,
        ..Memory::default()
    }
}
