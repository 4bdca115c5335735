//! The reply to EHLO as a server writes it.

use super::answer::check_line;
use super::extensions::bit;
use super::{Capability, Extension, Extensions, ReplyError, SmtpLimits};
use crate::sink::{Sink, Text, put_number};

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
    let given = kinds.fold(Extensions::NONE, Extensions::with);
    let line = |extension| {
        more.iter().find(|capability| capability.kind() == Some(extension)).map(Line::Given)
    };
    let unknown = more.iter().filter(|capability| capability.kind().is_none());
    write_lines(out, domain, extensions, given.bits(), line, unknown)
}

/// The same, of a server that knows what it says of which extension: `texts` has what stands behind
/// the keyword.
pub(crate) fn write_offer<S: Sink + ?Sized>(
    out: &mut S,
    domain: &str,
    extensions: &Extensions,
    texts: &[(Extension, &str)],
) -> Result<(), ReplyError> {
    let texts = texts.iter().filter(|(_, text)| !text.is_empty());
    let given = texts.clone().fold(0, |given, (extension, _)| given | bit(*extension));
    let line = |extension| {
        let given = texts.clone().find(|(of, _)| *of == extension);
        given.map(|(_, text)| Line::Text(extension, text))
    };
    write_lines(out, domain, extensions, given, line, core::iter::empty())
}

/// Those that cannot go without arguments.
const NEED_TEXT: u64 = bit(Extension::Auth) | bit(Extension::FutureRelease);

/// Those of which the lines have values that [`Extensions`] holds.
const NUMBERED: u64 = bit(Extension::Size) | bit(Extension::DeliverBy) | bit(Extension::Limits);

/// `given` has a bit for each extension of which `line` has the line; `unknown` is written behind the
/// others. Most lines are a keyword alone, and stand beside each other in [`Extension::bare_lines`], so
/// that those of neighbours are put as one piece.
fn write_lines<'a, S: Sink + ?Sized>(
    out: &mut S,
    domain: &'a str,
    extensions: &Extensions,
    given: u64,
    line: impl Fn(Extension) -> Option<Line<'a>>,
    mut unknown: impl Iterator<Item = &'a Capability<'a>>,
) -> Result<(), ReplyError> {
    check_line(domain)?;
    let mut missing = NEED_TEXT;
    if extensions.limits() == SmtpLimits::default() {
        missing |= bit(Extension::Limits);
    }
    let mut left = extensions.bits() & !(missing & !given);
    let special = given | NUMBERED;
    let write = |out: &mut S, at: u32, is_last| {
        let Some(extension) = Extension::ALL.get(at as usize) else { return };
        if special & (1 << at) == 0 {
            return out.put(extension.bare_line(is_last).as_bytes());
        }
        let line = line(*extension).unwrap_or_else(|| Line::of(*extension, extensions));
        line.write(out, is_last);
    };

    let mut next = unknown.next();
    let last = if next.is_none() { left.checked_ilog2() } else { None };
    left &= !last.map_or(0, |last| 1 << last);
    Line::Domain(domain).write(out, last.is_none() && next.is_none());
    while left != 0 {
        let first = left.trailing_zeros();
        // One special line, or all bare ones that follow each other.
        let run = (left & !special) >> first;
        let behind = first + run.trailing_ones().max(1);
        if run & 1 == 0 {
            write(out, first, false);
        } else {
            let lines = Extension::bare_lines(first as usize, behind as usize);
            out.put(lines.as_bytes());
        }
        left &= u64::MAX.checked_shl(behind).unwrap_or(0);
    }
    if let Some(last) = last {
        write(out, last, true);
    }
    while let Some(capability) = next {
        next = unknown.next();
        Line::Given(capability).write(out, next.is_none());
    }
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
    fn of(kind: Extension, offered: &Extensions) -> Self {
        match kind {
            Extension::Size => Line::Number(kind, offered.size().unwrap_or(0)),
            Extension::DeliverBy => match offered.deliver_by() {
                None | Some(0) => Line::Bare(kind),
                Some(seconds) => Line::Number(kind, seconds.into()),
            },
            Extension::Limits => Line::Limits(offered.limits()),
            _ => Line::Bare(kind),
        }
    }

    fn write<S: Sink + ?Sized>(&self, out: &mut S, is_last: bool) {
        let code = if is_last { b"250 " } else { b"250-" };
        match self {
            Line::Domain(domain) => {
                out.put(code);
                out.put(domain.as_bytes());
            }
            Line::Given(given) => {
                out.put(code);
                given.encode(out);
            }
            Line::Text(extension, text) => {
                out.put(head(*extension, is_last));
                out.put(b" ");
                out.put(text.as_bytes());
            }
            Line::Bare(extension) => {
                return out.put(extension.bare_line(is_last).as_bytes());
            }
            Line::Number(extension, number) => {
                out.put(head(*extension, is_last));
                out.put(b" ");
                put_number(out, *number);
            }
            Line::Limits(limits) => {
                out.put(code);
                let _ = core::fmt::write(&mut Text(out), format_args!("LIMITS {limits}"));
            }
        }
        out.put(b"\r\n");
    }
}

/// Code and keyword.
fn head(extension: Extension, is_last: bool) -> &'static [u8] {
    extension.bare_line(is_last).as_bytes().strip_suffix(b"\r\n").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::{String, ToString};
    use std::vec::Vec;
    use std::{format, vec};

    use proptest::prelude::*;

    use super::*;
    use crate::reply::{Capabilities, Reply};
    use crate::sink::Fixed;

    fn written(offered: &Extensions, more: &[Capability<'_>], expected: &str) {
        let mut room = [0; 512];
        let mut out = Fixed::new(&mut room);
        write_ehlo_reply(&mut out, "mx.example", offered, more).unwrap();
        assert_eq!(core::str::from_utf8(out.finish().unwrap()), Ok(expected));
    }

    /// The lines one by one.
    fn oracle(
        offered: &Extensions,
        more: &[(Extension, &str)],
        unknown: &[(&str, &str)],
    ) -> String {
        let mut lines = vec![String::from("mx.example")];
        for extension in offered.iter() {
            let given = more.iter().find(|(kind, _)| *kind == extension).map(|(_, text)| *text);
            let own = match extension {
                Extension::Auth | Extension::FutureRelease => continue,
                Extension::Size => offered.size().map(|size| size.to_string()),
                Extension::DeliverBy => {
                    offered.deliver_by().filter(|by| *by > 0).map(|by| by.to_string())
                }
                Extension::Limits => Some(offered.limits().to_string()),
                _ => None,
            };
            match (given, own.as_deref()) {
                (None, Some("")) => {}
                (None, None) | (Some(""), _) => lines.push(extension.keyword().to_string()),
                (Some(text), _) | (None, Some(text)) => {
                    lines.push(format!("{} {text}", extension.keyword()));
                }
            }
        }
        lines.extend(unknown.iter().map(|(keyword, text)| format!("{keyword} {text}")));
        let last = lines.pop().unwrap();
        let lines: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        format!("{lines}250 {last}\r\n")
    }

    proptest! {
        #[test]
        fn any_set_is_written_line_by_line(
            set in prop::collection::vec(prop::sample::select(Extension::ALL), 0..40),
            size in prop::option::of(any::<u64>()),
            by in prop::option::of(0..1000_u32),
            rcpt_max in prop::option::of(1..1_000_000_u32),
            more in prop::collection::vec(
                (prop::sample::select(Extension::ALL), prop::sample::select(vec!["", "a", "a b"])), 0..4,
            ),
            unknown in prop::collection::vec(
                (prop::sample::select(vec!["X-A", "XB"]), prop::sample::select(vec!["a", "b c"])), 0..3,
            ),
        ) {
            // What cannot go without arguments is asked for in other tests.
            let needs = |kind| matches!(kind, Extension::Auth | Extension::FutureRelease);
            let is_given = |kind| more.iter().any(|(given, _)| *given == kind);
            let set = set.into_iter().filter(|kind| !(needs(*kind) && is_given(*kind)));
            let mut offered = set.fold(Extensions::NONE, Extensions::with);
            offered = size.map_or(offered, |size| offered.with_size(size));
            offered = by.map_or(offered, |by| offered.with_deliver_by(by));
            let limits = SmtpLimits { rcpt_max, ..SmtpLimits::default() };
            if rcpt_max.is_some() {
                offered = offered.with_limits(limits);
            }
            let known = more.iter().map(|(kind, text)| (kind.keyword(), *text));
            let given: Vec<Capability<'_>> = known
                .chain(unknown.iter().copied())
                .map(|(keyword, text)| Capability::new(keyword, text).unwrap())
                .collect();
            let expected = oracle(&offered, &more, &unknown);
            let mut out = Vec::new();
            write_ehlo_reply(&mut out, "mx.example", &offered, &given).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);

            let texts: Vec<(Extension, &str)> = more;
            if texts.iter().all(|(_, text)| !text.is_empty()) {
                let mut out = Vec::new();
                write_offer(&mut out, "mx.example", &offered, &texts).unwrap();
                let expected = oracle(&offered, &texts, &[]);
                prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }

    /// What is read is written with one space before each argument.
    #[test]
    fn a_line_that_was_read_is_written_evenly() {
        let read = Reply::parse(b"250-mx\r\n250-auth  PLAIN\tLOGIN\r\n250 XFOO a b\r\n").unwrap();
        let read: Vec<Capability<'_>> = Capabilities::new(read).iter().collect();
        let offered = Extensions::NONE.with(Extension::Auth);
        written(&offered, &read, "250-mx.example\r\n250-auth PLAIN LOGIN\r\n250 XFOO a b\r\n");
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
