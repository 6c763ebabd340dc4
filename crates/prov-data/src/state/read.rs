//! A packed state into what tables would have given.
//! Invariant: nothing of the bytes is believed unseen: where sections lie, numbers within their limits, text as UTF-8.

use super::blob::{Reader, numbers, width};
use super::{ENTRY, LINES, MAGIC, SECTIONS, Section, VERSION, checksum};
use crate::actual::EntitlementRows;
use prov_diag::{Diagnostic, codes};
use prov_model::{Ids, RawTable, Schema};
use rayon::prelude::*;

/// The tables of a packed state: the accounts, and the entitlements worked off by a policy's names. `name` stands in
/// messages.
///
/// # Errors
/// One that says what is wrong with the file.
pub fn read_state(
    schema: &Schema,
    name: &str,
    bytes: &[u8],
) -> Result<(RawTable, EntitlementRows), Vec<Diagnostic>> {
    let broken = |message: String| {
        let d = Diagnostic::new(&codes::BROKEN_FILE, message).in_data(name, None, None);
        vec![d.help("pack the state again with `prov actual pack`, or plan from its tables: nothing of the file was read")]
    };
    let sections = sections(bytes).map_err(broken)?;
    let of = |section: Section| sections[section as usize];
    let wrong = |section: Section| {
        broken(format!(
            "its {} are not as they are written: it is damaged, or was made by something else",
            section.name()
        ))
    };
    let files = files(of(Section::Files)).ok_or_else(|| wrong(Section::Files))?;
    let table = |section: Section| {
        let mut reader = Reader(of(section));
        reader.table().filter(|_| reader.0.is_empty()).ok_or_else(|| wrong(section))
    };
    let values = table(Section::Values)?;
    if values.columns != ["app", "kind", "value"] || (0..3).any(|c| values.cells(c).is_left_out()) {
        return Err(wrong(Section::Values));
    }
    let lines = lines(of(Section::Lines), values.len()).ok_or_else(|| wrong(Section::Lines))?;
    let items = numbers(of(Section::Items), values.len() as u64).ok_or_else(|| wrong(Section::Items))?;
    if items.len() * width(values.len() as u64) != of(Section::Items).len() {
        return Err(wrong(Section::Items));
    }
    let list_ends = ends(of(Section::ListEnds), items.len()).ok_or_else(|| wrong(Section::ListEnds))?;
    // An identity that holds nothing is not there, and an empty list belongs to nobody.
    if list_ends.first() == Some(&0) || !list_ends.is_sorted_by(|a, b| a < b) {
        return Err(wrong(Section::ListEnds));
    }
    // The text is copied before it is checked: nobody can change it then.
    let text = String::from_utf8(of(Section::Ids).to_vec()).map_err(|_| wrong(Section::Ids))?;
    let id_ends = ends(of(Section::IdEnds), text.len()).ok_or_else(|| wrong(Section::IdEnds))?;
    let ids = Ids::of_parts(text, id_ends).ok_or_else(|| wrong(Section::IdEnds))?;
    if ids.len() != list_ends.len() || ids.iter().any(|id| id.trim().is_empty()) {
        return Err(wrong(Section::IdEnds));
    }
    let accounts = table(Section::Accounts)?;
    let odd = table(Section::Odd)?;
    if accounts.file != files.accounts || odd.file != files.entitlements || odd.columns != files.columns {
        return Err(wrong(Section::Files));
    }
    let list_ends: Option<Vec<u32>> = list_ends.into_iter().map(|end| u32::try_from(end).ok()).collect();
    let list_ends = list_ends.ok_or_else(|| wrong(Section::ListEnds))?;
    let head = RawTable::new(files.entitlements, files.columns);
    let grouped = crate::actual::Grouped { ids, list_ends, items, values, lines };
    Ok((accounts, EntitlementRows::of_groups(schema, head, grouped, &odd)))
}

/// Where the sections lie; their checksums are right.
fn sections(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    if !bytes.starts_with(MAGIC) {
        return Err("it is no packed state: it does not begin as one".to_owned());
    }
    let cut = || "it is cut off, or still being written".to_owned();
    let number = |at: usize, len: usize| -> Option<u64> {
        let mut word = [0; 8];
        word.get_mut(..len)?.copy_from_slice(bytes.get(at..at.checked_add(len)?)?);
        Some(u64::from_le_bytes(word))
    };
    let version = number(8, 4).ok_or_else(cut)?;
    if version != u64::from(VERSION) {
        return Err(format!("it is of version {version}, and this Prov reads version {VERSION}"));
    }
    let end = 16 + SECTIONS.len() * ENTRY;
    let sum = number(end, 8).ok_or_else(cut)?;
    let damaged = |what: &str| format!("its {what} do not fit their checksum: it is damaged");
    if number(12, 4) != Some(SECTIONS.len() as u64) || checksum(&bytes[..end]) != sum {
        return Err(damaged("sections"));
    }
    let mut found = Vec::with_capacity(SECTIONS.len());
    let mut last = end + 8;
    for (i, section) in SECTIONS.into_iter().enumerate() {
        let at = 16 + i * ENTRY;
        let of = |n: usize| number(at + 8 + n * 8, 8).and_then(|n| usize::try_from(n).ok());
        let (Some(start), Some(len), Some(sum)) = (of(0), of(1), number(at + 24, 8)) else {
            return Err(cut());
        };
        if number(at, 8) != Some(i as u64 + 1) || start != last.next_multiple_of(8) {
            return Err(format!("its {} lie where they can't be", section.name()));
        }
        last = start.checked_add(len).ok_or_else(cut)?;
        found.push((section, bytes.get(start..last).ok_or_else(cut)?, sum));
    }
    if last != bytes.len() {
        return Err("something stands behind its end".to_owned());
    }
    match found.par_iter().find_first(|(_, bytes, sum)| checksum(bytes) != *sum) {
        Some((section, ..)) => Err(damaged(section.name())),
        None => Ok(found.into_iter().map(|(_, bytes, _)| bytes).collect()),
    }
}

struct Files {
    accounts: String,
    entitlements: String,
    /// The columns of entitlements.
    columns: Vec<String>,
}

fn files(bytes: &[u8]) -> Option<Files> {
    let mut reader = Reader(bytes);
    let (accounts, entitlements) = (reader.text()?, reader.text()?);
    let columns = reader.number()?;
    let columns = (0..columns).map(|_| reader.text()).collect::<Option<Vec<_>>>()?;
    reader.0.is_empty().then_some(Files { accounts, entitlements, columns })
}

/// Places that never fall, the last of which is the end of so many things.
fn ends(bytes: &[u8], of: usize) -> Option<Vec<usize>> {
    let width = width(of as u64 + 1);
    if !bytes.len().is_multiple_of(width) {
        return None;
    }
    let ends: Vec<usize> = match width {
        8 => {
            let word = |b: &[u8]| usize::try_from(u64::from_le_bytes(b.try_into().ok()?)).ok();
            bytes.chunks_exact(8).map(word).collect::<Option<_>>()?
        }
        _ => numbers(bytes, of as u64 + 1)?.into_iter().map(|end| end as usize).collect(),
    };
    (ends.is_sorted() && ends.last().copied().unwrap_or(0) == of).then_some(ends)
}

fn lines(bytes: &[u8], values: usize) -> Option<Vec<[u64; LINES]>> {
    if bytes.len() != values.checked_mul(LINES * 8)? {
        return None;
    }
    let mut reader = Reader(bytes);
    (0..values)
        .map(|_| {
            let mut lines = [0; LINES];
            for line in &mut lines {
                *line = reader.number()?;
            }
            Some(lines)
        })
        .collect()
}
