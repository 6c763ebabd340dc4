//! Draws what a policy declares: enums, records, identity types, tables, apps with their kinds.
//! Invariant: values that the data will hold are drawn here, so that rules can name them.

use super::model::{App, Field, Identity, Kind, Mapping, Model, Record, Table};
use super::rng::Rng;
use super::value::{Ty, Val, WORDS, days};
use std::collections::BTreeMap;

/// Gives names. With another style the same draws give other names, in another order of the alphabet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    style: u64,
    count: u64,
    /// What each name would be in style 0.
    pub(crate) plain: BTreeMap<String, String>,
}

impl Names {
    pub(crate) fn new(style: u64) -> Names {
        Names { style, ..Names::default() }
    }

    /// A name that nothing else has.
    pub(crate) fn fresh(&mut self, stem: &str) -> String {
        self.count += 1;
        let plain = format!("{stem}{}", self.count);
        let name = if self.style == 0 {
            plain.clone()
        } else {
            let mixed = Rng::new(self.style, self.count).next();
            let letter = (b'a' + (mixed % 26) as u8) as char;
            format!("{letter}q{}_{}", mixed / 26 % 100, self.count)
        };
        self.plain.insert(name.clone(), plain);
        name
    }
}

/// What policies and data are drawn with.
pub(crate) struct Gen {
    pub(crate) rng: Rng,
    pub(crate) m: Model,
    pub(crate) names: Names,
    /// Ids of identities, as the rows have them.
    pub(crate) ids: Vec<String>,
    /// Whether the name of the account at hand is text.
    pub(crate) texts: bool,
    /// Whether tables are asked only for what may stand in them.
    pub(crate) finds: bool,
    /// Functions of the standard library that the item being written uses.
    pub(crate) uses: std::collections::BTreeSet<&'static str>,
}

const DAYS: &[(i64, i64, i64)] = &[
    (2026, 3, 2),
    (2024, 2, 29),
    (2026, 1, 31),
    (2026, 3, 29),
    (2025, 10, 26),
    (2026, 12, 31),
    (2027, 1, 1),
    (2026, 8, 30),
];

impl Gen {
    pub(crate) fn new(seed: u64, style: u64, draws: super::Draws) -> Gen {
        let mut rng = Rng::new(seed, 1);
        let (y, m, d) = *rng.pick(DAYS);
        let zone = rng.word(&["", "", "Europe/Paris", "America/New_York", "Australia/Melbourne", "UTC"]);
        let m = Model { today: days(y, m, d), zone, draws, ..Model::default() };
        Gen {
            rng,
            m,
            names: Names::new(style),
            ids: vec![],
            finds: true,
            texts: false,
            uses: std::collections::BTreeSet::new(),
        }
    }

    /// Draws the schema.
    pub(crate) fn declare(&mut self) {
        for _ in 0..self.rng.range(1, 3) {
            let all = [
                ["active", "leave", "gone", "retired"],
                ["employee", "contractor", "intern", "other"],
                ["low", "mid", "high", "top"],
                ["red", "green", "blue", "black"],
            ];
            let set = all[self.m.enums.len() % 4];
            let n = self.rng.range(2, 4) as usize;
            self.m.enums.push(set[..n].iter().map(|s| (*s).to_owned()).collect());
        }
        for _ in 0..self.rng.weighted(&[(2, 0), (4, 1), (1, 2)]) {
            let name = self.names.fresh("rec");
            let n = self.rng.range(2, 4);
            let fields = (0..n).map(|_| self.field(false, None)).collect();
            self.m.records.push(Record { name, fields });
        }
        let count = self.rng.weighted(&[(6, 1), (3, 2), (1, 3)]);
        let names: Vec<String> = (0..count).map(|_| self.names.fresh("id")).collect();
        for name in names {
            let identity = self.identity(name);
            self.m.identities.push(identity);
        }
        self.references(count);
        for i in 0..count {
            self.invite(i);
        }
        for i in 0..count {
            self.more_sources(i);
        }
        for _ in 0..self.rng.weighted(&[(2, 0), (3, 1), (1, 2)]) {
            let table = self.table();
            self.m.tables.push(table);
        }
        for _ in 0..self.rng.weighted(&[(3, 1), (4, 2), (3, 3), (1, 4)]) {
            let app = self.app();
            self.m.apps.push(app);
        }
        // What stands in a higher level of an app can't be asked for by accounts it follows from.
        for i in 0..self.m.apps.len() {
            if self.m.apps[i].accounts && self.m.draws.seconds && self.rng.chance(22) {
                self.m.apps[i].second = Some((self.names.fresh("adm"), vec![]));
            }
            let earlier: Vec<usize> = (0..i).filter(|&j| self.m.apps[j].accounts).collect();
            if self.m.apps[i].accounts && !earlier.is_empty() && self.rng.chance(50) {
                self.m.apps[i].from = Some(*self.rng.pick(&earlier));
            }
        }
    }

    pub(crate) fn words(&mut self, n: usize) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        while out.len() < n {
            let word = if self.rng.chance(75) {
                WORDS[self.rng.below(10)].to_owned()
            } else {
                (*self.rng.pick(WORDS)).to_owned()
            };
            if !out.contains(&word) {
                out.push(word);
            }
        }
        out
    }

    fn near_today(&mut self) -> i64 {
        let today = self.m.today;
        match self.rng.below(9) {
            0 => today,
            1 => today - 1,
            2 => today + 1,
            3 => today + self.rng.range(-10, 10),
            4 => today + *self.rng.pick(&[-7, 7, 14, -14, 30, -30]),
            5 => today - 365 * self.rng.range(1, 4),
            6 => days(2024, 2, 29),
            7 => days(2026, self.rng.range(1, 12), 1) - 1,
            _ => today + self.rng.range(-400, 200),
        }
    }

    /// Values that the data will hold for a type.
    pub(crate) fn pool(&mut self, ty: &Ty) -> Vec<Val> {
        let n = self.rng.range(2, 4) as usize;
        match ty {
            Ty::Bool => vec![Val::Bool(true), Val::Bool(false)],
            Ty::Int => (0..n)
                .map(|_| match self.rng.below(20) {
                    0 => Val::Int(i64::MAX),
                    1 => Val::Int(-3),
                    _ => Val::Int(self.rng.range(0, 9)),
                })
                .collect(),
            Ty::Decimal => {
                let unit = *self.rng.pick(&[2500, 10_000, 1]);
                (0..n).map(|_| Val::Decimal(self.rng.range(-2, 30) * unit)).collect()
            }
            Ty::Str | Ty::Text => self.words(n).into_iter().map(Val::Str).collect(),
            Ty::Date => (0..n).map(|_| Val::Date(self.near_today())).collect(),
            Ty::Instant => (0..n)
                .map(|_| {
                    let d = self.near_today();
                    Val::At(d, self.rng.range(0, 23) as u8, *self.rng.pick(&[0, 30]))
                })
                .collect(),
            Ty::Duration => (0..n)
                .map(|_| {
                    Val::Duration(self.rng.range(0, 14), self.rng.word(&["day", "week", "month", "year"]))
                })
                .collect(),
            Ty::Elapsed => (0..n)
                .map(|_| Val::Elapsed(self.rng.range(0, 30), self.rng.word(&["hour", "minute"])))
                .collect(),
            Ty::Enum(_) | Ty::State(_) => self.m.variants(ty).into_iter().map(Val::Variant).collect(),
            Ty::Set(t) => self.pool(t),
            Ty::List(_) | Ty::Record(_) | Ty::Ref(_) | Ty::People(_) => vec![],
        }
    }

    fn plain_type(&mut self) -> Ty {
        match self.rng.below(16) {
            0 | 1 => Ty::Bool,
            2 | 3 => Ty::Int,
            4 => Ty::Decimal,
            5 | 6 => Ty::Str,
            7..=9 => Ty::Text,
            10 | 11 => Ty::Date,
            12 => Ty::Instant,
            13 => self.rng.pick(&[Ty::Duration, Ty::Elapsed]).clone(),
            _ => Ty::Enum(self.rng.below(self.m.enums.len())),
        }
    }

    /// A field of a record or table, or an attribute, which may be a set or list too.
    fn field(&mut self, of_identity: bool, name: Option<String>) -> Field {
        let mut ty = self.plain_type();
        if of_identity {
            match self.rng.below(10) {
                0 | 1 => ty = Ty::set(self.rng.pick(&[Ty::Str, Ty::Text, Ty::Text, Ty::Int]).clone()),
                2 if !self.m.records.is_empty() => ty = Ty::List(self.rng.below(self.m.records.len())),
                3 if !self.m.records.is_empty() && self.rng.chance(40) => {
                    ty = Ty::Record(self.rng.below(self.m.records.len()));
                }
                _ => {}
            }
        }
        let stem = match &ty {
            Ty::Bool => "flag",
            Ty::Int => "level",
            Ty::Decimal => "share",
            Ty::Str => "code",
            Ty::Text => "dept",
            Ty::Date => "day",
            Ty::Instant => "moment",
            Ty::Duration | Ty::Elapsed => "term",
            Ty::Enum(_) | Ty::State(_) => "kind",
            Ty::Set(_) => "skills",
            Ty::List(_) => "jobs",
            Ty::Record(_) => "home",
            Ty::Ref(_) | Ty::People(_) => "boss",
        };
        let name = name.unwrap_or_else(|| self.names.fresh(stem));
        let optional = self.rng.chance(if matches!(ty, Ty::Set(_) | Ty::List(_)) { 10 } else { 35 });
        let pool = self.pool(&ty);
        Field { name, ..Field::new(ty, optional, pool) }
    }

    fn identity(&mut self, name: String) -> Identity {
        let mut fields = Vec::new();
        let key_ty = self.rng.weighted(&[(6, 0), (1, 1), (1, 2)]);
        let key_ty = [Ty::Str, Ty::Int, Ty::Text][key_ty].clone();
        let key = self.names.fresh("key");
        let pool = (0..3).map(|_| self.rng.range(0, 8)).map(|k| key_of(&key_ty, k)).collect();
        fields.push(Field { name: key, ..Field::new(key_ty, false, pool) });
        // An attribute that the lifecycle is made of.
        let status = self.names.fresh("status");
        let pool = self.pool(&Ty::Enum(0));
        fields.push(Field { name: status, ..Field::new(Ty::Enum(0), false, pool) });
        for _ in 0..self.rng.range(3, 7) {
            // Identity types may share the names of attributes.
            let at = self.rng.below(4);
            let shared = self.m.identities.first().map(|i| i.fields[at].name.clone());
            let name = shared
                .filter(|n| self.rng.chance(30) && n != "start" && !fields.iter().any(|f| f.name == *n));
            let field = self.field(true, name);
            fields.push(field);
        }
        let zone = self.rng.chance(20).then(|| self.names.fresh("zone"));
        if let Some(name) = zone.clone() {
            let mut pool = ["Europe/Paris", "Asia/Tokyo", "America/New_York"].map(str::to_owned).to_vec();
            if self.rng.chance(15) {
                pool.push("Mars/Base".into());
            }
            let pool = pool.into_iter().map(Val::Str).collect();
            let ty = Ty::Str;
            fields.push(Field { name, ..Field::new(ty, false, pool) });
        }
        if self.rng.chance(15) {
            let pool = self.pool(&Ty::Date);
            let (name, ty) = ("start".to_owned(), Ty::Date);
            fields.push(Field { name, ..Field::new(ty, true, pool) });
        }
        let place = self.rng.below(fields.len());
        fields.swap(0, place);
        let source = self.names.fresh("src");
        for f in &mut fields {
            f.mapping = self.mapping(f);
        }
        Identity {
            name,
            fields,
            key: place,
            source,
            effective: None,
            others: vec![],
            zone,
            inverses: vec![],
            states: vec![],
            leaver_states: vec![],
            mail: None,
        }
    }

    fn references(&mut self, count: usize) {
        for i in 0..count {
            for _ in 0..self.rng.weighted(&[(2, 0), (4, 1), (1, 2)]) {
                let to = if self.rng.chance(70) { i } else { self.rng.below(count) };
                let name = self.names.fresh("boss");
                let field = Field { name, ..Field::new(Ty::Ref(to), true, vec![]) };
                self.m.identities[i].fields.push(field);
                if self.rng.chance(70) {
                    let at = self.m.identities[i].fields.len() - 1;
                    let inverse = self.names.fresh("reports");
                    self.m.identities[to].inverses.push((inverse, i, at));
                }
            }
        }
    }

    pub(crate) fn mapping(&mut self, f: &Field) -> Mapping {
        if self.rng.chance(55) {
            return Mapping::None;
        }
        let column = format!("{} {}", self.rng.word(&["Col", "HR", "in"]), self.names.fresh("c"));
        match &f.ty {
            Ty::Enum(_) => {
                let variants = self.m.variants(&f.ty);
                let labels = variants
                    .iter()
                    .enumerate()
                    .map(|(i, v)| (format!("{} {i}", v.to_uppercase()), v.clone()));
                Mapping::Labels(column, labels.collect())
            }
            Ty::Date if self.rng.chance(60) => Mapping::Pattern(column),
            Ty::Int => Mapping::Call(column, self.rng.word(&["int({})", "int(trim({}))", "int({}) + 0"])),
            Ty::Decimal => Mapping::Call(column, "decimal({})"),
            Ty::Bool => Mapping::Call(column, "bool({})"),
            Ty::Str | Ty::Text => Mapping::Call(
                column,
                self.rng.word(&[
                    "trim({})",
                    "\"{{}}\"",
                    "{}[..40]",
                    "if {} is present then {} else \"\"",
                    "before({}, \"#\")",
                ]),
            ),
            _ => Mapping::Column(column),
        }
    }

    fn table(&mut self) -> Table {
        let name = self.names.fresh("tab");
        // Keyed like some attribute, so that look-ups find something.
        let attributes: Vec<Field> = self
            .m
            .identities
            .iter()
            .flat_map(|i| &i.fields)
            .filter(|f| matches!(f.ty, Ty::Text | Ty::Str | Ty::Enum(_) | Ty::Int) && !f.pool.is_empty())
            .cloned()
            .collect();
        let (ty, pool) = if attributes.is_empty() {
            let ty = Ty::Text;
            let pool = self.pool(&ty);
            (ty, pool)
        } else {
            let f = self.rng.pick(&attributes).clone();
            (f.ty, f.pool)
        };
        let key = self.names.fresh("by");
        let mut fields = vec![Field { name: key, ..Field::new(ty, false, pool.clone()) }];
        for _ in 0..self.rng.range(1, 3) {
            let mut field = self.field(false, None);
            if self.rng.chance(30) {
                field.ty = Ty::set(Ty::Text);
                field.pool = self.pool(&Ty::Text);
                field.optional = false;
            }
            fields.push(field);
        }
        let mut keys: Vec<Val> = Vec::new();
        for v in pool {
            if self.rng.chance(75) && !keys.contains(&v) {
                keys.push(v);
            }
        }
        let mut rows = Vec::new();
        for key in keys {
            let rest: Vec<Option<Val>> = fields[1..].to_vec().iter().map(|f| self.some_value(f)).collect();
            rows.push(std::iter::once(Some(key)).chain(rest).collect());
        }
        Table { name, fields, rows }
    }

    /// A value that an attribute may have.
    pub(crate) fn some_value(&mut self, f: &Field) -> Option<Val> {
        if f.optional && self.rng.chance(28) {
            return None;
        }
        Some(match &f.ty {
            Ty::Set(_) => {
                let n = self.rng.below(4);
                let mut out = Vec::new();
                for _ in 0..n {
                    let v = self.rng.pick(&f.pool).clone();
                    // What stands between `;` can't hold one.
                    if !out.contains(&v) {
                        out.push(v);
                    }
                }
                Val::Set(out)
            }
            Ty::List(r) | Ty::Record(r) => {
                let n = if f.ty == Ty::Record(*r) { 1 } else { self.rng.below(4) };
                let fields = self.m.records[*r].fields.clone();
                let mut list = Vec::new();
                for _ in 0..n {
                    list.push(fields.iter().map(|f| (f.name.clone(), self.some_value(f))).collect());
                }
                Val::List(list)
            }
            _ => self.rng.pick(&f.pool).clone(),
        })
    }

    fn app(&mut self) -> App {
        let name = self.names.fresh("app");
        let via = self.rng.word(&["scim", "ldap", "sql", "file", "exec", "http", "login", "federation"]);
        let mode = self.rng.weighted(&[(6, ""), (1, "additive"), (1, "report"), (1, "authoritative")]);
        let accounts = self.rng.chance(65);
        let n = self.rng.weighted(&[(4, 1), (4, 2), (1, 3)]);
        let kinds = (0..n).map(|_| self.kind()).collect();
        App {
            name,
            via,
            mode,
            accounts,
            types: vec![],
            unique: false,
            second: None,
            from: None,
            attributes: vec![],
            kinds,
        }
    }

    fn kind(&mut self) -> Kind {
        let name = self.names.fresh("ent");
        let mut types = match self.rng.below(20) {
            0..=8 => vec![Ty::Text],
            9..=11 => vec![Ty::Str],
            12 => vec![Ty::Int],
            13 | 14 => vec![Ty::Enum(self.rng.below(self.m.enums.len()))],
            15 => vec![],
            16 => vec![Ty::Date],
            17 => vec![Ty::Bool],
            _ => vec![Ty::Text, Ty::Enum(self.rng.below(self.m.enums.len()))],
        };
        let highest = self.rng.chance(12);
        if highest {
            types = vec![match self.rng.below(4) {
                0 => Ty::Int,
                1 => Ty::Date,
                2 => Ty::Decimal,
                _ => Ty::Enum(self.rng.below(self.m.enums.len())),
            }];
        }
        let catalog = !highest && matches!(types.as_slice(), [Ty::Text | Ty::Str]) && self.rng.chance(35);
        let values = types.first().map_or(vec![], |t| self.pool(t));
        let level = self.rng.weighted(&[(3, 0), (3, 1), (2, 2)]);
        let split = !highest && self.rng.chance(40);
        let mut pool: Vec<(Val, u8)> = Vec::new();
        for v in values {
            let same = |a: &Val| super::expr::folded(&a.cell()) == super::expr::folded(&v.cell());
            if !pool.iter().any(|p| same(&p.0)) {
                pool.push((v, if split { self.rng.range(0, 2) as u8 } else { level }));
            }
        }
        if types.is_empty() {
            pool.push((Val::Bool(true), level));
        }
        Kind { name, types, pool, catalog, highest, irrevocable: self.rng.chance(8) }
    }
}

/// A key that somebody has, mostly.
pub(crate) fn key_of(ty: &Ty, k: i64) -> Val {
    match ty {
        Ty::Int => Val::Int(100 + k * 7),
        _ => Val::Str(format!("E{k}")),
    }
}
