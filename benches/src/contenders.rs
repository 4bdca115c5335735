//! What is compared. Every contender gets bytes as they came from the wire and must find the end
//! of the line or the reply itself.

use std::hint::black_box;

use memchr::memchr2;
use registry_smtp_proto as registry;
use smtp_proto::command::Command;
use smtp_proto::reply::{Capabilities, Progress, ReplyScanner};

/// One parser: each function says whether it took the input.
#[derive(Clone, Copy)]
pub struct Contender {
    pub name: &'static str,
    /// One command line with its CRLF.
    pub command: fn(&[u8]) -> bool,
    /// One whole reply.
    pub reply: fn(&[u8]) -> bool,
    /// One whole reply to EHLO, into what is offered.
    pub ehlo: fn(&[u8]) -> bool,
}

pub const OURS: Contender =
    Contender { name: "ours", command: our_command, reply: our_reply, ehlo: our_ehlo };

pub const REGISTRY: Contender = Contender {
    name: "registry smtp-proto 0.2.5",
    command: registry_command,
    reply: registry_reply,
    ehlo: registry_ehlo,
};

/// The line in front of the first CRLF, framed as smtp-codec does it: one search finds the end and
/// bare CRs and LFs before it.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let (line, end) = bytes.split_at_checked(memchr2(b'\r', b'\n', bytes)?)?;
    end.starts_with(b"\r\n").then_some(line)
}

/// An unknown verb is not taken: the session answers it with 500.
fn our_command(bytes: &[u8]) -> bool {
    let Some(line) = frame(bytes) else { return false };
    let command = Command::parse(line);
    matches!(black_box(&command), Ok(command) if !matches!(command, Command::Unknown { .. }))
}

/// Framed and scanned line by line as smtp-codec does it, then looked at as a whole.
fn our_reply(bytes: &[u8]) -> bool {
    let mut scanner = ReplyScanner::new();
    let mut rest = bytes;
    while let Some(line) = frame(rest) {
        rest = rest.get(line.len() + 2..).unwrap_or_default();
        match scanner.feed(line) {
            Ok(Progress::Continue) => {}
            Ok(Progress::Complete) => {
                let whole = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
                let reply = scanner.reply(whole);
                return matches!(black_box(&reply), Ok(reply)
                    if black_box((reply.code(), reply.enhanced())).0.get() > 0);
            }
            Err(_) => return false,
        }
    }
    false
}

fn our_ehlo(bytes: &[u8]) -> bool {
    black_box(&Capabilities::parse(bytes)).is_ok()
}

fn registry_command(bytes: &[u8]) -> bool {
    black_box(&registry::Request::parse(&mut bytes.iter())).is_ok()
}

fn registry_reply(bytes: &[u8]) -> bool {
    let mut receiver = registry::response::parser::ResponseReceiver::default();
    black_box(&receiver.parse(&mut bytes.iter())).is_ok()
}

fn registry_ehlo(bytes: &[u8]) -> bool {
    black_box(&registry::EhloResponse::parse(&mut bytes.iter())).is_ok()
}
