//! What is offered in a session, on either side.

use core::fmt;

use super::{Capability, Extension, SmtpLimits};

/// A set of extensions with what their keywords say.
///
/// A client reads it from [`Capabilities`](super::Capabilities); a server builds it and writes
/// its EHLO reply from it.
///
/// ```
/// use smtp_proto::reply::{Extension, Extensions};
///
/// let offered = Extensions::NONE.with(Extension::Pipelining).with_size(1_000_000);
/// assert!(offered.contains(Extension::Size));
/// assert_eq!(offered.size(), Some(1_000_000));
/// assert_eq!(offered.without(Extension::Size).size(), None);
/// assert_eq!(offered.command_line_limit(), 512 + 26);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    set: u64,
    size: u64,
    future_release: u32,
    deliver_by: u32,
    limits: SmtpLimits,
}

const COMMAND_LINE: usize = 512;
const AUTH_LINE: usize = 12_288;

/// What an extension adds to the longest MAIL and the longest RCPT, in octets. AUTH stands apart:
/// its own lines are longer than all of these together.
const GROWTH: &[(Extension, usize, usize)] = &[
    // RFC 1870 section 3.
    (Extension::Size, 26, 0),
    // RFC 6152 section 2. BODY=BINARYMIME is shorter, and only one of them can stand there.
    (Extension::EightBitMime, 17, 0),
    // RFC 6531 section 3.1.
    (Extension::SmtpUtf8, 10, 0),
    // RFC 3461 section 5.4, with the space before each: RET 8 and ENVID 100; NOTIFY 28 and
    // ORCPT 500.
    (Extension::Dsn, 110, 530),
    // RFC 8689 section 2.
    (Extension::RequireTls, 11, 0),
    // RFC 4865 section 3.
    (Extension::FutureRelease, 34, 0),
    // RFC 2852 section 2.
    (Extension::DeliverBy, 17, 0),
    // RFC 6710 section 3.
    (Extension::MtPriority, 15, 0),
    // " RRVS=", a date-time of 25 and ";C" (RFC 7293 section 3.2).
    (Extension::Rrvs, 0, 33),
    // " MTRK=", the base64 of 20 octets, ":" and nine digits (RFC 3885 section 4.1).
    (Extension::Mtrk, 44, 0),
    // RFC 4405 section 4.
    (Extension::Submitter, 337, 0),
    // " PRDR" (draft-hall-prdr-00).
    (Extension::Prdr, 5, 0),
];

pub(super) const fn bit(extension: Extension) -> u64 {
    1 << extension as u32
}

impl Extensions {
    /// None at all.
    pub const NONE: Self = Extensions {
        set: 0,
        size: 0,
        future_release: 0,
        deliver_by: 0,
        limits: SmtpLimits { mail_max: None, rcpt_max: None, rcpt_domain_max: None },
    };

    /// A bit for each, in the order of [`Extension::ALL`].
    pub(super) const fn bits(&self) -> u64 {
        self.set
    }

    /// Whether this one is offered.
    #[must_use]
    pub const fn contains(&self, extension: Extension) -> bool {
        self.set & bit(extension) != 0
    }

    /// Whether nothing is offered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// Those that are offered, in the order of [`Extension::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Extension> + use<> {
        let mut left = self.set;
        // A bit for each, in their order.
        core::iter::from_fn(move || {
            let next = usize::try_from(left.trailing_zeros()).ok()?;
            left &= left.wrapping_sub(1);
            Extension::ALL.get(next).copied()
        })
    }

    /// This one too.
    #[must_use]
    pub const fn with(mut self, extension: Extension) -> Self {
        self.set |= bit(extension);
        self
    }

    /// Not this one, nor what its keyword said.
    #[must_use]
    pub const fn without(mut self, extension: Extension) -> Self {
        self.set &= !bit(extension);
        match extension {
            Extension::Size => self.size = 0,
            Extension::FutureRelease => self.future_release = 0,
            Extension::DeliverBy => self.deliver_by = 0,
            Extension::Limits => self.limits = Self::NONE.limits,
            _ => {}
        }
        self
    }

    /// SIZE with the largest message taken, in octets; 0 is no fixed limit.
    #[must_use]
    pub const fn with_size(mut self, octets: u64) -> Self {
        self.size = octets;
        self.with(Extension::Size)
    }

    /// The largest message taken, in octets, where SIZE is offered; 0 is no fixed limit
    /// (RFC 1870 section 4).
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        if self.contains(Extension::Size) { Some(self.size) } else { None }
    }

    /// LIMITS with these. A value that the syntax has no room for is dropped.
    #[must_use]
    pub fn with_limits(mut self, limits: SmtpLimits) -> Self {
        self.limits = limits.within_bounds();
        self.with(Extension::Limits)
    }

    /// What LIMITS says; nothing where it is not offered.
    #[must_use]
    pub const fn limits(&self) -> SmtpLimits {
        self.limits
    }

    /// FUTURERELEASE with the longest time a message may be held, in seconds.
    #[must_use]
    pub const fn with_future_release(mut self, max_interval: u32) -> Self {
        self.future_release = max_interval;
        self.with(Extension::FutureRelease)
    }

    /// The longest time a message may be held, in seconds, where FUTURERELEASE is offered
    /// (RFC 4865 section 3); 0 if it could not be read.
    #[must_use]
    pub const fn future_release(&self) -> Option<u32> {
        if self.contains(Extension::FutureRelease) { Some(self.future_release) } else { None }
    }

    /// DELIVERBY with the shortest by-time taken, in seconds; 0 is none.
    #[must_use]
    pub const fn with_deliver_by(mut self, min_by_time: u32) -> Self {
        self.deliver_by = min_by_time;
        self.with(Extension::DeliverBy)
    }

    /// The shortest by-time taken, in seconds, where DELIVERBY is offered (RFC 2852 section 3);
    /// 0 is none.
    #[must_use]
    pub const fn deliver_by(&self) -> Option<u32> {
        if self.contains(Extension::DeliverBy) { Some(self.deliver_by) } else { None }
    }

    /// What one line of an EHLO reply offers, too. Where a keyword comes twice, the first counts.
    ///
    /// SIZE, FUTURERELEASE and DELIVERBY with a number that cannot be read count as offered
    /// without one; LIMITS with broken syntax counts as not offered (RFC 9422 section 3).
    #[must_use]
    pub fn with_capability(mut self, capability: &Capability<'_>) -> Self {
        self.add(capability);
        self
    }

    pub(super) fn add(&mut self, capability: &Capability<'_>) {
        if let Some(kind) = capability.kind() {
            self.add_known(kind, capability.text());
        }
    }

    /// A line without arguments.
    #[inline]
    pub(super) const fn add_bare(&mut self, kind: Extension) {
        self.set |= bit(kind);
    }

    pub(super) fn add_known(&mut self, kind: Extension, arguments: &[u8]) {
        if self.contains(kind) {
            return;
        }
        let number = || super::capability::words(arguments).next().and_then(decimal);
        let seconds = || number().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        match kind {
            Extension::Size => self.size = number().unwrap_or(0),
            Extension::FutureRelease => self.future_release = seconds(),
            Extension::DeliverBy => self.deliver_by = seconds(),
            Extension::Limits => match SmtpLimits::parse(arguments) {
                Some(limits) => self.limits = limits,
                None => return,
            },
            _ => {}
        }
        self.set |= bit(kind);
    }

    /// The longest command line to take, CRLF included, in octets.
    ///
    /// 512 (RFC 5321 section 4.5.3.1.4) and what each offered extension adds to MAIL or to RCPT,
    /// whichever of the two comes out longer. Where AUTH is offered, 12,288 (RFC 4954 section 4).
    #[must_use]
    pub const fn command_line_limit(&self) -> usize {
        if self.contains(Extension::Auth) {
            return AUTH_LINE;
        }
        let (mut mail, mut rcpt) = (COMMAND_LINE, COMMAND_LINE);
        let mut rest: &[(Extension, usize, usize)] = GROWTH;
        while let Some(((extension, for_mail, for_rcpt), behind)) = rest.split_first() {
            if self.contains(*extension) {
                mail += *for_mail;
                rcpt += *for_rcpt;
            }
            rest = behind;
        }
        if mail > rcpt { mail } else { rcpt }
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&str, &str)]) -> Extensions {
        lines.iter().fold(Extensions::NONE, |all, (keyword, arguments)| {
            all.with_capability(&Capability::new(keyword, arguments).unwrap())
        })
    }

    #[test]
    fn size_with_junk_is_size_without_a_limit() {
        for junk in
            ["", "0", "x", "12x", "-1", "+1", "18446744073709551616", "100000000000000000000000"]
        {
            assert_eq!(read(&[("SIZE", junk)]).size(), Some(0), "{junk}");
        }
        assert_eq!(read(&[("SIZE", "18446744073709551615")]).size(), Some(u64::MAX));
        assert_eq!(read(&[("SIZE", "00000000000000000010")]).size(), Some(10));
        assert_eq!(read(&[("DSN", "")]).size(), None);
    }

    #[test]
    fn of_two_lines_the_first_counts() {
        assert_eq!(read(&[("SIZE", "10"), ("size", "20")]).size(), Some(10));
        let limits = read(&[("LIMITS", "RCPTMAX=1"), ("LIMITS", "RCPTMAX=2 MAILMAX=2")]).limits();
        assert_eq!((limits.rcpt_max, limits.mail_max), (Some(1), None));
    }

    #[test]
    fn broken_limits_are_not_offered() {
        let read = read(&[("LIMITS", "RCPTMAX=1 ;")]);
        assert!(!read.contains(Extension::Limits));
        assert_eq!(read, Extensions::NONE);
    }

    #[test]
    fn numbers_come_along() {
        let read = read(&[("FUTURERELEASE", "86400 2030-01-01T00:00:00Z"), ("DELIVERBY", "240")]);
        assert_eq!((read.future_release(), read.deliver_by()), (Some(86400), Some(240)));
        assert_eq!(
            read.without(Extension::FutureRelease).without(Extension::DeliverBy),
            Extensions::NONE
        );
    }

    #[test]
    fn what_is_taken_away_leaves_nothing_behind() {
        let limits =
            SmtpLimits { mail_max: Some(1_000_000), rcpt_max: Some(9), rcpt_domain_max: Some(0) };
        let some = Extensions::NONE.with_size(5).with_limits(limits);
        assert_eq!(some.limits(), SmtpLimits { rcpt_max: Some(9), ..SmtpLimits::default() });
        assert_eq!(some.without(Extension::Size).without(Extension::Limits), Extensions::NONE);
    }

    #[test]
    fn the_line_grows_with_what_is_offered() {
        let limit = |offered: &[Extension]| {
            offered.iter().fold(Extensions::NONE, |all, e| all.with(*e)).command_line_limit()
        };
        assert_eq!(limit(&[]), 512);
        assert_eq!(limit(&[Extension::Pipelining, Extension::Chunking]), 512);
        assert_eq!(limit(&[Extension::Size, Extension::EightBitMime, Extension::SmtpUtf8]), 565);
        assert_eq!(limit(&[Extension::EightBitMime, Extension::BinaryMime]), 529);
        assert_eq!(limit(&[Extension::Prdr]), 517);
        assert!(limit(&[Extension::Dsn]) >= 1036);
        // RCPT stays the longer one: what MAIL gains does not add to it.
        assert_eq!(limit(&[Extension::Dsn, Extension::Size]), limit(&[Extension::Dsn]));
        assert_eq!(limit(&[Extension::Auth, Extension::Size]), 12_288);
        assert!(limit(Extension::ALL) == 12_288);
        let rest = Extension::ALL.iter().fold(Extensions::NONE, |all, e| all.with(*e));
        assert!(rest.without(Extension::Auth).command_line_limit() < 12_288);
    }
}
