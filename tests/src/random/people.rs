//! Random rows: of sources, tables and catalogs. Invariant: most rows can be read; the share that can't is small, and
//! each way of being unreadable occurs.

use super::expr::folded;
use super::model::{Field, Mapping, SourceKind};
use super::schema::{Gen, key_of};
use super::value::{Ty, Val, civil, json, respelled};

/// A table of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Names of columns.
    pub columns: Vec<String>,
    /// Rows of cells; a row may have too many or too few.
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    /// Reads what [`Rows::csv`] or [`crate::world::World::files`] wrote.
    pub fn of_csv(csv: &str) -> Rows {
        let mut lines = csv.lines().map(crate::world::cells);
        Rows { columns: lines.next().unwrap_or_default(), rows: lines.collect() }
    }

    /// As CSV.
    pub fn csv(&self) -> String {
        let line = |cells: &[String]| {
            let shown: Vec<String> = cells
                .iter()
                .map(|c| {
                    if c.contains([',', '"', '\n']) || c.trim() != c {
                        format!("\"{}\"", c.replace('"', "\"\""))
                    } else {
                        c.clone()
                    }
                })
                .collect();
            shown.join(",") + "\n"
        };
        std::iter::once(&self.columns).chain(&self.rows).map(|cells| line(cells)).collect()
    }
}

impl Gen {
    /// The keys of everyone, by identity type.
    fn keys(&mut self) -> Vec<Vec<Val>> {
        (0..self.m.identities.len())
            .map(|i| {
                let identity = &self.m.identities[i];
                let ty = identity.fields[identity.key].ty.clone();
                let n = self.rng.range(9, 16);
                (0..n)
                    .map(|k| match ty {
                        Ty::Int => key_of(&ty, k),
                        _ => Val::Str(match self.rng.below(12) {
                            0 => format!("É{k}"),
                            1 => format!("k {k}:x"),
                            2 => format!("a\"b{k},"),
                            _ => format!("E{k}"),
                        }),
                    })
                    .collect()
            })
            .collect()
    }

    /// The rows of all sources, by source.
    pub(crate) fn people(&mut self) -> Vec<(String, Rows)> {
        let keys = self.keys();
        let mut out = Vec::new();
        for i in 0..self.m.identities.len() {
            let identity = self.m.identities[i].clone();
            let fields: Vec<Field> = identity.fields.iter().filter(|f| !f.elsewhere).cloned().collect();
            let at_key =
                fields.iter().position(|f| f.name == identity.fields[identity.key].name).unwrap_or(0);
            let mut columns: Vec<String> = fields.iter().map(column).collect();
            columns.extend(identity.effective.clone());
            let second = identity.others.iter().any(|s| s.kind == SourceKind::Authoritative);
            let mut in_second = Vec::new();
            let extra = self.rng.chance(20);
            if extra {
                columns.push("nobody_reads".into());
            }
            let mut rows = Vec::new();
            for key in &keys[i] {
                // In the one, in both, in the other.
                let place = if second { self.rng.below(3) } else { 0 };
                in_second.push(place > 0);
                let many = if identity.effective.is_some() { self.rng.range(1, 3) } else { 1 };
                for _ in 0..if place == 2 { 0 } else { many } {
                    let mut cells = Vec::new();
                    for (at, f) in fields.iter().enumerate() {
                        let value = if at == at_key { Some(key.clone()) } else { self.drawn(f, &keys) };
                        cells.push(self.cell(f, value.as_ref()));
                    }
                    if identity.effective.is_some() {
                        cells.push(self.since());
                    }
                    if extra {
                        cells.push("x".into());
                    }
                    let id = cells[at_key].clone();
                    let many = self.m.identities.len() > 1;
                    self.ids.push(if many { format!("{}:{id}", identity.name) } else { id });
                    self.spoil(&fields, at_key, &mut cells);
                    rows.push(cells);
                }
            }
            // A key that stands twice.
            if self.rng.chance(8) && rows.len() > 1 {
                let mut again = self.rng.pick(&rows).clone();
                if again.len() > 1 && fields[at_key].ty == Ty::Text && at_key < again.len() {
                    again[at_key] = again[at_key].to_lowercase();
                }
                rows.push(again);
            }
            self.rng.shuffle(&mut rows);
            out.push((identity.source.clone(), Rows { columns, rows }));
            out.extend(self.other_rows(i, &keys, &in_second));
        }
        out
    }

    /// Of when sources are, where that is known.
    pub(crate) fn as_of(&mut self, sources: &[(String, Rows)]) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for (name, _) in sources {
            if self.rng.chance(60) {
                let by = *self.rng.pick(&[-40, -2, -1, 0, 1]);
                let at = super::value::day(self.m.today + by);
                out.push((name.clone(), if self.rng.chance(50) { at } else { format!("{at}T05:30:00Z") }));
            }
        }
        out
    }

    /// Whose files are cut off.
    pub(crate) fn cut(&mut self, sources: &[(String, Rows)]) -> std::collections::BTreeSet<String> {
        let names: Vec<String> = sources.iter().map(|s| s.0.clone()).collect();
        names.into_iter().filter(|_| self.m.draws.cut && self.rng.chance(5)).collect()
    }

    /// A value as a source's cell holds it.
    pub(crate) fn cell(&mut self, f: &Field, value: Option<&Val>) -> String {
        let Some(value) = value else { return String::new() };
        let mut text = match (&f.mapping, value) {
            (Mapping::Pattern(_), Val::Date(d)) => {
                let (y, m, d) = civil(*d);
                format!("{d:02}/{m:02}/{y:04}")
            }
            (Mapping::Labels(_, labels), Val::Variant(v)) => {
                labels.iter().find(|l| l.1 == *v).map_or(String::new(), |l| l.0.clone())
            }
            (_, Val::List(records)) if matches!(f.ty, Ty::Record(_)) => {
                records.first().map_or(String::new(), |r| json(r))
            }
            _ => value.cell(),
        };
        if f.ty == Ty::Text && self.rng.chance(35) {
            text = respelled(&mut self.rng, &text);
        }
        if f.ty == Ty::Bool && self.rng.chance(30) {
            text = if text == "true" { "Yes".into() } else { "0".into() };
        }
        if f.ty.is_textual() && f.optional && self.rng.chance(4) {
            text = "  ".into();
        }
        text
    }

    /// Makes a few rows such that they can't be read.
    fn spoil(&mut self, fields: &[Field], key: usize, cells: &mut Vec<String>) {
        if !self.rng.chance(9) {
            return;
        }
        match self.rng.below(8) {
            0 => cells[key] = String::new(),
            1 => {
                cells.pop();
            }
            2 => cells.push("one too many".into()),
            _ => {
                let at = self.rng.below(fields.len());
                if at != key {
                    cells[at] = if self.rng.chance(50) { "?!".into() } else { String::new() };
                }
            }
        }
    }

    /// The rows of all tables.
    pub(crate) fn tables(&mut self) -> Vec<(String, Rows)> {
        let mut out = Vec::new();
        for t in self.m.tables.clone() {
            let columns = t.fields.iter().map(|f| f.name.clone()).collect();
            let mut seen: Vec<String> = Vec::new();
            let mut rows = Vec::new();
            for row in &t.rows {
                // A table is good only as a whole: no key may stand twice, whatever its spelling.
                let key = row[0].as_ref().map_or(String::new(), |v| folded(&v.cell()));
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                let cells = row.iter().map(|v| v.as_ref().map_or(String::new(), Val::cell)).collect();
                rows.push(cells);
            }
            out.push((t.name, Rows { columns, rows }));
        }
        out
    }

    /// The values of all catalogs, by app and kind.
    pub(crate) fn catalogs(&mut self) -> Vec<(String, String, Rows)> {
        let mut out = Vec::new();
        for app in self.m.apps.clone() {
            for kind in app.kinds.iter().filter(|k| k.catalog) {
                let mut values: Vec<String> = kind.pool.iter().map(|p| p.0.cell()).collect();
                for word in self.words(2).into_iter().chain(["dept-Sales".into(), "true".into(), "3".into()])
                {
                    if !values.iter().any(|v| folded(v) == folded(&word)) {
                        values.push(word);
                    }
                }
                let rows = values.into_iter().map(|v| vec![v]).collect();
                out.push((app.name.clone(), kind.name.clone(), Rows { columns: vec!["value".into()], rows }));
            }
        }
        out
    }
}

/// The column that an attribute is read from.
pub(crate) fn column(f: &Field) -> String {
    match &f.mapping {
        Mapping::None => f.name.clone(),
        Mapping::Column(c) | Mapping::Call(c, _) | Mapping::Pattern(c) | Mapping::Labels(c, _) => c.clone(),
    }
}
