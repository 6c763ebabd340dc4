//! `prov explain-code`

use crate::args::ExplainCodeArgs;
use crate::output::{Done, Failure, Output};
use prov::codes::{self, Code, Example};

pub fn run(args: &ExplainCodeArgs, out: &Output) -> Done {
    let Some(wanted) = &args.code else {
        if out.is_machine() {
            return out.json(&codes::all().map(json).collect()).map(|()| 0);
        }
        let lines: Vec<String> =
            codes::all().map(|c| format!("{}  {:<7}  {}", c.id, c.severity.name(), c.title)).collect();
        return out.print(&lines.join("\n")).map(|()| 0);
    };
    let Some(code) = codes::find(wanted) else {
        let near = prov::did_you_mean(wanted, codes::all().map(|c| c.id));
        let help = near.map_or_else(
            || "`prov explain-code` lists all codes".to_owned(),
            |n| format!("did you mean `{n}`? `prov explain-code` lists all codes"),
        );
        return Err(Failure::Message(format!("there is no code `{wanted}`"), help));
    };
    if out.is_machine() {
        return out.json(&json(code)).map(|()| 0);
    }
    out.print(&page(code)).map(|()| 0)
}

fn text(example: Example) -> &'static str {
    match example {
        Example::Policy(t) | Example::Shown(t) => t,
    }
}

fn page(code: &Code) -> String {
    let indent = |t: &str| t.lines().map(|l| format!("    {l}\n")).collect::<String>();
    format!(
        "{} ({}): {}\n\n{}\n\nWrong:\n\n{}\nRight:\n\n{}",
        code.id,
        code.severity.name(),
        code.title,
        wrap(code.explanation, 92),
        indent(text(code.bad)),
        indent(text(code.good)),
    )
}

fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.join("\n")
}

fn json(code: &Code) -> serde_json::Value {
    serde_json::json!({
        "code": code.id, "severity": code.severity.name(), "title": code.title, "explanation": code.explanation,
        "bad": text(code.bad), "good": text(code.good),
    })
}
