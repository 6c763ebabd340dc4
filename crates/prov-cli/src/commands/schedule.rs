//! `prov schedule`

use super::{Setting, setting};
use crate::args::{Format, ScheduleArgs};
use crate::output::{Done, Failure, Output};
use crate::progress::Progress;
use prov::{ActionView, Actual, Because, Coming, Moment, Population};
use std::fmt::Write as _;

pub fn run(args: &ScheduleArgs, out: &Output) -> Done {
    let progress = Progress::new(out);
    let Setting { engine, wiring, at, background, .. } = setting(&args.dir, &args.when, out, &progress)?;
    let policy = engine.policy();
    let until = match &args.until {
        Some(text) => policy.at(text)?,
        None => engine.days_later(&at, args.days),
    };
    let wired = policy.project().actual.dir.as_ref().map(|d| policy.dir().join(d));
    let actual = match args.actual.clone().or(wired) {
        Some(dir) if dir.as_os_str() == "none" => Actual::empty(),
        Some(dir) => Actual::load(policy, dir)?,
        None => Actual::empty(),
    };
    progress.doing("looking ahead");
    let people = |moment: &Moment| Population::load(policy, &wiring, moment);
    let coming = engine.schedule_with(&people, &actual, &at, &until, &background)?;
    drop(progress);
    let rows = rows(&coming, args.id.as_deref());
    match out.format() {
        Format::Human => human(&rows, out)?,
        Format::Junit | Format::Tap => {}
        Format::Json => out.json(&rows.iter().map(Row::json).collect())?,
        Format::Jsonl => {
            for row in &rows {
                out.print(&row.json().to_string())?;
            }
        }
        Format::Csv => {
            let quote = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
            let lines: Vec<String> = rows
                .iter()
                .map(|r| [&r.at, &r.identity, &r.what, &r.why].map(|s| quote(s)).join(","))
                .collect();
            out.print(&format!("at,identity,what,why\n{}", lines.join("\n")))?;
        }
    }
    Ok(0)
}

/// One change of one identity.
struct Row {
    at: String,
    identity: String,
    what: String,
    why: String,
}

impl Row {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "at": self.at, "identity": self.identity, "what": self.what, "why": self.why })
    }
}

fn rows(coming: &[Coming], id: Option<&str>) -> Vec<Row> {
    let mut rows = Vec::new();
    for c in coming {
        let at = c.shown();
        for change in &c.states {
            let what = format!("state {}", change.to.as_deref().unwrap_or("unknown"));
            let (identity, why) = (change.identity.clone(), causes(&change.because));
            rows.push(Row { at: at.clone(), identity, what, why });
        }
        for guard in &c.stale {
            let what = format!("guard {} trips", guard.guard);
            let (file, line) = (guard.file.as_deref().unwrap_or(""), guard.line.unwrap_or(0));
            let why = format!("{} {file}:{line}", guard.guard);
            rows.push(Row { at: at.clone(), identity: String::new(), what, why });
        }
        for action in c.plan.actions() {
            let why = causes(action.because());
            let (identity, what) = (action.identity().to_owned(), what(action));
            rows.push(Row { at: at.clone(), identity, what, why });
        }
    }
    rows.retain(|r| id.is_none_or(|id| r.identity == id));
    rows
}

fn causes(because: &[Because]) -> String {
    because.iter().map(|b| format!("{} {}:{}", b.rule, b.file, b.line)).collect::<Vec<_>>().join(", ")
}

fn what(action: ActionView<'_>) -> String {
    let mut out = format!("{} {}", action.kind().name(), action.app());
    if let Some((kind, value)) = action.entitlement() {
        let _ = write!(out, ".{kind}({value:?})");
    } else if let Some(account) = action.account() {
        let _ = write!(out, " {account}");
    }
    out
}

fn human(rows: &[Row], out: &Output) -> Result<(), Failure> {
    let mut text = String::new();
    let mut last = "";
    for row in rows {
        if row.at != last {
            let _ = writeln!(text, "{}{}", if last.is_empty() { "" } else { "\n" }, row.at);
            last = &row.at;
        }
        let why = if row.why.is_empty() { String::new() } else { format!("  ({})", row.why) };
        let who = if row.identity.is_empty() { String::new() } else { format!("{}  ", row.identity) };
        let _ = writeln!(text, "  {who}{}{why}", row.what);
    }
    if rows.is_empty() {
        text += "nothing changes\n";
    }
    out.print(text.trim_end())
}
