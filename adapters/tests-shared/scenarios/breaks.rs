//! Connections that end before their time.

use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use smtp_codec::proto::Failure;
use smtp_codec::{client, server};

use super::program::large;
use crate::shared::{
    Adapter, Body, CLIENT, Letter, Peer, Report, SERVER, foreign, plain, start_client, start_server,
};

#[derive(Clone, Copy, Debug)]
enum Do {
    Say(&'static str),
    Hear(&'static str),
    /// So many octets of whatever.
    Swallow(usize),
}
use Do::{Hear, Say, Swallow};

fn play(mut peer: Peer, script: &[Do]) {
    for step in script {
        match *step {
            Say(text) => peer.say(text),
            Hear(start) => peer.hear(start),
            Swallow(octets) => peer.swallow(octets),
        }
    }
}

const GREET: Do = Say("220 mx.example.org\r\n");
const WELCOME: Do = Say("250-mx.example.org\r\n250 PIPELINING\r\n");
const EHLO: Do = Hear("EHLO client.example.net");
const DATA: Do = Hear("DATA");
const UP_TO_354: Do = Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");

const SMALL: &str = "hello\r\n";

/// The server closes at each stage. The outcomes say how far each recipient got; only behind the
/// final dot nobody knows.
pub fn server_closes_at_each_stage<A: Adapter>() {
    let small = Body::from(SMALL);
    let large = Body::from(large().as_slice());
    #[rustfmt::skip]
    let cases: &[(&[Do], &Body, [&str; 2])] = &[
        (&[], &small, ["Deferred at Connect: -"; 2]),
        (&[Say("220 mx.exam")], &small, ["Deferred at Connect: -"; 2]),
        (&[Say("220-mx.example.org\r\n")], &small, ["Deferred at Connect: -"; 2]),
        (&[GREET, EHLO], &small, ["Deferred at Connect: -"; 2]),
        (&[GREET, EHLO, Say("250-mx.example.org\r\n250-PIPE")], &small, ["Deferred at Connect: -"; 2]),
        (&[GREET, EHLO, Say("250 mx.example.org\r\n"), Hear("MAIL")], &small, ["Deferred at Mail: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA], &small, ["Deferred at Rcpt: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, Say("250 ok\r\n250 ok\r\n25")], &small,
            ["Deferred at Data: -", "Deferred at Rcpt: -"]),
        (&[GREET, EHLO, WELCOME, DATA, Say("250 ok\r\n550 no\r\n250 ok\r\n")], &small,
            ["Refused at Rcpt: 550 no", "Deferred at Data: -"]),
        (&[GREET, EHLO, WELCOME, DATA, Say("250 ok\r\n250 ok\r\n250 ok\r\n354 go")], &small,
            ["Deferred at Data: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, UP_TO_354], &large, ["Deferred at Message: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, UP_TO_354, Swallow(100_000)], &large, ["Deferred at Message: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, UP_TO_354, Hear(".")], &small, ["Unknown at Message: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, UP_TO_354, Hear("."), Say("250 tak")], &small,
            ["Unknown at Message: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, UP_TO_354, Hear("."), Say("250-taken\r\n")], &small,
            ["Unknown at Message: -"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, UP_TO_354, Hear("."), Say("250 taken\r\n")], &small,
            ["Accepted at Message: 250 taken"; 2]),
        (&[GREET, EHLO, WELCOME, DATA, UP_TO_354, Hear("."), Say("421 gone\r\n")], &small,
            ["Deferred at Message: 421 gone"; 2]),
    ];
    for (script, body, expected) in cases.iter().copied() {
        let address = foreign(move |peer| play(peer, script));
        let letter = Letter::new(&["bob", "carol"], "");
        let letter = Letter { body: body.clone(), ..letter };
        let config = client::Config::new(CLIENT).unwrap();
        let report = start_client::<A>(address, config, vec![letter]).end();
        let outcomes = report.outcomes.iter().map(|outcome| outcome.split_once(' ').unwrap().1);
        assert_eq!(outcomes.collect::<Vec<_>>(), expected, "{script:?}");
        let decided = expected.iter().all(|outcome| outcome.starts_with("Accepted"));
        let closing = match script.last() {
            Some(Say("421 gone\r\n")) => client::Closing::Unavailable,
            _ => client::Closing::PeerGone,
        };
        let failure = (!decided).then_some(Failure::Closed(closing));
        assert_eq!(report.failures, [failure], "{script:?}");
    }
}

/// A second message over a session that broke behind the first.
pub fn server_closes_between_messages<A: Adapter>() {
    let address = foreign(|peer| {
        play(peer, &[GREET, EHLO, WELCOME, DATA, UP_TO_354, Hear("."), Say("250 taken\r\n")]);
    });
    let letters = [SMALL, SMALL].map(|body| Letter::new(&["bob", "carol"], body));
    let report =
        start_client::<A>(address, client::Config::new(CLIENT).unwrap(), letters.into()).end();
    let verdicts: Vec<_> = report.outcomes.iter().map(|o| o.split(' ').nth(1).unwrap()).collect();
    assert_eq!(verdicts, ["Accepted", "Accepted", "Deferred", "Deferred"]);
    assert_eq!(report.failures, [None, Some(Failure::Closed(client::Closing::PeerGone))]);
    assert_eq!(report.quit, Ok(()));
}

/// Content that cannot be read to its end must not become a shorter message.
pub fn content_that_fails<A: Adapter>() {
    let (address, serving) = start_server::<A>(plain());
    let body = Body { fails: Some(1_000_003), ..large().as_slice().into() };
    let letters = [Letter::new(&["bob"], body), Letter::new(&["carol"], SMALL)];
    let report =
        start_client::<A>(address, client::Config::new(CLIENT).unwrap(), letters.into()).end();
    assert_eq!(
        report.outcomes,
        ["<bob@example.org> Deferred at Message: -", "<carol@example.org> Deferred at Connect: -"]
    );
    assert_eq!(report.errors, [Some(std::io::ErrorKind::InvalidData), None]);
    assert_eq!(report.closing, Some(client::Closing::Abandoned));
    assert_eq!(report.quit, Ok(()));
    let app = serving.end();
    assert_eq!(app.stored, []);
    assert_eq!(app.closing, Some(server::Closing::PeerGone));
}

/// The client closes at each stage: what is complete is stored, the rest is not.
pub fn client_closes_at_each_stage<A: Adapter>() {
    let up_to_data = "EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\n\
        RCPT TO:<bob@example.org>\r\nDATA\r\n";
    let whole = format!("{up_to_data}one\r\n.\r\n");
    let cases = [
        (String::new(), 0),
        ("EHLO client".into(), 0),
        ("EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\n".into(), 0),
        (up_to_data.into(), 0),
        (format!("{up_to_data}one\r\ntwo"), 0),
        (format!("{up_to_data}one\r\n."), 0),
        (format!("{up_to_data}one\r\n.\r"), 0),
        (whole.clone(), 1),
        (format!("{whole}MAIL FROM:<b@exa"), 1),
        (format!("{whole}{whole}"), 2),
    ];
    for (say, stored) in cases {
        for read_first in [false, true] {
            let (address, serving) = start_server::<A>(plain());
            let mut peer = Peer::connect(address);
            if read_first {
                peer.reply();
            }
            peer.say(&say);
            peer.end();
            if read_first {
                peer.rest().unwrap();
            }
            drop(peer);
            let app = serving.end();
            assert_eq!(app.closing, Some(server::Closing::PeerGone), "{say}");
            if read_first {
                assert_eq!(app.error, None, "{say}");
                assert_eq!(app.stored.len(), stored, "{say}");
            } else {
                assert!(app.stored.len() <= stored, "{say}");
            }
            assert!(app.stored.iter().all(|stored| stored.content == b"one\r\n"));
        }
    }
}

/// A session that the server ends while the client goes on sending: the client reads the reason to
/// the end, and no reset takes it away.
pub fn client_that_is_still_sending<A: Adapter>() {
    let (address, serving) = start_server::<A>(plain());
    let mut peer = Peer::connect(address);
    assert!(peer.reply().starts_with("220 "));
    let nonsense = "NONSENSE\r\n".repeat(50_000);
    for part in nonsense.as_bytes().chunks(10_000) {
        peer.say(part);
    }
    let heard = peer.rest().unwrap();
    let lines: Vec<_> = heard.lines().collect();
    assert_eq!(lines.len(), 21, "{heard}");
    assert!(lines[..20].iter().all(|line| line.starts_with("500 ")), "{heard}");
    assert_eq!(lines[20], "421 4.7.0 mx.example.org too many errors");
    drop(peer);
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::TooManyErrors));
    assert_eq!(app.error, None);
}

fn unavailable(report: &Report) {
    let closed = Failure::Closed(client::Closing::Unavailable);
    assert_eq!(report.failures, [Some(closed)]);
    assert_eq!(report.errors, [None]);
    assert_eq!(report.quit, Ok(()));
}

/// 421 to the first of many recipients, sent in one group.
pub fn unavailable_to_a_group<A: Adapter>() {
    let (address, serving) = start_server::<A>(plain());
    let mut to = vec!["enough"];
    to.extend(["bob"; 60]);
    let letters = vec![Letter::new(&to, SMALL)];
    let report = start_client::<A>(address, client::Config::new(CLIENT).unwrap(), letters).end();
    unavailable(&report);
    assert_eq!(
        report.outcomes[0],
        "<enough@example.org> Deferred at Rcpt: 421 4.3.2 closing the session, try later"
    );
    assert!(report.outcomes[1..].iter().all(|outcome| outcome.contains(" Deferred at ")));
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::Refused));
    assert_eq!(app.error, None);
}

/// 421 to a client that sends the rest of its content all the same.
pub fn unavailable_in_the_content<A: Adapter>() {
    let config = plain().patience(Duration::from_millis(100));
    let (address, serving) = start_server::<A>(config);
    let mut body = Body::from(&large()[..200_000]);
    body.stall = Some((50_000, Duration::from_millis(400)));
    let letters = vec![Letter::new(&["bob"], body)];
    let report = start_client::<A>(address, client::Config::new(CLIENT).unwrap(), letters).end();
    unavailable(&report);
    assert_eq!(
        report.outcomes,
        ["<bob@example.org> Deferred at Message: 421 4.4.2 mx.example.org timed out"]
    );
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::TimedOut));
    assert_eq!(app.stored, []);
}

/// The same with more content than the server still listens to.
pub fn unavailable_in_much_content<A: Adapter>() {
    let config = plain().patience(Duration::from_millis(100));
    let (address, serving) = start_server::<A>(config);
    let mut body = Body::from(large().as_slice());
    body.stall = Some((50_000, Duration::from_millis(400)));
    let letters = vec![Letter::new(&["bob"], body)];
    let report = start_client::<A>(address, client::Config::new(CLIENT).unwrap(), letters).end();
    let outcome = &report.outcomes[0];
    assert!(outcome.starts_with("<bob@example.org> Deferred at "), "{outcome}");
    assert!(outcome.ends_with(": 421 4.4.2 mx.example.org timed out"), "{outcome}");
    assert_eq!(serving.end().stored, []);
}

/// A server that refuses the content while it comes, and then neither reads nor closes.
pub fn refused_in_much_content<A: Adapter>() {
    let (done, wait) = channel::<()>();
    let address = foreign(move |mut peer| {
        peer.say("220 mx.example.org\r\n");
        peer.hear("EHLO");
        peer.say("250-mx.example.org\r\n250 PIPELINING\r\n");
        peer.hear("DATA");
        peer.say("250 ok\r\n250 ok\r\n354 go\r\n");
        peer.swallow(100_000);
        sleep(Duration::from_millis(200));
        peer.say("552 5.3.4 too big\r\n");
        let _ = wait.recv();
    });
    let config = client::Config::new(CLIENT).unwrap().patience(Duration::from_secs(5));
    let letter = Letter::new(&["bob"], vec![b'.'; 16 << 20].as_slice());
    let report = start_client::<A>(address, config, vec![letter]).end();
    drop(done);
    assert_eq!(report.outcomes, ["<bob@example.org> Refused at Message: 552 5.3.4 too big"]);
}

/// What is said before the end of the content has left is no word on the message, good or bad.
pub fn accepted_before_the_end_of_the_content<A: Adapter>() {
    let address = foreign(move |mut peer| {
        peer.say("220 mx.example.org\r\n");
        peer.hear("EHLO");
        peer.say("250-mx.example.org\r\n250 PIPELINING\r\n");
        peer.hear("DATA");
        peer.say("250 ok\r\n250 ok\r\n354 go\r\n");
        peer.swallow(100_000);
        sleep(Duration::from_millis(200));
        peer.say("250 2.0.0 early\r\n");
        let _ = peer.rest();
    });
    let config = client::Config::new(CLIENT).unwrap().patience(Duration::from_secs(5));
    let letter = Letter::new(&["bob"], vec![b'.'; 16 << 20].as_slice());
    let report = start_client::<A>(address, config, vec![letter]).end();
    let fault =
        client::Closing::Protocol(smtp_codec::proto::session::client::ProtocolFault::Unasked);
    assert_eq!(report.closing, Some(fault));
    let outcome = &report.outcomes[0];
    assert!(outcome.starts_with("<bob@example.org> Deferred at Message"), "{outcome}");
}

/// A server that lets much content wait. Nothing but its reading wakes the client.
pub fn much_content_read_late<A: Adapter>() {
    let content = vec![b'x'; 16 << 20];
    let half = content.len() / 2;
    let address = foreign(move |mut peer| {
        peer.say("220 mx.example.org\r\n");
        peer.hear("EHLO");
        peer.say("250-mx.example.org\r\n250 PIPELINING\r\n");
        peer.hear("DATA");
        peer.say("250 ok\r\n250 ok\r\n354 go\r\n");
        sleep(Duration::from_millis(300));
        peer.swallow(half);
        peer.hear(".");
        peer.say("250 taken\r\n");
        peer.hear("QUIT");
        peer.say("221 bye\r\n");
    });
    let config = client::Config::new(CLIENT).unwrap().patience(Duration::from_secs(3600));
    let letter = Letter::new(&["bob"], content.as_slice());
    let report = start_client::<A>(address, config, vec![letter]).end();
    assert_eq!(report.outcomes, ["<bob@example.org> Accepted at Message: 250 taken"]);
}
