//! Workload W in CEL: a program a rule, compiled once; a context a person. Invariant: days are numbers, and no last day is -1.

use super::{Inside, by_person};
use crate::Error;
use crate::w::{Attribute, Expr, Leaf, Person, Rules, words};
use cel::{Context, Program, Value};

pub fn inside(people: &[Person], rules: &Rules) -> Result<Inside, Error> {
    let programs = rules
        .rules
        .iter()
        .map(|rule| Program::compile(&condition(&rule.when)).map_err(|e| Error::Other(format!("CEL: {e}"))));
    let programs = programs.collect::<Result<Vec<_>, _>>()?;
    let base = Context::default();
    by_person("CEL", people, rules, |person, found| {
        let mut context = base.new_inner_scope();
        for a in Attribute::ALL {
            let word = words().of(a)[usize::from(person.code(a))].clone();
            context.add_variable_from_value(a.name(), Value::from(word));
        }
        context.add_variable_from_value("job_level", Value::from(i64::from(person.level)));
        context.add_variable_from_value("hire_date", Value::from(i64::from(person.hire)));
        context.add_variable_from_value("end_date", Value::from(person.end.map_or(-1, i64::from)));
        let skills: Vec<Value> =
            person.skills().map(|s| Value::from(words().skills[usize::from(s)].clone())).collect();
        context.add_variable_from_value("skills", Value::from(skills));
        for (i, program) in programs.iter().enumerate() {
            match program.execute(&context) {
                Ok(Value::Bool(true)) => found.push(i as u32),
                Ok(Value::Bool(false)) => {}
                other => return Err(Error::Other(format!("CEL: rule {i} gave {other:?}"))),
            }
        }
        Ok(())
    })
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
            Leaf::Is(a, code) => format!("{} == {:?}", a.name(), words().of(*a)[usize::from(*code)]),
            Leaf::In(a, codes) => {
                let values: Vec<&str> = codes.iter().map(|c| &*words().of(*a)[usize::from(*c)]).collect();
                format!("{} in {values:?}", a.name())
            }
            Leaf::Begins(a, prefix) => format!("{}.startsWith({prefix:?})", a.name()),
            Leaf::Level(order, level) => format!("job_level {} {level}", order.sign()),
            Leaf::Hire(order, days) => format!("hire_date {} {days}", order.sign()),
            Leaf::EndsBefore(days) => format!("(end_date >= 0 && end_date < {days})"),
            Leaf::NoEnd => "end_date == -1".to_owned(),
            Leaf::Skill(skill) => format!("{:?} in skills", words().skills[usize::from(*skill)]),
        },
    }
}
