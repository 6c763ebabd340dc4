//! What Prov granted to someone, as memory holds it. Invariant: a value stands once, as its kind compares, in the spelling
//! in which it was given; values are sorted.

use crate::fold;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Values by app and kind. JSON: `{"erp":{"role":["CRM_BASE","SALES_REP"]}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<String, BTreeMap<String, BTreeSet<String>>>")]
pub struct Granted(BTreeMap<String, BTreeMap<String, Vec<String>>>);

impl Serialize for Granted {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl From<BTreeMap<String, BTreeMap<String, BTreeSet<String>>>> for Granted {
    fn from(read: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>) -> Granted {
        let mut all: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for (app, kinds) in read {
            let kinds = kinds.into_iter().filter(|(_, values)| !values.is_empty());
            let kinds: BTreeMap<String, Vec<String>> =
                kinds.map(|(kind, values)| (kind, values.into_iter().collect())).collect();
            if !kinds.is_empty() {
                all.insert(app, kinds);
            }
        }
        Granted(all)
    }
}

impl Granted {
    /// Whether a value was granted; `folds` says whether its kind compares as `text`.
    pub fn has(&self, app: &str, kind: &str, value: &str, folds: bool) -> bool {
        let Some(values) = self.0.get(app).and_then(|kinds| kinds.get(kind)) else { return false };
        let exact = values.binary_search_by(|v| v.as_str().cmp(value)).is_ok();
        if exact || !folds {
            return exact;
        }
        let folded = fold(value);
        values.iter().any(|v| fold(v) == folded)
    }

    /// Notes a value, if it is not there.
    pub fn give(&mut self, app: &str, kind: &str, value: &str, folds: bool) {
        if self.has(app, kind, value, folds) {
            return;
        }
        let kinds = self.0.entry(app.to_owned()).or_default();
        let values = kinds.entry(kind.to_owned()).or_default();
        let at = values.partition_point(|v| v.as_str() < value);
        values.insert(at, value.to_owned());
    }

    /// All as (app, kind, value), sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.0.iter().flat_map(|(app, kinds)| {
            kinds.iter().flat_map(move |(kind, values)| {
                values.iter().map(move |value| (app.as_str(), kind.as_str(), value.as_str()))
            })
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}
