//! Roles, accounts and entitlements as formulas: what comes, what forbids take, what separations take, what is left.
//! Invariant: as in `encode`; the order is that of docs/reference/items.md. What is kept of the past counts as held, as
//! far as nothing takes it.

use crate::encode::{Encoder, Making, Of, Row, Subject};
use crate::sat::Lit;
use crate::text::Test;
use crate::value::Case;
use prov_ir::{ExprId, GrantProgram};
use prov_model::{
    AppId, KindId, PatternDef, RuleId, Type, ValuePattern, VerbKind, fold, join_values, nfc, split_values,
};

impl<'p> Encoder<'p> {
    /// A formula that rules may read while it is being made. Rules that read each other without negation may then hold
    /// each other up, which no evaluation lets them: more is possible than happens.
    pub(crate) fn make(&mut self, of: Of, f: impl FnOnce(&mut Self) -> Lit) -> Lit {
        match self.made.get(&of) {
            Some(Making::Done(lit) | Making::Started(Some(lit))) => return *lit,
            Some(Making::Started(None)) => {
                let lit = self.sat.fresh();
                self.made.insert(of, Making::Started(Some(lit)));
                return lit;
            }
            None => {}
        }
        self.made.insert(of.clone(), Making::Started(None));
        let locals = std::mem::take(&mut self.locals);
        let before = (std::mem::replace(&mut self.subject, Subject::Me), std::mem::take(&mut self.in_claim));
        let lit = f(self);
        (self.subject, self.in_claim) = before;
        self.locals = locals;
        if let Some(Making::Started(Some(read))) = self.made.insert(of.clone(), Making::Done(lit)) {
            if let Of::Assigned(rule) | Of::Comes(rule) | Of::Left(rule) | Of::Had(rule) = of
                && let Some(when) = self.program.rules[rule as usize].when
            {
                self.gap(self.program.expr(when).span, "it hangs on itself by way of other rules");
            }
            self.sat.implies(read, lit);
            self.sat.implies(lit, read);
        }
        lit
    }

    /// A row that people may have written, or that memory may hold.
    pub(crate) fn row(&mut self, row: Row) -> Lit {
        if let Some(known) = self.rows.get(&row) {
            return *known;
        }
        let lit = self.sat.fresh();
        self.rows.insert(row, lit);
        lit
    }

    // ── roles ───────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn has_role(&mut self, rule: u32) -> Lit {
        self.make(Of::Had(rule), |me| {
            let left = me.role_left(rule);
            let mut hits = Vec::new();
            for (number, def) in me.program.schema.separations.iter().enumerate() {
                let whole = |r: &prov_model::NamedRole| r.position == rule && r.instance.is_none();
                let withholds = |(side, of): (usize, &prov_model::SideDef)| {
                    of.roles.iter().any(whole) && def.resolve.withholds(side)
                };
                if def.sides.iter().enumerate().any(withholds) {
                    hits.push(me.hit(number as u32));
                }
            }
            let hit = me.or(&hits);
            let some = me.some_instance(rule);
            me.and(&[left, !hit, some])
        })
    }

    /// Whether an instance of a role is left where one may be; of a role without parameters, always.
    fn some_instance(&mut self, rule: u32) -> Lit {
        if self.program.rules[rule as usize].params.is_empty() {
            return Lit::TRUE;
        }
        let span = self.program.rules[rule as usize].grants.first().map(|g| g.span);
        if let Some(span) = span {
            self.gap(span, "it is of a role with parameters, whose instances are not told apart");
        }
        self.unknown()
    }

    /// What forbids and exceptions leave of a role.
    fn role_left(&mut self, rule: u32) -> Lit {
        self.make(Of::Left(rule), |me| {
            let comes = me.role_comes(rule);
            let mut takes = Vec::new();
            for (number, def) in me.program.schema.role_forbids.iter().enumerate() {
                if def.role.position == rule && def.role.instance.is_none() {
                    takes.push(me.role_forbid(number as u32));
                }
            }
            if me.exceptions {
                takes.push(me.row(Row::DenyRole(rule)));
            }
            let taken = me.or(&takes);
            let some = me.some_instance(rule);
            me.and(&[comes, !taken, some])
        })
    }

    fn role_comes(&mut self, rule: u32) -> Lit {
        self.make(Of::Comes(rule), |me| {
            // What is observed is as good as not there.
            if me.program.observed.rules.contains(&rule) {
                return Lit::FALSE;
            }
            let mut causes = vec![me.assigned(rule)];
            for by in me.included_by[rule as usize].clone() {
                causes.push(me.has_role(by));
            }
            me.or(&causes)
        })
    }

    /// By its own condition, or by hand.
    fn assigned(&mut self, rule: u32) -> Lit {
        self.make(Of::Assigned(rule), |me| {
            let program = &me.program.rules[rule as usize];
            if program.identity != me.identity {
                return Lit::FALSE;
            }
            let own = program.when.map_or(Lit::FALSE, |when| me.test(when));
            let Some(requestable) = &program.requestable else { return own };
            if !program.params.is_empty() {
                return me.some_instance(rule);
            }
            let row = me.row(Row::Assignment(rule));
            let holds = me.holds(requestable.when);
            let approver = match requestable.approved_by {
                Some(by) => me.value(by).present(&mut me.sat),
                None => Lit::TRUE,
            };
            let by_hand = me.and(&[row, holds, approver]);
            me.or(&[own, by_hand])
        })
    }

    fn role_forbid(&mut self, number: u32) -> Lit {
        self.make(Of::RoleForbid(number), |me| {
            if me.program.observed.role_forbids.contains(&number) {
                return Lit::FALSE;
            }
            let program = &me.program.role_forbids[number as usize];
            let rule = me.program.schema.role_forbids[number as usize].rule;
            me.unless_suspended(program.identity, program.when, rule)
        })
    }

    fn forbid(&mut self, number: u32) -> Lit {
        self.make(Of::Forbid(number), |me| {
            if me.program.observed.forbids.contains(&number) {
                return Lit::FALSE;
            }
            let program = &me.program.forbids[number as usize];
            let rule = me.program.schema.forbids[number as usize].rule;
            me.unless_suspended(program.identity, program.when, rule)
        })
    }

    fn unless_suspended(
        &mut self,
        identity: Option<prov_model::IdentityId>,
        when: Option<ExprId>,
        rule: RuleId,
    ) -> Lit {
        if identity.is_some_and(|of| of != self.identity) {
            return Lit::FALSE;
        }
        let holds = self.holds(when);
        let suspended = self.suspended(rule);
        self.and(&[holds, !suspended])
    }

    /// Whether an exception suspends a rule, by its name or its reason.
    fn suspended(&mut self, rule: RuleId) -> Lit {
        if !self.exceptions {
            return Lit::FALSE;
        }
        let info = self.program.schema.rule(rule);
        let plain = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        let names: Vec<String> =
            [Some(info.name.as_str()), info.because.as_deref()].into_iter().flatten().map(plain).collect();
        let rows: Vec<Lit> = names.into_iter().map(|name| self.row(Row::Allow(name))).collect();
        self.or(&rows)
    }

    // ── accounts ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Whether nothing can be held in an app.
    fn blocked(&mut self, app: AppId) -> Lit {
        self.make(Of::Blocked(app), |me| {
            let dropped = me.in_state(|def| def.drops(app));
            if me.program.schema.app(app).account.is_none() {
                return dropped;
            }
            let wanted = me.account_of(app);
            me.or(&[dropped, !wanted])
        })
    }

    /// Whether the state is one of those.
    fn in_state(&mut self, which: impl Fn(&prov_model::StateDef) -> bool) -> Lit {
        let Some(lifecycle) = &self.program.schema.identity(self.identity).lifecycle else {
            return Lit::FALSE;
        };
        let lits = self.state_lits();
        let those: Vec<Lit> =
            lifecycle.defs.iter().zip(lits).filter(|(def, _)| which(def)).map(|(_, lit)| lit).collect();
        self.or(&those)
    }

    fn account_of(&mut self, app: AppId) -> Lit {
        let numbers: Vec<u32> = (self.program.accounts.iter().zip(0..))
            .filter(|(a, _)| a.app == app && a.identity == self.identity)
            .map(|(_, number)| number)
            .collect();
        let wanted: Vec<Lit> = numbers.into_iter().map(|n| self.account(n)).collect();
        self.or(&wanted)
    }

    fn account(&mut self, number: u32) -> Lit {
        self.make(Of::Account(number), |me| {
            let account = &me.program.accounts[number as usize];
            let from = me.program.schema.app(account.app).account.as_ref().and_then(|a| a.from);
            let first = from.map_or(Lit::TRUE, |app| me.account_of(app));
            let when = me.holds(account.when);
            me.and(&[first, when])
        })
    }

    // ── entitlements ────────────────────────────────────────────────────────────────────────────────────────────────

    /// The grants of a kind: rule, number, and the grant.
    fn grants_of(&self, app: AppId, kind: KindId) -> Vec<(u32, u32, &'p GrantProgram)> {
        let program = self.program;
        let grant = |(rule, n): &(u32, u32)| (*rule, *n, &program.rules[*rule as usize].grants[*n as usize]);
        self.grants.get(&(app, kind)).into_iter().flatten().map(grant).collect()
    }

    /// `has app.kind(args)`.
    pub(crate) fn has_entitlement(
        &mut self,
        id: ExprId,
        app: AppId,
        kind: KindId,
        args: Option<&[ExprId]>,
    ) -> Lit {
        let Some(args) = args else { return self.any(app, kind) };
        // Every way in which the values can be constants, with the condition under which they are those.
        let mut ways: Vec<(Lit, Vec<String>)> = vec![(Lit::TRUE, Vec::new())];
        for arg in args {
            let ty = &self.program.expr(*arg).ty;
            let sym = self.value(*arg);
            let mut next = Vec::new();
            for (guard, case) in &sym.cases {
                let Case::Const(value) = case else {
                    return self.open_test(id, "it asks for an entitlement whose value is unknown");
                };
                let plain = nfc(&value.plain(ty, &self.program.schema)).into_owned();
                for (so_far, values) in &ways {
                    let both = self.sat.and(&[*so_far, *guard]);
                    next.push((both, values.iter().cloned().chain([plain.clone()]).collect()));
                }
            }
            ways = next;
        }
        let folds = self.program.folds(app, kind);
        let mut out = Vec::new();
        for (guard, values) in ways {
            let joined = join_values(&values);
            let value = if folds { fold(&joined).into_owned() } else { joined };
            let held = self.reads(id, app, kind, value);
            out.push(self.sat.and(&[guard, held]));
        }
        self.or(&out)
    }

    /// Whether an entitlement is held, as the claim or a rule reads it.
    fn reads(&mut self, id: ExprId, app: AppId, kind: KindId, value: String) -> Lit {
        // Of what is only kept, a rule is told before separations look at it.
        let kept = self.grants_of(app, kind).iter().any(|g| g.2.keep.is_some());
        let apart = self.program.schema.separations.iter();
        let apart = apart.flat_map(|s| &s.sides).any(|side| side.covers(app, kind, &value));
        if !self.in_claim && apart && (kept || self.keeps_in(app)) {
            self.gap(
                self.program.expr(id).span,
                "it asks for what may only be kept, and is kept apart from something",
            );
            return self.unknown();
        }
        self.held(app, kind, value)
    }

    /// Whether some state keeps what is held in an app.
    fn keeps_in(&self, app: AppId) -> bool {
        let lifecycle = self.program.schema.identity(self.identity).lifecycle.as_ref();
        lifecycle.is_some_and(|l| l.defs.iter().any(|d| d.keeps(app)))
    }

    /// What a state keeps: anything that was held when it was entered.
    fn kept_by_state(&mut self, app: AppId) -> Lit {
        if !self.keeps_in(app) {
            return Lit::FALSE;
        }
        let lifecycle = self.program.lifecycles.iter().find(|l| l.identity == self.identity);
        let span = lifecycle.and_then(|l| l.conditions.iter().flatten().next());
        if let Some(first) = span {
            let span = self.program.expr(*first).span;
            let def = self.program.schema.identity(self.identity).lifecycle.as_ref();
            let names: Vec<String> = (def.iter().flat_map(|l| &l.defs))
                .filter(|d| d.verbs.iter().any(|v| v.kind == VerbKind::KeepEntitlements))
                .map(|d| format!("`{}`", d.name))
                .collect();
            self.gap(span, format!("what was held before stays held in the state {}", names.join(", ")));
        }
        let keeps = self.in_state(|def| def.keeps(app));
        let was = self.unknown();
        self.and(&[keeps, was])
    }

    /// One entitlement with the highest of its kind alone.
    fn held(&mut self, app: AppId, kind: KindId, value: String) -> Lit {
        self.make(Of::Held(app, kind, value.clone()), |me| {
            let parted = me.parted(app, kind, value.clone());
            if !me.program.schema.kind(app, kind).highest_wins {
                return parted;
            }
            let Some(ty) = me.program.schema.kind(app, kind).types.first() else { return parted };
            let rank = me.read_plain(&value, ty);
            let Some(known) = me.values_of(app, kind) else {
                let outranked = me.unknown();
                return me.and(&[parted, !outranked]);
            };
            let mut above = Vec::new();
            for other in known {
                // What can't be read back ranks lowest.
                let higher = match (me.read_plain(&other, ty), &rank) {
                    (Some(a), Some(b)) => prov_model::compare(&a, b).is_gt(),
                    (Some(_), None) => true,
                    (None, _) => false,
                };
                if higher {
                    above.push(me.parted(app, kind, other));
                }
            }
            let outranked = me.or(&above);
            me.and(&[parted, !outranked])
        })
    }

    /// All values that may be granted of a kind, where they can be told.
    fn values_of(&self, app: AppId, kind: KindId) -> Option<Vec<String>> {
        let def = self.program.schema.kind(app, kind);
        if let [Type::Enum(of)] = def.types.as_slice() {
            return Some(self.program.schema.enums[of.index()].variants.clone());
        }
        let mut values = Vec::new();
        for (rule, _, grant) in self.grants_of(app, kind) {
            values.push(self.constant_of(rule, grant)?);
        }
        values.sort();
        values.dedup();
        (!self.keeps_in(app)).then_some(values)
    }

    /// One entitlement after separations.
    fn parted(&mut self, app: AppId, kind: KindId, value: String) -> Lit {
        self.make(Of::Parted(app, kind, value.clone()), |me| {
            let settled = me.settled(app, kind, value.clone());
            let mut hits = Vec::new();
            for (number, def) in me.program.schema.separations.iter().enumerate() {
                if def.sides_of(app, kind, &value).any(|side| def.resolve.withholds(side)) {
                    hits.push(me.hit(number as u32));
                }
            }
            let hit = me.or(&hits);
            me.and(&[settled, !hit])
        })
    }

    /// One entitlement after forbids. The value is as it is compared.
    fn settled(&mut self, app: AppId, kind: KindId, value: String) -> Lit {
        self.make(Of::Settled(app, kind, value.clone()), |me| {
            if me.is_blank(app, kind, &value) || !me.is_cataloged(app, kind, &value) {
                return Lit::FALSE;
            }
            let mut gives = Vec::new();
            for (rule, number, grant) in me.grants_of(app, kind) {
                let is = me.value_is(rule, number, grant, &value);
                if is != Lit::FALSE {
                    let (had, stands) = (me.has_role(rule), me.stands(rule, grant));
                    gives.push(me.and(&[had, stands, is]));
                }
                if grant.keep.is_some() && (is != Lit::FALSE || me.constant_of(rule, grant).is_none()) {
                    gives.push(me.row(Row::Keep(rule, number, value.clone())));
                }
            }
            let given = me.or(&gives);
            let blocked = me.blocked(app);
            let free = me.and(&[given, !blocked]);
            let stays = me.kept_by_state(app);
            let there = me.or(&[free, stays]);
            let mut takes = Vec::new();
            for (number, def) in me.program.schema.forbids.iter().enumerate() {
                if def.covers(app, kind, &value) {
                    takes.push(me.forbid(number as u32));
                }
            }
            if me.exceptions {
                takes.push(me.row(Row::Deny(app, kind, value.clone())));
            }
            let taken = me.or(&takes);
            me.and(&[there, !taken])
        })
    }

    fn is_blank(&self, app: AppId, kind: KindId, value: &str) -> bool {
        match self.program.schema.kind(app, kind).types.len() {
            0 => false,
            1 => value.trim().is_empty(),
            _ => split_values(value).iter().any(|v| v.trim().is_empty()),
        }
    }

    fn is_cataloged(&self, app: AppId, kind: KindId, value: &str) -> bool {
        let catalog = self.catalogs.get(&(app, kind)).filter(|_| self.program.schema.kind(app, kind).catalog);
        catalog.is_none_or(|c| c.iter().any(|v| v == value))
    }

    /// Anything of a kind.
    fn any(&mut self, app: AppId, kind: KindId) -> Lit {
        self.make(Of::Any(app, kind), |me| {
            let mut out = Vec::new();
            for (rule, number, grant) in me.grants_of(app, kind) {
                out.push(me.of_grant(rule, number, grant, None));
            }
            let stays = me.kept_by_state(app);
            out.push(stays);
            me.or(&out)
        })
    }

    /// Whether a separation is hit.
    fn hit(&mut self, number: u32) -> Lit {
        self.make(Of::Hit(number), |me| {
            if me.program.observed.separations.contains(&number) {
                return Lit::FALSE;
            }
            let def = &me.program.schema.separations[number as usize];
            let sides: Vec<Lit> = (0..def.sides.len() as u32).map(|side| me.side(number, side)).collect();
            let more = me.sat.more_than(&sides);
            let enough = more.get(def.at_least.saturating_sub(1) as usize).copied().unwrap_or(Lit::FALSE);
            let suspended = me.suspended(def.rule);
            me.and(&[enough, !suspended])
        })
    }

    /// Whether something is on a side of a separation, after forbids.
    fn side(&mut self, number: u32, side: u32) -> Lit {
        self.make(Of::Side(number, side), |me| {
            let def = &me.program.schema.separations[number as usize].sides[side as usize];
            let mut there: Vec<Lit> = Vec::new();
            for role in &def.roles {
                let left = me.role_left(role.position);
                let this = if role.instance.is_some() { me.unknown() } else { Lit::TRUE };
                there.push(me.and(&[left, this]));
            }
            for pattern in &def.patterns {
                if let (Some(kind), Some(value)) = (pattern.kind, pattern.exact()) {
                    there.push(me.settled(pattern.app, kind, value));
                    continue;
                }
                let kinds = 0..me.program.schema.app(pattern.app).kinds.len() as u32;
                for kind in kinds.map(KindId).filter(|k| pattern.kind.is_none_or(|of| of == *k)) {
                    for (rule, n, grant) in me.grants_of(pattern.app, kind) {
                        there.push(me.of_grant(rule, n, grant, Some(pattern)));
                    }
                }
                let stays = me.kept_by_state(pattern.app);
                there.push(stays);
            }
            me.or(&there)
        })
    }

    /// Whether something that a grant gives (or gave, and is kept) is there: with a pattern, what it covers, before
    /// separations; without, anything that separations leave.
    fn of_grant(
        &mut self,
        rule: u32,
        number: u32,
        grant: &GrantProgram,
        pattern: Option<&PatternDef>,
    ) -> Lit {
        let (app, kind) = (grant.app, grant.kind);
        if let Some(value) = self.constant_of(rule, grant) {
            return match pattern {
                Some(p) if !p.covers(app, kind, &value) => Lit::FALSE,
                Some(_) => self.settled(app, kind, value),
                None => self.parted(app, kind, value),
            };
        }
        let blocked = self.blocked(app);
        let mut out = Vec::new();
        if grant.keep.is_some() {
            let span = grant.span;
            self.gap(span, "a computed value may be kept from before");
            out.push(self.unknown());
        }
        let (had, stands) = (self.has_role(rule), self.stands(rule, grant));
        let free = match self.cases_of(rule, grant) {
            None => {
                self.gap(grant.span, "it grants values of a list or a set");
                let some = self.open_lit(format!("grant {rule} {number} {pattern:?}"));
                self.and(&[had, stands, some])
            }
            Some((cases, ty)) => {
                let mut of_cases = Vec::new();
                for (guard, case) in cases {
                    let here = self.and(&[had, stands, guard]);
                    if here == Lit::FALSE {
                        continue;
                    }
                    let left = self.left_of_case(app, kind, &case, &ty, pattern);
                    of_cases.push(self.and(&[here, left]));
                }
                self.or(&of_cases)
            }
        };
        out.push(free);
        let given = self.or(&out);
        self.and(&[given, !blocked])
    }

    /// Whether a computed value is there after forbids (and, without a pattern, after separations).
    fn left_of_case(
        &mut self,
        app: AppId,
        kind: KindId,
        case: &Case,
        ty: &Type,
        pattern: Option<&PatternDef>,
    ) -> Lit {
        let folds = self.program.folds(app, kind);
        let mut parts = Vec::new();
        if let Some(p) = pattern {
            parts.push(self.covers_case(&p.values, case, ty, folds));
        }
        let blank = match case {
            Case::Text(form) => self.text_test(form, Test::Blank),
            Case::Const(v) => Lit::of(v.spelling().is_some_and(|s| s.trim().is_empty())),
            _ => Lit::FALSE,
        };
        parts.push(!blank);
        if self.program.schema.kind(app, kind).catalog
            && let Some(catalog) = self.catalogs.get(&(app, kind)).cloned()
        {
            let known: Vec<Lit> = catalog.iter().map(|v| self.case_is(case, v, folds, ty)).collect();
            parts.push(self.or(&known));
        }
        for (number, def) in self.program.schema.forbids.iter().enumerate() {
            if def.app != app || def.kind.is_some_and(|k| k != kind) {
                continue;
            }
            let covers = self.covers_case(&def.values, case, ty, folds);
            if covers != Lit::FALSE {
                let holds = self.forbid(number as u32);
                let takes = self.and(&[covers, holds]);
                parts.push(!takes);
            }
        }
        if self.exceptions {
            let denied = self.unknown();
            parts.push(!denied);
        }
        if pattern.is_none() {
            for (number, def) in self.program.schema.separations.iter().enumerate() {
                for (side, of) in def.sides.iter().enumerate() {
                    if !def.resolve.withholds(side) {
                        continue;
                    }
                    for p in &of.patterns {
                        if p.app != app || p.kind.is_some_and(|k| k != kind) {
                            continue;
                        }
                        let covers = self.covers_case(&p.values, case, ty, folds);
                        let hit = self.hit(number as u32);
                        let takes = self.and(&[covers, hit]);
                        parts.push(!takes);
                    }
                }
            }
        }
        self.and(&parts)
    }

    fn covers_case(&mut self, values: &[ValuePattern], case: &Case, ty: &Type, folds: bool) -> Lit {
        match values {
            [] | [ValuePattern::Any] => Lit::TRUE,
            [ValuePattern::Exactly(value)] => self.case_is(case, value, folds, ty),
            [ValuePattern::Matches(pattern)] => match case {
                Case::Text(form) => self.text_test(form, Test::Covered { folds, pattern: pattern.clone() }),
                Case::Const(value) => {
                    let plain = nfc(&value.plain(ty, &self.program.schema)).into_owned();
                    let compared = if folds { fold(&plain).into_owned() } else { plain };
                    Lit::of(pattern.matches_str(&compared))
                }
                _ => self.unknown(),
            },
            _ => self.unknown(),
        }
    }
}
