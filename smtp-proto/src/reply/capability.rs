//! The reply to EHLO as a client reads it.

use core::fmt;

use super::answer::REPLY_LINE;
use super::received::{Lines, split_line};
use super::{Extension, Extensions, Reply, ReplyError, ReplyFault};
use crate::sink::{Sink, put_words};

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The text without spaces and tabs before it.
fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The text without spaces and tabs on either side.
fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Words between spaces and tabs.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|b| is_space(*b)).filter(|word| !word.is_empty())
}

/// The first word of a text that does not begin with a space, and what follows it.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| is_space(*b)).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, trim_start(rest))
}

/// One line of an EHLO reply: a keyword and its arguments.
///
/// ```text
/// ehlo-line    = ehlo-keyword *( SP ehlo-param )           ; RFC 5321 section 4.1.1.1
/// ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// ehlo-param   = 1*(%d33-126)
/// ```
///
/// What is received may deviate: any octets are kept, spaces and tabs separate, and
/// `AUTH=PLAIN` is read as `AUTH PLAIN`.
///
/// ```
/// use smtp_proto::reply::{Capability, Extension};
///
/// let auth = Capability::new("AUTH", "PLAIN LOGIN").unwrap();
/// assert_eq!(auth.kind(), Some(Extension::Auth));
/// assert!(auth.arguments().eq([b"PLAIN".as_slice(), b"LOGIN"]));
/// assert!(Capability::new("X=1", "").is_err());
/// ```
#[derive(Clone, Copy)]
pub struct Capability<'a> {
    keyword: &'a [u8],
    text: &'a [u8],
    kind: Option<Extension>,
    /// The text is words with one space between each two.
    even: bool,
}

impl<'a> Capability<'a> {
    /// A line to write: the keyword by its grammar, and arguments between single spaces.
    ///
    /// # Errors
    ///
    /// [`ReplyError::Control`] if either is outside the grammar, [`ReplyError::TooLong`] if the
    /// line would pass 512 octets.
    pub fn new(keyword: &'a str, arguments: &'a str) -> Result<Self, ReplyError> {
        let (keyword, text) = (keyword.as_bytes(), arguments.as_bytes());
        let named = keyword.first().is_some_and(u8::is_ascii_alphanumeric)
            && keyword.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        let argued = text.is_empty()
            || text
                .split(|b| *b == b' ')
                .all(|a| !a.is_empty() && a.iter().all(u8::is_ascii_graphic));
        if !named || !argued {
            return Err(ReplyError::Control);
        }
        // Code, the two separators and CRLF take 7 octets.
        if keyword.len().saturating_add(text.len()) > REPLY_LINE - 7 {
            return Err(ReplyError::TooLong);
        }
        Ok(Capability { even: true, ..Capability::read(keyword, text) })
    }

    fn read(keyword: &'a [u8], text: &'a [u8]) -> Self {
        Capability { keyword, text, kind: Extension::from_keyword(keyword), even: text.is_empty() }
    }

    /// Reads what follows the code on a line; `None` if it is blank.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let line = trim(line);
        if let Some((keyword, [b'=', text @ ..])) = line.split_at_checked(4)
            && keyword.eq_ignore_ascii_case(b"AUTH")
        {
            return Some(Capability::read(keyword, trim_start(text)));
        }
        let (keyword, text) = first_word(line);
        (!keyword.is_empty()).then(|| Capability::read(keyword, text))
    }

    /// A keyword without arguments; `None` if it is empty.
    fn alone(keyword: &'a [u8]) -> Option<Self> {
        (!keyword.is_empty()).then(|| Capability::read(keyword, b""))
    }

    /// The keyword as it was written.
    #[must_use]
    pub const fn keyword(&self) -> &'a [u8] {
        self.keyword
    }

    /// The extension that the keyword names, if it is a known one.
    #[must_use]
    pub fn kind(&self) -> Option<Extension> {
        self.kind
    }

    /// Writes the keyword, and the arguments with one space before each.
    pub(super) fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self.keyword);
        match self.text {
            [] => {}
            text if self.even => {
                out.put(b" ");
                out.put(text);
            }
            text => put_words(out, text),
        }
    }

    /// The arguments as they were written. May be empty.
    #[must_use]
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The arguments one by one.
    pub fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        words(self.text)
    }
}

impl PartialEq for Capability<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.keyword == other.keyword && self.text == other.text
    }
}

impl Eq for Capability<'_> {}

impl fmt::Debug for Capability<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Capability");
        shown.field("keyword", &self.keyword).field("text", &self.text).finish()
    }
}

/// A reply to EHLO or LHLO, as the greeting and capabilities that it stands for.
///
/// ```
/// use smtp_proto::reply::{Capabilities, Extension, Reply};
///
/// let reply = b"250-mx.example.org hello\r\n250-SIZE 1000\r\n250 dsn\r\n";
/// let ehlo = Capabilities::new(Reply::parse(reply).unwrap());
/// assert_eq!(ehlo.domain(), b"mx.example.org");
/// assert_eq!(ehlo.extensions().size(), Some(1000));
/// assert!(ehlo.extensions().contains(Extension::Dsn));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities<'a> {
    reply: Reply<'a>,
}

impl<'a> Capabilities<'a> {
    /// Looks at a reply as one to EHLO. Whether it is a 250 is for the caller to see.
    #[must_use]
    pub const fn new(reply: Reply<'a>) -> Self {
        Capabilities { reply }
    }

    /// Reads one whole reply to EHLO, and what it offers, in one pass.
    ///
    /// # Errors
    ///
    /// [`ReplyFault`], as for [`Reply::parse`].
    ///
    /// ```
    /// use smtp_proto::reply::{Capabilities, Extension};
    ///
    /// let (ehlo, offered) = Capabilities::parse(b"250-mx.example.org\r\n250 SIZE 1000\r\n")?;
    /// assert_eq!(ehlo.domain(), b"mx.example.org");
    /// assert_eq!(offered.size(), Some(1000));
    /// assert!(!offered.contains(Extension::StartTls));
    /// # Ok::<(), smtp_proto::reply::ReplyFault>(())
    /// ```
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, Extensions), ReplyFault> {
        let mut offered = Extensions::NONE;
        let reply = Reply::read(bytes, |text| read_line(text, &mut offered))?;
        Ok((Capabilities { reply }, offered))
    }

    /// The whole reply.
    #[must_use]
    pub const fn reply(&self) -> Reply<'a> {
        self.reply
    }

    /// The name that the server gives itself. May be empty.
    #[must_use]
    pub fn domain(&self) -> &'a [u8] {
        self.first().0
    }

    /// What follows that name. May be empty.
    #[must_use]
    pub fn greeting(&self) -> &'a [u8] {
        self.first().1
    }

    fn first(&self) -> (&'a [u8], &'a [u8]) {
        first_word(trim(self.reply.lines().next().unwrap_or_default()))
    }

    /// The capabilities in the order of their lines. Blank lines are skipped.
    pub fn iter(&self) -> impl Iterator<Item = Capability<'a>> + Clone + use<'a> {
        let mut lines = self.reply.reply_lines();
        lines.next();
        Iter { lines }
    }

    /// The first capability of that keyword, in any case.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<Capability<'a>> {
        self.iter().find(|c| c.keyword.eq_ignore_ascii_case(keyword.as_bytes()))
    }

    /// The names of the authentication mechanisms, of every AUTH line. A name may come twice.
    pub fn mechanisms(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.iter().filter(|c| c.kind() == Some(Extension::Auth)).flat_map(|c| c.arguments())
    }

    /// The known extensions among them.
    #[must_use]
    pub fn extensions(&self) -> Extensions {
        // What was parsed once is parsed again without a fault.
        Self::parse(self.reply.as_bytes()).map_or(Extensions::NONE, |(_, offered)| offered)
    }
}

/// Reads the line at the start of `text`, of which the code was read; what follows it is returned.
#[inline]
fn read_line<'a>(text: &'a [u8], offered: &mut Extensions) -> Result<&'a [u8], ReplyFault> {
    match Extension::split(text) {
        Some((kind, [b'\r', b'\n', rest @ ..])) => {
            offered.add_bare(kind);
            Ok(rest)
        }
        Some((kind, behind)) => {
            let (arguments, rest) = split_line(behind)?;
            offered.add_known(kind, arguments);
            Ok(rest)
        }
        None => {
            let (line, rest) = split_line(text)?;
            if let Some(capability) = Capability::parse(line) {
                offered.add(&capability);
            }
            Ok(rest)
        }
    }
}

/// What stands on the lines that are left.
#[derive(Clone)]
struct Iter<'a> {
    lines: Lines<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Capability<'a>;

    fn next(&mut self) -> Option<Capability<'a>> {
        loop {
            let capability = match self.lines.next_word() {
                Some(keyword) => Capability::alone(keyword),
                None => Capability::parse(self.lines.next()?.text()),
            };
            if capability.is_some() {
                return capability;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{format, vec};

    use proptest::prelude::*;

    use super::*;

    /// Pieces of lines, most of them of known extensions.
    const PIECES: [&str; 36] = [
        "SIZE",
        "size",
        "DSN",
        "dsn",
        "PIPELINING",
        "PipeLining",
        "ENHANCEDSTATUSCODES",
        "LIMITS",
        "8BITMIME",
        "STARTTLS",
        "AUTH",
        "auth",
        "DELIVERBY",
        "FUTURERELEASE",
        "X",
        "X-FOO",
        "10",
        "RCPTMAX=5",
        "PLAIN",
        " ",
        " ",
        " ",
        " ",
        "\t",
        "=",
        "",
        "\r\n250-",
        "\r\n250-",
        "\r\n250-",
        "\r\n250-",
        "\r\n250-",
        "\r\n250",
        "\r\n550-",
        "\r\n250 ",
        "\0",
        "\u{e9}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// One line behind the other.
        #[test]
        fn what_is_offered_is_what_the_lines_say(
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40),
            ended in prop::sample::select(vec!["\r\n250 DSN\r\n", "\r\n250 STARTTLS\r\n", "\r\n", ""]),
        ) {
            let text = format!("250-mx\r\n250-{}{ended}", pieces.concat());
            let parsed = Capabilities::parse(text.as_bytes());
            let whole = Reply::parse(text.as_bytes());
            prop_assert_eq!(parsed.map(|(ehlo, _)| ehlo.reply()), whole);
            if let (Ok((ehlo, offered)), Ok(reply)) = (parsed, whole) {
                let mut lines = reply.lines();
                lines.next();
                let capabilities = lines.filter_map(Capability::parse);
                let expected =
                    capabilities.fold(Extensions::NONE, |all, line| all.with_capability(&line));
                prop_assert_eq!(offered, expected);
                prop_assert_eq!(ehlo.extensions(), expected);
            }
        }
    }

    fn ehlo(bytes: &[u8]) -> Capabilities<'_> {
        Capabilities::new(Reply::parse(bytes).unwrap())
    }

    #[test]
    fn blank_lines_are_skipped() {
        let read = ehlo(b"250-mx\r\n250-\r\n250-   \r\n250- \t \r\n250-DSN\r\n250\r\n");
        assert!(read.iter().map(|c| c.keyword()).eq([b"DSN".as_slice()]));
        assert_eq!(ehlo(b"250-\r\n250 \r\n").iter().count(), 0);
        assert_eq!(ehlo(b"250 \t \r\n").domain(), b"");
        assert_eq!(ehlo(b"250\r\n").extensions(), Extensions::NONE);
    }

    #[test]
    fn the_first_line_is_no_capability() {
        let read = ehlo(b"250-SIZE greets  you \r\n250 DSN\r\n");
        assert_eq!(
            (read.domain(), read.greeting()),
            (b"SIZE".as_slice(), b"greets  you".as_slice())
        );
        assert_eq!(read.extensions(), Extensions::NONE.with(Extension::Dsn));
        assert_eq!(ehlo(b"250 PIPELINING\r\n").extensions(), Extensions::NONE);
    }

    #[test]
    fn the_old_form_of_auth_is_read() {
        let read = ehlo(b"250-mx\r\n250-AUTH=LOGIN PLAIN\r\n250-auth cram-md5\r\n250 AUTH=\r\n");
        assert!(read.mechanisms().eq([b"LOGIN".as_slice(), b"PLAIN", b"cram-md5"]));
        assert!(read.extensions().contains(Extension::Auth));
        assert_eq!(read.get("AUTH").unwrap().text(), b"LOGIN PLAIN");
    }

    #[test]
    fn what_is_unknown_or_illegal_is_kept() {
        let read = ehlo(
            b"250-mx\r\n250-XVERP=x y\r\n250-=\r\n250-\xff\x01 a\tb\r\n250-X-FOO\r\n250 DSN\r\n",
        );
        let mut each = read.iter();
        let first = each.next().unwrap();
        assert_eq!(
            (first.keyword(), first.text(), first.kind()),
            (&b"XVERP=x"[..], &b"y"[..], None)
        );
        assert_eq!(each.next().unwrap().keyword(), b"=");
        let raw = each.next().unwrap();
        assert_eq!(raw.keyword(), b"\xff\x01");
        assert!(raw.arguments().eq([b"a".as_slice(), b"b"]));
        assert_eq!(read.get("x-foo").unwrap().keyword(), b"X-FOO");
        assert!(read.get("X-BAR").is_none());
        assert_eq!(read.extensions(), Extensions::NONE.with(Extension::Dsn));
    }

    /// A form feed is no white space here, wherever it stands.
    #[test]
    fn spaces_and_tabs_separate_and_nothing_else_does() {
        let read =
            ehlo(b"250-\x0cmx \x0chi\r\n250-AUTH=\x0cPLAIN\r\n250-\x0cDSN\t\r\n250 SIZE \x0c5\r\n");
        assert_eq!((read.domain(), read.greeting()), (&b"\x0cmx"[..], &b"\x0chi"[..]));
        assert!(read.mechanisms().eq([b"\x0cPLAIN"]));
        assert_eq!(read.get("SIZE").unwrap().text(), b"\x0c5");
        assert!(!read.extensions().contains(Extension::Dsn));
    }

    #[test]
    fn what_would_break_the_line_cannot_be_built() {
        for (keyword, arguments) in [
            ("", ""),
            ("-A", ""),
            ("A=B", ""),
            ("A B", ""),
            ("A\r\nB", ""),
            ("\u{e9}", ""),
            ("A", "b\r\n250 c"),
            ("A", "b\0"),
            ("A", " b"),
            ("A", "b "),
            ("A", "b  c"),
            ("A", " "),
            ("A", "b\tc"),
            ("A", "\u{e9}"),
        ] {
            assert_eq!(
                Capability::new(keyword, arguments),
                Err(ReplyError::Control),
                "{keyword:?} {arguments:?}"
            );
        }
        let long = [b'a'; 505];
        let text = |n| core::str::from_utf8(&long[..n]).unwrap();
        assert!(Capability::new("A", text(504)).is_ok());
        assert_eq!(Capability::new("A", text(505)), Err(ReplyError::TooLong));
    }
}
