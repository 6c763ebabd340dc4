//! Random federations: identity types whose identities are guests of partners.
//! Invariant: who answers for a guest is of a type that is declared before the guest's, so that no state asks for itself.

use super::expr::Env;
use super::items::{Item, mapped};
use super::model::Field;
use super::schema::Gen;
use super::value::{Ty, Val, day, quoted};

impl Gen {
    /// Makes guests of an identity type, or not: an address, and sometimes who answers for them.
    pub(crate) fn invite(&mut self, i: usize) {
        if !self.rng.chance(20) {
            return;
        }
        let home = home(i);
        let all = [
            format!("ann@{home}"),
            format!("bob@{home}"),
            format!("CID@{}.", home.to_uppercase()),
            format!("dan@eu.{home}"),
            format!("eve@a.b.{home}"),
            format!("max@hooli.example@{home}"),
            format!("not{home}"),
            "ida@BÜCHER.example".to_owned(),
            "kim@straße.example".to_owned(),
            "jan@strasse.example".to_owned(),
        ];
        let mut pool = all.to_vec();
        self.rng.shuffle(&mut pool);
        pool.truncate(3);
        // Most of them are some partner's.
        pool.extend_from_slice(&all[..2]);
        let name = self.names.fresh("mail");
        let ty = self.rng.pick(&[Ty::Str, Ty::Text]).clone();
        let pool = pool.into_iter().map(Val::Str).collect();
        let optional = self.rng.chance(25);
        let mut field = Field { name: name.clone(), ..Field::new(ty, optional, pool) };
        field.mapping = self.mapping(&field);
        self.m.identities[i].fields.push(field);
        self.m.identities[i].mail = Some(name);
        if i > 0 && self.rng.chance(75) {
            let to = self.rng.below(i);
            let name = self.names.fresh("boss");
            self.m.identities[i].fields.push(Field { name, ..Field::new(Ty::Ref(to), true, vec![]) });
            if self.rng.chance(60) {
                let at = self.m.identities[i].fields.len() - 1;
                let inverse = self.names.fresh("guests");
                self.m.identities[to].inverses.push((inverse, i, at));
            }
        }
    }

    /// The partners of a type.
    pub(crate) fn federations(&mut self, i: usize) -> Vec<Item> {
        let Some(mail) = self.m.identities[i].mail.clone() else { return vec![] };
        let home = home(i);
        let mut domains = vec![format!("*.{home}"), home];
        if i == 0 {
            domains.splice(0..0, ["straße.example".to_owned(), "xn--bcher-kva.example".to_owned()]);
        }
        (0..self.rng.weighted(&[(3, 1), (4, 2), (1, 3)]))
            .map(|_| {
                let n = self.rng.range(1, 2) as usize;
                let own = if self.rng.chance(80) {
                    domains.split_off(domains.len().saturating_sub(n))
                } else {
                    vec![]
                };
                let text = self.federation(i, &mail, own);
                self.item(text)
            })
            .collect()
    }

    fn federation(&mut self, i: usize, mail: &str, domains: Vec<String>) -> String {
        let identity = self.m.identities[i].clone();
        let name = self.names.fresh("fed");
        let mut env = Env { state: false, lets: 0, ..self.env(i) };
        let optional = identity.fields.iter().any(|f| f.name == mail && f.optional);
        let mut when: Vec<String> = vec![];
        if optional && !domains.is_empty() {
            env = env.knowing(&[mail.to_owned()].into());
            when.push(format!("{mail} is present"));
        }
        if self.rng.chance(30) {
            let c = self.cond(&env, 1);
            when.push(c.at(super::expr::bind::NOT));
            env = env.knowing(&c.yes);
        }
        let when = if when.is_empty() { String::new() } else { format!("\n    when {}", when.join(" and ")) };
        let mut body = String::new();
        if !domains.is_empty() {
            let list: Vec<String> = domains.iter().map(|d| quoted(d)).collect();
            body += &format!("    domains = [{}]\n    address = {mail}\n", list.join(", "));
        }
        if self.rng.chance(40) {
            // What lets someone in settles nothing of the rest.
            let (c, _) = self.knowing(&env, 1);
            body += &format!("    admit when {c}\n");
        }
        let plain = Env { time: false, ..env.clone() };
        if self.rng.chance(60) {
            let length = match self.rng.below(4) {
                0 => Val::Duration(self.rng.range(1, 3), "year"),
                1 => Val::Duration(self.rng.range(1, 14), "month"),
                _ => Val::Duration(self.rng.range(1, 400), "day"),
            };
            let from = self.value(&plain, &Ty::Date, 1);
            body +=
                &format!("    expires after {} from {}\n", length.literal(), from.at(super::expr::bind::SUM));
        }
        let sponsors: Vec<&Field> =
            identity.fields.iter().filter(|f| matches!(f.ty, Ty::Ref(to) if to < i)).collect();
        if !sponsors.is_empty() && self.rng.chance(75) {
            body += &format!("    sponsor = {}\n", self.rng.pick(&sponsors).name);
        }
        if self.rng.chance(30) {
            let d = if self.rng.chance(70) {
                day(self.m.today + *self.rng.pick(&[-30, -1, 0, 1, 20, 90, 400]))
            } else {
                self.value(&plain, &Ty::Date, 1).at(super::expr::bind::SUM)
            };
            body += &format!("    {} {d}\n", self.rng.word(&["until", "through"]));
        }
        if self.rng.chance(30) {
            // Every partner has a name of its own.
            body += &format!("    issuer = {}\n", quoted(&format!("https://{name}.example/login")));
            if self.rng.chance(60) {
                let given = identity.fields.iter().filter(|f| !f.optional);
                let lines: String = given
                    .map(|f| {
                        let of = mapped(f, "claims").unwrap_or_else(|| format!("claims.{}", f.name));
                        format!("        {} = {of}\n", f.name)
                    })
                    .collect();
                body += &format!("    maps {{\n{lines}    }}\n");
            }
        }
        format!("federation {name} of {}{when} {{\n{body}}}", identity.name)
    }
}

/// The domain of a type's first partner: none is of two.
fn home(i: usize) -> String {
    if i == 0 { "globex.example".to_owned() } else { format!("partner{i}.example") }
}
