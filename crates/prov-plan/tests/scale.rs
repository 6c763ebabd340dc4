//! Many people with thirty entitlements each, over several chunks of the diff.

mod common;

use common::{AD, World};
use prov_model::{
    Account, AccountOrigin, Actual, AppId, Csr, Desired, DesiredAccount, EntId, Entitlements, IdentityFlags,
    IdentityId, KindId, Moment, Zone,
};

const PEOPLE: usize = 20_000;
const EACH: usize = 30;
const VALUES: usize = 2_000;

fn ids(shift: usize) -> Entitlements {
    let mut ids = Entitlements::default();
    for i in 0..VALUES {
        // The two states number the same values in different orders.
        ids.intern(AppId(AD), KindId(0), &format!("group-{}", (i * 7 + shift) % VALUES), true);
    }
    ids
}

fn build(w: &World, drift: bool) -> (Desired, Actual) {
    let (desired_ids, actual_ids) = (ids(0), ids(3));
    let to_actual: Vec<EntId> = desired_ids
        .iter()
        .map(|(_, e)| actual_ids.find(e.app, e.kind, &e.value, true).expect("all are there"))
        .collect();
    let mut desired = Desired {
        would: Default::default(),
        at: Moment::at_date(w.today, Zone::utc()),
        ids: Vec::new(),
        rows: Vec::new(),
        states: Vec::new(),
        flags: Vec::new(),
        holds: Default::default(),
        accounts: Csr::default(),
        holdings: Csr::default(),
        withheld: Vec::new(),
        unmatched: Vec::new(),
        recalled: Default::default(),
        exceptions: Default::default(),
        idle_exceptions: Vec::new(),
        denied_roles: Vec::new(),
        active_denies: Default::default(),
        ran_out: Default::default(),
        unreadable: Vec::new(),
        forbidden_roles: Vec::new(),
        separated: Vec::new(),
        out: Vec::new(),
        active_forbids: Default::default(),
        keeps: Default::default(),
        entered: Default::default(),
        names: Vec::new(),
        links: Vec::new(),
        writes: Vec::new(),
        settled: Vec::new(),
        conflicts: Default::default(),
        entitlements: desired_ids,
        counts: w.counts.clone(),
        rejections: Vec::new(),
    };
    let mut actual = Actual { entitlements: actual_ids, ..Actual::default() };
    for i in 0..PEOPLE {
        let id: Box<str> = format!("p{i:07}").into();
        desired.ids.push(id.clone());
        desired.rows.push((IdentityId(0), i as u32));
        desired.states.push(3);
        desired.flags.push(IdentityFlags::default());
        let attributes: Box<[Box<str>]> = Box::new([id.clone(), "mail".into()]);
        let some = attributes.iter().cloned().map(Some).collect();
        desired.accounts.push([DesiredAccount { app: AppId(AD), wanted: true, enabled: true, attributes }]);
        let mut held: Vec<u32> = (0..EACH).map(|k| ((i * 31 + k * 61) % VALUES) as u32).collect();
        held.sort_unstable();
        held.dedup();
        let mut has: Vec<EntId> = held.iter().map(|&e| to_actual[e as usize]).collect();
        if drift && i % 200 == 0 {
            has.pop();
        }
        has.sort_unstable();
        desired.holdings.push(held.into_iter().map(EntId));
        actual.ids.push(&id);
        let origin = AccountOrigin::default();
        actual.accounts.push([Account {
            app: AppId(AD),
            name: id,
            enabled: true,
            attributes: some,
            keys: Box::default(),
            origin,
        }]);
        actual.holdings.push(has);
    }
    (desired, actual)
}

#[test]
fn in_a_large_population_exactly_the_drift_is_planned() {
    let w = World::new();
    for drift in [false, true] {
        let (desired, actual) = build(&w, drift);
        let plan = w.plan_of(&desired, &actual);
        assert_eq!(plan.len(), if drift { PEOPLE / 200 } else { 0 });
        assert_eq!(plan.header.people, PEOPLE as u64);
    }
}
