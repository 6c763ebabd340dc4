//! Other programs, run and measured. Invariant: what a run cost is what the system counted for it and its children, and
//! nothing of it was counted for who measures.

use crate::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// What a run cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// User and system time of all threads.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
    /// The most memory that was resident at once, in bytes.
    pub memory: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub enum Ended {
    /// With one of the codes that it may end with.
    Well(Cost),
    /// It was stopped after this time.
    TooLong(Duration),
}

/// A program with its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file to run.
    pub file: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The codes that it may end with.
    pub codes: &'static [i32],
    /// What its environment has beside that of this program.
    pub environment: Vec<(&'static str, &'static str)>,
}

impl Program {
    /// A program that ends with 0.
    pub fn new(file: impl AsRef<Path>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Program {
        let args = args.into_iter().map(Into::into).collect();
        Program { file: file.as_ref().to_owned(), args, codes: &[0], environment: vec![] }
    }

    /// The same with one thing more in its environment.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Program {
        self.environment.push((name, value));
        self
    }

    /// Runs it, with at most so much time. What it prints is thrown away, save the end of its complaints where it fails.
    ///
    /// # Errors
    /// Where it can't be started, or ends otherwise than it may.
    pub fn run(&self, limit: Duration) -> Result<Ended, Error> {
        // `timeout` stands between: memory that this process had at the time of the fork would else count as the child's.
        let complaints = std::env::temp_dir().join(format!("prov-benches-{}.txt", std::process::id()));
        let to = File::create(&complaints).map_err(crate::io(&complaints))?;
        let start = Instant::now();
        let child = Command::new("timeout")
            .arg(limit.as_secs().max(1).to_string())
            .arg(&self.file)
            .args(&self.args)
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(to)
            .spawn()
            .map_err(crate::io("timeout"))?;
        let used = child.wait4().map_err(crate::io("timeout"))?;
        let wall = start.elapsed();
        let told = fs::read_to_string(&complaints).unwrap_or_default();
        let _ = fs::remove_file(&complaints);
        match used.status.code() {
            Some(124) => Ok(Ended::TooLong(limit)),
            Some(code) if self.codes.contains(&code) => Ok(Ended::Well(Cost {
                cpu: used.rusage.utime + used.rusage.stime,
                wall,
                memory: used.rusage.maxrss,
            })),
            _ => {
                let last: Vec<&str> = told.lines().rev().take(3).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join(" / ");
                let name = self.file.file_name().unwrap_or_default().display();
                Err(Error::Other(format!("`{name}` ended with {}: {last}", used.status)))
            }
        }
    }
}

/// The middle one of several; the lower of two.
pub fn median<T: Copy + PartialOrd>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::{Ended, Program, median};
    use std::time::Duration;

    #[test]
    fn a_run_is_measured_and_stopped() {
        let long = Duration::from_secs(60);
        let Ended::Well(cost) = Program::new("sh", ["-c", "exit 0"]).run(long).unwrap() else {
            panic!("it ends")
        };
        assert!(cost.memory > 1 << 18 && cost.memory < 1 << 28, "{cost:?}");
        assert!(Program::new("sh", ["-c", "exit 7"]).run(long).is_err());
        let slow = Program::new("sleep", ["60"]).run(Duration::from_secs(1)).unwrap();
        assert!(matches!(slow, Ended::TooLong(_)));
    }

    #[test]
    fn the_middle_one() {
        assert_eq!(median([3, 1, 2]), Some(2));
        assert_eq!(median([4, 1, 3, 2]), Some(2));
        assert_eq!(median::<u8>([]), None);
    }
}
