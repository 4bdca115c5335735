//! A message that was given up half-way is never mixed with the next, and a server that refuses in
//! the middle of the content is heard.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::io::ErrorKind;

use bytes::Buf;
use smtp_codec::client::{
    Attempt, AuthError, Authentication, Authenticator, CallError, Closing, Config, Connection,
    Content, Delivery, Event, Step, Want,
};
use smtp_codec::proto::command::Mechanism;
use smtp_codec::proto::reply::Reply;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::session::client::ProtocolFault;
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

/// A letter to Alice of which the sender lets go in the middle; the server then says `rest`, and
/// the next letter, to Bob, is offered. What the server read of it, and what came of it.
fn let_go(replies: &[&str], rest: &str) -> (String, Outcome) {
    let mut connection = connection(&["250 mx.example.org\r\n"]);
    let one = envelope("alice@example.org");
    let mut dropped = Delivery::new(&one);
    let mut content = Content::default();
    content.filled(0);
    for reply in [""].iter().chain(replies) {
        say(&mut connection, reply);
        while let Want::Event = connection.step() {
            match dropped.on(connection.event()) {
                Step::Body(slot) => content.write_to(slot).unwrap(),
                Step::Next => {}
                Step::Over => panic!("it is not over"),
            }
        }
        flush(&mut connection);
    }
    drop(dropped);
    say(&mut connection, rest);
    let (wire, outcome) = second(&mut connection);
    (String::from_utf8(wire).unwrap(), outcome)
}

#[test]
fn replies_to_a_message_that_was_let_go_are_not_taken_for_another() {
    const OK: &str = "250 ok\r\n";
    for replies in [&[][..], &[OK], &[OK, OK], &[OK, OK, "354 go\r\n"]] {
        let last = if replies.len() == 3 { "550 no\r\n" } else { OK };
        let (wire, outcome) = let_go(replies, last);
        assert!(!wire.contains("alice"), "{wire}");
        // Once the message is answered it is over; before that, only the end of the session is.
        let over = replies.len() == 3;
        assert_eq!(wire.contains("MAIL FROM:<a@example.net>"), over, "{wire}");
        assert_eq!(outcome.failure.is_none(), over, "{:?}", outcome.failure);
        assert_eq!(outcome.recipients[0].verdict, Verdict::Deferred);
        assert!(outcome.recipients[0].reply.is_none(), "the reply was for alice");
    }
}

/// An exchange that was let go is cancelled, and the message goes out all the same.
#[test]
fn an_exchange_that_was_let_go_is_cancelled() {
    let mut connection = connection(&["250-mx.example.org\r\n250 AUTH SCRAM-SHA-256\r\n"]);
    assert_eq!(run_until_ready(&mut connection), Want::Event);
    let Event::Ready(ready) = connection.event() else { panic!("it is ready") };
    ready.auth(Mechanism::parse("SCRAM-SHA-256").unwrap(), None).unwrap();
    assert_eq!(flush(&mut connection), b"AUTH SCRAM-SHA-256\r\n");
    say(&mut connection, "334 \r\n");
    let two = envelope("bob@example.org");
    let mut delivery = Delivery::new(&two);
    assert_eq!(go(&mut connection, &mut delivery, b""), b"*\r\n");
    say(&mut connection, "501 cancelled\r\n");
    assert_eq!(go(&mut connection, &mut delivery, b""), b"MAIL FROM:<a@example.net>\r\n");
}

/// No exchange can begin in the middle of a message: it costs the session, as another message does.
#[test]
fn an_exchange_does_not_begin_in_a_message_that_was_let_go() {
    for replies in [&["250 ok\r\n"][..], &["250 ok\r\n", "250 ok\r\n", "354 go\r\n"]] {
        let mut connection = connection(&["250-mx.example.org\r\n250 AUTH PLAIN\r\n"]);
        let one = envelope("alice@example.org");
        let mut dropped = Delivery::new(&one);
        go(&mut connection, &mut dropped, b"");
        for (number, reply) in replies.iter().enumerate() {
            say(&mut connection, reply);
            if number + 1 < replies.len() {
                go(&mut connection, &mut dropped, b"");
            }
        }
        let mut exchange = Authentication::default();
        let result = loop {
            assert_ne!(connection.step(), Want::Input);
            if let Some(result) = exchange.on(&mut connection, &mut Nobody("PLAIN")) {
                break result;
            }
        };
        assert_eq!(result, Err(AuthError::Closed(Closing::Abandoned)));
        assert!(flush(&mut connection).is_empty());
    }
}

/// Offers this mechanism, and knows nothing.
struct Nobody(&'static str);

impl Authenticator for Nobody {
    fn start(&mut self, _: &[&str], _: bool) -> Option<Attempt> {
        Some(Attempt { mechanism: self.0.to_owned(), initial_response: None })
    }
    fn respond(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    fn finish(&mut self) -> bool {
        false
    }
}

/// Why nobody is authenticated: each reason has its own words, and goes through an `io::Error`.
#[test]
fn who_is_not_authenticated_hears_why() {
    let fail = |mechanism, ehlo: &str| {
        let mut connection = connection(&[ehlo]);
        assert_eq!(run_until_ready(&mut connection), Want::Event);
        let mut exchange = Authentication::new();
        exchange.on(&mut connection, &mut Nobody(mechanism)).unwrap().unwrap_err()
    };
    let offer = "250-mx.example.org\r\n250 AUTH PLAIN\r\n";
    let no_name = fail("no mechanism", offer);
    let in_clear = fail("PLAIN", offer);
    assert_eq!(no_name, AuthError::NoMechanism);
    assert_eq!(in_clear, AuthError::NotSent(CallError::NeedsTls));
    let refused = AuthError::Refused(Reply::parse(b"535 5.7.8 no\r\n").unwrap().into());
    let cancelled = AuthError::Cancelled(Reply::parse(b"501 cancelled\r\n").unwrap().into());
    let gone = AuthError::Closed(Closing::PeerGone);
    let (unproven, early) = (AuthError::NotProven, AuthError::EndedEarly);
    let all = [no_name, in_clear, refused, cancelled, unproven, early, gone];
    let mut texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert!(texts[1].ends_with(&CallError::NeedsTls.to_string()), "{}", texts[1]);
    assert!(texts[2].contains("535"), "{}", texts[2]);
    assert!(texts[3].contains("the client broke") && texts[3].contains("501"), "{}", texts[3]);
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), all.len());
    for error in all {
        let io = std::io::Error::from(error.clone());
        assert_eq!((io.kind(), io.to_string()), (ErrorKind::PermissionDenied, error.to_string()));
        assert_eq!(AuthError::of(&io), Some(&error));
    }
    assert_eq!(AuthError::of(&ErrorKind::TimedOut.into()), None);
    assert_eq!(AuthError::of(&std::io::Error::other("something else")), None);
}

/// Octets in the clear that come in the place of the handshake, after it was asked for.
#[test]
fn what_comes_in_the_place_of_the_handshake_ends_the_session() {
    let config = Config::new("client.example.net").unwrap().tls(TlsPolicy::Implicit);
    let mut connection = Connection::new(config);
    assert!(matches!(connection.event(), Event::Idle), "there is nothing to look at");
    assert_eq!(connection.step(), Want::Tls);
    assert!(matches!(connection.event(), Event::Idle));
    say(&mut connection, "220 mx\r\n");
    assert_eq!(connection.step(), Want::Close);
    let injected = Closing::Protocol(ProtocolFault::Injected);
    assert_eq!(connection.closing(), Some(injected));
}

/// What does not fit goes on where it stopped.
#[test]
fn content_that_does_not_fit_at_once_goes_out_once() {
    let mut connection = connection(&["250-mx.example.org\r\n250 PIPELINING\r\n"]);
    let one = envelope("alice@example.org");
    let mut delivery = Delivery::new(&one);
    let body = b".\r\n".repeat(5400);
    let mut content = Content::new();
    content.space()[..body.len().min(16_200)].copy_from_slice(&body[..16_200]);
    content.filled(16_200);
    content.filled(0);
    let mut replies = ["250 ok\r\n250 ok\r\n354 go\r\n", "250 queued\r\n"].iter();
    let mut wire = Vec::new();
    loop {
        match connection.step() {
            Want::Event => match delivery.on(connection.event()) {
                Step::Body(slot) => content.write_to(slot).unwrap(),
                Step::Next => {}
                Step::Over => break,
            },
            Want::Flush => wire.extend(flush(&mut connection)),
            _ => {
                wire.extend(flush(&mut connection));
                say(&mut connection, replies.next().unwrap());
            }
        }
    }
    let expected = [&b"..\r\n".repeat(5400)[..], b".\r\n"].concat();
    assert!(wire.ends_with(&expected));
    assert_eq!(wire.windows(4).filter(|four| four == b"..\r\n").count(), 5400);
    assert_eq!(delivery.outcome(&connection).recipients[0].verdict, Verdict::Accepted);
}
