//! The table: Prov and its peers on the cells of workload W, as whole processes. Invariant: no time is written of a run whose
//! answer was not the known one.

use crate::inside::Inside;
use crate::run::{Cost, Ended, Program, median};
use crate::w::{self, Answer, Cell, Pairs, Rules, date};
use crate::{Error, io};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What is to be measured, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// People and rules.
    pub cells: Vec<(u32, u32)>,
    /// How often Prov and each peer run in turn.
    pub pairs: usize,
    /// `duckdb`, `polars`.
    pub peers: Vec<String>,
    /// `auto`, `columns`, `interpreter`.
    pub backends: Vec<String>,
    /// `csv` or `parquet`: what Prov reads. Peers read Parquet.
    pub input: String,
    /// How long one run may take.
    pub limit: Duration,
    /// Where workloads and the peers' programs are kept.
    pub work: PathBuf,
    /// Where the table goes.
    pub results: PathBuf,
    /// The command `prov`.
    pub prov: PathBuf,
}

/// Someone who is measured: what to run, and where the answer will be.
struct Runner {
    name: String,
    program: Program,
    answer: PathBuf,
}

struct Row {
    who: String,
    costs: Vec<Cost>,
    /// Its CPU time over Prov's, pair by pair.
    ratios: Vec<f64>,
    note: Option<String>,
}

const PEERS: &[(&str, &str, &[&str])] = &[
    ("duckdb", "with_duckdb.py", &["union", "codes", "list"]),
    ("polars", "with_polars.py", &["filter", "codes"]),
];
const SCRIPTS: &[(&str, &str)] = &[
    ("common.py", include_str!("../peers/common.py")),
    ("convert.py", include_str!("../peers/convert.py")),
    ("with_duckdb.py", include_str!("../peers/with_duckdb.py")),
    ("with_polars.py", include_str!("../peers/with_polars.py")),
    ("requirements.txt", include_str!("../peers/requirements.txt")),
];
const DAY: &str = "2026-11-23";

/// Measures everything; the table is written anew after every cell. Gives its path.
///
/// # Errors
/// Where a workload can't be made, or Prov gives another answer than the known one. What goes wrong with a peer is written
/// into its row.
pub fn table(settings: &Settings) -> Result<PathBuf, Error> {
    for folder in [&settings.work, &settings.results] {
        fs::create_dir_all(folder).map_err(io(folder))?;
    }
    let peers = if settings.peers.is_empty() { None } else { peers(settings) };
    let path = settings.results.join(format!("{}-{}.md", today(), machine().0));
    let mut text = head(settings, peers.is_some());
    for (people, rules) in &settings.cells {
        let cell = Cell { people: *people, rules: *rules, seed: 1 };
        let rows = measure(settings, peers.as_deref(), cell)?;
        text += &shown(cell, &rows);
        text += &inside(settings, cell);
        fs::write(&path, &text).map_err(io(&path))?;
    }
    Ok(path)
}

fn say(what: &str) {
    eprintln!("{what}");
}

/// The Python that has the peers; none where it can't be had.
fn peers(settings: &Settings) -> Option<PathBuf> {
    let dir = settings.work.join("peers");
    let made = (|| -> Result<PathBuf, Error> {
        fs::create_dir_all(&dir).map_err(io(&dir))?;
        for (name, text) in SCRIPTS {
            let path = dir.join(name);
            fs::write(&path, text).map_err(io(path))?;
        }
        let python = dir.join("venv/bin/python");
        let wanted = dir.join("requirements.txt");
        let marker = dir.join("venv/installed.txt");
        let same = fs::read(&marker).ok() == fs::read(&wanted).ok();
        if !(python.is_file() && same) {
            say("peers: installing DuckDB and Polars");
            let hour = Duration::from_secs(3600);
            let venv: [OsString; 3] = ["-m".into(), "venv".into(), dir.join("venv").into()];
            Program::new("python3", venv).run(hour)?;
            let install: [OsString; 6] = [
                "-m".into(),
                "pip".into(),
                "install".into(),
                "-q".into(),
                "-r".into(),
                wanted.clone().into(),
            ];
            Program::new(&python, install).run(hour)?;
            fs::copy(&wanted, &marker).map_err(io(&marker))?;
        }
        Ok(python)
    })();
    made.inspect_err(|e| say(&format!("peers: left out, since they can't be had: {e}"))).ok()
}

/// Makes a cell's files, unless they are there, each in a process of its own: this one stays small.
fn prepare(settings: &Settings, python: Option<&Path>, cell: Cell, dir: &Path) -> Result<(), Error> {
    let long = Duration::from_secs(4 * 3600);
    if !dir.join("expected.json").is_file() {
        say(&format!("{} × {}: making the workload", cell.people, cell.rules));
        let own = std::env::current_exe().map_err(io("the program itself"))?;
        let (people, rules, seed) = (cell.people.to_string(), cell.rules.to_string(), cell.seed.to_string());
        let mut args: Vec<OsString> =
            ["write", "--people", &people, "--rules", &rules, "--seed", &seed].map(Into::into).to_vec();
        args.push(dir.into());
        Program::new(own, args).run(long)?;
    }
    let marker = dir.join("converted");
    if let Some(python) = python.filter(|_| !marker.is_file()) {
        say(&format!("{} × {}: making Parquet of it", cell.people, cell.rules));
        let args: [OsString; 2] = [settings.work.join("peers/convert.py").into(), dir.into()];
        Program::new(python, args).run(long)?;
        fs::write(&marker, "").map_err(io(&marker))?;
    }
    Ok(())
}

fn prov(settings: &Settings, backend: &str, dir: &Path) -> Runner {
    let answer = dir.join("plan.jsonl");
    let (people, actual) = match settings.input.as_str() {
        "parquet" => ("people.parquet", "actual-parquet"),
        _ => ("people.csv", "actual"),
    };
    let mut source = OsString::from("hr=");
    source.push(dir.join(people));
    let args: Vec<OsString> = vec![
        "plan".into(),
        dir.join("policy").into(),
        "--source".into(),
        source,
        "--actual".into(),
        dir.join(actual).into(),
        "--at".into(),
        DAY.into(),
        "--backend".into(),
        backend.into(),
        "--out".into(),
        answer.clone().into(),
    ];
    let program = Program { codes: &[0, 2, 3], ..Program::new(&settings.prov, args) };
    Runner { name: format!("Prov, {backend}"), program, answer }
}

fn peer(settings: &Settings, python: &Path, script: &str, name: String, form: &str, dir: &Path) -> Runner {
    let answer = dir.join("difference.csv");
    let args: [OsString; 4] =
        [settings.work.join("peers").join(script).into(), dir.into(), form.into(), answer.clone().into()];
    Runner { name, program: Program::new(python, args), answer }
}

/// Runs somebody and compares the answer; the cost only if it is the known one.
fn run(runner: &Runner, limit: Duration, answer: &Answer, rules: &Rules) -> Result<Cost, Error> {
    let _ = fs::remove_file(&runner.answer);
    match runner.program.run(limit)? {
        Ended::TooLong(limit) => Err(Error::Other(format!("over {} s", limit.as_secs()))),
        Ended::Well(cost) => {
            let jsonl = runner.answer.extension().is_some_and(|e| e == "jsonl");
            let found =
                if jsonl { w::check_plan(&runner.answer, rules)? } else { difference(&runner.answer)? };
            answer.compare(found)?;
            Ok(cost)
        }
    }
}

/// A peer's answer: lines of op, person, entitlement.
fn difference(path: &Path) -> Result<(Pairs, Pairs), Error> {
    let file = BufReader::new(fs::File::open(path).map_err(io(path))?);
    let (mut grants, mut revokes) = (Pairs::default(), Pairs::default());
    for line in file.lines().skip(1) {
        let line = line.map_err(io(path))?;
        let mut cells = line.split(',');
        let op = cells.next().unwrap_or_default().to_owned();
        let mut number = || cells.next().and_then(|n| n.parse().ok());
        let (Some(id), Some(ent)) = (number(), number()) else {
            return Err(Error::Other(format!("a peer's line can't be read: {line}")));
        };
        if op == "grant" { &mut grants } else { &mut revokes }.add(w::key(id, ent));
    }
    Ok((grants, revokes))
}

fn measure(settings: &Settings, python: Option<&Path>, cell: Cell) -> Result<Vec<Row>, Error> {
    let named = format!("{} × {}", cell.people, cell.rules);
    let dir = settings.work.join(format!("w_{}_{}_{}", cell.people, cell.rules, cell.seed));
    prepare(settings, python, cell, &dir)?;
    let (answer, rules) = (Answer::read(&dir)?, Rules::new(cell.rules, cell.seed));
    let mut rows: Vec<Row> = Vec::new();
    let first = prov(settings, settings.backends.first().map_or("auto", |b| b), &dir);
    let mut own = Row { who: first.name.clone(), costs: vec![], ratios: vec![], note: None };
    let one = |runner: &Runner, limit: Duration| {
        let cost = run(runner, limit, &answer, &rules)?;
        say(&format!("{named}: {}: {}", runner.name, told(&cost)));
        Ok::<Cost, Error>(cost)
    };
    // Once unmeasured, so that files and programs are in memory for everyone.
    one(&first, settings.limit)?;
    let mut others: Vec<(String, Runner)> = Vec::new();
    for backend in settings.backends.iter().skip(1) {
        let runner = prov(settings, backend, &dir);
        others.push((runner.name.clone(), runner));
    }
    for (name, script, forms) in PEERS.iter().filter(|p| settings.peers.iter().any(|n| n == p.0)) {
        let Some(python) = python else { continue };
        let mut best: Option<(Cost, Runner)> = None;
        let mut note = String::new();
        for form in *forms {
            let runner = peer(settings, python, script, format!("{name}, {form}"), form, &dir);
            match one(&runner, settings.limit) {
                Ok(cost) if best.as_ref().is_none_or(|b| cost.cpu < b.0.cpu) => best = Some((cost, runner)),
                Ok(_) => {}
                Err(e) => {
                    say(&format!("{named}: {name}, {form}: {e}"));
                    let _ = write!(note, "{}{form}: {e}", if note.is_empty() { "" } else { "; " });
                }
            }
        }
        match best {
            Some((_, runner)) => others.push((runner.name.clone(), runner)),
            None => {
                rows.push(Row { who: (*name).to_owned(), costs: vec![], ratios: vec![], note: Some(note) })
            }
        }
    }
    let mut measured: Vec<Row> = others
        .iter()
        .map(|(who, _)| Row { who: who.clone(), costs: vec![], ratios: vec![], note: None })
        .collect();
    for _ in 0..settings.pairs {
        if others.is_empty() {
            own.costs.push(one(&first, settings.limit)?);
        }
        for ((_, runner), row) in others.iter().zip(&mut measured) {
            let before = one(&first, settings.limit)?;
            own.costs.push(before);
            match one(runner, settings.limit) {
                Ok(cost) => {
                    row.costs.push(cost);
                    row.ratios.push(cost.cpu.as_secs_f64() / before.cpu.as_secs_f64().max(1e-9));
                }
                Err(e) => row.note = Some(e.to_string()),
            }
        }
    }
    rows.insert(0, own);
    rows.splice(1..1, measured);
    Ok(rows)
}

/// What engines within a process need for a person. Each runs in a process of its own; what goes wrong is written down.
fn inside(settings: &Settings, cell: Cell) -> String {
    let dir = settings.work.join(format!("w_{}_{}_{}", cell.people, cell.rules, cell.seed));
    let mut out = "\n| in memory, one thread | CPU a person | what |\n| --- | --- | --- |\n".to_owned();
    for who in crate::inside::names() {
        let path = dir.join("inside.json");
        let found = (|| {
            let own = std::env::current_exe().map_err(io("the program itself"))?;
            let args: [OsString; 5] =
                ["inside".into(), who.into(), dir.clone().into(), "--out".into(), path.clone().into()];
            let _ = fs::remove_file(&path);
            if let Ended::TooLong(limit) =
                Program::new(own, args).with("RAYON_NUM_THREADS", "1").run(settings.limit)?
            {
                return Err(Error::Other(format!("over {} s", limit.as_secs())));
            }
            let text = fs::read_to_string(&path).map_err(io(&path))?;
            serde_json::from_str::<Inside>(&text).map_err(|e| Error::Other(e.to_string()))
        })();
        let row = match &found {
            Ok(i) => format!("| {} | {:.3} µs | {}; {} people |", i.who, i.micros, i.what, i.people),
            Err(e) => format!("| {who} | – | {} |", e.to_string().replace(['|', '\n'], " ")),
        };
        say(&format!("{} × {}: {row}", cell.people, cell.rules));
        out += &row;
        out.push('\n');
    }
    out
}

fn told(cost: &Cost) -> String {
    let (cpu, wall) = (cost.cpu.as_secs_f64(), cost.wall.as_secs_f64());
    format!("{cpu:.2} s CPU, {wall:.2} s wall, {} MiB", cost.memory >> 20)
}

fn shown(cell: Cell, rows: &[Row]) -> String {
    let mut out = format!("\n## {} people × {} rules\n\n", cell.people, cell.rules);
    out +=
        "| | CPU | wall | peak memory | CPU against Prov | runs |\n| --- | --- | --- | --- | --- | --- |\n";
    for row in rows {
        let middle = |of: &dyn Fn(&Cost) -> f64| median(row.costs.iter().map(of));
        let seconds =
            |of: &dyn Fn(&Cost) -> f64| middle(of).map_or("–".to_owned(), |s| format!("{s:.2} s"));
        let memory =
            middle(&|c| c.memory as f64).map_or("–".to_owned(), |m| format!("{:.0} MiB", m / 1_048_576.0));
        let low = row.ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let high = row.ratios.iter().copied().fold(0.0, f64::max);
        let ratio = match (median(row.ratios.iter().copied()), &row.note) {
            (Some(m), None) => format!("{m:.1}× ({low:.1}–{high:.1})"),
            (_, Some(note)) => note.replace(['|', '\n'], " "),
            (None, None) => String::new(),
        };
        let (cpu, wall) = (seconds(&|c| c.cpu.as_secs_f64()), seconds(&|c| c.wall.as_secs_f64()));
        let _ = writeln!(out, "| {} | {cpu} | {wall} | {memory} | {ratio} | {} |", row.who, row.costs.len());
    }
    out
}

fn head(settings: &Settings, peers: bool) -> String {
    let (_, machine) = machine();
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let busy = busy.split(' ').next().unwrap_or("?").to_owned();
    let versions = if peers {
        let all: Vec<&str> = include_str!("../peers/requirements.txt").split_whitespace().collect();
        format!(" Peers: {}, Parquet in, the difference out as CSV, the best of their forms.", all.join(", "))
    } else {
        String::new()
    };
    format!(
        "# Workload W, whole processes\n\n{}, {machine}. Load when it began: {busy}. Medians; Prov and each peer ran in turn, {} \
         times each, and ratios are of CPU time within a pair: median (lowest–highest). Prov {} reads {}, and writes the plan with \
         its reasons as JSON Lines.{versions} Every answer was compared with the known one, by count and hash, before its time counted.\n",
        today(),
        settings.pairs,
        prov::VERSION,
        settings.input,
    )
}

/// For a file's name, and for a sentence: cores and memory, and nothing else.
fn machine() -> (String, String) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    let gib = kib.div_ceil(1 << 20);
    (format!("{cores}c-{gib}g"), format!("{cores} cores, {gib} GiB"))
}

fn today() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (y, m, d) = date((since.as_secs() / 86_400) as i32);
    format!("{y}-{m:02}-{d:02}")
}

/// Builds the command `prov` for release, and says where it is.
///
/// # Errors
/// Where it does not build.
pub fn build() -> Result<PathBuf, Error> {
    say("building prov");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--package", "prov-cli"])
        .status()
        .map_err(io("cargo"))?;
    let own = std::env::current_exe().map_err(io("the program itself"))?;
    let target = own.ancestors().nth(2).unwrap_or(Path::new("target"));
    let prov = target.join("release/prov");
    if status.success() && prov.is_file() {
        return Ok(prov);
    }
    Err(Error::Other(format!("there is no `{}`: build prov-cli, or name it with --prov", prov.display())))
}
