//! A small company to plan for: desired and actual state written as one reads them.
#![allow(dead_code, reason = "each test file uses its part")]

use prov_model::{
    Account, AccountDef, AccountOrigin, Actual, AppDef, AppId, AttrId, Csr, Date, Desired, DesiredAccount,
    Duration, EntId, EntitlementIssue, Entitlements, EnumDef, EnumId, FieldDef, ForbidDef, HoldReason,
    IdentityDef, IdentityFlags, IdentityId, KindDef, KindId, LifecycleDef, ManagedDef, Memory, MissingDef,
    Mode, Moment, Pattern, Rejection, RuleId, RuleInfo, RuleKind, Schema, Severity, SourceCount, SourceDef,
    StateDef, Type, ValuePattern, VerbDef, VerbKind, Via, Zone,
};
use prov_plan::{Cause, Plan, PlanInput, Reasons, plan};
use std::collections::BTreeMap;

pub const TODAY: &str = "2026-03-02";

pub fn day(s: &str) -> Date {
    Date::parse(s).expect("a date")
}

pub fn days(n: i32) -> Duration {
    Duration { months: 0, days: n }
}

#[derive(Clone, Debug, Default)]
pub struct Want {
    pub state: u32,
    pub held: bool,
    pub accounts: BTreeMap<u32, DesiredAccount>,
    pub holds: Vec<String>,
    pub withheld: Vec<(String, EntitlementIssue)>,
    pub forbids: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
pub struct Has {
    pub accounts: Vec<Account>,
    pub holds: Vec<String>,
}

/// Schema, desired and actual state and memory, changed at will before a plan is made.
#[derive(Clone)]
pub struct World {
    pub schema: Schema,
    pub want: BTreeMap<String, Want>,
    pub has: BTreeMap<String, Has>,
    pub orphans: Vec<Account>,
    pub memory: Memory,
    pub counts: Vec<SourceCount>,
    pub rejections: Vec<Rejection>,
    pub today: Date,
}

fn verb(kind: VerbKind, apps: &[u32], after: Option<i32>) -> VerbDef {
    VerbDef { kind, apps: apps.iter().map(|&a| AppId(a)).collect(), after: after.map(days) }
}

pub const AD: u32 = 0;
pub const BADGE: u32 = 1;
pub const ERP: u32 = 2;
pub const SLACK: u32 = 3;

impl World {
    /// Apps `ad` (accounts `login`, `mail`; `group` text, managed; `license` managed for `e*` only), `badge` (no
    /// accounts; `site`, managed), `erp` (account from `ad`; `role`, managed) and `slack` (account from `ad`;
    /// `channel`, managed; `history`, irrevocable). States `terminated` (leaver; deletes after 30 days, in `ad` after
    /// 180), `suspended` (disables, kills), `leave` (disables, keeps), `active`.
    pub fn new() -> World {
        let mut schema = Schema::default();
        let mut rule = |kind, name: &str, line| {
            schema.rules.push(RuleInfo {
                kind,
                name: name.into(),
                file: "acme.prov".into(),
                line,
                docs: None,
                annotations: Vec::new(),
                severity: None,
                because: None,
            });
            RuleId(schema.rules.len() as u32 - 1)
        };
        let everyone = rule(RuleKind::Birthright, "everyone", 10);
        let sales = rule(RuleKind::Role, "sales", 20);
        assert_eq!((everyone, sales), (RuleId(0), RuleId(1)));
        let forbid = rule(RuleKind::Forbid, "forbid erp.role", 30);
        let states: Vec<RuleId> = ["terminated", "suspended", "leave", "active"]
            .iter()
            .zip(40..)
            .map(|(s, line)| rule(RuleKind::Lifecycle, &format!("person.{s}"), line))
            .collect();
        let hr = rule(RuleKind::Source, "hr", 5);
        let apps: Vec<(RuleId, RuleId)> = ["ad", "badge", "erp", "slack"]
            .iter()
            .zip([50, 60, 70, 80])
            .map(|(a, line)| {
                (rule(RuleKind::App, a, line), rule(RuleKind::Account, &format!("{a}.account"), line + 1))
            })
            .collect();
        schema.rules[2].because = Some("SOX-12".into());
        schema.rules[2].severity = Some(Severity::High);
        schema.enums = vec![EnumDef {
            variants: ["terminated", "suspended", "leave", "active"].map(String::from).to_vec(),
        }];
        let state = |i: usize, leaver, verbs| StateDef {
            name: schema.enums[0].variants[i].clone(),
            rule: states[i],
            leaver,
            verbs,
        };
        let defs = vec![
            state(
                0,
                true,
                vec![
                    verb(VerbKind::KillSessions, &[], None),
                    verb(VerbKind::DisableAccounts, &[], None),
                    verb(VerbKind::DeleteAccounts, &[], Some(30)),
                    verb(VerbKind::DeleteAccounts, &[AD], Some(180)),
                ],
            ),
            state(
                1,
                false,
                vec![verb(VerbKind::DisableAccounts, &[], None), verb(VerbKind::KillSessions, &[], None)],
            ),
            state(
                2,
                false,
                vec![verb(VerbKind::DisableAccounts, &[], None), verb(VerbKind::KeepEntitlements, &[], None)],
            ),
            state(3, false, vec![]),
        ];
        schema.identities = vec![IdentityDef {
            name: "person".into(),
            attributes: vec![FieldDef { name: "id".into(), ty: Type::Str }],
            key: AttrId(0),
            inverses: Vec::new(),
            lifecycle: Some(LifecycleDef { states: EnumId(0), defs }),
        }];
        schema.sources = vec![SourceDef {
            name: "hr".into(),
            identity: IdentityId(0),
            part: prov_model::SourcePart::Authoritative,
            missing: None,
            rule: hr,
        }];
        let kind = |name: &str, ty: Type, irrevocable| KindDef {
            name: name.into(),
            types: vec![ty],
            catalog: false,
            highest_wins: false,
            irrevocable,
            severity: None,
        };
        let account = |rule, from: Option<u32>, fields: &[&str]| AccountDef {
            rule,
            from: from.map(AppId),
            attributes: fields.iter().map(|f| FieldDef { name: (*f).into(), ty: Type::Str }).collect(),
            unique: vec![],
            correlate: vec![],
        };
        let managed = |kind: u32, glob: Option<&str>| ManagedDef {
            kind: Some(KindId(kind)),
            pattern: glob.map(|g| Pattern::glob(g, false).expect("a glob")),
        };
        let app = |i: usize, name: &str, via, account, kinds, managed| AppDef {
            name: name.into(),
            rule: apps[i].0,
            via,
            mode: Mode::Authoritative,
            account,
            kinds,
            managed,
            second_of: None,
        };
        schema.apps = vec![
            app(
                0,
                "ad",
                Via::Ldap,
                Some(account(apps[0].1, None, &["login", "mail"])),
                vec![kind("group", Type::Text, false), kind("license", Type::Str, false)],
                vec![managed(0, None), managed(1, Some("e*"))],
            ),
            app(1, "badge", Via::File, None, vec![kind("site", Type::Str, false)], vec![managed(0, None)]),
            app(
                2,
                "erp",
                Via::Sql,
                Some(account(apps[2].1, Some(AD), &["user_id"])),
                vec![kind("role", Type::Str, false)],
                vec![managed(0, None)],
            ),
            app(
                3,
                "slack",
                Via::Scim,
                Some(account(apps[3].1, Some(AD), &["userName"])),
                vec![kind("channel", Type::Str, false), kind("history", Type::Str, true)],
                vec![managed(0, None)],
            ),
        ];
        schema.forbids = vec![ForbidDef {
            rule: forbid,
            app: AppId(ERP),
            kind: Some(KindId(0)),
            values: vec![ValuePattern::Exactly("PAYMENTS".into())],
        }];
        World {
            schema,
            want: BTreeMap::new(),
            has: BTreeMap::new(),
            orphans: Vec::new(),
            memory: Memory::default(),
            counts: vec![SourceCount { source: "hr".into(), rows: 3, ..SourceCount::default() }],
            rejections: Vec::new(),
            today: day(TODAY),
        }
    }

    /// Someone of the population, in a state, with no accounts wanted and nothing held.
    pub fn person(&mut self, id: &str, state: &str) -> &mut Want {
        let number = self.schema.enums[0].variants.iter().position(|v| v == state).expect("a state") as u32;
        let mut want = Want { state: number, ..Want::default() };
        for (i, app) in self.schema.apps.iter().enumerate() {
            if app.account.is_some() {
                let none = DesiredAccount {
                    app: AppId(i as u32),
                    wanted: false,
                    enabled: true,
                    attributes: Box::new([]),
                };
                want.accounts.insert(i as u32, none);
            }
        }
        self.want.entry(id.into()).or_insert(want)
    }

    /// Someone of the actual state.
    pub fn has(&mut self, id: &str) -> &mut Has {
        self.has.entry(id.into()).or_default()
    }

    /// Makes the actual state exactly what is desired of someone, as if in state `active`.
    pub fn settled(&mut self, id: &str) {
        let want = self.want[id].clone();
        let has = self.has(id);
        has.holds = want.holds.clone();
        has.accounts = want
            .accounts
            .values()
            .filter(|a| a.wanted)
            .map(|a| account(a.app.0, &a.attributes[0], a.enabled, &a.attributes))
            .collect();
    }

    pub fn state(&mut self, name: &str) -> &mut StateDef {
        let lifecycle = self.schema.identities[0].lifecycle.as_mut().expect("a lifecycle");
        lifecycle.defs.iter_mut().find(|d| d.name == name).expect("a state")
    }

    pub fn missing_means_terminated(&mut self, after: i32) {
        self.schema.sources[0].missing = Some(MissingDef { state: 0, after: days(after) });
    }

    fn intern(&self, ids: &mut Entitlements, spelled: &str) -> EntId {
        let (app, rest) = spelled.split_once('.').expect("app.kind(value)");
        let (kind, value) = rest.split_once('(').expect("app.kind(value)");
        let app = self.schema.apps.iter().position(|a| a.name == app).expect("an app");
        let kind = self.schema.apps[app].kinds.iter().position(|k| k.name == kind).expect("a kind");
        let folds = self.schema.apps[app].kinds[kind].types.contains(&Type::Text);
        ids.intern(AppId(app as u32), KindId(kind as u32), value.trim_end_matches(')'), folds)
    }

    pub fn desired(&self) -> Desired {
        let mut desired = Desired {
            would: Default::default(),
            at: Moment::at_date(self.today, Zone::utc()),
            ids: Vec::new(),
            rows: Vec::new(),
            states: Vec::new(),
            flags: Vec::new(),
            holds: BTreeMap::new(),
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
            active_forbids: BTreeMap::new(),
            keeps: Default::default(),
            entered: Default::default(),
            names: Vec::new(),
            links: Vec::new(),
            writes: Vec::new(),
            settled: Vec::new(),
            conflicts: Default::default(),
            entitlements: Entitlements::default(),
            counts: self.counts.clone(),
            rejections: self.rejections.clone(),
        };
        for (i, (id, want)) in self.want.iter().enumerate() {
            let i = i as u32;
            desired.ids.push(id.as_str().into());
            desired.rows.push((IdentityId(0), i));
            desired.states.push(want.state);
            desired.flags.push(IdentityFlags { held: want.held });
            if want.held {
                desired.holds.insert(i, HoldReason::Rejected);
            }
            desired.accounts.push(want.accounts.values().cloned());
            let held = self.held(&mut desired.entitlements, &want.holds);
            desired.holdings.push(held);
            for (spelled, issue) in &want.withheld {
                let ent = self.intern(&mut desired.entitlements, spelled);
                desired.withheld.push((i, ent, issue.clone()));
            }
            if !want.forbids.is_empty() {
                desired.active_forbids.insert(i, want.forbids.clone());
            }
        }
        desired
    }

    pub fn actual(&self) -> Actual {
        let mut actual = Actual { orphans: self.orphans.clone(), ..Actual::default() };
        for (id, has) in &self.has {
            actual.ids.push(id);
            let mut accounts = has.accounts.clone();
            accounts.sort_by(|a, b| (a.app, &a.name).cmp(&(b.app, &b.name)));
            actual.accounts.push(accounts);
            let held = self.held(&mut actual.entitlements, &has.holds);
            actual.holdings.push(held);
        }
        actual
    }

    fn held(&self, ids: &mut Entitlements, spelled: &[String]) -> Vec<EntId> {
        let mut held: Vec<EntId> = spelled.iter().map(|s| self.intern(ids, s)).collect();
        held.sort_by_key(|&e| ids.same_as(e));
        held.dedup_by_key(|e| ids.same_as(*e));
        held
    }

    pub fn plan(&self) -> Plan {
        self.plan_of(&self.desired(), &self.actual())
    }

    pub fn plan_of(&self, desired: &Desired, actual: &Actual) -> Plan {
        plan(PlanInput {
            schema: &self.schema,
            desired,
            actual,
            memory: &self.memory,
            reasons: &Everyone,
            policy: "0123456789abcdef",
            engine: "0.1.0",
            watch: None,
        })
    }
}

/// Every grant is by the rule `everyone`.
pub struct Everyone;

impl Reasons for Everyone {
    fn grant(&self, _: u32, _: EntId, out: &mut Vec<Cause>) {
        out.push(Cause::Rule { rule: RuleId(0), line: 11 });
    }
}

impl Want {
    pub fn account(&mut self, app: u32, attributes: &[&str]) -> &mut Want {
        let attributes = attributes.iter().map(|a| (*a).into()).collect();
        self.accounts
            .insert(app, DesiredAccount { app: AppId(app), wanted: true, enabled: true, attributes });
        self
    }

    pub fn disabled(&mut self, app: u32) -> &mut Want {
        self.accounts.get_mut(&app).expect("an account").enabled = false;
        self
    }

    pub fn holds(&mut self, all: &[&str]) -> &mut Want {
        self.holds.extend(all.iter().map(|h| h.to_string()));
        self
    }
}

impl Has {
    pub fn account(&mut self, app: u32, name: &str, enabled: bool, attributes: &[&str]) -> &mut Has {
        self.accounts.push(account(app, name, enabled, attributes));
        self
    }

    pub fn holds(&mut self, all: &[&str]) -> &mut Has {
        self.holds.extend(all.iter().map(|h| h.to_string()));
        self
    }
}

pub fn account<S: AsRef<str>>(app: u32, name: &str, enabled: bool, attributes: &[S]) -> Account {
    Account {
        app: AppId(app),
        name: name.into(),
        enabled,
        attributes: attributes.iter().map(|a| Some(a.as_ref().into())).collect(),
        keys: Box::default(),
        origin: AccountOrigin::default(),
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let modes: Vec<_> = self.schema.apps.iter().map(|a| a.mode).collect();
        write!(f, "{:#?}\n{:#?}\n{modes:?} {:?}", self.want, self.has, self.memory)
    }
}

/// Each action as `kind identity app[.kind(value)] account`.
pub fn brief(plan: &Plan) -> Vec<String> {
    plan.actions()
        .map(|a| {
            let ent = a.entitlement().map(|(k, v)| format!(".{k}({v})")).unwrap_or_default();
            let account = a.account().map(|n| format!(" {n}")).unwrap_or_default();
            format!("{} {} {}{ent}{account}", a.kind().name(), a.identity(), a.app())
        })
        .collect()
}

/// Each finding as `kind identity message`.
pub fn found(plan: &Plan) -> Vec<String> {
    plan.findings
        .iter()
        .map(|f| format!("{} {} {}", f.kind.name(), f.identity.as_deref().unwrap_or("-"), f.message))
        .collect()
}

pub fn jsonl(plan: &Plan) -> String {
    let mut out = Vec::new();
    plan.write_jsonl(&mut out).expect("a vector takes all");
    String::from_utf8(out).expect("JSON is UTF-8")
}
