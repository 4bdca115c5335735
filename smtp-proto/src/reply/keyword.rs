//! The EHLO keywords that are known.

use core::fmt;

/// The first eight octets as an integer, in upper case. No two known keywords agree in it.
#[inline]
const fn key(keyword: &[u8]) -> u64 {
    if let Some(head) = keyword.first_chunk() {
        return upper(u64::from_be_bytes(*head));
    }
    if let (Some(first), Some(last)) = (keyword.first_chunk(), keyword.last_chunk()) {
        // From four octets to seven: where the two overlap they agree.
        let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
        return upper((first as u64) << (8 * (keyword.len() - 4)) | last as u64);
    }
    match *keyword {
        [a, b, c] => upper(u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c])),
        _ => 0,
    }
}

/// Eight octets at once: in each, adding sets the top bit from `a` on, and from behind `z` on.
const fn upper(octets: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = 0x80 * EACH;
    let low = octets & !TOP;
    let from_a = low + (0x80 - b'a' as u64) * EACH;
    let behind_z = low + (0x7f - b'z' as u64) * EACH;
    let letters = from_a & !behind_z & !octets & TOP;
    octets ^ (letters >> 2)
}

/// Where the line of each ends in [`Extension::BARE_LINES`], and before them the start of the first.
static ENDS: [usize; Extension::ALL.len() + 1] = ends();

#[allow(clippy::indexing_slicing, reason = "evaluated at compile time, where it cannot fail late")]
const fn ends() -> [usize; Extension::ALL.len() + 1] {
    let mut ends = [0; Extension::ALL.len() + 1];
    let mut at = 0;
    while at < Extension::ALL.len() {
        ends[at + 1] = ends[at] + Extension::ALL[at].bare_line(false).len();
        at += 1;
    }
    ends
}

impl Extension {
    /// The lines in an EHLO reply of the extensions from `first` on up to the one before `behind`, in
    /// the order of [`Extension::ALL`], where nothing stands behind the keywords and more follows.
    #[inline]
    pub(super) fn bare_lines(first: usize, behind: usize) -> &'static str {
        match (ENDS.get(first), ENDS.get(behind)) {
            (Some(start), Some(end)) => Self::BARE_LINES.get(*start..*end).unwrap_or_default(),
            _ => "",
        }
    }
}

impl Extension {
    /// The extension of the keyword at the start of `text`, if a space, a tab or a CR ends it, and that
    /// and what follows it. Texts of less than eight octets are left to
    /// [`from_keyword`](Extension::from_keyword).
    #[inline]
    pub(super) fn split(text: &[u8]) -> Option<(Self, &[u8])> {
        let octets = u64::from_be_bytes(*text.first_chunk()?);
        let extension = match word_bits(octets) {
            // No octet at all, or eight: of the keyword only the beginning was seen.
            0 => return None,
            64 => Self::of_key(upper(octets))?,
            bits => Self::of_key(upper(octets >> (64 - bits)))?,
        };
        let known = extension.keyword().as_bytes();
        let (keyword, behind) = text.split_at_checked(known.len())?;
        let is_whole = known.len() <= 8 || tail(known).eq_ignore_ascii_case(tail(keyword));
        (is_whole && matches!(behind, [b' ' | b'\t' | b'\r', ..])).then_some((extension, behind))
    }
}

/// How many bits stand before the first octet that is a control or a space.
const fn word_bits(octets: u64) -> u32 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = 0x80 * EACH;
    // With the top bit set, no octet takes from the one before it.
    let above_space = (octets | TOP) - 0x21 * EACH;
    (!above_space & !octets & TOP).leading_zeros() / 8 * 8
}

fn tail(keyword: &[u8]) -> &[u8] {
    keyword.get(8..).unwrap_or_default()
}

macro_rules! extensions {
    ($($(#[$doc:meta])* $name:ident = $keyword:literal,)*) => {
        /// A service extension, as its EHLO keyword names it.
        ///
        /// ```
        /// use smtp_proto::reply::Extension;
        ///
        /// assert_eq!(Extension::from_keyword(b"size"), Some(Extension::Size));
        /// assert_eq!(Extension::Size.keyword(), "SIZE");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Extension {
            $($(#[$doc])* $name,)*
        }

        impl Extension {
            /// Each of them.
            pub const ALL: &'static [Extension] = &[$(Extension::$name,)*];

            /// The lines of all in an EHLO reply, where nothing stands behind the keyword.
            const BARE_LINES: &'static str = concat!($("250-", $keyword, "\r\n",)*);

            /// The keyword, in upper case.
            #[must_use]
            pub const fn keyword(self) -> &'static str {
                match self {
                    $(Extension::$name => $keyword,)*
                }
            }

            /// Its line in an EHLO reply, where nothing stands behind the keyword.
            pub(super) const fn bare_line(self, is_last: bool) -> &'static str {
                match self {
                    $(Extension::$name if is_last => concat!("250 ", $keyword, "\r\n"),
                    Extension::$name => concat!("250-", $keyword, "\r\n"),)*
                }
            }

            /// The extension of a keyword in any case (RFC 5321 section 4.1.1.1).
            #[must_use]
            pub fn from_keyword(keyword: &[u8]) -> Option<Self> {
                let near = Self::of_key(key(keyword))?;
                // The first eight octets agree, if there are as many.
                let known = near.keyword().as_bytes();
                let same = known.len() == keyword.len()
                    && (known.len() <= 8 || tail(known).eq_ignore_ascii_case(tail(keyword)));
                same.then_some(near)
            }

            #[inline]
            const fn of_key(key: u64) -> Option<Self> {
                #[expect(non_upper_case_globals, reason = "named like the variants")]
                mod keys {
                    $(pub(super) const $name: u64 = super::key($keyword.as_bytes());)*
                }
                match key {
                    $(keys::$name => Some(Extension::$name),)*
                    _ => None,
                }
            }
        }
    };
}

extensions! {
    /// Commands in groups (RFC 2920).
    Pipelining = "PIPELINING",
    /// Message size declaration (RFC 1870).
    Size = "SIZE",
    /// 8-bit content (RFC 6152).
    EightBitMime = "8BITMIME",
    /// Internationalized addresses (RFC 6531).
    SmtpUtf8 = "SMTPUTF8",
    /// Enhanced status codes in replies (RFC 2034).
    EnhancedStatusCodes = "ENHANCEDSTATUSCODES",
    /// Delivery status notifications (RFC 3461).
    Dsn = "DSN",
    /// BDAT (RFC 3030).
    Chunking = "CHUNKING",
    /// Binary content (RFC 3030).
    BinaryMime = "BINARYMIME",
    /// TLS on this connection (RFC 3207).
    StartTls = "STARTTLS",
    /// Authentication (RFC 4954).
    Auth = "AUTH",
    /// Limits told beforehand (RFC 9422).
    Limits = "LIMITS",
    /// TLS on the whole way (RFC 8689).
    RequireTls = "REQUIRETLS",
    /// Release at a later time (RFC 4865).
    FutureRelease = "FUTURERELEASE",
    /// Delivery within a time (RFC 2852).
    DeliverBy = "DELIVERBY",
    /// Priorities (RFC 6710).
    MtPriority = "MT-PRIORITY",
    /// Require-recipient-valid-since (RFC 7293).
    Rrvs = "RRVS",
    /// Remote queue start (RFC 1985).
    Etrn = "ETRN",
    /// VRFY (RFC 5321 section 3.5).
    Vrfy = "VRFY",
    /// EXPN (RFC 5321 section 3.5).
    Expn = "EXPN",
    /// HELP (RFC 5321 section 4.1.1.8).
    Help = "HELP",
    /// Content by URL (RFC 4468).
    Burl = "BURL",
    /// Solicitation classes (RFC 3865).
    NoSoliciting = "NO-SOLICITING",
    /// Message tracking (RFC 3885).
    Mtrk = "MTRK",
    /// Authenticated turn (RFC 2645).
    Atrn = "ATRN",
    /// Responsible submitter (RFC 4405).
    Submitter = "SUBMITTER",
    /// Checkpoint and restart (RFC 1845).
    Checkpoint = "CHECKPOINT",
    /// Content negotiation (RFC 4141).
    Conneg = "CONNEG",
    /// Content conversion permission (RFC 4141).
    Conperm = "CONPERM",
    /// Attributes of the original client, replacing its own.
    Xclient = "XCLIENT",
    /// Attributes of the original client, for the log.
    Xforward = "XFORWARD",
    /// A reply for each recipient behind the data (draft-hall-prdr).
    Prdr = "PRDR",
    /// SEND (RFC 821).
    Send = "SEND",
    /// SOML (RFC 821).
    Soml = "SOML",
    /// SAML (RFC 821).
    Saml = "SAML",
    /// TURN (RFC 821).
    Turn = "TURN",
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_keyword_counts() {
        for keyword in [
            "",
            "SIZ",
            "SIZES",
            "\0SIZE",
            "SIZE=1",
            "\u{33}IZE",
            "8BITMIM",
            "8BITMIMEX",
            "\u{18}BITMIME",
            "XVERP=1",
            "ENHANCED",
            "ENHANCEDSTATUSCODE",
            "PIPELINING ",
            "MT\rPRIORITY",
            "AUTH=PLAIN",
            "X-SIZE",
        ] {
            assert_eq!(Extension::from_keyword(keyword.as_bytes()), None, "{keyword:?}");
        }
    }

    #[test]
    fn case_does_not_count() {
        for extension in Extension::ALL {
            let mut keyword = [0; 32];
            let keyword = keyword.get_mut(..extension.keyword().len()).unwrap();
            keyword.copy_from_slice(extension.keyword().as_bytes());
            assert_eq!(Extension::from_keyword(keyword), Some(*extension));
            keyword.make_ascii_lowercase();
            assert_eq!(Extension::from_keyword(keyword), Some(*extension));
            keyword[0].make_ascii_uppercase();
            assert_eq!(Extension::from_keyword(keyword), Some(*extension));
        }
    }

    #[test]
    fn upper_is_that_of_each_octet() {
        for byte in 0..=255u8 {
            let octets = [byte, b'a', byte, 0xff, byte, b'z', b'{', byte];
            let expected = u64::from_be_bytes(octets.map(|b| b.to_ascii_uppercase()));
            assert_eq!(upper(u64::from_be_bytes(octets)), expected, "{byte}");
        }
    }

    #[test]
    fn a_key_is_made_of_the_octets_in_their_order() {
        for (keyword, octets) in [
            ("DSN", b"\0\0\0\0\0DSN"),
            ("SIZE", b"\0\0\0\0SIZE"),
            ("ABCDE", b"\0\0\0ABCDE"),
            ("LIMITS", b"\0\0LIMITS"),
            ("XCLIENT", b"\0XCLIENT"),
            ("STARTTLS", b"STARTTLS"),
            ("PIPELINING", b"PIPELINI"),
        ] {
            assert_eq!(key(keyword.as_bytes()), u64::from_be_bytes(*octets), "{keyword}");
        }
    }

    #[test]
    fn word_bits_are_those_before_the_first_control_or_space() {
        for at in 0..8 {
            for byte in 0..=255u8 {
                for around in [b'!', b'~', 0x80, 0xff, b'A'] {
                    let mut octets = [around; 8];
                    octets[at] = byte;
                    let expected = if byte <= b' ' { 8 * at } else { 64 };
                    let bits = word_bits(u64::from_be_bytes(octets));
                    assert_eq!(usize::try_from(bits), Ok(expected), "{octets:?}");
                }
            }
        }
        assert_eq!(word_bits(u64::from_be_bytes(*b"DSN\r\n250")), 24);
    }

    #[test]
    fn a_keyword_is_split_from_what_ends_it() {
        for extension in Extension::ALL {
            for end in [" ", "\t", "\r", "\n", "\0", "\x0b", "\x0c", "=", "-", "X", "!", "\u{e9}"] {
                for name in [extension.keyword(), &extension.keyword().to_ascii_lowercase()] {
                    let text = alloc::format!("{name}{end}rest of it");
                    let ends = matches!(end, " " | "\t" | "\r");
                    let behind = &text.as_bytes()[name.len()..];
                    let expected = ends.then_some((*extension, behind));
                    assert_eq!(Extension::split(text.as_bytes()), expected, "{text:?}");
                    let cut = text.replacen(name, name.split_at(name.len() - 1).0, 1);
                    assert_eq!(Extension::split(cut.as_bytes()), None, "{cut:?}");
                }
            }
        }
        for text in ["", "DSN\r\n25", "        ", "\r\n250 DSN", " SIZE 10000"] {
            assert_eq!(Extension::split(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_set_has_room_for_all() {
        assert!(Extension::ALL.len() <= 64);
    }
}
