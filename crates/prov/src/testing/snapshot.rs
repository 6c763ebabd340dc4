//! Plans that are kept beside the tests and compared: files in the format of `insta`, so that its tools read them too.
//! Invariant: what is kept follows from the plan alone; nothing is written unless the caller asked for it.

use super::diff;
use super::world::{World, shown};
use super::{Failure, Snapshots};
use crate::error::Error;
use crate::policy::Policy;
use prov_compile::testing::{Expectation, StatementKind, Test};
use prov_diag::{Diagnostic, Span, codes};
use prov_plan::human::{HumanOptions, write};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A snapshot that waits for a review.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The file that holds what was found.
    pub path: PathBuf,
    /// How it differs from what was kept.
    pub diff: String,
    /// The test, by its file and name, as the snapshot names it.
    pub source: String,
}

/// The text of a step's plans: those that do something, or find what the plan before did not; the last, where none does.
fn text(world: &World<'_>) -> String {
    let options = HumanOptions { limit: usize::MAX, stable: true, ..HumanOptions::default() };
    let mut found = &[][..];
    let mut chosen = Vec::new();
    for (moment, plan) in &world.plans {
        if !plan.is_empty() || plan.findings != found {
            chosen.push((moment, plan));
        }
        found = &plan.findings;
    }
    if chosen.is_empty() {
        chosen.extend(world.plans.last().map(|(moment, plan)| (moment, plan)));
    }
    let mut out = Vec::new();
    for (i, (moment, plan)) in chosen.into_iter().enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        // At another hour than midnight the head does not say all.
        if shown(moment) != moment.today.to_string() {
            out.extend(format!("At {}\n", shown(moment)).bytes());
        }
        write(plan, &options, &mut out).expect("writing to memory does not fail");
    }
    let text = String::from_utf8_lossy(&out);
    text.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

/// A test's name as a file has it.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            c if c.is_alphanumeric() => out.extend(c.to_lowercase()),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// The file of a snapshot. Of tests whose names are spelled alike, each has a mark of its own.
fn path(policy: &Policy, test: &Test, number: u32) -> PathBuf {
    let file = Path::new(&policy.sources().get(test.head.source).name);
    let stem = file.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let mut name = slug(&test.name);
    let alike = |t: &&Test| t.head.source == test.head.source && slug(&t.name) == name;
    if policy.0.tests.tests.iter().filter(alike).count() > 1 {
        let hash = Sha256::digest(&test.name);
        name = format!("{name}-{:02x}{:02x}", hash[0], hash[1]);
    }
    if number > 1 {
        name = format!("{name}-{number}");
    }
    let folder = file.parent().unwrap_or(Path::new("")).join("snapshots");
    policy.dir().join(folder).join(format!("{stem}__{name}.snap"))
}

fn waiting(path: &Path) -> PathBuf {
    path.with_extension("snap.new")
}

/// What stands behind the head of a snapshot.
fn content(file: &str) -> &str {
    let file = file.trim_start_matches('\u{feff}');
    let Some(rest) = file.strip_prefix("---\n") else { return file };
    rest.split_once("\n---\n").map_or(file, |(_, content)| content)
}

fn whole(policy: &Policy, test: &Test, text: &str) -> String {
    let source = &policy.sources().get(test.head.source).name;
    let name = serde_json::Value::from(test.name.as_str());
    format!("---\nsource: {source}\nexpression: {name}\n---\n{text}")
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = path.with_extension("snap.tmp");
    fs::write(&draft, text)?;
    fs::rename(draft, path)
}

/// Compares the plans of the step with what was kept.
pub(super) fn check(world: &World<'_>, number: u32, span: Span, mode: Snapshots) -> Option<Failure> {
    let policy = world.policy();
    let (path, found) = (path(policy, world.test, number), text(world));
    let kept = fs::read_to_string(&path).ok();
    let old = kept.as_deref().map(|k| content(&k.replace("\r\n", "\n")).to_owned());
    if old.as_deref().is_some_and(|old| old.trim_end() == found.trim_end()) {
        if mode != Snapshots::Compare {
            let _ = fs::remove_file(waiting(&path));
        }
        return None;
    }
    let file = whole(policy, world.test, &found);
    let failed = match mode {
        Snapshots::Compare => None,
        Snapshots::Pend => put(&waiting(&path), &file).err(),
        Snapshots::Accept => {
            let done = put(&path, &file);
            let _ = fs::remove_file(waiting(&path));
            if done.is_ok() {
                return None;
            }
            done.err()
        }
    };
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let wrong = match &old {
        Some(_) => format!("the plan is not as `{name}` says"),
        None => format!("there is no snapshot `{name}` yet"),
    };
    let help = match failed {
        Some(e) => format!("and it could not be written: {e}"),
        None => "look at it with `prov test --review`; `prov test --accept` takes all of them".to_owned(),
    };
    let diagnostic = Diagnostic::new(&codes::EXPECTATION_FAILED, wrong).at(span, "differs").help(help);
    let diff = diff::lines(old.as_deref().unwrap_or(""), &found);
    Some(Failure { diagnostic, explanation: String::new(), diff: Some(diff) })
}

/// The files of all snapshots that the tests of a policy name.
fn named(policy: &Policy) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    for test in &policy.0.tests.tests {
        for statement in &test.statements {
            if let StatementKind::Expect(Expectation::Snapshot(number)) = &statement.kind {
                paths.insert(path(policy, test, *number));
            }
        }
    }
    paths
}

/// Files of the folders in which snapshots of this policy stand, by their end.
fn files(policy: &Policy, end: &str) -> Vec<PathBuf> {
    if policy.dir().as_os_str().is_empty() {
        return Vec::new();
    }
    let folders: BTreeSet<PathBuf> = (policy.0.modules.iter())
        .filter_map(|m| Path::new(&policy.sources().get(m.source).name).parent())
        .map(|below| policy.dir().join(below).join("snapshots"))
        .collect();
    let mut found: Vec<PathBuf> = folders
        .iter()
        .filter_map(|f| fs::read_dir(f).ok())
        .flat_map(|entries| entries.filter_map(|e| Some(e.ok()?.path())))
        .filter(|p| p.to_string_lossy().ends_with(end))
        .collect();
    found.sort();
    found
}

/// Snapshots that no test names any more.
pub fn unreferenced(policy: &Policy) -> Vec<PathBuf> {
    let named = named(policy);
    files(policy, ".snap").into_iter().filter(|p| !named.contains(p)).collect()
}

/// Snapshots that wait for a review, in order of file.
pub fn pending(policy: &Policy) -> Vec<Pending> {
    let read = |path: PathBuf| {
        let new = fs::read_to_string(&path).ok()?;
        let old = fs::read_to_string(path.with_extension("")).unwrap_or_default();
        let head = |key: &str| {
            let line = new.lines().skip(1).take_while(|l| *l != "---").find_map(|l| l.strip_prefix(key));
            line.unwrap_or("").trim().trim_matches('"').to_owned()
        };
        let source = format!("{}: {}", head("source:"), head("expression:"));
        Some(Pending { diff: diff::lines(content(&old), content(&new)), source, path })
    };
    files(policy, ".snap.new").into_iter().filter_map(read).collect()
}

/// Makes what was found the snapshot.
///
/// # Errors
/// [`Error::Io`] where the file can't be moved.
pub fn accept(pending: &Pending) -> Result<(), Error> {
    fs::rename(&pending.path, pending.path.with_extension(""))
        .map_err(|source| Error::Io { path: pending.path.clone(), source })
}

/// Throws what was found away.
///
/// # Errors
/// [`Error::Io`] where the file can't be removed.
pub fn reject(pending: &Pending) -> Result<(), Error> {
    fs::remove_file(&pending.path).map_err(|source| Error::Io { path: pending.path.clone(), source })
}
