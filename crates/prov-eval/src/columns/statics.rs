//! What rules of one identity type give to everyone who has them, and for which types that is all there is to know.
//! Invariant: whoever has only rules that are *plain* here holds exactly their entitlements, less those of apps in which
//! nothing can be held: no catalog, forbid, separation, rank or memory changes that.

use crate::shape::Shape;
use prov_ir::{ExprId, ExprKind, Program};
use prov_model::{AppId, IdentityId, KindId, fold};
use rustc_hash::{FxHashMap, FxHashSet};

/// An entitlement that constant grants give.
#[derive(Clone, Debug)]
pub(crate) struct Static {
    pub app: AppId,
    pub kind: KindId,
    pub value: Box<str>,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(crate) struct Statics {
    pub items: Vec<Static>,
    /// By rule: numbers of items that it and all it includes give, sorted.
    pub gives: Vec<Box<[u32]>>,
    /// By rule: whether that is all it gives.
    pub plain: Vec<bool>,
    /// Whether identities of the type are decided by their rules at all.
    pub flat: bool,
}

impl Statics {
    pub(crate) fn of(program: &Program, shape: &Shape, ty: IdentityId) -> Statics {
        let mut statics = Statics { flat: is_flat(program, shape, ty), ..Statics::default() };
        if !statics.flat {
            return statics;
        }
        let mut numbers: FxHashMap<(AppId, KindId, String), u32> = FxHashMap::default();
        let mut own: Vec<(Vec<u32>, bool)> = Vec::with_capacity(program.rules.len());
        let mut odd: FxHashSet<u32> = FxHashSet::default();
        for (number, rule) in program.rules.iter().enumerate() {
            let (mut items, mut plain) = (Vec::new(), rule.params.is_empty() && rule.instances.is_empty());
            for (place, grant) in rule.grants.iter().enumerate() {
                if program.observed.grants.contains(&(number as u32, place as u32)) {
                    continue;
                }
                let always = grant.when.is_none()
                    && grant.from.is_none()
                    && grant.until.is_none()
                    && grant.keep.is_none()
                    && grant.each.is_empty();
                let Some(constant) = shape.rules[number].constants[place].filter(|_| always) else {
                    plain = false;
                    continue;
                };
                let constant = &shape.constants[constant as usize];
                let (app, kind) = (constant.app, constant.kind);
                let key =
                    if shape.folds(app, kind) { fold(&constant.value) } else { (&*constant.value).into() };
                let next = statics.items.len() as u32;
                let item = *numbers.entry((app, kind, key.into_owned())).or_insert(next);
                if item == next {
                    statics.items.push(Static { app, kind, value: (&*constant.value).into() });
                    if !is_plain(program, shape, ty, app, kind, &constant.value) {
                        odd.insert(item);
                    }
                } else if *statics.items[item as usize].value != *constant.value {
                    // Two spellings of one: which counts hangs on who else gives it.
                    odd.insert(item);
                }
                items.push(item);
            }
            own.push((items, plain));
        }
        for (number, rule) in shape.rules.iter().enumerate() {
            let mut items: Vec<u32> =
                rule.brings.iter().flat_map(|b| own[*b as usize].0.iter().copied()).collect();
            items.sort_unstable();
            items.dedup();
            let plain = program.rules[number].identity == ty
                && rule.brings.iter().all(|b| own[*b as usize].1)
                && !items.iter().any(|i| odd.contains(i));
            statics.gives.push(items.into());
            statics.plain.push(plain);
        }
        statics
    }
}

/// Whether an entitlement, once granted in an app where something can be held, is held as it stands.
fn is_plain(program: &Program, shape: &Shape, ty: IdentityId, app: AppId, kind: KindId, value: &str) -> bool {
    let def = program.schema.kind(app, kind);
    let blank = match def.types.len() {
        0 => false,
        1 => value.trim().is_empty(),
        _ => prov_model::split_values(value).iter().any(|v| v.trim().is_empty()),
    };
    let key = if shape.folds(app, kind) { fold(value) } else { value.into() };
    let catalog = shape.catalogs.get(&(app, kind));
    let cataloged = catalog.is_none_or(|c| c.get(&*key).is_some_and(|spelled| **spelled == *value));
    let forbidden = shape.forbids[app.index()].iter().any(|f| {
        f.identity.is_none_or(|of| of == ty)
            && program.schema.forbids[f.position as usize].covers(app, kind, &key)
    });
    !blank && cataloged && !forbidden && !def.highest_wins
}

/// Whether what identities of a type hold follows from the rules that hold for them, one by one.
fn is_flat(program: &Program, shape: &Shape, ty: IdentityId) -> bool {
    let schema = &program.schema;
    let named = |account: &&u32| {
        let account = &program.accounts[**account as usize];
        account.attributes.iter().any(|id| program.reads_unique(*id))
    };
    let lifecycle = schema.identity(ty).lifecycle.as_ref();
    !shape.gated
        && schema.separations.is_empty()
        && schema.writebacks.is_empty()
        && !schema.federations.iter().any(|f| f.identity == ty)
        && !lifecycle.is_some_and(|l| l.keeps())
        && !shape.accounts[ty.index()].iter().any(|a| named(&a))
        && !asks_steps(program, shape, ty)
}

/// Whether a condition or an account asks for roles, entitlements or accounts, so that steps must be taken in order.
fn asks_steps(program: &Program, shape: &Shape, ty: IdentityId) -> bool {
    let mut roots: Vec<ExprId> = Vec::new();
    for rule in program.rules.iter().filter(|r| r.identity == ty) {
        roots.extend(rule.when);
    }
    let mut accounts: Vec<ExprId> = Vec::new();
    for &account in &shape.accounts[ty.index()] {
        let account = &program.accounts[account as usize];
        accounts.extend(account.when.iter().chain(&account.enabled).chain(&account.attributes));
    }
    let asks = |roots: &[ExprId], found: &dyn Fn(&ExprKind) -> bool| {
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
    };
    let holdings = |kind: &ExprKind| matches!(kind, ExprKind::HasInstance(..) | ExprKind::HasEntitlement(..));
    let of_rules =
        |kind: &ExprKind| holdings(kind) || matches!(kind, ExprKind::AccountAttr(..) | ExprKind::Unique(_));
    let of_accounts = |kind: &ExprKind| holdings(kind) || matches!(kind, ExprKind::HasRole(_));
    asks(&roots, &of_rules) || asks(&accounts, &of_accounts)
}
