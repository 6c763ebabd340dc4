//! What the diff asks of whoever knows the rules. Invariant: it asks only about actions that stand in the plan.

use crate::Because;
use prov_model::{AppId, EntId, KindId, RuleId, Schema};

/// A rule as a cause; `line` is that of the very grant in it, or 0 for the rule's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause {
    /// The rule.
    pub rule: RuleId,
    /// A line of the rule's file, from 1; 0 = the rule's own.
    pub line: u32,
}

impl From<RuleId> for Cause {
    fn from(rule: RuleId) -> Cause {
        Cause { rule, line: 0 }
    }
}

/// Something held that no rule gives any more.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'a> {
    /// The app.
    pub app: AppId,
    /// The kind.
    pub kind: KindId,
    /// The value as it is held.
    pub value: &'a str,
    /// Its id among the desired entitlements, where anybody should have it.
    pub entitlement: Option<EntId>,
}

/// What is asked about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountQuestion {
    /// Why there should be one.
    Wanted,
    /// Why there should be none.
    Unwanted,
    /// Why it has these attributes.
    Attributes,
    /// Why it is enabled.
    Enabled,
    /// Why it is not.
    NotEnabled,
}

/// Answers why. Positions are those of [`prov_model::Desired::ids`]. Answers need no order and may hold doubles; where
/// there is none, the plan names the app or its account block.
pub trait Reasons: Sync {
    /// The rules that give an entitlement (an id of [`prov_model::Desired::entitlements`]) to an identity.
    fn grant(&self, position: u32, entitlement: EntId, out: &mut Vec<Cause>);

    /// The rules that could give what is held, and do not.
    fn loss(&self, position: u32, loss: Loss<'_>, out: &mut Vec<Cause>) {
        let _ = (position, loss, out);
    }

    /// The rule of an account, where it is another than the app's account block.
    fn account(&self, position: u32, app: AppId, question: AccountQuestion, out: &mut Vec<Cause>) {
        let _ = (position, app, question, out);
    }
}

/// Knows no reasons: every action names the app or its account block.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReasons;

impl Reasons for NoReasons {
    fn grant(&self, _: u32, _: EntId, _: &mut Vec<Cause>) {}
}

impl Because {
    pub(crate) fn of(schema: &Schema, cause: Cause) -> Because {
        let rule = schema.rule(cause.rule);
        Because {
            rule: rule.name.clone(),
            file: rule.file.clone(),
            line: if cause.line == 0 { rule.line } else { cause.line },
            kind: rule.kind,
        }
    }
}
