//! Further sources of an identity type: a second authoritative one, one that joins, one of list elements, rows with a date.
//! Invariant: which source gives an attribute follows from the text alone, so that a policy passes its check.

use super::model::{Field, Mapping, Source, SourceKind};
use super::people::Rows;
use super::schema::Gen;
use super::value::{Ty, Val, day, quoted};

impl Gen {
    /// Draws what other sources say of an identity type.
    pub(crate) fn more_sources(&mut self, i: usize) {
        if self.rng.chance(12) {
            self.m.identities[i].effective = Some("Since".into());
        }
        let main = self.m.identities[i].source.clone();
        let key = self.m.identities[i].key;
        if self.rng.chance(14) {
            let name = self.names.fresh("src");
            let mut given = Vec::new();
            for at in 0..self.m.identities[i].fields.len() {
                let f = &self.m.identities[i].fields[at];
                let alone = f.optional && !matches!(f.mapping, Mapping::None);
                if at == key || (alone && self.rng.chance(40)) {
                    continue;
                }
                let mut order = vec![main.clone(), name.clone()];
                if self.rng.chance(50) {
                    order.reverse();
                }
                self.m.identities[i].fields[at].prefer = order;
                given.push((at, false));
            }
            let source = Source { name, kind: SourceKind::Authoritative, effective: false, given };
            self.m.identities[i].others.push(source);
        }
        if self.rng.chance(25) {
            let name = self.names.fresh("join");
            let mut given = Vec::new();
            for at in 0..self.m.identities[i].fields.len() {
                let f = self.m.identities[i].fields[at].clone();
                let open = f.optional || matches!(f.ty, Ty::Set(_));
                if at == key || given.len() > 2 || !self.rng.chance(40) {
                    continue;
                }
                if open && f.prefer.is_empty() && self.rng.chance(50) {
                    let f = &mut self.m.identities[i].fields[at];
                    (f.mapping, f.elsewhere) = (Mapping::None, true);
                    given.push((at, true));
                    continue;
                }
                let mut order = if f.prefer.is_empty() { vec![main.clone()] } else { f.prefer };
                let place = self.rng.below(order.len() + 1);
                order.insert(place, name.clone());
                self.m.identities[i].fields[at].prefer = order;
                given.push((at, false));
            }
            if !given.is_empty() {
                let effective = self.rng.chance(35);
                self.m.identities[i].others.push(Source { name, kind: SourceKind::Joins, effective, given });
            }
        }
        let list = self.m.identities[i]
            .fields
            .iter()
            .position(|f| matches!(f.ty, Ty::List(_)) && f.prefer.is_empty() && !f.elsewhere);
        if let Some(at) = list.filter(|_| self.rng.chance(45)) {
            let name = self.names.fresh("parts");
            let f = &mut self.m.identities[i].fields[at];
            (f.mapping, f.elsewhere) = (Mapping::None, true);
            let source = Source { name, kind: SourceKind::Elements(at), effective: false, given: vec![] };
            self.m.identities[i].others.push(source);
        }
    }

    /// The items of further sources.
    pub(crate) fn other_sources(&mut self, i: usize, missing: &str) -> Vec<String> {
        let identity = self.m.identities[i].clone();
        let key = &identity.fields[identity.key].name;
        let mut out = Vec::new();
        for s in &identity.others {
            let effective = if s.effective { " effective from Since" } else { "" };
            let mut body = String::new();
            for (at, _) in s.given.iter().filter(|g| g.1) {
                let f = &identity.fields[*at].name;
                body += &format!("    {f} = row[{}]\n", quoted(&format!("of {f}")));
            }
            let head = match s.kind {
                SourceKind::Authoritative => format!("of {} authoritative{missing}", identity.name),
                SourceKind::Joins => format!("of {} joins {key}{effective}", identity.name),
                SourceKind::Elements(at) => {
                    format!("of {}.{} joins owner", identity.name, identity.fields[at].name)
                }
            };
            out.push(format!("source {} {head} {{\n{body}}}", s.name));
        }
        out
    }

    /// The rows of further sources; `keys`: of everyone by type, `own`: the keys that this one has.
    pub(crate) fn other_rows(
        &mut self,
        i: usize,
        keys: &[Vec<Val>],
        in_second: &[bool],
    ) -> Vec<(String, Rows)> {
        let identity = self.m.identities[i].clone();
        let key = identity.fields[identity.key].clone();
        let plain = |f: &Field| Field { mapping: Mapping::None, ..f.clone() };
        let mut out = Vec::new();
        for s in &identity.others {
            let (mut columns, mut rows) = (Vec::new(), Vec::new());
            let given: Vec<Field> = match s.kind {
                SourceKind::Elements(at) => {
                    columns.push("owner".to_owned());
                    let Ty::List(r) = identity.fields[at].ty else { continue };
                    self.m.records[r].fields.clone()
                }
                SourceKind::Authoritative | SourceKind::Joins => {
                    columns.push(key.name.clone());
                    s.given.iter().map(|(at, _)| plain(&identity.fields[*at])).collect()
                }
            };
            let named = |at: usize, f: &Field| match s.given.get(at) {
                Some((_, true)) => format!("of {}", f.name),
                _ => f.name.clone(),
            };
            columns.extend(given.iter().enumerate().map(|(at, f)| named(at, f)));
            if s.effective {
                columns.push("Since".into());
            }
            for (n, one) in keys[i].iter().enumerate() {
                let many = match s.kind {
                    SourceKind::Authoritative => usize::from(in_second[n]),
                    SourceKind::Joins if s.effective => self.rng.below(4),
                    SourceKind::Joins => self.rng.weighted(&[(25, 0), (70, 1), (5, 2)]),
                    SourceKind::Elements(_) => self.rng.below(4),
                };
                for _ in 0..many {
                    let mut cells = vec![self.cell(&plain(&key), Some(one))];
                    for f in &given {
                        let value = self.drawn(f, keys);
                        cells.push(self.cell(f, value.as_ref()));
                    }
                    if s.effective {
                        cells.push(self.since());
                    }
                    if self.rng.chance(4) {
                        let at = self.rng.below(cells.len());
                        cells[at] = self.rng.word(&["?!", ""]).to_owned();
                    }
                    rows.push(cells);
                }
            }
            if self.rng.chance(15) && !rows.is_empty() && s.kind != SourceKind::Authoritative {
                let mut stray = self.rng.pick(&rows).clone();
                stray[0] = if key.ty == Ty::Int { "9999".into() } else { "nobody".into() };
                rows.push(stray);
            }
            self.rng.shuffle(&mut rows);
            out.push((s.name.clone(), Rows { columns, rows }));
        }
        out
    }

    /// A value of an attribute, a reference among them.
    pub(crate) fn drawn(&mut self, f: &Field, keys: &[Vec<Val>]) -> Option<Val> {
        let Ty::Ref(to) = f.ty else { return self.some_value(f) };
        match self.rng.below(10) {
            0 | 1 => None,
            2 => Some(Val::Str("nobody".into())),
            _ => Some(self.rng.pick(&keys[to]).clone()),
        }
    }

    /// From when a row counts.
    pub(crate) fn since(&mut self) -> String {
        if self.rng.chance(3) {
            return "soon".into();
        }
        day(self.m.today + *self.rng.pick(&[-400, -30, -1, 0, 1, 40]))
    }
}
