//! The diff: what must be done for everyone to have what they should. Invariant: a pure function of its input; people
//! are worked on in chunks of a fixed size, so that the number of threads leaves no trace.

use crate::granted::gave;
use crate::guards::{Tally, guarded, verdicts};
use crate::limit::{self, Seats};
use crate::memory::trusted;
use crate::names::{Claims, Wish, claims};
use crate::order::AppOrder;
use crate::person::{Buffers, person};
use crate::plan::{Action, NONE};
use crate::protect::{self, Members, Protected};
use crate::quiet::Quiet;
use crate::reasons::Timed;
use crate::standing::World;
use crate::{Because, Cause, Finding, Header, Plan, Reasons, SourceRows};
use prov_model::{
    Actual, AppId, Desired, EntId, Granted, Ids, KindId, Memory, Phase, Schema, Stopwatch, Type, timed,
};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// People in a chunk.
const CHUNK: usize = 2048;

/// What a plan is made of.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// What the policy declares.
    pub schema: &'a Schema,
    /// What everyone should have.
    pub desired: &'a Desired,
    /// What everyone has.
    pub actual: &'a Actual,
    /// What is known of the past.
    pub memory: &'a Memory,
    /// Who knows the rules.
    pub reasons: &'a dyn Reasons,
    /// The policy's hash.
    pub policy: &'a str,
    /// The version of Prov.
    pub engine: &'a str,
    /// What measures phases, if anything does.
    pub watch: Option<&'a Stopwatch>,
}

/// Whether an entitlement of the actual state is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Ours to revoke.
    Managed,
    /// Never touched.
    Unmanaged,
    /// Ours, and stays.
    Irrevocable,
}

/// What all people's diffs share.
pub(crate) struct Context<'a> {
    pub input: PlanInput<'a>,
    pub world: World<'a>,
    pub order: AppOrder,
    pub trusted: Vec<bool>,
    /// By actual id: the number shared with the desired ids. Desired ids keep theirs.
    pub common: Vec<u32>,
    /// By actual id: its app, and whether it is ours, whoever granted it.
    pub class: Vec<(AppId, Class)>,
    /// By actual id: the bit of its app, where it is ours whoever granted it and apps are few enough for one word.
    pub managed_in: Vec<u64>,
    pub claims: Claims,
    pub quiet: Quiet,
    /// By [`Ent`]: the guards that are of it; empty where no guard is of single entitlements.
    guarded: Vec<SmallVec<[u32; 2]>>,
    pub protected: Protected<'a>,
    /// By actual id: whether a forbid, a separation or an exception speaks of it; empty where there are none.
    pub watched: Vec<bool>,
    /// By [`Ent`]: the limits that are of it.
    pub limited: Vec<SmallVec<[u32; 2]>>,
}

/// An entitlement of either state as drafts and actions hold it until the plan is put together: desired ids as they
/// are, actual ids after them.
pub(crate) type Ent = u32;

impl<'a> Context<'a> {
    pub(crate) fn new(input: PlanInput<'a>) -> Self {
        let PlanInput { schema, desired, actual, memory, .. } = input;
        let world = World { schema, desired, memory, actual };
        let after = desired.entitlements.len() as u32;
        let (common, class): (Vec<u32>, Vec<(AppId, Class)>) = actual
            .entitlements
            .iter()
            .map(|(id, e)| {
                let found = desired.entitlements.find(e.app, e.kind, &e.value, folds(schema, e.app, e.kind));
                let common = match found {
                    Some(d) => desired.entitlements.same_as(d).0,
                    None => after + actual.entitlements.same_as(id).0,
                };
                (common, (e.app, class(schema, e.app, e.kind, &e.value)))
            })
            .unzip();
        let few = schema.apps.len() <= 64;
        let bit = |(app, class): &(AppId, Class)| u64::from(few && *class == Class::Managed) << (app.0 % 64);
        let managed_in = class.iter().map(bit).collect();
        let trusted = trusted(&world);
        let order = AppOrder::new(schema);
        let all = || desired.entitlements.iter().chain(actual.entitlements.iter()).map(|(_, e)| e);
        let protected = Protected::new(schema, all());
        let guarded = guarded(schema, all());
        let limited = limit::limited(schema, all());
        let watched = crate::violations::watched(schema, actual, &desired.exceptions);
        let claims = Claims::default();
        let quiet = Quiet::new(&input);
        Context {
            input,
            world,
            order,
            trusted,
            common,
            class,
            managed_in,
            claims,
            quiet,
            guarded,
            protected,
            watched,
            limited,
        }
    }

    /// Whether no guard is of single entitlements.
    pub fn guarded_none(&self) -> bool {
        self.guarded.is_empty()
    }

    /// The guards of single entitlements that are of this one.
    pub fn guards_of(&self, ent: Ent) -> &[u32] {
        self.guarded.get(ent as usize).map_or(&[], |g| g)
    }

    /// Whether what someone holds is ours, by what memory says Prov granted them.
    pub fn class_for(&self, id: EntId, granted: Option<&Granted>) -> Class {
        let class = self.class[id.0 as usize].1;
        let PlanInput { schema, actual, .. } = self.input;
        let gave = || granted.is_some_and(|g| gave(schema, g, actual.entitlements.get(id)));
        if class == Class::Unmanaged && gave() { Class::Managed } else { class }
    }

    /// The number that an entitlement of the actual state has among all.
    pub fn ent_of_actual(&self, id: EntId) -> Ent {
        self.input.desired.entitlements.len() as u32 + id.0
    }

    /// App, kind and value of an entitlement of either state.
    pub fn entitlement(&self, ent: Ent) -> &'a prov_model::Entitlement {
        let desired = &self.input.desired.entitlements;
        match (ent as usize).checked_sub(desired.len()) {
            None => desired.get(EntId(ent)),
            Some(i) => self.input.actual.entitlements.get(EntId(i as u32)),
        }
    }
}

/// Whether values of a kind compare as `text`.
pub(crate) fn folds(schema: &Schema, app: AppId, kind: KindId) -> bool {
    schema.kind(app, kind).types.contains(&Type::Text)
}

fn class(schema: &Schema, app: AppId, kind: KindId, value: &str) -> Class {
    if schema.kind(app, kind).irrevocable {
        return Class::Irrevocable;
    }
    if schema.manages(app, kind, value) { Class::Managed } else { Class::Unmanaged }
}

/// What one chunk of people gives. Symbols of actions below the number of apps are apps; the others are `names`.
#[derive(Default)]
pub(crate) struct Part<'a> {
    pub names: Vec<Box<str>>,
    /// Names to be given to accounts.
    pub wishes: Vec<Wish<'a>>,
    /// Leavers' disables and kills; leavers' revokes and deletes; everything else.
    pub sections: [Vec<Action>; 3],
    pub causes: Vec<Vec<Cause>>,
    pub cause_index: FxHashMap<Vec<Cause>, u32>,
    pub findings: Vec<Finding>,
    pub tally: Tally,
    /// Holders by actual id that stands for all spellings.
    pub unmanaged: FxHashMap<u32, u64>,
    /// Accounts by app, where the app has no account block.
    pub unmanaged_accounts: FxHashMap<u32, u64>,
    /// Members of what is protected, by shared number.
    pub members: FxHashMap<u32, Members<'a>>,
    /// Holders of what is limited, by limit; empty where there was nobody to count.
    pub seats: Vec<Seats<'a>>,
}

/// Makes the plan that takes the actual state to the desired one.
pub fn plan(input: PlanInput<'_>) -> Plan {
    let timed = input.watch.map(|watch| Timed { reasons: input.reasons, watch });
    let input = match &timed {
        Some(timed) => PlanInput { reasons: timed, ..input },
        None => input,
    };
    if input.desired.links.is_empty() {
        return compare(input);
    }
    let linked = input.actual.linked(&input.desired.links);
    compare(PlanInput { actual: &linked, ..input })
}

fn compare(input: PlanInput<'_>) -> Plan {
    let drafted = timed(input.watch, Phase::Diff, || draft(input));
    timed(input.watch, Phase::Assemble, || assemble(&drafted.context, drafted.parts, &drafted.members))
}

/// What is put together to a plan.
struct Drafted<'a> {
    context: Context<'a>,
    parts: Vec<Part<'a>>,
    members: BTreeMap<u32, Members<'a>>,
}

fn draft(input: PlanInput<'_>) -> Drafted<'_> {
    let mut context = Context::new(input);
    let chunks = chunks(&input.desired.ids, &input.actual.ids);
    let all: Vec<usize> = (0..chunks.len()).collect();
    let mut parts = work(&context, &chunks, &all);
    context.claims = claims(&context, parts.iter().flat_map(|p| &p.wishes).copied());
    // Names that can't be given are known only now: chunks of whom that concerns are worked on again.
    let blocked = |p: &Part<'_>| p.wishes.iter().any(|w| context.claims.contains_key(&(w.position, w.app)));
    let again: Vec<usize> = all.into_iter().filter(|&i| blocked(&parts[i])).collect();
    for (i, part) in again.iter().zip(work(&context, &chunks, &again)) {
        parts[*i] = part;
    }
    let members = protect(&mut context, &chunks, &mut parts);
    Drafted { context, parts, members }
}

/// Holds back what would leave too few members of something protected. To hold one back may keep others from coming, so
/// that is asked until nothing more is held back. Gives the members that there are then.
fn protect<'a>(
    context: &mut Context<'a>,
    chunks: &[(Range, Range)],
    parts: &mut [Part<'a>],
) -> BTreeMap<u32, Members<'a>> {
    loop {
        let members = protect::members(parts);
        let more: BTreeSet<u32> = protect::too_few(context.input.schema, &members).collect();
        if more.is_empty() {
            return members;
        }
        let again: Vec<usize> = (0..parts.len()).filter(|&i| protect::concerns(&parts[i], &more)).collect();
        // INVARIANT: what is closed has no revokes that count, so that each round closes another entitlement.
        context.protected.closed.extend(more);
        for (i, part) in again.iter().zip(work(context, chunks, &again)) {
            parts[*i] = part;
        }
    }
}

pub(crate) fn work<'a>(context: &Context<'a>, chunks: &[(Range, Range)], which: &[usize]) -> Vec<Part<'a>> {
    let input = &context.input;
    which
        .par_iter()
        .with_min_len(8)
        .map_init(
            || Buffers::new(context),
            |buffers, &i| {
                let (desired, actual) = chunks[i].clone();
                let mut part = Part { tally: Tally::new(input.schema), ..Part::default() };
                merge(input, desired, actual, |id, d, a| person(context, buffers, &mut part, id, d, a));
                part
            },
        )
        .collect()
}

pub(crate) type Range = std::ops::Range<usize>;

/// Pairs of ranges of both lists of ids that hold the same span of ids.
pub(crate) fn chunks(desired: &[Box<str>], actual: &Ids) -> Vec<(Range, Range)> {
    let by_desired = desired.len() >= actual.len();
    let (long, short) =
        if by_desired { (desired.len(), actual.len()) } else { (actual.len(), desired.len()) };
    let starts: Vec<usize> = (0..long).step_by(CHUNK).collect();
    let mut chunks = Vec::with_capacity(starts.len());
    let mut from = 0;
    for (i, &start) in starts.iter().enumerate() {
        let (end, until) = match starts.get(i + 1) {
            Some(&next) if by_desired => (next, actual.partition_point(|id| *id < *desired[next])),
            Some(&next) => (next, desired.partition_point(|id| **id < actual[next])),
            None => (long, short),
        };
        let (l, s) = (start..end, from..until);
        chunks.push(if by_desired { (l, s) } else { (s, l) });
        from = until;
    }
    chunks
}

/// Calls `f` with every id of both ranges in order, and where it stands in each.
fn merge<'a>(
    input: &PlanInput<'a>,
    desired: Range,
    actual: Range,
    mut f: impl FnMut(&'a str, Option<u32>, Option<u32>),
) {
    let (d, a) = (Cell::new(desired.start), Cell::new(actual.start));
    let next = |at: &Cell<usize>| {
        at.set(at.get() + 1);
        Some(at.get() as u32 - 1)
    };
    while d.get() < desired.end || a.get() < actual.end {
        let left = (d.get() < desired.end).then(|| &*input.desired.ids[d.get()]);
        let right = (a.get() < actual.end).then(|| &input.actual.ids[a.get()]);
        match (left, right) {
            (Some(l), Some(r)) if l == r => f(l, next(&d), next(&a)),
            (Some(l), r) if r.is_none_or(|r| l < r) => f(l, next(&d), None),
            (_, Some(r)) => f(r, None, next(&a)),
            (_, None) => break,
        }
    }
}

fn assemble(context: &Context<'_>, mut parts: Vec<Part<'_>>, members: &BTreeMap<u32, Members<'_>>) -> Plan {
    let PlanInput { schema, desired, .. } = context.input;
    let apps = schema.apps.len() as u32;
    let mut plan = Plan {
        header: header(&context.input),
        findings: Vec::new(),
        actions: Vec::with_capacity(parts.iter().flat_map(|p| &p.sections).map(Vec::len).sum()),
        strings: schema.apps.iter().map(|a| a.name.as_str().into()).collect(),
        entitlements: Vec::new(),
        causes: Vec::new(),
    };
    let mut tally = Tally::new(schema);
    let (mut unmanaged, mut accounts) = (FxHashMap::default(), FxHashMap::default());
    let mut causes: FxHashMap<Vec<Cause>, u32> = FxHashMap::default();
    let mut cause_maps = Vec::with_capacity(parts.len());
    let mut name_bases = Vec::with_capacity(parts.len());
    for part in &mut parts {
        name_bases.push(plan.strings.len() as u32 - apps);
        plan.strings.append(&mut part.names);
        cause_maps.push(
            part.causes
                .drain(..)
                .map(|list| {
                    let next = plan.causes.len() as u32;
                    *causes.entry(list).or_insert_with_key(|list| {
                        let list = list.iter().map(|c| Because::of(&context.input, c.clone())).collect();
                        plan.causes.push(Because::in_order(list));
                        next
                    })
                })
                .collect::<Vec<_>>(),
        );
        plan.findings.append(&mut part.findings);
        tally.add(std::mem::take(&mut part.tally));
        part.unmanaged.drain().for_each(|(k, n)| *unmanaged.entry(k).or_default() += n);
        part.unmanaged_accounts.drain().for_each(|(k, n)| *accounts.entry(k).or_default() += n);
    }
    // Where each part's sections begin in the plan.
    let mut bases = vec![[0u32; 3]; parts.len()];
    let mut next = 0;
    for section in 0..3 {
        for (base, part) in bases.iter_mut().zip(&parts) {
            base[section] = next;
            next += part.sections[section].len() as u32;
        }
    }
    let mut used: FxHashMap<Ent, u32> = FxHashMap::default();
    for section in 0..3 {
        for (index, part) in parts.iter_mut().enumerate() {
            for mut action in std::mem::take(&mut part.sections[section]) {
                let shift = |symbol: u32| {
                    if symbol < apps || symbol == NONE { symbol } else { symbol + name_bases[index] }
                };
                action.identity = shift(action.identity);
                action.account = shift(action.account);
                action.because = cause_maps[index][action.because as usize];
                for after in &mut action.after {
                    *after = bases[index][section_of(*after)] + place_in(*after);
                }
                action.after.sort_unstable();
                if action.entitlement != NONE {
                    let next = plan.entitlements.len() as u32;
                    action.entitlement = *used.entry(action.entitlement).or_insert_with_key(|&ent| {
                        let e = context.entitlement(ent);
                        let kind = &schema.kind(e.app, e.kind).name;
                        plan.entitlements.push((kind.as_str().into(), e.value.clone()));
                        next
                    });
                }
                plan.actions.push(action);
            }
        }
    }
    let shared = used.iter().map(|(&ent, &place)| (place, context.shared(ent))).collect();
    protect::hand_over(context, &mut plan.actions, &plan.strings, &shared, members);
    protect::findings(context, members, &mut plan.findings);
    limit::findings(context, &parts, &mut plan.findings);
    crate::findings::common(context, &unmanaged, &accounts, &mut plan.findings);
    plan.findings.sort_by(Finding::order);
    plan.header.people = desired.ids.len() as u64;
    plan.header.guards = verdicts(&context.input, &tally);
    plan.count();
    plan
}

/// A place in a section of a part, in one number.
pub(crate) fn place(section: usize, index: usize) -> u32 {
    (section as u32) << 30 | index as u32
}

fn section_of(place: u32) -> usize {
    (place >> 30) as usize
}

fn place_in(place: u32) -> u32 {
    place & ((1 << 30) - 1)
}

fn header(input: &PlanInput<'_>) -> Header {
    let at = &input.desired.at;
    Header {
        policy: input.policy.to_owned(),
        engine: input.engine.to_owned(),
        at: at.now.to_string(),
        today: at.today.to_string(),
        zone: at.zone.name(),
        sources: input
            .desired
            .counts
            .iter()
            .map(|c| (c.source.clone(), SourceRows { rows: c.rows, rejected: c.rejected }))
            .collect(),
        ..Header::default()
    }
}
