//! Modules: which names each `use` brings in. Declarations of a policy see each other without `use`, whatever file
//! they stand in; the standard library is seen only where it is used.

use crate::Module;
use crate::check::Checker;
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use prov_diag::{Diagnostic, SourceMap, Span, codes, did_you_mean};
use prov_model::Builtin;
use prov_syntax::ast::{ItemKind, Name};
use std::collections::BTreeMap;

/// The standard library, embedded.
pub(crate) const STDLIB: &[(&str, &str)] = &[
    ("std.dates", include_str!("../../../stdlib/dates.prov")),
    ("std.ldap", include_str!("../../../stdlib/ldap.prov")),
    ("std.lifecycle", include_str!("../../../stdlib/lifecycle.prov")),
    ("std.naming", include_str!("../../../stdlib/naming.prov")),
    ("std.scim", include_str!("../../../stdlib/scim.prov")),
    ("std.text", include_str!("../../../stdlib/text.prov")),
];

/// Adds the standard modules that are used, and those that they use.
pub(crate) fn add_stdlib(modules: &mut Vec<Module>, sources: &mut SourceMap) {
    let mut next = 0;
    while next < modules.len() {
        let wanted: Vec<String> = modules[next]
            .file
            .items
            .iter()
            .filter_map(|i| match &i.kind {
                ItemKind::Use { path, .. } => Some(join(path)),
                _ => None,
            })
            .collect();
        for name in wanted {
            if modules.iter().any(|m| m.name == name) {
                continue;
            }
            if let Some((_, text)) = STDLIB.iter().find(|(n, _)| *n == name) {
                let file_name =
                    format!("<stdlib>/{}.prov", name.trim_start_matches("std.").replace('.', "/"));
                let source = sources.add(file_name, *text);
                let (file, _) = prov_syntax::parse(source, text);
                modules.push(Module { name, source, file });
            }
        }
        next += 1;
    }
}

pub(crate) fn join(path: &[Name]) -> String {
    path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".")
}

/// What a `use` brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Imported {
    Builtin(Builtin),
    /// A declaration of the standard library, by its name in the checker's symbols.
    Declared,
}

/// Names brought in by `use`, by module.
pub(crate) type Imports = BTreeMap<(usize, String), Imported>;

/// The name under which the checker keeps a declaration: those of the standard library carry their module.
pub(crate) fn qualified(module: &str, name: &str) -> String {
    if module.starts_with("std.") { format!("{module}.{name}") } else { name.to_owned() }
}

impl Checker<'_> {
    /// Resolves every `use`.
    pub(crate) fn resolve_uses(&mut self) {
        let names: Vec<String> = self.modules.iter().map(|m| m.name.clone()).collect();
        let mut graph: DiGraph<usize, Span> = DiGraph::new();
        let nodes: Vec<_> = (0..names.len()).map(|i| graph.add_node(i)).collect();
        for (index, module) in self.modules.clone().iter().enumerate() {
            for item in &module.file.items {
                let ItemKind::Use { path, names: wanted } = &item.kind else { continue };
                let (Some(first), Some(last)) = (path.first(), path.last()) else { continue };
                let span = first.span.to(last.span);
                let target = join(path);
                let Some(to) = names.iter().position(|n| *n == target) else {
                    let known: Vec<&str> =
                        names.iter().map(String::as_str).chain(STDLIB.iter().map(|(n, _)| *n)).collect();
                    let near = did_you_mean(&target, known.iter().copied());
                    self.report(
                        Diagnostic::new(&codes::UNKNOWN_MODULE, format!("there is no module `{target}`"))
                            .at(span, "not found")
                            .help(near.map_or_else(
                                || {
                                    format!(
                                        "the standard modules are {}",
                                        list(STDLIB.iter().map(|(n, _)| *n))
                                    )
                                },
                                |n| format!("did you mean `{n}`?"),
                            )),
                    );
                    continue;
                };
                graph.add_edge(nodes[index], nodes[to], span);
                for name in wanted {
                    self.import(index, to, &target, name);
                }
            }
        }
        for component in tarjan_scc(&graph) {
            let first = &component[0];
            if component.len() == 1 && graph.find_edge(*first, *first).is_none() {
                continue;
            }
            let mut path: Vec<&str> = component.iter().map(|n| names[graph[*n]].as_str()).collect();
            path.sort_unstable();
            path.push(path[0]);
            let span = graph.edges(*first).next().map(|e| *e.weight());
            let mut d = Diagnostic::new(
                &codes::IMPORT_CYCLE,
                format!("modules use each other: {}", path.join(" → ")),
            )
            .help("take a `use` away: declarations of one policy see each other without it");
            if let Some(span) = span {
                d = d.at(span, "part of the cycle");
            }
            self.report(d);
        }
    }

    fn import(&mut self, from: usize, to: usize, module: &str, name: &Name) {
        let builtin = Builtin::all().iter().find(|b| b.module == module && b.name == name.text);
        let declared = self.declared.get(&qualified(module, &name.text)).is_some_and(|d| d.module == to);
        let imported = match builtin {
            Some(b) => Imported::Builtin(b.builtin),
            None if declared => Imported::Declared,
            // No function, but a form of its own (see `unique.rs`); to name it does no harm.
            None if module == "std.naming" && name.text == "unique" => return,
            None => {
                let prefix = format!("{module}.");
                let known: Vec<&str> = Builtin::all()
                    .iter()
                    .filter(|b| b.module == module)
                    .map(|b| b.name)
                    .chain(
                        self.declared
                            .iter()
                            .filter(|(_, d)| d.module == to)
                            .map(|(n, _)| n.strip_prefix(&prefix).unwrap_or(n)),
                    )
                    .collect();
                let near = did_you_mean(&name.text, known.iter().copied());
                let help = near.map_or_else(
                    || format!("it has {}", list(known.iter().copied())),
                    |n| format!("did you mean `{n}`?"),
                );
                self.report(
                    Diagnostic::new(
                        &codes::UNKNOWN_IMPORT,
                        format!("module `{module}` has no `{}`", name.text),
                    )
                    .at(name.span, "not found there")
                    .help(help),
                );
                return;
            }
        };
        self.imports.insert((from, name.text.clone()), imported);
    }
}

/// `a`, `b` and `c`, in backticks.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    quoted.dedup();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((one, [])) => one.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
