//! Order: what one person's actions wait for, and how a plan is laid out.
//! Invariant: whatever runs respecting `after` is safe: an account before what it holds, new access before old is
//! taken (old access first where a separation wants it so), revoke before disable before delete, the account that another comes from first made and last deleted.

use crate::{ActionKind, ActionView, Change, Plan};
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use prov_model::{AppId, KindId, Schema, Severity, fold};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::ops::Range;

/// Grants that each revoke names; with more of them only the first revoke does, and the others name that one.
const FEW: usize = 8;

/// Apps in an order in which each comes after the one its accounts come from; those of one depth by name.
pub(crate) struct AppOrder {
    apps: Vec<AppId>,
    rank: Vec<u32>,
    parent: Vec<Option<AppId>>,
}

impl AppOrder {
    pub fn new(schema: &Schema) -> AppOrder {
        let parent: Vec<Option<AppId>> =
            schema.apps.iter().map(|a| a.account.as_ref().and_then(|account| account.from)).collect();
        let mut graph = DiGraph::<(), ()>::new();
        let nodes: Vec<NodeIndex> = schema.apps.iter().map(|_| graph.add_node(())).collect();
        for (child, parent) in parent.iter().enumerate() {
            if let Some(parent) = parent {
                graph.add_edge(nodes[parent.index()], nodes[child], ());
            }
        }
        // The checker refuses circles; were there one, order by name does no harm.
        let mut depth = vec![0; nodes.len()];
        for node in toposort(&graph, None).unwrap_or_default() {
            depth[node.index()] = parent[node.index()].map_or(0, |p| depth[p.index()] + 1);
        }
        let mut apps: Vec<AppId> = (0..nodes.len() as u32).map(AppId).collect();
        apps.sort_by_key(|&a| (depth[a.index()], a));
        let mut rank = vec![0; apps.len()];
        for (i, app) in apps.iter().enumerate() {
            rank[app.index()] = i as u32;
        }
        AppOrder { apps, rank, parent }
    }

    /// All apps, each after its parent.
    pub fn apps(&self) -> impl Iterator<Item = AppId> + '_ {
        self.apps.iter().copied()
    }

    /// The place of an app in that order.
    pub fn rank(&self, app: AppId) -> u32 {
        self.rank[app.index()]
    }

    /// The app whose account comes first.
    pub fn parent(&self, app: AppId) -> Option<AppId> {
        self.parent[app.index()]
    }
}

/// An action of one person before it has its place.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub kind: ActionKind,
    pub app: AppId,
    pub account: Option<&'a str>,
    /// [`crate::plan::NONE`] where there is none.
    pub ent: u32,
    pub changes: Option<Box<[Change]>>,
    pub because: u32,
    pub risk: Option<Severity>,
    /// A revoke that a separation wants before some grant.
    pub early: bool,
}

/// What one app's actions of a person are, by position among the drafts.
#[derive(Debug, Default)]
struct Steps {
    /// Create, rename, update, enable.
    account: Option<Range<u32>>,
    /// The create or rename, on which accounts that come from this one wait.
    base: Option<u32>,
    /// Revokes that come before grants.
    early: Option<Range<u32>>,
    grants: Option<Range<u32>>,
    revokes: Option<Range<u32>>,
    disables: Option<Range<u32>>,
    kill: Option<u32>,
    deletes: Option<Range<u32>>,
}

/// Where an action of a person goes: its section of the plan, and the drafts that it waits for.
pub(crate) type Placed = (usize, SmallVec<[u32; 2]>);

/// The section of an action, and its turn in there among those of the same person.
fn turn(kind: ActionKind, leaver: bool, early: bool) -> (usize, u8) {
    let (lane, main) = match kind {
        ActionKind::CreateAccount
        | ActionKind::RenameAccount
        | ActionKind::UpdateAccount
        | ActionKind::EnableAccount => ((1, 0), 0),
        ActionKind::Grant => ((1, 1), 2),
        ActionKind::Revoke => ((1, 2), if early { 1 } else { 3 }),
        ActionKind::DisableAccount => ((0, 0), 4),
        ActionKind::KillSessions => ((0, 1), 5),
        ActionKind::DeleteAccount => ((1, 3), 6),
        ActionKind::WriteBack => ((1, 4), 7),
    };
    if leaver { lane } else { (2, main) }
}

/// Sorts one person's actions into the order they stand in the plan, and says what each waits for. `key` orders
/// entitlements; `parts` says whether a separation wants a revoke before a grant.
pub(crate) fn arrange<'a, K: Ord>(
    order: &AppOrder,
    leaver: bool,
    drafts: &mut [Draft<'a>],
    key: impl Fn(&Draft<'a>) -> K,
    parts: impl Fn(&Draft<'a>, &Draft<'a>) -> bool,
) -> Vec<Placed> {
    drafts.sort_by(|a, b| {
        let place = |d: &Draft<'_>| {
            let rank = order.rank(d.app);
            let rank = if d.kind == ActionKind::DeleteAccount { u32::MAX - rank } else { rank };
            (turn(d.kind, leaver, d.early), rank, d.kind)
        };
        place(a).cmp(&place(b)).then_with(|| key(a).cmp(&key(b)))
    });
    let mut steps: FxHashMap<AppId, Steps> = FxHashMap::default();
    for (i, draft) in drafts.iter().enumerate() {
        let (i, steps) = (i as u32, steps.entry(draft.app).or_default());
        // INVARIANT: those of one app and turn stand together after the sort.
        let extend = |range: &mut Option<Range<u32>>| {
            *range = Some(range.as_ref().map_or(i, |r| r.start)..i + 1);
        };
        match draft.kind {
            ActionKind::CreateAccount | ActionKind::RenameAccount => {
                steps.base = Some(i);
                extend(&mut steps.account);
            }
            ActionKind::UpdateAccount | ActionKind::EnableAccount => extend(&mut steps.account),
            ActionKind::Grant => extend(&mut steps.grants),
            ActionKind::Revoke if draft.early => extend(&mut steps.early),
            ActionKind::Revoke => extend(&mut steps.revokes),
            ActionKind::DisableAccount => extend(&mut steps.disables),
            ActionKind::KillSessions => steps.kill = Some(i),
            ActionKind::DeleteAccount => extend(&mut steps.deletes),
            // Nothing waits for a source.
            ActionKind::WriteBack => {}
        }
    }
    let place = |(i, draft): (usize, &Draft<'a>)| {
        let mut after = SmallVec::new();
        waits_for(order, leaver, draft, i as u32, &steps, &mut after);
        if draft.kind == ActionKind::Grant {
            let early = drafts.iter().enumerate().filter(|(_, d)| d.early && parts(d, draft));
            after.extend(early.map(|(i, _)| i as u32));
        }
        (turn(draft.kind, leaver, draft.early).0, after)
    };
    drafts.iter().enumerate().map(place).collect()
}

fn waits_for(
    order: &AppOrder,
    leaver: bool,
    draft: &Draft<'_>,
    index: u32,
    steps: &FxHashMap<AppId, Steps>,
    after: &mut SmallVec<[u32; 2]>,
) {
    let own = &steps[&draft.app];
    let all = |range: &Option<Range<u32>>| range.clone().unwrap_or(0..0);
    let last_of_account = own.account.as_ref().map(|r| r.end - 1);
    match draft.kind {
        ActionKind::CreateAccount
        | ActionKind::RenameAccount
        | ActionKind::UpdateAccount
        | ActionKind::EnableAccount => match &own.account {
            Some(chain) if chain.start < index => after.push(index - 1),
            _ => after.extend(order.parent(draft.app).and_then(|p| steps.get(&p)?.base)),
        },
        ActionKind::Grant | ActionKind::WriteBack => after.extend(last_of_account),
        ActionKind::Revoke if leaver => {}
        ActionKind::Revoke if draft.early => after.extend(last_of_account),
        ActionKind::Revoke => match (&own.grants, &own.revokes) {
            (Some(grants), Some(revokes)) if grants.len() > FEW && revokes.start < index => {
                after.push(revokes.start);
            }
            (Some(grants), _) => after.extend(grants.clone()),
            (None, _) => after.extend(last_of_account),
        },
        ActionKind::DisableAccount if leaver => {}
        ActionKind::DisableAccount => {
            let before = own.revokes.as_ref().or(own.grants.as_ref());
            match before {
                Some(range) => after.extend(range.clone()),
                None => after.extend(last_of_account),
            }
            after.extend(all(&own.early));
        }
        ActionKind::KillSessions => match &own.disables {
            Some(disables) => after.extend(disables.clone()),
            None if leaver => {}
            None => {
                after.extend(all(&own.revokes));
                after.extend(all(&own.early));
            }
        },
        ActionKind::DeleteAccount => {
            match own.kill {
                Some(kill) => after.push(kill),
                None => after.extend(all(&own.disables)),
            }
            // In the main lane kill and disable have waited for the revokes already.
            if leaver || after.is_empty() {
                after.extend(all(&own.revokes));
                after.extend(all(&own.early));
            }
            let children = steps.iter().filter(|(app, _)| order.parent(**app) == Some(draft.app));
            let mut children: Vec<u32> = children.flat_map(|(_, s)| all(&s.deletes)).collect();
            children.sort_unstable();
            after.extend(children);
        }
    }
}

/// Checks a plan's order: every action stands after those it waits for, leavers' disables and kills first, then the
/// rest of their lane; and whatever order respects `after`, accounts come before what they hold, grants before
/// revokes, revokes before disables before deletes, and the account that another comes from is made before it and
/// deleted after it. The error names the first action that breaks a rule.
pub fn verify_order(plan: &Plan, schema: &Schema) -> Result<(), String> {
    let mut seen = FxHashSet::default();
    let mut people: FxHashMap<&str, Vec<ActionView<'_>>> = FxHashMap::default();
    let mut last = 0;
    for action in plan.actions() {
        let fail = |what: &str| Err(format!("{} {}: {what}", action.kind().name(), action.id()));
        if !seen.insert(action.id()) {
            return fail("stands twice");
        }
        if action.after().any(|a| a.index() >= action.index()) {
            return fail("waits for what comes later");
        }
        // Who loses what is protected may wait for those who get it.
        let hands_over = |a: &ActionView<'_>| {
            let comes =
                matches!(a.kind(), ActionKind::Grant | ActionKind::CreateAccount | ActionKind::EnableAccount);
            action.kind() == ActionKind::Revoke && !action.is_leaver() && a.app() == action.app() && comes
        };
        let next = |a: &ActionView<'_>| {
            a.kind() == ActionKind::Revoke
                && a.entitlement() == action.entitlement()
                && a.app() == action.app()
        };
        if action.after().any(|a| a.identity() != action.identity() && !hands_over(&a) && !next(&a)) {
            return fail("waits for someone else");
        }
        let section = turn(action.kind(), action.is_leaver(), false).0;
        if section < last {
            return fail("stands behind its lane");
        }
        last = section;
        people.entry(action.identity()).or_default().push(action);
    }
    let parents: FxHashMap<&str, &str> = schema
        .apps
        .iter()
        .filter_map(|a| Some((&*a.name, &*schema.app(a.account.as_ref()?.from?).name)))
        .collect();
    people.values().try_for_each(|actions| verify_person(actions, &parents, schema))
}

fn verify_person(
    actions: &[ActionView<'_>],
    parents: &FxHashMap<&str, &str>,
    schema: &Schema,
) -> Result<(), String> {
    // Everything that an action waits for, directly or not.
    let mut before: FxHashMap<usize, FxHashSet<usize>> = FxHashMap::default();
    for action in actions {
        let mut all: FxHashSet<usize> = action.after().map(|a| a.index()).collect();
        for direct in action.after() {
            all.extend(&before[&direct.index()]);
        }
        before.insert(action.index(), all);
    }
    let early: FxHashSet<usize> = actions
        .iter()
        .filter(|b| b.kind() == ActionKind::Revoke && !b.is_leaver())
        .filter(|b| actions.iter().any(|g| apart(schema, b, g)))
        .map(|b| b.index())
        .collect();
    for a in actions {
        for b in actions {
            let must = match (a.kind(), b.kind()) {
                (ActionKind::Revoke, ActionKind::Grant) => early.contains(&a.index()) && apart(schema, a, b),
                (ActionKind::Grant, ActionKind::Revoke) if early.contains(&b.index()) => false,
                _ => must_precede(a, b, parents),
            };
            if must && !before[&b.index()].contains(&a.index()) {
                let name = |x: &ActionView<'_>| format!("{} in {}", x.kind().name(), x.app());
                return Err(format!("{}: {} does not wait for {}", a.identity(), name(b), name(a)));
            }
        }
    }
    Ok(())
}

/// Whether a separation wants a revoke before a grant.
fn apart(schema: &Schema, revoke: &ActionView<'_>, grant: &ActionView<'_>) -> bool {
    let of = |action: &ActionView<'_>| {
        let (kind, value) = action.entitlement()?;
        let app = schema.apps.iter().position(|a| a.name == action.app())?;
        let kind = schema.apps[app].kinds.iter().position(|k| k.name == kind)?;
        let (app, kind) = (AppId(app as u32), KindId(kind as u32));
        let folded = crate::diff::folds(schema, app, kind);
        Some((app, kind, if folded { fold(value).into_owned() } else { value.to_owned() }))
    };
    let (Some(a), Some(b)) = (of(revoke), of(grant)) else { return false };
    grant.kind() == ActionKind::Grant
        && schema
            .separations
            .iter()
            .filter(|s| !schema.rule(s.rule).is_observed())
            .any(|s| s.parts((a.0, a.1, &a.2), (b.0, b.1, &b.2)))
}

fn must_precede(a: &ActionView<'_>, b: &ActionView<'_>, parents: &FxHashMap<&str, &str>) -> bool {
    use ActionKind::{
        CreateAccount, DeleteAccount, DisableAccount, EnableAccount, Grant, KillSessions, RenameAccount,
        Revoke, UpdateAccount, WriteBack,
    };
    let child_of = |x: &ActionView<'_>, y: &ActionView<'_>| parents.get(x.app()) == Some(&y.app());
    match (a.kind(), b.kind()) {
        (CreateAccount | RenameAccount, CreateAccount | RenameAccount) => child_of(b, a),
        (DeleteAccount, DeleteAccount) => child_of(a, b),
        _ if a.app() != b.app() => false,
        (CreateAccount | RenameAccount | UpdateAccount | EnableAccount, Grant | WriteBack) => true,
        (Grant, Revoke) | (Revoke | DisableAccount | KillSessions, DeleteAccount) => true,
        (Grant | Revoke, DisableAccount) => !b.is_leaver(),
        (DisableAccount, KillSessions) => true,
        _ => false,
    }
}
