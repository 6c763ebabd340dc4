//! What a plan costs: phases, rules, whom the interpreter is asked about and why; as JSON and as text.
//! Invariant: a profile changes no result, and all of it but times and memory is the same in every run.

use crate::engine::Engine;
use crate::policy::Policy;
use prov_eval::{Met, Part, Probe, RuleProfile, TypeProfile, Unplain, Why};
use prov_ir::ExprId;
use prov_model::{AppId, IdentityId, KindId, Meter, Phase, Stopwatch};
use prov_plan::human::{number as many, plural};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;

/// Takes note of what a plan costs. Cheap to clone; one is for one plan.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// // Nothing in this library reads a clock: whoever wants times brings one.
/// #[derive(Debug)]
/// struct Clock(Instant);
/// impl prov::Meter for Clock {
///     fn elapsed(&self) -> Duration {
///         self.0.elapsed()
///     }
/// }
///
/// let policy = prov::Policy::from_strings([(
///     "main.prov",
///     "identity person { id : string key  unit : string }
///     source hr of person authoritative {}
///     app crm via file { entitlement role(string) }
///     birthright sales when unit == \"Sales\" { grant crm.role(\"seller\") }",
/// )])?;
/// let people = prov::Population::from_csv_bytes(&policy, "person", "hr.csv", b"id,unit\n7,Sales\n8,IT\n")?;
/// let profiler = prov::Profiler::new(Clock(Instant::now()));
/// let engine = policy.compile(prov::Backend::Columns)?.with_profiler(&profiler);
/// let desired = engine.evaluate(&people, &policy.at("2026-03-02")?);
/// let profile = profiler.profile(&engine);
/// assert_eq!(profile.json()["rules"][0]["matches"], 1);
/// # let _ = desired;
/// # Ok::<(), prov::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profiler(Arc<Probe>);

/// What a plan cost.
#[derive(Clone, Debug)]
pub struct Profile {
    policy: Policy,
    data: prov_eval::Profile,
}

impl Profiler {
    /// One that nothing was noted by yet.
    pub fn new(meter: impl Meter + 'static) -> Profiler {
        Profiler(Probe::new(Stopwatch::new(meter)))
    }

    /// Does a part of the work, and adds its time to a phase.
    pub fn time<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        self.0.watch().time(phase, work)
    }

    /// What measures time.
    pub(crate) fn watch(&self) -> &Stopwatch {
        self.0.watch()
    }

    /// What was noted, of the last run of the engine that notes here.
    pub fn profile(&self, engine: &Engine) -> Profile {
        Profile { policy: engine.policy().clone(), data: self.0.profile() }
    }
}

impl Engine {
    /// The same engine, which notes what its evaluations and plans cost.
    #[must_use]
    pub fn with_profiler(self, profiler: &Profiler) -> Engine {
        self.map_inner(|inner| inner.with_probe(profiler.0.clone()))
    }
}

/// What a text shows of a profile.
#[derive(Clone, Copy, Debug)]
pub struct ProfileOptions {
    /// So many rules, the dearest first.
    pub rules: usize,
}

impl Default for ProfileOptions {
    fn default() -> ProfileOptions {
        ProfileOptions { rules: 15 }
    }
}

impl Profile {
    fn snippet(&self, expr: ExprId) -> String {
        snippet(&self.policy, expr)
    }

    fn part(&self, part: &Part) -> String {
        let text = self.snippet(part.expr);
        if part.contains { format!("{} contains {text}", part.input) } else { text }
    }

    fn rule_name(&self, rule: u32) -> &str {
        &self.policy.schema().rule(self.policy.program().rules[rule as usize].rule).name
    }

    fn kind(&self, app: AppId, kind: KindId) -> String {
        let schema = self.policy.schema();
        format!("{}.{}", schema.app(app).name, schema.kind(app, kind).name)
    }

    fn type_name(&self, identity: IdentityId) -> &str {
        &self.policy.schema().identity(identity).name
    }

    /// Why what a rule gives is not told by columns.
    fn unplain(&self, rule: u32) -> Option<String> {
        let of = self.data.rules.iter().find(|r| r.rule == rule)?;
        let (why, by) = of.unplain?;
        let through = if by == rule {
            String::new()
        } else {
            format!("it includes `{}`, and there ", self.rule_name(by))
        };
        Some(format!("{through}{}", unplain(why)))
    }

    /// Why someone is not decided by columns alone, in words.
    fn why(&self, identity: IdentityId, why: Why) -> String {
        let schema = self.policy.schema();
        match why {
            Why::Unread => "their record, or one that their rules read, can't be read in full".into(),
            Why::ByHand => "an assignment or an exception is about them".into(),
            Why::Remembered => "memory says what they keep, or held when they entered a state".into(),
            Why::NoState => "their state can't be known".into(),
            Why::State(state) => {
                let defs = schema.identity(identity).lifecycle.as_ref().map_or(&[][..], |l| &l.defs);
                let name = defs.get(state as usize).map_or("", |d| &d.name);
                format!("they are in state `{name}`, of which more is told than what rules give")
            }
            Why::Accounts => "accounts of their type ask for what is held".into(),
            Why::Account => "an account of theirs can't be told, or has no name".into(),
            Why::Rule(rule) => {
                let because = self.unplain(rule).unwrap_or_else(|| "gives more than columns tell".into());
                format!("`{}` may hold: {because}", self.rule_name(rule))
            }
            Why::Condition(rule) => {
                format!("the condition of `{}` can't be known for them", self.rule_name(rule))
            }
            Why::Value(rule) => format!(
                "`{}` holds, and a grant of it gives several values, or one that can't be known",
                self.rule_name(rule)
            ),
            Why::Spelling(app, kind) => format!(
                "they are granted a `{}` that is blank, not in its catalog, or spelled in two ways",
                self.kind(app, kind)
            ),
            Why::Ranked(app, kind) => format!(
                "they are granted several of kinds of which the highest wins, of `{}` the last",
                self.kind(app, kind)
            ),
            Why::Forbid(forbid) => {
                let name = &schema.rule(schema.forbids[forbid as usize].rule).name;
                format!("forbid `{name}` covers something that they are granted")
            }
            Why::Separation(number) => {
                let name = &schema.rule(schema.separations[number as usize].rule).name;
                format!("separation `{name}` names several things that they are granted")
            }
        }
    }

    /// One document; times and memory stand under `phases` alone.
    pub fn json(&self) -> Value {
        let schema = self.policy.schema();
        let phases = self.data.laps.iter().map(|lap| {
            let mut phase = json!({
                "phase": lap.phase.name(),
                "seconds": lap.time.as_secs_f64(),
                "threads": if lap.phase.is_shared() { "summed" } else { "one" },
            });
            if let Some(within) = lap.phase.within() {
                phase["within"] = within.name().into();
            }
            if let Some(bytes) = lap.resident {
                phase["resident_bytes"] = bytes.into();
            }
            phase
        });
        let rules = self.data.rules.iter().map(|rule| {
            let info = schema.rule(self.policy.program().rules[rule.rule as usize].rule);
            let mut out = json!({
                "rule": info.name,
                "file": info.file,
                "line": info.line,
                "matches": rule.matches,
                "steps": rule.steps,
                "asked": rule.asked,
                "parts": rule.parts,
                "shared": rule.shared,
                "met": self.met_json(&rule.met),
            });
            if let Some(why) = self.unplain(rule.rule) {
                out["interpreter"] = why.into();
            }
            if !rule.open.is_empty() {
                out["open"] = rule.open.iter().map(|o| self.snippet(o.expr)).collect();
                out["compiled"] = rule.compiled.into();
            }
            out
        });
        json!({
            "policy": self.policy.name(),
            "phases": phases.collect::<Vec<_>>(),
            "types": self.data.types.iter().map(|ty| self.type_json(ty)).collect::<Vec<_>>(),
            "rules": rules.collect::<Vec<_>>(),
        })
    }

    fn met_json(&self, met: &Met) -> Value {
        match met {
            Met::Never => json!({ "by": "nobody" }),
            Met::List { part, rows, rest } => {
                json!({ "by": "list", "index": self.part(part), "people": rows, "rest": rest })
            }
            Met::Words { formulas } => json!({ "by": "words", "formulas": formulas }),
            Met::Walked { indexed } => json!({ "by": "interpreter", "indexed": indexed }),
        }
    }

    fn type_json(&self, ty: &TypeProfile) -> Value {
        let asked = ty.asked.iter();
        let asked = asked.map(|(why, n)| json!({ "people": n, "why": self.why(ty.identity, *why) }));
        let mut out = json!({
            "identity": self.type_name(ty.identity),
            "people": ty.people,
            "backend": if ty.columns.is_some() { "columns" } else { "interpreter" },
            "interpreter": ty.people - ty.simple,
            "why": asked.collect::<Vec<_>>(),
        });
        let Some(columns) = &ty.columns else { return out };
        let inputs = columns
            .inputs
            .iter()
            .map(|i| json!({ "input": i.name, "values": i.values, "classes": i.classes, "parts": i.parts }));
        let shared = columns
            .shared
            .iter()
            .map(|s| json!({ "part": self.part(&s.part), "rules": s.rules, "people": s.rows }));
        out["conditions"] = json!({
            "parts": columns.parts,
            "mentions": columns.mentions,
            "inputs": inputs.collect::<Vec<_>>(),
            "shared": shared.collect::<Vec<_>>(),
        });
        out["rules"] = json!({
            "in_lists": columns.in_lists,
            "in_words": columns.in_words,
            "word_formulas": columns.word_formulas,
        });
        out["entitlements"] = columns.entitlements.into();
        out["bytes"] = columns.bytes.into();
        out["bytes_a_thread"] = columns.bytes_a_thread.into();
        out
    }

    /// For people.
    pub fn text(&self, options: &ProfileOptions) -> String {
        let mut out = String::new();
        let people: u64 = self.data.types.iter().map(|t| t.people).sum();
        let rules = self.policy.program().rules.len() as u64;
        let _ = writeln!(out, "{}: {} people, {} rules\n", self.policy.name(), many(people), many(rules));
        self.phases(&mut out);
        for ty in self.data.types.iter().filter(|ty| ty.people > 0) {
            self.type_text(ty, &mut out);
        }
        self.rules_text(options, &mut out);
        out
    }

    fn phases(&self, out: &mut String) {
        let _ = writeln!(out, "{:32}{:>12}{:>12}", "phase", "time", "memory");
        let mut shared = false;
        for lap in &self.data.laps {
            let depth = std::iter::successors(lap.phase.within(), |p| p.within()).count();
            let star = if lap.phase.is_shared() { " *" } else { "" };
            shared |= lap.phase.is_shared();
            let name = format!("{}{}{star}", "  ".repeat(depth), lap.phase.name());
            let time = format!("{:.1} ms", lap.time.as_secs_f64() * 1e3);
            let memory = lap.resident.map_or_else(String::new, |b| format!("{} MB", b / 1_000_000));
            let _ = writeln!(out, "{}", format!("{name:32}{time:>12}{memory:>12}").trim_end());
        }
        if shared {
            out.push_str("* of all threads together\n");
        }
    }

    fn type_text(&self, ty: &TypeProfile, out: &mut String) {
        let (name, asked) = (self.type_name(ty.identity), ty.people - ty.simple);
        let Some(columns) = &ty.columns else {
            let _ = writeln!(out, "\n{name}: {} people, all by the interpreter", many(ty.people));
            return;
        };
        let people = many(ty.people);
        let _ =
            writeln!(out, "\n{name}: {people} people by columns, {} of them by the interpreter", many(asked));
        for (why, n) in &ty.asked {
            let _ = writeln!(out, "  {:>9}  {}", many(*n), self.why(ty.identity, *why));
        }
        let _ = writeln!(
            out,
            "  conditions: {}, {} if each rule had its own; by lists {}, for everyone at once {} in {}",
            plural(columns.parts.into(), "part", "parts"),
            many(columns.mentions.into()),
            plural(columns.in_lists.into(), "rule", "rules"),
            plural(columns.in_words.into(), "rule", "rules"),
            plural(columns.word_formulas.into(), "formula", "formulas"),
        );
        for input in &columns.inputs {
            let values = input.values.map_or_else(
                || "too rich to be told by value".to_owned(),
                |n| {
                    let values = plural(n.into(), "value", "values");
                    format!("{values} in {}", plural(input.classes.into(), "class", "classes"))
                },
            );
            let _ = writeln!(
                out,
                "    {:24} {values}, in {}",
                input.name,
                plural(input.parts.into(), "part", "parts")
            );
        }
        if !columns.shared.is_empty() {
            out.push_str("  shared:\n");
        }
        for shared in columns.shared.iter().take(5) {
            let (rules, people) = (many(shared.rules.into()), plural(shared.rows, "person", "people"));
            let _ = writeln!(out, "    {rules:>7} rules  {}  ({people})", self.part(&shared.part));
        }
        let _ = writeln!(
            out,
            "  memory: {} kB of classes and lists, {} kB a thread",
            many(columns.bytes.div_ceil(1000)),
            many(columns.bytes_a_thread.div_ceil(1000)),
        );
    }

    fn rules_text(&self, options: &ProfileOptions, out: &mut String) {
        let mut rules: Vec<&RuleProfile> = self.data.rules.iter().collect();
        // Whom the interpreter is asked about costs most, then what is matched.
        rules.sort_by_key(|r| (std::cmp::Reverse((r.asked, r.steps, r.matches)), r.rule));
        let _ = writeln!(out, "\n{:>9}{:>11}{:>10}  rule", "asked", "steps", "matches");
        for rule in rules.iter().take(options.rules) {
            let info = self.policy.schema().rule(self.policy.program().rules[rule.rule as usize].rule);
            let met = match &rule.met {
                Met::Never => "nobody can have it by its condition".to_owned(),
                Met::List { part, rows, rest } => {
                    let also = if *rest > 0 { format!(", then {rest} more") } else { String::new() };
                    format!("list of {} with {}{also}", many(*rows), self.part(part))
                }
                Met::Words { formulas } => {
                    format!("for everyone at once, {}", plural((*formulas).into(), "formula", "formulas"))
                }
                Met::Walked { indexed: true } => "interpreter, by value".to_owned(),
                Met::Walked { indexed: false } => "interpreter, everyone".to_owned(),
            };
            let _ = writeln!(
                out,
                "{:>9}{:>11}{:>10}  {} ({}:{}): {met}",
                many(rule.asked),
                many(rule.steps),
                many(rule.matches),
                info.name,
                info.file,
                info.line,
            );
            let below = |out: &mut String, text: String| {
                let _ = writeln!(out, "{:32}{text}", "");
            };
            if let Some(why) = self.unplain(rule.rule) {
                below(out, format!("asks the interpreter: {why}"));
            }
            for open in &rule.open {
                below(out, format!("not told by value: {}", self.snippet(open.expr)));
            }
            if rule.compiled > 0 {
                below(out, format!("{} of these by machine code", many(rule.compiled.into())));
            }
        }
        if let Some(more) = rules.len().checked_sub(options.rules).filter(|n| *n > 0) {
            let _ = writeln!(out, "and {} more; --all shows them", many(more as u64));
        }
    }
}

/// What a rule gives that columns don't tell.
pub(crate) fn unplain(why: Unplain) -> &'static str {
    match why {
        Unplain::OtherType => "a rule is of another type of identity",
        Unplain::Gated => "a forbid or a separation may withhold the role, or it has parameters",
        Unplain::Instances => "a role with parameters is included",
        Unplain::Each(_) => "a grant stands in `each`",
        Unplain::Keep(_) => "a grant is kept for a while",
        Unplain::Inputs(_) => "a grant follows from several attributes, or from one that has several values",
        Unplain::Steps => {
            "the condition asks for a role, an entitlement or an account, and is not told by value"
        }
    }
}

/// An expression as it stands in the policy, on one line.
pub(crate) fn snippet(policy: &Policy, expr: ExprId) -> String {
    let span = policy.program().expr(expr).span;
    policy.sources().text(span).split_whitespace().collect::<Vec<_>>().join(" ")
}
