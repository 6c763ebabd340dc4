//! The engine's result in the oracle's canonical form, and where the two differ.
//! Invariant: only a result is rendered here; nothing is computed, so that no error of the engine is mended.

use prov::{Desired, Memory, Plan};
use prov_oracle::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The outcome of the engine, as `prov_oracle` describes it.
pub fn outcome(desired: &Desired, plan: &Plan, memory: &Memory) -> Outcome {
    let actions: Vec<String> = plan.actions().map(action).collect();
    let mut findings: BTreeSet<String> = plan.findings.iter().filter_map(finding).collect();
    findings.extend(plan.header.guards.iter().map(|v| {
        let part = |p: &Option<String>| p.clone().unwrap_or_else(|| "-".to_owned());
        let said = match (&v.notice, v.tripped) {
            (Some(_), _) => "notice".to_owned(),
            (None, true) => format!("tripped {} {}", v.count, v.limit),
            (None, false) => format!("passes {} {}", v.count, v.limit),
        };
        format!("guard {} {} {} {said}", v.guard, part(&v.app), part(&v.source))
    }));
    let (mut states, mut should) = (BTreeMap::new(), BTreeMap::new());
    for id in desired.ids() {
        states.insert(id.to_owned(), state(desired, id));
        should.insert(id.to_owned(), has(desired, id));
    }
    let findings = findings.into_iter().collect();
    // The oracle reads last good records, and does not say what they will be.
    let memory = Memory { good: BTreeMap::new(), ..memory.clone() };
    Outcome { actions, findings, states, desired: should, memory: memory.to_json() }
}

fn quoted(text: Option<&str>) -> String {
    text.map_or("-".to_owned(), |t| format!("{t:?}"))
}

/// The line of a plan.
fn action(a: prov::ActionView<'_>) -> String {
    serde_json::to_string(&a).unwrap_or_default()
}

fn finding(f: &prov::Finding) -> Option<String> {
    let name = f.kind.name();
    let id = f.identity.as_deref().unwrap_or("-");
    let app = f.app.as_deref().unwrap_or("-");
    Some(match name {
        "held" | "missing" => format!("{name} {id}"),
        "withheld" => match (&f.entitlement, f.because.first()) {
            (Some(e), _) => format!("{name} {id} {app} {} {}", e.kind, quoted(e.value.as_deref())),
            (None, by) => format!("{name} {id} role {}:{}", by?.file, by?.line),
        },
        "guest_out" => {
            let by = f.because.first().map_or("-", |b| b.rule.as_str());
            let why = f.message.rsplit(": ").next().unwrap_or_default();
            format!("{name} {id} {by}: {why}")
        }
        "separated" => {
            let by = f.because.first()?;
            format!("{name} {id} {}:{}", by.file, by.line)
        }
        "unmanaged" => format!("{name} - {app} {} {}", f.entitlement.as_ref()?.kind, f.count?),
        "rejected_row" | "unmatched_assignment" | "unmatched_exception" | "expired" => {
            let file = f.file.as_deref().unwrap_or("-");
            let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
            format!("{name} {id} {file}:{}", f.line.unwrap_or(0))
        }
        _ => format!("{name} {id} {app} {}", quoted(f.account.as_deref())),
    })
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
        out = format!("  the same lines, but not in the same order or number:\n{oracle:#?}\n{engine:#?}");
    }
    Some(out)
}
