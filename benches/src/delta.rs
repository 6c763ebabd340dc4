//! A day of changes, one person at a time, in a session: how long each takes, from the cells of a row to explained actions.
//! Invariant: what the session told of each person last is compared with a plan of everyone at the day's end before any
//! time is printed.

use crate::draw::Draws;
use crate::{Error, io};
use prov::{ActionView, Actual, Backend, Background, Live, Policy, Population, RowChange, Wiring};
use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// What is told of a person: the ids of their actions, in order.
type Told = BTreeMap<String, Vec<String>>;

fn wrong(e: impl std::fmt::Display) -> Error {
    Error::Other(e.to_string())
}

/// Runs a day of so many changes on the people of a folder that `write` or `write-company` made.
///
/// # Errors
/// Where the folder can't be read, a change is refused, or the session and a plan of everyone say different things.
pub fn delta(dir: &Path, changes: u32, seed: u64) -> Result<String, Error> {
    let policy = Policy::load(dir.join("policy")).map_err(wrong)?;
    let engine = policy.compile(Backend::Auto).map_err(wrong)?;
    let at = policy.at("2026-11-23").map_err(wrong)?;
    let file = dir.join("people.csv");
    let mut wiring = Wiring::default();
    wiring.sources.insert("hr".to_owned(), file.clone());
    if dir.join("jobs.csv").is_file() {
        wiring.sources.insert("contracts".to_owned(), dir.join("jobs.csv"));
    }
    let actual = Actual::load(&policy, dir.join("actual")).map_err(wrong)?;
    let text = fs::read_to_string(&file).map_err(io(&file))?;
    let (columns, mut rows) = table(&text)?;
    let begun = Instant::now();
    let mut live = Live::open(&engine, &wiring, &at, &Background::default(), &actual).map_err(wrong)?;
    let opened = begun.elapsed();
    let mut known = told(live.opening().actions());

    let mut draws = Draws::new(seed, 77);
    let mut below = |n: usize| (draws.draw() % n.max(1) as u64) as usize;
    let (mut alone, mut with) = (Vec::new(), Vec::new());
    let mut actions = 0;
    for _ in 0..changes {
        let (one, other) = (below(rows.len()), below(rows.len()));
        let column = 1 + below(columns.len() - 1);
        let cell = rows[other][column].clone();
        rows[one][column] = cell;
        let row: Vec<(&str, &str)> =
            columns.iter().map(String::as_str).zip(rows[one].iter().map(String::as_str)).collect();
        let change = RowChange::put("hr", &row);
        let begun = Instant::now();
        let changes = live.apply_change(&change).map_err(wrong)?;
        // Explained: each action with the rules that are its cause.
        actions += changes.actions().map(|a| black_box(a.because()).len().min(1)).sum::<usize>();
        let took = begun.elapsed();
        if changes.people().len() > 1 { &mut with } else { &mut alone }.push(took);
        let mut of = told(changes.actions());
        for id in changes.people() {
            match of.remove(id) {
                Some(list) => drop(known.insert(id.clone(), list)),
                None => drop(known.remove(id)),
            }
        }
    }

    let evening = dir.join("evening.csv");
    fs::write(&evening, csv(&columns, &rows)).map_err(io(&evening))?;
    wiring.sources.insert("hr".to_owned(), evening);
    let people = Population::load(&policy, &wiring, &at).map_err(wrong)?;
    let begun = Instant::now();
    let planned = engine.plan_people(&people, &actual, &at, &Background::default());
    let full = begun.elapsed();
    let wanted = told(planned.plan().actions());
    if let Some(id) = wanted.keys().chain(known.keys()).find(|id| wanted.get(*id) != known.get(*id)) {
        let (a, b) = (wanted.get(id), known.get(id));
        return Err(Error::Other(format!("`{id}`: a plan of everyone says {a:?}, the session {b:?}")));
    }
    let verdicts = |all: &[prov::Verdict]| -> Vec<(String, bool, u64)> {
        all.iter().map(|v| (v.guard.clone(), v.tripped, v.count)).collect()
    };
    if verdicts(&planned.plan().header.guards) != verdicts(&live.guards()) {
        return Err(Error::Other("guards say something else of the session than of everyone".into()));
    }
    let mut out = format!(
        "{} people, {} rules, {changes} changes, {actions} actions told: equal to a plan of everyone ({} actions)\n\
         opened in {:.2} s; evaluation and plan of everyone {:.2} s\n",
        rows.len(),
        policy.program().rules.len(),
        planned.plan().len(),
        opened.as_secs_f64(),
        full.as_secs_f64(),
    );
    out += &line("one person", &mut alone);
    out += &line("with dependents", &mut with);
    Ok(out)
}

fn told<'a>(actions: impl Iterator<Item = ActionView<'a>>) -> Told {
    let mut out = Told::new();
    for action in actions {
        out.entry(action.identity().to_owned()).or_default().push(action.id().to_string());
    }
    out
}

fn line(what: &str, times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1)) - 1;
        times.get(place).map_or(0.0, |t| t.as_secs_f64() * 1e6)
    };
    format!(
        "{what}: {} changes, µs: p50 {:.1}, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1}\n",
        times.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    )
}

/// Columns and rows of a file that the workloads write: cells hold no line ends.
fn table(text: &str) -> Result<(Vec<String>, Vec<Vec<String>>), Error> {
    let mut lines = text.lines().map(cells);
    let columns = lines.next().ok_or_else(|| Error::Other("the people have no columns".into()))?;
    let rows: Vec<Vec<String>> = lines.collect();
    if rows.is_empty() || rows.iter().any(|r| r.len() != columns.len()) {
        return Err(Error::Other("the people are no table".into()));
    }
    Ok((columns, rows))
}

fn cells(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => {
                if let Some(cell) = out.last_mut() {
                    cell.push(c);
                }
            }
        }
    }
    out
}

fn csv(columns: &[String], rows: &[Vec<String>]) -> String {
    let line =
        |cells: &[String]| cells.iter().map(|c| format!("\"{c}\"")).collect::<Vec<_>>().join(",") + "\n";
    line(columns) + &rows.iter().map(|r| line(r)).collect::<String>()
}
