//! Typed values of ESMTP parameters.

use core::fmt;
use core::ops::BitOr;
use core::str::FromStr;

use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map_opt, opt};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::base64::Base64;
use super::date_time::{DateTime, date_time};
use super::verb::word;
use super::xtext::{Xtext, is_xtext};
use crate::syntax::Class;

/// `least` to `most` digits that fit a `T`.
fn number<'a, T: FromStr>(
    least: usize,
    most: usize,
) -> impl FnMut(&'a str) -> IResult<&'a str, T, ()> {
    move |input| {
        map_opt(take_while_m_n(least, most, |c: char| c.is_ascii_digit()), |digits: &str| {
            digits.parse().ok()
        })
        .parse(input)
    }
}

fn whole<'a, T>(parser: impl Parser<&'a str, Output = T, Error = ()>, text: &'a str) -> Option<T> {
    all_consuming(parser).parse(text).ok().map(|(_, value)| value)
}

/// A number of 1 to 20 digits, and nothing else, that fits 64 bits.
///
/// ```text
/// size-value  = 1*20DIGIT                        ; RFC 1870 section 3
/// chunk-size  = 1*DIGIT                          ; RFC 3030 section 2
/// ```
#[inline]
pub(super) fn octets(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// How the content is encoded, the value of BODY.
///
/// ```text
/// body-value = "7BIT" / "8BITMIME" / "BINARYMIME"    ; RFC 6152 section 2, RFC 3030 section 3
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// `7BIT`: lines of ASCII.
    SevenBit,
    /// `8BITMIME`: lines of any octets.
    EightBitMime,
    /// `BINARYMIME`: any octets, not in lines; only by BDAT.
    BinaryMime,
}

impl Body {
    #[inline]
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let body = match text.len() {
            4 => Body::SevenBit,
            8 => Body::EightBitMime,
            10 => Body::BinaryMime,
            _ => return None,
        };
        text.eq_ignore_ascii_case(body.as_str().as_bytes()).then_some(body)
    }

    /// What follows `7BIT` or `8BITMIME` at the start of `text`.
    #[inline]
    pub(super) fn usual(text: &[u8]) -> Option<&[u8]> {
        match text {
            [b'8', b, i, t, m, n, o, e, rest @ ..] => {
                let letters = (word(&[b'B', *b, *i, *t]), word(&[*m, *n, *o, *e]));
                (letters == (word(b"BBIT"), word(b"MIME"))).then_some(rest)
            }
            [b'7', b, i, t, rest @ ..] => {
                (word(&[b'B', *b, *i, *t]) == word(b"BBIT")).then_some(rest)
            }
            _ => None,
        }
    }

    /// The value as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Body::SevenBit => "7BIT",
            Body::EightBitMime => "8BITMIME",
            Body::BinaryMime => "BINARYMIME",
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a failure notification should return, the value of RET.
///
/// ```text
/// ret-value = "FULL" / "HDRS"                    ; RFC 3461 section 4.3
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    /// `FULL`: the whole message.
    Full,
    /// `HDRS`: its header section only.
    Hdrs,
}

impl Ret {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let is = |ret: &Ret| text.eq_ignore_ascii_case(ret.as_str().as_bytes());
        [Ret::Full, Ret::Hdrs].into_iter().find(is)
    }

    /// The value as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Ret::Full => "FULL",
            Ret::Hdrs => "HDRS",
        }
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When delivery status notifications are wanted, the value of NOTIFY: never, or a set of events.
///
/// ```text
/// notify-esmtp-value  = "NEVER" / 1#notify-list-element  ; RFC 3461 section 4.1
/// notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"
/// ```
///
/// ```
/// use smtp_proto::command::Notify;
///
/// let notify = Notify::FAILURE | Notify::DELAY;
/// assert!(notify.failure() && notify.delay() && !notify.success());
/// assert_eq!(notify.to_string(), "FAILURE,DELAY");
/// assert!(Notify::NEVER.is_never());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notify(u8);

impl Notify {
    /// No notifications at all.
    pub const NEVER: Self = Notify(0);
    /// On delivery.
    pub const SUCCESS: Self = Notify(1);
    /// On failure.
    pub const FAILURE: Self = Notify(2);
    /// On delay.
    pub const DELAY: Self = Notify(4);

    const EVENTS: [(Self, &'static str); 3] =
        [(Self::SUCCESS, "SUCCESS"), (Self::FAILURE, "FAILURE"), (Self::DELAY, "DELAY")];

    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if text.eq_ignore_ascii_case(b"NEVER") {
            return Some(Self::NEVER);
        }
        let (mut set, mut rest) = (Self::NEVER, text);
        loop {
            let (name, behind) = Class::LET_DIG.split_bytes(rest);
            let is = |(_, event): &(Self, &str)| name.eq_ignore_ascii_case(event.as_bytes());
            set = set | Self::EVENTS.into_iter().find(is)?.0;
            match behind {
                [] => return Some(set),
                [b',', next @ ..] => rest = next,
                _ => return None,
            }
        }
    }

    /// No notifications at all.
    #[must_use]
    pub const fn is_never(self) -> bool {
        self.0 == 0
    }

    /// On delivery.
    #[must_use]
    pub const fn success(self) -> bool {
        self.0 & Self::SUCCESS.0 != 0
    }

    /// On failure.
    #[must_use]
    pub const fn failure(self) -> bool {
        self.0 & Self::FAILURE.0 != 0
    }

    /// On delay.
    #[must_use]
    pub const fn delay(self) -> bool {
        self.0 & Self::DELAY.0 != 0
    }
}

impl BitOr for Notify {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Notify(self.0 | other.0)
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() {
            return f.write_str("NEVER");
        }
        let mut comma = "";
        for (event, name) in Self::EVENTS {
            if self.0 & event.0 != 0 {
                write!(f, "{comma}{name}")?;
                comma = ",";
            }
        }
        Ok(())
    }
}

/// Who first submitted the message, the value of AUTH on MAIL (RFC 4954 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthParameter<'a> {
    /// `<>`: not known, or not to be told.
    Null,
    /// This mailbox, in xtext. Decoded it holds no control characters; it was not parsed further.
    Mailbox(Xtext<'a>),
}

impl<'a> AuthParameter<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        match text {
            "<>" => Some(AuthParameter::Null),
            _ if !Self::holds(text.as_bytes()) => None,
            _ => Xtext::parse(text).map(AuthParameter::Mailbox),
        }
    }

    /// Whether this is such a value.
    pub(super) fn holds(text: &[u8]) -> bool {
        text == b"<>" || is_xtext(text, |octet| !octet.is_ascii_control())
    }
}

/// The xtext of ENVID, which stands for printable ASCII (RFC 3461 section 4.4).
pub(super) fn envid(text: &str) -> Option<Xtext<'_>> {
    Xtext::parse(text).filter(|text| is_envid(text.as_str().as_bytes()))
}

pub(super) fn is_envid(text: &[u8]) -> bool {
    is_xtext(text, |octet| matches!(octet, b' '..=b'~'))
}

/// The xtext of SUBMITTER, which stands for a mailbox (RFC 4405 section 4). It holds no control
/// characters; it was not parsed further.
pub(super) fn submitter(text: &str) -> Option<Xtext<'_>> {
    Xtext::parse(text)
        .filter(|text| !text.has_control() && text.decode().any(|octet| octet == b'@'))
}

/// Seconds to hold a message, the value of HOLDFOR.
///
/// ```text
/// future-release-integer = %x31-39 *8DIGIT       ; RFC 4865 section 3
/// ```
pub(super) fn hold_for(text: &str) -> Option<u32> {
    whole(number(1, 9), text).filter(|_| !text.starts_with('0'))
}

/// By when to deliver, the value of BY.
///
/// ```text
/// by-value = by-time ";" by-mode [by-trace]      ; RFC 2852 section 4
/// by-time  = ["-" / "+"] 1*9DIGIT                ; positive where by-mode is "R"
/// by-mode  = "N" / "R"
/// by-trace = "T"
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    seconds: i32,
    mode: DeliverByMode,
    trace: bool,
}

/// What happens when the time of a [`DeliverBy`] is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliverByMode {
    /// `N`: delivery goes on, and the sender is told.
    Notify,
    /// `R`: the message is returned.
    Return,
}

impl DeliverBy {
    /// A time of at most 999,999,999 seconds either way; with [`DeliverByMode::Return`] at
    /// least 1.
    ///
    /// ```
    /// use smtp_proto::command::{DeliverBy, DeliverByMode};
    ///
    /// let by = DeliverBy::new(120, DeliverByMode::Return, true).unwrap();
    /// assert_eq!(by.to_string(), "120;RT");
    /// assert_eq!(DeliverBy::new(0, DeliverByMode::Return, false), None);
    /// ```
    #[must_use]
    pub const fn new(seconds: i32, mode: DeliverByMode, trace: bool) -> Option<Self> {
        let past = seconds < 1 && matches!(mode, DeliverByMode::Return);
        if past || seconds < -999_999_999 || seconds > 999_999_999 {
            return None;
        }
        Some(DeliverBy { seconds, mode, trace })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sign, seconds, mode, trace) = whole(
            (
                opt(one_of("+-")),
                terminated(number(1, 9), char(';')),
                one_of("NnRr"),
                opt(one_of("Tt")),
            ),
            text,
        )?;
        let seconds: i32 = seconds;
        let mode =
            if matches!(mode, 'N' | 'n') { DeliverByMode::Notify } else { DeliverByMode::Return };
        Self::new(if sign == Some('-') { -seconds } else { seconds }, mode, trace.is_some())
    }

    /// Seconds from the MAIL command on; negative if the time is over.
    #[must_use]
    pub const fn seconds(self) -> i32 {
        self.seconds
    }

    /// What happens when the time is over.
    #[must_use]
    pub const fn mode(self) -> DeliverByMode {
        self.mode
    }

    /// The sender wants to be told of relays that do not know the extension.
    #[must_use]
    pub const fn trace(self) -> bool {
        self.trace
    }
}

impl fmt::Display for DeliverBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            DeliverByMode::Notify => "N",
            DeliverByMode::Return => "R",
        };
        write!(f, "{};{mode}{}", self.seconds, if self.trace { "T" } else { "" })
    }
}

/// A priority from -9 to 9, the value of MT-PRIORITY.
///
/// ```text
/// priority-value = (["-"] NZDIGIT) / "0"         ; RFC 6710 section 3
/// ```
pub(super) fn mt_priority(text: &str) -> Option<i8> {
    let (sign, digit) = match text.as_bytes() {
        [b'-', digit @ b'1'..=b'9'] => (-1, digit),
        [digit @ b'0'..=b'9'] => (1, digit),
        _ => return None,
    };
    Some(sign * i8::try_from(digit - b'0').ok()?)
}

/// How a message may be tracked, the value of MTRK.
///
/// ```text
/// mtrk-value = mtrk-certifier [ ":" mtrk-timeout ]   ; RFC 3885 section 4
/// mtrk-certifier = base64
/// mtrk-timeout = 1*9DIGIT
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracking<'a> {
    certifier: Base64<'a>,
    timeout: Option<u32>,
}

impl<'a> Tracking<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (certifier, timeout) = match text.split_once(':') {
            Some((certifier, timeout)) => (certifier, Some(whole(number(1, 9), timeout)?)),
            None => (text, None),
        };
        let certifier = Base64::parse(certifier).filter(|certifier| !certifier.is_empty())?;
        Some(Tracking { certifier, timeout })
    }

    /// The hash of the secret that a tracking request will show.
    #[must_use]
    pub const fn certifier(&self) -> Base64<'a> {
        self.certifier
    }

    /// For how many seconds tracking information should be kept.
    #[must_use]
    pub const fn timeout(&self) -> Option<u32> {
        self.timeout
    }
}

/// Since when the recipient must have owned the mailbox, the value of RRVS.
///
/// ```text
/// rrvs-value = date-time [ ";" ( "C" / "R" ) ]   ; RFC 7293 section 3
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ValidSince {
    /// The recipient must have owned the mailbox at this time.
    pub since: DateTime,
    /// What a relay does whose next hop does not know the extension.
    pub action: Option<ValidSinceAction>,
}

/// What a relay does whose next hop does not know RRVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValidSinceAction {
    /// `C`: go on without it.
    Continue,
    /// `R`: refuse the recipient.
    Reject,
}

impl ValidSince {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (since, action) = whole((date_time, opt(preceded(char(';'), one_of("CcRr")))), text)?;
        let action = action.map(|action| match action {
            'C' | 'c' => ValidSinceAction::Continue,
            _ => ValidSinceAction::Reject,
        });
        Some(ValidSince { since, action })
    }
}

impl fmt::Display for ValidSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            None => "",
            Some(ValidSinceAction::Continue) => ";C",
            Some(ValidSinceAction::Reject) => ";R",
        };
        write!(f, "{}{action}", self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(octets(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(octets(b"00000000000000000001"), Some(1));
        for text in ["", "-1", "+1", "0x10", "18446744073709551616", "000000000000000000001", "1 "]
        {
            assert_eq!(octets(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn notify() {
        assert_eq!(Notify::parse(b"never"), Some(Notify::NEVER));
        assert_eq!(Notify::parse(b"delay,SUCCESS"), Some(Notify::SUCCESS | Notify::DELAY));
        for text in
            ["", "NEVER,SUCCESS", "SUCCESS,NEVER", "SUCCESS,", ",DELAY", "BOGUS", "SUCCESS;DELAY"]
        {
            assert_eq!(Notify::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn deliver_by() {
        let new = |seconds, mode, trace| DeliverBy::new(seconds, mode, trace);
        assert_eq!(DeliverBy::parse("120;R"), new(120, DeliverByMode::Return, false));
        assert_eq!(DeliverBy::parse("+9;nt"), new(9, DeliverByMode::Notify, true));
        assert_eq!(
            DeliverBy::parse("-999999999;N"),
            new(-999_999_999, DeliverByMode::Notify, false)
        );
        for text in
            ["0;R", "-1;R", "1;X", "1", "1;", ";N", "1;NX", "1;NTT", "1000000000;N", "--1;N"]
        {
            assert_eq!(DeliverBy::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn priorities() {
        assert_eq!(mt_priority("-9"), Some(-9));
        assert_eq!(mt_priority("0"), Some(0));
        for text in ["", "-0", "+1", "10", "-10", "99", "1 ", "a"] {
            assert_eq!(mt_priority(text), None, "{text:?}");
        }
    }

    #[test]
    fn hold_times() {
        assert_eq!(hold_for("999999999"), Some(999_999_999));
        for text in ["0", "", "01", "1000000000", "-1", "1s"] {
            assert_eq!(hold_for(text), None, "{text:?}");
        }
    }

    #[test]
    fn valid_since() {
        assert!(ValidSince::parse("2014-04-03T23:01:00Z;C").is_some());
        for text in
            [";", ";R", "2014-04-03T23:01:00Z;", "2014-04-03T23:01:00Z;X", "2014-04-03T23:01:00ZC"]
        {
            assert_eq!(ValidSince::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn tracking() {
        assert_eq!(Tracking::parse("AAAA:86400").unwrap().timeout(), Some(86_400));
        assert_eq!(Tracking::parse("dGVzdA==").unwrap().certifier().decoded_len(), 4);
        for text in ["", ":1", "AAAA:", "AAA", "AAAA:1000000000", "AAAA:1:2"] {
            assert_eq!(Tracking::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn submitters_look_like_mailboxes() {
        assert!(submitter("alice@example.org").is_some());
        assert!(submitter("alice+40example.org").is_some());
        for text in ["alice", "a@b+0D+0Ac", "a@b=c", "a@b+zz", "+3D"] {
            assert_eq!(submitter(text), None, "{text:?}");
        }
    }

    #[test]
    fn envelope_ids_are_printable() {
        assert!(envid("a+20b").is_some());
        for text in ["a+0D+0Ab", "+7F", "+E9", "+09", "bad+zz"] {
            assert_eq!(envid(text), None, "{text:?}");
        }
    }
}
