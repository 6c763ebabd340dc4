//! Random items that take away or stand against plans: forbids, separations, guards, protections, seats.
//! Invariant: no two of them have one name.

use super::expr::Env;
use super::model::{Kind, Rule};
use super::schema::Gen;
use super::value::{Ty, quoted};

impl Gen {
    /// A pattern of entitlements, and the lowest level it speaks of.
    pub(crate) fn pattern_of(&mut self) -> (String, u8) {
        let app = self.rng.pick(&self.m.apps.clone()).clone();
        if self.rng.chance(8) {
            return (format!("{}.*", app.name), app.kinds.iter().map(Kind::lowest).min().unwrap_or(0));
        }
        let kind = self.rng.pick(&app.kinds).clone();
        let name = format!("{}.{}", app.name, kind.name);
        if kind.types.is_empty() || self.rng.chance(15) {
            return (name, kind.lowest());
        }
        let (v, level) = self.rng.pick(&kind.pool).clone();
        let mut level = if self.rng.chance(70) { level.min(kind.lowest()) } else { kind.lowest() };
        let mut args = Vec::new();
        for (i, ty) in kind.types.iter().enumerate() {
            args.push(match self.rng.below(8) {
                0 => "any".to_owned(),
                1 | 2 if ty.is_textual() => {
                    let chars: Vec<char> = v.cell().chars().collect();
                    format!("matches {}", quoted(&self.glob(&chars)))
                }
                _ if i == 0 => v.literal(),
                _ => self.constant(ty, &[]).text,
            });
        }
        level = level.min(kind.lowest());
        (format!("{name}({})", args.join(", ")), level)
    }

    pub(crate) fn forbid(&mut self) -> String {
        let (mut pattern, mut level) = self.pattern_of();
        let roles: Vec<Rule> = self.m.rules.iter().filter(|r| r.role).cloned().collect();
        let mut identity = self.rng.below(self.m.identities.len());
        if !roles.is_empty() && self.rng.chance(25) {
            let role = self.rng.pick(&roles).clone();
            (pattern, level, identity) = (self.written(&role), role.level, role.identity);
        }
        self.m.named.push(format!("forbid {pattern}"));
        if self.rng.chance(20) {
            let (other, l) = self.pattern_of();
            self.m.named.push(format!("forbid {other}"));
            pattern += &format!(", {other}");
            level = level.min(l);
        }
        let mut out = format!("{}forbid {pattern}", self.staged(50));
        if self.rng.chance(85) {
            out += &self.for_type(identity);
            if self.rng.chance(92) {
                let env = Env { has: (level > 0).then_some(level), ..self.env(identity) };
                let (c, _) = self.knowing(&env, 2);
                out += &format!("\n    when {c}");
            }
        }
        if self.rng.chance(60) {
            out += &super::hand::because(self.rng.word(&["SOX-12", "SOX-12", "SOX-15"]));
        }
        out
    }

    /// `separate A from B`, of kinds that stand in one level.
    pub(crate) fn separate(&mut self) -> Option<String> {
        let mut sides: Vec<(String, u8)> = Vec::new();
        for app in &self.m.apps {
            for kind in app.kinds.iter().filter(|k| !k.highest && k.lowest() == k.top() && k.types.len() == 1)
            {
                let name = format!("{}.{}", app.name, kind.name);
                sides.extend(kind.pool.iter().map(|p| (format!("{name}({})", p.0.literal()), p.1)));
            }
        }
        if sides.is_empty() {
            return None;
        }
        let (a, level) = self.rng.pick(&sides).clone();
        sides.retain(|s| s.1 == level && s.0 != a);
        if sides.is_empty() {
            return None;
        }
        let b = self.rng.pick(&sides).0.clone();
        let c = self.rng.pick(&sides).0.clone();
        self.m.separates = true;
        let mut out = if c != b && self.rng.chance(30) {
            let resolve = self.rng.word(&["", "", " resolve withhold all", " resolve report"]);
            self.m.named.push(format!("separate any 2 of [{a}, {b}, {c}]"));
            format!("separate any 2 of [{a}, {b}, {c}]{resolve}")
        } else {
            self.m.named.push(format!("separate {a} from {b}"));
            let words = [
                "",
                "",
                " resolve withhold first",
                " resolve withhold second",
                " resolve withhold both",
                " resolve report",
            ];
            format!("separate {a} from {b}{}", self.rng.word(&words))
        };
        out += " because \"SOX-7\"";
        // What only reports withholds nothing that could be tried.
        let stage = if out.contains("report") { "" } else { self.staged(50) };
        Some(format!("{stage}{out}"))
    }

    /// `separate R from S` of two roles of one level.
    pub(crate) fn separate_roles(&mut self) -> Option<String> {
        let roles: Vec<(usize, Rule)> =
            self.m.rules.iter().cloned().enumerate().filter(|(_, r)| r.role).collect();
        if roles.is_empty() {
            return None;
        }
        let (i, a) = self.rng.pick(&roles).clone();
        let others: Vec<usize> = roles
            .iter()
            .filter(|(j, b)| {
                (*j != i || !b.params.is_empty()) && (b.identity, b.level) == (a.identity, a.level)
            })
            .map(|(j, _)| *j)
            .collect();
        if others.is_empty() {
            return None;
        }
        let j = *self.rng.pick(&others);
        (self.m.rules[i].apart, self.m.rules[j].apart, self.m.separates) = (true, true, true);
        let b = self.m.rules[j].clone();
        let sides = [self.written(&a), self.written(&b)];
        // Instances of one role are kept apart only by their arguments.
        if i == j && (sides[0] == sides[1] || !sides.iter().all(|s| s.contains('('))) {
            return None;
        }
        let name = format!("separate {} from {}", sides[0], sides[1]);
        self.m.named.push(name.clone());
        let resolve = self.rng.word(&["", "", " resolve withhold first", " resolve report"]);
        let stage = if resolve.contains("report") { "" } else { self.staged(50) };
        Some(format!("{stage}{name}{resolve} because \"SOX-7\""))
    }

    pub(crate) fn guard(&mut self) -> (String, String) {
        if self.rng.chance(25) {
            let identity = self.rng.pick(&self.m.identities.clone()).clone();
            let source = identity.source.clone();
            let text = match self.rng.below(4) {
                2 => {
                    let f = self.rng.pick(&identity.fields).clone();
                    let column = quoted(&super::people::column(&f));
                    let most = self.rng.word(&["0%", "5%", "30%", "1", "3"]);
                    let text = format!("guard {source} column {column} empty at most {most}");
                    return (format!("empty {source} {column}"), text);
                }
                3 => {
                    let d = self.rng.word(&["26 hours", "1 day", "2 days", "1 month"]);
                    return (format!("age {source}"), format!("guard {source} age at most {d}"));
                }
                0 => format!("guard {source} rows at least {}% of last run", self.rng.range(50, 100)),
                _ => format!("guard {source} rows at least {}", self.rng.range(1, 8)),
            };
            return (format!("rows {source}"), text);
        }
        let effect = self.rng.word(&["grants", "revokes", "creates", "disables", "deletes", "leavers"]);
        let app = self.rng.pick(&self.m.apps.clone()).name.clone();
        let (scope, per) = match self.rng.below(4) {
            0 if effect != "leavers" => (format!(" in {app}"), ""),
            1 if effect != "leavers" => (String::new(), " per app"),
            _ => (String::new(), ""),
        };
        let mut amount = || match self.rng.below(4) {
            0 => self.rng.range(0, 4).to_string(),
            1 => format!("{}%", self.rng.range(0, 60)),
            2 => format!("{}% of people", self.rng.range(0, 60)),
            _ => format!("{}.5% of accounts", self.rng.range(0, 60)),
        };
        let (a, b) = (amount(), amount());
        let limit = if self.rng.chance(25) { format!("max({a}, {b})") } else { a };
        if matches!(effect, "grants" | "revokes") && self.rng.chance(30) {
            let pattern = self.pattern_of().0;
            return (
                format!("{effect} of {pattern}"),
                format!("guard {effect} of {pattern} at most {limit}"),
            );
        }
        (format!("{effect}{scope}"), format!("guard {effect}{scope} at most {limit}{per}"))
    }

    /// `protect …`: someone, of whom most are there, or members.
    pub(crate) fn protect(&mut self) -> String {
        if self.rng.chance(70) {
            let (pattern, _) = self.pattern_of();
            return format!("protect {pattern} at least {} members", self.rng.range(1, 4));
        }
        let i = self.rng.below(self.m.identities.len());
        let identity = &self.m.identities[i];
        let k = self.rng.range(0, 9);
        let key = match identity.fields[identity.key].ty {
            Ty::Int => (100 + k * 7).to_string(),
            Ty::Text if k % 2 == 0 => format!("e{k}"),
            _ => format!("E{k}"),
        };
        let of = if self.m.identities.len() > 1 {
            format!("{}:", self.m.identities[i].name)
        } else {
            String::new()
        };
        format!("protect identity {}", quoted(&format!("{of}{key}")))
    }

    /// `limit …`: few seats.
    pub(crate) fn limit(&mut self) -> String {
        let (pattern, _) = self.pattern_of();
        format!("limit {pattern} at most {}", self.rng.range(0, 5))
    }
}
