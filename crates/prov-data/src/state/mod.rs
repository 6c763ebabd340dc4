//! The actual state packed into one file: grouped by identity, each name once, read without parsing.
//!
//! It says what its two tables say, in their spelling, and knows no policy: which apps and kinds there are, and how values
//! are compared, is found out when it is read, as of tables. Rows that are odd whatever the policy (without an identity, an
//! app, a kind or a value of text) are kept as rows with their lines, so that they are told as they would be of the tables.
//!
//! | bytes | |
//! | --- | --- |
//! | 8 | `provstat` |
//! | 4, 4 | version, number of sections |
//! | 32 a section | number, 0; where it begins; how long it is; checksum |
//! | 8 | checksum of all above |
//! | … | the sections, each from a multiple of 8 |
//!
//! Numbers have their lowest byte first. Invariant: whatever the bytes, reading gives a state or an error that says what is
//! wrong; checksums are against accidents, and every offset, number and text is checked beside them.

mod blob;
mod read;
mod write;

pub use read::read_state;
pub use write::{PackedState, pack_state};

const MAGIC: &[u8; 8] = b"provstat";
/// Files of another version are refused.
const VERSION: u32 = 1;
/// Bytes of an entry in the list of sections.
const ENTRY: usize = 32;

/// The sections, all of which must be there, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    /// The names of the files that the tables came from.
    Files,
    /// Identities as spelled, in order, one behind the other.
    Ids,
    /// Where each ends.
    IdEnds,
    /// Where the list of each ends.
    ListEnds,
    /// The lists: numbers of entitlements, in order.
    Items,
    /// The entitlements, in order: a table of `app`, `kind`, `value`.
    Values,
    /// Of each entitlement the first lines that it stood on, three numbers each; 0 where there were fewer.
    Lines,
    /// Accounts as a table.
    Accounts,
    /// Odd rows of entitlements as a table.
    Odd,
}

const SECTIONS: [Section; 9] = [
    Section::Files,
    Section::Ids,
    Section::IdEnds,
    Section::ListEnds,
    Section::Items,
    Section::Values,
    Section::Lines,
    Section::Accounts,
    Section::Odd,
];

impl Section {
    fn name(self) -> &'static str {
        match self {
            Section::Files => "names of its files",
            Section::Ids => "identities",
            Section::IdEnds => "ends of identities",
            Section::ListEnds => "ends of lists",
            Section::Items => "lists of entitlements",
            Section::Values => "entitlements",
            Section::Lines => "lines of entitlements",
            Section::Accounts => "accounts",
            Section::Odd => "odd rows",
        }
    }
}

/// How many lines of an entitlement are kept: as many as a message names.
const LINES: usize = 3;

/// The bytes of a state with checksums that fit, whatever else is wrong with them: for those who try what comes behind.
#[doc(hidden)]
pub fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = 16 + SECTIONS.len() * ENTRY;
    if bytes.len() < end + 8 {
        return bytes;
    }
    for at in (16..end).step_by(ENTRY) {
        let number = |at: usize| {
            bytes[at..at + 8].try_into().ok().and_then(|b| usize::try_from(u64::from_le_bytes(b)).ok())
        };
        let (Some(start), Some(len)) = (number(at + 8), number(at + 16)) else { continue };
        let Some(section) = start.checked_add(len).and_then(|end| bytes.get(start..end)) else { continue };
        let sum = checksum(section);
        bytes[at + 24..at + 32].copy_from_slice(&sum.to_le_bytes());
    }
    let sum = checksum(&bytes[..end]);
    bytes[end..end + 8].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// A checksum of bytes, against accidents only: whoever wants to can make two files with one.
fn checksum(bytes: &[u8]) -> u64 {
    const BY: [u64; 4] =
        [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0xD6E8_FEB8_6659_FD93];
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let mix = |sum: u64, word: u64, by: u64| (sum ^ word).wrapping_mul(by).rotate_left(29);
    let mut sums = [bytes.len() as u64; 4];
    let mut stretches = bytes.chunks_exact(32);
    for stretch in &mut stretches {
        // Four sums that do not wait for one another.
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = mix(*sum, word(&stretch[i * 8..i * 8 + 8]), BY[i]);
        }
    }
    for rest in stretches.remainder().chunks(8) {
        sums[0] = mix(sums[0], word(rest), BY[1]);
    }
    let all = sums.into_iter().zip(BY).fold(0, |all, (sum, by)| mix(all, sum, by));
    all ^ (all >> 32)
}
