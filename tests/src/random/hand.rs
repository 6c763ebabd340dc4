//! What people decided by hand: clauses of requestable roles, rows of assignments and exceptions.
//! Invariant: most rows name someone and something there is; each way of naming nothing occurs, and each way of a row
//! that can't be read.

use super::expr::{Env, Path};
use super::people::Rows;
use super::schema::Gen;
use super::value::{Ty, Val, day, quoted, respelled};

impl Gen {
    /// `requestable …` of a role, and what is known where an assignment is honoured.
    pub(crate) fn requestable(&mut self, env: &Env) -> (String, Env) {
        let mut text = String::from("\n    requestable");
        let mut known = env.clone();
        if self.rng.chance(45) {
            let (c, inside) = self.knowing(env, 1);
            text += &format!(" when {c}");
            known = inside;
        }
        if self.rng.chance(40) {
            let d = match self.rng.below(3) {
                0 => Val::Elapsed(self.rng.range(1, 60), "hour"),
                1 => Val::Duration(1, "month"),
                _ => Val::Duration(self.rng.range(1, 20), "day"),
            };
            text += &format!("\n    for at most {}", d.literal());
        }
        if self.rng.chance(30) {
            let all = self.paths(&env.any_way());
            let refs: Vec<&Path> =
                all.iter().filter(|p| matches!(p.ty, Ty::Ref(_)) && !p.text.contains('.')).collect();
            let by = if refs.is_empty() || self.rng.chance(20) {
                let id = self.rng.word(&["\"E1\"", "\"100\"", "[\"E1\", \"E2\", \"E3\"]"]);
                id.to_owned()
            } else {
                self.rng.pick(&refs).text.clone()
            };
            text += &format!("\n    approved by {by}");
        }
        (text, known)
    }

    /// A moment near today, as a day or an instant; sometimes none.
    fn moment(&mut self, often: u64) -> String {
        if !self.rng.chance(often) {
            return String::new();
        }
        let by = self.rng.word(&["0", "1", "-1", "2", "-3", "7", "-20", "40", "-200", "400"]);
        let d = day(self.m.today + by.parse::<i64>().unwrap_or(0));
        match self.rng.below(5) {
            0 => format!("{d}T{:02}:30:00Z", self.rng.below(24)),
            1 => format!("{d}T{:02}:00:00+02:00", self.rng.below(24)),
            _ => d,
        }
    }

    /// Someone's id, or nobody's.
    fn somebody(&mut self) -> String {
        if self.ids.is_empty() || self.rng.chance(4) {
            return "nobody".into();
        }
        self.rng.pick(&self.ids.clone()).clone()
    }

    /// The same, mostly of a type.
    fn somebody_of(&mut self, of: Option<usize>) -> String {
        let start = of.map(|i| format!("{}:", self.m.identities[i].name));
        let open: Vec<String> = match start.filter(|_| self.m.identities.len() > 1) {
            Some(start) => self.ids.iter().filter(|id| id.starts_with(&start)).cloned().collect(),
            None => vec![],
        };
        if open.is_empty() || self.rng.chance(8) { self.somebody() } else { self.rng.pick(&open).clone() }
    }

    /// `assignments.csv`.
    pub(crate) fn assignments(&mut self) -> Rows {
        let roles: Vec<(String, bool, usize)> =
            self.m.rules.iter().map(|r| (r.name.clone(), r.requestable, r.identity)).collect();
        if !roles.iter().any(|r| r.1) && !self.rng.chance(5) {
            return Rows::default();
        }
        let mut columns =
            ["identity", "role", "from", "until", "granted_by", "ticket"].map(str::to_owned).to_vec();
        let takes = self.m.rules.iter().any(|r| !r.params.is_empty());
        if takes || self.rng.chance(10) {
            columns.push("args".to_owned());
        }
        let mut rows = Vec::new();
        for _ in 0..self.rng.range(2, 18) {
            let asked: Vec<&(String, bool, usize)> = roles.iter().filter(|r| r.1).collect();
            let role = match self.rng.below(20) {
                0 => "no_such_role".to_owned(),
                1 => self.rng.pick(&roles).0.clone(),
                _ if asked.is_empty() => self.rng.pick(&roles).0.clone(),
                _ => self.rng.pick(&asked).0.clone(),
            };
            // Mostly someone who can have it, and by now.
            let of = self.m.rules.iter().find(|r| r.name == role).map(|r| r.identity);
            let (who, by) = (self.somebody_of(of), self.somebody());
            let from =
                if self.rng.chance(50) { day(self.m.today - self.rng.range(0, 20)) } else { self.moment(60) };
            let until = self.moment(25);
            let by = if self.rng.chance(70) { by } else { String::new() };
            let args = self.args(&role);
            let mut row = vec![who, role, from, until, by, String::new()];
            if self.rng.chance(4) {
                let at = self.rng.below(4);
                row[at] = self.rng.word(&["", "soon"]).to_owned();
            }
            if self.rng.chance(5) {
                row[0] = format!(" {} ", row[0]);
            }
            if columns.len() > row.len() {
                row.push(args);
            }
            rows.push(row);
        }
        Rows { columns, rows }
    }

    /// The arguments of a role as a row spells them; sometimes such as it does not take.
    fn args(&mut self, role: &str) -> String {
        let params = self.m.rules.iter().find(|r| r.name == role).map_or(vec![], |r| r.params.clone());
        let mut values: Vec<String> = params
            .iter()
            .map(|p| match self.rng.pick(&p.pool).clone() {
                Val::Str(s) if p.ty == Ty::Text && self.rng.chance(30) => respelled(&mut self.rng, &s),
                value => value.cell(),
            })
            .collect();
        if self.rng.chance(4) {
            values.push("x".to_owned());
        }
        if self.rng.chance(3) {
            values.pop();
        }
        match values.as_slice() {
            [one] => one.clone(),
            all => {
                let parts: Vec<String> =
                    all.iter().map(|v| v.replace('\\', "\\\\").replace('|', "\\|")).collect();
                parts.join("|")
            }
        }
    }

    /// `exceptions.csv`.
    pub(crate) fn exceptions(&mut self) -> Rows {
        if !self.rng.chance(45) {
            return Rows::default();
        }
        let columns = ["identity", "effect", "what", "until", "reason", "ticket"];
        let mut rows = Vec::new();
        for _ in 0..self.rng.range(1, 10) {
            let (effect, what) =
                if self.rng.chance(60) { ("deny", self.denied()) } else { ("allow", self.allowed()) };
            let mut until = self.moment(100);
            // Most of them last.
            if self.rng.chance(60) {
                until = day(self.m.today + self.rng.range(1, 60));
            }
            let mut row = vec![
                self.somebody(),
                effect.to_owned(),
                what,
                until,
                "case 17".to_owned(),
                self.rng.word(&["", "T-1"]).to_owned(),
            ];
            if self.rng.chance(4) {
                let at = self.rng.below(5);
                row[at] = self.rng.word(&["", "permit"]).to_owned();
            }
            rows.push(row);
        }
        Rows { columns: columns.map(str::to_owned).to_vec(), rows }
    }

    /// What a deny names.
    fn denied(&mut self) -> String {
        if self.rng.chance(30) {
            let rule = self.rng.pick(&self.m.rules.clone()).clone();
            return self.written(&rule);
        }
        let app = self.rng.pick(&self.m.apps.clone()).clone();
        let kind = self.rng.pick(&app.kinds).clone();
        let name = format!("{}.{}", app.name, kind.name);
        let Some(first) = kind.types.first() else { return name };
        let value = match self.rng.pick(&kind.pool).0.clone() {
            Val::Str(s) if *first == Ty::Text && self.rng.chance(40) => {
                Val::Str(respelled(&mut self.rng, &s))
            }
            value => value,
        };
        let mut values = vec![value.literal()];
        for ty in &kind.types[1..] {
            values.push(self.constant(ty, &[]).text);
        }
        if kind.types.len() == 1 && self.rng.chance(40) {
            values = vec![value.cell()];
        }
        if self.rng.chance(4) {
            values.push("3".into());
        }
        format!("{name}({})", values.join(", "))
    }

    /// What an allow names.
    fn allowed(&mut self) -> String {
        let names = self.m.named.clone();
        match self.rng.below(10) {
            0 => "SOX-99".into(),
            1..=5 => self.rng.word(&["SOX-12", " SOX-12 ", "SOX-7", "SOX-15"]).into(),
            _ if names.is_empty() => "SOX-12".into(),
            6 => self.rng.pick(&names).replace(' ', "  "),
            _ => self.rng.pick(&names).clone(),
        }
    }
}

/// A text as a rule writes it.
pub(crate) fn because(reason: &str) -> String {
    format!("\n    because {}", quoted(reason))
}
