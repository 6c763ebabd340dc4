//! The people of workload W, today and yesterday. Invariant: a row hangs on seed and number alone.

use super::words::Attribute;
use crate::draw::{Stream, Zipf, mix, step, unit};

/// Days since 1970 of 2000-01-01.
const FIRST_DAY: i64 = 10_957;
/// Days since 1970 of 2026-11-23, on which the workload is evaluated.
pub const TODAY: i64 = 20_780;
/// Fills the places of skills that someone has not.
pub const NO_SKILL: u16 = u16::MAX;

/// One row, as codes of dictionaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its number.
    pub id: u32,
    codes: [u16; 8],
    /// From 1 to 12.
    pub level: u8,
    /// The number of the manager; the first person has none.
    pub manager: Option<u32>,
    /// Days since 1970.
    pub hire: i32,
    /// Days since 1970.
    pub end: Option<i32>,
    /// Codes in order, then [`NO_SKILL`].
    pub skills: [u16; 5],
}

impl Person {
    /// The code of an attribute's value.
    pub fn code(&self, attribute: Attribute) -> u16 {
        self.codes[attribute as usize]
    }

    /// The skills that they have, in order.
    pub fn skills(&self) -> impl Iterator<Item = u16> {
        self.skills.into_iter().filter(|s| *s != NO_SKILL)
    }
}

/// Makes rows.
#[derive(Debug)]
pub struct Rows {
    streams: Vec<Stream>,
    departments: Zipf,
    locations: Zipf,
    skills: Zipf,
    kinds: Zipf,
    centers: Zipf,
}

impl Rows {
    /// The rows of a seed.
    pub fn new(seed: u64) -> Rows {
        Rows {
            streams: (0..100).map(|s| Stream::new(seed, s)).collect(),
            departments: Zipf::new(200, 0),
            locations: Zipf::new(150, 3),
            skills: Zipf::new(300, 4),
            kinds: Zipf::new(8, 0),
            centers: Zipf::new(10, 1),
        }
    }

    /// Somebody today.
    pub fn today(&self, id: u32) -> Person {
        self.row(id, None)
    }

    /// The same yesterday: one in a hundred was otherwise.
    pub fn yesterday(&self, id: u32) -> Person {
        let i = u64::from(id);
        let changed = unit(self.streams[90].at(i)) < 0.01;
        self.row(id, changed.then(|| self.streams[91].at(i) % 10))
    }

    fn row(&self, id: u32, change: Option<u64>) -> Person {
        let i = u64::from(id);
        let salted = |stream: usize, salt: bool| self.streams[stream].at(i + (u64::from(salt) << 44));
        let draw = |stream: usize| salted(stream, false);
        let moved = matches!(change, Some(0..=2));
        let relocated = matches!(change, Some(3 | 4));
        let learned = matches!(change, Some(5));

        let employment = step(&[0.78, 0.93, 0.97], draw(1));
        let mut status = step(&[0.85, 0.89, 0.92], draw(2));
        if matches!(change, Some(6 | 7)) {
            status = (status + 1 + (draw(92) % 3) as usize) % 4;
        }
        let department = self.departments.pick(salted(3, moved));
        let grade = step(&[0.18, 0.50, 0.80, 0.95], salted(4, moved));
        let kind = (self.kinds.pick(salted(5, moved)) + department) % 8;
        let function = department % 20;
        let mut level = 1 + grade * 2 + (salted(6, moved) % 4) as usize;
        if matches!(change, Some(8 | 9)) {
            level = if level > 1 { level - 1 } else { level + 1 };
        }
        let location = (self.locations.pick(salted(7, relocated)) * 7) % 150;
        let country = location % 30;
        let own_entity = country < 10 && unit(salted(8, relocated)) < 0.3;
        let center = department * 10 + self.centers.pick(salted(9, moved));
        let manager = (id != 0).then(|| (unit(draw(10)) * (i as f64 / 8.0)) as u32);
        let mut hire = FIRST_DAY + (unit(draw(11)).sqrt() * (TODAY - 20 - FIRST_DAY) as f64) as i64;
        if status == 2 {
            hire = TODAY + 1 + (draw(12) % 60) as i64;
        }
        let mut end = (employment > 0 && unit(draw(13)) < 0.7).then(|| TODAY + 1 + (draw(14) % 540) as i64);
        if status == 3 {
            end = Some((TODAY - 1).min(hire + 30 + (draw(14) % 3000) as i64));
        }
        let many = step(&[0.15, 0.40, 0.65, 0.85, 0.95], salted(15, learned));
        let mut skills = [NO_SKILL; 5];
        for j in 0..many.min(5) {
            let skill = ((self.skills.pick(salted(20 + j, learned)) + 15 * function) % 300) as u16;
            if !skills[..j].contains(&skill) {
                skills[j] = skill;
            }
        }
        skills.sort_unstable();
        Person {
            id,
            codes: [
                employment as u16,
                status as u16,
                department as u16,
                (function * 40 + grade * 8 + kind) as u16,
                location as u16,
                country as u16,
                if own_entity { 30 + country as u16 } else { country as u16 },
                center as u16,
            ],
            level: level as u8,
            manager,
            hire: hire as i32,
            end: end.map(|e| e as i32),
            skills,
        }
    }
}

/// Year, month and day of days since 1970.
pub fn date(days: i32) -> (i32, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (year_of_era + era * 400 + i32::from(month <= 2), month, day)
}

/// Days since 1970 of a day.
pub(super) fn days(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (month as i32 + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + day as i32 - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The hash of a pair, to be added up.
pub(super) fn hash(key: u64) -> u64 {
    mix(key)
}

#[cfg(test)]
mod tests {
    use super::{FIRST_DAY, TODAY, date, days};

    #[test]
    fn days_and_dates_lead_back_to_each_other() {
        assert_eq!(i64::from(days(2000, 1, 1)), FIRST_DAY);
        assert_eq!(date(TODAY as i32), (2026, 11, 23));
        for day in -800_000..800_000 {
            let (y, m, d) = date(day);
            assert_eq!(days(y, m, d), day);
        }
    }
}
