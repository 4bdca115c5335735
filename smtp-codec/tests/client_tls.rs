//! STARTTLS and implicit TLS, the client's side (RFC 3207, RFC 8314): what is said in the clear,
//! and what is not.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use bytes::Buf;
use common::Cut;
use common::peer::{Handshake, Mission, Report, config, envelope};
use smtp_codec::client::{Closing, Connection, Event, Want};
use smtp_codec::proto::Failure;
use smtp_codec::proto::session::TlsPolicy::{self, Implicit, Never, Opportunistic, Required};
use smtp_codec::proto::session::client::ProtocolFault;

const OFFER: &str = "250-mx|250-STARTTLS|250 SIZE 1000";
const WITHIN: &str = "250-mx|250 SIZE 2000";
const LETTER: [&str; 5] = ["250 ok", "250 ok", "354 go", "250 queued", "221 bye"];

fn mission(policy: TlsPolicy, replies: &[&str]) -> Mission {
    Mission::new(config().tls(policy), replies).letter(envelope(&["b@x"]), "x\r\n")
}

fn with_letter<'a>(replies: &[&'a str]) -> Vec<&'a str> {
    [replies, &LETTER].concat()
}

fn sent(report: &Report) -> Vec<&str> {
    report.lines.iter().map(|line| &line[..line.len().min(8)]).collect()
}

/// Whether anything was said in the clear that TLS should have protected.
fn leaked(report: &Report) -> bool {
    let clear = report.lines.split(|line| line == "<tls>").next().unwrap();
    let harmless = ["EHLO client.example", "STARTTLS", "QUIT", "LHLO client.example"];
    clear.iter().any(|line| !harmless.contains(&line.as_str()))
}

#[test]
fn starttls_where_it_is_offered() {
    for policy in [Opportunistic, Required] {
        let report = mission(policy, &with_letter(&["220 mx", OFFER, "220 go", WITHIN])).run();
        assert_eq!(report.fate(), ["Accepted Message 250"]);
        assert_eq!(
            sent(&report),
            [
                "EHLO cli", "STARTTLS", "<tls>", "EHLO cli", "MAIL FRO", "RCPT TO:", "DATA",
                "content ", "QUIT"
            ]
        );
        assert_eq!(report.events[..4], ["greeting 220", "ehlo", "starttls 220", "ehlo"]);
    }
}

#[test]
fn never_is_never() {
    let report = mission(Never, &with_letter(&["220 mx", OFFER])).run();
    assert_eq!(report.fate(), ["Accepted Message 250"]);
    assert!(!sent(&report).contains(&"STARTTLS"));
}

#[test]
fn limits_told_before_tls_are_forgotten() {
    let mut replies =
        vec!["220 mx", "250-mx|250-STARTTLS|250 LIMITS RCPTMAX=1 MAILMAX=1", "220 go"];
    replies.extend([
        "250-mx|250 LIMITS RCPTMAX=2",
        "250 ok",
        "250 ok",
        "250 ok",
        "354 go",
        "250 ok",
    ]);
    replies.extend(["250 ok", "250 ok", "354 go", "250 ok", "221 bye"]);
    let mission = Mission::new(config().tls(Required), &replies);
    let mission = mission.letter(envelope(&["b@x", "c@x"]), "x\r\n");
    let report = mission.letter(envelope(&["d@x"]), "x\r\n").run();
    assert_eq!(report.fates[0], ["Accepted Message 250"; 2]);
    assert_eq!(report.fates[1], ["Accepted Message 250"]);
}

#[test]
fn lmtp_says_lhlo_again() {
    let replies = with_letter(&["220 mx", OFFER, "220 go", WITHIN]);
    let mission = Mission::new(config().lmtp().tls(Required), &replies);
    let report = mission.letter(envelope(&["b@x"]), "x\r\n").run();
    assert_eq!(sent(&report)[..4], ["LHLO cli", "STARTTLS", "<tls>", "LHLO cli"]);
    assert_eq!(report.fate(), ["Accepted Message 250"]);
}

#[test]
fn implicit_tls_comes_before_the_greeting() {
    let report = mission(Implicit, &with_letter(&["220 mx", OFFER])).run();
    assert_eq!(report.fate(), ["Accepted Message 250"]);
    assert_eq!(sent(&report)[..3], ["<tls>", "EHLO cli", "MAIL FRO"], "STARTTLS within is ignored");
}

/// Threats 2.3, RFC 7435: what does not come to TLS goes on in the clear where that was allowed.
#[test]
fn opportunistic_goes_on_in_the_clear() {
    for refusal in ["454 not now", "500 what", "501 no", "502 no", "530 no", "554 no"] {
        let report = mission(Opportunistic, &with_letter(&["220 mx", OFFER, refusal])).run();
        assert_eq!(report.fate(), ["Accepted Message 250"], "{refusal}");
        assert!(!report.lines.contains(&"<tls>".to_owned()));
    }
    let report = mission(Opportunistic, &with_letter(&["220 mx", WITHIN])).run();
    assert_eq!(report.fate(), ["Accepted Message 250"]);
    let report = mission(Opportunistic, &with_letter(&["220 mx", OFFER])).tls(Handshake::Absent);
    assert_eq!(report.run().fate(), ["Accepted Message 250"]);
}

/// Threats 2.3: whatever a server, or somebody between, answers in the place of what leads to
/// TLS, nothing is sent that TLS should protect.
#[test]
fn required_tls_is_never_stripped() {
    let greetings = ["354 x", "421 x", "500 x", "501 x", "530 x", "554 x", "250 x"];
    let ehlos = [
        "500 x",
        "501 x",
        "502 x",
        "504 x",
        "530 x",
        "421 x",
        "221 x",
        "354 x",
        "220 x",
        "250",
        "250 mx",
        WITHIN,
        "250-mx|250-AUTH PLAIN|250 XSTARTTLS",
        "250-mx|250 START TLS",
    ];
    let starttls =
        ["221 x", "250 x", "354 x", "421 x", "454 x", "500 x", "501 x", "502 x", "530 x", "334 x"];
    let mut cases: Vec<Vec<&str>> = Vec::new();
    cases.extend(greetings.iter().map(|greeting| vec![*greeting, WITHIN]));
    cases.extend(ehlos.iter().map(|ehlo| vec!["220 mx", *ehlo]));
    cases.extend(starttls.iter().map(|reply| vec!["220 mx", OFFER, *reply]));
    for case in cases {
        // A server that goes on as if nothing had happened.
        let replies = [&case[..], &["250 mx", "250 ok", "250 ok", "354 go", "250 ok"]].concat();
        let report = mission(Required, &replies).run();
        assert!(!leaked(&report), "{case:?}: {:?}", report.lines);
        assert!(!report.lines.contains(&"<tls>".to_owned()), "{case:?}");
        assert!(
            report.fate()[0].starts_with("Deferred") || case[0] != "220 mx",
            "{case:?}: {:?}",
            report.fate()
        );
        assert_ne!(report.closing, Some(Closing::Quit), "{case:?}");
    }
}

#[test]
fn why_there_is_no_tls_is_told() {
    let told = |replies: &[&str]| mission(Required, replies).run();
    for replies in [
        &["220 mx", WITHIN, "221 bye"][..],
        &["220 mx", OFFER, "454 not now", "221 bye"],
        &["220 mx", OFFER, "502 no", "221 bye"],
        &["220 mx", "502 what", "221 bye"],
    ] {
        let report = told(replies);
        assert_eq!(report.closing, Some(Closing::NoTls), "{replies:?}");
        assert_eq!(report.fate(), ["Deferred Connect -"]);
        assert_eq!(report.outcomes[0].failure, Some(Failure::Closed(Closing::NoTls)));
        assert_eq!(report.lines.last().unwrap(), "QUIT");
    }
    let absent = mission(Required, &["220 mx", OFFER, "221 bye"]).tls(Handshake::Absent).run();
    assert_eq!(absent.closing, Some(Closing::NoTls));
    let absent = mission(Implicit, &["220 mx"]).tls(Handshake::Absent).run();
    assert_eq!((absent.closing, absent.lines.len()), (Some(Closing::NoTls), 0));
}

/// RFC 3207 section 4: 220 is the reply that leads to TLS, and no other.
#[test]
fn another_success_is_none() {
    for reply in ["221 x", "250 x", "235 x", "354 x", "334 x"] {
        for policy in [Opportunistic, Required] {
            let report = mission(policy, &["220 mx", OFFER, reply]).run();
            assert_eq!(report.closing, Some(Closing::Protocol(ProtocolFault::Class)), "{reply}");
        }
    }
}

/// Threats 2.1: a handshake that fails is never followed by plaintext, whatever the policy.
#[test]
fn a_failed_handshake_ends_the_session_in_silence() {
    for policy in [Opportunistic, Required] {
        let replies = with_letter(&["220 mx", OFFER, "220 go", WITHIN]);
        let report = mission(policy, &replies).tls(Handshake::Fails).run();
        assert_eq!(report.lines, ["EHLO client.example", "STARTTLS"]);
        assert_eq!(report.closing, Some(Closing::TlsFailed));
        assert_eq!(report.fate(), ["Deferred Connect -"]);
    }
    let report = mission(Implicit, &["220 mx"]).tls(Handshake::Fails).run();
    assert!(report.lines.is_empty());
}

/// Threats 2.2: what stands behind the 220 in the clear ends the session, wherever it is cut.
#[test]
fn injected_replies_end_the_session() {
    let behind =
        ["250-evil|250 AUTH PLAIN", "250 evil", "|", "x~", "220 mx", "250-a|250-b|250 c", "\0~"];
    for behind in behind {
        let go = format!("220 go|{behind}");
        let tail = format!("220-go|220 on|{behind}");
        for reply in [go.as_str(), tail.as_str()] {
            let replies = with_letter(&["220 mx", OFFER, reply, WITHIN]);
            let mission = mission(Required, &replies);
            let (whole, len) = mission.fly(Cut::Whole, usize::MAX);
            assert_eq!(whole.closing, Some(Closing::Protocol(ProtocolFault::Injected)), "{reply}");
            for cut in Cut::all(len) {
                let (report, _) = mission.fly(cut, usize::MAX);
                assert_eq!(report.lines, ["EHLO client.example", "STARTTLS"], "{reply} {cut:?}");
                assert!(
                    matches!(
                        report.closing,
                        Some(Closing::Protocol(ProtocolFault::Injected) | Closing::TlsFailed)
                    ),
                    "{reply} {cut:?}: {:?}",
                    report.closing
                );
            }
        }
    }
}

/// The same if it slips in while the handshake is made: the buffer is looked at once more.
#[test]
fn injected_octets_never_reach_the_session_behind_the_handshake() {
    let mut client = Connection::new(config().tls(Required));
    for reply in ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n"] {
        client.rx().receive(reply.as_bytes());
        while let Want::Event = client.step() {}
        let n = client.tx().remaining();
        client.tx().advance(n);
    }
    assert_eq!(client.step(), Want::Tls);
    client.rx().receive(b"250-evil\r\n250 AUTH PLAIN\r\n");
    client.secured();
    assert_eq!(client.step(), Want::Close);
    assert!(!client.is_secure() && !client.tx().has_remaining());
    assert_eq!(client.closing(), Some(Closing::Protocol(ProtocolFault::Injected)));
}

/// Threats 2.3, RFC 3207 section 4.2: what was offered in the clear counts no more.
#[test]
fn capabilities_are_read_again() {
    let before = "250-mx|250-STARTTLS|250-PIPELINING|250-AUTH PLAIN|250 SIZE 5";
    let replies = with_letter(&["220 mx", before, "220 go", "250-mx|250 AUTH SCRAM-SHA-256"]);
    let report = mission(Required, &replies).run();
    assert_eq!(report.fate(), ["Accepted Message 250"]);
    let mut client = Connection::new(config().tls(Required));
    let mut offered = Vec::new();
    let mut replies = [
        "220 mx|",
        "250-mx|250-STARTTLS|250 AUTH PLAIN LOGIN|",
        "220 go|",
        "250-mx|250 AUTH SCRAM-SHA-1|",
    ]
    .iter();
    loop {
        match client.step() {
            Want::Tls => client.secured(),
            Want::Event => {
                if let Event::Ready(_) = client.event() {
                    break;
                }
                offered.push(client.mechanisms().collect::<Vec<_>>().join(","));
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().replace('|', "\r\n").as_bytes());
            }
        }
    }
    assert!(client.is_secure());
    assert_eq!(offered, ["", "PLAIN,LOGIN", "PLAIN,LOGIN", "SCRAM-SHA-1"]);
}

/// Threats 5: the handshake has a deadline.
#[test]
fn a_handshake_may_not_take_for_ever() {
    let mut client = Connection::new(config().tls(Implicit));
    assert_eq!(client.step(), Want::Tls);
    assert_eq!(client.patience().as_secs(), 60);
}
