//! ESMTP parameters: how one is written, which are known, and how a list of them is checked.

use core::{fmt, iter};

use super::date_time::DateTime;
use super::original_recipient::OriginalRecipient;
use super::parse::trim_start;
use super::value::{self, AuthParameter, Body, DeliverBy, Notify, Ret, Tracking, ValidSince};
use super::verb::word;
use crate::address::Utf8;
use crate::sink::{Sink, put_words};
use crate::syntax::{Class, Syntax, has_c1};

/// More unknown parameters than this are refused, so that looking for duplicates takes linear time.
const MOST_UNKNOWN: usize = 32;

/// Why a list of parameters is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParameterError {
    /// A keyword or value is malformed, or not separated by one space.
    Syntax,
    /// A known parameter lacks its value, has one that it cannot have, or takes none.
    Value,
    /// A parameter is there twice, or two are there that exclude each other.
    Duplicate,
    /// There are more than 32 unknown parameters.
    TooMany,
}

impl ParameterError {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            ParameterError::Syntax => "a parameter is malformed",
            ParameterError::Value => "the value of a parameter is not valid",
            ParameterError::Duplicate => "a parameter is given twice",
            ParameterError::TooMany => "too many parameters",
        }
    }
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for ParameterError {}

/// The parameters whose values are understood.
///
/// ```
/// use smtp_proto::command::{Keyword, MailParameters};
///
/// let parameters = MailParameters::parse("size=100 XFOO=bar").unwrap();
/// let kinds: Vec<_> = parameters.iter().map(|parameter| parameter.kind()).collect();
/// assert_eq!(kinds, [Some(Keyword::Size), None]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keyword {
    /// SIZE on MAIL, RFC 1870.
    Size,
    /// BODY on MAIL, RFC 6152 and RFC 3030.
    Body,
    /// SMTPUTF8 on MAIL, RFC 6531.
    SmtpUtf8,
    /// RET on MAIL, RFC 3461.
    Ret,
    /// ENVID on MAIL, RFC 3461.
    Envid,
    /// AUTH on MAIL, RFC 4954.
    Auth,
    /// HOLDFOR on MAIL, RFC 4865.
    HoldFor,
    /// HOLDUNTIL on MAIL, RFC 4865.
    HoldUntil,
    /// BY on MAIL, RFC 2852.
    By,
    /// MT-PRIORITY on MAIL, RFC 6710.
    MtPriority,
    /// REQUIRETLS on MAIL, RFC 8689.
    RequireTls,
    /// MTRK on MAIL, RFC 3885.
    Mtrk,
    /// PRDR on MAIL, draft-hall-prdr-00.
    Prdr,
    /// SUBMITTER on MAIL, RFC 4405.
    Submitter,
    /// NOTIFY on RCPT, RFC 3461.
    Notify,
    /// ORCPT on RCPT, RFC 3461 and RFC 6533.
    Orcpt,
    /// RRVS on RCPT, RFC 7293.
    Rrvs,
}

/// The command that parameters belong to: a keyword is known only in its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Mail,
    Rcpt,
}

impl Keyword {
    /// The keyword in upper case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Keyword::Size => "SIZE",
            Keyword::Body => "BODY",
            Keyword::SmtpUtf8 => "SMTPUTF8",
            Keyword::Ret => "RET",
            Keyword::Envid => "ENVID",
            Keyword::Auth => "AUTH",
            Keyword::HoldFor => "HOLDFOR",
            Keyword::HoldUntil => "HOLDUNTIL",
            Keyword::By => "BY",
            Keyword::MtPriority => "MT-PRIORITY",
            Keyword::RequireTls => "REQUIRETLS",
            Keyword::Mtrk => "MTRK",
            Keyword::Prdr => "PRDR",
            Keyword::Submitter => "SUBMITTER",
            Keyword::Notify => "NOTIFY",
            Keyword::Orcpt => "ORCPT",
            Keyword::Rrvs => "RRVS",
        }
    }

    #[inline]
    fn of_four(name: &[u8; 4], scope: Scope) -> Option<Self> {
        const SIZE: u32 = word(b"SIZE");
        const BODY: u32 = word(b"BODY");
        const AUTH: u32 = word(b"AUTH");
        const MTRK: u32 = word(b"MTRK");
        const PRDR: u32 = word(b"PRDR");
        const RRVS: u32 = word(b"RRVS");

        match (scope, word(name)) {
            (Scope::Mail, SIZE) => Some(Keyword::Size),
            (Scope::Mail, BODY) => Some(Keyword::Body),
            (Scope::Mail, AUTH) => Some(Keyword::Auth),
            (Scope::Mail, MTRK) => Some(Keyword::Mtrk),
            (Scope::Mail, PRDR) => Some(Keyword::Prdr),
            (Scope::Rcpt, RRVS) => Some(Keyword::Rrvs),
            _ => None,
        }
    }

    fn of(name: &[u8], scope: Scope) -> Option<Self> {
        let known = match (scope, name.len()) {
            (_, 4) => return Self::of_four(name.first_chunk()?, scope),
            (Scope::Mail, 2) => Keyword::By,
            (Scope::Mail, 3) => Keyword::Ret,
            (Scope::Mail, 5) => Keyword::Envid,
            (Scope::Mail, 7) => Keyword::HoldFor,
            (Scope::Mail, 8) => Keyword::SmtpUtf8,
            (Scope::Mail, 9) if matches!(name, [b'S' | b's', ..]) => Keyword::Submitter,
            (Scope::Mail, 9) => Keyword::HoldUntil,
            (Scope::Mail, 10) => Keyword::RequireTls,
            (Scope::Mail, 11) => Keyword::MtPriority,
            (Scope::Rcpt, 5) => Keyword::Orcpt,
            (Scope::Rcpt, 6) => Keyword::Notify,
            _ => return None,
        };
        name.eq_ignore_ascii_case(known.as_str().as_bytes()).then_some(known)
    }

    /// HOLDUNTIL has the bit of HOLDFOR: RFC 4865 section 4 allows one of them.
    const fn bit(self) -> u32 {
        match self {
            Keyword::HoldUntil => 1 << Keyword::HoldFor as u32,
            _ => 1 << self as u32,
        }
    }

    fn takes(self, value: Option<Utf8<'_>>) -> bool {
        let Some(text) = value else {
            return matches!(self, Keyword::SmtpUtf8 | Keyword::RequireTls | Keyword::Prdr);
        };
        let octets = text.as_bytes();
        match self {
            Keyword::SmtpUtf8 | Keyword::RequireTls | Keyword::Prdr => false,
            Keyword::Size => value::octets(octets).is_some(),
            Keyword::Body => Body::parse(octets).is_some(),
            Keyword::Ret => Ret::parse(octets).is_some(),
            Keyword::Envid => value::is_envid(octets),
            Keyword::Auth => AuthParameter::holds(octets),
            Keyword::Notify => Notify::parse(octets).is_some(),
            Keyword::Orcpt => OriginalRecipient::holds(text),
            Keyword::HoldFor => value::hold_for(text.as_str()).is_some(),
            Keyword::HoldUntil => DateTime::parse(text.as_str()).is_some(),
            Keyword::By => DeliverBy::parse(text.as_str()).is_some(),
            Keyword::MtPriority => value::mt_priority(text.as_str()).is_some(),
            Keyword::Mtrk => Tracking::parse(text.as_str()).is_some(),
            Keyword::Submitter => value::submitter(text.as_str()).is_some(),
            Keyword::Rrvs => ValidSince::parse(text.as_str()).is_some(),
        }
    }
}

/// Which known parameters may be in a list, so that nothing is searched for those that are not; and
/// whether one space stands between each two, so that it can be written as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kinds(u32);

impl Kinds {
    pub(super) const NONE: Kinds = Kinds(0);
    #[cfg(feature = "alloc")]
    pub(super) const ANY: Kinds = Kinds(!Self::UNEVEN);
    const UNEVEN: u32 = 1 << 31;

    pub(super) const fn is_even(self) -> bool {
        self.0 & Self::UNEVEN == 0
    }

    #[inline]
    pub(super) const fn may_hold(self, kind: Keyword) -> bool {
        self.0 & kind.bit() != 0
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One parameter, known or not. Equal to another if the keywords are, case apart, and the values
/// are octet by octet.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<'a> {
    keyword: Utf8<'a>,
    value: Option<Utf8<'a>>,
    kind: Option<Keyword>,
}

impl<'a> Parameter<'a> {
    /// The keyword as received.
    #[must_use]
    pub const fn keyword(&self) -> &'a str {
        self.keyword.as_str()
    }

    /// The value as received; never empty.
    #[must_use]
    pub const fn value(&self) -> Option<&'a str> {
        match self.value {
            Some(value) => Some(value.as_str()),
            None => None,
        }
    }

    /// Which parameter this is, if it is one that its command is known to take.
    #[must_use]
    pub const fn kind(&self) -> Option<Keyword> {
        self.kind
    }

    pub(crate) fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        out.put(self.keyword.as_bytes());
        if let Some(value) = self.value {
            out.put(b"=");
            out.put(value.as_bytes());
        }
    }

    pub(super) fn octets(&self) -> Option<&'a [u8]> {
        self.value.map(Utf8::as_bytes)
    }

    pub(super) fn is_named(&self, keyword: &str) -> bool {
        self.keyword.as_bytes().eq_ignore_ascii_case(keyword.as_bytes())
    }
}

impl PartialEq for Parameter<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.keyword.as_bytes().eq_ignore_ascii_case(other.keyword.as_bytes())
            && self.octets() == other.octets()
    }
}

impl Eq for Parameter<'_> {}

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())?;
        match self.value() {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

/// ```text
/// esmtp-param    = esmtp-keyword ["=" esmtp-value]       ; RFC 5321 section 4.1.2
/// ```
///
/// The value may hold "=", which only that of MTRK, being base64, and those of lenient syntax do.
/// What follows the parameter comes with it.
#[inline]
pub(super) fn esmtp_param(input: &[u8], scope: Scope) -> Option<(Parameter<'_>, &[u8])> {
    let (keyword, behind) = esmtp_keyword(input)?;
    let (value, rest) = match behind {
        [b'=', value @ ..] => match esmtp_value(value) {
            Some((value, rest)) => (Some(value), rest),
            None => (None, behind),
        },
        _ => (None, behind),
    };
    let kind = Keyword::of(keyword.as_bytes(), scope);
    Some((Parameter { keyword, value, kind }, rest))
}

/// SIZE or BODY of MAIL, with a value as nearly all have it, and what follows: most messages bring
/// no other parameters. Whatever is not spelt so is left to [`esmtp_param`].
#[inline]
fn usual(input: &[u8]) -> Option<(Keyword, &[u8])> {
    let ([a, b, c, d, b'='], value) = input.split_first_chunk()? else { return None };
    let (kind, rest) = match Keyword::of_four(&[*a, *b, *c, *d], Scope::Mail)? {
        Keyword::Size => match Class::DIGIT.run(value) {
            digits @ 1..20 => (Keyword::Size, value.get(digits..)?),
            _ => return None,
        },
        Keyword::Body => (Keyword::Body, Body::usual(value)?),
        _ => return None,
    };
    matches!(rest, [] | [b' ', ..]).then_some((kind, rest))
}

/// ```text
/// esmtp-keyword  = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")    ; RFC 5321 section 4.1.2
/// ```
#[inline]
fn esmtp_keyword(input: &[u8]) -> Option<(Utf8<'_>, &[u8])> {
    match Class::LDH.run(input) {
        0 => None,
        _ if input.starts_with(b"-") => None,
        length => Utf8::ascii(input, length),
    }
}

/// ```text
/// esmtp-value    = 1*(%d33-60 / %d62-126)        ; RFC 5321 section 4.1.2
/// esmtp-value    =/ UTF8-non-ascii               ; RFC 6531 section 3.3
/// ```
#[inline]
fn esmtp_value(input: &[u8]) -> Option<(Utf8<'_>, &[u8])> {
    let length = Class::GRAPHIC.run(input);
    match input.get(length) {
        Some(0x80..) => international(input),
        _ if length == 0 => None,
        _ => Utf8::ascii(input, length),
    }
}

/// A value with characters outside ASCII.
#[cold]
fn international(input: &[u8]) -> Option<(Utf8<'_>, &[u8])> {
    let (value, rest) = Class::GRAPHIC.or(Class::NON_ASCII).split_bytes(input);
    let value = core::str::from_utf8(value).ok()?;
    (!has_c1(value.as_bytes())).then_some((Utf8::new(value), rest))
}

/// Checks a whole list, of one parameter at least; what is taken is UTF-8.
///
/// ```text
/// Mail-parameters = esmtp-param *(SP esmtp-param)        ; RFC 5321 section 4.1.2
/// ```
pub(super) fn check(text: &[u8], scope: Scope, syntax: Syntax) -> Result<Kinds, ParameterError> {
    let (mut known, mut unknown) = (0, 0);
    let mut rest = text;
    loop {
        let behind = if scope == Scope::Mail
            && let Some((kind, behind)) = usual(rest)
        {
            known = with(known, kind)?;
            behind
        } else {
            let (parameter, behind) = esmtp_param(rest, scope).ok_or(ParameterError::Syntax)?;
            if let Some(kind) = parameter.kind {
                known = with(known, kind)?;
                if !kind.takes(parameter.value) {
                    return Err(ParameterError::Value);
                }
            } else {
                let own = text.len().saturating_sub(rest.len());
                check_unknown(text.get(..own).unwrap_or_default(), parameter, syntax)?;
                unknown += 1;
                if unknown > MOST_UNKNOWN {
                    return Err(ParameterError::TooMany);
                }
            }
            behind
        };
        if behind.is_empty() {
            return Ok(Kinds(known));
        }
        rest = separator(behind, syntax).ok_or(ParameterError::Syntax)?;
        if behind.len() - rest.len() != 1 || !behind.starts_with(b" ") {
            known |= Kinds::UNEVEN;
        }
    }
}

#[inline]
fn with(known: u32, kind: Keyword) -> Result<u32, ParameterError> {
    if known & kind.bit() == 0 { Ok(known | kind.bit()) } else { Err(ParameterError::Duplicate) }
}

fn check_unknown(
    before: &[u8],
    parameter: Parameter<'_>,
    syntax: Syntax,
) -> Result<(), ParameterError> {
    let keyword = parameter.keyword.as_bytes();
    let words = before.split(|byte| matches!(byte, b' ' | b'\t'));
    let mut names = words.filter_map(|word| word.split(|byte| *byte == b'=').next());
    if names.any(|name| name.eq_ignore_ascii_case(keyword)) {
        return Err(ParameterError::Duplicate);
    }
    let holds_equals = parameter.octets().is_some_and(|value| value.contains(&b'='));
    if holds_equals && !syntax.is_lenient() { Err(ParameterError::Syntax) } else { Ok(()) }
}

/// What stands behind the white space that `text` begins with: one space, or where lenient any
/// run of spaces and tabs.
#[inline]
pub(super) fn separator(text: &[u8], syntax: Syntax) -> Option<&[u8]> {
    match text {
        [b' ', rest @ ..] if !syntax.is_lenient() => Some(rest),
        [b' ' | b'\t', rest @ ..] if syntax.is_lenient() => Some(trim_start(rest)),
        _ => None,
    }
}

/// Writes what stands behind a path: its bracket, a checked list with one space before each
/// parameter, and the end of the line. An [even](Kinds) list is put as it is.
#[inline]
pub(super) fn encode_behind_path<S: Sink + ?Sized>(text: &[u8], even: bool, out: &mut S) {
    if text.is_empty() {
        return out.put(b">\r\n");
    }
    if even {
        out.put(b"> ");
        out.put(text);
    } else {
        out.put(b">");
        put_words(out, text);
    }
    out.put(b"\r\n");
}

/// The parameters of a checked list.
#[inline]
pub(super) fn parameters(
    text: Utf8<'_>,
    scope: Scope,
) -> impl Iterator<Item = Parameter<'_>> + Clone {
    let mut rest = text.as_bytes();
    iter::from_fn(move || {
        let (parameter, behind) = esmtp_param(rest, scope)?;
        rest = trim_start(behind);
        Some(parameter)
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_at_one_look_is_read_alike_piece_by_piece(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "SIZE=", "size=", "SIZE", "BODY=", "bODY=", "7BIT", "7bit", "8BITMIME", "8bitMIME",
                    "8BIT", "BINARYMIME", "0", "12", "0123456789", "\u{10}", "\u{e9}", "-", "=", " ", "\t",
                ]),
                1..6,
            ),
        ) {
            let text: String = pieces.concat();
            if let Some((kind, behind)) = usual(text.as_bytes()) {
                let (parameter, rest) = esmtp_param(text.as_bytes(), Scope::Mail).unwrap();
                prop_assert_eq!((parameter.kind, rest), (Some(kind), behind));
                prop_assert!(kind.takes(parameter.value));
            }
        }
    }

    #[test]
    fn what_nearly_all_send_is_read_at_one_look() {
        for (text, kind) in [
            ("SIZE=1 X", Keyword::Size),
            ("size=9999999999999999999", Keyword::Size),
            ("BODY=7BIT", Keyword::Body),
            ("body=8bitmime SIZE=1", Keyword::Body),
        ] {
            assert_eq!(usual(text.as_bytes()).map(|(kind, _)| kind), Some(kind), "{text}");
        }
        for text in
            ["SIZE=", "SIZE=1x", "SIZE=10000000000000000000", "BODY=7BITS", "PRDR", "BODY=8BIT"]
        {
            assert!(usual(text.as_bytes()).is_none(), "{text}");
        }
    }
}
