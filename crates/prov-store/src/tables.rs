//! Memory as rows of tables, without any file. Invariant: every section of a memory and every field of it has its place here,
//! which the compiler sees to: sections are taken apart by name.

use prov_model::{Date, Entered, Holding, Instant, Keep, KeepFor, Memory, NameMemory, Since, SourceMemory};
use std::borrow::Cow;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Text.
    Text,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// It may be empty, and a file may lack it.
    pub optional: bool,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
    /// How many of them, from the first, are its key; rows are read in its order.
    pub key: usize,
}

/// What stands in a column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// A text.
    Text(Cow<'a, str>),
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, optional: false }
}

const fn maybe(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, optional: true }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Integer, optional: false }
}

const SOURCES: Table = Table { name: "sources", columns: &[text("source"), integer("rows")], key: 1 };
const EMPTY: Table =
    Table { name: "source_empty", columns: &[text("source"), text("column"), integer("rows")], key: 2 };
const STATES: Table =
    Table { name: "states", columns: &[text("identity"), text("state"), text("since")], key: 1 };
const MISSING: Table = Table { name: "missing", columns: &[text("identity"), text("since")], key: 1 };
const NAMES: Table = Table {
    name: "names",
    columns: &[
        text("app"),
        text("attribute"),
        text("folded"),
        text("owner"),
        text("spelling"),
        maybe("base"),
        maybe("account"),
        integer("former"),
    ],
    key: 3,
};
const LINKS: Table =
    Table { name: "links", columns: &[text("app"), text("account"), text("identity")], key: 2 };
const KEEPS: Table = Table {
    name: "keeps",
    columns: &[
        text("identity"),
        integer("position"),
        text("app"),
        text("kind"),
        text("value"),
        text("rule"),
        text("for"),
        maybe("until"),
    ],
    key: 2,
};
const GRANTED: Table =
    Table { name: "granted", columns: &[text("identity"), text("app"), text("kind"), text("value")], key: 4 };
const ENTERED: Table =
    Table { name: "entered", columns: &[text("identity"), text("state"), text("since")], key: 1 };
const HELD: Table = Table {
    name: "entered_held",
    columns: &[text("identity"), text("list"), integer("position"), text("app"), text("kind"), text("value")],
    key: 3,
};
const ROLES: Table = Table {
    name: "entered_roles",
    columns: &[text("identity"), text("list"), integer("position"), integer("place"), text("role")],
    key: 4,
};
const GOOD: Table =
    Table { name: "good", columns: &[text("identity"), text("attribute"), maybe("value")], key: 2 };
const RUN: Table = Table { name: "run", columns: &[text("at")], key: 1 };

/// All tables. One that a file lacks is empty: an earlier version of Prov had no such section.
pub const TABLES: &[Table] =
    &[RUN, SOURCES, EMPTY, STATES, MISSING, NAMES, LINKS, KEEPS, GRANTED, ENTERED, HELD, ROLES, GOOD];

/// The lists of what was held: on entering a state, and what assignments alone give.
const ON_ENTRY: &str = "held";
const BY_HAND: &str = "by_hand";

fn of(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}

fn made<'a>(value: impl ToString) -> Cell<'a> {
    Cell::Text(Cow::Owned(value.to_string()))
}

fn or_null(text: Option<&String>) -> Cell<'_> {
    text.map_or(Cell::Null, |t| of(t))
}

/// Counts are far below where the sign is; whatever they are, they come back as they went.
fn count<'a>(n: u64) -> Cell<'a> {
    Cell::Integer(n as i64)
}

/// Calls `row` with every row of a memory and the table it belongs to, table after table.
///
/// # Errors
/// The first that `row` gives.
pub fn rows<E>(
    memory: &Memory,
    mut row: impl FnMut(&'static Table, &[Cell<'_>]) -> Result<(), E>,
) -> Result<(), E> {
    let Memory { version: _, sources, states, missing, names, links, at, keeps, granted, entered, good } =
        memory;
    if let Some(at) = at {
        row(&RUN, &[made(at)])?;
    }
    for (source, SourceMemory { rows, .. }) in sources {
        row(&SOURCES, &[of(source), count(*rows)])?;
    }
    for (source, SourceMemory { rows: _, empty }) in sources {
        for (column, rows) in empty {
            row(&EMPTY, &[of(source), of(column), count(*rows)])?;
        }
    }
    for (id, Since { state, since }) in states {
        row(&STATES, &[of(id), of(state), made(since)])?;
    }
    for (id, since) in missing {
        row(&MISSING, &[of(id), made(since)])?;
    }
    for (app, attribute, space) in names.spaces() {
        for (folded, NameMemory { owner, spelling, base, account, former }) in space {
            let (base, account) = (or_null(base.as_ref()), or_null(account.as_ref()));
            let name = [of(app), of(attribute), of(folded), of(owner), of(spelling), base, account];
            let [a, b, c, d, e, f, g] = name;
            row(&NAMES, &[a, b, c, d, e, f, g, Cell::Integer(i64::from(*former))])?;
        }
    }
    for (app, accounts) in links {
        for (account, id) in accounts {
            row(&LINKS, &[of(app), of(account), of(id)])?;
        }
    }
    for (id, list) in keeps {
        for (position, Keep { app, kind, value, rule, keep, until }) in list.iter().enumerate() {
            let (until, position) = (until.map_or(Cell::Null, made), Cell::Integer(position as i64));
            row(&KEEPS, &[of(id), position, of(app), of(kind), of(value), of(rule), made(keep), until])?;
        }
    }
    for (id, granted) in granted {
        for (app, kind, value) in granted.iter() {
            row(&GRANTED, &[of(id), of(app), of(kind), of(value)])?;
        }
    }
    for (id, Entered { within, .. }) in entered {
        if let Some(Since { state, since }) = within {
            row(&ENTERED, &[of(id), of(state), made(since)])?;
        }
    }
    let lists = || entered.iter().flat_map(|(id, e)| [(id, BY_HAND, &e.by_hand), (id, ON_ENTRY, &e.held)]);
    for (id, list, holdings) in lists() {
        for (position, Holding { app, kind, value, roles: _ }) in (0..).zip(holdings) {
            row(&HELD, &[of(id), of(list), Cell::Integer(position), of(app), of(kind), of(value)])?;
        }
    }
    for (id, list, holdings) in lists() {
        for (position, Holding { roles, .. }) in (0..).zip(holdings) {
            for (place, role) in (0..).zip(roles) {
                let (position, place) = (Cell::Integer(position), Cell::Integer(place));
                row(&ROLES, &[of(id), of(list), position, place, of(role)])?;
            }
        }
    }
    for (id, attributes) in good {
        for (attribute, value) in attributes {
            row(&GOOD, &[of(id), of(attribute), or_null(value.as_ref())])?;
        }
    }
    Ok(())
}

/// A row that is being read.
struct Reader<'r> {
    table: &'r Table,
    cells: std::vec::IntoIter<Cell<'static>>,
    at: usize,
}

impl Reader<'_> {
    fn wrong(&self, what: &str) -> String {
        let column = self.table.columns.get(self.at.wrapping_sub(1)).map_or("?", |c| c.name);
        format!("the column `{column}` of the table `{}` holds {what}", self.table.name)
    }

    fn next(&mut self) -> Cell<'static> {
        self.at += 1;
        self.cells.next().unwrap_or(Cell::Null)
    }

    fn maybe(&mut self) -> Result<Option<String>, String> {
        match self.next() {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text.into_owned())),
            Cell::Integer(_) => Err(self.wrong("a number")),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        self.maybe()?.ok_or_else(|| self.wrong("nothing"))
    }

    fn integer(&mut self) -> Result<i64, String> {
        match self.next() {
            Cell::Integer(n) => Ok(n),
            Cell::Null => Err(self.wrong("nothing")),
            Cell::Text(_) => Err(self.wrong("a text")),
        }
    }

    fn count(&mut self) -> Result<u64, String> {
        Ok(self.integer()? as u64)
    }

    fn parsed<T>(&mut self, text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        parse(text).ok_or_else(|| self.wrong(&format!("`{text}`")))
    }

    fn date(&mut self) -> Result<Date, String> {
        let text = self.text()?;
        self.parsed(&text, Date::parse)
    }
}

/// Adds a row of a table to a memory. Rows come in the order of the tables, and in each in that of its key.
///
/// # Errors
/// What is wrong with the row.
pub fn fill(memory: &mut Memory, table: &Table, cells: Vec<Cell<'static>>) -> Result<(), String> {
    let mut row = Reader { table, cells: cells.into_iter(), at: 0 };
    match table.name {
        "run" => {
            let text = row.text()?;
            let at = row.parsed(&text, Instant::parse)?;
            if memory.at.replace(at).is_some() {
                return Err("the table `run` has more than one row".to_owned());
            }
        }
        "sources" => {
            let source = row.text()?;
            let rows = SourceMemory { rows: row.count()?, ..SourceMemory::default() };
            memory.sources.insert(source, rows);
        }
        "source_empty" => {
            let (source, column, rows) = (row.text()?, row.text()?, row.count()?);
            let Some(known) = memory.sources.get_mut(&source) else {
                return Err(format!("the table `source_empty` names `{source}`, which `sources` lacks"));
            };
            known.empty.insert(column, rows);
        }
        "states" => {
            let id = row.text()?;
            let since = Since { state: row.text()?, since: row.date()? };
            memory.states.insert(id, since);
        }
        "missing" => {
            let id = row.text()?;
            memory.missing.insert(id, row.date()?);
        }
        "names" => {
            let (app, attribute, folded) = (row.text()?, row.text()?, row.text()?);
            let name = NameMemory {
                owner: row.text()?,
                spelling: row.text()?,
                base: row.maybe()?,
                account: row.maybe()?,
                former: row.integer()? != 0,
            };
            memory.names.put(&app, &attribute, folded, name);
        }
        "links" => {
            let (app, account, id) = (row.text()?, row.text()?, row.text()?);
            memory.links.entry(app).or_default().insert(account, id);
        }
        "keeps" => {
            let id = row.text()?;
            // Rows come in the order of their positions.
            row.integer()?;
            let (app, kind, value, rule) = (row.text()?, row.text()?, row.text()?, row.text()?);
            let keep = row.text()?;
            let keep = row.parsed(&keep, KeepFor::parse)?;
            let until = match row.maybe()? {
                Some(text) => Some(row.parsed(&text, Instant::parse)?),
                None => None,
            };
            memory.keeps.entry(id).or_default().push(Keep { app, kind, value, rule, keep, until });
        }
        "granted" => {
            let (id, app, kind, value) = (row.text()?, row.text()?, row.text()?, row.text()?);
            memory.granted.entry(id).or_default().give(&app, &kind, &value, false);
        }
        "entered" => {
            let id = row.text()?;
            let since = Since { state: row.text()?, since: row.date()? };
            memory.entered.entry(id).or_default().within = Some(since);
        }
        "entered_held" => {
            let id = row.text()?;
            let (list, _) = (row.text()?, row.integer()?);
            let (app, kind, value) = (row.text()?, row.text()?, row.text()?);
            let holding = Holding { app, kind, value, roles: Vec::new() };
            held(memory.entered.entry(id).or_default(), &list)?.push(holding);
        }
        "entered_roles" => {
            let id = row.text()?;
            let (list, position, _, role) = (row.text()?, row.integer()?, row.integer()?, row.text()?);
            let holdings = held(memory.entered.entry(id).or_default(), &list)?;
            let holding = usize::try_from(position).ok().and_then(|p| holdings.get_mut(p));
            let Some(holding) = holding else {
                return Err("the table `entered_roles` names what `entered_held` lacks".to_owned());
            };
            holding.roles.push(role);
        }
        "good" => {
            let (id, attribute) = (row.text()?, row.text()?);
            memory.good.entry(id).or_default().insert(attribute, row.maybe()?);
        }
        other => return Err(format!("there is no table `{other}`")),
    }
    Ok(())
}

fn held<'m>(entered: &'m mut Entered, list: &str) -> Result<&'m mut Vec<Holding>, String> {
    match list {
        ON_ENTRY => Ok(&mut entered.held),
        BY_HAND => Ok(&mut entered.by_hand),
        other => Err(format!("there is no list `{other}` of what was held")),
    }
}
