//! Where one thing ends and the next begins: runs of content, buffers, names, parts of a message.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use bytes::Buf;
use smtp_codec::client::{CallError, Closing, Config, Connection, Delivery, Event, Part, Split};
use smtp_codec::proto::reply::{Refusal, Reply};
use smtp_codec::proto::session::client::ProtocolFault;
use smtp_codec::proto::session::{BareNewline, TlsPolicy};
use smtp_codec::proto::{Delivered, Envelope, Failure, Outcome, Stage, Verdict};
use smtp_codec::server;
use smtp_codec::{Decoder, Encoder, FoundBareNewline, Piece, Run, Want};

fn config() -> Config {
    Config::new("client.example").unwrap()
}

fn envelope(recipients: &[&str]) -> Envelope {
    let sender = Envelope::new("a@client.example".parse().unwrap());
    recipients.iter().fold(sender, |envelope, it| envelope.to(it.parse().unwrap()))
}

/// What the client wants once it has read these, and has sent what it had to say.
fn read(client: &mut Connection, replies: &[&str]) -> Want {
    let mut want = Want::Input;
    for reply in replies {
        client.rx().receive(reply.as_bytes());
        loop {
            want = client.step();
            match want {
                Want::Event if matches!(client.event(), Event::Ready(_)) => break,
                Want::Event => {}
                Want::Flush => {
                    let n = client.tx().remaining();
                    client.tx().advance(n);
                }
                _ => break,
            }
        }
        let n = client.tx().remaining();
        client.tx().advance(n);
    }
    want
}

/// A session that is ready, with a server that says this to EHLO.
fn ready(ehlo: &str) -> Connection {
    let mut client = Connection::new(config());
    assert_eq!(read(&mut client, &["220 mx\r\n", ehlo]), Want::Event);
    client
}

/// A bare newline that is passed on is content like any other, in one run with what stands around it.
#[test]
fn what_may_pass_cuts_no_run() {
    for content in [&b"a\rb"[..], b"a\nb", b"\rb", b"\nb", b"a\r\rb", b"a\r\n\rb", b"a\n\r\nb"] {
        let mut decoder = Decoder::new(BareNewline::Pass);
        assert_eq!(decoder.next(content), Piece::Run { skip: 0, len: content.len() });
    }
}

/// A bare LF is thrown away with the dot that was stuffed before it.
#[test]
fn a_bare_newline_is_thrown_away() {
    for (content, skip) in [(&b"\nb"[..], 1), (b".\nb", 2)] {
        let mut decoder = Decoder::new(BareNewline::Reject);
        assert_eq!(decoder.next(content), Piece::Bare { skip });
    }
}

/// The caller may stop behind any run: what ends the mail data fits what was sent.
#[test]
fn content_may_end_behind_each_run() {
    for policy in [BareNewline::Normalise, BareNewline::Pass, BareNewline::Reject] {
        for (content, wire) in [
            (&b"a\nb"[..], &b"a\r\n.\r\n"[..]),
            (b"a\r\n\nb", b"a\r\n.\r\n"),
            (b"a\r\nb\nc", b"a\r\nb\r\n.\r\n"),
            (b"a\r\n.b", b"a\r\n.\r\n"),
        ] {
            let mut encoder = Encoder::new(policy);
            let Ok(Some(Run::Lent(sent) | Run::Written(sent, _))) = encoder.next(content) else {
                panic!("{:?}", content.escape_ascii().to_string());
            };
            let end = encoder.finish().unwrap();
            assert_eq!([sent, end].concat(), wire, "{:?}", content.escape_ascii().to_string());
        }
    }
}

/// `client::Limits`: the names of mechanisms that are kept are at most 4 KiB, spaces counted.
#[test]
fn so_many_mechanisms_are_kept() {
    let name = |number: usize| format!("{number:0>15}");
    let mut names: Vec<String> = (0..255).map(name).collect();
    let kept = |names: &[String]| -> Vec<String> {
        let auth: String =
            names.chunks(50).map(|some| format!("250-AUTH {}\r\n", some.join(" "))).collect();
        let client = ready(&format!("250-mx\r\n{auth}250 HELP\r\n"));
        client.mechanisms().map(str::to_owned).collect()
    };
    assert_eq!(kept(&names), names);
    names.push("A".repeat(16));
    assert_eq!(kept(&names), names[..255]);
    names.push(name(255));
    assert_eq!(kept(&names), [&names[..255], &names[256..]].concat());
    names.push("B".to_owned());
    assert_eq!(kept(&names), [&names[..255], &names[256..257]].concat());
}

/// Threats 2.2: a 220 that something stands behind is not even told.
#[test]
fn no_handshake_begins_behind_injected_octets() {
    let injected = Some(Closing::Protocol(ProtocolFault::Injected));
    for go in ["220 go\r\n250 evil\r\n", "220 go\r\nx", "220-go\r\n220 on\r\n\r\n"] {
        let mut client = Connection::new(config().tls(TlsPolicy::Required));
        let offer = "250-mx\r\n250 STARTTLS\r\n";
        assert_eq!(read(&mut client, &["220 mx\r\n", offer]), Want::Input);
        client.rx().receive(go.as_bytes());
        while client.step() == Want::Event {
            assert!(matches!(client.event(), Event::Closed(_)), "{go:?}: {:?}", client.event());
        }
        assert_eq!((client.step(), client.closing()), (Want::Close, injected), "{go:?}");
    }
}

/// Content that turns out to be unfit before anything was sent is refused, not put off.
#[test]
fn content_may_be_given_up_before_it_is_offered() {
    let letter = envelope(&["b@x", "c@x"]);
    let mut delivery = Delivery::new(&letter);
    delivery.content_refused(FoundBareNewline);
    let outcome = delivery.outcome(&Connection::new(config()));
    let refused = Delivered { verdict: Verdict::Refused, stage: Stage::Connect, reply: None };
    assert_eq!(outcome.recipients, [refused.clone(), refused]);
    assert_eq!(outcome.failure, Some(Failure::BareNewline));
}

fn all_accepted(part: &Envelope) -> Outcome {
    let accepted = Delivered { verdict: Verdict::Accepted, stage: Stage::Message, reply: None };
    let recipients = part.recipients.iter().map(|_| accepted.clone()).collect();
    Outcome { recipients, reply: None, failure: None }
}

/// What one session took says nothing about another, as long as nobody was too many.
#[test]
fn where_everybody_was_taken_there_may_be_more_at_once() {
    let letter = envelope(&["b@x", "c@x", "d@x", "e@x"]);
    let mut split = Split::new(&letter);
    let one = ready("250-mx\r\n250 LIMITS RCPTMAX=1\r\n");
    let Part::Send(part) = split.next(&one) else { panic!("one of four") };
    assert_eq!(part.recipients, letter.recipients[..1]);
    split.came(all_accepted(&part));
    let any = ready("250 mx\r\n");
    let Part::Send(part) = split.next(&any) else { panic!("three of four") };
    assert_eq!(part.recipients, letter.recipients[1..]);
    split.came(all_accepted(&part));
    assert_eq!(split.next(&any), Part::Over);
}

/// RFC 9422 section 4.3: domains count where the server told how many it takes, and only there.
#[test]
fn domains_count_where_they_are_limited() {
    let letter = envelope(&["b@x", "c@y", "d@Y", "e@z"]);
    let mut split = Split::new(&letter);
    let one = ready("250-mx\r\n250 LIMITS RCPTMAX=1\r\n");
    let Part::Send(part) = split.next(&one) else { panic!("one of four") };
    split.came(all_accepted(&part));
    let domain = ready("250-mx\r\n250 LIMITS RCPTDOMAINMAX=1\r\n");
    let Part::Send(part) = split.next(&domain) else { panic!("two of four") };
    assert_eq!(part.recipients, letter.recipients[1..3]);
    split.came(all_accepted(&part));
    assert_eq!(split.next(&domain), Part::Reconnect);
    assert!(matches!(split.next(&domain), Part::Send(part) if part.recipients.len() == 1));
}

/// RFC 5321 section 4.5.3.1.10, RFC 3463 section 3.6: 5.3 is about the number of recipients.
#[test]
fn who_is_named_again() {
    let any = ready("250 mx\r\n");
    let letter = envelope(&["b@x", "c@x"]);
    let replied = |stage, line: &str| {
        let line = format!("{line}\r\n");
        Delivered::from_reply(stage, Reply::parse(line.as_bytes()).unwrap())
    };
    let silent = |verdict, stage| Delivered { verdict, stage, reply: None };
    let too_many = Some(Failure::NotSent(CallError::TooManyRecipients(1)));
    let utf8 = Some(Failure::NotSent(CallError::NeedsSmtpUtf8));
    let deferred = |stage| silent(Verdict::Deferred, stage);
    for (fate, failure, again) in [
        (replied(Stage::Rcpt, "452 4.5.3 too many"), None, true),
        (replied(Stage::Rcpt, "552 5.5.3 too many"), None, true),
        (replied(Stage::Rcpt, "452 too many"), None, true),
        (replied(Stage::Rcpt, "452 4.2.2 full"), None, false),
        (replied(Stage::Rcpt, "452 4.5.2 what?"), None, false),
        (replied(Stage::Rcpt, "452 4.4.3 no route"), None, false),
        (replied(Stage::Rcpt, "450 4.5.3 later"), None, false),
        (replied(Stage::Rcpt, "550 5.1.1 who?"), None, false),
        (replied(Stage::Rcpt, "250 ok"), None, false),
        (replied(Stage::Data, "452 4.5.3 not now"), None, false),
        (replied(Stage::Message, "552 too large"), None, false),
        (deferred(Stage::Rcpt), too_many, true),
        (deferred(Stage::Rcpt), None, false),
        (silent(Verdict::Refused, Stage::Rcpt), utf8, false),
    ] {
        let mut split = Split::new(&letter);
        assert!(matches!(split.next(&any), Part::Send(part) if part == letter));
        let accepted = replied(Stage::Message, "250 ok");
        let recipients = vec![accepted.clone(), fate.clone()];
        split.came(Outcome { recipients, reply: None, failure });
        if again {
            let Part::Send(part) = split.next(&any) else { panic!("{fate:?} is named again") };
            assert_eq!(part.recipients, letter.recipients[1..]);
            split.came(all_accepted(&part));
        }
        assert_eq!(split.next(&any), Part::Over, "{fate:?}");
        let outcome = split.outcome();
        let last = if again { all_accepted(&letter).recipients[1].clone() } else { fate.clone() };
        assert_eq!(outcome.recipients, [accepted, last]);
        assert_eq!(outcome.failure, if again { None } else { failure }, "{fate:?}");
    }
}

/// If nobody could be named, it would be so again: the cause is told.
#[test]
fn where_nobody_may_be_named_the_cause_is_told() {
    let any = ready("250 mx\r\n");
    let letter = envelope(&["b@x", "c@x"]);
    let mut split = Split::new(&letter);
    assert!(matches!(split.next(&any), Part::Send(_)));
    let unnamed = Delivered { verdict: Verdict::Deferred, stage: Stage::Rcpt, reply: None };
    let failure = Some(Failure::NotSent(CallError::TooManyRecipients(0)));
    let outcome = Outcome { recipients: vec![unnamed.clone(), unnamed], reply: None, failure };
    split.came(outcome.clone());
    assert_eq!(split.next(&any), Part::Over);
    assert_eq!(split.outcome(), outcome);
}

/// A command that comes too early, or too late, is told what is wanted instead.
#[test]
fn what_is_out_of_order_is_told_why() {
    let smtp = || server::Config::new("mx.example").unwrap();
    for (config, refused, input, text) in [
        (smtp(), true, "NOOP\r\n", "503 5.5.1 only QUIT is taken here\r\n"),
        (smtp(), false, "DATA\r\n", "503 5.5.1 say EHLO or HELO first\r\n"),
        (smtp().lmtp(), false, "DATA\r\n", "503 5.5.1 say LHLO first\r\n"),
        (smtp(), false, "HELO x\r\nDATA\r\n", "503 5.5.1 bad sequence of commands\r\n"),
    ] {
        let mut connection = server::Connection::new(config);
        connection.rx().receive(input.as_bytes());
        while connection.step() == Want::Event {
            match connection.event() {
                server::Event::Greet(greet) if refused => greet.reject(Refusal::NO_MAIL_HERE),
                event => event.proceed(),
            }
        }
        let said = String::from_utf8(connection.tx().chunk().to_vec()).unwrap();
        assert!(said.ends_with(text), "{input:?}: {said}");
    }
}
