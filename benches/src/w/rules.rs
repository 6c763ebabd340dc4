//! The rules of workload W: what is granted to whom, in words of its own. Invariant: drawn in one order, since each draw
//! hangs on how many were drawn before it.

use super::people::{Person, Rows, date, days};
use super::words::{Attribute, DIVISIONS, words};
use crate::draw::Draws;
use std::collections::BTreeSet;
use std::fmt::Write;

/// How a number or a day is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
}

impl Order {
    /// Whether it holds.
    pub fn holds<T: Ord>(self, a: T, b: T) -> bool {
        match self {
            Order::Less => a < b,
            Order::AtMost => a <= b,
            Order::AtLeast => a >= b,
        }
    }

    /// As Prov writes it, and most do.
    pub const fn sign(self) -> &'static str {
        match self {
            Order::Less => "<",
            Order::AtMost => "<=",
            Order::AtLeast => ">=",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Order::Less => "lt",
            Order::AtMost => "le",
            Order::AtLeast => "ge",
        }
    }
}

/// A predicate of one attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// An attribute is a value.
    Is(Attribute, u16),
    /// An attribute is one of several values.
    In(Attribute, Vec<u16>),
    /// An attribute begins with a text.
    Begins(Attribute, String),
    /// The level against a number.
    Level(Order, u8),
    /// The day of hire against a day.
    Hire(Order, i32),
    /// There is a last day, and it lies before a day.
    EndsBefore(i32),
    /// There is no last day.
    NoEnd,
    /// The skills contain one.
    Skill(u16),
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// Each holds.
    All(Vec<Expr>),
    /// One holds.
    Any(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// One predicate.
    Leaf(Leaf),
}

/// Something to be granted.
#[derive(Clone, Debug)]
pub struct Entitlement {
    /// The app.
    pub target: &'static str,
    /// Group, license and so on.
    pub kind: &'static str,
    /// Its name.
    pub value: String,
}

/// Entitlements under one name.
#[derive(Clone, Debug)]
pub struct Role {
    /// What it grants, in order.
    pub entitlements: Vec<u32>,
    /// Roles that it includes.
    pub roles: Vec<u32>,
}

/// A condition with what it grants.
#[derive(Clone, Debug)]
pub struct Rule {
    /// For whom.
    pub when: Expr,
    /// What it grants, in order.
    pub entitlements: Vec<u32>,
    /// Roles that it includes.
    pub roles: Vec<u32>,
}

/// All of it; numbers are places in these lists.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What everything was drawn from.
    pub seed: u64,
    /// What can be granted.
    pub entitlements: Vec<Entitlement>,
    /// Roles without conditions.
    pub roles: Vec<Role>,
    /// Rules.
    pub rules: Vec<Rule>,
}

impl Leaf {
    /// Whether it holds for somebody.
    pub fn holds(&self, person: &Person) -> bool {
        match self {
            Leaf::Is(a, code) => person.code(*a) == *code,
            Leaf::In(a, codes) => codes.contains(&person.code(*a)),
            Leaf::Begins(a, prefix) => {
                words().of(*a)[usize::from(person.code(*a))].starts_with(prefix.as_str())
            }
            Leaf::Level(order, level) => order.holds(person.level, *level),
            Leaf::Hire(order, day) => order.holds(person.hire, *day),
            Leaf::EndsBefore(day) => person.end.is_some_and(|end| end < *day),
            Leaf::NoEnd => person.end.is_none(),
            Leaf::Skill(skill) => person.skills.contains(skill),
        }
    }
}

impl Expr {
    /// Whether it holds for somebody. A comparison with what is not there is false, and its negation true.
    pub fn holds(&self, person: &Person) -> bool {
        match self {
            Expr::All(of) => of.iter().all(|e| e.holds(person)),
            Expr::Any(of) => of.iter().any(|e| e.holds(person)),
            Expr::Not(of) => !of.holds(person),
            Expr::Leaf(leaf) => leaf.holds(person),
        }
    }
}

const TARGETS: [&str; 20] = [
    "ad", "okta", "sap", "sfdc", "github", "jira", "aws", "azure", "gcp", "workday", "netsuite", "slack",
    "zoom", "vpn", "badge", "mail", "erp", "crm", "bi", "tableau",
];
const KINDS: [&str; 5] = ["group", "license", "role", "account", "mailbox"];
/// People on whom it is measured how many a condition meets.
const SAMPLE: usize = 20_000;
/// How many rules someone matches on average.
const BUDGET: f64 = 6.5;

use Attribute::{CostCenter, Country, Department, EmploymentType, JobTitle, LegalEntity, Location, Status};

impl Rules {
    /// So many rules, of which someone matches a handful whatever their number. A condition takes its values from a
    /// random person; of some that are tried the one nearest to the wanted share of people stays. A tenth are
    /// birthrights: three of everyone who is active, the others of one scope.
    pub fn new(count: u32, seed: u64) -> Rules {
        Making::new(count as usize, seed).rules()
    }

    /// What each rule grants with all that its roles bring, in order.
    pub fn grants(&self) -> Vec<Vec<u32>> {
        fn collect(rules: &Rules, entitlements: &[u32], roles: &[u32], into: &mut BTreeSet<u32>) {
            into.extend(entitlements);
            for role in roles {
                let role = &rules.roles[*role as usize];
                collect(rules, &role.entitlements, &role.roles, into);
            }
        }
        let granted = self.rules.iter().map(|rule| {
            let mut all = BTreeSet::new();
            collect(self, &rule.entitlements, &rule.roles, &mut all);
            all.into_iter().collect()
        });
        granted.collect()
    }
}

struct Making {
    count: usize,
    seed: u64,
    sample: Sample,
    draws: Draws,
}

#[derive(Clone, Copy)]
enum Kind {
    Is,
    In,
    Order,
    Skill,
    Begins,
    Not,
}

impl Making {
    fn new(count: usize, seed: u64) -> Making {
        Making { count, seed, sample: Sample::new(seed), draws: Draws::new(seed, 1000) }
    }

    fn rules(mut self) -> Rules {
        let (count, seed) = (self.count, self.seed);
        let (all, role_count) = (2 * count, (count / 10).max(4));
        let g = &mut self.draws;
        let entitlements = (0..all).map(|e| Entitlement {
            target: TARGETS[g.below(20)],
            kind: KINDS[g.below(5)],
            value: format!("{}.res.{e:05}", DIVISIONS[g.below(12)]),
        });
        let entitlements = entitlements.collect();
        let level = |role: usize| role * 4 / role_count;
        let mut roles = Vec::with_capacity(role_count);
        for role in 0..role_count {
            // Roles of a level include those of the one below it: at most four deep.
            let lower: Vec<usize> = (0..role).filter(|r| level(*r) + 1 == level(role)).collect();
            let g = &mut self.draws;
            let entitlements = distinct(1 + g.below(3), || g.below(all) as u32);
            let below = if lower.is_empty() {
                vec![]
            } else {
                distinct(1 + g.below(2), || lower[g.below(lower.len())] as u32)
            };
            roles.push(Role { entitlements, roles: below });
        }
        let mut left = BUDGET - 3.0 * 0.85;
        let mut rules = Vec::with_capacity(count);
        for rule in 0..count {
            let birthright = rule % 10 == 0;
            let plain = birthright && rule / 10 < 3;
            let share = left.max(0.0) / (count - rule) as f64;
            let target = share * 10f64.powf(self.draws.unit() * 2.2 - 1.55);
            let (when, met) = self.condition(birthright.then_some(rule / 10), plain, left, target);
            left -= if plain { 0.0 } else { met };
            let g = &mut self.draws;
            let entitlements = distinct(1 + g.below(5), || g.below(all) as u32);
            let included = if g.unit() < 0.25 { vec![g.below(role_count) as u32] } else { vec![] };
            rules.push(Rule { when, entitlements, roles: included });
        }
        Rules { seed, entitlements, roles, rules }
    }

    /// The best of some that are tried, with the share of people that it meets.
    fn condition(&mut self, birthright: Option<usize>, plain: bool, left: f64, target: f64) -> (Expr, f64) {
        let tries = if plain {
            1
        } else if left > 0.0 {
            12
        } else {
            24
        };
        let mut best: Option<(f64, Expr, f64)> = None;
        for _ in 0..tries {
            let expr = match birthright {
                Some(b) => self.birthright(b),
                None => self.candidate(),
            };
            let share = self.sample.share(&expr);
            let off = ((share + 1e-5).log10() - (target + 1e-5).log10()).abs();
            let off = off + if share > 0.5 { 5.0 } else { 0.0 };
            if best.as_ref().is_none_or(|b| off < b.0) {
                best = Some((off, expr, share));
            }
            if off < 0.15 {
                break;
            }
        }
        let (_, expr, share) = best.expect("at least one was tried");
        (expr, share)
    }

    fn birthright(&mut self, number: usize) -> Expr {
        let active = Expr::Leaf(Leaf::Is(Status, 0));
        if number < 3 {
            return active;
        }
        let row = self.draws.below(SAMPLE);
        let mut scopes = vec![
            (3.0, Country),
            (2.0, LegalEntity),
            (3.0, Location),
            (1.0, EmploymentType),
            (2.0, Department),
        ];
        if self.count > 1000 {
            scopes.extend([(3.0, CostCenter), (3.0, JobTitle)]);
        }
        let attribute = self.draws.weighted(&scopes);
        let code = self.sample.people[row].code(attribute);
        let scope = if attribute == Department && self.draws.below(2) > 0 {
            Leaf::Begins(attribute, beginning(attribute, code, 0))
        } else {
            Leaf::Is(attribute, code)
        };
        Expr::All(vec![active, Expr::Leaf(scope)])
    }

    fn candidate(&mut self) -> Expr {
        let row = self.draws.below(SAMPLE);
        let n = 1 + self.draws.below(4);
        if n == 1 {
            return self.leaf(row, None);
        }
        let first = if self.draws.unit() < 0.7 { self.guard() } else { self.leaf(row, None) };
        let mut rest: Vec<Expr> = (1..n).map(|_| self.leaf(row, None)).collect();
        if rest.len() >= 2 && self.draws.unit() < 0.3 {
            let k = 2 + self.draws.below(rest.len() - 1);
            let after = rest.split_off(k);
            rest = vec![Expr::Any(rest)];
            rest.extend(after);
        }
        if n == 2 && self.draws.unit() < 0.1 {
            let other = self.leaf(row, None);
            return Expr::Any(vec![other, rest.swap_remove(0)]);
        }
        rest.insert(0, first);
        Expr::All(rest)
    }

    fn guard(&mut self) -> Expr {
        Expr::Leaf(if self.draws.below(4) > 0 { Leaf::Is(Status, 0) } else { Leaf::In(Status, vec![0, 1]) })
    }

    fn leaf(&mut self, row: usize, kind: Option<Kind>) -> Expr {
        const KINDS: [(f64, Kind); 6] = [
            (40.0, Kind::Is),
            (18.0, Kind::In),
            (16.0, Kind::Order),
            (12.0, Kind::Skill),
            (8.0, Kind::Begins),
            (6.0, Kind::Not),
        ];
        const IS: [(f64, Attribute); 7] = [
            (3.0, Department),
            (3.0, JobTitle),
            (2.0, Location),
            (2.0, Country),
            (1.0, LegalEntity),
            (2.0, CostCenter),
            (0.7, EmploymentType),
        ];
        const IN: [(f64, Attribute); 6] = [
            (3.0, Department),
            (3.0, JobTitle),
            (2.0, Location),
            (2.0, Country),
            (1.0, CostCenter),
            (0.7, LegalEntity),
        ];
        let g = &mut self.draws;
        let kind = kind.unwrap_or_else(|| g.weighted(&KINDS));
        let person = self.sample.people[row];
        Expr::Leaf(match kind {
            Kind::Is => {
                let attribute = g.weighted(&IS);
                Leaf::Is(attribute, person.code(attribute))
            }
            Kind::In => {
                let attribute = g.weighted(&IN);
                let mut codes = BTreeSet::from([person.code(attribute)]);
                for _ in 0..1 + g.below(7) {
                    codes.insert(self.sample.people[g.below(SAMPLE)].code(attribute));
                }
                Leaf::In(attribute, codes.into_iter().collect())
            }
            Kind::Order => self.order(&person),
            Kind::Skill => {
                let known: Vec<u16> = person.skills().collect();
                Leaf::Skill(if known.is_empty() { g.below(300) as u16 } else { known[g.below(known.len())] })
            }
            Kind::Begins => {
                let attribute = [Department, JobTitle, CostCenter][g.below(3)];
                let more = if attribute == CostCenter { g.below(2) } else { 0 };
                Leaf::Begins(attribute, beginning(attribute, person.code(attribute), more))
            }
            Kind::Not => {
                let other = g.below(SAMPLE);
                let kind = [Kind::Is, Kind::In, Kind::Skill, Kind::Begins][g.below(4)];
                return Expr::Not(Box::new(self.leaf(other, Some(kind))));
            }
        })
    }

    fn order(&mut self, person: &Person) -> Leaf {
        let g = &mut self.draws;
        match g.below(10) {
            0..6 => {
                let up = g.below(3) > 0;
                let by = g.below(2) as u8;
                if up {
                    Leaf::Level(Order::AtLeast, (person.level - by).max(1))
                } else {
                    Leaf::Level(Order::AtMost, (person.level + by).min(12))
                }
            }
            6..9 => {
                let order = [Order::Less, Order::AtLeast][g.below(2)];
                let half = g.below(46);
                Leaf::Hire(order, days(2004 + half as i32 / 2, if half.is_multiple_of(2) { 1 } else { 7 }, 1))
            }
            _ => {
                let day = days(2027, 1 + g.below(12) as u32, 1);
                if g.below(2) == 0 { Leaf::NoEnd } else { Leaf::EndsBefore(day) }
            }
        }
    }
}

/// How a value begins: a division, a grade, or four letters and some.
fn beginning(attribute: Attribute, code: u16, more: usize) -> String {
    let word = words().of(attribute)[usize::from(code)].as_str();
    match attribute {
        Department => word[..=word.find('-').unwrap_or(0)].to_owned(),
        JobTitle => word[..=word.find(' ').unwrap_or(0)].to_owned(),
        _ => word[..4 + more].to_owned(),
    }
}

fn distinct(times: usize, mut draw: impl FnMut() -> u32) -> Vec<u32> {
    (0..times).map(|_| draw()).collect::<BTreeSet<u32>>().into_iter().collect()
}

/// People on whom conditions are tried, as a set of them for each value.
struct Sample {
    people: Vec<Person>,
    having: [Vec<Bits>; 8],
    skilled: Vec<Bits>,
}

type Bits = Vec<u64>;

fn set(bits: &mut [u64], i: usize) {
    bits[i / 64] |= 1 << (i % 64);
}

impl Sample {
    fn new(seed: u64) -> Sample {
        let rows = Rows::new(seed);
        let people: Vec<Person> = (0..SAMPLE as u32).map(|i| rows.today(i)).collect();
        let empty = vec![0u64; SAMPLE.div_ceil(64)];
        let having = Attribute::ALL.map(|a| {
            let mut of = vec![empty.clone(); words().of(a).len()];
            people.iter().enumerate().for_each(|(i, p)| set(&mut of[usize::from(p.code(a))], i));
            of
        });
        let mut skilled = vec![empty; words().skills.len()];
        for (i, person) in people.iter().enumerate() {
            person.skills().for_each(|s| set(&mut skilled[usize::from(s)], i));
        }
        Sample { people, having, skilled }
    }

    fn share(&self, expr: &Expr) -> f64 {
        let met: u32 = self.meets(expr).iter().map(|w| w.count_ones()).sum();
        f64::from(met) / SAMPLE as f64
    }

    fn meets(&self, expr: &Expr) -> Bits {
        let fold = |of: &[Expr], join: fn(u64, u64) -> u64| {
            let mut sets = of.iter().map(|e| self.meets(e));
            let first = sets.next().unwrap_or_default();
            sets.fold(first, |a, b| a.iter().zip(&b).map(|(a, b)| join(*a, *b)).collect())
        };
        match expr {
            Expr::All(of) => fold(of, |a, b| a & b),
            Expr::Any(of) => fold(of, |a, b| a | b),
            Expr::Not(of) => {
                let mut bits: Bits = self.meets(of).iter().map(|w| !w).collect();
                if let Some(last) = bits.last_mut() {
                    *last &= (1 << (SAMPLE % 64)) - 1;
                }
                bits
            }
            Expr::Leaf(Leaf::Is(a, code)) => self.having[*a as usize][usize::from(*code)].clone(),
            Expr::Leaf(Leaf::In(a, codes)) => self.united(*a, codes.iter().copied()),
            Expr::Leaf(Leaf::Begins(a, prefix)) => self.united(*a, words().beginning(*a, prefix)),
            Expr::Leaf(Leaf::Skill(skill)) => self.skilled[usize::from(*skill)].clone(),
            Expr::Leaf(leaf @ (Leaf::Level(..) | Leaf::Hire(..) | Leaf::EndsBefore(_) | Leaf::NoEnd)) => {
                let mut bits = vec![0; SAMPLE.div_ceil(64)];
                let met = self.people.iter().enumerate().filter(|(_, p)| leaf.holds(p));
                met.for_each(|(i, _)| set(&mut bits, i));
                bits
            }
        }
    }

    fn united(&self, attribute: Attribute, codes: impl Iterator<Item = u16>) -> Bits {
        let mut bits = vec![0; SAMPLE.div_ceil(64)];
        for code in codes {
            bits.iter_mut()
                .zip(&self.having[attribute as usize][usize::from(code)])
                .for_each(|(a, b)| *a |= b);
        }
        bits
    }
}

/// The rules as JSON, for peers: the same bytes as the workload's first form wrote.
pub fn rules_json(rules: &Rules) -> String {
    let mut out = format!("{{\"version\":1,\"seed\":{},\n\"entitlements\":[\n", rules.seed);
    let entitlements = rules.entitlements.iter().enumerate().map(|(i, e)| {
        let (target, kind) = (e.target, e.kind);
        format!("{{\"id\": {i}, \"target\": \"{target}\", \"kind\": \"{kind}\", \"value\": \"{}\"}}", e.value)
    });
    out += &entitlements.collect::<Vec<_>>().join(",\n");
    out += "],\n\"roles\":[\n";
    let roles = rules.roles.iter().enumerate();
    let roles = roles.map(|(i, r)| format!("{{\"id\": {i}, {}}}", held(&r.entitlements, &r.roles)));
    out += &roles.collect::<Vec<_>>().join(",\n");
    out += "],\n\"rules\":[\n";
    let each = rules.rules.iter().enumerate().map(|(i, r)| {
        let mut when = String::new();
        expr_json(&r.when, &mut when);
        format!("{{\"id\": {i}, \"when\": {when}, {}}}", held(&r.entitlements, &r.roles))
    });
    out += &each.collect::<Vec<_>>().join(",\n");
    out + "]}\n"
}

fn held(entitlements: &[u32], roles: &[u32]) -> String {
    format!("\"entitlements\": {entitlements:?}, \"roles\": {roles:?}")
}

fn expr_json(expr: &Expr, out: &mut String) {
    let mut list = |name: &str, of: &[Expr]| {
        let _ = write!(out, "{{\"{name}\": [");
        for (i, e) in of.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            expr_json(e, out);
        }
        out.push_str("]}");
    };
    match expr {
        Expr::All(of) => list("all", of),
        Expr::Any(of) => list("any", of),
        Expr::Not(of) => {
            out.push_str("{\"not\": ");
            expr_json(of, out);
            out.push('}');
        }
        Expr::Leaf(leaf) => out.push_str(&leaf_json(leaf)),
    }
}

fn leaf_json(leaf: &Leaf) -> String {
    let of = |op: &str, attribute: &str, value: String| {
        format!("{{\"op\": \"{op}\", \"attr\": \"{attribute}\", \"value\": {value}}}")
    };
    let word = |a: Attribute, code: u16| format!("{:?}", words().of(a)[usize::from(code)]);
    let day = |days: i32| {
        let (y, m, d) = date(days);
        format!("\"{y}-{m:02}-{d:02}\"")
    };
    match leaf {
        Leaf::Is(a, code) => of("eq", a.name(), word(*a, *code)),
        Leaf::In(a, codes) => {
            let values: Vec<String> = codes.iter().map(|c| word(*a, *c)).collect();
            of("in", a.name(), format!("[{}]", values.join(", ")))
        }
        Leaf::Begins(a, prefix) => of("prefix", a.name(), format!("{prefix:?}")),
        Leaf::Level(order, level) => of(order.name(), "job_level", level.to_string()),
        Leaf::Hire(order, days) => of(order.name(), "hire_date", day(*days)),
        Leaf::EndsBefore(days) => of("lt", "end_date", day(*days)),
        Leaf::NoEnd => "{\"op\": \"null\", \"attr\": \"end_date\"}".to_owned(),
        Leaf::Skill(skill) => of("contains", "skills", format!("{:?}", words().skills[usize::from(*skill)])),
    }
}
