//! The lines and replies that are measured, as bytes on the wire.

const VALID: &str = include_str!("../corpus/commands_valid.txt");
const INVALID: &str = include_str!("../corpus/commands_invalid.txt");
const SESSION: &str = include_str!("../corpus/commands_session.txt");

/// The reply to EHLO with twelve lines.
pub const EHLO: &[u8] = include_bytes!("../corpus/reply_ehlo12.txt");

/// All seven replies.
pub const REPLIES: [&[u8]; 7] = [
    include_bytes!("../corpus/reply_greeting.txt"),
    EHLO,
    include_bytes!("../corpus/reply_single_short.txt"),
    include_bytes!("../corpus/reply_single_esc.txt"),
    include_bytes!("../corpus/reply_data354.txt"),
    include_bytes!("../corpus/reply_single_queued.txt"),
    include_bytes!("../corpus/reply_reject_multi.txt"),
];

fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
}

/// 72 command lines that every parser should take, each with its CRLF.
pub fn valid() -> Vec<Vec<u8>> {
    lines(VALID)
}

/// The commands of one session, each with its CRLF.
pub fn session() -> Vec<Vec<u8>> {
    lines(SESSION)
}

/// 74 entries that every server should refuse, with the reason; not all of them are well framed.
pub fn invalid() -> Vec<(Vec<u8>, &'static str)> {
    INVALID.lines().filter_map(|entry| entry.rsplit_once('\t')).map(unescape).collect()
}

fn unescape((text, reason): (&str, &'static str)) -> (Vec<u8>, &'static str) {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let (byte, behind) = match (first, behind) {
            (b'\\', [b'r', behind @ ..]) => (b'\r', behind),
            (b'\\', [b'n', behind @ ..]) => (b'\n', behind),
            (b'\\', [b't', behind @ ..]) => (b'\t', behind),
            (b'\\', [b'x', high, low, behind @ ..]) => (digit(*high) << 4 | digit(*low), behind),
            _ => (*first, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    (bytes, reason)
}

fn digit(byte: u8) -> u8 {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0)
}

/// Mail data: so many octets of lines of 76 characters and a CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// One line in a hundred begins with a dot.
    SomeDotted,
    Plain,
    /// One line for all.
    NoNewlines,
    /// Every line but the first, which some of the others get wrong.
    EveryLineDotted,
}

impl Content {
    pub const ALL: [Content; 4] =
        [Content::SomeDotted, Content::Plain, Content::NoNewlines, Content::EveryLineDotted];

    pub fn name(self) -> &'static str {
        match self {
            Content::SomeDotted => "1 % dotted",
            Content::Plain => "no dots",
            Content::NoNewlines => "no newlines",
            Content::EveryLineDotted => "every line dotted",
        }
    }

    /// As an application has it; it ends in a CRLF.
    pub fn plain(self, octets: usize) -> Vec<u8> {
        let mut content = Vec::with_capacity(octets + LINE + 2);
        let mut number = 0;
        while content.len() < octets {
            let start = content.len();
            content.extend((0..LINE).map(|at| TEXT[(number * 31 + at * 7) % TEXT.len()]));
            match self {
                Content::SomeDotted if number % 100 == 50 => content[start] = b'.',
                Content::EveryLineDotted if number > 0 => content[start] = b'.',
                _ => {}
            }
            if self != Content::NoNewlines {
                content.extend_from_slice(b"\r\n");
            }
            number += 1;
        }
        if self == Content::NoNewlines {
            content.extend_from_slice(b"\r\n");
        }
        content
    }

    /// As it is on the wire behind DATA, with its end.
    pub fn on_the_wire(self, octets: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        for line in self.plain(octets).split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }
}

const LINE: usize = 76;
const TEXT: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/ ";
