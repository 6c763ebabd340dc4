//! An identity, its surroundings and a moment, read off a model.
//! Invariant: everything that it says is data that people could have written; whether it breaks the claim, an engine says.

use crate::encode::{Encoder, Row};
use crate::sat::Lit;
use crate::term::{Origin, Shape, Term};
use prov_model::{
    AppId, AttrId, Date, Decimal, Elapsed, IdentityId, Instant, KindId, TimePoint, Type, Value,
};

/// What is given of an attribute.
#[derive(Clone, Debug)]
pub enum Given {
    /// Nothing is asked of it: any value that its type allows.
    Any,
    /// It is absent.
    Absent,
    /// It is there, whatever it is.
    Something,
    /// This value.
    Value(Value<'static>),
}

/// Someone to whom a reference of the identity leads.
#[derive(Clone, Debug)]
pub struct Other {
    /// The reference.
    pub reference: AttrId,
    /// One an attribute.
    pub attributes: Vec<Given>,
}

/// A grant that memory keeps.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The rule, by position.
    pub rule: u32,
    /// The grant of it.
    pub grant: u32,
    /// The value, joined.
    pub value: String,
}

/// An identity for which the claim may fail.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its type.
    pub identity: IdentityId,
    /// One an attribute.
    pub attributes: Vec<Given>,
    /// Attributes without whose values the claim might hold; whatever the others are, it fails.
    pub matters: Vec<AttrId>,
    /// To whom its references lead.
    pub others: Vec<Other>,
    /// The inverses by which somebody refers to it, by number.
    pub referred: Vec<u32>,
    /// Whether sources have a row of it, for those that are asked for.
    pub sources: Vec<(u32, bool)>,
    /// When.
    pub at: TimePoint,
    /// Roles that it was given by hand, by position.
    pub assignments: Vec<u32>,
    /// Rules that exceptions suspend, by name or reason.
    pub allows: Vec<String>,
    /// Roles that exceptions deny, by position.
    pub denied_roles: Vec<u32>,
    /// Entitlements that exceptions deny.
    pub denies: Vec<(AppId, KindId, String)>,
    /// What is kept of the past.
    pub keeps: Vec<Kept>,
}

impl Encoder<'_> {
    /// The identity of the model that was found last; none where no text fits what is asked of one.
    pub(crate) fn candidate(&self) -> Option<Candidate> {
        let schema = &self.program.schema;
        let numbers = self.order.values(&self.sat);
        let fields = |of: IdentityId| vec![Given::Any; schema.identity(of).attributes.len()];
        let mut out = Candidate {
            identity: self.identity,
            attributes: fields(self.identity),
            matters: Vec::new(),
            others: Vec::new(),
            referred: Vec::new(),
            sources: Vec::new(),
            at: TimePoint::Day(Date::from_ymd(2026, 1, 1)?),
            assignments: Vec::new(),
            allows: Vec::new(),
            denied_roles: Vec::new(),
            denies: Vec::new(),
            keeps: Vec::new(),
        };
        for term in &self.terms {
            let Origin::Own(attr) = term.origin else { continue };
            let given = self.given(term, self.identity, attr, &numbers)?;
            let there = matches!(given, Given::Something | Given::Value(_));
            out.attributes[attr.index()] = given;
            let ty = &schema.identity(self.identity).attributes[attr.index()].ty;
            if let (true, Type::Identity(of)) = (there, ty.required()) {
                out.others.push(Other { reference: attr, attributes: fields(*of) });
            }
        }
        for term in &self.terms {
            let Origin::Of(reference, attr) = term.origin else { continue };
            let ty = &schema.identity(self.identity).attributes[reference.index()].ty;
            let Type::Identity(of) = ty.required() else { continue };
            if let Some(other) = out.others.iter_mut().find(|o| o.reference == reference) {
                other.attributes[attr.index()] = self.given(term, *of, attr, &numbers)?;
            }
        }
        let moment = |which: &str| {
            let term = self.by_key.get(which)?;
            match self.terms[*term as usize].shape {
                Shape::Number(node) => Some(numbers[node.0 as usize]),
                _ => None,
            }
        };
        let now = moment("now").and_then(|n| i64::try_from(n).ok()).map(Instant);
        let today = moment("today").and_then(|d| i32::try_from(d).ok()).map(Date);
        out.at = match (today, now) {
            (Some(day), Some(now)) if self.program.zone.date_of(now) == day => TimePoint::Instant(now),
            (Some(day), _) => TimePoint::Day(day),
            (None, Some(now)) => TimePoint::Instant(now),
            (None, None) => out.at,
        };
        let holds = |lit: &Lit| self.sat.holds(*lit);
        out.referred = self.referred.iter().filter(|(_, l)| holds(l)).map(|(n, _)| *n).collect();
        out.sources = self.members.iter().map(|(s, l)| (*s, holds(l))).collect();
        for (row, _) in self.rows.iter().filter(|(_, l)| holds(l)) {
            match row {
                Row::Assignment(rule) => out.assignments.push(*rule),
                Row::Allow(what) => out.allows.push(what.clone()),
                Row::DenyRole(rule) => out.denied_roles.push(*rule),
                Row::Deny(app, kind, value) => out.denies.push((*app, *kind, value.clone())),
                Row::Keep(rule, grant, value) => {
                    out.keeps.push(Kept { rule: *rule, grant: *grant, value: value.clone() });
                }
            }
        }
        Some(out)
    }

    fn given(&self, term: &Term, of: IdentityId, attr: AttrId, numbers: &[i128]) -> Option<Given> {
        if !self.sat.holds(term.present) {
            return Some(Given::Absent);
        }
        let def = self.program.schema.identity(of);
        let ty = def.attributes[attr.index()].ty.required();
        let value = match &term.shape {
            Shape::Bool(lit) => Value::Bool(self.sat.holds(*lit)),
            Shape::Enum(variants) => Value::Enum(variants.iter().position(|v| self.sat.holds(*v))? as u32),
            Shape::Number(node) => number(numbers[node.0 as usize], ty)?,
            Shape::Text(texts) => {
                let own = matches!(term.origin, Origin::Own(_));
                let wishes: &[&str] = if self.program.zones.contains(&(of, attr)) {
                    &["UTC", "Europe/Paris", "America/New_York"]
                } else if def.key == attr {
                    if own { &["someone"] } else { &["another"] }
                } else {
                    &["x"]
                };
                let found = texts.find(&self.sat, wishes)?;
                if *ty == Type::Text { Value::text(found) } else { Value::str(found) }
            }
            Shape::Set(set) => {
                let text = |s: &str| {
                    if set.texts { Value::text(s.to_owned()) } else { Value::str(s.to_owned()) }
                };
                let mut elements: Vec<Value<'static>> = Vec::new();
                for ((folded, name), (value, lit)) in &set.members {
                    if !self.sat.holds(*lit) {
                        continue;
                    }
                    let element = match value.spelling() {
                        Some(s) if !folded => text(s),
                        Some(_) => text(name),
                        None => value.clone(),
                    };
                    if !elements.iter().any(|e| prov_model::equal(e, &element)) {
                        elements.push(element);
                    }
                }
                if self.sat.holds(set.other)
                    && let Type::Set(element) = ty
                    && element.is_textual()
                {
                    elements.push(text("other"));
                }
                Value::set(elements)
            }
            Shape::Thing => return Some(Given::Something),
        };
        Some(Given::Value(value))
    }
}

fn number(n: i128, ty: &Type) -> Option<Value<'static>> {
    let whole = i64::try_from(n).ok()?;
    Some(match ty {
        Type::Int => Value::Int(whole),
        Type::Decimal => Value::Decimal(Decimal(whole)),
        Type::Elapsed => Value::Elapsed(Elapsed(whole)),
        Type::Instant => Value::Instant(Instant(whole)),
        Type::Date => Value::Date(Date(i32::try_from(n).ok()?)),
        Type::Bool
        | Type::Str
        | Type::Text
        | Type::Duration
        | Type::Enum(_)
        | Type::Set(_)
        | Type::List(_)
        | Type::Record(_)
        | Type::Identity(_)
        | Type::Optional(_) => return None,
    })
}
