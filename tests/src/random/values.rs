//! Random values of a wanted type. Invariant: what comes out is well typed and present.

use super::expr::{Env, Ex, Path, bind, folded};
use super::model::Kind;
use super::schema::Gen;
use super::value::{Ty, Val, escaped, quoted};

impl Gen {
    /// A present value of a type.
    pub(crate) fn value(&mut self, env: &Env, ty: &Ty, depth: u32) -> Ex {
        // What time decides stands in comparisons of their own.
        let env = &Env { time: false, ..env.any_way() };
        if self.rng.chance(55)
            && let Some(p) = self.path(env, ty, false)
        {
            return p.named();
        }
        if depth == 0 || self.rng.chance(15) {
            return match self.path(env, ty, false) {
                Some(p) if self.rng.chance(60) => p.named(),
                _ => self.constant(ty, &[]),
            };
        }
        if self.rng.chance(35)
            && let Some(p) = self.path(env, ty, true)
        {
            return self.settled(env, &p, depth);
        }
        if self.rng.chance(18) {
            return self.branches(env, ty, depth);
        }
        if self.rng.chance(15)
            && let Some(e) = self.called(env, ty, depth)
        {
            return e;
        }
        self.computed(env, ty, depth - 1)
    }

    /// A value that may be absent, with its presence settled.
    fn settled(&mut self, env: &Env, p: &Path, depth: u32) -> Ex {
        let other = self.value(env, &p.ty, depth - 1);
        match self.rng.below(4) {
            0 | 1 => Ex::new(format!("{} ?? {}", p.text, other.at(bind::AT)), bind::SUM).with(p.pool.clone()),
            2 if p.can_be_known() => {
                let known = self.value(&env.know(p), &p.ty, depth - 1);
                let yes = if self.rng.chance(70) { p.text.clone() } else { known.text };
                Ex::new(format!("if {} is present then {yes} else {}", p.text, other.text), bind::OPEN)
                    .with(p.pool.clone())
            }
            3 if p.ty.is_plain() && p.can_be_known() => Ex::new(
                format!("match {} {{ absent => {}, _ => {} }}", p.text, other.text, p.text),
                bind::ATOM,
            )
            .with(p.pool.clone()),
            _ if !p.can_be_known() => Ex::new(format!("{} ?? {}", p.text, other.at(bind::AT)), bind::SUM),
            _ => Ex::new(format!("if {} is absent then {} else {}", p.text, other.text, p.text), bind::OPEN)
                .with(p.pool.clone()),
        }
    }

    fn branches(&mut self, env: &Env, ty: &Ty, depth: u32) -> Ex {
        if self.rng.chance(50) {
            let c = self.cond(&env.any_way(), depth - 1);
            let a = self.value(&env.knowing(&c.yes), ty, depth - 1);
            let b = self.value(&env.knowing(&c.no), ty, depth - 1);
            return Ex::new(format!("if {} then {} else {}", c.text, a.text, b.text), bind::OPEN)
                .with([a.pool, b.pool].concat());
        }
        let mut pool = Vec::new();
        let matched = self.matched(env, depth, &mut |g, env| {
            let e = g.value(env, ty, depth - 1);
            pool.extend(e.pool);
            e.text
        });
        match matched {
            Some(e) => e.with(pool),
            None => {
                let e = self.value(env, ty, depth - 1);
                Ex::new(format!("({})", e.text), bind::ATOM).with(e.pool)
            }
        }
    }

    /// A `match` with results of one type.
    pub(crate) fn matched(
        &mut self,
        env: &Env,
        depth: u32,
        result: &mut dyn FnMut(&mut Gen, &Env) -> String,
    ) -> Option<Ex> {
        let on: Vec<Path> = self
            .paths(env)
            .into_iter()
            .filter(|p| p.ty.is_plain() && (p.can_be_known() || !p.optional) && !p.pool.is_empty())
            .collect();
        if on.is_empty() {
            return None;
        }
        let p = self.rng.pick(&on).clone();
        let mut subject = p.text.clone();
        if p.ty == Ty::Int && !p.optional && depth > 1 && self.rng.chance(20) {
            subject = format!("{subject} + 1");
        }
        let mut arms = String::new();
        if p.optional {
            arms += &format!("absent => {}, ", result(self, env));
        }
        let known = if p.can_be_known() { env.know(&p) } else { env.clone() };
        let env = &known;
        let mut seen: Vec<String> = Vec::new();
        let mut values: Vec<Val> = Vec::new();
        for v in &p.pool {
            let key = match v {
                Val::Duration(n, "week") if *n > 0 => Val::Duration(n * 7, "day").cell(),
                Val::Duration(n, "year") if *n > 0 => Val::Duration(n * 12, "month").cell(),
                Val::Duration(0, _) => "0 days".to_owned(),
                Val::Elapsed(n, "hour") => Val::Elapsed(n * 60, "minute").cell(),
                v => folded(&v.cell()),
            };
            if v.is_of(&p.ty) && !seen.contains(&key) && !matches!(v, Val::At(..)) {
                seen.push(key);
                values.push(v.clone());
            }
        }
        self.rng.shuffle(&mut values);
        let variants = self.m.variants(&p.ty);
        let covers = !variants.is_empty() && self.rng.chance(40);
        if covers || (p.ty == Ty::Bool && self.rng.chance(50)) {
            for v in &values {
                arms += &format!("{} => {}, ", v.literal(), result(self, env));
            }
            return Some(Ex::new(format!("match {subject} {{ {arms}}}"), bind::ATOM));
        }
        let n = 1 + self.rng.below(2.min(values.len().max(1)));
        for v in values.iter().take(n) {
            let ordered = matches!(p.ty, Ty::Int | Ty::Date | Ty::Decimal) && self.rng.chance(40);
            let range = match v {
                Val::Int(k) if ordered => {
                    Some(format!("{}..{}", v.literal(), Val::Int(k.saturating_add(3)).literal()))
                }
                Val::Date(d) if ordered => Some(format!("{}..{}", v.literal(), Val::Date(d + 30).literal())),
                Val::Decimal(d) if ordered => {
                    Some(format!("{}..{}", v.literal(), Val::Decimal(d + 15_000).literal()))
                }
                _ => None,
            };
            // Units and signs stand in patterns as they are.
            let plain = match v {
                Val::Duration(n, _) | Val::Elapsed(n, _) if *n < 0 => continue,
                v => v.literal(),
            };
            arms += &format!("{} => {}, ", range.unwrap_or(plain), result(self, env));
        }
        if values.len() > n + 1 && self.rng.chance(40) {
            let more = [&values[n], &values[n + 1]].map(Val::literal);
            arms += &format!("{} => {}, ", more.join(", "), result(self, env));
        }
        arms += &format!("_ => {} ", result(self, env));
        Some(Ex::new(format!("match {subject} {{ {arms}}}"), bind::ATOM))
    }

    /// A call of a function of the policy.
    fn called(&mut self, env: &Env, ty: &Ty, depth: u32) -> Option<Ex> {
        let fits: Vec<_> = self.m.funs[..env.funs.min(self.m.funs.len())]
            .iter()
            .filter(|f| f.result == *ty)
            .cloned()
            .collect();
        if fits.is_empty() {
            return None;
        }
        let f = self.rng.pick(&fits).clone();
        let args: Vec<String> = f.params.iter().map(|p| self.value(env, p, depth - 1).text).collect();
        Some(Ex::new(format!("{}({})", f.name, args.join(", ")), bind::ATOM))
    }

    /// An operator or a function that gives a type.
    fn computed(&mut self, env: &Env, ty: &Ty, depth: u32) -> Ex {
        match ty {
            Ty::Bool => self.cond(env, depth),
            Ty::Int => self.int(env, depth),
            Ty::Decimal => self.decimal(env, depth),
            Ty::Str => self.string(env, depth),
            Ty::Text => match self.rng.below(4) {
                0 => {
                    let v = self.spelled(env, depth);
                    Ex::new(format!("text({})", v.text), bind::ATOM).with(v.pool)
                }
                1 => {
                    let a = self.value(env, &Ty::Text, depth);
                    let b = self.value(env, &Ty::Str, depth);
                    Ex::new(format!("{} + {}", a.at(bind::ADD), b.at(bind::MULTIPLY)), bind::ADD)
                }
                2 => {
                    let a = self.value(env, &Ty::Text, depth);
                    Ex::new(format!("{}[..{}]", a.at(bind::ATOM), self.rng.range(0, 5)), bind::ATOM)
                }
                _ => self.string(env, depth),
            },
            Ty::Date => self.date(env, depth),
            Ty::Instant => self.instant(env, depth),
            Ty::Duration => {
                let literal = self.constant(ty, &[]);
                match self.rng.below(5) {
                    0 => {
                        let (a, b) = (self.value(env, &Ty::Date, depth), self.value(env, &Ty::Date, depth));
                        Ex::new(format!("{} - {}", a.at(bind::ADD), b.at(bind::MULTIPLY)), bind::ADD)
                    }
                    1 => {
                        let n = self.value(env, &Ty::Int, depth);
                        Ex::new(
                            format!("{} * {}", n.at(bind::MULTIPLY), literal.at(bind::NEGATE)),
                            bind::MULTIPLY,
                        )
                    }
                    2 => {
                        let a = self.value(env, ty, depth);
                        Ex::new(
                            format!("{} {} {}", a.at(bind::ADD), self.plus(), literal.at(bind::MULTIPLY)),
                            bind::ADD,
                        )
                    }
                    3 => {
                        let s = self.value(env, &Ty::Str, depth);
                        Ex::new(format!("duration({}) ?? {}", s.text, literal.at(bind::AT)), bind::SUM)
                    }
                    _ => literal,
                }
            }
            Ty::Elapsed => {
                let literal = self.constant(ty, &[]);
                match self.rng.below(4) {
                    0 => {
                        let (a, b) =
                            (self.value(env, &Ty::Instant, depth), self.value(env, &Ty::Instant, depth));
                        Ex::new(format!("{} - {}", a.at(bind::ADD), b.at(bind::MULTIPLY)), bind::ADD)
                    }
                    1 => {
                        let n = self.value(env, &Ty::Int, depth);
                        Ex::new(
                            format!("{} * {}", literal.at(bind::MULTIPLY), n.at(bind::NEGATE)),
                            bind::MULTIPLY,
                        )
                    }
                    2 => {
                        let s = self.value(env, &Ty::Str, depth);
                        Ex::new(format!("elapsed({}) ?? {}", s.text, literal.at(bind::AT)), bind::SUM)
                    }
                    _ => literal,
                }
            }
            Ty::Set(of) => match (&**of, self.rng.below(3)) {
                (Ty::Str, 0 | 1) => {
                    let s = self.value(env, &Ty::Str, depth);
                    let by = self.rng.word(&[" ", "a", ";", "-"]);
                    Ex::new(format!("split({}, {})", s.text, quoted(by)), bind::ATOM).with(s.pool)
                }
                (of, 1) => {
                    let parts: Vec<Ex> =
                        (0..self.rng.range(1, 3)).map(|_| self.value(env, of, depth)).collect();
                    let pool = parts.iter().flat_map(|p| p.pool.clone()).collect();
                    let parts: Vec<String> = parts.into_iter().map(|p| p.text).collect();
                    Ex::new(format!("[{}]", parts.join(", ")), bind::ATOM).with(pool)
                }
                _ => self.constant(ty, &[]),
            },
            Ty::Enum(_) | Ty::State(_) => self.constant(ty, &[]),
            Ty::List(_) | Ty::Record(_) | Ty::Ref(_) | Ty::People(_) => self.constant(ty, &[]),
        }
    }

    fn plus(&mut self) -> &'static str {
        self.rng.word(&["+", "-"])
    }

    /// A type whose values have a spelling.
    pub(crate) fn printable(&mut self) -> Ty {
        match self.rng.below(12) {
            0 => Ty::Bool,
            1 | 2 => Ty::Int,
            3 => Ty::Decimal,
            4..=6 => Ty::Text,
            7 => Ty::Str,
            8 => Ty::Date,
            9 => Ty::Instant,
            10 => self.rng.pick(&[Ty::Duration, Ty::Elapsed]).clone(),
            _ => Ty::Enum(self.rng.below(self.m.enums.len())),
        }
    }

    /// A value that has a spelling.
    fn spelled(&mut self, env: &Env, depth: u32) -> Ex {
        let ty = self.printable();
        if matches!(ty, Ty::Enum(_)) {
            // By itself a variant is not known for what it is.
            return match self.path(env, &ty, false) {
                Some(p) => p.named(),
                None => self.value(env, &Ty::Int, depth),
            };
        }
        self.value(env, &ty, depth)
    }

    fn int(&mut self, env: &Env, depth: u32) -> Ex {
        let call = |g: &mut Gen, f: &str, ty: &Ty| {
            let v = g.value(env, ty, depth);
            Ex::new(format!("{f}({})", v.text), bind::ATOM)
        };
        match self.rng.below(17) {
            13 => {
                self.uses.insert("std.dates.working_days_between");
                let (a, b) = (self.value(env, &Ty::Date, depth), self.value(env, &Ty::Date, depth));
                Ex::new(
                    format!("working_days_between({}, {}{})", a.text, b.text, self.holidays()),
                    bind::ATOM,
                )
                .with((-1..4).map(Val::Int).collect())
            }
            0 | 1 => {
                let (mut a, k) = (self.value(env, &Ty::Int, depth), self.rng.range(0, 3));
                if a.pool.contains(&Val::Int(i64::MAX)) && a.text.parse::<i64>().is_ok() {
                    a = Ex::of(&Val::Int(5)); // a sum of constants must fit
                }
                let (op, sign) = *self.rng.pick(&[("+", 1), ("-", -1)]);
                let pool = a.pool.iter().map(|v| {
                    if let Val::Int(n) = v { Val::Int(n.saturating_add(sign * k)) } else { v.clone() }
                });
                Ex::new(format!("{} {op} {k}", a.at(bind::ADD)), bind::ADD).with(pool.collect())
            }
            2 => {
                let (a, b) = (self.value(env, &Ty::Int, depth), self.value(env, &Ty::Int, depth));
                let huge = self.rng.chance(10);
                let b = if huge { "9223372036854775807".to_owned() } else { b.at(bind::NEGATE) };
                // Constants must fit; what is computed stays at the ends of the range.
                let a = if a.text.parse::<i64>().is_ok() {
                    "length(\"ab\")".to_owned()
                } else {
                    a.at(bind::MULTIPLY)
                };
                Ex::new(format!("{a} * {b}"), bind::MULTIPLY)
            }
            3 => {
                let ty = if self.rng.chance(50) { Ty::Text } else { Ty::Str };
                call(self, "length", &ty).with((1..9).map(Val::Int).collect())
            }
            4 => match self.collection(env) {
                Some((c, _)) => {
                    Ex::new(format!("size({})", c.text), bind::ATOM).with((0..4).map(Val::Int).collect())
                }
                None => self.constant(&Ty::Int, &[]),
            },
            5 | 14 | 15 => {
                let f = self.rng.word(&["year", "month", "day", "weekday"]);
                let top = if f == "year" { 2026 } else { 7 };
                call(self, f, &Ty::Date).with((top - 6..=top).map(Val::Int).collect())
            }
            6 => {
                let (a, b) = (self.value(env, &Ty::Date, depth), self.value(env, &Ty::Date, depth));
                let unit = self.rng.word(&["years", "months", "weeks", "days"]);
                Ex::new(format!("{unit} between {} and {}", a.at(bind::AT), b.at(bind::AT)), bind::SUM)
                    .with((-1..4).map(Val::Int).collect())
            }
            7 => {
                let f = self.rng.word(&["min", "max"]);
                let (a, b) = (self.value(env, &Ty::Int, depth), self.value(env, &Ty::Int, depth));
                Ex::new(format!("{f}({}, {})", a.text, b.text), bind::ATOM).with(a.pool)
            }
            8 => call(self, "abs", &Ty::Int).with((0..9).map(Val::Int).collect()),
            9 => {
                let s = self.value(env, &Ty::Str, depth);
                Ex::new(format!("int({}) ?? {}", s.text, self.rng.range(0, 9)), bind::SUM)
            }
            10 => {
                let a = self.value(env, &Ty::Int, depth);
                let a = if a.binds == bind::NEGATE { format!("({})", a.text) } else { a.at(bind::NEGATE) };
                Ex::new(format!("-{a}"), bind::NEGATE)
            }
            11 | 12 => match self.quantified(env, "count", depth) {
                Some(e) => e.with((0..4).map(Val::Int).collect()),
                None => self.constant(&Ty::Int, &[]),
            },
            _ => {
                self.uses.insert("std.dates.quarter");
                call(self, "quarter", &Ty::Date).with((1..5).map(Val::Int).collect())
            }
        }
    }

    fn decimal(&mut self, env: &Env, depth: u32) -> Ex {
        let a = self.value(env, &Ty::Decimal, depth);
        match self.rng.below(6) {
            0 | 1 => {
                let b = self.value(env, &Ty::Decimal, depth);
                Ex::new(format!("{} {} {}", a.at(bind::ADD), self.plus(), b.at(bind::MULTIPLY)), bind::ADD)
                    .with(a.pool)
            }
            2 => {
                let k = self.rng.word(&["0.5", "1.25", "0.0001", "2.0"]);
                Ex::new(format!("{} * {k}", a.at(bind::MULTIPLY)), bind::MULTIPLY).with(a.pool)
            }
            3 => {
                let ty = if self.rng.chance(60) { Ty::Int } else { Ty::Str };
                let v = self.value(env, &ty, depth);
                Ex::new(format!("decimal({}) ?? {}", v.text, a.at(bind::AT)), bind::SUM).with(a.pool)
            }
            4 => Ex::new(format!("abs({})", a.text), bind::ATOM).with(a.pool),
            _ => {
                let b = self.value(env, &Ty::Decimal, depth);
                let f = self.rng.word(&["min", "max"]);
                Ex::new(format!("{f}({}, {})", a.text, b.text), bind::ATOM).with(a.pool)
            }
        }
    }

    fn string(&mut self, env: &Env, depth: u32) -> Ex {
        let textual = if self.rng.chance(50) { Ty::Text } else { Ty::Str };
        let map = |pool: &[Val], f: &dyn Fn(&str) -> String| -> Vec<Val> {
            pool.iter().map(|v| if let Val::Str(s) = v { Val::Str(f(s)) } else { v.clone() }).collect()
        };
        let text = |v: Val| v.cell().chars().next().map_or("a".to_owned(), String::from);
        match self.rng.below(18) {
            15..=17 => self.string_by_library(env, &textual, depth),
            0 => {
                let (a, b) = (self.value(env, &Ty::Str, depth), self.value(env, &Ty::Str, depth));
                Ex::new(format!("{} + {}", a.at(bind::ADD), b.at(bind::MULTIPLY)), bind::ADD)
            }
            1..=3 => {
                let mut out = String::new();
                for _ in 0..self.rng.range(1, 2) {
                    let start = self.rng.word(&["", "dept-", "x {{", "é", "\\t|"]);
                    let v = self.spelled(env, depth);
                    out += &format!("{start}{{{}}}", v.text);
                }
                Ex::new(format!("\"{out}\""), bind::ATOM)
            }
            4 | 5 => {
                let a = self.value(env, &textual, depth);
                let (f, pool) = match self.rng.below(4) {
                    0 => ("lower", map(&a.pool, &str::to_lowercase)),
                    1 => ("upper", map(&a.pool, &str::to_uppercase)),
                    2 => ("trim", a.pool.clone()),
                    _ => ("string", a.pool.clone()),
                };
                Ex::new(format!("{f}({})", a.text), bind::ATOM).with(pool)
            }
            6 => {
                let a = self.value(env, &textual, depth);
                let cut = a.pool.first().cloned().map_or("a".to_owned(), text);
                let to = self.rng.word(&["", "-", "é"]);
                Ex::new(format!("replace({}, {}, {})", a.text, quoted(&cut), quoted(to)), bind::ATOM)
            }
            7 => {
                let a = self.value(env, &textual, depth);
                let f = self.rng.word(&["before", "after"]);
                let by = self.rng.word(&[" ", "a", "-", "é"]);
                Ex::new(format!("{f}({}, {})", a.text, quoted(by)), bind::ATOM).with(a.pool)
            }
            8 | 9 => {
                let a = self.value(env, &Ty::Str, depth);
                let n = self.rng.range(0, 4);
                let m = n + self.rng.range(0, 3);
                let slice = self.rng.pick(&[format!("..{n}"), format!("{n}.."), format!("{n}..{m}")]).clone();
                let first = |s: &str| s.chars().take(n as usize).collect::<String>();
                let pool = if slice.starts_with("..") { map(&a.pool, &first) } else { a.pool.clone() };
                Ex::new(format!("{}[{slice}]", a.at(bind::ATOM)), bind::ATOM).with(pool)
            }
            10 => {
                let v = self.spelled(env, depth);
                Ex::new(format!("string({})", v.text), bind::ATOM)
            }
            11 => {
                let f = self.rng.word(&["slug", "ascii"]);
                self.uses.insert(if f == "slug" { "std.naming.slug" } else { "std.naming.ascii" });
                let a = self.value(env, &textual, depth);
                let pool =
                    if f == "slug" { map(&a.pool, &|s| s.to_lowercase().replace(' ', "-")) } else { a.pool };
                Ex::new(format!("{f}({})", a.text), bind::ATOM).with(pool)
            }
            12 => {
                let (a, b) = (self.value(env, &Ty::Str, depth), self.value(env, &Ty::Str, depth));
                match self.rng.below(3) {
                    0 => {
                        self.uses.insert("std.naming.mail_local");
                        Ex::new(format!("mail_local({}, {})", a.text, b.text), bind::ATOM)
                    }
                    1 => {
                        self.uses.insert("std.text.domain_of");
                        Ex::new(format!("domain_of({})", a.text), bind::ATOM)
                    }
                    _ => {
                        self.uses.insert("std.text.or_else");
                        Ex::new(format!("or_else({}, {})", a.text, b.text), bind::ATOM).with(a.pool)
                    }
                }
            }
            _ => {
                let words = self.words(1);
                Ex::new(format!("\"{}\"", escaped(&words[0])), bind::ATOM)
                    .with(vec![Val::Str(words[0].clone())])
            }
        }
    }

    /// A call of a function of the library that gives text.
    fn string_by_library(&mut self, env: &Env, textual: &Ty, depth: u32) -> Ex {
        let by = quoted(self.rng.word(&[" ", "a", "-", "e", ""]));
        let a = self.value(env, textual, depth);
        let (name, rest) = match self.rng.below(7) {
            0 => ("std.text.title_case", String::new()),
            1 => ("std.text.tidy", String::new()),
            2 => ("std.text.digits", String::new()),
            3 => (self.rng.word(&["std.text.before_last", "std.text.after_last"]), format!(", {by}")),
            4 => ("std.text.part", format!(", {by}, {}", self.rng.range(0, 3))),
            5 => ("std.text.home_domain", String::new()),
            _ => {
                self.uses.insert("std.text.join");
                let set = self.value(env, &Ty::set(Ty::Str), depth);
                return Ex::new(format!("join({}, {by})", set.text), bind::ATOM).with(a.pool);
            }
        };
        self.uses.insert(name);
        let short = name.rsplit('.').next().unwrap_or(name);
        Ex::new(format!("{short}({}{rest})", a.text), bind::ATOM).with(a.pool)
    }

    /// `, [2026-12-25]`, or nothing.
    fn holidays(&mut self) -> String {
        match self.rng.below(3) {
            0 => format!(", [{}]", Val::Date(self.m.today + self.rng.range(-3, 3)).literal()),
            _ => String::new(),
        }
    }

    /// `is_working_day(d)`.
    pub(crate) fn working_day(&mut self, env: &Env, depth: u32) -> Ex {
        self.uses.insert("std.dates.is_working_day");
        let d = self.value(env, &Ty::Date, depth);
        Ex::new(format!("is_working_day({}{})", d.text, self.holidays()), bind::ATOM)
    }

    fn date(&mut self, env: &Env, depth: u32) -> Ex {
        let a = self.value(env, &Ty::Date, depth);
        match self.rng.below(8) {
            7 => {
                let (name, days) = match self.rng.below(3) {
                    0 => ("std.dates.working_day_from", String::new()),
                    1 => ("std.dates.working_day_until", String::new()),
                    _ => ("std.dates.add_working_days", format!(", {}", self.rng.range(0, 9))),
                };
                self.uses.insert(name);
                let (short, off) = (name.rsplit('.').next().unwrap_or(name), self.holidays());
                Ex::new(format!("{short}({}{days}{off})", a.text), bind::ATOM).with(a.pool)
            }
            0..=2 => {
                let d = if self.rng.chance(70) {
                    Ex::of(&Val::Duration(
                        self.rng.range(0, 14),
                        self.rng.word(&["day", "month", "year", "week"]),
                    ))
                } else {
                    self.value(env, &Ty::Duration, depth)
                };
                Ex::new(format!("{} {} {}", a.at(bind::ADD), self.plus(), d.at(bind::MULTIPLY)), bind::ADD)
                    .with(a.pool)
            }
            3 => {
                let b = self.value(env, &Ty::Date, depth);
                let f = self.rng.word(&["min", "max"]);
                Ex::new(format!("{f}({}, {})", a.text, b.text), bind::ATOM).with(a.pool)
            }
            4 => {
                let s = self.value(env, &Ty::Str, depth);
                let pattern = self.rng.word(&["", ", \"%d/%m/%Y\""]);
                Ex::new(format!("date({}{pattern}) ?? {}", s.text, a.at(bind::AT)), bind::SUM).with(a.pool)
            }
            5 => {
                let i = self.value(env, &Ty::Instant, depth);
                Ex::new(format!("date({})", i.text), bind::ATOM).with(a.pool)
            }
            _ => {
                let (f, name) = *self.rng.pick(&[
                    ("first_of_month", "std.dates.first_of_month"),
                    ("last_of_month", "std.dates.last_of_month"),
                    ("monday_of", "std.dates.monday_of"),
                ]);
                self.uses.insert(name);
                Ex::new(format!("{f}({})", a.text), bind::ATOM).with(a.pool)
            }
        }
    }

    fn instant(&mut self, env: &Env, depth: u32) -> Ex {
        match self.rng.below(5) {
            4 => {
                let (s, i) = (self.value(env, &Ty::Str, depth), self.value(env, &Ty::Instant, depth));
                Ex::new(format!("instant({}) ?? {}", s.text, i.at(bind::AT)), bind::SUM).with(i.pool)
            }
            0 => {
                let i = self.value(env, &Ty::Instant, depth);
                let ty = if self.rng.chance(50) { Ty::Duration } else { Ty::Elapsed };
                let d = self.constant(&ty, &[]);
                Ex::new(format!("{} {} {}", i.at(bind::ADD), self.plus(), d.at(bind::MULTIPLY)), bind::ADD)
                    .with(i.pool)
            }
            1 | 2 => {
                let d = self.value(env, &Ty::Date, depth);
                self.at_time(&d)
            }
            _ => self.constant(&Ty::Instant, &[]),
        }
    }

    pub(crate) fn at_time(&mut self, d: &Ex) -> Ex {
        let (h, m) = (self.rng.range(0, 23), *self.rng.pick(&[0, 30]));
        let zone = self.rng.word(&[
            "",
            "",
            " in \"Europe/Paris\"",
            " in \"America/New_York\"",
            " in \"Australia/Melbourne\"",
        ]);
        let pool = d
            .pool
            .iter()
            .map(|v| if let Val::Date(d) = v { Val::At(*d, h as u8, m as u8) } else { v.clone() });
        Ex::new(format!("{} at {h:02}:{m:02}{zone}", d.at(bind::ADD)), bind::AT).with(pool.collect())
    }

    /// Values for an entitlement kind, as the arguments of `grant` or `has`.
    pub(crate) fn constant_of_kind(&mut self, kind: &Kind, of: &Val) -> String {
        let mut values = vec![];
        for (i, ty) in kind.types.iter().enumerate() {
            values.push(if i == 0 { of.literal() } else { self.constant(ty, &[]).text });
        }
        values.join(", ")
    }
}
