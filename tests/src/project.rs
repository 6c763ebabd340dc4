//! A policy's folder made of texts. Invariant: nothing of it is left once it is dropped.

use crate::case::Case;
use prov::{Error, Loaded, Policy};
use std::fs;
use std::io;
use std::path::Path;

/// A folder with a policy and its files.
pub struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// An empty folder.
    pub fn new() -> io::Result<Project> {
        Ok(Project { dir: tempfile::tempdir()? })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file below the folder.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let path = self.dir.path().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)
    }

    /// Loads the policy.
    pub fn check(&self) -> Result<Loaded, Error> {
        Policy::check(self.dir.path())
    }

    /// The folder of a case: its text as `NAME.prov`, what it lacks, its tables and catalogs, and a prov.toml that
    /// wires them.
    pub fn of_case(case: &Case, prelude: &[(&str, &str)]) -> io::Result<Project> {
        let project = Project::new()?;
        project.write(&format!("{}.prov", case.name), &case.text)?;
        for (name, text) in prelude {
            project.write(name, text)?;
        }
        let (mut sources, mut tables, mut catalogs) = (String::new(), String::new(), String::new());
        let mut head = String::from("name = \"case\"\n");
        for d in &case.directives {
            match d.word.as_str() {
                "data" => {
                    let (source, end) = source_file(&d.argument);
                    let line = format!("{source} = \"{source}.{end}\"\n");
                    if !sources.contains(&line) {
                        sources += &line;
                    }
                }
                "table" => {
                    let name = &d.argument;
                    tables += &format!("{name} = \"{name}.csv\"\n");
                    project.write(&format!("{name}.csv"), d.file())?;
                }
                "catalog" => {
                    let (app, kind) = d.argument.split_once('.').unwrap_or((&d.argument, ""));
                    catalogs += &format!("[catalogs.{app}]\n{kind} = \"{app}-{kind}.csv\"\n");
                    project.write(&format!("{app}-{kind}.csv"), d.file())?;
                }
                "zone" => head += &format!("timezone = \"{}\"\n", d.value),
                _ => {}
            }
        }
        project.write("prov.toml", format!("{head}[sources]\n{sources}[tables]\n{tables}{catalogs}"))?;
        Ok(project)
    }
}

/// `hr` or `hr jsonl`: a source, and how its file ends.
pub fn source_file(argument: &str) -> (&str, &str) {
    argument.split_once(' ').unwrap_or((argument, "csv"))
}
