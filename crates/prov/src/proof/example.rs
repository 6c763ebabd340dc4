//! From a candidate of the solver to a population of one, which the engine judges.
//! Invariant: the engine alone says whether a claim fails; what the solver believes does not count.

use super::Counterexample;
use crate::identity::show;
use crate::policy::Policy;
use crate::render::explanation_text;
use crate::testing::people::{Datum, Folk, Record, population_of};
use prov_compile::Claim;
use prov_ir::{ExprId, ExprKind, Program};
use prov_model::{
    AppId, Assignment, AttrId, Background, Date, Decimal, Duration, Elapsed, Entitlement, Exception,
    IdentityId, Instant, Keep, KeepFor, KindId, Membership, Memory, Moment, Population, TimePoint, Type,
    Value, key_spelling,
};
use prov_prove::{Candidate, Given};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many entitlements are explained, at most.
const EXPLAINED: usize = 4;

pub(super) struct Confirmer<'a> {
    policy: &'a Policy,
    /// On the program with the claims.
    engine: prov_eval::Engine,
    /// On the policy's own.
    plain: prov_eval::Engine,
}

/// A world in which a claim may fail.
struct Scene {
    population: Population,
    who: (IdentityId, u32),
    moment: Moment,
    background: Background,
}

impl<'a> Confirmer<'a> {
    pub(super) fn new(policy: &'a Policy, program: &Program) -> Confirmer<'a> {
        let (tables, catalogs) = (&policy.0.tables, &policy.0.catalogs);
        let engine = prov_eval::Engine::new(Arc::new(program.clone()), tables.clone(), catalogs);
        let plain = prov_eval::Engine::new(policy.0.program.clone(), tables.clone(), catalogs);
        Confirmer { policy, engine, plain }
    }

    /// Whether a claim fails for a candidate.
    pub(super) fn breaks(&self, claim: &Claim, candidate: &Candidate) -> bool {
        let Some(scene) = self.scene(candidate) else { return false };
        let Scene { population, who, moment, background } = &scene;
        let one = self.engine.evaluate_one(population, *who, moment, background);
        if one.hold.is_some() {
            return false;
        }
        let found = self.engine.query(population, moment, background, who.0, claim.violated);
        found.rows.contains(&who.1)
    }

    /// What a confirmed candidate shows.
    pub(super) fn counterexample(&self, claim: &Claim, candidate: &Candidate) -> Counterexample {
        let schema = self.policy.schema();
        let def = schema.identity(candidate.identity);
        let shown = |of: IdentityId, given: &[Given]| {
            let def = schema.identity(of);
            let of_one = |(field, given): (&prov_model::FieldDef, &Given)| {
                let value = match given {
                    Given::Any => return None,
                    Given::Absent => "absent".to_owned(),
                    Given::Something => "present".to_owned(),
                    Given::Value(value) => value.shown(&field.ty, schema),
                };
                Some((field.name.clone(), value))
            };
            def.attributes.iter().zip(given).filter_map(of_one).collect::<Vec<_>>()
        };
        let matter: Vec<Given> = (candidate.attributes.iter().zip(0..))
            .map(|(given, i)| if candidate.matters.contains(&AttrId(i)) { given.clone() } else { Given::Any })
            .collect();
        let mut attributes = shown(candidate.identity, &matter);
        for (source, _) in candidate.sources.iter().filter(|(_, is_in)| !is_in) {
            let name = &schema.sources[*source as usize].name;
            attributes.push((format!("in {name}"), "false".to_owned()));
        }
        for number in &candidate.referred {
            attributes.push((def.inverses[*number as usize].name.clone(), "somebody".to_owned()));
        }
        let others = candidate.others.iter().map(|other| {
            let field = &def.attributes[other.reference.index()];
            let of = match field.ty.required() {
                Type::Identity(of) => *of,
                _ => candidate.identity,
            };
            (field.name.clone(), shown(of, &other.attributes))
        });
        Counterexample {
            identity: def.name.clone(),
            at: candidate.at.to_string(),
            attributes,
            others: others.collect(),
            rows: self.rows(candidate),
            why: self.why(claim, candidate),
        }
    }

    fn rows(&self, candidate: &Candidate) -> Vec<String> {
        let program = self.policy.program();
        let role = |rule: &u32| &program.schema.rule(program.rules[*rule as usize].rule).name;
        let mut out: Vec<String> =
            candidate.assignments.iter().map(|r| format!("was given the role {}", role(r))).collect();
        out.extend(candidate.allows.iter().map(|a| format!("an exception allows: {a}")));
        out.extend(
            candidate.denied_roles.iter().map(|r| format!("an exception denies the role {}", role(r))),
        );
        for (app, kind, value) in &candidate.denies {
            out.push(format!(
                "an exception denies {}",
                show(&program.schema, &entitlement(*app, *kind, value))
            ));
        }
        for kept in &candidate.keeps {
            let grant = &program.rules[kept.rule as usize].grants[kept.grant as usize];
            let what = show(&program.schema, &entitlement(grant.app, grant.kind, &kept.value));
            out.push(format!("{what} is kept from before, by {}", role(&kept.rule)));
        }
        out
    }

    fn why(&self, claim: &Claim, candidate: &Candidate) -> String {
        let Some(scene) = self.scene(candidate) else { return String::new() };
        let Scene { population, who, moment, background } = &scene;
        let one = self.plain.evaluate_one(population, *who, moment, background);
        let mut asked: Vec<(AppId, KindId, Option<String>)> = Vec::new();
        self.asked(claim.violated, &mut asked);
        let mut out = String::new();
        let mut explained: Vec<(AppId, KindId, String)> = Vec::new();
        for (app, kind, value) in asked {
            let folds = self.policy.program().folds(app, kind);
            let same = |a: &str, b: &str| a == b || folds && prov_model::fold(a) == prov_model::fold(b);
            let held = one.holdings.iter().map(|h| &h.entitlement).filter(|e| {
                (e.app, e.kind) == (app, kind) && value.as_ref().is_none_or(|v| same(v, &e.value))
            });
            let mut found: Vec<String> = held.map(|e| e.value.to_string()).collect();
            if found.is_empty() {
                found.extend(value);
            }
            explained.extend(found.into_iter().map(|v| (app, kind, v)));
        }
        explained.dedup();
        for (app, kind, value) in explained.iter().take(EXPLAINED) {
            let target = Some((*app, Some((*kind, value.as_str()))));
            let explanation = self.plain.explain(population, *who, target, moment, background);
            out.push_str(&explanation_text(self.policy, &explanation, false));
        }
        out
    }

    /// The entitlements that a claim asks for.
    fn asked(&self, id: ExprId, out: &mut Vec<(AppId, KindId, Option<String>)>) {
        let program = self.engine.program();
        let expr = program.expr(id);
        if let ExprKind::HasEntitlement(app, kind, args) = &expr.kind {
            let value = args.as_ref().map(|args| {
                let parts: Vec<String> = args
                    .iter()
                    .filter_map(|a| match &program.expr(*a).kind {
                        ExprKind::Const(v) => Some(v.plain(&program.expr(*a).ty, &program.schema)),
                        _ => None,
                    })
                    .collect();
                prov_model::join_values(&parts)
            });
            let one =
                (*app, *kind, value.filter(|v| !v.is_empty() || args.as_ref().is_none_or(Vec::is_empty)));
            if !out.contains(&one) {
                out.push(one);
            }
        }
        expr.kind.children(|child| self.asked(child, out));
    }

    fn scene(&self, candidate: &Candidate) -> Option<Scene> {
        let program = self.policy.program();
        let schema = &program.schema;
        let moment = match candidate.at {
            TimePoint::Day(day) => Moment::at_date(day, program.zone.clone()),
            TimePoint::Instant(now) => Moment::at_instant(now, program.zone.clone()),
        };
        let identity = candidate.identity;
        let (mut folk, mut keys) = (Folk::new(), BTreeMap::new());
        for other in &candidate.others {
            let field = &schema.identity(identity).attributes[other.reference.index()];
            let Type::Identity(of) = field.ty.required() else { continue };
            let name = format!("the-{}", field.name);
            let (key, record) = self.record(*of, &other.attributes, &name, &BTreeMap::new());
            keys.insert(other.reference, key.clone());
            if folk.insert((*of, key), record).is_some() {
                return None;
            }
        }
        let (key, mut record) = self.record(identity, &candidate.attributes, "someone", &keys);
        for (source, is_in) in &candidate.sources {
            let is = if *is_in { Membership::In } else { Membership::Out };
            record.members.retain(|(s, _)| s != source);
            record.members.push((*source, is));
        }
        record.members.sort_by_key(|m| m.0);
        if folk.insert((identity, key.clone()), record).is_some() {
            return None;
        }
        for number in &candidate.referred {
            let inverse = &schema.identity(identity).inverses[*number as usize];
            let name = format!("in-{}", inverse.name);
            let reference = BTreeMap::from([(inverse.attribute, key.clone())]);
            let (other, record) = self.record(inverse.from, &[], &name, &reference);
            if folk.insert((inverse.from, other), record).is_some() {
                return None;
            }
        }
        let population = population_of(schema, &folk);
        let id = schema.global_id(identity, &key);
        let who = population.find(schema, &id)?;
        let background = self.background(candidate, &id, &moment, &folk);
        Some(Scene { population, who, moment, background })
    }

    /// An identity with its key. What nothing is asked of is made up.
    fn record(
        &self,
        of: IdentityId,
        given: &[Given],
        name: &str,
        keys: &BTreeMap<AttrId, String>,
    ) -> (String, Record) {
        let program = self.policy.program();
        let schema = &program.schema;
        let def = schema.identity(of);
        let mut key = name.to_owned();
        let mut values = Vec::new();
        for (i, field) in def.attributes.iter().enumerate() {
            let attr = AttrId(i as u32);
            let reference = keys.get(&attr).map(|k| Datum::Key(k.clone()));
            let zone = program.zones.contains(&(of, attr));
            let datum = match given.get(i) {
                Some(Given::Value(value)) => Datum::Value(value.clone()),
                Some(Given::Absent) => Datum::empty(&field.ty),
                Some(Given::Something) => {
                    reference.unwrap_or_else(|| self.some(field.ty.required(), zone, name))
                }
                Some(Given::Any) | None => match reference {
                    Some(reference) => reference,
                    None if field.ty.is_optional() => Datum::empty(&field.ty),
                    None if attr == def.key => self.some(&field.ty, zone, name),
                    None => self.some(&field.ty, zone, "x"),
                },
            };
            if let (true, Datum::Value(value)) = (attr == def.key, &datum) {
                key = match value.spelling() {
                    Some(s) => prov_model::nfc(s).into_owned(),
                    None => key_spelling(value, &field.ty, schema),
                };
            }
            values.push(datum);
        }
        let members = (schema.sources.iter().zip(0..))
            .filter(|(s, _)| s.identity == of)
            .map(|(_, n)| (n, Membership::In));
        let record =
            Record { values, broken: None, doubtful: Vec::new(), members: members.collect(), upcoming: None };
        (key, record)
    }

    /// Some value of a type.
    fn some(&self, ty: &Type, zone: bool, name: &str) -> Datum {
        let schema = self.policy.schema();
        let day = Date::from_ymd(2020, 1, 1).unwrap_or_default();
        let number = name.bytes().map(i64::from).sum::<i64>();
        Datum::Value(match ty.required() {
            Type::Bool => Value::Bool(false),
            Type::Int if name == "x" => Value::Int(1),
            Type::Int => Value::Int(number),
            Type::Decimal => Value::Decimal(Decimal::ONE),
            Type::Str if zone => Value::str("UTC"),
            Type::Str => Value::str(name.to_owned()),
            Type::Text => Value::text(name.to_owned()),
            Type::Date => Value::Date(day),
            Type::Instant => Value::Instant(Instant(i64::from(day.0) * 86_400)),
            Type::Duration => Value::Duration(Duration { months: 0, days: 1 }),
            Type::Elapsed => Value::Elapsed(Elapsed(3_600)),
            Type::Enum(_) => Value::Enum(0),
            Type::Set(_) => Value::Set(Vec::new()),
            Type::List(_) => return Datum::Rows(Vec::new()),
            Type::Record(id) => {
                let fields = &schema.records[id.index()].fields;
                let of = |f: &prov_model::FieldDef| {
                    if f.ty.is_optional() { Datum::empty(&f.ty) } else { self.some(&f.ty, false, "x") }
                };
                return Datum::Record(Some(fields.iter().map(of).collect()));
            }
            Type::Identity(_) | Type::Optional(_) => Value::Absent,
        })
    }

    fn background(&self, candidate: &Candidate, id: &str, moment: &Moment, folk: &Folk) -> Background {
        let program = self.policy.program();
        let schema = &program.schema;
        let origin: (Arc<str>, u64) = (Arc::from("a proof"), 0);
        let role = |rule: u32| schema.rule(program.rules[rule as usize].rule).name.clone();
        let tomorrow = TimePoint::Day(moment.today.plus(Duration { months: 0, days: 1 }));
        // Whoever may have to approve: everyone there is, and every text that is given of the identity.
        let mut approvers: Vec<String> = folk.keys().map(|(of, key)| schema.global_id(*of, key)).collect();
        for given in &candidate.attributes {
            if let Given::Value(value) = given {
                match value {
                    Value::Set(elements) => {
                        approvers.extend(elements.iter().filter_map(|e| e.spelling().map(str::to_owned)));
                    }
                    value => approvers.extend(value.spelling().map(str::to_owned)),
                }
            }
        }
        approvers.push("x".to_owned());
        approvers.sort();
        approvers.dedup();
        approvers.retain(|a| a != id);
        let mut assignments = Vec::new();
        for rule in &candidate.assignments {
            for approver in &approvers {
                assignments.push(Assignment {
                    identity: id.to_owned(),
                    role: role(*rule),
                    args: Vec::new(),
                    from: Some(TimePoint::Instant(moment.now)),
                    until: None,
                    granted_by: Some(approver.clone()),
                    ticket: None,
                    origin: origin.clone(),
                });
            }
        }
        let exception = |allow: bool, what: String| Exception {
            identity: id.to_owned(),
            allow,
            what,
            until: tomorrow,
            reason: "a proof".to_owned(),
            ticket: None,
            origin: origin.clone(),
        };
        let mut exceptions: Vec<Exception> =
            candidate.allows.iter().map(|what| exception(true, what.clone())).collect();
        exceptions.extend(candidate.denied_roles.iter().map(|rule| exception(false, role(*rule))));
        for (app, kind, value) in &candidate.denies {
            exceptions.push(exception(false, show(schema, &entitlement(*app, *kind, value))));
        }
        let mut memory = Memory { at: Some(moment.now), ..Memory::default() };
        let keeps: Vec<Keep> = candidate
            .keeps
            .iter()
            .map(|kept| {
                let grant = &program.rules[kept.rule as usize].grants[kept.grant as usize];
                Keep {
                    app: schema.app(grant.app).name.clone(),
                    kind: schema.kind(grant.app, grant.kind).name.clone(),
                    value: kept.value.clone(),
                    rule: role(kept.rule),
                    keep: KeepFor::Calendar(Duration { months: 0, days: 1 }),
                    until: Some(tomorrow.instant(&program.zone)),
                }
            })
            .collect();
        if !keeps.is_empty() {
            memory.keeps.insert(id.to_owned(), keeps);
        }
        Background {
            memory: Arc::new(memory),
            assignments: Arc::new(assignments),
            exceptions: Arc::new(exceptions),
            ..Background::default()
        }
    }
}

fn entitlement(app: AppId, kind: KindId, value: &str) -> Entitlement {
    Entitlement { app, kind, value: value.into() }
}
