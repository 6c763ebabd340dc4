//! Functions: those of the table of built-ins and those of the standard library, as the docs list them, and the examples
//! that the tests run. Invariant: a function has an example, a condition that holds.

use crate::generate::MADE;
use prov_model::{Builtin, BuiltinInfo, ParamType, ResultType};
use prov_syntax::ast::ItemKind;
use std::fmt::Write as _;

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The module to use it from; empty: always there.
    pub module: &'static str,
    /// Its name.
    pub name: String,
    /// Its name and parameters.
    pub call: String,
    /// What it gives.
    pub gives: String,
    /// What it does.
    pub doc: String,
    /// A condition that holds; empty where there is none.
    pub example: String,
}

/// All functions: the built-in ones of a module before those that are written in Prov.
pub fn all() -> Vec<Function> {
    let mut found: Vec<Function> =
        Builtin::all().iter().filter(|b| b.module.is_empty()).map(built_in).collect();
    for (module, text) in prov_compile::stdlib() {
        found.extend(Builtin::all().iter().filter(|b| b.module == *module).map(built_in));
        let mut sources = prov_diag::SourceMap::new();
        let id = sources.add(*module, *text);
        let (file, _) = prov_syntax::parse(id, text);
        for item in &file.items {
            let ItemKind::Fn { name, params, result, .. } = &item.kind else { continue };
            let params: Vec<String> = params
                .iter()
                .map(|p| format!("{}: {}", p.name.text, sources.text(p.ty.span).trim()))
                .collect();
            let gives =
                result.as_ref().map_or(String::new(), |t| format!("`{}`", sources.text(t.span).trim()));
            let docs = item.docs.as_deref().unwrap_or("").trim();
            // The last line is an example where all of it stands in backticks.
            let (doc, last) = docs.rsplit_once('\n').unwrap_or((docs, ""));
            let example = last.trim().strip_prefix('`').and_then(|e| e.strip_suffix('`'));
            found.push(Function {
                module,
                name: name.text.clone(),
                call: format!("{}({})", name.text, params.join(", ")),
                gives,
                doc: if example.is_some() { doc } else { docs }.replace('\n', " "),
                example: example.unwrap_or("").to_owned(),
            });
        }
    }
    found
}

fn built_in(info: &BuiltinInfo) -> Function {
    let params: Vec<String> = info
        .params
        .iter()
        .map(|(name, ty, optional)| format!("{name}{}: {}", if *optional { "?" } else { "" }, param(*ty)))
        .collect();
    Function {
        module: info.module,
        name: info.name.to_owned(),
        call: format!("{}({})", info.name, params.join(", ")),
        gives: result(info),
        doc: info.doc.to_owned(),
        example: info.example.to_owned(),
    }
}

fn param(ty: ParamType) -> &'static str {
    match ty {
        ParamType::Textual => "string or text",
        ParamType::Int => "int",
        ParamType::Date => "date",
        ParamType::Instant => "instant",
        ParamType::Scalar => "plain value",
        ParamType::Ordered => "ordered value",
        ParamType::Number => "int or decimal",
        ParamType::Many => "set or list",
        ParamType::Texts => "set of string or text",
        ParamType::Dates => "set of date",
        ParamType::Constant => "string as it stands",
    }
}

fn result(info: &BuiltinInfo) -> String {
    let ty = match info.result {
        ResultType::Str => "string",
        ResultType::Text => "text",
        ResultType::Bool => "bool",
        ResultType::Int => "int",
        ResultType::Decimal => "decimal",
        ResultType::Date => "date",
        ResultType::Instant => "instant",
        ResultType::Duration => "duration",
        ResultType::Elapsed => "elapsed",
        ResultType::SetOfStr => "set of string",
        ResultType::SameAsFirst => return "as the first".to_owned(),
    };
    format!("`{ty}{}`", if info.fallible { "?" } else { "" })
}

fn table(out: &mut String, functions: &[Function], module: &str) {
    let _ = writeln!(out, "| call | gives | what it does | for example |\n| --- | --- | --- | --- |");
    for f in functions.iter().filter(|f| f.module == module) {
        let cell = |s: &str| s.replace('|', "\\|");
        // An example with a backtick in it needs two around.
        let example =
            if f.example.contains('`') { format!("`` {} ``", f.example) } else { format!("`{}`", f.example) };
        let _ =
            writeln!(out, "| `{}` | {} | {} | {} |", cell(&f.call), f.gives, cell(&f.doc), cell(&example));
    }
}

/// The page of functions.
pub(crate) fn page() -> String {
    let functions = all();
    let mut out = format!(
        "# Functions\n\n{MADE}\n\
         A function is called with values in order: `int(\"42\")`. Arguments are never absent, save where a parameter's type \
         has a `?`; in a source's mapping a call with an absent argument is absent \
         ([presence](expressions.md#absent-values)). A parameter with a `?` behind its name may be left out.\n\n\
         A result marked `?` may fail. In a rule it is then absent, and its presence must be settled. In a source's \
         mapping it rejects the row, so there its type has no `?`.\n\n\
         A *plain value* is anything but a set, a list, a record or a reference; an *ordered value* is one that `<` is \
         defined on, and two of them are of one type. A *string as it stands* is a constant, such as a pattern. Patterns of \
         dates are those of `strftime`: `%Y` year, `%m` month, `%d` day, `%H` hour, `%M` minute, `%S` second. Where a \
         parameter is `text`, a `string` will do.\n\n\
         Each example is a condition that holds; the tests run them.\n\n## Always there\n\n"
    );
    table(&mut out, &functions, "");
    for (module, text) in prov_compile::stdlib() {
        let about =
            text.lines().take_while(|l| l.starts_with("//!")).map(|l| l.trim_start_matches("//!").trim());
        let about = about.map(|l| if l.is_empty() { "\n\n" } else { l }).collect::<Vec<_>>().join(" ");
        let about = about.replace(" \n\n ", "\n\n");
        let _ = writeln!(out, "\n## {module}\n\n{about}\n");
        if let Some(f) = functions.iter().find(|f| f.module == *module) {
            let _ = writeln!(out, "Brought in by name: `use {module}.{{{}}}`.\n", f.name);
        }
        table(&mut out, &functions, module);
    }
    out
}
