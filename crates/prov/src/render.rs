//! Explanations and single results as a person reads them. Invariant: every line says something that the data says.

use crate::identity::OneResult;
use crate::policy::Policy;
use prov_eval::Explanation;
use prov_eval::explain::{
    AssignmentExplanation, Clause, ClauseKind, ExceptionExplanation, LinkExplanation, NameOrigin, Outcome,
    Place, Read, RuleRef, Verdict, WithheldExplanation,
};
use std::fmt::Write as _;

/// A painter of lines: colours only where asked for.
struct Page<'a> {
    policy: &'a Policy,
    color: bool,
    out: String,
}

/// An explanation as an indented tree: what holds is marked `✓`, what fails `✗`, what was not asked `·`.
pub fn explanation_text(policy: &Policy, e: &Explanation, color: bool) -> String {
    let mut page = Page { policy, color, out: String::new() };
    page.explanation(e);
    page.out
}

/// A condition with its parts, in the same marks.
pub fn clause_text(policy: &Policy, clause: &Clause, color: bool) -> String {
    let mut page = Page { policy, color, out: String::new() };
    page.clause(0, clause);
    page.out
}

/// One identity's result as a list.
pub fn one_result_text(result: &OneResult) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}{}", result.id(), result.state().map_or(String::new(), |s| format!(" is {s}")));
    if result.is_held() {
        let _ = writeln!(out, "  held as it is: its record, or one that its result reads, could not be read");
        return out;
    }
    for (app, name, enabled) in result.accounts() {
        let _ = writeln!(out, "  account {app} {name}{}", if enabled { "" } else { " (disabled)" });
    }
    for e in result.entitlements() {
        let _ = writeln!(out, "  {e}");
    }
    out
}

fn mark(o: Outcome) -> &'static str {
    match o {
        Outcome::True => "✓",
        Outcome::False => "✗",
        Outcome::Unknown => "?",
        Outcome::NotEvaluated => "·",
    }
}

/// How far a day is away.
fn away(days: i64) -> String {
    let (n, unit) = (days.unsigned_abs(), if days.abs() == 1 { "day" } else { "days" });
    match days {
        0 => "today".into(),
        1.. => format!("{n} {unit} from now"),
        _ => format!("{n} {unit} ago"),
    }
}

fn withheld_by(w: &WithheldExplanation) -> String {
    let at = |r: &RuleRef| format!("{}:{}", r.file, r.line);
    match w {
        WithheldExplanation::Blank => "its value is blank: what it is computed from holds nothing".into(),
        WithheldExplanation::NotInCatalog { did_you_mean: None } => "its value is not in the catalog".into(),
        WithheldExplanation::NotInCatalog { did_you_mean: Some(v) } => {
            format!("its value is not in the catalog; did you mean {v:?}?")
        }
        WithheldExplanation::Forbid { rule } => {
            format!("{}, {}", reason(rule), at(rule))
        }
        WithheldExplanation::Separation { rule } => format!("{}, {}", reason(rule), at(rule)),
        WithheldExplanation::RoleForbidden { role, rule }
        | WithheldExplanation::RoleSeparated { role, rule } => {
            format!("the role {role} is withheld by {}, {}", reason(rule), at(rule))
        }
        WithheldExplanation::Denied { exception } => excepted(exception),
        WithheldExplanation::RoleDenied { role, exception } => {
            format!("the role {role} is withheld by {}", excepted(exception))
        }
        WithheldExplanation::Outranked { value } => format!("{value:?} is higher, and the highest wins"),
        WithheldExplanation::State { rule } => format!("the state {} drops it, {}", rule.name, at(rule)),
        WithheldExplanation::NoAccount { rule } => format!("there is to be no account, {}", at(rule)),
    }
}

/// An assignment with its ticket, who gave it and its end.
fn assigned(a: &AssignmentExplanation) -> String {
    let mut out = "assigned".to_owned();
    for (word, value) in [("by", &a.granted_by), ("for", &a.ticket), ("from", &a.from), ("until", &a.until)] {
        if let Some(value) = value {
            let _ = write!(out, " {word} {value}");
        }
    }
    let _ = write!(out, ", {}:{}", a.file, a.line);
    out
}

/// An exception with its end, its reason and its ticket.
fn excepted(e: &ExceptionExplanation) -> String {
    let ticket = e.ticket.as_ref().map(|t| format!(" ({t})")).unwrap_or_default();
    format!("{} until {}: {}{ticket}, {}:{}", e.name, e.until, e.reason, e.file, e.line)
}

/// A forbid or a separation with its reason.
fn reason(rule: &RuleRef) -> String {
    let because = rule.because.as_ref().map_or(String::new(), |b| format!(" because {b:?}"));
    format!("{}{because}", rule.name)
}

impl Page<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{:1$}{text}", "", depth * 2);
    }

    fn paint(&self, o: Outcome, text: &str) -> String {
        let code = match o {
            Outcome::True => "32",
            Outcome::False => "31",
            Outcome::Unknown => "33",
            Outcome::NotEvaluated => "2",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        if self.color { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn source(&self, place: Place) -> String {
        let text = self.policy.sources().text(place.span());
        // A comment behind a clause is no part of it.
        let lines = text.lines().map(|l| l.split("//").next().unwrap_or(l));
        lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
    }

    fn place(&self, r: &RuleRef) -> String {
        let observed = if r.observed { ", observed" } else { "" };
        self.dim(&format!("{}:{}{observed}", r.file, r.line))
    }

    fn explanation(&mut self, e: &Explanation) {
        let subject = e.target.as_ref().map(|t| match (&t.kind, &t.value) {
            (Some(k), Some(v)) => format!("{}.{k}({v:?})", t.app),
            _ => t.app.clone(),
        });
        let who = &e.identity;
        let head = match (&subject, &e.verdict) {
            (None, _) => format!("{who}, on {}", e.today),
            (Some(s), Verdict::Held) => format!("{who} holds {s} on {}", e.today),
            (Some(s), Verdict::NotHeld) => {
                format!("{who} does not hold {s} on {}: nothing gives it", e.today)
            }
            (Some(s), Verdict::Withheld) => format!("{who} does not hold {s} on {}: it is withheld", e.today),
            (Some(s), Verdict::Quarantined) => format!("{who} keeps {s} as it is on {}", e.today),
            (Some(s), Verdict::Overview) => format!("{who}, {s}, on {}", e.today),
        };
        self.line(0, &head);
        if let Some(name) = e.quarantine.as_ref().and_then(|q| q.name.as_ref()) {
            let why = if name.exhausted {
                "every name that it could be is taken"
            } else {
                "there is nothing to make it from"
            };
            let (attribute, app) = (&name.attribute, &name.app);
            let line = format!(
                "its `{attribute}` in `{app}` has no name, for {why}: until it has, nothing is granted and only what is forbidden is revoked"
            );
            self.line(1, &line);
        } else if let Some(q) = &e.quarantine {
            let which = if q.attributes.is_empty() {
                String::new()
            } else {
                format!(" ({})", q.attributes.join(", "))
            };
            let why = match &q.lacking {
                None => format!("a row of {} could not be read{which}", q.identity),
                Some(source) => {
                    format!("{} has no row in `{source}`, of which rows may be lacking{which}", q.identity)
                }
            };
            self.line(
                1,
                &format!(
                    "{why}: until that is mended nothing is granted, and only what is forbidden is revoked"
                ),
            );
        }
        if !e.last_good.is_empty() {
            let value = |v: &Option<String>| v.clone().unwrap_or_else(|| "nothing".to_owned());
            let read: Vec<String> = e.last_good.iter().map(|(a, v)| format!("{a} = {}", value(v))).collect();
            self.line(1, &format!("for its state and for forbids, as read last: {}", read.join(", ")));
        }
        if let Some(s) = &e.state {
            let name = s.state.as_deref().unwrap_or("unknown");
            self.line(
                1,
                &format!(
                    "state {name}{}",
                    if s.leaver { ", which is a leaver's: nothing is held" } else { "" }
                ),
            );
            if subject.is_none() || s.leaver {
                for t in &s.tried {
                    self.line(
                        2,
                        &format!(
                            "{} {} {}",
                            self.paint(t.outcome, mark(t.outcome)),
                            t.rule.name,
                            self.place(&t.rule)
                        ),
                    );
                    if let Some(c) = &t.when {
                        self.clause(3, c);
                    }
                }
            }
        }
        for a in &e.accounts {
            let what = match (a.wanted, a.enabled) {
                (Outcome::True, Outcome::False) => "has an account, disabled",
                (Outcome::True, _) => "has an account",
                (Outcome::False, _) => "has no account, and so holds nothing there",
                _ => "may have an account: that can't be known",
            };
            self.line(
                1,
                &format!(
                    "{} {}: {what} {}",
                    self.paint(a.wanted, mark(a.wanted)),
                    a.app,
                    self.place(&a.rule)
                ),
            );
            if let Some(link) = &a.link {
                self.line(2, &linked(link));
            }
            if let Some(c) = a.when.as_ref().filter(|_| a.wanted != Outcome::True || subject.is_none()) {
                self.clause(2, c);
            }
            if subject.is_none() || e.target.as_ref().is_some_and(|t| t.kind.is_none()) {
                for r in &a.attributes {
                    let known = a.names.iter().find(|n| n.attribute == r.name);
                    let how = known.map_or("", |n| match n.origin {
                        NameOrigin::Remembered => ", as remembered",
                        NameOrigin::Observed => ", as the account that exists says",
                        NameOrigin::Given => ", given now",
                        NameOrigin::Renamed => ", given now in the place of another",
                    });
                    self.line(2, &format!("{} = {}{how}", r.name, r.value));
                }
            }
        }
        if subject.is_none() {
            self.everything(e);
            return;
        }
        for r in &e.rules {
            self.rule(r);
        }
        for f in &e.forbids {
            let because = f.rule.because.as_ref().map_or(String::new(), |b| format!(" because {b:?}"));
            let what = if f.outcome == Outcome::True { "withholds it" } else { "does not apply" };
            let applies = f.when.as_ref().is_none_or(|c| c.outcome == Outcome::True);
            let would = f.rule.observed && applies && f.suspended.is_empty();
            let what = if would { "would withhold it" } else { what };
            self.line(
                1,
                &format!("{} {}{because} {}", self.paint(f.outcome, what), f.rule.name, self.place(&f.rule)),
            );
            self.suspended(&f.suspended);
            if let Some(c) = &f.when {
                self.clause(2, c);
            }
        }
        self.separations(e);
        self.would(e);
        self.protections(e);
        if e.rules.is_empty() && e.target.as_ref().is_some_and(|t| t.kind.is_some()) {
            self.line(1, "no rule of the policy can give it");
        }
        self.keeps(e);
        self.entered(e);
        self.withheld(e, 1);
    }

    /// What no plan takes away, whatever the rules say.
    fn protections(&mut self, e: &Explanation) {
        for p in &e.protections {
            let what = match p.at_least {
                None => format!("no plan takes anything away from {}", e.identity),
                Some(n) => format!("no plan revokes it where fewer than {n} would be left"),
            };
            self.line(
                1,
                &format!("{} {} {}", self.paint(Outcome::True, "protected:"), what, self.place(&p.rule)),
            );
        }
    }

    fn separations(&mut self, e: &Explanation) {
        for s in &e.separations {
            let hit = s.outcome == Outcome::True;
            let what = self.paint(s.outcome, if hit { "is hit" } else { "is not hit" });
            self.line(1, &format!("{} {what} {}", reason(&s.rule), self.place(&s.rule)));
            self.suspended(&s.suspended);
            for side in &s.sides {
                let there = if side.there.is_empty() { "nothing".to_owned() } else { side.there.join(", ") };
                let withheld = match (hit && !side.there.is_empty(), side.withheld) {
                    (false, _) => "",
                    (true, true) => ": withheld",
                    (true, false) => ": stays",
                };
                self.line(2, &format!("{}: {there}{withheld}", side.side));
            }
        }
    }

    fn suspended(&mut self, by: &[ExceptionExplanation]) {
        for e in by {
            self.line(2, &format!("suspended by {}", excepted(e)));
        }
    }

    fn assignments(&mut self, depth: usize, list: &[AssignmentExplanation]) {
        for a in list {
            let why = a.why.as_ref().map_or(String::new(), |w| format!(": {w}"));
            let shown = assigned(a);
            self.line(depth, &format!("{} {shown}{why}", self.paint(a.outcome, mark(a.outcome))));
        }
    }

    fn everything(&mut self, e: &Explanation) {
        for x in &e.entitlements {
            let shown = format!("{}.{}({:?})", x.app, x.kind, x.value);
            let outcome = if x.held { Outcome::True } else { Outcome::False };
            let causes: Vec<String> = x
                .causes
                .iter()
                .map(|c| {
                    let path: Vec<String> = c.path.iter().map(|r| r.name.clone()).collect();
                    let by_hand =
                        c.assignment.as_ref().map_or(String::new(), |a| format!(" {}", assigned(a)));
                    path.join(" → ") + &by_hand
                })
                .collect();
            self.line(
                1,
                &format!("{} {shown}  {}", self.paint(outcome, mark(outcome)), self.dim(&causes.join(", "))),
            );
        }
        self.keeps(e);
        self.entered(e);
        self.withheld(e, 2);
        self.separations(e);
        self.would(e);
        self.protections(e);
    }

    /// What would be otherwise if what is observed were applied.
    fn would(&mut self, e: &Explanation) {
        for w in &e.would {
            let (what, by) = match (w.gives, w.rules.is_empty()) {
                (true, _) => ("would be given", " by "),
                (false, false) => ("would be withheld", " by "),
                (false, true) => ("would not be given", ""),
            };
            let rules: Vec<&str> = w.rules.iter().map(|r| r.name.as_str()).collect();
            let text = format!("{}.{}({:?}) {what}{by}{}", w.app, w.kind, w.value, rules.join(", "));
            self.line(1, &format!("{} {text}", self.paint(Outcome::Unknown, "observed:")));
        }
    }

    fn keeps(&mut self, e: &Explanation) {
        for k in &e.keeps {
            let outcome = if k.over { Outcome::False } else { Outcome::True };
            let (was, gave) = if k.over { ("was kept", "had given") } else { ("kept", "gave") };
            let what = format!("{}.{}({:?})", k.app, k.kind, k.value);
            let text = format!(
                "{} {what} {was} until {}, {} after {} {gave} it last",
                self.paint(outcome, mark(outcome)),
                k.until,
                k.keep,
                k.rule
            );
            self.line(1, &text);
        }
    }

    fn entered(&mut self, e: &Explanation) {
        for x in &e.entered {
            let outcome = if x.held { Outcome::True } else { Outcome::False };
            let what = format!("{}.{}({:?})", x.app, x.kind, x.value);
            let why = match (x.held, x.ended.as_slice()) {
                (true, _) => {
                    format!("kept by the state {}, held when it was entered on {}", x.state, x.since)
                }
                (false, []) => format!("was held when the state {} was entered on {}", x.state, x.since),
                (false, roles) => format!(
                    "was held when the state {} was entered on {}, by {}, of which no assignment is left",
                    x.state,
                    x.since,
                    roles.join(", ")
                ),
            };
            let text = format!("{} {what} {why}", self.paint(outcome, mark(outcome)));
            self.line(1, &text);
        }
    }

    fn withheld(&mut self, e: &Explanation, depth: usize) {
        for x in e.entitlements.iter().filter(|x| !x.held) {
            for w in &x.withheld {
                self.line(
                    depth,
                    &format!("{}.{}({:?}) is withheld: {}", x.app, x.kind, x.value, withheld_by(w)),
                );
            }
        }
    }

    fn rule(&mut self, r: &prov_eval::explain::RuleExplanation) {
        let kind = match r.rule.kind {
            prov_model::RuleKind::Birthright => "birthright",
            _ => "role",
        };
        self.line(
            1,
            &format!("{} {kind} {} {}", self.paint(r.has, mark(r.has)), r.rule.name, self.place(&r.rule)),
        );
        if let Some(docs) = &r.rule.docs {
            self.line(2, &self.dim(docs.lines().next().unwrap_or("")));
        }
        if let Some(c) = &r.when {
            self.clause(2, c);
        }
        if r.requestable {
            self.line(2, "can be requested");
            if let Some(c) = &r.requestable_when {
                self.clause(3, c);
            }
        }
        self.assignments(2, &r.assignments);
        for i in &r.included_by {
            let path: Vec<String> = i.path.iter().map(|r| r.name.clone()).collect();
            self.line(
                2,
                &format!("{} included by {}", self.paint(i.outcome, mark(i.outcome)), path.join(" → ")),
            );
            if let Some(c) = &i.when {
                self.clause(3, c);
            }
            self.assignments(3, &i.assignments);
        }
        for g in &r.grants {
            let text = self.source(g.place);
            let comes_to = match (g.computed, g.values.as_slice()) {
                (true, []) => ", which comes to nothing here".to_owned(),
                (true, values) => format!(
                    ", which comes to {}",
                    values.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(", ")
                ),
                (false, _) => String::new(),
            };
            self.line(
                2,
                &format!(
                    "{} grant {text}{comes_to}{}{}",
                    self.paint(g.outcome, mark(g.outcome)),
                    if g.observed { ", observed" } else { "" },
                    self.reads(&g.reads)
                ),
            );
            if let Some(c) = &g.when {
                self.clause(3, c);
            }
            for b in &g.bounds {
                let at = b.at.as_deref().unwrap_or("unknown");
                let away = b.days.map_or(String::new(), |d| format!(", {}", away(d)));
                let text = self.source(b.place);
                let shown =
                    if text == at { String::new() } else { format!("  {}", self.dim(&format!("[{text}]"))) };
                self.line(
                    3,
                    &format!("{} {} {at}{away}{shown}", self.paint(b.outcome, mark(b.outcome)), b.word),
                );
            }
        }
    }

    fn reads(&self, reads: &[Read]) -> String {
        if reads.is_empty() {
            return String::new();
        }
        let parts: Vec<String> = reads.iter().map(|r| format!("{} = {}", r.name, r.value)).collect();
        format!("  {}", self.dim(&format!("[{}]", parts.join(", "))))
    }

    fn clause(&mut self, depth: usize, c: &Clause) {
        let flat = c.clauses.is_empty();
        let m = self.paint(c.outcome, mark(c.outcome));
        match &c.kind {
            ClauseKind::All | ClauseKind::Any if !flat => {
                let word = if matches!(c.kind, ClauseKind::All) { "all of" } else { "one of" };
                self.line(depth, &format!("{m} {word}"));
            }
            // What has a name of its own, and not by its text: what puts a guest out. A negation of it goes without saying.
            ClauseKind::Named { name } if self.source(c.place) != *name => {
                self.line(depth, &format!("{m} {name}"));
                let inner = match c.clauses.as_slice() {
                    [one] if matches!(one.kind, ClauseKind::Not) => &one.clauses,
                    all => all,
                };
                for part in inner {
                    self.clause(depth + 1, part);
                }
                return;
            }
            _ => {
                let text = self.source(c.place);
                self.line(depth, &format!("{m} {text}{}", self.reads(&c.reads)));
            }
        }
        for part in &c.clauses {
            self.clause(depth + 1, part);
        }
    }
}

/// What `correlate` found, in words.
fn linked(link: &LinkExplanation) -> String {
    match link {
        LinkExplanation::Linked { account, by: Some(by) } => {
            format!("the account `{account}`, which names nobody, is theirs by `{by}`")
        }
        LinkExplanation::Linked { account, by: None } => {
            format!("the account `{account}`, which names nobody, is theirs, as remembered")
        }
        LinkExplanation::Several { by, accounts } => {
            format!("nothing is made: {} have the same `{by}`", accounts.join(", "))
        }
        LinkExplanation::Elsewhere { by, account, owner } => {
            format!("nothing is made: `{account}` has the same `{by}` and is that of {owner}")
        }
        LinkExplanation::Twice { by, account, other } => {
            format!("nothing is made: {other} finds `{account}` by `{by}` too")
        }
        LinkExplanation::Unknown => "nothing is made: what it would be found by can't be known".to_owned(),
    }
}
