//! The actual state: never a panic, sorted, and the order of rows leaves no trace. Two files, parted by the byte 0x01.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov_model::{
    AccountDef, Actual, AppDef, AttrId, EnumDef, EnumId, FieldDef, IdentityDef, KindDef, Mode, RawTable,
    RuleId, Schema, Type, Via,
};
use std::sync::LazyLock;

fn field(name: &str, ty: Type) -> FieldDef {
    FieldDef { name: name.into(), ty }
}

fn kind(name: &str, types: Vec<Type>) -> KindDef {
    KindDef {
        name: name.into(),
        types,
        catalog: false,
        highest_wins: false,
        irrevocable: false,
        severity: None,
    }
}

fn app(name: &str, attributes: Option<Vec<FieldDef>>, kinds: Vec<KindDef>) -> AppDef {
    AppDef {
        name: name.into(),
        rule: RuleId(0),
        via: Via::File,
        mode: Mode::Authoritative,
        account: attributes.map(|attributes| AccountDef {
            rule: RuleId(0),
            from: None,
            attributes,
            unique: vec![],
            correlate: vec![],
        }),
        kinds,
        managed: vec![],
        second_of: None,
    }
}

fn identity(name: &str, key: Type) -> IdentityDef {
    IdentityDef {
        name: name.into(),
        attributes: vec![field("id", key)],
        key: AttrId(0),
        inverses: vec![],
        lifecycle: None,
    }
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema {
    enums: vec![EnumDef { variants: vec!["e1".into(), "e3".into()] }],
    identities: vec![identity("p", Type::Int), identity("q", Type::Text)],
    apps: vec![
        app(
            "a",
            Some(vec![field("login", Type::Text), field("m", Type::Bool.optional())]),
            vec![
                kind("g", vec![Type::Text]),
                kind("l", vec![Type::Enum(EnumId(0))]),
                kind("s", vec![Type::Str, Type::Decimal]),
            ],
        ),
        app("b", None, vec![kind("d", vec![Type::Date]), kind("n", vec![])]),
    ],
    ..Schema::default()
});

fn reversed(table: &RawTable) -> RawTable {
    let mut out = RawTable::new(table.file.clone(), table.columns.clone());
    for row in (0..table.len()).rev() {
        let row = table.row(row);
        out.push(row.line(), (0..table.columns.len()).map(|c| row.cell(c)));
    }
    out
}

fn same(a: &Actual, b: &Actual) {
    assert_eq!(a.ids, b.ids);
    assert_eq!(a.accounts, b.accounts);
    assert_eq!(a.holdings, b.holdings);
    assert_eq!(a.orphans, b.orphans);
    assert_eq!(a.rejections, b.rejections);
    let all = |x: &Actual| x.entitlements.iter().map(|(_, e)| e.clone()).collect::<Vec<_>>();
    assert_eq!(all(a), all(b));
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |b| *b == 1);
    let mut table = |name| prov_data::read_csv(name, parts.next().unwrap_or_default()).map(|r| r.table);
    let (Ok(accounts), Ok(entitlements)) = (table("accounts.csv"), table("entitlements.csv")) else { return };
    let (actual, _) = prov_data::read_actual(&SCHEMA, accounts.clone(), entitlements.clone());
    assert!(actual.ids.is_strictly_sorted());
    assert_eq!(actual.ids.len(), actual.accounts.len());
    assert_eq!(actual.ids.len(), actual.holdings.len());
    for i in 0..actual.ids.len() {
        let held = actual.holdings.get(i);
        assert!(
            held.windows(2).all(|w| actual.entitlements.same_as(w[0]) < actual.entitlements.same_as(w[1]))
        );
        let accounts = actual.accounts.get(i);
        assert!(accounts.windows(2).all(|w| (w[0].app, &w[0].name) <= (w[1].app, &w[1].name)));
        assert!(!held.is_empty() || !accounts.is_empty());
    }
    let (again, _) = prov_data::read_actual(&SCHEMA, reversed(&accounts), reversed(&entitlements));
    same(&actual, &again);
});
