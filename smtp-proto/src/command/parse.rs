//! Lines as commands: each is cut into verb and argument, and the argument is parsed whole.

use super::verb::{DATA, EHLO, MAIL, QUIT, RCPT, RSET, word};
use super::{
    Argument, Attributes, Base64, Command, MailParameters, Mechanism, Octets, ParameterError,
    Printable, Queue, RcptParameters, Verb, parameter, value,
};
use crate::address::{
    AddressError, Domain, Fault, ForwardPath, Host, Parsed, ReversePath, forward_path, host,
    reverse_path,
};
use crate::error::CommandError;
use crate::syntax::{Class, Syntax};

type Outcome<T> = Result<T, CommandError>;

pub(super) fn command(line: &[u8], syntax: Syntax) -> Outcome<Command<'_>> {
    if let Some(command) = usual(line) {
        return Ok(command);
    }
    let mut parsed = parse(line, syntax);
    if let Err(error) = &mut parsed {
        *error = blamed(*error, line);
    }
    parsed
}

/// Whatever is taken holds no CR, LF or NUL, so that only what is refused is searched for them.
#[cold]
fn blamed(error: CommandError, line: &[u8]) -> CommandError {
    match error {
        CommandError::ChunkSize => error,
        _ if memchr::memchr3(b'\r', b'\n', 0, line).is_some() => CommandError::Octet,
        _ => error,
    }
}

/// EHLO, MAIL and RCPT with plain names, spelt by the letter of the grammar, and what stands alone: most
/// lines of a session. What is not taken here is looked at again, and may be as good.
#[inline]
fn usual(line: &[u8]) -> Option<Command<'_>> {
    let Some(([a, b, c, d, b' '], rest)) = line.split_first_chunk() else { return bare(line) };
    match word(&[*a, *b, *c, *d]) {
        MAIL => {
            let (reverse_path, tail) = ReversePath::plain(from(rest)?)?;
            let parameters = match tail {
                [] => MailParameters::EMPTY,
                [b' ', list @ ..] => MailParameters::of_octets(list, Syntax::Strict).ok()?,
                _ => return None,
            };
            Some(Command::Mail { reverse_path, parameters })
        }
        RCPT => {
            let (forward_path, tail) = ForwardPath::plain(to(rest)?)?;
            let parameters = match tail {
                [] => RcptParameters::EMPTY,
                [b' ', list @ ..] => RcptParameters::of_octets(list, Syntax::Strict).ok()?,
                _ => return None,
            };
            Some(Command::Rcpt { forward_path, parameters })
        }
        EHLO => match Domain::plain(rest)? {
            (domain, []) => Some(Command::Ehlo(Host::Domain(domain))),
            _ => None,
        },
        _ => None,
    }
}

/// What stands alone in nearly every session.
#[inline]
fn bare(line: &[u8]) -> Option<Command<'_>> {
    let [a, b, c, d] = line else { return None };
    match word(&[*a, *b, *c, *d]) {
        DATA => Some(Command::Data),
        RSET => Some(Command::Rset),
        QUIT => Some(Command::Quit),
        _ => None,
    }
}

fn parse(line: &[u8], syntax: Syntax) -> Outcome<Command<'_>> {
    let line = trim_end(line);
    let line = if syntax.is_lenient() { trim_start(line) } else { line };
    let Some((verb, rest)) = Verb::split(line) else { return unknown(line) };
    match verb {
        Verb::Mail => mail(rest, syntax),
        Verb::Rcpt => rcpt(rest, syntax),
        Verb::Data => alone(rest, Command::Data),
        Verb::Quit => alone(rest, Command::Quit),
        Verb::Rset => alone(rest, Command::Rset),
        Verb::StartTls => alone(rest, Command::StartTls),
        Verb::Ehlo => hello(rest, syntax).map(Command::Ehlo),
        Verb::Helo => hello(rest, syntax).map(Command::Helo),
        Verb::Lhlo => hello(rest, syntax).map(Command::Lhlo),
        Verb::Bdat => bdat(rest, syntax).ok_or(CommandError::ChunkSize),
        Verb::Noop => kept(rest).map(Command::Noop),
        Verb::Auth => auth(rest, syntax).map_err(|error| not_utf8(rest).unwrap_or(error)),
        Verb::Vrfy => looked_up(rest, syntax).map(Command::Vrfy),
        Verb::Expn => looked_up(rest, syntax).map(Command::Expn),
        Verb::Help => help(rest, syntax),
        Verb::Etrn => etrn(rest, syntax),
        Verb::Xclient => attributes(rest, syntax).map(Command::Xclient),
        Verb::Xforward => attributes(rest, syntax).map(Command::Xforward),
        Verb::Unknown => unknown(line),
    }
}

fn checked<T>(argument: Option<T>) -> Outcome<T> {
    argument.ok_or(CommandError::Argument)
}

pub(super) fn trim_end(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

pub(super) fn trim_start(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = line {
        line = rest;
    }
    line
}

#[inline]
fn utf8(bytes: &[u8]) -> Outcome<&str> {
    if bytes.is_empty() {
        return Ok("");
    }
    core::str::from_utf8(bytes).map_err(|_| CommandError::NotUtf8)
}

/// The text behind the one space that follows a verb; where lenient, behind a run of white space.
fn argument(rest: &[u8], syntax: Syntax) -> Outcome<&str> {
    let text = spaced(utf8(rest)?, syntax).ok_or(CommandError::Argument)?;
    if text.starts_with([' ', '\t']) { Err(CommandError::Argument) } else { Ok(text) }
}

/// [`parameter::separator`] for text.
fn spaced(text: &str, syntax: Syntax) -> Option<&str> {
    let behind = parameter::separator(text.as_bytes(), syntax)?.len();
    text.split_at_checked(text.len().checked_sub(behind)?).map(|(_, rest)| rest)
}

fn alone<'a>(rest: &[u8], command: Command<'a>) -> Outcome<Command<'a>> {
    if rest.is_empty() { Ok(command) } else { Err(CommandError::UnexpectedArgument) }
}

#[inline(never)]
fn help(rest: &[u8], syntax: Syntax) -> Outcome<Command<'_>> {
    if rest.is_empty() {
        return Ok(Command::Help(None));
    }
    checked(Printable::new(argument(rest, syntax)?)).map(|topic| Command::Help(Some(topic)))
}

#[inline(never)]
fn attributes(rest: &[u8], syntax: Syntax) -> Outcome<Attributes<'_>> {
    checked(Attributes::parse(argument(rest, syntax)?))
}

/// Any octets behind the space that follows a verb, or nothing.
#[inline(never)]
fn kept(rest: &[u8]) -> Outcome<Octets<'_>> {
    let octets = match rest {
        [] => return Ok(Octets::EMPTY),
        [b' ', octets @ ..] => octets,
        _ => return Err(CommandError::Argument),
    };
    Octets::new(octets).ok_or(CommandError::Octet)
}

#[cold]
fn unknown(line: &[u8]) -> Outcome<Command<'_>> {
    let end = memchr::memchr2(b' ', b'\t', line).unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end).unwrap_or((line, b""));
    if verb.is_empty() {
        return Err(CommandError::NoVerb);
    }
    let argument = rest.split_first().map_or(rest, |(_, argument)| argument);
    match (Octets::new(verb), Octets::new(argument)) {
        (Some(verb), Some(argument)) => Ok(Command::Unknown { verb, argument }),
        _ => Err(CommandError::Octet),
    }
}

/// ```text
/// ehlo = "EHLO" SP ( Domain / address-literal ) CRLF     ; RFC 5321 section 4.1.1.1
/// helo = "HELO" SP Domain CRLF
/// lhlo = "LHLO" SP Domain CRLF                           ; RFC 2033 section 4.1
/// ```
fn hello(rest: &[u8], syntax: Syntax) -> Outcome<Host<'_>> {
    if let Some(host) = rest.strip_prefix(b" ").and_then(Host::spelt) {
        return Ok(host);
    }
    let text = argument(rest, syntax)?;
    match address(host(syntax)(text)) {
        Ok((host, [])) => Ok(host),
        Ok(_) => Err(CommandError::Host(AddressError::Domain)),
        Err(error) => Err(CommandError::Host(error)),
    }
}

fn address<'a, T>(parsed: Parsed<'a, T>) -> Result<(T, &'a [u8]), AddressError> {
    match parsed {
        Ok((rest, value)) => Ok((value, rest.as_bytes())),
        Err(nom::Err::Error(Fault(error)) | nom::Err::Failure(Fault(error))) => Err(error),
        Err(nom::Err::Incomplete(_)) => Err(AddressError::Syntax),
    }
}

/// ```text
/// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF     ; RFC 5321 section 4.1.1.2
/// ```
fn mail(rest: &[u8], syntax: Syntax) -> Outcome<Command<'_>> {
    let text = separated(rest, syntax).and_then(from).ok_or(CommandError::NoFrom)?;
    let (reverse_path, tail) = match ReversePath::spelt(text) {
        Some(found) => found,
        None => address(reverse_path(syntax)(path_text(text, syntax)?))
            .map_err(CommandError::ReversePath)?,
    };
    let parameters = match tail {
        [] => MailParameters::EMPTY,
        tail => parameters(tail, syntax, MailParameters::of_octets)?,
    };
    Ok(Command::Mail { reverse_path, parameters })
}

/// ```text
/// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
///        [SP Rcpt-parameters] CRLF                       ; RFC 5321 section 4.1.1.3
/// ```
fn rcpt(rest: &[u8], syntax: Syntax) -> Outcome<Command<'_>> {
    let text = separated(rest, syntax).and_then(to).ok_or(CommandError::NoTo)?;
    let (forward_path, tail) = match ForwardPath::spelt(text) {
        Some(found) => found,
        None => address(forward_path(syntax)(path_text(text, syntax)?))
            .map_err(CommandError::ForwardPath)?,
    };
    let parameters = match tail {
        [] => RcptParameters::EMPTY,
        tail => parameters(tail, syntax, RcptParameters::of_octets)?,
    };
    Ok(Command::Rcpt { forward_path, parameters })
}

fn separated(rest: &[u8], syntax: Syntax) -> Option<&[u8]> {
    match (rest, syntax) {
        ([b' ', rest @ ..], Syntax::Strict) => Some(rest),
        ([b' ' | b'\t', rest @ ..], Syntax::Lenient) => Some(trim_start(rest)),
        _ => None,
    }
}

fn from(text: &[u8]) -> Option<&[u8]> {
    match text {
        [f, r, o, m, b':', rest @ ..] if word(&[*f, *r, *o, *m]) == word(b"FROM") => Some(rest),
        _ => None,
    }
}

fn to(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'T' | b't', b'O' | b'o', b':', rest @ ..] => Some(rest),
        _ => None,
    }
}

fn path_text(text: &[u8], syntax: Syntax) -> Outcome<&str> {
    utf8(if syntax.is_lenient() { trim_start(text) } else { text })
}

/// Only what is refused is looked through for octets that are not UTF-8.
#[cold]
fn not_utf8(refused: &[u8]) -> Option<CommandError> {
    utf8(refused).err()
}

/// The parameters in what follows a path; white space stands between them.
fn parameters<'a, T>(
    tail: &'a [u8],
    syntax: Syntax,
    check: impl Fn(&'a [u8], Syntax) -> Result<T, ParameterError>,
) -> Outcome<T> {
    let separated = parameter::separator(tail, syntax).ok_or(ParameterError::Syntax);
    separated
        .and_then(|list| check(list, syntax))
        .map_err(|error| not_utf8(tail).unwrap_or(CommandError::Parameter(error)))
}

/// ```text
/// bdat-cmd   = "BDAT" SP chunk-size [ SP end-marker ] CRLF       ; RFC 3030 section 2
/// end-marker = "LAST"
/// ```
#[inline(never)]
fn bdat(rest: &[u8], syntax: Syntax) -> Option<Command<'_>> {
    let (digits, rest) = Class::DIGIT.split_bytes(parameter::separator(rest, syntax)?);
    let size = value::octets(digits)?;
    if rest.is_empty() {
        return Some(Command::Bdat { size, last: false });
    }
    let marker = parameter::separator(rest, syntax)?;
    marker.eq_ignore_ascii_case(b"LAST").then_some(Command::Bdat { size, last: true })
}

/// ```text
/// auth-command = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) [CRLF cancel-response]
/// initial-response = base64 / "="                        ; RFC 4954 section 8
/// ```
#[inline(never)]
fn auth(rest: &[u8], syntax: Syntax) -> Outcome<Command<'_>> {
    let named = parameter::separator(rest, syntax).and_then(Mechanism::split);
    let (mechanism, behind) = checked(named)?;
    let initial_response = match behind {
        [] => None,
        _ => match checked(parameter::separator(behind, syntax))? {
            b"=" => Some(Base64::EMPTY),
            response => Some(Base64::of_octets(response).ok_or(CommandError::Base64)?),
        },
    };
    Ok(Command::Auth { mechanism, initial_response })
}

/// ```text
/// vrfy = "VRFY" SP String CRLF                           ; RFC 5321 section 4.1.1.6
/// expn = "EXPN" SP String CRLF                           ; section 4.1.1.7
/// ```
#[inline(never)]
fn looked_up(rest: &[u8], syntax: Syntax) -> Outcome<Argument<'_>> {
    checked(Argument::parse_with(argument(rest, syntax)?, syntax))
}

#[inline(never)]
fn etrn(rest: &[u8], syntax: Syntax) -> Outcome<Command<'_>> {
    checked(queue(argument(rest, syntax)?, syntax)).map(Command::Etrn)
}

fn queue(text: &str, syntax: Syntax) -> Option<Queue<'_>> {
    let domain = |text| Domain::parse_with(text, syntax).ok();
    if let Some(text) = text.strip_prefix('@') {
        domain(text).map(Queue::Subdomains)
    } else if let Some(text) = text.strip_prefix('#') {
        Printable::new(text).map(Queue::Named)
    } else {
        domain(text).map(Queue::Host)
    }
}
