//! What everyone has (files.md, "Actual state").
//! Invariant: what the policy does not know is passed over; what can't be read makes its owner unreadable.

use crate::entitlement::{Ent, compared, join, split};
use crate::eval::Scope;
use crate::policy::{App, Kind};
use crate::value::{Reading, Ty, fold, nfc};
use crate::world::World;
use prov_model::{RawCell, RawRow, RawTable};
use prov_syntax::ast;
use std::collections::{BTreeMap, BTreeSet};

/// An account that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub app: String,
    pub name: String,
    pub owner: Option<String>,
    pub enabled: bool,
    /// Attributes but the name, where the file has a column for them.
    pub attributes: BTreeMap<String, String>,
    /// What the columns say that accounts are found by.
    pub columns: BTreeMap<String, String>,
    /// The line of its row.
    pub line: u64,
}

/// See the head of the file.
#[derive(Default)]
pub(crate) struct Actual {
    pub accounts: Vec<Account>,
    /// By global id, each once.
    pub held: BTreeMap<String, Vec<Ent>>,
    /// Of whom a row could not be read.
    pub unreadable: BTreeSet<String>,
    /// Rows that could not be read: file, line, identity.
    pub rejected: Vec<(String, u64, Option<String>)>,
}

impl<'a> World<'a> {
    fn plain(&self, text: &str, ty: Option<&Ty>) -> String {
        let reading = Reading { records: &self.policy.records };
        nfc(&ty.and_then(|t| reading.scalar(text, t)).map_or_else(|| text.to_owned(), |v| v.plain()))
    }

    /// The global id that a cell names: its key read by its type.
    fn owner(&self, cell: RawCell<'_>) -> Option<String> {
        let (RawCell::Text(text) | RawCell::Json(text)) = cell else { return None };
        let (of, key) = match self.policy.identities.as_slice() {
            [one] => (Some(one), text),
            all => match text.split_once(':') {
                Some((of, key)) => (all.iter().find(|i| i.name == of), key),
                None => (None, text),
            },
        };
        let Some(of) = of else { return Some(nfc(text)) };
        let ty = of.fields.iter().find(|f| f.key).map(|f| &f.ty);
        Some(self.global_id(&of.name, &self.plain(key, ty)))
    }

    /// Reads both tables.
    pub(crate) fn read_actual(&self, accounts: &RawTable, entitlements: &RawTable) -> Result<Actual, String> {
        let mut actual = Actual::default();
        self.read_accounts(accounts, &mut actual)?;
        self.read_entitlements(entitlements, &mut actual)?;
        actual.unreadable = actual.rejected.iter().filter_map(|(_, _, id)| id.clone()).collect();
        Ok(actual)
    }

    fn read_accounts(&self, raw: &RawTable, actual: &mut Actual) -> Result<(), String> {
        let mut found: Vec<(u64, String, Account)> = Vec::new();
        for row in raw.rows() {
            let Some(app) = self.policy.app(text(row, raw, "app")?.trim()) else { continue };
            if app.accounts.is_empty() {
                continue;
            }
            let owner = self.owner(row.cell(column(raw, "identity")?));
            let name = row.cell(column(raw, "account")?);
            let reading = Reading { records: &self.policy.records };
            let enabled = match row.cell(column(raw, "enabled")?) {
                RawCell::Text(s) => reading.scalar(s, &Ty::Bool).map(|v| v.plain() == "true"),
                RawCell::Absent | RawCell::Json(_) => None,
            };
            let (RawCell::Text(name), Some(enabled)) = (name, enabled) else {
                actual.rejected.push((raw.file.clone(), row.line(), owner));
                continue;
            };
            let types = self.account_types(app);
            let first = types.first();
            let name = self.plain(name, first.and_then(|(_, t)| t.as_ref()));
            let mut attributes = BTreeMap::new();
            for (attribute, ty) in types.iter().skip(1) {
                if let Some(at) = raw.column(attribute) {
                    let value = match row.cell(at) {
                        RawCell::Absent => String::new(),
                        RawCell::Text(s) => self.plain(s, ty.as_ref()),
                        RawCell::Json(s) => s.to_owned(),
                    };
                    attributes.insert(attribute.clone(), value);
                }
            }
            let mut columns = BTreeMap::new();
            for key in app.accounts.iter().flat_map(|b| &b.correlate).map(|c| &c.name.text) {
                let cell = raw.column(key).map_or(RawCell::Absent, |at| row.cell(at));
                if let RawCell::Text(s) | RawCell::Json(s) = cell {
                    columns.insert(key.clone(), nfc(s));
                }
            }
            let folds = first.is_some_and(|(_, t)| *t == Some(Ty::Text));
            let key = if folds { fold(&name) } else { name.clone() };
            found.push((
                row.line(),
                key,
                Account {
                    app: app.name.to_owned(),
                    name,
                    owner,
                    enabled,
                    attributes,
                    columns,
                    line: row.line(),
                },
            ));
        }
        // Equal rows are one; of rows about one account that differ, none is right.
        for (line, key, account) in &found {
            let twins = || found.iter().filter(|(_, k, a)| k == key && a.app == account.app);
            let equal = |a: &Account| Account { line: account.line, ..a.clone() } == *account;
            if twins().all(|(_, _, a)| equal(a)) {
                if !actual.accounts.iter().any(equal) {
                    actual.accounts.push(account.clone());
                }
            } else {
                actual.rejected.push((raw.file.clone(), *line, account.owner.clone()));
            }
        }
        Ok(())
    }

    /// The attributes of an app's accounts with their types, in order.
    pub(crate) fn account_types(&self, app: &App<'a>) -> Vec<(String, Option<Ty>)> {
        let types = |block: &'a ast::Account| -> Vec<(String, Option<Ty>)> {
            let of = block.for_type.as_ref().map(|n| n.text.clone());
            let of = of.or_else(|| self.policy.identities.first().map(|i| i.name.clone()));
            let scope = Scope { account: Some((app.name, block)), ..Scope::of(None, of) };
            let fields = block.fields.iter().filter(|f| f.assign.name.text != "enabled");
            // A name that is given once is of the type of what it is made from.
            let made = |e: &'a ast::Expr| crate::names::unique(e).map_or(e, |(base, _)| base);
            fields
                .map(|f| (f.assign.name.text.clone(), self.type_of(made(&f.assign.value), &scope)))
                .collect()
        };
        // What is text for one identity type is text.
        let mut all: Vec<(String, Option<Ty>)> = Vec::new();
        for (name, ty) in app.accounts.iter().flat_map(|block| types(block)) {
            match all.iter_mut().find(|known| known.0 == name) {
                Some(known) if ty == Some(Ty::Text) => known.1 = ty,
                Some(_) => {}
                None => all.push((name, ty)),
            }
        }
        all
    }

    fn read_entitlements(&self, raw: &RawTable, actual: &mut Actual) -> Result<(), String> {
        for row in raw.rows() {
            let Some(app) = self.policy.app(text(row, raw, "app")?.trim()) else { continue };
            let Some(kind) = app.kind(text(row, raw, "kind")?.trim()) else { continue };
            let owner = self.owner(row.cell(column(raw, "identity")?));
            let value = match row.cell(column(raw, "value")?) {
                RawCell::Text(s) => Some(self.value_of(kind, s)),
                RawCell::Absent if kind.types.is_empty() => Some(String::new()),
                RawCell::Absent | RawCell::Json(_) => None,
            };
            let (Some(owner), Some(value)) = (owner.clone(), value) else {
                actual.rejected.push((raw.file.clone(), row.line(), owner));
                continue;
            };
            let compared = compared(kind, &value);
            let ent = Ent { app: app.name.to_owned(), kind: kind.name.to_owned(), value, compared };
            let held = actual.held.entry(owner).or_default();
            // Of several spellings of one entitlement the smallest stands for all.
            match held
                .iter_mut()
                .find(|e| (&e.app, &e.kind, &e.compared) == (&ent.app, &ent.kind, &ent.compared))
            {
                Some(known) if ent.value < known.value => *known = ent,
                Some(_) => {}
                None => held.push(ent),
            }
        }
        Ok(())
    }

    /// A `text` keeps its spelling, so that what is taken away is named as it is there.
    fn as_spelled(&self, text: &str, ty: &Ty) -> String {
        if *ty == Ty::Text { text.to_owned() } else { self.plain(text, Some(ty)) }
    }

    /// A value in the one spelling of its kind; what does not read by its types stays as it stands.
    fn value_of(&self, kind: &Kind<'_>, spelled: &str) -> String {
        match kind.types.as_slice() {
            [] => spelled.to_owned(),
            [one] => self.as_spelled(spelled, one),
            types => {
                let parts = split(spelled);
                if parts.len() != types.len() {
                    return nfc(spelled);
                }
                let plain: Vec<String> =
                    parts.iter().zip(types).map(|(p, t)| self.as_spelled(p, t)).collect();
                join(&plain)
            }
        }
    }
}

fn column(raw: &RawTable, name: &str) -> Result<usize, String> {
    raw.column(name).ok_or_else(|| format!("`{}` has no column `{name}`", raw.file))
}

fn text<'t>(row: RawRow<'t>, raw: &RawTable, name: &str) -> Result<&'t str, String> {
    Ok(match row.cell(column(raw, name)?) {
        RawCell::Absent => "",
        RawCell::Text(s) | RawCell::Json(s) => s,
    })
}
