//! ESMTP parameters: how one is written, which are known, and how a list of them is checked.

use core::{fmt, iter};

use super::date_time::DateTime;
use super::original_recipient::OriginalRecipient;
use super::value::{self, AuthParameter, Body, DeliverBy, Notify, Ret, Tracking, ValidSince};
use super::verb::word;
use crate::sink::{Sink, put_words};
use crate::syntax::{Class, Syntax};

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

    fn of(name: &str, scope: Scope) -> Option<Self> {
        const SIZE: u32 = word(b"SIZE");
        const BODY: u32 = word(b"BODY");
        const AUTH: u32 = word(b"AUTH");
        const MTRK: u32 = word(b"MTRK");
        const PRDR: u32 = word(b"PRDR");
        const RRVS: u32 = word(b"RRVS");

        if let [a, b, c, d] = *name.as_bytes() {
            return match (scope, word(&[a, b, c, d])) {
                (Scope::Mail, SIZE) => Some(Keyword::Size),
                (Scope::Mail, BODY) => Some(Keyword::Body),
                (Scope::Mail, AUTH) => Some(Keyword::Auth),
                (Scope::Mail, MTRK) => Some(Keyword::Mtrk),
                (Scope::Mail, PRDR) => Some(Keyword::Prdr),
                (Scope::Rcpt, RRVS) => Some(Keyword::Rrvs),
                _ => None,
            };
        }
        let known = match (scope, name.len()) {
            (Scope::Mail, 2) => Keyword::By,
            (Scope::Mail, 3) => Keyword::Ret,
            (Scope::Mail, 5) => Keyword::Envid,
            (Scope::Mail, 7) => Keyword::HoldFor,
            (Scope::Mail, 8) => Keyword::SmtpUtf8,
            (Scope::Mail, 9) if name.starts_with(['S', 's']) => Keyword::Submitter,
            (Scope::Mail, 9) => Keyword::HoldUntil,
            (Scope::Mail, 10) => Keyword::RequireTls,
            (Scope::Mail, 11) => Keyword::MtPriority,
            (Scope::Rcpt, 5) => Keyword::Orcpt,
            (Scope::Rcpt, 6) => Keyword::Notify,
            _ => return None,
        };
        name.eq_ignore_ascii_case(known.as_str()).then_some(known)
    }

    /// HOLDUNTIL has the bit of HOLDFOR: RFC 4865 section 4 allows one of them.
    const fn bit(self) -> u32 {
        match self {
            Keyword::HoldUntil => 1 << Keyword::HoldFor as u32,
            _ => 1 << self as u32,
        }
    }

    fn takes(self, text: Option<&str>) -> bool {
        match (self, text) {
            (Keyword::SmtpUtf8 | Keyword::RequireTls | Keyword::Prdr, value) => value.is_none(),
            (_, None) => false,
            (Keyword::Size, Some(text)) => value::octets(text).is_some(),
            (Keyword::Body, Some(text)) => Body::parse(text).is_some(),
            (Keyword::Ret, Some(text)) => Ret::parse(text).is_some(),
            (Keyword::Envid, Some(text)) => value::envid(text).is_some(),
            (Keyword::Auth, Some(text)) => AuthParameter::parse(text).is_some(),
            (Keyword::HoldFor, Some(text)) => value::hold_for(text).is_some(),
            (Keyword::HoldUntil, Some(text)) => DateTime::parse(text).is_some(),
            (Keyword::By, Some(text)) => DeliverBy::parse(text).is_some(),
            (Keyword::MtPriority, Some(text)) => value::mt_priority(text).is_some(),
            (Keyword::Mtrk, Some(text)) => Tracking::parse(text).is_some(),
            (Keyword::Submitter, Some(text)) => value::submitter(text).is_some(),
            (Keyword::Notify, Some(text)) => Notify::parse(text).is_some(),
            (Keyword::Orcpt, Some(text)) => OriginalRecipient::parse(text).is_some(),
            (Keyword::Rrvs, Some(text)) => ValidSince::parse(text).is_some(),
        }
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
    keyword: &'a str,
    value: Option<&'a str>,
    kind: Option<Keyword>,
}

impl<'a> Parameter<'a> {
    /// The keyword as received.
    #[must_use]
    pub const fn keyword(&self) -> &'a str {
        self.keyword
    }

    /// The value as received; never empty.
    #[must_use]
    pub const fn value(&self) -> Option<&'a str> {
        self.value
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

    pub(super) fn is_named(&self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword)
    }
}

impl PartialEq for Parameter<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.is_named(other.keyword) && self.value == other.value
    }
}

impl Eq for Parameter<'_> {}

impl fmt::Display for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword)?;
        match self.value {
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
/// What follows the parameter comes first.
#[inline]
pub(super) fn esmtp_param(input: &str) -> Option<(&str, (&str, Option<&str>))> {
    let (keyword, behind) = esmtp_keyword(input)?;
    Some(match behind.strip_prefix('=').and_then(esmtp_value) {
        Some((value, rest)) => (rest, (keyword, Some(value))),
        None => (behind, (keyword, None)),
    })
}

/// ```text
/// esmtp-keyword  = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")    ; RFC 5321 section 4.1.2
/// ```
#[inline]
fn esmtp_keyword(input: &str) -> Option<(&str, &str)> {
    let (keyword, rest) = Class::LDH.split(input);
    (!matches!(keyword.as_bytes(), [] | [b'-', ..])).then_some((keyword, rest))
}

/// ```text
/// esmtp-value    = 1*(%d33-60 / %d62-126)        ; RFC 5321 section 4.1.2
/// esmtp-value    =/ UTF8-non-ascii               ; RFC 6531 section 3.3
/// ```
#[inline]
fn esmtp_value(input: &str) -> Option<(&str, &str)> {
    let (value, rest) = Class::GRAPHIC.split(input);
    match rest.as_bytes() {
        [0x80..=0xff, ..] => international(input),
        _ => (!value.is_empty()).then_some((value, rest)),
    }
}

/// A value with characters outside ASCII.
#[cold]
fn international(input: &str) -> Option<(&str, &str)> {
    let (value, rest) = Class::GRAPHIC.or(Class::NON_ASCII).split(input);
    (!value.chars().any(char::is_control)).then_some((value, rest))
}

/// Checks a whole list. Whether one space stands between each two of its parameters is returned, as
/// it always is where strict.
///
/// ```text
/// Mail-parameters = esmtp-param *(SP esmtp-param)        ; RFC 5321 section 4.1.2
/// ```
pub(super) fn check(text: &str, scope: Scope, syntax: Syntax) -> Result<bool, ParameterError> {
    let (mut known, mut unknown, mut even) = (0, 0, true);
    let mut rest = text;
    loop {
        let Some((behind, (keyword, value))) = esmtp_param(rest) else {
            return Err(ParameterError::Syntax);
        };
        match Keyword::of(keyword, scope) {
            Some(kind) => {
                if known & kind.bit() != 0 {
                    return Err(ParameterError::Duplicate);
                }
                known |= kind.bit();
                if !kind.takes(value) {
                    return Err(ParameterError::Value);
                }
            }
            None => {
                let own = text.len().saturating_sub(rest.len());
                check_unknown(
                    text.split_at_checked(own).map_or("", |(before, _)| before),
                    keyword,
                )?;
                if value.is_some_and(|value| value.contains('=')) && !syntax.is_lenient() {
                    return Err(ParameterError::Syntax);
                }
                unknown += 1;
                if unknown > MOST_UNKNOWN {
                    return Err(ParameterError::TooMany);
                }
            }
        }
        if behind.is_empty() {
            return Ok(even);
        }
        rest = separator(behind, syntax).ok_or(ParameterError::Syntax)?;
        even &= behind.len() - rest.len() == 1 && behind.starts_with(' ');
    }
}

fn check_unknown(before: &str, keyword: &str) -> Result<(), ParameterError> {
    if words(before).any(|word| {
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        name.eq_ignore_ascii_case(keyword)
    }) {
        return Err(ParameterError::Duplicate);
    }
    Ok(())
}

/// What stands behind the white space that `text` begins with: one space, or where lenient any
/// run of spaces and tabs.
pub(super) fn separator(text: &str, syntax: Syntax) -> Option<&str> {
    if syntax.is_lenient() {
        let rest = text.trim_start_matches([' ', '\t']);
        (rest.len() < text.len()).then_some(rest)
    } else {
        text.strip_prefix(' ')
    }
}

/// Writes what stands behind a path: its bracket, a checked list with one space before each
/// parameter, and the end of the line. An [even](check) list is put as it is.
#[inline]
pub(super) fn encode_behind_path<S: Sink + ?Sized>(text: &str, even: bool, out: &mut S) {
    if text.is_empty() {
        return out.put(b">\r\n");
    }
    if even {
        out.put(b"> ");
        out.put(text.as_bytes());
    } else {
        out.put(b">");
        put_words(out, text.as_bytes());
    }
    out.put(b"\r\n");
}

fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split([' ', '\t']).filter(|word| !word.is_empty())
}

/// The parameters of a checked list.
#[inline]
pub(super) fn parameters(text: &str, scope: Scope) -> impl Iterator<Item = Parameter<'_>> + Clone {
    let mut rest = text;
    iter::from_fn(move || {
        let (behind, (keyword, value)) = esmtp_param(rest)?;
        rest = behind.trim_ascii_start();
        Some(Parameter { keyword, value, kind: Keyword::of(keyword, scope) })
    })
}
