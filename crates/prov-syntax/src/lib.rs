//! Text to tree and back: the grammar, the parser with recovery, the formatter.
//!
//! Invariant: no input makes it panic, overflow the stack or run long; what it can't read becomes a diagnostic, and
//! every item that it can read is in the tree.

pub mod ast;
mod explain;
mod format;
mod grammar;
mod lower;
mod parser;
mod tokens;

pub use format::format;
pub use parser::{comments, parse, parse_entitlement, parse_expr};
pub use tokens::{Token, TokenKind, tokens};
