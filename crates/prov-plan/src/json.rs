//! The plan as JSON Lines: a header, then one object an action, then one a finding; written and read back.
//! Invariant: what is read back writes the same bytes; keys have one order.

use crate::plan::{Action, NONE, parse_rule_kind, parse_severity, rule_kind_name, severity_name};
use crate::{ActionId, ActionKind, ActionView, Because, Change, Finding, FindingKind, Header, Held, Plan};
use prov_diag::{Diagnostic, codes};
use rustc_hash::FxHashMap;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use smallvec::SmallVec;
use std::io::{self, BufRead, Write};

/// The version of the form that this build writes.
const VERSION: u64 = 1;

/// Why a plan can't be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The world failed.
    #[error("the plan can't be read: {0}")]
    Read(#[from] io::Error),
    /// A line is not of this form.
    #[error("line {line} of the plan {reason}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Written by a later version.
    #[error("the plan has version {0}; this build reads version {VERSION}")]
    Version(u64),
    /// Other counts than the header says.
    #[error("the plan says {said} {what} and has {found}")]
    Incomplete {
        /// `actions` or `findings`.
        what: &'static str,
        /// What the header says.
        said: u64,
        /// What is there.
        found: u64,
    },
}

impl PlanError {
    /// As a diagnostic about a file.
    pub fn diagnostic(&self, file: &str) -> Diagnostic {
        let (code, line, help) = match self {
            PlanError::Read(_) => {
                (&codes::UNREADABLE_PLAN, None, "name a file that `prov plan --out FILE` wrote")
            }
            PlanError::Line { line, .. } => (&codes::UNREADABLE_PLAN, Some(*line), "make the plan again"),
            PlanError::Version(_) => {
                (&codes::UNREADABLE_PLAN, Some(1), "make the plan again with this version")
            }
            PlanError::Incomplete { .. } => {
                (&codes::INCOMPLETE_PLAN, None, "copy the whole file, or make the plan again")
            }
        };
        Diagnostic::new(code, self.to_string()).in_data(file, line, None).help(help)
    }
}

impl Serialize for ActionId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for Because {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(4))?;
        map.serialize_entry("rule", &self.rule)?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("line", &self.line)?;
        map.serialize_entry("kind", rule_kind_name(self.kind))?;
        map.end()
    }
}

/// Changes as an object in their own order.
pub(crate) struct Changes<'a>(pub &'a [Change]);

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct FromTo<'a> {
            from: Option<&'a str>,
            to: Option<&'a str>,
        }
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for change in self.0 {
            let value = FromTo { from: change.from.as_deref(), to: change.to.as_deref() };
            map.serialize_entry(&*change.attribute, &value)?;
        }
        map.end()
    }
}

struct After<'a>(ActionView<'a>);

impl Serialize for After<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(Some(self.0.after().len()))?;
        for action in self.0.after() {
            seq.serialize_element(&action.id())?;
        }
        seq.end()
    }
}

#[derive(Serialize)]
struct KindValue<'a> {
    kind: &'a str,
    value: &'a str,
}

impl Serialize for ActionView<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("id", &self.id())?;
        map.serialize_entry("action", self.kind().name())?;
        map.serialize_entry("identity", self.identity())?;
        map.serialize_entry("app", self.app())?;
        if let Some(account) = self.account() {
            map.serialize_entry("account", account)?;
        }
        if let Some((kind, value)) = self.entitlement() {
            map.serialize_entry("entitlement", &KindValue { kind, value })?;
        }
        if !self.changes().is_empty() {
            map.serialize_entry("changes", &Changes(self.changes()))?;
        }
        if self.after().len() > 0 {
            map.serialize_entry("after", &After(*self))?;
        }
        if self.is_leaver() {
            map.serialize_entry("lane", "leaver")?;
        }
        map.serialize_entry("because", self.because())?;
        if let Some(risk) = self.risk() {
            map.serialize_entry("risk", severity_name(risk))?;
        }
        if self.is_report() {
            map.serialize_entry("report", &true)?;
        }
        map.end()
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("type", "finding")?;
        map.serialize_entry("finding", self.kind.name())?;
        map.serialize_entry("code", &self.code)?;
        for (key, value) in [("identity", &self.identity), ("app", &self.app), ("account", &self.account)] {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        if let Some(entitlement) = &self.entitlement {
            map.serialize_entry("entitlement", entitlement)?;
        }
        map.serialize_entry("message", &self.message)?;
        if let Some(count) = self.count {
            map.serialize_entry("count", &count)?;
        }
        if !self.examples.is_empty() {
            map.serialize_entry("examples", &self.examples)?;
        }
        if !self.because.is_empty() {
            map.serialize_entry("because", &self.because)?;
        }
        if let Some(file) = &self.file {
            map.serialize_entry("file", file)?;
        }
        if let Some(line) = self.line {
            map.serialize_entry("line", &line)?;
        }
        if let Some(column) = &self.column {
            map.serialize_entry("column", column)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct HeaderLine<'a> {
    #[serde(rename = "type")]
    ty: &'static str,
    version: u64,
    #[serde(flatten)]
    header: &'a Header,
}

impl Plan {
    /// The whole plan as one document: `{"plan":HEADER,"actions":[…],"findings":[…]}`, each as in the JSON Lines.
    pub fn json(&self) -> serde_json::Value {
        let actions: Vec<ActionView<'_>> = self.actions().collect();
        serde_json::json!({ "plan": self.header, "actions": actions, "findings": self.findings })
    }

    /// Writes the plan as JSON Lines. Give it a buffered writer.
    pub fn write_jsonl(&self, out: &mut impl Write) -> io::Result<()> {
        write_line(out, &HeaderLine { ty: "plan", version: VERSION, header: &self.header })?;
        crate::lines::write(self, out)?;
        self.findings.iter().try_for_each(|finding| write_line(out, finding))
    }

    /// Reads a plan that [`Plan::write_jsonl`] wrote, and checks that it is whole and unchanged.
    pub fn from_jsonl(input: impl BufRead) -> Result<Plan, PlanError> {
        let mut reader = Reader::default();
        for (index, line) in input.lines().enumerate() {
            let line = line?;
            let number = index as u64 + 1;
            if line.trim().is_empty() && number > 1 {
                continue;
            }
            reader.line(number, &line)?;
        }
        reader.finish()
    }
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

#[derive(Deserialize)]
struct ActionLine {
    id: String,
    action: String,
    identity: String,
    app: String,
    account: Option<String>,
    entitlement: Option<Held>,
    changes: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    after: Vec<String>,
    lane: Option<String>,
    #[serde(default)]
    because: Vec<BecauseLine>,
    risk: Option<String>,
    #[serde(default)]
    report: bool,
}

#[derive(Deserialize)]
struct BecauseLine {
    rule: String,
    file: String,
    line: u32,
    kind: String,
}

#[derive(Deserialize)]
struct FindingLine {
    finding: FindingKind,
    code: String,
    identity: Option<String>,
    app: Option<String>,
    account: Option<String>,
    entitlement: Option<Held>,
    message: String,
    count: Option<u64>,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    because: Vec<BecauseLine>,
    file: Option<String>,
    line: Option<u64>,
    column: Option<String>,
}

#[derive(Default)]
struct Reader {
    plan: Option<Plan>,
    strings: FxHashMap<Box<str>, u32>,
    entitlements: FxHashMap<(Box<str>, Box<str>), u32>,
    causes: FxHashMap<Vec<Because>, u32>,
    ids: FxHashMap<ActionId, u32>,
}

impl Reader {
    fn line(&mut self, number: u64, text: &str) -> Result<(), PlanError> {
        let fail = |reason: String| PlanError::Line { line: number, reason };
        // Positions within the line would be those of one line of its own: only the reason is told.
        let reason = |e: serde_json::Error| {
            let text = e.to_string();
            fail(format!("can't be read: {}", text.split(" at line ").next().unwrap_or(&text)))
        };
        if self.plan.is_none() {
            let value: serde_json::Value = serde_json::from_str(text).map_err(reason)?;
            if value.get("type").and_then(|t| t.as_str()) != Some("plan") {
                return Err(fail("is not the header of a plan".into()));
            }
            match value.get("version").and_then(serde_json::Value::as_u64) {
                Some(VERSION) => {}
                Some(later) => return Err(PlanError::Version(later)),
                None => return Err(fail("has no version".into())),
            }
            let header = Header::deserialize(value).map_err(reason)?;
            self.plan = Some(Plan {
                header,
                findings: Vec::new(),
                actions: Vec::new(),
                strings: Vec::new(),
                entitlements: Vec::new(),
                causes: Vec::new(),
            });
            return Ok(());
        }
        // An action is what most lines are; it has no `type`.
        match serde_json::from_str::<ActionLine>(text) {
            Ok(line) => self.action(line).map_err(fail),
            Err(error) => match serde_json::from_str::<FindingLine>(text) {
                Ok(line) => self.finding(line).map_err(fail),
                Err(other) if text.contains("\"finding\"") && !text.contains("\"action\"") => {
                    Err(reason(other))
                }
                Err(_) => Err(reason(error)),
            },
        }
    }

    fn action(&mut self, line: ActionLine) -> Result<(), String> {
        let kind = ActionKind::parse(&line.action)
            .ok_or_else(|| format!("has no known action: `{}`", line.action))?;
        let id = ActionId::parse(&line.id).ok_or_else(|| format!("has no id of this form: `{}`", line.id))?;
        let changes = line.changes.map(changes).transpose()?;
        let ent = line.entitlement.as_ref().map(|e| (e.kind.as_str(), e.value.as_deref().unwrap_or("")));
        let made = ActionId::of(
            kind,
            &line.identity,
            &line.app,
            line.account.as_deref(),
            ent,
            changes.as_deref().unwrap_or(&[]),
        );
        if made != id {
            return Err(format!("was changed: its id `{id}` does not fit what it does"));
        }
        let mut after = SmallVec::new();
        for name in &line.after {
            let known = ActionId::parse(name).and_then(|id| self.ids.get(&id));
            after.push(*known.ok_or_else(|| format!("waits for `{name}`, which does not stand before it"))?);
        }
        let leaver = match line.lane.as_deref() {
            None => false,
            Some("leaver") => true,
            Some(other) => return Err(format!("has no known lane: `{other}`")),
        };
        let risk = match line.risk.as_deref() {
            None => None,
            Some(name) => Some(parse_severity(name).ok_or_else(|| format!("has no known risk: `{name}`"))?),
        };
        let because = self.because(line.because)?;
        let identity = self.string(&line.identity);
        let app = self.string(&line.app);
        let account = line.account.as_deref().map_or(NONE, |a| self.string(a));
        let entitlement = ent.map_or(NONE, |(kind, value)| self.entitlement(kind, value));
        let because = self.causes(because);
        let plan = self.plan.as_mut().expect("the header came first");
        if !plan.findings.is_empty() {
            return Err("is an action behind findings".into());
        }
        if self.ids.insert(id, plan.actions.len() as u32).is_some() {
            return Err(format!("repeats the action `{id}`"));
        }
        plan.actions.push(Action {
            id,
            kind,
            leaver,
            report: line.report,
            risk,
            identity,
            app,
            account,
            entitlement,
            because,
            changes,
            after,
        });
        Ok(())
    }

    fn finding(&mut self, line: FindingLine) -> Result<(), String> {
        let because = self.because(line.because)?;
        let plan = self.plan.as_mut().expect("the header came first");
        plan.findings.push(Finding {
            kind: line.finding,
            code: line.code,
            identity: line.identity,
            app: line.app,
            account: line.account,
            entitlement: line.entitlement,
            message: line.message,
            count: line.count,
            examples: line.examples,
            because,
            file: line.file,
            line: line.line,
            column: line.column,
        });
        Ok(())
    }

    fn because(&self, lines: Vec<BecauseLine>) -> Result<Vec<Because>, String> {
        lines
            .into_iter()
            .map(|b| {
                let kind = parse_rule_kind(&b.kind)
                    .ok_or_else(|| format!("has no known kind of rule: `{}`", b.kind))?;
                Ok(Because { rule: b.rule, file: b.file, line: b.line, kind })
            })
            .collect()
    }

    fn string(&mut self, text: &str) -> u32 {
        if let Some(&symbol) = self.strings.get(text) {
            return symbol;
        }
        let plan = self.plan.as_mut().expect("the header came first");
        let symbol = plan.strings.len() as u32;
        plan.strings.push(text.into());
        self.strings.insert(text.into(), symbol);
        symbol
    }

    fn entitlement(&mut self, kind: &str, value: &str) -> u32 {
        let plan = self.plan.as_mut().expect("the header came first");
        let next = plan.entitlements.len() as u32;
        *self.entitlements.entry((kind.into(), value.into())).or_insert_with_key(|key| {
            plan.entitlements.push(key.clone());
            next
        })
    }

    fn causes(&mut self, because: Vec<Because>) -> u32 {
        let plan = self.plan.as_mut().expect("the header came first");
        let next = plan.causes.len() as u32;
        *self.causes.entry(because).or_insert_with_key(|key| {
            plan.causes.push(key.clone());
            next
        })
    }

    fn finish(self) -> Result<Plan, PlanError> {
        let Some(plan) = self.plan else {
            return Err(PlanError::Line { line: 1, reason: "is missing: the file is empty".into() });
        };
        let counts = [
            ("actions", plan.header.actions, plan.actions.len() as u64),
            ("findings", plan.header.findings, plan.findings.len() as u64),
        ];
        for (what, said, found) in counts {
            if said != found {
                return Err(PlanError::Incomplete { what, said, found });
            }
        }
        Ok(plan)
    }
}

fn changes(map: serde_json::Map<String, serde_json::Value>) -> Result<Box<[Change]>, String> {
    #[derive(Deserialize)]
    struct FromTo {
        from: Option<Box<str>>,
        to: Option<Box<str>>,
    }
    map.into_iter()
        .map(|(attribute, value)| {
            let FromTo { from, to } = FromTo::deserialize(value)
                .map_err(|_| format!("changes `{attribute}` in a form that can't be read"))?;
            Ok(Change { attribute: attribute.into(), from, to })
        })
        .collect()
}
