//! Texts: which tests are put to one text, what they say of each other, and a text that passes some and fails others.
//! Invariant: a test means what `prov_model` says; what is not known of two tests is left open, never guessed.

use crate::sat::{Lit, Sat};
use prov_model::{CompareOp, Pattern, Text, TextOp, Value, fold, nfc};
use std::collections::BTreeMap;

/// A text in the making: something unknown between two constants. Its value is a `text` where it folds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Form {
    pub before: String,
    pub term: u32,
    pub after: String,
    pub folds: bool,
}

/// A test of a text.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// `== c`
    Is(Value<'static>),
    /// `< c`, `<= c`
    Order(CompareOp, Value<'static>),
    /// `contains c` and its like.
    Holds(TextOp, Value<'static>),
    Matches(Pattern),
    /// As a value of an entitlement: the spelling, folded where the kind folds, is this.
    Spelled {
        folds: bool,
        value: String,
    },
    /// As a value of an entitlement: the spelling matches.
    Covered {
        folds: bool,
        pattern: Pattern,
    },
    /// Nothing but blanks.
    Blank,
}

impl Form {
    fn value(&self, spelled: &str) -> Value<'static> {
        let whole = format!("{}{spelled}{}", self.before, self.after);
        if self.folds { Value::text(whole) } else { Value::str(whole) }
    }

    fn is_whole(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

impl Test {
    /// What it says of a value.
    pub(crate) fn holds(&self, value: &Value<'_>) -> bool {
        let spelled = value.spelling().unwrap_or("");
        match self {
            Test::Is(c) => prov_model::equal(value, c),
            Test::Order(op, c) => op.holds(prov_model::compare(value, c)),
            Test::Holds(op, c) => prov_model::text_op(*op, value, c),
            Test::Matches(pattern) => pattern.matches(value),
            Test::Spelled { folds, value } => as_compared(spelled, *folds) == *value,
            Test::Covered { folds, pattern } => pattern.matches_str(&as_compared(spelled, *folds)),
            Test::Blank => spelled.trim().is_empty(),
        }
    }

    /// What it says of every text that folds to this, where that is all it looks at.
    fn of_folded(&self, form: &Form, folded: &str) -> Option<bool> {
        if !form.is_whole() {
            return None;
        }
        let value = Value::Text(Text { spelled: folded.to_owned().into(), folded: folded.to_owned().into() });
        match self {
            Test::Spelled { folds: true, value } => Some(value == folded),
            Test::Covered { folds: true, pattern } => Some(pattern.matches_str(folded)),
            // What folds to nothing need not be blank.
            Test::Blank => (!folded.is_empty()).then_some(false),
            Test::Is(c) | Test::Order(_, c) | Test::Holds(_, c)
                if form.folds || matches!(c, Value::Text(_)) =>
            {
                Some(self.holds(&value))
            }
            Test::Matches(pattern) if form.folds && pattern.folded => Some(self.holds(&value)),
            Test::Is(_)
            | Test::Order(..)
            | Test::Holds(..)
            | Test::Matches(_)
            | Test::Spelled { .. }
            | Test::Covered { .. } => None,
        }
    }

    /// The constant in it, folded where only the folded form counts.
    fn constant(&self, folds: bool) -> Option<String> {
        let c = match self {
            Test::Is(c) | Test::Order(_, c) | Test::Holds(_, c) => c,
            Test::Spelled { value, .. } => return Some(value.clone()),
            Test::Matches(_) | Test::Covered { .. } | Test::Blank => return None,
        };
        Some(match c {
            Value::Text(t) => t.folded.clone().into_owned(),
            c if folds => fold(c.spelling().unwrap_or("")).into_owned(),
            c => c.spelling().unwrap_or("").to_owned(),
        })
    }

    /// Whether it looks at the folded form only.
    fn folded(&self, form: &Form) -> bool {
        match self {
            Test::Is(c) | Test::Order(_, c) | Test::Holds(_, c) => form.folds || matches!(c, Value::Text(_)),
            Test::Matches(p) => form.folds || p.folded,
            Test::Spelled { folds, .. } | Test::Covered { folds, .. } => *folds,
            Test::Blank => false,
        }
    }

    /// The same test in the one way in which it is kept, where there are several.
    fn normal(self, form: &Form, composed: bool) -> (Form, Test) {
        if !form.is_whole() {
            return (form.clone(), self);
        }
        let form = Form { folds: self.folded(form), ..form.clone() };
        let test = match self {
            Test::Spelled { folds: true, value } => {
                let value = Text { spelled: value.clone().into(), folded: value.into() };
                Test::Is(Value::Text(value))
            }
            // What is in composed form already is its own spelling.
            Test::Spelled { folds: false, value } if composed => Test::Is(Value::str(value)),
            other => other,
        };
        (form, test)
    }

    /// Tests of one form that mean the same have the same name.
    fn name(&self, form: &Form) -> String {
        let folded = self.folded(form);
        let constant = self.constant(folded).unwrap_or_default();
        let view = if folded { "folded" } else { "exact" };
        match self {
            Test::Is(_) => format!("is {view} {constant}"),
            Test::Spelled { folds, .. } => format!("spelled {folds} {constant}"),
            Test::Order(op, _) => format!("{} {view} {constant}", op.symbol()),
            Test::Holds(op, _) => format!("{} {view} {constant}", op.symbol()),
            Test::Matches(p) => format!("matches {} {view} {}", p.is_regex, p.source),
            Test::Covered { folds, pattern: p } => {
                format!("covered {folds} {} {} {}", p.is_regex, p.folded, p.source)
            }
            Test::Blank => "blank".into(),
        }
    }
}

/// A spelling as entitlements compare it.
fn as_compared(spelled: &str, folds: bool) -> String {
    let spelled = nfc(spelled);
    if folds { fold(&spelled).into_owned() } else { spelled.into_owned() }
}

struct Atom {
    form: Form,
    test: Test,
    lit: Lit,
}

/// All tests of one unknown text.
#[derive(Default)]
pub(crate) struct Texts {
    by_name: BTreeMap<(Form, String), usize>,
    atoms: Vec<Atom>,
    /// Whether it is known to be in composed form (NFC), as every value that was read is.
    composed: bool,
}

impl Texts {
    pub(crate) fn new(composed: bool) -> Texts {
        Texts { composed, ..Texts::default() }
    }

    /// The literal that says what a test says of the text.
    pub(crate) fn test(&mut self, sat: &mut Sat, form: &Form, test: Test) -> Lit {
        if impossible(form, &test) {
            return Lit::FALSE;
        }
        let (form, test) = test.normal(form, self.composed);
        let name = (form.clone(), test.name(&form));
        if let Some(known) = self.by_name.get(&name) {
            return self.atoms[*known].lit;
        }
        let lit = sat.fresh();
        self.by_name.insert(name, self.atoms.len());
        self.atoms.push(Atom { form: form.clone(), test: test.clone(), lit });
        if let Some((whole, inner)) = self.inner(&form, &test) {
            let inner = self.test(sat, &whole, inner);
            sat.implies(lit, inner);
        }
        lit
    }

    /// `"dept-" + x` is `"dept-hr"` only where `x` is `"hr"`. Among letters of ASCII, which never grow together with
    /// what stands beside them without ceasing to be ASCII.
    fn inner(&self, form: &Form, test: &Test) -> Option<(Form, Test)> {
        if form.is_whole() || !matches!(test, Test::Is(_) | Test::Spelled { .. }) {
            return None;
        }
        let (folded, value) = (test.folded(form), test.constant(test.folded(form))?);
        if !form.before.is_ascii() || !form.after.is_ascii() || !value.is_ascii() {
            return None;
        }
        let (before, after) = ends(form, folded);
        let rest = value.strip_prefix(&before)?.strip_suffix(&after)?;
        let whole = Form { before: String::new(), term: form.term, after: String::new(), folds: form.folds };
        if folded {
            // Outer blanks of the part are inner ones of the whole.
            let whole = Form { folds: true, ..whole };
            return Some((whole, Test::Is(Value::text(rest.trim().to_owned()))));
        }
        // Texts that are not in composed form may come to be `rest` only by being joined.
        (self.composed && !form.folds).then(|| (whole, Test::Is(Value::str(rest.to_owned()))))
    }

    /// The tests and their literals.
    pub(crate) fn lits(&self) -> impl Iterator<Item = Lit> {
        self.atoms.iter().map(|a| a.lit)
    }

    /// The text between two constants at which the tests hold that hold in the model, where one is found.
    pub(crate) fn find(&self, sat: &Sat, wishes: &[&str]) -> Option<String> {
        let fits = |s: &str| {
            let s = nfc(s);
            self.atoms.iter().all(|a| a.test.holds(&a.form.value(&s)) == sat.holds(a.lit))
        };
        self.candidates(sat, wishes).into_iter().find(|s| fits(s)).map(|s| nfc(&s).into_owned())
    }

    fn candidates(&self, sat: &Sat, wishes: &[&str]) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let (mut starts, mut ends_with, mut holds) = (vec![String::new()], vec![String::new()], vec![]);
        for atom in &self.atoms {
            let folded = atom.test.folded(&atom.form);
            let (before, after) = ends(&atom.form, folded);
            let Some(c) = atom.test.constant(false).or_else(|| literal(&atom.test)) else { continue };
            let part = c.strip_prefix(&before).and_then(|c| c.strip_suffix(&after));
            let part = part.unwrap_or(&c).to_owned();
            if !sat.holds(atom.lit) {
                // Just beside a constant are those who nearly pass.
                out.extend([format!("{part}x"), part.to_uppercase(), format!("{part} ")]);
                continue;
            }
            match &atom.test {
                Test::Holds(TextOp::StartsWith, _) => starts.push(part.clone()),
                Test::Holds(TextOp::EndsWith, _) => ends_with.push(part.clone()),
                Test::Holds(TextOp::Contains, _) => holds.push(part.clone()),
                Test::Order(..) => out.extend([format!("{part}!"), "!".into(), "~".into()]),
                Test::Is(_)
                | Test::Matches(_)
                | Test::Spelled { .. }
                | Test::Covered { .. }
                | Test::Blank => {}
            }
            out.insert(0, part);
        }
        let middle = holds.concat();
        let longest = |list: &[String]| list.iter().max_by_key(|s| s.len()).cloned().unwrap_or_default();
        let (start, end) = (longest(&starts), longest(&ends_with));
        let mut tries: Vec<String> = wishes.iter().map(|w| (*w).to_owned()).collect();
        tries.extend([format!("{start}{middle}{end}"), format!("{start}x{middle}x{end}")]);
        tries.extend(out);
        tries.extend(["x", "y", "z1", "A", "0", "é"].map(str::to_owned));
        tries.extend((0..20).map(|n| format!("{start}{middle}value{n}{end}")));
        tries.extend(wishes.iter().map(|w| format!("{w}-{}", wishes.len())));
        tries.extend([String::new(), " ".into()]);
        tries
    }

    /// What the tests say of each other.
    pub(crate) fn lemmas(&self, sat: &mut Sat) {
        let mut families: BTreeMap<(&Form, bool, u8), BTreeMap<String, Lit>> = BTreeMap::new();
        for a in &self.atoms {
            let folded = a.test.folded(&a.form);
            let kind = match &a.test {
                Test::Is(_) => 0,
                Test::Spelled { .. } => 1,
                Test::Order(..) | Test::Holds(..) | Test::Matches(_) | Test::Covered { .. } | Test::Blank => {
                    continue;
                }
            };
            let constant = a.test.constant(folded).unwrap_or_default();
            families.entry((&a.form, folded, kind)).or_default().insert(constant, a.lit);
        }
        for family in families.values() {
            sat.at_most_one(&family.values().copied().collect::<Vec<_>>());
        }
        let rest: Vec<&Atom> = self.atoms.iter().filter(|a| a.point().is_none()).collect();
        for point in &self.atoms {
            match point.point() {
                None => {}
                // The text is known.
                Some((false, c)) => {
                    for other in &self.atoms {
                        if let Some((false, _)) = other.point() {
                            continue;
                        }
                        let holds = other.test.holds(&other.form.value(&c));
                        sat.implies(point.lit, other.lit.sign(holds));
                    }
                }
                // Its folded form is.
                Some((true, c)) => {
                    for other in &rest {
                        if let Some(holds) = other.test.of_folded(&other.form, &c) {
                            sat.implies(point.lit, other.lit.sign(holds));
                        }
                    }
                }
            }
        }
        self.parts(sat);
    }

    /// Beginnings, ends and parts that hold, or exclude, one another.
    fn parts(&self, sat: &mut Sat) {
        let parts: Vec<(&Atom, TextOp, bool, String)> = self
            .atoms
            .iter()
            .filter_map(|a| match &a.test {
                Test::Holds(op, _) if a.form.is_whole() => {
                    let folded = a.test.folded(&a.form);
                    Some((a, *op, folded, a.test.constant(folded)?))
                }
                _ => None,
            })
            .collect();
        for (i, (a, op, folded, c)) in parts.iter().enumerate() {
            for (j, (b, other_op, other_folded, d)) in parts.iter().enumerate() {
                if i == j || folded != other_folded {
                    continue;
                }
                let follows = match (op, other_op) {
                    (TextOp::StartsWith, TextOp::StartsWith) => c.starts_with(d.as_str()),
                    (TextOp::EndsWith, TextOp::EndsWith) => c.ends_with(d.as_str()),
                    (_, TextOp::Contains) => c.contains(d.as_str()),
                    (TextOp::StartsWith | TextOp::EndsWith | TextOp::Contains, _) => false,
                };
                if follows {
                    sat.implies(a.lit, b.lit);
                }
                let excludes = match (op, other_op) {
                    (TextOp::StartsWith, TextOp::StartsWith) => {
                        !c.starts_with(d.as_str()) && !d.starts_with(c.as_str())
                    }
                    (TextOp::EndsWith, TextOp::EndsWith) => {
                        !c.ends_with(d.as_str()) && !d.ends_with(c.as_str())
                    }
                    (TextOp::StartsWith | TextOp::EndsWith | TextOp::Contains, _) => false,
                };
                if excludes && i < j {
                    sat.clause(&[!a.lit, !b.lit]);
                }
            }
        }
    }
}

impl Atom {
    /// The one text (or, with `true`, the one folded form) at which it holds.
    fn point(&self) -> Option<(bool, String)> {
        let folded = self.test.folded(&self.form);
        match &self.test {
            Test::Is(_) if self.form.is_whole() => Some((folded, self.test.constant(folded)?)),
            Test::Is(_)
            | Test::Order(..)
            | Test::Holds(..)
            | Test::Matches(_)
            | Test::Spelled { .. }
            | Test::Covered { .. }
            | Test::Blank => None,
        }
    }
}

/// The constants around the unknown, as they are compared.
fn ends(form: &Form, folded: bool) -> (String, String) {
    if !folded {
        return (form.before.clone(), form.after.clone());
    }
    // Blanks between the constant and the unknown stand in the middle of the whole and stay.
    let before = form.before.trim_start().to_lowercase();
    let after = form.after.trim_end().to_lowercase();
    (before, after)
}

/// The constant text of a pattern without wild cards, more or less: a start for a search.
fn literal(test: &Test) -> Option<String> {
    match test {
        Test::Matches(p) | Test::Covered { pattern: p, .. } => {
            Some(p.source.chars().filter(|c| !"*?^$.\\()[]|+".contains(*c)).collect())
        }
        Test::Is(_) | Test::Order(..) | Test::Holds(..) | Test::Spelled { .. } | Test::Blank => None,
    }
}

/// Whether no text passes a test, whatever stands for the unknown, by its constant ends.
fn impossible(form: &Form, test: &Test) -> bool {
    if form.is_whole() {
        return false;
    }
    if let Test::Blank = test {
        return !form.before.trim().is_empty() || !form.after.trim().is_empty();
    }
    let folded = test.folded(form);
    let equality = matches!(test, Test::Is(_) | Test::Spelled { .. });
    let Some(value) = test.constant(folded).filter(|_| equality) else { return false };
    if !form.before.is_ascii() || !form.after.is_ascii() {
        return false;
    }
    let (mut before, mut after) = ends(form, folded);
    if folded {
        // Beside an unknown that is blank, these are outer blanks.
        before.truncate(before.trim_end().len());
        after = after.trim_start().to_owned();
    }
    // The letter that the unknown touches may grow together with it.
    let before = before.get(..before.len().saturating_sub(1)).unwrap_or("");
    !value.starts_with(before) || !value.ends_with(&after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sat::Found;

    fn form(before: &str, after: &str, folds: bool) -> Form {
        Form { before: before.into(), term: 0, after: after.into(), folds }
    }

    fn is(s: &str) -> Test {
        Test::Is(Value::str(s.to_owned()))
    }

    fn texts() -> (Sat, Texts) {
        (Sat::new(10_000), Texts { composed: true, ..Texts::default() })
    }

    #[test]
    fn one_text_is_one_value() {
        let (mut sat, mut t) = texts();
        let whole = form("", "", false);
        let sales = t.test(&mut sat, &whole, is("Sales"));
        let hr = t.test(&mut sat, &whole, is("HR"));
        let s = t.test(&mut sat, &whole, Test::Holds(TextOp::StartsWith, Value::str("Sa")));
        let folded = t.test(&mut sat, &whole, Test::Is(Value::text("sales")));
        t.lemmas(&mut sat);
        assert_eq!(sat.solve(&[sales, hr], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[sales, !s], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[sales, !folded], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[!sales, folded], 1_000), Found::Model);
        let found = t.find(&sat, &[]).expect("a text that is sales only when folded");
        assert_ne!(found, "Sales");
        assert_eq!(fold(&found), "sales");
    }

    #[test]
    fn constants_around_the_unknown() {
        let (mut sat, mut t) = texts();
        let dept = form("dept-", "", false);
        let spelled = |v: &str, folds| Test::Spelled { folds, value: v.to_owned() };
        assert_eq!(t.test(&mut sat, &dept, spelled("team-hr", true)), Lit::FALSE);
        let hr = t.test(&mut sat, &dept, spelled("dept-hr", false));
        let x_is_sales = t.test(&mut sat, &form("", "", false), is("sales"));
        let folded = t.test(&mut sat, &form("dept-", "", true), spelled("dept-hr", true));
        t.lemmas(&mut sat);
        assert_eq!(sat.solve(&[hr, x_is_sales], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[folded, x_is_sales], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[hr], 1_000), Found::Model);
        assert_eq!(t.find(&sat, &[]).as_deref(), Some("hr"));
    }

    #[test]
    fn beginnings_exclude_each_other() {
        let (mut sat, mut t) = texts();
        let whole = form("", "", true);
        let starts = |s: &str| Test::Holds(TextOp::StartsWith, Value::str(s.to_owned()));
        let a = t.test(&mut sat, &whole, starts("SDE"));
        let b = t.test(&mut sat, &whole, starts("Sales"));
        let c = t.test(&mut sat, &whole, starts("s"));
        t.lemmas(&mut sat);
        assert_eq!(sat.solve(&[a, b], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[a, !c], 1_000), Found::Nothing);
        assert_eq!(sat.solve(&[a, c, !b], 1_000), Found::Model);
        assert!(t.find(&sat, &[]).is_some());
    }
}
