//! SQLite and JSON hold the same memory, whatever it is; what is no memory is refused and stays as it is.

use proptest::prelude::*;
use prov_model::{Date, Entered, Holding, Instant, Keep, KeepFor, Memory, NameMemory, Since, SourceMemory};
use prov_store::{StoreError, read, write};
use std::collections::BTreeMap;
use std::path::Path;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "\\PC{0,6}",
        Just("O'Neil \"x\"; DROP TABLE names; --".to_owned()),
        Just("a\0b".to_owned()),
        Just(String::new()),
        Just("Z\u{00e9}\u{0301}👩‍👧".to_owned()),
    ]
}

fn date() -> impl Strategy<Value = Date> {
    (-700_000i32..2_000_000).prop_map(Date)
}

fn instant() -> impl Strategy<Value = Instant> {
    (0i64..4_000_000_000).prop_map(Instant)
}

fn map<T: Clone + std::fmt::Debug>(
    of: impl Strategy<Value = T>,
) -> impl Strategy<Value = BTreeMap<String, T>> {
    proptest::collection::btree_map(name(), of, 0..4)
}

fn keep() -> impl Strategy<Value = Keep> {
    let keeps = proptest::sample::select(vec!["14 days", "8 hours", "1 month", "0 days"])
        .prop_filter_map("a length", |s: &str| KeepFor::parse(s));
    (name(), name(), name(), name(), keeps, proptest::option::of(instant()))
        .prop_map(|(app, kind, value, rule, keep, until)| Keep { app, kind, value, rule, keep, until })
}

fn known() -> impl Strategy<Value = NameMemory> {
    let maybe = || proptest::option::of(name());
    (name(), name(), maybe(), maybe(), any::<bool>()).prop_map(|(owner, spelling, base, account, former)| {
        NameMemory { owner, spelling, base, account, former }
    })
}

fn entered() -> impl Strategy<Value = Entered> {
    let holding = || {
        (name(), name(), name(), proptest::collection::vec(name(), 0..3))
            .prop_map(|(app, kind, value, roles)| Holding { app, kind, value, roles })
    };
    let holdings = || proptest::collection::vec(holding(), 0..3);
    let since = (name(), date()).prop_map(|(state, since)| Since { state, since });
    (proptest::option::of(since), holdings(), holdings())
        .prop_map(|(within, held, by_hand)| Entered { within, held, by_hand })
        .prop_filter("nothing is no entry", |e| !e.is_empty())
}

fn memory() -> impl Strategy<Value = Memory> {
    let sources =
        map((any::<u64>(), map(any::<u64>())).prop_map(|(rows, empty)| SourceMemory { rows, empty }));
    let states = map((name(), date()).prop_map(|(state, since)| Since { state, since }));
    let names = proptest::collection::vec((name(), name(), name(), known()), 0..5);
    let granted = proptest::collection::vec((name(), name(), name(), name()), 0..8);
    let keeps = map(proptest::collection::vec(keep(), 0..3));
    let given = (granted, map(entered()), map(map(proptest::option::of(name()))));
    (sources, states, map(date()), names, map(map(name())), proptest::option::of(instant()), keeps, given)
        .prop_map(|(sources, states, missing, names, links, at, keeps, (granted, entered, good))| {
            let mut memory =
                Memory { sources, states, missing, links, at, keeps, entered, good, ..Memory::default() };
            for (app, attribute, folded, known) in names {
                memory.names.put(&app, &attribute, folded, known);
            }
            for (id, app, kind, value) in granted {
                memory.granted.entry(id).or_default().give(&app, &kind, &value, false);
            }
            memory
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_and_json_hold_the_same(first in memory(), second in memory()) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("memory.sqlite");
        for memory in [first, second] {
            let json = memory.to_json();
            let memory = Memory::from_json(&json).expect("what was written is read");
            // An empty list is no entry; all else is as it was.
            let json = memory.to_json();
            write(&path, &memory).expect("written");
            let again = read(&path).expect("read");
            prop_assert_eq!(&again, &memory);
            prop_assert_eq!(again.to_json(), json);
        }
        let left: Vec<_> = std::fs::read_dir(dir.path()).expect("a folder").collect();
        prop_assert_eq!(left.len(), 1, "nothing is left beside it");
    }
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A copy: to look at a file in WAL mode makes files beside it.
fn copied(name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(name);
    std::fs::copy(fixture(name), &path).expect("copied");
    (dir, path)
}

/// The files are what Prov of that version wrote, and are never written again.
#[test]
fn earlier_versions_are_read_from_both_formats() {
    for version in [1, 2] {
        let json = std::fs::read_to_string(fixture(&format!("memory-{version}.json"))).expect("a fixture");
        let memory = Memory::from_json(&json).expect("a memory");
        let (_dir, path) = copied(&format!("memory-{version}.sqlite"));
        assert_eq!(read(&path).expect("a memory"), memory, "version {version}");
        assert_eq!(memory.version, Memory::VERSION);
        assert_eq!(memory.sources["hr"].rows, 1234);
        assert_eq!(memory.states["E10064"].since.to_string(), "2025-11-01");
        assert_eq!(memory.missing["E02000"].to_string(), "2026-02-26");
        if version > 1 {
            assert_eq!(memory.sources["hr"].empty["department"], 3);
            let name = memory.names.get("ad", "login", "jdupont").expect("a name");
            assert_eq!(
                (name.owner.as_str(), name.base.as_deref(), name.former),
                ("E10064", Some("J Dupont"), false)
            );
            assert_eq!(memory.links["ad"]["svc-anna"], "E00007");
            assert_eq!(memory.keeps["E10064"][0].keep.to_string(), "14 days");
            assert!(memory.granted["E10064"].has("erp", "role", "SALES_REP", false));
            assert_eq!(memory.at.map(|at| at.to_string()).as_deref(), Some("2026-03-01T23:00:00Z"));
        }
        // Written again it is of this version.
        write(&path, &memory).expect("written");
        assert_eq!(read(&path).expect("a memory"), memory);
    }
}

#[test]
fn what_is_no_memory_is_refused_and_stays() {
    for name in ["later-version.sqlite", "another-program.sqlite", "later-table.sqlite", "memory-1.json"] {
        let (_dir, path) = copied(name);
        let before = std::fs::read(&path).expect("bytes");
        let why = read(&path).expect_err(name);
        match name {
            "later-version.sqlite" => assert!(matches!(why, StoreError::Version(9)), "{why:?}"),
            "memory-1.json" => assert!(matches!(why, StoreError::Sqlite(_)), "{why:?}"),
            _ => assert!(matches!(why, StoreError::Form(_)), "{why:?}"),
        }
        write(&path, &Memory::default()).expect_err(name);
        assert_eq!(std::fs::read(&path).expect("bytes"), before, "{name}");
    }
}
