//! Expressions as text, where they stand, and what can be named there. Invariant: an expression binds as tightly as it
//! says, so that whoever puts it somewhere knows when to put parentheses around it.

use super::schema::Gen;
use super::value::{Ty, Val};
use std::collections::BTreeSet;

/// How tightly an expression binds, loosest first.
pub(crate) mod bind {
    pub(crate) const OPEN: u8 = 0;
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARE: u8 = 4;
    pub(crate) const SUM: u8 = 5;
    pub(crate) const AT: u8 = 6;
    pub(crate) const ADD: u8 = 7;
    pub(crate) const MULTIPLY: u8 = 8;
    pub(crate) const NEGATE: u8 = 9;
    pub(crate) const ATOM: u8 = 10;
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Ex {
    pub(crate) text: String,
    pub(crate) binds: u8,
    /// Values that it may well have.
    pub(crate) pool: Vec<Val>,
    /// What is known to be there where it holds.
    pub(crate) yes: Facts,
    /// What is known to be there where it does not.
    pub(crate) no: Facts,
}

/// Paths.
pub(crate) type Facts = BTreeSet<String>;

impl Ex {
    pub(crate) fn new(text: impl Into<String>, binds: u8) -> Ex {
        Ex { text: text.into(), binds, pool: vec![], yes: Facts::new(), no: Facts::new() }
    }

    /// `p is present`, or `is absent`.
    pub(crate) fn asked(p: &Path, present: bool) -> Ex {
        let e =
            Ex::new(format!("{} is {}", p.text, if present { "present" } else { "absent" }), bind::COMPARE);
        let known = p.known();
        if present { Ex { yes: known, ..e } } else { Ex { no: known, ..e } }
    }

    /// `a and b`, `a or b`; the parts stand in their order.
    pub(crate) fn joined(word: &str, parts: &[Ex]) -> Ex {
        let text: Vec<String> = parts.iter().map(|p| p.at(bind::NOT)).collect();
        let all = |of: fn(&Ex) -> &Facts| parts.iter().flat_map(|p| of(p).iter().cloned()).collect::<Facts>();
        let common = |of: fn(&Ex) -> &Facts| {
            let mut sets = parts.iter().map(of);
            let first = sets.next().cloned().unwrap_or_default();
            sets.fold(first, |a, b| &a & b)
        };
        let e = Ex::new(text.join(&format!(" {word} ")), if word == "and" { bind::AND } else { bind::OR });
        if word == "and" {
            Ex { yes: all(|p| &p.yes), no: common(|p| &p.no), ..e }
        } else {
            Ex { yes: common(|p| &p.yes), no: all(|p| &p.no), ..e }
        }
    }

    /// `not a`.
    pub(crate) fn negated(&self) -> Ex {
        let e = Ex::new(format!("not {}", self.at(bind::NOT)), bind::NOT);
        Ex { yes: self.no.clone(), no: self.yes.clone(), ..e }
    }

    pub(crate) fn of(v: &Val) -> Ex {
        let negative = matches!(v, Val::Int(n) | Val::Decimal(n) if *n < 0);
        Ex {
            text: v.literal(),
            binds: if negative { bind::NEGATE } else { bind::ATOM },
            pool: vec![v.clone()],
            ..Ex::new("", 0)
        }
    }

    pub(crate) fn with(mut self, pool: Vec<Val>) -> Ex {
        self.pool = pool;
        self
    }

    /// In parentheses where it does not bind as tightly as it must.
    pub(crate) fn at(&self, least: u8) -> String {
        if self.binds < least { format!("({})", self.text) } else { self.text.clone() }
    }
}

/// Where an expression stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Env {
    /// Whose attributes are read.
    pub(crate) identity: Option<usize>,
    /// Names bound around it.
    pub(crate) locals: Vec<(String, Ty, Vec<Val>)>,
    /// What is known to be there.
    pub(crate) facts: Facts,
    /// Whether the state is known.
    pub(crate) state: bool,
    /// What stands in levels below may be asked for with `has`; nothing where it is `None`.
    pub(crate) has: Option<u8>,
    /// The same level may be asked for too, as long as only more comes of more.
    pub(crate) grows: bool,
    /// The app whose account is read.
    pub(crate) from: Option<usize>,
    /// Attributes of this account that stand before.
    pub(crate) own: Vec<(String, Ty)>,
    /// `let`s before this may be read.
    pub(crate) lets: usize,
    /// Functions before this may be called.
    pub(crate) funs: usize,
    /// Whether tables may be read.
    pub(crate) tables: bool,
    /// Whether the moment may be compared with.
    pub(crate) time: bool,
    /// Whether attributes of an enum are left out.
    pub(crate) no_enums: bool,
}

impl Env {
    pub(crate) fn know(&self, path: &Path) -> Env {
        self.knowing(&path.known())
    }

    pub(crate) fn knowing(&self, facts: &Facts) -> Env {
        let mut env = self.clone();
        env.facts.extend(facts.iter().cloned());
        env
    }

    pub(crate) fn bind(&self, name: &str, ty: Ty, pool: Vec<Val>) -> Env {
        let mut env = self.clone();
        env.locals.push((name.to_owned(), ty, pool));
        env
    }

    /// Below something in which more may come of less.
    pub(crate) fn any_way(&self) -> Env {
        Env { grows: false, ..self.clone() }
    }
}

/// A value that can be named.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) text: String,
    pub(crate) ty: Ty,
    /// Whether it may be absent, for all that is known.
    pub(crate) optional: bool,
    pub(crate) pool: Vec<Val>,
    /// What must be there for it to be.
    through: Vec<String>,
    /// What is known where it holds, and where it does not.
    says: (Facts, Facts),
}

impl Path {
    pub(crate) fn named(&self) -> Ex {
        let e = Ex::new(self.text.clone(), bind::ATOM).with(self.pool.clone());
        Ex { yes: self.says.0.clone(), no: self.says.1.clone(), ..e }
    }

    /// What is known where it is there.
    pub(crate) fn known(&self) -> Facts {
        if !self.can_be_known() {
            return Facts::new();
        }
        self.through.iter().cloned().chain([self.text.clone()]).collect()
    }

    /// Whether its presence, once asked for, is known from then on.
    pub(crate) fn can_be_known(&self) -> bool {
        !matches!(self.ty, Ty::State(_) | Ty::People(_))
    }
}

impl Gen {
    /// Everything that can be named in a place.
    pub(crate) fn paths(&mut self, env: &Env) -> Vec<Path> {
        let mut out: Vec<Path> = Vec::new();
        let push = |out: &mut Vec<Path>,
                    text: String,
                    ty: Ty,
                    optional: bool,
                    pool: Vec<Val>,
                    through: Vec<String>| {
            let optional = optional && !env.facts.contains(&text);
            out.push(Path { text, ty, optional, pool, through, says: Default::default() });
        };
        for (name, ty, pool) in &env.locals {
            push(&mut out, name.clone(), ty.clone(), false, pool.clone(), vec![]);
        }
        if let Some(i) = env.identity {
            let identity = self.m.identities[i].clone();
            for f in &identity.fields {
                if env.no_enums && matches!(f.ty, Ty::Enum(_)) {
                    continue;
                }
                push(&mut out, f.name.clone(), f.ty.clone(), f.optional, f.pool.clone(), vec![]);
            }
            for (name, from, _) in &identity.inverses {
                push(&mut out, name.clone(), Ty::People(*from), false, vec![], vec![]);
                push(&mut out, format!("has_{name}"), Ty::Bool, false, vec![], vec![]);
            }
            if env.state && identity.has_lifecycle() {
                let ty = Ty::State(i);
                let pool = self.pool(&ty);
                push(&mut out, "state".into(), ty, false, pool, vec![]);
            }
            for l in self.m.lets[..env.lets.min(self.m.lets.len())]
                .iter()
                .filter(|l| l.identity == i && (env.time || !l.timely))
            {
                push(&mut out, l.name.clone(), l.ty.clone(), l.optional, l.pool.clone(), vec![]);
                if let Some(p) = out.last_mut() {
                    p.says = l.facts.clone();
                    p.through = l.through.iter().cloned().collect();
                }
            }
        }
        for (name, ty) in &env.own {
            push(&mut out, name.clone(), ty.clone(), false, vec![], vec![]);
        }
        if let Some(app) = env.from {
            for (name, ty) in &self.m.apps[app].attributes {
                push(
                    &mut out,
                    format!("{}.{name}", self.m.apps[app].name),
                    ty.clone(),
                    false,
                    vec![],
                    vec![],
                );
            }
        }
        // What is reached through these.
        for round in 0..2 {
            for base in out.clone() {
                if round == 1 && !base.text.contains('.') {
                    continue;
                }
                let mut through = base.through.clone();
                if base.optional {
                    through.push(base.text.clone());
                }
                let fields = match &base.ty {
                    Ty::Record(r) => self.m.records[*r].fields.clone(),
                    Ty::Ref(i) => {
                        let target = self.m.identities[*i].clone();
                        if env.state && target.has_lifecycle() {
                            let ty = Ty::State(*i);
                            let pool = self.pool(&ty);
                            push(
                                &mut out,
                                format!("{}.state", base.text),
                                ty,
                                base.optional,
                                pool,
                                through.clone(),
                            );
                        }
                        for (name, from, _) in &target.inverses {
                            let text = format!("{}.{name}", base.text);
                            push(&mut out, text, Ty::People(*from), base.optional, vec![], through.clone());
                        }
                        target.fields
                    }
                    _ => continue,
                };
                for f in fields {
                    let text = format!("{}.{}", base.text, f.name);
                    push(&mut out, text, f.ty, f.optional || base.optional, f.pool, through.clone());
                }
            }
            if out.len() > 80 {
                break;
            }
        }
        if env.tables {
            // Mostly by what stands in the table.
            self.finds = self.rng.chance(90);
            for t in self.m.tables.clone() {
                let keys: Vec<Path> = out
                    .iter()
                    .filter(|p| {
                        !p.optional
                            // What the account sets is no key whose row could be known to be there.
                            && !env.own.iter().any(|own| own.0 == p.text)
                            && (p.pool.iter().any(|v| t.fields[0].pool.contains(v)) || !self.finds)
                            && (p.ty == t.fields[0].ty || (p.ty == Ty::Str && t.fields[0].ty == Ty::Text))
                    })
                    .cloned()
                    .collect();
                for _ in 0..2.min(keys.len()) {
                    let key = self.rng.pick(&keys).clone();
                    let row = format!("{}[{}]", t.name, key.text);
                    let known = env.facts.contains(&row);
                    for f in &t.fields {
                        let text = format!("{row}.{}", f.name);
                        let through = if known { vec![] } else { vec![row.clone()] };
                        push(&mut out, text, f.ty.clone(), f.optional || !known, f.pool.clone(), through);
                    }
                }
            }
        }
        out
    }

    /// A path of a type; one that may be absent only where `optional` says so.
    pub(crate) fn path(&mut self, env: &Env, ty: &Ty, optional: bool) -> Option<Path> {
        let fits: Vec<Path> =
            self.paths(env).into_iter().filter(|p| p.ty == *ty && p.optional == optional).collect();
        if fits.is_empty() { None } else { Some(self.rng.pick(&fits).clone()) }
    }

    /// A constant of a type: mostly one of a pool.
    pub(crate) fn constant(&mut self, ty: &Ty, pool: &[Val]) -> Ex {
        let pool: Vec<&Val> = pool.iter().filter(|v| v.is_of(ty)).collect();
        if !pool.is_empty() && self.rng.chance(95) {
            let v = (*self.rng.pick(&pool)).clone();
            return match (&v, ty) {
                (Val::Str(s), Ty::Text) if self.rng.chance(15) => {
                    let other = super::value::respelled(&mut self.rng, s);
                    Ex::of(&Val::Str(other)).with(vec![v])
                }
                (Val::Date(d), _) if self.rng.chance(20) => {
                    let near = d + self.rng.range(-1, 1);
                    Ex::of(&Val::Date(near))
                }
                (Val::Int(n), _) if self.rng.chance(20) => Ex::of(&Val::Int(n.saturating_add(1))),
                _ => Ex::of(&v),
            };
        }
        let other = self.pool(ty);
        match ty {
            Ty::Set(_) => {
                let n = 1 + self.rng.below(other.len());
                let literal = Val::Set(other[..n].to_vec()).literal();
                Ex::new(literal, bind::ATOM).with(other)
            }
            _ if other.is_empty() => Ex::new("[]", bind::ATOM),
            _ => Ex::of(self.rng.pick(&other)),
        }
    }
}

/// Roughly the folding of the language, for telling constants apart.
pub(crate) fn folded(s: &str) -> String {
    s.trim().replace('ﬁ', "fi").to_lowercase().replace("ss", "ß").replace('ς', "σ")
}
