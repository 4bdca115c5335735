//! One program, and one transcript of it for every adapter.

use std::net::TcpListener;

use smtp_codec::proto::command::{Body as BodyKind, MailParametersBuf, Notify, RcptParametersBuf};
use smtp_codec::{client, server};

use crate::shared::{
    Adapter, App, CLIENT, Letter, Peer, Report, SERVER, plain, start_client, start_server,
};

/// 5 MB of lines, many of which begin with dots, over every boundary that a buffer may have.
pub fn large() -> Vec<u8> {
    let mut some = Vec::new();
    for line in 0..7 * 91 {
        let dots = [0, 1, 0, 2, 0, 0, 3][line % 7];
        some.extend(std::iter::repeat_n(b'.', dots));
        some.extend(std::iter::repeat_n(b'a' + (line % 26) as u8, line * 5 % 91));
        some.extend_from_slice(b"\r\n");
    }
    some.repeat(5_000_000 / some.len() + 1)
}

const DOTS: &str = "Subject: dots\r\n\r\n.\r\n..\r\n.one\r\n...three\r\nend .\r\n";

fn letters() -> Vec<Letter> {
    let mut eight = Letter::new(&["bob"], "Subject: fünf\r\n\r\nno newline at the end");
    eight.envelope.reverse_path = "<>".parse().unwrap();
    eight.envelope.parameters = MailParametersBuf::new().size(39).body(BodyKind::EightBitMime);
    eight.envelope.recipients[0].parameters = RcptParametersBuf::new().notify(Notify::NEVER);
    vec![
        Letter::new(&["bob", "carol"], DOTS),
        Letter::new(&["bob"], large().as_slice()),
        Letter::new(&["bob"], ""),
        Letter::new(&["nobody", "bob", "later"], "Subject: some\r\n"),
        Letter::new(&["nobody", "later"], "Subject: none\r\n"),
        Letter::new(&["bob", "nobody"], "Subject: spam\r\n"),
        eight,
    ]
}

const DIALOGUE: &str = include_str!("dialogue.txt");
const OUTCOMES: &[&str] = &[
    "<bob@example.org> Accepted at Message: 250 2.0.0 message taken",
    "<carol@example.org> Accepted at Message: 250 2.0.0 message taken",
    "<bob@example.org> Accepted at Message: 250 2.0.0 message taken",
    "<bob@example.org> Accepted at Message: 250 2.0.0 message taken",
    "<nobody@example.org> Refused at Rcpt: 550 5.1.1 no such user here",
    "<bob@example.org> Accepted at Message: 250 2.0.0 message taken",
    "<later@example.org> Deferred at Rcpt: 450 4.7.1 try again later",
    "<nobody@example.org> Refused at Rcpt: 550 5.1.1 no such user here",
    "<later@example.org> Deferred at Rcpt: 450 4.7.1 try again later",
    "<bob@example.org> Refused at Message: 554 5.6.0 message content refused",
    "<nobody@example.org> Refused at Rcpt: 550 5.1.1 no such user here",
    "<bob@example.org> Accepted at Message: 250 2.0.0 message taken",
];
const DIALOGUE_STEP_BY_STEP: &str = include_str!("dialogue_step_by_step.txt");

fn run<A: Adapter>(config: client::Config, letters: Vec<Letter>) -> (Report, App) {
    let (address, serving) = start_server::<A>(plain());
    let report = start_client::<A>(address, config, letters).end();
    let app = serving.end();
    assert_eq!(report.unconnected, None);
    assert_eq!(report.quit, Ok(()));
    assert_eq!(app.closing, Some(server::Closing::Quit));
    assert_eq!(app.error, None);
    assert!(report.errors.iter().all(Option::is_none), "{:?}", report.errors);
    assert!(report.failures.iter().all(Option::is_none), "{:?}", report.failures);
    (report, app)
}

/// The same outcomes, the same store and the same dialogue everywhere.
pub fn same_program<A: Adapter>() {
    let (report, app) = run::<A>(client::Config::new(CLIENT).unwrap(), letters());
    assert_eq!(report.dialogue(), DIALOGUE);
    assert_eq!(report.outcomes, OUTCOMES);
    assert_eq!(app.refused, 1);

    let stored: Vec<_> = app
        .stored
        .iter()
        .map(|stored| {
            let recipients = stored.recipients.join(" ");
            (stored.reverse_path.as_str(), stored.parameters.as_str(), recipients)
        })
        .collect();
    let (alice, bob) = ("<alice@example.net>", "<bob@example.org>");
    assert_eq!(
        stored,
        [
            (alice, "", format!("{bob} <carol@example.org>")),
            (alice, "", bob.into()),
            (alice, "", bob.into()),
            (alice, "", bob.into()),
            ("<>", "SIZE=39 BODY=8BITMIME", bob.into()),
        ]
    );
    let contents: Vec<_> = app.stored.iter().map(|stored| stored.content.as_slice()).collect();
    assert!(contents[1] == large(), "5 MB with dots came through changed");
    assert_eq!(contents[0], DOTS.as_bytes());
    assert_eq!(contents[2], b"");
    assert_eq!(contents[3], b"Subject: some\r\n");
    assert_eq!(contents[4], "Subject: fünf\r\n\r\nno newline at the end\r\n".as_bytes());
}

/// Without PIPELINING: the same outcomes, another dialogue.
pub fn same_program_step_by_step<A: Adapter>() {
    let mut letters = letters();
    letters.remove(1);
    let config = client::Config::new(CLIENT).unwrap().pipelining(false);
    let (report, app) = run::<A>(config, letters);
    assert_eq!(report.dialogue(), DIALOGUE_STEP_BY_STEP);
    let mut outcomes = OUTCOMES.to_vec();
    outcomes.remove(2);
    assert_eq!(report.outcomes, outcomes);
    assert_eq!(app.stored.len(), 4);
}

/// No server: an error, and nothing else.
pub fn nobody_listens<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let report = start_client::<A>(address, client::Config::new(CLIENT).unwrap(), Vec::new()).end();
    assert_eq!(report.unconnected, Some(std::io::ErrorKind::ConnectionRefused));
}

/// A client that says everything at once and closes its writing half gets every reply.
pub fn half_closed_after_everything<A: Adapter>() {
    let session = "EHLO client.example.net\r\n\
        MAIL FROM:<alice@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\
        one\r\n.\r\n\
        MAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\
        ..two\r\n.\r\nNOOP\r\n";
    let replies = "220 mx.example.org ESMTP ready\r\n\
        250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 0\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
        250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n\
        250 2.1.0 reverse-path taken\r\n250 2.1.5 recipient taken\r\n\
        354 end data with <CR><LF>.<CR><LF>\r\n250 2.0.0 message taken\r\n\
        250 2.1.0 reverse-path taken\r\n550 5.1.1 no such user here\r\n\
        250 2.1.5 recipient taken\r\n354 end data with <CR><LF>.<CR><LF>\r\n\
        250 2.0.0 message taken\r\n250 2.0.0 done nothing\r\n";
    let bye = "221 2.0.0 mx.example.org closing the session\r\n";
    for (last, reply, closing) in
        [("QUIT\r\n", bye, server::Closing::Quit), ("", "", server::Closing::PeerGone)]
    {
        let (address, serving) = start_server::<A>(plain());
        let mut peer = Peer::connect(address);
        peer.say(format!("{session}{last}"));
        peer.end();
        assert_eq!(peer.rest().unwrap(), format!("{replies}{reply}"));
        let app = serving.end();
        assert_eq!(app.closing, Some(closing));
        assert_eq!(app.error, None);
        let contents: Vec<_> = app.stored.into_iter().map(|stored| stored.content).collect();
        assert_eq!(contents, [&b"one\r\n"[..], b".two\r\n"]);
    }
}
