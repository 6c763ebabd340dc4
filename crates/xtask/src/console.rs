//! Commands that the docs show, run. A page is one shell session in a folder of its own, where `examples` is a copy of the
//! repository's; a line `…` of the shown output
//! stands for any lines, and within a line for any text. Invariant: only commands of a short list are run.

use crate::markdown::{Block, blocks};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const ALLOWED: [&str; 8] = ["prov", "cd", "cat", "sed", "head", "mkdir", "cp", "echo"];
const MARK: &str = "@@@ end of command ";

/// A command with what stands under it and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The line of the command in the page.
    pub line: usize,
    /// The command.
    pub command: String,
    /// What the page shows.
    pub shown: Vec<String>,
    /// What it printed, standard error included.
    pub printed: Vec<String>,
}

impl Ran {
    /// Whether the page tells the truth.
    pub fn agrees(&self) -> bool {
        matches(&self.shown, &self.printed)
    }
}

/// Runs the commands of a page's `console` blocks, in order, in one session.
///
/// # Errors
/// A message, where a command is not allowed or the session can't be run.
pub fn run(page: &Path, text: &str, prov: &Path) -> Result<Vec<Ran>, String> {
    let mut commands = Vec::new();
    for block in blocks(text).iter().filter(|b| b.language() == "console") {
        commands.extend(commands_of(page, block)?);
    }
    if commands.is_empty() {
        return Ok(commands);
    }
    let mut script = String::from("exec 2>&1\n");
    for c in &commands {
        let _ = writeln!(script, "{}\n__status=$?; echo '{MARK}'; (exit $__status)", c.command);
    }
    let printed = session(&script, prov)?;
    let end = format!("{MARK}\n");
    let mut parts = printed.split(end.as_str());
    for c in &mut commands {
        let part =
            parts.next().ok_or_else(|| format!("{}:{}: the session ended before", page.display(), c.line))?;
        c.printed = part.lines().map(|l| l.trim_end().to_owned()).collect();
        trim(&mut c.printed);
    }
    Ok(commands)
}

fn commands_of(page: &Path, block: &Block) -> Result<Vec<Ran>, String> {
    let mut found: Vec<Ran> = Vec::new();
    for (index, line) in block.lines.iter().enumerate() {
        let number = block.line + index + 1;
        if let Some(command) = line.strip_prefix("$ ") {
            let word = command.split_whitespace().next().unwrap_or("");
            if !ALLOWED.contains(&word) {
                return Err(format!(
                    "{}:{number}: `{word}` is not a command that pages may run",
                    page.display()
                ));
            }
            found.push(Ran { line: number, command: command.to_owned(), shown: vec![], printed: vec![] });
        } else if let Some(last) = found.last_mut() {
            last.shown.push(line.trim_end().to_owned());
        } else {
            return Err(format!("{}:{number}: a console block begins with `$ `", page.display()));
        }
    }
    found.iter_mut().for_each(|r| trim(&mut r.shown));
    Ok(found)
}

fn trim(lines: &mut Vec<String>) {
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|l| l.is_empty()).count();
    lines.drain(..blank);
}

fn session(script: &str, prov: &Path) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    if script.contains("examples/") {
        copy(&crate::root().join("examples"), &folder.path().join("examples")).map_err(|e| e.to_string())?;
    }
    let bin = prov.parent().unwrap_or(Path::new("."));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash")
        .current_dir(folder.path())
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("can't run bash: {e}"))?;
    if let Some(mut input) = bash.stdin.take() {
        // Commands read nothing: the script is all that comes in, and it is far smaller than a pipe's buffer.
        input.write_all(script.as_bytes()).map_err(|e| e.to_string())?;
    }
    let out = bash.wait_with_output().map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Copies a folder: a page may change what it shows.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Whether lines match lines, `…` standing for any number of them.
pub fn matches(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=printed.len()).any(|n| matches(rest, &printed[n..]))
        }
        Some((first, rest)) => {
            printed.split_first().is_some_and(|(p, others)| same(first, p) && matches(rest, others))
        }
    }
}

/// Whether a line matches a line, `…` in it standing for any text.
fn same(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        None => shown == printed,
        Some((start, rest)) => printed
            .strip_prefix(start)
            .is_some_and(|p| p.char_indices().map(|(i, _)| i).chain([p.len()]).any(|i| same(rest, &p[i..]))),
    }
}

/// Puts the real output under the commands of all pages where it differs and nothing is left out.
///
/// # Errors
/// A message that names the commands that need a person.
pub fn update_all() -> Result<(), String> {
    let prov = crate::binary::prov()?;
    let mut left = String::new();
    for page in crate::pages().map_err(|e| e.to_string())? {
        let path = crate::root().join(&page);
        let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
        let ran = run(&page, &text, &prov)?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for r in ran.iter().rev().filter(|r| !r.agrees()) {
            if r.shown.iter().any(|l| l.trim() == "…") {
                let _ = writeln!(
                    left,
                    "{}:{}: `{}` differs, and leaves lines out",
                    page.display(),
                    r.line,
                    r.command
                );
                continue;
            }
            // `line` counts from 1: this is the line under the command.
            let from = r.line;
            let len =
                lines[from..].iter().take_while(|l| !l.starts_with("$ ") && !l.starts_with("```")).count();
            // A shown line that leaves text out stays as it is, where it still fits.
            let shortened =
                |p: &String| r.shown.iter().find(|s| s.contains('…') && same(s, p)).unwrap_or(p).clone();
            lines.splice(from..from + len, r.printed.iter().map(shortened));
        }
        let new = lines.join("\n") + "\n";
        if new != text {
            std::fs::write(&path, new).map_err(|e| e.to_string())?;
        }
    }
    if left.is_empty() { Ok(()) } else { Err(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_ellipsis_is_any_lines_and_nothing_else_is() {
        assert!(matches(&lines("a\n…\nd"), &lines("a\nb\nc\nd")));
        assert!(matches(&lines("a\n…"), &lines("a")));
        assert!(!matches(&lines("a\n…\nd"), &lines("a\nb")));
        assert!(!matches(&lines("a"), &lines("a\nb")));
        assert!(!matches(&lines("a\nb"), &lines("a\nc")));
        assert!(matches(&lines("policy …, b"), &lines("policy 51, b")));
        assert!(!matches(&lines("policy …, b"), &lines("policy 51, c")));
    }

    #[test]
    fn commands_beyond_the_list_are_refused() {
        let page = "```console\n$ rm -r x\n```\n";
        assert!(run(Path::new("p.md"), page, Path::new("/nowhere/prov")).is_err());
    }
}
