//! Which roles the identity at hand has, where forbids and separations withhold some.
//! Invariant: a role is had in three steps: it comes (by its own condition, or by a role that is had and includes it),
//! forbids and exceptions take it, separations take it, all at once, on what the forbids left.

use crate::explain::Outcome;
use crate::facts::Tri;
use crate::instances::{Stage, Step};
use crate::interp::Interp;
use crate::world::Unknown;
use prov_model::{EntId, Separated, SeparationHit};

/// What is known of one role.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoleFact {
    pub comes: Option<Tri>,
    pub left: Option<Tri>,
    pub had: Option<Tri>,
}

/// Why a role that comes is not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoleBlock {
    /// The forbid at this position of [`prov_model::Schema::role_forbids`].
    Forbidden(u32),
    /// The exception at this position of the background.
    Denied(u32),
    /// The separation at this position of [`prov_model::Schema::separations`].
    Separated(u32),
}

/// Of what a separation is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From<'h> {
    /// All that the forbids left.
    Held(&'h [EntId]),
    /// What the steps so far give.
    Steps,
    /// The same, before what is only kept has yielded.
    Unyielded,
}

/// A yes where one of two is, an unknown where neither is and one is unknown.
pub(crate) fn or(a: Tri, b: Tri) -> Tri {
    match (a, b) {
        (Tri::Yes, _) | (_, Tri::Yes) => Tri::Yes,
        (Tri::Unknown(a), Tri::Unknown(b)) => Tri::Unknown(a.min(b)),
        (Tri::Unknown(u), Tri::No) | (Tri::No, Tri::Unknown(u)) => Tri::Unknown(u),
        (Tri::No, Tri::No) => Tri::No,
    }
}

/// A role of which this much is had, and which is withheld where `by` holds.
pub(crate) fn less(had: Tri, by: Tri) -> Tri {
    match (had, by) {
        (Tri::No, _) | (_, Tri::Yes) => Tri::No,
        (had, Tri::No) => had,
        (Tri::Yes, unknown) => unknown,
        (Tri::Unknown(a), Tri::Unknown(b)) => Tri::Unknown(a.min(b)),
    }
}

impl<'a> Interp<'a> {
    /// Whether the identity at hand has a role, by the steps taken so far.
    pub(crate) fn has_role(&mut self, rule: u32) -> Tri {
        if self.is_gated() {
            return self.had(rule);
        }
        let mut result = Tri::No;
        for &by in &self.shape.rules[rule as usize].had_through {
            result = or(result, self.facts.rule(by));
            if result == Tri::Yes {
                break;
            }
        }
        result
    }

    /// Whether it is assigned, or brought by a role that is had.
    pub(crate) fn comes(&mut self, rule: u32) -> Tri {
        if let Some(known) = self.facts.role(rule).comes {
            return known;
        }
        if self.has_params(rule) {
            return self.instances(rule, Stage::Comes).any();
        }
        // A role that leads to itself, which the checker refuses, does not come by itself.
        self.facts.role_mut(rule).comes = Some(Tri::No);
        let shape = self.shape;
        let mut result = self.facts.rule(rule);
        for &by in &shape.rules[rule as usize].included_by {
            if result == Tri::Yes {
                break;
            }
            result = or(result, self.had(by));
        }
        self.facts.role_mut(rule).comes = Some(result);
        result
    }

    /// What the forbids leave of it.
    fn left(&mut self, rule: u32) -> Tri {
        if let Some(known) = self.facts.role(rule).left {
            return known;
        }
        if self.has_params(rule) {
            return self.instances(rule, Stage::Left).any();
        }
        let mut result = self.comes(rule);
        let shape = self.shape;
        if result != Tri::No {
            for &forbid in &shape.rules[rule as usize].forbids {
                result = less(result, self.role_forbid(forbid));
            }
            if self.denials_of_role(rule, None).next().is_some() {
                result = Tri::No;
            }
        }
        self.facts.role_mut(rule).left = Some(result);
        result
    }

    /// What the separations leave of that.
    pub(crate) fn had(&mut self, rule: u32) -> Tri {
        if let Some(known) = self.facts.role(rule).had {
            return known;
        }
        if self.has_params(rule) {
            return self.instances(rule, Stage::Had).any();
        }
        self.facts.role_mut(rule).had = Some(Tri::No);
        let mut result = self.left(rule);
        let shape = self.shape;
        if result != Tri::No {
            for &(separation, side) in &shape.rules[rule as usize].separations {
                let def = &self.world.program.schema.separations[separation as usize];
                if def.resolve.withholds(side as usize) {
                    let by = self.is_hit(separation);
                    result = less(result, by);
                }
            }
        }
        self.facts.role_mut(rule).had = Some(result);
        result
    }

    /// Whether a separation is hit, by the steps taken so far.
    pub(crate) fn is_hit(&mut self, separation: u32) -> Tri {
        self.look(separation, From::Steps).1
    }

    /// What of a separation is there, and whether it is hit.
    pub(crate) fn look(&mut self, separation: u32, from: From<'_>) -> (SeparationHit<EntId>, Tri) {
        let def = &self.world.program.schema.separations[separation as usize];
        let observed = self.world.program.observed.separations.contains(&separation);
        let suspended = observed || !self.suspending_separation(separation).is_empty();
        let mut items: Vec<(u32, Separated<EntId>)> = Vec::new();
        let (mut there, mut perhaps, mut unknown) = (0, 0, None);
        for (number, side) in def.sides.iter().enumerate() {
            let number = number as u32;
            let before = items.len();
            let mut open: Option<Unknown> = None;
            for role in &side.roles {
                if self.has_params(role.position) {
                    let left = self.instances(role.position, Stage::Left);
                    open = open.or(left.open);
                    for x in left.list.iter().filter(|x| role.covers(Some(&x.key))) {
                        match x.is {
                            Tri::Yes => items.push((number, Separated::Role(role.rule, (&*x.shown).into()))),
                            Tri::No => {}
                            Tri::Unknown(u) => open = open.or(Some(u)),
                        }
                    }
                    continue;
                }
                match self.left(role.position) {
                    Tri::Yes => items.push((number, Separated::Role(role.rule, "".into()))),
                    Tri::No => {}
                    Tri::Unknown(u) => open = open.or(Some(u)),
                }
            }
            match from {
                From::Held(held) => {
                    for &id in held {
                        if self.sides_of(id).contains(&(separation, number)) {
                            items.push((number, Separated::Entitlement(id)));
                        }
                    }
                }
                From::Steps | From::Unyielded => {
                    let (mut found, u) = self.on_side(separation, number);
                    if let From::Steps = from {
                        found.retain(|id| {
                            self.lives(*id) || self.yields(*id, From::Unyielded, Self::lives).is_empty()
                        });
                    }
                    items.extend(found.into_iter().map(|id| (number, Separated::Entitlement(id))));
                    open = open.or(u);
                }
            }
            if items.len() > before {
                there += 1;
            } else if open.is_some() {
                perhaps += 1;
                unknown = unknown.or(open);
            }
        }
        items.sort_unstable();
        items.dedup();
        let is = if suspended {
            Tri::No
        } else if there >= def.at_least {
            self.unless_suspended(Tri::Yes, |s| s.separations.contains(&separation))
        } else {
            unknown.filter(|_| there + perhaps >= def.at_least).map_or(Tri::No, Tri::Unknown)
        };
        (SeparationHit { separation, items }, is)
    }

    /// What of a separation is there, for an explanation, and whether it is hit.
    pub(crate) fn there(&mut self, separation: u32) -> (SeparationHit<EntId>, Outcome) {
        let (there, is) = self.look(separation, From::Steps);
        (there, is.into())
    }

    /// Whether rules give something that [`Interp::on_side`] found.
    pub(crate) fn lives(&self, id: EntId) -> bool {
        self.facts.live_on_sides.contains(&self.interner.entitlements.same_as(id))
    }

    /// What is on a side, of entitlements, by the steps taken so far and before any separation; what is only kept too.
    fn on_side(&mut self, separation: u32, side: u32) -> (Vec<EntId>, Option<Unknown>) {
        if let Some(known) = self.facts.sides.get(&(separation, side)) {
            return known.clone();
        }
        let shape = self.shape;
        let def = &self.world.program.schema.separations[separation as usize].sides[side as usize];
        let (mut grants, mut kept, mut unknown) = (Vec::new(), Vec::new(), None);
        for pattern in &def.patterns {
            let of_app = &self.world.program.schema.app(pattern.app).kinds;
            let kinds = (0..of_app.len() as u32).map(prov_model::KindId);
            for kind in kinds.filter(|k| pattern.kind.is_none_or(|of| of == *k)) {
                match self.blocked(pattern.app) {
                    Ok(None) => {}
                    Ok(Some(_)) => {
                        self.add_entered(Some((pattern.app, kind)), &mut kept);
                        continue;
                    }
                    Err(u) => {
                        unknown = unknown.or(Some(u));
                        continue;
                    }
                }
                for &(rule, grant) in
                    shape.granted_by.get(&(pattern.app, kind)).map_or(&[][..], Vec::as_slice)
                {
                    let constant = shape.rules[rule as usize].constants[grant as usize];
                    // One that is surely elsewhere is not looked at: its role may hang on this separation.
                    let elsewhere = constant.is_some_and(|c| {
                        let value = &shape.constants[c as usize].value;
                        let value = if shape.folds(pattern.app, kind) {
                            prov_model::fold(value)
                        } else {
                            value.as_str().into()
                        };
                        !pattern.covers(pattern.app, kind, &value)
                    });
                    if elsewhere {
                        continue;
                    }
                    match self.has_role(rule) {
                        Tri::No => {}
                        Tri::Yes => {
                            if let Err(u) =
                                self.nested(self.subject, |me| me.expand(rule, grant, &mut grants))
                            {
                                unknown = unknown.or(Some(u));
                            }
                        }
                        Tri::Unknown(u) => unknown = unknown.or(Some(u)),
                    }
                }
                // What is denied is told where all is settled.
                let denied = self.keeps.denied.len();
                let mut more = grants.clone();
                self.add_kept(Some((pattern.app, kind)), &mut more);
                self.add_entered(Some((pattern.app, kind)), &mut more);
                self.keeps.denied.truncate(denied);
                kept.extend(more.drain(grants.len()..));
            }
        }
        let known = &self.interner.entitlements;
        self.facts.live_on_sides.extend(grants.iter().map(|g| known.same_as(g.entitlement)));
        grants.append(&mut kept);
        let left = self.after_forbids(&mut grants);
        let mut held = left.held;
        held.retain(|id| self.sides_of(*id).contains(&(separation, side)));
        let found = (held, unknown.or(left.unknown));
        self.facts.sides.insert((separation, side), found.clone());
        found
    }

    /// The separations, with their sides, that speak of an entitlement.
    pub(crate) fn sides_of(&mut self, id: EntId) -> std::rc::Rc<[(u32, u32)]> {
        let same = self.interner.entitlements.same_as(id);
        if let Some(known) = self.interner.sides.get(&same) {
            return known.clone();
        }
        let item = self.interner.entitlements.get(same);
        let value = if self.shape.folds(item.app, item.kind) {
            prov_model::fold(&item.value)
        } else {
            (&*item.value).into()
        };
        let all = self.world.program.schema.separations.iter().enumerate();
        let sides: std::rc::Rc<[(u32, u32)]> = all
            .flat_map(|(i, def)| {
                let sides = def.sides_of(item.app, item.kind, &value);
                sides.map(move |side| (i as u32, side as u32))
            })
            .collect();
        self.interner.sides.insert(same, sides.clone());
        sides
    }

    /// The separations that are hit, given all that the forbids left (`None`: what the steps so far give, and only those
    /// that speak of `held`), with what can't be known.
    pub(crate) fn hits(
        &mut self,
        held: &[EntId],
        whole: bool,
    ) -> (Vec<SeparationHit<EntId>>, Option<Unknown>) {
        let mut asked: Vec<u32> = Vec::new();
        for &id in held {
            asked.extend(self.sides_of(id).iter().map(|s| s.0));
        }
        if whole {
            let of_roles = &self.shape.role_separations;
            asked.extend(of_roles);
        }
        asked.sort_unstable();
        asked.dedup();
        let (mut hits, mut unknown) = (Vec::new(), None);
        for separation in asked {
            match self.look(separation, if whole { From::Held(held) } else { From::Steps }) {
                (hit, Tri::Yes) => hits.push(hit),
                (_, Tri::No) => {}
                (_, Tri::Unknown(open)) => unknown = unknown.or(Some(open)),
            }
        }
        (hits, unknown)
    }

    /// Roles that come and are not had, with why, in order of position. The steps must have been taken.
    pub(crate) fn withheld_roles(&mut self) -> Vec<(Step<'a>, RoleBlock)> {
        let mut out = Vec::new();
        if !self.is_gated() {
            return out;
        }
        for rule in 0..self.world.program.rules.len() as u32 {
            if self.comes(rule) != Tri::Yes {
                continue;
            }
            if self.has_params(rule) {
                self.withheld_instances(rule, &mut out);
                continue;
            }
            let shape = self.shape;
            let of = &shape.rules[rule as usize];
            let step = Step { rule, instance: None };
            for &forbid in &of.forbids {
                if self.role_forbid(forbid) == Tri::Yes {
                    out.push((step.clone(), RoleBlock::Forbidden(forbid)));
                }
            }
            let denials = self.denials_of_role(rule, None);
            out.extend(denials.map(|n| (step.clone(), RoleBlock::Denied(n))));
            if self.left(rule) == Tri::Yes {
                for &(separation, side) in &of.separations {
                    let def = &self.world.program.schema.separations[separation as usize];
                    if def.resolve.withholds(side as usize) && self.is_hit(separation) == Tri::Yes {
                        out.push((step.clone(), RoleBlock::Separated(separation)));
                    }
                }
            }
        }
        out
    }

    /// Whether the condition of a forbid of a role holds for the identity at hand.
    pub(crate) fn role_forbid(&mut self, position: u32) -> Tri {
        if let Some(known) = self.facts.role_forbids[position as usize] {
            return known;
        }
        let when = self.world.program.role_forbids[position as usize].when;
        let observed = self.world.program.observed.role_forbids.contains(&position);
        let value = if !observed && self.suspending_role_forbid(position).is_empty() {
            let holds = Tri::of(self.nested(self.subject, |me| me.holds(when)));
            self.unless_suspended(holds, |s| s.role_forbids.contains(&position))
        } else {
            Tri::No
        };
        self.facts.role_forbids[position as usize] = Some(value);
        value
    }
}
