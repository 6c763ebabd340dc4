//! The template's policy, said once more in Rust, to know what the last run left behind.
//! Invariant: what stands here gives the same access as the policy; the tests compare the two.

use super::shape::{COUNTRIES, DEPARTMENTS, FLOOR, SITES};
use super::{Facts, Kind, Status};
use prov_model::{Date, Duration, slug};
use std::collections::{BTreeMap, BTreeSet};

/// The lifecycle's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Terminated,
    Prehire,
    Leave,
    Active,
}

/// An account: its name, whether it is enabled, and its attributes by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) attributes: BTreeMap<&'static str, String>,
}

/// An app, a kind of entitlement, a value.
pub(super) type Grant = (&'static str, &'static str, String);

/// What someone should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) accounts: BTreeMap<&'static str, Account>,
    pub(super) grants: BTreeSet<Grant>,
}

/// The state of a person on a day.
pub(super) fn state(p: &Facts, today: Date) -> State {
    if p.status == Status::Terminated || p.end.is_some_and(|end| end < today) {
        State::Terminated
    } else if today < p.start {
        State::Prehire
    } else if p.status == Status::Leave {
        State::Leave
    } else {
        State::Active
    }
}

/// What someone should have on a day. Who is on leave has what they had, as if active, with accounts disabled.
pub(super) fn access(id: &str, p: &Facts, has_reports: bool, today: Date) -> Access {
    let state = state(p, today);
    let mut access = Access::default();
    if state == State::Terminated {
        return access;
    }
    accounts(&mut access, id, p, has_reports, state, today);
    let mut rules = Rules { p, grants: BTreeSet::new() };
    rules.birthrights(state, today);
    if state != State::Prehire {
        rules.building();
        rules.selling();
        rules.paying();
        rules.people(has_reports);
    }
    rules.forbids();
    let without_accounts = ["lms", "vpn", "badge"];
    access.grants = highest(rules.grants)
        .into_iter()
        .filter(|(app, ..)| without_accounts.contains(app) || access.accounts.contains_key(app))
        .collect();
    access
}

/// The attributes of an account in `ad`, for the other apps too.
fn accounts(access: &mut Access, id: &str, p: &Facts, has_reports: bool, state: State, today: Date) {
    if state == State::Prehire && p.start.0 > today.0 + 7 {
        return;
    }
    let enabled = state == State::Active;
    let external = if p.kind == Kind::Contractor { " (ext)" } else { "" };
    let display_name = format!("{} {}{external}", p.first, p.last);
    let plain = |name: &str| slug(&name.replace(['\'', '’'], ""));
    let mail = format!("{}.{}.{}@acme.example", plain(&p.first), plain(&p.last), &id[1..]);
    let login = id.to_lowercase();
    let department = DEPARTMENTS[p.department].name;
    let mut add = |app, name: &str, attributes: &[(&'static str, &str)]| {
        let attributes = attributes.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        access.accounts.insert(app, Account { name: name.to_owned(), enabled, attributes });
    };
    add(
        "ad",
        &login,
        &[
            ("display_name", &display_name),
            ("mail", &mail),
            ("department", department),
            ("title", &p.title),
            ("company", ["Acme SAS", "Acme GmbH", "Acme, Inc."][SITES[p.site].3]),
        ],
    );
    if state == State::Prehire {
        return;
    }
    add("slack", &mail, &[("display_name", &display_name)]);
    if matches!(department, "Engineering" | "Research" | "Information Technology") {
        add("git", &login, &[]);
    }
    if matches!(department, "Sales" | "Customer Success" | "Marketing") {
        add("crm", &mail, &[]);
    }
    if matches!(department, "Finance" | "Purchasing" | "Operations" | "Logistics") {
        add("erp", &id.to_uppercase(), &[]);
    }
    if department == "People" || has_reports {
        add("hris", &login, &[]);
    }
    if p.kind == Kind::Employee {
        add("travel", &mail, &[]);
    }
}

/// Rules of one person, while what they grant is gathered.
struct Rules<'a> {
    p: &'a Facts,
    grants: BTreeSet<Grant>,
}

impl Rules<'_> {
    fn grant(&mut self, app: &'static str, kind: &'static str, value: impl Into<String>) {
        self.grants.insert((app, kind, value.into()));
    }

    fn department(&self) -> &'static str {
        DEPARTMENTS[self.p.department].name
    }

    fn site_code(&self) -> &'static str {
        SITES[self.p.site].1
    }

    fn title(&self) -> String {
        self.p.title.to_lowercase()
    }

    fn grade(&self) -> u8 {
        self.p.level.unwrap_or(0)
    }

    fn birthrights(&mut self, state: State, today: Date) {
        let (p, site, country) = (self.p, self.site_code(), SITES[self.p.site].3);
        let floor = FLOOR.contains(&p.title.as_str());
        if state != State::Leave && today < p.start.plus(Duration { months: 0, days: 30 }) {
            self.grant("ad", "group", "all-newcomers");
            self.grant("slack", "channel", "acme-welcome");
        }
        self.grant("lms", "course", "welcome to acme");
        if country != 2 {
            self.grant("lms", "course", "gdpr");
        }
        if floor {
            self.grant("lms", "course", "workplace safety");
        }
        if state == State::Prehire {
            return;
        }
        self.grant("lms", "course", "security basics");
        self.grant("ad", "group", "all-staff");
        self.grant(
            "ad",
            "group",
            match p.kind {
                Kind::Employee => "all-employees",
                Kind::Contractor => "all-contractors",
                Kind::Intern => "all-interns",
            },
        );
        self.grant("slack", "channel", "acme-all");
        self.grant("ad", "license", "f1");
        if !floor {
            self.grant("ad", "license", "e3");
            self.grant("vpn", "profile", "standard");
        }
        if self.grade() >= 6 {
            self.grant("ad", "license", "e5");
        }
        self.grant("ad", "group", format!("site-{site}"));
        self.grant("slack", "channel", format!("site-{site}"));
        self.grant("badge", "zone", format!("{site}-main"));
        for group in DEPARTMENTS[p.department].groups {
            self.grant("ad", "group", *group);
        }
        self.grant("slack", "channel", format!("dept-{}", DEPARTMENTS[p.department].code));
        if p.kind == Kind::Employee {
            self.grant("travel", "policy", if self.grade() >= 7 { "executive" } else { "standard" });
        }
    }

    fn building(&mut self) {
        let (dep, site, title) = (self.department(), self.site_code(), self.title());
        let engineer = title.contains("engineer");
        if matches!(dep, "Engineering" | "Research") && engineer {
            self.grant("git", "access", "write");
            self.grant("git", "team", format!("{}-{site}", DEPARTMENTS[self.p.department].code));
            self.grant("vpn", "profile", "engineering");
            self.grant("ad", "group", "role-developers");
            if self.grade() >= 4 && self.p.kind == Kind::Employee {
                self.grant("git", "access", "admin");
                self.grant("slack", "usergroup", "tech-leads");
            }
        }
        if dep == "Research" && !engineer {
            self.grant("git", "access", "read");
            self.grant("git", "team", "research-data");
            self.grant("badge", "zone", format!("{site}-lab"));
        }
        if dep == "Information Technology" && title.contains("reliability") {
            self.grant("git", "access", "write");
            self.grant("ad", "group", "role-production");
            self.grant("vpn", "profile", "engineering");
            self.grant("badge", "zone", format!("{site}-datacenter"));
        }
        if title.starts_with("service desk") {
            self.grant("git", "access", "read");
            self.grant("ad", "group", "role-helpdesk");
        }
        if dep == "Product" && title.ends_with("designer") {
            self.grant("ad", "group", "role-design-tools");
        }
    }

    fn selling(&mut self) {
        let (dep, title) = (self.department(), self.title());
        let employee = self.p.kind == Kind::Employee;
        let rep = dep == "Sales" && employee && (title.starts_with("account") || title.starts_with("sales"));
        if rep {
            self.grant("crm", "profile", "sell");
            self.grant("slack", "usergroup", "quota-carriers");
        }
        match dep {
            "Customer Success" => self.grant("crm", "profile", "support"),
            "Marketing" => self.grant("ad", "group", "role-campaigns"),
            _ if rep => {}
            _ => return,
        }
        self.crm_user();
    }

    fn crm_user(&mut self) {
        self.grant("crm", "profile", "read");
        self.grant("crm", "territory", COUNTRIES[SITES[self.p.site].3]);
    }

    fn paying(&mut self) {
        let (dep, site, title) = (self.department(), self.site_code(), self.title());
        let roles: &[&str] = match dep {
            "Finance" if title.contains("accountant") => &["GL_POST"],
            "Finance" if title.contains("payable") => &["PAY_VENDOR"],
            "Finance" if title.contains("controller") => {
                if self.p.trainings.contains(&"SOX") {
                    &["GL_REPORT", "PERIOD_CLOSE"]
                } else {
                    &["GL_REPORT"]
                }
            }
            "Purchasing" if self.grade() >= 3 => &["CREATE_ORDER", "CREATE_VENDOR"],
            "Purchasing" => &["CREATE_ORDER"],
            "Operations" if title.contains("planner") => &["PLAN_PRODUCTION"],
            "Logistics" => &["STOCK_MOVE"],
            _ => &[],
        };
        if !roles.is_empty() {
            self.grant("erp", "role", "ERP_BASE");
        }
        for role in roles {
            self.grant("erp", "role", *role);
        }
        match dep {
            "Logistics" => self.grant("badge", "zone", format!("{site}-warehouse")),
            "Operations" => self.grant("badge", "zone", format!("{site}-plant")),
            _ => {}
        }
    }

    fn people(&mut self, has_reports: bool) {
        let (dep, site, title) = (self.department(), self.site_code(), self.title());
        if dep == "People" {
            self.grant("hris", "role", "PERSON_VIEW");
            if self.p.kind == Kind::Employee {
                self.grant("hris", "role", "PERSON_EDIT");
            }
            if title.contains("payroll") {
                self.grant("hris", "role", "PAY_RUN");
            }
        }
        if has_reports {
            self.grant("ad", "group", "role-managers");
            self.grant("slack", "channel", "acme-managers");
            self.grant("hris", "role", "APPROVE_LEAVE");
            self.grant("lms", "course", "leading people");
            if dep == "Sales" {
                self.crm_user();
                self.grant("crm", "profile", "manage");
                self.grant("ad", "group", "role-forecast");
            }
            if self.grade() >= 6 {
                self.grant("ad", "group", "role-directors");
                if matches!(dep, "Sales" | "Finance" | "Executive") {
                    self.grant("ad", "group", "role-forecast");
                }
            }
        }
        if dep == "Legal" {
            self.grant("ad", "group", "role-legal-hold");
        }
        if self.p.trainings.contains(&"First aid") {
            self.grant("slack", "usergroup", "first-aiders");
            self.grant("badge", "zone", format!("{site}-medical"));
        }
    }

    fn forbids(&mut self) {
        let (kind, trained) = (self.p.kind, self.p.trainings.contains(&"Production access"));
        self.grants.retain(|(app, _, value)| match *app {
            "erp" if value == "PAY_VENDOR" => kind == Kind::Employee,
            "erp" if value.starts_with("GL_") => kind != Kind::Intern,
            "ad" if value == "role-production" => kind != Kind::Contractor || trained,
            "hris" => kind != Kind::Contractor,
            _ => true,
        });
    }
}

/// Of kinds where the highest wins, only that.
fn highest(grants: BTreeSet<Grant>) -> BTreeSet<Grant> {
    let rank = |app: &str, kind: &str, value: &str| {
        let order: &[&str] = match (app, kind) {
            ("ad", "license") => &["f1", "e3", "e5"],
            ("git", "access") => &["read", "write", "admin"],
            ("crm", "profile") => &["read", "support", "sell", "manage"],
            ("travel", "policy") => &["standard", "executive"],
            _ => return None,
        };
        order.iter().position(|v| *v == value)
    };
    let mut best: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (app, kind, value) in &grants {
        if let Some(r) = rank(app, kind, value) {
            let top = best.entry((app, kind)).or_insert(r);
            *top = r.max(*top);
        }
    }
    grants
        .iter()
        .filter(|(app, kind, value)| {
            rank(app, kind, value).is_none_or(|r| best.get(&(*app, *kind)) == Some(&r))
        })
        .cloned()
        .collect()
}
