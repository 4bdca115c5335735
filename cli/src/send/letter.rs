//! The message as it lies on disk: what it declares, and its bytes once more.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A message that has been read through once.
pub(super) struct Letter {
    pub(super) file: File,
    /// Octets of content as they are.
    pub(super) octets: u64,
    lacks_end: bool,
    pub(super) has_8bit: bool,
    pub(super) has_bare_newline: bool,
}

impl Letter {
    /// Opens a file, or takes standard input into a temporary one.
    pub(super) fn open(file: Option<&Path>) -> io::Result<Self> {
        match file {
            Some(path) => Self::scan(File::open(path)?),
            None => {
                let mut kept = tempfile::tempfile()?;
                io::copy(&mut io::stdin().lock(), &mut kept)?;
                kept.flush()?;
                kept.seek(SeekFrom::Start(0))?;
                Self::scan(kept)
            }
        }
    }

    /// Octets of content that goes as lines: with the CRLF that the last one may lack.
    pub(super) fn size_in_lines(&self) -> u64 {
        self.octets.saturating_add(if self.lacks_end { 2 } else { 0 })
    }

    fn scan(mut file: File) -> io::Result<Self> {
        let mut letter = Facts::default();
        let mut room = vec![0; 64 * 1024];
        loop {
            let n = file.read(&mut room)?;
            let Some(piece) = room.get(..n).filter(|piece| !piece.is_empty()) else { break };
            letter.look_at(piece);
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(Letter {
            file,
            octets: letter.size,
            lacks_end: letter.size > 0 && !letter.at_line_start,
            has_8bit: letter.has_8bit,
            has_bare_newline: letter.has_bare_newline || letter.after_cr,
        })
    }
}

#[derive(Default)]
struct Facts {
    size: u64,
    has_8bit: bool,
    has_bare_newline: bool,
    after_cr: bool,
    at_line_start: bool,
}

impl Facts {
    fn look_at(&mut self, piece: &[u8]) {
        self.size += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.has_8bit |= !piece.is_ascii();
        for newline in memchr::memchr2_iter(b'\r', b'\n', piece) {
            let before = match newline.checked_sub(1) {
                Some(at) => piece.get(at) == Some(&b'\r'),
                None => self.after_cr,
            };
            let after = piece.get(newline + 1);
            match piece.get(newline) {
                Some(b'\n') => self.has_bare_newline |= !before,
                _ => self.has_bare_newline |= after.is_some_and(|&next| next != b'\n'),
            }
        }
        self.has_bare_newline |= self.after_cr && piece.first() != Some(&b'\n');
        self.at_line_start = piece.ends_with(b"\r\n") || (piece == b"\n" && self.after_cr);
        self.after_cr = piece.ends_with(b"\r");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pieces: &[&[u8]]) -> Facts {
        let mut facts = Facts::default();
        pieces.iter().for_each(|piece| facts.look_at(piece));
        facts
    }

    #[test]
    fn content_that_goes_as_lines_is_ended() {
        for (text, octets, in_lines) in
            [(&b""[..], 0, 0), (b"a", 1, 3), (b"a\r\n", 3, 3), (b"a\n", 2, 4)]
        {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text).unwrap();
            file.rewind().unwrap();
            let letter = Letter::scan(file).unwrap();
            assert_eq!((letter.octets, letter.size_in_lines()), (octets, in_lines), "{text:?}");
        }
    }

    #[test]
    fn bare_newlines_are_found_at_every_split() {
        for (text, bare) in [
            (&b"a\r\nb\r\n"[..], false),
            (b"a\nb", true),
            (b"a\rb", true),
            (b"\r\r\n", true),
            (b"\n", true),
            (b"\r\n.\r\n", false),
        ] {
            for split in 0..=text.len() {
                let (head, tail) = text.split_at(split);
                let pieces: Vec<_> = [head, tail].into_iter().filter(|p| !p.is_empty()).collect();
                let facts = facts(&pieces);
                assert_eq!(facts.has_bare_newline, bare, "{text:?} at {split}");
                assert_eq!(facts.at_line_start, text.ends_with(b"\r\n"), "{text:?} at {split}");
            }
        }
    }
}
