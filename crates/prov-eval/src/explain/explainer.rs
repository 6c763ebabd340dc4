//! Puts an explanation together: state, accounts, rules, forbids, entitlements.
//! Invariant: reads the decision and the facts that led to it; decides nothing itself.

use super::{
    AccountExplanation, BoundExplanation, CauseExplanation, EnteredExplanation, EntitlementExplanation,
    Explanation, ForbidExplanation, GrantExplanation, IncludedBy, KeepExplanation, LinkExplanation,
    NameExplanation, NameTrouble, Outcome, Quarantine, Read, RuleExplanation, RuleRef, StateExplanation,
    StateTried, Target, Verdict, WithheldExplanation, protections, separations, would,
};
use crate::by_hand::ByHand;
use crate::decide::{Decision, Hold};
use crate::entered::KeptByState;
use crate::evaluate::Engine;
use crate::facts::Tri;
use crate::instances::Step;
use crate::interp::{Interp, Subject};
use crate::links::Known;
use crate::names::{Name, Rows};
use crate::one::{Caused, Withheld, path};
use crate::time::{Bound, BoundWord};
use crate::world::{NO_STATE, World};
use prov_model::{
    AppId, Background, Entitlement, IdentityId, KindId, LinkConflict, Moment, Population, RuleId, fold, nfc,
};

impl Engine {
    /// Why an identity holds what it holds, or does not hold what was asked about: everything, an app, or one
    /// entitlement (compared as its kind compares).
    pub fn explain(
        &self,
        population: &Population,
        who: (IdentityId, u32),
        target: Option<(AppId, Option<(KindId, &str)>)>,
        moment: &Moment,
        background: &Background,
    ) -> Explanation {
        let world = self.ready().world(population, moment, background, None);
        let by_hand = ByHand::of(world.program, population, moment, background, Some(who));
        let world = World { by_hand: Some(&by_hand), ..world };
        let known = self.known(world, &Rows::One(who.0, who.1));
        let world = World { names: known.names.as_ref(), ..world };
        let mut interp = Interp::new(world, &self.ready().shape, Subject::Identity(who.0, who.1));
        let decision = interp.decide(|_| false);
        let explanation = interp.explain(who, target, &decision, &known);
        Explanation { would: would::of(self, population, who, target, moment, background), ..explanation }
    }
}

impl<'a> Interp<'a> {
    fn explain(
        &mut self,
        who: (IdentityId, u32),
        target: Option<(AppId, Option<(KindId, &str)>)>,
        decision: &Decision,
        known: &Known,
    ) -> Explanation {
        let program = self.world.program;
        let schema = &program.schema;
        let key = self.world.population.and_then(|p| p.of(who.0).table.key(who.1)).unwrap_or("");
        let (held, withheld) = match decision.hold {
            None => self.caused(decision),
            Some(_) => (Vec::new(), self.forbidden_while_held(target, decision)),
        };
        // Looked up before anything is asked of it.
        let by_state = self.kept_by_state();
        let asked = |e: &Entitlement| match target {
            None => true,
            Some((app, None)) => e.app == app,
            Some((app, Some((kind, value)))) => {
                // What is asked of an app is asked of all accounts in it.
                let there = schema.accounts_of(app).any(|a| a == e.app);
                there && e.kind == kind && self.same_value(app, kind, &e.value, value)
            }
        };
        let of = |list: &[Caused]| -> Vec<Caused> {
            list.iter().filter(|c| asked(&c.entitlement)).cloned().collect()
        };
        let (held, withheld) = (of(&held), of(&withheld));
        let keeps = self.keeps_explained(decision, &asked);
        let entered = self.entered_explained(decision, by_state, &asked);
        let verdict = self.verdict(target, decision, &held, &withheld);
        let rules = match target {
            Some((app, Some((kind, value)))) => {
                schema.accounts_of(app).flat_map(|a| self.rules_for(a, kind, value)).collect()
            }
            Some((_, None)) | None => Vec::new(),
        };
        let forbids = match target {
            Some((app, Some((kind, value)))) => self.forbids_for(who.0, app, kind, value),
            Some((_, None)) | None => Vec::new(),
        };
        let separations = match target {
            Some((app, Some((kind, value)))) => separations::of(self, app, kind, value),
            Some((_, None)) => Vec::new(),
            None => separations::hit(self, decision),
        };
        let entitlements =
            held.iter().chain(&withheld).map(|c| self.entitlement(c, who.0)).collect::<Vec<_>>();
        Explanation {
            would: Vec::new(),
            protections: protections::of(self, &schema.global_id(who.0, key), target),
            identity: schema.global_id(who.0, key),
            today: self.world.moment.today,
            target: target.map(|(app, of)| Target {
                app: schema.app(app).name.clone(),
                kind: of.map(|(kind, _)| schema.kind(app, kind).name.clone()),
                value: of.map(|(_, value)| value.to_owned()),
            }),
            verdict,
            quarantine: decision.hold.map(|h| self.quarantine(h, who)),
            last_good: self.last_good(who),
            state: self.explain_state(who),
            accounts: self.accounts_for(who, target.map(|t| t.0), known),
            rules,
            forbids,
            separations,
            entitlements,
            keeps,
            entered,
        }
    }

    /// What is asked about, of one who is held, if a forbid or an exception takes it for certain.
    fn forbidden_while_held(
        &self,
        target: Option<(AppId, Option<(KindId, &str)>)>,
        decision: &Decision,
    ) -> Vec<Caused> {
        let Some((app, Some((kind, value)))) = target else { return Vec::new() };
        let compared = if self.shape.folds(app, kind) { fold(value) } else { nfc(value) };
        let forbids = decision.active_forbids.iter().copied();
        let covers = |f: &u32| self.world.program.schema.forbids[*f as usize].covers(app, kind, &compared);
        let denied = decision.active_denies.iter();
        let same = |e: &Entitlement| (e.app, e.kind, &*e.value) == (app, kind, &*compared);
        let withheld: Vec<Withheld> = forbids
            .filter(covers)
            .map(Withheld::Forbidden)
            .chain(denied.filter(|(_, e)| same(e)).map(|(exception, _)| Withheld::Denied(*exception)))
            .collect();
        if withheld.is_empty() {
            return Vec::new();
        }
        let entitlement = Entitlement { app, kind, value: value.into() };
        vec![Caused { entitlement, causes: Vec::new(), kept: Vec::new(), by_state: None, withheld }]
    }

    fn entered_explained(
        &self,
        decision: &Decision,
        kept: Vec<KeptByState>,
        asked: &impl Fn(&Entitlement) -> bool,
    ) -> Vec<EnteredExplanation> {
        if decision.hold.is_some() {
            return Vec::new();
        }
        let state = self.entry().map_or_else(String::new, |e| e.since.state.clone());
        let known = &self.interner.entitlements;
        let explained = |k: KeptByState| {
            let same = known.same_as(k.entitlement);
            let held = decision.held.iter().any(|h| known.same_as(*h) == same);
            let item = self.holding(k.entitlement, Vec::new());
            EnteredExplanation {
                app: item.app,
                kind: item.kind,
                value: item.value,
                state: state.clone(),
                since: k.since,
                held,
                ended: k.ended,
            }
        };
        kept.into_iter().filter(|k| asked(known.get(k.entitlement))).map(explained).collect()
    }

    fn keeps_explained(
        &self,
        decision: &Decision,
        asked: &impl Fn(&Entitlement) -> bool,
    ) -> Vec<KeepExplanation> {
        let zone = &self.world.moment.zone;
        let kept = decision.keeps.kept.iter().map(|k| (k, false));
        let all = kept.chain(decision.keeps.over.iter().map(|k| (k, true)));
        let mine = all.filter(|((id, _), _)| asked(self.interner.entitlements.get(*id)));
        mine.map(|((_, keep), over)| {
            let until = keep.until.unwrap_or(self.clock.now);
            let day = zone.date_of(until);
            let whole = zone.instant_at(day, 0, 0) == until;
            KeepExplanation {
                app: keep.app.clone(),
                kind: keep.kind.clone(),
                value: keep.value.clone(),
                rule: keep.rule.clone(),
                keep: keep.keep.to_string(),
                until: if whole { day.to_string() } else { until.to_string() },
                over,
            }
        })
        .collect()
    }

    fn same_value(&self, app: AppId, kind: KindId, a: &str, b: &str) -> bool {
        a == b || self.shape.folds(app, kind) && fold(a) == fold(b)
    }

    fn verdict(
        &self,
        target: Option<(AppId, Option<(KindId, &str)>)>,
        decision: &Decision,
        held: &[Caused],
        withheld: &[Caused],
    ) -> Verdict {
        if decision.hold.is_some() && withheld.is_empty() {
            return Verdict::Quarantined;
        }
        match target {
            None => Verdict::Overview,
            Some((app, None)) => match decision.accounts.iter().find(|a| a.app == app) {
                Some(account) if account.wanted => Verdict::Held,
                None if !held.is_empty() => Verdict::Held,
                Some(_) | None => Verdict::NotHeld,
            },
            Some((_, Some(_))) if !held.is_empty() => Verdict::Held,
            Some((_, Some(_))) if !withheld.is_empty() => Verdict::Withheld,
            Some((_, Some(_))) => Verdict::NotHeld,
        }
    }

    fn quarantine(&self, hold: Hold, who: (IdentityId, u32)) -> Quarantine {
        let schema = &self.world.program.schema;
        let (ty, row) = match hold {
            Hold::Name { account, attribute, exhausted } => {
                let app = schema.app(self.world.program.accounts[account as usize].app);
                let field = app.account.as_ref().and_then(|a| a.attributes.get(attribute as usize));
                let key = self.world.population.and_then(|p| p.of(who.0).table.key(who.1));
                return Quarantine {
                    identity: schema.global_id(who.0, key.unwrap_or("")),
                    attributes: Vec::new(),
                    lacking: None,
                    name: Some(NameTrouble {
                        app: app.name.clone(),
                        attribute: field.map(|f| f.name.clone()).unwrap_or_default(),
                        exhausted,
                    }),
                };
            }
            Hold::Own | Hold::ByHand => who,
            Hold::On(unknown) => (unknown.identity, unknown.row),
        };
        let table = self.world.population.map(|p| p.of(ty));
        let broken = table.and_then(|t| t.broken.get(&row)).into_iter().flatten().copied();
        let doubtful = table.and_then(|t| t.doubtful.get(&row)).into_iter().flatten().map(|(attr, _)| *attr);
        let key = table.and_then(|t| t.table.key(row)).unwrap_or("");
        let lacking = table.filter(|t| !t.broken.contains_key(&row)).and_then(|t| t.lacks(row));
        let lacking = lacking.and_then(|s| schema.sources.get(s as usize)).map(|s| s.name.clone());
        Quarantine {
            lacking,
            identity: schema.global_id(ty, key),
            attributes: broken
                .chain(doubtful)
                .filter_map(|a| schema.identity(ty).attributes.get(a.index()))
                .map(|a| a.name.clone())
                .collect(),
            name: None,
        }
    }

    /// A role with its arguments as shown.
    pub(super) fn instance_ref(&self, rule: RuleId, args: &str) -> RuleRef {
        let plain = self.rule_ref(rule);
        RuleRef { name: format!("{}{args}", plain.name), ..plain }
    }

    pub(super) fn rule_ref(&self, rule: RuleId) -> RuleRef {
        RuleRef::of(&self.world.program.schema, rule)
    }

    fn explain_state(&mut self, who: (IdentityId, u32)) -> Option<StateExplanation> {
        let program = self.world.program;
        let lifecycle = program.schema.identity(who.0).lifecycle.as_ref()?;
        let conditions = &program.lifecycles.iter().find(|l| l.identity == who.0)?.conditions;
        let state = self.state_of(who.0, who.1).unwrap_or(NO_STATE);
        let mut tried = Vec::new();
        for (def, cond) in lifecycle.defs.iter().zip(conditions) {
            let when = cond.map(|c| self.nested(self.subject, |me| me.clause(c, 0)));
            let outcome = when.as_ref().map_or(Outcome::True, |c| c.outcome);
            tried.push(StateTried { rule: self.rule_ref(def.rule), outcome, when });
            if outcome != Outcome::False {
                break;
            }
        }
        let def = lifecycle.defs.get(state as usize);
        Some(StateExplanation {
            state: def.map(|d| d.name.clone()),
            leaver: def.is_some_and(|d| d.leaver),
            tried,
        })
    }

    /// The accounts of the type, or those of one app and of the apps it comes from.
    fn accounts_for(
        &mut self,
        who: (IdentityId, u32),
        app: Option<AppId>,
        known: &Known,
    ) -> Vec<AccountExplanation> {
        let ty = who.0;
        let schema = &self.world.program.schema;
        let mut wanted: Option<Vec<AppId>> = app.map(|a| vec![a]);
        let seconds: Vec<AppId> = app.into_iter().flat_map(|a| schema.accounts_of(a).skip(1)).collect();
        if let Some(apps) = &mut wanted {
            while let Some(from) = apps.last().and_then(|a| schema.app(*a).account.as_ref()?.from) {
                if apps.contains(&from) {
                    break;
                }
                apps.push(from);
            }
            apps.extend(seconds);
        }
        let numbers: Vec<u32> = self.shape.accounts[ty.index()].clone();
        numbers
            .into_iter()
            .filter(|n| {
                let app = self.world.program.accounts[*n as usize].app;
                wanted.as_ref().is_none_or(|w| w.contains(&app))
            })
            .map(|n| AccountExplanation { link: self.link_of(who, n, known), ..self.account_explanation(n) })
            .collect()
    }

    fn account_explanation(&mut self, number: u32) -> AccountExplanation {
        let program = self.world.program;
        let account = &program.accounts[number as usize];
        let app = program.schema.app(account.app);
        let wanted = self.facts.account(number).wanted;
        let mut attributes = Vec::new();
        if wanted == Tri::Yes {
            let defs = app.account.as_ref().map_or(&[][..], |a| &a.attributes);
            for (i, (def, expr)) in defs.iter().zip(&account.attributes).enumerate() {
                let value = match self.attribute_of(number, i as u32) {
                    Ok(value) => value.shown(&program.expr(*expr).ty, &program.schema),
                    Err(_) => "unknown".to_owned(),
                };
                attributes.push(Read { name: def.name.clone(), value });
            }
        }
        AccountExplanation {
            app: app.name.clone(),
            rule: self.rule_ref(account.rule),
            wanted: wanted.into(),
            enabled: match wanted {
                Tri::Yes => Tri::of(self.holds(account.enabled)).into(),
                Tri::No | Tri::Unknown(_) => Outcome::NotEvaluated,
            },
            from: app.account.as_ref().and_then(|a| a.from).map(|from| program.schema.app(from).name.clone()),
            when: account.when.map(|w| self.clause(w, 0)),
            link: None,
            names: self.names_explained(number),
            attributes,
        }
    }

    /// Which account that existed is theirs, or why that is not clear.
    fn link_of(&self, who: (IdentityId, u32), number: u32, known: &Known) -> Option<LinkExplanation> {
        let schema = &self.world.program.schema;
        let app = self.world.program.accounts[number as usize].app;
        let keys = schema.app(app).account.as_ref().map_or(&[][..], |a| &a.correlate);
        let by = |key: &u32| keys.get(*key as usize).map(|f| f.name.clone()).unwrap_or_default();
        if let Some(conflict) = known.conflicts.get(&(who.0, who.1, app)) {
            return Some(match conflict {
                LinkConflict::Several { by: key, accounts } => LinkExplanation::Several {
                    by: by(key),
                    accounts: accounts.iter().map(ToString::to_string).collect(),
                },
                LinkConflict::Elsewhere { by: key, account, owner } => LinkExplanation::Elsewhere {
                    by: by(key),
                    account: account.to_string(),
                    owner: owner.to_string(),
                },
                LinkConflict::Twice { by: key, account, other } => LinkExplanation::Twice {
                    by: by(key),
                    account: account.to_string(),
                    other: other.to_string(),
                },
                LinkConflict::Unknown => LinkExplanation::Unknown,
            });
        }
        let key = self.world.population.and_then(|p| p.of(who.0).table.key(who.1)).unwrap_or("");
        let id = schema.global_id(who.0, key);
        let link = known.links.iter().find(|l| l.app == app && *l.owner == *id)?;
        Some(LinkExplanation::Linked { account: link.account.to_string(), by: link.by.as_ref().map(by) })
    }

    /// The unique names of an account, and how each came about.
    fn names_explained(&self, number: u32) -> Vec<NameExplanation> {
        let program = self.world.program;
        let (Some(names), Subject::Identity(_, row)) = (self.world.names, self.subject) else {
            return Vec::new();
        };
        let account = &program.accounts[number as usize];
        let fields = program.schema.app(account.app).account.as_ref().map_or(&[][..], |a| &a.attributes);
        let known = fields.iter().zip(0..).filter_map(|(field, attribute)| {
            let Name::Given(name, base, origin) = names.of(number, attribute, row) else { return None };
            Some(NameExplanation {
                attribute: field.name.clone(),
                name: name.to_string(),
                base: base.as_deref().map(str::to_owned),
                origin: *origin,
            })
        });
        known.collect()
    }

    /// Every rule that could grant an entitlement: by a constant that is it, or by a computed value of its kind.
    fn rules_for(&mut self, app: AppId, kind: KindId, value: &str) -> Vec<RuleExplanation> {
        let shape = self.shape;
        let mut out: Vec<(Step<'a>, RuleExplanation)> = Vec::new();
        let Subject::Identity(ty, _) = self.subject else { return Vec::new() };
        for &(rule, number) in shape.granted_by.get(&(app, kind)).map_or(&[][..], Vec::as_slice) {
            if self.world.program.rules[rule as usize].identity != ty {
                continue;
            }
            let constant = shape.rules[rule as usize].constants[number as usize];
            if constant
                .is_some_and(|c| !self.same_value(app, kind, &shape.constants[c as usize].value, value))
            {
                continue;
            }
            let mut grants = Vec::new();
            for step in self.candidates(rule) {
                let grant = self.grant_explanation(&step, number, constant.is_none(), value);
                grants.push((step, grant));
            }
            // Where an instance gives it, the others are of no interest.
            if grants.len() > 1 && grants.iter().any(|(_, g)| g.outcome == Outcome::True) {
                grants.retain(|(_, g)| g.outcome != Outcome::False);
            }
            for (step, grant) in grants {
                match out.iter_mut().find(|(known, _)| known.is(&step)) {
                    Some((_, explanation)) => explanation.grants.push(grant),
                    None => {
                        let explanation = self.rule_explanation(&step, grant);
                        out.push((step, explanation));
                    }
                }
            }
        }
        out.into_iter().map(|(_, explanation)| explanation).collect()
    }

    fn rule_explanation(&mut self, step: &Step<'a>, grant: GrantExplanation) -> RuleExplanation {
        let program = self.world.program;
        let shape = self.shape;
        let rule = step.rule;
        let mut included_by = Vec::new();
        for &through in shape.rules[rule as usize].had_through.iter().filter(|r| **r != rule) {
            let when = program.rules[through as usize].when;
            if when.is_none() && program.rules[through as usize].requestable.is_none() {
                continue;
            }
            let (path, start) = match self.way_by_instances(through, step) {
                Some((way, start)) => (way, Some(start)),
                None => {
                    let names = path(program, shape, through, rule);
                    let refs = names.into_iter().map(|r| self.rule_ref(program.rules[r as usize].rule));
                    (refs.collect(), None)
                }
            };
            included_by.push(IncludedBy {
                path,
                outcome: if start.is_some() || step.instance.is_none() {
                    self.facts.rule(through).into()
                } else {
                    match self.facts.rule(through) {
                        Tri::Yes | Tri::No => Outcome::False,
                        Tri::Unknown(_) => Outcome::Unknown,
                    }
                },
                when: when.map(|w| self.clause(w, 0)),
                assignments: match start {
                    Some(start) => self.assignments_of_step(&start),
                    None => self.assignments_of(through),
                },
            });
        }
        // Which instance a condition speaks of must be known to ask it.
        let bound = step.instance.is_some() || !self.has_params(rule);
        let asked = program.rules[rule as usize].requestable.as_ref().and_then(|r| r.when);
        RuleExplanation {
            rule: self.instance_ref(program.rules[rule as usize].rule, step.shown()),
            has: if bound { self.has_step_or_role(step).into() } else { Outcome::False },
            when: program.rules[rule as usize].when.map(|w| self.clause(w, 0)),
            requestable: program.rules[rule as usize].requestable.is_some(),
            requestable_when: asked
                .filter(|_| bound)
                .map(|w| self.with_arguments(step.instance.as_ref(), |me| me.clause(w, 0))),
            assignments: self.assignments_of_step(step),
            included_by,
            grants: vec![grant],
        }
    }

    /// A grant as far as it goes by itself, whether or not the identity has its rule.
    fn grant_explanation(
        &mut self,
        step: &Step<'a>,
        number: u32,
        computed: bool,
        value: &str,
    ) -> GrantExplanation {
        if step.instance.is_none() && self.has_params(step.rule) {
            // Without arguments it gives nothing.
            let grant = &self.world.program.rules[step.rule as usize].grants[number as usize];
            return GrantExplanation {
                observed: self.world.program.observed.grants.contains(&(step.rule, number)),
                place: grant.span.into(),
                outcome: Outcome::False,
                when: None,
                bounds: Vec::new(),
                computed,
                values: Vec::new(),
                reads: Vec::new(),
            };
        }
        self.with_arguments(step.instance.as_ref(), |me| me.grant_within(step, number, computed, value))
    }

    fn grant_within(
        &mut self,
        step: &Step<'a>,
        number: u32,
        computed: bool,
        value: &str,
    ) -> GrantExplanation {
        let rule = step.rule;
        let program = self.world.program;
        let grant = &program.rules[rule as usize].grants[number as usize];
        let mut given = Vec::new();
        self.bounds = Some(Vec::new());
        let result = self.expand_observed(step, number, &mut given);
        let bounds = self.bounds.take().unwrap_or_default();
        let mut values: Vec<String> =
            given.iter().map(|g| self.interner.entitlements.get(g.entitlement).value.to_string()).collect();
        let hit = values.iter().any(|v| self.same_value(grant.app, grant.kind, v, value));
        let outcome = match result {
            _ if hit => Outcome::True,
            Ok(()) => Outcome::False,
            Err(_) => Outcome::Unknown,
        };
        let mut reads = Vec::new();
        if grant.each.is_empty() {
            // What it comes to is worth knowing although its `when` fails.
            if let (true, Ok(computed)) = (values.is_empty(), self.joined_values(grant)) {
                values = computed;
            }
            for of in &grant.values {
                let (prov_ir::GrantValue::One(id) | prov_ir::GrantValue::Each(id)) = *of;
                self.collect_reads(id, &mut reads);
            }
        } else {
            for each in &grant.each {
                self.collect_reads(each.list, &mut reads);
            }
        }
        values.sort();
        values.dedup();
        GrantExplanation {
            place: grant.span.into(),
            observed: program.observed.grants.contains(&(rule, number)),
            outcome,
            when: grant.when.filter(|_| grant.each.is_empty()).map(|w| self.clause(w, 0)),
            bounds: bounds.into_iter().map(|b| self.bound_explanation(b)).collect(),
            computed,
            values,
            reads,
        }
    }

    fn bound_explanation(&self, bound: Bound) -> BoundExplanation {
        let days = bound.value.map(|(day, instant)| {
            let day = day.unwrap_or_else(|| self.world.moment.zone.date_of(instant));
            i64::from(day.0) - i64::from(self.clock.today.0)
        });
        BoundExplanation {
            word: match bound.word {
                BoundWord::From => "from",
                BoundWord::Until => "until",
                BoundWord::Through => "through",
            },
            place: self.world.program.expr(bound.at).span.into(),
            outcome: Outcome::of(bound.holds.map(Some)),
            at: bound.value.map(|(day, instant)| day.map_or(instant.to_string(), |d| d.to_string())),
            days,
        }
    }

    fn forbids_for(
        &mut self,
        ty: IdentityId,
        app: AppId,
        kind: KindId,
        value: &str,
    ) -> Vec<ForbidExplanation> {
        let program = self.world.program;
        let shape = self.shape;
        let compared = if shape.folds(app, kind) { fold(value) } else { value.into() };
        let speaking: Vec<u32> = shape.forbids[app.index()]
            .iter()
            .filter(|f| f.identity.is_none_or(|of| of == ty))
            .map(|f| f.position)
            .filter(|p| program.schema.forbids[*p as usize].covers(app, kind, &compared))
            .collect();
        speaking
            .into_iter()
            .map(|position| ForbidExplanation {
                rule: self.rule_ref(program.schema.forbids[position as usize].rule),
                outcome: self.forbid(position).into(),
                when: program.forbids[position as usize].when.map(|w| self.clause(w, 0)),
                suspended: self.exceptions_explained(self.suspending_forbid(position)),
            })
            .collect()
    }

    fn entitlement(&self, caused: &Caused, ty: IdentityId) -> EntitlementExplanation {
        let program = self.world.program;
        let schema = &program.schema;
        let Entitlement { app, kind, value } = &caused.entitlement;
        let causes = caused.causes.iter().filter_map(|cause| {
            let last = *cause.path.last()?;
            Some(CauseExplanation {
                path: (cause.path.iter().enumerate())
                    .map(|(n, r)| {
                        let args = cause.args.get(n).map_or("", String::as_str);
                        self.instance_ref(program.rules[*r as usize].rule, args)
                    })
                    .collect(),
                place: program.rules[last as usize].grants.get(cause.grant as usize)?.span.into(),
                assignment: cause.assignment.and_then(|n| {
                    let first = *cause.path.first()?;
                    self.assignment_explanation(n, first, Outcome::True, None)
                }),
            })
        });
        let withheld = caused.withheld.iter().filter_map(|w| {
            Some(match w {
                Withheld::NotInCatalog => {
                    let catalog = self.shape.catalogs.get(&(*app, *kind));
                    let mut known: Vec<&str> = catalog.into_iter().flatten().map(|(_, v)| &**v).collect();
                    known.sort_unstable();
                    let near = prov_diag::did_you_mean(value, known);
                    WithheldExplanation::NotInCatalog { did_you_mean: near.map(str::to_owned) }
                }
                Withheld::Blank => WithheldExplanation::Blank,
                Withheld::Forbidden(f) => {
                    WithheldExplanation::Forbid { rule: self.rule_ref(schema.forbids[*f as usize].rule) }
                }
                Withheld::Separated(s) => {
                    let rule = self.rule_ref(schema.separations[*s as usize].rule);
                    WithheldExplanation::Separation { rule }
                }
                Withheld::RoleForbidden(f, args) => {
                    let def = &schema.role_forbids[*f as usize];
                    WithheldExplanation::RoleForbidden {
                        role: format!("{}{args}", schema.rule(def.role.rule).name),
                        rule: self.rule_ref(def.rule),
                    }
                }
                Withheld::RoleSeparated(role, s, args) => {
                    let rule = self.rule_ref(schema.separations[*s as usize].rule);
                    let role = schema.rule(program.rules[*role as usize].rule);
                    let role = format!("{}{args}", role.name);
                    WithheldExplanation::RoleSeparated { role, rule }
                }
                Withheld::Denied(e) => {
                    WithheldExplanation::Denied { exception: self.exception_explained(*e)? }
                }
                Withheld::RoleDenied(role, e, args) => WithheldExplanation::RoleDenied {
                    role: format!("{}{args}", schema.rule(program.rules[*role as usize].rule).name),
                    exception: self.exception_explained(*e)?,
                },
                Withheld::Outranked(by) => WithheldExplanation::Outranked { value: by.value.to_string() },
                Withheld::Dropped(state) => {
                    let lifecycle = schema.identity(ty).lifecycle.as_ref()?;
                    let rule = self.rule_ref(lifecycle.defs.get(*state as usize)?.rule);
                    WithheldExplanation::State { rule }
                }
                Withheld::NoAccount => {
                    let first = || schema.app(*app).account.as_ref().map(|a| a.rule);
                    let rule = self.rule_ref(self.world.program.account_rule(*app, ty).or_else(first)?);
                    WithheldExplanation::NoAccount { rule }
                }
            })
        });
        EntitlementExplanation {
            app: schema.app(*app).name.clone(),
            kind: schema.kind(*app, *kind).name.clone(),
            value: value.to_string(),
            held: caused.withheld.is_empty(),
            causes: causes.collect(),
            withheld: withheld.collect(),
        }
    }
}
