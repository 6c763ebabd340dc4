//! Changes that may be made to a policy, one at a time, as text in the place of text: what of an item can be taken away,
//! turned round or loosened.
//! Invariant: every item kind has its arm; each change leaves the rest of the text as it is, and names the item it is of.

mod exprs;

use crate::policy::Policy;
use prov_diag::Span;
use prov_model::Decimal;
use prov_syntax::ast::{
    Account, Amount, Annotation, App, AppMember, EntPattern, EntRef, Expr, ExprKind, Federation,
    FederationField, Grant, Guard, Item, ItemKind, Member, PatternArg, Protect, Requestable, Separate,
    SeparateWhat, Source, State, TypeKind, VerbKind,
};
use std::collections::BTreeSet;

/// A change that may be made.
pub(super) struct Change {
    /// What is replaced.
    pub span: Span,
    /// What is done: `drop an operand`, `remove a grant` …
    pub what: &'static str,
    /// What stands in its place.
    pub text: String,
    /// The item that is changed: its head.
    pub item: Span,
}

/// All changes, in order of place; no two of them the same.
pub(super) fn all(policy: &Policy) -> Vec<Change> {
    let mut changes = Vec::new();
    let variants = variants(policy);
    for item in policy.0.modules.iter().flat_map(|m| &m.file.items) {
        let mut seeker = Seeker { policy, variants: &variants, changes: Vec::new(), item: item.head };
        seeker.item(item);
        changes.extend(seeker.changes);
    }
    changes.sort_by(|a, b| (a.span, a.what, &a.text).cmp(&(b.span, b.what, &b.text)));
    changes.dedup_by(|a, b| a.span == b.span && a.text == b.text);
    changes
}

/// The lists of words of which an expression may name one: enums and states.
fn variants(policy: &Policy) -> Vec<Vec<String>> {
    let mut lists = BTreeSet::new();
    for item in policy.0.modules.iter().flat_map(|m| &m.file.items) {
        match &item.kind {
            ItemKind::Identity { attributes, .. }
            | ItemKind::Record { fields: attributes, .. }
            | ItemKind::Table { columns: attributes, .. } => {
                lists.extend(attributes.iter().filter_map(|a| words(&a.ty.kind)));
            }
            ItemKind::Lifecycle { states, .. } => {
                lists.insert(states.iter().map(|s| s.name.text.clone()).collect());
            }
            ItemKind::App(app) => {
                let kinds = app.members.iter().filter_map(|m| match m {
                    AppMember::Entitlement(e) => Some(&e.types),
                    AppMember::Account(_) | AppMember::Managed { .. } => None,
                });
                lists.extend(kinds.flatten().filter_map(|t| words(&t.kind)));
            }
            _ => {}
        }
    }
    lists.into_iter().filter(|list: &Vec<String>| list.len() > 1).collect()
}

fn words(ty: &TypeKind) -> Option<Vec<String>> {
    match ty {
        TypeKind::Enum(names) => Some(names.iter().map(|n| n.text.clone()).collect()),
        TypeKind::Named(_) | TypeKind::Set(_) | TypeKind::List(_) => None,
    }
}

struct Seeker<'a> {
    policy: &'a Policy,
    variants: &'a [Vec<String>],
    changes: Vec<Change>,
    /// The head of the item at hand.
    item: Span,
}

impl Seeker<'_> {
    fn text(&self, span: Span) -> &str {
        self.policy.sources().text(span)
    }

    fn add(&mut self, span: Span, what: &'static str, text: impl Into<String>) {
        self.changes.push(Change { span, what, text: text.into(), item: self.item });
    }

    fn remove(&mut self, span: Span, what: &'static str) {
        self.add(span, what, "");
    }

    /// Applies what is observed.
    fn stages(&mut self, annotations: &[Annotation]) {
        for stage in annotations.iter().filter(|a| a.name.text == "stage") {
            self.remove(stage.span, "apply what is observed");
        }
    }

    fn item(&mut self, item: &Item) {
        self.stages(&item.annotations);
        match &item.kind {
            ItemKind::Identity { attributes, .. } => {
                for attribute in attributes.iter().filter(|a| a.prefer.len() > 1) {
                    let (Some(first), Some(last)) = (attribute.prefer.first(), attribute.prefer.last())
                    else {
                        continue;
                    };
                    let names: Vec<&str> = attribute.prefer.iter().rev().map(|n| n.text.as_str()).collect();
                    self.add(first.span.to(last.span), "turn an order round", names.join(", "));
                }
            }
            ItemKind::Source(source) => self.source(source),
            ItemKind::Lifecycle { states, .. } => states.iter().for_each(|s| self.state(s)),
            ItemKind::App(app) => self.app(app),
            ItemKind::Birthright { when, body, .. } => {
                when.iter().for_each(|c| self.whole(c));
                self.members(body);
            }
            ItemKind::Role(role) => {
                role.when.iter().for_each(|c| self.whole(c));
                role.requestable.iter().for_each(|r| self.requestable(r));
                self.members(&role.body);
            }
            ItemKind::Forbid { patterns, when, .. } => {
                self.patterns(patterns, item.span, "remove a forbid");
                when.iter().for_each(|c| self.whole(c));
            }
            ItemKind::Separate(separate) => self.separate(separate, item.span),
            ItemKind::Guard(guard) => self.guard(guard, item.span),
            ItemKind::Protect(protect) => {
                self.remove(item.span, "remove a protection");
                if let Protect::Members { at_least, .. } = protect {
                    self.number(at_least);
                }
            }
            ItemKind::Limit { at_most, .. } => {
                self.remove(item.span, "remove a limit");
                self.number(at_most);
            }
            ItemKind::Federation(federation) => self.federation(federation),
            ItemKind::Writeback { fields, .. } => {
                for field in fields {
                    // One without anything is no item.
                    let whole = if fields.len() == 1 { item.span } else { field.span };
                    self.remove(whole, "remove a write-back");
                }
            }
            ItemKind::Let { value, .. } => self.expr(value),
            ItemKind::Fn { body, .. } => self.expr(body),
            // They give names and types, or decide nothing: what there is of them is changed where it is used.
            ItemKind::Use { .. }
            | ItemKind::Timezone(_)
            | ItemKind::Record { .. }
            | ItemKind::Table { .. }
            | ItemKind::Login { .. }
            | ItemKind::Prove { .. }
            | ItemKind::Test { .. } => {}
        }
    }

    fn source(&mut self, source: &Source) {
        if let Some(missing) = &source.missing {
            self.remove(missing.span, "remove a clause");
            missing.after.iter().for_each(|d| self.expr(d));
        }
        for field in &source.fields {
            // A column of the same name is read without being named.
            let same =
                matches!(&field.value.kind, ExprKind::Field(_, column) if column.text == field.name.text);
            if !same {
                self.remove(self.with_comma(field.span), "remove a mapping");
            }
            self.expr(&field.value);
        }
    }

    fn state(&mut self, state: &State) {
        state.when.iter().for_each(|c| self.whole(c));
        let leaver = state.verbs.iter().any(|v| v.kind == VerbKind::Leaver);
        for verb in &state.verbs {
            // For leavers that is so without it.
            let idle = match verb.kind {
                VerbKind::KillSessions | VerbKind::DisableAccounts | VerbKind::DropEntitlements => leaver,
                VerbKind::Leaver | VerbKind::DeleteAccounts | VerbKind::KeepEntitlements => false,
            };
            if idle {
                continue;
            }
            self.remove(verb.span, "remove a verb");
            verb.after.iter().for_each(|d| self.expr(d));
        }
    }

    fn app(&mut self, app: &App) {
        if let Some(mode) = app.mode.as_ref().filter(|m| m.text == "additive") {
            self.remove(mode.span, "revoke where nothing is to be");
        }
        for member in &app.members {
            match member {
                AppMember::Account(account) => self.account(account),
                AppMember::Entitlement(kind) => {
                    for (span, what) in
                        [(kind.highest_wins, "let all win"), (kind.irrevocable, "revoke what is not to be")]
                    {
                        span.into_iter().for_each(|s| self.remove(s, what));
                    }
                }
                AppMember::Managed { span, parts } => {
                    let spans: Vec<Span> = parts.iter().map(|p| p.span).collect();
                    self.remove_one(*span, &spans, "manage less");
                }
            }
        }
    }

    fn account(&mut self, account: &Account) {
        account.when.iter().for_each(|c| self.whole(c));
        for link in &account.correlate {
            self.expr(&link.value);
        }
        for (number, field) in account.fields.iter().enumerate() {
            let assign = &field.assign;
            if let Some(span) = field.rename_on_change {
                self.remove(span, "never rename");
            }
            // The first is the account's name.
            if number > 0 {
                let span = field.rename_on_change.map_or(assign.span, |r| assign.span.to(r));
                self.remove(self.with_comma(span), "remove an attribute");
            }
            match assign.name.text.as_str() {
                "enabled" => self.whole(&assign.value),
                _ => self.expr(&assign.value),
            }
        }
    }

    fn requestable(&mut self, r: &Requestable) {
        r.when.iter().for_each(|c| self.whole(c));
        if let Some(limit) = &r.at_most {
            self.clause(r.span, limit.span, "for");
            self.expr(limit);
        }
        if let Some(by) = &r.approved_by {
            self.clause(r.span, by.span, "approved");
            self.expr(by);
        }
    }

    fn members(&mut self, body: &[Member]) {
        for member in body {
            match member {
                Member::Includes { span, roles } => {
                    let spans: Vec<Span> = roles.iter().map(|r| r.span).collect();
                    self.remove_one(*span, &spans, "remove an included role");
                    roles.iter().flat_map(|r| &r.args).for_each(|a| self.expr(a));
                }
                Member::Grant(grant) => self.grant(grant),
                Member::Each { list, filter, body, .. } => {
                    self.expr(list);
                    filter.iter().for_each(|c| self.whole(c));
                    self.members(body);
                }
            }
        }
    }

    fn grant(&mut self, grant: &Grant) {
        let spans: Vec<Span> = grant.entitlements.iter().map(|e| e.span).collect();
        self.remove_one(grant.span, &spans, "remove a grant");
        self.stages(&grant.annotations);
        for EntRef { args, .. } in &grant.entitlements {
            args.iter().for_each(|a| self.expr(&a.value));
        }
        if let Some(account) = &grant.as_account {
            self.clause(grant.span, account.span, "as");
        }
        grant.when.iter().for_each(|c| self.whole(c));
        for (clause, word) in [(&grant.from, "from"), (&grant.keep, "keep")] {
            if let Some(e) = clause {
                self.clause(grant.span, e.span, word);
                self.expr(e);
            }
        }
        if let Some(until) = &grant.until {
            self.clause(grant.span, until.date.span, if until.inclusive { "through" } else { "until" });
            self.expr(&until.date);
        }
    }

    /// Those of a forbid, or of a side of a separation.
    fn patterns(&mut self, patterns: &[EntPattern], whole: Span, what: &'static str) {
        let spans: Vec<Span> = patterns.iter().map(EntPattern::span).collect();
        self.remove_one(whole, &spans, what);
        for pattern in patterns {
            match pattern {
                EntPattern::Entitlement { args, .. } => {
                    for arg in args.iter().flatten() {
                        match arg {
                            PatternArg::Value(value) => self.expr(value),
                            PatternArg::Matches(_) | PatternArg::Any(_) => {}
                        }
                    }
                }
                EntPattern::Role(role) => role.args.iter().for_each(|a| self.expr(a)),
            }
        }
    }

    fn separate(&mut self, separate: &Separate, whole: Span) {
        let what = "remove a separation";
        self.remove(whole, what);
        match &separate.what {
            SeparateWhat::Sides(first, second) => {
                self.patterns(first, whole, what);
                self.patterns(second, whole, what);
            }
            SeparateWhat::AnyOf(n, patterns) => {
                self.number(n);
                self.patterns(patterns, whole, what);
            }
        }
        if let Some(word) = &separate.resolve {
            let sides = matches!(separate.what, SeparateWhat::Sides(..));
            let other = match (word.text.as_str(), sides) {
                ("first", _) => "second",
                ("second", _) => "first",
                ("report", true) => "withhold both",
                ("report", false) => "withhold all",
                _ => return,
            };
            self.add(word.span, "resolve it otherwise", other);
        }
    }

    fn guard(&mut self, guard: &Guard, whole: Span) {
        self.remove(whole, "remove a guard");
        match guard {
            Guard::Effects { limit, .. } => {
                let amounts: Vec<String> = limit.amounts.iter().map(|a| self.scaled(a, 2, 1)).collect();
                let text = match amounts.as_slice() {
                    [one] => one.clone(),
                    several => format!("max({})", several.join(", ")),
                };
                self.add(limit.span, "loosen a guard", text);
            }
            Guard::Rows { at_least, .. } => {
                let text = self.scaled(at_least, 1, 2);
                self.add(at_least.span, "loosen a guard", text);
            }
            Guard::Empty { at_most, .. } => {
                let text = self.scaled(at_most, 2, 1);
                self.add(at_most.span, "loosen a guard", text);
            }
            Guard::Age { at_most, .. } => self.expr(at_most),
        }
    }

    /// An amount, so many times as much.
    fn scaled(&self, amount: &Amount, times: i64, by: i64) -> String {
        let text = self.text(amount.span);
        let number = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let whole = amount.value.0.saturating_mul(times) / by;
        // A count has no places.
        let value = if amount.percent { whole } else { whole - whole % Decimal::ONE.0 };
        let value = Decimal(value).to_string();
        format!("{}{number}", value.strip_suffix(".0").unwrap_or(&value))
    }

    fn federation(&mut self, federation: &Federation) {
        federation.when.iter().for_each(|c| self.whole(c));
        for field in &federation.fields {
            match field {
                FederationField::Assign(assign) => match (assign.name.text.as_str(), &assign.value.kind) {
                    ("domains", ExprKind::List(domains)) if domains.len() > 1 => {
                        let spans: Vec<Span> = domains.iter().map(|d| d.span).collect();
                        self.remove_one(assign.value.span, &spans, "drop a value");
                    }
                    ("domains" | "sponsor", _) => self.remove(assign.span, "remove a clause"),
                    // They are for signing on, or say what the domains are held against.
                    _ => {}
                },
                FederationField::Admit { when, span } => {
                    self.remove(*span, "remove a clause");
                    self.whole(when);
                }
                FederationField::Expires { span, after, from } => {
                    self.remove(*span, "remove a clause");
                    self.expr(after);
                    self.expr(from);
                }
                FederationField::Until { span, until } => {
                    self.remove(*span, "remove a clause");
                    self.expr(&until.date);
                }
                FederationField::Maps { .. } => {}
            }
        }
    }

    /// A part of a block with the comma behind it.
    fn with_comma(&self, span: Span) -> Span {
        let text = &self.policy.sources().get(span.source).text;
        let rest = text.get(span.end as usize..).unwrap_or("");
        let blank = rest.len() - rest.trim_start().len();
        if rest[blank..].starts_with(',') { Span { end: span.end + blank as u32 + 1, ..span } } else { span }
    }

    /// Takes a clause away, its word included.
    fn clause(&mut self, whole: Span, value: Span, word: &str) {
        let before = self.text(Span { end: value.start, ..whole });
        let Some(at) = before.rfind(word) else { return };
        self.remove(Span { start: whole.start + at as u32, ..value }, "remove a clause");
    }

    /// Takes one of a list away, or all that it is in where it is the only one.
    fn remove_one(&mut self, whole: Span, spans: &[Span], what: &'static str) {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return };
        if spans.len() == 1 {
            return self.remove(whole, what);
        }
        for left_out in spans {
            let rest: Vec<&str> = spans.iter().filter(|s| *s != left_out).map(|s| self.text(*s)).collect();
            let text = rest.join(", ");
            self.add(first.to(*last), what, text);
        }
    }

    /// One more.
    fn number(&mut self, e: &Expr) {
        if let ExprKind::Int(n) = &e.kind {
            self.add(e.span, "change a number", n.saturating_add(1).to_string());
        }
    }
}
