//! The actual state from its two tables, `accounts` and `entitlements`.
//!
//! Invariant: the order of rows leaves no trace but in line numbers. A row that can't be read is a rejection with its
//! identity, so that who is concerned can be left alone; names that the policy does not know are told once a name.

use crate::lookup::missing_column;
use prov_diag::{Diagnostic, codes, did_you_mean};
use prov_model::{
    Account, AccountOrigin, Actual, AppDef, AppId, Csr, EntId, Entitlements, FieldDef, KindDef, KindId,
    RawCell, RawColumn, RawRow, RawTable, Rejection, Schema, Type, Zone, cell_value, join_values, nfc,
    shorten, split_values,
};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// Reads `accounts` (`app,account,identity,enabled` and attributes) and `entitlements` (`app,identity,kind,value`). A
/// blank identity makes an account an orphan. Where a column is missing, the state is empty and the error says so.
pub fn read_actual(schema: &Schema, accounts: RawTable, entitlements: RawTable) -> (Actual, Vec<Diagnostic>) {
    let mut reader = Reader {
        schema,
        zone: Zone::utc(),
        actual: Actual::default(),
        unknown: BTreeMap::new(),
        diagnostics: vec![],
    };
    let of_accounts = reader.columns(&accounts, ["app", "account", "identity", "enabled"]);
    let of_entitlements = reader.columns(&entitlements, ["app", "identity", "kind", "value"]);
    let (Some(of_accounts), Some(of_entitlements)) = (of_accounts, of_entitlements) else {
        return (Actual::default(), reader.diagnostics);
    };
    let found = reader.accounts(&accounts, of_accounts);
    drop(accounts);
    let held = reader.entitlements(&entitlements, of_entitlements);
    drop(entitlements);
    reader.assemble(found, held);
    reader.tell_unknown();
    reader.actual.rejections.sort();
    reader.actual.note_unreadable();
    (reader.actual, reader.diagnostics)
}

/// An account with the identity that owns it.
struct Found {
    owner: Option<Box<str>>,
    account: Account,
}

/// Who holds what: identities in order, and what each holds.
#[derive(Default)]
struct Held {
    identities: Vec<Box<str>>,
    holdings: Csr<EntId>,
}

/// Identities in order, and which of them each spelling names; `u32::MAX` where none.
struct Owners {
    ids: Vec<Box<str>>,
    of_code: Vec<u32>,
}

/// How many rows one thread reads at a time.
const STRETCH: usize = 1 << 16;

/// Where accounts say what they are found by.
enum KeyColumn {
    /// It is their name.
    Name,
    /// In this column.
    Column(usize),
    /// Nowhere.
    Missing,
}

/// A name that the policy does not know: of which file, in which column, which name.
type Unknown = (String, &'static str, String);

struct Reader<'s> {
    schema: &'s Schema,
    zone: Zone,
    actual: Actual,
    /// What is wrong with the name, how often it stands there, and the first lines.
    unknown: BTreeMap<Unknown, (String, Option<String>, u64, Vec<u64>)>,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn columns<const N: usize>(&mut self, raw: &RawTable, names: [&str; N]) -> Option<[usize; N]> {
        // An array of no objects has no columns, and says that there is nothing.
        if raw.is_empty() && raw.columns.is_empty() {
            return Some([0; N]);
        }
        let found = names.map(|n| raw.column(n));
        for (name, _) in names.iter().zip(found).filter(|(_, f)| f.is_none()) {
            self.diagnostics.push(missing_column(raw, name, "the actual state"));
        }
        found.iter().all(Option::is_some).then(|| found.map(Option::unwrap_or_default))
    }

    fn accounts(&mut self, raw: &RawTable, [app, name, identity, enabled]: [usize; 4]) -> Vec<Found> {
        let mut found = Vec::with_capacity(raw.len());
        // Where each app's attributes stand.
        let columns: Vec<Vec<Option<usize>>> = self
            .schema
            .apps
            .iter()
            .map(|a| {
                a.account.iter().flat_map(|a| &a.attributes).skip(1).map(|f| raw.column(&f.name)).collect()
            })
            .collect();
        let keys = self.key_columns(raw);
        for row in raw.rows() {
            let Some(app) = self.app(raw, row, app) else { continue };
            let def = self.schema.app(app);
            let Some(account) = &def.account else {
                let why = format!("the app `{}` has no accounts in the policy", shorten(&def.name));
                self.count(raw, row, "app", &def.name, || (why, None));
                continue;
            };
            let owner = self.identity(row.cell(identity));
            let reject = |column: usize, code: &prov_diag::Code, message: String| {
                rejection(raw, row, column, owner.clone(), code.id, message)
            };
            let RawCell::Text(spelled) = row.cell(name) else {
                let rejected = reject(name, &codes::MISSING_VALUE, "the account has no name".to_owned());
                self.actual.rejections.push(rejected);
                continue;
            };
            let enabled = match cell_value(row.cell(enabled), &Type::Bool, self.schema, &self.zone) {
                Ok(value) => value.truth(),
                Err(e) => {
                    let code = codes::find(e.code).unwrap_or(&codes::BAD_VALUE);
                    let rejected = reject(enabled, code, e.message);
                    self.actual.rejections.push(rejected);
                    continue;
                }
            };
            let first = account.attributes.first();
            let name: Box<str> = self.composed(spelled, first.map_or(&Type::Str, |f| &f.ty)).into();
            let mut attributes: Vec<Option<Box<str>>> = Vec::with_capacity(account.attributes.len());
            attributes.extend(first.map(|_| Some(name.clone())));
            let others: &[FieldDef] = account.attributes.get(1..).unwrap_or(&[]);
            for (field, column) in others.iter().zip(&columns[app.index()]) {
                attributes.push(column.map(|c| match row.cell(c) {
                    RawCell::Absent => "".into(),
                    RawCell::Text(s) => self.composed(s, &field.ty).into(),
                    RawCell::Json(s) => s.into(),
                }));
            }
            let origin = AccountOrigin { line: row.line() };
            let keys = keys[app.index()]
                .iter()
                .map(|key| match *key {
                    KeyColumn::Name => Some(name.clone()),
                    KeyColumn::Column(c) => match row.cell(c) {
                        RawCell::Absent => None,
                        RawCell::Text(s) | RawCell::Json(s) => Some(nfc(s).trim().into()),
                    },
                    KeyColumn::Missing => None,
                })
                .collect();
            let account = Account { app, name, enabled, attributes: attributes.into(), keys, origin };
            found.push(Found { owner: owner.map(Into::into), account });
        }
        self.without_doubles(&raw.file, found)
    }

    /// Where each app's accounts say what they are found by. A column that is not there finds nobody, which is told.
    fn key_columns(&mut self, raw: &RawTable) -> Vec<Vec<KeyColumn>> {
        let mut all = Vec::with_capacity(self.schema.apps.len());
        for app in &self.schema.apps {
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
                    self.diagnostics.push(
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

    /// One of each account: equal rows are one; of rows that differ, none is right.
    fn without_doubles(&mut self, file: &str, found: Vec<Found>) -> Vec<Found> {
        let mut named: Vec<(AppId, String, Found)> = found
            .into_iter()
            .map(|f| {
                let def = self.schema.app(f.account.app).account.as_ref();
                let folds =
                    def.and_then(|d| d.attributes.first()).is_some_and(|a| *a.ty.required() == Type::Text);
                let key = if folds {
                    prov_model::fold(&f.account.name).into_owned()
                } else {
                    f.account.name.to_string()
                };
                (f.account.app, key, f)
            })
            .collect();
        named.sort_by(|a, b| (a.0, &a.1, a.2.account.origin.line).cmp(&(b.0, &b.1, b.2.account.origin.line)));
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
            let app = shorten(&self.schema.app(app).name);
            let what = format!(
                "the account `{}` of `{app}` stands on lines {}",
                shorten(&one.account.name),
                lines.join(", ")
            );
            if doubles.iter().all(|d| same(d, &one)) {
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::DUPLICATE_ACCOUNT,
                        format!("{what}; the rows are equal and count as one"),
                    )
                    .in_data(
                        file,
                        Some(one.account.origin.line),
                        Some("account".to_owned()),
                    ),
                );
                out.push(one);
                continue;
            }
            for f in std::iter::once(one).chain(doubles) {
                self.actual.rejections.push(Rejection {
                    file: file.to_owned(),
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

    /// Who holds what. What a row says is worked out once for each distinct combination of cells; rows that can't be
    /// read are looked at one by one, in the order of the file.
    fn entitlements(&mut self, raw: &RawTable, [app, identity, kind, value]: [usize; 4]) -> Held {
        let columns = [app, kind, value, identity];
        if raw.is_empty() {
            return Held::default();
        }
        let [app, kind, value, identity] = columns.map(|c| raw.cells(c));
        let owners = self.owners(identity);
        let triple = |row: usize| [app, kind, value].map(|c| c.codes()[row]);
        let stretches: Vec<Range<usize>> =
            (0..raw.len()).step_by(STRETCH).map(|start| start..raw.len().min(start + STRETCH)).collect();
        // Of each combination the first row.
        let mut first: FxHashMap<[u32; 3], u32> = FxHashMap::default();
        let parts: Vec<FxHashMap<[u32; 3], u32>> = stretches
            .par_iter()
            .map(|rows| {
                let mut first = FxHashMap::default();
                rows.clone().for_each(|row| {
                    first.entry(triple(row)).or_insert(row as u32);
                });
                first
            })
            .collect();
        for part in parts {
            for (cells, row) in part {
                let first = first.entry(cells).or_insert(row);
                *first = row.min(*first);
            }
        }
        let mut items: FxHashMap<(AppId, KindId, Box<str>), u32> = FxHashMap::default();
        let known: FxHashMap<[u32; 3], u32> = first
            .into_iter()
            .filter_map(|(cells, row)| {
                let item = self.readable(raw.row(row as usize), columns)?;
                let next = items.len() as u32;
                Some((cells, *items.entry(item).or_insert(next)))
            })
            .collect();
        let (pairs, bad): (Vec<Vec<u64>>, Vec<Vec<usize>>) = stretches
            .into_par_iter()
            .map(|rows| {
                let (mut pairs, mut bad) = (Vec::with_capacity(rows.len()), Vec::new());
                let mut last = ([u32::MAX; 3], u32::MAX);
                for row in rows {
                    let cells = triple(row);
                    if last.0 != cells {
                        last = (cells, known.get(&cells).copied().unwrap_or(u32::MAX));
                    }
                    let owner = owners.of_code[identity.codes()[row] as usize];
                    if last.1 == u32::MAX || owner == u32::MAX {
                        bad.push(row);
                    } else {
                        pairs.push(u64::from(owner) << 32 | u64::from(last.1));
                    }
                }
                (pairs, bad)
            })
            .unzip();
        for row in bad.into_iter().flatten().map(|row| raw.row(row)) {
            // What the row says comes first; who holds it is only asked of a row that says something.
            if self.entitlement(raw, row, columns).is_some() {
                let message = "the entitlement belongs to no identity".to_owned();
                let rejected = rejection(raw, row, columns[3], None, codes::MISSING_VALUE.id, message);
                self.actual.rejections.push(rejected);
            }
        }
        self.ranked(owners.ids, items, &pairs)
    }

    /// The identities that a column names, each once, in order.
    fn owners(&self, column: &RawColumn) -> Owners {
        let mut named: Vec<(Box<str>, u32)> = (0..column.spellings() as u32)
            .into_par_iter()
            .with_min_len(1024)
            .filter_map(|code| Some((self.identity(column.spelled(code))?.into(), code)))
            .collect();
        named.par_sort_unstable();
        let mut owners =
            Owners { ids: Vec::with_capacity(named.len()), of_code: vec![u32::MAX; column.spellings()] };
        for (id, code) in named {
            if owners.ids.last() != Some(&id) {
                owners.ids.push(id);
            }
            owners.of_code[code as usize] = owners.ids.len() as u32 - 1;
        }
        owners
    }

    /// Entitlements numbered by order of name, not of sight, and grouped by who holds them.
    fn ranked(
        &mut self,
        identities: Vec<Box<str>>,
        values: FxHashMap<(AppId, KindId, Box<str>), u32>,
        pairs: &[Vec<u64>],
    ) -> Held {
        let (values, of_value) = rank(values);
        let mut interned = Entitlements::default();
        for (app, kind, value) in &values {
            let folds = self.schema.kind(*app, *kind).types.contains(&Type::Text);
            interned.intern(*app, *kind, value, folds);
        }
        let mut offsets = vec![0usize; identities.len() + 1];
        let owner = |pair: u64| (pair >> 32) as usize;
        pairs.iter().flatten().for_each(|pair| offsets[owner(*pair) + 1] += 1);
        let mut sum = 0;
        for offset in &mut offsets {
            sum += *offset;
            *offset = sum;
        }
        let mut next = offsets.clone();
        let mut items = vec![EntId(0); sum];
        for &pair in pairs.iter().flatten() {
            let at = &mut next[owner(pair)];
            items[*at] = EntId(of_value[(pair & u64::from(u32::MAX)) as usize]);
            *at += 1;
        }
        // By what stands for all spellings, then by spelling: the first of each is kept.
        let mut lists: Vec<&mut [EntId]> = Vec::with_capacity(identities.len());
        let mut rest = items.as_mut_slice();
        for bounds in offsets.windows(2) {
            let (list, behind) = rest.split_at_mut(bounds[1] - bounds[0]);
            lists.push(list);
            rest = behind;
        }
        let same = |e: &EntId| interned.same_as(*e);
        let doubles = lists
            .into_par_iter()
            .with_min_len(256)
            .map(|list| {
                list.sort_unstable_by_key(|e| (same(e), *e));
                list.windows(2).any(|w| same(&w[0]) == same(&w[1]))
            })
            .reduce(|| false, |a, b| a || b);
        let mut holdings = Csr::of_parts(offsets, items);
        if doubles {
            let mut without = Csr::default();
            for row in 0..holdings.len() {
                let list = holdings.get(row);
                let is_first = |i: &usize| *i == 0 || same(&list[i - 1]) != same(&list[*i]);
                without.push((0..list.len()).filter(is_first).map(|i| list[i]));
            }
            holdings = without;
        }
        // Whoever is named only by rows that can't be read holds nothing that is known.
        self.actual.entitlements = interned;
        Held { identities, holdings }
    }

    /// What a row says is held, where it can be read.
    fn readable(
        &self,
        row: RawRow<'_>,
        [app, kind, value, _]: [usize; 4],
    ) -> Option<(AppId, KindId, Box<str>)> {
        let name = trimmed(row.cell(app));
        let app = self.schema.apps.iter().position(|a| a.name == name)?;
        let name = trimmed(row.cell(kind));
        let kinds = &self.schema.apps[app].kinds;
        let kind = kinds.iter().position(|k| k.name == name)?;
        let spelled = match row.cell(value) {
            RawCell::Text(s) => s,
            RawCell::Absent if kinds[kind].types.is_empty() => "",
            RawCell::Absent | RawCell::Json(_) => return None,
        };
        let value = self.value(&kinds[kind], spelled);
        Some((AppId(app as u32), KindId(kind as u32), value.into()))
    }

    /// What a row says is held; `None` where the row can't be read.
    fn entitlement(
        &mut self,
        raw: &RawTable,
        row: RawRow<'_>,
        [app, kind, value, identity]: [usize; 4],
    ) -> Option<(AppId, KindId, Box<str>)> {
        let app = self.app(raw, row, app)?;
        let def = self.schema.app(app);
        let name = trimmed(row.cell(kind));
        let Some(kind) = def.kinds.iter().position(|k| k.name == name) else {
            let full = format!("{}.{name}", def.name);
            self.count(raw, row, "kind", &full, || {
                let near = did_you_mean(name, def.kinds.iter().map(|k| k.name.as_str()));
                let why =
                    format!("the app `{}` has no kind `{}` in the policy", shorten(&def.name), shorten(name));
                (why, near.map(str::to_owned))
            });
            return None;
        };
        let spelled = match row.cell(value) {
            RawCell::Text(s) => s,
            RawCell::Absent if def.kinds[kind].types.is_empty() => "",
            RawCell::Absent | RawCell::Json(_) => {
                let owner = self.identity(row.cell(identity));
                let (code, message) = match row.cell(value) {
                    RawCell::Json(s) => (
                        &codes::BAD_VALUE,
                        format!("`{}` is a JSON array or object, not a value", shorten(s)),
                    ),
                    RawCell::Absent | RawCell::Text(_) => {
                        (&codes::MISSING_VALUE, "the entitlement has no value".to_owned())
                    }
                };
                self.actual.rejections.push(rejection(raw, row, value, owner, code.id, message));
                return None;
            }
        };
        let value = self.value(&def.kinds[kind], spelled);
        Some((app, KindId(kind as u32), value.into()))
    }

    /// A value in the one spelling of its kind. What does not read by its types stays as it stands: it is there.
    fn value(&self, kind: &KindDef, spelled: &str) -> String {
        match kind.types.as_slice() {
            [] => spelled.to_owned(),
            [one] => self.plain(spelled, one),
            types => {
                let parts = split_values(spelled);
                if parts.len() != types.len() {
                    return nfc(spelled).into_owned();
                }
                let plain: Vec<_> = parts.iter().zip(types).map(|(p, t)| self.plain(p, t)).collect();
                join_values(&plain)
            }
        }
    }

    /// The plain spelling of a text as a value of a type, or the text where it is none.
    fn plain(&self, text: &str, ty: &Type) -> String {
        match cell_value(RawCell::Text(text), ty, self.schema, &self.zone) {
            Ok(value) => value.plain(ty, self.schema),
            Err(_) => nfc(text).into_owned(),
        }
    }

    /// The same in NFC, as names and attributes are compared with what they should be.
    fn composed(&self, text: &str, ty: &Type) -> String {
        nfc(&self.plain(text, ty)).into_owned()
    }

    /// The global id that a cell names.
    fn identity(&self, cell: RawCell<'_>) -> Option<String> {
        let text = match cell {
            RawCell::Absent => return None,
            RawCell::Text(s) | RawCell::Json(s) => s,
        };
        let (def, prefix, key) = match self.schema.identities.as_slice() {
            [one] => (Some(one), "", text),
            all => match text.split_once(':') {
                Some((ty, key)) => (all.iter().find(|d| d.name == ty), &text[..ty.len() + 1], key),
                None => (None, "", text),
            },
        };
        let Some(def) = def else { return Some(nfc(text).into_owned()) };
        let ty = &def.attributes[def.key.index()].ty;
        let key = match cell_value(RawCell::Text(key), ty.required(), self.schema, &self.zone) {
            Ok(value) => Cow::Owned(nfc(&value.plain(ty, self.schema)).into_owned()),
            Err(_) => nfc(key),
        };
        Some(format!("{prefix}{key}"))
    }

    fn app(&mut self, raw: &RawTable, row: RawRow<'_>, column: usize) -> Option<AppId> {
        let name = trimmed(row.cell(column));
        let apps: &[AppDef] = &self.schema.apps;
        if let Some(i) = apps.iter().position(|a| a.name == name) {
            return Some(AppId(i as u32));
        }
        self.count(raw, row, "app", name, || {
            let near = did_you_mean(name, apps.iter().map(|a| a.name.as_str()));
            (format!("the policy has no app `{}`", shorten(name)), near.map(str::to_owned))
        });
        None
    }

    fn count(
        &mut self,
        raw: &RawTable,
        row: RawRow<'_>,
        column: &'static str,
        name: &str,
        why: impl FnOnce() -> (String, Option<String>),
    ) {
        let entry = self.unknown.entry((raw.file.clone(), column, name.to_owned())).or_insert_with(|| {
            let (why, near) = why();
            (why, near, 0, vec![])
        });
        entry.2 += 1;
        // Rows come in order of line, so these are the first.
        if entry.3.len() < 3 {
            entry.3.push(row.line());
        }
    }

    fn tell_unknown(&mut self) {
        const SHOWN: usize = 50;
        let more = self.unknown.len().saturating_sub(SHOWN);
        let rows: u64 = self.unknown.values().skip(SHOWN).map(|u| u.2).sum();
        for ((file, column, _), (why, near, count, lines)) in self.unknown.iter().take(SHOWN) {
            let lines: Vec<_> = lines.iter().map(u64::to_string).collect();
            let rows = match *count {
                1 => format!("1 row is left out, line {}", lines.join(", ")),
                n if n as usize == lines.len() => {
                    format!("{n} rows are left out, lines {}", lines.join(", "))
                }
                n => format!("{n} rows are left out, lines {}, …", lines.join(", ")),
            };
            let first = lines.first().and_then(|l| l.parse().ok());
            let help = near.as_ref().map(|n| format!("did you mean `{n}`?"));
            self.diagnostics.push(
                Diagnostic::new(&codes::UNKNOWN_APP_OR_KIND, format!("{why}: {rows}"))
                    .in_data(file, first, Some((*column).to_owned()))
                    .maybe_help(help),
            );
        }
        if more > 0 {
            let message =
                format!("{more} more names are not in the policy; {rows} rows are left out for them");
            self.diagnostics.push(Diagnostic::new(&codes::UNKNOWN_APP_OR_KIND, message));
        }
    }

    /// Puts accounts and entitlements together, identity by identity.
    fn assemble(&mut self, found: Vec<Found>, held: Held) {
        let (mut owned, mut orphans): (Vec<_>, Vec<_>) = found.into_iter().partition(|f| f.owner.is_some());
        let order = |a: &Found, b: &Found| {
            (&a.owner, a.account.app, &a.account.name).cmp(&(&b.owner, b.account.app, &b.account.name))
        };
        owned.sort_by(order);
        orphans.sort_by(order);
        self.actual.orphans = orphans.into_iter().map(|f| f.account).collect();
        let mut owned = owned.into_iter().peekable();
        let Held { identities, holdings } = held;
        // An identity of no row that could be read is not there.
        let none_left_out = (0..holdings.len()).all(|i| !holdings.get(i).is_empty());
        if owned.peek().is_none() && none_left_out {
            self.actual.accounts = Csr::of_parts(vec![0; identities.len() + 1], Vec::new());
            (self.actual.ids, self.actual.holdings) = (identities, holdings);
            return;
        }
        let mut holders =
            identities.into_iter().enumerate().filter(|(i, _)| !holdings.get(*i).is_empty()).peekable();
        loop {
            let id = match (owned.peek().and_then(|f| f.owner.as_ref()), holders.peek()) {
                (None, None) => break,
                (Some(a), Some((_, b))) => a.min(b).clone(),
                (Some(a), None) => a.clone(),
                (None, Some((_, b))) => b.clone(),
            };
            self.actual.accounts.push(std::iter::from_fn(|| {
                owned.next_if(|f| f.owner.as_deref() == Some(&*id)).map(|f| f.account)
            }));
            let holder = holders.next_if(|(_, b)| *b == id);
            let held = holder.map_or(&[][..], |(i, _)| holdings.get(i));
            self.actual.holdings.push(held.iter().copied());
            self.actual.ids.push(id);
        }
    }
}

/// Whether two rows say the same.
fn same(a: &Found, b: &Found) -> bool {
    a.owner == b.owner
        && Account { origin: AccountOrigin::default(), ..a.account.clone() }
            == Account { origin: AccountOrigin::default(), ..b.account.clone() }
}

/// The items in order, and the rank of each number.
fn rank<T: Ord>(numbered: FxHashMap<T, u32>) -> (Vec<T>, Vec<u32>) {
    let mut items: Vec<(T, u32)> = numbered.into_iter().collect();
    items.sort_unstable();
    let mut ranks = vec![0; items.len()];
    for (rank, (_, number)) in items.iter().enumerate() {
        ranks[*number as usize] = rank as u32;
    }
    (items.into_iter().map(|(item, _)| item).collect(), ranks)
}

fn rejection(
    raw: &RawTable,
    row: RawRow<'_>,
    column: usize,
    identity: Option<String>,
    code: &'static str,
    message: String,
) -> Rejection {
    Rejection {
        file: raw.file.clone(),
        line: row.line(),
        column: raw.columns.get(column).cloned(),
        source: String::new(),
        identity,
        message,
        code,
    }
}

/// A name in a cell; nothing where there is none.
fn trimmed(cell: RawCell<'_>) -> &str {
    match cell {
        RawCell::Absent => "",
        RawCell::Text(s) | RawCell::Json(s) => s.trim(),
    }
}
