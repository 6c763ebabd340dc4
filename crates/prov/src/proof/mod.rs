//! Proofs: what a policy claims of everyone there can be, decided by a solver, and each counterexample confirmed by the
//! engine.
//!
//! ```
//! # fn main() -> Result<(), prov::Error> {
//! let policy = prov::Policy::from_strings([(
//!     "main.prov",
//!     r#"
//!     identity person { id : string key  kind : enum(employee, contractor) }
//!     source hr of person authoritative {}
//!     app erp via sql { managed all  entitlement role(string) }
//!     role payer when true { grant erp.role("PAY") }
//!     prove safe: never (kind == contractor and has erp.role("PAY"))
//!     "#,
//! )])?;
//! let proofs = prov::proof::prove(&policy, &[])?;
//! assert_eq!(proofs[0].name, "safe");
//! let prov::proof::Verdict::Refuted(example) = &proofs[0].verdict else { panic!("contractors pay") };
//! assert_eq!(example.attributes, [("kind".into(), "contractor".into())]);
//! # Ok(())
//! # }
//! ```
//!
//! Invariant: nothing of the policy's data decides: neither its population nor what people wrote by hand. Only the rows of
//! its tables may be in a counterexample.

mod example;
mod report;

pub use report::{human, json, junit};

use crate::error::Error;
use crate::policy::Policy;
use prov_diag::did_you_mean;
use prov_prove::{Answer, Gap, Question};

/// What became of a claim.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Its name, or its text.
    pub name: String,
    /// As it is written.
    pub text: String,
    /// The file it stands in.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// Its `///` text.
    pub docs: Option<String>,
    /// The answer.
    pub verdict: Verdict,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It holds for every identity, at all times.
    Proved {
        /// Nobody can be as it says before `means`: it says nothing.
        idle: bool,
    },
    /// It does not hold for this one, as the engine confirms.
    Refuted(Box<Counterexample>),
    /// It can't be told.
    Unknown(Vec<Open>),
}

/// What could not be expressed exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// Its text.
    pub text: String,
    /// Why it is open.
    pub why: String,
}

/// An identity that breaks a claim, and what gives it what it should not have.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// Its type.
    pub identity: String,
    /// The day or the instant.
    pub at: String,
    /// Its attributes that matter, as a policy writes their values.
    pub attributes: Vec<(String, String)>,
    /// Those it refers to, by the reference: their attributes that matter.
    pub others: Vec<(String, Vec<(String, String)>)>,
    /// What people wrote, or memory holds, one line each.
    pub rows: Vec<String>,
    /// Why it has what the claim speaks of, as a tree.
    pub why: String,
}

impl Proof {
    /// Whether the claim is proved.
    pub fn is_proved(&self) -> bool {
        matches!(self.verdict, Verdict::Proved { .. })
    }

    /// Whether it is refuted.
    pub fn is_refuted(&self) -> bool {
        matches!(self.verdict, Verdict::Refuted(_))
    }
}

/// The names of all claims, in order of file and place.
pub fn names(policy: &Policy) -> Vec<String> {
    policy.0.claims.iter().flat_map(|c| &c.claims).map(|c| c.name.clone()).collect()
}

/// Decides the claims of a policy: all, or those of these names.
///
/// # Errors
/// [`Error::Input`] where there is no claim of a name.
pub fn prove(policy: &Policy, wanted: &[String]) -> Result<Vec<Proof>, Error> {
    let all = names(policy);
    for name in wanted {
        if !all.contains(name) {
            let near = did_you_mean(name, all.iter().map(String::as_str));
            let help = match (near, all.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) => "the policy claims nothing: write `prove never (…)`".to_owned(),
                (None, false) => "`prov prove` without names decides all".to_owned(),
            };
            return Err(Error::input(format!("there is no proof called `{name}`"), help));
        }
    }
    let Some(claims) = &policy.0.claims else { return Ok(Vec::new()) };
    let confirmer = example::Confirmer::new(policy, &claims.program);
    let mut out = Vec::new();
    for claim in &claims.claims {
        if !wanted.is_empty() && !wanted.contains(&claim.name) {
            continue;
        }
        let question = Question {
            program: &claims.program,
            identity: claim.identity,
            violated: claim.violated,
            exceptions: claim.exceptions,
            catalogs: &policy.0.catalogs,
        };
        let mut confirm = |candidate: &_| confirmer.breaks(claim, candidate);
        let (answer, _) = prov_prove::prove(&question, &mut confirm);
        let verdict = match answer {
            Answer::Proved => Verdict::Proved { idle: is_idle(&question, claim) },
            Answer::Refuted(candidate) => {
                Verdict::Refuted(Box::new(confirmer.counterexample(claim, &candidate)))
            }
            Answer::Unknown(gaps) => Verdict::Unknown(gaps.iter().map(|g| open(policy, g)).collect()),
        };
        let start = policy.sources().start(claim.head);
        out.push(Proof {
            name: claim.name.clone(),
            text: claim.text.clone(),
            file: policy.sources().get(claim.head.source).name.clone(),
            line: start.line,
            docs: claim.docs.clone(),
            verdict,
        });
    }
    Ok(out)
}

/// Whether what stands before `means` can hold for nobody.
fn is_idle(question: &Question<'_>, claim: &prov_compile::Claim) -> bool {
    let Some(premise) = claim.premise else { return false };
    let question = Question { violated: premise, ..*question };
    // Whoever the formula allows is enough here.
    let (answer, _) = prov_prove::prove(&question, &mut |_| true);
    matches!(answer, Answer::Proved)
}

fn open(policy: &Policy, gap: &Gap) -> Open {
    let sources = policy.sources();
    let text = sources.text(gap.span).split_whitespace().collect::<Vec<_>>().join(" ");
    Open {
        file: sources.get(gap.span.source).name.clone(),
        line: sources.start(gap.span).line,
        text,
        why: gap.why.clone(),
    }
}
