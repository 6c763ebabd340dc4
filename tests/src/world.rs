//! The world that plans are carried out in: accounts and entitlements as rows, and what each action does to them.
//! Invariant: it knows nothing of how a plan is made; it reads only what an action says.

use prov::{ActionKind, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub identity: String,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Attributes but its name.
    pub attributes: BTreeMap<String, String>,
}

/// Accounts by app and name; entitlements as (app, identity, kind, value).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Accounts.
    pub accounts: BTreeMap<(String, String), Account>,
    /// Entitlements.
    pub held: BTreeSet<[String; 4]>,
}

/// The cells of a line: in quotes where one holds a comma, a quote doubled; no line breaks.
pub(crate) fn cells(line: &str) -> Vec<String> {
    let (mut out, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    out.push(cell);
    out
}

/// A line of cells.
fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let shown = cells.into_iter().map(|c| {
        if c.contains([',', '"']) || c.trim() != c {
            format!("\"{}\"", c.replace('"', "\"\""))
        } else {
            c.to_owned()
        }
    });
    shown.collect::<Vec<_>>().join(",") + "\n"
}

impl World {
    /// Of the rows of both files; a row that is no account or entitlement is left out.
    pub fn of(accounts: &crate::random::Rows, held: &crate::random::Rows) -> World {
        let mut world = World::default();
        let lines = |rows: &crate::random::Rows| rows.csv().lines().map(str::to_owned).collect::<Vec<_>>();
        world.accounts(&lines(accounts));
        world.entitlements(&lines(held));
        world
    }

    /// Reads `accounts.csv`.
    pub fn accounts(&mut self, lines: &[String]) {
        let header = lines.first().map(|l| cells(l)).unwrap_or_default();
        for line in lines.iter().skip(1) {
            let mut account = Account { enabled: true, ..Account::default() };
            let (mut app, mut name) = (String::new(), String::new());
            for (column, value) in header.iter().zip(cells(line)) {
                match column.as_str() {
                    "app" => app = value,
                    "account" => name = value,
                    "identity" => account.identity = value,
                    "enabled" => account.enabled = value == "true",
                    _ => {
                        account.attributes.insert(column.clone(), value);
                    }
                }
            }
            self.accounts.insert((app, name), account);
        }
    }

    /// Reads `entitlements.csv`.
    pub fn entitlements(&mut self, lines: &[String]) {
        for line in lines.iter().skip(1) {
            if let Ok(row) = <[String; 4]>::try_from(cells(line)) {
                self.held.insert(row);
            }
        }
    }

    /// Takes away what the lines of an `entitlements.csv` name.
    pub fn lose(&mut self, lines: &[String]) {
        for line in lines.iter().skip(1) {
            if let Ok(row) = <[String; 4]>::try_from(cells(line)) {
                self.held.remove(&row);
            }
        }
    }

    /// `accounts.csv` and `entitlements.csv`.
    pub fn files(&self) -> [(&'static str, String); 2] {
        let names: BTreeSet<&str> =
            self.accounts.values().flat_map(|a| a.attributes.keys().map(String::as_str)).collect();
        let head = ["app", "account", "identity", "enabled"];
        let mut accounts = line(head.into_iter().chain(names.iter().copied()));
        for ((app, name), a) in &self.accounts {
            let first = [app.as_str(), name, &a.identity, if a.enabled { "true" } else { "false" }];
            let rest = names.iter().map(|n| a.attributes.get(*n).map_or("", String::as_str));
            accounts += &line(first.into_iter().chain(rest));
        }
        let mut held = line(["app", "identity", "kind", "value"]);
        for row in &self.held {
            held += &line(row.iter().map(String::as_str));
        }
        [("accounts.csv", accounts), ("entitlements.csv", held)]
    }

    /// Carries a plan out, but for what is only reported.
    pub fn apply(&mut self, plan: &Plan) {
        for action in plan.actions().filter(|a| !a.is_report()) {
            let (app, identity) = (action.app().to_owned(), action.identity().to_owned());
            let key = (app.clone(), action.account().unwrap_or("").to_owned());
            let changes: Vec<(String, String)> = action
                .changes()
                .iter()
                .map(|c| (c.attribute.to_string(), c.to.as_deref().unwrap_or("").to_owned()))
                .collect();
            match action.kind() {
                ActionKind::CreateAccount => {
                    let mut account = Account { identity, enabled: true, ..Account::default() };
                    // The first attribute is the account's name.
                    for (attribute, value) in changes.into_iter().skip(1) {
                        if attribute == "enabled" {
                            account.enabled = value == "true";
                        } else {
                            account.attributes.insert(attribute, value);
                        }
                    }
                    self.accounts.insert(key, account);
                }
                ActionKind::UpdateAccount => {
                    if let Some(a) = self.accounts.get_mut(&key) {
                        a.attributes.extend(changes);
                    }
                }
                ActionKind::RenameAccount => {
                    if let (Some(a), Some((_, name))) = (self.accounts.remove(&key), changes.first()) {
                        self.accounts.insert((app, name.clone()), a);
                    }
                }
                ActionKind::EnableAccount | ActionKind::DisableAccount => {
                    if let Some(a) = self.accounts.get_mut(&key) {
                        a.enabled = action.kind() == ActionKind::EnableAccount;
                    }
                }
                ActionKind::DeleteAccount => {
                    self.accounts.remove(&key);
                    if !self.accounts.iter().any(|(k, a)| k.0 == app && a.identity == identity) {
                        self.held.retain(|[a, i, ..]| (a, i) != (&app, &identity));
                    }
                }
                ActionKind::Grant | ActionKind::Revoke => {
                    let Some((kind, value)) = action.entitlement() else { continue };
                    let row = [app, identity, kind.to_owned(), value.to_owned()];
                    if action.kind() == ActionKind::Grant {
                        self.held.insert(row);
                    } else {
                        self.held.remove(&row);
                    }
                }
                ActionKind::KillSessions | ActionKind::WriteBack => {}
            }
        }
    }
}
