//! Policies to start from, for `prov new`: the files of each template, and how they are put into a directory.
//! Invariant: a directory gets all files of a template or none.

mod company;
mod random;

use std::fs;
use std::path::{Path, PathBuf};

/// A policy to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Template {
    /// One file, eight people.
    Minimal,
    /// A company of 1,200 people in three countries on a Monday morning.
    Company,
    /// A university: students who are also staff. It is the example `campus`.
    Campus,
}

/// Why a template could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is something in the directory already.
    #[error("`{}` is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The path is a file.
    #[error("`{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The file system would not.
    #[error("can't write `{}`: {}", .0.display(), .1)]
    Io(PathBuf, #[source] std::io::Error),
}

/// The day that the templates' data is made for.
pub const ANCHOR: &str = "2026-03-02";

/// The seed of the company's data: changing it changes every example that the docs show.
const SEED: u64 = 2026;

macro_rules! files {
    ($dir:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../templates/", $dir, "/", $path)))),*]
    };
}

static MINIMAL: &[(&str, &str)] = files!["minimal":
    "README.md", "acme.prov", "actual/accounts.csv", "actual/entitlements.csv", "data/hr.csv", "prov.toml",
    "tests.prov",
];

static COMPANY: &[(&str, &str)] = files!["company":
    "README.md", "apps.prov", "birthrights.prov", "catalogs/ad-group.csv", "catalogs/erp-role.csv", "guards.prov",
    "people.prov", "prov.toml", "roles.prov", "tables/departments.csv", "tables/sites.csv",
    "tests.prov",
];

macro_rules! example {
    ($dir:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../examples/", $dir, "/", $path)))),*]
    };
}

static CAMPUS: &[(&str, &str)] = example!["campus":
    "README.md", "actual/accounts.csv", "actual/entitlements.csv", "apps.prov", "controls.prov",
    "data/register.csv", "data/staff.csv", "data/studies.csv", "fixtures/actual/accounts.csv",
    "fixtures/actual/entitlements.csv", "fixtures/register.csv", "fixtures/register_banned.csv",
    "fixtures/register_staff.csv", "fixtures/staff.csv", "fixtures/staff_cut.csv", "fixtures/studies.csv",
    "fixtures/studies_cut.csv", "fixtures/studies_ended.csv", "memory.json", "people.prov", "prov.toml",
    "snapshots/tests_feed__a-joiner-s-accounts-attribute-by-attribute.snap", "staff.prov", "studies.prov",
    "tables/exceptions.csv", "tables/faculties.csv", "tests.prov", "tests_controls.prov", "tests_feed.prov",
];

impl Template {
    /// All templates.
    pub const ALL: [Template; 3] = [Template::Minimal, Template::Company, Template::Campus];

    /// Its name, as `--template` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Template::Minimal => "minimal",
            Template::Company => "company",
            Template::Campus => "campus",
        }
    }

    /// The template of a name.
    pub fn parse(name: &str) -> Option<Template> {
        Template::ALL.into_iter().find(|t| t.name() == name)
    }

    /// What it is, in a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Template::Minimal => "one page of policy, eight people, two apps",
            Template::Company => "1,200 people in three countries, ten apps, and the mess that real data has",
            Template::Campus => "a university of eighty people, students and staff and both, six apps",
        }
    }

    /// Its files: path below the directory, and content; in order of path.
    pub fn files(self) -> Vec<(&'static str, String)> {
        let fixed = |list: &[(&'static str, &str)]| list.iter().map(|(p, t)| (*p, (*t).to_owned())).collect();
        let mut files: Vec<(&'static str, String)> = match self {
            Template::Minimal => fixed(MINIMAL),
            Template::Company => fixed(COMPANY),
            Template::Campus => fixed(CAMPUS),
        };
        if self == Template::Company {
            files.extend(company::generate(SEED));
        }
        files.sort();
        files
    }
}

/// Writes a template into a directory that is empty or not there yet, and gives the paths of its files.
///
/// The files are written beside the directory first and put in place by one rename, so that nothing half-written stays
/// behind when it is cut short.
pub fn write(template: Template, dir: &Path) -> Result<Vec<PathBuf>, TemplateError> {
    let exists = is_empty_directory(dir)?;
    let absolute = std::path::absolute(dir).map_err(|e| TemplateError::Io(dir.to_owned(), e))?;
    let parent = absolute.parent().unwrap_or(&absolute).to_owned();
    fs::create_dir_all(&parent).map_err(|e| TemplateError::Io(parent.clone(), e))?;
    let name = absolute.file_name().map_or_else(|| "prov".into(), |n| n.to_string_lossy().into_owned());
    let draft = parent.join(format!(".{name}.{}.part", std::process::id()));
    let done = write_files(template, &draft).and_then(|()| place(&draft, &absolute, exists));
    if done.is_err() {
        // The reason that matters is the one we already have.
        let _ = fs::remove_dir_all(&draft);
    }
    done?;
    Ok(template.files().into_iter().map(|(path, _)| dir.join(path)).collect())
}

/// Whether there is a directory; it must be empty.
fn is_empty_directory(dir: &Path) -> Result<bool, TemplateError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => Err(TemplateError::NotEmpty(dir.to_owned())),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
            Err(TemplateError::NotADirectory(dir.to_owned()))
        }
        Err(e) => Err(TemplateError::Io(dir.to_owned(), e)),
    }
}

fn write_files(template: Template, draft: &Path) -> Result<(), TemplateError> {
    fs::create_dir(draft).map_err(|e| TemplateError::Io(draft.to_owned(), e))?;
    for (path, content) in template.files() {
        let file = draft.join(path);
        let folder = file.parent().unwrap_or(draft);
        fs::create_dir_all(folder).map_err(|e| TemplateError::Io(folder.to_owned(), e))?;
        fs::write(&file, content).map_err(|e| TemplateError::Io(file.clone(), e))?;
    }
    Ok(())
}

/// Puts the draft in place. An empty directory gives way to it, or, where it can't (it is the current one, or a mount
/// point), gets what is in the draft entry by entry.
fn place(draft: &Path, dir: &Path, exists: bool) -> Result<(), TemplateError> {
    if !exists || fs::remove_dir(dir).is_ok() {
        return fs::rename(draft, dir).map_err(|e| TemplateError::Io(dir.to_owned(), e));
    }
    let failed = |e| TemplateError::Io(dir.to_owned(), e);
    let mut moved = Vec::new();
    let all = fs::read_dir(draft).map_err(failed)?.try_for_each(|entry| {
        let entry = entry?;
        let to = dir.join(entry.file_name());
        fs::rename(entry.path(), &to)?;
        moved.push(to);
        Ok(())
    });
    if let Err(e) = all {
        for path in moved {
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
        return Err(failed(e));
    }
    fs::remove_dir(draft).map_err(failed)
}

#[cfg(test)]
mod tests;
