//! Finding the end of a reply while it arrives, line by line.

use core::cmp::Ordering;

use super::{Reply, ReplyCode, ReplyFault, ReplyLine};

/// How far a reply has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// More lines of this reply follow.
    Continue,
    /// That was its last line.
    Complete,
}

/// Tells where a reply ends, one framed line at a time, and bounds it.
///
/// A server that never sends the last line of a reply would otherwise make its client gather
/// lines for ever. The lines themselves stay with the caller.
///
/// ```
/// use smtp_proto::reply::{Progress, ReplyFault, ReplyScanner};
///
/// let mut scanner = ReplyScanner::new();
/// assert_eq!(scanner.feed(b"250-mx.example.org"), Ok(Progress::Continue));
/// assert!(scanner.is_midway());
/// assert_eq!(scanner.feed(b"250 PIPELINING"), Ok(Progress::Complete));
/// assert_eq!(scanner.feed(b"250-one"), Ok(Progress::Continue));
/// assert_eq!(scanner.feed(b"550 two"), Err(ReplyFault::Mismatch));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyScanner {
    code: Option<ReplyCode>,
    lines: u16,
    octets: u32,
    max_lines: u16,
    max_octets: u32,
    /// Code and octets of the reply that the last line ended.
    complete: Option<(ReplyCode, u32)>,
}

impl Default for ReplyScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplyScanner {
    /// Takes replies of up to 128 lines and 65,536 octets, CRLFs included.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limits(128, 64 * 1024)
    }

    /// Takes replies of up to so many lines and octets, CRLFs included.
    #[must_use]
    pub const fn with_limits(max_lines: u16, max_octets: u32) -> Self {
        ReplyScanner { code: None, lines: 0, octets: 0, max_lines, max_octets, complete: None }
    }

    /// Takes the next line, without its CRLF. After [`Progress::Complete`] the scanner stands at
    /// the start of the next reply.
    ///
    /// # Errors
    ///
    /// What [`ReplyLine::parse`] finds, [`ReplyFault::Mismatch`], [`ReplyFault::TooLong`] or
    /// [`ReplyFault::TooManyLines`]. The scanner then stays where it was.
    #[inline]
    pub fn feed(&mut self, line: &[u8]) -> Result<Progress, ReplyFault> {
        let octets = u32::try_from(line.len())
            .ok()
            .and_then(|len| len.checked_add(2)?.checked_add(self.octets))
            .filter(|octets| *octets <= self.max_octets)
            .ok_or(ReplyFault::TooLong)?;
        if self.lines >= self.max_lines {
            return Err(ReplyFault::TooManyLines);
        }
        let line = ReplyLine::parse(line)?;
        if self.code.is_some_and(|code| code != line.code()) {
            return Err(ReplyFault::Mismatch);
        }
        if line.is_last() {
            (self.code, self.lines, self.octets) = (None, 0, 0);
            self.complete = Some((line.code(), octets));
            return Ok(Progress::Complete);
        }
        (self.code, self.lines, self.octets) = (Some(line.code()), self.lines + 1, octets);
        self.complete = None;
        Ok(Progress::Continue)
    }

    /// The reply that the last line ended, over the octets of its lines, each with its CRLF. It is
    /// not parsed again: what [`Reply::parse`] finds in these octets was found line by line.
    ///
    /// ```
    /// use smtp_proto::reply::{Progress, ReplyFault, ReplyScanner};
    ///
    /// let mut scanner = ReplyScanner::new();
    /// assert_eq!(scanner.feed(b"250 fine"), Ok(Progress::Complete));
    /// assert_eq!(scanner.reply(b"250 fine\r\n").unwrap().text(), b"fine");
    /// assert_eq!(scanner.reply(b"250 fine\r\n220").err(), Some(ReplyFault::Trailing));
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReplyFault::Incomplete`] if the last line did not end a reply or octets are missing,
    /// [`ReplyFault::Trailing`] if there are more than were fed, and [`ReplyFault::Mismatch`] if
    /// they begin with another code or do not end with CRLF. Other octets of the same length are
    /// not told apart.
    pub fn reply<'a>(&self, bytes: &'a [u8]) -> Result<Reply<'a>, ReplyFault> {
        let (code, octets) = self.complete.ok_or(ReplyFault::Incomplete)?;
        match u32::try_from(bytes.len()).unwrap_or(u32::MAX).cmp(&octets) {
            Ordering::Less => Err(ReplyFault::Incomplete),
            Ordering::Greater => Err(ReplyFault::Trailing),
            Ordering::Equal if bytes.starts_with(&code.digits()) && bytes.ends_with(b"\r\n") => {
                Ok(Reply::checked(code, bytes))
            }
            Ordering::Equal => Err(ReplyFault::Mismatch),
        }
    }

    /// Whether a reply has begun and not ended.
    #[must_use]
    pub const fn is_midway(&self) -> bool {
        self.code.is_some()
    }

    /// The code of the reply that has begun and not ended.
    #[must_use]
    pub const fn code(&self) -> Option<ReplyCode> {
        self.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_reply_ends_at_the_lines() {
        let mut scanner = ReplyScanner::new();
        for _ in 0..128 {
            assert_eq!(scanner.feed(b"250-x"), Ok(Progress::Continue));
        }
        assert_eq!(scanner.feed(b"250-x"), Err(ReplyFault::TooManyLines));
        assert_eq!(scanner.feed(b"250 x"), Err(ReplyFault::TooManyLines));
    }

    #[test]
    fn the_last_line_counts_too() {
        let mut scanner = ReplyScanner::with_limits(2, 100);
        assert_eq!(scanner.feed(b"250-x"), Ok(Progress::Continue));
        assert_eq!(scanner.feed(b"250 x"), Ok(Progress::Complete));
        let mut scanner = ReplyScanner::with_limits(1, 100);
        assert_eq!(scanner.feed(b"250-x"), Ok(Progress::Continue));
        assert_eq!(scanner.feed(b"250 x"), Err(ReplyFault::TooManyLines));
    }

    #[test]
    fn octets_are_counted_with_their_crlf() {
        let mut scanner = ReplyScanner::with_limits(9, 14);
        assert_eq!(scanner.feed(b"250-x"), Ok(Progress::Continue));
        assert_eq!(scanner.feed(b"250 xy"), Err(ReplyFault::TooLong));
        assert_eq!(scanner.feed(b"250 x"), Ok(Progress::Complete));
        let long = [b'2'; 64 * 1024];
        assert_eq!(ReplyScanner::new().feed(&long), Err(ReplyFault::TooLong));
    }

    #[test]
    fn a_reply_is_there_once_it_is_complete_and_for_its_octets_alone() {
        let mut scanner = ReplyScanner::new();
        let bytes = b"550-a\r\n550 b\r\n";
        assert_eq!(scanner.reply(b""), Err(ReplyFault::Incomplete));
        assert_eq!(scanner.feed(b"550-a"), Ok(Progress::Continue));
        assert_eq!(scanner.reply(b"550-a\r\n"), Err(ReplyFault::Incomplete));
        assert_eq!(scanner.feed(b"550 b"), Ok(Progress::Complete));
        assert_eq!(scanner.reply(bytes), Reply::parse(bytes));
        for (other, fault) in [
            (&b"550 b\r\n"[..], ReplyFault::Incomplete),
            (b"550-a\r\n550 b\r\n2", ReplyFault::Trailing),
            (b"250-a\r\n550 b\r\n", ReplyFault::Mismatch),
            (b"550-a\r\n550 b\r\r", ReplyFault::Mismatch),
        ] {
            assert_eq!(scanner.reply(other), Err(fault), "{other:?}");
        }
        assert_eq!(scanner.feed(b"250-c"), Ok(Progress::Continue));
        assert_eq!(scanner.reply(bytes), Err(ReplyFault::Incomplete));
    }

    #[test]
    fn the_next_reply_starts_afresh() {
        let mut scanner = ReplyScanner::with_limits(2, 14);
        for code in ["250", "550", "354", "421"] {
            let (mut first, mut last) = ([b'-'; 4], [b' '; 4]);
            first[..3].copy_from_slice(code.as_bytes());
            last[..3].copy_from_slice(code.as_bytes());
            assert_eq!(scanner.feed(&first), Ok(Progress::Continue));
            assert_eq!(scanner.code().map(ReplyCode::get), code.parse().ok());
            assert_eq!(scanner.feed(&last), Ok(Progress::Complete));
            assert!(!scanner.is_midway());
        }
    }

    #[test]
    fn a_fault_changes_nothing() {
        let mut scanner = ReplyScanner::new();
        assert_eq!(scanner.feed(b"250-a"), Ok(Progress::Continue));
        let before = scanner;
        for (line, fault) in [
            (b"550 b".as_slice(), ReplyFault::Mismatch),
            (b"550-b", ReplyFault::Mismatch),
            (b"", ReplyFault::Code),
            (b"250:", ReplyFault::Separator),
            (b"250 \0", ReplyFault::Control),
        ] {
            assert_eq!(scanner.feed(line), Err(fault));
            assert_eq!(scanner, before);
        }
    }
}
