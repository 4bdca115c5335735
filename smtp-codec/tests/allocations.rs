//! Once its buffers exist, a session allocates nothing.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod wired;

use allocation_counter::measure;
use bytes::Buf;
use smtp_codec::client::{self, Delivery, Event as Told, Step};
use smtp_codec::proto::Envelope;
use smtp_codec::proto::address::{ForwardPath, ReversePath};
use smtp_codec::proto::command::{MailParameters, RcptParameters};
use smtp_codec::server::{self, Event};
use smtp_codec::{Machine, Want};
use wired::pour;

/// One message of three recipients, and RSET and NOOP around it, without an allocation of its own.
fn transaction(client: &mut client::Connection, server: &mut server::Connection, body: &[u8]) {
    let (mut started, mut named, mut rest) = (false, 0, body);
    loop {
        match client.step() {
            Want::Tls => panic!("no TLS here"),
            Want::Event => match client.event() {
                Told::Ready(_) if started => return,
                Told::Ready(ready) => {
                    started = true;
                    let path = ReversePath::parse("<alice@example.org>").unwrap();
                    let parameters = MailParameters::parse("BODY=8BITMIME SIZE=4000").unwrap();
                    ready.mail(path, parameters).unwrap();
                }
                Told::WantRcpt(slot) if named == 3 => slot.end(),
                Told::WantRcpt(slot) => {
                    named += 1;
                    let path = ForwardPath::parse("<\"bob b\"@example.net>").unwrap();
                    slot.send(path, RcptParameters::parse("NOTIFY=NEVER").unwrap()).unwrap();
                }
                Told::WantBody(slot) if rest.is_empty() => slot.finish().unwrap(),
                Told::WantBody(mut slot) => {
                    let n = slot.write(rest).unwrap();
                    rest = &rest[n..];
                }
                Told::Closed(closing) => panic!("{closing:?}"),
                _ => {}
            },
            Want::Input | Want::Flush => {
                pour(client, server, 700);
                serve(server);
                pour(server, client, 700);
            }
            Want::Close => panic!("closed"),
        }
    }
}

fn serve(server: &mut server::Connection) {
    while let Want::Event = server.step() {
        match server.event() {
            Event::Rcpt(rcpt) => rcpt.accept(),
            Event::Message(message) => message.accept(),
            other => other.proceed(),
        }
    }
}

#[test]
fn no_allocation_after_the_buffers_exist() {
    let mut server = server::Connection::new(server::Config::new("mx.example.org").unwrap());
    let mut client = client::Connection::new(client::Config::new("client.example.net").unwrap());
    let body = b"Subject: four kilobytes\r\n.with dots\r\n".repeat(110);
    transaction(&mut client, &mut server, &body);
    let counted = measure(|| {
        for _ in 0..100 {
            transaction(&mut client, &mut server, &body);
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut server = server::Connection::new(server::Config::new("mx.example.org").unwrap());
    let idle = server.buffered();
    serve(&mut server);
    server.rx().receive(b"EHLO client.example.net\r\nMAIL FROM:<a@b>\r\n");
    serve(&mut server);
    let n = server.tx().remaining();
    server.tx().advance(n);
    Machine::release(&mut server);
    assert_eq!((idle, server.buffered()), (0, 0));
}

#[test]
fn no_flood_of_commands_allocates() {
    for flood in [&b"NOOP\r\n"[..], b"\r\n", b"MAIL FROM:<a\xff@b>\r\n", b"GARBAGE", b"X\n"] {
        let mut server = server::Connection::new(server::Config::new("mx.example.org").unwrap());
        serve(&mut server);
        let bytes = flood.repeat(4096 / flood.len());
        let mut push = || {
            for _ in 0..20 {
                server.rx().receive(&bytes);
                serve(&mut server);
                let n = server.tx().remaining();
                server.tx().advance(n);
            }
        };
        push();
        let counted = measure(push);
        assert_eq!(counted.count_total, 0, "{}: {counted:?}", flood.escape_ascii());
    }
}

/// A server's reply of 40 KiB that decides about a thousand recipients is kept once.
#[test]
fn recipients_share_the_reply_that_decides_about_them() {
    let mut client = client::Connection::new(client::Config::new("client.example.net").unwrap());
    let mut envelope = Envelope::new("a@b".parse().unwrap());
    for n in 0..1000 {
        envelope = envelope.to(format!("r{n}@b").parse().unwrap());
    }
    let refusal = [b"550-".as_slice(), &b"x".repeat(396), b"\r\n"].concat().repeat(100);
    let told = [b"220 x\r\n250 x\r\n", refusal.as_slice(), b"550 no\r\n"].concat();
    let mut told = told.chunks(1000);
    let mut delivery = Delivery::new(&envelope);
    let counted = measure(|| {
        loop {
            match client.step() {
                Want::Input => match told.next() {
                    Some(piece) => _ = client.rx().receive(piece),
                    None => client.eof(),
                },
                Want::Flush => {}
                Want::Event => {
                    if let Step::Over = delivery.on(client.event()) {
                        break;
                    }
                }
                want => panic!("{want:?}"),
            }
            let n = client.tx().remaining();
            client.tx().advance(n);
        }
        let outcome = delivery.outcome(&client);
        assert_eq!(outcome.recipients.len(), 1000);
        for delivered in &outcome.recipients {
            assert_eq!(delivered.reply.as_ref().unwrap().as_reply().as_bytes().len(), 40_208);
        }
    });
    assert!(counted.bytes_max < 400_000, "{counted:?}");
}
