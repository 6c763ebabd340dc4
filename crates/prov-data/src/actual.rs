//! The actual state from its two tables, `accounts` and `entitlements`.
//!
//! Invariant: the order of rows leaves no trace but in line numbers. A row that can't be read is a rejection with its
//! identity, so that who is concerned can be left alone; names that the policy does not know are told once a name.

use crate::lookup::missing_column;
use prov_diag::{Diagnostic, codes, did_you_mean};
use prov_model::{
    Account, AccountOrigin, Actual, AppDef, AppId, EntId, Entitlements, FieldDef, KindDef, KindId, RawCell,
    RawRow, RawTable, Rejection, Schema, Type, Zone, cell_value, join_values, nfc, shorten, split_values,
};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;

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

/// Who holds what, each pair as positions in two sorted lists.
#[derive(Default)]
struct Held {
    identities: Vec<Box<str>>,
    /// Identity in the upper half, entitlement in the lower: sorting pairs is sorting numbers.
    pairs: Vec<u64>,
}

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

    fn entitlements(&mut self, raw: &RawTable, [app, identity, kind, value]: [usize; 4]) -> Held {
        let mut identities: FxHashMap<Box<str>, u32> = FxHashMap::default();
        let mut values: FxHashMap<(AppId, KindId, Box<str>), u32> = FxHashMap::default();
        let mut pairs = Vec::with_capacity(raw.len());
        // Most rows repeat a spelling: what it means is worked out once.
        let mut spelled: FxHashMap<(&str, &str, &str), Option<u32>> = FxHashMap::default();
        let mut owners: FxHashMap<&str, u32> = FxHashMap::default();
        for row in raw.rows() {
            let texts = [app, kind, value, identity].map(|c| match row.cell(c) {
                RawCell::Text(s) => s,
                RawCell::Absent | RawCell::Json(_) => "",
            });
            let [a, k, v, owner] = texts;
            let entitlement = match spelled.get(&(a, k, v)) {
                Some(Some(known)) => *known,
                _ => {
                    let Some(item) = self.entitlement(raw, row, [app, kind, value, identity]) else {
                        continue;
                    };
                    let next = values.len() as u32;
                    let id = *values.entry(item).or_insert(next);
                    if !v.is_empty() {
                        spelled.insert((a, k, v), Some(id));
                    }
                    id
                }
            };
            let owner = match owners.get(owner) {
                Some(known) => *known,
                None => {
                    let Some(id) = self.identity(row.cell(identity)) else {
                        let message = "the entitlement belongs to no identity".to_owned();
                        let rejected = rejection(raw, row, identity, None, codes::MISSING_VALUE.id, message);
                        self.actual.rejections.push(rejected);
                        continue;
                    };
                    let next = identities.len() as u32;
                    let id = *identities.entry(id.into()).or_insert(next);
                    owners.insert(owner, id);
                    id
                }
            };
            pairs.push(u64::from(owner) << 32 | u64::from(entitlement));
        }
        self.ranked(identities, values, pairs)
    }

    /// Numbers by order of name, not of sight.
    fn ranked(
        &mut self,
        identities: FxHashMap<Box<str>, u32>,
        values: FxHashMap<(AppId, KindId, Box<str>), u32>,
        mut pairs: Vec<u64>,
    ) -> Held {
        let (identities, of_identity) = rank(identities);
        let (values, of_value) = rank(values);
        let mut interned = Entitlements::default();
        for (app, kind, value) in &values {
            let folds = self.schema.kind(*app, *kind).types.contains(&Type::Text);
            interned.intern(*app, *kind, value, folds);
        }
        for pair in &mut pairs {
            let (owner, value) = ((*pair >> 32) as usize, (*pair & u64::from(u32::MAX)) as usize);
            *pair = u64::from(of_identity[owner]) << 32 | u64::from(of_value[value]);
        }
        // By identity, then by what stands for all spellings, then by spelling: the first of each is kept.
        let same = |p: &u64| (*p >> 32, interned.same_as(EntId(*p as u32)));
        pairs.sort_unstable_by_key(|p| (same(p), *p));
        pairs.dedup_by_key(|p| same(p));
        self.actual.entitlements = interned;
        Held { identities, pairs }
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
        let mut holders = held.identities.into_iter().enumerate().peekable();
        let mut pairs = held.pairs.into_iter().peekable();
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
            let holder = holders.next_if(|(_, b)| *b == id).map(|(i, _)| i as u64);
            self.actual.holdings.push(std::iter::from_fn(|| {
                pairs.next_if(|p| Some(*p >> 32) == holder).map(|p| EntId(p as u32))
            }));
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
