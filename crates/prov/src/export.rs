//! Results as JSON and CSV. Invariant: fields and rows in canonical order; secrets have no place in them.

use crate::engine::Desired;
use crate::identity::OneResult;
use crate::policy::Policy;
use crate::population::Actual;
use prov_data::PackedState;
use prov_eval::Explanation;
use prov_model::{RawCell, RawTable};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A cell by RFC 4180.
fn cell(out: &mut String, text: &str) {
    if text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        let _ = write!(out, "\"{}\"", text.replace('"', "\"\""));
    } else {
        out.push_str(text);
    }
}

fn row<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (i, text) in cells.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        cell(out, text);
    }
    out.push('\n');
}

impl Actual {
    /// The files that [`Actual::load`] reads: name and content.
    pub fn to_csv(&self, policy: &Policy) -> [(&'static str, String); 2] {
        [("accounts.csv", self.accounts_csv(policy)), ("entitlements.csv", self.entitlements_csv(policy))]
    }

    /// The same, packed.
    pub fn packed(&self, policy: &Policy) -> PackedState {
        let extra = extra_attributes(policy);
        let columns = ["app", "account", "identity", "enabled"].map(str::to_owned);
        let mut accounts = RawTable::new("accounts.csv", [&columns[..], &extra].concat());
        let mut line = 1;
        self.each_account(policy, &extra, |cells| {
            line += 1;
            accounts.push(line, cells.iter().map(|text| RawCell::Text(text)));
        });
        let columns = ["app", "identity", "kind", "value"].map(str::to_owned);
        let mut entitlements = RawTable::new("entitlements.csv", columns.to_vec());
        let mut line = 1;
        self.each_entitlement(policy, |cells| {
            line += 1;
            entitlements.push(line, cells.iter().map(|text| RawCell::Text(text)));
        });
        prov_data::pack_state(&accounts, &entitlements)
    }

    /// `app,account,identity,enabled` and the attributes of all apps, in order of name.
    pub fn accounts_csv(&self, policy: &Policy) -> String {
        let extra = extra_attributes(policy);
        let mut out = String::new();
        row(
            &mut out,
            ["app", "account", "identity", "enabled"].into_iter().chain(extra.iter().map(String::as_str)),
        );
        self.each_account(policy, &extra, |cells| row(&mut out, cells.iter().copied()));
        out
    }

    /// Every account as cells, those of nobody last.
    fn each_account(&self, policy: &Policy, extra: &[String], mut each: impl FnMut(&[&str])) {
        let schema = policy.schema();
        let known = self
            .data
            .ids
            .iter()
            .enumerate()
            .flat_map(|(i, id)| self.data.accounts.get(i).iter().map(move |a| (id, a)));
        for (id, account) in known.chain(self.data.orphans.iter().map(|a| ("", a))) {
            let app = schema.app(account.app);
            let names = attributes(app);
            let value = |name: &String| {
                let at = names.iter().position(|n| n == name)?;
                account.attributes.get(at + 1)?.as_deref()
            };
            let enabled = if account.enabled { "true" } else { "false" };
            let mut cells = vec![app.name.as_str(), &account.name, id, enabled];
            cells.extend(extra.iter().map(|n| value(n).unwrap_or("")));
            each(&cells);
        }
    }

    /// `app,identity,kind,value`.
    pub fn entitlements_csv(&self, policy: &Policy) -> String {
        let mut out = String::from("app,identity,kind,value\n");
        self.each_entitlement(policy, |cells| row(&mut out, cells));
        out
    }

    /// Every entitlement as cells.
    fn each_entitlement(&self, policy: &Policy, mut each: impl FnMut([&str; 4])) {
        let schema = policy.schema();
        for (i, id) in self.data.ids.iter().enumerate() {
            let mut held: Vec<_> =
                self.data.holdings.get(i).iter().map(|e| self.data.entitlements.get(*e)).collect();
            held.sort();
            for e in held {
                each([
                    schema.app(e.app).name.as_str(),
                    id,
                    schema.kind(e.app, e.kind).name.as_str(),
                    &e.value,
                ]);
            }
        }
    }
}

/// What accounts of an app have beside their name.
fn attributes(app: &prov_model::AppDef) -> Vec<String> {
    app.account.iter().flat_map(|a| a.attributes.iter().skip(1).map(|f| f.name.clone())).collect()
}

/// What accounts of any app have beside their name, in order.
fn extra_attributes(policy: &Policy) -> Vec<String> {
    let mut extra: Vec<String> = policy.schema().apps.iter().flat_map(attributes).collect();
    extra.sort();
    extra.dedup();
    extra
}

fn entitlement(policy: &Policy, e: &prov_model::Entitlement) -> Value {
    let schema = policy.schema();
    json!({ "app": schema.app(e.app).name, "kind": schema.kind(e.app, e.kind).name, "value": &*e.value })
}

impl OneResult {
    /// `{"identity","state","held","accounts":[{"app","account","enabled"}],"entitlements":[{"app","kind","value"}]}`
    pub fn json(&self) -> Value {
        json!({
            "identity": self.id(), "state": self.state(), "held": self.is_held(),
            "accounts": self.accounts().into_iter().map(|(app, account, enabled)| json!({ "app": app, "account": account, "enabled": enabled })).collect::<Vec<_>>(),
            "entitlements": self.data.holdings.iter().map(|h| entitlement(&self.policy, &h.entitlement)).collect::<Vec<_>>(),
        })
    }
}

impl Desired {
    /// The policy it is of.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// One identity as JSON, in the form of [`OneResult::json`].
    pub fn json(&self, id: &str) -> Value {
        let Some(position) = self.data.position(id) else { return Value::Null };
        let mut held: Vec<_> =
            self.data.holdings.get(position).iter().map(|e| self.data.entitlements.get(*e)).collect();
        held.sort();
        let accounts = self
            .accounts(id)
            .into_iter()
            .map(|a| json!({ "app": a.app, "account": a.name(), "enabled": a.enabled }));
        json!({
            "identity": id, "state": self.state(id), "held": self.is_held(id),
            "accounts": accounts.collect::<Vec<_>>(),
            "entitlements": held.into_iter().map(|e| entitlement(&self.policy, e)).collect::<Vec<_>>(),
        })
    }

    /// One identity as a person reads it.
    pub fn text(&self, id: &str) -> String {
        let mut out = format!("{id}{}\n", self.state(id).map_or(String::new(), |s| format!(" is {s}")));
        if self.is_held(id) {
            out.push_str("  held as it is: its record, or one that its result reads, could not be read\n");
            return out;
        }
        for a in self.accounts(id) {
            let _ = writeln!(
                out,
                "  account {} {}{}",
                a.app,
                a.name(),
                if a.enabled { "" } else { " (disabled)" }
            );
        }
        for e in self.entitlements(id) {
            let _ = writeln!(out, "  {e}");
        }
        out
    }
}

/// An explanation as JSON: its data, with the text of every clause beside its place.
pub fn explanation_json(policy: &Policy, explanation: &Explanation) -> Value {
    let mut value = serde_json::to_value(explanation).unwrap_or(Value::Null);
    add_texts(policy, &mut value);
    value
}

fn add_texts(policy: &Policy, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let place = map.get("place").and_then(|p| {
                let n = |k: &str| p.get(k)?.as_u64();
                Some((n("source")?, n("start")?, n("end")?))
            });
            if let Some((source, start, end)) = place {
                let span =
                    prov_diag::Span::new(prov_diag::SourceId(source as u32), start as usize, end as usize);
                let at = policy.sources().start(span);
                let file = policy.sources().get(span.source).name.clone();
                let text = policy.sources().text(span).split_whitespace().collect::<Vec<_>>().join(" ");
                map.insert("place".into(), json!({ "file": file, "line": at.line, "column": at.column }));
                map.insert("text".into(), text.into());
            }
            map.values_mut().for_each(|v| add_texts(policy, v));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| add_texts(policy, v)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
