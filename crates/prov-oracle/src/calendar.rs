//! Days, instants and zones, over jiff alone (types.md, "Time").
//! Invariant: no arithmetic of `prov_model` is used, only its types.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use prov_model::{Date, Duration, Elapsed, Instant, Unit};

/// The civil day of a date.
pub(crate) fn civil(date: Date) -> civil::Date {
    let epoch = civil::date(1970, 1, 1);
    match Span::new().try_days(date.0) {
        Ok(days) => epoch.saturating_add(days),
        Err(_) if date.0 < 0 => civil::Date::MIN,
        Err(_) => civil::Date::MAX,
    }
}

/// The date of a civil day.
pub(crate) fn date(day: civil::Date) -> Date {
    Date(civil::date(1970, 1, 1).until(day).map_or(0, |span| span.get_days()))
}

/// `2026-03-02`, exactly.
pub(crate) fn read_date(s: &str) -> Option<Date> {
    let shape =
        s.chars().enumerate().all(|(i, c)| if i == 4 || i == 7 { c == '-' } else { c.is_ascii_digit() });
    if s.len() != 10 || !shape {
        return None;
    }
    s.parse::<civil::Date>().ok().map(date)
}

/// A date by a strftime pattern.
pub(crate) fn read_date_by(s: &str, pattern: &str) -> Option<Date> {
    civil::Date::strptime(pattern, s).ok().map(date)
}

/// RFC 3339.
pub(crate) fn read_instant(s: &str) -> Option<Instant> {
    s.parse::<Timestamp>().ok().map(|t| Instant(t.as_second()))
}

/// An instant by a strftime pattern, in a zone where the pattern has no offset.
pub(crate) fn read_instant_by(s: &str, pattern: &str, zone: &TimeZone) -> Option<Instant> {
    let parts = jiff::fmt::strtime::parse(pattern, s).ok()?;
    if let Ok(t) = parts.to_timestamp() {
        return Some(Instant(t.as_second()));
    }
    let read = zone.to_ambiguous_timestamp(parts.to_datetime().ok()?).compatible().ok()?;
    Some(Instant(read.as_second()))
}

/// A day moved by a duration: months first, clipped to the month's end, then days.
pub(crate) fn plus(day: Date, d: Duration) -> Date {
    let months = Span::new().try_months(d.months);
    let end = |n: i32| if n < 0 { civil::Date::MIN } else { civil::Date::MAX };
    let moved = months.map_or_else(|_| end(d.months), |m| civil(day).saturating_add(m));
    let days = Span::new().try_days(d.days);
    date(days.map_or_else(|_| end(d.days), |n| moved.saturating_add(n)))
}

/// The day after.
pub(crate) fn next_day(day: Date) -> Date {
    plus(day, Duration { months: 0, days: 1 })
}

/// The opposite of a duration.
pub(crate) fn negated(d: Duration) -> Duration {
    Duration { months: d.months.saturating_neg(), days: d.days.saturating_neg() }
}

/// The day that an instant falls on in a zone.
pub(crate) fn day_of(instant: Instant, zone: &TimeZone) -> Date {
    Timestamp::from_second(instant.0).map_or(Date(0), |t| date(zone.to_datetime(t).date()))
}

/// The instant of a local time: in a gap the later reading, in an overlap the earlier.
pub(crate) fn instant_at(day: Date, hour: u8, minute: u8, zone: &TimeZone) -> Instant {
    let local = civil(day).at(hour as i8, minute as i8, 0, 0);
    let read = zone.to_ambiguous_timestamp(local).compatible();
    Instant(read.map_or(i64::from(day.0) * 86_400, |t| t.as_second()))
}

/// An instant and a calendar duration: the same time of day in the zone.
pub(crate) fn instant_plus(instant: Instant, d: Duration, zone: &TimeZone) -> Instant {
    let Ok(t) = Timestamp::from_second(instant.0) else { return instant };
    let local = zone.to_datetime(t);
    let moved = civil(plus(date(local.date()), d)).to_datetime(local.time());
    let read = zone.to_ambiguous_timestamp(moved).compatible();
    read.map_or(instant, |t| Instant(t.as_second()))
}

/// Complete units from one day to another; backwards as many, negative.
pub(crate) fn between(unit: Unit, from: Date, to: Date) -> i64 {
    if to < from {
        return -between(unit, to, from);
    }
    let days = i64::from(to.0) - i64::from(from.0);
    let months = || {
        let (a, b) = (civil(from), civil(to));
        let apart =
            (i32::from(b.year()) - i32::from(a.year())) * 12 + i32::from(b.month()) - i32::from(a.month());
        let mut n = (apart - 1).max(0);
        while plus(from, Duration { months: n + 1, days: 0 }) <= to
            && plus(from, Duration { months: n, days: 0 }) < to
        {
            n += 1;
        }
        i64::from(n)
    };
    match unit {
        Unit::Days => days,
        Unit::Weeks => days / 7,
        Unit::Months => months(),
        Unit::Years => months() / 12,
        Unit::Seconds | Unit::Minutes | Unit::Hours => 0,
    }
}

/// `n` of a unit, as calendar or as clock time.
pub(crate) fn of_unit(n: i64, unit: Unit) -> Option<Result<Duration, Elapsed>> {
    let small = i32::try_from(n).ok();
    Some(match unit {
        Unit::Days => Ok(Duration { months: 0, days: small? }),
        Unit::Weeks => Ok(Duration { months: 0, days: small?.checked_mul(7)? }),
        Unit::Months => Ok(Duration { months: small?, days: 0 }),
        Unit::Years => Ok(Duration { months: small?.checked_mul(12)?, days: 0 }),
        Unit::Seconds => Err(Elapsed(n)),
        Unit::Minutes => Err(Elapsed(n.checked_mul(60)?)),
        Unit::Hours => Err(Elapsed(n.checked_mul(3600)?)),
    })
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word.strip_suffix('s').unwrap_or(word) {
        "second" => Unit::Seconds,
        "minute" => Unit::Minutes,
        "hour" => Unit::Hours,
        "day" => Unit::Days,
        "week" => Unit::Weeks,
        "month" => Unit::Months,
        "year" => Unit::Years,
        _ => return None,
    })
}

/// `1 year 2 months` as months and days, `1 hour 30 minutes` as seconds; never mixed.
pub(crate) fn read_amount(s: &str) -> Option<Result<Duration, Elapsed>> {
    let words: Vec<&str> = s.split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return None;
    }
    let mut sum: Option<Result<Duration, Elapsed>> = None;
    for pair in words.chunks(2) {
        let one = of_unit(pair[0].parse().ok()?, unit(pair[1])?)?;
        sum = Some(match (sum, one) {
            (None, one) => one,
            (Some(Ok(a)), Ok(b)) => Ok(sum_of(a, b)),
            (Some(Err(a)), Err(b)) => Err(Elapsed(a.0.saturating_add(b.0))),
            (Some(_), _) => return None,
        });
    }
    sum
}

/// Two durations, part by part.
pub(crate) fn sum_of(a: Duration, b: Duration) -> Duration {
    Duration { months: a.months.saturating_add(b.months), days: a.days.saturating_add(b.days) }
}
