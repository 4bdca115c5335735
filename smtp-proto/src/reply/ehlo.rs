//! The reply to EHLO as a server writes it.

use super::answer::check_line;
use super::{Capability, Extension, Extensions, ReplyError, SmtpLimits};
use crate::sink::{Sink, Text, put_number, put_words};

/// Writes the reply to EHLO or LHLO: a line for `domain`, then a line for each extension.
///
/// `more` gives lines of which `extensions` does not hold the text. One for an extension is
/// written in the place of that extension, if it is offered; one of an unknown keyword is
/// written behind the others. AUTH and FUTURERELEASE cannot go without arguments, so without
/// such a line they are left out.
///
/// # Errors
///
/// [`ReplyError::Control`] or [`ReplyError::TooLong`] if `domain` does not fit on a line.
/// Nothing is then written.
///
/// ```
/// use smtp_proto::reply::{Capability, Extension, Extensions, write_ehlo_reply};
///
/// let offered = Extensions::NONE.with_size(1000).with(Extension::Auth).with(Extension::Dsn);
/// let auth = Capability::new("AUTH", "PLAIN LOGIN").unwrap();
/// let mut out = Vec::new();
/// write_ehlo_reply(&mut out, "mx.example.org", &offered, &[auth]).unwrap();
/// assert_eq!(out, b"250-mx.example.org\r\n250-SIZE 1000\r\n250-DSN\r\n250 AUTH PLAIN LOGIN\r\n");
/// ```
pub fn write_ehlo_reply<S: Sink + ?Sized>(
    out: &mut S,
    domain: &str,
    extensions: &Extensions,
    more: &[Capability<'_>],
) -> Result<(), ReplyError> {
    let kinds = more.iter().filter_map(Capability::kind);
    let kinds = kinds.fold(Extensions::NONE, Extensions::with);
    let given = |extension| {
        if !kinds.contains(extension) {
            return None;
        }
        more.iter().find(|capability| capability.kind() == Some(extension)).map(Line::Given)
    };
    let unknown = more.iter().filter(|capability| capability.kind().is_none());
    write_lines(out, domain, extensions, given, unknown.map(Line::Given))
}

/// The same, of a server that knows what it says of which extension: `texts` has what stands behind
/// the keyword.
pub(crate) fn write_offer<S: Sink + ?Sized>(
    out: &mut S,
    domain: &str,
    extensions: &Extensions,
    texts: &[(Extension, &str)],
) -> Result<(), ReplyError> {
    let given = |extension| {
        let given = texts.iter().find(|(of, text)| *of == extension && !text.is_empty());
        given.map(|(_, text)| Line::Text(extension, text))
    };
    write_lines(out, domain, extensions, given, core::iter::empty())
}

fn write_lines<'a, S: Sink + ?Sized>(
    out: &mut S,
    domain: &'a str,
    extensions: &Extensions,
    given: impl Fn(Extension) -> Option<Line<'a>>,
    unknown: impl Iterator<Item = Line<'a>>,
) -> Result<(), ReplyError> {
    check_line(domain)?;
    let line = |extension| given(extension).or_else(|| Line::of(extension, extensions));
    let mut before = Line::Domain(domain);
    for next in extensions.iter().filter_map(line).chain(unknown) {
        before.write(out, false);
        before = next;
    }
    before.write(out, true);
    Ok(())
}

/// What stands on a line behind the code.
enum Line<'a> {
    Domain(&'a str),
    Given(&'a Capability<'a>),
    Text(Extension, &'a str),
    Bare(Extension),
    Number(Extension, u64),
    Limits(SmtpLimits),
}

impl Line<'_> {
    fn of(kind: Extension, offered: &Extensions) -> Option<Self> {
        match kind {
            Extension::Auth | Extension::FutureRelease => None,
            Extension::Size => Some(Line::Number(kind, offered.size()?)),
            Extension::DeliverBy => Some(match offered.deliver_by()? {
                0 => Line::Bare(kind),
                seconds => Line::Number(kind, seconds.into()),
            }),
            Extension::Limits if offered.limits() == SmtpLimits::default() => None,
            Extension::Limits => Some(Line::Limits(offered.limits())),
            _ => Some(Line::Bare(kind)),
        }
    }

    fn write<S: Sink + ?Sized>(&self, out: &mut S, is_last: bool) {
        if let Line::Bare(extension) = self {
            return out.put(extension.bare_line(is_last).as_bytes());
        }
        out.put(if is_last { b"250 " } else { b"250-" });
        match self {
            Line::Domain(domain) => out.put(domain.as_bytes()),
            Line::Given(given) => {
                out.put(given.keyword());
                match given.text() {
                    [] => {}
                    text => put_words(out, text),
                }
            }
            Line::Text(extension, text) => {
                out.put(extension.keyword().as_bytes());
                out.put(b" ");
                out.put(text.as_bytes());
            }
            Line::Bare(extension) => out.put(extension.keyword().as_bytes()),
            Line::Number(extension, number) => {
                out.put(extension.keyword().as_bytes());
                out.put(b" ");
                put_number(out, *number);
            }
            Line::Limits(limits) => {
                let _ = core::fmt::write(&mut Text(out), format_args!("LIMITS {limits}"));
            }
        }
        out.put(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Fixed;

    fn written(offered: &Extensions, more: &[Capability<'_>], expected: &str) {
        let mut room = [0; 512];
        let mut out = Fixed::new(&mut room);
        write_ehlo_reply(&mut out, "mx.example", offered, more).unwrap();
        assert_eq!(core::str::from_utf8(out.finish().unwrap()), Ok(expected));
    }

    #[test]
    fn the_last_line_is_told_apart() {
        written(&Extensions::NONE, &[], "250 mx.example\r\n");
        let one = Extensions::NONE.with(Extension::Pipelining);
        written(&one, &[], "250-mx.example\r\n250 PIPELINING\r\n");
    }

    #[test]
    fn what_needs_arguments_waits_for_them() {
        let offered = Extensions::NONE
            .with(Extension::Auth)
            .with_future_release(60)
            .with_limits(SmtpLimits::default());
        written(&offered, &[], "250 mx.example\r\n");
        let more = [
            Capability::new("X-FOO", "bar").unwrap(),
            Capability::new("FUTURERELEASE", "60 2030-01-01T00:00:00Z").unwrap(),
            Capability::new("Auth", "PLAIN").unwrap(),
        ];
        let expected = "250-mx.example\r\n250-Auth PLAIN\r\n\
            250-FUTURERELEASE 60 2030-01-01T00:00:00Z\r\n250 X-FOO bar\r\n";
        written(&offered, &more, expected);
        written(
            &offered.without(Extension::FutureRelease).without(Extension::Auth),
            &more,
            "250-mx.example\r\n250 X-FOO bar\r\n",
        );
    }

    #[test]
    fn values_are_written() {
        let limits = SmtpLimits { mail_max: Some(7), rcpt_max: Some(100), rcpt_domain_max: None };
        let offered = Extensions::NONE.with_size(0).with_limits(limits).with_deliver_by(240);
        let expected = "250-mx.example\r\n250-SIZE 0\r\n250-LIMITS MAILMAX=7 RCPTMAX=100\r\n250 DELIVERBY 240\r\n";
        written(&offered, &[], expected);
    }

    #[test]
    fn a_domain_cannot_split_the_reply() {
        let mut room = [0; 64];
        let mut out = Fixed::new(&mut room);
        let error = write_ehlo_reply(&mut out, "mx\r\n250 AUTH PLAIN", &Extensions::NONE, &[]);
        assert_eq!(error, Err(ReplyError::Control));
        assert_eq!(out.finish(), Ok(&b""[..]));
    }
}
