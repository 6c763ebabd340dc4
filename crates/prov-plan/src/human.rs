//! The plan for a person: a diff by identity or by app, leavers first, totals, what guards say, what was found.
//! Invariant: nothing of the data can steer a terminal, and colour is the caller's choice alone.

mod text;

use crate::plan::severity_name;
use crate::{ActionKind, ActionView, Finding, FindingKind, Plan, Verdict};
use prov_model::{RuleKind, Severity};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::io::{self, Write};
use text::{Paint, Tone, clean, list, pad, width};
pub use text::{number, plural};

/// The widest column of what is done; longer ones push their reason aside.
const WIDEST: usize = 60;

/// Findings of one kind that are shown, unless all are.
const FINDINGS: usize = 3;

/// How a plan is grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// By whom it is about.
    #[default]
    Identity,
    /// By app.
    App,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug)]
pub struct HumanOptions {
    /// Whether to colour it.
    pub color: bool,
    /// By whom or by app.
    pub by: Grouping,
    /// How many identities are shown (by app: lines an app); `usize::MAX` for all.
    pub limit: usize,
    /// Only what follows from the plan itself, so that it can be kept and compared: no hash of the policy, no lines of
    /// rules, no guards that pass.
    pub stable: bool,
}

impl Default for HumanOptions {
    fn default() -> Self {
        HumanOptions { color: false, by: Grouping::Identity, limit: 50, stable: false }
    }
}

/// Writes a plan for a person. Give it a buffered writer.
pub fn write(plan: &Plan, options: &HumanOptions, out: &mut impl Write) -> io::Result<()> {
    let mut view = View { plan, options, paint: Paint(options.color), out };
    view.head()?;
    match options.by {
        Grouping::Identity => view.by_identity()?,
        Grouping::App => view.by_app()?,
    }
    view.findings()?;
    view.observed()?;
    view.guards()?;
    view.totals()
}

struct View<'p, W> {
    plan: &'p Plan,
    options: &'p HumanOptions,
    paint: Paint,
    out: &'p mut W,
}

/// One line of the diff.
struct Line {
    sign: char,
    what: String,
    why: String,
    tail: String,
    risk: Option<Severity>,
    /// Lines below it.
    below: Vec<String>,
}

impl<'p, W: Write> View<'p, W> {
    fn head(&mut self) -> io::Result<()> {
        let header = &self.plan.header;
        let policy: String = header.policy.chars().take(10).collect();
        let head = format!("Plan for {} ({})", clean(&header.today), clean(&header.zone));
        let people = plural(header.people, "identity", "identities");
        let rest = match self.options.stable {
            true => format!(" · {people}"),
            false => format!(" · {people} · policy {}", clean(&policy)),
        };
        writeln!(
            self.out,
            "{}{}",
            self.paint.in_tone(Tone::Strong, &head),
            self.paint.in_tone(Tone::Dim, &rest)
        )
    }

    fn heading(&mut self, text: &str, count: &str) -> io::Result<()> {
        let text = self.paint.in_tone(Tone::Strong, text);
        writeln!(self.out, "\n{text} {}", self.paint.in_tone(Tone::Dim, &format!("({count})")))
    }

    fn by_identity(&mut self) -> io::Result<()> {
        let mut shown = 0;
        for (leaver, title) in [(true, "Leavers"), (false, "Changes")] {
            let (groups, people) = self.groups(leaver, self.options.limit.saturating_sub(shown));
            if people == 0 {
                continue;
            }
            self.heading(title, &plural(people as u64, "identity", "identities"))?;
            for (id, actions) in &groups {
                writeln!(self.out, "\n  {}", self.paint.in_tone(Tone::Strong, &clean(id)))?;
                let lines: Vec<Line> = actions.iter().map(|&a| line(a, true, !self.options.stable)).collect();
                self.lines(&lines)?;
            }
            shown += groups.len();
            self.more(people - groups.len())?;
        }
        Ok(())
    }

    /// The first identities of a lane with their actions, in order of id, and how many identities there are.
    fn groups(&self, leaver: bool, limit: usize) -> (BTreeMap<&'p str, Vec<ActionView<'p>>>, usize) {
        let mut groups: BTreeMap<&str, Vec<ActionView<'_>>> = BTreeMap::new();
        let mut people = rustc_hash::FxHashSet::default();
        let mut last = "";
        for action in self.plan.actions().filter(|a| a.is_leaver() == leaver) {
            let id = action.identity();
            if groups.is_empty() || id != last {
                people.insert(id);
                last = id;
            }
            if let Some(group) = groups.get_mut(id) {
                group.push(action);
            } else if groups.len() < limit && people.len() <= limit {
                groups.insert(id, vec![action]);
            }
        }
        (groups, people.len())
    }

    fn by_app(&mut self) -> io::Result<()> {
        let mut apps: BTreeMap<&str, (Vec<ActionView<'p>>, usize)> = BTreeMap::new();
        for action in self.plan.actions() {
            let (shown, all) = apps.entry(action.app()).or_default();
            *all += 1;
            if shown.len() < self.options.limit {
                shown.push(action);
            }
        }
        for (app, (shown, all)) in apps {
            self.heading(&clean(app), &plural(all as u64, "action", "actions"))?;
            let wide = shown.iter().map(|a| width(&clean(a.identity()))).max().unwrap_or(0).min(WIDEST);
            let lines: Vec<Line> = shown
                .iter()
                .map(|&a| {
                    let mut line = line(a, false, !self.options.stable);
                    line.what = format!("{}  {}", pad(&clean(a.identity()), wide), line.what);
                    if a.is_leaver() {
                        line.tail.push_str(" leaver");
                    }
                    line
                })
                .collect();
            self.lines(&lines)?;
            self.more(all - lines.len())?;
        }
        Ok(())
    }

    fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        let fits = lines.iter().map(|l| width(&l.what)).filter(|&w| w <= WIDEST);
        let wide = fits.max().unwrap_or(0);
        for line in lines {
            let tone = match line.sign {
                '+' => Tone::Good,
                '-' => Tone::Bad,
                '!' => Tone::Alarm,
                _ => Tone::Change,
            };
            let sign = self.paint.in_tone(tone, &line.sign.to_string());
            let risk = match line.risk {
                None => String::new(),
                Some(risk) => {
                    let tone = if risk >= Severity::High { Tone::Alarm } else { Tone::Change };
                    format!("  {}", self.paint.in_tone(tone, &format!("[{}]", severity_name(risk))))
                }
            };
            let what = if line.why.is_empty() && line.tail.is_empty() {
                line.what.clone()
            } else {
                pad(&line.what, wide)
            };
            let why = format!("{}{}", line.why, line.tail);
            let why = if why.is_empty() { why } else { format!("  {}", self.paint.in_tone(Tone::Dim, &why)) };
            writeln!(self.out, "    {sign} {what}{why}{risk}")?;
            for below in &line.below {
                writeln!(self.out, "        {}", self.paint.in_tone(Tone::Dim, below))?;
            }
        }
        Ok(())
    }

    fn more(&mut self, n: usize) -> io::Result<()> {
        if n == 0 {
            return Ok(());
        }
        let text = format!("… and {} more (use --all or --out)", number(n as u64));
        writeln!(self.out, "\n  {}", self.paint.in_tone(Tone::Dim, &text))
    }

    /// What each observed rule would do.
    fn observed(&mut self) -> io::Result<()> {
        let mut rules: BTreeMap<(String, bool), (u64, Vec<String>)> = BTreeMap::new();
        for finding in &self.plan.findings {
            let gives = match finding.kind {
                FindingKind::WouldGrant => true,
                FindingKind::WouldWithhold => false,
                _ => continue,
            };
            let Some(e) = &finding.entitlement else { continue };
            let value = e.value.as_deref().map_or(String::new(), |v| format!("({})", clean(v)));
            let (id, app) = (finding.identity.as_deref(), finding.app.as_deref());
            let what =
                format!("{} {}.{}{value}", clean(id.unwrap_or("")), clean(app.unwrap_or("")), clean(&e.kind));
            for because in &finding.because {
                let name = match because.kind {
                    RuleKind::Forbid | RuleKind::Separate => clean(&because.rule),
                    _ => format!("{} {}", crate::plan::rule_kind_name(because.kind), clean(&because.rule)),
                };
                let (count, shown) = rules.entry((name, gives)).or_default();
                *count += 1;
                if shown.len() < FINDINGS {
                    shown.push(what.clone());
                }
            }
        }
        if rules.is_empty() {
            return Ok(());
        }
        self.heading("Observed", "nothing of this is applied")?;
        for ((rule, gives), (count, shown)) in rules {
            let verb = if gives { "would give" } else { "would withhold" };
            let more = if count as usize > shown.len() { ", …" } else { "" };
            writeln!(self.out, "  {rule} {verb} {}: {}{more}", number(count), shown.join(", "))?;
        }
        Ok(())
    }

    fn findings(&mut self) -> io::Result<()> {
        if self.plan.findings.is_empty() {
            return Ok(());
        }
        self.heading("Findings", &number(self.plan.findings.len() as u64))?;
        let mut kinds: BTreeMap<FindingKind, Vec<&Finding>> = BTreeMap::new();
        for finding in &self.plan.findings {
            kinds.entry(finding.kind).or_default().push(finding);
        }
        for (kind, findings) in kinds {
            let count = number(findings.len() as u64);
            writeln!(
                self.out,
                "  {} {}",
                self.paint.in_tone(Tone::Change, &count),
                of_kind(kind, findings.len())
            )?;
            // What observed rules would do is summed up by rule below.
            let summed = matches!(kind, FindingKind::WouldGrant | FindingKind::WouldWithhold);
            let shown = match self.options.limit {
                usize::MAX => findings.len(),
                _ if summed => continue,
                _ => FINDINGS,
            };
            for finding in findings.iter().take(shown) {
                writeln!(self.out, "      {}", told(finding))?;
            }
            if findings.len() > shown {
                let more = format!("… and {} more", number((findings.len() - shown) as u64));
                writeln!(self.out, "      {}", self.paint.in_tone(Tone::Dim, &more))?;
            }
        }
        Ok(())
    }

    fn guards(&mut self) -> io::Result<()> {
        let guards = &self.plan.header.guards;
        let shown: Vec<&Verdict> = guards.iter().filter(|v| v.tripped || v.notice.is_some()).collect();
        if guards.is_empty() || self.options.stable && !guards.iter().any(|v| v.tripped) {
            return Ok(());
        }
        let shown: Vec<&Verdict> = shown.into_iter().filter(|v| v.tripped || !self.options.stable).collect();
        let passed = guards.iter().filter(|v| !v.tripped).count();
        let count = match guards.len() - passed {
            0 => format!("all {} pass", number(passed as u64)),
            tripped => format!("{} of {} tripped", number(tripped as u64), number(guards.len() as u64)),
        };
        self.heading("Guards", &count)?;
        let wide = shown.iter().map(|v| width(&guard_name(v))).max().unwrap_or(0);
        for verdict in shown {
            let name = pad(&guard_name(verdict), wide);
            let (mark, tone) =
                if verdict.tripped { ("tripped", Tone::Alarm) } else { ("passed ", Tone::Good) };
            let mark = self.paint.in_tone(tone, mark);
            writeln!(self.out, "  {mark}  {name}  {}", judged(verdict))?;
            if !verdict.tripped {
                continue;
            }
            if !verdict.hit.is_empty() {
                let hit: Vec<String> = verdict.hit.iter().map(|h| clean(h)).collect();
                let more = if verdict.count as usize > hit.len() { " …" } else { "" };
                writeln!(self.out, "           who: {}{more}", hit.join(", "))?;
            }
            writeln!(self.out, "           {}", self.paint.in_tone(Tone::Dim, &advice(verdict)))?;
        }
        Ok(())
    }

    fn totals(&mut self) -> io::Result<()> {
        let by = &self.plan.header.by_action;
        if self.plan.is_empty() {
            let unknown = [FindingKind::Held, FindingKind::Missing];
            let all_known = !unknown.iter().any(|kind| self.plan.header.by_finding.contains_key(kind));
            let protected = self.plan.header.by_finding.contains_key(&FindingKind::Protected);
            let (tone, text) = match (all_known, self.plan.tripped().next()) {
                (_, None) if protected => {
                    (Tone::Dim, "Nothing to do: what remains to be taken away is protected.")
                }
                (true, None) => (Tone::Good, "Nothing to do: everyone has what they should."),
                (false, None) => (
                    Tone::Dim,
                    "Nothing to do for those of whom enough is known; the others are held as they are.",
                ),
                (_, Some(_)) => (Tone::Dim, "Nothing is planned; see the guard that tripped."),
            };
            return writeln!(self.out, "\n{}", self.paint.in_tone(tone, text));
        }
        let mut people: FxHashMap<&str, ()> = FxHashMap::default();
        let mut last = "";
        for action in self.plan.actions() {
            if action.identity() != last {
                last = action.identity();
                people.insert(last, ());
            }
        }
        let accounts = |kind: ActionKind, verb: &str| {
            by.get(&kind).map(|&n| format!("{} to {verb}", plural(n, "account", "accounts")))
        };
        let access = |kind: ActionKind, verb: &str| {
            by.get(&kind).map(|&n| format!("{} to {verb}", plural(n, "entitlement", "entitlements")))
        };
        let parts: Vec<String> = [
            accounts(ActionKind::CreateAccount, "create"),
            accounts(ActionKind::RenameAccount, "rename"),
            accounts(ActionKind::UpdateAccount, "update"),
            accounts(ActionKind::EnableAccount, "enable"),
            access(ActionKind::Grant, "grant"),
            access(ActionKind::Revoke, "revoke"),
            accounts(ActionKind::DisableAccount, "disable"),
            accounts(ActionKind::DeleteAccount, "delete"),
            by.get(&ActionKind::WriteBack).map(|&n| plural(n, "value to write back", "values to write back")),
            by.get(&ActionKind::KillSessions).map(|&n| format!("{} of sessions", plural(n, "kill", "kills"))),
        ]
        .into_iter()
        .flatten()
        .collect();
        let total = plural(self.plan.len() as u64, "action", "actions");
        let total = format!("{total} for {}:", plural(people.len() as u64, "identity", "identities"));
        writeln!(self.out, "\n{} {}", self.paint.in_tone(Tone::Strong, &total), list(&parts))
    }
}

fn line(action: ActionView<'_>, with_app: bool, places: bool) -> Line {
    let app = clean(action.app());
    let name = action.account().map(clean);
    let dotted = if with_app { format!("{app}.") } else { String::new() };
    let spaced = if with_app { format!("{app} ") } else { String::new() };
    let account = |end: &str| {
        let name = name.as_ref().map(|n| format!(" {n}")).unwrap_or_default();
        format!("{spaced}account{name}{end}")
    };
    let access = || {
        let (kind, value) = action.entitlement().unwrap_or_default();
        format!("{dotted}{}({})", clean(kind), clean(value))
    };
    let (sign, what) = match action.kind() {
        ActionKind::CreateAccount => {
            let off = action
                .changes()
                .iter()
                .any(|c| *c.attribute == *"enabled" && c.to.as_deref() == Some("false"));
            ('+', account(if off { ", disabled" } else { "" }))
        }
        ActionKind::RenameAccount => {
            let new = action.changes().first().and_then(|c| c.to.as_deref()).unwrap_or("");
            ('~', account(&format!(" → {}", clean(new))))
        }
        ActionKind::UpdateAccount => ('~', account("")),
        ActionKind::EnableAccount => ('+', account(" enabled")),
        ActionKind::DisableAccount => ('!', account(" disabled")),
        ActionKind::DeleteAccount => ('-', account(" deleted")),
        ActionKind::Grant => ('+', access()),
        ActionKind::Revoke => ('-', access()),
        ActionKind::KillSessions => ('!', format!("{spaced}sessions killed")),
        ActionKind::WriteBack => ('~', account(" written back")),
    };
    let because = action.because();
    let name = |b: &crate::Because| match (action.kind(), b.kind) {
        // What is taken back for want of a cause has only its app to name.
        (ActionKind::Revoke, RuleKind::App) => "no rule gives it".to_owned(),
        _ if !places => clean(&b.rule),
        _ => format!("{} {}:{}", clean(&b.rule), clean(&b.file), b.line),
    };
    let mut why: Vec<String> = because.iter().take(2).map(name).collect();
    if because.len() > 2 {
        why.push(format!("{} more", because.len() - 2));
    }
    let tail = if action.is_report() { " report only" } else { "" };
    let below = below(action);
    Line { sign, what, why: why.join(", "), tail: tail.to_owned(), risk: action.risk(), below }
}

/// Changed attributes, where the line itself does not say them.
fn below(action: ActionView<'_>) -> Vec<String> {
    let shown = |value: &Option<Box<str>>| value.as_deref().map_or("–".to_owned(), clean);
    let wide = action.changes().iter().map(|c| width(&c.attribute)).max().unwrap_or(0);
    let changes = action.changes().iter();
    match action.kind() {
        ActionKind::CreateAccount => changes
            .filter(|c| *c.attribute != *"enabled" && c.to.as_deref() != action.account())
            .map(|c| format!("{}  {}", pad(&clean(&c.attribute), wide), shown(&c.to)))
            .collect(),
        ActionKind::UpdateAccount | ActionKind::WriteBack => changes
            .map(|c| format!("{}  {} → {}", pad(&clean(&c.attribute), wide), shown(&c.from), shown(&c.to)))
            .collect(),
        ActionKind::RenameAccount
        | ActionKind::EnableAccount
        | ActionKind::DisableAccount
        | ActionKind::DeleteAccount
        | ActionKind::Grant
        | ActionKind::Revoke
        | ActionKind::KillSessions => Vec::new(),
    }
}

fn of_kind(kind: FindingKind, n: usize) -> &'static str {
    let one = n == 1;
    match kind {
        FindingKind::Withheld if one => "grant withheld",
        FindingKind::Withheld => "grants withheld",
        FindingKind::Separated if one => "separation hit",
        FindingKind::Separated => "separations hit",
        FindingKind::Violation if one => "thing held against the rules, and not ours to take",
        FindingKind::Violation => "things held against the rules, and not ours to take",
        FindingKind::Protected if one => "thing protected, and not taken away",
        FindingKind::Protected => "things protected, and not taken away",
        FindingKind::TooFew if one => "entitlement with fewer members than are protected",
        FindingKind::TooFew => "entitlements with fewer members than are protected",
        FindingKind::UnmatchedProtect if one => "protected identity that is nowhere",
        FindingKind::UnmatchedProtect => "protected identities that are nowhere",
        FindingKind::TooMany if one => "limit passed",
        FindingKind::TooMany => "limits passed",
        FindingKind::GuestOut if one => "guest out",
        FindingKind::GuestOut => "guests out",
        FindingKind::WouldGrant if one => "thing that observed rules would give",
        FindingKind::WouldGrant => "things that observed rules would give",
        FindingKind::WouldWithhold if one => "thing that observed rules would withhold",
        FindingKind::WouldWithhold => "things that observed rules would withhold",
        FindingKind::WouldUnknown if one => "identity of whom it can't be known what observed rules would do",
        FindingKind::WouldUnknown => "identities of whom it can't be known what observed rules would do",
        FindingKind::Conflict if one => "conflict of accounts",
        FindingKind::Conflict => "conflicts of accounts",
        FindingKind::NamelessAccount if one => "account without a name",
        FindingKind::NamelessAccount => "accounts without a name",
        FindingKind::UnmatchedAssignment if one => "assignment not honoured",
        FindingKind::UnmatchedAssignment => "assignments not honoured",
        FindingKind::UnmatchedException if one => "exception that names nothing",
        FindingKind::UnmatchedException => "exceptions that name nothing",
        FindingKind::Expired if one => "assignment or exception ended",
        FindingKind::Expired => "assignments and exceptions ended",
        FindingKind::RejectedRow if one => "row rejected",
        FindingKind::RejectedRow => "rows rejected",
        FindingKind::UnknownApp if one => "row about an unknown app or kind",
        FindingKind::UnknownApp => "rows about unknown apps or kinds",
        FindingKind::Held if one => "identity held",
        FindingKind::Held => "identities held",
        FindingKind::Missing if one => "identity missing from the sources",
        FindingKind::Missing => "identities missing from the sources",
        FindingKind::OrphanAccount if one => "account of nobody",
        FindingKind::OrphanAccount => "accounts of nobody",
        FindingKind::LinkedAccount if one => "account linked",
        FindingKind::LinkedAccount => "accounts linked",
        FindingKind::Unmanaged if one => "kind of access not managed",
        FindingKind::Unmanaged => "kinds of access not managed",
    }
}

fn told(finding: &Finding) -> String {
    let mut text = String::new();
    if let Some(file) = &finding.file {
        text = clean(file);
        if let Some(line) = finding.line {
            text.push_str(&format!(":{line}"));
        }
        if let Some(column) = &finding.column {
            text.push_str(&format!(" {}", clean(column)));
        }
        text.push_str(": ");
    } else if let Some(id) = &finding.identity {
        text = format!("{}: ", clean(id));
    }
    text.push_str(&clean(&finding.message));
    if !finding.examples.is_empty() {
        let examples: Vec<String> = finding.examples.iter().map(|e| clean(e)).collect();
        text.push_str(&format!(" ({})", examples.join(", ")));
    }
    text
}

fn guard_name(verdict: &Verdict) -> String {
    match (&verdict.app, &verdict.source) {
        (Some(app), _) => format!("{} in {}", clean(&verdict.guard), clean(app)),
        _ => clean(&verdict.guard),
    }
}

fn judged(verdict: &Verdict) -> String {
    if let Some(notice) = &verdict.notice {
        return clean(notice);
    }
    if let Some(said) = crate::guards::feeds::said(verdict) {
        return clean(&said);
    }
    let limits: Vec<String> = verdict.limits.iter().map(|l| clean(l)).collect();
    let said = if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(" or ")) };
    match verdict.what.as_str() {
        "population" => format!(
            "nobody in the population, and {} with access",
            plural(verdict.base.unwrap_or(0), "identity", "identities")
        ),
        "rows" => {
            let last = verdict.base.map(|b| format!(", {} in the last run", number(b))).unwrap_or_default();
            let rows = plural(verdict.count, "row", "rows");
            format!("{rows}, at least {}{said}{last}", number(verdict.limit))
        }
        _ => format!(
            "{} of {} {}, at most {}{said}",
            number(verdict.count),
            number(verdict.base.unwrap_or(0)),
            clean(&verdict.unit),
            number(verdict.limit)
        ),
    }
}

fn advice(verdict: &Verdict) -> String {
    let held = match verdict.what.as_str() {
        "leavers" => "nothing is taken from leavers until someone looked at them",
        "population" => "nothing is applied: an empty population is most often a broken export",
        "rows" => "only leavers go on: rows are most often lost by a broken export",
        "empty" => "only leavers go on: a column is most often lost by a broken export",
        "age" => "only leavers go on: an old export most often means that the feed has stopped",
        _ => "only leavers go on",
    };
    format!("{held}; if it is meant: --override {} --reason \"…\"", clean(&verdict.quoted()))
}
