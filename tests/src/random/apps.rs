//! Random apps: their accounts, a second one among them, what is managed, kinds, and what is written back.
//! Invariant: what depends on a name that is given once decides nobody's account.

use super::expr::Env;
use super::model::{App, Field};
use super::schema::Gen;
use super::value::{Ty, quoted};

/// What the blocks of one account have in common.
struct Block {
    /// Its name, behind a blank, where it is a second one.
    second: String,
    /// The app whose account comes first.
    from: Option<usize>,
    names: Vec<(String, Ty)>,
    /// Whether its name is given once.
    unique: bool,
    /// Whether what it comes from is.
    clouded: bool,
    /// What accounts are found by.
    keys: Vec<String>,
}

impl Gen {
    pub(crate) fn app_text(&mut self, a: usize) -> String {
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

    /// The account blocks of an app: of the main account, and of the second one where it has one.
    fn accounts(&mut self, a: usize) -> String {
        let from = self.m.apps[a].from;
        self.texts = false;
        let n = self.rng.range(1, 3) as usize;
        let names: Vec<(String, Ty)> = (0..n).map(|i| self.account_attribute(i)).collect();
        let unique = self.rng.chance(28);
        let clouded = from.is_some_and(|f| self.m.apps[f].unique);
        self.m.apps[a].unique = unique || clouded;
        let block = Block { second: String::new(), from, keys: self.keys_of(&names), names, unique, clouded };
        let mut types = self.types_of(from);
        if types.is_empty() {
            let open = from.map_or(0, |f| self.m.apps[f].types[0]);
            types.push(open);
        }
        self.m.apps[a].types = types.clone();
        let mut out: String = types.into_iter().map(|t| self.account(&block, t)).collect();
        // Text may come out where string is said, so that only what is surely a type may be read by others.
        let (name, ty) = block.names[0].clone();
        let ty = if std::mem::take(&mut self.texts) { Ty::Text } else { ty };
        self.m.apps[a].attributes = vec![(name, ty)];
        if let Some((name, _)) = self.m.apps[a].second.clone() {
            out += &self.second(a, name, &block.names[0]);
        }
        out
    }

    /// A second account, often made of the main one's name.
    fn second(&mut self, a: usize, name: String, main: &(String, Ty)) -> String {
        let earlier: Vec<usize> = (0..a).filter(|&j| self.m.apps[j].accounts).collect();
        let from = match self.rng.below(4) {
            0 | 1 => Some(a),
            2 if !earlier.is_empty() => Some(*self.rng.pick(&earlier)),
            _ => None,
        };
        let n = self.rng.range(1, 2) as usize;
        let mut names: Vec<(String, Ty)> = (0..n).map(|i| self.account_attribute(i)).collect();
        // Of attributes of one name a unique one is nobody else's, whichever account it is of.
        if self.rng.chance(60) {
            names[0] = main.clone();
        }
        let (keys, unique) = (self.keys_of(&names), self.rng.chance(28));
        self.texts = false;
        let clouded = from.is_some_and(|f| self.m.apps[f].unique);
        let block = Block { second: format!(" {name}"), from, names, unique, clouded, keys };
        let types = self.types_of(from);
        let Some(types) = Some(types).filter(|t| !t.is_empty()) else {
            self.m.apps[a].second = None;
            return String::new();
        };
        self.m.apps[a].second = Some((name, types.clone()));
        types.into_iter().map(|t| self.account(&block, t)).collect()
    }

    fn account_attribute(&mut self, i: usize) -> (String, Ty) {
        let ty = match i {
            0 => Ty::Str,
            _ => self.rng.pick(&[Ty::Str, Ty::Text, Ty::Int, Ty::Date, Ty::Bool]).clone(),
        };
        (self.names.fresh("acc"), ty)
    }

    /// Which columns accounts are found by.
    fn keys_of(&mut self, names: &[(String, Ty)]) -> Vec<String> {
        let last = names.last().map_or(String::new(), |n| n.0.clone());
        match self.rng.below(8) {
            0 => vec!["badge".into()],
            1 => vec![last, "badge".into()],
            2 => vec![names[0].0.clone()],
            _ => vec![],
        }
    }

    /// Identity types that have an account: who can have none in the app that comes first can have none here.
    fn types_of(&mut self, from: Option<usize>) -> Vec<usize> {
        let all = || (0..self.m.identities.len()).collect();
        let open: Vec<usize> = from.map_or_else(all, |f| self.m.apps[f].types.clone());
        open.into_iter().filter(|_| self.rng.chance(75)).collect()
    }

    /// An account block for an identity type.
    fn account(&mut self, block: &Block, t: usize) -> String {
        let (from, clouded) = (block.from, block.clouded);
        let mut env = Env { from: from.filter(|f| !self.m.apps[*f].attributes.is_empty()), ..self.env(t) };
        let many = self.m.identities.len() > 1;
        let for_type = if many { format!(" for {}", self.m.identities[t].name) } else { String::new() };
        // What depends on a name that is given once can't decide who gets one.
        let clear = |env: &Env| Env { from: env.from.filter(|_| !clouded), own: vec![], ..env.clone() };
        let when = if self.rng.chance(60) {
            let (c, known) = self.knowing(&clear(&env), 2);
            env.facts = known.facts;
            format!(" when {c}")
        } else {
            String::new()
        };
        let comes = from.map_or(String::new(), |f| format!(" from {}", self.m.apps[f].name));
        let mut out = format!("    account{}{for_type}{when}{comes} {{\n", block.second);
        let found: Vec<String> =
            block.keys.iter().map(|k| format!("{k} = {}", self.found_by(&clear(&env), t))).collect();
        if self.m.draws.names && !found.is_empty() {
            out += &format!("        correlate {}\n", found.join(", "));
        }
        let once = block.unique && self.rng.chance(85) && self.m.draws.names;
        for (i, (name, ty)) in block.names.iter().enumerate() {
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
        out + "    }\n"
    }

    /// `unique(base, max: n)`, of a base that several have.
    fn unique_name(&mut self, env: &Env) -> String {
        let ty = self.rng.pick(&[Ty::Str, Ty::Text]).clone();
        self.texts |= ty == Ty::Text;
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
    pub(crate) fn writeback(&mut self) -> Option<String> {
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
}
