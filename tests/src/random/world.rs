//! What everyone has, and what is remembered: of another day, and with drift. Invariant: it is written down in the case,
//! so that what is compared does not depend on how it was made.

use super::rng::Rng;
use super::value::{WORDS, day, respelled};
use super::{Case, Made, Rows};
use crate::world::{Account, World};
use prov::{Actual, Background, Error};

impl Case {
    /// The same case with an actual state and a memory.
    ///
    /// # Errors
    /// Where the case can't be loaded.
    pub fn with_world(mut self) -> Result<Case, Error> {
        let mut rng = Rng::new(self.seed, 3);
        if rng.chance(8) {
            return Ok(self); // nobody has anything yet
        }
        let made = Made::of(&self)?;
        let today = &self.at[..10];
        let before = shift(today, -*rng.pick(&[0, 1, 3, 30, 200]));
        let then = made.engine.policy().at(&before)?;
        // Of that day, or of the data as they were before some people moved.
        let earlier = if rng.chance(60) { self.earlier(&mut rng) } else { self.clone() };
        let (people, by_hand) = made.data_of(&earlier)?;
        let policy = made.engine.policy();
        let desired = made.engine.evaluate_with(&people, &then, &by_hand.background());
        let plan = made.engine.plan(&desired, &Actual::empty(), &made.memory);
        let mut world = World::default();
        world.apply(&plan);
        // What is remembered: of that run, or of a run after it.
        if rng.chance(75) {
            let mut memory = made.engine.memory_after(&desired, &Actual::empty(), &made.memory, &plan);
            if rng.chance(40) && before.as_str() < today {
                // A run in between sees what was lost by then.
                let between = policy.at(&shift(&before, 1))?;
                let background = Background { memory: memory.clone().into(), ..made.by_hand.background() };
                let desired = made.engine.evaluate_with(&made.people, &between, &background);
                let plan = made.engine.plan(&desired, &Actual::empty(), &memory);
                memory = made.engine.memory_after(&desired, &Actual::empty(), &memory, &plan);
            }
            for source in memory.sources.values_mut() {
                source.rows = (source.rows as i64 + rng.range(-2, 3)).max(0) as u64;
            }
            let ids: Vec<String> = desired.ids().map(str::to_owned).collect();
            if rng.chance(30) && !ids.is_empty() {
                let since = shift(today, -rng.range(0, 12));
                if let Ok(d) = policy.at(&since) {
                    memory.missing.insert("gone".into(), d.today);
                }
            }
            self.memory = memory.to_json();
        }
        drift(&mut rng, &mut world, &made);
        // Last good records of those who can't be read now: what was read of others.
        if let Ok(mut memory) = prov::Memory::from_json(&self.memory) {
            let known: Vec<_> = memory.good.values().cloned().collect();
            let there = made.desired.ids().map(str::to_owned).chain(["gone".to_owned()]);
            for id in there.collect::<Vec<_>>() {
                if !known.is_empty() && !memory.good.contains_key(&id) && rng.chance(70) {
                    memory.good.insert(id, rng.pick(&known).clone());
                }
            }
            self.memory = memory.to_json();
        }
        // What Prov granted at some other time, or another Prov.
        if rng.chance(25) && !world.held.is_empty() {
            let mut memory = prov::Memory::from_json(&self.memory).unwrap_or_default();
            for _ in 0..rng.range(1, 4) {
                let [app, id, kind, value] =
                    world.held.iter().nth(rng.below(world.held.len())).cloned().unwrap_or_default();
                let (app, value) =
                    if rng.chance(10) { ("nowhere".to_owned(), "x".to_owned()) } else { (app, value) };
                memory.granted.entry(id).or_default().give(&app, &kind, &value, false);
            }
            self.memory = memory.to_json();
        }
        let ids: Vec<String> = made.desired.ids().map(str::to_owned).collect();
        let [(_, accounts), (_, held)] = world.files();
        self.accounts = Rows::of_csv(&accounts);
        self.entitlements = Rows::of_csv(&held);
        self.untidy(&mut rng, &ids);
        Ok(self)
    }

    /// The case with data of an earlier day: some cells are those of someone else.
    fn earlier(&self, rng: &mut Rng) -> Case {
        let mut other = self.clone();
        for (_, sheet) in &mut other.sources {
            let n = sheet.rows.len();
            for _ in 0..rng.below(1 + 2 * n) {
                let (a, b) = (rng.below(n), rng.below(n));
                let at = rng.below(sheet.columns.len());
                // Keys stay where they are.
                let key = |rows: &[Vec<String>]| {
                    let all: std::collections::BTreeSet<_> = rows.iter().map(|r| r.get(at)).collect();
                    all.len() + 1 >= rows.len()
                };
                if a == b || key(&sheet.rows) || sheet.rows[a].len() <= at || sheet.rows[b].len() <= at {
                    continue;
                }
                let cell = sheet.rows[a][at].clone();
                sheet.rows[b][at] = cell;
            }
        }
        other.assignments.rows.retain(|_| rng.chance(75));
        other.exceptions.rows.retain(|_| rng.chance(50));
        other
    }

    /// Rows that no plan of Prov would have made.
    fn untidy(&mut self, rng: &mut Rng, ids: &[String]) {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let width = self.accounts.columns.len();
        if rng.chance(10) {
            let who = if ids.is_empty() || rng.chance(30) { "gone" } else { rng.pick(ids) };
            let mut cells = row(["nowhere", "a1", who, "true"]);
            cells.resize(width, String::new());
            self.accounts.rows.push(cells);
        }
        if rng.chance(8) {
            let mut cells = row(["app", "x", "", "maybe"]);
            if let Some(first) = self.accounts.rows.first() {
                cells[0] = first[0].clone();
                cells[2] = first[2].clone();
            }
            cells.resize(width, String::new());
            self.accounts.rows.push(cells);
        }
        rng.shuffle(&mut self.accounts.rows);
        rng.shuffle(&mut self.entitlements.rows);
    }
}

/// A day some days on.
pub(crate) fn shift(today: &str, by: i64) -> String {
    let part = |i: usize| today.split('-').nth(i).and_then(|p| p.parse().ok()).unwrap_or(1);
    day(super::value::days(part(0), part(1), part(2)) + by)
}

/// What happens to accounts and access outside of Prov.
fn drift(rng: &mut Rng, world: &mut World, made: &Made) {
    let schema = made.engine.policy().schema();
    let ids: Vec<String> = made.desired.ids().map(str::to_owned).collect();
    let apps: Vec<(String, bool, Vec<String>)> = schema
        .apps
        .iter()
        .map(|a| (a.name.clone(), a.account.is_some(), a.kinds.iter().map(|k| k.name.clone()).collect()))
        .collect();
    // Accounts that name nobody any more, and what they are found by.
    for def in &schema.apps {
        let Some(keys) = def.account.as_ref().map(|a| &a.correlate).filter(|k| !k.is_empty()) else {
            continue;
        };
        for (_, account) in world.accounts.iter_mut().filter(|(place, _)| place.0 == def.name) {
            for key in keys.iter().filter(|_| !ids.is_empty()) {
                let id = if rng.chance(70) { account.identity.clone() } else { rng.pick(&ids).clone() };
                let own = id.split_once(':').map_or(id.as_str(), |(_, key)| key).to_owned();
                if rng.chance(70) {
                    account.attributes.insert(key.name.clone(), own);
                }
            }
            if rng.chance(40) {
                account.identity = String::new();
            }
        }
    }
    for _ in 0..rng.below(11) {
        let (app, accounts, kinds) = rng.pick(&apps).clone();
        let who = if ids.is_empty() || rng.chance(15) { "gone".to_owned() } else { rng.pick(&ids).clone() };
        match rng.below(8) {
            0 => {
                let key = world.accounts.keys().nth(rng.below(world.accounts.len().max(1))).cloned();
                if let Some(account) = key.and_then(|k| world.accounts.get_mut(&k)) {
                    account.enabled = !account.enabled;
                }
            }
            1 => {
                let key = world.accounts.keys().nth(rng.below(world.accounts.len().max(1))).cloned();
                if let Some(value) = key
                    .and_then(|k| world.accounts.get_mut(&k))
                    .and_then(|a| a.attributes.values_mut().next())
                {
                    *value = (*rng.pick(WORDS)).to_owned();
                }
            }
            2 => {
                let key = world.accounts.keys().nth(rng.below(world.accounts.len().max(1))).cloned();
                if let Some(key) = key {
                    world.accounts.remove(&key);
                }
            }
            3 if accounts => {
                let owner = if rng.chance(40) { String::new() } else { who };
                let name = if rng.chance(30) && !ids.is_empty() {
                    rng.pick(&ids).to_lowercase()
                } else {
                    format!("old{}", rng.below(3))
                };
                let account = Account { identity: owner, enabled: rng.chance(60), ..Account::default() };
                world.accounts.entry((app, name)).or_insert(account);
            }
            4 => {
                let row = world.held.iter().nth(rng.below(world.held.len().max(1))).cloned();
                if let Some(row) = row {
                    world.held.remove(&row);
                }
            }
            5 => {
                let row = world.held.iter().nth(rng.below(world.held.len().max(1))).cloned();
                // Only of text another spelling is the same.
                let text = |row: &[String; 4]| {
                    let apps = schema.apps.iter().filter(|a| a.name == row[0]);
                    apps.flat_map(|a| &a.kinds)
                        .any(|k| k.name == row[2] && k.types == [prov_model::Type::Text])
                };
                if let Some(mut row) = row.filter(text) {
                    world.held.remove(&row);
                    row[3] = respelled(rng, &row[3]);
                    world.held.insert(row);
                }
            }
            _ => {
                let kind = rng.pick(&kinds).clone();
                // What someone else has, or a word.
                let known: Vec<String> =
                    world.held.iter().filter(|r| r[0] == app && r[2] == kind).map(|r| r[3].clone()).collect();
                let value = if known.is_empty() || rng.chance(40) {
                    (*rng.pick(WORDS)).to_owned()
                } else {
                    rng.pick(&known).clone()
                };
                world.held.insert([app, who, kind, value]);
            }
        }
    }
}
