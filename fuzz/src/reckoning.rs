//! A client that keeps count: one reply for each command, and for the content one, or in LMTP one
//! for each recipient, or under PRDR two more.

use smtp_codec::proto::Syntax;
use smtp_codec::proto::command::Command;
use smtp_codec::proto::reply::{Progress, Reply, ReplyScanner};
use smtp_codec::server::Closing;

/// What the next octets are to the server, as far as its replies tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Lines,
    /// Content until a lone dot.
    Data,
    /// Content of which so many octets are left; whether it was answered when it was announced.
    Chunk {
        left: u64,
        last: bool,
        answered: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Reckoning {
    lmtp: bool,
    syntax: Syntax,
    scanner: ReplyScanner,
    reply: Vec<u8>,
    partial: Vec<u8>,
    /// Codes of the replies since the last line was sent.
    codes: Vec<u16>,
    /// What the application answered to it, if that says which code must follow.
    answered: Option<u16>,
    phase: Phase,
    /// The next line is a response to a challenge.
    in_exchange: bool,
    at_line_start: bool,
    counting: bool,
    /// A line, or the last of the content, was sent and must be answered.
    due: Due,
    /// Something else than a line may bring a reply.
    disturbed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// One, or a 354, or nothing if it announces a chunk that is taken.
    Command(Option<(u64, bool)>),
    /// As many as there are recipients in LMTP, and two more under PRDR; else one.
    Message,
    /// Those of a chunk: nothing if it was answered before.
    Chunk {
        last: bool,
        answered: bool,
    },
}

impl Reckoning {
    pub(crate) fn new(lmtp: bool, lenient: bool) -> Self {
        Reckoning {
            lmtp,
            syntax: if lenient { Syntax::Lenient } else { Syntax::Strict },
            scanner: ReplyScanner::new(),
            reply: Vec::new(),
            partial: Vec::new(),
            codes: Vec::new(),
            answered: None,
            phase: Phase::Lines,
            in_exchange: false,
            at_line_start: true,
            counting: true,
            due: Due::Nothing,
            disturbed: false,
        }
    }

    /// How many octets at most may be sent before the next look.
    pub(crate) fn next_piece(&self) -> usize {
        match self.phase {
            Phase::Chunk { left, .. } => usize::try_from(left).unwrap_or(usize::MAX).max(1),
            _ => usize::MAX,
        }
    }

    /// Nothing more is known of how the octets will be taken.
    pub(crate) fn lose_count(&mut self) {
        self.counting = false;
    }

    /// Something was done that may bring a 421, or the greeting.
    pub(crate) fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// What was said so far is what was owed before.
    pub(crate) fn settle(&mut self) {
        self.codes.clear();
        self.answered = None;
        self.due = Due::Nothing;
    }

    pub(crate) fn asked(&mut self, code: Option<u16>) {
        self.answered = code;
    }

    /// Octets of the client: a line with its CRLF, or content up to a CRLF or the end of a chunk.
    pub(crate) fn sent(&mut self, piece: &[u8]) {
        if !self.counting || piece.is_empty() {
            return;
        }
        let whole = piece.ends_with(b"\r\n");
        let starts = std::mem::replace(&mut self.at_line_start, whole);
        match &mut self.phase {
            Phase::Lines if whole => {
                let line = piece.strip_suffix(b"\r\n").unwrap_or(piece);
                let broken = line.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
                let chunk = chunk(line, self.syntax).filter(|_| !broken && !self.in_exchange);
                self.due = Due::Command(chunk);
            }
            Phase::Lines => self.counting = false,
            Phase::Data => {
                if starts && piece == b".\r\n" {
                    self.due = Due::Message;
                    self.phase = Phase::Lines;
                }
            }
            Phase::Chunk { left, last, answered } => {
                let len = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                *left = left.saturating_sub(len);
                if *left == 0 {
                    self.due = Due::Chunk { last: *last, answered: *answered };
                    self.phase = Phase::Lines;
                }
            }
        }
    }

    /// Octets of the server: whole replies, in lines that a client must take (RFC 5321 section
    /// 4.5.3.1.5).
    pub(crate) fn said(&mut self, said: &[u8]) {
        self.partial.extend_from_slice(said);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            assert!(line.len() <= 512, "a line of {} octets", line.len());
            self.reply.extend_from_slice(&line);
            let line = line.strip_suffix(b"\r\n").expect("a CRLF");
            if self.scanner.feed(line).expect("a line of a reply") == Progress::Complete {
                let reply = Reply::parse(&self.reply).expect("a whole reply");
                if let Some(enhanced) = reply.enhanced() {
                    assert_eq!(u16::from(enhanced.class()), reply.code().get() / 100);
                }
                self.codes.push(reply.code().get());
                self.reply.clear();
            }
        }
    }

    /// Everything that was sent was looked at: were the replies those that were owed?
    pub(crate) fn check(&mut self, recipients: u32, each: bool, closing: Option<Closing>) {
        let due = std::mem::replace(&mut self.due, Due::Nothing);
        let disturbed = std::mem::replace(&mut self.disturbed, false);
        if !self.counting || disturbed {
            // Whoever is cut off in between cannot count on.
            self.counting &= !disturbed || due == Due::Nothing;
            return;
        }
        let got = self.codes.len();
        if let Some(last) = self.codes.last() {
            self.in_exchange = *last == 334;
        }
        let recipients = usize::try_from(recipients).unwrap_or(usize::MAX);
        let is_end = matches!(
            due,
            Due::Message | Due::Chunk { last: true, .. } | Due::Command(Some((0, true)))
        );
        let has_block = is_end && self.codes.first() == Some(&353);
        let most = match is_end {
            true if self.lmtp => recipients.max(1),
            true if has_block => {
                assert!(each && recipients > 1, "{self:?}");
                recipients + 2
            }
            _ => 1,
        };
        match due {
            Due::Nothing if got == 0 => {}
            // The 421 comes behind what was owed.
            _ if closing == Some(Closing::ShuttingDown) => assert!((1..=most + 1).contains(&got)),
            _ if closing.is_some() => assert!((1..=most).contains(&got), "{self:?} {closing:?}"),
            Due::Nothing => assert_eq!(got, 0, "unasked: {self:?}"),
            Due::Command(chunk) => {
                match chunk {
                    Some((left, last)) if left > 0 => {
                        let answered = got > 0;
                        self.phase = Phase::Chunk { left, last, answered };
                        self.at_line_start = true;
                        assert!(got <= 1 || self.lmtp && last, "{self:?}");
                    }
                    Some(_) if has_block => assert_eq!(got, most, "{self:?}"),
                    Some((_, true)) if self.lmtp => {
                        assert!(got >= 1 && got <= most, "{got} of {most}: {self:?}");
                    }
                    _ => assert_eq!(got, 1, "{self:?}"),
                }
                if self.codes.last() == Some(&354) {
                    assert!(chunk.is_none());
                    self.phase = Phase::Data;
                    self.at_line_start = true;
                }
            }
            Due::Chunk { answered: true, .. } => assert_eq!(got, 0, "{self:?}"),
            Due::Message => assert_eq!(got, most, "{self:?}"),
            Due::Chunk { .. } if has_block => assert_eq!(got, most, "{self:?}"),
            Due::Chunk { .. } => {
                assert!(got >= 1 && got <= most, "{got} of {most}: {self:?}");
            }
        }
        if let (Some(code), Some(last)) = (self.answered, self.codes.last()) {
            assert!(code == *last || closing.is_some(), "{code}: {self:?}");
        }
        self.codes.clear();
        self.answered = None;
    }

    pub(crate) fn end(&self) {
        assert!(self.partial.is_empty() && self.reply.is_empty(), "half a reply");
    }
}

/// Whether a line is a BDAT, and what it announces.
fn chunk(line: &[u8], syntax: Syntax) -> Option<(u64, bool)> {
    match Command::parse_with(line, syntax) {
        Ok(Command::Bdat { size, last }) => Some((size, last)),
        _ => None,
    }
}
