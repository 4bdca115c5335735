//! Encoding commands and replies into a buffer that is used again.
//!
//! mail-send writes a command and waits for its reply in one call, under a timer of tokio; that cannot
//! be taken apart. mailin cannot be told which extensions to offer. samotop-parser only parses.

use std::borrow::Cow;
use std::fmt::Display;
use std::hint::black_box;
use std::io::Write;

use async_smtp::EmailAddress;
use async_smtp::commands as asynchronous;
use async_smtp::extension as asynchronous_parameters;
use io_smtp::rfc5321 as io;
use io_smtp::rfc5321::mail::SmtpMailCommand;
use io_smtp::rfc5321::rcpt::SmtpRcptCommand;
use lettre::Address;
use lettre::transport::smtp::commands as lettre_commands;
use lettre::transport::smtp::extension as lettre_parameters;
use registry_smtp_codec::types as codec;
use registry_smtp_proto as registry;
use smtp_proto::command::Command;
use smtp_proto::reply::{Capability, Extension, Extensions, write_ehlo_reply};

use super::{
    ASYNC_SMTP, Contender, IO_SMTP, LETTRE, MAILRS, OURS, Per, Row, SMTP_CODEC, SMTP_MESSAGE,
    SMTP_PROTO,
};

const SENDER: &str = "newsletter+bounce-8834712@lists.example.net";
const RECIPIENT: &str = "disposable.style.email.with+symbol@example.com";
const MAIL: &str =
    "MAIL FROM:<newsletter+bounce-8834712@lists.example.net> SIZE=73412 BODY=8BITMIME\r\n";
const RCPT: &str = "RCPT TO:<disposable.style.email.with+symbol@example.com>\r\n";

pub fn rows() -> Vec<Row> {
    let row = |name: &str, unit, contenders| {
        Row::new(name, Per::Each(unit), vec![Vec::new()], contenders)
    };
    vec![
        row("encode MAIL", "command", mail()).expecting(MAIL.len()),
        row("encode RCPT", "command", rcpt()).expecting(RCPT.len()),
        row("encode the EHLO reply", "reply", ehlo()),
    ]
}

/// Encodes into a buffer; how many octets there were.
fn into_buffer(mut encode: impl FnMut(&mut Vec<u8>)) -> impl FnMut(&[u8]) -> usize {
    let mut buffer = Vec::with_capacity(4096);
    move |_| {
        buffer.clear();
        encode(&mut buffer);
        black_box(&buffer).len()
    }
}

fn contender(who: &'static str, encode: impl FnMut(&mut Vec<u8>) + 'static) -> Contender {
    Contender::new(who, into_buffer(encode))
}

/// Writing into a vector does not fail.
fn display(value: impl Display) -> impl FnMut(&mut Vec<u8>) {
    move |buffer| {
        let _ = write!(buffer, "{}", black_box(&value));
    }
}

fn ours(line: &'static str) -> impl FnMut(&mut Vec<u8>) {
    let command = Command::parse(line.trim_end().as_bytes()).ok();
    move |buffer| {
        if let Some(command) = black_box(&command) {
            command.encode(buffer);
        }
    }
}

fn smtp_codec(line: &'static str) -> impl FnMut(&mut Vec<u8>) {
    let command = registry_smtp_codec::parse::command::command(line.as_bytes()).ok();
    move |buffer| {
        if let Some((_, command)) = black_box(&command) {
            let _ = command.serialize(buffer);
        }
    }
}

fn smtp_message(line: &'static str) -> impl FnMut(&mut Vec<u8>) {
    let command = smtp_message::Command::<&str>::parse(line.as_bytes()).ok();
    move |buffer| {
        if let Some((_, command)) = black_box(&command) {
            command.as_io_slices().for_each(|slice| buffer.extend_from_slice(&slice));
        }
    }
}

pub fn mail() -> Vec<Contender> {
    let parameters = vec![
        lettre_parameters::MailParameter::Size(73412),
        lettre_parameters::MailParameter::Body(lettre_parameters::MailBodyParameter::EightBitMime),
    ];
    let lettre = lettre_commands::Mail::new(SENDER.parse::<Address>().ok(), parameters);
    let parameters = vec![
        asynchronous_parameters::MailParameter::Size(73412),
        asynchronous_parameters::MailParameter::Body(
            asynchronous_parameters::MailBodyParameter::EightBitMime,
        ),
    ];
    let sender = EmailAddress::new(SENDER.to_owned()).ok();
    let asynchronous = asynchronous::MailCommand::new(sender, parameters);
    vec![
        contender(OURS, ours(MAIL)),
        contender(SMTP_CODEC, smtp_codec(MAIL)),
        contender(SMTP_MESSAGE, smtp_message(MAIL)),
        contender(LETTRE, display(lettre)),
        contender(ASYNC_SMTP, display(asynchronous)),
        Contender::new(IO_SMTP, io_mail()),
    ]
}

/// The value is used up, so making it is a part of this.
fn io_mail() -> impl FnMut(&[u8]) -> usize {
    let parameter = |keyword: &'static str, value| {
        let keyword = io::SmtpAtom::parse(keyword.as_bytes()).ok()?;
        Some(io::SmtpParameter { keyword, value: Some(Cow::Borrowed(value)) })
    };
    let parameters = [parameter("SIZE", "73412"), parameter("BODY", "8BITMIME")];
    let parameters: Vec<_> = parameters.into_iter().flatten().collect();
    move |_| {
        let command = SmtpMailCommand {
            reverse_path: io::SmtpReversePath::SmtpMailbox(mailbox(SENDER)),
            parameters: parameters.clone(),
        };
        black_box(Vec::from(command)).len()
    }
}

pub fn rcpt() -> Vec<Contender> {
    let mut contenders = vec![
        contender(OURS, ours(RCPT)),
        contender(SMTP_CODEC, smtp_codec(RCPT)),
        contender(SMTP_MESSAGE, smtp_message(RCPT)),
    ];
    if let Ok(address) = RECIPIENT.parse::<Address>() {
        let command = lettre_commands::Rcpt::new(address, Vec::new());
        contenders.push(contender(LETTRE, display(command)));
    }
    if let Ok(address) = EmailAddress::new(RECIPIENT.to_owned()) {
        let command = asynchronous::RcptCommand::new(address, Vec::new());
        contenders.push(contender(ASYNC_SMTP, display(command)));
    }
    contenders.push(Contender::new(IO_SMTP, |_| {
        let command = SmtpRcptCommand {
            forward_path: io::SmtpForwardPath(mailbox(RECIPIENT)),
            parameters: Vec::new(),
        };
        black_box(Vec::from(command)).len()
    }));
    contenders
}

/// With or without angle brackets.
pub fn mailbox(address: &'static str) -> io::SmtpMailbox<'static> {
    let address = address.trim_start_matches('<').trim_end_matches('>');
    let (local, domain) = address.split_once('@').unwrap_or((address, ""));
    io::SmtpMailbox {
        local_part: io::SmtpLocalPart(Cow::Borrowed(local)),
        domain: io::SmtpEhloDomain::SmtpDomain(io::SmtpDomain(Cow::Borrowed(domain))),
    }
}

/// SIZE, 8BITMIME, STARTTLS, ENHANCEDSTATUSCODES, PIPELINING, CHUNKING, AUTH with four mechanisms,
/// DSN, ETRN, SMTPUTF8. The registry's smtp-proto adds words of its own to the first line.
pub fn ehlo() -> Vec<Contender> {
    const LINES: [&str; 10] = [
        "SIZE 157286400",
        "8BITMIME",
        "STARTTLS",
        "ENHANCEDSTATUSCODES",
        "PIPELINING",
        "CHUNKING",
        "AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2",
        "DSN",
        "ETRN",
        "SMTPUTF8",
    ];
    let offered = [
        Extension::EightBitMime,
        Extension::StartTls,
        Extension::EnhancedStatusCodes,
        Extension::Pipelining,
        Extension::Chunking,
        Extension::Auth,
        Extension::Dsn,
        Extension::Etrn,
        Extension::SmtpUtf8,
    ];
    let extensions =
        offered.into_iter().fold(Extensions::NONE.with_size(157_286_400), Extensions::with);
    let auth = Capability::new("AUTH", "PLAIN LOGIN CRAM-MD5 XOAUTH2").ok();
    let ours = move |buffer: &mut Vec<u8>| {
        let more = black_box(&auth).as_slice();
        let _ = write_ehlo_reply(buffer, "mx.example.org", black_box(&extensions), more);
    };
    let mut theirs = registry::EhloResponse::new("mx.example.org");
    theirs.capabilities = registry::EXT_SIZE
        | registry::EXT_8BIT_MIME
        | registry::EXT_START_TLS
        | registry::EXT_ENHANCED_STATUS_CODES
        | registry::EXT_PIPELINING
        | registry::EXT_CHUNKING
        | registry::EXT_AUTH
        | registry::EXT_DSN
        | registry::EXT_ETRN
        | registry::EXT_SMTP_UTF8;
    theirs.size = 157_286_400;
    theirs.auth_mechanisms = registry::AUTH_PLAIN
        | registry::AUTH_LOGIN
        | registry::AUTH_CRAM_MD5
        | registry::AUTH_XOAUTH2;
    let registry = move |buffer: &mut Vec<u8>| {
        let _ = black_box(&theirs).write(buffer);
    };
    let mechanisms = vec![
        codec::AuthMechanism::Plain,
        codec::AuthMechanism::Login,
        codec::AuthMechanism::CramMD5,
        codec::AuthMechanism::Other("XOAUTH2".to_owned()),
    ];
    let capabilities = vec![
        codec::Capability::Size(157_286_400),
        codec::Capability::EightBitMIME,
        codec::Capability::StartTLS,
        codec::Capability::EnhancedStatusCodes,
        codec::Capability::Pipelining,
        codec::Capability::Chunking,
        codec::Capability::Auth(mechanisms),
        codec::Capability::DSN,
        codec::Capability::ETRN,
        codec::Capability::SMTPUTF8,
    ];
    let greeting = codec::Response::ehlo("mx.example.org", None::<String>, capabilities);
    let smtp_codec = move |buffer: &mut Vec<u8>| {
        let _ = black_box(&greeting).serialize(buffer);
    };
    let text =
        ["mx.example.org"].iter().chain(&LINES).map(|line| smtp_message::MaybeUtf8::Ascii(*line));
    let reply = smtp_message::Reply {
        code: smtp_message::ReplyCode::OKAY,
        ecode: None::<smtp_message::EnhancedReplyCode<&str>>,
        text: text.collect(),
    };
    let smtp_message = move |buffer: &mut Vec<u8>| {
        black_box(&reply).as_io_slices().for_each(|slice| buffer.extend_from_slice(&slice));
    };
    vec![
        contender(OURS, ours),
        contender(SMTP_PROTO, registry),
        contender(SMTP_CODEC, smtp_codec),
        contender(SMTP_MESSAGE, smtp_message),
        Contender::new(MAILRS, |_| {
            black_box(mailrs_smtp_proto::format_ehlo_response("mx.example.org", &LINES)).len()
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_write_the_same() {
        for (contenders, octets) in [(mail(), MAIL.len()), (rcpt(), RCPT.len())] {
            for mut contender in contenders {
                assert_eq!((contender.work)(&[]), octets, "{contender:?}");
            }
        }
        let octets: Vec<usize> = ehlo().iter_mut().map(|one| (one.work)(&[])).collect();
        let words = " you had me at EHLO".len();
        assert_eq!(octets, [octets[0], octets[0] + words, octets[0], octets[0], octets[0]]);
    }
}
