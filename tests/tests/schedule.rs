//! The schedule against the calendar: random little policies and people, planned anew on every day of a year, each plan
//! carried out. Something is done, or someone enters another state, on exactly the days that the schedule names: in zones with and
//! without daylight saving, with rows that count from a later day, with roles given by hand for a time.

use prov::{Actual, Backend, Background, ByHand, Engine, Moment, Policy, Population, Wiring};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

const DAYS: u16 = 365;

/// Numbers that are the same in every run (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

fn condition(draw: &mut Draw) -> String {
    let n = draw.below(60) + 1;
    match draw.below(10) {
        0 => format!("start + {n} days <= today"),
        1 => format!("today < end - {n} days"),
        2 => format!("years between born and today >= {}", 17 + n % 4),
        3 => format!("today in start..start + {n} days"),
        4 => format!("today == start + {n} days"),
        5 => format!("not (end < today + {n} days)"),
        6 => "any m in reports where (m.state == here)".to_owned(),
        7 => "any s in stints where (s.first <= today and today <= s.last)".to_owned(),
        8 => "has crm.role(\"r0\")".to_owned(),
        _ => format!("today - start > {} days", n * 3),
    }
}

/// What a case has beside rules and people.
struct World {
    zone: &'static str,
    /// Rows that count from a later day. With them nothing is kept: a keep counts from what memory knew, which a run on
    /// every day has newer than one on the days that are named.
    rows: bool,
    assignments: bool,
}

impl World {
    fn of(draw: &mut Draw) -> World {
        let zones = ["UTC", "Europe/Paris", "Australia/Melbourne", "America/New_York"];
        let zone = zones[draw.below(4) as usize];
        World { zone, rows: draw.below(2) == 0, assignments: draw.below(2) == 0 }
    }
}

fn policy(draw: &mut Draw, world: &World) -> String {
    let rows = if world.rows { " effective from since" } else { "" };
    let zone = world.zone;
    let mut out = format!("timezone \"{zone}\"\nsource hr of person authoritative{rows} {{}}\n");
    out +=
        "identity person { id : string key  start : date  end : date  born : date  boss : person? inverse reports  stints : list of stint }
record stint { first : date, last : date }
lifecycle person {
    state left when end < today { leaver  disable accounts after 3 days  delete accounts after 20 days }
    state soon when today < start
    state here otherwise
}
app crm via file { account when state in [soon, here] { login = id  enabled = state == here }  managed all  entitlement role(text) }
";
    for rule in 0..5 {
        // `r0` reads no role, so that no rule decides itself.
        let when = loop {
            let when = condition(draw);
            if rule > 0 || !when.starts_with("has") {
                break when;
            }
        };
        let n = draw.below(40) + 1;
        let suffix = match draw.below(5) {
            0 => format!(" from start + {n} days until end - {n} days"),
            1 if world.rows => format!(" through start + {} days", 2 * n),
            1 => format!(" through start + {} days keep {n} days", 2 * n),
            2 if !world.rows => format!(" keep {n} days"),
            _ => String::new(),
        };
        let requestable = match draw.below(4) {
            0 if world.assignments => " requestable",
            1 if world.assignments => " requestable when state == here for at most 30 days",
            _ => "",
        };
        let _ =
            writeln!(out, "role r{rule} when {when}{requestable} {{ grant crm.role(\"r{rule}\"){suffix} }}");
    }
    let _ = writeln!(out, "forbid crm.role(\"r1\") when {} because \"so\"", condition(draw));
    out
}

fn people(draw: &mut Draw, world: &World) -> String {
    let mut day = |from: i32, span: u64| {
        let first = prov::Date::from_ymd(from, 1, 1).expect("a day");
        prov::Date(first.0 + draw.below(span) as i32).to_string()
    };
    let mut out = String::from("id,start,end,born,boss,stints,since\n");
    for n in 0..if world.rows { 15 } else { 6 } {
        let id = n % 6;
        let (start, end, born) = (day(2025, 700), day(2026, 700), day(2007, 1000));
        let (first, last) = (day(2026, 200), day(2026, 400));
        let boss = (id + n / 6 + 1) % 6;
        let since = if n < 6 { "2025-01-01".to_owned() } else { day(2026, 400) };
        let _ = writeln!(
            out,
            r#"{id},{start},{end},{born},{boss},"[{{""first"": ""{first}"", ""last"": ""{last}""}}]",{since}"#
        );
    }
    out
}

/// Roles that are given by hand, of which some are unlimited, some end, and some last longer than they may.
fn assignments(draw: &mut Draw) -> String {
    let mut out = String::from("identity,role,from,until\n");
    for _ in 0..8 {
        let from = prov::Date::from_ymd(2026, 1, 1).expect("a day").0 + draw.below(300) as i32;
        let until = match draw.below(3) {
            0 => String::new(),
            _ => prov::Date(from + draw.below(45) as i32 + 1).to_string(),
        };
        let (id, rule) = (draw.below(6), draw.below(5));
        let _ = writeln!(out, "{id},r{rule},{},{until}", prov::Date(from));
    }
    out
}

/// The days on which planning anew every day does something.
fn by_calendar(
    engine: &Engine,
    people: prov::PeopleAt<'_>,
    at: &Moment,
    background: &Background,
) -> BTreeSet<String> {
    let (mut actual, mut background) = (Actual::empty(), background.clone());
    let (mut days, mut states) = (BTreeSet::new(), Vec::new());
    for day in 0..=DAYS {
        let now = engine.days_later(at, day);
        background.actual = Some(actual.state());
        let people = people(&now).expect("people");
        let desired = engine.evaluate_with(&people, &now, &background);
        let plan = engine.plan(&desired, &actual, &background.memory);
        let entered: Vec<_> = desired.ids().map(|id| desired.state(id).map(str::to_owned)).collect();
        if day > 0 && (!plan.is_empty() || entered != states) {
            days.insert(now.today.to_string());
        }
        background.memory = Arc::new(engine.memory_after(&desired, &actual, &background.memory, &plan));
        actual = actual.after(engine.policy(), &plan);
        states = entered;
    }
    days
}

#[test]
fn something_changes_on_exactly_the_days_that_the_schedule_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut named, mut rows_seen, mut given) = (0, 0, 0);
    for seed in 0..16 {
        let mut draw = Draw(seed);
        let world = World::of(&mut draw);
        let (text, rows) = (policy(&mut draw, &world), people(&mut draw, &world));
        let policy = Policy::from_strings([("main.prov", text.as_str())]).expect("a policy");
        let engine = policy.compile(Backend::Auto).expect("an engine");
        let at = policy.at("2026-01-01").expect("a day");
        let file = folder.path().join("hr.csv");
        std::fs::write(&file, &rows).expect("a file");
        let wiring = Wiring { sources: [("hr".to_owned(), file)].into(), ..Wiring::default() };
        let load = |at: &Moment| Population::load(&policy, &wiring, at);
        assert_eq!(load(&at).expect("people").rejections(), []);
        let mut background = Background::default();
        if world.assignments {
            let file = folder.path().join("assignments.csv");
            std::fs::write(&file, assignments(&mut draw)).expect("a file");
            background = ByHand::load(&policy, Some(&file), None).expect("assignments").background();
            given += background.assignments.len();
        }
        let until = engine.days_later(&at, DAYS);
        let coming = engine.schedule_with(&load, &Actual::empty(), &at, &until, &background).expect("people");
        assert!(coming.iter().all(|c| c.states.iter().all(|s| s.to.is_none() || !s.because.is_empty())));
        let schedule: BTreeSet<String> = coming.iter().map(|c| c.shown()).collect();
        let calendar = by_calendar(&engine, &load, &at, &background);
        assert_eq!(schedule, calendar, "seed {seed}\n{text}\n{rows}");
        named += schedule.len();
        rows_seen += usize::from(world.rows);
    }
    // A schedule that is empty agrees with anything.
    assert!(named > 200 && rows_seen > 3 && given > 20, "{named} days, {rows_seen} with rows, {given} given");
}
