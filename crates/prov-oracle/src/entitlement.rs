//! An entitlement: its value as spelled and as compared (types.md, "string and text"; files.md, "Actual state").
//! Invariant: two entitlements are the same exactly where their app, kind and compared form are.

use crate::policy::Kind;
use crate::value::Ty;
use crate::world::folded;
use prov_syntax::ast;

/// An entitlement that a rule gives.
#[derive(Clone, Debug)]
pub(crate) struct Ent {
    pub app: String,
    pub kind: String,
    /// As spelled, several values joined by `|`.
    pub value: String,
    /// In the form that is compared.
    pub compared: String,
}

/// An entitlement in an app, or a second account.
pub(crate) fn ent_of(app: &str, what: &ast::EntRef, kind: &Kind<'_>, value: String) -> Ent {
    let compared = compared(kind, &value);
    Ent { app: app.to_owned(), kind: what.kind.text.clone(), value, compared }
}

/// One of each entitlement: of several spellings the smallest stands for all.
pub(crate) fn distinct(mut granted: Vec<Ent>) -> Vec<Ent> {
    granted.sort_by(|a, b| {
        (&a.app, &a.kind, &a.compared, &a.value).cmp(&(&b.app, &b.kind, &b.compared, &b.value))
    });
    granted.dedup_by(|a, b| (&a.app, &a.kind, &a.compared) == (&b.app, &b.kind, &b.compared));
    granted
}

/// Values joined to one spelling (files.md, "Actual state"; decisions.md).
pub(crate) fn join(values: &[String]) -> String {
    match values {
        [one] => one.clone(),
        several => {
            let escaped = several.iter().map(|v| v.replace('\\', "\\\\").replace('|', "\\|"));
            escaped.collect::<Vec<_>>().join("|")
        }
    }
}

/// The values of a joined spelling.
pub(crate) fn split(joined: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = joined.chars();
    while let Some(c) = letters.next() {
        match c {
            '|' => parts.push(String::new()),
            '\\' => parts.last_mut().into_iter().for_each(|p| p.extend(letters.next())),
            c => parts.last_mut().into_iter().for_each(|p| p.push(c)),
        }
    }
    if parts.len() == 1 { vec![joined.to_owned()] } else { parts }
}

/// The form in which a value of a kind is compared: as `text` where one of its types is that (types.md, "string and
/// text").
pub(crate) fn compared(kind: &Kind<'_>, value: &str) -> String {
    folded(value, kind.types.contains(&Ty::Text))
}

/// Whether two are the same entitlement.
pub(crate) fn same(a: &Ent, b: &Ent) -> bool {
    (&a.app, &a.kind, &a.compared) == (&b.app, &b.kind, &b.compared)
}
