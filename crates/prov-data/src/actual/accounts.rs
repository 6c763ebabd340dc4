//! Accounts, row by row. Invariant: an account stands once; of rows that differ about one, none is right.

use super::complaints::{Complaints, Seen};
use super::names::{Names, cell, trimmed};
use prov_diag::{Diagnostic, codes};
use prov_model::{
    Account, AccountOrigin, AppId, FieldDef, RawCell, RawRow, RawTable, Rejection, Schema, Type, nfc, shorten,
};
use rayon::prelude::*;

/// An account with the identity that owns it.
pub(super) struct Found {
    pub owner: Option<Box<str>>,
    pub account: Account,
}

/// How many rows one thread reads at a time.
const STRETCH: usize = 1 << 13;

/// Where accounts say what they are found by.
enum KeyColumn {
    /// It is their name.
    Name,
    /// In this column.
    Column(usize),
    /// Nowhere.
    Missing,
}

/// Reads accounts by the columns of a table.
pub(super) struct Accounts<'a> {
    names: &'a Names<'a>,
    raw: &'a RawTable,
    /// `app`, `account`, `identity`, `enabled`.
    places: [Option<usize>; 4],
    /// Where each app's attributes stand, without the first, which is the name.
    attributes: Vec<Vec<Option<usize>>>,
    keys: Vec<Vec<KeyColumn>>,
}

impl<'a> Accounts<'a> {
    pub fn new(names: &'a Names<'a>, raw: &'a RawTable, diagnostics: &mut Vec<Diagnostic>) -> Accounts<'a> {
        let schema = names.schema;
        let of_app = |a: &prov_model::AppDef| {
            a.account.iter().flat_map(|a| &a.attributes).skip(1).map(|f| raw.column(&f.name)).collect()
        };
        Accounts {
            names,
            raw,
            places: ["app", "account", "identity", "enabled"].map(|name| raw.column(name)),
            attributes: schema.apps.iter().map(of_app).collect(),
            keys: key_columns(schema, raw, diagnostics),
        }
    }

    /// All accounts, each once.
    pub fn read(&self, complaints: &mut Complaints, diagnostics: &mut Vec<Diagnostic>) -> Vec<Found> {
        let starts: Vec<usize> = (0..self.raw.len()).step_by(STRETCH).collect();
        let parts: Vec<(Vec<Found>, Complaints)> = starts
            .into_par_iter()
            .map(|start| {
                let rows = start..self.raw.len().min(start + STRETCH);
                let (mut found, mut wrong) = (Vec::with_capacity(rows.len()), Complaints::default());
                rows.for_each(|row| found.extend(self.row(self.raw.row(row), &mut wrong)));
                (found, wrong)
            })
            .collect();
        let mut all = Vec::with_capacity(self.raw.len());
        for (found, wrong) in parts {
            all.extend(found);
            complaints.append(wrong);
        }
        self.without_doubles(all, complaints, diagnostics)
    }

    fn row(&self, row: RawRow<'_>, wrong: &mut Complaints) -> Option<Found> {
        let [app, name, identity, enabled] = self.places;
        let (raw, names) = (self.raw, self.names);
        let seen = Seen { rows: 1, lines: &[row.line()] };
        let app = wrong.app(names, raw, trimmed(cell(row, app)), seen)?;
        let def = names.schema.app(app);
        let Some(account) = &def.account else {
            let why = format!("the app `{}` has no accounts in the policy", shorten(&def.name));
            wrong.count(raw, "app", &def.name, seen, || (why, None));
            return None;
        };
        let owner = names.identity(cell(row, identity));
        let whose = || owner.as_deref().map(str::to_owned);
        let RawCell::Text(spelled) = cell(row, name) else {
            let message = "the account has no name".to_owned();
            wrong.reject(raw, row, name, whose(), codes::MISSING_VALUE.id, message);
            return None;
        };
        let enabled = match names.enabled(cell(row, enabled)) {
            Ok(value) => value,
            Err(e) => {
                let code = codes::find(e.code).unwrap_or(&codes::BAD_VALUE);
                wrong.reject(raw, row, enabled, whose(), code.id, e.message);
                return None;
            }
        };
        let first = account.attributes.first();
        let name: Box<str> = names.composed(spelled, first.map_or(&Type::Str, |f| &f.ty)).into();
        let mut attributes: Vec<Option<Box<str>>> = Vec::with_capacity(account.attributes.len());
        attributes.extend(first.map(|_| Some(name.clone())));
        let others: &[FieldDef] = account.attributes.get(1..).unwrap_or(&[]);
        for (field, column) in others.iter().zip(&self.attributes[app.index()]) {
            attributes.push(column.map(|c| match row.cell(c) {
                RawCell::Absent => "".into(),
                RawCell::Text(s) => names.composed(s, &field.ty).into(),
                RawCell::Json(s) => s.into(),
            }));
        }
        let keys = self.keys[app.index()].iter().map(|key| match *key {
            KeyColumn::Name => Some(name.clone()),
            KeyColumn::Column(c) => match row.cell(c) {
                RawCell::Absent => None,
                RawCell::Text(s) | RawCell::Json(s) => Some(nfc(s).trim().into()),
            },
            KeyColumn::Missing => None,
        });
        let keys = keys.collect();
        let origin = AccountOrigin { line: row.line() };
        let account = Account { app, name, enabled, attributes: attributes.into(), keys, origin };
        Some(Found { owner: owner.map(|o| Box::from(&*o)), account })
    }

    /// One of each account: equal rows are one; of rows that differ, none is right.
    fn without_doubles(
        &self,
        found: Vec<Found>,
        complaints: &mut Complaints,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Found> {
        let schema = self.names.schema;
        let folds = |app: AppId| {
            let first = schema.app(app).account.as_ref().and_then(|a| a.attributes.first());
            first.is_some_and(|a| *a.ty.required() == Type::Text)
        };
        let folds: Vec<bool> = (0..schema.apps.len()).map(|app| folds(AppId(app as u32))).collect();
        let mut named: Vec<(AppId, Box<str>, Found)> = found
            .into_par_iter()
            .map(|f| {
                let name = &f.account.name;
                let key =
                    if folds[f.account.app.index()] { prov_model::fold(name).into() } else { name.clone() };
                (f.account.app, key, f)
            })
            .collect();
        named.par_sort_unstable_by(|a, b| {
            (a.0, &a.1, a.2.account.origin.line).cmp(&(b.0, &b.1, b.2.account.origin.line))
        });
        let mut out: Vec<Found> = Vec::with_capacity(named.len());
        let mut rest = named.into_iter().peekable();
        while let Some((app, key, one)) = rest.next() {
            let mut doubles = vec![];
            while let Some((_, _, next)) = rest.next_if(|(a, k, _)| *a == app && *k == key) {
                doubles.push(next);
            }
            if doubles.is_empty() {
                out.push(one);
                continue;
            }
            let lines: Vec<_> =
                std::iter::once(&one).chain(&doubles).map(|f| f.account.origin.line.to_string()).collect();
            let app = shorten(&schema.app(app).name);
            let what = format!(
                "the account `{}` of `{app}` stands on lines {}",
                shorten(&one.account.name),
                lines.join(", ")
            );
            if doubles.iter().all(|d| same(d, &one)) {
                let message = format!("{what}; the rows are equal and count as one");
                diagnostics.push(Diagnostic::new(&codes::DUPLICATE_ACCOUNT, message).in_data(
                    &*self.raw.file,
                    Some(one.account.origin.line),
                    Some("account".to_owned()),
                ));
                out.push(one);
                continue;
            }
            for f in std::iter::once(one).chain(doubles) {
                complaints.rejections.push(Rejection {
                    file: self.raw.file.clone(),
                    line: f.account.origin.line,
                    column: Some("account".to_owned()),
                    source: String::new(),
                    identity: f.owner.map(String::from),
                    message: format!("{what}, and the rows differ"),
                    code: codes::DUPLICATE_ACCOUNT.id,
                });
            }
        }
        out
    }
}

/// Where each app's accounts say what they are found by. A column that is not there finds nobody, which is told.
fn key_columns(schema: &Schema, raw: &RawTable, diagnostics: &mut Vec<Diagnostic>) -> Vec<Vec<KeyColumn>> {
    let mut all = Vec::with_capacity(schema.apps.len());
    for app in &schema.apps {
        let Some(account) = &app.account else {
            all.push(Vec::new());
            continue;
        };
        let mut keys = Vec::with_capacity(account.correlate.len());
        for key in &account.correlate {
            let first = account.attributes.first().is_some_and(|f| f.name == key.name);
            let column = match raw.column(&key.name) {
                _ if first => KeyColumn::Name,
                Some(column) => KeyColumn::Column(column),
                None => KeyColumn::Missing,
            };
            if matches!(column, KeyColumn::Missing) && !raw.is_empty() {
                let message = format!(
                    "no account of `{}` can be found by `{}`: there is no such column",
                    shorten(&app.name),
                    shorten(&key.name)
                );
                diagnostics.push(
                    Diagnostic::new(&codes::NO_KEY_COLUMN, message)
                        .in_data(&*raw.file, None, Some(key.name.clone()))
                        .help("bring the column, or take the `correlate` away"),
                );
            }
            keys.push(column);
        }
        all.push(keys);
    }
    all
}

/// Whether two rows say the same.
fn same(a: &Found, b: &Found) -> bool {
    a.owner == b.owner
        && Account { origin: AccountOrigin::default(), ..a.account.clone() }
            == Account { origin: AccountOrigin::default(), ..b.account.clone() }
}
