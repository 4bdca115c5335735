//! Commands that stand alone, from the client: VRFY, EXPN, ETRN, XCLIENT and XFORWARD.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::sync::{Arc, Mutex};

use bytes::Buf;
use smtp_codec::client::{CallError, Closing, Config, Connection, Event, Ready, Traffic, Want};
use smtp_codec::proto::address::{Domain, ReversePath};
use smtp_codec::proto::command::{
    Argument, Attributes, MailParameters, Mechanism, Printable, Queue,
};
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::session::TlsPolicy;

/// A session that is ready, with a server that offers these.
fn ready(offer: &[&str]) -> Connection {
    let mut client = Connection::new(Config::new("client.example").unwrap());
    assert_eq!(hear(&mut client, "220 mx\r\n"), ["greeting"]);
    assert_eq!(said(&mut client), "EHLO client.example\r\n");
    let lines = offer.iter().map(|line| format!("250-{line}\r\n")).collect::<String>();
    assert_eq!(hear(&mut client, &format!("250-mx\r\n{lines}250 HELP\r\n")), ["ehlo", "ready"]);
    client
}

fn said(client: &mut Connection) -> String {
    let text = String::from_utf8(client.tx().chunk().to_vec()).unwrap();
    client.tx().advance(text.len());
    text
}

/// What the caller is told when the server says this.
fn hear(client: &mut Connection, reply: &str) -> Vec<String> {
    client.rx().receive(reply.as_bytes());
    let mut told = Vec::new();
    while client.step() == Want::Event {
        told.push(match client.event() {
            Event::Greeting(_) => "greeting".to_owned(),
            Event::Ehlo(_) => "ehlo".to_owned(),
            Event::StartTls(_) => "starttls".to_owned(),
            Event::Answer(reply) => format!("answer {reply}"),
            Event::Mail(_) => "mail".to_owned(),
            Event::Auth(_) => "auth".to_owned(),
            Event::Refused(reply) => format!("refused {reply}"),
            Event::Ready(_) => {
                told.push("ready".to_owned());
                return told;
            }
            other => panic!("{other:?}"),
        });
    }
    told
}

fn call<T>(client: &mut Connection, command: impl FnOnce(Ready<'_>) -> T) -> T {
    assert_eq!(client.step(), Want::Event);
    match client.event() {
        Event::Ready(ready) => command(ready),
        other => panic!("{other:?}"),
    }
}

/// RFC 5321 sections 4.1.1.6 and 4.1.1.7: whatever the answer, the session goes on.
#[test]
fn vrfy_and_expn_are_answered() {
    let mut client = ready(&[]);
    let argument = |text| Argument::parse(text).unwrap();
    for (reply, told) in [
        ("250 Alice <alice@example.org>\r\n", "answer 250 Alice <alice@example.org>"),
        ("252 who knows\r\n", "answer 252 who knows"),
        ("550 no such user\r\n", "answer 550 no such user"),
        ("502 not here\r\n", "answer 502 not here"),
    ] {
        call(&mut client, |ready| ready.verify(argument("alice"))).unwrap();
        assert_eq!(said(&mut client), "VRFY alice\r\n");
        assert_eq!(hear(&mut client, reply), [told, "ready"]);
    }
    call(&mut client, |ready| ready.expand(argument("\"the staff\""))).unwrap();
    assert_eq!(said(&mut client), "EXPN \"the staff\"\r\n");
    let told = hear(&mut client, "250-<a@x>\r\n250 <b@x>\r\n");
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("answer 250") && told[0].contains("<b@x>"), "{told:?}");
}

/// RFC 6531 section 3.7.4.2: SMTPUTF8 is asked for, and only where it is offered.
#[test]
fn arguments_outside_ascii_need_smtputf8() {
    let plain = Argument::parse("josé").unwrap();
    let flagged = plain.with_smtp_utf8();
    let mut client = ready(&["SMTPUTF8"]);
    let refused = call(&mut client, |ready| ready.verify(plain));
    assert_eq!(refused, Err(CallError::NeedsSmtpUtf8));
    call(&mut client, |ready| ready.verify(flagged)).unwrap();
    assert_eq!(said(&mut client), "VRFY josé SMTPUTF8\r\n");
    let mut client = ready(&[]);
    for argument in [plain, flagged] {
        assert!(call(&mut client, |ready| ready.expand(argument)).is_err());
        assert_eq!(said(&mut client), "");
    }
    let refused = call(&mut client, |ready| ready.verify(flagged));
    assert_eq!(refused, Err(CallError::NotOffered(Extension::SmtpUtf8)));
}

/// RFC 1985 section 5.
#[test]
fn etrn_is_answered_where_it_is_offered() {
    let domain = Domain::parse("example.net").unwrap();
    let mut client = ready(&[]);
    let refused = call(&mut client, |ready| ready.etrn(Queue::Host(domain)));
    assert_eq!(refused, Err(CallError::NotOffered(Extension::Etrn)));
    assert_eq!(said(&mut client), "");
    let mut client = ready(&["ETRN"]);
    for (queue, line) in [
        (Queue::Host(domain), "ETRN example.net\r\n"),
        (Queue::Subdomains(domain), "ETRN @example.net\r\n"),
        (Queue::Named(Printable::new("news").unwrap()), "ETRN #news\r\n"),
    ] {
        call(&mut client, |ready| ready.etrn(queue)).unwrap();
        assert_eq!(said(&mut client), line);
        let told = hear(&mut client, "253 3 pending messages for node started\r\n");
        assert_eq!(told, ["answer 253 3 pending messages for node started", "ready"]);
    }
}

#[test]
fn xforward_is_answered_and_xclient_begins_anew() {
    let attributes = Attributes::parse("ADDR=192.0.2.1 NAME=[UNAVAILABLE]").unwrap();
    let mut client = ready(&[]);
    assert!(call(&mut client, |ready| ready.xclient(attributes)).is_err());
    assert!(call(&mut client, |ready| ready.xforward(attributes)).is_err());
    let mut client = ready(&["XCLIENT NAME ADDR", "XFORWARD NAME ADDR", "LIMITS MAILMAX=3"]);
    call(&mut client, |ready| ready.xforward(attributes)).unwrap();
    assert_eq!(said(&mut client), "XFORWARD ADDR=192.0.2.1 NAME=[UNAVAILABLE]\r\n");
    assert_eq!(hear(&mut client, "250 ok\r\n"), ["answer 250 ok", "ready"]);
    call(&mut client, |ready| ready.xclient(attributes)).unwrap();
    assert_eq!(said(&mut client), "XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]\r\n");
    assert_eq!(hear(&mut client, "550 who are you\r\n"), ["answer 550 who are you", "ready"]);
    call(&mut client, |ready| ready.xclient(attributes)).unwrap();
    said(&mut client);
    assert_eq!(hear(&mut client, "220 mx\r\n"), ["answer 220 mx"]);
    assert_eq!(said(&mut client), "EHLO client.example\r\n");
    assert_eq!(client.mails_left(), None);
    assert_eq!(hear(&mut client, "250 mx\r\n"), ["ehlo", "ready"]);
}

/// RFC 9422 section 4.1: MAIL counts whatever its answer, and AUTH does not begin another session.
#[test]
fn the_count_of_transactions_goes_on_behind_auth() {
    let offer = ["LIMITS MAILMAX=2", "AUTH SCRAM-SHA-256"];
    let mut client = ready(&offer);
    let mail = |ready: Ready<'_>| ready.mail(ReversePath::Null, MailParameters::EMPTY);
    assert_eq!(client.mails_left(), Some(2));
    call(&mut client, mail).unwrap();
    assert_eq!(said(&mut client), "MAIL FROM:<>\r\n");
    assert_eq!(hear(&mut client, "550 no\r\n"), ["mail", "ready"]);
    assert_eq!(client.mails_left(), Some(1));
    let mechanism = Mechanism::parse("SCRAM-SHA-256").unwrap();
    call(&mut client, |ready| ready.auth(mechanism, None)).unwrap();
    assert_eq!(said(&mut client), "AUTH SCRAM-SHA-256\r\n");
    assert_eq!(hear(&mut client, "235 ok\r\n"), ["auth"]);
    assert_eq!(said(&mut client), "EHLO client.example\r\n");
    assert_eq!(hear(&mut client, "250-mx\r\n250 LIMITS MAILMAX=2\r\n"), ["ehlo", "ready"]);
    assert_eq!(client.mails_left(), Some(1));
    call(&mut client, mail).unwrap();
    said(&mut client);
    assert_eq!(hear(&mut client, "550 no\r\n"), ["mail", "ready"]);
    assert_eq!(call(&mut client, mail), Err(CallError::TooManyTransactions(2)));
    assert_eq!(said(&mut client), "");
}

#[test]
fn a_421_to_a_lone_command_ends_the_session() {
    let mut client = ready(&[]);
    call(&mut client, |ready| ready.verify(Argument::parse("alice").unwrap())).unwrap();
    said(&mut client);
    assert_eq!(hear(&mut client, "421 going down\r\n"), ["refused 421 going down"]);
    assert_eq!(client.closing(), Some(Closing::Unavailable));
}

#[test]
fn before_a_transaction_the_caller_can_see_what_it_may_ask_for() {
    let mut client = ready(&["DSN", "SIZE 1000"]);
    let (dsn, size, tls) = call(&mut client, |ready| {
        let offered = ready.extensions();
        (offered.contains(Extension::Dsn), offered.size(), ready.is_secure())
    });
    assert_eq!((dsn, size, tls), (true, Some(1000), false));
    assert!(!call(&mut client, |ready| ready.has_prdr()));
    assert!(call(&mut ready(&["PRDR"]), |ready| ready.has_prdr()));
    assert_eq!(client.step(), Want::Event, "nothing was done with the handle: it comes back");
}

/// Whoever looks on sees each line once, in order, as it goes over the wire.
#[test]
fn what_goes_over_the_wire_can_be_looked_at() {
    let mut client =
        Connection::new(Config::new("client.example").unwrap().tls(TlsPolicy::Required));
    let trace = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&trace);
    client.observe(move |traffic| {
        let (way, line) = match traffic {
            Traffic::Sent(line) => ('>', line),
            Traffic::Received(line) => ('<', line),
        };
        shown.lock().unwrap().push(format!("{way} {}", line.escape_ascii()));
    });
    hear(&mut client, "220 mx\r\n");
    said(&mut client);
    hear(&mut client, "250-mx\r\n250 STARTTLS\r\n");
    said(&mut client);
    hear(&mut client, "220 go\r\n");
    assert_eq!(client.step(), Want::Tls);
    client.secured();
    assert_eq!(said(&mut client), "EHLO client.example\r\n");
    assert_eq!(hear(&mut client, "250 mx\r\n"), ["ehlo", "ready"]);
    assert!(call(&mut client, |ready| ready.is_secure()));
    call(&mut client, |ready| ready.mail(ReversePath::Null, MailParameters::default())).unwrap();
    let trace = trace.lock().unwrap();
    assert_eq!(
        *trace,
        [
            "< 220 mx",
            "> EHLO client.example",
            "< 250-mx",
            "< 250 STARTTLS",
            "> STARTTLS",
            "< 220 go",
            "> EHLO client.example",
            "< 250 mx",
            "> MAIL FROM:<>"
        ]
    );
}
