//! What `Debug` shows of a connection: nothing of what it has received or is to send.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Buf;
use smtp_codec::Want;
use smtp_codec::proto::command::Mechanism;
use smtp_codec::{client, server};

const SECRET: &str = "AHVzZXIAc2VjcmV0";

fn assert_hidden(shown: &str) {
    let decimals: Vec<_> = SECRET.bytes().map(|octet| octet.to_string()).collect();
    assert!(!shown.contains(SECRET) && !shown.contains(&decimals.join(", ")), "{shown}");
}

#[test]
fn nothing_of_what_a_client_sends() {
    let config = client::Config::new("client.example.net").unwrap().allow_plaintext_auth();
    let mut client = client::Connection::new(config);
    let mut replies = ["220 mx\r\n", "250-mx\r\n250 AUTH PLAIN\r\n"].into_iter();
    loop {
        match client.step() {
            Want::Event => {
                if let client::Event::Ready(ready) = client.event() {
                    let plain = Mechanism::parse("PLAIN").unwrap();
                    ready.auth(plain, Some(b"\0user\0secret")).unwrap();
                    break;
                }
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().as_bytes());
            }
        }
    }
    assert_hidden(&format!("{client:?}"));
    let n = client.tx().remaining();
    client.tx().advance(n);
    assert_hidden(&format!("{client:?}"));
}

#[test]
fn nothing_of_what_a_server_receives() {
    let config = server::Config::new("mx.example.org").unwrap().auth(["PLAIN"]).unwrap();
    let mut server = server::Connection::new(config.allow_plaintext_auth());
    server.rx().receive(format!("EHLO a.example\r\nAUTH PLAIN\r\n{SECRET}\r\n").as_bytes());
    while let Want::Event = server.step() {
        assert_hidden(&format!("{server:?}"));
        match server.event() {
            server::Event::Auth(auth) => auth.challenge(b""),
            server::Event::AuthResponse(response) => response.accept(),
            other => other.proceed(),
        }
        assert_hidden(&format!("{server:?}"));
    }
    assert!(server.is_authenticated());
}
