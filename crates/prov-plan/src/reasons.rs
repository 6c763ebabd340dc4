//! What the diff asks of whoever knows the rules. Invariant: it asks only about what stands in the plan.

use crate::Because;
use prov_model::{AppId, EntId, Entitlement, KindId, Phase, RuleId, RuleKind, Stopwatch, Violation};

/// What causes a change: a rule (`line` is that of the very grant in it, or 0 for the rule's head), or an exception.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A rule of the policy.
    Rule {
        /// Which.
        rule: RuleId,
        /// A line of its file, from 1; 0 = the rule's own.
        line: u32,
    },
    /// An instance of a role with parameters.
    Instance {
        /// The role.
        rule: RuleId,
        /// A line of its file, from 1; 0 = the rule's own.
        line: u32,
        /// Its arguments, as shown: `("A3")`.
        args: Box<str>,
    },
    /// An exception, by position in [`prov_model::Desired::exceptions`].
    Exception(u32),
}

impl From<RuleId> for Cause {
    fn from(rule: RuleId) -> Cause {
        Cause::Rule { rule, line: 0 }
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

    /// Why an entitlement would be given, or withheld, if what is observed were applied: the observed rules, or those that
    /// they move.
    fn would(&self, position: u32, entitlement: EntId, gives: bool, out: &mut Vec<Cause>) {
        let _ = (position, entitlement, gives, out);
    }

    /// The rules that say no to what someone goes on holding, though no rule gives it: `stays` is all of that, for an
    /// identity that is neither held nor a leaver.
    fn violations(&self, position: u32, stays: &[Entitlement], out: &mut Vec<Violation>) {
        let _ = (position, stays, out);
    }

    /// The rule of an account, where it is another than the app's account block.
    fn account(&self, position: u32, app: AppId, question: AccountQuestion, out: &mut Vec<Cause>) {
        let _ = (position, app, question, out);
    }
}

/// The same answers, timed.
pub(crate) struct Timed<'a> {
    pub reasons: &'a dyn Reasons,
    pub watch: &'a Stopwatch,
}

impl Reasons for Timed<'_> {
    fn grant(&self, position: u32, entitlement: EntId, out: &mut Vec<Cause>) {
        self.watch.time(Phase::Reasons, || self.reasons.grant(position, entitlement, out));
    }

    fn loss(&self, position: u32, loss: Loss<'_>, out: &mut Vec<Cause>) {
        self.watch.time(Phase::Reasons, || self.reasons.loss(position, loss, out));
    }

    fn would(&self, position: u32, entitlement: EntId, gives: bool, out: &mut Vec<Cause>) {
        self.watch.time(Phase::Reasons, || self.reasons.would(position, entitlement, gives, out));
    }

    fn violations(&self, position: u32, stays: &[Entitlement], out: &mut Vec<Violation>) {
        self.watch.time(Phase::Reasons, || self.reasons.violations(position, stays, out));
    }

    fn account(&self, position: u32, app: AppId, question: AccountQuestion, out: &mut Vec<Cause>) {
        self.watch.time(Phase::Reasons, || self.reasons.account(position, app, question, out));
    }
}

/// Knows no reasons: every action names the app or its account block.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReasons;

impl Reasons for NoReasons {
    fn grant(&self, _: u32, _: EntId, _: &mut Vec<Cause>) {}
}

impl Because {
    pub(crate) fn of(input: &crate::diff::PlanInput<'_>, cause: Cause) -> Because {
        match cause {
            Cause::Rule { rule, line } => {
                let rule = input.schema.rule(rule);
                let line = if line == 0 { rule.line } else { line };
                Because { rule: rule.name.clone(), file: rule.file.clone(), line, kind: rule.kind }
            }
            Cause::Instance { rule, line, args } => {
                let plain = Because::of(input, Cause::Rule { rule, line });
                Because { rule: format!("{}{args}", plain.rule), ..plain }
            }
            Cause::Exception(number) => {
                let exception = input.desired.exceptions.get(number as usize);
                let (file, line) = exception.map_or_else(|| ("".into(), 0), |e| e.origin.clone());
                let name = exception.map_or_else(String::new, prov_model::Exception::name);
                let kind = RuleKind::Exception;
                Because { rule: name, file: file.to_string(), line: u32::try_from(line).unwrap_or(0), kind }
            }
        }
    }
}
