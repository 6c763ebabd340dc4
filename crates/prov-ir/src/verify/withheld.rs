//! What withholds: forbids and separations.
//! Invariant: each names what there is, of the identity type that it is for.

use super::exprs::{Subject, Walk};
use super::{VerifyError, condition, fail, identity, kind, rule_id};
use crate::{Program, RuleProgram};
use prov_model::{NamedRole, Resolve};

pub(super) fn forbids<'p>(program: &'p Program, walk: &mut Walk<'p>) -> Result<(), VerifyError> {
    if program.forbids.len() != program.schema.forbids.len() {
        return fail("forbids", "there is not one program a forbid");
    }
    for (i, (forbid, def)) in program.forbids.iter().zip(&program.schema.forbids).enumerate() {
        let place = format!("forbid {}", i + 1);
        rule_id(program, def.rule, &place)?;
        match (program.schema.apps.get(def.app.index()), def.kind) {
            (None, _) => return fail(place, format!("there is no app {}", def.app.0)),
            (Some(_), Some(k)) => {
                let types = kind(program, def.app, k, &place)?;
                if def.values.len() > types.len() {
                    return fail(place, "it has more patterns than its kind has values");
                }
            }
            (Some(_), None) => {}
        }
        let subject = match forbid.identity {
            Some(id) => {
                identity(program, id, &place)?;
                Subject::Identity(id)
            }
            None => Subject::Nobody,
        };
        if let Some(when) = forbid.when {
            let context = walk.context(subject);
            condition(program, walk, when, &context, &format!("{place}, when"))?;
        }
    }
    Ok(())
}

pub(super) fn role_forbids<'p>(program: &'p Program, walk: &mut Walk<'p>) -> Result<(), VerifyError> {
    if program.role_forbids.len() != program.schema.role_forbids.len() {
        return fail("forbids of roles", "there is not one program a forbid");
    }
    for (i, (forbid, def)) in program.role_forbids.iter().zip(&program.schema.role_forbids).enumerate() {
        let place = format!("forbid {} of a role", i + 1);
        rule_id(program, def.rule, &place)?;
        let of = named_role(program, &def.role, &place)?;
        let subject = match forbid.identity {
            Some(id) if id == of.identity => Subject::Identity(id),
            Some(_) => return fail(place, "it is for another identity type than the role"),
            None => Subject::Nobody,
        };
        if let Some(when) = forbid.when {
            let context = walk.context(subject);
            condition(program, walk, when, &context, &format!("{place}, when"))?;
        }
    }
    Ok(())
}

/// The rule that a forbid or a separation names.
fn named_role<'p>(
    program: &'p Program,
    role: &NamedRole,
    place: &str,
) -> Result<&'p RuleProgram, VerifyError> {
    match program.rules.get(role.position as usize) {
        Some(rule) if rule.rule == role.rule && (role.instance.is_none() || !rule.params.is_empty()) => {
            Ok(rule)
        }
        Some(_) => fail(place, "the role's cause is another's"),
        None => fail(place, format!("there is no rule {}", role.position)),
    }
}

pub(super) fn separations(program: &Program) -> Result<(), VerifyError> {
    for (i, def) in program.schema.separations.iter().enumerate() {
        let place = format!("separation {}", i + 1);
        rule_id(program, def.rule, &place)?;
        if def.at_least < 2 || def.at_least as usize > def.sides.len() {
            return fail(place, "it can't be hit, or is hit by one side");
        }
        if let Resolve::Side(n) = def.resolve
            && n as usize >= def.sides.len()
        {
            return fail(place, "it withholds a side that it does not have");
        }
        for side in &def.sides {
            for role in &side.roles {
                named_role(program, role, &place)?;
            }
            for pattern in &side.patterns {
                match (program.schema.apps.get(pattern.app.index()), pattern.kind) {
                    (None, _) => return fail(place, format!("there is no app {}", pattern.app.0)),
                    (Some(_), Some(k))
                        if pattern.values.len() > kind(program, pattern.app, k, &place)?.len() =>
                    {
                        return fail(place, "it has more patterns than its kind has values");
                    }
                    (Some(_), _) => {}
                }
            }
        }
    }
    Ok(())
}
