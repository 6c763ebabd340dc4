//! The engine's result in the oracle's canonical form, and where the two differ.
//! Invariant: only a result is rendered here; nothing is computed, so that no error of the engine is mended.

use prov::{Desired, Memory, Plan};
use prov_oracle::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The outcome of the engine, as `prov_oracle` describes it.
pub fn outcome(desired: &Desired, plan: &Plan, memory: &Memory) -> Outcome {
    let actions: Vec<String> = plan.actions().map(|a| line(&a)).collect();
    let (mut states, mut should) = (BTreeMap::new(), BTreeMap::new());
    for id in desired.ids() {
        states.insert(id.to_owned(), state(desired, id));
        should.insert(id.to_owned(), has(desired, id));
    }
    // The oracle reads last good records, and does not say what they will be.
    let memory = Memory { good: BTreeMap::new(), ..memory.clone() };
    Outcome {
        actions,
        findings: findings(plan),
        guards: plan.header.guards.iter().map(guard).collect(),
        header: header(plan),
        states,
        desired: should,
        memory: memory.to_json(),
    }
}

/// A line of a plan.
fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A file of data without its folder.
fn without_folder(file: &str) -> String {
    file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned()
}

/// What a plan found, without what no reading of the reference could tell: words, and what is wrong with a row. Of a row
/// with several faults one is left.
fn findings(plan: &Plan) -> Vec<String> {
    let place = |f: &prov::Finding| {
        let held = f.entitlement.as_ref().map(|e| (e.kind.clone(), e.value.clone()));
        let first = (f.kind, f.identity.clone(), f.app.clone(), f.account.clone());
        (first, held, f.file.as_deref().map(without_folder), f.line)
    };
    let mut found: Vec<_> = plan
        .findings
        .iter()
        .map(|f| {
            let mut told = f.clone();
            told.message.clear();
            told.column = None;
            if f.kind.name() == "rejected_row" {
                told.code.clear();
            }
            told.file = f.file.as_deref().map(without_folder);
            let text = line(&told).replacen(",\"message\":\"\"", "", 1).replacen(",\"code\":\"\"", "", 1);
            (place(f), text)
        })
        .collect();
    // Files stand in the order of their folders, and what is alike but for its words in that of these.
    let in_order = found.is_sorted_by(|a, b| (&a.0.0, &a.0.1) <= (&b.0.0, &b.0.1));
    found.sort();
    found.dedup();
    let mut lines: Vec<String> = found.into_iter().map(|f| f.1).collect();
    if !in_order {
        lines.push("findings stand in no order".to_owned());
    }
    lines
}

/// What a guard says, without the words of a notice.
fn guard(verdict: &prov::Verdict) -> String {
    let mut told = verdict.clone();
    told.notice = told.notice.map(|_| "notice".to_owned());
    line(&told)
}

/// What the header says of the data.
fn header(plan: &Plan) -> String {
    let h = &plan.header;
    format!(
        "{{\"at\":{},\"today\":{},\"zone\":{},\"people\":{},\"sources\":{}}}",
        line(&h.at),
        line(&h.today),
        line(&h.zone),
        h.people,
        line(&h.sources)
    )
}

fn state(desired: &Desired, id: &str) -> String {
    let of = match id.split_once(':') {
        Some((of, _)) if desired.policy().schema().identities.len() > 1 => of,
        _ => "",
    };
    let mut types = desired.policy().schema().identities.iter();
    let has_states = types.any(|i| (of.is_empty() || i.name == of) && i.lifecycle.is_some());
    let name = desired.state(id).unwrap_or(if has_states { "unknown" } else { "-" });
    if desired.is_held(id) { format!("{name} held") } else { name.to_owned() }
}

fn has(desired: &Desired, id: &str) -> Vec<String> {
    let json = desired.json(id);
    let text = |e: &serde_json::Value, field: &str| e[field].as_str().unwrap_or_default().to_owned();
    let entitlements = json["entitlements"].as_array().cloned().unwrap_or_default();
    let mut held: Vec<String> = entitlements
        .iter()
        .map(|e| format!("{}.{} {:?}", text(e, "app"), text(e, "kind"), text(e, "value")))
        .collect();
    held.sort();
    let mut accounts: Vec<String> = desired
        .accounts(id)
        .into_iter()
        .map(|a| {
            let others: String = a.attributes.iter().skip(1).map(|(k, v)| format!(" {k}={v:?}")).collect();
            format!(
                "account {} {:?}{others} {}",
                a.app,
                a.name(),
                if a.enabled { "enabled" } else { "disabled" }
            )
        })
        .collect();
    accounts.sort();
    held.append(&mut accounts);
    held
}

/// Where two outcomes differ, in words; none where they are the same.
pub fn difference(oracle: &Outcome, engine: &Outcome) -> Option<String> {
    if oracle == engine {
        return None;
    }
    let mut out = String::new();
    let mut side = |what: &str, a: &[String], b: &[String]| {
        for line in a.iter().filter(|l| !b.contains(l)) {
            let _ = writeln!(out, "  {what}, oracle only: {line}");
        }
        for line in b.iter().filter(|l| !a.contains(l)) {
            let _ = writeln!(out, "  {what}, engine only: {line}");
        }
    };
    side("action", &oracle.actions, &engine.actions);
    side("finding", &oracle.findings, &engine.findings);
    side("guard", &oracle.guards, &engine.guards);
    side("header", std::slice::from_ref(&oracle.header), std::slice::from_ref(&engine.header));
    let states = |o: &Outcome| o.states.iter().map(|(id, s)| format!("{id} {s}")).collect::<Vec<_>>();
    side("state", &states(oracle), &states(engine));
    let desired = |o: &Outcome| {
        let lines = o.desired.iter().flat_map(|(id, list)| list.iter().map(move |l| format!("{id} {l}")));
        lines.collect::<Vec<_>>()
    };
    side("desired", &desired(oracle), &desired(engine));
    let memory = |o: &Outcome| o.memory.lines().map(str::to_owned).collect::<Vec<_>>();
    side("memory", &memory(oracle), &memory(engine));
    if out.is_empty() {
        out.push_str("  the same lines, but not in the same order or number:\n");
        let lists = [(&oracle.actions, &engine.actions), (&oracle.findings, &engine.findings)];
        for (a, b) in lists.into_iter().chain([(&oracle.guards, &engine.guards)]) {
            if let Some((a, b)) = a.iter().zip(b).find(|(a, b)| a != b) {
                let _ = writeln!(out, "  oracle: {a}\n  engine: {b}");
            }
            let _ = writeln!(out, "  {} and {}", a.len(), b.len());
        }
    }
    Some(out)
}
