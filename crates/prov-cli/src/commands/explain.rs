//! `prov explain`

use super::{Setting, setting};
use crate::args::ExplainArgs;
use crate::output::{Done, Output};
use crate::progress::Progress;
use prov::Entitlement;

pub fn run(args: &ExplainArgs, out: &Output) -> Done {
    let progress = Progress::new(out);
    let Setting { engine, people, at, background, .. } = setting(&args.policy, &args.when, out, &progress)?;
    let identity = people.identity(engine.policy(), &args.key)?;
    let what = match &args.what {
        Some(text) => Some(Entitlement::parse(engine.policy(), text)?),
        None => None,
    };
    let explanation = engine.explain_with(&identity, what.as_ref(), &at, &background);
    drop(progress);
    if out.is_machine() {
        out.json(&prov::explanation_json(engine.policy(), &explanation))?;
    } else {
        out.print(&prov::explanation_text(engine.policy(), &explanation, out.color()))?;
    }
    Ok(0)
}
