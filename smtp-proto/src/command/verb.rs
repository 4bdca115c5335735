//! The verbs, told apart by integer compares.

use core::fmt;

/// Which command a line is.
///
/// ```
/// use smtp_proto::command::Verb;
///
/// assert_eq!(Verb::of(b"mail FROM:<>"), Verb::Mail);
/// assert_eq!(Verb::of(b"MAILBOX"), Verb::Unknown);
/// assert_eq!(Verb::StartTls.as_str(), "STARTTLS");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// HELO, RFC 5321 section 4.1.1.1.
    Helo,
    /// EHLO, RFC 5321 section 4.1.1.1.
    Ehlo,
    /// LHLO, RFC 2033 section 4.1.
    Lhlo,
    /// MAIL, RFC 5321 section 4.1.1.2.
    Mail,
    /// RCPT, RFC 5321 section 4.1.1.3.
    Rcpt,
    /// DATA, RFC 5321 section 4.1.1.4.
    Data,
    /// BDAT, RFC 3030 section 2.
    Bdat,
    /// RSET, RFC 5321 section 4.1.1.5.
    Rset,
    /// NOOP, RFC 5321 section 4.1.1.9.
    Noop,
    /// QUIT, RFC 5321 section 4.1.1.10.
    Quit,
    /// VRFY, RFC 5321 section 4.1.1.6.
    Vrfy,
    /// EXPN, RFC 5321 section 4.1.1.7.
    Expn,
    /// HELP, RFC 5321 section 4.1.1.8.
    Help,
    /// STARTTLS, RFC 3207 section 4.
    StartTls,
    /// AUTH, RFC 4954 section 4.
    Auth,
    /// ETRN, RFC 1985 section 5.
    Etrn,
    /// XCLIENT, which states the client behind a proxy.
    Xclient,
    /// XFORWARD, which states the client behind a filter, for logging.
    Xforward,
    /// None of the above.
    Unknown,
}

/// Four ASCII letters as one upper-case number, to be matched at once.
///
/// Clearing bit 5 turns lower-case letters into upper-case ones and nothing else into a letter.
pub(super) const fn word(four: &[u8; 4]) -> u32 {
    u32::from_be_bytes(*four) & 0xdfdf_dfdf
}

const HELO: u32 = word(b"HELO");
pub(super) const EHLO: u32 = word(b"EHLO");
const LHLO: u32 = word(b"LHLO");
pub(super) const MAIL: u32 = word(b"MAIL");
pub(super) const RCPT: u32 = word(b"RCPT");
pub(super) const DATA: u32 = word(b"DATA");
const BDAT: u32 = word(b"BDAT");
pub(super) const RSET: u32 = word(b"RSET");
const NOOP: u32 = word(b"NOOP");
pub(super) const QUIT: u32 = word(b"QUIT");
const VRFY: u32 = word(b"VRFY");
const EXPN: u32 = word(b"EXPN");
const HELP: u32 = word(b"HELP");
const AUTH: u32 = word(b"AUTH");
const ETRN: u32 = word(b"ETRN");
const STAR: u32 = word(b"STAR");
const XCLI: u32 = word(b"XCLI");
const XFOR: u32 = word(b"XFOR");

impl Verb {
    /// The verb that `line` begins with, in any case; what follows it is not looked at.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        Self::split(line).map_or(Verb::Unknown, |(verb, _)| verb)
    }

    /// A known verb that ends where the line or the word ends, and what follows it.
    #[inline]
    pub(super) fn split(line: &[u8]) -> Option<(Self, &[u8])> {
        let (verb, length) = Self::leading(line)?;
        Some((verb, line.get(length..)?))
    }

    /// A known verb that ends where the line or the word ends, and its length.
    fn leading(line: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = line.split_first_chunk::<4>()?;
        let (verb, rest) = match word(head) {
            MAIL => (Verb::Mail, rest),
            RCPT => (Verb::Rcpt, rest),
            DATA => (Verb::Data, rest),
            BDAT => (Verb::Bdat, rest),
            EHLO => (Verb::Ehlo, rest),
            HELO => (Verb::Helo, rest),
            LHLO => (Verb::Lhlo, rest),
            QUIT => (Verb::Quit, rest),
            RSET => (Verb::Rset, rest),
            NOOP => (Verb::Noop, rest),
            AUTH => (Verb::Auth, rest),
            VRFY => (Verb::Vrfy, rest),
            EXPN => (Verb::Expn, rest),
            HELP => (Verb::Help, rest),
            ETRN => (Verb::Etrn, rest),
            STAR => (Verb::StartTls, strip(rest, b"TTLS")?),
            XCLI => (Verb::Xclient, strip(rest, b"ENT")?),
            XFOR => (Verb::Xforward, strip(rest, b"WARD")?),
            _ => return None,
        };
        matches!(rest, [] | [b' ' | b'\t', ..]).then_some((verb, line.len() - rest.len()))
    }

    /// The verb in upper case; `""` for [`Verb::Unknown`].
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Helo => "HELO",
            Verb::Ehlo => "EHLO",
            Verb::Lhlo => "LHLO",
            Verb::Mail => "MAIL",
            Verb::Rcpt => "RCPT",
            Verb::Data => "DATA",
            Verb::Bdat => "BDAT",
            Verb::Rset => "RSET",
            Verb::Noop => "NOOP",
            Verb::Quit => "QUIT",
            Verb::Vrfy => "VRFY",
            Verb::Expn => "EXPN",
            Verb::Help => "HELP",
            Verb::StartTls => "STARTTLS",
            Verb::Auth => "AUTH",
            Verb::Etrn => "ETRN",
            Verb::Xclient => "XCLIENT",
            Verb::Xforward => "XFORWARD",
            Verb::Unknown => "",
        }
    }
}

fn strip<'a, const N: usize>(rest: &'a [u8], ending: &[u8; N]) -> Option<&'a [u8]> {
    let (head, rest) = rest.split_first_chunk::<N>()?;
    head.eq_ignore_ascii_case(ending).then_some(rest)
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Verb; 18] = [
        Verb::Helo,
        Verb::Ehlo,
        Verb::Lhlo,
        Verb::Mail,
        Verb::Rcpt,
        Verb::Data,
        Verb::Bdat,
        Verb::Rset,
        Verb::Noop,
        Verb::Quit,
        Verb::Vrfy,
        Verb::Expn,
        Verb::Help,
        Verb::StartTls,
        Verb::Auth,
        Verb::Etrn,
        Verb::Xclient,
        Verb::Xforward,
    ];

    #[test]
    fn every_verb_is_found_by_its_name_in_any_case() {
        for verb in ALL {
            let name = verb.as_str();
            assert_eq!(Verb::of(name.as_bytes()), verb);
            assert_eq!(Verb::of(name.to_ascii_lowercase().as_bytes()), verb);
            assert_eq!(Verb::of(alloc::format!("{name} x").as_bytes()), verb);
            assert_eq!(Verb::of(alloc::format!("{name}x").as_bytes()), Verb::Unknown);
        }
    }

    #[test]
    fn bytes_that_differ_from_a_letter_in_other_bits_are_not_it() {
        for position in 0..4 {
            for byte in 0..=255u8 {
                let mut line = *b"MAIL";
                let same = byte.eq_ignore_ascii_case(&line[position]);
                line[position] = byte;
                assert_eq!(Verb::of(&line) == Verb::Mail, same, "{byte:#x} at {position}");
            }
        }
    }

    #[test]
    fn short_lines_are_unknown() {
        for line in [&b""[..], b"M", b"MAI", b"STARTTL", b"XCLI"] {
            assert_eq!(Verb::of(line), Verb::Unknown);
        }
    }
}
