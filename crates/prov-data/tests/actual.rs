//! The actual state, look-up tables and catalogs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{errors, rejected};
use prov_data::{
    join_actual, pack_state, read_actual, read_catalog, read_csv, read_json, read_lookup, read_state,
};
use prov_diag::Diagnostic;
use prov_model::{
    Account, AccountDef, Actual, AppDef, AttrId, Column, EnumDef, EnumId, FieldDef, IdentityDef, KindDef,
    Mode, RawTable, RecordDef, RecordId, RuleId, Schema, TableDef, TableId, Type, Via,
};

fn field(name: &str, ty: Type) -> FieldDef {
    FieldDef { name: name.into(), ty }
}

fn app(name: &str, attributes: Option<Vec<FieldDef>>, kinds: Vec<(&str, Vec<Type>)>) -> AppDef {
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
        kinds: kinds
            .into_iter()
            .map(|(name, types)| KindDef {
                name: name.into(),
                types,
                catalog: false,
                highest_wins: false,
                irrevocable: false,
                severity: None,
            })
            .collect(),
        managed: vec![],
        second_of: None,
    }
}

fn schema() -> Schema {
    let set = Type::Set(Box::new(Type::Text));
    Schema {
        enums: vec![EnumDef { variants: vec!["e1".into(), "e3".into()] }],
        records: vec![RecordDef {
            name: "depts".into(),
            fields: vec![
                field("department", Type::Text),
                field("floor", Type::Int.optional()),
                field("groups", set),
            ],
        }],
        identities: vec![IdentityDef {
            name: "person".into(),
            attributes: vec![field("id", Type::Str)],
            key: AttrId(0),
            inverses: vec![],
            lifecycle: None,
        }],
        tables: vec![TableDef { name: "depts".into(), record: RecordId(0), key: 0 }],
        apps: vec![
            app(
                "ad",
                Some(vec![
                    field("login", Type::Text),
                    field("mail", Type::Str),
                    field("admin", Type::Bool.optional()),
                ]),
                vec![
                    ("group", vec![Type::Text]),
                    ("license", vec![Type::Enum(EnumId(0))]),
                    ("share", vec![Type::Str, Type::Int]),
                ],
            ),
            app("badge", None, vec![("door", vec![Type::Int])]),
        ],
        ..Schema::default()
    }
}

fn table(name: &str, text: &str) -> RawTable {
    read_csv(name, text.as_bytes()).unwrap().whole().unwrap()
}

const WHOLE: &str = "(help: mend the row: a table or catalog is read whole or not at all, so that no rule goes by a part of it)";
const NO_ACCOUNTS: &str = "app,account,identity,enabled\n";
const NO_ENTITLEMENTS: &str = "app,identity,kind,value\n";

fn read(accounts: &str, entitlements: &str) -> (Actual, Vec<Diagnostic>) {
    read_actual(&schema(), table("accounts.csv", accounts), table("entitlements.csv", entitlements))
}

fn account(a: &Account) -> String {
    let shown: Vec<_> = a.attributes.iter().map(|a| a.as_deref().unwrap_or("?")).collect();
    format!("{} {} {} {}", a.app.0, a.name, if a.enabled { "on" } else { "off" }, shown.join("|"))
}

/// All of a state but lines.
fn shown(actual: &Actual) -> Vec<String> {
    let mut out = vec![];
    for (i, id) in actual.ids.iter().enumerate() {
        out.push(format!("{id}:"));
        out.extend(actual.accounts.get(i).iter().map(|a| format!("  {}", account(a))));
        out.extend(actual.holdings.get(i).iter().map(|e| {
            let e = actual.entitlements.get(*e);
            format!("  {}.{}({})", e.app.0, e.kind.0, e.value)
        }));
    }
    out.extend(actual.orphans.iter().map(|a| format!("orphan {}", account(a))));
    out
}

#[test]
fn accounts_and_entitlements_come_together_in_order_of_id() {
    let (actual, found) = read(
        "app,account,identity,enabled,mail\nad,blee,2,yes,b@x\nad,alee,1,false,\nad,ghost,,true,g@x\n",
        "app,identity,kind,value\nad,3,group,all\nad,1,group,All\nad,1,group,all\nad,1,license,e3\nbadge,1,door,007\n",
    );
    assert_eq!(
        shown(&actual),
        [
            "1:",
            "  0 alee off alee||?",
            "  0.0(All)",
            "  0.1(e3)",
            "  1.0(7)",
            "2:",
            "  0 blee on blee|b@x|?",
            "3:",
            "  0.0(all)",
            "orphan 0 ghost on ghost|g@x|?",
        ]
    );
    assert!(found.is_empty() && actual.rejections.is_empty());
}

#[test]
fn values_have_one_spelling_and_unknown_ones_stay() {
    let (actual, found) = read(
        NO_ACCOUNTS,
        "app,identity,kind,value\nad,1,license,e9\nad,1,share,a\\|b|007\nad,1,share,only\n",
    );
    assert_eq!(shown(&actual), ["1:", "  0.1(e9)", "  0.2(a\\|b|7)", "  0.2(only)"]);
    assert!(found.is_empty());
}

#[test]
fn attributes_are_compared_in_their_plain_form() {
    let (actual, _) =
        read("app,account,identity,enabled,admin\nad,a,1,1,YES\nad,b,2,0,maybe\n", NO_ENTITLEMENTS);
    assert_eq!(shown(&actual), ["1:", "  0 a on a|?|true", "2:", "  0 b off b|?|maybe"]);
}

#[test]
fn a_missing_column_leaves_nothing_half_read() {
    let (actual, found) =
        read("app,acount,identity,enabled\nad,a,1,true\n", "app,identity,kind\nad,1,group\n");
    assert_eq!(
        errors(&found),
        [
            "P0601 error accounts.csv: `accounts.csv` has no column `account`, which the actual state needs (help: did you \
             mean the column `acount`? rename it to `account`)",
            "P0601 error entitlements.csv: `entitlements.csv` has no column `value`, which the actual state needs (help: the \
             file has the columns `app`, `identity`, `kind`)",
        ]
    );
    assert!(actual.ids.is_empty());
}

#[test]
fn unknown_names_are_told_once_a_name() {
    let mut entitlements = String::from(NO_ENTITLEMENTS);
    for i in 0..1000 {
        entitlements += &format!("adx,{i},group,g\n");
    }
    entitlements += "ad,1,groups,g\nad,1,group,g\n";
    let (actual, found) = read("app,account,identity,enabled\nbadge,1,1,true\n", &entitlements);
    assert_eq!(
        errors(&found),
        [
            "P0617 warning accounts.csv:2, column `app`: the app `badge` has no accounts in the policy: 1 row is left out, \
             line 2",
            "P0617 warning entitlements.csv:2, column `app`: the policy has no app `adx`: 1000 rows are left out, lines 2, \
             3, 4, … (help: did you mean `ad`?)",
            "P0617 warning entitlements.csv:1002, column `kind`: the app `ad` has no kind `groups` in the policy: 1 row is \
             left out, line 1002 (help: did you mean `group`?)",
        ]
    );
    assert_eq!(shown(&actual), ["1:", "  0.0(g)"]);
}

#[test]
fn a_row_that_cannot_be_read_names_whom_it_concerns() {
    let (actual, found) = read(
        "app,account,identity,enabled\nad,a,1,perhaps\nad,b,2,\nad,,3,true\n",
        "app,identity,kind,value\nad,1,group,\nad,,group,g\n",
    );
    assert_eq!(
        rejected(&actual.rejections),
        [
            "P0602 accounts.csv:2, column `enabled` [1]: `perhaps` is not yes or no (true, yes, y, 1; false, no, n, 0)",
            "P0604 accounts.csv:3, column `enabled` [2]: there is no value, and `bool` needs one",
            "P0604 accounts.csv:4, column `account` [3]: the account has no name",
            "P0604 entitlements.csv:2, column `value` [1]: the entitlement has no value",
            "P0604 entitlements.csv:3, column `identity`: the entitlement belongs to no identity",
        ]
    );
    assert!(found.is_empty() && actual.ids.is_empty());
}

#[test]
fn equal_accounts_count_once_and_differing_ones_not_at_all() {
    let (actual, found) = read(
        "app,account,identity,enabled\nad,a,1,true\nad,b,2,true\nad,a,1,true\nad,B,3,true\n",
        NO_ENTITLEMENTS,
    );
    assert_eq!(shown(&actual), ["1:", "  0 a on a|?|?"]);
    assert_eq!(
        errors(&found),
        [
            "P0618 warning accounts.csv:2, column `account`: the account `a` of `ad` stands on lines 2, 4; the rows are equal \
          and count as one"
        ]
    );
    assert_eq!(
        rejected(&actual.rejections),
        [
            "P0618 accounts.csv:3, column `account` [2]: the account `b` of `ad` stands on lines 3, 5, and the rows differ",
            "P0618 accounts.csv:5, column `account` [3]: the account `b` of `ad` stands on lines 3, 5, and the rows differ",
        ]
    );
}

#[test]
fn json_lines_are_read_the_same() {
    let json = |text: &str| read_json("a.jsonl", text.as_bytes()).unwrap().table;
    let (actual, found) = read_actual(
        &schema(),
        json("{\"app\":\"ad\",\"account\":\"a\",\"identity\":7,\"enabled\":true}\n"),
        json("[]"),
    );
    assert_eq!(shown(&actual), ["7:", "  0 a on a|?|?"]);
    assert!(found.is_empty());
}

#[test]
fn ids_of_several_types_keep_their_prefix() {
    let mut schema = schema();
    let mut guest = schema.identities[0].clone();
    guest.name = "guest".into();
    guest.attributes[0].ty = Type::Int;
    schema.identities.push(guest);
    let accounts = "app,account,identity,enabled\nad,a,guest:007,true\nad,b,person:007,true\nad,c,x,true\n";
    let (actual, _) = read_actual(&schema, table("accounts.csv", accounts), table("e.csv", NO_ENTITLEMENTS));
    assert_eq!(actual.ids.iter().collect::<Vec<_>>(), ["guest:7", "person:007", "x"]);
}

#[test]
fn the_order_of_rows_leaves_no_trace() {
    let rows = |lines: &[&str], reverse: bool| {
        let mut lines: Vec<_> = lines.to_vec();
        if reverse {
            lines.reverse();
        }
        lines.join("\n")
    };
    let read = |reverse| {
        let accounts =
            rows(&["ad,a,1,true", "ad,b,1,false", "ad,c,,true", "ad,d,2,true", "ad,D,3,true"], reverse);
        let held = rows(
            &["ad,1,group,X", "ad,1,group,x", "ad,2,group,x", "badge,1,door,2", "ad,0,license,e1"],
            reverse,
        );
        super_read(&format!("{NO_ACCOUNTS}{accounts}\n"), &format!("{NO_ENTITLEMENTS}{held}\n"))
    };
    let (a, b) = (read(false), read(true));
    assert_eq!(shown(&a), shown(&b));
    let ids = |x: &Actual| x.entitlements.iter().map(|(_, e)| e.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&a), ids(&b));
    assert_eq!(a.holdings, b.holdings);
}

fn super_read(accounts: &str, entitlements: &str) -> Actual {
    read(accounts, entitlements).0
}

fn lookup(text: &str) -> (prov_model::Table, Vec<String>) {
    let (table, found) = read_lookup(&schema(), TableId(0), &table("depts.csv", text));
    (table, errors(&found))
}

#[test]
fn tables_are_typed_and_in_order_of_their_folded_key() {
    let (table, found) = lookup("department,groups,floor,more\nSales ,b;A,2,x\nEngineering,,,y\n");
    assert!(found.is_empty());
    assert_eq!(table.keys.iter().map(|k| &**k).collect::<Vec<_>>(), ["engineering", "sales"]);
    let schema = schema();
    let shown = |c: usize, r: usize| table.columns[c].get(r).shown(&schema.records[0].fields[c].ty, &schema);
    assert_eq!([shown(0, 1), shown(1, 1), shown(2, 1)], ["\"Sales \"", "2", "[\"A\", \"b\"]"]);
    assert_eq!([shown(1, 0), shown(2, 0)], ["absent", "[]"]);
    assert!(matches!(table.columns[1], Column::Int(..)));
}

#[test]
fn a_key_that_stands_twice_names_both_lines() {
    let (table, found) = lookup("department,groups,floor\nSales,a,1\nOps,b,2\n SALES,c,3\n");
    assert_eq!(
        found,
        [
            "P0605 error depts.csv:4, column `department`: the key ` SALES` stands on line 2 already (help: remove one of the \
          two rows)"
        ]
    );
    assert!(table.columns.is_empty() && table.keys.is_empty());
}

#[test]
fn a_bad_cell_of_a_table_names_row_and_column() {
    let (_, found) = lookup("department,groups,floor\nSales,a,first\n,b,2\n");
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        [
            &format!(
                "P0604 error depts.csv:3, column `department`: there is no value, and `text` needs one {WHOLE}"
            ),
            &format!("P0602 error depts.csv:2, column `floor`: `first` is not a whole number {WHOLE}"),
        ]
    );
    assert!(
        lookup("department,groups\n").1[0]
            .starts_with("P0601 error depts.csv: `depts.csv` has no column `floor`")
    );
}

#[test]
fn many_findings_of_one_file_are_cut_short() {
    let rows: String = (0..200).map(|i| format!("d{i},a,x\n")).collect();
    let (_, found) = lookup(&format!("department,groups,floor\n{rows}"));
    assert_eq!(found.len(), 51);
    assert_eq!(found[50], "P0602 error depts.csv: `depts.csv` has 150 more findings like these");
}

#[test]
fn catalogs_keep_the_order_of_the_file() {
    let read = |text: &str| {
        let (values, found) = read_catalog(&table("groups.csv", text));
        (values, errors(&found))
    };
    assert_eq!(read("name,value\nx,b\ny, a \n"), (vec!["b".into(), "a".into()], vec![]));
    assert_eq!(read("group\nb\na\n").0, ["b", "a"]);
    assert_eq!(
        read("value\nb\na\nb\n").1,
        ["P0616 warning groups.csv:4, column `value`: the value `b` stands on line 2 already"]
    );
    assert_eq!(
        read("value\n").1,
        [
            "P0616 error groups.csv: the catalog `groups.csv` lists no value (help: below the first line, which names the column \
          `value`, stands one value a line)"
        ]
    );
}

/// A packed state of two tables, as bytes.
fn packed(accounts: &str, entitlements: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let packed = pack_state(&table("accounts.csv", accounts), &table("entitlements.csv", entitlements));
    packed.write(&mut out).unwrap();
    out
}

fn unpacked(bytes: &[u8]) -> Result<(Actual, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (accounts, entitlements) = read_state(&schema(), "state.provstate", bytes)?;
    Ok(join_actual(&schema(), &accounts, entitlements))
}

const ACCOUNTS: &str = "app,account,identity,enabled,mail\nad,blee,2,yes,b@x\nad,alee,1,false,\nad,ghost,,true,g@x\n\
    ad,,3,true,\nad,x,4,perhaps,\nadd,y,5,true,\nad,BLEE,2,yes,b@x\nbadge,z,6,true,\n";
const HELD: &str = "app,identity,kind,value,since\nad,3,group,all,x\nad,1,group,All,\nad,1,group,all,\nad,1,license,e3,\n\
    badge,1,door,007,\nad,2,groop,a,\nadd,9,group,a,\nad,3,group,,\nad,,group,all,\nad,3,group,all,\nadd,8,group,a,\n\
    ad,é,share,a|1,\nadd,7,group,b,\nadd,7,group,b,\n,1,group,all,\n\"ad \",2,group,zz,\nad,1,groop,a,\n";

#[test]
fn a_packed_state_is_what_its_tables_say() {
    for (accounts, held) in [
        (ACCOUNTS, HELD),
        (ACCOUNTS, NO_ENTITLEMENTS),
        ("app,account,identity,enabled\n", HELD),
        (
            "app,account,identity,enabled\n",
            "value,kind,identity,app\nb,group,1,ad\na,group,1,ad\na,group,0,ad\n",
        ),
    ] {
        let (want, told) = read(accounts, held);
        let (got, found) = unpacked(&packed(accounts, held)).unwrap();
        assert_eq!(shown(&got), shown(&want));
        assert_eq!(got.rejections, want.rejections);
        assert_eq!(got.unreadable, want.unreadable);
        assert_eq!(errors(&found), errors(&told));
        assert_eq!((got.ids, &got.accounts, &got.holdings), (want.ids, &want.accounts, &want.holdings));
    }
}

#[test]
fn a_packed_state_is_the_same_whatever_the_order_of_rows() {
    let mut rows: Vec<&str> =
        HELD.lines().skip(1).filter(|r| !r.contains("group,,") && !r.contains(",,group")).collect();
    let head = HELD.lines().next().unwrap();
    let of = |rows: &[&str]| {
        shown(&unpacked(&packed(ACCOUNTS, &format!("{head}\n{}\n", rows.join("\n")))).unwrap().0)
    };
    let want = of(&rows);
    rows.reverse();
    assert_eq!(of(&rows), want);
    rows.rotate_left(5);
    assert_eq!(of(&rows), want);
}

#[test]
fn packed_bytes_that_are_cut_or_changed_are_refused() {
    let bytes = packed(ACCOUNTS, HELD);
    let refusal = |bytes: &[u8]| match unpacked(bytes) {
        Ok(_) => panic!("{} bytes were read", bytes.len()),
        Err(found) => errors(&found).join("\n"),
    };
    for len in 0..bytes.len() {
        assert!(refusal(&bytes[..len]).contains("P0623"), "{len} bytes");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        // Between sections stand bytes that say nothing.
        if unpacked(&changed).is_ok() {
            assert_eq!(bytes[at], 0, "byte {at}");
        }
    }
    assert!(refusal(&[&bytes[..], b"x"].concat()).contains("behind its end"));
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert!(refusal(&newer).contains("version 2"));
}

#[test]
fn packed_bytes_whose_checksums_fit_never_panic() {
    let bytes = packed(ACCOUNTS, HELD);
    let mut state = 11u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut read = 0;
    for _ in 0..20_000 {
        let mut broken = bytes.clone();
        for _ in 0..1 + next() % 3 {
            let at = next() % broken.len();
            broken[at] = [next() as u8, 0, 1, 0x7F, 0xFF][next() % 5];
        }
        if let Ok((actual, _)) = unpacked(&prov_data::with_checksums(broken)) {
            read += 1;
            assert!(actual.ids.is_strictly_sorted());
            assert_eq!((actual.ids.len(), actual.ids.len()), (actual.accounts.len(), actual.holdings.len()));
        }
    }
    assert!(read > 100, "{read}");
}
