//! Mail data as it is sent: dots stuffed, newlines kept honest, the end written
//! (RFC 5321 sections 2.3.8 and 4.5.2).

use core::fmt;

use memchr::memchr2;
use smtp_proto::session::BareNewline;

use crate::plain::{near_newline, pass_over};

/// The content holds a CR or an LF that is not part of a CRLF, and the policy is
/// [`BareNewline::Reject`] (RFC 5321 section 2.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundBareNewline;

impl fmt::Display for FoundBareNewline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the content holds a CR or LF that is not part of a CRLF")
    }
}

impl core::error::Error for FoundBareNewline {}

/// The next bytes for the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run<'a> {
    /// So many octets of the input, as they are.
    Lent(&'a [u8]),
    /// Octets that differ from the input, and how many octets of the input they stand for: a few that
    /// it does not have, or some of it with one dot more at their end.
    Written(&'a [u8], usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    Inside,
    AfterCr,
    /// At a dot that begins a line, behind the one that was put before it.
    Stuffed,
    /// Behind a bare newline that was passed on: a peer might see a line start here.
    MaybeLineStart,
}

/// Encodes mail data for DATA. What it lends are runs of the caller's own bytes, fit for vectored
/// writes; the content may come in any pieces.
///
/// With [`BareNewline::Reject`] a bare CR or LF is an error and never reaches the wire; with
/// [`BareNewline::Normalise`] it becomes CRLF; with [`BareNewline::Pass`] it goes as it is, and a
/// dot behind it is doubled, so that no peer finds an end of data there.
///
/// ```
/// use smtp_codec::{Encoder, Run};
/// use smtp_proto::session::BareNewline;
///
/// let mut encoder = Encoder::new(BareNewline::Reject);
/// let (mut wire, mut content) = (Vec::new(), &b".hidden\r\nlast"[..]);
/// while let Some(run) = encoder.next(content)? {
///     let taken = match run {
///         Run::Lent(bytes) => { wire.extend_from_slice(bytes); bytes.len() }
///         Run::Written(bytes, taken) => { wire.extend_from_slice(bytes); taken }
///     };
///     content = &content[taken..];
/// }
/// wire.extend_from_slice(encoder.finish()?);
/// assert_eq!(wire, b"..hidden\r\nlast\r\n.\r\n");
/// # Ok::<(), smtp_codec::FoundBareNewline>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    at: At,
    policy: BareNewline,
    stuffs: bool,
}

impl Encoder {
    /// Starts at the beginning of the content.
    #[must_use]
    pub fn new(policy: BareNewline) -> Self {
        Encoder { at: At::LineStart, policy, stuffs: true }
    }

    /// The same for content that goes by BDAT: no dots are stuffed and no end is written, but
    /// newlines are looked at all the same.
    pub(crate) fn for_chunks(policy: BareNewline) -> Self {
        Encoder { stuffs: false, ..Self::new(policy) }
    }

    /// The next run of `content`, which must begin where the last run ended; `None` when there is
    /// no more of it.
    ///
    /// # Errors
    ///
    /// [`FoundBareNewline`] under [`BareNewline::Reject`]; the mail data must then be abandoned
    /// by closing the connection.
    pub fn next<'a>(&mut self, content: &'a [u8]) -> Result<Option<Run<'a>>, FoundBareNewline> {
        match self.dotted_line(content) {
            Some(run) => Ok(Some(run)),
            None => self.any(content),
        }
    }

    /// A short line that begins with a dot, behind which the next line begins with one too. That dot
    /// is lent twice: at the end of this run, and at the start of the next.
    #[inline]
    fn dotted_line<'a>(&self, content: &'a [u8]) -> Option<Run<'a>> {
        if self.at != At::Stuffed || content.first() != Some(&b'.') {
            return None;
        }
        let end = near_newline(content)?;
        match content.get(end..)? {
            [b'\r', b'\n', b'.', ..] => Some(Run::Written(content.get(..end + 3)?, end + 2)),
            _ => None,
        }
    }

    #[inline(never)]
    fn any<'a>(&mut self, content: &'a [u8]) -> Result<Option<Run<'a>>, FoundBareNewline> {
        let Some(first) = content.first() else { return Ok(None) };
        if !self.stuffs && self.policy == BareNewline::Pass {
            return Ok(Some(Run::Lent(content)));
        }
        match self.at {
            // A CR is held back until what follows it is known, so that none goes out bare.
            At::AfterCr if *first == b'\n' => {
                self.at = At::LineStart;
                return Ok(Some(Run::Written(b"\r\n", 1)));
            }
            At::AfterCr => return self.bare(b'\r', 0).map(Some),
            At::LineStart | At::MaybeLineStart if *first == b'.' && self.stuffs => {
                self.at = At::Inside;
                return Ok(Some(Run::Written(b"..", 1)));
            }
            // Other content than was shown: the line that it goes on with must not end the data.
            At::Stuffed if *first != b'.' => {
                self.at = At::Inside;
                return Ok(Some(Run::Written(b".", 0)));
            }
            _ => {}
        }
        let len = self.run(content);
        if self.at == At::Stuffed {
            return Ok(content.get(..=len).map(|run| Run::Written(run, len)));
        }
        match content.split_at_checked(len) {
            Some((run, _)) if len > 0 => Ok(Some(Run::Lent(run))),
            _ if content == b"\r" => {
                self.at = At::AfterCr;
                Ok(Some(Run::Written(b"", 1)))
            }
            _ => self.bare(*first, 1).map(Some),
        }
    }

    /// How many octets can go out as they are: up to a line that begins with a dot, which is then
    /// [`At::Stuffed`], a bare newline, or a CR at the end.
    fn run(&mut self, content: &[u8]) -> usize {
        let (mut from, mut ahead) = (0, 0);
        while let Some(at) = content.get(from..).and_then(|rest| memchr2(b'\r', b'\n', rest)) {
            let here = from + at;
            match content.get(here..).unwrap_or_default() {
                [b'\r', b'\n', b'.', ..] if self.stuffs => {
                    self.at = At::Stuffed;
                    return here + 2;
                }
                [b'\r', b'\n', ..] => {
                    from = here + 2;
                    if from >= ahead {
                        (from, ahead) = pass_over(content, from);
                    }
                }
                // A caller may finish here, without the rest.
                _ => {
                    if here > 0 {
                        self.stopped_behind(content.get(..here).unwrap_or_default());
                    }
                    return here;
                }
            }
        }
        self.stopped_behind(content);
        content.len()
    }

    fn stopped_behind(&mut self, run: &[u8]) {
        self.at = if run.ends_with(b"\r\n") { At::LineStart } else { At::Inside };
    }

    fn bare(&mut self, newline: u8, taken: usize) -> Result<Run<'static>, FoundBareNewline> {
        match self.policy {
            BareNewline::Reject => Err(FoundBareNewline),
            BareNewline::Normalise => {
                self.at = At::LineStart;
                Ok(Run::Written(b"\r\n", taken))
            }
            BareNewline::Pass => {
                self.at = At::MaybeLineStart;
                Ok(Run::Written(if newline == b'\r' { b"\r" } else { b"\n" }, taken))
            }
        }
    }

    /// What ends the mail data: the CRLF that its last line may lack, and the lone dot.
    ///
    /// # Errors
    ///
    /// [`FoundBareNewline`] if the content ended in a bare CR under [`BareNewline::Reject`].
    pub fn finish(self) -> Result<&'static [u8], FoundBareNewline> {
        match (self.at, self.policy) {
            (At::LineStart, _) => Ok(b".\r\n"),
            // The dot that was to be followed by another is the last one.
            (At::Stuffed, _) => Ok(b"\r\n"),
            (At::Inside | At::MaybeLineStart, _) => Ok(b"\r\n.\r\n"),
            (At::AfterCr, BareNewline::Reject) => Err(FoundBareNewline),
            (At::AfterCr, BareNewline::Normalise) => Ok(b"\r\n.\r\n"),
            (At::AfterCr, BareNewline::Pass) => Ok(b"\r\r\n.\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(
        content: &[u8],
        sizes: &[usize],
        policy: BareNewline,
    ) -> Result<Vec<u8>, FoundBareNewline> {
        let mut encoder = Encoder::new(policy);
        let mut wire = Vec::new();
        let mut rest = content;
        let mut sizes = sizes.iter().copied().cycle();
        while !rest.is_empty() {
            let n = sizes.next().unwrap_or(1).clamp(1, rest.len());
            let mut piece = &rest[..n];
            rest = &rest[n..];
            while let Some(run) = encoder.next(piece)? {
                let taken = match run {
                    Run::Lent(bytes) => {
                        wire.extend_from_slice(bytes);
                        bytes.len()
                    }
                    Run::Written(bytes, taken) => {
                        wire.extend_from_slice(bytes);
                        taken
                    }
                };
                piece = &piece[taken..];
            }
        }
        wire.extend_from_slice(encoder.finish()?);
        Ok(wire)
    }

    fn is_bare(content: &[u8], at: usize) -> bool {
        match content[at] {
            b'\r' => content.get(at + 1) != Some(&b'\n'),
            b'\n' => at == 0 || content[at - 1] != b'\r',
            _ => false,
        }
    }

    /// One octet at a time.
    fn oracle(content: &[u8], policy: BareNewline) -> Result<Vec<u8>, FoundBareNewline> {
        let mut canonical = Vec::new();
        for at in 0..content.len() {
            match policy {
                BareNewline::Reject if is_bare(content, at) => return Err(FoundBareNewline),
                BareNewline::Normalise if is_bare(content, at) => {
                    canonical.extend_from_slice(b"\r\n");
                }
                _ => canonical.push(content[at]),
            }
        }
        if !canonical.is_empty() && !canonical.ends_with(b"\r\n") {
            canonical.extend_from_slice(b"\r\n");
        }
        let mut wire = Vec::new();
        for (at, byte) in canonical.iter().enumerate() {
            let start = at == 0
                || canonical[..at].ends_with(b"\r\n")
                || matches!(canonical[at - 1], b'\r' | b'\n');
            if *byte == b'.' && start {
                wire.push(b'.');
            }
            wire.push(*byte);
        }
        wire.extend_from_slice(b".\r\n");
        Ok(wire)
    }

    const POLICIES: [BareNewline; 3] =
        [BareNewline::Reject, BareNewline::Normalise, BareNewline::Pass];

    #[test]
    fn an_empty_message_is_the_lone_dot() {
        for policy in POLICIES {
            assert_eq!(encode(b"", &[1], policy), Ok(b".\r\n".to_vec()));
            assert_eq!(encode(b".", &[1], policy), Ok(b"..\r\n.\r\n".to_vec()));
            assert_eq!(encode(b"a\r\n", &[1], policy), Ok(b"a\r\n.\r\n".to_vec()));
        }
    }

    #[test]
    fn bare_newlines_follow_the_policy() {
        assert_eq!(encode(b"a\nb", &[9], BareNewline::Reject), Err(FoundBareNewline));
        assert_eq!(encode(b"a\r", &[9], BareNewline::Reject), Err(FoundBareNewline));
        let mended = encode(b"a\n.\rb\r", &[1], BareNewline::Normalise);
        assert_eq!(mended, Ok(b"a\r\n..\r\nb\r\n.\r\n".to_vec()));
        let passed = encode(b"a\n.\r\n", &[1], BareNewline::Pass);
        assert_eq!(passed, Ok(b"a\n..\r\n.\r\n".to_vec()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_split_gives_what_the_oracle_says(
            content in prop::collection::vec(prop::sample::select(b"a.\r\n.\r\n\0".to_vec()), 0..40),
            sizes in prop::collection::vec(1_usize..12, 1..8),
            policy in prop::sample::select(POLICIES.to_vec()),
        ) {
            let wire = encode(&content, &sizes, policy);
            prop_assert_eq!(&wire, &oracle(&content, policy));
            if let Ok(wire) = wire {
                let framed = [b"\r\n", &wire[..]].concat();
                let ends = framed.windows(5).filter(|five| five == b"\r\n.\r\n").count();
                prop_assert_eq!(ends, 1, "the end of data stands once, at the end");
            }
        }

        /// Long enough for what is passed over in blocks.
        #[test]
        fn any_split_of_many_lines_gives_what_the_oracle_says(
            lines in prop::collection::vec(
                (0_usize..90, prop::sample::select(LINES.to_vec())), 1..40,
            ),
            odd in prop::sample::select(vec!["", "", "", "\n", "\r", "\n.\r\n", "\r\r\n"]),
            sizes in prop::collection::vec(prop::sample::select(vec![1, 2, 131, 500, 1460]), 1..8),
            policy in prop::sample::select(POLICIES.to_vec()),
        ) {
            let content = lines.iter().fold(odd.as_bytes().to_vec(), |all, (len, end)| {
                [&all[..], &vec![b'a'; *len], end.as_bytes()].concat()
            });
            let content = [&content[..], odd.as_bytes(), &vec![b'a'; 300]].concat();
            prop_assert_eq!(encode(&content, &sizes, policy), oracle(&content, policy));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// A caller that ends before its content does, or goes on with other content than it has shown,
        /// ends the mail data once, and at its end.
        #[test]
        fn content_that_is_cut_or_changed_ends_once(
            lines in prop::collection::vec(
                (0_usize..90, prop::sample::select(vec![".", "..", "a", ""])), 0..6,
            ),
            runs in 0_usize..9,
            other in prop::sample::select(vec!["", "\r\n", ".\r\n", "\r\nRSET\r\n", "x", ".", ".x\r\n.y"]),
        ) {
            let content: Vec<u8> = lines.iter().fold(Vec::new(), |all, (len, start)| {
                [&all[..], start.as_bytes(), &vec![b'a'; *len], b"\r\n"].concat()
            });
            let mut encoder = Encoder::new(BareNewline::Reject);
            let mut wire = Vec::new();
            let mut put = |encoder: &mut Encoder, content: &[u8], runs| {
                let mut taken = 0;
                for _ in 0..runs {
                    match encoder.next(&content[taken..]).unwrap() {
                        Some(Run::Lent(bytes)) => {
                            wire.extend_from_slice(bytes);
                            taken += bytes.len();
                        }
                        Some(Run::Written(bytes, n)) => {
                            wire.extend_from_slice(bytes);
                            taken += n;
                        }
                        None => break,
                    }
                }
                taken
            };
            let taken = put(&mut encoder, &content, runs);
            let went = put(&mut encoder, other.as_bytes(), 99);
            prop_assert_eq!(went, other.len());
            wire.extend_from_slice(encoder.finish().unwrap());
            let framed = [b"\r\n", &wire[..]].concat();
            let ends = framed.windows(5).filter(|five| five == b"\r\n.\r\n").count();
            prop_assert_eq!(ends, 1, "{}", wire.escape_ascii());
            prop_assert!(framed.ends_with(b"\r\n.\r\n"));
            // Without other content, what went is the beginning of the content and no more.
            if other.is_empty() {
                prop_assert_eq!(Ok(wire), oracle(&content[..taken], BareNewline::Reject));
            }
        }
    }

    #[test]
    fn a_dot_that_is_lent_twice_is_doubled_even_if_it_does_not_come_again() {
        let mut encoder = Encoder::new(BareNewline::Reject);
        assert_eq!(encoder.next(b"a\r\n.b").unwrap(), Some(Run::Written(b"a\r\n.", 3)));
        assert_eq!(encoder.finish().unwrap(), b"\r\n");
        assert_eq!(encoder.next(b"\r\nb").unwrap(), Some(Run::Written(b".", 0)));
        assert_eq!(encoder.next(b"\r\nb").unwrap(), Some(Run::Lent(b"\r\nb")));
        assert_eq!(encoder.finish().unwrap(), b"\r\n.\r\n");
    }

    /// What a caller drops behind a bare newline is not sent; what it sends ends as it should.
    #[test]
    fn an_end_without_the_rest_is_an_end() {
        for policy in POLICIES {
            let mut encoder = Encoder::new(policy);
            assert_eq!(encoder.next(b"abc\r").unwrap(), Some(Run::Lent(b"abc")));
            assert_eq!(encoder.finish().unwrap(), b"\r\n.\r\n", "{policy:?}");
        }
    }

    /// A line that ends about where a block does, so that the block may end within its CRLF, and behind
    /// it something that is not passed over.
    #[test]
    fn a_block_may_end_within_a_crlf() {
        for len in (120_usize..132).chain(248..260) {
            for behind in ["b\r\n.c", "b\nc", "\nb", "\rb", ".b", "b\r\n.\rc", "\r\n", ""] {
                for more in [0, 300] {
                    let line =
                        [b"a\r\n", &vec![b'a'; len][..], b"\r\n", behind.as_bytes()].concat();
                    let content = [&line[..], &vec![b'd'; more]].concat();
                    for policy in POLICIES {
                        let expected = oracle(&content, policy);
                        for sizes in [&[1000][..], &[131], &[1]] {
                            let got = encode(&content, sizes, policy);
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

    /// In a chunk a dot is no more than any other octet.
    #[test]
    fn no_dot_cuts_a_chunk() {
        for policy in POLICIES {
            for content in [&b".a\r\n.b\r\n"[..], b"\r\n.\r\n", b"a\r\n..\r\n.\r\nb"] {
                let mut encoder = Encoder::for_chunks(policy);
                assert_eq!(encoder.next(content), Ok(Some(Run::Lent(content))), "{policy:?}");
            }
        }
    }

    const LINES: [&str; 6] = ["\r\n", "\r\n", "\r\n", "\r\n", "\r\n..", "\r\n."];
}
