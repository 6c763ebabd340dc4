//! What of the policy keeps apart: patterns of entitlements, separations, forbids of roles.
//! Invariant: a pattern covers an entitlement by its joined value as compared, whoever asks.

use crate::schema::covers;
use crate::{AppId, KindId, RuleId, ValuePattern};

/// Entitlements, by pattern.
#[derive(Clone, Debug)]
pub struct PatternDef {
    /// The app.
    pub app: AppId,
    /// The kind; none = every kind.
    pub kind: Option<KindId>,
    /// One pattern a value; empty = every value.
    pub values: Vec<ValuePattern>,
    /// Second accounts of the app, whose entitlements it speaks of too.
    pub seconds: Vec<AppId>,
}

impl PatternDef {
    /// Whether it speaks of an entitlement; `folded` is its joined value as compared.
    pub fn covers(&self, app: AppId, kind: KindId, folded: &str) -> bool {
        let of = if self.seconds.contains(&app) { app } else { self.app };
        covers((of, self.kind, &self.values), app, kind, folded)
    }

    /// The same, one for each account of the app.
    pub fn by_account(self) -> Vec<PatternDef> {
        let seconds = self.seconds.clone();
        let one = PatternDef { seconds: Vec::new(), ..self };
        let others = seconds.into_iter().map(|app| PatternDef { app, ..one.clone() });
        std::iter::once(one.clone()).chain(others).collect()
    }

    /// The one value that it names, joined and as compared, where it names one.
    pub fn exact(&self) -> Option<String> {
        let values: Option<Vec<&String>> = self
            .values
            .iter()
            .map(|v| match v {
                ValuePattern::Exactly(v) => Some(v),
                ValuePattern::Any | ValuePattern::Matches(_) => None,
            })
            .collect();
        values.filter(|v| !v.is_empty()).map(|v| crate::join_values(&v))
    }
}

/// A role that a forbid or a separation names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamedRole {
    /// Its position in the rule program.
    pub position: u32,
    /// The role as a cause.
    pub rule: RuleId,
    /// Of a role with parameters, the one instance that is meant ([`crate::arguments_key`]); none = all of it.
    pub instance: Option<Box<str>>,
}

impl NamedRole {
    /// Whether it names an instance of its role; of a role without parameters, `None`.
    pub fn covers(&self, instance: Option<&str>) -> bool {
        self.instance.is_none() || self.instance.as_deref() == instance
    }
}

/// A forbid of a role; its condition is in the rule program under the same position.
#[derive(Clone, Debug)]
pub struct RoleForbidDef {
    /// Its place and reason.
    pub rule: RuleId,
    /// The role.
    pub role: NamedRole,
}

/// What nobody may hold together.
#[derive(Clone, Debug)]
pub struct SeparateDef {
    /// Its place and reason.
    pub rule: RuleId,
    /// Its sides, in order of writing.
    pub sides: Vec<SideDef>,
    /// From how many sides on it is hit.
    pub at_least: u32,
    /// What is done then.
    pub resolve: Resolve,
}

/// One side of a separation.
#[derive(Clone, Debug)]
pub struct SideDef {
    /// As the policy writes it.
    pub shown: String,
    /// Entitlements.
    pub patterns: Vec<PatternDef>,
    /// Roles.
    pub roles: Vec<NamedRole>,
}

/// What a separation that is hit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// Withholds every side that is held.
    All,
    /// Withholds the side of this number.
    Side(u32),
    /// Withholds nothing, and says so.
    Report,
}

impl SideDef {
    /// Whether an entitlement is on it.
    pub fn covers(&self, app: AppId, kind: KindId, folded: &str) -> bool {
        self.patterns.iter().any(|p| p.covers(app, kind, folded))
    }

    /// Whether a role is on it, by its position in the rule program.
    pub fn names(&self, role: u32) -> bool {
        self.roles.iter().any(|r| r.position == role)
    }
}

impl Resolve {
    /// Whether it withholds the side of a number.
    pub fn withholds(self, side: usize) -> bool {
        match self {
            Resolve::All => true,
            Resolve::Side(n) => n as usize == side,
            Resolve::Report => false,
        }
    }
}

impl SeparateDef {
    /// The sides that an entitlement is on.
    pub fn sides_of(&self, app: AppId, kind: KindId, folded: &str) -> impl Iterator<Item = usize> {
        self.sides.iter().enumerate().filter(move |(_, s)| s.covers(app, kind, folded)).map(|(i, _)| i)
    }

    /// Whether one entitlement must go before the other comes, where the separation is applied: they are on different sides, and something is withheld.
    /// The values are compared as their kinds compare.
    pub fn parts(&self, a: (AppId, KindId, &str), b: (AppId, KindId, &str)) -> bool {
        let on = |(app, kind, value): (AppId, KindId, &str)| -> Vec<usize> {
            self.sides_of(app, kind, value).collect()
        };
        let (a, b) = (on(a), on(b));
        self.resolve != Resolve::Report && a.iter().any(|x| b.iter().any(|y| x != y))
    }
}

/// A separation that someone's access hits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeparationHit<E> {
    /// Position in [`crate::Schema::separations`].
    pub separation: u32,
    /// What is on which side, by the side's number; sorted.
    pub items: Vec<(u32, Separated<E>)>,
}

/// Something that a separation keeps apart from something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Separated<E> {
    /// A role, with its arguments as shown ([`crate::arguments_shown`]) where it has parameters.
    Role(RuleId, Box<str>),
    /// An entitlement.
    Entitlement(E),
}
