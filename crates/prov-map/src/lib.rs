//! Files mapped into memory: their bytes are read by the system when they are looked at, and never copied.
//!
//! A crate of its own for its one line of `unsafe`. Invariant: the bytes are only ever read, as bytes.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// The bytes of a file.
#[derive(Debug)]
pub struct Mapped {
    /// None of an empty file, of which there is nothing to map.
    map: Option<memmap2::Mmap>,
}

impl Mapped {
    /// Maps a file that nobody changes in place: one that is written anew beside the old and renamed over it, as Prov
    /// writes what it maps.
    ///
    /// # Errors
    /// As for opening a file; and where it is no regular file.
    pub fn open(path: &Path) -> io::Result<Mapped> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        if about.len() == 0 {
            return Ok(Mapped { map: None });
        }
        // SAFETY: what the compiler must be able to rely on is that bytes behind `&[u8]` do not change while they are
        // borrowed. That can't be had from a file system: another process may write to the file, or cut it short, and the
        // system then ends this process (SIGBUS). Prov maps only its own packed states, which it replaces by rename and
        // never writes in place, so that an open map keeps the old file. Should somebody else write into one, readers see
        // other bytes: they are looked at as numbers and text whose bounds are checked at each access, and text is copied
        // before it is taken for UTF-8, so that no invariant of a type hangs on the map after it was checked.
        #[expect(unsafe_code, reason = "there is no safe way to map a file; see above")]
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Mapped { map: Some(map) })
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_file() -> io::Result<()> {
        let dir = std::env::temp_dir().join(format!("prov-map-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let (full, empty) = (dir.join("full"), dir.join("empty"));
        std::fs::write(&full, b"abc")?;
        std::fs::write(&empty, b"")?;
        assert_eq!(&*Mapped::open(&full)?, b"abc");
        assert_eq!(&*Mapped::open(&empty)?, b"");
        assert!(Mapped::open(&dir).is_err() && Mapped::open(&dir.join("none")).is_err());
        std::fs::remove_dir_all(&dir)
    }
}
