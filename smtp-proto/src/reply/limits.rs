//! The LIMITS extension (RFC 9422).

use core::fmt;

use memchr::memchr;

/// What a server says it will take before it refuses more (RFC 9422 section 4). Each from 1 to
/// 999,999; `None` where nothing was said.
///
/// ```
/// use smtp_proto::reply::SmtpLimits;
///
/// let limits = SmtpLimits::parse(b"RCPTMAX=100 XYZ=what MAILMAX=0").unwrap();
/// assert_eq!(limits.rcpt_max, Some(100));
/// assert_eq!(limits.mail_max, None);
/// assert_eq!(limits.to_string(), "RCPTMAX=100");
/// assert_eq!(SmtpLimits::parse(b"RCPTMAX=100;"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SmtpLimits {
    /// MAILMAX: mail transactions in a session.
    pub mail_max: Option<u32>,
    /// RCPTMAX: RCPT commands in a transaction.
    pub rcpt_max: Option<u32>,
    /// RCPTDOMAINMAX: different domains among the recipients in a session.
    pub rcpt_domain_max: Option<u32>,
}

impl SmtpLimits {
    /// Reads the arguments of the keyword.
    ///
    /// ```text
    /// limits           = limit-name-value *( SP limit-name-value )    ; RFC 9422 section 3
    /// limit-name-value = limit-name [ "=" limit-value ]
    /// limit-name       = 1*( ALPHA / DIGIT / "-" / "_" )
    /// limit-value      = 1*( %x21-3A / %x3C-7E )      ; printable, without ";"
    /// ```
    ///
    /// The value of the three known limits is `%x31-39 0*5DIGIT`; with any other, that limit
    /// counts as not given. Unknown limits are passed over. Of a limit given twice, the first
    /// counts. `None` if the syntax is broken: then nothing of it may be used.
    #[must_use]
    pub fn parse(arguments: &[u8]) -> Option<Self> {
        let mut limits = SmtpLimits::default();
        for item in super::capability::words(arguments) {
            limits.read(item)?;
        }
        Some(limits)
    }

    fn read(&mut self, item: &[u8]) -> Option<()> {
        let end = memchr(b'=', item);
        let (name, value) = match end.and_then(|end| item.split_at_checked(end)) {
            Some((name, value)) => (name, value.strip_prefix(b"=")),
            None => (item, None),
        };
        if name.is_empty() || !name.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)) {
            return None;
        }
        if value.is_some_and(|v| v.is_empty() || v.iter().any(|b| !is_value(*b))) {
            return None;
        }
        let known = match name.len() {
            7 if name.eq_ignore_ascii_case(b"MAILMAX") => &mut self.mail_max,
            7 if name.eq_ignore_ascii_case(b"RCPTMAX") => &mut self.rcpt_max,
            13 if name.eq_ignore_ascii_case(b"RCPTDOMAINMAX") => &mut self.rcpt_domain_max,
            _ => return Some(()),
        };
        if known.is_none() {
            *known = value.and_then(number);
        }
        Some(())
    }

    pub(super) fn within_bounds(self) -> Self {
        let bound = |value: Option<u32>| value.filter(|n| (1..=999_999).contains(n));
        SmtpLimits {
            mail_max: bound(self.mail_max),
            rcpt_max: bound(self.rcpt_max),
            rcpt_domain_max: bound(self.rcpt_domain_max),
        }
    }
}

const fn is_value(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b';'
}

fn number(digits: &[u8]) -> Option<u32> {
    if !(1..=6).contains(&digits.len()) || digits.first() == Some(&b'0') {
        return None;
    }
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

impl fmt::Display for SmtpLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = [
            ("MAILMAX", self.mail_max),
            ("RCPTMAX", self.rcpt_max),
            ("RCPTDOMAINMAX", self.rcpt_domain_max),
        ];
        let mut space = "";
        for (name, value) in items {
            if let Some(value) = value {
                write!(f, "{space}{name}={value}")?;
                space = " ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_syntax_voids_everything() {
        for text in [
            "MAILMAX=5 =3",
            "MAILMAX=5 X=",
            "MAILMAX=",
            "MAILMAX=5 X=a;b",
            "MAIL.MAX=5",
            "MAILMAX=5 X=\u{e9}",
            "a b,c",
        ] {
            assert_eq!(SmtpLimits::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_bad_value_voids_its_item() {
        for value in [
            "MAILMAX",
            "MAILMAX=0",
            "MAILMAX=01",
            "MAILMAX=1000000",
            "MAILMAX=x",
            "MAILMAX=5=5",
            "MAILMAX=-1",
            "MAILMAX=+1",
        ] {
            let mut text = [b' '; 64];
            text[..value.len()].copy_from_slice(value.as_bytes());
            text[40..49].copy_from_slice(b"RCPTMAX=7");
            let limits = SmtpLimits { rcpt_max: Some(7), ..SmtpLimits::default() };
            assert_eq!(SmtpLimits::parse(&text), Some(limits), "{value}");
        }
    }

    #[test]
    fn each_is_read_in_any_case_and_order() {
        let limits =
            SmtpLimits::parse(b"rcptdomainmax=999999 FUTURE FUTURE_2=x=y MailMax=1 RCPTMAX=20");
        let expected =
            SmtpLimits { mail_max: Some(1), rcpt_max: Some(20), rcpt_domain_max: Some(999_999) };
        assert_eq!(limits, Some(expected));
        assert_eq!(SmtpLimits::parse(b""), Some(SmtpLimits::default()));
    }
}
