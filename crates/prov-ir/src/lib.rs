//! The waist: a checked policy as a typed rule program. The front end makes it, the engines run it; neither knows the
//! other.
//!
//! Invariant: a program that passes [`verify`] can be run on any population of its schema, and the run ends with a value.

mod print;
mod program;
mod verify;

pub use print::print;
pub use program::{
    AccountProgram, Arm, ArmPattern, AttributeProgram, EachProgram, Expr, ExprId, ExprKind, ForbidProgram,
    GrantProgram, GrantValue, LifecycleProgram, Local, Node, Program, Quant, RuleProgram, SourceProgram,
    StrPart, UniqueName,
};
pub use verify::{VerifyError, verify};
