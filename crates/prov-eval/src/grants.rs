//! From rules that hold to what is held: values of grants, spellings, catalogs, forbids, the highest of a kind.
//! Invariant: the order is that of language.md 11.9; an unknown condition never grants and never forbids by itself, it
//! is reported.

use crate::facts::Tri;
use crate::instances::{Stage, Step};
use crate::interner::Cataloged;
use crate::interp::{Interp, Res, Subject};
use crate::world::{NO_STATE, Unknown};
use prov_ir::{GrantProgram, GrantValue};
use prov_model::{
    AppId, Date, Decimal, EntId, EntitlementIssue, Separated, SeparationHit, Type, Value, compare, fold,
    join_values, nfc, split_values,
};
use std::borrow::Cow;
use std::cmp::Ordering;

/// An entitlement that a grant gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub entitlement: EntId,
    pub rule: u32,
    pub grant: u32,
    /// The instance of the rule, by number of the interner; 0 where it has no parameters.
    pub instance: u32,
}

/// What stands of what was granted.
#[derive(Default)]
pub(crate) struct Settled {
    /// In order of [`prov_model::Entitlements::same_as`], without doubles.
    pub held: Vec<EntId>,
    pub withheld: Vec<(EntId, EntitlementIssue)>,
    /// Separations that are hit.
    pub separated: Vec<SeparationHit<EntId>>,
    pub unknown: Option<Unknown>,
}

/// Why nothing can be held in an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// The state of that number drops it.
    Dropped(u32),
    /// The account is not wanted.
    NoAccount,
}

/// An entitlement with its values as they compare.
type Ranked = (EntId, Vec<Value<'static>>);

impl<'a> Interp<'a> {
    /// Why the identity at hand holds nothing in an app, if so.
    pub(crate) fn blocked(&mut self, app: AppId) -> Res<Option<Block>> {
        let Subject::Identity(ty, row) = self.subject else { return Ok(None) };
        let schema = &self.world.program.schema;
        if let Some(lifecycle) = &schema.identity(ty).lifecycle {
            let state = self.state_of(ty, row)?;
            if state != NO_STATE && lifecycle.defs[state as usize].drops(app) {
                return Ok(Some(Block::Dropped(state)));
            }
        }
        if schema.app(app).account.is_none() {
            return Ok(None);
        }
        match self.account_of(app).map(|a| self.facts.account(a).wanted) {
            Some(Tri::Yes) => Ok(None),
            // None: no block is for this type.
            None | Some(Tri::No) => Ok(Some(Block::NoAccount)),
            Some(Tri::Unknown(unknown)) => Err(unknown),
        }
    }

    /// What a grant of a rule that is had gives. With an error, what is out holds the part that is known.
    pub(crate) fn expand(&mut self, rule: u32, grant: u32, out: &mut Vec<Granted>) -> Res<()> {
        if !self.has_params(rule) {
            return self.expand_within(&Step { rule, instance: None }, grant, out);
        }
        let had = self.instances(rule, Stage::Had);
        let mut result = had.open.map_or(Ok(()), Err);
        for instance in &had.list {
            let one = match instance.is {
                Tri::No => Ok(()),
                Tri::Yes => self.expand_within(&Step { rule, instance: Some(instance.clone()) }, grant, out),
                Tri::Unknown(unknown) => Err(unknown),
            };
            result = result.and(one);
        }
        result
    }

    /// What a grant gives to who has a role, or the instance of one.
    pub(crate) fn expand_within(&mut self, step: &Step<'a>, grant: u32, out: &mut Vec<Granted>) -> Res<()> {
        if self.world.program.observed.grants.contains(&(step.rule, grant)) {
            return Ok(());
        }
        self.expand_observed(step, grant, out)
    }

    /// The same, whether or not the grant is observed.
    pub(crate) fn expand_observed(&mut self, step: &Step<'a>, grant: u32, out: &mut Vec<Granted>) -> Res<()> {
        let Some(instance) = &step.instance else { return self.expand_bound(step.rule, grant, out) };
        let (before, keeping) = (out.len(), self.keeps.keeping.len());
        let result = self.with_arguments(Some(instance), |me| me.expand_bound(step.rule, grant, out));
        let number = self.interner.instance(&instance.key, &instance.shown);
        out[before..].iter_mut().for_each(|g| g.instance = number);
        self.keeps.keeping[keeping..].iter_mut().for_each(|k| k.instance = number);
        result
    }

    fn expand_bound(&mut self, rule: u32, grant: u32, out: &mut Vec<Granted>) -> Res<()> {
        let program = &self.world.program.rules[rule as usize].grants[grant as usize];
        let constant = self.shape.rules[rule as usize].constants[grant as usize];
        match (constant, program.each.is_empty()) {
            (Some(constant), true) => {
                if self.stands(program)? {
                    let entitlement = self.interner.constant(self.shape, constant);
                    let given = Granted { entitlement, rule, grant, instance: 0 };
                    self.note_keep(rule, program, &[given])?;
                    out.push(given);
                }
                Ok(())
            }
            _ => self.expand_each(rule, grant, program, 0, out),
        }
    }

    fn expand_each(
        &mut self,
        rule: u32,
        grant: u32,
        program: &'a GrantProgram,
        depth: usize,
        out: &mut Vec<Granted>,
    ) -> Res<()> {
        let Some(each) = program.each.get(depth) else {
            if self.stands(program)? {
                let before = out.len();
                self.expand_values(rule, grant, program, out)?;
                self.note_keep(rule, program, &out[before..])?;
            }
            return Ok(());
        };
        let Some(seq) = self.seq(each.list)? else { return Ok(()) };
        let mut result = Ok(());
        for i in 0..seq.len() {
            self.bind(each.local, Ok(seq.get(i)));
            let one = match self.holds(each.filter) {
                Ok(true) => self.expand_each(rule, grant, program, depth + 1, out),
                Ok(false) => Ok(()),
                Err(unknown) => Err(unknown),
            };
            result = result.and(one);
        }
        result
    }

    pub(crate) fn expand_values(
        &mut self,
        rule: u32,
        grant: u32,
        program: &'a GrantProgram,
        out: &mut Vec<Granted>,
    ) -> Res<()> {
        let (app, kind) = (program.app, program.kind);
        if let [GrantValue::One(id)] = program.values[..] {
            let value = self.eval(id)?;
            if !value.is_absent() {
                let spelled = self.spell(&value, &self.world.program.expr(id).ty);
                let entitlement = self.interner.intern(self.shape, app, kind, &spelled);
                out.push(Granted { entitlement, rule, grant, instance: 0 });
            }
            return Ok(());
        }
        for joined in self.joined_values(program)? {
            let entitlement = self.interner.intern(self.shape, app, kind, &joined);
            out.push(Granted { entitlement, rule, grant, instance: 0 });
        }
        Ok(())
    }

    /// Every combination of the values of a grant, joined; nothing where one is absent.
    pub(crate) fn joined_values(&mut self, program: &'a GrantProgram) -> Res<Vec<String>> {
        let mut rows: Vec<Vec<String>> = vec![Vec::new()];
        for value in &program.values {
            let column = self.spelled_values(value)?;
            rows = rows
                .iter()
                .flat_map(|row| column.iter().map(|v| row.iter().chain([v]).cloned().collect()))
                .collect();
        }
        Ok(rows.iter().map(|parts| join_values(parts)).collect())
    }

    fn spelled_values(&mut self, value: &GrantValue) -> Res<Vec<String>> {
        let program = self.world.program;
        match *value {
            GrantValue::One(id) => Ok(match self.eval(id)? {
                Value::Absent => Vec::new(),
                value => vec![self.spell(&value, &program.expr(id).ty).into_owned()],
            }),
            GrantValue::Each(id) => {
                let Some(seq) = self.seq(id)? else { return Ok(Vec::new()) };
                let ty = match program.expr(id).ty.required() {
                    Type::Set(element) | Type::List(element) => element,
                    other => other,
                };
                Ok((0..seq.len()).map(|i| self.spell(&seq.get(i), ty).into_owned()).collect())
            }
        }
    }

    /// The plain spelling of a value, in NFC.
    pub(crate) fn spell<'v>(&self, value: &'v Value<'a>, ty: &Type) -> Cow<'v, str> {
        match value.spelling() {
            Some(s) => nfc(s),
            None => Cow::Owned(value.plain(ty, &self.world.program.schema)),
        }
    }

    /// What stands of grants in apps where the identity at hand may hold something. `grants` comes out sorted. `whole`
    /// says that they are all there are; else separations look at what the steps taken so far give.
    pub(crate) fn settle(&mut self, grants: &mut [Granted], whole: bool) -> Settled {
        let mut settled = self.after_forbids(grants);
        self.yield_kept(grants, &mut settled, whole);
        self.separate(&mut settled, whole);
        self.highest(&mut settled);
        for (id, exception) in std::mem::take(&mut self.keeps.denied) {
            let known = &self.interner.entitlements;
            if !settled.held.iter().any(|h| known.same_as(*h) == known.same_as(id)) {
                settled.withheld.push((id, EntitlementIssue::Denied(exception)));
            }
        }
        settled
    }

    /// Takes off what separations withhold, all at once.
    fn separate(&mut self, settled: &mut Settled, whole: bool) {
        if self.world.program.schema.separations.is_empty() {
            return;
        }
        let (hits, unknown) = self.hits(&settled.held, whole);
        settled.unknown = settled.unknown.or(unknown);
        for hit in &hits {
            let resolve = self.world.program.schema.separations[hit.separation as usize].resolve;
            for (side, item) in &hit.items {
                let Separated::Entitlement(id) = item else { continue };
                let same = self.interner.entitlements.same_as(*id);
                let known = &self.interner.entitlements;
                let Some(&held) = settled.held.iter().find(|h| known.same_as(**h) == same) else { continue };
                if resolve.withholds(*side as usize) {
                    settled.withheld.push((held, EntitlementIssue::Separated(hit.separation)));
                }
            }
        }
        let withheld = &settled.withheld;
        settled.held.retain(|id| {
            !withheld.iter().any(|(w, issue)| w == id && matches!(issue, EntitlementIssue::Separated(_)))
        });
        settled.withheld.sort_unstable();
        settled.withheld.dedup();
        settled.separated = hits;
    }

    /// What catalogs and forbids leave of grants, which come out sorted.
    pub(crate) fn after_forbids(&mut self, grants: &mut [Granted]) -> Settled {
        let mut settled = Settled::default();
        if grants.is_empty() {
            return settled;
        }
        let known = &self.interner.entitlements;
        grants.sort_unstable_by(|a, b| {
            let (a, b) = (a.entitlement, b.entitlement);
            known.same_as(a).cmp(&known.same_as(b)).then_with(|| {
                if a == b { Ordering::Equal } else { known.get(a).value.cmp(&known.get(b).value) }
            })
        });
        let mut last = None;
        for granted in grants.iter() {
            // Of several spellings the smallest by bytes came first.
            let same = self.interner.entitlements.same_as(granted.entitlement);
            if last == Some(same) {
                continue;
            }
            last = Some(same);
            // What a state keeps was held: no catalog takes it away.
            let known = &self.interner.entitlements;
            let stays = grants
                .iter()
                .any(|g| g.rule == crate::entered::BY_STATE && known.same_as(g.entitlement) == same);
            if !stays && self.is_blank(granted.entitlement) {
                settled.withheld.push((granted.entitlement, EntitlementIssue::Blank));
                continue;
            }
            match self.cataloged(same) {
                Some(Cataloged::Yes(spelled)) => self.settle_one(spelled, same, &mut settled),
                Some(Cataloged::No) if !stays => {
                    settled.withheld.push((granted.entitlement, EntitlementIssue::NotInCatalog));
                }
                None | Some(Cataloged::No) => self.settle_one(granted.entitlement, same, &mut settled),
            }
        }
        settled
    }

    /// Whether a value of an entitlement, of a kind that has any, is blank.
    fn is_blank(&self, id: EntId) -> bool {
        let e = self.interner.entitlements.get(id);
        match self.world.program.schema.kind(e.app, e.kind).types.len() {
            0 => false,
            1 => e.value.trim().is_empty(),
            _ => prov_model::split_values(&e.value).iter().any(|v| v.trim().is_empty()),
        }
    }

    /// Applies forbids and exceptions to one entitlement.
    fn settle_one(&mut self, id: EntId, same: EntId, settled: &mut Settled) {
        if !self.interner.covered.contains_key(&same) {
            let covered = self.covered(same);
            self.interner.covered.insert(same, covered);
        }
        let forbids = self.interner.covered.get(&same).cloned().unwrap_or_default();
        let (mut forbidden, mut open) = (false, None);
        for &position in &forbids {
            match self.forbid(position) {
                Tri::Yes => {
                    forbidden = true;
                    settled.withheld.push((id, EntitlementIssue::Forbidden(position)));
                }
                Tri::No => {}
                Tri::Unknown(unknown) => open = open.or(Some(unknown)),
            }
        }
        let item = self.interner.entitlements.get(same);
        let value =
            if self.shape.folds(item.app, item.kind) { fold(&item.value) } else { (&*item.value).into() };
        for exception in self.denials(item.app, item.kind, &value) {
            forbidden = true;
            settled.withheld.push((id, EntitlementIssue::Denied(exception)));
        }
        // What one forbid withholds for certain no other can change.
        if !forbidden {
            settled.unknown = settled.unknown.or(open);
            settled.held.push(id);
        }
    }

    /// The forbids that hold for certain and cover an entitlement, and the exceptions that deny it, by position.
    pub(crate) fn refused(&mut self, id: EntId) -> (Vec<u32>, Vec<u32>) {
        let same = self.interner.entitlements.same_as(id);
        let forbids = self.covered(same).into_iter().filter(|&f| self.forbid(f) == Tri::Yes).collect();
        let item = self.interner.entitlements.get(same);
        let folds = self.shape.folds(item.app, item.kind);
        let value = if folds { fold(&item.value) } else { (&*item.value).into() };
        (forbids, self.denials(item.app, item.kind, &value))
    }

    /// The forbids for the type at hand that speak of an entitlement.
    fn covered(&self, same: EntId) -> Box<[u32]> {
        let Subject::Identity(ty, _) = self.subject else { return Box::default() };
        let item = self.interner.entitlements.get(same);
        let value =
            if self.shape.folds(item.app, item.kind) { fold(&item.value) } else { (&*item.value).into() };
        self.shape.forbids[item.app.index()]
            .iter()
            .filter(|f| f.identity.is_none_or(|of| of == ty))
            .map(|f| f.position)
            .filter(|&p| self.world.program.schema.forbids[p as usize].covers(item.app, item.kind, &value))
            .collect()
    }

    /// What the catalog says; `None` where the kind has none.
    fn cataloged(&mut self, same: EntId) -> Option<Cataloged> {
        if self.shape.catalogs.is_empty() {
            return None;
        }
        if let Some(&known) = self.interner.cataloged.get(&same) {
            return Some(known);
        }
        let item = self.interner.entitlements.get(same);
        let (app, kind) = (item.app, item.kind);
        let catalog = self.shape.catalogs.get(&(app, kind))?;
        let key = if self.shape.folds(app, kind) { fold(&item.value) } else { (&*item.value).into() };
        let said = match catalog.get(&*key) {
            Some(spelled) => Cataloged::Yes(self.interner.intern(self.shape, app, kind, spelled)),
            None => Cataloged::No,
        };
        self.interner.cataloged.insert(same, said);
        Some(said)
    }

    /// Keeps the highest of each kind where the highest wins.
    fn highest(&mut self, settled: &mut Settled) {
        let schema = &self.world.program.schema;
        let known = &self.interner.entitlements;
        let place = |id: &EntId| {
            let item = known.get(*id);
            (item.app, item.kind)
        };
        let mut kinds: Vec<_> = settled
            .held
            .iter()
            .map(place)
            .filter(|(app, kind)| schema.kind(*app, *kind).highest_wins)
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        for of in kinds {
            let types = &schema.kind(of.0, of.1).types;
            let rank = |id: EntId| -> Vec<Value<'static>> {
                let parts = split_values(&known.get(id).value);
                parts.iter().zip(types).map(|(part, ty)| self.read_plain(part, ty)).collect()
            };
            let ranked: Vec<Ranked> =
                settled.held.iter().copied().filter(|id| place(id) == of).map(|id| (id, rank(id))).collect();
            let above = |a: &[Value<'_>], b: &[Value<'_>]| {
                a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
            };
            // What does not read by its type is below all that does; of equal ones the greatest spelling stands for all.
            let spelled = |id: EntId| &known.get(id).value;
            let order =
                |a: &Ranked, b: &Ranked| above(&a.1, &b.1).then_with(|| spelled(a.0).cmp(spelled(b.0)));
            let Some(top) = ranked.iter().max_by(|a, b| order(a, b)).map(|(id, _)| *id) else {
                continue;
            };
            settled.held.retain(|id| *id == top || place(id) != of);
            let losers = ranked.iter().filter(|(id, _)| *id != top);
            settled.withheld.extend(losers.map(|(id, _)| (*id, EntitlementIssue::Outranked)));
        }
    }

    /// Reads a plain spelling back; what is not of the type ranks lowest.
    fn read_plain(&self, part: &str, ty: &Type) -> Value<'static> {
        match ty.required() {
            Type::Enum(id) => {
                let variants = &self.world.program.schema.enums[id.index()].variants;
                variants.iter().position(|v| v == part).map_or(Value::Absent, |v| Value::Enum(v as u32))
            }
            Type::Int => part.parse().map_or(Value::Absent, Value::Int),
            Type::Decimal => Decimal::parse(part).map_or(Value::Absent, Value::Decimal),
            Type::Date => Date::parse(part).map_or(Value::Absent, Value::Date),
            Type::Bool => Value::Bool(part == "true"),
            Type::Text => Value::text(part.to_owned()),
            Type::Str
            | Type::Instant
            | Type::Duration
            | Type::Elapsed
            | Type::Set(_)
            | Type::List(_)
            | Type::Record(_)
            | Type::Identity(_)
            | Type::Optional(_) => Value::str(part.to_owned()),
        }
    }
}
