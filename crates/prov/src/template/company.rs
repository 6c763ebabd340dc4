//! The made-up company of the `company` template: about 1,200 people in three countries, as HR exports them on Monday
//! 2 March 2026, and the accounts and entitlements that the last run, on Friday, left behind.
//! Invariant: the same seed gives the same bytes.

mod changes;
mod files;
mod names;
mod people;
mod rules;
mod shape;

use super::random::Random;
use prov_model::Date;

/// Monday 2 March 2026: the day that the data is of.
pub(super) const ANCHOR: Date = Date(20_514);
/// The Friday before: the day of the last run.
const LAST_RUN: Date = Date(20_511);

/// All generated files with their paths, from one seed.
pub(super) fn generate(seed: u64) -> Vec<(&'static str, String)> {
    let random = Random::new(seed);
    let mut company = people::found(&random);
    changes::happen(&mut company, &random);
    company.number();
    files::write(&company, &random)
}

/// Employed how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Employee,
    Contractor,
    Intern,
}

/// What HR says of a person's employment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Active,
    Leave,
    Terminated,
}

/// To whom a person reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Nobody,
    /// Position in [`Company::people`].
    Of(usize),
    /// Someone whose record is gone from HR; a number to make an id of.
    Gone(u32),
}

/// A row of HR's, true to the facts.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    status: Status,
    kind: Kind,
    first: String,
    last: String,
    department: usize,
    title: String,
    level: Option<u8>,
    site: usize,
    manager: Manager,
    start: Date,
    end: Option<Date>,
    trainings: Vec<&'static str>,
}

/// A person: what HR says today and what it said on Friday. Everyone is in one of them.
#[derive(Clone, Debug)]
struct Person {
    id: String,
    today: Facts,
    /// Nothing where HR entered the person over the weekend.
    friday: Option<Facts>,
    part: Part,
}

/// Whom a person is chosen to play, so that nobody plays two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Nobody of note.
    Staff,
    /// Leads others.
    Lead,
    Joiner,
    Mover,
    Leaver,
    /// Will start later.
    Prehire,
    /// Left before Friday.
    Former,
    /// Away, before and after the weekend.
    OnLeave,
    /// Went on leave over the weekend, or came back.
    LeaveChange,
    /// Has a row that can't be read.
    Mess,
    /// Has access that someone gave or took by hand.
    Drift,
}

/// Everyone.
struct Company {
    people: Vec<Person>,
}

impl Company {
    fn hire(&mut self, facts: Facts, part: Part) -> usize {
        self.people.push(Person { id: String::new(), friday: Some(facts.clone()), today: facts, part });
        self.people.len() - 1
    }

    /// How many people name each as their manager, by what HR says today or said on Friday.
    fn reports(&self, today: bool) -> Vec<usize> {
        let mut reports = vec![0; self.people.len()];
        for person in &self.people {
            let facts = if today { Some(&person.today) } else { person.friday.as_ref() };
            if let Some(Facts { manager: Manager::Of(m), .. }) = facts {
                reports[*m] += 1;
            }
        }
        reports
    }

    /// Gives ids in order of start. A prefix says as what one came; it stays when that changes.
    fn number(&mut self) {
        let mut order: Vec<usize> = (0..self.people.len()).collect();
        order.sort_by_key(|&i| (self.people[i].today.start, i));
        let (mut employee, mut contractor, mut intern) = (10_000, 20_000, 30_000);
        for i in order {
            let came_as = self.people[i].friday.as_ref().unwrap_or(&self.people[i].today).kind;
            self.people[i].id = match came_as {
                Kind::Employee => {
                    employee += 1 + i % 3;
                    format!("E{employee}")
                }
                Kind::Contractor => {
                    contractor += 1 + i % 2;
                    format!("C{contractor}")
                }
                Kind::Intern => {
                    intern += 1;
                    format!("I{intern}")
                }
            };
        }
    }

    /// The id that stands in a manager's column.
    fn manager_id(&self, manager: Manager) -> String {
        match manager {
            Manager::Nobody => String::new(),
            Manager::Of(m) => self.people[m].id.clone(),
            // Below the first number that is given out.
            Manager::Gone(n) => format!("E0{n}"),
        }
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
