//! Files that are compressed as a whole: `.gz` and `.zst` behind the name of another format.
//! Invariant: a file that is cut short is refused, since what of it could be unpacked may end anywhere.

use prov_diag::{Diagnostic, codes};
use std::borrow::Cow;
use std::io::{self, Read};

/// How much a file may hold, unpacked: 16 GiB. What is larger is no table that fits here, or was made to do harm.
const LIMIT: u64 = 1 << 34;

/// The name without the ending of a compression, and what the file holds.
pub(crate) fn unpacked<'a>(
    name: &'a str,
    bytes: Cow<'a, [u8]>,
) -> Result<(&'a str, Cow<'a, [u8]>), Vec<Diagnostic>> {
    let ending = name.rsplit_once('.').map(|(inner, ending)| (inner, ending.to_ascii_lowercase()));
    let (inner, read) = match ending {
        Some((inner, e)) if e == "gz" => (inner, all(flate2::read::MultiGzDecoder::new(&*bytes))),
        Some((inner, e)) if e == "zst" => (inner, zstd::stream::read::Decoder::new(&*bytes).and_then(all)),
        Some(_) | None => return Ok((name, bytes)),
    };
    read.map(|bytes| (inner, Cow::Owned(bytes))).map_err(|e| {
        let message = match e.kind() {
            io::ErrorKind::UnexpectedEof => "it can't be unpacked: it is cut off".to_owned(),
            _ => format!("it can't be unpacked: {e}"),
        };
        let d = Diagnostic::new(&codes::BROKEN_FILE, message).in_data(name, None, None);
        vec![d.help("fetch the file again, or write it anew: nothing of it was read")]
    })
}

fn all(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(LIMIT + 1).read_to_end(&mut out)?;
    if out.len() as u64 > LIMIT {
        return Err(io::Error::other("it holds more than 16 GiB"));
    }
    Ok(out)
}
