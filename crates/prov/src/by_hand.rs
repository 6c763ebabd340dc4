//! What people decided by hand, from files: the built-in tables `assignments` and `exceptions`.
//! Invariant: where prov.toml or the caller names a file, it must be there: access by hand is never silently none.

use crate::error::Error;
use crate::policy::Policy;
use crate::population::read_file;
use prov_data::{perhaps_allowed, read_assignments, read_exceptions, read_table};
use prov_diag::{Diagnostic, did_you_mean};
use prov_model::{
    Assignment, Background, CellError, Exception, PerhapsAllowed, RawTable, Rejection, fold, read_arguments,
    shorten,
};
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
    /// Those that may suspend a rule.
    pub perhaps_allowed: Arc<Vec<PerhapsAllowed>>,
    /// What is odd about the files.
    pub notices: Vec<Diagnostic>,
}

impl ByHand {
    /// Reads the tables: of the files given here, or else of those that prov.toml names under `[tables]`.
    ///
    /// # Errors
    /// [`Error::Report`] where a file can't be read as the table, or not every line of it as a row.
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
        let mut whole = |path: &Path| -> Result<RawTable, Error> {
            let raw = read_table(&shown(policy, path), &read_file(path)?).map_err(Error::data)?;
            out.notices.extend(raw.notices.iter().filter(|_| !raw.truncated).cloned());
            // A row that is none names nobody who could be held for it: what it gave would be taken away.
            raw.whole().map_err(Error::data)
        };
        let assignments = wired("assignments", assignments).map(|path| whole(&path)).transpose()?;
        let exceptions = wired("exceptions", exceptions).map(|path| whole(&path)).transpose()?;
        if let Some(raw) = assignments {
            let (rows, mut rejections, errors) = read_assignments(&raw);
            let rows = with_arguments(policy, rows, &mut rejections);
            take(&mut unreadable, rejections, errors)?;
            out.assignments = Arc::new(rows);
        }
        if let Some(raw) = exceptions {
            let (rows, rejections, errors) = read_exceptions(&raw);
            take(&mut unreadable, rejections, errors)?;
            out.perhaps_allowed = Arc::new(perhaps_allowed(&raw));
            out.exceptions = Arc::new(rows);
        }
        unreadable.sort();
        out.unreadable = Arc::new(unreadable);
        Ok(out)
    }

    /// The same as part of a background.
    pub fn background(&self) -> Background {
        Background {
            assignments: self.assignments.clone(),
            exceptions: self.exceptions.clone(),
            unreadable: self.unreadable.clone(),
            perhaps_allowed: self.perhaps_allowed.clone(),
            ..Background::default()
        }
    }
}

fn take(
    unreadable: &mut Vec<Rejection>,
    rejected: Vec<Rejection>,
    errors: Vec<Diagnostic>,
) -> Result<(), Error> {
    if !errors.is_empty() {
        return Err(Error::data(errors));
    }
    unreadable.extend(rejected);
    Ok(())
}

/// Leaves the rows whose arguments are those of their role: of its types, and in the catalogs that they are granted in.
/// Roles that are not there, or have no parameters, are the business of whoever honours a row.
fn with_arguments(
    policy: &Policy,
    rows: Vec<Assignment>,
    rejections: &mut Vec<Rejection>,
) -> Vec<Assignment> {
    let program = policy.program();
    let wrong = |a: &Assignment| -> Option<CellError> {
        let params = &program.rules[program.rule_by_name(&a.role)? as usize].params;
        if params.is_empty() {
            return None;
        }
        let values = match read_arguments(&a.args, params, &program.schema, &program.zone) {
            Ok(values) => values,
            Err(wrong) => return Some(wrong),
        };
        values.iter().zip(params).find_map(|(value, param)| {
            let plain = value.plain(&param.ty, &program.schema);
            let (of, values) = param.catalogs.iter().find_map(|of| {
                let values = policy.0.catalogs.get(of)?;
                let folds = program.folds(of.0, of.1);
                let same = |v: &String| if folds { fold(v) == fold(&plain) } else { *v == plain };
                (!values.iter().any(same)).then_some((of, values))
            })?;
            let (app, kind) = (program.schema.app(of.0), program.schema.kind(of.0, of.1));
            Some(CellError {
                code: "P0602",
                message: format!(
                    "`{}` is not in the catalog of `{}.{}`",
                    shorten(&plain),
                    app.name,
                    kind.name
                ),
                value: plain.clone(),
                candidates: values.clone(),
            })
        })
    };
    let (mut out, mut bad) = (Vec::new(), Vec::new());
    for a in rows {
        match wrong(&a) {
            None => out.push(a),
            Some(wrong) => bad.push((a, wrong)),
        }
    }
    rejections.extend(bad.into_iter().map(|(a, wrong)| {
        let near = did_you_mean(&wrong.value, wrong.candidates.iter().map(String::as_str));
        let near = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        Rejection {
            file: a.origin.0.to_string(),
            line: a.origin.1,
            column: Some("args".to_owned()),
            source: "assignments".to_owned(),
            identity: Some(a.identity),
            message: wrong.message + &near,
            code: wrong.code,
        }
    }));
    out
}

/// A file's name as findings say it: relative to the policy's folder, where it lies there.
fn shown(policy: &Policy, path: &Path) -> String {
    path.strip_prefix(policy.dir()).unwrap_or(path).display().to_string()
}
