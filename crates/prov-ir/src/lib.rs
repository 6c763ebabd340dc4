//! The waist: a checked policy as a typed rule program. The front end makes it, the engines run it; neither knows the
//! other.
//!
//! Invariant: a program that passes [`verify`] can be run on any population of its schema, and the run ends with a value.

mod kernel;
mod observed;
mod print;
mod program;
mod timely;
mod verify;

pub use kernel::{Compiler, Coverage, Kernel, Kernels};
pub use observed::Observed;
pub use print::print;
pub use program::{
    AccountProgram, Arm, ArmPattern, AttributeProgram, CorrelateProgram, EachProgram, EndProgram, Expr,
    ExprId, ExprKind, FederationProgram, ForbidProgram, GrantProgram, GrantValue, InstanceProgram,
    LifecycleProgram, Local, Node, Program, Quant, RequestableProgram, RuleProgram, SourceProgram, StrPart,
    UniqueName,
};
pub use timely::{Untimely, UntimelyAt, untimely, zone_attributes};
pub use verify::{VerifyError, verify};
