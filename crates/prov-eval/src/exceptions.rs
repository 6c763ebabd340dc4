//! The table `exceptions`: what reviewers deny someone, and which forbids and separations they suspend.
//! Invariant: what an exception does follows from its row, the policy and the moment alone, so it is settled before any
//! step is taken; it never grants.

use crate::facts::Tri;
use crate::interp::{Interp, Subject};
use crate::world::Unknown;
use prov_ir::{Program, RuleProgram};
use prov_model::{
    AppId, Background, Entitlement, Exception, ExceptionIssue, IdentityId, KindId, Moment, Population,
    RawCell, RuleKind, TimePoint, Type, Zone, arguments_key, cell_value, fold, join_values, nfc,
    read_arguments,
};

/// An exception that acts on an identity, or did.
#[derive(Debug)]
pub(crate) struct Acting {
    /// Its position in the background.
    pub number: u32,
    pub until: TimePoint,
    pub effect: Effect,
}

/// What it does.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Withholds the role at this position of the program's rules; of one with parameters, the instance of this key, or
    /// all.
    DenyRole(u32, Option<String>),
    /// Withholds an entitlement, in every account of its app; the value is as it is compared.
    DenyEntitlement(Vec<Entitlement>),
    /// Suspends rules.
    Suspend(Suspends),
}

/// Rules that are suspended, by position.
#[derive(Debug, Default)]
pub(crate) struct Suspends {
    pub forbids: Vec<u32>,
    /// Forbids of roles.
    pub role_forbids: Vec<u32>,
    pub separations: Vec<u32>,
}

/// What an exception does to an identity of a type as long as it lasts, or why it does nothing.
pub(crate) fn effect(
    program: &Program,
    exception: &Exception,
    ty: IdentityId,
    moment: &Moment,
) -> Result<Effect, ExceptionIssue> {
    if exception.allow {
        suspends(program, &exception.what).map(Effect::Suspend)
    } else {
        denies(program, &exception.what, ty, moment)
    }
}

/// The exceptions that do nothing, by position, with why.
pub(crate) fn idle(
    program: &Program,
    population: &Population,
    moment: &Moment,
    background: &Background,
) -> Vec<(u32, ExceptionIssue)> {
    let why = |e: &Exception| match population.find(&program.schema, &e.identity) {
        None => Some(ExceptionIssue::UnknownIdentity),
        Some((ty, _)) => {
            let expired = e.until.has_come(moment).then_some(ExceptionIssue::Expired);
            effect(program, e, ty, moment).err().or(expired)
        }
    };
    let all = background.exceptions.iter().enumerate();
    all.filter_map(|(i, e)| Some((i as u32, why(e)?))).collect()
}

/// The rules that an allow names: by the name under which plans and explanations show them (however it is spaced), or by
/// their reason.
pub(crate) fn suspends(program: &Program, what: &str) -> Result<Suspends, ExceptionIssue> {
    let schema = &program.schema;
    let plain = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
    let asked = plain(what);
    let named = |rule: prov_model::RuleId| {
        let info = schema.rule(rule);
        plain(&info.name) == asked || info.because.as_deref().is_some_and(|b| plain(b) == asked)
    };
    let positions = |rules: &mut dyn Iterator<Item = prov_model::RuleId>| -> Vec<u32> {
        rules.zip(0..).filter(|(rule, _)| named(*rule)).map(|(_, position)| position).collect()
    };
    let forbids = positions(&mut schema.forbids.iter().map(|f| f.rule));
    let role_forbids = positions(&mut schema.role_forbids.iter().map(|f| f.rule));
    let separations = positions(&mut schema.separations.iter().map(|s| s.rule));
    if forbids.is_empty() && role_forbids.is_empty() && separations.is_empty() {
        return Err(ExceptionIssue::UnknownRule);
    }
    Ok(Suspends { forbids, role_forbids, separations })
}

/// All that could be suspended.
pub(crate) fn all(program: &Program) -> Suspends {
    let schema = &program.schema;
    let positions = |count: usize| (0..count as u32).collect();
    Suspends {
        forbids: positions(schema.forbids.len()),
        role_forbids: positions(schema.role_forbids.len()),
        separations: positions(schema.separations.len()),
    }
}

/// What a deny withholds.
fn denies(program: &Program, what: &str, ty: IdentityId, moment: &Moment) -> Result<Effect, ExceptionIssue> {
    let what = what.trim();
    let head = what.split_once('(').map_or(what, |(head, _)| head).trim();
    if !head.contains('.') {
        let role = program.rule_by_name(head).map(|r| (r, &program.rules[r as usize]));
        let role = role.filter(|(_, r)| program.schema.rule(r.rule).kind == RuleKind::Role);
        let (position, rule) = role.ok_or(ExceptionIssue::UnknownRole)?;
        if rule.identity != ty {
            return Err(ExceptionIssue::OtherType);
        }
        let instance = match what.split_once('(') {
            None => None,
            Some((_, rest)) => Some(instance(program, rule, rest).ok_or(ExceptionIssue::UnknownRole)?),
        };
        return Ok(Effect::DenyRole(position, instance));
    }
    entitlement(program, what, &moment.zone)
        .map(Effect::DenyEntitlement)
        .ok_or(ExceptionIssue::UnknownEntitlement)
}

/// Reads the arguments of a role behind its `(`; the one argument may stand without quotes.
pub(crate) fn instance(program: &Program, rule: &RuleProgram, rest: &str) -> Option<String> {
    let inner = rest.trim_end().strip_suffix(')')?.trim();
    let args = match rule.params.len() {
        1 if !inner.starts_with('"') => vec![inner.to_owned()],
        _ => listed(inner)?,
    };
    let values = read_arguments(&args, &rule.params, &program.schema, &program.zone).ok()?;
    (!values.is_empty()).then(|| arguments_key(&values, &rule.params, &program.schema))
}

/// Reads `app.kind("value", …)`; the one value of a kind may stand without quotes, whatever is in it. What is none of
/// the types of the kind names nothing.
fn entitlement(program: &Program, text: &str, zone: &Zone) -> Option<Vec<Entitlement>> {
    let (head, inner) = match text.split_once('(') {
        Some((head, rest)) => (head, rest.trim_end().strip_suffix(')')?.trim()),
        None => (text, ""),
    };
    let (app, kind) = head.trim().rsplit_once('.')?;
    let schema = &program.schema;
    let app = AppId(schema.apps.iter().position(|a| a.name == app.trim())? as u32);
    let kind = KindId(schema.app(app).kinds.iter().position(|k| k.name == kind.trim())? as u32);
    let types = &schema.kind(app, kind).types;
    let count = types.len();
    let values = match count {
        1 if !inner.starts_with('"') => {
            vec![inner.to_owned()].into_iter().filter(|v| !v.is_empty()).collect()
        }
        _ => listed(inner)?,
    };
    if values.len() != count {
        return None;
    }
    let read = |(text, ty): (&String, &Type)| {
        let value = cell_value(RawCell::Text(text), ty, schema, zone).ok()?;
        Some(nfc(&value.plain(ty, schema)).into_owned())
    };
    let value = join_values(&values.iter().zip(types).map(read).collect::<Option<Vec<_>>>()?);
    let value = if program.folds(app, kind) { fold(&value).into_owned() } else { value };
    let value: Box<str> = value.into();
    Some(schema.accounts_of(app).map(|app| Entitlement { app, kind, value: value.clone() }).collect())
}

/// What stands behind a backslash, as in a rule.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    match chars.next()? {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        'u' => {
            let digits: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
        }
        c @ ('"' | '\\') => Some(c),
        _ => None,
    }
}

/// Values with commas between them, each in quotes or bare.
fn listed(text: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let after = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (mut value, mut chars) = (String::new(), quoted.chars());
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => value.push(escaped(&mut chars)?),
                        c @ ('{' | '}') => value.push(chars.next().filter(|twice| *twice == c)?),
                        c => value.push(c),
                    }
                }
                out.push(value);
                chars.as_str().trim_start()
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (bare, after) = rest.split_at(end);
                out.push(bare.trim().to_owned());
                after
            }
        };
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => "",
            None => return None,
        };
    }
    Some(out)
}

impl<'a> Interp<'a> {
    /// The exceptions that act on the identity at hand, at the moment that is looked at.
    fn exceptions(&self) -> impl Iterator<Item = &'a Acting> + use<'a> {
        let all = match (self.subject, self.world.by_hand) {
            (Subject::Identity(ty, row), Some(by_hand)) => by_hand.exceptions(ty, row),
            _ => &[],
        };
        let clock = self.clock;
        all.iter().filter(move |e| !clock.has_come(e.until))
    }

    /// Whether a role may come to the identity at hand and yet not be had.
    pub(crate) fn is_gated(&self) -> bool {
        self.shape.gated || self.exceptions().any(|e| matches!(e.effect, Effect::DenyRole(..)))
    }

    /// The exceptions that deny a role, or the instance of a key.
    pub(crate) fn denials_of_role<'k>(
        &self,
        role: u32,
        instance: Option<&'k str>,
    ) -> impl Iterator<Item = u32> + use<'a, 'k> {
        let denies = move |e: &&'a Acting| match &e.effect {
            Effect::DenyRole(r, of) => *r == role && (of.is_none() || of.as_deref() == instance),
            Effect::DenyEntitlement(_) | Effect::Suspend(_) => false,
        };
        self.exceptions().filter(denies).map(|e| e.number)
    }

    /// The exceptions that deny an entitlement; `value` is as it is compared.
    pub(crate) fn denials(&self, app: AppId, kind: KindId, value: &str) -> Vec<u32> {
        let denied = self.denied();
        let same = |e: &Entitlement| (e.app, e.kind, &*e.value) == (app, kind, value);
        denied.filter(|(_, e)| same(e)).map(|(number, _)| number).collect()
    }

    /// All entitlements that exceptions deny the identity at hand.
    pub(crate) fn denied(&self) -> impl Iterator<Item = (u32, &'a Entitlement)> + use<'a> {
        let all = self.exceptions().filter_map(|e| match &e.effect {
            Effect::DenyEntitlement(denied) => Some(denied.iter().map(|entitlement| (e.number, entitlement))),
            Effect::DenyRole(..) | Effect::Suspend(_) => None,
        });
        all.flatten()
    }

    /// The exceptions that suspend a forbid.
    pub(crate) fn suspending_forbid(&self, position: u32) -> Vec<u32> {
        self.suspending(|s| s.forbids.contains(&position))
    }

    /// The exceptions that suspend a forbid of a role.
    pub(crate) fn suspending_role_forbid(&self, position: u32) -> Vec<u32> {
        self.suspending(|s| s.role_forbids.contains(&position))
    }

    /// The exceptions that suspend a separation.
    pub(crate) fn suspending_separation(&self, position: u32) -> Vec<u32> {
        self.suspending(|s| s.separations.contains(&position))
    }

    fn suspending(&self, names: impl Fn(&Suspends) -> bool) -> Vec<u32> {
        let of = |e: &Acting| match &e.effect {
            Effect::Suspend(suspends) if names(suspends) => Some(e.number),
            Effect::Suspend(_) | Effect::DenyRole(..) | Effect::DenyEntitlement(_) => None,
        };
        self.exceptions().filter_map(of).collect()
    }

    /// A rule that holds, where a row that can't be read may suspend it: then that is not certain.
    pub(crate) fn unless_suspended(&self, holds: Tri, names: impl Fn(&Suspends) -> bool) -> Tri {
        let (Subject::Identity(identity, row), Some(by_hand)) = (self.subject, self.world.by_hand) else {
            return holds;
        };
        if holds == Tri::Yes && by_hand.perhaps(identity, row).iter().any(names) {
            // Nothing of the record is to blame; who has such a row is held for that alone.
            let attr = self.world.program.schema.identity(identity).key;
            return Tri::Unknown(Unknown { identity, row, attr });
        }
        holds
    }
}
