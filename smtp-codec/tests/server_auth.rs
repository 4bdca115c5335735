//! AUTH, the server's side (RFC 4954). The mechanism is a toy: `yes` is good, `more` gets another
//! challenge, everything else is bad.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{End, Script, Tls, config};
use smtp_codec::server::{BadMechanism, Closing, Config, Limits};

/// `yes`, `more` and `no` in base64.
const YES: &str = "eWVz";
const MORE: &str = "bW9yZQ==";
const NO: &str = "bm8=";

fn offering(mechanisms: &[&str]) -> Config {
    config().auth(mechanisms.iter().copied()).unwrap()
}

fn begun() -> Script {
    Script::ehlo(offering(&["SCRAM-SHA-256", "PLAIN"]).allow_plaintext_auth())
}

#[test]
fn with_an_initial_response() {
    let talk = begun()
        .say(format!("AUTH PLAIN {YES}"), "235 2.7.0 authenticated\r\n")
        .say("MAIL FROM:<a@x>", "250 ")
        .run();
    assert_eq!(talk.events[2], r#"auth PLAIN Some("yes")"#);
}

#[test]
fn without_one_the_first_challenge_is_empty() {
    let talk = begun().say("auth plain", "334 \r\n").say(YES, "235 2.7.0 ").run();
    assert_eq!(talk.events[2..], ["auth plain None", "response yes"]);
}

/// Threats 6, RFC 4954 section 4: `=` is the initial response of no octets, which is not the same as none.
#[test]
fn an_empty_initial_response() {
    let talk = begun().say("AUTH PLAIN =", "535 5.7.8 ").run();
    assert_eq!(talk.events[2], r#"auth PLAIN Some("")"#);
}

#[test]
fn several_challenges() {
    begun()
        .say(format!("AUTH SCRAM-SHA-256 {MORE}"), "334 bW9yZT8=\r\n")
        .say(MORE, "334 bW9yZT8=\r\n")
        .say("", "535 5.7.8 ")
        .say("NOOP", "250 ")
        .run();
}

/// Threats 6: `*` cancels.
#[test]
fn the_client_cancels() {
    let talk = begun().say("AUTH PLAIN", "334 ").say("*", "501 5.7.0 ").say("NOOP", "250 ").run();
    assert_eq!(talk.events.len(), 3, "the application is not asked about it");
}

/// Threats 6: what is not base64 is refused, and the next line is a command again.
#[test]
fn a_response_that_is_not_base64_ends_the_exchange() {
    for bad in [
        "ab@%",
        "not-b64",
        "AAAA=",
        "A",
        "AA",
        "AAA",
        "====",
        "AA=A",
        "A AA",
        "AB==",
        "ab_-",
        "=",
        "**",
        "* ",
        " ",
        "\u{e4}AAA",
        "eWVz\0",
        "YWJj=",
        "eW Vz",
    ] {
        begun().say("AUTH PLAIN", "334 ").say(bad, "501 5.5.2 ").say("NOOP", "250 ").run();
    }
    begun().say("AUTH PLAIN", "334 ").say("AA==", "535 ").say("NOOP", "250 ").run();
    begun().say("AUTH PLAIN", "334 ").say("eW\nVz", "500 5.5.6 ").say("NOOP", "250 ").run();
}

/// Threats 6: the same with the command; `AUTH PLAIN a b`.
#[test]
fn an_initial_response_that_is_not_base64_is_refused() {
    for bad in
        ["ab@%", "not-b64", "AAAA=", "A", "AA", "AB==", "====", "AA=A", "ab_-", "*", "eWVz=", "=="]
    {
        begun().say(format!("AUTH PLAIN {bad}"), "501 5.5.2 ").say("NOOP", "250 ").run();
    }
    begun().say(format!("AUTH PLAIN {YES} {YES}"), "501 5.5.").say("NOOP", "250 ").run();
}

/// Threats 6, RFC 4954 section 4: 12,288 octets must be taken, in a response and with the command.
#[test]
fn responses_may_be_long() {
    let long = "A".repeat(12_284);
    begun().settled().say("AUTH PLAIN", "334 ").say(&long, "535 ").say("NOOP", "250 ").hold_whole();
    let fits = format!("AUTH PLAIN {}", "A".repeat(12_272));
    begun().say(&fits, "535 ").say("NOOP", "250 ").hold_whole();
    let longer = format!("AUTH PLAIN {}", "A".repeat(12_288));
    begun().say(&longer, "500 5.5.6 ").say("NOOP", "250 ").hold_whole();
    let token = format!("AUTH PLAIN {}", "QUFB".repeat(575));
    begun().say(&token, "535 ").say("NOOP", "250 ").hold_whole();
    let longer = "A".repeat(12_288);
    begun().say("AUTH PLAIN", "334 ").say(&longer, "500 5.5.6 ").say("NOOP", "250 ").hold_whole();
    let endless = "A".repeat(1_000_000);
    begun().say("AUTH PLAIN", "334 ").say(&endless, "500 5.5.6 ").say("NOOP", "250 ").hold_whole();
}

/// Threats 6: the order of things.
#[test]
fn auth_has_its_place() {
    let auth = format!("AUTH PLAIN {YES}");
    let config = || offering(&["PLAIN"]).allow_plaintext_auth();
    Script::new(config()).say(&auth, "503 5.5.1 say EHLO or HELO first").run();
    Script::new(config())
        .say("HELO a.example", "250 ")
        .say(&auth, "503 5.5.1 say EHLO first")
        .run();
    begun().say(&auth, "235 ").say(&auth, "503 5.5.1 already").say("NOOP", "250 ").run();
    begun()
        .say("MAIL FROM:<a@x>", "250 ")
        .say(&auth, "503 5.5.1 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say(&auth, "503 5.5.1 ")
        .run();
    Script::ehlo(config()).say("AUTH CRAM-MD5", "504 5.5.4 ").say("NOOP", "250 ").run();
    Script::ehlo(config()).say("AUTH MORE-THAN-20-OCTETS-X", "501 5.5.4 ").run();
    Script::ehlo(config()).say("auth plain", "334 ").run();
    Script::ehlo(config()).say("AUTH", "501 5.5.4 ").say("NOOP", "250 ").run();
    Script::ehlo(common::script::config()).say(&auth, "502 5.5.1 not offered here").run();
}

/// Threats 6, CVE-2018-6789: each length of base64 is decoded to its octet.
#[test]
fn each_length_is_decoded() {
    for octets in 0..50_usize {
        let sent: Vec<u8> = (0..octets).map(|n| (n * 37 + octets) as u8 | 0x80).collect();
        let text = data_encoding::BASE64.encode(&sent);
        let talk = begun().say("AUTH PLAIN", "334 ").say(text, "535 ").run();
        assert_eq!(talk.events[3], format!("response {}", sent.escape_ascii()));
    }
}

/// Threats 6, CVE-2011-1720: a mechanism behind another that failed, wherever that one stopped, starts
/// from nothing.
#[test]
fn another_mechanism_behind_one_that_failed() {
    for stopped in ["*", "A", NO] {
        let failed = begun()
            .say(format!("AUTH SCRAM-SHA-256 {MORE}"), "334 ")
            .say(MORE, "334 ")
            .say(stopped, "5");
        let talk = failed.say("AUTH PLAIN", "334 \r\n").say(YES, "235 ").run();
        let last = &talk.events[talk.events.len() - 2..];
        assert_eq!(last, ["auth PLAIN None", "response yes"]);
    }
}

/// Threats 6, CVE-2019-11494: the client is gone in the middle of an exchange.
#[test]
fn a_client_that_leaves_an_exchange_is_gone() {
    for (end, closing) in [
        (End::Eof, Closing::PeerGone),
        (End::Broken, Closing::PeerGone),
        (End::TimedOut, Closing::TimedOut),
        (End::ShutDown, Closing::ShuttingDown),
    ] {
        for half in ["", "bW9y"] {
            let script = begun().say("AUTH PLAIN", "334 ").send(half).end(end);
            let script = match end {
                End::TimedOut | End::ShutDown => script.hear("421 "),
                _ => script,
            };
            assert_eq!(script.run().closing, Some(closing), "{end:?} {half}");
        }
    }
}

/// RFC 4954 section 4: the identity outlives RSET and EHLO.
#[test]
fn who_is_authenticated_stays_so() {
    let config = offering(&["PLAIN"]).allow_plaintext_auth().require_auth();
    Script::ehlo(config)
        .say("MAIL FROM:<a@x>", "530 5.7.0 authentication required\r\n")
        .say("RCPT TO:<b@x>", "503 ")
        .say(format!("AUTH PLAIN {YES}"), "235 ")
        .say("RSET", "250 ")
        .say("EHLO b.example", "250-")
        .say("MAIL FROM:<a@x>", "250 ")
        .run();
}

/// Threats 6: mechanisms that show the password are neither offered nor taken without TLS.
#[test]
fn plaintext_mechanisms_wait_for_tls() {
    let names = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL", "PLAIN", "LOGIN", "XOAUTH2"];
    let script = Script::ehlo(offering(&names))
        .with(|script| script.tls = Tls::Offered)
        .say(format!("AUTH PLAIN {YES}"), "538 5.7.11 ")
        .say("AUTH LOGIN", "538 5.7.11 ")
        .say("AUTH EXTERNAL =", "538 5.7.11 ")
        .say(format!("AUTH SCRAM-SHA-256 {NO}"), "535 5.7.8 ")
        .say("STARTTLS", "220 ")
        .handshake()
        .say("EHLO client.example", "250-");
    let talk = script.say(format!("AUTH PLAIN {YES}"), "235 ").run();
    assert!(talk.replies[1].contains("AUTH SCRAM-SHA-256\r\n"), "{:?}", talk.replies[1]);
    let all = format!("AUTH {}\r\n", names.join(" "));
    assert!(talk.replies[7].contains(&all), "{:?}", talk.replies[7]);
    let only = Script::ehlo(offering(&["PLAIN", "LOGIN"]));
    let talk = only.say(format!("AUTH PLAIN {YES}"), "538 5.7.11 ").run();
    assert!(!talk.replies[1].contains("AUTH"), "{:?}", talk.replies[1]);
}

/// Threats 6: attempts are counted, challenges too.
#[test]
fn who_fails_too_often_is_sent_away() {
    let bad = format!("AUTH PLAIN {NO}");
    let script = (0..5).fold(begun(), |script, _| script.say(&bad, "535 5.7.8 "));
    let talk = script.say(&bad, "421 4.7.0 ").run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
    let cancelled = (0..5).fold(begun(), |s, _| s.say("AUTH PLAIN", "334 ").say("*", "501 "));
    cancelled.say("AUTH PLAIN", "334 ").say("*", "421 4.7.0 ").run();
}

/// Threats 6: the number of challenges is capped.
#[test]
fn an_exchange_comes_to_an_end() {
    let mut limits = Limits::default();
    limits.challenges = 3;
    let config = offering(&["SCRAM-SHA-1"]).limits(limits);
    Script::ehlo(config)
        .say(format!("AUTH SCRAM-SHA-1 {MORE}"), "334 ")
        .say(MORE, "334 ")
        .say(MORE, "334 ")
        .say(MORE, "454 4.7.0 ")
        .say("NOOP", "250 ")
        .run();
}

#[test]
fn the_application_may_close_in_an_exchange() {
    let talk = begun().say("AUTH PLAIN", "334 ").say("Z29uZQ==", "421 ").run();
    assert_eq!(talk.closing, Some(Closing::Refused));
}

/// Threats 6: a command that was sent too early is taken for a response, and no reply is lost.
#[test]
fn what_is_pipelined_behind_auth_is_answered() {
    begun()
        .say("AUTH PLAIN", "334 ")
        .say("MAIL FROM:<a@x>", "501 5.5.2 ")
        .say("QUIT", "221 ")
        .run();
    let auth = format!("AUTH PLAIN {YES}");
    begun().say(auth, "235 ").say("MAIL FROM:<a@x>", "250 ").say("QUIT", "221 ").run();
}

/// RFC 4954 section 5: MAIL's AUTH= belongs to AUTH.
#[test]
fn the_parameter_of_mail_needs_the_extension() {
    begun().say("MAIL FROM:<a@x> AUTH=<>", "250 ").run();
    begun().say("MAIL FROM:<a@x> AUTH=e+3Dmc2@example.com", "250 ").run();
    Script::ehlo(config()).say("MAIL FROM:<a@x> AUTH=<>", "555 5.5.4 ").run();
}

/// Threats 6: nothing that is secret is shown.
#[test]
fn responses_are_not_shown() {
    use smtp_codec::server::{Connection, Event, Want};
    let config = offering(&["PLAIN"]).allow_plaintext_auth();
    let mut server = Connection::new(config);
    server.rx().receive(format!("EHLO a.example\r\nAUTH PLAIN {YES}\r\n").as_bytes());
    while let Want::Event = server.step() {
        match server.event() {
            Event::Auth(auth) => {
                let shown = format!("{auth:?}");
                assert!(!shown.contains(YES) && !shown.contains("yes"), "{shown}");
                auth.reject(smtp_codec::proto::reply::Refusal::BAD_CREDENTIALS);
            }
            other => other.proceed(),
        }
        let shown = format!("{server:?}");
        assert!(!shown.contains(YES) && !shown.contains("[65, 85, 84, 72"), "{shown}");
    }
}

#[test]
fn who_takes_the_mechanisms_back_offers_none() {
    let config = offering(&["PLAIN"]).allow_plaintext_auth().auth([]).unwrap();
    let talk = Script::ehlo(config).say("AUTH PLAIN", "502 5.5.1 not offered here\r\n").run();
    assert!(!talk.replies[1].contains("AUTH"), "{}", talk.replies[1]);
}

#[test]
fn only_names_of_mechanisms_can_be_offered() {
    for bad in ["", "A B", "PLAIN\r\n", "MORE-THAN-20-OCTETS-X", "\u{e4}"] {
        assert!(config().auth([bad]).is_err(), "{bad:?}");
    }
    assert!(config().auth(std::iter::repeat_n("TWENTY-OCTETS-EXACTL", 30)).is_err());
}

/// The registry's documents of XCLIENT: trusted peers only, and the session starts again.
#[test]
fn xclient_is_for_those_who_are_trusted() {
    let line = "XCLIENT NAME=spike.example ADDR=192.0.2.1 PROTO=ESMTP HELO=spike.example";
    Script::ehlo(config()).say(line, "502 5.5.1 ").run();
    let trusted = |script: Script| script.with(|script| script.trusted = true);
    let talk = trusted(Script::ehlo(config()))
        .say(line, "220 mx.example.org ")
        .say("MAIL FROM:<a@x>", "503 ")
        .say("EHLO spike.example", "250-")
        .say("XFORWARD NAME=spike.example", "250 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say(line, "503 5.5.1 ")
        .say("XCLIENT ADDR=192.0.2.1+0A", "501 ")
        .run();
    assert_eq!(
        talk.events[2..5],
        [
            "xclient NAME=spike.example ADDR=192.0.2.1 PROTO=ESMTP HELO=spike.example",
            "greet",
            "hello spike.example"
        ]
    );
    assert!(talk.replies[1].contains("-XCLIENT NAME ADDR PORT PROTO HELO LOGIN "));
}

#[test]
fn xclient_may_tell_who_has_authenticated() {
    let config = config().require_auth();
    Script::ehlo(config)
        .with(|script| script.trusted = true)
        .say("MAIL FROM:<a@x>", "530 ")
        .say("XCLIENT LOGIN=alice", "220 ")
        .say("EHLO b.example", "250-")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RSET", "250 ")
        .say("XCLIENT LOGIN=[UNAVAILABLE]", "220 ")
        .say("EHLO b.example", "250-")
        .say("MAIL FROM:<a@x>", "530 ")
        .run();
}

/// RFC 1985 section 5.
#[test]
fn etrn_is_an_event_where_it_is_offered() {
    use smtp_codec::proto::reply::Extension;
    Script::ehlo(config()).say("ETRN example.org", "502 ").run();
    let offering = || Script::ehlo(config().with(Extension::Etrn));
    offering()
        .say("ETRN example.org", "250 ")
        .say("ETRN @example.org", "250 ")
        .say("ETRN", "501 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("ETRN example.org", "503 ")
        .run();
}

#[test]
fn a_mechanism_that_cannot_be_offered_is_named_before_there_is_a_session() {
    let config = || Config::new("mx.example.org").unwrap();
    let name = config().auth(["two words"]).unwrap_err();
    let long: Vec<String> = (0..30).map(|n| format!("X-MECHANISM-{n:08}")).collect();
    let many = config().auth(long.iter().map(String::as_str)).unwrap_err();
    assert_eq!((name, many), (BadMechanism::Name, BadMechanism::TooMany));
    assert!(name.to_string().contains("name of a SASL mechanism"), "{name}");
    assert!(many.to_string().contains("480 octets"), "{many}");
}
