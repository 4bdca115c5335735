//! Mail data as it arrives: the end found, stuffed dots removed, bare newlines noticed.
//!
//! Only CR LF "." CR LF ends mail data, and the first CR LF may be the one that ended the DATA
//! command (RFC 5321 sections 4.1.1.4 and 4.5.2). It is searched for byte by byte as it stands:
//! a bare CR, a bare LF or a NUL in its place ends nothing, in every policy.

use memchr::memchr2;
use smtp_proto::session::BareNewline;

use crate::plain::{near_newline, pass_over};

/// The next thing to do with the input, in octets from where the last piece ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Throw `skip` octets away, then `len` octets are content. `len` is never 0.
    Run {
        /// At most 1: a stuffed dot.
        skip: usize,
        /// How many octets behind it are content.
        len: usize,
    },
    /// Throw `skip` octets away; in their place stands `text`. Only under
    /// [`BareNewline::Normalise`].
    Literal {
        /// At most 2: a stuffed dot, a bare newline.
        skip: usize,
        /// What is content instead: the CR LF, or the LF that a CR lacked.
        text: &'static [u8],
    },
    /// Throw `skip` octets away: a bare newline was met. Only under [`BareNewline::Reject`], and
    /// once; pieces go on until the end, but what they hold is void.
    Bare {
        /// At most 2: a stuffed dot, a bare LF. A bare CR was already content.
        skip: usize,
    },
    /// Throw `skip` octets away: the data has ended. What follows is not mail data.
    End {
        /// Always 3: the dot and its CR LF.
        skip: usize,
    },
    /// More input is wanted. What is left is nothing, `.` or `.` CR, which cannot be judged yet
    /// and must come again.
    Incomplete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    Inside,
    AfterCr,
}

/// Decodes mail data that came by DATA: finds its end, takes stuffed dots off, and notices bare
/// newlines (RFC 5321 sections 2.3.8, 4.1.1.4 and 4.5.2). It starts behind the CR LF of the DATA
/// command and holds no octets itself: the pieces say what the caller's own are.
///
/// The input may come in any sizes. Where runs end depends on them; the content, the end and
/// whether a bare newline was met do not. There is no limit on the length of a line or of the data.
///
/// ```
/// use smtp_codec::{Decoder, Piece};
/// use smtp_proto::session::BareNewline;
///
/// let mut decoder = Decoder::new(BareNewline::Reject);
/// let (mut content, mut input) = (Vec::new(), &b"..hidden\r\nlast\r\n.\r\nQUIT\r\n"[..]);
/// loop {
///     let taken = match decoder.next(input) {
///         Piece::Run { skip, len } => {
///             content.extend_from_slice(&input[skip..skip + len]);
///             skip + len
///         }
///         Piece::Literal { skip, text } => {
///             content.extend_from_slice(text);
///             skip
///         }
///         Piece::Bare { .. } => panic!("a bare CR or LF: the message is void"),
///         Piece::Incomplete => panic!("more input is wanted"),
///         Piece::End { skip } => {
///             input = &input[skip..];
///             break;
///         }
///     };
///     input = &input[taken..];
/// }
/// assert_eq!((&content[..], input), (&b".hidden\r\nlast\r\n"[..], &b"QUIT\r\n"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    at: At,
    policy: BareNewline,
    bare: bool,
}

impl Decoder {
    /// Starts behind the DATA command.
    #[must_use]
    pub fn new(policy: BareNewline) -> Self {
        Decoder { at: At::LineStart, policy, bare: false }
    }

    /// Judges the start of `input`, which must begin where the last piece ended. Nothing is an
    /// error here: what was sent against the rules is [`Piece::Bare`]. Behind [`Piece::End`] the
    /// decoder is spent.
    pub fn next(&mut self, input: &[u8]) -> Piece {
        match self.dotted_line(input) {
            Some(piece) => piece,
            None => self.any(input),
        }
    }

    /// A short line that begins with a stuffed dot, behind which the next line begins with one too.
    /// Where many do, looking further ahead would be in vain.
    #[inline]
    fn dotted_line(&self, input: &[u8]) -> Option<Piece> {
        let body = match (self.at, input) {
            // This may be the end of the data.
            (_, [b'.', b'\r', ..]) => return None,
            (At::LineStart, [b'.', body @ ..]) => body,
            _ => return None,
        };
        let end = near_newline(body)?;
        match body.get(end..)? {
            [b'\r', b'\n', b'.', ..] => Some(Piece::Run { skip: 1, len: end + 2 }),
            _ => None,
        }
    }

    #[inline(never)]
    fn any(&mut self, input: &[u8]) -> Piece {
        let mut skip = 0;
        if self.at == At::LineStart && input.first() == Some(&b'.') {
            match input {
                [b'.'] | [b'.', b'\r'] => return Piece::Incomplete,
                [b'.', b'\r', b'\n', ..] => return Piece::End { skip: 3 },
                _ => {
                    skip = 1;
                    self.at = At::Inside;
                }
            }
        }
        let body = input.get(skip..).unwrap_or_default();
        if body.is_empty() {
            return Piece::Incomplete;
        }
        let after_cr = self.at == At::AfterCr;
        let stop = match self.policy {
            // Once one was met nothing is lent any more: only the end matters.
            BareNewline::Reject => !self.bare,
            BareNewline::Normalise => true,
            BareNewline::Pass => false,
        };
        match self.scan(body, stop) {
            (0, true) => self.bare(skip, after_cr),
            (len, _) => Piece::Run { skip, len },
        }
    }

    /// A bare newline stands here: an LF, or, behind what was lent, a CR. The end of the data and the
    /// stuffed dots are those of the bytes as they came, whatever stands in its place.
    #[cold]
    fn bare(&mut self, skip: usize, after_cr: bool) -> Piece {
        match (self.policy, after_cr) {
            (BareNewline::Normalise, true) => Piece::Literal { skip, text: b"\n" },
            (BareNewline::Normalise, false) => Piece::Literal { skip: skip + 1, text: b"\r\n" },
            // A CR was lent before it was known to be bare; an LF is thrown away here.
            _ => {
                self.bare = true;
                Piece::Bare { skip: if after_cr { skip } else { skip + 1 } }
            }
        }
    }

    /// The content up to the next line that begins with a dot, or to the end of `body`. With
    /// `stop` it ends before a bare newline, and says whether it met one.
    #[inline]
    fn scan(&mut self, body: &[u8], stop: bool) -> (usize, bool) {
        let mut from = 0;
        let mut line_end = None;
        if self.at == At::AfterCr {
            match body {
                [b'\n', b'.', ..] => {
                    self.at = At::LineStart;
                    return (1, false);
                }
                [b'\n', ..] => {
                    from = 1;
                    line_end = Some(1);
                }
                _ if stop => {
                    self.at = At::Inside;
                    return (0, true);
                }
                _ => {}
            }
        }
        // Where the next look ahead may begin: it pays where lines do not begin with dots.
        let mut ahead = 0;
        while let Some(at) = body.get(from..).and_then(|rest| memchr2(b'\r', b'\n', rest)) {
            let here = from + at;
            match body.get(here..).unwrap_or_default() {
                [b'\r', b'\n', b'.', ..] => {
                    self.at = At::LineStart;
                    return (here + 2, false);
                }
                [b'\r', b'\n', ..] => {
                    from = here + 2;
                    line_end = Some(from);
                    if from >= ahead {
                        (from, ahead) = pass_over(body, from);
                    }
                }
                [b'\r'] => {
                    self.at = At::AfterCr;
                    return (here + 1, false);
                }
                // The same as if the buffer ended here: every split gives the same pieces.
                [b'\r', ..] if stop => {
                    self.at = At::AfterCr;
                    return (here + 1, false);
                }
                _ if stop => {
                    self.at = At::Inside;
                    return (here, true);
                }
                _ => from = here + 1,
            }
        }
        self.at = if line_end == Some(body.len()) { At::LineStart } else { At::Inside };
        (body.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes `input` as it comes in pieces of `sizes`: the content, whether a bare newline was
    /// met, and what stood behind the end, or `None` where there was no end.
    fn run(input: &[u8], sizes: &[usize], policy: BareNewline) -> Option<(Vec<u8>, bool, Vec<u8>)> {
        let mut decoder = Decoder::new(policy);
        let (mut buffer, mut content, mut bare) = (Vec::new(), Vec::new(), false);
        let mut rest = input;
        let mut sizes = sizes.iter().copied().cycle();
        loop {
            match decoder.next(&buffer) {
                Piece::Run { skip, len } => {
                    assert!(len > 0);
                    if !bare {
                        content.extend_from_slice(&buffer[skip..skip + len]);
                    }
                    buffer.drain(..skip + len);
                }
                Piece::Literal { skip, text } => {
                    content.extend_from_slice(text);
                    buffer.drain(..skip);
                }
                Piece::Bare { skip } => {
                    assert!(policy == BareNewline::Reject && !bare);
                    bare = true;
                    buffer.drain(..skip);
                }
                Piece::End { skip } => {
                    buffer.drain(..skip);
                    return Some((content, bare, [&buffer[..], rest].concat()));
                }
                Piece::Incomplete => {
                    assert!(buffer.len() <= 2, "at most a dot and a CR are held back");
                    if rest.is_empty() {
                        return None;
                    }
                    let n = sizes.next().unwrap_or(1).clamp(1, rest.len());
                    buffer.extend_from_slice(&rest[..n]);
                    rest = &rest[n..];
                }
            }
        }
    }

    /// A plain search, and a line at a time for the dots.
    fn oracle(input: &[u8], policy: BareNewline) -> Option<(Vec<u8>, bool, Vec<u8>)> {
        let framed = [b"\r\n", input].concat();
        let end = framed.windows(5).position(|five| five == b"\r\n.\r\n")?;
        let mut content = Vec::new();
        let (mut bare, mut at) = (false, 2);
        while at < end + 2 {
            let line_start = framed[..at].ends_with(b"\r\n");
            match &framed[at..] {
                [b'.', ..] if line_start => at += 1,
                [b'\r', b'\n', ..] => {
                    if !bare {
                        content.extend_from_slice(b"\r\n");
                    }
                    at += 2;
                    continue;
                }
                _ => {}
            }
            match framed[at] {
                b'\r' if framed.get(at + 1) == Some(&b'\n') => {}
                newline @ (b'\r' | b'\n') => {
                    match policy {
                        BareNewline::Normalise => content.extend_from_slice(b"\r\n"),
                        BareNewline::Reject if bare || newline == b'\n' => {}
                        _ => content.push(newline),
                    }
                    bare |= policy == BareNewline::Reject;
                    at += 1;
                }
                other => {
                    if !bare {
                        content.push(other);
                    }
                    at += 1;
                }
            }
        }
        Some((content, bare, framed[end + 5..].to_vec()))
    }

    const POLICIES: [BareNewline; 3] =
        [BareNewline::Reject, BareNewline::Normalise, BareNewline::Pass];

    #[test]
    fn the_first_crlf_may_be_that_of_the_data_command() {
        for policy in POLICIES {
            let nothing = run(b".\r\nQUIT\r\n", &[100], policy);
            assert_eq!(nothing, Some((Vec::new(), false, b"QUIT\r\n".to_vec())));
            let dot = run(b"..\r\n.\r\n", &[100], policy);
            assert_eq!(dot, Some((b".\r\n".to_vec(), false, Vec::new())));
        }
    }

    #[test]
    fn the_crlf_before_the_last_dot_is_content() {
        let got = run(b"a\r\n.\r\n", &[1], BareNewline::Reject);
        assert_eq!(got, Some((b"a\r\n".to_vec(), false, Vec::new())));
    }

    #[test]
    fn nothing_but_crlf_dot_crlf_ends_the_data() {
        let bogus: [&[u8]; 17] = [
            b"\n.\n",
            b"\n.\r",
            b"\r.\n",
            b"\r.\r",
            b"\n.\r\n",
            b"\r.\r\n",
            b"\r\n\0.\r\n",
            b"\r\n.\r\r\n",
            b"\r\r\n.\r\r\n",
            b"\r\n.\n",
            b"\r\n.\rx",
            b"\r\n.\0\r\n",
            b"\r\n.\x85",
            b"\xc2\x85.\xc2\x85",
            b"\r\n\xc0\xae\r\n",
            b"\x8d\x8a\xae\x8d\x8a",
            b"\r\n\xef\xbc\x8e\r\n",
        ];
        for sequence in bogus {
            for framing in [&b"text\r\n"[..], b"text", b""] {
                let input = [framing, sequence, b"\r\nMAIL FROM:<evil@x>\r\n"].concat();
                for policy in POLICIES {
                    assert_eq!(run(&input, &[1], policy), None, "{}", input.escape_ascii());
                    let ended = [&input[..], b".\r\nNOOP\r\n"].concat();
                    let got = run(&ended, &[3], policy);
                    assert_eq!(got, oracle(&ended, policy), "{}", input.escape_ascii());
                    assert_eq!(got.map(|(_, _, behind)| behind), Some(b"NOOP\r\n".to_vec()));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_split_gives_what_the_oracle_says(
            input in prop::collection::vec(prop::sample::select(b"a.\r\n.\r\n\0".to_vec()), 0..40),
            sizes in prop::collection::vec(1_usize..12, 1..8),
            policy in prop::sample::select(POLICIES.to_vec()),
        ) {
            prop_assert_eq!(run(&input, &sizes, policy), oracle(&input, policy));
        }

        /// Long enough for what is passed over in blocks.
        #[test]
        fn any_split_of_many_lines_gives_what_the_oracle_says(
            lines in prop::collection::vec(
                (0_usize..90, prop::sample::select(LINES.to_vec())), 1..40,
            ),
            sizes in prop::collection::vec(prop::sample::select(vec![1, 2, 131, 500, 1460]), 1..8),
            policy in prop::sample::select(POLICIES.to_vec()),
        ) {
            let mut input = lines.iter().fold(Vec::new(), |all, (len, end)| {
                [&all[..], &vec![b'a'; *len], end.as_bytes()].concat()
            });
            input.extend_from_slice(b"\r\n.\r\nQUIT\r\n");
            prop_assert_eq!(run(&input, &sizes, policy), oracle(&input, policy));
        }
    }

    /// A line that ends about where a block does, so that the block may end within its CRLF, and behind
    /// it something that is not passed over.
    #[test]
    fn a_block_may_end_within_a_crlf() {
        for len in (120_usize..132).chain(248..260) {
            for behind in ["b\r\n..c", "b\nc", "\nb", "\rb", "..b", "b\r\n.\rc", "\r\n", ""] {
                for more in [0, 300] {
                    let line =
                        [b"a\r\n", &vec![b'a'; len][..], b"\r\n", behind.as_bytes()].concat();
                    let input = [&line[..], &vec![b'd'; more], b"\r\n.\r\nQUIT\r\n"].concat();
                    for policy in POLICIES {
                        let expected = oracle(&input, policy);
                        for sizes in [&[1000][..], &[131], &[1]] {
                            let got = run(&input, sizes, policy);
                            assert_eq!(
                                got, expected,
                                "{len} {behind:?} {more} {sizes:?} {policy:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    const LINES: [&str; 12] = [
        "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n..", "\r\n.", "\r\n.\r", "\n", "\r",
        "\n.\r\n", "\r\r\n",
    ];
}
