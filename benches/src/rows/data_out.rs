//! Mail data as it is sent: dots stuffed, the end written. Ours also looks for bare newlines; nobody
//! else does.
//!
//! mail-send, smtp-message and async-smtp write into a stream, so theirs is one in memory: for the
//! rows "lent" it counts what it is given, for the rows "gathered" it keeps it in one buffer. lettre
//! always gathers, and async-smtp reads its content into a buffer first.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_smtp::{EmailAddress, Envelope, SendableEmail, SmtpClient, SmtpTransport};
use futures::AsyncWriteExt;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use smtp_codec::{Encoder, FoundBareNewline, Run};
use smtp_message::EscapingDataWriter;
use smtp_proto::session::BareNewline;

use super::memory::{Memory, Written, now};
use super::{ASYNC_SMTP, Contender, LETTRE, MAIL_SEND, MEMCPY, OURS, Per, Row, SMTP_MESSAGE};
use crate::corpus::Content;

const OCTETS: usize = 10_000_000;

pub fn rows() -> Vec<Row> {
    let kinds = Content::ALL.map(|content| (content, false)).into_iter();
    let rows = kinds.chain([(Content::SomeDotted, true)]).map(|(kind, gathered)| {
        let way = if gathered { "gathered" } else { "lent" };
        let name = format!("encode DATA, {}, {way}", kind.name());
        let content = kind.plain(OCTETS);
        let per = Per::Octets(content.len());
        let contenders = contenders(&content, gathered);
        Row::new(&name, per, vec![content], contenders).expecting(kind.on_the_wire(OCTETS).len())
    });
    rows.collect()
}

/// Each says how many octets went out. Those that end with CRLF `.` CRLF always, although the content
/// has ended its last line, have one CRLF more than the others; it is not counted.
pub fn contenders(content: &[u8], gathered: bool) -> Vec<Contender> {
    let sink = || if gathered { Written::keeping(2 * OCTETS) } else { Written::default() };
    let ours = if gathered {
        Contender::new(OURS, ours_gathered())
    } else {
        Contender::new(OURS, |content| ours(content, |_| {}).unwrap_or(0))
    };
    let mut contenders = vec![
        ours,
        Contender::new(LETTRE, lettre(sink())),
        Contender::new(MAIL_SEND, mail_send(sink())),
        Contender::new(SMTP_MESSAGE, smtp_message(sink())),
        Contender::new(ASYNC_SMTP, async_smtp(content, sink())),
    ];
    let mut whole = Vec::new();
    contenders.push(Contender::new(MEMCPY, move |content| {
        whole.clear();
        whole.extend_from_slice(black_box(content));
        whole.extend_from_slice(b".\r\n");
        black_box(&whole).len()
    }));
    contenders
}

/// It lends runs of the caller's own octets.
pub fn ours(content: &[u8], mut put: impl FnMut(&[u8])) -> Result<usize, FoundBareNewline> {
    let mut encoder = Encoder::new(BareNewline::Reject);
    let (mut rest, mut octets) = (content, 0);
    while let Some(run) = encoder.next(rest)? {
        let (bytes, taken) = match run {
            Run::Lent(bytes) => (bytes, bytes.len()),
            Run::Written(bytes, taken) => (bytes, taken),
        };
        put(black_box(bytes));
        octets += bytes.len();
        rest = &rest[taken..];
    }
    let end = encoder.finish()?;
    put(end);
    Ok(octets + end.len())
}

fn ours_gathered() -> impl FnMut(&[u8]) -> usize {
    let mut wire = Vec::with_capacity(2 * OCTETS);
    move |content| {
        wire.clear();
        let done = ours(content, |bytes| wire.extend_from_slice(bytes));
        if done.is_ok() { black_box(&wire).len() } else { 0 }
    }
}

fn lettre(sink: Written) -> impl FnMut(&[u8]) -> usize {
    let replies = b"220 mx.example.org\r\n250 mx.example.org\r\n".to_vec();
    let stream = Box::new(Memory::new(replies).endless().into(&sink));
    let hello = ClientId::Domain("client.example.net".to_owned());
    let mut connection =
        now(AsyncSmtpConnection::connect_with_transport(stream, &hello)).and_then(Result::ok);
    move |content| {
        let Some(connection) = &mut connection else { return 0 };
        sink.take();
        let sent = now(connection.message(content));
        if let Some(Ok(_)) = sent { sink.take() - 2 } else { 0 }
    }
}

fn mail_send(sink: Written) -> impl FnMut(&[u8]) -> usize {
    let stream = Memory::new(Vec::new()).into(&sink);
    let mut client = mail_send::SmtpClient { stream, timeout: Duration::ZERO };
    move |content| {
        let sent = now(client.write_message(content));
        if let Some(Ok(())) = sent { sink.take() - 2 } else { 0 }
    }
}

fn smtp_message(sink: Written) -> impl FnMut(&[u8]) -> usize {
    move |content| {
        let sent = now(async {
            let mut writer = EscapingDataWriter::new(Memory::new(Vec::new()).into(&sink));
            writer.write_all(content).await?;
            writer.finish().await
        });
        if let Some(Ok(())) = sent { sink.take() } else { 0 }
    }
}

/// It sends whole messages only, so it sends one with its commands, which are not counted.
fn async_smtp(content: &[u8], sink: Written) -> impl FnMut(&[u8]) -> usize + use<> {
    let content: Arc<[u8]> = content.into();
    let replies = b"250 mx.example.org\r\n".to_vec();
    let stream = Memory::new(replies).endless().into(&sink);
    let client = SmtpClient::new().pipelining(false).without_greeting();
    let mut transport = now(SmtpTransport::new(client, stream)).and_then(Result::ok);
    let mut send = move |content: &Arc<[u8]>| {
        let transport = transport.as_mut()?;
        let address = || EmailAddress::new("a@example.org".to_owned()).ok();
        let envelope = Envelope::new(address(), vec![address()?]).ok()?;
        let reader = Box::new(Memory::new(Arc::clone(content)));
        let email = SendableEmail::new_with_reader(envelope, reader);
        sink.take();
        now(transport.send(email))?.ok()?;
        Some(sink.take())
    };
    // Of no content it makes the end of the mail data twice.
    let commands = send(&Arc::from(&b""[..])).map_or(0, |octets| octets - 10);
    move |_| send(&content).map_or(0, |octets| octets - commands - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_write_the_same() {
        for kind in Content::ALL {
            let (content, wire) = (kind.plain(20_000), kind.on_the_wire(20_000));
            for gathered in [false, true] {
                for mut contender in contenders(&content, gathered) {
                    if contender.who != MEMCPY {
                        assert_eq!(
                            (contender.work)(&content),
                            wire.len(),
                            "{contender:?} {kind:?}"
                        );
                    }
                }
            }
            let mut written = Vec::new();
            assert!(ours(&content, |bytes| written.extend_from_slice(bytes)).is_ok());
            assert_eq!(written, wire);
        }
    }
}
