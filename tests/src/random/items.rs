//! Random items, as text. Invariant: every clause of an item stands on a line of its own, so that a case is made
//! smaller by leaving out lines.

use super::expr::{Env, Ex, bind};
use super::model::{Field, Fun, Let, Mapping};
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
    pub(crate) fn item(&mut self, text: String) -> Item {
        Item { text, uses: std::mem::take(&mut self.uses) }
    }

    pub(crate) fn env(&self, identity: usize) -> Env {
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
    pub(crate) fn for_type(&mut self, identity: usize) -> String {
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
            // Who is out is in a state.
            if self.m.identities[i].mail.is_some() || self.rng.chance(80) {
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
        for i in 0..self.m.identities.len() {
            out.extend(self.federations(i));
        }
        self.m.stages = self.m.draws.stage && self.rng.chance(30);
        self.plan_rules();
        if self.rng.chance(40)
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
        let mut against: BTreeSet<String> = BTreeSet::new();
        for _ in 0..self.rng.weighted(&[(2, 0), (2, 1), (1, 2)]) {
            if self.m.draws.protect {
                against.insert(self.protect());
            }
        }
        for _ in 0..self.rng.weighted(&[(3, 0), (1, 1), (1, 2)]) {
            if self.m.draws.limit {
                against.insert(self.limit());
            }
        }
        // Of two with one name none could be told from the other.
        let mut names: BTreeSet<String> = BTreeSet::new();
        for text in against {
            let name = text.split(" at ").next().unwrap_or_default().to_owned();
            if names.insert(name) {
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
            let Some(from) = mapped(f, "row") else { continue };
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
            let guests = s == 0 && identity.mail.is_some();
            let condition = match (&status, last) {
                (_, true) => None,
                // Into which only a partner's word brings someone.
                _ if guests && self.rng.chance(45) => None,
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
            let leaver = !last && (guests || self.rng.chance(30));
            let verbs = self.verbs(leaver);
            states.push(((*name).to_owned(), condition, verbs, leaver));
        }
        let identity = &mut self.m.identities[i];
        identity.states = states.iter().map(|s| s.0.clone()).collect();
        identity.leaver_states = states.iter().filter(|s| s.3).map(|s| s.0.clone()).collect();
        let mut out = format!("lifecycle {} {{\n", identity.name);
        for (s, (name, condition, verbs, _)) in states.into_iter().enumerate() {
            let head = match condition {
                Some(c) => format!(" when {c}"),
                None if s + 1 == n => " otherwise".to_owned(),
                None => String::new(),
            };
            out += &format!("    state {name}{head}{verbs}\n");
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
            None => (self.telling_value(&env, &ty, 2), false),
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

    /// A condition, and what is known where it holds.
    pub(crate) fn knowing(&mut self, env: &Env, depth: u32) -> (String, Env) {
        let absent: Vec<_> = self.paths(env).into_iter().filter(|p| p.optional && p.can_be_known()).collect();
        if !absent.is_empty() && self.rng.chance(25) {
            // What is far away is mostly absent.
            let near: Vec<_> = absent.iter().filter(|p| !p.text.contains(['.', '['])).cloned().collect();
            let open = if !near.is_empty() && self.rng.chance(70) { near } else { absent };
            let p = self.rng.pick(&open).clone();
            let rest = self.cond(&env.know(&p), depth - 1);
            let c = Ex::joined("and", &[Ex::asked(&p, true), rest]);
            return (c.text, env.knowing(&c.yes));
        }
        let c = self.cond(env, depth);
        (c.text, env.knowing(&c.yes))
    }
}

/// What a source's row, or what a partner says, gives for an attribute; none where nothing is said of it.
pub(crate) fn mapped(f: &Field, of: &str) -> Option<String> {
    let cell = |c: &str| {
        if c.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            format!("{of}.{c}")
        } else {
            format!("{of}[{}]", quoted(c))
        }
    };
    Some(match &f.mapping {
        Mapping::None => return None,
        Mapping::Column(c) => cell(c),
        Mapping::Call(c, call) => call.replace("{}", &cell(c)),
        Mapping::Pattern(c) => format!("date({}, \"%d/%m/%Y\")", cell(c)),
        Mapping::Labels(c, labels) => {
            let arms: Vec<String> = labels.iter().map(|(l, v)| format!("{} => {v}", quoted(l))).collect();
            format!("match {} {{ {} }}", cell(c), arms.join(", "))
        }
    })
}
