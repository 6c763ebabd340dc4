//! A case on the engine and on the oracle, and a smaller case where they differ.
//! Invariant: a case is made smaller only by leaving out, and only as long as the two still differ.

use super::{Case, Made, Rows};
use crate::oracle;
use prov::Error;
use prov_model::{RawCell, RawTable};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Both say the same.
    Same,
    /// The oracle does not read something that the policy has.
    NotRead(String),
    /// Where they differ.
    Differs(String),
    /// The case can't be run at all.
    Broken(String),
}

/// The rows as the oracle takes them.
fn raw(name: &str, rows: &Rows) -> RawTable {
    let mut table = RawTable::new(name, rows.columns.clone());
    for (i, row) in rows.rows.iter().enumerate() {
        let cells = row.iter().map(|c| if c.is_empty() { RawCell::Absent } else { RawCell::Text(c) });
        table.push(i as u64 + 2, cells);
    }
    table
}

/// Compares what engine and oracle make of a case.
pub fn compare(case: &Case) -> Compared {
    match catch_unwind(AssertUnwindSafe(|| both(case))) {
        Ok(compared) => compared,
        Err(_) => Compared::Differs("one of them panics".into()),
    }
}

fn both(case: &Case) -> Compared {
    let made = match Made::of(case) {
        Ok(made) => made,
        Err(Error::Report(r)) => {
            let first = r.diagnostics.iter().find(|d| d.is_error());
            return Compared::Broken(
                first.map_or(String::new(), |d| format!("{}: {}", d.code.id, d.message)),
            );
        }
        Err(e) => return Compared::Broken(e.to_string()),
    };
    let plan = made.plan();
    let after = made.engine.memory_after(&made.desired, &made.actual, &made.memory, &plan);
    let engine = oracle::outcome(&made.desired, &plan, &after);
    let files: Vec<(String, String)> = case.texts().into_iter().filter(|t| t.0.ends_with(".prov")).collect();
    let tables = |list: &[(String, Rows)]| -> BTreeMap<String, RawTable> {
        list.iter().map(|(n, rows)| (n.clone(), raw(&format!("{n}.csv"), rows))).collect()
    };
    let catalogs = case.catalogs.iter().map(|(app, kind, rows)| {
        let values = rows.rows.iter().map(|r| r[0].trim().to_owned()).collect();
        ((app.clone(), kind.clone()), values)
    });
    let or = |rows: &Rows, columns: [&str; 4]| {
        if rows.columns.is_empty() {
            Rows { columns: columns.map(str::to_owned).to_vec(), rows: vec![] }
        } else {
            rows.clone()
        }
    };
    let accounts = or(&case.accounts, ["app", "account", "identity", "enabled"]);
    let entitlements = or(&case.entitlements, ["app", "identity", "kind", "value"]);
    let asked = prov_oracle::Case {
        files: &files,
        zone: None,
        sources: &tables(&case.sources),
        as_of: &made.as_of(case),
        tables: &tables(&case.tables),
        catalogs: &catalogs.collect(),
        accounts: &raw("accounts.csv", &accounts),
        entitlements: &raw("entitlements.csv", &entitlements),
        assignments: &raw("assignments.csv", &case.assignments),
        exceptions: &raw("exceptions.csv", &case.exceptions),
        memory: &made.memory,
        at: &case.at,
    };
    match prov_oracle::run(&asked) {
        Ok(said) => oracle::difference(&said, &engine).map_or(Compared::Same, Compared::Differs),
        Err(why) if why.starts_with("not read: ") => Compared::NotRead(why),
        Err(why) => Compared::Differs(format!("the oracle can't say: {why}")),
    }
}

impl Case {
    /// Without rows that have too many or too few cells: those the readers of files reject, which the oracle is no one of.
    #[must_use]
    pub fn with_whole_rows(mut self) -> Case {
        for (_, rows) in &mut self.sources {
            let width = rows.columns.len();
            rows.rows.retain(|r| r.len() == width);
        }
        self
    }

    /// A case that is as small as can be found while engine and oracle differ.
    #[must_use]
    pub fn smaller(self) -> Case {
        self.smaller_while(|case| matches!(compare(case), Compared::Differs(_)))
    }

    /// The same for any question.
    #[must_use]
    pub fn smaller_while(self, keep: impl Fn(&Case) -> bool) -> Case {
        let mut case = self;
        let mut all = Vec::new();
        for (_, items) in &mut case.files {
            all.append(items);
        }
        case.files = vec![("main.prov".into(), all)];
        for _ in 0..4 {
            let before = case.show().len();
            case = case.without_items(&keep);
            case = case.without_rows(&keep);
            case = case.without_lines(&keep);
            case = case.with_plainer_conditions(&keep);
            if case.show().len() == before {
                break;
            }
        }
        case
    }

    fn without_items(mut self, keep: &impl Fn(&Case) -> bool) -> Case {
        let mut i = 0;
        while i < self.files[0].1.len() {
            let mut less = self.clone();
            let item = less.files[0].1.remove(i);
            // What a policy does not declare needs no file.
            less.sources.retain(|s| !item.text.starts_with(&format!("source {} ", s.0)));
            less.tables.retain(|t| !item.text.starts_with(&format!("table {}(", t.0)));
            less.catalogs.retain(|c| !item.text.starts_with(&format!("app {} ", c.0)));
            if keep(&less) {
                self = less;
            } else {
                i += 1;
            }
        }
        self
    }

    fn without_rows(mut self, keep: &impl Fn(&Case) -> bool) -> Case {
        fn rows(case: &mut Case, at: usize) -> Option<&mut Rows> {
            let mut all: Vec<&mut Rows> = case.sources.iter_mut().map(|s| &mut s.1).collect();
            all.extend(case.tables.iter_mut().map(|s| &mut s.1));
            all.extend([&mut case.accounts, &mut case.entitlements]);
            all.extend([&mut case.assignments, &mut case.exceptions]);
            all.into_iter().nth(at)
        }
        let mut at = 0;
        while let Some(count) = rows(&mut self, at).map(|r| r.rows.len()) {
            for i in (0..count).rev() {
                let mut less = self.clone();
                if let Some(r) = rows(&mut less, at) {
                    r.rows.remove(i);
                }
                if keep(&less) {
                    self = less;
                }
            }
            at += 1;
        }
        let less = Case { memory: String::new(), ..self.clone() };
        if keep(&less) {
            return less;
        }
        let cut: Vec<String> = self.cut.iter().cloned().collect();
        for source in cut {
            let mut less = self.clone();
            less.cut.remove(&source);
            if keep(&less) {
                self = less;
            }
        }
        self.without_memories(keep)
    }

    /// Entries of memory left out: whole parts, then what is in them.
    fn without_memories(mut self, keep: &impl Fn(&Case) -> bool) -> Case {
        let Ok(Value::Object(mut memory)) = serde_json::from_str::<Value>(&self.memory) else { return self };
        let parts: Vec<String> = memory.keys().filter(|k| *k != "version").cloned().collect();
        let mut leave_out = |memory: &mut Map<String, Value>, less: Map<String, Value>| {
            let text = serde_json::to_string_pretty(&less).unwrap_or_default();
            let case = Case { memory: text, ..self.clone() };
            if keep(&case) {
                self = case;
                *memory = less;
            }
        };
        for part in parts {
            let mut less = memory.clone();
            less.remove(&part);
            leave_out(&mut memory, less);
            let Some(Value::Object(entries)) = memory.get(&part) else { continue };
            for entry in entries.keys().cloned().collect::<Vec<_>>() {
                let mut less = memory.clone();
                if let Some(Value::Object(entries)) = less.get_mut(&part) {
                    entries.remove(&entry);
                }
                leave_out(&mut memory, less);
            }
        }
        self
    }

    fn without_lines(mut self, keep: &impl Fn(&Case) -> bool) -> Case {
        for i in 0..self.files[0].1.len() {
            let mut line = 0;
            while line < self.files[0].1[i].text.lines().count() {
                let mut less = self.clone();
                let lines: Vec<&str> = self.files[0].1[i].text.lines().collect();
                // A block goes as a whole.
                let mut end = line + 1;
                if lines[line].ends_with('{') && line > 0 {
                    let pad = lines[line].len() - lines[line].trim_start().len();
                    let close = lines[end..]
                        .iter()
                        .position(|l| l.len() - l.trim_start().len() == pad && l.trim() == "}");
                    end = close.map_or(end, |c| end + c + 1);
                }
                let left: Vec<&str> = lines[..line].iter().chain(&lines[end..]).copied().collect();
                less.files[0].1[i].text = left.join("\n");
                if keep(&less) {
                    self = less;
                } else {
                    line += 1;
                }
            }
        }
        self
    }

    /// Conditions left out, and what stands in parentheses replaced by something plain.
    fn with_plainer_conditions(mut self, keep: &impl Fn(&Case) -> bool) -> Case {
        for i in 0..self.files[0].1.len() {
            let mut from = 0;
            while let Some((at, end)) = group(&self.files[0].1[i].text, from) {
                let text = self.files[0].1[i].text.clone();
                let inner = text[at + 1..end].to_owned();
                for other in ["true".to_owned(), "false".to_owned(), inner] {
                    let mut less = self.clone();
                    less.files[0].1[i].text = format!("{}{other}{}", &text[..at], &text[end + 1..]);
                    if keep(&less) {
                        self = less;
                        break;
                    }
                }
                from = at + 1;
            }
            for word in [" when ", " or ", " and ", " where "] {
                let mut from = 0;
                while let Some(at) = self.files[0].1[i].text[from..].find(word).map(|p| p + from) {
                    let text = self.files[0].1[i].text.clone();
                    let line_end = text[at..].find('\n').map_or(text.len(), |p| at + p);
                    let ends = if text[at..line_end].ends_with(" {") { line_end - 2 } else { line_end };
                    let mut less = self.clone();
                    less.files[0].1[i].text = format!("{}{}", &text[..at], &text[ends..]);
                    if keep(&less) {
                        self = less;
                    }
                    from = at + 1;
                    if from >= self.files[0].1[i].text.len() {
                        break;
                    }
                }
            }
        }
        self
    }
}

/// The next pair of parentheses that does not follow a name.
fn group(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += text.get(at..)?.find('(')?;
        let named = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let mut depth = 0usize;
        let mut end = None;
        for (i, b) in bytes.iter().enumerate().skip(at) {
            match b {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        end = Some(i);
                        break;
                    }
                }
                _ => {}
            }
        }
        match end {
            Some(end) if !named => return Some((at, end)),
            _ => at += 1,
        }
    }
}
