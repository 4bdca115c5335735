//! DSN (RFC 3461), from the client: what is asked for goes to the wire, encoded, for each its own.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::peer::{Mission, config, envelope};
use smtp_codec::client::CallError;
use smtp_codec::proto::address::Mailbox;
use smtp_codec::proto::command::{MailParametersBuf, Notify, RcptParametersBuf, Ret};
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::{Envelope, Failure, Recipient};

const GO: [&str; 3] = ["354 go", "250 ok", "221 bye"];

fn letter(parameters: MailParametersBuf, recipients: &[(&str, RcptParametersBuf)]) -> Envelope {
    let mut letter = envelope(&[]);
    letter.parameters = parameters;
    letter.recipients = recipients
        .iter()
        .map(|(path, parameters)| Recipient {
            forward_path: path.parse().unwrap(),
            parameters: parameters.clone(),
        })
        .collect();
    letter
}

/// What is said up to the last RCPT, without the marks that the scripted server puts on `"` and `\`.
fn lines(offer: &str, letter: &Envelope) -> Vec<String> {
    let recipients = letter.recipients.len() + 1;
    let replies = [&["220 mx", offer], &vec!["250 ok"; recipients][..], &GO].concat();
    let report = Mission::new(config(), &replies).letter(letter.clone(), "Hi\r\n").run();
    assert!(report.outcomes[0].is_accepted(), "{:?}", report.outcomes);
    let written = |line: &String| line.replace(r#"\""#, "\"").replace(r"\\", r"\");
    report.lines[1..=recipients].iter().map(written).collect()
}

/// RFC 3461 sections 4.1 to 4.4 and 5.1.
#[test]
fn each_recipient_has_parameters_of_its_own() {
    let new = RcptParametersBuf::new;
    let letter = letter(
        MailParametersBuf::new().ret(Ret::Hdrs).envid("QQ=314+159 x").unwrap(),
        &[
            ("b@x", new().notify(Notify::NEVER)),
            (
                "c@x",
                new().notify(Notify::SUCCESS | Notify::DELAY).orcpt("rfc822", "C+d@X").unwrap(),
            ),
            ("d@x", new().orcpt("x400", "/C=de/S=d e/").unwrap()),
            ("e@x", new()),
        ],
    );
    let expected = [
        "MAIL FROM:<a@client.example> RET=HDRS ENVID=QQ+3D314+2B159+20x",
        "RCPT TO:<b@x> NOTIFY=NEVER",
        "RCPT TO:<c@x> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;C+2Bd@X",
        "RCPT TO:<d@x> ORCPT=x400;/C+3Dde/S+3Dd+20e/",
        "RCPT TO:<e@x>",
    ];
    assert_eq!(lines("250-mx|250 DSN", &letter), expected);
    assert_eq!(lines("250-mx|250-PIPELINING|250 dsn", &letter), expected);
}

/// RFC 3461 section 4.2: the first sender gives the address of RCPT.
#[test]
fn the_original_recipient_is_the_one_that_is_named() {
    let paths = ["b@x", "\"a=b\"@x", "c@[192.0.2.1]", "Postmaster"];
    let mut letter = envelope(&paths);
    for recipient in &mut letter.recipients {
        *recipient = recipient.clone().with_original().unwrap();
    }
    let lines = lines("250-mx|250 DSN", &letter);
    assert_eq!(
        lines[1..],
        [
            "RCPT TO:<b@x> ORCPT=rfc822;b@x",
            r#"RCPT TO:<"a=b"@x> ORCPT=rfc822;"a+3Db"@x"#,
            "RCPT TO:<c@[192.0.2.1]> ORCPT=rfc822;c@[192.0.2.1]",
            "RCPT TO:<Postmaster> ORCPT=rfc822;Postmaster",
        ]
    );
}

/// RFC 6533 section 3: `utf-8-addr-xtext` may stand where SMTPUTF8 is not offered too, as for a
/// recipient that goes on under another address.
#[test]
fn a_utf8_original_recipient_needs_no_smtputf8() {
    let ren = RcptParametersBuf::new().orcpt("utf-8", "任@例え.jp").unwrap();
    let letter = letter(MailParametersBuf::new(), &[("ren@x", ren)]);
    let lines = lines("250-mx|250 DSN", &letter);
    assert_eq!(lines[1], r"RCPT TO:<ren@x> ORCPT=utf-8;\x{4EFB}@\x{4F8B}\x{3048}.jp");
}

/// The same as it goes between servers that both take SMTPUTF8: `utf-8-addr-unitext`.
#[test]
fn a_utf8_original_recipient_may_stand_as_it_is() {
    let parameters: RcptParametersBuf = "ORCPT=utf-8;任@x".parse().unwrap();
    let letter = letter(MailParametersBuf::new().smtp_utf8(), &[("任@x", parameters)]);
    let lines = lines("250-mx|250-8BITMIME|250-SMTPUTF8|250 DSN", &letter);
    let line = lines[1].replace(r"\xe4\xbb\xbb", "任");
    assert_eq!(line, "RCPT TO:<任@x> ORCPT=utf-8;任@x");
}

/// RFC 3461 section 5.1: nothing of it where it is not offered.
#[test]
fn without_dsn_nothing_of_it_is_sent() {
    let orcpt = RcptParametersBuf::new().orcpt("rfc822", "b@x").unwrap();
    let picky = letter(MailParametersBuf::new(), &[("b@x", orcpt)]);
    let replies = ["220 mx", "250 mx", "250 ok", "250 reset", "221 bye"];
    let report = Mission::new(config(), &replies).letter(picky, "Hi\r\n").run();
    let failure = Failure::NotSent(CallError::NotOffered(Extension::Dsn));
    assert_eq!(report.outcomes[0].failure, Some(failure));
    assert!(!report.lines.iter().any(|line| line.starts_with("RCPT")));
}

/// RFC 4954 section 5: AUTH= is xtext as well.
#[test]
fn the_submitter_is_encoded() {
    let mailbox = Mailbox::parse("\"e=mc2 +\"@example.com").unwrap();
    let offer = "250-mx|250 AUTH PLAIN";
    for (who, line) in [
        (Some(mailbox), r#"MAIL FROM:<a@client.example> AUTH="e+3Dmc2+20+2B"@example.com"#),
        (None, "MAIL FROM:<a@client.example> AUTH=<>"),
    ] {
        let parameters = MailParametersBuf::new().auth(who);
        let letter = letter(parameters, &[("b@x", RcptParametersBuf::new())]);
        assert_eq!(lines(offer, &letter)[0], line);
    }
}
