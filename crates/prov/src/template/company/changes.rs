//! What happened over the weekend and before it: who joins, moves, leaves, is away, or is written down wrongly.
//! Invariant: each person plays one part at most, so that the counts below are those of the plan.

use super::people::{month_end, name, site, worker};
use super::shape::{DEPARTMENTS, SITES, department};
use super::{ANCHOR, Company, Facts, Kind, LAST_RUN, Manager, Part, Status};
use crate::template::random::Random;
use prov_model::Date;

/// How many start on the day, of them entered over the weekend; how many start a week later.
pub(super) const JOINERS: usize = 15;
pub(super) const LATE_JOINERS: usize = 4;
pub(super) const NEXT_WEEK: usize = 5;
/// How many changed department, grade, title, site, name or kind.
#[cfg(test)]
pub(super) const MOVERS: usize = 25;
/// How many left over the weekend, and how many before in the last months.
pub(super) const LEAVERS: usize = 8;
pub(super) const FORMER: usize = 36;
/// How many went on leave over the weekend, came back, are away all the time.
pub(super) const WENT_ON_LEAVE: usize = 2;
pub(super) const CAME_BACK: usize = 1;
pub(super) const AWAY: usize = 26;
/// How many have a row that can't be read (two more rows are a double of one, and one without an id).
pub(super) const MESS: usize = 7;

/// Lets it all happen to a company of an ordinary day.
pub(super) fn happen(company: &mut Company, random: &Random) {
    arrivals(company, &mut random.stream(2));
    departures(company, &mut random.stream(3));
    moves(company, &mut random.stream(4));
    absences(company, &mut random.stream(5));
    mess(company, &mut random.stream(6));
    let mut draw = random.stream(7);
    for _ in 0..12 {
        if let Some(i) = choose(company, &mut draw, |f| f.kind == Kind::Employee) {
            company.people[i].part = Part::Drift;
        }
    }
}

/// One of the staff that have no part yet and that a condition fits.
fn choose(company: &Company, draw: &mut Random, fits: impl Fn(&Facts) -> bool) -> Option<usize> {
    let free: Vec<usize> = (0..company.people.len())
        .filter(|&i| company.people[i].part == Part::Staff && fits(&company.people[i].today))
        .collect();
    (!free.is_empty()).then(|| *draw.pick(&free))
}

/// A department, more often a big one, and one who leads a team there.
fn team(company: &Company, draw: &mut Random) -> (usize, usize, usize) {
    let weights: Vec<usize> = DEPARTMENTS.iter().map(|d| if d.size < 20 { 0 } else { d.size }).collect();
    loop {
        let number = draw.weighted(&weights);
        let leads = leads_of(company, number, None);
        if !leads.is_empty() {
            let lead = *draw.pick(&leads);
            return (number, SITES[company.people[lead].today.site].3, lead);
        }
    }
}

fn leads_of(company: &Company, number: usize, country: Option<usize>) -> Vec<usize> {
    (0..company.people.len())
        .filter(|&i| {
            let p = &company.people[i];
            p.part == Part::Lead
                && p.today.department == number
                && country.is_none_or(|c| SITES[p.today.site].3 == c)
        })
        .collect()
}

fn arrivals(company: &mut Company, draw: &mut Random) {
    for i in 0..JOINERS {
        let joiner = arrival(company, draw, ANCHOR, Part::Joiner);
        if i < LATE_JOINERS {
            company.people[joiner].friday = None;
        }
    }
    for _ in 0..NEXT_WEEK {
        arrival(company, draw, Date(ANCHOR.0 + 7), Part::Prehire);
    }
    for _ in 0..13 {
        let monday = Date(ANCHOR.0 + 7 * draw.between(2, 12));
        arrival(company, draw, monday, Part::Prehire);
    }
}

fn arrival(company: &mut Company, draw: &mut Random, start: Date, part: Part) -> usize {
    let (number, country, lead) = team(company, draw);
    let mut facts = worker(draw, number, country);
    facts.start = start;
    facts.end = facts.end.map(|_| month_end(Date(start.0 + draw.between(150, 330))));
    facts.manager = Manager::Of(lead);
    company.hire(facts, part)
}

fn departures(company: &mut Company, draw: &mut Random) {
    for i in 0..LEAVERS {
        // Contracts end with the month; the first two leavers are dismissed over the weekend.
        let fits = |f: &Facts| {
            let old = f.start.0 < ANCHOR.0 - 90;
            old && if i < 5 { f.kind == Kind::Employee } else { f.kind == Kind::Contractor }
        };
        let Some(who) = choose(company, draw, fits) else { continue };
        let end = match i {
            0 | 1 => Date(LAST_RUN.0),
            2 => Date(LAST_RUN.0),
            _ => Date(LAST_RUN.0 + 1),
        };
        let leaver = &mut company.people[who];
        leaver.part = Part::Leaver;
        leaver.today.end = Some(end);
        if i >= 2 {
            leaver.friday = Some(leaver.today.clone());
        }
        // HR is behind with the contractors.
        if i < 6 {
            leaver.today.status = Status::Terminated;
        }
    }
    for i in 0..FORMER {
        let (number, country, lead) = team(company, draw);
        let mut facts = worker(draw, number, country);
        // The accounts of the first three are due for deletion on the day.
        let end = if i < 3 { Date(ANCHOR.0 - 31) } else { Date(ANCHOR.0 - draw.between(4, 180)) };
        let end =
            if end > Date(ANCHOR.0 - 34) || i < 3 { end } else { month_end(end).min(Date(ANCHOR.0 - 34)) };
        facts.start = facts.start.min(Date(end.0 - 200));
        facts.end = Some(end);
        facts.status = Status::Terminated;
        facts.manager = Manager::Of(lead);
        company.hire(facts, Part::Former);
    }
    orphaned(company, draw);
}

/// Managers who left: a few still have reports on paper, the records of others are gone.
fn orphaned(company: &mut Company, draw: &mut Random) {
    let former: Vec<usize> =
        (0..company.people.len()).filter(|&i| company.people[i].part == Part::Former).collect();
    let on_paper = former.iter().take(3).map(|&i| Manager::Of(i));
    let gone = (0..6).map(|i| Manager::Gone(2_000 + 37 * (i / 2)));
    for manager in on_paper.chain(gone) {
        let reports = company.reports(true);
        let safe = |f: &Facts| matches!(f.manager, Manager::Of(m) if reports[m] > 4);
        if let Some(who) = choose(company, draw, safe) {
            company.people[who].today.manager = manager;
            company.people[who].friday = Some(company.people[who].today.clone());
        }
    }
}

/// The moves: what HR says now stands; what it said on Friday is made up to fit.
fn moves(company: &mut Company, draw: &mut Random) {
    let departments = [
        ("Customer Success", "Sales"),
        ("Product", "Customer Success"),
        ("Information Technology", "Customer Success"),
        ("Product", "Engineering"),
        ("Engineering", "Research"),
        ("Logistics", "Operations"),
        ("Purchasing", "Finance"),
        ("Sales", "Marketing"),
        ("People", "Customer Success"),
        ("Engineering", "Information Technology"),
    ];
    for (now, before) in departments {
        change_department(company, draw, department(now), department(before));
    }
    for (title, grade, before) in [
        ("Senior Software Engineer", 4, "Software Engineer"),
        ("Senior Software Engineer", 4, "Software Engineer"),
        ("Staff Software Engineer", 5, "Senior Software Engineer"),
        ("Senior Accountant", 4, "Accountant"),
        ("Account Executive", 2, "Sales Development Representative"),
    ] {
        let who = choose(company, draw, |f| f.title == title && f.kind == Kind::Employee);
        moved(company, who, |today, friday| {
            today.level = Some(grade);
            friday.level = Some(grade.saturating_sub(1).max(1));
            friday.title = before.into();
        });
    }
    for _ in 0..4 {
        let who = choose(company, draw, |f| {
            PLACES.contains(&f.site) && f.kind == Kind::Employee && f.department != department("Logistics")
        });
        let other = |s: usize| PLACES[PLACES.iter().position(|p| *p == s).map_or(0, |i| i ^ 1)];
        moved(company, who, |today, friday| friday.site = other(today.site));
    }
    for _ in 0..2 {
        promote(company, draw);
    }
    for i in 0..3 {
        let was = if i < 2 { Kind::Intern } else { Kind::Contractor };
        let who = choose(company, draw, |f| {
            f.kind == Kind::Employee && f.level == Some(2) && f.start.0 > ANCHOR.0 - 500
        });
        moved(company, who, |_, friday| {
            friday.kind = was;
            friday.level = None;
            friday.end = Some(month_end(Date(ANCHOR.0 + 20)));
            if was == Kind::Intern {
                friday.title = "Intern".into();
            }
        });
    }
    let who = choose(company, draw, |f| f.kind == Kind::Employee && f.department == department("Marketing"));
    let (_, new_name) = name(draw, 0);
    moved(company, who, |today, _| today.last = new_name);
}

/// Offices that have another one in their country, in pairs.
const PLACES: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// Makes someone a mover; `change` gets today's facts and a copy of them that becomes Friday's.
fn moved(company: &mut Company, who: Option<usize>, change: impl FnOnce(&mut Facts, &mut Facts)) {
    let Some(who) = who else { return };
    let mover = &mut company.people[who];
    let mut friday = mover.today.clone();
    change(&mut mover.today, &mut friday);
    mover.part = Part::Mover;
    mover.friday = Some(friday);
}

fn change_department(company: &mut Company, draw: &mut Random, now: usize, before: usize) {
    let who = choose(company, draw, |f| {
        f.department == now && f.kind == Kind::Employee && SITES[f.site].3 < 2 && f.start.0 < ANCHOR.0 - 400
    });
    let Some(i) = who else { return };
    let country = SITES[company.people[i].today.site].3;
    let leads = leads_of(company, before, Some(country));
    let old = loop {
        let facts = worker(draw, before, country);
        if facts.kind == Kind::Employee {
            break facts;
        }
    };
    let place = site(draw, before, country);
    moved(company, who, |today, friday| {
        friday.department = before;
        friday.title = old.title;
        friday.level = old.level;
        friday.site = place;
        friday.trainings = today.trainings.clone();
        friday.manager = leads.first().map_or(Manager::Nobody, |&l| Manager::Of(l));
    });
}

/// Someone leads a team since the weekend; on Friday the team reported to the lead's own manager.
fn promote(company: &mut Company, draw: &mut Random) {
    let reports = company.reports(true);
    let leads: Vec<usize> = (0..company.people.len())
        .filter(|&i| {
            let p = &company.people[i];
            p.part == Part::Lead
                && (3..=9).contains(&reports[i])
                && p.today.level == Some(5)
                && p.today.title != "Chief of Staff"
                && p.today.title == DEPARTMENTS[p.today.department].lead
        })
        .collect();
    if leads.is_empty() {
        return;
    }
    let lead = *draw.pick(&leads);
    let above = company.people[lead].today.manager;
    let (title, _, _, grade) = DEPARTMENTS[company.people[lead].today.department].titles[0];
    for person in &mut company.people {
        if let Some(friday) = &mut person.friday
            && friday.manager == Manager::Of(lead)
        {
            friday.manager = above;
        }
    }
    moved(company, Some(lead), |_, friday| {
        friday.title = title.into();
        friday.level = Some(grade.min(4));
    });
}

fn absences(company: &mut Company, draw: &mut Random) {
    let settled = |f: &Facts| f.kind == Kind::Employee && f.start.0 < ANCHOR.0 - 120;
    for i in 0..AWAY + WENT_ON_LEAVE + CAME_BACK {
        let Some(who) = choose(company, draw, settled) else { continue };
        let person = &mut company.people[who];
        let mut away = person.today.clone();
        away.status = Status::Leave;
        person.part = if i < AWAY { Part::OnLeave } else { Part::LeaveChange };
        if i < AWAY {
            person.today = away.clone();
            person.friday = Some(away);
        } else if i < AWAY + WENT_ON_LEAVE {
            person.today = away;
        } else {
            person.friday = Some(away);
        }
    }
}

/// Who gets a row that can't be read; three more have no grade, which is allowed and costs them what grades bring.
fn mess(company: &mut Company, draw: &mut Random) {
    let reports = company.reports(true);
    let safe = |f: &Facts| matches!(f.manager, Manager::Of(m) if reports[m] > 4) && f.kind == Kind::Employee;
    for _ in 0..MESS {
        if let Some(who) = choose(company, draw, safe) {
            company.people[who].part = Part::Mess;
        }
    }
    for _ in 0..3 {
        if let Some(who) = choose(company, draw, safe) {
            company.people[who].today.level = None;
            company.people[who].friday = Some(company.people[who].today.clone());
        }
    }
    // Externals in jobs whose access the rules withhold from externals.
    for (dep, title) in [
        ("Information Technology", "Site Reliability Engineer"),
        ("Information Technology", "Site Reliability Engineer"),
        ("Finance", "Payables Specialist"),
    ] {
        let number = department(dep);
        let fits = |f: &Facts| f.kind == Kind::Contractor && f.department == number && f.title != title;
        if let Some(who) = choose(company, draw, fits) {
            company.people[who].today.title = title.into();
            company.people[who].today.trainings.clear();
            company.people[who].friday = Some(company.people[who].today.clone());
        }
    }
    // A name with a suffix stands in quotes.
    if let Some(who) = choose(company, draw, |f| SITES[f.site].3 == 2) {
        company.people[who].today.last = "Freeman, Jr.".into();
        company.people[who].friday = Some(company.people[who].today.clone());
    }
}
