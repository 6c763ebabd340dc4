//! Guards on what sources bring: how many rows, how many of them without a value, and how old.
//! Invariant: what is not known trips nothing, and the verdict says that it is not known.

use super::{at_most as least_of, percent, spelled};
use crate::{PlanInput, Verdict};
use prov_model::{GuardDef, GuardLimit, Instant, SourceCount, Span, TimePoint};

const NOT_READ: &str = "the source was not read in this run";

fn name<'a>(input: &PlanInput<'a>, source: u32) -> &'a str {
    input.schema.sources.get(source as usize).map_or("", |s| s.name.as_str())
}

fn counted<'a>(input: &PlanInput<'a>, source: &str) -> Option<&'a SourceCount> {
    input.desired.counts.iter().find(|c| c.source == source)
}

pub(super) fn rows(input: &PlanInput<'_>, guard: &GuardDef, source: u32, of_last_run: bool) -> Verdict {
    let name = name(input, source);
    let now = counted(input, name).map(|c| c.rows);
    let last = input.memory.sources.get(name).map(|s| s.rows);
    // The most generous of several is the least.
    let limit = |last: u64| {
        let least = guard.limits.iter().map(|l| match *l {
            GuardLimit::Count(n) => n.max(0) as u64,
            GuardLimit::Share(p) | GuardLimit::People(p) => {
                (p.max(0) as u128 * u128::from(last)).div_ceil(10_000) as u64
            }
        });
        least.min().unwrap_or(0)
    };
    let relative = guard.limits.iter().any(|l| !matches!(l, GuardLimit::Count(_)));
    let (limit, notice) = match (now, last) {
        (None, _) => (0, Some(NOT_READ)),
        (_, None) if of_last_run || relative => (0, Some("there is no last run to compare with")),
        (_, last) => (limit(last.unwrap_or(0)), None),
    };
    let count = now.unwrap_or(0);
    Verdict {
        guard: guard.name.clone(),
        what: "rows".into(),
        source: Some(name.to_owned()),
        tripped: count < limit,
        count,
        limit,
        limits: guard.limits.iter().map(|l| spelled(*l)).collect(),
        base: last,
        unit: "rows".into(),
        notice: notice.map(str::to_owned),
        ..Verdict::default()
    }
}

/// 11.19 for rows: a share trips above max(1, ⌊p·N⌋). Only `0%` means none at all.
pub(super) fn empty(input: &PlanInput<'_>, guard: &GuardDef, source: u32, column: &str) -> Verdict {
    let name = name(input, source);
    let of = counted(input, name);
    let rows = of.map_or(0, |c| c.rows);
    let now = of.and_then(|c| c.empty.get(column).copied());
    let limit = guard.limits.iter().map(|l| match l {
        GuardLimit::Share(0) | GuardLimit::People(0) => 0,
        limit => least_of(*limit, rows, rows),
    });
    let limit = limit.max().unwrap_or(0);
    let notice = match (of, now) {
        (None, _) => Some(NOT_READ),
        (Some(_), None) => Some("it is not known what the column held"),
        (Some(_), Some(_)) => None,
    };
    let last = input.memory.sources.get(name).and_then(|s| Some((s.rows, *s.empty.get(column)?)));
    let share = |(rows, empty): (u64, u64)| {
        (rows > 0).then(|| percent((u128::from(empty) * 10_000 / u128::from(rows)) as i64))
    };
    let count = now.unwrap_or(0);
    Verdict {
        guard: guard.name.clone(),
        what: "empty".into(),
        source: Some(name.to_owned()),
        column: Some(column.to_owned()),
        tripped: now.is_some() && count > limit,
        count,
        limit,
        limits: guard.limits.iter().map(|l| spelled(*l)).collect(),
        base: of.map(|c| c.rows),
        unit: "rows".into(),
        last: last.and_then(share),
        notice: notice.map(str::to_owned),
        ..Verdict::default()
    }
}

/// A feed is too old once more than the limit has passed since its `as_of`; one from the future is of now.
pub(super) fn age(input: &PlanInput<'_>, guard: &GuardDef, source: u32, at_most: Span) -> Verdict {
    let name = name(input, source);
    let (of, at) = (counted(input, name), &input.desired.at);
    let as_of = of.and_then(|c| c.as_of);
    let since = |then: Instant, now: Instant| now.0.saturating_sub(then.0).max(0) as u64;
    let (count, limit) = as_of.map_or((0, 0), |then| {
        let end = TimePoint::Instant(then).plus(at_most, &at.zone).instant(&at.zone);
        (since(then, at.now), since(then, end))
    });
    let notice = match (of, as_of) {
        (None, _) => Some(NOT_READ),
        (Some(_), None) => Some("it is not known of when the source is"),
        (Some(_), Some(_)) => None,
    };
    let limits = match at_most {
        Span::Calendar(d) => vec![d.to_string()],
        Span::Clock(e) => vec![e.to_string()],
    };
    Verdict {
        guard: guard.name.clone(),
        what: "age".into(),
        source: Some(name.to_owned()),
        tripped: count > limit,
        count,
        limit,
        limits,
        unit: "seconds".into(),
        as_of: as_of.map(|then| then.to_string()),
        notice: notice.map(str::to_owned),
        ..Verdict::default()
    }
}

/// What a guard on a column or on age found, in words; none for others.
pub(crate) fn said(verdict: &Verdict) -> Option<String> {
    let limits = verdict.limits.join(" or ");
    match verdict.what.as_str() {
        "empty" => {
            let rows = verdict.base.unwrap_or(0);
            let share = match rows {
                0 => "0%".to_owned(),
                rows => percent((u128::from(verdict.count) * 10_000 / u128::from(rows)) as i64),
            };
            let last = verdict.last.as_ref().map(|l| format!(", {l} in the last run")).unwrap_or_default();
            let column = verdict.column.as_deref().unwrap_or("");
            Some(format!(
                "`{column}` is empty in {} of {rows} rows ({share}), at most {} ({limits}){last}",
                verdict.count, verdict.limit
            ))
        }
        "age" => Some(format!(
            "it is of {}, {} ago, at most {limits}",
            verdict.as_of.as_deref().unwrap_or("no known time"),
            passed(verdict.count)
        )),
        _ => None,
    }
}

/// Seconds as days, hours and minutes: the two greatest of them.
fn passed(seconds: u64) -> String {
    let unit = |n: u64, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let parts = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let first = parts.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    let shown = parts[first..].iter().take(2).filter(|(n, _)| *n > 0);
    let words: Vec<String> = shown.map(|(n, one)| unit(*n, one)).collect();
    if words.is_empty() { "0 seconds".to_owned() } else { words.join(" ") }
}
