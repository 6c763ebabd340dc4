//! Random birthrights and roles, and what they give. Invariant: every clause stands on a line of its own.

use super::expr::{Env, Ex, bind};
use super::model::{Kind, Param, Rule};
use super::schema::Gen;
use super::value::{Ty, Val};

impl Gen {
    /// Which rules there are, before what they say.
    pub(crate) fn plan_rules(&mut self) {
        for _ in 0..self.rng.range(2, 7) {
            let role = self.rng.chance(60);
            let name = self.names.fresh(if role { "role" } else { "right" });
            let identity = self.rng.below(self.m.identities.len());
            let level = self.rng.weighted(&[(3, 0), (3, 1), (2, 2)]);
            let params =
                if role && self.m.draws.params && self.rng.chance(18) { self.params(level) } else { vec![] };
            let often = if params.is_empty() { 30 } else { 60 };
            let requestable = role && self.rng.chance(often);
            self.m.rules.push(Rule {
                name,
                identity,
                role,
                level,
                included: false,
                requestable,
                apart: false,
                params,
            });
        }
        // What reads others comes after them.
        self.m.rules.sort_by_key(|r| r.level);
    }

    pub(crate) fn rule_text(&mut self, r: usize) -> String {
        let rule = self.m.rules[r].clone();
        let env = Env { has: Some(rule.level), ..self.env(rule.identity) };
        let mut head = self.staged(18).to_owned();
        if self.rng.chance(15) {
            head += &format!("@severity({}) ", self.rng.word(&["low", "medium", "high", "critical"]));
        }
        head += &format!(
            "{} {}{}{}",
            if rule.role { "role" } else { "birthright" },
            rule.name,
            self.spelled_params(&rule.params),
            self.for_type(rule.identity)
        );
        let mut env = env;
        for p in &rule.params {
            env = env.bind(&p.name, p.ty.clone(), p.pool.clone());
        }
        let mut inside = env.clone();
        let grows = Env { grows: true, ..env.clone() };
        // What nothing brings and nobody can ask for is nobody's.
        let alone = !rule.included && !rule.requestable && self.rng.chance(95);
        let mut rule = rule;
        if alone && !rule.params.is_empty() {
            (rule.requestable, self.m.rules[r].requestable) = (true, true);
        }
        let often = if rule.requestable { 40 } else { 70 };
        let own = rule.params.is_empty() && (!rule.role || alone || self.rng.chance(often));
        if own {
            let depth = self.rng.weighted(&[(3, 1), (2, 2)]);
            let (c, known) = self.knowing(&grows, depth);
            head += &format!("\n    when {c}");
            // What brings a role by `includes` does not ask for its `when`.
            if !rule.included {
                inside = known.any_way();
            }
        }
        if rule.requestable {
            let (text, known) = self.requestable(&grows);
            head += &text;
            inside = if own || rule.included { env.clone() } else { known.any_way() };
        }
        let mut body = String::new();
        for _ in 0..self.rng.weighted(&[(4, 1), (4, 2), (2, 3)]) {
            body += &self.member(&rule, &inside, 1);
        }
        body += &self.passed_on(&rule);
        if !rule.apart && self.rng.chance(35) {
            let later = self.later(r);
            if !later.is_empty() {
                let o = *self.rng.pick(&later);
                self.m.rules[o].included = true;
                body += &format!("    includes {}\n", self.instance(o, &inside));
            }
        }
        format!("{head} {{\n{body}}}")
    }

    fn member(&mut self, rule: &Rule, env: &Env, indent: usize) -> String {
        let pad = "    ".repeat(indent);
        if indent < 3
            && self.rng.chance(22)
            && let Some((list, of)) = self.collection(env)
        {
            let var = self.names.fresh("each");
            let mut inner = env.bind(&var, of.clone(), list.pool.clone());
            let filter = if self.rng.chance(50) {
                let e = Ex::new(var.clone(), bind::ATOM).with(list.pool.clone());
                let c =
                    if self.rng.chance(80) { self.test(&inner, &e, &of, 1) } else { self.cond(&inner, 1) };
                inner = inner.knowing(&c.yes);
                format!(" where {}", c.text)
            } else {
                String::new()
            };
            let body = match self.instances(rule) {
                open if !open.is_empty() && self.rng.chance(40) => {
                    let o = *self.rng.pick(&open);
                    self.m.rules[o].included = true;
                    format!("{pad}    includes {}\n", self.instance(o, &inner))
                }
                _ => self.member(rule, &inner, indent + 1),
            };
            return format!("{pad}each {var} in {}{filter} {{\n{body}{pad}}}\n", list.at(bind::SUM));
        }
        let mut env = env.clone();
        let when = if self.rng.chance(30) {
            let (c, known) = self.knowing(&env, 1);
            env = known;
            format!(" when {c}")
        } else {
            String::new()
        };
        let n = self.rng.weighted(&[(4, 1), (1, 2)]);
        let given: Vec<(usize, String)> =
            (0..n).filter_map(|_| self.given(rule.level, &env, &rule.params)).collect();
        let Some((app, _)) = given.first().cloned() else { return String::new() };
        let mut to = String::new();
        if let Some((second, types)) = self.m.apps[app].second.clone()
            && given.iter().all(|g| g.0 == app)
            && self.rng.chance(if types.contains(&rule.identity) { 60 } else { 10 })
        {
            to = format!(" as {second}");
        }
        let given: Vec<String> = given.into_iter().map(|g| g.1).collect();
        self.m.given.extend(given.clone());
        let bounds = self.bounds(&env);
        let stage = self.staged(18);
        format!("{pad}{stage}grant {}{to}{when}{bounds}\n", given.join(", "))
    }

    /// `app.kind(value)` for a grant of a level.
    fn given(&mut self, level: u8, env: &Env, params: &[Param]) -> Option<(usize, String)> {
        let open: Vec<(usize, usize)> = self.kinds(|k| k.top() >= level);
        if open.is_empty() {
            return None;
        }
        let (a, k) = *self.rng.pick(&open);
        let (app, kind) = (self.m.apps[a].clone(), self.m.apps[a].kinds[k].clone());
        let name = format!("{}.{}", app.name, kind.name);
        let Some(first) = kind.types.first() else { return Some((a, name)) };
        let constants: Vec<Val> = kind.pool.iter().filter(|p| p.1 >= level).map(|p| p.0.clone()).collect();
        // A computed value may be any, those of a lower level too.
        if kind.lowest() < level || self.rng.chance(55) {
            let v = self.rng.pick(&constants).clone();
            return Some((a, format!("{name}({})", self.constant_of_kind(&kind, &v))));
        }
        if self.rng.chance(25)
            && let Some(p) = self.path(env, &Ty::set(first.clone()), false)
        {
            let rest: String = kind.types[1..]
                .to_vec()
                .iter()
                .map(|t| format!(", {}", self.constant(t, &[]).text))
                .collect();
            return Some((a, format!("{name}(each {}{rest})", p.text)));
        }
        let values: Vec<String> = kind
            .types
            .iter()
            .map(|t| {
                let e = self.value(env, t, 2);
                // A constant must be in the catalog; a sum of such is not looked at.
                let constant = e.text.starts_with('"') && !e.text.contains('{');
                let passed = params.iter().any(|p| p.name == e.text && p.listed != Some((a, k)));
                if kind.catalog && (constant || passed) {
                    "\"\" + ".to_owned() + &e.at(bind::ATOM)
                } else {
                    e.text
                }
            })
            .collect();
        Some((a, format!("{name}({})", values.join(", "))))
    }

    /// ` from D`, ` until D`: the bounds of a grant in time.
    fn bounds(&mut self, env: &Env) -> String {
        let env = Env { time: false, ..env.any_way() };
        let mut out = String::new();
        let mut bound = |g: &mut Gen, word: &str| {
            let ty = if g.rng.chance(80) { Ty::Date } else { Ty::Instant };
            let d = g.value(&env, &ty, 1);
            out += &format!(" {word} {}", d.at(bind::SUM));
        };
        if self.rng.chance(14) {
            bound(self, "from");
        }
        if self.rng.chance(14) {
            let word = self.rng.word(&["until", "through"]);
            bound(self, word);
        }
        if self.rng.chance(18) {
            let d = match self.rng.below(4) {
                0 => Val::Elapsed(self.rng.range(0, 90), "hour"),
                1 => Val::Duration(self.rng.range(0, 2), "month"),
                _ => Val::Duration(self.rng.range(0, 40), "day"),
            };
            out += &format!(" keep {}", d.literal());
        }
        out
    }

    /// Kinds by app and place, of which something holds.
    fn kinds(&self, fits: impl Fn(&Kind) -> bool) -> Vec<(usize, usize)> {
        let all = self.m.apps.iter().enumerate();
        all.flat_map(|(a, app)| (0..app.kinds.len()).map(move |k| (a, k)))
            .filter(|(a, k)| fits(&self.m.apps[*a].kinds[*k]))
            .collect()
    }

    /// `@stage(observe) `, where some rules are observed; so often of a hundred.
    pub(crate) fn staged(&mut self, often: u64) -> &'static str {
        if self.m.stages && self.rng.chance(often) { "@stage(observe) " } else { "" }
    }

    /// What a role of a level takes.
    fn params(&mut self, level: u8) -> Vec<Param> {
        (0..self.rng.weighted(&[(4, 1), (1, 2)]))
            .map(|_| {
                let name = self.names.fresh("w");
                // What it passes on to a catalog must be in it.
                let listed = self.kinds(|k| k.catalog && k.lowest() >= level);
                if !listed.is_empty() && self.rng.chance(60) {
                    let (a, k) = *self.rng.pick(&listed);
                    let kind = &self.m.apps[a].kinds[k];
                    let pool = kind.pool.iter().map(|p| p.0.clone()).collect();
                    return Param { name, ty: kind.types[0].clone(), pool, listed: Some((a, k)) };
                }
                // Values that someone has, so that a computed argument may be a written one.
                let known: Vec<(Ty, Vec<Val>)> = self
                    .m
                    .identities
                    .iter()
                    .flat_map(|i| &i.fields)
                    .map(|f| match &f.ty {
                        Ty::Set(of) => ((**of).clone(), f.pool.clone()),
                        ty => (ty.clone(), f.pool.clone()),
                    })
                    .filter(|(ty, pool)| ty.is_plain() && !pool.is_empty())
                    .collect();
                let (ty, pool) = match known.is_empty() || self.rng.chance(25) {
                    false => self.rng.pick(&known).clone(),
                    true => {
                        let ty = self.rng.pick(&[Ty::Text, Ty::Str, Ty::Int, Ty::Date, Ty::Bool]).clone();
                        let pool = self.pool(&ty);
                        (ty, pool)
                    }
                };
                Param { name, ty, pool, listed: None }
            })
            .collect()
    }

    fn spelled_params(&self, params: &[Param]) -> String {
        if params.is_empty() {
            return String::new();
        }
        let all: Vec<String> =
            params.iter().map(|p| format!("{}: {}", p.name, self.m.spell(&p.ty))).collect();
        format!("({})", all.join(", "))
    }

    /// A grant of what a role takes, so that its instances differ.
    fn passed_on(&mut self, rule: &Rule) -> String {
        let mut out = String::new();
        for p in rule.params.clone() {
            let open = self.kinds(|k| {
                let fits =
                    k.types.len() == 1 && (k.types[0] == p.ty || (k.types[0] == Ty::Text && p.ty == Ty::Str));
                fits && k.lowest() >= rule.level
            });
            let open: Vec<(usize, usize)> = open
                .into_iter()
                .filter(|(a, k)| !self.m.apps[*a].kinds[*k].catalog || p.listed == Some((*a, *k)))
                .collect();
            if !open.is_empty() && self.rng.chance(80) {
                let (a, k) = *self.rng.pick(&open);
                let app = &self.m.apps[a];
                let given = format!("{}.{}({})", app.name, app.kinds[k].name, p.name);
                out += &format!("    grant {given}\n");
                self.m.given.push(given);
            }
        }
        out
    }

    /// Roles that one may include.
    fn later(&self, r: usize) -> Vec<usize> {
        let rule = &self.m.rules[r];
        let fits = |o: &usize| {
            let other = &self.m.rules[*o];
            other.role && other.identity == rule.identity && other.level >= rule.level && !other.apart
        };
        (r + 1..self.m.rules.len()).filter(fits).collect()
    }

    /// Roles with parameters among them.
    fn instances(&self, rule: &Rule) -> Vec<usize> {
        let at = self.m.rules.iter().position(|r| r.name == rule.name);
        let all = at.filter(|_| !rule.apart).map_or(vec![], |r| self.later(r));
        all.into_iter().filter(|o| !self.m.rules[*o].params.is_empty()).collect()
    }

    /// A role as `includes` or `has` names it, with arguments where it takes some.
    pub(crate) fn instance(&mut self, o: usize, env: &Env) -> String {
        let rule = self.m.rules[o].clone();
        if rule.params.is_empty() {
            return rule.name;
        }
        let args: Vec<String> = rule
            .params
            .iter()
            .map(|p| {
                if self.rng.chance(45) {
                    return self.rng.pick(&p.pool).literal();
                }
                let e = self.value(env, &p.ty, 1);
                // What is passed on as it stands would have to be in the catalog that it comes to.
                let constant = e.text.starts_with('"') && !e.text.contains('{');
                let passed = env.locals.iter().any(|l| l.0 == e.text);
                if p.listed.is_some() && (constant || passed) {
                    self.rng.pick(&p.pool).literal()
                } else {
                    e.text
                }
            })
            .collect();
        format!("{}({})", rule.name, args.join(", "))
    }

    /// A role as `forbid`, `separate` and a deny name it: with written arguments, or all instances.
    pub(crate) fn written(&mut self, rule: &Rule) -> String {
        // Of an instant and a negative length there is no constant.
        let plain =
            |p: &Param| p.pool.iter().all(|v| !matches!(v, Val::At(..)) && !v.literal().contains('('));
        if rule.params.is_empty() || !rule.params.iter().all(plain) || self.rng.chance(35) {
            return rule.name.clone();
        }
        let args: Vec<String> = rule.params.iter().map(|p| self.rng.pick(&p.pool).literal()).collect();
        format!("{}({})", rule.name, args.join(", "))
    }
}
