//! What the interpreter promises, on programs built by hand.

mod build;
mod determinism;
mod entitlements;
mod explanations;
mod expressions;
mod presence;
mod sources;
mod strata;
