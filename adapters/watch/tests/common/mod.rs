//! A client that talks to a server, both in memory and watched.
#![allow(clippy::unwrap_used)]

use bytes::Buf;
use smtp_codec::proto::Envelope;
use smtp_codec::proto::reply::Refusal;
use smtp_codec::{Want, client, server};
use smtp_watch::Watch;

/// One message to two recipients, of whom one is refused, under AUTH PLAIN.
pub(crate) fn talk() {
    let config = server::Config::new("mx.example.org").unwrap().auth(["PLAIN"]).unwrap();
    let mut server = server::Connection::new(config.allow_plaintext_auth());
    Watch::new().id(41).peer("192.0.2.1:40000").install(&mut server);
    let config = client::Config::new("client.example.net").unwrap().allow_plaintext_auth();
    let mut client = smtp_watch::watched(client::Connection::new(config));
    let envelope = Envelope::new("alice@example.net".parse().unwrap())
        .to("bob@example.org".parse().unwrap())
        .to("nobody@example.org".parse().unwrap());
    let mut delivery = client::Delivery::new(&envelope);
    let (mut known, mut over) = (false, false);
    loop {
        if server.step() == Want::Event {
            match server.event() {
                server::Event::Auth(auth) => auth.accept(),
                server::Event::Rcpt(rcpt) if rcpt.forward_path().to_string().contains("nobody") => {
                    rcpt.reject(Refusal::NO_SUCH_USER);
                }
                server::Event::Rcpt(rcpt) => rcpt.accept(),
                server::Event::Message(message) => message.accept(),
                other => other.proceed(),
            }
            continue;
        }
        let n = client.rx().receive(server.tx().chunk());
        server.tx().advance(n);
        match client.step() {
            Want::Event => match client.event() {
                client::Event::Ready(ready) if !known => {
                    let plain = smtp_codec::proto::command::Mechanism::parse("PLAIN").unwrap();
                    ready.auth(plain, Some(b"\0alice\0secret")).unwrap();
                    known = true;
                }
                client::Event::Ready(ready) if over => ready.quit(),
                event => match delivery.on(event) {
                    client::Step::Body(slot) => {
                        slot.write_end(b"hello\r\n").unwrap();
                    }
                    client::Step::Over => over = true,
                    client::Step::Next => {}
                },
            },
            Want::Close => break,
            _ => {}
        }
        let n = server.rx().receive(client.tx().chunk());
        client.tx().advance(n);
    }
}
