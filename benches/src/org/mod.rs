//! A second workload, for what W lacks: string ids, managers and conditions over them, lists of jobs with quantifiers, leavers,
//! accounts with attributes, forbids and separations, and people who are made from templates, so that rows repeat.
//! Invariant: drawn row by row from a seed; what everyone had yesterday is what the interpreter says of yesterday's rows.

use crate::draw::{Draws, Stream, Zipf, step, unit};
use crate::w::{TODAY, date};
use crate::{Error, io};
use prov::{Backend, Policy, Population, Wiring};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// One instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Company {
    /// How many people.
    pub people: u32,
    /// How many rules beside those that every company has.
    pub rules: u32,
    /// What everything is drawn from.
    pub seed: u64,
}

const BASE: &str = include_str!("company.prov");
const FIRST: [&str; 16] = [
    "Ann", "Ben", "Chiara", "Dmitri", "Eva", "Farid", "Grace", "Hugo", "Inès", "Jonas", "Kaori", "Lev",
    "Mia", "Noor", "Olga", "Pablo",
];
const LAST: [&str; 16] = [
    "Abara", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova", "Jensen",
    "Kowalski", "Lopez", "Moreau", "Novak", "O'Brien", "Peters",
];
const TITLES: [&str; 8] =
    ["Analyst", "Engineer", "Manager", "Specialist", "Consultant", "Architect", "Clerk", "Director"];
const COUNTRIES: [&str; 12] = ["US", "DE", "FR", "GB", "IN", "BR", "JP", "CN", "PL", "CZ", "AT", "CH"];
const DEPARTMENTS: usize = 60;
const SITES: usize = 40;
const UNITS: usize = 120;

/// What people of one template have in common.
#[derive(Clone, Copy)]
struct Template {
    department: usize,
    title: usize,
    level: usize,
    country: usize,
    site: usize,
    employee: bool,
}

/// A person's id: letters and digits, in no order, and never twice.
fn id(number: u32) -> String {
    let scattered = number.wrapping_mul(0x9E37_79B1) & 0x0FFF_FFFF;
    format!("u{scattered:07x}")
}

struct Making {
    company: Company,
    streams: Vec<Stream>,
    templates: Vec<Template>,
    frequent: Zipf,
    units: Zipf,
}

impl Making {
    fn new(company: Company) -> Making {
        // About a hundred people a template; a few templates have most people.
        let count = (company.people / 100).clamp(10, 5_000) as usize;
        let mut draws = Draws::new(company.seed, 2000);
        let departments = Zipf::new(DEPARTMENTS as u64, 2);
        let template = |number: usize| {
            let site = draws.below(SITES);
            Template {
                department: departments.pick(draws.draw()),
                title: draws.below(TITLES.len()),
                level: 1 + draws.below(8),
                country: site % COUNTRIES.len(),
                site,
                employee: number % 7 != 3,
            }
        };
        let templates = (0..count).map(template).collect();
        Making {
            company,
            streams: (0..40).map(|s| Stream::new(company.seed, 2100 + s)).collect(),
            templates,
            frequent: Zipf::new(count as u64, 5),
            units: Zipf::new(UNITS as u64, 3),
        }
    }

    /// Lines of a person and of their jobs. One in fifty was in another template yesterday, or not gone yet.
    fn lines(&self, number: u32, yesterday: bool, person: &mut String, jobs: &mut String) {
        let at = u64::from(number);
        let draw = |stream: usize| self.streams[stream].at(at);
        // Three in a thousand have come today.
        if yesterday && number > 0 && unit(draw(39)) < 0.003 {
            return;
        }
        let changed = yesterday && unit(draw(0)) < 0.02;
        let template = &self.templates[self.frequent.pick(if changed { draw(1) } else { draw(2) })];
        let status = step(&[0.90, 0.93, 0.95], draw(3));
        let status = if changed && status == 3 { 0 } else { status };
        let start = TODAY - 1 - (draw(4) % 9000) as i64;
        let start = if status == 2 { TODAY + 1 + (draw(4) % 40) as i64 } else { start };
        let end = (!template.employee || status == 3).then(|| {
            if status == 3 { TODAY - 1 - (draw(5) % 300) as i64 } else { TODAY + (draw(5) % 500) as i64 }
        });
        let manager = (number > 0).then(|| id((unit(draw(6)) * f64::from(number) / 8.0) as u32));
        let day = |days: Option<i64>| {
            days.map_or(String::new(), |days| {
                let (y, m, d) = date(days as i32);
                format!("{y}-{m:02}-{d:02}")
            })
        };
        let id = id(number);
        let _ = writeln!(
            person,
            "{id},{},{},{},{},Dept {:02},{},{},{},Site {:02},{},{},{}",
            FIRST[(draw(7) % 16) as usize],
            LAST[(draw(8) % 16) as usize],
            if template.employee { "employee" } else { "contractor" },
            ["active", "leave", "prehire", "terminated"][status],
            template.department,
            TITLES[template.title],
            template.level,
            COUNTRIES[template.country],
            template.site,
            manager.unwrap_or_default(),
            day(Some(start)),
            day(end),
        );
        for job in 0..step(&[0.15, 0.75, 0.95], draw(9)) {
            let stream = 10 + job * 4;
            let ends = (unit(draw(stream)) < 0.3).then(|| TODAY - 400 + (draw(stream + 1) % 800) as i64);
            let _ = writeln!(
                jobs,
                "{id},Unit {:03},{},0.{},{},{}",
                self.units.pick(draw(stream + 2)),
                TITLES[(draw(stream + 3) % 8) as usize],
                1 + draw(stream + 3) % 9,
                day(Some(start)),
                day(ends),
            );
        }
    }

    fn write(&self, dir: &Path, yesterday: bool) -> Result<(), Error> {
        let (people, jobs) = (dir.join("people.csv"), dir.join("jobs.csv"));
        let open = |path: &Path| File::create(path).map(BufWriter::new).map_err(io(path));
        let (mut to_people, mut to_jobs) = (open(&people)?, open(&jobs)?);
        let mut person =
            "id,first_name,last_name,kind,status,department,title,level,country,site,manager,start,end\n"
                .to_owned();
        let mut job = "person_id,unit,role,share,begins,ends\n".to_owned();
        for number in 0..self.company.people {
            self.lines(number, yesterday, &mut person, &mut job);
            to_people.write_all(person.as_bytes()).map_err(io(&people))?;
            to_jobs.write_all(job.as_bytes()).map_err(io(&jobs))?;
            person.clear();
            job.clear();
        }
        to_people.flush().map_err(io(&people))?;
        to_jobs.flush().map_err(io(&jobs))
    }
}

/// The rules that are drawn: of departments, managers, jobs, sites, and of roles that others gave.
fn rules(company: Company) -> String {
    let mut g = Draws::new(company.seed, 2001);
    let mut out = String::new();
    for rule in 0..company.rules {
        let department = g.below(DEPARTMENTS);
        let title = TITLES[g.below(TITLES.len())];
        let level = 1 + g.below(8);
        let unit = g.below(UNITS);
        let (site, other) = (g.below(SITES), g.below(SITES));
        let earlier = g.below(rule.max(1) as usize);
        let (when, what) = match rule % 8 {
            0 => (format!("department == \"Dept {department:02}\" and title == \"{title}\""), "ad.group"),
            1 => (
                format!(
                    "manager is present and manager.department == \"Dept {department:02}\" and level >= {level}"
                ),
                "wiki.space",
            ),
            2 => (
                format!(
                    "any j in jobs where (j.unit == \"Unit {unit:03}\" and j.share >= 0.3 and (j.ends is absent or j.ends >= today))"
                ),
                "ad.group",
            ),
            3 => (
                format!("site in [\"Site {site:02}\", \"Site {other:02}\"] and level > {level}"),
                "wiki.space",
            ),
            4 => (format!("has_reports and department == \"Dept {department:02}\""), "mail.list"),
            5 => (
                format!(
                    "department starts with \"Dept {}\" and not (title == \"{title}\") and kind == employee and level <= {level}",
                    department / 10
                ),
                "ad.group",
            ),
            6 => (format!("has rule{earlier} and level >= {level}"), "wiki.space"),
            // Broad ones, so that what must stay apart comes together.
            _ if rule % 16 == 7 => {
                (format!("kind == employee and title == \"{title}\" and level >= 3"), "erp.role")
            }
            _ => (
                format!("kind == employee and title == \"{title}\" and site == \"Site {site:02}\""),
                "erp.role",
            ),
        };
        let value = match (what, g.below(12)) {
            ("erp.role", 0..3) => "pay".to_owned(),
            ("erp.role", 3..6) => "order".to_owned(),
            ("erp.role", 6 | 7) => "close".to_owned(),
            _ => format!("r{rule}"),
        };
        let when = if rule % 8 == 6 { when } else { format!("staff and {when}") };
        let _ = writeln!(out, "role rule{rule} when {when} {{ grant {what}(\"{value}\") }}\n");
        if rule % 20 == 19 {
            let _ = writeln!(
                out,
                "forbid wiki.space(\"r{rule}\"), ad.group(\"r{}\") when country == \"{}\" because \"export control\"\n",
                rule - rule % 8,
                COUNTRIES[g.below(COUNTRIES.len())]
            );
        }
    }
    out
}

/// Writes a company into a folder: `people.csv`, `jobs.csv`, `policy/`, and `actual/` with accounts and entitlements, of which
/// one in two hundred is missing.
///
/// # Errors
/// Where a file can't be written, or the policy is wrong.
pub fn write(company: Company, dir: &Path) -> Result<(), Error> {
    let yesterday = dir.join("yesterday");
    for folder in [dir.to_owned(), dir.join("policy"), dir.join("actual"), yesterday.clone()] {
        fs::create_dir_all(&folder).map_err(io(&folder))?;
    }
    let whole = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).map_err(io(path))
    };
    whole("policy/prov.toml", "name = \"company\"\nedition = \"2026\"\n")?;
    whole("policy/company.prov", BASE)?;
    whole("policy/rules.prov", &rules(company))?;
    let making = Making::new(company);
    making.write(dir, false)?;
    making.write(&yesterday, true)?;
    actual(company, dir, &yesterday)?;
    whole("made", "")
}

fn actual(company: Company, dir: &Path, yesterday: &Path) -> Result<(), Error> {
    let wrong = |e: prov::Error| Error::Other(format!("the company's policy or people are wrong: {e}"));
    let policy = Policy::load(dir.join("policy")).map_err(wrong)?;
    let at = policy.at("2026-11-22").map_err(wrong)?;
    let mut wiring = Wiring::default();
    wiring.sources.insert("hr".to_owned(), yesterday.join("people.csv"));
    wiring.sources.insert("contracts".to_owned(), yesterday.join("jobs.csv"));
    let people = Population::load(&policy, &wiring, &at).map_err(wrong)?;
    let desired = policy.compile(Backend::Interpreter).map_err(wrong)?.evaluate(&people, &at);
    let (accounts, entitlements) = (dir.join("actual/accounts.csv"), dir.join("actual/entitlements.csv"));
    let open = |path: &Path| File::create(path).map(BufWriter::new).map_err(io(path));
    let (mut to_accounts, mut to_entitlements) = (open(&accounts)?, open(&entitlements)?);
    writeln!(to_accounts, "app,account,identity,enabled,displayName,department,title")
        .map_err(io(&accounts))?;
    writeln!(to_entitlements, "app,identity,kind,value").map_err(io(&entitlements))?;
    let mut lost = Draws::new(company.seed, 2002);
    for id in desired.ids() {
        for account in desired.accounts(id) {
            let of = |name: &str| account.attributes.iter().find(|a| a.0 == name).map_or("", |a| a.1);
            let (display, department, title) = (of("displayName"), of("department"), of("title"));
            let (app, name, enabled) = (account.app, account.name(), account.enabled);
            writeln!(to_accounts, "{app},{name},{id},{enabled},{display},{department},{title}")
                .map_err(io(&accounts))?;
        }
        for held in desired.entitlements(id) {
            if lost.unit() < 0.005 {
                continue;
            }
            let parts = held.split_once('.').and_then(|(app, rest)| Some((app, rest.split_once("(\"")?)));
            let Some((app, (kind, value))) = parts else {
                return Err(Error::Other(format!("no entitlement of the company: {held}")));
            };
            let value = value.trim_end_matches("\")");
            writeln!(to_entitlements, "{app},{id},{kind},{value}").map_err(io(&entitlements))?;
        }
    }
    to_accounts.flush().map_err(io(&accounts))?;
    to_entitlements.flush().map_err(io(&entitlements))
}
