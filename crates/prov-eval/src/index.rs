//! Which rules can hold at all for a value of an attribute, so that the others need no look.
//! Invariant: a rule is left out only where its condition is surely false: it is `and`ed with an equality on an
//! attribute that has another value, and the attribute can be read.

use prov_ir::{ExprId, ExprKind, Program};
use prov_model::{AttrId, Column, CompareOp, IdentityId, Population, Type, Value};
use rustc_hash::FxHashMap;

/// What a rule waits for.
struct Key<'a> {
    attr: AttrId,
    values: Vec<&'a Value<'static>>,
}

/// A rule with the values it waits for.
type Waiting<'p> = (u32, Vec<&'p Value<'static>>);

/// The rules of one identity type, by what they wait for, over one population.
pub(crate) struct RuleIndex<'a> {
    /// By rule: whether it must be looked at for everyone (else only where a value calls for it).
    always: Vec<bool>,
    attributes: Vec<(AttrId, &'a Column, Vec<Vec<u32>>)>,
}

/// The rules to look at for one identity.
pub(crate) struct Candidates {
    wanted: Vec<bool>,
    called: Vec<u32>,
    all: bool,
}

impl<'a> RuleIndex<'a> {
    pub(crate) fn new(program: &Program, population: &'a Population, ty: IdentityId) -> RuleIndex<'a> {
        let mut always = vec![true; program.rules.len()];
        let mut by_attr: Vec<(AttrId, Vec<Waiting<'_>>)> = Vec::new();
        for (number, rule) in program.rules.iter().enumerate() {
            // A role that is given by hand may be had by anyone.
            let by_condition = rule.identity == ty && rule.requestable.is_none();
            let Some(when) = rule.when.filter(|_| by_condition) else { continue };
            let Some(key) = key(program, ty, when) else { continue };
            always[number] = false;
            let entry = (number as u32, key.values);
            match by_attr.iter_mut().find(|(attr, _)| *attr == key.attr) {
                Some((_, rules)) => rules.push(entry),
                None => by_attr.push((key.attr, vec![entry])),
            }
        }
        let columns = &population.of(ty).table.columns;
        let attributes = by_attr
            .into_iter()
            .filter_map(|(attr, rules)| {
                let column = columns.get(attr.index())?;
                Some((attr, column, by_code(column, &rules)))
            })
            .collect();
        RuleIndex { always, attributes }
    }

    /// That of a type of which nobody is asked.
    pub(crate) fn nobody() -> RuleIndex<'a> {
        RuleIndex { always: Vec::new(), attributes: Vec::new() }
    }

    /// Whether a rule is looked at only where a value calls for it.
    pub(crate) fn waits(&self, rule: u32) -> bool {
        !self.always[rule as usize]
    }

    pub(crate) fn candidates(&self) -> Candidates {
        Candidates { wanted: self.always.clone(), called: Vec::new(), all: false }
    }

    /// Turns to a row: `trusted` says that all its attributes can be read.
    pub(crate) fn turn_to(&self, candidates: &mut Candidates, row: u32, trusted: bool) {
        for rule in candidates.called.drain(..) {
            candidates.wanted[rule as usize] = false;
        }
        candidates.all = !trusted;
        for (_, column, by_code) in &self.attributes {
            let (Column::Str(codes, ..) | Column::Text(codes, ..) | Column::Enum(codes, _)) = column else {
                continue;
            };
            if !column.is_present(row as usize) {
                continue;
            }
            for &rule in by_code.get(codes[row as usize] as usize).map_or(&[][..], Vec::as_slice) {
                candidates.wanted[rule as usize] = true;
                candidates.called.push(rule);
            }
        }
    }
}

impl Candidates {
    /// Whether a rule surely does not hold.
    pub(crate) fn skips(&self, rule: u32) -> bool {
        !self.all && !self.wanted[rule as usize]
    }
}

/// For each code of a column, the rules that wait for it.
fn by_code(column: &Column, rules: &[Waiting<'_>]) -> Vec<Vec<u32>> {
    let mut by_value: FxHashMap<String, Vec<u32>> = FxHashMap::default();
    let mut by_number: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (rule, values) in rules {
        for value in values {
            match value {
                Value::Enum(v) => by_number.entry(*v).or_default().push(*rule),
                Value::Str(s) => {
                    let key = match column {
                        Column::Text(..) => prov_model::fold(s).into_owned(),
                        _ => s.to_string(),
                    };
                    by_value.entry(key).or_default().push(*rule);
                }
                Value::Text(t) => by_value.entry(t.folded.to_string()).or_default().push(*rule),
                _ => {}
            }
        }
    }
    let find = |s: &str| by_value.get(s).cloned().unwrap_or_default();
    let mut lists: Vec<Vec<u32>> = match column {
        Column::Str(_, dict, _) => (0..dict.len()).map(|c| find(dict.spelled(c as u32))).collect(),
        Column::Text(_, dict, _) => (0..dict.len()).map(|c| find(dict.folded(c as u32))).collect(),
        _ => {
            let top = by_number.keys().max().map_or(0, |v| *v as usize + 1);
            (0..top).map(|v| by_number.get(&(v as u32)).cloned().unwrap_or_default()).collect()
        }
    };
    for list in &mut lists {
        list.sort_unstable();
        list.dedup();
    }
    lists
}

/// What a condition waits for: the attribute with the most values to tell apart, text before enums.
fn key<'p>(program: &'p Program, ty: IdentityId, cond: ExprId) -> Option<Key<'p>> {
    match &program.expr(cond).kind {
        ExprKind::Named(_, of) => key(program, ty, *of),
        ExprKind::And(list) => list
            .iter()
            .filter_map(|e| key(program, ty, *e))
            .min_by_key(|k| (matches!(k.values.first(), Some(Value::Enum(_))), k.values.len())),
        ExprKind::Or(list) => {
            let mut keys = list.iter().map(|e| key(program, ty, *e));
            let mut first = keys.next()??;
            for other in keys {
                let other = other.filter(|k| k.attr == first.attr)?;
                first.values.extend(other.values);
            }
            Some(first)
        }
        ExprKind::Compare(CompareOp::Eq, a, b) => {
            let (attr, value) = match (&program.expr(*a).kind, &program.expr(*b).kind) {
                (ExprKind::Attr(attr), ExprKind::Const(value))
                | (ExprKind::Const(value), ExprKind::Attr(attr)) => (*attr, value),
                _ => return None,
            };
            let fits = fits(program, ty, attr, value);
            fits.then(|| Key { attr, values: vec![value] })
        }
        ExprKind::Contains(set, element) => match (&program.expr(*set).kind, &program.expr(*element).kind) {
            (ExprKind::Const(Value::Set(values)), ExprKind::Attr(attr)) => values
                .iter()
                .all(|v| fits(program, ty, *attr, v))
                .then(|| Key { attr: *attr, values: values.iter().collect() }),
            _ => None,
        },
        _ => None,
    }
}

/// Whether equality with a constant can be told by the code of the column.
fn fits(program: &Program, ty: IdentityId, attr: AttrId, value: &Value<'_>) -> bool {
    matches!(
        (program.schema.identity(ty).attributes[attr.index()].ty.required(), value),
        (Type::Str, Value::Str(_))
            | (Type::Text, Value::Str(_) | Value::Text(_))
            | (Type::Enum(_), Value::Enum(_))
    )
}
