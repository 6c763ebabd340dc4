//! What rules grant (items.md, "grant" and "each").
//! Invariant: a grant is looked at only where its rule is had; what forbids and separations make of it is not known here.

use crate::entitlement::{Ent, ent_of, join, same};
use crate::eval::{Eval, Local, Res, Scope, Stop, bug};
use crate::facts::known;
use crate::instances::Inst;
use crate::policy::{Kind, Rule, Trees, is_observed};
use crate::value::{Ty, Value, nfc};
use prov_syntax::ast::{self, Expr, Member};

/// `each x in LIST where (C)`.
pub(crate) type Each<'a> = (&'a str, &'a Expr, Option<&'a Expr>);

/// An entitlement that a rule gives.
#[derive(Clone)]
pub(crate) struct Given<'a> {
    pub ent: Ent,
    pub rule: Inst,
    pub keep: Option<&'a Expr>,
}

/// One entitlement of a grant, with what it stands in.
struct Grant<'a> {
    /// The app, or the second account.
    app: &'a str,
    what: &'a ast::EntRef,
    when: Option<&'a Expr>,
    from: Option<&'a Expr>,
    until: Option<&'a ast::Until>,
    keep: Option<&'a Expr>,
    each: Vec<Each<'a>>,
    observed: bool,
}

fn grants_of<'a>(trees: &'a Trees, body: &'a [Member], each: &[Each<'a>], out: &mut Vec<Grant<'a>>) {
    for member in body {
        match member {
            Member::Includes { .. } => {}
            Member::Grant(grant) => out.extend(grant.entitlements.iter().map(|what| Grant {
                app: account(trees, what, grant),
                what,
                when: grant.when.as_ref(),
                from: grant.from.as_ref(),
                until: grant.until.as_ref(),
                keep: grant.keep.as_ref(),
                each: each.to_vec(),
                observed: is_observed(&grant.annotations),
            })),
            Member::Each { var, list, filter, body, .. } => {
                let inner = [each, &[(var.text.as_str(), list, filter.as_ref())]].concat();
                grants_of(trees, body, &inner, out);
            }
        }
    }
}

/// The account that a grant gives something to.
fn account<'a>(trees: &'a Trees, what: &'a ast::EntRef, grant: &ast::Grant) -> &'a str {
    let second = grant.as_account.as_ref();
    let called = second.and_then(|a| trees.seconds.get(&(what.app.text.clone(), a.text.clone())));
    called.unwrap_or(&what.app.text)
}

/// Whether a grant of a body is observed.
pub(crate) fn observes(body: &[Member]) -> bool {
    body.iter().any(|m| match m {
        Member::Includes { .. } => false,
        Member::Grant(grant) => is_observed(&grant.annotations),
        Member::Each { body, .. } => observes(body),
    })
}

/// The arguments by which a body includes a role, each with the loops around it.
pub(crate) fn includes_of<'a>(body: &'a [Member], name: &str) -> Vec<(Vec<Each<'a>>, &'a [Expr])> {
    let mut out = Vec::new();
    for member in body {
        match member {
            Member::Includes { roles, .. } => {
                let named = roles.iter().filter(|r| r.name.text == name);
                out.extend(named.map(|r| (Vec::new(), r.args.as_slice())));
            }
            Member::Grant(_) => {}
            Member::Each { var, list, filter, body, .. } => {
                for (inner, args) in includes_of(body, name) {
                    let outer = (var.text.as_str(), list, filter.as_ref());
                    out.push(([vec![outer], inner].concat(), args));
                }
            }
        }
    }
    out
}

/// Kinds of one value that a body grants, where the value is a bare name.
pub(crate) fn granted_as_they_stand(body: &[Member]) -> Vec<(&ast::EntRef, &str)> {
    let mut out = Vec::new();
    for member in body {
        match member {
            Member::Includes { .. } => {}
            Member::Grant(grant) => {
                for what in &grant.entitlements {
                    let [ast::EntArg { each: None, value }] = what.args.as_slice() else { continue };
                    if let ast::ExprKind::Name(name) = &value.kind {
                        out.push((what, name.text.as_str()));
                    }
                }
            }
            Member::Each { body, .. } => out.extend(granted_as_they_stand(body)),
        }
    }
    out
}

/// Whether a body includes a role.
pub(crate) fn includes(body: &[Member], name: &str) -> bool {
    body.iter().any(|m| match m {
        Member::Includes { roles, .. } => roles.iter().any(|r| r.name.text == name),
        Member::Grant(_) => false,
        Member::Each { body, .. } => includes(body, name),
    })
}

impl<'a> Eval<'_, 'a> {
    /// What rules that are had grant, of those entitlements that are asked for. Also whether there may be more that can't
    /// be known.
    pub(crate) fn granted(
        &self,
        person: usize,
        place: &dyn Fn(&str, &str) -> bool,
        asked: &dyn Fn(&Ent) -> Res<bool>,
    ) -> Res<(Vec<Given<'a>>, bool)> {
        let (of, _) = self.me(person);
        let (mut out, mut unsure) = (Vec::new(), false);
        for rule in &self.world.policy.rules {
            if rule.for_type.is_some_and(|t| t != of) {
                continue;
            }
            let mut grants: Vec<Grant<'a>> = Vec::new();
            grants_of(self.world.trees, rule.body, &[], &mut grants);
            grants.retain(|g| place(g.app, &g.what.kind.text));
            grants.retain(|g| !g.observed || self.world.stage.gives);
            for grant in &grants {
                let Some(kind) = self.kind_of(grant.what) else { return bug("a grant of no kind") };
                // What it gives everyone may be none of what is asked for: then its rule is not asked.
                if let Some(value) = self.constant(grant.what, kind)
                    && !asked(&ent_of(grant.app, grant.what, kind, value))?
                {
                    continue;
                }
                let had = self.had(person, rule)?;
                unsure |= had.open;
                for (inst, is) in had.list {
                    match is {
                        Some(true) => {
                            let mut found = Vec::new();
                            let scope = self.within(person, rule, &inst);
                            unsure |= self.expand(grant, &grant.each, &scope, kind, &mut found)?;
                            let given = |ent| Given { ent, rule: inst.clone(), keep: grant.keep };
                            out.extend(found.into_iter().map(given));
                        }
                        Some(false) => {}
                        None => unsure = true,
                    }
                }
            }
        }
        let mut wanted = Vec::new();
        for given in out {
            if asked(&given.ent)? {
                wanted.push(given);
            }
        }
        Ok((wanted, unsure))
    }

    /// The lines on which a rule grants an entitlement to whoever has it, or an instance of it.
    pub(crate) fn lines_that_give(&self, person: usize, inst: &Inst, ent: &Ent) -> Res<Vec<u64>> {
        let Some(rule) = self.world.policy.rule(&inst.rule) else { return Ok(Vec::new()) };
        let scope = self.within(person, rule, inst);
        let mut grants: Vec<Grant<'a>> = Vec::new();
        grants_of(self.world.trees, rule.body, &[], &mut grants);
        grants.retain(|g| !g.observed || self.world.stage.gives);
        let mut lines = Vec::new();
        for grant in &grants {
            let Some(kind) = self.kind_of(grant.what) else { return bug("a grant of no kind") };
            let mut found = Vec::new();
            self.expand(grant, &grant.each, &scope, kind, &mut found)?;
            if found.iter().any(|f| same(f, ent)) {
                lines.push(self.world.trees.line(grant.what.span));
            }
        }
        Ok(lines)
    }

    /// Whether a rule, had or perhaps had, may give an entitlement now.
    pub(crate) fn may_give(&self, person: usize, ent: &Ent) -> Res<bool> {
        let (of, _) = self.me(person);
        for rule in self.world.policy.rules.iter().filter(|r| r.for_type.is_none_or(|t| t == of)) {
            let mut grants: Vec<Grant<'a>> = Vec::new();
            grants_of(self.world.trees, rule.body, &[], &mut grants);
            grants.retain(|g| g.app == ent.app && g.what.kind.text == ent.kind);
            grants.retain(|g| !g.observed || self.world.stage.gives);
            for grant in &grants {
                let Some(kind) = self.kind_of(grant.what) else { return bug("a grant of no kind") };
                if let Some(value) = self.constant(grant.what, kind)
                    && !same(&ent_of(grant.app, grant.what, kind, value), ent)
                {
                    continue;
                }
                let had = self.had(person, rule)?;
                let unknown = had.list.iter().any(|(_, is)| is.is_none());
                if had.open || (unknown && !rule.params.is_empty()) {
                    return Ok(true);
                }
                for (inst, _) in had.list.iter().filter(|(_, is)| *is != Some(false)) {
                    let mut found = Vec::new();
                    let scope = self.within(person, rule, inst);
                    let unsure = self.expand(grant, &grant.each, &scope, kind, &mut found)?;
                    if unsure || found.iter().any(|f| same(f, ent)) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Whether a rule grants an entitlement, whatever its conditions; `over`: only by a grant whose time is over.
    pub(crate) fn could_have_given(&self, person: usize, inst: &Inst, ent: &Ent, over: bool) -> Res<bool> {
        let Some(rule) = self.world.policy.rule(&inst.rule) else { return Ok(false) };
        let scope = self.within(person, rule, inst);
        let mut grants: Vec<Grant<'a>> = Vec::new();
        grants_of(self.world.trees, rule.body, &[], &mut grants);
        grants.retain(|g| g.app == ent.app && g.what.kind.text == ent.kind);
        grants.retain(|g| !g.observed || self.world.stage.gives);
        for grant in grants.iter().filter(|g| !over || g.until.is_some()) {
            let Some(kind) = self.kind_of(grant.what) else { return bug("a grant of no kind") };
            let mut found = Vec::new();
            self.all_values(grant, &grant.each, &scope, kind, over, &mut found)?;
            if found.iter().any(|f| same(f, ent)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All values of a grant, whatever its condition. What can't be known gives none.
    fn all_values(
        &self,
        grant: &Grant<'a>,
        each: &[Each<'a>],
        s: &Scope<'a>,
        kind: &Kind<'a>,
        over: bool,
        out: &mut Vec<Ent>,
    ) -> Res<()> {
        let [(var, list, _), rest @ ..] = each else {
            if over {
                let ended = Grant { when: None, from: None, each: Vec::new(), ..*grant };
                if known(self.in_time(&ended, s))? != Some(false) {
                    return Ok(());
                }
            }
            let mut found = Vec::new();
            if !self.values(grant, s, kind, &mut found)? {
                out.append(&mut found);
            }
            return Ok(());
        };
        let Some((elements, ty)) = (match self.list(list, s) {
            Ok(list) => Some(list),
            Err(Stop::Unknown) => None,
            Err(stop) => return Err(stop),
        }) else {
            return Ok(());
        };
        for one in elements {
            let mut inner = s.clone();
            inner.locals.push(Local { name: (*var).to_owned(), ty: ty.clone(), value: Ok(one) });
            self.all_values(grant, rest, &inner, kind, over, out)?;
        }
        Ok(())
    }

    /// All that a rule may grant, as written, with the app or account, and whether it
    /// stands in a loop.
    pub(crate) fn entitlements_of(&self, rule: &Rule<'a>) -> Vec<(&'a str, &'a ast::EntRef, bool)> {
        let mut grants: Vec<Grant<'a>> = Vec::new();
        grants_of(self.world.trees, rule.body, &[], &mut grants);
        grants.iter().map(|g| (g.app, g.what, !g.each.is_empty())).collect()
    }

    pub(crate) fn kind_of(&self, what: &ast::EntRef) -> Option<&Kind<'a>> {
        self.world.policy.app(&what.app.text)?.kind(&what.kind.text)
    }

    /// The value of a grant that has the same for everyone.
    pub(crate) fn constant(&self, what: &'a ast::EntRef, kind: &Kind<'a>) -> Option<String> {
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
                Some(true) => self.values(grant, s, kind, out),
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
                Value::Instant(i) => {
                    self.world.note(i);
                    i.cmp(&self.world.now)
                }
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
    fn values(&self, grant: &Grant<'a>, s: &Scope<'a>, kind: &Kind<'a>, out: &mut Vec<Ent>) -> Res<bool> {
        let what = grant.what;
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
        out.extend(rows.iter().map(|row| ent_of(grant.app, what, kind, join(row))));
        Ok(false)
    }
}
