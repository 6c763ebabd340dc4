//! The head of a case: `//!` lines that say what it is about and what is expected.
//! Invariant: every line of the head is in a directive or in the title.

use std::fmt;
use std::path::{Path, PathBuf};

/// A case: one file.
#[derive(Debug)]
pub struct Case {
    /// Where it lies.
    pub path: PathBuf,
    /// The name of the file without its end.
    pub name: String,
    /// All of its text.
    pub text: String,
    /// What it is about: the lines before the first directive.
    pub title: String,
    /// What it says, in order.
    pub directives: Vec<Directive>,
}

/// `word argument: value`, or `word argument:` with a block of lines that are set in by two blanks.
#[derive(Debug)]
pub struct Directive {
    /// The line it stands in, from 1.
    pub line: usize,
    /// The first word.
    pub word: String,
    /// What stands between the word and the colon.
    pub argument: String,
    /// What stands behind the colon.
    pub value: String,
    /// The block.
    pub block: Vec<String>,
}

impl Directive {
    /// The block as a file.
    pub fn file(&self) -> String {
        self.block.iter().map(|l| format!("{l}\n")).collect()
    }
}

/// A head that can't be read.
#[derive(Debug)]
pub struct BadHead(String);

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The words that begin a directive.
const WORDS: &[&str] = &[
    "next",
    "at",
    "data",
    "as_of",
    "table",
    "catalog",
    "zone",
    "actual",
    "assignments",
    "exceptions",
    "memory",
    "expect",
    "explain",
    "holds",
    "gives",
    "plan",
    "because",
    "found",
    "told",
    "apply",
    "remembers",
    "trips",
    "guards",
];

/// Reads a case.
pub fn read(path: &Path) -> Result<Case, BadHead> {
    let fail = |line: usize, why: &str| BadHead(format!("{}:{line}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| fail(1, &e.to_string()))?;
    let mut title = String::new();
    let mut directives: Vec<Directive> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let Some(rest) = line.strip_prefix("//!") else { break };
        let number = i + 1;
        if let Some(row) = rest.strip_prefix("   ") {
            let Some(last) = directives.last_mut() else {
                return Err(fail(number, "a block before any directive"));
            };
            last.block.push(row.to_owned());
            continue;
        }
        let rest = rest.trim();
        let word = rest.split([' ', ':']).next().unwrap_or("");
        if !WORDS.contains(&word) {
            if !directives.is_empty() {
                return Err(fail(number, &format!("`{word}` is no directive")));
            }
            title = format!("{title} {rest}").trim().to_owned();
            continue;
        }
        let after = rest[word.len()..].trim();
        // `holds` and `gives` hold an expression, which may have colons.
        let (argument, value) = if matches!(word, "holds" | "gives") {
            after.rsplit_once(" -> ").ok_or_else(|| fail(number, "there is no ` -> `"))?
        } else if after.is_empty() && word == "apply" {
            ("", "")
        } else if word == "explain" && after.ends_with(':') {
            after.rsplit_once(':').ok_or_else(|| fail(number, "there is no `:`"))?
        } else if matches!(word, "expect" | "next") && after.contains(": ") && !after.starts_with(':') {
            // An id may have a colon: `person:7`.
            after.split_once(": ").ok_or_else(|| fail(number, "there is no `: `"))?
        } else {
            after.split_once(':').ok_or_else(|| fail(number, "there is no `:`"))?
        };
        directives.push(Directive {
            line: number,
            word: word.to_owned(),
            argument: argument.trim().to_owned(),
            value: value.trim().to_owned(),
            block: Vec::new(),
        });
    }
    let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Case { path: path.to_owned(), name, text, title, directives })
}

/// All cases of a folder in order of name. A file that is none is an error: it would be forgotten.
pub fn all(dir: &Path) -> Result<Vec<Case>, Vec<BadHead>> {
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(dir) {
        Ok(entries) => entries.filter_map(|e| Some(e.ok()?.path())).collect(),
        Err(e) => return Err(vec![BadHead(format!("{}: {e}", dir.display()))]),
    };
    paths.sort();
    let (mut cases, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        if path.extension().is_none_or(|e| e != "prov") {
            errors.push(BadHead(format!("{}: a case ends in `.prov`", path.display())));
            continue;
        }
        match read(&path) {
            Ok(case) => cases.push(case),
            Err(e) => errors.push(e),
        }
    }
    if errors.is_empty() { Ok(cases) } else { Err(errors) }
}
