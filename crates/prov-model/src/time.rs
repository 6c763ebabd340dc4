//! Days, instants, durations and zones. Calendar and clock durations are different types: a day is not 24 hours.
//! Invariant: nothing reads the clock; a [`Moment`] is an input.

use jiff::{ToSpan, civil, tz};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A civil day, counted from 1970-01-01. Holds years -9999 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Date(pub i32);

/// A point in time, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Instant(pub i64);

/// A calendar duration: months and days are kept apart, since a month has no fixed number of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(C)]
pub struct Duration {
    /// Months; twelve a year.
    pub months: i32,
    /// Days; seven a week.
    pub days: i32,
}

/// A clock duration in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Elapsed(pub i64);

/// Units that durations are written in and spans are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// seconds
    Seconds,
    /// minutes
    Minutes,
    /// hours
    Hours,
    /// days
    Days,
    /// weeks
    Weeks,
    /// months
    Months,
    /// years
    Years,
}

const EPOCH: civil::Date = civil::Date::constant(1970, 1, 1);
/// First and last day that a date can be.
const FIRST: Date = Date(-4_371_587);
const LAST: Date = Date(2_932_896);

impl Date {
    /// The day of a proleptic Gregorian year, month and day, if there is one.
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Date> {
        let d = civil::Date::new(i16::try_from(year).ok()?, month as i8, day as i8).ok()?;
        Some(Date::from_civil(d))
    }

    /// Reads `2026-03-02`, exactly.
    pub fn parse(s: &str) -> Option<Date> {
        let b = s.as_bytes();
        if b.len() != 10 || b[4] != b'-' || b[7] != b'-' {
            return None;
        }
        let n = |r: std::ops::Range<usize>| {
            b[r].iter().try_fold(0i32, |a, &c| c.is_ascii_digit().then(|| a * 10 + i32::from(c - b'0')))
        };
        Date::from_ymd(n(0..4)?, n(5..7)? as u8, n(8..10)? as u8)
    }

    /// Reads a day by a strftime pattern (`%m/%d/%Y`).
    pub fn parse_with(s: &str, pattern: &str) -> Result<Date, String> {
        civil::Date::strptime(pattern, s).map(Date::from_civil).map_err(|e| e.to_string())
    }

    fn from_civil(d: civil::Date) -> Date {
        Date(EPOCH.until(d).map_or(0, |s| s.get_days()))
    }

    fn civil(self) -> civil::Date {
        EPOCH.saturating_add(self.clamp(FIRST, LAST).0.days())
    }

    /// Year, month (1–12) and day (1–31).
    pub fn ymd(self) -> (i32, u8, u8) {
        let d = self.civil();
        (i32::from(d.year()), d.month() as u8, d.day() as u8)
    }

    /// 1 (Monday) to 7 (Sunday), as in ISO 8601.
    pub fn weekday(self) -> i64 {
        (i64::from(self.0) + 3).rem_euclid(7) + 1
    }

    /// This day and a duration: months first, clipped to the month's end, then days. Saturates at the calendar's ends.
    #[must_use]
    pub fn plus(self, d: Duration) -> Date {
        let (y, m, day) = self.ymd();
        let moved = if d.months == 0 {
            self
        } else {
            let months = i64::from(y) * 12 + i64::from(m) - 1 + i64::from(d.months);
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u8 + 1);
            if year > 9999 {
                return LAST;
            }
            if year < -9999 {
                return FIRST;
            }
            (0..4)
                .find_map(|clip| Date::from_ymd(year as i32, month, day - clip))
                .expect("every month has one of the last four days")
        };
        Date(moved.0.saturating_add(d.days)).clamp(FIRST, LAST)
    }

    /// The days from `other` to this day.
    #[must_use]
    pub fn minus(self, other: Date) -> Duration {
        Duration { months: 0, days: self.0 - other.0 }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.ymd();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = String::deserialize(d)?;
        Date::parse(&s).ok_or_else(|| serde::de::Error::custom("expected a date like 2026-03-02"))
    }
}

impl Duration {
    /// `n` of a calendar unit; `None` for clock units or where it does not fit.
    pub fn of(n: i64, unit: Unit) -> Option<Duration> {
        let n = i32::try_from(n).ok()?;
        match unit {
            Unit::Days => Some(Duration { months: 0, days: n }),
            Unit::Weeks => Some(Duration { months: 0, days: n.checked_mul(7)? }),
            Unit::Months => Some(Duration { months: n, days: 0 }),
            Unit::Years => Some(Duration { months: n.checked_mul(12)?, days: 0 }),
            Unit::Seconds | Unit::Minutes | Unit::Hours => None,
        }
    }

    /// The sum, saturating part by part.
    #[must_use]
    pub fn plus(self, o: Duration) -> Duration {
        Duration { months: self.months.saturating_add(o.months), days: self.days.saturating_add(o.days) }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Duration {
        Duration { months: self.months.saturating_neg(), days: self.days.saturating_neg() }
    }

    /// What order compares: a month counts as 30 days here, and only here.
    pub fn rank(self) -> (i64, i32) {
        (i64::from(self.months) * 30 + i64::from(self.days), self.months)
    }

    /// Reads `30 days`, `2 weeks`, `1 month`, `1 year 2 months`.
    pub fn parse(s: &str) -> Option<Duration> {
        let words: Vec<_> = s.split_whitespace().collect();
        if words.is_empty() || words.len() % 2 != 0 {
            return None;
        }
        words.chunks(2).try_fold(Duration::default(), |sum, pair| {
            Some(sum.plus(Duration::of(pair[0].parse().ok()?, Unit::parse(pair[1])?)?))
        })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |n: i32, unit: &str| format!("{n} {unit}{}", if n.abs() == 1 { "" } else { "s" });
        let months = if self.months != 0 && self.months % 12 == 0 {
            part(self.months / 12, "year")
        } else {
            part(self.months, "month")
        };
        match (self.months, self.days) {
            (0, d) => f.write_str(&part(d, "day")),
            (_, 0) => f.write_str(&months),
            (_, d) => write!(f, "{months} {}", part(d, "day")),
        }
    }
}

impl Elapsed {
    /// `n` of a clock unit; `None` for calendar units or where it does not fit.
    pub fn of(n: i64, unit: Unit) -> Option<Elapsed> {
        match unit {
            Unit::Seconds => Some(Elapsed(n)),
            Unit::Minutes => n.checked_mul(60).map(Elapsed),
            Unit::Hours => n.checked_mul(3600).map(Elapsed),
            Unit::Days | Unit::Weeks | Unit::Months | Unit::Years => None,
        }
    }

    /// Reads `8 hours`, `1 hour 30 minutes`.
    pub fn parse(s: &str) -> Option<Elapsed> {
        let words: Vec<_> = s.split_whitespace().collect();
        if words.is_empty() || words.len() % 2 != 0 {
            return None;
        }
        words.chunks(2).try_fold(Elapsed(0), |sum, pair| {
            let e = Elapsed::of(pair[0].parse().ok()?, Unit::parse(pair[1])?)?;
            Some(Elapsed(sum.0.saturating_add(e.0)))
        })
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match self.0 {
            s if s % 3600 == 0 => (s / 3600, "hour"),
            s if s % 60 == 0 => (s / 60, "minute"),
            s => (s, "second"),
        };
        write!(f, "{n} {unit}{}", if n.abs() == 1 { "" } else { "s" })
    }
}

impl Unit {
    /// The unit of a word, singular or plural.
    pub fn parse(word: &str) -> Option<Unit> {
        Some(match word {
            "second" | "seconds" => Unit::Seconds,
            "minute" | "minutes" => Unit::Minutes,
            "hour" | "hours" => Unit::Hours,
            "day" | "days" => Unit::Days,
            "week" | "weeks" => Unit::Weeks,
            "month" | "months" => Unit::Months,
            "year" | "years" => Unit::Years,
            _ => return None,
        })
    }

    /// Its plural word.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Minutes => "minutes",
            Unit::Hours => "hours",
            Unit::Days => "days",
            Unit::Weeks => "weeks",
            Unit::Months => "months",
            Unit::Years => "years",
        }
    }

    /// Whole units from one day to another, negative backwards; `None` for clock units.
    /// A month is complete on the same day of the month, clipped to its end (so 29 February is complete on 28).
    pub fn between(self, from: Date, to: Date) -> Option<i64> {
        let days = i64::from(to.0) - i64::from(from.0);
        match self {
            Unit::Days => Some(days),
            Unit::Weeks => Some(days / 7),
            Unit::Months => Some(months_between(from, to)),
            Unit::Years => Some(months_between(from, to) / 12),
            Unit::Seconds | Unit::Minutes | Unit::Hours => None,
        }
    }
}

fn months_between(from: Date, to: Date) -> i64 {
    if to < from {
        return -months_between(to, from);
    }
    let ((fy, fm, _), (ty, tm, _)) = (from.ymd(), to.ymd());
    let months = (ty - fy) * 12 + i32::from(tm) - i32::from(fm);
    i64::from(months - i32::from(from.plus(Duration { months, days: 0 }) > to))
}

/// A time zone of the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(tz::TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone(tz::TimeZone::UTC)
    }

    /// The zone of a name such as `Europe/Paris`.
    pub fn parse(name: &str) -> Option<Zone> {
        tz::TimeZone::get(name).ok().map(Zone)
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.0.iana_name().unwrap_or("UTC").to_owned()
    }

    /// The day that an instant falls on here.
    pub fn date_of(&self, instant: Instant) -> Date {
        jiff::Timestamp::from_second(instant.0)
            .map_or(Date(0), |t| Date::from_civil(self.0.to_datetime(t).date()))
    }

    /// The instant of a local time; in a gap the later reading, in an overlap the earlier.
    pub fn instant_at(&self, date: Date, hour: u8, minute: u8) -> Instant {
        let local = date.civil().at(hour.min(23) as i8, minute.min(59) as i8, 0, 0);
        let zoned = self.0.to_ambiguous_zoned_datetime(local).compatible();
        Instant(zoned.map_or(i64::from(date.0) * 86_400, |z| z.timestamp().as_second()))
    }

    /// An instant and a calendar duration: the same local time on the day moved to.
    pub fn plus(&self, instant: Instant, d: Duration) -> Instant {
        let Ok(t) = jiff::Timestamp::from_second(instant.0) else { return instant };
        let local = self.0.to_datetime(t);
        let moved = Date::from_civil(local.date()).plus(d).civil().to_datetime(local.time());
        self.0
            .to_ambiguous_zoned_datetime(moved)
            .compatible()
            .map_or(instant, |z| Instant(z.timestamp().as_second()))
    }
}

impl Instant {
    /// Reads RFC 3339: `2026-03-02T09:30:00Z`, or with an offset.
    pub fn parse(s: &str) -> Option<Instant> {
        s.parse::<jiff::Timestamp>().ok().map(|t| Instant(t.as_second()))
    }

    /// Reads an instant by a strftime pattern; where the pattern has no offset, in `zone`.
    pub fn parse_with(s: &str, pattern: &str, zone: &Zone) -> Result<Instant, String> {
        let parts = jiff::fmt::strtime::parse(pattern, s).map_err(|e| e.to_string())?;
        if let Ok(t) = parts.to_timestamp() {
            return Ok(Instant(t.as_second()));
        }
        let local = parts.to_datetime().map_err(|e| e.to_string())?;
        let zoned = zone.0.to_ambiguous_zoned_datetime(local).compatible().map_err(|e| e.to_string())?;
        Ok(Instant(zoned.timestamp().as_second()))
    }
}

/// Whether a strftime pattern reads days (`of_days`) or instants: what a moment looks like by it must read back.
///
/// # Errors
/// Why nothing can be read by it.
pub fn time_pattern(pattern: &str, of_days: bool) -> Result<(), String> {
    // Two digits everywhere, so that numbers without padding are told apart.
    let sample = civil::date(2026, 12, 25).at(23, 45, 59, 0);
    let sample = tz::TimeZone::UTC.to_ambiguous_zoned_datetime(sample).compatible();
    let sample = sample.map_err(|e| e.to_string())?;
    let text = jiff::fmt::strtime::format(pattern, &sample).map_err(|e| e.to_string())?;
    match of_days {
        true => Date::parse_with(&text, pattern).map(|_| ()),
        false => Instant::parse_with(&text, pattern, &Zone::utc()).map(|_| ()),
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

/// When a policy is evaluated: the one reading of "now" for a whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub now: Instant,
    /// Its day in the policy's zone.
    pub today: Date,
    /// The policy's zone.
    pub zone: Zone,
}

impl Moment {
    /// The start of a day in a zone.
    pub fn at_date(date: Date, zone: Zone) -> Moment {
        Moment { now: zone.instant_at(date, 0, 0), today: date, zone }
    }

    /// An instant, seen from a zone.
    pub fn at_instant(now: Instant, zone: Zone) -> Moment {
        Moment { now, today: zone.date_of(now), zone }
    }
}

/// Reads what `--at` takes: a day (`2026-03-02`) or an instant (`2026-03-02T09:30:00+01:00`).
pub fn parse_at(s: &str, zone: &Zone) -> Option<Moment> {
    match Date::parse(s) {
        Some(d) => Some(Moment::at_date(d, zone.clone())),
        None => Instant::parse(s).map(|i| Moment::at_instant(i, zone.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(s: &str) -> Date {
        Date::parse(s).expect("a date")
    }

    #[test]
    fn months_clip_to_the_end_of_the_month() {
        assert_eq!(d("2026-01-31").plus(Duration { months: 1, days: 0 }), d("2026-02-28"));
        assert_eq!(d("2024-02-29").plus(Duration { months: 12, days: 0 }), d("2025-02-28"));
        assert_eq!(d("2026-03-31").plus(Duration { months: -1, days: 1 }), d("2026-03-01"));
    }

    #[test]
    fn years_between_count_complete_years() {
        assert_eq!(Unit::Years.between(d("2008-02-29"), d("2026-02-27")), Some(17));
        assert_eq!(Unit::Years.between(d("2008-02-29"), d("2026-02-28")), Some(18));
        assert_eq!(Unit::Months.between(d("2026-03-31"), d("2026-02-28")), Some(-1));
        assert_eq!(Unit::Months.between(d("2026-03-02"), d("2026-02-28")), Some(0));
    }

    #[test]
    fn weekdays_are_iso() {
        assert_eq!(d("2026-11-23").weekday(), 1);
        assert_eq!(d("1969-12-28").weekday(), 7);
    }

    #[test]
    fn gaps_read_later_and_overlaps_earlier() {
        let paris = Zone::parse("Europe/Paris").expect("a zone");
        assert_eq!(paris.instant_at(d("2026-03-29"), 2, 30).to_string(), "2026-03-29T01:30:00Z");
        assert_eq!(paris.instant_at(d("2026-10-25"), 2, 30).to_string(), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn the_calendar_ends_where_it_says() {
        assert_eq!(Date::from_ymd(-9999, 1, 1), Some(FIRST));
        assert_eq!(Date::from_ymd(9999, 12, 31), Some(LAST));
        assert_eq!(FIRST.ymd(), (-9999, 1, 1));
        assert_eq!(LAST.ymd(), (9999, 12, 31));
        assert_eq!(LAST.plus(Duration { months: 1, days: 1 }), LAST);
        assert_eq!(Date(i32::MAX).ymd(), (9999, 12, 31));
        assert_eq!(d("2026-01-01").plus(Duration { months: i32::MIN, days: i32::MIN }), FIRST);
    }

    #[test]
    fn reading_is_exact() {
        assert_eq!(Date::parse("2026-02-30"), None);
        assert_eq!(Date::parse("2026-2-3"), None);
        assert_eq!(Date::parse_with("03/02/2026", "%m/%d/%Y"), Ok(d("2026-03-02")));
        assert!(Date::parse_with("13/02/2026", "%m/%d/%Y").is_err());
        assert_eq!(Duration::parse("1 year 2 days"), Some(Duration { months: 12, days: 2 }));
    }
}
