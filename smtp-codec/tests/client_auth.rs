//! AUTH, the client's side (RFC 4954). The mechanism is a toy.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use std::sync::{Arc, Mutex};

use bytes::Buf;
use common::peer::{Mission, Report, config, envelope};
use smtp_codec::client::{
    Attempt, AuthError, Authentication, Authenticator, CallError, Closing, Config, Connection,
    Event, Traffic, Want,
};
use smtp_codec::proto::command::Attributes;
use smtp_codec::proto::session::TlsPolicy::{Implicit, Opportunistic};
use smtp_codec::proto::session::client::ProtocolFault;

/// Says its name, then `yes` to each challenge, and gives up at `stop`.
struct Toy {
    mechanism: &'static str,
    initial: Option<Vec<u8>>,
    proven: bool,
}

impl Authenticator for Toy {
    fn start(&mut self, offered: &[&str], _: bool) -> Option<Attempt> {
        let mechanism = self.mechanism.to_owned();
        let initial_response = self.initial.clone();
        offered.contains(&self.mechanism).then_some(Attempt { mechanism, initial_response })
    }

    fn respond(&mut self, challenge: &[u8]) -> Option<Vec<u8>> {
        match challenge {
            b"stop" => None,
            _ => Some(b"yes".to_vec()),
        }
    }

    fn finish(&mut self) -> bool {
        self.proven
    }
}

fn toy(mechanism: &'static str, initial: Option<&[u8]>) -> Box<dyn Authenticator> {
    Box::new(Toy { mechanism, initial: initial.map(<[u8]>::to_vec), proven: true })
}

fn scram() -> Box<dyn Authenticator> {
    toy("SCRAM-SHA-256", None)
}

const OFFER: &str = "250-mx|250 AUTH PLAIN LOGIN SCRAM-SHA-256";
const LETTER: [&str; 5] = ["250 ok", "250 ok", "354 go", "250 queued", "221 bye"];

fn run(config: Config, who: fn() -> Box<dyn Authenticator>, replies: &[&str]) -> Report {
    let replies = [&["220 mx", OFFER], replies].concat();
    Mission::new(config, &replies).who(who).letter(envelope(&["b@x"]), "x\r\n").run()
}

fn auth(report: &Report) -> &str {
    report.auth.as_deref().unwrap()
}

#[test]
fn an_exchange_and_a_message() {
    let replies = [&["334 ", "334 c3RlcA==", "235 2.7.0 ok"], &LETTER[..]].concat();
    let report = run(config(), scram, &replies);
    assert_eq!(auth(&report), "ok");
    assert_eq!(report.lines[1..4], ["AUTH SCRAM-SHA-256", "eWVz", "eWVz"]);
    assert_eq!(report.fate(), ["Accepted Message 250"]);
    assert_eq!(report.events[2..6], ["ready", "challenge ", "challenge step", "auth 235"]);
}

#[test]
fn an_initial_response_goes_along() {
    for (initial, line) in [(&b"yes"[..], "AUTH SCRAM-SHA-256 eWVz"), (b"", "AUTH SCRAM-SHA-256 =")]
    {
        let who = match initial.len() {
            0 => || toy("SCRAM-SHA-256", Some(b"")),
            _ => || toy("SCRAM-SHA-256", Some(b"yes")),
        };
        let report = run(config(), who, &["235 ok", "221 bye"]);
        assert_eq!((auth(&report), report.lines[1].as_str()), ("ok", line));
    }
}

/// Threats 6, RFC 4954 section 4: one that makes the line longer than 512 octets waits for the
/// empty challenge.
#[test]
fn a_long_initial_response_waits() {
    let who = || toy("SCRAM-SHA-256", Some(&[b'x'; 400]));
    let report = run(config(), who, &["334 ", "235 ok", "221 bye"]);
    assert_eq!(report.lines[1], "AUTH SCRAM-SHA-256");
    assert_eq!(report.lines[2].len(), 536);
    assert_eq!(auth(&report), "ok");
    // Exactly 512 octets with CRLF: "AUTH SCRAM-SHA-256 " is 19, the text 488, CRLF 2.
    let fits = || toy("SCRAM-SHA-256", Some(&[b'x'; 366]));
    assert_eq!(run(config(), fits, &["235 ok", "221 bye"]).lines[1].len(), 19 + 488);
}

#[test]
fn a_challenge_without_text_is_empty() {
    for empty in ["334", "334 ", "334  "] {
        let report = run(config(), scram, &[empty, "235 ok", "221 bye"]);
        assert_eq!((auth(&report), report.lines[2].as_str()), ("ok", "eWVz"), "{empty:?}");
    }
}

/// Threats 6: a challenge that is no base64 is not answered.
#[test]
fn a_challenge_that_is_not_base64_cancels_the_exchange() {
    for bad in ["334 what?", "334 A", "334 AB==", "334-AAAA|334 AAAA", "334 AA AA"] {
        let report = run(config(), scram, &[bad, "501 cancelled", "221 bye"]);
        assert_eq!(report.lines[2], "*", "{bad}");
        assert!(auth(&report).starts_with("Cancelled"), "{bad}: {}", auth(&report));
    }
}

#[test]
fn the_mechanism_gives_up() {
    let report = run(config(), scram, &["334 c3RvcA==", "501 cancelled", "221 bye"]);
    assert_eq!(report.lines[2], "*");
    assert!(auth(&report).starts_with("Cancelled"), "{}", auth(&report));
}

/// Threats 6: a server cannot lead on for ever.
#[test]
fn challenges_are_counted() {
    let replies = [vec!["334 "; 33], vec!["501 cancelled", "221 bye"]].concat();
    let report = run(config(), scram, &replies);
    assert_eq!(report.lines.iter().filter(|line| *line == "eWVz").count(), 32);
    assert!(report.lines.contains(&"*".to_owned()));
    assert!(auth(&report).starts_with("Cancelled"), "{}", auth(&report));
}

#[test]
fn a_refusal_leaves_the_session_as_it_was() {
    for refusal in ["535 5.7.8 no", "454 later", "432 change it", "534 weak", "500 what", "503 no"]
    {
        let replies = [&[refusal], &LETTER[..]].concat();
        let report = run(config(), scram, &replies);
        assert!(auth(&report).starts_with("Refused"), "{refusal}");
        assert_eq!(report.fate(), ["Accepted Message 250"]);
    }
}

/// Threats 8: a class that cannot stand there, and a success that is none.
#[test]
fn what_cannot_stand_there_ends_the_session() {
    for reply in ["250 ok", "220 ok", "354 go", "399 x", "221 bye"] {
        let report = run(config(), scram, &[reply]);
        let fault = Closing::Protocol(ProtocolFault::Class);
        assert_eq!(report.closing, Some(fault), "{reply}");
        assert!(auth(&report).starts_with("Closed"), "{reply}: {}", auth(&report));
    }
    let early = Mission::new(config(), &["220 mx", OFFER, "334 |334 ", "235 ok"]).who(scram);
    let (report, _) = early.fly(common::Cut::Whole, usize::MAX);
    assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Unasked)));
    let report = run(config(), scram, &["421 gone"]);
    assert_eq!(report.closing, Some(Closing::Unavailable));
    let report = run(config(), scram, &["<close>"]);
    assert_eq!(report.closing, Some(Closing::PeerGone));
}

#[test]
fn a_server_that_does_not_prove_itself_is_left() {
    let who = || -> Box<dyn Authenticator> {
        Box::new(Toy { mechanism: "SCRAM-SHA-256", initial: None, proven: false })
    };
    let report = run(config(), who, &["235 ok"]);
    assert_eq!(auth(&report), "NotProven");
    assert_eq!(report.closing, Some(Closing::NotProven));
    assert_eq!(report.lines, ["EHLO client.example", "AUTH SCRAM-SHA-256"]);
}

/// Not every mechanism has such a proof: nothing is missed there but the rest of the exchange.
#[test]
fn a_server_that_says_yes_too_early_is_left() {
    let who = || -> Box<dyn Authenticator> {
        Box::new(Toy { mechanism: "LOGIN", initial: None, proven: false })
    };
    let replies = ["220 mx", "250-mx|250 AUTH LOGIN", "235 ok"];
    let report = Mission::new(config().allow_plaintext_auth(), &replies).who(who).run();
    assert_eq!(auth(&report), "EndedEarly");
    assert_eq!(report.closing, Some(Closing::NotProven));
}

/// Who was told yes is authenticated, whatever is said to the EHLO behind it.
#[test]
fn a_session_that_ends_behind_the_success_was_authenticated() {
    let offer = "250-mx|250-LIMITS RCPTMAX=1|250 AUTH SCRAM-SHA-256";
    let mission = Mission::new(config(), &["220 mx", offer, "235 ok", "421 bye"]).who(scram);
    let report = mission.letter(envelope(&["b@x"]), "x\r\n").run();
    assert_eq!(auth(&report), "ok");
    assert_eq!(report.closing, Some(Closing::Unavailable));
    assert_eq!(report.fate(), ["Deferred Connect 421"]);
}

/// Threats 6, CVE-2017-15042: a password is not shown without TLS, even if the server asks for it.
#[test]
fn plaintext_mechanisms_wait_for_tls() {
    let plain = || toy("PLAIN", Some(b"\0a\0b"));
    let report = run(config(), plain, &LETTER);
    assert_eq!(auth(&report), "NotSent(NeedsTls)");
    assert!(!report.lines.iter().any(|line| line.starts_with("AUTH")));
    let replies = [&["235 ok"], &LETTER[..]].concat();
    assert_eq!(auth(&run(config().allow_plaintext_auth(), plain, &replies)), "ok");
    assert_eq!(auth(&run(config().tls(Implicit), plain, &replies)), "ok");
}

#[test]
fn what_is_not_offered_is_not_tried() {
    let report = run(config(), || toy("CRAM-MD5", None), &LETTER);
    assert_eq!(auth(&report), "NoMechanism");
    let mission = Mission::new(config(), &["220 mx", "250 mx", "221 bye"]).who(scram);
    assert_eq!(auth(&mission.run()), "NoMechanism");
}

/// RFC 4954 section 3: some servers name mechanisms in an older form too.
#[test]
fn the_older_form_of_the_keyword_counts() {
    let ehlo = "250-mx|250-AUTH=LOGIN SCRAM-SHA-256|250 SIZE";
    let mission = Mission::new(config(), &["220 mx", ehlo, "235 ok", "221 bye"]).who(scram);
    assert_eq!(auth(&mission.run()), "ok");
}

/// RFC 9422 section 3: who is authenticated may be offered more.
#[test]
fn limits_are_read_again() {
    let few = "250-mx|250-LIMITS RCPTMAX=1|250 AUTH SCRAM-SHA-256";
    let replies = [
        "220 mx",
        few,
        "235 ok",
        "250-mx|250 LIMITS RCPTMAX=2",
        "250 ok",
        "250 ok",
        "250 ok",
        "354 go",
        "250 ok",
        "221 bye",
    ];
    let mission = Mission::new(config(), &replies).who(scram);
    let report = mission.letter(envelope(&["b@x", "c@x"]), "x\r\n").run();
    assert_eq!(report.fate(), ["Accepted Message 250"; 2]);
    assert_eq!(report.lines.iter().filter(|line| line.starts_with("EHLO")).count(), 2);
}

/// RFC 3207 section 4.2: a server that begins TLS forgets who its client is, so this is not the time
/// for it; it was refused before.
#[test]
fn limits_that_are_read_again_begin_no_tls() {
    let offer = "250-mx|250-STARTTLS|250-LIMITS RCPTMAX=1|250 AUTH SCRAM-SHA-256";
    let replies = [&["220 mx", offer, "454 later", "235 ok", offer], &LETTER[..]].concat();
    let mission = Mission::new(config().tls(Opportunistic), &replies).who(scram);
    let report = mission.letter(envelope(&["b@x"]), "x\r\n").run();
    assert_eq!(report.fate(), ["Accepted Message 250"]);
    let lines: Vec<&str> = report.lines.iter().map(|line| &line[..4]).collect();
    assert_eq!(lines[..5], ["EHLO", "STAR", "AUTH", "EHLO", "MAIL"]);
}

/// RFC 4954 section 4: behind a success there is no other AUTH in the session, but for one that XCLIENT
/// begins anew.
#[test]
fn who_is_authenticated_does_not_ask_again() {
    let mut client = Connection::new(config());
    let offer = "250-mx|250-XCLIENT LOGIN|250 AUTH SCRAM-SHA-256|";
    let replies = ["220 mx|", offer, "535 no|", "235 ok|", "220 mx|", offer, "235 ok|"];
    let mut replies = replies.iter();
    let mut said = Vec::new();
    let mut exchange = |client: &mut Connection| {
        let mut who = Toy { mechanism: "SCRAM-SHA-256", initial: None, proven: true };
        let mut exchange = Authentication::new();
        loop {
            match client.step() {
                Want::Event => {
                    if let Some(result) = exchange.on(client, &mut who) {
                        return result;
                    }
                }
                _ => {
                    said.extend_from_slice(client.tx().chunk());
                    let n = client.tx().remaining();
                    client.tx().advance(n);
                    let reply = replies.next().unwrap().replace('|', "\r\n");
                    client.rx().receive(reply.as_bytes());
                }
            }
        }
    };
    assert!(matches!(exchange(&mut client), Err(AuthError::Refused(_))));
    assert_eq!(exchange(&mut client), Ok(()));
    let again = Err(AuthError::NotSent(CallError::AlreadyAuthenticated));
    assert_eq!(exchange(&mut client), again);
    assert!(client.is_authenticated() && !client.tx().has_remaining());
    let Event::Ready(ready) = client.event() else { panic!() };
    ready.xclient(Attributes::parse("NAME=a.example").unwrap()).unwrap();
    assert_eq!(exchange(&mut client), Ok(()));
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said.matches("AUTH").count(), 3, "{said}");
}

/// Secrets never in traces or in Debug.
#[test]
fn what_is_secret_is_not_shown() {
    let mut client = Connection::new(config());
    let trace = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&trace);
    client.observe(move |traffic| {
        let line = match traffic {
            Traffic::Sent(line) => format!("> {}", line.escape_ascii()),
            Traffic::Received(line) => format!("< {}", line.escape_ascii()),
        };
        shown.lock().unwrap().push(line);
    });
    let mut who = Toy { mechanism: "SCRAM-SHA-256", initial: Some(b"yes".to_vec()), proven: true };
    let mut exchange = Authentication::new();
    let mut replies = ["220 mx|", "250-mx|250 AUTH SCRAM-SHA-256|", "334 |", "235 ok|"].iter();
    let result = loop {
        match client.step() {
            Want::Event => {
                if let Some(result) = exchange.on(&mut client, &mut who) {
                    break result;
                }
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().replace('|', "\r\n").as_bytes());
            }
        }
    };
    assert_eq!(result, Ok(()));
    let trace = trace.lock().unwrap().join("\n");
    assert!(!trace.contains("eWVz"), "{trace}");
    assert!(trace.contains("> AUTH SCRAM-SHA-256 ****\n< 334 \n> ****\n< 235 ok"), "{trace}");
    assert!(!format!("{:?}", who.start(&["SCRAM-SHA-256"], true)).contains("yes"));
}

/// A response that was held back because it is long is no less secret.
#[test]
fn what_is_secret_and_late_is_not_shown() {
    let mut client = Connection::new(config());
    let trace = Arc::new(Mutex::new(String::new()));
    let shown = Arc::clone(&trace);
    client.observe(move |traffic| {
        if let Traffic::Sent(line) = traffic {
            shown.lock().unwrap().push_str(&format!("{}|", line.escape_ascii()));
        }
    });
    let initial = Some(vec![b'y'; 600]);
    let mut who = Toy { mechanism: "SCRAM-SHA-256", initial, proven: true };
    let mut exchange = Authentication::new();
    let mut replies = ["220 mx|", "250-mx|250 AUTH SCRAM-SHA-256|", "334 |", "235 ok|"].iter();
    let mut sent = Vec::new();
    loop {
        match client.step() {
            Want::Event => {
                if let Some(result) = exchange.on(&mut client, &mut who) {
                    assert_eq!(result, Ok(()));
                    break;
                }
            }
            _ => {
                sent.extend_from_slice(client.tx().chunk());
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().replace('|', "\r\n").as_bytes());
            }
        }
    }
    assert!(sent.ends_with(format!("\r\n{}\r\n", "eXl5".repeat(200)).as_bytes()));
    assert_eq!(*trace.lock().unwrap(), "EHLO client.example|AUTH SCRAM-SHA-256|****|");
}

/// The server speaks first after all: the mechanism sees to it.
#[test]
fn a_challenge_that_says_something_is_the_mechanisms_to_answer() {
    let who = || -> Box<dyn Authenticator> {
        let initial = Some(vec![b'y'; 600]);
        Box::new(Toy { mechanism: "SCRAM-SHA-256", initial, proven: true })
    };
    let replies = [&["334 c3RlcA==", "235 ok"], &LETTER[..]].concat();
    let report = run(config(), who, &replies);
    assert_eq!(report.lines[1..3], ["AUTH SCRAM-SHA-256", "eWVz"]);
    assert!(report.events.contains(&"challenge step".to_owned()), "{:?}", report.events);
}

/// No server has so many; what is kept of their names is bounded.
#[test]
fn the_names_of_mechanisms_are_kept_up_to_a_bound() {
    let mut client = Connection::new(config());
    client.rx().receive(b"220 mx\r\n");
    let lines: String = (0..100).map(|n| format!("250-AUTH MECHANISM-{n:03}-NO-MOR\r\n")).collect();
    let more: String = (100..220).map(|n| format!(" MECHANISM-{n:03}-NO-MOR")).collect();
    let mut ehlo = format!("250-mx\r\n{lines}250 AUTH{more}\r\n");
    while let Want::Event | Want::Input = client.step() {
        if let smtp_codec::client::Event::Ready(_) = client.event() {
            break;
        }
        let n = client.tx().remaining();
        client.tx().advance(n);
        let taken = client.rx().receive(ehlo.as_bytes());
        ehlo.drain(..taken);
    }
    let kept: Vec<&str> = client.mechanisms().collect();
    // Twenty-one octets each, with the space behind it.
    assert_eq!(kept.len(), 4096 / 21);
    assert!(kept.iter().all(|name| name.len() == 20));
}

#[test]
fn attempts_are_shown_without_the_response() {
    let attempt = Attempt { mechanism: "PLAIN".into(), initial_response: Some(b"x".to_vec()) };
    assert_eq!(format!("{attempt:?}"), "Attempt { mechanism: \"PLAIN\", .. }");
}

/// Who is not served at all hears that, and not only that the session ended.
#[test]
fn a_server_that_refuses_the_client_refuses_to_authenticate() {
    let report = Mission::new(config(), &["554 not you", "221 bye"]).who(scram).run();
    assert!(auth(&report).starts_with("Refused("), "{}", auth(&report));
    assert_eq!(report.closing, Some(Closing::Refused));
}

/// RFC 4954 section 5.
#[test]
fn the_parameter_of_mail_needs_the_extension() {
    let mut letter = envelope(&["b@x"]);
    letter.parameters = "AUTH=<>".parse().unwrap();
    let report = Mission::new(
        config(),
        &["220 mx", OFFER, "250 ok", "250 ok", "354 go", "250 ok", "221 bye"],
    )
    .letter(letter.clone(), "x\r\n")
    .run();
    assert_eq!(report.lines[1], "MAIL FROM:<a@client.example> AUTH=<>");
    let report =
        Mission::new(config(), &["220 mx", "250 mx", "221 bye"]).letter(letter, "x\r\n").run();
    assert_eq!(report.fate(), ["Refused Mail -"]);
}
