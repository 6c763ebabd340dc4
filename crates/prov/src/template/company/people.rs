//! Founds the company: a tree of departments, teams and people, all of them there on Friday and today.

use super::names::{FAMILY, GIVEN};
use super::shape::{DEPARTMENTS, Department, PLANTS, SITES, department};
use super::{Company, Facts, Kind, Manager, Part, Status};
use crate::template::random::Random;
use prov_model::{Date, Duration};

/// The first Monday that anyone worked here, and the last day before the stir of the end of February.
const FOUNDED: Date = Date(14_305);
const QUIET: Date = Date(20_500);

/// Everyone who works here on an ordinary day.
pub(super) fn found(random: &Random) -> Company {
    let mut company = Company { people: Vec::new() };
    let mut draw = random.stream(1);
    let executive = department("Executive");
    let ceo = person(&mut draw, executive, 0, DEPARTMENTS[executive].head, Some(9), Kind::Employee);
    let ceo = company.hire(Facts { start: FOUNDED, ..ceo }, Part::Lead);
    for (number, dep) in DEPARTMENTS.iter().enumerate() {
        staff(&mut company, &mut draw, number, dep, ceo);
    }
    twins(&mut company);
    company
}

fn staff(company: &mut Company, draw: &mut Random, number: usize, dep: &Department, ceo: usize) {
    let head = if number == department("Executive") {
        ceo
    } else {
        let country = if dep.countries[0] >= 40 { 0 } else { 1 };
        let grade = if dep.head.starts_with("Director") { 6 } else { 7 };
        let facts = person(draw, number, country, dep.head, Some(grade), Kind::Employee);
        company.hire(Facts { manager: Manager::Of(ceo), ..facts }, Part::Lead)
    };
    for country in 0..3 {
        let size = dep.size * dep.countries[country] / 100;
        if size == 0 {
            continue;
        }
        let teams = size.div_ceil(dep.span + 1);
        // Many teams in one country have a director above them.
        let above = if teams > 4 {
            let title = format!("Director {}, {}", dep.name, ["France", "Germany", "Americas"][country]);
            let facts = person(draw, number, country, &title, Some(6), Kind::Employee);
            company.hire(Facts { manager: Manager::Of(head), ..facts }, Part::Lead)
        } else {
            head
        };
        let leads: Vec<usize> = if size < 4 {
            vec![above]
        } else {
            (0..teams)
                .map(|_| {
                    let facts = person(draw, number, country, dep.lead, Some(5), Kind::Employee);
                    company.hire(Facts { manager: Manager::Of(above), ..facts }, Part::Lead)
                })
                .collect()
        };
        for i in 0..size.saturating_sub(teams) {
            let facts = worker(draw, number, country);
            company.hire(Facts { manager: Manager::Of(leads[i % leads.len()]), ..facts }, Part::Staff);
        }
    }
}

/// Someone without reports: kind, title and grade by chance.
pub(super) fn worker(draw: &mut Random, number: usize, country: usize) -> Facts {
    let dep = &DEPARTMENTS[number];
    let [contractors, interns] = dep.others;
    let kind = match draw.weighted(&[100 - contractors - interns, contractors, interns]) {
        0 => Kind::Employee,
        1 => Kind::Contractor,
        _ => Kind::Intern,
    };
    let weights: Vec<usize> = dep.titles.iter().map(|t| t.1).collect();
    let (title, _, low, high) = dep.titles[draw.weighted(&weights)];
    let level = (kind == Kind::Employee).then(|| draw.between(i32::from(low), i32::from(high)) as u8);
    let title = match (kind, dep.name) {
        (Kind::Intern, "Finance") => "Junior Accountant",
        (Kind::Intern, "Research") => "PhD Intern",
        (Kind::Intern, _) if country == 1 => "Working Student",
        (Kind::Intern, _) => "Intern",
        _ => title,
    };
    person(draw, number, country, title, level, kind)
}

/// A person of a department and a country; who leads is for the caller to say.
pub(super) fn person(
    draw: &mut Random,
    number: usize,
    country: usize,
    title: &str,
    level: Option<u8>,
    kind: Kind,
) -> Facts {
    let (first, last) = name(draw, country);
    let (start, end) = employment(draw, kind);
    Facts {
        status: Status::Active,
        kind,
        first,
        last,
        department: number,
        title: title.to_owned(),
        level,
        site: site(draw, number, country),
        manager: Manager::Nobody,
        start,
        end,
        trainings: trainings(draw, DEPARTMENTS[number].name, title, kind),
    }
}

/// Most names are of the country, one in eight from elsewhere.
pub(super) fn name(draw: &mut Random, country: usize) -> (String, String) {
    let given = if draw.percent(12) { draw.below(3) } else { country };
    let family = if draw.percent(12) { draw.below(3) } else { given };
    ((*draw.pick(GIVEN[given])).to_owned(), (*draw.pick(FAMILY[family])).to_owned())
}

/// Where one of a department sits in a country.
pub(super) fn site(draw: &mut Random, number: usize, country: usize) -> usize {
    if matches!(DEPARTMENTS[number].name, "Operations" | "Logistics") {
        return PLANTS[country];
    }
    let weights: Vec<usize> = SITES.iter().map(|s| if s.3 == country { s.4 } else { 0 }).collect();
    draw.weighted(&weights)
}

fn employment(draw: &mut Random, kind: Kind) -> (Date, Option<Date>) {
    match kind {
        Kind::Employee => {
            // The company grew: of two draws the later counts.
            let span = QUIET.0 - FOUNDED.0;
            let start = Date(FOUNDED.0 + draw.between(0, span).max(draw.between(0, span)));
            (first_working_day(draw, start), None)
        }
        Kind::Contractor => {
            let about = Date(QUIET.0 - draw.between(0, 700));
            let start = first_working_day(draw, about);
            let end = month_end(Date(super::ANCHOR.0 + draw.between(20, 330)));
            (start, draw.percent(90).then_some(end))
        }
        Kind::Intern => {
            let about = Date(QUIET.0 - draw.between(0, 120));
            let start = first_working_day(draw, about);
            (start, Some(month_end(start.plus(Duration { months: 6, days: 0 }))))
        }
    }
}

/// Half of all start with the month, all on a weekday, nobody after [`QUIET`].
fn first_working_day(draw: &mut Random, day: Date) -> Date {
    let (year, month, _) = day.ymd();
    let first = Date::from_ymd(year, month, 1).unwrap_or(day);
    let start = if draw.percent(50) { first } else { day };
    let weekday = start.weekday();
    let monday = if weekday > 5 { Date(start.0 + 8 - weekday as i32) } else { start };
    if monday > QUIET { Date(monday.0 - 7) } else { monday }
}

/// The last day of a day's month.
pub(super) fn month_end(day: Date) -> Date {
    let (year, month, _) = day.ymd();
    let first = Date::from_ymd(year, month, 1).unwrap_or(day);
    Date(first.plus(Duration { months: 1, days: 0 }).0 - 1)
}

fn trainings(draw: &mut Random, dep: &str, title: &str, kind: Kind) -> Vec<&'static str> {
    let mut list = Vec::new();
    if draw.percent(4) {
        list.push("First aid");
    }
    if draw.percent(20) {
        list.push("Presentation skills");
    }
    if dep == "Finance" && draw.percent(65) {
        list.push("SOX");
    }
    // The training takes a day of their own people's time, which few spend on externals.
    let trained = if kind == Kind::Contractor { 20 } else { 60 };
    if dep == "Information Technology" && draw.percent(trained) {
        list.push("Production access");
    }
    if title == "Forklift Driver" {
        list.push("Forklift, class 2");
    }
    list
}

/// Every company of this size has two people of one name, here in two departments.
fn twins(company: &mut Company) {
    let of = |name: &str| {
        let number = department(name);
        company.people.iter().position(|p| {
            p.part == Part::Staff && p.today.department == number && p.today.kind == Kind::Employee
        })
    };
    if let (Some(a), Some(b)) = (of("Engineering"), of("Finance")) {
        for i in [a, b] {
            let person = &mut company.people[i];
            person.today.first = "Élodie".into();
            person.today.last = "Nguyen".into();
            person.friday = Some(person.today.clone());
        }
    }
}
