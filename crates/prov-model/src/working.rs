//! Working days: Monday to Friday, less the holidays that are named.
//!
//! Invariant: a count of days ends, whatever the numbers: holidays are finitely many, and days saturate at the calendar's
//! ends.

use crate::{Date, Duration};

fn days(n: i64) -> Duration {
    let end = i64::from(i32::MAX);
    Duration { months: 0, days: n.clamp(-end, end) as i32 }
}

/// Whether a day is a Monday to Friday and no holiday.
pub fn is_working_day(day: Date, holidays: &[Date]) -> bool {
    day.weekday() <= 5 && !holidays.contains(&day)
}

/// The first working day from a day on, itself included; back in time where `step` is negative.
fn nearest(mut day: Date, step: i64, holidays: &[Date]) -> Date {
    while !is_working_day(day, holidays) {
        let next = day.plus(days(step));
        if next == day {
            break;
        }
        day = next;
    }
    day
}

/// The day itself where it is a working day, else the next one.
pub fn working_day_from(day: Date, holidays: &[Date]) -> Date {
    nearest(day, 1, holidays)
}

/// The day itself where it is a working day, else the last one before it.
pub fn working_day_until(day: Date, holidays: &[Date]) -> Date {
    nearest(day, -1, holidays)
}

/// The working day that is `n` working days after a day (before it where `n` is negative). 0 gives the day itself.
pub fn add_working_days(day: Date, n: i64, holidays: &[Date]) -> Date {
    let step = n.signum();
    let mut left = n.unsigned_abs();
    // A weekend counts for nothing: start from the day before it, as one looks.
    let mut day = if n == 0 { day } else { nearest(day, -step, &[]) };
    // Whole weeks at a stride; a holiday on the way costs a day more.
    while left >= 5 {
        let weeks = (left / 5).min(20_000);
        let next = day.plus(days(step * 7 * weeks as i64));
        if u64::from(next.minus(day).days.unsigned_abs()) != 7 * weeks {
            break;
        }
        left = left - 5 * weeks + holidays_within(day, next, holidays);
        day = next;
    }
    while left > 0 {
        let next = nearest(day.plus(days(step)), step, holidays);
        if next == day {
            break;
        }
        day = next;
        left -= 1;
    }
    day
}

/// How many working days come after `from`, up to and with `to`; below zero where `to` is the earlier.
pub fn working_days_between(from: Date, to: Date, holidays: &[Date]) -> i64 {
    if to < from {
        return -working_days_after(to, from, holidays) + i64::from(is_working_day(from, holidays))
            - i64::from(is_working_day(to, holidays));
    }
    working_days_after(from, to, holidays)
}

fn working_days_after(from: Date, to: Date, holidays: &[Date]) -> i64 {
    let total = i64::from(to.minus(from).days);
    let (weeks, rest) = (total / 7, total % 7);
    let tail = (1..=rest).filter(|n| from.plus(days(*n)).weekday() <= 5).count() as i64;
    weeks * 5 + tail - holidays_within(from, to, holidays) as i64
}

/// Holidays on a Monday to Friday after `from` up to and with `to`, whichever is earlier.
fn holidays_within(from: Date, to: Date, holidays: &[Date]) -> u64 {
    let on_the_way = |d: &Date| if from <= to { from < *d && *d <= to } else { to <= *d && *d < from };
    holidays.iter().filter(|d| d.weekday() <= 5 && on_the_way(d)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(s: &str) -> Date {
        Date::parse(s).expect("a date")
    }

    /// One day after another.
    fn slowly(day: Date, n: i64, holidays: &[Date]) -> Date {
        let (mut day, mut left) = (day, n.abs());
        while left > 0 {
            day = day.plus(days(n.signum()));
            left -= i64::from(is_working_day(day, holidays));
        }
        day
    }

    #[test]
    fn counting_at_a_stride_is_counting_days() {
        let holidays = [date("2026-03-04"), date("2026-03-06"), date("2026-03-08"), date("2026-04-06")];
        for start in 0..14 {
            let start = date("2026-02-23").plus(days(start));
            for n in -40..60 {
                let there = add_working_days(start, n, &holidays);
                assert_eq!(there, slowly(start, n, &holidays), "{start} and {n} working days");
                if is_working_day(start, &holidays) {
                    assert_eq!(working_days_between(start, there, &holidays), n, "from {start} to {there}");
                }
            }
        }
    }

    #[test]
    fn a_count_is_one_of_days_whichever_way_it_goes() {
        let holidays = [date("2026-03-04")];
        for from in 0..14 {
            for to in 0..30 {
                let (a, b) = (date("2026-02-23").plus(days(from)), date("2026-02-23").plus(days(to)));
                let count = (0..60)
                    .map(|n| date("2026-02-23").plus(days(n)))
                    .filter(|d| *d > a && *d <= b && is_working_day(*d, &holidays))
                    .count() as i64;
                if a <= b {
                    assert_eq!(working_days_between(a, b, &holidays), count);
                } else {
                    let back = (0..60)
                        .map(|n| date("2026-02-23").plus(days(n)))
                        .filter(|d| *d >= b && *d < a && is_working_day(*d, &holidays))
                        .count() as i64;
                    assert_eq!(working_days_between(a, b, &holidays), -back, "from {a} to {b}");
                }
            }
        }
    }

    #[test]
    fn the_calendars_ends_end_it() {
        assert_eq!(add_working_days(date("2026-03-02"), i64::MAX, &[]).ymd().0, 9999);
        assert!(add_working_days(date("2026-03-02"), i64::MIN, &[]) < date("2026-03-02"));
        assert_eq!(working_day_from(date("2026-12-25"), &[date("2026-12-25")]), date("2026-12-28"));
        assert_eq!(working_day_until(date("2026-03-01"), &[]), date("2026-02-27"));
    }
}
