//! What people decided by hand: the built-in tables (files.md, "Assignments" and "Exceptions"; items.md, "Exceptions").
//! Invariant: a row that can't be read does nothing but hold whom it names.

use crate::calendar::{read_date, read_instant};
use crate::entitlement::{compared, join};
use crate::instances::Inst;
use crate::policy::declared;
use crate::value::nfc;
use crate::world::{Rejected, World};
use prov_model::{Assignment, Exception, RawCell, RawRow, RawTable, TimePoint};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Both tables.
#[derive(Default)]
pub(crate) struct Hand {
    pub assignments: Vec<Assignment>,
    pub exceptions: Vec<Exception>,
    /// Whom rows name that can't be read.
    pub unreadable: BTreeSet<String>,
    /// Whom rows name that can't be read and may be an `allow`, with what they name, as far as that can be read.
    pub perhaps: Vec<(String, Option<String>)>,
    pub rejected: Vec<Rejected>,
}

/// What an exception names.
pub(crate) enum Named {
    /// A role, or one instance of it.
    Role(String, Option<Inst>),
    /// App, kind and the value as it is compared.
    Entitlement(String, String, String),
    /// Rules, by reason or name.
    Rules,
}

struct Row<'r> {
    raw: &'r RawTable,
    row: RawRow<'r>,
}

impl Row<'_> {
    /// A cell without outer blanks; an empty one is not there.
    fn text(&self, column: &str) -> Result<Option<String>, ()> {
        match self.raw.column(column).map(|at| self.row.cell(at)) {
            None | Some(RawCell::Absent) => Ok(None),
            Some(RawCell::Text(t)) => Ok(Some(nfc(t.trim())).filter(|t| !t.is_empty())),
            Some(RawCell::Json(t)) if t.starts_with(['[', '{']) => Err(()),
            Some(RawCell::Json(t)) => Ok(Some(t.to_owned())),
        }
    }

    fn needed(&self, column: &str) -> Result<String, ()> {
        self.text(column)?.ok_or(())
    }

    fn moment(&self, column: &str) -> Result<Option<TimePoint>, ()> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        let day = read_date(&text).map(TimePoint::Day);
        day.or_else(|| read_instant(&text).map(TimePoint::Instant)).map(Some).ok_or(())
    }

    fn origin(&self) -> (Arc<str>, u64) {
        (Arc::from(self.raw.file.as_str()), self.row.line())
    }

    fn assignment(&self) -> Result<Assignment, ()> {
        Ok(Assignment {
            identity: self.needed("identity")?,
            role: self.needed("role")?,
            args: crate::instances::arguments(self.text("args")?),
            from: self.moment("from")?,
            until: self.moment("until")?,
            granted_by: self.text("granted_by")?,
            ticket: self.text("ticket")?,
            origin: self.origin(),
        })
    }

    fn exception(&self) -> Result<Exception, ()> {
        Ok(Exception {
            identity: self.needed("identity")?,
            allow: match self.needed("effect")?.as_str() {
                "allow" => true,
                "deny" => false,
                _ => return Err(()),
            },
            what: self.needed("what")?,
            until: self.moment("until")?.ok_or(())?,
            reason: self.needed("reason")?,
            ticket: self.text("ticket")?,
            origin: self.origin(),
        })
    }
}

impl Hand {
    pub(crate) fn read(assignments: &RawTable, exceptions: &RawTable) -> Result<Hand, String> {
        let mut hand = Hand::default();
        hand.assignments = hand.rows(assignments, &["identity", "role"], |r| r.assignment())?;
        let needed = ["identity", "effect", "what", "until", "reason"];
        hand.exceptions = hand.rows(exceptions, &needed, |r| r.exception())?;
        for row in exceptions.rows() {
            let row = Row { raw: exceptions, row };
            let cell = |column| row.text(column).ok().flatten();
            if row.exception().is_err()
                && cell("effect").is_none_or(|e| e != "deny")
                && let Some(id) = cell("identity")
            {
                hand.perhaps.push((id, cell("what")));
            }
        }
        Ok(hand)
    }

    fn rows<T>(
        &mut self,
        raw: &RawTable,
        needed: &[&str],
        read: fn(&Row<'_>) -> Result<T, ()>,
    ) -> Result<Vec<T>, String> {
        let mut out = Vec::new();
        if raw.is_empty() {
            return Ok(out);
        }
        if let Some(lacks) = needed.iter().find(|n| raw.column(n).is_none()) {
            return Err(format!("`{}` has no column `{lacks}`", raw.file));
        }
        for row in raw.rows() {
            let row = Row { raw, row };
            match read(&row) {
                Ok(one) => out.push(one),
                Err(()) => {
                    let id = row.text("identity").ok().flatten();
                    self.unreadable.extend(id.clone());
                    self.rejected.push(Rejected { id, file: raw.file.clone(), line: row.row.line() });
                }
            }
        }
        Ok(out)
    }
}

/// Blanks between words count as one, those around them as none.
fn spaced(s: &str) -> String {
    s.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands between parentheses, cut at the commas that are not within quotes.
pub(crate) fn listed(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut quoted, mut letters) = (vec![String::new()], false, text.chars());
    while let Some(c) = letters.next() {
        match c {
            ',' if !quoted => {
                parts.push(String::new());
                continue;
            }
            '"' => quoted = !quoted,
            _ => {}
        }
        let part = parts.last_mut()?;
        part.push(c);
        if c == '\\' && quoted {
            part.push(letters.next()?);
        }
    }
    let parts = parts.into_iter().map(|p| p.trim().to_owned()).collect::<Vec<_>>();
    (!quoted).then_some(parts).map(|p| if p.iter().all(String::is_empty) { Vec::new() } else { p })
}

/// A text between quotes as a policy has it (expressions.md, "Values"); what stands without quotes is as it is.
pub(crate) fn unquoted(written: &str) -> Option<String> {
    let Some(inner) = written.strip_prefix('"') else { return Some(written.to_owned()) };
    let inner = inner.strip_suffix('"')?;
    let (mut out, mut letters) = (String::new(), inner.chars());
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'u' => {
                    let code: String = letters.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    out.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32)?);
                }
                c @ ('"' | '\\') => out.push(c),
                _ => return None,
            },
            '{' | '}' => match letters.next() {
                Some(twice) if twice == c => out.push(c),
                _ => return None,
            },
            '"' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

impl<'a> World<'a> {
    /// What an exception names; none where there is no such thing for an identity type.
    pub(crate) fn what_names(&self, exception: &Exception, of: &str) -> Option<Named> {
        if exception.allow {
            let policy = &self.policy;
            let named = |because: Option<&str>, names: &[String]| {
                let asked = spaced(&exception.what);
                because.is_some_and(|b| spaced(b) == asked) || names.iter().any(|n| spaced(n) == asked)
            };
            let forbids = policy.forbids.iter().any(|f| named(f.because, &f.names));
            let separations =
                policy.separations.iter().any(|s| named(s.because, std::slice::from_ref(&s.name)));
            return (forbids || separations).then_some(Named::Rules);
        }
        let what = exception.what.trim();
        if !what.split('(').next().unwrap_or(what).contains('.') {
            let (rule, inst) = self.inst_named(what)?;
            let named = rule.is_role && rule.for_type.is_none_or(|t| t == of);
            return named.then(|| Named::Role(rule.name.to_owned(), inst));
        }
        let (head, inner) = match what.split_once('(') {
            Some((head, rest)) => (head, rest.strip_suffix(')')?.trim()),
            None => (what, ""),
        };
        let (app, kind) = head.rsplit_once('.')?;
        let (app, kind) = (app.trim(), kind.trim());
        let def = self.policy.app(app)?.kind(kind)?;
        let written = match def.types.len() {
            1 if !inner.starts_with('"') && !inner.is_empty() => vec![inner.to_owned()],
            _ => listed(inner)?,
        };
        if written.len() != def.types.len() {
            return None;
        }
        let mut values = Vec::new();
        for (text, ty) in written.iter().zip(&def.types) {
            values.push(nfc(&self.reading().scalar(&unquoted(text)?, ty)?.plain()));
        }
        Some(Named::Entitlement(app.to_owned(), kind.to_owned(), compared(def, &join(&values))))
    }

    /// The exceptions that act on an identity, with what they name.
    fn acting(&self, person: usize) -> impl Iterator<Item = (&Exception, Named)> {
        let one = &self.people[person];
        let of_person = self.hand.exceptions.iter().filter(|e| e.identity == one.id);
        of_person.filter(|e| !self.has_come(e.until)).filter_map(|e| Some((e, self.what_names(e, &one.of)?)))
    }

    /// The exceptions that deny someone a role, or an instance of one.
    pub(crate) fn denials_of_role(&self, person: usize, role: &Inst) -> Vec<&Exception> {
        let names = |n: &Named| match n {
            Named::Role(r, of) => *r == role.rule && of.as_ref().is_none_or(|of| of.key == role.key),
            Named::Entitlement(..) | Named::Rules => false,
        };
        self.acting(person).filter(|(_, n)| names(n)).map(|(e, _)| e).collect()
    }

    /// The exceptions that deny someone an entitlement.
    pub(crate) fn denials(&self, person: usize, app: &str, kind: &str, value: &str) -> Vec<&Exception> {
        // Of an app it speaks of all accounts in it.
        let names = |n: &Named| match n {
            Named::Entitlement(a, k, v) => {
                (a == app || a == declared(app)) && (k.as_str(), v.as_str()) == (kind, value)
            }
            Named::Role(..) | Named::Rules => false,
        };
        self.acting(person).filter(|(_, n)| names(n)).map(|(e, _)| e).collect()
    }

    /// Whether an exception denies someone an entitlement.
    pub(crate) fn denies(&self, person: usize, app: &str, kind: &str, value: &str) -> bool {
        !self.denials(person, app, kind, value).is_empty()
    }

    /// Whether a row that can't be read may suspend, for someone, a rule of a name and a reason (items.md, "Exceptions").
    pub(crate) fn may_suspend(&self, person: usize, name: &str, because: Option<&str>) -> bool {
        let policy = &self.policy;
        let names = |what: &str, name: &str, because: Option<&str>| {
            spaced(name) == spaced(what) || because.is_some_and(|b| spaced(b) == spaced(what))
        };
        let any = |what: &str| {
            policy.forbids.iter().any(|f| f.names.iter().any(|n| names(what, n, f.because)))
                || policy.separations.iter().any(|s| names(what, &s.name, s.because))
        };
        let of_person = self.hand.perhaps.iter().filter(|(id, _)| *id == self.people[person].id);
        of_person.into_iter().any(|(_, what)| match what {
            // A name that fits nothing may be where the error lies.
            Some(what) if any(what) => names(what, name, because),
            _ => true,
        })
    }

    /// Whether an exception suspends, for someone, a rule of a name and a reason.
    pub(crate) fn suspends(&self, person: usize, name: &str, because: Option<&str>) -> bool {
        self.acting(person).filter(|(e, _)| e.allow).any(|(e, _)| {
            let asked = spaced(&e.what);
            spaced(name) == asked || because.is_some_and(|b| spaced(b) == asked)
        })
    }
}
