//! What was said, by whom.

use std::fmt;

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// One piece of a [`Transcript`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Octets as they went over the link, or under its TLS.
    Said(Side, Vec<u8>),
    /// Something happened to the link.
    Note(String),
}

/// Everything that went over a link, in its order, secrets included. What one side says without
/// the other saying anything is one entry.
///
/// ```
/// use smtp_test::{Side, Transcript};
///
/// let mut transcript = Transcript::default();
/// transcript.say(Side::Server, b"220 mx.example.org\r\n");
/// transcript.say(Side::Client, b"QU");
/// transcript.say(Side::Client, b"IT\n");
/// transcript.note("the link is cut");
/// assert_eq!(transcript.to_string(), "S: 220 mx.example.org\nC: QUIT\\n\n-- the link is cut\n");
/// assert_eq!(transcript.octets(Side::Client), b"QUIT\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    entries: Vec<Entry>,
}

/// Lines of one entry that are shown; the rest is counted.
const SHOWN: usize = 40;

impl Transcript {
    /// Adds what `side` said.
    pub fn say(&mut self, side: Side, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        match self.entries.last_mut() {
            Some(Entry::Said(last, said)) if *last == side => said.extend_from_slice(octets),
            _ => self.entries.push(Entry::Said(side, octets.to_vec())),
        }
    }

    /// Adds what happened.
    pub fn note(&mut self, note: impl Into<String>) {
        self.entries.push(Entry::Note(note.into()));
    }

    /// The pieces.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All octets that one side said.
    #[must_use]
    pub fn octets(&self, side: Side) -> Vec<u8> {
        let mut octets = Vec::new();
        for entry in &self.entries {
            if let Entry::Said(by, said) = entry
                && *by == side
            {
                octets.extend_from_slice(said);
            }
        }
        octets
    }

    /// All lines that one side said, without their ends; what is not UTF-8 is replaced.
    #[must_use]
    pub fn lines(&self, side: Side) -> Vec<String> {
        String::from_utf8_lossy(&self.octets(side)).lines().map(str::to_owned).collect()
    }
}

/// A line for each line, `C: ` or `S: ` in front of it. A line that ends in anything but CRLF shows
/// it; of a long piece the middle is left out.
impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            match entry {
                Entry::Note(note) => writeln!(f, "-- {note}")?,
                Entry::Said(side, said) => {
                    let who = match side {
                        Side::Client => 'C',
                        Side::Server => 'S',
                    };
                    let lines: Vec<&[u8]> = said.split_inclusive(|&b| b == b'\n').collect();
                    for (i, line) in lines.iter().enumerate() {
                        if lines.len() > SHOWN && i == SHOWN / 2 {
                            writeln!(f, "{who}: ... {} lines ...", lines.len() - SHOWN)?;
                        }
                        if lines.len() <= SHOWN || i < SHOWN / 2 || i >= lines.len() - SHOWN / 2 {
                            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
                            writeln!(f, "{who}: {}", visible(line))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The text with its controls escaped.
pub(crate) fn visible(octets: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(octets).chars() {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}
