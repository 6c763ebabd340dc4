//! One person and one entitlement, as callers name them.

use crate::error::Error;
use crate::policy::Policy;
use crate::population::{Population, epoch, source_of};
use prov_data::Raw;
use prov_diag::{SourceMap, codes, did_you_mean};
use prov_model::{AppId, IdentityId, KindId, RawCell, RawTable};

/// An identity of a population.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) population: Population,
    pub(crate) who: (IdentityId, u32),
}

impl Population {
    /// An identity by its key (global id: `type:key` where the policy has several identity types).
    ///
    /// # Errors
    /// [`Error::Input`] where there is none.
    pub fn identity(&self, policy: &Policy, id: &str) -> Result<Identity, Error> {
        match self.data.find(policy.schema(), id) {
            Some(who) => Ok(Identity { population: self.clone(), who }),
            None => {
                let ids = self.ids(policy);
                let near = did_you_mean(id, ids.iter().map(String::as_str));
                let help = near.map_or_else(
                    || {
                        format!(
                            "there are {} identities; who is in no source any more is listed by `prov plan`",
                            ids.len()
                        )
                    },
                    |n| format!("did you mean `{n}`?"),
                );
                Err(Error::input(format!("there is no identity `{id}`"), help))
            }
        }
    }
}

impl Identity {
    /// An identity by itself, from the columns that its source maps: for a decision about one person at a time.
    /// Its references lead to nobody.
    ///
    /// ```
    /// let policy = prov::Policy::from_strings([(
    ///     "main.prov",
    ///     r#"
    ///     identity person { id : string key  department : text }
    ///     source hr of person authoritative {}
    ///     app crm via file { managed all  entitlement role(text) }
    ///     role sales when department == "Sales" { grant crm.role("seller") }
    ///     "#,
    /// )])?;
    /// let ann = prov::Identity::from_row(&policy, "person", &[("id", "7"), ("department", "SALES")])?;
    /// let one = policy.compile(prov::Backend::Auto)?.evaluate_one(&ann, &policy.at("2026-03-02")?);
    /// assert_eq!(one.entitlements(), ["crm.role(\"seller\")"]);
    /// # Ok::<(), prov::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Report`] where a value can't be mapped.
    pub fn from_row(policy: &Policy, identity: &str, row: &[(&str, &str)]) -> Result<Identity, Error> {
        let source = source_of(policy, identity)?;
        let mut table = RawTable::new("row", row.iter().map(|(c, _)| (*c).to_owned()).collect());
        table.push(1, row.iter().map(|(_, v)| RawCell::Text(v)));
        let raw = Raw { table, ..Raw::default() };
        let population = Population::of_raws(policy, vec![(source, raw)], &epoch())?;
        if let Some(r) = population.rejections().first() {
            let at = r.column.as_ref().map_or(String::new(), |c| format!(" (column `{c}`)"));
            return Err(Error::input(format!("{}{at}", r.message), "correct the value"));
        }
        let ty = policy.schema().sources[source as usize].identity;
        Ok(Identity { population, who: (ty, 0) })
    }

    /// The population it is of.
    pub fn population(&self) -> &Population {
        &self.population
    }
}

/// An app, a kind of it, or one entitlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlement {
    pub(crate) app: AppId,
    pub(crate) kind: Option<(KindId, String)>,
}

impl Entitlement {
    /// Reads `app.kind("value")`, or `app` for the account and everything in it.
    ///
    /// # Errors
    /// [`Error::Report`] or [`Error::Input`] where it is neither.
    pub fn parse(policy: &Policy, text: &str) -> Result<Entitlement, Error> {
        let schema = policy.schema();
        let app_named = |name: &str| {
            schema.apps.iter().position(|a| a.name == name).map(|i| AppId(i as u32)).ok_or_else(|| {
                let near = did_you_mean(name, schema.apps.iter().map(|a| a.name.as_str()));
                let help = near.map_or_else(
                    || "name an app of the policy".to_owned(),
                    |n| format!("did you mean `{n}`?"),
                );
                Error::input(format!("the policy has no app `{name}`"), help)
            })
        };
        // A second account is called `app.account`, and what is in it `app.account.kind(…)`.
        let seconds = schema.apps.iter().zip(0..).filter_map(|(a, i)| {
            let rest = text.trim().strip_prefix(&*a.name)?;
            let whole = a.second_of.filter(|_| rest.is_empty() || rest.starts_with('.'))?;
            Some((AppId(i), format!("{}{rest}", schema.app(whole).name), rest.is_empty()))
        });
        let second = seconds.last();
        if let Some((app, _, true)) = second {
            return Ok(Entitlement { app, kind: None });
        }
        let text = second.as_ref().map_or(text, |(_, within, _)| within);
        if !text.contains('(') && !text.contains('.') {
            return Ok(Entitlement { app: app_named(text.trim())?, kind: None });
        }
        let mut sources = SourceMap::new();
        let id = sources.add("<argument>", text);
        let parsed = prov_syntax::parse_entitlement(id, text)
            .map_err(|diagnostics| Error::from(crate::Report { diagnostics, sources: sources.clone() }))?;
        let app = match &second {
            Some((app, ..)) => *app,
            None => app_named(&parsed.app.text)?,
        };
        let def = schema.app(app);
        let Some(kind) = def.kinds.iter().position(|k| k.name == parsed.kind.text) else {
            let near = did_you_mean(&parsed.kind.text, def.kinds.iter().map(|k| k.name.as_str()));
            let help = near.map_or_else(
                || {
                    format!(
                        "`{}` has {}",
                        def.name,
                        def.kinds.iter().map(|k| format!("`{}`", k.name)).collect::<Vec<_>>().join(", ")
                    )
                },
                |n| format!("did you mean `{}.{n}`?", def.name),
            );
            return Err(Error::input(
                format!("app `{}` has no entitlement `{}`", def.name, parsed.kind.text),
                help,
            ));
        };
        let values: Vec<String> = parsed
            .args
            .iter()
            .map(|a| plain_text(&a.value).unwrap_or_else(|| sources.text(a.value.span).trim().to_owned()))
            .collect();
        let wanted = def.kinds[kind].types.len();
        if values.len() != wanted {
            return Err(Error::input(
                format!(
                    "`{}.{}` takes {wanted} value{}, not {}",
                    def.name,
                    parsed.kind.text,
                    if wanted == 1 { "" } else { "s" },
                    values.len()
                ),
                format!("see `prov explain-code {}`", codes::WRONG_ARGUMENTS.id),
            ));
        }
        Ok(Entitlement { app, kind: Some((KindId(kind as u32), prov_model::join_values(&values))) })
    }
}

/// What one identity should have.
#[derive(Clone, Debug)]
pub struct OneResult {
    pub(crate) policy: Policy,
    pub(crate) data: prov_eval::OneDesired,
}

impl OneResult {
    /// The global id.
    pub fn id(&self) -> &str {
        &self.data.id
    }

    /// The lifecycle state, where there is one and it is known.
    pub fn state(&self) -> Option<&str> {
        let lifecycle = self.policy.schema().identity(self.data.who.0).lifecycle.as_ref()?;
        Some(&lifecycle.defs.get(self.data.state? as usize)?.name)
    }

    /// Whether the identity's row could not be read, so that what it has is left as it is.
    pub fn is_held(&self) -> bool {
        self.data.hold.is_some()
    }

    /// The entitlements, as `app.kind("value")`, in canonical order.
    pub fn entitlements(&self) -> Vec<String> {
        self.data.holdings.iter().map(|h| show(self.policy.schema(), &h.entitlement)).collect()
    }

    /// Whether an entitlement is held; compared as its kind compares.
    pub fn has(&self, entitlement: &Entitlement) -> bool {
        let Some((kind, value)) = &entitlement.kind else { return false };
        let folds = self.policy.program().folds(entitlement.app, *kind);
        self.data.holdings.iter().any(|h| {
            let e = &h.entitlement;
            (e.app, e.kind) == (entitlement.app, *kind)
                && (*e.value == **value || (folds && prov_model::fold(&e.value) == prov_model::fold(value)))
        })
    }

    /// The accounts it should have: app, name, whether enabled.
    pub fn accounts(&self) -> Vec<(&str, &str, bool)> {
        self.data
            .accounts
            .iter()
            .filter(|a| a.wanted)
            .map(|a| {
                (
                    self.policy.schema().app(a.app).name.as_str(),
                    a.attributes.first().map_or("", |n| n),
                    a.enabled,
                )
            })
            .collect()
    }
}

/// What a text without values in it says.
fn plain_text(e: &prov_syntax::ast::Expr) -> Option<String> {
    let prov_syntax::ast::ExprKind::Str(parts) = &e.kind else { return None };
    let texts = parts.iter().map(|p| match p {
        prov_syntax::ast::StrPart::Text(t) => Some(t.as_str()),
        prov_syntax::ast::StrPart::Expr(_) => None,
    });
    texts.collect()
}

/// A text between quotes, as a policy writes it: quotes, backslashes, braces and control characters are escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '{' | '}' => out.extend([c, c]),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out + "\""
}

/// `app.kind("value")` as a policy writes it.
pub(crate) fn show(schema: &prov_model::Schema, e: &prov_model::Entitlement) -> String {
    use prov_model::Type;
    let kind = schema.kind(e.app, e.kind);
    let values =
        if kind.types.len() == 1 { vec![e.value.to_string()] } else { prov_model::split_values(&e.value) };
    let shown: Vec<String> = values
        .iter()
        .zip(&kind.types)
        .map(|(v, t)| match t {
            Type::Str | Type::Text => quoted(v),
            _ => v.clone(),
        })
        .collect();
    format!("{}.{}({})", schema.app(e.app).name, kind.name, shown.join(", "))
}
