//! What someone has: roles, accounts, entitlements, by asking for each as it is needed (index.md, "What Prov computes").
//! Invariant: a question that is being answered already is answered with no: a circle gives nothing by itself.

use crate::eval::{Eval, Local, Res, Scope, Stop, bug};
use crate::names::{Named, unique};
use crate::pattern;
use crate::policy::{App, Kind, Separation, When};
use crate::value::{Reading, Ty, Value, nfc};
use crate::world::{compare_all, folded};
use prov_syntax::ast::{self, EntPattern, Expr, ExprKind, Member, PatternArg, VerbKind};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// A question about the identity at hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Role(String),
    /// A role before separations.
    Given(String),
    Account(String),
    Holds(String, String, Option<String>),
}

/// Questions under way, and answers that hang on none of them.
#[derive(Default)]
pub(crate) struct Facts {
    asking: RefCell<Vec<Node>>,
    known: RefCell<BTreeMap<Node, Option<bool>>>,
    /// Whether an answer of late was that of a question under way.
    assumed: Cell<bool>,
}

/// An entitlement that a rule gives.
#[derive(Clone, Debug)]
pub(crate) struct Ent {
    pub app: String,
    pub kind: String,
    /// As spelled, several values joined by `|`.
    pub value: String,
    /// In the form that is compared.
    pub compared: String,
}

/// Why a grant is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issue {
    Blank,
    NotInCatalog,
    Forbidden,
    Separated,
    Outranked,
}

/// What stands of what was granted.
#[derive(Default)]
pub(crate) struct Settled {
    pub held: Vec<Ent>,
    pub withheld: Vec<(Ent, Issue)>,
    pub unknown: bool,
}

/// An account that there should be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub app: String,
    pub enabled: bool,
    /// In order; the first is the name.
    pub attributes: Vec<(String, String)>,
}

/// Everything that is decided for an identity.
#[derive(Default)]
pub(crate) struct Decision {
    /// The number of its state; none where its type has none or it can't be known.
    pub state: Option<usize>,
    pub leaver: bool,
    pub held: bool,
    pub accounts: Vec<Wanted>,
    pub entitlements: Vec<Ent>,
    pub withheld: Vec<(Ent, Issue)>,
    /// Separations that are hit, by place.
    pub separated: Vec<String>,
}

/// Yes, no, or not to be known: the latter as `None`.
fn known(answer: Res<bool>) -> Res<Option<bool>> {
    match answer {
        Ok(b) => Ok(Some(b)),
        Err(Stop::Unknown) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// Whether one of two holds.
fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn ent_of(what: &ast::EntRef, kind: &Kind<'_>, value: String) -> Ent {
    let compared = compared(kind, &value);
    Ent { app: what.app.text.clone(), kind: what.kind.text.clone(), value, compared }
}

/// One of each entitlement: of several spellings the smallest stands for all.
fn distinct(mut granted: Vec<Ent>) -> Vec<Ent> {
    granted.sort_by(|a, b| {
        (&a.app, &a.kind, &a.compared, &a.value).cmp(&(&b.app, &b.kind, &b.compared, &b.value))
    });
    granted.dedup_by(|a, b| (&a.app, &a.kind, &a.compared) == (&b.app, &b.kind, &b.compared));
    granted
}

/// Values joined to one spelling (files.md, "Actual state"; decisions.md).
pub(crate) fn join(values: &[String]) -> String {
    match values {
        [one] => one.clone(),
        several => {
            let escaped = several.iter().map(|v| v.replace('\\', "\\\\").replace('|', "\\|"));
            escaped.collect::<Vec<_>>().join("|")
        }
    }
}

/// The values of a joined spelling.
pub(crate) fn split(joined: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = joined.chars();
    while let Some(c) = letters.next() {
        match c {
            '|' => parts.push(String::new()),
            '\\' => parts.last_mut().into_iter().for_each(|p| p.extend(letters.next())),
            c => parts.last_mut().into_iter().for_each(|p| p.push(c)),
        }
    }
    if parts.len() == 1 { vec![joined.to_owned()] } else { parts }
}

/// The form in which a value of a kind is compared: as `text` where one of its types is that (types.md, "string and
/// text").
pub(crate) fn compared(kind: &Kind<'_>, value: &str) -> String {
    folded(value, kind.types.contains(&Ty::Text))
}

impl<'w, 'a> Eval<'w, 'a> {
    fn ask(&self, node: Node, answer: impl FnOnce() -> Res<bool>) -> Res<bool> {
        if let Some(known) = self.facts.known.borrow().get(&node) {
            return known.ok_or(Stop::Unknown);
        }
        if self.facts.asking.borrow().contains(&node) {
            self.facts.assumed.set(true);
            return Ok(false);
        }
        let before = self.facts.assumed.replace(false);
        self.facts.asking.borrow_mut().push(node.clone());
        let found = known(answer());
        self.facts.asking.borrow_mut().pop();
        let found = found?;
        let outermost = self.facts.asking.borrow().is_empty();
        let assumed = self.facts.assumed.get() && !outermost;
        self.facts.assumed.set(before || assumed);
        if !assumed {
            self.facts.known.borrow_mut().insert(node, found);
        }
        found.ok_or(Stop::Unknown)
    }

    fn me(&self, person: usize) -> (&str, Scope<'a>) {
        let of = &self.world.people[person].of;
        (of, Scope::of(Some(person), Some(of.clone())))
    }

    /// `has ROLE`, `has app.kind`, `has app.kind(v)` (expressions.md, "Conditions").
    pub(crate) fn has(&self, what: &'a Expr, s: &Scope<'a>) -> Res<bool> {
        let Some(person) = s.person else { return bug("`has` where nobody is at hand") };
        let (target, args) = match &what.kind {
            ExprKind::Call(target, args) => (&**target, Some(args)),
            _ => (what, None),
        };
        let (app, kind) = match &target.kind {
            ExprKind::Name(role) => return self.has_role(person, &role.text),
            ExprKind::Field(base, kind) => match &base.kind {
                ExprKind::Name(app) => (&app.text, &kind.text),
                _ => return bug("`has` of what is no entitlement"),
            },
            _ => return bug("`has` of what is no role and no entitlement"),
        };
        let Some(def) = self.world.policy.app(app).and_then(|a| a.kind(kind)) else {
            return bug(format!("no kind `{app}.{kind}`"));
        };
        let value = match args {
            None => None,
            Some(args) => {
                let mut parts = Vec::new();
                for (arg, ty) in args.iter().zip(&def.types) {
                    match self.eval(&arg.value, s, Some(ty))? {
                        Value::Absent => return Ok(false),
                        value => parts.push(nfc(&value.plain())),
                    }
                }
                Some(compared(def, &join(&parts)))
            }
        };
        self.ask(Node::Holds(app.clone(), kind.clone(), value.clone()), || {
            self.holds_entitlement(person, app, kind, value.as_deref())
        })
    }

    /// What is held of a kind when all is decided: after forbids and `highest wins` (decisions.md).
    fn holds_entitlement(&self, person: usize, app: &str, kind: &str, value: Option<&str>) -> Res<bool> {
        if self.blocked(person, app)? {
            return Ok(false);
        }
        let highest = self.world.policy.app(app).and_then(|a| a.kind(kind)).is_some_and(|k| k.highest_wins);
        // Where the highest wins, the others decide too.
        let only = if highest { None } else { value };
        let place = |a: &str, k: &str| a == app && k == kind;
        let (granted, unsure) =
            self.granted(person, &place, &|e| Ok(only.is_none_or(|v| e.compared == v)))?;
        let settled = self.settle(person, granted)?;
        let found = settled.held.iter().any(|e| value.is_none_or(|v| e.compared == v));
        match found {
            true => Ok(true),
            false if unsure || settled.unknown => Err(Stop::Unknown),
            false => Ok(false),
        }
    }

    /// Whether a role or birthright is had: given, and not withheld by a separation.
    pub(crate) fn has_role(&self, person: usize, name: &str) -> Res<bool> {
        self.ask(Node::Role(name.to_owned()), || {
            if !self.is_given(person, name)? {
                return Ok(false);
            }
            let names = |p: &EntPattern| Ok(matches!(p, EntPattern::Role(r) if r.name.text == name));
            Ok(!self.separated(person, &names)?)
        })
    }

    /// Whether a role is given: by its own `when` or through a role that includes it, and not forbidden (items.md,
    /// "role" and "forbid").
    fn is_given(&self, person: usize, name: &str) -> Res<bool> {
        self.ask(Node::Given(name.to_owned()), || {
            let Some(rule) = self.world.policy.rule(name) else { return bug(format!("no role `{name}`")) };
            let mut given = known(self.assigned(person, rule.name))?;
            if rule.requestable.is_some() {
                given = either(given, known(self.assigned_by_hand(person, rule))?);
            }
            for other in self.world.policy.rules.iter().filter(|r| includes(r.body, name)) {
                given = either(given, known(self.has_role(person, other.name))?);
            }
            let names = |p: &EntPattern| Ok(matches!(p, EntPattern::Role(r) if r.name.text == name));
            match (given, self.forbidden_by(person, &names)?) {
                (Some(false), _) | (_, Some(true)) => Ok(false),
                (Some(true), Some(false)) => Ok(true),
                _ => Err(Stop::Unknown),
            }
        })
    }

    /// Whether a separation withholds what `names` says that its patterns name (items.md, "separate").
    fn separated(&self, person: usize, names: &dyn Fn(&'a EntPattern) -> Res<bool>) -> Res<bool> {
        let mut answer = Some(false);
        for separation in &self.world.policy.separations {
            let mut concerns = false;
            for (side, withheld) in separation.sides.iter().zip(&separation.withheld) {
                for pattern in side.iter().filter(|_| *withheld) {
                    concerns |= names(pattern)?;
                }
            }
            if concerns {
                answer = either(answer, known(self.is_hit(person, separation))?);
            }
        }
        answer.ok_or(Stop::Unknown)
    }

    /// Whether rules give something of too many sides, once forbids have acted.
    fn is_hit(&self, person: usize, separation: &Separation<'a>) -> Res<bool> {
        let (mut there, mut perhaps) = (0, 0);
        for side in &separation.sides {
            let mut present = Some(false);
            for pattern in side {
                let found = match pattern {
                    EntPattern::Role(role) => known(self.is_given(person, &role.name.text))?,
                    EntPattern::Entitlement { .. } => known(self.is_granted(person, pattern))?,
                };
                present = either(present, found);
            }
            there += usize::from(present == Some(true));
            perhaps += usize::from(present != Some(false));
        }
        match (there >= separation.many, perhaps >= separation.many) {
            (true, _) => Ok(true),
            (false, true) => Err(Stop::Unknown),
            (false, false) => Ok(false),
        }
    }

    /// Whether something that a pattern names is granted and left by the forbids.
    fn is_granted(&self, person: usize, pattern: &'a EntPattern) -> Res<bool> {
        let EntPattern::Entitlement { app, kind, .. } = pattern else { return Ok(false) };
        let mut answer = match known(self.blocked(person, &app.text))? {
            Some(true) => return Ok(false),
            Some(false) => Some(false),
            None => None,
        };
        let place = |a: &str, k: &str| a == app.text && kind.as_ref().is_none_or(|n| n.text == k);
        let (granted, unsure) = self.granted(person, &place, &|e| self.names(pattern, e))?;
        answer = if unsure { None } else { answer };
        for ent in distinct(granted) {
            if let Ok(ent) = self.spelled(ent) {
                answer = either(answer, self.forbidden(person, &ent)?.map(|f| !f));
            }
        }
        answer.ok_or(Stop::Unknown)
    }

    /// Whether a rule's own `when` holds, for an identity of its type.
    fn assigned(&self, person: usize, name: &str) -> Res<bool> {
        let (of, scope) = self.me(person);
        match self.world.policy.rule(name) {
            Some(rule) if rule.for_type.is_none_or(|t| t == of) => match rule.when {
                When::Always => Ok(true),
                When::Never => Ok(false),
                When::If(when) => self.holds(when, &scope),
            },
            _ => Ok(false),
        }
    }

    /// What rules that are had grant, of those entitlements that are asked for. Also whether there may be more that can't
    /// be known.
    fn granted(
        &self,
        person: usize,
        place: &dyn Fn(&str, &str) -> bool,
        asked: &dyn Fn(&Ent) -> Res<bool>,
    ) -> Res<(Vec<Ent>, bool)> {
        let (of, scope) = self.me(person);
        let (mut out, mut unsure) = (Vec::new(), false);
        for rule in &self.world.policy.rules {
            if rule.for_type.is_some_and(|t| t != of) {
                continue;
            }
            let mut grants: Vec<Grant<'a>> = Vec::new();
            grants_of(rule.body, &[], &mut grants);
            grants.retain(|g| place(&g.what.app.text, &g.what.kind.text));
            for grant in &grants {
                let Some(kind) = self.kind_of(grant.what) else { return bug("a grant of no kind") };
                // What it gives everyone may be none of what is asked for: then its rule is not asked.
                if let Some(value) = self.constant(grant.what, kind)
                    && !asked(&ent_of(grant.what, kind, value))?
                {
                    continue;
                }
                match known(self.has_role(person, rule.name))? {
                    Some(true) => {
                        let mut found = Vec::new();
                        unsure |= self.expand(grant, &grant.each, &scope, kind, &mut found)?;
                        out.append(&mut found);
                    }
                    Some(false) => {}
                    None => unsure = true,
                }
            }
        }
        let mut kept = Vec::new();
        for ent in out {
            if asked(&ent)? {
                kept.push(ent);
            }
        }
        Ok((kept, unsure))
    }

    fn kind_of(&self, what: &ast::EntRef) -> Option<&Kind<'a>> {
        self.world.policy.app(&what.app.text)?.kind(&what.kind.text)
    }

    /// The value of a grant that has the same for everyone.
    fn constant(&self, what: &'a ast::EntRef, kind: &Kind<'a>) -> Option<String> {
        let mut parts = Vec::new();
        for (arg, ty) in what.args.iter().zip(&kind.types) {
            if arg.each.is_some() {
                return None;
            }
            parts.push(nfc(&self.eval(&arg.value, &Scope::default(), Some(ty)).ok()?.plain()));
        }
        Some(join(&parts))
    }

    /// What one grant gives; also whether there may be more that can't be known.
    fn expand(
        &self,
        grant: &Grant<'a>,
        each: &[Each<'a>],
        s: &Scope<'a>,
        kind: &Kind<'a>,
        out: &mut Vec<Ent>,
    ) -> Res<bool> {
        let [(var, list, filter), rest @ ..] = each else {
            let stands = match grant.when.map_or(Ok(Some(true)), |when| known(self.holds(when, s)))? {
                Some(true) => known(self.in_time(grant, s))?,
                Some(false) => Some(false),
                // Outside of its time it gives nothing, whatever else can't be known.
                None => Some(false).filter(|_| matches!(self.in_time(grant, s), Ok(false))),
            };
            return match stands {
                Some(true) => self.values(grant.what, s, kind, out),
                Some(false) => Ok(false),
                None => Ok(true),
            };
        };
        let (elements, ty) = match self.list(list, s) {
            Ok(list) => list,
            Err(Stop::Unknown) => return Ok(true),
            Err(stop) => return Err(stop),
        };
        let mut unsure = false;
        for one in elements {
            let mut inner = s.clone();
            inner.locals.push(Local { name: (*var).to_owned(), ty: ty.clone(), value: Ok(one) });
            match filter.map_or(Ok(Some(true)), |c| known(self.holds(c, &inner)))? {
                Some(true) => unsure |= self.expand(grant, rest, &inner, kind, out)?,
                Some(false) => {}
                None => unsure = true,
            }
        }
        Ok(unsure)
    }

    /// Whether a grant stands at this moment (items.md, "grant").
    fn in_time(&self, grant: &Grant<'a>, s: &Scope<'a>) -> Res<bool> {
        let ahead = |e: &'a Expr| {
            Ok(match self.eval(e, s, None)? {
                Value::Date(d) => d.cmp(&self.world.today),
                Value::Instant(i) => i.cmp(&self.world.now),
                _ => return bug("a bound that is no time"),
            })
        };
        let begun = grant.from.map_or(Ok(Some(true)), |from| known(ahead(from).map(|o| o.is_le())))?;
        let ended = grant.until.map_or(Ok(Some(false)), |until| {
            known(ahead(&until.date).map(|o| if until.inclusive { o.is_lt() } else { o.is_le() }))
        })?;
        match (begun, ended) {
            (Some(false), _) | (_, Some(true)) => Ok(false),
            (Some(true), Some(false)) => Ok(true),
            _ => Err(Stop::Unknown),
        }
    }

    /// Every combination of the values of a grant (items.md, "grant").
    fn values(&self, what: &'a ast::EntRef, s: &Scope<'a>, kind: &Kind<'a>, out: &mut Vec<Ent>) -> Res<bool> {
        let mut rows: Vec<Vec<String>> = vec![Vec::new()];
        for (arg, ty) in what.args.iter().zip(&kind.types) {
            let set = Ty::Set(Box::new(ty.clone()));
            let want = if arg.each.is_some() { &set } else { ty };
            let value = match self.eval(&arg.value, s, Some(want)) {
                Ok(value) => value,
                Err(Stop::Unknown) => return Ok(true),
                Err(stop) => return Err(stop),
            };
            let column = match (&value, arg.each.is_some()) {
                (Value::Absent, _) => Vec::new(),
                (value, true) => value.elements().to_vec(),
                (value, false) => vec![value.clone()],
            };
            let longer = |row: &Vec<String>| {
                column.iter().map(|v| [row.clone(), vec![nfc(&v.plain())]].concat()).collect::<Vec<_>>()
            };
            rows = rows.iter().flat_map(longer).collect();
        }
        out.extend(rows.iter().map(|row| ent_of(what, kind, join(row))));
        Ok(false)
    }

    /// What stands of grants: blank values, catalogs, forbids, separations, then the highest of a kind (items.md).
    fn settle(&self, person: usize, granted: Vec<Ent>) -> Res<Settled> {
        let mut settled = Settled::default();
        for ent in distinct(granted) {
            let ent = match self.spelled(ent) {
                Ok(ent) => ent,
                Err(withheld) => {
                    settled.withheld.push(withheld);
                    continue;
                }
            };
            let forbidden = self.forbidden(person, &ent)?;
            if forbidden == Some(true) {
                settled.withheld.push((ent, Issue::Forbidden));
                continue;
            }
            let separated = known(self.separated(person, &|p| self.names(p, &ent)))?;
            settled.unknown |= forbidden.is_none() || separated.is_none();
            match separated {
                Some(true) => settled.withheld.push((ent, Issue::Separated)),
                Some(false) | None => settled.held.push(ent),
            }
        }
        self.highest(&mut settled);
        Ok(settled)
    }

    /// An entitlement in its catalog's spelling; an error where it has no value or is in none.
    fn spelled(&self, mut ent: Ent) -> Result<Ent, (Ent, Issue)> {
        let Some(kind) = self.world.policy.app(&ent.app).and_then(|a| a.kind(&ent.kind)) else {
            return Ok(ent);
        };
        let parts = if kind.types.len() > 1 { split(&ent.value) } else { vec![ent.value.clone()] };
        if !kind.types.is_empty() && parts.iter().any(|p| p.trim().is_empty()) {
            return Err((ent, Issue::Blank));
        }
        let catalog = self.world.catalogs.get(&(ent.app.clone(), ent.kind.clone()));
        if let (true, Some(catalog)) = (kind.catalog, catalog) {
            match catalog.iter().find(|v| compared(kind, v) == ent.compared) {
                Some(spelled) => ent.value.clone_from(spelled),
                None => return Err((ent, Issue::NotInCatalog)),
            }
        }
        Ok(ent)
    }

    /// Whether a forbid withholds an entitlement; none where that can't be known.
    pub(crate) fn forbidden(&self, person: usize, ent: &Ent) -> Res<Option<bool>> {
        self.forbidden_by(person, &|p| self.names(p, ent))
    }

    fn forbidden_by(&self, person: usize, names: &dyn Fn(&'a EntPattern) -> Res<bool>) -> Res<Option<bool>> {
        let (of, scope) = self.me(person);
        let mut answer = Some(false);
        for forbid in self.world.policy.forbids.iter().filter(|f| f.for_type.is_none_or(|t| t == of)) {
            let mut concerns = false;
            for pattern in forbid.patterns {
                concerns |= names(pattern)?;
            }
            if concerns {
                let holds = forbid.when.map_or(Ok(Some(true)), |when| known(self.holds(when, &scope)))?;
                answer = either(answer, holds);
            }
        }
        Ok(answer)
    }

    /// Whether a pattern names an entitlement (items.md, "forbid").
    fn names(&self, pattern: &'a EntPattern, ent: &Ent) -> Res<bool> {
        let EntPattern::Entitlement { app, kind, args, .. } = pattern else { return Ok(false) };
        let Some(def) = self.world.policy.app(&ent.app).and_then(|a| a.kind(&ent.kind)) else {
            return Ok(false);
        };
        if app.text != ent.app || kind.as_ref().is_some_and(|k| k.text != ent.kind) {
            return Ok(false);
        }
        let Some(args) = args else { return Ok(true) };
        let parts = if def.types.len() > 1 { split(&ent.value) } else { vec![ent.value.clone()] };
        for ((arg, part), ty) in args.iter().zip(&parts).zip(&def.types) {
            let folds = *ty == Ty::Text;
            let fits = match arg {
                PatternArg::Any(_) => true,
                PatternArg::Matches(p) => pattern::matches(p, part, folds)?,
                PatternArg::Value(e) => {
                    let value = self.eval(e, &Scope::default(), Some(ty))?;
                    folded(&value.plain(), folds) == folded(part, folds)
                }
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Leaves the highest of each kind where the highest wins.
    fn highest(&self, settled: &mut Settled) {
        let reading = Reading { records: &self.world.policy.records };
        let kind_of = |e: &Ent| self.world.policy.app(&e.app).and_then(|a| a.kind(&e.kind));
        let rank = |e: &Ent| -> Vec<Value> {
            let types = kind_of(e).map_or(&[][..], |k| k.types.as_slice());
            let parts = if types.len() > 1 { split(&e.value) } else { vec![e.value.clone()] };
            let values = parts.iter().zip(types).map(|(p, t)| reading.scalar(p, t).unwrap_or(Value::Absent));
            values.collect()
        };
        let all = settled.held.clone();
        let beaten = |e: &Ent| {
            kind_of(e).is_some_and(|k| k.highest_wins)
                && all.iter().any(|o| {
                    (&o.app, &o.kind) == (&e.app, &e.kind) && compare_all(&rank(o), &rank(e)).is_gt()
                })
        };
        let (lost, held): (Vec<Ent>, Vec<Ent>) = all.iter().cloned().partition(beaten);
        settled.held = held;
        settled.withheld.extend(lost.into_iter().map(|e| (e, Issue::Outranked)));
    }

    /// The state of an identity, as declared.
    pub(crate) fn state_def(&self, person: usize, state: Option<usize>) -> Option<&'a ast::State> {
        let (_, states) = self.world.policy.lifecycles.get(self.world.people[person].of.as_str())?;
        states.get(state?)
    }

    /// Whether nothing can be held in an app: by the state, or without an account (items.md, "account").
    fn blocked(&self, person: usize, app: &str) -> Res<bool> {
        let state = self.state(person)?;
        if self.state_def(person, state).is_some_and(|s| drops(s, app)) {
            return Ok(true);
        }
        match self.world.policy.app(app) {
            Some(def) if !def.accounts.is_empty() => Ok(!self.wants_account(person, app)?),
            _ => Ok(false),
        }
    }

    /// Whether there should be an account (items.md, "account").
    pub(crate) fn wants_account(&self, person: usize, app: &str) -> Res<bool> {
        self.ask(Node::Account(app.to_owned()), || {
            let (of, scope) = self.me(person);
            let Some(def) = self.world.policy.app(app) else { return Ok(false) };
            let Some(block) = def.account(of) else { return Ok(false) };
            // Who left without ever having had a name gets none (items.md, "unique names").
            let mut fields =
                block.fields.iter().map(|f| (person, app.to_owned(), f.assign.name.text.clone()));
            if fields.any(|slot| matches!(self.world.names.get(&slot), Some(Named::Never))) {
                return Ok(false);
            }
            let first = match &block.from {
                None => Some(true),
                Some(from) => known(self.wants_account(person, &from.text))?,
            };
            let own = match &block.when {
                None => Some(true),
                Some(when) => known(self.holds(when, &Scope { account: Some((def.name, block)), ..scope }))?,
            };
            match (first, own) {
                (Some(false), _) | (_, Some(false)) => Ok(false),
                (Some(true), Some(true)) => Ok(true),
                _ => Err(Stop::Unknown),
            }
        })
    }

    /// `ad.mail` in `account from ad`.
    pub(crate) fn account_attribute(&self, app: &str, name: &str, person: usize) -> Res<Value> {
        let (of, scope) = self.me(person);
        let Some(def) = self.world.policy.app(app) else { return Ok(Value::Absent) };
        let Some(block) = def.account(of) else { return Ok(Value::Absent) };
        if !self.wants_account(person, app)? {
            return Ok(Value::Absent);
        }
        match block.fields.iter().find(|f| f.assign.name.text == name) {
            Some(field) => {
                let scope = Scope { account: Some((def.name, block)), ..scope };
                self.account_field(def.name, field, person, &scope)
            }
            None => bug(format!("no attribute `{name}` of an account in `{app}`")),
        }
    }

    /// An attribute of an account: computed, or the name that was given.
    pub(crate) fn account_field(
        &self,
        app: &str,
        field: &'a ast::AccountField,
        person: usize,
        s: &Scope<'a>,
    ) -> Res<Value> {
        if unique(&field.assign.value).is_none() {
            return self.eval(&field.assign.value, s, None);
        }
        match self.world.names.get(&(person, app.to_owned(), field.assign.name.text.clone())) {
            Some(Named::Name(name, _)) => Ok(Value::Str(name.clone())),
            Some(Named::Never) => Ok(Value::Absent),
            // Who can't be named is held.
            None => Err(Stop::Unknown),
        }
    }

    fn account(&self, person: usize, app: &App<'a>) -> Res<Option<Wanted>> {
        let (of, scope) = self.me(person);
        let Some(block) = app.account(of) else { return Ok(None) };
        if !self.wants_account(person, app.name)? {
            return Ok(None);
        }
        let scope = Scope { account: Some((app.name, block)), ..scope };
        let (mut enabled, mut attributes) = (true, Vec::new());
        for field in &block.fields {
            let name = &field.assign.name.text;
            if name == "enabled" {
                enabled = self.holds(&field.assign.value, &scope)?;
            } else {
                let value = self.account_field(app.name, field, person, &scope)?;
                attributes.push((name.clone(), nfc(&value.plain())));
            }
        }
        Ok(Some(Wanted { app: app.name.to_owned(), enabled, attributes }))
    }

    /// Decides for one identity (index.md, "What Prov computes"; plan.md, "Who is held").
    pub(crate) fn decide(&self, person: usize) -> Res<Decision> {
        let (of, _) = self.me(person);
        let state = known_state(self.state(person))?;
        let has_states = self.world.policy.lifecycles.contains_key(of);
        let mut decision = Decision { state: state.flatten(), ..Decision::default() };
        let def = self.state_def(person, decision.state);
        decision.leaver = def.is_some_and(leaver);
        decision.held = self.world.people[person].rejected || (has_states && decision.state.is_none());
        if decision.leaver {
            decision.held = false;
        }
        let mut unknown = false;
        for rule in &self.world.policy.rules {
            unknown |= known(self.assigned(person, rule.name))?.is_none();
        }
        let mut open: Vec<&str> = Vec::new();
        for app in &self.world.policy.apps {
            match known(self.blocked(person, app.name))? {
                Some(true) => {}
                Some(false) => open.push(app.name),
                None => unknown = true,
            }
            match self.account(person, app) {
                Ok(account) => decision.accounts.extend(account),
                Err(Stop::Unknown) => unknown = true,
                Err(stop) => return Err(stop),
            }
        }
        let (granted, unsure) = self.granted(person, &|app, _| open.contains(&app), &|_| Ok(true))?;
        let settled = self.settle(person, granted)?;
        unknown |= unsure || settled.unknown;
        // A leaver has left, whatever else can't be known.
        decision.held |= unknown && !decision.leaver;
        if decision.held {
            decision.accounts.clear();
            return Ok(decision);
        }
        for separation in self.world.policy.separations.iter().filter(|_| !decision.leaver) {
            if known(self.is_hit(person, separation))? == Some(true) {
                decision.separated.push(separation.place.clone());
            }
        }
        decision.entitlements = settled.held;
        decision.withheld = settled.withheld;
        Ok(decision)
    }
}

fn known_state(state: Res<Option<usize>>) -> Res<Option<Option<usize>>> {
    match state {
        Ok(state) => Ok(Some(state)),
        Err(Stop::Unknown) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// `each x in LIST where (C)`.
type Each<'a> = (&'a str, &'a Expr, Option<&'a Expr>);

/// One entitlement of a grant, with what it stands in.
struct Grant<'a> {
    what: &'a ast::EntRef,
    when: Option<&'a Expr>,
    from: Option<&'a Expr>,
    until: Option<&'a ast::Until>,
    each: Vec<Each<'a>>,
}

fn grants_of<'a>(body: &'a [Member], each: &[Each<'a>], out: &mut Vec<Grant<'a>>) {
    for member in body {
        match member {
            Member::Includes { .. } => {}
            Member::Grant(grant) => out.extend(grant.entitlements.iter().map(|what| Grant {
                what,
                when: grant.when.as_ref(),
                from: grant.from.as_ref(),
                until: grant.until.as_ref(),
                each: each.to_vec(),
            })),
            Member::Each { var, list, filter, body, .. } => {
                let inner = [each, &[(var.text.as_str(), list, filter.as_ref())]].concat();
                grants_of(body, &inner, out);
            }
        }
    }
}

/// Whether a body includes a role.
fn includes(body: &[Member], name: &str) -> bool {
    body.iter().any(|m| match m {
        Member::Includes { roles, .. } => roles.iter().any(|r| r.name.text == name),
        Member::Grant(_) => false,
        Member::Each { body, .. } => includes(body, name),
    })
}

/// The verb of a kind that reaches an app: one that names the app before one that names none (items.md, "lifecycle").
pub(crate) fn verb<'a>(state: &'a ast::State, kind: VerbKind, app: &str) -> Option<&'a ast::Verb> {
    let of_kind = || state.verbs.iter().filter(|v| v.kind == kind);
    let named = of_kind().find(|v| v.apps.iter().any(|a| a.text == app));
    named.or_else(|| of_kind().find(|v| v.apps.is_empty()))
}

/// Whether who is in a state has left.
pub(crate) fn leaver(state: &ast::State) -> bool {
    state.verbs.iter().any(|v| v.kind == VerbKind::Leaver)
}

/// Whether nothing is held in an app in a state.
pub(crate) fn drops(state: &ast::State, app: &str) -> bool {
    leaver(state) || verb(state, VerbKind::DropEntitlements, app).is_some()
}
