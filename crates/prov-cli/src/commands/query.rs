//! `prov query`

use super::{Setting, setting};
use crate::args::{Format, QueryArgs};
use crate::output::{Done, Output};
use crate::progress::Progress;
use std::path::Path;

pub fn run(args: &QueryArgs, out: &Output) -> Done {
    let (dir, expr) = match args.dir_and_expr.as_slice() {
        [dir, expr] => (dir.as_str(), expr.as_str()),
        [expr] => (".", expr.as_str()),
        _ => (".", ""),
    };
    let progress = Progress::new(out);
    let Setting { engine, people, at, background, .. } = setting(Path::new(dir), &args.when, out, &progress)?;
    progress.doing("asking");
    let (ids, unknown) = engine.query_with(&people, expr, args.identity.as_deref(), &at, &background)?;
    drop(progress);
    if !unknown.is_empty() {
        out.say(&format!("for {} more it can't be known, since a row could not be read", unknown.len()));
    }
    match (out.format(), args.count) {
        (Format::Json | Format::Jsonl, true) => {
            out.json(&serde_json::json!({ "count": ids.len(), "unknown": unknown.len() }))?
        }
        (Format::Json, false) => out.json(&serde_json::json!({ "identities": ids, "unknown": unknown }))?,
        (Format::Jsonl, false) => {
            let lines: Vec<String> =
                ids.iter().map(|id| serde_json::json!({ "identity": id }).to_string()).collect();
            out.print(&lines.join("\n"))?;
        }
        (Format::Human | Format::Csv, true) => out.print(&ids.len().to_string())?,
        (Format::Csv, false) => out.print(&format!("identity\n{}", ids.join("\n")))?,
        // Not for this command, which has been said.
        (Format::Junit | Format::Tap, _) => {}
        (Format::Human, false) => out.print(&ids.join("\n"))?,
    }
    Ok(0)
}
