//! The SQLite file: opened, looked at, read and written. Invariant: one transaction a read and one a write.

use crate::tables::{Cell, Column, Kind, TABLES, Table, fill, rows};
use prov_model::Memory;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ToSql, TransactionBehavior};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `Prov`, in the header of the file.
const APPLICATION: i64 = 0x5072_6F76;

/// How long to wait for another program that has the file locked.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is no memory; the reason.
    #[error("{0}")]
    Form(String),
    /// A later version wrote it.
    #[error("version {0}")]
    Version(u32),
    /// SQLite, or the disk.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The disk.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads a memory.
///
/// # Errors
/// Where the file is no memory, or one of a later version.
pub fn read(path: &Path) -> Result<Memory, StoreError> {
    // Who may only read leaves the files of the journal behind; where the file may not be written this reads all the same.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    guard(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    let transaction = connection.transaction()?;
    check(&transaction)?;
    let mut memory = Memory::default();
    for table in TABLES {
        let there = columns(&transaction, table.name)?;
        if !there.is_empty() {
            read_table(&transaction, table, &there, &mut memory)?;
        }
    }
    Ok(memory)
}

fn read_table(
    connection: &Connection,
    table: &Table,
    there: &BTreeSet<String>,
    memory: &mut Memory,
) -> Result<(), StoreError> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| if there.contains(c.name) { quoted(c.name) } else { "NULL".to_owned() })
        .collect();
    let key: Vec<String> = table.columns[..table.key].iter().map(|c| quoted(c.name)).collect();
    let select =
        format!("SELECT {} FROM {} ORDER BY {}", columns.join(", "), quoted(table.name), key.join(", "));
    let mut statement = connection.prepare(&select)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let mut cells = Vec::with_capacity(table.columns.len());
        for (i, column) in table.columns.iter().enumerate() {
            cells.push(cell(row.get_ref(i)?, table, column)?);
        }
        fill(memory, table, cells).map_err(StoreError::Form)?;
    }
    Ok(())
}

fn cell(value: ValueRef<'_>, table: &Table, column: &Column) -> Result<Cell<'static>, StoreError> {
    let wrong = |what: &str| {
        let (column, table) = (column.name, table.name);
        StoreError::Form(format!("the column `{column}` of the table `{table}` holds {what}"))
    };
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(n) => Ok(Cell::Integer(n)),
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| wrong("what is not UTF-8"))?;
            Ok(Cell::Text(text.to_owned().into()))
        }
        ValueRef::Real(_) => Err(wrong("a number with a point")),
        ValueRef::Blob(_) => Err(wrong("bytes")),
    }
}

/// Writes a memory: in place of the one that the file holds, or to a file that is not there yet.
///
/// # Errors
/// Where the file is no memory, or one of a later version: it stays as it is.
pub fn write(path: &Path, memory: &Memory) -> Result<(), StoreError> {
    if path.exists() {
        return write_to(path, memory, false);
    }
    // A file that is just being made could be left behind as no memory.
    let name = path.file_name().map_or_else(|| "memory".into(), |n| n.to_string_lossy().into_owned());
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let with = |end: &str| -> PathBuf {
        let mut name = temporary.clone().into_os_string();
        name.push(end);
        name.into()
    };
    let all = [temporary.clone(), with("-wal"), with("-shm"), with("-journal")];
    let clean = || all.iter().for_each(|f| drop(std::fs::remove_file(f)));
    clean();
    let written = write_to(&temporary, memory, true)
        .and_then(|()| std::fs::rename(&temporary, path).map_err(StoreError::from));
    clean();
    written
}

fn write_to(path: &Path, memory: &Memory, new: bool) -> Result<(), StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if new {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut connection = Connection::open_with_flags(path, flags)?;
    guard(&connection)?;
    if !new {
        // Before anything is written, the mode of the journal too.
        check(&connection)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !new {
        check(&transaction)?;
    }
    for table in TABLES {
        transaction.execute_batch(&format!(
            "DROP TABLE IF EXISTS {};\n{}",
            quoted(table.name),
            ddl(table)
        ))?;
    }
    let mut open: Option<(&str, Statement<'_>)> = None;
    rows(memory, |table, cells| -> Result<(), StoreError> {
        let mut insert = match open.take() {
            Some((name, statement)) if name == table.name => statement,
            _ => {
                let marks = vec!["?"; cells.len()].join(", ");
                transaction.prepare(&format!("INSERT INTO {} VALUES ({marks})", quoted(table.name)))?
            }
        };
        insert.execute(rusqlite::params_from_iter(cells.iter().map(Bound)))?;
        open = Some((table.name, insert));
        Ok(())
    })?;
    drop(open);
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", Memory::VERSION)?;
    transaction.commit()?;
    connection.close().map_err(|(_, e)| StoreError::Sqlite(e))
}

struct Bound<'c>(&'c Cell<'c>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Cell::Null => ValueRef::Null,
            Cell::Integer(n) => ValueRef::Integer(*n),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Nothing in a file may run by itself.
fn guard(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}

/// Whether this is a memory that this version knows.
fn check(connection: &Connection) -> Result<(), StoreError> {
    let form = |why: String| Err(StoreError::Form(why));
    let number = |name: &str| -> Result<i64, rusqlite::Error> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    if number("application_id")? != APPLICATION {
        return form("it is a database, and not one of Prov".to_owned());
    }
    let version = number("user_version")?;
    match u32::try_from(version) {
        Ok(1..=Memory::VERSION) => {}
        Ok(later) if later > 0 => return Err(StoreError::Version(later)),
        _ => return form(format!("there is no version {version}")),
    }
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let mut names = statement.query([])?;
    while let Some(row) = names.next()? {
        let name: String = row.get(0)?;
        let Some(table) = TABLES.iter().find(|t| t.name == name) else {
            return form(format!("this Prov does not know its table `{name}`"));
        };
        let there = columns(connection, table.name)?;
        if let Some(column) = there.iter().find(|c| table.columns.iter().all(|k| k.name != c.as_str())) {
            return form(format!("this Prov does not know the column `{column}` of its table `{name}`"));
        }
        if let Some(lacks) = table.columns.iter().find(|c| !c.optional && !there.contains(c.name)) {
            return form(format!("its table `{name}` has no column `{}`", lacks.name));
        }
    }
    Ok(())
}

/// The columns that a table of the file has; none where there is no such table.
fn columns(connection: &Connection, table: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name = ?1",
    )?;
    let names = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn ddl(table: &Table) -> String {
    let column = |c: &Column| {
        let kind = match c.kind {
            Kind::Integer => "INTEGER",
            Kind::Text => "TEXT",
        };
        format!("{} {kind}{}", quoted(c.name), if c.optional { "" } else { " NOT NULL" })
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let key: Vec<String> = table.columns[..table.key].iter().map(|c| quoted(c.name)).collect();
    format!(
        "CREATE TABLE {} ({}, PRIMARY KEY ({})) STRICT, WITHOUT ROWID;",
        quoted(table.name),
        columns.join(", "),
        key.join(", ")
    )
}
