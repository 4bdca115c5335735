//! How far mail data can go on as it is: whole lines, none of which begins with a dot.

/// So many octets are judged at once. Three slices of the same bytes, each one octet on, and a
/// fold without branches are what the compiler makes vector instructions of.
const BLOCK: usize = 128;

/// Where the next look at `body`, of which a line begins at `from`, is due, and from where on passing
/// over may be tried again. Where dots and bare newlines are dense it would be tried in vain.
#[inline]
pub(crate) fn pass_over(body: &[u8], from: usize) -> (usize, usize) {
    let rest = body.get(from..).unwrap_or_default();
    if rest.first() == Some(&b'\n') {
        return (from, from);
    }
    let to = from + plain(rest);
    let within_crlf = to > from && body.get(to - 1) == Some(&b'\r');
    (to - usize::from(within_crlf), to + BLOCK)
}

/// How many octets at the start of `body` can be passed over: in them every CR stands before an
/// LF, every LF behind the first octet stands behind a CR, and behind no CR LF stands a dot. It may
/// be fewer than there are; the two octets behind them were looked at too.
#[inline]
fn plain(body: &[u8]) -> usize {
    let next = body.get(1..).unwrap_or_default();
    let after = body.get(2..).unwrap_or_default();
    let mut passed = 0;
    let blocks = body.chunks_exact(BLOCK).zip(next.chunks_exact(BLOCK));
    for ((block, next), after) in blocks.zip(after.chunks_exact(BLOCK)) {
        if !is_plain(block, next, after) {
            return passed;
        }
        passed += BLOCK;
    }
    // The rest is shorter than a block: one that reaches back tells the same.
    let Some(start) = body.len().checked_sub(BLOCK + 2) else { return passed };
    let shifted = |by| body.get(start + by..start + by + BLOCK).unwrap_or_default();
    if is_plain(shifted(0), shifted(1), shifted(2)) { body.len() - 2 } else { passed }
}

#[inline]
fn is_plain(block: &[u8], next: &[u8], after: &[u8]) -> bool {
    let is = |byte: &u8, what: u8| u8::from(*byte == what);
    let octets = block.iter().zip(next).zip(after);
    octets.fold(0, |found, ((byte, next), after)| {
        let cr = is(byte, b'\r');
        found | (cr ^ is(next, b'\n')) | (cr & is(after, b'.'))
    }) == 0
}

/// Where lines end early, a search that is called for each of them costs as much as what it looks
/// through. This one is compiled into its callers, and looks at so many octets at once.
const STEP: usize = 32;

/// Where the first CR or LF of `body` stands, if it stands near; a vertical tab or a form feed before
/// it may hide it. Where none is found another search has to tell.
#[inline]
pub(crate) fn near_newline(body: &[u8]) -> Option<usize> {
    let (steps, _) = body.as_chunks::<STEP>();
    let (step, at) = steps.iter().zip(0..4).find(|(step, _)| may_hold_newline(step))?;
    let words = step.as_chunks().0.iter().map(newlines);
    let (marks, word) = words.zip(0..).find(|(marks, _)| *marks != 0)?;
    Some(at * STEP + word * 8 + usize::try_from(marks.trailing_zeros() / 8).ok()?)
}

/// Whether one of the octets is a CR or an LF, or one of the two between them.
#[inline]
fn may_hold_newline(step: &[u8; STEP]) -> bool {
    step.iter().fold(0, |found, octet| found | u8::from(octet.wrapping_sub(b'\n') < 4)) != 0
}

/// The top bit of the first octet that is a CR or an LF, and perhaps of some behind it.
#[inline]
fn newlines(eight: &[u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let octets = u64::from_le_bytes(*eight);
    let zeros = |octets: u64| octets.wrapping_sub(EACH) & !octets & (0x80 * EACH);
    zeros(octets ^ (u64::from(b'\r') * EACH)) | zeros(octets ^ (u64::from(b'\n') * EACH))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same for one octet: the three that it depends on.
    fn passes(three: &[u8]) -> bool {
        (three[0] == b'\r') == (three[1] == b'\n') && !(three[0] == b'\r' && three[2] == b'.')
    }

    #[test]
    fn what_is_short_is_left_to_others() {
        for len in 0..BLOCK + 2 {
            assert_eq!(plain(&vec![b'a'; len]), 0);
        }
        assert_eq!(plain(&[b'a'; BLOCK + 2]), BLOCK);
        assert_eq!(plain(&[b'a'; BLOCK + 50]), BLOCK + 48);
    }

    /// A block that ends within a CRLF: the CR is looked at once more, and a block is left to the search.
    #[test]
    fn the_next_look_is_at_what_may_matter() {
        let line = [b"\r\n", &[b'a'; BLOCK - 1][..], b"\r\nb\nb", &[b'c'; 300]].concat();
        assert_eq!(pass_over(&line, 2), (BLOCK + 1, 2 * BLOCK + 2));
        let line = [b"\r\n", &[b'a'; BLOCK][..], b"b\nb", &[b'c'; 300]].concat();
        assert_eq!(pass_over(&line, 2), (BLOCK + 2, 2 * BLOCK + 2));
    }

    #[test]
    fn a_near_newline_is_found_where_it_stands() {
        for around in [b'a', b'\x0e', b'\t', b' ', 0x8a, 0x8d, 0xff, 0] {
            for len in [31, 32, 64, 100, 128, 200] {
                let near = (len / STEP * STEP).min(4 * STEP);
                let mut body = vec![around; len];
                assert_eq!(near_newline(&body), None);
                for at in 0..len {
                    for newline in [b'\r', b'\n'] {
                        body[at..].fill(newline);
                        let expected = (at < near).then_some(at);
                        assert_eq!(near_newline(&body), expected, "{around} {len} {at}");
                        body[at..].fill(around);
                        body[at] = newline;
                        assert_eq!(near_newline(&body), expected, "{around} {len} {at}");
                        body[at] = around;
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_near_newline_is_the_first(
            body in prop::collection::vec(prop::sample::select(b"aaaaaaaaaaaa\r\n\x0b\x0c.\x8d".to_vec()), 0..200),
            from in 0_usize..160,
        ) {
            let body = [&vec![b'a'; from][..], &body].concat();
            let first = body.iter().position(|octet| matches!(octet, b'\r' | b'\n'));
            if let Some(at) = near_newline(&body) {
                prop_assert_eq!(Some(at), first);
            } else if let Some(first) = first {
                let hides = |octet: &u8| matches!(octet, b'\x0b' | b'\x0c');
                let steps = body.len().min(4 * STEP) / STEP * STEP;
                prop_assert!(first >= steps || body[..first].iter().any(hides));
            }
        }

        #[test]
        fn nothing_is_passed_over_that_matters(
            mut body in prop::collection::vec(prop::sample::select(b"ab".to_vec()), 0..600),
            lines in prop::collection::vec(0_usize..600, 0..9),
            odd in prop::collection::vec((0_usize..600, prop::sample::select(b"\r\n.".to_vec())), 0..3),
        ) {
            for line in lines {
                if let Some(end) = body.get_mut(line..line + 2) {
                    end.copy_from_slice(b"\r\n");
                }
            }
            for (at, byte) in odd {
                if let Some(place) = body.get_mut(at) {
                    *place = byte;
                }
            }
            let passed = plain(&body);
            let first = body.windows(3).position(|three| !passes(three));
            let most = first.unwrap_or(body.len().saturating_sub(2));
            prop_assert!(passed <= most, "{passed} of {most}");
            prop_assert!(passed + BLOCK + 2 > most, "{passed} of {most}");
        }
    }
}
