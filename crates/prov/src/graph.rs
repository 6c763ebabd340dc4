//! Pictures of a policy as text: roles, what they include and grant, apps and which account comes first.
//! Invariant: nodes and edges in canonical order, so that the same policy gives the same bytes.

use crate::identity::show;
use crate::policy::Policy;
use prov_ir::{ExprKind, GrantValue};
use prov_model::{Entitlement, RuleKind, join_values};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How a graph is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid, as Markdown renderers draw it.
    Mermaid,
}

/// The graph of a policy's roles and apps.
pub fn graph(policy: &Policy, format: GraphFormat) -> String {
    let (program, schema) = (policy.program(), policy.schema());
    let mut nodes: BTreeSet<(String, String, &str)> = BTreeSet::new();
    let mut edges: BTreeSet<(String, String, &str)> = BTreeSet::new();
    for app in &schema.apps {
        nodes.insert((format!("app_{}", app.name), app.name.clone(), "app"));
        if let Some(from) = app.account.as_ref().and_then(|a| a.from) {
            edges.insert((format!("app_{}", schema.app(from).name), format!("app_{}", app.name), "then"));
        }
    }
    for rule in &program.rules {
        let info = schema.rule(rule.rule);
        let id = format!("rule_{}", info.name);
        let shape = if info.kind == RuleKind::Role { "role" } else { "birthright" };
        nodes.insert((id.clone(), info.name.clone(), shape));
        for included in &rule.includes {
            let name = &schema.rule(program.rules[*included as usize].rule).name;
            edges.insert((id.clone(), format!("rule_{name}"), "includes"));
        }
        for grant in &rule.grants {
            let constant: Option<Vec<String>> = grant
                .values
                .iter()
                .zip(&schema.kind(grant.app, grant.kind).types)
                .map(|(v, ty)| match v {
                    GrantValue::One(e) => match &program.expr(*e).kind {
                        ExprKind::Const(v) => Some(v.plain(ty, schema)),
                        _ => None,
                    },
                    GrantValue::Each(_) => None,
                })
                .collect();
            let app = &schema.app(grant.app).name;
            let label = match constant {
                Some(values) => show(
                    schema,
                    &Entitlement { app: grant.app, kind: grant.kind, value: join_values(&values).into() },
                ),
                None => policy.sources().text(grant.span).split_whitespace().collect::<Vec<_>>().join(" "),
            };
            let ent = format!("ent_{label}");
            nodes.insert((ent.clone(), label, "entitlement"));
            edges.insert((id.clone(), ent.clone(), "grants"));
            edges.insert((ent, format!("app_{app}"), "in"));
        }
    }
    match format {
        GraphFormat::Dot => dot(&nodes, &edges),
        GraphFormat::Mermaid => mermaid(&nodes, &edges),
    }
}

type Triples<'a> = BTreeSet<(String, String, &'a str)>;

fn dot(nodes: &Triples<'_>, edges: &Triples<'_>) -> String {
    let mut out =
        String::from("digraph policy {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n");
    for (id, label, kind) in nodes {
        let style = match *kind {
            "app" => "shape=box3d",
            "role" => "shape=box, style=rounded",
            "birthright" => "shape=box",
            _ => "shape=plaintext",
        };
        let _ = writeln!(out, "  {id:?} [label={label:?}, {style}];");
    }
    for (from, to, kind) in edges {
        let style = match *kind {
            "includes" => " [label=\"includes\"]",
            "then" => " [style=bold, label=\"account first\"]",
            "in" => " [style=dotted, arrowhead=none]",
            _ => "",
        };
        let _ = writeln!(out, "  {from:?} -> {to:?}{style};");
    }
    out + "}\n"
}

fn mermaid(nodes: &Triples<'_>, edges: &Triples<'_>) -> String {
    let ids: Vec<&String> = nodes.iter().map(|n| &n.0).collect();
    let number = |id: &String| ids.iter().position(|x| *x == id).unwrap_or(0);
    let mut out = String::from("flowchart LR\n");
    for (id, label, kind) in nodes {
        let label = label.replace('"', "#quot;");
        let n = number(id);
        let _ = match *kind {
            "app" => writeln!(out, "  n{n}[(\"{label}\")]"),
            "role" => writeln!(out, "  n{n}(\"{label}\")"),
            _ => writeln!(out, "  n{n}[\"{label}\"]"),
        };
    }
    for (from, to, kind) in edges {
        let (from, to) = (number(from), number(to));
        let _ = match *kind {
            "includes" => writeln!(out, "  n{from} -- includes --> n{to}"),
            "then" => writeln!(out, "  n{from} == account first ==> n{to}"),
            "in" => writeln!(out, "  n{from} -.- n{to}"),
            _ => writeln!(out, "  n{from} --> n{to}"),
        };
    }
    out
}
