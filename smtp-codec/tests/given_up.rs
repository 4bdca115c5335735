//! A message that was given up half-way is never mixed with the next, and a server that refuses in
//! the middle of the content is heard.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use bytes::Buf;
use smtp_codec::client::{Closing, Config, Connection, Content, Delivery, Event, Step, Want};
use smtp_codec::proto::{Envelope, Outcome, Stage, Syntax, Verdict};
use smtp_codec::server;

fn envelope(to: &str) -> Envelope {
    Envelope::new("a@example.net".parse().unwrap()).to(to.parse().unwrap())
}

fn connection(said: &[&str]) -> Connection {
    let mut connection = Connection::new(Config::new("client.example.net").unwrap());
    say(&mut connection, "220 mx.example.org\r\n");
    assert!(matches!(run_until_ready(&mut connection), Want::Input));
    for line in said {
        say(&mut connection, line);
    }
    connection
}

fn run_until_ready(connection: &mut Connection) -> Want {
    while let Want::Event = connection.step() {
        if let Event::Ready(_) = connection.event() {
            return Want::Event;
        }
    }
    flush(connection);
    Want::Input
}

fn say(connection: &mut Connection, line: &str) {
    assert_eq!(connection.rx().receive(line.as_bytes()), line.len());
}

fn flush(connection: &mut Connection) -> Vec<u8> {
    let sent = connection.tx().chunk().to_vec();
    connection.tx().advance(sent.len());
    sent
}

/// Sends until the server is waited for; what went out is returned.
fn go(connection: &mut Connection, delivery: &mut Delivery<'_>, body: &[u8]) -> Vec<u8> {
    let mut content = Content::new();
    content.space()[..body.len()].copy_from_slice(body);
    content.filled(body.len());
    loop {
        match connection.step() {
            Want::Tls => panic!("no TLS here"),
            Want::Event => match delivery.on(connection.event()) {
                Step::Body(_) if content.wants_more() => return flush(connection),
                Step::Body(slot) => content.write_to(slot).unwrap(),
                Step::Next => {}
                Step::Over => return flush(connection),
            },
            Want::Close => return Vec::new(),
            Want::Input | Want::Flush => return flush(connection),
        }
    }
}

fn second(connection: &mut Connection) -> (Vec<u8>, Outcome) {
    let two = envelope("bob@example.org");
    let mut delivery = Delivery::new(&two);
    let wire = go(connection, &mut delivery, b"for bob\r\n");
    (wire, delivery.outcome(connection))
}

#[test]
fn a_send_that_was_dropped_costs_the_session() {
    let one = envelope("alice@example.org");
    for replies in [&[][..], &["250 ok\r\n"], &["250 ok\r\n", "250 ok\r\n", "354 go\r\n"]] {
        let mut connection = connection(&["250-mx.example.org\r\n250 PIPELINING\r\n"]);
        let mut dropped = Delivery::new(&one);
        go(&mut connection, &mut dropped, b"for alice\r\n");
        for reply in replies {
            say(&mut connection, reply);
            go(&mut connection, &mut dropped, b"for alice\r\n");
        }
        drop(dropped);
        let (wire, outcome) = second(&mut connection);
        assert!(!wire.windows(3).any(|three| three == b"bob"), "{}", wire.escape_ascii());
        assert_eq!(outcome.recipients[0].verdict, Verdict::Deferred);
        assert_eq!(outcome.recipients[0].stage, Stage::Connect);
    }
}

#[test]
fn a_refusal_in_the_middle_of_the_content_decides() {
    for (reply, verdict) in
        [("552 too large\r\n", Verdict::Refused), ("421 going\r\n", Verdict::Deferred)]
    {
        let mut connection = connection(&["250-mx.example.org\r\n250 PIPELINING\r\n"]);
        let one = envelope("alice@example.org");
        let mut delivery = Delivery::new(&one);
        go(&mut connection, &mut delivery, b"for alice\r\n");
        say(&mut connection, "250 ok\r\n250 ok\r\n354 go\r\n");
        go(&mut connection, &mut delivery, b"for alice\r\n");
        say(&mut connection, reply);
        go(&mut connection, &mut delivery, b"more\r\n");
        assert_eq!(connection.closing(), Some(Closing::Unavailable));
        let outcome = delivery.outcome(&connection);
        assert_eq!(outcome.recipients[0].verdict, verdict);
        assert_eq!(outcome.recipients[0].stage, Stage::Message);
        assert!(outcome.recipients[0].reply.is_some());
    }
}

#[test]
fn white_space_does_not_hide_a_chunk_from_lenient_syntax() {
    for line in [" BDAT 6\r\r\n".to_owned(), format!("\t BDAT 6{}\r\n", " ".repeat(20_000))] {
        let config = server::Config::new("mx.example.org").unwrap().syntax(Syntax::Lenient);
        let mut server = server::Connection::new(config);
        let input = [line.as_bytes(), b"RSET\r\n"].concat();
        let mut rest = &input[..];
        loop {
            match server.step() {
                Want::Tls => panic!("no TLS here"),
                Want::Event => match server.event() {
                    server::Event::Closed(_) => break,
                    other => other.proceed(),
                },
                Want::Close => break,
                Want::Input | Want::Flush => {
                    let n = server.rx().receive(rest);
                    rest = &rest[n..];
                    let n = server.tx().remaining();
                    server.tx().advance(n);
                }
            }
        }
        assert_eq!(server.closing(), Some(server::Closing::ChunkSize));
    }
}
