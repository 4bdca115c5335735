//! Peers that are slow, silent, or deaf. What is asserted is how it ended, and that it did; never
//! how long it took.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use smtp_codec::proto::{Failure, Verdict};
use smtp_codec::{client, server};

use crate::shared::{
    Adapter, App, Body, CLIENT, Letter, Peer, Report, Running, SERVER, foreign, plain,
    start_client, start_server, start_server_with,
};

const PATIENCE: Duration = Duration::from_millis(200);
const DRIP: Duration = Duration::from_millis(50);
/// Surely past any patience.
const LONG: Duration = Duration::from_millis(600);

const TIMED_OUT: &str = "421 4.4.2 mx.example.org timed out\r\n";

fn impatient_server() -> server::Config {
    plain().patience(PATIENCE)
}

fn impatient_client() -> client::Config {
    client::Config::new(CLIENT).unwrap().patience(PATIENCE)
}

/// A client that says nothing, at first or later, is told so and let go.
pub fn silent_client<A: Adapter>() {
    let say = ["", "EHLO client.example.net\r\n", "EHLO client.example.net\r\nMAIL FROM:<>\r\nRCP"];
    let lines = [1, 8, 9];
    let run: Vec<_> = say
        .map(|say| {
            Running::start(move || {
                let (address, serving) = start_server::<A>(impatient_server());
                let mut peer = Peer::connect(address);
                peer.say(say);
                (peer.rest().unwrap(), serving.end())
            })
        })
        .into();
    for (run, lines) in run.into_iter().zip(lines) {
        let (heard, app) = run.end();
        assert!(heard.ends_with(TIMED_OUT), "{heard}");
        assert_eq!(heard.lines().count(), lines + 1, "{heard}");
        assert_eq!(app.closing, Some(server::Closing::TimedOut));
        assert_eq!(app.error, None);
    }
}

/// Mail data that stops is no message.
pub fn silent_client_in_data<A: Adapter>() {
    let (address, serving) = start_server::<A>(impatient_server());
    let mut peer = Peer::connect(address);
    peer.say("EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nhalf\r\n");
    let heard = peer.rest().unwrap();
    assert!(heard.ends_with(&format!("<CR><LF>.<CR><LF>\r\n{TIMED_OUT}")), "{heard}");
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::TimedOut));
    assert_eq!(app.stored, []);
}

/// One deadline for a whole command line: an octet now and then does not extend it.
pub fn dripping_client<A: Adapter>() {
    let (address, serving) = start_server::<A>(impatient_server());
    let mut peer = Peer::connect(address);
    assert!(peer.reply().starts_with("220 "));
    peer.drip("EHLO ", "a", DRIP);
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::TimedOut));
}

/// Threats 5: mail data that comes an octet now and then is cut off too, though each is content.
pub fn dripping_content<A: Adapter>() {
    let (address, serving) = start_server::<A>(impatient_server());
    let mut peer = Peer::connect(address);
    peer.say("EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n");
    peer.hear("354 ");
    peer.drip("x", "x", DRIP);
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::TimedOut));
    assert_eq!(app.stored, []);
}

/// Threats 8: who speaks in the pause before the greeting is sent away.
pub fn early_talker<A: Adapter>() {
    let (address, serving) = start_server::<A>(plain().greet_pause(LONG));
    let mut peer = Peer::connect(address);
    peer.say("EHLO a.example\r\n");
    assert_eq!(peer.rest().unwrap(), "554 mx.example.org a client waits for the greeting\r\n");
    assert_eq!(serving.end().closing, Some(server::Closing::EarlyTalker));
}

/// Who waits for the greeting is served, and its other waits have their deadlines as ever.
pub fn patient_client<A: Adapter>() {
    let (address, serving) = start_server::<A>(impatient_server().greet_pause(LONG));
    let mut peer = Peer::connect(address);
    assert_eq!(peer.reply(), "220 mx.example.org ESMTP ready");
    sleep(DRIP);
    assert!(peer.ask("EHLO a.example").starts_with("250-mx.example.org\n"));
    assert_eq!(peer.rest().unwrap(), TIMED_OUT);
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::TimedOut));
    assert_eq!(app.error, None);
}

/// The deadline is that of one command line: a client that goes on speaking is not cut, though
/// nothing it says concerns the application.
pub fn lively_client<A: Adapter>() {
    let config = plain().patience(3 * PATIENCE);
    let (address, serving) = start_server::<A>(config);
    let mut peer = Peer::connect(address);
    assert!(peer.reply().starts_with("220 "));
    for _ in 0..6 {
        sleep(PATIENCE);
        assert_eq!(peer.ask("NOOP"), "250 2.0.0 done nothing");
    }
    assert_eq!(peer.ask("QUIT"), "221 2.0.0 mx.example.org closing the session");
    assert_eq!(serving.end().closing, Some(server::Closing::Quit));
}

/// Questions that fit into the octets that a closed session listens to, and whose answers fit into
/// no buffer: 16 MB.
const QUESTION: &[u8] = b"EHLO a\r\n";
const QUESTIONS: usize = 100_000;
const ANSWER: &str = "250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 0\r\n250-8BITMIME\r\n\
    250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n";

fn endless_server() -> server::Config {
    let mut limits = server::Limits::default();
    limits.errors = u32::MAX;
    limits.junk = u32::MAX;
    impatient_server().limits(limits)
}

/// A client that asks and asks and does not read is cut. When it reads at last it finds the answers
/// in order, as many as there was room for, and the reason if there was room for that.
pub fn client_that_reads_too_late<A: Adapter>() {
    let app = App::default();
    let events = Arc::clone(&app.events);
    let (address, serving) = start_server_with::<A>(endless_server(), app);
    let mut peer = Peer::connect(address);
    peer.flood(&QUESTION.repeat(QUESTIONS), LONG);
    let (mut before, mut now) = (0, 1);
    while before < now {
        sleep(LONG);
        (before, now) = (now, events.load(Relaxed));
    }
    let heard = peer.rest().unwrap();
    let answered = heard.matches("250 DSN\r\n").count();
    assert!(answered < QUESTIONS, "{answered}");
    let whole = format!("220 mx.example.org ESMTP ready\r\n{}", ANSWER.repeat(answered + 1));
    let answers = heard.strip_suffix(TIMED_OUT).unwrap_or(&heard);
    assert!(whole.starts_with(answers), "...{}", &heard[heard.len().saturating_sub(400)..]);
    assert_eq!(serving.end().closing, Some(server::Closing::TimedOut));
}

/// The same client, deaf for ever.
pub fn client_that_never_reads<A: Adapter>() {
    let (address, serving) = start_server::<A>(endless_server());
    let mut peer = Peer::connect(address);
    peer.flood(&QUESTION.repeat(QUESTIONS), PATIENCE);
    assert_eq!(serving.end().closing, Some(server::Closing::TimedOut));
}

fn timed_out(report: &Report, outcomes: [&str; 2]) {
    assert_eq!(report.outcomes, outcomes);
    assert_eq!(report.failures, [Some(Failure::Closed(client::Closing::TimedOut))]);
    assert_eq!(report.errors, [None]);
    assert_eq!(report.closing, Some(client::Closing::TimedOut));
    assert_eq!(report.quit, Ok(()));
}

fn deferred(stage: &str) -> [String; 2] {
    ["bob", "carol"].map(|who| format!("<{who}@example.org> {:?} at {stage}: -", Verdict::Deferred))
}

fn letter(body: impl Into<Body>) -> Vec<Letter> {
    vec![Letter::new(&["bob", "carol"], body)]
}

/// A server that accepts the connection and is silent.
pub fn silent_server<A: Adapter>() {
    let address = foreign(|mut peer| peer.await_end());
    let report = start_client::<A>(address, impatient_client(), letter("")).end();
    timed_out(&report, deferred("Connect").each_ref().map(String::as_str));
    assert_eq!(report.dialogue(), "");
}

/// One deadline for a whole reply, octets or lines.
pub fn dripping_server<A: Adapter>() {
    for drop in ["x", "\r\n220-x"] {
        let address = foreign(move |mut peer| peer.drip("220-x", drop, DRIP));
        let report = start_client::<A>(address, impatient_client(), letter("")).end();
        timed_out(&report, deferred("Connect").each_ref().map(String::as_str));
    }
}

const UP_TO_DATA: &str = "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n";

/// A server that stops taking the content.
pub fn server_that_never_reads<A: Adapter>() {
    let (done, wait) = channel::<()>();
    let address = foreign(move |mut peer| {
        peer.say("220 mx.example.org\r\n");
        peer.hear("EHLO");
        peer.say("250-mx.example.org\r\n250 PIPELINING\r\n");
        peer.hear("DATA");
        peer.say(UP_TO_DATA);
        let _ = wait.recv();
    });
    let body = vec![b'.'; 16 << 20];
    let report = start_client::<A>(address, impatient_client(), letter(body.as_slice())).end();
    drop(done);
    timed_out(&report, deferred("Message").each_ref().map(String::as_str));
}

/// A server that is silent where its word is wanted most: nobody knows.
pub fn silent_after_the_message<A: Adapter>() {
    let address = foreign(|mut peer| {
        peer.say("220 mx.example.org\r\n");
        peer.hear("EHLO");
        peer.say("250-mx.example.org\r\n250 PIPELINING\r\n");
        peer.hear("DATA");
        peer.say(UP_TO_DATA);
        peer.await_end();
    });
    let report = start_client::<A>(address, impatient_client(), letter("hello\r\n")).end();
    timed_out(
        &report,
        ["<bob@example.org> Unknown at Message: -", "<carol@example.org> Unknown at Message: -"],
    );
}
