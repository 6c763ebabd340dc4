//! What a session does not take on. Invariant: whatever it would get wrong is named here, and refused.

use super::reach::Reach;
use prov_ir::Program;
use prov_model::{Background, RawTable, Schema, SourcePart};

/// Why there is no session, or why a change was not taken: then nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it is that a session can't do.
    pub what: String,
    /// What can be done instead.
    pub help: String,
}

impl Refused {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Refused {
        Refused { what: what.into(), help: help.into() }
    }
}

const FULL_RUN: &str = "plan everyone instead: `Engine::evaluate` and `Engine::plan`";

/// What of a policy makes one result hang on everyone's.
pub(super) fn of_policy(program: &Program, background: &Background, reach: &Reach) -> Option<Refused> {
    let schema = &program.schema;
    let what = if let Some(app) = unique(schema) {
        format!("`{app}` gives names that nobody else has (`unique`)")
    } else if let Some(app) = correlated(schema) {
        format!("`{app}` finds accounts by their attributes (`correlate`)")
    } else if !background.memory.links.is_empty() {
        "memory knows whose the accounts are that name nobody".to_owned()
    } else if let Some(protect) = schema.protects.first() {
        format!("`{}` counts all members", schema.rule(protect.rule).name)
    } else if let Some(limit) = schema.limits.first() {
        format!("`{}` counts all holders", schema.rule(limit.rule).name)
    } else if let Some(source) = joined_by_value(schema) {
        format!("source `{source}` finds identities by another attribute than their key")
    } else if reach.unclear {
        "a condition reads other identities in a way that can't be followed".to_owned()
    } else {
        return None;
    };
    Some(Refused::new(format!("a session does not cover this policy: {what}"), FULL_RUN))
}

/// A source of which rows may be lacking: whom it does not bring may be there all the same.
pub(super) fn of_source(schema: &Schema, source: u32, table: &RawTable, keyless: bool) -> Option<Refused> {
    (table.incomplete || keyless).then(|| {
        let name = &schema.sources[source as usize].name;
        Refused::new(
            format!("a session needs every row of source `{name}`: some could not be read, or are of nobody"),
            "mend the file, or plan everyone instead: what its rows may say is then held",
        )
    })
}

fn unique(schema: &Schema) -> Option<&str> {
    schema.unique_attributes().next().map(|(app, ..)| schema.app(app).name.as_str())
}

fn correlated(schema: &Schema) -> Option<&str> {
    let mut apps = schema.apps.iter();
    apps.find(|a| a.account.as_ref().is_some_and(|a| !a.correlate.is_empty())).map(|a| a.name.as_str())
}

fn joined_by_value(schema: &Schema) -> Option<&str> {
    let by_value = |source: &&prov_model::SourceDef| {
        let key = schema.identity(source.identity).key;
        match source.part {
            SourcePart::Authoritative => false,
            SourcePart::Enriching(joins) | SourcePart::Elements { joins, .. } => joins != key,
        }
    };
    schema.sources.iter().find(by_value).map(|s| s.name.as_str())
}
