//! Lines: what stands before CR LF, and nothing else ends one (RFC 5321 section 2.3.8).

use memchr::memmem;

/// What is wrong with the framing of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFault {
    /// It passed the limit; it was skipped whole.
    TooLong,
    /// It holds a CR or an LF that is not part of a CRLF.
    BareNewline,
}

/// The outcome of one look at the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framed {
    /// A line of `len` octets without its CRLF stands at the start.
    Line { len: usize },
    /// A line that ends `skip` octets from here is no good. It began with `head`.
    Fault { fault: LineFault, skip: usize, head: Head },
    /// No end yet. `skip` octets belong to an over-long line and can be thrown away.
    Incomplete { skip: usize },
}

/// As much of the start of a line as tells its verb, white space aside, filled up with spaces.
pub(crate) type Head = [u8; 5];

fn head(buffer: &[u8]) -> Head {
    let mut head = [b' '; 5];
    // Lenient syntax takes white space before a verb.
    let line = buffer.iter().skip_while(|byte| matches!(byte, b' ' | b'\t'));
    head.iter_mut().zip(line).for_each(|(place, byte)| *place = *byte);
    head
}

/// Finds line ends, remembering what it has looked at, so that a line that drips in byte by byte
/// costs no more than one that arrives whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines {
    /// Octets at the start of the buffer that need no second look.
    seen: usize,
    /// The line is too long and was thrown away so far, perhaps up to a CR.
    skipping: Option<(Head, LastWasCr)>,
    bare: bool,
}

type LastWasCr = bool;

impl Lines {
    /// Looks for a line of at most `limit` octets, CRLF included.
    #[inline]
    pub(crate) fn next(&mut self, buffer: &[u8], limit: usize) -> Framed {
        if let Some((head, after_cr)) = self.skipping {
            return self.skip(buffer, head, after_cr);
        }
        if let Some(len) = self.end(buffer) {
            let skip = len + 2;
            let fault = match (skip > limit, std::mem::take(self).bare) {
                (true, _) => LineFault::TooLong,
                (_, true) => LineFault::BareNewline,
                _ => return Framed::Line { len },
            };
            return Framed::Fault { fault, skip, head: head(buffer) };
        }
        if buffer.len() >= limit {
            let skipping = Some((head(buffer), buffer.last() == Some(&b'\r')));
            *self = Lines { skipping, ..Lines::default() };
            return Framed::Incomplete { skip: buffer.len() };
        }
        Framed::Incomplete { skip: 0 }
    }

    /// Whether the line that has not ended yet already holds a CR or an LF of its own.
    pub(crate) fn is_bad(&self) -> bool {
        self.bare
    }

    /// What stands before the first CRLF. One search finds its end and what may not stand in it.
    #[inline]
    fn end(&mut self, buffer: &[u8]) -> Option<usize> {
        if self.bare {
            return self.end_of_bad(buffer);
        }
        loop {
            let unseen = buffer.get(self.seen..)?;
            if let [b' '..=u8::MAX] = unseen {
                self.seen += 1;
                return None;
            }
            let Some(at) = control(unseen) else {
                self.seen = buffer.len();
                return None;
            };
            self.seen += at;
            match buffer.get(self.seen..)? {
                [b'\r', b'\n', ..] => return Some(self.seen),
                [b'\r'] => return None,
                [b'\r' | b'\n', ..] => {
                    (self.bare, self.seen) = (true, self.seen + 1);
                    return self.end_of_bad(buffer);
                }
                _ => self.seen += 1,
            }
        }
    }

    /// Searches for both octets together, so that a flood of one of them does not slow it down.
    #[cold]
    fn end_of_bad(&mut self, buffer: &[u8]) -> Option<usize> {
        if let Some(at) = memmem::find(buffer.get(self.seen..)?, b"\r\n") {
            return Some(self.seen + at);
        }
        self.seen = buffer.len() - usize::from(buffer.ends_with(b"\r"));
        None
    }

    #[cold]
    fn skip(&mut self, buffer: &[u8], head: Head, after_cr: bool) -> Framed {
        let end = match buffer {
            [b'\n', ..] if after_cr => Some(1),
            _ => memmem::find(buffer, b"\r\n").map(|at| at + 2),
        };
        if let Some(skip) = end {
            *self = Lines::default();
            return Framed::Fault { fault: LineFault::TooLong, skip, head };
        }
        if let Some(last) = buffer.last() {
            self.skipping = Some((head, *last == b'\r'));
        }
        Framed::Incomplete { skip: buffer.len() }
    }
}

/// Where the first octet below a space stands, eight octets at a time. Nearly every one is the CR at
/// the end of a line, and most lines are so short that a search by wide registers costs more to
/// begin than this costs in all.
#[inline]
fn control(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (eights, rest) = bytes.as_chunks();
    let mut at = 0;
    for eight in eights {
        let octets = u64::from_le_bytes(*eight);
        // A borrow may mark octets behind the first that is below a space, and none before it.
        let below = octets.wrapping_sub(u64::from(b' ') * EACH) & !octets & (0x80 * EACH);
        if below != 0 {
            return Some(at + usize::try_from(below.trailing_zeros() / 8).unwrap_or(0));
        }
        at += 8;
    }
    rest.iter().position(|octet| *octet < b' ').map(|end| at + end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `pieces` and collects lines, or faults, as they come.
    fn run(input: &[u8], sizes: &[usize], limit: usize) -> Vec<Result<Vec<u8>, LineFault>> {
        let (mut lines, mut buffer, mut out) = (Lines::default(), Vec::new(), Vec::new());
        let mut rest = input;
        let mut sizes = sizes.iter().copied().cycle();
        while !rest.is_empty() {
            let n = sizes.next().unwrap_or(1).clamp(1, rest.len());
            buffer.extend_from_slice(&rest[..n]);
            rest = &rest[n..];
            loop {
                match lines.next(&buffer, limit) {
                    Framed::Line { len } => {
                        out.push(Ok(buffer[..len].to_vec()));
                        buffer.drain(..len + 2);
                    }
                    Framed::Fault { fault, skip, .. } => {
                        out.push(Err(fault));
                        buffer.drain(..skip);
                    }
                    Framed::Incomplete { skip } => {
                        buffer.drain(..skip);
                        break;
                    }
                }
            }
            assert!(buffer.len() <= limit, "memory stays below the limit");
        }
        out
    }

    /// What it should do, in the plainest words.
    fn oracle(input: &[u8], limit: usize) -> Vec<Result<Vec<u8>, LineFault>> {
        let mut out = Vec::new();
        let mut rest = input;
        while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
            let line = &rest[..at];
            out.push(if at + 2 > limit {
                Err(LineFault::TooLong)
            } else if line.iter().any(|b| matches!(b, b'\r' | b'\n')) {
                Err(LineFault::BareNewline)
            } else {
                Ok(line.to_vec())
            });
            rest = &rest[at + 2..];
        }
        out
    }

    #[test]
    fn the_first_control_is_found_wherever_it_stands() {
        for len in 0..30 {
            let text = &mut [b' '; 30][..len];
            for around in [b' ', b'~', 0x7f, 0x80, 0xa0, 0xff] {
                text.fill(around);
                assert_eq!(control(text), None);
                for at in 0..len {
                    for found in 0..b' ' {
                        text[at] = found;
                        assert_eq!(control(text), Some(at), "{found} at {at} of {len}");
                        text[len - 1] = b'\r';
                        assert_eq!(control(text), Some(at), "{found} at {at} of {len}");
                        (text[at], text[len - 1]) = (around, around);
                    }
                }
            }
        }
    }

    #[test]
    fn other_controls_end_no_line() {
        let input = b"a\tb\0\x0b\x1fc\x7f\r\n\t\t\t\t\t\t\t\t\t\r\n";
        for size in 1..6 {
            assert_eq!(run(input, &[size], 512), oracle(input, 512));
        }
    }

    #[test]
    fn two_commands_are_never_made_of_one_bad_line() {
        for bad in ["NOOP\nMAIL FROM:<a@b>\r\n", "RSET\rQUIT\r\n", "NOOP\r\r\n", "\n\r\n"] {
            assert_eq!(run(bad.as_bytes(), &[1], 512), [Err(LineFault::BareNewline)], "{bad:?}");
        }
    }

    #[test]
    fn a_line_at_the_limit_passes_and_one_past_it_does_not() {
        let line = |n: usize| [vec![b'x'; n - 2], b"\r\n".to_vec()].concat();
        assert!(run(&line(512), &[512], 512)[0].is_ok());
        assert_eq!(run(&line(513), &[513], 512), [Err(LineFault::TooLong)]);
        assert_eq!(run(&line(513), &[1], 512), [Err(LineFault::TooLong)]);
    }

    #[test]
    fn a_bad_line_ends_at_its_crlf_wherever_it_is_cut() {
        for bad in ["a\n\r\r\n", "\r\r\r\n", "\n\n\n\r\n", "a\rb\r\n", "\r\n\n\r\n"] {
            for size in 1..6 {
                let input = [bad.as_bytes(), b"NOOP\r\n"].concat();
                assert_eq!(run(&input, &[size], 512), oracle(&input, 512), "{bad:?} by {size}");
            }
        }
    }

    #[test]
    fn a_line_is_known_to_be_bad_before_it_ends() {
        for (start, bad) in [(&b"250 a"[..], false), (b"250 a\r", false), (b"250 a\n", true)] {
            let mut lines = Lines::default();
            assert_eq!(lines.next(start, 512), Framed::Incomplete { skip: 0 });
            assert_eq!(lines.is_bad(), bad, "{start:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            input in prop::collection::vec(prop::sample::select(b"ab\t\r\n\r\n".to_vec()), 0..200),
            sizes in prop::collection::vec(1_usize..20, 1..10),
            limit in 4_usize..40,
        ) {
            prop_assert_eq!(run(&input, &sizes, limit), oracle(&input, limit));
        }
    }
}
