//! Where results and messages go, how failures are told, and how files are written.

use crate::args::{Color, Format, Global};
use prov::{Diagnostic, Error, RenderOptions, Report};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Why a command ended without a result.
pub enum Failure {
    /// The library says why.
    Prov(Error),
    /// A file or folder could not be written.
    Write(PathBuf, io::Error),
    /// Something about the call.
    Message(String, String),
    /// The reader of our output closed it.
    Closed,
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Prov(e)
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        if e.kind() == io::ErrorKind::BrokenPipe {
            Failure::Closed
        } else {
            Failure::Write("<stdout>".into(), e)
        }
    }
}

/// The exit code of a command that ran, or why it did not.
pub type Done = Result<u8, Failure>;

/// How to talk.
pub struct Output {
    pub global: Global,
    color_out: bool,
    color_err: bool,
}

impl Output {
    pub fn new(global: &Global) -> Output {
        let wants = |terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none(),
        };
        Output {
            global: global.clone(),
            color_out: wants(io::stdout().is_terminal()),
            color_err: wants(io::stderr().is_terminal()),
        }
    }

    /// Whether results are coloured.
    pub fn color(&self) -> bool {
        self.color_out
    }

    pub fn format(&self) -> Format {
        self.global.format
    }

    /// Whether the result is for a machine.
    pub fn is_machine(&self) -> bool {
        self.global.format != Format::Human
    }

    fn render(&self) -> RenderOptions {
        RenderOptions { color: self.color_err, ..RenderOptions::default() }
    }

    /// A result, ended by a line feed.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// A JSON document.
    pub fn json(&self, value: &serde_json::Value) -> Result<(), Failure> {
        let text = match self.global.format {
            Format::Jsonl => value.to_string(),
            Format::Human | Format::Json | Format::Csv | Format::Junit | Format::Tap => format!("{value:#}"),
        };
        self.print(&text)
    }

    /// A remark on stderr, unless quiet.
    pub fn say(&self, text: &str) {
        if !self.global.quiet {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Findings on stderr; warnings are left out where quiet.
    pub fn report(&self, report: &Report) {
        let shown: Vec<Diagnostic> =
            report.diagnostics.iter().filter(|d| d.is_error() || !self.global.quiet).cloned().collect();
        let shown = Report { diagnostics: shown, sources: report.sources.clone() };
        let _ = io::stderr().lock().write_all(shown.human(self.render()).as_bytes());
    }

    /// Remarks about data, as findings.
    pub fn notices(&self, notices: &[Diagnostic]) {
        if !notices.is_empty() {
            self.report(&Report::of_data(notices.to_vec()));
        }
    }

    /// Why a command failed.
    pub fn failure(&self, failure: &Failure) {
        let red = |s: &str| if self.color_err { format!("\u{1b}[31m{s}\u{1b}[0m") } else { s.to_owned() };
        let mut err = io::stderr().lock();
        let _ = match failure {
            Failure::Prov(Error::Report(report)) => {
                drop(err);
                if matches!(self.global.format, Format::Json | Format::Jsonl) {
                    let _ = self.json(&serde_json::json!({ "diagnostics": report.json() }));
                }
                self.report(report);
                return;
            }
            Failure::Prov(Error::Input { message, help }) => {
                writeln!(err, "{} {message}\n  help: {help}", red("error:"))
            }
            Failure::Prov(e @ Error::Io { .. }) => {
                writeln!(err, "{} {e}\n  help: see that the path is right and may be read", red("error:"))
            }
            Failure::Write(path, e) => {
                writeln!(
                    err,
                    "{} can't write `{}`: {e}\n  help: see that the folder is there and may be written",
                    red("error:"),
                    path.display()
                )
            }
            Failure::Message(message, help) => writeln!(err, "{} {message}\n  help: {help}", red("error:")),
            Failure::Closed => Ok(()),
        };
    }
}

/// Writes a file whole or not at all: to a temporary beside it, then renamed over it.
pub fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let fail = |e| Failure::Write(path.to_owned(), e);
    let name = path.file_name().map_or_else(|| "out".into(), |n| n.to_string_lossy().into_owned());
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let attempt = || -> io::Result<()> {
        let mut file = io::BufWriter::new(std::fs::File::create(&temporary)?);
        write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&temporary, path)
    };
    attempt().map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        fail(e)
    })
}
