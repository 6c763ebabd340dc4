//! What rules of one identity type give to everyone who has them, or to everyone of one value of an input.
//! Invariant: whoever has only rules that are *plain* here, and none of whose entitlements is *special*, holds exactly
//! these, less those of apps in which nothing can be held: no catalog, forbid, separation, rank or memory changes that.

use super::formula::Input;
use crate::profile::Unplain;
use crate::shape::Shape;
use prov_ir::{ExprId, ExprKind, GrantProgram, Program};
use prov_model::{AppId, IdentityId, KindId, fold};
use rustc_hash::{FxHashMap, FxHashSet};

/// An entitlement that grants give.
#[derive(Clone, Debug)]
pub(crate) struct Static {
    pub app: AppId,
    pub kind: KindId,
    pub value: Box<str>,
    /// What may change that it is held; none where nothing may.
    pub special: Option<Box<Special>>,
}

/// What may keep someone from holding what is granted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Special {
    /// It is not what it seems: blank, unknown to its catalog, or spelled in several ways.
    pub odd: bool,
    /// The highest of its kind wins.
    pub ranked: bool,
    /// Forbids that cover it.
    pub forbids: Vec<u32>,
    /// Separations that name it, with the side.
    pub sides: Vec<(u32, u32)>,
}

/// Entitlements by what they are compared by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Items {
    pub list: Vec<Static>,
    numbers: FxHashMap<(AppId, KindId, Box<str>), u32>,
}

/// A grant whose value follows from one input of a row.
#[derive(Clone, Debug)]
pub(crate) struct ByInput {
    pub rule: u32,
    pub grant: u32,
    /// None where it reads no row.
    pub input: Option<Input>,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(crate) struct Statics {
    pub items: Items,
    /// By rule: numbers of items that it and all it includes give, sorted.
    pub gives: Vec<Box<[u32]>>,
    pub by_input: Vec<ByInput>,
    /// By rule: positions in [`Statics::by_input`] of what it and all it includes give too.
    pub also: Vec<Box<[u32]>>,
    /// By rule: whether that is all it gives.
    pub plain: Vec<bool>,
    /// By rule: what is not told here of what it gives, and the rule (itself, or one that it brings) of which that is so.
    pub unplain: Vec<Option<(Unplain, u32)>>,
    /// Whether identities of the type are decided by their rules at all.
    pub flat: bool,
    /// Whether accounts of the type ask for roles.
    pub accounts_ask: bool,
}

/// Whether a role that comes may yet not be had, for more than what exceptions say.
pub(crate) fn is_gated(program: &Program, shape: &Shape, rule: u32) -> bool {
    let of = &shape.rules[rule as usize];
    !of.forbids.is_empty() || !of.separations.is_empty() || !program.rules[rule as usize].params.is_empty()
}

impl Items {
    /// The number of an entitlement, new if need be.
    pub(crate) fn number(
        &mut self,
        program: &Program,
        shape: &Shape,
        ty: IdentityId,
        (app, kind, value): (AppId, KindId, &str),
    ) -> u32 {
        let key: Box<str> = if shape.folds(app, kind) { fold(value).into() } else { value.into() };
        let next = self.list.len() as u32;
        let number = *self.numbers.entry((app, kind, key.clone())).or_insert(next);
        if number == next {
            let special = special(program, shape, ty, (app, kind, value), &key);
            self.list.push(Static { app, kind, value: value.into(), special });
        } else if *self.list[number as usize].value != *value {
            // Which spelling counts hangs on who else gives it.
            self.list[number as usize].special.get_or_insert_default().odd = true;
        }
        number
    }

    /// The number of an entitlement as it is compared.
    pub(crate) fn find(&self, app: AppId, kind: KindId, key: Box<str>) -> Option<u32> {
        self.numbers.get(&(app, kind, key)).copied()
    }
}

impl Statics {
    /// `reads` says of a grant what input it follows from; none where it is not one, or none.
    pub(crate) fn of(
        program: &Program,
        shape: &Shape,
        ty: IdentityId,
        mut reads: impl FnMut(&GrantProgram) -> Option<Option<Input>>,
    ) -> Statics {
        let (flat, accounts_ask) = accounts(program, shape, ty);
        let mut statics = Statics { flat, accounts_ask, ..Statics::default() };
        if !flat {
            return statics;
        }
        let mut own: Vec<Own> = Vec::with_capacity(program.rules.len());
        for (number, rule) in program.rules.iter().enumerate() {
            let mut of = Own::default();
            if rule.identity != ty {
                of.unplain = Some(Unplain::OtherType);
            } else if is_gated(program, shape, number as u32) {
                of.unplain = Some(Unplain::Gated);
            } else if !rule.instances.is_empty() {
                of.unplain = Some(Unplain::Instances);
            }
            for (place, grant) in rule.grants.iter().enumerate() {
                if of.unplain.is_some() || program.observed.grants.contains(&(number as u32, place as u32)) {
                    continue;
                }
                let always = grant.when.is_none() && grant.from.is_none() && grant.until.is_none();
                let place = place as u32;
                if grant.keep.is_some() || !grant.each.is_empty() {
                    let kept = grant.keep.is_some();
                    of.unplain = Some(if kept { Unplain::Keep(place) } else { Unplain::Each(place) });
                    continue;
                }
                match shape.rules[number].constants[place as usize].filter(|_| always) {
                    Some(constant) => {
                        let constant = &shape.constants[constant as usize];
                        let entitlement = (constant.app, constant.kind, constant.value.as_str());
                        of.items.push(statics.items.number(program, shape, ty, entitlement));
                    }
                    None => match reads(grant) {
                        Some(input) => {
                            of.also.push(statics.by_input.len() as u32);
                            statics.by_input.push(ByInput { rule: number as u32, grant: place, input });
                        }
                        None => of.unplain = Some(Unplain::Inputs(place)),
                    },
                }
            }
            own.push(of);
        }
        for rule in &shape.rules {
            let all = || rule.brings.iter().map(|b| &own[*b as usize]);
            statics.gives.push(sorted(all().flat_map(|o| o.items.iter().copied())));
            statics.also.push(sorted(all().flat_map(|o| o.also.iter().copied())));
            let mut unplain = rule.brings.iter().filter_map(|b| Some((own[*b as usize].unplain?, *b)));
            statics.unplain.push(unplain.next());
            statics.plain.push(all().all(|o| o.unplain.is_none()));
        }
        statics
    }
}

/// What a rule gives by itself.
#[derive(Default)]
struct Own {
    items: Vec<u32>,
    also: Vec<u32>,
    unplain: Option<Unplain>,
}

fn sorted(numbers: impl Iterator<Item = u32>) -> Box<[u32]> {
    let mut list: Vec<u32> = numbers.collect();
    list.sort_unstable();
    list.dedup();
    list.into()
}

/// What may keep someone of a type from holding an entitlement that is granted.
fn special(
    program: &Program,
    shape: &Shape,
    ty: IdentityId,
    (app, kind, value): (AppId, KindId, &str),
    key: &str,
) -> Option<Box<Special>> {
    let (schema, def) = (&program.schema, program.schema.kind(app, kind));
    let blank = match def.types.len() {
        0 => false,
        1 => value.trim().is_empty(),
        _ => prov_model::split_values(value).iter().any(|v| v.trim().is_empty()),
    };
    let catalog = shape.catalogs.get(&(app, kind));
    let cataloged = catalog.is_none_or(|c| c.get(key).is_some_and(|spelled| **spelled == *value));
    let forbids = shape.forbids[app.index()].iter().filter(|f| {
        let applies = f.identity.is_none_or(|of| of == ty) && !program.observed.forbids.contains(&f.position);
        applies && schema.forbids[f.position as usize].covers(app, kind, key)
    });
    let sides = schema
        .separations
        .iter()
        .zip(0..)
        .flat_map(|(def, number)| def.sides_of(app, kind, key).map(move |side| (number, side as u32)));
    let special = Special {
        odd: blank || !cataloged,
        ranked: def.highest_wins,
        forbids: forbids.map(|f| f.position).collect(),
        sides: sides.collect(),
    };
    let any = special.odd || special.ranked || !special.forbids.is_empty() || !special.sides.is_empty();
    any.then(|| special.into())
}

/// Whether the accounts of a type can be told once rules are known, and whether they ask for roles.
fn accounts(program: &Program, shape: &Shape, ty: IdentityId) -> (bool, bool) {
    let mut roots: Vec<ExprId> = Vec::new();
    for &account in &shape.accounts[ty.index()] {
        let account = &program.accounts[account as usize];
        roots.extend(account.when.iter().chain(&account.enabled).chain(&account.attributes));
    }
    let holdings = |kind: &ExprKind| matches!(kind, ExprKind::HasInstance(..) | ExprKind::HasEntitlement(..));
    let roles = |kind: &ExprKind| matches!(kind, ExprKind::HasRole(_));
    (!asks(program, &roots, &holdings), asks(program, &roots, &roles))
}

/// Whether a rule's condition asks for what is known only once steps are taken in order.
pub(crate) fn asks_steps(program: &Program, when: ExprId) -> bool {
    asks(program, &[when], &|kind| {
        matches!(
            kind,
            ExprKind::HasRole(_)
                | ExprKind::HasInstance(..)
                | ExprKind::HasEntitlement(..)
                | ExprKind::AccountAttr(..)
                | ExprKind::Unique(_)
        )
    })
}

fn asks(program: &Program, roots: &[ExprId], found: &dyn Fn(&ExprKind) -> bool) -> bool {
    let mut seen: FxHashSet<ExprId> = roots.iter().copied().collect();
    let mut open = roots.to_vec();
    while let Some(id) = open.pop() {
        let kind = &program.expr(id).kind;
        if found(kind) {
            return true;
        }
        kind.children(|child| {
            if seen.insert(child) {
                open.push(child);
            }
        });
    }
    false
}
