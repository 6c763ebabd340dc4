//! Random items, as text. Invariant: every clause of an item stands on a line of its own, so that a case is made
//! smaller by leaving out lines.

use super::expr::{Env, Ex, bind};
use super::model::{App, Field, Fun, Kind, Let, Mapping, Rule};
use super::schema::Gen;
use super::value::{Ty, Val, quoted};
use std::collections::BTreeSet;

/// An item with the functions of the standard library that it uses.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) uses: BTreeSet<&'static str>,
}

impl Gen {
    fn item(&mut self, text: String) -> Item {
        Item { text, uses: std::mem::take(&mut self.uses) }
    }

    fn env(&self, identity: usize) -> Env {
        Env {
            identity: Some(identity),
            state: self.m.identities[identity].has_lifecycle(),
            lets: usize::MAX,
            funs: usize::MAX,
            tables: true,
            time: true,
            ..Env::default()
        }
    }

    /// ` for T` where it must be said, or may be.
    fn for_type(&mut self, identity: usize) -> String {
        if self.m.identities.len() > 1 || self.rng.chance(10) {
            format!(" for {}", self.m.identities[identity].name)
        } else {
            String::new()
        }
    }

    /// All items of a policy.
    pub(crate) fn items(&mut self) -> Vec<Item> {
        self.declare();
        let mut out = Vec::new();
        if !self.m.zone.is_empty() {
            out.push(self.item(format!("timezone {}", quoted(self.m.zone))));
        }
        for i in 0..self.m.identities.len() {
            if self.rng.chance(80) {
                let text = self.lifecycle(i);
                out.push(self.item(text));
            }
        }
        for r in 0..self.m.records.len() {
            let fields = self.m.records[r].fields.clone();
            let fields = self.fields(&fields, usize::MAX, &[]);
            let text = format!("record {} {{\n{fields}}}", self.m.records[r].name);
            out.push(self.item(text));
        }
        for i in 0..self.m.identities.len() {
            let text = self.identity_text(i);
            out.push(self.item(text));
            let (text, missing) = self.source_text(i);
            out.push(self.item(text));
            for text in self.other_sources(i, &missing) {
                out.push(self.item(text));
            }
        }
        for t in self.m.tables.clone() {
            let text = format!("table {}(\n{})", t.name, self.fields(&t.fields, 0, &[]));
            out.push(self.item(text));
        }
        for _ in 0..self.rng.below(3) {
            let text = self.fun();
            out.push(self.item(text));
        }
        for _ in 0..self.rng.below(4) {
            let text = self.let_item();
            out.push(self.item(text));
        }
        self.plan_rules();
        if self.rng.chance(30)
            && let Some(text) = self.separate()
        {
            out.push(self.item(text));
        }
        if self.rng.chance(12)
            && let Some(text) = self.separate_roles()
        {
            out.push(self.item(text));
        }
        for a in 0..self.m.apps.len() {
            let text = self.app_text(a);
            out.push(self.item(text));
        }
        for r in 0..self.m.rules.len() {
            let text = self.rule_text(r);
            out.push(self.item(text));
        }
        for _ in 0..self.rng.weighted(&[(2, 0), (3, 1), (2, 2)]) {
            let text = self.forbid();
            out.push(self.item(text));
        }
        if self.rng.chance(20)
            && let Some(text) = self.writeback()
        {
            out.push(self.item(text));
        }
        let mut guards: BTreeSet<String> = BTreeSet::new();
        for _ in 0..self.rng.weighted(&[(3, 0), (3, 1), (2, 2)]) {
            let (name, text) = self.guard();
            if guards.insert(name) {
                out.push(self.item(text));
            }
        }
        out
    }

    fn fields(&mut self, fields: &[Field], key: usize, inverses: &[(usize, String)]) -> String {
        let mut out = String::new();
        for (i, f) in fields.iter().enumerate() {
            let ty = self.m.spell(&f.ty);
            let optional = if f.optional { "?" } else { "" };
            let key = if i == key { " key" } else { "" };
            let inverse =
                inverses.iter().find(|v| v.0 == i).map_or(String::new(), |v| format!(" inverse {}", v.1));
            let prefer =
                if f.prefer.is_empty() { String::new() } else { format!(" prefer {}", f.prefer.join(", ")) };
            out += &format!("    {}: {ty}{optional}{key}{inverse}{prefer}\n", f.name);
        }
        out
    }

    fn identity_text(&mut self, i: usize) -> String {
        let identity = self.m.identities[i].clone();
        let inverses: Vec<(usize, String)> = self
            .m
            .identities
            .iter()
            .flat_map(|t| t.inverses.iter().filter(|v| v.1 == i).map(|v| (v.2, v.0.clone())))
            .collect();
        format!("identity {} {{\n{}}}", identity.name, self.fields(&identity.fields, identity.key, &inverses))
    }

    /// The first source of a type, and what it says of those who are missing.
    fn source_text(&mut self, i: usize) -> (String, String) {
        let identity = self.m.identities[i].clone();
        let mut body = String::new();
        for f in &identity.fields {
            let cell = |c: &str| {
                if c.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    format!("row.{c}")
                } else {
                    format!("row[{}]", quoted(c))
                }
            };
            let from = match &f.mapping {
                Mapping::None => continue,
                Mapping::Column(c) => cell(c),
                Mapping::Call(c, call) if call.contains("{{}}") => call.replace("{}", &cell(c)),
                Mapping::Call(c, call) => call.replace("{}", &cell(c)),
                Mapping::Pattern(c) => format!("date({}, \"%d/%m/%Y\")", cell(c)),
                Mapping::Labels(c, labels) => {
                    let arms: Vec<String> =
                        labels.iter().map(|(l, v)| format!("{} => {v}", quoted(l))).collect();
                    format!("match {} {{ {} }}", cell(c), arms.join(", "))
                }
            };
            body += &format!("    {} = {from}\n", f.name);
        }
        let mut head = String::new();
        if !identity.leaver_states.is_empty() && self.rng.chance(35) {
            head += &format!(" missing means {}", self.rng.pick(&identity.leaver_states));
            if self.rng.chance(60) {
                head += &format!(" after {}", Val::Duration(self.rng.range(0, 9), "day").literal());
            }
        }
        let from = identity.effective.map_or(String::new(), |c| format!(" effective from {c}"));
        let text =
            format!("source {} of {} authoritative{from}{head} {{\n{body}}}", identity.source, identity.name);
        (text, head)
    }

    fn lifecycle(&mut self, i: usize) -> String {
        let mut env = Env { state: false, lets: 0, funs: 0, tables: false, no_enums: true, ..self.env(i) };
        let identity = self.m.identities[i].clone();
        let status = identity.fields.iter().find(|f| f.ty == Ty::Enum(0) && !f.optional).cloned();
        let names = ["active", "leave", "left", "prehire", "rest", "other"];
        let mut states: Vec<(String, Option<String>, String, bool)> = Vec::new();
        let n = self.rng.range(2, 4) as usize;
        for (s, name) in names.iter().enumerate().take(n) {
            let last = s + 1 == n;
            let condition = match (&status, last) {
                (_, true) => None,
                (Some(f), false) if self.rng.chance(60) => {
                    let variants = self.m.variants(&f.ty);
                    // Not all of them, since then nobody would be in the last state.
                    let v = variants[s % (variants.len() - 1)].clone();
                    let base = format!("{} == {v}", f.name);
                    let base = Ex::new(base, bind::COMPARE);
                    Some(if self.rng.chance(30) {
                        let c = self.cond(&env, 1);
                        Ex::joined(self.rng.word(&["and", "or"]), &[base, c])
                    } else {
                        base
                    })
                }
                _ => Some(self.cond(&env, 1)),
            };
            // Who is in a later state is in none of those before.
            env = env.knowing(&condition.as_ref().map(|c| c.no.clone()).unwrap_or_default());
            let condition = condition.map(|c| c.text);
            let leaver = !last && self.rng.chance(35);
            let verbs = self.verbs(leaver);
            states.push(((*name).to_owned(), condition, verbs, leaver));
        }
        let identity = &mut self.m.identities[i];
        identity.states = states.iter().map(|s| s.0.clone()).collect();
        identity.leaver_states = states.iter().filter(|s| s.3).map(|s| s.0.clone()).collect();
        let mut out = format!("lifecycle {} {{\n", identity.name);
        for (name, condition, verbs, _) in states {
            let head = condition.map_or("otherwise".to_owned(), |c| format!("when {c}"));
            out += &format!("    state {name} {head}{verbs}\n");
        }
        out + "}"
    }

    fn verbs(&mut self, leaver: bool) -> String {
        let mut verbs = Vec::new();
        if leaver {
            verbs.push("leaver".to_owned());
        }
        if self.rng.chance(30) {
            verbs.push("kill sessions".into());
        }
        let app = |g: &mut Gen| g.rng.pick(&g.m.apps.clone()).name.clone();
        let after = |g: &mut Gen| Val::Duration(g.rng.range(0, 12), "day").literal();
        if self.rng.chance(35) {
            verbs.push("disable accounts".into());
            if self.rng.chance(30) {
                verbs.push(format!("disable accounts in {} after {}", app(self), after(self)));
            }
        }
        if self.rng.chance(35) {
            verbs.push(format!("delete accounts after {}", after(self)));
            if self.rng.chance(30) {
                verbs.push(format!("delete accounts in {} after {}", app(self), after(self)));
            }
        }
        if !leaver {
            match self.rng.below(8) {
                0 | 1 => verbs.push("keep entitlements".into()),
                2 => verbs.push("drop entitlements".into()),
                3 => verbs.push(format!("keep entitlements in {}", app(self))),
                _ => {}
            }
        }
        if verbs.is_empty() {
            String::new()
        } else {
            format!(" {{\n        {}\n    }}", verbs.join("\n        "))
        }
    }

    fn fun(&mut self) -> String {
        let name = self.names.fresh("fn");
        let types = [Ty::Int, Ty::Str, Ty::Text, Ty::Date, Ty::Bool];
        let params: Vec<Ty> = (0..self.rng.range(1, 2)).map(|_| self.rng.pick(&types).clone()).collect();
        let result = self.rng.pick(&types).clone();
        let mut env = Env { funs: self.m.funs.len(), ..Env::default() };
        let mut shown = Vec::new();
        for p in &params {
            let local = self.names.fresh("p");
            let pool = self.pool(p);
            shown.push(format!("{local}: {}", self.m.spell(p)));
            env = env.bind(&local, p.clone(), pool);
        }
        let body = if result == Ty::Bool { self.cond(&env, 2) } else { self.value(&env, &result, 2) };
        // Text may come out of what is written as string: then the type must be said.
        let said = if self.rng.chance(50) || result == Ty::Text {
            format!(": {}", self.m.spell(&result))
        } else {
            String::new()
        };
        let text = format!("fn {name}({}){said} = {}", shown.join(", "), body.text);
        self.m.funs.push(Fun { name, params, result });
        text
    }

    fn let_item(&mut self) -> String {
        let name = self.names.fresh("let");
        let identity = self.rng.below(self.m.identities.len());
        let ty = self
            .rng
            .pick(&[Ty::Bool, Ty::Int, Ty::Str, Ty::Text, Ty::Date, Ty::set(Ty::Text), Ty::set(Ty::Str)])
            .clone();
        let env = Env { lets: self.m.lets.len(), ..self.env(identity) };
        let absent = self.path(&env, &ty, true).filter(|_| self.rng.chance(25));
        let through = absent.as_ref().map(super::expr::Path::known).unwrap_or_default();
        let (e, optional) = match absent {
            Some(p) => (p.named(), true),
            None if ty == Ty::Bool => (self.cond(&env, 2), false),
            None => (self.value(&env, &ty, 2), false),
        };
        let many = self.m.identities.len() > 1;
        let for_type =
            if many { format!(" for {}", self.m.identities[identity].name) } else { String::new() };
        let q = if optional { "?" } else { "" };
        let said = if self.rng.chance(40) || !matches!(ty, Ty::Bool | Ty::Int | Ty::Date) {
            format!(": {}{q}", self.m.spell(&ty))
        } else {
            String::new()
        };
        let timely = e.text.contains("today")
            || e.text.contains("now")
            || self.m.lets.iter().any(|l| l.timely && e.text.contains(&l.name));
        let facts = (e.yes, e.no);
        self.m.lets.push(Let {
            name: name.clone(),
            identity,
            ty,
            optional,
            pool: e.pool,
            facts,
            timely,
            through,
        });
        format!("let {name}{for_type}{said} = {}", e.text)
    }

    /// Which rules there are, before what they say.
    fn plan_rules(&mut self) {
        for _ in 0..self.rng.range(2, 7) {
            let role = self.rng.chance(60);
            let name = self.names.fresh(if role { "role" } else { "right" });
            let identity = self.rng.below(self.m.identities.len());
            let level = self.rng.weighted(&[(3, 0), (3, 1), (2, 2)]);
            let requestable = role && self.rng.chance(30);
            self.m.rules.push(Rule {
                name,
                identity,
                role,
                level,
                included: false,
                requestable,
                apart: false,
            });
        }
    }

    fn app_text(&mut self, a: usize) -> String {
        let app = self.m.apps[a].clone();
        let mode = if app.mode.is_empty() { String::new() } else { format!(" {}", app.mode) };
        let mut out = format!("app {} via {}{mode} {{\n", app.name, app.via);
        if app.accounts {
            out += &self.accounts(a);
        }
        match self.rng.below(6) {
            0 => {}
            1 | 2 => {
                let kind = self.rng.pick(&app.kinds).clone();
                if self.rng.chance(50) {
                    out += &format!("    managed {} all\n", kind.name);
                } else {
                    let hint = kind.pool.first().map_or("a".to_owned(), |p| p.0.cell());
                    let chars: Vec<char> = hint.chars().collect();
                    let glob = self.glob(&chars);
                    out += &format!("    managed {} matches {}\n", kind.name, quoted(&glob));
                }
            }
            _ => out += "    managed all\n",
        }
        for k in &app.kinds {
            let types: Vec<String> = k.types.iter().map(|t| self.m.spell(t)).collect();
            let severity = if self.rng.chance(15) {
                format!("@severity({}) ", self.rng.word(&["low", "medium", "high", "critical"]))
            } else {
                String::new()
            };
            let types = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
            let flags =
                [(k.catalog, " catalog"), (k.highest, " highest wins"), (k.irrevocable, " irrevocable")];
            let flags: String = flags.iter().filter(|f| f.0).map(|f| f.1).collect();
            out += &format!("    {severity}entitlement {}{types}{flags}\n", k.name);
        }
        out + "}"
    }

    fn accounts(&mut self, a: usize) -> String {
        let from = self.m.apps[a].from;
        // Who can have none in the app that comes first can have none here.
        let open =
            from.map_or_else(|| (0..self.m.identities.len()).collect(), |f| self.m.apps[f].types.clone());
        let mut types: Vec<usize> = open.iter().copied().filter(|_| self.rng.chance(75)).collect();
        if types.is_empty() {
            types.push(open[0]);
        }
        self.m.apps[a].types = types.clone();
        let n = self.rng.range(1, 3) as usize;
        let names: Vec<(String, Ty)> = (0..n)
            .map(|i| {
                let ty = if i == 0 {
                    Ty::Str
                } else {
                    self.rng.pick(&[Ty::Str, Ty::Text, Ty::Int, Ty::Date, Ty::Bool]).clone()
                };
                (self.names.fresh("acc"), ty)
            })
            .collect();
        let unique = self.rng.chance(28);
        let clouded = from.is_some_and(|f| self.m.apps[f].unique);
        self.m.apps[a].unique = unique || clouded;
        let keys: Vec<String> = match self.rng.below(8) {
            0 => vec!["badge".into()],
            1 => vec![names[n - 1].0.clone(), "badge".into()],
            2 => vec![names[0].0.clone()],
            _ => vec![],
        };
        let mut out = String::new();
        for t in types {
            let mut env =
                Env { from: from.filter(|f| !self.m.apps[*f].attributes.is_empty()), ..self.env(t) };
            let for_type = if self.m.identities.len() > 1 {
                format!(" for {}", self.m.identities[t].name)
            } else {
                String::new()
            };
            // What depends on a name that is given once can't decide who gets one.
            let clear = |env: &Env| Env { from: env.from.filter(|_| !clouded), own: vec![], ..env.clone() };
            let when = if self.rng.chance(60) {
                let (c, known) = self.knowing(&clear(&env), 2);
                env.facts = known.facts;
                format!(" when {c}")
            } else {
                String::new()
            };
            let from = from.map_or(String::new(), |f| format!(" from {}", self.m.apps[f].name));
            out += &format!("    account{for_type}{when}{from} {{\n");
            let found: Vec<String> =
                keys.iter().map(|k| format!("{k} = {}", self.found_by(&clear(&env), t))).collect();
            if !found.is_empty() {
                out += &format!("        correlate {}\n", found.join(", "));
            }
            let once = unique && self.rng.chance(85);
            for (i, (name, ty)) in names.iter().enumerate() {
                let e = if i == 0 && once {
                    self.unique_name(&clear(&env))
                } else if i == 0 {
                    self.account_name(&env, t)
                } else {
                    self.value(&env, ty, 1).text
                };
                out += &format!("        {name} = {e}\n");
                env.own.push((name.clone(), ty.clone()));
            }
            if self.rng.chance(35) {
                let c = self.cond(&Env { own: vec![], ..env.clone() }, 1);
                out += &format!("        enabled = {}\n", c.text);
            }
            out += "    }\n";
        }
        // Text may come out where string is said, so that only what is surely a type may be read by others.
        self.m.apps[a].attributes = vec![names[0].clone()];
        out
    }

    /// `unique(base, max: n)`, of a base that several have.
    fn unique_name(&mut self, env: &Env) -> String {
        let ty = self.rng.pick(&[Ty::Str, Ty::Text]).clone();
        let base = self.value(&env.any_way(), &ty, 1).text;
        let max = self.rng.word(&["", ", max: 4", ", max: 9", ", max: 20"]);
        let rename = self.rng.word(&["", " rename on change"]);
        format!("unique({base}{max}){rename}")
    }

    /// What an account is found by.
    fn found_by(&mut self, env: &Env, t: usize) -> String {
        let key = self.m.identities[t].fields[self.m.identities[t].key].clone();
        match self.rng.below(3) {
            0 => self.value(&env.any_way(), &Ty::Text, 1).text,
            1 => self.value(&env.any_way(), &Ty::Str, 1).text,
            _ => key.name,
        }
    }

    /// `writeback SOURCE { attribute = app.name }`.
    fn writeback(&mut self) -> Option<String> {
        let i = self.rng.below(self.m.identities.len());
        let identity = self.m.identities[i].clone();
        let apps: Vec<App> = self
            .m
            .apps
            .iter()
            .filter(|a| a.types.contains(&i) && !a.attributes.is_empty())
            .cloned()
            .collect();
        let mut open: Vec<&Field> = Vec::new();
        for (at, f) in identity.fields.iter().enumerate() {
            if at != identity.key && f.ty.is_textual() {
                open.push(f);
            }
        }
        if apps.is_empty() || open.is_empty() {
            return None;
        }
        let (app, field) = (self.rng.pick(&apps).clone(), self.rng.pick(&open).name.clone());
        Some(format!(
            "writeback {} {{\n    {field} = {}.{}\n}}",
            identity.source, app.name, app.attributes[0].0
        ))
    }

    fn account_name(&mut self, env: &Env, t: usize) -> String {
        let key = self.m.identities[t].fields[self.m.identities[t].key].clone();
        let e = if key.ty == Ty::Str { key.name } else { format!("string({})", key.name) };
        match self.rng.below(8) {
            0 => format!("lower({e})"),
            1 => format!("\"{{{e}}}@acme.example\""),
            2 => {
                // Names that several may have.
                self.value(&env.any_way(), &Ty::Str, 1).text
            }
            3 => match env.from {
                Some(f) => format!("{}.{}", self.m.apps[f].name, self.m.apps[f].attributes[0].0),
                None => e,
            },
            _ => e,
        }
    }

    /// A condition, and what is known where it holds.
    pub(crate) fn knowing(&mut self, env: &Env, depth: u32) -> (String, Env) {
        let absent: Vec<_> = self.paths(env).into_iter().filter(|p| p.optional && p.can_be_known()).collect();
        if !absent.is_empty() && self.rng.chance(35) {
            let p = self.rng.pick(&absent).clone();
            let rest = self.cond(&env.know(&p), depth - 1);
            let c = Ex::joined("and", &[Ex::asked(&p, true), rest]);
            return (c.text, env.knowing(&c.yes));
        }
        let c = self.cond(env, depth);
        (c.text, env.knowing(&c.yes))
    }

    fn rule_text(&mut self, r: usize) -> String {
        let rule = self.m.rules[r].clone();
        let env = Env { has: Some(rule.level), ..self.env(rule.identity) };
        let mut head = String::new();
        if self.rng.chance(15) {
            head += &format!("@severity({}) ", self.rng.word(&["low", "medium", "high", "critical"]));
        }
        head += &format!(
            "{} {}{}",
            if rule.role { "role" } else { "birthright" },
            rule.name,
            self.for_type(rule.identity)
        );
        let mut inside = env.clone();
        let grows = Env { grows: true, ..env.clone() };
        let own = !rule.role || self.rng.chance(if rule.requestable { 40 } else { 85 });
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
        if !rule.apart && self.rng.chance(35) {
            let later: Vec<usize> = (r + 1..self.m.rules.len())
                .filter(|&o| {
                    let other = &self.m.rules[o];
                    other.role && other.identity == rule.identity && other.level >= rule.level && !other.apart
                })
                .collect();
            if !later.is_empty() {
                let o = *self.rng.pick(&later);
                self.m.rules[o].included = true;
                body += &format!("    includes {}\n", self.m.rules[o].name);
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
            let body = self.member(rule, &inner, indent + 1);
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
        let given: Vec<String> = (0..n).filter_map(|_| self.given(rule.level, &env)).collect();
        if given.is_empty() {
            return String::new();
        }
        let bounds = self.bounds(&env);
        format!("{pad}grant {}{when}{bounds}\n", given.join(", "))
    }

    /// `app.kind(value)` for a grant of a level.
    fn given(&mut self, level: u8, env: &Env) -> Option<String> {
        let open: Vec<(App, Kind)> = self
            .m
            .apps
            .iter()
            .flat_map(|a| a.kinds.iter().map(move |k| (a.clone(), k.clone())))
            .filter(|(_, k)| k.top() >= level)
            .collect();
        if open.is_empty() {
            return None;
        }
        let (app, kind) = self.rng.pick(&open).clone();
        let name = format!("{}.{}", app.name, kind.name);
        let Some(first) = kind.types.first() else { return Some(name) };
        let constants: Vec<Val> = kind.pool.iter().filter(|p| p.1 >= level).map(|p| p.0.clone()).collect();
        // A computed value may be any, those of a lower level too.
        if kind.lowest() < level || self.rng.chance(55) {
            let v = self.rng.pick(&constants).clone();
            return Some(format!("{name}({})", self.constant_of_kind(&kind, &v)));
        }
        if self.rng.chance(25)
            && let Some(p) = self.path(env, &Ty::set(first.clone()), false)
        {
            let rest: String = kind.types[1..]
                .to_vec()
                .iter()
                .map(|t| format!(", {}", self.constant(t, &[]).text))
                .collect();
            return Some(format!("{name}(each {}{rest})", p.text));
        }
        let values: Vec<String> = kind
            .types
            .iter()
            .map(|t| {
                let e = self.value(env, t, 2);
                // A constant must be in the catalog; a sum of such is not looked at.
                if kind.catalog && e.text.starts_with('"') && !e.text.contains('{') {
                    "\"\" + ".to_owned() + &e.at(bind::ATOM)
                } else {
                    e.text
                }
            })
            .collect();
        Some(format!("{name}({})", values.join(", ")))
    }

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

    fn forbid(&mut self) -> String {
        let (mut pattern, mut level) = self.pattern_of();
        let roles: Vec<Rule> = self.m.rules.iter().filter(|r| r.role).cloned().collect();
        let mut identity = self.rng.below(self.m.identities.len());
        if !roles.is_empty() && self.rng.chance(25) {
            let role = self.rng.pick(&roles).clone();
            (pattern, level, identity) = (role.name, role.level, role.identity);
        }
        self.m.named.push(format!("forbid {pattern}"));
        if self.rng.chance(20) {
            let (other, l) = self.pattern_of();
            self.m.named.push(format!("forbid {other}"));
            pattern += &format!(", {other}");
            level = level.min(l);
        }
        let mut out = format!("forbid {pattern}");
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
    fn separate(&mut self) -> Option<String> {
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
        Some(out)
    }

    /// `separate R from S` of two roles of one level.
    fn separate_roles(&mut self) -> Option<String> {
        let roles: Vec<(usize, Rule)> =
            self.m.rules.iter().cloned().enumerate().filter(|(_, r)| r.role).collect();
        if roles.is_empty() {
            return None;
        }
        let (i, a) = self.rng.pick(&roles).clone();
        let others: Vec<usize> = roles
            .iter()
            .filter(|(j, b)| *j != i && (b.identity, b.level) == (a.identity, a.level))
            .map(|(j, _)| *j)
            .collect();
        if others.is_empty() {
            return None;
        }
        let j = *self.rng.pick(&others);
        (self.m.rules[i].apart, self.m.rules[j].apart, self.m.separates) = (true, true, true);
        let name = format!("separate {} from {}", a.name, self.m.rules[j].name);
        self.m.named.push(name.clone());
        let resolve = self.rng.word(&["", "", " resolve withhold first", " resolve report"]);
        Some(format!("{name}{resolve} because \"SOX-7\""))
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

    fn guard(&mut self) -> (String, String) {
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
}
