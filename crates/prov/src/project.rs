//! `prov.toml`: what a policy is called and where its data lies. Invariant: a key that is not known is an error.

use prov_diag::{Diagnostic, SourceId, Span, codes, did_you_mean};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The project file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The policy's name.
    #[serde(default)]
    pub name: String,
    /// The edition of the language; `2026` is the only one.
    #[serde(default)]
    pub edition: Option<String>,
    /// The zone; it wins over a `timezone` item.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Files of sources, relative to the folder.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Files of tables.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
    /// Files of catalogs, by app and kind.
    #[serde(default)]
    pub catalogs: BTreeMap<String, BTreeMap<String, String>>,
    /// Where the actual state lies.
    #[serde(default)]
    pub actual: ActualWiring,
    /// Where memory lies.
    #[serde(default)]
    pub memory: MemoryWiring,
}

/// `[actual]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActualWiring {
    /// The folder with accounts.csv and entitlements.csv.
    #[serde(default)]
    pub dir: Option<String>,
}

/// `[memory]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryWiring {
    /// The file.
    #[serde(default)]
    pub file: Option<String>,
}

const KEYS: [&str; 8] = ["name", "edition", "timezone", "sources", "tables", "catalogs", "actual", "memory"];

impl Project {
    /// Reads the text of a prov.toml.
    pub(crate) fn parse(source: SourceId, text: &str) -> Result<Project, Vec<Diagnostic>> {
        let project: Project = toml::from_str(text).map_err(|e: toml::de::Error| {
            let range = e.span().unwrap_or(0..0);
            let message = e.message().lines().next().unwrap_or("can't be read").to_owned();
            let word = text.get(range.clone()).unwrap_or("");
            let help = match did_you_mean(word, KEYS) {
                Some(k) => format!("did you mean `{k}`?"),
                None => "`prov explain-code P0501` lists the keys".to_owned(),
            };
            vec![
                Diagnostic::new(&codes::BAD_PROJECT, format!("prov.toml: {message}"))
                    .at(Span::new(source, range.start, range.end), "here")
                    .help(help),
            ]
        })?;
        if let Some(edition) = &project.edition
            && edition != "2026"
        {
            let at = text.find(&format!("\"{edition}\"")).unwrap_or(0);
            return Err(vec![
                Diagnostic::new(&codes::BAD_PROJECT, format!("there is no edition `{edition}`"))
                    .at(Span::new(source, at, at + edition.len() + 2), "unknown edition")
                    .help("this version of Prov knows `edition = \"2026\"`"),
            ]);
        }
        Ok(project)
    }
}
