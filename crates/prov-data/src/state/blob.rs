//! Numbers, texts and tables as bytes. Invariant: what was written comes back; anything else is `None`, and no number that
//! stands in the bytes is believed before there are as many bytes.

use prov_model::{RawCell, RawColumn, RawTable};

/// Bytes being written.
#[derive(Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn number(&mut self, n: u64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Numbers below a limit, each in as few bytes as it needs.
    pub fn numbers(&mut self, numbers: impl Iterator<Item = u64>, limit: u64) {
        match width(limit) {
            2 => numbers.for_each(|n| self.0.extend_from_slice(&(n as u16).to_le_bytes())),
            4 => numbers.for_each(|n| self.0.extend_from_slice(&(n as u32).to_le_bytes())),
            _ => numbers.for_each(|n| self.0.extend_from_slice(&n.to_le_bytes())),
        }
    }

    /// A table: file, rows, stretches of lines; of each column its name, whether it is kept, spellings and codes.
    pub fn table(&mut self, table: &RawTable) {
        self.text(&table.file);
        self.number(table.len() as u64);
        let stretches = table.stretches();
        self.number(stretches.len() as u64);
        for &(row, line) in stretches {
            self.number(row as u64);
            self.number(line);
        }
        self.number(table.columns.len() as u64);
        for (at, name) in table.columns.iter().enumerate() {
            self.text(name);
            let column = table.cells(at);
            self.number(u64::from(!column.is_left_out()));
            if column.is_left_out() {
                continue;
            }
            self.number(column.spellings() as u64);
            for code in 1..column.spellings() as u32 {
                match column.spelled(code) {
                    RawCell::Absent => self.text(""),
                    RawCell::Text(text) => {
                        self.number((text.len() as u64) << 1);
                        self.0.extend_from_slice(text.as_bytes());
                    }
                    RawCell::Json(text) => {
                        self.number((text.len() as u64) << 1 | 1);
                        self.0.extend_from_slice(text.as_bytes());
                    }
                }
            }
            let codes = column.codes().iter().map(|code| u64::from(*code));
            self.numbers(codes, column.spellings() as u64);
        }
    }
}

/// In how many bytes a number below a limit is written.
pub(super) fn width(limit: u64) -> usize {
    match limit {
        0..=0x1_0000 => 2,
        0x1_0001..=0x1_0000_0000 => 4,
        _ => 8,
    }
}

/// Bytes being read.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn number(&mut self) -> Option<u64> {
        let bytes = self.take(8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// A number of things of which each takes so many bytes, at least.
    fn count(&mut self, each: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count.checked_mul(each)? <= self.0.len()).then_some(count)
    }

    pub fn text(&mut self) -> Option<String> {
        let len = self.count(1)?;
        self.text_of(len)
    }

    /// Text is copied before it is checked: whoever changes the file then can't make it anything but text.
    fn text_of(&mut self, len: usize) -> Option<String> {
        String::from_utf8(self.take(len)?.to_vec()).ok()
    }

    pub fn table(&mut self) -> Option<RawTable> {
        let file = self.text()?;
        let rows = usize::try_from(self.number()?).ok().filter(|rows| *rows < u32::MAX as usize)?;
        let stretches = self.count(16)?;
        let stretches: Option<Vec<(usize, u64)>> =
            (0..stretches).map(|_| Some((usize::try_from(self.number()?).ok()?, self.number()?))).collect();
        let width = self.count(16)?;
        let (mut names, mut columns) = (Vec::with_capacity(width), Vec::with_capacity(width));
        for _ in 0..width {
            names.push(self.text()?);
            columns.push(match self.number()? {
                0 => None,
                1 => Some(self.column(rows)?),
                _ => return None,
            });
        }
        // Without a column nothing says that there are as many rows.
        if rows > 0 && columns.iter().all(Option::is_none) {
            return None;
        }
        RawTable::of_parts(file, names, columns, rows, stretches?)
    }

    fn column(&mut self, rows: usize) -> Option<RawColumn> {
        let spellings = usize::try_from(self.number()?).ok()?.checked_sub(1)?;
        if spellings.checked_mul(8)? > self.0.len() {
            return None;
        }
        let mut column = RawColumn::default();
        for code in 1..=spellings {
            let head = self.number()?;
            let text = self.text_of(usize::try_from(head >> 1).ok()?)?;
            let cell = if head & 1 == 1 { RawCell::Json(&text) } else { RawCell::Text(&text) };
            // Blank text would be absence, which has its own number.
            if column.spell_anew(cell) != code as u32 {
                return None;
            }
        }
        let limit = spellings as u64 + 1;
        let codes = numbers(self.take(rows.checked_mul(width(limit))?)?, limit)?;
        column.extend_codes(&codes);
        Some(column)
    }
}

/// Numbers of at most 32 bits, all below their limit.
pub(super) fn numbers(bytes: &[u8], limit: u64) -> Option<Vec<u32>> {
    let numbers: Vec<u32> = match width(limit) {
        2 => bytes.chunks_exact(2).map(|b| u32::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        4 => bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        _ => return None,
    };
    let most = numbers.iter().copied().max();
    most.is_none_or(|most| u64::from(most) < limit).then_some(numbers)
}
