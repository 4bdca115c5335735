//! What was sent and what came.

use super::link::Got;

/// Octets that are kept of each piece.
const KEPT: usize = 400;

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Client,
    Server,
    /// Something that is not octets.
    Note,
}

/// One piece of a dialogue.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) who: Who,
    /// Escaped, and shortened in the middle.
    pub(super) text: String,
    pub(super) octets: usize,
}

/// A dialogue.
#[derive(Clone, Debug, Default)]
pub(super) struct Transcript {
    pub(super) pieces: Vec<Piece>,
    /// How many of them brought the session to where the check begins.
    pub(super) opening: usize,
}

impl Transcript {
    pub(super) fn sent(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.add(Who::Client, shown(octets, KEPT), octets.len());
        }
    }

    pub(super) fn got(&mut self, got: &Got) {
        match got {
            Got::Reply(_, raw) => self.add(Who::Server, shown(raw, KEPT), raw.len()),
            Got::Broken(why) => self.note(why),
            Got::Closed => self.note("the connection ends"),
            Got::Silence => self.note("nothing comes"),
        }
    }

    pub(super) fn note(&mut self, text: &str) {
        self.add(Who::Note, text.to_owned(), 0);
    }

    /// The check begins.
    pub(super) fn open(&mut self) {
        self.opening = self.pieces.len();
    }

    fn add(&mut self, who: Who, text: String, octets: usize) {
        self.pieces.push(Piece { who, text, octets });
    }
}

/// Octets, escaped; of many the first and the last.
pub(super) fn shown(octets: &[u8], most: usize) -> String {
    if octets.len() <= most {
        return octets.escape_ascii().to_string();
    }
    let side = most / 2;
    let first = octets.get(..side).unwrap_or_default().escape_ascii();
    let last = octets.get(octets.len() - side..).unwrap_or_default().escape_ascii();
    format!("{first}[...]{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_octets_are_shortened() {
        assert_eq!(shown(b"a\r\n\xff", 10), "a\\r\\n\\xff");
        assert_eq!(shown(b"0123456789", 4), "01[...]89");
    }
}
