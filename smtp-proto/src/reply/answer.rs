//! What a server says: replies that cannot break the line they are written on.

use core::fmt;

use super::relayed::write_relayed;
use super::{EnhancedCode, Reply, ReplyCode};
use crate::sink::{Fixed, Sink};

/// The most octets that one line of a reply may have, code and CRLF included
/// (RFC 5321 section 4.5.3.1.5).
pub(crate) const REPLY_LINE: usize = 512;

/// The text of a reply: one line, several, or those of another reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyText<'a> {
    /// One line.
    Line(&'a str),
    /// A line each; `250-`, `250-`, `250 `.
    Lines(&'a [&'a str]),
    /// What another server said, line by line. What may not stand in a reply is written as `?`,
    /// and of a line that is too long the beginning.
    Relayed(Reply<'a>),
}

impl<'a> From<&'a str> for ReplyText<'a> {
    fn from(line: &'a str) -> Self {
        ReplyText::Line(line)
    }
}

impl<'a> From<&'a [&'a str]> for ReplyText<'a> {
    fn from(lines: &'a [&'a str]) -> Self {
        ReplyText::Lines(lines)
    }
}

/// Why a reply cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The code is not of the class that this answer needs.
    Code,
    /// The class of the enhanced status code differs from the first digit of the code.
    Enhanced,
    /// The text holds CR, LF, NUL or another control character.
    Control,
    /// A line would pass 512 octets (RFC 5321 section 4.5.3.1.5), or there are more than 100.
    TooLong,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReplyError::Code => "this answer needs a reply code of another class",
            ReplyError::Enhanced => "the enhanced status code is of another class than the code",
            ReplyError::Control => "a reply text cannot hold control characters",
            ReplyError::TooLong => "a reply line is limited to 512 octets, a reply to 100 lines",
        })
    }
}

impl core::error::Error for ReplyError {}

/// The most octets of text in a line: code, separator, the longest enhanced code, its space and CRLF
/// take 16.
pub(super) const MOST_TEXT: usize = REPLY_LINE - 16;

pub(super) fn check_line(line: &str) -> Result<(), ReplyError> {
    if line.len() > MOST_TEXT {
        return Err(ReplyError::TooLong);
    }
    let line = line.as_bytes();
    let is_control = |octet: &u8| (*octet < b' ' && *octet != b'\t') || *octet == 0x7f;
    // Nearly always no octet need be looked at alone.
    let suspect = match line.last_chunk() {
        Some(last) => line.as_chunks().0.iter().any(may_hold_control) || may_hold_control(last),
        None => true,
    };
    if suspect && line.iter().any(is_control) {
        return Err(ReplyError::Control);
    }
    Ok(())
}

/// Whether one of eight octets may be a control; a tab may, and what follows a control.
fn may_hold_control(eight: &[u8; 8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let octets = u64::from_le_bytes(*eight);
    let delete = octets ^ (0x7f * EACH);
    let below_space = octets.wrapping_sub(0x20 * EACH) & !octets;
    let is_delete = delete.wrapping_sub(EACH) & !delete;
    (below_space | is_delete) & (0x80 * EACH) != 0
}

fn check(
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    text: ReplyText<'_>,
) -> Result<(), ReplyError> {
    if enhanced.is_some_and(|e| u16::from(e.class()) != code.get() / 100) {
        return Err(ReplyError::Enhanced);
    }
    match text {
        ReplyText::Line(line) => check_line(line),
        ReplyText::Lines(lines) if lines.len() > 100 => Err(ReplyError::TooLong),
        ReplyText::Lines(lines) => lines.iter().try_for_each(|line| check_line(line)),
        ReplyText::Relayed(reply) if reply.lines().nth(100).is_some() => Err(ReplyError::TooLong),
        ReplyText::Relayed(_) => Ok(()),
    }
}

/// Writes a whole reply, `code-` lines and all, each with its enhanced status code.
///
/// Without `utf8` (RFC 6531 section 3.7.4: the client used SMTPUTF8) each character outside
/// ASCII is written as `?`.
pub fn write_reply<S: Sink + ?Sized>(
    out: &mut S,
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    text: ReplyText<'_>,
    utf8: bool,
) {
    match text {
        ReplyText::Line(line) => write_line(out, code, b' ', enhanced, line, utf8),
        ReplyText::Lines([]) => write_line(out, code, b' ', enhanced, "", utf8),
        ReplyText::Lines([before @ .., last]) => {
            for line in before {
                write_line(out, code, b'-', enhanced, line, utf8);
            }
            write_line(out, code, b' ', enhanced, last, utf8);
        }
        ReplyText::Relayed(reply) => write_relayed(out, code, enhanced, reply, utf8),
    }
}

/// What stands before the text of a line, put as one piece.
pub(crate) fn put_codes<S: Sink + ?Sized>(
    out: &mut S,
    code: ReplyCode,
    separator: u8,
    enhanced: Option<EnhancedCode>,
) {
    let [hundreds, tens, ones] = code.digits();
    let Some(enhanced) = enhanced else { return out.put(&[hundreds, tens, ones, separator]) };
    if let Some([class, subject, detail]) = enhanced.digits() {
        return out
            .put(&[hundreds, tens, ones, separator, class, b'.', subject, b'.', detail, b' ']);
    }
    let mut room = [0; 4 + EnhancedCode::LONGEST + 1];
    let mut head = Fixed::new(&mut room);
    head.put(&[hundreds, tens, ones, separator]);
    enhanced.encode(&mut head);
    head.put(b" ");
    out.put(head.finish().unwrap_or_default());
}

/// A reply that is known beforehand, as it stands on the wire with its enhanced status code and
/// without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) code: ReplyCode,
    pub(crate) enhanced: &'static str,
    pub(crate) bare: &'static str,
}

impl Known {
    pub(crate) fn put<S: Sink + ?Sized>(self, out: &mut S, enhanced: bool) {
        out.put(if enhanced { self.enhanced } else { self.bare }.as_bytes());
    }
}

/// `known!(250, "2.1.5", "recipient taken")`.
macro_rules! known {
    ($code:literal, $enhanced:literal, $text:literal) => {
        $crate::reply::Known {
            code: const { $crate::reply::ReplyCode::known($code) },
            enhanced: concat!($code, " ", $enhanced, " ", $text, "\r\n"),
            bare: concat!($code, " ", $text, "\r\n"),
        }
    };
}
pub(crate) use known;

fn write_line<S: Sink + ?Sized>(
    out: &mut S,
    code: ReplyCode,
    separator: u8,
    enhanced: Option<EnhancedCode>,
    line: &str,
    utf8: bool,
) {
    put_codes(out, code, separator, enhanced);
    if utf8 || line.is_ascii() {
        out.put(line.as_bytes());
    } else {
        for character in line.chars() {
            let mut room = [0; 4];
            let text = if character.is_ascii() { character.encode_utf8(&mut room) } else { "?" };
            out.put(text.as_bytes());
        }
    }
    out.put(b"\r\n");
}

macro_rules! answer {
    ($(#[$doc:meta])* $name:ident, $range:pat) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a> {
            code: ReplyCode,
            enhanced: Option<EnhancedCode>,
            text: ReplyText<'a>,
        }

        impl<'a> $name<'a> {
            /// An answer of that code. `text` is a line or a slice of lines, each at most 496
            /// octets, without control characters.
            ///
            /// # Errors
            ///
            /// [`ReplyError`] if the code is of another class, the enhanced status code does not
            /// agree with it, or the text would break the line.
            pub fn new(
                code: u16,
                enhanced: Option<EnhancedCode>,
                text: impl Into<ReplyText<'a>>,
            ) -> Result<Self, ReplyError> {
                let text = text.into();
                match ReplyCode::new(code) {
                    Some(known) if matches!(code, $range) => {
                        check(known, enhanced, text)?;
                        Ok(Self { code: known, enhanced, text })
                    }
                    _ => Err(ReplyError::Code),
                }
            }

            pub(crate) const fn known(
                code: u16,
                (class, subject, detail): (u8, u16, u16),
                text: &'a str,
            ) -> Self {
                assert!(matches!(code, $range));
                Self {
                    code: ReplyCode::known(code),
                    enhanced: Some(EnhancedCode::known(class, subject, detail)),
                    text: ReplyText::Line(text),
                }
            }

            /// The reply code.
            #[must_use]
            pub const fn code(&self) -> ReplyCode {
                self.code
            }

            /// The enhanced status code. It is written only where the extension is offered.
            #[must_use]
            pub const fn enhanced(&self) -> Option<EnhancedCode> {
                self.enhanced
            }

            /// The text behind the codes.
            #[must_use]
            pub const fn text(&self) -> ReplyText<'a> {
                self.text
            }

            /// Writes the reply; see [`write_reply`].
            pub fn encode<S: Sink + ?Sized>(&self, out: &mut S, enhanced: bool, utf8: bool) {
                let status = if enhanced { self.enhanced } else { None };
                write_reply(out, self.code, status, self.text, utf8);
            }
        }
    };
}

answer! {
    /// A 2yz answer.
    ///
    /// ```
    /// use smtp_proto::reply::{EnhancedCode, Positive};
    ///
    /// let answer = Positive::new(250, EnhancedCode::new(2, 0, 0), "queued as 4FzQ9t").unwrap();
    /// assert!(Positive::new(550, None, "no").is_err());
    /// # let mut out = Vec::new();
    /// # answer.encode(&mut out, true, false);
    /// # assert_eq!(out, b"250 2.0.0 queued as 4FzQ9t\r\n");
    /// ```
    Positive, 200..=299
}

answer! {
    /// A 4yz or 5yz answer.
    ///
    /// ```
    /// use smtp_proto::reply::{EnhancedCode, Refusal};
    ///
    /// let full = Refusal::new(452, EnhancedCode::new(4, 2, 2), "mailbox full").unwrap();
    /// assert!(full.code().is_transient());
    /// assert!(Refusal::new(550, None, "two\r\nlines").is_err());
    /// ```
    Refusal, 400..=599
}

impl<'a> Refusal<'a> {
    /// The same on one line, for those who are told what somebody was told at length already.
    pub(crate) fn in_brief(self) -> Self {
        let text = match self.text {
            ReplyText::Line(_) => self.text,
            ReplyText::Lines(lines) => ReplyText::Line(lines.first().copied().unwrap_or_default()),
            ReplyText::Relayed(reply) if reply.lines().nth(1).is_none() => self.text,
            ReplyText::Relayed(_) => ReplyText::Line("refused for the same reason as the others"),
        };
        Refusal { text, ..self }
    }
}

impl Refusal<'static> {
    /// `550 5.1.1`: there is no such mailbox.
    pub const NO_SUCH_USER: Self = Self::known(550, (5, 1, 1), "no such user here");
    /// `550 5.7.1`: this server does not relay to there.
    pub const RELAY_DENIED: Self = Self::known(550, (5, 7, 1), "relaying denied");
    /// `452 4.2.2`: the mailbox is full.
    pub const MAILBOX_FULL: Self = Self::known(452, (4, 2, 2), "mailbox full");
    /// `451 4.3.0`: something failed here; try again later.
    pub const LOCAL_ERROR: Self = Self::known(451, (4, 3, 0), "local error, try again later");
    /// `450 4.7.1`: greylisted or otherwise deferred by policy.
    pub const TRY_LATER: Self = Self::known(450, (4, 7, 1), "try again later");
    /// `550 5.7.1`: refused by policy.
    pub const POLICY: Self = Self::known(550, (5, 7, 1), "refused by policy");
    /// `554 5.6.0`: the content is not wanted.
    pub const CONTENT: Self = Self::known(554, (5, 6, 0), "message content refused");
    /// `535 5.7.8`: the user or the secret is wrong; it is not said which (RFC 4954 section 6).
    pub const BAD_CREDENTIALS: Self = Self::known(535, (5, 7, 8), "authentication failed");
    /// `454 4.7.0`: who it is could not be checked now (RFC 4954 section 6); TLS cannot be begun
    /// now (RFC 3207 section 4).
    pub const NOT_NOW: Self = Self::known(454, (4, 7, 0), "temporarily not available");
    /// `458`: nothing can be queued for that node (RFC 1985 section 5).
    pub const NO_QUEUE: Self = Self::known(458, (4, 3, 0), "unable to queue messages for it");
    /// `521 5.3.2`: this host takes no mail at all (RFC 7504 section 3). As the greeting it leaves
    /// the client nothing but QUIT.
    pub const NO_MAIL_HERE: Self = Self::known(521, (5, 3, 2), "this host does not accept mail");
    /// `556 5.1.10`: the recipient's domain takes no mail, as its null MX tells (RFC 7504 section 4,
    /// RFC 7505 section 4.1).
    pub const NULL_MX: Self = Self::known(556, (5, 1, 10), "the domain does not accept mail");
    /// `550 5.7.27`: the sender's domain takes no mail, as its null MX tells, so nobody there could
    /// be told of a failure (RFC 7505 section 4.2).
    pub const SENDER_NULL_MX: Self =
        Self::known(550, (5, 7, 27), "the sender's domain does not accept mail");
    /// `421 4.3.2`: the server is going down or overloaded. The session ends behind it.
    pub const SHUTTING_DOWN: Self = Self::known(421, (4, 3, 2), "closing the session, try later");
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn several_lines_each_carry_both_codes() {
        let lines = ["first", "second"];
        let refusal = Refusal::new(550, EnhancedCode::new(5, 7, 26), &lines[..]).unwrap();
        let mut out = Vec::new();
        refusal.encode(&mut out, true, false);
        assert_eq!(out, b"550-5.7.26 first\r\n550 5.7.26 second\r\n");
    }

    #[test]
    fn text_outside_ascii_needs_smtputf8() {
        let refusal = Refusal::new(550, None, "né").unwrap();
        let (mut ascii, mut utf8) = (Vec::new(), Vec::new());
        refusal.encode(&mut ascii, true, false);
        refusal.encode(&mut utf8, true, true);
        assert_eq!(ascii, b"550 n?\r\n");
        assert_eq!(utf8, "550 né\r\n".as_bytes());
    }

    #[test]
    fn a_control_is_seen_wherever_it_stands() {
        for len in 1..30 {
            for at in 0..len {
                for octet in 0..0x80_u8 {
                    for around in [" ", "~"] {
                        let mut line = around.repeat(len);
                        let character = char::from(octet);
                        line.replace_range(at..=at, &character.to_string());
                        let taken = !character.is_control() || character == '\t';
                        assert_eq!(check_line(&line).is_ok(), taken, "{octet} at {at} of {len}");
                    }
                }
            }
        }
        assert_eq!(check_line("né né né né\u{80}"), Ok(()));
    }

    #[test]
    fn what_would_break_the_line_cannot_be_built() {
        assert_eq!(Refusal::new(550, None, "a\nb"), Err(ReplyError::Control));
        assert_eq!(Refusal::new(550, None, "a\0b"), Err(ReplyError::Control));
        assert_eq!(Refusal::new(250, None, "a"), Err(ReplyError::Code));
        assert_eq!(Positive::new(354, None, "a"), Err(ReplyError::Code));
        assert_eq!(Refusal::new(450, EnhancedCode::new(5, 0, 0), "a"), Err(ReplyError::Enhanced));
        let long = "x".repeat(497);
        assert_eq!(Refusal::new(450, None, long.as_str()), Err(ReplyError::TooLong));
    }
}
