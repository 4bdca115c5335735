//! Both connections as an adapter sees them: through one trait, whatever happens to the link.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::time::Duration;

use bytes::Buf;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::{Machine, Want, client, server};

/// Answers for the application until the connection wants something else.
trait Driven: Machine {
    fn answer(&mut self);
    fn go(&mut self) -> Want {
        loop {
            match self.step() {
                Want::Event if !self.is_over() => self.answer(),
                want => return want,
            }
        }
    }
}

impl Driven for server::Connection {
    fn answer(&mut self) {
        self.event().proceed();
    }
}

impl Driven for client::Connection {
    fn answer(&mut self) {
        if let client::Event::Ready(ready) = self.event() {
            ready.quit();
        }
    }
}

fn said(machine: &mut impl Machine) -> String {
    let text = String::from_utf8(machine.tx().chunk().to_vec()).unwrap();
    machine.tx().advance(text.len());
    text
}

/// What is said to these octets.
fn hear(machine: &mut impl Driven, octets: &str) -> String {
    assert_eq!(machine.rx().receive(octets.as_bytes()), octets.len());
    let _ = machine.go();
    said(machine)
}

fn mx() -> server::Config {
    server::Config::new("mx.example.org").unwrap()
}

fn server() -> server::Connection {
    let mut server = server::Connection::new(mx());
    assert_eq!(server.go(), Want::Input);
    assert_eq!(said(&mut server), "220 mx.example.org ESMTP ready\r\n");
    server
}

fn client(policy: TlsPolicy) -> client::Connection {
    client::Connection::new(client::Config::new("client.example").unwrap().tls(policy))
}

/// What an adapter does when the link is gone, for good or for now.
#[test]
fn the_end_of_the_link_ends_both_sides() {
    type End = fn(&mut dyn Machine);
    let ends: [(End, server::Closing, client::Closing); 3] = [
        (|it| it.eof(), server::Closing::PeerGone, client::Closing::PeerGone),
        (|it| it.broken(), server::Closing::PeerGone, client::Closing::PeerGone),
        (|it| it.timed_out(), server::Closing::TimedOut, client::Closing::TimedOut),
    ];
    for (end, of_server, of_client) in ends {
        let mut one = server();
        let mut other = client(TlsPolicy::Never);
        assert_eq!(other.go(), Want::Input);
        assert!(!one.is_over() && !other.is_over());
        end(&mut one);
        end(&mut other);
        let told = said(&mut one);
        assert_eq!(told.starts_with("421 "), of_server == server::Closing::TimedOut, "{told:?}");
        assert_eq!((one.go(), other.go()), (Want::Close, Want::Close));
        assert_eq!((one.closing(), other.closing()), (Some(of_server), Some(of_client)));
        assert!(one.is_over() && other.is_over());
        assert!(matches!(one.event(), server::Event::Closed(_)), "the caller hears of it");
        assert!(matches!(other.event(), client::Event::Closed(_)), "the caller hears of it");
    }
}

/// A client's words may be cut off by a server's; a server finishes what it says.
#[test]
fn who_listens_while_it_speaks_and_who_lingers() {
    let (mut one, mut other) = (server(), client(TlsPolicy::Never));
    assert!(!Machine::listens(&one) && Machine::listens(&other));
    assert!(!Machine::lingers(&one), "it is not over");
    assert!(!Machine::lingers(&other));
    Machine::timed_out(&mut one);
    Machine::timed_out(&mut other);
    assert!(
        Machine::lingers(&one),
        "the client may be in the middle of a word, and shall hear 421"
    );
    assert!(!Machine::lingers(&other), "a client that has left waits for nothing");
    let mut one = server();
    assert!(hear(&mut one, "QUIT\r\n").starts_with("221 "));
    assert!(!Machine::lingers(&one), "who said QUIT says no more");
}

#[test]
fn waits_are_told_and_counted() {
    let mut one = server();
    assert_eq!(Machine::patience(&one), Duration::from_secs(300));
    let before = Machine::heard(&one);
    assert!(hear(&mut one, "NOO").is_empty());
    assert_eq!(Machine::heard(&one), before, "half a line is no command");
    assert_eq!(hear(&mut one, "P\r\n"), "250 2.0.0 done nothing\r\n");
    assert!(Machine::heard(&one) > before);
    Machine::release(&mut one);
    assert_eq!(one.buffered(), 0);

    let short = client::Config::new("client.example").unwrap().patience(Duration::from_secs(7));
    assert_eq!(short.connect_patience(), Duration::from_secs(7));
    let long = client::Config::new("client.example").unwrap();
    assert_eq!(long.connect_patience(), Duration::from_secs(120));
    let long = long.patience(Duration::from_secs(900));
    assert_eq!(long.connect_patience(), Duration::from_secs(120), "it only shortens");
    let mut other = client::Connection::new(short);
    assert_eq!(Machine::patience(&other), Duration::from_secs(7));
    assert_eq!(other.go(), Want::Input);
    let before = Machine::heard(&other);
    assert_eq!(hear(&mut other, "220 mx\r\n"), "EHLO client.example\r\n");
    assert!(Machine::heard(&other) > before);
    assert!(other.buffered() >= "EHLO client.example\r\n".len());
    Machine::release(&mut other);
    assert_eq!(other.buffered(), 0);
    let impatient = mx().patience(Duration::from_secs(9));
    assert_eq!(Machine::patience(&server::Connection::new(impatient)), Duration::from_secs(9));
}

#[test]
fn tls_comes_about_or_does_not() {
    // The server, by STARTTLS.
    let mut one = server::Connection::new(mx());
    one.offer_tls();
    let _ = one.go();
    said(&mut one);
    hear(&mut one, "EHLO client.example\r\n");
    assert!(!one.is_secure() && !one.is_authenticated());
    assert_eq!(hear(&mut one, "STARTTLS\r\n"), "220 2.0.0 ready to start TLS\r\n");
    assert_eq!(one.go(), Want::Tls);
    let mut failed = one;
    Machine::tls_failed(&mut failed);
    assert_eq!(failed.closing(), Some(server::Closing::TlsFailed));
    assert!(!failed.is_secure() && !Machine::lingers(&failed));

    // The client, at once.
    let mut other = client(TlsPolicy::Implicit);
    assert_eq!(other.go(), Want::Tls);
    Machine::tls_failed(&mut other);
    assert_eq!(other.closing(), Some(client::Closing::TlsFailed));
    let mut other = client(TlsPolicy::Implicit);
    assert_eq!(other.go(), Want::Tls);
    Machine::unbound(&mut other);
    Machine::secured(&mut other);
    assert!(other.is_secure() && other.go() == Want::Input);

    // No TLS on this transport.
    let mut other = client(TlsPolicy::Implicit);
    Machine::without_tls(&mut other);
    assert_eq!(other.closing(), Some(client::Closing::NoTls));
    let mut one = server();
    Machine::without_tls(&mut one);
    assert!(!hear(&mut one, "EHLO client.example\r\n").contains("STARTTLS"));
}

/// RFC 9266, RFC 5801 section 4: a mechanism in -PLUS needs something to bind to.
#[test]
fn what_cannot_be_bound_is_not_offered() {
    let config = || mx().auth(["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL"]).unwrap();
    for (bound, names) in
        [(true, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 EXTERNAL"), (false, "SCRAM-SHA-256 EXTERNAL")]
    {
        let mut one = server::Connection::new(config());
        one.implicit_tls();
        assert_eq!(one.go(), Want::Tls);
        if !bound {
            Machine::unbound(&mut one);
        }
        Machine::secured(&mut one);
        let _ = one.go();
        said(&mut one);
        assert!(one.is_secure());
        let offer = hear(&mut one, "EHLO client.example\r\n");
        assert!(offer.contains(&format!("AUTH {names}\r\n")), "{offer}");
        let reply = hear(&mut one, "AUTH SCRAM-SHA-256-PLUS\r\n");
        let expected = if bound { "535 " } else { "538 5.7.11 " };
        assert!(reply.starts_with(expected), "{reply}");
    }
    // In the clear there is nothing to bind to, nor a certificate.
    let mut one = server::Connection::new(config());
    let _ = one.go();
    said(&mut one);
    assert!(hear(&mut one, "EHLO client.example\r\n").contains("AUTH SCRAM-SHA-256\r\n"));
}

/// Names are A-labels on both sides (RFC 6531 section 3.7.1).
#[test]
fn names_outside_ascii_are_no_names() {
    assert!(server::Config::new("m\u{fc}nchen.example").is_err());
    assert!(client::Config::new("m\u{fc}nchen.example").is_err());
    let connection = server::Connection::new(mx());
    assert_eq!((connection.hostname(), mx().hostname()), ("mx.example.org", "mx.example.org"));
    let text = mx().auth(["no mechanism"]).unwrap_err().to_string();
    assert!(text.contains("SASL mechanism"), "{text}");
}

/// What an application does that has no opinion: nothing that it would have to stand for.
#[test]
fn without_an_opinion_nothing_is_taken_over() {
    use server::Event;
    let config = mx().auth(["PLAIN"]).unwrap().allow_plaintext_auth();
    let config = config.with(smtp_codec::proto::reply::Extension::Etrn);
    let mut one = server::Connection::new(config);
    one.trust();
    let _ = one.go();
    said(&mut one);
    hear(&mut one, "EHLO client.example\r\n");
    for (line, reply) in [
        ("AUTH PLAIN AGEAYg==", "535 5.7.8 "),
        ("AUTH PLAIN", "535 5.7.8 "),
        ("ETRN example.org", "458 "),
        ("XCLIENT NAME=a.example", "550 5.7.1 "),
        ("XFORWARD NAME=a.example", "550 5.7.1 "),
        ("VRFY a", "252 "),
        ("MAIL FROM:<a@x>", "250 "),
        ("RCPT TO:<b@x>", "550 "),
    ] {
        let told = hear(&mut one, &format!("{line}\r\n"));
        assert!(told.starts_with(reply), "{line}: {told}");
    }
    // Somebody has taken the recipient, and challenged the client; nobody takes the message.
    one.rx().receive(b"RCPT TO:<b@x>\r\n");
    assert_eq!(one.step(), Want::Event);
    let Event::Rcpt(rcpt) = one.event() else { panic!("RCPT is asked about") };
    rcpt.accept();
    let _ = one.go();
    said(&mut one);
    one.rx().receive(b"DATA\r\n");
    assert_eq!(one.step(), Want::Event);
    let Event::Data(data) = one.event() else { panic!("DATA is asked about") };
    assert_eq!(data.protocol().to_string(), "ESMTP");
    data.accept();
    let _ = one.go();
    assert!(said(&mut one).starts_with("354 "));
    one.rx().receive(b"x\r\n.\r\n");
    loop {
        assert_eq!(one.step(), Want::Event);
        match one.event() {
            Event::Body(_) => {}
            Event::Message(message) => {
                assert_eq!(message.protocol().to_string(), "ESMTP");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let _ = one.go();
    assert!(said(&mut one).starts_with("451 "));
    one.rx().receive(b"AUTH PLAIN\r\n");
    assert_eq!(one.step(), Want::Event);
    let Event::Auth(auth) = one.event() else { panic!("AUTH is asked about") };
    auth.challenge(b"");
    let _ = one.go();
    assert_eq!(said(&mut one), "334 \r\n");
    assert!(hear(&mut one, "AGEAYg==\r\n").starts_with("535 5.7.8 "));
}

/// RFC 2033 section 4.2: what is known of one recipient is said before the next is looked at.
#[test]
fn a_recipient_hears_before_the_next_is_judged() {
    use server::Event;
    let mut one = server::Connection::new(mx().lmtp());
    let _ = one.go();
    let lines =
        "LHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n.\r\n";
    one.rx().receive(lines.as_bytes());
    let mut judged = Vec::new();
    while judged.len() < 2 {
        match one.step() {
            Want::Event => match one.event() {
                Event::Rcpt(rcpt) => rcpt.accept(),
                Event::Message(message) => {
                    judged.push(message.recipient());
                    message.accept();
                }
                other => other.proceed(),
            },
            Want::Flush => {
                let told = said(&mut one);
                assert!(!judged.is_empty() || told.contains("354 "), "{told}");
            }
            want => panic!("{want:?}"),
        }
        if judged == [Some(0)] && one.tx().has_remaining() {
            assert_eq!(one.step(), Want::Flush);
        }
    }
    assert_eq!(judged, [Some(0), Some(1)]);
    assert_eq!(said(&mut one), "250 2.0.0 message taken\r\n");
}
