//! Content, folded: how much there is, how it begins and how it ends.

use memchr::memchr;

use crate::plain::plain;

/// Octets that are kept of a line.
const KEPT: usize = 200;

/// Content as far as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    octets: u64,
    lines: u64,
    first: Vec<u8>,
    last: Vec<u8>,
    /// The line that is not at its end.
    open: Vec<u8>,
    is_open: bool,
    is_whole: bool,
}

impl Content {
    /// Takes a piece; an empty one is the end.
    pub(super) fn take(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            if self.is_open {
                self.end_line();
            }
            self.is_whole = true;
            return;
        }
        self.octets += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let mut rest = piece;
        while let Some((line, behind)) =
            memchr(b'\n', rest).and_then(|at| rest.split_at_checked(at + 1))
        {
            self.keep(line);
            self.end_line();
            rest = behind;
        }
        if !rest.is_empty() {
            self.keep(rest);
            self.is_open = true;
        }
    }

    fn keep(&mut self, part: &[u8]) {
        let room = KEPT.saturating_sub(self.open.len());
        self.open.extend(part.iter().take(room));
    }

    fn end_line(&mut self) {
        self.lines += 1;
        self.is_open = false;
        let line = std::mem::take(&mut self.open);
        if self.lines == 1 {
            self.first = line;
        } else {
            self.last = line;
        }
    }

    /// Whether it is whole, or a reply of that first digit stops it where it is.
    pub(super) fn is_worth_telling(&self, digit: u8) -> bool {
        self.is_whole || (self.octets > 0 && matches!(digit, b'4' | b'5'))
    }

    pub(super) fn summary(&self) -> String {
        let lines = match self.lines {
            1 => "1 line".to_owned(),
            n => format!("{n} lines"),
        };
        let so_far = if self.is_whole { "" } else { " so far" };
        format!("(content: {lines}, {} octets{so_far})", self.octets)
    }

    /// The first line, how many there are between, and the last.
    pub(super) fn excerpt(&self) -> Vec<String> {
        let shown =
            |line: &[u8]| plain(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
        let between = self.lines.saturating_sub(2);
        let mut excerpt = Vec::new();
        if self.lines > 0 {
            excerpt.push(shown(&self.first));
        }
        if between > 0 {
            excerpt.push(format!("({between} more)"));
        }
        if self.lines > 1 {
            excerpt.push(shown(&self.last));
        }
        excerpt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_however_it_is_cut() {
        for (text, lines, excerpt) in [
            ("", 0, &[][..]),
            ("a", 1, &["a"]),
            ("a\r\n", 1, &["a"]),
            ("a\nb", 2, &["a", "b"]),
            ("a\r\nb\r\nc\r\n", 3, &["a", "(1 more)", "c"]),
            ("\r\n\r\n", 2, &["", ""]),
        ] {
            for at in 0..=text.len() {
                let mut content = Content::default();
                let (head, tail) = text.as_bytes().split_at(at);
                for piece in [head, tail].into_iter().filter(|piece| !piece.is_empty()) {
                    content.take(piece);
                }
                content.take(b"");
                assert_eq!(content.excerpt(), excerpt, "{text:?} at {at}");
                let octets = text.len();
                let lines = if lines == 1 { "1 line".into() } else { format!("{lines} lines") };
                assert_eq!(content.summary(), format!("(content: {lines}, {octets} octets)"));
            }
        }
    }

    #[test]
    fn a_long_line_costs_little() {
        let mut content = Content::default();
        for _ in 0..1000 {
            content.take(&[b'x'; 1000]);
        }
        assert!(content.open.capacity() <= 2 * KEPT);
        assert!(!content.is_worth_telling(b'2') && content.is_worth_telling(b'5'));
        assert_eq!(content.summary(), "(content: 0 lines, 1000000 octets so far)");
    }
}
