//! STARTTLS and implicit TLS, the server's side (RFC 3207, RFC 8314). The handshake itself is the
//! transport's: here it is the moment at which it says that it is done.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use bytes::Buf;
use common::script::{End, Script, Tls, Verdict, config};
use smtp_codec::proto::reply::Extension;
use smtp_codec::server::{Closing, Config, Connection, Event, Want};

fn tls(tls: Tls) -> impl FnOnce(&mut Script) {
    move |script| script.tls = tls
}

fn ehlo(script: Script) -> Script {
    script.say("EHLO client.example", "250-mx.example.org\r\n")
}

fn begun() -> Script {
    Script::ehlo(config())
        .with(tls(Tls::Offered))
        .say("STARTTLS", "220 2.0.0 ready to start TLS\r\n")
        .handshake()
}

#[test]
fn starttls_then_a_message() {
    let talk = ehlo(begun())
        .say("MAIL FROM:<a@client.example>", "250 ")
        .say("RCPT TO:<b@example.org>", "250 ")
        .say("DATA", "354 ")
        .say("x\r\n.", "250 ")
        .say("QUIT", "221 ")
        .run();
    assert_eq!(talk.events[2..4], ["starttls", "tls"]);
    assert_eq!(talk.messages(), [r"x\r\n"]);
    assert!(talk.replies[1].contains("STARTTLS\r\n"), "offered before: {:?}", talk.replies[1]);
    assert!(!talk.replies[3].contains("STARTTLS"), "and not within: {:?}", talk.replies[3]);
}

/// Threats 2.1, RFC 3207 section 4.2: EHLO, MAIL and RCPT are forgotten.
#[test]
fn what_was_said_in_the_clear_is_forgotten() {
    for (line, reply) in [
        ("MAIL FROM:<a@x>", "503 5.5.1 say EHLO or HELO first"),
        ("RCPT TO:<b@x>", "503 5.5.1 "),
        ("DATA", "503 5.5.1 "),
        ("NOOP", "250 "),
        ("RSET", "250 "),
        ("QUIT", "221 "),
    ] {
        begun().say(line, reply).run();
    }
}

#[test]
fn authentication_in_the_clear_is_forgotten() {
    let config = config().auth(["PLAIN"]).unwrap().allow_plaintext_auth().require_auth();
    let script = Script::ehlo(config)
        .with(tls(Tls::Offered))
        .say("AUTH PLAIN eWVz", "235 2.7.0 ")
        .say("STARTTLS", "220 ")
        .handshake();
    ehlo(script)
        .say("MAIL FROM:<a@x>", "530 5.7.0 ")
        .say("AUTH PLAIN eWVz", "235 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .run();
}

/// Threats 2.1: whatever stands behind STARTTLS in the same group, a single octet too, costs the
/// session; the 220 is never said.
#[test]
fn injected_commands_end_the_session_before_the_220() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
    for behind in [
        b"EHLO evil\r\n".as_slice(),
        b"NOOP\r\n",
        b"RSET\r\n",
        b"MAIL FROM:<evil@x>\r\n",
        b"AUTH PLAIN AGEAYg==\r\n",
        b"EHLO e\r\nMAIL FROM:<e@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nx\r\n.\r\n",
        b"MAIL FRO",
        b"\r\n",
        b"\n",
        b"x",
        b"\0",
        hello,
    ] {
        let mut server = Connection::new(config());
        server.offer_tls();
        server.rx().receive(b"EHLO client.example\r\n");
        let _ = settle(&mut server);
        let before = server.tx().remaining();
        server.tx().advance(before);
        server.rx().receive(&[b"STARTTLS\r\n", behind].concat());
        assert_eq!(settle(&mut server), Want::Flush);
        let said = String::from_utf8(server.tx().chunk().to_vec()).unwrap();
        assert!(said.starts_with("421 4.7.0 ") && said.matches('\n').count() == 1, "{said:?}");
        let n = server.tx().remaining();
        server.tx().advance(n);
        assert_eq!(settle(&mut server), Want::Close);
        assert_eq!(server.closing(), Some(Closing::Injected), "{behind:?}");
    }
}

/// The same where the octets come while the application thinks, or once the 220 is on its way.
#[test]
fn injected_octets_never_reach_the_session_behind_the_handshake() {
    let late = [
        |server: &mut Connection| server.step(),
        |server: &mut Connection| {
            let n = server.tx().remaining();
            server.tx().advance(n);
            server.step()
        },
    ];
    for when in late {
        let mut server = Connection::new(config());
        server.offer_tls();
        server.rx().receive(b"EHLO client.example\r\nSTARTTLS\r\n");
        let _ = settle(&mut server);
        let want = when(&mut server);
        assert!(matches!(want, Want::Flush | Want::Tls), "{want:?}");
        server.rx().receive(b"EHLO evil.example\r\n");
        let n = server.tx().remaining();
        server.tx().advance(n);
        assert_eq!(server.step(), Want::Tls);
        server.secured();
        assert_eq!(server.step(), Want::Close);
        assert_eq!(server.closing(), Some(Closing::Injected));
        assert!(!server.tx().has_remaining());
    }
}

/// Steps, saying yes to what is asked.
fn settle(server: &mut Connection) -> Want {
    loop {
        match server.step() {
            Want::Event => server.event().proceed(),
            want => return want,
        }
    }
}

#[test]
fn starttls_has_its_place() {
    let here = |script: Script| script.with(tls(Tls::Offered));
    here(Script::new(config())).say("STARTTLS", "503 5.5.1 say EHLO or HELO first").run();
    here(Script::new(config()))
        .say("HELO client.example", "250 ")
        .say("STARTTLS", "503 5.5.1 say EHLO first")
        .run();
    here(Script::ehlo(config())).say("STARTTLS now", "501 5.5.4 ").say("NOOP", "250 ").run();
    // CVE-2020-28018: not within a transaction.
    here(Script::ehlo(config()))
        .say("MAIL FROM:<a@x>", "250 ")
        .say("STARTTLS", "503 5.5.1 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("STARTTLS", "503 5.5.1 ")
        .say("DATA", "354 ")
        .say("x\r\n.", "250 ")
        .run();
    ehlo(begun()).say("STARTTLS", "503 5.5.1 TLS is on already").say("NOOP", "250 ").run();
    Script::ehlo(config()).say("STARTTLS", "502 5.5.1 not offered here").run();
}

#[test]
fn an_application_may_refuse_tls_for_now() {
    let script = Script::ehlo(config()).with(tls(Tls::Offered));
    let script = script.with(|script| script.starttls = Verdict::No(454, "no entropy"));
    script.say("STARTTLS", "454 4.9.9 no entropy").wait().say("MAIL FROM:<a@x>", "250 ").run();
}

/// Threats 2.1: no return to plaintext.
#[test]
fn a_failed_handshake_ends_the_session_in_silence() {
    let talk = Script::ehlo(config())
        .with(tls(Tls::Fails))
        .say("STARTTLS", "220 ")
        .handshake()
        .send("NOOP\r\n")
        .run();
    assert_eq!(talk.closing, Some(Closing::TlsFailed));
}

/// Threats 5: the handshake has a deadline of its own, and nothing is said in the clear behind it.
#[test]
fn a_handshake_that_takes_too_long_ends_the_session_in_silence() {
    let mut server = Connection::new(config());
    server.implicit_tls();
    assert_eq!(server.step(), Want::Tls);
    assert_eq!(server.patience().as_secs(), 60);
    server.timed_out();
    assert_eq!(server.step(), Want::Close);
    assert_eq!(server.closing(), Some(Closing::TlsFailed));
    assert!(!server.tx().has_remaining() && !server.lingers());
}

#[test]
fn implicit_tls_comes_before_the_greeting() {
    let script = Script::new(config()).with(tls(Tls::Implicit)).handshake();
    let talk = ehlo(script).say("STARTTLS", "503 5.5.1 ").say("QUIT", "221 ").run();
    assert_eq!(talk.events[..2], ["tls", "greet"]);
    assert!(!talk.replies[1].contains("STARTTLS"), "{:?}", talk.replies[1]);
}

/// RFC 3207 section 4: 530 to all but EHLO, NOOP, STARTTLS and QUIT.
#[test]
fn tls_may_be_required() {
    let config = || config().auth(["SCRAM-SHA-256"]).unwrap().require_tls().ask_verify();
    let script = Script::ehlo(config())
        .with(tls(Tls::Offered))
        .say("MAIL FROM:<a@x>", "530 5.7.0 ")
        .say("RCPT TO:<b@x>", "503 ")
        .say("DATA", "503 ")
        .say("VRFY alice", "530 5.7.0 ")
        .say("AUTH SCRAM-SHA-256", "530 5.7.0 ")
        .say("NOOP", "250 ")
        .say("STARTTLS", "220 ")
        .handshake();
    ehlo(script).say("MAIL FROM:<a@x>", "250 ").say("QUIT", "221 ").run();
    Script::new(config())
        .with(tls(Tls::Offered))
        .say("HELO a.example", "250 ")
        .say("MAIL FROM:<a@x>", "530 ")
        .run();
}

/// RFC 8689 section 2: offered within TLS only, and taken only where it is offered.
#[test]
fn requiretls_is_for_within_tls() {
    let config = || config().with(Extension::RequireTls);
    let script = Script::ehlo(config())
        .with(tls(Tls::Offered))
        .say("MAIL FROM:<a@x> REQUIRETLS", "555 5.5.4 ")
        .say("STARTTLS", "220 ")
        .handshake();
    let talk = ehlo(script).say("MAIL FROM:<a@x> REQUIRETLS", "250 ").run();
    assert!(!talk.replies[1].contains("REQUIRETLS"));
    assert!(talk.replies[4].contains("REQUIRETLS"), "{:?}", talk.replies[4]);
}

/// RFC 3848: what the `with` clause of a Received field says.
#[test]
fn the_protocol_tells_of_tls() {
    let mut server = Connection::new(Config::new("mx.example.org").unwrap());
    server.implicit_tls();
    assert_eq!(server.step(), Want::Tls);
    server.secured();
    server.rx().receive(b"EHLO a.example\r\nMAIL FROM:<a@x> SMTPUTF8\r\n");
    let _ = settle(&mut server);
    assert_eq!(server.protocol().to_string(), "UTF8SMTPS");
}

#[test]
fn a_client_that_goes_away_before_the_handshake_is_gone() {
    let talk = Script::ehlo(config()).with(tls(Tls::Offered)).end(End::Eof).run();
    assert_eq!(talk.closing, Some(Closing::PeerGone));
}

/// A handle that is kept over several steps answers once.
#[test]
fn starttls_is_asked_until_it_is_answered() {
    let mut server = Connection::new(config());
    server.offer_tls();
    server.rx().receive(b"EHLO a.example\r\nSTARTTLS\r\n");
    while let Want::Event = server.step() {
        match server.event() {
            Event::StartTls(_) => break,
            other => other.proceed(),
        }
    }
    assert_eq!(server.step(), Want::Event);
    let Event::StartTls(start) = server.event() else { panic!("it comes back") };
    start.accept();
    assert_eq!(server.step(), Want::Flush);
}
