//! Reverse-paths and forward-paths: mailboxes in angle brackets, and the two special ones.

use core::fmt;

use nom::{
    Parser,
    sequence::{delimited, preceded},
};

use super::{
    AddressError, Mailbox,
    domain::domain_at,
    error::{Parsed, character, fault, whole},
    mailbox::mailbox_at,
};
use crate::sink::Sink;
use crate::syntax::Syntax;

/// The whole text of a path with its source route: no longer than a command line may be
/// (RFC 5321 section 4.5.3.1.4), in octets.
const MAX_ROUTED_PATH: usize = 512;

/// The argument of MAIL: where reports about the message go.
///
/// ```text
/// Reverse-path = Path / "<>"                            ; RFC 5321 section 4.1.2
/// Path         = "<" [ A-d-l ":" ] Mailbox ">"
/// A-d-l        = At-domain *( "," At-domain )
/// At-domain    = "@" Domain
/// ```
///
/// A source route is checked and dropped. At most 256 octets without it.
///
/// ```
/// use smtp_proto::address::ReversePath;
///
/// assert_eq!(ReversePath::parse("<>"), Ok(ReversePath::Null));
/// let path = ReversePath::parse("<@a.example,@b.example:c@d.example>").unwrap();
/// assert_eq!(path.to_string(), "<c@d.example>");
/// assert!(ReversePath::parse("<postmaster>").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath<'a> {
    /// `<>`: no reports are wanted.
    Null,
    /// A mailbox.
    Mailbox(Mailbox<'a>),
}

/// The argument of RCPT: where the message goes.
///
/// ```text
/// rcpt         = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" /
///                 Forward-path ) ...                    ; RFC 5321 section 4.1.1.3
/// Forward-path = Path                                   ; section 4.1.2
/// ```
///
/// A source route is checked and dropped. At most 256 octets without it.
///
/// ```
/// use smtp_proto::address::{AddressError, ForwardPath};
///
/// assert_eq!(ForwardPath::parse("<POSTMASTER>"), Ok(ForwardPath::Postmaster));
/// assert!(matches!(ForwardPath::parse("<postmaster@a.example>"), Ok(ForwardPath::Mailbox(_))));
/// assert_eq!(ForwardPath::parse("<>"), Err(AddressError::Null));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath<'a> {
    /// `<Postmaster>`, whatever its case: the postmaster of the server that is asked.
    Postmaster,
    /// A mailbox.
    Mailbox(Mailbox<'a>),
}

impl<'a> ReversePath<'a> {
    /// Parses a whole text, angle brackets included, strictly.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub fn parse(text: &'a str) -> Result<Self, AddressError> {
        Self::parse_with(text, Syntax::Strict)
    }

    /// Parses a whole text. Lenient syntax is that of [`Mailbox::parse_with`], and the angle
    /// brackets around a mailbox may be missing. An empty text is never the null path.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub fn parse_with(text: &'a str, syntax: Syntax) -> Result<Self, AddressError> {
        match Self::plain(text.as_bytes()) {
            Some((path, [])) => Ok(path),
            _ => whole(reverse_path(syntax), text, AddressError::Syntax),
        }
    }

    /// The mailbox, unless this is the null path.
    #[must_use]
    pub const fn mailbox(self) -> Option<Mailbox<'a>> {
        match self {
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// The same without copying it, for what only writes it.
    #[inline]
    pub(crate) const fn mailbox_ref(&self) -> Option<&Mailbox<'a>> {
        match self {
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        match self {
            ReversePath::Null => true,
            ReversePath::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }
}

impl<'a> ForwardPath<'a> {
    /// Parses a whole text, angle brackets included, strictly.
    ///
    /// # Errors
    ///
    /// [`AddressError::Null`] for `<>`; otherwise see [`AddressError`].
    pub fn parse(text: &'a str) -> Result<Self, AddressError> {
        Self::parse_with(text, Syntax::Strict)
    }

    /// Parses a whole text. Lenient syntax is that of [`Mailbox::parse_with`], and the angle
    /// brackets may be missing.
    ///
    /// # Errors
    ///
    /// As [`ForwardPath::parse`].
    pub fn parse_with(text: &'a str, syntax: Syntax) -> Result<Self, AddressError> {
        match Self::plain(text.as_bytes()) {
            Some((path, [])) => Ok(path),
            _ => whole(forward_path(syntax), text, AddressError::Syntax),
        }
    }

    /// The mailbox, unless this is `<Postmaster>`.
    #[must_use]
    pub const fn mailbox(self) -> Option<Mailbox<'a>> {
        match self {
            ForwardPath::Postmaster => None,
            ForwardPath::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// The same without copying it, for what only writes it.
    #[inline]
    pub(crate) const fn mailbox_ref(&self) -> Option<&Mailbox<'a>> {
        match self {
            ForwardPath::Postmaster => None,
            ForwardPath::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub const fn is_ascii(self) -> bool {
        match self {
            ForwardPath::Postmaster => true,
            ForwardPath::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }
}

impl<'a> From<Mailbox<'a>> for ReversePath<'a> {
    fn from(mailbox: Mailbox<'a>) -> Self {
        ReversePath::Mailbox(mailbox)
    }
}

impl<'a> From<Mailbox<'a>> for ForwardPath<'a> {
    fn from(mailbox: Mailbox<'a>) -> Self {
        ForwardPath::Mailbox(mailbox)
    }
}

impl ReversePath<'_> {
    pub(crate) fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(b"<");
        if let ReversePath::Mailbox(mailbox) = self {
            mailbox.encode(out);
        }
        out.put(b">");
    }
}

impl fmt::Display for ReversePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => f.write_str("<>"),
            ReversePath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

impl fmt::Display for ForwardPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardPath::Postmaster => f.write_str("<Postmaster>"),
            ForwardPath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

impl<'a> ReversePath<'a> {
    /// The path at the start of `input` and what follows it, if it is null or a plain mailbox.
    #[inline]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        match input {
            [b'<', b'>', rest @ ..] => Some((ReversePath::Null, rest)),
            _ => plain(input).map(|(mailbox, rest)| (ReversePath::Mailbox(mailbox), rest)),
        }
    }

    /// The same for any mailbox that is spelt strictly.
    pub(crate) fn spelt(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        spelt(input).map(|(mailbox, rest)| (ReversePath::Mailbox(mailbox), rest))
    }
}

impl<'a> ForwardPath<'a> {
    /// The path at the start of `input` and what follows it, if it is a plain mailbox.
    #[inline]
    pub(crate) fn plain(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        plain(input).map(|(mailbox, rest)| (ForwardPath::Mailbox(mailbox), rest))
    }

    /// The same for `<Postmaster>`, and any mailbox that is spelt strictly.
    pub(crate) fn spelt(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        const POSTMASTER: &[u8; 12] = b"<Postmaster>";
        match input.split_first_chunk::<12>() {
            Some((start, rest)) if start.eq_ignore_ascii_case(POSTMASTER) => {
                Some((ForwardPath::Postmaster, rest))
            }
            _ => spelt(input).map(|(mailbox, rest)| (ForwardPath::Mailbox(mailbox), rest)),
        }
    }
}

/// A path as nearly all are, without a source route, and what follows it.
#[inline]
fn plain(input: &[u8]) -> Option<(Mailbox<'_>, &[u8])> {
    let (mailbox, behind) = Mailbox::plain(input.strip_prefix(b"<")?)?;
    Some((mailbox, behind.strip_prefix(b">")?))
}

fn spelt(input: &[u8]) -> Option<(Mailbox<'_>, &[u8])> {
    let (mailbox, behind) = Mailbox::spelt(input.strip_prefix(b"<")?)?;
    Some((mailbox, behind.strip_prefix(b">")?))
}

/// `Reverse-path = Path / "<>"`: takes one at the start of the input and returns the rest.
///
/// Behind a path with brackets anything may follow; what a path without them (lenient) is followed
/// by is a space or nothing.
pub(crate) fn reverse_path<'a>(
    syntax: Syntax,
) -> impl Fn(&'a str) -> Parsed<'a, ReversePath<'a>> + Copy {
    move |input| match input.strip_prefix("<>") {
        Some(rest) => Ok((rest, ReversePath::Null)),
        None => path(syntax, input).map(|(rest, mailbox)| (rest, ReversePath::Mailbox(mailbox))),
    }
}

/// `"<Postmaster>" / Forward-path`: as [`reverse_path`].
pub(crate) fn forward_path<'a>(
    syntax: Syntax,
) -> impl Fn(&'a str) -> Parsed<'a, ForwardPath<'a>> + Copy {
    move |input| {
        match input.as_bytes() {
            [b'<', b'>', ..] => return Err(fault(AddressError::Null)),
            [b'<', b'P' | b'p', ..] | [b'P' | b'p', ..] => {
                if let Some(rest) = postmaster(input, syntax) {
                    return Ok((rest, ForwardPath::Postmaster));
                }
            }
            _ => {}
        }
        path(syntax, input).map(|(rest, mailbox)| (rest, ForwardPath::Mailbox(mailbox)))
    }
}

#[cold]
fn postmaster(input: &str, syntax: Syntax) -> Option<&str> {
    let behind = |name: &str| {
        let (start, rest) = input.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(rest)
    };
    behind("<Postmaster>").or_else(|| {
        let rest = behind("Postmaster").filter(|_| syntax.is_lenient())?;
        ends_bare_path(rest).then_some(rest)
    })
}

/// `Path = "<" [ A-d-l ":" ] Mailbox ">"`
#[inline]
fn path(syntax: Syntax, input: &str) -> Parsed<'_, Mailbox<'_>> {
    let (rest, mailbox) = if input.starts_with('<') || !syntax.is_lenient() {
        let open = character('<', AddressError::Syntax);
        delimited(open, |inner| routed(syntax, inner), close).parse_complete(input)?
    } else {
        let (rest, mailbox) = routed(syntax, input)?;
        if !ends_bare_path(rest) {
            return Err(fault(AddressError::Domain));
        }
        (rest, mailbox)
    };
    if input.len().saturating_sub(rest.len()) > MAX_ROUTED_PATH {
        return Err(fault(AddressError::TooLong));
    }
    Ok((rest, mailbox))
}

/// `[ A-d-l ":" ] Mailbox`; no Mailbox starts with `@`, so that one character decides.
#[inline]
fn routed(syntax: Syntax, input: &str) -> Parsed<'_, Mailbox<'_>> {
    let behind_route = match input.as_bytes() {
        [b'@', ..] => source_route(syntax, input)?.0,
        _ => input,
    };
    mailbox_at(syntax, behind_route)
}

/// `A-d-l ":"`
#[cold]
fn source_route(syntax: Syntax, input: &str) -> Parsed<'_, ()> {
    let at = character('@', AddressError::Syntax);
    let mut at_domain = preceded(at, |name| domain_at(syntax, name));
    let mut rest = input;
    loop {
        (rest, _) = at_domain.parse_complete(rest)?;
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return character(':', AddressError::Syntax).parse_complete(rest),
        }
    }
}

#[inline]
fn close(input: &str) -> Parsed<'_, ()> {
    let missing = if input.is_empty() { AddressError::Syntax } else { AddressError::Domain };
    character('>', missing).parse_complete(input)
}

fn ends_bare_path(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(' ')
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{
        format,
        string::{String, ToString},
    };

    use proptest::prelude::*;

    use super::{super::strategy, *};

    const LENIENT: Syntax = Syntax::Lenient;

    #[test]
    fn the_null_path_and_postmaster_are_two_things() {
        assert_eq!(ReversePath::parse("<>"), Ok(ReversePath::Null));
        assert_eq!(ForwardPath::parse("<>"), Err(AddressError::Null));
        assert_eq!(ForwardPath::parse("<pOSTMASTER>"), Ok(ForwardPath::Postmaster));
        for syntax in [Syntax::Strict, LENIENT] {
            assert!(ReversePath::parse_with("<postmaster>", syntax).is_err());
            assert!(ForwardPath::parse_with("<postmasters>", syntax).is_err());
            assert!(ForwardPath::parse_with("<hostmaster>", syntax).is_err());
            assert_eq!(ForwardPath::parse_with("<>", syntax), Err(AddressError::Null));
        }
    }

    #[test]
    fn a_source_route_is_checked_and_dropped() {
        for text in ["<@a:u@c>", "<@a,@b:u@c>", "<@a.example,@b-1,@\u{e9}:u@c>"] {
            assert_eq!(ReversePath::parse(text).unwrap().to_string(), "<u@c>");
            assert_eq!(ForwardPath::parse(text).unwrap().to_string(), "<u@c>");
        }
        for text in [
            "<@a>",
            "<@:u@c>",
            "<@a,:u@c>",
            "<@a,b:u@c>",
            "<@a, @b:u@c>",
            "<@-a:u@c>",
            "<@a:>",
            "<@a:@b:u@c>",
            "<a@b:u@c>",
            "<@a@b:u@c>",
            "<@[192.0.2.1]:u@c>",
            "<:u@c>",
            "<@a:u>",
        ] {
            assert!(ReversePath::parse(text).is_err(), "{text}");
            assert!(ForwardPath::parse(text).is_err(), "{text}");
        }
        let text = r#"<"@a,@b:<u>"@d>"#;
        assert_eq!(ReversePath::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn a_route_does_not_count_but_is_bounded() {
        let mailbox = format!("{}@{}a", "l".repeat(64), "a.".repeat(94));
        assert_eq!(mailbox.len(), 254);
        let text = format!("<@{}a,@relay:{mailbox}>", "a.".repeat(100));
        assert_eq!(ReversePath::parse(&text).unwrap().to_string(), format!("<{mailbox}>"));
        let route = "@a,".repeat(170);
        assert_eq!(ReversePath::parse(&format!("<{route}@a:u@c>")), Err(AddressError::TooLong));
    }

    #[test]
    fn what_is_no_path_is_refused_by_both_syntaxes() {
        for text in [
            "",
            " ",
            "< >",
            "<",
            ">",
            "<<>>",
            "<a@b",
            "<a@b> ",
            " <a@b>",
            "<a@b>>",
            "<<a@b>>",
            "<a@b>x",
            "< a@b>",
            "<a@b >",
            "<a@ b>",
            "<a\\",
            "<a@b\\>",
            "<a@b\0>",
            "<\"a@b>",
            "<a>",
            "<@>",
            "<a@>",
            "<@b>",
            "\"x\" <a@b>",
            "a@b>",
            "<a@b,c@d>",
        ] {
            for syntax in [Syntax::Strict, LENIENT] {
                assert!(ReversePath::parse_with(text, syntax).is_err(), "{text:?}");
                assert!(ForwardPath::parse_with(text, syntax).is_err(), "{text:?}");
            }
        }
    }

    #[test]
    fn only_lenient_syntax_takes_paths_without_brackets() {
        let mailbox = Mailbox::parse("a@b.org").unwrap();
        assert_eq!(ReversePath::parse("a@b.org"), Err(AddressError::Syntax));
        assert_eq!(ForwardPath::parse("a@b.org"), Err(AddressError::Syntax));
        assert_eq!(ForwardPath::parse("postmaster"), Err(AddressError::Syntax));
        assert_eq!(ReversePath::parse_with("a@b.org", LENIENT), Ok(mailbox.into()));
        assert_eq!(ForwardPath::parse_with("a@b.org", LENIENT), Ok(mailbox.into()));
        assert_eq!(ForwardPath::parse_with("postmaster", LENIENT), Ok(ForwardPath::Postmaster));
        let (rest, path) = reverse_path(LENIENT)("a@b.org SIZE=1").unwrap();
        assert_eq!((rest, path), (" SIZE=1", mailbox.into()));
        let (rest, path) = forward_path(LENIENT)("Postmaster NOTIFY=NEVER").unwrap();
        assert_eq!((rest, path), (" NOTIFY=NEVER", ForwardPath::Postmaster));
        assert!(forward_path(LENIENT)("postmaster@b.org").unwrap().1.mailbox().is_some());
    }

    #[test]
    fn most_paths_are_plain() {
        let longest = format!("<{}@{}a>", "l".repeat(64), "a.".repeat(31));
        for text in ["<a@b>", "<first.last+tag@mx-1.example.org>", "<1@2.3>", longest.as_str()] {
            for tail in ["", " SIZE=1", "\u{e9}"] {
                let input = format!("{text}{tail}");
                let (path, rest) = ForwardPath::plain(input.as_bytes()).unwrap();
                assert_eq!((path, rest), (ForwardPath::parse(text).unwrap(), tail.as_bytes()));
            }
        }
        for text in ["<\"a\"@b>", "<a@[192.0.2.1]>", "<a@xn--4c.b>", "<@r:a@b>", "<a@b", "<a@b-.c>"]
        {
            assert!(ForwardPath::plain(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn the_space_inside_a_quoted_string_is_no_end() {
        let text = r#""john doe"@example.org"#;
        let path = ReversePath::parse_with(text, LENIENT).unwrap();
        assert_eq!(path.to_string(), format!("<{text}>"));
    }

    proptest! {
        #[test]
        fn a_path_survives_writing_with_anything_behind_it(
            text in strategy::mailbox(),
            route in prop::option::of(strategy::domain()),
            tail in "[ >@:a-z=]{0,8}",
        ) {
            let mailbox = Mailbox::parse(&text).unwrap();
            let route = route.map_or(String::new(), |domain| format!("@{domain}:"));
            let input = format!("<{route}{text}>{tail}");
            for syntax in [Syntax::Strict, LENIENT] {
                let (rest, path) = reverse_path(syntax)(&input).unwrap();
                prop_assert_eq!((rest, path.mailbox()), (tail.as_str(), Some(mailbox)));
                prop_assert_eq!(path.to_string(), format!("<{text}>"));
                let (rest, path) = forward_path(syntax)(&input).unwrap();
                prop_assert_eq!((rest, path.mailbox()), (tail.as_str(), Some(mailbox)));
                prop_assert_eq!(path.to_string(), format!("<{text}>"));
            }
        }

        #[test]
        fn a_plain_path_is_what_the_grammar_says(
            text in prop_oneof![
                strategy::mailbox(),
                strategy::near_misses(),
                "[a-c.+-]{1,5}@[a-c.-]{1,6}",
                "[a-c.]{60,70}@[a-c.-]{58,70}",
            ],
            tail in "([ >@:a-z=é].{0,4})?",
        ) {
            for input in [format!("<{text}>{tail}"), format!("<>{tail}"), text] {
                let forward = forward_path(Syntax::Strict)(&input);
                if let Some((path, rest)) = ForwardPath::plain(input.as_bytes()) {
                    let rest = core::str::from_utf8(rest).unwrap();
                    prop_assert_eq!(forward, Ok((rest, path)));
                }
                let reverse = reverse_path(Syntax::Strict)(&input);
                if let Some((path, rest)) = ReversePath::plain(input.as_bytes()) {
                    let rest = core::str::from_utf8(rest).unwrap();
                    prop_assert_eq!(&reverse, &Ok((rest, path)));
                    prop_assert_eq!(reverse_path(LENIENT)(&input), reverse);
                }
            }
        }

        #[test]
        fn whatever_is_taken_is_written_so_that_it_is_taken_again(text in strategy::near_misses()) {
            for input in [text.clone(), format!("<{text}>"), format!("<{text}@x>")] {
                for syntax in [Syntax::Strict, LENIENT] {
                    if let Ok(path) = ReversePath::parse_with(&input, syntax) {
                        let written = path.to_string();
                        prop_assert_eq!(ReversePath::parse_with(&written, syntax), Ok(path));
                    }
                    if let Ok(path) = ForwardPath::parse_with(&input, syntax) {
                        let written = path.to_string();
                        prop_assert_eq!(ForwardPath::parse_with(&written, syntax), Ok(path));
                    }
                }
            }
        }
    }
}
