//! Parsing commands. Each contender gets bytes as they came from the wire and must find the end of
//! the line itself.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use mailin::{Action, Handler, Response, Session, SessionBuilder};
use memchr::memchr;
use registry_smtp_proto as registry;
use registry_smtp_proto::request::receiver::RequestReceiver;
use samotop_core::smtp::command::SmtpCommand;
use samotop_core::smtp::{SmtpContext, StartTls};
use samotop_parser::{Parser, SmtpParserPeg};
use smtp_proto::command::Command;

use super::{
    Contender, MAILIN, MAILRS, OURS, Per, Row, SAMOTOP, SMTP_CODEC, SMTP_MESSAGE, SMTP_PROTO,
};
use crate::corpus;

pub fn rows() -> Vec<Row> {
    let per = Per::Each("command");
    let row = |name: &str, inputs, contenders| Row::new(name, per, inputs, contenders);
    let mut common = corpus::valid();
    for contender in &mut whole() {
        common.retain(|line| (contender.work)(line) > 0 || contender.who == MAILRS);
    }
    vec![
        row("session mix", corpus::session(), whole()),
        row("session mix, in pieces of 8", corpus::session(), pieces(8)),
        row("session mix, in pieces of 1", corpus::session(), pieces(1)),
        row("valid lines", corpus::valid(), whole()),
        row("valid lines, in pieces of 8", corpus::valid(), pieces(8)),
        row("valid lines, in pieces of 1", corpus::valid(), pieces(1)),
        row("valid lines that all take", common, whole()),
    ]
}

/// The line with its CRLF arrives at once.
pub fn whole() -> Vec<Contender> {
    vec![
        Contender::taking(OURS, |bytes| frame(bytes).is_some_and(ours)),
        Contender::taking(SMTP_PROTO, |bytes| {
            black_box(&registry::Request::parse(&mut bytes.iter())).is_ok()
        }),
        Contender::taking(MAILRS, mailrs),
        Contender::taking(SMTP_CODEC, smtp_codec),
        Contender::taking(SMTP_MESSAGE, smtp_message),
        Contender::taking(MAILIN, mailin_parser()),
        Contender::taking(SAMOTOP, samotop()),
    ]
}

/// The line arrives in pieces of so many octets. Those that leave framing to the caller are called
/// once its end is there, which is the best that they can be used.
pub fn pieces(size: usize) -> Vec<Contender> {
    let mut receiver = RequestReceiver::default();
    let registry = move |line: &[u8]| {
        line.chunks(size).any(|piece| black_box(&receiver.ingest(&mut piece.iter())).is_ok())
    };
    vec![
        Contender::taking(OURS, ours_in_pieces(size)),
        Contender::taking(SMTP_PROTO, registry),
        Contender::taking(MAILRS, gathered(size, mailrs)),
        Contender::taking(SMTP_CODEC, gathered(size, smtp_codec)),
        Contender::taking(SMTP_MESSAGE, gathered(size, smtp_message)),
        Contender::taking(MAILIN, gathered(size, mailin_parser())),
        Contender::taking(SAMOTOP, gathered(size, samotop())),
    ]
}

/// The line in front of the first CRLF, framed as our smtp-codec does it: one search finds the end
/// and bare CRs and LFs before it.
pub fn frame(bytes: &[u8]) -> Option<&[u8]> {
    match end(bytes, &mut 0) {
        End::Line(line) => Some(line),
        _ => None,
    }
}

enum End<'a> {
    Line(&'a [u8]),
    Bare,
    Missing,
}

/// Looks for the end of the line behind what was `seen` before.
#[inline]
fn end<'a>(bytes: &'a [u8], seen: &mut usize) -> End<'a> {
    loop {
        let unseen = bytes.get(*seen..).unwrap_or_default();
        if let [b' '..=u8::MAX] = unseen {
            *seen += 1;
            return End::Missing;
        }
        let Some(at) = control(unseen) else {
            *seen = bytes.len();
            return End::Missing;
        };
        *seen += at;
        match bytes.get(*seen..) {
            Some([b'\r', b'\n', ..]) => {
                return bytes.get(..*seen).map_or(End::Missing, End::Line);
            }
            Some([b'\r']) => return End::Missing,
            Some([b'\r' | b'\n', ..]) => return End::Bare,
            _ => *seen += 1,
        }
    }
}

/// Where the first octet below a space stands.
#[inline]
fn control(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (eights, rest) = bytes.as_chunks();
    let mut at = 0;
    for eight in eights {
        let octets = u64::from_le_bytes(*eight);
        let below = octets.wrapping_sub(u64::from(b' ') * EACH) & !octets & (0x80 * EACH);
        if below != 0 {
            return Some(at + usize::try_from(below.trailing_zeros() / 8).unwrap_or(0));
        }
        at += 8;
    }
    rest.iter().position(|octet| *octet < b' ').map(|end| at + end)
}

/// An unknown verb is not taken: the session answers it with 500.
fn ours(line: &[u8]) -> bool {
    let command = Command::parse(line);
    matches!(black_box(&command), Ok(command) if !matches!(command, Command::Unknown { .. }))
}

/// The search goes on where the last one ended, as in our smtp-codec.
fn ours_in_pieces(size: usize) -> impl FnMut(&[u8]) -> bool {
    let mut buffer = Vec::with_capacity(1024);
    move |line| {
        buffer.clear();
        let mut seen = 0;
        for piece in line.chunks(size) {
            append(&mut buffer, piece);
            match end(&buffer, &mut seen) {
                End::Line(line) => return ours(line),
                End::Missing => {}
                End::Bare => return false,
            }
        }
        false
    }
}

/// As our buffer does it, and for all who leave that to their caller: one octet is not worth a call.
fn append(buffer: &mut Vec<u8>, piece: &[u8]) {
    match piece {
        [octet] => buffer.push(*octet),
        _ => buffer.extend_from_slice(piece),
    }
}

fn gathered(size: usize, mut parse: impl FnMut(&[u8]) -> bool) -> impl FnMut(&[u8]) -> bool {
    let mut buffer = Vec::with_capacity(1024);
    move |line| {
        buffer.clear();
        for piece in line.chunks(size) {
            append(&mut buffer, piece);
            if memchr(b'\n', piece).is_some() {
                return parse(&buffer);
            }
        }
        false
    }
}

/// It wants text without the CRLF.
fn mailrs(bytes: &[u8]) -> bool {
    let Some(line) = memchr(b'\n', bytes).and_then(|at| bytes[..at].strip_suffix(b"\r")) else {
        return false;
    };
    let Ok(line) = std::str::from_utf8(line) else { return false };
    black_box(&mailrs_smtp_proto::parse_command(line)).is_ok()
}

fn smtp_codec(bytes: &[u8]) -> bool {
    black_box(&registry_smtp_codec::parse::command::command(bytes)).is_ok()
}

fn smtp_message(bytes: &[u8]) -> bool {
    black_box(&smtp_message::Command::<&str>::parse(bytes)).is_ok()
}

/// Its parser is private, so its session is driven, and a handler that refuses MAIL keeps it where
/// it is. What it answers to a line that it cannot read is told by the code.
fn mailin_parser() -> impl FnMut(&[u8]) -> bool {
    let builder = SessionBuilder::new("mx.example.org");
    let mut session = greeted(&builder);
    move |line| {
        let response = session.process(line);
        if response.action == Action::Close {
            session = greeted(&builder);
        }
        !matches!(black_box(&response).code, 500 | 502)
    }
}

fn greeted(builder: &SessionBuilder) -> Session<Reluctant> {
    let mut session = builder.build(IpAddr::V4(Ipv4Addr::LOCALHOST), Reluctant);
    session.process(b"EHLO client.example.net\r\n");
    session
}

struct Reluctant;

impl Handler for Reluctant {
    fn mail(&mut self, _: IpAddr, _: &str, _: &str) -> Response {
        mailin::response::NO_MAILBOX
    }
}

/// STARTTLS has a parser of its own.
fn samotop() -> impl FnMut(&[u8]) -> bool {
    let context = SmtpContext::default();
    move |bytes| {
        let command = Parser::<SmtpCommand>::parse(&SmtpParserPeg, bytes, &context);
        black_box(&command).is_ok()
            || black_box(&Parser::<StartTls>::parse(&SmtpParserPeg, bytes, &context)).is_ok()
    }
}
