//! What people decided by hand, from files: the built-in tables `assignments` and `exceptions`.
//! Invariant: where prov.toml or the caller names a file, it must be there: access by hand is never silently none.

use crate::error::Error;
use crate::policy::Policy;
use crate::population::read_file;
use prov_data::{read_assignments, read_exceptions, read_table};
use prov_diag::Diagnostic;
use prov_model::{Assignment, Background, Exception, Rejection};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Assignments and exceptions.
#[derive(Clone, Debug, Default)]
pub struct ByHand {
    /// Roles that were given by hand.
    pub assignments: Arc<Vec<Assignment>>,
    /// Reviewers' decisions.
    pub exceptions: Arc<Vec<Exception>>,
    /// Rows that could not be read.
    pub unreadable: Arc<Vec<Rejection>>,
    /// What is odd about the files.
    pub notices: Vec<Diagnostic>,
}

impl ByHand {
    /// Reads the tables: of the files given here, or else of those that prov.toml names under `[tables]`.
    ///
    /// # Errors
    /// [`Error::Report`] where a file can't be read as the table.
    pub fn load(
        policy: &Policy,
        assignments: Option<&Path>,
        exceptions: Option<&Path>,
    ) -> Result<ByHand, Error> {
        let wired = |name: &str, given: Option<&Path>| -> Option<PathBuf> {
            let by_project = || policy.project().tables.get(name).map(|f| policy.dir().join(f));
            given.map(Path::to_owned).or_else(by_project)
        };
        let mut out = ByHand::default();
        let mut unreadable = Vec::new();
        if let Some(path) = wired("assignments", assignments) {
            let raw = read_table(&shown(policy, &path), &read_file(&path)?).map_err(Error::data)?;
            let (rows, rejections, errors) = read_assignments(&raw.table);
            out.take(&mut unreadable, raw.notices, raw.rejections, rejections, errors)?;
            out.assignments = Arc::new(rows);
        }
        if let Some(path) = wired("exceptions", exceptions) {
            let raw = read_table(&shown(policy, &path), &read_file(&path)?).map_err(Error::data)?;
            let (rows, rejections, errors) = read_exceptions(&raw.table);
            out.take(&mut unreadable, raw.notices, raw.rejections, rejections, errors)?;
            out.exceptions = Arc::new(rows);
        }
        unreadable.sort();
        out.unreadable = Arc::new(unreadable);
        Ok(out)
    }

    fn take(
        &mut self,
        unreadable: &mut Vec<Rejection>,
        notices: Vec<Diagnostic>,
        ragged: Vec<Rejection>,
        rejected: Vec<Rejection>,
        errors: Vec<Diagnostic>,
    ) -> Result<(), Error> {
        if !errors.is_empty() {
            return Err(Error::data(errors));
        }
        self.notices.extend(notices);
        unreadable.extend(ragged);
        unreadable.extend(rejected);
        Ok(())
    }

    /// The same as part of a background.
    pub fn background(&self) -> Background {
        Background {
            assignments: self.assignments.clone(),
            exceptions: self.exceptions.clone(),
            unreadable: self.unreadable.clone(),
            ..Background::default()
        }
    }
}

/// A file's name as findings say it: relative to the policy's folder, where it lies there.
fn shown(policy: &Policy, path: &Path) -> String {
    path.strip_prefix(policy.dir()).unwrap_or(path).display().to_string()
}
