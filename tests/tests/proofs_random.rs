//! The solver against brute force: random policies, claims made of what stands in them, and people of all sorts. Nobody
//! may break what was proved.
//!
//! `SEED=` runs one case, `CASES=` so many. What is refuted needs no test here: no counterexample is given that the engine
//! has not confirmed.
//! Invariant: the share of each answer is told, since a solver that knows nothing would pass.

use prov::proof::{self, Verdict};
use prov::{Backend, Background, Population, Wiring};
use prov_tests::project::Project;
use prov_tests::random::{Case, Made, Rows};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// People that are added to those of a case, at most.
const MORE: usize = 100;
/// Claims of a case, at most.
const CLAIMS: usize = 12;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// Numbers that follow from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n.max(1)
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        if list.is_empty() { None } else { list.get(self.below(list.len())) }
    }
}

/// Rows whose cells come from different rows, under keys of their own.
fn mix(rows: &mut Rows, draw: &mut Draw) {
    let known = rows.rows.clone();
    if known.len() < 2 {
        return;
    }
    let distinct: Vec<bool> = (0..rows.columns.len())
        .map(|c| {
            let mut cells: Vec<&str> = known.iter().filter_map(|r| r.get(c)).map(String::as_str).collect();
            cells.sort_unstable();
            cells.dedup();
            cells.len() + 1 >= known.len() && !cells.contains(&"")
        })
        .collect();
    for n in 0..MORE {
        let row = (0..rows.columns.len()).map(|c| {
            let cell = draw.pick(&known).and_then(|r| r.get(c)).cloned().unwrap_or_default();
            match (distinct[c], cell.parse::<i64>()) {
                (true, Ok(_)) => format!("{}", 70_000 + n),
                (true, Err(_)) => format!("{cell}-{n}"),
                (false, _) => cell,
            }
        });
        let row = row.collect();
        rows.rows.push(row);
    }
}

/// Conditions over a type, by what its schema has and by what its rules ask.
struct Words {
    conditions: Vec<String>,
    held: Vec<String>,
}

fn words(made: &Made, ty: usize) -> Words {
    let policy = made.engine.policy();
    let schema = policy.schema();
    let def = &schema.identities[ty];
    let mut out = Words { conditions: Vec::new(), held: Vec::new() };
    for field in &def.attributes {
        let name = &field.name;
        if field.ty.is_optional() {
            out.conditions.push(format!("{name} is present"));
            continue;
        }
        match &field.ty {
            prov_model::Type::Enum(of) => {
                let variants = &schema.enums[of.index()].variants;
                out.conditions.extend(variants.iter().map(|v| format!("{name} == {v}")));
            }
            prov_model::Type::Bool => out.conditions.push(name.clone()),
            prov_model::Type::Int => out.conditions.push(format!("{name} > 2")),
            prov_model::Type::Date => out.conditions.push(format!("{name} < today")),
            prov_model::Type::Str | prov_model::Type::Text => {
                out.conditions.push(format!("{name} == \"a\""));
                out.conditions.push(format!("{name} starts with \"A\""));
            }
            _ => {}
        }
    }
    if let Some(lifecycle) = &def.lifecycle {
        out.conditions.extend(lifecycle.defs.iter().map(|s| format!("state == {}", s.name)));
    }
    let prefix = format!("{}:", def.name);
    for id in made.desired.ids() {
        if schema.identities.len() == 1 || id.starts_with(&prefix) {
            out.held.extend(made.desired.entitlements(id));
        }
    }
    let program = policy.program();
    for rule in program.rules.iter().filter(|r| r.identity.index() == ty) {
        out.held.push(schema.rule(rule.rule).name.clone());
    }
    for (app, kind, _) in &program.kinds {
        out.held.push(format!("{}.{}", schema.app(*app).name, schema.kind(*app, *kind).name));
    }
    out.held.sort();
    out.held.dedup();
    out
}

/// A claim, and the query that finds who breaks it.
struct Drawn {
    claim: String,
    query: String,
    ty: String,
}

fn claims(made: &Made, draw: &mut Draw) -> Vec<Drawn> {
    let policy = made.engine.policy();
    let schema = policy.schema();
    let mut out = Vec::new();
    let of: Vec<Words> = (0..schema.identities.len()).map(|ty| words(made, ty)).collect();
    // What a rule asks for, as it is written.
    let whens: Vec<(usize, String, String)> = (policy.program().rules.iter())
        .filter_map(|r| {
            let span = policy.program().expr(r.when?).span;
            let text = policy.sources().text(span).to_owned();
            Some((r.identity.index(), schema.rule(r.rule).name.clone(), text))
        })
        .collect();
    for _ in 0..CLAIMS {
        let ty = draw.below(of.len());
        let (words, name) = (&of[ty], schema.identities[ty].name.clone());
        let empty = String::from("true");
        let c = draw.pick(&words.conditions).unwrap_or(&empty).clone();
        let Some(e) = draw.pick(&words.held).cloned() else { continue };
        let f = draw.pick(&words.held).unwrap_or(&e).clone();
        let (claim, query) = match draw.below(8) {
            0 | 1 => (format!("never ({c} and has {e})"), format!("{c} and has {e}")),
            2 => (format!("({c}) means (has {e})"), format!("({c}) and not (has {e})")),
            3 => (format!("never (has {e} and has {f})"), format!("has {e} and has {f}")),
            4 => (format!("(has {e}) means ({c})"), format!("has {e} and not ({c})")),
            5 => (format!("(has {e}) means (has {f})"), format!("has {e} and not (has {f})")),
            6 => (format!("({c}) means (holds nothing)"), format!("({c}) and not (holds nothing)")),
            _ => {
                let mine: Vec<_> = whens.iter().filter(|w| w.0 == ty).collect();
                let Some((_, rule, when)) = draw.pick(&mine) else { continue };
                if draw.below(2) == 0 {
                    (format!("(has {rule}) means ({when})"), format!("has {rule} and not ({when})"))
                } else {
                    (format!("({when}) means (has {rule})"), format!("({when}) and not (has {rule})"))
                }
            }
        };
        out.push(Drawn { claim, query, ty: name });
    }
    out
}

/// How often each answer was given, or how somebody breaks what was proved.
fn run(seed: u64) -> Result<BTreeMap<&'static str, u64>, String> {
    let mut counts = BTreeMap::new();
    let case = Case::new(seed);
    let Ok(case) = case.with_whole_rows().with_world() else { return Ok(counts) };
    let Ok(made) = Made::of(&case) else { return Ok(counts) };
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let drawn = claims(&made, &mut draw);
    let mut wide = case.clone();
    for (_, rows) in &mut wide.sources {
        mix(rows, &mut draw);
    }
    let files = wide.all_files();
    let several = made.engine.policy().schema().identities.len() > 1;
    // A claim that does not pass its check (an absent value, a variant that is two) is not this test's business.
    let check = |claims: &[&Drawn]| -> Result<(Project, prov::Loaded), prov::Error> {
        let project = Project::new().map_err(|source| prov::Error::Io { path: "case".into(), source })?;
        let mut text = String::new();
        for drawn in claims {
            let whom = if several { format!("for {} ", drawn.ty) } else { String::new() };
            text += &format!("prove {whom}{}\n", drawn.claim);
        }
        for (name, content) in &files {
            // Beside the rules, where what they use is at hand.
            let content = if name == "main.prov" { format!("{content}\n{text}") } else { content.clone() };
            project.write(name, content).map_err(|source| prov::Error::Io { path: "case".into(), source })?;
        }
        let loaded = project.check()?;
        Ok((project, loaded))
    };
    let mut kept: Vec<&Drawn> = Vec::new();
    for one in &drawn {
        if check(&[one]).is_ok_and(|(_, loaded)| loaded.policy.is_some()) {
            kept.push(one);
        }
    }
    let Ok((project, loaded)) = check(&kept) else { return Ok(counts) };
    let Some(policy) = loaded.policy else { return Ok(counts) };
    let Ok(proofs) = proof::prove(&policy, &[]) else { return Ok(counts) };
    let Ok(engine) = policy.compile(Backend::Auto) else { return Ok(counts) };
    let engine = engine.with_threads(Some(1));
    let memory = prov::read_memory(&project.dir().join("memory.json")).unwrap_or_default();
    let memory = Background { memory: Arc::new(memory), ..Background::default() };
    for (proof, drawn) in proofs.iter().zip(&kept) {
        let answer = match &proof.verdict {
            Verdict::Proved { idle: true } => "idle",
            Verdict::Proved { idle: false } => "proved",
            Verdict::Refuted(_) => "refuted",
            Verdict::Unknown(_) => "unknown",
        };
        *counts.entry(answer).or_default() += 1;
        if std::env::var_os("SHOW").is_some() {
            println!("{answer} {}", proof.text);
        }
        if !proof.is_proved() {
            continue;
        }
        for days in [0i64, 1, -20, 45, -700, 4_000] {
            let now = prov_model::Instant(made.at.now.0 + days * 86_400);
            let at = prov::Moment::at_instant(now, made.at.zone.clone());
            let Ok(people) = Population::load(&policy, &Wiring::default(), &at) else { continue };
            for background in [&Background::default(), &memory] {
                let ty = several.then_some(drawn.ty.as_str());
                let Ok((ids, _)) = engine.query_with(&people, &drawn.query, ty, &at, background) else {
                    continue;
                };
                let desired = engine.evaluate_with(&people, &at, background);
                *counts.entry("people").or_default() += people.len() as u64;
                // Who is held as they are is not what claims speak of.
                if let Some(id) = ids.iter().find(|id| !desired.is_held(id)) {
                    let identity = people.identity(&policy, id).map_err(|e| format!("{e:?}"))?;
                    let why = engine.explain_with(&identity, None, &at, background);
                    let why = prov::explanation_text(&policy, &why, false);
                    let claim = &proof.text;
                    return Err(format!(
                        "seed {seed}: {claim}\nis proved, but {id} breaks it on {}\n{why}",
                        at.now
                    ));
                }
            }
        }
    }
    Ok(counts)
}

#[test]
fn nobody_breaks_what_is_proved() {
    let (from, count) = match (number("SEED"), number("CASES")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        (None, n) => (0, n.unwrap_or(if std::env::var_os("CI").is_some() { 200 } else { 8 })),
    };
    let next = AtomicU64::new(from);
    let told: Mutex<Vec<String>> = Mutex::default();
    let counts: Mutex<BTreeMap<&'static str, u64>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count || told.lock().is_ok_and(|t| t.len() > 2) {
                        break;
                    }
                    match run(seed) {
                        Ok(found) => {
                            if let Ok(mut counts) = counts.lock() {
                                for (answer, n) in found {
                                    *counts.entry(answer).or_default() += n;
                                }
                            }
                        }
                        Err(how) => {
                            if let Ok(mut told) = told.lock() {
                                told.push(how);
                            }
                        }
                    }
                }
            });
        }
    });
    let counts = counts.into_inner().expect("no thread panics");
    for (answer, n) in &counts {
        println!("{n:6}  {answer}");
    }
    let told = told.into_inner().expect("no thread panics");
    assert!(told.is_empty(), "{} cases are wrong\n\n{}", told.len(), told.join("\n\n"));
    if from == 0 && count >= 8 {
        let of = |answer| counts.get(answer).copied().unwrap_or_default();
        assert!(of("proved") >= count && of("refuted") >= count, "too few claims are decided: {counts:?}");
        assert!(of("unknown") < of("proved") + of("refuted"), "too many can't be told: {counts:?}");
    }
}
