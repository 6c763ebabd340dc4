//! The schedule against the calendar: random little policies and people, planned anew on every day of a year, each plan
//! carried out. Something is done, or someone enters another state, on exactly the days that the schedule names: in zones with and
//! without daylight saving, with rows that count from a later day, with roles given by hand for a time; and every half hour around
//! the nights in which the clocks are changed, with guests of partners.

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
    /// Rows that count from a later day. With them is kept only what hangs on data alone, or on days that are the same in all
    /// rows: what a new row says of the time since the last run is judged by what memory knew then, which a run on every day
    /// has newer than one on the days that are named.
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
        "identity person { id : string key  unit : text  start : date  end : date  born : date  boss : person? inverse reports  stints : list of stint }
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
        let (when, kept) = match draw.below(6) {
            // A forbid of what is kept turns with time.
            _ if rule == 1 => (when, String::new()),
            0 | 1 if world.rows => (format!("unit == \"u{}\"", draw.below(3)), format!(" keep {n} days")),
            2 if world.rows => {
                let years = 17 + n % 4;
                let until = format!(" through born + {years} years + {n} days keep {n} days");
                (format!("born + {years} years <= today"), until)
            }
            _ => (when, String::new()),
        };
        let suffix = match draw.below(5) {
            _ if !kept.is_empty() => kept,
            0 => format!(" from start + {n} days until end - {n} days"),
            1 if world.rows => format!(" through start + {} days", 2 * n),
            1 => format!(" through start + {} days keep {n} days", 2 * n),
            2 if !world.rows => format!(" keep {n} days"),
            _ => String::new(),
        };
        let requestable = match draw.below(4) {
            _ if world.rows && suffix.contains("keep") => "",
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
    let units: Vec<u64> = (0..15).map(|_| draw.below(3)).collect();
    let mut date = |from: i32, span: u64| {
        let first = prov::Date::from_ymd(from, 1, 1).expect("a day");
        prov::Date(first.0 + draw.below(span) as i32)
    };
    let mut out = String::from("id,unit,start,end,born,boss,stints,since\n");
    let born: Vec<prov::Date> = (0..6).map(|_| date(2007, 1000)).collect();
    let count = if world.rows { 15 } else { 6 };
    for (n, unit) in units.into_iter().enumerate().take(count) {
        let id = n % 6;
        let (start, end, born) = (date(2025, 700), date(2026, 700), born[id]);
        let (first, last) = (date(2026, 200), date(2026, 400));
        let boss = (id + n / 6 + 1) % 6;
        // No two rows of one day.
        let since = match n / 6 {
            0 => date(2025, 1),
            1 => date(2026, 190),
            _ => prov::Date(date(2026, 190).0 + 200),
        };
        let _ = writeln!(
            out,
            r#"{id},u{unit},{start},{end},{born},{boss},"[{{""first"": ""{first}"", ""last"": ""{last}""}}]",{since}"#
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
    let days = (0..=DAYS).map(|day| engine.days_later(at, day));
    one_by_one(engine, people, days, background).iter().map(|m| m.today.to_string()).collect()
}

/// The moments, of some, at which planning anew at each of them does something.
fn one_by_one(
    engine: &Engine,
    people: prov::PeopleAt<'_>,
    moments: impl Iterator<Item = Moment>,
    background: &Background,
) -> Vec<Moment> {
    let (mut actual, mut background) = (Actual::empty(), background.clone());
    let (mut found, mut states) = (Vec::new(), Vec::new());
    for (number, now) in moments.enumerate() {
        background.actual = Some(actual.state());
        let people = people(&now).expect("people");
        let desired = engine.evaluate_with(&people, &now, &background);
        let plan = engine.plan(&desired, &actual, &background.memory);
        let entered: Vec<_> = desired.ids().map(|id| desired.state(id).map(str::to_owned)).collect();
        if number > 0 && (!plan.is_empty() || entered != states) {
            found.push(now.clone());
        }
        background.memory = Arc::new(engine.memory_after(&desired, &actual, &background.memory, &plan));
        actual = actual.after(engine.policy(), &plan);
        states = entered;
    }
    found
}

/// A night in which clocks are changed: the zone, and the moment at which the day before begins there.
const NIGHTS: [(&str, &str); 6] = [
    ("Europe/Paris", "2026-03-28"),
    ("Europe/Paris", "2026-10-24"),
    ("America/New_York", "2026-03-07"),
    ("America/New_York", "2026-10-31"),
    ("Australia/Melbourne", "2026-04-04"),
    ("Australia/Melbourne", "2026-10-03"),
];

/// Guests whose time is a matter of hours.
fn guests(draw: &mut Draw, zone: &str, night: &str) -> String {
    let mut out = format!(
        "timezone \"{zone}\"
identity person {{ id : string key  end : instant? }}
identity guest {{ id : string key  host : person? inverse guests  since : instant  day : date  of : enum(globex, initech, hooli) }}
source hr of person authoritative {{}}
source invitations of guest authoritative {{}}
lifecycle person {{ state gone when end is present and end <= now {{ leaver }}  state here otherwise }}
lifecycle guest {{ state out {{ leaver  delete accounts after 1 day }}  state active otherwise }}
app wiki via scim {{ account for guest {{ login = id }}  managed all  entitlement space(text) }}
app rota via file {{ managed all  entitlement host(text) }}
birthright hosts for person when any g in guests where (g.state == active) {{ grant rota.host(\"any\") keep {} hours }}
birthright welcome for guest {{
    grant wiki.space(\"welcome\")
    grant wiki.space(\"night\") from day at 0{}:30 until day + 1 day at 0{}:00 in \"Europe/Paris\"
}}
",
        draw.below(30),
        draw.below(4),
        draw.below(6)
    );
    for of in ["globex", "initech", "hooli"] {
        let n = draw.below(40) + 1;
        let (hours, half) = (draw.below(4), ["00", "30"][draw.below(2) as usize]);
        let clause = match draw.below(6) {
            0 => format!("expires after {n} hours from since"),
            1 => format!("expires after {} days from since", n % 3 + 1),
            2 => format!("expires after {} days from day at 0{hours}:{half}", n % 2 + 1),
            3 => format!("admit when day at 0{hours}:{half} <= now"),
            4 => format!("through {night} at 0{hours}:{half}"),
            _ => format!("until {night} + {} days", n % 2 + 1),
        };
        let sponsor = if draw.below(2) == 0 { "sponsor = host  " } else { "" };
        let _ = writeln!(out, "federation {of} of guest when of == {of} {{ {sponsor}{clause} }}");
    }
    out
}

#[test]
fn around_the_nights_in_which_clocks_change_the_schedule_knows_every_half_hour() {
    const STEPS: i64 = 3 * 48;
    let folder = tempfile::tempdir().expect("a folder");
    let mut named = 0;
    for seed in 0..18 {
        let mut draw = Draw(seed);
        let (zone, night) = NIGHTS[seed as usize % NIGHTS.len()];
        let text = guests(&mut draw, zone, night);
        let policy = Policy::from_strings([("main.prov", text.as_str())]).expect("a policy");
        let engine = policy.compile(Backend::Auto).expect("an engine");
        let at = policy.at(night).expect("a day");
        let mut half_hour = |from: i64, steps: u64| {
            prov::Instant(at.now.0 + 1800 * (from + draw.below(steps) as i64)).to_string()
        };
        let mut hr = String::from("id,end\n");
        for id in 0..4 {
            let end = if id < 3 { half_hour(0, STEPS as u64) } else { String::new() };
            let _ = writeln!(hr, "{id},{end}");
        }
        let mut invited = String::from("id,host,since,day,of\n");
        for id in 0..6 {
            let since = half_hour(-40, STEPS as u64);
            let day = prov::Date(at.today.0 + (id % 3) - 1);
            let of = ["globex", "initech", "hooli"][id as usize % 3];
            let _ = writeln!(invited, "g{id},{},{since},{day},{of}", id % 4);
        }
        let mut sources = std::collections::BTreeMap::new();
        for (name, rows) in [("hr", &hr), ("invitations", &invited)] {
            let file = folder.path().join(format!("{name}.csv"));
            std::fs::write(&file, rows).expect("a file");
            sources.insert(name.to_owned(), file);
        }
        let wiring = Wiring { sources, ..Wiring::default() };
        let load = |at: &Moment| Population::load(&policy, &wiring, at);
        assert_eq!(load(&at).expect("people").rejections(), []);
        let moment = |step: i64| Moment::at_instant(prov::Instant(at.now.0 + 1800 * step), at.zone.clone());
        let (actual, background) = (Actual::empty(), Background::default());
        let coming = engine.schedule_with(&load, &actual, &at, &moment(STEPS), &background).expect("people");
        let out = |c: &prov::StateChange| c.to.as_deref() == Some("out");
        let by_a_federation =
            |c: &prov::StateChange| c.because.iter().any(|b| b.kind == prov_model::RuleKind::Federation);
        assert!(coming.iter().flat_map(|c| &c.states).filter(|c| out(c)).all(by_a_federation), "seed {seed}");
        // What holds through a moment turns right after it, which is seen at the next half hour.
        let seen = |now: prov::Instant| match now.0.rem_euclid(1800) {
            1 => prov::Instant(now.0 + 1799),
            _ => now,
        };
        let mut schedule: Vec<String> = coming.iter().map(|c| seen(c.at.now).to_string()).collect();
        schedule.dedup();
        let steps = (0..=STEPS).map(moment);
        let clock: Vec<String> =
            one_by_one(&engine, &load, steps, &background).iter().map(|m| m.now.to_string()).collect();
        assert_eq!(schedule, clock, "seed {seed}\n{text}\n{hr}\n{invited}");
        named += schedule.len();
    }
    assert!(named > 100, "{named} moments");
}

#[test]
fn something_changes_on_exactly_the_days_that_the_schedule_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut named, mut rows_seen, mut kept, mut given) = (0, 0, 0, 0);
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
        kept += usize::from(world.rows && text.contains(" keep "));
    }
    // A schedule that is empty agrees with anything.
    assert!(named > 200 && rows_seen > 3 && given > 20, "{named} days, {rows_seen} with rows, {given} given");
    assert!(kept > 2, "{kept} cases keep something with rows of a later day");
}
