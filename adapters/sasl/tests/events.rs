//! A server that has its events answered.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Buf;
use data_encoding::BASE64;
use smtp_codec::server::{Config, Connection, Event, Want};
use smtp_sasl::{Exchange, Passwords, mechanisms};

#[test]
fn each_auth_begins_anew_until_one_gets_in() {
    let users = Passwords::from_iter([("alice", "tiger"), ("bob", "lion")]);
    let mut exchange = Exchange::new(Arc::new(users), None);
    let config = Config::new("mx.example").unwrap().auth(mechanisms().iter().copied()).unwrap();
    let mut server = Connection::new(config.allow_plaintext_auth());
    let [alice, lion, tiger] = ["alice", "lion", "tiger"].map(|it| BASE64.encode(it.as_bytes()));
    let plain = BASE64.encode(b"\0bob\0tiger");
    let mut who = Vec::new();
    let mut talk = |line: &str| {
        server.rx().receive(format!("{line}\r\n").as_bytes());
        let mut said = Vec::new();
        loop {
            let want = server.step();
            said.extend_from_slice(server.tx().chunk());
            let sent = server.tx().remaining();
            server.tx().advance(sent);
            match want {
                Want::Event => match server.event() {
                    Event::Auth(auth) => who.extend(exchange.on_auth(auth)),
                    Event::AuthResponse(response) => who.extend(exchange.on_response(response)),
                    other => other.proceed(),
                },
                Want::Flush => {}
                _ => return String::from_utf8(said).unwrap(),
            }
        }
    };
    talk("EHLO client.example");
    assert_eq!(talk("AUTH LOGIN"), "334 VXNlcm5hbWU6\r\n");
    assert_eq!(talk(&alice), "334 UGFzc3dvcmQ6\r\n");
    assert_eq!(talk(&lion), "535 5.7.8 authentication failed\r\n");
    assert_eq!(talk(&format!("AUTH PLAIN {plain}")), "535 5.7.8 authentication failed\r\n");
    // Cancelled half-way, it is forgotten.
    assert_eq!(talk(&format!("AUTH LOGIN {alice}")), "334 UGFzc3dvcmQ6\r\n");
    assert!(talk("*").starts_with("501 "));
    assert_eq!(talk("AUTH LOGIN"), "334 VXNlcm5hbWU6\r\n");
    assert_eq!(talk(&alice), "334 UGFzc3dvcmQ6\r\n");
    assert!(talk(&tiger).starts_with("235 "));
    assert_eq!(who.iter().map(|it| it.user.as_str()).collect::<Vec<_>>(), ["alice"]);
}
