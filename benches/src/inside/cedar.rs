//! Workload W in Cedar: a permit a rule, a principal a person; which policies permitted tells which rules hold. Invariant: policies
//! are numbered in the order of the rules.

use super::{Inside, by_person};
use crate::Error;
use crate::w::{Attribute, Expr, Leaf, Person, Rules, words};
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::str::FromStr;

pub fn inside(people: &[Person], rules: &Rules) -> Result<Inside, Error> {
    let text: String = rules
        .rules
        .iter()
        .map(|rule| format!("permit(principal, action, resource) when {{ {} }};\n", condition(&rule.when)))
        .collect();
    let policies = PolicySet::from_str(&text).map_err(wrong)?;
    let authorizer = Authorizer::new();
    let uid = |text: &str| EntityUid::from_str(text).map_err(wrong);
    let (who, action, resource) = (uid("P::\"p\"")?, uid("Action::\"have\"")?, uid("R::\"r\"")?);
    by_person("Cedar", people, rules, |person, found| {
        let entity = Entity::new(who.clone(), attributes(person), HashSet::new()).map_err(wrong)?;
        let entities = Entities::from_entities([entity], None).map_err(wrong)?;
        let request = Request::new(who.clone(), action.clone(), resource.clone(), Context::empty(), None);
        let response = authorizer.is_authorized(&request.map_err(wrong)?, &policies, &entities);
        if let Some(e) = response.diagnostics().errors().next() {
            return Err(wrong(e));
        }
        for policy in response.diagnostics().reason() {
            let name: &str = policy.as_ref();
            found.push(name.trim_start_matches("policy").parse().map_err(wrong)?);
        }
        Ok(())
    })
}

fn wrong(e: impl Display) -> Error {
    Error::Other(format!("Cedar: {e}"))
}

fn attributes(person: &Person) -> HashMap<String, RestrictedExpression> {
    let mut of: HashMap<String, RestrictedExpression> = Attribute::ALL
        .into_iter()
        .map(|a| {
            let word = words().of(a)[usize::from(person.code(a))].clone();
            (a.name().to_owned(), RestrictedExpression::new_string(word))
        })
        .collect();
    let mut number = |name: &str, n: i32| {
        of.insert(name.to_owned(), RestrictedExpression::new_long(i64::from(n)));
    };
    number("job_level", i32::from(person.level));
    number("hire_date", person.hire);
    if let Some(end) = person.end {
        number("end_date", end);
    }
    let skills =
        person.skills().map(|s| RestrictedExpression::new_string(words().skills[usize::from(s)].clone()));
    let skills = RestrictedExpression::new_set(skills);
    of.insert("skills".to_owned(), skills);
    of
}

fn condition(expr: &Expr) -> String {
    let joined = |of: &[Expr], by: &str| {
        let parts: Vec<String> = of.iter().map(condition).collect();
        format!("({})", parts.join(by))
    };
    match expr {
        Expr::All(of) => joined(of, " && "),
        Expr::Any(of) => joined(of, " || "),
        Expr::Not(of) => format!("!({})", condition(of)),
        Expr::Leaf(leaf) => match leaf {
            Leaf::Is(a, code) => {
                format!("principal.{} == {:?}", a.name(), words().of(*a)[usize::from(*code)])
            }
            Leaf::In(a, codes) => {
                let values: Vec<&str> = codes.iter().map(|c| &*words().of(*a)[usize::from(*c)]).collect();
                format!("{values:?}.contains(principal.{})", a.name())
            }
            Leaf::Begins(a, prefix) => format!("principal.{} like \"{prefix}*\"", a.name()),
            Leaf::Level(order, level) => format!("principal.job_level {} {level}", order.sign()),
            Leaf::Hire(order, days) => format!("principal.hire_date {} {days}", order.sign()),
            Leaf::EndsBefore(days) => {
                format!("(principal has end_date && principal.end_date < {days})")
            }
            Leaf::NoEnd => "!(principal has end_date)".to_owned(),
            Leaf::Skill(skill) => {
                format!("principal.skills.contains({:?})", words().skills[usize::from(*skill)])
            }
        },
    }
}
