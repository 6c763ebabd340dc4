//! Random conditions. Invariant: constants are mostly such as the data holds, so that a condition decides something.

use super::expr::{Env, Ex, Path, bind};
use super::model::SourceKind;
use super::schema::Gen;
use super::value::{Ty, Val, quoted};

impl Gen {
    /// A condition.
    pub(crate) fn cond(&mut self, env: &Env, depth: u32) -> Ex {
        if depth > 0 {
            match self.rng.below(100) {
                0..=11 => return self.junction(env, "and", depth),
                12..=33 => return self.junction(env, "or", depth),
                34..=40 => {
                    return self.cond(&env.any_way(), depth - 1).negated();
                }
                41..=43 => {
                    let c = self.cond(&env.any_way(), depth - 1);
                    let a = self.cond(&env.any_way().knowing(&c.yes), depth - 1);
                    let b = self.cond(&env.any_way().knowing(&c.no), depth - 1);
                    return Ex::new(format!("if {} then {} else {}", c.text, a.text, b.text), bind::OPEN);
                }
                44..=46 => {
                    let matched = self.matched(&env.any_way(), depth, &mut |g, env| match g.rng.below(3) {
                        0 => "true".to_owned(),
                        1 => "false".to_owned(),
                        _ => g.cond(env, depth - 1).text,
                    });
                    if let Some(e) = matched {
                        return e;
                    }
                }
                _ => {}
            }
        }
        for _ in 0..4 {
            if let Some(e) = self.leaf(env, depth) {
                return e;
            }
        }
        match self.path(env, &Ty::Bool, false) {
            Some(p) => p.named(),
            None => Ex::new("true", bind::ATOM),
        }
    }

    fn junction(&mut self, env: &Env, word: &str, depth: u32) -> Ex {
        let n = self.rng.weighted(&[(4, 2), (1, 3)]);
        let (mut env, mut parts) = (env.clone(), Vec::new());
        for _ in 0..n {
            let c = self.cond(&env, depth - 1);
            env = env.knowing(if word == "and" { &c.yes } else { &c.no });
            parts.push(c);
        }
        Ex::joined(word, &parts)
    }

    fn leaf(&mut self, env: &Env, depth: u32) -> Option<Ex> {
        match self.rng.below(100) {
            0..=11 if env.time => self.in_time(env, depth),
            12..=18 if env.has.is_some() => self.held(env),
            19..=25 => {
                let word = self.rng.word(&["any", "all"]);
                self.quantified(env, word, depth)
            }
            28 => Some(self.working_day(env, depth.min(1))),
            30..=39 if depth > 0 => {
                // Two values that are computed.
                let all = [Ty::Int, Ty::Str, Ty::Text, Ty::Date, Ty::Decimal];
                let rare = [Ty::Duration, Ty::Elapsed, Ty::Instant];
                let ty = if self.rng.chance(15) { self.rng.pick(&rare) } else { self.rng.pick(&all) };
                let ty = ty.clone();
                let a = self.telling_value(env, &ty, depth);
                Some(self.test(env, &a, &ty, depth))
            }
            29 if env.tables && env.identity.is_some() => {
                let of = &self.m.identities[env.identity?];
                let mut names = vec![of.source.clone()];
                names.extend(
                    of.others
                        .iter()
                        .filter(|s| !matches!(s.kind, SourceKind::Elements(_)))
                        .map(|s| s.name.clone()),
                );
                (names.len() > 1).then(|| Ex::new(format!("in {}", self.rng.pick(&names)), bind::ATOM))
            }
            40 => {
                let all = self.paths(env);
                let refs: Vec<&Path> =
                    all.iter().filter(|p| matches!(p.ty, Ty::Ref(_)) && !p.optional).collect();
                let (a, b) = (refs.first()?, refs.last()?);
                (a.ty == b.ty).then(|| Ex::new(format!("{} == {}", a.text, b.text), bind::COMPARE))
            }
            _ => {
                let all = self.paths(env);
                // Attributes of one's own more often than what is far away.
                let near: Vec<&Path> = all.iter().filter(|p| !p.text.contains(['.', '['])).collect();
                let p = if !near.is_empty() && self.rng.chance(78) {
                    (*self.rng.pick(&near)).clone()
                } else if all.is_empty() {
                    return None;
                } else {
                    self.rng.pick(&all).clone()
                };
                Some(self.about(env, &p, depth))
            }
        }
    }

    /// A condition about a value that may be absent.
    fn about(&mut self, env: &Env, p: &Path, depth: u32) -> Ex {
        let named = p.named();
        if !p.optional {
            return self.test(env, &named, &p.ty, depth);
        }
        let known = env.know(p);
        let yes = self.test(&known, &named, &p.ty, depth);
        let x = &p.text;
        let way = if p.can_be_known() { self.rng.below(9) } else { self.rng.below(2) };
        match way {
            0 => Ex::asked(p, true),
            1 => Ex::asked(p, false),
            2..=4 => Ex::joined("and", &[Ex::asked(p, true), yes]),
            5 => Ex::joined("or", &[Ex::asked(p, false), yes]),
            6 => {
                let asked = Ex { text: format!("({x} is absent)"), binds: bind::ATOM, ..Ex::asked(p, false) };
                Ex::joined("and", &[asked.negated(), yes])
            }
            7 if !matches!(p.ty, Ty::Ref(_) | Ty::Record(_) | Ty::List(_) | Ty::People(_)) => {
                let other = self.constant(&p.ty, &p.pool);
                let e = Ex::new(format!("{x} ?? {}", other.at(bind::AT)), bind::SUM).with(p.pool.clone());
                self.test(env, &e, &p.ty, depth)
            }
            _ => {
                let other = if self.rng.chance(50) { "true" } else { "false" };
                Ex::new(format!("if {x} is present then {} else {other}", yes.text), bind::OPEN)
            }
        }
    }

    fn comparison(&mut self) -> &'static str {
        self.rng.word(&["==", "!=", "<", "<=", ">", ">="])
    }

    /// A condition about a value of a type.
    pub(crate) fn test(&mut self, env: &Env, e: &Ex, ty: &Ty, depth: u32) -> Ex {
        let shown = e.at(bind::SUM);
        let compare =
            |op: &str, other: &Ex| Ex::new(format!("{shown} {op} {}", other.at(bind::SUM)), bind::COMPARE);
        match ty {
            Ty::Bool => match self.rng.below(4) {
                0 => e.negated(),
                1 => compare(self.rng.word(&["==", "!="]), &Ex::new("true", bind::ATOM)),
                _ => e.clone(),
            },
            Ty::Str | Ty::Text if self.rng.chance(55) => self.textual(env, e, ty, depth),
            Ty::Enum(_) | Ty::State(_) if self.rng.chance(45) => {
                let (op, other) = (self.rng.word(&["==", "!=", "==", "<", ">="]), self.constant(ty, &e.pool));
                let op = self.telling(op, ty, &other, &e.pool);
                compare(op, &other)
            }
            Ty::Int
            | Ty::Decimal
            | Ty::Str
            | Ty::Text
            | Ty::Date
            | Ty::Instant
            | Ty::Duration
            | Ty::Elapsed
            | Ty::Enum(_)
            | Ty::State(_) => match self.rng.below(8) {
                0..=2 => {
                    let op = self.comparison();
                    let other = self.constant(ty, &e.pool);
                    let op = if self.rng.chance(90) { self.telling(op, ty, &other, &e.pool) } else { op };
                    compare(op, &other)
                }
                3 if depth > 0 => {
                    let op = self.comparison();
                    let other = self.value(env, ty, depth - 1);
                    compare(op, &other)
                }
                4 => {
                    let (low, high) = self.range_of(ty, &e.pool);
                    let not = self.rng.word(&["", "not "]);
                    Ex::new(format!("{shown} {not}in {low}..{high}"), bind::COMPARE)
                }
                _ => {
                    // All that there is would be everyone.
                    let n = self.rng.range(1, (e.pool.len() as i64 - 1).clamp(1, 3));
                    let list: Vec<String> = (0..n).map(|_| self.constant(ty, &e.pool).text).collect();
                    let not = self.rng.word(&["", "", "not "]);
                    Ex::new(format!("{shown} {not}in [{}]", list.join(", ")), bind::COMPARE)
                }
            },
            Ty::Set(of) => match self.rng.below(7) {
                0..=2 => {
                    let one = self.constant(of, &e.pool);
                    Ex::new(format!("{shown} contains {}", one.at(bind::SUM)), bind::COMPARE)
                }
                3 => {
                    let one = self.value(env, of, depth.saturating_sub(1));
                    Ex::new(format!("{} in {shown}", one.at(bind::SUM)), bind::COMPARE)
                }
                4 => {
                    let n = self.rng.range(0, 3);
                    Ex::new(format!("size({}) {} {n}", e.text, self.comparison()), bind::COMPARE)
                }
                5 => {
                    let one = self.constant(of, &e.pool);
                    Ex::new(format!("{shown} {} [{}]", self.rng.word(&["==", "!="]), one.text), bind::COMPARE)
                }
                _ => {
                    let word = self.rng.word(&["any", "all", "count"]);
                    self.over(env, e, of, word, depth)
                }
            },
            Ty::List(r) => {
                let word = self.rng.word(&["any", "all", "count"]);
                self.over(env, e, &Ty::Record(*r), word, depth)
            }
            Ty::People(i) => {
                let word = self.rng.word(&["any", "all", "count"]);
                self.over(env, e, &Ty::Ref(*i), word, depth)
            }
            Ty::Record(_) | Ty::Ref(_) => {
                let inner: Vec<Path> = self
                    .paths(env)
                    .into_iter()
                    .filter(|p| p.ty.is_plain() && p.text.starts_with(&format!("{}.", e.text)))
                    .collect();
                if inner.is_empty() {
                    return Ex::new("true", bind::ATOM);
                }
                let p = self.rng.pick(&inner).clone();
                self.about(env, &p, depth)
            }
        }
    }

    /// An operator by which some values differ from others: nothing is below the least of them.
    fn telling(&mut self, op: &'static str, ty: &Ty, other: &Ex, pool: &[Val]) -> &'static str {
        let variants = self.m.variants(ty);
        let rank = |v: &Val| match v {
            Val::Int(n) | Val::Decimal(n) | Val::Date(n) => Some(*n),
            Val::At(d, h, m) => Some(d * 1440 + i64::from(*h) * 60 + i64::from(*m)),
            Val::Variant(v) => variants.iter().position(|known| known == v).map(|p| p as i64),
            _ => None,
        };
        let ranks: Vec<i64> = pool.iter().filter(|v| v.is_of(ty)).filter_map(rank).collect();
        let (Some(low), Some(high)) = (ranks.iter().min(), ranks.iter().max()) else { return op };
        let Some(at) = other.pool.first().and_then(rank) else { return op };
        match op {
            "<" if at <= *low => "<=",
            "<=" if at >= *high => "<",
            ">" if at >= *high => ">=",
            ">=" if at <= *low => ">",
            op => op,
        }
    }

    fn range_of(&mut self, ty: &Ty, pool: &[Val]) -> (String, String) {
        let (a, b) = (self.constant(ty, pool), self.constant(ty, pool));
        let turned = match (a.pool.first(), b.pool.first()) {
            (Some(Val::Int(x)), Some(Val::Int(y))) | (Some(Val::Decimal(x)), Some(Val::Decimal(y))) => x > y,
            (Some(Val::Date(x)), Some(Val::Date(y))) => x > y,
            (Some(Val::Variant(x)), Some(Val::Variant(y))) => {
                let all = self.m.variants(ty);
                all.iter().position(|v| v == x) > all.iter().position(|v| v == y)
            }
            _ => false,
        };
        let (a, b) = (a.at(bind::ADD), b.at(bind::ADD));
        if turned { (b, a) } else { (a, b) }
    }

    fn textual(&mut self, env: &Env, e: &Ex, ty: &Ty, depth: u32) -> Ex {
        let shown = e.at(bind::SUM);
        let hint = match e.pool.is_empty() {
            false => self.rng.pick(&e.pool).cell(),
            true => self.words(1).remove(0),
        };
        let chars: Vec<char> = hint.chars().collect();
        let n = (1 + self.rng.below(3)).min(chars.len());
        let start: String = chars[..n].iter().collect();
        let end: String = chars[chars.len() - n..].iter().collect();
        match self.rng.below(8) {
            0 => Ex::new(format!("{shown} starts with {}", quoted(&start)), bind::COMPARE),
            1 => Ex::new(format!("{shown} ends with {}", quoted(&end)), bind::COMPARE),
            2 => {
                let part: String = chars.iter().skip(chars.len() / 3).take(2).collect();
                Ex::new(format!("{shown} contains {}", quoted(&part)), bind::COMPARE)
            }
            3 if depth > 0 => {
                let other = self.value(env, ty, depth - 1);
                let op = self.rng.word(&["starts with", "ends with", "contains"]);
                Ex::new(format!("{shown} {op} {}", other.at(bind::SUM)), bind::COMPARE)
            }
            4 | 5 => {
                let not = self.rng.word(&["", "not "]);
                Ex::new(format!("{shown} {not}matches {}", quoted(&self.glob(&chars))), bind::COMPARE)
            }
            _ => {
                let not = self.rng.word(&["", "not "]);
                Ex::new(format!("{shown} {not}matches /{}/", self.regex(&chars)), bind::COMPARE)
            }
        }
    }

    /// A glob that fits a text, or nearly.
    pub(crate) fn glob(&mut self, chars: &[char]) -> String {
        let plain = |c: &char| {
            if matches!(c, '*' | '?' | '[' | ']' | '\\') { format!("\\{c}") } else { c.to_string() }
        };
        let n = (1 + self.rng.below(3)).min(chars.len());
        let start: String = chars[..n].iter().map(plain).collect();
        let all: String = chars.iter().map(plain).collect();
        match self.rng.below(6) {
            0 => format!("*{}", chars[chars.len() - n..].iter().map(plain).collect::<String>()),
            1 => all,
            2 => format!("?{}", chars.iter().skip(1).map(plain).collect::<String>()),
            3 if self.rng.chance(40) => "[a-sA-S]*".into(),
            _ => format!("{start}*"),
        }
    }

    fn regex(&mut self, chars: &[char]) -> String {
        let plain = |c: &char| {
            if c.is_alphanumeric() || !c.is_ascii() || *c == ' ' { c.to_string() } else { format!("\\{c}") }
        };
        let n = (1 + self.rng.below(3)).min(chars.len());
        let start: String = chars[..n].iter().map(plain).collect();
        match self.rng.below(6) {
            0 => format!("{}$", chars[chars.len() - n..].iter().map(plain).collect::<String>()),
            1 => format!("^({start}|Fin|x)"),
            2 if self.rng.chance(40) => "[0-9]+".into(),
            3 if self.rng.chance(40) => "^\\w+$".into(),
            4 => start,
            _ => format!("^{start}"),
        }
    }

    /// A set or list that can be gone through, with what its elements are.
    pub(crate) fn collection(&mut self, env: &Env) -> Option<(Ex, Ty)> {
        let all: Vec<Path> = self
            .paths(env)
            .into_iter()
            .filter(|p| !p.optional && matches!(p.ty, Ty::Set(_) | Ty::List(_) | Ty::People(_)))
            .collect();
        if all.is_empty() {
            return None;
        }
        let p = self.rng.pick(&all).clone();
        let of = match &p.ty {
            Ty::Set(t) => (**t).clone(),
            Ty::List(r) => Ty::Record(*r),
            Ty::People(i) => Ty::Ref(*i),
            _ => return None,
        };
        Some((p.named(), of))
    }

    /// `any x in l where (c)`, `all …`, `count(…)`.
    pub(crate) fn quantified(&mut self, env: &Env, word: &str, depth: u32) -> Option<Ex> {
        let (list, of) = self.collection(env)?;
        if word == "count" {
            return Some(self.count(env, &list, &of, depth));
        }
        Some(self.over(env, &list, &of, word, depth))
    }

    fn count(&mut self, env: &Env, list: &Ex, of: &Ty, depth: u32) -> Ex {
        if self.rng.chance(25) {
            return Ex::new(format!("count(x in {})", list.at(bind::SUM)), bind::ATOM);
        }
        let (var, inner) = self.inner(env, list, of);
        let c = self.element_test(&inner, &var, of, list, depth);
        Ex::new(format!("count({var} in {} where {})", list.at(bind::SUM), c.text), bind::ATOM)
    }

    fn inner(&mut self, env: &Env, list: &Ex, of: &Ty) -> (String, Env) {
        let var = self.names.fresh("x");
        let env = env.any_way().bind(&var, of.clone(), list.pool.clone());
        (var, env)
    }

    fn over(&mut self, env: &Env, list: &Ex, of: &Ty, word: &str, depth: u32) -> Ex {
        if word == "count" {
            // Few have several people.
            let n = self.rng.range(0, if matches!(of, Ty::Ref(_)) { 1 } else { 3 });
            let count = self.count(env, list, of, depth);
            return Ex::new(format!("{} {} {n}", count.text, self.comparison()), bind::COMPARE);
        }
        if word == "any" && self.rng.chance(15) {
            return Ex::new(format!("any x in {}", list.at(bind::SUM)), bind::SUM);
        }
        let (var, inner) = self.inner(env, list, of);
        let c = self.element_test(&inner, &var, of, list, depth);
        Ex::new(format!("{word} {var} in {} where ({})", list.at(bind::SUM), c.text), bind::SUM)
    }

    /// A condition about an element.
    fn element_test(&mut self, env: &Env, var: &str, of: &Ty, list: &Ex, depth: u32) -> Ex {
        if depth > 0 && self.rng.chance(25) {
            return self.cond(env, depth - 1);
        }
        let e = Ex::new(var, bind::ATOM).with(list.pool.clone());
        self.test(env, &e, of, depth.saturating_sub(1))
    }

    /// A value that is not the same for everyone, where there is one.
    pub(crate) fn telling_value(&mut self, env: &Env, ty: &Ty, depth: u32) -> Ex {
        let mut e = self.value(env, ty, depth);
        for _ in 0..4 {
            if self.paths(env).iter().any(|p| e.text.contains(&p.text)) {
                break;
            }
            e = self.value(env, ty, depth);
        }
        e
    }

    /// A comparison with the moment, of a day that people differ in.
    fn in_time(&mut self, env: &Env, depth: u32) -> Option<Ex> {
        if self.path(env, &Ty::Date, false).is_some() || self.rng.chance(10) {
            return Some(self.timely(env, depth));
        }
        let p = self.path(env, &Ty::Date, true).filter(Path::can_be_known)?;
        let known = self.timely(&env.know(&p), depth);
        if self.rng.chance(50) {
            return Some(Ex::joined("and", &[Ex::asked(&p, true), known]));
        }
        Some(Ex::joined("or", &[Ex::asked(&p, false), known]))
    }

    /// A comparison with the moment, such that it turns at most once as time goes on.
    pub(crate) fn timely(&mut self, env: &Env, depth: u32) -> Ex {
        let op = self.rng.word(&["<", "<=", ">", ">="]);
        let env = &env.any_way();
        let mut d = match self.path(env, &Ty::Date, false) {
            Some(p) if self.rng.chance(90) => p.named(),
            _ => self.value(env, &Ty::Date, depth.min(1)),
        };
        if self.rng.chance(40) {
            let n = self.rng.range(1, 14);
            let unit = self.rng.word(&["day", "day", "week", "month"]);
            let sign = self.rng.word(&["+", "-"]);
            let term = Val::Duration(n, unit).literal();
            d = Ex::new(format!("{} {sign} {term}", d.at(bind::ADD)), bind::ADD);
        }
        match self.rng.below(9) {
            0..=3 => {
                let (a, b) = if self.rng.chance(50) {
                    (d.at(bind::SUM), "today".to_owned())
                } else {
                    ("today".to_owned(), d.at(bind::SUM))
                };
                Ex::new(format!("{a} {op} {b}"), bind::COMPARE)
            }
            4 => {
                let unit = self.rng.word(&["years", "months", "weeks", "days"]);
                let n = self.rng.range(0, 3);
                let op = self.rng.word(&[">=", ">", "<"]);
                Ex::new(format!("{unit} between {} and today {op} {n}", d.at(bind::AT)), bind::COMPARE)
            }
            5 => {
                let zone =
                    self.rng.word(&["Europe/Paris", "Australia/Melbourne", "America/New_York", "Asia/Tokyo"]);
                let own = env.identity.and_then(|i| self.m.identities[i].zone.clone());
                let zone = own.filter(|_| self.rng.chance(60)).unwrap_or_else(|| quoted(zone));
                Ex::new(format!("today in {zone} {op} {}", d.at(bind::SUM)), bind::COMPARE)
            }
            6 => {
                let i = self.at_time(&d);
                let (a, b) = if self.rng.chance(50) {
                    (i.text, "now".to_owned())
                } else {
                    ("now".to_owned(), i.at(bind::SUM))
                };
                Ex::new(format!("{a} {op} {b}"), bind::COMPARE)
            }
            7 => {
                let i = self.value(env, &Ty::Instant, depth.min(1));
                Ex::new(format!("now {op} {}", i.at(bind::SUM)), bind::COMPARE)
            }
            _ => {
                let n = self.rng.range(0, 60);
                Ex::new(
                    format!("today in {}..{} + {n} days", d.at(bind::ADD), d.at(bind::ADD)),
                    bind::COMPARE,
                )
            }
        }
    }

    /// `has ROLE`, `has app.kind(v)`.
    fn held(&mut self, env: &Env) -> Option<Ex> {
        let (identity, level) = (env.identity?, env.has?);
        let open: Vec<usize> = (0..self.m.rules.len())
            .filter(|&o| {
                let r = &self.m.rules[o];
                let here = env.grows && !self.m.separates && r.level == level;
                r.identity == identity && (r.level < level || here)
            })
            .collect();
        let mut found: Vec<String> = Vec::new();
        for o in open {
            // Without arguments it is any instance.
            let name = match self.m.rules[o].params.is_empty() || self.rng.chance(40) {
                true => self.m.rules[o].name.clone(),
                false => self.instance(o, &Env { has: None, ..env.any_way() }),
            };
            found.push(format!("has {name}"));
        }
        for app in &self.m.apps {
            for kind in &app.kinds {
                let name = format!("has {}.{}", app.name, kind.name);
                if kind.top() < level {
                    found.push(name.clone());
                }
                if kind.types.len() == 1 {
                    let open = kind.pool.iter().filter(|p| {
                        p.1 < level
                            || (env.grows
                                && !self.m.separates
                                && !kind.highest
                                && p.1 == level
                                && kind.lowest() == level)
                    });
                    found.extend(open.map(|p| format!("{name}({})", p.0.literal())));
                }
            }
        }
        // What no rule gives nobody has.
        let given = |f: &String| {
            let what = f.strip_prefix("has ").unwrap_or(f);
            !what.contains('.')
                || self.m.given.iter().any(|g| g == what || g.starts_with(&format!("{what}(")))
        };
        let likely: Vec<String> = found.iter().filter(|f| given(f)).cloned().collect();
        if !likely.is_empty() && self.rng.chance(90) {
            found = likely;
        }
        if found.is_empty() {
            return None;
        }
        Some(Ex::new(self.rng.pick(&found).clone(), bind::ATOM))
    }
}
