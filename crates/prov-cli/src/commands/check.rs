//! `prov check`

use crate::args::CheckArgs;
use crate::output::{Done, Output};
use prov::Policy;

pub fn run(args: &CheckArgs, out: &Output) -> Done {
    let loaded = Policy::check(&args.dir)?;
    let (errors, warnings) = loaded.report.counts();
    if args.emit.is_some() {
        out.report(&loaded.report);
        return match &loaded.policy {
            Some(policy) => out.print(&policy.print_ir()).map(|()| 0),
            None => Ok(1),
        };
    }
    if out.is_machine() {
        out.json(&serde_json::json!({ "errors": errors, "warnings": warnings, "diagnostics": loaded.report.json() }))?;
        return Ok(u8::from(errors > 0));
    }
    out.report(&loaded.report);
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    match &loaded.policy {
        Some(policy) => {
            let schema = policy.schema();
            let rules = policy.program().rules.len();
            // One that speaks of an app with several accounts holds for each of them, and is one.
            let forbids =
                schema.forbids.iter().map(|f| f.rule).chain(schema.role_forbids.iter().map(|f| f.rule));
            let forbids: std::collections::BTreeSet<_> = forbids.collect();
            out.say(&format!(
                "{} is well formed: {}, {}, {}{}",
                policy.name(),
                count(schema.apps.iter().filter(|a| a.second_of.is_none()).count(), "app"),
                count(rules, "rule"),
                count(forbids.len(), "forbid"),
                if warnings > 0 { format!("; {}", count(warnings, "warning")) } else { String::new() },
            ));
            Ok(0)
        }
        None => {
            out.say(&format!("{}; `prov explain-code CODE` tells more about each", count(errors, "error")));
            Ok(1)
        }
    }
}
