//! What of a program is observed and not applied (`@stage(observe)`).
//! Invariant: it takes its place among the steps as everything else does, so that a program without this is one that can
//! be run, too.

use crate::Program;
use std::collections::BTreeSet;

/// Positions of what is observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// In [`Program::rules`].
    pub rules: BTreeSet<u32>,
    /// Rule, and position among its grants.
    pub grants: BTreeSet<(u32, u32)>,
    /// In [`prov_model::Schema::forbids`].
    pub forbids: BTreeSet<u32>,
    /// In [`prov_model::Schema::role_forbids`].
    pub role_forbids: BTreeSet<u32>,
    /// In [`prov_model::Schema::separations`].
    pub separations: BTreeSet<u32>,
}

impl Observed {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        !self.gives() && !self.withholds()
    }

    /// Whether there is something observed that would give.
    pub fn gives(&self) -> bool {
        !(self.rules.is_empty() && self.grants.is_empty())
    }

    /// Whether there is something observed that would withhold.
    pub fn withholds(&self) -> bool {
        !(self.forbids.is_empty() && self.role_forbids.is_empty() && self.separations.is_empty())
    }

    /// The first position that is beyond the program.
    pub(crate) fn out_of_range(&self, program: &Program) -> Option<String> {
        let schema = &program.schema;
        let beyond = |set: &BTreeSet<u32>, len: usize, what: &str| {
            set.last().filter(|&&i| i as usize >= len).map(|i| format!("there is no {what} {i}"))
        };
        let grant = self.grants.iter().find(|(rule, grant)| {
            program.rules.get(*rule as usize).is_none_or(|r| *grant as usize >= r.grants.len())
        });
        beyond(&self.rules, program.rules.len(), "rule")
            .or_else(|| grant.map(|(rule, grant)| format!("there is no grant {grant} of rule {rule}")))
            .or_else(|| beyond(&self.forbids, schema.forbids.len(), "forbid"))
            .or_else(|| beyond(&self.role_forbids, schema.role_forbids.len(), "forbid of a role"))
            .or_else(|| beyond(&self.separations, schema.separations.len(), "separation"))
    }
}

impl Program {
    /// The same program with what it observes applied: all of it, or only what gives.
    #[must_use]
    pub fn trial(&self, withholds: bool) -> Program {
        let mut trial = self.clone();
        trial.observed.rules.clear();
        trial.observed.grants.clear();
        if withholds {
            trial.observed = Observed::default();
        }
        trial
    }
}
