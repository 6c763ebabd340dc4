//! Which bytes are text: byte order marks, and what to say of a byte that is not UTF-8.
//! Invariant: nothing is guessed into the data; a guess at an encoding stands in a message only.

use prov_diag::{Diagnostic, codes};

/// What Windows-1252 has from 0x80 to 0x9F, where Latin-1 has control characters; a blank where it has nothing.
const WINDOWS_1252: &str = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

/// The bytes after a byte order mark; an error for the marks of UTF-16 and UTF-32.
pub(crate) fn after_mark<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a [u8], Vec<Diagnostic>> {
    let other = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return Ok(rest),
        [0xFF, 0xFE, 0, 0, ..] => "UTF-32LE",
        [0, 0, 0xFE, 0xFF, ..] => "UTF-32BE",
        [0xFF, 0xFE, ..] => "UTF-16LE",
        [0xFE, 0xFF, ..] => "UTF-16BE",
        _ => return Ok(bytes),
    };
    let plain = other.trim_end_matches("LE").trim_end_matches("BE");
    Err(vec![
        Diagnostic::new(&codes::NOT_UTF8, format!("`{file}` is {other} text; it must be UTF-8"))
            .in_data(file, Some(1), None)
            .help(format!(
                "export it as UTF-8 (in Excel: `CSV UTF-8`), or convert it: `iconv -f {plain} -t UTF-8 {file}`"
            )),
    ])
}

/// What is wrong with a stretch of bytes.
pub(crate) struct NotText {
    /// The first bad byte.
    pub(crate) at: usize,
    /// What to say of it.
    pub(crate) message: String,
    /// Whether the stretch ends within a character.
    pub(crate) cut: bool,
}

/// A stretch of bytes as text. NUL is bad too: no text has it, but UTF-16 without a mark is full of it.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, NotText> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        NotText { at, message: bad_byte(bytes[at]), cut: e.error_len().is_none() }
    })?;
    match memchr::memchr(0, bytes) {
        Some(at) => {
            let message = "a NUL byte is no text; is the file UTF-16, or not a text file?".to_owned();
            Err(NotText { at, message, cut: false })
        }
        None => Ok(text),
    }
}

fn bad_byte(byte: u8) -> String {
    let windows = match byte {
        0x80..=0x9F => WINDOWS_1252.chars().nth(usize::from(byte) - 0x80).filter(|c| *c != ' '),
        _ => Some(char::from(byte)),
    };
    match windows {
        Some(c) => format!(
            "the byte 0x{byte:02X} is not UTF-8; in Windows-1252 it would be `{c}`: export the file as UTF-8"
        ),
        None => format!("the byte 0x{byte:02X} is not UTF-8: export the file as UTF-8"),
    }
}

/// The character that a byte of a line stands at, from 1; bad bytes before it count as one each.
pub(crate) fn character(line: &[u8], at: usize) -> usize {
    String::from_utf8_lossy(&line[..at.min(line.len())]).chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_1252_is_named_by_its_characters() {
        assert_eq!(WINDOWS_1252.chars().count(), 32);
        assert!(bad_byte(0x80).contains("`€`") && bad_byte(0x9F).contains("`Ÿ`"));
        assert!(bad_byte(0xE9).contains("`é`") && !bad_byte(0x81).contains("Windows"));
    }

    #[test]
    fn the_mark_of_utf8_is_taken_off_and_others_are_refused() {
        assert_eq!(after_mark("a.csv", b"\xEF\xBB\xBFid"), Ok(&b"id"[..]));
        let errors = after_mark("a.csv", b"\xFF\xFEi\0d\0").expect_err("UTF-16");
        assert_eq!(errors[0].message, "`a.csv` is UTF-16LE text; it must be UTF-8");
        assert_eq!(
            errors[0].help.as_deref(),
            Some(
                "export it as UTF-8 (in Excel: `CSV UTF-8`), or convert it: `iconv -f UTF-16 -t UTF-8 a.csv`"
            )
        );
    }
}
