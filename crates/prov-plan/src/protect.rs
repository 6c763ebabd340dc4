//! What no plan may take away (`protect`): held against the effects of a plan, whatever their cause.
//! Invariant: of one entitlement all revokes that would cost a member are held back, or none: who stays is never chosen.

use crate::diff::{Context, Ent, Part, folds};
use crate::plan::{Action, NONE};
use crate::{ActionKind, Because, Cause, Finding, FindingKind, Held, PlanInput};
use prov_diag::codes;
use prov_diag::did_you_mean;
use prov_model::{EntId, Entitlement, PatternDef, ProtectWhat, Schema, fold};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// How many of those who are lost a finding names.
const EXAMPLES: usize = 5;

/// Grants that each revoke waits for; with more of them only the first revoke does, and the others wait for that one.
const FEW: usize = 8;

/// What is protected, and what the plan made so far would break.
#[derive(Default)]
pub(crate) struct Protected<'a> {
    /// By global id: the `protect` of it.
    exact: FxHashMap<&'a str, u32>,
    /// The same, of types whose ids compare as `text`.
    folded: FxHashMap<String, u32>,
    /// By [`Ent`]: the `protect` that wants most members of it. Empty where members of nothing are protected.
    of: Vec<u32>,
    /// Entitlements, by shared number, of which nobody who counts as a member loses any.
    pub closed: FxHashSet<u32>,
}

impl<'a> Protected<'a> {
    pub fn new(schema: &'a Schema, all: impl Iterator<Item = &'a Entitlement>) -> Protected<'a> {
        let mut protected = Protected::default();
        let mut members: Vec<(u32, u64, &PatternDef)> = Vec::new();
        for (def, i) in schema.protects.iter().zip(0..) {
            match &def.what {
                ProtectWhat::Identity { id, folds: false } => {
                    protected.exact.insert(id, i);
                }
                ProtectWhat::Identity { id, folds: true } => {
                    protected.folded.insert(fold(id).into_owned(), i);
                }
                ProtectWhat::Members { pattern, at_least } => members.push((i, *at_least, pattern)),
            }
        }
        if members.is_empty() {
            return protected;
        }
        // Of several the one that wants most counts, of equals the first by name.
        members.sort_by_key(|&(i, at_least, _)| (std::cmp::Reverse(at_least), i));
        let strictest = |e: &Entitlement| {
            let value = if folds(schema, e.app, e.kind) { fold(&e.value) } else { (&*e.value).into() };
            members.iter().find(|(_, _, p)| p.covers(e.app, e.kind, &value)).map_or(NONE, |m| m.0)
        };
        protected.of = all.map(strictest).collect();
        protected
    }

    /// The `protect` of an identity.
    pub fn identity(&self, id: &str) -> Option<u32> {
        let exact = self.exact.get(id).copied();
        exact.or_else(|| if self.folded.is_empty() { None } else { self.folded.get(&*fold(id)).copied() })
    }

    /// Whether members of anything are protected.
    pub fn counts_members(&self) -> bool {
        !self.of.is_empty()
    }

    /// The `protect` of an entitlement's members.
    pub fn of(&self, ent: Ent) -> Option<u32> {
        self.of.get(ent as usize).copied().filter(|&p| p != NONE)
    }
}

/// The members of one entitlement, before and after a plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members<'a> {
    /// The `protect` that counts them.
    protect: u32,
    /// Members before and after.
    stays: u64,
    /// New members, and whether a grant makes them that.
    comes: Vec<(&'a str, bool)>,
    /// Members from whom it is revoked, and who would be members but for that.
    taken: u64,
    /// Those whose revoke is held back.
    kept: u64,
    /// Members who are none afterwards for another reason.
    lost: u64,
    /// The first of them.
    who: Vec<&'a str>,
    /// As those who are counted have it; of several spellings the smallest.
    spelled: Option<&'a Entitlement>,
}

/// What becomes of a membership.
pub(crate) enum Fate {
    Stays,
    Comes { granted: bool },
    Taken,
    Kept,
    Lost,
}

impl<'a> Members<'a> {
    fn add(&mut self, other: &Members<'a>) {
        self.protect = other.protect;
        self.stays += other.stays;
        self.comes.extend_from_slice(&other.comes);
        self.taken += other.taken;
        self.kept += other.kept;
        self.lost += other.lost;
        self.who.extend_from_slice(&other.who);
        self.who.truncate(EXAMPLES);
        other.spelled.into_iter().for_each(|e| self.spell(e));
    }

    fn spell(&mut self, ent: &'a Entitlement) {
        if self.spelled.is_none_or(|known| ent.value < known.value) {
            self.spelled = Some(ent);
        }
    }

    /// Members that there are afterwards whatever becomes of the revokes.
    fn certain(&self) -> u64 {
        self.stays + self.comes.len() as u64
    }
}

/// Counts someone's membership. People must come in order of id.
pub(crate) fn count<'a>(
    context: &Context<'a>,
    part: &mut Part<'a>,
    (ent, protect): (Ent, u32),
    id: &'a str,
    fate: Fate,
) {
    let members = part.members.entry(context.shared(ent)).or_default();
    members.protect = protect;
    members.spell(context.entitlement(ent));
    match fate {
        Fate::Stays => members.stays += 1,
        Fate::Comes { granted } => members.comes.push((id, granted)),
        Fate::Taken => members.taken += 1,
        Fate::Kept => members.kept += 1,
        Fate::Lost => {
            members.lost += 1;
            if members.who.len() < EXAMPLES {
                members.who.push(id);
            }
        }
    }
}

/// All parts' members together, by shared number.
pub(crate) fn members<'a>(parts: &[Part<'a>]) -> BTreeMap<u32, Members<'a>> {
    let mut all: BTreeMap<u32, Members<'a>> = BTreeMap::new();
    for part in parts {
        for (shared, members) in &part.members {
            all.entry(*shared).or_default().add(members);
        }
    }
    all
}

fn at_least(schema: &Schema, protect: u32) -> u64 {
    match &schema.protects[protect as usize].what {
        ProtectWhat::Members { at_least, .. } => *at_least,
        ProtectWhat::Identity { .. } => 0,
    }
}

/// The entitlements whose revokes would leave too few members, by shared number.
pub(crate) fn too_few<'p>(
    schema: &'p Schema,
    all: &'p BTreeMap<u32, Members<'_>>,
) -> impl Iterator<Item = u32> + 'p {
    let breaks = |m: &Members<'_>| m.taken > 0 && m.certain() < at_least(schema, m.protect);
    all.iter().filter(move |(_, m)| breaks(m)).map(|(shared, _)| *shared)
}

/// Whether people of a part lose any of these entitlements.
pub(crate) fn concerns(part: &Part<'_>, entitlements: &BTreeSet<u32>) -> bool {
    part.members.iter().any(|(shared, m)| m.taken > 0 && entitlements.contains(shared))
}

/// Where those who come make up the number that those who go leave, who goes waits until they have come: such revokes,
/// and what waits for them, stand last.
pub(crate) fn hand_over(
    context: &Context<'_>,
    actions: &mut Vec<Action>,
    strings: &[Box<str>],
    shared_of: &FxHashMap<u32, u32>,
    all: &BTreeMap<u32, Members<'_>>,
) {
    let schema = context.input.schema;
    let handing: BTreeMap<u32, &Members<'_>> = all
        .iter()
        .filter(|(_, m)| m.taken > 0 && m.stays < at_least(schema, m.protect))
        .map(|(shared, m)| (*shared, m))
        .collect();
    if handing.is_empty() {
        return;
    }
    let mut comes: FxHashMap<u32, FxHashMap<&str, bool>> = FxHashMap::default();
    for (shared, m) in &handing {
        comes.insert(*shared, m.comes.iter().copied().collect());
    }
    let mut waits: BTreeMap<u32, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for (action, i) in actions.iter().zip(0u32..) {
        let id: &str = &strings[action.identity as usize];
        let shared = shared_of.get(&action.entitlement).copied();
        match action.kind {
            ActionKind::Revoke if !action.leaver => {
                if let Some(shared) = shared.filter(|s| handing.contains_key(s)) {
                    waits.entry(shared).or_default().0.push(i);
                }
            }
            ActionKind::Grant => {
                if let Some(shared) = shared.filter(|s| comes.get(s).is_some_and(|c| c.contains_key(id))) {
                    waits.entry(shared).or_default().1.push(i);
                }
            }
            ActionKind::CreateAccount | ActionKind::EnableAccount => {
                for (shared, who) in &comes {
                    let here = context.entitlement_of(*shared).app.0 == action.app;
                    if here && who.get(id) == Some(&false) {
                        waits.entry(*shared).or_default().1.push(i);
                    }
                }
            }
            ActionKind::Revoke
            | ActionKind::RenameAccount
            | ActionKind::UpdateAccount
            | ActionKind::DisableAccount
            | ActionKind::DeleteAccount
            | ActionKind::WriteBack
            | ActionKind::KillSessions => {}
        }
    }
    let mut last = vec![false; actions.len()];
    for (goes, comes) in waits.values() {
        let Some(&first) = goes.first() else { continue };
        for &i in goes {
            last[i as usize] = true;
            let for_these = if comes.len() > FEW && i != first { &[first][..] } else { comes };
            actions[i as usize].after.extend_from_slice(for_these);
        }
    }
    for i in 0..actions.len() {
        // INVARIANT: an action waits only for those before it, which have been decided, or for those who come, who wait
        // for no revoke that is protected.
        last[i] |= actions[i].after.iter().any(|&a| (a as usize) < i && last[a as usize]);
    }
    let mut places = vec![0u32; actions.len()];
    let order = (0..actions.len()).filter(|&i| !last[i]).chain((0..actions.len()).filter(|&i| last[i]));
    for (place, i) in (0u32..).zip(order) {
        places[i] = place;
    }
    let mut moved: Vec<(u32, Action)> = places.iter().copied().zip(std::mem::take(actions)).collect();
    moved.sort_by_key(|(place, _)| *place);
    actions.extend(moved.into_iter().map(|(_, mut action)| {
        let mut after: SmallVec<[u32; 2]> = action.after.iter().map(|&a| places[a as usize]).collect();
        after.sort_unstable();
        after.dedup();
        action.after = after;
        action
    }));
}

/// What is held back of entitlements as a whole, what has too few members, and who is protected and nowhere.
pub(crate) fn findings(context: &Context<'_>, all: &BTreeMap<u32, Members<'_>>, findings: &mut Vec<Finding>) {
    let input = &context.input;
    let schema = input.schema;
    for (shared, m) in all {
        let wants = at_least(schema, m.protect);
        let ent = m.spelled.unwrap_or_else(|| context.entitlement_of(*shared));
        if context.protected.closed.contains(shared) && m.kept > 0 {
            let message = format!(
                "`{}`: {} held back, for {} would be left, and `protect` wants at least {wants}",
                crate::findings::spelled(context, ent),
                plural(m.kept, "one revoke is".to_owned(), format!("{} revokes are", m.kept)),
                counted(m.certain()),
            );
            let mut finding = about(input, FindingKind::Protected, codes::PROTECTED.id, message, ent);
            finding.count = Some(m.kept);
            finding.because = vec![by(input, m.protect)];
            findings.push(finding);
        }
        let after = m.certain() + m.kept;
        if after < wants {
            let lost = match m.lost {
                0 => String::new(),
                n => format!("; {n} can no longer sign in or {}", plural(n, "has left", "have left")),
            };
            let message = format!(
                "`{}` has {} after this plan, and `protect` wants at least {wants}{lost}",
                crate::findings::spelled(context, ent),
                counted(after),
            );
            let mut finding = about(input, FindingKind::TooFew, codes::TOO_FEW.id, message, ent);
            finding.count = Some(after);
            finding.examples = m.who.iter().map(|w| (*w).to_owned()).collect();
            finding.because = vec![by(input, m.protect)];
            findings.push(finding);
        }
    }
    for (def, i) in schema.protects.iter().zip(0..) {
        match &def.what {
            ProtectWhat::Identity { id, folds } => unmatched(input, i, id, *folds, findings),
            ProtectWhat::Members { pattern, at_least } => {
                let seen =
                    |p: &u32| all.keys().any(|s| pattern_covers(context, *p, context.entitlement_of(*s)));
                if !seen(&i) {
                    nobody(context, i, pattern, *at_least, findings);
                }
            }
        }
    }
}

fn pattern_covers(context: &Context<'_>, protect: u32, e: &Entitlement) -> bool {
    let schema = context.input.schema;
    let ProtectWhat::Members { pattern, .. } = &schema.protects[protect as usize].what else { return false };
    let value = if folds(schema, e.app, e.kind) { fold(&e.value) } else { (&*e.value).into() };
    pattern.covers(e.app, e.kind, &value)
}

/// Nobody holds, or gets, what is protected.
fn nobody(
    context: &Context<'_>,
    protect: u32,
    pattern: &PatternDef,
    wants: u64,
    findings: &mut Vec<Finding>,
) {
    let input = &context.input;
    let schema = input.schema;
    let app = &schema.app(pattern.app).name;
    let kind = pattern.kind.map(|k| schema.kind(pattern.app, k));
    let exact = match kind {
        Some(kind) if kind.types.is_empty() => Some(String::new()),
        Some(_) => pattern.exact(),
        None => None,
    };
    let shown = schema.rule(schema.protects[protect as usize].rule).name.clone();
    let shown = shown.strip_prefix("protect ").unwrap_or(&shown);
    let known = || {
        let ids = &input.actual.entitlements;
        let here = ids.iter().filter(|(_, e)| e.app == pattern.app && Some(e.kind) == pattern.kind);
        here.map(|(_, e)| &*e.value)
    };
    let near = exact.as_deref().and_then(|e| did_you_mean(e, known()));
    let hint = near.map_or(String::new(), |n| format!("; is `{n}` meant?"));
    let message = format!("`{shown}` has no members, and `protect` wants at least {wants}{hint}");
    let mut finding = Finding::new(FindingKind::TooFew, codes::TOO_FEW.id, message);
    finding.app = Some(app.clone());
    finding.entitlement = kind.map(|k| Held { kind: k.name.clone(), value: exact });
    finding.count = Some(0);
    finding.because = vec![by(input, protect)];
    findings.push(finding);
}

/// A protected identity that is in no source and in no app.
fn unmatched(input: &PlanInput<'_>, protect: u32, id: &str, folds: bool, findings: &mut Vec<Finding>) {
    let (desired, actual) = (input.desired, input.actual);
    let known = || desired.ids.iter().map(|x| &**x).chain(actual.ids.iter());
    let there = match folds {
        false => desired.position(id).is_some() || actual.ids.find(id).is_some(),
        true => known().any(|x| fold(x) == fold(id)),
    };
    if there {
        return;
    }
    let near = did_you_mean(id, known());
    let hint = near.map_or(String::new(), |n| format!("; is `{n}` meant?"));
    let message = format!("`{id}` is protected, and in no source and no app{hint}");
    let mut finding = Finding::new(FindingKind::UnmatchedProtect, codes::UNMATCHED_PROTECT.id, message);
    finding.identity = Some(id.to_owned());
    finding.because = vec![by(input, protect)];
    findings.push(finding);
}

fn about(
    input: &PlanInput<'_>,
    kind: FindingKind,
    code: &str,
    message: String,
    ent: &Entitlement,
) -> Finding {
    let mut finding = Finding::new(kind, code, message);
    finding.app = Some(input.schema.app(ent.app).name.clone());
    let name = input.schema.kind(ent.app, ent.kind).name.clone();
    finding.entitlement = Some(Held { kind: name, value: Some(ent.value.to_string()) });
    finding
}

pub(crate) fn by(input: &PlanInput<'_>, protect: u32) -> Because {
    Because::of(input, Cause::from(input.schema.protects[protect as usize].rule))
}

fn counted(members: u64) -> String {
    match members {
        0 => "no member".to_owned(),
        1 => "one member".to_owned(),
        n => format!("{n} members"),
    }
}

fn plural<T>(n: u64, one: T, many: T) -> T {
    if n == 1 { one } else { many }
}

impl<'a> Context<'a> {
    /// The number that stands for an entitlement of either state in all its spellings.
    pub(crate) fn shared(&self, ent: Ent) -> u32 {
        let desired = &self.input.desired.entitlements;
        match (ent as usize).checked_sub(desired.len()) {
            None => desired.same_as(EntId(ent)).0,
            Some(i) => self.common[i],
        }
    }

    /// The entitlement of a shared number, as it was first spelled.
    pub(crate) fn entitlement_of(&self, shared: u32) -> &'a Entitlement {
        self.entitlement(shared)
    }
}
