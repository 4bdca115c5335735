//! Parsing replies, and the reply to EHLO into what is offered.
//!
//! mailin, samotop-parser and mailrs-smtp-proto are servers and read no replies. smtp-message does
//! not look into the reply to EHLO.

use std::hint::black_box;
use std::time::Duration;

use io_smtp::rfc5321::{SmtpEhloResponse, SmtpResponse};
use lettre::transport::smtp::extension::ServerInfo;
use lettre::transport::smtp::response::Response;
use mail_send::SmtpClient;
use registry_smtp_codec::parse::response as codec;
use registry_smtp_proto as registry;
use smtp_proto::reply::{Capabilities, Progress, ReplyScanner};

use super::commands::frame;
use super::memory::{Memory, now};
use super::{
    Contender, IO_SMTP, LETTRE, MAIL_SEND, OURS, Per, Row, SMTP_CODEC, SMTP_MESSAGE, SMTP_PROTO,
};
use crate::corpus;

pub fn rows() -> Vec<Row> {
    let replies = corpus::REPLIES.map(<[u8]>::to_vec).to_vec();
    let ehlo = vec![corpus::EHLO.to_vec()];
    vec![
        Row::new("replies", Per::Each("reply"), replies, reply()),
        Row::new("EHLO reply to extensions", Per::Each("reply"), ehlo, capabilities()),
    ]
}

pub fn reply() -> Vec<Contender> {
    vec![
        Contender::taking(OURS, ours),
        Contender::taking(SMTP_PROTO, |bytes| {
            let mut receiver = registry::response::parser::ResponseReceiver::default();
            black_box(&receiver.parse(&mut bytes.iter())).is_ok()
        }),
        Contender::taking(SMTP_CODEC, |bytes| black_box(&codec::Reply_line(bytes)).is_ok()),
        Contender::taking(SMTP_MESSAGE, |bytes| {
            black_box(&smtp_message::Reply::<&str>::parse(bytes)).is_ok()
        }),
        Contender::taking(LETTRE, |bytes| {
            let text = std::str::from_utf8(bytes).ok();
            black_box(&text.and_then(|text| text.parse::<Response>().ok())).is_some()
        }),
        Contender::taking(MAIL_SEND, |bytes| {
            let reply = now(client(bytes).read());
            matches!(black_box(&reply), Some(Ok(_)))
        }),
        Contender::taking(IO_SMTP, |bytes| {
            SmtpResponse::is_complete(bytes) && black_box(&SmtpResponse::parse(bytes)).is_ok()
        }),
    ]
}

pub fn capabilities() -> Vec<Contender> {
    vec![
        Contender::taking(OURS, |bytes| {
            let extensions = Capabilities::parse(bytes);
            black_box(&extensions).is_ok()
        }),
        Contender::taking(SMTP_PROTO, |bytes| {
            black_box(&registry::EhloResponse::parse(&mut bytes.iter())).is_ok()
        }),
        Contender::taking(SMTP_CODEC, |bytes| black_box(&codec::ehlo_ok_rsp(bytes)).is_ok()),
        Contender::taking(LETTRE, |bytes| {
            let text = std::str::from_utf8(bytes).ok();
            let reply = text.and_then(|text| text.parse::<Response>().ok());
            let info = reply.and_then(|reply| ServerInfo::from_response(&reply).ok());
            black_box(&info).is_some()
        }),
        Contender::taking(MAIL_SEND, |bytes| {
            let reply = now(client(bytes).read_ehlo());
            matches!(black_box(&reply), Some(Ok(_)))
        }),
        Contender::taking(IO_SMTP, |bytes| {
            SmtpEhloResponse::is_complete(bytes)
                && black_box(&SmtpEhloResponse::parse(bytes)).is_ok()
        }),
    ]
}

/// Framed and scanned line by line as our smtp-codec does it, then looked at as a whole.
fn ours(bytes: &[u8]) -> bool {
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

fn client(bytes: &[u8]) -> SmtpClient<Memory<&[u8]>> {
    SmtpClient { stream: Memory::new(bytes), timeout: Duration::ZERO }
}
