//! What the tests of kernels share. Invariant: a program made here has expressions and identities, and nothing that gives
//! anything.

use prov_ir::{Expr, Program};
use prov_model::{AttrId, FieldDef, IdentityDef, Schema, Zone};

/// A type of identity with these attributes, the first of them its key.
pub fn identity(name: &str, attributes: Vec<FieldDef>) -> IdentityDef {
    IdentityDef { name: name.into(), attributes, key: AttrId(0), inverses: vec![], lifecycle: None }
}

/// A program of expressions alone.
pub fn program(schema: Schema, exprs: Vec<Expr>) -> Program {
    Program {
        observed: Default::default(),
        schema,
        zone: Zone::utc(),
        exprs,
        brought: vec![],
        sources: vec![],
        lifecycles: vec![],
        accounts: vec![],
        rules: vec![],
        forbids: vec![],
        role_forbids: vec![],
        federations: vec![],
        kinds: vec![],
        strata: vec![],
        locals: 0,
        zones: Default::default(),
    }
}
