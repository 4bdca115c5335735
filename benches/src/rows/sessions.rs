//! Whole sessions in memory, bytes in and bytes out, in lockstep: EHLO, MAIL, three RCPT, DATA with
//! 4 KiB, QUIT.

use std::borrow::Cow;
use std::hint::black_box;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Buf;
use io_smtp::coroutine::{SmtpCoroutine, SmtpCoroutineState, SmtpYield};
use io_smtp::message::{SmtpMessageSend, SmtpMessageSendOptions};
use io_smtp::rfc5321::ehlo::SmtpEhlo;
use io_smtp::rfc5321::greeting::SmtpGreetingGet;
use io_smtp::rfc5321::quit::SmtpQuit;
use io_smtp::rfc5321::{SmtpDomain, SmtpEhloDomain, SmtpForwardPath, SmtpReversePath};
use mailin::{Action, Handler, SessionBuilder};
use mailrs_smtp_proto as mailrs;
use memchr::{memchr_iter, memmem};
use smtp_codec::client::{self, Event as Told};
use smtp_codec::server::{self, Event};
use smtp_codec::{TxBuf, Want};
use smtp_proto::address::{ForwardPath, ReversePath};
use smtp_proto::command::{MailParameters, RcptParameters};

use super::encode::mailbox;
use super::{Contender, IO_SMTP, MAILIN, MAILRS, OURS, Per, Row};
use crate::corpus::Content;

const SENDER: &str = "<newsletter+bounce-8834712@lists.example.net>";
const RECIPIENTS: [&str; 3] = [
    "<bob@example.com>",
    "<disposable.style.email.with+symbol@example.com>",
    "<sales@example.com>",
];

pub fn rows() -> Vec<Row> {
    let row = |name: &str, contenders| {
        Row::new(name, Per::Each("session"), vec![Vec::new()], contenders)
            .expecting(Content::SomeDotted.plain(4096).len())
    };
    vec![row("server session", serving()), row("client session", sending())]
}

/// What the client says, in the pieces in which it arrives.
fn script() -> Vec<Vec<u8>> {
    let mut script = vec![
        b"EHLO mx-out-12.bulk.eu-west-1.mailer.example.com\r\n".to_vec(),
        format!("MAIL FROM:{SENDER}\r\n").into_bytes(),
    ];
    script.extend(RECIPIENTS.map(|name| format!("RCPT TO:{name}\r\n").into_bytes()));
    script.push(b"DATA\r\n".to_vec());
    script.push(Content::SomeDotted.on_the_wire(4096));
    script.push(b"QUIT\r\n".to_vec());
    script
}

/// Each says how many octets of content it was given, once it has said goodbye.
pub fn serving() -> Vec<Contender> {
    vec![
        Contender::new(OURS, our_server()),
        Contender::new(MAILIN, mailin()),
        Contender::new(MAILRS, mailrs()),
    ]
}

fn send(from: &mut TxBuf, wire: &mut Vec<u8>) {
    let bytes = Buf::chunk(from);
    wire.extend_from_slice(bytes);
    let n = bytes.len();
    from.advance(n);
}

/// Answers what there is to be answered, until more is wanted.
fn serve(connection: &mut server::Connection, content: &mut usize, wire: &mut Vec<u8>) -> Want {
    loop {
        match connection.step() {
            Want::Event => match connection.event() {
                Event::Rcpt(rcpt) => rcpt.accept(),
                Event::Body(bytes) => *content += black_box(bytes).len(),
                Event::Message(message) => message.accept(),
                other => other.proceed(),
            },
            want => {
                send(connection.tx(), wire);
                if want != Want::Flush {
                    return want;
                }
            }
        }
    }
}

fn our_server() -> impl FnMut(&[u8]) -> usize {
    let (script, mut wire) = (script(), Vec::with_capacity(4096));
    let config = server::Config::new("mx.example.org").ok().map(Arc::new);
    move |_| {
        let Some(config) = &config else { return 0 };
        wire.clear();
        let mut connection = server::Connection::new(Arc::clone(config));
        let mut content = 0;
        let _ = serve(&mut connection, &mut content, &mut wire);
        for bytes in &script {
            connection.rx().receive(bytes);
            let _ = serve(&mut connection, &mut content, &mut wire);
        }
        let quit = matches!(connection.closing(), Some(server::Closing::Quit));
        if quit && !black_box(&wire).is_empty() { content } else { 0 }
    }
}

/// Further messages on a connection that has its buffers.
pub fn our_transactions() -> impl FnMut(&[u8]) -> usize {
    let (script, mut wire) = (script(), Vec::with_capacity(1 << 16));
    let mut connection = server::Config::new("mx.example.org").ok().map(server::Connection::new);
    if let Some(connection) = &mut connection {
        let _ = serve(connection, &mut 0, &mut wire);
        connection.rx().receive(&script[0]);
        let _ = serve(connection, &mut 0, &mut wire);
    }
    move |_| {
        let Some(connection) = &mut connection else { return 0 };
        wire.clear();
        let mut content = 0;
        for bytes in &script[1..script.len() - 1] {
            connection.rx().receive(bytes);
            let _ = serve(connection, &mut content, &mut wire);
        }
        black_box(&wire);
        content
    }
}

fn mailin() -> impl FnMut(&[u8]) -> usize {
    struct Accepting(usize);
    impl Handler for &mut Accepting {
        fn data(&mut self, content: &[u8]) -> io::Result<()> {
            self.0 += black_box(content).len();
            Ok(())
        }
    }
    let (script, mut wire) = (script(), Vec::with_capacity(4096));
    let builder = SessionBuilder::new("mx.example.org");
    move |_| {
        wire.clear();
        let mut handler = Accepting(0);
        let mut session = builder.build(IpAddr::V4(Ipv4Addr::LOCALHOST), &mut handler);
        let _ = session.greeting().write_to(&mut wire);
        let mut closed = false;
        for bytes in &script {
            let mut from = 0;
            for at in memchr_iter(b'\n', bytes) {
                let response = session.process(&bytes[from..=at]);
                from = at + 1;
                if response.action != Action::NoReply {
                    let _ = response.write_to(&mut wire);
                }
                closed = response.action == Action::Close;
            }
        }
        drop(session);
        if closed && !black_box(&wire).is_empty() { handler.0 } else { 0 }
    }
}

/// It leaves lines, and the end of the mail data, to its caller.
fn mailrs() -> impl FnMut(&[u8]) -> usize {
    let (script, mut wire) = (script(), Vec::with_capacity(4096));
    let end = memmem::Finder::new(b"\r\n.\r\n");
    move |_| {
        wire.clear();
        let config = mailrs::SessionConfig::default();
        let mut session = mailrs::Session::new("mx.example.org", config);
        wire.extend_from_slice(
            mailrs::Response::greeting(&session.hostname).format_greeting().as_bytes(),
        );
        let (mut content, mut in_data, mut closed) = (0, false, false);
        for bytes in &script {
            let response = if in_data {
                let Some(at) = end.find(bytes) else { return 0 };
                content += black_box(mailrs::unstuff_data(&bytes[..at + 2])).len();
                in_data = false;
                mailrs::Response::data_ok().format()
            } else {
                let line =
                    bytes.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
                let Some(Ok(command)) = line.map(mailrs::parse_command) else { return 0 };
                match session.handle_command(&command) {
                    mailrs::Event::Reply(_) if matches!(command, mailrs::Command::Ehlo(_)) => {
                        mailrs::format_ehlo_response(&session.hostname, &session.capabilities())
                    }
                    mailrs::Event::Reply(response) => response.format(),
                    mailrs::Event::NeedData { reverse_path, forward_paths } => {
                        black_box((reverse_path, forward_paths));
                        in_data = true;
                        mailrs::Response::data_start().format()
                    }
                    mailrs::Event::Shutdown(response) => {
                        closed = true;
                        response.format()
                    }
                    _ => return 0,
                }
            };
            wire.extend_from_slice(response.as_bytes());
        }
        if closed && !black_box(&wire).is_empty() { content } else { 0 }
    }
}

/// What a server says, in the pieces in which it arrives. It offers nothing that would make one client
/// speak otherwise than another.
const REPLIES: [&[u8]; 9] = [
    b"220 mx.example.org ESMTP ready\r\n",
    b"250-mx.example.org\r\n250-SIZE 157286400\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n\
        250-DSN\r\n250 SMTPUTF8\r\n",
    b"250 2.1.0 Ok\r\n",
    b"250 2.1.5 Ok\r\n",
    b"250 2.1.5 Ok\r\n",
    b"250 2.1.5 Ok\r\n",
    b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"250 2.0.0 Ok: queued as 4FzQ9t1JYkz9sSC\r\n",
    b"221 2.0.0 Bye\r\n",
];

/// Each says how many octets of content it has sent, once the message was taken and the server has
/// said goodbye.
pub fn sending() -> Vec<Contender> {
    vec![Contender::new(OURS, our_client()), Contender::new(IO_SMTP, io_smtp())]
}

fn our_client() -> impl FnMut(&[u8]) -> usize {
    let body = Content::SomeDotted.plain(4096);
    let mut wire = Vec::with_capacity(8192);
    let config = client::Config::new("client.example.net").ok().map(Arc::new);
    move |_| {
        let Some(config) = &config else { return 0 };
        wire.clear();
        let mut connection = client::Connection::new(Arc::clone(config));
        let mut replies = REPLIES.iter();
        our_message(&mut connection, &body, &mut wire, &mut replies, true).unwrap_or(0)
    }
}

/// The outcome of one message, `None` where something did not go as it should.
fn our_message<'a>(
    connection: &mut client::Connection,
    body: &[u8],
    wire: &mut Vec<u8>,
    replies: &mut impl Iterator<Item = &'a &'static [u8]>,
    quits: bool,
) -> Option<usize> {
    let (mut named, mut rest, mut started, mut taken) = (RECIPIENTS.iter(), body, false, false);
    loop {
        match connection.step() {
            Want::Event | Want::Close => match connection.event() {
                Told::Ready(ready) if taken && quits => ready.quit(),
                Told::Ready(_) if taken => return Some(body.len()),
                Told::Ready(_) if started => return None,
                Told::Ready(ready) => {
                    started = true;
                    let path = ReversePath::parse(black_box(SENDER)).ok()?;
                    ready.mail(path, MailParameters::parse("").ok()?).ok()?;
                }
                Told::WantRcpt(slot) => match named.next() {
                    Some(name) => {
                        let path = ForwardPath::parse(black_box(name)).ok()?;
                        slot.send(path, RcptParameters::parse("").ok()?).ok()?;
                    }
                    None => slot.end(),
                },
                Told::WantBody(slot) if rest.is_empty() => slot.finish().ok()?,
                Told::WantBody(mut slot) => {
                    let n = slot.write(rest).ok()?;
                    rest = &rest[n..];
                }
                Told::Done(reply) => taken = reply.code().is_positive(),
                Told::Closed(client::Closing::Quit) if taken => return Some(body.len()),
                Told::Closed(_) => return None,
                _ => {}
            },
            want => {
                send(connection.tx(), wire);
                if want == Want::Input {
                    connection.rx().receive(replies.next()?);
                }
            }
        }
    }
}

/// Further messages on a connection that has its buffers.
pub fn our_deliveries() -> impl FnMut(&[u8]) -> usize {
    let body = Content::SomeDotted.plain(4096);
    let mut wire = Vec::with_capacity(8192);
    let mut connection =
        client::Config::new("client.example.net").ok().map(client::Connection::new);
    let mut replies = REPLIES[..2].iter().chain(REPLIES[2..8].iter().cycle());
    move |_| {
        let Some(connection) = &mut connection else { return 0 };
        wire.clear();
        our_message(connection, &body, &mut wire, &mut replies, false).unwrap_or(0)
    }
}

fn io_smtp() -> impl FnMut(&[u8]) -> usize {
    let body = Content::SomeDotted.plain(4096);
    let mut wire = Vec::with_capacity(8192);
    move |_| {
        wire.clear();
        let mut replies = REPLIES.iter();
        let mut dialogue = || {
            pump(SmtpGreetingGet::new(), &mut wire, &mut replies)?.ok()?;
            let hello = SmtpDomain(Cow::Borrowed("client.example.net"));
            pump(SmtpEhlo::new(SmtpEhloDomain::SmtpDomain(hello)), &mut wire, &mut replies)?
                .ok()?;
            let message = SmtpMessageSend::new(
                SmtpReversePath::SmtpMailbox(mailbox(SENDER)),
                RECIPIENTS.map(|name| SmtpForwardPath(mailbox(name))),
                body.clone(),
                SmtpMessageSendOptions::default(),
            );
            pump(message, &mut wire, &mut replies)?.ok()?;
            pump(SmtpQuit::new(), &mut wire, &mut replies)?.ok()
        };
        if dialogue().is_some() { body.len() } else { 0 }
    }
}

fn pump<'a, C: SmtpCoroutine<Yield = SmtpYield>>(
    mut coroutine: C,
    wire: &mut Vec<u8>,
    replies: &mut impl Iterator<Item = &'a &'static [u8]>,
) -> Option<C::Return> {
    let mut read = None;
    loop {
        match coroutine.resume(read.take()) {
            SmtpCoroutineState::Yielded(SmtpYield::WantsWrite(bytes)) => {
                wire.extend_from_slice(black_box(&bytes));
            }
            SmtpCoroutineState::Yielded(SmtpYield::WantsRead) => read = Some(*replies.next()?),
            SmtpCoroutineState::Complete(outcome) => return Some(outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_ends_well() {
        let expected = Content::SomeDotted.plain(4096).len();
        for mut contender in serving().into_iter().chain(sending()) {
            for _ in 0..2 {
                assert_eq!((contender.work)(&[]), expected, "{contender:?}");
            }
        }
        let (mut transactions, mut deliveries) = (our_transactions(), our_deliveries());
        for _ in 0..3 {
            assert_eq!((transactions(&[]), deliveries(&[])), (expected, expected));
        }
    }
}
