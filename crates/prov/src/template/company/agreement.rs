//! The policy of the template and its mirror in [`super::rules`] must say the same; here the engine is asked.

use super::rules::{Access, Account, State, access, state};
use super::{ANCHOR, Company, Part, changes, people};
use crate::template::Template;
use crate::template::random::Random;
use prov_eval::{Catalogs, Engine, LookupTable, build_population_with};
use prov_model::{Date, Desired, EntitlementIssue, Moment, Schema, TableId, Zone};
use std::collections::BTreeMap;
use std::sync::Arc;

fn file(name: &str) -> String {
    let files = Template::Company.files();
    files.into_iter().find(|(p, _)| *p == name).map(|(_, t)| t).expect("a file of the template")
}

fn engine() -> (Engine, Vec<LookupTable>) {
    let mut sources = prov_diag::SourceMap::new();
    let mut modules = Vec::new();
    for (path, text) in Template::Company.files() {
        let Some(name) = path.strip_suffix(".prov") else { continue };
        let source = sources.add(path, text.as_str());
        let (file, _) = prov_syntax::parse(source, &text);
        modules.push(prov_compile::Module { name: name.to_owned(), source, file });
    }
    let checked = prov_compile::check(modules, &mut sources, &prov_compile::Options::default());
    let shown = prov_diag::render_human(&checked.diagnostics, &sources, prov_diag::RenderOptions::default());
    assert!(checked.diagnostics.is_empty(), "{shown}");
    let program = Arc::new(checked.program.expect("there was no error"));
    let schema = &program.schema;
    let tables: Vec<_> = (0..schema.tables.len())
        .map(|i| {
            let def = &schema.tables[i];
            let path = format!("tables/{}.csv", def.name);
            let raw = prov_data::read_table(&path, file(&path).as_bytes()).expect("a table").table;
            let (table, findings) = prov_data::read_lookup(schema, TableId(i as u32), &raw);
            assert!(findings.is_empty(), "{findings:?}");
            LookupTable::new(table, &schema.records[def.record.index()].fields[def.key].ty)
        })
        .collect();
    let mut catalogs = Catalogs::new();
    for (app, kind, path) in
        [("ad", "group", "catalogs/ad-group.csv"), ("erp", "role", "catalogs/erp-role.csv")]
    {
        let raw = prov_data::read_table(path, file(path).as_bytes()).expect("a catalog").table;
        let (a, def) = schema.apps.iter().enumerate().find(|(_, d)| d.name == app).expect("an app");
        let k = def.kinds.iter().position(|k| k.name == kind).expect("a kind");
        catalogs.insert(
            (prov_model::AppId(a as u32), prov_model::KindId(k as u32)),
            prov_data::read_catalog(&raw).0,
        );
    }
    (Engine::new(program.clone(), tables.clone(), &catalogs), tables)
}

/// What the engine gives everyone on a day.
fn desired(engine: &Engine, tables: &[LookupTable], day: Date) -> Desired {
    let program = engine.program();
    let raw = prov_data::read_table("data/hr.csv", file("data/hr.csv").as_bytes()).expect("the export").table;
    let moment = Moment::at_date(day, Zone::utc());
    let population = build_population_with(program, tables, &[(0, raw)], &moment);
    let mut lines: Vec<u64> = population.rejections.iter().map(|r| r.line).collect();
    lines.dedup();
    assert_eq!(lines.len(), changes::MESS + 2, "{:?}", population.rejections);
    engine.evaluate(&population, &moment, &prov_model::Background::default(), Some(1))
}

fn shown(schema: &Schema, desired: &Desired, position: usize) -> Access {
    let mut shown = Access::default();
    for account in desired.accounts.get(position).iter().filter(|a| a.wanted) {
        let def = &schema.apps[account.app.index()];
        let names = def.account.as_ref().expect("an app with accounts").attributes.iter().map(|f| &f.name);
        let attributes: BTreeMap<_, _> =
            names.zip(&account.attributes).skip(1).map(|(n, v)| (leak(n), v.to_string())).collect();
        let name = account.attributes.first().map(|n| n.to_string()).unwrap_or_default();
        shown.accounts.insert(leak(&def.name), Account { name, enabled: account.enabled, attributes });
    }
    for id in desired.holdings.get(position) {
        let ent = desired.entitlements.get(*id);
        let def = &schema.apps[ent.app.index()];
        let kind = &def.kinds[ent.kind.index()].name;
        shown.grants.insert((leak(&def.name), leak(kind), ent.value.to_string()));
    }
    shown
}

fn leak(s: &str) -> &'static str {
    Box::leak(s.to_owned().into_boxed_str())
}

#[test]
fn the_engine_and_the_mirror_give_everyone_the_same() {
    let random = Random::new(crate::template::SEED);
    let mut company: Company = people::found(&random);
    changes::happen(&mut company, &random);
    company.number();
    let (engine, tables) = engine();
    let reports = company.reports(true);
    // The export is of the anchor day; a month and half a year later other rules of time have come true.
    for day in [ANCHOR, Date(ANCHOR.0 + 31), Date(ANCHOR.0 + 200)] {
        let desired = desired(&engine, &tables, day);
        let schema = &engine.program().schema;
        let issues = desired.withheld.iter().map(|(_, _, issue)| issue);
        assert!(issues.clone().all(|i| matches!(i, EntitlementIssue::Forbidden(_))), "catalogs are complete");
        assert!(day > ANCHOR || issues.count() >= 4, "forbids have something to withhold");
        let mut compared = 0;
        for (i, person) in company.people.iter().enumerate() {
            let position = desired.position(&person.id).expect("everyone with an id is known");
            let held = desired.flags[position].held;
            if person.part == Part::Mess {
                assert!(held, "{} has a row that can't be read", person.id);
                continue;
            }
            // Who is on leave keeps what they had: nothing is granted anew.
            if held || state(&person.today, day) == State::Leave {
                continue;
            }
            let mut mirror = access(&person.id, &person.today, reports[i] > 0, day);
            // `enabled` speaks of ad; elsewhere the states decide.
            mirror.accounts.iter_mut().filter(|(app, _)| **app != "ad").for_each(|(_, a)| a.enabled = true);
            let shown = shown(schema, &desired, position);
            assert_eq!(shown, mirror, "{} on {day}", person.id);
            compared += 1;
        }
        assert!(compared > 1_000, "{compared} compared, {} held", desired.holds.len());
    }
}
