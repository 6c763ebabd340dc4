//! What the pure functions need of the past, as one versioned value that goes in and comes out.
//! Invariant: nothing else of the past decides; a key that is not here means "no last run".

use crate::{Date, Entered, Granted, Instant, Keep, NamesMemory};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Memory, version 2. JSON: `{"version":2,"sources":{"hr":{"rows":1234}},"states":{"ID":{"state":"terminated",
/// "since":"2026-03-02"}},"missing":{"ID":"2026-03-02"},"names":{"ad":{"login":{"jdupont":{"owner":"ID",
/// "spelling":"jdupont","base":"jdupont"}}}},"at":"2026-03-02T09:30:00Z","keeps":{"ID":[{"app":"ad","kind":"group","value":"a",
/// "rule":"sales","for":"14 days","until":"2026-03-16T09:30:00Z"}]},"granted":{"ID":{"erp":{"role":["SALES_REP"]}}},"good":{"ID":{"end":null,"status":"active"}}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Always 2 here: [`Memory::from_json`] brings earlier ones to it.
    pub version: u32,
    /// Row counts of the last run, by source.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceMemory>,
    /// When identities entered the state they are in, where a verb waits for a time after that.
    #[serde(default)]
    pub states: BTreeMap<String, Since>,
    /// When identities were first missed by every authoritative source.
    #[serde(default)]
    pub missing: BTreeMap<String, Date>,
    /// Names that `unique` gave or found, by app and attribute.
    #[serde(default, skip_serializing_if = "NamesMemory::is_empty")]
    pub names: NamesMemory,
    /// Whose accounts are that the actual state names nobody for, by app and account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, BTreeMap<String, String>>,
    /// When it was kept, where something counts from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
    /// Grants with `keep` by identity: those that rules give, and those that are held on for a while.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keeps: BTreeMap<String, Vec<Keep>>,
    /// What Prov granted and is still held, by identity; of kinds that no `managed` covers as a whole.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<String, Granted>,
    /// By identity: what was held when a state with `keep entitlements` was entered, and what assignments alone give.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entered: BTreeMap<String, Entered>,
    /// Last good records by identity: attributes by name, as plain text; of those that lifecycles and forbids read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub good: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

/// What is remembered of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceMemory {
    /// Rows of the last run, rejected ones included.
    pub rows: u64,
    /// Rows in which a column held nothing, by column; of columns that a guard looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub empty: BTreeMap<String, u64>,
}

/// A state and the day it was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// The state's name.
    pub state: String,
    /// The first day it was seen.
    pub since: Date,
}

/// Why a memory can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryError {
    /// Not JSON of this form; the reason, with line and column.
    Form(String),
    /// Written by a later version.
    Version(u32),
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            version: Memory::VERSION,
            sources: BTreeMap::new(),
            states: BTreeMap::new(),
            missing: BTreeMap::new(),
            names: NamesMemory::default(),
            links: BTreeMap::new(),
            at: None,
            keeps: BTreeMap::new(),
            granted: BTreeMap::new(),
            entered: BTreeMap::new(),
            good: BTreeMap::new(),
        }
    }
}

impl Memory {
    /// The version this build writes. It reads every one up to it.
    pub const VERSION: u32 = 2;

    /// Reads a memory that [`Memory::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Memory, MemoryError> {
        let mut memory: Memory = serde_json::from_str(text).map_err(|e| MemoryError::Form(e.to_string()))?;
        match memory.version {
            // Version 2 only has more sections than version 1, and those begin empty.
            1..=Self::VERSION => {
                memory.version = Self::VERSION;
                // What holds nothing is no entry: in a file with tables it has no row.
                memory.links.retain(|_, accounts| !accounts.is_empty());
                memory.keeps.retain(|_, keeps| !keeps.is_empty());
                memory.granted.retain(|_, granted| !granted.is_empty());
                memory.good.retain(|_, good| !good.is_empty());
                memory.names.tidy();
                Ok(memory)
            }
            other => Err(MemoryError::Version(other)),
        }
    }

    /// Its JSON, ended by a line feed; the same memory gives the same bytes.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a memory has only string keys") + "\n"
    }
}
