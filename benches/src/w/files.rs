//! Workload W as files: people, policy, actual state, answer; and whether a plan is that answer.
//! Invariant: written as it is made, a few chunks in memory.

use super::Cell;
use super::answers::{Answer, Pairs, chunks, key};
use super::people::{Person, Rows, date};
use super::policy::{kind_name, policy};
use super::rules::{Rules, rules_json};
use super::words::{Attribute, words};
use crate::{Error, io};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

const HEAD: &str = "id,employment_type,status,department,job_title,job_level,location,country,legal_entity,cost_center,\
                    manager_id,hire_date,end_date,skills\n";
/// Rows that one thread makes at once.
const ROWS: usize = 1 << 14;

/// Writes a cell into a folder: `people.csv`, `policy/`, `actual/` with its entitlements by name, `pairs.csv` with the same
/// by number for peers, `rules.json` for those too, and `expected.json` with the answer.
///
/// # Errors
/// Where a file can't be written.
pub fn write(cell: Cell, dir: &Path) -> Result<Answer, Error> {
    let rules = Rules::new(cell.rules, cell.seed);
    for folder in [dir.to_owned(), dir.join("policy"), dir.join("actual")] {
        fs::create_dir_all(&folder).map_err(io(&folder))?;
    }
    let whole = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).map_err(io(path))
    };
    whole("rules.json", &rules_json(&rules))?;
    whole("policy/workload.prov", &policy(&rules))?;
    whole("policy/prov.toml", "name = \"workload\"\nedition = \"2026\"\n")?;
    whole("actual/accounts.csv", "app,account,identity,enabled\n")?;
    people(cell, &dir.join("people.csv"))?;
    let answer = actual(cell, &rules, dir)?;
    // Last, so that a folder with an answer is a whole one.
    let text = serde_json::to_string_pretty(&answer).map_err(|e| Error::Other(e.to_string()))?;
    whole("expected.json", &(text + "\n"))?;
    Ok(answer)
}

fn people(cell: Cell, path: &Path) -> Result<(), Error> {
    let rows = Rows::new(cell.seed);
    let mut out = BufWriter::new(File::create(path).map_err(io(path))?);
    out.write_all(HEAD.as_bytes()).map_err(io(path))?;
    let starts: Vec<u32> = (0..cell.people).step_by(ROWS).collect();
    for some in starts.chunks(4 * rayon::current_num_threads().max(1)) {
        let made: Vec<Vec<u8>> = some
            .par_iter()
            .map(|lo| {
                let mut text = Vec::with_capacity(ROWS * 128);
                for id in *lo..cell.people.min(lo + ROWS as u32) {
                    row(&rows.today(id), &mut text);
                }
                text
            })
            .collect();
        for text in made {
            out.write_all(&text).map_err(io(path))?;
        }
    }
    out.flush().map_err(io(path))
}

fn row(person: &Person, out: &mut Vec<u8>) {
    number(person.id, out);
    for attribute in Attribute::ALL {
        out.push(b',');
        out.extend_from_slice(words().of(attribute)[usize::from(person.code(attribute))].as_bytes());
        if attribute == Attribute::JobTitle {
            out.push(b',');
            number(u32::from(person.level), out);
        }
    }
    out.push(b',');
    if let Some(manager) = person.manager {
        number(manager, out);
    }
    for day in [Some(person.hire), person.end] {
        out.push(b',');
        if let Some(day) = day {
            let (y, m, d) = date(day);
            let digit = |n: u32| b'0' + (n % 10) as u8;
            number(y as u32, out);
            out.extend_from_slice(&[b'-', digit(m / 10), digit(m), b'-', digit(d / 10), digit(d)]);
        }
    }
    for (i, skill) in person.skills().enumerate() {
        out.push(if i == 0 { b',' } else { b';' });
        out.extend_from_slice(words().skills[usize::from(skill)].as_bytes());
    }
    if person.skills().next().is_none() {
        out.push(b',');
    }
    out.push(b'\n');
}

fn number(mut n: u32, out: &mut Vec<u8>) {
    let (mut digits, mut at) = ([0u8; 10], 10);
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn actual(cell: Cell, rules: &Rules, dir: &Path) -> Result<Answer, Error> {
    let (named, numbered) = (dir.join("actual/entitlements.csv"), dir.join("pairs.csv"));
    let mut names = BufWriter::with_capacity(1 << 20, File::create(&named).map_err(io(&named))?);
    let mut numbers = BufWriter::with_capacity(1 << 20, File::create(&numbered).map_err(io(&numbered))?);
    names.write_all(b"app,identity,kind,value\n").map_err(io(&named))?;
    numbers.write_all(b"id,ent\n").map_err(io(&numbered))?;
    let after: Vec<String> =
        rules.entitlements.iter().map(|e| format!(",{},{}\n", kind_name(e.kind), e.value)).collect();
    let (mut text, mut pairs) = (Vec::new(), Vec::new());
    let sets = chunks(cell, rules, |chunk| {
        text.clear();
        pairs.clear();
        for key in chunk.actual {
            let (person, entitlement) = ((key >> 32) as u32, key as u32);
            text.extend_from_slice(rules.entitlements[entitlement as usize].target.as_bytes());
            text.push(b',');
            number(person, &mut text);
            text.extend_from_slice(after[entitlement as usize].as_bytes());
            number(person, &mut pairs);
            pairs.push(b',');
            number(entitlement, &mut pairs);
            pairs.push(b'\n');
        }
        names.write_all(&text).map_err(io(&named))?;
        numbers.write_all(&pairs).map_err(io(&numbered))
    })?;
    names.flush().map_err(io(&named))?;
    numbers.flush().map_err(io(&numbered))?;
    Ok(Answer { n: cell.people, r: cell.rules, seed: cell.seed, sets })
}

#[derive(Deserialize)]
struct Line<'a> {
    action: Option<&'a str>,
    app: Option<&'a str>,
    identity: Option<&'a str>,
    #[serde(borrow)]
    entitlement: Option<Granted<'a>>,
}

#[derive(Deserialize)]
struct Granted<'a> {
    kind: &'a str,
    value: &'a str,
}

/// Grants and revokes of a plan in JSON Lines. Anything else that it does is an error, since there is nothing else to do.
///
/// # Errors
/// Where the file can't be read, or is no such plan.
pub fn check_plan(plan: &Path, rules: &Rules) -> Result<(Pairs, Pairs), Error> {
    let numbers = rules.entitlements.iter().enumerate();
    let numbers: HashMap<(&str, &str, &str), u32> =
        numbers.map(|(i, e)| ((e.target, kind_name(e.kind), e.value.as_str()), i as u32)).collect();
    let mut file = BufReader::with_capacity(1 << 20, File::open(plan).map_err(io(plan))?);
    let (mut text, mut grants, mut revokes) = (String::new(), Pairs::default(), Pairs::default());
    loop {
        text.clear();
        if file.read_line(&mut text).map_err(io(plan))? == 0 {
            return Ok((grants, revokes));
        }
        let odd = |why: &str| Error::Other(format!("a line of the plan {why}: {text}"));
        let line: Line<'_> = serde_json::from_str(&text).map_err(|e| odd(&format!("can't be read ({e})")))?;
        let set = match line.action {
            None => continue,
            Some("grant") => &mut grants,
            Some("revoke") => &mut revokes,
            Some(_) => return Err(odd("does what no rule asks for")),
        };
        let who = line.identity.and_then(|id| id.parse().ok());
        let what = line.app.zip(line.entitlement).and_then(|(app, e)| numbers.get(&(app, e.kind, e.value)));
        let (Some(who), Some(what)) = (who, what) else { return Err(odd("names what there is not")) };
        set.add(key(who, *what));
    }
}
