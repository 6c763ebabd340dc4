//! Guests of partners: whose they are, and who is out (items.md, "federation").
//! Invariant: a reason that can't be known puts nobody out and lets nobody in: the whole can't be known.

use crate::decide::leaver;
use crate::eval::{Eval, Res, Scope, Stop, bug};
use crate::facts::{either, known};
use crate::good::recalling;
use crate::value::Value;
use prov_syntax::ast::{Expr, ExprKind, Federation, FederationField, StrPart};
use std::cmp::Ordering;
use unicode_normalization::UnicodeNormalization;

/// The federation that has someone out, and why, in the words and the order of plan.md.
pub(crate) type Reason<'a> = (Option<&'a str>, Vec<&'static str>);

/// The words of plan.md, in its order.
const WORDS: [&str; 5] = [
    "not admitted",
    "nobody answers for them",
    "the sponsor has left",
    "their time is over",
    "the partnership is over",
];

impl<'a> Eval<'_, 'a> {
    /// Whether someone is out; none where that can't be known.
    pub(crate) fn is_out(&self, person: usize) -> Res<Option<bool>> {
        let (mut out, mut theirs) = (Some(false), Some(false));
        let mut any = false;
        for federation in self.federations(person) {
            any = true;
            let of_it = self.is_theirs(federation, person)?;
            theirs = either(theirs, of_it);
            if of_it == Some(false) {
                continue;
            }
            let mut reason = Some(false);
            for (_, holds) in self.reasons(federation, person)? {
                reason = either(reason, holds);
            }
            // Both: it is theirs, and it puts them out.
            out = either(out, not(either(not(of_it), not(reason))));
        }
        Ok(if any { either(out, not(theirs)) } else { Some(false) })
    }

    /// All that is known to put someone out; of who is out by what was read of them last, by that.
    pub(crate) fn out_by(&self, person: usize) -> Res<Vec<Reason<'a>>> {
        let unknown = self.recalls.is_none() && self.has_unknown_state(person)?;
        if let Some(recalling) = recalling(self.world, person).filter(|_| unknown) {
            return recalling.out_by(person);
        }
        let mut found = Vec::new();
        let mut theirs = Some(false);
        let mut any = false;
        for federation in self.federations(person) {
            any = true;
            let of_it = self.is_theirs(federation, person)?;
            theirs = either(theirs, of_it);
            if of_it == Some(true) {
                let reasons = self.reasons(federation, person)?;
                let holds = |word: &&str| reasons.iter().any(|r| r.0 == *word && r.1 == Some(true));
                let why: Vec<&str> = WORDS.iter().copied().filter(holds).collect();
                if !why.is_empty() {
                    found.push((Some(federation.name.text.as_str()), why));
                }
            }
        }
        if any && theirs == Some(false) {
            found.push((None, vec!["no federation is theirs"]));
        }
        Ok(found)
    }

    fn federations(&self, person: usize) -> Vec<&'a Federation> {
        let of = &self.world.people[person].of;
        self.world.policy.federations.iter().copied().filter(|f| f.of.text == *of).collect()
    }

    fn is_theirs(&self, federation: &'a Federation, person: usize) -> Res<Option<bool>> {
        let (_, scope) = self.me(person);
        let when = federation.when.as_ref().map_or(Ok(Some(true)), |c| known(self.holds(c, &scope)))?;
        if when == Some(false) {
            return Ok(Some(false));
        }
        let (Some(address), Some(domains)) = (given(federation, "address"), given(federation, "domains"))
        else {
            return Ok(when);
        };
        let at = known(self.at_one(address, domains, &scope))?;
        Ok(not(either(not(when), not(at))))
    }

    fn at_one(&self, address: &'a Expr, domains: &'a Expr, scope: &Scope<'a>) -> Res<bool> {
        let (Value::Str(address) | Value::Text(address)) = self.eval(address, scope, None)? else {
            return bug("an address that is no text");
        };
        let ExprKind::List(domains) = &domains.kind else { return bug("domains that are no list") };
        let home = home_domain(&address);
        let at = |domain: &Expr| {
            let ExprKind::Str(parts) = &domain.kind else { return false };
            let [StrPart::Text(domain)] = parts.as_slice() else { return false };
            match domain.trim().strip_prefix("*.") {
                Some(above) => home.ends_with(&format!(".{}", compared(above))),
                None => home == compared(domain),
            }
        };
        Ok(domains.iter().any(at))
    }

    /// What could put a guest of a federation out, and whether it does.
    fn reasons(&self, federation: &'a Federation, person: usize) -> Res<Vec<(&'static str, Option<bool>)>> {
        let (_, scope) = self.me(person);
        let mut out = Vec::new();
        for field in &federation.fields {
            match field {
                FederationField::Assign(a) if a.name.text == "sponsor" => {
                    let sponsor = self.eval(&a.value, &scope, None);
                    let nobody = sponsor.clone().map(|s| matches!(s, Value::Absent));
                    out.push(("nobody answers for them", known(nobody)?));
                    let left = sponsor.and_then(|s| match s {
                        // Of a type without such a state nobody leaves, whatever can't be known.
                        Value::Person(who) if !self.may_leave(who) => Ok(false),
                        Value::Person(who) => {
                            let state = self.state(who)?;
                            Ok(self.state_def(who, state).is_some_and(leaver))
                        }
                        _ => Ok(false),
                    });
                    out.push(("the sponsor has left", known(left)?));
                }
                FederationField::Assign(_) | FederationField::Maps { .. } => {}
                FederationField::Admit { when, .. } => {
                    out.push(("not admitted", not(known(self.holds(when, &scope))?)));
                }
                FederationField::Expires { after, from, .. } => {
                    let end = self.eval(from, &scope, None).and_then(|from| {
                        let after = self.eval(after, &scope, None)?;
                        self.added(&from, &after, false)
                    });
                    let over = end.and_then(|end| self.ahead(&end)).map(Ordering::is_le);
                    out.push(("their time is over", known(over)?));
                }
                FederationField::Until { until, .. } => {
                    let end = self.eval(&until.date, &scope, None);
                    let over = end
                        .and_then(|end| self.ahead(&end))
                        .map(|o| if until.inclusive { o.is_lt() } else { o.is_le() });
                    out.push(("the partnership is over", known(over)?));
                }
            }
        }
        Ok(out)
    }

    fn may_leave(&self, person: usize) -> bool {
        let of = self.world.people[person].of.as_str();
        self.world.policy.lifecycles.get(of).is_some_and(|(_, states)| states.iter().any(leaver))
    }

    /// How a day or an instant lies to the moment.
    fn ahead(&self, time: &Value) -> Res<Ordering> {
        match time {
            Value::Date(d) => Ok(d.cmp(&self.world.today)),
            Value::Instant(i) => Ok(i.cmp(&self.world.now)),
            // What its `when` would have settled, had that been known.
            Value::Absent => Err(Stop::Unknown),
            _ => bug("an end that is no time"),
        }
    }
}

fn not(answer: Option<bool>) -> Option<bool> {
    answer.map(|a| !a)
}

fn given<'a>(federation: &'a Federation, name: &str) -> Option<&'a Expr> {
    federation.fields.iter().find_map(|f| match f {
        FederationField::Assign(a) if a.name.text == name => Some(&a.value),
        _ => None,
    })
}

/// The domain of an address as domains compare; empty where it has none.
pub(crate) fn home_domain(address: &str) -> String {
    match address.trim().rfind('@') {
        Some(at) => compared(&address.trim()[at + 1..]),
        None => String::new(),
    }
}

fn compared(domain: &str) -> String {
    let small = small(domain.trim());
    let mut labels: Vec<String> = small.split('.').map(str::to_owned).collect();
    while labels.len() > 1 && labels.last().is_some_and(String::is_empty) {
        labels.pop();
    }
    for label in &mut labels {
        if let Some(spelled) = label.strip_prefix("xn--").and_then(unpunycoded)
            && !spelled.is_ascii()
            && self::small(&spelled) == spelled
        {
            *label = spelled;
        }
    }
    labels.join(".")
}

/// Compatible letters as one, in small letters, letter by letter.
fn small(text: &str) -> String {
    let compatible: String = text.nfkc().collect();
    let small: String = compatible.chars().flat_map(char::to_lowercase).collect();
    small.nfkc().collect::<String>().replace('\u{3002}', ".")
}

/// What the rest of a label behind `xn--` spells (RFC 3492, section 6.2); none where it spells nothing.
fn unpunycoded(label: &str) -> Option<String> {
    let (mut output, input): (Vec<char>, &str) = match label.rfind('-') {
        Some(at) => (label[..at].chars().collect(), &label[at + 1..]),
        None => (Vec::new(), label),
    };
    let (mut code, mut index, mut bias): (i64, i64, i64) = (128, 0, 72);
    let mut rest = input.chars().peekable();
    while rest.peek().is_some() {
        let before = index;
        let (mut weight, mut k): (i64, i64) = (1, 36);
        loop {
            let digit = match rest.next()? {
                c @ 'a'..='z' => i64::from(u32::from(c) - u32::from('a')),
                c @ '0'..='9' => i64::from(u32::from(c) - u32::from('0')) + 26,
                _ => return None,
            };
            index = index.checked_add(digit.checked_mul(weight)?)?;
            let t = if k <= bias { 1 } else { (k - bias).min(26) };
            if digit < t {
                break;
            }
            weight = weight.checked_mul(36 - t)?;
            k += 36;
        }
        if index > i64::from(u32::MAX) {
            return None;
        }
        let length = output.len() as i64 + 1;
        let mut delta = if before == 0 { (index - before) / 700 } else { (index - before) / 2 };
        delta += delta / length;
        let mut steps = 0;
        while delta > 455 {
            delta /= 35;
            steps += 36;
        }
        bias = steps + 36 * delta / (delta + 38);
        code += index / length;
        index %= length;
        output.insert(usize::try_from(index).ok()?, char::from_u32(u32::try_from(code).ok()?)?);
        index += 1;
    }
    Some(output.into_iter().collect())
}
